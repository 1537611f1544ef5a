/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_pairednull.c - over a thousand ablations that change nothing, no test of
 * paired.h rejects more often than it says, and intervals cover as often as
 * they say.
 *
 * All draws are of fixed seeds, so a test passes always or never.  Bounds are
 * quantiles of what a binomial count of 1,000 comes to at the nominal level:
 * those of 95 % for all of the counts together that one test looks at.  Exact
 * tests stay below, for few values of p are possible.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "stats/paired.h"

enum {
    RUNS = 1000,
    MOST = 500,  /* problems */
    SAMPLES = 4, /* of a problem */
    ARMS = 10,   /* and the unedited one */
    DRAWS = 20,  /* and the one that is placed among them */
    /* P(more | 1000 at 0.05) < 0.05 / 3, at 0.2; at 0.05 and 0.01 of 12 */
    MOST_5 = 65,
    MOST_20 = 227,
    MOST_5_OF_12 = 69,
    MOST_1_OF_12 = 19,
    LEAST_COVERED = 935,     /* P(fewer | 1000 at 0.95) < 0.05 / 3 */
    LEAST_COVERED_OF_6 = 933 /* 0.05 / 6 */
};

/* What draws are for: streams that no other use has. */
enum {
    CHANGE = 940,
    ABILITY,
    ANSWER,
    ANSWER_TOO = ANSWER + ARMS + DRAWS
};

/* An item changes with probability changes, and then either way. */
static int
change(uint64_t seed, uint32_t run, uint32_t i, double lost, double gained)
{
    double u = hs_rng_uniform(seed, CHANGE, run, i);

    return u < lost ? -1 : u < lost + gained ? 1 : 0;
}

/* ---- one sample a problem ---- */

static void
coins_of(uint32_t n, double changed)
{
    int five = 0, one = 0;

    for (uint32_t run = 0; run < RUNS; run++) {
        uint64_t lost = 0, gained = 0;
        int32_t d[MOST];
        double p;

        for (uint32_t i = 0; i < n; i++) {
            d[i] = change(n, run, i, changed / 2, changed / 2);
            lost += d[i] < 0;
            gained += d[i] > 0;
        }
        p = hs_mcnemar(lost, gained);
        assert_true(hs_sign_flip(d, n) == p);
        five += p <= 0.05;
        one += p <= 0.01;
    }
    print_message(
        "# %u problems, %g of them changed: McNemar rejects %d of "
        "1000 at 0.05, %d at 0.01\n",
        n, changed, five, one);
    assert_in_range(five, 0, MOST_5_OF_12);
    assert_in_range(one, 0, MOST_1_OF_12);
    /* and what power says of it, which counts all cases, is the same */
    for (int k = 0; k < 2; k++) {
        double alpha = k == 0 ? 0.05 : 0.01, got = k == 0 ? five : one;
        double size = hs_mcnemar_power(n, changed / 2, changed / 2, alpha);

        assert_true(size <= alpha);
        assert_true(fabs(got - RUNS * size) <=
                    4 * sqrt(RUNS * size * (1 - size)) + 1e-9);
    }
}

static void
test_mcnemar(void **state)
{
    const uint32_t n[] = {50, 100, 200, 500};
    const double changed[] = {0.04, 0.15, 0.4};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 3; k++)
            coins_of(n[i], changed[k]);
    }
}

/* ---- several samples a problem ---- */

/* Whether arm solves problem i in sample s.  Each arm takes a problem of its
 * own with probability alone, and then either always or never solves it but for
 * one sample in twenty. */
static int
solves(uint64_t seed, uint32_t run, uint32_t i, uint32_t arm, uint32_t s,
       double alone)
{
    uint32_t w[4];
    int own, knows;

    hs_rng_words(seed, ABILITY, run, i * 64 + arm, w);
    own = w[0] * 0x1p-32 < alone;
    if (!own)
        hs_rng_words(seed, ABILITY, run, i * 64 + 63, w);
    knows = w[1] < 0x80000000U;
    return knows !=
           (hs_rng_uniform(seed, ANSWER + arm, run, i * SAMPLES + s) < 0.05);
}

static void
samples_of(uint32_t n)
{
    int rejected = 0, naive = 0;

    for (uint32_t run = 0; run < RUNS; run++) {
        uint64_t lost = 0, gained = 0;
        int32_t d[MOST];

        for (uint32_t i = 0; i < n; i++) {
            d[i] = 0;
            for (uint32_t s = 0; s < SAMPLES; s++) {
                int x =
                    solves(n, run, i, 1, s, 0.4) - solves(n, run, i, 0, s, 0);

                d[i] += x;
                lost += x < 0;
                gained += x > 0;
            }
        }
        rejected += hs_sign_flip(d, n) <= 0.05;
        naive += hs_mcnemar(lost, gained) <= 0.05;
    }
    print_message(
        "# %u problems of 4 samples: sign flips reject %d of 1000; "
        "McNemar over answers, which it is not made for, %d\n",
        n, rejected, naive);
    assert_in_range(rejected, 25, MOST_5);
    assert_true(naive > 2 * MOST_5); /* the samples do hang together */
}

static void
test_sign_flip(void **state)
{
    (void)state;
    samples_of(50);
    samples_of(100);
    samples_of(200);
}

/* ---- families of arms ---- */

/* The first harmful arms lose a problem in five; the others answer as none
 * does, but for a share of problems of their own. */
static void
family_of(uint32_t n, uint32_t harmful)
{
    int some = 0, unadjusted = 0, found = 0;

    for (uint32_t run = 0; run < RUNS; run++) {
        uint64_t lost[ARMS] = {0}, gained[ARMS] = {0};
        double p[ARMS], holm[ARMS];
        int any = 0, any_raw = 0;

        for (uint32_t i = 0; i < n; i++) {
            int none = solves(7, run, i, ARMS, 0, 0);

            for (uint32_t a = 0; a < ARMS; a++) {
                int x = solves(7, run, i, a, 0, 0.3) - none;

                if (a < harmful &&
                    hs_rng_uniform(7, CHANGE, run, i * ARMS + a) < 0.3)
                    x = -none;
                lost[a] += x < 0;
                gained[a] += x > 0;
            }
        }
        for (uint32_t a = 0; a < ARMS; a++)
            p[a] = hs_mcnemar(lost[a], gained[a]);
        hs_holm(p, ARMS, holm);
        for (uint32_t a = 0; a < ARMS; a++) {
            any |= a >= harmful && holm[a] <= 0.05;
            any_raw |= a >= harmful && p[a] <= 0.05;
            found += a < harmful && holm[a] <= 0.05;
        }
        some += any;
        unadjusted += any_raw;
    }
    print_message(
        "# %u problems, 10 arms, %u of them harmful: one of the "
        "others is found so in %d of 1000, without Holm in %d; of "
        "the harmful %.0f %%\n",
        n, harmful, some, unadjusted, harmful > 0 ? found / 10.0 / harmful : 0);
    assert_in_range(some, 0, MOST_5);
    assert_true(unadjusted > 2 * MOST_5);
}

static void
test_holm(void **state)
{
    (void)state;
    family_of(100, 0);
    family_of(200, 0);
    family_of(200, 5);
}

/* ---- among draws ---- */

/* Accuracies of exchangeable arms on the same problems, which tie, or numbers
 * that do not for n = 0. */
static void
place_of(uint32_t n, int least)
{
    int five = 0, twenty = 0;

    for (uint32_t run = 0; run < RUNS; run++) {
        double value[DRAWS + 1] = {0}, p;

        for (uint32_t a = 0; a <= DRAWS; a++) {
            if (n == 0)
                value[a] = hs_rng_uniform(9, ANSWER, run, a);
            for (uint32_t i = 0; i < n; i++)
                value[a] += solves(8, run, i, a, 0, 0.3) / (double)n;
        }
        p = hs_rank_p(value[DRAWS], value, DRAWS);
        five += p <= 0.05;
        twenty += p <= 0.2;
    }
    print_message(
        "# one of 21 draws of %u problems: %d of 1000 at 0.05, %d "
        "at 0.2\n",
        n, five, twenty);
    assert_in_range(five, least, MOST_5);
    assert_in_range(twenty, 3 * least, MOST_20);
}

static void
test_rank_p(void **state)
{
    (void)state;
    place_of(0, 35); /* 1/21 and 4/21 if nothing ties */
    place_of(50, 10);
    place_of(200, 20);
}

/* ---- intervals ---- */

/* The probability that the interval of k in n covers the share k is drawn
 * with: a sum over all k. */
static double
coverage(int n, double share)
{
    double p = pow(1 - share, n), sum = 0;

    for (int k = 0; k <= n; k++) {
        struct hs_interval v;

        hs_wilson((uint64_t)k, (uint64_t)n, 0.95, &v);
        sum += v.lo <= share && share <= v.hi ? p : 0;
        p *= share / (1 - share) * (n - k) / (k + 1);
    }
    return sum;
}

static void
covered_share(uint32_t n, double share)
{
    double exact = coverage((int)n, share);
    int covered = 0;

    for (uint32_t run = 0; run < RUNS; run++) {
        struct hs_interval v;
        uint64_t k = 0;

        for (uint32_t i = 0; i < n; i++)
            k += hs_rng_uniform(n, ANSWER_TOO, run, i) < share;
        hs_wilson(k, n, 0.95, &v);
        covered += v.lo <= share && share <= v.hi;
    }
    print_message(
        "# Wilson, %g of %u: covered in %d of 1000, %.4f of all "
        "cases\n",
        share, n, covered, exact);
    assert_in_range(covered, LEAST_COVERED_OF_6, RUNS - 1);
    assert_true(fabs(covered - RUNS * exact) <=
                4 * sqrt(RUNS * exact * (1 - exact)));
}

/* Shares at which theory has at least 0.9495, as k is whole; and what it has at
 * all others. */
static void
test_wilson(void **state)
{
    const int n[] = {50, 100, 300, 500};

    (void)state;
    covered_share(50, 0.2);
    covered_share(50, 0.7);
    covered_share(200, 0.1);
    covered_share(200, 0.8);
    covered_share(300, 0.9);
    covered_share(500, 0.3);
    for (size_t i = 0; i < 4; i++) {
        double mean = 0, least = 1, edge = 1;

        for (int k = 1; k <= 500; k++) { /* the others mirror them */
            double c = coverage(n[i], k / 1000.0);

            mean += c / 500;
            if (n[i] * k >= 5000)
                least = fmin(least, c);
            edge = fmin(edge, c);
        }
        print_message(
            "# Wilson, n %d: covers %.4f on average over shares, "
            "%.4f at least from 5 on either side, %.4f at all\n",
            n[i], mean, least, edge);
        assert_true(mean >= 0.95 && mean < 0.953);
        assert_true(least >= 0.925);
        assert_true(edge >= 0.83);
    }
}

/* Whether the interval of the difference covers lost and gained shares of n
 * problems, or of n problems of 4 samples that go together. */
static int
covered_drop(uint32_t n, uint32_t samples, double lost, double gained)
{
    int covered = 0;

    for (uint32_t run = 0; run < RUNS; run++) {
        struct hs_interval v;
        int32_t diff[MOST];
        uint32_t count[MOST];

        for (uint32_t i = 0; i < n; i++) {
            count[i] = samples;
            diff[i] = change(n, run, i, lost, gained) *
                      (int32_t)(samples > 1 ? samples - (run + i) % 2 : 1);
        }
        hs_paired_bootstrap(diff, count, n, 400, run, 0.95, &v);
        covered += v.lo <= gained - lost && gained - lost <= v.hi;
    }
    print_message(
        "# bootstrap, %u problems of %u, %g lost, %g gained: covered "
        "in %d of 1000\n",
        n, samples, lost, gained, covered);
    return covered;
}

static void
test_bootstrap(void **state)
{
    (void)state;
    assert_in_range(covered_drop(200, 1, 0.1, 0.1), LEAST_COVERED, RUNS - 1);
    assert_in_range(covered_drop(200, 1, 0.15, 0.05), LEAST_COVERED, RUNS - 1);
    assert_in_range(covered_drop(100, 4, 0.15, 0.15), LEAST_COVERED, RUNS - 1);
    /* with so few changes there is often none, and the interval a point */
    assert_true(covered_drop(50, 1, 0.02, 0) < 700);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mcnemar), cmocka_unit_test(test_sign_flip),
        cmocka_unit_test(test_holm),    cmocka_unit_test(test_rank_p),
        cmocka_unit_test(test_wilson),  cmocka_unit_test(test_bootstrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
