/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * auc.c - see auc.h.
 */
#include <config.h>

#include "stats/auc.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "stats/draws.h"
#include "stats/rank.h"

/* Counts positives; false when no figure exists. */
static bool
two_classes(const double *score, const uint8_t *label, size_t n,
            size_t *n_positive)
{
    size_t n1 = 0;

    for (size_t i = 0; i < n; i++) {
        if (isnan(score[i]))
            return false;
        n1 += label[i] != 0;
    }
    *n_positive = n1;
    return n1 > 0 && n1 < n;
}

/* Ranks are multiples of 1/2, so that the sum is exact below 1e8 items and one
 * division rounds. */
static double
from_ranks(const double *rank, const uint8_t *label, size_t n, size_t n1)
{
    double m = (double)n1, sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += label[i] ? rank[i] : 0;
    return (sum - m * (m + 1) / 2) / (m * (double)(n - n1));
}

double
hs_auc(const double *score, const uint8_t *label, size_t n)
{
    double *rank, auc;
    uint32_t *order;
    size_t n1;

    if (!two_classes(score, label, n, &n1))
        return NAN;
    rank = hs_malloc(hs_mul(n, sizeof *rank));
    order = hs_malloc(hs_mul(n, sizeof *order));
    hs_midranks(score, n, rank, order);
    auc = from_ranks(rank, label, n, n1);
    free(order);
    free(rank);
    return auc;
}

/* Writes for each item over how many of the other class it wins, an equal one
 * counting a half: its rank among all less its rank in its own class.  (For a
 * negative this is the complement of its placement, of the same variance.)
 * Whole halves, exact.  Returns the AUC. */
static double
wins(const double *score, const uint8_t *label, size_t n, size_t n1,
     double *out)
{
    double *part = hs_malloc(hs_mul(n, sizeof *part)), auc;
    double *rank = hs_malloc(hs_mul(n, sizeof *rank));
    uint32_t *order = hs_malloc(hs_mul(n, sizeof *order));

    hs_midranks(score, n, out, order);
    auc = from_ranks(out, label, n, n1);
    for (int class = 0; class < 2; class ++) {
        size_t m = 0;

        for (size_t i = 0; i < n; i++) {
            if ((label[i] != 0) == class)
                part[m++] = score[i];
        }
        hs_midranks(part, m, rank, order);
        m = 0;
        for (size_t i = 0; i < n; i++) {
            if ((label[i] != 0) == class)
                out[i] -= rank[m++];
        }
    }
    free(order);
    free(rank);
    free(part);
    return auc;
}

/* DeLong's variance of a mean placement: S10 / n1 + S01 / n0, S the variances
 * of wins / n0 over positives and of wins / n1 over negatives. */
static double
delong_variance(const double *win, const uint8_t *label, size_t n, size_t n1)
{
    double total = 0;

    for (int class = 0; class < 2; class ++) {
        double m = (double)(class ? n1 : n - n1), sum = 0, squares = 0;
        double other = (double)n - m;

        for (size_t i = 0; i < n; i++)
            sum += (label[i] != 0) == class ? win[i] : 0;
        for (size_t i = 0; i < n; i++) {
            double dev = win[i] - sum / m;

            squares += (label[i] != 0) == class ? dev * dev : 0;
        }
        total += squares / (m - 1) / (other * other) / m;
    }
    return total;
}

/* Fills se and the normal interval, cut to [low, 1]. */
static void
normal_interval(struct hs_interval *out, double variance, double level,
                double low)
{
    double half;

    out->se = sqrt(variance);
    half = gsl_cdf_ugaussian_Qinv((1 - level) / 2) * out->se;
    out->lo = fmax(low, out->value - half);
    out->hi = fmin(1, out->value + half);
}

void
hs_auc_delong(const double *score, const uint8_t *label, size_t n, double level,
              struct hs_interval *out)
{
    double *win;
    size_t n1;

    *out = (struct hs_interval){NAN, NAN, NAN, NAN};
    if (!two_classes(score, label, n, &n1))
        return;
    win = hs_malloc(hs_mul(n, sizeof *win));
    out->value = wins(score, label, n, n1, win);
    if (n1 >= 2 && n - n1 >= 2)
        normal_interval(out, delong_variance(win, label, n, n1), level, 0);
    free(win);
}

void
hs_auc_difference(const double *a, const double *b, const uint8_t *label,
                  size_t n, double level, struct hs_interval *out, double *p)
{
    double *wa, *wb;
    size_t n1;

    *out = (struct hs_interval){NAN, NAN, NAN, NAN};
    *p = NAN;
    if (!two_classes(a, label, n, &n1) || !two_classes(b, label, n, &n1))
        return;
    wa = hs_malloc(hs_mul(n, sizeof *wa));
    wb = hs_malloc(hs_mul(n, sizeof *wb));
    (void)wins(a, label, n, n1, wa);
    (void)wins(b, label, n, n1, wb);
    out->value = 0;
    for (size_t i = 0; i < n; i++) {
        wa[i] -= wb[i];
        out->value += label[i] ? wa[i] : 0; /* exact: multiples of 1/2 */
    }
    out->value /= (double)n1 * (double)(n - n1);
    if (n1 >= 2 && n - n1 >= 2) {
        normal_interval(out, delong_variance(wa, label, n, n1), level, -1);
        if (out->value == 0)
            *p = 1;
        else if (out->se > 0)
            *p = 2 * gsl_cdf_ugaussian_Q(fabs(out->value) / out->se);
    }
    free(wb);
    free(wa);
}

/* ---- bootstrap ---- */

/* Items in ascending order of score, in blocks of equal ones, with the groups
 * numbered anew without the empty ones. */
struct sorted {
    uint32_t *group; /* (n), owned */
    uint8_t *label;  /* (n), owned */
    uint8_t *starts; /* (n), owned: 1 where a block of equal scores begins */
    size_t n, n_groups;
};

static void
sort_items(struct sorted *s, const double *score, const uint8_t *label,
           const uint32_t *group, size_t n, size_t n_groups)
{
    uint32_t *order = hs_malloc(hs_mul(n, sizeof *order));
    double *rank = hs_malloc(hs_mul(n, sizeof *rank));
    uint32_t *number = hs_calloc(n_groups, sizeof *number);

    s->n = n;
    s->group = hs_malloc(hs_mul(n, sizeof *s->group));
    s->label = hs_malloc(n);
    s->starts = hs_malloc(n);
    for (size_t i = 0; i < n; i++)
        number[group[i]] = 1;
    s->n_groups = 0;
    for (size_t g = 0; g < n_groups; g++) {
        if (number[g])
            number[g] = (uint32_t)s->n_groups++;
    }
    hs_midranks(score, n, rank, order);
    for (size_t i = 0; i < n; i++) {
        s->group[i] = number[group[order[i]]];
        s->label[i] = label[order[i]] != 0;
        s->starts[i] = i == 0 || score[order[i]] != score[order[i - 1]];
    }
    free(number);
    free(rank);
    free(order);
}

/* AUC with each item counted as often as its group was drawn; NaN with one
 * class. */
static double
weighted_auc(const struct sorted *s, const uint32_t *times)
{
    double below = 0, equal = 0, won = 0, positives = 0, negatives = 0;

    for (size_t i = 0; i < s->n; i++) {
        double w = times[s->group[i]];

        if (s->starts[i]) {
            won += equal * (below + (negatives - below) / 2);
            below = negatives;
            equal = 0;
        }
        if (s->label[i]) {
            positives += w;
            equal += w;
        } else {
            negatives += w;
        }
    }
    won += equal * (below + (negatives - below) / 2);
    return positives > 0 && negatives > 0 ? won / (positives * negatives) : NAN;
}

void
hs_auc_bootstrap(const double *score, const uint8_t *label,
                 const uint32_t *group, size_t n, size_t n_groups,
                 size_t n_draws, uint64_t seed, double level,
                 struct hs_interval *out)
{
    struct sorted s;
    double *drawn;
    uint32_t *times;
    size_t kept = 0, n1;

    *out = (struct hs_interval){NAN, NAN, NAN, NAN};
    if (!two_classes(score, label, n, &n1))
        return;
    out->value = hs_auc(score, label, n);
    sort_items(&s, score, label, group, n, n_groups);
    drawn = hs_malloc(hs_mul(n_draws, sizeof *drawn));
    times = hs_malloc(hs_mul(s.n_groups, sizeof *times));
    for (size_t b = 0; b < n_draws; b++) {
        for (size_t i = 0; i < s.n_groups; i++)
            times[i] = 0;
        for (size_t i = 0; i < s.n_groups; i++)
            times[hs_rng_below(seed, HS_RNG_BOOTSTRAP, (uint32_t)b, (uint32_t)i,
                               s.n_groups)]++;
        drawn[kept] = weighted_auc(&s, times);
        kept += !isnan(drawn[kept]);
    }
    if (kept >= n_draws - kept)
        hs_draws_interval(drawn, kept, level, out);
    free(times);
    free(drawn);
    free(s.starts);
    free(s.label);
    free(s.group);
}
