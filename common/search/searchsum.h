/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * searchsum.h - what streams of kind "search" come to: a line of figures a
 * scorer, its differences from greedy and random, and words.
 *
 *     struct hs_searchsum *s = hs_searchsum_new(&options);
 *
 *     while (more files)
 *         if (hs_searchsum_add(s, reader, name, &err) < 0) ...
 *     if (hs_searchsum_finish(s, &err) < 0) ...
 *     hs_searchsum_print(&buf, s, "table");
 *     hs_searchsum_free(s);
 *
 * Memory: a byte for each answer, 8 for its hash, and the ids of problems.
 */
#ifndef HS_SEARCHSUM_H
#define HS_SEARCHSUM_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "search/scorer.h"
#include "stats/auc.h"
#include "stream/stream.h"

struct hs_searchsum_options {
    double level;  /* of intervals, 0.95 */
    double alpha;  /* of words, 0.05 */
    size_t n_boot; /* draws of the bootstrap, 10000 */
    uint64_t seed; /* of the bootstrap */
};

/* A scorer's answers beside those of another one, pairs of the same problem and
 * seed (greedy has one answer for all seeds); a pair with an undecided answer
 * is none. */
struct hs_search_versus {
    uint64_t n_pairs, lost, gained; /* right there and wrong here; the other way
                                     * round */
    size_t n_problems;              /* with pairs */
    struct hs_interval diff;        /* accuracy here less there, bootstrap over
                                     * problems */
    double p;      /* hs_sign_flip() of the problems' sums of differences: exact
                    * for one seed, and against random; NaN without pairs */
    double p_holm; /* over the scorers compared with the same one */
    double smallest; /* smallest gain that such a test would find: see
                      * hs_smallest_drop() with n_problems and the share of lost
                      * pairs; NaN if there is none */
};

struct hs_search_result {
    const char *name;
    enum hs_scorer_kind kind;
    uint64_t n, n_right, n_undecided; /* answers; n: decided */
    struct hs_interval accuracy;      /* Wilson with one answer a problem, else
                                       * bootstrap over problems */
    uint64_t n_answers;
    double parsed, eos, length; /* shares of answers */
    double tokens;              /* drawn for an answer, mean: all candidates and
                                 * rollouts */
    double answer_tokens;       /* of the answer */
    double cost;                /* tokens, relative to greedy; NaN without */
    uint64_t *seed_n, *seed_right; /* (seeds): decided and right ones */
    struct hs_search_versus greedy, random; /* n_pairs 0: none */
};

struct hs_searchsum;

struct hs_searchsum *hs_searchsum_new(const struct hs_searchsum_options *o);
void hs_searchsum_free(struct hs_searchsum *s);

/* Reads a stream to its end; several may share answers, and may come in any
 * order: the figures are the same bits.  Returns 0, or -1: it is of another
 * kind, of another run (hs_arms_run_same()), a scorer of one name is another
 * one, an answer is of none, or comes twice and differs. */
HS_MUST_CHECK int hs_searchsum_add(struct hs_searchsum *s, struct hs_reader *r,
                                   const char *name, struct hs_error *err);

/* Computes all figures, once.  Returns 0, or -1: there is no answer. */
HS_MUST_CHECK int hs_searchsum_finish(struct hs_searchsum *s,
                                      struct hs_error *err);

/* Results: by kind, then name. */
size_t hs_searchsum_count(const struct hs_searchsum *s);
const struct hs_search_result *hs_searchsum_result(const struct hs_searchsum *s,
                                                   size_t i);

/* Lines of words, an array of strings; a new reference. */
json_t *hs_searchsum_words(const struct hs_searchsum *s);

/* "table", "tsv": a line a scorer behind a line of names, "json": one object.
 * Shares of 1, in tables percent. */
void hs_searchsum_print(struct hs_buf *b, const struct hs_searchsum *s,
                        const char *how);

#endif
