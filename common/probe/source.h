/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * source.h - standardised rows of a set of trajectories, for mlp.h.
 */
#ifndef HS_SOURCE_H
#define HS_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "probe/trajset.h"

/* One state of a set. */
struct hs_which {
    size_t traj, state;
};

struct hs_source {
    const struct hs_trajset *s;
    size_t l;                    /* index of the layer */
    const struct hs_which *rows; /* what row i is; borrowed */
    const float *mean, *scale;   /* (d): x' = (x - mean) * scale */
    const uint32_t *columns;     /* (d), ascending; NULL: all */
    const uint8_t *mask;         /* (d): 0 makes x' 0; NULL: none */
    size_t d;
};

/* Writes row i to out (d): get() of struct hs_rows, ud a struct hs_source. */
void hs_source_get(void *ud, size_t i, float *out);

/* Standardises x (dim of the model) into out (d). */
void hs_source_standardize(const struct hs_source *u, const float *x,
                           float *out);

#endif
