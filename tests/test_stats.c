/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_stats.c - common/stats against ref/stats.txt, which SciPy, scikit-learn,
 * statsmodels and exact fractions made.
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
#include "statcase.h"
#include "stats/calibration.h"

enum {
    CAP = 1024
};

/* ---- inputs by rule, as class Rule of ref/stats.py ---- */

struct rule {
    uint64_t state;
    double v[CAP]; /* arguments so far */
    size_t n;
};

static uint64_t
word(struct rule *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static size_t
below(struct rule *r, size_t n)
{
    return (size_t)(word(r) >> 11) % n;
}

static double
unit(struct rule *r)
{
    return (double)(word(r) >> 11) * 0x1p-53;
}

static double *
room(struct rule *r, size_t n)
{
    assert_true(r->n + n <= CAP);
    r->n += n;
    return r->v + r->n - n;
}

static void
put(struct rule *r, double x)
{
    *room(r, 1) = x;
}

static size_t
length(struct rule *r)
{
    size_t kind = below(r, 8);

    if (kind < 2)
        return 1 + below(r, 5);
    return kind < 6 ? 2 + below(r, 29) : 30 + below(r, 100);
}

static void
values(struct rule *r, size_t n, double *v)
{
    static const size_t levels[] = {1, 2, 4, 10};
    size_t kind = below(r, 8);
    double first = unit(r) - 0.5;

    for (size_t i = 0; i < n; i++) {
        if (kind == 0) {
            v[i] = first;
        } else if (kind < 4) {
            v[i] = (double)below(r, levels[kind]) * 0.25;
        } else if (kind == 4) {
            v[i] = 1000 + unit(r) * 0x1p-10;
        } else if (kind == 5) {
            size_t whole = below(r, 2);

            v[i] = whole ? (double)below(r, 3) : unit(r);
        } else {
            v[i] = unit(r) * 2 - 1;
        }
    }
    if (below(r, 40) == 0)
        v[below(r, n)] = NAN;
}

static void
labels(struct rule *r, const double *score, size_t stride, size_t n, double *v)
{
    size_t kind = below(r, 10);

    for (size_t i = 0; i < n; i++) {
        double u = unit(r);

        if (kind < 2)
            v[i] = (double)kind;
        else if (kind == 2)
            v[i] = u < 0.125;
        else if (kind < 7)
            v[i] = u < 0.5;
        else
            v[i] = score[i * stride] + u > 0.5;
    }
}

static double
level(struct rule *r)
{
    static const double levels[] = {0.9, 0.95, 0.99};

    return levels[below(r, 3)];
}

/* auc, delong, difference */
static void
make_auc(struct rule *r, const char *name)
{
    double score[256], *label;
    int paired = strcmp(name, "difference") == 0;
    double which = strcmp(name, "auc") == 0 ? 0 : level(r);
    size_t n = length(r);

    put(r, (double)n);
    if (which > 0)
        put(r, which);
    values(r, n, score);
    label = room(r, n);
    memcpy(room(r, n), score, n * sizeof *score);
    if (paired) {
        if (below(r, 8) == 0)
            memcpy(room(r, n), score, n * sizeof *score);
        else
            values(r, n, room(r, n));
    }
    labels(r, score, 1, n, label);
}

/* pearson, spearman */
static void
make_pair(struct rule *r, const char *name)
{
    size_t n = length(r), kind;
    double *x, *y;

    (void)name;
    put(r, (double)n);
    x = room(r, n);
    y = room(r, n);
    values(r, n, x);
    kind = below(r, 8);
    for (size_t i = 0; i < n && kind < 5; i++)
        y[i] = kind == 0 ? x[i] : kind == 1 ? -x[i] : x[i] + unit(r);
    if (kind >= 5)
        values(r, n, y);
}

/* tail, overlap: all three widths are drawn before one is chosen */
static void
make_sets(struct rule *r, const char *name)
{
    int tail = strcmp(name, "tail") == 0;
    double which = tail ? 0 : level(r);
    size_t widths[3], d, ka, kb, low, high;

    widths[0] = 1 + below(r, 20);
    widths[1] = 1 + below(r, 200);
    widths[2] = 1 + below(r, 5000);
    d = widths[below(r, 3)];
    ka = tail ? below(r, d + 1) : 1 + below(r, d);
    kb = tail ? below(r, d + 1) : 1 + below(r, d);
    if (below(r, 2) == 0) {
        ka = tail ? ka / 20 : 1 + ka / 20;
        kb = tail ? kb / 20 : 1 + kb / 20;
    }
    ka = ka < d ? ka : d;
    kb = kb < d ? kb : d;
    put(r, (double)d);
    put(r, (double)ka);
    put(r, (double)kb);
    high = ka < kb ? ka : kb;
    if (tail) {
        put(r, (double)below(r, high + 2));
        return;
    }
    low = ka + kb > d ? ka + kb - d : 0;
    if (high - low > 8)
        high = low + (high - low) / 4;
    put(r, (double)(low + below(r, high - low + 1)));
    put(r, which);
}

/* brier, ece */
static void
make_calibration(struct rule *r, const char *name)
{
    static const size_t bins[] = {1, 2, 10, 15, 20, 100};
    int ece = strcmp(name, "ece") == 0;
    size_t n_bins = ece ? bins[below(r, 6)] : 0, n = length(r), kind;
    double *label, *p, first;

    put(r, (double)n);
    if (ece)
        put(r, (double)n_bins);
    label = room(r, n);
    p = room(r, n);
    kind = below(r, 6);
    first = unit(r);
    for (size_t i = 0; i < n; i++) {
        double u = unit(r);

        p[i] = kind == 0   ? first
               : kind == 1 ? (double)(u < 0.5)
               : kind == 2 ? floor(u * 101) / 100
                           : u;
    }
    if (ece && below(r, 8) == 0) {
        for (size_t i = 0; i < n; i++)
            p[i] = p[i] * 2 - 0.5;
    }
    labels(r, p, 1, n, label);
}

static void
matrix(struct rule *r, size_t n, size_t d, int generic, double *x)
{
    size_t kinds[8];
    double offsets[8];

    for (size_t j = 0; j < d; j++)
        kinds[j] = generic ? 5 : below(r, 6);
    for (size_t j = 0; j < d; j++)
        offsets[j] = (double)below(r, 4) * 2;
    for (size_t i = 0; i < n * d; i++) {
        double u = unit(r), at = offsets[i % d];

        if (kinds[i % d] == 0)
            x[i] = at + 0.25;
        else if (kinds[i % d] == 1)
            x[i] = at + floor(u * 3);
        else
            x[i] = at + u * 2 - 1;
    }
}

static void
make_ridge(struct rule *r, const char *name)
{
    size_t n = 1 + below(r, 25), d = 1 + below(r, 6);
    int unpenalised = below(r, 4) == 0;
    double *x, *y;

    (void)name;
    put(r, (double)n);
    put(r, (double)d);
    put(r, unpenalised ? 1 : 2);
    if (unpenalised) {
        put(r, 0);
    } else {
        put(r, ldexp(1, (int)below(r, 16) - 8));
        put(r, 100);
    }
    x = room(r, n * d);
    y = room(r, n);
    matrix(r, n, d, below(r, 2) == 0, x);
    for (size_t i = 0; i < n; i++)
        y[i] = unit(r) + x[i * d];
}

static void
make_logistic(struct rule *r, const char *name)
{
    size_t n = 4 + below(r, 40), d = 1 + below(r, 5);
    double *label, *x;

    (void)name;
    put(r, (double)n);
    put(r, (double)d);
    put(r, ldexp(1, (int)below(r, 9) - 4));
    label = room(r, n);
    x = room(r, n * d);
    matrix(r, n, d, below(r, 2) == 0, x);
    labels(r, x, d, n, label);
}

static void
make_pca(struct rule *r, const char *name)
{
    size_t n = 2 + below(r, 30), d = 1 + below(r, 6);

    (void)name;
    put(r, (double)n);
    put(r, (double)d);
    put(r, (double)(1 + below(r, n - 1 < d ? n - 1 : d)));
    matrix(r, n, d, 1, room(r, n * d));
}

static void
make_wilson(struct rule *r, const char *name)
{
    double which = level(r);
    size_t sizes[3], n, k;

    (void)name;
    sizes[0] = below(r, 6);
    sizes[1] = 1 + below(r, 100);
    sizes[2] = 1 + below(r, 1000000000);
    n = sizes[below(r, 3)];
    k = below(r, n + 1);
    put(r, (double)(below(r, 4) == 0 ? k / 1000 : k));
    put(r, (double)n);
    put(r, which);
}

static void
make_mcnemar(struct rule *r, const char *name)
{
    size_t sizes[3], n, b;

    (void)name;
    sizes[0] = below(r, 10);
    sizes[1] = below(r, 100);
    sizes[2] = below(r, 3000);
    n = sizes[below(r, 3)];
    b = below(r, n + 1);
    if (below(r, 2) == 0)
        b = (n + b / 8) / 2;
    put(r, (double)b);
    put(r, (double)(n - b));
}

static void
differences(struct rule *r, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++)
        put(r, (double)below(r, 2 * width + 1) - (double)width);
}

static void
make_flip(struct rule *r, const char *name)
{
    static const size_t widths[] = {1, 2, 4, 9};
    size_t n = below(r, 30);

    (void)name;
    put(r, (double)n);
    differences(r, n, widths[below(r, 4)]);
}

static void
make_holm(struct rule *r, const char *name)
{
    size_t n = 1 + below(r, 8);
    int coarse = below(r, 3) == 0;

    (void)name;
    put(r, (double)n);
    for (size_t i = 0; i < n; i++) {
        double u = unit(r);

        put(r, coarse ? floor(u * 4) / 64 : u * u * u);
    }
    if (below(r, 5) == 0)
        r->v[1 + below(r, n)] = NAN;
}

static void
make_paired(struct rule *r, const char *name)
{
    double which = level(r);
    size_t n = below(r, 20), draws = below(r, 60), seed = below(r, 1000);
    size_t width = below(r, 2) == 0 ? 1 : 4;

    (void)name;
    put(r, (double)n);
    put(r, (double)draws);
    put(r, (double)seed);
    put(r, which);
    differences(r, n, width);
    for (size_t i = 0; i < n; i++)
        put(r, (double)below(r, width + 2));
}

static void
make_power(struct rule *r, const char *name)
{
    static const double alphas[] = {0.05, 0.01, 0.125, 1};
    size_t n = below(r, 60), lost = below(r, 11), gained = below(r, 11 - lost);

    (void)name;
    put(r, (double)n);
    put(r, (double)lost / 10);
    put(r, (double)gained / 10);
    put(r, alphas[below(r, 4)]);
}

static void
make_drop(struct rule *r, const char *name)
{
    static const double powers[] = {0.8, 0.9, 0.5, 0.02};
    size_t n = below(r, 120), gained = below(r, 6);

    (void)name;
    put(r, (double)n);
    put(r, (double)gained / 20);
    put(r, below(r, 2) == 0 ? 0.05 : 0.01);
    put(r, powers[below(r, 4)]);
}

/* In the order of ORDER in stats.py, which numbers them for the rule.  Errors
 * are weighed against 1 + |expected|; that of the last result, if it is a
 * probability that may be tiny, against least + |expected|. */
static const struct {
    const char *name;
    void (*make)(struct rule *r, const char *name);
    double tolerance, least;
} kinds[] = {
    {"auc", make_auc, 1e-9, 1},
    {"brier", make_calibration, 1e-9, 1},
    {"delong", make_auc, 1e-9, 1},
    {"difference", make_auc, 1e-9, 1e-6},
    {"ece", make_calibration, 1e-9, 1},
    {"logistic", make_logistic, 1e-7, 1},
    {"overlap", make_sets, 1e-9, 1e-200},
    {"pca", make_pca, 1e-8, 1},
    {"pearson", make_pair, 1e-9, 1},
    {"ridge", make_ridge, 1e-9, 1},
    {"spearman", make_pair, 1e-9, 1e-20},
    {"tail", make_sets, 1e-9, 1e-200},
    {"wilson", make_wilson, 1e-9, 1},
    {"mcnemar", make_mcnemar, 1e-9, 1e-290},
    {"flip", make_flip, 1e-9, 1e-200},
    {"holm", make_holm, 1e-9, 1},
    {"paired", make_paired, 1e-9, 1},
    {"power", make_power, 1e-9, 1},
    {"drop", make_drop, 1e-6, 1},
};

enum {
    N_KINDS = sizeof kinds / sizeof *kinds
};

/* One line of ref/stats.txt; returns its kind. */
static size_t
compare(char *line, struct rule *r, double *out)
{
    char *save, *name = strtok_r(line, " \n", &save), *text;
    size_t number = strtoul(strtok_r(NULL, " \n", &save), NULL, 10), k = 0;
    int n, at = 0;

    while (k < N_KINDS && strcmp(kinds[k].name, name) != 0)
        k++;
    assert_true(k < N_KINDS);
    r->state = 1000 * number + k;
    r->n = 0;
    kinds[k].make(r, name);
    n = statcase_run(name, r->v, r->n, out, CAP);
    for (; (text = strtok_r(NULL, " \n", &save)) != NULL; at++) {
        double want = strtod(text, NULL);
        double least = at + 1 == n ? kinds[k].least : 1;

        if (strcmp(text, "error") == 0) {
            if (n != 0)
                fail_msg("%s %zu: no error", name, number);
            return k;
        }
        if (at >= n)
            fail_msg("%s %zu: %d results only", name, number, n);
        if (isnan(want) ? !isnan(out[at])
                        : !(fabs(out[at] - want) <=
                            kinds[k].tolerance * (least + fabs(want))))
            fail_msg("%s %zu, result %d: %.17g, expected %s", name, number, at,
                     out[at], text);
    }
    assert_int_equal(at, n);
    return k;
}

static void
test_reference(void **state)
{
    struct rule *r = hs_malloc(sizeof *r);
    double *out = hs_calloc(CAP, sizeof *out);
    struct hs_buf path = {0};
    char *line = NULL;
    size_t cap = 0, seen[N_KINDS] = {0};
    FILE *f;

    (void)state;
    hs_buf_printf(&path, "%s/tests/ref/stats.txt", getenv("HS_SRCDIR"));
    f = fopen(hs_buf_cstr(&path), "r");
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        if (line[0] != '#')
            seen[compare(line, r, out)]++;
    }
    for (size_t k = 0; k < N_KINDS; k++)
        assert_true(seen[k] >= 60);
    assert_int_equal(fclose(f), 0);
    free(line);
    hs_buf_free(&path);
    free(out);
    free(r);
}

/* 0.29 begins its hundredth, although 0.29 * 100 < 29 in doubles; ends belong
 * to the parts beside them. */
static void
test_bins(void **state)
{
    const double p[] = {0.285, 0.29}, ends[] = {-0.5, 0, 1, 1.5};

    (void)state;
    assert_true(0.29 * 100 < 29);
    assert_true(fabs(hs_ece(p, (uint8_t[]){0, 1}, 2, 100) -
                     (0.285 + 0.71) / 2) < 1e-15);
    assert_true(fabs(hs_ece(ends, (uint8_t[]){0, 1, 0, 1}, 4, 2) - 0.75) <
                1e-15);
    assert_true(isnan(hs_ece(p, (uint8_t[]){0, 1}, 0, 10)));
    assert_true(isnan(hs_brier(p, (uint8_t[]){0, 1}, 0)));
    assert_true(isnan(hs_ece((double[]){NAN}, (uint8_t[]){0}, 1, 10)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_bins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
