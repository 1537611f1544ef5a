/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * donors.c - see donors.h.
 */
#include <config.h>

#include "ablate/donors.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "ablate/donororder.h"
#include "ablate/unedited.h"
#include "base/mem.h"

/* The states of a layer. */
struct donor_layer {
    uint32_t layer;
    uint32_t *column; /* (dim): where a coordinate is in a row, if wanted */
    uint32_t *coords; /* (n), ascending */
    size_t n;
    float *x; /* (n_rows, n) */
    size_t cap;
};

struct hs_donors {
    struct donor_layer *layers; /* (n_layers), ascending */
    size_t n_layers, dim;
    bool prompts;       /* rows begin at position 0, else behind the prompt */
    struct hs_donor *v; /* (n) */
    size_t n, cap, n_rows;
    struct hs_donor_orders *orders; /* NULL while v grows */
    atomic_uint_fast64_t *beyond;
};

/* A stream being read. */
struct donor_intake {
    struct hs_donors *d;
    const char *name;
    size_t skip;  /* states of the trajectory before those that are kept */
    size_t layer; /* index of the layer whose blocks come */
    float *wide;  /* (rows, dim): a block */
    size_t cap_wide;
};

/* ---- what is wanted ---- */

static bool
is_resampled(const struct hs_arm *a)
{
    return a->edit.mode == HS_EDIT_RESAMPLE && a->edit.n > 0;
}

static int
compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The layers of edits of mode resample, ascending. */
static struct hs_list
wanted_layers(const struct hs_armset *arms)
{
    struct hs_list l = {0};
    size_t cap = 0, n = 0;

    for (size_t i = 0; i < arms->n; i++)
        if (is_resampled(&arms->v[i]) &&
            (n == 0 || l.v[n - 1] != arms->v[i].edit.layer)) {
            l.v = hs_grow(l.v, &cap, n + 1, sizeof *l.v);
            l.v[n++] = arms->v[i].edit.layer;
        }
    if (n > 0)
        qsort(l.v, n, sizeof *l.v, compare_numbers);
    for (size_t i = 0; i < n; i++)
        if (l.n == 0 || l.v[l.n - 1] != l.v[i])
            l.v[l.n++] = l.v[i];
    return l;
}

/* The coordinates of all arms of the layer. */
static int
want_coords(struct donor_layer *l, const struct hs_armset *arms, size_t dim,
            struct hs_error *err)
{
    bool *wanted = hs_calloc(dim, sizeof *wanted);
    int rc = 0;

    for (size_t i = 0; i < arms->n; i++) {
        const struct hs_edit *e = &arms->v[i].edit;

        if (!is_resampled(&arms->v[i]) || e->layer != l->layer)
            continue;
        for (size_t c = 0; c < e->n && rc == 0; c++) {
            if (e->coords[c] < dim)
                wanted[e->coords[c]] = true;
            else
                rc = hs_fail(err, "%s: no coordinate %" PRIu32 " in %zu",
                             arms->v[i].label, e->coords[c], dim);
        }
    }
    l->column = hs_calloc(dim, sizeof *l->column);
    l->coords = hs_calloc(dim, sizeof *l->coords);
    for (size_t j = 0; j < dim; j++)
        if (wanted[j]) {
            l->column[j] = (uint32_t)l->n;
            l->coords[l->n++] = (uint32_t)j;
        }
    free(wanted);
    return rc;
}

static int
prepare(struct hs_donors *d, const struct hs_armset *arms,
        const struct hs_list *layers, struct hs_error *err)
{
    d->n_layers = layers->n;
    d->layers = hs_calloc(layers->n, sizeof *d->layers);
    d->beyond = hs_calloc(1, sizeof *d->beyond);
    for (size_t i = 0; i < arms->n; i++)
        d->prompts |= is_resampled(&arms->v[i]) &&
                      arms->v[i].edit.where != HS_EDIT_GENERATED;
    for (size_t l = 0; l < layers->n; l++) {
        d->layers[l].layer = layers->v[l];
        if (want_coords(&d->layers[l], arms, d->dim, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- reading ---- */

/* The states that are kept are those of every token, from the first on. */
static int
check_positions(const struct donor_intake *in, const struct hs_trajectory *t,
                const char *positions, struct hs_error *err)
{
    size_t n = t->n_states - in->skip;
    size_t first = in->d->prompts ? 0 : t->n_prompt;

    if (in->d->prompts && t->n_prompt == 0)
        return hs_fail(err, "%s: trajectory '%s' has no prompt", in->name,
                       t->id);
    if (in->d->prompts && (t->n_states == 0 || t->positions[0] != 0))
        return hs_fail(err,
                       "%s: trajectory '%s' has no states of its prompt, which "
                       "edits of more than generated tokens are taken from: "
                       "the stream has positions '%s', not 'tokens'",
                       in->name, t->id, positions);
    if ((n > 0 && t->positions[t->n_states - 1] != first + n - 1) ||
        (in->d->prompts && n < t->n_prompt))
        return hs_fail(err,
                       "%s: trajectory '%s' does not have the states of all "
                       "tokens: the stream has positions '%s'",
                       in->name, t->id, positions);
    return 0;
}

static int
begin_trajectory(struct donor_intake *in, const struct hs_trajectory *t,
                 const char *positions, struct hs_error *err)
{
    struct hs_donors *d = in->d;
    struct hs_donor donor = {.n_prompt = (uint32_t)t->n_prompt,
                             .first = d->n_rows};
    size_t n;

    in->layer = 0;
    in->skip = 0;
    while (!d->prompts && in->skip < t->n_states &&
           t->positions[in->skip] < t->n_prompt)
        in->skip++;
    if (check_positions(in, t, positions, err) < 0)
        return -1;
    n = t->n_states - in->skip;
    donor.problem = XXH3_64bits(t->problem, strlen(t->problem));
    donor.length = (uint32_t)(d->prompts ? n - t->n_prompt : n);
    d->v = hs_grow(d->v, &d->cap, d->n + 1, sizeof *d->v);
    d->v[d->n++] = donor;
    d->n_rows += n;
    for (size_t l = 0; l < d->n_layers; l++) {
        struct donor_layer *k = &d->layers[l];

        k->x = hs_grow(k->x, &k->cap, hs_mul(d->n_rows, k->n), sizeof *k->x);
    }
    return 0;
}

/* Rows of the last trajectory. */
static void
take_block(struct donor_intake *in, const struct hs_states *s)
{
    struct hs_donors *d = in->d;
    size_t from = s->first < in->skip ? in->skip - s->first : 0;
    const struct donor_layer *l;

    while (d->layers[in->layer].layer != s->layer)
        in->layer++;
    l = &d->layers[in->layer];
    if (s->n_rows * s->dim > in->cap_wide) {
        free(in->wide);
        in->cap_wide = s->n_rows * s->dim;
        in->wide = hs_calloc(in->cap_wide, sizeof *in->wide);
    }
    hs_states_decode(s, in->wide);
    for (size_t i = from; i < s->n_rows; i++) {
        size_t row = d->v[d->n - 1].first + s->first + i - in->skip;

        for (size_t c = 0; c < l->n; c++)
            l->x[row * l->n + c] = in->wide[i * s->dim + l->coords[c]];
    }
}

/* An item of any problem has a donor with a completion. */
static int
check_problems(const struct hs_donors *d, const char *name,
               struct hs_error *err)
{
    const struct hs_donor *first = NULL;

    for (size_t i = 0; i < d->n; i++) {
        if (d->v[i].length == 0)
            continue;
        if (first != NULL && first->problem != d->v[i].problem)
            return 0;
        first = first != NULL ? first : &d->v[i];
    }
    return hs_fail(err,
                   "%s: states to resample from are of fewer than two problems "
                   "with a completion",
                   name);
}

static int
read_records(struct hs_donors *d, struct hs_reader *r, const char *name,
             struct hs_error *err)
{
    struct donor_intake in = {.d = d, .name = name};
    struct hs_record rec = {0};
    uint64_t segments = 1;
    int rc = 0;

    while (rc == 0 &&
           (rc = hs_unedited_read(r, name, &rec, &segments, err)) > 0) {
        rc = 0;
        if (rec.type == HS_REC_TRAJECTORY)
            rc = begin_trajectory(&in, &rec.traj, hs_reader_head(r)->positions,
                                  err);
        else if (rec.type == HS_REC_STATES)
            take_block(&in, &rec.states);
    }
    hs_record_free(&rec);
    free(in.wide);
    return rc;
}

/* Gives back the room that rows took beforehand. */
static void
trim(struct hs_donors *d)
{
    for (size_t l = 0; l < d->n_layers; l++) {
        struct donor_layer *k = &d->layers[l];

        k->cap = d->n_rows * k->n;
        k->x = hs_realloc(k->x, k->cap * sizeof *k->x);
    }
}

struct hs_donors *
hs_donors_read(struct hs_reader *r, const char *name,
               const struct hs_armset *arms, uint64_t seed,
               struct hs_error *err)
{
    struct hs_donors *d = hs_calloc(1, sizeof *d);
    struct hs_list layers = wanted_layers(arms);
    int rc = hs_unedited_check(r, name, &layers, err);

    if (rc == 0) {
        d->dim = (size_t)hs_reader_head(r)->dim;
        hs_reader_select(r, &layers);
        rc = prepare(d, arms, &layers, err);
    }
    if (rc == 0)
        rc = read_records(d, r, name, err);
    if (rc == 0)
        rc = check_problems(d, name, err);
    hs_list_free(&layers);
    if (rc < 0) {
        hs_donors_free(d);
        return NULL;
    }
    trim(d);
    d->orders = hs_donor_orders_new(d->v, d->n, seed);
    return d;
}

void
hs_donors_free(struct hs_donors *d)
{
    if (d == NULL)
        return;
    for (size_t l = 0; l < d->n_layers; l++) {
        free(d->layers[l].column);
        free(d->layers[l].coords);
        free(d->layers[l].x);
    }
    hs_donor_orders_free(d->orders);
    free(d->layers);
    free(d->v);
    free(d->beyond);
    free(d);
}

/* ---- drawing ---- */

/* The row that a position of the prompt is taken from. */
static size_t
prompt_row(const struct hs_donor *from, const struct hs_edit_at *at)
{
    uint64_t last = at->n_prompt - 1, m = from->n_prompt - 1;

    if (at->pos >= last)
        return from->first + (size_t)m;
    return from->first +
           (size_t)((2 * (uint64_t)at->pos * m + last) / (2 * last));
}

/* The row that token t of a completion is taken from. */
static size_t
completion_row(const struct hs_donors *d, const struct hs_donor_order *o,
               size_t t)
{
    const struct hs_donor *from = &d->v[o->donor[0]];

    if (from->length < t) {
        t = from->length;
        atomic_fetch_add_explicit(d->beyond, 1, memory_order_relaxed);
    }
    for (size_t i = o->n; i-- > 0;) {
        from = &d->v[o->donor[i]];
        if (from->length >= t)
            break;
    }
    return from->first + (d->prompts ? from->n_prompt : 0) + t - 1;
}

static void
draw_state(const void *ud, const struct hs_edit *e, float *x,
           const struct hs_edit_at *at)
{
    const struct hs_donors *d = ud;
    const struct donor_layer *l = d->layers;
    const struct hs_donor_order *o =
        hs_donor_orders_get(d->orders, at->problem, at->sample);
    const float *row;

    while (l->layer != e->layer)
        l++;
    if (at->pos >= at->n_prompt)
        row = l->x + l->n * completion_row(d, o, at->pos - at->n_prompt + 1);
    else
        row = l->x + l->n * prompt_row(&d->v[o->donor[o->n - 1]], at);
    for (size_t i = 0; i < e->n; i++)
        x[e->coords[i]] = row[l->column[e->coords[i]]];
}

void
hs_donors_attach(const struct hs_donors *d, struct hs_armset *arms)
{
    for (size_t i = 0; i < arms->n; i++)
        if (is_resampled(&arms->v[i])) {
            arms->v[i].edit.draw = draw_state;
            arms->v[i].edit.draw_ud = d;
        }
}

uint64_t
hs_donors_beyond(const struct hs_donors *d)
{
    return atomic_load(d->beyond);
}
