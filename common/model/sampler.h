/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sampler.h - from logits to a token, its log-probability and the entropy.
 *
 * A draw depends only on (seed, problem, sample number, index of the token),
 * never on the batch it was computed in.
 */
#ifndef HS_SAMPLER_H
#define HS_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hs_sampler {
    bool greedy;        /* take the largest logit, the lowest id of a tie */
    double temperature; /* > 0; logits are divided by it */
    uint32_t top_k;     /* keep the k most probable tokens; 0 keeps all */
    double top_p; /* then the fewest whose probabilities reach p; 1 = all */
    uint64_t seed;
};

/* The place of a draw. */
struct hs_place {
    uint64_t problem; /* hash of the problem's id */
    uint32_t sample;  /* sample number, from 0 */
    uint32_t index;   /* index of the token in the completion, from 0 */
};

struct hs_draw {
    uint32_t token;
    /* Of the model's own distribution: temperature 1, nothing cut. */
    float logprob; /* natural logarithm */
    float entropy; /* nats */
};

/* Floats of scratch that one call needs for a vocabulary. */
size_t hs_sampler_scratch(size_t n_vocab);

/* Draws a token.  Returns 0, or -1 when a logit is NaN or all are -inf. */
HS_MUST_CHECK int hs_sample(const struct hs_sampler *s, const float *logits,
                            size_t n_vocab, const struct hs_place *at,
                            float *scratch, struct hs_draw *out);

/* The same figures for a token that is given. */
HS_MUST_CHECK int hs_score(const float *logits, size_t n_vocab, uint32_t token,
                           struct hs_draw *out);

#endif
