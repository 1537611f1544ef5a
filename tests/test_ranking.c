/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_ranking.c - rankings of made-up probes whose order is known, their
 * records, and their overlaps.  Reference numbers are those of SciPy's
 * scipy.stats.hypergeom and spearmanr.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "memstream.h"
#include "probe/overlapset.h"
#include "probe/ranking.h"
#include "probe/rankrec.h"
#include "stream/object.h"

enum {
    D = 20,
    HIDDEN = 3,
    LAYER = 2
};

static const struct hs_top four = {.count = 4};

static bool
near(double a, double b)
{
    return fabs(a - b) <= 1e-12 + 1e-6 * fabs(b);
}

static float *
constant(float x)
{
    float *v = hs_calloc(D, sizeof *v);

    for (size_t j = 0; j < D; j++)
        v[j] = x;
    return v;
}

/* n probes of one layer and target: every column of w1 has L1 norm 0.3 x HIDDEN
 * at the end and 0.3 at the start, every coordinate mean 0, sigma and RMS 1. */
static struct hs_probes
make_probes(size_t n)
{
    struct hs_probes p = {.n_found = n, .n_coordinates = 1};
    struct hs_coordinates *c;

    hs_head_init(&p.head, "probes");
    p.head.dim = D;
    p.others = json_array();
    p.coordinates = c = hs_calloc(1, sizeof *c);
    *c = (struct hs_coordinates){.layer = LAYER,
                                 .d = D,
                                 .n_states = 100,
                                 .n_pos0 = 10,
                                 .n_any = 100,
                                 .mean = constant(0),
                                 .sigma = constant(1),
                                 .rms = constant(1),
                                 .max_abs = constant(3),
                                 .pos0_abs = constant(1),
                                 .outlier = constant(0),
                                 .auc = constant(0.5f),
                                 .auc_p = constant(1)};
    p.found = hs_calloc(n, sizeof *p.found);
    for (size_t i = 0; i < n; i++) {
        struct hs_probe *q = &p.found[i].probe;

        q->o = (struct hs_fit_options){.hidden = HIDDEN, .seed = i + 7};
        q->o.loss.target = HS_TARGET_MC;
        q->layer = LAYER;
        q->dim = q->d = D;
        q->mean = constant(0);
        q->scale = constant(1);
        q->w1 = hs_calloc(HIDDEN * D, sizeof *q->w1);
        q->b1 = hs_calloc(HIDDEN, sizeof *q->b1);
        q->w2 = hs_calloc(HIDDEN, sizeof *q->w2);
        q->init_l1 = constant(0.3f);
        q->init_l2 = constant(0.1f);
        p.found[i].gradient = constant(0.5f);
        for (size_t k = 0; k < HIDDEN * D; k++)
            q->w1[k] = k % 2 != 0 ? 0.3f : -0.3f;
    }
    return p;
}

/* Sets column j of a probe: L1 norm 3 |x|, L2 norm sqrt(3) |x|. */
static void
set_column(struct hs_probes *p, size_t probe, size_t j, float x)
{
    for (size_t i = 0; i < HIDDEN; i++)
        p->found[probe].probe.w1[i * D + j] = i % 2 != 0 ? x : -x;
}

static struct hs_ranking
rank(const struct hs_probes *p, enum hs_rank_by by)
{
    struct hs_ranking r;
    struct hs_error err;

    if (hs_rank(&r, p, LAYER, HS_TARGET_MC, by, &four, &err) < 0)
        fail_msg("%s", err.text);
    return r;
}

/* The first coordinates of a ranking are these. */
static void
starts_with(const struct hs_ranking *r, const uint32_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(r->order[i], want[i]);
        assert_int_equal(r->rank[want[i]], i + 1);
    }
}

static void
test_planted(void **state)
{
    struct hs_probes p = make_probes(2);
    struct hs_ranking r;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        set_column(&p, i, 13, 0.9f);
        set_column(&p, i, 4, 0.8f);
        set_column(&p, i, 19, -0.7f);
        p.found[i].gradient[8] = 2;
    }
    p.coordinates->auc[5] = 0.2f;
    p.coordinates->auc[6] = 0.7f;
    r = rank(&p, HS_BY_L1);
    starts_with(&r, (uint32_t[]){13, 4, 19, 0, 1, 2, 3, 5}, 8);
    assert_true(near((double)r.importance[13], 3 * (double)0.9f - 0.3));
    assert_true(near((double)r.importance[0], 0.6));
    assert_true(near((double)r.mean_rank[13], 1));
    /* seventeen share ranks 4 to 20 */
    assert_true(near((double)r.mean_rank[0], 12));
    assert_true(near((double)r.mean_rank[18], 12));
    assert_int_equal(r.n_top, 4);
    hs_ranking_free(&r);
    r = rank(&p, HS_BY_L1_RAW);
    starts_with(&r, (uint32_t[]){13, 4, 19, 0}, 4);
    assert_true(near((double)r.importance[13], 3 * (double)0.9f));
    hs_ranking_free(&r);
    r = rank(&p, HS_BY_L2);
    starts_with(&r, (uint32_t[]){13, 4, 19, 0}, 4);
    assert_true(near((double)r.importance[4], sqrt(3) * (double)0.8f - 0.1));
    hs_ranking_free(&r);
    r = rank(&p, HS_BY_GRADIENT);
    starts_with(&r, (uint32_t[]){8, 0, 1}, 3);
    hs_ranking_free(&r);
    r = rank(&p, HS_BY_AUC);
    starts_with(&r, (uint32_t[]){5, 6, 0}, 3);
    assert_true(near((double)r.importance[5], 0.3));
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

/* A column that was large from the start is not what was learned. */
static void
test_init(void **state)
{
    struct hs_probes p = make_probes(1);
    struct hs_ranking r;

    (void)state;
    set_column(&p, 0, 3, 0.9f);
    p.found[0].probe.init_l1[3] = 2.6f;
    p.found[0].probe.init_l2[3] = 1.6f;
    set_column(&p, 0, 7, 0.5f);
    r = rank(&p, HS_BY_L1_RAW);
    starts_with(&r, (uint32_t[]){3, 7}, 2);
    hs_ranking_free(&r);
    r = rank(&p, HS_BY_L1);
    assert_int_equal(r.order[0], 7);
    assert_int_equal(r.order[D - 1], 3);
    assert_true(fabs((double)r.importance[3] - 0.1) < 1e-6);
    hs_ranking_free(&r);
    r = rank(&p, HS_BY_L2);
    assert_int_equal(r.order[0], 7);
    assert_int_equal(r.order[D - 1], 3);
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

/* Coordinate 3 moves V by 0.9 a unit and moves by 0.1; 7 by 0.5 and by 10. */
static void
test_scale(void **state)
{
    struct hs_probes p = make_probes(1);
    struct hs_probe *q = &p.found[0].probe;
    struct hs_ranking r;

    (void)state;
    set_column(&p, 0, 3, 0.9f);
    set_column(&p, 0, 7, 0.5f);
    p.coordinates->sigma[3] = 0.1f;
    p.coordinates->sigma[7] = 10;
    p.coordinates->rms[3] = 0.2f;
    p.coordinates->rms[7] = 100;
    q->o.standardize = HS_STD_NONE;
    r = rank(&p, HS_BY_L1);
    starts_with(&r, (uint32_t[]){7, 0}, 2);
    assert_int_equal(r.order[D - 1], 3);
    assert_true(near((double)r.importance[7], 10 * (1.5 - 0.3)));
    hs_ranking_free(&r);
    /* the paper looks at the columns alone */
    r = rank(&p, HS_BY_L1_RAW);
    starts_with(&r, (uint32_t[]){3, 7}, 2);
    hs_ranking_free(&r);
    q->o.standardize = HS_STD_RMS;
    q->scale[3] = 5;
    q->scale[7] = 0.01f;
    r = rank(&p, HS_BY_L1);
    starts_with(&r, (uint32_t[]){3, 0}, 2);
    assert_true(
        near((double)r.importance[3], 0.5 * (3 * (double)0.9f - (double)0.3f)));
    assert_int_equal(r.order[D - 1], 7);
    assert_true(near((double)r.importance[7], 0.1 * (1.5 - 0.3)));
    hs_ranking_free(&r);
    q->o.standardize = HS_STD_ZSCORE;
    q->scale[3] = 10;
    q->scale[7] = 0.1f;
    r = rank(&p, HS_BY_L1);
    starts_with(&r, (uint32_t[]){3, 7, 0}, 3);
    assert_true(near((double)r.importance[7], 1.5 - 0.3));
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

/* Coordinates that never move come last with importance 0, behind those that
 * lost weight. */
static void
test_constant(void **state)
{
    static const enum hs_rank_by all[] = {HS_BY_L1, HS_BY_L1_RAW, HS_BY_L2,
                                          HS_BY_GRADIENT, HS_BY_AUC};
    struct hs_probes p = make_probes(2);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        set_column(&p, i, 0, 5);
        set_column(&p, i, 1, 5);
        set_column(&p, i, 9, 0);
        p.found[i].probe.scale[0] = 0;
        p.found[i].gradient[0] = 9;
        p.found[i].gradient[1] = 9;
    }
    p.coordinates->sigma[0] = 0;
    p.coordinates->sigma[1] = 0;
    p.coordinates->auc[0] = 1;
    p.coordinates->auc[1] = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct hs_ranking r = rank(&p, all[i]);

        assert_int_equal(r.order[D - 2], 0);
        assert_int_equal(r.order[D - 1], 1);
        assert_true(r.importance[0] == 0 && r.importance[1] == 0);
        if (all[i] == HS_BY_L1) {
            assert_int_equal(r.order[D - 3], 9);
            assert_true(near((double)r.importance[9], -(double)0.3f));
        }
        hs_ranking_free(&r);
    }
    hs_probes_free(&p);
}

/* The mean rank decides, not the mean importance. */
static void
test_seeds(void **state)
{
    struct hs_probes p = make_probes(3);
    struct hs_rank_summary s;
    struct hs_ranking r;

    (void)state;
    set_column(&p, 0, 6, 50);
    set_column(&p, 0, 5, 1);
    set_column(&p, 0, 4, 0.9f);
    set_column(&p, 0, 3, 0.8f);
    set_column(&p, 1, 5, 1);
    set_column(&p, 1, 4, 0.9f);
    set_column(&p, 1, 2, 0.8f);
    set_column(&p, 1, 1, 0.7f);
    set_column(&p, 2, 5, 1);
    set_column(&p, 2, 4, 0.9f);
    set_column(&p, 2, 19, 0.8f);
    set_column(&p, 2, 18, 0.7f);
    r = rank(&p, HS_BY_L1);
    assert_int_equal(r.n_seeds, 3);
    assert_int_equal(r.seeds[2], 9);
    starts_with(&r, (uint32_t[]){5, 4}, 2);
    assert_true(near((double)r.mean_rank[5], 4.0 / 3));
    /* rank 1, and twice the mean of 5 to 20 */
    assert_true(near((double)r.mean_rank[6], 26.0 / 3));
    assert_true(r.importance[6] > r.importance[5]);
    assert_true(near((double)r.stability[5], 1));
    assert_true(near((double)r.stability[4], 1));
    assert_true(near((double)r.stability[6], 1.0 / 3));
    assert_true(r.stability[7] == 0);
    assert_int_equal(r.seed_order[0], 6);
    assert_int_equal(r.seed_order[D], 5);
    assert_int_equal(r.seed_order[2 * D + 3], 18);
    /* each pair of seeds shares 5 and 4 of four */
    hs_rank_summarize(&r, &s);
    assert_true(near(s.seed_iou, 2.0 / 6));
    assert_true(near(s.chance_iou, 0.12371517027863776));
    /* 2 shared, expected 0.8 with variance 0.8 x 0.8 x 16 / 19, three pairs */
    assert_true(near(s.seed_z, 1.2 / sqrt(0.64 * 16 / 19 / 3)));
    assert_true(near(hs_seed_iou(&r, 1), 1.0 / 3));
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

/* Equal mean ranks: the importance decides, then the number. */
static void
test_ties(void **state)
{
    struct hs_probes p = make_probes(2);
    struct hs_ranking r;

    (void)state;
    set_column(&p, 0, 9, 0.9f);
    set_column(&p, 0, 3, 0.8f);
    set_column(&p, 1, 3, 2);
    set_column(&p, 1, 9, 0.8f);
    r = rank(&p, HS_BY_L1);
    assert_true(near((double)r.mean_rank[3], 1.5));
    assert_true(near((double)r.mean_rank[9], 1.5));
    starts_with(&r, (uint32_t[]){3, 9, 0, 1, 2, 4}, 6);
    hs_ranking_free(&r);
    set_column(&p, 0, 3, 0.9f);
    set_column(&p, 1, 9, 2);
    r = rank(&p, HS_BY_L1);
    starts_with(&r, (uint32_t[]){3, 9, 0}, 3);
    assert_true(near((double)r.mean_rank[9], 1.5));
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

static void
refused(const struct hs_probes *p, uint32_t layer, enum hs_target target,
        enum hs_rank_by by, size_t k, const char *why)
{
    struct hs_top top = {.count = k};
    struct hs_ranking r;
    struct hs_error err = {0};

    assert_int_equal(hs_rank(&r, p, layer, target, by, &top, &err), -1);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, why);
    hs_ranking_free(&r);
}

static void
test_refusals(void **state)
{
    struct hs_probes p = make_probes(2);
    float *gradient = p.found[1].gradient;
    uint32_t columns[] = {0};

    (void)state;
    refused(&p, 3, HS_TARGET_MC, HS_BY_L1, 4, "layer 3, mc: no probe");
    refused(&p, LAYER, HS_TARGET_TD, HS_BY_L1, 4, "layer 2, td: no probe");
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_L1, D + 1, "a top of 21 of 20");
    p.found[1].gradient = NULL;
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_GRADIENT, 4, "no gradients");
    p.found[1].gradient = gradient;
    gradient[3] = NAN;
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_GRADIENT, 4, "coordinate 3");
    p.found[1].probe.w1[5] = INFINITY;
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_L1, 4, "coordinate 5");
    p.found[1].probe.o.loss.residual = true;
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_L1, 4, "different settings");
    p.found[0].probe.columns = columns;
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_L1, 4, "20 of 20 coordinates");
    p.found[0].probe.columns = NULL;
    p.coordinates->layer = 5;
    p.found[1].probe.layer = 5;
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_L1, 4, "no statistics");
    hs_probes_free(&p);
}

static void
test_top(void **state)
{
    struct hs_top top;
    struct hs_error err;

    (void)state;
    assert_int_equal(hs_top_scan("1%", &top, &err), 0);
    assert_int_equal(hs_top_count(&top, 3584), 36);
    assert_int_equal(hs_top_count(&top, 5120), 51);
    assert_int_equal(hs_top_count(&top, 896), 9);
    assert_int_equal(hs_top_count(&top, 50), 1);
    assert_int_equal(hs_top_count(&top, 16), 1);
    assert_int_equal(hs_top_scan("100%", &top, &err), 0);
    assert_int_equal(hs_top_count(&top, 16), 16);
    assert_int_equal(hs_top_scan("12", &top, &err), 0);
    assert_int_equal(hs_top_count(&top, 16), 12);
    assert_int_equal(hs_top_count(&top, 10), 12);
    assert_int_equal(hs_top_scan("0", &top, &err), -1);
    assert_int_equal(hs_top_scan("101%", &top, &err), -1);
    assert_int_equal(hs_top_scan("%", &top, &err), -1);
    assert_int_equal(hs_top_scan("", &top, &err), -1);
    assert_int_equal(hs_top_scan("1.5", &top, &err), -1);
    assert_int_equal(hs_kept(3584, 0), 3584);
    assert_int_equal(hs_kept(3584, 0.99), 36);
    assert_int_equal(hs_kept(896, 0.98), 18);
    assert_int_equal(hs_kept(10, 0.99), 1);
}

static void
test_sinks(void **state)
{
    struct hs_probes p = make_probes(1);
    struct hs_stats stats = {.n = 1, .n_pos0 = 1, .n_any = 1};
    struct hs_rank_summary s;
    struct hs_error err;
    struct hs_ranking r;

    (void)state;
    /* position 0: more than 50 times the RMS, and more than 100 */
    assert_int_equal(hs_sink(1551, 0.6, 0), HS_SINK_YES);
    assert_int_equal(hs_sink(101, 2, 0), HS_SINK_YES);
    assert_int_equal(hs_sink(100, 2, 0), HS_SINK_NO);
    assert_int_equal(hs_sink(101, 2.1, 0), HS_SINK_NO);
    assert_int_equal(hs_sink(99, 0.1, 0), HS_SINK_NO);
    /* more than half of the states */
    assert_int_equal(hs_sink(1, 1, 0.51), HS_SINK_YES);
    assert_int_equal(hs_sink(1, 1, 0.5), HS_SINK_NO);
    assert_int_equal(hs_sink(NAN, 1, 0.51), HS_SINK_YES);
    assert_int_equal(hs_sink(NAN, 1, 0.5), HS_SINK_UNKNOWN);
    assert_int_equal(hs_sink(NAN, 1, NAN), HS_SINK_UNKNOWN);
    assert_int_equal(hs_sink(1, 1, NAN), HS_SINK_NO);

    set_column(&p, 0, 13, 0.9f);
    p.coordinates->pos0_abs[13] = 200;
    p.coordinates->outlier[17] = 0.9f;
    r = rank(&p, HS_BY_L1);
    hs_rank_summarize(&r, &s);
    assert_int_equal(s.n_sinks, 1);
    assert_int_equal(s.n_sinks_all, 2);
    assert_int_equal(s.n_unknown, 0);
    hs_ranking_free(&r);
    p.coordinates->n_pos0 = 0;
    r = rank(&p, HS_BY_L1);
    hs_rank_summarize(&r, &s);
    assert_int_equal(s.n_sinks, 0);
    assert_int_equal(s.n_sinks_all, 1);
    assert_int_equal(s.n_unknown, 4);

    /* other states say that 0 is one */
    double pos0_abs[D] = {1000}, outlier[D] = {0}, rms[D] = {0};

    stats.pos0_abs = pos0_abs;
    stats.outlier = outlier;
    stats.rms = rms;
    assert_int_equal(hs_ranking_audit(&r, D, &stats, &err), 0);
    hs_rank_summarize(&r, &s);
    assert_int_equal(r.sink[0], HS_SINK_YES);
    assert_int_equal(r.sink[17], HS_SINK_NO);
    assert_int_equal(s.n_sinks, 1);
    assert_int_equal(s.n_unknown, 0);
    assert_int_equal(hs_ranking_audit(&r, D + 1, &stats, &err), -1);
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

static bool
warns(const struct hs_ranking *r, const char *of)
{
    json_t *w = hs_rank_warnings(r), *text;
    bool found = false;
    size_t i;

    json_array_foreach(w, i, text)
    {
        assert_memory_equal(json_string_value(text), "layer 2, mc: ", 13);
        found = found || strstr(json_string_value(text), of) != NULL;
    }
    json_decref(w);
    return found;
}

/* Three of the top four are among the four largest of 20 by RMS: 3.75 times
 * chance. */
static void
test_enrichment(void **state)
{
    static const uint32_t planted[] = {13, 4, 19, 7};
    struct hs_probes p = make_probes(1);
    struct hs_rank_summary s;
    struct hs_ranking r;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        set_column(&p, 0, planted[i], 0.9f);
    for (size_t i = 0; i < 3; i++)
        p.coordinates->rms[planted[i]] = 9;
    p.coordinates->rms[1] = 8;
    r = rank(&p, HS_BY_L1);
    hs_rank_summarize(&r, &s);
    assert_int_equal(s.n_large, 3);
    assert_true(near(s.enrichment, 3.0 / 4 / (4.0 / 20)));
    /* (C(4,3) 16 + 1) / C(20,4) */
    assert_true(near(s.enrichment_p, 65.0 / 4845));
    assert_false(warns(&r, "largest by RMS"));
    assert_false(warns(&r, "sinks"));
    hs_ranking_free(&r);
    p.coordinates->rms[7] = 8.5f;
    r = rank(&p, HS_BY_L1);
    hs_rank_summarize(&r, &s);
    assert_int_equal(r.rms_rank[7], 4);
    assert_int_equal(r.rms_rank[1], 5);
    assert_int_equal(s.n_large, 4);
    assert_true(near(s.enrichment, 5));
    assert_true(near(s.enrichment_p, 1.0 / 4845));
    assert_true(warns(&r,
                      "4 of the top 4 are among the 4 largest by RMS, 5.0 "
                      "times chance"));
    hs_ranking_free(&r);
    p.coordinates->outlier[19] = 1;
    p.coordinates->n_pos0 = 0;
    r = rank(&p, HS_BY_L1);
    assert_true(warns(&r, "1 of the top 4 are sinks: 19"));
    assert_true(warns(&r, "--audit"));
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

static void
test_seeds_warning(void **state)
{
    struct hs_probes p = make_probes(2);
    struct hs_ranking r;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        set_column(&p, 0, i, 0.9f);
        set_column(&p, 1, i + 3, 0.9f);
    }
    r = rank(&p, HS_BY_L1);
    assert_true(warns(&r, "2 seeds agree no better than random sets (IoU 0.1"));
    hs_ranking_free(&r);
    for (size_t i = 0; i < 3; i++)
        set_column(&p, 1, i, 0.9f);
    r = rank(&p, HS_BY_L1);
    assert_false(warns(&r, "seeds agree"));
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

/* ---- records ---- */

/* A stream of kind with the records of e. */
static struct hs_buf
stream_of(const char *kind, uint64_t dim, const struct hs_encoded *e)
{
    int fd = memory_file("", 0);
    struct hs_head head;
    struct hs_error err;
    struct hs_writer *w;

    hs_head_init(&head, kind);
    head.dim = dim;
    w = hs_writer_open(fd, "out", &head, 1, &err);
    assert_non_null(w);
    assert_int_equal(hs_write_encoded(w, e), 0);
    assert_int_equal(hs_writer_close(w, &err), 0);
    hs_head_free(&head);
    return contents(fd);
}

static int
read_back(struct hs_rankings *s, const struct hs_buf *b, struct hs_error *err)
{
    struct hs_reader *r = hs_reader_open(memory_file(b->data, b->len), "in");
    int rc = hs_rankings_read(s, r, "in", err);

    hs_reader_close(r);
    return rc;
}

static void
same_floats(const float *a, const float *b)
{
    assert_memory_equal(a, b, D * sizeof *a);
}

static void
test_records(void **state)
{
    struct hs_probes p = make_probes(3);
    struct hs_encoded e = {0};
    struct hs_rankings s;
    struct hs_error err = {0};
    struct hs_ranking r, *q;
    struct hs_buf b;
    json_t *note = json_pack("{s:s, s:i}", "type", "curve", "kept", 3), *row;

    (void)state;
    set_column(&p, 0, 13, 0.9f);
    set_column(&p, 1, 5, -0.8f);
    p.coordinates->outlier[5] = 0.75f;
    p.coordinates->auc_p[2] = NAN;
    p.found[2].probe.o.seed = UINT64_MAX;
    r = rank(&p, HS_BY_L2);
    assert_int_equal(hs_encode_ranking(&e, &r, &err), 0);
    assert_int_equal(hs_encode_json(&e, note, &err), 0);
    assert_int_equal(hs_encode_ranking(&e, &r, &err), 0);
    b = stream_of("rankings", D, &e);
    if (read_back(&s, &b, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(s.n, 2);
    q = &s.v[1];
    assert_int_equal(q->layer, LAYER);
    assert_int_equal(q->target, HS_TARGET_MC);
    assert_int_equal(q->by, HS_BY_L2);
    assert_int_equal(q->n_seeds, 3);
    assert_int_equal(q->n_top, 4);
    assert_true(q->seeds[2] == UINT64_MAX);
    assert_memory_equal(q->order, r.order, sizeof *r.order * D);
    assert_memory_equal(q->rank, r.rank, sizeof *r.rank * D);
    assert_memory_equal(q->rms_rank, r.rms_rank, sizeof *r.rms_rank * D);
    assert_memory_equal(q->sink, r.sink, D);
    assert_memory_equal(q->seed_order, r.seed_order,
                        sizeof *r.seed_order * D * 3);
    same_floats(q->importance, r.importance);
    same_floats(q->mean_rank, r.mean_rank);
    same_floats(q->stability, r.stability);
    same_floats(q->mean, r.mean);
    same_floats(q->sigma, r.sigma);
    same_floats(q->rms, r.rms);
    same_floats(q->pos0_abs, r.pos0_abs);
    same_floats(q->outlier, r.outlier);
    same_floats(q->auc, r.auc);
    same_floats(q->auc_p, r.auc_p);
    assert_int_equal(json_array_size(s.others), 1);
    assert_true(json_equal(json_array_get(s.others, 0), note));

    row = hs_ranking_row(q, 0);
    assert_int_equal(json_integer_value(json_object_get(row, "rank")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "top")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "coordinate")),
                     r.order[0]);
    assert_int_equal(json_object_size(row), 18);
    json_decref(row);
    row = hs_ranking_row(q, q->rank[2] - 1);
    assert_true(json_is_null(json_object_get(row, "auc_p")));
    json_decref(row);
    row = hs_ranking_row(q, q->rank[5] - 1);
    assert_string_equal(json_string_value(json_object_get(row, "sink")), "yes");
    assert_true(json_real_value(json_object_get(row, "outlier")) == 0.75);
    json_decref(row);

    json_decref(note);
    hs_rankings_free(&s);
    hs_buf_free(&b);
    hs_encoded_free(&e);
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

/* Writes the records of r that mask asks for, in their order, and wants to hear
 * why that is no ranking. */
static void
damaged(const struct hs_ranking *r, unsigned mask, const char *kind,
        uint64_t dim, const char *why)
{
    struct hs_encoded all = {0}, some = {0};
    struct hs_rankings s;
    struct hs_error err = {0};
    struct hs_buf b;
    size_t start = 0;

    assert_int_equal(hs_encode_ranking(&all, r, &err), 0);
    for (size_t i = 0; i < all.n; start = all.objects[i++].end)
        if ((mask & 1u << i) != 0) {
            struct hs_object_mark m = {.start = some.bytes.len};

            hs_buf_add(&some.bytes, all.bytes.data + start,
                       all.objects[i].end - start);
            assert_int_equal(hs_object_end(&some, &m, &err), 0);
        }
    b = stream_of(kind, dim, &some);
    assert_int_equal(read_back(&s, &b, &err), -1);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, why);
    hs_rankings_free(&s);
    hs_buf_free(&b);
    hs_encoded_free(&all);
    hs_encoded_free(&some);
}

static void
test_damage(void **state)
{
    struct hs_probes p = make_probes(2);
    struct hs_ranking r = rank(&p, HS_BY_L1);
    uint32_t keep;

    (void)state;
    damaged(&r, 0, "rankings", D, "in: no rankings");
    damaged(&r, 7, "probes", D, "in: a stream of probes, not of rankings");
    damaged(&r, 7, "rankings", D + 1, "20 coordinates of 21");
    damaged(&r, 7, "rankings", D - 1, "d is 20, more than 19");
    damaged(&r, 6, "rankings", D, "no ranking before it");
    damaged(&r, 3, "rankings", D, "1 of 2 seeds");
    keep = r.order[3];
    r.order[3] = r.order[4];
    damaged(&r, 7, "rankings", D, "is there twice");
    r.order[3] = keep;
    keep = r.seed_order[12];
    r.seed_order[12] = D;
    damaged(&r, 7, "rankings", D, "coordinate 20 is out of range");
    r.seed_order[12] = keep;
    r.rms_rank[3] = 0;
    damaged(&r, 7, "rankings", D, "rms_rank of coordinate 3 is 0");
    r.rms_rank[3] = 1;
    r.importance[1] = NAN;
    damaged(&r, 7, "rankings", D, "importance of coordinate 1 is no number");
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

/* ---- overlaps ---- */

static double
member(const json_t *list, size_t i, const char *key)
{
    const json_t *v = json_object_get(json_array_get(list, i), key);

    assert_true(json_is_number(v) || json_is_null(v));
    return json_is_null(v) ? NAN : json_number_value(v);
}

/* a is 0, 1, 2...; b begins with 4, 5, 6, 0, 3, 9, 10, 11, 2, 1; its second
 * seed with 2, 3, 0, 1. */
static void
test_overlaps(void **state)
{
    static const double ratios[] = {0, 0.5, 0.8, 0.9};
    struct hs_probes p = make_probes(1), q = make_probes(2);
    struct hs_overlap_side sides[3];
    struct hs_error err;
    struct hs_ranking a, b;
    json_t *out = json_array();

    (void)state;
    for (size_t j = 0; j < D; j++) {
        static const uint8_t place[D] = {3, 9, 8,  4,  0,  1,  2,  10, 11, 5,
                                         6, 7, 12, 13, 14, 15, 16, 17, 18, 19};

        set_column(&p, 0, j, 3 - 0.1f * (float)j);
        set_column(&q, 0, j, 3 - 0.1f * (float)place[j]);
        set_column(&q, 1, j, 3 - 0.1f * (float)(j < 4 ? (j ^ 2) : j));
    }
    q.n_found = 1;
    a = rank(&p, HS_BY_L1);
    b = rank(&q, HS_BY_L1);
    sides[0] = (struct hs_overlap_side){&a, "x"};
    sides[1] = (struct hs_overlap_side){&b, "y"};
    assert_int_equal(hs_overlaps(sides, 2, ratios, 4, out, &err), 0);
    assert_int_equal(json_array_size(out), 4);
    assert_true(near(member(out, 0, "iou"), 1));
    assert_true(near(member(out, 0, "p"), 1));
    assert_true(near(member(out, 1, "kept"), 10));
    assert_true(near(member(out, 1, "shared"), 8));
    assert_true(near(member(out, 1, "iou"), 8.0 / 12));
    assert_true(near(member(out, 1, "expected"), 0.3412668815310318));
    assert_true(near(member(out, 1, "lo"), 0.17647058823529413));
    assert_true(near(member(out, 1, "hi"), 0.53846153846153844));
    assert_true(near(member(out, 1, "p"), (2025 + 100 + 1) / 184756.0));
    assert_true(near(member(out, 2, "shared"), 1));
    assert_true(near(member(out, 2, "iou"), 1.0 / 7));
    assert_true(near(member(out, 2, "expected"), 0.12371517027863776));
    assert_true(near(member(out, 2, "lo"), 0));
    assert_true(near(member(out, 2, "hi"), 1.0 / 3));
    assert_true(near(member(out, 2, "approx"), 0.2 / 1.8));
    assert_true(near(member(out, 3, "kept"), 2));
    assert_true(near(member(out, 3, "expected"), 0.068421052631578952));
    assert_true(near(member(out, 3, "spearman"), 0.831578947368421));
    assert_true(near(member(out, 3, "spearman_p"), 5.522372803574232e-06));
    assert_true(isnan(member(out, 3, "ceiling")));
    assert_true(isnan(member(out, 3, "cross_iou")));
    assert_int_equal(json_array_clear(out), 0);

    /* the seeds of b share one of four */
    hs_ranking_free(&b);
    q.n_found = 2;
    b = rank(&q, HS_BY_L1);
    sides[2] = (struct hs_overlap_side){&b, "z"};
    assert_int_equal(hs_overlaps(sides, 3, ratios + 2, 1, out, &err), 0);
    assert_int_equal(json_array_size(out), 3);
    assert_true(near(member(out, 2, "seed_iou_a"), 1.0 / 7));
    assert_true(near(member(out, 2, "ceiling"), 1.0 / 7));
    assert_true(isnan(member(out, 0, "ceiling")));
    /* seed 7 of a with seed 8 of b: 0, 1, 2, 3 in another order */
    assert_true(near(member(out, 0, "same_seeds"), 1));
    assert_true(near(member(out, 0, "cross_iou"), 1));
    assert_true(near(member(out, 2, "same_seeds"), 2));
    assert_true(near(member(out, 2, "cross_iou"), 1.0 / 7));
    assert_int_equal(hs_count_same_seeds(out), 3);
    assert_true(near(member(out, 2, "iou"), 1));
    assert_int_equal(hs_overlaps(sides, 1, ratios, 4, out, &err), -1);
    b.d = D - 1;
    assert_int_equal(hs_overlaps(sides, 2, ratios, 4, out, &err), -1);
    assert_non_null(strstr(err.text, "y: layer 2: a ranking of 19"));
    b.d = D;
    json_decref(out);
    hs_ranking_free(&a);
    hs_ranking_free(&b);
    hs_probes_free(&p);
    hs_probes_free(&q);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planted),       cmocka_unit_test(test_init),
        cmocka_unit_test(test_scale),         cmocka_unit_test(test_constant),
        cmocka_unit_test(test_seeds),         cmocka_unit_test(test_ties),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_top),
        cmocka_unit_test(test_sinks),         cmocka_unit_test(test_enrichment),
        cmocka_unit_test(test_seeds_warning), cmocka_unit_test(test_records),
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_overlaps),
    };

    return cmocka_run_group_tests_name("ranking", tests, NULL, NULL);
}
