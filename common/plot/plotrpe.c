/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plotrpe.c - scores of coordinates against how sure they are, of streams of
 * kind "rpe".
 *
 * Records read here: "rpe-coordinates" with mode, layer, score, score_p, r_out,
 * p, q and found, by coordinate.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/plots.h"

enum {
    MOST_NOTES = 16 /* numbers beside points of a panel */
};

#define NOTE_WIDTH  0.1  /* of the axis */
#define NOTE_HEIGHT 0.06 /* likewise */

struct coordinates {
    size_t d;
    double *score, *score_p, *r_out, *p, *q, *found; /* (d), owned */
};

static void
free_coordinates(struct coordinates *c)
{
    free(c->score);
    free(c->score_p);
    free(c->r_out);
    free(c->p);
    free(c->q);
    free(c->found);
}

static int
read_coordinates(const struct hs_plotdata *d, const struct hs_plot_record *r,
                 struct coordinates *c, struct hs_error *err)
{
    struct {
        const char *name;
        double **list;
    } lists[] = {{"score", &c->score}, {"score_p", &c->score_p},
                 {"r_out", &c->r_out}, {"p", &c->p},
                 {"q", &c->q},         {"found", &c->found}};

    *c = (struct coordinates){0};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        size_t n;

        if (hs_plot_list(d, r, r->j, lists[i].name, lists[i].list, &n, err) < 0)
            return -1;
        c->d = i == 0 ? n : c->d;
        if (n != c->d)
            return hs_plot_fail(d, r, err,
                                "%s: %zu coordinates, but '%s' has %zu",
                                r->type, c->d, lists[i].name, n);
    }
    for (size_t j = 0; j < c->d; j++)
        if (c->score_p[j] <= 0 || c->score_p[j] > 1 || c->p[j] <= 0 ||
            c->p[j] > 1)
            return hs_plot_fail(d, r, err, "%s: a p that is none, of %zu",
                                r->type, j);
    return 0;
}

/* Found ones by p, for notes. */
struct place {
    double p, x;
    size_t j;
};

static int
by_evidence(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->p < y->p || x->p > y->p)
        return x->p < y->p ? -1 : 1;
    if (fabs(x->x) < fabs(y->x) || fabs(x->x) > fabs(y->x))
        return fabs(x->x) > fabs(y->x) ? -1 : 1;
    return (x->j > y->j) - (x->j < y->j);
}

static int
by_x(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return (x->x > y->x) - (x->x < y->x);
}

/* The numbers of those that were found, as far as there is room.  Many have the
 * least p that permutations can give: the numbers of neighbours stand on top of
 * each other.  Returns how many lines that takes. */
static unsigned
add_notes(struct hs_panel *panel, const struct coordinates *c, const double *x,
          const double *p)
{
    struct place *v = hs_calloc(c->d, sizeof *v);
    double span = 0, first = NAN;
    unsigned above = 0, most = 0;
    size_t n = 0;

    for (size_t j = 0; j < c->d; j++) {
        span = isfinite(x[j]) ? fmax(span, 2 * fabs(x[j])) : span;
        if (c->found[j] > 0 && isfinite(x[j]) && isfinite(p[j]))
            v[n++] = (struct place){p[j], x[j], j};
    }
    qsort(v, n, sizeof *v, by_evidence);
    n = n > MOST_NOTES ? MOST_NOTES : n;
    qsort(v, n, sizeof *v, by_x);
    for (size_t i = 0; i < n; i++) {
        struct hs_buf b = {0};

        above = v[i].x - first < NOTE_WIDTH * span ? above + 1 : 0;
        first = above == 0 ? v[i].x : first;
        most = above > most ? above : most;
        hs_buf_printf(&b, "%zu", v[i].j);
        hs_panel_note(panel, v[i].x, -log10(v[i].p), above, hs_buf_cstr(&b));
        hs_buf_free(&b);
    }
    free(v);
    return most;
}

static void
draw_volcano(struct hs_panel *panel, const struct coordinates *c,
             const char *label, const double *x, const double *p)
{
    struct hs_series *up =
        hs_panel_add(panel, "found, up with what came", HS_ROLE_SPOTS);
    struct hs_series *down =
        hs_panel_add(panel, "found, down with what came", HS_ROLE_SPOTS);
    struct hs_series *rest = hs_panel_add(panel, "others", HS_ROLE_REST);
    double most = 1;

    hs_axis_label(&panel->x, label);
    hs_axis_label(&panel->y, "-log10 p");
    panel->y.from = 0;
    for (size_t j = 0; j < c->d; j++) {
        double y = isfinite(x[j]) ? -log10(p[j]) : (double)NAN;
        struct hs_series *s = !(c->found[j] > 0) ? rest
                              : c->r_out[j] > 0  ? up
                                                 : down;

        hs_series_put(s, x[j], y, NAN, NAN);
        most = fmax(most, y);
    }
    panel->y.to = most * (1 + NOTE_HEIGHT * (1 + add_notes(panel, c, x, p)));
}

/* What the panels of a record are called, and what it is about. */
static int
read_titles(const struct hs_plotdata *d, char **titles, struct hs_error *err)
{
    for (size_t i = 0; i < d->n; i++) {
        struct hs_buf b = {0};
        const char *mode;
        uint32_t layer;

        if (hs_plot_layer(d, &d->v[i], "layer", &layer, err) < 0 ||
            hs_plot_text(d, &d->v[i], "mode", &mode, err) < 0)
            return -1;
        hs_buf_printf(&b, "layer %" PRIu32 ", %s", layer, mode);
        titles[i] = hs_buf_cstr(&b);
    }
    return 0;
}

static void
draw_record(struct hs_figure *f, const char *title, const char *mode,
            const struct coordinates *c)
{
    bool td = strcmp(mode, "td") == 0;
    struct hs_buf b = {0};

    hs_buf_printf(&b, "%s: score", title);
    draw_volcano(hs_figure_add(f, hs_buf_cstr(&b)), c,
                 td ? "correlation with delta"
                    : "z of pleasant less that of unpleasant surprises",
                 c->score, c->score_p);
    b.len = 0;
    hs_buf_printf(&b, "%s: error signal", title);
    draw_volcano(hs_figure_add(f, hs_buf_cstr(&b)), c,
                 "partial correlation with what came", c->r_out, c->p);
    hs_buf_free(&b);
}

int
hs_plot_volcano(const struct hs_plotdata *d, const struct hs_plot_options *o,
                struct hs_figure *f, struct hs_error *err)
{
    char **titles = hs_calloc(d->n, sizeof *titles);
    bool split = false;
    int rc = read_titles(d, titles, err);

    (void)o;
    f->columns = 2;
    if (rc == 0)
        rc = hs_plot_distinct(d, titles, &split, err);
    if (rc == 0 && d->n > HS_PLOT_NAMES / 2)
        rc = hs_fail(err, "more than %d panels; choose some with --layers",
                     HS_PLOT_NAMES);
    for (size_t i = 0; i < d->n && rc == 0; i++) {
        const struct hs_plot_record *r = &d->v[i];
        char *title = hs_plot_name(d, r, titles[i], split);
        struct coordinates c;

        rc = read_coordinates(d, r, &c, err);
        if (rc == 0)
            draw_record(f, title,
                        json_string_value(json_object_get(r->j, "mode")), &c);
        free_coordinates(&c);
        free(title);
    }
    for (size_t i = 0; i < d->n; i++)
        free(titles[i]);
    free(titles);
    return rc;
}
