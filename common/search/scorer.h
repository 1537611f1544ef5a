/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scorer.h - what hs-search asks which candidate is best.
 *
 *   greedy        nothing: one answer, the most probable token each time
 *   random        any of the candidates, each as likely
 *   logprob       mean log-probability of a candidate's tokens, temperature 1
 *   value:PROBE   V of the candidate's last state, by a probe of probe-fit(1)
 *   dopamine:RPE  delta that the dopamine probe of rpe-scan(1) predicts from a
 *                 step's states; of several steps, the sum
 *   oracle        the share of rollouts from the candidate's end that are right
 *
 * Candidates are scored in two parts: hs_scorer_look() takes from the states
 * what is needed, for several candidates at a time by several threads;
 * hs_scorer_ask() makes scores of it.
 */
#ifndef HS_SCORER_H
#define HS_SCORER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "model/model.h"
#include "probe/proberec.h"
#include "rpe/rperec.h"

enum hs_scorer_kind {
    HS_SCORER_GREEDY,
    HS_SCORER_RANDOM,
    HS_SCORER_LOGPROB,
    HS_SCORER_VALUE,
    HS_SCORER_DOPAMINE,
    HS_SCORER_ORACLE,
    HS_N_SCORER_KINDS
};

const char *hs_scorer_kind_name(enum hs_scorer_kind k);
HS_MUST_CHECK int hs_scorer_kind_parse(const char *s, enum hs_scorer_kind *out);

/* All pointers are owned. */
struct hs_scorer {
    char *name; /* of its arm: the kind, if none was given */
    enum hs_scorer_kind kind;
    char *file;     /* of value and dopamine, else NULL */
    uint32_t layer; /* of those two; and where it is among those kept */
    size_t at;
    char digest[33]; /* of the file's records; "" without one */
    struct hs_probes probes;
    struct hs_asker **askers; /* (n_askers): of one layer and target, a seed
                               * each; V is their mean */
    enum hs_target target;
    size_t n_askers, *used; /* (n_askers): numbers in probes, or in rpe */
    struct hs_rpe rpe;
    const struct hs_rpe_probe *dopamine; /* of rpe: the first of those used */
    struct hs_rpe_asker **rpe_askers; /* (n_askers): of one layer, a seed each;
                                       * delta is their mean */
};

struct hs_scorers {
    struct hs_scorer *v; /* owned */
    size_t n;
};

/* Reads "greedy,mine=value:p.hsz,oracle".  Dies on another kind, a missing or
 * needless file, a name that stands twice, is empty or has a slash. */
void hs_parse_scorers(const char *opt, const char *s, struct hs_scorers *out);
void hs_scorers_free(struct hs_scorers *s);

/* Which probe of a file, if it has several. */
struct hs_scorer_choice {
    int64_t layer; /* -1: that of the file */
    bool one_target;
    enum hs_target target;
};

/* Reads the files.  Returns 0, or -1: a file is damaged or of another kind, has
 * no such probe, or several among which there is no choice; a dopamine probe
 * whose z-scores look ahead. */
HS_MUST_CHECK int hs_scorers_load(struct hs_scorers *s,
                                  const struct hs_scorer_choice *choice,
                                  struct hs_error *err);

/* The layers whose states are needed, an empty list; the caller's. */
void hs_scorers_layers(struct hs_scorers *s, struct hs_list *out);
/* Whether all states are, and not only the last one. */
bool hs_scorers_need_all(const struct hs_scorers *s);
bool hs_scorers_have(const struct hs_scorers *s, enum hs_scorer_kind k);

/* Gets probes ready.  Returns 0, or -1: they are of another model. */
HS_MUST_CHECK int hs_scorers_open(struct hs_scorers *s,
                                  const struct hs_model *m,
                                  struct hs_error *err);

/* An array for a head: name, kind, and what tells probes apart.  A new
 * reference. */
json_t *hs_scorers_json(const struct hs_scorers *s);

/* States to look at. */
struct hs_look {
    const float *states; /* (n, n_layers, dim): one before what is new, then
                          * one for each new token that has a state; only the
                          * last of these if not all are kept */
    size_t n, n_layers, dim;
    const uint32_t *at; /* (n_at): the new tokens' steps, at[0] = 0 ... */
    size_t n_at;        /* 1 if there is no step */
    bool first;         /* the first state is s_0 of the answer */
    const struct hs_pooler *from; /* how far the answer was pooled; or NULL */
};

/* What a scorer took from a candidate.  {0} is nothing. */
struct hs_evidence {
    float *rows; /* (n, dim), owned */
    size_t n;
    struct hs_pooler *pooler; /* behind the candidate, owned; or NULL */
};

void hs_scorer_look(const struct hs_scorer *s, const struct hs_look *l,
                    struct hs_evidence *out);
void hs_evidence_free(struct hs_evidence *e);

/* The score of value and dopamine: mean of V, sum of deltas; 0 without rows. */
double hs_scorer_ask(const struct hs_scorer *s, const struct hs_evidence *e);

#endif
