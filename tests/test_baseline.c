/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_baseline.c - what a probe has to beat: features by hand, linear models
 * against their own conditions, planted signals, rewards permuted in whole
 * problems; and how scores are judged.
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
#include "probe/baseline.h"
#include "stats/auc.h"

enum {
    N_T = 4 /* states of a trajectory: t = 0 .. 3 */
};

static void
near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.12g, wanted %.12g", got, want);
}

static double
uniform(uint64_t seed, size_t a, size_t b)
{
    return hs_rng_uniform(seed, 77, (uint32_t)a, (uint32_t)b) - 0.5;
}

/* A set of n trajectories, three to a problem, of width d: reward by the sign
 * of coordinate 0 (of 1, where there is more than one) plus noise; every third
 * problem is held out.  Coordinates have different means and scales. */
static void
make_set(struct hs_trajset *s, size_t n, size_t d, double noise, double grow)
{
    struct hs_team *team;
    struct hs_error err;

    *s = (struct hs_trajset){
        .dim = d, .n_layers = 1, .n = n, .n_problems = (n + 2) / 3};
    s->layers = hs_calloc(1, sizeof *s->layers);
    s->problems = hs_calloc(s->n_problems, sizeof *s->problems);
    s->problem_val = hs_calloc(s->n_problems, sizeof *s->problem_val);
    for (size_t i = 0; i < s->n_problems; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "p%zu", i);
        s->problems[i] = hs_strdup(name);
        s->problem_val[i] = i % 3 == 2;
    }
    s->traj = hs_calloc(n, sizeof *s->traj);
    s->n_states = n * N_T;
    s->t = hs_calloc(s->n_states, sizeof *s->t);
    s->logprob = hs_calloc(s->n_states, sizeof(float));
    s->entropy = hs_calloc(s->n_states, sizeof(float));
    s->logprob_sum = hs_calloc(s->n_states, sizeof(float));
    s->entropy_sum = hs_calloc(s->n_states, sizeof(float));
    s->blocks = hs_calloc(n, sizeof *s->blocks);
    s->first_block = hs_calloc(n + 1, sizeof *s->first_block);
    s->store = hs_store_new(1 << 20);
    s->stats = hs_calloc(1, sizeof *s->stats);
    s->stats[0].mean = hs_calloc(d, sizeof(double));
    s->stats[0].sigma = hs_calloc(d, sizeof(double));
    s->stats[0].rms = hs_calloc(d, sizeof(double));
    s->stats[0].max_abs = hs_calloc(d, sizeof(double));
    for (size_t j = 0; j < n; j++) {
        float *x = hs_calloc(N_T * d, sizeof *x);
        double signal = 0;

        for (size_t i = 0; i < N_T * d; i++) {
            double v = uniform(3, j, i);

            if (i % d == (d > 1) && i < d)
                signal = v;
            x[i] = (float)((v * (1 + (double)(i % d)) + 2) * grow);
        }
        s->traj[j] = (struct hs_traj){
            .id = hs_strdup("t"),
            .problem = (uint32_t)(j / 3),
            .reward = signal + noise * uniform(4, j, 0) > 0,
            .val = s->problem_val[j / 3],
            .n_prompt = (uint32_t)(5 + j % 7),
            .length = N_T - 1,
            .n_new = N_T - 1 + j % 2, /* every other ends by an EOS */
            .n_states = N_T,
            .first = j * N_T};
        for (size_t t = 0; t < N_T; t++) {
            s->t[j * N_T + t] = (uint32_t)t;
            s->logprob_sum[j * N_T + t] = -(float)(j % 5) * (float)t;
            s->entropy_sum[j * N_T + t] = (float)(j % 11 + t);
        }
        s->blocks[j] = (struct hs_stored){.n_rows = N_T, .dtype = HS_F32};
        assert_int_equal(hs_store_add(s->store, x, N_T * d * sizeof *x,
                                      &s->blocks[j].where, &err),
                         0);
        s->first_block[j] = j;
        free(x);
    }
    assert_int_equal(hs_store_seal(s->store, &err), 0);
    team = hs_team_new(1, &err);
    hs_trajset_stats(s, team);
    hs_team_free(team);
}

/* Rewards by a rule. */
static void
set_rewards(struct hs_trajset *s,
            bool (*rule)(const struct hs_trajset *s, size_t j))
{
    for (size_t j = 0; j < s->n; j++)
        s->traj[j].reward = rule(s, j);
}

static void
labels_of(const struct hs_trajset *s, uint8_t *label)
{
    size_t n = 0;

    for (size_t j = 0; j < s->n; j++)
        if (s->traj[j].val)
            label[n++] = s->traj[j].reward;
}

/* (HS_N_PLACES, held out); owned by the caller. */
static double *
scores(enum hs_baseline b, const struct hs_trajset *s, uint64_t seed,
       json_t *note)
{
    double *score = hs_calloc(HS_N_PLACES * hs_count_val(s), sizeof *score);
    struct hs_team *team = hs_team_new(2, NULL);

    hs_baseline_scores(b, s, 0, seed, team, score, note);
    assert_null(json_object_get(note, "errors"));
    hs_team_free(team);
    return score;
}

static double
auc_at(const struct hs_trajset *s, const double *score, size_t place)
{
    size_t n = hs_count_val(s);
    uint8_t *label = hs_calloc(n, 1);
    double auc;

    labels_of(s, label);
    auc = hs_auc(score + place * n, label, n);
    free(label);
    return auc;
}

/* ---- single features */

static bool
long_prompt(const struct hs_trajset *s, size_t j)
{
    return s->traj[j].n_prompt > 8;
}

static bool
short_prompt(const struct hs_trajset *s, size_t j)
{
    return s->traj[j].n_prompt <= 8;
}

static bool
sure(const struct hs_trajset *s, size_t j)
{
    (void)s;
    return j % 5 < 2; /* large log-probabilities */
}

static bool
vague(const struct hs_trajset *s, size_t j)
{
    (void)s;
    return j % 11 > 5; /* large entropies */
}

/* What a feature is at time t of trajectory j, by the words of baseline.h. */
static double
feature(enum hs_baseline b, const struct hs_traj *q, size_t j, size_t t)
{
    size_t known = t + 1 < q->n_new ? t + 1 : q->n_new;

    return b == HS_BASE_PROMPT    ? q->n_prompt
           : b == HS_BASE_LENGTH  ? (double)t
           : b == HS_BASE_LOGPROB ? t > 0 ? -(double)(j % 5) : (double)NAN
                                  : (double)(j % 11 + t) / (double)known;
}

static void
check_feature(const struct hs_trajset *s, enum hs_baseline b, double sign)
{
    static const size_t times[HS_N_PLACES] = {0, 1, 1, 2, 3};
    json_t *note = json_object();
    double *score = scores(b, s, 1, note);
    size_t n_val = hs_count_val(s);

    for (size_t p = 0; p < HS_N_PLACES; p++) {
        size_t n = 0;

        for (size_t j = 0; j < s->n; j++) {
            double want = feature(b, &s->traj[j], j, times[p]);

            if (!s->traj[j].val)
                continue;
            if (isnan(want))
                assert_true(isnan(score[p * n_val + n]));
            else
                near(score[p * n_val + n], sign * want, 1e-12);
            n++;
        }
    }
    json_decref(note);
    free(score);
}

static void
test_features(void **state)
{
    struct hs_trajset s;

    (void)state;
    make_set(&s, 90, 2, 0, 1);
    set_rewards(&s, long_prompt);
    check_feature(&s, HS_BASE_PROMPT, 1);
    check_feature(&s, HS_BASE_LENGTH, 1); /* all the same: not turned */
    set_rewards(&s, short_prompt);
    check_feature(&s, HS_BASE_PROMPT, -1);
    set_rewards(&s, sure);
    check_feature(&s, HS_BASE_LOGPROB, 1);
    set_rewards(&s, vague);
    check_feature(&s, HS_BASE_ENTROPY, 1);
    hs_trajset_free(&s);
}

/* A place whose state is not stored has no score. */
static void
test_not_stored(void **state)
{
    struct hs_trajset s;

    (void)state;
    make_set(&s, 90, 2, 0, 1);
    for (size_t j = 0; j < s.n; j++)
        s.traj[j].length = N_T; /* s_T is one further */
    for (int b = 0; b < HS_BASE_SHUFFLED; b++) {
        json_t *note = json_object();
        double *score = scores((enum hs_baseline)b, &s, 1, note);

        assert_true(isnan(score[4 * hs_count_val(&s)]));
        assert_true(isfinite(score[0]) || b == HS_BASE_LOGPROB);
        json_decref(note);
        free(score);
    }
    hs_trajset_free(&s);
}

/* ---- linear models */

static double
z_at(const struct hs_trajset *s, size_t j, size_t c)
{
    float x[8];

    hs_trajset_row(s, 0, j, 0, x);
    return ((double)x[c] - s->stats[0].mean[c]) / s->stats[0].sigma[c];
}

/* Weights and offset of a linear score of two coordinates, from three of its
 * values. */
static void
recover(const struct hs_trajset *s, const double *score, double out[3])
{
    double a[3][4];
    size_t n = 0;

    for (size_t j = 0; j < s->n && n < 3; j++)
        if (s->traj[j].val) {
            a[n][0] = z_at(s, j, 0);
            a[n][1] = z_at(s, j, 1);
            a[n][2] = 1;
            a[n][3] = score[n];
            n++;
        }
    for (size_t i = 0; i < 3; i++)
        for (size_t r = 0; r < 3; r++)
            for (size_t c = 4; r != i && c-- > i;)
                a[r][c] -= a[i][c] * a[r][i] / a[i][i];
    for (size_t i = 0; i < 3; i++)
        out[i] = a[i][3] / a[i][i];
}

/* The gradient of the objective vanishes on all training trajectories. */
static void
check_optimum(const struct hs_trajset *s, const double w[3], double lambda,
              bool logistic)
{
    double g[3] = {lambda * w[0], lambda * w[1], 0}, size = 0;

    for (size_t j = 0; j < s->n; j++) {
        double x0 = z_at(s, j, 0), x1 = z_at(s, j, 1);
        double v = w[0] * x0 + w[1] * x1 + w[2], e;

        if (s->traj[j].val)
            continue;
        v = logistic ? 1 / (1 + exp(-v)) : v;
        e = v - s->traj[j].reward;
        g[0] += e * x0;
        g[1] += e * x1;
        g[2] += e;
        size++;
    }
    for (size_t i = 0; i < 3; i++)
        near(g[i], 0, 1e-8 * size);
}

static double
lambda_of(const json_t *note, const char *place)
{
    return json_real_value(
        json_object_get(json_object_get(note, "lambda"), place));
}

static void
test_linear(void **state)
{
    json_t *notes[3];
    double *score[3], w[3], lambda, n_train;
    struct hs_trajset s;
    size_t n_val;

    (void)state;
    make_set(&s, 150, 2, 1, 1);
    n_val = hs_count_val(&s);
    n_train = (double)(s.n - n_val);
    for (int b = 0; b < 3; b++) {
        notes[b] = json_object();
        score[b] = scores((enum hs_baseline)b, &s, 1, notes[b]);
    }
    lambda = lambda_of(notes[HS_BASE_RIDGE], "s0");
    near(log10(lambda / n_train), round(log10(lambda / n_train)), 1e-9);
    recover(&s, score[HS_BASE_RIDGE], w);
    check_optimum(&s, w, lambda, false);
    /* all components of the states: a rotation, which ridge does not see */
    near(lambda_of(notes[HS_BASE_PCA], "s0"), lambda, 1e-12 * lambda);
    for (size_t i = 0; i < n_val; i++)
        near(score[HS_BASE_PCA][i], score[HS_BASE_RIDGE][i], 1e-10);
    near(lambda_of(notes[HS_BASE_LOGISTIC], "s0"), lambda / 4, 1e-12 * lambda);
    for (size_t i = 0; i < n_val; i++)
        score[1][i] = log(score[1][i] / (1 - score[1][i]));
    recover(&s, score[HS_BASE_LOGISTIC], w);
    check_optimum(&s, w, lambda / 4, true);
    for (int b = 0; b < 3; b++) {
        json_decref(notes[b]);
        free(score[b]);
    }
    hs_trajset_free(&s);
}

static bool
by_chance(const struct hs_trajset *s, size_t j)
{
    (void)s;
    return uniform(8, j, 0) > 0;
}

/* Much of a ridge where there is nothing, little where there is much. */
static void
test_lambda(void **state)
{
    json_t *note = json_object();
    struct hs_trajset s;

    (void)state;
    make_set(&s, 300, 6, 0, 1);
    free(scores(HS_BASE_RIDGE, &s, 1, note));
    assert_true(lambda_of(note, "s0") < 0.05 * 200);
    set_rewards(&s, by_chance);
    free(scores(HS_BASE_RIDGE, &s, 1, note));
    assert_true(lambda_of(note, "s0") > 5 * 200);
    json_decref(note);
    hs_trajset_free(&s);
}

/* What is planted at s_0 is found there and nowhere else. */
static void
test_planted(void **state)
{
    struct hs_trajset s;

    (void)state;
    make_set(&s, 600, 6, 0.2, 1);
    for (int b = 0; b <= HS_BASE_PCA; b++) {
        json_t *note = json_object();
        double *score = scores((enum hs_baseline)b, &s, 1, note);

        assert_true(auc_at(&s, score, 0) > 0.95);
        for (size_t p = 1; p < HS_N_PLACES; p++) /* sd 0.041 at 100 : 100 */
            near(auc_at(&s, score, p), 0.5, 4 * 0.041);
        json_decref(note);
        free(score);
    }
    hs_trajset_free(&s);
}

static void
test_random(void **state)
{
    struct hs_trajset s, large;
    json_t *note = json_object(), *other = json_object();
    double *a, *b, *c;
    size_t n;

    (void)state;
    make_set(&s, 300, 4, 0, 1);
    make_set(&large, 300, 4, 0, 1024);
    n = hs_count_val(&s);
    a = scores(HS_BASE_RANDOM, &s, 1, note);
    b = scores(HS_BASE_RANDOM, &large, 1, other);
    c = scores(HS_BASE_RANDOM, &s, 2, other);
    for (size_t i = 0; i < n; i++) { /* of z-scored states */
        near(a[i], b[i], 1e-9);
        assert_true(fabs(a[i] - c[i]) > 1e-9);
    }
    for (size_t p = 0; p < HS_N_PLACES; p++) {
        const json_t *draws =
            json_object_get(json_object_get(note, "draws"), hs_place_names[p]);
        double first = json_real_value(json_array_get(draws, 0));

        assert_int_equal(json_array_size(draws), 20);
        near(first, auc_at(&s, a, p), 1e-12);
    }
    json_decref(note);
    json_decref(other);
    free(a);
    free(b);
    free(c);
    hs_trajset_free(&s);
    hs_trajset_free(&large);
}

/* ---- shuffled rewards */

/* How many training problems of three have each pattern of rewards. */
static void
patterns(const struct hs_trajset *s, const uint8_t *reward, size_t count[8])
{
    memset(count, 0, 8 * sizeof *count);
    for (size_t j = 0; j + 2 < s->n; j += 3)
        if (!s->traj[j].val)
            count[reward[j] * 4 + reward[j + 1] * 2 + reward[j + 2]]++;
}

static void
test_shuffled(void **state)
{
    size_t n = 302, moved = 0, before[8], after[8]; /* the last one has two */
    uint8_t *own = hs_calloc(n, 1), *a, *again, *other;
    struct hs_trajset s;

    (void)state;
    make_set(&s, n, 2, 1, 1);
    for (size_t j = 0; j < n; j++)
        own[j] = s.traj[j].reward;
    a = hs_shuffled_rewards(&s, 1);
    again = hs_shuffled_rewards(&s, 1);
    other = hs_shuffled_rewards(&s, 2);
    assert_memory_equal(a, again, n);
    assert_true(memcmp(a, other, n) != 0);
    patterns(&s, own, before);
    patterns(&s, a, after);
    assert_memory_equal(before, after, sizeof before);
    assert_true(before[0] > 0 && before[5] > 0);
    for (size_t j = 0; j < n; j++) {
        if (s.traj[j].val)
            assert_int_equal(a[j], own[j]);
        moved += a[j] != own[j];
    }
    assert_true(moved > n / 6);
    /* the only problem of two trajectories has none to change with */
    assert_memory_equal(a + 300, own + 300, 2);
    free(own);
    free(a);
    free(again);
    free(other);
    hs_trajset_free(&s);
}

/* ---- judging */

static void
test_evaluate(void **state)
{
    const struct hs_eval_options o = {.level = 0.95, .bootstrap = 200};
    struct hs_evaluation e;
    struct hs_trajset s;
    double *score;
    json_t *j;
    size_t n, positive = 0;

    (void)state;
    make_set(&s, 93, 2, 0, 1);
    n = hs_count_val(&s);
    score = hs_calloc(HS_N_PLACES * n, sizeof *score);
    for (size_t k = 0, i = 0; k < s.n; k++)
        if (s.traj[k].val) {
            double r = s.traj[k].reward;

            positive += s.traj[k].reward;
            score[i] = 0.25 + r / 2;     /* all right */
            score[n + i] = 0.75 - r / 2; /* all wrong */
            score[2 * n + i] = 0.5;      /* constant */
            score[3 * n + i] = i == 3 ? (double)NAN : r;
            score[4 * n + i++] = r;
        }
    hs_evaluate(&s, score, true, &o, &e);
    assert_int_equal(e.n, n);
    assert_int_equal(n, 30);
    assert_int_equal(e.n_problems, 10);
    assert_int_equal(e.n_positive, positive);
    near(e.delong[0].value, 1, 0);
    near(e.delong[1].value, 0, 0);
    near(e.delong[2].value, 0.5, 0);
    assert_true(isnan(e.delong[3].value) && isnan(e.bootstrap[3].lo));
    near(e.brier[0], 1.0 / 16, 1e-12);
    near(e.brier[1], 9.0 / 16, 1e-12);
    near(e.brier[2], 0.25, 1e-12);
    near(e.ece[0], 0.25, 1e-12);
    near(e.ece[4], 0, 1e-12);
    near(e.spread[2], 0, 0);
    near(e.spread[0],
         sqrt((double)positive / 30 * (1 - (double)positive / 30)) / 2, 1e-12);
    j = hs_evaluation_json(&e);
    assert_true(json_is_null(json_object_get(
        json_object_get(json_object_get(j, "places"), "75%"), "auc")));
    json_decref(j);
    hs_evaluate(&s, score, false, &o, &e);
    assert_true(isnan(e.brier[0]) && isnan(e.ece[0]));
    for (size_t i = 0; i < n; i++)
        score[i] += 2 * uniform(6, i, 0);
    hs_evaluate(&s, score, false, &o, &e); /* problems are drawn: some spread */
    assert_true(e.bootstrap[0].se > 0.5 * e.delong[0].se);
    assert_true(e.bootstrap[0].se < 2 * e.delong[0].se);
    free(score);
    hs_trajset_free(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features), cmocka_unit_test(test_not_stored),
        cmocka_unit_test(test_linear),   cmocka_unit_test(test_lambda),
        cmocka_unit_test(test_planted),  cmocka_unit_test(test_random),
        cmocka_unit_test(test_shuffled), cmocka_unit_test(test_evaluate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
