/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hunt.h - one answer on its way, see search.h.
 */
#ifndef HS_HUNT_H
#define HS_HUNT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "search/search.h"
#include "stream/stream.h"

/* A problem that hunts are under way for. */
struct hs_question {
    struct hs_item *base; /* prompt; its user is a struct hs_job; owned */
    size_t users;         /* hunts, and the search itself */
};
void hs_question_release(struct hs_question *q);

/* What an item's user member points to. */
struct hs_piece {
    struct hs_hunt *hunt;
    size_t candidate;    /* its number */
    bool rollout, stops; /* stops where a step ends */
    struct hs_step step; /* where in its steps it is */
    int reward;          /* of an answer that is at its end, if asked */
    char *id;            /* of the item, owned */
    struct hs_evidence *evidence; /* (hunt's n_arms), owned */
    struct hs_error err;
};

/* One of several ways to go on; pointers are owned. */
struct hs_candidate {
    uint32_t *tokens;         /* (n) */
    float *logprob, *entropy; /* (n) */
    size_t n;
    enum hs_finish finish;
    struct hs_step step;          /* behind it */
    struct hs_evidence *evidence; /* (n_arms) */
    int reward;                   /* if it is at its end */
    size_t same_as; /* the first candidate with the same tokens, or itself */
    uint64_t right; /* rollouts */
    bool rolled;
};

struct hs_hunt {
    struct hs_search *s;
    struct hs_question *q;
    size_t seed_at; /* from 0 */
    struct hs_sampler sampler;
    const struct hs_scorer **arms; /* (n_arms), owned array: one, or with whole
                                    * answers all that are wanted */
    size_t n_arms;
    struct hs_item *trunk;    /* borrowed; NULL if there is none */
    size_t n_prompt, limit;   /* tokens; most of the answer */
    uint32_t *tokens;         /* (n_tokens): prompt and answer so far */
    float *logprob, *entropy; /* (n_tokens - n_prompt) */
    size_t n_tokens, cap;
    enum hs_finish finish;
    struct hs_step step;
    struct hs_pooler *pooler; /* of a dopamine scorer; NULL at s_0 */
    struct hs_candidate *c;   /* (n_c) */
    size_t n_c, out;          /* items that are not back */
    bool rolling;             /* they are rollouts */
    char *key; /* the text that keys the candidates' draws; owned */
    uint64_t n_rounds, generated;
    json_t *chosen, *at, *log;
    struct hs_encoded encoded; /* the records */
    size_t n_records;
    bool done;
};

/* Begins a hunt of question q; arms (n_arms) is taken over.  Its items are
 * given to hs_search_ready(). */
struct hs_hunt *hs_hunt_new(struct hs_search *s, struct hs_question *q,
                            size_t seed_at, const struct hs_scorer **arms,
                            size_t n_arms);
void hs_hunt_free(struct hs_hunt *h);

/* An item is back, and freed.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_hunt_take(struct hs_hunt *h, struct hs_item *item,
                               struct hs_error *err);

/* All items are back: goes on.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_hunt_advance(struct hs_hunt *h, struct hs_error *err);

/* The hunt's id is "NAME/SEED/ID"; of greedy "NAME/any/ID".  The caller's. */
char *hs_hunt_id(const struct hs_search *s, const struct hs_scorer *arm,
                 size_t seed_at, const struct hs_question *q);

/* ---- its items: huntitem.c ---- */

/* Makes the items of a round, with the candidates they fill. */
void hs_hunt_candidates(struct hs_hunt *h);
/* Makes the rollouts of all candidates that are told apart and not at their
 * end.  How many there are. */
size_t hs_hunt_rollouts(struct hs_hunt *h);
/* finished() of hs_sched_run(): scores and grades what an item came to. */
void hs_piece_finish(struct hs_item *item);
/* stops() of hs_sched_run(). */
bool hs_piece_stops(struct hs_item *item, uint32_t token);

/* ---- its end: huntend.c ---- */

/* Scores of all candidates (n_c) by an arm.  Returns 0, or -1: one is not
 * finite.  NaN where nothing was asked, since there is no choice. */
HS_MUST_CHECK int hs_hunt_score(const struct hs_hunt *h, size_t arm,
                                double *score, struct hs_error *err);
/* The number of the best. */
size_t hs_hunt_choose(const struct hs_hunt *h, size_t arm, const double *score);

/* Notes a choice. */
void hs_hunt_log(struct hs_hunt *h, const double *score, size_t best);

/* Makes the record of an arm from the answer.  Returns 0, or -1. */
HS_MUST_CHECK int hs_hunt_record(struct hs_hunt *h, size_t arm,
                                 struct hs_error *err);

/* The text of the answer in tokens (n), without a final EOS; the caller's. */
char *hs_hunt_text(const struct hs_hunt *h, const uint32_t *tokens, size_t n);

/* ---- what a hunt asks of the search: searchrun.c ---- */

void hs_search_ready(struct hs_search *s, struct hs_item *item);

#endif
