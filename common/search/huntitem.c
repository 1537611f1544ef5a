/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * huntitem.c - candidates and rollouts as items of the scheduler, see hunt.h.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"
#include "search/hunt.h"
#include "task/prompt.h"

static void
free_piece(void *user)
{
    struct hs_piece *p = user;

    for (size_t i = 0; p->evidence != NULL && i < p->hunt->n_arms; i++)
        hs_evidence_free(&p->evidence[i]);
    free(p->evidence);
    free(p->id);
    free(p);
}

/* What an item begins with, and how its draws are keyed. */
struct plan {
    const uint32_t *tokens; /* (n) */
    size_t n;
    const char *suffix; /* of the key; NULL: the key is the problem alone */
    uint32_t sample;
};

/* The text whose hash is the sampler's key: "ID", or "ID@H" and the suffix. */
static char *
key_text(const struct hs_hunt *h, const struct plan *p)
{
    const struct hs_job *job = h->q->base->user;
    struct hs_buf b = {0};

    hs_buf_str(&b, job->traj.problem);
    if (p->suffix != NULL)
        hs_buf_printf(&b, "@%016" PRIx64 "%s",
                      XXH3_64bits(p->tokens + h->n_prompt,
                                  (p->n - h->n_prompt) * sizeof *p->tokens),
                      p->suffix);
    return hs_buf_cstr(&b);
}

static struct hs_item *
make_item(struct hs_hunt *h, const struct plan *p, struct hs_piece **out)
{
    struct hs_item *item = hs_calloc(1, sizeof *item);
    struct hs_piece *piece = hs_calloc(1, sizeof *piece);

    piece->hunt = h;
    piece->reward = -1;
    piece->step = h->step;
    piece->id = key_text(h, p);
    item->user = piece;
    item->free_user = free_piece;
    item->id = piece->id;
    item->problem = XXH3_64bits(piece->id, strlen(piece->id));
    item->sample = p->sample;
    item->n_prompt = item->n_tokens = p->n;
    item->tokens = hs_malloc(hs_mul(p->n, sizeof *item->tokens));
    memcpy(item->tokens, p->tokens, p->n * sizeof *item->tokens);
    item->max_tokens = h->n_prompt + h->limit - p->n;
    item->sampler = &h->sampler;
    /* The trunk's last token is fed again: what follows it is predicted, and
     * its state is where a candidate begins. */
    if (h->trunk != NULL && h->n_tokens > 1) {
        item->trunk = h->trunk;
        item->n_share = h->n_tokens - 1;
    }
    *out = piece;
    return item;
}

/* The item that is only fed: it is handed out before its branches. */
static void
plant_trunk(struct hs_hunt *h)
{
    const struct hs_item *base = h->q->base;
    struct hs_item *item = hs_calloc(1, sizeof *item);
    char *id = hs_strdup(base->id);

    item->id = id;
    item->user = id;
    item->free_user = free;
    item->problem = base->problem;
    item->n_prompt = item->n_tokens = base->n_prompt;
    item->tokens = hs_malloc(hs_mul(item->n_tokens, sizeof *item->tokens));
    memcpy(item->tokens, base->tokens, item->n_tokens * sizeof *item->tokens);
    item->max_tokens = h->limit;
    item->replay = item->hold = true;
    h->trunk = item;
    hs_search_ready(h->s, item);
}

void
hs_hunt_candidates(struct hs_hunt *h)
{
    const struct hs_search_options *o = h->s->o;
    bool one = h->sampler.greedy, whole = one || o->whole;

    h->n_c = one ? 1 : (size_t)o->candidates;
    h->c = hs_calloc(h->n_c, sizeof *h->c);
    h->out = h->n_c;
    if (h->trunk == NULL && !one)
        plant_trunk(h);
    for (size_t k = 0; k < h->n_c; k++) {
        const struct plan plan = {h->tokens, h->n_tokens, whole ? NULL : "",
                                  (uint32_t)k};
        struct hs_piece *piece;
        struct hs_item *item = make_item(h, &plan, &piece);

        piece->candidate = k;
        piece->stops = !whole;
        if (k == 0) {
            free(h->key);
            h->key = hs_strdup(piece->id);
        }
        hs_search_ready(h->s, item);
    }
}

static void
roll(struct hs_hunt *h, size_t k)
{
    struct hs_candidate *c = &h->c[k];
    size_t n = h->n_tokens + c->n;
    uint32_t *tokens = hs_malloc(hs_mul(n, sizeof *tokens));

    memcpy(tokens, h->tokens, h->n_tokens * sizeof *tokens);
    memcpy(tokens + h->n_tokens, c->tokens, c->n * sizeof *tokens);
    for (uint64_t r = 0; r < h->s->o->rollouts; r++) {
        const struct plan plan = {tokens, n, "/value", (uint32_t)r};
        struct hs_piece *piece;
        struct hs_item *item = make_item(h, &plan, &piece);

        piece->candidate = k;
        piece->rollout = true;
        hs_search_ready(h->s, item);
        h->out++;
    }
    c->rolled = true;
    free(tokens);
}

size_t
hs_hunt_rollouts(struct hs_hunt *h)
{
    size_t n_apart = 0;

    for (size_t k = 0; k < h->n_c; k++)
        n_apart += h->c[k].same_as == k;
    /* Where there is no choice, nothing need be known. */
    for (size_t k = 0; n_apart > 1 && k < h->n_c; k++)
        if (h->c[k].same_as == k && h->c[k].finish == HS_FINISH_STOP)
            roll(h, k);
    return h->out;
}

/* ---- what becomes of them ---- */

bool
hs_piece_stops(struct hs_item *item, uint32_t token)
{
    struct hs_piece *p = item->user;

    return p->stops &&
           hs_step_feed_token(&p->step, p->hunt->s->run.model->tok, token);
}

char *
hs_hunt_text(const struct hs_hunt *h, const uint32_t *tokens, size_t n)
{
    const struct hs_run *run = &h->s->run;
    bool eos = n > 0 && run->sched.n_eos > 0 &&
               hs_model_is_eos(run->model, tokens[n - 1]);

    return hs_prompt_text(run->model, tokens, n - eos);
}

static int
grade(const struct hs_hunt *h, const struct hs_item *item)
{
    const struct hs_job *job = h->q->base->user;
    struct hs_verdict v = {0};
    char *text = hs_hunt_text(h, item->tokens + h->n_prompt,
                              item->n_tokens - h->n_prompt);
    int reward;

    hs_grade(h->s->o->run.grader, text, strlen(text),
             item->finish == HS_FINISH_LENGTH, job->traj.gold, job->traj.meta,
             &v);
    reward = v.reward;
    hs_verdict_free(&v);
    free(text);
    return reward;
}

/* The steps of what an item drew: one, or those of a whole answer. */
static int
split(const struct hs_hunt *h, const struct hs_item *item, size_t n_fed,
      uint32_t **at, size_t *n, struct hs_error *err)
{
    if (h->s->o->whole)
        return hs_step_split(&h->s->o->rule, h->s->run.model->tok,
                             item->tokens + item->n_prompt, n_fed, at, n, err);
    *n = n_fed > 0 ? 2 : 1;
    *at = hs_calloc(2, sizeof **at);
    (*at)[1] = (uint32_t)n_fed;
    return 0;
}

static void
look(const struct hs_hunt *h, const struct hs_item *item, struct hs_piece *p)
{
    struct hs_look l = {.states = item->states,
                        .n = item->n_states,
                        .n_layers = h->s->run.sched.layers.n,
                        .dim = h->s->run.model->cfg.dim,
                        .first = h->n_tokens == h->n_prompt,
                        .from = h->pooler};
    uint32_t *at = NULL;

    p->evidence = hs_calloc(h->n_arms, sizeof *p->evidence);
    if (l.n == 0)
        return;
    if (h->s->run.sched.positions == HS_POSITIONS_ALL &&
        split(h, item, l.n - 1, &at, &l.n_at, &p->err) < 0)
        return;
    l.at = at;
    for (size_t i = 0; i < h->n_arms; i++)
        hs_scorer_look(h->arms[i], &l, &p->evidence[i]);
    free(at);
}

static bool
asks_rewards(const struct hs_hunt *h)
{
    for (size_t i = 0; i < h->n_arms; i++)
        if (h->arms[i]->kind == HS_SCORER_ORACLE)
            return true;
    return false;
}

void
hs_piece_finish(struct hs_item *item)
{
    struct hs_piece *p = item->user;
    const struct hs_hunt *h = p->hunt;

    if (item->finish == HS_FINISH_STOP &&
        item->n_tokens == h->n_prompt + h->limit)
        item->finish = HS_FINISH_LENGTH;
    if (item->finish != HS_FINISH_STOP && asks_rewards(h))
        p->reward = grade(h, item);
    if (!p->rollout)
        look(h, item, p);
    free(item->states);
    item->states = NULL;
}
