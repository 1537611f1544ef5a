/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mlptwin.c - see mlptwin.h.
 */
#include <config.h>

#include "mlptwin.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "eachkern.h"

enum {
    N_PATTERN = 4096 /* a power of two */
};

float
value(const struct data *a, size_t r, size_t j)
{
    if (r == a->bad && j == a->d / 2)
        return a->bad_value;
    return a->pattern[(r * 977 + j * 13) % N_PATTERN] *
           ((float)(1 + r % 13) * 0.125f);
}

void
get_row(void *ud, size_t row, float *out)
{
    const struct data *a = ud;
    float scale = (float)(1 + row % 13) * 0.125f;

    for (size_t j = 0; j < a->d; j++)
        out[j] = a->pattern[(row * 977 + j * 13) % N_PATTERN] * scale;
    if (row == a->bad)
        out[a->d / 2] = a->bad_value;
}

struct data
new_data(uint64_t seed, size_t d, size_t n)
{
    return (struct data){
        .d = d, .n = n, .pattern = random_floats(seed, N_PATTERN), .bad = n};
}

size_t
count(size_t d, size_t h)
{
    return h * d + 2 * h + 1;
}

struct twin
new_twin(size_t d, size_t h, const float *from)
{
    size_t n = count(d, h);
    struct twin t = {.d = d,
                     .h = h,
                     .n_all = n,
                     .p = hs_calloc(n, sizeof(double)),
                     .m = hs_calloc(n, sizeof(double)),
                     .v = hs_calloc(n, sizeof(double)),
                     .g = hs_calloc(n, sizeof(double)),
                     .size = hs_calloc(n, sizeof(double))};

    for (size_t i = 0; i < n; i++)
        t.p[i] = (double)from[i];
    return t;
}

void
free_twin(struct twin *t)
{
    free(t->p);
    free(t->m);
    free(t->v);
    free(t->g);
    free(t->size);
}

/* u of one row, activations act (h); sizes (h + 1): of their terms without
 * their signs, and of the terms of u. */
double
twin_forward(const struct twin *t, const struct data *a, size_t r, double *act,
             double *sizes)
{
    const double *b1 = t->p + t->h * t->d, *w2 = b1 + t->h;
    double u = w2[t->h], s = fabs(u);
    float *x = hs_calloc(t->d, sizeof *x);

    get_row((void *)(uintptr_t)a, r, x);
    for (size_t h = 0; h < t->h; h++) {
        double z = b1[h], sz = fabs(z);

        for (size_t j = 0; j < t->d; j++) {
            z += t->p[h * t->d + j] * (double)x[j];
            sz += fabs(t->p[h * t->d + j] * (double)x[j]);
        }
        act[h] = z > 0 ? z : 0;
        u += act[h] * w2[h];
        s += sz * fabs(w2[h]);
        if (sizes != NULL)
            sizes[h] = sz;
    }
    free(x);
    if (sizes != NULL)
        sizes[t->h] = s;
    return u;
}

/* Gradients of sum du[r] u[r] into g. */
void
twin_gradient(struct twin *t, const struct data *a, const double *du)
{
    const double *w2 = t->p + t->h * t->d + t->h;
    double *act = hs_calloc(t->h, sizeof *act);
    double *sizes = hs_calloc(t->h + 1, sizeof *sizes);
    float *x = hs_calloc(t->d, sizeof *x);

    memset(t->g, 0, t->n_all * sizeof *t->g);
    memset(t->size, 0, t->n_all * sizeof *t->size);
    for (size_t r = 0; r < a->n; r++) {
        (void)twin_forward(t, a, r, act, sizes);
        get_row((void *)(uintptr_t)a, r, x);
        for (size_t h = 0; h < t->h; h++) {
            double dz = act[h] > 0 ? du[r] * w2[h] : 0;
            size_t b = t->h * t->d + h;

            for (size_t j = 0; j < t->d; j++) {
                t->g[h * t->d + j] += dz * (double)x[j];
                t->size[h * t->d + j] += fabs(dz * (double)x[j]);
            }
            t->g[b] += dz;
            t->size[b] += fabs(dz);
            t->g[b + t->h] += du[r] * act[h];
            t->size[b + t->h] += fabs(du[r]) * (act[h] > 0 ? sizes[h] : 0);
        }
        t->g[t->n_all - 1] += du[r];
        t->size[t->n_all - 1] += fabs(du[r]);
    }
    free(act);
    free(sizes);
    free(x);
}

void
twin_adamw(struct twin *t, const struct hs_adamw *o)
{
    t->t++;
    for (size_t i = 0; i < t->n_all; i++) {
        double g = t->g[i];

        t->p[i] *= 1 - o->lr * o->weight_decay;
        t->m[i] = o->beta1 * t->m[i] + (1 - o->beta1) * g;
        t->v[i] = o->beta2 * t->v[i] + (1 - o->beta2) * g * g;
        t->p[i] -= o->lr / (1 - pow(o->beta1, t->t)) * t->m[i] /
                   (sqrt(t->v[i]) / sqrt(1 - pow(o->beta2, t->t)) + o->eps);
    }
}
/* Weights of the size that they have at the start. */
float *
random_weights(uint64_t seed, size_t d, size_t h)
{
    size_t n = count(d, h);
    float *w = hs_calloc(n, sizeof *w);

    for (size_t i = 0; i < n; i++)
        w[i] = (float)((hs_rng_uniform(seed, i, 5, 0) * 2 - 1) /
                       sqrt((double)(i < h * d + h ? d : h)));
    return w;
}
