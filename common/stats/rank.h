/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rank.h - ranks and rank correlation.
 */
#ifndef HS_RANK_H
#define HS_RANK_H

#include <stddef.h>
#include <stdint.h>

#include "stats/auc.h"

/* Mid-ranks from 1: ties share the mean of their ranks.  order (n) is scratch
 * and holds the indices in ascending order of x afterwards; equal values by
 * index.  NaN must not be among x. */
void hs_midranks(const double *x, size_t n, double *rank, uint32_t *order);

/* Spearman's correlation: Pearson's of the mid-ranks.  *p, if not NULL, is the
 * two-sided p of the t distribution with n - 2 degrees of freedom, as SciPy's
 * spearmanr.  NaN if n < 2, if one side is constant, or with a NaN. */
double hs_spearman(const double *x, const double *y, size_t n, double *p);

/* Pearson's correlation; NaN likewise. */
double hs_pearson(const double *x, const double *y, size_t n);

/* Two-sided p of a correlation r of the t distribution with nu > 0 degrees of
 * freedom. */
double hs_correlation_p(double r, double nu);

/* Spearman's correlation with the percentile interval of n_draws bootstrap
 * samples of whole groups (group[i] below n_groups; Efron 1979), n_groups
 * picked as hs_rng_below(seed, HS_RNG_BOOTSTRAP, draw, pick, n_groups) among
 * groups that have rows.  Draws without a correlation do not count.  NaN as
 * hs_spearman(), and for se, lo and hi with fewer than 2 draws. */
void hs_spearman_boot(const double *x, const double *y, const uint32_t *group,
                      size_t n, size_t n_groups, size_t n_draws, uint64_t seed,
                      double level, struct hs_interval *out);

#endif
