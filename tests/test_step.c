/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_step.c - where the steps of a completion end, however it is cut into
 * tokens.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/step.h"

/* | stands behind the byte that ends a step. */
static const struct {
    struct hs_step_rule rule;
    const char *text;
} cases[] = {
    {{.kind = HS_STEP_LINE}, ""},
    {{.kind = HS_STEP_LINE}, "\n\n \n"},
    {{.kind = HS_STEP_LINE}, "a\n|"},
    {{.kind = HS_STEP_LINE}, "a\n|\n\nb\n|c"},
    {{.kind = HS_STEP_LINE}, "a \t\r\n| \n b\n|"},
    {{.kind = HS_STEP_LINE}, "```\n|x\n|\n```\n|"},
    {{.kind = HS_STEP_PARAGRAPH}, "a\nb\nc"},
    {{.kind = HS_STEP_PARAGRAPH}, "\n\na"},
    {{.kind = HS_STEP_PARAGRAPH}, "a\n\n|"},
    {{.kind = HS_STEP_PARAGRAPH}, "a\n\n|\n\nb\n\n|"},
    {{.kind = HS_STEP_PARAGRAPH}, "a\n\n|b\nc\n \t\r\n|d"},
    {{.kind = HS_STEP_PARAGRAPH}, "a \r\n\r\n|b"},
    {{.kind = HS_STEP_PARAGRAPH}, "a\n \n|\n\n\nb"},
    {{.kind = HS_STEP_PARAGRAPH}, "a\n\n|```c\nx\n\ny\n\n\n```\n\n|b\n\n|"},
    {{.kind = HS_STEP_PARAGRAPH}, "a\n  ```\nx\n\n  ```\n\n|"},
    {{.kind = HS_STEP_PARAGRAPH}, "a ```\n\n|b"},
    {{.kind = HS_STEP_PARAGRAPH}, "``\n\n|b"},
    {{.kind = HS_STEP_PARAGRAPH}, "`` `\n\n|b"},
    {{.kind = HS_STEP_PARAGRAPH}, "````\n\nx\n\n````\n\n|"},
    {{.kind = HS_STEP_PARAGRAPH}, "```\n\nnever closed\n\n"},
    {{.kind = HS_STEP_PARAGRAPH}, "\xc2\xa0\n\n|"},
};

enum {
    N_CASES = sizeof cases / sizeof cases[0],
    LONGEST = 64
};

/* Takes the marks out of a case: text (n), and whether a step ends at byte i.
 */
static size_t
unmark(const char *marked, char *text, bool *ends)
{
    size_t n = 0;

    for (const char *p = marked; *p != '\0'; p++) {
        if (*p == '|') {
            ends[n - 1] = true;
        } else {
            assert_true(n < LONGEST);
            ends[n] = false;
            text[n++] = *p;
        }
    }
    return n;
}

/* Feeds the text in tokens; bit i of cuts says that one ends behind byte i. */
static void
feed_cut(struct hs_step_rule rule, const char *text, const bool *ends, size_t n,
         uint64_t cuts)
{
    struct hs_step st = {.rule = rule};

    for (size_t from = 0; from < n;) {
        size_t to = from + 1;
        bool want = ends[from];

        while (to < n && (cuts >> (to - 1) & 1) == 0)
            want |= ends[to++];
        assert_int_equal(hs_step_feed(&st, text + from, to - from), want);
        from = to;
    }
}

static void
steps_end_where_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        char text[LONGEST];
        bool ends[LONGEST];
        size_t n = unmark(cases[i].text, text, ends);

        feed_cut(cases[i].rule, text, ends, n, ~UINT64_C(0));
        feed_cut(cases[i].rule, text, ends, n, 0);
    }
}

/* All ways for short ones, ways by a fixed pattern for the others. */
static void
however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        char text[LONGEST];
        bool ends[LONGEST];
        size_t n = unmark(cases[i].text, text, ends);
        uint64_t cuts = 0x9e3779b97f4a7c15;

        if (n <= 14)
            for (uint64_t all = 0; all < UINT64_C(1) << n; all++)
                feed_cut(cases[i].rule, text, ends, n, all);
        for (int k = 0; n > 14 && k < 5000; k++) {
            cuts = cuts * 6364136223846793005 + 1442695040888963407;
            feed_cut(cases[i].rule, text, ends, n, cuts ^ cuts >> 29);
        }
    }
}

static void
empty_tokens_change_nothing(void **state)
{
    struct hs_step st = {.rule = {.kind = HS_STEP_PARAGRAPH}};

    (void)state;
    assert_false(hs_step_feed(&st, "a\n", 2));
    assert_false(hs_step_feed(&st, NULL, 0));
    assert_true(hs_step_feed(&st, "\n", 1));
    assert_false(hs_step_feed(&st, "", 0));
    /* NUL is a byte like others. */
    assert_false(hs_step_feed(&st, "\0", 1));
    assert_true(hs_step_feed(&st, "\n\n", 2));
}

static void
names(void **state)
{
    static const char *const good[] = {"line", "paragraph", "sentence",
                                       "every:1", "every:4294967295"};
    static const char *const bad[] = {
        "Line", "", "every", "every:", "every:0", "every:4294967296",
        "every:2x", "every: 2"};
    struct hs_step_rule rule = {0};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct hs_buf b = {0};

        assert_int_equal(hs_step_parse(good[i], &rule), 0);
        hs_step_name(&rule, &b);
        assert_string_equal(hs_buf_cstr(&b), good[i]);
        hs_buf_free(&b);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(hs_step_parse(bad[i], &rule), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_end_where_they_should),
        cmocka_unit_test(however_they_are_cut),
        cmocka_unit_test(empty_tokens_change_nothing),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
