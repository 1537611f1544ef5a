/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mlp.c - the network of a probe: its memory, its weights, its saliency; see
 * mlp.h.  The step is in mlpstep.c.
 */
#include <config.h>

#include "probe/mlp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "model/kernel.h"
#include "probe/mlpnet.h"

enum {
    LANES = HS_FIT_LANES,
    MOST_BYTES = 128 << 20,
    SALIENCY_GROUPS = 8
};

/* The tables beside those that the rest of the program runs. */
static void
choose(struct hs_mlp *m)
{
#ifdef HS_X86
    static const struct hs_fitkern *const tables[] = {&hs_fitkern_avx512,
                                                      &hs_fitkern_avx2};
    const char *name = hs_kern()->name;
    bool amx = strcmp(name, "amx") == 0;
#endif

    m->kern = &hs_fitkern_baseline;
    m->product = m->kern->product;
#ifdef HS_X86
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i]->name, amx ? "avx512" : name) == 0)
            m->kern = tables[i];
    m->product = amx ? &hs_fit_product_amx : m->kern->product;
#endif
}

static size_t
round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static struct hs_mlp_param
new_param(size_t n)
{
    return (struct hs_mlp_param){hs_calloc64(n, sizeof(float)),
                                 hs_calloc64(n, sizeof(float)),
                                 hs_calloc64(n, sizeof(float))};
}

static void
free_param(struct hs_mlp_param *p)
{
    free(p->p);
    free(p->m);
    free(p->v);
}

/* Floats from row to row of the buffer: never a power of two, where all rows
 * would meet in the same sets of a cache. */
static size_t
row_stride(const struct hs_mlp *m)
{
    return (round_up(m->d > m->hidden ? m->d : m->hidden, 16) / 16 | 1) * 16;
}

static size_t
rows_bytes(const struct hs_mlp *m)
{
    return hs_mul(m->product->rows, hs_mul(row_stride(m), sizeof(float)));
}

static size_t
block_bytes(const struct hs_mlp *m)
{
    return HS_MLP_PANELS * m->product->run * LANES * sizeof(float);
}

struct hs_mlp *
hs_mlp_new(size_t d, size_t hidden, struct hs_team *team)
{
    struct hs_mlp *m = hs_calloc(1, sizeof *m);
    size_t units;

    m->d = d;
    m->hidden = hidden;
    m->n_panels = (hidden + LANES - 1) / LANES;
    choose(m);
    m->team = team;
    m->own_team = team == NULL;
    if (m->own_team)
        m->team = hs_team_new(1, NULL);
    units = m->n_panels * LANES;
    m->w1 = new_param(hs_mul(units, d));
    m->b1 = new_param(units);
    m->w2 = new_param(units);
    m->db = hs_calloc64(units, sizeof *m->db);
    m->dw2 = hs_calloc64(units, sizeof *m->dw2);
    m->gain = hs_calloc64(units, sizeof *m->gain);
    m->group_size = m->product->group_size(d);
    m->scratch_size =
        rows_bytes(m) + block_bytes(m) + round_up(m->product->scratch, 64);
    m->scratch = hs_calloc64(hs_team_size(m->team), m->scratch_size);
    return m;
}

static void
free_work(struct hs_mlp *m)
{
    free(m->packed);
    free(m->acts);
    free(m->shares);
}

void
hs_mlp_free(struct hs_mlp *m)
{
    if (m == NULL)
        return;
    if (m->own_team)
        hs_team_free(m->team);
    free_work(m);
    free_param(&m->w1);
    free_param(&m->b1);
    free_param(&m->w2);
    free(m->u);
    free(m->du);
    free(m->grad);
    free(m->db);
    free(m->dw2);
    free(m->gain);
    free(m->scratch);
    free(m);
}

struct hs_mlp_scratch
hs_mlp_scratch(const struct hs_mlp *m, size_t thread)
{
    char *p = m->scratch + thread * m->scratch_size;
    struct hs_mlp_scratch s = {.rows = (float *)(void *)p,
                               .stride = row_stride(m)};

    p += rows_bytes(m);
    s.block = (float *)(void *)p;
    s.product = p + block_bytes(m);
    return s;
}

size_t
hs_mlp_most_groups(const struct hs_mlp *m)
{
    size_t rows = m->product->rows;
    size_t each =
        m->group_size + rows * m->n_panels * (LANES + 1) * sizeof(float);
    size_t n = MOST_BYTES / each;

    return n < 8 ? 8 : n;
}

void
hs_mlp_reserve(struct hs_mlp *m, size_t n_groups, size_t n)
{
    size_t rows = m->product->rows;

    if (n_groups > m->n_groups) {
        size_t units = hs_mul(n_groups * rows, m->n_panels);

        free_work(m);
        m->packed = hs_calloc64(n_groups, m->group_size);
        m->acts = hs_calloc64(units, LANES * sizeof *m->acts);
        m->shares = hs_calloc64(units, sizeof *m->shares);
        m->n_groups = n_groups;
    }
    if (n > m->n_u) {
        free(m->u);
        free(m->du);
        m->u = hs_calloc64(n + rows, sizeof *m->u);
        m->du = hs_calloc64(n + rows, sizeof *m->du);
        m->n_u = n;
    }
}

/* Where weight (h, j) of w1 is. */
static size_t
place(const struct hs_mlp *m, size_t h, size_t j)
{
    return (h / LANES * m->d + j) * LANES + h % LANES;
}

static void
clear_moments(struct hs_mlp *m)
{
    size_t units = m->n_panels * LANES;

    memset(m->w1.m, 0, units * m->d * sizeof *m->w1.m);
    memset(m->w1.v, 0, units * m->d * sizeof *m->w1.v);
    memset(m->b1.m, 0, units * sizeof *m->b1.m);
    memset(m->b1.v, 0, units * sizeof *m->b1.v);
    memset(m->w2.m, 0, units * sizeof *m->w2.m);
    memset(m->w2.v, 0, units * sizeof *m->w2.v);
    m->b2_m = m->b2_v = 0;
    m->n_steps = 0;
}

static float
draw(uint64_t seed, enum hs_rng_stream stream, size_t a, size_t b, size_t fan)
{
    double u = hs_rng_uniform(seed, stream, (uint32_t)a, (uint32_t)b);

    return (float)((2 * u - 1) / sqrt((double)fan));
}

void
hs_mlp_init(struct hs_mlp *m, uint64_t seed)
{
    for (size_t h = 0; h < m->hidden; h++) {
        for (size_t j = 0; j < m->d; j++)
            m->w1.p[place(m, h, j)] = draw(seed, HS_RNG_INIT_W1, h, j, m->d);
        m->b1.p[h] = draw(seed, HS_RNG_INIT_B1, h, 0, m->d);
        m->w2.p[h] = draw(seed, HS_RNG_INIT_W2, h, 0, m->hidden);
    }
    m->b2 = draw(seed, HS_RNG_INIT_B2, 0, 0, m->hidden);
    clear_moments(m);
}

void
hs_mlp_set(struct hs_mlp *m, const float *w1, const float *b1, const float *w2,
           float b2)
{
    for (size_t h = 0; h < m->hidden; h++)
        for (size_t j = 0; j < m->d; j++)
            m->w1.p[place(m, h, j)] = w1[h * m->d + j];
    memcpy(m->b1.p, b1, m->hidden * sizeof *b1);
    memcpy(m->w2.p, w2, m->hidden * sizeof *w2);
    m->b2 = b2;
    clear_moments(m);
}

void
hs_mlp_get(const struct hs_mlp *m, float *w1, float *b1, float *w2, float *b2)
{
    for (size_t h = 0; h < m->hidden; h++)
        for (size_t j = 0; j < m->d; j++)
            w1[h * m->d + j] = m->w1.p[place(m, h, j)];
    memcpy(b1, m->b1.p, m->hidden * sizeof *b1);
    memcpy(w2, m->w2.p, m->hidden * sizeof *w2);
    *b2 = m->b2;
}

/* ---- saliency: du/dx = (w2 where a unit is open) . w1, one more product of
 * the forward's kind, with units as inputs and inputs as units */

struct saliency {
    struct hs_mlp *m;
    const struct hs_rows *rows;
    const float *scale; /* (rows) */
    double *out, *sum;  /* (d) */
    size_t n_panels;    /* of inputs */
    float *turned;      /* (n_panels, hidden, lanes): w1 */
    size_t group_size;  /* of hidden inputs */
    char *open;         /* (groups): w2 or 0 */
    float *slope;       /* (n_panels, rows, lanes) */
    float *x;           /* (rows, d) */
};

/* Groups of w2 or 0, and the rows themselves. */
static void
open_rows(const struct saliency *s, size_t first, size_t n, size_t thread)
{
    struct hs_mlp *m = s->m;
    const struct hs_fit_product *p = m->product;
    struct hs_mlp_scratch t = hs_mlp_scratch(m, thread);
    size_t n_groups = (n + p->rows - 1) / p->rows, g, behind;

    hs_team_share(m->team, thread, n_groups, &g, &behind);
    for (; g < behind; g++) {
        size_t at = g * p->rows, have = n - at < p->rows ? n - at : p->rows;

        for (size_t r = 0; r < have; r++) {
            for (size_t h = 0; h < m->hidden; h++) {
                const float *a =
                    m->acts + (h / LANES * n_groups * p->rows + at + r) * LANES;

                t.rows[r * t.stride + h] = a[h % LANES] > 0 ? m->w2.p[h] : 0;
            }
            s->rows->get(s->rows->ud, first + at + r, s->x + (at + r) * m->d);
        }
        p->pack(s->open + g * s->group_size, t.rows, t.stride, have, m->hidden);
    }
    hs_team_wait(m->team);
}

static void
add_slopes(const struct saliency *s, size_t first, size_t n, size_t thread)
{
    const struct hs_mlp *m = s->m;
    const struct hs_fit_product *p = m->product;
    size_t n_groups = (n + p->rows - 1) / p->rows, i, behind;

    p->begin();
    hs_team_share(m->team, thread, s->n_panels, &i, &behind);
    for (; i < behind; i++) {
        size_t left = m->d - i * LANES;
        float *z = s->slope + i * n_groups * p->rows * LANES;

        p->forward(z, 0, s->open, n_groups, s->turned + i * m->hidden * LANES,
                   0, 1, m->hidden, hs_mlp_scratch(m, thread).product);
        for (size_t r = 0; r < n; r++)
            for (size_t j = 0; j < (left < LANES ? left : LANES); j++) {
                size_t k = i * LANES + j;
                double slope =
                    (double)s->scale[first + r] * (double)z[r * LANES + j];

                s->sum[k] += slope;
                s->out[k] += fabs((double)s->x[r * m->d + k] * slope);
            }
    }
    p->end();
    hs_team_wait(m->team);
}

static void
saliency_job(void *ud, struct hs_team *team, size_t thread)
{
    const struct saliency *s = ud;
    size_t most = SALIENCY_GROUPS * s->m->product->rows;

    (void)team;
    for (size_t r = 0; r < s->rows->n; r += most) {
        size_t n = s->rows->n - r < most ? s->rows->n - r : most;

        hs_mlp_pack(s->m, s->rows, r, n, thread);
        hs_mlp_activate(s->m, n, thread);
        open_rows(s, r, n, thread);
        add_slopes(s, r, n, thread);
    }
}

void
hs_mlp_saliency(struct hs_mlp *m, const struct hs_rows *rows,
                const float *scale, double *out, double *slope)
{
    size_t most = SALIENCY_GROUPS * m->product->rows;
    struct saliency s = {.m = m,
                         .rows = rows,
                         .scale = scale,
                         .out = out,
                         .sum = slope,
                         .n_panels = (m->d + LANES - 1) / LANES,
                         .group_size = m->product->group_size(m->hidden)};

    hs_mlp_reserve(m, SALIENCY_GROUPS, rows->n);
    s.turned =
        hs_calloc64(hs_mul(s.n_panels, m->hidden), LANES * sizeof(float));
    s.open = hs_calloc64(SALIENCY_GROUPS, s.group_size);
    s.slope = hs_calloc64(hs_mul(s.n_panels, most), LANES * sizeof(float));
    s.x = hs_calloc64(hs_mul(most, m->d), sizeof(float));
    for (size_t j = 0; j < m->d; j++)
        for (size_t h = 0; h < m->hidden; h++)
            s.turned[(j / LANES * m->hidden + h) * LANES + j % LANES] =
                m->w1.p[place(m, h, j)];
    hs_team_run(m->team, saliency_job, &s);
    free(s.turned);
    free(s.open);
    free(s.slope);
    free(s.x);
}
