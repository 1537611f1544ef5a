/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linear.h - linear models in 64 bits: ridge, logistic, principal components.
 *
 * x is (n, d), row after row at stride d.  Results do not depend on threads:
 * one thread works, through OpenBLAS.
 */
#ifndef HS_LINEAR_H
#define HS_LINEAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Ridge regression with an intercept that is not penalised:
 * min |y - X w - b|^2 + lambda |w|^2 (Hoerl and Kennard 1970), as
 * scikit-learn's Ridge(alpha=lambda).  Primal or dual, whichever is smaller,
 * by Cholesky.  lambda >= 0.  w (d).  Returns 0, or -1 when the system is
 * singular (lambda 0: columns that explain each other up to rounding, or no
 * more rows than columns) or a value is not finite. */
HS_MUST_CHECK int hs_ridge(const double *x, const double *y, size_t n, size_t d,
                           double lambda, double *w, double *b,
                           struct hs_error *err);

/* The same for lambdas[n_lambdas] at once, sharing the Gram matrix: w
 * (n_lambdas, d), b (n_lambdas). */
HS_MUST_CHECK int hs_ridge_path(const double *x, const double *y, size_t n,
                                size_t d, const double *lambdas,
                                size_t n_lambdas, double *w, double *b,
                                struct hs_error *err);

/* L2 logistic regression, intercept not penalised:
 * min sum log(1 + exp(-s (x w + b))) + lambda / 2 |w|^2, s = +-1, as
 * scikit-learn's LogisticRegression(C=1/lambda).  lambda > 0.  Newton with
 * conjugate gradients, to a gradient of 1e-10 of its first norm or 100
 * rounds.  Returns 0, or -1 when it did not converge or one class is absent. */
HS_MUST_CHECK int hs_logistic(const double *x, const uint8_t *label, size_t n,
                              size_t d, double lambda, double *w, double *b,
                              struct hs_error *err);

/* The first k principal components of the rows of x about their mean: mean
 * (d), components (k, d) orthonormal, variances (k) descending; sign such that
 * the largest entry of each is positive; where x has fewer directions than k,
 * the rest have variance 0 and are any that fit.  k at most min(n - 1, d).
 * Returns 0, or -1 when n < 2. */
HS_MUST_CHECK int hs_pca(const double *x, size_t n, size_t d, size_t k,
                         double *mean, double *components, double *variance,
                         struct hs_error *err);

#endif
