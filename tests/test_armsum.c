/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_armsum.c - summaries of arms: all figures against counting by hand.
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

#include "armworld.h"
#include "stats/paired.h"

static const struct kit_answer *
find(const struct kit_answer *a, size_t n, size_t arm, const char *part,
     uint32_t problem, uint32_t sample)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].arm == arm && strcmp(a[i].part, part) == 0 &&
            a[i].problem == problem && a[i].sample == sample)
            return &a[i];
    return NULL;
}

static int
compare_numbers_by_name(const void *a, const void *b)
{
    char x[16], y[16];

    kit_problem_name(*(const uint32_t *)a, x);
    kit_problem_name(*(const uint32_t *)b, y);
    return strcmp(x, y);
}

/* The share of heads tails or more extreme of a fair coin, by products. */
static double
coin(uint64_t b, uint64_t c)
{
    uint64_t n = b + c, least = b < c ? b : c;
    double sum = 0;

    for (uint64_t k = 0; k <= least; k++) {
        double p = 1;

        for (uint64_t i = 0; i < k; i++)
            p *= (double)(n - i) / (double)(i + 1);
        sum += p * pow(0.5, (double)n);
    }
    return fmin(1, 2 * sum);
}

static void
check_wilson(const struct hs_arm_task *t, uint64_t right, uint64_t n)
{
    double z = 1.959963984540054, p = (double)right / (double)n, m = (double)n;
    double centre = (p + z * z / (2 * m)) / (1 + z * z / m);
    double half =
        z * sqrt(p * (1 - p) / m + z * z / (4 * m * m)) / (1 + z * z / m);

    assert_int_equal(t->n, n);
    assert_int_equal(t->n_right, right);
    near(t->accuracy.value, p);
    near(t->accuracy.lo, centre - half);
    near(t->accuracy.hi, centre + half);
}

static void
check_task(const struct kit_answer *a, size_t n, const char *part,
           uint32_t n_problems, uint32_t samples, size_t arm,
           const struct hs_arm_task *t)
{
    uint32_t order[N_PROBLEMS], count[N_PROBLEMS];
    uint64_t right = 0, decided = 0, undecided = 0, lost = 0, gained = 0;
    int32_t diff[N_PROBLEMS];
    struct hs_interval boot;
    size_t groups = 0, pairs = 0;

    for (uint32_t p = 0; p < n_problems; p++)
        order[p] = p;
    qsort(order, n_problems, sizeof *order, compare_numbers_by_name);
    for (uint32_t g = 0; g < n_problems; g++) {
        diff[groups] = 0;
        count[groups] = 0;
        for (uint32_t k = 0; k < samples; k++) {
            const struct kit_answer *x = find(a, n, arm, part, order[g], k);
            const struct kit_answer *y = find(a, n, NONE, part, order[g], k);

            undecided += x != NULL && x->reward < 0;
            decided += x != NULL && x->reward >= 0;
            right += x != NULL && x->reward == 1;
            if (x == NULL || y == NULL || x->reward < 0 || y->reward < 0)
                continue;
            lost += y->reward == 1 && x->reward == 0;
            gained += y->reward == 0 && x->reward == 1;
            diff[groups] += x->reward - y->reward;
            count[groups]++;
            pairs++;
        }
        groups += count[groups] > 0;
    }
    check_wilson(t, right, decided);
    assert_int_equal(t->n_undecided, undecided);
    assert_int_equal(t->n_pairs, pairs);
    assert_int_equal(t->lost, lost);
    assert_int_equal(t->gained, gained);
    hs_paired_bootstrap(diff, count, groups, 200, 3, 0.95, &boot);
    near(t->diff.value, ((double)gained - (double)lost) / (double)pairs);
    near(t->diff.lo, boot.lo);
    near(t->diff.hi, boot.hi);
    if (arm == NONE)
        assert_true(isnan(t->p));
    else
        near(t->p,
             samples > 1 ? hs_sign_flip(diff, groups) : coin(lost, gained));
}

/* Holm, entry by entry: the largest of (m - rank) p up to its own. */
static void
check_holm(const struct hs_armsum *s, bool also)
{
    double p[N_ARMS];
    size_t m = 0;

    for (size_t i = VALUE; i < N_ARMS; i++)
        if (world_runs(i)) {
            const struct hs_arm_result *r = kit_result(s, world_arms[i].label);

            p[m++] = also ? r->also.p : r->main.p;
        }
    for (size_t i = 0; i < N_ARMS; i++) {
        const struct hs_arm_result *r = kit_result(s, world_arms[i].label);
        const struct hs_arm_task *t = also ? &r->also : &r->main;
        double most = 0;

        if (i < VALUE) {
            assert_true(isnan(t->p_holm));
            continue;
        }
        for (size_t j = 0; j < m; j++) {
            size_t below = 0;

            if (p[j] > t->p)
                continue;
            for (size_t k = 0; k < m; k++)
                below += p[k] < p[j];
            most = fmax(most, (double)(m - below) * p[j]);
        }
        near(t->p_holm, fmin(1, most));
    }
}

/* Distinct 4-grams by comparing each with all before. */
static double
repetition(const struct kit_answer *a)
{
    uint32_t n = a->n_new < 4 ? 0 : a->n_new - 3, distinct = 0;

    for (uint32_t i = 0; i < n; i++) {
        bool seen = false;

        for (uint32_t j = 0; j < i && !seen; j++) {
            seen = true;
            for (uint32_t k = 0; k < 4; k++)
                seen = seen && kit_token(a, i + k) == kit_token(a, j + k);
        }
        distinct += !seen;
    }
    return n > 0 ? 1 - (double)distinct / n : 0;
}

static double
naive_ppl(const struct kit_answer *a, size_t n, size_t arm, const char *part)
{
    double sum = 0, tokens = 0;

    for (size_t i = 0; i < n; i++)
        if (a[i].arm == arm && strcmp(a[i].part, part) == 0) {
            sum += (double)a[i].logprob * a[i].n_new;
            tokens += a[i].n_new;
        }
    return exp(-sum / tokens);
}

static void
check_texts(const struct kit_answer *a, size_t n, size_t arm,
            const struct hs_arm_result *r)
{
    double items = 0, parsed = 0, eos = 0, length = 0, tokens = 0, rep = 0;

    for (size_t i = 0; i < n; i++) {
        if (a[i].arm != arm || strcmp(a[i].part, HS_PART_PROBLEMS) != 0)
            continue;
        items++;
        parsed += a[i].parsed;
        eos += strcmp(a[i].finish, "eos") == 0;
        length += strcmp(a[i].finish, "length") == 0;
        tokens += a[i].n_new;
        rep += repetition(&a[i]);
    }
    near((double)r->n_items, items);
    near(r->parsed, parsed / items);
    near(r->eos, eos / items);
    near(r->length, length / items);
    near(r->mean_tokens, tokens / items);
    near(r->repetition, rep / items);
    near(r->own_ppl, naive_ppl(a, n, arm, HS_PART_OWN));
    near(r->neutral_ppl, naive_ppl(a, n, arm, HS_PART_NEUTRAL));
}

static void
check_place(const struct hs_armsum *s, const char *label, const char *kind,
            const struct hs_arm_place *place)
{
    double x = kit_result(s, label)->main.accuracy.value, sum = 0, m = 0;
    double low = 2, high = -1, as_low = 0;

    for (size_t i = 0; i < N_ARMS; i++)
        if (strcmp(world_arms[i].kind, kind) == 0) {
            double y = kit_result(s, world_arms[i].label)->main.accuracy.value;

            m++;
            sum += y;
            as_low += y <= x;
            low = fmin(low, y);
            high = fmax(high, y);
        }
    near((double)place->n_draws, m);
    near((double)place->n_as_low, as_low);
    near(place->mean, sum / m);
    near(place->lowest, low);
    near(place->highest, high);
    near(place->p, (1 + as_low) / (1 + m));
}

static void
check_power(const struct hs_armsum *s)
{
    const struct hs_armsum_power *power = hs_armsum_power(s);
    double gained = 0;

    for (size_t i = RANDOM1; i <= RANDOM2; i++) {
        const struct hs_arm_task *t = &kit_result(s, world_arms[i].label)->main;

        gained += (double)t->gained / (double)t->n_pairs / 2;
    }
    near(power->p_gained, gained);
    near(power->smallest_drop,
         hs_smallest_drop(kit_result(s, "none")->main.n, gained, 0.05, 0.8));
}

static void
check_all(uint32_t samples)
{
    struct kit_answer a[MOST];
    size_t n = world_answers(samples, a);
    struct hs_armsum *s = world_summary(a, n);

    assert_int_equal(hs_armsum_count(s), N_ARMS);
    for (size_t i = 0; i < N_ARMS; i++) {
        const struct hs_arm_result *r = kit_result(s, world_arms[i].label);
        size_t of = i == RANDOM3 ? RANDOM1 : i;

        assert_int_equal(r->same, i == RANDOM3);
        check_task(a, n, HS_PART_PROBLEMS, N_PROBLEMS, samples, of, &r->main);
        check_task(a, n, HS_PART_ALSO, 12, 1, of, &r->also);
        check_texts(a, n, of, r);
        assert_int_equal(r->edits, r->edited_rows * world_arms[i].n_coords);
        assert_int_equal(r->edits > 0, i >= VALUE);
    }
    check_holm(s, false);
    check_holm(s, true);
    check_place(s, "L2/value@3", "random",
                &kit_result(s, "L2/value@3")->random);
    check_place(s, "L2/value@3", "rms", &kit_result(s, "L2/value@3")->rms);
    check_place(s, "L2/bottom@3", "rms", &kit_result(s, "L2/bottom@3")->rms);
    check_place(s, "L2/file:x", "random", &kit_result(s, "L2/file:x")->random);
    assert_int_equal(kit_result(s, "L2/value@3")->random_sinks.n_draws, 0);
    assert_int_equal(kit_result(s, "L2/file:y")->random.n_draws, 0);
    assert_int_equal(kit_result(s, "none")->random.n_draws, 0);
    assert_int_equal(kit_result(s, "L2/rms.1@3")->random.n_draws, 0);
    check_power(s);
    hs_armsum_free(s);
}

static void
test_figures(void **state)
{
    (void)state;
    check_all(1);
}

static void
test_samples(void **state)
{
    (void)state;
    check_all(2);
}

/* The model's answer of a given log-probability, to a text. */
static void
test_not_finite(void **state)
{
    struct kit_answer a[2] = {world_replay(NONE, HS_PART_OWN, 0),
                              world_replay(VALUE, HS_PART_OWN, 0)};
    struct hs_armsum *s;

    (void)state;
    a[1].logprob = -INFINITY;
    s = world_summary(a, 2);
    assert_true(isinf(kit_result(s, "L2/value@3")->own_ppl));
    near(kit_result(s, "none")->own_ppl, exp(0.125));
    assert_true(isnan(kit_result(s, "none")->neutral_ppl));
    assert_true(isnan(kit_result(s, "none")->main.accuracy.value));
    assert_true(isnan(kit_result(s, "none")->parsed));
    assert_true(isnan(kit_result(s, "L2/value@3")->main.p_holm));
    assert_true(isnan(kit_result(s, "L2/value@3")->random.p));
    assert_true(isnan(hs_armsum_power(s)->smallest_drop));
    hs_armsum_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_not_finite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
