/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kern.h - the inner loops, one table of functions per instruction set.
 *
 * kern.c is compiled once for each set (baseline, AVX2, AVX-512) and exports
 * one table; kernel.c picks one when the program starts.  All functions are
 * pure, single-threaded and cannot fail.  A row's result never depends on how
 * many rows are computed with it: that is what batch invariance rests on.
 *
 * "Padded" lengths are multiples of HS_LANES with zeros behind the data.
 */
#ifndef HS_KERN_H
#define HS_KERN_H

#include <stddef.h>
#include <stdint.h>

enum {
    HS_LANES = 16,     /* rows are padded to a multiple of this */
    HS_K_BLOCK = 1024, /* longest run of inputs summed before reducing */
    HS_OUT_BLOCK = 32, /* outputs whose weights are widened together */
    HS_QUERIES = 4     /* most queries that attend together */
};

enum {
    HS_GROUP = 16,  /* rows that are packed together */
    HS_PARTS = 3,   /* 16-bit values that make up a float */
    HS_TILE_IN = 32 /* inputs are padded to a multiple of this */
};

/* (outputs, inputs) of a product on tiles. */
struct hs_tile_weights {
    const void *data;
    enum {
        HS_TILE_BF16,
        HS_TILE_F16,
        HS_TILE_F32
    } type;
    size_t stride; /* bytes from output to output */
    int more;      /* a block of HS_OUT_BLOCK outputs follows this one */
};

/* Products of a matrix unit.  begin() and end() go around them, on each
 * thread. */
struct hs_tiles {
    void (*begin)(void);
    void (*end)(void);

    /* n_rows <= HS_GROUP rows of x, k inputs each, for product(): to
     * (k padded to HS_TILE_IN, HS_PARTS, HS_GROUP). */
    void (*pack)(uint16_t *to, const float *x, size_t x_stride, size_t n_rows,
                 size_t k);

    /* out[r * out_stride + o] = bias[o] + x . w if first (no bias: NULL),
     * and is added to if not; x: groups of rows from pack(), one behind the
     * other; n_out <= HS_OUT_BLOCK; scratch: HS_PARTS * HS_OUT_BLOCK values
     * for each padded input. */
    void (*product)(float *out, size_t out_stride, const uint16_t *x,
                    size_t n_rows, const struct hs_tile_weights *w,
                    size_t n_out, size_t k, const float *bias, int first,
                    uint16_t *scratch);
};

struct hs_kern {
    const char *name; /* "amx", "avx512", "avx2" or "baseline" */

    /* What to use instead of dot_block; NULL without a matrix unit. */
    const struct hs_tiles *tiles;

    /* out[i] = float(src[i]) for n 16-bit values. */
    void (*widen_bf16)(float *out, const void *src, size_t n);
    void (*widen_f16)(float *out, const void *src, size_t n);

    /* out[r * out_stride + o] (+)= sum over i < k of x[r * x_stride + i] *
     * w[o * w_stride + i], r < n_rows, o < n_out.  first says "=".  Each sum
     * is one partial sum per lane of a register, in the order of i, then a
     * fixed tree. */
    void (*dot_block)(float *out, size_t out_stride, const float *x,
                      size_t x_stride, size_t n_rows, const float *w,
                      size_t w_stride, size_t n_out, size_t k, int first);

    /* out[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i] (RMSNorm, Zhang and
     * Sennrich 2019); out may be x. */
    void (*rmsnorm)(float *out, const float *x, const float *weight, size_t n,
                    float eps);

    /* gate[i] = silu(gate[i]) * up[i], silu(z) = z / (1 + exp(-z)). */
    void (*silu_mul)(float *gate, const float *up, size_t n);

    /* Attention of n_q queries to one key-value head (Vaswani et al. 2017;
     * grouped queries, Ainslie et al. 2023): out[j] = softmax(scale * q[j] .
     * k[t], t < n_pos[j]) . v.  q[j], out[j] (hd); k (blocks, hd, HS_LANES):
     * of each HS_LANES positions the first coordinates, the second...;
     * v (positions, hd); hd padded; scores: HS_QUERIES rows of stride, the
     * positions padded.  A query's result is its own. */
    void (*attend)(float *const *out, const float *const *q,
                   const size_t *n_pos, size_t n_q, const float *k,
                   const float *v, size_t hd, float scale, float *scores,
                   size_t stride);

    /* Rotates pairs (i, i + hd/2) of one head by the angles of one position
     * (rotary embedding, Su et al. 2021, in the half-split order of the
     * Hugging Face checkpoints): x (hd), cos_sin (hd): hd/2 cosines, then hd/2
     * sines. */
    void (*rope)(float *x, const float *cos_sin, size_t hd);

    /* out[i] = exp((x[i] - shift) * scale) and returns their sum; out may be
     * x.  Exponents below -87 give 0, NaN stays NaN. */
    double (*exp_sum)(float *out, const float *x, size_t n, float shift,
                      float scale);

    /* The largest of n >= 1 values; NaN if one of them is NaN. */
    float (*max)(const float *x, size_t n);

    /* With z[i] = x[i] - top, at least -1e4: the sums of exp(z) and of
     * exp(z) * z, for n >= 1 values of at most top, none NaN. */
    void (*partition)(const float *x, size_t n, float top, double *sum,
                      double *moment);
};

extern const struct hs_kern hs_kern_baseline;
extern const struct hs_kern hs_kern_avx2;
extern const struct hs_kern hs_kern_avx512;
extern const struct hs_tiles hs_tiles_amx;

#endif
