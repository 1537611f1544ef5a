/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * overlapset.c - see overlapset.h.
 */
#include <config.h>

#include "probe/overlapset.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "stats/overlap.h"
#include "stats/rank.h"

/* What the rankings are called. */
static void
add_names(json_t *j, const struct hs_overlap_side *a,
          const struct hs_overlap_side *b)
{
    json_t *file_a = json_string(a->file), *file_b = json_string(b->file);

    /* a name that is not UTF-8 */
    json_object_set_new(j, "a", file_a != NULL ? file_a : json_string("?"));
    json_object_set_new(j, "b", file_b != NULL ? file_b : json_string("?"));
    json_object_set_new(j, "layer_a", json_integer(a->r->layer));
    json_object_set_new(j, "layer_b", json_integer(b->r->layer));
    json_object_set_new(j, "target_a",
                        json_string(hs_target_name(a->r->target)));
    json_object_set_new(j, "target_b",
                        json_string(hs_target_name(b->r->target)));
    json_object_set_new(j, "by_a", json_string(hs_rank_by_name(a->r->by)));
    json_object_set_new(j, "by_b", json_string(hs_rank_by_name(b->r->by)));
}

/* Spearman's correlation of the mean ranks. */
static double
correlation(const struct hs_ranking *a, const struct hs_ranking *b, double *p)
{
    double *x = hs_calloc(a->d, sizeof *x), *y = hs_calloc(a->d, sizeof *y);
    double rho;

    for (size_t j = 0; j < a->d; j++) {
        x[j] = (double)a->mean_rank[j];
        y[j] = (double)b->mean_rank[j];
    }
    rho = hs_spearman(x, y, a->d, p);
    free(x);
    free(y);
    return rho;
}

static void
number(json_t *j, const char *key, double x)
{
    json_object_set_new(j, key, hs_json_number(x));
}

/* How well the seeds of each agree: single seeds of two rankings cannot be
 * expected to agree better than the worse. */
static void
add_ceiling(json_t *j, const struct hs_ranking *a, const struct hs_ranking *b,
            size_t k)
{
    double x = hs_seed_iou(a, k), y = hs_seed_iou(b, k);

    number(j, "seed_iou_a", x);
    number(j, "seed_iou_b", y);
    number(j, "ceiling", x < y ? x : isnan(x) ? x : y);
}

/* Probes of one seed begin with the same weights, and what is left of them
 * makes their rankings alike.  So single seeds are compared too, each of one
 * ranking with those of the other that are not itself. */
static void
add_seeds(json_t *j, const struct hs_ranking *a, const struct hs_ranking *b,
          size_t k)
{
    size_t d = a->d, n_same = 0, n = 0;
    double sum = 0;

    for (size_t x = 0; x < a->n_seeds; x++)
        for (size_t y = 0; y < b->n_seeds; y++) {
            size_t shared;

            if (a->seeds[x] == b->seeds[y]) {
                n_same++;
                continue;
            }
            shared = hs_count_shared(a->seed_order + x * d, k,
                                     b->seed_order + y * d, k, d);
            sum += (double)shared / (double)(2 * k - shared);
            n++;
        }
    json_object_set_new(j, "same_seeds", json_integer((json_int_t)n_same));
    number(j, "cross_iou", n > 0 ? sum / (double)n : NAN);
}

size_t
hs_count_same_seeds(const json_t *overlaps)
{
    size_t i, n = 0;
    json_t *j;

    json_array_foreach(overlaps, i, j)
    {
        n += json_integer_value(json_object_get(j, "same_seeds")) > 0;
    }
    return n;
}

static json_t *
overlap(const struct hs_overlap_side *a, const struct hs_overlap_side *b,
        double ratio, double rho, double rho_p)
{
    size_t d = a->r->d, k = hs_kept(d, ratio);
    double share = (double)k / (double)d;
    size_t shared = hs_count_shared(a->r->order, k, b->r->order, k, d);
    struct hs_overlap o;
    json_t *j = json_object();

    hs_overlap(d, k, k, shared, 0.95, &o);
    json_object_set_new(j, "type", json_string("overlap"));
    add_names(j, a, b);
    json_object_set_new(j, "d", json_integer((json_int_t)d));
    number(j, "ratio", ratio);
    json_object_set_new(j, "kept", json_integer((json_int_t)k));
    json_object_set_new(j, "shared", json_integer((json_int_t)shared));
    number(j, "iou", o.iou);
    number(j, "expected", o.expected);
    number(j, "lo", o.lo);
    number(j, "hi", o.hi);
    number(j, "p", o.p);
    number(j, "approx", share / (2 - share));
    add_ceiling(j, a->r, b->r, k);
    add_seeds(j, a->r, b->r, k);
    number(j, "spearman", rho);
    number(j, "spearman_p", rho_p);
    return j;
}

int
hs_overlaps(const struct hs_overlap_side *sides, size_t n, const double *ratios,
            size_t n_ratios, json_t *out, struct hs_error *err)
{
    if (n < 2)
        return hs_fail(err, "one ranking has nothing to be compared with");
    for (size_t i = 1; i < n; i++)
        if (sides[i].r->d != sides[0].r->d)
            return hs_fail(err,
                           "%s: layer %" PRIu32
                           ": a ranking of %zu "
                           "coordinates; %s: layer %" PRIu32 ": one of %zu",
                           sides[i].file, sides[i].r->layer, sides[i].r->d,
                           sides[0].file, sides[0].r->layer, sides[0].r->d);
    for (size_t a = 0; a < n; a++)
        for (size_t b = a + 1; b < n; b++) {
            double p, rho = correlation(sides[a].r, sides[b].r, &p);

            for (size_t i = 0; i < n_ratios; i++)
                json_array_append_new(
                    out, overlap(&sides[a], &sides[b], ratios[i], rho, p));
        }
    return 0;
}
