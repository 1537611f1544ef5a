/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plane.h - numbers of states to bytes and back.
 *
 * 16-bit values are stored as a plane of all high bytes, then a plane of all
 * low bytes: signs and exponents repeat, mantissas do not, and zstd finds that
 * out only when they are apart.  f32 is stored as it is, little-endian.
 */
#ifndef HS_PLANE_H
#define HS_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/record.h"

/* How n values look in a 16-bit type. */
enum hs_fit {
    HS_FIT_OK,
    HS_FIT_OVERFLOW, /* finite, but one would round to infinity */
    HS_FIT_NOT_FINITE
};

/* Rounds n values to nearest even and writes 2 n bytes (4 n for HS_F32) to
 * out.  Rows of dim values lie stride apart in x; n = rows * dim.  When the
 * result is not HS_FIT_OK, out is garbage. */
enum hs_fit hs_plane_split(enum hs_dtype d, const float *x, size_t rows,
                           size_t dim, size_t stride, uint8_t *out);

/* The inverse: widens n values. */
void hs_plane_join(enum hs_dtype d, const uint8_t *data, size_t n, float *out);

/* Whether none of n values, as stored, is NaN or infinite. */
bool hs_plane_is_finite(enum hs_dtype d, const uint8_t *data, size_t n);

/* Single values, as the functions above convert them. */
uint16_t hs_f16_from_float(float x);
float hs_f16_to_float(uint16_t h);
uint16_t hs_bf16_from_float(float x);
float hs_bf16_to_float(uint16_t h);

/* Whether the fast conversions of this processor are in use. */
bool hs_plane_is_fast(void);

#endif
