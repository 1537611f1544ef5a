/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figscript.c - a figure as a script for gnuplot 5, see figure.h.
 *
 * All text stands in single quotes, where gnuplot replaces nothing, and is
 * never "enhanced".
 */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/figaxis.h"
#include "plot/figtext.h"
#include "plot/figure.h"

/* Okabe and Ito, without yellow: told apart by colour-blind readers too. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73",
                                      "#cc79a7", "#e69f00", "#56b4e9",
                                      "#000000"};
static const char *const greys[] = {"#8c8c8c", "#b09878", "#7890a8"};

enum {
    N_COLOURS = sizeof colours / sizeof colours[0],
    N_GREYS = sizeof greys / sizeof greys[0],
    /* Pixels of a panel, and around its frame. */
    PANEL_WIDTH = 430,
    PANEL_HEIGHT = 320,
    MARGIN_LEFT = 80,
    MARGIN_RIGHT = 16,
    MARGIN_TOP = 40,
    MARGIN_BOTTOM = 52,
    TITLE_HEIGHT = 34,
    LEGEND_LINE = 20,
    LEGEND_SAMPLE = 70, /* the piece of line before a name */
    LETTER = 7,         /* mean width, at 12 points */
    /* Characters. */
    TEXT_WIDTH = 80,
    TEXT_HEIGHT = 24, /* with a line for the legend */
    TEXT_NAMES = 5    /* more of them take another line */
};

/* A name in the legend. */
struct entry {
    const char *name;
    enum hs_role role;
    size_t number; /* of those that take colours, or of the bands */
    bool points;   /* one of its series has a point */
    bool values;   /* and one a value */
};

struct legend {
    struct entry *v; /* owned */
    size_t n, cap, n_colours, n_bands;
};

static size_t
legend_find(const struct legend *l, const struct hs_series *s)
{
    size_t i = 0;

    while (i < l->n &&
           (strcmp(l->v[i].name, s->name) != 0 || l->v[i].role != s->role))
        i++;
    return i;
}

static bool
has_values(const struct hs_series *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (isfinite(s->y[i]))
            return true;
    return false;
}

static void
legend_make(struct legend *l, const struct hs_figure *f)
{
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->panels[i]->n; k++) {
            const struct hs_series *s = f->panels[i]->series[k];
            size_t at = legend_find(l, s);

            if (at == l->n) {
                l->v = hs_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
                l->v[l->n++] = (struct entry){.name = s->name,
                                              .role = s->role,
                                              .number = s->role == HS_ROLE_BAND
                                                            ? l->n_bands++
                                                            : l->n_colours++};
            }
            l->v[at].points = l->v[at].points || s->n > 0;
            l->v[at].values = l->v[at].values || has_values(s);
        }
}

/* ---- data ---- */

static void
put_data(struct hs_buf *b, const struct hs_figure *f)
{
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->panels[i]->n; k++) {
            const struct hs_series *s = f->panels[i]->series[k];

            hs_buf_printf(b, "$p%zus%zu << END\n# ", i + 1, k + 1);
            hs_fig_text(b, f->panels[i]->title);
            hs_buf_str(b, ": ");
            hs_fig_text(b, s->name);
            hs_buf_str(b, "\n# x y lo hi\n");
            for (size_t j = 0; j < s->n; j++) {
                const double row[] = {s->x[j], s->y[j], s->lo[j], s->hi[j]};

                for (size_t c = 0; c < 4; c++) {
                    hs_buf_str(b, c > 0 ? " " : "");
                    hs_fig_number(b, row[c]);
                }
                hs_buf_str(b, "\n");
            }
            hs_buf_str(b, "END\n");
        }
}

/* ---- what is drawn ---- */

/* Filled signs for what is found, open ones for what it is compared with. */
static size_t
sign_of(const struct entry *e)
{
    size_t k = e->number;

    if (e->role == HS_ROLE_DOTS)
        return 7;
    if (e->role == HS_ROLE_POINTS)
        return k % 2 ? 6 : 2;
    return (e->role == HS_ROLE_MAIN ? 5 : 4) + 2 * (k % 5);
}

/* When the colours are used up, another pattern of dashes. */
static size_t
dashes_of(const struct entry *e)
{
    size_t round = e->number / N_COLOURS;

    return e->role == HS_ROLE_OTHER ? 2 + round % 4 : 1 + round % 5;
}

static void
put_style(struct hs_buf *b, const struct entry *e, size_t i)
{
    static const struct {
        const char *width, *size; /* of lines, of points */
    } looks[] = {
        [HS_ROLE_MAIN] = {"2", "0.7"},     [HS_ROLE_OTHER] = {"1.5", "0.7"},
        [HS_ROLE_BAND] = {"1.5", "0.7"},   [HS_ROLE_PLAIN] = {"2", "0.7"},
        [HS_ROLE_POINTS] = {"1.5", "1.1"}, [HS_ROLE_DOTS] = {"1", "0.25"},
    };

    hs_buf_printf(
        b, "set style line %zu lc rgb '%s' lw %s dt %zu pt %zu ps %s\n", i,
        e->role == HS_ROLE_BAND ? greys[e->number % N_GREYS]
                                : colours[e->number % N_COLOURS],
        looks[e->role].width, dashes_of(e), sign_of(e), looks[e->role].size);
}

/* Style i + 1 is that of entry i of the legend.  Text has 7 kinds of line. */
static void
put_styles(struct hs_buf *b, const struct legend *l, bool text)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct entry *e = &l->v[i];

        if (text)
            hs_buf_printf(b, "set style line %zu lt %zu pt %zu\n", i + 1,
                          e->role == HS_ROLE_BAND ? 0 : 1 + e->number % 7,
                          1 + e->number);
        else
            put_style(b, e, i + 1);
    }
}

/* Whether some, or all, of the points have an interval. */
static void
find_intervals(const struct hs_series *s, bool *some, bool *all)
{
    *some = false;
    *all = true;
    for (size_t i = 0; i < s->n; i++) {
        bool there = isfinite(s->lo[i]) && isfinite(s->hi[i]);

        *some = *some || (there && isfinite(s->y[i]));
        *all = *all && (there || !isfinite(s->y[i]));
    }
}

/* The columns, with x as the panel shows it. */
static void
put_using(struct hs_buf *b, const struct hs_panel *p, double shift,
          const char *columns)
{
    if (p->x.rest)
        hs_buf_str(b, "using (1-$1):");
    else if (shift > 0 || shift < 0)
        hs_buf_printf(b, "using ($1%+.3g):", shift);
    else
        hs_buf_str(b, "using 1:");
    hs_buf_str(b, columns);
}

static void
put_style_of(struct hs_buf *b, enum hs_role role, size_t style)
{
    static const char *const with[] = {
        [HS_ROLE_MAIN] = "linespoints", [HS_ROLE_OTHER] = "linespoints",
        [HS_ROLE_BAND] = "lines",       [HS_ROLE_PLAIN] = "lines",
        [HS_ROLE_POINTS] = "points",    [HS_ROLE_DOTS] = "points",
    };

    hs_buf_printf(b, " with %s ls %zu", with[role], style);
}

/* lo .. hi: filled, or as text two lines of dots. */
static void
put_band(struct hs_buf *b, const struct hs_panel *p, const char *data,
         const struct entry *e, bool text)
{
    if (text) {
        hs_buf_printf(b, ", \\\n  %s ", data);
        put_using(b, p, 0, "3 with lines lt 0 notitle");
        hs_buf_printf(b, ", \\\n  %s ", data);
        put_using(b, p, 0, "4 with lines lt 0 notitle");
        return;
    }
    hs_buf_printf(b, ", \\\n  %s ", data);
    put_using(b, p, 0, "3:4 with filledcurves");
    hs_buf_printf(b, " fc rgb '%s' fs transparent solid 0.25 noborder notitle",
                  greys[e->number % N_GREYS]);
}

/* As text, error bars are drawn for themselves: in a legend they would take
 * three lines. */
static void
put_series(struct hs_buf *b, const struct hs_panel *p, const char *data,
           const struct hs_series *s, double shift, size_t style, bool text)
{
    const char *columns;
    bool some, all;

    find_intervals(s, &some, &all);
    some = some && s->role == HS_ROLE_MAIN;
    columns = all ? "2:3:4" : "2:($3==$3?$3:$2):($4==$4?$4:$2)";
    hs_buf_printf(b, ", \\\n  %s ", data);
    if (some) {
        put_using(b, p, shift, columns);
        hs_buf_printf(b, " with %s ls %zu", text ? "yerrorbars" : "yerrorlines",
                      style);
    }
    if (some && text)
        hs_buf_printf(b, " notitle, \\\n  %s ", data);
    if (!some || text) {
        put_using(b, p, shift, "2");
        put_style_of(b, s->role, style);
    }
}

/* How far series k of the panel is moved. */
static double
shift_of(const struct hs_panel *p, size_t k)
{
    double before = 0, all = 0;

    if (p->series[k]->role != HS_ROLE_MAIN)
        return 0;
    for (size_t i = 0; i < p->n; i++) {
        all += p->series[i]->role == HS_ROLE_MAIN;
        before += i < k && p->series[i]->role == HS_ROLE_MAIN;
    }
    return p->dodge * (before - (all - 1) / 2);
}

static void
put_title(struct hs_buf *b, const struct entry *e)
{
    struct hs_buf name = {0};

    hs_buf_str(&name, e->name);
    hs_buf_str(&name, e->values ? "" : e->points ? " (no values)" : " (none)");
    hs_buf_str(b, " title ");
    hs_fig_quoted(b, hs_buf_cstr(&name), false);
    hs_buf_free(&name);
}

/* Series k of a panel; one without values is a name in the legend only, as
 * gnuplot would complain about its data. */
static void
put_line(struct hs_buf *b, const struct hs_figure *f, size_t number, size_t k,
         const struct entry *e, size_t style, bool text)
{
    const struct hs_panel *p = f->panels[number];
    const struct hs_series *s = p->series[k];
    char data[48];

    if (!has_values(s)) {
        hs_buf_str(b, ", \\\n  NaN");
        put_style_of(b, s->role, style);
        return;
    }
    (void)snprintf(data, sizeof data, "$p%zus%zu", number + 1, k + 1);
    if (s->role == HS_ROLE_BAND)
        put_band(b, p, data, e, text);
    put_series(b, p, data, s, shift_of(p, k), style, text);
}

/* The plot command; what is found comes last, on top.  With titles, each name
 * once. */
static void
put_plot(struct hs_buf *b, const struct hs_figure *f, size_t number,
         const struct legend *l, bool text)
{
    static const enum hs_role order[] = {HS_ROLE_BAND,  HS_ROLE_DOTS,
                                         HS_ROLE_OTHER, HS_ROLE_PLAIN,
                                         HS_ROLE_MAIN,  HS_ROLE_POINTS};
    const struct hs_panel *p = f->panels[number];
    bool *told = hs_calloc(l->n, sizeof *told);

    hs_buf_str(b, "plot ");
    hs_fig_number(b, p->guide);
    hs_buf_printf(b, " with lines %s notitle",
                  text ? "lt 0" : "lc rgb '#808080' lw 1 dt 3");
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        for (size_t k = 0; k < p->n; k++) {
            const struct hs_series *s = p->series[k];
            size_t at = legend_find(l, s);

            if (s->role != order[i])
                continue;
            put_line(b, f, number, k, &l->v[at], at + 1, text);
            if (text && !told[at])
                put_title(b, &l->v[at]);
            else
                hs_buf_str(b, " notitle");
            told[at] = true;
        }
    hs_buf_str(b, "\n");
    free(told);
}

static void
put_panel(struct hs_buf *b, const struct hs_figure *f, size_t number,
          const struct legend *l, bool text)
{
    const struct hs_panel *p = f->panels[number];
    struct hs_buf title = {0};

    if (text && f->title != NULL)
        hs_buf_printf(&title, "%s: ", f->title);
    hs_buf_str(&title, p->title);
    hs_fig_setting(b, "title", hs_buf_cstr(&title));
    hs_fig_setting(b, "xlabel", p->x.label);
    hs_fig_setting(b, "ylabel", p->y.label);
    if (!text)
        hs_buf_str(b,
                   "set title offset 0,-0.5\nset xlabel offset 0,0.3\n"
                   "set ylabel offset 0.5,0\n");
    hs_fig_axes(b, p);
    put_plot(b, f, number, l, text);
    hs_buf_free(&title);
}

/* ---- the page ---- */

static void
put_page_of_text(struct hs_buf *b, const struct hs_figure *f,
                 const struct hs_canvas *c, const struct legend *l)
{
    hs_buf_printf(b,
                  "set terminal dumb nofeed noenhanced size %zu,%zu\n"
                  "set key below samplen 2\n",
                  c->width ? c->width : TEXT_WIDTH,
                  c->height ? c->height : TEXT_HEIGHT + l->n / TEXT_NAMES);
    put_styles(b, l, true);
    put_data(b, f);
    for (size_t i = 0; i < f->n; i++)
        put_panel(b, f, i, l, true);
}

/* The grid of panels, with the legend to the right of it. */
struct grid {
    size_t columns, rows;
    double width, height; /* of all */
    double legend, top;   /* width; height of the title */
};

static struct grid
make_grid(const struct hs_figure *f, const struct hs_canvas *c,
          const struct legend *l)
{
    struct grid g = {.columns = f->columns, .top = f->title ? TITLE_HEIGHT : 0};
    size_t longest = 0;

    if (g.columns == 0)
        g.columns = (size_t)ceil(sqrt((double)f->n));
    if (g.columns > f->n)
        g.columns = f->n;
    g.rows = (f->n + g.columns - 1) / g.columns;
    for (size_t i = 0; i < l->n; i++) {
        size_t n = strlen(l->v[i].name) + (l->v[i].values ? 0 : 12);

        longest = n > longest ? n : longest;
    }
    g.legend = LEGEND_SAMPLE + LETTER * (double)longest;
    g.width = c->width ? (double)c->width
                       : (double)(g.columns * PANEL_WIDTH) + g.legend;
    if (g.legend > 0.5 * g.width)
        g.legend = 0.5 * g.width;
    g.height = (double)(g.rows * PANEL_HEIGHT) + g.top;
    if (g.height < (double)(l->n * LEGEND_LINE) + 2 * MARGIN_TOP)
        g.height = (double)(l->n * LEGEND_LINE) + 2 * MARGIN_TOP;
    if (c->height > 0)
        g.height = (double)c->height;
    g.width = floor(g.width);
    g.height = floor(g.height);
    return g;
}

/* A frame whose corners are given in pixels from the upper left corner. */
static void
put_margins(struct hs_buf *b, const struct grid *g, double left, double right,
            double top, double bottom)
{
    hs_buf_printf(b,
                  "set lmargin at screen %.5f\nset rmargin at screen %.5f\n"
                  "set tmargin at screen %.5f\nset bmargin at screen %.5f\n",
                  left / g->width, right / g->width, 1 - top / g->height,
                  1 - bottom / g->height);
}

static void
put_legend(struct hs_buf *b, const struct grid *g, const struct legend *l)
{
    double left = g->width - g->legend;

    hs_buf_str(b,
               "unset title\nunset xlabel\nunset ylabel\nunset border\n"
               "unset tics\nunset grid\nunset logscale\n"
               "set xrange [0:1]\nset yrange [0:1]\n");
    put_margins(b, g, left, g->width - 1, g->top + MARGIN_TOP, g->height - 1);
    hs_buf_printf(b,
                  "set key at screen %.5f,%.5f left top Left reverse "
                  "samplen 2.5 spacing 1.2\n",
                  left / g->width, 1 - (g->top + MARGIN_TOP - 8) / g->height);
    hs_buf_str(b, "plot ");
    for (size_t i = 0; i < l->n; i++) {
        hs_buf_str(b, i > 0 ? ", \\\n  NaN" : "NaN");
        put_style_of(b, l->v[i].role, i + 1);
        put_title(b, &l->v[i]);
    }
    hs_buf_str(b, "\n");
}

static void
put_picture(struct hs_buf *b, const struct hs_figure *f,
            const struct hs_canvas *c, const struct legend *l)
{
    struct grid g = make_grid(f, c, l);
    double w = (g.width - g.legend) / (double)g.columns,
           h = (g.height - g.top) / (double)g.rows;

    hs_buf_printf(b,
                  "set terminal %s size %.0f,%.0f noenhanced "
                  "font 'sans,%d' background rgb 'white'\n",
                  c->picture == HS_PICTURE_SVG ? "svg" : "pngcairo", g.width,
                  g.height, c->picture == HS_PICTURE_SVG ? 12 : 10);
    hs_buf_str(b,
               "set border 3 lw 1 lc rgb '#404040'\n"
               "set tics nomirror out textcolor rgb '#202020'\n"
               "set grid xtics ytics lc rgb '#dedede' lw 1 dt 1\n");
    put_styles(b, l, false);
    put_data(b, f);
    hs_buf_str(b, "set multiplot");
    if (f->title != NULL) {
        hs_buf_str(b, " title ");
        hs_fig_quoted(b, f->title, false);
        hs_buf_str(b, " font ',14'");
    }
    hs_buf_str(b, "\nunset key\n");
    for (size_t i = 0; i < f->n; i++) {
        double left = (double)(i % g.columns) * w,
               top = g.top + (double)(i / g.columns) * h;

        put_margins(b, &g, left + MARGIN_LEFT, left + w - MARGIN_RIGHT,
                    top + MARGIN_TOP, top + h - MARGIN_BOTTOM);
        put_panel(b, f, i, l, false);
    }
    put_legend(b, &g, l);
    hs_buf_str(b, "unset multiplot\n");
}

void
hs_figure_script(const struct hs_figure *f, const struct hs_canvas *c,
                 struct hs_buf *out)
{
    struct legend l = {0};

    legend_make(&l, f);
    hs_buf_str(out, "set encoding utf8\n");
    if (c->picture == HS_PICTURE_TEXT)
        put_page_of_text(out, f, c, &l);
    else
        put_picture(out, f, c, &l);
    free(l.v);
}
