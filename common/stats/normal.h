/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * normal.h - standard normal random numbers that belong to a place (rng.h): the
 * inverse of the distribution at 32 random bits, so within 6.3 of 0.
 */
#ifndef HS_NORMAL_H
#define HS_NORMAL_H

#include <stddef.h>
#include <stdint.h>

double hs_normal(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b);

/* x (n), four numbers to a place: (stream, a, 0), (stream, a, 1)... */
void hs_normal_fill(uint64_t seed, uint64_t stream, uint32_t a, double *x,
                    size_t n);

#endif
