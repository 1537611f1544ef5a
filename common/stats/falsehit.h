/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * falsehit.h - how often two shares of few trials differ by chance alone.
 */
#ifndef HS_FALSEHIT_H
#define HS_FALSEHIT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether |delta| > threshold, where delta is a difference of shares, so that
 * 0.6 - 0.3 is not beyond 0.3: a miss of 1e-9 is rounding.  NaN is not. */
bool hs_beyond(double delta, double threshold);

/* P(|X / k1 - Y / k2| > threshold) as hs_beyond() has it, when X ~ Bin(k1, p)
 * and Y ~ Bin(k2, p) are independent: by enumeration, time O(k1 + k2), good to
 * 1e-12 of itself.  NaN if k1 or k2 is 0 or p is no probability. */
double hs_false_hits(uint32_t k1, uint32_t k2, double p, double threshold);

/* The same with p from the data: (s1 + s2) / (k1 + k2) of s1 successes in k1
 * and s2 in k2.  NaN likewise, and if there are more successes than trials.
 * An estimate: with no or only successes it is 0. */
double hs_false_hits_at(uint32_t s1, uint32_t k1, uint32_t s2, uint32_t k2,
                        double threshold);

#endif
