/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tokfile.c - tokenizer.json, read strictly: what is not known is refused.
 *
 * "truncation" and "padding" are the exception: they belong to batches of
 * training examples and programs that run models switch them off.
 */
#include <config.h>

#include "model/tokparts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/unicode.h"

#define MAX_IDS    (1u << 22)
#define MAX_MERGES (1u << 24)

static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+";

/* Fails for a member of obj that is not in the list of known names. */
static int
only_known(const json_t *obj, const char *where, const char *const *known,
           struct hs_error *err)
{
    void *it = json_object_iter((json_t *)(uintptr_t)obj);

    for (; it != NULL;
         it = json_object_iter_next((json_t *)(uintptr_t)obj, it)) {
        size_t i = 0;

        while (known[i] != NULL &&
               strcmp(known[i], json_object_iter_key(it)) != 0)
            i++;
        if (known[i] == NULL)
            return hs_fail(err, "%s: \"%.64s\" is not supported", where,
                           json_object_iter_key(it));
    }
    return 0;
}

/* The "type" of a part, or NULL. */
static const char *
type_of(const json_t *part, const char *where, struct hs_error *err)
{
    const char *type = NULL;

    if (!json_is_object(part))
        hs_fail(err, "%s: not an object", where);
    else if (hs_json_str(part, "type", where, &type, err) == 0)
        hs_fail(err, "%s: type: missing", where);
    return type;
}

static int
refuse_type(const char *where, const char *type, struct hs_error *err)
{
    return hs_fail(err, "%s: type \"%.64s\" is not supported", where, type);
}

/* Reads a boolean that has to be there. */
static int
need_bool(const json_t *obj, const char *key, const char *where, bool *out,
          struct hs_error *err)
{
    int rc = hs_json_bool(obj, key, where, out, err);

    return rc != 0 ? rc : hs_fail(err, "%s: %s: missing", where, key);
}

/* Fails when the boolean key is there and true. */
static int
refuse_true(const json_t *obj, const char *key, const char *where,
            struct hs_error *err)
{
    bool v = false;

    if (hs_json_bool(obj, key, where, &v, err) < 0)
        return -1;
    return v ? hs_fail(err, "%s: %s true is not supported", where, key) : 0;
}

static int
is_a_list(const json_t *v, const char *where, struct hs_error *err)
{
    return json_is_array(v) ? 0 : hs_fail(err, "%s: not a list", where);
}

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
    type = type_of(part, where, err);
    if (type == NULL)
        return -1;
    if (strcmp(type, "Sequence") != 0)
        return read(t, part, type, where, err);
    list = json_object_get(part, list_name);
    if (is_a_list(list, where, err) < 0)
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
        return refuse_type(where, type, err);
    t->nfc = true;
    return only_known(part, where, known, err);
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

    if (only_known(part, where, known, err) < 0 ||
        refuse_true(part, "invert", where, err) < 0 ||
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

    if (only_known(part, where, known, err) < 0 ||
        need_bool(part, "add_prefix_space", where, &prefix, err) < 0 ||
        refuse_true(part, "add_prefix_space", where, err) < 0 ||
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

    if (only_known(part, where, known, err) < 0 ||
        need_bool(part, "individual_digits", where, &single, err) < 0)
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
    return refuse_type(where, type, err);
}

static int
read_decoder(struct hs_tokenizer *t, const json_t *part, const char *type,
             const char *where, struct hs_error *err)
{
    (void)part;
    if (strcmp(type, "ByteLevel") != 0)
        return refuse_type(where, type, err);
    t->decodes = true;
    return 0;
}

/* ---- the vocabulary ---- */

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

/* The token with this text in the byte alphabet, or HS_NO_TOKEN. */
static uint32_t
find_text(const struct hs_tokenizer *t, const char *s, size_t n,
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
                n[k] == 0 ? HS_NO_TOKEN : find_text(t, half[k], n[k], &bytes);
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
    const char *type = type_of(model, where, err);
    double dropout = 0;

    if (type == NULL)
        return -1;
    if (strcmp(type, "BPE") != 0)
        return refuse_type(where, type, err);
    if (only_known(model, where, known, err) < 0 ||
        hs_json_f64(model, "dropout", where, &dropout, err) < 0 ||
        refuse_true(model, "byte_fallback", where, err) < 0)
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

static int
read_model(struct hs_tokenizer *t, const json_t *model, const json_t *added,
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

/* ---- added tokens ---- */

/* Checks the id of an added token against the vocabulary, and adds it there
 * unless it is one of it. */
static int
place_added(struct hs_tokenizer *t, const struct hs_added *a, struct hs_buf *b,
            const char *where, struct hs_error *err)
{
    const char *text = (const char *)a->text.data;
    uint32_t same = find_text(t, text, a->text.len, b);
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

    if (only_known(v, where, known, err) < 0)
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
        refuse_true(v, "single_word", where, err) < 0)
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

    if (is_a_list(single, where, err) < 0)
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
        return refuse_type(where, type, err);
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

    if (only_known(root, where, known, err) < 0)
        return -1;
    if (added != NULL && is_a_list(added, "added_tokens", err) < 0)
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
        rc = read_model(t, json_object_get(root, "model"), added, "model", err);
    if (rc == 0)
        rc = read_all_added(t, added, "added_tokens", err);
    if (rc == 0)
        rc =
            read_parts(t, json_object_get(root, "post_processor"), "processors",
                       "post_processor", read_post_processor, 0, err);
    return rc < 0 ? hs_fail_prefix(err, "%s", where) : 0;
}
