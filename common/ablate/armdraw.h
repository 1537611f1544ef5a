/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armdraw.h - coordinates drawn at random.
 *
 * Draw i of a layer and size k is a function of (seed, layer, k, i) and of what
 * it is drawn from, and of nothing else.
 */
#ifndef HS_ARMDRAW_H
#define HS_ARMDRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hs_arm_draw {
    uint64_t seed;
    uint32_t layer, number; /* number: from 1 */
    size_t k;
};

/* The first k of d coordinates in random order that are not in skip (d), which
 * may be NULL; at least k are not.  out (k), in that order.  The order does not
 * depend on skip. */
void hs_arm_draw_uniform(const struct hs_arm_draw *w, size_t d,
                         const bool *skip, uint32_t *out);

/* Partners like in RMS.  targets (k): taken in random order; each gets one of
 * the 8 free ones (fewer if no more are left) that are nearest by ratio of RMS,
 * each with the same chance, and that one is free no longer.  free_by_rms
 * (n_free), n_free >= k: ascending by rms (d).  Of two as near the smaller in
 * RMS comes first.  out (k), in the order they were drawn. */
void hs_arm_draw_matched(const struct hs_arm_draw *w, const uint32_t *targets,
                         const uint32_t *free_by_rms, size_t n_free,
                         const double *rms, uint32_t *out);

#endif
