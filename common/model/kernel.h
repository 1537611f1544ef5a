/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kernel.h - the operations of a transformer over rows of activations.
 *
 * Arguments: outputs, inputs, sizes, scalars.  Nothing here allocates or
 * fails.  Each number is computed whole by one thread in a fixed order, so
 * neither the number of threads nor the other rows of a call change a bit of
 * it.
 */
#ifndef HS_KERNEL_H
#define HS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/kern.h"
#include "base/team.h"
#include "model/weights.h"

/* The table for this processor.  HSTOOLS_KERNEL=baseline|avx2|avx512|amx in the
 * environment asks for a lesser one; it is chosen on the first call, which
 * must come before threads are started. */
const struct hs_kern *hs_kern(void);

/* Makes the table of that name the one to use, before threads are started;
 * false if this processor has none.  For tests. */
bool hs_kern_use(const char *name);

/* One product of a group that shares its input. */
struct hs_product {
    float *out;                /* (n_rows, w->rows) at out_stride */
    size_t out_stride;         /* floats from row to row */
    const struct hs_matrix *w; /* (w->rows, w->cols), as stored */
    const float *bias;         /* (w->rows) or NULL */
};

/* out = x . w^T + bias for each of n products; x (n_rows, k) at x_stride,
 * k = w->cols of all of them.  All threads of a team call it, with the same
 * arguments; it begins when x is there and ends when out is.  Weights stay in
 * their stored type and are widened to f32, or split, a tile at a time.
 * scratch: hs_product_scratch() floats, aligned to 64 bytes.  A row that is not
 * finite gives results that are not, and leaves the other rows alone. */
void hs_products(struct hs_team *team, size_t thread,
                 const struct hs_product *p, size_t n, const float *x,
                 size_t x_stride, size_t n_rows, float *scratch);
size_t hs_product_scratch(size_t n_threads, size_t max_rows, size_t max_k);

/* Row i of out (n_rows, dim) = row ids[i] of the table w, widened. */
void hs_gather(float *out, size_t out_stride, const struct hs_matrix *w,
               const uint32_t *ids, size_t n_rows);

#endif
