/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * node.h - the shape of an answer: what stands in which brackets.
 *
 * Only answer.c uses this.  The leaves are clean LaTeX (latex.h).
 */
#ifndef HS_NODE_H
#define HS_NODE_H

#include <stdbool.h>
#include <stddef.h>

enum hs_node_kind {
    HS_NODE_SCALAR,   /* text: an expression, perhaps with a unit */
    HS_NODE_TEXT,     /* text: words */
    HS_NODE_TUPLE,    /* kids between open and close, in order */
    HS_NODE_BAG,      /* kids in any order; open is '{' or 0 */
    HS_NODE_UNION,    /* kids joined by \cup */
    HS_NODE_MATRIX,   /* kids row by row, n_columns in each row */
    HS_NODE_EQUATION, /* two kids: left and right */
    HS_NODE_BASE,     /* text: digits; base */
    HS_NODE_UNKNOWN   /* text: nothing of the above */
};

struct hs_node {
    enum hs_node_kind kind;
    char *text; /* owned, for messages too */
    size_t n;
    char open, close;
    long base;
    size_t n_columns;
    struct hs_node *kids; /* owned, (n_kids) */
    size_t n_kids;
};

/* Reads n bytes of clean LaTeX.  Never fails: what is not understood, nested
 * too deeply or in too many parts is HS_NODE_UNKNOWN. */
void hs_node_parse(struct hs_node *v, const char *s, size_t n);
void hs_node_free(struct hs_node *v);

#endif
