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
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "task/grade.h"
#include "task/problem.h"

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

/* Grades the text of a member of every problem of a file against its answer:
 * counts of wrong, right and undecided.  False when there is no such file. */
static bool
grade_file(const char *spec, const char *path, const char *map,
           const char *member, size_t count[3])
{
    const char *root = getenv("HS_SRCDIR");
    char name[4096];
    struct hs_map m;
    struct hs_error err;
    struct hs_problem p = {0};
    int rc;

    assert_non_null(root);
    (void)snprintf(name, sizeof name, "%s/%s", root, path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    assert_int_equal(hs_map_scan(map, &m, &err), 0);
    struct hs_problem_reader *r = hs_problem_reader_new(fd, path, &m);

    while ((rc = hs_problem_read(r, &p, &err)) > 0) {
        const json_t *text = json_object_get(p.meta, member);
        const char *s = text != NULL ? json_string_value(text) : p.answer;
        struct hs_verdict v = {0};

        assert_non_null(s);
        count[grade(spec, s, strlen(s), p.answer, p.meta, &v) + 1]++;
        hs_verdict_free(&v);
    }
    assert_int_equal(rc, 0);
    hs_problem_free(&p);
    hs_problem_reader_free(r);
    hs_map_free(&m);
    (void)close(fd);
    return true;
}

static void
solutions_are_right(void **state)
{
    static const struct {
        const char *spec, *path, *map, *member;
        size_t n;
    } files[] = {
        {"gsm8k", "examples/reasoner/problems/chain-test.jsonl", "id=id",
         "solution", 500},
        {"gsm8k", "examples/reasoner/problems/expr-test.jsonl", "id=id",
         "solution", 500},
        {"gsm8k", "examples/reasoner/problems/choice-test.jsonl", "id=id",
         "solution", 500},
        {"choice", "examples/reasoner/problems/choice-test.jsonl", "id=id",
         "solution", 500},
        {"gsm8k", "../shared/data/gsm8k-test.jsonl", "question=question", "",
         1319},
        {"gsm8k-flexible", "../shared/data/gsm8k-test.jsonl",
         "question=question", "", 1319},
        {"boxed", "../shared/data/math500-test.jsonl", "question=problem",
         "solution", 500},
        {"boxed", "../shared/data/minerva-test.jsonl",
         "question=problem,answer=solution", "", 272},
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t count[3] = {0};

        if (!grade_file(files[i].spec, files[i].path, files[i].map,
                        files[i].member, count)) {
            print_message("%s is not here\n", files[i].path);
            continue;
        }
        print_message("%s by %s: %zu right, %zu wrong, %zu undecided\n",
                      files[i].path, files[i].spec, count[2], count[1],
                      count[0]);
        assert_int_equal(count[2], files[i].n);
        assert_int_equal(count[0] + count[1], 0);
    }
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
        cmocka_unit_test(solutions_are_right),
        cmocka_unit_test(texts_that_mean_harm),
    };

    return cmocka_run_group_tests_name("grade", tests, NULL, NULL);
}
