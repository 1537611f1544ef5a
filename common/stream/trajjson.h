/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trajjson.h - heads and trajectories as whole JSON objects and back, for the
 * index beside exported arrays; hs-export(1) lists the members.
 */
#ifndef HS_TRAJJSON_H
#define HS_TRAJJSON_H

#include <jansson.h>

#include "base/error.h"
#include "stream/record.h"

/* All of t, token ids and other numbers as plain lists.  A number that is not
 * finite is null, "inf" or "-inf".  A new reference. */
json_t *hs_trajectory_to_json(const struct hs_trajectory *t);

/* The inverse; t is emptied first.  id, tokens and n_prompt must be there.
 * What else is missing gets the value that says least; members of other names
 * go to meta.  Without positions, states are those of the first rows tokens.
 * Returns 0, or -1 with the member's name. */
HS_MUST_CHECK int hs_trajectory_from_json(const json_t *j,
                                          struct hs_trajectory *t,
                                          struct hs_error *err);

/* Reads an object as hs_head_json() makes it.  h is an initialised head.
 * Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_head_from_json(const json_t *j, struct hs_head *h,
                                    struct hs_error *err);

#endif
