/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_auc.c - what no table of ref/ can hold of AUC and overlaps: exact
 * counts, intervals that cover, samples of whole groups.
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
#include "base/rngplace.h"
#include "stats/auc.h"
#include "stats/overlap.h"
#include "stats/rank.h"

/* A million items in three blocks of equal scores: the count of pairs is a
 * whole number that a double holds. */
static void
test_auc_exact(void **state)
{
    enum {
        N = 1000000
    };
    double *score = hs_calloc(N, sizeof *score), pairs = 0, won = 0;
    double pos[3] = {0}, neg[3] = {0};
    uint8_t *label = hs_calloc(N, 1);

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        size_t block = (size_t)hs_rng_below(1, 1, i, 0, 3);

        score[i] = (double)block;
        label[i] = hs_rng_below(1, 2, i, 0, 4) < block + 1;
        *(label[i] ? &pos[block] : &neg[block]) += 1;
    }
    for (size_t p = 0; p < 3; p++) {
        for (size_t q = 0; q < 3; q++) {
            pairs += pos[p] * neg[q];
            won += pos[p] * neg[q] * (p > q ? 1 : p == q ? 0.5 : 0);
        }
    }
    assert_true(hs_auc(score, label, N) == won / pairs);
    free(label);
    free(score);
}

/* Equal scores on both sides of the zeros; infinities are scores as others. */
static void
test_auc_edges(void **state)
{
    const double zeros[] = {-0.0, 0.0}, ends[] = {-INFINITY, 1, INFINITY};
    const uint8_t up[] = {0, 1, 1};
    struct hs_interval v;

    (void)state;
    assert_true(hs_auc(zeros, up, 2) == 0.5);
    assert_true(hs_auc(ends, up, 3) == 1);
    assert_true(isnan(hs_auc(zeros, up, 0)));
    hs_auc_delong((double[]){1, 2, 3, 4}, (uint8_t[]){0, 0, 1, 1}, 4, 0.95, &v);
    assert_true(v.value == 1 && v.se == 0 && v.lo == 1 && v.hi == 1);
    hs_auc_bootstrap(zeros, (uint8_t[]){1, 1}, (uint32_t[]){0, 1}, 2, 2, 10, 1,
                     0.95, &v);
    assert_true(isnan(v.value) && isnan(v.se) && isnan(v.lo) && isnan(v.hi));
    /* a draw has one class half of the time: ever so often none is given */
    hs_auc_bootstrap(zeros, up, (uint32_t[]){0, 1}, 2, 2, 0, 1, 0.95, &v);
    assert_true(v.value == 0.5 && isnan(v.se) && isnan(v.lo) && isnan(v.hi));
}

/* Standard normal, by Box and Muller. */
static double
normal(uint64_t seed, uint32_t a, uint32_t b)
{
    double u = hs_rng_uniform(seed, 900, a, b),
           v = hs_rng_uniform(seed, 901, a, b);

    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

/* Two normals one unit apart: AUC Phi(1 / sqrt 2). */
static void
test_coverage(void **state)
{
    enum {
        RUNS = 1000,
        BOOTS = 300,
        N = 120
    };
    const double truth = 0.76024993890652326;
    double score[N], other[N];
    uint8_t label[N];
    uint32_t group[N];
    size_t delong = 0, boot = 0, rejected = 0;

    (void)state;
    for (uint32_t run = 0; run < RUNS; run++) {
        struct hs_interval v;
        double p;

        for (uint32_t i = 0; i < N; i++) {
            label[i] = i % 3 == 0;
            score[i] = normal(7, run, i) + label[i];
            other[i] = normal(8, run, i) + label[i];
            group[i] = i;
        }
        hs_auc_delong(score, label, N, 0.95, &v);
        delong += v.lo <= truth && truth <= v.hi;
        hs_auc_difference(score, other, label, N, 0.95, &v, &p);
        rejected += p <= 0.05;
        assert_true((p <= 0.05) == (v.lo > 0 || v.hi < 0));
        if (run >= BOOTS)
            continue;
        hs_auc_bootstrap(score, label, group, N, N, 400, run, 0.95, &v);
        boot += v.lo <= truth && truth <= v.hi;
    }
    /* within five standard errors of the nominal level, and the bootstrap as
     * far again for being a percentile of 120 items */
    if (delong < 916 || delong > 984 || boot < 266 || rejected > 85 ||
        rejected < 20)
        fail_msg(
            "covered: DeLong %zu of 1000, bootstrap %zu of 300; equal "
            "ones told apart: %zu of 1000",
            delong, boot, rejected);
}

/* Ten copies of each item in its group leave the draws as they are; ten copies
 * as groups of their own pass for ten times the data. */
static void
test_groups_together(void **state)
{
    enum {
        N = 60,
        COPIES = 10
    };
    double score[N * COPIES];
    uint8_t label[N * COPIES];
    uint32_t whole[N * COPIES], alone[N * COPIES];
    struct hs_interval one, copied, apart, again, sparse;

    (void)state;
    for (uint32_t i = 0; i < N * COPIES; i++) {
        whole[i] = i % N;
        alone[i] = i;
        label[i] = i % N % 2 == 0;
        score[i] = normal(9, i % N, 0) + label[i];
    }
    hs_auc_bootstrap(score, label, whole, N, N, 500, 3, 0.9, &one);
    hs_auc_bootstrap(score, label, whole, N * COPIES, N, 500, 3, 0.9, &copied);
    hs_auc_bootstrap(score, label, alone, N * COPIES, N * COPIES, 500, 3, 0.9,
                     &apart);
    assert_true(one.value == copied.value && one.lo == copied.lo &&
                one.hi == copied.hi && one.se == copied.se);
    assert_true(apart.se < 0.5 * one.se);
    assert_true(apart.hi - apart.lo < 0.5 * (one.hi - one.lo));
    /* by seed alone; groups without items do not take part */
    hs_auc_bootstrap(score, label, whole, N, N, 500, 4, 0.9, &again);
    assert_true(again.value == one.value && again.lo != one.lo);
    for (uint32_t i = 0; i < N; i++)
        alone[i] = 3 * i + 1;
    hs_auc_bootstrap(score, label, alone, N, 3 * N, 500, 3, 0.9, &sparse);
    assert_true(sparse.lo == one.lo && sparse.hi == one.hi);
}

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* The same with each sample written out, item by item. */
static void
resample(const double *score, const uint8_t *label, const uint32_t *group,
         size_t n, size_t n_groups, uint64_t seed, struct hs_interval *out)
{
    enum {
        DRAWS = 101,
        MOST = 4000
    };
    static double picked[MOST], auc[DRAWS];
    static uint8_t marks[MOST];
    double mean = 0, squares = 0;
    size_t kept = 0;

    *out = (struct hs_interval){hs_auc(score, label, n), NAN, NAN, NAN};
    for (uint32_t b = 0; b < DRAWS && !isnan(out->value); b++) {
        size_t m = 0;

        for (uint32_t g = 0; g < n_groups; g++) {
            uint64_t from =
                hs_rng_below(seed, HS_RNG_BOOTSTRAP, b, g, n_groups);

            for (size_t i = 0; i < n; i++) {
                if (group[i] == from) {
                    assert_true(m < MOST);
                    picked[m] = score[i];
                    marks[m++] = label[i];
                }
            }
        }
        auc[kept] = hs_auc(picked, marks, m);
        kept += !isnan(auc[kept]);
    }
    if (2 * kept < DRAWS)
        return;
    qsort(auc, kept, sizeof *auc, ascending);
    for (size_t i = 0; i < kept; i++)
        mean += auc[i] / (double)kept;
    for (size_t i = 0; i < kept; i++)
        squares += pow(auc[i] - mean, 2);
    out->se = sqrt(squares / ((double)kept - 1));
    for (int end = 0; end < 2; end++) {
        double at = (end ? 0.9 : 0.1) * ((double)kept - 1), i = floor(at);
        double here = auc[(size_t)i], next = auc[(size_t)i + 1];

        *(end ? &out->hi : &out->lo) = here + (at - i) * (next - here);
    }
}

static void
test_bootstrap(void **state)
{
    enum {
        N = 40
    };
    double score[N];
    uint8_t label[N];
    uint32_t group[N];
    size_t without = 0;

    (void)state;
    for (uint32_t run = 0; run < 60; run++) {
        size_t n = run % 3 ? N : 2, n_groups = run % 3 ? 11 : 2;
        struct hs_interval want, got;

        for (uint32_t i = 0; i < n; i++) {
            group[i] = i < n_groups
                           ? i
                           : (uint32_t)hs_rng_below(run, 931, i, 0, n_groups);
            score[i] = (double)hs_rng_below(run, 932, i, 0, 6);
            label[i] = i < 2 ? (uint8_t)i
                             : hs_rng_uniform(run, 933, i, 0) < 0.1 * run / 20;
        }
        resample(score, label, group, n, n_groups, run, &want);
        hs_auc_bootstrap(score, label, group, n, n_groups, 101, run, 0.8, &got);
        without += isnan(want.se);
        assert_true(got.value == want.value);
        if (isnan(want.se) ? !(isnan(got.se) && isnan(got.lo) && isnan(got.hi))
                           : !(fabs(got.se - want.se) < 1e-12 &&
                               fabs(got.lo - want.lo) < 1e-12 &&
                               fabs(got.hi - want.hi) < 1e-12))
            fail_msg("run %u: %g (%g, %g), expected %g (%g, %g)", run, got.se,
                     got.lo, got.hi, want.se, want.lo, want.hi);
    }
    /* two problems, one of each kind: half of the draws are of one kind */
    assert_true(without >= 3 && without <= 17);
}

/* Quantiles that the sum of probabilities hits exactly: 1 of 40. */
static void
test_quantiles(void **state)
{
    struct hs_overlap v;

    (void)state;
    hs_overlap(40, 1, 39, 1, 0.95, &v);
    assert_true(v.lo == 0 && v.hi == 1.0 / 39);
    hs_overlap(40, 1, 1, 0, 0.95, &v);
    assert_true(v.lo == 0 && v.hi == 0 && v.p == 1);
    hs_overlap(39, 1, 1, 0, 0.95, &v);
    assert_true(v.lo == 0 && v.hi == 1);
    hs_overlap(1, 1, 1, 1, 0.95, &v);
    assert_true(v.lo == 1 && v.hi == 1 && v.expected == 1 && v.iou == 1);
}

static void
test_ranks(void **state)
{
    const double x[] = {3, -1, 3, 0, 3, -1};
    const double want[] = {5, 1.5, 5, 3, 5, 1.5};
    const uint32_t order[] = {1, 5, 3, 0, 2, 4};
    double rank[6];
    uint32_t got[6];

    (void)state;
    hs_midranks(x, 6, rank, got);
    for (size_t i = 0; i < 6; i++) {
        assert_true(rank[i] == want[i]);
        assert_int_equal(got[i], order[i]);
    }
    assert_int_equal(hs_count_shared((uint32_t[]){4, 0, 9}, 3,
                                     (uint32_t[]){9, 1, 2, 4}, 4, 10),
                     2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auc_exact),
        cmocka_unit_test(test_auc_edges),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_groups_together),
        cmocka_unit_test(test_bootstrap),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_ranks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
