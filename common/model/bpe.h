/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bpe.h - a vocabulary of byte strings and byte-pair merges over it.
 *
 * The merge of lowest rank is done first, the leftmost of equals.  A word of n
 * bytes costs O(n log n) at most.  Most words are tokens of their own; which
 * ones are is found out once a token and remembered, by relaxed atomics, so
 * that threads may share a vocabulary.
 */
#ifndef HS_BPE_H
#define HS_BPE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "model/tokenizer.h"

#define HS_NO_TOKEN UINT32_MAX

struct hs_bpe_slot;
struct hs_bpe_merge;

struct hs_bpe {
    struct hs_buf text; /* the bytes of all tokens */
    uint32_t *start;    /* of token id in text; HS_NO_TOKEN: no such id */
    uint32_t *length;
    size_t size;                 /* ids are below it */
    struct hs_bpe_slot *slots;   /* bytes to id */
    struct hs_bpe_merge *merges; /* pair of ids to rank and id */
    size_t slot_mask, merge_mask;
    uint32_t byte_id[256];
    bool ignore_merges; /* a word that is a token stays whole */
    _Atomic uint8_t *whole;
};

/* Scratch memory of one caller.  {0} is empty. */
struct hs_bpe_work {
    struct hs_bpe_node *nodes;
    size_t n_nodes;
    uint64_t *heap;
    size_t n_heap, heap_cap;
};

/* Makes an empty vocabulary for ids below size, with room for n_merges. */
void hs_bpe_init(struct hs_bpe *b, size_t size, size_t n_merges);
void hs_bpe_free(struct hs_bpe *b);

/* Gives id, below size, its n bytes.  Only a findable token can come out of
 * hs_bpe_encode().  Returns 0, or -1 when id or bytes are already taken. */
HS_MUST_CHECK int hs_bpe_add_token(struct hs_bpe *b, uint32_t id,
                                   const void *bytes, size_t n, bool findable);

/* Adds the merge of two tokens.  Returns 0, or -1 when it is already there,
 * or the two together are no token. */
HS_MUST_CHECK int hs_bpe_add_merge(struct hs_bpe *b, uint32_t left,
                                   uint32_t right, uint32_t rank);

/* The findable token with these bytes, or HS_NO_TOKEN. */
uint32_t hs_bpe_find(const struct hs_bpe *b, const void *bytes, size_t n);

/* Appends the tokens of one word to out.  Returns 0, or -1 when a byte of it
 * has no token. */
HS_MUST_CHECK int hs_bpe_encode(const struct hs_bpe *b, struct hs_bpe_work *w,
                                const char *word, size_t n, struct hs_ids *out,
                                struct hs_error *err);

void hs_bpe_work_free(struct hs_bpe_work *w);

#endif
