/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_plane.c - conversions to 16 bits, against their definition.
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
#include "stream/plane.h"

/* The f16 value of a pattern, by its definition. */
static double
f16_value(uint32_t h)
{
    uint32_t e = h >> 10 & 31, m = h & 1023;
    double x = e == 0 ? ldexp(m, -24) : ldexp(1024 + m, (int)e - 25);

    return h & 0x8000 ? -x : x;
}

static double
bf16_value(uint32_t h)
{
    uint32_t e = h >> 7 & 255, m = h & 127;
    double x = e == 0 ? ldexp(m, -133) : ldexp(128 + m, (int)e - 134);

    return h & 0x8000 ? -x : x;
}

/* Joins all patterns, compares, splits them again. */
static void
check_patterns(enum hs_dtype d, uint32_t infinite, double (*value)(uint32_t))
{
    enum {
        N = 65536
    };
    uint8_t *planes = hs_malloc(2 * N), *back = hs_malloc(2 * N);
    float *x = hs_calloc(N, sizeof *x);

    for (uint32_t h = 0; h < N; h++) {
        planes[h] = (uint8_t)(h >> 8);
        planes[N + h] = (uint8_t)h;
    }
    hs_plane_join(d, planes, N, x);
    for (uint32_t h = 0; h < N; h++) {
        uint32_t u;

        if ((h & infinite) == infinite) {
            assert_false(isfinite(x[h]));
            x[h] = 0;
            planes[h] = planes[N + h] = 0;
            continue;
        }
        memcpy(&u, &x[h], 4);
        assert_true((double)x[h] == value(h));
        assert_int_equal(u >> 31, h >> 15);
    }
    assert_int_equal(hs_plane_split(d, x, 1, N, N, back), HS_FIT_OK);
    assert_memory_equal(planes, back, 2 * N);
    free(planes);
    free(back);
    free(x);
}

static void
test_patterns(void **state)
{
    (void)state;
    check_patterns(HS_F16, 0x7c00, f16_value);
    check_patterns(HS_BF16, 0x7f80, bf16_value);
}

/* The pattern of x must be the nearest of h - 1, h, h + 1, even on a tie. */
static void
check_nearest(float x, uint32_t h, double (*value)(uint32_t))
{
    double d = fabs(value(h) - (double)x);

    assert_int_equal(h >> 15, signbit(x) != 0);
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t other = k == 0 ? h + 1 : h - 1;
        double away;

        if ((other ^ h) & 0x8000)
            continue;
        away = fabs(value(other) - (double)x);
        assert_true(d < away || (d == away && h % 2 == 0));
    }
}

/* Values at, just below and just above the middle of neighbours, and random
 * ones: rounded right, and by the fast code like by the slow one. */
static void
check_rounding(enum hs_dtype d, uint32_t infinite, double (*value)(uint32_t),
               uint16_t (*slow)(float))
{
    size_t n = 0, max = (size_t)4 * 65536;
    float *x = hs_calloc(max, sizeof *x);
    uint8_t *planes = hs_malloc(2 * max);

    for (uint32_t h = 0; h + 1 < infinite; h++) {
        float tie = (float)((value(h) + value(h + 1)) / 2);

        x[n++] = h % 2 ? -tie : tie;
        x[n++] = nextafterf(tie, 0);
        x[n++] = nextafterf(tie, INFINITY);
    }
    for (uint32_t i = 0; n < max; i++) {
        uint32_t w[4];
        float y;

        hs_rng_words(3, 0, i, 0, w);
        memcpy(&y, w, sizeof y);
        if (isfinite(y) && fabs((double)y) < value(infinite - 1))
            x[n++] = y;
    }
    assert_int_equal(hs_plane_split(d, x, 1, n, n, planes), HS_FIT_OK);
    for (size_t i = 0; i < n; i++) {
        uint32_t h = (uint32_t)planes[i] << 8 | planes[n + i];

        assert_int_equal(h, slow(x[i]));
        check_nearest(x[i], h, value);
    }
    free(x);
    free(planes);
}

static void
test_rounding(void **state)
{
    (void)state;
    check_rounding(HS_F16, 0x7c00, f16_value, hs_f16_from_float);
    check_rounding(HS_BF16, 0x7f80, bf16_value, hs_bf16_from_float);
}

/* Every length around the width of vectors, with one odd value anywhere. */
static void
test_fit(void **state)
{
    static const struct {
        float x;
        enum hs_fit fit[3];
    } odd[] = {
        {65519.99F, {HS_FIT_OK, HS_FIT_OK, HS_FIT_OK}},
        {65520.0F, {HS_FIT_OVERFLOW, HS_FIT_OK, HS_FIT_OK}},
        {-1e30F, {HS_FIT_OVERFLOW, HS_FIT_OK, HS_FIT_OK}},
        {3.4e38F, {HS_FIT_OVERFLOW, HS_FIT_OVERFLOW, HS_FIT_OK}},
        {NAN, {HS_FIT_NOT_FINITE, HS_FIT_NOT_FINITE, HS_FIT_NOT_FINITE}},
        {-INFINITY, {HS_FIT_NOT_FINITE, HS_FIT_NOT_FINITE, HS_FIT_NOT_FINITE}},
    };
    uint8_t out[4 * 70];
    float x[70];

    (void)state;
    for (size_t n = 1; n <= 70; n++)
        for (size_t at = 0; at < n; at++)
            for (size_t k = 0; k < sizeof odd / sizeof *odd; k++)
                for (enum hs_dtype d = HS_F16; d <= HS_F32; d++) {
                    memset(x, 0, sizeof x);
                    x[at] = odd[k].x;
                    assert_int_equal(hs_plane_split(d, x, 1, n, n, out),
                                     odd[k].fit[d]);
                    if (d == HS_F32)
                        memcpy(out, x, n * sizeof *x);
                    assert_int_equal(hs_plane_is_finite(d, out, n),
                                     odd[k].fit[d] == HS_FIT_OK);
                }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_fit),
    };

    return cmocka_run_group_tests_name("plane", tests, NULL, NULL);
}
