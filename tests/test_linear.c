/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_linear.c - linear models at their optimum, singular systems, components
 * of fewer directions than asked for.
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
#include "stats/linear.h"

/* Standard normal, by Box and Muller. */
static double
normal(uint64_t seed, uint32_t a, uint32_t b)
{
    double u = hs_rng_uniform(seed, 900, a, b),
           v = hs_rng_uniform(seed, 901, a, b);

    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

/* A singular system is an error without a penalty, whatever rounding makes of
 * it, and none with one. */
static void
test_ridge_singular(void **state)
{
    enum {
        N = 40,
        D = 5
    };
    double x[N * D], y[N], w[D], b;
    struct hs_error err;

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t j = 0; j < D; j++)
            x[i * D + j] = normal(11, i, j) * (j + 1) + 100;
        y[i] = normal(12, i, 0);
    }
    assert_int_equal(hs_ridge(x, y, N, D, 0, w, &b, &err), 0);
    assert_int_equal(hs_ridge(x, y, D, D, 0, w, &b, &err), -1);
    for (uint32_t k = 0; k < 40; k++) {
        for (uint32_t i = 0; i < N; i++)
            x[i * D + 4] = (0.1 + k) * x[i * D] - 0.7 * x[i * D + 2] + 0.3;
        assert_int_equal(hs_ridge(x, y, N, D, 0, w, &b, &err), -1);
        assert_non_null(strstr(err.text, "singular"));
    }
    assert_int_equal(hs_ridge(x, y, N, D, 1e-3, w, &b, &err), 0);
    for (uint32_t i = 0; i < N; i++)
        x[i * D + 4] = 0.1;
    assert_int_equal(hs_ridge(x, y, N, D, 0, w, &b, &err), -1);
    assert_int_equal(hs_ridge(x, y, N, D, 1e-3, w, &b, &err), 0);
    assert_true(w[4] == 0);
    x[7] = NAN;
    assert_int_equal(hs_ridge(x, y, N, D, 1, w, &b, &err), -1);
    assert_int_equal(hs_ridge(x, y, 0, D, 1, w, &b, &err), -1);
}

/* Two columns that are nearly one: squared, their difference is near the last
 * digits of the sums, yet the weights come out as the columns themselves
 * determine them. */
static void
test_ridge_refined(void **state)
{
    enum {
        N = 50
    };
    double x[2 * N], y[N], w[2], b;
    struct hs_error err;

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        double whole = (double)hs_rng_below(21, 940, i, 0, 1000);

        x[2 * i] = whole;
        x[2 * i + 1] = whole + 0x1p-10 * (double)hs_rng_below(21, 941, i, 0, 8);
        y[i] = 3 + 2 * x[2 * i] - x[2 * i + 1];
    }
    assert_int_equal(hs_ridge(x, y, N, 2, 0, w, &b, &err), 0);
    if (!(fabs(w[0] - 2) < 1e-9 && fabs(w[1] + 1) < 1e-9 && fabs(b - 3) < 1e-9))
        fail_msg("%.17g %.17g %.17g", w[0], w[1], b);
}

/* Many more columns than rows (dual) and as many rows (primal), with large
 * means: the gradient vanishes, w and b being what was minimised. */
static void
check_optimum(size_t n, size_t d)
{
    double *x = hs_calloc(n * d, sizeof *x), *y = hs_calloc(n, sizeof *y);
    double *w = hs_calloc(2 * d, sizeof *w), b[2], *left, most = 0;
    const double lambda[] = {0.5, 300};
    struct hs_error err;

    left = hs_calloc(n, sizeof *left);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < d; j++)
            x[i * d + j] = normal(13, i, j) + (j % 7) * 10;
        y[i] = 5 + normal(14, i, 0) + x[i * d];
    }
    assert_int_equal(hs_ridge_path(x, y, n, d, lambda, 2, w, b, &err), 0);
    for (size_t l = 0; l < 2; l++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++) {
            left[i] = y[i] - b[l];
            for (size_t j = 0; j < d; j++)
                left[i] -= x[i * d + j] * w[l * d + j];
            sum += left[i];
        }
        most = fmax(most, fabs(sum));
        for (size_t j = 0; j < d; j++) {
            double g = -lambda[l] * w[l * d + j];

            for (size_t i = 0; i < n; i++)
                g += x[i * d + j] * left[i];
            most = fmax(most, fabs(g));
        }
    }
    if (!(most < 1e-9 * (double)n))
        fail_msg("%zu x %zu: gradient %g", n, d, most);
    free(left);
    free(w);
    free(y);
    free(x);
}

static void
test_ridge_optimum(void **state)
{
    (void)state;
    check_optimum(30, 300);
    check_optimum(700, 40); /* more rows than one product takes */
    check_optimum(64, 64);
}

static void
test_logistic(void **state)
{
    enum {
        N = 300,
        D = 20
    };
    static double x[N * D], left[N], w[D];
    uint8_t label[N], none[N] = {0};
    double b, most = 0, sum = 0;
    struct hs_error err;

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        label[i] = normal(15, i, 99) + normal(15, i, 0) > 0.5;
        for (uint32_t j = 0; j < D; j++)
            x[i * D + j] = (normal(15, i, j) + 20) * pow(10, (int)(j % 5) - 2);
    }
    assert_int_equal(hs_logistic(x, label, N, D, 0.1, w, &b, &err), 0);
    for (size_t i = 0; i < N; i++) {
        double z = b;

        for (size_t j = 0; j < D; j++)
            z += x[i * D + j] * w[j];
        left[i] = 1 / (1 + exp(-z)) - label[i];
        sum += left[i];
    }
    for (size_t j = 0; j < D; j++) {
        double g = 0.1 * w[j], scale = pow(10, (int)(j % 5) - 2);

        for (size_t i = 0; i < N; i++)
            g += x[i * D + j] * left[i];
        most = fmax(most, fabs(g) / scale);
    }
    if (!(most < 1e-4 && fabs(sum) < 1e-5))
        fail_msg("gradient %g, %g", most, sum);
    assert_int_equal(hs_logistic(x, none, N, D, 0.1, w, &b, &err), -1);
    assert_non_null(strstr(err.text, "class"));
    assert_int_equal(hs_logistic(x, label, N, D, 0, w, &b, &err), -1);
    /* separable, and a column that says nothing: the penalty holds both */
    for (size_t i = 0; i < N; i++) {
        x[i * 2] = label[i];
        x[i * 2 + 1] = 4;
    }
    assert_int_equal(hs_logistic(x, label, N, 2, 1e-6, w, &b, &err), 0);
    assert_true(w[0] > 10 && w[1] == 0);
}

/* Fewer directions than components: what is made up is orthonormal too. */
static void
check_components(size_t n, size_t d, size_t k, size_t rank)
{
    double *x = hs_calloc(n * d, sizeof *x), *mean = hs_calloc(d, sizeof *mean);
    double *e = hs_calloc(k * d, sizeof *e), *var = hs_calloc(k, sizeof *var);
    struct hs_error err;

    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < d; j++) {
            x[i * d + j] = 3;
            for (uint32_t r = 0; r < rank; r++)
                x[i * d + j] += normal(16, i, r) * normal(17, r, j);
        }
    }
    assert_int_equal(hs_pca(x, n, d, k, mean, e, var, &err), 0);
    for (size_t i = 0; i < k; i++) {
        double largest = 0;

        assert_true(var[i] >= 0 && (i == 0 || var[i] <= var[i - 1]));
        assert_true(i < rank ? var[i] > 1e-3 : var[i] < 1e-10);
        for (size_t j = 0; j < d; j++)
            largest =
                fabs(e[i * d + j]) > fabs(largest) ? e[i * d + j] : largest;
        assert_true(largest > 0);
        for (size_t l = 0; l <= i; l++) {
            double dot = 0;

            for (size_t j = 0; j < d; j++)
                dot += e[i * d + j] * e[l * d + j];
            assert_true(fabs(dot - (i == l)) < 1e-12);
        }
    }
    free(var);
    free(e);
    free(mean);
    free(x);
}

static void
test_pca(void **state)
{
    double x[4] = {1, 2, 3, 4}, mean[2], e[2], var[1];
    struct hs_error err;

    (void)state;
    check_components(50, 8, 8, 8);
    check_components(50, 8, 8, 2);
    check_components(10, 40, 9, 9);
    check_components(10, 40, 9, 3);
    check_components(10, 10, 9, 1);
    check_components(10, 40, 9, 0); /* constant */
    assert_int_equal(hs_pca(x, 1, 2, 1, mean, e, var, &err), -1);
    assert_int_equal(hs_pca(x, 2, 2, 2, mean, e, var, &err), -1);
    assert_int_equal(hs_pca(x, 2, 2, 1, mean, e, var, &err), 0);
    assert_true(fabs(var[0] - 4) < 1e-12);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ridge_singular),
        cmocka_unit_test(test_ridge_refined),
        cmocka_unit_test(test_ridge_optimum),
        cmocka_unit_test(test_logistic),
        cmocka_unit_test(test_pca),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
