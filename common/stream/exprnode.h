/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exprnode.h - the tree of an expression: expr.c makes it, exprval.c walks it.
 */
#ifndef HS_EXPRNODE_H
#define HS_EXPRNODE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "stream/expr.h"

enum hs_expr_type {
    T_NULL,
    T_BOOL,
    T_NUMBER,
    T_STRING
};

struct hs_expr_value {
    enum hs_expr_type type;
    double num;      /* of T_BOOL and T_NUMBER */
    const char *str; /* borrowed, of T_STRING */
};

enum hs_expr_op {
    OP_CONST,
    OP_FIELD,
    OP_NOT,
    OP_AND,
    OP_OR,
    OP_EQ,
    OP_NE,
    OP_LE,
    OP_GE,
    OP_LT,
    OP_GT,
    OP_MATCH
};

enum hs_expr_field {
    F_ID,
    F_PROBLEM,
    F_SAMPLE,
    F_REWARD,
    F_CORRECT,
    F_FINISH,
    F_N_TOKENS,
    F_N_PROMPT,
    F_N_COMPLETION,
    F_N_STATES,
    F_PROMPT,
    F_COMPLETION,
    F_GOLD,
    F_PARSED,
    F_GRADER,
    F_REASON,
    F_EDITS,
    F_SPLIT,
    F_ARM,
    F_PART,
    F_META,
    N_FIELDS
};

struct hs_expr {
    enum hs_expr_op op;
    enum hs_expr_field field;
    struct hs_expr_value value;
    char *text; /* owned: a string, a field's name, a pattern */
    pcre2_code *code;
    pcre2_match_data *match;
    struct hs_expr *left, *right; /* owned */
};

#endif
