/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ranking.c - see ranking.h; what is said about a ranking is in ranksum.c.
 */
#include <config.h>

#include "probe/ranking.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

static const char *const by_names[] = {"l1", "l1-raw", "l2", "gradient", "auc"};

const char *
hs_rank_by_name(enum hs_rank_by by)
{
    return by_names[by];
}

int
hs_rank_by_parse(const char *s, enum hs_rank_by *out)
{
    for (size_t i = 0; i < sizeof by_names / sizeof by_names[0]; i++)
        if (strcmp(s, by_names[i]) == 0) {
            *out = (enum hs_rank_by)i;
            return 0;
        }
    return -1;
}

int
hs_top_scan(const char *s, struct hs_top *out, struct hs_error *err)
{
    size_t n = strlen(s);
    uint64_t count = 0;
    double percent = 0;
    char *number;
    int rc;

    *out = (struct hs_top){0};
    if (n == 0 || s[n - 1] != '%') {
        rc = hs_scan_u64(s, 1, SIZE_MAX, &count, err);
        out->count = (size_t)count;
        return rc;
    }
    number = hs_strndup(s, n - 1);
    rc = hs_scan_f64(number, 0, 100, &percent, err);
    free(number);
    if (rc == 0 && !(percent > 0))
        rc = hs_fail(err, "'%s' is no coordinates at all", s);
    out->share = percent / 100;
    return rc;
}

/* round(x), at least 1 and at most d. */
static size_t
at_least_one(double x, size_t d)
{
    double n = round(x);

    return n < 1 ? 1 : n > (double)d ? d : (size_t)n;
}

size_t
hs_top_count(const struct hs_top *t, size_t d)
{
    return t->count > 0 ? t->count : at_least_one(t->share * (double)d, d);
}

size_t
hs_kept(size_t d, double ratio)
{
    return at_least_one((1 - ratio) * (double)d, d);
}

void
hs_ranking_free(struct hs_ranking *r)
{
    void *owned[] = {r->seeds,     r->order,      r->rank,      r->importance,
                     r->mean_rank, r->seed_order, r->stability, r->mean,
                     r->sigma,     r->rms,        r->rms_rank,  r->pos0_abs,
                     r->outlier,   r->sink,       r->auc,       r->auc_p,
                     r->slope};

    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
    *r = (struct hs_ranking){0};
}

void
hs_ranking_alloc(struct hs_ranking *r)
{
    size_t d = r->d;

    r->seeds = hs_calloc(r->n_seeds, sizeof *r->seeds);
    r->order = hs_calloc(d, sizeof *r->order);
    r->rank = hs_calloc(d, sizeof *r->rank);
    r->importance = hs_calloc(d, sizeof *r->importance);
    r->mean_rank = hs_calloc(d, sizeof *r->mean_rank);
    r->stability = hs_calloc(d, sizeof *r->stability);
    r->mean = hs_calloc(d, sizeof *r->mean);
    r->sigma = hs_calloc(d, sizeof *r->sigma);
    r->rms = hs_calloc(d, sizeof *r->rms);
    r->rms_rank = hs_calloc(d, sizeof *r->rms_rank);
    r->pos0_abs = hs_calloc(d, sizeof *r->pos0_abs);
    r->outlier = hs_calloc(d, sizeof *r->outlier);
    r->sink = hs_calloc(d, sizeof *r->sink);
    r->auc = hs_calloc(d, sizeof *r->auc);
    r->auc_p = hs_calloc(d, sizeof *r->auc_p);
    r->slope = hs_calloc(d, sizeof *r->slope);
}

/* A coordinate in the making of an order. */
struct place {
    double key, second; /* larger comes first */
    uint32_t j;
    bool constant; /* comes last */
};

static int
compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->constant != y->constant)
        return x->constant ? 1 : -1;
    if (x->key > y->key || x->key < y->key)
        return x->key > y->key ? -1 : 1;
    if (x->second > y->second || x->second < y->second)
        return x->second > y->second ? -1 : 1;
    return (x->j > y->j) - (x->j < y->j);
}

/* ---- importance ---- */

/* The standard deviation of input j of the network. */
static double
input_sigma(const struct hs_probe *p, const struct hs_coordinates *c, size_t j)
{
    if (p->o.standardize == HS_STD_ZSCORE)
        return 1;
    return (double)c->sigma[j] * (double)p->scale[j];
}

/* Sums of |w| or of w^2 of the columns of w1: out (d). */
static void
column_sums(const struct hs_probe *p, bool squares, double *out)
{
    memset(out, 0, p->d * sizeof *out);
    for (size_t i = 0; i < p->o.hidden; i++) {
        const float *row = p->w1 + i * p->d;

        for (size_t j = 0; j < p->d; j++) {
            double w = (double)row[j];

            out[j] += squares ? w * w : fabs(w);
        }
    }
}

static int
importance(const struct hs_probe_found *f, const struct hs_coordinates *c,
           enum hs_rank_by by, double *out, struct hs_error *err)
{
    const struct hs_probe *p = &f->probe;

    if (by == HS_BY_GRADIENT && f->gradient == NULL)
        return hs_fail(err, "the probe has no gradients recorded");
    if (by == HS_BY_AUC && c->auc == NULL)
        return hs_fail(err, "coordinates have no AUC recorded");
    if (by == HS_BY_L1 || by == HS_BY_L1_RAW || by == HS_BY_L2)
        column_sums(p, by == HS_BY_L2, out);
    for (size_t j = 0; j < p->d; j++) {
        if (by == HS_BY_GRADIENT)
            out[j] = (double)f->gradient[j];
        else if (by == HS_BY_AUC)
            out[j] = fabs((double)c->auc[j] - 0.5);
        else if (by == HS_BY_L1)
            out[j] = (out[j] - (double)p->init_l1[j]) * input_sigma(p, c, j);
        else if (by == HS_BY_L2)
            out[j] =
                (sqrt(out[j]) - (double)p->init_l2[j]) * input_sigma(p, c, j);
        if (p->scale[j] == 0 || c->sigma[j] == 0)
            out[j] = 0;
        if (!isfinite(out[j]))
            return hs_fail(err, "coordinate %zu: its importance is no number",
                           j);
    }
    return 0;
}

/* ---- the order ---- */

/* What the seeds add up to. */
struct sums {
    double *importance, *rank, *slope; /* (d) */
};

static int
add_slopes(const struct hs_probe_found *f, const struct sums *s,
           struct hs_error *err)
{
    if (f->slope == NULL)
        return hs_fail(err, "the probe has no slopes recorded");
    for (size_t j = 0; j < f->probe.d; j++) {
        if (!isfinite(f->slope[j]))
            return hs_fail(err, "coordinate %zu: its slope is no number", j);
        s->slope[j] += (double)f->slope[j];
    }
    return 0;
}

/* The order by importance x of one probe goes to order; ranks and importances
 * are added to s. */
static void
rank_seed(const struct hs_probe *p, const struct hs_coordinates *c,
          const double *x, struct place *places, uint32_t *order,
          const struct sums *s)
{
    size_t d = p->d;

    for (size_t j = 0; j < d; j++)
        places[j] = (struct place){
            .key = x[j],
            .j = (uint32_t)j,
            .constant = p->scale[j] == 0 || c->sigma[j] == 0,
        };
    qsort(places, d, sizeof *places, compare_places);
    for (size_t i = 0, end; i < d; i = end) {
        for (end = i + 1; end < d && places[end].key == places[i].key &&
                          places[end].constant == places[i].constant;
             end++)
            ;
        for (size_t k = i; k < end; k++) {
            order[k] = places[k].j;
            s->rank[places[k].j] += (double)(i + 1 + end) / 2;
            s->importance[places[k].j] += places[k].key;
        }
    }
}

/* The order over all seeds. */
static void
rank_all(struct hs_ranking *r, const struct hs_coordinates *c,
         struct place *places, const struct sums *s)
{
    double n = (double)r->n_seeds;

    for (size_t j = 0; j < r->d; j++) {
        r->importance[j] = (float)(s->importance[j] / n);
        r->mean_rank[j] = (float)(s->rank[j] / n);
        r->slope[j] = (float)(s->slope[j] / n);
        places[j] = (struct place){
            .key = -s->rank[j],
            .second = s->importance[j],
            .j = (uint32_t)j,
        };
    }
    qsort(places, r->d, sizeof *places, compare_places);
    for (size_t i = 0; i < r->d; i++) {
        r->order[i] = places[i].j;
        r->rank[places[i].j] = (uint32_t)(i + 1);
    }
    for (size_t j = 0; j < r->d; j++)
        places[j] = (struct place){.key = (double)c->rms[j], .j = (uint32_t)j};
    qsort(places, r->d, sizeof *places, compare_places);
    for (size_t i = 0; i < r->d; i++)
        r->rms_rank[places[i].j] = (uint32_t)(i + 1);
}

static void
copy(float *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from != NULL ? from[i] : NAN;
}

static void
take_statistics(struct hs_ranking *r, const struct hs_coordinates *c)
{
    copy(r->mean, c->mean, r->d);
    copy(r->sigma, c->sigma, r->d);
    copy(r->rms, c->rms, r->d);
    copy(r->pos0_abs, c->n_pos0 > 0 ? c->pos0_abs : NULL, r->d);
    copy(r->outlier, c->n_any > 0 ? c->outlier : NULL, r->d);
    copy(r->auc, c->auc, r->d);
    copy(r->auc_p, c->auc_p, r->d);
    for (size_t j = 0; j < r->d; j++)
        r->sink[j] = hs_sink((double)r->pos0_abs[j], (double)r->rms[j],
                             (double)r->outlier[j]);
}

static bool
ranks(const struct hs_probe *p, uint32_t layer, enum hs_target target)
{
    return p->layer == layer && p->o.loss.target == target;
}

/* Whether two probes differ by their seeds only. */
static bool
same_settings(const struct hs_probe *a, const struct hs_probe *b)
{
    const struct hs_fit_options *x = &a->o, *y = &b->o;

    return x->standardize == y->standardize && x->hidden == y->hidden &&
           x->batch == y->batch && x->epochs == y->epochs &&
           x->steps == y->steps && x->loss.norm == y->loss.norm &&
           x->loss.residual == y->loss.residual &&
           x->loss.sigmoid == y->loss.sigmoid &&
           x->loss.gamma == y->loss.gamma && x->loss.lambda == y->loss.lambda &&
           x->loss.terminal_weight == y->loss.terminal_weight &&
           x->adamw.lr == y->adamw.lr && x->adamw.beta1 == y->adamw.beta1 &&
           x->adamw.beta2 == y->adamw.beta2 && x->adamw.eps == y->adamw.eps &&
           x->adamw.weight_decay == y->adamw.weight_decay;
}

/* Finds the probes, and that they can be ranked together. */
static int
look_up(struct hs_ranking *r, const struct hs_probes *p,
        const struct hs_coordinates *c, struct hs_error *err)
{
    const struct hs_probe *first = NULL;

    for (size_t i = 0; i < p->n_found; i++) {
        const struct hs_probe *q = &p->found[i].probe;

        if (!ranks(q, r->layer, r->target))
            continue;
        if (q->columns != NULL)
            return hs_fail(err, "a probe of %zu of %zu coordinates", q->d,
                           q->dim);
        if (first != NULL && (q->d != first->d || !same_settings(q, first)))
            return hs_fail(err, "probes of different settings");
        first = first != NULL ? first : q;
        r->n_seeds++;
    }
    if (first == NULL)
        return hs_fail(err, "no probe");
    if (c == NULL || c->d != first->d)
        return hs_fail(err, c == NULL ? "no statistics of coordinates"
                                      : "statistics of another width");
    r->d = first->d;
    r->standardize = first->o.standardize;
    return 0;
}

/* Ranks each seed, then all of them. */
static int
rank_probes(struct hs_ranking *r, const struct hs_probes *p,
            const struct hs_coordinates *c, struct hs_error *err)
{
    struct sums s = {hs_calloc(r->d, sizeof *s.importance),
                     hs_calloc(r->d, sizeof *s.rank),
                     hs_calloc(r->d, sizeof *s.slope)};
    struct place *places = hs_calloc(r->d, sizeof *places);
    double *x = hs_calloc(r->d, sizeof *x);
    size_t seed = 0;
    int rc = 0;

    for (size_t i = 0; i < p->n_found && rc == 0; i++) {
        const struct hs_probe_found *f = &p->found[i];

        if (!ranks(&f->probe, r->layer, r->target))
            continue;
        rc = importance(f, c, r->by, x, err);
        if (rc == 0)
            rc = add_slopes(f, &s, err);
        if (rc == 0)
            rank_seed(&f->probe, c, x, places, r->seed_order + seed * r->d, &s);
        r->seeds[seed++] = f->probe.o.seed;
    }
    if (rc == 0)
        rank_all(r, c, places, &s);
    free(x);
    free(places);
    free(s.slope);
    free(s.importance);
    free(s.rank);
    return rc;
}

int
hs_rank(struct hs_ranking *r, const struct hs_probes *p, uint32_t layer,
        enum hs_target target, enum hs_rank_by by, const struct hs_top *top,
        struct hs_error *err)
{
    const struct hs_coordinates *c = hs_probes_coordinates(p, layer);
    int rc;

    *r = (struct hs_ranking){.layer = layer, .target = target, .by = by};
    rc = look_up(r, p, c, err);
    if (rc == 0) {
        hs_ranking_alloc(r);
        r->seed_order =
            hs_calloc(hs_mul(r->n_seeds, r->d), sizeof *r->seed_order);
        take_statistics(r, c);
        rc = rank_probes(r, p, c, err);
    }
    if (rc == 0)
        rc = hs_ranking_retop(r, top, err);
    if (rc < 0) {
        hs_fail_prefix(err, "layer %" PRIu32 ", %s", layer,
                       hs_target_name(target));
        hs_ranking_free(r);
    }
    return rc;
}

int
hs_ranking_retop(struct hs_ranking *r, const struct hs_top *top,
                 struct hs_error *err)
{
    size_t k = hs_top_count(top, r->d);

    if (k > r->d)
        return hs_fail(err, "a top of %zu of %zu coordinates", k, r->d);
    r->n_top = k;
    memset(r->stability, 0, r->d * sizeof *r->stability);
    for (size_t s = 0; s < r->n_seeds; s++)
        for (size_t i = 0; i < k; i++)
            r->stability[r->seed_order[s * r->d + i]] += 1;
    for (size_t j = 0; j < r->d; j++)
        r->stability[j] /= (float)r->n_seeds;
    return 0;
}

/* ---- sinks ---- */

uint8_t
hs_sink(double pos0_abs, double rms, double outlier)
{
    if ((pos0_abs > 50 * rms && pos0_abs > 100) || outlier > 0.5)
        return HS_SINK_YES;
    return isnan(pos0_abs) ? HS_SINK_UNKNOWN : HS_SINK_NO;
}

int
hs_ranking_audit(struct hs_ranking *r, size_t d, const struct hs_stats *s,
                 struct hs_error *err)
{
    if (d != r->d)
        return hs_fail(err, "states of width %zu, a ranking of %zu coordinates",
                       d, r->d);
    for (size_t j = 0; j < d; j++) {
        double pos0 = s->n_pos0 > 0 ? s->pos0_abs[j] : NAN;
        double outlier = s->n_any > 0 ? s->outlier[j] : NAN;

        r->pos0_abs[j] = (float)pos0;
        r->outlier[j] = (float)outlier;
        r->sink[j] =
            hs_sink(pos0, s->n > 0 ? s->rms[j] : (double)r->rms[j], outlier);
    }
    return 0;
}
