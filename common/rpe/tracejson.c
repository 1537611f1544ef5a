/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tracejson.c - a record "trace".
 */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rpe/tracework.h"
#include "stream/object.h"

enum {
    N_KEYS = 31
};

/* ---- text ---- */

/* The length of the character that begins with byte c; 0 if none does. */
static size_t
character(unsigned char c)
{
    return c < 0x80   ? 1
           : c < 0xc2 ? 0
           : c < 0xe0 ? 2
           : c < 0xf0 ? 3
           : c < 0xf5 ? 4
                      : 0;
}

/* Moves the characters that are whole from the front of pending to out; what is
 * none becomes U+FFFD.  The last ones may still be to come. */
static void
take_characters(struct hs_buf *pending, struct hs_buf *out)
{
    size_t at = 0;

    while (at < pending->len) {
        const char *s = (const char *)pending->data + at;
        size_t n = character(pending->data[at]), have = pending->len - at;
        size_t same = 1;

        while (same < n && same < have && ((unsigned char)s[same] >> 6) == 2)
            same++;
        if (n > have && same == have)
            break;
        if (n > 0 && same == n && hs_mp_is_text(s, n)) {
            hs_buf_add(out, s, n);
            at += n;
        } else {
            hs_buf_str(out, "\xef\xbf\xbd");
            at++;
        }
    }
    if (at > 0)
        memmove(pending->data, pending->data + at, pending->len - at);
    pending->len -= at;
}

/* The text of each token of the completion; a character that several tokens
 * make stands at the last of them. */
static int
put_text(const struct hs_tracing *a, const struct hs_trajectory *t,
         msgpack_packer *pk)
{
    size_t n = t->n_tokens - t->n_prompt;
    struct hs_buf pending = {0};
    int rc = 0;

    hs_mp_key(pk, "text");
    if (a->tok == NULL) {
        (void)msgpack_pack_nil(pk);
        return 0;
    }
    (void)msgpack_pack_array(pk, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t id = t->tokens[t->n_prompt + i];
        struct hs_buf text = {0};
        size_t len = 0;
        const char *bytes = hs_tokenizer_bytes(a->tok, id, &len);

        if (bytes == NULL)
            rc = hs_fail(a->err,
                         "trajectory '%s': the tokenizer has no token %lu",
                         t->id, (unsigned long)id);
        hs_buf_add(&pending, bytes ? bytes : "", bytes ? len : 0);
        take_characters(&pending, &text);
        if (i + 1 == n && pending.len > 0)
            hs_buf_str(&text, "\xef\xbf\xbd");
        hs_mp_text(pk, hs_buf_cstr(&text));
        hs_buf_free(&text);
    }
    hs_buf_free(&pending);
    return rc;
}

/* ---- numbers ---- */

static void
put_number(msgpack_packer *pk, const char *key, double x)
{
    if (isfinite(x)) {
        hs_mp_f64(pk, key, x);
        return;
    }
    hs_mp_key(pk, key);
    (void)msgpack_pack_nil(pk);
}

static void
put_floats(msgpack_packer *pk, const char *key, const double *x, size_t n)
{
    float *f = hs_calloc(n, sizeof *f);

    for (size_t i = 0; i < n; i++)
        f[i] = (float)x[i];
    hs_mp_tensor(pk, key, "f32", f, n);
    free(f);
}

static void
put_nil(msgpack_packer *pk, const char *key)
{
    hs_mp_key(pk, key);
    (void)msgpack_pack_nil(pk);
}

/* V-hat where steps end, and by how much it moved there. */
static int
put_rollouts(const struct hs_tracing *a, const struct hs_trajectory *t,
             msgpack_packer *pk)
{
    static const char *const keys[] = {"rule", "at", "k",    "value",
                                       "lo",   "hi", "delta"};
    struct hs_rollouts r = {0};
    double *delta;
    int rc;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && t->rollouts == NULL;
         i++)
        put_nil(pk, keys[i]);
    if (t->rollouts == NULL)
        return 0;
    rc = hs_trace_rollouts(t, &r, a->err);
    if (rc == 0) {
        delta = hs_calloc(r.n, sizeof *delta);
        for (size_t i = 1; i < r.n; i++)
            delta[i - 1] = a->o->gamma * r.value[i] - r.value[i - 1];
        hs_mp_str(pk, "rule", r.rule);
        hs_mp_tensor(pk, "at", "u32", r.at, r.n);
        hs_mp_tensor(pk, "k", "u32", r.k, r.n);
        put_floats(pk, "value", r.value, r.n);
        put_floats(pk, "lo", r.lo, r.n);
        put_floats(pk, "hi", r.hi, r.n);
        put_floats(pk, "delta", delta, r.n - 1);
        free(delta);
    }
    hs_rollouts_free(&r);
    return rc;
}

static void
put_values(const struct hs_trace_layer *l, msgpack_packer *pk)
{
    double *v = hs_calloc(l->n, sizeof *v);

    if (hs_trace_values(l, v))
        put_floats(pk, "v", v, l->n);
    else
        put_nil(pk, "v");
    free(v);
}

/* z of the chosen coordinates, (m, n), coordinate after coordinate. */
static void
put_z(const struct hs_tracing *a, const struct hs_trace_layer *l,
      msgpack_packer *pk)
{
    struct hs_pooler *p = hs_pooler_new(a->o->znorm, l->mean, l->scale, l->m);
    float *row = hs_calloc(l->m, sizeof *row), *z1 = hs_calloc(l->m, 4);
    float *z = hs_calloc(hs_mul(l->m, l->n), sizeof *z);

    hs_pooler_start(p);
    for (int look = a->o->znorm == HS_ZNORM_RESPONSE; look >= 0; look--)
        for (size_t i = 0; i < l->n; i++) {
            for (size_t c = 0; c < l->m; c++)
                row[c] = l->x[i * a->dim + l->coordinates[c]];
            if (look && a->t[i] > 0)
                hs_pooler_look(p, row);
            if (look)
                continue;
            hs_pooler_feed(p, row, z1);
            for (size_t c = 0; c < l->m; c++)
                z[c * l->n + i] = z1[c];
        }
    hs_mp_tensor(pk, "z", "f32", z, l->m * l->n);
    hs_pooler_free(p);
    free(row);
    free(z1);
    free(z);
}

static void
put_coordinates(const struct hs_trace_layer *l, msgpack_packer *pk)
{
    hs_mp_tensor(pk, "coordinates", "u32", l->coordinates, l->m);
    hs_mp_key(pk, "sign");
    (void)msgpack_pack_array(pk, l->m);
    for (size_t i = 0; i < l->m; i++)
        (void)msgpack_pack_int(pk, l->sign[i]);
}

/* ---- the record ---- */

static int
put_answer(const struct hs_tracing *a, const struct hs_trajectory *t,
           const struct hs_trace_wish *wish, msgpack_packer *pk)
{
    const char *from;
    double v0;

    if (hs_trace_v0(a, t, &v0, &from) < 0)
        return -1;
    hs_mp_str(pk, "id", t->id);
    hs_mp_str(pk, "problem", t->problem);
    hs_mp_u64(pk, "sample", t->sample);
    hs_mp_str(pk, "surprise", wish->word);
    if (t->reward < 0)
        put_nil(pk, "reward");
    else
        hs_mp_u64(pk, "reward", (uint64_t)t->reward);
    put_number(pk, "v0", v0);
    hs_mp_str(pk, "v0_from", from);
    hs_mp_u64(pk, "n_prompt", t->n_prompt);
    hs_mp_str(pk, "prompt", t->prompt);
    hs_mp_str(pk, "completion", t->completion);
    hs_mp_str(pk, "finish", t->finish);
    hs_mp_str(pk, "gold", t->gold);
    hs_mp_str(pk, "parsed", t->parsed);
    hs_mp_tensor(pk, "tokens", "u32", t->tokens + t->n_prompt,
                 t->n_tokens - t->n_prompt);
    return put_text(a, t, pk);
}

static int
put_layer(const struct hs_tracing *a, const struct hs_trajectory *t,
          const struct hs_trace_wish *wish, const struct hs_trace_layer *l,
          struct hs_encoded *e)
{
    struct hs_object_mark m = hs_object_begin(e, N_KEYS);
    msgpack_packer *pk = &m.pk;

    hs_mp_str(pk, "type", "trace");
    hs_mp_u64(pk, "layer", l->layer);
    hs_mp_str(pk, "znorm", hs_znorm_name(a->o->znorm));
    hs_mp_u64(pk, "window", a->o->window);
    hs_mp_tensor(pk, "t", "u32", a->t, a->n);
    if (put_answer(a, t, wish, pk) < 0 || put_rollouts(a, t, pk) < 0)
        return -1;
    put_values(l, pk);
    put_coordinates(l, pk);
    put_z(a, l, pk);
    if (hs_object_end(e, &m, a->err) < 0)
        return hs_fail_prefix(a->err, "trajectory '%s'", t->id);
    return 0;
}

int
hs_trace_encode(const struct hs_tracing *a, const struct hs_trajectory *t,
                const struct hs_trace_wish *wish, struct hs_encoded *e)
{
    for (size_t i = 0; i < a->n_layers; i++)
        if (put_layer(a, t, wish, &a->layers[i], e) < 0)
            return -1;
    return 0;
}
