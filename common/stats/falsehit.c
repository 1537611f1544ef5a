/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * falsehit.c - see falsehit.h.
 */
#include <config.h>

#include "stats/falsehit.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"

bool
hs_beyond(double delta, double threshold)
{
    return fabs(delta) > threshold + 1e-9;
}

/* Probabilities (k + 1) of k coins of p, by the ratio of neighbours from the
 * mode outwards, so that none is lost by the others' smallness. */
static double *
binomial(uint32_t k, double p)
{
    double *b = hs_calloc((size_t)k + 1, sizeof *b), sum = 0;
    size_t mode = (size_t)fmin(k, ((double)k + 1) * p);

    b[mode] = 1;
    for (size_t x = mode; x < k && p < 1; x++)
        b[x + 1] = b[x] * (double)(k - x) / (double)(x + 1) * (p / (1 - p));
    for (size_t x = mode; x > 0 && p > 0; x--)
        b[x - 1] = b[x] * (double)x / (double)(k - x + 1) * ((1 - p) / p);
    for (size_t x = 0; x <= k; x++)
        sum += b[x];
    for (size_t x = 0; x <= k; x++)
        b[x] /= sum;
    return b;
}

double
hs_false_hits(uint32_t k1, uint32_t k2, double p, double threshold)
{
    double *x, *y, sum = 0;

    if (k1 == 0 || k2 == 0 || !(p >= 0 && p <= 1) || isnan(threshold))
        return NAN;
    x = binomial(k1, p);
    y = binomial(k2, p);
    for (size_t i = 0; i <= k1; i++) {
        double tail = 0;

        for (size_t j = 0; j <= k2; j++) {
            double delta = (double)i / k1 - (double)j / k2;

            tail += hs_beyond(delta, threshold) ? y[j] : 0;
        }
        sum += x[i] * tail;
    }
    free(x);
    free(y);
    return fmin(1, sum);
}

double
hs_false_hits_at(uint32_t s1, uint32_t k1, uint32_t s2, uint32_t k2,
                 double threshold)
{
    if (s1 > k1 || s2 > k2)
        return NAN;
    return hs_false_hits(k1, k2, ((double)s1 + s2) / ((double)k1 + (double)k2),
                         threshold);
}
