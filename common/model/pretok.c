/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pretok.c - see pretok.h.
 */
#include <config.h>

#include "model/pretok.h"

#include <stdint.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"
#include "model/pattern.h"

/* Steps that a match may take; text of some megabytes in one word needs a few
 * a byte, a pattern that explodes is stopped. */
#define MATCH_LIMIT 200000000

/* PCRE2's JIT code starts on a 32 KiB stack of its own; this is the larger
 * one it gets when that does not do. */
#define JIT_STACK_MIN ((size_t)1 << 16)
#define JIT_STACK_MAX ((size_t)1 << 26)

struct hs_pretok_work {
    pcre2_match_data *data[HS_PRETOK_STAGES];
    pcre2_match_context *context;
    pcre2_jit_stack *stack; /* NULL until needed */
};

static int
fail_pcre2(struct hs_error *err, const char *what, int code)
{
    PCRE2_UCHAR text[160];

    if (pcre2_get_error_message(code, text, sizeof text) < 0)
        text[0] = '\0';
    return hs_fail(err, "%s: %s", what, (const char *)text);
}

int
hs_pretok_add(struct hs_pretok *p, const char *pattern, size_t n,
              struct hs_error *err)
{
    struct hs_buf ours = {0};
    pcre2_code *code;
    uint32_t empty = 1;
    int rc, why;
    PCRE2_SIZE where;

    if (p->n == HS_PRETOK_STAGES)
        return hs_fail(err, "more than %d split patterns", HS_PRETOK_STAGES);
    if (n > 4096)
        return hs_fail(err, "a pattern of %zu bytes is too long", n);
    rc = hs_pattern_rewrite(pattern, n, &ours, err);
    if (rc < 0) {
        hs_buf_free(&ours);
        return -1;
    }
    code = pcre2_compile((PCRE2_SPTR)hs_buf_cstr(&ours), ours.len,
                         PCRE2_UTF | PCRE2_UCP, &why, &where, NULL);
    hs_buf_free(&ours);
    if (code == NULL)
        return fail_pcre2(err, "the pattern", why);
    p->jit[p->n] = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    p->code[p->n++] = code;
    if (pcre2_pattern_info(code, PCRE2_INFO_MATCHEMPTY, &empty) != 0 || empty)
        return hs_fail(err,
                       "a pattern that can match nothing is not "
                       "supported");
    return 0;
}

void
hs_pretok_free(struct hs_pretok *p)
{
    for (size_t i = 0; i < p->n; i++)
        pcre2_code_free(p->code[i]);
    *p = (struct hs_pretok){0};
}

/* Dies like hs_malloc() when there is no memory. */
static void *
need(void *p)
{
    return p != NULL ? p : hs_malloc(SIZE_MAX);
}

struct hs_pretok_work *
hs_pretok_work_new(const struct hs_pretok *p)
{
    struct hs_pretok_work *w = hs_calloc(1, sizeof *w);

    w->context = need(pcre2_match_context_create(NULL));
    (void)pcre2_set_match_limit(w->context, MATCH_LIMIT);
    for (size_t i = 0; i < p->n; i++)
        w->data[i] = need(pcre2_match_data_create(1, NULL));
    return w;
}

void
hs_pretok_work_free(struct hs_pretok_work *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < HS_PRETOK_STAGES; i++)
        pcre2_match_data_free(w->data[i]);
    pcre2_match_context_free(w->context);
    pcre2_jit_stack_free(w->stack);
    free(w);
}

/* Matches stage k from byte at on; fills from and to.  Returns 1 for a match,
 * 0 for none, -1. */
static int
match(const struct hs_pretok *p, struct hs_pretok_work *w, size_t k,
      const char *s, size_t n, size_t at, size_t *from, size_t *to,
      struct hs_error *err)
{
    const PCRE2_SIZE *place;
    int rc;

    for (;;) {
        rc = (p->jit[k] ? pcre2_jit_match : pcre2_match)(
            p->code[k], (PCRE2_SPTR)s, n, at, PCRE2_NO_UTF_CHECK, w->data[k],
            w->context);
        if (rc != PCRE2_ERROR_JIT_STACKLIMIT || w->stack != NULL)
            break;
        w->stack =
            need(pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL));
        pcre2_jit_stack_assign(w->context, NULL, w->stack);
    }
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0)
        return fail_pcre2(err, "splitting the text", rc);
    place = pcre2_get_ovector_pointer(w->data[k]);
    *from = place[0];
    *to = place[1];
    return 1;
}

static int
split(const struct hs_pretok *p, struct hs_pretok_work *w, size_t k,
      const char *s, size_t n, hs_piece_fn *fn, void *arg, struct hs_error *err)
{
    size_t at = 0, from = n, to = n;

    if (n == 0)
        return 0;
    if (k == p->n)
        return fn(arg, s, n, err);
    while (at < n) {
        int rc = match(p, w, k, s, n, at, &from, &to, err);

        if (rc < 0)
            return -1;
        if (rc == 0)
            from = to = n;
        if (split(p, w, k + 1, s + at, from - at, fn, arg, err) < 0 ||
            split(p, w, k + 1, s + from, to - from, fn, arg, err) < 0)
            return -1;
        at = to;
    }
    return 0;
}

int
hs_pretok_split(const struct hs_pretok *p, struct hs_pretok_work *w,
                const char *s, size_t n, hs_piece_fn *fn, void *arg,
                struct hs_error *err)
{
    return split(p, w, 0, s, n, fn, arg, err);
}
