/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * searchopt.h - the options of hs-search.
 */
#ifndef HS_SEARCHOPT_H
#define HS_SEARCHOPT_H

#include <stdbool.h>
#include <stdint.h>

#include "search/scorer.h"
#include "task/runopt.h"

/* Long options, as getopt_long's values; letters are those of runopt.h. */
enum {
    HS_SEARCH_OPT_CANDIDATES = HS_OPT_OWN + 100,
    HS_SEARCH_OPT_LAYER,
    HS_SEARCH_OPT_LOG,
    HS_SEARCH_OPT_MIN_TOKENS,
    HS_SEARCH_OPT_ROLLOUTS,
    HS_SEARCH_OPT_SCORERS,
    HS_SEARCH_OPT_SEEDS,
    HS_SEARCH_OPT_STEP,
    HS_SEARCH_OPT_TARGET,
    HS_SEARCH_OPT_WHOLE,
    HS_SEARCH_OPT_OWN /* and up: the tool's own */
};

struct hs_search_options {
    struct hs_run_options run; /* layers and positions: what scorers need */
    struct hs_scorers scorers;
    struct hs_scorer_choice choice;
    struct hs_step_rule rule;
    uint64_t candidates; /* of a step, or of a problem if whole */
    uint64_t rollouts;   /* from each candidate, of the oracle */
    uint64_t seeds;      /* run.sampler.seed and the ones that follow */
    bool whole;          /* candidates are whole answers */
    bool log;            /* candidates and scores are kept */
    bool rollouts_given;
};

void hs_search_options_init(struct hs_search_options *o);
void hs_search_options_free(struct hs_search_options *o);

/* Takes an option of getopt_long.  Returns whether it is one of these or of
 * runopt.h; dies for a bad value. */
bool hs_parse_search_option(struct hs_search_options *o, int c,
                            const char *arg);

/* Dies on options that do not go together; fills in what depends on others. */
void hs_parse_search_end(struct hs_search_options *o);

#endif
