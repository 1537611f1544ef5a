/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tokenizer.h - text to token ids and back, from a tokenizer.json.
 *
 * Byte-level BPE of the Qwen2, Qwen2.5, Qwen3 and Llama 3 families, id for id
 * as Hugging Face tokenizers makes them.  A part of the file that this code
 * does not know is refused by name when the file is opened, never
 * approximated.
 *
 *     struct hs_tokenizer *t = hs_tokenizer_open(path, &err);
 *     struct hs_ids ids = {0};
 *
 *     if (t == NULL || hs_tokenizer_encode(t, s, n, true, &ids, &err) < 0)
 *         hs_die(HS_EXIT_FAIL, "%s", err.text);
 *     hs_ids_free(&ids);
 *     hs_tokenizer_free(t);
 *
 * An open tokenizer does not change: any number of threads may use it at the
 * same time.
 */
#ifndef HS_TOKENIZER_H
#define HS_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/* Token ids that grow.  {0} is an empty list. */
struct hs_ids {
    uint32_t *v; /* owned */
    size_t n, cap;
};

void hs_ids_add(struct hs_ids *ids, uint32_t id);
/* Frees what ids owns and makes it {0}. */
void hs_ids_free(struct hs_ids *ids);

struct hs_tokenizer;

/* Opens a tokenizer.json.  Returns NULL with the reason when the file cannot
 * be read, is inconsistent, or asks for something that is not supported. */
HS_MUST_CHECK struct hs_tokenizer *hs_tokenizer_open(const char *path,
                                                     struct hs_error *err);

/* The same from n bytes of JSON; where stands for the file in messages. */
HS_MUST_CHECK struct hs_tokenizer *hs_tokenizer_parse(const char *json,
                                                      size_t n,
                                                      const char *where,
                                                      struct hs_error *err);

/* Frees t, which may be NULL. */
void hs_tokenizer_free(struct hs_tokenizer *t);

/* Appends the ids of len bytes of UTF-8 to out.  Special tokens written out in
 * the text ("<|im_start|>") become their ids.  add_special applies the file's
 * post-processor (Llama 3: <|begin_of_text|> in front).  Returns 0, or -1 with
 * the reason and out as it was: text that is not UTF-8 (with the offset of the
 * first bad byte), or a pattern that gave up (PCRE2's limits). */
HS_MUST_CHECK int hs_tokenizer_encode(const struct hs_tokenizer *t,
                                      const char *text, size_t len,
                                      bool add_special, struct hs_ids *out,
                                      struct hs_error *err);

/* Appends the bytes of n ids to out, without special tokens if skip_special.
 * The bytes of one id need not be whole UTF-8 characters; those of what
 * hs_tokenizer_encode() made are the (normalized) text again.  Returns 0, or
 * -1 for an id that is no token, with out as it was. */
HS_MUST_CHECK int hs_tokenizer_decode(const struct hs_tokenizer *t,
                                      const uint32_t *ids, size_t n,
                                      bool skip_special, struct hs_buf *out,
                                      struct hs_error *err);

/* The largest id plus one. */
size_t hs_tokenizer_size(const struct hs_tokenizer *t);

/* The id of the token whose bytes are the text of token ("<|im_end|>"), or -1
 * if there is none. */
int64_t hs_tokenizer_id(const struct hs_tokenizer *t, const char *token);

/* The bytes that id stands for, borrowed, *len of them; they may hold NUL.
 * NULL if id is no token. */
const char *hs_tokenizer_bytes(const struct hs_tokenizer *t, uint32_t id,
                               size_t *len);

/* Whether id is a special token; false for an id that is no token. */
bool hs_tokenizer_is_special(const struct hs_tokenizer *t, uint32_t id);

/* The first id that add_special puts in front of the text, -1 if none. */
int64_t hs_tokenizer_bos(const struct hs_tokenizer *t);

#endif
