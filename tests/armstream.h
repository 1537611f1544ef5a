/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armstream.h - made-up streams of arms, for tests of their summary.
 */
#ifndef HS_ARMSTREAM_H
#define HS_ARMSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ablate/armsum.h"

/* An arm as a head lists it. */
struct kit_arm {
    const char *label, *kind;
    uint32_t layer;
    const char *size;
    uint32_t draw;
    const char *mode, *where;
    uint32_t n_coords; /* first, first + 1... */
    uint32_t first;
    const char *same_as;
    uint32_t n_sinks;
    double rms_ratio;
};

/* A record.  Its tokens depend on salt, its log-probabilities and entropies are
 * all the same. */
struct kit_answer {
    size_t arm; /* of kit_arm */
    const char *part;
    uint32_t problem, sample;
    int reward;
    uint32_t n_prompt, n_new;
    const char *finish;
    bool parsed;
    uint32_t salt;
    float logprob, entropy;
    int64_t more_edits;   /* than there should be */
    const char *arm_name; /* instead of the arm's label */
};

/* "p7"; names are not in the order of numbers. */
void kit_problem_name(uint32_t problem, char out[16]);
/* Token i of an answer. */
uint32_t kit_token(const struct kit_answer *a, uint32_t i);

json_t *kit_arms_json(const struct kit_arm *arms, size_t n);

/* A segment; run has one member beside arms, "note". */
struct hs_buf kit_stream(const struct kit_arm *arms, size_t n_arms,
                         const char *note, const struct kit_answer *a,
                         size_t n);

/* The summary of streams, before finish; NULL with the reason. */
struct hs_armsum *kit_read(const struct hs_buf *streams, size_t n,
                           struct hs_error *err);

/* The figures of an arm by its label. */
const struct hs_arm_result *kit_result(const struct hs_armsum *s,
                                       const char *label);

#endif
