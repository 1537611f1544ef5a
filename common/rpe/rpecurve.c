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
    f->mixed = hs_calloc(n, sizeof *f->mixed);
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
    free(f->mixed);
    free(f->group);
    f->rows = NULL;
    f->y = f->mixed = NULL;
    f->group = NULL;
}

/* Shuffle number draw of the deltas into f->mixed (Fisher and Yates). */
static void
mix(struct hs_rpe_fits *f, uint32_t draw)
{
    memcpy(f->mixed, f->y, f->n * sizeof *f->y);
    for (size_t i = f->n; i > 1; i--) {
        size_t k = (size_t)hs_rng_below(f->seed, HS_RNG_RPE_SHUFFLE, draw,
                                        (uint32_t)i, i);
        double swap = f->mixed[i - 1];

        f->mixed[i - 1] = f->mixed[k];
        f->mixed[k] = swap;
    }
}

int
hs_rpe_fit_once(struct hs_rpe_fits *f, uint64_t seed, const uint32_t *columns,
                size_t k, int64_t shuffled, struct hs_rpe_probe *p,
                double *predicted, struct hs_rpe_eval *e, struct hs_error *err)
{
    struct hs_rpe_rows rows = {f->rows, f->y, f->group, f->n, f->d};
    struct hs_rpe_fit_options o = f->o;
    struct hs_rpe_probe own = {0}, *fitted = p != NULL ? p : &own;
    double *u = hs_calloc(f->t->n, sizeof *u);
    int rc;

    o.seed = seed;
    if (shuffled >= 0) {
        mix(f, (uint32_t)shuffled);
        rows.y = f->mixed;
    }
    rc = hs_rpe_fit(fitted, &o, &rows, columns, k, f->team, err);
    if (rc == 0) {
        struct hs_rpe_asker *a = hs_rpe_asker_new(fitted, f->team);

        hs_rpe_ask(a, f->x, f->t->n, u);
        hs_rpe_asker_free(a);
        hs_rpe_evaluate(f->t, u, f->bootstrap, f->seed, f->level, e);
        if (predicted != NULL)
            memcpy(predicted, u, f->t->n * sizeof *u);
        if (f->done != NULL)
            f->done(f->ud);
    }
    free(u);
    hs_rpe_probe_free(&own);
    return rc;
}

int
hs_rpe_shuffles(struct hs_rpe_fits *f, struct hs_rpe_eval *out,
                struct hs_error *err)
{
    for (size_t i = 0; i < f->n_random; i++)
        if (hs_rpe_fit_once(f, f->o.seed, NULL, 0, (int64_t)i, NULL, NULL,
                            &out[i], err) < 0)
            return hs_fail_prefix(err, "shuffled deltas");
    return 0;
}

/* ---- the curve ---- */

struct curve {
    struct hs_rpe_fits *f;
    const struct hs_ranking *r;
    const struct hs_rpe_eval *whole, *shuffles;
    uint32_t *order, *columns; /* (d) */
    uint8_t *kept;             /* (d) */
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

/* The first k of an order, ascending. */
static void
choose(struct curve *c, const uint32_t *order, size_t k)
{
    size_t n = 0;

    memset(c->kept, 0, c->f->d);
    for (size_t i = 0; i < k; i++)
        c->kept[order[i]] = 1;
    for (size_t j = 0; j < c->f->d; j++)
        if (c->kept[j] != 0)
            c->columns[n++] = (uint32_t)j;
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
 * shuffles. */
static int
fit_all(struct curve *c, size_t k, struct hs_rpe_eval *e, struct hs_error *err)
{
    struct hs_rpe_fits *f = c->f;
    size_t m = f->n_random;
    int rc = 0;

    for (size_t i = 0; i < m && rc == 0; i++) {
        draw_order(c, (uint32_t)i);
        choose(c, c->order, k);
        rc = hs_rpe_fit_once(f, f->o.seed, c->columns, k, -1, NULL, NULL,
                             &e[1 + i], err);
    }
    choose(c, c->r->order, k);
    if (rc == 0)
        rc = hs_rpe_fit_once(f, f->o.seed, c->columns, k, -1, NULL, NULL, &e[0],
                             err);
    for (size_t i = 0; i < m && rc == 0; i++)
        rc = hs_rpe_fit_once(f, f->o.seed, c->columns, k, (int64_t)i, NULL,
                             NULL, &e[1 + m + i], err);
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
hs_rpe_curve(struct hs_rpe_fits *f, const struct hs_ranking *r,
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
                      .columns = hs_calloc(f->d, sizeof *c.columns),
                      .kept = hs_calloc(f->d, sizeof *c.kept),
                      .out = out};
    int rc = 0;

    for (size_t i = 0; i < n_ratios && rc == 0; i++)
        rc = curve_at(&c, ratios[i], err);
    free(c.order);
    free(c.columns);
    free(c.kept);
    return rc;
}
