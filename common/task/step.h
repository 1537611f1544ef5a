/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * step.h - where a step of a completion ends.
 *
 *   line       at the newline that ends a line with something in it
 *   paragraph  at the second newline of a run of white space, behind something
 *              and outside of a code block fenced by lines of ```
 *   sentence   at the white space behind a run of . ! ? (and quotes and
 *              brackets that close behind it), and wherever a line ends
 *   every:N    at every N-th token
 *
 * A step ends at the token that brings its last byte, and not before it has
 * min_tokens tokens: a boundary that would come sooner is passed over.  Feed
 * the tokens of a completion one by one; the state is a few bytes, so the cost
 * is linear.
 */
#ifndef HS_STEP_H
#define HS_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

struct hs_tokenizer;

enum hs_step_kind {
    HS_STEP_PARAGRAPH,
    HS_STEP_LINE,
    HS_STEP_SENTENCE,
    HS_STEP_EVERY
};

struct hs_step_rule {
    enum hs_step_kind kind;
    uint32_t every;      /* N of every:N, >= 1 */
    uint32_t min_tokens; /* of a step; 0 counts as 1 */
};

/* A place in a completion.  Only rule is to be set; the rest {0} is the
 * beginning. */
struct hs_step {
    struct hs_step_rule rule;
    uint32_t n_tokens; /* of the step so far */
    bool something;    /* the step has more than white space */
    bool fenced;       /* within a code block */
    bool stopped;      /* a sentence has ended, but for white space behind it */
    int newlines;      /* of the white space right before, at most 2 */
    int ticks;         /* ` that the line begins with; -1 behind other bytes */
};

/* "paragraph", "line", "sentence" or "every:N".  The text is appended to b. */
void hs_step_name(const struct hs_step_rule *rule, struct hs_buf *b);
/* Reads it; min_tokens is left alone.  Returns 0, or -1 for another name. */
HS_MUST_CHECK int hs_step_parse(const char *s, struct hs_step_rule *out);

/* Takes the bytes of the next token.  Whether a step ends in them. */
bool hs_step_feed(struct hs_step *st, const char *bytes, size_t n);

/* The same by its id.  tok may be NULL if the rule does not read; an id that is
 * no token of it counts as text (U+FFFD). */
bool hs_step_feed_token(struct hs_step *st, const struct hs_tokenizer *tok,
                        uint32_t token);

/* Whether a rule looks at the text, and so needs a tokenizer. */
bool hs_step_reads(const struct hs_step_rule *rule);

/* The boundaries of a completion of n_fed tokens that have states (an EOS that
 * ends it is not one): at[0] = 0 is s_0, at[i] = t the end of step i, s_t the
 * state of token t from 1; the last one is n_fed, where the answer ends.  A
 * rest that is shorter than min_tokens or has no more than white space belongs
 * to the step before it, if there is one.  *at (*n) is to be freed; *n is 1
 * more than the steps, and 1 for an empty completion.  tok may be NULL if the
 * rule does not read.  Returns 0, or -1: the rule reads and there is no
 * tokenizer. */
HS_MUST_CHECK int hs_step_split(const struct hs_step_rule *rule,
                                const struct hs_tokenizer *tok,
                                const uint32_t *tokens, size_t n_fed,
                                uint32_t **at, size_t *n, struct hs_error *err);

#endif
