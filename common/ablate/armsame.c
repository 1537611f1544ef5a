/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armsame.c - see armsame.h.
 */
#include <config.h>

#include "ablate/armsame.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"

static uint64_t
hash_edit(const struct hs_edit *e)
{
    const uint32_t how[3] = {e->layer, (uint32_t)e->mode, (uint32_t)e->where};
    uint64_t h = XXH3_64bits(how, sizeof how);

    h = XXH3_64bits_withSeed(e->coords, e->n * sizeof *e->coords, h);
    if (e->values != NULL)
        h = XXH3_64bits_withSeed(e->values, e->n * sizeof *e->values, h);
    return h;
}

static bool
same_edit(const struct hs_edit *a, const struct hs_edit *b)
{
    return a->layer == b->layer && a->mode == b->mode && a->where == b->where &&
           a->n == b->n &&
           memcmp(a->coords, b->coords, a->n * sizeof *a->coords) == 0 &&
           (a->values == NULL ||
            memcmp(a->values, b->values, a->n * sizeof *a->values) == 0);
}

/* The slot of an arm that makes the edit, or a free one. */
static size_t *
find_slot(const struct hs_arm_sames *t, const struct hs_armset *s,
          const struct hs_edit *e)
{
    size_t i = (size_t)hash_edit(e) & (t->cap - 1);

    while (t->slots[i] != 0 && !same_edit(&s->v[t->slots[i] - 1].edit, e))
        i = (i + 1) & (t->cap - 1);
    return &t->slots[i];
}

/* Keeps half of the slots free. */
static void
make_room(struct hs_arm_sames *t, const struct hs_armset *s)
{
    struct hs_arm_sames old = *t;

    if (2 * (t->n + 1) <= t->cap)
        return;
    t->cap = old.cap > 0 ? 2 * old.cap : 64;
    t->slots = hs_calloc(t->cap, sizeof *t->slots);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i] != 0)
            *find_slot(t, s, &s->v[old.slots[i] - 1].edit) = old.slots[i];
    free(old.slots);
}

void
hs_arm_sames_add(struct hs_arm_sames *t, struct hs_armset *s)
{
    struct hs_arm *a = &s->v[s->n - 1];
    size_t *slot;

    if (a->kind == HS_ARM_NONE || a->kind == HS_ARM_NOOP)
        return;
    make_room(t, s);
    slot = find_slot(t, s, &a->edit);
    if (*slot != 0) {
        a->same_as = hs_strdup(s->v[*slot - 1].label);
        return;
    }
    *slot = s->n;
    t->n++;
}

void
hs_arm_sames_free(struct hs_arm_sames *t)
{
    free(t->slots);
    *t = (struct hs_arm_sames){0};
}
