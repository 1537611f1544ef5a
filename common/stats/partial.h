/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * partial.h - correlation of two things when others are held constant.
 */
#ifndef HS_PARTIAL_H
#define HS_PARTIAL_H

#include <stddef.h>

#include "base/error.h"

/* What a constant and the columns of z (n, k), row after row, span: an
 * orthonormal basis by Gram-Schmidt, each column twice, the one that the others
 * explain least first; columns explained to 1e-12 of their size are left out.
 * z is not kept and may be NULL if k is 0.  Returns NULL with the reason:
 * n <= 1, or a value that is not finite. */
struct hs_residual;
HS_MUST_CHECK struct hs_residual *
hs_residual_new(const double *z, size_t n, size_t k, struct hs_error *err);
void hs_residual_free(struct hs_residual *r);

/* Dimensions of that span, 1 for the constant among them. */
size_t hs_residual_rank(const struct hs_residual *r);

/* Overwrites x (n) with what least squares leave of it, and returns its length
 * (root of the sum of squares).  What is within 1e-12 of x's own length becomes
 * 0, all of it.  NaN if x has a value that is not finite. */
double hs_residual_take(const struct hs_residual *r, double *x);

/* The coordinates of row i in that span: out (rank).  Their dot products are
 * the leverages. */
void hs_residual_row(const struct hs_residual *r, size_t i, double *out);

/* Pearson's correlation of x and y (n) given z (n, k), row after row; k may be
 * 0.  *p, if not NULL, is two-sided, of the t distribution with n - 1 - rank
 * degrees of freedom.  NaN if these are not above 0, if x or y is constant
 * given z (to 1e-12 of its size), or with a value that is not finite. */
double hs_partial(const double *x, const double *y, const double *z, size_t n,
                  size_t k, double *p);

#endif
