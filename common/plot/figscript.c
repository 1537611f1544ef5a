/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figscript.c - a figure as a script for gnuplot 5, see figure.h: the page and
 * its panels.
 */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/figaxis.h"
#include "plot/figdraw.h"
#include "plot/figtext.h"
#include "plot/figure.h"

enum {
    /* Pixels of a panel, and around its frame. */
    PANEL_WIDTH = 430,
    PANEL_HEIGHT = 320,
    MARGIN_LEFT = 80,
    MARGIN_ROWS = 24, /* of the left one, beside the names of rows */
    ROW_HEIGHT = 20,  /* of a panel that is sideways */
    MARGIN_RIGHT = 16,
    MARGIN_TOP = 40,
    MARGIN_BOTTOM = 52,
    WORD = 14, /* of a line of text that stands upright */
    TITLE_HEIGHT = 34,
    LEGEND_LINE = 20,
    LEGEND_SAMPLE = 70, /* the piece of line before a name */
    LETTER = 7,         /* mean width, at 12 points */
    /* Characters. */
    TEXT_WIDTH = 80,
    TEXT_SIDES = 12,  /* around the frame, about */
    TEXT_HEIGHT = 24, /* with a line for the legend */
    TEXT_NAMES = 5    /* more of them take another line */
};

/* The most rows of a panel that is sideways, and their longest name. */
static void
measure_rows(const struct hs_figure *f, size_t *rows, size_t *longest)
{
    *rows = *longest = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct hs_axis *a = &f->panels[i]->x;

        if (!f->panels[i]->sideways)
            continue;
        *rows = a->n_tics > *rows ? a->n_tics : *rows;
        for (size_t k = 0; k < a->n_tics; k++)
            if (strlen(a->tics[k].label) > *longest)
                *longest = strlen(a->tics[k].label);
    }
}

static size_t
width_of_text(const struct hs_figure *f, const struct hs_canvas *c)
{
    return c->width        ? c->width
           : f->text_width ? f->text_width
                           : (size_t)TEXT_WIDTH;
}

/* Rows are equally many lines apart, one at least, so that each has a place for
 * its name; margins are given, as gnuplot's own would shift them. */
static void
put_size_of_text(struct hs_buf *b, const struct hs_figure *f,
                 const struct hs_canvas *c, const struct hs_fig_legend *l)
{
    size_t width = width_of_text(f, c),
           height = c->height ? c->height
                              : (f->text_height ? f->text_height
                                                : (size_t)TEXT_HEIGHT) +
                                    l->n / TEXT_NAMES,
           a_line = width < TEXT_WIDTH ? 2 : 3, rows, longest;
    size_t bottom = 3 + (l->n + a_line - 1) / a_line, frame = bottom + 2, apart;

    measure_rows(f, &rows, &longest);
    if (rows > 0) {
        apart = c->height > frame ? (c->height - frame) / (rows + 1) : 1;
        height = frame + (rows + 1) * (apart > 0 ? apart : 1);
    }
    hs_buf_printf(b,
                  "set terminal dumb nofeed noenhanced size %zu,%zu\n"
                  "set key below samplen 2\n",
                  width, height);
    if (rows > 0)
        hs_buf_printf(b, "set tmargin 1\nset bmargin %zu\nset bars 0\n",
                      bottom);
}

static void
put_page_of_text(struct hs_buf *b, const struct hs_figure *f,
                 const struct hs_canvas *c, const struct hs_fig_legend *l)
{
    put_size_of_text(b, f, c, l);
    hs_fig_styles(b, l, true);
    hs_fig_data(b, f);
    for (size_t i = 0; i < f->n; i++)
        hs_fig_panel(b, f, i, l, width_of_text(f, c) - TEXT_SIDES, true);
}

/* The grid of panels, with the legend to the right of it. */
struct grid {
    size_t columns, rows;
    double width, height; /* of all */
    double legend, top;   /* width; height of the title */
    double left;          /* margin of a panel */
    double words;         /* height of the words below a panel, */
    size_t n_words;       /* which so many rows have */
};

/* Whether a panel of this row has words along x. */
static bool
row_has_words(const struct hs_figure *f, size_t columns, size_t row)
{
    for (size_t i = row * columns; i < (row + 1) * columns && i < f->n; i++)
        if (f->panels[i]->x.words)
            return true;
    return false;
}

/* The height of the longest word, and how many rows have any. */
static double
height_of_words(const struct hs_figure *f, size_t columns, size_t *rows)
{
    size_t longest = 0;

    *rows = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct hs_axis *a = &f->panels[i]->x;

        for (size_t k = 0; k < a->n_tics && a->words; k++)
            if (strlen(a->tics[k].label) > longest)
                longest = strlen(a->tics[k].label);
        if (i % columns == 0)
            *rows += row_has_words(f, columns, i / columns);
    }
    return LETTER * (double)longest;
}

/* Sets the width and height of all, once columns, rows and legend are known. */
static void
size_grid(struct grid *g, const struct hs_figure *f, const struct hs_canvas *c,
          size_t names)
{
    double width = PANEL_WIDTH, height = PANEL_HEIGHT, least;
    size_t rows, longest;

    if (f->panel_width > 0)
        width = (double)f->panel_width;
    if (f->panel_height > 0)
        height = (double)f->panel_height;
    measure_rows(f, &rows, &longest);
    g->left = MARGIN_LEFT;
    if (rows > 0) {
        g->left = MARGIN_ROWS + LETTER * (double)longest;
        width += g->left - MARGIN_LEFT;
        height = MARGIN_TOP + MARGIN_BOTTOM + ROW_HEIGHT * (double)(rows + 1);
    }
    g->width =
        c->width ? (double)c->width : (double)g->columns * width + g->legend;
    if (g->legend > 0.5 * g->width)
        g->legend = 0.5 * g->width;
    g->words = height_of_words(f, g->columns, &g->n_words);
    g->height =
        (double)g->rows * height + (double)g->n_words * g->words + g->top;
    least = (double)(names * LEGEND_LINE) + 2 * MARGIN_TOP + g->top;
    if (g->height < least)
        g->height = least;
    if (c->height > 0)
        g->height = (double)c->height;
    g->width = floor(g->width);
    g->height = floor(g->height);
    width = (g->width - g->legend) / (double)g->columns;
    if (rows > 0 && g->left > 0.6 * width)
        g->left = 0.6 * width;
}

static struct grid
make_grid(const struct hs_figure *f, const struct hs_canvas *c,
          const struct hs_fig_legend *l)
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
    size_grid(&g, f, c, l->n);
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
put_legend(struct hs_buf *b, const struct grid *g,
           const struct hs_fig_legend *l)
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
        hs_fig_sample(b, l, i);
    }
    hs_buf_str(b, "\n");
}

/* Of a row without the words below it; where too little is left for panels, the
 * words give way. */
static double
height_of_row(struct grid *g)
{
    double all = g->height - g->top, words = (double)g->n_words * g->words;

    if (words > 0.4 * all) {
        g->words *= 0.4 * all / words;
        words = 0.4 * all;
    }
    return (all - words) / (double)g->rows;
}

static void
put_picture(struct hs_buf *b, const struct hs_figure *f,
            const struct hs_canvas *c, const struct hs_fig_legend *l)
{
    struct grid g = make_grid(f, c, l);
    double w = (g.width - g.legend) / (double)g.columns;
    double h = height_of_row(&g), top = g.top, bottom = top;

    hs_buf_printf(b,
                  "set terminal %s size %.0f,%.0f noenhanced "
                  "font 'sans,%d' background rgb 'white'\n",
                  c->picture == HS_PICTURE_SVG ? "svg" : "pngcairo", g.width,
                  g.height, c->picture == HS_PICTURE_SVG ? 12 : 10);
    hs_buf_str(b,
               "set border 3 lw 1 lc rgb '#404040'\n"
               "set tics nomirror out textcolor rgb '#202020'\n"
               "set grid xtics ytics lc rgb '#dedede' lw 1 dt 1\n");
    hs_fig_styles(b, l, false);
    hs_fig_data(b, f);
    hs_buf_str(b, "set multiplot");
    if (f->title != NULL) {
        hs_buf_str(b, " title ");
        hs_fig_quoted(b, f->title, false);
        hs_buf_str(b, " font ',14'");
    }
    hs_buf_str(b, "\nunset key\n");
    for (size_t i = 0; i < f->n; i++) {
        double left = (double)(i % g.columns) * w;
        bool words = row_has_words(f, g.columns, i / g.columns);

        if (i % g.columns == 0) {
            top = bottom;
            bottom = top + h + (words ? g.words : 0);
        }
        put_margins(
            b, &g, left + g.left, left + w - MARGIN_RIGHT, top + MARGIN_TOP,
            bottom - MARGIN_BOTTOM - (f->panels[i]->x.words ? g.words : 0));
        hs_fig_panel(b, f, i, l, (size_t)((w - g.left - MARGIN_RIGHT) / WORD),
                     false);
    }
    put_legend(b, &g, l);
    hs_buf_str(b, "unset multiplot\n");
}

void
hs_figure_script(const struct hs_figure *f, const struct hs_canvas *c,
                 struct hs_buf *out)
{
    struct hs_fig_legend l = {0};

    hs_fig_legend(&l, f);
    hs_buf_str(out, "set encoding utf8\n");
    if (c->picture == HS_PICTURE_TEXT)
        put_page_of_text(out, f, c, &l);
    else
        put_picture(out, f, c, &l);
    free(l.v);
}
