/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * split.h - the split of a set as a head records it, so that another program
 * can make the same one and know that it is.
 */
#ifndef HS_SPLIT_H
#define HS_SPLIT_H

#include <jansson.h>

#include "probe/trajset.h"

/* An object: val, seed, n_problems, n_val, digest (of the held-out problems, in
 * any order); val is null when they came from a file of their own.  A new
 * reference. */
json_t *hs_split_json(const struct hs_trajset *s, double share, uint64_t seed,
                      bool from_file);

/* Splits s as j says and checks that the held-out problems are the same.  For a
 * set whose held-out problems came from a file, only the check.  Returns 0, or
 * -1. */
HS_MUST_CHECK int hs_split_again(struct hs_trajset *s, const json_t *j,
                                 struct hs_error *err);

#endif
