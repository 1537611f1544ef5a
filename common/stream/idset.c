/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * idset.c - see idset.h.  Open addressing, at most half full.
 */
#include <config.h>

#include "stream/idset.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"

static void
hash(const char *text, size_t n, uint64_t out[2])
{
    XXH128_hash_t h = XXH3_128bits(text, n);

    out[0] = h.low64;
    out[1] = h.high64;
    if (out[0] == 0 && out[1] == 0)
        out[0] = 1;
}

/* The slot of h, or the free one where it belongs. */
static size_t
find(const struct hs_idset *s, const uint64_t h[2])
{
    size_t i = (size_t)h[0] & (s->cap - 1);

    while ((s->slots[i][0] != 0 || s->slots[i][1] != 0) &&
           (s->slots[i][0] != h[0] || s->slots[i][1] != h[1]))
        i = (i + 1) & (s->cap - 1);
    return i;
}

static void
enlarge(struct hs_idset *s)
{
    struct hs_idset old = *s;

    s->cap = old.cap ? 2 * old.cap : 64;
    s->slots = hs_calloc(s->cap, sizeof *s->slots);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i][0] != 0 || old.slots[i][1] != 0)
            memcpy(s->slots[find(s, old.slots[i])], old.slots[i],
                   sizeof *s->slots);
    free(old.slots);
}

bool
hs_idset_add(struct hs_idset *s, const char *text, size_t n)
{
    uint64_t h[2];
    size_t i;

    if (2 * (s->n + 1) > s->cap)
        enlarge(s);
    hash(text, n, h);
    i = find(s, h);
    if (s->slots[i][0] != 0 || s->slots[i][1] != 0)
        return false;
    memcpy(s->slots[i], h, sizeof h);
    s->n++;
    return true;
}

bool
hs_idset_has(const struct hs_idset *s, const char *text, size_t n)
{
    uint64_t h[2];
    size_t i;

    if (s->n == 0)
        return false;
    hash(text, n, h);
    i = find(s, h);
    return s->slots[i][0] != 0 || s->slots[i][1] != 0;
}

void
hs_idset_free(struct hs_idset *s)
{
    free(s->slots);
    *s = (struct hs_idset){0};
}
