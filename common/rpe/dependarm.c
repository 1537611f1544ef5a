/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dependarm.c - see dependarm.h.
 */
#include <config.h>

#include "rpe/dependarm.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/armdraw.h"
#include "ablate/armfiles.h"

/* Matched draws keep away from so much of the top of a ranking, as those of
 * ablate-eval do. */
#define NEAR_TOP 0.05

/* One edit layer. */
struct site {
    const struct hs_ranking *rank; /* borrowed */
    double *rms;                   /* (d) */
    bool *sink;                    /* (d): for sure */
    bool *skip;                    /* (d): no draw takes it: sinks, tested */
    uint32_t *value, *no_sinks;    /* (k) each, best first */
    uint32_t *held, *rest;         /* of the reference: tested ones, others */
    size_t n_held, n_rest, n_sinks;
    uint32_t *by_rms; /* (n_free): what partners are found in, ascending */
    size_t n_free;
};

struct arms {
    struct hs_depend *d;
    bool *tested;       /* (d) */
    struct site *sites; /* (n edit layers) */
    size_t cap;
};

/* ---- what is known of a layer ---- */

struct scored {
    double score;
    uint32_t j;
};

static int
compare_scored(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? -1 : 1;
    return x->j < y->j ? -1 : x->j > y->j;
}

static int
compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Free coordinates by RMS: none of the top of the ranking, no sinks, none that
 * are tested. */
static int
find_free(const struct arms *a, struct site *s, struct hs_error *err)
{
    const struct hs_top near_top = {.share = NEAR_TOP};
    size_t d = a->d->d, top = hs_top_count(&near_top, d);
    struct scored *v = hs_calloc(d, sizeof *v);
    int rc = 0;

    top = a->d->k > top ? a->d->k : top;
    for (uint32_t j = 0; j < d; j++) {
        s->rms[j] = (double)s->rank->rms[j];
        if (s->skip[j] || s->rank->rank[j] <= top)
            continue;
        if (a->d->o.n_rms > 0 && !isfinite(s->rms[j]))
            rc = hs_fail(err, "the RMS of coordinate %" PRIu32 " is no number",
                         j);
        v[s->n_free++] = (struct scored){s->rms[j], j};
    }
    if (rc == 0)
        qsort(v, s->n_free, sizeof *v, compare_scored);
    for (size_t i = 0; i < s->n_free; i++)
        s->by_rms[i] = v[i].j;
    free(v);
    return rc;
}

/* The sets value and value-sinks. */
static int
find_value(const struct arms *a, struct site *s, struct hs_error *err)
{
    size_t d = a->d->d, k = a->d->k, n = 0;

    for (size_t i = 0; i < d && n < k; i++)
        if (!s->sink[s->rank->order[i]])
            s->no_sinks[n++] = s->rank->order[i];
    if (n < k)
        return hs_fail(err, "%zu coordinates, and only %zu are no sinks", k, n);
    for (size_t i = 0; i < k; i++) {
        s->value[i] = s->rank->order[i];
        s->n_sinks += s->sink[s->value[i]];
    }
    return 0;
}

static int
open_site(struct arms *a, struct site *s, uint32_t layer, struct hs_error *err)
{
    const struct hs_depend_options *o = &a->d->o;
    const struct hs_rank_source source = {.all = a->d->in.rankings,
                                          .name = a->d->in.rankings_name,
                                          .one_target = o->one_target,
                                          .target = o->target};
    size_t d = a->d->d, k = a->d->k;

    if (hs_rank_source_find(&source, layer, &s->rank, err) < 0)
        return -1;
    a->d->o.target = s->rank->target;
    s->rms = hs_calloc(d, sizeof *s->rms);
    s->sink = hs_calloc(d, sizeof *s->sink);
    s->skip = hs_calloc(d, sizeof *s->skip);
    s->by_rms = hs_calloc(d, sizeof *s->by_rms);
    s->value = hs_calloc(k, sizeof *s->value);
    s->no_sinks = hs_calloc(k, sizeof *s->no_sinks);
    s->held = hs_calloc(k, sizeof *s->held);
    s->rest = hs_calloc(k, sizeof *s->rest);
    for (size_t j = 0; j < d; j++) {
        s->sink[j] = s->rank->sink[j] == HS_SINK_YES;
        s->skip[j] = s->sink[j] || a->tested[j];
    }
    if (find_value(a, s, err) < 0 || find_free(a, s, err) < 0)
        return hs_fail_prefix(err, "layer %" PRIu32, layer);
    return 0;
}

static void
close_site(struct site *s)
{
    void *owned[] = {s->rms,      s->sink, s->skip, s->value,
                     s->no_sinks, s->held, s->rest, s->by_rms};

    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
}

/* What draws must have and what they may choose; whether there is enough. */
static int
check_site(const struct arms *a, struct site *s, bool no_sinks, uint32_t layer,
           struct hs_error *err)
{
    const uint32_t *set = no_sinks ? s->no_sinks : s->value;
    size_t n = 0;

    for (size_t i = 0; i < a->d->k; i++) {
        if (a->tested[set[i]])
            s->held[s->n_held++] = set[i];
        else
            s->rest[s->n_rest++] = set[i];
    }
    for (size_t j = 0; j < a->d->d; j++)
        n += !s->skip[j];
    if (a->d->o.n_random > 0 && n < s->n_rest)
        return hs_fail(err,
                       "layer %" PRIu32
                       ": %zu to draw at random, and only %zu "
                       "coordinates are no sinks and not tested",
                       layer, s->n_rest, n);
    if (a->d->o.n_rms > 0 && s->n_free < s->n_rest)
        return hs_fail(err,
                       "layer %" PRIu32
                       ": %zu partners by RMS, and only %zu "
                       "coordinates are no sinks, not tested and not at the "
                       "top of the ranking",
                       layer, s->n_rest, s->n_free);
    return 0;
}

/* ---- arms ---- */

static struct hs_depend_arm *
add_arm(struct arms *a, enum hs_depend_kind kind, uint32_t draw)
{
    static const char *const names[] = {
        [HS_DEPEND_NONE] = "none",     [HS_DEPEND_VALUE] = "value",
        [HS_DEPEND_RANDOM] = "random", [HS_DEPEND_VALUE_SINKS] = "value-sinks",
        [HS_DEPEND_RMS] = "rms",
    };
    struct hs_depend *d = a->d;
    struct hs_depend_arm *arm;
    struct hs_buf label = {0};
    size_t n = d->n_coords;

    d->arms = hs_grow(d->arms, &a->cap, d->n_arms + 1, sizeof *d->arms);
    arm = &d->arms[d->n_arms++];
    hs_buf_str(&label, names[kind]);
    if (draw > 0)
        hs_buf_printf(&label, ".%" PRIu32, draw);
    *arm = (struct hs_depend_arm){
        .kind = kind, .draw = draw, .label = hs_buf_cstr(&label)};
    arm->corr = hs_calloc(n, sizeof *arm->corr);
    arm->ratio = hs_calloc(n, sizeof *arm->ratio);
    arm->rho = hs_calloc(n, sizeof *arm->rho);
    arm->n_flat = hs_calloc(n, sizeof *arm->n_flat);
    return arm;
}

/* The set of an arm in one layer: out (k), in any order. */
static void
take_set(const struct arms *a, const struct site *s, uint32_t layer,
         const struct hs_depend_arm *arm, uint32_t *out)
{
    const struct hs_arm_draw w = {a->d->o.seed, layer, arm->draw, s->n_rest};
    size_t k = a->d->k;

    if (arm->kind == HS_DEPEND_VALUE || arm->kind == HS_DEPEND_VALUE_SINKS) {
        memcpy(out, arm->kind == HS_DEPEND_VALUE ? s->value : s->no_sinks,
               k * sizeof *out);
        return;
    }
    memcpy(out, s->held, s->n_held * sizeof *out);
    if (arm->kind == HS_DEPEND_RANDOM)
        hs_arm_draw_uniform(&w, a->d->d, s->skip, out + s->n_held);
    else
        hs_arm_draw_matched(&w, s->rest, s->by_rms, s->n_free, s->rms,
                            out + s->n_held);
}

/* One edit for each layer, in a chain. */
static void
make_edits(const struct arms *a, struct hs_depend_arm *arm)
{
    const struct hs_list *layers = &a->d->o.edit_layers;
    size_t k = a->d->k;

    arm->edit = hs_calloc(layers->n, sizeof *arm->edit);
    for (size_t l = 0; l < layers->n; l++) {
        struct hs_edit *e = &arm->edit[l];

        *e = (struct hs_edit){.mode = HS_EDIT_ZERO,
                              .where = a->d->o.where,
                              .layer = layers->v[l],
                              .coords = hs_calloc(k, sizeof *e->coords),
                              .values = hs_calloc(k, sizeof *e->values),
                              .n = k};
        take_set(a, &a->sites[l], e->layer, arm, e->coords);
        qsort(e->coords, k, sizeof *e->coords, compare_numbers);
        if (l + 1 < layers->n)
            e->more = &arm->edit[l + 1];
    }
}

static void
make_arms(struct arms *a)
{
    struct hs_depend *d = a->d;

    (void)add_arm(a, HS_DEPEND_NONE, 0);
    make_edits(a, add_arm(a, HS_DEPEND_VALUE, 0));
    if (d->n_sinks > 0)
        make_edits(a, add_arm(a, HS_DEPEND_VALUE_SINKS, 0));
    d->reference = d->n_arms - 1;
    for (uint32_t i = 1; i <= d->o.n_random; i++)
        make_edits(a, add_arm(a, HS_DEPEND_RANDOM, i));
    for (uint32_t i = 1; i <= d->o.n_rms; i++)
        make_edits(a, add_arm(a, HS_DEPEND_RMS, i));
    for (size_t c = 0; c < d->n_coords; c++)
        for (size_t l = 0; l < d->o.edit_layers.n; l++) {
            const struct hs_edit *e = &d->arms[d->reference].edit[l];

            for (size_t i = 0; i < e->n; i++)
                d->coords[c].direct += e->coords[i] == d->coords[c].index;
        }
}

int
hs_depend_arms(struct hs_depend *d, struct hs_error *err)
{
    const struct hs_list *layers = &d->o.edit_layers;
    struct arms a = {.d = d};
    int rc = 0;

    d->k = hs_top_count(&d->o.top, d->d);
    if (d->k > d->d)
        return hs_fail(err, "%zu coordinates of %zu", d->k, d->d);
    a.tested = hs_calloc(d->d, sizeof *a.tested);
    a.sites = hs_calloc(layers->n, sizeof *a.sites);
    for (size_t c = 0; c < d->n_coords; c++)
        a.tested[d->coords[c].index] = true;
    for (size_t l = 0; l < layers->n && rc == 0; l++) {
        rc = open_site(&a, &a.sites[l], layers->v[l], err);
        d->n_sinks += a.sites[l].n_sinks;
    }
    for (size_t l = 0; l < layers->n && rc == 0; l++)
        rc = check_site(&a, &a.sites[l], d->n_sinks > 0, layers->v[l], err);
    if (rc == 0)
        make_arms(&a);
    for (size_t l = 0; l < layers->n; l++)
        close_site(&a.sites[l]);
    free(a.sites);
    free(a.tested);
    return rc;
}

void
hs_depend_arms_free(struct hs_depend *d)
{
    for (size_t i = 0; i < d->n_arms; i++) {
        struct hs_depend_arm *arm = &d->arms[i];

        for (size_t l = 0; l < d->o.edit_layers.n && arm->edit != NULL; l++)
            hs_edit_free(&arm->edit[l]);
        free(arm->edit);
        free(arm->label);
        free(arm->corr);
        free(arm->ratio);
        free(arm->rho);
        free(arm->n_flat);
    }
    free(d->arms);
    d->arms = NULL;
    d->n_arms = 0;
}
