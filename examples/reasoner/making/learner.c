// SPDX-License-Identifier: GPL-3.0-or-later
//
// The passes of a small Qwen2-shaped decoder (tied embeddings) and, written out
// by hand below each operation, its gradient.

#include "learner.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NORM_EPS      1e-6f
#define ROPE_THETA    10000.0
#define INIT_SCALE    0.02f
#define PROMPT_WEIGHT 0.1f /* of a prompt token; a response token has 1 */

_Noreturn void
die(const char *object, const char *reason)
{
    fprintf(stderr, "trainer: %s: %s\n", object, reason);
    exit(1);
}

void *
allocate(size_t count, size_t size)
{
    void *p = aligned_alloc(64, (count * size + 63) / 64 * 64 + 64);
    if (!p)
        die("memory", strerror(errno));
    memset(p, 0, count * size);
    return p;
}

static float *
floats(size_t count)
{
    return allocate(count, sizeof(float));
}

/* ---- random numbers: xorshift, one state for the whole program ---- */

static uint64_t rng_state;

static uint32_t
random_u32(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return (uint32_t)(rng_state >> 32);
}

size_t
random_below(size_t limit)
{
    uint64_t high = random_u32();
    return (size_t)((high << 32 | random_u32()) % limit);
}

float
random_normal(void)
{
    float u = ((float)random_u32() + 1.0f) / 4294967808.0f;
    float v = (float)random_u32() / 4294967296.0f;
    return sqrtf(-2 * logf(u)) * cosf(6.2831853f * v);
}

void
random_seed(long seed)
{
    rng_state = (uint64_t)seed * 7919 + 88172645463325252u;
}

/* ---- the model ---- */

static size_t
take(size_t *offset, size_t rows, size_t columns)
{
    size_t start = *offset;
    *offset += rows * columns;
    return start;
}

static struct layout
make_layout(const struct shape *s)
{
    struct layout at;
    size_t dim = (size_t)s->dim, q = (size_t)s->q_dim, kv = (size_t)s->kv_dim;
    size_t ffn = (size_t)s->ffn_dim, offset = 0;
    at.norm1 = take(&offset, dim, 1);
    at.norm2 = take(&offset, dim, 1);
    at.wq = take(&offset, q, dim);
    at.bq = take(&offset, q, 1);
    at.wk = take(&offset, kv, dim);
    at.bk = take(&offset, kv, 1);
    at.wv = take(&offset, kv, dim);
    at.bv = take(&offset, kv, 1);
    at.wo = take(&offset, dim, q);
    at.w_gate = take(&offset, ffn, dim);
    at.w_up = take(&offset, ffn, dim);
    at.w_down = take(&offset, dim, ffn);
    at.layer_size = offset;
    offset = 0;
    at.embedding = take(&offset, (size_t)s->n_vocab, dim);
    at.norm = take(&offset, dim, 1);
    at.layers = take(&offset, (size_t)s->n_layers, at.layer_size);
    at.n_params = offset;
    return at;
}

static void
init_params(struct model *m)
{
    const struct shape *s = &m->s;
    const struct layout *at = &m->at;
    float residual = 1 / sqrtf(2.0f * (float)s->n_layers);
    for (size_t i = 0; i < at->n_params; i++)
        m->params[i] = INIT_SCALE * random_normal();
    for (int i = 0; i < s->dim; i++)
        m->params[at->norm + (size_t)i] = 1;
    for (int l = 0; l < s->n_layers; l++) {
        float *p = m->params + at->layers + (size_t)l * at->layer_size;
        for (int i = 0; i < s->dim; i++)
            p[at->norm1 + (size_t)i] = p[at->norm2 + (size_t)i] = 1;
        memset(p + at->bq, 0, (size_t)s->q_dim * sizeof(float));
        memset(p + at->bk, 0, (size_t)s->kv_dim * sizeof(float));
        memset(p + at->bv, 0, (size_t)s->kv_dim * sizeof(float));
        for (size_t i = at->wo; i < at->w_gate; i++)
            p[i] *= residual;
        for (size_t i = at->w_down; i < at->layer_size; i++)
            p[i] *= residual;
    }
}

struct model
make_model(struct shape shape)
{
    shape.head_dim = shape.dim / shape.n_heads;
    shape.q_dim = shape.n_heads * shape.head_dim;
    shape.kv_dim = shape.n_kv_heads * shape.head_dim;
    struct model m = {.s = shape, .at = make_layout(&shape)};
    size_t half = (size_t)shape.head_dim / 2;
    m.params = floats(m.at.n_params);
    m.rope_cos = floats(MAX_TOKENS * half);
    m.rope_sin = floats(MAX_TOKENS * half);
    for (size_t t = 0; t < MAX_TOKENS; t++)
        for (size_t i = 0; i < half; i++) {
            double angle =
                (double)t / pow(ROPE_THETA, 2.0 * (double)i / shape.head_dim);
            m.rope_cos[t * half + i] = (float)cos(angle);
            m.rope_sin[t * half + i] = (float)sin(angle);
        }
    init_params(&m);
    return m;
}

static void
make_layer_state(struct layer_state *a, const struct shape *s)
{
    size_t n = MAX_TOKENS, dim = (size_t)s->dim, ffn = (size_t)s->ffn_dim;
    size_t q = (size_t)s->q_dim, kv = (size_t)s->kv_dim;
    a->x = floats(n * dim);
    a->n1 = floats(n * dim);
    a->r1 = floats(n);
    a->q = floats(n * q);
    a->k = floats(n * kv);
    a->v = floats(n * kv);
    a->att = floats((size_t)s->n_heads * n * n);
    a->o = floats(n * q);
    a->x1 = floats(n * dim);
    a->n2 = floats(n * dim);
    a->r2 = floats(n);
    a->gate = floats(n * ffn);
    a->up = floats(n * ffn);
    a->act = floats(n * ffn);
}

struct worker *
make_worker(const struct model *m)
{
    const struct shape *s = &m->s;
    size_t n = MAX_TOKENS, dim = (size_t)s->dim, ffn = (size_t)s->ffn_dim;
    struct worker *w = allocate(1, sizeof *w);
    w->layers = allocate((size_t)s->n_layers, sizeof *w->layers);
    for (int l = 0; l < s->n_layers; l++)
        make_layer_state(&w->layers[l], s);
    w->x_last = floats(n * dim);
    w->normed = floats(n * dim);
    w->r_last = floats(n);
    w->logits = floats(n * (size_t)s->n_vocab);
    w->dx = floats(n * dim);
    w->dn = floats(n * dim);
    w->dq = floats(n * (size_t)s->q_dim);
    w->dk = floats(n * (size_t)s->kv_dim);
    w->dv = floats(n * (size_t)s->kv_dim);
    w->d_o = floats(n * (size_t)s->q_dim);
    w->d_gate = floats(n * ffn);
    w->d_up = floats(n * ffn);
    w->d_act = floats(n * ffn);
    w->d_att = floats(n * n);
    w->grad = floats(m->at.n_params);
    return w;
}

/* ---- operations, each with its gradient below it ---- */

/* y = x w^T + b; x (n, n_in), w (n_out, n_in), b (n_out) or NULL. */
static void
linear(float *y, const float *x, const float *w, const float *b, int n,
       int n_in, int n_out)
{
    for (int t = 0; b && t < n; t++)
        memcpy(y + (size_t)t * (size_t)n_out, b, (size_t)n_out * sizeof(float));
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n_out, n_in, 1, x,
                n_in, w, n_in, b ? 1 : 0, y, n_out);
}

/* dx = keep * dx + dy w; dw += dy^T x; db += the sum of dy's rows. */
static void
linear_backward(float *dx, float keep, float *dw, float *db, const float *dy,
                const float *x, const float *w, int n, int n_in, int n_out)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n_in, n_out, 1,
                dy, n_out, w, n_in, keep, dx, n_in);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n_out, n_in, n, 1, dy,
                n_out, x, n_in, 1, dw, n_in);
    for (int t = 0; db && t < n; t++)
        for (int i = 0; i < n_out; i++)
            db[i] += dy[(size_t)t * (size_t)n_out + (size_t)i];
}

/* y = w * x / RMS(x) by row; r keeps 1 / RMS. */
static void
rms_norm(float *y, float *r, const float *x, const float *w, int n, int dim)
{
    for (int t = 0; t < n; t++, x += dim, y += dim) {
        float sum = 0;
        for (int i = 0; i < dim; i++)
            sum += x[i] * x[i];
        r[t] = 1 / sqrtf(sum / (float)dim + NORM_EPS);
        for (int i = 0; i < dim; i++)
            y[i] = x[i] * r[t] * w[i];
    }
}

/* Adds to dx and dw. */
static void
rms_norm_backward(float *dx, float *dw, const float *dy, const float *x,
                  const float *w, const float *r, int n, int dim)
{
    for (int t = 0; t < n; t++, x += dim, dy += dim, dx += dim) {
        float sum = 0;
        for (int i = 0; i < dim; i++) {
            sum += dy[i] * w[i] * x[i];
            dw[i] += dy[i] * x[i] * r[t];
        }
        sum *= r[t] * r[t] * r[t] / (float)dim;
        for (int i = 0; i < dim; i++)
            dx[i] += dy[i] * w[i] * r[t] - sum * x[i];
    }
}

/* Turns each head of x (n, n_heads, head_dim); sign -1 turns back, which is
   also what the gradient needs. */
static void
rotate(float *x, const struct model *m, int n, int n_heads, float sign)
{
    int half = m->s.head_dim / 2;
    for (int t = 0; t < n; t++) {
        const float *c = m->rope_cos + (size_t)t * (size_t)half;
        const float *s = m->rope_sin + (size_t)t * (size_t)half;
        for (int h = 0; h < n_heads; h++, x += m->s.head_dim)
            for (int i = 0; i < half; i++) {
                float a = x[i], b = x[i + half];
                x[i] = a * c[i] - b * sign * s[i];
                x[i + half] = b * c[i] + a * sign * s[i];
            }
    }
}

/* Scores (n, n) become probabilities of the tokens up to each row's own. */
static void
causal_softmax(float *scores, int n)
{
    for (int t = 0; t < n; t++, scores += n) {
        float max = -INFINITY, sum = 0;
        for (int i = 0; i <= t; i++)
            max = fmaxf(max, scores[i]);
        for (int i = 0; i <= t; i++) {
            scores[i] = expf(scores[i] - max);
            sum += scores[i];
        }
        for (int i = 0; i <= t; i++)
            scores[i] /= sum;
        memset(scores + t + 1, 0, (size_t)(n - t - 1) * sizeof(float));
    }
}

/* d holds the gradient of p and becomes scale times that of the scores. */
static void
causal_softmax_backward(float *d, const float *p, float scale, int n)
{
    for (int t = 0; t < n; t++, d += n, p += n) {
        float sum = 0;
        for (int i = 0; i <= t; i++)
            sum += p[i] * d[i];
        for (int i = 0; i <= t; i++)
            d[i] = p[i] * (d[i] - sum) * scale;
        memset(d + t + 1, 0, (size_t)(n - t - 1) * sizeof(float));
    }
}

static void
attention(struct layer_state *a, const struct shape *s, int n)
{
    float scale = 1 / sqrtf((float)s->head_dim);
    for (int h = 0; h < s->n_heads; h++) {
        int kv = h / (s->n_heads / s->n_kv_heads) * s->head_dim;
        int q = h * s->head_dim;
        float *att = a->att + (size_t)h * MAX_TOKENS * MAX_TOKENS;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, s->head_dim,
                    scale, a->q + q, s->q_dim, a->k + kv, s->kv_dim, 0, att, n);
        causal_softmax(att, n);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, s->head_dim,
                    n, 1, att, n, a->v + kv, s->kv_dim, 0, a->o + q, s->q_dim);
    }
}

/* From w->d_o to w->dq, dk and dv. */
static void
attention_backward(struct worker *w, const struct layer_state *a,
                   const struct shape *s, int n)
{
    float scale = 1 / sqrtf((float)s->head_dim), *d = w->d_att;
    memset(w->dk, 0, (size_t)n * (size_t)s->kv_dim * sizeof(float));
    memset(w->dv, 0, (size_t)n * (size_t)s->kv_dim * sizeof(float));
    for (int h = 0; h < s->n_heads; h++) {
        int kv = h / (s->n_heads / s->n_kv_heads) * s->head_dim;
        int q = h * s->head_dim;
        const float *att = a->att + (size_t)h * MAX_TOKENS * MAX_TOKENS;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, s->head_dim,
                    1, w->d_o + q, s->q_dim, a->v + kv, s->kv_dim, 0, d, n);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, s->head_dim, n,
                    1, att, n, w->d_o + q, s->q_dim, 1, w->dv + kv, s->kv_dim);
        causal_softmax_backward(d, att, scale, n);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, s->head_dim,
                    n, 1, d, n, a->k + kv, s->kv_dim, 0, w->dq + q, s->q_dim);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, s->head_dim, n,
                    1, d, n, a->q + q, s->q_dim, 1, w->dk + kv, s->kv_dim);
    }
}

static float
sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

static void
gated(struct layer_state *a, size_t count)
{
    for (size_t i = 0; i < count; i++)
        a->act[i] = a->gate[i] * sigmoid(a->gate[i]) * a->up[i];
}

static void
gated_backward(struct worker *w, const struct layer_state *a, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float s = sigmoid(a->gate[i]), silu = a->gate[i] * s;
        w->d_up[i] = w->d_act[i] * silu;
        w->d_gate[i] = w->d_act[i] * a->up[i] * (s + silu * (1 - s));
    }
}

static void
add(float *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] += x[i];
}

/* Sums loss and hits, and turns logits into their gradient. */
static void
cross_entropy(struct worker *w, const uint16_t *ids, int n, int n_prompt,
              int n_vocab)
{
    for (int t = 0; t < n; t++) {
        float *logits = w->logits + (size_t)t * (size_t)n_vocab;
        bool response = t >= n_prompt - 1;
        float weight = response ? 1 : PROMPT_WEIGHT;
        int best = 0, wanted = ids[t + 1];
        for (int i = 1; i < n_vocab; i++)
            if (logits[i] > logits[best])
                best = i;
        float max = logits[best];
        double gap = (double)max - (double)logits[wanted], sum = 0;
        for (int i = 0; i < n_vocab; i++) {
            logits[i] = expf(logits[i] - max);
            sum += (double)logits[i];
        }
        double loss = gap + log(sum);
        w->objective += (double)weight * loss;
        if (response) {
            w->loss += loss;
            w->n_targets += 1;
            w->n_hits += best == wanted;
        }
        for (int i = 0; i < n_vocab; i++)
            logits[i] *= weight / (float)sum;
        logits[wanted] -= weight;
    }
}

/* ---- the two passes ---- */

static void
forward_layer(float *out, struct layer_state *a, const struct model *m,
              const float *p, int n)
{
    const struct shape *s = &m->s;
    const struct layout *at = &m->at;
    size_t count = (size_t)n * (size_t)s->dim;
    rms_norm(a->n1, a->r1, a->x, p + at->norm1, n, s->dim);
    linear(a->q, a->n1, p + at->wq, p + at->bq, n, s->dim, s->q_dim);
    linear(a->k, a->n1, p + at->wk, p + at->bk, n, s->dim, s->kv_dim);
    linear(a->v, a->n1, p + at->wv, p + at->bv, n, s->dim, s->kv_dim);
    rotate(a->q, m, n, s->n_heads, 1);
    rotate(a->k, m, n, s->n_kv_heads, 1);
    attention(a, s, n);
    linear(a->x1, a->o, p + at->wo, NULL, n, s->q_dim, s->dim);
    add(a->x1, a->x, count);
    rms_norm(a->n2, a->r2, a->x1, p + at->norm2, n, s->dim);
    linear(a->gate, a->n2, p + at->w_gate, NULL, n, s->dim, s->ffn_dim);
    linear(a->up, a->n2, p + at->w_up, NULL, n, s->dim, s->ffn_dim);
    gated(a, (size_t)n * (size_t)s->ffn_dim);
    linear(out, a->act, p + at->w_down, NULL, n, s->ffn_dim, s->dim);
    add(out, a->x1, count);
}

/* w->dx comes as the gradient of the layer's output, leaves as its input's;
   g is where this layer's part of the gradient is added up. */
static void
backward_layer(struct worker *w, const struct layer_state *a,
               const struct model *m, const float *p, float *g, int n)
{
    const struct shape *s = &m->s;
    const struct layout *at = &m->at;
    linear_backward(w->d_act, 0, g + at->w_down, NULL, w->dx, a->act,
                    p + at->w_down, n, s->ffn_dim, s->dim);
    gated_backward(w, a, (size_t)n * (size_t)s->ffn_dim);
    linear_backward(w->dn, 0, g + at->w_gate, NULL, w->d_gate, a->n2,
                    p + at->w_gate, n, s->dim, s->ffn_dim);
    linear_backward(w->dn, 1, g + at->w_up, NULL, w->d_up, a->n2, p + at->w_up,
                    n, s->dim, s->ffn_dim);
    rms_norm_backward(w->dx, g + at->norm2, w->dn, a->x1, p + at->norm2, a->r2,
                      n, s->dim);
    linear_backward(w->d_o, 0, g + at->wo, NULL, w->dx, a->o, p + at->wo, n,
                    s->q_dim, s->dim);
    attention_backward(w, a, s, n);
    rotate(w->dq, m, n, s->n_heads, -1);
    rotate(w->dk, m, n, s->n_kv_heads, -1);
    linear_backward(w->dn, 0, g + at->wq, g + at->bq, w->dq, a->n1, p + at->wq,
                    n, s->dim, s->q_dim);
    linear_backward(w->dn, 1, g + at->wk, g + at->bk, w->dk, a->n1, p + at->wk,
                    n, s->dim, s->kv_dim);
    linear_backward(w->dn, 1, g + at->wv, g + at->bv, w->dv, a->n1, p + at->wv,
                    n, s->dim, s->kv_dim);
    rms_norm_backward(w->dx, g + at->norm1, w->dn, a->x, p + at->norm1, a->r1,
                      n, s->dim);
}

void
learn_sequence(struct worker *w, const struct model *m,
               const uint16_t *sequence)
{
    const struct shape *s = &m->s;
    const struct layout *at = &m->at;
    const uint16_t *ids = sequence + 2;
    const float *p = m->params;
    size_t dim = (size_t)s->dim;
    int n = sequence[0] - 1;
    for (int t = 0; t < n; t++)
        memcpy(w->layers[0].x + (size_t)t * dim, p + ids[t] * dim,
               dim * sizeof(float));
    for (int l = 0; l < s->n_layers; l++)
        forward_layer(l + 1 < s->n_layers ? w->layers[l + 1].x : w->x_last,
                      &w->layers[l], m,
                      p + at->layers + (size_t)l * at->layer_size, n);
    rms_norm(w->normed, w->r_last, w->x_last, p + at->norm, n, s->dim);
    linear(w->logits, w->normed, p + at->embedding, NULL, n, s->dim,
           s->n_vocab);
    cross_entropy(w, ids, n, sequence[1], s->n_vocab);

    memset(w->dx, 0, (size_t)n * dim * sizeof(float));
    linear_backward(w->dn, 0, w->grad + at->embedding, NULL, w->logits,
                    w->normed, p + at->embedding, n, s->dim, s->n_vocab);
    rms_norm_backward(w->dx, w->grad + at->norm, w->dn, w->x_last, p + at->norm,
                      w->r_last, n, s->dim);
    for (int l = s->n_layers - 1; l >= 0; l--) {
        size_t start = at->layers + (size_t)l * at->layer_size;
        backward_layer(w, &w->layers[l], m, p + start, w->grad + start, n);
    }
    for (int t = 0; t < n; t++)
        add(w->grad + at->embedding + ids[t] * dim, w->dx + (size_t)t * dim,
            dim);
}
