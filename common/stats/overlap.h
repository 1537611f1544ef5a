/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * overlap.h - how far two sets of coordinates agree, against chance.
 *
 * Two sets of ka and kb of d coordinates share X of them; if they are drawn at
 * random, X is hypergeometric.  IoU = X / (ka + kb - X).
 */
#ifndef HS_OVERLAP_H
#define HS_OVERLAP_H

#include <stddef.h>
#include <stdint.h>

struct hs_overlap {
    size_t shared;
    double iou;
    double expected; /* exact mean of the IoU under chance, by enumeration */
    double lo, hi;   /* the shortest central interval under chance that holds
                      * at least level: quantiles (1 - level) / 2 and
                      * (1 + level) / 2 of the IoU */
    double p;        /* P(X >= shared): upper tail */
};

/* ka, kb in 1 .. d, shared at most both. */
void hs_overlap(size_t d, size_t ka, size_t kb, size_t shared, double level,
                struct hs_overlap *out);

/* How many coordinates two lists of distinct numbers below d share. */
size_t hs_count_shared(const uint32_t *a, size_t ka, const uint32_t *b,
                       size_t kb, size_t d);

/* P(X >= x) of the hypergeometric distribution: kb drawn of d, ka marked. */
double hs_hypergeom_tail(size_t d, size_t ka, size_t kb, size_t x);

#endif
