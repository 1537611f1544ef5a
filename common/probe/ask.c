/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ask.c - the values that a fitted probe gives, see fit.h.
 */
#include <config.h>

#include <stdlib.h>

#include "base/mem.h"
#include "probe/fit.h"

struct hs_asker {
    const struct hs_probe *p;
    struct hs_mlp *mlp;
};

struct hs_asker *
hs_asker_new(const struct hs_probe *p, struct hs_team *team)
{
    struct hs_asker *a = hs_calloc(1, sizeof *a);

    a->p = p;
    a->mlp = hs_mlp_new(p->d, p->o.hidden, team);
    hs_mlp_set(a->mlp, p->w1, p->b1, p->w2, p->b2);
    return a;
}

void
hs_asker_free(struct hs_asker *a)
{
    if (a == NULL)
        return;
    hs_mlp_free(a->mlp);
    free(a);
}

static struct hs_source
source_of(const struct hs_asker *a)
{
    return (struct hs_source){.mean = a->p->mean,
                              .scale = a->p->scale,
                              .columns = a->p->columns,
                              .d = a->p->d};
}

static void
values(struct hs_asker *a, const struct hs_rows *rows, double *out)
{
    float *u = hs_calloc(rows->n, sizeof *u);

    hs_mlp_forward(a->mlp, rows, u);
    for (size_t i = 0; i < rows->n; i++)
        out[i] = hs_head_value(a->p->o.loss.sigmoid, u[i]);
    free(u);
}

void
hs_ask(struct hs_asker *a, const struct hs_trajset *s, size_t l,
       const struct hs_which *w, size_t n, const uint8_t *mask, double *out)
{
    struct hs_source source = source_of(a);
    struct hs_rows rows = {hs_source_get, &source, n};

    source.s = s;
    source.l = l;
    source.rows = w;
    source.mask = mask;
    values(a, &rows, out);
}

/* Rows of one array. */
struct array {
    struct hs_source source;
    const float *x;
    size_t dim;
};

static void
get_row(void *ud, size_t i, float *out)
{
    const struct array *r = ud;

    hs_source_standardize(&r->source, r->x + i * r->dim, out);
}

void
hs_ask_rows(struct hs_asker *a, const float *x, size_t n, double *out)
{
    struct array r = {source_of(a), x, a->p->dim};
    struct hs_rows rows = {get_row, &r, n};

    values(a, &rows, out);
}

void
hs_ask_saliency(struct hs_asker *a, const struct hs_trajset *s, size_t l,
                const struct hs_which *w, size_t n, double *gradient,
                double *slope)
{
    struct hs_source source = source_of(a);
    struct hs_rows rows = {hs_source_get, &source, n};
    float *one = hs_calloc(n, sizeof *one), *u = hs_calloc(n, sizeof *u);

    source.s = s;
    source.l = l;
    source.rows = w;
    hs_mlp_forward(a->mlp, &rows, u);
    for (size_t i = 0; i < n; i++) {
        double v = hs_head_value(a->p->o.loss.sigmoid, u[i]);

        one[i] = a->p->o.loss.sigmoid ? (float)(v * (1 - v)) : 1;
    }
    for (size_t c = 0; c < a->p->d; c++)
        gradient[c] = slope[c] = 0;
    hs_mlp_saliency(a->mlp, &rows, one, gradient, slope);
    for (size_t c = 0; c < a->p->d && n > 0; c++) {
        gradient[c] /= (double)n;
        slope[c] *= (double)a->p->scale[c] / (double)n;
    }
    free(one);
    free(u);
}
