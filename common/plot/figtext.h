/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figtext.h - numbers and any text in a script for gnuplot.
 */
#ifndef HS_FIGTEXT_H
#define HS_FIGTEXT_H

#include <stdbool.h>

#include "base/mem.h"

/* As few digits as tell x from its neighbours; NaN if it is not finite, which
 * is a missing point. */
void hs_fig_number(struct hs_buf *b, double x);

/* Text on one line that XML takes too: control characters become spaces, what
 * is no UTF-8, or no character, question marks. */
void hs_fig_text(struct hs_buf *b, const char *s);

/* Text in single quotes, where gnuplot replaces nothing; of a label at a tic,
 * which is a format, percent signs are doubled. */
void hs_fig_quoted(struct hs_buf *b, const char *s, bool tic);

/* "set WHAT 'TEXT'", with an empty text for NULL. */
void hs_fig_setting(struct hs_buf *b, const char *what, const char *text);

#endif
