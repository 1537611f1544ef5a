/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * search.h - what hs-search does: answers to problems by the best of several
 * candidates, as scorers see it.
 *
 *     struct hs_search s;
 *
 *     if (hs_search_open(&s, &options, STDIN_FILENO, &err) < 0) ...
 *     hs_search_head(&s, &head);
 *     ...hs_sink_open() with that head...
 *     if (hs_search_run(&s, &sink, &err) < 0) ...
 *     hs_search_close(&s);
 *
 * A hunt is one answer on its way: of one problem, scorer and seed; with whole
 * answers, of one problem and seed, for all scorers.  Many hunts are under way
 * in one hs_sched_run(): each has a trunk, its answer so far, whose branches
 * the candidates and rollouts are, so that the cost is linear in the answer's
 * length, and what one hunt waits for is done beside the others' work.
 *
 * Candidate number k from a prefix is drawn with the sampler key
 * XXH3_64bits("ID@H"), ID the problem's id, H the prefix's XXH3_64bits (of the
 * answer's tokens so far, 32-bit little-endian) in 16 hex digits; sample k; the
 * token's index in the candidate.  Rollouts of the oracle have "ID@H/value",
 * H that of the prefix with the candidate.  Whole answers have the keys of
 * hs-extract(1).  So scorers meet the same candidates wherever they stand at
 * the same prefix.
 *
 * Answers are written in the order of problems, seeds, scorers, whatever order
 * they are finished in.  Memory: that of hs_sched_run(), some answers that wait
 * for their turn, 16 to 32 bytes for each id.
 */
#ifndef HS_SEARCH_H
#define HS_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/progress.h"
#include "search/searchopt.h"
#include "stream/sink.h"
#include "task/runopt.h"
#include "task/work.h"

/* What was done, for messages. */
struct hs_search_counts {
    uint64_t answers, done; /* of this run; there already */
    uint64_t generated;     /* tokens drawn for all of it */
};

struct hs_hunt;
struct hs_question;

struct hs_search {
    struct hs_search_options *o;
    struct hs_run run;
    struct hs_sink *sink;
    enum hs_progress_mode progress_mode;
    struct hs_progress progress;
    struct hs_search_counts counts;
    struct hs_sched_stats shared;
    uint64_t expected; /* answers, 0 if unknown */
    struct hs_error err;
    /* Private, of the run. */
    struct hs_problem_reader *problems;
    struct hs_work_options work_options;
    struct hs_work *work;
    struct hs_question *question; /* whose hunts begin now; or NULL */
    size_t seed_at, scorer_at;    /* which is the next one */
    struct hs_hunt **hunts;       /* (window) ring in order */
    size_t window, head, n_hunts, n_active, most_active;
    struct hs_hunt **due; /* (window): n_due whose items are all back */
    size_t n_due;
    struct hs_item **ready; /* (cap_ready): from next_ready to n_ready */
    size_t next_ready, n_ready, cap_ready;
    bool ended; /* no more problems */
};

/* Reads the scorers' files and opens the model.  o is borrowed, and completed;
 * problems are read from fd, which stays the caller's.  Returns 0, or -1 with
 * the reason; *s can be closed either way. */
HS_MUST_CHECK int hs_search_open(struct hs_search *s,
                                 struct hs_search_options *o, int fd,
                                 struct hs_error *err);
void hs_search_close(struct hs_search *s);

/* Fills an empty head of kind "search". */
void hs_search_head(const struct hs_search *s, struct hs_head *head);

/* Finds all answers that sink has not, and writes them.  Returns 0, or -1 with
 * the reason. */
HS_MUST_CHECK int hs_search_run(struct hs_search *s, struct hs_sink *sink,
                                struct hs_error *err);

#endif
