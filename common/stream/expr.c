/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * expr.c - see expr.h.  A recursive descent parser makes a tree.
 */
#include <config.h>

#include "stream/expr.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/exprnode.h"

enum {
    MAX_DEPTH = 100
};

static const char *const field_names[N_FIELDS] = {
    "id",       "problem",  "sample",       "reward",   "correct", "finish",
    "n_tokens", "n_prompt", "n_completion", "n_states", "prompt",  "completion",
    "gold",     "parsed",   "grader",       "reason",   "edits",   "split",
    "arm",      "part",     "meta"};

struct parser {
    const char *start, *p;
    int depth;
    struct hs_error *err;
};

static struct hs_expr *parse_or(struct parser *ps);

static struct hs_expr *
fail(const struct parser *ps, const char *what)
{
    hs_fail(ps->err, "expression: column %zu: %s",
            (size_t)(ps->p - ps->start) + 1, what);
    return NULL;
}

void
hs_expr_free(struct hs_expr *x)
{
    if (x == NULL)
        return;
    hs_expr_free(x->left);
    hs_expr_free(x->right);
    pcre2_match_data_free(x->match);
    pcre2_code_free(x->code);
    free(x->text);
    free(x);
}

static struct hs_expr *
node(enum hs_expr_op op, struct hs_expr *left, struct hs_expr *right)
{
    struct hs_expr *x = hs_calloc(1, sizeof *x);

    x->op = op;
    x->left = left;
    x->right = right;
    return x;
}

static void
skip_space(struct parser *ps)
{
    while (isspace((unsigned char)*ps->p))
        ps->p++;
}

/* Whether text comes next; then it is taken. */
static bool
take(struct parser *ps, const char *text)
{
    skip_space(ps);
    if (strncmp(ps->p, text, strlen(text)) != 0)
        return false;
    ps->p += strlen(text);
    return true;
}

static struct hs_expr *
parse_string(struct parser *ps)
{
    char quote = *ps->p++;
    struct hs_buf b = {0};
    struct hs_expr *x;

    for (; *ps->p != quote; ps->p++) {
        char c = *ps->p;

        if (c == '\0') {
            hs_buf_free(&b);
            return fail(ps, "the string does not end");
        }
        if (c == '\\' && ps->p[1] != '\0' &&
            (ps->p[1] == quote || strchr("\\nt", ps->p[1]) != NULL)) {
            ps->p++;
            c = *ps->p == 'n' ? '\n' : *ps->p == 't' ? '\t' : *ps->p;
        }
        hs_buf_add(&b, &c, 1);
    }
    ps->p++;
    x = node(OP_CONST, NULL, NULL);
    x->text = hs_buf_cstr(&b);
    x->value = (struct hs_expr_value){.type = T_STRING, .str = x->text};
    return x;
}

static struct hs_expr *
parse_number(struct parser *ps)
{
    struct hs_expr *x;
    char *end;
    double v;

    errno = 0;
    v = strtod(ps->p, &end);
    if (end == ps->p || !isfinite(v) || isalnum((unsigned char)*end))
        return fail(ps, "not a number");
    ps->p = end;
    x = node(OP_CONST, NULL, NULL);
    x->value = (struct hs_expr_value){.type = T_NUMBER, .num = v};
    return x;
}

/* null, true, false; NULL and no error for anything else. */
static struct hs_expr *
constant_word(const char *word)
{
    static const char *const words[] = {"false", "true", "null"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(word, words[i]) == 0) {
            struct hs_expr *x = node(OP_CONST, NULL, NULL);

            x->value.type = i == 2 ? T_NULL : T_BOOL;
            x->value.num = i == 1;
            return x;
        }
    }
    return NULL;
}

static struct hs_expr *
parse_word(struct parser *ps)
{
    const char *from = ps->p;
    struct hs_expr *x;
    size_t n;
    char *word;

    while (isalnum((unsigned char)*ps->p) || *ps->p == '_' || *ps->p == '.' ||
           (unsigned char)*ps->p >= 0x80)
        ps->p++;
    word = hs_strndup(from, (size_t)(ps->p - from));
    x = constant_word(word);
    if (x != NULL) {
        free(word);
        return x;
    }
    n = strcspn(word, ".");
    for (int f = 0; f < N_FIELDS; f++) {
        bool dots = word[n] == '.' && word[n + 1] != '\0';

        if (strlen(field_names[f]) == n &&
            strncmp(word, field_names[f], n) == 0 &&
            (f == F_META ? dots : word[n] == '\0')) {
            x = node(OP_FIELD, NULL, NULL);
            x->field = (enum hs_expr_field)f;
            x->text = word;
            return x;
        }
    }
    ps->p = from;
    hs_fail(ps->err, "expression: column %zu: no field '%s'",
            (size_t)(from - ps->start) + 1, word);
    free(word);
    return NULL;
}

static struct hs_expr *
parse_primary(struct parser *ps)
{
    struct hs_expr *x;

    if (take(ps, "(")) {
        x = parse_or(ps);
        if (x != NULL && !take(ps, ")")) {
            hs_expr_free(x);
            return fail(ps, "expected ')'");
        }
        return x;
    }
    skip_space(ps);
    if (*ps->p == '"' || *ps->p == '\'')
        return parse_string(ps);
    if (isdigit((unsigned char)*ps->p) ||
        (*ps->p != '\0' && strchr("+-.", *ps->p)))
        return parse_number(ps);
    if (isalpha((unsigned char)*ps->p))
        return parse_word(ps);
    return fail(ps, *ps->p == '\0' ? "ends where a value is expected"
                                   : "expected a field or a value");
}

/* Compiles the pattern on the right of =~. */
static struct hs_expr *
make_match(struct parser *ps, struct hs_expr *left, struct hs_expr *right)
{
    struct hs_expr *x = node(OP_MATCH, left, right);
    PCRE2_UCHAR reason[200];
    PCRE2_SIZE at;
    int code;

    if (right->op != OP_CONST || right->value.type != T_STRING) {
        hs_expr_free(x);
        return fail(ps, "=~ takes a string");
    }
    x->code = pcre2_compile((PCRE2_SPTR)right->text, PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF, &code, &at, NULL);
    if (x->code == NULL) {
        (void)pcre2_get_error_message(code, reason, sizeof reason);
        hs_fail(ps->err, "expression: pattern '%s': character %zu: %s",
                right->text, (size_t)at + 1, (const char *)reason);
        hs_expr_free(x);
        return NULL;
    }
    x->match = pcre2_match_data_create_from_pattern(x->code, NULL);
    return x;
}

static struct hs_expr *
parse_comparison(struct parser *ps)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">", "=~"};
    struct hs_expr *left = parse_primary(ps), *right;

    if (left == NULL)
        return NULL;
    for (int i = 0; i < 7; i++) {
        if (!take(ps, signs[i]))
            continue;
        right = parse_primary(ps);
        if (right == NULL) {
            hs_expr_free(left);
            return NULL;
        }
        if (OP_EQ + i == OP_MATCH)
            return make_match(ps, left, right);
        return node((enum hs_expr_op)(OP_EQ + i), left, right);
    }
    return left;
}

static struct hs_expr *
parse_not(struct parser *ps)
{
    struct hs_expr *x;

    skip_space(ps);
    if (ps->depth >= MAX_DEPTH)
        return fail(ps, "nested too deeply");
    ps->depth++;
    if (*ps->p == '!' && ps->p[1] != '=') {
        ps->p++;
        x = parse_not(ps);
        x = x ? node(OP_NOT, x, NULL) : NULL;
    } else {
        x = parse_comparison(ps);
    }
    ps->depth--;
    return x;
}

/* Terms joined by one operator; next parses a term. */
static struct hs_expr *
parse_chain(struct parser *ps, enum hs_expr_op op, const char *sign,
            struct hs_expr *(*next)(struct parser *))
{
    struct hs_expr *left = next(ps);

    while (left != NULL && take(ps, sign)) {
        struct hs_expr *right = next(ps);

        if (right == NULL) {
            hs_expr_free(left);
            return NULL;
        }
        left = node(op, left, right);
    }
    return left;
}

static struct hs_expr *
parse_and(struct parser *ps)
{
    return parse_chain(ps, OP_AND, "&&", parse_not);
}

static struct hs_expr *
parse_or(struct parser *ps)
{
    return parse_chain(ps, OP_OR, "||", parse_and);
}

struct hs_expr *
hs_expr_new(const char *text, struct hs_error *err)
{
    struct parser ps = {.start = text, .p = text, .err = err};
    struct hs_expr *x;

    /* Long chains are left-deep trees, walked by recursion. */
    if (strlen(text) > 65536) {
        hs_fail(err, "expression: longer than 65536 bytes");
        return NULL;
    }
    x = parse_or(&ps);
    skip_space(&ps);
    if (x != NULL && *ps.p != '\0') {
        hs_expr_free(x);
        return fail(&ps, "expected an operator or the end");
    }
    /* No node points to ps. */
    /* cppcheck-suppress returnDanglingLifetime */
    return x;
}
