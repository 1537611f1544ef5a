/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sumdata.h - what a summary of searches holds, see searchsum.h: for
 * searchread.c, searchsum.c and searchprint.c only.
 */
#ifndef HS_SUMDATA_H
#define HS_SUMDATA_H

#include <stdbool.h>

#include "search/searchsum.h"

enum {
    HS_NO_ANSWER = -2 /* in the place of a reward */
};

/* Answers of one scorer and seed. */
struct hs_searchcells {
    int8_t *reward; /* (cap): by problem; 1, 0, -1, HS_NO_ANSWER */
    uint64_t *hash; /* (cap_hash): of what was said */
    size_t cap, cap_hash;
};

struct hs_searcharm {
    json_t *json; /* of the head; owned */
    const char *name;
    enum hs_scorer_kind kind;
    struct hs_searchcells *cells; /* (cap_cells): by seed; greedy has one */
    size_t cap_cells;
    uint64_t n_answers, n_parsed, n_eos, n_length, tokens, answer_tokens;
};

struct hs_searchsum {
    struct hs_searchsum_options o;
    bool begun;
    struct hs_head head; /* of the first stream, with all scorers and seeds */
    struct hs_searcharm *arms;
    size_t n_arms, cap_arms;
    uint64_t *seeds; /* (n_seeds) in the order they came; owned */
    size_t n_seeds, cap_seeds;
    json_t *problems; /* id: number */
    uint64_t *asked;  /* (n_problems): hash of prompt and gold answer */
    size_t n_problems, cap_asked;
    struct hs_search_result *results; /* (n_arms) */
};

/* The reward of an arm for a seed, greedy's for any; HS_NO_ANSWER. */
int hs_searcharm_reward(const struct hs_searcharm *a, size_t seed,
                        size_t problem);

#endif
