/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rankrec.c - writing of rankings, see rankrec.h; rankread.c reads them.
 */
#include <config.h>

#include "probe/rankrec.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "probe/rankcols.h"
#include "stream/object.h"

const struct hs_rank_column hs_rank_columns[HS_N_RANK_COLUMNS] = {
    [HS_COL_ORDER] = {"order", true},
    [HS_COL_IMPORTANCE] = {"importance", false},
    [HS_COL_MEAN_RANK] = {"mean_rank", false},
    [HS_COL_STABILITY] = {"stability", false},
    [HS_COL_MEAN] = {"mean", false},
    [HS_COL_SIGMA] = {"sigma", false},
    [HS_COL_RMS] = {"rms", false},
    [HS_COL_RMS_RANK] = {"rms_rank", true},
    [HS_COL_POS0_ABS] = {"pos0_abs", false},
    [HS_COL_OUTLIER] = {"outlier", false},
    [HS_COL_SINK] = {"sink", true},
    [HS_COL_AUC] = {"auc", false},
    [HS_COL_AUC_P] = {"auc_p", false},
    [HS_COL_SLOPE] = {"slope", false},
};

float *
hs_rank_floats(const struct hs_ranking *r, enum hs_rank_column_id c)
{
    switch (c) {
    case HS_COL_IMPORTANCE:
        return r->importance;
    case HS_COL_MEAN_RANK:
        return r->mean_rank;
    case HS_COL_STABILITY:
        return r->stability;
    case HS_COL_MEAN:
        return r->mean;
    case HS_COL_SIGMA:
        return r->sigma;
    case HS_COL_RMS:
        return r->rms;
    case HS_COL_POS0_ABS:
        return r->pos0_abs;
    case HS_COL_OUTLIER:
        return r->outlier;
    case HS_COL_AUC:
        return r->auc;
    case HS_COL_AUC_P:
        return r->auc_p;
    case HS_COL_SLOPE:
        return r->slope;
    case HS_COL_ORDER:
    case HS_COL_RMS_RANK:
    case HS_COL_SINK:
    case HS_N_RANK_COLUMNS:
        break;
    }
    return NULL;
}

void
hs_rankings_free(struct hs_rankings *s)
{
    for (size_t i = 0; i < s->n; i++)
        hs_ranking_free(&s->v[i]);
    free(s->v);
    hs_head_free(&s->head);
    json_decref(s->others);
    *s = (struct hs_rankings){0};
}

void
hs_rankings_add(struct hs_rankings *s, struct hs_ranking *r)
{
    s->v = hs_grow(s->v, &s->cap, s->n + 1, sizeof *s->v);
    s->v[s->n++] = *r;
    *r = (struct hs_ranking){0};
}

/* ---- records ---- */

static void
pack_column(msgpack_packer *pk, const struct hs_ranking *r,
            enum hs_rank_column_id c)
{
    const char *name = hs_rank_columns[c].name;
    uint32_t *sink;

    if (c == HS_COL_ORDER) {
        hs_mp_tensor(pk, name, "u32", r->order, r->d);
    } else if (c == HS_COL_RMS_RANK) {
        hs_mp_tensor(pk, name, "u32", r->rms_rank, r->d);
    } else if (c == HS_COL_SINK) {
        sink = hs_malloc(hs_mul(r->d, sizeof *sink));
        for (size_t j = 0; j < r->d; j++)
            sink[j] = r->sink[j];
        hs_mp_tensor(pk, name, "u32", sink, r->d);
        free(sink);
    } else {
        hs_mp_tensor(pk, name, "f32", hs_rank_floats(r, c), r->d);
    }
}

/* The members of hs_ranking_json(), then the tensors. */
static int
encode_ranking(struct hs_encoded *e, const struct hs_ranking *r,
               struct hs_error *err)
{
    json_t *j = hs_ranking_json(r), *value;
    struct hs_object_mark m =
        hs_object_begin(e, json_object_size(j) + HS_N_RANK_COLUMNS);
    const char *key;

    json_object_foreach(j, key, value)
    {
        hs_mp_key(&m.pk, key);
        hs_mp_json(&m.pk, value);
    }
    for (int c = 0; c < HS_N_RANK_COLUMNS; c++)
        pack_column(&m.pk, r, (enum hs_rank_column_id)c);
    json_decref(j);
    return hs_object_end(e, &m, err);
}

static int
encode_seed(struct hs_encoded *e, const struct hs_ranking *r, size_t i,
            struct hs_error *err)
{
    struct hs_object_mark m = hs_object_begin(e, 5);

    hs_mp_str(&m.pk, "type", "seed-order");
    hs_mp_u64(&m.pk, "layer", r->layer);
    hs_mp_str(&m.pk, "target", hs_target_name(r->target));
    hs_mp_u64(&m.pk, "seed", r->seeds[i]);
    hs_mp_tensor(&m.pk, "order", "u32", r->seed_order + i * r->d, r->d);
    return hs_object_end(e, &m, err);
}

int
hs_encode_ranking(struct hs_encoded *e, const struct hs_ranking *r,
                  struct hs_error *err)
{
    int rc = encode_ranking(e, r, err);

    for (size_t i = 0; i < r->n_seeds && rc == 0; i++)
        rc = encode_seed(e, r, i, err);
    return rc;
}

/* ---- JSON ---- */

/* The double that prints as the shortest text that names the float. */
static json_t *
number(float x)
{
    char text[40];
    int digits = 6;

    if (!isfinite(x))
        return json_null();
    do
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)x);
    while (strtof(text, NULL) != x && digits++ < 9);
    return json_real(strtod(text, NULL));
}

static void
set(json_t *j, const char *key, size_t n)
{
    json_object_set_new(j, key, json_integer((json_int_t)n));
}

static json_t *
list_top(const struct hs_ranking *r)
{
    uint32_t *v = hs_ranking_top(r);
    json_t *list = json_array();

    for (size_t i = 0; i < r->n_top; i++)
        json_array_append_new(list, json_integer(v[i]));
    free(v);
    return list;
}

json_t *
hs_ranking_json(const struct hs_ranking *r)
{
    json_t *j = json_object();
    struct hs_rank_summary s;

    hs_rank_summarize(r, &s);
    json_object_set_new(j, "type", json_string("ranking"));
    set(j, "layer", r->layer);
    json_object_set_new(j, "target", json_string(hs_target_name(r->target)));
    json_object_set_new(j, "by", json_string(hs_rank_by_name(r->by)));
    json_object_set_new(j, "standardize",
                        json_string(hs_standardize_name(r->standardize)));
    set(j, "d", r->d);
    set(j, "n_seeds", r->n_seeds);
    set(j, "n_top", r->n_top);
    json_object_set_new(j, "top", list_top(r));
    json_object_set_new(j, "importance_first", number((float)s.first));
    json_object_set_new(j, "importance_last", number((float)s.last));
    json_object_set_new(j, "importance_median", number((float)s.median));
    set(j, "sinks", s.n_sinks);
    set(j, "sinks_unknown", s.n_unknown);
    set(j, "sinks_all", s.n_sinks_all);
    set(j, "large_rms", s.n_large);
    json_object_set_new(j, "enrichment", hs_json_number(s.enrichment));
    json_object_set_new(j, "enrichment_p", hs_json_number(s.enrichment_p));
    json_object_set_new(j, "seed_iou", hs_json_number(s.seed_iou));
    json_object_set_new(j, "chance_iou", hs_json_number(s.chance_iou));
    json_object_set_new(j, "seed_z", hs_json_number(s.seed_z));
    json_object_set_new(j, "warnings", hs_rank_warnings(r));
    return j;
}

json_t *
hs_ranking_row(const struct hs_ranking *r, size_t i)
{
    static const char *const sinks[] = {"no", "yes", "unknown"};
    uint32_t k = r->order[i];
    json_t *j = json_object();

    json_object_set_new(j, "type", json_string("coordinate"));
    set(j, "layer", r->layer);
    json_object_set_new(j, "target", json_string(hs_target_name(r->target)));
    set(j, "rank", i + 1);
    set(j, "top", i < r->n_top);
    set(j, "coordinate", k);
    for (int c = HS_COL_ORDER + 1; c < HS_N_RANK_COLUMNS; c++) {
        const float *x = hs_rank_floats(r, (enum hs_rank_column_id)c);

        json_object_set_new(j, hs_rank_columns[c].name,
                            x != NULL          ? number(x[k])
                            : c == HS_COL_SINK ? json_string(sinks[r->sink[k]])
                                               : json_integer(r->rms_rank[k]));
    }
    return j;
}
