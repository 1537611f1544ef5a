/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rank.c - see rank.h.
 */
#include <config.h>

#include "stats/rank.h"

#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "stats/draws.h"

struct keyed {
    double x;
    uint32_t i;
};

static int
by_value(const void *a, const void *b)
{
    const struct keyed *p = a, *q = b;

    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return p->i < q->i ? -1 : p->i > q->i;
}

void
hs_midranks(const double *x, size_t n, double *rank, uint32_t *order)
{
    struct keyed *k = hs_malloc(hs_mul(n, sizeof *k));
    size_t i, end;

    for (i = 0; i < n; i++)
        k[i] = (struct keyed){x[i], (uint32_t)i};
    qsort(k, n, sizeof *k, by_value);
    for (i = 0; i < n; i = end) {
        double middle;

        for (end = i + 1; end < n && k[end].x == k[i].x;)
            end++;
        /* ranks i + 1 .. end: a multiple of 1/2, exact */
        middle = ((double)i + (double)end + 1) / 2;
        for (size_t j = i; j < end; j++) {
            rank[k[j].i] = middle;
            order[j] = k[j].i;
        }
    }
    free(k);
}

/* Writes x - mean, times the power of two that brings the largest near 1: so
 * squares neither overflow nor vanish and ranks stay exact.  Returns the sum
 * of squares; NaN if x is constant or has a value that is not finite. */
static double
centre(const double *x, size_t n, double *out)
{
    double mean = 0, shift = 0, largest = 0, sum = 0;
    int exponent;
    size_t same = 0;

    for (size_t i = 0; i < n; i++) {
        mean += (x[i] - x[0]) / (double)n;
        same += x[i] == x[0];
    }
    if (same == n || !isfinite(mean))
        return NAN;
    for (size_t i = 0; i < n; i++) {
        out[i] = (x[i] - x[0]) - mean;
        shift += out[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] -= shift;
        largest = fmax(largest, fabs(out[i]));
    }
    (void)frexp(largest, &exponent);
    for (size_t i = 0; i < n; i++) {
        out[i] = ldexp(out[i], -exponent);
        sum += out[i] * out[i];
    }
    return sum;
}

/* Pearson's r of two rows that have been centred, with sums of squares. */
static double
correlate(const double *dx, const double *dy, size_t n, double xx, double yy)
{
    double xy = 0;

    for (size_t i = 0; i < n; i++)
        xy += dx[i] * dy[i];
    /* one root of the product: r of equal rows is exactly 1 */
    return fmax(-1, fmin(1, xy / sqrt(xx * yy)));
}

double
hs_pearson(const double *x, const double *y, size_t n)
{
    double *d, xx, yy, r = NAN;

    if (n < 2)
        return NAN;
    d = hs_malloc(hs_mul(hs_mul(n, 2), sizeof *d));
    xx = centre(x, n, d);
    yy = centre(y, n, d + n);
    if (xx > 0 && yy > 0)
        r = correlate(d, d + n, n, xx, yy);
    free(d);
    return r;
}

/* t = r sqrt(nu / (1 - r^2)); the tail is also the incomplete beta function at
 * 1 - r^2.  GSL's t goes by a series that is good to only 1e-6 for nu of 30 to
 * 200, its beta function loses digits as nu grows: against SciPy each is within
 * 1e-11 on its side of 1000. */
double
hs_correlation_p(double r, double nu)
{
    double rest = (1 - r) * (1 + r);

    if (rest <= 0)
        return 0;
    if (nu < 1000)
        return gsl_cdf_beta_P(rest, nu / 2, 0.5);
    return 2 * gsl_cdf_tdist_Q(fabs(r) * sqrt(nu / rest), nu);
}

static int
has_nan(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            return 1;
    }
    return 0;
}

double
hs_spearman(const double *x, const double *y, size_t n, double *p)
{
    double *d, xx, yy, r = NAN;
    uint32_t *order;

    if (p != NULL)
        *p = NAN;
    if (n < 2 || has_nan(x, n) || has_nan(y, n))
        return NAN;
    d = hs_malloc(hs_mul(hs_mul(n, 2), sizeof *d));
    order = hs_malloc(hs_mul(n, sizeof *order));
    hs_midranks(x, n, d, order);
    hs_midranks(y, n, d + n, order);
    /* the mean of any ranks is (n + 1) / 2 */
    for (size_t i = 0; i < 2 * n; i++)
        d[i] -= ((double)n + 1) / 2;
    xx = yy = 0;
    for (size_t i = 0; i < n; i++) {
        xx += d[i] * d[i];
        yy += d[n + i] * d[n + i];
    }
    if (xx > 0 && yy > 0)
        r = correlate(d, d + n, n, xx, yy);
    if (p != NULL && !isnan(r) && n > 2)
        *p = hs_correlation_p(r, (double)n - 2);
    free(order);
    free(d);
    return r;
}

/* ---- bootstrap ---- */

/* One side's values in ascending order, in blocks of equal ones. */
struct sorted {
    uint32_t *order; /* (n), owned */
    uint8_t *starts; /* (n), owned: 1 where a block begins */
    double *rank;    /* (n), owned: of the last draw, about the mean */
};

static void
sorted_init(struct sorted *s, const double *x, size_t n)
{
    s->order = hs_malloc(hs_mul(n, sizeof *s->order));
    s->starts = hs_malloc(n);
    s->rank = hs_malloc(hs_mul(n, sizeof *s->rank));
    hs_midranks(x, n, s->rank, s->order);
    for (size_t i = 0; i < n; i++)
        s->starts[i] = i == 0 || x[s->order[i]] != x[s->order[i - 1]];
}

static void
sorted_free(struct sorted *s)
{
    free(s->order);
    free(s->starts);
    free(s->rank);
}

/* Mid-ranks when row i is there times[i] times, total in all: as if they were
 * written out. */
static void
rank_draw(struct sorted *s, const uint32_t *times, size_t n, uint64_t total)
{
    uint64_t below = 0, equal;
    size_t end;

    for (size_t i = 0; i < n; i = end) {
        equal = 0;
        for (end = i; end == i || (end < n && !s->starts[end]); end++)
            equal += times[s->order[end]];
        for (size_t j = i; j < end; j++)
            s->rank[s->order[j]] =
                (double)below + ((double)equal - (double)total) / 2;
        below += equal;
    }
}

static double
draw_correlation(const struct sorted *x, const struct sorted *y,
                 const uint32_t *times, size_t n)
{
    double xx = 0, yy = 0, xy = 0;

    for (size_t i = 0; i < n; i++) {
        xx += times[i] * x->rank[i] * x->rank[i];
        yy += times[i] * y->rank[i] * y->rank[i];
        xy += times[i] * x->rank[i] * y->rank[i];
    }
    if (!(xx > 0 && yy > 0))
        return NAN;
    return fmax(-1, fmin(1, xy / sqrt(xx * yy)));
}

/* Numbers the groups that have rows: number (n_groups).  Returns how many. */
static uint32_t
number_groups(const uint32_t *group, size_t n, size_t n_groups,
              uint32_t *number)
{
    uint32_t there = 0;

    for (size_t i = 0; i < n; i++)
        number[group[i]] = 1;
    for (size_t g = 0; g < n_groups; g++) {
        if (number[g])
            number[g] = there++;
    }
    return there;
}

/* How often each row (n) is in draw b; returns the sum. */
static uint64_t
count_rows(const uint32_t *group, const uint32_t *number, size_t n,
           uint32_t there, uint64_t seed, uint32_t b, uint32_t *picked,
           uint32_t *times)
{
    uint64_t total = 0;

    for (uint32_t g = 0; g < there; g++)
        picked[g] = 0;
    for (uint32_t g = 0; g < there; g++)
        picked[hs_rng_below(seed, HS_RNG_BOOTSTRAP, b, g, there)]++;
    for (size_t i = 0; i < n; i++) {
        times[i] = picked[number[group[i]]];
        total += times[i];
    }
    return total;
}

void
hs_spearman_boot(const double *x, const double *y, const uint32_t *group,
                 size_t n, size_t n_groups, size_t n_draws, uint64_t seed,
                 double level, struct hs_interval *out)
{
    struct sorted sx, sy;
    uint32_t *number, *picked, *times, there;
    double *drawn;
    size_t kept = 0;

    *out = (struct hs_interval){NAN, NAN, NAN, NAN};
    out->value = hs_spearman(x, y, n, NULL);
    if (isnan(out->value))
        return;
    number = hs_calloc(n_groups, sizeof *number);
    there = number_groups(group, n, n_groups, number);
    picked = hs_malloc(hs_mul(there, sizeof *picked));
    times = hs_malloc(hs_mul(n, sizeof *times));
    drawn = hs_malloc(hs_mul(n_draws, sizeof *drawn));
    sorted_init(&sx, x, n);
    sorted_init(&sy, y, n);
    for (size_t b = 0; b < n_draws; b++) {
        uint64_t total = count_rows(group, number, n, there, seed, (uint32_t)b,
                                    picked, times);

        rank_draw(&sx, times, n, total);
        rank_draw(&sy, times, n, total);
        drawn[kept] = draw_correlation(&sx, &sy, times, n);
        kept += !isnan(drawn[kept]);
    }
    hs_draws_interval(drawn, kept, level, out);
    sorted_free(&sy);
    sorted_free(&sx);
    free(drawn);
    free(times);
    free(picked);
    free(number);
}
