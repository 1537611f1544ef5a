// SPDX-License-Identifier: GPL-3.0-or-later
//
// The decoder that trainer.c trains: its parameters in one block of floats, and
// loss and gradient of one sequence. Reads no files and knows no optimizer.

#ifndef LEARNER_H
#define LEARNER_H

#include <stddef.h>
#include <stdint.h>

#define MAX_TOKENS 256 /* of one sequence */

struct shape {
    int dim, n_layers, n_heads, n_kv_heads, ffn_dim, n_vocab;
    int head_dim, q_dim, kv_dim; /* make_model() fills these in */
};

/* Where each tensor of a layer starts, counted from the layer's start. */
struct layout {
    size_t norm1, norm2, wq, bq, wk, bk, wv, bv, wo, w_gate, w_up, w_down;
    size_t embedding, norm, layers; /* counted from the start of all */
    size_t layer_size, n_params;
};

/* What the backward pass needs of a layer's forward pass. */
struct layer_state {
    float *x;         /* (n_tokens, dim): the layer's input */
    float *n1, *r1;   /* (n_tokens, dim), (n_tokens): normed, 1 / RMS */
    float *q, *k, *v; /* (n_tokens, q_dim), (n_tokens, kv_dim) twice */
    float *att;       /* (n_heads, n_tokens, n_tokens): probabilities */
    float *o;         /* (n_tokens, q_dim): heads, before wo */
    float *x1;        /* (n_tokens, dim): after attention */
    float *n2, *r2;   /* (n_tokens, dim), (n_tokens) */
    float *gate, *up; /* (n_tokens, ffn_dim) */
    float *act;       /* (n_tokens, ffn_dim): silu(gate) * up */
};

/* One thread's memory: activations, their gradients, and sums of its own. */
struct worker {
    struct layer_state *layers;
    float *x_last, *normed, *r_last; /* (n_tokens, dim) twice, (n_tokens) */
    float *logits;                   /* (n_tokens, n_vocab) */
    float *dx, *dn;                  /* (n_tokens, dim) */
    float *dq, *dk, *dv, *d_o;       /* as q, k, v, o */
    float *d_gate, *d_up, *d_act;    /* (n_tokens, ffn_dim) */
    float *d_att;                    /* (n_tokens, n_tokens) */
    float *grad;                     /* (n_params) */
    double loss, n_targets, n_hits;  /* over response tokens */
    double objective;                /* what grad is the gradient of */
};

struct model {
    struct shape s;
    struct layout at;
    float *params;              /* (n_params) */
    float *rope_cos, *rope_sin; /* (MAX_TOKENS, head_dim / 2) */
};

/* Prints a message and ends the program. */
_Noreturn void die(const char *object, const char *reason);

/* Zeroed memory, never freed: the program lives as long as the model. */
void *allocate(size_t count, size_t size);

/* Random numbers come from one state for the whole program. */
void random_seed(long seed);
size_t random_below(size_t limit);
float random_normal(void);

/* A model with random parameters. */
struct model make_model(struct shape shape);

struct worker *make_worker(const struct model *m);

/* Forward and backward over one sequence, which is its length, the length of
   its prompt and its ids; the last token is only a target. Adds to the sums and
   the gradient of w. */
void learn_sequence(struct worker *w, const struct model *m,
                    const uint16_t *sequence);

#endif
