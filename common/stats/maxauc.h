/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * maxauc.h - the AUC of each coordinate alone, with one threshold for all.
 *
 * Whether any of d coordinates predicts the reward better than chance, with the
 * chance of a single false alarm held at alpha: rewards are permuted over
 * problems, the largest |AUC - 1/2| over coordinates is noted each time
 * (Westfall and Young 1993, max-T).
 */
#ifndef HS_MAXAUC_H
#define HS_MAXAUC_H

#include <stddef.h>
#include <stdint.h>

struct hs_maxauc {
    double *auc; /* (d), owned */
    double *p;   /* (d), owned: adjusted for all d (single-step), (1 + draws
                  * with max >= |AUC_j - 1/2|) / (1 + n_draws) */
    double threshold; /* |AUC - 1/2| beyond this has p <= alpha; infinite when
                       * n_draws are too few for any p to be, below 0 when alpha
                       * is 1 */
};

/* x (n, d) floats at stride; label (n); group (n) is the problem of each row,
 * below n_groups: all rewards of a problem move together, between problems of
 * the same number of rows.  Returns with NaN everywhere when there is one class
 * only, and with NaN for a coordinate that has a NaN.  Sums of ranks are exact,
 * so that a draw as large as what was observed counts as such.  About
 * 2 n d n_draws operations on one thread, 64 MiB and n * n_draws bytes.  Draw b
 * permutes by hs_rng_below(seed, HS_RNG_PERMUTE, b, ...). */
void hs_maxauc(const float *x, size_t stride, const uint8_t *label,
               const uint32_t *group, size_t n, size_t d, size_t n_groups,
               size_t n_draws, uint64_t seed, double alpha,
               struct hs_maxauc *out);
void hs_maxauc_free(struct hs_maxauc *m);

#endif
