/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plotprobes.c - plots of streams of kind "probes": how well probes and their
 * baselines tell right from wrong, and how the probes were trained.
 *
 * Records read here: "probe" with layer, target, seed, eval and curve, and
 * "baseline" with name, eval and perhaps target (what was shuffled for it),
 * layer (one without is the same for all layers), seed and draw.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/plots.h"

struct interval {
    double auc, lo, hi;
};

/* What a record says; one for each record, in their order. */
struct item {
    bool baseline, any_layer;
    uint32_t layer;
    char *name;          /* of its line */
    struct interval *at; /* (n_places) */
};

struct items {
    struct item *v;
    size_t n;
    struct hs_plot_names places;
    struct hs_plot_names names[2]; /* of the lines of probes, of baselines */
    struct hs_list layers;
};

static void
free_items(struct items *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->v[i].name);
        free(t->v[i].at);
    }
    free(t->v);
    hs_plot_names_free(&t->places);
    hs_plot_names_free(&t->names[0]);
    hs_plot_names_free(&t->names[1]);
    hs_list_free(&t->layers);
}

/* ---- reading ---- */

static int
read_place(const struct hs_plotdata *d, const struct hs_plot_record *r,
           const json_t *places, const char *name, struct interval *out,
           struct hs_error *err)
{
    const json_t *place = json_object_get(places, name);

    if (!json_is_object(place))
        return hs_plot_fail(d, r, err, "%s: eval has no place '%s'", r->type,
                            name);
    if (hs_plot_number(d, r, place, "auc", &out->auc, err) < 0 ||
        hs_plot_number(d, r, place, "lo", &out->lo, err) < 0 ||
        hs_plot_number(d, r, place, "hi", &out->hi, err) < 0)
        return -1;
    if (out->auc < 0 || out->auc > 1)
        return hs_plot_fail(d, r, err, "%s: an AUC of %g", r->type, out->auc);
    return 0;
}

/* The places are those of the first record. */
static int
read_eval(const struct hs_plotdata *d, const struct hs_plot_record *r,
          struct items *t, struct item *item, struct hs_error *err)
{
    json_t *places = json_object_get(json_object_get(r->j, "eval"), "places");
    const char *key;
    json_t *value;

    if (!json_is_object(places))
        return hs_plot_fail(d, r, err, "%s: 'eval' with 'places' is missing",
                            r->type);
    if (t->places.n == 0) {
        json_object_foreach(places, key, value)
        {
            if (hs_plot_names_add(&t->places, key, err) < 0)
                return -1;
        }
    }
    item->at = hs_calloc(t->places.n, sizeof *item->at);
    for (size_t i = 0; i < t->places.n; i++)
        if (read_place(d, r, places, t->places.v[i], &item->at[i], err) < 0)
            return -1;
    return 0;
}

/* The name of the record's line, without its file; NULL with an error. */
static char *
read_name(const struct hs_plotdata *d, const struct hs_plot_record *r,
          bool baseline, struct hs_error *err)
{
    const char *target = json_string_value(json_object_get(r->j, "target"));
    struct hs_buf b = {0};
    const char *name;

    if (hs_plot_text(d, r, baseline ? "name" : "target", &name, err) < 0)
        return NULL;
    hs_buf_str(&b, name);
    if (baseline && target != NULL)
        hs_buf_printf(&b, " %s", target);
    return hs_buf_cstr(&b);
}

/* Reads layer and name, and makes the key that hs_plot_distinct() takes. */
static int
read_subject(const struct hs_plotdata *d, const struct hs_plot_record *r,
             struct item *item, char **subject, struct hs_error *err)
{
    static const char *const keys[] = {"seed", "draw"};
    struct hs_buf b = {0};

    item->baseline = strcmp(r->type, "baseline") == 0;
    item->any_layer =
        item->baseline && !json_is_integer(json_object_get(r->j, "layer"));
    item->name = read_name(d, r, item->baseline, err);
    if (item->name == NULL)
        return -1;
    if (!item->any_layer && hs_plot_layer(d, r, "layer", &item->layer, err) < 0)
        return -1;
    hs_buf_printf(&b, "%s %s", r->type, item->name);
    if (!item->any_layer)
        hs_buf_printf(&b, ", layer %" PRIu32, item->layer);
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = json_object_get(r->j, keys[i]);
        char *text = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;

        if (text != NULL)
            hs_buf_printf(&b, ", %s %s", keys[i], text);
        free(text);
    }
    *subject = hs_buf_cstr(&b);
    return 0;
}

/* Names of lines and layers, once all records are known. */
static int
collect(const struct hs_plotdata *d, struct items *t, bool split,
        struct hs_error *err)
{
    uint8_t *there = hs_calloc(65536, 1);
    int rc = 0;

    for (size_t i = 0; i < t->n && rc == 0; i++) {
        struct item *v = &t->v[i];
        char *name = hs_plot_name(d, &d->v[i], v->name, split);

        free(v->name);
        v->name = name;
        rc = hs_plot_names_add(&t->names[v->baseline], name, err);
    }
    for (size_t i = 0; i < t->n; i++)
        if (!t->v[i].any_layer)
            there[t->v[i].layer & 0xffff] = 1;
    t->layers.v = hs_calloc(65536, sizeof *t->layers.v);
    for (uint32_t l = 0; l < 65536; l++)
        if (there[l])
            t->layers.v[t->layers.n++] = l;
    free(there);
    if (rc == 0 && t->layers.n == 0)
        rc = hs_fail(err, "%s: no record names a layer", d->files[0]);
    if (rc == 0 && t->layers.n > HS_PLOT_NAMES)
        rc = hs_fail(err, "more than %d layers; choose some with --layers",
                     HS_PLOT_NAMES);
    return rc;
}

/* Reads all records; with eval, what they were judged to be worth. */
static int
read_items(const struct hs_plotdata *d, bool eval, struct items *t,
           struct hs_error *err)
{
    char **keys = hs_calloc(d->n, sizeof *keys);
    bool split = false;
    int rc = 0;

    *t = (struct items){.v = hs_calloc(d->n, sizeof *t->v), .n = d->n};
    for (size_t i = 0; i < d->n && rc == 0; i++) {
        rc = read_subject(d, &d->v[i], &t->v[i], &keys[i], err);
        if (rc == 0 && eval)
            rc = read_eval(d, &d->v[i], t, &t->v[i], err);
    }
    if (rc == 0)
        rc = hs_plot_distinct(d, keys, &split, err);
    if (rc == 0)
        rc = collect(d, t, split, err);
    for (size_t i = 0; i < d->n; i++)
        free(keys[i]);
    free(keys);
    return rc;
}

/* ---- means over seeds ---- */

/* The mean over the records of a line at a layer and place; NaN where one of
 * them has no value.  Returns how many there are. */
static size_t
mean(const struct items *t, bool baseline, const char *name, uint32_t layer,
     size_t place, struct interval *out)
{
    struct interval sum = {0, 0, 0};
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct item *v = &t->v[i];

        if (v->baseline != baseline || strcmp(v->name, name) != 0 ||
            (!v->any_layer && v->layer != layer))
            continue;
        sum.auc += v->at[place].auc;
        sum.lo += v->at[place].lo;
        sum.hi += v->at[place].hi;
        n++;
    }
    *out = (struct interval){sum.auc / (double)n, sum.lo / (double)n,
                             sum.hi / (double)n};
    return n;
}

static void
auc_axis(struct hs_panel *p, const char *label)
{
    hs_axis_label(&p->y, label);
    p->y.from = 0.4;
    p->y.to = 1;
    p->guide = 0.5;
}

/* ---- the plots ---- */

/* A line of a panel: of a probe, or of a baseline. */
struct line {
    bool baseline;
    const char *name; /* borrowed */
};

static size_t
count_lines(const struct items *t)
{
    return t->names[0].n + t->names[1].n;
}

static struct line
line_at(const struct items *t, size_t i)
{
    size_t n = t->names[0].n;

    return i < n ? (struct line){false, t->names[0].v[i]}
                 : (struct line){true, t->names[1].v[i - n]};
}

static struct hs_series *
add_line(struct hs_panel *p, struct line line)
{
    return hs_panel_add(p, line.name,
                        line.baseline ? HS_ROLE_OTHER : HS_ROLE_MAIN);
}

static void
draw_along(struct hs_panel *p, const struct items *t, struct line line,
           uint32_t layer)
{
    struct hs_series *s = NULL;

    for (size_t k = 0; k < t->places.n; k++) {
        struct interval m;

        if (mean(t, line.baseline, line.name, layer, k, &m) == 0)
            return;
        if (s == NULL)
            s = add_line(p, line);
        hs_series_put(s, (double)k, m.auc, m.lo, m.hi);
    }
}

static void
draw_across(struct hs_panel *p, const struct items *t, struct line line,
            size_t place)
{
    struct hs_series *s = NULL;

    for (size_t l = 0; l < t->layers.n; l++) {
        struct interval m;

        if (mean(t, line.baseline, line.name, t->layers.v[l], place, &m) == 0)
            continue;
        if (s == NULL)
            s = add_line(p, line);
        hs_series_put(s, t->layers.v[l], m.auc, m.lo, m.hi);
    }
}

static void
draw_layer(struct hs_figure *f, const struct items *t, uint32_t layer)
{
    char title[32];
    struct hs_panel *p;

    (void)snprintf(title, sizeof title, "layer %" PRIu32, layer);
    p = hs_figure_add(f, title);
    hs_axis_label(&p->x, "place in the response");
    auc_axis(p, "AUC");
    p->x.from = -0.3;
    p->x.to = (double)t->places.n - 0.7;
    p->dodge = 0.06;
    for (size_t k = 0; k < t->places.n; k++)
        hs_axis_tic(&p->x, (double)k, t->places.v[k]);
    for (size_t i = 0; i < count_lines(t); i++)
        draw_along(p, t, line_at(t, i), layer);
}

int
hs_plot_auc(const struct hs_plotdata *d, const struct hs_plot_options *o,
            struct hs_figure *f, struct hs_error *err)
{
    struct items t;
    int rc = read_items(d, true, &t, err);

    (void)o;
    for (size_t l = 0; rc == 0 && l < t.layers.n; l++)
        draw_layer(f, &t, t.layers.v[l]);
    free_items(&t);
    return rc;
}

/* Numbers of layers at the axis: as many as can be read. */
static void
layer_tics(struct hs_axis *a, const struct hs_list *layers)
{
    size_t step = (layers->n + 15) / 16;
    char label[16];

    for (size_t l = 0; l < layers->n; l += step) {
        (void)snprintf(label, sizeof label, "%" PRIu32, layers->v[l]);
        hs_axis_tic(a, layers->v[l], label);
    }
}

static void
draw_place(struct hs_figure *f, const struct items *t, size_t place)
{
    struct hs_panel *p;
    char title[80];

    (void)snprintf(title, sizeof title, "at %s", t->places.v[place]);
    p = hs_figure_add(f, title);
    hs_axis_label(&p->x, "layer");
    layer_tics(&p->x, &t->layers);
    auc_axis(p, "AUC");
    p->dodge = 0.05;
    for (size_t i = 0; i < count_lines(t); i++)
        draw_across(p, t, line_at(t, i), place);
}

int
hs_plot_layers(const struct hs_plotdata *d, const struct hs_plot_options *o,
               struct hs_figure *f, struct hs_error *err)
{
    struct items t;
    int rc = read_items(d, true, &t, err);

    for (size_t i = 0; rc == 0 && o->at[i] != NULL; i++) {
        size_t place = 0;

        while (place < t.places.n && strcmp(t.places.v[place], o->at[i]) != 0)
            place++;
        if (place == t.places.n)
            rc = hs_fail(err, "--at: the records have no place '%s'", o->at[i]);
        else
            draw_place(f, &t, place);
    }
    free_items(&t);
    return rc;
}

/* One line of a probe's training in a panel. */
static int
put_curve(const struct hs_plotdata *d, const struct hs_plot_record *r,
          struct hs_panel *p, const char *key, const char *name,
          struct hs_error *err)
{
    const json_t *curve = json_object_get(r->j, "curve");
    struct hs_series *s = hs_panel_add(p, name, HS_ROLE_PLAIN);
    double *epoch = NULL, *y = NULL;
    size_t n = 0, n_epochs = 0;
    int rc = 0;

    if (!json_is_object(curve))
        rc = hs_plot_fail(d, r, err, "%s: 'curve' is missing", r->type);
    if (rc == 0)
        rc = hs_plot_list(d, r, curve, "epoch", &epoch, &n_epochs, err);
    if (rc == 0)
        rc = hs_plot_list(d, r, curve, key, &y, &n, err);
    if (rc == 0 && n != n_epochs)
        rc = hs_plot_fail(d, r, err, "%s: %zu epochs, but '%s' has %zu",
                          r->type, n_epochs, key, n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        hs_series_put(s, epoch[i], y[i], NAN, NAN);
    free(epoch);
    free(y);
    return rc;
}

/* Losses that differ by orders of magnitude are shown by their logarithms. */
static bool
spans_decades(const struct hs_panel *p)
{
    double low = INFINITY, high = 0;

    for (size_t k = 0; k < p->n; k++)
        for (size_t i = 0; i < p->series[k]->n; i++) {
            low = fmin(low, p->series[k]->y[i]);
            high = fmax(high, p->series[k]->y[i]);
        }
    return low > 0 && high > 20 * low;
}

static int
draw_training(const struct hs_plotdata *d, const struct items *t,
              struct hs_figure *f, uint32_t layer, struct hs_error *err)
{
    static const struct {
        const char *key, *title, *label;
    } what[] = {{"loss", "loss", "loss"},
                {"auc", "AUC", "AUC of V(s0), held out"},
                {"spread", "spread", "spread of V(s0), held out"}};

    for (size_t w = 0; w < 3; w++) {
        struct hs_panel *p;
        char title[64];

        (void)snprintf(title, sizeof title, "layer %" PRIu32 ": %s", layer,
                       what[w].title);
        p = hs_figure_add(f, title);
        hs_axis_label(&p->x, "epoch");
        if (w == 1)
            auc_axis(p, what[w].label);
        else
            hs_axis_label(&p->y, what[w].label);
        if (w == 2)
            p->y.from = 0;
        for (size_t i = 0; i < t->n; i++)
            if (t->v[i].layer == layer &&
                put_curve(d, &d->v[i], p, what[w].key, t->v[i].name, err) < 0)
                return -1;
        p->y.log = w == 0 && spans_decades(p);
    }
    return 0;
}

int
hs_plot_training(const struct hs_plotdata *d, const struct hs_plot_options *o,
                 struct hs_figure *f, struct hs_error *err)
{
    struct items t;
    int rc = read_items(d, false, &t, err);

    (void)o;
    f->columns = 3;
    for (size_t l = 0; rc == 0 && l < t.layers.n; l++)
        rc = draw_training(d, &t, f, t.layers.v[l], err);
    free_items(&t);
    return rc;
}
