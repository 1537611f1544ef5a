/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mlp.h - the network of a probe: d -> hidden -> 1, ReLU, and its AdamW.
 *
 *     u = b2 + sum_h w2[h] * max(0, b1[h] + sum_j w1[h, j] * x[j])
 *
 * f32 arithmetic.  Each number is computed whole by one thread in a fixed
 * order: any size of team gives the same bits.  A head (a sigmoid) is the
 * caller's: he gets u and gives dL/du.  u of a row does not hang on the rows
 * beside it; a row that is not finite has a u that is not, and no other has.
 *
 * Any number of rows: they are worked on in rounds of at most 128 MiB of work
 * space (or 8 groups of rows, if those need more).  Memory beside it: 12 bytes
 * a weight, 8 a row, and 4 a weight more once a step needed several rounds,
 * which computes their activations twice.
 */
#ifndef HS_MLP_H
#define HS_MLP_H

#include <stddef.h>
#include <stdint.h>

#include "base/team.h"

/* AdamW (Loshchilov and Hutter 2019), decoupled, in the order of PyTorch:
 * p *= 1 - lr * weight_decay; m, v; p -= lr * m^ / (sqrt(v^) + eps).  Weights
 * and biases alike.  eps > 0. */
struct hs_adamw {
    double lr, beta1, beta2, eps, weight_decay;
};

/* The rows of a batch; get() may be called by any thread, and writes d floats
 * to out. */
struct hs_rows {
    void (*get)(void *ud, size_t row, float *out);
    void *ud;
    size_t n;
};

struct hs_mlp;

/* d, hidden >= 1; weights are zero.  team is borrowed; NULL: the caller
 * alone. */
struct hs_mlp *hs_mlp_new(size_t d, size_t hidden, struct hs_team *team);
/* Takes NULL. */
void hs_mlp_free(struct hs_mlp *m);

/* Uniform(-k, k), k = 1 / sqrt(inputs of the layer), weights and biases, as
 * the linear layers of PyTorch; a draw belongs to (seed, row, column). */
void hs_mlp_init(struct hs_mlp *m, uint64_t seed);

/* The weights: w1 (hidden, d), b1 (hidden), w2 (hidden), b2 (1).  Setting them
 * clears the moments of AdamW and its count of steps. */
void hs_mlp_set(struct hs_mlp *m, const float *w1, const float *b1,
                const float *w2, float b2);
void hs_mlp_get(const struct hs_mlp *m, float *w1, float *b1, float *w2,
                float *b2);

/* u (rows->n) of all rows. */
void hs_mlp_forward(struct hs_mlp *m, const struct hs_rows *rows, float *u);

/* One step: forward; loss(ud, u, du) reads u (n) and writes dL/du (n), on the
 * calling thread; gradients; AdamW. */
void hs_mlp_step(struct hs_mlp *m, const struct hs_rows *rows,
                 void (*loss)(void *ud, const float *u, float *du), void *ud,
                 const struct hs_adamw *adamw);

/* Gradients of sum_i du[i] * u[i] with respect to the weights, without a step:
 * the shapes of hs_mlp_get().  For tests; slower. */
void hs_mlp_gradient(struct hs_mlp *m, const struct hs_rows *rows,
                     const float *du, float *w1, float *b1, float *w2,
                     float *b2);

/* sum_i |x_ij * scale[i] * du_i/dx_ij| over rows i is added to out (d):
 * gradient times input of each coordinate; and sum_i scale[i] * du_i/dx_ij to
 * slope (d).  scale (rows->n) is that of each row, the slope of a head for
 * example. */
void hs_mlp_saliency(struct hs_mlp *m, const struct hs_rows *rows,
                     const float *scale, double *out, double *slope);

#endif
