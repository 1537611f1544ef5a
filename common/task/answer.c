/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * answer.c - see answer.h.
 *
 * Three values all the way up: a part that can not be told apart leaves the
 * whole open, unless another part already differs.
 */
#include <config.h>

#include "task/answer.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "task/latex.h"
#include "task/node.h"
#include "task/scalar.h"

#define LENGTH_MAX 4000
#define BAG_MAX    64

/* What a comparison may still cost, and why it was left open. */
struct work {
    struct hs_error err;
    long left; /* parts to compare */
};

static int compare(const struct hs_node *a, const struct hs_node *b,
                   struct work *w);

static bool
same_text(const struct hs_node *a, const struct hs_node *b)
{
    return hs_latex_same(a->text, strlen(a->text), b->text, strlen(b->text));
}

/* a is at least as bad news as b: 0 before -1 before 1. */
static int
worse(int a, int b)
{
    return a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : 1;
}

static int
compare_in_order(const struct hs_node *a, const struct hs_node *b,
                 struct work *w)
{
    int rc = 1;

    if (a->n_kids != b->n_kids)
        return 0;
    for (size_t i = 0; i < a->n_kids && rc != 0; i++)
        rc = worse(rc, compare(&a->kids[i], &b->kids[i], w));
    return rc;
}

/* Every kid of a is for certain one of b's. */
static bool
covers(const struct hs_node *a, const struct hs_node *b, struct work *w)
{
    for (size_t i = 0; i < a->n_kids; i++) {
        bool found = false;

        for (size_t j = 0; j < b->n_kids && !found; j++)
            found = compare(&a->kids[i], &b->kids[j], w) != 0;
        if (!found)
            return false;
    }
    return true;
}

/* Equality is an equivalence, so taking the first partner is enough. */
static int
compare_any_order(const struct hs_node *a, const struct hs_node *b,
                  struct work *w)
{
    bool used[BAG_MAX] = {false};
    bool open = false, missing = false;

    if (a->n_kids > BAG_MAX || b->n_kids > BAG_MAX)
        return hs_fail(&w->err, "a list is too long");
    if (a->n_kids != b->n_kids)
        return covers(a, b, w) && covers(b, a, w)
                   ? hs_fail(&w->err, "lists that repeat")
                   : 0;
    for (size_t i = 0; i < a->n_kids; i++) {
        bool found = false, maybe = false;

        for (size_t j = 0; j < b->n_kids && !found; j++) {
            int rc = used[j] ? 0 : compare(&a->kids[i], &b->kids[j], w);

            maybe = maybe || rc < 0;
            found = rc == 1;
            used[j] = used[j] || found;
        }
        open = open || (!found && maybe);
        missing = missing || (!found && !maybe);
    }
    return missing ? 0 : open ? -1 : 1;
}

static int
compare_tuples(const struct hs_node *a, const struct hs_node *b, struct work *w)
{
    int rc = compare_in_order(a, b, w);

    if (rc == 0 || (a->open == b->open && a->close == b->close))
        return rc;
    /* Of two entries the brackets may mean an interval's ends. */
    if (a->n_kids == 2 && a->open != '<' && b->open != '<')
        return 0;
    return hs_fail(&w->err, "brackets differ");
}

static int
compare_matrices(const struct hs_node *a, const struct hs_node *b,
                 struct work *w)
{
    return a->n_columns != b->n_columns ? 0 : compare_in_order(a, b, w);
}

static int
compare_bases(const struct hs_node *a, const struct hs_node *b, struct work *w)
{
    const char *s = a->text, *t = b->text;
    size_t n = a->n, m = b->n;

    if (a->base != b->base)
        return hs_fail(&w->err, "bases differ");
    for (; n > 1 && *s == '0'; n--)
        s++;
    for (; m > 1 && *t == '0'; m--)
        t++;
    return n == m && strncasecmp(s, t, n) == 0;
}

static bool
contains(const char *s, const char *part)
{
    size_t n = strlen(part);

    for (; strlen(s) >= n; s++)
        if (strncasecmp(s, part, n) == 0)
            return true;
    return false;
}

/* "ab" and "ba". */
static bool
same_letters(const struct hs_node *a, const struct hs_node *b)
{
    int count[256] = {0};

    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        count[tolower((unsigned char)a->text[i])]++;
        count[tolower((unsigned char)b->text[i])]--;
    }
    for (size_t i = 0; i < 256; i++)
        if (count[i] != 0)
            return false;
    return true;
}

static int
compare_words(const struct hs_node *a, const struct hs_node *b, struct work *w)
{
    if (strcasecmp(a->text, b->text) == 0)
        return 1;
    if (a->n < 4 && same_letters(a, b))
        return hs_fail(&w->err, "short words that may be products");
    if (a->n > 1 && b->n > 1 &&
        (contains(a->text, b->text) || contains(b->text, a->text)))
        return hs_fail(&w->err, "one text holds the other");
    return 0;
}

/* ---- equations ---- */

/* A left side that only names the right one: "x", "f(x)", "\theta_1". */
static bool
is_name(const struct hs_node *v)
{
    size_t n = strlen(v->text);

    if (n == 0 || n > 40 ||
        (!isalpha((unsigned char)v->text[0]) && v->text[0] != '\\'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)v->text[i]) &&
            strchr("_{}\\'() ,", v->text[i]) == NULL)
            return false;
    return strncmp(v->text, "\\frac", 5) != 0 &&
           strncmp(v->text, "\\sqrt", 5) != 0;
}

static int
compare_equations(const struct hs_node *a, const struct hs_node *b,
                  struct work *w)
{
    const char *side[4];
    size_t len[4];

    if (is_name(&a->kids[0]) && same_text(&a->kids[0], &b->kids[0]) &&
        strstr(a->kids[1].text, a->kids[0].text) == NULL &&
        strstr(b->kids[1].text, b->kids[0].text) == NULL)
        return compare(&a->kids[1], &b->kids[1], w);
    for (size_t k = 0; k < 4; k++) {
        side[k] = (k < 2 ? a : b)->kids[k % 2].text;
        len[k] = strlen(side[k]);
    }
    return hs_scalar_proportional(side, len, &w->err);
}

static int
compare_equation(const struct hs_node *a, const struct hs_node *b,
                 struct work *w)
{
    if (is_name(&a->kids[0]))
        return compare(&a->kids[1], b, w);
    return hs_fail(&w->err, "an equation and a value");
}

/* ---- different kinds ---- */

static char
lone_letter(const struct hs_node *v)
{
    size_t n = strlen(v->text);

    if (n == 3 && v->text[0] == '(' && v->text[2] == ')')
        return v->text[1];
    return n == 1 ? v->text[0] : '\0';
}

/* a is a scalar, b something with parts. */
static int
compare_one_to_many(const struct hs_node *a, const struct hs_node *b,
                    struct work *w)
{
    if (strchr(a->text, ',') != NULL ||
        !hs_scalar_is_number(a->text, strlen(a->text)) || b->n_kids < 2)
        return hs_fail(&w->err, "answers of different kinds");
    for (size_t i = 0; i < b->n_kids && b->kind == HS_NODE_BAG; i++)
        if (compare(a, &b->kids[i], w) != 0)
            return hs_fail(&w->err, "one value and a list that has it");
    return 0;
}

/* Kinds differ, a->kind < b->kind. */
static int
compare_mixed(const struct hs_node *a, const struct hs_node *b, struct work *w)
{
    if (b->kind == HS_NODE_UNKNOWN)
        return hs_fail(&w->err, "'%.40s' is not understood", b->text);
    if (b->kind == HS_NODE_EQUATION)
        return compare_equation(b, a, w);
    if (a->kind == HS_NODE_SCALAR && b->kind == HS_NODE_TEXT) {
        char la = lone_letter(a), lb = lone_letter(b);

        if (isalpha((unsigned char)la) && isalpha((unsigned char)lb))
            return toupper((unsigned char)la) == toupper((unsigned char)lb);
        return hs_fail(&w->err, "a value and a word");
    }
    if (a->kind == HS_NODE_SCALAR &&
        (b->kind == HS_NODE_TUPLE || b->kind == HS_NODE_BAG ||
         b->kind == HS_NODE_MATRIX))
        return compare_one_to_many(a, b, w);
    if (a->kind == HS_NODE_TUPLE && b->kind == HS_NODE_BAG &&
        compare_any_order(a, b, w) == 0)
        return 0;
    return hs_fail(&w->err, "answers of different kinds");
}

static int
compare(const struct hs_node *a, const struct hs_node *b, struct work *w)
{
    if (w->left-- <= 0)
        return hs_fail(&w->err, "too many parts to compare");
    if (a->n > 0 && b->n > 0 && a->kind == b->kind && same_text(a, b))
        return 1;
    if (a->kind < b->kind)
        return compare_mixed(a, b, w);
    if (b->kind < a->kind)
        return compare_mixed(b, a, w);
    switch (a->kind) {
    case HS_NODE_SCALAR:
        return hs_scalar_compare(a->text, a->n, b->text, b->n, &w->err);
    case HS_NODE_TEXT:
        return compare_words(a, b, w);
    case HS_NODE_TUPLE:
        return compare_tuples(a, b, w);
    case HS_NODE_BAG:
        return compare_any_order(a, b, w);
    case HS_NODE_UNION:
        return compare_any_order(a, b, w) == 1
                   ? 1
                   : hs_fail(&w->err, "unions that may be written differently");
    case HS_NODE_MATRIX:
        return compare_matrices(a, b, w);
    case HS_NODE_EQUATION:
        return compare_equations(a, b, w);
    case HS_NODE_BASE:
        return compare_bases(a, b, w);
    case HS_NODE_UNKNOWN:
        break;
    }
    return hs_fail(&w->err, "'%.40s' is not understood", b->text);
}

/* ---- the way in ---- */

/* Length of the whole UTF-8 character at s, 0 when it is none. */
static size_t
character(const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];
    size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    if (c > 0xf4 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && (unsigned char)s[1] < 0xa0) ||
        (c == 0xed && (unsigned char)s[1] > 0x9f) ||
        (c == 0xf0 && (unsigned char)s[1] < 0x90) ||
        (c == 0xf4 && (unsigned char)s[1] > 0x8f))
        return 0;
    return len;
}

/* At most max bytes of s on one line of valid UTF-8. */
static void
excerpt(struct hs_buf *out, const char *s, size_t n, size_t max)
{
    size_t i = 0;

    while (i < n) {
        size_t len = character(s + i, n - i);
        unsigned char c = (unsigned char)s[i];

        if (i + len > max) {
            hs_buf_str(out, "...");
            return;
        }
        if (c < 0x20 || c == 0x7f)
            hs_buf_str(out, " ");
        else if (len == 0)
            hs_buf_str(out, "?");
        else
            hs_buf_add(out, s + i, len);
        i += len > 0 ? len : 1;
    }
}

static int
verdict(int rc, const char *a, size_t na, const char *b, size_t nb,
        const struct hs_error *err, struct hs_buf *why)
{
    if (rc < 0) {
        hs_buf_str(why, "undecided: ");
        excerpt(why, err->text, strlen(err->text), 200);
        return -1;
    }
    hs_buf_str(why, rc ? "equal by value: " : "different: ");
    excerpt(why, a, na, 57);
    hs_buf_str(why, rc ? " = " : " is not ");
    excerpt(why, b, nb, 57);
    return rc;
}

int
hs_answer_compare(const char *given, size_t n_given, const char *gold,
                  size_t n_gold, struct hs_buf *why)
{
    struct hs_buf a = {0}, b = {0};
    struct hs_node va, vb;
    struct work w = {.left = 20000};
    int rc;

    hs_latex_trim(&given, &n_given);
    hs_latex_trim(&gold, &n_gold);
    if (n_given == n_gold && memcmp(given, gold, n_gold) == 0) {
        hs_buf_str(why, "equal as text");
        return 1;
    }
    if (n_given > LENGTH_MAX || n_gold > LENGTH_MAX) {
        hs_buf_str(why, "undecided: too long to compare");
        return -1;
    }
    hs_latex_clean(given, n_given, &a);
    hs_latex_clean(gold, n_gold, &b);
    (void)hs_buf_cstr(&a);
    (void)hs_buf_cstr(&b);
    if (hs_latex_same((char *)a.data, a.len, (char *)b.data, b.len)) {
        hs_buf_str(why, "equal as text");
        rc = 1;
    } else {
        hs_node_parse(&va, (char *)a.data, a.len);
        hs_node_parse(&vb, (char *)b.data, b.len);
        rc = verdict(compare(&va, &vb, &w), given, n_given, gold, n_gold,
                     &w.err, why);
        hs_node_free(&va);
        hs_node_free(&vb);
    }
    hs_buf_free(&a);
    hs_buf_free(&b);
    return rc;
}
