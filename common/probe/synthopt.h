/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synthopt.h - the options of programs that make worlds (synth.h), as they
 * stand in hs-synth(1).
 */
#ifndef HS_SYNTHOPT_H
#define HS_SYNTHOPT_H

#include <stdbool.h>

#include "probe/synth.h"

/* Values of long options in getopt's table; "seed" is the letter s. */
enum hs_synth_opt {
    HS_SYNTH_OPT_CONFOUNDING = 256,
    HS_SYNTH_OPT_CONFOUNDS,
    HS_SYNTH_OPT_CONFOUND_EFFECT,
    HS_SYNTH_OPT_DISTRACTORS,
    HS_SYNTH_OPT_DOPAMINE,
    HS_SYNTH_OPT_DOPAMINE_AT,
    HS_SYNTH_OPT_DOPAMINE_EFFECT,
    HS_SYNTH_OPT_DRAW,
    HS_SYNTH_OPT_DTYPE,
    HS_SYNTH_OPT_EFFECT,
    HS_SYNTH_OPT_FACTORS,
    HS_SYNTH_OPT_FACTOR_SHARE,
    HS_SYNTH_OPT_KNOWN,
    HS_SYNTH_OPT_LAYERS,
    HS_SYNTH_OPT_LENGTH,
    HS_SYNTH_OPT_MASSIVE,
    HS_SYNTH_OPT_MASSIVE_AT,
    HS_SYNTH_OPT_NOISE_STATIC,
    HS_SYNTH_OPT_POSITIONS,
    HS_SYNTH_OPT_PROMPT,
    HS_SYNTH_OPT_REWARD_RATE,
    HS_SYNTH_OPT_ROLLOUTS,
    HS_SYNTH_OPT_SAMPLES,
    HS_SYNTH_OPT_SCALES,
    HS_SYNTH_OPT_SHARED_NOISE,
    HS_SYNTH_OPT_SINKS,
    HS_SYNTH_OPT_SINK_AT,
    HS_SYNTH_OPT_STEP_EVERY,
    HS_SYNTH_OPT_TRAJECTORIES,
    HS_SYNTH_OPT_VALUE,
    HS_SYNTH_OPT_VALUE_AT,
    HS_SYNTH_OPT_VALUE_LAYERS,
    HS_SYNTH_OPT_WIDTH,
    HS_SYNTH_OPT_OWN /* a program's own options begin here */
};

/* Takes option c of getopt_long; dies on a value that is out of range.  Whether
 * it is one of these. */
bool hs_parse_synth_option(struct hs_synth_options *o, int c, const char *arg);

#endif
