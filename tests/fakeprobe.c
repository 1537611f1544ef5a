/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fakeprobe.c - see fakeprobe.h.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fakeprobe.h"

bool
near(double a, double b)
{
    return fabs(a - b) <= 1e-12 + 1e-6 * fabs(b);
}

static float *
constant(float x)
{
    float *v = hs_calloc(D, sizeof *v);

    for (size_t j = 0; j < D; j++)
        v[j] = x;
    return v;
}

struct hs_probes
make_probes(size_t n)
{
    struct hs_probes p = {.n_found = n, .n_coordinates = 1};
    struct hs_coordinates *c;

    hs_head_init(&p.head, "probes");
    p.head.dim = D;
    p.others = json_array();
    p.coordinates = c = hs_calloc(1, sizeof *c);
    *c = (struct hs_coordinates){.layer = LAYER,
                                 .d = D,
                                 .n_states = 100,
                                 .n_pos0 = 10,
                                 .n_any = 100,
                                 .mean = constant(0),
                                 .sigma = constant(1),
                                 .rms = constant(1),
                                 .max_abs = constant(3),
                                 .pos0_abs = constant(1),
                                 .outlier = constant(0),
                                 .auc = constant(0.5f),
                                 .auc_p = constant(1)};
    p.found = hs_calloc(n, sizeof *p.found);
    for (size_t i = 0; i < n; i++) {
        struct hs_probe *q = &p.found[i].probe;

        q->o = (struct hs_fit_options){.hidden = HIDDEN, .seed = i + 7};
        q->o.loss.target = HS_TARGET_MC;
        q->layer = LAYER;
        q->dim = q->d = D;
        q->mean = constant(0);
        q->scale = constant(1);
        q->w1 = hs_calloc(HIDDEN * D, sizeof *q->w1);
        q->b1 = hs_calloc(HIDDEN, sizeof *q->b1);
        q->w2 = hs_calloc(HIDDEN, sizeof *q->w2);
        q->init_l1 = constant(0.3f);
        q->init_l2 = constant(0.1f);
        p.found[i].gradient = constant(0.5f);
        p.found[i].slope = constant(i % 2 == 0 ? -0.25f : 0.5f);
        for (size_t j = 0; j < D; j++)
            p.found[i].slope[j] += (float)j / 16;
        for (size_t k = 0; k < HIDDEN * D; k++)
            q->w1[k] = k % 2 != 0 ? 0.3f : -0.3f;
    }
    return p;
}

void
set_column(struct hs_probes *p, size_t probe, size_t j, float x)
{
    for (size_t i = 0; i < HIDDEN; i++)
        p->found[probe].probe.w1[i * D + j] = i % 2 != 0 ? x : -x;
}

struct hs_ranking
rank(const struct hs_probes *p, enum hs_rank_by by)
{
    const struct hs_top four = {.count = 4};
    struct hs_ranking r;
    struct hs_error err;

    if (hs_rank(&r, p, LAYER, HS_TARGET_MC, by, &four, &err) < 0)
        fail_msg("%s", err.text);
    return r;
}
