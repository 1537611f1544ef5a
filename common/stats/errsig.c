/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * errsig.c - see errsig.h.
 *
 * Residuals have length 1, so that the sum of a column's scores is its partial
 * correlation, and scores of all columns are of one size.  Flipping signs of
 * the other residual takes it out of what it was orthogonal to; the length of
 * what is left is 1 less its coordinates there, a sum over groups too.  So the
 * partial correlation with flipped signs costs one factor a draw, for all
 * columns.
 */
#include <config.h>

#include "stats/errsig.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "stats/drawsum.h"
#include "stats/fdr.h"
#include "stats/partial.h"

enum {
    LEAST_GROUPS = 6,
    COLUMNS = 16 /* at a time: a cache line of x */
};

/* Of 1, what squares leave of it by rounding. */
static const double NOTHING = 1e-12;

/* The groups that have rows. */
struct groups {
    uint32_t *number; /* (groups of the caller), owned: ours */
    uint32_t *from;   /* (n), owned: theirs, ascending */
    size_t n;
};

/* One of outcome and expected, given the other and z. */
struct side {
    struct hs_residual *given; /* owned */
    double *rest;              /* (rows), owned: of the one; length 1 */
    double *score;             /* (groups, d), owned */
    double *span;  /* (groups, rank), owned: of rest, in given's span */
    double *limit; /* (d), owned */
    double *r, *p; /* (d), the result's */
    struct hs_drawsum sums;
    size_t empty; /* draws whose signs leave nothing of rest */
};

static void
groups_init(struct groups *g, const struct hs_errsig_data *data)
{
    g->number = hs_calloc(data->n_groups, sizeof *g->number);
    g->from = hs_calloc(data->n_groups, sizeof *g->from);
    g->n = 0;
    for (size_t i = 0; i < data->n; i++)
        g->number[data->group[i]] = 1;
    for (size_t k = 0; k < data->n_groups; k++) {
        if (!g->number[k])
            continue;
        g->from[g->n] = (uint32_t)k;
        g->number[k] = (uint32_t)g->n++;
    }
}

static void
groups_free(struct groups *g)
{
    free(g->number);
    free(g->from);
}

/* ---- scores ---- */

/* Of the one, given the other and z. */
static int
side_init(struct side *s, const struct hs_errsig_data *data, const double *one,
          const double *other, const char *name, struct hs_error *err)
{
    size_t k = data->k + 1, n = data->n;
    double *z = hs_malloc(hs_mul(hs_mul(n, k), sizeof *z)), length;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < data->k; j++)
            z[i * k + j] = data->z[i * data->k + j];
        z[i * k + data->k] = other[i];
    }
    s->given = hs_residual_new(z, n, k, err);
    free(z);
    if (s->given == NULL)
        return hs_fail_prefix(err, "error signal: %s", name);
    s->rest = hs_malloc(hs_mul(n, sizeof *s->rest));
    memcpy(s->rest, one, n * sizeof *one);
    length = hs_residual_take(s->given, s->rest);
    if (isnan(length))
        return hs_fail(err, "error signal: %s: not finite", name);
    if (length == 0)
        return hs_fail(err,
                       "error signal: %s: the same everywhere, or explained by "
                       "the rest",
                       name);
    for (size_t i = 0; i < n; i++)
        s->rest[i] /= length;
    return 0;
}

static void
side_free(struct side *s)
{
    hs_residual_free(s->given);
    free(s->rest);
    free(s->score);
    free(s->span);
    free(s->limit);
    hs_drawsum_free(&s->sums);
}

/* The scores of column j, which is overwritten. */
static void
score_column(struct side *s, const struct hs_errsig_data *data,
             const struct groups *g, size_t j, double *column)
{
    double length = hs_residual_take(s->given, column), r = 0;

    for (size_t i = 0; i < data->n && length > 0; i++) {
        double v = column[i] / length * s->rest[i];

        s->score[g->number[data->group[i]] * data->d + j] += v;
        r += v;
    }
    s->r[j] = length > 0 ? fmax(-1, fmin(1, r)) : NAN;
    s->limit[j] = hs_drawsum_limit(r, 1);
}

static int
score_all(struct side side[2], const struct hs_errsig_data *data,
          const struct groups *g, struct hs_error *err)
{
    double *columns = hs_malloc(hs_mul(COLUMNS * data->n, sizeof *columns));
    double *column = hs_malloc(hs_mul(data->n, sizeof *column));
    size_t bad = data->d;

    for (size_t j = 0; j < data->d && bad == data->d; j += COLUMNS) {
        size_t count = data->d - j < COLUMNS ? data->d - j : COLUMNS;

        for (size_t i = 0; i < data->n; i++) {
            for (size_t c = 0; c < count; c++) {
                float v = data->x[i * data->d + j + c];

                columns[c * data->n + i] = (double)v;
                if (!isfinite(v) && j + c < bad)
                    bad = j + c;
            }
        }
        for (size_t c = 0; c < 2 * count && bad == data->d; c++) {
            memcpy(column, columns + c / 2 * data->n, data->n * sizeof *column);
            score_column(&side[c % 2], data, g, j + c / 2, column);
        }
    }
    free(column);
    free(columns);
    if (bad < data->d)
        return hs_fail(err, "error signal: column %zu: not finite", bad);
    return 0;
}

/* ---- signs ---- */

static void
find_span(struct side *s, const struct hs_errsig_data *data,
          const struct groups *g)
{
    size_t rank = hs_residual_rank(s->given);
    double *row = hs_malloc(hs_mul(rank, sizeof *row));

    s->span = hs_calloc(hs_mul(g->n, rank), sizeof *s->span);
    for (size_t i = 0; i < data->n; i++) {
        double *to = s->span + g->number[data->group[i]] * rank;

        hs_residual_row(s->given, i, row);
        for (size_t j = 0; j < rank; j++)
            to[j] += row[j] * s->rest[i];
    }
    free(row);
}

/* One over the length of what is left of rest under these signs, which is of
 * length 1 before; 0 if nothing is. */
static double
factor_of(const struct side *s, const struct groups *g, const double *sign)
{
    size_t rank = hs_residual_rank(s->given);
    double left = 1;

    for (size_t j = 0; j < rank; j++) {
        double along = 0;

        for (size_t i = 0; i < g->n; i++)
            along += sign[i] * s->span[i * rank + j];
        left -= along * along;
    }
    return left > NOTHING ? 1 / sqrt(left) : 0;
}

void
hs_flip_signs(uint64_t seed, uint32_t draw, const uint32_t *group, size_t n,
              double *out)
{
    uint32_t words[4], block = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        uint32_t k = group != NULL ? group[i] : (uint32_t)i;

        if (k / 128 != block) {
            block = k / 128;
            hs_rng_words(seed, HS_RNG_FLIP, draw, block, words);
        }
        out[i] = words[k % 128 / 32] >> (k % 32) & 1 ? -1 : 1;
    }
}

/* The first sign stays: a pattern and its opposite have the same sum. */
static void
write_signs(const struct groups *g, size_t pattern, double *out)
{
    out[0] = 1;
    for (size_t i = 1; i < g->n; i++)
        out[i] = pattern >> (i - 1) & 1 ? -1 : 1;
}

/* Counts n draws (count, groups).  Signs that leave nothing count as reached
 * by all columns. */
static void
add_draws(struct side *s, const struct groups *g, const double *sign, size_t n)
{
    double factor[HS_DRAWSUM_ROWS];

    for (size_t i = 0; i < n; i++) {
        factor[i] = factor_of(s, g, sign + i * g->n);
        s->empty += factor[i] == 0;
    }
    hs_drawsum_add(&s->sums, sign, factor, n);
}

static void
flip_all(struct side side[2], const struct groups *g, size_t n_draws,
         uint64_t seed)
{
    bool exact = g->n <= 63 && (size_t)1 << (g->n - 1) <= n_draws;
    size_t n = exact ? (size_t)1 << (g->n - 1) : n_draws, count;
    double *sign =
        hs_malloc(hs_mul(hs_mul(HS_DRAWSUM_ROWS, g->n), sizeof *sign));

    for (size_t b = 0; b < n; b += count) {
        count = n - b < HS_DRAWSUM_ROWS ? n - b : HS_DRAWSUM_ROWS;
        for (size_t i = 0; i < count; i++) {
            if (exact)
                write_signs(g, b + i, sign + i * g->n);
            else
                hs_flip_signs(seed, (uint32_t)(b + i), g->from, g->n,
                              sign + i * g->n);
        }
        add_draws(&side[0], g, sign, count);
        add_draws(&side[1], g, sign, count);
    }
    free(sign);
    for (int s = 0; s < 2; s++) {
        const struct side *a = &side[s];

        for (size_t j = 0; j < a->sums.d; j++) {
            size_t reached = a->sums.reached[j] + a->empty + !exact;

            a->p[j] =
                isnan(a->r[j]) ? NAN : (double)reached / (double)(n + !exact);
        }
    }
}

/* ---- all ---- */

static void
result_init(struct hs_errsig *e, const struct hs_errsig_data *data)
{
    size_t d = data->d;

    *e = (struct hs_errsig){.d = d, .n = data->n};
    e->r_out = hs_malloc(hs_mul(d, sizeof *e->r_out));
    e->p_out = hs_malloc(hs_mul(d, sizeof *e->p_out));
    e->r_exp = hs_malloc(hs_mul(d, sizeof *e->r_exp));
    e->p_exp = hs_malloc(hs_mul(d, sizeof *e->p_exp));
    e->p = hs_malloc(hs_mul(d, sizeof *e->p));
    e->q = hs_malloc(hs_mul(d, sizeof *e->q));
}

static double
both(double r_out, double r_exp, double p_out, double p_exp)
{
    if (isnan(r_out) || isnan(r_exp))
        return NAN;
    return r_out * r_exp < 0 ? fmax(p_out, p_exp) : 1;
}

static int
run(struct side side[2], const struct hs_errsig_data *data,
    const struct groups *g, size_t n_draws, uint64_t seed, struct hs_error *err)
{
    if (g->n < LEAST_GROUPS)
        return hs_fail(err, "error signal: %zu groups: at least %d are needed",
                       g->n, LEAST_GROUPS);
    if (side_init(&side[0], data, data->outcome, data->expected, "outcome",
                  err) != 0 ||
        side_init(&side[1], data, data->expected, data->outcome, "expected",
                  err) != 0)
        return -1;
    for (int s = 0; s < 2; s++) {
        find_span(&side[s], data, g);
        side[s].score = hs_calloc(hs_mul(g->n, data->d), sizeof(double));
        side[s].limit = hs_malloc(hs_mul(data->d, sizeof(double)));
    }
    if (score_all(side, data, g, err) != 0)
        return -1;
    for (int s = 0; s < 2; s++) {
        if (hs_drawsum_init(&side[s].sums, side[s].score, side[s].limit, g->n,
                            data->d, err) != 0)
            return -1;
    }
    flip_all(side, g, n_draws, seed);
    return 0;
}

int
hs_errsig(const struct hs_errsig_data *data, size_t n_draws, uint64_t seed,
          struct hs_errsig *out, struct hs_error *err)
{
    struct side side[2] = {0};
    struct groups g;
    int status;

    result_init(out, data);
    groups_init(&g, data);
    out->n_groups = g.n;
    side[0].r = out->r_out;
    side[0].p = out->p_out;
    side[1].r = out->r_exp;
    side[1].p = out->p_exp;
    status = run(side, data, &g, n_draws, seed, err);
    for (size_t j = 0; j < out->d && status == 0; j++)
        out->p[j] =
            both(out->r_out[j], out->r_exp[j], out->p_out[j], out->p_exp[j]);
    if (status == 0)
        hs_fdr(out->p, out->d, out->q);
    for (int s = 0; s < 2; s++)
        side_free(&side[s]);
    groups_free(&g);
    if (status != 0)
        hs_errsig_free(out);
    return status;
}

void
hs_errsig_free(struct hs_errsig *e)
{
    free(e->r_out);
    free(e->p_out);
    free(e->r_exp);
    free(e->p_exp);
    free(e->p);
    free(e->q);
    *e = (struct hs_errsig){0};
}
