/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * maxauc.c - see maxauc.h.
 *
 * With ranks r about their mean, AUC - 1/2 = sum of r over positives / (n1 n0),
 * so that all draws and coordinates are one matrix product of permuted labels
 * and ranks.  It is done in doubles, where sums of whole halves are exact: a
 * draw that equals what was observed counts as such, on any machine.
 */
#include <config.h>

#include "stats/maxauc.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "stats/rank.h"

enum {
    PART_DRAWS = 256,
    PART_COLUMNS = 256,
    PART_VALUES = 1 << 22 /* doubles in a part of ranks or labels */
};

/* ---- permutations ---- */

/* Problems with their rows, those of equal size side by side. */
struct groups {
    uint32_t *row;   /* (n), owned: rows by group, ascending within */
    uint32_t *start; /* (n_groups + 1), owned: where a group's begin in row */
    uint32_t *order; /* (n_groups), owned: groups by size, then number */
    uint32_t *from;  /* (n_groups), owned: scratch of a draw */
    size_t n_groups;
};

struct sized {
    uint32_t size, group;
};

static int
by_size(const void *a, const void *b)
{
    const struct sized *p = a, *q = b;

    if (p->size != q->size)
        return p->size < q->size ? -1 : 1;
    return p->group < q->group ? -1 : p->group > q->group;
}

static void
groups_init(struct groups *g, const uint32_t *group, size_t n, size_t n_groups)
{
    struct sized *sized = hs_calloc(n_groups, sizeof *sized);
    uint32_t *at = hs_calloc(n_groups, sizeof *at);

    g->n_groups = n_groups;
    g->row = hs_malloc(hs_mul(n, sizeof *g->row));
    g->start = hs_calloc(n_groups + 1, sizeof *g->start);
    g->order = hs_malloc(hs_mul(n_groups, sizeof *g->order));
    g->from = hs_malloc(hs_mul(n_groups, sizeof *g->from));
    for (size_t i = 0; i < n; i++)
        sized[group[i]].size++;
    for (size_t k = 0; k < n_groups; k++) {
        sized[k].group = (uint32_t)k;
        at[k] = g->start[k];
        g->start[k + 1] = g->start[k] + sized[k].size;
    }
    for (size_t i = 0; i < n; i++)
        g->row[at[group[i]]++] = (uint32_t)i;
    qsort(sized, n_groups, sizeof *sized, by_size);
    for (size_t k = 0; k < n_groups; k++)
        g->order[k] = sized[k].group;
    free(at);
    free(sized);
}

static void
groups_free(struct groups *g)
{
    free(g->row);
    free(g->start);
    free(g->order);
    free(g->from);
}

static uint32_t
size_of(const struct groups *g, size_t k)
{
    return g->start[g->order[k] + 1] - g->start[g->order[k]];
}

/* Writes the labels (n) of one draw: among problems of one size, each takes
 * the labels of another, in the order of its rows (Fisher and Yates). */
static void
permute(struct groups *g, const uint8_t *label, uint64_t seed, uint32_t draw,
        uint8_t *out)
{
    size_t end;

    for (size_t begin = 0; begin < g->n_groups; begin = end) {
        for (end = begin + 1;
             end < g->n_groups && size_of(g, end) == size_of(g, begin);)
            end++;
        for (size_t k = begin; k < end; k++)
            g->from[k] = g->order[k];
        for (size_t k = end - 1; k > begin; k--) {
            size_t j = begin + hs_rng_below(seed, HS_RNG_PERMUTE, draw,
                                            (uint32_t)k, k - begin + 1);
            uint32_t swap = g->from[k];

            g->from[k] = g->from[j];
            g->from[j] = swap;
        }
        for (size_t k = begin; k < end; k++) {
            const uint32_t *to = g->row + g->start[g->order[k]];
            const uint32_t *from = g->row + g->start[g->from[k]];

            for (uint32_t i = 0; i < size_of(g, k); i++)
                out[to[i]] = label[from[i]] != 0;
        }
    }
}

/* ---- statistics ---- */

struct work {
    const float *x;
    size_t stride, n, d, n_draws;
    uint8_t *labels; /* (1 + n_draws, n), owned: as observed, then draws */
    double *most;    /* (n_draws), owned: the largest |sum| of each */
    double *sum;     /* (d), owned: as observed; NaN where x has a NaN */
    double *ranks;   /* (columns, n), owned */
    double *chosen;  /* (draws, n), owned: labels as numbers */
    double *product; /* (draws, columns), owned */
    size_t columns, draws; /* of a part */
};

static void
work_init(struct work *w)
{
    size_t fit = PART_VALUES / w->n;

    fit = fit < 8 ? 8 : fit;
    w->columns = fit < PART_COLUMNS ? fit : PART_COLUMNS;
    w->columns = w->columns < w->d ? w->columns : w->d;
    w->draws = fit < PART_DRAWS ? fit : PART_DRAWS;
    w->labels = hs_malloc(hs_mul(w->n_draws + 1, w->n));
    w->most = hs_calloc(w->n_draws, sizeof *w->most);
    w->sum = hs_malloc(hs_mul(w->d, sizeof *w->sum));
    w->ranks = hs_malloc(hs_mul(hs_mul(w->columns, w->n), sizeof *w->ranks));
    w->chosen = hs_malloc(hs_mul(hs_mul(w->draws, w->n), sizeof *w->chosen));
    w->product =
        hs_malloc(hs_mul(hs_mul(w->draws, w->columns), sizeof *w->product));
}

static void
work_free(struct work *w)
{
    free(w->labels);
    free(w->most);
    free(w->sum);
    free(w->ranks);
    free(w->chosen);
    free(w->product);
}

/* Ranks of column j about their mean; none at all if it has a NaN.  Returns
 * whether it has. */
static bool
rank_column(const struct work *w, size_t j, double *column, uint32_t *order,
            double *out)
{
    bool has_nan = false;

    for (size_t i = 0; i < w->n; i++) {
        column[i] = (double)w->x[i * w->stride + j];
        has_nan |= isnan(column[i]);
    }
    if (has_nan) {
        memset(out, 0, w->n * sizeof *out);
        return true;
    }
    hs_midranks(column, w->n, out, order);
    for (size_t i = 0; i < w->n; i++)
        out[i] -= ((double)w->n + 1) / 2;
    return false;
}

/* Sums of the ranks in hand for rows of labels from first on. */
static void
multiply(struct work *w, size_t first, size_t count, size_t columns)
{
    for (size_t i = 0; i < count * w->n; i++)
        w->chosen[i] = w->labels[first * w->n + i];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count,
                (int)columns, (int)w->n, 1, w->chosen, (int)w->n, w->ranks,
                (int)w->n, 0, w->product, (int)columns);
}

static void
note(struct work *w, size_t first, size_t count, size_t begin, size_t columns)
{
    for (size_t i = 0; i < count; i++) {
        const double *row = w->product + i * columns;

        if (first + i == 0) {
            memcpy(w->sum + begin, row, columns * sizeof *row);
            continue;
        }
        for (size_t j = 0; j < columns; j++)
            w->most[first + i - 1] = fmax(w->most[first + i - 1], fabs(row[j]));
    }
}

static void
sum_all(struct work *w)
{
    double *column = hs_malloc(hs_mul(w->n, sizeof *column));
    uint32_t *order = hs_malloc(hs_mul(w->n, sizeof *order));
    bool *has_nan = hs_calloc(w->columns, sizeof *has_nan);
    size_t columns, count;

    for (size_t begin = 0; begin < w->d; begin += columns) {
        columns = w->d - begin < w->columns ? w->d - begin : w->columns;
        for (size_t j = 0; j < columns; j++)
            has_nan[j] =
                rank_column(w, begin + j, column, order, w->ranks + j * w->n);
        for (size_t b = 0; b < w->n_draws + 1; b += count) {
            count = w->n_draws + 1 - b;
            count = count < w->draws ? count : w->draws;
            multiply(w, b, count, columns);
            note(w, b, count, begin, columns);
        }
        for (size_t j = 0; j < columns; j++) {
            if (has_nan[j])
                w->sum[begin + j] = NAN;
        }
    }
    free(has_nan);
    free(order);
    free(column);
}

/* ---- answers ---- */

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* p when so many draws reach the value. */
static double
p_of(size_t reached, size_t n_draws)
{
    return (1 + (double)reached) / (1 + (double)n_draws);
}

/* How many of most, ascending, are at least x. */
static size_t
reaching(const double *most, size_t n, double x)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (most[middle] >= x)
            high = middle;
        else
            low = middle + 1;
    }
    return n - low;
}

/* What a value must exceed for p <= alpha: with the largest number of draws
 * that may reach it, the next draw below those. */
static double
threshold_of(const double *most, size_t n, double alpha)
{
    size_t allowed = 0;

    if (!(p_of(0, n) <= alpha))
        return INFINITY;
    while (allowed < n && p_of(allowed + 1, n) <= alpha)
        allowed++;
    return allowed < n ? most[n - 1 - allowed] : -1;
}

void
hs_maxauc(const float *x, size_t stride, const uint8_t *label,
          const uint32_t *group, size_t n, size_t d, size_t n_groups,
          size_t n_draws, uint64_t seed, double alpha, struct hs_maxauc *out)
{
    struct work w = {
        .x = x, .stride = stride, .n = n, .d = d, .n_draws = n_draws};
    struct groups g;
    double pairs;
    size_t n1 = 0;

    out->auc = hs_malloc(hs_mul(d, sizeof *out->auc));
    out->p = hs_malloc(hs_mul(d, sizeof *out->p));
    out->threshold = NAN;
    for (size_t j = 0; j < d; j++)
        out->auc[j] = out->p[j] = NAN;
    for (size_t i = 0; i < n; i++)
        n1 += label[i] != 0;
    if (n1 == 0 || n1 == n)
        return;
    openblas_set_num_threads(1);
    work_init(&w);
    groups_init(&g, group, n, n_groups);
    for (size_t i = 0; i < n; i++)
        w.labels[i] = label[i] != 0;
    for (size_t b = 0; b < n_draws; b++)
        permute(&g, label, seed, (uint32_t)b, w.labels + (b + 1) * n);
    sum_all(&w);
    qsort(w.most, n_draws, sizeof *w.most, ascending);
    pairs = (double)n1 * (double)(n - n1);
    for (size_t j = 0; j < d; j++) {
        if (isnan(w.sum[j]))
            continue;
        out->auc[j] = 0.5 + w.sum[j] / pairs;
        out->p[j] = p_of(reaching(w.most, n_draws, fabs(w.sum[j])), n_draws);
    }
    /* half way to the next sum that there is, out of the reach of rounding */
    out->threshold = (threshold_of(w.most, n_draws, alpha) + 0.25) / pairs;
    groups_free(&g);
    work_free(&w);
}

void
hs_maxauc_free(struct hs_maxauc *m)
{
    free(m->auc);
    free(m->p);
    *m = (struct hs_maxauc){0};
}
