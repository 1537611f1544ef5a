/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ranksum.c - what there is to say about the top of a ranking, see ranking.h.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "probe/ranking.h"
#include "stats/overlap.h"

/* One-sided 5 % of the normal distribution. */
#define SEEDS_AGREE 1.645

static int
compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

uint32_t *
hs_ranking_top(const struct hs_ranking *r)
{
    uint32_t *v = hs_malloc(hs_mul(r->n_top, sizeof *v));

    memcpy(v, r->order, r->n_top * sizeof *v);
    qsort(v, r->n_top, sizeof *v, compare_u32);
    return v;
}

/* What pairs of seeds share of their first k. */
struct pairs {
    size_t n;
    double iou, shared; /* means; NaN without pairs */
};

static struct pairs
compare_seeds(const struct hs_ranking *r, size_t k)
{
    struct pairs p = {0};

    for (size_t a = 0; a < r->n_seeds; a++)
        for (size_t b = a + 1; b < r->n_seeds; b++) {
            size_t shared = hs_count_shared(r->seed_order + a * r->d, k,
                                            r->seed_order + b * r->d, k, r->d);

            p.iou += (double)shared / (double)(2 * k - shared);
            p.shared += (double)shared;
            p.n++;
        }
    p.iou = p.n > 0 ? p.iou / (double)p.n : NAN;
    p.shared = p.n > 0 ? p.shared / (double)p.n : NAN;
    return p;
}

double
hs_seed_iou(const struct hs_ranking *r, size_t k)
{
    return compare_seeds(r, k).iou;
}

/* How far the mean of what n pairs share is above chance, in standard
 * deviations of such a mean.  The overlaps of pairs of independent random sets
 * are uncorrelated, also where pairs have a set in common. */
static double
seed_z(const struct pairs *p, size_t d, size_t k)
{
    double share = (double)k / (double)d;
    double variance = (double)k * share * (1 - share) * (double)(d - k) /
                      (double)(d > 1 ? d - 1 : 1);

    return variance > 0
               ? (p->shared - (double)k * share) / sqrt(variance / (double)p->n)
               : NAN;
}

void
hs_rank_summarize(const struct hs_ranking *r, struct hs_rank_summary *s)
{
    size_t k = r->n_top;
    double share = (double)k / (double)r->d;
    struct pairs pairs = compare_seeds(r, k);
    struct hs_overlap chance;

    *s = (struct hs_rank_summary){0};
    for (size_t j = 0; j < r->d; j++)
        s->n_sinks_all += r->sink[j] == HS_SINK_YES;
    for (size_t i = 0; i < k; i++) {
        uint32_t j = r->order[i];

        s->n_sinks += r->sink[j] == HS_SINK_YES;
        s->n_unknown += r->sink[j] == HS_SINK_UNKNOWN;
        s->n_large += r->rms_rank[j] <= k;
    }
    s->enrichment = (double)s->n_large / (double)k / share;
    s->enrichment_p = hs_hypergeom_tail(r->d, k, k, s->n_large);
    s->first = (double)r->importance[r->order[0]];
    s->last = (double)r->importance[r->order[k - 1]];
    s->median = (double)r->importance[r->order[r->d / 2]];
    s->seed_iou = pairs.iou;
    s->seed_z = seed_z(&pairs, r->d, k);
    hs_overlap(r->d, k, k, 0, 0.95, &chance);
    s->chance_iou = chance.expected;
}

/* ---- warnings ---- */

static void
warn_of(json_t *warnings, const struct hs_ranking *r, struct hs_buf *text)
{
    json_array_append_new(
        warnings, json_sprintf("layer %" PRIu32 ", %s: %s", r->layer,
                               hs_target_name(r->target), hs_buf_cstr(text)));
    text->len = 0;
}

static void
warn_of_sinks(json_t *warnings, const struct hs_ranking *r,
              const struct hs_rank_summary *s, struct hs_buf *text)
{
    const char *before = "";

    if (s->n_sinks == 0)
        return;
    hs_buf_printf(text, "%zu of the top %zu are sinks: ", s->n_sinks, r->n_top);
    for (size_t i = 0; i < r->n_top; i++)
        if (r->sink[r->order[i]] == HS_SINK_YES) {
            hs_buf_printf(text, "%s%" PRIu32, before, r->order[i]);
            before = ",";
        }
    warn_of(warnings, r, text);
}

json_t *
hs_rank_warnings(const struct hs_ranking *r)
{
    json_t *warnings = json_array();
    struct hs_rank_summary s;
    struct hs_buf text = {0};

    hs_rank_summarize(r, &s);
    warn_of_sinks(warnings, r, &s, &text);
    if (s.n_unknown > 0) {
        hs_buf_str(&text,
                   "whether coordinates are sinks is not known, as no state of "
                   "position 0 was seen; --audit takes a stream that has them "
                   "(hs-extract --positions=tokens)");
        warn_of(warnings, r, &text);
    }
    if (s.enrichment > 1 && s.enrichment_p < 0.01) {
        hs_buf_printf(&text,
                      "%zu of the top %zu are among the %zu largest by RMS, "
                      "%.1f times chance (p %.2g)",
                      s.n_large, r->n_top, r->n_top, s.enrichment,
                      s.enrichment_p);
        warn_of(warnings, r, &text);
    }
    if (s.seed_z < SEEDS_AGREE) {
        hs_buf_printf(&text,
                      "the tops of %zu seeds agree no better than random sets "
                      "(IoU %.4f, by chance %.4f)",
                      r->n_seeds, s.seed_iou, s.chance_iou);
        warn_of(warnings, r, &text);
    }
    hs_buf_free(&text);
    return warnings;
}
