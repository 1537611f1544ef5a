/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_answer.c - unit tests of the comparison of boxed answers: verdicts
 * worked out by hand and those of SymPy (ref/grades.txt).
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
#include "task/exact.h"
#include "task/grade.h"

struct pair {
    int reward;
    const char *given, *gold;
};

static int
grade(const char *text, size_t n, const char *gold, struct hs_verdict *v)
{
    struct hs_error err;
    struct hs_grader *g = hs_grader_new("boxed", &err);

    assert_non_null(g);
    hs_grade(g, text, n, false, gold, NULL, v);
    hs_grader_free(g);
    assert_non_null(v->reason);
    assert_null(strchr(v->reason, '\n'));
    return v->reward;
}

/* The same, with each answer in a box; verdicts do not depend on the order. */
static void
check_boxed(const struct pair *pairs, size_t n)
{
    int wrong = 0;

    for (size_t i = 0; i < 2 * n; i++) {
        const struct pair *p = &pairs[i / 2];
        const char *a = i % 2 ? p->gold : p->given;
        const char *b = i % 2 ? p->given : p->gold;
        struct hs_buf text = {0};
        struct hs_verdict v = {0};

        hs_buf_printf(&text, "So it is $\\boxed{%s}$.", a);
        if (grade((char *)text.data, text.len, b, &v) != p->reward) {
            print_message("'%s' against '%s': %d, not %d: %s\n", a, b, v.reward,
                          p->reward, v.reason);
            wrong++;
        }
        hs_verdict_free(&v);
        hs_buf_free(&text);
    }
    assert_int_equal(wrong, 0);
}

static void
boxed_numbers(void **state)
{
    static const struct pair pairs[] = {
        {1, "5", "5"},
        {0, "5", "6"},
        {1, "05", "5"},
        {1, "5.0", "5"},
        {1, "5.", "5"},
        {1, "+5", "5"},
        {1, "-0", "0"},
        {0, "-5", "5"},
        {1,
         "\xe2\x88\x92"
         "5",
         "-5"},
        {1, ".5", "\\frac12"},
        {1, "1,234", "1234"},
        {1, "1{,}234", "1234"},
        {1, "1,\\!234", "1234"},
        {1, "10\\,080", "10,080"},
        {0, "1,234", "1235"},
        {1, "12,345,678.50", "12345678.5"},
        {1, "\\$32,\\!348", "32348"},
        {1, "\\frac{3}{4}", "0.75"},
        {1, "3/4", "0.75"},
        {1, "\\frac34", "75\\%"},
        {1, "\\dfrac{-3}{4}", "-\\tfrac{6}{8}"},
        {0, "0.333", "\\frac{1}{3}"},
        {1, "0.\\overline{3}", "\\frac{1}{3}"},
        {1, "0.1\\overline{6}", "1/6"},
        {1, "1.\\overline{27}", "\\frac{14}{11}"},
        {1, "1\\frac{4}{5}", "1.8"},
        {1, "1 \\frac45", "9/5"},
        {1, "-1\\frac{4}{5}", "-1.8"},
        {1, "3 1/2", "3.5"},
        {0, "3 1/2", "31/2"},
        {1, "2^{10}", "1024"},
        {1, "2^10", "1024"},
        {1, "10^{-3}", "0.001"},
        {1, "4.5e33", "4.5 \\times 10^{33}"},
        {1, "6.02\\cdot 10^{23}", "602000000000000000000000"},
        {0, "6.02\\cdot 10^{23}", "602000000000000000000001"},
        {1, "99999999999999999999999999999999999999999999",
         "99999999999999999999999999999999999999999999.0"},
        {0, "99999999999999999999999999999999999999999999",
         "99999999999999999999999999999999999999999998"},
        {1, "\\sqrt{16}", "4"},
        {1, "\\sqrt[3]{-27}", "-3"},
        {1, "\\sqrt{\\frac{9}{16}}", "0.75"},
        {1, "\\sqrt{0.0004}", "0.02"},
        {1, "8^{2/3}", "4"},
        {1, "5!", "120"},
        {1, "\\binom{6}{2}", "15"},
        {1, "|-3|", "3"},
        {1, "\\left|-\\frac{3}{2}\\right|", "1.5"},
        {1, "50\\%", "50"},
        {1, "50\\%", "0.5"},
        {0, "50\\%", "5"},
        {1, "50 \\text{ percent}", "50\\%"},
        {1, "{5}", "5"},
        {1, "\\mathbf{5}", "5"},
        {1, "\\boxed{5}", "5"},
        {1, "$5$", "5"},
        {1, "\\(5\\)", "5"},
        {1, "2 \\cdot 3", "6"},
        {1, "2 \\times 3 + 1", "7"},
        {1, "7 \\div 2", "3.5"},
        {1, "1 - (2 - 3)", "2"},
        {1, "-(-3)", "3"},
        {1, "--3", "3"},
    };

    (void)state;
    check_boxed(pairs, sizeof pairs / sizeof pairs[0]);
}

static void
boxed_irrationals(void **state)
{
    static const struct pair pairs[] = {
        {1, "3\\sqrt{13}", "\\sqrt{117}"},
        {1, "11\\sqrt2", "11 \\sqrt{2}"},
        {1, "\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt3}"},
        {1, "sqrt(5)", "\\sqrt{5}"},
        {0, "\\sqrt{5}", "\\sqrt{6}"},
        {0, "2.236", "\\sqrt{5}"},
        {0, "3.14", "\\pi"},
        {0, "3.14159265", "\\pi"},
        {-1, "3.14159265358979", "\\pi"},
        {0, "\\frac{22}{7}", "\\pi"},
        {1, "2\\pi", "\\pi \\cdot 2"},
        {1, "2pi", "2\\pi"},
        {1, "90^\\circ", "90"},
        {1, "90^{\\circ}", "90 \\text{ degrees}"},
        {1, "90^\\circ", "\\frac{\\pi}{2}"},
        {0, "90^\\circ", "\\pi"},
        {1, "90\xc2\xb0", "90"},
        {1, "\\sin 30^\\circ", "\\frac12"},
        {1, "\\cos\\frac{\\pi}{3}", "0.5"},
        {1, "\\tan^2 \\frac{\\pi}{3}", "3"},
        {1, "\\log_2 8", "3"},
        {1, "\\log_{10} 1000", "3"},
        {-1, "\\log 1000", "3"},
        {1, "\\ln e^2", "2"},
        {1, "6 - 5i", "-5i + 6"},
        {1, "(1+i)^2", "2i"},
        {0, "6 - 5i", "6 + 5i"},
        {1, "\\sqrt{-4}", "2i"},
        {1, "e^{i\\pi}", "-1"},
        {1, "(\\sqrt2)^2", "2"},
        {1, "\\sqrt{2}\\sqrt{8}", "4"},
        {1, "\\frac{1+\\sqrt5}{2}", "\\frac{2}{\\sqrt5-1}"},
        {1, "\\sqrt2 - \\sqrt2", "0"},
        {0, "\\infty", "5"},
        {1, "+\\infty", "\\infty"},
        {0, "-\\infty", "\\infty"},
    };

    (void)state;
    check_boxed(pairs, sizeof pairs / sizeof pairs[0]);
}

static void
boxed_with_parts(void **state)
{
    static const struct pair pairs[] = {
        {1, "(3, \\frac{\\pi}{2})", "\\left( 3, \\frac{\\pi}{2} \\right)"},
        {1, "(0.5,2)", "\\left(\\frac12, 2\\right)"},
        {0, "(1,2)", "(2,1)"},
        {0, "(1,2)", "(1,2,3)"},
        {0, "(3,4]", "(3,4)"},
        {0, "[3,4]", "(3,4]"},
        {1, "(-\\infty, 0]", "(-\\infty,0.0]"},
        {-1, "(1,2,3)", "[1,2,3]"},
        {1, "1,-2", "-2, 1"},
        {1, "1, -2", "1 \\text{ and } -2"},
        {1, "1 or -2", "-2,1"},
        {0, "1,-2", "1,2"},
        {0, "1,2,3", "1,2"},
        {-1, "1,1,2", "1,2"},
        {1, "\\{1,2\\}", "2,1"},
        {1, "\\{1\\pm\\sqrt{5},-2\\}", "\\{1\\pm\\sqrt{5},-2\\}"},
        {1, "1 \\pm \\sqrt{19}", "1+\\sqrt{19}, 1-\\sqrt{19}"},
        {0, "1 \\pm \\sqrt{19}", "1 \\pm \\sqrt{17}"},
        {-1, "(1,2)", "1,2"},
        {0, "(1,2)", "1,3"},
        {-1, "3", "3, 5"},
        {0, "4", "3, 5"},
        {0, "4", "(4,5)"},
        {-1, "1,234", "1, 234, 5"},
        {1, "(2,12) \\cup (12,102)", "(12,102)\\cup(2,12)"},
        {-1, "(0,1] \\cup (1,2)", "(0,2)"},
        {1, "\\begin{pmatrix} -1/3 \\\\ 2/3 \\end{pmatrix}",
         "\\begin{bmatrix}-\\frac13\\\\\\frac{2}{3}\\end{bmatrix}"},
        {0, "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
         "\\begin{pmatrix} 1 & 3 \\\\ 2 & 4 \\end{pmatrix}"},
        {0, "\\begin{pmatrix} 1 & 2 \\end{pmatrix}",
         "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}"},
        {-1, "\\begin{pmatrix} 1 & 2 \\\\ 3 \\end{pmatrix}",
         "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}"},
        {1, "x=5", "5"},
        {1, "x = 1, y = 2", "1,2"},
        {1, "f(x) = 2x+1", "1+2x"},
        {1, "x \\in [-2,7]", "[-2,7]"},
        {-1, "x=5", "y=5"},
        {-1, "2x=10", "5"},
        {1, "y = 2x + 3", "2x - y + 3 = 0"},
        {0, "y = -2x", "y = 2x"},
        {1, "5x - 7y + 11z + 4 = 0", "10x - 14y + 22z + 8 = 0"},
        {-1, "5x - 7y + 11z + 4 = 0", "5x - 7y + 11z = 0"},
        {1, "52_8", "52_{8}"},
        {0, "52_8", "53_8"},
        {-1, "52_8", "52"},
        {-1, "52_8", "42"},
        {-1, "\\emptyset", "0"},
        {-1, "x > 5", "x \\ge 5"},
        {1, "x \\geq 5", "x \\ge 5"},
    };

    (void)state;
    check_boxed(pairs, sizeof pairs / sizeof pairs[0]);
}

static void
boxed_words_units_variables(void **state)
{
    static const struct pair pairs[] = {
        {1, "\\text{Evelyn}", "Evelyn"},
        {1, "evelyn", "\\text{Evelyn}"},
        {0, "\\text{Evelyn}", "\\text{Navin}"},
        {-1, "\\text{even function}", "\\text{even}"},
        {1, "\\text{(C)}", "C"},
        {1, "(C)", "C"},
        {0, "B", "\\text{(C)}"},
        {0, "B", "C"},
        {-1, "c", "C"},
        {-1, "\\text{east}", "5"},
        {1, "5.4 \\text{ cents}", "5.4"},
        {1, "5.4 cents", "5.4 \\text{ cent}"},
        {0, "5.4 \\text{ cents}", "5.5"},
        {-1, "5 \\text{ m}", "5 \\text{ cm}"},
        {-1, "5 \\text{ m}", "500 \\text{ cm}"},
        {1, "15\\mbox{ cm}^2", "15 \\text{ cm}^2"},
        {-1, "15\\mbox{ cm}^2", "15 \\text{ cm}"},
        {1, "864 \\mbox{ inches}^2", "864"},
        {1, "2k+2", "2(k+1)"},
        {0, "2k+2", "2k+3"},
        {1, "(a+5)(b+2)", "ab + 2a + 5b + 10"},
        {1, "x^2 - 1", "(x-1)(x+1)"},
        {1, "\\frac{11+9a}{20}", "\\frac{9a}{20} + 0.55"},
        {1, "x^{12}", "x^12"},
        {0, "x^2", "x^3"},
        {-1, "\\sqrt{x^2}", "x"},
        {-1, "|x|", "x"},
        {-1, "2n", "2k"},
        {-1, "2k", "5"},
        {1, "x_1 + x_2", "x_{2} + x_{1}"},
        {0, "x_1 - x_2", "x_{2} - x_{1}"},
        {1, "\\sin 2x", "2\\sin x\\cos x"},
        {1, "\\cot x", "\\frac{\\cos x}{\\sin x}"},
        {1, "\\alpha\\beta", "\\beta \\alpha"},
        {-1, "1/2x", "\\frac{x}{2}"},
        {-1, "x2", "2x"},
        {-1, "2\\frac{3}{2}", "3"},
        {-1, "(-8)^{1/3}", "-2"},
        {-1, "no", "on"},
        {0, "Yes", "No"},
        {-1, "3\\text{ hours and }20\\text{ minutes}", "3"},
        {-1, "3\\text{ hours and 20 minutes}", "200"},
        {-1, "5 million", "5"},
        {-1, "5 \\text{ million}", "5000000"},
        {1, "5 \\text{ million}", "5.0 million"},
        {1, "\\sin^2 x + \\cos^2 x", "1"},
        {-1, "x + 1", "1"},
        {-1, "0.333...", "\\frac13"},
        {-1, "5...", "5.1"},
        {-1, "f(2)", "2f"},
        {-1, "1 2", "12"},
    };

    (void)state;
    check_boxed(pairs, sizeof pairs / sizeof pairs[0]);
}

static void
boxed_not_defined(void **state)
{
    static const struct pair pairs[] = {
        {-1, "\\frac{1}{0}", "5"},
        {-1, "1/0", "\\infty"},
        {-1, "0^0", "1"},
        {-1, "0/0", "0"},
        {-1, "nan", "0"},
        {-1, "inf", "\\infty"},
        {-1, "1e999999999999", "\\infty"},
        {-1, "10^{99999999}", "5"},
        {-1, "9^{9^{9}}", "5"},
        {-1, "9^9^9", "5"},
        {-1, "2000!", "5"},
        {-1, "\\ln 0", "0"},
        {-1, "\\tan\\frac{\\pi}{2}", "0"},
        {-1, "\\frac{1}{\\sqrt2-\\sqrt2}", "0"},
        {-1, "\\frac{1}", "1"},
        {-1, "\\sqrt", "0"},
        {-1, "5+", "5"},
        {-1, "(5", "5"},
        {-1, "5)", "5"},
        {-1, "\\unknown{5}", "5"},
        {-1, "5 \\text", "5"},
        {-1, "5 \\text x", "5"},
        {-1, "5 ?", "5"},
        {-1, "", "5"},
        {-1, "\\ldots", "5"},
        {-1, "\x01", "5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct hs_verdict v = {0};
        struct hs_buf text = {0};

        hs_buf_printf(&text, "\\boxed{%s}", pairs[i].given);
        int r = grade((char *)text.data, text.len, pairs[i].gold, &v);

        if (r == 1 || (r == 0 && pairs[i].given[0] != '\0'))
            print_message("'%s': %d: %s\n", pairs[i].given, r, v.reason);
        assert_int_equal(r, pairs[i].given[0] == '\0' ? 0 : -1);
        hs_verdict_free(&v);
        hs_buf_free(&text);
    }
}

static void
sympy_agrees(void **state)
{
    const char *root = getenv("HS_SRCDIR");
    char path[4096], *line = NULL;
    size_t cap = 0, n = 0, wrong = 0;

    (void)state;
    assert_non_null(root);
    (void)snprintf(path, sizeof path, "%s/tests/ref/grades.txt", root);
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        char *given = strchr(line, '\t'), *gold;
        struct hs_buf text = {0};
        struct hs_verdict v = {0};

        if (line[0] == '#')
            continue;
        assert_non_null(given);
        *given++ = '\0';
        gold = strchr(given, '\t');
        assert_non_null(gold);
        *gold++ = '\0';
        gold[strcspn(gold, "\n")] = '\0';
        hs_buf_printf(&text, "\\boxed{%s}", given);
        if (grade((char *)text.data, text.len, gold, &v) != (line[0] == '1')) {
            print_message("'%s' '%s': %s\n", given, gold, v.reason);
            wrong++;
        }
        n++;
        hs_verdict_free(&v);
        hs_buf_free(&text);
    }
    assert_int_equal(fclose(f), 0);
    free(line);
    assert_int_equal(wrong, 0);
    assert_true(n > 800);
}

static void
deep_and_wide_boxes(void **state)
{
    static const char *const opens[] = {"(",   "{", "\\sqrt{", "2\\frac{1}{",
                                        "\\{", "[", "(1,",     "-("};
    static const char *const closes[] = {")",   "}", "}", "}",
                                         "\\}", "]", ")", ")"};
    static const size_t depths[] = {3, 60, 400};

    (void)state;
    for (size_t i = 0; i < sizeof opens / sizeof opens[0]; i++)
        for (size_t d = 0; d < 3; d++) {
            struct hs_buf b = {0};
            struct hs_verdict v = {0};

            hs_buf_str(&b, "\\boxed{");
            for (size_t k = 0; k < depths[d]; k++)
                hs_buf_str(&b, opens[i]);
            hs_buf_str(&b, "x");
            for (size_t k = 0; k < depths[d]; k++)
                hs_buf_str(&b, closes[i]);
            hs_buf_str(&b, "}");
            (void)grade((char *)b.data, b.len, "7 + y", &v);
            assert_int_not_equal(v.reward, 1);
            hs_verdict_free(&v);
            hs_buf_free(&b);
        }
}

static void
decimals_have_one_form(void **state)
{
    static const char *const cases[][2] = {
        {"5", "5"},           {"005", "5"},   {"5.0", "5"},
        {"5.50", "5.5"},      {".5", "0.5"},  {"-.50", "-0.5"},
        {"-0", "0"},          {"-0.00", "0"}, {"1,234", "1234"},
        {"$1,2", "12"},       {"0", "0"},     {"00", "0"},
        {"0.05", "0.05"},     {"+7", "7"},    {"7.", "7"},
        {"-1,000.", "-1000"}, {"10", "10"},   {"100.100", "100.1"},
    };
    static const char *const bad[] = {"",  "-",  ".",   "1.2.3", "1-2",
                                      "x", "1x", "--1", "$",     ","};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_buf b = {0};

        assert_int_equal(hs_decimal(cases[i][0], strlen(cases[i][0]), &b), 0);
        assert_string_equal(hs_buf_cstr(&b), cases[i][1]);
        hs_buf_free(&b);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct hs_buf b = {0};

        assert_int_equal(hs_decimal(bad[i], strlen(bad[i]), &b), -1);
        assert_int_equal(b.len, 0);
        hs_buf_free(&b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxed_numbers),
        cmocka_unit_test(boxed_irrationals),
        cmocka_unit_test(boxed_with_parts),
        cmocka_unit_test(boxed_words_units_variables),
        cmocka_unit_test(boxed_not_defined),
        cmocka_unit_test(sympy_agrees),
        cmocka_unit_test(deep_and_wide_boxes),
        cmocka_unit_test(decimals_have_one_form),
    };

    return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
