/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figdraw.h - the parts of a script for gnuplot that draw: data, styles, the
 * plot command of a panel.  Where panels stand is figscript.c's.
 */
#ifndef HS_FIGDRAW_H
#define HS_FIGDRAW_H

#include "plot/figure.h"

/* A name in the legend. */
struct hs_fig_entry {
    const char *name;
    enum hs_role role;
    size_t number; /* of those that take colours, or of the bands */
    bool points;   /* one of its series has a point */
    bool values;   /* and one a value */
};

struct hs_fig_legend {
    struct hs_fig_entry *v; /* owned */
    size_t n, cap, n_colours, n_bands;
};

/* The names of f, in the order in which they were added.  l->v is the
 * caller's to free; names are f's. */
void hs_fig_legend(struct hs_fig_legend *l, const struct hs_figure *f);

/* Style i + 1 is that of entry i of the legend. */
void hs_fig_styles(struct hs_buf *b, const struct hs_fig_legend *l, bool text);

/* All series as blocks of data. */
void hs_fig_data(struct hs_buf *b, const struct hs_figure *f);

/* Titles, axes and the plot command of a panel; as text with the names that
 * its legend shows.  room is that of hs_fig_axes(). */
void hs_fig_panel(struct hs_buf *b, const struct hs_figure *f, size_t number,
                  const struct hs_fig_legend *l, size_t room, bool text);

/* How the plot of entry i ends that shows it in a legend: style and title. */
void hs_fig_sample(struct hs_buf *b, const struct hs_fig_legend *l, size_t i);

#endif
