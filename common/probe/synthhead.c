/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synthhead.c - what a head says of a world, and the truth read back from it;
 * see synth.h.
 */
#include <config.h>

#include "probe/synth.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"

static const char *const confounds[] = {
    [HS_CONFOUND_PROMPT] = "prompt length",
    [HS_CONFOUND_RESPONSE] = "response length",
    [HS_CONFOUND_POSITION] = "position",
    [HS_CONFOUND_DIFFICULTY] = "difficulty",
};

static void
put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static void
put_u64(json_t *o, const char *key, uint64_t value)
{
    put(o, key, json_integer((json_int_t)value));
}

static void
put_real(json_t *o, const char *key, double value)
{
    put(o, key, json_real(value));
}

static void
put_range(json_t *o, const char *key, double lo, double hi)
{
    json_t *a = json_array();

    (void)json_array_append_new(a, json_real(lo));
    (void)json_array_append_new(a, json_real(hi));
    put(o, key, a);
}

static void
put_lengths(json_t *o, const char *key, uint64_t lo, uint64_t hi)
{
    json_t *a = json_array();

    (void)json_array_append_new(a, json_integer((json_int_t)lo));
    (void)json_array_append_new(a, json_integer((json_int_t)hi));
    put(o, key, a);
}

static void
put_list(json_t *o, const char *key, const struct hs_list *l)
{
    json_t *a = json_array();

    for (size_t i = 0; i < l->n; i++)
        (void)json_array_append_new(a, json_integer(l->v[i]));
    put(o, key, a);
}

/* All that a world is a function of. */
static json_t *
world_json(const struct hs_synth *w)
{
    const struct hs_synth_options *o = &w->o;
    json_t *j = json_object();

    put_u64(j, "seed", o->seed);
    put_u64(j, "width", o->width);
    put_u64(j, "layers", o->layers);
    put_lengths(j, "length", o->length_lo, o->length_hi);
    put_lengths(j, "prompt", o->prompt_lo, o->prompt_hi);
    put_real(j, "reward_rate", o->reward_rate);
    put_real(j, "known", o->known);
    put_u64(j, "step_every", o->step_every);
    put_list(j, "value_at", &o->value.at);
    put_range(j, "effect", o->effect_lo, o->effect_hi);
    put_list(j, "value_layers", &o->value_layers);
    put_list(j, "dopamine_at", &o->dopamine.at);
    put_range(j, "dopamine_effect", o->dopamine_lo, o->dopamine_hi);
    put_real(j, "noise_static", o->noise_static);
    put_real(j, "shared_noise", o->shared_noise);
    put_range(j, "scales", o->scale_lo, o->scale_hi);
    put_list(j, "sink_at", &o->sink.at);
    put_list(j, "massive_at", &o->massive.at);
    put_u64(j, "distractors", o->distractors);
    put_u64(j, "factors", o->factors);
    put_real(j, "factor_share", o->factor_share);
    put_u64(j, "confounds", o->confounds);
    put_real(j, "confound_effect", o->confound_effect);
    put_real(j, "confounding", o->confounding);
    return j;
}

/* What a coordinate is as role, and the effect of it; false: it is not. */
static bool
plays(const struct hs_synth_coord *c, const char *role, double *effect)
{
    static const char *const roles[] = {
        [HS_SYNTH_PLAIN] = "",
        [HS_SYNTH_VALUE] = "value",
        [HS_SYNTH_DOPAMINE] = "dopamine",
        [HS_SYNTH_DISTRACTOR] = "distractor",
        [HS_SYNTH_CONFOUND] = "confound",
    };

    if (strcmp(role, "sink") == 0) {
        *effect = c->sink;
        return c->sink != 0;
    }
    if (strcmp(role, "massive") == 0) {
        *effect = HS_SYNTH_MASSIVE;
        return c->massive;
    }
    *effect = c->effect;
    return strcmp(role, roles[c->role]) == 0;
}

/* The names in a head, in the order of hs_synth_truth(). */
static const char *const part_names[] = {"value",   "dopamine", "sink",
                                         "massive", "confound", "distractor"};

enum {
    N_PARTS = sizeof part_names / sizeof part_names[0]
};

static json_t *
part_json(const struct hs_synth *w, const char *role)
{
    json_t *at = json_array(), *effects = json_array(), *which = json_array();
    json_t *j = json_object();

    for (size_t i = 0; i < w->o.width; i++) {
        const struct hs_synth_coord *c = &w->coord[i];
        double effect;

        if (!plays(c, role, &effect))
            continue;
        (void)json_array_append_new(at, json_integer((json_int_t)i));
        (void)json_array_append_new(effects, json_real(effect));
        (void)json_array_append_new(which,
                                    c->role == HS_SYNTH_CONFOUND
                                        ? json_string(confounds[c->which])
                                        : json_integer(c->which));
    }
    put(j, "at", at);
    put(j, "effect", effects);
    if (strcmp(role, "confound") == 0)
        put(j, "of", which);
    else if (strcmp(role, "distractor") == 0)
        put(j, "factor", which);
    else
        json_decref(which);
    return j;
}

static json_t *
truth_json(const struct hs_synth *w)
{
    json_t *j = json_object(), *scale = json_array(), *mean = json_array();

    put(j, "world", world_json(w));
    put_u64(j, "draw", w->o.draw);
    put_u64(j, "trajectories", w->o.trajectories);
    put_u64(j, "samples", w->o.samples);
    if (w->o.rollouts > 0)
        put_u64(j, "rollouts", w->o.rollouts);
    put_real(j, "m0", w->m0);
    put_real(j, "tau", w->tau);
    put_real(j, "sigma", w->sigma);
    put_real(j, "z0_sd", w->z0_sd);
    put_real(j, "auc0", w->auc0);
    put_real(j, "delta_sd", w->delta_sd);
    put_real(j, "rho", w->rho);
    for (size_t i = 0; i < N_PARTS; i++)
        put(j, part_names[i], part_json(w, part_names[i]));
    for (size_t i = 0; i < w->o.width; i++) {
        (void)json_array_append_new(scale, json_real(w->coord[i].scale));
        (void)json_array_append_new(mean, json_real(w->coord[i].mean));
    }
    put(j, "scale", scale);
    put(j, "mean", mean);
    return j;
}

/* Streams of one world can be joined, those of two cannot. */
static void
set_fingerprint(const struct hs_synth *w, struct hs_head *head)
{
    json_t *world = world_json(w);
    char *text = json_dumps(world, JSON_COMPACT | JSON_SORT_KEYS), hex[33];
    XXH128_hash_t h = {0};

    if (text != NULL)
        h = XXH3_128bits(text, strlen(text));
    hs_digest_text((unsigned __int128)h.high64 << 64 | h.low64, hex);
    hs_head_set(&head->fingerprint, hex);
    free(text);
    json_decref(world);
}

void
hs_synth_head(const struct hs_synth *w, struct hs_head *head)
{
    hs_head_init(head, "activations");
    set_fingerprint(w, head);
    hs_head_set(&head->family, "synth");
    hs_head_set(&head->positions, w->o.completion ? "all" : "tokens");
    head->n_layers = w->o.layers;
    head->n_vocab = HS_SYNTH_VOCAB;
    head->dim = w->o.width;
    head->dtype = w->o.dtype;
    head->layers.n = w->o.layers;
    head->layers.v = hs_calloc(w->o.layers, sizeof *head->layers.v);
    for (uint32_t l = 0; l < w->o.layers; l++)
        head->layers.v[l] = l;
    put(head->run, "synth", truth_json(w));
}

/* ---- the way back */

/* Appends one part.  Returns 0, or -1 when it is not as part_json() has it. */
static int
read_part(const json_t *truth, const char *role, struct hs_synth_planted **v,
          size_t *n, size_t *cap)
{
    const json_t *part = json_object_get(truth, role);
    const json_t *at = json_object_get(part, "at"),
                 *effects = json_object_get(part, "effect");

    if (!json_is_array(at) || !json_is_array(effects) ||
        json_array_size(at) != json_array_size(effects))
        return -1;
    for (size_t i = 0; i < json_array_size(at); i++) {
        const json_t *index = json_array_get(at, i),
                     *effect = json_array_get(effects, i);

        if (!json_is_integer(index) || json_integer_value(index) < 0 ||
            json_integer_value(index) > UINT32_MAX || !json_is_number(effect))
            return -1;
        *v = hs_grow(*v, cap, *n + 1, sizeof **v);
        (*v)[(*n)++] =
            (struct hs_synth_planted){role, (uint32_t)json_integer_value(index),
                                      json_number_value(effect)};
    }
    return 0;
}

struct hs_synth_planted *
hs_synth_truth(const json_t *run, size_t *n, struct hs_error *err)
{
    const json_t *truth = json_object_get(run, "synth");
    struct hs_synth_planted *v = NULL;
    size_t cap = 0;

    *n = 0;
    if (!json_is_object(truth)) {
        (void)hs_fail(err,
                      "nothing was planted: no \"synth\" in the head's "
                      "run");
        return NULL;
    }
    v = hs_grow(v, &cap, 1, sizeof *v);
    for (size_t i = 0; i < N_PARTS; i++) {
        if (read_part(truth, part_names[i], &v, n, &cap) < 0) {
            (void)hs_fail(err, "the head's run: synth: \"%s\" is malformed",
                          part_names[i]);
            free(v);
            return NULL;
        }
    }
    return v;
}
