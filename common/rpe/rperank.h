/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rperank.h - coordinates by what dopamine probes make of them, as a ranking
 * of probe/ranking.h with the target "rpe".
 */
#ifndef HS_RPERANK_H
#define HS_RPERANK_H

#include "base/error.h"
#include "probe/ranking.h"
#include "rpe/rpeprobe.h"

/* Probes of one layer that differ by their seeds. */
struct hs_rpe_ranked {
    const struct hs_rpe_probe *probes; /* (n) */
    size_t n;
    /* (n, d): means over steps of |z dU/dz| and of dU/dz, of each. */
    const double *gradient, *slope;
    const struct hs_stats *stats; /* of the layer's states */
};

/* by: l1, l1-raw or gradient.  Slopes are per unit of the state, by sigma of
 * the training states.  There are no AUCs: they are NaN.  Returns 0 or -1. */
HS_MUST_CHECK int hs_rpe_rank(struct hs_ranking *r,
                              const struct hs_rpe_ranked *in,
                              enum hs_rank_by by, const struct hs_top *top,
                              struct hs_error *err);

#endif
