/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * overlap.c - see overlap.h.
 */
#include <config.h>

#include "stats/overlap.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* The distribution of the number shared. */
struct hypergeom {
    double *p;     /* (hi - lo + 1), owned: P(X = lo + i) */
    size_t lo, hi; /* what is possible */
};

static size_t
min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* p(x + 1) / p(x) = (ka - x) (kb - x) / ((x + 1) (d - ka - kb + x + 1)) */
static double
ratio(size_t d, size_t ka, size_t kb, size_t x)
{
    return (double)(ka - x) * (double)(kb - x) /
           ((double)(x + 1) * (double)(d + x + 1 - ka - kb));
}

/* By the ratio of neighbours from the mode outwards, then divided by the sum:
 * each term good to a few roundings, the far tail included, which differences
 * of log-factorials are not for a large d. */
static void
distribute(struct hypergeom *h, size_t d, size_t ka, size_t kb)
{
    size_t mode;
    double sum = 0;

    h->lo = ka + kb > d ? ka + kb - d : 0;
    h->hi = min2(ka, kb);
    h->p = hs_calloc(h->hi - h->lo + 1, sizeof *h->p);
    mode = (size_t)(((double)ka + 1) * ((double)kb + 1) / ((double)d + 2));
    mode = mode < h->lo ? h->lo : min2(mode, h->hi);
    h->p[mode - h->lo] = 1;
    for (size_t x = mode; x < h->hi; x++)
        h->p[x + 1 - h->lo] = h->p[x - h->lo] * ratio(d, ka, kb, x);
    for (size_t x = mode; x > h->lo; x--)
        h->p[x - 1 - h->lo] = h->p[x - h->lo] / ratio(d, ka, kb, x - 1);
    /* small terms first */
    for (size_t x = h->lo; x < mode; x++)
        sum += h->p[x - h->lo];
    for (size_t x = h->hi + 1; x-- > mode;)
        sum += h->p[x - h->lo];
    for (size_t x = h->lo; x <= h->hi; x++)
        h->p[x - h->lo] /= sum;
}

static double
upper_tail(const struct hypergeom *h, size_t from)
{
    double sum = 0;

    if (from <= h->lo)
        return 1;
    for (size_t x = h->hi + 1; x-- > from;)
        sum += h->p[x - h->lo];
    return fmin(1, sum);
}

double
hs_hypergeom_tail(size_t d, size_t ka, size_t kb, size_t x)
{
    struct hypergeom h;
    double tail;

    distribute(&h, d, ka, kb);
    tail = upper_tail(&h, x);
    free(h.p);
    return tail;
}

static double
iou(size_t ka, size_t kb, size_t x)
{
    return (double)x / (double)(ka + kb - x);
}

/* The smallest x with P(X <= x) >= q, or from above, with P(X > x) <= q.  A sum
 * that misses q by rounding alone (1 of 40 against 0.025) counts as equal. */
static size_t
lower_quantile(const struct hypergeom *h, double q)
{
    double sum = 0;

    for (size_t x = h->lo; x < h->hi; x++) {
        sum += h->p[x - h->lo];
        if (sum >= q * (1 - 1e-12))
            return x;
    }
    return h->hi;
}

static size_t
upper_quantile(const struct hypergeom *h, double q)
{
    double sum = 0;

    for (size_t x = h->hi; x > h->lo; x--) {
        sum += h->p[x - h->lo];
        if (sum > q * (1 + 1e-12))
            return x;
    }
    return h->lo;
}

void
hs_overlap(size_t d, size_t ka, size_t kb, size_t shared, double level,
           struct hs_overlap *out)
{
    struct hypergeom h;

    distribute(&h, d, ka, kb);
    out->shared = shared;
    out->iou = iou(ka, kb, shared);
    out->expected = 0;
    for (size_t x = h.lo; x <= h.hi; x++)
        out->expected += h.p[x - h.lo] * iou(ka, kb, x);
    out->lo = iou(ka, kb, lower_quantile(&h, (1 - level) / 2));
    out->hi = iou(ka, kb, upper_quantile(&h, (1 - level) / 2));
    out->p = upper_tail(&h, shared);
    free(h.p);
}

size_t
hs_count_shared(const uint32_t *a, size_t ka, const uint32_t *b, size_t kb,
                size_t d)
{
    uint8_t *in_a = hs_calloc(d, 1);
    size_t n = 0;

    for (size_t i = 0; i < ka; i++)
        in_a[a[i]] = 1;
    for (size_t i = 0; i < kb; i++)
        n += in_a[b[i]];
    free(in_a);
    return n;
}
