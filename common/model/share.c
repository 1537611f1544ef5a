/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * share.c - see share.h.
 */
#include <config.h>

#include "model/share.h"

/* The first layer in which an item is edited in the rows that come next (or,
 * if generated, in those of its completion); n_layers + 1: in none. */
static size_t
level(const struct hs_seat *s, bool generated, size_t n_layers)
{
    size_t first = n_layers + 1;

    generated |= s->item->n_fed >= s->item->n_prompt;
    for (const struct hs_edit *e = s->edit; e != NULL; e = e->more)
        if (e->n > 0 && e->layer < first &&
            (e->where != HS_EDIT_GENERATED || generated))
            first = e->layer;
    return first;
}

/* What seat i has in common with another one, for the rows that come next. */
static size_t
fork_of(const struct hs_seat *seats, size_t i, size_t leader, size_t n_layers)
{
    size_t a = level(&seats[i], false, n_layers);
    size_t b = level(&seats[leader], false, n_layers);

    if (i == leader)
        return 0;
    return a < b ? a : b;
}

void
hs_seat_take(struct hs_seat *seats, size_t i, struct hs_item *item,
             const struct hs_edit *edit)
{
    seats[i] = (struct hs_seat){.item = item, .edit = edit, .leader = i};
}

void
hs_seats_lead(struct hs_seat *seats, const size_t *at, size_t n,
              size_t n_layers)
{
    size_t best = at[0];

    for (size_t k = 1; k < n; k++)
        if (level(&seats[at[k]], true, n_layers) >
            level(&seats[best], true, n_layers))
            best = at[k];
    for (size_t k = 0; k < n; k++) {
        size_t i = at[k];

        seats[i].fork = fork_of(seats, i, best, n_layers);
        seats[i].leader = seats[i].fork > 0 ? best : i;
    }
}

/* Lets a seat follow another one, or itself, from now on. */
static void
follow(struct hs_seat *seats, size_t i, size_t leader, struct hs_state *st,
       size_t n_layers)
{
    struct hs_seat *s = &seats[i];
    size_t fork = fork_of(seats, i, leader, n_layers);
    size_t behind = s->fork < n_layers ? s->fork : n_layers;

    if (fork < behind)
        hs_state_copy(st, (uint32_t)i, (uint32_t)s->leader, s->item->n_fed,
                      fork, behind);
    s->fork = fork;
    s->leader = fork > 0 ? leader : i;
}

/* Whether two that were alike before the last pass are so behind it. */
static bool
alike(const struct hs_seat *a, const struct hs_seat *b)
{
    const struct hs_item *x = a->item, *y = b->item;

    return !a->complete && !b->complete && x->n_tokens == y->n_tokens &&
           x->tokens[x->n_tokens - 1] == y->tokens[y->n_tokens - 1];
}

/* Those that left their leader the way seat i did, which is the first of them,
 * go on together. */
static void
leave(struct hs_seat *seats, size_t n, size_t i, struct hs_state *st,
      size_t n_layers)
{
    size_t old = seats[i].leader, best = i;

    for (size_t j = i + 1; j < n; j++)
        if (j != old && seats[j].leader == old && alike(&seats[i], &seats[j]) &&
            level(&seats[j], true, n_layers) >
                level(&seats[best], true, n_layers))
            best = j;
    for (size_t j = i; j < n; j++)
        if (j != old && seats[j].leader == old && alike(&seats[i], &seats[j]))
            follow(seats, j, best, st, n_layers);
}

void
hs_seats_regroup(struct hs_seat *seats, size_t n, struct hs_state *st,
                 size_t n_layers)
{
    for (size_t i = 0; i < n; i++) {
        struct hs_seat *s = &seats[i];

        if (s->leader == i)
            continue;
        if (s->complete) {
            s->leader = i;
            s->fork = 0;
        } else if (alike(s, &seats[s->leader])) {
            follow(seats, i, s->leader, st, n_layers);
        } else {
            leave(seats, n, i, st, n_layers);
        }
    }
}
