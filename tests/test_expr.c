/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_expr.c - expressions over one trajectory, and the hashes that deal out
 * problems.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "stream/expr.h"

static char id[] = "p7#1", problem[] = "p7", finish[] = "eos",
            completion[] = "the answer is \"42\"\nindeed";

static struct hs_trajectory
example(void)
{
    struct hs_trajectory t = {.id = id,
                              .problem = problem,
                              .sample = 1,
                              .finish = finish,
                              .completion = completion,
                              .n_tokens = 30,
                              .n_prompt = 10,
                              .n_states = 29,
                              .reward = 1};

    t.meta = json_loads(
        "{\"task\": \"chain\", \"n\": 2.5, \"yes\": true,"
        " \"nil\": null, \"a\": {\"b\": {\"c\": 3}},"
        " \"list\": [1]}",
        0, NULL);
    return t;
}

/* 1, 0, -1 of hs_expr_test(), or -2 when the text is refused. */
static int
outcome(const char *text, const struct hs_trajectory *t)
{
    struct hs_error err = {0};
    struct hs_expr *x = hs_expr_new(text, &err);
    int rc;

    if (x == NULL) {
        assert_true(err.text[0] != '\0');
        return -2;
    }
    rc = hs_expr_test(x, t, &err);
    assert_int_equal(rc < 0, err.text[0] != '\0');
    hs_expr_free(x);
    return rc;
}

static void
test_outcomes(void **state)
{
    static const struct {
        const char *text;
        int wanted;
    } cases[] = {
        {"reward==1", 1},
        {"reward == 0", 0},
        {"reward>=1&&reward<=1", 1},
        {"reward==1 && sample==0", 0},
        {"reward==0 || sample==1", 1},
        /* && binds tighter than ||, ! tighter than both */
        {"reward==1 || reward==1 && reward==0", 1},
        {"(reward==1 || reward==1) && reward==0", 0},
        {"!(reward==0) && !false", 1},
        {"!!correct", 1},
        {"correct", 1},
        {"correct==true", 1},
        {"null", 0},
        {"!null", 1},
        {"null==null", 1},
        {"null<1", 0},
        {"null>1", 0},
        {"null!=1", 1},
        {"n_tokens==30", 1},
        {"n_completion==20", 1},
        {"n_states>28.5", 1},
        {"n_prompt<1e1", 0},
        {"n_prompt<=+10", 1},
        {"n_prompt>-1", 1},
        {"1<2", 1},
        {"id==\"p7#1\"", 1},
        {"'p7'==problem", 1},
        {"id>\"p6\"", 1},
        {"id<'p6'", 0},
        {"id!='x'", 1},
        {"finish=~\"^(eos|stop)$\"", 1},
        {"completion=~\"\\d+\"", 1},
        {"completion=~'\"42\"'", 1},
        {"completion=~\"is \\\"4\"", 1},
        {"completion=~\"^indeed\"", 0},
        {"completion=~\"(?m)^indeed\"", 1},
        {"completion=~\"42.\\nindeed\"", 1},
        {"prompt=~'x'", 0},
        {"prompt==null", 1},
        {"meta.task==\"chain\"", 1},
        {"meta.n==2.5", 1},
        {"meta.yes", 1},
        {"meta.nil==null", 1},
        {"meta.absent==null", 1},
        {"meta.a.b.c==3", 1},
        {"meta.a.x.c==null", 1},
        {"  ( ( reward ==1 ) )  ", 1},
        /* values that do not go together */
        {"id==7", -1},
        {"meta.n==\"2.5\"", -1},
        {"sample=~'1'", -1},
        {"sample", -1},
        {"id", -1},
        {"meta.list==1", -1},
        {"meta.a", -1},
        /* what is not evaluated does no harm */
        {"reward==1 || id", 1},
        {"reward==0 && id", 0},
        /* texts that are no expressions */
        {"", -2},
        {" ", -2},
        {"reward==", -2},
        {"==1", -2},
        {"reward=1", -2},
        {"reward===1", -2},
        {"reward & 1", -2},
        {"(reward==1", -2},
        {"reward==1)", -2},
        {"reward==1 2", -2},
        {"\"abc", -2},
        {"'abc\\'", -2},
        {"rewards==1", -2},
        {"meta==1", -2},
        {"meta.==1", -2},
        {"id.x==1", -2},
        {"1e999==1", -2},
        {"12ab==1", -2},
        {"id=~\"(\"", -2},
        {"id=~id", -2},
        {"id=~1", -2},
        {"nan==1", -2},
        {"inf==1", -2},
    };
    struct hs_trajectory t = example();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int got = outcome(cases[i].text, &t);

        if (got != cases[i].wanted)
            print_message("# %s: %d\n", cases[i].text, got);
        assert_int_equal(got, cases[i].wanted);
    }
    json_decref(t.meta);
}

static void
test_undecided(void **state)
{
    struct hs_trajectory t = example();

    (void)state;
    t.reward = -1;
    assert_int_equal(outcome("reward==null", &t), 1);
    assert_int_equal(outcome("reward==0", &t), 0);
    assert_int_equal(outcome("reward!=1", &t), 1);
    assert_int_equal(outcome("reward<1", &t), 0);
    assert_int_equal(outcome("correct", &t), 0);
    assert_int_equal(outcome("!correct", &t), 1);
    json_decref(t.meta);
}

static void
test_depth(void **state)
{
    struct hs_trajectory t = example();
    struct hs_buf b = {0};

    (void)state;
    for (int i = 0; i < 20000; i++)
        hs_buf_str(&b, "(");
    assert_int_equal(outcome(hs_buf_cstr(&b), &t), -2);
    hs_buf_free(&b);
    for (int i = 0; i < 20000; i++)
        hs_buf_str(&b, "!");
    assert_int_equal(outcome(hs_buf_cstr(&b), &t), -2);
    hs_buf_free(&b);
    for (int i = 0; i < 15000; i++)
        hs_buf_str(&b, i ? "||0>1" : "0>1");
    assert_int_equal(outcome(hs_buf_cstr(&b), &t), -2);
    b.len = 5003;
    assert_int_equal(outcome(hs_buf_cstr(&b), &t), 0);
    hs_buf_free(&b);
    json_decref(t.meta);
}

static void
test_deal(void **state)
{
    int below = 0, both = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        char name[16];
        double a, b;

        (void)snprintf(name, sizeof name, "p%d", i);
        a = hs_deal(HS_DEAL_SPLIT, 0, name);
        b = hs_deal(HS_DEAL_SAMPLE, 0, name);
        assert_true(a >= 0 && a < 1);
        assert_true(a == hs_deal(HS_DEAL_SPLIT, 0, name));
        assert_true(a != hs_deal(HS_DEAL_SPLIT, 1, name));
        below += a < 0.5;
        both += a < 0.5 && b < 0.5;
    }
    /* Four standard deviations: 50 and 43. */
    assert_in_range(below, 4800, 5200);
    assert_in_range(both, 2325, 2675);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_undecided),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_deal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
