/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fakeprobe.h - made-up probes in memory, for the tests of rankings.
 */
#ifndef HS_FAKEPROBE_H
#define HS_FAKEPROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/ranking.h"

enum {
    D = 20,
    HIDDEN = 3,
    LAYER = 2
};

/* To six digits; NaN is near nothing. */
bool near(double a, double b);

/* n probes of LAYER and target mc, with seeds 7, 8...: every column of w1 has
 * L1 norm 0.9 at the end and 0.3 at the start, every coordinate mean 0, sigma
 * and RMS 1. */
struct hs_probes make_probes(size_t n);

/* Sets column j of a probe: L1 norm 3 |x|, L2 norm sqrt(3) |x|. */
void set_column(struct hs_probes *p, size_t probe, size_t j, float x);

/* Their ranking, with a top of four. */
struct hs_ranking rank(const struct hs_probes *p, enum hs_rank_by by);

#endif
