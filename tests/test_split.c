/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_split.c - which problems are held out: as many as asked for, whatever
 * their order, all samples of one together; and the same ones another time.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/split.h"

/* A set of n problems, each of some trajectories, without states. */
static void
fake_set(struct hs_trajset *s, size_t n, bool backwards)
{
    *s = (struct hs_trajset){.n_problems = n};
    s->problems = hs_calloc(n, sizeof *s->problems);
    s->problem_val = hs_calloc(n, sizeof *s->problem_val);
    s->traj = hs_calloc(3 * n, sizeof *s->traj);
    s->store = hs_store_new(0);
    for (size_t i = 0; i < n; i++) {
        char id[32];

        (void)snprintf(id, sizeof id, "p%zu", backwards ? n - 1 - i : i);
        s->problems[i] = hs_strdup(id);
        for (size_t k = 0; k <= i % 3; k++)
            s->traj[s->n++].problem = (uint32_t)i;
    }
}

static size_t
count_val(const struct hs_trajset *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_problems; i++)
        n += s->problem_val[i];
    for (size_t j = 0; j < s->n; j++) /* all samples of a problem together */
        assert_true(s->traj[j].val == s->problem_val[s->traj[j].problem]);
    return n;
}

static void
test_split(void **state)
{
    static const double shares[] = {0.2, 0.25, 0.5, 0.01, 0.004, 0.99};
    struct hs_trajset a, b;
    struct hs_error err = {0};
    size_t n = 200, same = 0;

    (void)state;
    fake_set(&a, n, false);
    fake_set(&b, n, true);
    for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
        size_t want = (size_t)floor(shares[k] * (double)n + 0.5);

        assert_int_equal(hs_trajset_split(&a, shares[k], 5, &err), 0);
        assert_int_equal(count_val(&a), want > 0 ? want : 1);
        assert_int_equal(hs_trajset_split(&b, shares[k], 5, &err), 0);
        for (size_t i = 0; i < n; i++) /* whatever the order */
            assert_true(a.problem_val[i] == b.problem_val[n - 1 - i]);
    }
    assert_int_equal(hs_trajset_split(&a, 0.5, 5, &err), 0);
    assert_int_equal(hs_trajset_split(&b, 0.5, 6, &err), 0);
    for (size_t i = 0; i < n; i++)
        same += a.problem_val[i] == b.problem_val[n - 1 - i];
    assert_true(same > 60 && same < 140); /* another seed, another split */
    assert_int_equal(hs_trajset_split(&a, 0.999, 5, &err), -1);
    assert_string_equal(err.text,
                        "200 of 200 problems would be held out, none "
                        "is left for training");
    hs_trajset_free(&a);
    hs_trajset_free(&b);
    fake_set(&a, 1, false);
    assert_int_equal(hs_trajset_split(&a, 0.2, 5, &err), -1);
    hs_trajset_free(&a);
}

/* Another program makes the same split again, or knows that it is not. */
static void
test_split_again(void **state)
{
    struct hs_trajset a, b;
    struct hs_error err = {0};
    json_t *j;

    (void)state;
    fake_set(&a, 50, false);
    fake_set(&b, 50, true);
    assert_int_equal(hs_trajset_split(&a, 0.3, 8, &err), 0);
    j = hs_split_json(&a, 0.3, 8, false);
    assert_int_equal(json_integer_value(json_object_get(j, "n_val")), 15);
    assert_int_equal(hs_split_again(&b, j, &err), 0);
    for (size_t i = 0; i < 50; i++)
        assert_true(a.problem_val[i] == b.problem_val[49 - i]);
    json_object_set_new(j, "digest", json_string("0000000000000000"));
    assert_int_equal(hs_split_again(&b, j, &err), -1);
    assert_string_equal(err.text,
                        "the held-out problems are not those of the probes");
    hs_trajset_free(&b);
    fake_set(&b, 49, false);
    assert_int_equal(hs_split_again(&b, j, &err), -1);
    assert_string_equal(err.text,
                        "49 problems with a reward, where the probes had 50");
    json_decref(j);
    hs_trajset_free(&a);
    hs_trajset_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
