/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pairedboot.h - hs_paired_bootstrap() of many conditions at a time.
 */
#ifndef HS_PAIREDBOOT_H
#define HS_PAIREDBOOT_H

#include <stddef.h>
#include <stdint.h>

#include "stats/auc.h"

/* out (n_sets) as from hs_paired_bootstrap() of each row of diff and count
 * (n_sets, n_groups), the same bits.  Sets with as many groups that have items
 * share their random numbers, which is most of the time; memory O(n_draws). */
void hs_paired_bootstraps(const int32_t *diff, const uint32_t *count,
                          size_t n_sets, size_t n_groups, size_t n_draws,
                          uint64_t seed, double level, struct hs_interval *out);

#endif
