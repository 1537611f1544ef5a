/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kern.c - see kern.h.  Compiled several times with other -m flags and
 * another HS_KERN, the name of the table.
 */
#include <config.h>

#include "model/kern.h"

#include <math.h>
#include <string.h>

#include "model/lanes.h"

/* Rows and outputs of one register tile: the accumulators, a value of x and the
 * weights have to fit the registers. */
#if defined __AVX512F__
enum {
    TILE_ROWS = 6,
    TILE_OUTS = 4,
    TILE_QUERIES = 4
};
#elif defined __AVX__
enum {
    TILE_ROWS = 3,
    TILE_OUTS = 4,
    TILE_QUERIES = 2
};
#else
enum {
    TILE_ROWS = 2,
    TILE_OUTS = 4,
    TILE_QUERIES = 2
};
#endif

typedef uint16_t half_u
    __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

static void
widen_bf16(float *out, const void *src, size_t n)
{
    const uint16_t *s = src;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        uvec w = __builtin_convertvector(*(const half_u *)(s + i), uvec) << 16;

        memcpy(out + i, &w, sizeof w);
    }
    for (; i < n; i++) {
        uint16_t h;
        uint32_t w;

        memcpy(&h, s + i, sizeof h);
        w = (uint32_t)h << 16;
        memcpy(out + i, &w, sizeof w);
    }
}

/* Exact for all bit patterns: the exponent is moved by a multiplication, which
 * also scales subnormal halves; infinities and NaN are put right after it. */
static void
widen_f16(float *out, const void *src, size_t n)
{
    const uint16_t *s = src;

    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        uint32_t w, sign;
        float f;

        memcpy(&h, s + i, sizeof h);
        sign = (uint32_t)(h & 0x8000) << 16;
        w = (uint32_t)(h & 0x7fff) << 13;
        memcpy(&f, &w, sizeof f);
        f *= 0x1p112f;
        memcpy(&w, &f, sizeof w);
        w |= (h & 0x7c00) == 0x7c00 ? 0x7f800000u | sign : sign;
        memcpy(out + i, &w, sizeof w);
    }
}

/* One tile of n_rows x n_outs sums over k inputs; both sizes are constants at
 * every call, so that the accumulators stay in registers. */
static inline __attribute__((always_inline)) void
tile(float *out, size_t out_stride, const float *x, size_t x_stride,
     const float *w, size_t w_stride, size_t k, int first, const int n_rows,
     const int n_outs)
{
    vec acc[TILE_ROWS * TILE_OUTS + 3];
    size_t whole = k / LANES * LANES;

    UNROLL
    for (int i = 0; i < n_rows * n_outs + 3; i++)
        acc[i] = (vec){0};
    for (size_t i = 0; i < whole; i += LANES) {
        vec wv[TILE_OUTS];

        UNROLL
        for (int o = 0; o < n_outs; o++)
            wv[o] = load(w + (size_t)o * w_stride + i);
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            vec xv = load(x + (size_t)r * x_stride + i);

            UNROLL
            for (int o = 0; o < n_outs; o++)
                acc[r * n_outs + o] += xv * wv[o];
        }
    }
    if (whole < k) {
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            vec xv = load_part(x + (size_t)r * x_stride + whole, k - whole);

            UNROLL
            for (int o = 0; o < n_outs; o++)
                acc[r * n_outs + o] +=
                    xv * load_part(w + (size_t)o * w_stride + whole, k - whole);
        }
    }
    UNROLL
    for (int i = 0; i < n_rows * n_outs; i += 4) {
        float sum[4];

        reduce4(sum, acc[i], acc[i + 1], acc[i + 2], acc[i + 3]);
        UNROLL
        for (int j = 0; j < 4; j++) {
            if (i + j < n_rows * n_outs) {
                float *to = out + (size_t)((i + j) / n_outs) * out_stride +
                            (i + j) % n_outs;

                *to = first ? sum[j] : *to + sum[j];
            }
        }
    }
}

/* All outputs of up to TILE_ROWS rows. */
static inline __attribute__((always_inline)) void
row_tiles(float *out, size_t out_stride, const float *x, size_t x_stride,
          const float *w, size_t w_stride, size_t n_out, size_t k, int first,
          const int n_rows)
{
    size_t o = 0;

    for (; o + TILE_OUTS <= n_out; o += TILE_OUTS)
        tile(out + o, out_stride, x, x_stride, w + o * w_stride, w_stride, k,
             first, n_rows, TILE_OUTS);
    for (; o < n_out; o++)
        tile(out + o, out_stride, x, x_stride, w + o * w_stride, w_stride, k,
             first, n_rows, 1);
}

static void
dot_block(float *out, size_t out_stride, const float *x, size_t x_stride,
          size_t n_rows, const float *w, size_t w_stride, size_t n_out,
          size_t k, int first)
{
    size_t r = 0;

    for (; r + TILE_ROWS <= n_rows; r += TILE_ROWS)
        row_tiles(out + r * out_stride, out_stride, x + r * x_stride, x_stride,
                  w, w_stride, n_out, k, first, TILE_ROWS);
    if (TILE_ROWS > 2 && n_rows - r >= TILE_ROWS / 2) {
        row_tiles(out + r * out_stride, out_stride, x + r * x_stride, x_stride,
                  w, w_stride, n_out, k, first,
                  TILE_ROWS > 2 ? TILE_ROWS / 2 : 1);
        r += TILE_ROWS / 2;
    }
    for (; r < n_rows; r++)
        row_tiles(out + r * out_stride, out_stride, x + r * x_stride, x_stride,
                  w, w_stride, n_out, k, first, 1);
}

static void
rmsnorm(float *out, const float *x, const float *weight, size_t n, float eps)
{
    vec acc = {0};
    size_t i = 0;
    float scale;

    for (; i + LANES <= n; i += LANES)
        acc += load(x + i) * load(x + i);
    if (i < n) {
        vec v = load_part(x + i, n - i);

        acc += v * v;
    }
    scale = 1.0f / sqrtf(reduce(acc) / (float)n + eps);
    for (i = 0; i + LANES <= n; i += LANES)
        store(out + i, load(x + i) * scale * load(weight + i));
    for (; i < n; i++)
        out[i] = x[i] * scale * weight[i];
}

/* exp(x) to 2 units in the last place for x in [-87, 88], 0 below; NaN stays
 * NaN.  Cody and Waite's reduction, the polynomial of Cephes' expf. */
static inline vec
vexp(vec x)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds */
    ivec low = x < -87.0f;
    vec top = (vec){0} + 88.0f;
    ivec high = x > 88.0f;
    vec n, r, p;
    ivec bits;

    x = (vec)(((ivec)x & ~high) | ((ivec)top & high));
    x = (vec)((ivec)x & ~low);
    n = x * 1.44269504088896341f + magic;
    bits = ((ivec)n - (ivec)((vec){0} + magic)) << 23;
    n -= magic;
    r = x - n * 0.693359375f;
    r -= n * -2.12194440e-4f;
    p = 1.9875691500e-4f * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    p = (vec)((ivec)p + bits);
    return (vec)((ivec)p & ~low);
}

static inline vec
silu(vec g, vec u)
{
    return g / (1.0f + vexp(-g)) * u;
}

static void
silu_mul(float *gate, const float *up, size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        store(gate + i, silu(load(gate + i), load(up + i)));
    if (i < n) {
        float tmp[LANES];

        store(tmp, silu(load_part(gate + i, n - i), load_part(up + i, n - i)));
        memcpy(gate + i, tmp, (n - i) * sizeof *gate);
    }
}

static float
max_of(const float *x, size_t n)
{
    vec most = (vec){0} + x[0];
    ivec nan = {0};
    float m, lanes[LANES];
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        vec v = load(x + i);

        nan |= v != v;
        most = blend(v > most, v, most);
    }
    for (; i < n; i++) {
        vec v = (vec){0} + x[i];

        nan |= v != v;
        most = blend(v > most, v, most);
    }
    store(lanes, blend(nan, (vec){0} + NAN, most));
    m = lanes[0];
    for (i = 1; i < LANES; i++)
        if (!(lanes[i] <= m))
            m = m != m ? m : lanes[i];
    return m;
}

static double
exp_sum(float *out, const float *x, size_t n, float shift, float scale)
{
    vec acc = {0};
    double sum = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        vec e = vexp((load(x + i) - shift) * scale);

        acc += e;
        store(out + i, e);
        /* short runs in float, long ones in double */
        if (i % 4096 == 4096 - LANES) {
            sum += (double)reduce(acc);
            acc = (vec){0};
        }
    }
    if (i < n) {
        float tmp[LANES];

        store(tmp, vexp((load_part(x + i, n - i) - shift) * scale));
        for (size_t j = i; j < n; j++) {
            out[j] = tmp[j - i];
            sum += (double)out[j];
        }
    }
    return sum + (double)reduce(acc);
}

static void
partition(const float *x, size_t n, float top, double *sum, double *moment)
{
    const vec least = (vec){0} - 1e4f; /* 0 * -inf would be NaN */
    vec acc = {0}, acc_z = {0};

    *sum = *moment = 0;
    for (size_t i = 0; i < n; i += LANES) {
        vec z = (i + LANES <= n ? load(x + i) : load_part(x + i, n - i)) - top;
        vec e;

        z = blend(z < least, least, z);
        if (i + LANES > n)
            for (size_t j = n - i; j < LANES; j++)
                z[j] = -1e4f;
        e = vexp(z);
        acc += e;
        acc_z += e * z;
        /* short runs in float, long ones in double */
        if (i % 1024 == 1024 - LANES || i + LANES >= n) {
            *sum += (double)reduce(acc);
            *moment += (double)reduce(acc_z);
            acc = acc_z = (vec){0};
        }
    }
}

/* scores[j][t] = scale * q[j] . k[t] for the 16 positions of one block, k (hd,
 * 16). */
static inline __attribute__((always_inline)) void
score_block(float *scores, size_t stride, const float *const *q, const float *k,
            size_t hd, float scale, const int n_q)
{
    enum {
        VECS = HS_LANES / LANES
    };

    for (int b = 0; b < VECS; b++) {
        vec acc[TILE_QUERIES];

        UNROLL
        for (int j = 0; j < n_q; j++)
            acc[j] = (vec){0};
        for (size_t i = 0; i < hd; i++) {
            vec kv = load(k + i * HS_LANES + b * LANES);

            UNROLL
            for (int j = 0; j < n_q; j++)
                acc[j] += q[j][i] * kv;
        }
        UNROLL
        for (int j = 0; j < n_q; j++)
            store(scores + (size_t)j * stride + b * LANES, acc[j] * scale);
    }
}

/* out[j] = sum over t of p[j][t] * v[t] / total[j], a few registers of each at
 * a time.  What all queries see goes together; t ascends for each. */
static inline __attribute__((always_inline)) void
mix(float *const *out, const float *p, size_t stride, const float *total,
    const float *v, const size_t *n_pos, size_t hd, const int n_q,
    const int n_vecs)
{
    vec acc[TILE_QUERIES * 4];
    size_t common = n_pos[0];

    for (int j = 1; j < n_q; j++)
        common = n_pos[j] < common ? n_pos[j] : common;
    UNROLL
    for (int i = 0; i < n_q * n_vecs; i++)
        acc[i] = (vec){0};
    for (size_t t = 0; t < common; t++) {
        UNROLL
        for (int i = 0; i < n_vecs; i++) {
            vec vv = load(v + t * hd + (size_t)i * LANES);

            UNROLL
            for (int j = 0; j < n_q; j++)
                acc[j * n_vecs + i] += p[(size_t)j * stride + t] * vv;
        }
    }
    UNROLL
    for (int j = 0; j < n_q; j++) {
        for (size_t t = common; t < n_pos[j]; t++) {
            UNROLL
            for (int i = 0; i < n_vecs; i++)
                acc[j * n_vecs + i] += p[(size_t)j * stride + t] *
                                       load(v + t * hd + (size_t)i * LANES);
        }
        UNROLL
        for (int i = 0; i < n_vecs; i++)
            store(out[j] + (size_t)i * LANES, acc[j * n_vecs + i] / total[j]);
    }
}

static inline __attribute__((always_inline)) void
attend_tile(float *const *out, const float *const *q, const float *k,
            const float *v, const size_t *n_pos, size_t hd, float scale,
            float *scores, size_t stride, const int n_q)
{
    float total[TILE_QUERIES], *at[TILE_QUERIES];
    size_t most = 0;

    for (int j = 0; j < n_q; j++)
        most = n_pos[j] > most ? n_pos[j] : most;
    for (size_t t = 0; t < most; t += HS_LANES)
        score_block(scores + t, stride, q, k + t * hd, hd, scale, n_q);
    for (int j = 0; j < n_q; j++) {
        float *s = scores + (size_t)j * stride;
        size_t n = n_pos[j];

        /* to whole registers: exp(-inf) adds nothing */
        for (; n % LANES != 0; n++)
            s[n] = -INFINITY;
        total[j] = (float)exp_sum(s, s, n, max_of(s, n), 1.0f);
        at[j] = out[j];
    }
    for (size_t i = 0; i < hd;) {
        int n_vecs = hd - i >= 4 * LANES ? 4 : 1;

        if (n_vecs == 4)
            mix(at, scores, stride, total, v + i, n_pos, hd, n_q, 4);
        else
            mix(at, scores, stride, total, v + i, n_pos, hd, n_q, 1);
        i += (size_t)n_vecs * LANES;
        for (int j = 0; j < n_q; j++)
            at[j] += n_vecs * LANES;
    }
}

static void
attend(float *const *out, const float *const *q, const size_t *n_pos,
       size_t n_q, const float *k, const float *v, size_t hd, float scale,
       float *scores, size_t stride)
{
    size_t j = 0;

    for (; j + TILE_QUERIES <= n_q; j += TILE_QUERIES)
        attend_tile(out + j, q + j, k, v, n_pos + j, hd, scale, scores, stride,
                    TILE_QUERIES);
    if (TILE_QUERIES > 2 && n_q - j == 3)
        attend_tile(out + j, q + j, k, v, n_pos + j, hd, scale, scores, stride,
                    TILE_QUERIES > 2 ? 3 : 1);
    else if (n_q - j == 2)
        attend_tile(out + j, q + j, k, v, n_pos + j, hd, scale, scores, stride,
                    2);
    else if (n_q - j == 1)
        attend_tile(out + j, q + j, k, v, n_pos + j, hd, scale, scores, stride,
                    1);
}

static void
rope(float *x, const float *cos_sin, size_t hd)
{
    size_t half = hd / 2, i = 0;

    for (; i + LANES <= half; i += LANES) {
        vec c = load(cos_sin + i), s = load(cos_sin + half + i);
        vec a = load(x + i), b = load(x + half + i);

        store(x + i, a * c - b * s);
        store(x + half + i, b * c + a * s);
    }
    for (; i < half; i++) {
        float c = cos_sin[i], s = cos_sin[half + i];
        float a = x[i], b = x[half + i];

        x[i] = a * c - b * s;
        x[half + i] = b * c + a * s;
    }
}

const struct hs_kern HS_KERN = {
    .name = HS_KERN_NAME,
    .widen_bf16 = widen_bf16,
    .widen_f16 = widen_f16,
    .dot_block = dot_block,
    .rmsnorm = rmsnorm,
    .silu_mul = silu_mul,
    .attend = attend,
    .rope = rope,
    .exp_sum = exp_sum,
    .max = max_of,
    .partition = partition,
};
