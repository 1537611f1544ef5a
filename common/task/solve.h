/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * solve.h - lets a model work on items, grades what it wrote, and makes
 * records of it.
 */
#ifndef HS_SOLVE_H
#define HS_SOLVE_H

#include "base/error.h"
#include "model/model.h"
#include "model/sched.h"
#include "stream/stream.h"
#include "task/grade.h"
#include "task/work.h"

struct hs_solve_options {
    const struct hs_model *model;
    const struct hs_grader *grader;
    struct hs_sched_options sched; /* without its callbacks */
    enum hs_dtype dtype;           /* of the stored states */
    bool states_only;              /* the records in job->encoded are those of
                                    * the states, without the trajectory's */
    /* The next item, with a struct hs_job, such as hs_work_next() makes: 1, 0
     * at the end, or -1 with the reason. */
    int (*next)(void *ud, struct hs_item **item, struct hs_error *err);
    /* Items in the order of next(), borrowed: 0, or -1 to stop.  The records
     * are in job->encoded. */
    int (*emit)(void *ud, const struct hs_item *item, const struct hs_job *job);
    void *ud;
};

/* The text of an item's completion, without an EOS that ends it; n_eos is that
 * of the scheduler's options, 0 if there are to be none.  Owned by the
 * caller. */
char *hs_item_text(const struct hs_model *m, size_t n_eos,
                   const struct hs_item *item);

/* Solves all items.  Returns 0, or -1 with the reason: of next(), of an item
 * (a state that is not finite), or "" when emit() stopped it. */
HS_MUST_CHECK int hs_solve(const struct hs_solve_options *o,
                           struct hs_error *err);

#endif
