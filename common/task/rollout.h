/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rollout.h - continues trajectories from where their steps end, K times each,
 * and counts how often that comes out right: what rollouts.h keeps.
 *
 * Continuation r of boundary t of trajectory ID begins with the prompt and the
 * first t tokens of the completion, and goes on until an EOS or until the whole
 * completion has max_tokens.  Its draws are keyed by (seed, XXH3-64 of "ID@t",
 * r, index of the token in the completion): they depend on nothing else, so
 * nothing here depends on batch, threads, sharing, or on what else is in
 * flight.  The whole completion is graded, beginning and continuation.
 *
 * With sharing, the tokens of a trajectory are fed once, as a trunk (sched.h),
 * and every continuation takes the keys and values of what it begins with from
 * there, all but its last token's, whose logits it needs.  Those of a boundary
 * are a group besides: as long as they draw the same tokens, these are computed
 * once.
 *
 * Memory: a batch of continuations, and at most as many trajectories as the
 * batch has places, with the records that stand behind them.
 */
#ifndef HS_ROLLOUT_H
#define HS_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/model.h"
#include "model/sched.h"
#include "stream/stream.h"
#include "task/grade.h"
#include "task/rollouts.h"
#include "task/step.h"

/* A trajectory on its way.  hs_rolled_new() makes an empty one. */
struct hs_rolled {
    struct hs_trajectory traj; /* rollouts are NULL before, set behind */
    struct hs_encoded before;  /* records that stand before its own, and */
    struct hs_encoded behind;  /* those that follow it: as they were */
    struct hs_encoded record;  /* its own, once all is counted */

    struct hs_rollouts counts; /* the engine's own from here on */
    char **names;              /* (counts.n - 1): "ID@t" */
    size_t boundary;           /* of the next continuation */
    uint32_t number;
    size_t n_open; /* continuations in flight */
    struct hs_item *trunk;
};

struct hs_rolled *hs_rolled_new(void);
/* Takes NULL. */
void hs_rolled_free(struct hs_rolled *r);

struct hs_rollout_counts {
    uint64_t trajectories, boundaries; /* those that were continued from */
    uint64_t continuations, undecided, tokens; /* tokens that were drawn */
    uint64_t given;               /* tokens that continuations began with */
    struct hs_sched_stats blocks; /* of all these tokens, and of trunks */
};

struct hs_rollout_options {
    const struct hs_model *model;
    const struct hs_grader *grader;
    struct hs_sched_options sched; /* without its callbacks; keeps no states;
                                    * batch >= 2 with sharing */
    struct hs_step_rule rule;
    uint32_t k;          /* continuations of a boundary, >= 1 */
    uint64_t max_tokens; /* of a whole completion */
    bool sharing;
    /* The next trajectory (taken over): 1, 0 at the end, -1 with the reason. */
    int (*next)(void *ud, struct hs_rolled **out, struct hs_error *err);
    /* Finished ones in the order of next(), borrowed: 0, or -1 with the
     * reason. */
    int (*emit)(void *ud, const struct hs_rolled *r, struct hs_error *err);
    void *ud;
};

/* The boundaries of a trajectory, as hs_step_split() has them: at (n) is the
 * caller's.  Returns 0, or -1 with "ID: reason" where it cannot be gone on
 * with: it has rollouts, was not graded by the grader, is longer than
 * max_tokens. */
HS_MUST_CHECK int hs_rollout_split(const struct hs_rollout_options *o,
                                   const struct hs_trajectory *t, uint32_t **at,
                                   size_t *n, struct hs_error *err);

/* Rolls out all of next().  counts are added to.  Returns 0, or -1 with the
 * reason. */
HS_MUST_CHECK int hs_rollout_run(const struct hs_rollout_options *o,
                                 struct hs_rollout_counts *counts,
                                 struct hs_error *err);

#endif
