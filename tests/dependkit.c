/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dependkit.c - see dependkit.h.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "dependkit.h"
#include "memstream.h"
#include "modeldir.h"

/* What block 2 does: to gets size silu(BIG) from, all of it normed. */
static const struct {
    int to, from;
    float size;
} reads[] = {{10, 1, 3},  {10, 2, 2}, {10, 3, -4},
             {11, 5, -3}, {13, 1, 2}, {13, 6, 5}};

enum {
    N_READS = sizeof reads / sizeof reads[0]
};

/* The value neurons: 1, 2 of layer 1, and 2, 3 of layer 2. */
static const uint32_t value[2][2] = {{2, 1}, {3, 2}};

struct dependkit kit;

/* ---- the model */

static void
put(struct hs_matrix *m, const float *data)
{
    m->data = data;
    m->type = HS_W_F32;
}

static void
make_model(void)
{
    struct hs_error err;

    kit.dir = modeldir_new(
        "family=llama dtype=f32 dim=64 layers=3 heads=4 "
        "ffn=16 tied=0 max_pos=64");
    kit.m = hs_model_open(kit.dir, &err);
    assert_non_null(kit.m);
    assert_int_equal(kit.m->cfg.n_vocab, VOCAB);
    assert_int_equal(kit.m->cfg.ffn_dim, FFN);
    kit.embed = hs_calloc(VOCAB * DIM, sizeof(float));
    kit.zero_o = hs_calloc(DIM * DIM, sizeof(float));
    kit.zero_down = hs_calloc(DIM * FFN, sizeof(float));
    kit.gate = hs_calloc(FFN * DIM, sizeof(float));
    kit.up = hs_calloc(FFN * DIM, sizeof(float));
    kit.down = hs_calloc(DIM * FFN, sizeof(float));
    for (uint32_t v = 0; v < VOCAB; v++) {
        for (uint32_t j = 0; j < 50; j++)
            kit.embed[v * DIM + j] = (float)(hs_rng_uniform(7, 1, v, j) - 0.5);
        /* they are written and have nothing of their own */
        kit.embed[v * DIM + 10] = kit.embed[v * DIM + 11] = 0;
        kit.embed[v * DIM + BIG] = 4;
        kit.embed[v * DIM + SINK] = 20;
    }
    for (int i = 0; i < N_READS; i++) {
        kit.gate[i * DIM + BIG] = 2;
        kit.up[i * DIM + reads[i].from] = 1;
        kit.down[reads[i].to * FFN + i] = reads[i].size;
    }
    put(&kit.m->w.embed, kit.embed);
    for (size_t l = 0; l < 3; l++) {
        struct hs_layer *b = &kit.m->w.layers[l];

        put(&b->o, kit.zero_o);
        put(&b->down, l == 2 ? kit.down : kit.zero_down);
        put(&b->gate, kit.gate);
        put(&b->up, kit.up);
        for (size_t j = 0; j < DIM; j++)
            b->ffn_norm[j] = 1;
    }
}

/* State of layer 3 at a token when sets are zeroed at layers 1 and 2. */
void
dependkit_state(uint32_t token, const struct hs_edit *edit, double *x)
{
    double square = 0, read[N_READS];

    for (size_t j = 0; j < DIM; j++)
        x[j] = (double)kit.embed[token * DIM + j];
    for (const struct hs_edit *e = edit; e != NULL; e = e->more)
        for (size_t i = 0; i < e->n; i++)
            x[e->coords[i]] = 0;
    for (size_t j = 0; j < DIM; j++)
        square += x[j] * x[j];
    square = sqrt(square / DIM + (double)kit.m->cfg.norm_eps);
    for (int i = 0; i < N_READS; i++) {
        double g = 2 * x[BIG] / square;

        read[i] = g / (1 + exp(-g)) * x[reads[i].from] / square;
    }
    for (int i = 0; i < N_READS; i++)
        x[reads[i].to] += (double)reads[i].size * read[i];
}

/* ---- what goes in */

static void
make_rankings(void)
{
    kit.ranks.head.kind = hs_strdup("rankings");
    hs_head_set(&kit.ranks.head.fingerprint, kit.m->fingerprint);
    kit.ranks.head.dim = DIM;
    kit.ranks.head.n_layers = 3;
    for (uint32_t l = 1; l <= 2; l++) {
        struct hs_ranking r = {.layer = l,
                               .target = HS_TARGET_MC,
                               .by = HS_BY_L1,
                               .d = DIM,
                               .n_seeds = 1,
                               .n_top = 2};
        size_t n = 2;

        hs_ranking_alloc(&r);
        r.seed_order = hs_calloc(DIM, sizeof *r.seed_order);
        memcpy(r.order, value[l - 1], sizeof value[0]);
        for (uint32_t j = 0; j < DIM; j++)
            if (j != value[l - 1][0] && j != value[l - 1][1])
                r.order[n++] = j;
        for (uint32_t i = 0; i < DIM; i++) {
            r.rank[r.order[i]] = i + 1;
            r.rms[i] = i < 50 ? 0.3f + 0.001f * (float)i : 1e-3f;
            r.sink[i] = i == BIG || i == SINK ? HS_SINK_YES : HS_SINK_NO;
        }
        hs_rankings_add(&kit.ranks, &r);
    }
}

static void
make_rpe(void)
{
    static const uint32_t found[] = {10, 11, 12, 13};
    struct hs_rpe_coordinates *c = hs_calloc(1, sizeof *c);

    *c = (struct hs_rpe_coordinates){
        .mode = HS_RPE_TD, .layer = LAYER, .d = DIM, .n = 9, .alpha = 0.05};
    c->score = hs_calloc(DIM, sizeof(float));
    c->score_p = hs_calloc(DIM, sizeof(float));
    c->score_q = hs_calloc(DIM, sizeof(float));
    c->r_out = hs_calloc(DIM, sizeof(float));
    c->p_out = hs_calloc(DIM, sizeof(float));
    c->r_exp = hs_calloc(DIM, sizeof(float));
    c->p_exp = hs_calloc(DIM, sizeof(float));
    c->p = hs_calloc(DIM, sizeof(float));
    c->q = hs_calloc(DIM, sizeof(float));
    c->found = hs_calloc(DIM, 1);
    for (size_t j = 0; j < DIM; j++)
        c->p[j] = c->q[j] = 1;
    for (size_t i = 0; i < 4; i++) {
        c->found[found[i]] = 1;
        c->p[found[i]] = c->q[found[i]] = 0.001f * (float)(i + 1);
        c->r_out[found[i]] = found[i] == 11 ? -0.5f : 0.5f;
        c->r_exp[found[i]] = -c->r_out[found[i]];
    }
    hs_head_init(&kit.rpe.head, "rpe");
    hs_head_set(&kit.rpe.head.fingerprint, kit.m->fingerprint);
    kit.rpe.head.dim = DIM;
    kit.rpe.coordinates = c;
    kit.rpe.n_coordinates = 1;
}

/* Half of them end with an EOS, which is not fed; one is too short to count,
 * one has no rollouts. */
static void
make_trajectory_of(uint32_t k)
{
    struct hs_trajectory *t = &kit.traj[k];
    size_t length = k == 3 ? 2 : 6 + k % 7, n_prompt = 2 + k % 3;
    char id[32];

    (void)snprintf(id, sizeof id, "p%u", k);
    hs_trajectory_set(&t->id, id);
    hs_trajectory_set(&t->problem, id);
    hs_trajectory_set(&t->prompt, "?");
    hs_trajectory_set(&t->completion, "!");
    hs_trajectory_set(&t->finish, k % 2 == 0 ? "eos" : "length");
    hs_trajectory_set(&t->grader, "none");
    hs_trajectory_set(&t->reason, "");
    t->reward = (int)(k % 3) - 1;
    t->n_prompt = n_prompt;
    t->n_tokens = n_prompt + length + (k % 2 == 0);
    t->tokens = hs_calloc(t->n_tokens, sizeof *t->tokens);
    for (size_t i = 0; i < t->n_tokens; i++)
        t->tokens[i] = (uint32_t)hs_rng_below(3, 1, k, (uint32_t)i, 256);
    if (k % 2 == 0)
        t->tokens[t->n_tokens - 1] = EOS;
    t->logprob = hs_calloc(t->n_tokens - n_prompt, sizeof(float));
    t->entropy = hs_calloc(t->n_tokens - n_prompt, sizeof(float));
    t->meta = json_object();
    kit.length[k] = length;
    if (k == 5)
        return;
    hs_rollouts_init(&kit.roll[k], "every:3", 1,
                     1 + (length + EVERY - 1) / EVERY);
    for (uint32_t i = 0; i < kit.roll[k].n; i++) {
        size_t at = (size_t)i * EVERY;

        kit.roll[k].at[i] = (uint32_t)(at < length ? at : length);
        for (uint32_t c = 0; i + 1 < kit.roll[k].n && c < K; c++)
            hs_rollouts_count(&kit.roll[k], i, c,
                              hs_rng_uniform(4, k, i, c) <
                                  hs_rng_uniform(5, k, i, 0));
    }
    hs_rollouts_finish(&kit.roll[k], t->reward);
    t->rollouts = hs_rollouts_json(&kit.roll[k]);
}

int
dependkit_setup(void **state)
{
    (void)state;
    make_model();
    make_rankings();
    make_rpe();
    for (uint32_t k = 0; k < TRAJ; k++)
        make_trajectory_of(k);
    hs_head_init(&kit.head, "activations");
    hs_head_set(&kit.head.fingerprint, kit.m->fingerprint);
    hs_head_set(&kit.head.family, "llama");
    kit.head.n_layers = 3;
    kit.head.n_vocab = VOCAB;
    kit.head.dim = DIM;
    kit.head.dtype = HS_F16;
    kit.head.layers =
        (struct hs_list){.v = hs_calloc(2, sizeof(uint32_t)), .n = 2};
    kit.head.layers.v[0] = 1;
    kit.head.layers.v[1] = LAYER;
    hs_head_set(&kit.head.positions, "tokens");
    return 0;
}

int
dependkit_teardown(void **state)
{
    (void)state;
    for (size_t k = 0; k < TRAJ; k++) {
        hs_trajectory_free(&kit.traj[k]);
        hs_rollouts_free(&kit.roll[k]);
    }
    hs_head_free(&kit.head);
    hs_rankings_free(&kit.ranks);
    hs_rpe_free(&kit.rpe);
    hs_model_free(kit.m);
    free(kit.embed);
    free(kit.zero_o);
    free(kit.zero_down);
    free(kit.gate);
    free(kit.up);
    free(kit.down);
    modeldir_free(kit.dir);
    return 0;
}

/* The stream; states of layer 3 times factor.  every: only so many. */
int
dependkit_acts(double factor, size_t every)
{
    int fd = memory_file("", 0);
    struct hs_error err;
    struct hs_writer *out = hs_writer_open(fd, "acts", &kit.head, 1, &err);

    assert_non_null(out);
    for (size_t k = 0; k < TRAJ; k++) {
        struct hs_trajectory *t = &kit.traj[k];
        size_t fed = t->n_prompt + kit.length[k], n = 0;
        struct hs_encoded e = {0};
        float *x = hs_calloc(2 * fed * DIM, sizeof *x);

        free(t->positions);
        t->positions = hs_calloc(fed, sizeof *t->positions);
        for (size_t pos = 0; pos < fed; pos += every) {
            double s[DIM];

            t->positions[n] = (uint32_t)pos;
            dependkit_state(t->tokens[pos], NULL, s);
            for (size_t j = 0; j < DIM; j++) {
                x[n * DIM + j] = kit.embed[t->tokens[pos] * DIM + j];
                x[(fed + n) * DIM + j] = (float)(s[j] * factor);
            }
            n++;
        }
        t->n_states = n;
        hs_trajectory_hash_prompt(t);
        hs_encode_trajectory(&e, t);
        assert_int_equal(
            hs_encode_states(&e, HS_F16, t, 1, 0, x, n, DIM, DIM, &err), 0);
        assert_int_equal(hs_encode_states(&e, HS_F16, t, LAYER, 0,
                                          x + fed * DIM, n, DIM, DIM, &err),
                         0);
        assert_int_equal(hs_write_encoded(out, &e), 0);
        hs_encoded_free(&e);
        free(x);
    }
    assert_int_equal(hs_writer_close(out, &err), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* ---- runs */

struct hs_depend_options
dependkit_options(void)
{
    struct hs_depend_options o;

    hs_depend_options_init(&o);
    o.edit_layers =
        (struct hs_list){.v = hs_calloc(2, sizeof(uint32_t)), .n = 2};
    o.edit_layers.v[0] = 1;
    o.edit_layers.v[1] = 2;
    o.top = (struct hs_top){.count = 2};
    o.gamma = 0.9;
    o.threshold = 0.2; /* which differences of shares of 10 may be */
    o.seed = 11;
    return o;
}

/* Opens and runs; the reader is closed.  The reason is in err. */
int
dependkit_run(struct hs_depend *d, const struct hs_depend_options *o, int fd,
              struct hs_team *team, struct hs_error *err)
{
    struct hs_depend_input in = {.model = kit.m,
                                 .team = team,
                                 .rankings = &kit.ranks,
                                 .rankings_name = "rank.hsz",
                                 .rpe = &kit.rpe,
                                 .rpe_name = "rpe.hsz",
                                 .acts = hs_reader_open(fd, "acts.hsz"),
                                 .acts_name = "acts.hsz"};
    int rc = hs_depend_open(d, o, &in, err);

    if (rc == 0)
        rc = hs_depend_run(d, err);
    hs_reader_close(in.acts);
    return rc;
}

struct hs_depend
dependkit_ran(const struct hs_depend_options *o)
{
    struct hs_depend d;
    struct hs_error err = {0};
    int rc = dependkit_run(&d, o, dependkit_acts(1, 1), NULL, &err);

    if (rc < 0)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    return d;
}
