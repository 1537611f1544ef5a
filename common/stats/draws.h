/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * draws.h - what the draws of a bootstrap say.
 */
#ifndef HS_DRAWS_H
#define HS_DRAWS_H

#include <stddef.h>

#include "stats/auc.h"

/* Fills se, lo and hi of out from drawn (n), none NaN, which is sorted by it:
 * the standard deviation (divisor n - 1), and the percentile interval of that
 * level, linear between draws, as numpy.quantile.  NaN for n < 2.  value is
 * left alone. */
void hs_draws_interval(double *drawn, size_t n, double level,
                       struct hs_interval *out);

#endif
