/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_synth.c - worlds are what hs-synth(1) says they are: the value is a
 * martingale that ends in the reward, what is planted is there at its size and
 * nowhere else, and nothing depends on the order of asking.
 *
 * Statistics are of fixed seeds, so a test passes always or never.  Bounds are
 * 4.5 standard errors, of all the places that are looked at together.
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

enum {
    MANY = 4000,
    D = 64
};

#define SIGMAS 4.5

/* ---- help */

static void
start(struct hs_synth *w, const struct hs_synth_options *o)
{
    struct hs_error err;

    if (hs_synth_init(w, o, &err) < 0)
        fail_msg("%s", err.text);
}

static struct hs_synth_options
options(void)
{
    struct hs_synth_options o;

    hs_synth_options_init(&o);
    o.width = D;
    return o;
}

/* Sums of pairs. */
struct sums {
    double n, x, y, xx, xy, yy;
};

static void
add(struct sums *s, double x, double y)
{
    s->n++;
    s->x += x;
    s->y += y;
    s->xx += x * x;
    s->xy += x * y;
    s->yy += y * y;
}

static double
mean_x(const struct sums *s)
{
    return s->x / s->n;
}

static double
var_x(const struct sums *s)
{
    return s->xx / s->n - mean_x(s) * mean_x(s);
}

static double
var_y(const struct sums *s)
{
    return s->yy / s->n - s->y / s->n * (s->y / s->n);
}

static double
correlation(const struct sums *s)
{
    double c = s->xy / s->n - s->x / s->n * (s->y / s->n);

    return c / sqrt(var_x(s) * var_y(s));
}

static void
near(double got, double wanted, double tolerance, const char *what)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("%s: %.9g, wanted %.9g within %.3g", what, got, wanted,
                 tolerance);
}

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

/* ---- states */

/* Sees a trajectory: x (n, D), row 0 at position 0. */
typedef void looker(void *ud, const struct hs_synth *w,
                    const struct hs_synth_path *p, const float *x);

static void
for_all(const struct hs_synth *w, uint64_t n, uint32_t layer, looker *look,
        void *ud)
{
    struct hs_synth_path p = {0};
    float *x = NULL;

    for (uint64_t i = 0; i < n; i++) {
        hs_synth_path(w, i, &p);
        x = hs_realloc(x, (p.n_prompt + p.length) * D * sizeof *x);
        hs_synth_states(w, &p, layer, x);
        look(ud, w, &p, x);
    }
    free(x);
    hs_synth_path_free(&p);
}

/* x without its mean, in units of the scale; row t of the response, or of the
 * prompt for negative t. */
static double
unit(const struct hs_synth *w, const struct hs_synth_path *p, const float *x,
     long t, size_t j)
{
    size_t row = (size_t)((long)p->n_prompt - 1 + t);

    return ((double)x[row * D + j] - w->coord[j].mean) / w->coord[j].scale;
}

static double
z_of(const struct hs_synth *w, const struct hs_synth_path *p, size_t t)
{
    return (p->v[t] - w->o.reward_rate) / w->z_sd;
}

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

/* ---- factors, sinks, layers */

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

static uint32_t value_at[] = {3, 7, 8}, sink_at[] = {3, 9, 20},
                massive_at[] = {9, 40}, layer_1[] = {1};

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
    hs_synth_free(&w);
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
        cmocka_unit_test(test_planted),   cmocka_unit_test(test_no_effect),
        cmocka_unit_test(test_confounds), cmocka_unit_test(test_factors),
        cmocka_unit_test(test_sinks),     cmocka_unit_test(test_layers),
        cmocka_unit_test(test_places),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_truth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
