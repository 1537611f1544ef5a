/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * expr.h - expressions that choose trajectories, such as
 * reward==1 && meta.task=="chain".
 *
 * hs-cat(1) describes the language.  Also the hashes that deal out problems:
 * all samples of a problem have the same.
 */
#ifndef HS_EXPR_H
#define HS_EXPR_H

#include <stdint.h>

#include "base/error.h"
#include "stream/record.h"

struct hs_expr;

/* Reads an expression.  Returns NULL with the column and the reason. */
HS_MUST_CHECK struct hs_expr *hs_expr_new(const char *text,
                                          struct hs_error *err);
void hs_expr_free(struct hs_expr *x);

/* Returns 1 when t is chosen, 0 when it is not, and -1 when the expression
 * compares unlike things in it, which err names. */
HS_MUST_CHECK int hs_expr_test(const struct hs_expr *x,
                               const struct hs_trajectory *t,
                               struct hs_error *err);

/* What a hash is for: hashes of different purposes are independent. */
enum hs_deal {
    HS_DEAL_SPLIT, /* the field "split" */
    HS_DEAL_PART,  /* hs-cat --split */
    HS_DEAL_SAMPLE /* hs-cat --sample */
};

/* A number in [0, 1) with 53 bits, from a problem's id and nothing else. */
double hs_deal(enum hs_deal purpose, uint64_t seed, const char *problem);

#endif
