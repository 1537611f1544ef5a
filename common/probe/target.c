/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * target.c - see target.h.
 */
#include <config.h>

#include "probe/target.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const target_names[] = {"td", "mc",  "td-lambda", "terminal",
                                           "s0", "ntp", "rpe"};

const char *
hs_target_name(enum hs_target t)
{
    return target_names[t];
}

int
hs_target_parse(const char *s, enum hs_target *out)
{
    for (int i = 0; i <= HS_TARGET_RPE; i++) {
        if (strcmp(s, target_names[i]) == 0) {
            *out = (enum hs_target)i;
            return 0;
        }
    }
    return -1;
}

double
hs_head_value(bool sigmoid, double u)
{
    if (!sigmoid)
        return u;
    if (u >= 0)
        return 1 / (1 + exp(-u));
    return exp(u) / (1 + exp(u));
}

/* One trajectory at work: each residual is added to the sum, and c times the
 * gradient of its square to du. */
struct work {
    const struct hs_loss *l;
    const struct hs_span *s;
    const double *v; /* (s->n): values */
    float *du;       /* (s->n) */
    double c, sum;
};

/* gamma^(t' - t) between state i and the next. */
static double
step_discount(const struct work *w, size_t i)
{
    uint32_t gap = w->s->t[i + 1] - w->s->t[i];

    return gap == 1 ? w->l->gamma : pow(w->l->gamma, gap);
}

/* R(t) = gamma^(T - t) r. */
static double
discounted(const struct work *w, size_t i)
{
    return pow(w->l->gamma, (double)(w->s->length - w->s->t[i])) * w->s->reward;
}

/* dL/dV of state i, through the head. */
static void
add_gradient(struct work *w, size_t i, double dv)
{
    double slope = w->l->sigmoid ? w->v[i] * (1 - w->v[i]) : 1;

    w->du[i] += (float)(w->c * dv * slope);
}

/* Whether a residual at the last state is one among others, and weighed. */
static bool
is_weighed(enum hs_target t)
{
    return t == HS_TARGET_TD || t == HS_TARGET_MC || t == HS_TARGET_TD_LAMBDA;
}

/* A residual goal - V(state i). */
static void
regress(struct work *w, size_t i, double goal)
{
    double d = goal - w->v[i];
    double weight = i + 1 == w->s->n && is_weighed(w->l->target)
                        ? w->l->terminal_weight
                        : 1;

    w->sum += weight * d * d;
    add_gradient(w, i, -2 * weight * d);
}

static void
td(struct work *w)
{
    size_t n = w->s->n;

    for (size_t i = 0; i + 1 < n; i++) {
        double g = step_discount(w, i);
        double d = g * w->v[i + 1] - w->v[i];

        w->sum += d * d;
        add_gradient(w, i, -2 * d);
        if (w->l->residual)
            add_gradient(w, i + 1, 2 * g * d);
    }
    regress(w, n - 1, discounted(w, n - 1));
}

/* mc is td-lambda with lambda 1. */
static void
returns(struct work *w, double lambda)
{
    double goal = discounted(w, w->s->n - 1);

    regress(w, w->s->n - 1, goal);
    for (size_t i = w->s->n - 1; i-- > 0;) {
        goal =
            step_discount(w, i) * ((1 - lambda) * w->v[i + 1] + lambda * goal);
        regress(w, i, goal);
    }
}

static void
one_trajectory(struct work *w)
{
    size_t n = w->s->n;

    switch (w->l->target) {
    case HS_TARGET_TD:
        td(w);
        break;
    case HS_TARGET_MC:
        returns(w, 1);
        break;
    case HS_TARGET_TD_LAMBDA:
        returns(w, w->l->lambda);
        break;
    case HS_TARGET_TERMINAL:
        regress(w, n - 1, discounted(w, n - 1));
        break;
    case HS_TARGET_S0:
        regress(w, 0, discounted(w, 0));
        break;
    case HS_TARGET_NTP:
        for (size_t i = 0; i < n; i++)
            if (isfinite(w->s->logprob[i]))
                regress(w, i, w->s->logprob[i]);
        break;
    case HS_TARGET_RPE:
        break;
    }
}

/* Residuals of a trajectory. */
static size_t
count_residuals(const struct hs_loss *l, const struct hs_span *s)
{
    size_t n = 0;

    if (l->target == HS_TARGET_TERMINAL || l->target == HS_TARGET_S0)
        return 1;
    if (l->target != HS_TARGET_NTP)
        return s->n;
    for (size_t i = 0; i < s->n; i++)
        n += isfinite(s->logprob[i]) ? 1 : 0;
    return n;
}

double
hs_loss(const struct hs_loss *l, const struct hs_span *spans, size_t n,
        const float *u, float *du)
{
    size_t total = 0, filled = 0, longest = 0;
    double loss = 0, *v;

    for (size_t k = 0; k < n; k++) {
        size_t m = count_residuals(l, &spans[k]);

        total += m;
        filled += m > 0;
        longest = spans[k].n > longest ? spans[k].n : longest;
    }
    v = hs_calloc(longest, sizeof *v);
    for (size_t k = 0; k < n; k++) {
        const struct hs_span *s = &spans[k];
        size_t m = count_residuals(l, s);
        struct work w = {.l = l, .s = s, .v = v, .du = du + s->first};

        memset(w.du, 0, s->n * sizeof *w.du);
        if (m == 0)
            continue;
        for (size_t i = 0; i < s->n; i++)
            v[i] = hs_head_value(l->sigmoid, u[s->first + i]);
        w.c = l->norm == HS_NORM_TOKEN ? 1 / (double)total
                                       : 1 / (double)m / (double)filled;
        one_trajectory(&w);
        loss += w.c * w.sum;
    }
    free(v);
    return loss;
}
