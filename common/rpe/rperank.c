/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rperank.c - see rperank.h.
 */
#include <config.h>

#include "rpe/rperank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Fills f with what hs_rank() looks at: the network's inputs are z-scores. */
static void
fill_probe(struct hs_probe_found *f, const struct hs_rpe_ranked *in, size_t i)
{
    const struct hs_rpe_probe *from = &in->probes[i];
    struct hs_probe *p = &f->probe;
    size_t d = from->d, n = hs_mul(from->o.hidden, d);

    hs_fit_options_init(&p->o);
    p->o.loss.target = HS_TARGET_RPE;
    p->o.standardize = HS_STD_ZSCORE;
    p->o.hidden = from->o.hidden;
    p->o.seed = from->o.seed;
    p->layer = from->layer;
    p->dim = p->d = d;
    p->scale = hs_calloc(d, sizeof *p->scale);
    p->w1 = hs_calloc(n, sizeof *p->w1);
    p->init_l1 = hs_calloc(d, sizeof *p->init_l1);
    f->gradient = hs_calloc(d, sizeof *f->gradient);
    f->slope = hs_calloc(d, sizeof *f->slope);
    memcpy(p->w1, from->w1, n * sizeof *p->w1);
    memcpy(p->init_l1, from->init_l1, d * sizeof *p->init_l1);
    for (size_t j = 0; j < d; j++) {
        double sigma = in->stats->sigma[j];

        p->scale[j] = sigma > 0 ? (float)(1 / sigma) : 0;
        if (!isfinite(p->scale[j]))
            p->scale[j] = 0;
        f->gradient[j] = (float)in->gradient[i * d + j];
        f->slope[j] = (float)(in->slope[i * d + j] * (double)p->scale[j]);
    }
}

static float *
floats(const double *x, size_t n)
{
    float *out = hs_calloc(n, sizeof *out);

    for (size_t i = 0; i < n; i++)
        out[i] = x != NULL ? (float)x[i] : NAN;
    return out;
}

static void
fill_coordinates(struct hs_coordinates *c, const struct hs_rpe_ranked *in)
{
    const struct hs_stats *s = in->stats;
    size_t d = in->probes[0].d;

    c->layer = in->probes[0].layer;
    c->d = d;
    c->n_states = s->n;
    c->n_pos0 = s->n_pos0;
    c->n_any = s->n_any;
    c->mean = floats(s->mean, d);
    c->sigma = floats(s->sigma, d);
    c->rms = floats(s->rms, d);
    c->max_abs = floats(s->max_abs, d);
    c->pos0_abs = floats(s->pos0_abs, d);
    c->outlier = floats(s->outlier, d);
    c->auc = floats(NULL, d);
    c->auc_p = floats(NULL, d);
}

int
hs_rpe_rank(struct hs_ranking *r, const struct hs_rpe_ranked *in,
            enum hs_rank_by by, const struct hs_top *top, struct hs_error *err)
{
    struct hs_probes p = {.n_coordinates = 1, .n_found = in->n};
    int rc;

    p.coordinates = hs_calloc(1, sizeof *p.coordinates);
    p.found = hs_calloc(in->n, sizeof *p.found);
    fill_coordinates(p.coordinates, in);
    for (size_t i = 0; i < in->n; i++)
        fill_probe(&p.found[i], in, i);
    rc = hs_rank(r, &p, in->probes[0].layer, HS_TARGET_RPE, by, top, err);
    hs_probes_free(&p);
    return rc;
}
