/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * step.h - where a step of a completion ends.
 *
 *   line       at the newline that ends a line with something in it
 *   paragraph  at the second newline of a run of white space, behind something
 *              and outside of a code block fenced by lines of ```
 *
 * A step ends at the token that brings its last byte.  Feed the tokens of a
 * completion one by one; the state is a few bytes, so the cost is linear.
 */
#ifndef HS_STEP_H
#define HS_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum hs_step_rule {
    HS_STEP_PARAGRAPH,
    HS_STEP_LINE
};

/* A place in a completion.  Only rule is to be set; {0} is the beginning. */
struct hs_step {
    enum hs_step_rule rule;
    bool something; /* the step has more than white space */
    bool fenced;    /* within a code block */
    int newlines;   /* of the white space right before, at most 2 */
    int ticks;      /* ` that the line begins with; -1 behind other bytes */
};

/* "line" or "paragraph".  Parsing returns 0, or -1 for another name. */
const char *hs_step_name(enum hs_step_rule rule);
HS_MUST_CHECK int hs_step_parse(const char *s, enum hs_step_rule *out);

/* Takes the bytes of the next token.  Whether a step ends in them. */
bool hs_step_feed(struct hs_step *st, const char *bytes, size_t n);

#endif
