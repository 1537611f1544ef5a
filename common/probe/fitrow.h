/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fitrow.h - AdamW of one row of a panel, for fitkern.c and fitamx.c.
 */
#ifndef HS_FITROW_H
#define HS_FITROW_H

#include <math.h>
#ifdef __SSE__
#include <immintrin.h>
#endif

#include "model/lanes.h"
#include "probe/fitkern.h"

static inline vec
root(vec x)
{
#if defined __AVX512F__
    return (vec)_mm512_sqrt_ps((__m512)x);
#elif defined __AVX__
    return (vec)_mm256_sqrt_ps((__m256)x);
#elif defined __SSE__
    return (vec)_mm_sqrt_ps((__m128)x);
#else
    for (int i = 0; i < LANES; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

/* w, m, v (lanes) by gradients g * scale (lanes). */
static inline void
adamw_row(float *w, float *m, float *v, const float *g, const float *scale,
          const struct hs_fit_rate *rate)
{
    UNROLL
    for (size_t i = 0; i < HS_FIT_LANES; i += LANES) {
        vec gv = load(g + i) * load(scale + i), wv = load(w + i),
            mv = load(m + i), vv = load(v + i);

        mv += (gv - mv) * rate->take1;
        vv += (gv * gv - vv) * rate->take2;
        store(m + i, mv);
        store(v + i, vv);
        wv -= wv * rate->shrink +
              mv * rate->rate / (root(vv) * rate->grow2 + rate->eps);
        store(w + i, wv);
    }
}

#endif
