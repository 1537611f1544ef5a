/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * evaluate.h - how well values, or any score, tell right from wrong.
 *
 * At s_0, at 25, 50 and 75 % of the response and at s_T, on the held-out
 * trajectories.
 */
#ifndef HS_EVALUATE_H
#define HS_EVALUATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "probe/source.h"
#include "stats/auc.h"

enum {
    HS_N_PLACES = 5
};

/* "s0", "25%", "50%", "75%", "sT", and their shares of the response. */
extern const char *const hs_place_names[HS_N_PLACES];
extern const double hs_place_shares[HS_N_PLACES];

struct hs_evaluation {
    size_t n, n_positive, n_problems; /* held-out trajectories */
    struct hs_interval delong[HS_N_PLACES], bootstrap[HS_N_PLACES];
    double spread[HS_N_PLACES]; /* standard deviation of the scores */
    bool calibrated;            /* the scores are probabilities: */
    double brier[HS_N_PLACES], ece[HS_N_PLACES];
};

struct hs_eval_options {
    double level;     /* 0.95 */
    size_t bootstrap; /* draws, 1000; 0: none */
    uint64_t seed;
};

/* score (HS_N_PLACES, n): of the n held-out trajectories, in their order.  A
 * row with a NaN gives NaN. */
void hs_evaluate(const struct hs_trajset *s, const double *score,
                 bool calibrated, const struct hs_eval_options *o,
                 struct hs_evaluation *out);

/* An object: n, n_positive, n_problems, and in "places" for each place an
 * object of auc, se, lo, hi (DeLong), boot_se, boot_lo, boot_hi, spread and, of
 * probabilities, brier and ece (10 bins); numbers that do not exist are null. A
 * new reference. */
json_t *hs_evaluation_json(const struct hs_evaluation *e);

/* Number of held-out trajectories. */
size_t hs_count_val(const struct hs_trajset *s);

/* The states at a share of the response of one side's trajectories, in their
 * order: out (s->n); a state that is not stored is SIZE_MAX.  How many. */
size_t hs_list_side(const struct hs_trajset *s, bool val, double share,
                    struct hs_which *out);

#endif
