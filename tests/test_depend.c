/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_depend.c - the dependence test, on a model whose only computation is
 * known: coordinates of layer 3 read some of layer 2, by one network.
 *
 * The forward pass of that model, the traces and all figures are computed here
 * once more, in double, for the sets that the arms took.
 */
#include <config.h>

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "memstream.h"
#include "modeldir.h"
#include "rpe/depend.h"
#include "task/rollouts.h"

enum {
    DIM = 64,
    FFN = 16,
    VOCAB = 320,
    LAYER = 3, /* of the coordinates */
    BIG = 60,  /* the same, and large, at every token: gates and norms */
    SINK = 61, /* likewise */
    TRAJ = 14,
    EOS = 256,
    EVERY = 3, /* tokens of a step */
    K = 10     /* continuations */
};

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

struct world {
    char *dir;
    struct hs_model *m;
    float *embed, *zero_o, *zero_down, *gate, *up, *down;
    struct hs_rankings ranks;
    struct hs_rpe rpe;
    struct hs_trajectory traj[TRAJ];
    struct hs_rollouts roll[TRAJ];
    size_t length[TRAJ]; /* T */
    struct hs_head head;
};

static struct world w;

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

    w.dir = modeldir_new(
        "family=llama dtype=f32 dim=64 layers=3 heads=4 "
        "ffn=16 tied=0 max_pos=64");
    w.m = hs_model_open(w.dir, &err);
    assert_non_null(w.m);
    assert_int_equal(w.m->cfg.n_vocab, VOCAB);
    assert_int_equal(w.m->cfg.ffn_dim, FFN);
    w.embed = hs_calloc(VOCAB * DIM, sizeof(float));
    w.zero_o = hs_calloc(DIM * DIM, sizeof(float));
    w.zero_down = hs_calloc(DIM * FFN, sizeof(float));
    w.gate = hs_calloc(FFN * DIM, sizeof(float));
    w.up = hs_calloc(FFN * DIM, sizeof(float));
    w.down = hs_calloc(DIM * FFN, sizeof(float));
    for (uint32_t v = 0; v < VOCAB; v++) {
        for (uint32_t j = 0; j < 50; j++)
            w.embed[v * DIM + j] = (float)(hs_rng_uniform(7, 1, v, j) - 0.5);
        /* they are written and have nothing of their own */
        w.embed[v * DIM + 10] = w.embed[v * DIM + 11] = 0;
        w.embed[v * DIM + BIG] = 4;
        w.embed[v * DIM + SINK] = 20;
    }
    for (int i = 0; i < N_READS; i++) {
        w.gate[i * DIM + BIG] = 2;
        w.up[i * DIM + reads[i].from] = 1;
        w.down[reads[i].to * FFN + i] = reads[i].size;
    }
    put(&w.m->w.embed, w.embed);
    for (size_t l = 0; l < 3; l++) {
        struct hs_layer *b = &w.m->w.layers[l];

        put(&b->o, w.zero_o);
        put(&b->down, l == 2 ? w.down : w.zero_down);
        put(&b->gate, w.gate);
        put(&b->up, w.up);
        for (size_t j = 0; j < DIM; j++)
            b->ffn_norm[j] = 1;
    }
}

/* State of layer 3 at a token when sets are zeroed at layers 1 and 2. */
static void
oracle(uint32_t token, const struct hs_edit *edit, double *x)
{
    double square = 0, read[N_READS];

    for (size_t j = 0; j < DIM; j++)
        x[j] = (double)w.embed[token * DIM + j];
    for (const struct hs_edit *e = edit; e != NULL; e = e->more)
        for (size_t i = 0; i < e->n; i++)
            x[e->coords[i]] = 0;
    for (size_t j = 0; j < DIM; j++)
        square += x[j] * x[j];
    square = sqrt(square / DIM + (double)w.m->cfg.norm_eps);
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
    w.ranks.head.kind = hs_strdup("rankings");
    hs_head_set(&w.ranks.head.fingerprint, w.m->fingerprint);
    w.ranks.head.dim = DIM;
    w.ranks.head.n_layers = 3;
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
        hs_rankings_add(&w.ranks, &r);
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
    hs_head_init(&w.rpe.head, "rpe");
    hs_head_set(&w.rpe.head.fingerprint, w.m->fingerprint);
    w.rpe.head.dim = DIM;
    w.rpe.coordinates = c;
    w.rpe.n_coordinates = 1;
}

/* Half of them end with an EOS, which is not fed; one is too short to count,
 * one has no rollouts. */
static void
make_trajectory_of(uint32_t k)
{
    struct hs_trajectory *t = &w.traj[k];
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
    w.length[k] = length;
    if (k == 5)
        return;
    hs_rollouts_init(&w.roll[k], "every:3", 1,
                     1 + (length + EVERY - 1) / EVERY);
    for (uint32_t i = 0; i < w.roll[k].n; i++) {
        size_t at = (size_t)i * EVERY;

        w.roll[k].at[i] = (uint32_t)(at < length ? at : length);
        for (uint32_t c = 0; i + 1 < w.roll[k].n && c < K; c++)
            hs_rollouts_count(&w.roll[k], i, c,
                              hs_rng_uniform(4, k, i, c) <
                                  hs_rng_uniform(5, k, i, 0));
    }
    hs_rollouts_finish(&w.roll[k], t->reward);
    t->rollouts = hs_rollouts_json(&w.roll[k]);
}

static int
setup(void **state)
{
    (void)state;
    make_model();
    make_rankings();
    make_rpe();
    for (uint32_t k = 0; k < TRAJ; k++)
        make_trajectory_of(k);
    hs_head_init(&w.head, "activations");
    hs_head_set(&w.head.fingerprint, w.m->fingerprint);
    hs_head_set(&w.head.family, "llama");
    w.head.n_layers = 3;
    w.head.n_vocab = VOCAB;
    w.head.dim = DIM;
    w.head.dtype = HS_F16;
    w.head.layers =
        (struct hs_list){.v = hs_calloc(2, sizeof(uint32_t)), .n = 2};
    w.head.layers.v[0] = 1;
    w.head.layers.v[1] = LAYER;
    hs_head_set(&w.head.positions, "tokens");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (size_t k = 0; k < TRAJ; k++) {
        hs_trajectory_free(&w.traj[k]);
        hs_rollouts_free(&w.roll[k]);
    }
    hs_head_free(&w.head);
    hs_rankings_free(&w.ranks);
    hs_rpe_free(&w.rpe);
    hs_model_free(w.m);
    free(w.embed);
    free(w.zero_o);
    free(w.zero_down);
    free(w.gate);
    free(w.up);
    free(w.down);
    modeldir_free(w.dir);
    return 0;
}

/* The stream; states of layer 3 times factor.  every: only so many. */
static int
acts(double factor, size_t every)
{
    int fd = memory_file("", 0);
    struct hs_error err;
    struct hs_writer *out = hs_writer_open(fd, "acts", &w.head, 1, &err);

    assert_non_null(out);
    for (size_t k = 0; k < TRAJ; k++) {
        struct hs_trajectory *t = &w.traj[k];
        size_t fed = t->n_prompt + w.length[k], n = 0;
        struct hs_encoded e = {0};
        float *x = hs_calloc(2 * fed * DIM, sizeof *x);

        free(t->positions);
        t->positions = hs_calloc(fed, sizeof *t->positions);
        for (size_t pos = 0; pos < fed; pos += every) {
            double s[DIM];

            t->positions[n] = (uint32_t)pos;
            oracle(t->tokens[pos], NULL, s);
            for (size_t j = 0; j < DIM; j++) {
                x[n * DIM + j] = w.embed[t->tokens[pos] * DIM + j];
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

static struct hs_depend_options
options(void)
{
    struct hs_depend_options o;

    hs_depend_options_init(&o);
    o.edit_layers =
        (struct hs_list){.v = hs_calloc(2, sizeof(uint32_t)), .n = 2};
    o.edit_layers.v[0] = 1;
    o.edit_layers.v[1] = 2;
    o.top = (struct hs_top){.count = 2};
    o.gamma = 0.9;
    o.threshold = 0.15;
    o.seed = 11;
    return o;
}

/* Opens and runs; the reader is closed.  The reason is in err. */
static int
run(struct hs_depend *d, const struct hs_depend_options *o, int fd,
    struct hs_team *team, struct hs_error *err)
{
    struct hs_depend_input in = {.model = w.m,
                                 .team = team,
                                 .rankings = &w.ranks,
                                 .rankings_name = "rank.hsz",
                                 .rpe = &w.rpe,
                                 .rpe_name = "rpe.hsz",
                                 .acts = hs_reader_open(fd, "acts.hsz"),
                                 .acts_name = "acts.hsz"};
    int rc = hs_depend_open(d, o, &in, err);

    if (rc == 0)
        rc = hs_depend_run(d, err);
    hs_reader_close(in.acts);
    return rc;
}

static struct hs_depend
ran(const struct hs_depend_options *o)
{
    struct hs_depend d;
    struct hs_error err = {0};
    int rc = run(&d, o, acts(1, 1), NULL, &err);

    if (rc < 0)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    return d;
}

/* ---- figures, once more */

static double
correlation(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xy / sqrt(xx * yy);
}

/* Ranks by counting; equal means nearer than 1e-6. */
static void
ranks(const double *x, size_t n, double *r)
{
    for (size_t i = 0; i < n; i++) {
        r[i] = 0.5;
        for (size_t k = 0; k < n; k++)
            r[i] += fabs(x[k] - x[i]) < 1e-6 ? 0.5 : x[k] < x[i];
    }
}

static void
trace(size_t k, const struct hs_edit *edit, uint32_t j, double *out)
{
    const struct hs_trajectory *t = &w.traj[k];

    for (size_t i = 0; i < w.length[k]; i++) {
        double x[DIM];

        oracle(t->tokens[t->n_prompt + i], edit, x);
        out[i] = x[j];
    }
}

static void
moments(const double *x, size_t n, double *mean, double *sd)
{
    double square = 0;

    *mean = 0;
    for (size_t i = 0; i < n; i++)
        *mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (x[i] - *mean) * (x[i] - *mean) / (double)n;
    *sd = sqrt(square);
}

/* corr, ratio and rho of a coordinate under an edit. */
static void
expect(const struct hs_depend *d, const struct hs_depend_arm *a, size_t c)
{
    uint32_t j = d->coords[c].index;
    double corr = 0, ratio = 0, n = 0, z[200], delta[200], rz[200], rd[200];
    size_t steps = 0;

    for (size_t k = 0; k < TRAJ; k++) {
        double x[32], y[32], mean, sd, mean2, sd2;
        const struct hs_rollouts *r = &w.roll[k];

        trace(k, NULL, j, x);
        trace(k, a->edit, j, y);
        moments(x, w.length[k], &mean, &sd);
        moments(y, w.length[k], &mean2, &sd2);
        if (w.length[k] >= 3) {
            n++;
            corr += sd2 > 1e-9 ? correlation(x, y, w.length[k]) : 0;
            ratio += sd2 / sd;
        }
        for (size_t i = 1; i < r->n; i++) {
            double v = 0.9 * r->value[i] - r->value[i - 1];
            size_t from = r->at[i - 1], to = r->at[i];

            if (!(fabs(v) > 0.15))
                continue;
            delta[steps] = v;
            z[steps] = 0;
            for (size_t s = from; s < to; s++) /* x[s] is s_(s + 1) */
                z[steps] += (y[s] - mean2) / sd / (double)(to - from);
            steps++;
        }
    }
    assert_int_equal(d->n_steps, steps);
    assert_int_equal(d->n_traces[c], (uint64_t)n);
    assert_true(fabs(a->corr[c] - corr / n) < 2e-5);
    assert_true(fabs(a->ratio[c] - ratio / n) < 2e-5);
    ranks(z, steps, rz);
    ranks(delta, steps, rd);
    moments(z, steps, &corr, &ratio);
    if (ratio > 1e-9)
        assert_true(fabs(a->rho[c] - correlation(rz, rd, steps)) < 2e-3);
    else
        assert_true(a->rho[c] == 0);
}

static bool
has(const struct hs_edit *e, uint32_t j)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->coords[i] == j)
            return true;
    return false;
}

/* ---- tests */

static void
figures_are_right(void **state)
{
    struct hs_depend_options o = options();
    struct hs_depend d = ran(&o);

    (void)state;
    assert_int_equal(d.n_coords, 4);
    assert_int_equal(d.n_arms, 42);
    assert_int_equal(d.n_traj, TRAJ);
    assert_true(d.n_steps > 20);
    assert_true(d.deviation > 1e-6 && d.deviation < 1e-3); /* of f16 */
    for (size_t a = 0; a < d.n_arms; a++)
        for (size_t c = 0; c < d.n_coords; c++)
            expect(&d, &d.arms[a], c);
    /* 10 reads value neurons alone */
    assert_int_equal(d.coords[0].index, 10);
    assert_true(d.arms[1].corr[0] == 0 && d.arms[1].ratio[0] == 0);
    assert_true(d.arms[1].rho[0] == 0 && d.arms[0].rho[0] != 0);
    assert_int_equal(d.arms[1].n_flat[0], TRAJ - 1);
    /* 11 another, which norms touch; 12 nothing at all */
    assert_true(d.arms[1].corr[1] > 0.9999 && d.arms[1].corr[1] < 1);
    assert_true(fabs(d.arms[1].corr[2] - 1) < 1e-12);
    assert_true(d.arms[1].ratio[2] == 1);
    assert_true(d.arms[1].rho[2] == d.arms[0].rho[2]);
    /* 13 one of them, and another more */
    assert_true(d.arms[1].corr[3] > 0.5 && d.arms[1].corr[3] < 0.999);
    assert_int_equal(d.coords[1].sign, -1);
    assert_int_equal(d.coords[3].sign, 1);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

/* Twice two coordinates at every row that is fed. */
static void
edits_are_counted(void **state)
{
    struct hs_depend_options o = options();
    struct hs_depend d;
    uint64_t rows[3] = {0};

    (void)state;
    for (size_t k = 0; k < TRAJ; k++) {
        rows[HS_EDIT_ALL] += w.traj[k].n_prompt + w.length[k];
        rows[HS_EDIT_GENERATED] += w.length[k];
        rows[HS_EDIT_NOT_FIRST] += w.traj[k].n_prompt + w.length[k] - 1;
    }
    for (int where = HS_EDIT_ALL; where <= HS_EDIT_NOT_FIRST; where++) {
        o.where = (enum hs_edit_where)where;
        d = ran(&o);
        assert_int_equal(d.arms[0].edits, 0);
        for (size_t a = 1; a < d.n_arms; a++)
            assert_int_equal(d.arms[a].edits, 4 * rows[where]);
        hs_depend_close(&d);
    }
    hs_depend_options_free(&o);
}

static bool
same_arms(const struct hs_depend *a, const struct hs_depend *b)
{
    size_t n = a->n_coords;

    for (size_t i = 0; i < a->n_arms; i++)
        if (memcmp(a->arms[i].corr, b->arms[i].corr, n * sizeof(double)) != 0 ||
            memcmp(a->arms[i].ratio, b->arms[i].ratio, n * sizeof(double)) !=
                0 ||
            memcmp(a->arms[i].rho, b->arms[i].rho, n * sizeof(double)) != 0)
            return false;
    return true;
}

static void
placement_changes_nothing(void **state)
{
    struct hs_depend_options o = options();
    struct hs_depend first = ran(&o);
    struct hs_error err = {0};

    (void)state;
    for (size_t batch = 1; batch < 60; batch += 19) {
        struct hs_team *team = hs_team_new(batch % 3 + 1, &err);
        struct hs_depend d;

        o.batch = batch;
        assert_int_equal(run(&d, &o, acts(1, 1), team, &err), 0);
        assert_true(same_arms(&first, &d));
        hs_depend_close(&d);
        hs_team_free(team);
    }
    hs_depend_close(&first);
    hs_depend_options_free(&o);
}

/* Whatever the tested coordinates are: draws do to them what value does. */
static void
draws_hold_what_is_tested(void **state)
{
    static const uint32_t tested[] = {1, 3, 10, 12};
    struct hs_depend_options o = options();
    struct hs_depend d;

    (void)state;
    o.coords.v = hs_calloc(4, sizeof(uint32_t));
    memcpy(o.coords.v, tested, sizeof tested);
    o.coords.n = 4;
    o.top.count = 6; /* of layer 1: 2 1 0 3 4 5, of layer 2: 3 2 0 1 4 5 */
    d = ran(&o);
    assert_int_equal(d.n_coords, 4);
    assert_int_equal(d.coords[0].direct, 2);
    assert_int_equal(d.coords[1].direct, 2);
    assert_int_equal(d.coords[2].direct, 0);
    assert_int_equal(d.coords[0].sign, 0);
    assert_int_equal(d.coords[2].sign, 1);
    for (size_t a = 1; a < d.n_arms; a++) {
        for (size_t l = 0; l < 2; l++) {
            const struct hs_edit *e = &d.arms[a].edit[l];

            assert_int_equal(e->layer, l + 1);
            assert_int_equal(e->n, 6);
            assert_true(has(e, 1) && has(e, 3) && !has(e, 10) && !has(e, 12));
            assert_false(has(e, BIG) || has(e, SINK));
            for (size_t i = 0; i < e->n; i++) {
                uint32_t j = e->coords[i];

                assert_true(i == 0 || e->coords[i - 1] < j);
                if (d.arms[a].kind == HS_DEPEND_VALUE)
                    assert_true(j <= 5);
                if (d.arms[a].kind == HS_DEPEND_RMS && j != 1 && j != 3) {
                    /* nearest 8 of the free ones: 6, 7, 8, 9, 11, 13 ... */
                    assert_true(j > 5 && j < 24);
                }
            }
        }
    }
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

/* Sinks at the top of a ranking: value takes them, the reference does not. */
static void
sinks_are_passed_over(void **state)
{
    struct hs_depend_options o = options();
    struct hs_depend d;

    (void)state;
    w.ranks.v[1].sink[3] = HS_SINK_YES; /* the best of layer 2 */
    d = ran(&o);
    assert_int_equal(d.n_sinks, 1);
    assert_int_equal(d.n_arms, 43);
    assert_int_equal(d.reference, 2);
    assert_string_equal(d.arms[2].label, "value-sinks");
    assert_true(has(&d.arms[1].edit[1], 3) && has(&d.arms[1].edit[1], 2));
    assert_true(has(&d.arms[2].edit[1], 2) && has(&d.arms[2].edit[1], 0));
    assert_true(has(&d.arms[2].edit[0], 2) && has(&d.arms[2].edit[0], 1));
    assert_true(d.arms[1].corr[0] == 0 && d.arms[2].corr[0] > 0.1);
    for (size_t a = 2; a < d.n_arms; a++)
        assert_false(has(&d.arms[a].edit[1], 3));
    for (size_t a = 0; a < d.n_arms; a++)
        for (size_t c = 0; c < d.n_coords; c++)
            expect(&d, &d.arms[a], c);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
    w.ranks.v[1].sink[3] = HS_SINK_NO;
}

/* The first so many by evidence, and a limit of trajectories. */
static void
choices(void **state)
{
    struct hs_depend_options o = options();
    struct hs_depend d;

    (void)state;
    o.first = 2;
    o.limit = 5;
    o.n_rms = 0;
    o.n_random = 3;
    d = ran(&o);
    assert_int_equal(d.n_coords, 2);
    assert_int_equal(d.coords[0].index, 10);
    assert_int_equal(d.coords[1].index, 11);
    assert_int_equal(d.n_traj, 5);
    assert_int_equal(d.n_arms, 5);
    assert_int_equal(d.n_traces[0], 4);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

/* Thinned streams are checked where they have states. */
static void
thinned_streams(void **state)
{
    struct hs_depend_options o = options();
    struct hs_depend d;
    struct hs_error err = {0};

    (void)state;
    assert_int_equal(run(&d, &o, acts(1, 4), NULL, &err), 0);
    assert_true(d.n_checked > 0 && d.n_checked < 50);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

static void
refused(struct hs_depend_options *o, int fd, const char *wanted)
{
    struct hs_depend d;
    struct hs_error err = {0};

    assert_int_equal(run(&d, o, fd, NULL, &err), -1);
    if (strstr(err.text, wanted) == NULL)
        print_error("%s\n", err.text);
    assert_non_null(strstr(err.text, wanted));
    hs_depend_close(&d);
    hs_depend_options_free(o);
    *o = options();
}

static void
other_states_are_refused(void **state)
{
    struct hs_depend_options o = options();
    char keep;

    (void)state;
    refused(&o, acts(1.25, 1),
            "acts.hsz: p0: layer 3, coordinate 10: the model's states differ "
            "by 0.2 of what is stored");
    refused(&o, acts(-1, 1), "differ by 2 of what is stored");
    refused(&o, acts(0, 1), "differ by inf of what is stored");
    keep = w.head.fingerprint[0];
    w.head.fingerprint[0] = 'x';
    refused(&o, acts(1, 1), "acts.hsz: of another model: fingerprint 'x");
    w.head.fingerprint[0] = keep;
    w.rpe.head.fingerprint[0] = 'x';
    refused(&o, acts(1, 1), "rpe.hsz: of another model: fingerprint 'x");
    w.rpe.head.fingerprint[0] = keep;
    (void)json_object_set_new(w.head.run, "edit", json_object());
    refused(&o, acts(1, 1), "states of an edited model");
    (void)json_object_del(w.head.run, "edit");
}

static void
wrong_choices_are_refused(void **state)
{
    struct hs_depend_options o = options();

    (void)state;
    o.edit_layers.v[1] = 3;
    refused(&o, acts(1, 1),
            "coordinates of layer 3 can only depend on earlier "
            "layers, and layer 3 is none");
    o.edit_layers.v[0] = 0;
    refused(&o, acts(1, 1), "layer 0");
    o.edit_layers.v[1] = 9;
    refused(&o, acts(1, 1), "edit layers: 9 is not within 0 to 3");
    o.edit_layers.n = 0;
    refused(&o, acts(1, 1), "no layers to edit");
    o.top.count = 65;
    refused(&o, acts(1, 1), "65 coordinates of 64");
    o.top.count = 63;
    refused(&o, acts(1, 1), "only 62 are no sinks");
    o.top.count = 40;
    refused(&o, acts(1, 1), "partners by RMS, and only");
    o.coords = (struct hs_list){.v = hs_calloc(1, sizeof(uint32_t)), .n = 1};
    o.coords.v[0] = DIM;
    refused(&o, acts(1, 1), "rpe.hsz: coordinate 64 is not below 64");
    o.layers = (struct hs_list){.v = hs_calloc(1, sizeof(uint32_t)), .n = 1};
    refused(&o, acts(1, 1), "rpe.hsz: no scanned coordinates of these layers");
    memset(w.rpe.coordinates->found, 0, DIM);
    refused(&o, acts(1, 1), "rpe.hsz: no coordinate was found there");
    for (size_t j = 10; j < 14; j++)
        w.rpe.coordinates->found[j] = 1;
    o.one_target = true;
    o.target = HS_TARGET_TD;
    refused(&o, acts(1, 1), "td");
    o.gamma = (double)NAN;
    refused(&o, acts(1, 1), "gamma");
    o.threshold = (double)NAN;
    refused(&o, acts(1, 1), "threshold");
    hs_depend_options_free(&o);
}

/* A stream that is cut off, or has nothing in it. */
static void
damage_is_refused(void **state)
{
    struct hs_depend_options o = options();
    struct hs_buf b = contents(acts(1, 1));
    struct hs_error err;
    struct hs_writer *out;
    int fd;

    (void)state;
    refused(&o, memory_file(b.data, b.len - 20), "acts.hsz: segment 1");
    o.limit = 1; /* the rest must be whole all the same */
    refused(&o, memory_file(b.data, b.len - 20), "acts.hsz: segment 1");
    hs_buf_free(&b);
    fd = memory_file("", 0);
    out = hs_writer_open(fd, "acts", &w.head, 1, &err);
    assert_int_equal(hs_writer_close(out, &err), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    refused(&o, fd, "acts.hsz: no trajectory");
    hs_depend_options_free(&o);
}

/* ---- records and words */

static double
number(const json_t *j, const char *a, const char *b, const char *c)
{
    const json_t *x = json_object_get(json_object_get(j, a), b);

    return json_number_value(c != NULL ? json_object_get(x, c) : x);
}

static void
places_among_draws(void **state)
{
    struct hs_depend_options o = options();
    struct hs_depend d = ran(&o);
    json_t *j = hs_depend_json(&d), *c = json_object_get(j, "coordinates");

    (void)state;
    for (size_t i = 0; i < d.n_coords; i++) {
        static const enum hs_depend_kind kinds[] = {HS_DEPEND_RANDOM,
                                                    HS_DEPEND_RMS};
        static const char *const names[] = {"random", "rms"};

        for (size_t k = 0; k < 2; k++) {
            double sum = 0, low = 9, high = -9, as_low = 0, as_bad = 0;
            double sign = d.arms[0].rho[i] < 0 ? -1 : 1;
            const json_t *x = json_array_get(c, i);

            for (size_t a = 0; a < d.n_arms; a++) {
                if (d.arms[a].kind != kinds[k])
                    continue;
                sum += d.arms[a].corr[i];
                low = fmin(low, d.arms[a].corr[i]);
                high = fmax(high, d.arms[a].corr[i]);
                as_low += d.arms[a].corr[i] <= d.arms[1].corr[i];
                as_bad += sign * d.arms[a].rho[i] <= sign * d.arms[1].rho[i];
            }
            x = json_object_get(x, "corr");
            assert_true(fabs(number(x, names[k], "mean", NULL) - sum / 20) <
                        1e-12);
            assert_true(number(x, names[k], "low", NULL) == low);
            assert_true(number(x, names[k], "high", NULL) == high);
            assert_true(fabs(number(x, names[k], "p", NULL) -
                             (1 + as_low) / 21) < 1e-12);
            x = json_object_get(json_array_get(c, i), "rho");
            assert_true(fabs(number(x, names[k], "p", NULL) -
                             (1 + as_bad) / 21) < 1e-12);
        }
    }
    /* means over coordinates */
    assert_true(fabs(number(j, "mean", "corr", "value") -
                     (d.arms[1].corr[0] + d.arms[1].corr[1] +
                      d.arms[1].corr[2] + d.arms[1].corr[3]) /
                         4) < 1e-12);
    json_decref(j);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

/* Records go into a stream and come back; words and tables are made of them. */
static void
records_and_words(void **state)
{
    struct hs_depend_options o = options();
    struct hs_depend d = ran(&o);
    struct hs_encoded e = {0};
    struct hs_error err;
    struct hs_head head;
    struct hs_rpe back;
    json_t *j, *words;
    struct hs_buf b = {0};
    struct hs_writer *out;
    char *path = modeldir_empty();
    struct hs_buf name = {0};
    int fd;

    (void)state;
    hs_buf_printf(&name, "%s/dep.hsz", path);
    hs_depend_head(&d, &head);
    fd = open(hs_buf_cstr(&name), O_RDWR | O_CREAT, 0600);
    out = hs_writer_open(fd, "dep", &head, 1, &err);
    assert_int_equal(hs_depend_encode(&d, &e, &err), 0);
    assert_int_equal(hs_write_encoded(out, &e), 0);
    assert_int_equal(hs_writer_close(out, &err), 0);
    (void)close(fd);
    assert_int_equal(hs_rpe_load(&back, hs_buf_cstr(&name), &err), 0);
    assert_int_equal(json_array_size(back.others), 1 + d.n_arms);
    j = json_array_get(back.others, 0);
    words = hs_depend_words(j, &err);
    assert_non_null(words);
    assert_string_equal(
        json_string_value(json_array_get(words, 0)),
        "The first 2 of 64 value neurons (mc) were zeroed in layers 1-2, and "
        "14 responses read again: the traces of 4 coordinates correlate 0.74 "
        "with the unedited ones (1: untouched, 0: nothing is left).");
    assert_string_equal(json_string_value(json_array_get(words, 3)),
                        "Zeroing value neurons of earlier layers breaks the "
                        "traces more than draws do.");
    assert_int_equal(hs_depend_print(&b, j, "tsv", &err), 0);
    assert_int_equal(strncmp(hs_buf_cstr(&b), "#layer\tindex", 12), 0);
    hs_buf_free(&b);
    assert_int_equal(hs_depend_print(&b, j, "table", &err), 0);
    hs_buf_free(&b);
    /* every member that words need */
    for (size_t i = 0; i < 2; i++) {
        json_t *copy = json_deep_copy(j);

        (void)json_object_del(copy, i == 0 ? "k" : "mean");
        assert_null(hs_depend_words(copy, &err));
        assert_non_null(strstr(err.text, "dependence: "));
        assert_int_equal(hs_depend_print(&b, copy, "tsv", &err), -1);
        json_decref(copy);
    }
    json_decref(words);
    hs_encoded_free(&e);
    hs_rpe_free(&back);
    hs_head_free(&head);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
    hs_buf_free(&name);
    modeldir_free(path);
}

/* What the sentence makes of other figures. */
static void
verdicts(void **state)
{
    static const struct {
        double random, rms; /* p; -1: no such draws */
        const char *wanted;
    } cases[] = {
        {0.04, 0.04, "breaks the traces more than draws do."},
        {0.04, -1, "breaks the traces more than draws at random do."},
        {-1, 0.04, "breaks the traces more than draws of like RMS do."},
        {0.04, 0.5, "not more than coordinates as large"},
        {0.5, 0.04, "no clear dependence"},
        {0.5, 0.5, "not distinguishable from zeroing others"},
        {-1, 0.5, "not distinguishable from zeroing others"},
        {-1, -1, "Without draws"},
    };
    struct hs_depend_options o = options();
    struct hs_depend d = ran(&o);
    json_t *j = hs_depend_json(&d);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *copy = json_deep_copy(j), *words;
        json_t *corr = json_object_get(json_object_get(copy, "mean"), "corr");
        struct hs_error err;
        char *text;

        if (cases[i].random < 0)
            (void)json_object_del(corr, "random");
        else
            (void)json_object_set_new(json_object_get(corr, "random"), "p",
                                      json_real(cases[i].random));
        if (cases[i].rms < 0)
            (void)json_object_del(corr, "rms");
        else
            (void)json_object_set_new(json_object_get(corr, "rms"), "p",
                                      json_real(cases[i].rms));
        words = hs_depend_words(copy, &err);
        text = json_dumps(words, 0);
        assert_non_null(strstr(text, cases[i].wanted));
        free(text);
        json_decref(words);
        json_decref(copy);
    }
    json_decref(j);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_right),
        cmocka_unit_test(edits_are_counted),
        cmocka_unit_test(placement_changes_nothing),
        cmocka_unit_test(draws_hold_what_is_tested),
        cmocka_unit_test(sinks_are_passed_over),
        cmocka_unit_test(choices),
        cmocka_unit_test(thinned_streams),
        cmocka_unit_test(other_states_are_refused),
        cmocka_unit_test(wrong_choices_are_refused),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(places_among_draws),
        cmocka_unit_test(records_and_words),
        cmocka_unit_test(verdicts),
    };

    return cmocka_run_group_tests_name("depend", tests, setup, teardown);
}
