/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_product.c - matrix products, by each table that this processor runs,
 * against sums in double; and that a row's bits are its own.
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

#include "base/mem.h"
#include "base/rng.h"
#include "eachkern.h"
#include "model/kernel.h"
#include "base/team.h"

enum {
    MAX_ROWS = 70
};

/* A matrix of one type; values are those that its patterns stand for. */
struct matrix {
    struct hs_matrix m;
    char *stored;
    float *values; /* (rows, cols) */
};

/* Data starts off the alignment of 64, as it may in a file. */
static struct matrix
random_matrix(uint64_t seed, enum hs_wtype type, size_t rows, size_t cols)
{
    size_t n = rows * cols;
    struct matrix a = {.values = random_floats(seed, n)};
    uint16_t *half;

    a.stored = hs_malloc(n * sizeof(float) + 64);
    a.m = (struct hs_matrix){a.stored + 8, type, rows, cols};
    if (type == HS_W_F32) {
        memcpy(a.stored + 8, a.values, n * sizeof(float));
        return a;
    }
    half = (uint16_t *)(void *)(a.stored + 8);
    for (size_t i = 0; i < n; i++) {
        double u = hs_rng_uniform(seed, i, 1, 0);
        /* exponents about that of 1, all fractions */
        half[i] = type == HS_W_BF16 ? (uint16_t)(0x3d00 + (uint32_t)(u * 1024))
                                    : (uint16_t)(0x2800 + (uint32_t)(u * 8192));
        half[i] = (uint16_t)(half[i] | (i % 3 == 0 ? 0x8000 : 0));
        a.values[i] = (float)pattern_value(half[i], type == HS_W_BF16 ? 8 : 5);
    }
    return a;
}

static void
free_matrix(struct matrix *a)
{
    free(a->stored);
    free(a->values);
}

static void
check_product(const struct matrix *a, const float *bias, const float *x,
              const float *out, size_t n_rows)
{
    size_t k = a->m.cols, n_out = a->m.rows;

    for (size_t r = 0; r < n_rows; r++) {
        for (size_t o = 0; o < n_out; o++) {
            double sum = bias ? (double)bias[o] : 0, size = fabs(sum);

            for (size_t i = 0; i < k; i++) {
                double t = (double)x[r * k + i] * (double)a->values[o * k + i];

                sum += t;
                size += fabs(t);
            }
            check_near((double)out[r * n_out + o], sum, 1e-6 * size + 1e-30);
        }
    }
}

static float *
new_scratch(size_t max_rows, size_t max_k)
{
    return hs_calloc64(hs_product_scratch(2, max_rows, max_k), sizeof(float));
}

static struct hs_team *
new_team(size_t threads)
{
    struct hs_error err;
    struct hs_team *team = hs_team_new(threads, &err);

    assert_non_null(team);
    return team;
}

struct call {
    const struct hs_product *p;
    size_t n;
    const float *x;
    size_t x_stride, n_rows;
    float *scratch;
};

static void
call_products(void *ud, struct hs_team *team, size_t thread)
{
    const struct call *c = ud;

    hs_products(team, thread, c->p, c->n, c->x, c->x_stride, c->n_rows,
                c->scratch);
}

static void
run_products(struct hs_team *team, const struct hs_product *p, size_t n,
             const float *x, size_t x_stride, size_t n_rows, float *scratch)
{
    struct call c = {p, n, x, x_stride, n_rows, scratch};

    hs_team_run(team, call_products, &c);
}

static void
products(void **state)
{
    static const size_t ins[] = {1, 3, 17, 32, 64, 65, 640, 1409, 2080};
    static const size_t outs[] = {1, 3, 17, 32, 65};
    static const size_t some_rows[] = {1, 3, 16, 17, 31, 64, 65};
    float *scratch = new_scratch(300, 2080);
    struct hs_team *team = new_team(2);
    size_t seed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof ins / sizeof *ins; i++) {
        for (size_t o = 0; o < sizeof outs / sizeof *outs; o++) {
            for (int type = HS_W_F32; type <= HS_W_BF16; type++) {
                size_t n_rows = o == 0 ? 300 : some_rows[(i + o) % 7];
                struct matrix a =
                    random_matrix(++seed, (enum hs_wtype)type, outs[o], ins[i]);
                struct matrix b =
                    random_matrix(++seed, (enum hs_wtype)type, 33, ins[i]);
                float *x = random_floats(++seed, n_rows * ins[i]);
                float *y = random_floats(++seed, n_rows * outs[o]);
                float *z = random_floats(++seed, n_rows * 33);
                float *bias = random_floats(++seed, outs[o]);
                struct hs_product p[] = {{y, outs[o], &a.m, bias},
                                         {z, 33, &b.m, NULL}};

                run_products(team, p, 2, x, ins[i], n_rows, scratch);
                check_product(&a, bias, x, y, n_rows);
                check_product(&b, NULL, x, z, n_rows);
                free(x);
                free(y);
                free(z);
                free(bias);
                free_matrix(&a);
                free_matrix(&b);
            }
        }
    }
    free(scratch);
    hs_team_free(team);
}

/* Infinite and NaN inputs: in their own row, and there they show. */
static void
products_not_finite(void **state)
{
    enum {
        K = 70,
        ROWS = 20
    };
    uint32_t low_nan = 0x7f800001; /* lost if a float is cut to 16 bits */
    float nan, *x = random_floats(1, ROWS * K), out[ROWS * 3];
    float *scratch = new_scratch(ROWS, K);
    struct hs_team *team = new_team(2);

    (void)state;
    memcpy(&nan, &low_nan, sizeof nan);
    for (int type = HS_W_F32; type <= HS_W_BF16; type++) {
        struct matrix a = random_matrix(9, (enum hs_wtype)type, 3, K);
        struct hs_product p = {out, 3, &a.m, NULL};

        x[5 * K + 69] = INFINITY;
        x[6 * K + 3] = nan;
        x[7 * K + 3] = 3e37f;
        run_products(team, &p, 1, x, K, ROWS, scratch);
        for (size_t o = 0; o < 3; o++) {
            for (size_t r = 0; r < ROWS; r++)
                if (r != 5 && r != 6)
                    assert_true(isfinite(out[r * 3 + o]));
            assert_false(isfinite(out[5 * 3 + o]));
            assert_true(isnan(out[6 * 3 + o]));
        }
        free_matrix(&a);
    }
    free(x);
    free(scratch);
    hs_team_free(team);
}

/* Every row count, every position of a row, one thread and two. */
static void
products_one_by_one(void **state)
{
    static const size_t ins[] = {48, 673};
    enum {
        OUTS = 50
    };
    struct hs_team *teams[] = {NULL, new_team(1), new_team(2)};

    (void)state;
    for (int t = 0; t < 6; t++) {
        size_t k = ins[t % 2];
        struct matrix a =
            random_matrix(3, (enum hs_wtype)(HS_W_F32 + t / 2), OUTS, k);
        float *x = random_floats(4, MAX_ROWS * k), *scratch;
        float *one = hs_calloc(MAX_ROWS * OUTS, sizeof *one);
        float *all = hs_calloc(MAX_ROWS * OUTS, sizeof *all);
        struct hs_product p = {all, OUTS, &a.m, NULL};

        scratch = new_scratch(MAX_ROWS, k);
        for (size_t r = 0; r < MAX_ROWS; r++) {
            p.out = one + r * OUTS;
            run_products(teams[1], &p, 1, x + r * k, k, 1, scratch);
        }
        p.out = all;
        for (int threads = 1; threads <= 2; threads++) {
            for (size_t n = 1; n <= MAX_ROWS; n++) {
                size_t from = MAX_ROWS - n;

                memset(all, 0xff, MAX_ROWS * OUTS * sizeof *all);
                run_products(teams[threads], &p, 1, x + from * k, k, n,
                             scratch);
                assert_memory_equal(all, one + from * OUTS,
                                    n * OUTS * sizeof *all);
            }
        }
        free(x);
        free(one);
        free(all);
        free(scratch);
        free_matrix(&a);
    }
    hs_team_free(teams[1]);
    hs_team_free(teams[2]);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(products_not_finite),
        cmocka_unit_test(products_one_by_one),
    };

    return run_on_each(tests, sizeof tests / sizeof *tests);
}
