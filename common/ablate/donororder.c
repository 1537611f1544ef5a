/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * donororder.c - see donororder.h.
 *
 * A row is edited in microseconds, and hashing every donor for it would take as
 * long; so orders are kept, in lists that only grow, at their heads, by
 * compare and exchange.  Two threads that miss one order at the same time both
 * make it: two equal ones, of which either will do.
 */
#include <config.h>

#include "ablate/donororder.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"

enum {
    N_LISTS = 1 << 14
};

struct hs_donor_orders {
    const struct hs_donor *v;
    size_t n;
    uint64_t seed;
    uint32_t *by_length; /* (n): the longest first, equals by index */
    _Atomic(struct hs_donor_order *) lists[N_LISTS];
};

/* A donor among others by length. */
struct placed {
    uint32_t length, donor;
};

static int
compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    if (x->length != y->length)
        return x->length > y->length ? -1 : 1;
    return (x->donor > y->donor) - (x->donor < y->donor);
}

struct hs_donor_orders *
hs_donor_orders_new(const struct hs_donor *v, size_t n, uint64_t seed)
{
    struct hs_donor_orders *o = hs_calloc(1, sizeof *o);
    struct placed *p = hs_calloc(n, sizeof *p);

    o->v = v;
    o->n = n;
    o->seed = seed;
    o->by_length = hs_calloc(n, sizeof *o->by_length);
    for (size_t i = 0; i < n; i++)
        p[i] = (struct placed){v[i].length, (uint32_t)i};
    qsort(p, n, sizeof *p, compare_placed);
    for (size_t i = 0; i < n; i++)
        o->by_length[i] = p[i].donor;
    free(p);
    return o;
}

void
hs_donor_orders_free(struct hs_donor_orders *o)
{
    if (o == NULL)
        return;
    for (size_t i = 0; i < N_LISTS; i++) {
        struct hs_donor_order *e = atomic_load(&o->lists[i]), *next;

        for (; e != NULL; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(o->by_length);
    free(o);
}

static uint64_t
hash_words(const uint64_t *v, size_t n)
{
    uint8_t bytes[32];

    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < 8; b++)
            bytes[8 * i + b] = (uint8_t)(v[i] >> 8 * b);
    return XXH3_64bits(bytes, 8 * n);
}

/* From the longest on, those whose hash is below that of all that are as long
 * or longer. */
static struct hs_donor_order *
make_order(const struct hs_donor_orders *o, uint64_t problem, uint32_t sample)
{
    struct hs_donor_order *e =
        hs_calloc(1, sizeof *e + o->n * sizeof *e->donor);
    uint64_t best = UINT64_MAX;

    e->problem = problem;
    e->sample = sample;
    for (size_t i = 0; i < o->n; i++) {
        uint32_t j = o->by_length[i];
        const uint64_t key[4] = {o->seed, problem, sample, j};
        uint64_t hash;

        if (o->v[j].problem == problem)
            continue;
        hash = hash_words(key, 4);
        if (e->n > 0 && hash >= best)
            continue;
        best = hash;
        if (e->n > 0 && o->v[e->donor[e->n - 1]].length == o->v[j].length)
            e->n--;
        e->donor[e->n++] = j;
    }
    return hs_realloc(e, sizeof *e + e->n * sizeof *e->donor);
}

const struct hs_donor_order *
hs_donor_orders_get(struct hs_donor_orders *o, uint64_t problem,
                    uint32_t sample)
{
    const uint64_t key[2] = {problem, sample};
    _Atomic(struct hs_donor_order *) *list =
        &o->lists[hash_words(key, 2) % N_LISTS];
    struct hs_donor_order *head =
        atomic_load_explicit(list, memory_order_acquire);
    struct hs_donor_order *e = head;

    while (e != NULL && (e->problem != problem || e->sample != sample))
        e = e->next;
    if (e != NULL)
        return e;
    e = make_order(o, problem, sample);
    e->next = head;
    while (!atomic_compare_exchange_weak_explicit(
        list, &e->next, e, memory_order_release, memory_order_relaxed))
        ;
    return e;
}
