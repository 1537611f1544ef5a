/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fitamx.c - the products of a step on the bf16 tiles of AMX, with f32
 * operands and f32 sums.
 *
 * A float is the sum of three bf16 numbers exactly (8 + 8 + 8 bits of its 24;
 * Henry, Tang and Heinecke 2019).  The forward needs the six products of parts
 * that are not below 2^-24 of the whole.  In the gradient of w1,
 *
 *     dL/dw1[h, j] = w2[h] * sum_s gate[s, h] * (du[s] * x[s, j])
 *
 * the gate is 0 or 1, one bf16 number, so that three products do.
 *
 * A tile of the left operand is 16 rows of 32 values of the inner index, one
 * of the right operand 16 pairs of them by 16 columns.  The order of the inner
 * index is ours to choose: pairs are i and i + 16, which takes no shuffles.
 * The unit takes subnormals as zero: parts below 2^-126 are lost, which matters
 * to no number above 2^-102.
 */
#include <config.h>

#include "probe/fitkern.h"

#include <string.h>

#include "model/amx.h"
#include "probe/fitrow.h"

enum {
    WIDE = HS_FIT_LANES,
    SIDE = 32,                /* rows, inputs of a block */
    PARTS = 3,                /* bf16 values that make up a float */
    TILE = 16 * 32,           /* bf16 values */
    BLOCK = 2 * PARTS * TILE, /* SIDE by SIDE floats, in parts */
    PANELS = 8,               /* that forward() takes at a time, */
    STEPS = 14,               /* and blocks of their inputs: 672 KiB */
    GROUPS = 32,              /* groups of rows that gradient() takes */
    RUN = 128
};

static size_t
blocks_of(size_t d)
{
    return (d + SIDE - 1) / SIDE;
}

/* (blocks of inputs, 2, PARTS, TILE), and one block to spare where their
 * number is even: rows of a matrix that are a power of two apart would meet in
 * the same sets of a cache. */
static size_t
group_size(size_t d)
{
    return (blocks_of(d) | 1) * BLOCK * sizeof(uint16_t);
}

/* The top halves of a and b as pairs. */
static inline __m512i
pairs(__m512 a, __m512 b)
{
    const __m512i high = _mm512_set1_epi32((int)0xffff0000);

    return _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(a), 16),
                           _mm512_and_si512(_mm512_castps_si512(b), high));
}

static inline __m512
top_half(__m512 x)
{
    return _mm512_castsi512_ps(_mm512_and_si512(
        _mm512_castps_si512(x), _mm512_set1_epi32((int)0xffff0000)));
}

/* a and b as PARTS rows of pairs, TILE values apart.  Cutting, not rounding,
 * keeps the parts within range; what it leaves of an infinity, or of a NaN cut
 * down to one, is NaN. */
static inline void
split(uint16_t *to, __m512 a, __m512 b)
{
    for (int p = 0; p < PARTS; p++) {
        _mm512_storeu_si512(to + p * TILE, pairs(a, b));
        a -= top_half(a);
        b -= top_half(b);
    }
}

/* The other way: exact, since each partial sum is the float cut short. */
static inline void
join(__m512 *a, __m512 *b, const uint16_t *from)
{
    *a = *b = _mm512_setzero_ps();
    for (int p = 0; p < PARTS; p++) {
        __m512i v = _mm512_loadu_si512(from + p * TILE);

        *a += _mm512_castsi512_ps(_mm512_slli_epi32(v, 16));
        *b += top_half(_mm512_castsi512_ps(v));
    }
}

static inline __mmask16
first_of(size_t n)
{
    return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1);
}

static void
pack(void *group, const float *x, size_t stride, size_t n_rows, size_t d)
{
    uint16_t *to = group;

    for (size_t k = 0; k < d; k += SIDE) {
        __mmask16 m0 = first_of(d - k),
                  m1 = d - k > 16 ? first_of(d - k - 16) : 0;

        for (size_t r = 0; r < SIDE; r++) {
            __m512 a = _mm512_setzero_ps(), b = a;

            if (r < n_rows) {
                a = _mm512_maskz_loadu_ps(m0, x + r * stride + k);
                b = _mm512_maskz_loadu_ps(m1, x + r * stride + k + 16);
            }
            split(to + r / 16 * PARTS * TILE + r % 16 * SIDE, a, b);
        }
        to += BLOCK;
    }
}

/* Inputs k .. of a panel as right operand: to (blocks, 2, PARTS, TILE); zeros
 * beyond n inputs. */
static void
split_weights(uint16_t *to, const float *w, size_t n)
{
    for (size_t k = 0; k < n; k += SIDE) {
        for (size_t i = 0; i < 16; i++) {
            for (size_t h = 0; h < 2; h++) {
                const float *p = w + (k + i) * WIDE + h * 16;
                __m512 a = _mm512_setzero_ps(), b = a;

                if (k + i < n)
                    a = _mm512_loadu_ps(p);
                if (k + i + 16 < n)
                    b = _mm512_loadu_ps(p + 16 * WIDE);
                split(to + h * PARTS * TILE + i * 32, a, b);
            }
        }
        to += BLOCK;
    }
}

/* (SIDE, WIDE) sums in four tiles, rows WIDE floats apart. */
static inline void
load_sums(const float *p)
{
    _tile_loadd(0, p, WIDE * 4);
    _tile_loadd(1, p + 16, WIDE * 4);
    _tile_loadd(2, p + 16 * WIDE, WIDE * 4);
    _tile_loadd(3, p + 16 * WIDE + 16, WIDE * 4);
}

static inline void
zero_sums(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

static inline void
store_sums(float *p)
{
    _tile_stored(0, p, WIDE * 4);
    _tile_stored(1, p + 16, WIDE * 4);
    _tile_stored(2, p + 16 * WIDE, WIDE * 4);
    _tile_stored(3, p + 16 * WIDE + 16, WIDE * 4);
}

/* Part p of both halves of the left operand, of the right operand. */
static inline void
load_left(const uint16_t *x, int p)
{
    _tile_loadd(4, x + p * TILE, 64);
    _tile_loadd(5, x + (PARTS + p) * TILE, 64);
}

static inline void
load_right(const uint16_t *w, int p)
{
    _tile_loadd(6, w + p * TILE, 64);
    _tile_loadd(7, w + (PARTS + p) * TILE, 64);
}

static inline void
multiply(void)
{
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

/* What to ask memory for meanwhile, so much at each step. */
struct ahead {
    const char *from;
    size_t bytes;
};

static inline void
look_ahead(struct ahead *a)
{
    for (size_t i = 0; i < a->bytes; i += 64)
        _mm_prefetch(a->from + i, _MM_HINT_T1);
    a->from += a->bytes;
}

/* SIDE rows by WIDE units.  Six products, ordered to load few tiles. */
static inline void
forward_tiles(float *z, const uint16_t *x, const uint16_t *w, size_t n_steps,
              int first, struct ahead *next)
{
    if (first)
        zero_sums();
    else
        load_sums(z);
    for (size_t i = 0; i < n_steps; i++) {
        load_left(x, 2);
        load_right(w, 0);
        multiply();
        load_left(x, 1);
        multiply();
        look_ahead(next);
        load_right(w, 1);
        multiply();
        load_left(x, 0);
        multiply();
        load_right(w, 2);
        multiply();
        load_right(w, 0);
        multiply();
        x += BLOCK;
        w += BLOCK;
    }
    store_sums(z);
}

/* Long runs of products are what keeps the unit busy: weights are split for as
 * many inputs and panels as fit the second cache, and rows come by. */
static void
forward_panels(float *z, size_t z_stride, const uint16_t *x, size_t group,
               size_t n_groups, const uint16_t *w, size_t n_steps,
               size_t n_panels, int first)
{
    for (size_t g = 0; g < n_groups; g++) {
        struct ahead next = {(const char *)(x + group),
                             BLOCK * sizeof *x / n_panels};

        for (size_t p = 0; p < n_panels; p++)
            forward_tiles(z + p * z_stride, x, w + p * n_steps * BLOCK, n_steps,
                          first, &next);
        x += group;
        z += SIDE * WIDE;
    }
}

static void
forward(float *z, size_t z_stride, const void *groups, size_t n_groups,
        const float *w, size_t w_stride, size_t n_panels, size_t d,
        void *scratch)
{
    size_t group = group_size(d) / sizeof(uint16_t), blocks = blocks_of(d);
    size_t runs = (blocks + STEPS - 1) / STEPS;

    for (size_t p = 0; p < n_panels; p += PANELS) {
        size_t n = n_panels - p < PANELS ? n_panels - p : PANELS;

        for (size_t i = 0; i < runs; i++) {
            size_t b = i * blocks / runs, steps = (i + 1) * blocks / runs - b;
            size_t k = b * SIDE, left = d - k;

            for (size_t q = 0; q < n; q++)
                split_weights((uint16_t *)scratch + q * steps * BLOCK,
                              w + (p + q) * w_stride + k * WIDE,
                              left < steps * SIDE ? left : steps * SIDE);
            hs_amx_stored(scratch);
            forward_panels(z + p * z_stride, z_stride,
                           (const uint16_t *)groups + b * BLOCK, group,
                           n_groups, scratch, steps, n, i == 0);
        }
    }
}

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

/* to[0..3] = columns of a (16, 4), rows SIDE floats apart. */
static inline void
columns(__m512 to[4], const float *a)
{
    __m512 r0 = quarters(a, SIDE), r1 = quarters(a + SIDE, SIDE);
    __m512 r2 = quarters(a + 2 * SIDE, SIDE), r3 = quarters(a + 3 * SIDE, SIDE);
    __m512d lo01 = _mm512_castps_pd(_mm512_unpacklo_ps(r0, r1));
    __m512d hi01 = _mm512_castps_pd(_mm512_unpackhi_ps(r0, r1));
    __m512d lo23 = _mm512_castps_pd(_mm512_unpacklo_ps(r2, r3));
    __m512d hi23 = _mm512_castps_pd(_mm512_unpackhi_ps(r2, r3));

    to[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(lo01, lo23));
    to[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(lo01, lo23));
    to[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(hi01, hi23));
    to[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(hi01, hi23));
}

/* A block (rows, inputs) becomes (inputs, rows), each row times its du. */
static void
turn_block(uint16_t *block, const float *du)
{
    _Alignas(64) float x[SIDE * SIDE];
    __m512 du0 = _mm512_loadu_ps(du), du1 = _mm512_loadu_ps(du + 16);

    for (size_t r = 0; r < SIDE; r++) {
        __m512 a, b;

        join(&a, &b, block + r / 16 * PARTS * TILE + r % 16 * SIDE);
        _mm512_store_ps(x + r * SIDE, a);
        _mm512_store_ps(x + r * SIDE + 16, b);
    }
    for (size_t j = 0; j < SIDE; j += 4) {
        __m512 a[4], b[4];

        columns(a, x + j);
        columns(b, x + 16 * SIDE + j);
        for (size_t i = 0; i < 4; i++)
            split(block + j / 16 * PARTS * TILE + (j + i) % 16 * SIDE,
                  a[i] * du0, b[i] * du1);
    }
}

static void
turn(void *group, const float *du, size_t d)
{
    for (size_t k = 0; k < blocks_of(d); k++)
        turn_block((uint16_t *)group + k * BLOCK, du);
}

/* Group by group (16 pairs of rows, WIDE units, 2), half the size of what was
 * there. */
static void
gate(float *a, const float *du, size_t n_groups)
{
    const __m512i one = _mm512_set1_epi32(0x3f80);
    const __m512 zero = _mm512_setzero_ps();
    uint16_t *to = (uint16_t *)(void *)a;

    (void)du;
    for (size_t g = 0; g < n_groups; g++) {
        for (size_t r = 0; r < 16; r++) {
            for (size_t h = 0; h < WIDE; h += 16) {
                __mmask16 lo = _mm512_cmp_ps_mask(
                    _mm512_loadu_ps(a + r * WIDE + h), zero, _CMP_GT_OQ);
                __mmask16 hi = _mm512_cmp_ps_mask(
                    _mm512_loadu_ps(a + (r + 16) * WIDE + h), zero, _CMP_GT_OQ);

                _mm512_storeu_si512(
                    to + r * 2 * WIDE + h * 2,
                    _mm512_or_si512(_mm512_maskz_mov_epi32(lo, one),
                                    _mm512_maskz_slli_epi32(hi, one, 16)));
            }
        }
        a += SIDE * WIDE;
        to += SIDE * WIDE;
    }
}

/* Rows of a block of gradients that AdamW has not seen yet: the vector unit
 * works on them between the tiles of the next block. */
struct pending {
    float *w, *m, *v;
    const float *g, *gain;
    size_t n;
    const struct hs_fit_rate *rate;
};

static inline void
catch_up(struct pending *p, size_t n)
{
    for (; n > 0 && p->n > 0; n--, p->n--) {
        adamw_row(p->w, p->m, p->v, p->g, p->gain, p->rate);
        p->w += WIDE;
        p->m += WIDE;
        p->v += WIDE;
        p->g += WIDE;
    }
}

/* SIDE inputs by WIDE units over n groups of rows. */
static inline void
gradient_tiles(float *g, const uint16_t *x, size_t group, const uint16_t *gates,
               size_t n_groups, int first, struct pending *before)
{
    if (first)
        zero_sums();
    else
        load_sums(g);
    for (size_t i = 0; i < n_groups; i++) {
        _tile_loadd(6, gates, 4 * WIDE);
        _tile_loadd(7, gates + 32, 4 * WIDE);
        load_left(x, 2);
        multiply();
        catch_up(before, 1);
        load_left(x, 1);
        multiply();
        catch_up(before, 1);
        load_left(x, 0);
        multiply();
        x += group;
        gates += SIDE * WIDE;
    }
    store_sums(g);
    hs_amx_stored(g);
    catch_up(before, SIDE);
}

/* Puts n rows from j on of panel p into the hands of catch_up(). */
static inline struct pending
hand_over(const struct hs_fit_update *u, const float *g, size_t p, size_t j,
          size_t n)
{
    size_t at = p * u->stride + j * WIDE;

    return (struct pending){.w = u->w + at,
                            .m = u->m + at,
                            .v = u->v + at,
                            .g = g,
                            .gain = u->gain + p * WIDE,
                            .n = n,
                            .rate = u->rate};
}

static void
gradient(float *g, const void *groups, size_t n_groups, const float *gates,
         size_t gate_stride, size_t n_panels, size_t d, size_t j0, size_t n_j,
         const struct hs_fit_update *update)
{
    size_t group = group_size(d) / sizeof(uint16_t);
    struct pending before = {.n = 0};

    for (size_t first = 0; first < n_groups; first += GROUPS) {
        size_t n = n_groups - first < GROUPS ? n_groups - first : GROUPS;

        for (size_t j = 0; j < n_j; j += SIDE) {
            const uint16_t *x = (const uint16_t *)groups + first * group +
                                (j0 + j) / SIDE * BLOCK;

            for (size_t p = 0; p < n_panels; p++) {
                const uint16_t *gp =
                    (const uint16_t *)(const void *)(gates + p * gate_stride) +
                    first * SIDE * WIDE;
                float *to = g + (p * RUN + j) * WIDE;

                gradient_tiles(to, x, group, gp, n, first == 0, &before);
                if (update != NULL && first + n == n_groups)
                    before = hand_over(update, to, p, j0 + j,
                                       n_j - j < SIDE ? n_j - j : SIDE);
            }
        }
    }
    catch_up(&before, SIDE);
}

const struct hs_fit_product hs_fit_product_amx = {
    .rows = SIDE,
    .run = RUN,
    .scratch = PANELS * STEPS * BLOCK * sizeof(uint16_t),
    .group_size = group_size,
    .begin = hs_amx_begin,
    .end = hs_amx_end,
    .pack = pack,
    .forward = forward,
    .turn = turn,
    .gate = gate,
    .gradient = gradient,
};
