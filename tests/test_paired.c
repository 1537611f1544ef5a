/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_paired.c - proportions and paired conditions: small cases counted one by
 * one, and what lies at the edges.  ref/stats.txt has what other programs say.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "stats/paired.h"

static void
near(double got, double want, double error)
{
    if (!(fabs(got - want) <= error))
        fail_msg("%.17g, expected %.17g", got, want);
}

static int
nothing(const struct hs_interval *v)
{
    return isnan(v->value) && isnan(v->se) && isnan(v->lo) && isnan(v->hi);
}

/* ---- Wilson ---- */

/* The ends solve (x - k/n)^2 = z^2 x (1 - x) / n, and mirror each other. */
static void
test_wilson(void **state)
{
    const double z = 1.959963984540054;
    struct hs_interval v, m;

    (void)state;
    for (uint64_t n = 1; n <= 60; n++) {
        for (uint64_t k = 0; k <= n; k++) {
            double p = (double)k / (double)n;

            hs_wilson(k, n, 0.95, &v);
            hs_wilson(n - k, n, 0.95, &m);
            near(v.value, p, 0);
            near(v.se, sqrt(p * (1 - p) / (double)n), 1e-16);
            near(fabs(v.lo - p), z * sqrt(v.lo * (1 - v.lo) / (double)n),
                 1e-15);
            near(fabs(v.hi - p), z * sqrt(v.hi * (1 - v.hi) / (double)n),
                 1e-15);
            near(v.lo, 1 - m.hi, 1e-16);
            assert_true(k == 0 ? v.lo == 0 : v.lo > 0 && v.lo < p);
            assert_true(k == n ? v.hi == 1 : v.hi < 1 && v.hi > p);
        }
    }
}

static void
test_wilson_edges(void **state)
{
    const double z = 1.959963984540054;
    struct hs_interval v;

    (void)state;
    hs_wilson(0, 0, 0.95, &v);
    assert_true(nothing(&v));
    hs_wilson(500000000, 1000000000, 0.95, &v);
    near(v.value, 0.5, 0);
    near(0.5 - v.lo, z / 2 / sqrt(1e9 + z * z), 1e-16);
    near(v.hi - 0.5, z / 2 / sqrt(1e9 + z * z), 1e-16);
    hs_wilson(1000000000, 1000000000, 0.95, &v);
    assert_true(v.hi == 1 && v.se == 0);
    near(1 - v.lo, z * z / (1e9 + z * z), 1e-15);
    /* of itself, where the difference of two like numbers would have no digit
     */
    hs_wilson(1, 1000000000000000, 0.95, &v);
    near(v.lo * 1e15 / (1 + z * z / 2 - z * sqrt(1 + z * z / 4)), 1, 1e-13);
    hs_wilson(7, 10, 0.5, &v);
    assert_true(v.lo > 0.58 && v.hi < 0.8);
}

/* ---- McNemar ---- */

/* All results of m coins. */
static void
test_mcnemar(void **state)
{
    (void)state;
    for (int m = 0; m <= 14; m++) {
        for (int b = 0; b <= m; b++) {
            long as_far = 0;

            for (long bits = 0; bits < 1L << m; bits++) {
                int heads = 0;

                for (int i = 0; i < m; i++)
                    heads += (bits >> i & 1) != 0;
                as_far += abs(2 * heads - m) >= abs(2 * b - m);
            }
            near(hs_mcnemar((uint64_t)b, (uint64_t)(m - b)),
                 (double)as_far / (double)(1L << m), 0);
        }
    }
}

/* Large ones were summed in 60 decimal digits. */
static void
test_mcnemar_edges(void **state)
{
    (void)state;
    assert_true(hs_mcnemar(0, 0) == 1);
    assert_true(hs_mcnemar(0, 1) == 1);
    assert_true(hs_mcnemar(5, 0) == 0.0625);
    assert_true(hs_mcnemar(0, 6) == 0.03125);
    assert_true(hs_mcnemar(0, 1000) == ldexp(1, -999));
    assert_true(hs_mcnemar(3000, 0) == 0);
    assert_true(hs_mcnemar(500000, 500000) == 1);
    assert_true(hs_mcnemar(499000, 501000) == hs_mcnemar(501000, 499000));
    near(hs_mcnemar(499000, 501000) / 0.045608299865382083, 1, 1e-11);
    near(hs_mcnemar(510000, 490000) / 5.5443632876992246e-89, 1, 1e-11);
    assert_true(hs_mcnemar(480000, 520000) == 0); /* 1e-348 */
    near(hs_mcnemar(500001, 499999) / 0.99920211563866823, 1, 1e-11);
}

/* ---- sign flips ---- */

static double
count_flips(const int32_t *d, int n)
{
    long long sum = 0;
    long as_far = 0;

    for (int i = 0; i < n; i++)
        sum += d[i];
    for (long bits = 0; bits < 1L << n; bits++) {
        long long s = 0;

        for (int i = 0; i < n; i++)
            s += (bits >> i & 1) != 0 ? d[i] : -(long long)d[i];
        as_far += llabs(s) >= llabs(sum);
    }
    return (double)as_far / (double)(1L << n);
}

static void
test_flips(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 400; run++) {
        int n = 1 + (int)(run % 12);
        uint64_t width = 1 + run % 5;
        int32_t d[12];

        for (int i = 0; i < n; i++)
            d[i] =
                (int32_t)hs_rng_below(1, 910, run, (uint32_t)i, 2 * width + 1) -
                (int32_t)width;
        near(hs_sign_flip(d, (size_t)n), count_flips(d, n), 0);
    }
}

static void
test_flip_edges(void **state)
{
    enum {
        N = 500
    };
    int32_t d[N + 1];

    (void)state;
    assert_true(hs_sign_flip(NULL, 0) == 1);
    assert_true(hs_sign_flip((int32_t[]){0, 0, 0}, 3) == 1);
    assert_true(hs_sign_flip((int32_t[]){-7}, 1) == 1);
    assert_true(hs_sign_flip((int32_t[]){INT32_MIN}, 1) == 1);
    assert_true(hs_sign_flip((int32_t[]){4, -4, 3, -3}, 4) == 1);
    assert_true(hs_sign_flip((int32_t[]){1, 2, 4}, 3) == 0.25);
    /* groups alike are coins, whatever their size */
    for (int size = 1; size <= 4; size += 3) {
        for (int i = 0; i < N; i++)
            d[i] = i < 100 ? 0 : i < 330 ? size : -size;
        near(hs_sign_flip(d, N), hs_mcnemar(230, 170), 0);
    }
    /* one of 2 among coins of 1: its sign is a coin of its own, so the sum of
     * the others has to reach 2 less, or 2 more */
    for (int i = 0; i < N; i++)
        d[i] = i < 300 ? 1 : -1;
    d[N] = 2;
    near(hs_sign_flip(d, N + 1) /
             ((hs_mcnemar(300, 200) + hs_mcnemar(302, 198)) / 2),
         1, 1e-12);
    for (int i = 0; i < N; i++)
        d[i] = 1;
    near(hs_sign_flip(d, N + 1), ldexp(1, -N), 0);
}

/* ---- many tests ---- */

static void
test_holm(void **state)
{
    /* the second would be 0.02 * 4 = 0.08, the third 0.02 * 3 without the step
     */
    const double p[] = {0.04, 0.001, 0.02, 0.9, 0.02};
    const double want[] = {0.08, 0.005, 0.08, 0.9, 0.08};
    double out[5], some[] = {NAN, 0.02, NAN, 0.03, 0.6};

    (void)state;
    hs_holm(p, 5, out);
    for (int i = 0; i < 5; i++)
        near(out[i], want[i], 1e-15);
    hs_holm(some, 5, some);
    assert_true(isnan(some[0]) && isnan(some[2]));
    near(some[1], 0.06, 1e-15);
    near(some[3], 0.06, 1e-15);
    near(some[4], 0.6, 0);
    hs_holm((double[]){0.4, 0.6, 0.5}, 3, out);
    assert_true(out[0] == 1 && out[1] == 1 && out[2] == 1);
    hs_holm((double[]){NAN}, 1, out);
    assert_true(isnan(out[0]));
    hs_holm((double[]){0.03}, 1, out);
    assert_true(out[0] == 0.03);
    out[0] = 7;
    hs_holm(NULL, 0, out);
    assert_true(out[0] == 7);
}

static void
test_rank_p(void **state)
{
    const double draws[] = {3, 1, 2, 2, 5};

    (void)state;
    near(hs_rank_p(0.5, draws, 5), 1 / 6.0, 0);
    near(hs_rank_p(1, draws, 5), 2 / 6.0, 0);
    near(hs_rank_p(2, draws, 5), 4 / 6.0, 0);
    near(hs_rank_p(4.9, draws, 5), 5 / 6.0, 0);
    near(hs_rank_p(INFINITY, draws, 5), 1, 0);
    near(hs_rank_p(2, (double[]){2, 2, 2}, 3), 1, 0);
    assert_true(isnan(hs_rank_p(1, draws, 0)));
    assert_true(isnan(hs_rank_p(NAN, draws, 5)));
    assert_true(isnan(hs_rank_p(9, (double[]){1, NAN}, 2)));
    assert_true(isnan(hs_rank_p(0, (double[]){NAN, 1}, 2)));
}

/* ---- bootstrap ---- */

static void
test_bootstrap(void **state)
{
    const int32_t diff[] = {1, 9, 0, -1, 2}, dense[] = {1, 0, -1, 2};
    const uint32_t count[] = {2, 0, 1, 3, 2}, full[] = {2, 1, 3, 2};
    struct hs_interval v, w;

    (void)state;
    hs_paired_bootstrap(NULL, NULL, 0, 100, 1, 0.95, &v);
    assert_true(nothing(&v));
    hs_paired_bootstrap(diff + 1, count + 1, 1, 100, 1, 0.95, &v);
    assert_true(nothing(&v));
    hs_paired_bootstrap(diff, count, 1, 100, 1, 0.95, &v);
    assert_true(v.value == 0.5 && v.se == 0 && v.lo == 0.5 && v.hi == 0.5);
    hs_paired_bootstrap((int32_t[]){1, 1, 1}, (uint32_t[]){3, 3, 3}, 3, 100, 1,
                        0.95, &v);
    assert_true(v.se == 0 && v.lo == v.value && v.hi == v.value);
    for (size_t draws = 0; draws < 2; draws++) {
        hs_paired_bootstrap(diff, count, 5, draws, 1, 0.95, &v);
        assert_true(v.value == 0.25);
        assert_true(isnan(v.se) && isnan(v.lo) && isnan(v.hi));
    }
    /* groups without items do not count */
    hs_paired_bootstrap(diff, count, 5, 400, 3, 0.9, &v);
    hs_paired_bootstrap(dense, full, 4, 400, 3, 0.9, &w);
    assert_memory_equal(&v, &w, sizeof v);
    assert_true(v.value == 0.25 && v.lo < v.value && v.value < v.hi);
    hs_paired_bootstrap(dense, full, 4, 400, 4, 0.9, &w);
    assert_true(v.se != w.se);
    /* groups move together: four items that do the same are one */
    hs_paired_bootstrap((int32_t[]){4, -4, 4, 0}, (uint32_t[]){4, 4, 4, 4}, 4,
                        400, 3, 0.9, &v);
    hs_paired_bootstrap((int32_t[]){1, -1, 1, 0}, (uint32_t[]){1, 1, 1, 1}, 4,
                        400, 3, 0.9, &w);
    assert_memory_equal(&v, &w, sizeof v);
}

/* ---- power ---- */

/* All ways to lose b and to gain g of n. */
static double
count_power(int n, double p_lost, double p_gained, double alpha)
{
    double sum = 0;

    for (int b = 0; b <= n; b++) {
        for (int g = 0; b + g <= n; g++) {
            double ways = 1;

            if (!(hs_mcnemar((uint64_t)b, (uint64_t)g) <= alpha))
                continue;
            for (int i = 0; i < b; i++)
                ways = ways * (n - i) / (i + 1);
            for (int i = 0; i < g; i++)
                ways = ways * (n - b - i) / (i + 1);
            sum += ways * pow(p_lost, b) * pow(p_gained, g) *
                   pow(1 - p_lost - p_gained, n - b - g);
        }
    }
    return sum;
}

static void
test_power(void **state)
{
    const double alphas[] = {0, 0.001, 0.0625, 0.05, 0.125, 0.5, 0.99, 1};
    const double shares[][2] = {{0, 0},      {1, 0},         {0, 1},
                                {0.5, 0.5},  {0.25, 0},      {0, 0.75},
                                {0.25, 0.5}, {0.125, 0.125}, {0.5, 0.25}};

    (void)state;
    for (int n = 0; n <= 24; n++) {
        for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
            for (size_t a = 0; a < sizeof alphas / sizeof *alphas; a++)
                near(hs_mcnemar_power((uint64_t)n, shares[s][0], shares[s][1],
                                      alphas[a]),
                     count_power(n, shares[s][0], shares[s][1], alphas[a]),
                     1e-13);
        }
    }
    assert_true(isnan(hs_mcnemar_power(10, 0.6, 0.6, 0.05)));
    assert_true(isnan(hs_mcnemar_power(10, -0.1, 0.6, 0.05)));
    assert_true(isnan(hs_mcnemar_power(10, NAN, 0.1, 0.05)));
    assert_true(isnan(hs_mcnemar_power(10, 0.1, 0.1, NAN)));
    near(hs_mcnemar_power(100000, 0.7, 0.3, 0.05), 1, 1e-12);
}

static void
test_drop(void **state)
{
    (void)state;
    for (uint64_t n = 10; n <= 1000; n *= 3) {
        for (double gained = 0; gained < 0.2; gained += 0.05) {
            double drop = hs_smallest_drop(n, gained, 0.05, 0.8);

            if (n == 10 && gained > 0.08) {
                assert_true(isnan(drop));
                assert_true(hs_mcnemar_power(n, 1 - gained, gained, 0.05) <
                            0.8);
                continue;
            }
            assert_true(hs_mcnemar_power(n, gained + drop, gained, 0.05) >=
                        0.8);
            assert_true(hs_mcnemar_power(n, gained + drop - 1.5e-6, gained,
                                         0.05) < 0.8);
        }
    }
    /* six of six must go for p of 1/32: all six of n have to be there */
    assert_true(hs_smallest_drop(6, 0, 0.05, 1) == 1);
    near(hs_smallest_drop(6, 0, 0.05, 0.5), pow(0.5, 1.0 / 6), 1e-6);
    assert_true(isnan(hs_smallest_drop(5, 0, 0.05, 0.1)));
    assert_true(isnan(hs_smallest_drop(0, 0, 0.05, 0.8)));
    assert_true(isnan(hs_smallest_drop(100, 0.5, 0.05, 0.8)));
    assert_true(isnan(hs_smallest_drop(100, 0.6, 0.05, 0.8)));
    assert_true(isnan(hs_smallest_drop(100, NAN, 0.05, 0.8)));
    assert_true(isnan(hs_smallest_drop(100, 0.1, 0.05, NAN)));
    assert_true(hs_smallest_drop(100, 0.1, 0.05, 0) == 0);
    assert_true(hs_smallest_drop(0, 0.1, 1, 0.8) == 0);
    /* normal theory: (1.960 + 0.842) standard errors of the difference */
    near(hs_smallest_drop(100000, 0.1, 0.05, 0.8),
         2.8016 * sqrt(0.2056 / 100000), 2e-5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wilson),    cmocka_unit_test(test_wilson_edges),
        cmocka_unit_test(test_mcnemar),   cmocka_unit_test(test_mcnemar_edges),
        cmocka_unit_test(test_flips),     cmocka_unit_test(test_flip_edges),
        cmocka_unit_test(test_holm),      cmocka_unit_test(test_rank_p),
        cmocka_unit_test(test_bootstrap), cmocka_unit_test(test_power),
        cmocka_unit_test(test_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
