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

/* Members that would change what is computed, and their value that does not;
 * NAN where there is none.  null and false do not either. */
static const struct {
    const char *key;
    double neutral;
} foreign[] = {
    {"attention_multiplier", NAN},
    {"attn_logit_softcapping", NAN},
    {"compression_config", NAN},
    {"embedding_multiplier", 1},
    {"final_logit_softcapping", NAN},
    {"logit_scale", 1},
    {"logits_scaling", 1},
    {"n_routed_experts", 0},
    {"no_rope_layers", NAN},
    {"num_experts", 0},
    {"num_local_experts", 0},
    {"partial_rotary_factor", 1},
    {"qk_layernorm", NAN},
    {"quantization", NAN},
    {"quantization_config", NAN},
    {"query_pre_attn_scalar", NAN},
    {"residual_multiplier", 1},
    {"rotary_pct", 1},
    {"use_mrope", NAN},
    {"use_qk_norm", NAN},
};

/* Refuses a member with the start of its value. */
static int
refuse(const char *where, const char *key, const json_t *v,
       struct hs_error *err)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

    hs_fail(err, "%s: %s %.80s is not supported", where, key,
            text ? text : "(unprintable)");
    free(text);
    return -1;
}

static int
read_foreign(const struct hs_config *c, const json_t *j, const char *where,
             struct hs_error *err)
{
    const json_t *types = json_object_get(j, "layer_types");

    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        const json_t *v = json_object_get(j, foreign[i].key);

        if (v == NULL || json_is_null(v) || json_is_false(v) ||
            (json_is_number(v) && json_number_value(v) == foreign[i].neutral))
            continue;
        return refuse(where, foreign[i].key, v, err);
    }
    if (types == NULL || json_is_null(types))
        return 0;
    if (!json_is_array(types) || json_array_size(types) != c->n_layers)
        return hs_fail(err, "%s: layer_types is not a list of %zu names", where,
                       c->n_layers);
    for (size_t i = 0; i < c->n_layers; i++) {
        const json_t *v = json_array_get(types, i);

        if (!json_is_string(v) ||
            strcmp(json_string_value(v), "full_attention") != 0)
            return refuse(where, "layer_types", v, err);
    }
    return 0;
}

/* The type to load as is of no consequence, since weights are taken as they
 * are stored and computed with in f32; but a type that is not one of these
 * means weights that need more than reading. */
static int
read_dtype(const json_t *j, const char *where, struct hs_error *err)
{
    static const char *const keys[] = {"torch_dtype", "dtype"};
    static const char *const known[] = {"bfloat16", "float16", "float32",
                                        "auto"};

    for (size_t k = 0; k < 2; k++) {
        const char *name = "auto";
        size_t i = 0;

        if (hs_json_str(j, keys[k], where, &name, err) < 0)
            return -1;
        while (i < 4 && strcmp(name, known[i]) != 0)
            i++;
        if (i == 4)
            return refuse(where, keys[k], json_object_get(j, keys[k]), err);
    }
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
        return hs_fail(err, "%s: use_sliding_window true is not supported",
                       where);
    if (!((float)eps > 0 && eps < 1))
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

/* What is set about rotary embeddings: rope_scaling (with "type" in old
 * files), or in new files rope_parameters.  NULL if neither is. */
static int
find_rope(const json_t *j, const char *where, const json_t **out,
          const char **name, struct hs_error *err)
{
    const json_t *older = json_object_get(j, "rope_scaling");
    const json_t *newer = json_object_get(j, "rope_parameters");
    bool is_new = newer != NULL && !json_is_null(newer);

    *out = is_new ? newer : older;
    *name = is_new ? "rope_parameters" : "rope_scaling";
    if (*out == NULL || json_is_null(*out)) {
        *out = NULL;
        return 0;
    }
    if (is_new && older != NULL && !json_is_null(older) &&
        !json_equal(older, newer))
        return hs_fail(err,
                       "%s: rope_parameters and rope_scaling are not the "
                       "same",
                       where);
    if (!json_is_object(*out))
        return hs_fail(err, "%s: %s is not an object", where, *name);
    return 0;
}

/* Every member has a meaning here, or is refused. */
static int
check_rope_keys(const json_t *s, const char *where, struct hs_error *err)
{
    static const char *const known[] = {"rope_theta",
                                        "rope_type",
                                        "type",
                                        "factor",
                                        "low_freq_factor",
                                        "high_freq_factor",
                                        "original_max_position_embeddings"};
    const char *key;
    const json_t *v;

    json_object_foreach((json_t *)(uintptr_t)s, key, v)
    {
        size_t i = 0, n = sizeof known / sizeof known[0];

        while (i < n && strcmp(key, known[i]) != 0)
            i++;
        if (i < n || json_is_null(v) ||
            (strcmp(key, "partial_rotary_factor") == 0 && json_is_number(v) &&
             json_number_value(v) == 1.0))
            continue;
        return refuse(where, key, v, err);
    }
    return 0;
}

/* rope_theta, which may stand in two places, and the type of scaling. */
static int
read_rope_type(struct hs_config *c, const json_t *j, const json_t *s,
               const char *file, const char *where, const char **type,
               struct hs_error *err)
{
    const char *old_type = NULL;
    double inner = 0;
    int outer_rc = hs_json_f64(j, "rope_theta", file, &c->rope_theta, err);
    int rc = 0;

    *type = s == NULL ? "default" : NULL;
    if (outer_rc < 0)
        return -1;
    if (s != NULL) {
        rc = hs_json_f64(s, "rope_theta", where, &inner, err);
        if (rc < 0 || hs_json_str(s, "rope_type", where, type, err) < 0 ||
            hs_json_str(s, "type", where, &old_type, err) < 0 ||
            check_rope_keys(s, where, err) < 0)
            return -1;
    }
    if (rc > 0 && outer_rc > 0 && inner != c->rope_theta)
        return hs_fail(err, "%s: rope_theta %g, but %g outside of it", where,
                       inner, c->rope_theta);
    if (rc > 0)
        c->rope_theta = inner;
    if (!(c->rope_theta > 0))
        return hs_fail(err, "%s: rope_theta %g is not positive", where,
                       c->rope_theta);
    if (*type != NULL && old_type != NULL && strcmp(*type, old_type) != 0)
        return hs_fail(err, "%s: rope_type %s, but type %s", where, *type,
                       old_type);
    if (*type == NULL)
        *type = old_type;
    return *type != NULL ? 0 : hs_fail(err, "%s: no rope_type", where);
}

static int
read_scaling(struct hs_config *c, const json_t *s, const char *type,
             const char *where, struct hs_error *err)
{
    double factor = 0;
    bool is_linear = strcmp(type, "linear") == 0;

    if (strcmp(type, "default") == 0)
        return 0;
    if (!is_linear && strcmp(type, "llama3") != 0)
        return hs_fail(err,
                       "%s: rope_type %s is not supported (default, linear "
                       "and llama3 are)",
                       where, type);
    if (hs_json_f64(s, "factor", where, &factor, err) < 0)
        return -1;
    if (!(factor > 0))
        return hs_fail(err, "%s: factor %g is not positive", where, factor);
    c->rope_factor = factor;
    if (!is_linear)
        return read_llama3(c, s, where, err);
    c->rope = HS_ROPE_LINEAR;
    return 0;
}

static int
read_rope(struct hs_config *c, const json_t *j, const char *file,
          struct hs_error *err)
{
    const char *name, *type;
    struct hs_buf where = {0};
    const json_t *s;
    int rc = -1;

    c->rope_theta = 10000.0;
    c->rope = HS_ROPE_PLAIN;
    if (find_rope(j, file, &s, &name, err) < 0)
        return -1;
    hs_buf_printf(&where, "%s%s%s", file, s ? ": " : "", s ? name : "");
    if (read_rope_type(c, j, s, file, hs_buf_cstr(&where), &type, err) == 0)
        rc = read_scaling(c, s, type, hs_buf_cstr(&where), err);
    hs_buf_free(&where);
    return rc;
}

static int
add_eos(struct hs_config *c, const json_t *v, const char *where,
        struct hs_error *err)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        (uint64_t)json_integer_value(v) >= c->n_vocab)
        return refuse(where, "eos_token_id", v, err);
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
        read_foreign(c, j, where, err) < 0 || read_dtype(j, where, err) < 0 ||
        read_rope(c, j, where, err) < 0 || read_bos(c, j, where, err) < 0 ||
        read_eos(c, j, where, err) < 0)
        return -1;
    return 0;
}

/* JSON of which the top is an object. */
static json_t *
parse_object(const char *text, size_t n, const char *where,
             struct hs_error *err)
{
    json_t *j = hs_json_parse(text, n, where, err);

    if (j == NULL || json_is_object(j))
        return j;
    hs_fail(err, "%s: not a JSON object", where);
    json_decref(j);
    return NULL;
}

int
hs_config_parse(struct hs_config *c, const char *text, size_t n,
                const char *where, struct hs_error *err)
{
    json_t *j = parse_object(text, n, where, err);
    int rc = -1;

    *c = (struct hs_config){0};
    if (j != NULL)
        rc = read_all(c, j, where, err);
    json_decref(j);
    return rc;
}

int
hs_config_parse_generation(struct hs_config *c, const char *text, size_t n,
                           const char *where, struct hs_error *err)
{
    json_t *j = parse_object(text, n, where, err);
    int rc = -1;

    if (j != NULL)
        rc = read_eos(c, j, where, err);
    json_decref(j);
    return rc < 0 ? -1 : 0;
}

int
hs_config_load(struct hs_config *c, const char *dir, struct hs_error *err)
{
    struct hs_buf path = {0};
    char *text;
    size_t n;
    int rc = -1;

    *c = (struct hs_config){0};
    hs_buf_printf(&path, "%s/config.json", dir);
    text = hs_read_file(hs_buf_cstr(&path), MAX_CONFIG_BYTES, &n, err);
    if (text != NULL)
        rc = hs_config_parse(c, text, n, hs_buf_cstr(&path), err);
    free(text);
    path.len = 0;
    hs_buf_printf(&path, "%s/generation_config.json", dir);
    if (rc == 0 && (access(hs_buf_cstr(&path), F_OK) == 0 || errno != ENOENT)) {
        text = hs_read_file(hs_buf_cstr(&path), MAX_CONFIG_BYTES, &n, err);
        rc = text == NULL ? -1
                          : hs_config_parse_generation(c, text, n,
                                                       hs_buf_cstr(&path), err);
        free(text);
    }
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
