/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * centred.h - a matrix less the means of its columns, a few rows at a time.
 *
 * What linear.h's models share: none of them needs a second copy of x, and
 * columns with large means (states have them) lose no digits.  All products go
 * through OpenBLAS on one thread.  Not for callers outside of this folder.
 */
#ifndef HS_CENTRED_H
#define HS_CENTRED_H

#include <stddef.h>

#include "base/error.h"

struct hs_centred {
    const double *x; /* (n, d), the caller's */
    size_t n, d;
    double *mean; /* (d), owned; of a constant column, its very value */
    double *rows; /* (chunk, d), owned */
    size_t chunk;
};

/* Returns 0, or -1 when n or d is 0 or beyond what BLAS counts in, or when a
 * value is not finite. */
HS_MUST_CHECK int hs_centred_init(struct hs_centred *c, const double *x,
                                  size_t n, size_t d, struct hs_error *err);
void hs_centred_free(struct hs_centred *c);

/* Writes count rows from begin, less the mean, to out (count, d). */
void hs_centred_rows(const struct hs_centred *c, size_t begin, size_t count,
                     double *out);

/* out (n) = X v, v (d). */
void hs_centred_mul(const struct hs_centred *c, const double *v, double *out);

/* out (d) = X' u, u (n). */
void hs_centred_tmul(const struct hs_centred *c, const double *u, double *out);

/* power (d) = sum over rows of weight[i] x^2; weight (n). */
void hs_centred_power(const struct hs_centred *c, const double *weight,
                      double *power);

/* u (n) = weight (X v + shift), out (d) = X' u: a row is read once. */
void hs_centred_curve(const struct hs_centred *c, const double *weight,
                      const double *v, double shift, double *u, double *out);

/* g (d, d) = X' X, the upper triangle of rows; what is below is not
 * written. */
void hs_centred_gram(const struct hs_centred *c, double *g);

/* rows (n, d) = X, k (n, n) = X X', the upper triangle of rows. */
void hs_centred_outer(const struct hs_centred *c, double *rows, double *k);

#endif
