/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * contrast.h - whether two groups differ in any of many columns.
 */
#ifndef HS_CONTRAST_H
#define HS_CONTRAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* For each column j of x (n, d): score[j] = mean of x_j over rows with label 1
 * - the same over label 0, and p[j], two-sided, of permuted labels.  All rows
 * of a group (n_groups, group[i] below it) have the same label; labels move
 * between groups, whatever their sizes.  Exact, over all divisions of the
 * groups, where there are at most n_draws of them (*exact); else (1 + draws
 * with |score| at least as large) / (1 + n_draws), draw b by a shuffle of the
 * groups that have rows (Fisher and Yates), from the last of them, k, down to
 * the second: hs_rng_below(seed, HS_RNG_PERMUTE, b, k, k + 1).  "At least as
 * large" allows for rounding: 1e-7 of the score, and 1e-12 of the column's
 * largest distance from its mean.  As SciPy's permutation_test of |score|,
 * alternative "greater".  NaN for a column with a value that is not finite.
 * Returns 0, or -1: one label only, or a group with both.  Time O(n d +
 * n_groups d n_draws) through OpenBLAS, memory O(n_groups d).
 *
 * What it tests is that labels have nothing to do with groups, so it rejects
 * too often where they go with a group's size and rows are independent: seen,
 * of 60 groups of 1 to 8 rows, the larger half of which has label 1 with
 * probability 0.8 and the others with 0.2, 0.056 at 0.05; of 1 to 30 rows and
 * 0.9, 0.073; with group effects as large as the rows' own, 0.051 and 0.048. */
HS_MUST_CHECK int hs_contrast(const float *x, size_t n, size_t d,
                              const uint8_t *label, const uint32_t *group,
                              size_t n_groups, size_t n_draws, uint64_t seed,
                              double *score, double *p, bool *exact,
                              struct hs_error *err);

#endif
