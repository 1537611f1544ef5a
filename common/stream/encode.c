/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * encode.c - records as msgpack objects, see stream.h.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>
#ifdef HAVE_XXH_X86DISPATCH_H
#include <xxh_x86dispatch.h>
#endif

#include "stream/mp.h"
#include "stream/object.h"
#include "stream/plane.h"
#include "stream/segment.h"
#include "stream/stream.h"

void
hs_encoded_free(struct hs_encoded *e)
{
    hs_buf_free(&e->bytes);
    free(e->objects);
    *e = (struct hs_encoded){0};
}

void
hs_count_object(struct hs_counts *c, const uint8_t *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits(p, n);

    c->records++;
    c->digest += (unsigned __int128)h.high64 << 64 | h.low64;
}

size_t
hs_plane_cut(enum hs_dtype d, size_t data_end, size_t size)
{
    return d != HS_F32 && size / 2 >= HS_PLANE_MIN ? data_end - size / 2 : 0;
}

/* Ends the object that was begun at byte start. */
static void
end_object(struct hs_encoded *e, size_t start, size_t cut)
{
    e->objects = hs_grow(e->objects, &e->cap, e->n + 1, sizeof *e->objects);
    e->objects[e->n++] = (struct hs_object){e->bytes.len, cut};
    hs_count_object(&e->counts, e->bytes.data + start, e->bytes.len - start);
}

void
hs_encode_trajectory(struct hs_encoded *e, const struct hs_trajectory *t)
{
    size_t start = e->bytes.len, n_new = t->n_tokens - t->n_prompt;
    msgpack_packer pk;

    hs_mp_packer(&pk, &e->bytes);
    (void)msgpack_pack_map(&pk, 20u + (t->arm != NULL ? 2 : 0) +
                                    (t->rollouts != NULL ? 1 : 0));
    hs_mp_str(&pk, "type", "trajectory");
    hs_mp_str(&pk, "id", t->id);
    if (t->arm != NULL) {
        hs_mp_str(&pk, "arm", t->arm);
        hs_mp_str(&pk, "part", t->part);
    }
    hs_mp_str(&pk, "problem", t->problem);
    hs_mp_u64(&pk, "sample", t->sample);
    hs_mp_str(&pk, "prompt", t->prompt);
    hs_mp_str(&pk, "prompt_hash", t->prompt_hash);
    hs_mp_tensor(&pk, "tokens", "u32", t->tokens, t->n_tokens);
    hs_mp_u64(&pk, "n_prompt", t->n_prompt);
    hs_mp_str(&pk, "completion", t->completion);
    hs_mp_tensor(&pk, "logprob", "f32", t->logprob, n_new);
    hs_mp_tensor(&pk, "entropy", "f32", t->entropy, n_new);
    hs_mp_str(&pk, "finish", t->finish);
    hs_mp_str(&pk, "gold", t->gold);
    hs_mp_str(&pk, "parsed", t->parsed);
    hs_mp_key(&pk, "reward");
    if (t->reward < 0)
        (void)msgpack_pack_nil(&pk);
    else
        (void)msgpack_pack_int(&pk, t->reward);
    hs_mp_str(&pk, "grader", t->grader);
    hs_mp_str(&pk, "reason", t->reason);
    hs_mp_tensor(&pk, "positions", "u32", t->positions, t->n_states);
    hs_mp_u64(&pk, "edits", t->edits);
    hs_mp_key(&pk, "meta");
    if (t->meta != NULL)
        hs_mp_json(&pk, t->meta);
    else
        (void)msgpack_pack_map(&pk, 0);
    if (t->rollouts != NULL) {
        hs_mp_key(&pk, "rollouts");
        hs_mp_json(&pk, t->rollouts);
    }
    e->counts.trajectories++;
    end_object(e, start, 0);
}

size_t
hs_block_rows(enum hs_dtype d, size_t dim)
{
    size_t rows = (HS_OBJECT_MAX - HS_BLOCK_SPARE) / (dim * hs_dtype_size(d));

    return rows > 0 ? rows : 1;
}

/* One states object; -1 with fit if the values do not fit d. */
static enum hs_fit
encode_block(struct hs_encoded *e, enum hs_dtype d, const char *id,
             uint32_t layer, size_t first, const float *x, size_t n_rows,
             size_t dim, size_t stride)
{
    size_t start = e->bytes.len, size = n_rows * dim * hs_dtype_size(d);
    msgpack_packer pk;
    enum hs_fit fit;

    (void)hs_buf_reserve(&e->bytes, size + 512);
    hs_mp_packer(&pk, &e->bytes);
    (void)msgpack_pack_map(&pk, 8);
    hs_mp_str(&pk, "type", "states");
    hs_mp_str(&pk, "id", id);
    hs_mp_u64(&pk, "layer", layer);
    hs_mp_u64(&pk, "first", first);
    hs_mp_key(&pk, "shape");
    (void)msgpack_pack_array(&pk, 2);
    (void)msgpack_pack_uint64(&pk, n_rows);
    (void)msgpack_pack_uint64(&pk, dim);
    hs_mp_str(&pk, "dtype", hs_dtype_name(d));
    hs_mp_u64(&pk, "planes", d == HS_F32 ? 1 : 2);
    hs_mp_key(&pk, "data");
    (void)msgpack_pack_bin(&pk, size);
    fit = hs_plane_split(d, x, n_rows, dim, stride,
                         hs_buf_reserve(&e->bytes, size));
    if (fit != HS_FIT_OK) {
        e->bytes.len = start;
        return fit;
    }
    e->bytes.len += size;
    e->counts.states++;
    if (d == HS_F32)
        e->counts.f32_blocks++;
    end_object(e, start, hs_plane_cut(d, e->bytes.len - start, size));
    return HS_FIT_OK;
}

static int
not_finite(const struct hs_trajectory *t, uint32_t layer, size_t first,
           const float *x, size_t n_rows, size_t dim, size_t stride,
           struct hs_error *err)
{
    for (size_t r = 0; r < n_rows; r++)
        for (size_t i = 0; i < dim; i++)
            if (!(x[r * stride + i] - x[r * stride + i] == 0))
                return hs_fail(err,
                               "%s: layer %" PRIu32 ", position %" PRIu32
                               ", coordinate %zu: the state is not finite",
                               t->id, layer, t->positions[first + r], i);
    return hs_fail(err, "%s: layer %" PRIu32 ": the state is not finite", t->id,
                   layer);
}

int
hs_encode_states(struct hs_encoded *e, enum hs_dtype d,
                 const struct hs_trajectory *t, uint32_t layer, size_t first,
                 const float *x, size_t n_rows, size_t dim, size_t stride,
                 struct hs_error *err)
{
    size_t most = hs_block_rows(d, dim);

    for (size_t r = 0; r < n_rows;) {
        size_t n = n_rows - r < most ? n_rows - r : most;
        enum hs_fit fit = encode_block(e, d, t->id, layer, first + r,
                                       x + r * stride, n, dim, stride);

        if (fit == HS_FIT_NOT_FINITE)
            return not_finite(t, layer, first + r, x + r * stride, n, dim,
                              stride, err);
        if (fit == HS_FIT_OVERFLOW &&
            hs_encode_states(e, HS_F32, t, layer, first + r, x + r * stride, n,
                             dim, stride, err) < 0)
            return -1;
        r += n;
    }
    return 0;
}

struct hs_object_mark
hs_object_begin(struct hs_encoded *e, size_t n_keys)
{
    struct hs_object_mark m = {.start = e->bytes.len};

    hs_mp_packer(&m.pk, &e->bytes);
    (void)msgpack_pack_map(&m.pk, n_keys);
    return m;
}

int
hs_object_end(struct hs_encoded *e, struct hs_object_mark *m,
              struct hs_error *err)
{
    if (e->bytes.len - m->start > HS_OBJECT_MAX) {
        e->bytes.len = m->start;
        return hs_fail(err, "a record of more than %d bytes", HS_OBJECT_MAX);
    }
    end_object(e, m->start, 0);
    return 0;
}

void
hs_encode_raw(struct hs_encoded *e, const struct hs_record *rec)
{
    const struct hs_states *x = &rec->states;
    size_t start = e->bytes.len, cut = 0;

    hs_buf_add(&e->bytes, rec->raw, rec->raw_len);
    e->counts.trajectories += rec->type == HS_REC_TRAJECTORY;
    if (rec->type == HS_REC_STATES) {
        size_t size = x->n_rows * x->dim * hs_dtype_size(x->dtype);

        e->counts.states++;
        e->counts.f32_blocks += x->dtype == HS_F32;
        cut = hs_plane_cut(x->dtype, (size_t)(x->data - rec->raw) + size, size);
    }
    end_object(e, start, cut);
}

int
hs_encode_json(struct hs_encoded *e, const json_t *j, struct hs_error *err)
{
    struct hs_object_mark m = {.start = e->bytes.len};

    hs_mp_packer(&m.pk, &e->bytes);
    hs_mp_json(&m.pk, j);
    return hs_object_end(e, &m, err);
}
