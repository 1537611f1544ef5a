/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * errsig.h - which columns signal prediction errors: what came less what was
 * expected.
 *
 * A column that follows the difference of two quantities must go up with the
 * one at constant other, and down with the other at constant one (Niv and
 * Schoenbaum 2008; Behrens, Hunt, Woolrich and Rushworth 2008).  A column that
 * follows the level, or anything that goes with it (a difficulty, a length),
 * has the same sign in both, however noisily the two were measured.  So for
 * each column x_j of x (n, d), with covariates z (n, k) and a constant,
 *
 *     r_out = partial correlation of x_j and outcome given expected and z
 *     r_exp = partial correlation of x_j and expected given outcome and z
 *     p     = max(p_out, p_exp) if their signs differ, else 1
 *
 * (an intersection-union test, Berger 1982).  p_out and p_exp are two-sided, by
 * flipping signs: rows come in groups (problems), the residual of outcome (or
 * expected) changes its sign in random groups, the same for all columns, and
 * |r| is held against the partial correlations with what that gives,
 *
 *     p_out = (1 + draws with |r| at least as large) / (1 + n_draws),
 *
 * or over all 2^(groups - 1) patterns of signs where these are at most n_draws
 * ("at least as large" allows for rounding: 1e-7 of r; a pattern that leaves no
 * residual counts as such).  That is the sum of groups' scores (products of the
 * two residuals) under random signs, over what rows of equal variance give it
 * under these signs (Hemerik, Goeman and Finos 2020; De Santis et al. 2022);
 * without the latter, 20 groups reject 0.08 of the time at 0.05.
 *
 * It is exact in large samples when groups are independent; rows of a group may
 * depend on each other, and variances may differ.  p_out at 0.05 and 0.01, over
 * 150 to 300 sets of 40 to 100 columns of noise with five covariates (normal
 * noise; t of 3 degrees of freedom did no worse):
 *
 *     one row a group, or rows independent                 0.050, 0.010
 *     rows that go together, up to 4 a group, 20 groups    0.054, 0.010
 *                            up to 8 a group, 20 groups    0.065, 0.016
 *                                             50 groups    0.057, 0.012
 *                                            100 groups    0.054, 0.011
 *                            up to 30,        20 groups    0.071, 0.016
 *                                             50 groups    0.060, 0.012
 *                                            200 groups    0.052, 0.009
 *     exponential noise, outcome 1 in 10 rows, 400 groups  0.059, 0.017
 *
 * and in the last 0.003 at 0.001.  p itself stays below its level in all of
 * these: at 0.05 it was 0.001 to 0.012 for columns of noise, 0.028 for columns
 * of the outcome or of the expected alone, 0.034 where a column's variance goes
 * with the error.  With g groups no p is below 2^-(g - 1).
 */
#ifndef HS_ERRSIG_H
#define HS_ERRSIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* All (d), owned. */
struct hs_errsig {
    double *r_out, *p_out;
    double *r_exp, *p_exp;
    double *p;             /* of both */
    double *q;             /* hs_fdr() of p */
    size_t d, n, n_groups; /* rows that counted; groups */
};

struct hs_errsig_data {
    const float *x; /* (n, d), row after row */
    size_t n, d;
    const double *outcome, *expected; /* (n) */
    const double *z;                  /* (n, k) */
    size_t k;
    const uint32_t *group; /* (n), below n_groups */
    size_t n_groups;
};

/* Draw b flips group g by a bit of hs_rng_words(seed, HS_RNG_FLIP, b, g / 128),
 * the lowest of the first word first.  Columns that are constant, or explained
 * by the rest, have NaN and do not count in q.  Groups without rows do not
 * count.  Returns 0, or -1 with out {0}: a value that is not finite, fewer than
 * 6 groups, outcome or expected is explained by the rest (to 1e-12 of its
 * size).  Time O(n d (k + 2) + n_groups d n_draws) through OpenBLAS (4000 rows
 * in 400 groups, 4096 columns, 80000 draws: 40 s of one core), memory
 * O(n_groups d) and a copy of x a few columns at a time. */
HS_MUST_CHECK int hs_errsig(const struct hs_errsig_data *data, size_t n_draws,
                            uint64_t seed, struct hs_errsig *out,
                            struct hs_error *err);
void hs_errsig_free(struct hs_errsig *e);

/* The signs, 1 or -1, of groups in a draw: out (n) for the groups of these
 * numbers, ascending; group NULL: 0 .. n - 1. */
void hs_flip_signs(uint64_t seed, uint32_t draw, const uint32_t *group,
                   size_t n, double *out);

#endif
