/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * huntend.c - which candidate is best, and the record of an answer, see hunt.h.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "search/hunt.h"

/* ---- scores ---- */

static double
mean_logprob(const struct hs_candidate *c)
{
    double sum = 0;

    for (size_t i = 0; i < c->n; i++)
        sum += (double)c->logprob[i];
    return c->n > 0 ? sum / (double)c->n : 0;
}

/* An answer at its end has its reward, one that goes on the share of right
 * rollouts; what is undecided is not right. */
static double
oracle(const struct hs_hunt *h, const struct hs_candidate *c)
{
    c = &h->c[c->same_as];
    if (c->finish != HS_FINISH_STOP)
        return c->reward == 1;
    return c->rolled ? (double)c->right / (double)h->s->o->rollouts
                     : (double)NAN;
}

int
hs_hunt_score(const struct hs_hunt *h, size_t arm, double *score,
              struct hs_error *err)
{
    const struct hs_job *job = h->q->base->user;
    const struct hs_scorer *s = h->arms[arm];

    for (size_t k = 0; k < h->n_c; k++) {
        const struct hs_candidate *c = &h->c[k];

        score[k] = (double)NAN;
        if (s->kind == HS_SCORER_ORACLE)
            score[k] = oracle(h, c);
        if (s->kind == HS_SCORER_LOGPROB)
            score[k] = mean_logprob(c);
        if (s->kind == HS_SCORER_VALUE || s->kind == HS_SCORER_DOPAMINE)
            score[k] = hs_scorer_ask(s, &c->evidence[arm]);
        if (s->kind != HS_SCORER_GREEDY && s->kind != HS_SCORER_RANDOM &&
            s->kind != HS_SCORER_ORACLE && !isfinite(score[k]))
            return hs_fail(err,
                           "%s: %s: the score of candidate %zu of step %" PRIu64
                           " is not finite",
                           job->traj.problem, s->name, k, h->n_rounds + 1);
    }
    return 0;
}

size_t
hs_hunt_choose(const struct hs_hunt *h, size_t arm, const double *score)
{
    const struct hs_job *job = h->q->base->user;
    const char *id = job->traj.problem;
    size_t best = 0;

    if (h->arms[arm]->kind == HS_SCORER_RANDOM)
        return (size_t)hs_rng_below(
            h->sampler.seed, HS_RNG_SEARCH, (uint32_t)h->n_rounds,
            (uint32_t)XXH3_64bits(id, strlen(id)), h->n_c);
    for (size_t k = 1; k < h->n_c; k++)
        if (score[k] > score[best])
            best = k;
    return best;
}

/* ---- notes ---- */

static json_t *
tokens_json(const struct hs_candidate *c)
{
    json_t *j = json_array();

    for (size_t i = 0; i < c->n; i++)
        (void)json_array_append_new(j, json_integer(c->tokens[i]));
    return j;
}

void
hs_hunt_log(struct hs_hunt *h, const double *score, size_t best)
{
    json_t *scores, *candidates, *entry;

    h->n_rounds++;
    (void)json_array_append_new(h->chosen, json_integer((json_int_t)best));
    (void)json_array_append_new(
        h->at, json_integer((json_int_t)(h->n_tokens - h->n_prompt)));
    if (h->log == NULL)
        return;
    scores = json_array();
    candidates = json_array();
    for (size_t k = 0; k < h->n_c; k++) {
        (void)json_array_append_new(scores, hs_json_number(score[k]));
        (void)json_array_append_new(candidates, tokens_json(&h->c[k]));
    }
    entry = json_object();
    (void)json_object_set_new(entry, "key", json_string(h->key));
    (void)json_object_set_new(entry, "scores", scores);
    (void)json_object_set_new(entry, "candidates", candidates);
    (void)json_array_append_new(h->log, entry);
}

/* ---- the record ---- */

static json_t *
search_json(const struct hs_hunt *h, const struct hs_scorer *arm)
{
    json_t *j = json_object();
    bool greedy = arm->kind == HS_SCORER_GREEDY;

    (void)json_object_set_new(j, "scorer", json_string(arm->name));
    (void)json_object_set_new(
        j, "seed",
        greedy ? json_null() : json_integer((json_int_t)h->sampler.seed));
    (void)json_object_set_new(j, "steps",
                              json_integer((json_int_t)h->n_rounds));
    (void)json_object_set_new(j, "candidates",
                              json_integer((json_int_t)h->n_c));
    (void)json_object_set(j, "chosen", h->chosen);
    (void)json_object_set(j, "at", h->at);
    (void)json_object_set_new(j, "tokens",
                              json_integer((json_int_t)h->generated));
    (void)json_object_set_new(
        j, "answer_tokens",
        json_integer((json_int_t)(h->n_tokens - h->n_prompt)));
    if (h->log != NULL)
        (void)json_object_set(j, "log", h->log);
    return j;
}

static void
grade(const struct hs_grader *g, struct hs_trajectory *t)
{
    struct hs_verdict v = {0};

    hs_grade(g, t->completion, strlen(t->completion),
             strcmp(t->finish, "length") == 0, t->gold, t->meta, &v);
    t->reward = v.reward;
    hs_trajectory_set(&t->parsed, v.parsed);
    hs_trajectory_set(&t->reason, v.reason);
    hs_trajectory_set(&t->grader, hs_grader_name(g));
    hs_verdict_free(&v);
}

static void
fill_names(const struct hs_hunt *h, const struct hs_scorer *arm,
           struct hs_trajectory *t)
{
    const struct hs_trajectory *base =
        &((const struct hs_job *)h->q->base->user)->traj;
    struct hs_buf part = {0};

    t->id = hs_hunt_id(h->s, arm, h->seed_at, h->q);
    /* Not the seed's place in the run: other runs have the same answer. */
    t->sample = arm->kind == HS_SCORER_GREEDY ? 0 : (uint32_t)h->sampler.seed;
    hs_trajectory_set(&t->problem, base->problem);
    hs_trajectory_set(&t->prompt, base->prompt);
    hs_trajectory_set(&t->gold, base->gold);
    hs_trajectory_set(&t->arm, arm->name);
    if (arm->kind == HS_SCORER_GREEDY)
        hs_buf_str(&part, "any-seed");
    else
        hs_buf_printf(&part, "seed-%" PRIu64, h->sampler.seed);
    hs_trajectory_set(&t->part, hs_buf_cstr(&part));
    hs_buf_free(&part);
}

int
hs_hunt_record(struct hs_hunt *h, size_t arm, struct hs_error *err)
{
    const struct hs_trajectory *base =
        &((const struct hs_job *)h->q->base->user)->traj;
    struct hs_trajectory t = {0};
    bool taken = json_object_get(base->meta, "search") != NULL;

    fill_names(h, h->arms[arm], &t);
    t.tokens = h->tokens;
    t.n_tokens = h->n_tokens;
    t.n_prompt = h->n_prompt;
    t.logprob = h->logprob;
    t.entropy = h->entropy;
    hs_trajectory_hash_prompt(&t);
    hs_trajectory_set(&t.finish, h->finish == HS_FINISH_EOS ? "eos" : "length");
    t.completion =
        hs_hunt_text(h, h->tokens + h->n_prompt, h->n_tokens - h->n_prompt);
    t.meta = json_copy(base->meta);
    grade(h->s->o->run.grader, &t);
    (void)json_object_set_new(t.meta, "search", search_json(h, h->arms[arm]));
    if (!taken) {
        hs_encode_trajectory(&h->encoded, &t);
        h->n_records++;
    }
    t.tokens = NULL;
    t.logprob = t.entropy = NULL;
    hs_trajectory_free(&t);
    return taken ? hs_fail(err, "%s: has a member \"search\" already",
                           base->problem)
                 : 0;
}
