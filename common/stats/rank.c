/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rank.c - see rank.h.
 */
#include <config.h>

#include "stats/rank.h"

#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include "base/mem.h"

struct keyed {
    double x;
    uint32_t i;
};

static int
by_value(const void *a, const void *b)
{
    const struct keyed *p = a, *q = b;

    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return p->i < q->i ? -1 : p->i > q->i;
}

void
hs_midranks(const double *x, size_t n, double *rank, uint32_t *order)
{
    struct keyed *k = hs_malloc(hs_mul(n, sizeof *k));
    size_t i, end;

    for (i = 0; i < n; i++)
        k[i] = (struct keyed){x[i], (uint32_t)i};
    qsort(k, n, sizeof *k, by_value);
    for (i = 0; i < n; i = end) {
        double middle;

        for (end = i + 1; end < n && k[end].x == k[i].x;)
            end++;
        /* ranks i + 1 .. end: a multiple of 1/2, exact */
        middle = ((double)i + (double)end + 1) / 2;
        for (size_t j = i; j < end; j++) {
            rank[k[j].i] = middle;
            order[j] = k[j].i;
        }
    }
    free(k);
}

/* Writes x - mean, times the power of two that brings the largest near 1: so
 * squares neither overflow nor vanish and ranks stay exact.  Returns the sum
 * of squares; NaN if x is constant or has a value that is not finite. */
static double
centre(const double *x, size_t n, double *out)
{
    double mean = 0, shift = 0, largest = 0, sum = 0;
    int exponent;
    size_t same = 0;

    for (size_t i = 0; i < n; i++) {
        mean += (x[i] - x[0]) / (double)n;
        same += x[i] == x[0];
    }
    if (same == n || !isfinite(mean))
        return NAN;
    for (size_t i = 0; i < n; i++) {
        out[i] = (x[i] - x[0]) - mean;
        shift += out[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] -= shift;
        largest = fmax(largest, fabs(out[i]));
    }
    (void)frexp(largest, &exponent);
    for (size_t i = 0; i < n; i++) {
        out[i] = ldexp(out[i], -exponent);
        sum += out[i] * out[i];
    }
    return sum;
}

/* Pearson's r of two rows that have been centred, with sums of squares. */
static double
correlate(const double *dx, const double *dy, size_t n, double xx, double yy)
{
    double xy = 0;

    for (size_t i = 0; i < n; i++)
        xy += dx[i] * dy[i];
    /* one root of the product: r of equal rows is exactly 1 */
    return fmax(-1, fmin(1, xy / sqrt(xx * yy)));
}

double
hs_pearson(const double *x, const double *y, size_t n)
{
    double *d, xx, yy, r = NAN;

    if (n < 2)
        return NAN;
    d = hs_malloc(hs_mul(hs_mul(n, 2), sizeof *d));
    xx = centre(x, n, d);
    yy = centre(y, n, d + n);
    if (xx > 0 && yy > 0)
        r = correlate(d, d + n, n, xx, yy);
    free(d);
    return r;
}

/* Two-sided p of r: t = r sqrt(nu / (1 - r^2)) with nu = n - 2 degrees of
 * freedom; the tail is also the incomplete beta function at 1 - r^2.  GSL's t
 * goes by a series that is good to only 1e-6 for nu of 30 to 200, its beta
 * function loses digits as nu grows: against SciPy each is within 1e-11 on its
 * side of 1000. */
static double
two_sided(double r, size_t n)
{
    double nu = (double)n - 2, rest = (1 - r) * (1 + r);

    if (n < 3)
        return NAN;
    if (rest <= 0)
        return 0;
    if (nu < 1000)
        return gsl_cdf_beta_P(rest, nu / 2, 0.5);
    return 2 * gsl_cdf_tdist_Q(fabs(r) * sqrt(nu / rest), nu);
}

static int
has_nan(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            return 1;
    }
    return 0;
}

double
hs_spearman(const double *x, const double *y, size_t n, double *p)
{
    double *d, xx, yy, r = NAN;
    uint32_t *order;

    if (p != NULL)
        *p = NAN;
    if (n < 2 || has_nan(x, n) || has_nan(y, n))
        return NAN;
    d = hs_malloc(hs_mul(hs_mul(n, 2), sizeof *d));
    order = hs_malloc(hs_mul(n, sizeof *order));
    hs_midranks(x, n, d, order);
    hs_midranks(y, n, d + n, order);
    /* the mean of any ranks is (n + 1) / 2 */
    for (size_t i = 0; i < 2 * n; i++)
        d[i] -= ((double)n + 1) / 2;
    xx = yy = 0;
    for (size_t i = 0; i < n; i++) {
        xx += d[i] * d[i];
        yy += d[n + i] * d[n + i];
    }
    if (xx > 0 && yy > 0)
        r = correlate(d, d + n, n, xx, yy);
    if (p != NULL && !isnan(r))
        *p = two_sided(r, n);
    free(order);
    free(d);
    return r;
}
