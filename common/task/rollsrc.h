/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rollsrc.h - where the trajectories come from that are rolled out: a stream of
 * activations, or a model that works on problems.
 *
 * From a stream each trajectory comes with the records behind it as they are:
 * its states, and those of other types up to the next trajectory.  Records
 * before the first trajectory belong to that.
 *
 * From problems they are made some at a time, as many as the batch has places,
 * whenever none is left: the same as without rollouts, by hs_solve().
 */
#ifndef HS_ROLLSRC_H
#define HS_ROLLSRC_H

#include <stdint.h>

#include "base/error.h"
#include "stream/idset.h"
#include "stream/stream.h"
#include "task/rollout.h"
#include "task/runopt.h"
#include "task/solve.h"
#include "task/work.h"

struct hs_rollsrc_options {
    /* One of both, borrowed. */
    struct hs_reader *reader;
    struct hs_work *work;
    /* Of a stream. */
    const char *name;            /* for messages */
    uint32_t shard, n_shards;    /* trajectory i, from 0, belongs to shard
                                  * i mod n_shards + 1 */
    const struct hs_idset *done; /* ids that are left out; or NULL */
    /* Of problems: without next, emit and states_only. */
    struct hs_solve_options solve;
};

struct hs_rollsrc_counts {
    uint64_t done;                     /* left out, of a stream */
    uint64_t tokens, generated, edits; /* of what was handed out */
};

struct hs_rollsrc;

/* o is copied. */
struct hs_rollsrc *hs_rollsrc_new(const struct hs_rollsrc_options *o);
void hs_rollsrc_free(struct hs_rollsrc *s);

/* The next trajectory, owned by the caller: next() of hs_rollout_run(), ud a
 * struct hs_rollsrc.  Returns 1, 0 at the end, or -1 with the reason. */
HS_MUST_CHECK int hs_rollsrc_next(void *ud, struct hs_rolled **out,
                                  struct hs_error *err);

/* How a run rolls out: all but next, emit and ud. */
struct hs_rollout_options hs_run_rollouts(const struct hs_run *r,
                                          const struct hs_run_options *o);

const struct hs_rollsrc_counts *hs_rollsrc_counts(const struct hs_rollsrc *s);

#endif
