/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synthopt.c - see synthopt.h.
 */
#include <config.h>

#include "probe/synthopt.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"

/* Options that are one whole number. */
static bool
parse_whole(struct hs_synth_options *w, int c, const char *arg)
{
    const uint64_t any = UINT32_MAX;
    const struct {
        int opt;
        const char *name;
        uint64_t *to, min, max;
    } table[] = {
        {HS_SYNTH_OPT_CONFOUNDS, "--confounds", &w->confounds, 0, any},
        {HS_SYNTH_OPT_DISTRACTORS, "--distractors", &w->distractors, 0, any},
        {HS_SYNTH_OPT_DOPAMINE, "--dopamine", &w->dopamine.n, 0, any},
        {HS_SYNTH_OPT_DRAW, "--draw", &w->draw, 0, any},
        {HS_SYNTH_OPT_FACTORS, "--factors", &w->factors, 1, 65536},
        {HS_SYNTH_OPT_LAYERS, "--layers", &w->layers, 1, 1024},
        {HS_SYNTH_OPT_MASSIVE, "--massive", &w->massive.n, 0, any},
        {HS_SYNTH_OPT_ROLLOUTS, "--rollouts", &w->rollouts,
         HS_SYNTH_ROLLOUTS_MIN, HS_SYNTH_ROLLOUTS_MAX},
        {HS_SYNTH_OPT_SAMPLES, "--samples", &w->samples, 1, any},
        {HS_SYNTH_OPT_SINKS, "--sinks", &w->sink.n, 0, any},
        {HS_SYNTH_OPT_STEP_EVERY, "--step-every", &w->step_every, 1, any},
        {HS_SYNTH_OPT_TRAJECTORIES, "--trajectories", &w->trajectories, 0, any},
        {HS_SYNTH_OPT_VALUE, "--value", &w->value.n, 0, any},
        {HS_SYNTH_OPT_WIDTH, "--width", &w->width, 1, 65536},
        {'s', "--seed", &w->seed, 0, UINT64_MAX / 2},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].opt != c)
            continue;
        *table[i].to =
            hs_parse_u64(table[i].name, arg, table[i].min, table[i].max);
        return true;
    }
    return false;
}

/* Options that are one number. */
static bool
parse_real(struct hs_synth_options *w, int c, const char *arg)
{
    const struct {
        int opt;
        const char *name;
        double *to, min, max;
    } table[] = {
        {HS_SYNTH_OPT_CONFOUND_EFFECT, "--confound-effect", &w->confound_effect,
         0, 100},
        {HS_SYNTH_OPT_CONFOUNDING, "--confounding", &w->confounding, 0, 0.95},
        {HS_SYNTH_OPT_FACTOR_SHARE, "--factor-share", &w->factor_share, 0, 1},
        {HS_SYNTH_OPT_KNOWN, "--known", &w->known, 0, 0.999},
        {HS_SYNTH_OPT_NOISE_STATIC, "--noise-static", &w->noise_static, 0, 1},
        {HS_SYNTH_OPT_REWARD_RATE, "--reward-rate", &w->reward_rate, 0.001,
         0.999},
        {HS_SYNTH_OPT_SHARED_NOISE, "--shared-noise", &w->shared_noise, 0, 1},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].opt != c)
            continue;
        *table[i].to =
            hs_parse_f64(table[i].name, arg, table[i].min, table[i].max);
        return true;
    }
    return false;
}

/* "LO:HI", or one number for both. */
static void
parse_range(const char *name, const char *arg, double min, double max,
            double *lo, double *hi)
{
    const char *colon = strchr(arg, ':');
    char *first;

    if (colon == NULL) {
        *lo = *hi = hs_parse_f64(name, arg, min, max);
        return;
    }
    first = hs_strndup(arg, (size_t)(colon - arg));
    *lo = hs_parse_f64(name, first, min, max);
    *hi = hs_parse_f64(name, colon + 1, *lo, max);
    free(first);
}

static void
parse_lengths(const char *name, const char *arg, uint64_t *lo, uint64_t *hi)
{
    const char *colon = strchr(arg, ':');
    char *first;

    if (colon == NULL) {
        *lo = *hi = hs_parse_u64(name, arg, 1, 100000);
        return;
    }
    first = hs_strndup(arg, (size_t)(colon - arg));
    *lo = hs_parse_u64(name, first, 1, 100000);
    *hi = hs_parse_u64(name, colon + 1, *lo, 100000);
    free(first);
}

static void
parse_at(const char *name, const char *arg, struct hs_list *l)
{
    hs_list_free(l);
    hs_parse_list(name, arg, l);
    if (l->all)
        hs_die(HS_EXIT_USAGE, "%s: a list such as 3,7,20-22, not all", name);
}

/* Options that are ranges or lists. */
static bool
parse_several(struct hs_synth_options *w, int c, const char *arg)
{
    switch (c) {
    case HS_SYNTH_OPT_DOPAMINE_AT:
        parse_at("--dopamine-at", arg, &w->dopamine.at);
        return true;
    case HS_SYNTH_OPT_DOPAMINE_EFFECT:
        parse_range("--dopamine-effect", arg, 0, 100, &w->dopamine_lo,
                    &w->dopamine_hi);
        return true;
    case HS_SYNTH_OPT_EFFECT:
        parse_range("--effect", arg, 0, 100, &w->effect_lo, &w->effect_hi);
        return true;
    case HS_SYNTH_OPT_LENGTH:
        parse_lengths("--length", arg, &w->length_lo, &w->length_hi);
        return true;
    case HS_SYNTH_OPT_MASSIVE_AT:
        parse_at("--massive-at", arg, &w->massive.at);
        return true;
    case HS_SYNTH_OPT_PROMPT:
        parse_lengths("--prompt", arg, &w->prompt_lo, &w->prompt_hi);
        return true;
    case HS_SYNTH_OPT_SCALES:
        parse_range("--scales", arg, 1e-6, 1e6, &w->scale_lo, &w->scale_hi);
        return true;
    case HS_SYNTH_OPT_SINK_AT:
        parse_at("--sink-at", arg, &w->sink.at);
        return true;
    case HS_SYNTH_OPT_VALUE_AT:
        parse_at("--value-at", arg, &w->value.at);
        return true;
    default:
        return false;
    }
}

bool
hs_parse_synth_option(struct hs_synth_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_SYNTH_OPT_DTYPE:
        if (hs_dtype_parse(arg, &o->dtype) < 0)
            hs_die(HS_EXIT_USAGE, "--dtype: '%s' is not f16, bf16 or f32", arg);
        return true;
    case HS_SYNTH_OPT_POSITIONS:
        o->completion = strcmp(arg, "all") == 0;
        if (!o->completion && strcmp(arg, "tokens") != 0)
            hs_die(HS_EXIT_USAGE, "--positions: '%s' is not tokens or all",
                   arg);
        return true;
    case HS_SYNTH_OPT_VALUE_LAYERS:
        hs_list_free(&o->value_layers);
        hs_parse_list("--value-layers", arg, &o->value_layers);
        return true;
    default:
        return parse_whole(o, c, arg) || parse_real(o, c, arg) ||
               parse_several(o, c, arg);
    }
}
