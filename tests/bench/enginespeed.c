/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * enginespeed.c - the engine alone, and the limits to compare it with.
 *
 *   enginespeed run DIR generate|replay THREADS SEQUENCES all|none [RUNS]
 *       seconds, and processor seconds, of each run of SEQUENCES prompts of 64
 *       tokens with 64 more, and a digest of every number that came out
 *   enginespeed open DIR          seconds to open a model
 *   enginespeed peak THREADS      the best sgemm GFLOP/s of OpenBLAS, and the
 *                                 kernel that it ran
 *   enginespeed flops DIR         FLOP of products: each token, each prediction
 */
#include <config.h>

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/rng.h"
#include "model/kernel.h"
#include "model/sched.h"

enum {
    N_PROMPT = 64,
    N_NEW = 64
};

static double
seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static double
now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

struct feed {
    const struct hs_model *model;
    size_t n, given;
    bool replay;
    uint64_t digest;
};

/* Tokens are drawn from a counter: each run sees the same ones. */
static int
next_item(void *ud, struct hs_item **out)
{
    struct feed *f = ud;
    size_t n = N_PROMPT + (f->replay ? N_NEW : 0);
    struct hs_item *item;

    if (f->given == f->n)
        return 0;
    item = hs_calloc(1, sizeof *item);
    item->id = "made up";
    item->problem = f->given;
    item->n_prompt = N_PROMPT;
    item->n_tokens = n;
    item->replay = f->replay;
    item->max_tokens = N_NEW;
    item->tokens = hs_calloc(n, sizeof *item->tokens);
    for (uint32_t i = 0; i < n; i++)
        item->tokens[i] = (uint32_t)(hs_rng_uniform(7, f->given, 0, i) *
                                     (double)f->model->cfg.n_vocab);
    f->given++;
    *out = item;
    return 1;
}

static void
finished(void *ud, struct hs_item *item)
{
    (void)ud;
    (void)item;
}

static int
emit(void *ud, struct hs_item *item)
{
    struct feed *f = ud;
    size_t n = item->n_tokens - item->n_prompt;

    f->digest = XXH3_64bits_withSeed(
        item->tokens, item->n_tokens * sizeof *item->tokens, f->digest);
    f->digest =
        XXH3_64bits_withSeed(item->logprob, n * sizeof(float), f->digest);
    f->digest =
        XXH3_64bits_withSeed(item->entropy, n * sizeof(float), f->digest);
    if (item->states != NULL)
        f->digest =
            XXH3_64bits_withSeed(item->states,
                                 item->n_states * (f->model->cfg.n_layers + 1) *
                                     f->model->cfg.dim * sizeof(float),
                                 f->digest);
    hs_item_free(item);
    return 0;
}

static void
run(const struct hs_model *m, bool replay, size_t batch, struct hs_team *team,
    const char *layers)
{
    struct feed f = {.model = m, .n = batch, .replay = replay};
    struct hs_sched_options o = {.batch = batch,
                                 .team = team,
                                 .sampler = {.greedy = true, .temperature = 1},
                                 .next = next_item,
                                 .finished = finished,
                                 .emit = emit,
                                 .ud = &f};
    struct hs_error err;
    double start, cpu;

    if (strcmp(layers, "none") != 0) {
        hs_parse_list("layers", layers, &o.layers);
        if (hs_list_resolve(&o.layers, (uint32_t)m->cfg.n_layers + 1, &err) < 0)
            hs_die(HS_EXIT_FAIL, "%s", err.text);
    }
    start = now();
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (hs_sched_run(m, &o, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    printf("%.6f %.6f %016llx\n", now() - start,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu,
           (unsigned long long)f.digest);
    fflush(stdout);
    hs_list_free(&o.layers);
}

static struct hs_model *
open_model(const char *dir)
{
    struct hs_error err;
    struct hs_model *m = hs_model_open(dir, &err);

    if (m == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    return m;
}

static void
print_flops(const struct hs_model *m)
{
    const struct hs_config *c = &m->cfg;
    size_t q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    size_t block = c->dim * (2 * q + 2 * kv + 3 * c->ffn_dim);

    printf("%zu %zu\n", 2 * c->n_layers * block, 2 * c->dim * c->n_vocab);
}

static void
print_peak(int threads)
{
    double best = 0;

    openblas_set_num_threads(threads);
    for (size_t n = 512; n <= 2048; n *= 2) {
        float *a = hs_calloc64(n * n, sizeof *a), *b = hs_calloc64(n * n, 4),
              *c = hs_calloc64(n * n, sizeof *c);
        double start;

        for (size_t i = 0; i < n * n; i++)
            a[i] = b[i] = (float)(i % 7);
        for (int r = 0; r < 6; r++) {
            int k = (int)n;

            start = now();
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, k, k, k, 1, a,
                        k, b, k, 0, c, k);
            start = 2 * (double)n * (double)n * (double)n / (now() - start);
            best = start > best ? start : best;
        }
        free(a);
        free(b);
        free(c);
    }
    printf("%.1f %s\n", best * 1e-9, openblas_get_corename());
}

static struct hs_team *
new_team(const char *threads)
{
    struct hs_error err;
    struct hs_team *team =
        hs_team_new(hs_parse_u64("THREADS", threads, 1, 1024), &err);

    if (team == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    return team;
}

int
main(int argc, char **argv)
{
    struct hs_model *m;
    double start = now();

    hs_init(argv);
    if (argc == 3 && strcmp(argv[1], "peak") == 0) {
        print_peak((int)hs_parse_u64("THREADS", argv[2], 1, 1024));
        return hs_finish(0);
    }
    if (argc < 3)
        hs_die(HS_EXIT_USAGE, "see the head of enginespeed.c");
    m = open_model(argv[2]);
    if (strcmp(argv[1], "open") == 0)
        printf("%.6f\n", now() - start);
    else if (strcmp(argv[1], "flops") == 0)
        print_flops(m);
    if (argc >= 7 && strcmp(argv[1], "run") == 0) {
        uint64_t n = hs_parse_u64("SEQUENCES", argv[5], 1, 1024);
        uint64_t runs = argc > 7 ? hs_parse_u64("RUNS", argv[7], 1, 1000) : 1;

        struct hs_team *team = new_team(argv[4]);

        for (uint64_t i = 0; i < runs; i++)
            run(m, strcmp(argv[3], "replay") == 0, n, team, argv[6]);
    }
    hs_model_free(m);
    return hs_finish(0);
}
