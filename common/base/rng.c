/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rng.c - see rng.h.
 */
#include <config.h>

#include "base/rng.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wundef"
#include <Random123/philox.h>
#pragma GCC diagnostic pop

void
hs_rng_words(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b,
             uint32_t out[4])
{
    philox4x32_ctr_t c = {{(uint32_t)stream, (uint32_t)(stream >> 32), a, b}};
    philox4x32_key_t k = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t r = philox4x32(c, k);

    for (int i = 0; i < 4; i++)
        out[i] = r.v[i];
}

static uint64_t
word64(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b)
{
    uint32_t w[4];

    hs_rng_words(seed, stream, a, b, w);
    return (uint64_t)w[1] << 32 | w[0];
}

double
hs_rng_uniform(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b)
{
    return (double)(word64(seed, stream, a, b) >> 11) * 0x1p-53;
}

uint64_t
hs_rng_below(uint64_t seed, uint64_t stream, uint32_t a, uint32_t b, uint64_t n)
{
    unsigned __int128 p = (unsigned __int128)word64(seed, stream, a, b) * n;

    return (uint64_t)(p >> 64);
}
