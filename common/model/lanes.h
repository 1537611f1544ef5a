/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lanes.h - vectors as wide as one register of the instruction set that a file
 * is compiled for, spelled with the compilers' vector types.  For the files
 * that are compiled several times: kern.c and probe/fitkern.c.
 */
#ifndef HS_LANES_H
#define HS_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The compiler's own unrolling of loops with constant bounds is what keeps
 * arrays of vectors in registers; each compiler spells the request its way. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* LANES floats fill one register. */
#if defined __AVX512F__
enum {
    LANES = 16
};
#elif defined __AVX__
enum {
    LANES = 8
};
#else
enum {
    LANES = 4
};
#endif

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef float vec_u
    __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(LANES * 4)));
typedef uint32_t uvec __attribute__((vector_size(LANES * 4)));

static inline vec
load(const float *p)
{
    return *(const vec_u *)p;
}

static inline void
store(float *p, vec v)
{
    *(vec_u *)p = v;
}

/* x in all lanes; taking away 0 changes no number and costs nothing. */
static inline vec
splat(float x)
{
    return x - (vec){0};
}

/* The first n < LANES values of p, zeros behind them. */
static inline vec
load_part(const float *p, size_t n)
{
    float tmp[LANES] = {0};

    memcpy(tmp, p, n * sizeof *p);
    return load(tmp);
}

/* The sums of four vectors, each in the same order: halves are added until
 * four lanes are left, then pairs. */
#define SHUFFLE __builtin_shufflevector
#if defined __AVX512F__
static inline void
reduce4(float out[4], vec a, vec b, vec c, vec d)
{
    vec ab =
        SHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
        SHUFFLE(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30,
                31);
    vec cd =
        SHUFFLE(c, d, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
        SHUFFLE(c, d, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30,
                31);
    vec s = SHUFFLE(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25,
                    26, 27) +
            SHUFFLE(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29,
                    30, 31);

    s += SHUFFLE(s, s, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    s += SHUFFLE(s, s, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    out[0] = s[0];
    out[1] = s[4];
    out[2] = s[8];
    out[3] = s[12];
}
#elif defined __AVX__
static inline void
reduce4(float out[4], vec a, vec b, vec c, vec d)
{
    vec ab = SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
             SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    vec cd = SHUFFLE(c, d, 0, 1, 2, 3, 8, 9, 10, 11) +
             SHUFFLE(c, d, 4, 5, 6, 7, 12, 13, 14, 15);

    ab += SHUFFLE(ab, ab, 2, 3, 0, 1, 6, 7, 4, 5);
    cd += SHUFFLE(cd, cd, 2, 3, 0, 1, 6, 7, 4, 5);
    ab += SHUFFLE(ab, ab, 1, 0, 3, 2, 5, 4, 7, 6);
    cd += SHUFFLE(cd, cd, 1, 0, 3, 2, 5, 4, 7, 6);
    out[0] = ab[0];
    out[1] = ab[4];
    out[2] = cd[0];
    out[3] = cd[4];
}
#else
static inline void
reduce4(float out[4], vec a, vec b, vec c, vec d)
{
    vec ab = SHUFFLE(a, b, 0, 1, 4, 5) + SHUFFLE(a, b, 2, 3, 6, 7);
    vec cd = SHUFFLE(c, d, 0, 1, 4, 5) + SHUFFLE(c, d, 2, 3, 6, 7);
    vec s = SHUFFLE(ab, cd, 0, 2, 4, 6) + SHUFFLE(ab, cd, 1, 3, 5, 7);

    store(out, s);
}
#endif

static inline float
reduce(vec a)
{
    float out[4];

    reduce4(out, a, a, a, a);
    return out[0];
}

static inline vec
blend(ivec mask, vec yes, vec no)
{
    return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

#endif
