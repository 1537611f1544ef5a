/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpeprobe.h - the dopamine probe: d -> hidden -> 1, ReLU, linear, from a
 * step's pooled row (pool.h) to its delta, by squared error.
 */
#ifndef HS_RPEPROBE_H
#define HS_RPEPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/mlp.h"
#include "rpe/pool.h"

struct hs_rpe_fit_options {
    struct hs_adamw adamw; /* lr 1e-4, weight decay 0.01 */
    size_t hidden;         /* 32 */
    size_t batch;          /* steps of a response that one step of AdamW takes,
                            * 32 */
    uint64_t epochs;       /* 100 */
    uint64_t seed;
    bool keep_best;    /* the epoch with the least squared error on a tenth of
                        * the training problems set aside; else the last one */
    uint64_t patience; /* stop after so many epochs without a better one; 0:
                        * never */
};

void hs_rpe_fit_options_init(struct hs_rpe_fit_options *o);

/* A fitted probe; pointers are owned. */
struct hs_rpe_probe {
    struct hs_rpe_fit_options o;
    uint32_t layer;
    size_t d; /* inputs: all coordinates of the layer */
    enum hs_znorm znorm;
    float *mean, *scale; /* (d): of train, else NULL */
    float *w1;           /* (hidden, d) */
    float *b1, *w2;      /* (hidden) */
    float b2;
    float *init_l1;              /* (d): column norms of w1 at the start */
    uint64_t n_steps, epoch;     /* of AdamW; whose weights these are */
    double *curve, *curve_inner; /* (n_epochs): mean loss; squared error on what
                                  * was set aside (NaN without) */
    size_t n_epochs;
};

/* Rows of steps, for fitting. */
struct hs_rpe_rows {
    const float *x;        /* (n, d) */
    const double *y;       /* (n) */
    const uint32_t *group; /* (n): problem of each; the lowest numbers are set
                            * aside to choose the epoch, so number them by a
                            * hash (hs_trajset_order()) */
    size_t n, d;
};

/* Fits on all rows; columns (n_columns), ascending, or NULL for all: a network
 * of these inputs only, whose weights of the others are 0 in w1.  layer, znorm,
 * mean and scale of p are the caller's to set, before the fit or behind it;
 * *p was {0} before that.  The rows of an epoch are shuffled by (seed, epoch).
 * Returns 0, or -1: no rows, keep_best with one problem, a loss that is not
 * finite; *p can be freed either way. */
HS_MUST_CHECK int hs_rpe_fit(struct hs_rpe_probe *p,
                             const struct hs_rpe_fit_options *o,
                             const struct hs_rpe_rows *rows,
                             const uint32_t *columns, size_t n_columns,
                             struct hs_team *team, struct hs_error *err);
void hs_rpe_probe_free(struct hs_rpe_probe *p);

/* A probe ready to be asked: predicted deltas of n pooled rows x (n, d). */
struct hs_rpe_asker;
struct hs_rpe_asker *hs_rpe_asker_new(const struct hs_rpe_probe *p,
                                      struct hs_team *team);
void hs_rpe_asker_free(struct hs_rpe_asker *a);
void hs_rpe_ask(struct hs_rpe_asker *a, const float *x, size_t n, double *out);
/* Means over these rows, each (d): |x_j du/dx_j|, gradient times input, and the
 * slope du/dx_j of the predicted delta u with its sign.  0 for n = 0. */
void hs_rpe_saliency(struct hs_rpe_asker *a, const float *x, size_t n,
                     double *gradient, double *slope);

#endif
