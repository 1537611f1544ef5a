/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_ranking.c - rankings of made-up probes whose order is known.  Reference
 * numbers are those of SciPy's scipy.stats.hypergeom.
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
#include "fakeprobe.h"
#include "probe/ranking.h"

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
    /* equal columns are equal, whatever rounding made of the scales */
    for (size_t j = 0; j < D; j++) {
        set_column(&p, 0, j, 0.5f);
        p.coordinates->sigma[j] = 0.1f * (float)(j + 1);
        q->scale[j] = 1 / p.coordinates->sigma[j];
    }
    r = rank(&p, HS_BY_L1);
    for (uint32_t j = 0; j < D; j++)
        assert_int_equal(r.order[j], j);
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
    set_column(&p, 0, 9, 2);
    set_column(&p, 0, 3, 0.8f);
    set_column(&p, 1, 3, 0.9f);
    set_column(&p, 1, 9, 0.8f);
    r = rank(&p, HS_BY_L1);
    assert_true(near((double)r.mean_rank[3], 1.5));
    assert_true(near((double)r.mean_rank[9], 1.5));
    starts_with(&r, (uint32_t[]){9, 3, 0, 1, 2, 4}, 6);
    hs_ranking_free(&r);
    set_column(&p, 0, 3, 0.8f);
    set_column(&p, 1, 3, 2);
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
    float *gradient = p.found[1].gradient, *slope = p.found[1].slope;
    uint32_t columns[] = {0};

    (void)state;
    refused(&p, 3, HS_TARGET_MC, HS_BY_L1, 4, "layer 3, mc: no probe");
    refused(&p, LAYER, HS_TARGET_TD, HS_BY_L1, 4, "layer 2, td: no probe");
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_L1, D + 1, "a top of 21 of 20");
    p.found[1].gradient = NULL;
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_GRADIENT, 4, "no gradients");
    p.found[1].gradient = gradient;
    p.found[1].slope = NULL;
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_L1, 4, "no slopes");
    p.found[1].slope = slope;
    slope[4] = NAN;
    refused(&p, LAYER, HS_TARGET_MC, HS_BY_L1, 4, "coordinate 4: its slope");
    slope[4] = 0;
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planted),       cmocka_unit_test(test_init),
        cmocka_unit_test(test_scale),         cmocka_unit_test(test_constant),
        cmocka_unit_test(test_seeds),         cmocka_unit_test(test_ties),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_top),
        cmocka_unit_test(test_sinks),         cmocka_unit_test(test_enrichment),
        cmocka_unit_test(test_seeds_warning),
    };

    return cmocka_run_group_tests_name("ranking", tests, NULL, NULL);
}
