/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_synthworld.c - worlds of hs-synth: the value is a martingale that ends
 * in the reward, its constants are SciPy's, nothing depends on the order of
 * asking, and the head tells the truth.
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
#include "probe/synth.h"
#include "synthkit.h"

static uint32_t value_at[] = {3, 7, 8}, sink_at[] = {3, 9, 20},
                massive_at[] = {9, 40}, layer_1[] = {1};

/* ---- the constants, by SciPy */

static void
test_constants(void **state)
{
    struct hs_synth_options o = options();
    double p, known, length, m0, z0_sd, auc0, delta_sd;
    const char *dir = getenv("HS_SRCDIR");
    char path[4096];
    size_t n = 0;
    FILE *f;

    (void)state;
    if (dir == NULL)
        fail_msg("no HS_SRCDIR: run through make check");
    (void)snprintf(path, sizeof path, "%s/tests/ref/synth.txt", dir);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fscanf(f, "%lf %lf %lf %lf %lf %lf %lf", &p, &known, &length, &m0,
                  &z0_sd, &auc0, &delta_sd) == 7) {
        struct hs_synth w;

        o.reward_rate = p;
        o.known = known;
        assert_true(length == 20); /* that of the options */
        start(&w, &o);
        near(w.m0, m0, 1e-12, "m0");
        near(w.tau * w.tau + w.sigma * w.sigma, 1, 1e-12, "tau, sigma");
        near(w.z0_sd, z0_sd, 1e-6, "z0_sd");
        near(w.auc0, auc0, 1e-6, "auc0");
        near(w.delta_sd, delta_sd, 1e-6 * delta_sd, "delta_sd");
        hs_synth_free(&w);
        n++;
    }
    assert_int_equal(n, 30);
    (void)fclose(f);
}

/* ---- the value process */

/* Mean steps are 0 and V is the rate of reward: in each tenth of V, at several
 * shares of the response. */
static void
check_martingale(const struct hs_synth_options *o)
{
    struct hs_synth_path p = {0};
    struct sums step[5] = {{0}}, bins[5][10] = {{{0}}}, v0 = {0}, steps = {0};
    struct hs_synth w;
    double squares;

    start(&w, o);
    for (uint64_t i = 0; i < MANY; i++) {
        hs_synth_path(&w, i, &p);
        assert_true(p.length >= o->length_lo && p.length <= o->length_hi);
        assert_true(p.n_prompt >= o->prompt_lo && p.n_prompt <= o->prompt_hi);
        assert_true(p.v[p.length] == p.reward);
        squares = -w.delta_sd * w.delta_sd * (double)p.length;
        for (size_t t = 1; t <= p.length; t++) {
            squares += pow(p.v[t] - p.v[t - 1], 2);
            if (t % o->step_every != 0 && t != p.length)
                assert_true(p.v[t] == p.v[t - 1]);
        }
        add(&steps, squares, 0);
        add(&v0, pow(p.v[0] - o->reward_rate, 2) - pow(w.z0_sd * w.z_sd, 2),
            p.reward);
        for (size_t k = 0; k < 5; k++) {
            size_t t = k * p.length / 5;
            double v = p.v[t];

            assert_true(v >= 0 && v <= 1);
            add(&step[k], p.v[t + 1] - v, 0);
            add(&bins[k][v < 1 ? (size_t)(v * 10) : 9], v, p.reward);
        }
    }
    for (size_t k = 0; k < 5; k++) {
        near(mean_x(&step[k]), 0, SIGMAS * sqrt(var_x(&step[k]) / MANY),
             "mean step");
        for (size_t b = 0; b < 10; b++) {
            const struct sums *s = &bins[k][b];
            double v = mean_x(s);

            if (s->n > 50)
                near(s->y / s->n, v, SIGMAS * sqrt(v * (1 - v) / s->n),
                     "rate of reward");
        }
    }
    near(v0.y / MANY, o->reward_rate,
         SIGMAS * sqrt(o->reward_rate * (1 - o->reward_rate) / MANY), "rate");
    near(mean_x(&v0), 0, SIGMAS * sqrt(var_x(&v0) / MANY) + 1e-9, "z0_sd");
    near(mean_x(&steps), 0, SIGMAS * sqrt(var_x(&steps) / MANY), "delta_sd");
    hs_synth_path_free(&p);
    hs_synth_free(&w);
}

static void
test_martingale(void **state)
{
    static const struct {
        double p, known;
        uint64_t lo, hi, every;
    } cases[] = {{0.5, 0.5, 10, 30, 1},
                 {0.25, 0.5, 10, 30, 7},
                 {0.7, 0, 5, 5, 1},
                 {0.4, 0.95, 40, 60, 100},
                 {0.5, 0.2, 1, 1, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_synth_options o = options();

        o.reward_rate = cases[i].p;
        o.known = cases[i].known;
        o.length_lo = cases[i].lo;
        o.length_hi = cases[i].hi;
        o.step_every = cases[i].every;
        o.seed = i;
        check_martingale(&o);
    }
}

/* ---- sinks */

static void
look_sinks(void *ud, const struct hs_synth *w, const struct hs_synth_path *p,
           const float *x)
{
    (void)ud;
    for (size_t j = 0; j < D; j++) {
        const struct hs_synth_coord *c = &w->coord[j];
        bool given = j == 3 || j == 9 || j == 20;

        assert_int_equal(c->sink != 0, given);
        assert_int_equal(c->massive, j == 9 || j == 40);
        for (size_t pos = 0; pos < p->n_prompt + p->length; pos++) {
            double u = ((double)x[pos * D + j] - c->mean) / c->scale;

            assert_true(fabs(u - (pos == 0 ? c->sink : 0)) < 25);
        }
        if (given) {
            assert_true(fabs(c->sink) >= 1000 && fabs(c->sink) <= 1500);
            assert_true(c->massive ? c->scale >= 100 && c->scale <= 1000
                                   : c->scale >= 1 && c->scale <= 10);
        }
    }
}

static void
test_sinks(void **state)
{
    struct hs_synth_options o = options();
    struct hs_synth w;

    (void)state;
    o.value.at = (struct hs_list){.v = value_at, .n = 3};
    o.sink.at = (struct hs_list){.v = sink_at, .n = 3};
    o.massive.at = (struct hs_list){.v = massive_at, .n = 2};
    start(&w, &o);
    for (size_t j = 0; j < D; j++)
        assert_int_equal(w.coord[j].role == HS_SYNTH_VALUE,
                         j == 3 || j == 7 || j == 8);
    for_all(&w, 200, 0, look_sinks, NULL);
    hs_synth_free(&w);
    /* the upper half of the range of scales, wherever they are */
    o.massive = (struct hs_synth_part){0};
    for (o.seed = 10; o.seed < 20; o.seed++) {
        start(&w, &o);
        for (size_t i = 0; i < 3; i++)
            assert_true(w.coord[sink_at[i]].scale >= 1);
        hs_synth_free(&w);
    }
}

/* ---- places */

/* Trajectory i, asked for in whatever order. */
static float *
states_of(const struct hs_synth *w, uint64_t i, uint32_t layer,
          struct hs_synth_path *p)
{
    float *x;

    hs_synth_path(w, i, p);
    x = hs_malloc((p->n_prompt + p->length) * D * sizeof *x);
    hs_synth_states(w, p, layer, x);
    return x;
}

static void
test_places(void **state)
{
    struct hs_synth_options o = options();
    struct hs_synth_path p = {0}, q = {0};
    struct hs_synth w, other, drawn;
    float *x, *y;

    (void)state;
    o.samples = 4;
    o.layers = 2;
    start(&w, &o);
    o.trajectories = 5;
    o.dtype = HS_F32;
    start(&other, &o);
    o.draw = 2;
    start(&drawn, &o);
    x = states_of(&w, 17, 1, &p);
    free(states_of(&other, 4, 0, &q));
    y = states_of(&other, 17, 1, &q);
    assert_int_equal(p.length, q.length);
    assert_memory_equal(x, y, (p.n_prompt + p.length) * D * sizeof *x);
    free(y);
    /* another sample of the problem: the same up to s_0, then not */
    y = states_of(&w, 18, 1, &q);
    assert_int_equal(p.problem, q.problem);
    assert_int_equal(p.n_prompt, q.n_prompt);
    assert_true(p.v[0] == q.v[0] && p.v[1] != q.v[1]);
    assert_memory_equal(x, y, p.n_prompt * D * sizeof *x);
    for (size_t j = 0; j < D; j++)
        assert_true(x[p.n_prompt * D + j] != y[p.n_prompt * D + j]);
    free(y);
    /* another layer, another problem, another draw: the world is the same */
    y = states_of(&w, 17, 0, &q);
    for (size_t j = 0; j < D; j++)
        assert_true(x[j] != y[j]);
    free(y);
    y = states_of(&drawn, 17, 1, &q);
    for (size_t j = 0; j < D; j++)
        assert_true(x[j] != y[j]);
    assert_memory_equal(w.coord, drawn.coord, D * sizeof *w.coord);
    free(x);
    free(y);
    hs_synth_path_free(&p);
    hs_synth_path_free(&q);
    hs_synth_free(&w);
    hs_synth_free(&other);
    hs_synth_free(&drawn);
}

/* ---- what cannot be */

static void
refuse(struct hs_synth_options o, const char *why)
{
    struct hs_error err = {{0}};
    struct hs_synth w;

    assert_int_equal(hs_synth_init(&w, &o, &err), -1);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, why);
    hs_synth_free(&w);
}

static void
test_refusals(void **state)
{
    struct hs_synth_options o = options();
    struct hs_synth w;

    (void)state;
    o.value.n = 60;
    refuse(o, "coordinates are left for them");
    o = options();
    o.value.at = o.dopamine.at = (struct hs_list){.v = value_at, .n = 3};
    refuse(o, "coordinate 3 cannot be a value and a dopamine neuron");
    o = options();
    o.width = 40;
    o.massive.at = (struct hs_list){.v = massive_at, .n = 2};
    refuse(o, "massive coordinates: 40 is not within 0 to 39");
    o = options();
    o.value_layers = (struct hs_list){.v = layer_1, .n = 1};
    refuse(o, "layers of value neurons: 1 is not within 0 to 0");
    o = options();
    o.effect_lo = 0;
    refuse(o, "effect: from 0 to 2");
    o.effect_lo = NAN;
    refuse(o, "effect: nan");
    o = options();
    o.reward_rate = 1;
    refuse(o, "reward rate: 1 is not within");
    o = options();
    o.length_lo = 31;
    refuse(o, "length: 31 is not within 1 to 30");
    o = options();
    o.scale_lo = 11;
    refuse(o, "scales: 11 is not within");
    /* the whole width, and not one more */
    o = options();
    o.value.n = D - 24 - 8;
    start(&w, &o);
    hs_synth_free(&w);
    o.value.n++;
    refuse(o, "16 distractors, but only 15 coordinates");
}

/* ---- the truth in a head */

static void
test_truth(void **state)
{
    struct hs_synth_options o = options();
    struct hs_synth_planted *v;
    struct hs_head head, same, unlike;
    struct hs_error err;
    struct hs_synth w;
    size_t n, seen = 0;

    (void)state;
    o.sink.at = (struct hs_list){.v = sink_at, .n = 3};
    start(&w, &o);
    hs_synth_head(&w, &head);
    v = hs_synth_truth(head.run, &n, &err);
    assert_non_null(v);
    assert_int_equal(n, 12 + 4 + 3 + 2 + 8 + 16);
    for (size_t i = 0; i < n; i++) {
        const struct hs_synth_coord *c = &w.coord[v[i].index];

        if (strcmp(v[i].role, "value") == 0) {
            assert_int_equal(c->role, HS_SYNTH_VALUE);
            assert_true(v[i].effect == c->effect);
            seen++;
        } else if (strcmp(v[i].role, "sink") == 0) {
            assert_true(v[i].effect == c->sink && c->sink != 0);
            seen++;
        }
    }
    assert_int_equal(seen, 15);
    hs_synth_free(&w);
    o.draw = 7;
    start(&w, &o);
    hs_synth_head(&w, &same);
    hs_synth_free(&w);
    o.confounding = 0.4;
    start(&w, &o);
    hs_synth_head(&w, &unlike);
    hs_synth_free(&w);
    assert_int_equal(hs_head_compatible(&head, &same, &err), 0);
    assert_int_equal(hs_head_compatible(&head, &unlike, &err), -1);
    (void)json_object_del(json_object_get(head.run, "synth"), "sink");
    assert_null(hs_synth_truth(head.run, &n, &err));
    assert_non_null(strstr(err.text, "\"sink\" is malformed"));
    (void)json_object_clear(head.run);
    assert_null(hs_synth_truth(head.run, &n, &err));
    free(v);
    hs_head_free(&head);
    hs_head_free(&same);
    hs_head_free(&unlike);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants), cmocka_unit_test(test_martingale),
        cmocka_unit_test(test_sinks),     cmocka_unit_test(test_places),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_truth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
