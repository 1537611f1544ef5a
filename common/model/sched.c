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
#include "model/item.h"
#include "model/share.h"

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

    struct hs_seat *seats; /* (batch) */
    size_t *at;            /* (batch) seats that are being taken */
    size_t n_free;
    struct hs_item **retired; /* (batch), n_retired of the last pass */
    size_t n_retired;
    struct hs_item **queue; /* (window) ring in input order */
    size_t window, head, n_queued;
    size_t n_waiting; /* the last of the queue, which have no slot yet */
    bool input_ended, shares;

    size_t max_rows;
    struct hs_row *rows;       /* (max_rows) */
    struct fate *fates;        /* (max_rows) */
    struct hs_row *built_rows; /* (max_rows), and */
    struct fate *built_fates;  /* (max_rows), before they are put in order */
    uint32_t *place;           /* (max_rows) where a row that was built is */
    size_t n_rows;
    struct hs_sched_stats stats;
    uint32_t index[LOGIT_ROWS]; /* rows whose logits are held: n_index */
    size_t n_index;
    float *logits;  /* (LOGIT_ROWS, n_vocab) */
    float *scratch; /* (threads, sampler scratch) */
    bool *bad;      /* (LOGIT_ROWS) */
};

static size_t
row_floats(const struct sched *s)
{
    return hs_mul(s->o->layers.n, s->model->cfg.dim);
}

/* Takes the next item of the input.  0 or -1. */
static int
admit(struct sched *s)
{
    struct hs_item *item = NULL;
    int rc = s->o->next(s->o->ud, &item);

    s->input_ended = rc == 0;
    if (rc <= 0)
        return rc;
    if (hs_item_check(s->model, item, s->err) < 0) {
        hs_item_free(item);
        return -1;
    }
    hs_item_prepare(s->model, s->o, item);
    s->queue[(s->head + s->n_queued++) % s->window] = item;
    s->n_waiting++;
    return 0;
}

static struct hs_item *
waiting(const struct sched *s, size_t i)
{
    return s->queue[(s->head + s->n_queued - s->n_waiting + i) % s->window];
}

/* How many of those that wait start together; not *whole if more may come. */
static size_t
gang(const struct sched *s, bool *whole)
{
    uint64_t group = s->n_waiting > 0 ? waiting(s, 0)->group : 0;
    size_t n = 0;

    if (group == 0 || !s->shares) {
        *whole = s->n_waiting > 0 || s->input_ended;
        return s->n_waiting > 0;
    }
    while (n < s->n_waiting && n < s->o->batch && waiting(s, n)->group == group)
        n++;
    *whole = n < s->n_waiting || n == s->o->batch || s->input_ended;
    return n;
}

static const struct hs_edit *
edit_of(const struct sched *s, const struct hs_item *item)
{
    return item->edit != NULL ? item->edit : s->o->edit;
}

/* Gives slots to the first n that wait. */
static int
start(struct sched *s, size_t n)
{
    size_t i = 0;

    for (size_t k = 0; k < n; k++) {
        struct hs_item *item = waiting(s, k);

        if (k > 0 && hs_item_check_group(waiting(s, 0), item, s->err) < 0)
            return -1;
        while (s->seats[i].item != NULL)
            i++;
        hs_seat_take(s->seats, i, item, edit_of(s, item));
        hs_state_reserve(s->st, (uint32_t)i, item->cap_tokens);
        s->at[k] = i;
    }
    hs_seats_lead(s->seats, s->at, n, s->model->cfg.n_layers);
    s->n_waiting -= n;
    s->n_free -= n;
    return 0;
}

static int
fill_slots(struct sched *s)
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

/* Finds the place of a row's state in its item; a tentative state that went
 * before gives its place up. */
static size_t
place_state(struct sched *s, struct hs_item *item, size_t pos, size_t row)
{
    bool keep, last_counts;

    if (s->o->layers.n == 0 ||
        (pos + 1 < item->n_prompt && s->o->positions != HS_POSITIONS_TOKENS))
        return SIZE_MAX;
    keep = hs_item_keeps(s->o, item, pos);
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

/* Adds n rows of a slot to the pass; those of its leader begin at first. */
static void
add_rows(struct sched *s, size_t slot, size_t n, size_t first)
{
    const struct hs_seat *seat = &s->seats[slot];
    struct hs_item *item = seat->item;
    size_t n_layers = s->model->cfg.n_layers, known = item->n_tokens;
    size_t shared = seat->fork < n_layers ? seat->fork : n_layers;

    s->stats.shared += n * shared;
    s->stats.computed += n * (n_layers - shared);
    for (size_t i = 0; i < n; i++) {
        size_t pos = item->n_fed++, r = s->n_rows;
        bool predict = item->replay
                           ? pos + 1 >= item->n_prompt && pos + 1 < known
                           : pos + 1 == known && known < item->cap_tokens;

        if (seat->fork > n_layers && !predict)
            continue; /* its leader's is all that anyone wants */
        s->n_rows++;
        s->rows[r] =
            (struct hs_row){(uint32_t)slot, (uint32_t)pos, item->tokens[pos],
                            (uint32_t)(first + i), (uint32_t)seat->fork};
        s->fates[r].item = item;
        s->fates[r].edits = 0;
        s->fates[r].state = place_state(s, item, pos, r);
        s->fates[r].predict = predict;
    }
}

/* Whether seat j follows another one, i. */
static bool
follows(const struct sched *s, size_t j, size_t i)
{
    return j != i && s->seats[j].leader == i;
}

/* Adds n tokens of a seat, or as many as may be, and as many of all that follow
 * it.  In a group prompt and completion go apart: what of them is shared is not
 * the same. */
static void
add_run(struct sched *s, size_t i, size_t n)
{
    const struct hs_item *item = s->seats[i].item;
    bool alone = !s->shares || item->group == 0;
    size_t room = s->max_rows - s->n_rows, wide = 1, first = s->n_rows;
    size_t n_layers = s->model->cfg.n_layers;

    if (!alone && item->n_fed < item->n_prompt &&
        n > item->n_prompt - item->n_fed)
        n = item->n_prompt - item->n_fed;
    for (size_t j = 0; !alone && j < s->o->batch; j++) {
        if (!follows(s, j, i))
            continue;
        if (s->seats[j].fork > n_layers && item->n_fed < item->n_prompt)
            room -= room > 0; /* only its last row */
        else
            wide++;
    }
    n = n < room / wide ? n : room / wide;
    add_rows(s, i, n, first);
    for (size_t j = 0; !alone && j < s->o->batch; j++)
        if (follows(s, j, i))
            add_rows(s, j, n, first);
}

/* Puts rows in the order that the forward pass wants: by fork. */
static void
order_rows(struct sched *s)
{
    size_t n = 0;

    memcpy(s->built_rows, s->rows, s->n_rows * sizeof *s->rows);
    memcpy(s->built_fates, s->fates, s->n_rows * sizeof *s->fates);
    for (uint32_t fork = 0; n < s->n_rows; fork++) {
        for (size_t r = 0; r < s->n_rows; r++) {
            const struct hs_row *row = &s->built_rows[r];

            if (row->fork != fork)
                continue;
            s->rows[n] = *row;
            s->rows[n].from = fork > 0 ? s->place[row->from] : 0;
            s->fates[n] = s->built_fates[r];
            s->place[r] = (uint32_t)n++;
        }
    }
}

/* Single tokens first, so that no sequence waits for another's prompt. */
static void
build_pass(struct sched *s)
{
    bool in_order = true;

    s->n_rows = 0;
    for (int prompts = 0; prompts < 2; prompts++) {
        for (size_t i = 0; i < s->o->batch; i++) {
            const struct hs_item *item = s->seats[i].item;
            size_t n;

            if (item == NULL || s->seats[i].leader != i)
                continue;
            n = hs_item_to_feed(s->o, item) - item->n_fed;
            if (n > 0 && (n > 1) == (prompts == 1))
                add_run(s, i, n);
        }
    }
    for (size_t r = 0; r < s->n_rows; r++)
        in_order &= s->rows[r].fork == 0;
    if (!in_order)
        order_rows(s);
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
        if (hs_item_is_eos(s->o, d.token))
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

static void
allocate(struct sched *s)
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
    s->bad = hs_calloc(LOGIT_ROWS, sizeof *s->bad);
    s->logits = hs_calloc64(hs_mul(LOGIT_ROWS, n_vocab), sizeof(float));
    s->scratch =
        hs_calloc64(hs_mul(hs_team_size(s->team), hs_sampler_scratch(n_vocab)),
                    sizeof(float));
}

static void
release(struct sched *s)
{
    for (size_t i = 0; i < s->n_queued; i++)
        hs_item_free(s->queue[(s->head + i) % s->window]);
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
    struct sched s = {.model = model, .o = o, .err = err};
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
           hs_mul(hs_mul(LOGIT_ROWS, n_vocab), sizeof(float)) +
           hs_mul(n_threads(o) * sizeof(float), hs_sampler_scratch(n_vocab));
}
