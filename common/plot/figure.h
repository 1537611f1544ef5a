/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figure.h - panels with lines and bands, and the gnuplot script of them.
 *
 * A figure is data only; what it looks like is decided in one place, the
 * script.  Series of the same name look the same in all panels and stand once
 * in the legend, in the order in which they were added first.
 */
#ifndef HS_FIGURE_H
#define HS_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

enum hs_role {
    HS_ROLE_MAIN,   /* solid, with error bars where lo and hi are numbers */
    HS_ROLE_OTHER,  /* dashed: what the main ones are compared with */
    HS_ROLE_BAND,   /* grey, lo .. hi filled; of one point, an error bar */
    HS_ROLE_PLAIN,  /* solid, without points */
    HS_ROLE_POINTS, /* points alone */
    HS_ROLE_SPOTS,  /* smaller ones, full */
    HS_ROLE_DOTS,   /* the smallest, of which there are many */
    HS_ROLE_REST,   /* these in grey: what is not the matter */
    HS_ROLE_BARS    /* thick lines from y = 0 */
};

/* x, y, lo, hi are of size n, owned; y, lo and hi may be NaN: not there. */
struct hs_series {
    char *name;
    enum hs_role role;
    double *x, *y, *lo, *hi;
    size_t n, cap;
};

struct hs_tic {
    double at;
    char *label;
};

struct hs_axis {
    char *label;
    double from, to; /* what it shows at least; NaN: as the data are */
    bool log;
    bool rest;           /* shows 1 - x, from 1 down: x is what was cut off */
    struct hs_tic *tics; /* in place of numbers; NULL: numbers */
    size_t n_tics, cap_tics;
    bool words; /* tics are words of a text: upright in pictures, and only as
                 * many of them as have room */
};

/* A word beside a point, so many lines above it. */
struct hs_note {
    double x, y;
    unsigned above;
    char *text;
};

struct hs_panel {
    char *title;
    struct hs_axis x, y;
    double guide; /* a line at this y; NaN: none */
    double dodge; /* neighbours are moved apart in x by so much; by a factor of
                   * its exponential where x is logarithmic */
    /* x runs down the left side, y to the right: a row for each tic of x, which
     * are 1, 2, ... n, of an axis from 0 to n + 1.  Main series are not joined;
     * a band goes straight from its first x to its last with the interval of
     * its first point.  guide is not drawn. */
    bool sideways;
    struct hs_series **series;
    size_t n, cap;
    struct hs_note *notes;
    size_t n_notes, cap_notes;
};

/* {0} is an empty figure; all is owned. */
struct hs_figure {
    char *title; /* NULL: none */
    struct hs_panel **panels;
    size_t n, cap;
    size_t columns; /* of the grid of panels; 0: as many as make a square */
    bool same_y;    /* all panels show the same range of y */
    /* Of a panel in pixels, or as text in characters; 0: what is usual. */
    size_t panel_width, panel_height, text_width, text_height;
};

void hs_figure_free(struct hs_figure *f);

/* Each adds one and returns it, borrowed; text is copied. */
struct hs_panel *hs_figure_add(struct hs_figure *f, const char *title);
struct hs_series *hs_panel_add(struct hs_panel *p, const char *name,
                               enum hs_role role);

/* Removes the series that was added last. */
void hs_panel_drop(struct hs_panel *p);

/* A note; text is copied. */
void hs_panel_note(struct hs_panel *p, double x, double y, unsigned above,
                   const char *text);

void hs_axis_label(struct hs_axis *a, const char *label);
void hs_axis_tic(struct hs_axis *a, double at, const char *label);
/* An axis of shares: in percent, by their logarithm. */
void hs_axis_share(struct hs_axis *a, const char *label);
/* The same of pruning ratios: shows the share that is kept. */
void hs_axis_kept(struct hs_axis *a);
void hs_series_put(struct hs_series *s, double x, double y, double lo,
                   double hi);

/* Whether there is a value at all. */
bool hs_figure_has_values(const struct hs_figure *f);

enum hs_picture {
    HS_PICTURE_TEXT,
    HS_PICTURE_SVG,
    HS_PICTURE_PNG
};

/* Width and height in pixels, of all; in characters, of each panel: as text,
 * panels stand below each other.  0: what suits the figure. */
struct hs_canvas {
    enum hs_picture picture;
    size_t width, height;
};

/* Appends the script; without "set output", so that the picture goes to
 * gnuplot's standard output. */
void hs_figure_script(const struct hs_figure *f, const struct hs_canvas *c,
                      struct hs_buf *out);

#endif
