/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_maxauc.c - the AUC of every coordinate under permuted rewards: against
 * all permutations of a small case, false alarms over many draws of noise, and
 * a coordinate that was planted.
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
#include "base/rng.h"
#include "stats/auc.h"
#include "stats/maxauc.h"

/* Nearly normal noise, rounded so that there are ties. */
static void
noise(uint64_t seed, uint32_t draw, size_t n, size_t d, float *x)
{
    for (uint32_t i = 0; i < n * d; i++) {
        double sum = 0;

        for (uint32_t k = 0; k < 4; k++)
            sum += hs_rng_uniform(seed, 910 + k, draw, i);
        x[i] = (float)(floor(sum * 64) / 64);
    }
}

static double
column_auc(const float *x, size_t d, size_t j, const uint8_t *label, size_t n)
{
    double *column = hs_calloc(n, sizeof *column), auc;

    for (size_t i = 0; i < n; i++)
        column[i] = (double)x[i * d + j];
    auc = hs_auc(column, label, n);
    free(column);
    return auc;
}

/* ---- all permutations ---- */

struct small {
    const float *x;
    const uint32_t *group;
    const uint8_t *label;
    size_t n, d, n_groups;
    size_t sizes[8], all, reached[8]; /* reached: by the largest of a draw */
    double own[8];
};

/* All ways in which groups take the labels of groups of their size; to[] says
 * whose so far. */
static void
enumerate(struct small *s, size_t *to, size_t at)
{
    uint8_t label[32];
    double most = 0;

    for (size_t g = 0; at < s->n_groups && g < s->n_groups; g++) {
        int taken = s->sizes[g] != s->sizes[at];

        for (size_t k = 0; k < at; k++)
            taken |= to[k] == g;
        to[at] = g;
        if (!taken)
            enumerate(s, to, at + 1);
    }
    if (at < s->n_groups)
        return;
    for (size_t i = 0; i < s->n; i++) {
        size_t place = 0, from = 0;

        for (size_t k = 0; k < i; k++)
            place += s->group[k] == s->group[i];
        for (from = 0; s->group[from] != to[s->group[i]] || place > 0; from++)
            place -= s->group[from] == to[s->group[i]];
        label[i] = s->label[from];
    }
    for (size_t j = 0; j < s->d; j++)
        most = fmax(most, fabs(column_auc(s->x, s->d, j, label, s->n) - 0.5));
    s->all++;
    for (size_t j = 0; j < s->d; j++)
        s->reached[j] += most >= s->own[j] - 1e-12;
}

/* Problems of one to two rows, rows of a problem apart from each other. */
static void
compare_all(uint64_t seed, size_t d)
{
    enum {
        N = 11,
        MOST = 4,
        DRAWS = 20000
    };
    static const uint32_t group[N] = {0, 1, 2, 3, 4, 5, 3, 4, 6, 5, 6};
    static const uint8_t label[N] = {1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0};
    struct small s = {
        .group = group, .label = label, .n = N, .d = d, .n_groups = 7};
    size_t to[8];
    struct hs_maxauc m;
    float x[N * MOST];

    noise(1, (uint32_t)seed, N, d, x);
    for (size_t i = 0; i < N && d == MOST; i++) {
        x[i * d + 2] = 1;                     /* says nothing */
        x[i * d + 3] = (float)(label[i] + i); /* with ties */
    }
    s.x = x;
    for (size_t i = 0; i < N; i++)
        s.sizes[group[i]]++;
    for (size_t j = 0; j < d; j++)
        s.own[j] = fabs(column_auc(x, d, j, label, N) - 0.5);
    enumerate(&s, to, 0);
    assert_int_equal(s.all, 6 * 24);
    hs_maxauc(x, d, label, group, N, d, 7, DRAWS, seed, 0.05, &m);
    for (size_t j = 0; j < d; j++) {
        double p = (double)s.reached[j] / (double)s.all;

        assert_true(fabs(m.auc[j] - column_auc(x, d, j, label, N)) < 1e-15);
        if (!(fabs(m.p[j] - p) < 5 * sqrt(p * (1 - p) / DRAWS) + 1e-4))
            fail_msg("coordinate %zu: p %g, by all permutations %g", j, m.p[j],
                     p);
        assert_true(d < MOST || j != 2 || (m.p[j] == 1 && m.auc[j] == 0.5));
    }
    hs_maxauc_free(&m);
}

static void
test_all_permutations(void **state)
{
    (void)state;
    compare_all(5, 4);
    for (uint64_t seed = 0; seed < 8; seed++)
        compare_all(seed, 1);
}

/* ---- levels ---- */

enum {
    N = 90,
    D = 40
};

static void
rewards(uint32_t draw, uint8_t *label, uint32_t *group)
{
    for (uint32_t i = 0; i < N; i++) {
        /* sixty problems, half of them with two rows of one reward */
        group[i] = i < 60 ? i / 2 : i - 30;
        label[i] = hs_rng_uniform(3, 920, draw, group[i]) < 0.4;
    }
}

/* Rows of a problem are alike, so that permuting rows would be wrong. */
static void
test_false_alarms(void **state)
{
    enum {
        RUNS = 300
    };
    static float x[N * D];
    uint8_t label[N];
    uint32_t group[N];
    size_t alarms = 0;

    (void)state;
    for (uint32_t run = 0; run < RUNS; run++) {
        struct hs_maxauc m;
        int alarm = 0;

        noise(2, run, N, D, x);
        rewards(run, label, group);
        for (size_t i = 1; i < 60; i += 2)
            memcpy(x + i * D, x + (i - 1) * D, D * sizeof *x);
        hs_maxauc(x, D, label, group, N, D, 60, 199, run, 0.05, &m);
        for (size_t j = 0; j < D; j++) {
            int beyond = fabs(m.auc[j] - 0.5) > m.threshold;

            assert_int_equal(beyond, m.p[j] <= 0.05);
            alarm |= beyond;
        }
        alarms += (size_t)alarm;
        hs_maxauc_free(&m);
    }
    /* 300 draws at 5 %: 15, within the binomial's 95 % and more than none */
    if (alarms > 23 || alarms < 8)
        fail_msg("%zu alarms of %d", alarms, RUNS);
}

static void
test_planted(void **state)
{
    static float x[N * D];
    uint8_t label[N];
    uint32_t group[N];
    struct hs_maxauc m, again, other;

    (void)state;
    noise(4, 0, N, D, x);
    rewards(0, label, group);
    for (size_t i = 0; i < N; i++)
        x[i * D + 17] += (float)(label[i] ? -1 : 0);
    hs_maxauc(x, D, label, group, N, D, 60, 999, 1, 0.05, &m);
    hs_maxauc(x, D, label, group, N, D, 60, 999, 1, 0.05, &again);
    hs_maxauc(x, D, label, group, N, D, 60, 999, 2, 0.05, &other);
    for (size_t j = 0; j < D; j++) {
        assert_int_equal(m.p[j] <= 0.05, j == 17);
        assert_true(m.p[j] == again.p[j] && m.auc[j] == other.auc[j]);
    }
    if (!(m.p[17] == 0.001 && m.auc[17] < 0.3))
        fail_msg("planted: AUC %g, p %g", m.auc[17], m.p[17]);
    assert_true(m.threshold == again.threshold);
    assert_true(m.threshold != other.threshold);
    hs_maxauc_free(&other);
    hs_maxauc_free(&again);
    hs_maxauc_free(&m);
}

/* Parts of columns and draws join without a seam: each column alone, each with
 * fewer draws, as all together. */
static void
test_parts(void **state)
{
    enum {
        WIDE = 700,
        ROWS = 20,
        DRAWS = 600
    };
    float *x = hs_calloc(ROWS * (WIDE + 3), sizeof *x);
    uint8_t label[ROWS];
    uint32_t group[ROWS];
    struct hs_maxauc m, one;
    double most = -1;

    (void)state;
    noise(6, 0, ROWS, WIDE + 3, x);
    for (uint32_t i = 0; i < ROWS; i++) {
        label[i] = i % 3 == 0;
        group[i] = i;
    }
    x[5 * (WIDE + 3) + 300] = NAN;
    hs_maxauc(x, WIDE + 3, label, group, ROWS, WIDE, ROWS, DRAWS, 1, 0.1, &m);
    for (size_t j = 0; j < WIDE; j++) {
        double auc = column_auc(x, WIDE + 3, j, label, ROWS);

        if (j == 300) {
            assert_true(isnan(m.auc[j]) && isnan(m.p[j]));
            continue;
        }
        assert_true(fabs(m.auc[j] - auc) < 1e-15);
        hs_maxauc(x + j, WIDE + 3, label, group, ROWS, 1, ROWS, DRAWS, 1, 0.1,
                  &one);
        assert_true(one.p[0] <= m.p[j] && one.threshold <= m.threshold);
        most = fmax(most, one.threshold);
        hs_maxauc_free(&one);
    }
    assert_true(m.threshold >= most && m.threshold <= 0.5);
    hs_maxauc_free(&m);
    free(x);
}

static void
test_nothing(void **state)
{
    const float x[] = {1, 2, 3, 4};
    const uint8_t same[] = {1, 1, 1, 1}, mixed[] = {0, 0, 1, 1};
    const uint32_t group[] = {0, 1, 2, 3};
    struct hs_maxauc m;

    (void)state;
    hs_maxauc(x, 1, same, group, 4, 1, 4, 20, 1, 0.05, &m);
    assert_true(isnan(m.auc[0]) && isnan(m.p[0]) && isnan(m.threshold));
    hs_maxauc_free(&m);
    /* so few draws that no p is small enough */
    hs_maxauc(x, 1, mixed, group, 4, 1, 4, 10, 1, 0.05, &m);
    assert_true(m.auc[0] == 1 && m.p[0] > 0.05 && m.threshold == INFINITY);
    hs_maxauc_free(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_permutations),
        cmocka_unit_test(test_false_alarms),
        cmocka_unit_test(test_planted),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
