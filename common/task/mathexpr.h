/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mathexpr.h - the value of an expression written in clean LaTeX (latex.h).
 *
 * Numbers, + - * /, \frac, powers, \sqrt, factorials, \binom, absolute values,
 * the usual functions, \pi, e, i, degrees, mixed numbers, and variables, which
 * take a fixed pseudo-random rational value at each of HS_MATH_POINTS points.
 * What mathematicians read in two ways (1/2x, x2, (-8)^{1/3}) is refused.
 */
#ifndef HS_MATHEXPR_H
#define HS_MATHEXPR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "task/exact.h"

/* Points from 0 to HS_MATH_POSITIVE - 1 have positive values only. */
#define HS_MATH_POINTS   8
#define HS_MATH_POSITIVE 4

#define HS_MATH_NAMES 8 /* the most variables of an expression */

#define HS_MATH_HAS_VARIABLE 1u
#define HS_MATH_HAS_LOG      2u /* \log without a base */

/* What an expression has in it. */
struct hs_math_info {
    unsigned flags;
    uint64_t names[HS_MATH_NAMES]; /* hashes of the variables' names, in */
    size_t n_names;                /* ascending order */
};

/* Evaluates n bytes at a point.  *info gains what the text has.  Returns 0,
 * or -1 with a short reason that names no place.  The work is bounded: texts
 * deeper than 64 or longer than 4096 bytes are refused. */
HS_MUST_CHECK int hs_math_eval(const char *s, size_t n, unsigned point,
                               struct hs_value *out, struct hs_math_info *info,
                               struct hs_error *err);

#endif
