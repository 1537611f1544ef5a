/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * weights.h - the tensors of a model, by their roles.
 *
 * Matrices stay where they are mapped, in their stored type.  Vectors are
 * widened to f32.
 */
#ifndef HS_WEIGHTS_H
#define HS_WEIGHTS_H

#include <stddef.h>

#include "base/error.h"
#include "model/hfconfig.h"
#include "model/safetens.h"

/* (rows, cols) = (outputs, inputs), row-major. */
struct hs_matrix {
    const void *data; /* borrowed from the files */
    enum hs_wtype type;
    size_t rows, cols;
};

struct hs_layer {
    struct hs_matrix q;        /* (n_heads * head_dim, dim) */
    struct hs_matrix k, v;     /* (n_kv_heads * head_dim, dim) */
    struct hs_matrix o;        /* (dim, n_heads * head_dim) */
    struct hs_matrix gate, up; /* (ffn_dim, dim) */
    struct hs_matrix down;     /* (dim, ffn_dim) */
    /* One entry per output of the matrix; NULL where the family has none. */
    float *q_bias, *k_bias, *v_bias, *o_bias, *gate_bias, *up_bias, *down_bias;
    float *attn_norm, *ffn_norm; /* (dim) */
    float *q_norm, *k_norm;      /* (head_dim), or NULL */
};

struct hs_weights {
    struct hs_matrix embed; /* (n_vocab, dim) */
    struct hs_matrix head;  /* (n_vocab, dim): embed again if tied */
    float *final_norm;      /* (dim) */
    struct hs_layer *layers;
    size_t n_layers;
};

/* Finds every tensor that the configuration asks for and checks its type and
 * shape; a tensor that it does not ask for is an error too, since it would be
 * a part of the model that is not computed.  files is borrowed until
 * hs_weights_free().  Returns 0, or -1 with the tensor's name. */
HS_MUST_CHECK int hs_weights_load(struct hs_weights *w,
                                  const struct hs_config *c,
                                  const struct hs_safetens *files,
                                  struct hs_error *err);
void hs_weights_free(struct hs_weights *w);

#endif
