/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_signals.c - the statistics of many columns against ref/signals.txt,
 * which SciPy and statsmodels made; and what a row of numbers does not show.
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
#include "statcase.h"
#include "stats/contrast.h"
#include "stats/errsig.h"
#include "stats/falsehit.h"
#include "stats/fdr.h"
#include "stats/partial.h"
#include "stats/rank.h"

enum {
    CAP = 1024
};

/* What p is held to where it may be tiny; the functions and how many cases
 * there must be. */
static const struct {
    const char *name;
    size_t cases;
    double least;
} kinds[] = {
    {"fdr", 60, 1},       {"fdrdraws", 40, 1},   {"partial", 120, 1e-20},
    {"spearboot", 60, 1}, {"contrast", 80, 1},   {"errsig", 80, 1},
    {"falsehit", 60, 1},  {"falsehitat", 60, 1},
};

enum {
    N_KINDS = sizeof kinds / sizeof *kinds
};

static size_t
kind_of(const char *name)
{
    for (size_t k = 0; k < N_KINDS; k++) {
        if (strcmp(kinds[k].name, name) == 0)
            return k;
    }
    fail_msg("%s: not known", name);
    return 0;
}

/* One line of ref/signals.txt; returns its kind. */
static size_t
compare(char *line, size_t number)
{
    char *save, *text = strtok_r(line, " \n", &save);
    size_t k = kind_of(text), n_arg = 0;
    double arg[CAP], out[CAP];
    int n, at = 0;

    while ((text = strtok_r(NULL, " \n", &save)) != NULL && text[0] != ':') {
        assert_true(n_arg < CAP);
        arg[n_arg++] = strtod(text, NULL);
    }
    n = statcase_run(kinds[k].name, arg, n_arg, out, CAP);
    for (; (text = strtok_r(NULL, " \n", &save)) != NULL; at++) {
        double want = strtod(text, NULL);
        double least = at + 1 == n ? kinds[k].least : 1;

        if (strcmp(text, "error") == 0) {
            if (n != 0)
                fail_msg("line %zu: no error", number);
            return k;
        }
        if (at >= n)
            fail_msg("line %zu: %d results only", number, n);
        if (isnan(want)
                ? !isnan(out[at])
                : !(fabs(out[at] - want) <= 1e-9 * (least + fabs(want))))
            fail_msg("line %zu, %s, result %d: %.17g, expected %s", number,
                     kinds[k].name, at, out[at], text);
    }
    assert_int_equal(at, n);
    return k;
}

static void
test_reference(void **state)
{
    struct hs_buf path = {0};
    char *line = NULL;
    size_t cap = 0, seen[N_KINDS] = {0}, number = 0;
    FILE *f;

    (void)state;
    hs_buf_printf(&path, "%s/tests/ref/signals.txt", getenv("HS_SRCDIR"));
    f = fopen(hs_buf_cstr(&path), "r");
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        number++;
        if (line[0] != '#')
            seen[compare(line, number)]++;
    }
    for (size_t k = 0; k < N_KINDS; k++)
        assert_int_equal(seen[k], kinds[k].cases);
    assert_int_equal(fclose(f), 0);
    free(line);
    hs_buf_free(&path);
}

/* ---- by hand ---- */

static void
test_fdr(void **state)
{
    const size_t d[] = {1, 7, 64, 896, 4096, 100000};
    const double q[] = {0.01, 0.05, 0.1, 0.2, 1};
    double p[] = {0.01, NAN, 0.04, 0.03}, many[4096];

    (void)state;
    hs_fdr(p, 4, p); /* in place */
    assert_true(fabs(p[0] - 0.03) < 1e-15 && isnan(p[1]));
    assert_true(fabs(p[2] - 0.04) < 1e-15 && fabs(p[3] - 0.04) < 1e-15);
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 5; k++) {
            double draws = (double)hs_fdr_draws(d[i], q[k]);

            assert_true((double)d[i] / (1 + draws) <= q[k] * (1 + 1e-12));
            assert_true(draws == 0 || (double)d[i] / draws > q[k]);
            if (d[i] > 4096)
                continue;
            for (size_t j = 0; j < d[i]; j++)
                many[j] = 1;
            many[0] = 1 / (1 + draws);
            hs_fdr(many, d[i], many);
            assert_true(many[0] <= q[k]); /* not by rounding above it */
        }
    }
    assert_true(hs_fdr_draws(3, 0) == SIZE_MAX);
    assert_true(hs_fdr_draws(3, NAN) == SIZE_MAX);
    hs_fdr(NULL, 0, NULL);
}

static void
test_beyond(void **state)
{
    double sum;

    (void)state;
    assert_true(0.6 - 0.3 <= 0.3 || 0.7 - 0.4 <= 0.3); /* one of them is not */
    for (int i = 0; i <= 7; i++) {
        assert_false(hs_beyond((i + 3) / 10.0 - i / 10.0, 0.3));
        assert_false(hs_beyond(i / 10.0 - (i + 3) / 10.0, 0.3));
    }
    assert_true(hs_beyond(0.4 - 0.0, 0.3) && hs_beyond(-0.31, 0.3));
    assert_false(hs_beyond(NAN, 0.3) || hs_beyond(0.5, NAN));
    assert_false(hs_beyond(0, 0));
    /* two coins: they differ half of the time */
    assert_true(fabs(hs_false_hits(1, 1, 0.5, 0.3) - 0.5) < 1e-15);
    assert_true(hs_false_hits(1, 1, 0.5, 1) == 0);
    assert_true(isnan(hs_false_hits(0, 1, 0.5, 0.3)));
    assert_true(isnan(hs_false_hits(1, 1, NAN, 0.3)));
    assert_true(isnan(hs_false_hits(1, 1, 0.5, NAN)));
    assert_true(isnan(hs_false_hits_at(2, 1, 0, 1, 0.3)));
    /* many coins: as the normal distribution */
    sum = hs_false_hits(2000, 2000, 0.5, 0.0309903);
    assert_true(fabs(sum - 0.05) < 0.002);
}

static void
test_residual(void **state)
{
    /* the third is explained, the fourth a constant */
    const double z[] = {1,  1e-8, 3, 7,    2, 4e-8, 0, 7,    3,  9e-8,
                        -5, 7,    4, 2e-8, 2, 7,    5, 6e-8, -2, 7};
    double x[] = {1, 1, 1, 1, 1}, row[4], sum = 0, w[20];
    struct hs_residual *r;
    struct hs_error err;

    (void)state;
    memcpy(w, z, sizeof w);
    for (size_t i = 0; i < 5; i++)
        w[4 * i + 2] = 4 - z[4 * i] + 3e8 * z[4 * i + 1];
    r = hs_residual_new(w, 5, 4, &err);
    assert_non_null(r);
    assert_int_equal(hs_residual_rank(r), 3);
    assert_true(hs_residual_take(r, x) == 0 && x[3] == 0);
    for (size_t i = 0; i < 5; i++) { /* leverages add up to the rank */
        hs_residual_row(r, i, row);
        sum += row[0] * row[0] + row[1] * row[1] + row[2] * row[2];
        x[i] = 3 * w[4 * i] - w[4 * i + 1] + 1;
    }
    assert_true(fabs(sum - 3) < 1e-12);
    assert_true(hs_residual_take(r, x) == 0 && x[0] == 0);
    x[2] = 1;
    assert_true(hs_residual_take(r, x) > 0.1);
    sum = 0;
    for (size_t i = 0; i < 5; i++)
        sum += x[i] * w[4 * i + 1] * 1e8;
    assert_true(fabs(sum) < 1e-12);
    /* what is left has its own digits, not those of what was taken */
    for (size_t i = 0; i < 5; i++)
        x[i] = 1e7 * w[4 * i] + (double)(i % 2);
    assert_true(hs_residual_take(r, x) > 0.01);
    sum = 0;
    for (size_t i = 0; i < 5; i++)
        sum += x[i] * w[4 * i];
    assert_true(fabs(sum) < 1e-13);
    x[1] = INFINITY;
    assert_true(isnan(hs_residual_take(r, x)));
    hs_residual_free(r);
    hs_residual_free(NULL);
    assert_null(hs_residual_new(z, 1, 4, &err));
    assert_string_equal(err.text, "residuals: 1 rows: at least 2 are needed");
    w[7] = NAN;
    assert_null(hs_residual_new(w, 5, 4, &err));
    assert_string_equal(err.text, "residuals: column 3: not finite");
}

/* Rows of copies say no more than one of each: groups count. */
static void
test_spearman_boot(void **state)
{
    double x[60], y[60];
    uint32_t group[60];
    struct hs_interval once, copies;

    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        group[i] = i / 3;
        x[i] = hs_rng_uniform(1, 950, i / 3, 0);
        y[i] = hs_rng_uniform(1, 951, i / 3, 0) + x[i];
    }
    hs_spearman_boot(x, y, group, 60, 20, 300, 4, 0.9, &copies);
    for (uint32_t i = 0; i < 20; i++) {
        group[i] = i;
        x[i] = x[3 * i];
        y[i] = y[3 * i];
    }
    hs_spearman_boot(x, y, group, 20, 20, 300, 4, 0.9, &once);
    assert_true(fabs(once.value - copies.value) < 1e-12);
    assert_true(fabs(once.lo - copies.lo) < 1e-12);
    assert_true(fabs(once.hi - copies.hi) < 1e-12);
    assert_true(fabs(once.se - copies.se) < 1e-12);
    assert_true(once.lo < once.value && once.value < once.hi);
    x[3] = NAN;
    hs_spearman_boot(x, y, group, 20, 20, 300, 4, 0.9, &once);
    assert_true(isnan(once.value) && isnan(once.lo) && isnan(once.se));
    hs_spearman_boot(x, y, group, 1, 20, 300, 4, 0.9, &once);
    assert_true(isnan(once.value) && isnan(once.hi));
}

/* ---- errors, and more columns than a part ---- */

enum {
    ROWS = 60,
    GROUPS = 15,
    WIDE = 2100
};

struct wide {
    float x[ROWS * WIDE];
    uint8_t label[ROWS];
    uint32_t group[ROWS];
    double outcome[ROWS], expected[ROWS], z[ROWS];
};

static struct wide *
wide_new(void)
{
    struct wide *w = hs_calloc(1, sizeof *w);

    for (uint32_t i = 0; i < ROWS; i++) {
        w->group[i] = i % GROUPS;
        w->label[i] = i % GROUPS < 6;
        w->outcome[i] = hs_rng_uniform(2, 950, i, 0);
        w->expected[i] = hs_rng_uniform(2, 950, i, 1);
        w->z[i] = hs_rng_uniform(2, 950, i, 2);
        for (uint32_t j = 0; j < WIDE; j++)
            w->x[i * WIDE + j] = (float)hs_rng_uniform(2, 951, i, j % 700);
    }
    return w;
}

static struct hs_errsig_data
data_of(const struct wide *w, size_t d)
{
    return (struct hs_errsig_data){.x = w->x,
                                   .n = ROWS,
                                   .d = d,
                                   .outcome = w->outcome,
                                   .expected = w->expected,
                                   .z = w->z,
                                   .k = 1,
                                   .group = w->group,
                                   .n_groups = GROUPS};
}

/* A column has the same figures wherever it stands, drawn or enumerated. */
static void
test_wide(void **state)
{
    struct wide *w = wide_new();
    struct hs_errsig_data data = data_of(w, WIDE);
    static double score[WIDE], p[WIDE];
    const size_t draws[] = {1000, 20000};
    struct hs_errsig e;
    struct hs_error err;
    bool exact;

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(hs_contrast(w->x, ROWS, WIDE, w->label, w->group,
                                     GROUPS, draws[k], 3, score, p, &exact,
                                     &err),
                         0);
        assert_true(exact == (k == 1)); /* 5005 divisions */
        assert_int_equal(hs_errsig(&data, draws[k], 3, &e, &err), 0);
        assert_int_equal(e.n, ROWS);
        assert_int_equal(e.n_groups, GROUPS);
        for (size_t j = 700; j < WIDE; j++) {
            assert_true(fabs(score[j] - score[j % 700]) < 1e-12);
            assert_true(p[j] == p[j % 700]);
            assert_true(fabs(e.r_out[j] - e.r_out[j % 700]) < 1e-12);
            assert_true(e.p_out[j] == e.p_out[j % 700]);
            assert_true(e.p_exp[j] == e.p_exp[j % 700]);
        }
        hs_errsig_free(&e);
    }
    free(w);
}

static void
test_draws_repeat(void **state)
{
    struct wide *w = wide_new();
    struct hs_errsig_data data = data_of(w, 3);
    struct hs_errsig a, b;

    (void)state;
    assert_int_equal(hs_errsig(&data, 500, 3, &a, NULL), 0);
    assert_int_equal(hs_errsig(&data, 500, 3, &b, NULL), 0);
    assert_memory_equal(a.p_out, b.p_out, 3 * sizeof *a.p_out);
    assert_memory_equal(a.p_exp, b.p_exp, 3 * sizeof *a.p_out);
    hs_errsig_free(&b);
    assert_int_equal(hs_errsig(&data, 500, 4, &b, NULL), 0);
    assert_memory_not_equal(a.p_out, b.p_out, 3 * sizeof *a.p_out);
    hs_errsig_free(&b);
    hs_errsig_free(&a);
    free(w);
}

/* Six problems of two rows, a covariate that is the outcome with the signs of
 * three of them flipped: these signs leave nothing of it, and count.  All other
 * signs than none have less than the outcome itself. */
static void
test_empty_signs(void **state)
{
    float x[12];
    double outcome[12], expected[12], z[12];
    uint32_t group[12];
    const struct hs_errsig_data data = {x, 12, 1,     outcome, expected,
                                        z, 1,  group, 6};
    struct hs_errsig e;
    struct hs_error err;

    (void)state;
    for (uint32_t i = 0; i < 12; i++) {
        group[i] = i / 2;
        outcome[i] = i % 2 ? -1 : 1;
        z[i] = group[i] < 3 ? outcome[i] : -outcome[i];
        expected[i] = group[i] == 1 || group[i] == 4;
        x[i] = (float)(outcome[i] + 0.1 * (group[i] == 5));
    }
    assert_int_equal(hs_errsig(&data, 32, 1, &e, &err), 0);
    assert_true(e.r_out[0] > 0.9 && e.p_out[0] == 2 / 32.0);
    hs_errsig_free(&e);
}

static void
refuse(const struct wide *w, size_t n, const char *why)
{
    struct hs_errsig_data data = data_of(w, 3);
    struct hs_errsig e;
    struct hs_error err;

    data.n = n;
    assert_int_equal(hs_errsig(&data, 10, 3, &e, &err), -1);
    assert_string_equal(err.text, why);
    assert_null(e.q);
}

static void
test_refusals(void **state)
{
    struct wide *w = wide_new();
    double score[3], p[3];
    struct hs_error err;
    bool exact;

    (void)state;
    refuse(w, 5, "error signal: 5 groups: at least 6 are needed");
    w->x[4] = NAN;
    refuse(w, ROWS, "error signal: column 1: not finite");
    w->z[3] = INFINITY;
    refuse(w, ROWS, "error signal: outcome: residuals: column 0: not finite");
    w->z[3] = 0;
    w->outcome[7] = NAN;
    refuse(w, ROWS, "error signal: outcome: not finite");
    for (size_t i = 0; i < ROWS; i++)
        w->outcome[i] = 0.1 + 0.2;
    refuse(
        w, ROWS,
        "error signal: outcome: the same everywhere, or explained by the rest");
    for (size_t i = 0; i < ROWS; i++) {
        w->outcome[i] = hs_rng_uniform(2, 952, (uint32_t)i, 0);
        w->expected[i] = w->z[i] * 3 + 1;
    }
    refuse(w, ROWS,
           "error signal: expected: the same everywhere, or explained by the "
           "rest");
    assert_int_equal(hs_contrast(w->x, 6, 3, w->label, w->group, GROUPS, 9, 3,
                                 score, p, &exact, &err),
                     -1);
    assert_string_equal(err.text, "contrast: 6 groups: one label only");
    w->label[GROUPS] = !w->label[0];
    assert_int_equal(hs_contrast(w->x, ROWS, 3, w->label, w->group, GROUPS, 9,
                                 3, score, p, &exact, &err),
                     -1);
    assert_string_equal(err.text, "contrast: group 0: both labels");
    free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_fdr),
        cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_residual),
        cmocka_unit_test(test_spearman_boot),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_draws_repeat),
        cmocka_unit_test(test_empty_signs),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
