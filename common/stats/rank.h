/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rank.h - ranks and rank correlation.
 */
#ifndef HS_RANK_H
#define HS_RANK_H

#include <stddef.h>
#include <stdint.h>

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

#endif
