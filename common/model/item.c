/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * item.c - see item.h.
 */
#include <config.h>

#include "model/item.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
hs_item_free(struct hs_item *item)
{
    if (item == NULL)
        return;
    free(item->tokens);
    free(item->logprob);
    free(item->entropy);
    free(item->positions);
    free(item->states);
    if (item->free_user != NULL)
        item->free_user(item->user);
    free(item);
}

bool
hs_item_is_eos(const struct hs_sched_options *o, uint32_t token)
{
    for (size_t i = 0; i < o->n_eos; i++)
        if (o->eos[i] == token)
            return true;
    return false;
}

size_t
hs_item_to_feed(const struct hs_sched_options *o, const struct hs_item *item)
{
    size_t n = item->n_tokens;

    if (item->n_tokens > item->n_prompt &&
        (item->replay || item->finish == HS_FINISH_EOS) &&
        hs_item_is_eos(o, item->tokens[n - 1]))
        n--;
    return n;
}

size_t
hs_item_most_states(enum hs_positions positions, size_t n_prompt, size_t limit)
{
    return positions == HS_POSITIONS_TOKENS ? n_prompt + limit : 1 + limit;
}

/* The longest completion that the options and the context allow. */
static size_t
completion_limit(const struct hs_model *m, const struct hs_item *item)
{
    size_t room = m->cfg.max_positions - item->n_prompt;

    return item->max_tokens < room ? item->max_tokens : room;
}

void
hs_item_prepare(const struct hs_model *m, const struct hs_sched_options *o,
                struct hs_item *item)
{
    size_t limit = item->replay && !item->hold ? item->n_tokens - item->n_prompt
                                               : completion_limit(m, item);
    size_t n = item->n_prompt + limit;
    size_t most = hs_item_most_states(o->positions, item->n_prompt, limit);

    item->is_trunk = item->hold;
    item->cap_tokens = n;
    item->tokens = hs_realloc(item->tokens, hs_mul(n, sizeof *item->tokens));
    item->logprob = hs_calloc(limit, sizeof *item->logprob);
    item->entropy = hs_calloc(limit, sizeof *item->entropy);
    item->finish = item->replay ? HS_FINISH_REPLAY : HS_FINISH_LENGTH;
    item->positions = hs_calloc(most, sizeof *item->positions);
    if (item->replay && !item->hold &&
        (o->positions == HS_POSITIONS_ALL ||
         o->positions == HS_POSITIONS_TOKENS)) {
        item->cap_states = hs_mul(most, hs_mul(o->layers.n, m->cfg.dim));
        item->states = hs_malloc(hs_mul(item->cap_states, sizeof(float)));
    }
}

int
hs_item_check(const struct hs_model *m, const struct hs_item *item,
              struct hs_error *err)
{
    size_t n = item->n_tokens, max = m->cfg.max_positions;

    if (item->n_prompt == 0 || n < item->n_prompt)
        return hs_fail(err, "%s: no prompt", item->id);
    if (!(item->replay && !item->hold) && n - item->n_prompt > item->max_tokens)
        return hs_fail(err, "%s: %zu tokens are given, at most %zu asked for",
                       item->id, n - item->n_prompt, item->max_tokens);
    if (n > max)
        return hs_fail(err, "%s: %zu tokens, the model's context is %zu",
                       item->id, n, max);
    for (size_t i = 0; i < n; i++)
        if (item->tokens[i] >= m->cfg.n_vocab)
            return hs_fail(err,
                           "%s: token %zu: %" PRIu32
                           " is not below "
                           "vocab_size %zu",
                           item->id, i, item->tokens[i], m->cfg.n_vocab);
    return 0;
}

int
hs_item_check_branch(const struct hs_sched_options *o,
                     const struct hs_item *item, struct hs_error *err)
{
    const struct hs_item *trunk = item->trunk;

    if (!item->hold && trunk == NULL)
        return 0;
    if (!o->unordered)
        return hs_fail(err, "%s: a branch or trunk in an ordered run",
                       item->id);
    if (item->hold && (trunk != NULL || !item->replay || item->group != 0))
        return hs_fail(err, "%s: a trunk that is generated or a branch",
                       item->id);
    if (trunk != NULL &&
        (!trunk->is_trunk || item->edit != trunk->edit ||
         ((item->edit != NULL || o->edit != NULL) &&
          item->n_prompt != trunk->n_prompt) ||
         item->n_share >= item->n_tokens || item->n_share > trunk->n_tokens ||
         memcmp(item->tokens, trunk->tokens,
                item->n_share * sizeof *item->tokens) != 0))
        return hs_fail(err, "%s: does not begin like its trunk, %s", item->id,
                       trunk->id);
    return 0;
}

/* Whether what an edit of an item writes depends on its sample. */
static bool
asks_sample(const struct hs_sched_options *o, const struct hs_item *item)
{
    const struct hs_edit *e = item->edit != NULL ? item->edit : o->edit;

    while (e != NULL && e->mode != HS_EDIT_RESAMPLE)
        e = e->more;
    return e != NULL;
}

int
hs_item_check_group(const struct hs_sched_options *o, const struct hs_item *a,
                    const struct hs_item *b, struct hs_error *err)
{
    if (a->problem != b->problem || a->replay != b->replay ||
        (a->sample != b->sample && (asks_sample(o, a) || asks_sample(o, b))) ||
        a->n_share != b->n_share || a->n_prompt != b->n_prompt ||
        a->n_tokens != b->n_tokens ||
        memcmp(a->tokens, b->tokens, a->n_tokens * sizeof *a->tokens) != 0)
        return hs_fail(err,
                       "%s: of the group of %s, but its prompt, problem or "
                       "sample is another one",
                       b->id, a->id);
    return 0;
}

bool
hs_item_keeps(const struct hs_sched_options *o, struct hs_item *item,
              size_t pos)
{
    size_t t = pos + 1 - item->n_prompt;

    switch (o->positions) {
    case HS_POSITIONS_ALL:
    case HS_POSITIONS_TOKENS:
        return true;
    case HS_POSITIONS_LAST:
        return false;
    case HS_POSITIONS_S0:
        return t == 0;
    case HS_POSITIONS_STEP_ENDS:
        return t == 0 || o->ends_step(o->ud, item, item->tokens[pos]);
    case HS_POSITIONS_EVERY:
        return t % o->every == 0;
    }
    return true;
}

bool
hs_item_complete(const struct hs_sched_options *o, const struct hs_item *item)
{
    if (item->is_trunk)
        return !item->hold && item->n_branches == 0;
    if (item->n_fed < hs_item_to_feed(o, item))
        return false;
    return item->replay || item->finish == HS_FINISH_STOP ||
           item->finish == HS_FINISH_EOS || item->n_tokens == item->cap_tokens;
}
