/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pattern.h - split patterns of tokenizer.json, rewritten for PCRE2.
 *
 * The patterns are written for Oniguruma.  PCRE2 reads most of one alike, but
 * not all: its \s has U+180E, its \p{L} and \p{N} are those of the Unicode
 * version it was built with (10.42: Unicode 14; letters up to Unicode 17 are
 * added here), its (?i:s) matches U+017F, and x{1,2}+ is possessive.  So only
 * what is known to mean the same after rewriting is let through: literals,
 * simple classes, \r \n \t \s \S \p{L} \p{N} \p{M} and their complements,
 * groups, (?i:...) over ASCII letters, lookahead, quantifiers of single
 * characters.
 */
#ifndef HS_PATTERN_H
#define HS_PATTERN_H

#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

/* Appends the rewritten pattern of n bytes of UTF-8 to out.  Returns 0, or -1
 * naming what is not supported. */
HS_MUST_CHECK int hs_pattern_rewrite(const char *pattern, size_t n,
                                     struct hs_buf *out, struct hs_error *err);

#endif
