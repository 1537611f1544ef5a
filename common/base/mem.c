/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mem.c - see mem.h.
 */
#include <config.h>

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msg.h"

size_t
hs_mul(size_t a, size_t b)
{
    size_t r;

    if (__builtin_mul_overflow(a, b, &r))
        hs_die(HS_EXIT_FAIL, "a size of %zu x %zu does not fit memory", a, b);
    return r;
}

void *
hs_malloc(size_t size)
{
    return hs_realloc(NULL, size);
}

void *
hs_calloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);

    if (p == NULL)
        hs_die(HS_EXIT_FAIL, "out of memory (%zu x %zu bytes)", n, size);
    return p;
}

void *
hs_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);

    if (q == NULL)
        hs_die(HS_EXIT_FAIL, "out of memory (%zu bytes)", size);
    return q;
}

char *
hs_strdup(const char *s)
{
    return hs_strndup(s, strlen(s));
}

char *
hs_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *p = hs_malloc(len + 1);

    memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

void *
hs_calloc64(size_t n, size_t size)
{
    size_t bytes = hs_mul(n, size);
    void *p = NULL;

    if (bytes > SIZE_MAX - 128 || posix_memalign(&p, 64, bytes + 64) != 0)
        hs_die(HS_EXIT_FAIL, "out of memory (%zu bytes)", bytes);
    memset(p, 0, bytes + 64);
    return p;
}

void *
hs_grow(void *p, size_t *cap, size_t need, size_t size)
{
    size_t n = *cap ? *cap : 16;

    if (need <= *cap)
        return p;
    while (n < need)
        n = hs_mul(n, 2);
    p = hs_realloc(p, hs_mul(n, size));
    *cap = n;
    return p;
}

uint8_t *
hs_buf_reserve(struct hs_buf *b, size_t n)
{
    if (n > SIZE_MAX - b->len)
        hs_die(HS_EXIT_FAIL, "out of memory (%zu bytes)", n);
    /* also for 0 bytes: an offset from NULL has no meaning in C */
    if (n > 0 || b->data == NULL)
        b->data = hs_grow(b->data, &b->cap, b->len + (n > 0 ? n : 1), 1);
    return b->data + b->len;
}

void
hs_buf_add(struct hs_buf *b, const void *data, size_t n)
{
    uint8_t *to = hs_buf_reserve(b, n ? n : 1);

    if (n > 0)
        memcpy(to, data, n);
    b->len += n;
}

void
hs_buf_str(struct hs_buf *b, const char *s)
{
    hs_buf_add(b, s, strlen(s));
}

void
hs_buf_printf(struct hs_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        hs_die(HS_EXIT_FAIL, "cannot format a message");
    (void)vsnprintf((char *)hs_buf_reserve(b, (size_t)n + 1), (size_t)n + 1,
                    fmt, again);
    va_end(again);
    b->len += (size_t)n;
}

char *
hs_buf_cstr(struct hs_buf *b)
{
    *hs_buf_reserve(b, 1) = '\0';
    return (char *)b->data;
}

void
hs_buf_free(struct hs_buf *b)
{
    free(b->data);
    *b = (struct hs_buf){0};
}
