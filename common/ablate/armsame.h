/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armsame.h - arms that make the same edit, found by a hash of it.
 */
#ifndef HS_ARMSAME_H
#define HS_ARMSAME_H

#include <stddef.h>

#include "ablate/arms.h"

/* {0} is an empty table. */
struct hs_arm_sames {
    size_t *slots; /* owned; 1 + index of an arm, 0 for a free slot */
    size_t n, cap; /* cap is 0 or a power of two */
};

/* Sets same_as of the last arm of s, where an arm before it that has none makes
 * the same edit. */
void hs_arm_sames_add(struct hs_arm_sames *t, struct hs_armset *s);
void hs_arm_sames_free(struct hs_arm_sames *t);

#endif
