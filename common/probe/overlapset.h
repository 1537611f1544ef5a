/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * overlapset.h - how far rankings agree: overlaps of their first coordinates at
 * several pruning ratios, against chance and against their own seeds.
 */
#ifndef HS_OVERLAPSET_H
#define HS_OVERLAPSET_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "probe/rankrec.h"

/* A ranking and where it comes from; both borrowed. */
struct hs_overlap_side {
    const struct hs_ranking *r;
    const char *file;
};

/* One record "overlap" for each pair of the n rankings, in their order, and
 * each ratio, appended to out (an array) as neuron-rank(1) describes it.
 * Returns 0, or -1: fewer than two rankings, or two of different widths. */
HS_MUST_CHECK int hs_overlaps(const struct hs_overlap_side *sides, size_t n,
                              const double *ratios, size_t n_ratios,
                              json_t *out, struct hs_error *err);

/* How many of such records are of rankings that have a seed in common. */
size_t hs_count_same_seeds(const json_t *overlaps);

#endif
