/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rollouts.h - the value of the states where steps end, by continuing from
 * them: what stands in "rollouts" of a trajectory (hs-stream(5)).
 *
 * From the end of each step the model went on K times, and V-hat(s_t) is the
 * share that ended right (Monte-Carlo return of a terminal reward).  The last
 * boundary is the end of the answer: its value is the reward, and nothing was
 * continued from it.
 *
 * The continuations of a boundary are independent of each other, of those of
 * other boundaries, and of the trajectory behind it.  Those with an even number
 * are one half, the others the other: whoever selects steps by one half can
 * score them by the other, which knows nothing of the noise that selected.
 */
#ifndef HS_ROLLOUTS_H
#define HS_ROLLOUTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* {0} is empty; all pointers are owned; tensors (n), n >= 1. */
struct hs_rollouts {
    char *rule;              /* of steps: "line", "every:8", ... */
    uint64_t min_tokens;     /* of a step */
    size_t n;                /* boundaries, s_0 and the end included */
    uint32_t *at;            /* t, ascending from 0 to T, as in step.h */
    uint32_t *k, *successes; /* continuations with a verdict; right ones */
    uint32_t *half_k, *half_successes; /* the same of those with even numbers */
    uint32_t *undecided;               /* continuations without a verdict */
    double *value, *lo, *hi; /* successes / k, and its Wilson interval of
                              * level 0.95; NaN if k is 0; at the last
                              * boundary all three are the reward, NaN if it
                              * is undecided */
    uint64_t tokens;         /* that were generated for all of this */
};

enum hs_rollouts_part {
    HS_ROLLOUTS_ALL,
    HS_ROLLOUTS_EVEN, /* the half */
    HS_ROLLOUTS_ODD   /* the other half */
};

/* Makes zeroed room for n boundaries; rule is copied. */
void hs_rollouts_init(struct hs_rollouts *r, const char *rule,
                      uint64_t min_tokens, size_t n);
void hs_rollouts_free(struct hs_rollouts *r);

/* Counts continuation number of boundary i: reward 1, 0 or -1 for undecided. */
void hs_rollouts_count(struct hs_rollouts *r, size_t i, uint32_t number,
                       int reward);

/* Fills value, lo and hi; reward is that of the trajectory, -1 for none. */
void hs_rollouts_finish(struct hs_rollouts *r, int reward);

/* V-hat at boundary i by some of the continuations; the reward at the last one.
 * NaN if there are none. */
double hs_rollouts_value(const struct hs_rollouts *r, size_t i,
                         enum hs_rollouts_part part);

/* As the object of a trajectory; NaN is null.  A new reference. */
json_t *hs_rollouts_json(const struct hs_rollouts *r);

/* Reads it back and checks it: lengths, order, that at ends at length (T),
 * counts that fit, value, lo and hi those of the counts and of the reward
 * (-1: undecided).  Returns 0, or -1 with the reason; *r can be freed either
 * way. */
HS_MUST_CHECK int hs_rollouts_read(struct hs_rollouts *r, const json_t *j,
                                   uint64_t length, int reward,
                                   struct hs_error *err);

#endif
