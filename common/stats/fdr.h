/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fdr.h - many tests, and the share of false ones among what they find.
 */
#ifndef HS_FDR_H
#define HS_FDR_H

#include <stddef.h>

/* Adjusted p of Benjamini and Hochberg (1995), step-up, as SciPy's
 * false_discovery_control(method="bh"): what is found at q has an adjusted p of
 * at most q.  p (n) into out (n), which may be p; an entry that is NaN stays
 * NaN and does not count. */
void hs_fdr(const double *p, size_t n, double *out);

/* Permutations that it takes for a single one of d to be found at q when it is
 * beyond all of them: p = 1 / (1 + draws) <= q / d, so that hs_fdr() has it.
 * SIZE_MAX if no number of draws will do: q is not above 0. */
size_t hs_fdr_draws(size_t d, double q);

#endif
