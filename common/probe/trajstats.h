/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trajstats.h - statistics of coordinates that are gathered while a stream is
 * read: those of attention sinks, over states of all positions.
 */
#ifndef HS_TRAJSTATS_H
#define HS_TRAJSTATS_H

#include <stddef.h>
#include <stdint.h>

#include "probe/trajset.h"

struct hs_trajstats;

struct hs_trajstats *hs_trajstats_new(size_t n_layers, size_t dim);

/* Rows x (n_rows, dim) of layer index l at these positions. */
void hs_trajstats_add(struct hs_trajstats *g, size_t l, const float *x,
                      const uint32_t *positions, size_t n_rows);

/* Frees g and returns what it gathered (n_layers); mean, sigma, rms and max_abs
 * are zero until hs_trajset_stats(). */
struct hs_stats *hs_trajstats_end(struct hs_trajstats *g);

/* Takes NULL. */
void hs_trajstats_free(struct hs_stats *stats, size_t n_layers);

#endif
