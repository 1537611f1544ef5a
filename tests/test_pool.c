/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_pool.c - z-scores and pooled rows of made-up states.  Reference numbers
 * are NumPy's: tests/ref/pool.py.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rpe/pool.h"

enum {
    D = 3,
    N = 6 /* s_0 .. s_5; steps 1-2 and 3-5 */
};

static const float mean[D] = {0, 1, 2}, scale[D] = {1, 0.5F, 1 / 3.0F};

static const struct {
    double z[3][D];    /* of s_0, s_1 and s_5 */
    double rows[2][D]; /* of the steps */
} want[] = {
    {{{-0.177947906, 1.71885851, 0},
      {0.146046291, -1.19197831, 0},
      {1.31503319, -0.338001177, 0}},
     {{-0.336702634, 0.0954451065, 0}, {0.224468423, -0.063630071, 0}}},
    {{{0, 0.841470957, 3332.66667},
      {0.141120002, -0.756802499, 3332.66667},
      {0.650287867, -0.287903324, 3332.66699}},
     {{-0.0691477433, -0.0499079525, 3332.66667},
      {0.175277809, -0.137252469, 3332.66678}}},
    {{{0, 0, 0}, {1, -1, 0}, {1.46916367, -0.559967802, 0}},
     {{-0.16757377, -0.213020806, 0}, {0.458710437, -0.314249861, 0}}},
};

static void
state(size_t t, float *x)
{
    x[0] = (float)sin(3.0 * (double)t);
    x[1] = (float)(sin(3.0 * (double)t + 1) * 2 + 1);
    x[2] = (float)(1e4 + 1e-4 * (double)t);
}

static void
near(const float *got, const double *wanted)
{
    for (size_t j = 0; j < D; j++)
        assert_true(fabs((double)got[j] - wanted[j]) <=
                    2e-6 * fmax(1, fabs(wanted[j])));
}

/* Feeds s_from .. s_(to - 1), and ends steps where they end. */
static void
feed(struct hs_pooler *p, enum hs_znorm how, size_t from, size_t to)
{
    float x[D], z[D], row[D];

    for (size_t t = from; t < to; t++) {
        state(t, x);
        hs_pooler_feed(p, x, z);
        if (t < 2 || t == 5)
            near(z, want[how].z[t == 5 ? 2 : t]);
        if (t == 2 || t == 5) {
            hs_pooler_step(p, row);
            near(row, want[how].rows[t == 5]);
        }
    }
}

static void
begin(struct hs_pooler *p, enum hs_znorm how)
{
    float x[D];

    hs_pooler_start(p);
    for (size_t t = 1; t < N && how == HS_ZNORM_RESPONSE; t++) {
        state(t, x);
        hs_pooler_look(p, x);
    }
}

static struct hs_pooler *
new_pooler(enum hs_znorm how)
{
    return hs_pooler_new(how, how == HS_ZNORM_TRAIN ? mean : NULL,
                         how == HS_ZNORM_TRAIN ? scale : NULL, D);
}

static void
test_rows(void **st)
{
    (void)st;
    for (int how = 0; how <= HS_ZNORM_CAUSAL; how++) {
        struct hs_pooler *p = new_pooler((enum hs_znorm)how);

        for (int again = 0; again < 2; again++) { /* nothing is left over */
            begin(p, (enum hs_znorm)how);
            feed(p, (enum hs_znorm)how, 0, N);
        }
        hs_pooler_free(p);
    }
}

/* A copy taken anywhere goes on as the original would. */
static void
test_copy(void **st)
{
    (void)st;
    for (int how = 0; how <= HS_ZNORM_CAUSAL; how++)
        for (size_t at = 0; at <= N; at++) {
            struct hs_pooler *a = new_pooler((enum hs_znorm)how),
                             *b = new_pooler((enum hs_znorm)how);

            begin(a, (enum hs_znorm)how);
            feed(a, (enum hs_znorm)how, 0, at);
            hs_pooler_copy(b, a);
            feed(a, (enum hs_znorm)how, at, N);
            feed(b, (enum hs_znorm)how, at, N);
            hs_pooler_free(a);
            hs_pooler_free(b);
        }
}

/* Mean and scale of train; a deviation that is rounding is none. */
static void
test_train(void **st)
{
    const double means[] = {1.5, 1e4, -2, 0, 7},
                 sigma[] = {0.5, 9e-3, 0, 1e-60, 2e-5},
                 most[] = {3, 1e4, 2, 1e-60, 7};
    const float want_scale[] = {2, 0, 0, 0, 5e4F};
    float m[5], s[5];

    (void)st;
    hs_znorm_train(means, sigma, most, 5, m, s);
    for (size_t j = 0; j < 5; j++) {
        assert_true(m[j] == (float)means[j]);
        assert_true(fabs((double)s[j] - (double)want_scale[j]) <=
                    1e-6 * (double)want_scale[j]);
    }
}

static void
test_names(void **st)
{
    enum hs_znorm z;

    (void)st;
    for (int i = 0; i <= HS_ZNORM_CAUSAL; i++) {
        assert_int_equal(hs_znorm_parse(hs_znorm_name((enum hs_znorm)i), &z),
                         0);
        assert_int_equal(z, i);
    }
    assert_int_equal(hs_znorm_parse("responses", &z), -1);
    hs_pooler_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
