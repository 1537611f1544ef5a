/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * locate.h - where in a completion the answer stands.
 *
 * Each function returns 1 and a span that borrows from the text, 0 when there
 * is no answer of its form.  All are linear in the text.
 */
#ifndef HS_LOCATE_H
#define HS_LOCATE_H

#include <stddef.h>

struct hs_span {
    const char *s;
    size_t n;
};

/* The number behind the first "#### " that has one (-?[0-9.,]+). */
int hs_locate_strict(const char *s, size_t n, struct hs_span *out);

/* The rest of the line behind the first "####", trimmed. */
int hs_locate_marked(const char *s, size_t n, struct hs_span *out);

/* The last thing that looks like a number: -?[$0-9.,]{2,} with a digit in it,
 * or -?[0-9]+. */
int hs_locate_flexible(const char *s, size_t n, struct hs_span *out);

/* The letter the text settles on, among the first n_choices capitals: behind
 * the last "####"; else in the last \boxed; else behind the last "answer is",
 * "answer:" and the like; else the last letter that stands alone. */
int hs_locate_choice(const char *s, size_t n, size_t n_choices, char *out);

/* What a gold answer says: the inside of its last \boxed, else what is behind
 * its last "####", else all, trimmed. */
struct hs_span hs_locate_gold(const char *gold);

#endif
