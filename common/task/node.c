/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * node.c - see node.h.
 */
#include <config.h>

#include "task/node.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "task/latex.h"

#define DEPTH_MAX 16
#define KIDS_MAX  256

static void parse(struct hs_node *v, const char *s, size_t n, int depth);

void
hs_node_free(struct hs_node *v)
{
    for (size_t i = 0; i < v->n_kids; i++)
        hs_node_free(&v->kids[i]);
    free(v->kids);
    free(v->text);
    *v = (struct hs_node){0};
}

static void
unknown(struct hs_node *v)
{
    for (size_t i = 0; i < v->n_kids; i++)
        hs_node_free(&v->kids[i]);
    free(v->kids);
    v->kids = NULL;
    v->n_kids = 0;
    v->kind = HS_NODE_UNKNOWN;
}

static bool
is_digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

/* How brackets at s change the depth: 1, -1 or 0; *used is their length. */
static int
bracket(const char *s, size_t n, size_t *used)
{
    *used = 1;
    if (n > 1 && s[0] == '\\' && (s[1] == '{' || s[1] == '}')) {
        *used = 2;
        return s[1] == '{' ? 1 : -1;
    }
    if (s[0] == '\\') {
        size_t name = hs_latex_name(s, n);

        *used = name > 0 ? name + 1 : n > 1 ? 2 : 1;
        if (hs_latex_is(s, n, "langle") || hs_latex_is(s, n, "begin"))
            return 1;
        if (hs_latex_is(s, n, "rangle") || hs_latex_is(s, n, "end"))
            return -1;
        return 0;
    }
    if (s[0] == '(' || s[0] == '[' || s[0] == '{')
        return 1;
    return s[0] == ')' || s[0] == ']' || s[0] == '}' ? -1 : 0;
}

/* A comma at s[i] that groups thousands: 1 to 3 digits (and groups) before
 * it, exactly three behind it, no spaces. */
static bool
is_thousands(const char *s, size_t n, size_t i)
{
    size_t b = i, a = i + 1;

    while (a < n && is_digit(s[a]))
        a++;
    if (a - i != 4 || i == 0)
        return false;
    while (b > 0 && is_digit(s[b - 1]))
        b--;
    if (i - b < 1 || i - b > 3)
        return false;
    if (b > 0 && s[b - 1] == ',')
        return i - b == 3 && is_thousands(s, n, b - 1);
    return b == 0 || s[b - 1] != '.';
}

enum cut {
    CUT_COMMA,
    CUT_EVERY_COMMA,
    CUT_CUP,
    CUT_EQUAL,
    CUT_ROW,
    CUT_CELL
};

/* Length of the separator at s[i], 0 when there is none. */
static size_t
separator(const char *s, size_t n, size_t i, enum cut cut)
{
    static const char *const words[] = {"\\text{and}", "\\text{or}", " and ",
                                        " or "};
    const char *p = s + i;
    size_t m = n - i;

    switch (cut) {
    case CUT_COMMA:
    case CUT_EVERY_COMMA:
        if (*p == ';' ||
            (*p == ',' && (cut == CUT_EVERY_COMMA || !is_thousands(s, n, i))))
            return 1;
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            const char *word = words[k];

            if (m >= strlen(word) && memcmp(p, word, strlen(word)) == 0)
                return strlen(word);
        }
        return 0;
    case CUT_CUP:
        return hs_latex_is(p, m, "cup") ? 4 : 0;
    case CUT_EQUAL:
        return *p == '=' ? 1 : hs_latex_is(p, m, "in") ? 3 : 0;
    case CUT_ROW:
        return m > 1 && p[0] == '\\' && p[1] == '\\' ? 2 : 0;
    case CUT_CELL:
        return *p == '&';
    }
    return 0;
}

/* Where the next separator outside brackets is, n when there is none. */
static size_t
find(const char *s, size_t n, size_t from, enum cut cut, size_t *len)
{
    int depth = 0;
    size_t used;

    for (size_t i = from; i < n; i += used) {
        if (depth == 0 && (*len = separator(s, n, i, cut)) > 0)
            return i;
        depth += bracket(s + i, n - i, &used);
        if (depth < 0)
            break;
    }
    *len = 0;
    return n;
}

static struct hs_node *
add_kid(struct hs_node *v)
{
    v->kids = hs_realloc(v->kids, (v->n_kids + 1) * sizeof *v->kids);
    v->kids[v->n_kids] = (struct hs_node){0};
    return &v->kids[v->n_kids++];
}

/* Cuts s at its separators and parses the parts.  Returns how many. */
static size_t
cut_all(struct hs_node *v, const char *s, size_t n, enum cut cut, int depth)
{
    size_t from = 0, len;

    for (;;) {
        size_t at = find(s, n, from, cut, &len);
        const char *part = s + from;
        size_t m = at - from;

        hs_latex_trim(&part, &m);
        /* ", and" makes an empty part */
        if (m > 0 || cut == CUT_CELL || at == n)
            parse(add_kid(v), part, m, depth + 1);
        if (at == n || v->n_kids >= KIDS_MAX)
            break;
        from = at + len;
    }
    if (v->n_kids >= KIDS_MAX)
        unknown(v);
    return v->n_kids;
}

/* ---- kinds ---- */

/* The whole of s is one pair of brackets; *in and *m become the inside. */
static bool
enclosed(const char *s, size_t n, char *open, char *close, const char **in,
         size_t *m)
{
    int depth = 0;
    size_t used, first = 0, last = 0, i;

    if (n < 2 || bracket(s, n, &first) != 1 || hs_latex_is(s, n, "begin"))
        return false;
    for (i = 0; i < n; i += used) {
        depth += bracket(s + i, n - i, &used);
        if (depth == 0) {
            last = i;
            i += used;
            break;
        }
    }
    if (depth != 0 || i != n)
        return false;
    *open = first > 2 ? '<' : s[first - 1];
    *close = s[last] == '\\' ? s[last + 1] : s[last];
    if (*close == 'r')
        *close = '>';
    if (first == 1 && *open == '{')
        *open = 'g'; /* a TeX group, which shows nothing */
    *in = s + first;
    *m = last - first;
    hs_latex_trim(in, m);
    return true;
}

static bool
has_plain_comma(const char *s, size_t n)
{
    size_t len;

    return find(s, n, 0, CUT_COMMA, &len) < n;
}

/* "(a, b]", "\{a, b\}".  False when it is a bracketed expression. */
static bool
parse_brackets(struct hs_node *v, const char *s, size_t n, int depth)
{
    const char *in;
    size_t m, len;
    char open, close;
    enum cut cut = CUT_COMMA;

    if (!enclosed(s, n, &open, &close, &in, &m))
        return false;
    if (open == 'g') {
        parse(v, in, m, depth + 1);
        return true;
    }
    if (!has_plain_comma(in, m)) {
        /* "(1,234)" is a pair: a single number needs no brackets */
        cut = CUT_EVERY_COMMA;
        if (open != '{' && open != '<' &&
            find(in, m, 0, CUT_EVERY_COMMA, &len) == m)
            return false;
    }
    v->kind = open == '{' ? HS_NODE_BAG : HS_NODE_TUPLE;
    v->open = open;
    v->close = close;
    if (m > 0)
        (void)cut_all(v, in, m, cut, depth);
    return true;
}

static void
parse_rows(struct hs_node *v, const char *s, size_t n, int depth)
{
    size_t from = 0, len, at;

    v->kind = HS_NODE_MATRIX;
    do {
        size_t before = v->n_kids;
        const char *row = s + from;

        at = find(s, n, from, CUT_ROW, &len);
        size_t m = at - from;

        hs_latex_trim(&row, &m);
        from = at + len;
        if (m == 0 && at == n && before > 0)
            break; /* a last line break */
        (void)cut_all(v, row, m, CUT_CELL, depth);
        if (v->n_columns == 0)
            v->n_columns = v->n_kids;
        if (v->kind != HS_NODE_MATRIX || v->n_kids != before + v->n_columns) {
            unknown(v);
            return;
        }
    } while (at < n);
}

/* "\begin{pmatrix} ... \end{pmatrix}". */
static bool
parse_matrix(struct hs_node *v, const char *s, size_t n, int depth)
{
    static const char *const names[] = {"pmatrix", "bmatrix", "matrix",
                                        "Bmatrix", "smallmatrix"};
    char head[40], tail[40];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct hs_buf h = {0}, t = {0};

        hs_buf_printf(&h, "\\begin {%s}", names[i]);
        hs_buf_printf(&t, "\\end {%s}", names[i]);
        size_t a = h.len, b = t.len;

        memcpy(head, hs_buf_cstr(&h), a + 1);
        memcpy(tail, hs_buf_cstr(&t), b + 1);
        hs_buf_free(&h);
        hs_buf_free(&t);
        if (n >= a + b && memcmp(s, head, a) == 0 &&
            memcmp(s + n - b, tail, b) == 0) {
            parse_rows(v, s + a, n - a - b, depth);
            return true;
        }
    }
    return false;
}

/* "1 \pm 2" is the list of both. */
static bool
parse_pm(struct hs_node *v, const char *s, size_t n, int depth)
{
    size_t at = n, count = 0;

    for (size_t i = 0; i + 3 <= n; i++)
        if (hs_latex_is(s + i, n - i, "pm") ||
            hs_latex_is(s + i, n - i, "mp")) {
            at = i;
            count++;
        }
    if (count == 0)
        return false;
    v->kind = HS_NODE_BAG;
    if (count > 1) {
        v->kind = HS_NODE_UNKNOWN;
        return true;
    }
    for (int sign = 0; sign < 2; sign++) {
        struct hs_buf b = {0};

        hs_buf_add(&b, s, at);
        hs_buf_str(&b, sign == 0 ? "+" : "-");
        hs_buf_add(&b, s + at + 3, n - at - 3);
        parse(add_kid(v), hs_buf_cstr(&b), b.len, depth + 1);
        hs_buf_free(&b);
    }
    return true;
}

/* "52_8", "4210_{5}". */
static bool
parse_base(struct hs_node *v, const char *s, size_t n)
{
    size_t i = 0, digits;
    long base = 0;
    bool brace;

    while (i < n && isalnum((unsigned char)s[i]))
        i++;
    digits = i;
    if (i == 0 || !is_digit(s[0]))
        return false;
    while (i < n && s[i] == ' ')
        i++;
    if (i == n || s[i++] != '_')
        return false;
    while (i < n && s[i] == ' ')
        i++;
    brace = i < n && s[i] == '{';
    for (i += brace; i < n && is_digit(s[i]) && base < 100; i++)
        base = base * 10 + (s[i] - '0');
    if (i + brace != n || base < 2 || base > 36 || (brace && s[i] != '}'))
        return false;
    v->kind = HS_NODE_BASE;
    v->base = base;
    v->n = digits;
    return true;
}

/* Words: \text{...} alone, or letters and spaces alone, of two letters or
 * more.  The text becomes the words. */
static bool
parse_text(struct hs_node *v, const char *s, size_t n)
{
    size_t letters = 0;
    bool group = n > 6 && memcmp(s, "\\text{", 6) == 0 &&
                 hs_latex_group(s + 5, n - 5) == n - 5;

    if (group) {
        s += 6;
        n -= 7;
        hs_latex_trim(&s, &n);
        if (n > 2 && s[0] == '(' && s[n - 1] == ')') {
            s++;
            n -= 2;
        }
    }
    for (size_t i = 0; i < n; i++) {
        letters += isalpha((unsigned char)s[i]) != 0;
        if (!group && !isalpha((unsigned char)s[i]) && s[i] != ' ')
            return false;
    }
    if (letters == 0 ||
        (!group && (letters < 2 || (n == 2 && memcmp(s, "pi", 2) == 0))))
        return false;
    char *t = hs_strndup(s, n);

    free(v->text);
    v->text = t;
    v->n = n;
    v->kind = HS_NODE_TEXT;
    return true;
}

static bool
has_relation(const char *s, size_t n)
{
    static const char *const names[] = {
        "le", "ge", "ne", "equiv", "to", "subset", "sim", "setminus", "cap"};

    for (size_t i = 0; i < n; i++) {
        if (s[i] == '<' || s[i] == '>')
            return true;
        if (s[i] != '\\')
            continue;
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            if (hs_latex_is(s + i, n - i, names[k]))
                return true;
    }
    return false;
}

static void
parse_cut(struct hs_node *v, const char *s, size_t n, int depth)
{
    size_t len;

    if (find(s, n, 0, CUT_COMMA, &len) < n) {
        v->kind = HS_NODE_BAG;
        (void)cut_all(v, s, n, CUT_COMMA, depth);
        return;
    }
    if (has_relation(s, n)) {
        v->kind = HS_NODE_UNKNOWN;
        return;
    }
    if (find(s, n, 0, CUT_EQUAL, &len) < n) {
        v->kind = HS_NODE_EQUATION;
        if (cut_all(v, s, n, CUT_EQUAL, depth) != 2)
            unknown(v);
        return;
    }
    if (find(s, n, 0, CUT_CUP, &len) < n) {
        v->kind = HS_NODE_UNION;
        (void)cut_all(v, s, n, CUT_CUP, depth);
        return;
    }
    if (!parse_pm(v, s, n, depth))
        v->kind = HS_NODE_SCALAR;
}

static void
parse(struct hs_node *v, const char *s, size_t n, int depth)
{
    hs_latex_trim(&s, &n);
    if (n > 1 && (s[n - 1] == '.' || s[n - 1] == ',') && s[n - 2] != '\\' &&
        s[n - 2] != '.') {
        n--;
        hs_latex_trim(&s, &n);
    }
    free(v->text);
    v->text = hs_strndup(s, n);
    v->n = n;
    v->kind = HS_NODE_UNKNOWN;
    if (depth > DEPTH_MAX || n == 0)
        return;
    if (parse_matrix(v, s, n, depth) || parse_text(v, s, n) ||
        parse_base(v, s, n) || parse_brackets(v, s, n, depth))
        return;
    parse_cut(v, s, n, depth);
}

void
hs_node_parse(struct hs_node *v, const char *s, size_t n)
{
    *v = (struct hs_node){0};
    parse(v, s, n, 0);
}
