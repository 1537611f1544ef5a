/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pairedboot.c - see pairedboot.h.
 */
#include <config.h>

#include "stats/pairedboot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "stats/draws.h"

enum {
    BATCH = 64 /* sets that are drawn together */
};

/* Sets with n groups each that have items, group by group. */
struct batch {
    size_t sets[BATCH], n_sets, n;
    int64_t (*diff)[BATCH], (*count)[BATCH]; /* (n) */
    double *drawn;                           /* (BATCH, n_draws) */
};

static size_t
groups_with_items(const uint32_t *count, size_t n_groups)
{
    size_t n = 0;

    for (size_t g = 0; g < n_groups; g++)
        n += count[g] > 0;
    return n;
}

/* Puts set i into the batch, without groups that have no items. */
static void
add_set(struct batch *b, size_t i, const int32_t *diff, const uint32_t *count,
        size_t n_groups)
{
    size_t n = 0;

    for (size_t g = 0; g < n_groups; g++)
        if (count[g] > 0) {
            b->diff[n][b->n_sets] = diff[g];
            b->count[n++][b->n_sets] = count[g];
        }
    b->n = n;
    b->sets[b->n_sets++] = i;
}

/* The figures of all sets of one bootstrap sample. */
static void
draw(const struct batch *b, size_t d, size_t n_draws, uint64_t seed)
{
    int64_t sum[BATCH] = {0}, items[BATCH] = {0};

    for (size_t i = 0; i < b->n; i++) {
        size_t g = (size_t)hs_rng_below(seed, HS_RNG_BOOTSTRAP, (uint32_t)d,
                                        (uint32_t)i, b->n);
        const int64_t *diff = b->diff[g], *count = b->count[g];

        for (size_t s = 0; s < BATCH; s++) {
            sum[s] += diff[s];
            items[s] += count[s];
        }
    }
    for (size_t s = 0; s < b->n_sets; s++)
        b->drawn[s * n_draws + d] = (double)sum[s] / (double)items[s];
}

static void
finish_batch(struct batch *b, size_t n_draws, uint64_t seed, double level,
             struct hs_interval *out)
{
    for (size_t d = 0; d < n_draws; d++)
        draw(b, d, n_draws, seed);
    for (size_t s = 0; s < b->n_sets; s++) {
        int64_t sum = 0, items = 0;

        for (size_t g = 0; g < b->n; g++) {
            sum += b->diff[g][s];
            items += b->count[g][s];
        }
        hs_draws_interval(b->drawn + s * n_draws, n_draws, level,
                          &out[b->sets[s]]);
        out[b->sets[s]].value = (double)sum / (double)items;
    }
    b->n_sets = 0;
}

void
hs_paired_bootstraps(const int32_t *diff, const uint32_t *count, size_t n_sets,
                     size_t n_groups, size_t n_draws, uint64_t seed,
                     double level, struct hs_interval *out)
{
    struct batch b = {
        .diff = hs_calloc(n_groups, sizeof *b.diff),
        .count = hs_calloc(n_groups, sizeof *b.count),
        .drawn = hs_malloc(hs_mul(hs_mul(BATCH, n_draws), sizeof *b.drawn)),
    };
    size_t *n = hs_calloc(n_sets, sizeof *n);

    for (size_t i = 0; i < n_sets; i++) {
        out[i] = (struct hs_interval){NAN, NAN, NAN, NAN};
        if (n_groups > 0)
            n[i] = groups_with_items(count + i * n_groups, n_groups);
    }
    for (size_t i = 0; i < n_sets; i++) {
        size_t same = n[i];

        for (size_t j = i; j < n_sets && same > 0; j++) {
            if (n[j] != same)
                continue;
            n[j] = 0;
            add_set(&b, j, diff + j * n_groups, count + j * n_groups, n_groups);
            if (b.n_sets == BATCH)
                finish_batch(&b, n_draws, seed, level, out);
        }
        if (b.n_sets > 0)
            finish_batch(&b, n_draws, seed, level, out);
    }
    free(n);
    free(b.diff);
    free(b.count);
    free(b.drawn);
}
