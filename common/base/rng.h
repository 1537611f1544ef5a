/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rng.h - random numbers that belong to a place, not to a moment.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011; the Random123 library).  A draw is a function of (seed,
 * stream, a, b), so it is the same in whatever order, batch, thread or shard
 * it is asked for.
 */
#ifndef HS_RNG_H
#define HS_RNG_H

#include <stdint.h>

/* Four independent 32-bit words for the place (stream, a, b). */
void hs_rng_words(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b,
                  uint32_t out[4]);

/* A uniform double in [0, 1) with 53 random bits. */
double hs_rng_uniform(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b);

/* A whole number in [0, n), n >= 1, without modulo bias worth speaking of
 * (64-bit multiply, bias below n / 2^64). */
uint64_t hs_rng_below(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b,
                      uint64_t n);

#endif
