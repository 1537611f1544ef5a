/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fdr.c - see fdr.h.
 */
#include <config.h>

#include "stats/fdr.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

struct placed {
    double p;
    size_t at;
};

static int
ascending(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    return x->p < y->p ? -1 : x->p > y->p;
}

/* What the rank-th smallest of n counts as. */
static double
adjust(double p, size_t n, size_t rank)
{
    return p * ((double)n / (double)rank);
}

void
hs_fdr(const double *p, size_t n, double *out)
{
    struct placed *s = hs_malloc(hs_mul(n, sizeof *s));
    double least = 1;
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        if (!isnan(p[i]))
            s[m++] = (struct placed){p[i], i};
        out[i] = p[i];
    }
    qsort(s, m, sizeof *s, ascending);
    for (size_t i = m; i-- > 0;) {
        least = fmin(least, adjust(s[i].p, m, i + 1));
        out[s[i].at] = least;
    }
    free(s);
}

size_t
hs_fdr_draws(size_t d, double q)
{
    double draws = fmax(0, ceil((double)d / q) - 2);

    if (!(q > 0) || draws > 0x1p50)
        return SIZE_MAX;
    /* until hs_fdr() agrees, to the last bit */
    while (adjust(1 / (1 + draws), d, 1) > q)
        draws++;
    return (size_t)draws;
}
