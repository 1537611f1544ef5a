/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hunt.c - see hunt.h.
 */
#include <config.h>

#include "search/hunt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
hs_question_release(struct hs_question *q)
{
    if (q == NULL || --q->users > 0)
        return;
    hs_item_free(q->base);
    free(q);
}

char *
hs_hunt_id(const struct hs_search *s, const struct hs_scorer *arm,
           size_t seed_at, const struct hs_question *q)
{
    const struct hs_job *job = q->base->user;
    struct hs_buf b = {0};

    if (arm->kind == HS_SCORER_GREEDY)
        hs_buf_printf(&b, "%s/any/%s", arm->name, job->traj.problem);
    else
        hs_buf_printf(&b, "%s/%" PRIu64 "/%s", arm->name,
                      s->o->run.sampler.seed + seed_at, job->traj.problem);
    return hs_buf_cstr(&b);
}

/* ---- tokens ---- */

static void
append(struct hs_hunt *h, const uint32_t *tokens, const float *logprob,
       const float *entropy, size_t n)
{
    size_t at = h->n_tokens - h->n_prompt;

    memcpy(h->tokens + h->n_tokens, tokens, n * sizeof *tokens);
    memcpy(h->logprob + at, logprob, n * sizeof *logprob);
    memcpy(h->entropy + at, entropy, n * sizeof *entropy);
    h->n_tokens += n;
}

static void
follow(struct hs_hunt *h, const struct hs_candidate *c)
{
    if (c->n > 0)
        append(h, c->tokens, c->logprob, c->entropy, c->n);
    h->finish = c->finish;
    h->step = c->step;
}

struct hs_hunt *
hs_hunt_new(struct hs_search *s, struct hs_question *q, size_t seed_at,
            const struct hs_scorer **arms, size_t n_arms)
{
    struct hs_hunt *h = hs_calloc(1, sizeof *h);
    const struct hs_item *base = q->base;
    size_t room = s->run.model->cfg.max_positions - base->n_prompt;

    *h = (struct hs_hunt){.s = s,
                          .q = q,
                          .seed_at = seed_at,
                          .sampler = s->o->run.sampler,
                          .arms = arms,
                          .n_arms = n_arms,
                          .n_prompt = base->n_prompt,
                          .limit =
                              base->max_tokens < room ? base->max_tokens : room,
                          .n_tokens = base->n_prompt,
                          .step.rule = s->o->rule,
                          .chosen = json_array(),
                          .at = json_array()};
    q->users++;
    h->sampler.seed += seed_at;
    h->sampler.greedy = arms[0]->kind == HS_SCORER_GREEDY;
    h->log = s->o->log ? json_array() : NULL;
    h->tokens = hs_malloc(hs_mul(h->n_prompt + h->limit, sizeof *h->tokens));
    memcpy(h->tokens, base->tokens, h->n_prompt * sizeof *h->tokens);
    h->logprob = hs_calloc(h->limit, sizeof *h->logprob);
    h->entropy = hs_calloc(h->limit, sizeof *h->entropy);
    hs_hunt_candidates(h);
    return h;
}

static void
free_candidates(struct hs_hunt *h)
{
    for (size_t k = 0; k < h->n_c; k++) {
        struct hs_candidate *c = &h->c[k];

        free(c->tokens);
        free(c->logprob);
        free(c->entropy);
        for (size_t i = 0; c->evidence != NULL && i < h->n_arms; i++)
            hs_evidence_free(&c->evidence[i]);
        free(c->evidence);
    }
    free(h->c);
    h->c = NULL;
    h->n_c = 0;
}

void
hs_hunt_free(struct hs_hunt *h)
{
    if (h == NULL)
        return;
    free_candidates(h);
    free(h->arms);
    free(h->tokens);
    free(h->logprob);
    free(h->entropy);
    free(h->key);
    hs_pooler_free(h->pooler);
    json_decref(h->chosen);
    json_decref(h->at);
    json_decref(h->log);
    hs_encoded_free(&h->encoded);
    hs_question_release(h->q);
    free(h);
}

/* ---- going on ---- */

static void
take_candidate(struct hs_hunt *h, struct hs_item *item, struct hs_piece *p)
{
    struct hs_candidate *c = &h->c[p->candidate];

    c->n = item->n_tokens - item->n_prompt;
    c->tokens = hs_malloc(hs_mul(c->n, sizeof *c->tokens));
    memcpy(c->tokens, item->tokens + item->n_prompt, c->n * sizeof *c->tokens);
    c->logprob = item->logprob;
    c->entropy = item->entropy;
    item->logprob = item->entropy = NULL;
    c->finish = item->finish;
    c->step = p->step;
    c->reward = p->reward;
    c->evidence = p->evidence;
    p->evidence = NULL;
}

int
hs_hunt_take(struct hs_hunt *h, struct hs_item *item, struct hs_error *err)
{
    struct hs_piece *p = item->user;
    int rc = 0;

    h->out--;
    h->generated += item->n_tokens - item->n_prompt;
    if (p->err.text[0] != '\0')
        rc = hs_fail(err, "%s: %s", p->id, p->err.text);
    else if (p->rollout)
        h->c[p->candidate].right += p->reward == 1;
    else
        take_candidate(h, item, p);
    hs_item_free(item);
    return rc;
}

/* Finds candidates that are alike. */
static void
tell_apart(struct hs_hunt *h)
{
    for (size_t k = 0; k < h->n_c; k++) {
        size_t i = 0;

        while (i < k && (h->c[i].n != h->c[k].n ||
                         memcmp(h->c[i].tokens, h->c[k].tokens,
                                h->c[k].n * sizeof *h->c[k].tokens) != 0))
            i++;
        h->c[k].same_as = i;
    }
}

static void
end(struct hs_hunt *h)
{
    if (h->trunk != NULL)
        h->trunk->hold = false;
    h->trunk = NULL;
    h->done = true;
}

/* Every arm chooses among the whole answers. */
static int
advance_whole(struct hs_hunt *h, struct hs_error *err)
{
    double *score = hs_calloc(h->n_c, sizeof *score);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < h->n_arms; i++) {
        size_t best;

        rc = hs_hunt_score(h, i, score, err);
        if (rc < 0)
            break;
        best = hs_hunt_choose(h, i, score);
        h->n_tokens = h->n_prompt;
        follow(h, &h->c[best]);
        (void)json_array_clear(h->chosen);
        (void)json_array_clear(h->at);
        if (h->log != NULL)
            (void)json_array_clear(h->log);
        h->n_rounds = 0;
        hs_hunt_log(h, score, best);
        rc = hs_hunt_record(h, i, err);
    }
    free(score);
    if (rc == 0)
        end(h);
    return rc;
}

/* The trunk grows by the step that was chosen. */
static void
grow_trunk(struct hs_hunt *h, const struct hs_candidate *c)
{
    memcpy(h->trunk->tokens + h->trunk->n_tokens, c->tokens,
           c->n * sizeof *c->tokens);
    h->trunk->n_tokens += c->n;
}

static int
advance_step(struct hs_hunt *h, struct hs_error *err)
{
    double *score = hs_calloc(h->n_c, sizeof *score);
    struct hs_candidate *c;
    size_t best;

    if (hs_hunt_score(h, 0, score, err) < 0) {
        free(score);
        return -1;
    }
    best = hs_hunt_choose(h, 0, score);
    c = &h->c[best];
    follow(h, c);
    hs_hunt_log(h, score, best);
    free(score);
    hs_pooler_free(h->pooler);
    h->pooler = c->evidence[0].pooler;
    c->evidence[0].pooler = NULL;
    if (c->finish != HS_FINISH_STOP) {
        if (hs_hunt_record(h, 0, err) < 0)
            return -1;
        end(h);
    } else {
        grow_trunk(h, c);
        free_candidates(h);
        hs_hunt_candidates(h);
    }
    return 0;
}

int
hs_hunt_advance(struct hs_hunt *h, struct hs_error *err)
{
    tell_apart(h);
    if (h->s->o->whole || h->sampler.greedy)
        return advance_whole(h, err);
    if (!h->rolling && h->arms[0]->kind == HS_SCORER_ORACLE &&
        hs_hunt_rollouts(h) > 0) {
        h->rolling = true;
        return 0;
    }
    h->rolling = false;
    return advance_step(h, err);
}
