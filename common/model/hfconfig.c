/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hfconfig.c - see hfconfig.h.
 */
#include <config.h>

#include "model/hfconfig.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

enum {
    MAX_CONFIG_BYTES = 1 << 22
};

static const struct {
    const char *type, *architecture;
    enum hs_family family;
} families[] = {
    {"qwen2", "Qwen2ForCausalLM", HS_QWEN2},
    {"qwen3", "Qwen3ForCausalLM", HS_QWEN3},
    {"llama", "LlamaForCausalLM", HS_LLAMA},
};

const char *
hs_family_name(enum hs_family f)
{
    return families[f].type;
}

static int
read_family(struct hs_config *c, const json_t *j, const char *where,
            struct hs_error *err)
{
    const char *type = NULL, *arch = NULL;
    const json_t *list = json_object_get(j, "architectures");

    if (hs_json_str(j, "model_type", where, &type, err) < 0)
        return -1;
    if (type == NULL)
        return hs_fail(err, "%s: no model_type", where);
    if (list != NULL && !json_is_null(list)) {
        if (!json_is_array(list) || json_array_size(list) != 1 ||
            !json_is_string(json_array_get(list, 0)))
            return hs_fail(err, "%s: architectures: not a list of one name",
                           where);
        arch = json_string_value(json_array_get(list, 0));
    }
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (strcmp(type, families[i].type) != 0)
            continue;
        if (arch != NULL && strcmp(arch, families[i].architecture) != 0)
            return hs_fail(err, "%s: architecture %s is not supported", where,
                           arch);
        c->family = families[i].family;
        return 0;
    }
    return hs_fail(err,
                   "%s: model type %s%s%s%s is not supported (qwen2, qwen3 "
                   "and llama are)",
                   where, type, arch ? " (" : "", arch ? arch : "",
                   arch ? ")" : "");
}

/* One size that must be there, within 1 and max. */
static int
need(const json_t *j, const char *key, const char *where, uint64_t max,
     size_t *out, struct hs_error *err)
{
    uint64_t v = 0;
    int rc = hs_json_u64(j, key, where, 1, max, &v, err);

    if (rc == 0)
        return hs_fail(err, "%s: no %s", where, key);
    *out = (size_t)v;
    return rc < 0 ? -1 : 0;
}

/* One size with a default. */
static int
want(const json_t *j, const char *key, const char *where, uint64_t max,
     size_t fallback, size_t *out, struct hs_error *err)
{
    uint64_t v = fallback;

    if (hs_json_u64(j, key, where, 1, max, &v, err) < 0)
        return -1;
    *out = (size_t)v;
    return 0;
}

static int
read_sizes(struct hs_config *c, const json_t *j, const char *where,
           struct hs_error *err)
{
    if (need(j, "hidden_size", where, 1 << 20, &c->dim, err) < 0 ||
        need(j, "num_hidden_layers", where, 4096, &c->n_layers, err) < 0 ||
        need(j, "num_attention_heads", where, 4096, &c->n_heads, err) < 0 ||
        need(j, "intermediate_size", where, 1 << 22, &c->ffn_dim, err) < 0 ||
        need(j, "vocab_size", where, 1 << 24, &c->n_vocab, err) < 0 ||
        want(j, "max_position_embeddings", where, 1 << 28,
             c->family == HS_LLAMA ? 2048 : 32768, &c->max_positions,
             err) < 0 ||
        want(j, "num_key_value_heads", where, 4096, c->n_heads, &c->n_kv_heads,
             err) < 0)
        return -1;
    if (json_object_get(j, "head_dim") == NULL ||
        json_is_null(json_object_get(j, "head_dim"))) {
        /* Qwen3's own default; the others divide. */
        c->head_dim = c->family == HS_QWEN3 ? 128 : c->dim / c->n_heads;
        if (c->family != HS_QWEN3 && c->dim % c->n_heads != 0)
            return hs_fail(err,
                           "%s: hidden_size %zu is no multiple of "
                           "num_attention_heads %zu",
                           where, c->dim, c->n_heads);
    } else if (need(j, "head_dim", where, 1 << 16, &c->head_dim, err) < 0) {
        return -1;
    }
    if (c->head_dim % 2 != 0 || c->head_dim == 0)
        return hs_fail(err, "%s: head_dim %zu is not even", where, c->head_dim);
    if (c->n_heads % c->n_kv_heads != 0)
        return hs_fail(err,
                       "%s: num_attention_heads %zu is no multiple of "
                       "num_key_value_heads %zu",
                       where, c->n_heads, c->n_kv_heads);
    return 0;
}

static int
read_switches(struct hs_config *c, const json_t *j, const char *where,
              struct hs_error *err)
{
    const char *act = "silu";
    bool attention_bias = false, sliding = false;
    double eps = 1e-6, pretraining_tp = 1;

    c->tied = false;
    c->mlp_bias = false;
    if (hs_json_str(j, "hidden_act", where, &act, err) < 0 ||
        hs_json_bool(j, "tie_word_embeddings", where, &c->tied, err) < 0 ||
        hs_json_bool(j, "attention_bias", where, &attention_bias, err) < 0 ||
        hs_json_bool(j, "mlp_bias", where, &c->mlp_bias, err) < 0 ||
        hs_json_bool(j, "use_sliding_window", where, &sliding, err) < 0 ||
        hs_json_f64(j, "rms_norm_eps", where, &eps, err) < 0 ||
        hs_json_f64(j, "pretraining_tp", where, &pretraining_tp, err) < 0)
        return -1;
    if (strcmp(act, "silu") != 0)
        return hs_fail(err, "%s: hidden_act %s is not supported (silu is)",
                       where, act);
    if (sliding)
        return hs_fail(err, "%s: use_sliding_window is not supported", where);
    if (json_is_object(json_object_get(j, "quantization_config")))
        return hs_fail(err,
                       "%s: quantization_config: quantized weights are "
                       "not supported",
                       where);
    if (!(eps > 0 && eps < 1))
        return hs_fail(err, "%s: rms_norm_eps %g is not within 0 to 1", where,
                       eps);
    if (c->family != HS_LLAMA && c->mlp_bias)
        return hs_fail(err, "%s: mlp_bias is no part of %s", where,
                       hs_family_name(c->family));
    c->norm_eps = (float)eps;
    c->qkv_bias = c->family == HS_QWEN2 ? true : attention_bias;
    c->o_bias = c->family == HS_QWEN2 ? false : attention_bias;
    return 0;
}

static int
read_llama3(struct hs_config *c, const json_t *s, const char *where,
            struct hs_error *err)
{
    double low = 0, high = 0, original = 0;

    if (hs_json_f64(s, "low_freq_factor", where, &low, err) < 0 ||
        hs_json_f64(s, "high_freq_factor", where, &high, err) < 0 ||
        hs_json_f64(s, "original_max_position_embeddings", where, &original,
                    err) < 0)
        return -1;
    if (!(low > 0) || !(high > low) || !(original > 0))
        return hs_fail(err,
                       "%s: llama3 needs 0 < low_freq_factor < "
                       "high_freq_factor and "
                       "original_max_position_embeddings",
                       where);
    c->rope = HS_ROPE_LLAMA3;
    c->rope_low = low;
    c->rope_high = high;
    c->rope_original = original;
    return 0;
}

/* The scaling is under rope_scaling (with "type" in old files), in new files
 * under rope_parameters, beside rope_theta. */
static int
read_rope(struct hs_config *c, const json_t *j, const char *file,
          struct hs_error *err)
{
    const json_t *s = json_object_get(j, "rope_parameters");
    const char *type = NULL, *where = file;
    double factor = 1;

    if (s == NULL || json_is_null(s))
        s = json_object_get(j, "rope_scaling");
    c->rope_theta = 10000.0;
    c->rope = HS_ROPE_PLAIN;
    if (hs_json_f64(j, "rope_theta", where, &c->rope_theta, err) < 0)
        return -1;
    if (s != NULL && !json_is_null(s)) {
        if (!json_is_object(s))
            return hs_fail(err, "%s: rope scaling is not an object", where);
        if (hs_json_f64(s, "rope_theta", where, &c->rope_theta, err) < 0 ||
            hs_json_str(s, "type", where, &type, err) < 0 ||
            hs_json_str(s, "rope_type", where, &type, err) < 0 ||
            hs_json_f64(s, "factor", where, &factor, err) < 0)
            return -1;
        if (type == NULL)
            return hs_fail(err, "%s: rope scaling without rope_type", where);
    }
    if (!(c->rope_theta > 0))
        return hs_fail(err, "%s: rope_theta %g is not positive", where,
                       c->rope_theta);
    if (type == NULL || strcmp(type, "default") == 0)
        return 0;
    if (!(factor > 0))
        return hs_fail(err, "%s: rope factor %g is not positive", where,
                       factor);
    c->rope_factor = factor;
    if (strcmp(type, "linear") == 0) {
        c->rope = HS_ROPE_LINEAR;
        return 0;
    }
    if (strcmp(type, "llama3") == 0)
        return read_llama3(c, s, where, err);
    return hs_fail(err,
                   "%s: rope_type %s is not supported (default, linear "
                   "and llama3 are)",
                   where, type);
}

static int
add_eos(struct hs_config *c, const json_t *v, const char *where,
        struct hs_error *err)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        (uint64_t)json_integer_value(v) >= c->n_vocab)
        return hs_fail(err, "%s: eos_token_id: not an id below vocab_size",
                       where);
    if (c->n_eos == HS_MAX_EOS)
        return hs_fail(err, "%s: eos_token_id: more than %d ids", where,
                       HS_MAX_EOS);
    c->eos[c->n_eos++] = (uint32_t)json_integer_value(v);
    return 0;
}

/* eos_token_id is an id, a list of ids, or null.  1 when it is there. */
static int
read_eos(struct hs_config *c, const json_t *j, const char *where,
         struct hs_error *err)
{
    const json_t *v = json_object_get(j, "eos_token_id");

    if (v == NULL || json_is_null(v))
        return 0;
    c->n_eos = 0;
    if (!json_is_array(v))
        return add_eos(c, v, where, err) < 0 ? -1 : 1;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (add_eos(c, json_array_get(v, i), where, err) < 0)
            return -1;
    return 1;
}

static int
read_bos(struct hs_config *c, const json_t *j, const char *where,
         struct hs_error *err)
{
    uint64_t v = 0;
    int rc = hs_json_u64(j, "bos_token_id", where, 0, UINT32_MAX, &v, err);

    if (rc > 0)
        c->bos = (int64_t)v;
    return rc < 0 ? -1 : 0;
}

static int
read_all(struct hs_config *c, const json_t *j, const char *where,
         struct hs_error *err)
{
    c->bos = -1;
    if (read_family(c, j, where, err) < 0 || read_sizes(c, j, where, err) < 0 ||
        read_switches(c, j, where, err) < 0 ||
        read_rope(c, j, where, err) < 0 || read_bos(c, j, where, err) < 0 ||
        read_eos(c, j, where, err) < 0)
        return -1;
    return 0;
}

/* generation_config.json lists all ids that end a text; config.json often only
 * the first. */
static int
read_generation(struct hs_config *c, const char *path, struct hs_error *err)
{
    json_t *j;
    int rc;

    if (access(path, F_OK) < 0 && errno == ENOENT)
        return 0;
    j = hs_json_load(path, MAX_CONFIG_BYTES, err);
    if (j == NULL)
        return -1;
    rc = read_eos(c, j, path, err);
    json_decref(j);
    return rc < 0 ? -1 : 0;
}

int
hs_config_load(struct hs_config *c, const char *dir, struct hs_error *err)
{
    struct hs_buf path = {0};
    json_t *j;
    int rc = -1;

    *c = (struct hs_config){0};
    hs_buf_printf(&path, "%s/config.json", dir);
    j = hs_json_load(hs_buf_cstr(&path), MAX_CONFIG_BYTES, err);
    if (j != NULL)
        rc = read_all(c, j, hs_buf_cstr(&path), err);
    json_decref(j);
    path.len = 0;
    hs_buf_printf(&path, "%s/generation_config.json", dir);
    if (rc == 0)
        rc = read_generation(c, hs_buf_cstr(&path), err);
    hs_buf_free(&path);
    return rc;
}

void
hs_rope_inv_freq(const struct hs_config *c, double *out)
{
    const double two_pi = 6.283185307179586476925;

    for (size_t i = 0; i < c->head_dim / 2; i++) {
        double f = pow(c->rope_theta, -2.0 * (double)i / (double)c->head_dim);
        double wavelength = two_pi / f, smooth;

        if (c->rope == HS_ROPE_LINEAR) {
            f /= c->rope_factor;
        } else if (c->rope == HS_ROPE_LLAMA3 &&
                   wavelength > c->rope_original / c->rope_low) {
            f /= c->rope_factor;
        } else if (c->rope == HS_ROPE_LLAMA3 &&
                   wavelength >= c->rope_original / c->rope_high) {
            smooth = (c->rope_original / wavelength - c->rope_low) /
                     (c->rope_high - c->rope_low);
            f = (1 - smooth) * f / c->rope_factor + smooth * f;
        }
        out[i] = f;
    }
}
