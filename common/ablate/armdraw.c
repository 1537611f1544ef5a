/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armdraw.c - see armdraw.h.
 *
 * Streams of random numbers: HS_RNG_ABLATE of the seed gives the key of a layer
 * (a) and size (b); the two streams behind it are used under that key, for
 * uniform draws (a: draw, b: step of the shuffle) and for matched ones (the
 * same; b from k on: choice among the nearest).
 */
#include <config.h>

#include "ablate/armdraw.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"

enum {
    STREAM_UNIFORM = HS_RNG_ABLATE + 1,
    STREAM_MATCHED = HS_RNG_ABLATE + 2,
    NEAREST = 8
};

static uint64_t
draw_key(const struct hs_arm_draw *w)
{
    uint32_t words[4];

    hs_rng_words(w->seed, HS_RNG_ABLATE, w->layer, (uint32_t)w->k, words);
    return (uint64_t)words[1] << 32 | words[0];
}

/* Step i of a shuffle of v (n): puts in place i one of those from there on. */
static void
shuffle_step(uint64_t key, uint64_t stream, uint32_t draw, uint32_t *v,
             size_t i, size_t n)
{
    size_t j = i + (size_t)hs_rng_below(key, stream, draw, (uint32_t)i, n - i);
    uint32_t x = v[i];

    v[i] = v[j];
    v[j] = x;
}

void
hs_arm_draw_uniform(const struct hs_arm_draw *w, size_t d, const bool *skip,
                    uint32_t *out)
{
    uint32_t *order = hs_calloc(d, sizeof *order);
    uint64_t key = draw_key(w);

    for (size_t j = 0; j < d; j++)
        order[j] = (uint32_t)j;
    for (size_t i = 0, n = 0; i < d && n < w->k; i++) {
        shuffle_step(key, STREAM_UNIFORM, w->number, order, i, d);
        if (skip == NULL || !skip[order[i]])
            out[n++] = order[i];
    }
    free(order);
}

/* ---- matched ---- */

/* What partners are drawn from. */
struct pool {
    const uint32_t *free; /* (n) ascending by rms */
    const double *rms;    /* (d) */
    bool *taken;          /* (n) */
    size_t n;
};

/* A ratio needs something above 0.  Comparing ratios is comparing distances of
 * logarithms, which differ by a bit from one C library to the next. */
static double
positive(double x)
{
    return x > DBL_MIN ? x : DBL_MIN;
}

/* The place of the first free one whose RMS is at least x. */
static size_t
first_from(const struct pool *p, double x)
{
    size_t low = 0, high = p->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (p->rms[p->free[mid]] < x)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The places of the (at most) NEAREST free ones around x: how many. */
static size_t
nearest(const struct pool *p, double x, size_t out[NEAREST])
{
    size_t up = first_from(p, x), down = up, n = 0; /* down: one too high */

    x = positive(x);
    while (n < NEAREST) {
        double below, above;

        while (down > 0 && p->taken[down - 1])
            down--;
        while (up < p->n && p->taken[up])
            up++;
        if (down == 0 && up == p->n)
            break;
        below = down > 0 ? x / positive(p->rms[p->free[down - 1]]) : DBL_MAX;
        above = up < p->n ? positive(p->rms[p->free[up]]) / x : DBL_MAX;
        if (up == p->n || (down > 0 && below <= above))
            out[n++] = --down;
        else
            out[n++] = up++;
    }
    return n;
}

void
hs_arm_draw_matched(const struct hs_arm_draw *w, const uint32_t *targets,
                    const uint32_t *free_by_rms, size_t n_free,
                    const double *rms, uint32_t *out)
{
    struct pool p = {.free = free_by_rms,
                     .rms = rms,
                     .taken = hs_calloc(n_free, sizeof(bool)),
                     .n = n_free};
    uint32_t *order = hs_calloc(w->k, sizeof *order);
    uint64_t key = draw_key(w);

    memcpy(order, targets, w->k * sizeof *order);
    for (size_t i = 0; i < w->k; i++)
        shuffle_step(key, STREAM_MATCHED, w->number, order, i, w->k);
    for (size_t i = 0; i < w->k; i++) {
        size_t near[NEAREST], n = nearest(&p, rms[order[i]], near);
        size_t at = near[hs_rng_below(key, STREAM_MATCHED, w->number,
                                      (uint32_t)(w->k + i), n)];

        p.taken[at] = true;
        out[i] = p.free[at];
    }
    free(p.taken);
    free(order);
}
