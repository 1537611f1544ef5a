/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * latex.h - one spelling for what LaTeX spells in many ways.
 *
 * hs_latex_clean() takes away what only changes how an answer looks: $ signs,
 * \left and \right, thin spaces, \dfrac for \frac, \cdot for *, thousands
 * separators written ",\!" or "{,}".  It does not compute.
 */
#ifndef HS_LATEX_H
#define HS_LATEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/* What a degree sign becomes. */
#define HS_LATEX_DEGREE '\x01'

/* Appends the clean form of n bytes to out.  Words stay in \text{...}, which
 * all the commands for upright text become; the other commands that mean a
 * symbol stay as they are.  Linear, any bytes. */
void hs_latex_clean(const char *s, size_t n, struct hs_buf *out);

/* Length of the command name at s ("\frac" is 4), 0 when s does not start
 * with a backslash and a letter. */
size_t hs_latex_name(const char *s, size_t n);
/* True when s starts with the command \name. */
bool hs_latex_is(const char *s, size_t n, const char *name);

/* Length of the group at s including its braces, 0 when s does not start with
 * '{' or the braces do not balance.  \{ and \} do not count. */
size_t hs_latex_group(const char *s, size_t n);

/* Moves *s and *n over white space at both ends. */
void hs_latex_trim(const char **s, size_t *n);

/* Equality of two clean texts but for spaces that mean nothing. */
bool hs_latex_same(const char *a, size_t na, const char *b, size_t nb);

/* Finds the last \boxed{...}, \fbox{...} or "\boxed x" in s.  Returns 1 and
 * the inside, 0 when there is none, -1 when its braces do not balance. */
int hs_latex_boxed(const char *s, size_t n, const char **inside, size_t *len);

#endif
