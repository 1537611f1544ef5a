/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synth.c - worlds: which coordinate is what, and the constants of the value
 * process.  See synth.h.
 */
#include <config.h>

#include "probe/synth.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

#include "base/mem.h"
#include "base/rng.h"
#include "probe/synthrng.h"
#include "stats/normal.h"

enum {
    MAX_WIDTH = 65536,
    MAX_LAYERS = 1024,
    MAX_TOKENS = 100000 /* of a prompt, of a response */
};

void
hs_synth_options_init(struct hs_synth_options *o)
{
    *o = (struct hs_synth_options){
        .seed = 1,
        .draw = 1,
        .trajectories = 2000,
        .samples = 1,
        .width = 512,
        .layers = 1,
        .length_lo = 10,
        .length_hi = 30,
        .prompt_lo = 6,
        .prompt_hi = 18,
        .reward_rate = 0.5,
        .known = 0.9,
        .step_every = 1,
        .value.n = 12,
        .dopamine.n = 4,
        .sink.n = 2,
        .massive.n = 2,
        .effect_lo = 1.5,
        .effect_hi = 1.5,
        .dopamine_lo = -1,
        .dopamine_hi = -1,
        .value_layers.all = true,
        .noise_static = 0.3,
        .scale_lo = 0.1,
        .scale_hi = 10,
        .distractors = UINT64_MAX,
        .factors = 8,
        .factor_share = 0.5,
        .confounds = 8,
        .confound_effect = 0.3,
        .confounding = 0.5,
        .dtype = HS_F16,
    };
}

void
hs_synth_options_free(struct hs_synth_options *o)
{
    hs_list_free(&o->value.at);
    hs_list_free(&o->dopamine.at);
    hs_list_free(&o->sink.at);
    hs_list_free(&o->massive.at);
    hs_list_free(&o->value_layers);
}

/* ---- what is asked for */

static int
check_u64(const char *name, uint64_t x, uint64_t min, uint64_t max,
          struct hs_error *err)
{
    if (x >= min && x <= max)
        return 0;
    return hs_fail(err, "%s: %" PRIu64 " is not within %" PRIu64 " to %" PRIu64,
                   name, x, min, max);
}

static int
check_f64(const char *name, double x, double min, double max,
          struct hs_error *err)
{
    if (x >= min && x <= max)
        return 0;
    return hs_fail(err, "%s: %g is not within %g to %g", name, x, min, max);
}

static int
check_numbers(const struct hs_synth_options *o, struct hs_error *err)
{
    uint64_t max = UINT32_MAX;

    if (check_u64("seed", o->seed, 0, UINT64_MAX / 2, err) < 0 ||
        check_u64("draw", o->draw, 0, max, err) < 0 ||
        check_u64("trajectories", o->trajectories, 0, max, err) < 0 ||
        check_u64("samples", o->samples, 1, max, err) < 0 ||
        check_u64("width", o->width, 1, MAX_WIDTH, err) < 0 ||
        check_u64("layers", o->layers, 1, MAX_LAYERS, err) < 0 ||
        check_u64("length", o->length_lo, 1, o->length_hi, err) < 0 ||
        check_u64("length", o->length_hi, 1, MAX_TOKENS, err) < 0 ||
        check_u64("prompt", o->prompt_lo, 1, o->prompt_hi, err) < 0 ||
        check_u64("prompt", o->prompt_hi, 1, MAX_TOKENS, err) < 0 ||
        check_f64("reward rate", o->reward_rate, 0.001, 0.999, err) < 0 ||
        check_f64("known", o->known, 0, 0.999, err) < 0 ||
        check_u64("step every", o->step_every, 1, max, err) < 0)
        return -1;
    if (check_f64("static noise", o->noise_static, 0, 1, err) < 0 ||
        check_f64("shared noise", o->shared_noise, 0, 1, err) < 0 ||
        check_f64("scales", o->scale_lo, 1e-6, o->scale_hi, err) < 0 ||
        check_f64("scales", o->scale_hi, 1e-6, 1e6, err) < 0 ||
        check_u64("factors", o->factors, 1, MAX_WIDTH, err) < 0 ||
        check_f64("factor share", o->factor_share, 0, 1, err) < 0)
        return -1;
    if (o->rollouts != 0 &&
        check_u64("rollouts", o->rollouts, HS_SYNTH_ROLLOUTS_MIN,
                  HS_SYNTH_ROLLOUTS_MAX, err) < 0)
        return -1;
    if (check_f64("confound effect", o->confound_effect, 0, 100, err) < 0)
        return -1;
    return check_f64("confounding", o->confounding, 0, 0.95, err);
}

/* Zero in between would make some of the planted neurons no neurons. */
static int
check_effect(const char *name, double lo, double hi, struct hs_error *err)
{
    if (check_f64(name, hi, 0, 100, err) < 0 ||
        check_f64(name, lo, 0, hi, err) < 0)
        return -1;
    if (lo == 0 && hi > 0)
        return hs_fail(err, "%s: from 0 to %g: 0, or a range above it", name,
                       hi);
    return 0;
}

static void
copy_list(struct hs_list *to, const struct hs_list *from)
{
    *to = *from;
    to->v = hs_calloc(from->n, sizeof *to->v);
    if (from->n > 0)
        memcpy(to->v, from->v, from->n * sizeof *to->v);
}

static int
resolve(const char *name, struct hs_list *l, uint64_t n, struct hs_error *err)
{
    if (hs_list_resolve(l, (uint32_t)n, err) < 0)
        return hs_fail_prefix(err, "%s", name);
    return 0;
}

/* Takes a copy of the options and checks it. */
static int
copy_options(struct hs_synth *w, const struct hs_synth_options *from,
             struct hs_error *err)
{
    struct hs_synth_options *o = &w->o;

    *o = *from;
    copy_list(&o->value.at, &from->value.at);
    copy_list(&o->dopamine.at, &from->dopamine.at);
    copy_list(&o->sink.at, &from->sink.at);
    copy_list(&o->massive.at, &from->massive.at);
    copy_list(&o->value_layers, &from->value_layers);
    if (check_numbers(o, err) < 0)
        return -1;
    if (o->dopamine_lo < 0 && o->dopamine_hi < 0) {
        o->dopamine_lo = o->effect_lo;
        o->dopamine_hi = o->effect_hi;
    }
    if (o->distractors == UINT64_MAX)
        o->distractors = o->width / 4;
    if (check_effect("effect", o->effect_lo, o->effect_hi, err) < 0 ||
        check_effect("dopamine effect", o->dopamine_lo, o->dopamine_hi, err) <
            0 ||
        resolve("value neurons", &o->value.at, o->width, err) < 0 ||
        resolve("dopamine neurons", &o->dopamine.at, o->width, err) < 0 ||
        resolve("sinks", &o->sink.at, o->width, err) < 0 ||
        resolve("massive coordinates", &o->massive.at, o->width, err) < 0)
        return -1;
    return resolve("layers of value neurons", &o->value_layers, o->layers, err);
}

/* ---- which coordinate is what */

/* Coordinates that nobody has taken, in an order that the seed decides. */
struct pool {
    uint32_t *v; /* (n) */
    size_t n;
    bool *taken; /* (width) */
};

static void
pool_init(struct pool *p, const struct hs_synth *w)
{
    p->n = w->o.width;
    p->v = hs_calloc(p->n, sizeof *p->v);
    p->taken = hs_calloc(p->n, sizeof *p->taken);
    for (uint32_t i = 0; i < p->n; i++)
        p->v[i] = i;
    for (uint32_t i = (uint32_t)p->n - 1; i > 0; i--) {
        size_t k = hs_rng_below(w->o.seed, HS_SYNTH_PICK, 0, i, i + 1u);
        uint32_t x = p->v[i];

        p->v[i] = p->v[k];
        p->v[k] = x;
    }
}

static void
pool_free(struct pool *p)
{
    free(p->v);
    free(p->taken);
}

static int
compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Fills part->at with part->n free coordinates, if it is empty. */
static int
pick(struct pool *p, const char *name, struct hs_synth_part *part,
     struct hs_error *err)
{
    struct hs_list *l = &part->at;
    uint64_t wanted = part->n;

    if (l->n > 0) {
        part->n = l->n;
        return 0;
    }
    free(l->v);
    *l = (struct hs_list){
        .v = hs_calloc(wanted < p->n ? wanted : p->n, sizeof *l->v)};
    while (l->n < wanted && p->n > 0) {
        uint32_t x = p->v[--p->n];

        if (!p->taken[x])
            l->v[l->n++] = x;
        p->taken[x] = true;
    }
    if (l->n < wanted)
        return hs_fail(err,
                       "%" PRIu64
                       " %s, but only %zu coordinates are left for "
                       "them",
                       wanted, name, l->n);
    qsort(l->v, l->n, sizeof *l->v, compare_u32);
    return 0;
}

/* Lists that were given are taken first; value and dopamine neurons may not
 * meet, a sink may be whatever else it likes. */
static int
reserve(struct pool *p, const struct hs_synth_options *o, struct hs_error *err)
{
    const struct hs_list *lists[] = {&o->value.at, &o->dopamine.at, &o->sink.at,
                                     &o->massive.at};

    for (size_t i = 0; i < o->value.at.n; i++)
        if (hs_list_has(&o->dopamine.at, o->value.at.v[i]))
            return hs_fail(err,
                           "coordinate %" PRIu32
                           " cannot be a value and a dopamine neuron",
                           o->value.at.v[i]);
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < lists[k]->n; i++)
            p->taken[lists[k]->v[i]] = true;
    return 0;
}

/* Either sign, the size log-uniform in a range. */
static double
signed_size(const struct hs_synth *w, uint32_t what, uint32_t i, double lo,
            double hi)
{
    double u = hs_rng_uniform(w->o.seed, HS_SYNTH_EFFECT, what, i);
    double x = lo > 0 ? lo * pow(hi / lo, u) : 0;

    return hs_rng_uniform(w->o.seed, HS_SYNTH_SIGN, what, i) < 0.5 ? -x : x;
}

static void
plant(struct hs_synth *w, const struct hs_list *at, enum hs_synth_role role,
      double lo, double hi)
{
    for (uint32_t i = 0; i < at->n; i++) {
        struct hs_synth_coord *c = &w->coord[at->v[i]];

        c->role = role;
        c->effect = signed_size(w, role, i, lo, hi);
        c->which = role == HS_SYNTH_DISTRACTOR ? i % (uint32_t)w->o.factors
                   : role == HS_SYNTH_CONFOUND ? i % HS_N_CONFOUNDS
                                               : 0;
    }
}

static int
choose_roles(struct hs_synth *w, struct pool *p, struct hs_error *err)
{
    struct hs_synth_options *o = &w->o;
    struct hs_synth_part distractor = {.n = o->distractors},
                         confound = {.n = o->confounds};
    double loading = sqrt(o->factor_share);
    int rc = -1;

    if (reserve(p, o, err) == 0 &&
        pick(p, "value neurons", &o->value, err) == 0 &&
        pick(p, "dopamine neurons", &o->dopamine, err) == 0 &&
        pick(p, "sinks", &o->sink, err) == 0 &&
        pick(p, "massive coordinates", &o->massive, err) == 0 &&
        pick(p, "confounds", &confound, err) == 0 &&
        pick(p, "distractors", &distractor, err) == 0) {
        plant(w, &o->value.at, HS_SYNTH_VALUE, o->effect_lo, o->effect_hi);
        plant(w, &o->dopamine.at, HS_SYNTH_DOPAMINE, o->dopamine_lo,
              o->dopamine_hi);
        plant(w, &distractor.at, HS_SYNTH_DISTRACTOR, loading, loading);
        plant(w, &confound.at, HS_SYNTH_CONFOUND, o->confound_effect,
              o->confound_effect);
        rc = 0;
    }
    hs_list_free(&distractor.at);
    hs_list_free(&confound.at);
    return rc;
}

/* Log-uniform scales; those of sinks in the upper half, as large models have
 * it, so that the rules that look for sinks can see them. */
static void
choose_scales(struct hs_synth *w)
{
    const struct hs_synth_options *o = &w->o;
    double range = log(o->scale_hi / o->scale_lo);

    for (size_t i = 0; i < o->sink.at.n; i++)
        w->coord[o->sink.at.v[i]].sink =
            signed_size(w, HS_SYNTH_SINK, (uint32_t)i, 1000, 1500);
    for (size_t i = 0; i < o->massive.at.n; i++)
        w->coord[o->massive.at.v[i]].massive = true;
    for (uint32_t j = 0; j < o->width; j++) {
        struct hs_synth_coord *c = &w->coord[j];
        double u = hs_rng_uniform(o->seed, HS_SYNTH_SCALE, 0, j);

        if (c->sink != 0)
            u = 0.5 + u / 2;
        c->scale = o->scale_lo * exp(range * u);
        if (c->massive)
            c->scale *= HS_SYNTH_MASSIVE;
        c->mean = 2 * c->scale * hs_normal(o->seed, HS_SYNTH_MEAN, 0, j);
    }
}

/* ---- constants of the value process */

/* Sums over the ease u, by the trapezoidal rule on -9 to 9: of a smooth
 * function that vanishes at both ends, so right to about 1e-7. */
static void
find_constants(struct hs_synth *w)
{
    const struct hs_synth_options *o = &w->o;
    const int n = 60000;
    double p = o->reward_rate, h = 18.0 / n, square = 0, below = 0, pairs = 0;
    double effect, q;

    w->m0 = gsl_cdf_ugaussian_Pinv(p);
    w->tau = sqrt(o->known);
    w->sigma = sqrt(1 - o->known);
    w->z_sd = sqrt(p * (1 - p));
    for (int i = 0; i <= n; i++) {
        double u = -9 + i * h, mass = h * 0.3989422804014327 * exp(-u * u / 2);
        double v = gsl_cdf_ugaussian_P((w->m0 + w->tau * u) / w->sigma);

        square += mass * v * v;
        /* failures of lower ease, and half of those of the same */
        pairs += mass * v * (below + mass * (1 - v) / 2);
        below += mass * (1 - v);
    }
    w->auc0 = pairs / (p * (1 - p));
    w->z0_sd = sqrt(fmax(0, square - p * p)) / w->z_sd;
    if (o->known == 0)
        w->z0_sd = 0;
    /* A martingale: the squares of its steps add up to the variance. */
    w->delta_sd = w->z_sd * sqrt(1 - w->z0_sd * w->z0_sd) /
                  sqrt(((double)o->length_lo + (double)o->length_hi) / 2);
    effect = o->value.n > 0 ? o->effect_lo : 0;
    q = effect * w->z0_sd;
    w->rho = o->confounding * q / sqrt(1 + q * q);
    w->key = hs_synth_key(o->seed, HS_SYNTH_DRAW, (uint32_t)o->draw, 0);
}

int
hs_synth_init(struct hs_synth *w, const struct hs_synth_options *o,
              struct hs_error *err)
{
    struct pool p = {0};
    int rc;

    *w = (struct hs_synth){0};
    if (copy_options(w, o, err) < 0)
        return -1;
    w->coord = hs_calloc(w->o.width, sizeof *w->coord);
    pool_init(&p, w);
    rc = choose_roles(w, &p, err);
    pool_free(&p);
    if (rc < 0)
        return -1;
    choose_scales(w);
    find_constants(w);
    return 0;
}

void
hs_synth_free(struct hs_synth *w)
{
    hs_synth_options_free(&w->o);
    free(w->coord);
    *w = (struct hs_synth){0};
}
