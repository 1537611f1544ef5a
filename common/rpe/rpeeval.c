/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpeeval.c - see rpeeval.h.
 */
#include <config.h>

#include "rpe/rpeeval.h"

#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include "base/json.h"
#include "base/mem.h"
#include "stats/rank.h"

const char *const hs_rpe_figure_names[HS_N_RPE_FIGURES] = {"selected",
                                                           "split_half", "all"};

/* Pairs of which a correlation is taken. */
struct pairs {
    double *x, *y;
    uint32_t *group;
    size_t n;
};

static void
add(struct pairs *p, const struct hs_steps *t, size_t k, double x, double y)
{
    if (isnan(y))
        return;
    p->x[p->n] = x;
    p->y[p->n] = y;
    p->group[p->n++] = t->group[k];
}

static void
collect(struct pairs *p, const struct hs_steps *t, const double *predicted,
        enum hs_rpe_figure f)
{
    p->n = 0;
    for (size_t k = 0; k < t->n; k++) {
        if (!t->val[k])
            continue;
        if (f == HS_RPE_ALL || (f == HS_RPE_SELECTED && t->beyond[k]))
            add(p, t, k, predicted[k], t->delta[k]);
        for (int h = 0; h < 2 && f == HS_RPE_SPLIT_HALF; h++)
            if (t->half_beyond[h][k])
                add(p, t, k, predicted[k], t->half[1 - h][k]);
    }
}

/* Different groups among the pairs. */
static size_t
count_groups(const struct pairs *p, size_t n_groups)
{
    bool *seen = hs_calloc(n_groups, sizeof *seen);
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        n += !seen[p->group[i]];
        seen[p->group[i]] = true;
    }
    free(seen);
    return n;
}

void
hs_rpe_evaluate(const struct hs_steps *t, const double *predicted, size_t draws,
                uint64_t seed, double level, struct hs_rpe_eval *out)
{
    size_t most = hs_mul(t->n, 2);
    struct pairs p = {.x = hs_calloc(most, sizeof *p.x),
                      .y = hs_calloc(most, sizeof *p.y),
                      .group = hs_calloc(most, sizeof *p.group)};

    for (int f = 0; f < HS_N_RPE_FIGURES; f++) {
        collect(&p, t, predicted, (enum hs_rpe_figure)f);
        out->n[f] = p.n;
        out->n_problems[f] = count_groups(&p, t->n_groups);
        hs_spearman_boot(p.x, p.y, p.group, p.n, t->n_groups, draws, seed,
                         level, &out->rho[f]);
    }
    free(p.x);
    free(p.y);
    free(p.group);
}

json_t *
hs_rpe_eval_json(const struct hs_rpe_eval *e)
{
    json_t *all = json_object();

    for (int f = 0; f < HS_N_RPE_FIGURES; f++) {
        const struct hs_interval *r = &e->rho[f];
        json_t *j = json_object();

        json_object_set_new(j, "n", json_integer((json_int_t)e->n[f]));
        json_object_set_new(j, "problems",
                            json_integer((json_int_t)e->n_problems[f]));
        json_object_set_new(j, "rho", hs_json_number(r->value));
        json_object_set_new(j, "se", hs_json_number(r->se));
        json_object_set_new(j, "lo", hs_json_number(r->lo));
        json_object_set_new(j, "hi", hs_json_number(r->hi));
        json_object_set_new(all, hs_rpe_figure_names[f], j);
    }
    return all;
}

json_t *
hs_rpe_band_json(const struct hs_rpe_eval *e, size_t n, enum hs_rpe_figure f,
                 double level)
{
    double sum = 0, square = 0, low = (double)NAN, high = (double)NAN, mean,
           half;
    json_t *j = json_object();

    for (size_t i = 0; i < n; i++) {
        double x = e[i].rho[f].value;

        sum += x;
        low = fmin(low, x);
        high = fmax(high, x);
    }
    mean = n > 0 ? sum / (double)n : (double)NAN;
    for (size_t i = 0; i < n; i++)
        square += (e[i].rho[f].value - mean) * (e[i].rho[f].value - mean);
    half = n < 2 ? (double)NAN
                 : gsl_cdf_tdist_Pinv((1 + level) / 2, (double)n - 1) *
                       sqrt(square / ((double)n - 1) * (1 + 1 / (double)n));
    if (isnan(mean)) /* a draw without a correlation */
        low = high = (double)NAN;
    json_object_set_new(j, "draws", json_integer((json_int_t)n));
    json_object_set_new(j, "mean", hs_json_number(mean));
    json_object_set_new(j, "min", hs_json_number(low));
    json_object_set_new(j, "max", hs_json_number(high));
    json_object_set_new(
        j, "lo", hs_json_number(isnan(half) ? half : fmax(-1, mean - half)));
    json_object_set_new(
        j, "hi", hs_json_number(isnan(half) ? half : fmin(1, mean + half)));
    return j;
}
