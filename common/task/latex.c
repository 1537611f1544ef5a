/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * latex.c - see latex.h.
 */
#include <config.h>

#include "task/latex.h"

#include <ctype.h>
#include <string.h>

size_t
hs_latex_name(const char *s, size_t n)
{
    size_t i = 1;

    if (n < 2 || s[0] != '\\')
        return 0;
    while (i < n && isalpha((unsigned char)s[i]))
        i++;
    return i - 1;
}

bool
hs_latex_is(const char *s, size_t n, const char *name)
{
    size_t len = hs_latex_name(s, n);

    return len > 0 && strlen(name) == len && memcmp(s + 1, name, len) == 0;
}

size_t
hs_latex_group(const char *s, size_t n)
{
    size_t depth = 0;

    if (n == 0 || s[0] != '{')
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\\')
            i++;
        else if (s[i] == '{')
            depth++;
        else if (s[i] == '}' && --depth == 0)
            return i + 1;
    }
    return 0;
}

void
hs_latex_trim(const char **s, size_t *n)
{
    while (*n > 0 && isspace((unsigned char)**s)) {
        (*s)++;
        (*n)--;
    }
    while (*n > 0 && isspace((unsigned char)(*s)[*n - 1]))
        (*n)--;
}

static bool
is_alnum(char c)
{
    return isalnum((unsigned char)c) || c == '.';
}

/* Moves *i over spaces; true when the spaces stand between two letters or
 * digits, where they mean something. */
static bool
skip_space(const char *s, size_t n, size_t *i)
{
    size_t from = *i;

    while (*i < n && isspace((unsigned char)s[*i]))
        (*i)++;
    return *i > from && from > 0 && *i < n && is_alnum(s[from - 1]) &&
           is_alnum(s[*i]);
}

bool
hs_latex_same(const char *a, size_t na, const char *b, size_t nb)
{
    size_t i = 0, j = 0;

    for (;;) {
        bool sa = skip_space(a, na, &i), sb = skip_space(b, nb, &j);

        if (i == na || j == nb)
            return i == na && j == nb;
        if (a[i] != b[j])
            return false;
        /* "3 1/2" is not "31/2", but "2 x" is "2x" and "x, y" is "x,y". */
        if (sa != sb && isdigit((unsigned char)a[i]))
            return false;
        i++;
        j++;
    }
}

int
hs_latex_boxed(const char *s, size_t n, const char **inside, size_t *len)
{
    size_t at = n, body = 0;

    for (size_t i = 0; i + 5 <= n; i++) {
        if (s[i] != '\\')
            continue;
        if (hs_latex_is(s + i, n - i, "boxed")) {
            at = i;
            body = i + 6;
        } else if (hs_latex_is(s + i, n - i, "fbox")) {
            at = i;
            body = i + 5;
        }
    }
    if (at == n) {
        /* "\boxed5" and "\boxedA" as some write it do not name a command. */
        return 0;
    }
    while (body < n && (s[body] == ' ' || s[body] == '\n'))
        body++;
    if (body < n && s[body] == '{') {
        size_t g = hs_latex_group(s + body, n - body);

        if (g == 0)
            return -1;
        *inside = s + body + 1;
        *len = g - 2;
        return 1;
    }
    *inside = s + body;
    for (*len = 0; body + *len < n; (*len)++) {
        char c = s[body + *len];

        if (isspace((unsigned char)c) || c == '$')
            break;
    }
    return 1;
}

/* ---- cleaning ---- */

/* Commands that only change how things look. */
static const char *const dropped[] = {
    "left",         "right",     "big",        "Big",      "bigg",   "Bigg",
    "bigl",         "bigr",      "Bigl",       "Bigr",     "biggl",  "biggr",
    "displaystyle", "textstyle", "limits",     "nolimits", "rm",     "bf",
    "mathstrut",    "bm",        "boldsymbol", "mathbf",   "mathbb", "mathcal",
    "mathit",       "mathsf",    "ensuremath", "boxed",    "fbox",
};

static const struct {
    const char *name, *to;
} renamed[] = {
    {"dfrac", "\\frac"},   {"tfrac", "\\frac"},
    {"cfrac", "\\frac"},   {"dbinom", "\\binom"},
    {"tbinom", "\\binom"}, {"cdot", "*"},
    {"times", "*"},        {"ast", "*"},
    {"div", "/"},          {"lbrace", "\\{"},
    {"rbrace", "\\}"},     {"lbrack", "["},
    {"rbrack", "]"},       {"leq", "\\le "},
    {"geq", "\\ge "},      {"leqslant", "\\le "},
    {"geqslant", "\\ge "}, {"le", "\\le "},
    {"ge", "\\ge "},       {"lt", "<"},
    {"gt", ">"},           {"neq", "\\ne "},
    {"quad", " "},         {"qquad", " "},
    {"enspace", " "},      {"space", " "},
    {"degree", "\x01"},    {"textdegree", "\x01"},
    {"percent", "%"},      {"lvert", "|"},
    {"rvert", "|"},        {"vert", "|"},
    {"mid", "|"},          {"varnothing", "\\emptyset "},
    {"colon", ":"},        {"land", "\\text{and}"},
    {"lor", "\\text{or}"}, {"dotsc", "\\dots "},
    {"ldots", "\\dots "},  {"cdots", "\\dots "},
    {"approx", "="},       {"simeq", "="},
    {"textdollar", ""},    {"imaginary", "i"},
};

static const char *const upright[] = {
    "text",   "mbox",   "textrm",     "mathrm", "textbf",       "textit",
    "texttt", "textsf", "textnormal", "hbox",   "operatorname",
};

/* UTF-8 that stands for something above. */
static const struct {
    const char *utf8, *to;
} symbols[] = {
    {"\xe2\x88\x92", "-"},       {"\xcf\x80", "\\pi "},
    {"\xc2\xb0", "\x01"},        {"\xc3\x97", "*"},
    {"\xc2\xb7", "*"},           {"\xe2\x8b\x85", "*"},
    {"\xc3\xb7", "/"},           {"\xe2\x88\x9e", "\\infty "},
    {"\xc2\xb1", "\\pm "},       {"\xe2\x88\xaa", "\\cup "},
    {"\xe2\x89\xa4", "\\le "},   {"\xe2\x89\xa5", "\\ge "},
    {"\xe2\x88\x88", "\\in "},   {"\xc2\xa0", " "},
    {"\xe2\x80\x89", " "},       {"\xe2\x80\x93", "-"},
    {"\xe2\x88\x9a", "\\sqrt "}, {"\xe2\x88\x85", "\\emptyset "},
};

static size_t
clean_text(const char *s, size_t n, size_t name, struct hs_buf *out)
{
    size_t i = name + 1, g;

    while (i < n && s[i] == ' ')
        i++;
    g = hs_latex_group(s + i, n - i);
    if (g == 0) {
        hs_buf_add(out, s, name + 1); /* stays, and will not parse */
        return name + 1;
    }
    const char *in = s + i + 1;
    size_t len = g - 2;

    hs_latex_trim(&in, &len);
    /* \mathrm{i}, \operatorname{sin}: symbols, not words. */
    if (hs_latex_is(s, n, "operatorname") && len > 0 && len < 20) {
        hs_buf_str(out, "\\");
        hs_buf_add(out, in, len);
        hs_buf_str(out, " ");
    } else if (hs_latex_is(s, n, "mathrm") && len == 1 &&
               (*in == 'i' || *in == 'e')) {
        hs_buf_add(out, in, len);
    } else {
        hs_buf_str(out, "\\text{");
        for (size_t j = 0; j < len; j++)
            if (in[j] != '$' && in[j] != '\x01')
                hs_buf_add(out, in + j, 1);
        hs_buf_str(out, "}");
    }
    return i + g;
}

/* One command of letters.  Returns how many bytes it took. */
static size_t
clean_name(const char *s, size_t n, size_t name, struct hs_buf *out)
{
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++) {
        size_t used = name + 1;

        if (!hs_latex_is(s, n, dropped[i]))
            continue;
        /* "\left." has no bracket to show */
        if ((i < 2 || i == 3) && used < n && s[used] == '.')
            used++;
        return used;
    }
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
        if (hs_latex_is(s, n, renamed[i].name)) {
            hs_buf_str(out, renamed[i].to);
            return name + 1;
        }
    for (size_t i = 0; i < sizeof upright / sizeof upright[0]; i++)
        if (hs_latex_is(s, n, upright[i]))
            return clean_text(s, n, name, out);
    hs_buf_add(out, s, name + 1);
    hs_buf_str(out, " "); /* so that what follows is not taken for a name */
    return name + 1;
}

/* Exactly three digits stand at s. */
static bool
three_digits(const char *s, size_t n)
{
    size_t i = 0;

    while (i < 4 && i < n && isdigit((unsigned char)s[i]))
        i++;
    return i == 3;
}

/* A backslash and a character that is no letter. */
static size_t
clean_escape(const char *s, size_t n, struct hs_buf *out)
{
    size_t used = 2;
    bool digit = out->len > 0 && isdigit(out->data[out->len - 1]);
    bool comma = out->len > 0 && out->data[out->len - 1] == ',';

    if (n < 2)
        return 1;
    switch (s[1]) {
    case '!':
        while (comma && used < n && s[used] == ' ')
            used++;
        break;
    case ',':
        /* "10\,080" is one number, "3\,x" a product */
        if (!(digit && three_digits(s + 2, n - 2)))
            hs_buf_str(out, " ");
        break;
    case ' ':
    case ';':
    case ':':
    case '>':
    case '\n':
        hs_buf_str(out, " ");
        break;
    case '$':
    case '(':
    case ')':
    case '[':
    case ']':
        break;
    case '%':
        hs_buf_str(out, "%");
        break;
    case '|':
        hs_buf_str(out, "\\Vert ");
        break;
    default: /* \{ \} \\ \& and what is unknown */
        hs_buf_add(out, s, 2);
    }
    return used;
}

/* "^\circ", "^{\circ}" at s: its length, or 0. */
static size_t
degree(const char *s, size_t n)
{
    size_t i = 1;
    bool brace = false;

    if (n == 0 || s[0] != '^')
        return 0;
    while (i < n && (s[i] == ' ' || (s[i] == '{' && !brace))) {
        brace = brace || s[i] == '{';
        i++;
    }
    if (!hs_latex_is(s + i, n - i, "circ") &&
        !hs_latex_is(s + i, n - i, "degree"))
        return 0;
    i += 1 + hs_latex_name(s + i, n - i);
    while (brace && i < n && s[i] == ' ')
        i++;
    if (brace && (i == n || s[i] != '}'))
        return 0;
    return i + brace;
}

static size_t
clean_symbol(const char *s, size_t n, struct hs_buf *out)
{
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        size_t len = strlen(symbols[i].utf8);

        if (len <= n && memcmp(s, symbols[i].utf8, len) == 0) {
            hs_buf_str(out, symbols[i].to);
            return len;
        }
    }
    hs_buf_add(out, s, 1);
    return 1;
}

void
hs_latex_clean(const char *s, size_t n, struct hs_buf *out)
{
    for (size_t i = 0; i < n;) {
        size_t name = hs_latex_name(s + i, n - i);
        size_t deg = degree(s + i, n - i);

        if (name > 0) {
            i += clean_name(s + i, n - i, name, out);
        } else if (s[i] == '\\') {
            i += clean_escape(s + i, n - i, out);
        } else if (deg > 0) {
            hs_buf_str(out, "\x01");
            i += deg;
        } else if (n - i >= 3 && memcmp(s + i, "{,}", 3) == 0) {
            hs_buf_str(out, ",");
            i += 3;
        } else if (s[i] == '$') {
            i++;
        } else if (s[i] == '~' || isspace((unsigned char)s[i])) {
            hs_buf_str(out, " ");
            i++;
        } else if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
            hs_buf_str(out, "\\control ");
            i++;
        } else {
            i += clean_symbol(s + i, n - i, out);
        }
    }
}
