/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dependrec.c - a dependence test as records, see depend.h.
 */
#include <config.h>

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "rpe/depend.h"
#include "stats/paired.h"

enum figure {
    CORR,
    RATIO,
    RHO
};

static const char *const kinds[] = {
    [HS_DEPEND_NONE] = "none",     [HS_DEPEND_VALUE] = "value",
    [HS_DEPEND_RANDOM] = "random", [HS_DEPEND_VALUE_SINKS] = "value-sinks",
    [HS_DEPEND_RMS] = "rms",
};

static void
put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static void
put_u64(json_t *o, const char *key, uint64_t x)
{
    put(o, key, json_integer((json_int_t)x));
}

static json_t *
list_json(const uint32_t *v, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(a, json_integer(v[i]));
    return a;
}

static json_t *
numbers_json(const double *v, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(a, hs_json_number(v[i]));
    return a;
}

/* ---- figures ---- */

static double
of_coord(const struct hs_depend_arm *a, enum figure f, size_t c)
{
    return f == CORR ? a->corr[c] : f == RATIO ? a->ratio[c] : a->rho[c];
}

/* The figure of a coordinate, or (c = n_coords) its mean over those that have
 * one.  Oriented: rho with the sign that makes the unedited one positive. */
static double
figure(const struct hs_depend *d, const struct hs_depend_arm *a, enum figure f,
       size_t c, bool oriented)
{
    double sum = 0;
    size_t n = 0;

    if (c < d->n_coords) {
        double x = of_coord(a, f, c);

        return oriented && f == RHO && d->arms[0].rho[c] < 0 ? -x : x;
    }
    for (c = 0; c < d->n_coords; c++) {
        /* The same ones in all arms. */
        if (isnan(of_coord(&d->arms[0], f, c)))
            continue;
        sum += figure(d, a, f, c, true);
        n++;
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

static json_t *
place_json(const struct hs_depend *d, enum hs_depend_kind kind, enum figure f,
           size_t c)
{
    double *draws = hs_calloc(d->n_arms, sizeof *draws);
    const struct hs_depend_arm *value = &d->arms[d->reference];
    double sum = 0, low = (double)INFINITY, high = -(double)INFINITY;
    json_t *j = json_object();
    size_t n = 0;

    for (size_t i = 0; i < d->n_arms; i++) {
        double x;

        if (d->arms[i].kind != kind)
            continue;
        draws[n++] = figure(d, &d->arms[i], f, c, true);
        x = figure(d, &d->arms[i], f, c, false);
        sum += x;
        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    put(j, "mean", hs_json_number(sum / (double)n));
    put(j, "low", hs_json_number(low));
    put(j, "high", hs_json_number(high));
    if (f != RATIO)
        put(j, "p",
            hs_json_number(hs_rank_p(figure(d, value, f, c, true), draws, n)));
    free(draws);
    return j;
}

static json_t *
figure_json(const struct hs_depend *d, enum figure f, size_t c)
{
    json_t *j = json_object();

    if (f == RHO)
        put(j, "none", hs_json_number(figure(d, &d->arms[0], f, c, false)));
    put(j, "value",
        hs_json_number(figure(d, &d->arms[d->reference], f, c, false)));
    if (d->o.n_random > 0)
        put(j, "random", place_json(d, HS_DEPEND_RANDOM, f, c));
    if (d->o.n_rms > 0)
        put(j, "rms", place_json(d, HS_DEPEND_RMS, f, c));
    return j;
}

static void
put_figures(json_t *j, const struct hs_depend *d, size_t c)
{
    put(j, "corr", figure_json(d, CORR, c));
    put(j, "ratio", figure_json(d, RATIO, c));
    put(j, "rho", figure_json(d, RHO, c));
}

static json_t *
coords_json(const struct hs_depend *d)
{
    json_t *a = json_array();

    for (size_t c = 0; c < d->n_coords; c++) {
        json_t *j = json_object();

        put_u64(j, "layer", d->coords[c].layer);
        put_u64(j, "index", d->coords[c].index);
        put(j, "sign", json_integer(d->coords[c].sign));
        put_u64(j, "direct", d->coords[c].direct);
        put_u64(j, "traces", d->n_traces[c]);
        put_figures(j, d, c);
        (void)json_array_append_new(a, j);
    }
    return a;
}

/* ---- records ---- */

static void
put_settings(json_t *j, const struct hs_depend *d)
{
    const struct hs_depend_options *o = &d->o;

    put(j, "edit_layers", list_json(o->edit_layers.v, o->edit_layers.n));
    put_u64(j, "dim", d->d);
    put_u64(j, "k", d->k);
    put(j, "share", o->top.count > 0 ? json_null() : json_real(o->top.share));
    put(j, "target", json_string(hs_target_name(o->target)));
    put(j, "where", json_string(hs_edit_where_name(o->where)));
    put_u64(j, "n_random", o->n_random);
    put_u64(j, "n_rms", o->n_rms);
    put_u64(j, "seed", o->seed);
    put(j, "gamma", json_real(o->gamma));
    put(j, "threshold", json_real(o->threshold));
    put(j, "alpha", json_real(o->alpha));
    put(j, "limit",
        o->limit == 0 ? json_null() : json_integer((json_int_t)o->limit));
    put(j, "reference", json_string(kinds[d->arms[d->reference].kind]));
    put_u64(j, "sinks", d->n_sinks);
}

json_t *
hs_depend_json(const struct hs_depend *d)
{
    json_t *j = json_object(), *mean = json_object();

    put(j, "type", json_string("dependence"));
    put_settings(j, d);
    put_u64(j, "trajectories", d->n_traj);
    put_u64(j, "tokens", d->n_tokens);
    put_u64(j, "steps", d->n_steps);
    put_u64(j, "checked", d->n_checked);
    put(j, "deviation", json_real(d->deviation));
    put_figures(mean, d, d->n_coords);
    put(j, "mean", mean);
    put(j, "coordinates", coords_json(d));
    return j;
}

static json_t *
arm_json(const struct hs_depend *d, const struct hs_depend_arm *a)
{
    json_t *j = json_object(), *sets = json_array(), *flat = json_array();

    put(j, "type", json_string("dependence-arm"));
    put(j, "arm", json_string(a->label));
    put(j, "kind", json_string(kinds[a->kind]));
    put(j, "draw", a->draw > 0 ? json_integer(a->draw) : json_null());
    put_u64(j, "edits", a->edits);
    for (size_t l = 0; l < d->o.edit_layers.n && a->edit != NULL; l++)
        (void)json_array_append_new(sets,
                                    list_json(a->edit[l].coords, a->edit[l].n));
    for (size_t c = 0; c < d->n_coords; c++)
        (void)json_array_append_new(flat,
                                    json_integer((json_int_t)a->n_flat[c]));
    put(j, "sets", sets);
    put(j, "corr", numbers_json(a->corr, d->n_coords));
    put(j, "ratio", numbers_json(a->ratio, d->n_coords));
    put(j, "rho", numbers_json(a->rho, d->n_coords));
    put(j, "flat", flat);
    return j;
}

int
hs_depend_encode(const struct hs_depend *d, struct hs_encoded *e,
                 struct hs_error *err)
{
    json_t *j = hs_depend_json(d);
    int rc = hs_encode_json(e, j, err);

    json_decref(j);
    for (size_t i = 0; i < d->n_arms && rc == 0; i++) {
        j = arm_json(d, &d->arms[i]);
        rc = hs_encode_json(e, j, err);
        json_decref(j);
    }
    return rc;
}

void
hs_depend_head(const struct hs_depend *d, struct hs_head *head)
{
    json_t *j = json_object();
    uint32_t *v = hs_calloc(d->kept.n, sizeof *v);

    hs_head_init(head, "rpe");
    hs_head_set(&head->fingerprint, d->head.fingerprint);
    hs_head_set(&head->family, d->head.family);
    hs_head_set(&head->positions, d->head.positions);
    head->n_layers = d->head.n_layers;
    head->n_vocab = d->head.n_vocab;
    head->dim = d->head.dim;
    head->dtype = d->head.dtype;
    for (size_t i = 0; i < d->kept.n; i++)
        v[i] = d->kept.v[i];
    head->layers = (struct hs_list){.v = v, .n = d->kept.n};
    put_settings(j, d);
    put(head->run, "dependence", j);
}
