/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * segment.c - the objects of a segment, packed and unpacked; see segment.h.
 */
#include <config.h>

#include "stream/segment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stream/mp.h"
#include "stream/stream.h"

static const char convention[] =
    "layer l is the residual stream entering block l: 0 = embeddings, "
    "n_layers = output of the last block before the final norm; nothing "
    "folded, nothing normed";

void
hs_pack_head(struct hs_buf *b, const struct hs_head *h)
{
    msgpack_packer pk;

    hs_mp_packer(&pk, b);
    (void)msgpack_pack_map(&pk, 12);
    hs_mp_str(&pk, "type", "head");
    hs_mp_str(&pk, "format", HS_FORMAT);
    hs_mp_key(&pk, "version");
    (void)msgpack_pack_array(&pk, 2);
    (void)msgpack_pack_int(&pk, HS_VERSION_MAJOR);
    (void)msgpack_pack_int(&pk, HS_VERSION_MINOR);
    hs_mp_str(&pk, "kind", h->kind);
    hs_mp_key(&pk, "model");
    (void)msgpack_pack_map(&pk, 5);
    hs_mp_str(&pk, "fingerprint", h->fingerprint);
    hs_mp_str(&pk, "family", h->family);
    hs_mp_u64(&pk, "n_layers", h->n_layers);
    hs_mp_u64(&pk, "dim", h->dim);
    hs_mp_u64(&pk, "n_vocab", h->n_vocab);
    hs_mp_key(&pk, "layers");
    (void)msgpack_pack_array(&pk, h->layers.n);
    for (size_t i = 0; i < h->layers.n; i++)
        (void)msgpack_pack_uint32(&pk, h->layers.v[i]);
    hs_mp_u64(&pk, "dim", h->dim);
    hs_mp_str(&pk, "dtype", hs_dtype_name(h->dtype));
    hs_mp_str(&pk, "layer_convention", convention);
    hs_mp_str(&pk, "positions", h->positions);
    hs_mp_key(&pk, "run");
    hs_mp_json(&pk, h->run);
    hs_mp_key(&pk, "history");
    hs_mp_json(&pk, h->history);
}

void
hs_pack_end(struct hs_buf *b, const struct hs_counts *c)
{
    uint8_t digest[16];
    msgpack_packer pk;

    for (int i = 0; i < 16; i++)
        digest[i] = (uint8_t)(c->digest >> (8 * (15 - i)));
    hs_mp_packer(&pk, b);
    (void)msgpack_pack_map(&pk, 6);
    hs_mp_str(&pk, "type", "end");
    hs_mp_u64(&pk, "records", c->records);
    hs_mp_u64(&pk, "trajectories", c->trajectories);
    hs_mp_u64(&pk, "states", c->states);
    hs_mp_u64(&pk, "f32_blocks", c->f32_blocks);
    hs_mp_key(&pk, "digest");
    (void)msgpack_pack_bin(&pk, sizeof digest);
    (void)msgpack_pack_bin_body(&pk, digest, sizeof digest);
}

static int
unpack_version(const msgpack_object *o, struct hs_error *err)
{
    const msgpack_object *v = hs_mp_find(o, "version");
    char *format = NULL;
    int rc = hs_mp_get_str(o, "format", 0, &format, err);

    if (rc == 0 && strcmp(format, HS_FORMAT) != 0)
        rc = hs_fail(err, "format is '%s', not '%s'", format, HS_FORMAT);
    free(format);
    if (rc < 0)
        return -1;
    if (v == NULL || v->type != MSGPACK_OBJECT_ARRAY ||
        v->via.array.size != 2 ||
        v->via.array.ptr[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
        v->via.array.ptr[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return hs_fail(err, "version is not a pair of numbers");
    if (v->via.array.ptr[0].via.u64 != HS_VERSION_MAJOR)
        return hs_fail(err, "version %" PRIu64 " is not known to this program",
                       v->via.array.ptr[0].via.u64);
    return 0;
}

static int
unpack_layers(const msgpack_object *o, struct hs_head *h, struct hs_error *err)
{
    const msgpack_object *a = hs_mp_find(o, "layers");
    uint64_t before = 0;

    if (a == NULL || a->type != MSGPACK_OBJECT_ARRAY ||
        a->via.array.size > 65536)
        return hs_fail(err, "layers is not a list");
    hs_list_free(&h->layers);
    h->layers.v = hs_calloc(a->via.array.size, sizeof *h->layers.v);
    for (uint32_t i = 0; i < a->via.array.size; i++) {
        const msgpack_object *e = &a->via.array.ptr[i];

        if (e->type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
            e->via.u64 > h->n_layers || (i > 0 && e->via.u64 <= before))
            return hs_fail(err,
                           "layers: entry %" PRIu32
                           " is not a layer of "
                           "the model, in ascending order",
                           i);
        before = e->via.u64;
        h->layers.v[h->layers.n++] = (uint32_t)before;
    }
    return 0;
}

static int
unpack_json(const msgpack_object *o, const char *key, json_type want,
            json_t **out, struct hs_error *err)
{
    const msgpack_object *v = hs_mp_find(o, key);
    json_t *j = v ? hs_mp_to_json(v, 1) : NULL;

    if (j == NULL || json_typeof(j) != want) {
        json_decref(j);
        return hs_fail(err, "%s is %s", key, v ? "of another type" : "missing");
    }
    json_decref(*out);
    *out = j;
    return 0;
}

int
hs_unpack_head(const msgpack_object *o, struct hs_head *h, struct hs_error *err)
{
    const msgpack_object *model = hs_mp_find(o, "model");
    uint64_t dim = 0;
    char *dtype = NULL;
    int rc;

    if (unpack_version(o, err) < 0)
        return -1;
    if (model == NULL || model->type != MSGPACK_OBJECT_MAP)
        return hs_fail(err, "model is not a map");
    if (hs_mp_get_str(o, "kind", 0, &h->kind, err) < 0 ||
        hs_mp_get_str(model, "fingerprint", 0, &h->fingerprint, err) < 0 ||
        hs_mp_get_str(model, "family", 0, &h->family, err) < 0 ||
        hs_mp_get_u64(model, "n_layers", 65535, &h->n_layers, err) < 0 ||
        hs_mp_get_u64(model, "n_vocab", UINT32_MAX, &h->n_vocab, err) < 0 ||
        hs_mp_get_u64(model, "dim", 1000000, &dim, err) < 0 ||
        hs_mp_get_u64(o, "dim", 1000000, &h->dim, err) < 0 ||
        hs_mp_get_str(o, "positions", 0, &h->positions, err) < 0 ||
        hs_mp_get_str(o, "dtype", 0, &dtype, err) < 0)
        return -1;
    rc = hs_dtype_parse(dtype, &h->dtype);
    if (rc < 0)
        hs_fail(err, "dtype '%s' is not f16, bf16 or f32", dtype);
    free(dtype);
    if (rc < 0)
        return -1;
    if (dim != h->dim || dim == 0)
        return hs_fail(err, "dim is %" PRIu64 " and %" PRIu64, dim, h->dim);
    if (unpack_layers(o, h, err) < 0 ||
        unpack_json(o, "run", JSON_OBJECT, &h->run, err) < 0 ||
        unpack_json(o, "history", JSON_ARRAY, &h->history, err) < 0)
        return -1;
    return 0;
}

int
hs_unpack_end(const msgpack_object *o, struct hs_counts *c,
              struct hs_error *err)
{
    const uint8_t *digest;
    size_t n;

    if (hs_mp_get_u64(o, "records", UINT64_MAX, &c->records, err) < 0 ||
        hs_mp_get_u64(o, "trajectories", UINT64_MAX, &c->trajectories, err) <
            0 ||
        hs_mp_get_u64(o, "states", UINT64_MAX, &c->states, err) < 0 ||
        hs_mp_get_u64(o, "f32_blocks", UINT64_MAX, &c->f32_blocks, err) < 0 ||
        hs_mp_get_bin(o, "digest", &digest, &n, err) < 0)
        return -1;
    if (n != 16)
        return hs_fail(err, "digest is not 16 bytes");
    c->digest = 0;
    for (int i = 0; i < 16; i++)
        c->digest = c->digest << 8 | digest[i];
    return 0;
}

static int
unpack_reward(const msgpack_object *o, struct hs_trajectory *t,
              struct hs_error *err)
{
    const msgpack_object *v = hs_mp_find(o, "reward");

    if (v != NULL && v->type == MSGPACK_OBJECT_NIL)
        t->reward = -1;
    else if (v != NULL && v->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
             v->via.u64 <= 1)
        t->reward = (int)v->via.u64;
    else
        return hs_fail(err, "reward is not 0, 1 or nil");
    return 0;
}

/* Copies a tensor of 4-byte numbers into memory of its own. */
static int
copy_tensor(const msgpack_object *o, const char *key, const char *dtype,
            void **out, size_t *n, struct hs_error *err)
{
    const uint8_t *data;

    if (hs_mp_get_tensor(o, key, dtype, &data, n, err) < 0)
        return -1;
    free(*out);
    *out = hs_malloc(*n * 4);
    memcpy(*out, data, *n * 4);
    return 0;
}

static int
unpack_arrays(const msgpack_object *o, struct hs_trajectory *t,
              struct hs_error *err)
{
    size_t n_logprob = 0, n_entropy = 0;
    void *tokens = t->tokens, *logprob = t->logprob, *entropy = t->entropy,
         *positions = t->positions;
    int rc = 0;

    if (copy_tensor(o, "tokens", "u32", &tokens, &t->n_tokens, err) < 0 ||
        copy_tensor(o, "logprob", "f32", &logprob, &n_logprob, err) < 0 ||
        copy_tensor(o, "entropy", "f32", &entropy, &n_entropy, err) < 0 ||
        copy_tensor(o, "positions", "u32", &positions, &t->n_states, err) < 0)
        rc = -1;
    t->tokens = tokens;
    t->logprob = logprob;
    t->entropy = entropy;
    t->positions = positions;
    if (rc < 0)
        return -1;
    if (t->n_prompt > t->n_tokens)
        return hs_fail(err, "n_prompt is more than there are tokens");
    if (n_logprob != t->n_tokens - t->n_prompt || n_entropy != n_logprob)
        return hs_fail(err,
                       "%zu tokens behind the prompt, %zu logprob, %zu "
                       "entropy",
                       t->n_tokens - t->n_prompt, n_logprob, n_entropy);
    for (size_t i = 0; i < t->n_states; i++)
        if (t->positions[i] >= t->n_tokens ||
            (i > 0 && t->positions[i] <= t->positions[i - 1]))
            return hs_fail(err, "positions are not ascending tokens");
    return 0;
}

/* Both or none of them. */
static int
unpack_arm(const msgpack_object *o, struct hs_trajectory *t,
           struct hs_error *err)
{
    if (hs_mp_find(o, "arm") == NULL && hs_mp_find(o, "part") == NULL) {
        hs_trajectory_set(&t->arm, NULL);
        hs_trajectory_set(&t->part, NULL);
        return 0;
    }
    if (hs_mp_get_str(o, "arm", 0, &t->arm, err) < 0 ||
        hs_mp_get_str(o, "part", 0, &t->part, err) < 0)
        return -1;
    return 0;
}

static int
unpack_rollouts(const msgpack_object *o, struct hs_trajectory *t,
                struct hs_error *err)
{
    if (hs_mp_find(o, "rollouts") != NULL)
        return unpack_json(o, "rollouts", JSON_OBJECT, &t->rollouts, err);
    json_decref(t->rollouts);
    t->rollouts = NULL;
    return 0;
}

int
hs_unpack_trajectory(const msgpack_object *o, struct hs_trajectory *t,
                     struct hs_error *err)
{
    uint64_t n_prompt;

    if (hs_mp_get_str(o, "id", 0, &t->id, err) < 0 ||
        unpack_arm(o, t, err) < 0 ||
        hs_mp_get_str(o, "problem", 0, &t->problem, err) < 0 ||
        hs_mp_get_u64(o, "sample", UINT32_MAX, &t->sample, err) < 0 ||
        hs_mp_get_str(o, "prompt", 1, &t->prompt, err) < 0 ||
        hs_mp_get_str(o, "prompt_hash", 0, &t->prompt_hash, err) < 0 ||
        hs_mp_get_u64(o, "n_prompt", UINT32_MAX, &n_prompt, err) < 0 ||
        hs_mp_get_str(o, "completion", 0, &t->completion, err) < 0 ||
        hs_mp_get_str(o, "finish", 0, &t->finish, err) < 0 ||
        hs_mp_get_str(o, "gold", 1, &t->gold, err) < 0 ||
        hs_mp_get_str(o, "parsed", 1, &t->parsed, err) < 0 ||
        hs_mp_get_str(o, "grader", 0, &t->grader, err) < 0 ||
        hs_mp_get_str(o, "reason", 0, &t->reason, err) < 0 ||
        hs_mp_get_u64(o, "edits", UINT64_MAX, &t->edits, err) < 0)
        return -1;
    t->n_prompt = (size_t)n_prompt;
    if (unpack_reward(o, t, err) < 0 || unpack_arrays(o, t, err) < 0 ||
        unpack_json(o, "meta", JSON_OBJECT, &t->meta, err) < 0)
        return -1;
    return unpack_rollouts(o, t, err);
}

int
hs_unpack_states(const msgpack_object *o, struct hs_states *s,
                 struct hs_error *err)
{
    const msgpack_object *id = hs_mp_find(o, "id");
    const msgpack_object *shape = hs_mp_find(o, "shape");
    uint64_t layer, first, planes;
    char *dtype = NULL;
    size_t len;
    int rc;

    if (id == NULL || id->type != MSGPACK_OBJECT_STR)
        return hs_fail(err, "id is not a string");
    s->id = id->via.str.ptr;
    s->id_len = id->via.str.size;
    if (shape == NULL || shape->type != MSGPACK_OBJECT_ARRAY ||
        shape->via.array.size != 2 ||
        shape->via.array.ptr[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
        shape->via.array.ptr[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
        shape->via.array.ptr[0].via.u64 > HS_OBJECT_MAX ||
        shape->via.array.ptr[1].via.u64 > HS_OBJECT_MAX)
        return hs_fail(err, "shape is not a pair of sizes");
    s->n_rows = (size_t)shape->via.array.ptr[0].via.u64;
    s->dim = (size_t)shape->via.array.ptr[1].via.u64;
    if (hs_mp_get_u64(o, "layer", UINT32_MAX, &layer, err) < 0 ||
        hs_mp_get_u64(o, "first", UINT32_MAX, &first, err) < 0 ||
        hs_mp_get_u64(o, "planes", 2, &planes, err) < 0 ||
        hs_mp_get_str(o, "dtype", 0, &dtype, err) < 0)
        return -1;
    rc = hs_dtype_parse(dtype, &s->dtype);
    free(dtype);
    if (rc < 0 || planes != (s->dtype == HS_F32 ? 1 : 2))
        return hs_fail(err, "dtype and planes do not go together");
    s->layer = (uint32_t)layer;
    s->first = (size_t)first;
    if (hs_mp_get_bin(o, "data", &s->data, &len, err) < 0)
        return -1;
    if (len != s->n_rows * s->dim * hs_dtype_size(s->dtype))
        return hs_fail(err, "shape and bytes differ");
    return 0;
}
