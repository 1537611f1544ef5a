/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * extraction.h - what hs-extract does between an open input and an open
 * output: solve problems, or roll out what it solves or reads.
 */
#ifndef HS_EXTRACTION_H
#define HS_EXTRACTION_H

#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"
#include "stream/input.h"
#include "stream/sink.h"
#include "stream/stream.h"
#include "task/rollout.h"
#include "task/rollsrc.h"
#include "task/runopt.h"
#include "task/work.h"

struct hs_extraction {
    /* Set before it is opened, borrowed. */
    struct hs_run_options *o;
    struct hs_sink *sink;
    struct hs_progress *progress;

    /* Set by that, owned: a run, and a stream or problems. */
    struct hs_run run;
    struct hs_reader *reader; /* or NULL, and */
    struct hs_work *work;     /* or NULL */
    struct hs_work_options work_options;
    struct hs_problem_reader *problems;
    const char *name; /* of the input; borrowed */

    uint64_t expected; /* items of the input, 0 if unknown */

    /* What came of it. */
    uint64_t items; /* written */
    uint64_t done;  /* left out because they are done */
    uint64_t tokens, generated, edits;
    struct hs_rollout_counts rolled;
};

/* Opens model and input: fd, which begins with what is ahead.  For a stream
 * (ahead.is_stream), what o does not give is taken from its head.  Returns 0,
 * or -1 with the reason; x can be closed either way. */
HS_MUST_CHECK int hs_extraction_open(struct hs_extraction *x, int fd,
                                     const char *name,
                                     const struct hs_ahead *ahead,
                                     struct hs_error *err);
void hs_extraction_close(struct hs_extraction *x);

/* Makes the head of the output, without this program in its history. */
void hs_extraction_head(const struct hs_extraction *x, struct hs_head *head);

/* Where it takes trajectories from; of problems or of a stream. */
struct hs_rollsrc *hs_extraction_source(const struct hs_extraction *x);

/* Does all of it; the sink stays open.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_extraction_run(struct hs_extraction *x,
                                    struct hs_error *err);

/* What was rolled out, as a line for people: appended to b. */
void hs_extraction_describe(const struct hs_rollout_counts *c,
                            struct hs_buf *b);

#endif
