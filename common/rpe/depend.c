/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * depend.c - what a dependence test is of: options and coordinates; see
 * depend.h.
 */
#include <config.h>

#include "rpe/depend.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/armfiles.h"
#include "ablate/unedited.h"
#include "rpe/dependarm.h"

void
hs_depend_options_init(struct hs_depend_options *o)
{
    *o = (struct hs_depend_options){.top.share = 0.2,
                                    .n_random = 20,
                                    .n_rms = 20,
                                    .where = HS_EDIT_ALL,
                                    .gamma = 1,
                                    .threshold = 0.3,
                                    .alpha = 0.05,
                                    .batch = 16,
                                    .progress = HS_PROGRESS_NEVER};
}

void
hs_depend_options_free(struct hs_depend_options *o)
{
    hs_list_free(&o->edit_layers);
    hs_list_free(&o->coords);
    hs_list_free(&o->layers);
}

static void
copy_list(struct hs_list *to, const struct hs_list *from)
{
    *to = *from;
    to->v = hs_calloc(from->n, sizeof *to->v);
    if (from->n > 0)
        memcpy(to->v, from->v, from->n * sizeof *to->v);
}

static void
copy_options(struct hs_depend *d, const struct hs_depend_options *o)
{
    d->o = *o;
    copy_list(&d->o.edit_layers, &o->edit_layers);
    copy_list(&d->o.coords, &o->coords);
    copy_list(&d->o.layers, &o->layers);
}

static int
check_options(const struct hs_depend_options *o, struct hs_error *err)
{
    if (o->edit_layers.n == 0 && !o->edit_layers.all)
        return hs_fail(err, "no layers to edit");
    if (o->coords.n > 0 && o->first > 0)
        return hs_fail(err, "coordinates are listed, or the first so many");
    if (!(o->gamma >= 0 && o->gamma <= 1))
        return hs_fail(err, "gamma: %g is not within 0 to 1", o->gamma);
    if (!(o->threshold >= 0 && o->threshold < 1))
        return hs_fail(err, "threshold: %g is not from 0 to below 1",
                       o->threshold);
    if (!(o->alpha > 0 && o->alpha < 1))
        return hs_fail(err, "alpha: %g is not between 0 and 1", o->alpha);
    if (o->batch == 0)
        return hs_fail(err, "a batch of 0");
    return 0;
}

/* ---- coordinates ---- */

static int
compare_coords(const void *a, const void *b)
{
    const struct hs_depend_coord *x = a, *y = b;

    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Those of one record. */
static int
choose_of(struct hs_depend *d, const struct hs_rpe_coordinates *c, size_t *cap,
          struct hs_error *err)
{
    const struct hs_depend_options *o = &d->o;
    size_t n = o->coords.n > 0 ? o->coords.n : c->d;
    uint32_t *order = hs_calloc(c->d, sizeof *order);
    int rc = 0;

    hs_rpe_order(c, order);
    if (o->first > 0 && o->first < n)
        n = o->first;
    for (size_t i = 0; i < n && rc == 0; i++) {
        uint32_t j = o->coords.n > 0 ? o->coords.v[i] : order[i];

        if (j >= c->d) {
            rc = hs_fail(err, "coordinate %" PRIu32 " is not below %zu", j,
                         c->d);
            continue;
        }
        if (o->coords.n == 0 && o->first == 0 && c->found[j] == 0)
            continue;
        d->coords = hs_grow(d->coords, cap, d->n_coords + 1, sizeof *d->coords);
        d->coords[d->n_coords++] = (struct hs_depend_coord){
            .layer = c->layer, .index = j, .sign = hs_rpe_sign(c, j)};
    }
    free(order);
    return rc;
}

/* Two scans of a layer (td and surprise) may both name a coordinate. */
static void
sort_coords(struct hs_depend *d)
{
    size_t n = 0;

    if (d->n_coords > 0)
        qsort(d->coords, d->n_coords, sizeof *d->coords, compare_coords);
    for (size_t i = 0; i < d->n_coords; i++) {
        if (n > 0 && compare_coords(&d->coords[n - 1], &d->coords[i]) == 0) {
            if (d->coords[n - 1].sign == 0)
                d->coords[n - 1].sign = d->coords[i].sign;
            continue;
        }
        d->coords[n++] = d->coords[i];
    }
    d->n_coords = n;
}

/* Fills kept and kept_at. */
static void
keep_layers(struct hs_depend *d)
{
    struct hs_list *l = &d->kept;

    l->v = hs_calloc(d->n_coords, sizeof *l->v);
    d->kept_at = hs_calloc(d->n_coords, sizeof *d->kept_at);
    for (size_t c = 0; c < d->n_coords; c++) {
        if (l->n == 0 || l->v[l->n - 1] != d->coords[c].layer)
            l->v[l->n++] = d->coords[c].layer;
        d->kept_at[c] = l->n - 1;
    }
}

static int
choose_coords(struct hs_depend *d, struct hs_error *err)
{
    const struct hs_rpe *rpe = d->in.rpe;
    const char *name = d->in.rpe_name;
    size_t cap = 0, n_layers = 0;

    for (size_t i = 0; i < rpe->n_coordinates; i++) {
        const struct hs_rpe_coordinates *c = &rpe->coordinates[i];

        if (d->o.layers.n > 0 && !hs_list_has(&d->o.layers, c->layer))
            continue;
        n_layers++;
        if (c->d != d->d)
            return hs_fail(err, "%s: %zu coordinates, the model has %zu", name,
                           c->d, d->d);
        if (choose_of(d, c, &cap, err) < 0)
            return hs_fail_prefix(err, "%s", name);
    }
    if (n_layers == 0)
        return hs_fail(err, "%s: no scanned coordinates of %s", name,
                       d->o.layers.n > 0 ? "these layers" : "any layer");
    if (d->n_coords == 0)
        return hs_fail(err,
                       "%s: no coordinate was found there; name some, or ask "
                       "for the first so many",
                       name);
    sort_coords(d);
    keep_layers(d);
    return 0;
}

/* ---- whether all belongs together ---- */

static int
check_layers(struct hs_depend *d, struct hs_error *err)
{
    const struct hs_list *l = &d->o.edit_layers;
    uint32_t n = (uint32_t)d->in.model->cfg.n_layers + 1;

    if (!l->all && hs_list_resolve(&d->o.edit_layers, n, err) < 0)
        return hs_fail_prefix(err, "edit layers");
    if (l->all) {
        /* All there are below the coordinates. */
        d->o.edit_layers.all = false;
        free(d->o.edit_layers.v);
        d->o.edit_layers.n = d->kept.v[0];
        d->o.edit_layers.v = hs_calloc(d->kept.v[0], sizeof(uint32_t));
        for (uint32_t i = 0; i < d->kept.v[0]; i++)
            d->o.edit_layers.v[i] = i;
    }
    if (l->n == 0 || l->v[l->n - 1] >= d->kept.v[0])
        return hs_fail(err,
                       "coordinates of layer %" PRIu32
                       " can only depend on earlier layers, and layer %" PRIu32
                       " is none",
                       d->kept.v[0], l->n == 0 ? 0 : l->v[l->n - 1]);
    if (d->kept.v[d->kept.n - 1] >= n)
        return hs_fail(err,
                       "%s: layer %" PRIu32 ", the model has 0 to %" PRIu32,
                       d->in.rpe_name, d->kept.v[d->kept.n - 1], n - 1);
    return 0;
}

static int
check_model(const struct hs_depend *d, const struct hs_head *head,
            const char *name, struct hs_error *err)
{
    const char *model = d->in.model->fingerprint;

    if (strcmp(head->fingerprint, model) == 0)
        return 0;
    return hs_fail(err,
                   "%s: of another model: fingerprint '%s', the model has "
                   "'%s'",
                   name, head->fingerprint, model);
}

static int
check_input(struct hs_depend *d, struct hs_error *err)
{
    const struct hs_rank_source source = {.all = d->in.rankings,
                                          .name = d->in.rankings_name,
                                          .one_target = d->o.one_target,
                                          .target = d->o.target};
    const struct hs_depend_input *in = &d->in;

    if (hs_unedited_check(in->acts, in->acts_name, &d->kept, err) < 0)
        return -1;
    hs_head_copy(&d->head, hs_reader_head(in->acts));
    if (check_model(d, &d->head, in->acts_name, err) < 0 ||
        check_model(d, &in->rpe->head, in->rpe_name, err) < 0)
        return -1;
    return hs_rank_source_check(&source, in->model, err);
}

int
hs_depend_open(struct hs_depend *d, const struct hs_depend_options *o,
               const struct hs_depend_input *in, struct hs_error *err)
{
    *d = (struct hs_depend){.in = *in, .d = in->model->cfg.dim};
    copy_options(d, o);
    if (check_options(o, err) < 0 || choose_coords(d, err) < 0 ||
        check_layers(d, err) < 0 || check_input(d, err) < 0)
        return -1;
    d->n_traces = hs_calloc(d->n_coords, sizeof *d->n_traces);
    return hs_depend_arms(d, err);
}

void
hs_depend_close(struct hs_depend *d)
{
    hs_depend_arms_free(d);
    hs_depend_options_free(&d->o);
    hs_list_free(&d->kept);
    hs_head_free(&d->head);
    free(d->coords);
    free(d->kept_at);
    free(d->n_traces);
    *d = (struct hs_depend){0};
}
