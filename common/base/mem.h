/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mem.h - checked memory.
 *
 * The allocators die when memory is out (exit status 1), so callers need no
 * test.  Sizes that come from a file must be bounded before they get here.
 */
#ifndef HS_MEM_H
#define HS_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Returns a * b; dies when the product does not fit a size_t. */
size_t hs_mul(size_t a, size_t b);

/* Like malloc, calloc, realloc, strdup and strndup, but never NULL; a size
 * of 0 gives a block of 1 byte.  Release with free(). */
void *hs_malloc(size_t size);
void *hs_calloc(size_t n, size_t size);
void *hs_realloc(void *p, size_t size);
char *hs_strdup(const char *s);
char *hs_strndup(const char *s, size_t n);

/* Returns zeroed memory aligned to 64 bytes for n elements of size bytes,
 * with at least 64 bytes to spare behind them.  Release with free(). */
void *hs_calloc64(size_t n, size_t size);

/* Makes room for need elements of size bytes in p, whose capacity *cap counts
 * elements, by doubling.  Returns the block, moved or not. */
void *hs_grow(void *p, size_t *cap, size_t need, size_t size);

/* Bytes that grow.  {0} is an empty buffer. */
struct hs_buf {
    uint8_t *data; /* owned */
    size_t len, cap;
};

/* Makes room for n more bytes and returns where they go; len is unchanged. */
uint8_t *hs_buf_reserve(struct hs_buf *b, size_t n);
void hs_buf_add(struct hs_buf *b, const void *data, size_t n);
void hs_buf_str(struct hs_buf *b, const char *s);
void hs_buf_printf(struct hs_buf *b, const char *fmt, ...) HS_PRINTF(2, 3);
/* Adds a NUL that len does not count and returns data as a string. */
char *hs_buf_cstr(struct hs_buf *b);
/* Frees what b owns and makes it {0}. */
void hs_buf_free(struct hs_buf *b);

#endif
