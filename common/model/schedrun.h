/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * schedrun.h - a run of the scheduler, for sched.c and schedpass.c alone.
 */
#ifndef HS_SCHEDRUN_H
#define HS_SCHEDRUN_H

#include "model/item.h"
#include "model/sched.h"
#include "model/share.h"

enum {
    HS_SCHED_LOGIT_ROWS = 64 /* rows whose logits are held at a time */
};

/* What becomes of one row of a pass. */
struct hs_fate {
    struct hs_item *item;
    size_t state; /* where its state goes, SIZE_MAX for nowhere */
    bool predict; /* its logits are wanted */
    size_t edits; /* coordinates that were overwritten */
};

struct hs_sched {
    const struct hs_model *model;
    const struct hs_sched_options *o;
    struct hs_team *team;
    struct hs_state *st;
    struct hs_error *err;

    struct hs_seat *seats; /* (batch) */
    size_t *at;            /* (batch) seats that are being taken */
    size_t n_free;
    struct hs_item **retired; /* (batch), n_retired of the last pass */
    size_t n_retired;
    struct hs_item **queue; /* (window) ring in input order; of an unordered
                             * run, those that wait */
    size_t window, head, n_queued;
    size_t n_waiting; /* the last of the queue, which have no slot yet */
    bool input_ended, shares;
    bool later; /* the caller has none before another one was emitted */

    size_t max_rows;
    struct hs_row *rows;         /* (max_rows) */
    struct hs_fate *fates;       /* (max_rows) */
    struct hs_row *built_rows;   /* (max_rows), and */
    struct hs_fate *built_fates; /* (max_rows), before they are put in order */
    uint32_t *place;             /* (max_rows) where a row that was built is */
    size_t n_rows;
    struct hs_sched_stats stats;
    uint32_t
        index[HS_SCHED_LOGIT_ROWS]; /* rows whose logits are held: n_index */
    size_t n_index;
    float *logits;  /* (HS_SCHED_LOGIT_ROWS, n_vocab) */
    float *scratch; /* (threads, sampler scratch) */
    bool *bad;      /* (HS_SCHED_LOGIT_ROWS) */
};

/* The edit of an item, or NULL. */
const struct hs_edit *hs_sched_edit(const struct hs_sched *s,
                                    const struct hs_item *item);

/* Chooses the rows of the next pass. */
void hs_sched_build(struct hs_sched *s);

/* Runs them, keeps states, edits.  0 or -1. */
HS_MUST_CHECK int hs_sched_forward(struct hs_sched *s);

#endif
