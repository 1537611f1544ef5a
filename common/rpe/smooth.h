/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * smooth.h - the centred moving average of traces.
 */
#ifndef HS_SMOOTH_H
#define HS_SMOOTH_H

#include <stddef.h>

/* out[i] = mean of x[i - h] .. x[i + h], h = (window - 1) / 2, of what there is
 * of these: at the ends of a trace the window is cut.  x, out (n, d), row after
 * row, not the same; window is odd. */
void hs_smooth(const float *x, size_t n, size_t d, size_t window, float *out);

#endif
