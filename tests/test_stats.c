/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_stats.c - the statistics against ref/stats.txt, which SciPy,
 * scikit-learn and exact fractions made, and what no table can hold:
 * intervals that cover, draws that move groups, models at their optimum.
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
#include "stats/auc.h"
#include "stats/linear.h"
#include "stats/overlap.h"
#include "stats/rank.h"

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
               : kind == 2 ? floor(u * 21) / 20
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

/* In the order of names, which numbers them for the rule. */
static const struct {
    const char *name;
    void (*make)(struct rule *r, const char *name);
    double tolerance;
} kinds[] = {
    {"auc", make_auc, 1e-9},         {"brier", make_calibration, 1e-9},
    {"delong", make_auc, 1e-9},      {"difference", make_auc, 1e-9},
    {"ece", make_calibration, 1e-9}, {"logistic", make_logistic, 1e-7},
    {"overlap", make_sets, 1e-9},    {"pca", make_pca, 1e-8},
    {"pearson", make_pair, 1e-9},    {"ridge", make_ridge, 1e-9},
    {"spearman", make_pair, 1e-9},   {"tail", make_sets, 1e-9},
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

        if (strcmp(text, "error") == 0) {
            if (n != 0)
                fail_msg("%s %zu: no error", name, number);
            return k;
        }
        if (at >= n)
            fail_msg("%s %zu: %d results only", name, number, n);
        if (isnan(want) ? !isnan(out[at])
                        : !(fabs(out[at] - want) <=
                            kinds[k].tolerance * (1 + fabs(want))))
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

/* ---- beyond the table ---- */

/* A million items in three blocks of equal scores: the count of pairs is a
 * whole number that a double holds. */
static void
test_auc_exact(void **state)
{
    enum {
        N = 1000000
    };
    double *score = hs_calloc(N, sizeof *score), pairs = 0, won = 0;
    double pos[3] = {0}, neg[3] = {0};
    uint8_t *label = hs_calloc(N, 1);

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        size_t block = (size_t)hs_rng_below(1, 1, i, 0, 3);

        score[i] = (double)block;
        label[i] = hs_rng_below(1, 2, i, 0, 4) < block + 1;
        *(label[i] ? &pos[block] : &neg[block]) += 1;
    }
    for (size_t p = 0; p < 3; p++) {
        for (size_t q = 0; q < 3; q++) {
            pairs += pos[p] * neg[q];
            won += pos[p] * neg[q] * (p > q ? 1 : p == q ? 0.5 : 0);
        }
    }
    assert_true(hs_auc(score, label, N) == won / pairs);
    free(label);
    free(score);
}

/* Equal scores on both sides of the zeros; infinities are scores as others. */
static void
test_auc_edges(void **state)
{
    const double zeros[] = {-0.0, 0.0}, ends[] = {-INFINITY, 1, INFINITY};
    const uint8_t up[] = {0, 1, 1};
    struct hs_interval v;

    (void)state;
    assert_true(hs_auc(zeros, up, 2) == 0.5);
    assert_true(hs_auc(ends, up, 3) == 1);
    assert_true(isnan(hs_auc(zeros, up, 0)));
    hs_auc_delong((double[]){1, 2, 3, 4}, (uint8_t[]){0, 0, 1, 1}, 4, 0.95, &v);
    assert_true(v.value == 1 && v.se == 0 && v.lo == 1 && v.hi == 1);
    hs_auc_bootstrap(zeros, (uint8_t[]){1, 1}, (uint32_t[]){0, 1}, 2, 2, 10, 1,
                     0.95, &v);
    assert_true(isnan(v.value) && isnan(v.se) && isnan(v.lo) && isnan(v.hi));
    /* a draw has one class half of the time: ever so often none is given */
    hs_auc_bootstrap(zeros, up, (uint32_t[]){0, 1}, 2, 2, 0, 1, 0.95, &v);
    assert_true(v.value == 0.5 && isnan(v.se) && isnan(v.lo) && isnan(v.hi));
}

/* Standard normal, by Box and Muller. */
static double
normal(uint64_t seed, uint32_t a, uint32_t b)
{
    double u = hs_rng_uniform(seed, 900, a, b),
           v = hs_rng_uniform(seed, 901, a, b);

    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

/* Two normals one unit apart: AUC Phi(1 / sqrt 2). */
static void
test_coverage(void **state)
{
    enum {
        RUNS = 1000,
        BOOTS = 300,
        N = 120
    };
    const double truth = 0.76024993890652326;
    double score[N], other[N];
    uint8_t label[N];
    uint32_t group[N];
    size_t delong = 0, boot = 0, rejected = 0;

    (void)state;
    for (uint32_t run = 0; run < RUNS; run++) {
        struct hs_interval v;
        double p;

        for (uint32_t i = 0; i < N; i++) {
            label[i] = i % 3 == 0;
            score[i] = normal(7, run, i) + label[i];
            other[i] = normal(8, run, i) + label[i];
            group[i] = i;
        }
        hs_auc_delong(score, label, N, 0.95, &v);
        delong += v.lo <= truth && truth <= v.hi;
        hs_auc_difference(score, other, label, N, 0.95, &v, &p);
        rejected += p <= 0.05;
        assert_true((p <= 0.05) == (v.lo > 0 || v.hi < 0));
        if (run >= BOOTS)
            continue;
        hs_auc_bootstrap(score, label, group, N, N, 400, run, 0.95, &v);
        boot += v.lo <= truth && truth <= v.hi;
    }
    /* within five standard errors of the nominal level, and the bootstrap as
     * far again for being a percentile of 120 items */
    if (delong < 916 || delong > 984 || boot < 266 || rejected > 85 ||
        rejected < 20)
        fail_msg(
            "covered: DeLong %zu of 1000, bootstrap %zu of 300; equal "
            "ones told apart: %zu of 1000",
            delong, boot, rejected);
}

/* Ten copies of each item in its group leave the draws as they are; ten copies
 * as groups of their own pass for ten times the data. */
static void
test_groups_together(void **state)
{
    enum {
        N = 60,
        COPIES = 10
    };
    double score[N * COPIES];
    uint8_t label[N * COPIES];
    uint32_t whole[N * COPIES], alone[N * COPIES];
    struct hs_interval one, copied, apart, again, sparse;

    (void)state;
    for (uint32_t i = 0; i < N * COPIES; i++) {
        whole[i] = i % N;
        alone[i] = i;
        label[i] = i % N % 2 == 0;
        score[i] = normal(9, i % N, 0) + label[i];
    }
    hs_auc_bootstrap(score, label, whole, N, N, 500, 3, 0.9, &one);
    hs_auc_bootstrap(score, label, whole, N * COPIES, N, 500, 3, 0.9, &copied);
    hs_auc_bootstrap(score, label, alone, N * COPIES, N * COPIES, 500, 3, 0.9,
                     &apart);
    assert_true(one.value == copied.value && one.lo == copied.lo &&
                one.hi == copied.hi && one.se == copied.se);
    assert_true(apart.se < 0.5 * one.se);
    assert_true(apart.hi - apart.lo < 0.5 * (one.hi - one.lo));
    /* by seed alone; groups without items do not take part */
    hs_auc_bootstrap(score, label, whole, N, N, 500, 4, 0.9, &again);
    assert_true(again.value == one.value && again.lo != one.lo);
    for (uint32_t i = 0; i < N; i++)
        alone[i] = 3 * i + 1;
    hs_auc_bootstrap(score, label, alone, N, 3 * N, 500, 3, 0.9, &sparse);
    assert_true(sparse.lo == one.lo && sparse.hi == one.hi);
}

static void
test_ranks(void **state)
{
    const double x[] = {3, -1, 3, 0, 3, -1};
    const double want[] = {5, 1.5, 5, 3, 5, 1.5};
    const uint32_t order[] = {1, 5, 3, 0, 2, 4};
    double rank[6];
    uint32_t got[6];

    (void)state;
    hs_midranks(x, 6, rank, got);
    for (size_t i = 0; i < 6; i++) {
        assert_true(rank[i] == want[i]);
        assert_int_equal(got[i], order[i]);
    }
    assert_int_equal(hs_count_shared((uint32_t[]){4, 0, 9}, 3,
                                     (uint32_t[]){9, 1, 2, 4}, 4, 10),
                     2);
}

/* A singular system is an error without a penalty, whatever rounding makes of
 * it, and none with one. */
static void
test_ridge_singular(void **state)
{
    enum {
        N = 40,
        D = 5
    };
    double x[N * D], y[N], w[D], b;
    struct hs_error err;

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t j = 0; j < D; j++)
            x[i * D + j] = normal(11, i, j) * (j + 1) + 100;
        y[i] = normal(12, i, 0);
    }
    assert_int_equal(hs_ridge(x, y, N, D, 0, w, &b, &err), 0);
    assert_int_equal(hs_ridge(x, y, D, D, 0, w, &b, &err), -1);
    for (uint32_t i = 0; i < N; i++)
        x[i * D + 4] = 0.1 * x[i * D] - 0.7 * x[i * D + 2] + 0.3;
    assert_int_equal(hs_ridge(x, y, N, D, 0, w, &b, &err), -1);
    assert_non_null(strstr(err.text, "singular"));
    assert_int_equal(hs_ridge(x, y, N, D, 1e-3, w, &b, &err), 0);
    for (uint32_t i = 0; i < N; i++)
        x[i * D + 4] = 0.1;
    assert_int_equal(hs_ridge(x, y, N, D, 0, w, &b, &err), -1);
    assert_int_equal(hs_ridge(x, y, N, D, 1e-3, w, &b, &err), 0);
    assert_true(w[4] == 0);
    x[7] = NAN;
    assert_int_equal(hs_ridge(x, y, N, D, 1, w, &b, &err), -1);
    assert_int_equal(hs_ridge(x, y, 0, D, 1, w, &b, &err), -1);
}

/* Many more columns than rows (dual) and as many rows (primal), with large
 * means: the gradient vanishes, w and b being what was minimised. */
static void
check_optimum(size_t n, size_t d)
{
    double *x = hs_calloc(n * d, sizeof *x), *y = hs_calloc(n, sizeof *y);
    double *w = hs_calloc(2 * d, sizeof *w), b[2], *left, most = 0;
    const double lambda[] = {0.5, 300};
    struct hs_error err;

    left = hs_calloc(n, sizeof *left);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < d; j++)
            x[i * d + j] = normal(13, i, j) + (j % 7) * 10;
        y[i] = 5 + normal(14, i, 0) + x[i * d];
    }
    assert_int_equal(hs_ridge_path(x, y, n, d, lambda, 2, w, b, &err), 0);
    for (size_t l = 0; l < 2; l++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++) {
            left[i] = y[i] - b[l];
            for (size_t j = 0; j < d; j++)
                left[i] -= x[i * d + j] * w[l * d + j];
            sum += left[i];
        }
        most = fmax(most, fabs(sum));
        for (size_t j = 0; j < d; j++) {
            double g = -lambda[l] * w[l * d + j];

            for (size_t i = 0; i < n; i++)
                g += x[i * d + j] * left[i];
            most = fmax(most, fabs(g));
        }
    }
    if (!(most < 1e-9 * (double)n))
        fail_msg("%zu x %zu: gradient %g", n, d, most);
    free(left);
    free(w);
    free(y);
    free(x);
}

static void
test_ridge_optimum(void **state)
{
    (void)state;
    check_optimum(30, 300);
    check_optimum(700, 40); /* more rows than one product takes */
    check_optimum(64, 64);
}

static void
test_logistic(void **state)
{
    enum {
        N = 300,
        D = 20
    };
    static double x[N * D], left[N], w[D];
    uint8_t label[N], none[N] = {0};
    double b, most = 0, sum = 0;
    struct hs_error err;

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        label[i] = normal(15, i, 99) + normal(15, i, 0) > 0.5;
        for (uint32_t j = 0; j < D; j++)
            x[i * D + j] = (normal(15, i, j) + 20) * pow(10, (int)(j % 5) - 2);
    }
    assert_int_equal(hs_logistic(x, label, N, D, 0.1, w, &b, &err), 0);
    for (size_t i = 0; i < N; i++) {
        double z = b;

        for (size_t j = 0; j < D; j++)
            z += x[i * D + j] * w[j];
        left[i] = 1 / (1 + exp(-z)) - label[i];
        sum += left[i];
    }
    for (size_t j = 0; j < D; j++) {
        double g = 0.1 * w[j], scale = pow(10, (int)(j % 5) - 2);

        for (size_t i = 0; i < N; i++)
            g += x[i * D + j] * left[i];
        most = fmax(most, fabs(g) / scale);
    }
    if (!(most < 1e-4 && fabs(sum) < 1e-5))
        fail_msg("gradient %g, %g", most, sum);
    assert_int_equal(hs_logistic(x, none, N, D, 0.1, w, &b, &err), -1);
    assert_non_null(strstr(err.text, "class"));
    assert_int_equal(hs_logistic(x, label, N, D, 0, w, &b, &err), -1);
    /* separable, and a column that says nothing: the penalty holds both */
    for (size_t i = 0; i < N; i++) {
        x[i * 2] = label[i];
        x[i * 2 + 1] = 4;
    }
    assert_int_equal(hs_logistic(x, label, N, 2, 1e-6, w, &b, &err), 0);
    assert_true(w[0] > 10 && w[1] == 0);
}

/* Fewer directions than components: what is made up is orthonormal too. */
static void
check_components(size_t n, size_t d, size_t k, size_t rank)
{
    double *x = hs_calloc(n * d, sizeof *x), *mean = hs_calloc(d, sizeof *mean);
    double *e = hs_calloc(k * d, sizeof *e), *var = hs_calloc(k, sizeof *var);
    struct hs_error err;

    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < d; j++) {
            x[i * d + j] = 3;
            for (uint32_t r = 0; r < rank; r++)
                x[i * d + j] += normal(16, i, r) * normal(17, r, j);
        }
    }
    assert_int_equal(hs_pca(x, n, d, k, mean, e, var, &err), 0);
    for (size_t i = 0; i < k; i++) {
        double largest = 0;

        assert_true(var[i] >= 0 && (i == 0 || var[i] <= var[i - 1]));
        assert_true(i < rank ? var[i] > 1e-3 : var[i] < 1e-10);
        for (size_t j = 0; j < d; j++)
            largest =
                fabs(e[i * d + j]) > fabs(largest) ? e[i * d + j] : largest;
        assert_true(largest > 0);
        for (size_t l = 0; l <= i; l++) {
            double dot = 0;

            for (size_t j = 0; j < d; j++)
                dot += e[i * d + j] * e[l * d + j];
            assert_true(fabs(dot - (i == l)) < 1e-12);
        }
    }
    free(var);
    free(e);
    free(mean);
    free(x);
}

static void
test_pca(void **state)
{
    double x[4] = {1, 2, 3, 4}, mean[2], e[2], var[1];
    struct hs_error err;

    (void)state;
    check_components(50, 8, 8, 8);
    check_components(50, 8, 8, 2);
    check_components(10, 40, 9, 9);
    check_components(10, 40, 9, 3);
    check_components(10, 10, 9, 1);
    check_components(10, 40, 9, 0); /* constant */
    assert_int_equal(hs_pca(x, 1, 2, 1, mean, e, var, &err), -1);
    assert_int_equal(hs_pca(x, 2, 2, 2, mean, e, var, &err), -1);
    assert_int_equal(hs_pca(x, 2, 2, 1, mean, e, var, &err), 0);
    assert_true(fabs(var[0] - 4) < 1e-12);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_auc_exact),
        cmocka_unit_test(test_auc_edges),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_groups_together),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_ridge_singular),
        cmocka_unit_test(test_ridge_optimum),
        cmocka_unit_test(test_logistic),
        cmocka_unit_test(test_pca),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
