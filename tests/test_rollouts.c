/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_rollouts.c - what continuations of a trajectory come to, and back from
 * JSON.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "task/rollouts.h"

/* Boundaries 0, 3, 7, 12, the end of an answer that is right:
 *   0   rewards 1 1 0 1 by number: 3 of 4, of the half (0, 2) 1 of 2
 *   3   undecided, 0, undecided, 0, 1: 1 of 3, of the half (4) 1 of 1
 *   7   all undecided */
static void
fill(struct hs_rollouts *r, int reward)
{
    static const int first[] = {1, 1, 0, 1}, second[] = {-1, 0, -1, 0, 1};

    hs_rollouts_init(r, "line", 2, 4);
    r->at[1] = 3;
    r->at[2] = 7;
    r->at[3] = 12;
    for (uint32_t k = 0; k < 4; k++)
        hs_rollouts_count(r, 0, k, first[k]);
    for (uint32_t k = 5; k-- > 0;) /* in any order */
        hs_rollouts_count(r, 1, k, second[k]);
    hs_rollouts_count(r, 2, 0, -1);
    hs_rollouts_count(r, 2, 1, -1);
    r->tokens = 123456789012;
    hs_rollouts_finish(r, reward);
}

static void
near(double got, double want)
{
    assert_true(fabs(got - want) <= 1e-12);
}

static void
counts_and_halves(void **state)
{
    struct hs_rollouts r;

    (void)state;
    fill(&r, 1);
    assert_string_equal(r.rule, "line");
    assert_int_equal(r.n, 4);
    for (size_t i = 0; i < 4; i++) {
        static const uint32_t k[] = {4, 3, 0, 0}, s[] = {3, 1, 0, 0},
                              half_k[] = {2, 1, 0, 0}, half_s[] = {1, 1, 0, 0},
                              undecided[] = {0, 2, 2, 0};

        assert_int_equal(r.k[i], k[i]);
        assert_int_equal(r.successes[i], s[i]);
        assert_int_equal(r.half_k[i], half_k[i]);
        assert_int_equal(r.half_successes[i], half_s[i]);
        assert_int_equal(r.undecided[i], undecided[i]);
    }
    near(hs_rollouts_value(&r, 0, HS_ROLLOUTS_ALL), 0.75);
    near(hs_rollouts_value(&r, 0, HS_ROLLOUTS_EVEN), 0.5);
    near(hs_rollouts_value(&r, 0, HS_ROLLOUTS_ODD), 1);
    near(hs_rollouts_value(&r, 1, HS_ROLLOUTS_ALL), 1.0 / 3);
    near(hs_rollouts_value(&r, 1, HS_ROLLOUTS_EVEN), 1);
    near(hs_rollouts_value(&r, 1, HS_ROLLOUTS_ODD), 0);
    for (int part = HS_ROLLOUTS_ALL; part <= HS_ROLLOUTS_ODD; part++) {
        assert_true(
            isnan(hs_rollouts_value(&r, 2, (enum hs_rollouts_part)part)));
        near(hs_rollouts_value(&r, 3, (enum hs_rollouts_part)part), 1);
    }
    hs_rollouts_free(&r);
    assert_null(r.at);
}

/* The halves of one continuation, or of undecided ones: NaN on one side. */
static void
a_half_may_be_empty(void **state)
{
    struct hs_rollouts r;

    (void)state;
    hs_rollouts_init(&r, "every:1", 1, 2);
    hs_rollouts_count(&r, 0, 0, 1);
    hs_rollouts_count(&r, 0, 1, -1);
    hs_rollouts_finish(&r, -1);
    near(hs_rollouts_value(&r, 0, HS_ROLLOUTS_ALL), 1);
    near(hs_rollouts_value(&r, 0, HS_ROLLOUTS_EVEN), 1);
    assert_true(isnan(hs_rollouts_value(&r, 0, HS_ROLLOUTS_ODD)));
    /* an end without a verdict */
    assert_true(isnan(hs_rollouts_value(&r, 1, HS_ROLLOUTS_ALL)));
    assert_true(isnan(hs_rollouts_value(&r, 1, HS_ROLLOUTS_EVEN)));
    assert_true(isnan(r.lo[1]) && isnan(r.hi[1]));
    hs_rollouts_free(&r);
}

/* statsmodels 0.13.5+dfsg: proportion_confint(k, n, method="wilson"). */
static void
wilson(void **state)
{
    static const struct {
        uint32_t s, k;
        double lo, hi;
    } w[] = {
        {0, 1, 0.0, 0.7934506856227627},
        {1, 1, 0.2065493143772374, 1.0},
        {1, 2, 0.09453120573423068, 0.9054687942657693},
        {0, 8, 0.0, 0.32440756488388034},
        {3, 8, 0.13684428582359737, 0.6942576053973728},
        {8, 8, 0.6755924351161198, 1.0},
        {16, 32, 0.3363088286932747, 0.6636911713067253},
        {1, 32, 0.005537860164003122, 0.1574426382001256},
        {57, 64, 0.7910135867310387, 0.945998866555832},
        {4000, 4096, 0.9714635423988935, 0.9807684010097115},
    };
    struct hs_rollouts r;

    (void)state;
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) {
        hs_rollouts_init(&r, "line", 1, 2);
        for (uint32_t k = 0; k < w[i].k; k++)
            hs_rollouts_count(&r, 0, k, k < w[i].s);
        hs_rollouts_finish(&r, 0);
        near(r.value[0], (double)w[i].s / w[i].k);
        near(r.lo[0], w[i].lo);
        near(r.hi[0], w[i].hi);
        assert_true(r.value[1] == 0 && r.lo[1] == 0 && r.hi[1] == 0);
        hs_rollouts_free(&r);
    }
}

static void
round_trip(void **state)
{
    (void)state;
    for (int reward = -1; reward <= 1; reward++) {
        struct hs_rollouts r, back;
        struct hs_error err;
        char *text, *again;
        json_t *j, *parsed;

        fill(&r, reward);
        j = hs_rollouts_json(&r);
        text = json_dumps(j, 0);
        parsed = hs_json_parse(text, strlen(text), "text", &err);
        assert_non_null(parsed);
        assert_int_equal(hs_rollouts_read(&back, parsed, 12, reward, &err), 0);
        assert_int_equal(back.min_tokens, 2);
        assert_int_equal(back.tokens, 123456789012);
        near(hs_rollouts_value(&back, 0, HS_ROLLOUTS_EVEN), 0.5);
        json_decref(j);
        j = hs_rollouts_json(&back);
        again = json_dumps(j, 0);
        assert_string_equal(again, text);
        json_decref(j);
        json_decref(parsed);
        free(text);
        free(again);
        hs_rollouts_free(&r);
        hs_rollouts_free(&back);
    }
}

/* NaN is null, where it is and nowhere else. */
static void
nan_is_null(void **state)
{
    struct hs_rollouts r;
    char *text;
    json_t *j;

    (void)state;
    fill(&r, -1);
    j = hs_rollouts_json(&r);
    text = json_dumps(json_object_get(j, "value"),
                      JSON_COMPACT | JSON_REAL_PRECISION(3));
    assert_string_equal(text, "[0.75,0.333,null,null]");
    free(text);
    text = json_dumps(json_object_get(j, "hi"),
                      JSON_COMPACT | JSON_REAL_PRECISION(3));
    assert_string_equal(text, "[0.954,0.792,null,null]");
    free(text);
    json_decref(j);
    hs_rollouts_free(&r);
}

/* Damage: member key, or entry i of it, becomes JSON text; NULL: it is taken
 * away. */
static void
refuses_damage(void **state)
{
    static const struct {
        const char *key;
        int entry; /* -1: the member itself */
        const char *text, *wanted;
    } damage[] = {
        {"rule", -1, NULL, "rule, min_tokens or at are missing"},
        {"rule", -1, "3", "rule, min_tokens or at are missing"},
        {"min_tokens", -1, NULL, "rule, min_tokens or at are missing"},
        {"min_tokens", -1, "-1", "rule, min_tokens or at are missing"},
        {"min_tokens", -1, "1.5", "rule, min_tokens or at are missing"},
        {"at", -1, NULL, "rule, min_tokens or at are missing"},
        {"at", -1, "[]", "rule, min_tokens or at are missing"},
        {"at", -1, "{}", "rule, min_tokens or at are missing"},
        {"at", -1, "[0, 3, 12]", "k: not a list of 3 numbers"},
        {"at", 0, "1", "at: not from 0 to 12"},
        {"at", 3, "13", "at: not from 0 to 12"},
        {"at", 3, "11", "at: not from 0 to 12"},
        {"at", 1, "7", "at: entry 2 is not above the one before"},
        {"at", 1, "0", "at: entry 1 is not above the one before"},
        {"at", 2, "12", "at: entry 3 is not above the one before"},
        {"at", 1, "-3", "at: entry 1 is not a whole number below 2^32"},
        {"at", 1, "4294967296", "at: entry 1 is not a whole number below 2^32"},
        {"at", 1, "3.0", "at: entry 1 is not a whole number below 2^32"},
        {"at", 1, "null", "at: entry 1 is not a whole number below 2^32"},
        {"k", -1, NULL, "k: not a list of 4 numbers"},
        {"k", -1, "[4, 3, 0, 0, 0]", "k: not a list of 4 numbers"},
        {"k", 0, "\"4\"", "k: entry 0 is not a whole number below 2^32"},
        {"k", 0, "2", "entry 0: the counts do not fit together"},
        {"k", 3, "1", "there are continuations of the end"},
        {"undecided", 3, "1", "there are continuations of the end"},
        {"successes", -1, "4", "successes: not a list of 4 numbers"},
        {"successes", 0, "5", "entry 0: the counts do not fit together"},
        {"half_k", 0, "5", "entry 0: the counts do not fit together"},
        {"half_k", 2, "1", "entry 2: the counts do not fit together"},
        {"half_successes", 0, "3", "entry 0: the counts do not fit together"},
        /* 3 - 0 right ones of 4 - 2 */
        {"half_successes", 0, "0", "entry 0: the counts do not fit together"},
        {"half_successes", 2, "1", "entry 2: the counts do not fit together"},
        {"undecided", -1, "[0, 2]", "undecided: not a list of 4 numbers"},
        {"k", 1, "4", "value: entry 1 is not that of the counts"},
        {"successes", 1, "2", "value: entry 1 is not that of the counts"},
        {"value", 0, "0.750001", "value: entry 0 is not that of the counts"},
        {"value", 0, "null", "value: entry 0 is not that of the counts"},
        {"value", 0, "\"x\"", "value: entry 0 is not that of the counts"},
        {"value", 2, "0", "value: entry 2 is not that of the counts"},
        {"value", 3, "0", "value: entry 3 is not that of the counts"},
        {"value", -1, "[]", "value: not a list of 4 numbers"},
        {"lo", 1, "0.06", "lo: entry 1 is not that of the counts"},
        {"lo", -1, NULL, "lo: not a list of 4 numbers"},
        {"hi", 3, "null", "hi: entry 3 is not that of the counts"},
        {"hi", -1, "1", "hi: not a list of 4 numbers"},
        {"tokens", -1, NULL, "tokens: not a whole number"},
        {"tokens", -1, "-1", "tokens: not a whole number"},
        {"tokens", -1, "1.5", "tokens: not a whole number"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        struct hs_rollouts r, back;
        struct hs_error err;
        struct hs_buf wanted = {0};
        json_t *j, *x = NULL;

        fill(&r, 1);
        j = hs_rollouts_json(&r);
        if (damage[i].text != NULL)
            x = json_loads(damage[i].text, JSON_DECODE_ANY, NULL);
        if (damage[i].entry >= 0)
            (void)json_array_set_new(json_object_get(j, damage[i].key),
                                     (size_t)damage[i].entry, x);
        else if (x != NULL)
            (void)json_object_set_new(j, damage[i].key, x);
        else
            (void)json_object_del(j, damage[i].key);
        hs_buf_printf(&wanted, "rollouts: %s", damage[i].wanted);
        assert_int_equal(hs_rollouts_read(&back, j, 12, 1, &err), -1);
        assert_string_equal(err.text, hs_buf_cstr(&wanted));
        json_decref(j);
        hs_buf_free(&wanted);
        hs_rollouts_free(&back);
        hs_rollouts_free(&r);
    }
}

/* What another trajectory has is not what this one has. */
static void
refuses_another_trajectory(void **state)
{
    struct hs_rollouts r, back;
    struct hs_error err;
    json_t *j;

    (void)state;
    fill(&r, 1);
    j = hs_rollouts_json(&r);
    assert_int_equal(hs_rollouts_read(&back, j, 13, 1, &err), -1);
    assert_string_equal(err.text, "rollouts: at: not from 0 to 13");
    hs_rollouts_free(&back);
    assert_int_equal(hs_rollouts_read(&back, j, 12, 0, &err), -1);
    assert_string_equal(err.text,
                        "rollouts: value: entry 3 is not that of the counts");
    hs_rollouts_free(&back);
    assert_int_equal(hs_rollouts_read(&back, j, 12, -1, &err), -1);
    hs_rollouts_free(&back);
    assert_int_equal(hs_rollouts_read(&back, NULL, 12, 1, &err), -1);
    hs_rollouts_free(&back);
    json_decref(j);
    hs_rollouts_free(&r);
}

/* An empty completion: s_0 is the end. */
static void
an_empty_answer(void **state)
{
    struct hs_rollouts r, back;
    struct hs_error err;
    json_t *j;

    (void)state;
    hs_rollouts_init(&r, "line", 1, 1);
    hs_rollouts_finish(&r, 0);
    near(hs_rollouts_value(&r, 0, HS_ROLLOUTS_ODD), 0);
    j = hs_rollouts_json(&r);
    assert_int_equal(hs_rollouts_read(&back, j, 0, 0, &err), 0);
    assert_int_equal(back.n, 1);
    json_decref(j);
    hs_rollouts_free(&back);
    hs_rollouts_free(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_halves),
        cmocka_unit_test(a_half_may_be_empty),
        cmocka_unit_test(wilson),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(nan_is_null),
        cmocka_unit_test(refuses_damage),
        cmocka_unit_test(refuses_another_trajectory),
        cmocka_unit_test(an_empty_answer),
    };

    return cmocka_run_group_tests_name("rollouts", tests, NULL, NULL);
}
