/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tokfile.c - tokenizer.json, read strictly: what is not known is refused.
 *
 * "truncation" and "padding" are the exception: they belong to batches of
 * training examples and programs that run models switch them off.
 */
#include <config.h>

#include "model/tokparts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/tokcheck.h"
#include "model/unicode.h"

static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+";

/* ---- parts that nest: a Sequence is a list of parts ---- */

typedef int read_part(struct hs_tokenizer *t, const json_t *part,
                      const char *type, const char *where,
                      struct hs_error *err);

/* Hands every part of a Sequence, or the one part, to read.  null is none. */
static int
read_parts(struct hs_tokenizer *t, const json_t *part, const char *list_name,
           const char *where, read_part *read, size_t depth,
           struct hs_error *err)
{
    const char *type;
    const json_t *list, *v;
    size_t i;

    if (part == NULL || json_is_null(part))
        return 0;
    type = hs_tok_type(part, where, err);
    if (type == NULL)
        return -1;
    if (strcmp(type, "Sequence") != 0)
        return read(t, part, type, where, err);
    list = json_object_get(part, list_name);
    if (hs_tok_list(list, where, err) < 0)
        return -1;
    if (depth == 8)
        return hs_fail(err, "%s: nested too deeply", where);
    json_array_foreach((json_t *)(uintptr_t)list, i, v)
    {
        if (read_parts(t, v, list_name, where, read, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

static int
read_normalizer(struct hs_tokenizer *t, const json_t *part, const char *type,
                const char *where, struct hs_error *err)
{
    static const char *const known[] = {"type", NULL};

    if (strcmp(type, "NFC") != 0)
        return hs_tok_refuse_type(where, type, err);
    t->nfc = true;
    return hs_tok_known(part, where, known, err);
}

static int
add_pattern(struct hs_tokenizer *t, const char *pattern, size_t n,
            const char *where, struct hs_error *err)
{
    return hs_pretok_add(&t->pretok, pattern, n, err) < 0
               ? hs_fail_prefix(err, "%s", where)
               : 0;
}

static int
read_split(struct hs_tokenizer *t, const json_t *part, const char *where,
           struct hs_error *err)
{
    static const char *const known[] = {"type", "pattern", "behavior", "invert",
                                        NULL};
    const json_t *pattern = json_object_get(part, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const char *behavior = "";

    if (hs_tok_known(part, where, known, err) < 0 ||
        hs_tok_refuse_true(part, "invert", where, err) < 0 ||
        hs_json_str(part, "behavior", where, &behavior, err) < 0)
        return -1;
    if (strcmp(behavior, "Isolated") != 0)
        return hs_fail(err, "%s: behavior \"%.64s\" is not supported", where,
                       behavior);
    if (!json_is_string(regex) || json_object_size(pattern) != 1)
        return hs_fail(err, "%s: pattern: not a Regex", where);
    return add_pattern(t, json_string_value(regex), json_string_length(regex),
                       where, err);
}

static int
read_byte_level(struct hs_tokenizer *t, const json_t *part, const char *where,
                struct hs_error *err)
{
    static const char *const known[] = {"type", "add_prefix_space",
                                        "trim_offsets", "use_regex", NULL};
    bool regex = true, prefix = false;

    if (hs_tok_known(part, where, known, err) < 0 ||
        hs_tok_bool(part, "add_prefix_space", where, &prefix, err) < 0 ||
        hs_tok_refuse_true(part, "add_prefix_space", where, err) < 0 ||
        hs_json_bool(part, "use_regex", where, &regex, err) < 0)
        return -1;
    t->byte_level = true;
    return regex ? add_pattern(t, gpt2_pattern, sizeof gpt2_pattern - 1, where,
                               err)
                 : 0;
}

static int
read_digits(struct hs_tokenizer *t, const json_t *part, const char *where,
            struct hs_error *err)
{
    static const char *const known[] = {"type", "individual_digits", NULL};
    bool single = false;

    if (hs_tok_known(part, where, known, err) < 0 ||
        hs_tok_bool(part, "individual_digits", where, &single, err) < 0)
        return -1;
    return single ? add_pattern(t, "\\p{N}", 5, where, err)
                  : add_pattern(t, "\\p{N}+", 6, where, err);
}

static int
read_pre_tokenizer(struct hs_tokenizer *t, const json_t *part, const char *type,
                   const char *where, struct hs_error *err)
{
    if (t->byte_level)
        return hs_fail(err, "%s: \"%.64s\" behind ByteLevel is not supported",
                       where, type);
    if (strcmp(type, "Split") == 0)
        return read_split(t, part, where, err);
    if (strcmp(type, "ByteLevel") == 0)
        return read_byte_level(t, part, where, err);
    if (strcmp(type, "Digits") == 0)
        return read_digits(t, part, where, err);
    return hs_tok_refuse_type(where, type, err);
}

static int
read_decoder(struct hs_tokenizer *t, const json_t *part, const char *type,
             const char *where, struct hs_error *err)
{
    (void)part;
    if (strcmp(type, "ByteLevel") != 0)
        return hs_tok_refuse_type(where, type, err);
    t->decodes = true;
    return 0;
}

/* ---- added tokens ---- */

/* Checks the id of an added token against the vocabulary, and adds it there
 * unless it is one of it. */
static int
place_added(struct hs_tokenizer *t, const struct hs_added *a, struct hs_buf *b,
            const char *where, struct hs_error *err)
{
    const char *text = (const char *)a->text.data;
    uint32_t same = hs_tok_find(t, text, a->text.len, b);
    bool taken = t->bpe.start[a->id] != HS_NO_TOKEN;

    if (t->added_at[a->id] != 0 || (same != HS_NO_TOKEN && same != a->id))
        return hs_fail(err, "%s: \"%.64s\" is there twice, or its id %u is",
                       where, text, a->id);
    if (taken && same == a->id)
        return 0;
    if (taken && t->bpe.length[a->id] == a->text.len &&
        memcmp(t->bpe.text.data + t->bpe.start[a->id], text, a->text.len) == 0)
        return 0;
    if (taken || hs_bpe_add_token(&t->bpe, a->id, text, a->text.len, false) < 0)
        return hs_fail(err, "%s: \"%.64s\": id %u is another token", where,
                       text, a->id);
    return 0;
}

static int
read_added(struct hs_tokenizer *t, const json_t *v, struct hs_added *a,
           const char *where, struct hs_error *err)
{
    static const char *const known[] = {"id",      "content", "single_word",
                                        "lstrip",  "rstrip",  "normalized",
                                        "special", NULL};
    const json_t *content = json_object_get(v, "content");

    if (hs_tok_known(v, where, known, err) < 0)
        return -1;
    if (!json_is_string(content) || json_string_length(content) == 0)
        return hs_fail(err, "%s: content: not a text", where);
    a->id = (uint32_t)json_integer_value(json_object_get(v, "id"));
    hs_buf_add(&a->text, json_string_value(content),
               json_string_length(content));
    (void)hs_buf_cstr(&a->text);
    if (hs_json_bool(v, "special", where, &a->special, err) < 0)
        return -1;
    a->normalized = !a->special;
    if (hs_json_bool(v, "normalized", where, &a->normalized, err) < 0 ||
        hs_json_bool(v, "lstrip", where, &a->lstrip, err) < 0 ||
        hs_json_bool(v, "rstrip", where, &a->rstrip, err) < 0 ||
        hs_tok_refuse_true(v, "single_word", where, err) < 0)
        return -1;
    if (a->normalized && t->nfc)
        return hs_nfc((const char *)a->text.data, a->text.len, &a->match, err);
    hs_buf_add(&a->match, a->text.data, a->text.len);
    return 0;
}

static int
read_all_added(struct hs_tokenizer *t, const json_t *list, const char *where,
               struct hs_error *err)
{
    struct hs_buf b = {0};
    size_t n = json_array_size(list);
    int rc = 0;

    t->added_at = hs_calloc(t->bpe.size, sizeof *t->added_at);
    t->added = hs_calloc(n, sizeof *t->added);
    while (t->n_added < n && rc == 0) {
        struct hs_added *a = &t->added[t->n_added++];

        rc = read_added(t, json_array_get(list, t->n_added - 1), a, where, err);
        if (rc == 0)
            rc = place_added(t, a, &b, where, err);
        if (rc == 0)
            t->added_at[a->id] = (uint32_t)t->n_added;
    }
    hs_buf_free(&b);
    if (rc < 0)
        return -1;
    if (hs_finder_init(&t->raw, t->added, n, false, err) < 0 ||
        hs_finder_init(&t->normalized, t->added, n, true, err) < 0)
        return hs_fail_prefix(err, "%s", where);
    return 0;
}

/* ---- the post-processor ---- */

/* Appends the ids of special token name of a template to out. */
static int
add_template_ids(const struct hs_tokenizer *t, const json_t *tokens,
                 const char *name, struct hs_ids *out, const char *where,
                 struct hs_error *err)
{
    const json_t *token = json_object_get(tokens, name);
    const json_t *ids = json_object_get(token, "ids"), *v;
    size_t i;

    if (!json_is_array(ids))
        return hs_fail(err, "%s: special_tokens: \"%.64s\": missing", where,
                       name);
    json_array_foreach((json_t *)(uintptr_t)ids, i, v)
    {
        json_int_t id = json_integer_value(v);

        if (!json_is_integer(v) || id < 0 || (size_t)id >= t->bpe.size ||
            t->bpe.start[id] == HS_NO_TOKEN)
            return hs_fail(err, "%s: special_tokens: \"%.64s\": unknown id",
                           where, name);
        hs_ids_add(out, (uint32_t)id);
    }
    return 0;
}

/* Reads "single": special tokens around one Sequence A. */
static int
read_template(struct hs_tokenizer *t, const json_t *part, const char *where,
              struct hs_ids around[2], struct hs_error *err)
{
    const json_t *single = json_object_get(part, "single"), *v;
    const json_t *tokens = json_object_get(part, "special_tokens");
    size_t i, k = 0;

    if (hs_tok_list(single, where, err) < 0)
        return -1;
    json_array_foreach((json_t *)(uintptr_t)single, i, v)
    {
        const json_t *special = json_object_get(v, "SpecialToken");
        const json_t *seq = json_object_get(v, "Sequence");
        const char *id = "";

        if (hs_json_str(special ? special : seq, "id", where, &id, err) < 0)
            return -1;
        if (special == NULL && strcmp(id, "A") == 0 && k == 0)
            k = 1;
        else if (special == NULL)
            return hs_fail(err, "%s: single: not special tokens around one A",
                           where);
        else if (add_template_ids(t, tokens, id, &around[k], where, err) < 0)
            return -1;
    }
    return k == 1 ? 0 : hs_fail(err, "%s: single: no Sequence A", where);
}

/* Appends what is in more to ids and empties it. */
static void
append_ids(struct hs_ids *ids, struct hs_ids *more)
{
    for (size_t i = 0; i < more->n; i++)
        hs_ids_add(ids, more->v[i]);
    hs_ids_free(more);
}

static int
read_post_processor(struct hs_tokenizer *t, const json_t *part,
                    const char *type, const char *where, struct hs_error *err)
{
    struct hs_ids around[2] = {{0}, {0}};

    if (strcmp(type, "ByteLevel") == 0)
        return 0; /* it only moves offsets */
    if (strcmp(type, "TemplateProcessing") != 0)
        return hs_tok_refuse_type(where, type, err);
    if (read_template(t, part, where, around, err) < 0) {
        hs_ids_free(&around[0]);
        hs_ids_free(&around[1]);
        return -1;
    }
    /* A later template goes around the earlier ones. */
    append_ids(&around[0], &t->before);
    t->before = around[0];
    append_ids(&t->after, &around[1]);
    return 0;
}

int
hs_tokfile_read(struct hs_tokenizer *t, const json_t *root, const char *where,
                struct hs_error *err)
{
    static const char *const known[] = {"version",        "truncation",
                                        "padding",        "added_tokens",
                                        "normalizer",     "pre_tokenizer",
                                        "post_processor", "decoder",
                                        "model",          NULL};
    const json_t *added = json_object_get(root, "added_tokens");
    int rc;

    if (hs_tok_known(root, where, known, err) < 0)
        return -1;
    if (added != NULL && hs_tok_list(added, "added_tokens", err) < 0)
        return hs_fail_prefix(err, "%s", where);
    rc = read_parts(t, json_object_get(root, "normalizer"), "normalizers",
                    "normalizer", read_normalizer, 0, err);
    if (rc == 0)
        rc = read_parts(t, json_object_get(root, "pre_tokenizer"),
                        "pretokenizers", "pre_tokenizer", read_pre_tokenizer, 0,
                        err);
    if (rc == 0)
        rc = read_parts(t, json_object_get(root, "decoder"), "decoders",
                        "decoder", read_decoder, 0, err);
    if (rc == 0 && !t->byte_level)
        rc = hs_fail(err,
                     "pre_tokenizer: no ByteLevel; only byte-level BPE "
                     "is supported");
    if (rc == 0 && !t->decodes)
        rc = hs_fail(err, "decoder: no ByteLevel");
    if (rc == 0)
        rc = hs_tok_model(t, json_object_get(root, "model"), added, "model",
                          err);
    if (rc == 0)
        rc = read_all_added(t, added, "added_tokens", err);
    if (rc == 0)
        rc =
            read_parts(t, json_object_get(root, "post_processor"), "processors",
                       "post_processor", read_post_processor, 0, err);
    return rc < 0 ? hs_fail_prefix(err, "%s", where) : 0;
}
