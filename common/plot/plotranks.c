/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plotranks.c - the importance of coordinates, of streams of kind "rankings".
 *
 * Records read here: "ranking" with layer, target, n_top, order, importance,
 * rms and sink; the last three by coordinate.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/plots.h"

enum {
    SINK = 1 /* in "sink": is one; 0 is not, 2 is not known */
};

struct ranking {
    size_t d, n_top;
    double *order, *importance, *rms, *sink; /* (d), owned */
};

static void
free_ranking(struct ranking *r)
{
    free(r->order);
    free(r->importance);
    free(r->rms);
    free(r->sink);
}

/* A list by coordinate, or one of coordinates, which are below d. */
static int
read_list(const struct hs_plotdata *d, const struct hs_plot_record *r,
          const char *key, size_t n, double **out, struct hs_error *err)
{
    size_t have;

    if (hs_plot_list(d, r, r->j, key, out, &have, err) < 0)
        return -1;
    if (have != n)
        return hs_plot_fail(d, r, err,
                            "ranking: %zu coordinates, but '%s' has %zu", n,
                            key, have);
    return 0;
}

static int
read_ranking(const struct hs_plotdata *d, const struct hs_plot_record *r,
             struct ranking *out, struct hs_error *err)
{
    double n_top;

    *out = (struct ranking){0};
    if (hs_plot_number(d, r, r->j, "n_top", &n_top, err) < 0 ||
        hs_plot_list(d, r, r->j, "order", &out->order, &out->d, err) < 0 ||
        read_list(d, r, "importance", out->d, &out->importance, err) < 0 ||
        read_list(d, r, "rms", out->d, &out->rms, err) < 0 ||
        read_list(d, r, "sink", out->d, &out->sink, err) < 0)
        return -1;
    if (!(n_top >= 0 && n_top <= (double)out->d))
        return hs_plot_fail(d, r, err, "ranking: n_top is %g of %zu", n_top,
                            out->d);
    out->n_top = (size_t)n_top;
    for (size_t i = 0; i < out->d; i++)
        if (!(out->order[i] >= 0 && out->order[i] < (double)out->d))
            return hs_plot_fail(d, r, err, "ranking: no coordinate %g of %zu",
                                out->order[i], out->d);
    return 0;
}

static void
draw_ranking(struct hs_panel *p, const struct ranking *r, bool by_rms)
{
    struct hs_buf top = {0};
    struct hs_series *all, *chosen, *sinks;

    hs_buf_printf(&top, "the top %zu", r->n_top);
    hs_axis_label(&p->x, by_rms ? "RMS of the coordinate" : "rank");
    hs_axis_label(&p->y, "importance");
    p->x.log = true;
    all = hs_panel_add(p, "all coordinates",
                       by_rms ? HS_ROLE_DOTS : HS_ROLE_PLAIN);
    chosen = hs_panel_add(p, hs_buf_cstr(&top), HS_ROLE_POINTS);
    sinks = hs_panel_add(p, "sinks", HS_ROLE_POINTS);
    for (size_t i = 0; i < r->d; i++) {
        size_t j = (size_t)r->order[i];
        double x = by_rms ? r->rms[j] : (double)(i + 1),
               y = x > 0 ? r->importance[j] : NAN;

        hs_series_put(all, x, y, NAN, NAN);
        if (i < r->n_top)
            hs_series_put(chosen, x, y, NAN, NAN);
        if (r->sink[j] >= SINK && r->sink[j] <= SINK)
            hs_series_put(sinks, x, y, NAN, NAN);
    }
    hs_buf_free(&top);
}

/* Titles of panels, which are the subjects of the records too. */
static int
read_titles(const struct hs_plotdata *d, char **titles, struct hs_error *err)
{
    for (size_t i = 0; i < d->n; i++) {
        struct hs_buf b = {0};
        const char *target;
        uint32_t layer;

        if (hs_plot_layer(d, &d->v[i], "layer", &layer, err) < 0 ||
            hs_plot_text(d, &d->v[i], "target", &target, err) < 0)
            return -1;
        hs_buf_printf(&b, "layer %" PRIu32 ", %s", layer, target);
        titles[i] = hs_buf_cstr(&b);
    }
    return 0;
}

int
hs_plot_importance(const struct hs_plotdata *d, const struct hs_plot_options *o,
                   struct hs_figure *f, struct hs_error *err)
{
    char **titles = hs_calloc(d->n, sizeof *titles);
    bool split = false;
    int rc = read_titles(d, titles, err);

    if (rc == 0)
        rc = hs_plot_distinct(d, titles, &split, err);
    if (rc == 0 && d->n > HS_PLOT_NAMES)
        rc = hs_fail(err, "more than %d panels; choose some with --layers",
                     HS_PLOT_NAMES);
    for (size_t i = 0; i < d->n && rc == 0; i++) {
        char *title = hs_plot_name(d, &d->v[i], titles[i], split);
        struct ranking r;

        rc = read_ranking(d, &d->v[i], &r, err);
        if (rc == 0)
            draw_ranking(hs_figure_add(f, title), &r, o->rms);
        free_ranking(&r);
        free(title);
    }
    for (size_t i = 0; i < d->n; i++)
        free(titles[i]);
    free(titles);
    return rc;
}
