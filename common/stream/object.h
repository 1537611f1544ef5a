/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * object.h - encoding records of results, key by key with mp.h:
 *
 *     struct hs_object_mark m = hs_object_begin(e, 2);
 *
 *     hs_mp_str(&m.pk, "type", "note");
 *     hs_mp_u64(&m.pk, "layer", 3);
 *     return hs_object_end(e, &m, err);
 */
#ifndef HS_OBJECT_H
#define HS_OBJECT_H

#include "stream/mp.h"
#include "stream/stream.h"

struct hs_object_mark {
    msgpack_packer pk;
    size_t start; /* private */
};

/* Begins a map of n_keys keys, of which the first must be "type". */
struct hs_object_mark hs_object_begin(struct hs_encoded *e, size_t n_keys);

/* Ends it.  Returns 0, or -1 when it is larger than an object may be; it is
 * gone then. */
HS_MUST_CHECK int hs_object_end(struct hs_encoded *e, struct hs_object_mark *m,
                                struct hs_error *err);

#endif
