/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * drawsum.h - how many draws reach what was observed, for many columns.
 *
 * A draw weighs groups (1 or 0, 1 or -1), its figure for a column is the
 * weighted sum of the groups' scores: all of them are one matrix product, done
 * by OpenBLAS on one thread.  Not for callers outside of this folder.
 */
#ifndef HS_DRAWSUM_H
#define HS_DRAWSUM_H

#include <stddef.h>

#include "base/error.h"

enum {
    HS_DRAWSUM_ROWS = 256 /* draws at a time */
};

struct hs_drawsum {
    const double *score; /* (m, d), the caller's: groups' scores */
    const double *limit; /* (d), the caller's: what |figure| is held against */
    size_t m, d;
    size_t *reached; /* (d), owned: draws so far at or above limit */
    double *product; /* (draws, part of columns), owned */
};

/* Returns 0, or -1 where m or d is beyond what BLAS counts in. */
HS_MUST_CHECK int hs_drawsum_init(struct hs_drawsum *s, const double *score,
                                  const double *limit, size_t m, size_t d,
                                  struct hs_error *err);
void hs_drawsum_free(struct hs_drawsum *s);

/* Counts the draws weight (n, m), n at most HS_DRAWSUM_ROWS; the figures of
 * draw i are multiplied by factor[i].  A limit that is NaN is not reached. */
void hs_drawsum_add(struct hs_drawsum *s, const double *weight,
                    const double *factor, size_t n);

/* What an observed figure of that size makes of a limit: rounding, to 1e-7 of
 * itself and 1e-12 of unit, the size of what was added up, does not make a draw
 * that equals it a smaller one. */
double hs_drawsum_limit(double figure, double unit);

#endif
