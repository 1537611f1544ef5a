/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * statcase.c - see statcase.h.
 */
#include <config.h>

#include "statcase.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/auc.h"
#include "stats/calibration.h"
#include "stats/linear.h"
#include "stats/maxauc.h"
#include "stats/overlap.h"
#include "stats/paired.h"
#include "stats/rank.h"
#include "statrow.h"

/* n, label, score: the AUC */
static int
run_auc(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    uint8_t *label = take_labels(in, n);
    const double *score = take(in, n);

    if (!in->short_of) {
        double v = hs_auc(score, label, n);

        give(o, &v, 1);
    }
    free(label);
    return 0;
}

/* n, level, label, score: value, se, lo, hi */
static int
run_delong(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    double level = *take(in, 1);
    uint8_t *label = take_labels(in, n);
    const double *score = take(in, n);
    struct hs_interval v;

    if (!in->short_of) {
        hs_auc_delong(score, label, n, level, &v);
        give_interval(o, &v);
    }
    free(label);
    return 0;
}

/* n, level, label, score a, score b: value, se, lo, hi, p */
static int
run_difference(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    double level = *take(in, 1), p;
    uint8_t *label = take_labels(in, n);
    const double *a = take(in, n), *b = take(in, n);
    struct hs_interval v;

    if (!in->short_of) {
        hs_auc_difference(a, b, label, n, level, &v, &p);
        give_interval(o, &v);
        give(o, &p, 1);
    }
    free(label);
    return 0;
}

/* n, groups, draws, seed, level, label, group, score: value, se, lo, hi */
static int
run_bootstrap(struct input *in, struct output *o)
{
    size_t n = take_size(in), n_groups = take_size(in), draws = take_size(in);
    size_t seed = take_size(in);
    double level = *take(in, 1);
    uint8_t *label = take_labels(in, n);
    uint32_t *group = take_numbers(in, n, n_groups);
    const double *score = take(in, n);
    struct hs_interval v;

    if (!in->short_of) {
        hs_auc_bootstrap(score, label, group, n, n_groups, draws, seed, level,
                         &v);
        give_interval(o, &v);
    }
    free(group);
    free(label);
    return 0;
}

/* n, x, y: rho, p */
static int
run_spearman(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    const double *x = take(in, n), *y = take(in, n);
    double v[2];

    if (in->short_of)
        return 0;
    v[0] = hs_spearman(x, y, n, &v[1]);
    give(o, v, 2);
    return 0;
}

/* n, x, y: r */
static int
run_pearson(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    const double *x = take(in, n), *y = take(in, n);
    double v;

    if (in->short_of)
        return 0;
    v = hs_pearson(x, y, n);
    give(o, &v, 1);
    return 0;
}

/* d, ka, kb, shared, level: IoU, expected, lo, hi, p */
static int
run_overlap(struct input *in, struct output *o)
{
    size_t d = take_size(in), ka = take_size(in), kb = take_size(in);
    size_t shared = take_size(in);
    double level = *take(in, 1);
    struct hs_overlap v;

    in->short_of |= ka < 1 || ka > d || kb < 1 || kb > d;
    if (in->short_of)
        return 0;
    hs_overlap(d, ka, kb, shared, level, &v);
    give(o, (double[]){v.iou, v.expected, v.lo, v.hi, v.p}, 5);
    return 0;
}

/* d, ka, kb, x: P(X >= x) */
static int
run_tail(struct input *in, struct output *o)
{
    size_t d = take_size(in), ka = take_size(in), kb = take_size(in);
    size_t x = take_size(in);

    in->short_of |= ka > d || kb > d;
    if (in->short_of)
        return 0;
    give(o, (double[]){hs_hypergeom_tail(d, ka, kb, x)}, 1);
    return 0;
}

/* n, label, p: the score */
static int
run_brier(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    uint8_t *label = take_labels(in, n);
    const double *p = take(in, n);

    if (!in->short_of)
        give(o, (double[]){hs_brier(p, label, n)}, 1);
    free(label);
    return 0;
}

/* n, bins, label, p: the error */
static int
run_ece(struct input *in, struct output *o)
{
    size_t n = take_size(in), bins = take_size(in);
    uint8_t *label = take_labels(in, n);
    const double *p = take(in, n);

    if (!in->short_of)
        give(o, (double[]){hs_ece(p, label, n, bins)}, 1);
    free(label);
    return 0;
}

/* n, d, number of lambdas, lambdas, x, y: w and b of each */
static int
run_ridge(struct input *in, struct output *o)
{
    size_t n = take_size(in), d = take_size(in), n_lambdas = take_size(in);
    const double *lambda = take(in, n_lambdas), *x = take(in, hs_mul(n, d));
    const double *y = take(in, n);
    double *w = hs_calloc(hs_mul(n_lambdas, d), sizeof *w);
    double *b = hs_calloc(n_lambdas, sizeof *b);
    struct hs_error err;
    int status = 0;

    if (!in->short_of) {
        status = hs_ridge_path(x, y, n, d, lambda, n_lambdas, w, b, &err);
        for (size_t l = 0; status == 0 && l < n_lambdas; l++) {
            give(o, w + l * d, d);
            give(o, b + l, 1);
        }
    }
    free(b);
    free(w);
    return status;
}

/* n, d, lambda, label, x: w, b */
static int
run_logistic(struct input *in, struct output *o)
{
    size_t n = take_size(in), d = take_size(in);
    double lambda = *take(in, 1), b = 0, *w = hs_calloc(d, sizeof *w);
    uint8_t *label = take_labels(in, n);
    const double *x = take(in, hs_mul(n, d));
    struct hs_error err;
    int status = 0;

    if (!in->short_of) {
        status = hs_logistic(x, label, n, d, lambda, w, &b, &err);
        if (status == 0) {
            give(o, w, d);
            give(o, &b, 1);
        }
    }
    free(label);
    free(w);
    return status;
}

/* n, d, k, x: mean, components, variances */
static int
run_pca(struct input *in, struct output *o)
{
    size_t n = take_size(in), d = take_size(in), k = take_size(in);
    const double *x = take(in, hs_mul(n, d));
    double *mean = hs_calloc(d, sizeof *mean);
    double *components = hs_calloc(hs_mul(k, d), sizeof *components);
    double *variance = hs_calloc(k, sizeof *variance);
    struct hs_error err;
    int status = 0;

    if (!in->short_of) {
        status = hs_pca(x, n, d, k, mean, components, variance, &err);
        if (status == 0) {
            give(o, mean, d);
            give(o, components, k * d);
            give(o, variance, k);
        }
    }
    free(variance);
    free(components);
    free(mean);
    return status;
}

/* n, d, groups, draws, seed, alpha, label, group, x: AUCs, ps, threshold */
static int
run_maxauc(struct input *in, struct output *o)
{
    size_t n = take_size(in), d = take_size(in), n_groups = take_size(in);
    size_t draws = take_size(in), seed = take_size(in);
    double alpha = *take(in, 1);
    uint8_t *label = take_labels(in, n);
    uint32_t *group = take_numbers(in, n, n_groups);
    const double *x = take(in, hs_mul(n, d));
    float *narrow = hs_calloc(hs_mul(n, d), sizeof *narrow);
    struct hs_maxauc m;

    if (!in->short_of) {
        for (size_t i = 0; i < n * d; i++)
            narrow[i] = (float)x[i];
        hs_maxauc(narrow, d, label, group, n, d, n_groups, draws, seed, alpha,
                  &m);
        give(o, m.auc, d);
        give(o, m.p, d);
        give(o, &m.threshold, 1);
        hs_maxauc_free(&m);
    }
    free(narrow);
    free(group);
    free(label);
    return 0;
}

/* k, n, level: value, se, lo, hi */
static int
run_wilson(struct input *in, struct output *o)
{
    uint64_t k = take_whole(in), n = take_whole(in);
    double level = *take(in, 1);
    struct hs_interval v;

    if (in->short_of)
        return 0;
    hs_wilson(k, n, level, &v);
    give_interval(o, &v);
    return 0;
}

/* b, c: p */
static int
run_mcnemar(struct input *in, struct output *o)
{
    uint64_t b = take_whole(in), c = take_whole(in);

    if (!in->short_of)
        give(o, (double[]){hs_mcnemar(b, c)}, 1);
    return 0;
}

/* n, d: p */
static int
run_flip(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    int32_t *d = take_differences(in, n);

    if (!in->short_of)
        give(o, (double[]){hs_sign_flip(d, n)}, 1);
    free(d);
    return 0;
}

/* n, p: adjusted */
static int
run_holm(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    const double *p = take(in, n);
    double *out = hs_calloc(n, sizeof *out);

    if (!in->short_of) {
        hs_holm(p, n, out);
        give(o, out, n);
    }
    free(out);
    return 0;
}

/* groups, draws, seed, level, differences, counts: value, se, lo, hi */
static int
run_paired(struct input *in, struct output *o)
{
    size_t n = take_size(in), draws = take_size(in), seed = take_size(in);
    double level = *take(in, 1);
    int32_t *diff = take_differences(in, n);
    uint32_t *count = take_numbers(in, n, 1 << 20);
    struct hs_interval v;

    if (!in->short_of) {
        hs_paired_bootstrap(diff, count, n, draws, seed, level, &v);
        give_interval(o, &v);
    }
    free(count);
    free(diff);
    return 0;
}

/* n, lost, gained, alpha: power */
static int
run_power(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    const double *v = take(in, 3);

    if (!in->short_of)
        give(o, (double[]){hs_mcnemar_power(n, v[0], v[1], v[2])}, 1);
    return 0;
}

/* n, gained, alpha, power: drop */
static int
run_drop(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    const double *v = take(in, 3);

    if (!in->short_of)
        give(o, (double[]){hs_smallest_drop(n, v[0], v[1], v[2])}, 1);
    return 0;
}

static const struct row_function functions[] = {
    {"auc", run_auc},
    {"delong", run_delong},
    {"difference", run_difference},
    {"bootstrap", run_bootstrap},
    {"spearman", run_spearman},
    {"pearson", run_pearson},
    {"overlap", run_overlap},
    {"tail", run_tail},
    {"brier", run_brier},
    {"ece", run_ece},
    {"ridge", run_ridge},
    {"logistic", run_logistic},
    {"pca", run_pca},
    {"maxauc", run_maxauc},
    {"wilson", run_wilson},
    {"mcnemar", run_mcnemar},
    {"flip", run_flip},
    {"holm", run_holm},
    {"paired", run_paired},
    {"power", run_power},
    {"drop", run_drop},
};

static const struct row_function *
find(const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    }
    for (size_t i = 0; statcols[i].name != NULL; i++) {
        if (strcmp(statcols[i].name, name) == 0)
            return &statcols[i];
    }
    return NULL;
}

int
statcase_run(const char *name, const double *arg, size_t n_arg, double *out,
             size_t cap)
{
    const struct row_function *f = find(name);
    struct input in = {.at = arg, .left = n_arg};
    struct output o = {.at = out, .cap = cap};

    if (f == NULL)
        return -1;
    if (f->run(&in, &o) != 0)
        return 0;
    return in.short_of || in.left > 0 ? -1 : (int)o.n;
}
