/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pool.c - see pool.h.
 *
 * Mean and spread are kept as Welford (1962) does: in one pass, without the
 * difference of two large sums.
 */
#include <config.h>

#include "rpe/pool.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Of the largest |x|: a spread below it is rounding. */
static const double still = 1e-6;

static const char *const znorm_names[] = {"response", "train", "causal"};

const char *
hs_znorm_name(enum hs_znorm z)
{
    return znorm_names[z];
}

int
hs_znorm_parse(const char *s, enum hs_znorm *out)
{
    for (int i = 0; i <= HS_ZNORM_CAUSAL; i++)
        if (strcmp(s, znorm_names[i]) == 0) {
            *out = (enum hs_znorm)i;
            return 0;
        }
    return -1;
}

void
hs_znorm_train(const double *means, const double *sigma, const double *max_abs,
               size_t d, float *mean, float *scale)
{
    for (size_t j = 0; j < d; j++) {
        bool moves = sigma[j] > 0 && sigma[j] >= still * max_abs[j];

        mean[j] = (float)means[j];
        scale[j] = moves ? (float)(1 / sigma[j]) : 0;
        if (!isfinite(scale[j]))
            scale[j] = 0;
    }
}

struct hs_pooler {
    enum hs_znorm znorm;
    size_t d;
    const float *mean, *scale; /* (d): of train; borrowed */
    uint64_t n_seen;           /* states behind the statistics */
    double *m, *m2, *most;     /* (d): mean, sum of squares about it, largest
                                * |x|; NULL for train */
    bool fed;                  /* s_0 was */
    uint64_t n;                /* tokens of the step so far */
    double *sum;               /* (d): of their z */
};

struct hs_pooler *
hs_pooler_new(enum hs_znorm z, const float *mean, const float *scale, size_t d)
{
    struct hs_pooler *p = hs_calloc(1, sizeof *p);

    p->znorm = z;
    p->d = d;
    p->sum = hs_calloc(d, sizeof *p->sum);
    if (z == HS_ZNORM_TRAIN) {
        p->mean = mean;
        p->scale = scale;
    } else {
        p->m = hs_calloc(d, sizeof *p->m);
        p->m2 = hs_calloc(d, sizeof *p->m2);
        p->most = hs_calloc(d, sizeof *p->most);
    }
    return p;
}

void
hs_pooler_free(struct hs_pooler *p)
{
    if (p == NULL)
        return;
    free(p->m);
    free(p->m2);
    free(p->most);
    free(p->sum);
    free(p);
}

void
hs_pooler_start(struct hs_pooler *p)
{
    size_t bytes = p->d * sizeof *p->sum;

    memset(p->sum, 0, bytes);
    if (p->m != NULL) {
        memset(p->m, 0, bytes);
        memset(p->m2, 0, bytes);
        memset(p->most, 0, bytes);
    }
    p->n = p->n_seen = 0;
    p->fed = false;
}

void
hs_pooler_look(struct hs_pooler *p, const float *x)
{
    double share = 1 / (double)++p->n_seen;

    for (size_t j = 0; j < p->d; j++) {
        double v = (double)x[j], delta = v - p->m[j];

        p->m[j] += delta * share;
        p->m2[j] += delta * (v - p->m[j]);
        p->most[j] = fabs(v) > p->most[j] ? fabs(v) : p->most[j];
    }
}

/* The z-score of coordinate j by what was seen. */
static double
score(const struct hs_pooler *p, size_t j, double x)
{
    double s;

    if (p->znorm == HS_ZNORM_TRAIN)
        return (x - (double)p->mean[j]) * (double)p->scale[j];
    s = sqrt(p->m2[j] / (double)p->n_seen);
    return s < still * p->most[j] || s == 0 ? 0 : (x - p->m[j]) / s;
}

void
hs_pooler_feed(struct hs_pooler *p, const float *x, float *z)
{
    if (p->znorm == HS_ZNORM_CAUSAL)
        hs_pooler_look(p, x);
    for (size_t j = 0; j < p->d && (p->fed || z != NULL); j++) {
        double v = score(p, j, (double)x[j]);

        if (z != NULL)
            z[j] = (float)v;
        if (p->fed)
            p->sum[j] += v;
    }
    if (p->fed)
        p->n++;
    p->fed = true;
}

void
hs_pooler_step(struct hs_pooler *p, float *out)
{
    for (size_t j = 0; j < p->d; j++)
        out[j] = (float)(p->sum[j] / (double)p->n);
    memset(p->sum, 0, p->d * sizeof *p->sum);
    p->n = 0;
}

void
hs_pooler_copy(struct hs_pooler *to, const struct hs_pooler *from)
{
    size_t bytes = from->d * sizeof *from->sum;

    memcpy(to->sum, from->sum, bytes);
    if (from->m != NULL) {
        memcpy(to->m, from->m, bytes);
        memcpy(to->m2, from->m2, bytes);
        memcpy(to->most, from->most, bytes);
    }
    to->n_seen = from->n_seen;
    to->n = from->n;
    to->fed = from->fed;
}
