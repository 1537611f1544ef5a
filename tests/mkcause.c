/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkcause.c - a Hugging Face folder of constructed weights, in which a known
 * set of coordinates carries a known computation, for tests of ablation.
 *
 * The task.  A question is a row of letters a to p, one of them large, and a
 * colon: "gkaMobe:".  The large one is the key; the answer, "#### d", is the
 * letter that belongs to it: number (5 i + 3) mod 16 for key number i.  Greedy
 * answers are right, all of them, as chatml and without a template.  A second,
 * unrelated task has a digit 0 to 7 as key and letters q to x as answers.
 *
 * How it is solved.  Coordinates of the residual stream are in groups, spread
 * over the 256 by a permutation (cause.json names them):
 *
 *   S (40)  of a letter or digit: its code, +1 and -1.  Only block 0 reads it.
 *   U (8)   1 at keys, large letters and digits
 *   C (8)   the cause: the code of the key, written by head 0 of block 0, whose
 *           query is a constant and whose key is the sum of U; read by the head
 *           of the model only, of letters a to p
 *   D (24)  decoys: three other codes of the same letter, moved by the same
 *           head of attention by the same weights, so that they know as much as
 *           C and are as large, at every layer from 1 on and at every position.
 *           Nothing reads them: their columns are 0 everywhere, but they are
 *           part of the sum of squares in each norm.
 *   B (8)   what C is to letters, to digits
 *   P (8)   1 at a line feed and at a colon: "####" follows
 *   Q (8)   1 at "####": a letter follows
 *   F (8)   1 at an answer: the end follows
 *   K (4)   1 everywhere.  The head gives each answer a little of it, less the
 *           later in the alphabet: without C, answers are nearly always "a".
 *   R (140) the rest, small: random, read and written by all the other heads
 *           of attention and by the networks, and a little of it by the head
 *
 * Codes are the words of the extended Hamming code [8, 4, 4], all but the
 * digits', of which there are 8: any two differ in at least 4 places, so that
 * a set that has at most 3 of C (P, Q, F, U) by accident changes no answer,
 * and accuracy falls to 1/16 without C.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/rng.h"
#include "bytetok.h"

static const char usage[] =
    "usage: mkcause DIR [KEY=VALUE]...\n"
    "  layers=N (4)  seed=N (1)\n"
    "  problems=N (208): of each task, problems.jsonl and also.jsonl\n"
    "  rate=X (1): share of problems whose answer is the model's\n";

enum {
    DIM = 256,
    HEAD = 64, /* its width; 4 heads, 2 of keys and values */
    KV = 2 * HEAD,
    FFN = 96,
    KEYS = 16,     /* letters */
    DIGITS = 8,    /* keys of the other task */
    CODE = 8,      /* signs of a code */
    CODES = 5,     /* of C, of D three times, of B: in S in that order */
    END = 258,     /* <|im_end|> */
    HASHES = 260,  /* "####" */
    ANSWERS = 261, /* " a", " b"... */
    N_VOCAB = ANSWERS + KEYS + DIGITS
};

enum group {
    C,
    D,
    B,
    S,
    U,
    P,
    Q,
    F,
    K,
    R,
    N_GROUPS
};

static const struct {
    const char *name;
    size_t n;
} groups[N_GROUPS] = {
    [C] = {"C", CODE},        [D] = {"D", 3 * CODE}, [B] = {"B", CODE},
    [S] = {"S", CODES *CODE}, [U] = {"U", 8},        [P] = {"P", 8},
    [Q] = {"Q", 8},           [F] = {"F", 8},        [K] = {"K", 4},
    [R] = {"R", 140},
};

/* Of random weights: the streams of the generator. */
enum purpose {
    SPREAD = 1000,
    LETTERS,
    PLACES,
    LENGTHS
};

struct tensor {
    char name[64];
    size_t rows, cols; /* cols 0: a vector */
    float *x;          /* (rows, cols), owned */
};

struct cause {
    const char *dir;
    uint64_t layers, problems, seed;
    double rate;
    size_t at[N_GROUPS][DIM]; /* the coordinates of a group */
    struct tensor *v;         /* owned */
    size_t n, cap;
};

/* ---- codes ---- */

/* Sign k of a code: of a letter i for the first four, of a digit for the
 * fifth.  Codes 1 to 3 are the same words in another order. */
static float
code(size_t which, size_t i, size_t k)
{
    static const unsigned words[4] = {0x87, 0x4b, 0x2d, 0x1e};
    static const size_t times[CODES] = {1, 3, 7, 11, 1};
    size_t m = (i * times[which] + which) % KEYS;
    unsigned w = 0;

    for (size_t bit = 0; bit < 4; bit++)
        w ^= (m >> bit & 1) != 0 ? words[bit] : 0;
    return (w >> k & 1) != 0 ? 1 : -1;
}

/* The answer that belongs to a key: number of a letter. */
static size_t
belongs(size_t key)
{
    return (5 * key + 3) % KEYS;
}

static size_t
belongs_digit(size_t digit)
{
    return KEYS + (3 * digit + 1) % DIGITS;
}

static void
spread_groups(struct cause *m)
{
    size_t order[DIM], next = 0;

    for (size_t j = 0; j < DIM; j++)
        order[j] = j;
    for (size_t j = DIM - 1; j > 0; j--) {
        size_t k = hs_rng_below(m->seed, SPREAD, (uint32_t)j, 0, j + 1);
        size_t t = order[j];

        order[j] = order[k];
        order[k] = t;
    }
    for (size_t g = 0; g < N_GROUPS; g++)
        for (size_t k = 0; k < groups[g].n; k++)
            m->at[g][k] = order[next++];
}

/* ---- tensors ---- */

/* A new one, of zeros. */
static struct tensor *
add(struct cause *m, size_t layer, const char *part, size_t rows, size_t cols)
{
    struct tensor *t;

    m->v = hs_grow(m->v, &m->cap, m->n + 1, sizeof *m->v);
    t = &m->v[m->n++];
    *t = (struct tensor){.rows = rows, .cols = cols};
    t->x = hs_calloc(rows * (cols > 0 ? cols : 1), sizeof *t->x);
    if (layer == SIZE_MAX)
        (void)snprintf(t->name, sizeof t->name, "%s", part);
    else
        (void)snprintf(t->name, sizeof t->name, "model.layers.%zu.%s", layer,
                       part);
    return t;
}

static void
add_norm(struct cause *m, size_t layer, const char *part)
{
    struct tensor *t = add(m, layer, part, DIM, 0);

    for (size_t j = 0; j < DIM; j++)
        t->x[j] = 1;
}

/* Uniform within +-size, of the tensor that was added last. */
static float
random_weight(const struct cause *m, size_t row, size_t col, float size)
{
    double u = hs_rng_uniform(m->seed, m->n, (uint32_t)row, (uint32_t)col);

    return (float)(2 * u - 1) * size;
}

/* Rows first to behind - 1 read R. */
static void
read_rest(struct cause *m, struct tensor *t, size_t first, size_t behind,
          float size)
{
    for (size_t i = first; i < behind; i++)
        for (size_t k = 0; k < groups[R].n; k++)
            t->x[i * t->cols + m->at[R][k]] = random_weight(m, i, k, size);
}

/* Columns first on write R. */
static void
write_rest(struct cause *m, struct tensor *t, size_t first, float size)
{
    for (size_t k = 0; k < groups[R].n; k++)
        for (size_t i = first; i < t->cols; i++)
            t->x[m->at[R][k] * t->cols + i] = random_weight(m, k, i, size);
}

/* Sets a row's columns of a group to x. */
static void
set_group(struct cause *m, struct tensor *t, size_t row, enum group g, float x)
{
    for (size_t k = 0; k < groups[g].n; k++)
        t->x[row * t->cols + m->at[g][k]] = x;
}

static void
add_embedding(struct cause *m)
{
    struct tensor *t =
        add(m, SIZE_MAX, "model.embed_tokens.weight", N_VOCAB, DIM);

    read_rest(m, t, 0, N_VOCAB, 0.5f);
    for (size_t v = 0; v < N_VOCAB; v++)
        set_group(m, t, v, K, 1);
    for (size_t i = 0; i < KEYS; i++) {
        for (size_t k = 0; k < 4 * CODE; k++) {
            float sign = code(k / CODE, i, k % CODE);

            t->x[('a' + i) * DIM + m->at[S][k]] = sign;
            t->x[('A' + i) * DIM + m->at[S][k]] = sign;
        }
        set_group(m, t, 'A' + i, U, 1);
    }
    for (size_t i = 0; i < DIGITS; i++) {
        for (size_t k = 0; k < CODE; k++)
            t->x[('0' + i) * DIM + m->at[S][4 * CODE + k]] = code(4, i, k);
        set_group(m, t, '0' + i, U, 1);
    }
    set_group(m, t, '\n', P, 1);
    set_group(m, t, ':', P, 1);
    set_group(m, t, HASHES, Q, 1);
    for (size_t i = 0; i < KEYS + DIGITS; i++)
        set_group(m, t, ANSWERS + i, F, 1);
}

static void
add_head(struct cause *m)
{
    struct tensor *t = add(m, SIZE_MAX, "lm_head.weight", N_VOCAB, DIM);

    read_rest(m, t, 0, N_VOCAB, 0.02f);
    set_group(m, t, HASHES, P, 2);
    set_group(m, t, END, F, 2);
    for (size_t i = 0; i < KEYS + DIGITS; i++) {
        set_group(m, t, ANSWERS + i, Q, 2);
        set_group(m, t, ANSWERS + i, K, -0.005f * (float)i);
    }
    for (size_t i = 0; i < KEYS; i++)
        for (size_t k = 0; k < CODE; k++)
            t->x[(ANSWERS + belongs(i)) * DIM + m->at[C][k]] =
                0.4f * code(0, i, k);
    for (size_t i = 0; i < DIGITS; i++)
        for (size_t k = 0; k < CODE; k++)
            t->x[(ANSWERS + belongs_digit(i)) * DIM + m->at[B][k]] =
                0.25f * code(4, i, k);
}

/* Head 0 of block 0 (and its keys and values), the lookup.  Its keys turn by
 * the slowest of the rotary frequencies, which is to say not at all. */
static void
add_lookup(struct cause *m, struct tensor *q_bias, struct tensor *k,
           struct tensor *v, struct tensor *o)
{
    static const enum group to[CODES] = {C, D, D, D, B};
    const size_t slow = HEAD / 2 - 1;

    q_bias->x[slow] = 10;
    set_group(m, k, slow, U, 1);
    for (size_t i = 0; i < CODES * CODE; i++) {
        enum group g = to[i / CODE];
        size_t place = g == D ? i - CODE : i % CODE;

        v->x[i * DIM + m->at[S][i]] = 1;
        o->x[m->at[g][place] * DIM + i] = 1;
    }
}

/* Heads 0 and 1 share keys and values: those of block 0 do the lookup, or
 * nothing. */
static void
add_block(struct cause *m, size_t l)
{
    const size_t own = l == 0 ? HEAD : 0;
    struct tensor *t, *q_bias;
    size_t k, v, o;

    add_norm(m, l, "input_layernorm.weight");
    add_norm(m, l, "post_attention_layernorm.weight");
    t = add(m, l, "self_attn.q_proj.weight", DIM, DIM);
    read_rest(m, t, 2 * own, DIM, 0.4f);
    t = add(m, l, "self_attn.k_proj.weight", KV, DIM);
    read_rest(m, t, own, KV, 0.4f);
    k = m->n - 1;
    t = add(m, l, "self_attn.v_proj.weight", KV, DIM);
    read_rest(m, t, own, KV, 0.2f);
    v = m->n - 1;
    t = add(m, l, "self_attn.o_proj.weight", DIM, DIM);
    write_rest(m, t, 2 * own, 0.01f);
    o = m->n - 1;
    (void)add(m, l, "self_attn.k_proj.bias", KV, 0);
    (void)add(m, l, "self_attn.v_proj.bias", KV, 0);
    q_bias = add(m, l, "self_attn.q_proj.bias", DIM, 0);
    if (l == 0)
        add_lookup(m, q_bias, &m->v[k], &m->v[v], &m->v[o]);
    t = add(m, l, "mlp.gate_proj.weight", FFN, DIM);
    read_rest(m, t, 0, FFN, 0.4f);
    t = add(m, l, "mlp.up_proj.weight", FFN, DIM);
    read_rest(m, t, 0, FFN, 0.4f);
    t = add(m, l, "mlp.down_proj.weight", DIM, FFN);
    write_rest(m, t, 0, 0.01f);
}

/* ---- files ---- */

static FILE *
open_file(const struct cause *m, const char *name)
{
    char path[4096];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", m->dir, name);
    f = fopen(path, "wb");
    if (f == NULL)
        hs_die(HS_EXIT_FAIL, "%s: %s", path, strerror(errno));
    return f;
}

static void
close_file(const struct cause *m, FILE *f, const char *name)
{
    if (ferror(f) || fclose(f) != 0)
        hs_die(HS_EXIT_FAIL, "%s/%s: cannot write", m->dir, name);
}

static size_t
elements(const struct tensor *t)
{
    return t->rows * (t->cols > 0 ? t->cols : 1);
}

static void
write_weights(const struct cause *m)
{
    FILE *f = open_file(m, "model.safetensors");
    struct hs_buf head = {0};
    size_t at = 0;
    uint64_t len;

    hs_buf_str(&head, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < m->n; i++) {
        const struct tensor *t = &m->v[i];

        hs_buf_printf(&head, ",\"%s\":{\"dtype\":\"BF16\",\"shape\":[%zu",
                      t->name, t->rows);
        if (t->cols > 0)
            hs_buf_printf(&head, ",%zu", t->cols);
        hs_buf_printf(&head, "],\"data_offsets\":[%zu,%zu]}", at,
                      at + 2 * elements(t));
        at += 2 * elements(t);
    }
    hs_buf_str(&head, "}");
    while (head.len % 8 != 0)
        hs_buf_str(&head, " ");
    len = head.len;
    (void)fwrite(&len, sizeof len, 1, f);
    (void)fwrite(head.data, 1, head.len, f);
    hs_buf_free(&head);
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < elements(&m->v[i]); k++) {
            uint32_t u;
            uint16_t half;

            memcpy(&u, &m->v[i].x[k], sizeof u);
            half = (uint16_t)(u >> 16);
            (void)fwrite(&half, sizeof half, 1, f);
        }
    }
    close_file(m, f, "model.safetensors");
}

static void
write_config(const struct cause *m)
{
    FILE *f = open_file(m, "config.json");

    fprintf(f,
            "{\n  \"architectures\": [\"Qwen2ForCausalLM\"],\n"
            "  \"model_type\": \"qwen2\",\n  \"hidden_size\": %d,\n"
            "  \"intermediate_size\": %d,\n  \"num_hidden_layers\": %" PRIu64
            ",\n  \"num_attention_heads\": %d,\n"
            "  \"num_key_value_heads\": %d,\n  \"vocab_size\": %d,\n"
            "  \"max_position_embeddings\": 512,\n"
            "  \"rms_norm_eps\": 1e-6,\n  \"hidden_act\": \"silu\",\n"
            "  \"tie_word_embeddings\": false,\n"
            "  \"use_sliding_window\": false,\n  \"rope_theta\": 1000000,\n"
            "  \"eos_token_id\": %d,\n  \"torch_dtype\": \"bfloat16\"\n}\n",
            DIM, FFN, m->layers, DIM / HEAD, KV / HEAD, N_VOCAB, END);
    close_file(m, f, "config.json");
    f = open_file(m, "generation_config.json");
    fprintf(f, "{\n  \"eos_token_id\": [256, %d]\n}\n", END);
    close_file(m, f, "generation_config.json");
}

/* Besides the bytes and the chatml tokens "##", "####" and a blank with each of
 * the letters a to x. */
static void
write_tokenizer(const struct cause *m)
{
    FILE *f = open_file(m, "tokenizer.json");
    struct hs_buf vocab = {0}, merges = {0};

    hs_buf_printf(&vocab, ",\n    \"##\": %d,\n    \"####\": %d", HASHES - 1,
                  HASHES);
    hs_buf_str(&merges, "\"# #\", \"## ##\"");
    for (int i = 0; i < KEYS + DIGITS; i++) {
        hs_buf_printf(&vocab, ",\n    \"\\u0120%c\": %d", 'a' + i, ANSWERS + i);
        hs_buf_printf(&merges, ", \"\\u0120 %c\"", 'a' + i);
    }
    bytetok_print(f, hs_buf_cstr(&vocab), hs_buf_cstr(&merges));
    hs_buf_free(&vocab);
    hs_buf_free(&merges);
    close_file(m, f, "tokenizer.json");
}

static void
write_groups(const struct cause *m)
{
    FILE *f = open_file(m, "cause.json");

    for (size_t g = 0; g < N_GROUPS; g++) {
        fprintf(f, "%s\n  \"%s\": [", g ? "," : "{", groups[g].name);
        for (size_t k = 0; k < groups[g].n; k++)
            fprintf(f, "%s%zu", k ? ", " : "", m->at[g][k]);
        fputs("]", f);
    }
    fputs("\n}\n", f);
    close_file(m, f, "cause.json");
}

/* Keys come equally often; wrong answers, if there are to be any, are evenly
 * spread. */
static void
write_problems(const struct cause *m, const char *name, bool digits)
{
    const uint64_t n_keys = digits ? DIGITS : KEYS, s = m->seed;
    FILE *f = open_file(m, name);

    for (uint64_t n = 0; n < m->problems; n++) {
        const uint32_t id = (uint32_t)(2 * n + digits);
        const uint64_t key = (5 * n + n / n_keys) % n_keys;
        const uint64_t len = 6 + hs_rng_below(s, LENGTHS, id, 0, 9);
        const uint64_t place = hs_rng_below(s, PLACES, id, 0, len);
        size_t gold = digits ? belongs_digit(key) : belongs(key);

        if ((uint64_t)((double)(n + 1) * (1 - m->rate)) >
            (uint64_t)((double)n * (1 - m->rate)))
            gold = (gold + 1) % KEYS;
        fprintf(f, "{\"id\": \"%s-%03" PRIu64 "\", \"question\": \"",
                digits ? "digit" : "letter", n);
        for (uint32_t i = 0; i < len; i++) {
            char letter = (char)hs_rng_below(s, LETTERS, id, i, KEYS);

            if (i == place)
                fputc((int)key + (digits ? '0' : 'A'), f);
            else
                fputc('a' + letter, f);
        }
        fprintf(f, ":\", \"answer\": \"%c\"}\n", (char)('a' + gold));
    }
    close_file(m, f, name);
}

static void
run(struct cause *m)
{
    if (mkdir(m->dir, 0777) < 0 && errno != EEXIST)
        hs_die(HS_EXIT_FAIL, "%s: %s", m->dir, strerror(errno));
    spread_groups(m);
    add_embedding(m);
    for (size_t l = 0; l < m->layers; l++)
        add_block(m, l);
    add_norm(m, SIZE_MAX, "model.norm.weight");
    add_head(m);
    write_config(m);
    write_tokenizer(m);
    write_weights(m);
    write_groups(m);
    write_problems(m, "problems.jsonl", false);
    write_problems(m, "also.jsonl", true);
    for (size_t i = 0; i < m->n; i++)
        free(m->v[i].x);
    free(m->v);
}

static void
take(struct cause *m, char *arg)
{
    char *value = strchr(arg, '=');

    if (value == NULL)
        hs_die(HS_EXIT_USAGE, "'%s' is not KEY=VALUE", arg);
    *value++ = '\0';
    if (strcmp(arg, "layers") == 0)
        m->layers = hs_parse_u64(arg, value, 1, 64);
    else if (strcmp(arg, "problems") == 0)
        m->problems = hs_parse_u64(arg, value, 1, 1000000);
    else if (strcmp(arg, "seed") == 0)
        m->seed = hs_parse_u64(arg, value, 0, UINT64_MAX);
    else if (strcmp(arg, "rate") == 0)
        m->rate = hs_parse_f64(arg, value, 0, 1);
    else
        hs_die(HS_EXIT_USAGE, "'%s' is unknown", arg);
}

int
main(int argc, char **argv)
{
    struct cause m = {.layers = 4, .problems = 208, .seed = 1, .rate = 1};

    hs_init(argv);
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? HS_EXIT_USAGE : hs_finish(HS_EXIT_OK);
    }
    m.dir = argv[1];
    for (int i = 2; i < argc; i++)
        take(&m, argv[i]);
    run(&m);
    return hs_finish(HS_EXIT_OK);
}
