/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prompt.c - see prompt.h.
 */
#include <config.h>

#include "task/prompt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/unicode.h"

static bool
has_token(void *ud, const char *token)
{
    const struct hs_prompter *p = ud;

    return p->model->tok != NULL && hs_tokenizer_id(p->model->tok, token) >= 0;
}

int
hs_prompter_init(struct hs_prompter *p, const struct hs_model *model,
                 const char *name, const char *system, const char *instruction,
                 struct hs_error *err)
{
    p->model = model;
    return hs_template_init(&p->tmpl, name, system, instruction, has_token, p,
                            err);
}

void
hs_prompt_free(struct hs_prompt *out)
{
    free(out->text);
    hs_ids_free(&out->ids);
    *out = (struct hs_prompt){0};
}

static int
encode(const struct hs_model *m, const char *text, size_t len, bool add_special,
       struct hs_ids *out, struct hs_error *err)
{
    if (m->tok == NULL)
        return hs_fail(err, "text needs a tokenizer.json, and %s has none",
                       m->dir);
    return hs_tokenizer_encode(m->tok, text, len, add_special, out, err);
}

static int
add_given(const struct hs_model *m, const uint32_t *v, size_t n,
          struct hs_ids *out, struct hs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i] >= m->cfg.n_vocab)
            return hs_fail(err,
                           "token %" PRIu32 " is not in the vocabulary of %zu",
                           v[i], m->cfg.n_vocab);
        hs_ids_add(out, v[i]);
    }
    return 0;
}

static enum hs_bos
look_at_bos(const struct hs_model *m, const struct hs_ids *ids)
{
    int64_t added = m->tok != NULL ? hs_tokenizer_bos(m->tok) : -1;
    int64_t bos = added >= 0 ? added : m->cfg.bos;

    if (bos < 0)
        return HS_BOS_FINE;
    if (ids->n > 1 && ids->v[0] == bos && ids->v[1] == bos)
        return HS_BOS_TWICE;
    return added >= 0 && ids->v[0] != bos ? HS_BOS_MISSING : HS_BOS_FINE;
}

static int
make(const struct hs_prompter *p, const struct hs_problem *problem,
     struct hs_prompt *out, struct hs_error *err)
{
    const struct hs_model *m = p->model;
    struct hs_buf text = {0};

    if (problem->kind == HS_PROBLEM_TOKENS)
        return add_given(m, problem->tokens, problem->n_tokens, &out->ids, err);
    if (problem->kind == HS_PROBLEM_QUESTION)
        hs_template_render(&p->tmpl, problem->text, problem->len, &text);
    else
        hs_buf_add(&text, problem->text, problem->len);
    out->text = hs_buf_cstr(&text);
    return encode(m, out->text, text.len,
                  problem->kind == HS_PROBLEM_QUESTION &&
                      p->tmpl.kind == HS_TEMPLATE_NONE,
                  &out->ids, err);
}

int
hs_prompt_make(const struct hs_prompter *p, const struct hs_problem *problem,
               struct hs_prompt *out, struct hs_error *err)
{
    hs_prompt_free(out);
    if (make(p, problem, out, err) < 0)
        return -1;
    if (out->ids.n == 0)
        return hs_fail(err, "the prompt has no tokens");
    if (out->ids.n > p->model->cfg.max_positions)
        return hs_fail(err,
                       "the prompt has %zu tokens, the model's context is %zu",
                       out->ids.n, p->model->cfg.max_positions);
    out->bos = look_at_bos(p->model, &out->ids);
    return 0;
}

int
hs_prompt_completion(const struct hs_prompter *p, const struct hs_completion *c,
                     struct hs_ids *out, struct hs_error *err)
{
    if (c->text == NULL)
        return add_given(p->model, c->tokens, c->n_tokens, out, err);
    return encode(p->model, c->text, c->len, false, out, err);
}

/* Bytes of the longest beginning of a character at s that is not a whole one;
 * at least 1. */
static size_t
broken_length(const unsigned char *s, size_t n)
{
    size_t want = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2, i = 1;
    unsigned char low = 0x80, high = 0xbf;

    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 1;
    if (s[0] == 0xe0)
        low = 0xa0;
    if (s[0] == 0xed)
        high = 0x9f;
    if (s[0] == 0xf0)
        low = 0x90;
    if (s[0] == 0xf4)
        high = 0x8f;
    for (; i < want && i < n && s[i] >= low && s[i] <= high; i++) {
        low = 0x80;
        high = 0xbf;
    }
    return i;
}

static const char replacement[] = "\xef\xbf\xbd";

/* Appends n bytes without NUL, with what is not UTF-8 replaced. */
static void
add_valid(struct hs_buf *out, const char *s, size_t n)
{
    while (n > 0) {
        size_t good = hs_utf8_check(s, n), skip;

        hs_buf_add(out, s, good);
        if (good == n)
            return;
        hs_buf_str(out, replacement);
        skip = good + broken_length((const unsigned char *)s + good, n - good);
        s += skip;
        n -= skip;
    }
}

static void
add_text(struct hs_buf *out, const char *s, size_t n)
{
    const char *nul;

    while (n > 0 && (nul = memchr(s, '\0', n)) != NULL) {
        size_t len = (size_t)(nul - s);

        add_valid(out, s, len);
        hs_buf_str(out, replacement);
        s += len + 1;
        n -= len + 1;
    }
    if (n > 0)
        add_valid(out, s, n);
}

char *
hs_prompt_text(const struct hs_model *m, const uint32_t *ids, size_t n)
{
    struct hs_buf bytes = {0}, out = {0};

    for (size_t i = 0; m->tok != NULL && i < n; i++) {
        size_t len;
        const char *b = hs_tokenizer_bytes(m->tok, ids[i], &len);

        if (b == NULL)
            hs_buf_str(&bytes, replacement);
        else
            hs_buf_add(&bytes, b, len);
    }
    add_text(&out, (const char *)bytes.data, bytes.len);
    hs_buf_free(&bytes);
    return hs_buf_cstr(&out);
}
