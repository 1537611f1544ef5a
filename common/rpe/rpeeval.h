/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpeeval.h - how well predicted deltas go with those of held-out steps.
 *
 * Spearman's correlation, with a bootstrap interval over problems:
 *
 *     selected    of steps beyond the threshold, scored by the same deltas: the
 *                 paper's.  Noise that carried a step over the threshold is
 *                 in its score
 *     split_half  of steps beyond the threshold by one half of the
 *                 continuations, scored by the delta of the other half; both
 *                 ways, all in one correlation
 *     all         of all steps
 */
#ifndef HS_RPEEVAL_H
#define HS_RPEEVAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "rpe/steptable.h"
#include "stats/auc.h"

enum hs_rpe_figure {
    HS_RPE_SELECTED,
    HS_RPE_SPLIT_HALF,
    HS_RPE_ALL,
    HS_N_RPE_FIGURES
};

extern const char *const hs_rpe_figure_names[HS_N_RPE_FIGURES];

struct hs_rpe_eval {
    size_t n[HS_N_RPE_FIGURES], n_problems[HS_N_RPE_FIGURES];
    struct hs_interval rho[HS_N_RPE_FIGURES]; /* NaN: there is none */
};

/* predicted (t->n); of steps that are not held out it is not looked at.  draws
 * of the bootstrap by seed. */
void hs_rpe_evaluate(const struct hs_steps *t, const double *predicted,
                     size_t draws, uint64_t seed, double level,
                     struct hs_rpe_eval *out);

/* An object with an object of n, problems, rho, se, lo and hi for each figure.
 * A new reference. */
json_t *hs_rpe_eval_json(const struct hs_rpe_eval *e);

/* What n draws of one figure say of all draws: an object of draws, mean, min,
 * max, and lo and hi, where the next one would fall if they are normal (a
 * prediction interval of that level by Student's t).  A new reference. */
json_t *hs_rpe_band_json(const struct hs_rpe_eval *e, size_t n,
                         enum hs_rpe_figure f, double level);

#endif
