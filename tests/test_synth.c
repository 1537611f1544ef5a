/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_synth.c - what is planted in the states of hs-synth is there at its
 * size, and nothing else is.
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

/* ---- what is planted */

struct planted {
    struct sums at[D];     /* what a coordinate carries, against it */
    struct sums noise[D];  /* what is left, at two neighbouring tokens */
    struct sums prompt[D]; /* before s_0, against the reward */
};

static void
look_planted(void *ud, const struct hs_synth *w, const struct hs_synth_path *p,
             const float *x)
{
    struct planted *a = ud;

    for (size_t j = 0; j < D; j++) {
        const struct hs_synth_coord *c = &w->coord[j];
        double before = 0;

        for (size_t t = 0; t <= p->length; t++) {
            double u = unit(w, p, x, (long)t, j), carried = 0, left;

            if (c->role == HS_SYNTH_VALUE)
                carried = z_of(w, p, t);
            else if (c->role == HS_SYNTH_DOPAMINE && t > 0)
                carried = (p->v[t] - p->v[t - 1]) / w->delta_sd;
            else if (c->role == HS_SYNTH_CONFOUND)
                carried = c->which == HS_CONFOUND_POSITION
                              ? sqrt(12) * ((double)t / (double)p->length - 0.5)
                              : p->confound[c->which];
            left = u - c->effect * carried;
            if (c->role == HS_SYNTH_DISTRACTOR)
                left = u;
            add(&a->at[j], carried, u);
            if (t > 0)
                add(&a->noise[j], before, left);
            before = left;
        }
        add(&a->prompt[j], unit(w, p, x, -1, j), p->reward);
    }
}

static void
test_planted(void **state)
{
    struct hs_synth_options o = options();
    struct planted *a = hs_calloc(1, sizeof *a);
    size_t count[5] = {0};
    struct hs_synth w;

    (void)state;
    o.effect_lo = 0.5;
    o.effect_hi = 2;
    o.dopamine_lo = o.dopamine_hi = 0.8;
    o.prompt_lo = 2;
    start(&w, &o);
    for_all(&w, 1500, 0, look_planted, a);
    for (size_t j = 0; j < D; j++) {
        const struct hs_synth_coord *c = &w.coord[j];
        const struct sums *s = &a->at[j];
        double slope = (s->xy / s->n - s->x / s->n * (s->y / s->n)) / var_x(s);

        count[c->role]++;
        /* static noise makes the tokens of a trajectory alike */
        if (c->role != HS_SYNTH_PLAIN && c->role != HS_SYNTH_DISTRACTOR)
            near(slope, c->effect, 0.08, "slope");
        near(var_x(&a->noise[j]), 1, 0.06, "variance of the noise");
        near(correlation(&a->noise[j]), o.noise_static, 0.06, "static share");
        near(mean_x(&a->noise[j]), 0, 0.09, "mean");
        /* nobody knows the value while reading */
        if (c->role == HS_SYNTH_VALUE || c->role == HS_SYNTH_DOPAMINE)
            near(correlation(&a->prompt[j]), 0, SIGMAS / sqrt(1500),
                 "before s_0");
        if (c->role == HS_SYNTH_VALUE)
            assert_true(fabs(c->effect) >= 0.5 && fabs(c->effect) <= 2);
        assert_true(c->massive || (c->scale >= 0.1 && c->scale <= 10));
    }
    assert_int_equal(count[HS_SYNTH_VALUE], 12);
    assert_int_equal(count[HS_SYNTH_DOPAMINE], 4);
    assert_int_equal(count[HS_SYNTH_CONFOUND], 8);
    assert_int_equal(count[HS_SYNTH_DISTRACTOR], 16);
    free(a);
    hs_synth_free(&w);
}

/* ---- honesty */

/* Correlations with the reward, of everything that could tell. */
struct tells {
    struct sums s0[D], last[D], prompt, response, entropy, logprob;
};

static void
look_tells(void *ud, const struct hs_synth *w, const struct hs_synth_path *p,
           const float *x)
{
    struct hs_trajectory t = {0};
    struct tells *a = ud;
    double entropy = 0, logprob = 0;

    for (size_t j = 0; j < D; j++) {
        add(&a->s0[j], unit(w, p, x, 0, j), p->reward);
        add(&a->last[j], unit(w, p, x, (long)p->length, j), p->reward);
    }
    hs_synth_trajectory(w, p, &t);
    assert_int_equal(t.n_tokens - t.n_prompt, p->length + 1);
    for (size_t i = 0; i <= p->length; i++) {
        assert_true(t.logprob[i] <= 0 && t.entropy[i] >= 0);
        assert_true(t.entropy[i] <= (float)log(HS_SYNTH_VOCAB));
        entropy += (double)t.entropy[i];
        logprob += (double)t.logprob[i];
    }
    add(&a->entropy, entropy / (double)(p->length + 1), p->reward);
    add(&a->logprob, logprob / (double)(p->length + 1), p->reward);
    add(&a->prompt, (double)p->n_prompt, p->reward);
    add(&a->response, (double)p->length, p->reward);
    hs_trajectory_free(&t);
}

static void
test_no_effect(void **state)
{
    struct hs_synth_options o = options();
    struct tells *a = hs_calloc(1, sizeof *a);
    double bound = SIGMAS / sqrt(MANY);
    struct hs_synth w;

    (void)state;
    o.effect_lo = o.effect_hi = 0;
    o.confounding = 0.95;
    start(&w, &o);
    for_all(&w, MANY, 0, look_tells, a);
    for (size_t j = 0; j < D; j++) {
        near(correlation(&a->s0[j]), 0, bound, "s_0");
        near(correlation(&a->last[j]), 0, bound, "s_T");
    }
    near(correlation(&a->prompt), 0, bound, "length of the prompt");
    near(correlation(&a->response), 0, bound, "length of the response");
    near(correlation(&a->entropy), 0, bound, "entropy");
    near(correlation(&a->logprob), 0, bound, "log-probability");
    free(a);
    hs_synth_free(&w);
}

/* With an effect they do tell, less than the weakest value neuron at s_0. */
static void
test_confounds(void **state)
{
    struct hs_synth_options o = options();
    struct tells *a = hs_calloc(1, sizeof *a);
    double weakest = 1, strongest = 0, bound = SIGMAS / sqrt(MANY);
    struct hs_synth w;

    (void)state;
    o.confounding = 0.8;
    o.confound_effect = 3;
    o.effect_lo = 1;
    o.effect_hi = 1.5;
    start(&w, &o);
    for_all(&w, MANY, 0, look_tells, a);
    for (size_t j = 0; j < D; j++) {
        double r = fabs(correlation(&a->s0[j]));

        if (w.coord[j].role == HS_SYNTH_VALUE)
            weakest = fmin(weakest, r);
        else
            strongest = fmax(strongest, r);
        if (w.coord[j].role == HS_SYNTH_VALUE)
            assert_true(correlation(&a->last[j]) * w.coord[j].effect > 0);
    }
    assert_true(weakest > 0.2 && strongest < weakest);
    assert_true(strongest > bound);
    /* longer and more hesitant where it is hard */
    assert_true(correlation(&a->prompt) < -bound);
    assert_true(correlation(&a->response) < -bound);
    assert_true(correlation(&a->entropy) < -bound);
    assert_true(correlation(&a->logprob) > bound);
    free(a);
    hs_synth_free(&w);
}

/* ---- factors, layers */

struct factors {
    struct sums pair[D][D];
};

static void
look_factors(void *ud, const struct hs_synth *w, const struct hs_synth_path *p,
             const float *x)
{
    struct factors *a = ud;
    long t = (long)(p->length / 2);

    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < i; j++)
            add(&a->pair[i][j],
                unit(w, p, x, t, i) -
                    (w->coord[i].role == HS_SYNTH_VALUE
                         ? w->coord[i].effect * z_of(w, p, (size_t)t)
                         : 0),
                unit(w, p, x, t, j) -
                    (w->coord[j].role == HS_SYNTH_VALUE
                         ? w->coord[j].effect * z_of(w, p, (size_t)t)
                         : 0));
}

static void
test_factors(void **state)
{
    struct hs_synth_options o = options();
    struct factors *a = hs_calloc(1, sizeof *a);
    struct hs_synth w;

    (void)state;
    o.factors = 3;
    o.factor_share = 0.6;
    o.shared_noise = 0.4;
    o.confounds = o.dopamine.n = 0;
    start(&w, &o);
    for_all(&w, 2000, 0, look_factors, a);
    for (size_t i = 0; i < D; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct hs_synth_coord *c = &w.coord[i], *d = &w.coord[j];
            /* what each has of factor 0, 1, 2 */
            double of[2][3] = {{0}}, wanted = 0;
            const struct hs_synth_coord *both[] = {c, d};

            for (int k = 0; k < 2; k++) {
                if (both[k]->role == HS_SYNTH_DISTRACTOR)
                    of[k][both[k]->which] = both[k]->effect;
                if (both[k]->role == HS_SYNTH_VALUE)
                    of[k][0] = sqrt(o.shared_noise);
            }
            for (int k = 0; k < 3; k++)
                wanted += of[0][k] * of[1][k];
            near(correlation(&a->pair[i][j]), wanted, SIGMAS / sqrt(2000),
                 "correlation of two coordinates");
        }
    }
    free(a);
    hs_synth_free(&w);
}

static uint32_t layer_1[] = {1};

/* Noise of a plain coordinate at s_0, in two layers. */
static void
check_own_noise(const struct hs_synth *w)
{
    struct hs_synth_path p = {0};
    struct sums s = {0};
    float *x = NULL, *y = NULL;
    size_t j = 0;

    while (w->coord[j].role != HS_SYNTH_PLAIN)
        j++;
    for (uint64_t i = 0; i < 1500; i++) {
        hs_synth_path(w, i, &p);
        x = hs_realloc(x, (p.n_prompt + p.length) * D * sizeof *x);
        y = hs_realloc(y, (p.n_prompt + p.length) * D * sizeof *y);
        hs_synth_states(w, &p, 0, x);
        hs_synth_states(w, &p, 2, y);
        add(&s, unit(w, &p, x, 0, j), unit(w, &p, y, 0, j));
    }
    near(correlation(&s), 0, SIGMAS / sqrt(1500), "noise of two layers");
    free(x);
    free(y);
    hs_synth_path_free(&p);
}

static void
test_layers(void **state)
{
    struct hs_synth_options o = options();
    struct hs_synth w;

    (void)state;
    o.layers = 3;
    o.value_layers = (struct hs_list){.v = layer_1, .n = 1};
    o.confounds = 0;
    start(&w, &o);
    for (uint32_t l = 0; l < 3; l++) {
        struct tells *a = hs_calloc(1, sizeof *a);

        for_all(&w, 1500, l, look_tells, a);
        for (size_t j = 0; j < D; j++) {
            double r = fabs(correlation(&a->last[j]));

            if (l == 1 && w.coord[j].role == HS_SYNTH_VALUE)
                assert_true(r > 0.5);
            else if (l != 1)
                near(r, 0, SIGMAS / sqrt(1500), "a layer without neurons");
        }
        free(a);
    }
    check_own_noise(&w);
    hs_synth_free(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planted),   cmocka_unit_test(test_no_effect),
        cmocka_unit_test(test_confounds), cmocka_unit_test(test_factors),
        cmocka_unit_test(test_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
