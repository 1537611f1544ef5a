/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * idset.h - a set of texts, kept as their 128-bit hashes.
 *
 * Takes 16 to 32 bytes an entry.  Two different texts of one hash are never
 * met by chance: among 2^40 of them the odds are below 2^-48.
 */
#ifndef HS_IDSET_H
#define HS_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {0} is an empty set. */
struct hs_idset {
    uint64_t (*slots)[2]; /* owned; {0, 0} is a free slot */
    size_t n, cap;        /* cap is 0 or a power of two */
};

/* Adds a text of n bytes.  Whether it is new. */
bool hs_idset_add(struct hs_idset *s, const char *text, size_t n);
bool hs_idset_has(const struct hs_idset *s, const char *text, size_t n);
void hs_idset_free(struct hs_idset *s);

#endif
