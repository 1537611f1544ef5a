/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figdraw.c - see figdraw.h.
 *
 * All text stands in single quotes, where gnuplot replaces nothing, and is
 * never "enhanced".
 */
#include <config.h>

#include "plot/figdraw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/figaxis.h"
#include "plot/figtext.h"

/* Okabe and Ito, without yellow: told apart by colour-blind readers too. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73",
                                      "#cc79a7", "#e69f00", "#56b4e9",
                                      "#000000"};
static const char *const greys[] = {"#8c8c8c", "#b09878", "#7890a8"};

enum {
    N_COLOURS = sizeof colours / sizeof colours[0],
    N_GREYS = sizeof greys / sizeof greys[0]
};

/* Takes a grey, not a colour. */
static bool
is_grey(enum hs_role role)
{
    return role == HS_ROLE_BAND || role == HS_ROLE_REST;
}

static size_t
legend_find(const struct hs_fig_legend *l, const struct hs_series *s)
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

void
hs_fig_legend(struct hs_fig_legend *l, const struct hs_figure *f)
{
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->panels[i]->n; k++) {
            const struct hs_series *s = f->panels[i]->series[k];
            size_t at = legend_find(l, s);

            if (at == l->n) {
                l->v = hs_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
                l->v[l->n++] = (struct hs_fig_entry){
                    .name = s->name,
                    .role = s->role,
                    .number = is_grey(s->role) ? l->n_bands++ : l->n_colours++};
            }
            l->v[at].points = l->v[at].points || s->n > 0;
            l->v[at].values = l->v[at].values || has_values(s);
        }
}

/* ---- data ---- */

void
hs_fig_data(struct hs_buf *b, const struct hs_figure *f)
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
sign_of(const struct hs_fig_entry *e)
{
    size_t k = e->number;

    if (e->role == HS_ROLE_DOTS || e->role == HS_ROLE_SPOTS ||
        e->role == HS_ROLE_REST)
        return 7;
    if (e->role == HS_ROLE_POINTS)
        return k % 2 ? 6 : 2;
    return (e->role == HS_ROLE_MAIN ? 5 : 4) + 2 * (k % 5);
}

/* When the colours are used up, another pattern of dashes. */
static size_t
dashes_of(const struct hs_fig_entry *e)
{
    size_t round = e->number / N_COLOURS;

    return e->role == HS_ROLE_OTHER ? 2 + round % 4 : 1 + round % 5;
}

static void
put_style(struct hs_buf *b, const struct hs_fig_entry *e, size_t i)
{
    static const struct {
        const char *width, *size; /* of lines, of points */
    } looks[] = {
        [HS_ROLE_MAIN] = {"2", "0.7"},     [HS_ROLE_OTHER] = {"1.5", "0.7"},
        [HS_ROLE_BAND] = {"1.5", "0.7"},   [HS_ROLE_PLAIN] = {"2", "0.7"},
        [HS_ROLE_POINTS] = {"1.5", "1.1"}, [HS_ROLE_SPOTS] = {"1", "0.5"},
        [HS_ROLE_DOTS] = {"1", "0.25"},    [HS_ROLE_REST] = {"1", "0.3"},
        [HS_ROLE_BARS] = {"5", "0.7"},
    };

    hs_buf_printf(
        b, "set style line %zu lc rgb '%s' lw %s dt %zu pt %zu ps %s\n", i,
        is_grey(e->role) ? greys[e->number % N_GREYS]
                         : colours[e->number % N_COLOURS],
        looks[e->role].width, dashes_of(e), sign_of(e), looks[e->role].size);
}

/* Text has 7 kinds of line. */
void
hs_fig_styles(struct hs_buf *b, const struct hs_fig_legend *l, bool text)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct hs_fig_entry *e = &l->v[i];

        if (text)
            hs_buf_printf(b, "set style line %zu lt %zu pt %zu\n", i + 1,
                          is_grey(e->role) ? 0 : 1 + e->number % 7,
                          e->role == HS_ROLE_REST ? 0 : 1 + e->number);
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

/* The columns, with x as the panel shows it: first or, sideways, second. */
static void
put_using(struct hs_buf *b, const struct hs_panel *p, double shift,
          const char *columns)
{
    if (p->sideways) {
        hs_buf_printf(b, "using %c:1%s", columns[0], columns + 1);
        return;
    }
    if (p->x.rest)
        hs_buf_str(b, "using (1-$1):");
    else if (p->x.log && (shift > 0 || shift < 0))
        hs_buf_printf(b, "using ($1*%.4g):", exp(shift));
    else if (shift > 0 || shift < 0)
        hs_buf_printf(b, "using ($1%+.3g):", shift);
    else
        hs_buf_str(b, "using 1:");
    hs_buf_str(b, columns);
}

static void
put_style_of(struct hs_buf *b, enum hs_role role, size_t style, bool sideways)
{
    static const char *const with[] = {
        [HS_ROLE_MAIN] = "linespoints", [HS_ROLE_OTHER] = "linespoints",
        [HS_ROLE_BAND] = "lines",       [HS_ROLE_PLAIN] = "lines",
        [HS_ROLE_POINTS] = "points",    [HS_ROLE_SPOTS] = "points",
        [HS_ROLE_DOTS] = "points",      [HS_ROLE_REST] = "points",
        [HS_ROLE_BARS] = "impulses",
    };

    hs_buf_printf(b, " with %s ls %zu",
                  sideways && role == HS_ROLE_MAIN ? "points" : with[role],
                  style);
}

/* A band that spans nothing. */
static bool
lone_band(const struct hs_series *s)
{
    return s->role == HS_ROLE_BAND && s->n == 1;
}

/* lo .. hi: filled, or as text two lines of dots. */
static void
put_band(struct hs_buf *b, const struct hs_panel *p, const char *data,
         const struct hs_series *s, const struct hs_fig_entry *e, bool text)
{
    if (text) {
        hs_buf_printf(b, ", \\\n  %s ", data);
        put_using(b, p, 0, "3 with lines lt 0 notitle");
        hs_buf_printf(b, ", \\\n  %s ", data);
        put_using(b, p, 0, "4 with lines lt 0 notitle");
        return;
    }
    hs_buf_printf(b, ", \\\n  %s ", data);
    if (p->sideways) {
        hs_buf_str(b, "using 2:1:3:4:(");
        hs_fig_number(b, s->x[0]);
        hs_buf_str(b, "):(");
        hs_fig_number(b, s->x[s->n - 1]);
        hs_buf_str(b, ") every ::0::0 with boxxyerror");
    } else {
        put_using(b, p, 0, "3:4 with filledcurves");
    }
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
    some = some && (s->role == HS_ROLE_MAIN || lone_band(s));
    columns = all ? "2:3:4" : "2:($3==$3?$3:$2):($4==$4?$4:$2)";
    hs_buf_printf(b, ", \\\n  %s ", data);
    if (some) {
        put_using(b, p, shift, columns);
        hs_buf_printf(b, " with %s ls %zu",
                      p->sideways ? "xerrorbars"
                      : text      ? "yerrorbars"
                                  : "yerrorlines",
                      style);
    }
    if (some && text)
        hs_buf_printf(b, " notitle, \\\n  %s ", data);
    if (!some || text) {
        put_using(b, p, shift, "2");
        put_style_of(b, lone_band(s) ? HS_ROLE_POINTS : s->role, style,
                     p->sideways);
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
put_title(struct hs_buf *b, const struct hs_fig_entry *e)
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
         const struct hs_fig_entry *e, size_t style, bool text)
{
    const struct hs_panel *p = f->panels[number];
    const struct hs_series *s = p->series[k];
    char data[48];

    if (!has_values(s)) {
        hs_buf_str(b, ", \\\n  NaN");
        put_style_of(b, s->role, style, p->sideways);
        return;
    }
    (void)snprintf(data, sizeof data, "$p%zus%zu", number + 1, k + 1);
    if (s->role == HS_ROLE_BAND && !lone_band(s))
        put_band(b, p, data, s, e, text);
    put_series(b, p, data, s, shift_of(p, k), style, text);
}

/* The plot command; what is found comes last, on top.  With titles, each name
 * once. */
static void
put_plot(struct hs_buf *b, const struct hs_figure *f, size_t number,
         const struct hs_fig_legend *l, bool text)
{
    static const enum hs_role order[] = {
        HS_ROLE_BAND,  HS_ROLE_REST,  HS_ROLE_DOTS, HS_ROLE_SPOTS, HS_ROLE_BARS,
        HS_ROLE_OTHER, HS_ROLE_PLAIN, HS_ROLE_MAIN, HS_ROLE_POINTS};
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
put_notes(struct hs_buf *b, const struct hs_panel *p, bool text)
{
    for (size_t i = 0; i < p->n_notes; i++) {
        hs_buf_str(b, "set label ");
        hs_fig_quoted(b, p->notes[i].text, false);
        hs_buf_str(b, " at ");
        hs_fig_number(b, p->notes[i].x);
        hs_buf_str(b, ",");
        hs_fig_number(b, p->notes[i].y);
        hs_buf_printf(b,
                      text ? " left offset 1,%g\n"
                           : " left offset 0.6,%g font ',9' "
                             "textcolor rgb '#404040'\n",
                      p->notes[i].above + (text ? 0 : 0.3));
    }
}

void
hs_fig_panel(struct hs_buf *b, const struct hs_figure *f, size_t number,
             const struct hs_fig_legend *l, size_t room, bool text)
{
    const struct hs_panel *p = f->panels[number];
    struct hs_buf title = {0};

    if (text && f->title != NULL)
        hs_buf_printf(&title, "%s: ", f->title);
    hs_buf_str(&title, p->title);
    hs_fig_setting(b, "title", hs_buf_cstr(&title));
    hs_fig_setting(b, "xlabel", p->sideways ? p->y.label : p->x.label);
    hs_fig_setting(b, "ylabel", p->sideways ? p->x.label : p->y.label);
    if (!text)
        hs_buf_str(b,
                   "set title offset 0,-0.5\nset xlabel offset 0,0.3\n"
                   "set ylabel offset 0.5,0\n");
    hs_fig_axes(b, f, p, room, text);
    put_notes(b, p, text);
    put_plot(b, f, number, l, text);
    if (p->n_notes > 0)
        hs_buf_str(b, "unset label\n");
    hs_buf_free(&title);
}

void
hs_fig_sample(struct hs_buf *b, const struct hs_fig_legend *l, size_t i)
{
    put_style_of(b, l->v[i].role, i + 1, false);
    put_title(b, &l->v[i]);
}
