/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * share.h - which sequences have what in common, for the scheduler alone.
 *
 * Sequences of one group that have the same tokens are alike in every layer
 * below those they are edited in.  One of them leads: it computes all blocks.
 * Another that follows computes none below its fork, the first layer in which
 * either is edited, and lacks their keys and values.  It gets them when it has
 * to go on alone, so a seat must be regrouped before its leader's is free.
 */
#ifndef HS_SHARE_H
#define HS_SHARE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/edit.h"
#include "model/forward.h"
#include "model/sched.h"

/* What a slot holds. */
struct hs_seat {
    struct hs_item *item;       /* NULL: free */
    const struct hs_edit *edit; /* of the item; NULL for none */
    size_t leader;              /* a seat; its own if it follows none */
    size_t fork;                /* blocks that its leader computes for it, or
                                 * n_layers + 1: not even the last layer differs */
    bool complete;              /* nothing is left to feed or to draw */
};

/* Lets the seats at[0] .. at[n - 1], of one group and none of them fed yet,
 * follow the one whose edit is in the highest layer. */
void hs_seats_lead(struct hs_seat *seats, const size_t *at, size_t n,
                   size_t n_layers);

/* Behind a pass: who still has its leader's tokens stays, those that went
 * another way follow one of them, and st gets the keys and values that someone
 * now needs.  item->n_fed positions of each item have been fed. */
void hs_seats_regroup(struct hs_seat *seats, size_t n, struct hs_state *st,
                      size_t n_layers);

/* Sets a seat free, or the item to lead itself. */
void hs_seat_take(struct hs_seat *seats, size_t i, struct hs_item *item,
                  const struct hs_edit *edit);

#endif
