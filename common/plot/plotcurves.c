/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plotcurves.c - pruning curves, of streams of kinds "rankings" and "rpe".
 *
 * Records read here: "curve" with layer, target, eval, set, draw, ratio, at,
 * auc, lo and hi; "rpe-curve" with layer, figure, set, draw, ratio, rho, lo and
 * hi.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/plots.h"

/* What a record says; set and at are borrowed. */
struct point {
    char *panel, *key; /* what the panel is about, what the record is about */
    const char *set, *at;
    size_t i; /* index of the record */
    uint32_t layer;
    double ratio, y, lo, hi;
};

/* A kind of curve. */
struct look {
    const char *label;      /* of y */
    double from, to, guide; /* of y */
    const char *option;     /* that chooses places */
    int (*read)(const struct hs_plotdata *d, size_t i, struct point *p,
                struct hs_error *err);
};

static void
free_points(struct point *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].panel);
        free(v[i].key);
    }
    free(v);
}

/* What the record is about, beyond what its panel is. */
static void
make_key(const struct hs_plot_record *r, struct point *p)
{
    char *draw = json_dumps(json_object_get(r->j, "draw"), JSON_ENCODE_ANY);
    struct hs_buf key = {0};

    hs_buf_printf(&key, "%s, %s, draw %s, ratio %.17g", p->panel, p->set,
                  draw ? draw : "null", p->ratio);
    p->key = hs_buf_cstr(&key);
    free(draw);
}

/* Members of both kinds; y is the name of the one that is drawn. */
static int
read_members(const struct hs_plotdata *d, size_t i, const char *y,
             struct point *p, struct hs_error *err)
{
    const struct hs_plot_record *r = &d->v[i];

    p->i = i;
    if (hs_plot_layer(d, r, "layer", &p->layer, err) < 0 ||
        hs_plot_text(d, r, "set", &p->set, err) < 0 ||
        hs_plot_number(d, r, r->j, "ratio", &p->ratio, err) < 0 ||
        hs_plot_number(d, r, r->j, y, &p->y, err) < 0 ||
        hs_plot_number(d, r, r->j, "lo", &p->lo, err) < 0 ||
        hs_plot_number(d, r, r->j, "hi", &p->hi, err) < 0)
        return -1;
    if (!(p->ratio >= 0 && p->ratio < 1))
        return hs_plot_fail(d, r, err, "%s: a ratio of %g", r->type, p->ratio);
    return 0;
}

static int
read_auc(const struct hs_plotdata *d, size_t i, struct point *p,
         struct hs_error *err)
{
    const struct hs_plot_record *r = &d->v[i];
    const char *target, *eval;
    struct hs_buf b = {0};

    if (read_members(d, i, "auc", p, err) < 0 ||
        hs_plot_text(d, r, "target", &target, err) < 0 ||
        hs_plot_text(d, r, "eval", &eval, err) < 0 ||
        hs_plot_text(d, r, "at", &p->at, err) < 0)
        return -1;
    if (p->y < 0 || p->y > 1)
        return hs_plot_fail(d, r, err, "curve: an AUC of %g", p->y);
    hs_buf_printf(&b, "layer %" PRIu32 ", %s, %s, %s", p->layer, target, eval,
                  p->at);
    p->panel = hs_buf_cstr(&b);
    make_key(r, p);
    return 0;
}

static int
read_rho(const struct hs_plotdata *d, size_t i, struct point *p,
         struct hs_error *err)
{
    static const struct {
        const char *name, *words;
    } figures[] = {{"selected", "steps beyond the threshold"},
                   {"split_half", "steps beyond it by the other half"},
                   {"all", "all steps"}};
    const struct hs_plot_record *r = &d->v[i];
    struct hs_buf b = {0};

    if (read_members(d, i, "rho", p, err) < 0 ||
        hs_plot_text(d, r, "figure", &p->at, err) < 0)
        return -1;
    if (p->y < -1 || p->y > 1)
        return hs_plot_fail(d, r, err, "rpe-curve: a correlation of %g", p->y);
    hs_buf_printf(&b, "layer %" PRIu32 ", ", p->layer);
    for (size_t k = 0; k < sizeof figures / sizeof figures[0]; k++)
        if (strcmp(figures[k].name, p->at) == 0)
            hs_buf_str(&b, figures[k].words);
    p->panel = hs_buf_cstr(&b);
    make_key(r, p);
    return 0;
}

/* Keeps the points at these places, each of which must be there. */
static int
choose_places(struct point *v, size_t *n, char *const *at, const char *option,
              struct hs_error *err)
{
    size_t kept = 0;

    for (size_t a = 0; at[a] != NULL; a++) {
        size_t before = kept;

        for (size_t i = kept; i < *n; i++)
            if (strcmp(v[i].at, at[a]) == 0) {
                struct point swap = v[kept];

                v[kept++] = v[i];
                v[i] = swap;
            }
        if (kept == before)
            return hs_fail(err, "--%s: no record is of %s '%s'", option,
                           strcmp(option, "at") == 0 ? "place" : option, at[a]);
    }
    for (size_t i = kept; i < *n; i++) {
        free(v[i].panel);
        free(v[i].key);
    }
    *n = kept;
    return 0;
}

/* By layer, then as they came. */
static int
by_layer(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

static int
by_ratio(const void *a, const void *b)
{
    const struct point *const *x = a, *const *y = b;

    if ((*x)->ratio < (*y)->ratio || (*x)->ratio > (*y)->ratio)
        return (*x)->ratio < (*y)->ratio ? -1 : 1;
    return ((*x)->i > (*y)->i) - ((*x)->i < (*y)->i);
}

/* Points v[0 .. n) have one ratio: their mean, and as interval the range of
 * several draws, or that of the only record.  NaN if one of them is. */
static void
put_group(struct hs_series *s, struct point *const *v, size_t n, bool draws)
{
    double sum = 0, low = v[0]->y, high = v[0]->y;

    for (size_t i = 0; i < n; i++) {
        sum += v[i]->y;
        low = fmin(low, v[i]->y);
        high = fmax(high, v[i]->y);
    }
    if (!draws) {
        low = v[0]->lo;
        high = v[0]->hi;
    } else if (isnan(sum)) {
        low = high = NAN;
    }
    hs_series_put(s, v[0]->ratio, sum / (double)n, low, high);
}

/* The longest run of points of one ratio. */
static size_t
count_draws(struct point *const *v, size_t n)
{
    size_t most = 0, run = 0;

    for (size_t i = 0; i < n; i++) {
        run = i > 0 && !(v[i]->ratio > v[i - 1]->ratio) ? run + 1 : 1;
        most = run > most ? run : most;
    }
    return most;
}

/* All records of a set in a panel (and of a file, if files are told apart) as a
 * line. */
static void
draw_set(const struct hs_plotdata *d, struct hs_panel *p, struct point **v,
         size_t n, bool split)
{
    bool random = strcmp(v[0]->set, "random") == 0,
         shuffled = strcmp(v[0]->set, "shuffled") == 0;
    struct hs_buf b = {0};
    struct hs_series *s;
    char *name;

    qsort(v, n, sizeof *v, by_ratio);
    if (random || shuffled)
        hs_buf_printf(&b, "%s, %zu draws",
                      random ? "random" : "shuffled deltas", count_draws(v, n));
    else
        hs_buf_str(&b,
                   strcmp(v[0]->set, "rms") == 0 ? "largest RMS" : v[0]->set);
    name = hs_plot_name(d, &d->v[v[0]->i], hs_buf_cstr(&b), split);
    s = hs_panel_add(p, name,
                     random || shuffled              ? HS_ROLE_BAND
                     : strcmp(v[0]->set, "top") == 0 ? HS_ROLE_MAIN
                                                     : HS_ROLE_OTHER);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && !(v[end]->ratio > v[i]->ratio); end++)
            ;
        put_group(s, v + i, end - i, random || shuffled);
    }
    free(name);
    hs_buf_free(&b);
}

/* The sets of a panel, in the order of their first records. */
static void
draw_panel(const struct hs_plotdata *d, struct hs_figure *f, const char *title,
           struct point *v, size_t n, bool split, const struct look *look)
{
    struct hs_panel *p = hs_figure_add(f, title);
    struct point **chosen = hs_calloc(n, sizeof(struct point *));
    bool *done = hs_calloc(n, sizeof *done);

    hs_axis_kept(&p->x);
    hs_axis_label(&p->y, look->label);
    p->y.from = look->from;
    p->y.to = look->to;
    p->guide = look->guide;
    for (size_t i = 0; i < n; i++) {
        size_t m = 0;

        if (done[i] || strcmp(v[i].panel, title) != 0)
            continue;
        for (size_t k = i; k < n; k++)
            if (strcmp(v[k].panel, title) == 0 &&
                strcmp(v[k].set, v[i].set) == 0 &&
                (!split || d->v[v[k].i].file == d->v[v[i].i].file)) {
                chosen[m++] = &v[k];
                done[k] = true;
            }
        draw_set(d, p, chosen, m, split);
    }
    free(chosen);
    free(done);
}

static int
draw_panels(const struct hs_plotdata *d, struct hs_figure *f, struct point *v,
            size_t n, bool split, const struct look *look, struct hs_error *err)
{
    struct hs_plot_names titles = {.n = 0};
    int rc = 0;

    qsort(v, n, sizeof *v, by_layer);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = hs_plot_names_add(&titles, v[i].panel, err);
    for (size_t i = 0; i < titles.n && rc == 0; i++)
        draw_panel(d, f, titles.v[i], v, n, split, look);
    hs_plot_names_free(&titles);
    return rc;
}

static int
draw_curves(const struct hs_plotdata *d, char *const *places,
            const struct look *look, struct hs_figure *f, struct hs_error *err)
{
    struct point *v = hs_calloc(d->n, sizeof *v);
    char **keys = hs_calloc(d->n, sizeof *keys);
    size_t n = d->n;
    bool split = false;
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = look->read(d, i, &v[i], err);
        keys[i] = v[i].key;
    }
    if (rc == 0)
        rc = hs_plot_distinct(d, keys, &split, err);
    if (rc == 0)
        rc = choose_places(v, &n, places, look->option, err);
    if (rc == 0)
        rc = draw_panels(d, f, v, n, split, look, err);
    free_points(v, n);
    free(keys);
    return rc;
}

int
hs_plot_pruning(const struct hs_plotdata *d, const struct hs_plot_options *o,
                struct hs_figure *f, struct hs_error *err)
{
    static const struct look look = {.label = "AUC",
                                     .from = 0.4,
                                     .to = 1,
                                     .guide = 0.5,
                                     .option = "at",
                                     .read = read_auc};

    return draw_curves(d, o->at, &look, f, err);
}

int
hs_plot_rpe_pruning(const struct hs_plotdata *d,
                    const struct hs_plot_options *o, struct hs_figure *f,
                    struct hs_error *err)
{
    static char selected[] = "selected", split_half[] = "split_half";
    static char *const both[] = {selected, split_half, NULL};
    static const struct look look = {.label = "Spearman's rho",
                                     .from = -0.2,
                                     .to = 0.6,
                                     .guide = 0,
                                     .option = "figure",
                                     .read = read_rho};

    return draw_curves(d, o->figures ? o->figures : both, &look, f, err);
}
