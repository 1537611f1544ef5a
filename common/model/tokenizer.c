/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tokenizer.c - see tokenizer.h.
 *
 * Encoding is a chain: added tokens cut the text; what is between is
 * normalized; normalized added tokens cut that; patterns cut the rest into
 * words (pretok.h), and BPE makes ids of each (bpe.h).
 */
#include <config.h>

#include "model/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/tokparts.h"
#include "model/unicode.h"

/* Real files have 2 to 35 MB. */
#define MAX_FILE ((size_t)256 << 20)

void
hs_ids_add(struct hs_ids *ids, uint32_t id)
{
    ids->v = hs_grow(ids->v, &ids->cap, ids->n + 1, sizeof *ids->v);
    ids->v[ids->n++] = id;
}

void
hs_ids_free(struct hs_ids *ids)
{
    free(ids->v);
    *ids = (struct hs_ids){0};
}

struct hs_tokenizer *
hs_tokenizer_parse(const char *json, size_t n, const char *where,
                   struct hs_error *err)
{
    struct hs_tokenizer *t;
    json_t *root = hs_json_parse(json, n, where, err);

    if (root == NULL)
        return NULL;
    t = hs_calloc(1, sizeof *t);
    if (!json_is_object(root))
        hs_fail(err, "%s: not a JSON object", where);
    else if (hs_tokfile_read(t, root, where, err) == 0) {
        json_decref(root);
        return t;
    }
    json_decref(root);
    hs_tokenizer_free(t);
    return NULL;
}

struct hs_tokenizer *
hs_tokenizer_open(const char *path, struct hs_error *err)
{
    struct hs_tokenizer *t;
    size_t n;
    char *json = hs_read_file(path, MAX_FILE, &n, err);

    if (json == NULL)
        return NULL;
    t = hs_tokenizer_parse(json, n, path, err);
    free(json);
    return t;
}

void
hs_tokenizer_free(struct hs_tokenizer *t)
{
    if (t == NULL)
        return;
    hs_pretok_free(&t->pretok);
    hs_bpe_free(&t->bpe);
    hs_finder_free(&t->raw);
    hs_finder_free(&t->normalized);
    for (size_t i = 0; i < t->n_added; i++) {
        hs_buf_free(&t->added[i].text);
        hs_buf_free(&t->added[i].match);
    }
    free(t->added);
    free(t->added_at);
    hs_ids_free(&t->before);
    hs_ids_free(&t->after);
    free(t);
}

struct encoder {
    const struct hs_tokenizer *t;
    struct hs_pretok_work *pretok;
    struct hs_bpe_work bpe;
    struct hs_buf nfc;
    struct hs_ids *out;
};

static int
encode_word(void *arg, const char *s, size_t n, struct hs_error *err)
{
    struct encoder *e = arg;

    return hs_bpe_encode(&e->t->bpe, &e->bpe, s, n, e->out, err);
}

static int
encode_words(struct encoder *e, const char *s, size_t n, struct hs_error *err)
{
    return hs_pretok_split(&e->t->pretok, e->pretok, s, n, encode_word, e, err);
}

typedef int encode_fn(struct encoder *e, const char *s, size_t n,
                      struct hs_error *err);

/* Emits the ids of f's tokens in s and gives what is between them to rest. */
static int
cut_added(struct encoder *e, const struct hs_finder *f, const char *s, size_t n,
          encode_fn *rest, struct hs_error *err)
{
    const struct hs_added *a;
    size_t done = 0, from = 0, to = 0;

    while ((a = hs_finder_next(f, s, n, done, &from, &to)) != NULL) {
        if (rest(e, s + done, from - done, err) < 0)
            return -1;
        hs_ids_add(e->out, a->id);
        done = from = to;
    }
    return rest(e, s + done, n - done, err);
}

static int
encode_section(struct encoder *e, const char *s, size_t n, struct hs_error *err)
{
    if (e->t->nfc && !hs_nfc_plain(s, n)) {
        e->nfc.len = 0;
        if (hs_nfc(s, n, &e->nfc, err) < 0)
            return -1;
        s = (const char *)e->nfc.data;
        n = e->nfc.len;
    }
    return cut_added(e, &e->t->normalized, s, n, encode_words, err);
}

static void
add_ids(struct hs_ids *out, const struct hs_ids *ids)
{
    for (size_t i = 0; i < ids->n; i++)
        hs_ids_add(out, ids->v[i]);
}

int
hs_tokenizer_encode(const struct hs_tokenizer *t, const char *text, size_t len,
                    bool add_special, struct hs_ids *out, struct hs_error *err)
{
    struct encoder e = {.t = t, .out = out};
    size_t before = out->n, valid = hs_utf8_check(text, len);
    int rc;

    if (valid != len)
        return hs_fail(err, "text is not UTF-8 at byte %zu (0x%02x)", valid,
                       (unsigned)(unsigned char)text[valid]);
    e.pretok = hs_pretok_work_new(&t->pretok);
    if (add_special)
        add_ids(out, &t->before);
    rc = cut_added(&e, &t->raw, text, len, encode_section, err);
    if (rc == 0 && add_special)
        add_ids(out, &t->after);
    if (rc < 0)
        out->n = before;
    hs_pretok_work_free(e.pretok);
    hs_bpe_work_free(&e.bpe);
    hs_buf_free(&e.nfc);
    return rc;
}

int
hs_tokenizer_decode(const struct hs_tokenizer *t, const uint32_t *ids, size_t n,
                    bool skip_special, struct hs_buf *out, struct hs_error *err)
{
    size_t before = out->len;

    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *bytes = hs_tokenizer_bytes(t, ids[i], &len);

        if (bytes == NULL) {
            out->len = before;
            return hs_fail(err, "token %zu: no token has id %u", i, ids[i]);
        }
        if (!skip_special || !hs_tokenizer_is_special(t, ids[i]))
            hs_buf_add(out, bytes, len);
    }
    return 0;
}

size_t
hs_tokenizer_size(const struct hs_tokenizer *t)
{
    return t->bpe.size;
}

int64_t
hs_tokenizer_id(const struct hs_tokenizer *t, const char *token)
{
    size_t n = strlen(token);
    uint32_t id;

    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].text.len == n &&
            memcmp(t->added[i].text.data, token, n) == 0)
            return t->added[i].id;
    id = n > 0 ? hs_bpe_find(&t->bpe, token, n) : HS_NO_TOKEN;
    return id == HS_NO_TOKEN ? -1 : (int64_t)id;
}

const char *
hs_tokenizer_bytes(const struct hs_tokenizer *t, uint32_t id, size_t *len)
{
    if (id >= t->bpe.size || t->bpe.start[id] == HS_NO_TOKEN)
        return NULL;
    *len = t->bpe.length[id];
    return (const char *)t->bpe.text.data + t->bpe.start[id];
}

bool
hs_tokenizer_is_special(const struct hs_tokenizer *t, uint32_t id)
{
    return id < t->bpe.size && t->added_at[id] != 0 &&
           t->added[t->added_at[id] - 1].special;
}

int64_t
hs_tokenizer_bos(const struct hs_tokenizer *t)
{
    return t->before.n > 0 ? (int64_t)t->before.v[0] : -1;
}
