/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * literal.h - numbers as people write them in answers.
 *
 * "1,234.5", ".5", "4.5e33", "0.1\\overline{6}", "1\\frac{4}{5}", "1 4/5".
 * Only mathexpr.c uses this.
 */
#ifndef HS_LITERAL_H
#define HS_LITERAL_H

#include "base/error.h"
#include "task/exact.h"

/* The longest text these functions take, in bytes. */
#define HS_LITERAL_MAX 4096

/* Reads the number at *p, with its exponent, repeating digits and the rest of
 * a mixed number, and moves *p behind it.  Returns 0, or -1 with a reason. */
HS_MUST_CHECK int hs_literal_read(const char **p, const char *end,
                                  struct hs_value *v, struct hs_error *err);

/* Reads digits with commas and a point alone. */
HS_MUST_CHECK int hs_literal_digits(const char **p, const char *end,
                                    struct hs_value *v, struct hs_error *err);

#endif
