/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * eachkern.h - what tests of inner loops share.  Include after cmocka.h.
 */
#ifndef EACHKERN_H
#define EACHKERN_H

#include <stddef.h>
#include <stdint.h>

/* Fails unless |got - want| <= tolerance; NaN passes no comparison. */
void check_near(double got, double want, double tolerance);

/* n values of either sign, most near 1, some far smaller, on a boundary of 64
 * bytes, to be released with free(). */
float *random_floats(uint64_t seed, size_t n);

/* The value of a 16-bit pattern, by the definition of its type. */
double pattern_value(uint32_t h, int exponent_bits);

/* Runs the tests once for each table of loops that this processor has.
 * Returns how many failed. */
int run_on_each(const struct CMUnitTest *each, size_t n_each);

#endif
