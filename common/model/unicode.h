/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unicode.h - what the tokenizer needs of Unicode: strict UTF-8, NFC, white
 * space.
 *
 * NFC is utf8proc's, with the marks and compositions up to Unicode 17 that the
 * version in Debian 12 (Unicode 15) lacks.
 */
#ifndef HS_UNICODE_H
#define HS_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

/* The offset of the first byte of s that is not UTF-8 (an overlong form, a
 * surrogate, beyond U+10FFFF, a cut character), or n if all is well. */
size_t hs_utf8_check(const char *s, size_t n);

/* Appends the NFC form of the UTF-8 text s to out.  Returns 0 or -1. */
HS_MUST_CHECK int hs_nfc(const char *s, size_t n, struct hs_buf *out,
                         struct hs_error *err);

/* Whether s is surely in NFC, seen without tables. */
bool hs_nfc_plain(const char *s, size_t n);

/* The number of bytes of White_Space characters that s begins, ends with. */
size_t hs_space_front(const char *s, size_t n);
size_t hs_space_back(const char *s, size_t n);

#endif
