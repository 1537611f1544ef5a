/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rankread.c - reading of rankings, see rankrec.h.
 *
 * Nothing is taken on trust: an order must be a permutation, and a ranking must
 * have all its seeds before the next one begins.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "probe/rankcols.h"
#include "probe/rankrec.h"
#include "stream/mp.h"

enum {
    MAX_SEEDS = 65536
};

static int
read_names(const msgpack_object *o, struct hs_ranking *r, struct hs_error *err)
{
    char *target = NULL, *by = NULL, *standardize = NULL;
    int rc = -1;

    if (hs_mp_get_str(o, "target", 0, &target, err) < 0 ||
        hs_mp_get_str(o, "by", 0, &by, err) < 0 ||
        hs_mp_get_str(o, "standardize", 0, &standardize, err) < 0)
        rc = -1;
    else if (hs_target_parse(target, &r->target) < 0)
        hs_fail(err, "target '%s' is not known", target);
    else if (hs_rank_by_parse(by, &r->by) < 0)
        hs_fail(err, "by '%s' is not known", by);
    else if (hs_standardize_parse(standardize, &r->standardize) < 0)
        hs_fail(err, "standardize '%s' is not known", standardize);
    else
        rc = 0;
    free(target);
    free(by);
    free(standardize);
    return rc;
}

static uint32_t
whole_at(const uint8_t *data, size_t i)
{
    uint32_t x;

    memcpy(&x, data + 4 * i, 4);
    return x;
}

/* Copies an order, which must be a permutation. */
static int
take_order(uint32_t *order, const uint8_t *data, size_t d, struct hs_error *err)
{
    bool *seen = hs_calloc(d, sizeof *seen);
    int rc = 0;

    for (size_t i = 0; i < d && rc == 0; i++) {
        uint32_t j = whole_at(data, i);

        if (j >= d || seen[j])
            rc = hs_fail(err, "order: coordinate %" PRIu32 " is %s", j,
                         j >= d ? "out of range" : "there twice");
        else
            seen[j] = true;
        order[i] = j;
    }
    free(seen);
    return rc;
}

/* Whole numbers of column c, from low to high. */
static int
take_wholes(struct hs_ranking *r, enum hs_rank_column_id c, const uint8_t *data,
            uint32_t low, uint32_t high, struct hs_error *err)
{
    for (size_t j = 0; j < r->d; j++) {
        uint32_t x = whole_at(data, j);

        if (x < low || x > high)
            return hs_fail(err,
                           "%s of coordinate %zu is %" PRIu32 ", out of range",
                           hs_rank_columns[c].name, j, x);
        if (c == HS_COL_SINK)
            r->sink[j] = (uint8_t)x;
        else
            r->rms_rank[j] = x;
    }
    return 0;
}

static int
take_floats(struct hs_ranking *r, enum hs_rank_column_id c, const uint8_t *data,
            struct hs_error *err)
{
    float *x = hs_rank_floats(r, c);

    memcpy(x, data, r->d * sizeof *x);
    if (c == HS_COL_IMPORTANCE || c == HS_COL_MEAN_RANK ||
        c == HS_COL_STABILITY || c == HS_COL_SLOPE)
        for (size_t j = 0; j < r->d; j++)
            if (!isfinite(x[j]))
                return hs_fail(err, "%s of coordinate %zu is no number",
                               hs_rank_columns[c].name, j);
    return 0;
}

static int
read_columns(struct hs_ranking *r, const msgpack_object *o,
             struct hs_error *err)
{
    const uint8_t *data;
    size_t n = 0;
    int rc = 0;

    for (int c = 0; c < HS_N_RANK_COLUMNS && rc == 0; c++) {
        const struct hs_rank_column *column = &hs_rank_columns[c];

        if (hs_mp_get_tensor(o, column->name, column->whole ? "u32" : "f32",
                             &data, &n, err) < 0)
            return -1;
        if (n != r->d)
            return hs_fail(err, "%s has %zu numbers, not %zu", column->name, n,
                           r->d);
        if (c == HS_COL_ORDER)
            rc = take_order(r->order, data, r->d, err);
        else if (c == HS_COL_RMS_RANK)
            rc = take_wholes(r, HS_COL_RMS_RANK, data, 1, (uint32_t)r->d, err);
        else if (c == HS_COL_SINK)
            rc = take_wholes(r, HS_COL_SINK, data, 0, HS_SINK_UNKNOWN, err);
        else
            rc = take_floats(r, (enum hs_rank_column_id)c, data, err);
    }
    for (size_t i = 0; i < r->d && rc == 0; i++)
        r->rank[r->order[i]] = (uint32_t)(i + 1);
    return rc;
}

/* A ranking begins. */
static int
read_ranking(struct hs_rank_reading *g, const msgpack_object *o, uint64_t dim,
             struct hs_error *err)
{
    struct hs_ranking *r = &g->r;
    uint64_t layer = 0, d = 0, n_seeds = 0, n_top = 0;

    *g = (struct hs_rank_reading){.open = true};
    if (hs_mp_get_u64(o, "layer", 65535, &layer, err) < 0 ||
        hs_mp_get_u64(o, "d", dim, &d, err) < 0 ||
        hs_mp_get_u64(o, "n_seeds", MAX_SEEDS, &n_seeds, err) < 0 ||
        hs_mp_get_u64(o, "n_top", d, &n_top, err) < 0 ||
        read_names(o, r, err) < 0)
        return -1;
    if (d != dim || n_seeds == 0 || n_top == 0)
        return hs_fail(err,
                       "%" PRIu64 " coordinates of %" PRIu64 ", %" PRIu64
                       " seeds, a top of %" PRIu64,
                       d, dim, n_seeds, n_top);
    r->layer = (uint32_t)layer;
    r->d = (size_t)d;
    r->n_seeds = (size_t)n_seeds;
    r->n_top = (size_t)n_top;
    hs_ranking_alloc(r);
    return read_columns(r, o, err);
}

/* Whether a record goes on with the ranking that was begun. */
static int
same_ranking(const struct hs_rank_reading *g, const msgpack_object *o,
             struct hs_error *err)
{
    char *target = NULL;
    uint64_t layer = 0;
    int rc;

    if (!g->open)
        return hs_fail(err, "no ranking before it");
    rc = hs_mp_get_u64(o, "layer", 65535, &layer, err) < 0 ||
                 hs_mp_get_str(o, "target", 0, &target, err) < 0
             ? -1
             : 0;
    if (rc == 0 && (layer != g->r.layer ||
                    strcmp(target, hs_target_name(g->r.target)) != 0))
        rc = hs_fail(err, "layer %" PRIu64 ", %s: not of the ranking before it",
                     layer, target);
    free(target);
    return rc;
}

static int
read_seed(struct hs_rank_reading *g, const msgpack_object *o,
          struct hs_error *err)
{
    struct hs_ranking *r = &g->r;
    const uint8_t *data;
    size_t n = 0;

    if (same_ranking(g, o, err) < 0)
        return -1;
    if (g->n_seeds == r->n_seeds)
        return hs_fail(err, "more than %zu seeds", r->n_seeds);
    if (hs_mp_get_u64(o, "seed", UINT64_MAX, &r->seeds[g->n_seeds], err) < 0 ||
        hs_mp_get_tensor(o, "order", "u32", &data, &n, err) < 0)
        return -1;
    if (n != r->d)
        return hs_fail(err, "an order of %zu coordinates, not %zu", n, r->d);
    /* Grown as seeds come: n_seeds is only what the record says. */
    r->seed_order =
        hs_grow(r->seed_order, &g->cap_order, hs_mul(g->n_seeds + 1, r->d),
                sizeof *r->seed_order);
    if (take_order(r->seed_order + g->n_seeds * r->d, data, n, err) < 0)
        return -1;
    g->n_seeds++;
    return 0;
}

int
hs_rank_reading_end(struct hs_rank_reading *g, struct hs_rankings *s,
                    struct hs_error *err)
{
    if (!g->open)
        return 0;
    if (g->n_seeds != g->r.n_seeds)
        return hs_fail(err, "layer %" PRIu32 ", %s: %zu of %zu seeds",
                       g->r.layer, hs_target_name(g->r.target), g->n_seeds,
                       g->r.n_seeds);
    hs_rankings_add(s, &g->r);
    g->open = false;
    return 0;
}

int
hs_rank_reading_take(struct hs_rank_reading *g, struct hs_rankings *s,
                     const msgpack_object *o, struct hs_error *err)
{
    char *type = NULL;
    json_t *j;
    int rc = hs_mp_get_str(o, "type", 0, &type, err);

    if (rc == 0 && strcmp(type, "ranking") == 0) {
        rc = hs_rank_reading_end(g, s, err);
        if (rc == 0)
            rc = read_ranking(g, o, s->head.dim, err);
    } else if (rc == 0 && strcmp(type, "seed-order") == 0) {
        rc = read_seed(g, o, err);
    } else if (rc == 0) {
        j = hs_mp_to_json(o, 1);
        rc = j != NULL ? json_array_append_new(s->others, j)
                       : hs_fail(err, "keys are not text");
    }
    if (rc < 0 && type != NULL)
        hs_fail_prefix(err, "a record of type %s", type);
    free(type);
    return rc;
}

static int
read_record(struct hs_rank_reading *g, struct hs_rankings *s,
            const struct hs_record *rec, struct hs_error *err)
{
    msgpack_unpacked u;
    size_t off = 0;
    int rc;

    msgpack_unpacked_init(&u);
    rc = msgpack_unpack_next(&u, (const char *)rec->raw, rec->raw_len, &off) ==
                 MSGPACK_UNPACK_SUCCESS
             ? hs_rank_reading_take(g, s, &u.data, err)
             : hs_fail(err, "a record that is no msgpack object");
    msgpack_unpacked_destroy(&u);
    return rc;
}

int
hs_rankings_read(struct hs_rankings *s, struct hs_reader *r, const char *name,
                 struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    struct hs_record rec = {0};
    struct hs_rank_reading g = {0};
    int rc = 0;

    *s = (struct hs_rankings){.others = json_array()};
    if (head != NULL && strcmp(head->kind, "rankings") != 0)
        return hs_fail(err, "%s: a stream of %s, not of rankings", name,
                       head->kind);
    if (head != NULL)
        hs_head_copy(&s->head, head);
    while (rc == 0 && (rc = hs_read(r, &rec)) > 0)
        rc = read_record(&g, s, &rec, err);
    if (rc == 0)
        rc = hs_rank_reading_end(&g, s, err);
    if (rc == 0 && s->n == 0)
        rc = hs_fail(err, "no rankings");
    if (hs_reader_error(r)[0] != '\0')
        hs_fail(err, "%s", hs_reader_error(r));
    else if (rc < 0)
        hs_fail_prefix(err, "%s", name);
    hs_ranking_free(&g.r);
    hs_record_free(&rec);
    return rc;
}
