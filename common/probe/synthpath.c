/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synthpath.c - trajectories of a world and their states, see synth.h.
 */
#include <config.h>

#include "probe/synth.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

#include "base/mem.h"
#include "base/rng.h"
#include "stats/normal.h"
#include "probe/synthrng.h"
#include "probe/synthroll.h"

/* Normal scores of a problem, and one of a sample. */
enum {
    SCORE_EASE,
    SCORE_PROMPT,
    SCORE_RESPONSE,
    SCORE_DIFFICULTY,
    SCORE_HESITATION,
    SCORE_SAMPLE
};

#define PLANNED 0.8 /* share of a length's score that the problem decides */

uint64_t
hs_synth_key(uint64_t key, uint64_t stream, uint32_t a, uint32_t b)
{
    uint32_t w[4];

    hs_rng_words(key, stream, a, b, w);
    return (uint64_t)w[1] << 32 | w[0];
}

/* ---- what happens */

static double
score(uint64_t key, uint32_t which)
{
    return hs_normal(key, HS_SYNTH_SCORE, which, 0);
}

/* Uniform over lo .. hi for a normal score. */
static size_t
length_of(double z, uint64_t lo, uint64_t hi)
{
    uint64_t n = hi - lo + 1;
    uint64_t i = (uint64_t)((double)n * gsl_cdf_ugaussian_P(z));

    return (size_t)(lo + (i < n ? i : n - 1));
}

/* The Brownian motion and what it makes of the value: B moves at every K-th
 * token and at the last one. */
static void
walk(const struct hs_synth *w, struct hs_synth_path *p)
{
    double start = w->m0 + w->tau * p->ease, b = 0;
    size_t last = 0, n = p->length;

    p->v = hs_grow(p->v, &p->cap, n + 1, sizeof *p->v);
    for (size_t t = 0; t <= n; t++) {
        double left;

        if (t > 0 && (t % w->o.step_every == 0 || t == n)) {
            b += sqrt((double)(t - last) / (double)n) *
                 hs_normal(p->sample_key, HS_SYNTH_STEP, (uint32_t)t, 0);
            last = t;
        }
        left = (double)(n - last) / (double)n;
        if (t < n)
            p->v[t] = gsl_cdf_ugaussian_P((start + w->sigma * b) /
                                          (w->sigma * sqrt(left)));
    }
    p->reward = start + w->sigma * b > 0;
    p->v[n] = p->reward;
}

void
hs_synth_path(const struct hs_synth *w, uint64_t i, struct hs_synth_path *p)
{
    const struct hs_synth_options *o = &w->o;
    double own = sqrt(1 - w->rho * w->rho), *c = p->confound, z;

    p->problem = i / o->samples;
    p->sample = i % o->samples;
    p->problem_key =
        hs_synth_key(w->key, HS_SYNTH_PROBLEM, (uint32_t)p->problem, 0);
    p->sample_key = hs_synth_key(w->key, HS_SYNTH_SAMPLE, (uint32_t)p->problem,
                                 (uint32_t)p->sample);
    p->ease = score(p->problem_key, SCORE_EASE);
    c[HS_CONFOUND_PROMPT] =
        own * score(p->problem_key, SCORE_PROMPT) - w->rho * p->ease;
    c[HS_CONFOUND_RESPONSE] =
        own * score(p->problem_key, SCORE_RESPONSE) - w->rho * p->ease;
    c[HS_CONFOUND_POSITION] = 0;
    c[HS_CONFOUND_DIFFICULTY] =
        own * score(p->problem_key, SCORE_DIFFICULTY) - w->rho * p->ease;
    p->hesitation =
        own * score(p->problem_key, SCORE_HESITATION) - w->rho * p->ease;
    z = sqrt(PLANNED) * c[HS_CONFOUND_RESPONSE] +
        sqrt(1 - PLANNED) * score(p->sample_key, SCORE_SAMPLE);
    p->n_prompt = length_of(c[HS_CONFOUND_PROMPT], o->prompt_lo, o->prompt_hi);
    p->length = length_of(z, o->length_lo, o->length_hi);
    walk(w, p);
}

void
hs_synth_path_free(struct hs_synth_path *p)
{
    free(p->v);
    *p = (struct hs_synth_path){0};
}

/* ---- states */

/* One layer of one trajectory. */
struct layer {
    const struct hs_synth *w;
    const struct hs_synth_path *p;
    uint64_t layer;                /* in the upper half of a stream */
    bool neurons;                  /* value and dopamine neurons are here */
    double *fixed;                 /* (width): the static noise */
    double *noise;                 /* (width) */
    double *factor_fixed, *factor; /* (factors) */
};

static double
confound(const struct hs_synth_path *p, uint32_t which, size_t t)
{
    if (which == HS_CONFOUND_POSITION) /* unit variance when uniform */
        return ((double)t / (double)p->length - 0.5) * sqrt(12);
    return p->confound[which];
}

/* Unit noise of all coordinates and factors at a position. */
static void
fill_noise(const struct layer *l, size_t pos)
{
    const struct hs_synth_options *o = &l->w->o;
    uint64_t key = pos < l->p->n_prompt ? l->p->problem_key : l->p->sample_key;
    double a = sqrt(o->noise_static), b = sqrt(1 - o->noise_static);

    hs_normal_fill(key, HS_SYNTH_NOISE | l->layer, (uint32_t)pos, l->noise,
                   o->width);
    hs_normal_fill(key, HS_SYNTH_FACTOR_NOISE | l->layer, (uint32_t)pos,
                   l->factor, o->factors);
    for (size_t j = 0; j < o->width; j++)
        l->noise[j] = a * l->fixed[j] + b * l->noise[j];
    for (size_t k = 0; k < o->factors; k++)
        l->factor[k] = a * l->factor_fixed[k] + b * l->factor[k];
}

/* A coordinate in units of its scale, without its mean.  z and delta are 0 at
 * tokens of the prompt before its last. */
static double
unit_value(const struct layer *l, const struct hs_synth_coord *c, double noise,
           size_t t, double z, double delta)
{
    const struct hs_synth_options *o = &l->w->o;

    switch (c->role) {
    case HS_SYNTH_VALUE:
        if (!l->neurons)
            return noise;
        return c->effect * z + sqrt(1 - o->shared_noise) * noise +
               sqrt(o->shared_noise) * l->factor[0];
    case HS_SYNTH_DOPAMINE:
        return l->neurons ? c->effect * delta + noise : noise;
    case HS_SYNTH_DISTRACTOR:
        return c->effect * l->factor[c->which] +
               sqrt(1 - o->factor_share) * noise;
    case HS_SYNTH_CONFOUND:
        return c->effect * confound(l->p, c->which, t) + noise;
    case HS_SYNTH_PLAIN:
        break;
    }
    return noise;
}

static void
fill_row(const struct layer *l, size_t pos, float *x)
{
    const struct hs_synth *w = l->w;
    const struct hs_synth_path *p = l->p;
    bool state = pos + 1 >= p->n_prompt;
    size_t t = state ? pos + 1 - p->n_prompt : 0;
    double z = state ? (p->v[t] - w->o.reward_rate) / w->z_sd : 0;
    double delta = t > 0 ? (p->v[t] - p->v[t - 1]) / w->delta_sd : 0;

    fill_noise(l, pos);
    for (size_t j = 0; j < w->o.width; j++) {
        const struct hs_synth_coord *c = &w->coord[j];
        double u = unit_value(l, c, l->noise[j], t, z, delta);

        if (c->sink != 0 && pos == 0)
            u += c->sink;
        x[j] = (float)(c->mean + c->scale * u);
    }
}

void
hs_synth_states(const struct hs_synth *w, const struct hs_synth_path *p,
                uint32_t layer, float *x)
{
    const struct hs_synth_options *o = &w->o;
    size_t first = o->completion ? p->n_prompt - 1 : 0,
           n = p->n_prompt + p->length;
    struct layer l = {.w = w, .p = p, .layer = (uint64_t)layer << 32};

    l.neurons = hs_list_has(&o->value_layers, layer);
    l.fixed = hs_calloc(o->width, sizeof *l.fixed);
    l.noise = hs_calloc(o->width, sizeof *l.noise);
    l.factor_fixed = hs_calloc(o->factors, sizeof *l.factor_fixed);
    l.factor = hs_calloc(o->factors, sizeof *l.factor);
    hs_normal_fill(p->problem_key, HS_SYNTH_STATIC | l.layer, 0, l.fixed,
                   o->width);
    hs_normal_fill(p->problem_key, HS_SYNTH_FACTOR | l.layer, 0, l.factor_fixed,
                   o->factors);
    for (size_t pos = first; pos < n; pos++)
        fill_row(&l, pos, x + (pos - first) * o->width);
    free(l.fixed);
    free(l.noise);
    free(l.factor_fixed);
    free(l.factor);
}

/* ---- the record */

static void
fill_texts(const struct hs_synth *w, const struct hs_synth_path *p,
           struct hs_trajectory *t)
{
    uint64_t gold = hs_rng_below(p->problem_key, HS_SYNTH_TOKEN, UINT32_MAX, 0,
                                 HS_SYNTH_VOCAB);
    char text[96];

    (void)snprintf(text, sizeof text, "synth-%" PRIu64 "-%06" PRIu64, w->o.draw,
                   p->problem);
    hs_trajectory_set(&t->problem, text);
    if (p->sample > 0)
        (void)snprintf(text, sizeof text,
                       "synth-%" PRIu64 "-%06" PRIu64 "#%" PRIu64, w->o.draw,
                       p->problem, p->sample);
    hs_trajectory_set(&t->id, text);
    (void)snprintf(text, sizeof text, "Problem %" PRIu64 " of draw %" PRIu64,
                   p->problem, w->o.draw);
    hs_trajectory_set(&t->prompt, text);
    (void)snprintf(text, sizeof text, "%" PRIu64, gold);
    hs_trajectory_set(&t->gold, text);
    (void)snprintf(text, sizeof text, "%" PRIu64, gold + (p->reward == 0));
    hs_trajectory_set(&t->parsed, text);
    hs_trajectory_set(&t->completion, text);
    hs_trajectory_set(&t->finish, "eos");
    hs_trajectory_set(&t->grader, "synth");
    hs_trajectory_set(&t->reason, p->reward ? "Z > 0" : "Z <= 0");
}

/* Token ids, and figures such as a model's: the surprise of a token is
 * exponential, its mean the entropy. */
static void
fill_tokens(const struct hs_synth_path *p, struct hs_trajectory *t)
{
    for (size_t i = 0; i < t->n_tokens; i++)
        t->tokens[i] =
            1 + (uint32_t)hs_rng_below(
                    i < p->n_prompt ? p->problem_key : p->sample_key,
                    HS_SYNTH_TOKEN, (uint32_t)i, 0, HS_SYNTH_VOCAB - 1);
    t->tokens[t->n_tokens - 1] = 0;
    for (size_t i = 0; i < t->n_tokens - t->n_prompt; i++) {
        double n = hs_normal(p->sample_key, HS_SYNTH_FIGURE, (uint32_t)i, 0);
        double u =
            hs_rng_uniform(p->sample_key, HS_SYNTH_FIGURE, (uint32_t)i, 1);
        double entropy = exp(0.3 * p->hesitation + 0.5 * n - 0.5);

        entropy = fmin(entropy, log(HS_SYNTH_VOCAB));
        t->entropy[i] = (float)entropy;
        t->logprob[i] = (float)(entropy * log1p(-u));
    }
}

static json_t *
meta_json(const struct hs_synth_path *p)
{
    json_t *v = json_array(), *synth = json_object(), *meta = json_object();

    for (size_t t = 0; t <= p->length; t++)
        (void)json_array_append_new(v, json_real(p->v[t]));
    (void)json_object_set_new(synth, "ease", json_real(p->ease));
    (void)json_object_set_new(synth, "v", v);
    (void)json_object_set_new(meta, "synth", synth);
    return meta;
}

void
hs_synth_trajectory(const struct hs_synth *w, const struct hs_synth_path *p,
                    struct hs_trajectory *t)
{
    size_t first = w->o.completion ? p->n_prompt - 1 : 0;

    t->sample = p->sample;
    t->n_prompt = p->n_prompt;
    t->n_tokens = p->n_prompt + p->length + 1; /* the last one ends it */
    t->n_states = t->n_tokens - 1 - first;
    t->reward = p->reward;
    t->edits = 0;
    t->tokens = hs_realloc(t->tokens, t->n_tokens * sizeof *t->tokens);
    t->positions = hs_realloc(t->positions, t->n_states * sizeof *t->positions);
    t->logprob = hs_realloc(t->logprob, (p->length + 1) * sizeof *t->logprob);
    t->entropy = hs_realloc(t->entropy, (p->length + 1) * sizeof *t->entropy);
    for (size_t i = 0; i < t->n_states; i++)
        t->positions[i] = (uint32_t)(first + i);
    fill_texts(w, p, t);
    fill_tokens(p, t);
    hs_trajectory_hash_prompt(t);
    json_decref(t->meta);
    t->meta = meta_json(p);
    json_decref(t->rollouts);
    t->rollouts = w->o.rollouts > 0 ? hs_synth_rollouts(w, p) : NULL;
}

/* ---- all of them */

struct slot {
    struct hs_encoded encoded;
    struct hs_synth_path path;
    struct hs_trajectory traj;
    struct hs_error err;
    bool failed;
};

struct batch {
    const struct hs_synth *w;
    struct slot *slots;
    uint64_t first; /* trajectory of slot 0 */
    size_t n;
};

static void
encode(const struct hs_synth *w, uint64_t i, struct slot *s)
{
    size_t dim = w->o.width;
    float *x;

    hs_synth_path(w, i, &s->path);
    hs_synth_trajectory(w, &s->path, &s->traj);
    hs_encode_trajectory(&s->encoded, &s->traj);
    x = hs_malloc(hs_mul(hs_mul(s->traj.n_states, dim), sizeof *x));
    for (uint32_t l = 0; l < w->o.layers && !s->failed; l++) {
        hs_synth_states(w, &s->path, l, x);
        s->failed = hs_encode_states(&s->encoded, w->o.dtype, &s->traj, l, 0, x,
                                     s->traj.n_states, dim, dim, &s->err) < 0;
    }
    free(x);
}

static void
encode_batch(void *ud, struct hs_team *team, size_t thread)
{
    struct batch *b = ud;
    size_t i;

    (void)thread;
    while ((i = hs_team_take(team)) < b->n)
        encode(b->w, b->first + i, &b->slots[i]);
}

static int
write_batch(struct batch *b, struct hs_writer *writer, uint64_t *f32_blocks,
            struct hs_error *err)
{
    for (size_t i = 0; i < b->n; i++) {
        struct slot *s = &b->slots[i];

        if (s->failed)
            return hs_fail(err, "%s", s->err.text);
        if (hs_write_encoded(writer, &s->encoded) < 0)
            return hs_fail(err, "%s", hs_writer_error(writer));
        *f32_blocks += s->encoded.counts.f32_blocks;
        hs_encoded_free(&s->encoded);
    }
    return 0;
}

int
hs_synth_write(const struct hs_synth *w, struct hs_writer *writer,
               struct hs_team *team, uint64_t *f32_blocks, struct hs_error *err)
{
    size_t n_slots = 2 * hs_team_size(team);
    struct batch b = {.w = w};
    uint64_t n_f32 = 0;
    int rc = 0;

    b.slots = hs_calloc(n_slots, sizeof *b.slots);
    while (rc == 0 && b.first < w->o.trajectories) {
        uint64_t left = w->o.trajectories - b.first;

        b.n = left < n_slots ? (size_t)left : n_slots;
        hs_team_run(team, encode_batch, &b);
        rc = write_batch(&b, writer, &n_f32, err);
        b.first += b.n;
    }
    for (size_t i = 0; i < n_slots; i++) {
        hs_encoded_free(&b.slots[i].encoded);
        hs_synth_path_free(&b.slots[i].path);
        hs_trajectory_free(&b.slots[i].traj);
    }
    free(b.slots);
    if (f32_blocks != NULL)
        *f32_blocks = n_f32;
    return rc;
}
