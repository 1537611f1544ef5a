/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hfconfig.h - what a Hugging Face config.json says about a model.
 *
 * Families: qwen2, qwen3, llama.  Whatever the forward pass does not compute
 * (other families, activations, rotary scalings, sliding windows) is refused
 * by name.
 */
#ifndef HS_HFCONFIG_H
#define HS_HFCONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum hs_family {
    HS_QWEN2, /* bias on q, k, v */
    HS_QWEN3, /* norm of each head of q and k */
    HS_LLAMA
};

enum hs_rope {
    HS_ROPE_PLAIN,
    HS_ROPE_LINEAR, /* positions divided by factor */
    HS_ROPE_LLAMA3  /* low frequencies divided by factor, smoothly */
};

enum {
    HS_MAX_EOS = 16
};

struct hs_config {
    enum hs_family family;
    size_t dim;      /* hidden_size */
    size_t n_layers; /* num_hidden_layers */
    size_t n_heads;  /* num_attention_heads */
    size_t n_kv_heads;
    size_t head_dim; /* dim / n_heads unless the file says otherwise */
    size_t ffn_dim;  /* intermediate_size */
    size_t n_vocab;
    size_t max_positions;
    float norm_eps;
    bool tied; /* the head is the embedding */
    bool qkv_bias, o_bias, mlp_bias;

    double rope_theta;
    enum hs_rope rope;
    double rope_factor, rope_low, rope_high, rope_original;

    uint32_t eos[HS_MAX_EOS]; /* generation_config.json first */
    size_t n_eos;
    int64_t bos; /* -1 if there is none */
};

/* "qwen2", "qwen3" or "llama". */
const char *hs_family_name(enum hs_family f);

/* Reads dir/config.json and, where it exists, dir/generation_config.json.
 * Returns 0, or -1 with file and key. */
HS_MUST_CHECK int hs_config_load(struct hs_config *c, const char *dir,
                                 struct hs_error *err);

/* The same from n bytes of config.json; where stands for the file in
 * messages.  generation_config.json, whose list of ids that end a text is the
 * full one, goes to the second function, behind the first. */
HS_MUST_CHECK int hs_config_parse(struct hs_config *c, const char *text,
                                  size_t n, const char *where,
                                  struct hs_error *err);
HS_MUST_CHECK int hs_config_parse_generation(struct hs_config *c,
                                             const char *text, size_t n,
                                             const char *where,
                                             struct hs_error *err);

/* The head_dim / 2 rotary frequencies, in radians per position: theta^(-2i /
 * head_dim) (Su et al. 2021), scaled as the Llama 3.1 reference code does. */
void hs_rope_inv_freq(const struct hs_config *c, double *out);

#endif
