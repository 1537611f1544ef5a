/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_sampler.c - draws against the probabilities that they should have.
 *
 * The sets of top-k and top-p are computed here from their definition, in
 * double; frequencies are compared by chi-square at a fixed seed.
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
#include "model/sampler.h"

enum {
    N_DRAWS = 40000,
    MAX_VOCAB = 4096
};

static float logits[MAX_VOCAB];
static float scratch[4 * MAX_VOCAB];
static double wanted[MAX_VOCAB]; /* probabilities */
static size_t counts[MAX_VOCAB];

static void
random_logits(uint64_t seed, size_t n, double spread)
{
    for (size_t i = 0; i < n; i++)
        logits[i] =
            (float)(spread * (hs_rng_uniform(seed, 1, (uint32_t)i, 0) +
                              hs_rng_uniform(seed, 2, (uint32_t)i, 0) - 1));
}

static int
heavier(const void *a, const void *b)
{
    double x = wanted[*(const size_t *)a], y = wanted[*(const size_t *)b];

    if (x != y)
        return x < y ? 1 : -1;
    return *(const size_t *)a < *(const size_t *)b ? -1 : 1;
}

/* wanted = softmax(logits / T), cut to the k most probable (the lower id of
 * equals), then to the fewest that reach p of what is left, then divided by
 * its sum. */
static void
expect(const struct hs_sampler *s, size_t n)
{
    size_t *order = hs_calloc(n, sizeof *order), k, m = 0;
    double top = -INFINITY, sum = 0, kept = 0;

    for (size_t i = 0; i < n; i++)
        top = fmax(top, (double)logits[i]);
    for (size_t i = 0; i < n; i++) {
        wanted[i] = exp(((double)logits[i] - top) / s->temperature);
        order[i] = i;
    }
    qsort(order, n, sizeof *order, heavier);
    k = s->top_k > 0 && s->top_k < n ? s->top_k : n;
    for (size_t i = 0; i < k; i++)
        sum += wanted[order[i]];
    while (m < k && (m == 0 || kept < s->top_p * sum))
        kept += wanted[order[m++]];
    for (size_t i = 0; i < n; i++)
        wanted[order[i]] = i < m ? wanted[order[i]] / kept : 0;
    free(order);
}

static struct hs_draw
draw(const struct hs_sampler *s, size_t n, uint32_t index)
{
    struct hs_place at = {77, index / 200, index % 200};
    struct hs_draw d = {0};

    assert_int_equal(hs_sample(s, logits, n, &at, scratch, &d), 0);
    assert_true(d.token < n);
    return d;
}

/* Tokens without probability are never drawn; the rest, with those that are
 * expected less than 10 times put together, must have a chi-square below the
 * 99.99 % point (Wilson and Hilferty's approximation). */
static void
check_draws(const struct hs_sampler *s, size_t n)
{
    double chi = 0, rest = 0, z;
    size_t rest_count = 0, cells = 0;

    expect(s, n);
    memset(counts, 0, sizeof counts);
    for (uint32_t i = 0; i < N_DRAWS; i++)
        counts[draw(s, n, i).token]++;
    for (size_t i = 0; i < n; i++) {
        double e = wanted[i] * N_DRAWS;

        if (wanted[i] == 0 && counts[i] > 0)
            fail_msg("token %zu of %zu is not in the set (k %u, p %g)", i, n,
                     s->top_k, s->top_p);
        if (e < 10) {
            rest += e;
            rest_count += counts[i];
            continue;
        }
        chi += ((double)counts[i] - e) * ((double)counts[i] - e) / e;
        cells++;
    }
    if (rest > 0) {
        chi += ((double)rest_count - rest) * ((double)rest_count - rest) / rest;
        cells++;
    }
    if (cells < 2)
        return;
    z = 2.0 / (9.0 * (double)(cells - 1));
    z = (cbrt(chi / (double)(cells - 1)) - (1 - z)) / sqrt(z);
    if (!(z < 3.72))
        fail_msg("n %zu, T %g, k %u, p %g: chi-square %g over %zu cells", n,
                 s->temperature, s->top_k, s->top_p, chi, cells);
}

static void
test_distribution(void **state)
{
    static const struct {
        size_t n;
        double spread, temperature;
        uint32_t k;
        double p;
    } cases[] = {
        {2, 1, 1, 0, 1},        {17, 3, 1, 0, 1},      {320, 5, 0.7, 0, 1},
        {320, 5, 1.5, 0, 1},    {320, 5, 1, 20, 1},    {320, 5, 1, 1, 1},
        {320, 5, 1, 0, 0.9},    {320, 5, 1, 0, 0.3},   {320, 5, 0.6, 20, 0.95},
        {320, 5, 1, 1000, 0.9}, {320, 5, 1, 0, 1e-9},  {4096, 2, 1, 0, 0.5},
        {4096, 2, 1, 50, 0.8},  {4096, 2, 1, 0, 0.99}, {320, 60, 1, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hs_sampler s = {.temperature = cases[i].temperature,
                               .top_k = cases[i].k,
                               .top_p = cases[i].p,
                               .seed = 5 + i};

        random_logits(i, cases[i].n, cases[i].spread);
        check_draws(&s, cases[i].n);
    }
}

/* Equal logits at the edge of the set: the lower ids are in it. */
static void
test_ties(void **state)
{
    struct hs_sampler s = {.temperature = 1, .top_p = 1, .seed = 9};

    (void)state;
    for (size_t i = 0; i < 10; i++)
        logits[i] = i == 7 ? 2 : 1;
    s.top_k = 3; /* 7, 0, 1 */
    check_draws(&s, 10);
    s.top_k = 0;
    for (size_t i = 0; i < 10; i++)
        logits[i] = 0;
    s.top_p = 0.5; /* 0 to 4: their sum is 0.5 */
    check_draws(&s, 10);
    s.top_p = 0.51; /* 0 to 5 */
    check_draws(&s, 10);
    s.greedy = true;
    assert_int_equal(draw(&s, 10, 0).token, 0);
    logits[4] = logits[8] = 1;
    assert_int_equal(draw(&s, 10, 0).token, 4);
}

/* A cut by top-p is a share of what top-k left, whatever was cut by weight:
 * 0.5 of the whole and 49 small tokens, of which p takes an exact number. */
static void
test_top_k_and_p(void **state)
{
    struct hs_sampler s = {.temperature = 1, .top_k = 50, .seed = 3};
    double total = 1, at;

    (void)state;
    logits[0] = 0;
    for (size_t i = 1; i < 200; i++) {
        logits[i] = (float)log(0.002) - (float)i * 1e-4f;
        if (i < 50)
            total += exp((double)logits[i]);
    }
    at = total - exp((double)logits[49]) * 0.5;
    s.top_p = at / total; /* only all 50 reach it */
    check_draws(&s, 200);
    assert_true(wanted[49] > 0);
    assert_true(counts[49] > 0);
    s.top_k = 0;
    s.top_p = 0.7;
    check_draws(&s, 200);
}

/* top-p = 1 and top-k = the vocabulary cut nothing: the same tokens. */
static void
test_no_cut(void **state)
{
    struct hs_sampler a = {.temperature = 1, .top_p = 1, .seed = 4}, b = a;
    size_t same = 0;

    (void)state;
    random_logits(99, 320, 6);
    b.top_k = 320;
    for (uint32_t i = 0; i < 1000; i++) {
        struct hs_draw x = draw(&a, 320, i), y = draw(&a, 320, i);

        assert_memory_equal(&x, &y, sizeof x);
        same += draw(&a, 320, i).token == draw(&b, 320, i).token;
    }
    /* in order of weight instead of id: other tokens, the same chances */
    assert_true(same < 1000);
    check_draws(&b, 320);
    /* seed, problem, sample and index all matter */
    b = a;
    b.seed = 5;
    same = 0;
    for (uint32_t i = 0; i < 1000; i++)
        same += draw(&a, 320, i).token == draw(&b, 320, i).token;
    assert_true(same < 200);
    same = 0;
    for (uint32_t i = 0; i < 800; i++)
        same += draw(&a, 320, i).token == draw(&a, 320, i + 200).token;
    assert_true(same < 160);
}

static void
test_figures(void **state)
{
    static const double spreads[] = {0.001, 1, 8, 200, 30000};

    (void)state;
    for (size_t k = 0; k < 5; k++) {
        size_t n = k % 2 ? 4093 : 333;
        double top = -INFINITY, sum = 0, entropy = 0;
        struct hs_draw d;

        random_logits(40 + k, n, spreads[k]);
        for (size_t i = 0; i < n; i++)
            top = fmax(top, (double)logits[i]);
        for (size_t i = 0; i < n; i++)
            sum += exp((double)logits[i] - top);
        for (size_t i = 0; i < n; i++) {
            double p = exp((double)logits[i] - top) / sum;

            entropy -= p > 0 ? p * log(p) : 0;
        }
        for (uint32_t i = 0; i < n; i += 13) {
            double logp = (double)logits[i] - top - log(sum);

            assert_int_equal(hs_score(logits, n, i, &d), 0);
            assert_int_equal(d.token, i);
            if (!(fabs((double)d.logprob - logp) <= 1e-6 + 1e-7 * fabs(logp)) ||
                !(fabs((double)d.entropy - entropy) <= 2e-6))
                fail_msg("spread %g, token %u: %.9g not %.9g, %.9g not %.9g",
                         spreads[k], i, (double)d.logprob, logp,
                         (double)d.entropy, entropy);
            assert_true(d.entropy >= 0 && d.logprob <= 0);
        }
    }
}

/* The same figures, whatever the temperature and the cut. */
static void
test_own_distribution(void **state)
{
    struct hs_sampler s = {
        .temperature = 0.3, .top_k = 5, .top_p = 0.9, .seed = 1};
    struct hs_draw d, again;

    (void)state;
    random_logits(8, 320, 6);
    for (uint32_t i = 0; i < 200; i++) {
        d = draw(&s, 320, i);
        assert_int_equal(hs_score(logits, 320, d.token, &again), 0);
        assert_memory_equal(&d, &again, sizeof d);
    }
}

static void
test_not_finite(void **state)
{
    struct hs_place at = {0};
    struct hs_draw d;

    (void)state;
    for (int greedy = 0; greedy < 2; greedy++) {
        struct hs_sampler s = {
            .greedy = greedy, .temperature = 1, .top_p = 0.9, .seed = 1};

        for (size_t i = 0; i < 333; i += 7) {
            random_logits(3, 333, 4);
            logits[i] = NAN;
            assert_int_equal(hs_sample(&s, logits, 333, &at, scratch, &d), -1);
            assert_int_equal(hs_score(logits, 333, 5, &d), -1);
            logits[i] = INFINITY;
            assert_int_equal(hs_sample(&s, logits, 333, &at, scratch, &d), -1);
            assert_int_equal(hs_score(logits, 333, 5, &d), -1);
        }
        for (size_t i = 0; i < 333; i++)
            logits[i] = -INFINITY;
        assert_int_equal(hs_sample(&s, logits, 333, &at, scratch, &d), -1);
        logits[100] = 3; /* one token is possible */
        assert_int_equal(hs_sample(&s, logits, 333, &at, scratch, &d), 0);
        assert_int_equal(d.token, 100);
        assert_true(d.logprob == 0 && d.entropy == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_top_k_and_p),
        cmocka_unit_test(test_no_cut),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_own_distribution),
        cmocka_unit_test(test_not_finite),
    };

    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
