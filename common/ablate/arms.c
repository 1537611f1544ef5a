/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * arms.c - making arms, see arms.h.
 */
#include <config.h>

#include "ablate/arms.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/armfiles.h"
#include "ablate/armsame.h"
#include "ablate/armset.h"
#include "base/mem.h"
#include "stream/idset.h"

/* Arms in the making. */
struct building {
    const struct hs_arm_plan *p;
    struct hs_armset *out;
    size_t cap, d;
    struct hs_arm_file *files;   /* one for each of specs */
    struct hs_arm_layer *layers; /* one for each of the plan's */
    struct hs_idset labels;
    struct hs_arm_sames sames;
};

static void
free_arm(struct hs_arm *a)
{
    free(a->label);
    free(a->size);
    free(a->same_as);
    hs_edit_free(&a->edit);
    *a = (struct hs_arm){0};
}

void
hs_armset_free(struct hs_armset *s)
{
    for (size_t i = 0; i < s->n; i++)
        free_arm(&s->v[i]);
    free(s->v);
    *s = (struct hs_armset){0};
}

const struct hs_arm *
hs_armset_find(const struct hs_armset *s, const char *label)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].label, label) == 0)
            return &s->v[i];
    return NULL;
}

/* ---- an arm ---- */

/* Takes the arm over. */
static int
add_arm(struct building *g, struct hs_arm *a, struct hs_error *err)
{
    g->out->v = hs_grow(g->out->v, &g->cap, g->out->n + 1, sizeof *g->out->v);
    g->out->v[g->out->n++] = *a;
    if (!hs_idset_add(&g->labels, a->label, strlen(a->label)))
        return hs_fail(err, "two arms would be called %s", a->label);
    hs_arm_sames_add(&g->sames, g->out);
    return 0;
}

static char *
label_of(const struct hs_arm_plan *p, const struct hs_arm *a, const char *path)
{
    struct hs_buf b = {0};

    if (a->kind == HS_ARM_NONE)
        return hs_strdup(hs_arm_kind_name(a->kind));
    hs_buf_printf(&b, "L%" PRIu32 "/%s", a->edit.layer,
                  hs_arm_kind_name(a->kind));
    if (a->draw > 0)
        hs_buf_printf(&b, ".%" PRIu32, a->draw);
    if (path != NULL)
        hs_buf_printf(&b, ":%s", path);
    if (a->size != NULL)
        hs_buf_printf(&b, "@%s", a->size);
    if (a->edit.mode != HS_EDIT_ZERO)
        hs_buf_printf(&b, ":%s", p->mode.text);
    if (a->edit.where != HS_EDIT_ALL)
        hs_buf_printf(&b, ":%s", hs_edit_where_name(a->edit.where));
    return hs_buf_cstr(&b);
}

/* The values of add: B sigma in the direction in which V grows. */
static int
add_values(const struct hs_arm_layer *l, const struct hs_ranking *rank,
           double amount, struct hs_edit *e, struct hs_error *err)
{
    if (rank == NULL)
        return hs_fail(err, "mode add needs a ranking, for its signs");
    for (size_t i = 0; i < e->n; i++) {
        double slope = (double)rank->slope[e->coords[i]];
        double by = amount * l->calib->sigma[e->coords[i]];

        if (isnan(slope))
            return hs_fail(err,
                           "mode add: the ranking has no slope of coordinate "
                           "%" PRIu32,
                           e->coords[i]);
        e->values[i] = slope > 0 ? (float)by : slope < 0 ? (float)-by : 0;
    }
    return 0;
}

/* rank: whose slopes count, or NULL. */
static int
set_values(const struct building *g, const struct hs_arm_layer *l,
           const struct hs_ranking *rank, struct hs_edit *e,
           struct hs_error *err)
{
    double amount = g->p->mode.amount;

    e->mode = g->p->mode.mode;
    e->where = g->p->where;
    if (e->mode == HS_EDIT_ZERO || e->mode == HS_EDIT_RESAMPLE)
        return 0;
    e->values = hs_calloc(e->n, sizeof *e->values);
    if (e->mode == HS_EDIT_ADD && add_values(l, rank, amount, e, err) < 0)
        return -1;
    for (size_t i = 0; i < e->n; i++) {
        if (e->mode == HS_EDIT_MEAN)
            e->values[i] = (float)l->calib->mean[e->coords[i]];
        else if (e->mode == HS_EDIT_SCALE)
            e->values[i] = (float)amount;
        if (!isfinite(e->values[i]))
            return hs_fail(err, "coordinate %" PRIu32 ": a value beyond f32",
                           e->coords[i]);
    }
    return 0;
}

/* Fills n_sinks, n_value and rms_ratio. */
static void
describe(const struct hs_arm_layer *l, struct hs_arm *a)
{
    const struct hs_edit *e = &a->edit;
    const double *rms = l->calib->rms;
    double sum = 0, value_sum = 0;

    for (size_t i = 0; i < e->n; i++) {
        a->n_sinks += l->sink[e->coords[i]];
        a->n_value += l->rank != NULL && l->rank->rank[e->coords[i]] <= e->n;
        sum += rms[e->coords[i]];
    }
    for (size_t j = 0; j < l->d && l->rank != NULL; j++)
        if (l->rank->rank[j] <= e->n)
            value_sum += rms[j];
    a->rms_ratio = value_sum > 0 ? sum / value_sum : NAN;
}

/* Coordinates are set; the rest of the arm, which is taken over, follows. */
static int
complete(struct building *g, const struct hs_arm_layer *l,
         const struct hs_arm_file *f, struct hs_arm *a, struct hs_error *err)
{
    const struct hs_ranking *signs =
        a->kind == HS_ARM_NTP || a->kind == HS_ARM_TERMINAL
            ? hs_arm_file_ranking(f, l->layer)
            : l->rank;
    int rc = set_values(g, l, signs, &a->edit, err);

    if (rc == 0) {
        describe(l, a);
        memcpy(a->mode, g->p->mode.text, sizeof a->mode);
        a->label = label_of(g->p, a, f->path);
        return add_arm(g, a, err);
    }
    free_arm(a);
    return rc;
}

/* ---- all arms ---- */

static int
add_none(struct building *g, struct hs_error *err)
{
    struct hs_arm a = {.kind = HS_ARM_NONE, .rms_ratio = NAN};

    a.label = label_of(g->p, &a, NULL);
    return add_arm(g, &a, err);
}

static int
add_noops(struct building *g, struct hs_error *err)
{
    for (size_t i = 0; i < g->p->layers->n; i++) {
        struct hs_arm a = {.kind = HS_ARM_NOOP, .rms_ratio = NAN};

        a.edit.layer = g->p->layers->v[i];
        a.label = label_of(g->p, &a, NULL);
        if (add_arm(g, &a, err) < 0)
            return -1;
    }
    return 0;
}

static int
add_file(struct building *g, const struct hs_arm_layer *l,
         const struct hs_arm_file *f, struct hs_error *err)
{
    struct hs_arm a = {.kind = HS_ARM_FILE};

    a.edit.layer = l->layer;
    a.edit.n = f->list.n;
    a.edit.coords = hs_calloc(f->list.n, sizeof *a.edit.coords);
    memcpy(a.edit.coords, f->list.v, f->list.n * sizeof *f->list.v);
    return complete(g, l, f, &a, err);
}

/* The arms of a word and a size, one or as many as are drawn. */
static int
add_sized(struct building *g, struct hs_arm_layer *l,
          const struct hs_arm_spec *spec, const struct hs_arm_file *f,
          const struct hs_arm_size *size, struct hs_error *err)
{
    bool drawn = hs_arm_is_drawn(spec->kind);
    struct hs_arm_pick pick = {.kind = spec->kind,
                               .k = hs_top_count(&size->top, g->d),
                               .seed = g->p->seed,
                               .other = hs_arm_file_ranking(f, l->layer)};

    for (size_t i = 0; i < (drawn ? spec->n_draws : 1); i++) {
        struct hs_arm a = {.kind = spec->kind};

        pick.draw = a.draw = drawn ? (uint32_t)(i + 1) : 0;
        a.edit.layer = l->layer;
        a.edit.n = pick.k;
        a.edit.coords = hs_calloc(pick.k, sizeof *a.edit.coords);
        a.size = hs_strdup(size->text);
        if (hs_arm_pick(l, &pick, a.edit.coords, err) < 0) {
            free_arm(&a);
            return -1;
        }
        if (complete(g, l, f, &a, err) < 0)
            return -1;
    }
    return 0;
}

/* Size s of a layer: all words in their order, those without a size at the
 * first. */
static int
add_size(struct building *g, struct hs_arm_layer *l, size_t s,
         struct hs_error *err)
{
    const struct hs_arm_specs *specs = g->p->specs;

    for (size_t i = 0; i < specs->n; i++) {
        const struct hs_arm_spec *spec = &specs->v[i];
        int rc = 0;

        if (spec->kind == HS_ARM_NONE || spec->kind == HS_ARM_NOOP)
            continue;
        if (spec->kind == HS_ARM_FILE)
            rc = s == 0 ? add_file(g, l, &g->files[i], err) : 0;
        else if (s < g->p->sizes->n)
            rc = add_sized(g, l, spec, &g->files[i], &g->p->sizes->v[s], err);
        if (rc < 0)
            return hs_fail_prefix(
                err, "layer %" PRIu32 ", %s%s%s", l->layer,
                hs_arm_kind_name(spec->kind),
                spec->kind == HS_ARM_FILE ? "" : "@",
                spec->kind == HS_ARM_FILE ? "" : g->p->sizes->v[s].text);
    }
    return 0;
}

static int
add_all(struct building *g, struct hs_error *err)
{
    const struct hs_arm_plan *p = g->p;
    size_t n_sizes = p->sizes->n > 0 ? p->sizes->n : 1;

    if (hs_arm_specs_have(p->specs, HS_ARM_NONE) && add_none(g, err) < 0)
        return -1;
    if (hs_arm_specs_have(p->specs, HS_ARM_NOOP) && add_noops(g, err) < 0)
        return -1;
    for (size_t l = 0; l < p->layers->n; l++)
        for (size_t s = 0; s < n_sizes; s++)
            if (add_size(g, &g->layers[l], s, err) < 0)
                return -1;
    return 0;
}

/* ---- what they are made of ---- */

static int
check_sizes(const struct hs_arm_sizes *s, size_t d, struct hs_error *err)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t k = hs_top_count(&s->v[i].top, d);

        if (k > d)
            return hs_fail(err, "size %s: the layer has %zu coordinates",
                           s->v[i].text, d);
        for (size_t j = 0; j < i; j++)
            if (hs_top_count(&s->v[j].top, d) == k)
                return hs_fail(err,
                               "sizes %s and %s are the same: %zu of %zu "
                               "coordinates",
                               s->v[j].text, s->v[i].text, k, d);
    }
    return 0;
}

/* Looks up all that is known of each layer. */
static int
find_layers(struct building *g, struct hs_error *err)
{
    const struct hs_arm_plan *p = g->p;
    const struct hs_rank_source source = {.all = p->rank,
                                          .name = p->rank_name,
                                          .one_target = p->one_target,
                                          .target = p->target};

    if (p->calib->dim != g->d)
        return hs_fail(err, "a calibration of width %zu, a model of %zu",
                       p->calib->dim, g->d);
    if (p->rank != NULL && hs_rank_source_check(&source, p->model, err) < 0)
        return -1;
    for (size_t i = 0; i < p->layers->n; i++) {
        uint32_t layer = p->layers->v[i];
        const struct hs_calib_layer *c = hs_calib_find(p->calib, layer);
        const struct hs_ranking *rank = NULL;

        if (layer > p->model->cfg.n_layers || c == NULL)
            return hs_fail(err, "layer %" PRIu32 " is not in the %s", layer,
                           c == NULL ? "calibration" : "model");
        if (p->rank != NULL &&
            hs_rank_source_find(&source, layer, &rank, err) < 0)
            return -1;
        hs_arm_layer_init(&g->layers[i], p, c, rank);
    }
    return 0;
}

static int
build(struct building *g, struct hs_error *err)
{
    const struct hs_arm_plan *p = g->p;

    if (check_sizes(p->sizes, g->d, err) < 0 || find_layers(g, err) < 0)
        return -1;
    for (size_t i = 0; i < p->specs->n; i++)
        if (hs_arm_file_read(&g->files[i], &p->specs->v[i], p->model, p->layers,
                             err) < 0)
            return -1;
    return add_all(g, err);
}

int
hs_arms_build(struct hs_armset *out, const struct hs_arm_plan *plan,
              struct hs_error *err)
{
    struct building g = {.p = plan,
                         .out = out,
                         .d = plan->model->cfg.dim,
                         .files = hs_calloc(plan->specs->n, sizeof *g.files),
                         .layers =
                             hs_calloc(plan->layers->n, sizeof *g.layers)};
    int rc;

    *out = (struct hs_armset){0};
    rc = build(&g, err);
    for (size_t i = 0; i < plan->specs->n; i++)
        hs_arm_file_free(&g.files[i]);
    for (size_t i = 0; i < plan->layers->n; i++)
        hs_arm_layer_free(&g.layers[i]);
    free(g.files);
    free(g.layers);
    hs_idset_free(&g.labels);
    hs_arm_sames_free(&g.sames);
    if (rc < 0)
        hs_armset_free(out);
    return rc;
}
