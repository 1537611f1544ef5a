/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bpe.c - see bpe.h.
 */
#include <config.h>

#include "model/bpe.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#define NO_RANK UINT32_MAX

/* Words up to this many bytes are merged by looking at all pairs. */
#define SHORT_WORD 48

struct hs_bpe_slot {
    uint32_t hash;
    uint32_t id; /* HS_NO_TOKEN: free */
};

struct hs_bpe_merge {
    uint32_t left, right;
    uint32_t rank; /* NO_RANK: free */
    uint32_t id;
};

/* A symbol of a word and its pair with the next one. */
struct hs_bpe_node {
    uint32_t id;
    uint32_t rank; /* of the pair; NO_RANK: no merge, or symbol gone */
    uint32_t merged;
    uint32_t prev, next; /* only for long words; UINT32_MAX: none */
};

enum whole {
    WHOLE_UNKNOWN,
    WHOLE_YES,
    WHOLE_NO
};

static size_t
table_size(size_t n)
{
    size_t size = 64;

    while (size < n || size - n < n)
        size = hs_mul(size, 2);
    return size;
}

void
hs_bpe_init(struct hs_bpe *b, size_t size, size_t n_merges)
{
    size_t n_slots = table_size(size);
    size_t n_pairs = table_size(n_merges);

    *b = (struct hs_bpe){.size = size};
    b->start = hs_malloc(hs_mul(size, sizeof *b->start));
    b->length = hs_calloc(size, sizeof *b->length);
    b->whole = hs_calloc(size, sizeof *b->whole);
    b->slots = hs_malloc(hs_mul(n_slots, sizeof *b->slots));
    b->merges = hs_malloc(hs_mul(n_pairs, sizeof *b->merges));
    b->slot_mask = n_slots - 1;
    b->merge_mask = n_pairs - 1;
    memset(b->start, 0xff, size * sizeof *b->start);
    memset(b->slots, 0xff, n_slots * sizeof *b->slots);
    memset(b->merges, 0xff, n_pairs * sizeof *b->merges);
    memset(b->byte_id, 0xff, sizeof b->byte_id);
}

void
hs_bpe_free(struct hs_bpe *b)
{
    hs_buf_free(&b->text);
    free(b->start);
    free(b->length);
    free((void *)(uintptr_t)b->whole);
    free(b->slots);
    free(b->merges);
    *b = (struct hs_bpe){0};
}

static uint32_t
hash_bytes(const void *bytes, size_t n)
{
    return (uint32_t)XXH3_64bits(bytes, n);
}

/* The slot of the token with these bytes, or the free one for it. */
static struct hs_bpe_slot *
find_slot(const struct hs_bpe *b, const void *bytes, size_t n, uint32_t hash)
{
    for (size_t i = hash & b->slot_mask;; i = (i + 1) & b->slot_mask) {
        struct hs_bpe_slot *s = &b->slots[i];

        if (s->id == HS_NO_TOKEN)
            return s;
        if (s->hash == hash && b->length[s->id] == n &&
            memcmp(b->text.data + b->start[s->id], bytes, n) == 0)
            return s;
    }
}

int
hs_bpe_add_token(struct hs_bpe *b, uint32_t id, const void *bytes, size_t n,
                 bool findable)
{
    struct hs_bpe_slot *s = NULL;
    uint32_t hash = hash_bytes(bytes, n);

    if (b->start[id] != HS_NO_TOKEN || b->text.len + n >= HS_NO_TOKEN)
        return -1;
    if (findable) {
        s = find_slot(b, bytes, n, hash);
        if (s->id != HS_NO_TOKEN)
            return -1;
    }
    b->start[id] = (uint32_t)b->text.len;
    b->length[id] = (uint32_t)n;
    hs_buf_add(&b->text, bytes, n);
    if (s != NULL) {
        *s = (struct hs_bpe_slot){hash, id};
        if (n == 1)
            b->byte_id[*(const unsigned char *)bytes] = id;
    }
    return 0;
}

uint32_t
hs_bpe_find(const struct hs_bpe *b, const void *bytes, size_t n)
{
    return find_slot(b, bytes, n, hash_bytes(bytes, n))->id;
}

/* The entry of the pair, or the free one for it. */
static struct hs_bpe_merge *
find_merge(const struct hs_bpe *b, uint32_t left, uint32_t right)
{
    uint64_t h = (((uint64_t)left << 32) | right) * 0x9e3779b97f4a7c15u;

    for (size_t i = (h >> 32) & b->merge_mask;; i = (i + 1) & b->merge_mask) {
        struct hs_bpe_merge *m = &b->merges[i];

        if (m->rank == NO_RANK || (m->left == left && m->right == right))
            return m;
    }
}

int
hs_bpe_add_merge(struct hs_bpe *b, uint32_t left, uint32_t right, uint32_t rank)
{
    struct hs_bpe_merge *m = find_merge(b, left, right);
    size_t n = (size_t)b->length[left] + b->length[right];
    uint8_t small[256], *both = n <= sizeof small ? small : hs_malloc(n);
    uint32_t id;

    memcpy(both, b->text.data + b->start[left], b->length[left]);
    memcpy(both + b->length[left], b->text.data + b->start[right],
           b->length[right]);
    id = hs_bpe_find(b, both, n);
    if (both != small)
        free(both);
    if (m->rank != NO_RANK || id == HS_NO_TOKEN)
        return -1;
    *m = (struct hs_bpe_merge){left, right, rank, id};
    return 0;
}

static void
rank_pair(const struct hs_bpe *b, struct hs_bpe_node *at, uint32_t right)
{
    const struct hs_bpe_merge *m = find_merge(b, at->id, right);

    at->rank = m->rank;
    at->merged = m->id;
}

/* Merges the n symbols at nodes in place; returns how many are left. */
static size_t
merge_short(const struct hs_bpe *b, struct hs_bpe_node *nodes, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        rank_pair(b, &nodes[i], nodes[i + 1].id);
    nodes[n - 1].rank = NO_RANK;
    for (;;) {
        size_t best = 0;

        for (size_t i = 1; i < n; i++)
            if (nodes[i].rank < nodes[best].rank)
                best = i;
        if (nodes[best].rank == NO_RANK)
            return n;
        nodes[best].id = nodes[best].merged;
        n--;
        memmove(nodes + best + 1, nodes + best + 2,
                (n - best - 1) * sizeof *nodes);
        if (best + 1 < n)
            rank_pair(b, &nodes[best], nodes[best + 1].id);
        else
            nodes[best].rank = NO_RANK;
        if (best > 0)
            rank_pair(b, &nodes[best - 1], nodes[best].id);
    }
}

/* A binary heap of rank << 32 | place, the least on top. */
static void
heap_push(struct hs_bpe_work *w, uint64_t key)
{
    size_t i = w->n_heap++;

    w->heap = hs_grow(w->heap, &w->heap_cap, w->n_heap, sizeof *w->heap);
    for (; i > 0 && w->heap[(i - 1) / 2] > key; i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = key;
}

static uint64_t
heap_pop(struct hs_bpe_work *w)
{
    uint64_t top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < w->n_heap) {
        if (child + 1 < w->n_heap && w->heap[child + 1] < w->heap[child])
            child++;
        if (w->heap[child] >= last)
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    if (w->n_heap > 0)
        w->heap[i] = last;
    return top;
}

/* Ranks the pair that starts at symbol i again, after a change. */
static void
push_pair(const struct hs_bpe *b, struct hs_bpe_work *w, uint32_t i)
{
    struct hs_bpe_node *at = &w->nodes[i];

    at->rank = NO_RANK;
    if (at->next != UINT32_MAX)
        rank_pair(b, at, w->nodes[at->next].id);
    if (at->rank != NO_RANK)
        heap_push(w, ((uint64_t)at->rank << 32) | i);
}

/* The same for many symbols; packs what is left to the front. */
static size_t
merge_long(const struct hs_bpe *b, struct hs_bpe_work *w, size_t n)
{
    struct hs_bpe_node *nodes = w->nodes;
    size_t left = 0;

    w->n_heap = 0;
    for (uint32_t i = 0; i < n; i++) {
        nodes[i].prev = i - 1; /* UINT32_MAX for the first */
        nodes[i].next = i + 1 < n ? i + 1 : UINT32_MAX;
    }
    for (uint32_t i = 0; i < n; i++)
        push_pair(b, w, i);
    while (w->n_heap > 0) {
        uint64_t top = heap_pop(w);
        uint32_t i = (uint32_t)top, gone;

        if (nodes[i].rank != top >> 32)
            continue; /* the pair has changed since */
        gone = nodes[i].next;
        nodes[i].id = nodes[i].merged;
        nodes[i].next = nodes[gone].next;
        nodes[gone].rank = NO_RANK;
        if (nodes[i].next != UINT32_MAX)
            nodes[nodes[i].next].prev = i;
        push_pair(b, w, i);
        if (nodes[i].prev != UINT32_MAX)
            push_pair(b, w, nodes[i].prev);
    }
    for (uint32_t i = 0; i != UINT32_MAX; i = nodes[i].next)
        nodes[left++].id = nodes[i].id;
    return left;
}

static int
merge_word(const struct hs_bpe *b, struct hs_bpe_work *w, const char *word,
           size_t n, struct hs_ids *out, struct hs_error *err)
{
    struct hs_bpe_node few[SHORT_WORD], *nodes = few;

    if (n > SHORT_WORD) {
        w->nodes = hs_grow(w->nodes, &w->n_nodes, n, sizeof *w->nodes);
        nodes = w->nodes;
    }
    for (size_t i = 0; i < n; i++) {
        nodes[i].id = b->byte_id[(unsigned char)word[i]];
        if (nodes[i].id == HS_NO_TOKEN)
            return hs_fail(err, "the vocabulary has no token for byte 0x%02x",
                           (unsigned)(unsigned char)word[i]);
    }
    n = n > SHORT_WORD ? merge_long(b, w, n) : merge_short(b, nodes, n);
    out->v = hs_grow(out->v, &out->cap, out->n + n, sizeof *out->v);
    for (size_t i = 0; i < n; i++)
        out->v[out->n++] = nodes[i].id;
    return 0;
}

int
hs_bpe_encode(const struct hs_bpe *b, struct hs_bpe_work *w, const char *word,
              size_t n, struct hs_ids *out, struct hs_error *err)
{
    uint32_t id;
    size_t before = out->n;

    if (n == 0)
        return 0;
    if (n >= UINT32_MAX / 4)
        return hs_fail(err, "a word of %zu bytes is too long", n);
    id = hs_bpe_find(b, word, n);
    if (id == HS_NO_TOKEN)
        return merge_word(b, w, word, n, out, err);
    if (b->ignore_merges ||
        atomic_load_explicit(&b->whole[id], memory_order_relaxed) ==
            WHOLE_YES) {
        hs_ids_add(out, id);
        return 0;
    }
    if (merge_word(b, w, word, n, out, err) < 0)
        return -1;
    atomic_store_explicit(&b->whole[id],
                          out->n == before + 1 ? WHOLE_YES : WHOLE_NO,
                          memory_order_relaxed);
    return 0;
}

void
hs_bpe_work_free(struct hs_bpe_work *w)
{
    free(w->nodes);
    free(w->heap);
    *w = (struct hs_bpe_work){0};
}
