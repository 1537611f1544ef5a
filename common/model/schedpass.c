/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * schedpass.c - the rows of one pass of the scheduler, see schedrun.h.
 */
#include <config.h>

#include "model/schedrun.h"

#include <string.h>

#include "base/mem.h"

const struct hs_edit *
hs_sched_edit(const struct hs_sched *s, const struct hs_item *item)
{
    return item->edit != NULL ? item->edit : s->o->edit;
}

static size_t
row_floats(const struct hs_sched *s)
{
    return hs_mul(s->o->layers.n, s->model->cfg.dim);
}

/* Finds the place of a row's state in its item; a tentative state that went
 * before gives its place up. */
static size_t
place_state(struct hs_sched *s, struct hs_item *item, size_t pos, size_t row)
{
    bool keep, last_counts;

    if (s->o->layers.n == 0 || item->is_trunk ||
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

/* Whether the token behind a position is to be drawn or scored. */
static bool
predicts(const struct hs_item *item, size_t pos, size_t known)
{
    if (item->is_trunk || item->finish == HS_FINISH_STOP)
        return false;
    if (item->replay)
        return pos + 1 >= item->n_prompt && pos + 1 < known;
    return pos + 1 == known && known < item->cap_tokens;
}

/* Adds n rows of a slot to the pass; those of its leader begin at first. */
static void
add_rows(struct hs_sched *s, size_t slot, size_t n, size_t first)
{
    const struct hs_seat *seat = &s->seats[slot];
    struct hs_item *item = seat->item;
    size_t n_layers = s->model->cfg.n_layers, known = item->n_tokens;
    size_t shared = seat->fork < n_layers ? seat->fork : n_layers;

    s->stats.shared += n * shared;
    s->stats.computed += n * (n_layers - shared);
    for (size_t i = 0; i < n; i++) {
        size_t pos = item->n_fed++, r = s->n_rows;
        bool predict = predicts(item, pos, known);

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
follows(const struct hs_sched *s, size_t j, size_t i)
{
    return j != i && s->seats[j].leader == i;
}

/* Adds n tokens of a seat, or as many as may be, and as many of all that follow
 * it.  In a group prompt and completion go apart: what of them is shared is not
 * the same. */
static void
add_run(struct hs_sched *s, size_t i, size_t n)
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
order_rows(struct hs_sched *s)
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
void
hs_sched_build(struct hs_sched *s)
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
copy_states(const struct hs_sched *s, size_t kept, const float *x,
            size_t stride, size_t first, size_t n_rows, size_t dim)
{
    for (size_t r = 0; r < n_rows; r++) {
        const struct hs_fate *f = &s->fates[first + r];

        if (f->state != SIZE_MAX)
            memcpy(f->item->states + (f->state * s->o->layers.n + kept) * dim,
                   x + r * stride, dim * sizeof *x);
    }
}

static int
tap(void *ud, size_t layer, float *x, size_t stride, const struct hs_row *rows,
    size_t first, size_t n_rows, size_t dim)
{
    struct hs_sched *s = ud;

    for (size_t r = 0; r < n_rows; r++) {
        struct hs_fate *f = &s->fates[first + r];
        const struct hs_edit *e = hs_sched_edit(s, f->item);
        struct hs_edit_at at = {rows[r].pos, f->item->n_prompt,
                                f->item->problem, f->item->sample};

        for (; e != NULL; e = e->more)
            if (e->layer == layer)
                f->edits += hs_edit_row(e, x + r * stride, &at);
    }
    for (size_t i = 0; i < s->o->layers.n; i++)
        if (s->o->layers.v[i] == layer)
            copy_states(s, i, x, stride, first, n_rows, dim);
    return 0;
}

/* Threads of a pass may share an item: its edits are counted behind it. */
int
hs_sched_forward(struct hs_sched *s)
{
    if (hs_forward(s->st, s->rows, s->n_rows, tap, s) < 0)
        return -1;
    for (size_t r = 0; r < s->n_rows; r++)
        s->fates[r].item->edits += s->fates[r].edits;
    return 0;
}
