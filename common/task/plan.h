/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plan.h - what a run would do, without doing it.
 */
#ifndef HS_PLAN_H
#define HS_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "task/rollsrc.h"
#include "task/runopt.h"
#include "task/work.h"

/* Bounds of a run, from its input alone. */
struct hs_plan {
    uint64_t items;
    uint64_t prompt_tokens, longest_prompt;
    uint64_t completion_tokens, longest_completion; /* at most */
    uint64_t states;                                /* of one layer, at most */
    uint64_t state_bytes; /* of all layers, before compression, at most */
    /* With rollouts. */
    bool rolls, exact;       /* exact: the boundaries are known, of a stream */
    uint64_t boundaries;     /* that are continued from; at most */
    uint64_t continuations;  /* of all of them; at most */
    uint64_t given_tokens;   /* that they begin with; at most */
    uint64_t rollout_tokens; /* that are drawn, at most */
    uint64_t weight_bytes;
    uint64_t memory_bytes; /* besides the weights, at most */
};

/* Reads all of the work.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_plan_make(struct hs_plan *p, const struct hs_run *r,
                               const struct hs_run_options *o,
                               struct hs_work *work, struct hs_error *err);

/* The same for the trajectories of a stream that are rolled out; source is of a
 * stream. */
HS_MUST_CHECK int hs_plan_stream(struct hs_plan *p, const struct hs_run *r,
                                 const struct hs_run_options *o,
                                 struct hs_rollsrc *source,
                                 struct hs_error *err);

/* Prints the plan as lines "name<TAB>value". */
void hs_plan_print(const struct hs_plan *p, FILE *f);

/* Prints each item as a JSON object a line: id, prompt, tokens and, where there
 * are some, completion_tokens.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_plan_dry_run(struct hs_work *work, FILE *f,
                                  struct hs_error *err);

/* Prints each trajectory of a stream as a JSON object a line: id, at (its
 * boundaries) and continuations.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_plan_dry_stream(const struct hs_run *r,
                                     const struct hs_run_options *o,
                                     struct hs_rollsrc *source, FILE *f,
                                     struct hs_error *err);

#endif
