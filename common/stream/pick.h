/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pick.h - which trajectories of a stream are wanted.
 *
 * Takes 16 to 32 bytes for each trajectory that is picked, to notice when one
 * comes twice.
 */
#ifndef HS_PICK_H
#define HS_PICK_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/expr.h"
#include "stream/idset.h"

/* All that is given must hold.  {.sample = 1} picks all. */
struct hs_pick {
    struct hs_expr *only; /* owned; may be NULL */
    const char *ids_file; /* lines that are ids of trajectories or problems */
    double sample;        /* share of the problems, by a hash of the id */
    uint64_t seed;        /* of that hash */
    bool allow_duplicates;
    bool drop_duplicates; /* a second one of the same bytes is left out */

    struct hs_idset ids, found, seen; /* private */
};

/* Reads ids_file.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_pick_begin(struct hs_pick *p, struct hs_error *err);

/* Whether p leaves anything out. */
bool hs_pick_is_choosy(const struct hs_pick *p);

/* raw (n) are the bytes of t.  Returns 1 when t is picked, 0 when it is not, -1
 * when the expression does not fit it, or when it was picked before and that is
 * not allowed. */
HS_MUST_CHECK int hs_pick_test(struct hs_pick *p, const struct hs_trajectory *t,
                               const uint8_t *raw, size_t n,
                               struct hs_error *err);

/* At the end: warns if lines of ids_file were met nowhere. */
void hs_pick_warn(const struct hs_pick *p);

void hs_pick_free(struct hs_pick *p);

#endif
