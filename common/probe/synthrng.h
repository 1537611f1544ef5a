/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synthrng.h - the random numbers of synth.h: what each place is for.
 *
 * The world draws by the seed, a draw by a key made of the seed and its number,
 * a problem by a key made of that and its number, a sample likewise.  Whatever
 * belongs to the prompt is drawn by the problem's key, so that all samples of a
 * problem have the same prompt and the same states there.
 */
#ifndef HS_SYNTHRNG_H
#define HS_SYNTHRNG_H

#include <stdint.h>

#include "base/rngplace.h"

enum hs_synth_stream {
    /* by the seed */
    HS_SYNTH_PICK = HS_RNG_SYNTH, /* b: step of a shuffle */
    HS_SYNTH_EFFECT,              /* a: part, b: index in it */
    HS_SYNTH_SIGN,                /* likewise */
    HS_SYNTH_SCALE,               /* b: coordinate */
    HS_SYNTH_MEAN,                /* b: coordinate */
    HS_SYNTH_DRAW,                /* a: draw */
    /* by the draw's key */
    HS_SYNTH_PROBLEM, /* a: problem */
    HS_SYNTH_SAMPLE,  /* a: problem, b: sample */
    /* by the problem's key, or the sample's */
    HS_SYNTH_SCORE,  /* a: which of a path's normal scores */
    HS_SYNTH_STEP,   /* a: step of the Brownian motion */
    HS_SYNTH_TOKEN,  /* a: position */
    HS_SYNTH_FIGURE, /* a: token of the completion, b: 0 entropy, 1 logprob */
    /* the same, with the layer in the upper half */
    HS_SYNTH_STATIC,       /* b: coordinate / 4 */
    HS_SYNTH_NOISE,        /* a: position, b: coordinate / 4 */
    HS_SYNTH_FACTOR,       /* b: factor */
    HS_SYNTH_FACTOR_NOISE, /* a: position, b: factor */
    /* by the sample's key again */
    HS_SYNTH_ROLLOUT,    /* a: t of a boundary, b: continuation */
    HS_SYNTH_SINK = 1000 /* as a part: no role */
};

/* A key for what is within the place (a, b). */
uint64_t hs_synth_key(uint64_t key, uint64_t stream, uint32_t a, uint32_t b);

#endif
