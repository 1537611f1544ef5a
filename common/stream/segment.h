/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * segment.h - what the reader and the writer of segments share.
 */
#ifndef HS_SEGMENT_H
#define HS_SEGMENT_H

#include <msgpack.h>
#include <stdint.h>

#include "base/mem.h"
#include "stream/record.h"

#define HS_FORMAT "hstools stream"

enum {
    HS_VERSION_MAJOR = 1,
    HS_VERSION_MINOR = 0
};

/* Counts one record and adds it to the digest. */
void hs_count_object(struct hs_counts *c, const uint8_t *p, size_t n);

/* Where the second plane of size bytes of states begins, when they end at
 * data_end; 0 when there is none, or it is small. */
size_t hs_plane_cut(enum hs_dtype d, size_t data_end, size_t size);

/* Appends the object of a head, or of an end. */
void hs_pack_head(struct hs_buf *b, const struct hs_head *h);
void hs_pack_end(struct hs_buf *b, const struct hs_counts *c);

/* Reads them back; each returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_unpack_head(const msgpack_object *o, struct hs_head *h,
                                 struct hs_error *err);
HS_MUST_CHECK int hs_unpack_end(const msgpack_object *o, struct hs_counts *c,
                                struct hs_error *err);
HS_MUST_CHECK int hs_unpack_trajectory(const msgpack_object *o,
                                       struct hs_trajectory *t,
                                       struct hs_error *err);
HS_MUST_CHECK int hs_unpack_states(const msgpack_object *o, struct hs_states *s,
                                   struct hs_error *err);

#endif
