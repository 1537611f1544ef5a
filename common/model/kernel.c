/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kernel.c - see kernel.h.  Why not a BLAS: it would have to be given f32
 * weights in tiles of one fixed height to be batch invariant, and Debian's
 * OpenBLAS runs its AVX2 kernels on processors that have AVX-512 but that it
 * does not know; tests/bench/extract.sh prints both.
 */
#include <config.h>

#include "model/kernel.h"

#ifdef HS_X86
#include <cpuid.h>
#endif
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct hs_kern *chosen;

#ifdef HS_X86
/* clang 14 does not know the name, gcc 12 does: ask the processor. */
static bool
has_f16c(void)
{
    unsigned a, b, c = 0, d;

    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}
#endif

static const struct hs_kern *
choose(void)
{
    const char *ask = getenv("HSTOOLS_KERNEL");
    const struct hs_kern *k[3] = {&hs_kern_baseline, NULL, NULL};
    const struct hs_kern *best = k[0];

#ifdef HS_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        has_f16c())
        k[1] = &hs_kern_avx2;
    if (k[1] && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        k[2] = &hs_kern_avx512;
#endif
    for (size_t i = 0; i < 3; i++) {
        if (k[i] == NULL)
            continue;
        best = k[i];
        if (ask != NULL && strcmp(ask, best->name) == 0)
            break;
    }
    return best;
}

const struct hs_kern *
hs_kern(void)
{
    if (chosen == NULL)
        chosen = choose();
    return chosen;
}

static size_t
element_size(enum hs_wtype type)
{
    return type == HS_W_F32 ? 4 : 2;
}

/* Copies n values of row r from column c of w to out as f32. */
static void
widen(float *out, const struct hs_matrix *w, size_t r, size_t c, size_t n)
{
    const char *src =
        (const char *)w->data + (r * w->cols + c) * element_size(w->type);

    if (w->type == HS_W_BF16)
        hs_kern()->widen_bf16(out, src, n);
    else if (w->type == HS_W_F16)
        hs_kern()->widen_f16(out, src, n);
    else
        memcpy(out, src, n * sizeof *out);
}

enum {
    TILE_STRIDE = HS_K_BLOCK + HS_LANES
};

size_t
hs_product_scratch(void)
{
    return (size_t)omp_get_max_threads() * HS_OUT_BLOCK * TILE_STRIDE;
}

/* Inputs are cut into equal runs of at most HS_K_BLOCK, a function of their
 * number alone. */
static size_t
run_length(size_t k)
{
    size_t runs = (k + HS_K_BLOCK - 1) / HS_K_BLOCK;
    size_t len = (k + runs - 1) / runs;

    return (len + HS_LANES - 1) / HS_LANES * HS_LANES;
}

/* Outputs [o, o + n_out) of one product. */
static void
product_block(const struct hs_product *p, size_t o, size_t n_out,
              const float *x, size_t x_stride, size_t n_rows, float *tile)
{
    const struct hs_matrix *w = p->w;
    size_t run = run_length(w->cols);

    for (size_t c = 0; c < w->cols; c += run) {
        size_t n = w->cols - c < run ? w->cols - c : run;
        const float *wt = tile;
        size_t stride = TILE_STRIDE;

        if (w->type == HS_W_F32) {
            wt = (const float *)w->data + o * w->cols + c;
            stride = w->cols;
        } else {
            for (size_t i = 0; i < n_out; i++)
                widen(tile + i * TILE_STRIDE, w, o + i, c, n);
        }
        hs_kern()->dot_block(p->out + o, p->out_stride, x + c, x_stride, n_rows,
                             wt, stride, n_out, n, c == 0);
    }
    if (p->bias != NULL)
        for (size_t r = 0; r < n_rows; r++)
            for (size_t i = 0; i < n_out; i++)
                p->out[r * p->out_stride + o + i] += p->bias[o + i];
}

static size_t
blocks_of(const struct hs_matrix *w)
{
    return (w->rows + HS_OUT_BLOCK - 1) / HS_OUT_BLOCK;
}

void
hs_products(const struct hs_product *p, size_t n, const float *x,
            size_t x_stride, size_t n_rows, float *scratch)
{
    size_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += blocks_of(p[i].w);
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < total; b++) {
        float *tile =
            scratch + (size_t)omp_get_thread_num() * HS_OUT_BLOCK * TILE_STRIDE;
        size_t i = 0, at = b, o, left;

        while (at >= blocks_of(p[i].w))
            at -= blocks_of(p[i++].w);
        o = at * HS_OUT_BLOCK;
        left = p[i].w->rows - o;
        product_block(&p[i], o, left < HS_OUT_BLOCK ? left : HS_OUT_BLOCK, x,
                      x_stride, n_rows, tile);
    }
}

void
hs_gather(float *out, size_t out_stride, const struct hs_matrix *w,
          const uint32_t *ids, size_t n_rows)
{
    for (size_t r = 0; r < n_rows; r++)
        widen(out + r * out_stride, w, ids[r], 0, w->cols);
}

void
hs_rope(float *x, const float *cos_sin, size_t hd)
{
    size_t half = hd / 2;

    for (size_t i = 0; i < half; i++) {
        float c = cos_sin[i], s = cos_sin[half + i];
        float a = x[i], b = x[half + i];

        x[i] = a * c - b * s;
        x[half + i] = b * c + a * s;
    }
}
