/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mpjson.c - msgpack objects as JSON, see mp.h.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/mp.h"
#include "stream/plane.h"

static json_t *
integer(int negative, uint64_t u, int64_t i)
{
    char text[32];

    if (negative ? i >= -((int64_t)1 << 53) : u <= (uint64_t)1 << 53)
        return json_integer(negative ? (json_int_t)i : (json_int_t)u);
    if (negative)
        (void)snprintf(text, sizeof text, "%" PRId64, i);
    else
        (void)snprintf(text, sizeof text, "%" PRIu64, u);
    return json_string(text);
}

static json_t *
real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* Text that is not UTF-8 cannot be JSON; such bytes are shown as bin. */
static json_t *
bytes(const char *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    char *text = hs_malloc(2 * n + 1);
    json_t *j = json_object();

    for (size_t i = 0; i < n; i++) {
        text[2 * i] = hex[(unsigned char)p[i] >> 4];
        text[2 * i + 1] = hex[p[i] & 15];
    }
    text[2 * n] = '\0';
    json_object_set_new(j, "bin", json_string(text));
    free(text);
    return j;
}

/* The numbers of a tensor as doubles, or NULL if it is not one of ours. */
static double *
tensor_values(const msgpack_object *map, size_t *n)
{
    const msgpack_object *t = hs_mp_find(map, "dtype");
    const msgpack_object *d = hs_mp_find(map, "data");
    const msgpack_object *planes = hs_mp_find(map, "planes");
    enum hs_dtype type = HS_F32;
    int is_u32 = 0;
    char name[8] = "";
    double *out;

    if (t == NULL || d == NULL || hs_mp_find(map, "shape") == NULL ||
        t->type != MSGPACK_OBJECT_STR || d->type != MSGPACK_OBJECT_BIN ||
        t->via.str.size >= sizeof name)
        return NULL;
    memcpy(name, t->via.str.ptr, t->via.str.size);
    is_u32 = strcmp(name, "u32") == 0;
    if (!is_u32 && hs_dtype_parse(name, &type) < 0)
        return NULL;
    if (type != HS_F32 &&
        (planes == NULL || planes->type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
         planes->via.u64 != 2))
        return NULL;
    *n = d->via.bin.size / (is_u32 ? 4 : hs_dtype_size(type));
    out = hs_calloc(*n, sizeof *out);
    if (is_u32) {
        for (size_t i = 0; i < *n; i++) {
            uint32_t u;

            memcpy(&u, d->via.bin.ptr + 4 * i, 4);
            out[i] = u;
        }
    } else {
        float *f = hs_calloc(*n, sizeof *f);

        hs_plane_join(type, (const uint8_t *)d->via.bin.ptr, *n, f);
        for (size_t i = 0; i < *n; i++)
            out[i] = (double)f[i];
        free(f);
    }
    return out;
}

static void
summarize(json_t *j, const double *x, size_t n)
{
    double sum = 0, squares = 0, low = n ? x[0] : 0, high = low;

    for (size_t i = 0; i < n; i++) {
        sum += x[i];
        squares += x[i] * x[i];
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    if (n == 0)
        return;
    json_object_set_new(j, "min", real(low));
    json_object_set_new(j, "max", real(high));
    json_object_set_new(j, "mean", real(sum / (double)n));
    json_object_set_new(j, "rms", real(sqrt(squares / (double)n)));
}

/* Adds the members of a map; data of a tensor is replaced. */
static json_t *
map_to_json(const msgpack_object *o, int values)
{
    size_t n = 0;
    double *x = tensor_values(o, &n);
    json_t *j = json_object();

    for (uint32_t i = 0; i < o->via.map.size; i++) {
        const msgpack_object_kv *kv = &o->via.map.ptr[i];
        json_t *v;
        int bad = 1;

        if (kv->key.type == MSGPACK_OBJECT_STR && x != NULL &&
            kv->key.via.str.size == 4 &&
            memcmp(kv->key.via.str.ptr, "data", 4) == 0)
            continue;
        v = hs_mp_to_json(&kv->val, values);
        if (v != NULL && kv->key.type == MSGPACK_OBJECT_STR)
            bad = json_object_setn_new(j, kv->key.via.str.ptr,
                                       kv->key.via.str.size, v);
        else
            json_decref(v);
        if (bad) {
            json_decref(j);
            free(x);
            return NULL;
        }
    }
    if (x != NULL && values) {
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, real(x[i]));
        json_object_set_new(j, "values", list);
    } else if (x != NULL) {
        summarize(j, x, n);
    }
    free(x);
    return j;
}

static json_t *
array_to_json(const msgpack_object *o, int values)
{
    json_t *j = json_array();

    for (uint32_t i = 0; i < o->via.array.size; i++) {
        json_t *v = hs_mp_to_json(&o->via.array.ptr[i], values);

        if (v == NULL) {
            json_decref(j);
            return NULL;
        }
        json_array_append_new(j, v);
    }
    return j;
}

json_t *
hs_mp_to_json(const msgpack_object *o, int values)
{
    json_t *j;

    switch (o->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(o->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return integer(0, o->via.u64, 0);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return integer(1, 0, o->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return real(o->via.f64);
    case MSGPACK_OBJECT_STR:
        j = json_stringn(o->via.str.ptr, o->via.str.size);
        return j ? j : bytes(o->via.str.ptr, o->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return bytes(o->via.bin.ptr, o->via.bin.size);
    case MSGPACK_OBJECT_ARRAY:
        return array_to_json(o, values);
    case MSGPACK_OBJECT_MAP:
        return map_to_json(o, values);
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_EXT:
        break;
    }
    return json_null();
}
