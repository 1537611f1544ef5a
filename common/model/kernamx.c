/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kernamx.c - f32 products on the bf16 tiles of AMX; see struct hs_tiles.
 *
 * A float is the sum of three bf16 numbers exactly (8 + 8 + 8 bits of its 24),
 * so that x . w with bf16 weights is three tile products whose terms are exact
 * and are summed in f32: as good as an f32 sum, at three times the price of a
 * bf16 one, on a unit that is many times faster than the vector unit (Henry,
 * Tang and Heinecke 2019).  f16 weights are two bf16 numbers, f32 weights
 * three; products of parts below 2^-24 of the whole are left out.
 *
 * Weights are the left operand, straight from the file: a tile is 16 outputs
 * of 32 inputs.  Activations are the right one: pairs of inputs by 16 rows.
 * The sums of a row see no other row.  The unit takes subnormals as zero.
 */
#include <config.h>

#include "model/kern.h"

#include <string.h>

#include "model/amx.h"

enum {
    STEP = 32,           /* inputs of one tile */
    GROUP = HS_GROUP,    /* rows of one tile, and outputs of one */
    TILE = GROUP * STEP, /* bf16 values of one tile */
    PARTS = HS_PARTS,
    PAIRS_COPY = 3, /* groups of rows that make copying weights worth it */
    OUTS = HS_OUT_BLOCK
};

/* Rows p, p + 4 * stride, ... of 4 floats, one to a quarter of a register. */
static inline __m512
quarters(const float *p, size_t stride)
{
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(p));

    v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_loadu_ps(p + 4 * stride));
    v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_loadu_ps(p + 8 * stride));
    return _mm512_mask_broadcast_f32x4(v, 0xf000,
                                       _mm_loadu_ps(p + 12 * stride));
}

/* to[0..3] = columns c .. c+3 of a (16, 16). */
static inline void
columns(__m512 to[4], const float *a, size_t c)
{
    __m512 r0 = quarters(a + c, 16), r1 = quarters(a + 16 + c, 16);
    __m512 r2 = quarters(a + 32 + c, 16), r3 = quarters(a + 48 + c, 16);
    __m512d lo01 = _mm512_castps_pd(_mm512_unpacklo_ps(r0, r1));
    __m512d hi01 = _mm512_castps_pd(_mm512_unpackhi_ps(r0, r1));
    __m512d lo23 = _mm512_castps_pd(_mm512_unpacklo_ps(r2, r3));
    __m512d hi23 = _mm512_castps_pd(_mm512_unpackhi_ps(r2, r3));

    to[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(lo01, lo23));
    to[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(lo01, lo23));
    to[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(hi01, hi23));
    to[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(hi01, hi23));
}

static inline __m512
top_half(__m512 x)
{
    return _mm512_castsi512_ps(_mm512_and_si512(
        _mm512_castps_si512(x), _mm512_set1_epi32((int)0xffff0000)));
}

/* The top halves of 32 floats, in order. */
static inline __m512i
halves(__m512 a, __m512 b)
{
    __m512i odd = _mm512_add_epi16(
        _mm512_set1_epi16(1),
        _mm512_slli_epi16(_mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23,
                                           22, 21, 20, 19, 18, 17, 16, 15, 14,
                                           13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3,
                                           2, 1, 0),
                          1));

    return _mm512_permutex2var_epi16(_mm512_castps_si512(a), odd,
                                     _mm512_castps_si512(b));
}

static inline __mmask16
first_of(size_t n)
{
    return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1);
}

/* 32 floats as n_parts runs of bf16 values, stride bytes apart.  Cutting, not
 * rounding, keeps the parts within range; what it leaves of an infinity, or of
 * a NaN cut down to one, is NaN. */
static inline void
split(char *to, size_t stride, __m512 a, __m512 b, int n_parts)
{
    for (int p = 0; p < n_parts; p++) {
        __m512 ta = top_half(a), tb = top_half(b);

        _mm512_storeu_si512(to + (size_t)p * stride, halves(ta, tb));
        a -= ta;
        b -= tb;
    }
}

static void
pack(uint16_t *to, const float *x, size_t x_stride, size_t n_rows, size_t k)
{
    _Alignas(64) float rows[PARTS][16 * 16] = {{0}};

    for (size_t i = 0; i < k; i += STEP) {
        __mmask16 m0 = first_of(k - i),
                  m1 = k - i > 16 ? first_of(k - i - 16) : 0;

        for (size_t r = 0; r < n_rows; r++) {
            const float *p = x + r * x_stride + i;

            split((char *)&rows[0][r * 16], sizeof rows[0],
                  _mm512_maskz_loadu_ps(m0, p),
                  _mm512_maskz_loadu_ps(m1, p + 16), PARTS);
        }
        for (size_t p = 0; p < PARTS; p++) {
            for (size_t c = 0; c < 16; c += 4) {
                __m512 v[4];

                columns(v, rows[p], c);
                for (size_t j = 0; j < 4; j++)
                    _mm512_storeu_ps(to + (c + j) * STEP, v[j]);
            }
            to += TILE;
        }
    }
}

/* Weights as n_parts tiles each: to (steps, 2, n_parts, TILE), zeros where
 * there is no output or input. */
static void
split_weights(uint16_t *to, const struct hs_tile_weights *w, size_t n_out,
              size_t k, int n_parts)
{
    size_t half = (size_t)n_parts * TILE;

    for (size_t i = 0; i < k; i += STEP) {
        __mmask16 m0 = first_of(k - i),
                  m1 = k - i > 16 ? first_of(k - i - 16) : 0;

        for (size_t o = 0; o < OUTS; o++) {
            const char *p = (const char *)w->data + o * w->stride;
            char *t = (char *)(to + o / 16 * half + o % 16 * STEP);
            __m512 a = _mm512_setzero_ps(), b = a;

            if (o >= n_out) {
                /* zeros */
            } else if (w->type == HS_TILE_F32) {
                const float *f = (const float *)(const void *)p + i;

                a = _mm512_maskz_loadu_ps(m0, f);
                b = _mm512_maskz_loadu_ps(m1, f + 16);
            } else {
                const uint16_t *h = (const uint16_t *)(const void *)p + i;
                __m256i ha = _mm256_maskz_loadu_epi16(m0, h);
                __m256i hb = _mm256_maskz_loadu_epi16(m1, h + 16);

                if (w->type == HS_TILE_F16) {
                    a = _mm512_cvtph_ps(ha);
                    b = _mm512_cvtph_ps(hb);
                } else {
                    a = _mm512_castsi512_ps(
                        _mm512_slli_epi32(_mm512_cvtepu16_epi32(ha), 16));
                    b = _mm512_castsi512_ps(
                        _mm512_slli_epi32(_mm512_cvtepu16_epi32(hb), 16));
                }
            }
            split(t, TILE * sizeof *to, a, b, n_parts);
        }
        to += 2 * half;
    }
}

/* The left operand: where the tiles of parts of both halves of the outputs
 * lie, in bytes; and what to ask memory for meanwhile, a share of the outputs
 * of the next block, whose loads would be too many at once. */
struct left {
    const char *data;
    size_t stride, half, part, step;
    const char *next;
    size_t next_stride, next_step, n_next;
};

/* Two halves of outputs by two groups of rows (one if !pair) over k inputs,
 * smaller products first.  sums: 4 tiles of 256, output by row. */
static inline __attribute__((always_inline)) void
tiles(float *sums, const struct left *w, const uint16_t *x, size_t x_group,
      size_t n_steps, const int n_parts, const int pair)
{
    const char *a = w->data, *next = w->next;

    _tile_zero(0);
    _tile_zero(1);
    if (pair) {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t i = 0; i < n_steps; i++) {
        for (int p = n_parts - 1; p >= 0; p--) {
            _tile_loadd(4, a + (size_t)p * w->part, w->stride);
            _tile_loadd(5, a + (size_t)p * w->part + w->half, w->stride);
            for (int q = PARTS - 1 - p; q >= 0; q--) {
                _tile_loadd(6, x + q * TILE, 64);
                _tile_dpbf16ps(0, 4, 6);
                _tile_dpbf16ps(1, 5, 6);
                if (pair) {
                    _tile_loadd(7, x + x_group + q * TILE, 64);
                    _tile_dpbf16ps(2, 4, 7);
                    _tile_dpbf16ps(3, 5, 7);
                }
            }
        }
        for (size_t o = 0; o < w->n_next; o++)
            _mm_prefetch(next + o * w->next_stride, _MM_HINT_T1);
        next += w->next_step;
        a += w->step;
        x += PARTS * TILE;
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    if (pair) {
        _tile_stored(2, sums + 512, 64);
        _tile_stored(3, sums + 768, 64);
    }
}

/* bf16 weights of a whole block, tile by tile: rows of a matrix are far apart,
 * and a core does not see 32 streams coming. */
static void
copy_weights(uint16_t *to, const struct hs_tile_weights *w, size_t k)
{
    for (size_t i = 0; i < k; i += STEP) {
        const char *p = (const char *)w->data + i * sizeof *to;

        for (size_t o = 0; o < OUTS; o++)
            _mm512_storeu_si512(to + o * STEP,
                                _mm512_loadu_si512(p + o * w->stride));
        to += OUTS * STEP;
    }
}

/* Sums (16 outputs, 16 rows) to out (n_rows, n_out). */
static void
put(float *out, size_t out_stride, const float *sums, size_t n_rows,
    size_t n_out, const float *bias, int first)
{
    __mmask16 m = first_of(n_out);
    __m512 b =
        bias != NULL ? _mm512_maskz_loadu_ps(m, bias) : _mm512_setzero_ps();

    for (size_t r = 0; r < n_rows; r += 4) {
        __m512 v[4];

        columns(v, sums, r);
        for (size_t j = 0; j < 4 && r + j < n_rows; j++) {
            float *to = out + (r + j) * out_stride;
            __m512 old = first ? b : _mm512_maskz_loadu_ps(m, to);

            _mm512_mask_storeu_ps(to, m, old + v[j]);
        }
    }
}

static void
product(float *out, size_t out_stride, const uint16_t *x, size_t n_rows,
        const struct hs_tile_weights *w, size_t n_out, size_t k,
        const float *bias, int first, uint16_t *scratch)
{
    _Alignas(64) float sums[4 * 256];
    size_t steps = (k + STEP - 1) / STEP, group = steps * PARTS * TILE;
    int n_parts = w->type == HS_TILE_F32 ? 3 : w->type == HS_TILE_F16 ? 2 : 1;
    size_t size = w->type == HS_TILE_F32 ? 4 : 2;
    size_t pairs = (n_rows + 2 * GROUP - 1) / (2 * GROUP);
    struct left l = {.data = (const char *)scratch,
                     .stride = 64,
                     .half = (size_t)n_parts * TILE * 2,
                     .part = TILE * 2,
                     .step = (size_t)n_parts * TILE * 4,
                     .next_stride = w->stride,
                     .next_step = STEP * size};

    if (n_parts == 1 && n_out == OUTS && k % STEP == 0 && pairs >= PAIRS_COPY) {
        copy_weights(scratch, w, k);
        hs_amx_stored(scratch);
    } else if (n_parts == 1 && n_out == OUTS && k % STEP == 0) {
        l.data = w->data;
        l.stride = w->stride;
        l.half = 16 * w->stride;
        l.step = STEP * 2;
    } else {
        split_weights(scratch, w, n_out, k, n_parts);
        hs_amx_stored(scratch);
    }
    for (size_t r = 0; r < n_rows; r += 2 * GROUP) {
        int pair = n_rows - r > GROUP;
        size_t from = r / (2 * GROUP) * OUTS / pairs;

        l.next = (const char *)w->data + (OUTS + from) * w->stride;
        l.n_next = w->more ? (r / (2 * GROUP) + 1) * OUTS / pairs - from : 0;
        if (n_parts == 1 && pair)
            tiles(sums, &l, x, group, steps, 1, 1);
        else if (n_parts == 1)
            tiles(sums, &l, x, group, steps, 1, 0);
        else if (n_parts == 2)
            tiles(sums, &l, x, pair ? group : 0, steps, 2, 1);
        else
            tiles(sums, &l, x, pair ? group : 0, steps, 3, 1);
        for (size_t t = 0; t < 4; t++) {
            size_t row = r + t / 2 * GROUP, o = t % 2 * 16;

            if (row < n_rows && o < n_out)
                put(out + row * out_stride + o, out_stride, sums + t * 256,
                    n_rows - row < GROUP ? n_rows - row : GROUP,
                    n_out - o < 16 ? n_out - o : 16,
                    bias != NULL ? bias + o : NULL, first);
        }
        x += 2 * group;
    }
}

const struct hs_tiles hs_tiles_amx = {hs_amx_begin, hs_amx_end, pack, product};
