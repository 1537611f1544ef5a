/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armset.c - see armset.h.
 */
#include <config.h>

#include "ablate/armset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/armdraw.h"
#include "ablate/colscore.h"
#include "base/mem.h"

/* Matched draws keep away from so much of the top of a ranking. */
#define NEAR_TOP 0.05

void
hs_arm_layer_init(struct hs_arm_layer *l, const struct hs_arm_plan *p,
                  const struct hs_calib_layer *calib,
                  const struct hs_ranking *rank)
{
    *l = (struct hs_arm_layer){.layer = calib->layer,
                               .d = p->model->cfg.dim,
                               .calib = calib,
                               .rank = rank,
                               .model = p->model};
    l->sink = hs_calloc(l->d, sizeof *l->sink);
    for (size_t j = 0; j < l->d; j++)
        l->sink[j] = calib->sink[j] == HS_SINK_YES ||
                     (rank != NULL && rank->sink[j] == HS_SINK_YES);
}

void
hs_arm_layer_free(struct hs_arm_layer *l)
{
    free(l->sink);
    free(l->by_rms);
    free(l->by_magnitude);
    free(l->by_wanda);
    *l = (struct hs_arm_layer){0};
}

/* ---- orders ---- */

struct scored {
    double score;
    uint32_t j;
};

/* The largest first, of equals the one with the smaller number. */
static int
compare_scored(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    if (x->score > y->score || x->score < y->score)
        return x->score > y->score ? -1 : 1;
    return x->j < y->j ? -1 : x->j > y->j;
}

/* The order by score (d), owned by the caller; NULL with the reason. */
static uint32_t *
order_by(const double *score, size_t d, struct hs_error *err)
{
    struct scored *s = hs_calloc(d, sizeof *s);
    uint32_t *order = hs_calloc(d, sizeof *order);
    int rc = 0;

    for (size_t j = 0; j < d && rc == 0; j++) {
        s[j] = (struct scored){score[j], (uint32_t)j};
        if (!isfinite(score[j]))
            rc = hs_fail(err, "the score of coordinate %zu is no number", j);
    }
    if (rc == 0)
        qsort(s, d, sizeof *s, compare_scored);
    for (size_t i = 0; i < d; i++)
        order[i] = s[i].j;
    free(s);
    if (rc == 0)
        return order;
    free(order);
    return NULL;
}

/* The order that a kind takes the first of; NULL with the reason. */
static const uint32_t *
order_of(struct hs_arm_layer *l, enum hs_arm_kind kind, struct hs_error *err)
{
    uint32_t **order = kind == HS_ARM_MAGNITUDE ? &l->by_magnitude
                       : kind == HS_ARM_WANDA   ? &l->by_wanda
                                                : &l->by_rms;
    double *score;

    if (*order != NULL)
        return *order;
    if (order == &l->by_rms) {
        *order = order_by(l->calib->rms, l->d, err);
        return *order;
    }
    score = hs_calloc(l->d, sizeof *score);
    if (kind == HS_ARM_MAGNITUDE)
        hs_column_magnitude(l->model, l->layer, score);
    else
        hs_column_wanda(l->model, l->layer, l->calib->normed, score);
    *order = order_by(score, l->d, err);
    free(score);
    return *order;
}

/* ---- sets ---- */

/* The first k of an order (d) that are not in skip (d), if that is not NULL. */
static int
take_first(const uint32_t *order, size_t d, const bool *skip, size_t k,
           uint32_t *out, struct hs_error *err)
{
    size_t n = 0;

    for (size_t i = 0; i < d && n < k; i++)
        if (skip == NULL || !skip[order[i]])
            out[n++] = order[i];
    if (n < k)
        return hs_fail(err, "%zu coordinates, and only %zu are no sinks", k, n);
    return 0;
}

static int
draw_uniform(const struct hs_arm_layer *l, const struct hs_arm_draw *w,
             const bool *skip, uint32_t *out, struct hs_error *err)
{
    size_t n = 0;

    for (size_t j = 0; j < l->d; j++)
        n += skip == NULL || !skip[j];
    if (n < w->k)
        return hs_fail(err, "%zu coordinates, and only %zu are no sinks", w->k,
                       n);
    hs_arm_draw_uniform(w, l->d, skip, out);
    return 0;
}

static int
draw_matched(struct hs_arm_layer *l, const struct hs_arm_draw *w, uint32_t *out,
             struct hs_error *err)
{
    const struct hs_top near_top = {.share = NEAR_TOP};
    const uint32_t *order = order_of(l, HS_ARM_RMS_TOP, err);
    size_t top = hs_top_count(&near_top, l->d), n = 0;
    uint32_t *pool;

    if (order == NULL)
        return -1;
    top = w->k > top ? w->k : top;
    pool = hs_calloc(l->d, sizeof *pool);
    for (size_t i = l->d; i-- > 0;)
        if (!l->sink[order[i]] && l->rank->rank[order[i]] > top)
            pool[n++] = order[i];
    if (n >= w->k)
        hs_arm_draw_matched(w, l->rank->order, pool, n, l->calib->rms, out);
    free(pool);
    return n >= w->k
               ? 0
               : hs_fail(err,
                         "%zu coordinates, and only %zu are free: no sinks, "
                         "and not of the first %zu of the ranking",
                         w->k, n, top);
}

static int
compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static bool
needs_ranking(enum hs_arm_kind k)
{
    return k == HS_ARM_VALUE || k == HS_ARM_VALUE_SINKS || k == HS_ARM_BOTTOM ||
           k == HS_ARM_RMS;
}

/* The set in any order. */
static int
pick(struct hs_arm_layer *l, const struct hs_arm_pick *p, uint32_t *out,
     struct hs_error *err)
{
    const struct hs_arm_draw w = {p->seed, l->layer, p->draw, p->k};
    const uint32_t *order;

    switch (p->kind) {
    case HS_ARM_VALUE:
        return take_first(l->rank->order, l->d, NULL, p->k, out, err);
    case HS_ARM_VALUE_SINKS:
        return take_first(l->rank->order, l->d, l->sink, p->k, out, err);
    case HS_ARM_BOTTOM:
        return take_first(l->rank->order + l->d - p->k, p->k, NULL, p->k, out,
                          err);
    case HS_ARM_RANDOM:
        return draw_uniform(l, &w, NULL, out, err);
    case HS_ARM_RANDOM_SINKS:
        return draw_uniform(l, &w, l->sink, out, err);
    case HS_ARM_RMS:
        return draw_matched(l, &w, out, err);
    case HS_ARM_RMS_TOP:
    case HS_ARM_MAGNITUDE:
    case HS_ARM_WANDA:
        order = order_of(l, p->kind, err);
        return order == NULL ? -1
                             : take_first(order, l->d, NULL, p->k, out, err);
    case HS_ARM_NTP:
    case HS_ARM_TERMINAL:
        return take_first(p->other->order, l->d, NULL, p->k, out, err);
    case HS_ARM_NONE:
    case HS_ARM_NOOP:
    case HS_ARM_FILE:
    case HS_N_ARM_KINDS:
        break;
    }
    return hs_fail(err, "no arm of a size");
}

int
hs_arm_pick(struct hs_arm_layer *l, const struct hs_arm_pick *p, uint32_t *out,
            struct hs_error *err)
{
    if (needs_ranking(p->kind) && l->rank == NULL)
        return hs_fail(err, "it needs a ranking");
    if (pick(l, p, out, err) < 0)
        return -1;
    qsort(out, p->k, sizeof *out, compare_numbers);
    return 0;
}
