/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armset.h - which coordinates of a layer an arm takes: the definitions of
 * arms.h, one function for all kinds.
 */
#ifndef HS_ARMSET_H
#define HS_ARMSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ablate/arms.h"

/* What is known of a layer's coordinates. */
struct hs_arm_layer {
    uint32_t layer;
    size_t d;
    const struct hs_calib_layer *calib; /* borrowed, as the next two */
    const struct hs_ranking *rank;      /* NULL: none */
    const struct hs_model *model;
    bool *sink; /* (d), owned: for sure */
    /* Orders (d), best first, made when they are first asked for; owned. */
    uint32_t *by_rms, *by_magnitude, *by_wanda;
};

void hs_arm_layer_init(struct hs_arm_layer *l, const struct hs_arm_plan *p,
                       const struct hs_calib_layer *calib,
                       const struct hs_ranking *rank);
void hs_arm_layer_free(struct hs_arm_layer *l);

/* One set. */
struct hs_arm_pick {
    enum hs_arm_kind kind; /* with a size */
    size_t k;              /* <= d */
    uint64_t seed;
    uint32_t draw;                  /* of kinds that are drawn */
    const struct hs_ranking *other; /* of ntp and terminal */
};

/* out (k) ascending.  Returns 0, or -1: there is no ranking and one is needed,
 * too few coordinates are no sinks, or not free, or weights are no numbers. */
HS_MUST_CHECK int hs_arm_pick(struct hs_arm_layer *l,
                              const struct hs_arm_pick *p, uint32_t *out,
                              struct hs_error *err);

#endif
