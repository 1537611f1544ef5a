/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armdata.h - what a summary of arms holds, for the files that make it:
 * armread.c fills it, armsum.c computes, armwords.c and armprint.c only look.
 */
#ifndef HS_ARMDATA_H
#define HS_ARMDATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ablate/armsum.h"

enum hs_armpart {
    HS_ARMPART_PROBLEMS,
    HS_ARMPART_ALSO,
    HS_ARMPART_OWN,
    HS_ARMPART_NEUTRAL,
    HS_N_ARMPARTS
};

/* HS_PART_PROBLEMS... */
const char *hs_armpart_name(enum hs_armpart p);

/* Sums are whole numbers of 2^-40, so that any order of records gives the same
 * bits. */
struct hs_armsums {
    uint64_t n_items, n_parsed, n_eos, n_length, n_tokens;
    uint64_t n_scored; /* tokens with a log-probability */
    uint64_t edits;
    __int128 logprob, repetition;
    double odd; /* sum of log-probabilities of items that are not finite */
};

/* Records of an arm and part, by item. */
struct hs_armrecs {
    uint64_t *hash; /* (cap_hash) of tokens, log-probabilities, entropies and
                     * finish; 0: there is no record */
    int8_t *reward; /* (cap_reward) */
    size_t cap_hash, cap_reward;
    struct hs_armsums sum;
};

struct hs_armtally {
    json_t *json; /* of the arm, as in a head */
    struct hs_armrecs part[HS_N_ARMPARTS];
};

/* The items of a part: a problem and sample. */
struct hs_armitems {
    json_t *index;    /* "SAMPLE:PROBLEM" to number of item */
    json_t *problems; /* id of problem to number */
    uint64_t *asked;  /* (n) hash of prompt and gold answer */
    size_t cap_asked;
    uint32_t *problem; /* (n) number of each item's problem */
    size_t n, cap, n_problems;
};

struct hs_armsum {
    struct hs_armsum_options o;
    bool begun;
    struct hs_head head;  /* of the first segment */
    json_t *run;          /* with all arms; after finish */
    json_t *labels;       /* label to number of arm */
    struct hs_armset set; /* the arms, and tally (set.n) */
    struct hs_armtally *tally;
    size_t cap_set, cap_tally;
    struct hs_armitems items[HS_N_ARMPARTS];
    uint32_t (*grams)[4]; /* scratch */
    size_t cap_grams;
    /* after finish */
    struct hs_arm_result *results; /* (set.n) */
    size_t none;                   /* number of that arm */
    uint64_t n_noop; /* records of noop that equal those of none */
    size_t n_noop_arms;
    struct hs_armsum_power power;
};

/* Whether item i has a record. */
bool hs_armrecs_have(const struct hs_armrecs *r, size_t i);

/* Whether the arm is an edit that was run or that equals one. */
bool hs_arm_is_edited(const struct hs_arm *a);
/* Whether two arms have layer, mode, where and size (of arms without, the
 * number of coordinates) in common. */
bool hs_arm_is_peer(const struct hs_arm *a, const struct hs_arm *b);

/* How badly an edit damages speech: 0 for what still speaks, 1 for what speaks
 * worse, 2 for what hardly speaks: the worst of own and neutral perplexity, by
 * the unedited model's, of EOS, answers found and repetition, less the unedited
 * model's.  A neutral text that the unedited model scores at HS_KNOWN_TEXT or
 * more is unknown to it and not counted. */
#define HS_KNOWN_TEXT 1000.0
int hs_armspeech_damage(const struct hs_arm_result *none,
                        const struct hs_arm_result *r);

#endif
