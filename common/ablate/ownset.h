/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ownset.h - the unedited model's answers to the first problems of an input,
 * to be replayed under edits.
 */
#ifndef HS_OWNSET_H
#define HS_OWNSET_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/record.h"
#include "task/problem.h"

struct hs_own {
    uint32_t *tokens; /* (n_tokens) of the completion, owned; NULL: not seen */
    size_t n_tokens;
};

struct hs_ownset {
    struct hs_own *v; /* (n), in the order of the input */
    size_t n, cap;
    json_t *index; /* problem id to its number */
};

/* Reads at most n problems and notes their ids.  Returns 0 or -1. */
HS_MUST_CHECK int hs_ownset_read(struct hs_ownset *s,
                                 struct hs_problem_reader *r, uint64_t n,
                                 struct hs_error *err);

/* Keeps the completion of the first sample of a problem of the set. */
void hs_ownset_see(struct hs_ownset *s, const struct hs_trajectory *t);

/* NULL if the problem is not in the set. */
const struct hs_own *hs_ownset_find(const struct hs_ownset *s,
                                    const char *problem);

void hs_ownset_free(struct hs_ownset *s);

#endif
