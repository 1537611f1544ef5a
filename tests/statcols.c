/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * statcols.c - the functions of common/stats for many columns, for statcase.c.
 */
#include <config.h>

#include <stdlib.h>

#include "base/mem.h"
#include "stats/contrast.h"
#include "stats/errsig.h"
#include "stats/falsehit.h"
#include "stats/fdr.h"
#include "stats/partial.h"
#include "stats/rank.h"
#include "statrow.h"

/* n, p: adjusted */
static int
run_fdr(struct input *in, struct output *o)
{
    size_t n = take_size(in);
    const double *p = take(in, n);
    double *out = hs_calloc(n, sizeof *out);

    if (!in->short_of) {
        hs_fdr(p, n, out);
        give(o, out, n);
    }
    free(out);
    return 0;
}

/* d, q: draws */
static int
run_fdrdraws(struct input *in, struct output *o)
{
    size_t d = take_size(in);
    double q = *take(in, 1);

    if (!in->short_of)
        give(o, (double[]){(double)hs_fdr_draws(d, q)}, 1);
    return 0;
}

/* n, k, x, y, z: r, p */
static int
run_partial(struct input *in, struct output *o)
{
    size_t n = take_size(in), k = take_size(in);
    const double *x = take(in, n), *y = take(in, n),
                 *z = take(in, hs_mul(n, k));
    double v[2];

    if (in->short_of)
        return 0;
    v[0] = hs_partial(x, y, z, n, k, &v[1]);
    give(o, v, 2);
    return 0;
}

/* n, groups, draws, seed, level, group, x, y: value, se, lo, hi */
static int
run_spearboot(struct input *in, struct output *o)
{
    size_t n = take_size(in), n_groups = take_size(in), draws = take_size(in);
    size_t seed = take_size(in);
    double level = *take(in, 1);
    uint32_t *group = take_numbers(in, n, n_groups);
    const double *x = take(in, n), *y = take(in, n);
    struct hs_interval v;

    if (!in->short_of) {
        hs_spearman_boot(x, y, group, n, n_groups, draws, seed, level, &v);
        give_interval(o, &v);
    }
    free(group);
    return 0;
}

/* n, d, groups, draws, seed, label, group, x: exact, scores, ps */
static int
run_contrast(struct input *in, struct output *o)
{
    size_t n = take_size(in), d = take_size(in), n_groups = take_size(in);
    size_t draws = take_size(in), seed = take_size(in);
    uint8_t *label = take_labels(in, n);
    uint32_t *group = take_numbers(in, n, n_groups);
    float *x = take_floats(in, hs_mul(n, d));
    double *score = hs_calloc(d, sizeof *score), *p = hs_calloc(d, sizeof *p);
    struct hs_error err;
    int status = 0;
    bool exact;

    if (!in->short_of) {
        status = hs_contrast(x, n, d, label, group, n_groups, draws, seed,
                             score, p, &exact, &err);
        if (status == 0) {
            give(o, (double[]){exact}, 1);
            give(o, score, d);
            give(o, p, d);
        }
    }
    free(p);
    free(score);
    free(x);
    free(group);
    free(label);
    return status;
}

/* n, d, k, groups, draws, seed, outcome, expected, z, group, x: of all columns
 * r_out, p_out, r_exp, p_exp, p, q */
static int
run_errsig(struct input *in, struct output *o)
{
    size_t n = take_size(in), d = take_size(in), k = take_size(in);
    size_t n_groups = take_size(in), draws = take_size(in);
    size_t seed = take_size(in);
    const double *outcome = take(in, n), *expected = take(in, n);
    const double *z = take(in, hs_mul(n, k));
    uint32_t *group = take_numbers(in, n, n_groups);
    float *x = take_floats(in, hs_mul(n, d));
    struct hs_errsig_data data = {x, n, d,     outcome, expected,
                                  z, k, group, n_groups};
    struct hs_errsig e;
    struct hs_error err;
    int status = 0;

    if (!in->short_of) {
        status = hs_errsig(&data, draws, seed, &e, &err);
        if (status == 0) {
            give(o, e.r_out, d);
            give(o, e.p_out, d);
            give(o, e.r_exp, d);
            give(o, e.p_exp, d);
            give(o, e.p, d);
            give(o, e.q, d);
            hs_errsig_free(&e);
        }
    }
    free(x);
    free(group);
    return status;
}

/* k1, k2, p, threshold: probability */
static int
run_falsehit(struct input *in, struct output *o)
{
    size_t k1 = take_size(in), k2 = take_size(in);
    const double *v = take(in, 2);

    if (!in->short_of)
        give(o,
             (double[]){hs_false_hits((uint32_t)k1, (uint32_t)k2, v[0], v[1])},
             1);
    return 0;
}

/* s1, k1, s2, k2, threshold: probability */
static int
run_falsehitat(struct input *in, struct output *o)
{
    uint32_t s1 = (uint32_t)take_size(in), k1 = (uint32_t)take_size(in);
    uint32_t s2 = (uint32_t)take_size(in), k2 = (uint32_t)take_size(in);
    double threshold = *take(in, 1);

    if (!in->short_of)
        give(o, (double[]){hs_false_hits_at(s1, k1, s2, k2, threshold)}, 1);
    return 0;
}

const struct row_function statcols[] = {
    {"fdr", run_fdr},
    {"fdrdraws", run_fdrdraws},
    {"partial", run_partial},
    {"spearboot", run_spearboot},
    {"contrast", run_contrast},
    {"errsig", run_errsig},
    {"falsehit", run_falsehit},
    {"falsehitat", run_falsehitat},
    {NULL, NULL},
};
