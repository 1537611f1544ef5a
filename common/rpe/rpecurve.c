/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpecurve.c - see rpecurve.h.
 */
#include <config.h>

#include "rpe/rpecurve.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"

size_t
hs_rpe_fits_begin(struct hs_rpe_fits *f)
{
    const struct hs_steps *t = f->t;
    size_t n = 0;

    for (size_t k = 0; k < t->n; k++)
        n += t->beyond[k] && !t->val[k];
    f->rows = hs_calloc(hs_mul(n, f->d), sizeof *f->rows);
    f->y = hs_calloc(n, sizeof *f->y);
    f->group = hs_calloc(n, sizeof *f->group);
    f->n = 0;
    for (size_t k = 0; k < t->n; k++) {
        if (!t->beyond[k] || t->val[k])
            continue;
        memcpy(f->rows + f->n * f->d, f->x + k * f->d, f->d * sizeof *f->x);
        f->y[f->n] = t->delta[k];
        f->group[f->n++] = t->group[k];
    }
    return n;
}

void
hs_rpe_fits_end(struct hs_rpe_fits *f)
{
    free(f->rows);
    free(f->y);
    free(f->group);
    f->rows = NULL;
    f->y = NULL;
    f->group = NULL;
}

/* Shuffle number draw of the deltas (Fisher and Yates): (f->n), the caller's.
 */
static double *
mix(const struct hs_rpe_fits *f, uint32_t draw)
{
    double *y = hs_calloc(f->n, sizeof *y);

    memcpy(y, f->y, f->n * sizeof *y);
    for (size_t i = f->n; i > 1; i--) {
        size_t k = (size_t)hs_rng_below(f->seed, HS_RNG_RPE_SHUFFLE, draw,
                                        (uint32_t)i, i);
        double swap = y[i - 1];

        y[i - 1] = y[k];
        y[k] = swap;
    }
    return y;
}

static void
evaluate(const struct hs_rpe_fits *f, const struct hs_rpe_trial *trial,
         const struct hs_rpe_probe *p, struct hs_team *team, double *predicted,
         struct hs_rpe_eval *e)
{
    struct hs_rpe_asker *a = hs_rpe_asker_new(p, team);
    double *u = hs_calloc(f->t->n, sizeof *u);

    hs_rpe_ask(a, f->x, f->t->n, u);
    hs_rpe_asker_free(a);
    hs_rpe_evaluate(f->t, u, trial->interval ? f->bootstrap : 0, f->seed,
                    f->level, e);
    if (predicted != NULL)
        memcpy(predicted, u, f->t->n * sizeof *u);
    free(u);
}

int
hs_rpe_try(const struct hs_rpe_fits *f, const struct hs_rpe_trial *trial,
           struct hs_team *team, struct hs_rpe_probe *p, double *predicted,
           struct hs_rpe_eval *e, struct hs_error *err)
{
    struct hs_rpe_rows rows = {f->rows, f->y, f->group, f->n, f->d};
    struct hs_rpe_fit_options o = f->o;
    struct hs_rpe_probe own = {0}, *fitted = p != NULL ? p : &own;
    double *mixed = NULL;
    int rc;

    o.seed = trial->seed;
    if (trial->shuffled >= 0)
        rows.y = mixed = mix(f, (uint32_t)trial->shuffled);
    rc = hs_rpe_fit(fitted, &o, &rows, trial->columns, trial->k, team, err);
    if (rc == 0)
        evaluate(f, trial, fitted, team, predicted, e);
    free(mixed);
    hs_rpe_probe_free(&own);
    return rc;
}

/* Trials at work. */
struct trials {
    const struct hs_rpe_fits *f;
    const struct hs_rpe_trial *trials;
    size_t n;
    struct hs_rpe_eval *out;
    struct hs_error *errors; /* (n) */
    int *rc;                 /* (n) */
};

static void
try_job(void *ud, struct hs_team *team, size_t thread)
{
    const struct trials *w = ud;
    size_t i;

    (void)thread;
    while ((i = hs_team_take(team)) < w->n)
        w->rc[i] = hs_rpe_try(w->f, &w->trials[i], NULL, NULL, NULL, &w->out[i],
                              &w->errors[i]);
}

int
hs_rpe_try_all(const struct hs_rpe_fits *f, const struct hs_rpe_trial *trials,
               size_t n, struct hs_rpe_eval *out, struct hs_error *err)
{
    struct trials w = {.f = f,
                       .trials = trials,
                       .n = n,
                       .out = out,
                       .errors = hs_calloc(n, sizeof *w.errors),
                       .rc = hs_calloc(n, sizeof *w.rc)};
    int rc = 0;

    hs_team_run(f->team, try_job, &w);
    for (size_t i = 0; i < n; i++) {
        if (w.rc[i] < 0 && rc == 0)
            rc = hs_fail(err, "%s", w.errors[i].text);
        if (f->done != NULL)
            f->done(f->ud);
    }
    free(w.errors);
    free(w.rc);
    return rc;
}

int
hs_rpe_shuffles(const struct hs_rpe_fits *f, struct hs_rpe_eval *out,
                struct hs_error *err)
{
    struct hs_rpe_trial *t = hs_calloc(f->n_random, sizeof *t);
    int rc;

    for (size_t i = 0; i < f->n_random; i++)
        t[i] = (struct hs_rpe_trial){.seed = f->o.seed + i,
                                     .shuffled = (int64_t)i};
    rc = hs_rpe_try_all(f, t, f->n_random, out, err);
    free(t);
    return rc < 0 ? hs_fail_prefix(err, "shuffled deltas") : 0;
}

/* ---- the curve ---- */

struct curve {
    const struct hs_rpe_fits *f;
    const struct hs_ranking *r;
    const struct hs_rpe_eval *whole, *shuffles;
    uint32_t *order; /* (d) */
    uint8_t *kept;   /* (d) */
    json_t *out;
};

size_t
hs_rpe_curve_fits(const double *ratios, size_t n_ratios, size_t n_random,
                  size_t d)
{
    size_t n = 0;

    for (size_t i = 0; i < n_ratios; i++)
        n += hs_kept(d, ratios[i]) == d ? 0 : 1 + 2 * n_random;
    return n;
}

/* The first k of an order, ascending, into columns (k). */
static void
choose(const struct curve *c, const uint32_t *order, size_t k,
       uint32_t *columns)
{
    size_t n = 0;

    memset(c->kept, 0, c->f->d);
    for (size_t i = 0; i < k; i++)
        c->kept[order[i]] = 1;
    for (size_t j = 0; j < c->f->d; j++)
        if (c->kept[j] != 0)
            columns[n++] = (uint32_t)j;
}

/* A shuffle of the coordinates, whose first k are taken: so that smaller sets
 * are parts of larger ones. */
static void
draw_order(struct curve *c, uint32_t draw)
{
    size_t d = c->f->d;

    for (size_t i = 0; i < d; i++)
        c->order[i] = (uint32_t)i;
    for (size_t i = 0; i + 1 < d; i++) {
        size_t k = i + (size_t)hs_rng_below(c->f->seed, HS_RNG_RPE_SUBSET, draw,
                                            (uint32_t)i, d - i);
        uint32_t swap = c->order[i];

        c->order[i] = c->order[k];
        c->order[k] = swap;
    }
}

static json_t *
record(const struct curve *c, const char *type, const char *set, double ratio,
       int figure)
{
    json_t *j = json_object();

    json_object_set_new(j, "type", json_string(type));
    json_object_set_new(j, "layer", json_integer(c->r->layer));
    json_object_set_new(j, "set", json_string(set));
    json_object_set_new(j, "ratio", json_real(ratio));
    json_object_set_new(j, "kept",
                        json_integer((json_int_t)hs_kept(c->f->d, ratio)));
    json_object_set_new(j, "figure", json_string(hs_rpe_figure_names[figure]));
    return j;
}

static void
add_points(struct curve *c, const char *set, int64_t draw, double ratio,
           const struct hs_rpe_eval *e)
{
    json_t *figures = hs_rpe_eval_json(e);

    for (int i = 0; i < HS_N_RPE_FIGURES; i++) {
        json_t *j = record(c, "rpe-curve", set, ratio, i);

        json_object_set_new(j, "draw",
                            draw >= 0 ? json_integer(draw) : json_null());
        json_object_update(j, json_object_get(figures, hs_rpe_figure_names[i]));
        json_array_append_new(c->out, j);
    }
    json_decref(figures);
}

static void
add_bands(struct curve *c, const char *set, double ratio,
          const struct hs_rpe_eval *e)
{
    for (int i = 0; i < HS_N_RPE_FIGURES && c->f->n_random > 0; i++) {
        json_t *j = record(c, "rpe-band", set, ratio, i);
        json_t *band = hs_rpe_band_json(e, c->f->n_random,
                                        (enum hs_rpe_figure)i, c->f->level);

        json_object_update(j, band);
        json_decref(band);
        json_array_append_new(c->out, j);
    }
}

/* All fits of k coordinates: e[0] of the top, then random ones, then
 * shuffles.  A draw has a seed of its own: what a network says before it was
 * trained is a chance too, and would be the same in all draws. */
static int
fit_all(struct curve *c, size_t k, struct hs_rpe_eval *e, struct hs_error *err)
{
    const struct hs_rpe_fits *f = c->f;
    size_t m = f->n_random;
    uint32_t *columns = hs_calloc(hs_mul(m + 1, k), sizeof *columns);
    struct hs_rpe_trial *t = hs_calloc(1 + 2 * m, sizeof *t);
    int rc;

    choose(c, c->r->order, k, columns);
    for (size_t i = 0; i < m; i++) {
        draw_order(c, (uint32_t)i);
        choose(c, c->order, k, columns + (i + 1) * k);
    }
    for (size_t i = 0; i < 1 + 2 * m; i++)
        t[i] = (struct hs_rpe_trial){
            .seed = f->o.seed + (i == 0 ? 0 : (i - 1) % m),
            .columns = columns + (i <= m ? i * k : 0),
            .k = k,
            .shuffled = i <= m ? -1 : (int64_t)(i - m - 1),
            .interval = i == 0};
    rc = hs_rpe_try_all(f, t, 1 + 2 * m, e, err);
    free(columns);
    free(t);
    return rc;
}

static int
curve_at(struct curve *c, double ratio, struct hs_error *err)
{
    size_t m = c->f->n_random, k = hs_kept(c->f->d, ratio);
    struct hs_rpe_eval *e = hs_calloc(1 + 2 * m, sizeof *e);
    int rc = 0;

    if (k < c->f->d) {
        rc = fit_all(c, k, e, err);
    } else { /* all of them: there is one such set */
        for (size_t i = 0; i < m; i++) {
            e[1 + i] = *c->whole;
            e[1 + m + i] = c->shuffles[i];
        }
        e[0] = *c->whole;
    }
    if (rc == 0) {
        add_points(c, "top", -1, ratio, &e[0]);
        for (size_t i = 0; i < m; i++)
            add_points(c, "random", (int64_t)i, ratio, &e[1 + i]);
        for (size_t i = 0; i < m; i++)
            add_points(c, "shuffled", (int64_t)i, ratio, &e[1 + m + i]);
        add_bands(c, "random", ratio, e + 1);
        add_bands(c, "shuffled", ratio, e + 1 + m);
    } else {
        hs_fail_prefix(err, "ratio %g", ratio);
    }
    free(e);
    return rc;
}

int
hs_rpe_curve(const struct hs_rpe_fits *f, const struct hs_ranking *r,
             const double *ratios, size_t n_ratios,
             const struct hs_rpe_eval *whole,
             const struct hs_rpe_eval *shuffles, json_t *out,
             struct hs_error *err)
{
    struct curve c = {.f = f,
                      .r = r,
                      .whole = whole,
                      .shuffles = shuffles,
                      .order = hs_calloc(f->d, sizeof *c.order),
                      .kept = hs_calloc(f->d, sizeof *c.kept),
                      .out = out};
    int rc = 0;

    for (size_t i = 0; i < n_ratios && rc == 0; i++)
        rc = curve_at(&c, ratios[i], err);
    free(c.order);
    free(c.kept);
    return rc;
}
