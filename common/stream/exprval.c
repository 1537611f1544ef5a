/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exprval.c - expressions evaluated, see expr.h.  Comparing unlike types is an
 * error, never false: an expression that cannot hold would silently choose
 * nothing.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"
#include "stream/exprnode.h"

double
hs_deal(enum hs_deal purpose, uint64_t seed, const char *problem)
{
    /* Hashing the seed first keeps neighbouring seeds and purposes apart. */
    uint64_t key[2] = {(uint64_t)purpose, seed};
    uint64_t h = XXH3_64bits_withSeed(problem, strlen(problem),
                                      XXH3_64bits(key, sizeof key));

    return (double)(h >> 11) * 0x1p-53;
}

static struct hs_expr_value
number(double x)
{
    return (struct hs_expr_value){.type = T_NUMBER, .num = x};
}

static struct hs_expr_value
boolean(bool x)
{
    return (struct hs_expr_value){.type = T_BOOL, .num = x};
}

static struct hs_expr_value
string(const char *s)
{
    return (struct hs_expr_value){.type = s ? T_STRING : T_NULL, .str = s};
}

/* Member a.b.c of an object; what is neither a scalar nor null has no value
 * to compare. */
static int
meta_value(const json_t *meta, const char *path, struct hs_expr_value *out,
           struct hs_error *err)
{
    const char *name = path;

    for (const char *at = strchr(path, '.'); at != NULL;) {
        const char *dot;
        char *key;

        name = at + 1;
        dot = strchr(name, '.');
        key = hs_strndup(name, dot ? (size_t)(dot - name) : strlen(name));
        meta = json_object_get(meta, key);
        free(key);
        at = dot;
    }
    if (meta == NULL || json_is_null(meta))
        *out = (struct hs_expr_value){T_NULL, 0, NULL};
    else if (json_is_string(meta))
        *out = string(json_string_value(meta));
    else if (json_is_number(meta))
        *out = number(json_number_value(meta));
    else if (json_is_boolean(meta))
        *out = boolean(json_is_true(meta));
    else
        return hs_fail(err, "%s is a list or an object", path);
    return 0;
}

static int
field_value(const struct hs_expr *x, const struct hs_trajectory *t,
            struct hs_expr_value *out, struct hs_error *err)
{
    const char *strings[N_FIELDS] = {
        [F_ID] = t->id,         [F_PROBLEM] = t->problem,
        [F_FINISH] = t->finish, [F_PROMPT] = t->prompt,
        [F_GOLD] = t->gold,     [F_COMPLETION] = t->completion,
        [F_PARSED] = t->parsed, [F_GRADER] = t->grader,
        [F_REASON] = t->reason, [F_ARM] = t->arm,
        [F_PART] = t->part};
    const double numbers[N_FIELDS] = {[F_SAMPLE] = (double)t->sample,
                                      [F_REWARD] = t->reward,
                                      [F_N_TOKENS] = (double)t->n_tokens,
                                      [F_N_PROMPT] = (double)t->n_prompt,
                                      [F_N_COMPLETION] =
                                          (double)(t->n_tokens - t->n_prompt),
                                      [F_N_STATES] = (double)t->n_states,
                                      [F_EDITS] = (double)t->edits};

    switch (x->field) {
    case F_META:
        return meta_value(t->meta, x->text, out, err);
    case F_SPLIT:
        *out = number(hs_deal(HS_DEAL_SPLIT, 0, t->problem ? t->problem : ""));
        break;
    case F_CORRECT:
        *out = boolean(t->reward == 1);
        break;
    case F_ID:
    case F_PROBLEM:
    case F_FINISH:
    case F_PROMPT:
    case F_GOLD:
    case F_COMPLETION:
    case F_PARSED:
    case F_GRADER:
    case F_REASON:
    case F_ARM:
    case F_PART:
        *out = string(strings[x->field]);
        break;
    default:
        *out = number(numbers[x->field]);
    }
    if ((x->field == F_REWARD || x->field == F_CORRECT) && t->reward < 0)
        out->type = T_NULL;
    return 0;
}

static int evaluate(const struct hs_expr *x, const struct hs_trajectory *t,
                    struct hs_expr_value *out, struct hs_error *err);

/* A condition: null counts as false. */
static int
truth(const struct hs_expr *x, const struct hs_trajectory *t,
      struct hs_error *err)
{
    struct hs_expr_value v;

    if (evaluate(x, t, &v, err) < 0)
        return -1;
    if (v.type == T_BOOL || v.type == T_NULL)
        return v.type == T_BOOL && v.num != 0;
    return hs_fail(err, "'%s' is a %s, not a condition",
                   x->text ? x->text : "value",
                   v.type == T_NUMBER ? "number" : "string");
}

/* Orders two values of like type: -1, 0 or 1 in *sign. */
static int
order(const struct hs_expr_value *a, const struct hs_expr_value *b, int *sign,
      struct hs_error *err)
{
    if (a->type == T_STRING && b->type == T_STRING) {
        int c = strcmp(a->str, b->str);

        *sign = (c > 0) - (c < 0);
        return 0;
    }
    if (a->type == T_STRING || b->type == T_STRING)
        return hs_fail(err, "compares the string '%.80s' with a number",
                       a->type == T_STRING ? a->str : b->str);
    *sign = (a->num > b->num) - (a->num < b->num);
    return 0;
}

static int
compare(enum hs_expr_op op, const struct hs_expr_value *a,
        const struct hs_expr_value *b, struct hs_expr_value *out,
        struct hs_error *err)
{
    bool both_null = a->type == T_NULL && b->type == T_NULL;
    int sign = 0;

    if (a->type == T_NULL || b->type == T_NULL) {
        *out = boolean(op == OP_EQ   ? both_null
                       : op == OP_NE ? !both_null
                                     : false);
        return 0;
    }
    if (order(a, b, &sign, err) < 0)
        return -1;
    *out = boolean(op == OP_EQ   ? sign == 0
                   : op == OP_NE ? sign != 0
                   : op == OP_LE ? sign <= 0
                   : op == OP_GE ? sign >= 0
                   : op == OP_LT ? sign < 0
                                 : sign > 0);
    return 0;
}

static int
match(const struct hs_expr *x, const struct hs_expr_value *a,
      struct hs_expr_value *out, struct hs_error *err)
{
    PCRE2_UCHAR reason[200];
    int rc;

    *out = boolean(false);
    if (a->type == T_NULL)
        return 0;
    if (a->type != T_STRING)
        return hs_fail(err, "=~ needs a string on its left");
    rc = pcre2_match(x->code, (PCRE2_SPTR)a->str, strlen(a->str), 0, 0,
                     x->match, NULL);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
        (void)pcre2_get_error_message(rc, reason, sizeof reason);
        return hs_fail(err, "pattern '%s': %s", x->right->text,
                       (const char *)reason);
    }
    out->num = rc >= 0;
    return 0;
}

static int
evaluate(const struct hs_expr *x, const struct hs_trajectory *t,
         struct hs_expr_value *out, struct hs_error *err)
{
    struct hs_expr_value a, b;
    int rc;

    switch (x->op) {
    case OP_CONST:
        *out = x->value;
        return 0;
    case OP_FIELD:
        return field_value(x, t, out, err);
    case OP_NOT:
    case OP_AND:
    case OP_OR:
        rc = truth(x->left, t, err);
        if (rc >= 0 && x->op != OP_NOT && rc == (x->op == OP_AND))
            rc = truth(x->right, t, err);
        *out = boolean(x->op == OP_NOT ? rc == 0 : rc > 0);
        return rc < 0 ? -1 : 0;
    default:
        if (evaluate(x->left, t, &a, err) < 0 ||
            evaluate(x->right, t, &b, err) < 0)
            return -1;
        return x->op == OP_MATCH ? match(x, &a, out, err)
                                 : compare(x->op, &a, &b, out, err);
    }
}

int
hs_expr_test(const struct hs_expr *x, const struct hs_trajectory *t,
             struct hs_error *err)
{
    int rc = truth(x, t, err);

    if (rc < 0)
        return hs_fail_prefix(err, "%s: expression", t->id ? t->id : "?");
    return rc;
}
