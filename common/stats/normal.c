/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * normal.c - see normal.h.
 */
#include <config.h>

#include "stats/normal.h"

#include <gsl/gsl_cdf.h>

#include "base/rng.h"

static double
normal_of(uint32_t word)
{
    return gsl_cdf_ugaussian_Pinv((word + 0.5) * 0x1p-32);
}

double
hs_normal(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b)
{
    uint32_t w[4];

    hs_rng_words(seed, stream, a, b, w);
    return normal_of(w[0]);
}

void
hs_normal_fill(uint64_t seed, uint64_t stream, uint32_t a, double *x, size_t n)
{
    for (size_t i = 0; i < n; i += 4) {
        uint32_t w[4];

        hs_rng_words(seed, stream, a, (uint32_t)(i / 4), w);
        for (size_t k = 0; k < 4 && i + k < n; k++)
            x[i + k] = normal_of(w[k]);
    }
}
