/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trajstats.c - see trajstats.h, and hs_trajset_stats() of trajset.h.
 */
#include <config.h>

#include "probe/trajstats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    OUTLIER = 20, /* times the median */
    N_EXPONENTS = 256
};

struct hs_trajstats {
    size_t n_layers, dim;
    struct hs_stats *stats;
    float *abs, *candidates; /* (dim): scratch */
};

static void
new_stats(struct hs_stats *s, size_t dim)
{
    double **each[] = {&s->mean,    &s->sigma,    &s->rms,
                       &s->max_abs, &s->pos0_abs, &s->outlier};

    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        *each[i] = hs_calloc(dim, sizeof(double));
}

struct hs_trajstats *
hs_trajstats_new(size_t n_layers, size_t dim)
{
    struct hs_trajstats *g = hs_calloc(1, sizeof *g);

    g->n_layers = n_layers;
    g->dim = dim;
    g->stats = hs_calloc(n_layers, sizeof *g->stats);
    for (size_t l = 0; l < n_layers; l++)
        new_stats(&g->stats[l], dim);
    g->abs = hs_calloc(dim, sizeof *g->abs);
    g->candidates = hs_calloc(dim, sizeof *g->candidates);
    return g;
}

static int
by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return x < y ? -1 : x > y;
}

/* The lower median of n values >= 0: those that share its exponent are found
 * by counting, and only they are sorted. */
static float
median(const float *x, size_t n, float *candidates)
{
    size_t count[N_EXPONENTS] = {0}, below = 0, k = (n - 1) / 2, m = 0;
    uint32_t bits, e = 0;

    for (size_t i = 0; i < n; i++) {
        memcpy(&bits, x + i, sizeof bits);
        count[bits >> 23]++;
    }
    while (below + count[e] <= k)
        below += count[e++];
    for (size_t i = 0; i < n; i++) {
        memcpy(&bits, x + i, sizeof bits);
        if (bits >> 23 == e)
            candidates[m++] = x[i];
    }
    qsort(candidates, m, sizeof *candidates, by_size);
    return candidates[k - below];
}

void
hs_trajstats_add(struct hs_trajstats *g, size_t l, const float *x,
                 const uint32_t *positions, size_t n_rows)
{
    struct hs_stats *s = &g->stats[l];

    for (size_t r = 0; r < n_rows; r++, x += g->dim) {
        float limit;

        for (size_t i = 0; i < g->dim; i++)
            g->abs[i] = fabsf(x[i]);
        if (positions[r] == 0) {
            s->n_pos0++;
            for (size_t i = 0; i < g->dim; i++)
                s->pos0_abs[i] += g->abs[i];
        }
        s->n_any++;
        limit = OUTLIER * median(g->abs, g->dim, g->candidates);
        for (size_t i = 0; i < g->dim; i++)
            s->outlier[i] += g->abs[i] > limit;
    }
}

struct hs_stats *
hs_trajstats_end(struct hs_trajstats *g)
{
    struct hs_stats *stats = g->stats;

    for (size_t l = 0; l < g->n_layers; l++)
        for (size_t i = 0; i < g->dim; i++) {
            struct hs_stats *s = &stats[l];

            s->pos0_abs[i] =
                s->n_pos0 > 0 ? s->pos0_abs[i] / (double)s->n_pos0 : NAN;
            s->outlier[i] =
                s->n_any > 0 ? s->outlier[i] / (double)s->n_any : NAN;
        }
    free(g->abs);
    free(g->candidates);
    free(g);
    return stats;
}

void
hs_trajstats_free(struct hs_stats *stats, size_t n_layers)
{
    for (size_t l = 0; stats != NULL && l < n_layers; l++) {
        free(stats[l].mean);
        free(stats[l].sigma);
        free(stats[l].rms);
        free(stats[l].max_abs);
        free(stats[l].pos0_abs);
        free(stats[l].outlier);
    }
    free(stats);
}

/* Sums of one layer over training states, of some coordinates. */
struct sums {
    const struct hs_trajset *s;
    size_t l;
    float *pivot;         /* (dim): the first training state */
    double *sum, *sum2;   /* (dim): of x - pivot, and of its square */
    double *square, *max; /* (dim): of x */
};

/* Coordinates are shared out, so that each sum runs over the states in their
 * order. */
static void
add_up(void *ud, struct hs_team *team, size_t thread)
{
    struct sums *u = ud;
    const struct hs_trajset *s = u->s;
    size_t from, behind;
    float *x = hs_calloc(s->dim, sizeof *x);

    hs_team_share(team, thread, s->dim, &from, &behind);
    for (size_t j = 0; j < s->n; j++) {
        for (size_t i = 0; !s->traj[j].val && i < s->traj[j].n_states; i++) {
            hs_trajset_part(s, u->l, j, i, from, behind - from, x);
            for (size_t c = from; c < behind; c++) {
                double v = x[c - from], d = v - u->pivot[c];

                u->sum[c] += d;
                u->sum2[c] += d * d;
                u->square[c] += v * v;
                u->max[c] = fabs(v) > u->max[c] ? fabs(v) : u->max[c];
            }
        }
    }
    free(x);
}

/* Mean and sigma by sums about a pivot, which a mean far from 0 does not
 * cancel. */
static void
finish(struct hs_stats *st, const struct sums *u)
{
    double n = (double)st->n;

    for (size_t c = 0; c < u->s->dim; c++) {
        double mean = u->sum[c] / n, var = u->sum2[c] / n - mean * mean;

        st->mean[c] = u->pivot[c] + mean;
        st->sigma[c] = sqrt(var > 0 ? var : 0);
        st->rms[c] = sqrt(u->square[c] / n);
        st->max_abs[c] = u->max[c];
    }
}

void
hs_trajset_stats(struct hs_trajset *s, struct hs_team *team)
{
    for (size_t l = 0; l < s->n_layers; l++) {
        struct sums u = {.s = s, .l = l};
        size_t j = 0;

        s->stats[l].n = 0;
        while (j < s->n && s->traj[j].val)
            j++;
        if (j == s->n)
            continue;
        for (size_t k = 0; k < s->n; k++)
            if (!s->traj[k].val)
                s->stats[l].n += s->traj[k].n_states;
        u.pivot = hs_calloc(s->dim, sizeof *u.pivot);
        hs_trajset_row(s, l, j, 0, u.pivot);
        u.sum = hs_calloc(s->dim, sizeof *u.sum);
        u.sum2 = hs_calloc(s->dim, sizeof *u.sum2);
        u.square = hs_calloc(s->dim, sizeof *u.square);
        u.max = hs_calloc(s->dim, sizeof *u.max);
        hs_team_run(team, add_up, &u);
        finish(&s->stats[l], &u);
        free(u.pivot);
        free(u.sum);
        free(u.sum2);
        free(u.square);
        free(u.max);
    }
}
