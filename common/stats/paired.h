/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * paired.h - proportions, and two conditions on the same items.
 */
#ifndef HS_PAIRED_H
#define HS_PAIRED_H

#include <stddef.h>
#include <stdint.h>

#include "stats/auc.h"

/* Wilson's score interval of k successes in n (Wilson 1927), without
 * continuity correction, as statsmodels' proportion_confint(method="wilson").
 * value is k / n, se sqrt(value (1 - value) / n).  All NaN for n = 0. */
void hs_wilson(uint64_t k, uint64_t n, double level, struct hs_interval *out);

/* McNemar's exact test: b items changed one way, c the other; the two-sided p
 * of a fair coin, min(1, 2 P(X <= min(b, c))), X binomial(b + c, 1/2).  1 for
 * b + c = 0. */
double hs_mcnemar(uint64_t b, uint64_t c);

/* The same for items that come in groups (several samples of a problem): d (n)
 * are the groups' differences, integers.  Exact two-sided p of sum d when each
 * d changes its sign with probability 1/2, P(|S| >= |sum d|); with all |d| <= 1
 * it is hs_mcnemar().  Time O(n' sum |d|), n' the d that are not 0; memory
 * O(sum |d|).  Probabilities are doubles, relative error below 1e-9. */
double hs_sign_flip(const int32_t *d, size_t n);

/* Holm's step-down adjustment (Holm 1979) of p (n) into out (n), which may be
 * p; an entry that is NaN stays NaN and does not count. */
void hs_holm(const double *p, size_t n, double *out);

/* Percentile interval of (sum a - sum b) / (sum n_items) over groups, by
 * n_draws bootstrap samples of whole groups (Efron 1979): diff (n_groups) is a
 * group's sum of differences, count (n_groups) its items.  value is that of
 * the data, se the standard deviation over draws (divisor n_draws - 1);
 * quantiles are linear between draws, as numpy.quantile.  Pick i of draw b is
 * hs_rng_below(seed, HS_RNG_BOOTSTRAP, b, i, n_groups).  All NaN for
 * n_groups = 0 or no items. */
void hs_paired_bootstrap(const int32_t *diff, const uint32_t *count,
                         size_t n_groups, size_t n_draws, uint64_t seed,
                         double level, struct hs_interval *out);

/* Where x stands among n draws: (1 + how many draws are <= x) / (1 + n), the
 * one-sided permutation p that x is as low (Phipson and Smyth 2010).  NaN for
 * n = 0 or if any of them is NaN. */
double hs_rank_p(double x, const double *draws, size_t n);

/* The power of hs_mcnemar() at level alpha (rejects for p <= alpha) with n
 * pairs, each lost with probability p_lost and gained with p_gained, exact:
 * a sum over the trinomial distribution. */
double hs_mcnemar_power(uint64_t n, double p_lost, double p_gained,
                        double alpha);

/* The smallest drop p_lost - p_gained, to 1e-6, at which that power is at least
 * power; NaN if no drop up to 1 - p_gained reaches it. */
double hs_smallest_drop(uint64_t n, double p_gained, double alpha,
                        double power);

#endif
