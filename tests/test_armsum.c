/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_armsum.c - summaries of arms: all figures against counting by hand,
 * streams in any order, what is refused, and the words.
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

#include "armstream.h"
#include "base/rng.h"
#include "memstream.h"
#include "stats/paired.h"

#define ZERO     "zero", "all"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
    NONE,
    NOOP,
    VALUE,
    BOTTOM,
    RANDOM1,
    RANDOM2,
    RANDOM3,
    RMS1,
    RMS2,
    LIST,
    LONG_LIST,
    N_ARMS,
    N_PROBLEMS = 30
};

static const struct kit_arm arms[N_ARMS] = {
    {"none", "none", 0, NULL, 0, "", "all", 0, 0, NULL, 0, NAN},
    {"L2/noop", "noop", 2, NULL, 0, "", "all", 0, 0, NULL, 0, NAN},
    {"L2/value@3", "value", 2, "3", 0, ZERO, 3, 0, NULL, 1, 1},
    {"L2/bottom@3", "bottom", 2, "3", 0, ZERO, 3, 5, NULL, 0, 0.1},
    {"L2/random.1@3", "random", 2, "3", 1, ZERO, 3, 1, NULL, 0, 0.3},
    {"L2/random.2@3", "random", 2, "3", 2, ZERO, 3, 2, NULL, 0, 0.4},
    {"L2/random.3@3", "random", 2, "3", 3, ZERO, 3, 1, "L2/random.1@3", 0, 0.3},
    {"L2/rms.1@3", "rms", 2, "3", 1, ZERO, 3, 4, NULL, 0, 0.9},
    {"L2/rms.2@3", "rms", 2, "3", 2, ZERO, 3, 3, NULL, 0, 1.1},
    {"L2/file:x", "file", 2, NULL, 0, ZERO, 3, 2, NULL, 0, 0.5},
    {"L2/file:y", "file", 2, NULL, 0, ZERO, 4, 2, NULL, 0, 0.6},
};

/* ---- made-up answers ---- */

static uint32_t
draw(uint32_t a, uint32_t b, uint32_t n)
{
    return (uint32_t)hs_rng_below(11, 77, a, b, n);
}

static bool
runs(size_t arm)
{
    return arms[arm].same_as == NULL;
}

/* The answer of an arm to a sample of a problem, some of them undecided; noop
 * has that of none. */
static struct kit_answer
answer(size_t arm, const char *part, uint32_t problem, uint32_t sample)
{
    uint32_t of = (uint32_t)(arm == NOOP ? NONE : arm);
    uint32_t at = problem * 4 + sample + 1000 * (part[0] == 'a');
    uint32_t u = draw(of, at, 100), v = draw(of + 100, at, 100);
    struct kit_answer a = {.arm = arm, .part = part, .problem = problem};

    a.sample = sample;
    a.reward = u >= 95 ? -1 : u < 90 - 8 * of;
    a.n_prompt = 2 + problem % 3;
    a.n_new = 1 + draw(of + 200, at, 14);
    a.finish = v < 80 ? "eos" : "length";
    a.parsed = v % 7 != 0;
    a.salt = u;
    a.logprob = -(float)(1 + v) / 32;
    return a;
}

/* A replay of a piece of text. */
static struct kit_answer
replayed(size_t arm, const char *part, uint32_t problem)
{
    struct kit_answer a = {.arm = arm, .part = part, .problem = problem};

    a.reward = -1;
    a.n_prompt = 1;
    a.n_new = 3 + problem;
    a.finish = "replay";
    a.salt = problem;
    a.logprob = -(float)(arm == NOOP ? 1 : 1 + arm) / 8;
    return a;
}

/* All answers of all arms; one item of bottom and one of none are missing. */
static size_t
all_answers(uint32_t samples, struct kit_answer *out)
{
    size_t n = 0;

    for (uint32_t p = 0; p < N_PROBLEMS; p++)
        for (uint32_t k = 0; k < samples; k++)
            for (size_t arm = 0; arm < N_ARMS; arm++)
                if (runs(arm) && !(arm == BOTTOM && p == 3) &&
                    !(arm == NONE && p == 4))
                    out[n++] = answer(arm, HS_PART_PROBLEMS, p, k);
    for (uint32_t p = 0; p < 12; p++)
        for (size_t arm = 0; arm < N_ARMS; arm++)
            if (runs(arm))
                out[n++] = answer(arm, HS_PART_ALSO, p, 0);
    for (uint32_t p = 0; p < 4; p++)
        for (size_t arm = 0; arm < N_ARMS; arm++)
            if (runs(arm)) {
                out[n++] = replayed(arm, HS_PART_OWN, p);
                if (p < 2)
                    out[n++] = replayed(arm, HS_PART_NEUTRAL, p);
            }
    return n;
}

enum {
    MOST = 2 * N_PROBLEMS * N_ARMS + 20 * N_ARMS
};

static struct hs_armsum *
summary_of(const struct kit_answer *a, size_t n)
{
    struct hs_error err = {""};
    struct hs_buf b = kit_stream(arms, N_ARMS, "x", a, n);
    struct hs_armsum *s = kit_read(&b, 1, &err);

    assert_string_equal(err.text, "");
    assert_non_null(s);
    if (hs_armsum_finish(s, &err) < 0)
        fail_msg("%s", err.text);
    hs_buf_free(&b);
    return s;
}

/* ---- figures by hand ---- */

static void
near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-9 * (1 + fabs(b))))
        fail_msg("%.17g is not %.17g", a, b);
}

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
        if (runs(i)) {
            const struct hs_arm_result *r = kit_result(s, arms[i].label);

            p[m++] = also ? r->also.p : r->main.p;
        }
    for (size_t i = 0; i < N_ARMS; i++) {
        const struct hs_arm_result *r = kit_result(s, arms[i].label);
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
        if (strcmp(arms[i].kind, kind) == 0) {
            double y = kit_result(s, arms[i].label)->main.accuracy.value;

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
        const struct hs_arm_task *t = &kit_result(s, arms[i].label)->main;

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
    size_t n = all_answers(samples, a);
    struct hs_armsum *s = summary_of(a, n);

    assert_int_equal(hs_armsum_count(s), N_ARMS);
    for (size_t i = 0; i < N_ARMS; i++) {
        const struct hs_arm_result *r = kit_result(s, arms[i].label);
        size_t of = i == RANDOM3 ? RANDOM1 : i;

        assert_int_equal(r->same, i == RANDOM3);
        check_task(a, n, HS_PART_PROBLEMS, N_PROBLEMS, samples, of, &r->main);
        check_task(a, n, HS_PART_ALSO, 12, 1, of, &r->also);
        check_texts(a, n, of, r);
        assert_int_equal(r->edits, r->edited_rows * arms[i].n_coords);
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

/* ---- streams ---- */

static char *
json_of(struct hs_armsum *s)
{
    struct hs_buf b = {0};

    hs_armsum_print(&b, s, "json");
    return hs_buf_cstr(&b);
}

/* The arms of a shard: those of mask, none with them. */
static struct hs_buf
shard(const struct kit_answer *a, size_t n, uint32_t part, uint32_t parts)
{
    struct kit_answer *mine = hs_calloc(n, sizeof *mine);
    size_t m = 0;
    struct hs_buf b;

    for (size_t i = 0; i < n; i++)
        if (a[i].problem % parts == part)
            mine[m++] = a[i];
    b = kit_stream(arms, N_ARMS, "x", mine, m);
    free(mine);
    return b;
}

static void
test_any_order(void **state)
{
    static const uint8_t orders[][3] = {{0, 1, 2}, {2, 0, 1}, {1, 2, 0}};
    struct kit_answer a[MOST];
    size_t n = all_answers(1, a);
    struct hs_armsum *whole = summary_of(a, n);
    char *want = json_of(whole);

    (void)state;
    for (size_t k = 0; k < COUNT(orders); k++) {
        struct hs_error err = {""};
        struct hs_buf b[4];
        struct hs_armsum *s;
        char *got;

        for (size_t i = 0; i < 3; i++)
            b[i] = shard(a, n, orders[k][i], 3);
        /* Two as segments of one, and one of them again. */
        b[3] = joined(&b[0], &b[1]);
        s = kit_read(b + 1, 3, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(hs_armsum_finish(s, &err), 0);
        got = json_of(s);
        assert_string_equal(got, want);
        free(got);
        hs_armsum_free(s);
        for (size_t i = 0; i < 4; i++)
            hs_buf_free(&b[i]);
    }
    free(want);
    hs_armsum_free(whole);
}

/* Arms over machines: each lists its own, in another order. */
static void
test_arms_apart(void **state)
{
    struct kit_arm some[3] = {arms[VALUE], arms[NONE], arms[RANDOM3]};
    struct kit_answer a[MOST], mine[MOST];
    size_t n = all_answers(1, a), m = 0;
    struct hs_armsum *whole = summary_of(a, n), *s;
    struct hs_error err = {""};
    struct hs_buf b[2];
    char *want = json_of(whole), *got;

    (void)state;
    some[2].same_as = NULL; /* nothing that it could equal is there */
    for (size_t i = 0; i < n; i++)
        if (a[i].arm == VALUE || a[i].arm == NONE) {
            mine[m] = a[i];
            mine[m++].arm = a[i].arm == NONE;
        }
    b[0] = kit_stream(some, 3, "x", mine, m);
    m = 0;
    for (size_t i = 0; i < n; i++)
        if (a[i].arm != VALUE)
            mine[m++] = a[i];
    b[1] = kit_stream(arms, N_ARMS, "x", mine, m);
    s = kit_read(b, 2, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(hs_armsum_finish(s, &err), 0);
    got = json_of(s);
    assert_string_equal(got, want);
    free(got);
    free(want);
    hs_armsum_free(s);
    hs_armsum_free(whole);
    hs_buf_free(&b[0]);
    hs_buf_free(&b[1]);
}

/* What adding, or finishing, says of one changed record. */
static void
says(const char *want, const struct kit_answer *a, size_t n)
{
    struct hs_error err = {""};
    struct hs_buf b = kit_stream(arms, N_ARMS, "x", a, n);
    struct hs_armsum *s = kit_read(&b, 1, &err);

    if (s != NULL && hs_armsum_finish(s, &err) == 0)
        assert_string_equal(err.text, "");
    assert_string_equal(err.text, want);
    hs_armsum_free(s);
    hs_buf_free(&b);
}

static void
test_records(void **state)
{
    struct kit_answer a[4] = {
        answer(NONE, HS_PART_PROBLEMS, 0, 0),
        answer(NOOP, HS_PART_PROBLEMS, 0, 0),
        answer(VALUE, HS_PART_PROBLEMS, 0, 0),
        answer(VALUE, HS_PART_PROBLEMS, 0, 0),
    };
    struct kit_answer b;

    (void)state;
    says("", a, 4);
    a[3].reward = !a[2].reward;
    says("in: arm L2/value@3: item L2/value@3/p0#0 comes twice, and differs", a,
         4);
    a[3] = a[2];
    a[3].logprob *= 2;
    says("in: arm L2/value@3: item L2/value@3/p0#0 comes twice, and differs", a,
         4);
    a[3] = a[2];
    a[3].more_edits = 3;
    a[3].n_prompt = a[3].n_new = 2;
    a[3].finish = "length";
    says(
        "in: arm L2/value@3: item L2/value@3/p0#0: 15 coordinates were "
        "edited, not 12 (3 in each row)",
        a, 4);
    b = a[1];
    a[1].more_edits = 1;
    says(
        "in: arm L2/noop: item L2/noop/p0#0: 1 coordinates were edited, not "
        "0 (0 in each row)",
        a, 3);
    a[1] = b;
    a[2].arm_name = "L9/value@3";
    says("in: item L2/value@3/p0#0: the head lists no arm L9/value@3", a, 3);
    a[2].arm_name = NULL;
    a[2].part = "others";
    says("in: item L2/value@3/p0#0: unknown part others", a, 3);
}

static void
test_noop(void **state)
{
    struct kit_answer a[2] = {
        answer(NONE, HS_PART_ALSO, 7, 1),
        answer(NOOP, HS_PART_ALSO, 7, 1),
    };
    static const char want[] =
        "L2/noop is not what none is: also, problem p7, sample 1";

    (void)state;
    says("", a, 2);
    a[1].logprob = nextafterf(a[0].logprob, 0);
    says(want, a, 2);
    a[1] = a[0];
    a[1].arm = NOOP;
    a[1].finish = strcmp(a[0].finish, "eos") == 0 ? "length" : "eos";
    says(want, a, 2);
    a[1].finish = a[0].finish;
    a[1].n_new++;
    says(want, a, 2);
    a[1].n_new--;
    a[1].entropy = 1;
    says(want, a, 2);
    a[1].entropy = 0;
    says("", a, 2);
    a[1].salt++;
    says(want, a, 2);
    /* An item that only one of them has proves nothing. */
    a[1].problem = 8;
    says("", a, 2);
}

static void
test_unedited_is_needed(void **state)
{
    struct kit_answer a = answer(NONE, HS_PART_PROBLEMS, 0, 0);
    struct hs_error err = {""};
    struct hs_buf b;
    struct hs_armsum *s;

    (void)state;
    a.arm = 0;
    a.more_edits = 0;
    b = kit_stream(arms + VALUE, 2, "x", &a, 1);
    s = kit_read(&b, 1, &err);
    assert_non_null(s);
    assert_int_equal(hs_armsum_finish(s, &err), -1);
    assert_string_equal(err.text, "there is no unedited arm (none)");
    hs_armsum_free(s);
    hs_buf_free(&b);
}

/* Every rule of what is reached, and the end of text that was not fed. */
static void
test_edits(void **state)
{
    static const struct {
        const char *where, *finish;
        int64_t more;
        bool right;
    } cases[] = {
        {"all", "eos", 0, true},       {"all", "length", 0, true},
        {"generated", "eos", 0, true}, {"generated", "length", 0, true},
        {"not-first", "eos", 0, true}, {"not-first", "length", 0, true},
        {"all", "eos", 3, false},      {"all", "length", -3, false},
        {"all", "replay", 0, true},    {"all", "replay", -3, true},
        {"all", "replay", -6, false},  {"all", "replay", 3, false},
        {"all", "eos", 1, false},      {"generated", "replay", -3, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kit_arm two[2] = {arms[NONE], arms[VALUE]};
        struct kit_answer a = {.arm = 1, .part = HS_PART_PROBLEMS};
        struct hs_error err = {""};
        struct hs_armsum *s;
        struct hs_buf b;

        two[1].where = cases[i].where;
        a.n_prompt = 3;
        a.n_new = 4;
        a.finish = cases[i].finish;
        a.more_edits = cases[i].more;
        b = kit_stream(two, 2, "x", &a, 1);
        s = kit_read(&b, 1, &err);
        if ((s != NULL) != cases[i].right)
            fail_msg("case %zu: %s", i, err.text);
        hs_armsum_free(s);
        hs_buf_free(&b);
    }
}

static void
test_heads(void **state)
{
    struct kit_arm other[N_ARMS];
    struct hs_head h = test_head(HS_F16, 8, 1);
    struct hs_error err = {""};
    struct hs_buf b[2];

    (void)state;
    memcpy(other, arms, sizeof other);
    b[0] = kit_stream(arms, N_ARMS, "x", NULL, 0);
    b[1] = kit_stream(arms, N_ARMS, "y", NULL, 0);
    assert_null(kit_read(b, 2, &err));
    assert_string_equal(err.text, "in: another run: note is \"y\", was \"x\"");
    hs_buf_free(&b[1]);
    other[VALUE].first = 1;
    b[1] = kit_stream(other, N_ARMS, "x", NULL, 0);
    assert_null(kit_read(b, 2, &err));
    assert_string_equal(err.text,
                        "in: arm L2/value@3 is another one than before");
    hs_buf_free(&b[1]);
    b[1] = make_stream(&h, 0, 1, 2);
    assert_null(kit_read(b + 1, 1, &err));
    assert_string_equal(err.text, "in: a stream of activations, not of arms");
    b[1].len -= 9;
    assert_null(kit_read(b + 1, 1, &err));
    hs_head_free(&h);
    hs_buf_free(&b[0]);
    hs_buf_free(&b[1]);
}

/* The model's answer of a given log-probability, to a text. */
static void
test_not_finite(void **state)
{
    struct kit_answer a[2] = {replayed(NONE, HS_PART_OWN, 0),
                              replayed(VALUE, HS_PART_OWN, 0)};
    struct hs_armsum *s;

    (void)state;
    a[1].logprob = -INFINITY;
    s = summary_of(a, 2);
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
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_arms_apart),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_noop),
        cmocka_unit_test(test_unedited_is_needed),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_not_finite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
