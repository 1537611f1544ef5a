/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mp.h - msgpack: packing into a buffer, bounded and typed unpacking.
 *
 * Nothing is allocated for an object before hs_mp_scan() has found that its
 * bytes are all there and that it is not nested too deeply.
 */
#ifndef HS_MP_H
#define HS_MP_H

#include <jansson.h>
#include <msgpack.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

enum {
    HS_MP_DEPTH = 24
};

/* The size of the object at p, at most n bytes.  Returns 0 when it is cut
 * off, malformed, or nested more than HS_MP_DEPTH deep. */
size_t hs_mp_scan(const uint8_t *p, size_t n);

/* Packing.  A packer that appends to b. */
void hs_mp_packer(msgpack_packer *pk, struct hs_buf *b);
void hs_mp_key(msgpack_packer *pk, const char *key);
/* A string that is an element of an array. */
void hs_mp_text(msgpack_packer *pk, const char *value);
/* A key and a string, or nil for NULL. */
void hs_mp_str(msgpack_packer *pk, const char *key, const char *value);
void hs_mp_u64(msgpack_packer *pk, const char *key, uint64_t value);
void hs_mp_f64(msgpack_packer *pk, const char *key, double value);
/* A key and a tensor of n 4-byte numbers; nil for NULL where
 * n > 0. */
void hs_mp_tensor(msgpack_packer *pk, const char *key, const char *dtype,
                  const void *data, size_t n);
/* A JSON value. */
void hs_mp_json(msgpack_packer *pk, const json_t *j);

/* Unpacking.  map is an object of type map; each returns 0, or -1 with the
 * key's name.  Strings and bytes point into the object. */
const msgpack_object *hs_mp_find(const msgpack_object *map, const char *key);
HS_MUST_CHECK int hs_mp_get_u64(const msgpack_object *map, const char *key,
                                uint64_t max, uint64_t *out,
                                struct hs_error *err);
/* A number of any kind; nil gives NaN. */
HS_MUST_CHECK int hs_mp_get_f64(const msgpack_object *map, const char *key,
                                double *out, struct hs_error *err);
/* Copies a string to *out (allocated again); nil gives NULL if nil_ok. */
HS_MUST_CHECK int hs_mp_get_str(const msgpack_object *map, const char *key,
                                int nil_ok, char **out, struct hs_error *err);
HS_MUST_CHECK int hs_mp_get_bin(const msgpack_object *map, const char *key,
                                const uint8_t **out, size_t *len,
                                struct hs_error *err);
/* A tensor of 4-byte numbers with one dimension. */
HS_MUST_CHECK int hs_mp_get_tensor(const msgpack_object *map, const char *key,
                                   const char *dtype, const uint8_t **out,
                                   size_t *n, struct hs_error *err);

/* The same, of exactly n numbers, as a copy that is the caller's; nil gives
 * NULL if nil_ok. */
HS_MUST_CHECK int hs_mp_copy_tensor(const msgpack_object *map, const char *key,
                                    const char *dtype, size_t n, int nil_ok,
                                    void **out, struct hs_error *err);

/* Whether n bytes are UTF-8 without NUL. */
int hs_mp_is_text(const char *s, size_t n);

/* Any object as JSON: integers beyond 2^53 as strings, tensors (maps with
 * dtype, shape and data) as dtype, shape and a summary, or with their values;
 * other bytes as {"bin": "hex"}; numbers that JSON lacks as null.  A new
 * reference, NULL for a key that is no string. */
json_t *hs_mp_to_json(const msgpack_object *o, int values);

#endif
