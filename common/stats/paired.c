/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * paired.c - see paired.h; power.c has the power of McNemar's test.
 */
#include <config.h>

#include "stats/paired.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "stats/draws.h"

/* ---- proportions ---- */

/* The lower end: the smaller root of (x - k/n)^2 = z^2 x (1 - x) / n, without
 * the difference of two like numbers, so that it is 0 for k = 0 and good to a
 * few roundings beside it. */
static double
lower_end(double k, double n, double z)
{
    double share = k / n;

    return 2 * k * share /
           (2 * k + z * z + z * sqrt(z * z + 4 * k * (1 - share)));
}

void
hs_wilson(uint64_t k, uint64_t n, double level, struct hs_interval *out)
{
    double z = gsl_cdf_ugaussian_Qinv((1 - level) / 2), p;

    *out = (struct hs_interval){NAN, NAN, NAN, NAN};
    if (n == 0)
        return;
    p = (double)k / (double)n;
    out->value = p;
    out->se = sqrt(p * (1 - p) / (double)n);
    out->lo = lower_end((double)k, (double)n, z);
    out->hi = 1 - lower_end((double)(n - k), (double)n, z);
}

/* ---- fair coins ---- */

/* Coefficients C(n, k) from k = 0 on, exact as long as a double holds them;
 * then with the powers of two that left apart. */
double
hs_mcnemar(uint64_t b, uint64_t c)
{
    static const int step = 512;
    uint64_t few = b < c ? b : c;
    double n = (double)b + (double)c, ways = 1, sum = 0, halvings = n;

    for (uint64_t k = 0;; k++) {
        sum += ways;
        if (k == few)
            break;
        ways = ways * (n - (double)k) / ((double)k + 1);
        if (ways > 0x1p512) {
            ways = ldexp(ways, -step);
            sum = ldexp(sum, -step);
            halvings -= step;
        }
    }
    return fmin(1, ldexp(2 * sum, -(int)fmin(halvings, 1e6)));
}

/* The sum of those that turn positive has the distribution way (total + 1); at
 * sum the signed total is 2 sum - total.  Twice the tail, for the two are
 * mirrored and do not meet. */
static double
flip_tail(const int32_t *d, size_t n, uint64_t total, uint64_t observed)
{
    double *way = hs_calloc(total + 1, sizeof *way), tail = 0;
    uint64_t reach = 0;

    way[0] = 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t size = (uint64_t)llabs((long long)d[i]);

        if (size == 0)
            continue;
        reach += size;
        for (uint64_t k = reach; k >= size; k--)
            way[k] = (way[k] + way[k - size]) / 2;
        for (uint64_t k = 0; k < size; k++)
            way[k] /= 2;
    }
    for (uint64_t k = total; 2 * k >= total + observed; k--)
        tail += way[k];
    free(way);
    return fmin(1, 2 * tail);
}

double
hs_sign_flip(const int32_t *d, size_t n)
{
    uint64_t total = 0, up = 0, down = 0, size = 0;
    int64_t sum = 0;
    bool alike = true;

    for (size_t i = 0; i < n; i++) {
        uint64_t a = (uint64_t)llabs((long long)d[i]);

        alike &= a == 0 || size == 0 || a == size;
        size = a != 0 ? a : size;
        up += d[i] > 0;
        down += d[i] < 0;
        total += a;
        sum += d[i];
    }
    if (sum == 0)
        return 1;
    if (alike)
        return hs_mcnemar(up, down);
    return flip_tail(d, n, total, (uint64_t)imaxabs((intmax_t)sum));
}

/* ---- many tests ---- */

struct numbered {
    double p;
    size_t at;
};

static int
by_p(const void *a, const void *b)
{
    double x = ((const struct numbered *)a)->p;
    double y = ((const struct numbered *)b)->p;

    return x < y ? -1 : x > y;
}

void
hs_holm(const double *p, size_t n, double *out)
{
    struct numbered *v = hs_malloc(hs_mul(n, sizeof *v));
    double most = 0;
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        if (!isnan(p[i]))
            v[m++] = (struct numbered){p[i], i};
        out[i] = p[i];
    }
    qsort(v, m, sizeof *v, by_p);
    for (size_t i = 0; i < m; i++) {
        most = fmax(most, fmin(1, v[i].p * (double)(m - i)));
        out[v[i].at] = most;
    }
    free(v);
}

double
hs_rank_p(double x, const double *draws, size_t n)
{
    size_t as_low = 0;

    if (n == 0 || isnan(x))
        return NAN;
    for (size_t i = 0; i < n; i++) {
        if (isnan(draws[i]))
            return NAN;
        as_low += draws[i] <= x;
    }
    return (1 + (double)as_low) / (1 + (double)n);
}

/* ---- bootstrap ---- */

void
hs_paired_bootstrap(const int32_t *diff, const uint32_t *count, size_t n_groups,
                    size_t n_draws, uint64_t seed, double level,
                    struct hs_interval *out)
{
    uint32_t *kept = hs_malloc(hs_mul(n_groups, sizeof *kept));
    double *drawn = hs_malloc(hs_mul(n_draws, sizeof *drawn));
    int64_t sum = 0;
    uint64_t items = 0;
    size_t m = 0;

    *out = (struct hs_interval){NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < n_groups; i++) {
        if (count[i] == 0)
            continue;
        kept[m++] = (uint32_t)i;
        sum += diff[i];
        items += count[i];
    }
    for (size_t b = 0; b < n_draws && m > 0; b++) {
        int64_t s = 0;
        uint64_t c = 0;

        for (size_t i = 0; i < m; i++) {
            uint32_t g = kept[hs_rng_below(seed, HS_RNG_BOOTSTRAP, (uint32_t)b,
                                           (uint32_t)i, m)];

            s += diff[g];
            c += count[g];
        }
        drawn[b] = (double)s / (double)c;
    }
    if (m > 0) {
        hs_draws_interval(drawn, n_draws, level, out);
        out->value = (double)sum / (double)items;
    }
    free(drawn);
    free(kept);
}
