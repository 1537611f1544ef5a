/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plottrace.c - value, surprise and coordinates over the text of an answer, of
 * streams of kind "rpe".
 *
 * Records read here: "trace" with layer, id, surprise, reward, v0, window, t,
 * tokens, text, v, at, value, lo, hi, delta, coordinates, sign and z.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot/plots.h"
#include "rpe/smooth.h"

enum {
    LINE = 72,      /* tokens of a line of text, */
    MOST_LINES = 4, /* and beyond so many lines they are longer */
    WORD = 14,      /* letters of a token that are shown */
    WIDTH = 1100,   /* pixels of a panel */
    HEIGHT = 230,
    TEXT_WIDTH = 110,
    TEXT_HEIGHT = 18
};

/* A record; lists are owned, NULL where there is nothing. */
struct trace {
    const struct hs_plot_record *r;
    size_t n, n_at, m;                    /* states, boundaries, coordinates */
    size_t last;                          /* the last t of all */
    double *t, *v;                        /* (n) */
    double *at, *value, *lo, *hi, *delta; /* (n_at); delta one less */
    double *coordinates, *sign;           /* (m) */
    double *z;                            /* (m, n), smoothed */
    const json_t *text;                   /* NULL: none */
};

static void
free_trace(struct trace *x)
{
    double *lists[] = {x->t,  x->v,     x->at,          x->value, x->lo,
                       x->hi, x->delta, x->coordinates, x->sign,  x->z};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        free(lists[i]);
}

/* A list of n numbers; null leaves *out NULL if that is allowed. */
static int
read_list(const struct hs_plotdata *d, const struct trace *x, const char *key,
          size_t n, bool null_ok, double **out, struct hs_error *err)
{
    size_t have;

    if (null_ok && json_is_null(json_object_get(x->r->j, key)))
        return 0;
    if (hs_plot_list(d, x->r, x->r->j, key, out, &have, err) < 0)
        return -1;
    if (have != n)
        return hs_plot_fail(
            d, x->r, err, "trace: '%s' has %zu numbers, not %zu", key, have, n);
    return 0;
}

static int
read_steps(const struct hs_plotdata *d, struct trace *x, struct hs_error *err)
{
    struct {
        const char *key;
        double **list;
    } lists[] = {{"value", &x->value}, {"lo", &x->lo}, {"hi", &x->hi}};

    if (json_is_null(json_object_get(x->r->j, "at")))
        return 0;
    if (hs_plot_list(d, x->r, x->r->j, "at", &x->at, &x->n_at, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (read_list(d, x, lists[i].key, x->n_at, false, lists[i].list, err) <
            0)
            return -1;
    if (x->n_at == 0)
        return hs_plot_fail(d, x->r, err, "trace: 'at' is empty");
    return read_list(d, x, "delta", x->n_at - 1, false, &x->delta, err);
}

/* The moving average of each coordinate over states of tokens; s_0 stays. */
static void
smooth(struct trace *x, size_t window)
{
    size_t skip = x->n > 0 && !(x->t[0] > 0) ? 1 : 0, n = x->n - skip;
    float *from = hs_calloc(n, sizeof *from), *to = hs_calloc(n, sizeof *to);

    for (size_t c = 0; c < x->m; c++) {
        double *z = x->z + c * x->n + skip;

        for (size_t i = 0; i < n; i++)
            from[i] = (float)z[i];
        hs_smooth(from, n, 1, window, to);
        for (size_t i = 0; i < n; i++)
            z[i] = (double)to[i];
    }
    free(from);
    free(to);
}

static int
read_trace(const struct hs_plotdata *d, const struct hs_plot_record *r,
           struct trace *x, struct hs_error *err)
{
    double window;

    *x = (struct trace){.r = r};
    if (hs_plot_list(d, r, r->j, "t", &x->t, &x->n, err) < 0 ||
        read_list(d, x, "v", x->n, true, &x->v, err) < 0 ||
        read_steps(d, x, err) < 0 ||
        hs_plot_list(d, r, r->j, "coordinates", &x->coordinates, &x->m, err) <
            0 ||
        read_list(d, x, "sign", x->m, false, &x->sign, err) < 0 ||
        read_list(d, x, "z", x->m * x->n, false, &x->z, err) < 0 ||
        hs_plot_number(d, r, r->j, "window", &window, err) < 0)
        return -1;
    if (!(window >= 1 && window < 1e6 && fmod(window, 2) > 0))
        return hs_plot_fail(d, r, err, "trace: a window of %g", window);
    smooth(x, (size_t)window);
    x->text = json_object_get(r->j, "text");
    x->text = json_is_array(x->text) ? x->text : NULL;
    if (x->n > 0)
        x->last = (size_t)x->t[x->n - 1];
    if (x->n_at > 0 && x->at[x->n_at - 1] > (double)x->last)
        x->last = (size_t)x->at[x->n_at - 1];
    if (json_array_size(x->text) > x->last)
        x->last = json_array_size(x->text);
    return x->n == 0 ? hs_plot_fail(d, r, err, "trace: no states") : 0;
}

/* ---- text ---- */

/* A token as a word: what is no letter to look at is written as one. */
static void
put_word(struct hs_buf *b, const char *s)
{
    size_t n = 0;

    if (s[0] == ' ' && s[1] != '\0')
        s++;
    for (; *s != '\0'; s++) {
        if (((unsigned char)*s & 0xc0) != 0x80 && ++n > WORD) {
            hs_buf_str(b, "~");
            return;
        }
        if (*s == '\n')
            hs_buf_str(b, "\\n");
        else if (*s == '\t')
            hs_buf_str(b, "\\t");
        else if (*s == ' ')
            hs_buf_str(b, "_");
        else
            hs_buf_add(b, s, 1);
    }
}

static void
set_range(struct hs_axis *a, size_t from, size_t to)
{
    a->from = (double)from;
    a->to = (double)(to > from ? to : from + 1);
}

static void
add_words(struct hs_axis *a, const struct trace *x, size_t from, size_t to)
{
    hs_axis_label(a, x->text ? "token" : "number of the token");
    set_range(a, from, to);
    for (size_t t = from; t <= to && x->text != NULL; t++) {
        struct hs_buf b = {0};

        if (t == 0)
            hs_buf_str(&b, "(s0)");
        else if (json_is_string(json_array_get(x->text, t - 1)))
            put_word(&b, json_string_value(json_array_get(x->text, t - 1)));
        hs_axis_tic(a, (double)t, hs_buf_cstr(&b));
        hs_buf_free(&b);
    }
    a->words = a->n_tics > 0;
}

/* ---- panels ---- */

static bool
within(double t, size_t from, size_t to)
{
    return t >= (double)from && t <= (double)to;
}

/* What was expected, and by how much that moved. */
static void
draw_values(struct hs_panel *p, const struct trace *x, size_t from, size_t to)
{
    struct hs_series *s;

    hs_axis_label(&p->y, "value");
    p->y.from = 0;
    p->y.to = 1;
    p->guide = 0;
    if (x->v != NULL) {
        s = hs_panel_add(p, "V of the probe", HS_ROLE_PLAIN);
        for (size_t i = 0; i < x->n; i++)
            if (within(x->t[i], from, to))
                hs_series_put(s, x->t[i], x->v[i], NAN, NAN);
    }
    if (x->at == NULL)
        return;
    s = hs_panel_add(p, "V by rollouts", HS_ROLE_MAIN);
    for (size_t i = 0; i < x->n_at; i++)
        if (within(x->at[i], from, to))
            hs_series_put(s, x->at[i], x->value[i], x->lo[i], x->hi[i]);
    s = hs_panel_add(p, "delta of the step", HS_ROLE_BARS);
    for (size_t i = 1; i < x->n_at; i++)
        if (within(x->at[i], from, to))
            hs_series_put(s, x->at[i], x->delta[i - 1], NAN, NAN);
}

/* The mean over the coordinates that were found, each by its sign. */
static void
draw_mean(struct hs_panel *p, const struct trace *x, size_t from, size_t to)
{
    struct hs_series *s;
    size_t found = 0;

    for (size_t c = 0; c < x->m; c++)
        found += x->sign[c] > 0 || x->sign[c] < 0;
    if (found < 2)
        return;
    s = hs_panel_add(p, "mean, each by its sign", HS_ROLE_MAIN);
    for (size_t i = 0; i < x->n; i++) {
        double sum = 0;

        for (size_t c = 0; c < x->m; c++)
            sum += x->sign[c] * x->z[c * x->n + i];
        if (within(x->t[i], from, to))
            hs_series_put(s, x->t[i], sum / (double)found, NAN, NAN);
    }
}

static void
draw_z(struct hs_panel *p, const struct trace *x, size_t from, size_t to)
{
    hs_axis_label(&p->y, "z");
    p->guide = 0;
    draw_mean(p, x, from, to);
    for (size_t c = 0; c < x->m; c++) {
        struct hs_buf b = {0};
        struct hs_series *s;

        hs_buf_printf(&b, "coordinate %.0f%s", x->coordinates[c],
                      x->sign[c] > 0   ? " (+)"
                      : x->sign[c] < 0 ? " (-)"
                                       : "");
        s = hs_panel_add(p, hs_buf_cstr(&b), HS_ROLE_PLAIN);
        for (size_t i = 0; i < x->n; i++)
            if (within(x->t[i], from, to))
                hs_series_put(s, x->t[i], x->z[c * x->n + i], NAN, NAN);
        hs_buf_free(&b);
    }
}

/* All lines of one answer. */
static void
draw_trace(struct hs_figure *f, const struct trace *x, const char *title)
{
    size_t lines = (x->last + LINE) / LINE, length;
    bool values = x->v != NULL || x->at != NULL;

    lines = lines > MOST_LINES ? MOST_LINES : lines;
    length = x->last / lines + 1;
    for (size_t i = 0; i < lines; i++) {
        size_t from = i * length, to = from + length - 1;
        struct hs_panel *p = NULL;
        struct hs_buf b = {0};

        to = to > x->last ? x->last : to;
        hs_buf_printf(&b, "%s%s", title, i > 0 ? ", continued" : "");
        if (values)
            draw_values(p = hs_figure_add(f, hs_buf_cstr(&b)), x, from, to);
        if (p != NULL)
            set_range(&p->x, from, to);
        if (x->m > 0 || p == NULL)
            draw_z(p = hs_figure_add(f, values ? "" : hs_buf_cstr(&b)), x, from,
                   to);
        add_words(&p->x, x, from, to);
        hs_buf_free(&b);
    }
}

/* What a record is about, in words. */
static int
read_title(const struct hs_plotdata *d, const struct hs_plot_record *r,
           char **title, struct hs_error *err)
{
    const char *id,
        *surprise = json_string_value(json_object_get(r->j, "surprise"));
    struct hs_buf b = {0};
    double reward, v0;
    uint32_t layer;

    if (hs_plot_layer(d, r, "layer", &layer, err) < 0 ||
        hs_plot_text(d, r, "id", &id, err) < 0 ||
        hs_plot_number(d, r, r->j, "reward", &reward, err) < 0 ||
        hs_plot_number(d, r, r->j, "v0", &v0, err) < 0)
        return -1;
    hs_buf_printf(&b, "%s, layer %" PRIu32 ": ", id, layer);
    if (isfinite(v0))
        hs_buf_printf(&b, "V(s0) = %.2f, ", v0);
    hs_buf_str(&b, isnan(reward)  ? "not decided"
                   : reward > 0.5 ? "right"
                                  : "wrong");
    if (surprise != NULL)
        hs_buf_printf(&b, " (%s surprise)", surprise);
    *title = hs_buf_cstr(&b);
    return 0;
}

static bool
is_wanted(char *const *ids, const char *id)
{
    for (size_t i = 0; ids != NULL && ids[i] != NULL; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return ids == NULL;
}

static int
check_ids(const struct hs_plotdata *d, char *const *ids, struct hs_error *err)
{
    for (size_t i = 0; ids != NULL && ids[i] != NULL; i++) {
        bool there = false;

        for (size_t k = 0; k < d->n; k++) {
            const char *id =
                json_string_value(json_object_get(d->v[k].j, "id"));

            there = there || (id != NULL && strcmp(id, ids[i]) == 0);
        }
        if (!there)
            return hs_fail(err, "--id: no trace is of '%s'", ids[i]);
    }
    return 0;
}

int
hs_plot_trace(const struct hs_plotdata *d, const struct hs_plot_options *o,
              struct hs_figure *f, struct hs_error *err)
{
    char **titles = hs_calloc(d->n, sizeof *titles);
    bool split = false;
    int rc = check_ids(d, o->ids, err);

    f->columns = 1;
    f->panel_width = WIDTH;
    f->panel_height = HEIGHT;
    f->text_width = TEXT_WIDTH;
    f->text_height = TEXT_HEIGHT;
    for (size_t i = 0; i < d->n && rc == 0; i++)
        rc = read_title(d, &d->v[i], &titles[i], err);
    if (rc == 0)
        rc = hs_plot_distinct(d, titles, &split, err);
    for (size_t i = 0; i < d->n && rc == 0; i++) {
        const struct hs_plot_record *r = &d->v[i];
        struct trace x;

        if (!is_wanted(o->ids, json_string_value(json_object_get(r->j, "id"))))
            continue;
        rc = read_trace(d, r, &x, err);
        if (rc == 0) {
            char *title = hs_plot_name(d, r, titles[i], split);

            draw_trace(f, &x, title);
            free(title);
        }
        free_trace(&x);
    }
    if (rc == 0 && f->n > HS_PLOT_NAMES)
        rc = hs_fail(err,
                     "more than %d panels; choose some with --id or "
                     "--layers",
                     HS_PLOT_NAMES);
    for (size_t i = 0; i < d->n; i++)
        free(titles[i]);
    free(titles);
    return rc;
}
