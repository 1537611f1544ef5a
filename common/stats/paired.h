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
 * value is k / n, se sqrt(value (1 - value) / n).  All NaN for n = 0.  As k is
 * whole, coverage goes up and down about the level (Brown, Cai and DasGupta
 * 2001): at 0.95 and n >= 50 it is 0.950 to 0.952 on average over shares, never
 * below 0.927 where 5 of either kind are expected, but down to 0.84 at some
 * shares nearer to 0 or 1. */
void hs_wilson(uint64_t k, uint64_t n, double level, struct hs_interval *out);

/* McNemar's exact test: b items changed one way, c the other; the two-sided p
 * of a fair coin, min(1, 2 P(X <= min(b, c))), X binomial(b + c, 1/2).  1 for
 * b + c = 0.  Exact up to b + c = 50, then to some 1e-16 min(b, c) of itself;
 * time O(min(b, c)). */
double hs_mcnemar(uint64_t b, uint64_t c);

/* The same for items that come in groups (several samples of a problem): d (n)
 * are the groups' differences, integers.  Exact two-sided p of sum d when each
 * d changes its sign with probability 1/2, P(|S| >= |sum d|); with all |d| <= 1
 * it is hs_mcnemar().  Time O(n' sum |d|), n' the d that are not 0; memory
 * O(sum |d|).  Relative error below 1e-9; a p below 1e-290 may be 0. */
double hs_sign_flip(const int32_t *d, size_t n);

/* Holm's step-down adjustment (Holm 1979) of p (n) into out (n), which may be
 * p; an entry that is NaN stays NaN and does not count. */
void hs_holm(const double *p, size_t n, double *out);

/* Percentile interval of (sum a - sum b) / (sum n_items) over groups, by
 * n_draws bootstrap samples of whole groups (Efron 1979): diff (n_groups) is a
 * group's sum of differences, count (n_groups) its items; groups without items
 * do not count.  value is that of the data; se and quantiles as in draws.h, so
 * NaN for n_draws < 2.  Pick i of draw b is hs_rng_below(seed,
 * HS_RNG_BOOTSTRAP, b, i, groups with items).  All NaN if there is none.
 * Coverage is that of large samples: at 0.95 about 0.94 to 0.95 from some 20
 * changed groups on; where few changed it is too narrow, and a point where none
 * did (1 of 50 expected: 0.62). */
void hs_paired_bootstrap(const int32_t *diff, const uint32_t *count,
                         size_t n_groups, size_t n_draws, uint64_t seed,
                         double level, struct hs_interval *out);

/* Where x stands among n draws: (1 + how many draws are <= x) / (1 + n), the
 * one-sided permutation p that x is as low (Phipson and Smyth 2010).  NaN for
 * n = 0 or if any of them is NaN. */
double hs_rank_p(double x, const double *draws, size_t n);

/* The power of hs_mcnemar() at level alpha (rejects for p <= alpha) with n
 * pairs, each lost with probability p_lost and gained with p_gained, exact:
 * a sum over the trinomial distribution, rejections either way.  NaN if these
 * are no probabilities.  Time and memory O(n). */
double hs_mcnemar_power(uint64_t n, double p_lost, double p_gained,
                        double alpha);

/* The smallest drop p_lost - p_gained, at most 1e-6 above it, at which that
 * power is at least power, by bisection: exact power climbs in small steps, so
 * a hair below it may do as well; NaN if no drop up to 1 - 2 p_gained, where
 * each pair changes, reaches it. */
double hs_smallest_drop(uint64_t n, double p_gained, double alpha,
                        double power);

#endif
