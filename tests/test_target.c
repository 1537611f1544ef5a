/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_target.c - the losses of probes: by hand, against a twin that is
 * written from the definitions without a recursion, and their gradients
 * against differences of that twin.
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

#include "base/rng.h"
#include "probe/target.h"

enum {
    N_TARGETS = HS_TARGET_NTP + 1,
    N_SPANS = 4,
    N_STATES = 1 + 2 + 7 + 5
};

static void
near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.12g, wanted %.12g", got, want);
}

/* A batch whose trajectories are of all sorts: one state; two states with a
 * gap; all states; thinned, the last one missing. */
struct batch {
    struct hs_span spans[N_SPANS];
    uint32_t t[N_STATES];
    float logprob[N_STATES], u[N_STATES], du[N_STATES];
};

static void
make_batch(struct batch *b)
{
    static const uint32_t times[N_STATES] = {0, 0, 4, 0, 1, 2, 3, 4,
                                             5, 6, 0, 3, 6, 9, 12};
    static const size_t n[N_SPANS] = {1, 2, 7, 5};
    static const uint32_t length[N_SPANS] = {0, 4, 6, 14};
    size_t first = 0;

    for (size_t i = 0; i < N_STATES; i++) {
        uint32_t w[4];

        hs_rng_words(1, 2, (uint32_t)i, 3, w);
        b->t[i] = times[i];
        /* few bits, so that a step of a difference is exact */
        b->u[i] = (float)(int)(w[0] >> 20) / 1024 - 2;
        b->logprob[i] = i % 4 == 3 ? NAN : -(float)(w[1] >> 20) / 1024;
    }
    for (size_t k = 0; k < N_SPANS; k++) {
        b->spans[k] = (struct hs_span){.first = first,
                                       .n = n[k],
                                       .t = b->t + first,
                                       .logprob = b->logprob + first,
                                       .length = length[k],
                                       .reward = k % 2 ? 1 : 0};
        first += n[k];
    }
    b->spans[2].reward = 1;
}

/* ---- the twin */

static double
head_of(const struct hs_loss *l, double u)
{
    return l->sigmoid ? 0.5 + 0.5 * tanh(0.5 * u) : u;
}

/* What state i is taught, from the values v that are not learnt through. */
static double
goal_of(const struct hs_loss *l, const struct hs_span *s, const double *v,
        size_t i)
{
    size_t last = s->n - 1;
    double lambda = l->target == HS_TARGET_TD_LAMBDA ? l->lambda : 1;
    double goal, gap = (double)s->length - s->t[i];

    if (l->target == HS_TARGET_NTP)
        return (double)s->logprob[i];
    if (l->target == HS_TARGET_TD && i < last)
        return pow(l->gamma, s->t[i + 1] - s->t[i]) * v[i + 1];
    goal = pow(lambda, (double)(last - i)) * pow(l->gamma, gap) * s->reward;
    for (size_t k = i + 1; k < s->n; k++)
        goal += (1 - lambda) * pow(lambda, (double)(k - i - 1)) *
                pow(l->gamma, s->t[k] - s->t[i]) * v[k];
    return goal;
}

static bool
is_taught(const struct hs_loss *l, const struct hs_span *s, size_t i)
{
    return l->target == HS_TARGET_TERMINAL ? i + 1 == s->n
           : l->target == HS_TARGET_S0     ? i == 0
           : l->target == HS_TARGET_NTP    ? !isnan(s->logprob[i])
                                           : true;
}

/* The loss at u (n), where goals are made of the values at seen (n); those of
 * td with the residual gradient are made of u. */
static double
twin(const struct hs_loss *l, const struct hs_span *spans, size_t n_spans,
     const double *u, const double *seen)
{
    double sum = 0, means = 0;
    size_t n = 0, n_means = 0;

    for (size_t k = 0; k < n_spans; k++) {
        const struct hs_span *s = &spans[k];
        double v[N_STATES], squares = 0;
        size_t m = 0;

        for (size_t i = 0; i < s->n; i++)
            v[i] = head_of(l, (l->residual ? u : seen)[s->first + i]);
        for (size_t i = 0; i < s->n; i++) {
            double d = goal_of(l, s, v, i) - head_of(l, u[s->first + i]);
            bool weighed = i + 1 == s->n && (l->target == HS_TARGET_TD ||
                                             l->target == HS_TARGET_MC ||
                                             l->target == HS_TARGET_TD_LAMBDA);

            if (!is_taught(l, s, i))
                continue;
            squares += (weighed ? l->terminal_weight : 1) * d * d;
            m++;
        }
        sum += squares;
        n += m;
        means += m > 0 ? squares / (double)m : 0;
        n_means += m > 0;
    }
    if (l->norm == HS_NORM_TOKEN)
        return n > 0 ? sum / (double)n : 0;
    return n_means > 0 ? means / (double)n_means : 0;
}

static void
check_against_twin(const struct hs_loss *l, struct batch *b)
{
    double u[N_STATES], moved[N_STATES], loss, step = 1e-4;

    memset(b->du, 0x55, sizeof b->du); /* nothing of it is to stay */
    loss = hs_loss(l, b->spans, N_SPANS, b->u, b->du);
    for (size_t i = 0; i < N_STATES; i++)
        u[i] = moved[i] = (double)b->u[i];
    near(loss, twin(l, b->spans, N_SPANS, u, u), 1e-12 * (1 + loss));
    for (size_t i = 0; i < N_STATES; i++) {
        double up, down;

        moved[i] = u[i] + step;
        up = twin(l, b->spans, N_SPANS, moved, u);
        moved[i] = u[i] - step;
        down = twin(l, b->spans, N_SPANS, moved, u);
        moved[i] = u[i];
        near((double)b->du[i], (up - down) / (2 * step), 3e-7 * (1 + loss));
    }
}

/* Settings: bits of i choose. */
static struct hs_loss
setting(enum hs_target target, unsigned i)
{
    static const double gammas[] = {0.9, 1 - 1e-5, 1, 0.5};
    static const double lambdas[] = {0.95, 0, 1, 0.3};

    return (struct hs_loss){.target = target,
                            .norm = i & 1 ? HS_NORM_TOKEN : HS_NORM_TRAJECTORY,
                            .sigmoid = (i & 2) != 0,
                            .residual = target == HS_TARGET_TD && (i & 4) != 0,
                            .gamma = gammas[i >> 3 & 3],
                            .lambda = lambdas[i >> 5 & 3],
                            .terminal_weight = i & 128 ? 3.5 : 1};
}

static void
test_twin(void **state)
{
    struct batch b;

    (void)state;
    make_batch(&b);
    for (int target = 0; target < N_TARGETS; target++)
        for (unsigned i = 0; i < 256; i++) {
            struct hs_loss l = setting((enum hs_target)target, i);

            check_against_twin(&l, &b);
        }
}

/* Where all of the loss is learnt through, its own differences agree. */
static void
test_differences(void **state)
{
    struct batch b;
    float step = 0x1p-9f;

    (void)state;
    make_batch(&b);
    for (int target = 0; target < N_TARGETS; target++)
        for (unsigned i = 0; i < 256; i++) {
            struct hs_loss l = setting((enum hs_target)target, i);
            float du[N_STATES];
            double loss = hs_loss(&l, b.spans, N_SPANS, b.u, du);

            if (target == HS_TARGET_TD_LAMBDA ||
                (target == HS_TARGET_TD && !l.residual))
                continue;
            for (size_t k = 0; k < N_STATES; k++) {
                float u = b.u[k], no[N_STATES];
                double up, down;

                b.u[k] = u + step;
                up = hs_loss(&l, b.spans, N_SPANS, b.u, no);
                b.u[k] = u - step;
                down = hs_loss(&l, b.spans, N_SPANS, b.u, no);
                b.u[k] = u;
                near((double)du[k], (up - down) / (2 * (double)step),
                     (l.sigmoid ? 1e-6 : 3e-7) * (1 + loss));
            }
        }
}

/* Three states at times 0, 1 and 3 of a response of 4 tokens, reward 1, gamma
 * 1/2, the last square twice. */
static void
test_by_hand(void **state)
{
    static const uint32_t t[] = {0, 1, 3};
    static const float u[] = {1, 3, 2}, logprob[] = {-1, NAN, -3};
    struct hs_span s = {
        .n = 3, .t = t, .logprob = logprob, .length = 4, .reward = 1};
    struct hs_loss l = {.gamma = 0.5, .lambda = 0.5, .terminal_weight = 2};
    /* by target: loss, du */
    static const double want[N_TARGETS][4] = {
        /* d = 3/2 - 1, 2/4 - 3, 1/2 - 2 */
        {11.0 / 3, -1.0 / 3, 5.0 / 3, 2},
        /* d = 1/16 - 1, 1/8 - 3, 1/2 - 2 */
        {(0.87890625 + 8.265625 + 4.5) / 3, 1.875 / 3, 5.75 / 3, 2},
        /* G = 1/2, (2 + 1/2) / 8, (3 + 5/16) / 4; d = -11/64, -43/16, -3/2 */
        {(121.0 / 4096 + 1849.0 / 256 + 4.5) / 3, 11.0 / 96, 43.0 / 24, 2},
        {2.25, 0, 0, 3},
        {0.87890625, 1.875, 0, 0},
        /* d = -1 - 1, none, -3 - 2 */
        {14.5, 2, 0, 5}};
    float du[3];

    (void)state;
    for (int target = 0; target < N_TARGETS; target++) {
        l.target = (enum hs_target)target;
        near(hs_loss(&l, &s, 1, u, du), want[target][0], 1e-14);
        for (size_t i = 0; i < 3; i++)
            near((double)du[i], want[target][1 + i], 2e-7);
    }
    l.target = HS_TARGET_TD;
    l.residual = true; /* 2 g d goes to the next value */
    near(hs_loss(&l, &s, 1, u, du), 11.0 / 3, 1e-14);
    near((double)du[0], -1.0 / 3, 1e-7);
    near((double)du[1], 5.0 / 3 + 0.5 / 3, 1e-6);
    near((double)du[2], 2 - 1.25 / 3, 1e-6);
}

/* A long and a short trajectory: means of means, or one mean. */
static void
test_norms(void **state)
{
    static const uint32_t t[] = {0, 1, 2, 0};
    static const float u[] = {1, 1, 1, 3};
    const struct hs_span s[] = {
        {.first = 0, .n = 3, .t = t, .length = 2, .reward = 0},
        {.first = 3, .n = 1, .t = t + 3, .length = 0, .reward = 0}};
    struct hs_loss l = {
        .target = HS_TARGET_MC, .gamma = 1, .terminal_weight = 1};
    float du[4];

    (void)state;
    near(hs_loss(&l, s, 2, u, du), (1 + 9) / 2.0, 1e-14);
    near((double)du[0], 1.0 / 3, 1e-7);
    near((double)du[3], 3, 1e-6);
    l.norm = HS_NORM_TOKEN;
    near(hs_loss(&l, s, 2, u, du), (3 + 9) / 4.0, 1e-14);
    near((double)du[0], 2.0 / 4, 1e-7);
    near((double)du[3], 6.0 / 4, 1e-6);
}

static void
test_lambda_one(void **state)
{
    struct batch b;

    (void)state;
    make_batch(&b);
    for (unsigned i = 0; i < 256; i++) {
        struct hs_loss mc = setting(HS_TARGET_MC, i), td = mc;
        float du[N_STATES];
        double a, c;

        td.target = HS_TARGET_TD_LAMBDA;
        td.lambda = 1;
        a = hs_loss(&mc, b.spans, N_SPANS, b.u, b.du);
        c = hs_loss(&td, b.spans, N_SPANS, b.u, du);
        assert_memory_equal(&a, &c, sizeof a);
        assert_memory_equal(du, b.du, sizeof du);
        /* and lambda 0 is td, semi */
        td.lambda = 0;
        mc.target = HS_TARGET_TD;
        near(hs_loss(&td, b.spans, N_SPANS, b.u, du),
             hs_loss(&mc, b.spans, N_SPANS, b.u, b.du), 1e-12);
        for (size_t k = 0; k < N_STATES; k++)
            near((double)du[k], (double)b.du[k], 1e-7);
    }
}

/* Values that are the returns: nothing is left to learn, for any of them. */
static void
test_fixed_point(void **state)
{
    static const enum hs_target targets[] = {HS_TARGET_TD, HS_TARGET_MC,
                                             HS_TARGET_TD_LAMBDA,
                                             HS_TARGET_TERMINAL, HS_TARGET_S0};
    struct batch b;

    (void)state;
    make_batch(&b);
    for (size_t target = 0; target < sizeof targets / sizeof *targets; target++)
        for (unsigned i = 0; i < 256; i++) {
            struct hs_loss l = setting(targets[target], i);
            double loss;

            if (l.sigmoid || l.gamma != 0.5) /* exact in binary */
                continue;
            for (size_t k = 0; k < N_SPANS; k++)
                for (size_t j = 0; j < b.spans[k].n; j++)
                    b.u[b.spans[k].first + j] = (float)ldexp(
                        b.spans[k].reward,
                        (int)b.spans[k].t[j] - (int)b.spans[k].length);
            loss = hs_loss(&l, b.spans, N_SPANS, b.u, b.du);
            assert_true(loss == 0);
            for (size_t k = 0; k < N_STATES; k++)
                assert_true(b.du[k] == 0);
        }
}

/* A trajectory without a residual neither counts nor moves. */
static void
test_nothing_to_learn(void **state)
{
    struct hs_loss l = setting(HS_TARGET_NTP, 0);
    struct batch b;
    double both, one;

    (void)state;
    make_batch(&b);
    for (size_t i = 3; i < 10; i++)
        b.logprob[i] = NAN; /* all of the third */
    both = hs_loss(&l, b.spans + 2, 2, b.u, b.du);
    for (size_t i = 3; i < 10; i++)
        assert_true(b.du[i] == 0);
    one = hs_loss(&l, b.spans + 3, 1, b.u, b.du);
    assert_true(both == one && one > 0);
    assert_true(hs_loss(&l, b.spans + 2, 1, b.u, b.du) == 0);
}

static void
test_head(void **state)
{
    static const double u[] = {0, 1, -1, 30, -30, 800, -800};

    (void)state;
    for (size_t i = 0; i < sizeof u / sizeof *u; i++) {
        double v = hs_head_value(true, u[i]);

        assert_true(v >= 0 && v <= 1);
        near(v, 0.5 + 0.5 * tanh(0.5 * u[i]), 1e-15);
        assert_true(hs_head_value(false, u[i]) == u[i]);
    }
    near(hs_head_value(true, -30), 1 / (1 + exp(30)), 4e-29);
}

/* A value that is no number is not learnt silently. */
static void
test_nan(void **state)
{
    struct batch b;

    (void)state;
    for (int target = 0; target < N_TARGETS; target++) {
        struct hs_loss l = setting((enum hs_target)target, 2);

        make_batch(&b);
        b.u[0] = NAN; /* the first and only state of its trajectory */
        assert_true(isnan(hs_loss(&l, b.spans, N_SPANS, b.u, b.du)));
    }
}

static void
test_names(void **state)
{
    static const char *const names[N_TARGETS] = {"td",       "mc", "td-lambda",
                                                 "terminal", "s0", "ntp"};
    enum hs_target t;

    (void)state;
    for (int i = 0; i < N_TARGETS; i++) {
        assert_string_equal(hs_target_name((enum hs_target)i), names[i]);
        assert_int_equal(hs_target_parse(names[i], &t), 0);
        assert_int_equal(t, i);
    }
    assert_int_equal(hs_target_parse("td ", &t), -1);
    assert_int_equal(hs_target_parse("", &t), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_lambda_one),
        cmocka_unit_test(test_fixed_point),
        cmocka_unit_test(test_nothing_to_learn),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
