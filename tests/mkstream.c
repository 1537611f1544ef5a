/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkstream.c - an activation stream of made-up trajectories, for tests.
 *
 * The same options give the same bytes.  With --dump the states before they
 * are rounded go to a file as well: f32, little-endian, in the stream's order.
 */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/msg.h"
#include "base/num.h"
#include "base/rng.h"
#include "stream/stream.h"

struct options {
    uint64_t items, dim, tokens, seed, level;
    uint64_t over; /* every so-many-th state is too large for f16; 0: none */
    struct hs_list layers;
    enum hs_dtype dtype;
    const char *dump;
};

static const char usage[] =
    "usage: mkstream [OPTION]... > STREAM\n"
    "  --items=N   trajectories (8)\n"
    "  --dim=N     values of a state (16)\n"
    "  --layers=L  layers (0-4)\n"
    "  --tokens=N  tokens of the first trajectory; others have up to 2 more "
    "(12)\n"
    "  --seed=N    (1)\n"
    "  --dtype=D   f16, bf16, f32 (f16)\n"
    "  --over=N    one value in N states is 100000 (0: never)\n"
    "  --level=N   zstd level (1)\n"
    "  --dump=FILE f32 states\n"
    "  --help\n";

enum {
    OPT_DIM = 256,
    OPT_DTYPE,
    OPT_DUMP,
    OPT_HELP,
    OPT_ITEMS,
    OPT_LAYERS,
    OPT_LEVEL,
    OPT_OVER,
    OPT_SEED,
    OPT_TOKENS
};

static const struct option longs[] = {
    {"dim", required_argument, NULL, OPT_DIM},
    {"dtype", required_argument, NULL, OPT_DTYPE},
    {"dump", required_argument, NULL, OPT_DUMP},
    {"help", no_argument, NULL, OPT_HELP},
    {"items", required_argument, NULL, OPT_ITEMS},
    {"layers", required_argument, NULL, OPT_LAYERS},
    {"level", required_argument, NULL, OPT_LEVEL},
    {"over", required_argument, NULL, OPT_OVER},
    {"seed", required_argument, NULL, OPT_SEED},
    {"tokens", required_argument, NULL, OPT_TOKENS},
    {NULL, 0, NULL, 0}};

static void
take_option(struct options *o, int c)
{
    struct hs_error err;

    if (c == OPT_DIM)
        o->dim = hs_parse_u64("--dim", optarg, 1, 100000);
    else if (c == OPT_ITEMS)
        o->items = hs_parse_u64("--items", optarg, 0, 10000000);
    else if (c == OPT_LEVEL)
        o->level = hs_parse_u64("--level", optarg, 1, 19);
    else if (c == OPT_OVER)
        o->over = hs_parse_u64("--over", optarg, 0, UINT32_MAX);
    else if (c == OPT_SEED)
        o->seed = hs_parse_u64("--seed", optarg, 0, UINT64_MAX);
    else if (c == OPT_TOKENS)
        o->tokens = hs_parse_u64("--tokens", optarg, 1, 200000);
    else if (c == OPT_DUMP)
        o->dump = optarg;
    else if (c == OPT_LAYERS) {
        hs_list_free(&o->layers);
        hs_parse_list("--layers", optarg, &o->layers);
    } else if (c == OPT_DTYPE && hs_dtype_parse(optarg, &o->dtype) < 0)
        hs_die(HS_EXIT_USAGE, "--dtype: '%s' is unknown", optarg);
    if (o->layers.n > 0 && hs_list_resolve(&o->layers, 65536, &err) < 0)
        hs_die(HS_EXIT_USAGE, "--layers: %s", err.text);
}

/* Nearly normal, with a scale that depends on layer and coordinate. */
static float
value(const struct options *o, uint64_t item, uint32_t layer, uint64_t row,
      uint64_t i)
{
    uint32_t w[4];
    double x = -2;

    hs_rng_words(o->seed, item << 20 | layer, (uint32_t)row, (uint32_t)i, w);
    if (o->over > 0 && i == 0 && w[0] % o->over == 0)
        return 100000;
    for (int k = 0; k < 4; k++)
        x += w[k] * 0x1p-32;
    return (float)(x * (1 + layer) * (1 + (double)(i * 7 % 13)));
}

static void
fill_trajectory(const struct options *o, struct hs_trajectory *t, uint64_t k)
{
    static const char *const finishes[] = {"eos", "length", "stop", "replay"};
    size_t n = o->tokens + k % 3, n_prompt = o->tokens < 4 ? 1 : 4;
    char text[64];

    (void)snprintf(text, sizeof text, "p%" PRIu64, k / 2);
    hs_trajectory_set(&t->problem, text);
    if (k % 2 == 1)
        (void)snprintf(text, sizeof text, "p%" PRIu64 "#1", k / 2);
    hs_trajectory_set(&t->id, text);
    t->sample = k % 2;
    hs_trajectory_set(&t->prompt, k % 5 == 4 ? NULL : "1 + 1 = ?");
    hs_trajectory_set(&t->completion, "The answer is \xc3\xa9\n2.");
    hs_trajectory_set(&t->finish, finishes[k % 4]);
    hs_trajectory_set(&t->gold, k % 5 == 3 ? NULL : "2");
    hs_trajectory_set(&t->parsed, k % 3 == 2 ? NULL : "2");
    hs_trajectory_set(&t->grader, "exact");
    hs_trajectory_set(&t->reason, "");
    t->reward = (int)(k % 3) - 1;
    t->n_tokens = t->n_states = n;
    t->n_prompt = n_prompt;
    t->tokens = hs_realloc(t->tokens, hs_mul(n, sizeof *t->tokens));
    t->positions = hs_realloc(t->positions, hs_mul(n, sizeof *t->positions));
    t->logprob = hs_realloc(t->logprob, hs_mul(n, sizeof *t->logprob));
    t->entropy = hs_realloc(t->entropy, hs_mul(n, sizeof *t->entropy));
    for (size_t i = 0; i < n; i++) {
        t->tokens[i] = (uint32_t)hs_rng_below(o->seed, k, (uint32_t)i, 1, 1000);
        t->positions[i] = (uint32_t)i;
    }
    for (size_t i = 0; i < n - n_prompt; i++) {
        t->logprob[i] = -(float)hs_rng_uniform(o->seed, k, (uint32_t)i, 2);
        t->entropy[i] = (float)hs_rng_uniform(o->seed, k, (uint32_t)i, 3);
    }
    hs_trajectory_hash_prompt(t);
}

/* One trajectory with its states, ready to be written. */
static void
encode(const struct options *o, const struct hs_trajectory *t, uint64_t k,
       struct hs_encoded *e, FILE *dump)
{
    size_t n = t->n_states * o->dim;
    float *x = hs_calloc(n, sizeof *x);
    struct hs_error err;

    hs_encode_trajectory(e, t);
    for (size_t l = 0; l < o->layers.n; l++) {
        for (size_t i = 0; i < n; i++)
            x[i] = value(o, k, o->layers.v[l], i / o->dim, i % o->dim);
        if (dump != NULL && fwrite(x, sizeof *x, n, dump) != n)
            hs_die(HS_EXIT_FAIL, "%s: cannot write", o->dump);
        if (hs_encode_states(e, o->dtype, t, o->layers.v[l], 0, x, t->n_states,
                             o->dim, o->dim, &err) < 0)
            hs_die(HS_EXIT_FAIL, "%s", err.text);
    }
    free(x);
}

static void
make_head(const struct options *o, struct hs_head *h)
{
    hs_head_init(h, "activations");
    hs_head_set(&h->fingerprint, "00112233445566778899aabbccddeeff");
    hs_head_set(&h->family, "qwen2");
    h->n_layers = o->layers.n > 0 ? o->layers.v[o->layers.n - 1] : 0;
    h->n_vocab = 1000;
    h->dim = o->dim;
    h->dtype = o->dtype;
    h->layers.n = o->layers.n;
    h->layers.v = hs_calloc(o->layers.n, sizeof *h->layers.v);
    if (o->layers.n > 0)
        memcpy(h->layers.v, o->layers.v, o->layers.n * sizeof *h->layers.v);
    json_object_set_new(h->run, "seed", json_integer((json_int_t)o->seed));
}

static void
run(const struct options *o)
{
    FILE *dump = o->dump ? fopen(o->dump, "wb") : NULL;
    struct hs_trajectory t = {0};
    struct hs_writer *w;
    struct hs_head head;
    struct hs_error err;

    if (o->dump != NULL && dump == NULL)
        hs_die(HS_EXIT_FAIL, "%s: cannot open", o->dump);
    make_head(o, &head);
    w = hs_writer_open(STDOUT_FILENO, "<stdout>", &head, (int)o->level, &err);
    if (w == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    for (uint64_t k = 0; k < o->items; k++) {
        struct hs_encoded e = {0};

        fill_trajectory(o, &t, k);
        encode(o, &t, k, &e, dump);
        if (hs_write_encoded(w, &e) < 0)
            hs_die(HS_EXIT_FAIL, "%s", hs_writer_error(w));
        hs_encoded_free(&e);
    }
    if (hs_writer_close(w, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    if (dump != NULL && fclose(dump) != 0)
        hs_die(HS_EXIT_FAIL, "%s: cannot write", o->dump);
    hs_trajectory_free(&t);
    hs_head_free(&head);
}

int
main(int argc, char **argv)
{
    struct options o = {
        .items = 8, .dim = 16, .tokens = 12, .seed = 1, .level = 1};
    int c;

    hs_init(argv);
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == OPT_HELP) {
            fputs(usage, stdout);
            return hs_finish(HS_EXIT_OK);
        }
        if (c == '?')
            hs_die_usage();
        take_option(&o, c);
    }
    if (optind < argc)
        hs_die(HS_EXIT_USAGE, "'%s' is not expected", argv[optind]);
    if (o.layers.n == 0)
        hs_parse_list("--layers", "0-4", &o.layers);
    run(&o);
    hs_list_free(&o.layers);
    return hs_finish(HS_EXIT_OK);
}
