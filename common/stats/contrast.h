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
 * groups, where there are at most n_draws of them; else (1 + draws with |score|
 * at least as large) / (1 + n_draws), draw b by hs_rng_below(seed,
 * HS_RNG_PERMUTE, b, ...). "At least as large" allows for rounding: 1e-7 of the
 * score.  As SciPy's permutation_test.  NaN for a column with a NaN.  Returns
 * 0, or -1: one label only, or a group with both.  Time O(n d + n_groups d
 * n_draws) through OpenBLAS, memory O(n_groups d). */
HS_MUST_CHECK int hs_contrast(const float *x, size_t n, size_t d,
                              const uint8_t *label, const uint32_t *group,
                              size_t n_groups, size_t n_draws, uint64_t seed,
                              double *score, double *p, bool *exact,
                              struct hs_error *err);

#endif
