/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sched.c - see sched.h.
 */
#include <config.h>

#include "model/sched.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    RUN_ROWS = 256,  /* rows of one pass, or the batch if that is larger */
    LOGIT_ROWS = 64, /* rows whose logits are held at a time */
    WINDOW = 4       /* items in flight or waiting for their turn, per slot */
};

/* What becomes of one row of a pass. */
struct fate {
    struct hs_item *item;
    size_t state; /* where its state goes, SIZE_MAX for nowhere */
    bool predict; /* its logits are wanted */
    size_t edits; /* coordinates that were overwritten */
};

struct sched {
    const struct hs_model *model;
    const struct hs_sched_options *o;
    struct hs_team *team;
    struct hs_state *st;
    struct hs_error *err;

    struct hs_item **slots;   /* (batch), NULL where free */
    struct hs_item **retired; /* (batch), n_retired of the last pass */
    size_t n_retired;
    struct hs_item **queue; /* (window) ring in input order */
    size_t window, head, n_queued;
    bool input_ended;

    size_t max_rows;
    struct hs_row *rows; /* (max_rows) */
    struct fate *fates;  /* (max_rows) */
    size_t n_rows;
    uint32_t index[LOGIT_ROWS]; /* rows whose logits are held: n_index */
    size_t n_index;
    float *logits;  /* (LOGIT_ROWS, n_vocab) */
    float *scratch; /* (threads, sampler scratch) */
    bool *bad;      /* (max_rows) */
};

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

static bool
is_eos(const struct sched *s, uint32_t token)
{
    for (size_t i = 0; i < s->o->n_eos; i++)
        if (s->o->eos[i] == token)
            return true;
    return false;
}

/* Tokens that are to be fed as far as is known: all but a final EOS. */
static size_t
to_feed(const struct sched *s, const struct hs_item *item)
{
    size_t n = item->n_tokens;

    if (item->n_tokens > item->n_prompt &&
        (item->replay || item->finish == HS_FINISH_EOS) &&
        is_eos(s, item->tokens[n - 1]))
        n--;
    return n;
}

/* The longest completion that the options and the context allow. */
static size_t
completion_limit(const struct sched *s, const struct hs_item *item)
{
    size_t room = s->model->cfg.max_positions - item->n_prompt;

    return item->max_tokens < room ? item->max_tokens : room;
}

static size_t
row_floats(const struct sched *s)
{
    return hs_mul(s->o->layers.n, s->model->cfg.dim);
}

/* The most states that an item can have, of a completion of limit tokens. */
static size_t
most_states(enum hs_positions positions, size_t n_prompt, size_t limit)
{
    return positions == HS_POSITIONS_TOKENS ? n_prompt + limit : 1 + limit;
}

/* Makes room for what an item may produce. */
static void
prepare_item(const struct sched *s, struct hs_item *item)
{
    size_t limit = item->replay ? item->n_tokens - item->n_prompt
                                : completion_limit(s, item);
    size_t n = item->n_prompt + limit;
    size_t most = most_states(s->o->positions, item->n_prompt, limit);

    item->cap_tokens = n;
    item->tokens = hs_realloc(item->tokens, hs_mul(n, sizeof *item->tokens));
    item->logprob = hs_calloc(limit, sizeof *item->logprob);
    item->entropy = hs_calloc(limit, sizeof *item->entropy);
    item->finish = item->replay ? HS_FINISH_REPLAY : HS_FINISH_LENGTH;
    item->positions = hs_calloc(most, sizeof *item->positions);
    if (item->replay && (s->o->positions == HS_POSITIONS_ALL ||
                         s->o->positions == HS_POSITIONS_TOKENS)) {
        item->cap_states = hs_mul(most, row_floats(s));
        item->states = hs_malloc(hs_mul(item->cap_states, sizeof(float)));
    }
}

/* What the pass relies on, since it cannot fail. */
static int
check_item(const struct sched *s, const struct hs_item *item)
{
    size_t n = item->n_tokens, max = s->model->cfg.max_positions;

    if (item->n_prompt == 0 || n < item->n_prompt)
        return hs_fail(s->err, "%s: no prompt", item->id);
    if (n > max)
        return hs_fail(s->err, "%s: %zu tokens, the model's context is %zu",
                       item->id, n, max);
    for (size_t i = 0; i < n; i++)
        if (item->tokens[i] >= s->model->cfg.n_vocab)
            return hs_fail(s->err,
                           "%s: token %zu: %" PRIu32
                           " is not below "
                           "vocab_size %zu",
                           item->id, i, item->tokens[i], s->model->cfg.n_vocab);
    return 0;
}

/* Takes the next item of the input.  1, 0 at the end, -1. */
static int
admit(struct sched *s, struct hs_item **out)
{
    struct hs_item *item = NULL;
    int rc = s->o->next(s->o->ud, &item);

    if (rc <= 0)
        return rc;
    if (check_item(s, item) < 0) {
        hs_item_free(item);
        return -1;
    }
    prepare_item(s, item);
    s->queue[(s->head + s->n_queued++) % s->window] = item;
    *out = item;
    return 1;
}

static int
fill_slots(struct sched *s)
{
    for (size_t i = 0; i < s->o->batch; i++) {
        int rc;

        if (s->slots[i] != NULL)
            continue;
        if (s->input_ended || s->n_queued == s->window)
            return 0;
        rc = admit(s, &s->slots[i]);
        if (rc < 0)
            return -1;
        if (rc == 0) {
            s->input_ended = true;
            return 0;
        }
        hs_state_reserve(s->st, (uint32_t)i, s->slots[i]->cap_tokens);
    }
    return 0;
}

/* Whether the state at a position of an item stays even when others follow. */
static bool
keeps(const struct sched *s, struct hs_item *item, size_t pos)
{
    size_t t = pos + 1 - item->n_prompt;

    switch (s->o->positions) {
    case HS_POSITIONS_ALL:
    case HS_POSITIONS_TOKENS:
        return true;
    case HS_POSITIONS_LAST:
        return false;
    case HS_POSITIONS_S0:
        return t == 0;
    case HS_POSITIONS_STEP_ENDS:
        return t == 0 || s->o->ends_step(s->o->ud, item, item->tokens[pos]);
    case HS_POSITIONS_EVERY:
        return t % s->o->every == 0;
    }
    return true;
}

/* Finds the place of a row's state in its item; a tentative state that went
 * before gives its place up. */
static size_t
place_state(struct sched *s, struct hs_item *item, size_t pos, size_t row)
{
    bool keep, last_counts;

    if (s->o->layers.n == 0 ||
        (pos + 1 < item->n_prompt && s->o->positions != HS_POSITIONS_TOKENS))
        return SIZE_MAX;
    keep = keeps(s, item, pos);
    last_counts = s->o->positions == HS_POSITIONS_LAST ||
                  s->o->positions == HS_POSITIONS_STEP_ENDS;
    if (!keep && !last_counts)
        return SIZE_MAX;
    if (item->tentative) {
        item->n_states--;
        for (size_t r = row; r-- > 0 && s->fates[r].item == item;)
            if (s->fates[r].state == item->n_states)
                s->fates[r].state = SIZE_MAX;
    }
    item->tentative = !keep;
    item->positions[item->n_states] = (uint32_t)pos;
    item->states = hs_grow(item->states, &item->cap_states,
                           hs_mul(item->n_states + 1, row_floats(s)),
                           sizeof *item->states);
    return item->n_states++;
}

/* Adds up to n rows of a slot to the pass. */
static void
add_rows(struct sched *s, size_t slot, size_t n)
{
    struct hs_item *item = s->slots[slot];

    for (size_t i = 0; i < n; i++) {
        size_t pos = item->n_fed++, r = s->n_rows++;
        size_t known = item->n_tokens;

        s->rows[r] =
            (struct hs_row){(uint32_t)slot, (uint32_t)pos, item->tokens[pos]};
        s->fates[r].item = item;
        s->fates[r].edits = 0;
        s->fates[r].state = place_state(s, item, pos, r);
        s->fates[r].predict =
            item->replay ? pos + 1 >= item->n_prompt && pos + 1 < known
                         : pos + 1 == known && known < item->cap_tokens;
    }
}

/* Single tokens first, so that no sequence waits for another's prompt. */
static void
build_pass(struct sched *s)
{
    s->n_rows = 0;
    for (int prompts = 0; prompts < 2; prompts++) {
        for (size_t i = 0; i < s->o->batch; i++) {
            struct hs_item *item = s->slots[i];
            size_t n, room = s->max_rows - s->n_rows;

            if (item == NULL)
                continue;
            n = to_feed(s, item) - item->n_fed;
            if (n > 0 && (n > 1) == (prompts == 1))
                add_rows(s, i, n < room ? n : room);
        }
    }
}

static void
copy_states(const struct sched *s, size_t kept, const float *x, size_t stride,
            size_t first, size_t n_rows, size_t dim)
{
    for (size_t r = 0; r < n_rows; r++) {
        const struct fate *f = &s->fates[first + r];

        if (f->state != SIZE_MAX)
            memcpy(f->item->states + (f->state * s->o->layers.n + kept) * dim,
                   x + r * stride, dim * sizeof *x);
    }
}

static const struct hs_edit *
edit_of(const struct sched *s, const struct hs_item *item)
{
    return item->edit != NULL ? item->edit : s->o->edit;
}

static int
tap(void *ud, size_t layer, float *x, size_t stride, const struct hs_row *rows,
    size_t first, size_t n_rows, size_t dim)
{
    struct sched *s = ud;

    for (size_t r = 0; r < n_rows; r++) {
        struct fate *f = &s->fates[first + r];
        const struct hs_edit *e = edit_of(s, f->item);
        struct hs_edit_at at = {rows[r].pos, f->item->n_prompt,
                                f->item->problem, f->item->sample};

        if (e != NULL && e->layer == layer)
            f->edits = hs_edit_row(e, x + r * stride, &at);
    }
    for (size_t i = 0; i < s->o->layers.n; i++)
        if (s->o->layers.v[i] == layer)
            copy_states(s, i, x, stride, first, n_rows, dim);
    return 0;
}

/* Threads of a pass may share an item: its edits are counted behind it. */
static int
forward(struct sched *s)
{
    if (hs_forward(s->st, s->rows, s->n_rows, tap, s) < 0)
        return -1;
    for (size_t r = 0; r < s->n_rows; r++)
        s->fates[r].item->edits += s->fates[r].edits;
    return 0;
}

/* Draws or scores the token behind one row. */
static int
predict_row(struct sched *s, size_t r, const float *logits, float *scratch)
{
    struct hs_item *item = s->fates[r].item;
    size_t n_vocab = s->model->cfg.n_vocab;
    size_t at = s->rows[r].pos + 1u - item->n_prompt;
    struct hs_place place = {item->problem, item->sample, (uint32_t)at};
    struct hs_draw d = {0};
    int rc;

    if (item->replay)
        rc = hs_score(logits, n_vocab, item->tokens[s->rows[r].pos + 1u], &d);
    else
        rc = hs_sample(&s->o->sampler, logits, n_vocab, &place, scratch, &d);
    if (rc < 0)
        return -1;
    item->logprob[at] = d.logprob;
    item->entropy[at] = d.entropy;
    if (!item->replay) {
        item->tokens[item->n_tokens++] = d.token;
        if (is_eos(s, d.token))
            item->finish = HS_FINISH_EOS;
    }
    return 0;
}

/* Whatever is to be predicted from s->logits. */
static void
predict_all(void *ud, struct hs_team *team, size_t thread)
{
    struct sched *s = ud;
    size_t n_vocab = s->model->cfg.n_vocab, i;
    float *scratch = s->scratch + thread * hs_sampler_scratch(n_vocab);

    while ((i = hs_team_take(team)) < s->n_index)
        s->bad[i] =
            predict_row(s, s->index[i], s->logits + i * n_vocab, scratch) < 0;
}

static int
predict(struct sched *s)
{
    size_t r = 0;

    while (r < s->n_rows) {
        s->n_index = 0;
        for (; r < s->n_rows && s->n_index < LOGIT_ROWS; r++)
            if (s->fates[r].predict)
                s->index[s->n_index++] = (uint32_t)r;
        if (s->n_index == 0)
            break;
        hs_logits(s->st, s->index, s->n_index, s->logits);
        hs_team_run(s->team, predict_all, s);
        for (size_t i = 0; i < s->n_index; i++)
            if (s->bad[i])
                return hs_fail(
                    s->err,
                    "%s: position %" PRIu32 ": the logits are not finite",
                    s->fates[s->index[i]].item->id, s->rows[s->index[i]].pos);
    }
    return 0;
}

/* Whether nothing is left to feed or to draw. */
static bool
complete(const struct sched *s, const struct hs_item *item)
{
    if (item->n_fed < to_feed(s, item))
        return false;
    return item->replay || item->finish == HS_FINISH_EOS ||
           item->n_tokens == item->cap_tokens;
}

static void
finish_all(void *ud, struct hs_team *team, size_t thread)
{
    struct sched *s = ud;
    size_t i;

    (void)thread;
    while ((i = hs_team_take(team)) < s->n_retired)
        s->o->finished(s->o->ud, s->retired[i]);
}

/* Takes finished items out of their slots. */
static void
retire(struct sched *s)
{
    s->n_retired = 0;

    for (size_t i = 0; i < s->o->batch; i++) {
        struct hs_item *item = s->slots[i];

        if (item == NULL || !complete(s, item))
            continue;
        item->done = true;
        s->slots[i] = NULL;
        s->retired[s->n_retired++] = item;
    }
    if (s->n_retired > 0)
        hs_team_run(s->team, finish_all, s);
}

/* Hands out what is finished and whose turn it is. */
static int
emit(struct sched *s)
{
    while (s->n_queued > 0 && s->queue[s->head]->done) {
        struct hs_item *item = s->queue[s->head];

        s->head = (s->head + 1) % s->window;
        s->n_queued--;
        if (s->o->emit(s->o->ud, item) < 0)
            return -1;
    }
    return 0;
}

static int
loop(struct sched *s)
{
    for (;;) {
        if (fill_slots(s) < 0)
            return -1;
        build_pass(s);
        if (s->n_rows == 0 && s->n_queued == 0)
            return 0;
        if (s->n_rows > 0) {
            if (forward(s) < 0)
                return -1;
            if (predict(s) < 0)
                return -1;
        }
        retire(s);
        if (emit(s) < 0)
            return -1;
    }
}

static size_t
n_threads(const struct hs_sched_options *o)
{
    return o->team != NULL ? hs_team_size(o->team) : 1;
}

static size_t
pass_rows(const struct hs_sched_options *o)
{
    return o->batch > RUN_ROWS ? o->batch : RUN_ROWS;
}

int
hs_sched_run(const struct hs_model *model, const struct hs_sched_options *o,
             struct hs_error *err)
{
    struct sched s = {.model = model, .o = o, .err = err};
    size_t n_vocab = model->cfg.n_vocab;
    size_t threads = n_threads(o);
    int rc;

    err->text[0] = '\0';
    s.team = o->team != NULL ? o->team : hs_team_new(1, err);
    if (s.team == NULL)
        return -1;
    s.max_rows = pass_rows(o);
    s.window = hs_mul(o->batch, WINDOW);
    s.st = hs_state_new(model, s.team, o->batch, s.max_rows);
    s.slots = hs_calloc(o->batch, sizeof(struct hs_item *));
    s.retired = hs_calloc(o->batch, sizeof(struct hs_item *));
    s.queue = hs_calloc(s.window, sizeof(struct hs_item *));
    s.rows = hs_calloc(s.max_rows, sizeof *s.rows);
    s.fates = hs_calloc(s.max_rows, sizeof *s.fates);
    s.bad = hs_calloc(LOGIT_ROWS, sizeof *s.bad);
    s.logits = hs_calloc64(hs_mul(LOGIT_ROWS, n_vocab), sizeof(float));
    s.scratch = hs_calloc64(hs_mul(threads, hs_sampler_scratch(n_vocab)),
                            sizeof(float));
    rc = loop(&s);
    for (size_t i = 0; i < s.n_queued; i++)
        hs_item_free(s.queue[(s.head + i) % s.window]);
    free(s.slots);
    free(s.retired);
    free(s.queue);
    free(s.rows);
    free(s.fates);
    free(s.bad);
    free(s.logits);
    free(s.scratch);
    hs_state_free(s.st);
    if (o->team == NULL)
        hs_team_free(s.team);
    return rc;
}

size_t
hs_sched_bytes(const struct hs_model *model, const struct hs_sched_options *o,
               size_t n_prompt, size_t max_tokens)
{
    size_t n_vocab = model->cfg.n_vocab, rows = pass_rows(o);
    size_t pos = n_prompt + max_tokens;
    size_t states = most_states(o->positions, n_prompt, max_tokens);
    size_t item =
        hs_mul(hs_mul(states, o->layers.n), model->cfg.dim * sizeof(float));
    size_t slot = hs_mul(pos, hs_state_position_bytes(model)) + item;

    return hs_state_bytes(model, n_threads(o), rows) + hs_mul(o->batch, slot) +
           hs_mul(hs_mul(LOGIT_ROWS, n_vocab), sizeof(float)) +
           hs_mul(n_threads(o) * sizeof(float), hs_sampler_scratch(n_vocab));
}
