/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * calibration.c - see calibration.h.
 */
#include <config.h>

#include "stats/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

double
hs_brier(const double *p, const uint8_t *label, size_t n)
{
    double sum = 0;

    if (n == 0)
        return NAN;
    for (size_t i = 0; i < n; i++) {
        double miss = p[i] - (label[i] ? 1 : 0);

        sum += miss * miss;
    }
    return sum / (double)n;
}

/* The part [k / n, (k + 1) / n) of p, edges as divided in double, so that 0.29
 * is the lower edge of a hundredth part although 0.29 * 100 is below 29. */
static size_t
bin_of(double p, size_t n_bins)
{
    double n = (double)n_bins;
    size_t k;

    if (!(p > 0))
        return 0;
    if (p >= 1)
        return n_bins - 1;
    k = (size_t)(p * n);
    if (k >= n_bins)
        k = n_bins - 1;
    while (k > 0 && p < (double)k / n)
        k--;
    while (k + 1 < n_bins && p >= (double)(k + 1) / n)
        k++;
    return k;
}

double
hs_ece(const double *p, const uint8_t *label, size_t n, size_t n_bins)
{
    double *gap, sum = 0;

    if (n == 0 || n_bins == 0)
        return NAN;
    /* over a bin: |mean p - mean label| times items = |sum (p - label)| */
    gap = hs_calloc(n_bins, sizeof *gap);
    for (size_t i = 0; i < n; i++)
        gap[bin_of(p[i], n_bins)] += p[i] - (label[i] ? 1 : 0);
    for (size_t k = 0; k < n_bins; k++)
        sum += fabs(gap[k]);
    free(gap);
    return sum / (double)n;
}
