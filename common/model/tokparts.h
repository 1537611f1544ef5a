/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tokparts.h - what a tokenizer.json holds, taken apart.  Only for
 * tokenizer.c, tokfile.c and tokvocab.c.
 */
#ifndef HS_TOKPARTS_H
#define HS_TOKPARTS_H

#include "base/error.h"
#include "model/added.h"
#include "model/bpe.h"
#include "model/pretok.h"
#include "model/tokenizer.h"

#include <jansson.h>

struct hs_tokenizer {
    bool nfc;        /* the normalizer */
    bool byte_level; /* the pre-tokenizer ends in ByteLevel */
    bool decodes;    /* the decoder is ByteLevel */
    struct hs_pretok pretok;
    struct hs_bpe bpe;
    struct hs_added *added;
    size_t n_added;
    uint32_t *added_at; /* by id: index into added + 1, 0 for plain tokens */
    struct hs_finder raw, normalized;
    struct hs_ids before, after; /* what the post-processor adds */
};

/* Fills t, which is {0}, from the parsed file.  Returns 0, or -1 with a message
 * that begins with where; t may then be freed. */
HS_MUST_CHECK int hs_tokfile_read(struct hs_tokenizer *t, const json_t *root,
                                  const char *where, struct hs_error *err);

/* Reads the model into t->bpe, with room for the ids of the added tokens.
 * Returns 0 or -1. */
HS_MUST_CHECK int hs_tok_model(struct hs_tokenizer *t, const json_t *model,
                               const json_t *added, const char *where,
                               struct hs_error *err);

/* The token with this text in the byte alphabet, or HS_NO_TOKEN; bytes is
 * scratch. */
uint32_t hs_tok_find(const struct hs_tokenizer *t, const char *s, size_t n,
                     struct hs_buf *bytes);

#endif
