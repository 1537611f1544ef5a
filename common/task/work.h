/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * work.h - which items a run is made of: every sample of every problem of one
 * shard, but for those that are done.
 *
 *     struct hs_work *w = hs_work_new(&options);
 *     struct hs_item *item;
 *     int rc;
 *
 *     while ((rc = hs_work_next(w, &item, &err)) > 0)
 *         use(item), hs_item_free(item);
 *
 * Memory: one problem, and 16 to 32 bytes for the id of each item of all
 * shards.
 */
#ifndef HS_WORK_H
#define HS_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/sched.h"
#include "stream/idset.h"
#include "stream/stream.h"
#include "task/problem.h"
#include "task/prompt.h"
#include "task/step.h"

struct hs_work_options {
    const struct hs_prompter *prompter;
    struct hs_problem_reader *problems;
    const char *name;         /* of the input, for messages */
    uint32_t shard, n_shards; /* problem i, from 0, belongs to shard
                               * i mod n_shards + 1 */
    size_t samples;           /* answers to each problem */
    size_t max_tokens;
    bool replay; /* the completions that came with the problems */
    struct hs_step_rule step;
    const struct hs_idset *done; /* ids of items to be left out; or NULL */
};

/* What an item's user member points to. */
struct hs_job {
    /* id, problem, sample, prompt, gold and meta are set; hs_solve() sets the
     * rest. */
    struct hs_trajectory traj;
    struct hs_step step;       /* where in its steps the completion is */
    struct hs_encoded encoded; /* records, once it is finished */
    struct hs_error err;       /* why it could not be; else empty */
};

/* What was noticed, for warnings at the end. */
struct hs_work_counts {
    uint64_t problems; /* of all shards */
    uint64_t items;    /* handed out */
    uint64_t done;     /* left out because they are done */
    uint64_t bos_twice, bos_missing, unused_completions; /* problems */
    char *bos_twice_at, *bos_missing_at, *unused_at; /* ids of the first ones */
};

/* What hs_item_new() makes an item of; all is borrowed, and copied. */
struct hs_item_parts {
    const char *problem; /* its id */
    uint64_t sample;
    const char *prompt, *gold; /* or NULL */
    json_t *meta;
    const uint32_t *tokens; /* (n_tokens): the prompt, and the completion of a
                             * replay */
    size_t n_tokens, n_prompt, max_tokens;
    bool replay;
    struct hs_step_rule step;
};

/* An item with a struct hs_job.  id is taken over. */
struct hs_item *hs_item_new(char *id, const struct hs_item_parts *p);

struct hs_work;

/* o is borrowed. */
struct hs_work *hs_work_new(const struct hs_work_options *o);
void hs_work_free(struct hs_work *w);

/* The next item, owned by the caller, with a struct hs_job.  Returns 1, 0 at
 * the end, or -1 with "name: line N: reason". */
HS_MUST_CHECK int hs_work_next(struct hs_work *w, struct hs_item **item,
                               struct hs_error *err);

/* The problem that the last item belongs to, and its prompt: borrowed until
 * the next hs_work_next(). */
const struct hs_problem *hs_work_problem(const struct hs_work *w);
const struct hs_prompt *hs_work_prompt(const struct hs_work *w);

const struct hs_work_counts *hs_work_counts(const struct hs_work *w);

#endif
