/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * auc.h - the area under the ROC curve, and how sure it is.
 *
 * AUC = P(score of a positive > score of a negative) + P(equal) / 2, the
 * Mann-Whitney statistic (Hanley and McNeil 1982).  Labels are 0 or 1.  A
 * figure that does not exist (one class only, too few of one) is NaN; a score
 * that is NaN makes all of them NaN.
 */
#ifndef HS_AUC_H
#define HS_AUC_H

#include <stddef.h>
#include <stdint.h>

struct hs_interval {
    double value, se, lo, hi; /* NaN where they do not exist */
};

/* O(n log n). */
double hs_auc(const double *score, const uint8_t *label, size_t n);

/* With DeLong's standard error (DeLong et al. 1988, by mid-ranks: Sun and Xu
 * 2014) and the normal interval of that level, such as 0.95, cut to [0, 1] as
 * usual.  se, lo, hi are NaN with fewer than two of a class. */
void hs_auc_delong(const double *score, const uint8_t *label, size_t n,
                   double level, struct hs_interval *out);

/* AUC of a minus AUC of b on the same items, DeLong's paired standard error,
 * normal interval, and the two-sided p; p is NaN when the difference has no
 * variance and is not 0, and 1 when it is 0. */
void hs_auc_difference(const double *a, const double *b, const uint8_t *label,
                       size_t n, double level, struct hs_interval *out,
                       double *p);

/* Percentile interval over n_draws bootstrap samples of whole groups (the
 * problem of each item: group[i] < n_groups; groups without items do not
 * count).  value is the AUC itself, se the standard deviation over draws,
 * quantiles are linear between draws.  Draws with one class only are left out;
 * with more than half of them left out se, lo, hi are NaN.  Pick i of draw b is
 * hs_rng_below(seed, HS_RNG_BOOTSTRAP, b, i, groups with items).  A draw costs
 * O(n): items are sorted once. */
void hs_auc_bootstrap(const double *score, const uint8_t *label,
                      const uint32_t *group, size_t n, size_t n_groups,
                      size_t n_draws, uint64_t seed, double level,
                      struct hs_interval *out);

#endif
