/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * literal.c - see literal.h.
 */
#include <config.h>

#include "task/literal.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "task/latex.h"

static bool
is_digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

/* Digits with thousands commas and a point into buf.  Returns how many
 * characters of input that took. */
static size_t
scan_digits(const char *s, size_t n, char *buf, size_t *len)
{
    size_t i = 0, lead = 0;

    *len = 0;
    while (lead < n && is_digit(s[lead]))
        lead++;
    memcpy(buf, s, lead);
    i = *len = lead;
    while (lead >= 1 && lead <= 3 && i + 3 < n && s[i] == ',' &&
           is_digit(s[i + 1]) && is_digit(s[i + 2]) && is_digit(s[i + 3]) &&
           (i + 4 == n || !is_digit(s[i + 4]))) {
        memcpy(buf + *len, s + i + 1, 3);
        *len += 3;
        i += 4;
    }
    if (i < n && s[i] == '.' &&
        (lead > 0 || (i + 1 < n && is_digit(s[i + 1])))) {
        buf[(*len)++] = '.';
        for (i++; i < n && is_digit(s[i]); i++)
            buf[(*len)++] = s[i];
    }
    return i;
}

/* "e33", "E-5" right behind a number.  Returns 0 or -1. */
static int
exponent(const char **at, const char *end, int *out, struct hs_error *err)
{
    const char *p = *at;
    int e = 0;
    bool minus;

    *out = 0;
    if (end - p < 2 || (*p != 'e' && *p != 'E'))
        return 0;
    p++;
    minus = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    if (p == end || !is_digit(*p))
        return 0;
    for (; p < end && is_digit(*p); p++) {
        e = e * 10 + (*p - '0');
        if (e > 4000)
            return hs_fail(err, "an exponent is too large");
    }
    *at = p;
    *out = minus ? -e : e;
    return 0;
}

/* A numerator or denominator of digits alone, "4" or "{15}", as \frac takes
 * it.  Returns its length, 0 when it is something else. */
static size_t
digits_argument(const char *s, size_t n, long *out)
{
    size_t i = 0;
    bool brace;

    *out = 0;
    while (i < n && s[i] == ' ')
        i++;
    brace = i < n && s[i] == '{';
    i += brace;
    if (i == n || !is_digit(s[i]))
        return 0;
    do {
        *out = *out * 10 + (s[i++] - '0');
    } while (brace && i < n && is_digit(s[i]) && *out < 1000000);
    if (brace && (i == n || s[i++] != '}'))
        return 0;
    return i;
}

/* " 4/5" behind a whole number. */
static size_t
slashed(const char *s, size_t n, long *num, long *den)
{
    size_t i = 0;

    for (long *v = num;; v = den) {
        *v = 0;
        while (i < n && s[i] == ' ')
            i++;
        if (i == n || !is_digit(s[i]))
            return 0;
        for (; i < n && is_digit(s[i]) && *v < 1000000; i++)
            *v = *v * 10 + (s[i] - '0');
        if (v == den)
            return i;
        while (i < n && s[i] == ' ')
            i++;
        if (i == n || s[i++] != '/')
            return 0;
    }
}

/* The rest of a mixed number behind a whole one: "\\frac{4}{5}" or " 4/5".
 * Leaves *p alone when there is none. */
static int
mixed(const char **p, const char *end, struct hs_value *v, struct hs_error *err)
{
    const char *s = *p;
    size_t n, used, more;
    long num = 0, den = 0;
    struct hs_value f;

    while (s < end && *s == ' ')
        s++;
    n = (size_t)(end - s);
    if (hs_latex_is(s, n, "frac")) {
        s += 5;
        n -= 5;
        used = digits_argument(s, n, &num);
        more = used > 0 ? digits_argument(s + used, n - used, &den) : 0;
        if (more == 0)
            return 0; /* a product */
        used += more;
    } else {
        if (s == *p || n == 0 || !is_digit(*s))
            return 0;
        used = slashed(s, n, &num, &den);
        if (used == 0)
            return hs_fail(err, "two numbers side by side");
    }
    if (num <= 0 || num >= den)
        return hs_fail(err,
                       "a number before a fraction that is not the rest "
                       "of a mixed number");
    *p = s + used;
    if (hs_value_div(&f, hs_value_int(num), hs_value_int(den)) < 0 ||
        hs_value_add(v, *v, f) < 0)
        return hs_fail(err, "not defined or too large");
    return 0;
}

/* "\\overline{6}" at *p: its digits go behind the len in buf. */
static int
overline(const char **p, const char *end, char *buf, size_t *len,
         size_t *repeat, struct hs_error *err)
{
    const char *s = *p + strlen("\\overline");

    while (s < end && *s == ' ')
        s++;
    size_t g = hs_latex_group(s, (size_t)(end - s));

    if (g < 3 || g > 32)
        return hs_fail(err, "a bar over nothing or too much");
    *repeat = g - 2;
    for (size_t i = 0; i < *repeat; i++)
        if (!is_digit(s[i + 1]))
            return hs_fail(err, "a bar over something else than digits");
    memcpy(buf + *len, s + 1, *repeat);
    *len += *repeat;
    *p = s + g;
    return 0;
}

int
hs_literal_digits(const char **p, const char *end, struct hs_value *v,
                  struct hs_error *err)
{
    char buf[HS_LITERAL_MAX];
    size_t len;

    if ((size_t)(end - *p) > HS_LITERAL_MAX)
        return hs_fail(err, "too long to evaluate");
    *p += scan_digits(*p, (size_t)(end - *p), buf, &len);
    if (hs_value_digits(buf, len, 0, 0, v) < 0)
        return hs_fail(err, "a number is too long or not one");
    return 0;
}

int
hs_literal_read(const char **p, const char *end, struct hs_value *v,
                struct hs_error *err)
{
    char buf[HS_LITERAL_MAX];
    size_t len, repeat = 0;
    int e;
    bool whole;

    if ((size_t)(end - *p) > HS_LITERAL_MAX)
        return hs_fail(err, "too long to evaluate");
    *p += scan_digits(*p, (size_t)(end - *p), buf, &len);
    whole = memchr(buf, '.', len) == NULL;
    if (!whole && hs_latex_is(*p, (size_t)(end - *p), "overline") &&
        overline(p, end, buf, &len, &repeat, err) < 0)
        return -1;
    if (exponent(p, end, &e, err) < 0)
        return -1;
    if (hs_value_digits(buf, len, repeat, e, v) < 0)
        return hs_fail(err, "a number is too long or not one");
    return whole && e == 0 ? mixed(p, end, v, err) : 0;
}
