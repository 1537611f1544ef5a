/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mp.c - see mp.h; hs_mp_to_json() is in mpjson.c.
 */
#include <config.h>

#include "stream/mp.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

static uint64_t
big_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* What follows the first byte of an object: bytes of length, bytes of content
 * beside that length, objects. */
struct form {
    size_t n_length; /* bytes of the length that follows */
    size_t fixed;    /* bytes of content in any case */
    uint64_t items;  /* objects, if n_length is 0 */
    unsigned per;    /* objects per unit of the length; 0: it counts bytes */
};

/* Returns 0, or -1 for the byte that msgpack never uses. */
static int
form_of(uint8_t b, struct form *f)
{
    static const uint8_t sizes[] = {1, 2, 4, 8};

    *f = (struct form){0};
    if (b <= 0x7f || b >= 0xe0 || b == 0xc0 || b == 0xc2 || b == 0xc3)
        return 0;
    if (b <= 0x8f)
        f->items = 2 * (uint64_t)(b & 0x0f);
    else if (b <= 0x9f)
        f->items = b & 0x0f;
    else if (b <= 0xbf)
        f->fixed = b & 0x1f;
    else if (b >= 0xc4 && b <= 0xc6)
        f->n_length = sizes[b - 0xc4];
    else if (b >= 0xc7 && b <= 0xc9) {
        f->n_length = sizes[b - 0xc7];
        f->fixed = 1;
    } else if (b == 0xca || b == 0xcb)
        f->fixed = b == 0xca ? 4 : 8;
    else if (b >= 0xcc && b <= 0xd3)
        f->fixed = sizes[(b - 0xcc) & 3];
    else if (b >= 0xd4 && b <= 0xd8)
        f->fixed = 1 + ((size_t)1 << (b - 0xd4));
    else if (b >= 0xd9 && b <= 0xdb)
        f->n_length = sizes[b - 0xd9];
    else if (b == 0xdc || b == 0xdd) {
        f->n_length = b == 0xdc ? 2 : 4;
        f->per = 1;
    } else if (b == 0xde || b == 0xdf) {
        f->n_length = b == 0xde ? 2 : 4;
        f->per = 2;
    } else
        return -1;
    return 0;
}

static size_t
scan(const uint8_t *p, size_t n, int depth)
{
    struct form f;
    uint64_t bytes, items;
    size_t at;

    if (n == 0 || depth > HS_MP_DEPTH || form_of(p[0], &f) < 0 ||
        n - 1 < f.n_length)
        return 0;
    at = 1 + f.n_length;
    items = f.items;
    bytes = f.fixed;
    if (f.n_length > 0) {
        uint64_t len = big_endian(p + 1, f.n_length);

        if (f.per > 0)
            items = len * f.per;
        else
            bytes += len;
    }
    if (bytes > n - at)
        return 0;
    at += (size_t)bytes;
    /* each object takes a byte at least */
    if (items > n - at)
        return 0;
    for (; items > 0; items--) {
        size_t size = scan(p + at, n - at, depth + 1);

        if (size == 0)
            return 0;
        at += size;
    }
    return at;
}

size_t
hs_mp_scan(const uint8_t *p, size_t n)
{
    return scan(p, n, 0);
}

static int
append(void *ud, const char *data, size_t n)
{
    hs_buf_add(ud, data, n);
    return 0;
}

void
hs_mp_packer(msgpack_packer *pk, struct hs_buf *b)
{
    msgpack_packer_init(pk, b, append);
}

static void
pack_text(msgpack_packer *pk, const char *s, size_t n)
{
    (void)msgpack_pack_str(pk, n);
    (void)msgpack_pack_str_body(pk, s, n);
}

void
hs_mp_text(msgpack_packer *pk, const char *value)
{
    pack_text(pk, value, strlen(value));
}

void
hs_mp_key(msgpack_packer *pk, const char *key)
{
    pack_text(pk, key, strlen(key));
}

void
hs_mp_str(msgpack_packer *pk, const char *key, const char *value)
{
    hs_mp_key(pk, key);
    if (value == NULL)
        (void)msgpack_pack_nil(pk);
    else
        pack_text(pk, value, strlen(value));
}

void
hs_mp_u64(msgpack_packer *pk, const char *key, uint64_t value)
{
    hs_mp_key(pk, key);
    (void)msgpack_pack_uint64(pk, value);
}

void
hs_mp_f64(msgpack_packer *pk, const char *key, double value)
{
    hs_mp_key(pk, key);
    if (isfinite(value))
        (void)msgpack_pack_double(pk, value);
    else
        (void)msgpack_pack_nil(pk);
}

void
hs_mp_tensor(msgpack_packer *pk, const char *key, const char *dtype,
             const void *data, size_t n)
{
    hs_mp_key(pk, key);
    if (data == NULL && n > 0) {
        (void)msgpack_pack_nil(pk);
        return;
    }
    (void)msgpack_pack_map(pk, 3);
    hs_mp_str(pk, "dtype", dtype);
    hs_mp_key(pk, "shape");
    (void)msgpack_pack_array(pk, 1);
    (void)msgpack_pack_uint64(pk, n);
    hs_mp_key(pk, "data");
    (void)msgpack_pack_bin(pk, n * 4);
    (void)msgpack_pack_bin_body(pk, n ? data : "", n * 4);
}

static void
pack_container(msgpack_packer *pk, const json_t *j)
{
    const char *key;
    json_t *v;
    size_t i;

    if (json_is_array(j)) {
        (void)msgpack_pack_array(pk, json_array_size(j));
        json_array_foreach(j, i, v) hs_mp_json(pk, v);
        return;
    }
    (void)msgpack_pack_map(pk, json_object_size(j));
    json_object_foreach((json_t *)(uintptr_t)j, key, v)
    {
        hs_mp_key(pk, key);
        hs_mp_json(pk, v);
    }
}

void
hs_mp_json(msgpack_packer *pk, const json_t *j)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        pack_container(pk, j);
        break;
    case JSON_STRING:
        pack_text(pk, json_string_value(j), json_string_length(j));
        break;
    case JSON_INTEGER:
        (void)msgpack_pack_int64(pk, json_integer_value(j));
        break;
    case JSON_REAL:
        (void)msgpack_pack_double(pk, json_real_value(j));
        break;
    case JSON_TRUE:
        (void)msgpack_pack_true(pk);
        break;
    case JSON_FALSE:
        (void)msgpack_pack_false(pk);
        break;
    case JSON_NULL:
        (void)msgpack_pack_nil(pk);
        break;
    }
}

const msgpack_object *
hs_mp_find(const msgpack_object *map, const char *key)
{
    size_t n = strlen(key);

    if (map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *kv = &map->via.map.ptr[i];

        if (kv->key.type == MSGPACK_OBJECT_STR && kv->key.via.str.size == n &&
            memcmp(kv->key.via.str.ptr, key, n) == 0)
            return &kv->val;
    }
    return NULL;
}

int
hs_mp_get_u64(const msgpack_object *map, const char *key, uint64_t max,
              uint64_t *out, struct hs_error *err)
{
    const msgpack_object *o = hs_mp_find(map, key);

    if (o == NULL || o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return hs_fail(err, "%s is %s", key,
                       o ? "not a whole number" : "missing");
    if (o->via.u64 > max)
        return hs_fail(err, "%s is %" PRIu64 ", more than %" PRIu64, key,
                       o->via.u64, max);
    *out = o->via.u64;
    return 0;
}

int
hs_mp_get_f64(const msgpack_object *map, const char *key, double *out,
              struct hs_error *err)
{
    const msgpack_object *o = hs_mp_find(map, key);

    if (o == NULL)
        return hs_fail(err, "%s is missing", key);
    switch (o->type) {
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        *out = o->via.f64;
        return 0;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        *out = (double)o->via.u64;
        return 0;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        *out = (double)o->via.i64;
        return 0;
    case MSGPACK_OBJECT_NIL:
        *out = NAN;
        return 0;
    default:
        return hs_fail(err, "%s is not a number", key);
    }
}

int
hs_mp_is_text(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n) {
        utf8proc_int32_t c;
        utf8proc_ssize_t k;

        if (s[i] > 0) {
            i++;
            continue;
        }
        k = utf8proc_iterate((const utf8proc_uint8_t *)s + i,
                             (utf8proc_ssize_t)(n - i), &c);
        if (k <= 0 || c == 0)
            return 0;
        i += (size_t)k;
    }
    return 1;
}

int
hs_mp_get_str(const msgpack_object *map, const char *key, int nil_ok,
              char **out, struct hs_error *err)
{
    const msgpack_object *o = hs_mp_find(map, key);
    char *copy = NULL;

    if (o == NULL)
        return hs_fail(err, "%s is missing", key);
    if (o->type == MSGPACK_OBJECT_STR) {
        if (!hs_mp_is_text(o->via.str.ptr, o->via.str.size))
            return hs_fail(err, "%s is not UTF-8 text", key);
        copy = hs_malloc((size_t)o->via.str.size + 1);
        memcpy(copy, o->via.str.ptr, o->via.str.size);
        copy[o->via.str.size] = '\0';
    } else if (!nil_ok || o->type != MSGPACK_OBJECT_NIL) {
        return hs_fail(err, "%s is not a string", key);
    }
    free(*out);
    *out = copy;
    return 0;
}

int
hs_mp_get_bin(const msgpack_object *map, const char *key, const uint8_t **out,
              size_t *len, struct hs_error *err)
{
    const msgpack_object *o = hs_mp_find(map, key);

    if (o == NULL || o->type != MSGPACK_OBJECT_BIN)
        return hs_fail(err, "%s is %s", key, o ? "not bin" : "missing");
    *out = (const uint8_t *)o->via.bin.ptr;
    *len = o->via.bin.size;
    return 0;
}

int
hs_mp_get_tensor(const msgpack_object *map, const char *key, const char *dtype,
                 const uint8_t **out, size_t *n, struct hs_error *err)
{
    const msgpack_object *o = hs_mp_find(map, key), *type, *shape;
    size_t len = 0;

    if (o == NULL || o->type != MSGPACK_OBJECT_MAP)
        return hs_fail(err, "%s is %s", key, o ? "not a tensor" : "missing");
    type = hs_mp_find(o, "dtype");
    shape = hs_mp_find(o, "shape");
    if (type == NULL || type->type != MSGPACK_OBJECT_STR ||
        type->via.str.size != strlen(dtype) ||
        memcmp(type->via.str.ptr, dtype, strlen(dtype)) != 0)
        return hs_fail(err, "%s is not of dtype %s", key, dtype);
    if (shape == NULL || shape->type != MSGPACK_OBJECT_ARRAY ||
        shape->via.array.size != 1 ||
        shape->via.array.ptr[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return hs_fail(err, "%s has not one dimension", key);
    if (hs_mp_get_bin(o, "data", out, &len, err) < 0)
        return hs_fail_prefix(err, "%s", key);
    if (len % 4 != 0 || shape->via.array.ptr[0].via.u64 != len / 4)
        return hs_fail(err, "%s: shape and bytes differ", key);
    *n = len / 4;
    return 0;
}

int
hs_mp_copy_tensor(const msgpack_object *map, const char *key, const char *dtype,
                  size_t n, int nil_ok, void **out, struct hs_error *err)
{
    const msgpack_object *o = hs_mp_find(map, key);
    const uint8_t *data;
    size_t m;

    *out = NULL;
    if (nil_ok && o != NULL && o->type == MSGPACK_OBJECT_NIL)
        return 0;
    if (hs_mp_get_tensor(map, key, dtype, &data, &m, err) < 0)
        return -1;
    if (m != n)
        return hs_fail(err, "%s has %zu numbers, not %zu", key, m, n);
    *out = hs_calloc(n, 4);
    memcpy(*out, data, n * 4);
    return 0;
}
