/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * colscore.h - what the weights that read a layer of the residual stream make
 * of each coordinate, without any probe.
 *
 * The matrices that read layer l < n_layers are q, k, v of block l, behind its
 * attention norm, and gate and up behind its other norm (which sees the same
 * coordinate through the residual connection); of layer n_layers, the head
 * behind the final norm.  g is the weight of the norm before a matrix.
 */
#ifndef HS_COLSCORE_H
#define HS_COLSCORE_H

#include "model/model.h"

/* out (dim): sum over matrices W of |g_j| sum_i |W[i,j]|. */
void hs_column_magnitude(const struct hs_model *m, size_t layer, double *out);

/* out (dim): sum over matrices W of (mean_i |W[i,j]|) |g_j| normed[j], after
 * Sun et al. 2023 (Wanda: |W| times the norm of its input).  normed (dim): see
 * calib.h; it stands for what the norm makes of the coordinate before gate and
 * up too, where it is not measured. */
void hs_column_wanda(const struct hs_model *m, size_t layer,
                     const double *normed, double *out);

#endif
