/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * partial.h - correlation of two things when others are held constant.
 */
#ifndef HS_PARTIAL_H
#define HS_PARTIAL_H

#include <stddef.h>

#include "base/error.h"

/* What is left of x (n) when z (n, k) and a constant are taken out by least
 * squares (QR, columns that others explain are left out).  *rank: of z and the
 * constant.  x is overwritten. */
struct hs_residual;
/* Returns NULL with the reason: n <= 1, or a value that is not finite. */
HS_MUST_CHECK struct hs_residual *
hs_residual_new(const double *z, size_t n, size_t k, struct hs_error *err);
void hs_residual_free(struct hs_residual *r);
size_t hs_residual_rank(const struct hs_residual *r);
void hs_residual_take(const struct hs_residual *r, double *x);

/* Pearson's correlation of x and y (n) given z (n, k), row after row; k may be
 * 0.  *p, if not NULL, is two-sided, of the t distribution with n - 1 - rank
 * degrees of freedom.  NaN if these are not above 0, if x or y is constant
 * given z (to 1e-12 of its size), or with a value that is not finite. */
double hs_partial(const double *x, const double *y, const double *z, size_t n,
                  size_t k, double *p);

#endif
