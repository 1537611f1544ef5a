/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tdtest.c - the tests of single coordinates and the counts of steps of mode
 * td, see tdscan.h.
 */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "rpe/rpecols.h"
#include "rpe/stepscore.h"
#include "rpe/tdscan.h"
#include "stats/errsig.h"
#include "stats/fdr.h"

enum {
    LEAST_PERMUTATIONS = 10000,
    FEW_STEPS = 50,   /* to train on */
    FEW_HELD_OUT = 20 /* to score with */
};

size_t
hs_td_permutations(const struct hs_td_options *o, size_t d)
{
    size_t n = hs_fdr_draws(d, o->alpha);

    if (o->permutations > 0)
        return (size_t)o->permutations;
    return n > LEAST_PERMUTATIONS ? n : LEAST_PERMUTATIONS;
}

static void
narrow(float *to, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)from[i];
}

/* The plain score: over the steps beyond the threshold. */
static void
score(const struct hs_td *q, const float *x, struct hs_rpe_coordinates *c)
{
    const struct hs_steps *t = q->steps;
    size_t d = c->d, n = 0;
    float *rows = hs_calloc(hs_mul(t->n, d), sizeof *rows);
    double *y = hs_calloc(t->n, sizeof *y);
    double *value = hs_calloc(d, sizeof *value), *p = hs_calloc(d, sizeof *p);
    uint32_t *group = hs_calloc(t->n, sizeof *group);

    for (size_t k = 0; k < t->n; k++) {
        if (!t->beyond[k])
            continue;
        memcpy(rows + n * d, x + k * d, d * sizeof *x);
        y[n] = t->delta[k];
        group[n++] = t->group[k];
    }
    hs_step_scores(rows, n, d, y, group, t->n_groups, (size_t)c->n_permutations,
                   q->o->seed, value, p);
    narrow(c->score, value, d);
    narrow(c->score_p, p, d);
    hs_fdr(p, d, p);
    narrow(c->score_q, p, d);
    free(rows);
    free(y);
    free(value);
    free(p);
    free(group);
}

int
hs_td_coordinates(const struct hs_td *q, size_t l, const float *x,
                  struct hs_rpe_coordinates *c, struct hs_error *err)
{
    const struct hs_steps *t = q->steps;
    double *z = hs_calloc(hs_mul(t->n, HS_N_COVARIATES), sizeof *z);
    const struct hs_errsig_data data = {.x = x,
                                        .n = t->n,
                                        .d = q->s->dim,
                                        .outcome = t->after,
                                        .expected = t->before,
                                        .z = z,
                                        .k = HS_N_COVARIATES,
                                        .group = t->group,
                                        .n_groups = t->n_groups};
    struct hs_errsig sig = {0};
    int rc;

    *c = (struct hs_rpe_coordinates){.mode = HS_RPE_TD,
                                     .layer = q->s->layers[l],
                                     .d = q->s->dim,
                                     .n = t->n,
                                     .n_groups = t->n_groups,
                                     .alpha = q->o->alpha};
    c->n_permutations = hs_td_permutations(q->o, c->d);
    hs_rpe_coordinates_alloc(c);
    hs_steps_covariates(t, q->s, q->o->znorm, z);
    rc = hs_errsig(&data, (size_t)c->n_permutations, q->o->seed, &sig, err);
    if (rc == 0) {
        narrow(c->r_out, sig.r_out, c->d);
        narrow(c->p_out, sig.p_out, c->d);
        narrow(c->r_exp, sig.r_exp, c->d);
        narrow(c->p_exp, sig.p_exp, c->d);
        narrow(c->p, sig.p, c->d);
        narrow(c->q, sig.q, c->d);
        for (size_t j = 0; j < c->d; j++)
            c->found[j] = sig.q[j] <= c->alpha;
        score(q, x, c);
    }
    hs_errsig_free(&sig);
    free(z);
    return rc;
}

/* ---- counts ---- */

struct counts {
    size_t beyond[2], steps[2]; /* of training and held-out problems */
    size_t up;                  /* beyond the threshold and delta > 0 */
    double chance;              /* sum over steps; NaN for a probe */
};

static struct counts
count(const struct hs_steps *t)
{
    struct counts c = {0};

    for (size_t k = 0; k < t->n; k++) {
        c.steps[t->val[k]]++;
        c.beyond[t->val[k]] += t->beyond[k];
        c.up += t->beyond[k] && t->delta[k] > 0;
        c.chance += t->chance[k];
    }
    return c;
}

static void
set(json_t *j, const char *key, size_t n)
{
    json_object_set_new(j, key, json_integer((json_int_t)n));
}

static void
say(json_t *warnings, const char *text)
{
    json_array_append_new(warnings, json_string(text));
}

static json_t *
warn_of(const struct hs_td *q, const struct counts *c)
{
    size_t beyond = c->beyond[0] + c->beyond[1];
    json_t *warnings = json_array();
    char text[200];

    if (c->beyond[0] < FEW_STEPS) {
        (void)snprintf(text, sizeof text,
                       "only %zu training steps are beyond the threshold: a "
                       "probe has little to learn from",
                       c->beyond[0]);
        say(warnings, text);
    }
    if (c->beyond[1] < FEW_HELD_OUT) {
        (void)snprintf(text, sizeof text,
                       "only %zu held-out steps are beyond the threshold: too "
                       "few for a correlation to be trusted",
                       c->beyond[1]);
        say(warnings, text);
    }
    if (c->chance > (double)beyond / 2) {
        (void)snprintf(text, sizeof text,
                       "%zu steps are beyond the threshold, where noise of "
                       "the estimates alone would bring %.0f",
                       beyond, c->chance);
        say(warnings, text);
    }
    if (q->o->znorm == HS_ZNORM_CAUSAL)
        say(warnings,
            "z of 'causal' shows changes of what it stands for: value neurons "
            "look like errors of prediction");
    return warnings;
}

/* Fewest and most continuations of a boundary that has some. */
static void
set_k(json_t *j, const struct hs_td *q)
{
    uint32_t low = UINT32_MAX, high = 0;

    for (size_t i = 0; i < q->s->n; i++) {
        const struct hs_rollouts *r = q->s->traj[i].rollouts;

        for (size_t b = 0; r != NULL && b + 1 < r->n; b++) {
            low = r->k[b] < low ? r->k[b] : low;
            high = r->k[b] > high ? r->k[b] : high;
        }
    }
    set(j, "k_min", high > 0 ? low : 0);
    set(j, "k_max", high);
}

json_t *
hs_td_steps_json(const struct hs_td *q, uint32_t layer)
{
    const struct hs_steps *t = q->steps;
    struct counts c = count(t);
    json_t *j = json_object();

    json_object_set_new(j, "type", json_string("rpe-steps"));
    json_object_set_new(j, "mode", json_string("td"));
    set(j, "layer", layer);
    json_object_set_new(j, "value", json_string(q->value));
    json_object_set_new(j, "rule", json_string(q->rule));
    set(j, "min_tokens", q->min_tokens);
    if (strcmp(q->value, "rollouts") == 0)
        set_k(j, q);
    json_object_set_new(j, "gamma", json_real(q->o->gamma));
    json_object_set_new(j, "threshold", json_real(q->o->threshold));
    json_object_set_new(j, "znorm", json_string(hs_znorm_name(q->o->znorm)));
    set(j, "trajectories", t->n_answers);
    set(j, "without", t->n_without);
    set(j, "undecided", q->s->n_undecided);
    set(j, "problems", t->n_groups);
    set(j, "train_problems", t->n_train_groups);
    set(j, "steps", t->n);
    set(j, "no_value", t->n_no_value);
    set(j, "at_the_end", t->n_exact);
    set(j, "train_steps", c.steps[0]);
    set(j, "beyond", c.beyond[0] + c.beyond[1]);
    set(j, "train_beyond", c.beyond[0]);
    set(j, "up", c.up);
    set(j, "down", c.beyond[0] + c.beyond[1] - c.up);
    json_object_set_new(j, "false_rate",
                        hs_json_number(c.chance / (double)t->n));
    json_object_set_new(j, "false_hits", hs_json_number(c.chance));
    json_object_set_new(j, "warnings", warn_of(q, &c));
    return j;
}
