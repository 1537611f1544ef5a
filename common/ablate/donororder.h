/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * donororder.h - the donors of an item, in the order drawn for it.
 */
#ifndef HS_DONORORDER_H
#define HS_DONORORDER_H

#include <stddef.h>
#include <stdint.h>

struct hs_donor {
    uint64_t problem;  /* XXH3-64 of its id */
    uint32_t n_prompt; /* tokens of the prompt */
    uint32_t length;   /* tokens of the completion that have a state */
    size_t first;      /* row of its first state */
};

/* What is asked of the order of an item: "the first donor that is as long as
 * t", for any t.  So only those stay that are longer than all before them, the
 * longest first: a handful.  The last is the first of the whole order. */
struct hs_donor_order {
    struct hs_donor_order *next; /* private */
    uint64_t problem;
    uint32_t sample;
    size_t n;
    uint32_t donor[]; /* (n) */
};

struct hs_donor_orders;

/* v (n): borrowed. */
struct hs_donor_orders *hs_donor_orders_new(const struct hs_donor *v, size_t n,
                                            uint64_t seed);
void hs_donor_orders_free(struct hs_donor_orders *o);

/* The order of an item, made when it is first asked for, kept until the end;
 * called by any thread.  n is 0 if all donors are of its problem. */
const struct hs_donor_order *hs_donor_orders_get(struct hs_donor_orders *o,
                                                 uint64_t problem,
                                                 uint32_t sample);

#endif
