/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * contrast.c - see contrast.h.
 *
 * With columns about their means, the sums of the two sides are opposite, so
 * that the difference of means is the sum over label 1 times n / (n1 n0).
 */
#include <config.h>

#include "stats/contrast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "stats/drawsum.h"

struct work {
    const float *x;
    size_t n, d, n_groups, n_draws;
    const uint8_t *label;
    const uint32_t *group;
    uint32_t *rows;   /* (n_groups), owned: of each group, none are empty */
    uint8_t *labels;  /* (n_groups), owned */
    uint32_t *number; /* (groups of the caller), owned: ours */
    size_t ones;      /* groups with label 1 */
    double *sum;      /* (n_groups, d), owned: about the mean */
    double *unit;     /* (d), owned: the largest of these values */
    double *weight;   /* (HS_DRAWSUM_ROWS, n_groups), owned */
    double factor[HS_DRAWSUM_ROWS];
};

static void
work_free(struct work *w)
{
    free(w->rows);
    free(w->labels);
    free(w->number);
    free(w->sum);
    free(w->unit);
    free(w->weight);
}

/* ---- groups ---- */

/* Numbers the groups that have rows, in their order, and finds their labels. */
static int
find_groups(struct work *w, size_t n_groups, struct hs_error *err)
{
    w->number = hs_calloc(n_groups, sizeof *w->number);
    w->rows = hs_calloc(n_groups, sizeof *w->rows);
    w->labels = hs_calloc(n_groups, sizeof *w->labels);
    for (size_t i = 0; i < w->n; i++)
        w->number[w->group[i]] = 1;
    for (size_t g = 0; g < n_groups; g++) {
        if (w->number[g])
            w->number[g] = (uint32_t)w->n_groups++;
    }
    for (size_t i = 0; i < w->n; i++) {
        uint32_t g = w->number[w->group[i]];
        uint8_t label = w->label[i] != 0;

        if (w->rows[g]++ == 0)
            w->labels[g] = label;
        else if (w->labels[g] != label)
            return hs_fail(err, "contrast: group %u: both labels", w->group[i]);
    }
    for (size_t g = 0; g < w->n_groups; g++)
        w->ones += w->labels[g];
    if (w->ones == 0 || w->ones == w->n_groups)
        return hs_fail(err, "contrast: %zu groups: one label only",
                       w->n_groups);
    return 0;
}

/* The means of columns, by differences from the first row: a constant column
 * vanishes to the last bit. */
static double *
means_of(const struct work *w)
{
    double *mean = hs_calloc(w->d, sizeof *mean);

    for (size_t i = 0; i < w->n; i++) {
        for (size_t j = 0; j < w->d; j++)
            mean[j] +=
                ((double)w->x[i * w->d + j] - (double)w->x[j]) / (double)w->n;
    }
    for (size_t j = 0; j < w->d; j++)
        mean[j] += (double)w->x[j];
    return mean;
}

static void
add_up(struct work *w)
{
    double *mean = means_of(w);

    w->sum = hs_calloc(hs_mul(w->n_groups, w->d), sizeof *w->sum);
    w->unit = hs_calloc(w->d, sizeof *w->unit);
    for (size_t i = 0; i < w->n; i++) {
        double *sum = w->sum + w->number[w->group[i]] * w->d;

        for (size_t j = 0; j < w->d; j++) {
            double v = (double)w->x[i * w->d + j] - mean[j];

            sum[j] += v;
            w->unit[j] = fmax(w->unit[j], fabs(v));
        }
    }
    free(mean);
}

/* ---- divisions ---- */

/* What takes the sum over label 1 to the difference of means. */
static double
factor_of(const struct work *w, const double *weight)
{
    double n1 = 0, n = (double)w->n;

    for (size_t g = 0; g < w->n_groups; g++)
        n1 += weight[g] * w->rows[g];
    return n / (n1 * (n - n1));
}

/* Divisions of n groups into k and the others, or most + 1 if there are
 * more. */
static size_t
count_divisions(size_t n, size_t k, size_t most)
{
    double ways = 1;

    k = k < n - k ? k : n - k;
    for (size_t i = 1; i <= k; i++) {
        /* whole after each step, exact below 2^53 */
        ways = ways * (double)(n - k + i) / (double)i;
        if (ways > (double)most || ways > 0x1p50)
            return most + 1;
    }
    return (size_t)ways;
}

/* From one set of ones, ascending numbers at (k), to the next of those below
 * n; the last has none. */
static void
next_division(size_t *at, size_t k, size_t n)
{
    size_t i = k;

    while (i > 0 && at[i - 1] == n - k + i - 1)
        i--;
    if (i == 0)
        return;
    at[i - 1]++;
    for (; i < k; i++)
        at[i] = at[i - 1] + 1;
}

/* Fisher and Yates. */
static void
permute(const struct work *w, uint64_t seed, uint32_t draw, double *out)
{
    for (size_t g = 0; g < w->n_groups; g++)
        out[g] = w->labels[g];
    for (size_t k = w->n_groups - 1; k > 0; k--) {
        size_t j = (size_t)hs_rng_below(seed, HS_RNG_PERMUTE, draw, (uint32_t)k,
                                        k + 1);
        double swap = out[k];

        out[k] = out[j];
        out[j] = swap;
    }
}

static void
add_block(struct work *w, struct hs_drawsum *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w->factor[i] = factor_of(w, w->weight + i * w->n_groups);
    hs_drawsum_add(s, w->weight, w->factor, n);
}

static void
count_all(struct work *w, struct hs_drawsum *s, size_t ways)
{
    size_t *at = hs_malloc(hs_mul(w->ones, sizeof *at)), count;

    for (size_t i = 0; i < w->ones; i++)
        at[i] = i;
    for (size_t b = 0; b < ways; b += count) {
        count = ways - b < HS_DRAWSUM_ROWS ? ways - b : HS_DRAWSUM_ROWS;
        for (size_t i = 0; i < count; i++) {
            double *row = w->weight + i * w->n_groups;

            memset(row, 0, w->n_groups * sizeof *row);
            for (size_t k = 0; k < w->ones; k++)
                row[at[k]] = 1;
            next_division(at, w->ones, w->n_groups);
        }
        add_block(w, s, count);
    }
    free(at);
}

static void
count_drawn(struct work *w, struct hs_drawsum *s, uint64_t seed)
{
    size_t count;

    for (size_t b = 0; b < w->n_draws; b += count) {
        count =
            w->n_draws - b < HS_DRAWSUM_ROWS ? w->n_draws - b : HS_DRAWSUM_ROWS;
        for (size_t i = 0; i < count; i++)
            permute(w, seed, (uint32_t)(b + i), w->weight + i * w->n_groups);
        add_block(w, s, count);
    }
}

static void
find_scores(struct work *w, double *score, double *limit)
{
    double factor, unit;

    for (size_t g = 0; g < w->n_groups; g++)
        w->weight[g] = w->labels[g];
    factor = factor_of(w, w->weight);
    for (size_t j = 0; j < w->d; j++) {
        score[j] = 0;
        for (size_t g = 0; g < w->n_groups; g++)
            score[j] += w->weight[g] * w->sum[g * w->d + j];
        score[j] = isfinite(score[j]) ? score[j] * factor : NAN;
        unit = w->unit[j];
        limit[j] = hs_drawsum_limit(score[j], unit);
    }
}

int
hs_contrast(const float *x, size_t n, size_t d, const uint8_t *label,
            const uint32_t *group, size_t n_groups, size_t n_draws,
            uint64_t seed, double *score, double *p, bool *exact,
            struct hs_error *err)
{
    struct work w = {.x = x, .n = n, .d = d, .label = label, .group = group};
    struct hs_drawsum s = {0};
    double *limit = hs_malloc(hs_mul(d, sizeof *limit));
    size_t ways = 0, of;
    int status;

    w.n_draws = n_draws;
    status = find_groups(&w, n_groups, err);
    if (status == 0) {
        add_up(&w);
        w.weight = hs_malloc(
            hs_mul(hs_mul(HS_DRAWSUM_ROWS, w.n_groups), sizeof *w.weight));
        find_scores(&w, score, limit);
        status = hs_drawsum_init(&s, w.sum, limit, w.n_groups, d, err);
    }
    if (status == 0) {
        ways = count_divisions(w.n_groups, w.ones, n_draws);
        *exact = ways <= n_draws;
        if (*exact)
            count_all(&w, &s, ways);
        else
            count_drawn(&w, &s, seed);
        of = *exact ? ways : n_draws + 1;
        for (size_t j = 0; j < d; j++)
            p[j] = isnan(score[j])
                       ? NAN
                       : ((double)s.reached[j] + !*exact) / (double)of;
    }
    hs_drawsum_free(&s);
    work_free(&w);
    free(limit);
    return status;
}
