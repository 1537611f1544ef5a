/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armsum.h - what streams of kind "arms" come to: a line of figures an arm, and
 * a verdict in words.
 *
 *     struct hs_armsum *s = hs_armsum_new(&options);
 *
 *     while (more files)
 *         if (hs_armsum_add(s, reader, name, &err) < 0) ...
 *     if (hs_armsum_finish(s, &err) < 0) ...
 *     hs_armsum_print(&buf, s, "table");
 *     hs_armsum_free(s);
 *
 * Memory: a few bytes an item and arm; texts are not kept.
 */
#ifndef HS_ARMSUM_H
#define HS_ARMSUM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ablate/arms.h"
#include "base/mem.h"
#include "stats/auc.h"
#include "stream/stream.h"

/* What a trajectory of an arm is: its member "part". */
#define HS_PART_PROBLEMS "problems" /* an answer to a problem */
#define HS_PART_ALSO     "also"     /* to one of the unrelated task */
#define HS_PART_OWN      "own"     /* a replay of the unedited model's answer */
#define HS_PART_NEUTRAL  "neutral" /* a replay of a piece of neutral text */

struct hs_armsum_options {
    double level;  /* of intervals, 0.95 */
    double alpha;  /* of verdicts, 0.05 */
    size_t n_boot; /* draws of the bootstrap, 10000 */
    uint64_t seed; /* of the bootstrap */
};

/* Answers of one arm to the problems of one part, beside the unedited model's;
 * undecided answers count in n_undecided only, pairs with one in none. */
struct hs_arm_task {
    uint64_t n, n_right, n_undecided; /* n: decided */
    struct hs_interval accuracy;      /* Wilson */
    uint64_t n_pairs, lost, gained;   /* items right without the edit and wrong
                                       * with it, and the other way round */
    struct hs_interval diff; /* arm less none, bootstrap over problems */
    double p; /* exact McNemar; with several samples a problem hs_sign_flip()
               * over problems.  NaN for none */
    double p_holm; /* over all edited arms of the report and part that were run,
                    * draws included; NaN for none and noop */
};

/* Where an arm stands among the draws of its layer, size, mode and where; an
 * arm of a file, among those of as many coordinates.  Draws without answers do
 * not count. */
struct hs_arm_place {
    size_t n_draws;
    size_t n_as_low;                 /* draws whose accuracy is as low */
    double mean, lowest, highest, p; /* accuracy of draws; hs_rank_p() */
};

struct hs_arm_result {
    const struct hs_arm *arm; /* owned by the summary */
    bool same;                /* it was not run: all figures are those of
                               * arm->same_as */
    struct hs_arm_task main;  /* part "problems" */
    struct hs_arm_task also;  /* n 0 if there is none */
    /* Of the completions of part "problems", all items: */
    uint64_t n_items;
    double parsed, eos, length; /* shares: an answer was found; ended by EOS;
                                 * cut by the length limit */
    double mean_tokens;         /* of completions, an EOS included */
    double repetition; /* mean of 1 - distinct / all 4-grams of tokens (Welleck
                        * et al. 2020, seq-rep-4); 0 for fewer than 4 */
    double own_ppl, neutral_ppl; /* exp(-mean log-probability) over all tokens
                                  * of the part; NaN if there is none */
    uint64_t edits, edited_rows; /* of all parts: coordinates written; rows
                                  * they are of: edits = edited_rows *
                                  * n_coords */
    /* Of arms that are not drawn; n_draws 0 where there is nothing to compare
     * with, also for none and noop. */
    struct hs_arm_place random, random_sinks, rms;
};

/* Of the whole summary. */
struct hs_armsum_power {
    double smallest_drop; /* hs_smallest_drop() at alpha, unadjusted, with the
                           * pairs that none has with itself: its decided
                           * answers; samples of a problem count as independent.
                           * NaN if there is none */
    double power;         /* 0.8 */
    double p_gained;      /* mean share of gained pairs of the random draws, or
                           * without of the RMS-matched, or of all edited arms,
                           * or 0 */
};

struct hs_armsum;

struct hs_armsum *hs_armsum_new(const struct hs_armsum_options *o);
void hs_armsum_free(struct hs_armsum *s);

/* Reads a stream to its end; several streams may share arms and items, and may
 * come in any order: the figures are the same bits.  Not after
 * hs_armsum_finish().  Returns 0, or -1: it is of another kind, its run differs
 * from the first in more than arms (hs_run_same() but for "arms"), an arm of
 * one label is another one, a trajectory has an unknown arm or part, an item of
 * an arm comes twice with different contents, the count of edits is not what it
 * must be: n_coords times the rows that were fed and that the edit reaches.
 * The last token of an answer was fed unless it is the end of text; of a
 * replay, which does not say so, both counts are right. */
HS_MUST_CHECK int hs_armsum_add(struct hs_armsum *s, struct hs_reader *r,
                                const char *name, struct hs_error *err);

/* Computes all figures, once.  Returns 0, or -1 when there is no unedited arm,
 * or noop and none of an item differ: in tokens, bits of log-probabilities and
 * entropies, or why they end.  Arms without items are reported as such (n_items
 * 0, figures NaN). */
HS_MUST_CHECK int hs_armsum_finish(struct hs_armsum *s, struct hs_error *err);

/* Results stand in this order: none; then by layer, noop first, mode, where,
 * number of coordinates, kind, draw. */
size_t hs_armsum_count(const struct hs_armsum *s);
const struct hs_arm_result *hs_armsum_result(const struct hs_armsum *s,
                                             size_t i);
/* The run of the first head, with all arms, in the order of results. */
const json_t *hs_armsum_run(const struct hs_armsum *s);
const struct hs_armsum_power *hs_armsum_power(const struct hs_armsum *s);

/* The verdict: lines of words, an array of strings; a new reference.  An effect
 * is one whose p_holm is at most alpha.  An arm that lowers accuracy still
 * speaks where the perplexity of neutral text (without, of the unedited model's
 * own) is below 1.5 times that without the edit, and hardly where it is 5 times
 * as large or more. */
json_t *hs_armsum_verdict(const struct hs_armsum *s);

/* "table": aligned, draws folded into a line each of mean and range, the
 * verdict below; "tsv": a line an arm behind a line of names, then nothing;
 * "json": one object {"arms": [...], "verdict": [...], ...}.  A figure that
 * does not exist is "-", empty, null.  Accuracies are shares of 1, in tables
 * percent. */
void hs_armsum_print(struct hs_buf *b, const struct hs_armsum *s,
                     const char *how);

#endif
