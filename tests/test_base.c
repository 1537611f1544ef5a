/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_base.c - unit tests of common/base.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"

static void
scan_u64_takes_whole_numbers_in_range(void **state)
{
    static const char *const bad[] = {
        "",    "x", "1x", "-1", "+1", " 1", "1 ", "11", "99999999999999999999",
        "1.0", "1O"};
    struct hs_error err = {{0}};
    uint64_t v = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hs_scan_u64(bad[i], 0, 10, &v, &err), -1);
        assert_int_equal(v, 7);
        assert_true(err.text[0] != '\0');
    }
    assert_int_equal(hs_scan_u64("10", 0, 10, &v, &err), 0);
    assert_int_equal(v, 10);
}

static void
scan_f64_refuses_nan_and_inf(void **state)
{
    static const char *const bad[] = {"nan", "inf", "1e999", "", "1,5", "2"};
    struct hs_error err;
    double v = 0;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(hs_scan_f64(bad[i], 0, 1, &v, &err), -1);
    assert_int_equal(hs_scan_f64("0.25", 0, 1, &v, &err), 0);
    assert_true(v == 0.25);
}

static void
list_is_sorted_and_distinct(void **state)
{
    struct hs_list l;
    struct hs_error err;

    (void)state;
    hs_parse_list("-l", "7,2-4,3", &l);
    assert_int_equal(l.n, 4);
    assert_int_equal(l.v[0], 2);
    assert_int_equal(l.v[3], 7);
    assert_true(hs_list_has(&l, 3));
    assert_false(hs_list_has(&l, 5));
    assert_int_equal(hs_list_resolve(&l, 7, &err), -1);
    assert_int_equal(hs_list_resolve(&l, 8, &err), 0);
    hs_list_free(&l);
    hs_parse_list("-l", "all", &l);
    assert_int_equal(hs_list_resolve(&l, 3, &err), 0);
    assert_int_equal(l.n, 3);
    hs_list_free(&l);
}

/* The known answers of philox 4x32 with 10 rounds from the Random123
 * distribution (kat_vectors). */
static void
philox_known_answers(void **state)
{
    static const uint32_t zero[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c,
                                     0x9b00dbd8};
    static const uint32_t ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6,
                                     0x6d5451fd};
    uint32_t w[4];

    (void)state;
    hs_rng_words(0, 0, 0, 0, w);
    assert_memory_equal(w, zero, sizeof w);
    hs_rng_words(UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX, w);
    assert_memory_equal(w, ones, sizeof w);
}

static void
uniform_is_in_range_and_even(void **state)
{
    double sum = 0;

    (void)state;
    for (uint32_t i = 0; i < 10000; i++) {
        double u = hs_rng_uniform(1, 2, i, 3);

        assert_true(u >= 0 && u < 1);
        assert_true(hs_rng_below(1, 2, i, 3, 6) < 6);
        sum += u;
    }
    /* mean 0.5, standard error 0.0029 */
    assert_true(sum / 10000 > 0.485 && sum / 10000 < 0.515);
}

static void
errors_take_prefixes(void **state)
{
    struct hs_error err;

    (void)state;
    assert_int_equal(hs_fail(&err, "bad %d", 3), -1);
    assert_int_equal(hs_fail_prefix(&err, "file"), -1);
    assert_string_equal(err.text, "file: bad 3");
}

static void
buffers_grow(void **state)
{
    struct hs_buf b = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        hs_buf_printf(&b, "%d,", i % 10);
    assert_int_equal(b.len, 2000);
    assert_int_equal(strlen(hs_buf_cstr(&b)), 2000);
    hs_buf_free(&b);
    assert_null(b.data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_u64_takes_whole_numbers_in_range),
        cmocka_unit_test(scan_f64_refuses_nan_and_inf),
        cmocka_unit_test(list_is_sorted_and_distinct),
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(uniform_is_in_range_and_even),
        cmocka_unit_test(errors_take_prefixes),
        cmocka_unit_test(buffers_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
