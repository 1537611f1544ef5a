/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synth.h - worlds whose answer is known: trajectories with states in which
 * value neurons, dopamine neurons, sinks, distractors and confounds are
 * planted.  hs-synth(1) has the formulas; the names here are those of the page.
 *
 * A world is a function of its options without draw, trajectories, samples and
 * rollouts;
 * trajectory i of a draw is a function of the world, the draw and i.  Nothing
 * depends on the order in which trajectories are asked for.
 *
 *     struct hs_synth_options o;
 *     struct hs_synth w;
 *
 *     hs_synth_options_init(&o);
 *     o.width = 64;
 *     if (hs_synth_init(&w, &o, &err) < 0)
 *         ...
 *     hs_synth_head(&w, &head);
 *     ...hs_writer_open() with the head, hs_synth_write(), hs_writer_close()...
 *     hs_synth_free(&w);
 */
#ifndef HS_SYNTH_H
#define HS_SYNTH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "base/team.h"
#include "stream/stream.h"

enum {
    HS_SYNTH_VOCAB = 1000, /* tokens; 0 ends a completion */
    HS_SYNTH_ROLLOUTS_MIN = 2,
    HS_SYNTH_ROLLOUTS_MAX = 4096,
    HS_SYNTH_MASSIVE = 100 /* what multiplies the scale of a massive one */
};

/* Which coordinates play a part. */
struct hs_synth_part {
    uint64_t n;        /* so many, where the seed says; or */
    struct hs_list at; /* these, if not empty */
};

struct hs_synth_options {
    uint64_t seed, draw;            /* below 2^63, below 2^32 */
    uint64_t trajectories, samples; /* in all; of each problem */
    uint64_t width, layers;
    uint64_t length_lo, length_hi; /* T, >= 1 */
    uint64_t prompt_lo, prompt_hi; /* tokens, >= 1 */
    double reward_rate;            /* p, above 0 and below 1 */
    double known;                  /* tau^2, from 0 to 0.999 */
    uint64_t step_every;           /* tokens between steps of B, >= 1 */
    struct hs_synth_part value, dopamine, sink, massive;
    double effect_lo, effect_hi;     /* both 0, or 0 < lo <= hi */
    double dopamine_lo, dopamine_hi; /* likewise; negative: as effect */
    struct hs_list value_layers;     /* where value and dopamine neurons are */
    double noise_static;             /* share of the noise, 0 to 1 */
    double shared_noise;             /* share of that of value neurons */
    double scale_lo, scale_hi;       /* above 0 */
    uint64_t distractors;            /* UINT64_MAX: a quarter of the width */
    uint64_t factors;                /* groups of distractors, >= 1 */
    double factor_share;             /* of a distractor's variance, 0 to 1 */
    uint64_t confounds;
    double confound_effect; /* signal over noise, 0 to 100 */
    double confounding;     /* C, 0 to 0.95 */
    uint64_t rollouts;      /* of each boundary; 0: none */
    bool completion;        /* states of s_0 .. s_T only, not of all tokens */
    enum hs_dtype dtype;
};

/* The defaults of hs-synth(1). */
void hs_synth_options_init(struct hs_synth_options *o);
/* Frees the lists. */
void hs_synth_options_free(struct hs_synth_options *o);

enum hs_synth_role {
    HS_SYNTH_PLAIN,
    HS_SYNTH_VALUE,
    HS_SYNTH_DOPAMINE,
    HS_SYNTH_DISTRACTOR,
    HS_SYNTH_CONFOUND
};

enum hs_synth_confound {
    HS_CONFOUND_PROMPT,     /* length of the prompt */
    HS_CONFOUND_RESPONSE,   /* planned length of the response */
    HS_CONFOUND_POSITION,   /* t / T */
    HS_CONFOUND_DIFFICULTY, /* how hard the problem looks */
    HS_N_CONFOUNDS
};

struct hs_synth_coord {
    enum hs_synth_role role;
    uint32_t which;     /* group of a distractor; enum hs_synth_confound */
    double effect;      /* signed: of a value or dopamine neuron; loading of a
                         * distractor or confound; else 0 */
    double scale, mean; /* scale: of a massive coordinate, multiplied */
    double sink;        /* signed: x / scale at position 0; 0: no sink */
    bool massive;
};

/* A world.  All of it may be read. */
struct hs_synth {
    struct hs_synth_options o;    /* a copy; its lists are owned */
    struct hs_synth_coord *coord; /* (width) */
    double m0, tau, sigma;        /* of Z */
    double z_sd;                  /* sqrt(p (1 - p)) */
    double z0_sd;    /* standard deviation of z(V_0) over problems */
    double auc0;     /* AUC of V_0: no probe of s_0 can have more */
    double delta_sd; /* of V_t - V_{t-1}, over all tokens */
    double rho;      /* of lengths and other confounds with difficulty */
    uint64_t key;    /* of the draw */
};

/* Makes a world.  Returns 0, or -1: options out of range, roles that do not
 * fit.  *w can be freed either way. */
HS_MUST_CHECK int hs_synth_init(struct hs_synth *w,
                                const struct hs_synth_options *o,
                                struct hs_error *err);
void hs_synth_free(struct hs_synth *w);

/* What happens in one trajectory, without its states.  {0} is an empty one,
 * reused from call to call. */
struct hs_synth_path {
    uint64_t problem, sample;
    uint64_t problem_key, sample_key; /* of random numbers */
    size_t n_prompt, length;          /* tokens; T */
    double ease;                      /* u */
    double confound[HS_N_CONFOUNDS];  /* normal scores; position is unused */
    double hesitation;                /* normal score, of the entropy */
    int reward;
    double *v; /* (length + 1): V_0 .. V_T; owned */
    size_t cap;
};

void hs_synth_path(const struct hs_synth *w, uint64_t i,
                   struct hs_synth_path *p);
void hs_synth_path_free(struct hs_synth_path *p);

/* The states of layer at all positions that are kept: x (n_states, width);
 * n_states is that of hs_synth_trajectory(). */
void hs_synth_states(const struct hs_synth *w, const struct hs_synth_path *p,
                     uint32_t layer, float *x);

/* Fills an empty or used trajectory. */
void hs_synth_trajectory(const struct hs_synth *w,
                         const struct hs_synth_path *p,
                         struct hs_trajectory *t);

/* Fills an empty head.  Its run holds all options and the truth as "synth". */
void hs_synth_head(const struct hs_synth *w, struct hs_head *head);

/* Writes all trajectories, in order; *f32_blocks, unless NULL, is how many
 * blocks did not fit the type.  In memory are, for each thread of the team, two
 * trajectories encoded and one layer of one as floats.  Returns 0, or -1 with
 * the reason. */
HS_MUST_CHECK int hs_synth_write(const struct hs_synth *w,
                                 struct hs_writer *writer, struct hs_team *team,
                                 uint64_t *f32_blocks, struct hs_error *err);

/* ---- the truth as it is read back from a head's run */

/* One planted coordinate. */
struct hs_synth_planted {
    const char *role; /* "value", "dopamine", "sink", "massive", "distractor",
                       * "confound"; static text */
    uint32_t index;
    double effect;
};

/* All of them, role by role, indices ascending; a sink that is a value neuron
 * comes twice.  Returns an array (*n) to be freed, or NULL with the reason:
 * run has no truth, or it is malformed. */
HS_MUST_CHECK struct hs_synth_planted *
hs_synth_truth(const json_t *run, size_t *n, struct hs_error *err);

#endif
