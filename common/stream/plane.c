/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plane.c - see plane.h.  The scalar functions define the result; on x86-64
 * with AVX-512 or F16C others give the same bits faster.
 */
#include <config.h>

#include "stream/plane.h"

#include <string.h>

#ifdef HS_X86
#include <immintrin.h>
#endif

static uint32_t
bits_of(float x)
{
    uint32_t u;

    memcpy(&u, &x, sizeof u);
    return u;
}

static float
float_of(uint32_t u)
{
    float x;

    memcpy(&x, &u, sizeof x);
    return x;
}

uint16_t
hs_f16_from_float(float x)
{
    uint32_t u = bits_of(x), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    uint32_t round;

    if (a >= 0x7f800000) /* infinity, NaN */
        return (uint16_t)(sign | 0x7c00 |
                          (a > 0x7f800000 ? 0x200 | (a >> 13 & 0x3ff) : 0));
    if (a >= 0x477ff000) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000) {
        /* subnormal: adding 0.5 leaves the rounded value in the low bits */
        uint32_t m = bits_of(float_of(a) + 0.5f) - bits_of(0.5f);

        return (uint16_t)(sign | m);
    }
    round = (a >> 13 & 1) + 0xfff;
    return (uint16_t)(sign | ((a + round - 0x38000000) >> 13));
}

float
hs_f16_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t m = (uint32_t)(h & 0x7fff) << 13;

    if ((h & 0x7c00) == 0x7c00)
        return float_of(sign | 0x7f800000 | (m & 0x007fffff));
    return float_of(sign | bits_of(float_of(m) * 0x1p112f));
}

uint16_t
hs_bf16_from_float(float x)
{
    uint32_t u = bits_of(x);

    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float
hs_bf16_to_float(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

/* Infinity, in the 15 bits below the sign, of the 16-bit types. */
static uint16_t
infinity16(enum hs_dtype d)
{
    return d == HS_F16 ? 0x7c00 : 0x7f80;
}

/* Converts n values; returns the largest 15 bits below the sign. */
static uint16_t
split_plain(enum hs_dtype d, const float *x, size_t n, uint8_t *high,
            uint8_t *low)
{
    uint16_t top = 0;

    for (size_t i = 0; i < n; i++) {
        uint16_t h =
            d == HS_F16 ? hs_f16_from_float(x[i]) : hs_bf16_from_float(x[i]);
        uint16_t a = h & 0x7fff;

        high[i] = (uint8_t)(h >> 8);
        low[i] = (uint8_t)h;
        top = a > top ? a : top;
    }
    return top;
}

static void
join_plain(enum hs_dtype d, const uint8_t *high, const uint8_t *low, size_t n,
           float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h = (uint16_t)(high[i] << 8 | low[i]);

        out[i] = d == HS_F16 ? hs_f16_to_float(h) : hs_bf16_to_float(h);
    }
}

#ifdef HS_X86
#define WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

static bool
is_wide(void)
{
    return __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static inline WIDE __m256i
to_half(enum hs_dtype d, __m512 x)
{
    __m512i u, odd, r;
    __mmask16 nan;

    if (d == HS_F16)
        return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
    u = _mm512_castps_si512(x);
    odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    r = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
    nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    r = _mm512_mask_or_epi32(r, nan, u, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(r, 16));
}

static WIDE uint16_t
split_wide(enum hs_dtype d, const float *x, size_t n, uint8_t *high,
           uint8_t *low)
{
    const __m512i mask = _mm512_set1_epi16(0x7fff);
    __m512i top = _mm512_setzero_si512();
    uint16_t tops[32], most;
    size_t i = 0;

    for (; i + 32 <= n; i += 32) {
        __m512i h = _mm512_inserti64x4(
            _mm512_castsi256_si512(to_half(d, _mm512_loadu_ps(x + i))),
            to_half(d, _mm512_loadu_ps(x + i + 16)), 1);

        top = _mm512_max_epu16(top, _mm512_and_si512(h, mask));
        _mm256_storeu_si256((__m256i *)(void *)(low + i),
                            _mm512_cvtepi16_epi8(h));
        _mm256_storeu_si256((__m256i *)(void *)(high + i),
                            _mm512_cvtepi16_epi8(_mm512_srli_epi16(h, 8)));
    }
    most = split_plain(d, x + i, n - i, high + i, low + i);
    _mm512_storeu_si512(tops, top);
    for (i = 0; i < 32; i++)
        most = tops[i] > most ? tops[i] : most;
    return most;
}

static WIDE void
join_wide(enum hs_dtype d, const uint8_t *high, const uint8_t *low, size_t n,
          float *out)
{
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        __m256i a = _mm256_cvtepu8_epi16(
            _mm_loadu_si128((const __m128i *)(const void *)(high + i)));
        __m256i b = _mm256_cvtepu8_epi16(
            _mm_loadu_si128((const __m128i *)(const void *)(low + i)));
        __m256i h = _mm256_or_si256(_mm256_slli_epi16(a, 8), b);
        __m512 f;

        if (d == HS_F16)
            f = _mm512_cvtph_ps(h);
        else
            f = _mm512_castsi512_ps(
                _mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
        _mm512_storeu_ps(out + i, f);
    }
    join_plain(d, high + i, low + i, n - i, out + i);
}
#endif

bool
hs_plane_is_fast(void)
{
#ifdef HS_X86
    return is_wide();
#else
    return false;
#endif
}

static uint16_t
split_row(enum hs_dtype d, const float *x, size_t n, uint8_t *high,
          uint8_t *low)
{
#ifdef HS_X86
    if (is_wide())
        return split_wide(d, x, n, high, low);
#endif
    return split_plain(d, x, n, high, low);
}

static bool
is_finite_row(const float *x, size_t n)
{
    uint32_t top = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t a = bits_of(x[i]) & 0x7fffffff;

        top = a > top ? a : top;
    }
    return top < 0x7f800000;
}

enum hs_fit
hs_plane_split(enum hs_dtype d, const float *x, size_t rows, size_t dim,
               size_t stride, uint8_t *out)
{
    enum hs_fit fit = HS_FIT_OK;

    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * stride;

        if (d == HS_F32) {
            if (!is_finite_row(row, dim))
                return HS_FIT_NOT_FINITE;
            memcpy(out + r * dim * 4, row, dim * 4);
        } else if (split_row(d, row, dim, out + r * dim,
                             out + (rows + r) * dim) >= infinity16(d)) {
            if (!is_finite_row(row, dim))
                return HS_FIT_NOT_FINITE;
            fit = HS_FIT_OVERFLOW;
        }
    }
    return fit;
}

void
hs_plane_join(enum hs_dtype d, const uint8_t *data, size_t n, float *out)
{
    if (d == HS_F32) {
        memcpy(out, data, n * sizeof *out);
        return;
    }
#ifdef HS_X86
    if (is_wide()) {
        join_wide(d, data, data + n, n, out);
        return;
    }
#endif
    join_plain(d, data, data + n, n, out);
}

/* Eight bytes, the rest zero when there are only n. */
static uint64_t
load8(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    if (n >= 8)
        memcpy(&v, p, 8);
    else
        memcpy(&v, p, n);
    return v;
}

/* Two words, which the compiler keeps in a vector register. */
typedef uint64_t words __attribute__((vector_size(16)));

static words
load_words(const uint8_t *p)
{
    words v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* 16-bit values are not finite when all bits of mask are set in the high byte
 * and, for bf16, the top bit in the low byte (low is NULL for f16).  The sum
 * carries into a byte's top bit unless its seven low bits are zero. */
static bool
is_finite16(const uint8_t *high, const uint8_t *low, size_t n, uint64_t mask)
{
    const uint64_t ones = 0x0101010101010101;
    words bad = {0};
    uint64_t rest = 0;
    size_t i = 0;

    if (low == NULL)
        for (; i + 16 <= n; i += 16)
            bad |= ~(((load_words(high + i) & mask) ^ mask) + 0x7f * ones);
    else
        for (; i + 16 <= n; i += 16)
            bad |= ~(((load_words(high + i) & mask) ^ mask) + 0x7f * ones) &
                   load_words(low + i);
    for (; i < n; i += 8) {
        uint64_t left = (load8(high + i, n - i) & mask) ^ mask;

        rest |= ~(left + 0x7f * ones) &
                (low != NULL ? load8(low + i, n - i) : 0x80 * ones);
    }
    rest |= bad[0] | bad[1];
    return (rest & 0x80 * ones) == 0;
}

bool
hs_plane_is_finite(enum hs_dtype d, const uint8_t *data, size_t n)
{
    const uint64_t ones = 0x0101010101010101;
    uint32_t bad = 0;

    if (d == HS_F16)
        return is_finite16(data, NULL, n, 0x7c * ones);
    if (d == HS_BF16)
        return is_finite16(data, data + n, n, 0x7f * ones);
    for (size_t i = 0; i < n; i++) {
        uint32_t u;

        memcpy(&u, data + 4 * i, 4);
        bad |= (u & 0x7f800000) + 0x00800000;
    }
    return (bad & 0x80000000) == 0;
}
