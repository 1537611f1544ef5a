/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store.h - states put aside for reading again and again.
 *
 * Blocks are appended once and then read at random.  They stay in memory until
 * they exceed the bound that was set, and go to an unnamed file in $TMPDIR
 * (tempfile.h) beyond it, which is mapped: what the kernel keeps of it is page
 * cache, given back when something else wants the memory.
 */
#ifndef HS_STORE_H
#define HS_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hs_store;

/* max_memory: bytes kept in memory; 0 sends everything to the file. */
struct hs_store *hs_store_new(uint64_t max_memory);
/* Takes NULL. */
void hs_store_free(struct hs_store *s);

/* Appends n bytes.  *where is what hs_store_at() wants.  Returns 0, or -1 with
 * the reason, a full disk for example. */
HS_MUST_CHECK int hs_store_add(struct hs_store *s, const void *data, size_t n,
                               uint64_t *where, struct hs_error *err);

/* No more blocks; must come before the first hs_store_at().  May be called
 * again. */
HS_MUST_CHECK int hs_store_seal(struct hs_store *s, struct hs_error *err);

/* The bytes that went to where, in one piece as they were added.  Borrowed;
 * may be called by any thread. */
const void *hs_store_at(const struct hs_store *s, uint64_t where);

uint64_t hs_store_bytes(const struct hs_store *s);

#endif
