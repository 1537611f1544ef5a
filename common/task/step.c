/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * step.c - see step.h.
 */
#include <config.h>

#include "task/step.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "model/tokenizer.h"

static const char *const names[] = {
    [HS_STEP_PARAGRAPH] = "paragraph",
    [HS_STEP_LINE] = "line",
    [HS_STEP_SENTENCE] = "sentence",
};
static const char every[] = "every:";

void
hs_step_name(const struct hs_step_rule *rule, struct hs_buf *b)
{
    if (rule->kind == HS_STEP_EVERY)
        hs_buf_printf(b, "%s%" PRIu32, every, rule->every);
    else
        hs_buf_str(b, names[rule->kind]);
}

int
hs_step_parse(const char *s, struct hs_step_rule *out)
{
    size_t n = sizeof every - 1;
    struct hs_error err;
    uint64_t k;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(s, names[i]) == 0) {
            out->kind = (enum hs_step_kind)i;
            return 0;
        }
    }
    if (strncmp(s, every, n) != 0 ||
        hs_scan_u64(s + n, 1, UINT32_MAX, &k, &err) < 0)
        return -1;
    out->kind = HS_STEP_EVERY;
    out->every = (uint32_t)k;
    return 0;
}

bool
hs_step_reads(const struct hs_step_rule *rule)
{
    return rule->kind != HS_STEP_EVERY;
}

/* ---- bytes */

/* A newline.  Whether the rule lets a step end here. */
static bool
end_line(struct hs_step *st)
{
    st->ticks = 0;
    st->stopped = false;
    if (st->newlines < 2)
        st->newlines++;
    return st->something && (st->rule.kind != HS_STEP_PARAGRAPH ||
                             (st->newlines == 2 && !st->fenced));
}

/* White space within a line. */
static bool
feed_space(struct hs_step *st)
{
    bool ends =
        st->stopped && st->something && st->rule.kind == HS_STEP_SENTENCE;

    if (st->ticks > 0)
        st->ticks = -1;
    st->stopped = false;
    return ends;
}

static void
feed_mark(struct hs_step *st, char c)
{
    st->newlines = 0;
    st->something = true;
    if (c == '.' || c == '!' || c == '?')
        st->stopped = true;
    else if (c == '\0' || strchr("\"')]}*_", c) == NULL)
        st->stopped = false;
    if (c != '`') {
        st->ticks = -1;
    } else if (st->ticks >= 0 && ++st->ticks == 3) {
        st->fenced = !st->fenced;
        st->ticks = -1;
    }
}

static bool
feed_byte(struct hs_step *st, char c)
{
    if (c == '\n')
        return end_line(st);
    if (c == ' ' || c == '\t' || c == '\r')
        return feed_space(st);
    feed_mark(st, c);
    return false;
}

bool
hs_step_feed(struct hs_step *st, const char *bytes, size_t n)
{
    bool ends = false;

    st->n_tokens++;
    if (st->rule.kind == HS_STEP_EVERY && st->n_tokens >= st->rule.every)
        ends = st->n_tokens >= st->rule.min_tokens;
    for (size_t i = 0; st->rule.kind != HS_STEP_EVERY && i < n; i++) {
        if (feed_byte(st, bytes[i]) && st->n_tokens >= st->rule.min_tokens) {
            st->something = false; /* but for what follows in this token */
            ends = true;
        }
    }
    if (ends)
        st->n_tokens = 0;
    return ends;
}

bool
hs_step_feed_token(struct hs_step *st, const struct hs_tokenizer *tok,
                   uint32_t token)
{
    static const char unknown[] = "\xef\xbf\xbd";
    const char *bytes = "";
    size_t n = 0;

    if (hs_step_reads(&st->rule))
        bytes = hs_tokenizer_bytes(tok, token, &n);
    if (bytes == NULL) {
        bytes = unknown;
        n = sizeof unknown - 1;
    }
    return hs_step_feed(st, bytes, n);
}

/* ---- whole completions */

int
hs_step_split(const struct hs_step_rule *rule, const struct hs_tokenizer *tok,
              const uint32_t *tokens, size_t n_fed, uint32_t **at, size_t *n,
              struct hs_error *err)
{
    struct hs_step st = {.rule = *rule};
    uint32_t *out = NULL;
    size_t cap = 0, m = 0;

    *at = NULL;
    if (hs_step_reads(rule) && tok == NULL)
        return hs_fail(err, "no tokenizer: steps of text cannot be told apart");
    out = hs_grow(out, &cap, 2, sizeof *out);
    out[m++] = 0;
    for (size_t t = 1; t <= n_fed; t++) {
        out = hs_grow(out, &cap, m + 2, sizeof *out);
        if (hs_step_feed_token(&st, tok, tokens[t - 1]))
            out[m++] = (uint32_t)t;
    }
    /* What is left over is a step of its own only if it is one. */
    if (n_fed > out[m - 1]) {
        bool whole = st.n_tokens >= rule->min_tokens &&
                     (!hs_step_reads(rule) || st.something);

        if (m > 1 && !whole)
            m--;
        out[m++] = (uint32_t)n_fed;
    }
    *at = out;
    *n = m;
    return 0;
}
