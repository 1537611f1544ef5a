/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_arms.c - each set against its definition, what is said of arms, and what
 * is refused.
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

#include "ablate/colscore.h"
#include "armkit.h"
#include "base/mem.h"

static void
says(const struct hs_error *err, const char *why)
{
    if (strstr(err->text, why) == NULL)
        fail_msg("'%s' is not in '%s'", why, err->text);
}

/* ---- sets ---- */

/* How many of those that are not skipped come before j: by rank if score is
 * NULL, else by score. */
static size_t
before(const struct hs_ranking *r, const double *score, const bool *skip,
       size_t j)
{
    size_t n = 0;

    for (size_t i = 0; i < KIT_DIM; i++) {
        if (skip != NULL && skip[i])
            continue;
        n += score == NULL
                 ? r->rank[i] < r->rank[j]
                 : score[i] > score[j] || (score[i] >= score[j] && i < j);
    }
    return n;
}

static void
check_sets(struct armkit *k, const struct hs_armset *s, size_t l,
           const char *size, size_t n)
{
    static const char *const names[] = {"value",   "value-sinks", "bottom",
                                        "rms-top", "magnitude",   "wanda"};
    const struct hs_ranking *r = &k->ranks.v[l];
    const struct hs_calib_layer *c = &k->calib.v[l];
    double magnitude[KIT_DIM], wanda[KIT_DIM];
    bool sink[KIT_DIM] = {0}, want[6][KIT_DIM];

    sink[KIT_SINK] = sink[KIT_RANK_SINK] = l == 0;
    hs_column_magnitude(k->m, c->layer, magnitude);
    hs_column_wanda(k->m, c->layer, c->normed, wanda);
    for (size_t j = 0; j < KIT_DIM; j++) {
        want[0][j] = r->rank[j] <= n;
        want[1][j] = !sink[j] && before(r, NULL, sink, j) < n;
        want[2][j] = r->rank[j] > KIT_DIM - n;
        want[3][j] = before(r, c->rms, NULL, j) < n;
        want[4][j] = before(r, magnitude, NULL, j) < n;
        want[5][j] = before(r, wanda, NULL, j) < n;
    }
    for (size_t i = 0; i < 6; i++) {
        char label[64];

        (void)snprintf(label, sizeof label, "L%u/%s@%s", c->layer, names[i],
                       size);
        armkit_expect(s, label, want[i]);
    }
}

/* What is said of each arm, counted again. */
static void
check_counts(const struct armkit *k, const struct hs_armset *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct hs_arm *a = &s->v[i];
        size_t l = a->edit.layer == 1 ? 0 : 1, n_sinks = 0, n_value = 0;
        const double *rms = k->calib.v[l].rms;
        double sum = 0, value_sum = 0;

        if (a->edit.n == 0) {
            assert_true(isnan(a->rms_ratio));
            assert_string_equal(a->mode, "");
            continue;
        }
        for (size_t c = 0; c < a->edit.n; c++) {
            uint32_t j = a->edit.coords[c];

            n_sinks += l == 0 && (j == KIT_SINK || j == KIT_RANK_SINK);
            n_value += k->ranks.v[l].rank[j] <= a->edit.n;
            sum += rms[j];
            value_sum += rms[k->ranks.v[l].order[c]];
        }
        assert_int_equal(a->n_sinks, n_sinks);
        assert_int_equal(a->n_value, n_value);
        assert_true(fabs(a->rms_ratio - sum / value_sum) < 1e-12);
        if (a->kind == HS_ARM_VALUE)
            assert_true(a->rms_ratio == 1);
        assert_string_equal(a->mode, "zero");
        assert_null(a->edit.values);
    }
}

static void
test_sets(void **state)
{
    struct armkit k;
    struct hs_armset s;

    (void)state;
    armkit_init(&k);
    s = armkit_made(&k,
                    "value,value-sinks,bottom,rms-top,magnitude,wanda,"
                    "random:4,rms:3,noop,none",
                    "2%,5,40%");
    assert_int_equal(s.n, 1 + 2 + 2 * 3 * (6 + 4 + 3));
    for (size_t l = 0; l < 2; l++) {
        check_sets(&k, &s, l, "2%", 1);
        check_sets(&k, &s, l, "5", 5);
        check_sets(&k, &s, l, "40%", 26);
    }
    check_counts(&k, &s);
    hs_armset_free(&s);
    s = armkit_made(&k, "value,bottom,random:1,magnitude,rms-top,wanda", "64");
    for (size_t i = 0; i < s.n; i++) {
        assert_int_equal(s.v[i].edit.n, KIT_DIM);
        assert_int_equal(s.v[i].n_value, KIT_DIM);
        assert_int_equal(s.v[i].same_as == NULL, i % 6 == 0);
    }
    hs_armset_free(&s);
    armkit_free(&k);
}

/* The default model's columns, as tests/ref/arms.py has them. */
static void
check_reference(const struct hs_model *m, char *line, size_t *n)
{
    char *save;
    const char *name = strtok_r(line, " \n", &save), *word;
    bool top = strncmp(name, "top-", 4) == 0;
    const char *which = top ? name + 4 : name;
    double score[256], normed[256];
    size_t layer, i = 0;

    if (strcmp(which, "magnitude") != 0 && strcmp(which, "wanda") != 0)
        return;
    layer = (size_t)strtoul(strtok_r(NULL, " \n", &save), NULL, 10);
    for (size_t j = 0; j < 256; j++)
        normed[j] = 0.25 + (double)(j % 7);
    if (which[0] == 'm')
        hs_column_magnitude(m, layer, score);
    else
        hs_column_wanda(m, layer, normed, score);
    for (; (word = strtok_r(NULL, " \n", &save)) != NULL; i++) {
        size_t larger = 0, j = (size_t)strtoul(word, NULL, 10);

        for (size_t h = 0; h < 256 && top; h++)
            larger += score[h] > score[j];
        if (top)
            assert_true(larger < 13);
        else
            assert_true(fabs(score[8 * i] / strtod(word, NULL) - 1) < 1e-12);
    }
    assert_int_equal(i, top ? 13 : 32);
    ++*n;
}

static void
test_reference(void **state)
{
    struct hs_buf path = {0}, dir = {0};
    struct hs_error err;
    struct hs_model *m;
    char *line = NULL;
    size_t cap = 0, n = 0;
    FILE *f;

    (void)state;
    hs_buf_printf(&path, "%s/tests/ref/arms.txt", getenv("HS_SRCDIR"));
    hs_buf_printf(&dir, "%s/examples/reasoner", getenv("HS_SRCDIR"));
    m = hs_model_open(hs_buf_cstr(&dir), &err);
    f = fopen(hs_buf_cstr(&path), "r");
    assert_non_null(m);
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0)
        check_reference(m, line, &n);
    assert_int_equal(n, 4 * (m->cfg.n_layers + 1));
    assert_int_equal(fclose(f), 0);
    free(line);
    hs_model_free(m);
    hs_buf_free(&path);
    hs_buf_free(&dir);
}

/* ---- order, labels, sameness ---- */

static void
test_labels(void **state)
{
    static const char *const want[] = {
        "none",
        "L1/noop",
        "L3/noop",
        "L1/random.1@2:scale=0.5:generated",
        "L1/random.2@2:scale=0.5:generated",
        "L1/value@2:scale=0.5:generated",
        "L1/random.1@10%:scale=0.5:generated",
        "L1/random.2@10%:scale=0.5:generated",
        "L1/value@10%:scale=0.5:generated",
        "L3/random.1@2:scale=0.5:generated",
        "L3/random.2@2:scale=0.5:generated",
        "L3/value@2:scale=0.5:generated",
        "L3/random.1@10%:scale=0.5:generated",
        "L3/random.2@10%:scale=0.5:generated",
        "L3/value@10%:scale=0.5:generated",
    };
    struct armkit k;
    struct hs_armset s;
    struct hs_error err;

    (void)state;
    armkit_init(&k);
    k.plan.where = HS_EDIT_GENERATED;
    assert_int_equal(hs_arm_mode_scan("scale=0.5", &k.plan.mode, &err), 0);
    s = armkit_made(&k, "random:2,noop,value,none", "2,10%");
    assert_int_equal(s.n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < s.n; i++) {
        const struct hs_arm *a = &s.v[i];

        assert_string_equal(a->label, want[i]);
        assert_ptr_equal(hs_armset_find(&s, want[i]), a);
        assert_int_equal(a->edit.layer, i == 0            ? 0
                                        : i == 1          ? 1
                                        : i == 2 || i > 8 ? 3
                                                          : 1);
        assert_int_equal(a->draw, i < 3 || i % 3 == 2 ? 0 : 1 + i % 3);
        assert_int_equal(a->edit.where,
                         i < 3 ? HS_EDIT_ALL : HS_EDIT_GENERATED);
        assert_string_equal(a->mode, i < 3 ? "" : "scale=0.5");
        for (size_t c = 0; c < a->edit.n; c++)
            assert_true(a->edit.values[c] == 0.5f);
    }
    assert_null(hs_armset_find(&s, "L1/value@2"));
    hs_armset_free(&s);
    assert_null(s.v);
    armkit_free(&k);
}

/* Whether same_as names the first arm before it of the same set, in each
 * layer. */
static void
test_same(void **state)
{
    struct armkit k;
    struct hs_armset s;
    size_t n_same = 0;

    (void)state;
    armkit_init(&k);
    k.calib.v[0].sink[KIT_SINK] = HS_SINK_NO;
    k.ranks.v[0].sink[KIT_RANK_SINK] = HS_SINK_NO;
    s = armkit_made(&k, "value,value-sinks,random:300,random-sinks:300,noop",
                    "1,9");
    for (size_t i = 0; i < s.n; i++) {
        const struct hs_arm *a = &s.v[i], *same = NULL;

        for (size_t h = 0; h < i && same == NULL && a->edit.n > 0; h++)
            if (s.v[h].edit.layer == a->edit.layer &&
                s.v[h].edit.n == a->edit.n &&
                memcmp(s.v[h].edit.coords, a->edit.coords,
                       a->edit.n * sizeof *a->edit.coords) == 0)
                same = &s.v[h];
        if (same == NULL) {
            assert_null(a->same_as);
            continue;
        }
        assert_non_null(a->same_as);
        assert_string_equal(a->same_as, same->label);
        n_same++;
    }
    assert_true(n_same >= 2 * 2 * 301 + 2 * (300 - 64));
    hs_armset_free(&s);
    armkit_free(&k);
}

/* ---- values ---- */

static void
test_modes(void **state)
{
    struct armkit k;
    struct hs_armset s;
    struct hs_error err;

    (void)state;
    armkit_init(&k);
    k.ranks.v[0].slope[3] = 0;
    assert_int_equal(hs_arm_mode_scan("mean", &k.plan.mode, &err), 0);
    s = armkit_made(&k, "random:1,value", "64,7");
    for (size_t i = 0; i < s.n; i++)
        for (size_t c = 0; c < s.v[i].edit.n; c++)
            assert_true(s.v[i].edit.values[c] ==
                        (float)k.calib.v[s.v[i].edit.layer == 3]
                            .mean[s.v[i].edit.coords[c]]);
    hs_armset_free(&s);
    assert_int_equal(hs_arm_mode_scan("add=-2", &k.plan.mode, &err), 0);
    s = armkit_made(&k, "random:1,value", "64,7");
    for (size_t i = 0; i < s.n; i++)
        for (size_t c = 0; c < s.v[i].edit.n; c++) {
            size_t l = s.v[i].edit.layer == 3, j = s.v[i].edit.coords[c];
            double slope = (double)k.ranks.v[l].slope[j];
            double want = 2 * k.calib.v[l].sigma[j];

            want = slope > 0 ? -want : slope < 0 ? want : 0;
            assert_true(s.v[i].edit.values[c] == (float)want);
            assert_int_equal(s.v[i].edit.mode, HS_EDIT_ADD);
        }
    hs_armset_free(&s);
    assert_int_equal(hs_arm_mode_scan("resample", &k.plan.mode, &err), 0);
    s = armkit_made(&k, "value", "7");
    assert_null(s.v[0].edit.values);
    assert_null(s.v[0].edit.draw);
    assert_int_equal(s.v[0].edit.mode, HS_EDIT_RESAMPLE);
    hs_armset_free(&s);
    armkit_free(&k);
}

/* ---- without a ranking ---- */

static void
test_no_ranking(void **state)
{
    static const char *const need[] = {"value", "value-sinks", "bottom", "rms"};
    struct armkit k;
    struct hs_armset s;
    struct hs_error err;

    (void)state;
    armkit_init(&k);
    k.plan.rank = NULL;
    k.plan.rank_name = NULL;
    s = armkit_made(&k, "none,random:2,random-sinks:2,magnitude,wanda,rms-top",
                    "5");
    for (size_t i = 0; i < s.n; i++) {
        assert_int_equal(s.v[i].n_value, 0);
        assert_true(isnan(s.v[i].rms_ratio));
    }
    hs_armset_free(&s);
    for (size_t i = 0; i < 4; i++) {
        struct hs_buf why = {0};

        assert_int_equal(armkit_build(&k, need[i], "5", &s, &err), -1);
        hs_buf_printf(&why, "layer 1, %s@5: it needs a ranking", need[i]);
        says(&err, hs_buf_cstr(&why));
        hs_buf_free(&why);
    }
    assert_int_equal(hs_arm_mode_scan("add=1", &k.plan.mode, &err), 0);
    assert_int_equal(armkit_build(&k, "random:2", "5", &s, &err), -1);
    says(&err, "layer 1, random@5: mode add needs a ranking, for its signs");
    armkit_free(&k);
}

/* ---- refusals ---- */

static void
refused(struct armkit *k, const char *arms, const char *sizes, const char *why)
{
    struct hs_armset s;
    struct hs_error err = {0};

    assert_int_equal(armkit_build(k, arms, sizes, &s, &err), -1);
    says(&err, why);
    assert_null(s.v);
}

static void
test_refusals(void **state)
{
    struct armkit k;
    struct hs_ranking r;
    struct hs_error err;

    (void)state;
    armkit_init(&k);
    refused(&k, "value", "65", "size 65: the layer has 64 coordinates");
    refused(&k, "value", "1%,0.5%,1",
            "sizes 1% and 0.5% are the same: 1 of 64 coordinates");
    refused(
        &k, "value-sinks", "63",
        "layer 1, value-sinks@63: 63 coordinates, and only 62 are no sinks");
    refused(&k, "random-sinks", "100%",
            "layer 1, random-sinks@100%: 64 coordinates, and only 62 are no "
            "sinks");
    refused(&k, "rms", "50%", "layer 1, rms@50%: 32 coordinates, and only 3");
    k.ranks.v[0].slope[9] = NAN;
    assert_int_equal(hs_arm_mode_scan("add=1", &k.plan.mode, &err), 0);
    refused(&k, "random", "64",
            "layer 1, random@64: mode add: the ranking has no slope of "
            "coordinate 9");
    assert_int_equal(hs_arm_mode_scan("zero", &k.plan.mode, &err), 0);
    k.calib.v[1].rms[4] = NAN;
    refused(&k, "rms-top", "5",
            "layer 3, rms-top@5: the score of coordinate 4 is no number");
    k.calib.v[1].rms[4] = 1;
    k.layer[1] = 2;
    refused(&k, "none", "5", "layer 2 is not in the calibration");
    k.calib.v[1].layer = 2;
    refused(&k, "none", "5", "rank: no ranking of layer 2");
    k.calib.v[1].layer = k.layer[1] = 4;
    refused(&k, "none", "5", "layer 4 is not in the model");
    k.calib.v[1].layer = k.layer[1] = 3;
    k.calib.dim = 63;
    refused(&k, "none", "5", "a calibration of width 63, a model of 64");
    k.calib.dim = 64;
    k.plan.one_target = true;
    k.plan.target = HS_TARGET_MC;
    refused(&k, "none", "5", "rank: no ranking of layer 1, target mc");
    k.plan.one_target = false;
    r = armkit_ranking(3, HS_TARGET_MC, 1);
    hs_rankings_add(&k.ranks, &r);
    refused(&k, "none", "5",
            "rank: rankings of target td and of mc; choose one");
    k.ranks.v[2].target = HS_TARGET_TD;
    refused(&k, "none", "5", "rank: two rankings of layer 3, target td");
    k.ranks.v[2].target = HS_TARGET_MC;
    k.plan.one_target = true;
    k.plan.target = HS_TARGET_TD;
    k.ranks.head.dim = 32;
    refused(&k, "none", "5", "rank: rankings of another model: fingerprint");
    k.ranks.head.dim = 64;
    hs_head_set(&k.ranks.head.fingerprint, "abc");
    refused(&k, "none", "5",
            "rank: rankings of another model: fingerprint 'abc', width 64; the "
            "model has ");
    hs_head_set(&k.ranks.head.fingerprint, "");
    k.plan.rank_name = NULL;
    k.ranks.v[0].d = 63;
    refused(&k, "none", "5", "the ranking: a ranking of 63 coordinates of 64");
    k.ranks.v[0].d = 64;
    armkit_free(&k);
}

/* Rankings of several targets, of which one is asked for. */
static void
test_one_target(void **state)
{
    struct armkit k;
    struct hs_ranking r;
    struct hs_armset s;
    bool want[KIT_DIM];

    (void)state;
    armkit_init(&k);
    for (size_t l = 0; l < 2; l++) {
        r = armkit_ranking(k.layer[l], HS_TARGET_MC, 500);
        hs_rankings_add(&k.ranks, &r);
    }
    k.plan.one_target = true;
    k.plan.target = HS_TARGET_MC;
    s = armkit_made(&k, "value", "6");
    for (size_t j = 0; j < KIT_DIM; j++)
        want[j] = k.ranks.v[3].rank[j] <= 6;
    armkit_expect(&s, "L3/value@6", want);
    hs_armset_free(&s);
    armkit_free(&k);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),     cmocka_unit_test(test_reference),
        cmocka_unit_test(test_labels),   cmocka_unit_test(test_same),
        cmocka_unit_test(test_modes),    cmocka_unit_test(test_no_ranking),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_one_target),
    };

    return cmocka_run_group_tests_name("arms", tests, NULL, NULL);
}
