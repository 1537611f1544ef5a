/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figaxis.h - what the axes of a panel show, as a script for gnuplot.
 *
 * Ranges and tics are chosen here, so that gnuplot has none to guess, which it
 * cannot where all values are missing.
 */
#ifndef HS_FIGAXIS_H
#define HS_FIGAXIS_H

#include "plot/figure.h"

/* Sets scale, range and tics of both axes of a panel of f.  room: so many
 * words, or as text so many characters, fit below each other or side by side
 * along x. */
void hs_fig_axes(struct hs_buf *b, const struct hs_figure *f,
                 const struct hs_panel *p, size_t room, bool text);

/* Whether any x of a panel has words. */
bool hs_fig_has_words(const struct hs_figure *f);

#endif
