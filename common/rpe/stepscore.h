/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stepscore.h - how each coordinate goes with the TD error.
 */
#ifndef HS_STEPSCORE_H
#define HS_STEPSCORE_H

#include <stddef.h>
#include <stdint.h>

/* Spearman's correlation of each column of x (n, d) with y (n): score (d).
 *
 * p (d), two-sided, by flipping signs: a group's (problem's) part of the score
 * is the sum over its rows of centred mid-rank of x times centred mid-rank of
 * y, and the sum over groups is compared with the sums under random signs, the
 * same for all columns: (1 + draws at least as large) / (1 + n_draws).  It
 * holds where groups are independent and their parts symmetric; rows of a group
 * may depend on each other, as the steps of one answer do.  "At least as large"
 * allows for 1e-7 of rounding.  Draw b flips group g by bit g % 128 of
 * hs_rng_words(seed, HS_RNG_FLIP, b, g / 128).  NaN for a constant column, or
 * if y is constant or n < 2.  Values are finite.  Time O(n d log n + n_groups d
 * n_draws) through OpenBLAS, memory O(n_groups d). */
void hs_step_scores(const float *x, size_t n, size_t d, const double *y,
                    const uint32_t *group, size_t n_groups, size_t n_draws,
                    uint64_t seed, double *score, double *p);

#endif
