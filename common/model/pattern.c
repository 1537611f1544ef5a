/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pattern.c - see pattern.h.
 */
#include <config.h>

#include "model/pattern.h"

#include <stdbool.h>
#include <string.h>

#define MAX_DEPTH 16

/* The Unicode property White_Space, which is Oniguruma's \s. */
#define WHITE_SPACE                                                            \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"           \
    "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

/* What a property is in a class: ASCII first, which PCRE2 tests by bitmap,
 * then its own tables, then what Unicode 15 to 17 added to them. */
static const struct property {
    const char *name, *text;
} properties[] = {
    {"L",
     "A-Za-z\\p{L}"
     "\\x{88f}\\x{c5c}\\x{cdc}\\x{1c89}\\x{1c8a}\\x{a7cb}-\\x{a7cf}\\x{a7d2}"
     "\\x{a7d4}\\x{a7da}-\\x{a7dc}\\x{a7f1}\\x{105c0}-\\x{105f3}"
     "\\x{10940}-\\x{10959}\\x{10d4a}-\\x{10d65}\\x{10d6f}-\\x{10d85}"
     "\\x{10ec2}-\\x{10ec7}\\x{1123f}\\x{11240}\\x{11380}-\\x{11389}"
     "\\x{1138b}\\x{1138e}\\x{11390}-\\x{113b5}\\x{113b7}\\x{113d1}"
     "\\x{113d3}\\x{11bc0}-\\x{11be0}\\x{11db0}-\\x{11ddb}\\x{11f02}"
     "\\x{11f04}-\\x{11f10}\\x{11f12}-\\x{11f33}\\x{1342f}"
     "\\x{13441}-\\x{13446}\\x{13460}-\\x{143fa}\\x{16100}-\\x{1611d}"
     "\\x{16d40}-\\x{16d6c}\\x{16ea0}-\\x{16eb8}\\x{16ebb}-\\x{16ed3}"
     "\\x{16ff2}\\x{16ff3}\\x{187f8}-\\x{187ff}\\x{18cff}"
     "\\x{18d09}-\\x{18d1e}\\x{18d80}-\\x{18df2}\\x{1b132}\\x{1b155}"
     "\\x{1df25}-\\x{1df2a}\\x{1e030}-\\x{1e06d}\\x{1e4d0}-\\x{1e4eb}"
     "\\x{1e5d0}-\\x{1e5ed}\\x{1e5f0}\\x{1e6c0}-\\x{1e6de}"
     "\\x{1e6e0}-\\x{1e6e2}\\x{1e6e4}\\x{1e6e5}\\x{1e6e7}-\\x{1e6ed}"
     "\\x{1e6f0}-\\x{1e6f4}\\x{1e6fe}\\x{1e6ff}\\x{2b739}-\\x{2b73f}"
     "\\x{2cea2}-\\x{2cead}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{33479}"},
    {"N",
     "0-9\\p{N}"
     "\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}\\x{11bf0}-\\x{11bf9}"
     "\\x{11de0}-\\x{11de9}\\x{11f50}-\\x{11f59}\\x{16130}-\\x{16139}"
     "\\x{16d70}-\\x{16d79}\\x{16ff4}-\\x{16ff6}\\x{1ccf0}-\\x{1ccf9}"
     "\\x{1d2c0}-\\x{1d2d3}\\x{1e4f0}-\\x{1e4f9}\\x{1e5f1}-\\x{1e5fa}"},
    {"M",
     "\\p{M}"
     "\\x{897}\\x{cf3}\\x{ece}\\x{1acf}-\\x{1add}\\x{1ae0}-\\x{1aeb}"
     "\\x{10d69}-\\x{10d6d}\\x{10efa}-\\x{10eff}\\x{11241}"
     "\\x{113b8}-\\x{113c0}\\x{113c2}\\x{113c5}\\x{113c7}-\\x{113ca}"
     "\\x{113cc}-\\x{113d0}\\x{113d2}\\x{113e1}\\x{113e2}"
     "\\x{11b60}-\\x{11b67}\\x{11f00}\\x{11f01}\\x{11f03}"
     "\\x{11f34}-\\x{11f3a}\\x{11f3e}-\\x{11f42}\\x{11f5a}\\x{13440}"
     "\\x{13447}-\\x{13455}\\x{1611e}-\\x{1612f}\\x{1e08f}"
     "\\x{1e4ec}-\\x{1e4ef}\\x{1e5ee}\\x{1e5ef}\\x{1e6e3}\\x{1e6e6}"
     "\\x{1e6ee}\\x{1e6ef}\\x{1e6f5}"},
};

/* What a quantifier would apply to. */
enum atom {
    ATOM_NONE,
    ATOM_CHAR,
    ATOM_GROUP
};

struct rewrite {
    const char *s;
    size_t n, i;
    struct hs_buf *out;
    enum atom last;
    size_t depth;
    bool fold;             /* inside (?i: */
    bool folds[MAX_DEPTH]; /* fold outside of each open group */
    bool looks[MAX_DEPTH]; /* which of them are lookaheads */
    struct hs_error *err;
};

/* Refuses what is at place at. */
static int
refuse(const struct rewrite *r, size_t at)
{
    size_t len = r->n - at < 12 ? r->n - at : 12;

    return hs_fail(r->err,
                   "the pattern's \"%.*s\" at byte %zu is not "
                   "supported",
                   (int)len, r->s + at, at);
}

static bool
at_text(const struct rewrite *r, const char *text)
{
    size_t len = strlen(text);

    return r->n - r->i >= len && memcmp(r->s + r->i, text, len) == 0;
}

static bool
is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_punct(char c)
{
    return c > ' ' && c < 127 && !is_alpha(c) && !is_digit(c);
}

static void
put(struct rewrite *r, const char *text)
{
    hs_buf_str(r->out, text);
}

/* The class members of the \p{..} or \P{..} at r->i, or NULL; moves on. */
static const char *
read_property(struct rewrite *r)
{
    for (size_t k = 0; k < sizeof properties / sizeof properties[0]; k++) {
        const char *name = properties[k].name;
        size_t len = strlen(name);

        if (r->n - r->i >= len + 4 && r->s[r->i + 2] == '{' &&
            memcmp(r->s + r->i + 3, name, len) == 0 &&
            r->s[r->i + 3 + len] == '}') {
            r->i += len + 4;
            return properties[k].text;
        }
    }
    return NULL;
}

/* Writes one character as a literal. */
static void
put_literal(struct rewrite *r, char c)
{
    if ((unsigned char)c < 0x80 && !is_alpha(c) && !is_digit(c))
        hs_buf_printf(r->out, "\\x{%x}", (unsigned)(unsigned char)c);
    else
        hs_buf_add(r->out, &c, 1);
}

/* The character that the escape at r->i stands for, or 0. */
static char
escaped_char(const struct rewrite *r)
{
    char c = r->i + 1 < r->n ? r->s[r->i + 1] : '\0';

    return c == 'r'      ? '\r'
           : c == 'n'    ? '\n'
           : c == 't'    ? '\t'
           : is_punct(c) ? c
                         : '\0';
}

static int
rewrite_escape(struct rewrite *r)
{
    const char *inside = NULL;
    size_t at = r->i;
    char kind = r->i + 1 < r->n ? r->s[r->i + 1] : '\0';
    char c = escaped_char(r);

    r->last = ATOM_CHAR;
    if (c != '\0') {
        put_literal(r, c);
        r->i += 2;
        return 0;
    }
    if (kind == 's' || kind == 'S') {
        inside = WHITE_SPACE;
        r->i += 2;
    } else if (kind == 'p' || kind == 'P') {
        inside = read_property(r);
    }
    if (inside == NULL || r->fold)
        return refuse(r, at);
    put(r, kind == 'S' || kind == 'P' ? "[^" : "[");
    put(r, inside);
    put(r, "]");
    return 0;
}

/* One member of a class that starts with a backslash. */
static int
rewrite_class_escape(struct rewrite *r)
{
    size_t at = r->i;
    const char *inside;
    char c = escaped_char(r);

    if (c != '\0') {
        put_literal(r, c);
        r->i += 2;
        return 0;
    }
    if (at_text(r, "\\s")) {
        put(r, WHITE_SPACE);
        r->i += 2;
        return 0;
    }
    inside = at_text(r, "\\p") ? read_property(r) : NULL;
    if (inside == NULL)
        return refuse(r, at);
    put(r, inside);
    return 0;
}

/* A plain member of a class, or a range of two letters or digits. */
static int
rewrite_class_plain(struct rewrite *r)
{
    char c = r->s[r->i];

    if (c == '[' || c == '-' || at_text(r, "&&"))
        return refuse(r, r->i);
    if (r->i + 2 < r->n && r->s[r->i + 1] == '-' && r->s[r->i + 2] != ']') {
        char to = r->s[r->i + 2];

        if (!(is_digit(c) && is_digit(to)) && !(is_alpha(c) && is_alpha(to)))
            return refuse(r, r->i);
        hs_buf_add(r->out, r->s + r->i, 3);
        r->i += 3;
        return 0;
    }
    put_literal(r, c);
    r->i++;
    return 0;
}

static int
rewrite_class(struct rewrite *r)
{
    size_t at = r->i++, first;

    if (r->fold)
        return refuse(r, at);
    put(r, "[");
    if (at_text(r, "^")) {
        put(r, "^");
        r->i++;
    }
    for (first = r->i; r->i < r->n && r->s[r->i] != ']';) {
        int rc = r->s[r->i] == '\\' ? rewrite_class_escape(r)
                                    : rewrite_class_plain(r);

        if (rc < 0)
            return -1;
    }
    if (r->i == r->n || r->i == first)
        return refuse(r, at);
    put(r, "]");
    r->i++;
    r->last = ATOM_CHAR;
    return 0;
}

static int
rewrite_open(struct rewrite *r)
{
    static const struct {
        const char *from, *to;
        bool fold, look;
    } kinds[] = {
        {"(?:", "(?:", false, false},
        {"(?i:", "(?:", true, false},
        {"(?!", "(?!", false, true},
        {"(?=", "(?=", false, true},
    };

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        if (!at_text(r, kinds[k].from) || r->depth == MAX_DEPTH)
            continue;
        r->folds[r->depth] = r->fold;
        r->looks[r->depth++] = kinds[k].look;
        r->fold = r->fold || kinds[k].fold;
        put(r, kinds[k].to);
        r->i += strlen(kinds[k].from);
        r->last = ATOM_NONE;
        return 0;
    }
    return refuse(r, r->i);
}

static int
rewrite_close(struct rewrite *r)
{
    if (r->depth == 0)
        return refuse(r, r->i);
    r->depth--;
    r->fold = r->folds[r->depth];
    r->last = r->looks[r->depth] ? ATOM_NONE : ATOM_GROUP;
    put(r, ")");
    r->i++;
    return 0;
}

/* ? * + with an optional + (possessive) or ? (lazy) behind it. */
static int
rewrite_quantifier(struct rewrite *r)
{
    char c = r->s[r->i];

    if (r->last == ATOM_NONE || (r->last == ATOM_GROUP && c != '?'))
        return refuse(r, r->i);
    hs_buf_add(r->out, &c, 1);
    r->i++;
    if (at_text(r, "+") || at_text(r, "?"))
        hs_buf_add(r->out, r->s + r->i++, 1);
    r->last = ATOM_NONE;
    return 0;
}

/* {m}, {m,} or {m,n}; Oniguruma reads a + or ? behind it otherwise. */
static int
rewrite_braces(struct rewrite *r)
{
    size_t at = r->i, digits = 0, commas = 0;

    if (r->last != ATOM_CHAR)
        return refuse(r, at);
    for (r->i++; r->i < r->n && r->s[r->i] != '}'; r->i++) {
        if (r->s[r->i] == ',' && digits > 0 && commas++ == 0)
            digits = 0;
        else if (!is_digit(r->s[r->i]) || ++digits > 3)
            return refuse(r, at);
    }
    if (r->i == r->n || digits + commas == 0)
        return refuse(r, at);
    r->i++;
    if (at_text(r, "+") || at_text(r, "?"))
        return refuse(r, at);
    hs_buf_add(r->out, r->s + at, r->i - at);
    r->last = ATOM_NONE;
    return 0;
}

static int
rewrite_literal(struct rewrite *r)
{
    char c = r->s[r->i];

    if (strchr(".^$]}", c) != NULL || (r->fold && (unsigned char)c >= 0x80))
        return refuse(r, r->i);
    if (r->fold && is_alpha(c))
        hs_buf_printf(r->out, "[%c%c]", c & ~0x20, c | 0x20);
    else
        put_literal(r, c);
    r->i++;
    r->last = ATOM_CHAR;
    return 0;
}

int
hs_pattern_rewrite(const char *pattern, size_t n, struct hs_buf *out,
                   struct hs_error *err)
{
    struct rewrite r = {.s = pattern, .n = n, .out = out, .err = err};

    while (r.i < n) {
        char c = pattern[r.i];
        int rc;

        if (c == '\\')
            rc = rewrite_escape(&r);
        else if (c == '[')
            rc = rewrite_class(&r);
        else if (c == '(')
            rc = rewrite_open(&r);
        else if (c == ')')
            rc = rewrite_close(&r);
        else if (c == '?' || c == '*' || c == '+')
            rc = rewrite_quantifier(&r);
        else if (c == '{')
            rc = rewrite_braces(&r);
        else if (c == '|') {
            put(&r, "|");
            r.last = ATOM_NONE;
            r.i++;
            rc = 0;
        } else
            rc = rewrite_literal(&r);
        if (rc < 0)
            return -1;
    }
    return r.depth == 0 ? 0 : hs_fail(err, "the pattern has an open group");
}
