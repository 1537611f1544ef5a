/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sampler.c - see sampler.h.
 */
#include <config.h>

#include "model/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "model/kernel.h"

struct candidate {
    float weight; /* not yet divided by the sum */
    uint32_t id;
};

/* Two vocabularies: weights, then candidates of twice a float's size. */
size_t
hs_sampler_scratch(size_t n_vocab)
{
    return 3 * n_vocab + 2 * HS_LANES;
}

/* Log-probability of token and entropy.  With z = logit - max and S = sum of
 * exp(z): log p = z - log S, H = log S - sum(exp(z) z) / S. */
static int
describe(const float *logits, size_t n, uint32_t token, struct hs_draw *out)
{
    float top = hs_kern()->max(logits, n);
    double sum, moment;

    if (!isfinite(top))
        return -1;
    hs_kern()->partition(logits, n, top, &sum, &moment);
    out->token = token;
    out->logprob = (float)((double)logits[token] - (double)top - log(sum));
    out->entropy = (float)(log(sum) - moment / sum);
    if (out->entropy < 0)
        out->entropy = 0;
    return 0;
}

int
hs_score(const float *logits, size_t n_vocab, uint32_t token,
         struct hs_draw *out)
{
    return describe(logits, n_vocab, token, out);
}

static uint32_t
largest(const float *x, size_t n)
{
    float top = hs_kern()->max(x, n);

    for (size_t i = 0; i < n; i++)
        if (x[i] == top)
            return (uint32_t)i;
    return 0;
}

static int
by_weight(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->weight != y->weight)
        return x->weight < y->weight ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Draws from all n weights in order of id. */
static uint32_t
draw_any(const float *w, size_t n, double u)
{
    double total = 0, sum = 0;
    uint32_t last = 0;

    for (size_t i = 0; i < n; i++)
        total += (double)w[i];
    for (size_t i = 0; i < n; i++) {
        if (w[i] <= 0)
            continue;
        sum += (double)w[i];
        last = (uint32_t)i;
        if (sum > u * total)
            break;
    }
    return last;
}

/* Puts x in the place of the lightest of the k in c, a heap. */
static void
sift(struct candidate *c, size_t k, struct candidate x)
{
    size_t i = 0, child;

    while ((child = 2 * i + 1) < k) {
        if (child + 1 < k && by_weight(&c[child], &c[child + 1]) < 0)
            child++;
        if (by_weight(&x, &c[child]) >= 0)
            break;
        c[i] = c[child];
        i = child;
    }
    c[i] = x;
}

/* The k heaviest, the lower id of equals. */
static size_t
heaviest(const float *w, size_t n, size_t k, struct candidate *c)
{
    for (size_t i = 0; i < k; i++)
        c[i] = (struct candidate){w[i], (uint32_t)i};
    /* sorted by falling weight, then turned round: a heap */
    qsort(c, k, sizeof *c, by_weight);
    for (size_t i = 0; i < k / 2; i++) {
        struct candidate x = c[i];

        c[i] = c[k - 1 - i];
        c[k - 1 - i] = x;
    }
    for (size_t i = k; i < n; i++)
        if (w[i] > c[0].weight)
            sift(c, k, (struct candidate){w[i], (uint32_t)i});
    return k;
}

/* The candidates that can matter, sorted.  Without top-k, a token that weighs
 * less than (1 - p) / n of the whole cannot be in the set: those that weigh
 * more reach p without it. */
static size_t
collect(const struct hs_sampler *s, const float *w, size_t n, double total,
        struct candidate *c)
{
    float floor_weight = (float)((1.0 - s->top_p) / (double)n * total);
    size_t m = 0;

    if (s->top_k > 0)
        m = heaviest(w, n, s->top_k < n ? s->top_k : n, c);
    for (size_t i = 0; s->top_k == 0 && i < n; i++)
        if (w[i] > 0 && w[i] >= floor_weight)
            c[m++] = (struct candidate){w[i], (uint32_t)i};
    qsort(c, m, sizeof *c, by_weight);
    while (m > 1 && c[m - 1].weight <= 0)
        m--;
    return m;
}

static uint32_t
draw_cut(const struct hs_sampler *s, const float *w, size_t n, double u,
         struct candidate *c)
{
    double total = 0, kept = 0, sum = 0;
    size_t m, last = 0;

    for (size_t i = 0; i < n; i++)
        total += (double)w[i];
    m = collect(s, w, n, total, c);
    /* top-p is a share of what top-k left over. */
    if (s->top_k > 0) {
        total = 0;
        for (size_t i = 0; i < m; i++)
            total += (double)c[i].weight;
    }
    for (size_t i = 0; i < m; i++) {
        kept += (double)c[i].weight;
        last = i;
        if (kept >= s->top_p * total)
            break;
    }
    for (size_t i = 0; i < last; i++) {
        sum += (double)c[i].weight;
        if (sum > u * kept)
            return c[i].id;
    }
    return c[last].id;
}

int
hs_sample(const struct hs_sampler *s, const float *logits, size_t n_vocab,
          const struct hs_place *at, float *scratch, struct hs_draw *out)
{
    float *w = scratch;
    float top = hs_kern()->max(logits, n_vocab);
    uint32_t token;

    if (!isfinite(top))
        return -1;
    if (s->greedy) {
        token = largest(logits, n_vocab);
    } else {
        double u = hs_rng_uniform(s->seed, at->problem, at->sample, at->index);

        (void)hs_kern()->exp_sum(w, logits, n_vocab, top,
                                 (float)(1.0 / s->temperature));
        if (s->top_k == 0 && s->top_p >= 1.0)
            token = draw_any(w, n_vocab, u);
        else
            token = draw_cut(s, w, n_vocab, u,
                             (struct candidate *)(void *)(w + n_vocab));
    }
    return describe(logits, n_vocab, token, out);
}
