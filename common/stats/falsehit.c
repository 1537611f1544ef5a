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

/* sum[j] of y (n), n + 1 of them: of all behind j and itself. */
static double *
tails(const double *y, size_t n)
{
    double *sum = hs_calloc(n + 1, sizeof *sum);

    for (size_t j = n; j-- > 0;)
        sum[j] = sum[j + 1] + y[j];
    return sum;
}

double
hs_false_hits(uint32_t k1, uint32_t k2, double p, double threshold)
{
    double *x, *y, *tail, sum = 0, below = 0;
    size_t lo = 0, hi = 0;

    if (k1 == 0 || k2 == 0 || !(p >= 0 && p <= 1) || isnan(threshold))
        return NAN;
    if (threshold + 1e-9 < 0)
        return 1;
    x = binomial(k1, p);
    y = binomial(k2, p);
    tail = tails(y, (size_t)k2 + 1);
    /* Beyond are all j below lo and from hi on; neither falls as i grows. */
    for (size_t i = 0; i <= k1; i++) {
        double at = (double)i / k1;

        while (lo <= k2 && at > (double)lo / k2 &&
               hs_beyond(at - (double)lo / k2, threshold))
            below += y[lo++];
        while (hi <= k2 && (at >= (double)hi / k2 ||
                            !hs_beyond(at - (double)hi / k2, threshold)))
            hi++;
        sum += x[i] * (below + tail[hi]);
    }
    free(x);
    free(y);
    free(tail);
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
