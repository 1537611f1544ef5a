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
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/tokenizer.h"
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
    {{.kind = HS_STEP_SENTENCE}, ""},
    {{.kind = HS_STEP_SENTENCE}, " \n "},
    {{.kind = HS_STEP_SENTENCE}, "a. |b"},
    {{.kind = HS_STEP_SENTENCE}, "a b.c d"},
    {{.kind = HS_STEP_SENTENCE}, "3.14 and .5 ok? |x"},
    {{.kind = HS_STEP_SENTENCE}, "So?!\t| b... |c."},
    {{.kind = HS_STEP_SENTENCE}, "a.\n|b\n|\n\nc. |\n\nd"},
    {{.kind = HS_STEP_SENTENCE}, "a .b. | c .\r|\n d\r\n|"},
    {{.kind = HS_STEP_SENTENCE}, "He: \"no.\" |(Yes!) |[a.] |{b?} |"},
    {{.kind = HS_STEP_SENTENCE}, "**a.** |_b._ |'c.' |\"d.'\" |e"},
    {{.kind = HS_STEP_SENTENCE}, "a.( b.\" |c.x) d"},
    {{.kind = HS_STEP_SENTENCE}, "(a) b] c* d' e_ f"},
    {{.kind = HS_STEP_SENTENCE}, ". |. |\n"},
    {{.kind = HS_STEP_SENTENCE}, "```\n|x = 1.\n|\ny.\n|```\n|"},
    {{.kind = HS_STEP_SENTENCE}, "a.\xe2\x80\x9d b"},
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

/* Tokens with several boundaries in them end one step, and what is behind the
 * last boundary begins the next. */
static void
several_in_a_token(void **state)
{
    static const struct hs_step_rule line = {.kind = HS_STEP_LINE};
    struct hs_step st = {.rule = line};

    (void)state;
    assert_true(hs_step_feed(&st, "a\nb\nc", 5));
    assert_int_equal(st.n_tokens, 0);
    assert_true(st.something); /* the c */
    assert_true(hs_step_feed(&st, "\n", 1));
    assert_false(st.something);
    assert_true(hs_step_feed(&st, "a\nb\n", 4));
    assert_false(st.something);
    assert_false(hs_step_feed(&st, "\n", 1));
    st = (struct hs_step){.rule.kind = HS_STEP_SENTENCE};
    assert_true(hs_step_feed(&st, "A. B! C?", 8));
    assert_true(hs_step_feed(&st, " ", 1)); /* of C? */
    assert_false(hs_step_feed(&st, " ", 1));
    st = (struct hs_step){.rule.kind = HS_STEP_PARAGRAPH};
    assert_true(hs_step_feed(&st, "a\n\nb\n\n```\n", 10));
    assert_true(st.fenced);
    assert_false(hs_step_feed(&st, "c\n\nd\n\n", 6));
}

static void
nul_bytes(void **state)
{
    struct hs_step st = {.rule.kind = HS_STEP_SENTENCE};

    (void)state;
    /* It is no white space, and no quote that closes. */
    assert_false(hs_step_feed(&st, "a.\0 ", 4));
    assert_true(hs_step_feed(&st, "\0. ", 3));
    st = (struct hs_step){.rule.kind = HS_STEP_LINE};
    assert_true(hs_step_feed(&st, "\0\n", 2));
}

/* A token a byte; | behind the byte that ends a step of at least so many. */
static void
least_tokens(void **state)
{
    static const struct {
        struct hs_step_rule rule;
        const char *text;
    } few[] = {
        {{.kind = HS_STEP_LINE, .min_tokens = 1}, "a\n|b\n|"},
        {{.kind = HS_STEP_LINE, .min_tokens = 2}, "a\n|b\n|"},
        {{.kind = HS_STEP_LINE, .min_tokens = 3}, "a\nb\n|c\nd\n|"},
        {{.kind = HS_STEP_LINE, .min_tokens = 5}, "a\nb\nccc\n|dddd\n|"},
        {{.kind = HS_STEP_SENTENCE, .min_tokens = 4}, "a. b. |c. ddd\n|"},
        {{.kind = HS_STEP_PARAGRAPH, .min_tokens = 6}, "a\n\nb\n\n|cc\n\n"},
        {{.kind = HS_STEP_EVERY, .every = 1}, "a|b|\n|"},
        {{.kind = HS_STEP_EVERY, .every = 3}, "\n\n\n|abc|d"},
        {{.kind = HS_STEP_EVERY, .every = 3, .min_tokens = 2}, "abc|def|"},
        {{.kind = HS_STEP_EVERY, .every = 2, .min_tokens = 5}, "abcde|fghij|k"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        char text[LONGEST];
        bool ends[LONGEST];
        size_t n = unmark(few[i].text, text, ends);

        feed_cut(few[i].rule, text, ends, n, ~UINT64_C(0));
    }
}

/* ---- whole completions */

static struct hs_tokenizer *
open_tokenizer(void)
{
    struct hs_buf path = {0};
    struct hs_tokenizer *tok;
    struct hs_error err;

    hs_buf_printf(&path, "%s/tests/ref/tokenizer-qwen.json",
                  getenv("HS_SRCDIR"));
    tok = hs_tokenizer_open(hs_buf_cstr(&path), &err);
    assert_non_null(tok);
    hs_buf_free(&path);
    return tok;
}

/* A completion of a token a byte; | behind each boundary but the first, the end
 * included. */
static void
split_case(const struct hs_tokenizer *tok, struct hs_step_rule rule,
           const char *marked)
{
    char text[LONGEST];
    bool ends[LONGEST];
    size_t n = unmark(marked, text, ends), m = 0, want = 1;
    uint32_t tokens[LONGEST], *at = NULL;
    struct hs_error err;

    for (size_t i = 0; i < n; i++) {
        char s[2] = {text[i], '\0'};
        int64_t id = hs_tokenizer_id(tok, s);

        assert_true(id >= 0);
        tokens[i] = (uint32_t)id;
    }
    assert_int_equal(hs_step_split(&rule, tok, tokens, n, &at, &m, &err), 0);
    assert_int_equal(at[0], 0);
    for (size_t i = 0; i < n; i++) {
        if (!ends[i])
            continue;
        assert_true(want < m);
        assert_int_equal(at[want++], i + 1);
    }
    assert_int_equal(m, want);
    free(at);
}

static void
completions_are_split(void **state)
{
    static const struct {
        struct hs_step_rule rule;
        const char *text;
    } whole[] = {
        {{.kind = HS_STEP_LINE}, ""},
        {{.kind = HS_STEP_LINE}, "a|"},
        {{.kind = HS_STEP_LINE}, "a\n|"},
        {{.kind = HS_STEP_LINE}, "a\n|b|"},
        /* a tail of white space belongs to the step before it */
        {{.kind = HS_STEP_LINE}, "a\n|b\n \n\n|"},
        {{.kind = HS_STEP_LINE}, "a\n  |"},
        /* unless there is none */
        {{.kind = HS_STEP_LINE}, " \n |"},
        {{.kind = HS_STEP_PARAGRAPH}, "a\n\n|b\nc|"},
        {{.kind = HS_STEP_PARAGRAPH}, "a\n\n\n|"},
        {{.kind = HS_STEP_SENTENCE}, "A b. |C d.|"},
        {{.kind = HS_STEP_SENTENCE}, "A b. |C d. |"},
        {{.kind = HS_STEP_SENTENCE}, "A. |B. \n|"},
        /* a tail that is too short, likewise */
        {{.kind = HS_STEP_LINE, .min_tokens = 3}, "aa\n|bb\n|"},
        {{.kind = HS_STEP_LINE, .min_tokens = 3}, "aa\n|bb\nb|"},
        {{.kind = HS_STEP_LINE, .min_tokens = 3}, "aa\n|bb\n|ccc|"},
        /* min_tokens beyond the answer: one step */
        {{.kind = HS_STEP_LINE, .min_tokens = 9}, "a\nb\nc\n|"},
        {{.kind = HS_STEP_LINE, .min_tokens = 9}, "a|"},
        {{.kind = HS_STEP_SENTENCE, .min_tokens = 99}, "A. B. C. |"},
        {{.kind = HS_STEP_LINE, .min_tokens = 9}, ""},
        {{.kind = HS_STEP_EVERY, .every = 2}, ""},
        {{.kind = HS_STEP_EVERY, .every = 2}, "a|"},
        {{.kind = HS_STEP_EVERY, .every = 2}, "ab|"},
        {{.kind = HS_STEP_EVERY, .every = 2}, "ab|cd|e|"},
        /* white space counts like anything else there */
        {{.kind = HS_STEP_EVERY, .every = 2}, "ab|\n\n|\n|"},
        {{.kind = HS_STEP_EVERY, .every = 9}, "abc|"},
        {{.kind = HS_STEP_EVERY, .every = 2, .min_tokens = 2}, "ab|cde|"},
        {{.kind = HS_STEP_EVERY, .every = 3, .min_tokens = 9}, "abcdefgh|"},
    };
    struct hs_tokenizer *tok = open_tokenizer();

    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        split_case(tok, whole[i].rule, whole[i].text);
    hs_tokenizer_free(tok);
}

/* Every completion of up to 9 tokens: boundaries ascend from 0 to the end, no
 * step is shorter than it may be unless it is the only one. */
static void
split_keeps_its_word(void **state)
{
    struct hs_tokenizer *tok = open_tokenizer();
    const char *letters[] = {"a", "\n", " ", "."};
    uint32_t ids[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        ids[i] = (uint32_t)hs_tokenizer_id(tok, letters[i]);
    for (uint32_t code = 0; code < 1u << 18; code += 7) {
        struct hs_step_rule rule = {.kind = (enum hs_step_kind)(code % 3),
                                    .min_tokens = code % 5};
        uint32_t tokens[9], *at = NULL;
        size_t n = code % 10, m = 0;
        struct hs_error err;

        for (size_t i = 0; i < n; i++)
            tokens[i] = ids[code >> 2 * i & 3];
        assert_int_equal(hs_step_split(&rule, tok, tokens, n, &at, &m, &err),
                         0);
        assert_int_equal(at[0], 0);
        assert_int_equal(at[m - 1], n);
        assert_int_equal(m > 1, n > 0);
        for (size_t i = 1; i < m; i++) {
            assert_true(at[i] > at[i - 1]);
            assert_true(m == 2 || at[i] - at[i - 1] >= rule.min_tokens);
        }
        free(at);
    }
    hs_tokenizer_free(tok);
}

/* A token that stands for nothing is an error, unless nobody reads it; an end
 * of text is not among the tokens that are fed. */
static void
unknown_tokens(void **state)
{
    static const uint32_t tokens[2] = {0, 4000000000};
    struct hs_tokenizer *tok = open_tokenizer();
    struct hs_step_rule rule = {.kind = HS_STEP_LINE};
    struct hs_error err;
    uint32_t *at = NULL;
    size_t m = 0;

    (void)state;
    /* they are some text */
    assert_int_equal(hs_step_split(&rule, tok, tokens, 2, &at, &m, &err), 0);
    assert_int_equal(m, 2);
    assert_int_equal(at[1], 2);
    free(at);
    assert_int_equal(hs_step_split(&rule, NULL, tokens, 2, &at, &m, &err), -1);
    assert_string_equal(err.text,
                        "no tokenizer: steps of text cannot be told apart");
    assert_null(at);
    rule = (struct hs_step_rule){.kind = HS_STEP_EVERY, .every = 1};
    assert_int_equal(hs_step_split(&rule, NULL, tokens, 2, &at, &m, &err), 0);
    assert_int_equal(m, 3);
    free(at);
    hs_tokenizer_free(tok);
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
    static const char *const bad[] = {"Line",     "",        "every",
                                      "every:",   "every:0", "every:4294967296",
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
        cmocka_unit_test(several_in_a_token),
        cmocka_unit_test(nul_bytes),
        cmocka_unit_test(least_tokens),
        cmocka_unit_test(completions_are_split),
        cmocka_unit_test(split_keeps_its_word),
        cmocka_unit_test(unknown_tokens),
        cmocka_unit_test(empty_tokens_change_nothing),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
