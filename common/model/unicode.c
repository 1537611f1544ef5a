/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unicode.c - see unicode.h.
 */
#include <config.h>

#include "model/unicode.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

/* The length of the character that starts at s, of n bytes, or 0. */
static size_t
char_length(const unsigned char *s, size_t n)
{
    unsigned char lo = 0x80, hi = 0xbf;
    size_t len;

    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (len > n)
        return 0;
    if (s[0] == 0xe0)
        lo = 0xa0;
    else if (s[0] == 0xed)
        hi = 0x9f;
    else if (s[0] == 0xf0)
        lo = 0x90;
    else if (s[0] == 0xf4)
        hi = 0x8f;
    if (s[1] < lo || s[1] > hi)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* The number of bytes below limit that s begins with, or a few less. */
static size_t
run_below(const char *s, size_t n, uint64_t high_bits)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        uint64_t w;

        memcpy(&w, s + i, 8);
        if (w & high_bits)
            break;
    }
    return i;
}

size_t
hs_utf8_check(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t i = 0;

    while (i < n) {
        size_t len;

        if (u[i] < 0x80)
            i += run_below(s + i, n - i, UINT64_C(0x8080808080808080));
        if (i == n)
            break;
        len = char_length(u + i, n - i);
        if (len == 0)
            return i;
        i += len;
    }
    return n;
}

bool
hs_nfc_plain(const char *s, size_t n)
{
    size_t i = run_below(s, n, UINT64_C(0x8080808080808080));

    /* Lead bytes from 0xcc on are U+0300 and up; below that everything is
     * its own NFC. */
    for (; i < n; i++)
        if ((unsigned char)s[i] >= 0xcc)
            return false;
    return true;
}

int
hs_nfc(const char *s, size_t n, struct hs_buf *out, struct hs_error *err)
{
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t len;

    if (n == 0)
        return 0;
    len = utf8proc_map((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, &made,
                       UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (len < 0)
        return hs_fail(err, "normalizing to NFC: %s", utf8proc_errmsg(len));
    hs_buf_add(out, made, (size_t)len);
    free(made);
    return 0;
}

/* The length of the White_Space character that starts at s, or 0. */
static size_t
space_length(const unsigned char *s, size_t n)
{
    if (n >= 1 && ((s[0] >= 0x09 && s[0] <= 0x0d) || s[0] == 0x20))
        return 1;
    if (n >= 2 && s[0] == 0xc2 && (s[1] == 0x85 || s[1] == 0xa0))
        return 2;
    if (n < 3)
        return 0;
    if (s[0] == 0xe1 && s[1] == 0x9a && s[2] == 0x80) /* U+1680 */
        return 3;
    if (s[0] == 0xe2 && s[1] == 0x80 && /* U+2000 to 200A, 2028, 2029, 202F */
        ((s[2] >= 0x80 && s[2] <= 0x8a) || s[2] == 0xa8 || s[2] == 0xa9 ||
         s[2] == 0xaf))
        return 3;
    if (s[0] == 0xe2 && s[1] == 0x81 && s[2] == 0x9f) /* U+205F */
        return 3;
    if (s[0] == 0xe3 && s[1] == 0x80 && s[2] == 0x80) /* U+3000 */
        return 3;
    return 0;
}

size_t
hs_space_front(const char *s, size_t n)
{
    size_t i = 0, len;

    while ((len = space_length((const unsigned char *)s + i, n - i)) > 0)
        i += len;
    return i;
}

size_t
hs_space_back(const char *s, size_t n)
{
    size_t end = n;

    while (end > 0) {
        size_t at = end - 1;

        while (at > 0 && end - at < 3 && ((unsigned char)s[at] & 0xc0) == 0x80)
            at--;
        if (space_length((const unsigned char *)s + at, end - at) != end - at)
            break;
        end = at;
    }
    return n - end;
}
