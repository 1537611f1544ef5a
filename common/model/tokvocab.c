/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tokvocab.c - the model of a tokenizer.json: vocabulary and merges.
 */
#include <config.h>

#include "model/tokparts.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/tokcheck.h"

#define MAX_IDS    (1u << 22)
#define MAX_MERGES (1u << 24)

/* Turns the printable stand-ins of GPT-2's byte alphabet into bytes.  Returns
 * false when a character is not one of them. */
static bool
to_bytes(const char *s, size_t n, struct hs_buf *out)
{
    const unsigned char *u = (const unsigned char *)s;

    out->len = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned c = u[i];

        if (c >= 0x80) {
            if (c > 0xc5 || i + 1 == n)
                return false;
            c = (c & 0x1f) << 6 | (u[++i] & 0x3f);
        }
        /* Bytes that print stand for themselves, the 68 others are counted
         * from U+0100 on: 00-20, 7f-a0, ad. */
        if (c >= 0x100 && c < 0x144)
            c = c < 0x121 ? c - 0x100 : c < 0x143 ? c - 0x121 + 0x7f : 0xad;
        else if (c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad ||
                 c >= 0x144)
            return false;
        *hs_buf_reserve(out, 1) = (uint8_t)c;
        out->len++;
    }
    return true;
}

/* Checks an id and keeps count of the largest. */
static int
read_id(const json_t *v, const char *what, const char *where, size_t *size,
        struct hs_error *err)
{
    json_int_t id = json_integer_value(v);

    if (!json_is_integer(v) || id < 0 || id >= MAX_IDS)
        return hs_fail(err, "%s: \"%.64s\": not an id below %u", where, what,
                       MAX_IDS);
    if ((size_t)id >= *size)
        *size = (size_t)id + 1;
    return 0;
}

/* The number of ids that vocabulary and added tokens need. */
static int
count_ids(const json_t *vocab, const json_t *added, const char *where,
          size_t *size, struct hs_error *err)
{
    const char *key;
    json_t *v;
    size_t i;

    *size = 0;
    json_object_foreach((json_t *)(uintptr_t)vocab, key, v)
    {
        if (read_id(v, key, where, size, err) < 0)
            return -1;
    }
    json_array_foreach((json_t *)(uintptr_t)added, i, v)
    {
        if (read_id(json_object_get(v, "id"), "added token", where, size, err) <
            0)
            return -1;
    }
    if (*size == 0)
        return hs_fail(err, "%s: no tokens", where);
    return 0;
}

static int
read_vocab(struct hs_tokenizer *t, const json_t *vocab, const char *where,
           struct hs_error *err)
{
    struct hs_buf bytes = {0};
    int rc = 0;

    for (void *it = json_object_iter((json_t *)(uintptr_t)vocab);
         it != NULL && rc == 0;
         it = json_object_iter_next((json_t *)(uintptr_t)vocab, it)) {
        const char *key = json_object_iter_key(it);
        size_t n = strlen(key); /* jansson allows no NUL here */
        uint32_t id = (uint32_t)json_integer_value(json_object_iter_value(it));
        bool plain = to_bytes(key, n, &bytes);

        /* A token with other characters cannot come out of bytes; it stands
         * for its own text. */
        if (n == 0 || hs_bpe_add_token(&t->bpe, id,
                                       plain ? (const void *)bytes.data : key,
                                       plain ? bytes.len : n, plain) < 0)
            rc = hs_fail(err,
                         "%s: vocab: \"%.64s\": id %u is taken, or the "
                         "token is empty",
                         where, key, id);
    }
    hs_buf_free(&bytes);
    return rc;
}

uint32_t
hs_tok_find(const struct hs_tokenizer *t, const char *s, size_t n,
            struct hs_buf *bytes)
{
    return to_bytes(s, n, bytes) ? hs_bpe_find(&t->bpe, bytes->data, bytes->len)
                                 : HS_NO_TOKEN;
}

/* Cuts a merge, "a b" or ["a", "b"], in two.  Returns false if it is not
 * one. */
static bool
cut_merge(const json_t *m, const char *half[2], size_t n[2])
{
    const char *space;

    if (json_is_array(m) && json_array_size(m) == 2 &&
        json_is_string(json_array_get(m, 0)) &&
        json_is_string(json_array_get(m, 1))) {
        for (size_t k = 0; k < 2; k++) {
            half[k] = json_string_value(json_array_get(m, k));
            n[k] = json_string_length(json_array_get(m, k));
        }
        return true;
    }
    if (!json_is_string(m))
        return false;
    half[0] = json_string_value(m);
    n[0] = json_string_length(m);
    space = memchr(half[0], ' ', n[0]);
    if (space == NULL)
        return false;
    half[1] = space + 1;
    n[1] = n[0] - (size_t)(space - half[0]) - 1;
    n[0] = (size_t)(space - half[0]);
    return true;
}

static int
read_merges(struct hs_tokenizer *t, const json_t *merges, const char *where,
            struct hs_error *err)
{
    struct hs_buf bytes = {0};
    const json_t *m;
    size_t i;
    int rc = 0;

    json_array_foreach((json_t *)(uintptr_t)merges, i, m)
    {
        const char *half[2];
        size_t n[2];
        uint32_t id[2];

        if (!cut_merge(m, half, n)) {
            rc = hs_fail(err, "%s: merges: entry %zu is no pair", where, i);
            break;
        }
        for (size_t k = 0; k < 2; k++)
            id[k] =
                n[k] == 0 ? HS_NO_TOKEN : hs_tok_find(t, half[k], n[k], &bytes);
        if (id[0] == HS_NO_TOKEN || id[1] == HS_NO_TOKEN ||
            hs_bpe_add_merge(&t->bpe, id[0], id[1], (uint32_t)i) < 0) {
            rc = hs_fail(err,
                         "%s: merges: entry %zu is not of known tokens, or "
                         "there twice",
                         where, i);
            break;
        }
    }
    hs_buf_free(&bytes);
    return rc;
}

/* The switches of the model that change what it does. */
static int
check_model(const json_t *model, const char *where, struct hs_error *err)
{
    static const char *const known[] = {
        "type",     "dropout",       "unk_token", "continuing_subword_prefix",
        "fuse_unk", "byte_fallback", "vocab",     "end_of_word_suffix",
        "merges",   "ignore_merges", NULL};
    static const char *const empty[] = {"continuing_subword_prefix",
                                        "end_of_word_suffix"};
    const char *type = hs_tok_type(model, where, err);
    double dropout = 0;

    if (type == NULL)
        return -1;
    if (strcmp(type, "BPE") != 0)
        return hs_tok_refuse_type(where, type, err);
    if (hs_tok_known(model, where, known, err) < 0 ||
        hs_json_f64(model, "dropout", where, &dropout, err) < 0 ||
        hs_tok_refuse_true(model, "byte_fallback", where, err) < 0)
        return -1;
    if (!(dropout == 0))
        return hs_fail(err, "%s: dropout is not supported", where);
    for (size_t i = 0; i < 2; i++) {
        const char *v = "";

        if (hs_json_str(model, empty[i], where, &v, err) < 0)
            return -1;
        if (*v != '\0')
            return hs_fail(err, "%s: %s is not supported", where, empty[i]);
    }
    return 0;
}

/* With a token for each byte nothing is unknown; else unk_token matters. */
static int
check_unknown(const struct hs_tokenizer *t, const json_t *model,
              const char *where, struct hs_error *err)
{
    const char *unk = NULL;

    if (hs_json_str(model, "unk_token", where, &unk, err) < 0)
        return -1;
    for (size_t c = 0; unk != NULL && c < 256; c++)
        if (t->bpe.byte_id[c] == HS_NO_TOKEN)
            return hs_fail(err,
                           "%s: unk_token without a token for byte 0x%02zx "
                           "is not supported",
                           where, c);
    return 0;
}

int
hs_tok_model(struct hs_tokenizer *t, const json_t *model, const json_t *added,
             const char *where, struct hs_error *err)
{
    const json_t *vocab = json_object_get(model, "vocab");
    const json_t *merges = json_object_get(model, "merges");
    bool ignore = false;
    size_t size;

    if (check_model(model, where, err) < 0 ||
        hs_json_bool(model, "ignore_merges", where, &ignore, err) < 0)
        return -1;
    if (!json_is_object(vocab))
        return hs_fail(err, "%s: vocab: not an object", where);
    if (!json_is_array(merges) || json_array_size(merges) > MAX_MERGES)
        return hs_fail(err, "%s: merges: not a list, or too long", where);
    if (count_ids(vocab, added, where, &size, err) < 0)
        return -1;
    hs_bpe_init(&t->bpe, size, json_array_size(merges));
    t->bpe.ignore_merges = ignore;
    if (read_vocab(t, vocab, where, err) < 0 ||
        read_merges(t, merges, where, err) < 0)
        return -1;
    return check_unknown(t, model, where, err);
}
