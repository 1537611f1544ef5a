/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fit.h - fitting a probe to the trajectories of a set, and asking it.
 */
#ifndef HS_FIT_H
#define HS_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/mlp.h"
#include "probe/source.h"
#include "probe/target.h"
#include "probe/trajset.h"

enum hs_standardize {
    HS_STD_ZSCORE, /* (x - mean) / sigma, of training states */
    HS_STD_RMS,    /* x / rms */
    HS_STD_NONE
};

const char *hs_standardize_name(enum hs_standardize s);
HS_MUST_CHECK int hs_standardize_parse(const char *s, enum hs_standardize *out);

struct hs_fit_options {
    struct hs_loss loss;
    struct hs_adamw adamw;
    enum hs_standardize standardize;
    size_t hidden;   /* 1024 */
    size_t batch;    /* trajectories a step, 4 */
    uint64_t epochs; /* 100 */
    uint64_t steps;  /* stop after so many; 0: after the epochs */
    uint64_t seed;   /* of the initial weights and the order */
    /* Keep the weights of the epoch with the least squared error on a tenth of
     * the training problems that is set aside for this; else the last ones. */
    bool keep_best;
    uint64_t patience; /* stop after so many epochs without a better one; 0:
                        * never.  With keep_best only. */
};

/* The defaults of probe-fit(1). */
void hs_fit_options_init(struct hs_fit_options *o);

/* One fitted probe.  All pointers are owned. */
struct hs_probe {
    struct hs_fit_options o;
    uint32_t layer;
    size_t dim;        /* of the model */
    size_t d;          /* inputs: dim, or n of columns */
    uint32_t *columns; /* (d), ascending: the coordinates it sees; NULL: all */
    float *mean, *scale; /* (d): x' = (x - mean) * scale; scale 0 where a
                          * coordinate is constant */
    float *w1;           /* (hidden, d) */
    float *b1, *w2;      /* (hidden) */
    float b2;
    float *init_l1, *init_l2; /* (d): norms of the columns of w1 at the start */
    uint64_t n_steps;
    uint64_t epoch; /* whose weights these are, from 1; 0: the initial ones */
    double *curve;  /* (n_epochs): mean loss over the batches of an epoch */
    double *curve_auc;    /* (n_epochs): held-out AUC of V(s_0); NaN: none */
    double *curve_spread; /* (n_epochs): standard deviation of V(s_0) there */
    double *curve_inner; /* (n_epochs): mean squared error on what is set aside,
                          * against gamma^(T - t) r, or the log-probability for
                          * ntp, at the states that the target is about; NaN
                          * without keep_best */
    size_t n_epochs;
};

struct hs_fit_watch {
    /* Called after each epoch, which counts from 1, with the mean loss of its
     * batches; NULL: not called. */
    void (*epoch)(void *ud, uint64_t epoch, double loss);
    /* Called after each step, which counts from 1, with the trajectories of
     * the batch and the loss before the step; NULL: not called. */
    void (*step)(void *ud, uint64_t step, const size_t *traj, size_t n,
                 double loss);
    void *ud;
};

/* Fits to the training trajectories of layer index l.  columns (n_columns),
 * ascending, or NULL for all.  rewards replaces those of the trajectories (for
 * shuffled ones); NULL: their own.  The trajectories of an epoch are shuffled
 * by (seed, epoch); the last batch of an epoch may be smaller.  No epochs leave
 * the initial weights.  Returns 0, or -1: a loss that is not finite, no
 * training trajectory. */
HS_MUST_CHECK int hs_fit(struct hs_probe *p, const struct hs_fit_options *o,
                         const struct hs_trajset *s, size_t l,
                         const uint32_t *columns, size_t n_columns,
                         const uint8_t *rewards, struct hs_team *team,
                         const struct hs_fit_watch *watch,
                         struct hs_error *err);

void hs_probe_free(struct hs_probe *p);

/* L1 and L2 norms of the columns of w1 (hidden, d): each (d). */
void hs_column_norms(const float *w1, size_t hidden, size_t d, float *l1,
                     float *l2);

/* A probe ready to be asked; team is borrowed. */
struct hs_asker;
struct hs_asker *hs_asker_new(const struct hs_probe *p, struct hs_team *team);
void hs_asker_free(struct hs_asker *a);

/* V of n states: out (n).  mask (d of the probe), if not NULL: inputs with 0
 * are 0 after standardising. */
void hs_ask(struct hs_asker *a, const struct hs_trajset *s, size_t l,
            const struct hs_which *w, size_t n, const uint8_t *mask,
            double *out);

/* V of n rows x (n, dim of the model). */
void hs_ask_rows(struct hs_asker *a, const float *x, size_t n, double *out);

/* Of V, means over n states, each (d of the probe): gradient x input, |x'_j
 * dV/dx'_j| with x' what the network sees, and the slope dV/dx_j with its sign,
 * x the state as it is.  0 for n = 0. */
void hs_ask_saliency(struct hs_asker *a, const struct hs_trajset *s, size_t l,
                     const struct hs_which *w, size_t n, double *gradient,
                     double *slope);

#endif
