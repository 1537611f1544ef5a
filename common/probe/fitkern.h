/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fitkern.h - the inner loops of mlp.c, one table for each instruction set.
 *
 * fitkern.c is compiled once for each set as kern.c is; fitamx.c has the
 * products of the matrix unit.  All functions are pure, single-threaded and
 * cannot fail; each number is the sum of its terms in one fixed order, so
 * neither how rows are grouped into calls nor who makes a call changes a bit.
 *
 * A panel holds HS_FIT_LANES hidden units side by side: weights (d, lanes),
 * activations (rows, lanes), everything else of a unit (lanes).  Rows are
 * states; they are packed in groups, and where a group is not full the rest of
 * it is packed as zeros.
 */
#ifndef HS_FITKERN_H
#define HS_FITKERN_H

#include <stddef.h>
#include <stdint.h>

enum {
    HS_FIT_LANES = 32
};

/* AdamW at one step, as factors: m += (g - m) * take1; v += (g * g - v) *
 * take2; p -= p * shrink + rate * m / (sqrt(v) * grow2 + eps).  Small numbers,
 * not those near 1, whose last bits as f32 would add up over the steps. */
struct hs_fit_rate {
    float shrink, take1, take2, grow2, eps, rate;
};

/* What gradients are for: w, m, v (d, lanes) of a panel, stride floats from
 * panel to panel, and gain (lanes) of panel after panel, by which
 * they are multiplied. */
struct hs_fit_update {
    float *w, *m, *v;
    size_t stride;
    const float *gain;
    const struct hs_fit_rate *rate;
};

/* The two products of a step, on rows that are packed once. */
struct hs_fit_product {
    size_t rows;    /* of a group */
    size_t run;     /* inputs that gradient() takes at most */
    size_t scratch; /* bytes that forward() needs, aligned to 64 */

    /* Bytes of a group of rows of d inputs, a multiple of 64. */
    size_t (*group_size)(size_t d);

    /* Around the other calls, on each thread. */
    void (*begin)(void);
    void (*end)(void);

    /* Rows x (n_rows, d), stride floats apart, become a group. */
    void (*pack)(void *group, const float *x, size_t stride, size_t n_rows,
                 size_t d);

    /* For each of n_panels panels: z (n_groups * rows, lanes) at z_stride
     * floats from panel to panel = groups . w, w (d, lanes) at w_stride. */
    void (*forward)(float *z, size_t z_stride, const void *groups,
                    size_t n_groups, const float *w, size_t w_stride,
                    size_t n_panels, size_t d, void *scratch);

    /* What forward() took becomes what gradient() takes: each row times its
     * du (rows).  In place. */
    void (*turn)(void *group, const float *du, size_t d);

    /* Activations of a panel, a (n_groups * rows, lanes), become what
     * gradient() takes: where they are positive.  In place. */
    void (*gate)(float *a, const float *du, size_t n_groups);

    /* For each of n_panels panels: g (run, lanes) = sum over rows of x[j0 + j]
     * * du where the gate is open, for j < n_j <= run, j0 a multiple of run;
     * or, if update is not NULL, AdamW of those inputs, and g is scratch. */
    void (*gradient)(float *g, const void *groups, size_t n_groups,
                     const float *gates, size_t gate_stride, size_t n_panels,
                     size_t d, size_t j0, size_t n_j,
                     const struct hs_fit_update *update);
};

struct hs_fitkern {
    const char *name; /* as that of hs_kern() */
    const struct hs_fit_product *product;

    /* 0, or NaN if one of n numbers is not finite. */
    float (*taint)(const float *x, size_t n);

    /* Activations of a panel in place, a (n_rows, lanes): max(0, a + b), NaN
     * stays NaN; u[r] = their sum times w2. */
    void (*activate)(float *a, float *u, size_t n_rows, const float *b,
                     const float *w2);

    /* db (lanes) += sum over rows of du where a > 0, dw2 += sum of du * a.
     * Closed for zeros: rows whose du is 0 change nothing. */
    void (*head)(const float *a, const float *du, size_t n_rows, float *db,
                 float *dw2);

    /* n rows of w, m, v (n, lanes) by gradients g (n, lanes) * scale (lanes).
     */
    void (*adamw)(float *w, float *m, float *v, const float *g,
                  const float *scale, size_t n, const struct hs_fit_rate *rate);
};

extern const struct hs_fitkern hs_fitkern_baseline;
extern const struct hs_fitkern hs_fitkern_avx2;
extern const struct hs_fitkern hs_fitkern_avx512;
extern const struct hs_fit_product hs_fit_product_amx;

#endif
