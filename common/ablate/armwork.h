/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armwork.h - the items of one part of an ablation: whatever is worked on, once
 * for each arm, all arms of a thing one after the other.
 *
 * Arms of a layer are a group, so that they share what they have in common; the
 * unedited model is in the first one, and noop, which is to prove something, in
 * none: it comes last.  Ids are "LABEL/ITEM", in parts other than "problems"
 * "PART:LABEL/ITEM".
 */
#ifndef HS_ARMWORK_H
#define HS_ARMWORK_H

#include "ablate/ablation.h"
#include "task/work.h"

struct hs_armwork {
    const struct hs_ablation *a;
    const char *part;
    const struct hs_idset *done;
    /* The next thing, before any arm: 1, 0 at the end, or -1. */
    int (*supply)(struct hs_armwork *w, struct hs_item **base,
                  struct hs_error *err);
    struct hs_work *work; /* supply's */
    size_t piece;         /* supply's */
    uint64_t n_done;      /* items left out, since they were done */
    struct hs_item *base; /* private */
    size_t arm;           /* private */
    uint64_t group;       /* private */
};

/* The id of an arm's item, owned by the caller; and the item's part of such an
 * id, borrowed. */
char *hs_arm_item_id(const char *label, const char *part, const char *item);
const char *hs_arm_item(const struct hs_trajectory *t);

/* Whose problems to work on, as the run asks: all borrowed. */
struct hs_work_options hs_ablation_work(const struct hs_ablation *a,
                                        struct hs_problem_reader *problems,
                                        const char *name);

/* next() of hs_solve(), ud a struct hs_armwork. */
HS_MUST_CHECK int hs_armwork_next(struct hs_armwork *w, struct hs_item **item,
                                  struct hs_error *err);

/* The arm of an item. */
const struct hs_arm *hs_armwork_arm(const struct hs_armwork *w,
                                    const struct hs_item *item);

/* Frees what is between two calls. */
void hs_armwork_end(struct hs_armwork *w);

/* Supplies: of a struct hs_work; of those of its items whose unedited answer is
 * in a->own, as replays; of pieces of the neutral text, as replays. */
int hs_supply_work(struct hs_armwork *w, struct hs_item **base,
                   struct hs_error *err);
int hs_supply_own(struct hs_armwork *w, struct hs_item **base,
                  struct hs_error *err);
int hs_supply_neutral(struct hs_armwork *w, struct hs_item **base,
                      struct hs_error *err);

#endif
