/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * answer.h - whether two mathematical answers are the same.
 *
 * An answer is read as a number or expression, a word, a tuple or interval, a
 * list or set, a union, a matrix, an equation or a number with its base, and
 * its parts are compared by value (mathexpr.h).
 */
#ifndef HS_ANSWER_H
#define HS_ANSWER_H

#include <stddef.h>

#include "base/mem.h"

/* Compares two answers in LaTeX.  Returns 1 equal, 0 different, -1 not to be
 * told, and appends the reason to why. */
int hs_answer_compare(const char *given, size_t n_given, const char *gold,
                      size_t n_gold, struct hs_buf *why);

#endif
