/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scalar.h - numbers and expressions with their units, compared by value.
 */
#ifndef HS_SCALAR_H
#define HS_SCALAR_H

#include <stddef.h>

#include "base/error.h"

/* Compares two scalars of clean LaTeX.  Percent and degree signs, currency
 * and units that only one of them has are left out of account.  Returns 1
 * equal, 0 different, or -1 with what stands in the way in err. */
int hs_scalar_compare(const char *a, size_t na, const char *b, size_t nb,
                      struct hs_error *err);

/* 1 when s is a number without variables, else 0. */
int hs_scalar_is_number(const char *s, size_t n);

/* Compares the equations a = b and c = d: 1 when one is a multiple of the
 * other, else -1. */
int hs_scalar_proportional(const char *const side[4], const size_t len[4],
                           struct hs_error *err);

#endif
