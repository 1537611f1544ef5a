/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ablation.h - what ablate-eval does: problems through the unedited model and
 * through every arm.
 *
 *     struct hs_ablation a;
 *
 *     if (hs_ablation_open(&a, &options, STDIN_FILENO, &err) < 0) ...
 *     hs_ablation_head(&a, &head);
 *     ...hs_sink_open() with that head...
 *     if (hs_ablation_run(&a, &sink, &err) < 0) ...
 *     hs_ablation_close(&a);
 *
 * Memory: that of hs_sched_run(), 32 to 64 bytes for each item of every arm,
 * and the answers to the problems of --own.
 */
#ifndef HS_ABLATION_H
#define HS_ABLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "ablate/ablateopt.h"
#include "ablate/arms.h"
#include "ablate/calib.h"
#include "ablate/donors.h"
#include "ablate/ownset.h"
#include "base/progress.h"
#include "base/reread.h"
#include "stream/sink.h"
#include "task/runopt.h"

/* What was done, for messages. */
struct hs_ablation_counts {
    uint64_t items, tokens, generated, edits; /* of this run */
    uint64_t
        done; /* items that were there already, those of the baseline too */
    uint64_t baseline; /* items taken from --baseline */
    uint64_t noops;    /* items whose noop was found equal to none */
};

struct hs_ablation {
    const struct hs_ablate_options *o;
    struct hs_run run;
    struct hs_reread problems, also; /* also.fd is -1 without --also */
    int also_fd;
    char also_hash[33];
    struct hs_list layers; /* where to edit, resolved */
    struct hs_rankings rank;
    struct hs_calib calib;
    FILE *states; /* of the calibration; NULL with --acts */
    struct hs_armset arms;
    struct hs_donors *donors; /* or NULL */
    struct hs_ids neutral;    /* tokens of the neutral text */
    char neutral_hash[33];
    struct hs_ownset own;
    /* Of the run. */
    struct hs_idset nones; /* which items the unedited model did, and how */
    struct hs_sink *sink;
    enum hs_progress_mode progress_mode;
    struct hs_progress progress;
    uint64_t expected; /* items, 0 if unknown */
    struct hs_ablation_counts counts;
    struct hs_sched_stats shared; /* what arms had in common */
    struct hs_error err;          /* of a callback */
};

/* Opens the model, reads the ranking, calibrates, makes the arms.  o is
 * borrowed; problems are read from fd, which stays the caller's.  Returns 0, or
 * -1 with the reason; *a can be closed either way. */
HS_MUST_CHECK int hs_ablation_open(struct hs_ablation *a,
                                   const struct hs_ablate_options *o, int fd,
                                   struct hs_error *err);
void hs_ablation_close(struct hs_ablation *a);

/* Fills an empty head of kind "arms". */
void hs_ablation_head(const struct hs_ablation *a, struct hs_head *head);

/* Answers that an earlier run of the same kind has: they need not be made
 * again.  sink was opened to be resumed.  Returns 0 or -1. */
HS_MUST_CHECK int hs_ablation_resume(struct hs_ablation *a,
                                     struct hs_sink *sink,
                                     struct hs_error *err);

/* Copies the unedited arm out of another stream of arms into sink, as far as
 * it has answers to the problems of this run.  Returns 0, or -1: the stream is
 * of another model, kernel or run, a problem has another prompt or gold answer
 * there, or it is damaged. */
HS_MUST_CHECK int hs_ablation_baseline(struct hs_ablation *a,
                                       struct hs_sink *sink, const char *path,
                                       struct hs_error *err);

/* Runs whatever is not done yet, and writes it to sink.  Returns 0, or -1 with
 * the reason: noop was not none, edits were not what they must be... */
HS_MUST_CHECK int hs_ablation_run(struct hs_ablation *a, struct hs_sink *sink,
                                  struct hs_error *err);

/* A trajectory of the unedited arm (no other is looked at): to be compared with
 * noop, and to be replayed. */
void hs_ablation_saw(struct hs_ablation *a, const struct hs_trajectory *t);

#endif
