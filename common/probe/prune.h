/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prune.h - how much of a probe is left when it sees a few coordinates only.
 *
 * At each ratio the first coordinates of a ranking are kept, and beside them as
 * many that were drawn at random, several times, and as many of the largest
 * RMS.  retrain fits a fresh probe on them, with the settings of the first
 * seed; mask asks the probe of the first seed with the other inputs 0, which is
 * their mean under zscore.  What is left is the AUC of V(s_0) and of V(s_T) on
 * the held-out trajectories.
 */
#ifndef HS_PRUNE_H
#define HS_PRUNE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/fit.h"
#include "probe/ranking.h"
#include "probe/trajset.h"

struct hs_prune_options {
    const double *ratios; /* (n_ratios), in [0, 1); borrowed */
    size_t n_ratios;
    bool retrain, mask;
    size_t n_random; /* draws */
    uint64_t seed;   /* of the draws */
    uint64_t epochs; /* of fresh probes; 0: as the first seed's */
    double level;    /* of intervals */
};

/* How many probes hs_prune() fits. */
size_t hs_prune_fits(const struct hs_prune_options *o, size_t d);

/* Called after each epoch of a fit. */
struct hs_prune_watch {
    void (*epoch)(void *ud);
    void *ud;
};

/* The curves of a ranking, as records "curve" and "band" of neuron-rank(1), are
 * appended to out (an array).  p is the probe of the first seed; s has its
 * split and its statistics, l is the index of the layer in it.  Returns 0, or
 * -1 when a fit fails or an AUC does not exist because the held-out
 * trajectories are of one class. */
HS_MUST_CHECK int hs_prune(const struct hs_prune_options *o,
                           const struct hs_ranking *r, const struct hs_probe *p,
                           const struct hs_trajset *s, size_t l,
                           struct hs_team *team,
                           const struct hs_prune_watch *watch, json_t *out,
                           struct hs_error *err);

/* Draw number draw of k of d coordinates, the first k of a shuffle: order (d)
 * gets the whole shuffle, so that smaller sets are parts of larger ones. */
void hs_draw_order(uint64_t seed, uint32_t draw, size_t d, uint32_t *order);

#endif
