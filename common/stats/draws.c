/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * draws.c - see draws.h.
 */
#include <config.h>

#include "stats/draws.h"

#include <math.h>
#include <stdlib.h>

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Between order statistics, linear, as NumPy's default. */
static double
quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1), floor_at = floor(at);
    size_t i = (size_t)floor_at;

    if (i + 1 >= n)
        return sorted[n - 1];
    return sorted[i] + (at - floor_at) * (sorted[i + 1] - sorted[i]);
}

/* About the first: draws that are all the same have none, not a rounding. */
static double
deviation(const double *x, size_t n)
{
    double mean = 0, squares = 0;

    for (size_t i = 0; i < n; i++)
        mean += (x[i] - x[0]) / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - x[0] - mean) * (x[i] - x[0] - mean);
    return sqrt(squares / ((double)n - 1));
}

void
hs_draws_interval(double *drawn, size_t n, double level,
                  struct hs_interval *out)
{
    out->se = out->lo = out->hi = NAN;
    if (n < 2)
        return;
    qsort(drawn, n, sizeof *drawn, ascending);
    out->se = deviation(drawn, n);
    out->lo = quantile(drawn, n, (1 - level) / 2);
    out->hi = quantile(drawn, n, (1 + level) / 2);
}
