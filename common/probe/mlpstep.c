/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mlpstep.c - forward, gradients and AdamW of a probe; see mlp.h.
 *
 * A step packs its rows, multiplies, asks for the loss, turns the packed rows
 * and multiplies again; AdamW goes over a block of w1 as soon as its gradient
 * is there, while both are in a cache.  More rows than fit the work space go in
 * several rounds: their activations are then computed twice.
 */
#include <config.h>

#include "probe/mlp.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "probe/mlpnet.h"

enum {
    LANES = HS_FIT_LANES,
    PANELS = HS_MLP_PANELS,
    LEAST_ROWS = 128,     /* rows that a thread takes at a time, */
    MOST_ROWS = 1024,     /* at least and at most, */
    FORWARD_PANELS = 8,   /* and panels, in the forward */
    CACHED_GATES = 16384, /* rows times panels */
    FORWARD_ROWS = 1024   /* rows of a round without a step */
};

struct work {
    struct hs_mlp *m;
    const struct hs_rows *rows;
    size_t round; /* rows of a round, whole groups */
    void (*loss)(void *ud, const float *u, float *du); /* NULL: no step */
    void *ud;
    const struct hs_fit_rate *rate; /* NULL: gradients only */
};

void
hs_mlp_pack(struct hs_mlp *m, const struct hs_rows *rows, size_t first,
            size_t n, size_t thread)
{
    const struct hs_fit_product *p = m->product;
    size_t n_groups = (n + p->rows - 1) / p->rows, g, behind;
    struct hs_mlp_scratch s = hs_mlp_scratch(m, thread);

    hs_team_share(m->team, thread, n_groups, &g, &behind);
    for (; g < behind; g++) {
        size_t at = g * p->rows, have = n - at < p->rows ? n - at : p->rows;

        for (size_t i = 0; i < have; i++) {
            float *x = s.rows + i * s.stride;

            rows->get(rows->ud, first + at + i, x);
            m->u[first + at + i] = m->kern->taint(x, m->d);
        }
        p->pack(m->packed + g * m->group_size, s.rows, s.stride, have, m->d);
    }
    hs_team_wait(m->team);
}

/* Groups g .. g + n_part of panels from p on. */
static void
activate_part(struct hs_mlp *m, size_t n_groups, size_t g, size_t n_part,
              size_t p, size_t n_panels, void *scratch)
{
    const struct hs_fit_product *product = m->product;
    size_t rows = n_groups * product->rows, r = g * product->rows;
    float *a = m->acts + (p * rows + r) * LANES;

    product->forward(a, rows * LANES, m->packed + g * m->group_size, n_part,
                     m->w1.p + p * m->d * LANES, m->d * LANES, n_panels, m->d,
                     scratch);
    for (size_t i = 0; i < n_panels; i++)
        m->kern->activate(a + i * rows * LANES, m->shares + (p + i) * rows + r,
                          n_part * product->rows, m->b1.p + (p + i) * LANES,
                          m->w2.p + (p + i) * LANES);
}

/* Groups of rows that a thread takes at a time: weights are made ready once for
 * all of them, so as many as leave each thread two turns. */
static size_t
part_groups(const struct hs_mlp *m, size_t n_groups, size_t blocks)
{
    size_t turns = 2 * hs_team_size(m->team);
    size_t parts = (turns + blocks - 1) / blocks;
    size_t part = (n_groups + parts - 1) / parts;
    size_t least = LEAST_ROWS / m->product->rows;
    size_t most = MOST_ROWS / m->product->rows;

    return part < least ? least : part > most ? most : part;
}

void
hs_mlp_activate(struct hs_mlp *m, size_t n, size_t thread)
{
    const struct hs_fit_product *product = m->product;
    size_t n_groups = (n + product->rows - 1) / product->rows;
    size_t blocks = (m->n_panels + FORWARD_PANELS - 1) / FORWARD_PANELS;
    size_t part = part_groups(m, n_groups, blocks);
    size_t parts = (n_groups + part - 1) / part, i;
    void *scratch = hs_mlp_scratch(m, thread).product;

    product->begin();
    while ((i = hs_team_take(m->team)) < blocks * parts) {
        size_t g = i / blocks * part, p = i % blocks * FORWARD_PANELS;

        activate_part(
            m, n_groups, g, n_groups - g < part ? n_groups - g : part, p,
            m->n_panels - p < FORWARD_PANELS ? m->n_panels - p : FORWARD_PANELS,
            scratch);
    }
    product->end();
    hs_team_wait(m->team);
}

/* u += b2 and the shares of all panels, in order. */
static void
sum_shares(struct hs_mlp *m, float *u, size_t n, size_t thread)
{
    size_t rows = m->product->rows;
    size_t stride = (n + rows - 1) / rows * rows, r, behind;

    hs_team_share(m->team, thread, n, &r, &behind);
    for (; r < behind; r++) {
        float sum = m->b2;

        for (size_t p = 0; p < m->n_panels; p++)
            sum += m->shares[p * stride + r];
        u[r] += sum;
    }
}

static size_t
round_size(const struct work *w, size_t first)
{
    size_t left = w->rows->n - first;

    return left < w->round ? left : w->round;
}

static void
forward_round(const struct work *w, size_t first, size_t thread)
{
    size_t n = round_size(w, first);

    hs_mlp_pack(w->m, w->rows, first, n, thread);
    hs_mlp_activate(w->m, n, thread);
    sum_shares(w->m, w->m->u + first, n, thread);
}

/* b1 and w2: gradients, of the last round AdamW; the gates of w1. */
static void
head_panel(const struct work *w, size_t p, size_t n_groups, const float *du,
           bool begins, bool ends)
{
    struct hs_mlp *m = w->m;
    static const float ones[LANES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                      1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    size_t rows = n_groups * m->product->rows, at = p * LANES;
    float *a = m->acts + p * rows * LANES;

    if (begins) {
        memset(m->db + at, 0, LANES * sizeof *m->db);
        memset(m->dw2 + at, 0, LANES * sizeof *m->dw2);
    }
    m->kern->head(a, du, rows, m->db + at, m->dw2 + at);
    m->product->gate(a, du, n_groups);
    if (!ends)
        return;
    memcpy(m->gain + at, m->w2.p + at, LANES * sizeof *m->gain);
    if (w->rate != NULL) {
        m->kern->adamw(m->b1.p + at, m->b1.m + at, m->b1.v + at, m->db + at,
                       m->gain + at, 1, w->rate);
        m->kern->adamw(m->w2.p + at, m->w2.m + at, m->w2.v + at, m->dw2 + at,
                       ones, 1, w->rate);
    }
}

/* Gradients g (n_j, lanes) of inputs from j on of panel p, where several rounds
 * make one step, or where there is none. */
static void
use_gradient(const struct work *w, size_t p, size_t j, size_t n_j, float *g,
             bool begins, bool ends)
{
    struct hs_mlp *m = w->m;
    size_t at = (p * m->d + j) * LANES, n = n_j * LANES;

    for (size_t i = 0; !begins && i < n; i++)
        g[i] += m->grad[at + i];
    if (w->rate != NULL && ends)
        m->kern->adamw(m->w1.p + at, m->w1.m + at, m->w1.v + at, g,
                       m->gain + p * LANES, n_j, w->rate);
    else
        memcpy(m->grad + at, g, n * sizeof *g);
}

/* Inputs from j on of n panels from p on. */
static void
gradient_block(const struct work *w, size_t n_groups, size_t p, size_t n,
               size_t j, float *g, bool begins, bool ends)
{
    struct hs_mlp *m = w->m;
    const struct hs_fit_product *product = m->product;
    size_t stride = n_groups * product->rows * LANES, at = p * m->d * LANES;
    size_t n_j = m->d - j < product->run ? m->d - j : product->run;
    bool at_once = begins && ends && w->rate != NULL;
    struct hs_fit_update update = {.w = m->w1.p + at,
                                   .m = m->w1.m + at,
                                   .v = m->w1.v + at,
                                   .stride = m->d * LANES,
                                   .gain = m->gain + p * LANES,
                                   .rate = w->rate};

    product->gradient(g, m->packed, n_groups, m->acts + p * stride, stride, n,
                      m->d, j, n_j, at_once ? &update : NULL);
    for (size_t k = 0; !at_once && k < n; k++)
        use_gradient(w, p + k, j, n_j, g + k * product->run * LANES, begins,
                     ends);
}

/* Panels that a thread takes at a time: no more than those whose gates its
 * cache holds, fewer where threads would have nothing to do. */
static size_t
gradient_panels(const struct hs_mlp *m, size_t n_groups, size_t runs)
{
    size_t n = CACHED_GATES / (n_groups * m->product->rows + 1);

    n = n > PANELS ? PANELS : n;
    while (n > 4 &&
           (m->n_panels + n - 1) / n * runs < 2 * hs_team_size(m->team))
        n /= 2;
    return n < 4 ? 4 : n;
}

/* A thread stays with some panels for one run of inputs after the other. */
static void
gradient_blocks(const struct work *w, size_t n_groups, size_t thread,
                bool begins, bool ends)
{
    struct hs_mlp *m = w->m;
    const struct hs_fit_product *product = m->product;
    size_t runs = (m->d + product->run - 1) / product->run;
    size_t n = gradient_panels(m, n_groups, runs), i;
    size_t blocks = (m->n_panels + n - 1) / n;

    product->begin();
    while ((i = hs_team_take(m->team)) < blocks * runs) {
        size_t p = i / runs * n;

        gradient_block(w, n_groups, p,
                       m->n_panels - p < n ? m->n_panels - p : n,
                       i % runs * product->run, hs_mlp_scratch(m, thread).block,
                       begins, ends);
    }
    product->end();
    hs_team_wait(m->team);
}

/* What is packed, and its activations, are used up. */
static void
backward_round(const struct work *w, size_t first, size_t thread, bool begins,
               bool ends)
{
    struct hs_mlp *m = w->m;
    const struct hs_fit_product *product = m->product;
    size_t n = round_size(w, first);
    size_t n_groups = (n + product->rows - 1) / product->rows, i, behind;
    const float *du = m->du + first;

    hs_team_share(m->team, thread, m->n_panels, &i, &behind);
    for (; i < behind; i++)
        head_panel(w, i, n_groups, du, begins, ends);
    hs_team_share(m->team, thread, n_groups, &i, &behind);
    for (; i < behind; i++)
        product->turn(m->packed + i * m->group_size, du + i * product->rows,
                      m->d);
    hs_team_wait(m->team);
    gradient_blocks(w, n_groups, thread, begins, ends);
}

static void
job(void *ud, struct hs_team *team, size_t thread)
{
    const struct work *w = ud;
    size_t n = w->rows->n, last = n == 0 ? 0 : (n - 1) / w->round * w->round;

    for (size_t r = 0; r < n; r += w->round)
        forward_round(w, r, thread);
    if (w->loss == NULL)
        return;
    hs_team_wait(team);
    if (thread == 0)
        w->loss(w->ud, w->m->u, w->m->du);
    hs_team_wait(team);
    /* the last round is still packed */
    backward_round(w, last, thread, true, last == 0);
    for (size_t r = 0; r < last; r += w->round) {
        hs_mlp_pack(w->m, w->rows, r, w->round, thread);
        hs_mlp_activate(w->m, w->round, thread);
        backward_round(w, r, thread, false, r + w->round == last);
    }
}

/* Runs the job over all rows; most: rows of a round. */
static void
run(struct work *w, size_t most)
{
    struct hs_mlp *m = w->m;
    size_t rows = m->product->rows, n = w->rows->n;
    size_t n_groups = (n + rows - 1) / rows, most_groups = most / rows;

    if (n_groups > most_groups)
        n_groups = most_groups;
    hs_mlp_reserve(m, n_groups, n);
    memset(m->du + n, 0, rows * sizeof *m->du);
    w->round = n_groups * rows;
    if (w->loss != NULL && m->grad == NULL && (w->rate == NULL || n > w->round))
        m->grad = hs_calloc64(hs_mul(m->n_panels, m->d), LANES * sizeof(float));
    hs_team_run(m->team, job, w);
}

static size_t
most_rows(const struct hs_mlp *m)
{
    return hs_mlp_most_groups(m) * m->product->rows;
}

void
hs_mlp_forward(struct hs_mlp *m, const struct hs_rows *rows, float *u)
{
    struct work w = {.m = m, .rows = rows};
    size_t most = most_rows(m);

    if (rows->n == 0)
        return;
    run(&w, most < FORWARD_ROWS ? most : FORWARD_ROWS);
    memcpy(u, m->u, rows->n * sizeof *u);
}

static void
adamw_b2(struct hs_mlp *m, float g, const struct hs_fit_rate *rate)
{
    m->b2_m += (g - m->b2_m) * rate->take1;
    m->b2_v += (g * g - m->b2_v) * rate->take2;
    m->b2 -= m->b2 * rate->shrink +
             m->b2_m * rate->rate / (sqrtf(m->b2_v) * rate->grow2 + rate->eps);
}

static float
sum_of(const float *du, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)du[i];
    return (float)sum;
}

void
hs_mlp_step(struct hs_mlp *m, const struct hs_rows *rows,
            void (*loss)(void *ud, const float *u, float *du), void *ud,
            const struct hs_adamw *o)
{
    double t = (double)m->n_steps + 1;
    struct hs_fit_rate rate = {
        .shrink = (float)(o->lr * o->weight_decay),
        .take1 = (float)(1 - o->beta1),
        .take2 = (float)(1 - o->beta2),
        .grow2 = (float)(1 / sqrt(1 - pow(o->beta2, t))),
        .eps = (float)o->eps,
        .rate = (float)(o->lr / (1 - pow(o->beta1, t))),
    };
    struct work w = {
        .m = m, .rows = rows, .loss = loss, .ud = ud, .rate = &rate};

    if (rows->n == 0)
        return;
    m->n_steps++;
    run(&w, most_rows(m));
    adamw_b2(m, sum_of(m->du, rows->n), &rate);
}

struct given {
    const float *du;
    size_t n;
};

static void
give(void *ud, const float *u, float *du)
{
    const struct given *g = ud;

    (void)u;
    memcpy(du, g->du, g->n * sizeof *du);
}

void
hs_mlp_gradient(struct hs_mlp *m, const struct hs_rows *rows, const float *du,
                float *w1, float *b1, float *w2, float *b2)
{
    struct given g = {du, rows->n};
    struct work w = {.m = m, .rows = rows, .loss = give, .ud = &g};

    if (rows->n > 0)
        run(&w, most_rows(m));
    for (size_t h = 0; h < m->hidden; h++) {
        const float *grad = m->grad + h / LANES * m->d * LANES + h % LANES;

        for (size_t j = 0; j < m->d; j++)
            w1[h * m->d + j] = rows->n ? grad[j * LANES] * m->gain[h] : 0;
        b1[h] = rows->n ? m->db[h] * m->gain[h] : 0;
        w2[h] = rows->n ? m->dw2[h] : 0;
    }
    *b2 = sum_of(du, rows->n);
}
