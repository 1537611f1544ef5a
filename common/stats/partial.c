/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * partial.c - see partial.h.
 */
#include <config.h>

#include "stats/partial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/rank.h"

/* Of a size, what counts as rounding. */
static const double EXPLAINED = 1e-12;

struct hs_residual {
    double *q;      /* (rank - 1, n), owned: orthonormal, means 0 */
    size_t n, rank; /* the constant is the first */
};

/* The length of x, of any magnitude; NaN if a value is not finite. */
static double
length_of(const double *x, size_t n)
{
    double most = 0, sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return NAN;
        most = fmax(most, fabs(x[i]));
    }
    if (most == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] / most) * (x[i] / most);
    return most * sqrt(sum);
}

/* By differences from the first, so that a constant vanishes to the last
 * bit. */
static void
take_mean(double *x, size_t n)
{
    double first = x[0], mean = 0;

    for (size_t i = 0; i < n; i++) {
        x[i] -= first;
        mean += x[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        x[i] -= mean;
}

static void
take_direction(double *x, const double *q, size_t n)
{
    double along = 0;

    for (size_t i = 0; i < n; i++)
        along += x[i] * q[i];
    for (size_t i = 0; i < n; i++)
        x[i] -= along * q[i];
}

/* Twice: what is left has digits of its own, not of what was taken. */
static void
take_all(const struct hs_residual *r, double *x)
{
    for (int pass = 0; pass < 2; pass++) {
        take_mean(x, r->n);
        for (size_t j = 0; j + 1 < r->rank; j++)
            take_direction(x, r->q + j * r->n, r->n);
    }
}

double
hs_residual_take(const struct hs_residual *r, double *x)
{
    double size = length_of(x, r->n), left;

    if (isnan(size))
        return NAN;
    take_all(r, x);
    left = length_of(x, r->n);
    if (left <= EXPLAINED * size) {
        memset(x, 0, r->n * sizeof *x);
        return 0;
    }
    return left;
}

static void
divide(double *x, size_t n, double by)
{
    for (size_t i = 0; i < n; i++)
        x[i] /= by;
}

/* Column j of z, of length 1 if it has any, less its mean.  Returns what
 * is left of that length, or NaN. */
static double
load_column(const double *z, size_t n, size_t k, size_t j, double *x)
{
    double size;

    for (size_t i = 0; i < n; i++)
        x[i] = z[i * k + j];
    size = length_of(x, n);
    if (!(size > 0))
        return size;
    divide(x, n, size);
    take_mean(x, n);
    return length_of(x, n);
}

/* Moves the columns w (k, n) into the basis, longest rest first. */
static void
build(struct hs_residual *r, double *w, double *left, size_t k)
{
    for (size_t step = 0; step < k; step++) {
        size_t best = 0;
        double *x, *q = r->q + (r->rank - 1) * r->n;

        for (size_t j = 1; j < k; j++) {
            if (left[j] > left[best])
                best = j;
        }
        x = w + best * r->n;
        take_all(r, x);
        left[best] = length_of(x, r->n);
        if (left[best] > EXPLAINED) {
            divide(x, r->n, left[best]);
            memcpy(q, x, r->n * sizeof *q);
            r->rank++;
            for (size_t j = 0; j < k; j++) {
                if (left[j] < 0)
                    continue;
                take_direction(w + j * r->n, q, r->n);
                left[j] = length_of(w + j * r->n, r->n);
            }
        }
        left[best] = -1;
    }
}

struct hs_residual *
hs_residual_new(const double *z, size_t n, size_t k, struct hs_error *err)
{
    struct hs_residual *r;
    double *w, *left;

    if (n <= 1) {
        hs_fail(err, "residuals: %zu rows: at least 2 are needed", n);
        return NULL;
    }
    r = hs_calloc(1, sizeof *r);
    *r = (struct hs_residual){.n = n, .rank = 1};
    r->q = hs_malloc(hs_mul(hs_mul(k, n), sizeof *r->q));
    w = hs_malloc(hs_mul(hs_mul(k, n), sizeof *w));
    left = hs_malloc(hs_mul(k, sizeof *left));
    for (size_t j = 0; j < k && r != NULL; j++) {
        left[j] = load_column(z, n, k, j, w + j * n);
        if (isnan(left[j])) {
            hs_fail(err, "residuals: column %zu: not finite", j);
            hs_residual_free(r);
            r = NULL;
        }
    }
    if (r != NULL)
        build(r, w, left, k);
    free(left);
    free(w);
    return r;
}

void
hs_residual_free(struct hs_residual *r)
{
    if (r == NULL)
        return;
    free(r->q);
    free(r);
}

size_t
hs_residual_rank(const struct hs_residual *r)
{
    return r->rank;
}

void
hs_residual_row(const struct hs_residual *r, size_t i, double *out)
{
    out[0] = 1 / sqrt((double)r->n);
    for (size_t j = 1; j < r->rank; j++)
        out[j] = r->q[(j - 1) * r->n + i];
}

/* Of residuals that are there, of lengths xl and yl.  What differs from 1 by
 * rounding is 1: its p would be that of a rounding. */
static double
correlation(const double *x, const double *y, size_t n, double xl, double yl)
{
    double xy = 0;

    for (size_t i = 0; i < n; i++)
        xy += (x[i] / xl) * (y[i] / yl);
    return fabs(xy) > 1 - 1e-14 ? copysign(1, xy) : xy;
}

double
hs_partial(const double *x, const double *y, const double *z, size_t n,
           size_t k, double *p)
{
    struct hs_residual *r = hs_residual_new(z, n, k, NULL);
    double *left, xl, yl, rho = NAN;

    if (p != NULL)
        *p = NAN;
    if (r == NULL)
        return NAN;
    left = hs_malloc(hs_mul(hs_mul(n, 2), sizeof *left));
    memcpy(left, x, n * sizeof *x);
    memcpy(left + n, y, n * sizeof *y);
    xl = hs_residual_take(r, left);
    yl = hs_residual_take(r, left + n);
    if (xl > 0 && yl > 0 && n > 1 + r->rank) {
        rho = correlation(left, left + n, n, xl, yl);
        if (p != NULL)
            *p = hs_correlation_p(rho, (double)(n - 1 - r->rank));
    }
    free(left);
    hs_residual_free(r);
    return rho;
}
