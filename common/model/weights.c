/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * weights.c - see weights.h.
 */
#include <config.h>

#include "model/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/kernel.h"

enum {
    NAME_MAX_LEN = 128
};

/* The tensors still to be accounted for. */
struct loader {
    const struct hs_config *c;
    const struct hs_safetens *files;
    bool *used; /* (number of tensors) */
    struct hs_error *err;
};

static const struct hs_tensor *
find(struct loader *l, const char *name)
{
    size_t i;
    const struct hs_tensor *t = hs_safetens_find(l->files, name, &i);

    if (t == NULL) {
        hs_fail(l->err, "%s: no tensor %s", hs_safetens_name(l->files), name);
        return NULL;
    }
    l->used[i] = true;
    if (t->type == HS_W_OTHER) {
        hs_fail(l->err,
                "%s: %s: type %s is not supported (BF16, F16 and F32 "
                "are)",
                hs_safetens_name(l->files), name, t->type_name);
        return NULL;
    }
    return t;
}

static int
load_matrix(struct loader *l, const char *name, struct hs_matrix *m,
            size_t rows, size_t cols)
{
    const struct hs_tensor *t = find(l, name);

    if (t == NULL)
        return -1;
    if (t->n_dims != 2 || t->shape[0] != rows || t->shape[1] != cols)
        return hs_fail(l->err, "%s: %s: shape %s, config.json says %zu x %zu",
                       hs_safetens_name(l->files), name, t->shape_text, rows,
                       cols);
    *m = (struct hs_matrix){t->data, t->type, rows, cols};
    return 0;
}

static int
load_vector(struct loader *l, const char *name, float **out, size_t n)
{
    const struct hs_tensor *t = find(l, name);

    if (t == NULL)
        return -1;
    if (t->n_dims != 1 || t->shape[0] != n)
        return hs_fail(l->err, "%s: %s: shape %s, config.json says %zu",
                       hs_safetens_name(l->files), name, t->shape_text, n);
    *out = hs_calloc64(n, sizeof **out);
    if (t->type == HS_W_BF16)
        hs_kern()->widen_bf16(*out, t->data, n);
    else if (t->type == HS_W_F16)
        hs_kern()->widen_f16(*out, t->data, n);
    else
        memcpy(*out, t->data, n * sizeof **out);
    for (size_t i = 0; i < n; i++)
        if (!isfinite((*out)[i]))
            return hs_fail(l->err, "%s: %s: entry %zu is not finite",
                           hs_safetens_name(l->files), name, i);
    return 0;
}

/* A matrix and, if has_bias, its bias, of one layer. */
static int
load_linear(struct loader *l, size_t layer, const char *part,
            struct hs_matrix *m, size_t rows, size_t cols, bool has_bias,
            float **bias)
{
    char name[NAME_MAX_LEN];

    (void)snprintf(name, sizeof name, "model.layers.%zu.%s.weight", layer,
                   part);
    if (load_matrix(l, name, m, rows, cols) < 0)
        return -1;
    if (!has_bias)
        return 0;
    (void)snprintf(name, sizeof name, "model.layers.%zu.%s.bias", layer, part);
    return load_vector(l, name, bias, rows);
}

static int
load_norm(struct loader *l, size_t layer, const char *part, float **out,
          size_t n)
{
    char name[NAME_MAX_LEN];

    (void)snprintf(name, sizeof name, "model.layers.%zu.%s.weight", layer,
                   part);
    return load_vector(l, name, out, n);
}

static int
load_layer(struct loader *l, size_t i, struct hs_layer *w)
{
    const struct hs_config *c = l->c;
    size_t q = hs_mul(c->n_heads, c->head_dim);
    size_t kv = hs_mul(c->n_kv_heads, c->head_dim);

    if (load_linear(l, i, "self_attn.q_proj", &w->q, q, c->dim, c->qkv_bias,
                    &w->q_bias) < 0 ||
        load_linear(l, i, "self_attn.k_proj", &w->k, kv, c->dim, c->qkv_bias,
                    &w->k_bias) < 0 ||
        load_linear(l, i, "self_attn.v_proj", &w->v, kv, c->dim, c->qkv_bias,
                    &w->v_bias) < 0 ||
        load_linear(l, i, "self_attn.o_proj", &w->o, c->dim, q, c->o_bias,
                    &w->o_bias) < 0 ||
        load_linear(l, i, "mlp.gate_proj", &w->gate, c->ffn_dim, c->dim,
                    c->mlp_bias, &w->gate_bias) < 0 ||
        load_linear(l, i, "mlp.up_proj", &w->up, c->ffn_dim, c->dim,
                    c->mlp_bias, &w->up_bias) < 0 ||
        load_linear(l, i, "mlp.down_proj", &w->down, c->dim, c->ffn_dim,
                    c->mlp_bias, &w->down_bias) < 0 ||
        load_norm(l, i, "input_layernorm", &w->attn_norm, c->dim) < 0 ||
        load_norm(l, i, "post_attention_layernorm", &w->ffn_norm, c->dim) < 0)
        return -1;
    if (c->family != HS_QWEN3)
        return 0;
    if (load_norm(l, i, "self_attn.q_norm", &w->q_norm, c->head_dim) < 0)
        return -1;
    return load_norm(l, i, "self_attn.k_norm", &w->k_norm, c->head_dim);
}

/* Tensors without a role in a model of these families: frequencies that old
 * checkpoints carry along, and the head that tying makes a copy. */
static bool
may_be_ignored(const struct hs_config *c, const char *name)
{
    size_t n = strlen(name);
    static const char freq[] = "rotary_emb.inv_freq";

    if (n >= sizeof freq - 1 && strcmp(name + n - (sizeof freq - 1), freq) == 0)
        return true;
    return c->tied && strcmp(name, "lm_head.weight") == 0;
}

static int
load_all(struct loader *l, struct hs_weights *w)
{
    const struct hs_config *c = l->c;

    if (load_matrix(l, "model.embed_tokens.weight", &w->embed, c->n_vocab,
                    c->dim) < 0 ||
        load_vector(l, "model.norm.weight", &w->final_norm, c->dim) < 0)
        return -1;
    w->head = w->embed;
    if (!c->tied &&
        load_matrix(l, "lm_head.weight", &w->head, c->n_vocab, c->dim) < 0)
        return -1;
    for (size_t i = 0; i < c->n_layers; i++)
        if (load_layer(l, i, &w->layers[i]) < 0)
            return -1;
    for (size_t i = 0; i < hs_safetens_count(l->files); i++) {
        const char *name = hs_safetens_at(l->files, i)->name;

        if (!l->used[i] && !may_be_ignored(c, name))
            return hs_fail(l->err,
                           "%s: tensor %s is no part of a %s model "
                           "with this config.json",
                           hs_safetens_name(l->files), name,
                           hs_family_name(c->family));
    }
    return 0;
}

int
hs_weights_load(struct hs_weights *w, const struct hs_config *c,
                const struct hs_safetens *files, struct hs_error *err)
{
    struct loader l = {.c = c, .files = files, .err = err};
    int rc;

    *w = (struct hs_weights){0};
    w->layers = hs_calloc(c->n_layers, sizeof *w->layers);
    w->n_layers = c->n_layers;
    l.used = hs_calloc(hs_safetens_count(files), sizeof *l.used);
    rc = load_all(&l, w);
    free(l.used);
    if (rc < 0)
        hs_weights_free(w);
    return rc;
}

void
hs_weights_free(struct hs_weights *w)
{
    for (size_t i = 0; i < w->n_layers; i++) {
        struct hs_layer *y = &w->layers[i];
        float *owned[] = {y->q_bias,    y->k_bias,  y->v_bias,    y->o_bias,
                          y->gate_bias, y->up_bias, y->down_bias, y->attn_norm,
                          y->ffn_norm,  y->q_norm,  y->k_norm};

        for (size_t j = 0; j < sizeof owned / sizeof owned[0]; j++)
            free(owned[j]);
    }
    free(w->layers);
    free(w->final_norm);
    *w = (struct hs_weights){0};
}
