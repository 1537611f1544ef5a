/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plotarms.c - what arms of an ablation leave of the accuracy, of streams of
 * kind "arms".
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/armrows.h"
#include "plot/plots.h"

#define UNEDITED "the unedited model"

/* ---- panels ---- */

/* What a panel is about; size is NULL for all. */
struct subject {
    uint32_t layer;
    const char *size, *mode; /* borrowed */
    size_t k;                /* coordinates of size */
    enum hs_edit_where where;
};

struct subjects {
    struct subject *v;
    size_t n, cap;
};

static bool
is_about(const struct hs_arm *a, const struct subject *s)
{
    return a->edit.layer == s->layer && a->edit.where == s->where &&
           strcmp(a->mode, s->mode) == 0 &&
           (a->size == NULL || s->size == NULL ||
            strcmp(a->size, s->size) == 0);
}

static void
add_subject(struct subjects *t, const struct hs_arm *a, bool by_size)
{
    for (size_t i = 0; i < t->n; i++)
        if (is_about(a, &t->v[i]))
            return;
    t->v = hs_grow(t->v, &t->cap, t->n + 1, sizeof *t->v);
    t->v[t->n] = (struct subject){.layer = a->edit.layer,
                                  .size = by_size ? a->size : NULL,
                                  .mode = a->mode,
                                  .k = by_size && a->size ? a->edit.n : 0,
                                  .where = a->edit.where};
    t->n++;
}

static int
compare_subjects(const void *a, const void *b)
{
    const struct subject *x = a, *y = b;
    int rc = strcmp(x->mode, y->mode);

    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    if (rc != 0)
        return rc;
    if (x->where != y->where)
        return x->where < y->where ? -1 : 1;
    return (x->k > y->k) - (x->k < y->k);
}

/* All panels, those of a layer side by side if each has as many and they are
 * few.  Arms without a size come last: they are in a panel of their own only
 * where there is no other. */
static int
find_subjects(const struct hs_arm_rows *t, bool by_size, struct subjects *s,
              struct hs_figure *f, struct hs_error *err)
{
    size_t a_layer = 0;

    *s = (struct subjects){.n = 0};
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].arm->size != NULL)
            add_subject(s, t->v[i].arm, by_size);
    for (size_t i = 0; i < t->n; i++)
        add_subject(s, t->v[i].arm, by_size);
    qsort(s->v, s->n, sizeof *s->v, compare_subjects);
    while (a_layer < s->n && s->v[a_layer].layer == s->v[0].layer)
        a_layer++;
    if (a_layer > 1 && a_layer < 5 && s->n % a_layer == 0)
        f->columns = a_layer;
    if (s->n > HS_PLOT_NAMES)
        return hs_fail(err, "more than %d panels; choose some with --layers",
                       HS_PLOT_NAMES);
    return 0;
}

static struct hs_panel *
add_panel(struct hs_figure *f, const struct subject *s)
{
    struct hs_buf b = {0};
    struct hs_panel *p;

    hs_buf_printf(&b, "layer %" PRIu32, s->layer);
    if (s->size != NULL)
        hs_buf_printf(&b, ", %s", s->size);
    hs_buf_printf(&b, ", %s, %s", s->mode, hs_edit_where_name(s->where));
    p = hs_figure_add(f, hs_buf_cstr(&b));
    hs_buf_free(&b);
    return p;
}

/* The series of this name, added when it is first needed: one without points
 * would say so in the legend. */
static struct hs_series *
series_of(struct hs_panel *p, const char *name, enum hs_role role)
{
    for (size_t k = 0; k < p->n; k++)
        if (strcmp(p->series[k]->name, name) == 0)
            return p->series[k];
    return hs_panel_add(p, name, role);
}

static void
put(struct hs_series *s, double x, const struct hs_interval *v)
{
    hs_series_put(s, x, v->value, v->lo, v->hi);
}

/* Mean and range of draws; NaN if one of them is. */
static struct hs_interval
range_of(const struct hs_arm_row *v, size_t n)
{
    double sum = 0, low = v[0].accuracy.value, high = low;

    for (size_t i = 0; i < n; i++) {
        sum += v[i].accuracy.value;
        low = fmin(low, v[i].accuracy.value);
        high = fmax(high, v[i].accuracy.value);
    }
    if (isnan(sum))
        low = high = NAN;
    return (struct hs_interval){sum / (double)n, NAN, low, high};
}

/* The rows that a panel is about, in their order; the caller's. */
static struct hs_arm_row *
choose_rows(const struct hs_arm_rows *t, const struct subject *s, size_t *n)
{
    struct hs_arm_row *v = hs_calloc(t->n, sizeof *v);

    *n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (is_about(t->v[i].arm, s))
            v[(*n)++] = t->v[i];
    return v;
}

/* How many of v[0 .. n) have the name of the first. */
static size_t
count_name(const struct hs_arm_row *v, size_t n)
{
    size_t m = 0;

    while (m < n && strcmp(v[m].name, v[0].name) == 0)
        m++;
    return m;
}

/* How many of v[0 .. n) edit as many coordinates as the first. */
static size_t
count_size(const struct hs_arm_row *v, size_t n)
{
    size_t m = 0;

    while (m < n && v[m].arm->edit.n == v[0].arm->edit.n)
        m++;
    return m;
}

/* ---- ablation ---- */

static int
by_accuracy(const void *a, const void *b)
{
    const struct hs_arm_row *x = a, *y = b;
    double u = x->accuracy.value, v = y->accuracy.value;

    /* Draws without answers last. */
    if (isnan(u) || isnan(v))
        return isnan(u) - isnan(v);
    return (u > v) - (u < v);
}

/* Draws in the row at x; neighbours are moved off its middle, so that equal
 * ones are seen side by side. */
static void
draw_strip(struct hs_panel *p, double x, struct hs_arm_row *v, size_t n)
{
    static const double off[] = {0, 0.2, -0.2, 0.1, -0.1};
    struct hs_interval range = range_of(v, n);
    struct hs_series *dots;
    size_t seen = 0;

    put(series_of(p, "mean of the draws", HS_ROLE_POINTS), x, &range);
    dots = series_of(p, "draws", HS_ROLE_SPOTS);
    qsort(v, n, sizeof *v, by_accuracy);
    for (size_t i = 0; i < n; i++)
        if (!isnan(v[i].accuracy.value))
            hs_series_put(dots, x + off[seen++ % 5], v[i].accuracy.value, NAN,
                          NAN);
}

/* What stands at the row of v[0 .. n): a name, and what it does not say. */
static void
label_row(struct hs_axis *a, double x, const struct hs_arm_row *v, size_t n,
          size_t usual)
{
    struct hs_buf b = {0};
    size_t there = 0;

    for (size_t i = 0; i < n; i++)
        there += !isnan(v[i].accuracy.value);
    hs_buf_str(&b, v[0].name);
    if (hs_arm_is_drawn(v[0].arm->kind))
        hs_buf_printf(&b, ", %zu draw%s", n, n == 1 ? "" : "s");
    else if (v[0].arm->edit.n != usual)
        hs_buf_printf(&b, " (%zu)", v[0].arm->edit.n);
    if (there < n)
        hs_buf_str(&b, there > 0 ? " (not all)" : " (no values)");
    hs_axis_tic(a, x, hs_buf_cstr(&b));
    hs_buf_free(&b);
}

static void
draw_arms(struct hs_figure *f, const struct hs_arm_rows *t,
          const struct subject *s)
{
    struct hs_panel *p = add_panel(f, s);
    struct hs_series *band;
    size_t n, m;
    struct hs_arm_row *v = choose_rows(t, s, &n);
    double x = 1;

    p->sideways = true;
    hs_axis_label(&p->y, "accuracy, 95% intervals");
    p->x.from = 0;
    band = hs_panel_add(p, UNEDITED, HS_ROLE_BAND);
    put(band, p->x.from, &t->none);
    hs_axis_tic(&p->x, x, "none");
    for (size_t i = 0; i < n; i += m) {
        bool drawn = hs_arm_is_drawn(v[i].arm->kind);

        m = drawn ? count_name(v + i, n - i) : 1;
        label_row(&p->x, ++x, v + i, m, s->k);
        if (drawn)
            draw_strip(p, x, v + i, m);
        else
            put(series_of(p,
                          hs_arm_by_value(v[i].arm) ? "by value" : "other arms",
                          HS_ROLE_MAIN),
                x, &v[i].accuracy);
    }
    put(series_of(p, "other arms", HS_ROLE_MAIN), 1, &t->none);
    p->x.to = x + 1;
    put(band, p->x.to, &t->none);
    free(v);
}

int
hs_plot_ablation(const struct hs_plotdata *d, const struct hs_plot_options *o,
                 struct hs_figure *f, struct hs_error *err)
{
    struct subjects s = {.n = 0};
    struct hs_arm_rows t;
    int rc = hs_arm_rows_read(d, o, &t, err);

    f->same_y = true;
    if (rc == 0)
        rc = find_subjects(&t, true, &s, f, err);
    for (size_t i = 0; rc == 0 && i < s.n; i++)
        draw_arms(f, &t, &s.v[i]);
    free(s.v);
    hs_arm_rows_free(&t);
    return rc;
}

/* ---- dose ---- */

/* The line of v[0 .. n), all of one name, or the band of draws. */
static void
draw_line(struct hs_panel *p, const struct hs_arm_row *v, size_t n, double dim)
{
    bool drawn = hs_arm_is_drawn(v[0].arm->kind);
    size_t most = 0, m;
    struct hs_buf name = {0};
    struct hs_series *s;

    for (size_t i = 0; i < n; i += m) {
        m = count_size(v + i, n - i);
        most = m > most ? m : most;
    }
    hs_buf_str(&name, v[0].name);
    if (drawn)
        hs_buf_printf(&name, ", %zu draw%s", most, most == 1 ? "" : "s");
    s = hs_panel_add(p, hs_buf_cstr(&name),
                     drawn                       ? HS_ROLE_BAND
                     : hs_arm_by_value(v[0].arm) ? HS_ROLE_MAIN
                                                 : HS_ROLE_OTHER);
    for (size_t i = 0; i < n; i += m) {
        struct hs_interval range;

        m = drawn ? count_size(v + i, n - i) : 1;
        range = drawn ? range_of(v + i, m) : v[i].accuracy;
        put(s, (double)v[i].arm->edit.n / dim, &range);
    }
    hs_buf_free(&name);
}

static void
draw_dose(struct hs_figure *f, const struct hs_arm_rows *t,
          const struct subject *s)
{
    struct hs_panel *p = add_panel(f, s);
    double low = INFINITY, high = 0, factor;
    struct hs_series *band;
    size_t n, m;
    struct hs_arm_row *v = choose_rows(t, s, &n);

    hs_axis_share(&p->x, "coordinates edited");
    hs_axis_label(&p->y, "accuracy");
    p->dodge = 0.03;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, (double)v[i].arm->edit.n / t->dim);
        high = fmax(high, (double)v[i].arm->edit.n / t->dim);
    }
    /* A factor of 4 at least, as the axis has it, so that it is cut nowhere. */
    factor = fmax(1.25, 2 * sqrt(low / high));
    p->x.from = low / factor;
    p->x.to = high * factor;
    band = hs_panel_add(p, UNEDITED, HS_ROLE_BAND);
    put(band, p->x.from, &t->none);
    put(band, p->x.to, &t->none);
    for (size_t i = 0; i < n; i += m) {
        m = count_name(v + i, n - i);
        draw_line(p, v + i, m, t->dim);
    }
    free(v);
}

int
hs_plot_dose(const struct hs_plotdata *d, const struct hs_plot_options *o,
             struct hs_figure *f, struct hs_error *err)
{
    struct subjects s = {.n = 0};
    struct hs_arm_rows t;
    int rc = hs_arm_rows_read(d, o, &t, err);

    f->same_y = true;
    if (rc == 0 && d->dim == 0)
        rc = hs_fail(err, "%s: does not say how wide states are", d->files[0]);
    if (rc == 0)
        rc = find_subjects(&t, false, &s, f, err);
    for (size_t i = 0; rc == 0 && i < s.n; i++)
        draw_dose(f, &t, &s.v[i]);
    free(s.v);
    hs_arm_rows_free(&t);
    return rc;
}
