/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plotoverlap.c - how far rankings agree, of streams of kind "overlaps".
 *
 * Records read here: "overlap" with a, b, layer_a, layer_b, target_a, target_b,
 * ratio, iou, expected, lo, hi, seed_iou_a and seed_iou_b.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/plots.h"

/* One of the two rankings of a record; text is borrowed. */
struct side {
    const char *name, *target;
    uint32_t layer;
    double seed_iou;
    char *label;
};

struct pair {
    struct side side[2];
    size_t i; /* index of the record */
    double ratio, iou, expected, lo, hi;
    char *label, *key;
};

static void
free_pairs(struct pair *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].side[0].label);
        free(v[i].side[1].label);
        free(v[i].label);
        free(v[i].key);
    }
    free(v);
}

/* ---- reading ---- */

static int
read_side(const struct hs_plotdata *d, const struct hs_plot_record *r,
          size_t which, struct side *s, struct hs_error *err)
{
    static const char *const keys[2][4] = {
        {"a", "layer_a", "target_a", "seed_iou_a"},
        {"b", "layer_b", "target_b", "seed_iou_b"}};

    if (hs_plot_text(d, r, keys[which][0], &s->name, err) < 0 ||
        hs_plot_layer(d, r, keys[which][1], &s->layer, err) < 0 ||
        hs_plot_text(d, r, keys[which][2], &s->target, err) < 0)
        return -1;
    return hs_plot_number(d, r, r->j, keys[which][3], &s->seed_iou, err);
}

static int
read_pair(const struct hs_plotdata *d, size_t i, struct pair *p,
          struct hs_error *err)
{
    const struct hs_plot_record *r = &d->v[i];

    p->i = i;
    if (read_side(d, r, 0, &p->side[0], err) < 0 ||
        read_side(d, r, 1, &p->side[1], err) < 0 ||
        hs_plot_number(d, r, r->j, "ratio", &p->ratio, err) < 0 ||
        hs_plot_number(d, r, r->j, "iou", &p->iou, err) < 0 ||
        hs_plot_number(d, r, r->j, "expected", &p->expected, err) < 0 ||
        hs_plot_number(d, r, r->j, "lo", &p->lo, err) < 0 ||
        hs_plot_number(d, r, r->j, "hi", &p->hi, err) < 0)
        return -1;
    if (!(p->ratio >= 0 && p->ratio < 1))
        return hs_plot_fail(d, r, err, "overlap: a ratio of %g", p->ratio);
    if (p->iou < 0 || p->iou > 1)
        return hs_plot_fail(d, r, err, "overlap: an IoU of %g", p->iou);
    return 0;
}

/* ---- names ---- */

/* Which parts of a ranking's name tell rankings apart. */
struct parts {
    bool name, layer, target;
    struct hs_plot_names names; /* that there are */
};

static int
find_parts(const struct pair *v, size_t n, struct parts *p,
           struct hs_error *err)
{
    const struct side *first = &v[0].side[0];

    *p = (struct parts){.name = false};
    for (size_t i = 0; i < 2 * n; i++) {
        const struct side *s = &v[i / 2].side[i % 2];

        p->layer = p->layer || s->layer != first->layer;
        p->target = p->target || strcmp(s->target, first->target) != 0;
        if (hs_plot_names_add(&p->names, s->name, err) < 0)
            return -1;
    }
    p->name = p->names.n > 1 || (!p->layer && !p->target);
    return 0;
}

static void
label_side(struct side *s, const struct parts *p)
{
    struct hs_buf b = {0};

    if (p->name)
        hs_buf_str(&b, hs_plot_short(s->name, p->names.v, p->names.n));
    if (p->layer)
        hs_buf_printf(&b, "%slayer %" PRIu32, b.len > 0 ? " " : "", s->layer);
    if (p->target)
        hs_buf_printf(&b, "%s%s", b.len > 0 ? " " : "", s->target);
    s->label = hs_buf_cstr(&b);
}

/* Labels of all, once all are known; records that say the same thing twice are
 * an error. */
static int
label_pairs(const struct hs_plotdata *d, struct pair *v, struct hs_error *err)
{
    char **keys = hs_calloc(d->n, sizeof *keys);
    struct parts parts;
    bool split = false;
    int rc = find_parts(v, d->n, &parts, err);

    for (size_t i = 0; i < d->n && rc == 0; i++) {
        struct hs_buf label = {0}, key = {0};

        for (size_t k = 0; k < 2; k++) {
            struct side *s = &v[i].side[k];

            label_side(s, &parts);
            hs_buf_printf(&label, "%s%s", k > 0 ? " / " : "", s->label);
            hs_buf_printf(&key, "%s layer %" PRIu32 " %s, ", s->name, s->layer,
                          s->target);
        }
        hs_buf_printf(&key, "ratio %.17g", v[i].ratio);
        keys[i] = v[i].key = hs_buf_cstr(&key);
        v[i].label = hs_buf_cstr(&label);
    }
    if (rc == 0)
        rc = hs_plot_distinct(d, keys, &split, err);
    for (size_t i = 0; i < d->n && rc == 0 && split; i++) {
        char *label = hs_plot_name(d, &d->v[i], v[i].label, true);

        free(v[i].label);
        v[i].label = label;
    }
    hs_plot_names_free(&parts.names);
    free(keys);
    return rc;
}

/* ---- drawing ---- */

static int
by_ratio(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    if (x->ratio < y->ratio || x->ratio > y->ratio)
        return x->ratio < y->ratio ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

static void
draw_pair(struct hs_panel *p, const struct pair *v, size_t n, const char *label)
{
    struct hs_series *s = hs_panel_add(p, label, HS_ROLE_MAIN);

    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].label, label) == 0)
            hs_series_put(s, v[i].ratio, v[i].iou, NAN, NAN);
}

static bool
same(double a, double b)
{
    return a <= b ? a >= b : isnan(a) && isnan(b);
}

static bool
same_series(const struct hs_series *a, const struct hs_series *b)
{
    bool all = a->n == b->n;

    for (size_t i = 0; i < a->n && all; i++)
        all = same(a->x[i], b->x[i]) && same(a->y[i], b->y[i]) &&
              same(a->lo[i], b->lo[i]) && same(a->hi[i], b->hi[i]);
    return all;
}

/* Chance under a pair; once if it is the same for all, as it is where sets are
 * equally large. */
static void
draw_chance(struct hs_panel *p, const struct pair *v, size_t n,
            const char *label)
{
    struct hs_buf name = {0};
    bool first = true;

    for (size_t k = 0; k < p->n; k++)
        first = first && p->series[k]->role != HS_ROLE_BAND;
    hs_buf_printf(&name, first ? "chance" : "chance, %s", label);
    hs_panel_add(p, hs_buf_cstr(&name), HS_ROLE_BAND);
    hs_buf_free(&name);
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].label, label) == 0)
            hs_series_put(p->series[p->n - 1], v[i].ratio, v[i].expected,
                          v[i].lo, v[i].hi);
    for (size_t k = 0; k + 1 < p->n; k++)
        if (p->series[k]->role == HS_ROLE_BAND &&
            same_series(p->series[k], p->series[p->n - 1])) {
            hs_panel_drop(p);
            return;
        }
}

/* The ceiling of a ranking: how far its seeds agree; from the first pair that
 * it is in. */
static void
draw_ceiling(struct hs_panel *p, const struct pair *v, size_t n,
             const char *label)
{
    struct hs_buf name = {0};
    struct hs_series *s = NULL;
    const char *from = NULL;

    hs_buf_printf(&name, "seeds of %s", label);
    for (size_t i = 0; i < 2 * n; i++) {
        const struct pair *pair = &v[i % n];
        const struct side *side = &pair->side[i / n];

        if (strcmp(side->label, label) != 0 || isnan(side->seed_iou) ||
            (from != NULL && strcmp(from, pair->label) != 0))
            continue;
        if (s == NULL)
            s = hs_panel_add(p, hs_buf_cstr(&name), HS_ROLE_OTHER);
        from = pair->label;
        hs_series_put(s, pair->ratio, side->seed_iou, NAN, NAN);
    }
    hs_buf_free(&name);
}

static int
draw_all(const struct pair *v, size_t n, struct hs_figure *f,
         struct hs_error *err)
{
    struct hs_plot_names pairs = {.n = 0}, sides = {.n = 0};
    struct hs_panel *p = hs_figure_add(f, "overlap of the top coordinates");
    int rc = 0;

    hs_axis_kept(&p->x);
    hs_axis_label(&p->x, "size of the sets, of all coordinates");
    hs_axis_label(&p->y, "IoU");
    p->y.from = 0;
    p->y.to = 1;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = hs_plot_names_add(&pairs, v[i].label, err);
        for (size_t k = 0; k < 2 && rc == 0; k++)
            rc = hs_plot_names_add(&sides, v[i].side[k].label, err);
    }
    for (size_t i = 0; i < pairs.n && rc == 0; i++)
        draw_pair(p, v, n, pairs.v[i]);
    for (size_t i = 0; i < sides.n && rc == 0; i++)
        draw_ceiling(p, v, n, sides.v[i]);
    for (size_t i = 0; i < pairs.n && rc == 0; i++)
        draw_chance(p, v, n, pairs.v[i]);
    hs_plot_names_free(&pairs);
    hs_plot_names_free(&sides);
    return rc;
}

int
hs_plot_overlap(const struct hs_plotdata *d, const struct hs_plot_options *o,
                struct hs_figure *f, struct hs_error *err)
{
    struct pair *v = hs_calloc(d->n, sizeof *v);
    int rc = 0;

    (void)o;
    for (size_t i = 0; i < d->n && rc == 0; i++)
        rc = read_pair(d, i, &v[i], err);
    if (rc == 0)
        rc = label_pairs(d, v, err);
    if (rc == 0) {
        qsort(v, d->n, sizeof *v, by_ratio);
        rc = draw_all(v, d->n, f, err);
    }
    free_pairs(v, d->n);
    return rc;
}
