/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armkit.h - a model, a calibration and rankings that were made up, and the
 * arms they give, for the tests of arms.
 */
#ifndef HS_ARMKIT_H
#define HS_ARMKIT_H

#include "ablate/arms.h"

enum {
    KIT_DIM = 64,
    KIT_SINK = 11,      /* of layer 1, in the calibration */
    KIT_RANK_SINK = 23, /* of layer 1, in the ranking */
};

/* Layers 1 and 3 of a model of three; all RMS are different. */
struct armkit {
    char *dir; /* the model's; tests may put files there */
    struct hs_model *m;
    uint32_t layer[2];
    struct hs_list layers;
    struct hs_calib calib;
    struct hs_rankings ranks; /* target td */
    struct hs_arm_plan plan;  /* of the above, seed 5, mode zero, where all */
    struct hs_arm_specs specs;
    struct hs_arm_sizes sizes;
};

void armkit_init(struct armkit *k);
void armkit_free(struct armkit *k);

/* A ranking whose order depends on key. */
struct hs_ranking armkit_ranking(uint32_t layer, enum hs_target target,
                                 uint32_t key);

/* Writes rankings as a stream, with that fingerprint, to a file in the kit's
 * folder: its path, owned by the caller. */
char *armkit_write(const struct armkit *k, const char *name,
                   const char *fingerprint, const struct hs_ranking *r,
                   size_t n);

/* Makes the arms of these words. */
int armkit_build(struct armkit *k, const char *arms, const char *sizes,
                 struct hs_armset *out, struct hs_error *err);
/* The same; fails the test with the reason. */
struct hs_armset armkit_made(struct armkit *k, const char *arms,
                             const char *sizes);

/* The arm of that label, which must be there. */
const struct hs_arm *armkit_arm(const struct hs_armset *s, const char *label);

/* Whether its coordinates are those that are marked in want (KIT_DIM). */
void armkit_expect(const struct hs_armset *s, const char *label,
                   const bool *want);

#endif
