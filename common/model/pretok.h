/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pretok.h - cutting text into the words that BPE works on.
 *
 * A chain of stages, each a pattern: its matches become pieces of their own,
 * and so does what lies between them (behavior "Isolated").  The next stage
 * sees every piece alone.
 */
#ifndef HS_PRETOK_H
#define HS_PRETOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define HS_PRETOK_STAGES 8

struct hs_pretok {
    void *code[HS_PRETOK_STAGES]; /* pcre2_code */
    bool jit[HS_PRETOK_STAGES];
    size_t n;
};

/* Adds a stage; the pattern is n bytes of UTF-8 in Oniguruma's syntax.
 * Returns 0 or -1. */
HS_MUST_CHECK int hs_pretok_add(struct hs_pretok *p, const char *pattern,
                                size_t n, struct hs_error *err);
void hs_pretok_free(struct hs_pretok *p);

/* What one caller needs while it splits. */
struct hs_pretok_work;
struct hs_pretok_work *hs_pretok_work_new(const struct hs_pretok *p);
void hs_pretok_work_free(struct hs_pretok_work *w);

/* Is given each piece; a negative return value stops the splitting. */
typedef int hs_piece_fn(void *arg, const char *s, size_t n,
                        struct hs_error *err);

/* Splits n bytes of valid UTF-8 and hands the pieces, none of them empty, to
 * fn in order.  Returns 0, or -1 when fn did or a pattern gave up. */
HS_MUST_CHECK int hs_pretok_split(const struct hs_pretok *p,
                                  struct hs_pretok_work *w, const char *s,
                                  size_t n, hs_piece_fn *fn, void *arg,
                                  struct hs_error *err);

#endif
