/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sched.h - many sequences through one forward pass.
 *
 * Items are admitted in input order into slots, advanced together, replaced
 * at once when finished, and handed back in input order.  Prompts are fed in
 * runs beside the single tokens of other sequences.  Nothing that is computed
 * for an item depends on the others.
 *
 * The states of an item: s_0 is the last prompt token, s_t token t of the
 * completion.  Every token of a completion is fed, but for an EOS that ends
 * it: so there is one state per token, whether it was generated or given.
 * Tokens of the prompt before its last have states too, which are kept only if
 * HS_POSITIONS_TOKENS asks for them.
 */
#ifndef HS_SCHED_H
#define HS_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "model/edit.h"
#include "model/forward.h"
#include "model/sampler.h"

enum hs_finish {
    HS_FINISH_EOS,    /* an EOS token ended it */
    HS_FINISH_LENGTH, /* max_tokens or the model's context did */
    HS_FINISH_REPLAY, /* the given completion did */
    HS_FINISH_STOP    /* stops() of the options did */
};

/* Which states are kept. */
enum hs_positions {
    HS_POSITIONS_ALL,
    HS_POSITIONS_LAST,
    HS_POSITIONS_S0,
    HS_POSITIONS_STEP_ENDS, /* s_0, ends of steps, the last state */
    HS_POSITIONS_TOKENS,    /* every token that is fed, from position 0 on */
    HS_POSITIONS_EVERY      /* s_0, s_K, s_2K, ... */
};

struct hs_item {
    /* Input; the pointers are owned by the item. */
    const char *id;   /* for messages; borrowed */
    uint64_t problem; /* hash of the problem's id: the sampler's key */
    uint32_t sample;
    uint32_t *tokens;  /* prompt, then (replay) the completion; grows */
    size_t n_prompt;   /* >= 1 */
    size_t n_tokens;   /* n_prompt, or more for a replay, or where a completion
                        * is given as far as it goes: it is gone on with, and
                        * what was given is not scored (logprob 0) */
    bool replay;       /* only score what is given */
    size_t max_tokens; /* of the completion */
    const struct hs_edit *edit;       /* borrowed; NULL: that of the options */
    const struct hs_sampler *sampler; /* borrowed; NULL: that of the options */
    /* Items of one group, if it is not 0, have the same tokens at first, the
     * same problem, the same sample where an edit draws by it, and come one
     * after the other.  What two of them have in common, the same tokens so far
     * below the layers they are edited in, is computed once; not a bit of a
     * result depends on that.  A group starts when there are slots for all of
     * it, so the batch should be some times as large; of one that is larger
     * than the batch, as many as the batch has slots share.  An edit of no
     * coordinates counts as none: to see that it changes nothing, leave the
     * item out of the group.  Where states are kept (layers), nothing is
     * shared. */
    uint64_t group;
    /* Branches: items that begin with the tokens of another one, the trunk,
     * which is in flight and came first.  The first n_share tokens (of fewer
     * than n_tokens) are taken from it when it has been fed as far: neither is
     * their forward pass repeated, nor are their states kept; not a bit of the
     * rest depends on that.  A trunk is only fed: replay and hold are true, and
     * it is not emitted but freed, once hold is false and no branch waits.  The
     * caller, in next(), may append tokens to it, up to n_prompt + max_tokens,
     * and may let go of it; behind that it is no longer his.  Trunk and branch
     * have the same edit; branches may be groups, if they share as much, which
     * the trunk needs a slot besides; where there is an edit, which may ask
     * for it, the same n_prompt too.  At most batch - 1 trunks at a time,
     * and in unordered runs only. */
    struct hs_item *trunk; /* of a branch; borrowed */
    size_t n_share;
    bool hold;
    void *user;                    /* the caller's */
    void (*free_user)(void *user); /* or NULL */

    /* Output. */
    float *logprob; /* (n_tokens - n_prompt) */
    float *entropy; /* (n_tokens - n_prompt) */
    enum hs_finish finish;
    uint32_t *positions; /* (n_states): positions whose states are kept */
    size_t n_states;
    float *states;  /* (n_states, layers kept, dim) */
    uint64_t edits; /* coordinates that were overwritten */

    /* The scheduler's own. */
    size_t cap_tokens, cap_states, n_fed;
    size_t n_branches; /* of a trunk: those that wait */
    bool is_trunk;     /* hold was true when it came */
    bool tentative;    /* the last state is only kept if none follows */
    bool done;
};

void hs_item_free(struct hs_item *item);

/* A row is a token of an item on its way through the model. */
struct hs_sched_stats {
    uint64_t computed; /* blocks, of all rows */
    uint64_t shared;   /* those that were another row's already */
};

enum {
    HS_SCHED_LATER = 2 /* of next() */
};

struct hs_sched_options {
    size_t batch;          /* sequences at a time, >= 1 */
    struct hs_team *team;  /* whose threads work; NULL: the caller alone */
    struct hs_list layers; /* whose states are kept; may be empty */
    enum hs_positions positions;
    uint32_t every; /* K of HS_POSITIONS_EVERY */
    struct hs_sampler sampler;
    const struct hs_edit *edit; /* NULL for none */
    const uint32_t *eos;
    size_t n_eos;
    struct hs_sched_stats *stats; /* is added to; or NULL */
    bool unordered;               /* emit items as they are finished */
    /* Whether a completion stops behind a token that was drawn for it (which is
     * fed, and is no EOS); NULL: never.  Called once for each, in order, by
     * several threads at a time for different items. */
    bool (*stops)(void *ud, struct hs_item *item, uint32_t token);
    /* Says whether a token ends a step; for HS_POSITIONS_STEP_ENDS.  Called
     * once for each token of a completion that is fed, in order. */
    bool (*ends_step)(void *ud, struct hs_item *item, uint32_t token);
    /* The next item (taken over) into *item: 1, 0 at the end, -1; or
     * HS_SCHED_LATER: none before another item was emitted, which one will be.
     */
    int (*next)(void *ud, struct hs_item **item);
    /* An item is finished, in any order; may shrink it.  Called by several
     * threads at a time, for different items. */
    void (*finished)(void *ud, struct hs_item *item);
    /* Finished items in input order, unless unordered; takes the item.  0 or
     * -1. */
    int (*emit)(void *ud, struct hs_item *item);
    void *ud;
};

/* Runs all items of next() through the model.  Returns 0, or -1 when a
 * callback failed (err untouched), an item does not fit the model (longer
 * than its context, ids beyond its vocabulary) or its group, or a number was
 * not finite (err says where: err->text is empty in the first case). */
HS_MUST_CHECK int hs_sched_run(const struct hs_model *model,
                               const struct hs_sched_options *o,
                               struct hs_error *err);

/* Bytes that a run takes, for items of n_prompt and max_tokens tokens. */
size_t hs_sched_bytes(const struct hs_model *model,
                      const struct hs_sched_options *o, size_t n_prompt,
                      size_t max_tokens);

#endif
