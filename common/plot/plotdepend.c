/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plotdepend.c - what is left of dopamine coordinates when value neurons are
 * zeroed, of streams of kind "rpe".
 *
 * Records read here: "dependence" with edit_layers, k, n_random, n_rms, mean
 * and coordinates; the figures "corr" and "rho" of the latter two.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/plots.h"

/* Off the middle of a row. */
#define OFF 0.2

struct kind {
    const char *key, *counted; /* of a figure; of the record: draws */
    const char *name;
    double off;
};

static const struct kind draws[] = {{"random", "n_random", "random", OFF},
                                    {"rms", "n_rms", "like RMS", -OFF}};

enum {
    N_KINDS = sizeof draws / sizeof draws[0]
};

struct rows {
    const struct hs_plotdata *d;
    const struct hs_plot_record *r;
    const char *figure;     /* "corr", "rho" */
    struct hs_series *none; /* NULL: not of this figure */
    struct hs_series *value;
    struct hs_series *draw[N_KINDS]; /* NULL: no draws */
};

/* The part of j that is an object, or NULL with the reason. */
static const json_t *
part(const struct rows *w, const json_t *j, const char *key,
     struct hs_error *err)
{
    const json_t *v = json_object_get(j, key);

    if (json_is_object(v))
        return v;
    (void)hs_plot_fail(w->d, w->r, err, "%s: '%s' is missing", w->r->type, key);
    return NULL;
}

/* A row: figures of a coordinate, or their means. */
static int
draw_row(const struct rows *w, double x, const json_t *of, struct hs_error *err)
{
    const json_t *figure = part(w, of, w->figure, err);
    double y, lo, hi;

    if (figure == NULL ||
        hs_plot_number(w->d, w->r, figure, "value", &y, err) < 0)
        return -1;
    hs_series_put(w->value, x, y, NAN, NAN);
    if (w->none != NULL) {
        if (hs_plot_number(w->d, w->r, figure, "none", &y, err) < 0)
            return -1;
        hs_series_put(w->none, x, y, NAN, NAN);
    }
    for (size_t i = 0; i < N_KINDS; i++) {
        const json_t *band;

        if (w->draw[i] == NULL)
            continue;
        band = part(w, figure, draws[i].key, err);
        if (band == NULL ||
            hs_plot_number(w->d, w->r, band, "mean", &y, err) < 0 ||
            hs_plot_number(w->d, w->r, band, "low", &lo, err) < 0 ||
            hs_plot_number(w->d, w->r, band, "high", &hi, err) < 0)
            return -1;
        hs_series_put(w->draw[i], x + draws[i].off, y, lo, hi);
    }
    return 0;
}

static int
label_row(const struct rows *w, struct hs_axis *a, double x, const json_t *of,
          struct hs_error *err)
{
    double layer, index, sign;
    struct hs_buf b = {0};

    if (hs_plot_number(w->d, w->r, of, "layer", &layer, err) < 0 ||
        hs_plot_number(w->d, w->r, of, "index", &index, err) < 0 ||
        hs_plot_number(w->d, w->r, of, "sign", &sign, err) < 0)
        return -1;
    hs_buf_printf(&b, "%.0f in layer %.0f%s", index, layer,
                  sign > 0   ? " (+)"
                  : sign < 0 ? " (-)"
                             : "");
    hs_axis_tic(a, x, hs_buf_cstr(&b));
    hs_buf_free(&b);
    return 0;
}

/* All rows of a figure. */
static int
draw_rows(struct rows *w, struct hs_panel *p, struct hs_error *err)
{
    const json_t *list = json_object_get(w->r->j, "coordinates");
    const json_t *mean = part(w, w->r->j, "mean", err), *of;
    double x = 1;
    size_t i;

    if (mean == NULL)
        return -1;
    if (!json_is_array(list))
        return hs_plot_fail(w->d, w->r, err, "%s: 'coordinates' is missing",
                            w->r->type);
    hs_axis_tic(&p->x, x, "mean of all");
    if (draw_row(w, x, mean, err) < 0)
        return -1;
    json_array_foreach(list, i, of)
    {
        x++;
        if (label_row(w, &p->x, x, of, err) < 0 || draw_row(w, x, of, err) < 0)
            return -1;
    }
    p->sideways = true;
    p->x.from = 0;
    p->x.to = x + 1;
    return 0;
}

/* What was zeroed, in words. */
static int
read_subject(const struct hs_plotdata *d, const struct hs_plot_record *r,
             char **out, struct hs_error *err)
{
    double *layers = NULL, k;
    struct hs_buf b = {0};
    size_t n;

    if (hs_plot_number(d, r, r->j, "k", &k, err) < 0 ||
        hs_plot_list(d, r, r->j, "edit_layers", &layers, &n, err) < 0)
        return -1;
    hs_buf_printf(&b, "%.0f zeroed in layer%s ", k, n == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        hs_buf_printf(&b, "%s%.0f", i > 0 ? "," : "", layers[i]);
    free(layers);
    *out = hs_buf_cstr(&b);
    return 0;
}

static int
draw_figure(const struct hs_plotdata *d, const struct hs_plot_record *r,
            const char *figure, const char *title, struct hs_figure *f,
            struct hs_error *err)
{
    bool corr = strcmp(figure, "corr") == 0;
    struct rows w = {.d = d, .r = r, .figure = figure};
    struct hs_panel *p = hs_figure_add(f, title);

    hs_axis_label(&p->y, corr ? "correlation with the unedited trace"
                              : "correlation with delta");
    p->y.from = corr ? 0 : (double)NAN;
    p->y.to = corr ? 1 : (double)NAN;
    if (!corr)
        w.none = hs_panel_add(p, "unedited", HS_ROLE_POINTS);
    w.value = hs_panel_add(p, "value neurons", HS_ROLE_MAIN);
    for (size_t i = 0; i < N_KINDS; i++) {
        struct hs_buf b = {0};
        double n;

        if (hs_plot_number(d, r, r->j, draws[i].counted, &n, err) < 0)
            return -1;
        if (!(n > 0))
            continue;
        hs_buf_printf(&b, "%s, %.0f draws", draws[i].name, n);
        w.draw[i] = hs_panel_add(p, hs_buf_cstr(&b), HS_ROLE_MAIN);
        hs_buf_free(&b);
    }
    return draw_rows(&w, p, err);
}

int
hs_plot_dependence(const struct hs_plotdata *d, const struct hs_plot_options *o,
                   struct hs_figure *f, struct hs_error *err)
{
    char **subjects = hs_calloc(d->n, sizeof *subjects);
    bool split = false;
    int rc = 0;

    (void)o;
    f->columns = 2;
    for (size_t i = 0; i < d->n && rc == 0; i++)
        rc = read_subject(d, &d->v[i], &subjects[i], err);
    if (rc == 0)
        rc = hs_plot_distinct(d, subjects, &split, err);
    for (size_t i = 0; i < d->n && rc == 0; i++) {
        char *title = hs_plot_name(d, &d->v[i], subjects[i], split);

        rc = draw_figure(d, &d->v[i], "corr", title, f, err);
        if (rc == 0)
            rc = draw_figure(d, &d->v[i], "rho", title, f, err);
        free(title);
    }
    for (size_t i = 0; i < d->n; i++)
        free(subjects[i]);
    free(subjects);
    return rc;
}
