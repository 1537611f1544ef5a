/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * grade.h - right, wrong, or not for this rule to say.
 *
 *   gsm8k, gsm8k-strict  what follows the first "#### " of the completion
 *   gsm8k-flexible       the last number of the completion
 *   boxed                the last \boxed{...} or \fbox{...}
 *   choice               the letter the completion settles on
 *   exact                the whole completion, trimmed
 *   regex:PATTERN        the last match (PCRE2): its group 1, or all of it
 *   none                 nothing; every verdict is undecided
 *
 * Answers of gsm8k* compare by value when the gold is a number, else as text.
 * Answers of boxed compare by value: numbers, fractions, radicals, tuples,
 * intervals, sets, matrices and simple expressions of LaTeX (latex.h).  What
 * can not be settled is undecided (-1), counted apart and never guessed.
 */
#ifndef HS_GRADE_H
#define HS_GRADE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct hs_verdict {
    int reward;   /* 1 right, 0 wrong, -1 undecided */
    char *parsed; /* owned; the answer that was found, NULL when none was */
    char *reason; /* owned; one line, never NULL after hs_grade() */
};

struct hs_grader;

/* Makes the grader that spec names.  Returns NULL with the reason when the
 * name is unknown or the pattern is not one. */
HS_MUST_CHECK struct hs_grader *hs_grader_new(const char *spec,
                                              struct hs_error *err);
/* Takes NULL. */
void hs_grader_free(struct hs_grader *g);

/* The name as it goes into streams: spec, with gsm8k-strict for gsm8k.
 * Borrowed from g. */
const char *hs_grader_name(const struct hs_grader *g);

/* Makes run, that of a head which names its grader, that of a stream graded
 * again by g: rollouts that another grader judged are gone, as none stays. */
void hs_grade_run(json_t *run, const struct hs_grader *g);

/* Grades len bytes of completion against gold, into *v, which must be {0} or
 * hold an earlier verdict.  gold may be NULL (undecided, "no gold answer").
 * truncated says that the completion was cut by a length limit; it is graded
 * all the same and the reason says so.  meta is the problem's other fields,
 * may be NULL; choice reads "choices" from it.  Time is linear in len, memory
 * bounded, for any bytes. */
void hs_grade(const struct hs_grader *g, const char *completion, size_t len,
              bool truncated, const char *gold, const json_t *meta,
              struct hs_verdict *v);

/* Releases what v owns and makes it {0}. */
void hs_verdict_free(struct hs_verdict *v);

#endif
