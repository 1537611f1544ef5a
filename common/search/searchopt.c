/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * searchopt.c - see searchopt.h.
 */
#include <config.h>

#include "search/searchopt.h"

#include "base/msg.h"

enum {
    MAX_CANDIDATES = 1024,
    MAX_ROLLOUTS = 4096,
    MAX_SEEDS = 1000
};

void
hs_search_options_init(struct hs_search_options *o)
{
    *o = (struct hs_search_options){
        .choice.layer = -1,
        .rule.kind = HS_STEP_PARAGRAPH,
        .rule.min_tokens = 1,
        .candidates = 4,
        .rollouts = 8,
        .seeds = 1,
    };
    hs_run_options_init(&o->run);
}

void
hs_search_options_free(struct hs_search_options *o)
{
    hs_scorers_free(&o->scorers);
    hs_run_options_free(&o->run);
}

/* Options of the search itself. */
static bool
parse_search(struct hs_search_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_SEARCH_OPT_CANDIDATES:
        o->candidates = hs_parse_u64("--candidates", arg, 1, MAX_CANDIDATES);
        return true;
    case HS_SEARCH_OPT_LOG:
        o->log = true;
        return true;
    case HS_SEARCH_OPT_MIN_TOKENS:
        o->rule.min_tokens =
            (uint32_t)hs_parse_u64("--min-tokens", arg, 1, 1000000);
        return true;
    case HS_SEARCH_OPT_ROLLOUTS:
        o->rollouts = hs_parse_u64("--rollouts", arg, 1, MAX_ROLLOUTS);
        o->rollouts_given = true;
        return true;
    case HS_SEARCH_OPT_SEEDS:
        o->seeds = hs_parse_u64("--seeds", arg, 1, MAX_SEEDS);
        return true;
    case HS_SEARCH_OPT_STEP:
        if (hs_step_parse(arg, &o->rule) < 0)
            hs_die(HS_EXIT_USAGE,
                   "--step: '%s' is not paragraph, line, sentence or every:N",
                   arg);
        return true;
    case HS_SEARCH_OPT_WHOLE:
        o->whole = true;
        return true;
    default:
        return false;
    }
}

/* Options of scorers. */
static bool
parse_scoring(struct hs_search_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_SEARCH_OPT_LAYER:
        o->choice.layer = (int64_t)hs_parse_u64("--layer", arg, 0, 1000000);
        return true;
    case HS_SEARCH_OPT_SCORERS:
        hs_scorers_free(&o->scorers);
        hs_parse_scorers("--scorers", arg, &o->scorers);
        return true;
    case HS_SEARCH_OPT_TARGET:
        if (hs_target_parse(arg, &o->choice.target) < 0 ||
            o->choice.target == HS_TARGET_RPE)
            hs_die(HS_EXIT_USAGE, "--target: '%s' is no target of probe-fit",
                   arg);
        o->choice.one_target = true;
        return true;
    default:
        return false;
    }
}

bool
hs_parse_search_option(struct hs_search_options *o, int c, const char *arg)
{
    return parse_search(o, c, arg) || parse_scoring(o, c, arg) ||
           hs_parse_run_option(&o->run, c, arg);
}

void
hs_parse_search_end(struct hs_search_options *o)
{
    if (o->scorers.n == 0)
        hs_parse_scorers("--scorers", "greedy,random,logprob", &o->scorers);
    if (o->rollouts_given &&
        (o->whole || !hs_scorers_have(&o->scorers, HS_SCORER_ORACLE)))
        hs_die(HS_EXIT_USAGE,
               "--rollouts is for the scorer oracle in a search of steps");
    if (o->choice.one_target && !hs_scorers_have(&o->scorers, HS_SCORER_VALUE))
        hs_die(HS_EXIT_USAGE, "--target is for a scorer value:PROBE");
    if (o->choice.layer >= 0 &&
        !hs_scorers_have(&o->scorers, HS_SCORER_VALUE) &&
        !hs_scorers_have(&o->scorers, HS_SCORER_DOPAMINE))
        hs_die(HS_EXIT_USAGE,
               "--layer is for scorers value:PROBE and dopamine:RPE");
    hs_parse_run_end(&o->run);
}
