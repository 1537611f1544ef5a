/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkmodel.c - a Hugging Face folder of random weights, for tests.
 *
 * The same arguments give the same bytes.  Scales are such that the residual
 * stream stays within about 1 to 100 and no token dominates the logits; norms
 * and biases are far from 1 and 0, so that leaving one out shows.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/team.h"
#include "bytetok.h"
#include "stream/plane.h"

static const char usage[] =
    "usage: mkmodel DIR [KEY=VALUE]...\n"
    "  family=qwen2|qwen3|llama (qwen2)   dtype=bf16|f16|f32 (bf16)\n"
    "  dim=N (64) layers=N (4) heads=N (4) kv_heads=N (heads/2 or 1)\n"
    "  head_dim=N (dim/heads) ffn=N (160) vocab=N (320, at least 259)\n"
    "  tied=0|1 (1)  qkv_bias=0|1 mlp_bias=0|1 (0; qwen2 always has the "
    "first)\n"
    "  rope=plain|linear|llama3 (plain) theta=X (10000) max_pos=N (1024)\n"
    "  factor=X (4) low=X (1) high=X (4) original=N (128)\n"
    "  eps=X (1e-6) eos=ID[,ID]... (256,258) shards=N (1) seed=N (1)\n"
    "  dice=LIST: after any text each of these tokens is equally likely, and\n"
    "  no other; not with tied=1\n"
    "  newer=0|1 (0): rope_parameters and dtype, as newer programs write\n";

enum {
    CHUNK = 1 << 20, /* values held at a time */
    AT_ONCE = 8,     /* values made at a time */
    N_TOKENS = 259   /* of the tokenizer: bytes and three special tokens */
};

struct options {
    const char *dir, *family, *rope;
    enum hs_dtype dtype;
    uint64_t dim, layers, heads, kv_heads, head_dim, ffn, vocab, max_pos,
        original, shards, seed, tied, qkv_bias, mlp_bias, newer;
    double theta, eps, factor, low, high;
    struct hs_list eos, dice;
    struct hs_team *team;
};

struct tensor {
    char name[96];
    size_t rows, cols; /* cols 0: a vector */
    float mean, sd;
    size_t shard;
};

struct tensors {
    struct tensor *v; /* owned */
    size_t n, cap;
};

static const char *const dtype_names[][2] = {
    [HS_F16] = {"F16", "float16"},
    [HS_BF16] = {"BF16", "bfloat16"},
    [HS_F32] = {"F32", "float32"},
};

static bool
one_of(const char *s, const char *a, const char *b, const char *c)
{
    return strcmp(s, a) == 0 || strcmp(s, b) == 0 || strcmp(s, c) == 0;
}

static void
take_word(struct options *o, const char *key, const char *value)
{
    if (strcmp(key, "family") == 0 && one_of(value, "qwen2", "qwen3", "llama"))
        o->family = value;
    else if (strcmp(key, "rope") == 0 &&
             one_of(value, "plain", "linear", "llama3"))
        o->rope = value;
    else if (strcmp(key, "eos") == 0)
        hs_parse_list("eos", value, &o->eos);
    else if (strcmp(key, "dice") == 0)
        hs_parse_list("dice", value, &o->dice);
    else if (strcmp(key, "dtype") != 0 || hs_dtype_parse(value, &o->dtype) < 0)
        hs_die(HS_EXIT_USAGE, "%s=%s is unknown", key, value);
}

static void
take(struct options *o, char *arg)
{
    const struct {
        const char *key;
        uint64_t *to, min, max;
    } sizes[] = {
        {"dim", &o->dim, 1, 1 << 16},
        {"ffn", &o->ffn, 1, 1 << 20},
        {"head_dim", &o->head_dim, 2, 1 << 12},
        {"heads", &o->heads, 1, 4096},
        {"kv_heads", &o->kv_heads, 1, 4096},
        {"layers", &o->layers, 1, 4096},
        {"max_pos", &o->max_pos, 1, 1 << 24},
        {"mlp_bias", &o->mlp_bias, 0, 1},
        {"newer", &o->newer, 0, 1},
        {"original", &o->original, 1, 1 << 24},
        {"qkv_bias", &o->qkv_bias, 0, 1},
        {"seed", &o->seed, 0, UINT64_MAX},
        {"shards", &o->shards, 1, 1000},
        {"tied", &o->tied, 0, 1},
        {"vocab", &o->vocab, N_TOKENS, 1 << 24},
    };
    const struct {
        const char *key;
        double *to;
    } reals[] = {
        {"theta", &o->theta}, {"eps", &o->eps},   {"factor", &o->factor},
        {"low", &o->low},     {"high", &o->high},
    };
    char *value = strchr(arg, '=');

    if (value == NULL)
        hs_die(HS_EXIT_USAGE, "'%s' is not KEY=VALUE", arg);
    *value++ = '\0';
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (strcmp(arg, sizes[i].key) == 0) {
            *sizes[i].to = hs_parse_u64(arg, value, sizes[i].min, sizes[i].max);
            return;
        }
    }
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        if (strcmp(arg, reals[i].key) == 0) {
            *reals[i].to = hs_parse_f64(arg, value, 1e-12, 1e12);
            return;
        }
    }
    take_word(o, arg, value);
}

static void
finish_options(struct options *o)
{
    if (o->kv_heads == 0)
        o->kv_heads = o->heads % 2 == 0 ? o->heads / 2 : 1;
    if (o->heads % o->kv_heads != 0)
        hs_die(HS_EXIT_USAGE, "heads is no multiple of kv_heads");
    if (o->head_dim == 0 && o->dim % o->heads != 0)
        hs_die(HS_EXIT_USAGE, "dim is no multiple of heads");
    if (o->head_dim == 0)
        o->head_dim = o->dim / o->heads;
    if (o->head_dim % 2 != 0)
        hs_die(HS_EXIT_USAGE, "head_dim %" PRIu64 " is odd", o->head_dim);
    if (o->mlp_bias && strcmp(o->family, "llama") != 0)
        hs_die(HS_EXIT_USAGE, "mlp_bias is for llama");
    if (strcmp(o->family, "qwen2") == 0)
        o->qkv_bias = 0; /* the family's own, not a switch */
    if (o->dice.n > 0 && o->tied)
        hs_die(HS_EXIT_USAGE, "dice have no tied embedding");
    if (o->eos.n == 0)
        hs_parse_list("eos", "256,258", &o->eos);
}

/* --- the list of tensors */

static struct tensor *
add(struct tensors *t, size_t rows, size_t cols, float mean, float sd)
{
    t->v = hs_grow(t->v, &t->cap, t->n + 1, sizeof *t->v);
    t->v[t->n] = (struct tensor){.rows = rows, .cols = cols};
    t->v[t->n].mean = mean;
    t->v[t->n].sd = sd;
    return &t->v[t->n++];
}

static void
add_part(struct tensors *t, size_t layer, const char *part, size_t rows,
         size_t cols, float mean, float sd)
{
    struct tensor *x = add(t, rows, cols, mean, sd);

    (void)snprintf(x->name, sizeof x->name, "model.layers.%zu.%s", layer, part);
}

/* A matrix of which outputs are gain times as large as inputs, and a bias. */
static void
add_linear(struct tensors *t, size_t layer, const char *part, size_t rows,
           size_t cols, float gain, bool bias)
{
    char name[64];

    (void)snprintf(name, sizeof name, "%s.weight", part);
    add_part(t, layer, name, rows, cols, 0, gain / sqrtf((float)cols));
    (void)snprintf(name, sizeof name, "%s.bias", part);
    if (bias)
        add_part(t, layer, name, rows, 0, 0, 0.4f);
}

static void
add_layer(struct tensors *t, const struct options *o, size_t i)
{
    bool is_qwen2 = strcmp(o->family, "qwen2") == 0;
    bool qkv = is_qwen2 || o->qkv_bias, mlp = o->mlp_bias;
    size_t q = o->heads * o->head_dim, kv = o->kv_heads * o->head_dim;

    add_part(t, i, "input_layernorm.weight", o->dim, 0, 1, 0.25f);
    add_linear(t, i, "mlp.down_proj", o->dim, o->ffn, 1.5f, mlp);
    add_linear(t, i, "mlp.gate_proj", o->ffn, o->dim, 1.5f, mlp);
    add_linear(t, i, "mlp.up_proj", o->ffn, o->dim, 1, mlp);
    add_part(t, i, "post_attention_layernorm.weight", o->dim, 0, 1, 0.25f);
    if (strcmp(o->family, "qwen3") == 0)
        add_part(t, i, "self_attn.k_norm.weight", o->head_dim, 0, 1.3f, 0.3f);
    add_linear(t, i, "self_attn.k_proj", kv, o->dim, 1.3f, qkv);
    add_linear(t, i, "self_attn.o_proj", o->dim, q, 1.5f, o->qkv_bias);
    if (strcmp(o->family, "qwen3") == 0)
        add_part(t, i, "self_attn.q_norm.weight", o->head_dim, 0, 1.3f, 0.3f);
    add_linear(t, i, "self_attn.q_proj", q, o->dim, 1.3f, qkv);
    add_linear(t, i, "self_attn.v_proj", kv, o->dim, 1, qkv);
}

/* With dice nothing is written to the residual stream, which is the same in
 * all coordinates and positions; the head is negative, but for rows of zeros:
 * logits are 0, and far below. */
static void
load_dice(struct tensors *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct tensor *x = &t->v[i];

        if (strstr(x->name, "embed_tokens") != NULL ||
            strcmp(x->name, "model.norm.weight") == 0) {
            x->mean = 1;
            x->sd = 0;
        } else if (strstr(x->name, "o_proj") != NULL ||
                   strstr(x->name, "down_proj") != NULL) {
            x->sd = 0;
        } else if (strcmp(x->name, "lm_head.weight") == 0) {
            x->mean = -1;
            x->sd = 0;
        }
    }
}

static void
list_tensors(struct tensors *t, const struct options *o)
{
    float sd = 3 / sqrtf((float)o->dim); /* logits of about 3 */
    struct tensor *x = add(t, o->vocab, o->dim, 0, sd);

    (void)snprintf(x->name, sizeof x->name, "model.embed_tokens.weight");
    for (size_t i = 0; i < o->layers; i++)
        add_layer(t, o, i);
    x = add(t, o->dim, 0, 1, 0.25f);
    (void)snprintf(x->name, sizeof x->name, "model.norm.weight");
    if (!o->tied) {
        x = add(t, o->vocab, o->dim, 0, sd);
        (void)snprintf(x->name, sizeof x->name, "lm_head.weight");
    }
    if (o->dice.n > 0)
        load_dice(t);
    if (o->shards > t->n)
        hs_die(HS_EXIT_USAGE, "shards=%" PRIu64 ", there are %zu tensors",
               o->shards, t->n);
    for (size_t i = 0; i < t->n; i++)
        t->v[i].shard = i * o->shards / t->n;
}

/* --- files */

static FILE *
open_file(const struct options *o, const char *name, char *path, size_t size)
{
    FILE *f;

    (void)snprintf(path, size, "%s/%s", o->dir, name);
    f = fopen(path, "wb");
    if (f == NULL)
        hs_die(HS_EXIT_FAIL, "%s: %s", path, strerror(errno));
    return f;
}

static void
close_file(FILE *f, const char *path)
{
    if (ferror(f) || fclose(f) != 0)
        hs_die(HS_EXIT_FAIL, "%s: cannot write", path);
}

static size_t
elements(const struct tensor *t)
{
    return t->cols ? t->rows * t->cols : t->rows;
}

/* Values from the place of a tensor: uniform, which is as good as normal here
 * and quicker. */
static void
make_values(const struct options *o, size_t tensor, uint64_t at,
            const struct tensor *t, float out[AT_ONCE])
{
    const float unit = 2 * sqrtf(3) / 65536 * t->sd;
    uint32_t w[4];

    bool die = o->dice.n > 0 && strcmp(t->name, "lm_head.weight") == 0 &&
               hs_list_has(&o->dice, (uint32_t)(at * AT_ONCE / t->cols));
    float mean = die ? 0 : t->mean;

    hs_rng_words(o->seed, tensor, (uint32_t)(at >> 32), (uint32_t)at, w);
    for (size_t k = 0; k < 4; k++) {
        out[k] = mean + unit * ((float)(w[k] & 0xffff) - 32767.5f);
        out[k + 4] = mean + unit * ((float)(w[k] >> 16) - 32767.5f);
    }
}

static void
store(enum hs_dtype d, const float x[AT_ONCE], void *to, size_t i)
{
    uint16_t *half = to;

    if (d == HS_F32)
        memcpy((float *)to + i, x, AT_ONCE * sizeof *x);
    for (size_t k = 0; d == HS_F16 && k < AT_ONCE; k++)
        half[i + k] = hs_f16_from_float(x[k]);
    for (size_t k = 0; d == HS_BF16 && k < AT_ONCE; k++) {
        uint32_t u;

        memcpy(&u, &x[k], sizeof u); /* cut, not rounded: random as it is */
        half[i + k] = (uint16_t)(u >> 16);
    }
}

/* A part of a tensor, made by all threads. */
struct part {
    const struct options *o;
    const struct tensor *t;
    size_t which, done, n;
    void *buffer;
};

static void
make_part(void *ud, struct hs_team *team, size_t thread)
{
    const struct part *p = ud;
    size_t i, behind;

    hs_team_share(team, thread, (p->n + AT_ONCE - 1) / AT_ONCE, &i, &behind);
    for (; i < behind; i++) {
        float x[AT_ONCE];

        make_values(p->o, p->which, p->done / AT_ONCE + i, p->t, x);
        store(p->o->dtype, x, p->buffer, i * AT_ONCE);
    }
}

static void
write_tensor(const struct options *o, const struct tensors *all, size_t which,
             void *buffer, FILE *f)
{
    const struct tensor *t = &all->v[which];
    size_t n = elements(t), width = o->dtype == HS_F32 ? 4 : 2;

    for (size_t done = 0; done < n; done += CHUNK) {
        size_t left = n - done < CHUNK ? n - done : CHUNK;
        struct part p = {o, t, which, done, left, buffer};

        hs_team_run(o->team, make_part, &p);
        (void)fwrite(buffer, width, left, f);
    }
}

static void
shard_name(const struct options *o, size_t shard, char *out, size_t size)
{
    if (o->shards == 1)
        (void)snprintf(out, size, "model.safetensors");
    else
        (void)snprintf(out, size, "model-%05zu-of-%05" PRIu64 ".safetensors",
                       shard + 1, o->shards);
}

static void
write_shard(const struct options *o, const struct tensors *t, size_t shard,
            void *buffer)
{
    struct hs_buf head = {0};
    char name[64], path[4096];
    size_t at = 0;
    uint64_t len;
    FILE *f;

    shard_name(o, shard, name, sizeof name);
    f = open_file(o, name, path, sizeof path);
    hs_buf_str(&head, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < t->n; i++) {
        const struct tensor *x = &t->v[i];
        size_t bytes = elements(x) * (o->dtype == HS_F32 ? 4 : 2);

        if (x->shard != shard)
            continue;
        hs_buf_printf(&head, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%zu",
                      x->name, dtype_names[o->dtype][0], x->rows);
        if (x->cols > 0)
            hs_buf_printf(&head, ",%zu", x->cols);
        hs_buf_printf(&head, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
        at += bytes;
    }
    hs_buf_str(&head, "}");
    while (head.len % 8 != 0)
        hs_buf_str(&head, " ");
    len = head.len;
    (void)fwrite(&len, sizeof len, 1, f);
    (void)fwrite(head.data, 1, head.len, f);
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].shard == shard)
            write_tensor(o, t, i, buffer, f);
    close_file(f, path);
    hs_buf_free(&head);
}

static void
write_index(const struct options *o, const struct tensors *t)
{
    char path[4096], name[64];
    FILE *f = open_file(o, "model.safetensors.index.json", path, sizeof path);

    fprintf(f, "{\n  \"metadata\": {},\n  \"weight_map\": {");
    for (size_t i = 0; i < t->n; i++) {
        shard_name(o, t->v[i].shard, name, sizeof name);
        fprintf(f, "%s\n    \"%s\": \"%s\"", i ? "," : "", t->v[i].name, name);
    }
    fprintf(f, "\n  }\n}\n");
    close_file(f, path);
}

static void
print_eos(FILE *f, const struct hs_list *eos)
{
    for (size_t i = 0; i < eos->n; i++)
        fprintf(f, "%s%" PRIu32, i ? ", " : "[", eos->v[i]);
    fputs("]", f);
}

static void
print_rope(FILE *f, const struct options *o)
{
    bool is_plain = strcmp(o->rope, "plain") == 0;

    if (o->newer)
        fprintf(f,
                "  \"rope_parameters\": {\n"
                "    \"rope_theta\": %.12g,\n    \"rope_type\": \"%s\"",
                o->theta, is_plain ? "default" : o->rope);
    else if (is_plain)
        fprintf(f, "  \"rope_theta\": %.12g,\n", o->theta);
    else
        fprintf(f,
                "  \"rope_theta\": %.12g,\n  \"rope_scaling\": {\n"
                "    \"%s\": \"%s\"",
                o->theta, o->rope[1] == 'i' ? "type" : "rope_type", o->rope);
    if (!is_plain)
        fprintf(f, ",\n    \"factor\": %.17g", o->factor);
    if (strcmp(o->rope, "llama3") == 0)
        fprintf(f,
                ",\n    \"low_freq_factor\": %.17g,\n"
                "    \"high_freq_factor\": %.17g,\n"
                "    \"original_max_position_embeddings\": %" PRIu64,
                o->low, o->high, o->original);
    if (o->newer || !is_plain)
        fputs("\n  },\n", f);
}

static void
write_config(const struct options *o)
{
    const char *arch = strcmp(o->family, "qwen2") == 0   ? "Qwen2"
                       : strcmp(o->family, "qwen3") == 0 ? "Qwen3"
                                                         : "Llama";
    char path[4096];
    FILE *f = open_file(o, "config.json", path, sizeof path);

    fprintf(f,
            "{\n  \"architectures\": [\"%sForCausalLM\"],\n"
            "  \"model_type\": \"%s\",\n  \"hidden_size\": %" PRIu64
            ",\n"
            "  \"intermediate_size\": %" PRIu64
            ",\n"
            "  \"num_hidden_layers\": %" PRIu64
            ",\n"
            "  \"num_attention_heads\": %" PRIu64
            ",\n"
            "  \"num_key_value_heads\": %" PRIu64 ",\n",
            arch, o->family, o->dim, o->ffn, o->layers, o->heads, o->kv_heads);
    if (o->head_dim * o->heads != o->dim || strcmp(o->family, "qwen3") == 0)
        fprintf(f, "  \"head_dim\": %" PRIu64 ",\n", o->head_dim);
    fprintf(f,
            "  \"vocab_size\": %" PRIu64
            ",\n"
            "  \"max_position_embeddings\": %" PRIu64
            ",\n"
            "  \"rms_norm_eps\": %.12g,\n  \"hidden_act\": \"silu\",\n"
            "  \"tie_word_embeddings\": %s,\n",
            o->vocab, o->max_pos, o->eps, o->tied ? "true" : "false");
    if (strcmp(o->family, "qwen2") != 0)
        fprintf(f, "  \"attention_bias\": %s,\n",
                o->qkv_bias ? "true" : "false");
    if (strcmp(o->family, "llama") == 0)
        fprintf(f, "  \"mlp_bias\": %s,\n", o->mlp_bias ? "true" : "false");
    else
        fprintf(f, "  \"use_sliding_window\": false,\n");
    print_rope(f, o);
    /* as in many models, only the first here */
    fprintf(f, "  \"eos_token_id\": %" PRIu32 ",\n  \"%s\": \"%s\"\n}\n",
            o->eos.v[0], o->newer ? "dtype" : "torch_dtype",
            dtype_names[o->dtype][1]);
    close_file(f, path);
    f = open_file(o, "generation_config.json", path, sizeof path);
    fprintf(f, "{\n  \"eos_token_id\": ");
    print_eos(f, &o->eos);
    fprintf(f, "\n}\n");
    close_file(f, path);
}

static void
write_tokenizer(const struct options *o)
{
    char path[4096];
    FILE *f = open_file(o, "tokenizer.json", path, sizeof path);

    bytetok_print(f, "", "");
    close_file(f, path);
}

static void
run(const struct options *o)
{
    struct tensors t = {0};
    void *buffer = hs_malloc((size_t)(CHUNK + AT_ONCE) * 4);

    if (mkdir(o->dir, 0777) < 0 && errno != EEXIST)
        hs_die(HS_EXIT_FAIL, "%s: %s", o->dir, strerror(errno));
    list_tensors(&t, o);
    write_config(o);
    write_tokenizer(o);
    for (size_t i = 0; i < o->shards; i++)
        write_shard(o, &t, i, buffer);
    if (o->shards > 1)
        write_index(o, &t);
    free(buffer);
    free(t.v);
}

int
main(int argc, char **argv)
{
    struct options o = {.family = "qwen2", .rope = "plain", .dtype = HS_BF16};
    struct hs_error err;

    hs_init(argv);
    o.dim = 64;
    o.layers = o.heads = 4;
    o.ffn = 160;
    o.vocab = 320;
    o.tied = o.shards = o.seed = 1;
    o.max_pos = 1024;
    o.original = 128;
    o.theta = 10000;
    o.eps = 1e-6;
    o.factor = o.high = 4;
    o.low = 1;
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? HS_EXIT_USAGE : hs_finish(HS_EXIT_OK);
    }
    o.dir = argv[1];
    for (int i = 2; i < argc; i++)
        take(&o, argv[i]);
    finish_options(&o);
    o.team = hs_team_new(2, &err);
    if (o.team == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    run(&o);
    hs_team_free(o.team);
    hs_list_free(&o.eos);
    hs_list_free(&o.dice);
    return hs_finish(HS_EXIT_OK);
}
