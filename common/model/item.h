/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * item.h - what the scheduler asks of one item (struct hs_item of sched.h)
 * alone: whether it fits, what it needs, what is left of it.
 */
#ifndef HS_ITEM_H
#define HS_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/model.h"
#include "model/sched.h"

/* What a pass relies on, since it cannot fail.  0, or -1 with the reason. */
HS_MUST_CHECK int hs_item_check(const struct hs_model *m,
                                const struct hs_item *item,
                                struct hs_error *err);

/* What sharing relies on: b has the tokens and the problem of a, the first of
 * its group, takes as much from a trunk, and has its sample if an edit asks for
 * it.  Before either is fed.  0, or -1 with the reason. */
HS_MUST_CHECK int hs_item_check_group(const struct hs_sched_options *o,
                                      const struct hs_item *a,
                                      const struct hs_item *b,
                                      struct hs_error *err);

/* What branches rely on: a trunk, or a branch with one to begin with, in an
 * unordered run.  0, or -1 with the reason. */
HS_MUST_CHECK int hs_item_check_branch(const struct hs_sched_options *o,
                                       const struct hs_item *item,
                                       struct hs_error *err);

/* Makes room for what an item may produce. */
void hs_item_prepare(const struct hs_model *m, const struct hs_sched_options *o,
                     struct hs_item *item);

bool hs_item_is_eos(const struct hs_sched_options *o, uint32_t token);

/* Tokens that are to be fed as far as is known: all but a final EOS. */
size_t hs_item_to_feed(const struct hs_sched_options *o,
                       const struct hs_item *item);

/* Whether nothing is left to feed or to draw. */
bool hs_item_complete(const struct hs_sched_options *o,
                      const struct hs_item *item);

/* Whether the state at a position of an item stays even when others follow. */
bool hs_item_keeps(const struct hs_sched_options *o, struct hs_item *item,
                   size_t pos);

/* The most states that an item can have, of a completion of limit tokens. */
size_t hs_item_most_states(enum hs_positions positions, size_t n_prompt,
                           size_t limit);

#endif
