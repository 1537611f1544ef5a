/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_grade.c - unit tests of the graders: where they find the answer, and
 * texts that mean harm.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "task/grade.h"

struct pair {
    int reward;
    const char *given, *gold;
};

static int
grade(const char *spec, const char *text, size_t n, const char *gold,
      const json_t *meta, struct hs_verdict *v)
{
    struct hs_error err;
    struct hs_grader *g = hs_grader_new(spec, &err);

    assert_non_null(g);
    hs_grade(g, text, n, false, gold, meta, v);
    hs_grader_free(g);
    assert_non_null(v->reason);
    assert_null(strchr(v->reason, '\n'));
    return v->reward;
}

static void
check_pairs(const char *spec, const struct pair *pairs, size_t n)
{
    int wrong = 0;

    for (size_t i = 0; i < n; i++) {
        struct hs_verdict v = {0};
        int r = grade(spec, pairs[i].given, strlen(pairs[i].given),
                      pairs[i].gold, NULL, &v);

        if (r != pairs[i].reward) {
            print_message("%s: '%s' against '%s': %d, not %d: %s\n", spec,
                          pairs[i].given, pairs[i].gold, r, pairs[i].reward,
                          v.reason);
            wrong++;
        }
        hs_verdict_free(&v);
    }
    assert_int_equal(wrong, 0);
}

static void
boxes_are_found(void **state)
{
    static const struct pair pairs[] = {
        {0, "The answer is 5.", "5"},
        {0, "", "5"},
        {1, "\\boxed{4} no, \\boxed{5}", "5"},
        {0, "\\boxed{5} no, \\boxed{4}", "5"},
        {1, "\\fbox{5}", "5"},
        {1, "\\boxed{4} \\fbox{5}", "5"},
        {1, "\\boxed {5}", "5"},
        {1, "$\\boxed 5$", "5"},
        {1, "\\boxed{\\frac{\\frac12}{\\frac{1}{2}}}", "1"},
        {1, "\\boxed{\\{1,2\\}}", "\\{1,2\\}"},
        {0, "\\boxed{5", "5"},
        {0, "\\boxed{5} and \\boxed{", "5"},
        {0, "\\boxed{}", "5"},
        {0, "\\boxed{ }", "5"},
        {0, "\\boxed", "5"},
        {0, "\\boxedx{5}", "5"},
        {1, "\\boxed{5}", "So $\\boxed{5}$."},
        {1, "\\boxed{5}", "2+3 = 5\n#### 5"},
        {-1, "\\boxed{5}", NULL},
    };

    (void)state;
    check_pairs("boxed", pairs, sizeof pairs / sizeof pairs[0]);
}

static void
gsm8k_marks(void **state)
{
    static const struct pair strict[] = {
        {1, "37 - 29 = 8.\n#### 8", "8"},
        {0, "#### 9", "8"},
        {0, "The answer is 8", "8"},
        {0, "####8", "8"},
        {1, "#### 1,234", "1234"},
        {1, "#### 042", "42"},
        {1, "#### 42.0", "42"},
        {1, "#### 42.", "42"},
        {1, "#### -7", "-7"},
        {0, "#### 7", "-7"},
        {0, "#### $18", "18"},
        {1, "#### 18 dollars", "18"},
        {1, "#### 5\n#### 6", "5"},
        {1, "#### x #### 6", "6"},
        {0, "#### ", "5"},
        {0, "#### .", "5"},
        {0, "#### 1.2.3", "1.2"},
        {1, "#### 8", "Long story\n#### 8"},
        {1, "#### B", "B"},
        {1, "#### b.", "B"},
        {0, "#### C", "B"},
        {0, "B", "B"},
        {0, "#### (B)", "B"},
        {0, "", "5"},
        {0, "###", "5"},
        {0, "####", "5"},
        {-1, "#### 5", NULL},
        {1, "#### 100000000000000000000000000000000000000000000000001",
         "100000000000000000000000000000000000000000000000001"},
        {0, "#### 100000000000000000000000000000000000000000000000001",
         "100000000000000000000000000000000000000000000000002"},
    };
    static const struct pair flexible[] = {
        {1, "so 3 + 5 = 8", "8"},
        {1, "so 8 dollars.", "8"},
        {1, "$1,234.00 in all", "1234"},
        {1, "it is -5", "-5"},
        {1, "8...", "8"},
        {1, "5, 6, 8,", "8"},
        {0, "8 or 9", "8"},
        {0, "eight", "8"},
        {0, "", "8"},
        {1, "#### 8", "#### 8"},
        {0, "7-8", "8"},
        {-1, "B", "B"},
    };

    (void)state;
    check_pairs("gsm8k", strict, sizeof strict / sizeof strict[0]);
    check_pairs("gsm8k-strict", strict, sizeof strict / sizeof strict[0]);
    check_pairs("gsm8k-flexible", flexible,
                sizeof flexible / sizeof flexible[0]);
}

static void
choices(void **state)
{
    static const struct pair pairs[] = {
        {1, "#### B", "B"},
        {0, "#### C", "B"},
        {1, "A) 3 B) 4. So the answer is (B).", "B"},
        {1, "The answer is **B**.", "B"},
        {1, "The answer is $\\boxed{\\text{(B)}}$", "B"},
        {1, "Answer: B", "B"},
        {1, "the correct answer is b) no, the answer is (b)", "B"},
        {1, "B", "B"},
        {1, "b", "B"},
        {1, "(b)", "B"},
        {1, "B) because 4 is more", "B"},
        {1, "It is B, not a guess", "B"},
        {1, "I choose option D", "D"},
        {0, "A cat sat there", "A"},
        {1, "Not B but A.", "A"},
        {0, "DNA and RNA", "A"},
        {0, "", "A"},
        {0, "none of them", "C"},
        {1, "The answer is C. A simple check shows it.", "C"},
        {1, "#### B", "(B)"},
        {1, "J", "J"},
        {-1, "B", "1"},
        {-1, "B", "cat"},
        {-1, "B", NULL},
    };
    json_t *meta = json_pack("{s:[s,s,s,s]}", "choices", "w", "x", "y", "z");
    struct hs_verdict v = {0};

    (void)state;
    check_pairs("choice", pairs, sizeof pairs / sizeof pairs[0]);
    assert_int_equal(grade("choice", "So B.", 5, "1", meta, &v), 1);
    assert_string_equal(v.parsed, "B");
    assert_int_equal(grade("choice", "So B.", 5, "0", meta, &v), 0);
    assert_int_equal(grade("choice", "So B.", 5, "4", meta, &v), -1);
    assert_int_equal(grade("choice", "So E.", 5, "A", meta, &v), 0);
    assert_null(v.parsed); /* there is no choice E */
    hs_verdict_free(&v);
    json_decref(meta);
}

static void
exact_and_regex(void **state)
{
    static const struct pair exact[] = {
        {1, " 5\n", "5"},        {0, "5.0", "5"},    {1, "", ""},
        {1, "#### 5", "#### 5"}, {0, "5", "#### 5"},
    };
    static const struct pair regex[] = {
        {1, "is 3, is 5", "5"},  {0, "is 5, is 3", "5"}, {0, "no", "5"},
        {1, "is 1,000", "1000"}, {1, "is 5.", "#### 5"},
    };
    static const char *const bad[] = {
        "regex:(", "regex:[", "gsm", "", "BOXED", "regex", "boxed ",
    };
    struct hs_error err;
    struct hs_verdict v = {0};

    (void)state;
    check_pairs("exact", exact, sizeof exact / sizeof exact[0]);
    check_pairs("regex:is ([0-9,]+)", regex, sizeof regex / sizeof regex[0]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err.text[0] = '\0';
        assert_null(hs_grader_new(bad[i], &err));
        assert_true(err.text[0] != '\0');
    }
    assert_int_equal(grade("regex:[0-9]+", "a 12 b 34", 9, "34", NULL, &v), 1);
    assert_int_equal(grade("regex:x*", "abc", 3, "", NULL, &v), 1);
    assert_int_equal(grade("regex:\\w", "\xff\xc3\xa9 a", 5, "a", NULL, &v), 1);
    assert_int_equal(grade("none", "5", 1, "5", NULL, &v), -1);
    assert_int_equal(grade("none", "5", 1, NULL, NULL, &v), -1);
    assert_string_equal(v.reason, "not graded");
    hs_verdict_free(&v);
}

static void
a_cut_completion_is_graded_and_said(void **state)
{
    struct hs_error err;
    struct hs_grader *g = hs_grader_new("gsm8k", &err);
    struct hs_verdict v = {0};

    (void)state;
    assert_string_equal(hs_grader_name(g), "gsm8k-strict");
    hs_grade(g, "#### 5", 6, true, "5", NULL, &v);
    assert_int_equal(v.reward, 1);
    assert_string_equal(v.parsed, "5");
    assert_string_equal(v.reason, "equal by value; cut at the length limit");
    hs_verdict_free(&v);
    hs_grader_free(g);
}

/* Every grader on count copies of part: no crash, no 1, and quick enough for
 * the test to end. */
static void
drown(const char *before, const char *part, size_t count, const char *gold)
{
    static const char *const specs[] = {"gsm8k", "gsm8k-flexible",
                                        "boxed", "choice",
                                        "exact", "regex:is ([0-9]+)"};
    struct hs_buf text = {0};

    hs_buf_str(&text, before);
    for (size_t i = 0; i < count; i++)
        hs_buf_str(&text, part);
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct hs_verdict v = {0};

        (void)grade(specs[i], (char *)text.data, text.len, gold, NULL, &v);
        assert_int_not_equal(v.reward, 1);
        hs_verdict_free(&v);
    }
    hs_buf_free(&text);
}

static void
texts_that_mean_harm(void **state)
{
    static const char *const parts[] = {
        "(",        "{",       "\\boxed{",
        "\\boxed",  "#### ",   "####",
        "-",        "1,",      "$",
        "answer ",  "\\frac",  "\\text{",
        "^",        "^{",      "\\",
        " A",       "0",       "\n",
        "2\\frac{", "\\left(", "\\begin{pmatrix}",
        "|",        "\\pm",    "=",
        ",",        "x=",      "1!",
        "2^",       "\\sqrt",  "\xe2\x88",
        "a_",       "{{}",     "\\{",
    };

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        drown("", parts[i], 100000, "77777");
        drown("\\boxed{", parts[i], 900, "77777");
        /* once more so that it is the gold that is hostile */
        struct hs_buf gold = {0};
        struct hs_verdict v = {0};

        for (int k = 0; k < 800; k++)
            hs_buf_str(&gold, parts[i]);
        (void)grade("boxed", "\\boxed{77777}", 13, hs_buf_cstr(&gold), NULL,
                    &v);
        assert_int_not_equal(v.reward, 1);
        hs_verdict_free(&v);
        hs_buf_free(&gold);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_are_found),
        cmocka_unit_test(gsm8k_marks),
        cmocka_unit_test(choices),
        cmocka_unit_test(exact_and_regex),
        cmocka_unit_test(a_cut_completion_is_graded_and_said),
        cmocka_unit_test(texts_that_mean_harm),
    };

    return cmocka_run_group_tests_name("grade", tests, NULL, NULL);
}
