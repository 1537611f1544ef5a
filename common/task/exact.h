/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exact.h - numbers that know how well they are known.
 *
 * A value is an exact rational n/d * 10^k as long as 126 bits hold it, and
 * always a long double complex with a bound on its error.  Comparison says
 * equal, different or unknown, so a grader never has to guess.
 */
#ifndef HS_EXACT_H
#define HS_EXACT_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct hs_value {
    bool exact;            /* the value is n / d * 10^k */
    bool rounded;          /* rational, but too long to be exact */
    __int128 n, d;         /* d > 0, no common factor, n not a multiple of 10 */
    int k;                 /* |k| <= 4000 */
    long double complex z; /* the value, finite */
    long double err;       /* at least |z - value| */
};

struct hs_value hs_value_int(long n);
/* An irrational or complex value, known to a few units in the last place. */
struct hs_value hs_value_approx(long double complex z);

/* Reads n digits with at most one point; the last repeat digits repeat for
 * ever ("0.1" with 1 is 1/9).  exp10 is added to the exponent.  Returns 0, or
 * -1 when that is no number or out of range. */
HS_MUST_CHECK int hs_value_digits(const char *s, size_t n, size_t repeat,
                                  int exp10, struct hs_value *out);

/* r = a OP b.  Each returns 0, or -1 when the result is not defined, not
 * finite or too large; r may be a or b. */
HS_MUST_CHECK int hs_value_add(struct hs_value *r, struct hs_value a,
                               struct hs_value b);
HS_MUST_CHECK int hs_value_mul(struct hs_value *r, struct hs_value a,
                               struct hs_value b);
HS_MUST_CHECK int hs_value_div(struct hs_value *r, struct hs_value a,
                               struct hs_value b);
/* Principal value; fails for the fractional power of a negative number,
 * where authors mean different things (square roots excepted). */
HS_MUST_CHECK int hs_value_pow(struct hs_value *r, struct hs_value a,
                               struct hs_value b);
/* The q-th root, 2 <= q <= 64; of negative numbers for odd q the real one. */
HS_MUST_CHECK int hs_value_root(struct hs_value *r, struct hs_value a, long q);
/* A function of one real variable by its LaTeX name ("sin"); ln and log are
 * natural. */
HS_MUST_CHECK int hs_value_call(struct hs_value *r, const char *name,
                                struct hs_value a);
/* n! for a whole n up to 1000. */
HS_MUST_CHECK int hs_value_factorial(struct hs_value *r, struct hs_value a);
struct hs_value hs_value_neg(struct hs_value a);

/* True and *out set when v is exactly a whole number of at most max. */
bool hs_value_whole(const struct hs_value *v, long max, long *out);
/* True when v is known to be real. */
bool hs_value_real(const struct hs_value *v);

/* 1 equal, 0 different, -1 not to be told with this precision. */
int hs_value_compare(const struct hs_value *a, const struct hs_value *b);

/* Rewrites a plain decimal ("+01,234.50") in a form that is equal for equal
 * numbers ("1234.5").  Commas are dropped wherever they stand, as graders of
 * GSM8K do, and so are $ signs and trailing points.  Appends to out; returns
 * 0, or -1 and out unchanged when it is not a plain decimal.  Linear, any
 * length. */
HS_MUST_CHECK int hs_decimal(const char *s, size_t n, struct hs_buf *out);

#endif
