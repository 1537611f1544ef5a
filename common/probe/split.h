/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * split.h - which problems were held out, as a head's run remembers it.
 *
 * "split" is an object of share and seed, those of hs_trajset_split(), and
 * digest: the sum, modulo 2^128, of the XXH3-128 of each problem's id, with
 * seed 1 if the problem is held out and 0 if not, as 32 hexadecimal digits.  So
 * the digest belongs to the problems and their sides, not to their order.
 */
#ifndef HS_SPLIT_H
#define HS_SPLIT_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "probe/trajset.h"

void hs_split_digest(const struct hs_trajset *s, char out[33]);

/* The object, of a set that was split so.  A new reference. */
json_t *hs_split_json(const struct hs_trajset *s, double share, uint64_t seed);

/* Splits a set as run, of a head, says.  name is that of the set's stream.
 * Returns 0, or -1: run says nothing, or the problems are others. */
HS_MUST_CHECK int hs_split_repeat(struct hs_trajset *s, const json_t *run,
                                  const char *name, struct hs_error *err);

#endif
