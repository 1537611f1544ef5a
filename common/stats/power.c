/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * power.c - the power of McNemar's exact test, see paired.h.
 *
 * Given m changed pairs, of which B are lost, the test rejects for B <= c or
 * B >= m - c with the largest c for which 2 P(X <= c) <= alpha, X binomial(m,
 * 1/2).  From m to m + 1, c grows by 0 or 1; so all the tails there are follow
 * from their neighbours:
 *
 *     P(X <= c | m + 1) = P(X <= c | m) - q P(X = c | m)
 */
#include <config.h>

#include "stats/paired.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* X binomial(m, q) up to c; c = -1 at first, when m = 0. */
struct tail {
    double q, odds;         /* odds 0 for q = 1, where they multiply 0 */
    double below, at, next; /* P(X <= c), P(X = c), P(X = c + 1) */
};

static struct tail
tail_of(double q)
{
    return (struct tail){.q = q, .odds = q < 1 ? q / (1 - q) : 0, .next = 1};
}

/* m becomes m + 1; c1 is c + 1. */
static void
longer(struct tail *t, double m, double c1)
{
    t->below -= t->q * t->at;
    t->at *= (1 - t->q) * (m + 1) / (m + 2 - c1);
    t->next *= (1 - t->q) * (m + 1) / (m + 1 - c1);
}

/* c becomes c + 1, which is c1. */
static void
wider(struct tail *t, double m, double c1)
{
    t->below += t->next;
    t->at = t->next;
    t->next *= t->odds * (m - c1) / (c1 + 1);
}

/* weight (n + 1): P(M = m), M binomial(n, q), up to a common factor, from the
 * mode outwards.  Returns their sum. */
static double
weigh(double *weight, size_t n, double q)
{
    size_t mode = (size_t)fmin((double)n, floor(((double)n + 1) * q));
    double odds = q / (1 - q), sum = 0;

    for (size_t m = 0; m <= n; m++)
        weight[m] = 0;
    weight[mode] = 1;
    for (size_t m = mode; m < n; m++)
        weight[m + 1] = weight[m] * odds * (double)(n - m) / (double)(m + 1);
    for (size_t m = mode; m > 0; m--)
        weight[m - 1] = weight[m] / odds * (double)m / (double)(n - m + 1);
    for (size_t m = 0; m <= n; m++)
        sum += weight[m];
    return sum;
}

static double
power_of(double *weight, size_t n, double p_lost, double p_gained, double alpha)
{
    double changed = fmin(1, p_lost + p_gained), total, sum = 0, c1 = 0;
    struct tail fair = tail_of(0.5), lost, gained;

    if (!(alpha < 1))
        return 1;
    if (changed <= 0)
        return 0;
    lost = tail_of(p_lost / (p_lost + p_gained));
    gained = tail_of(p_gained / (p_lost + p_gained));
    total = weigh(weight, n, changed);
    for (size_t m = 0; m <= n; m++) {
        double at = (double)m;

        if (fair.below + fair.next <= alpha / 2) {
            wider(&fair, at, c1);
            wider(&lost, at, c1);
            wider(&gained, at, c1);
            c1 += 1;
        }
        sum += weight[m] / total * (lost.below + gained.below);
        longer(&fair, at, c1);
        longer(&lost, at, c1);
        longer(&gained, at, c1);
    }
    return fmax(0, fmin(1, sum));
}

/* The rounding of a sum such as 0.7 + 0.3 is no reason to refuse it. */
static int
shares(double p_lost, double p_gained)
{
    return p_lost >= 0 && p_gained >= 0 && p_lost + p_gained <= 1 + 1e-12;
}

double
hs_mcnemar_power(uint64_t n, double p_lost, double p_gained, double alpha)
{
    double *weight, power;

    if (!shares(p_lost, p_gained) || isnan(alpha))
        return NAN;
    weight = hs_malloc(hs_mul((size_t)n + 1, sizeof *weight));
    power = power_of(weight, (size_t)n, p_lost, p_gained, alpha);
    free(weight);
    return power;
}

double
hs_smallest_drop(uint64_t n, double p_gained, double alpha, double power)
{
    double lo = 0, hi = 1 - 2 * p_gained, *weight;

    if (!(p_gained >= 0 && hi >= 0) || isnan(alpha) || isnan(power))
        return NAN;
    weight = hs_malloc(hs_mul((size_t)n + 1, sizeof *weight));
    if (power_of(weight, (size_t)n, p_gained, p_gained, alpha) >= power)
        hi = 0;
    else if (!(power_of(weight, (size_t)n, hi + p_gained, p_gained, alpha) >=
               power))
        hi = NAN;
    while (hi - lo > 1e-6) {
        double middle = (lo + hi) / 2;

        if (power_of(weight, (size_t)n, middle + p_gained, p_gained, alpha) >=
            power)
            hi = middle;
        else
            lo = middle;
    }
    free(weight);
    return hi;
}
