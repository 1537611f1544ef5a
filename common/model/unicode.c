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

/* Marks since Unicode 15.1 with their combining classes, which utf8proc 2.8
 * takes for 0. */
static const struct {
    utf8proc_int32_t from, to;
    int class;
} late_marks[] = {
    {0x897, 0x897, 230},     {0x1acf, 0x1adc, 230},   {0x1add, 0x1add, 220},
    {0x1ae0, 0x1ae5, 230},   {0x1ae6, 0x1ae6, 220},   {0x1ae7, 0x1aea, 230},
    {0x1aeb, 0x1aeb, 234},   {0x10d69, 0x10d6d, 230}, {0x10efa, 0x10efb, 220},
    {0x113ce, 0x113d0, 9},   {0x1612f, 0x1612f, 9},   {0x1e5ee, 0x1e5ee, 230},
    {0x1e5ef, 0x1e5ef, 220}, {0x1e6e3, 0x1e6e3, 230}, {0x1e6e6, 0x1e6e6, 230},
    {0x1e6ee, 0x1e6ef, 230}, {0x1e6f5, 0x1e6f5, 230},
};

/* Compositions since then. */
static const struct {
    utf8proc_int32_t first, second, composed;
} late_pairs[] = {
    {0x105d2, 0x307, 0x105c9},   {0x105da, 0x307, 0x105e4},
    {0x11382, 0x113c9, 0x11383}, {0x11384, 0x113bb, 0x11385},
    {0x1138b, 0x113c2, 0x1138e}, {0x11390, 0x113c9, 0x11391},
    {0x113c2, 0x113c2, 0x113c5}, {0x113c2, 0x113b8, 0x113c7},
    {0x113c2, 0x113c9, 0x113c8}, {0x1611e, 0x1611e, 0x16121},
    {0x1611e, 0x16129, 0x16122}, {0x1611e, 0x1611f, 0x16123},
    {0x16129, 0x1611f, 0x16124}, {0x1611e, 0x16120, 0x16125},
    {0x16121, 0x1611f, 0x16126}, {0x16122, 0x1611f, 0x16127},
    {0x16121, 0x16120, 0x16128}, {0x16d67, 0x16d67, 0x16d68},
    {0x16d63, 0x16d67, 0x16d69}, {0x16d69, 0x16d67, 0x16d6a},
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static int
combining_class(utf8proc_int32_t c)
{
    for (size_t i = 0; i < COUNT(late_marks); i++)
        if (c >= late_marks[i].from && c <= late_marks[i].to)
            return late_marks[i].class;
    return utf8proc_get_property(c)->combining_class;
}

/* The composition of the pair, or 0. */
static utf8proc_int32_t
compose_pair(utf8proc_int32_t first, utf8proc_int32_t second)
{
    utf8proc_int32_t both[3] = {first, second, 0};

    for (size_t i = 0; i < COUNT(late_pairs); i++)
        if (late_pairs[i].first == first && late_pairs[i].second == second)
            return late_pairs[i].composed;
    return utf8proc_normalize_utf32(both, 2,
                                    UTF8PROC_STABLE | UTF8PROC_COMPOSE) == 1
               ? both[0]
               : 0;
}

/* Whether s has a character that only the tables above know, or more marks in
 * a row than utf8proc orders quickly: its time is quadratic in them. */
static bool
is_special(const char *s, size_t n)
{
    size_t marks = 0;

    for (size_t i = 0; i < n;) {
        size_t len = char_length((const unsigned char *)s + i, n - i);
        utf8proc_int32_t c = 0;

        if (len < 2) {
            i++;
            marks = 0;
            continue;
        }
        (void)utf8proc_iterate((const utf8proc_uint8_t *)s + i,
                               (utf8proc_ssize_t)len, &c);
        i += len;
        marks = utf8proc_get_property(c)->combining_class > 0 ? marks + 1 : 0;
        if (marks > 30)
            return true;
        if (c != 0x897 && (c < 0x1acf || (c > 0x1aeb && c < 0x105c9)))
            continue;
        for (size_t k = 0; k < COUNT(late_marks); k++)
            if (c >= late_marks[k].from && c <= late_marks[k].to)
                return true;
        for (size_t k = 0; k < COUNT(late_pairs); k++)
            if (c == late_pairs[k].first || c == late_pairs[k].composed)
                return true;
    }
    return false;
}

/* Sorts n marks by their classes, which are above 0, and keeps the order of
 * equals. */
static void
sort_marks(utf8proc_int32_t *v, size_t n)
{
    size_t at[256] = {0}, sum = 0;
    utf8proc_int32_t *old = hs_malloc(hs_mul(n, sizeof *old));

    memcpy(old, v, n * sizeof *old);
    for (size_t i = 0; i < n; i++)
        at[combining_class(old[i])]++;
    for (size_t k = 0; k < 256; k++) {
        size_t count = at[k];

        at[k] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        v[at[combining_class(old[i])]++] = old[i];
    free(old);
}

/* Puts marks in canonical order; v is decomposed. */
static void
reorder(utf8proc_int32_t *v, size_t n)
{
    size_t end;

    for (size_t i = 0; i < n; i = end + 1) {
        for (end = i; end < n && combining_class(v[end]) > 0; end++)
            ;
        if (end - i > 1)
            sort_marks(v + i, end - i);
    }
}

/* Composes in place (UAX #15); returns what is left. */
static size_t
compose(utf8proc_int32_t *v, size_t n)
{
    size_t left = 0, starter = SIZE_MAX;
    int last = 0;

    for (size_t i = 0; i < n; i++) {
        int class = combining_class(v[i]);

        if (starter != SIZE_MAX && (left == starter + 1 || last < class)) {
            utf8proc_int32_t c = compose_pair(v[starter], v[i]);

            if (c != 0) {
                v[starter] = c;
                continue;
            }
        }
        if (class == 0)
            starter = left;
        last = class;
        v[left++] = v[i];
    }
    return left;
}

/* Writes what c decomposes to by late_pairs to v; returns how many, at most
 * 3. */
static size_t
expand(utf8proc_int32_t c, utf8proc_int32_t *v)
{
    for (size_t i = 0; i < COUNT(late_pairs); i++) {
        if (late_pairs[i].composed == c) {
            size_t n = expand(late_pairs[i].first, v);

            v[n] = late_pairs[i].second;
            return n + 1;
        }
    }
    v[0] = c;
    return 1;
}

/* NFC by hand, for what is_special(). */
static int
special_nfc(const char *s, size_t n, struct hs_buf *out, struct hs_error *err)
{
    utf8proc_int32_t *v = NULL, c;
    size_t cap = 0, len = 0;

    for (size_t i = 0; i < n;) {
        utf8proc_int32_t parts[16];
        utf8proc_ssize_t bytes, made = -1;
        int boundary = 0;

        bytes = utf8proc_iterate((const utf8proc_uint8_t *)s + i,
                                 (utf8proc_ssize_t)(n - i), &c);
        if (bytes > 0)
            made = utf8proc_decompose_char(c, parts, COUNT(parts),
                                           UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
                                           &boundary);
        if (made < 0 || made > (utf8proc_ssize_t)COUNT(parts)) {
            free(v);
            return hs_fail(err, "cannot normalize to NFC");
        }
        i += (size_t)bytes;
        v = hs_grow(v, &cap, len + 3 * (size_t)made, sizeof *v);
        for (utf8proc_ssize_t k = 0; k < made; k++)
            len += expand(parts[k], v + len);
    }
    reorder(v, len);
    len = compose(v, len);
    for (size_t i = 0; i < len; i++)
        out->len += (size_t)utf8proc_encode_char(v[i], hs_buf_reserve(out, 4));
    free(v);
    return 0;
}

int
hs_nfc(const char *s, size_t n, struct hs_buf *out, struct hs_error *err)
{
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t len;

    if (n == 0)
        return 0;
    if (is_special(s, n))
        return special_nfc(s, n, out, err);
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
