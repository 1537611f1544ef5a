/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * forward.c - see forward.h.  Per block, for every row:
 *
 *     x -> norm -> q, k, v -> (norm of q, k) -> rotary -> attention -> o -> +x
 *       -> norm -> gate, up -> silu(gate) * up -> down -> +x
 *
 * which is Qwen2, Qwen3 and Llama alike; what differs (biases, norms of q and
 * k, head size) is a NULL or a number in the weights.
 */
#include <config.h>

#include "model/forward.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/kernel.h"

enum {
    ATTEND_ROWS = 4,  /* neighbours that may attend together */
    MAX_QUERIES = 256 /* of one call */
};

/* Keys lie in blocks of HS_LANES positions, see attend in kern.h. */
struct slot {
    float *k; /* (n_layers, n_kv_heads, cap / HS_LANES, hd, HS_LANES), owned */
    float *v; /* (n_layers, n_kv_heads, cap, hd), owned */
    size_t cap; /* positions, padded */
};

struct hs_state {
    const struct hs_model *model;
    struct hs_team *team;
    size_t n_slots, max_rows;
    size_t hd;          /* head_dim padded to HS_LANES */
    size_t dim;         /* row stride of x: dim padded */
    struct slot *slots; /* (n_slots) */
    size_t table_pos;   /* positions that the next two have room for */
    float *cos_sin;     /* (table_pos, head_dim), see rope in kern.h */
    float *scores;      /* (threads, HS_QUERIES, table_pos), then
                         * results (MAX_QUERIES, hd) */
    size_t scores_stride;

    float *x;       /* (max_rows, dim): the residual stream */
    float *normed;  /* (max_rows, dim) */
    float *delta;   /* (max_rows, dim): what a block adds */
    float *q;       /* (max_rows, n_heads * head_dim) */
    float *k, *v;   /* (max_rows, n_kv_heads * head_dim) */
    float *heads;   /* (max_rows, n_heads, hd): q, rotated and padded */
    float *att;     /* (max_rows, n_heads * head_dim) */
    float *gate;    /* (max_rows, ffn_dim) */
    float *up;      /* (max_rows, ffn_dim) */
    float *scratch; /* of the products */
};

static size_t
padded(size_t n)
{
    return (n + HS_LANES - 1) / HS_LANES * HS_LANES;
}

/* What the products need: inputs are of three sizes. */
static size_t
scratch_floats(const struct hs_config *c, size_t n_threads, size_t max_rows)
{
    size_t k = hs_mul(c->n_heads, c->head_dim);

    k = k > c->dim ? k : c->dim;
    return hs_product_scratch(n_threads, max_rows,
                              k > c->ffn_dim ? k : c->ffn_dim);
}

/* All buffers of a state from one table of sizes. */
struct buffer {
    float **to;
    size_t n;
};

enum {
    N_BUFFERS = 11
};

static void
buffer_table(struct buffer b[N_BUFFERS], struct hs_state *st,
             const struct hs_config *c, size_t n_threads, size_t max_rows)
{
    size_t hd = padded(c->head_dim), dim = padded(c->dim);
    size_t q_dim = hs_mul(c->n_heads, c->head_dim);
    size_t kv_dim = hs_mul(c->n_kv_heads, c->head_dim);

    st->hd = hd;
    st->dim = dim;
    b[0] = (struct buffer){&st->x, hs_mul(max_rows, dim)};
    b[1] = (struct buffer){&st->normed, hs_mul(max_rows, dim)};
    b[2] = (struct buffer){&st->delta, hs_mul(max_rows, dim)};
    b[3] = (struct buffer){&st->q, hs_mul(max_rows, q_dim)};
    b[4] = (struct buffer){&st->k, hs_mul(max_rows, kv_dim)};
    b[5] = (struct buffer){&st->v, hs_mul(max_rows, kv_dim)};
    b[6] = (struct buffer){&st->heads, hs_mul(max_rows, c->n_heads * hd)};
    b[7] = (struct buffer){&st->att, hs_mul(max_rows, q_dim)};
    b[8] = (struct buffer){&st->gate, hs_mul(max_rows, c->ffn_dim)};
    b[9] = (struct buffer){&st->up, hs_mul(max_rows, c->ffn_dim)};
    b[10] =
        (struct buffer){&st->scratch, scratch_floats(c, n_threads, max_rows)};
}

/* Angles and scores for n_pos positions.  Angles are computed in double: a
 * float angle at position 600 is already wrong in its fifth digit. */
static void
grow_tables(struct hs_state *st, size_t n_pos)
{
    const struct hs_config *c = &st->model->cfg;
    size_t half = c->head_dim / 2;
    double *freq;

    if (n_pos <= st->table_pos)
        return;
    free(st->cos_sin);
    free(st->scores);
    st->table_pos = padded(n_pos);
    st->cos_sin =
        hs_calloc64(hs_mul(st->table_pos, c->head_dim), sizeof(float));
    st->scores_stride = HS_QUERIES * st->table_pos + MAX_QUERIES * st->hd;
    st->scores = hs_calloc64(hs_mul(hs_team_size(st->team), st->scores_stride),
                             sizeof(float));
    freq = hs_calloc(half, sizeof *freq);
    hs_rope_inv_freq(c, freq);
    for (size_t p = 0; p < st->table_pos; p++) {
        float *row = st->cos_sin + p * c->head_dim;

        for (size_t i = 0; i < half; i++) {
            row[i] = (float)cos((double)p * freq[i]);
            row[half + i] = (float)sin((double)p * freq[i]);
        }
    }
    free(freq);
}

struct hs_state *
hs_state_new(const struct hs_model *model, struct hs_team *team, size_t n_slots,
             size_t max_rows)
{
    struct hs_state *st = hs_calloc(1, sizeof *st);
    struct buffer b[N_BUFFERS];

    st->model = model;
    st->team = team;
    st->n_slots = n_slots;
    st->max_rows = max_rows;
    st->slots = hs_calloc(n_slots, sizeof *st->slots);
    buffer_table(b, st, &model->cfg, hs_team_size(team), max_rows);
    for (size_t i = 0; i < N_BUFFERS; i++)
        *b[i].to = hs_calloc64(b[i].n, sizeof(float));
    return st;
}

void
hs_state_free(struct hs_state *st)
{
    struct buffer b[N_BUFFERS];

    if (st == NULL)
        return;
    buffer_table(b, st, &st->model->cfg, hs_team_size(st->team), st->max_rows);
    for (size_t i = 0; i < N_BUFFERS; i++)
        free(*b[i].to);
    for (size_t i = 0; i < st->n_slots; i++) {
        free(st->slots[i].k);
        free(st->slots[i].v);
    }
    free(st->slots);
    free(st->cos_sin);
    free(st->scores);
    free(st);
}

size_t
hs_state_bytes(const struct hs_model *model, size_t n_threads, size_t max_rows)
{
    struct hs_state st = {0};
    struct buffer b[N_BUFFERS];
    size_t n = 0;

    buffer_table(b, &st, &model->cfg, n_threads, max_rows);
    for (size_t i = 0; i < N_BUFFERS; i++)
        n += b[i].n;
    return hs_mul(n, sizeof(float));
}

/* Floats of keys (or values) that one position takes. */
static size_t
position_floats(const struct hs_config *c)
{
    return hs_mul(c->n_layers, c->n_kv_heads * padded(c->head_dim));
}

size_t
hs_state_position_bytes(const struct hs_model *model)
{
    return hs_mul(2 * sizeof(float), position_floats(&model->cfg));
}

void
hs_state_reserve(struct hs_state *st, uint32_t slot, size_t n_pos)
{
    struct slot *s = &st->slots[slot];
    size_t n;

    grow_tables(st, n_pos);
    if (n_pos <= s->cap)
        return;
    free(s->k);
    free(s->v);
    n_pos = padded(n_pos);
    n = hs_mul(position_floats(&st->model->cfg), n_pos);
    s->k = hs_calloc64(n, sizeof(float));
    s->v = hs_calloc64(n, sizeof(float));
    s->cap = n_pos;
}

/* Where a key-value head lies in a slot's k or v. */
static size_t
kv_index(const struct hs_state *st, const struct slot *s, size_t layer,
         size_t head)
{
    return (layer * st->model->cfg.n_kv_heads + head) * s->cap * st->hd;
}

void
hs_state_copy(struct hs_state *st, uint32_t to, uint32_t from, size_t n_pos,
              size_t first, size_t behind)
{
    const struct hs_config *c = &st->model->cfg;
    const struct slot *f = &st->slots[from];
    struct slot *t = &st->slots[to];

    for (size_t l = first; l < behind; l++) {
        for (size_t h = 0; h < c->n_kv_heads; h++) {
            size_t a = kv_index(st, t, l, h), b = kv_index(st, f, l, h);

            memcpy(t->k + a, f->k + b, padded(n_pos) * st->hd * sizeof(float));
            memcpy(t->v + a, f->v + b, n_pos * st->hd * sizeof(float));
        }
    }
}

/* The norm (if any) and the rotation of one head, in place. */
static void
finish_head(const struct hs_state *st, float *x, const float *norm, size_t pos)
{
    const struct hs_config *c = &st->model->cfg;

    if (norm != NULL)
        hs_kern()->rmsnorm(x, x, norm, c->head_dim, c->norm_eps);
    hs_kern()->rope(x, st->cos_sin + pos * c->head_dim, c->head_dim);
}

/* What all threads of a pass are given. */
struct pass {
    struct hs_state *st;
    const struct hs_row *rows;
    size_t n_rows;
    hs_tap *tap;
    void *ud;
    atomic_int stopped; /* by the tap */
    float *logits;
};

/* Moves q to its padded place and k, v into the cache, for n rows. */
static void
store_heads(const struct pass *p, size_t layer, size_t thread, size_t n)
{
    struct hs_state *st = p->st;
    const struct hs_config *c = &st->model->cfg;
    const struct hs_layer *w = &st->model->w.layers[layer];
    size_t bytes = c->head_dim * sizeof(float), r, behind;

    hs_team_share(st->team, thread, n, &r, &behind);
    for (; r < behind; r++) {
        size_t pos = p->rows[r].pos;
        struct slot *s = &st->slots[p->rows[r].slot];

        for (size_t h = 0; h < c->n_heads; h++) {
            float *to = st->heads + (r * c->n_heads + h) * st->hd;

            memcpy(to, st->q + (r * c->n_heads + h) * c->head_dim, bytes);
            finish_head(st, to, w->q_norm, pos);
        }
        for (size_t h = 0; h < c->n_kv_heads; h++) {
            size_t from = (r * c->n_kv_heads + h) * c->head_dim;
            size_t to = kv_index(st, s, layer, h);
            float *k =
                s->k + to + pos / HS_LANES * HS_LANES * st->hd + pos % HS_LANES;

            finish_head(st, st->k + from, w->k_norm, pos);
            for (size_t i = 0; i < c->head_dim; i++)
                k[i * HS_LANES] = st->k[from + i];
            memcpy(s->v + to + pos * st->hd, st->v + from, bytes);
        }
    }
    hs_team_wait(st->team);
}

/* Rows first .. first + n of one slot to key-value head h: its query heads
 * from .. from + n_heads. */
static void
attend_rows(const struct pass *p, size_t layer, size_t first, size_t n,
            size_t h, size_t from, size_t n_heads, float *scores)
{
    const struct hs_state *st = p->st;
    const struct hs_config *c = &st->model->cfg;
    const struct slot *s = &st->slots[p->rows[first].slot];
    size_t at = kv_index(st, s, layer, h), n_pos[MAX_QUERIES], n_q = 0;
    float *out[MAX_QUERIES], *result = scores + HS_QUERIES * st->table_pos;
    const float *q[MAX_QUERIES];

    for (size_t r = first; r < first + n; r++) {
        for (size_t g = from; g < from + n_heads; g++, n_q++) {
            q[n_q] = st->heads + (r * c->n_heads + g) * st->hd;
            out[n_q] = result + n_q * st->hd;
            n_pos[n_q] = p->rows[r].pos + (size_t)1;
        }
    }
    hs_kern()->attend(out, q, n_pos, n_q, s->k + at, s->v + at, st->hd,
                      (float)(1.0 / sqrt((double)c->head_dim)), scores,
                      st->table_pos);
    for (size_t j = 0; j < n_q; j++) {
        size_t head = (first + j / n_heads) * c->n_heads + from + j % n_heads;

        memcpy(st->att + head * c->head_dim, out[j],
               c->head_dim * sizeof(float));
    }
}

/* Some of n rows to one key-value head: neighbours of one sequence, and query
 * heads of one group, read keys and values together. */
static void
attend(const struct pass *p, size_t layer, size_t begin, size_t n_rows,
       size_t h, float *scores)
{
    const struct hs_config *c = &p->st->model->cfg;
    size_t group = c->n_heads / c->n_kv_heads;
    size_t left = n_rows - begin;
    size_t end = begin + (left < ATTEND_ROWS ? left : ATTEND_ROWS);
    const size_t most = MAX_QUERIES / ATTEND_ROWS;

    for (size_t r = begin, n; r < end; r += n) {
        n = 1;
        while (r + n < end && p->rows[r + n].slot == p->rows[r].slot)
            n++;
        for (size_t g = 0; g < group; g += most)
            attend_rows(p, layer, r, n, h, h * group + g,
                        group - g < most ? group - g : most, scores);
    }
}

static void
attention(const struct pass *p, size_t layer, size_t thread, size_t n)
{
    const struct hs_state *st = p->st;
    size_t n_kv = st->model->cfg.n_kv_heads, i;
    size_t parts = (n + ATTEND_ROWS - 1) / ATTEND_ROWS;

    /* Rows differ in length: whoever is free takes the next ones. */
    while ((i = hs_team_take(st->team)) < parts * n_kv)
        attend(p, layer, i / n_kv * ATTEND_ROWS, n, i % n_kv,
               st->scores + thread * st->scores_stride);
    hs_team_wait(st->team);
}

/* norm(x) to normed; each thread has its rows of x and normed to itself up to
 * the wait, in this and the next two functions. */
static void
norm_rows(struct hs_state *st, size_t thread, const float *x,
          const float *weight, size_t n_rows)
{
    const struct hs_config *c = &st->model->cfg;
    size_t r, behind;

    hs_team_share(st->team, thread, n_rows, &r, &behind);
    for (; r < behind; r++)
        hs_kern()->rmsnorm(st->normed + r * st->dim, x + r * st->dim, weight,
                           c->dim, c->norm_eps);
    hs_team_wait(st->team);
}

static void
add_delta(struct hs_state *st, size_t thread, size_t n_rows)
{
    size_t r, behind;

    hs_team_share(st->team, thread, n_rows, &r, &behind);
    for (size_t i = r * st->dim; i < behind * st->dim; i++)
        st->x[i] += st->delta[i];
}

static void
activate(struct hs_state *st, size_t thread, size_t n_rows)
{
    size_t n = st->model->cfg.ffn_dim, r, behind;

    hs_team_share(st->team, thread, n_rows, &r, &behind);
    for (; r < behind; r++)
        hs_kern()->silu_mul(st->gate + r * n, st->up + r * n, n);
    hs_team_wait(st->team);
}

/* Rows from .. n - 1 of x come from those that they are like so far.  What one
 * thread has of x is another's behind it. */
static void
fork_rows(const struct pass *p, size_t thread, size_t from, size_t n)
{
    struct hs_state *st = p->st;
    size_t r, behind;

    hs_team_wait(st->team);
    hs_team_share(st->team, thread, n - from, &r, &behind);
    for (r += from; r < from + behind; r++)
        memcpy(st->x + r * st->dim, st->x + p->rows[r].from * st->dim,
               st->dim * sizeof(float));
    hs_team_wait(st->team);
}

/* Each thread's rows are its own from add_delta() to norm_rows(), unless rows
 * join in between. */
static void
run_tap(struct pass *p, size_t layer, size_t thread, size_t n)
{
    const struct hs_state *st = p->st;
    size_t r, behind;

    hs_team_share(st->team, thread, n, &r, &behind);
    if (p->tap != NULL && r < behind &&
        p->tap(p->ud, layer, st->x + r * st->dim, st->dim, p->rows + r, r,
               behind - r, st->model->cfg.dim) != 0)
        atomic_store(&p->stopped, 1);
}

/* A block for the first n rows.  False if the tap said no before it. */
static bool
block(struct pass *p, size_t layer, size_t thread, size_t n)
{
    struct hs_state *st = p->st;
    const struct hs_config *c = &st->model->cfg;
    const struct hs_layer *w = &st->model->w.layers[layer];
    size_t q_dim = c->n_heads * c->head_dim,
           kv_dim = c->n_kv_heads * c->head_dim;
    const struct hs_product qkv[] = {{st->q, q_dim, &w->q, w->q_bias},
                                     {st->k, kv_dim, &w->k, w->k_bias},
                                     {st->v, kv_dim, &w->v, w->v_bias}};
    const struct hs_product o = {st->delta, st->dim, &w->o, w->o_bias};
    const struct hs_product gate_up[] = {
        {st->gate, c->ffn_dim, &w->gate, w->gate_bias},
        {st->up, c->ffn_dim, &w->up, w->up_bias}};
    const struct hs_product down = {st->delta, st->dim, &w->down, w->down_bias};

    norm_rows(st, thread, st->x, w->attn_norm, n);
    /* Behind that wait all threads see the same; more follow before the tap. */
    if (atomic_load(&p->stopped))
        return false;
    hs_products(st->team, thread, qkv, 3, st->normed, st->dim, n, st->scratch);
    store_heads(p, layer, thread, n);
    attention(p, layer, thread, n);
    hs_products(st->team, thread, &o, 1, st->att, q_dim, n, st->scratch);
    add_delta(st, thread, n);

    norm_rows(st, thread, st->x, w->ffn_norm, n);
    hs_products(st->team, thread, gate_up, 2, st->normed, st->dim, n,
                st->scratch);
    activate(st, thread, n);
    hs_products(st->team, thread, &down, 1, st->gate, c->ffn_dim, n,
                st->scratch);
    add_delta(st, thread, n);
    return true;
}

/* The first row behind n whose fork lies above a layer. */
static size_t
active(const struct pass *p, size_t layer, size_t n)
{
    while (n < p->n_rows && p->rows[n].fork <= layer)
        n++;
    return n;
}

static void
all_blocks(void *ud, struct hs_team *team, size_t thread)
{
    struct pass *p = ud;
    struct hs_state *st = p->st;
    const struct hs_model *m = st->model;
    size_t r, behind, n = active(p, 0, 0);

    hs_team_share(team, thread, n, &r, &behind);
    for (; r < behind; r++)
        hs_gather(st->x + r * st->dim, st->dim, &m->w.embed, &p->rows[r].token,
                  1);
    for (size_t l = 0; l <= m->cfg.n_layers; l++) {
        size_t before = n;

        n = active(p, l, n);
        if (n > before)
            fork_rows(p, thread, before, n);
        run_tap(p, l, thread, n);
        if (l < m->cfg.n_layers && !block(p, l, thread, n))
            return;
    }
    if (n < p->n_rows)
        fork_rows(p, thread, n, p->n_rows);
}

int
hs_forward(struct hs_state *st, const struct hs_row *rows, size_t n_rows,
           hs_tap *tap, void *ud)
{
    struct pass p = {st, rows, n_rows, tap, ud, 0, NULL};

    hs_team_run(st->team, all_blocks, &p);
    return atomic_load(&p.stopped) ? -1 : 0;
}

static void
all_logits(void *ud, struct hs_team *team, size_t thread)
{
    struct pass *p = ud;
    struct hs_state *st = p->st;
    const struct hs_model *m = st->model;
    const struct hs_product head = {p->logits, m->cfg.n_vocab, &m->w.head,
                                    NULL};

    norm_rows(st, thread, st->delta, m->w.final_norm, p->n_rows);
    hs_products(team, thread, &head, 1, st->normed, st->dim, p->n_rows,
                st->scratch);
}

void
hs_logits(struct hs_state *st, const uint32_t *index, size_t n, float *logits)
{
    struct pass p = {st, NULL, n, NULL, NULL, 0, logits};

    for (size_t i = 0; i < n; i++)
        memcpy(st->delta + i * st->dim, st->x + index[i] * st->dim,
               st->dim * sizeof(float));
    hs_team_run(st->team, all_logits, &p);
}
