/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rngplace.h - the streams of random numbers (rng.h), so that no two uses of
 * one seed meet.
 */
#ifndef HS_RNGPLACE_H
#define HS_RNGPLACE_H

/* Beyond any hash that matters: the sampler keys its draws by 64-bit hashes of
 * problem ids. */
enum hs_rng_stream {
    HS_RNG_INIT_W1 = 1, /* a: row, b: column */
    HS_RNG_INIT_B1,     /* a: row */
    HS_RNG_INIT_W2,     /* a: column */
    HS_RNG_INIT_B2,
    HS_RNG_EPOCH,         /* a: epoch, b: step of the shuffle */
    HS_RNG_BOOTSTRAP = 7, /* a: draw, b: item */
    HS_RNG_PERMUTE,       /* a: draw, b: step of the shuffle */
    HS_RNG_DIRECTION,     /* a: draw, b: coordinate / 4 */
    HS_RNG_SUBSET,        /* a: draw, b: step: random coordinates */
    HS_RNG_ABLATE = 11,   /* and two more: ablate/armdraw.c */
    HS_RNG_FLIP = 14,     /* a: draw, b: group / 128 */
    HS_RNG_RPE_SUBSET,    /* a: draw, b: step: rpe-scan's random coordinates */
    HS_RNG_RPE_SHUFFLE,   /* a: draw, b: step: shuffled deltas */
    HS_RNG_SEARCH,        /* a: round, b: hs-search's random choices */
    HS_RNG_SYNTH = 64     /* and up: hs-synth's own */
};

#endif
