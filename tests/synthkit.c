/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synthkit.c - see synthkit.h.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "synthkit.h"

void
start(struct hs_synth *w, const struct hs_synth_options *o)
{
    struct hs_error err;

    if (hs_synth_init(w, o, &err) < 0)
        fail_msg("%s", err.text);
}

struct hs_synth_options
options(void)
{
    struct hs_synth_options o;

    hs_synth_options_init(&o);
    o.width = D;
    return o;
}

void
add(struct sums *s, double x, double y)
{
    s->n++;
    s->x += x;
    s->y += y;
    s->xx += x * x;
    s->xy += x * y;
    s->yy += y * y;
}

double
mean_x(const struct sums *s)
{
    return s->x / s->n;
}

double
var_x(const struct sums *s)
{
    return s->xx / s->n - mean_x(s) * mean_x(s);
}

static double
var_y(const struct sums *s)
{
    return s->yy / s->n - s->y / s->n * (s->y / s->n);
}

double
correlation(const struct sums *s)
{
    double c = s->xy / s->n - s->x / s->n * (s->y / s->n);

    return c / sqrt(var_x(s) * var_y(s));
}

void
near(double got, double wanted, double tolerance, const char *what)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("%s: %.9g, wanted %.9g within %.3g", what, got, wanted,
                 tolerance);
}

/* ---- states */

void
for_all(const struct hs_synth *w, uint64_t n, uint32_t layer, looker *look,
        void *ud)
{
    struct hs_synth_path p = {0};
    float *x = NULL;

    for (uint64_t i = 0; i < n; i++) {
        hs_synth_path(w, i, &p);
        x = hs_realloc(x, (p.n_prompt + p.length) * D * sizeof *x);
        hs_synth_states(w, &p, layer, x);
        look(ud, w, &p, x);
    }
    free(x);
    hs_synth_path_free(&p);
}

/* x without its mean, in units of the scale; row t of the response, or of the
 * prompt for negative t. */
double
unit(const struct hs_synth *w, const struct hs_synth_path *p, const float *x,
     long t, size_t j)
{
    size_t row = (size_t)((long)p->n_prompt - 1 + t);

    return ((double)x[row * D + j] - w->coord[j].mean) / w->coord[j].scale;
}

double
z_of(const struct hs_synth *w, const struct hs_synth_path *p, size_t t)
{
    return (p->v[t] - w->o.reward_rate) / w->z_sd;
}
