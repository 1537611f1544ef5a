/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * added.h - added tokens ("<|im_end|>") and finding them in text.
 *
 * As Hugging Face does it: first the tokens that are not normalized, in the
 * text as it came; then, in the normalized text between those, the normalized
 * ones.  The leftmost match counts, of several at one place the longest.
 */
#ifndef HS_ADDED_H
#define HS_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

struct hs_added {
    struct hs_buf text;  /* as in the file */
    struct hs_buf match; /* what is looked for: text, normalized or not */
    uint32_t id;
    bool special;
    bool normalized;     /* looked for in the normalized text */
    bool lstrip, rstrip; /* takes the white space before, behind it along */
};

/* Added tokens in the order of their bytes; the tokens are borrowed. */
struct hs_finder {
    const struct hs_added **sorted; /* owned */
    size_t n;
    bool first[256]; /* bytes that a token begins with */
};

/* Collects the tokens whose normalized equals the argument.  Returns 0, or -1
 * when two of them look for the same bytes. */
HS_MUST_CHECK int hs_finder_init(struct hs_finder *f,
                                 const struct hs_added *added, size_t n,
                                 bool normalized, struct hs_error *err);
void hs_finder_free(struct hs_finder *f);

/* Looks for the first token in s[*from .. n).  Returns it and sets *from and
 * *to to its place, stripped white space included but never before done; NULL
 * if there is none. */
const struct hs_added *hs_finder_next(const struct hs_finder *f, const char *s,
                                      size_t n, size_t done, size_t *from,
                                      size_t *to);

#endif
