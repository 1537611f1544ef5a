/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gnuplot.h - running gnuplot on a script, without a shell between.
 */
#ifndef HS_GNUPLOT_H
#define HS_GNUPLOT_H

#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

/* Runs the gnuplot that $PATH finds on n bytes of script, without the user's
 * start-up files.  out gets what it writes, complaints what it says on standard
 * error although it succeeds.  Returns 0, or -1: there is none, it failed (the
 * message is its own), it drew nothing. */
HS_MUST_CHECK int hs_gnuplot(const void *script, size_t n, struct hs_buf *out,
                             struct hs_buf *complaints, struct hs_error *err);

/* Removes what gnuplot fills pages of text with: form feeds, blanks at ends of
 * lines, empty lines at the start.  The last line ends too. */
void hs_trim_page(struct hs_buf *page);

#endif
