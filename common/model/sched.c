/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sched.c - see sched.h.
 */
#include <config.h>

#include "model/sched.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/schedrun.h"

enum {
    RUN_ROWS = 256, /* rows of one pass, or the batch if that is larger */
    WINDOW = 4      /* items in flight or waiting for their turn, per slot */
};

/* Takes the next item of the input, if there is one now.  0 or -1. */
static int
admit(struct hs_sched *s)
{
    struct hs_item *item = NULL;
    int rc = s->o->next(s->o->ud, &item);

    s->input_ended = rc == 0;
    s->later = rc == HS_SCHED_LATER;
    if (rc <= 0 || s->later)
        return rc < 0 ? -1 : 0;
    if (hs_item_check(s->model, item, s->err) < 0 ||
        hs_item_check_branch(s->o, item, s->err) < 0) {
        hs_item_free(item);
        return -1;
    }
    hs_item_prepare(s->model, s->o, item);
    if (item->trunk != NULL)
        item->trunk->n_branches++;
    s->queue[(s->head + s->n_queued++) % s->window] = item;
    s->n_waiting++;
    return 0;
}

static struct hs_item *
waiting(const struct hs_sched *s, size_t i)
{
    return s->queue[(s->head + s->n_queued - s->n_waiting + i) % s->window];
}

/* Whether what an item begins with is there. */
static bool
is_ready(const struct hs_item *item)
{
    return item->trunk == NULL || item->trunk->n_fed >= item->n_share;
}

/* How many of those that wait start together; not *whole if more may come. */
static size_t
gang(const struct hs_sched *s, bool *whole)
{
    uint64_t group = s->n_waiting > 0 ? waiting(s, 0)->group : 0;
    bool no_more = s->input_ended || s->later;
    size_t n = 0;

    if (group == 0 || !s->shares) {
        *whole = s->n_waiting > 0 || no_more;
        return s->n_waiting > 0 && is_ready(waiting(s, 0));
    }
    while (n < s->n_waiting && n < s->o->batch && waiting(s, n)->group == group)
        n++;
    *whole = n < s->n_waiting || n == s->o->batch || no_more;
    return *whole && !is_ready(waiting(s, 0)) ? 0 : n;
}

/* Gives the tokens that a branch has in common with its trunk. */
static void
branch_off(struct hs_sched *s, size_t seat, struct hs_item *item)
{
    struct hs_item *trunk = item->trunk;
    size_t from = 0, n_layers = s->model->cfg.n_layers;

    if (trunk == NULL)
        return;
    while (s->seats[from].item != trunk)
        from++;
    hs_state_copy(s->st, (uint32_t)seat, (uint32_t)from, item->n_share, 0,
                  n_layers);
    item->n_fed = item->n_share;
    s->stats.shared += item->n_share * n_layers;
    trunk->n_branches--;
    item->trunk = NULL; /* which may be freed now */
}

/* Gives slots to the first n that wait. */
static int
start(struct hs_sched *s, size_t n)
{
    size_t i = 0;

    for (size_t k = 0; k < n; k++) {
        struct hs_item *item = waiting(s, k);

        if (k > 0 && hs_item_check_group(s->o, waiting(s, 0), item, s->err) < 0)
            return -1;
        while (s->seats[i].item != NULL)
            i++;
        hs_seat_take(s->seats, i, item, hs_sched_edit(s, item));
        hs_state_reserve(s->st, (uint32_t)i, item->cap_tokens);
        branch_off(s, i, item);
        s->at[k] = i;
    }
    hs_seats_lead(s->seats, s->at, n, s->model->cfg.n_layers);
    s->n_waiting -= n;
    s->n_free -= n;
    if (s->o->unordered) {
        s->head = (s->head + n) % s->window;
        s->n_queued -= n;
    }
    return 0;
}

static int
fill_slots(struct hs_sched *s)
{
    while (s->n_free > 0) {
        bool whole;
        size_t n = gang(s, &whole);

        if (whole ? n == 0 || n > s->n_free : s->n_queued == s->window)
            break;
        if ((whole ? start(s, n) : admit(s)) < 0)
            return -1;
    }
    return 0;
}

/* Draws or scores the token behind one row. */
static int
predict_row(struct hs_sched *s, size_t r, const float *logits, float *scratch)
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
        rc = hs_sample(item->sampler != NULL ? item->sampler : &s->o->sampler,
                       logits, n_vocab, &place, scratch, &d);
    if (rc < 0)
        return -1;
    item->logprob[at] = d.logprob;
    item->entropy[at] = d.entropy;
    if (!item->replay) {
        item->tokens[item->n_tokens++] = d.token;
        if (hs_item_is_eos(s->o, d.token))
            item->finish = HS_FINISH_EOS;
        else if (s->o->stops != NULL && s->o->stops(s->o->ud, item, d.token))
            item->finish = HS_FINISH_STOP;
    }
    return 0;
}

/* Whatever is to be predicted from s->logits. */
static void
predict_all(void *ud, struct hs_team *team, size_t thread)
{
    struct hs_sched *s = ud;
    size_t n_vocab = s->model->cfg.n_vocab, i;
    float *scratch = s->scratch + thread * hs_sampler_scratch(n_vocab);

    while ((i = hs_team_take(team)) < s->n_index)
        s->bad[i] =
            predict_row(s, s->index[i], s->logits + i * n_vocab, scratch) < 0;
}

static int
predict(struct hs_sched *s)
{
    size_t r = 0;

    while (r < s->n_rows) {
        s->n_index = 0;
        for (; r < s->n_rows && s->n_index < HS_SCHED_LOGIT_ROWS; r++)
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

static void
finish_all(void *ud, struct hs_team *team, size_t thread)
{
    struct hs_sched *s = ud;
    size_t i;

    (void)thread;
    while ((i = hs_team_take(team)) < s->n_retired)
        if (!s->retired[i]->is_trunk)
            s->o->finished(s->o->ud, s->retired[i]);
}

/* Takes finished items out of their slots. */
static void
retire(struct hs_sched *s)
{
    for (size_t i = 0; i < s->o->batch; i++)
        s->seats[i].complete = s->seats[i].item != NULL &&
                               hs_item_complete(s->o, s->seats[i].item);
    hs_seats_regroup(s->seats, s->o->batch, s->st, s->model->cfg.n_layers);
    s->n_retired = 0;
    for (size_t i = 0; i < s->o->batch; i++) {
        if (!s->seats[i].complete)
            continue;
        s->seats[i].item->done = true;
        s->retired[s->n_retired++] = s->seats[i].item;
        hs_seat_take(s->seats, i, NULL, NULL);
    }
    s->n_free += s->n_retired;
    if (s->n_retired > 0)
        hs_team_run(s->team, finish_all, s);
}

/* Hands out one item, or ends a trunk. */
static int
hand_out(struct hs_sched *s, struct hs_item *item)
{
    if (item->is_trunk) {
        hs_item_free(item);
        return 0;
    }
    s->later = false;
    return s->o->emit(s->o->ud, item) < 0 ? -1 : 0;
}

/* Hands out what is finished and whose turn it is. */
static int
emit(struct hs_sched *s)
{
    while (!s->o->unordered && s->n_queued > 0 && s->queue[s->head]->done) {
        struct hs_item *item = s->queue[s->head];

        s->head = (s->head + 1) % s->window;
        s->n_queued--;
        if (hand_out(s, item) < 0)
            return -1;
    }
    while (s->o->unordered && s->n_retired > 0)
        if (hand_out(s, s->retired[--s->n_retired]) < 0)
            return -1;
    return 0;
}

/* One pass.  1, 0 when all is done, -1. */
static int
advance(struct hs_sched *s)
{
    bool moved;

    if (fill_slots(s) < 0)
        return -1;
    hs_sched_build(s);
    moved = s->n_rows > 0;
    if (moved && (hs_sched_forward(s) < 0 || predict(s) < 0))
        return -1;
    retire(s);
    moved |= s->n_retired > 0;
    if (emit(s) < 0)
        return -1;
    if (moved)
        return 1;
    if (s->input_ended && s->n_queued == 0 && s->n_free == s->o->batch)
        return 0;
    return hs_fail(s->err, "a batch of %zu is too small for its trunks",
                   s->o->batch);
}

static int
loop(struct hs_sched *s)
{
    int rc;

    do
        rc = advance(s);
    while (rc > 0);
    return rc;
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

static void
allocate(struct hs_sched *s)
{
    size_t batch = s->o->batch, n_vocab = s->model->cfg.n_vocab;

    s->max_rows = pass_rows(s->o);
    s->window = hs_mul(batch, WINDOW);
    s->shares = s->o->layers.n == 0;
    s->n_free = batch;
    s->st = hs_state_new(s->model, s->team, batch, s->max_rows);
    s->seats = hs_calloc(batch, sizeof *s->seats);
    for (size_t i = 0; i < batch; i++)
        hs_seat_take(s->seats, i, NULL, NULL);
    s->at = hs_calloc(batch, sizeof *s->at);
    s->retired = hs_calloc(batch, sizeof(struct hs_item *));
    s->queue = hs_calloc(s->window, sizeof(struct hs_item *));
    s->rows = hs_calloc(s->max_rows, sizeof *s->rows);
    s->fates = hs_calloc(s->max_rows, sizeof *s->fates);
    s->built_rows = hs_calloc(s->max_rows, sizeof *s->built_rows);
    s->built_fates = hs_calloc(s->max_rows, sizeof *s->built_fates);
    s->place = hs_calloc(s->max_rows, sizeof *s->place);
    s->bad = hs_calloc(HS_SCHED_LOGIT_ROWS, sizeof *s->bad);
    s->logits =
        hs_calloc64(hs_mul(HS_SCHED_LOGIT_ROWS, n_vocab), sizeof(float));
    s->scratch =
        hs_calloc64(hs_mul(hs_team_size(s->team), hs_sampler_scratch(n_vocab)),
                    sizeof(float));
}

static void
release(struct hs_sched *s)
{
    for (size_t i = 0; i < s->n_queued; i++)
        hs_item_free(s->queue[(s->head + i) % s->window]);
    for (size_t i = 0; s->o->unordered && i < s->o->batch; i++)
        hs_item_free(s->seats[i].item);
    for (size_t i = 0; s->o->unordered && i < s->n_retired; i++)
        hs_item_free(s->retired[i]);
    free(s->seats);
    free(s->at);
    free(s->retired);
    free(s->queue);
    free(s->rows);
    free(s->fates);
    free(s->built_rows);
    free(s->built_fates);
    free(s->place);
    free(s->bad);
    free(s->logits);
    free(s->scratch);
    hs_state_free(s->st);
}

int
hs_sched_run(const struct hs_model *model, const struct hs_sched_options *o,
             struct hs_error *err)
{
    struct hs_sched s = {.model = model, .o = o, .err = err};
    int rc;

    err->text[0] = '\0';
    s.team = o->team != NULL ? o->team : hs_team_new(1, err);
    if (s.team == NULL)
        return -1;
    allocate(&s);
    rc = loop(&s);
    if (o->stats != NULL) {
        o->stats->computed += s.stats.computed;
        o->stats->shared += s.stats.shared;
    }
    release(&s);
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
    size_t states = hs_item_most_states(o->positions, n_prompt, max_tokens);
    size_t item =
        hs_mul(hs_mul(states, o->layers.n), model->cfg.dim * sizeof(float));
    size_t slot = hs_mul(pos, hs_state_position_bytes(model)) + item;

    return hs_state_bytes(model, n_threads(o), rows) + hs_mul(o->batch, slot) +
           hs_mul(hs_mul(HS_SCHED_LOGIT_ROWS, n_vocab), sizeof(float)) +
           hs_mul(n_threads(o) * sizeof(float), hs_sampler_scratch(n_vocab));
}
