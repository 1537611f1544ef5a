/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * surprise.c - see surprise.h.
 */
#include <config.h>

#include "rpe/surprise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "rpe/figures.h"
#include "stats/contrast.h"
#include "stats/errsig.h"
#include "stats/fdr.h"

enum {
    LEAST_PERMUTATIONS = 10000,
    LEAST_PROBLEMS = 2, /* with surprises of a kind */
    N_COVARIATES = 2
};

enum kind {
    NO_SURPRISE,
    PLEASANT,
    UNPLEASANT
};

/* Which trajectories are used, and as what. */
struct choice {
    size_t *traj; /* (n) */
    size_t n;
    double *v0;      /* (n) */
    uint8_t *kind;   /* (n), enum kind */
    bool *mixed;     /* (problems of the set): has both kinds */
    uint32_t *group; /* (n): problems renumbered */
    size_t n_groups;
    double low, high; /* bounds */
    size_t n_low, n_high, right_low, right_high;
    size_t n_kind[3], n_problems[3], n_mixed;
    char *warning; /* why there is no score; NULL: there is one */
};

/* Figures and results of a scan. */
struct scan {
    const struct hs_trajset *s;
    const struct hs_surprise_options *o;
    struct choice c;
    float *x, *adj; /* (c.n, d) */
    size_t n_draws;
    bool exact;
};

void
hs_surprise_options_init(struct hs_surprise_options *o)
{
    *o = (struct hs_surprise_options){
        .quantile = 0.25, .window = 7, .znorm = HS_ZNORM_TRAIN, .alpha = 0.05};
}

size_t
hs_rpe_v0_rollouts(const struct hs_trajset *s, double *v0)
{
    uint64_t *k = hs_calloc(s->n_problems, sizeof *k);
    uint64_t *right = hs_calloc(s->n_problems, sizeof *right);
    size_t n = 0;

    for (size_t j = 0; j < s->n; j++) {
        const struct hs_rollouts *r = s->traj[j].rollouts;

        /* Where the answer is empty, s_0 is its end too, and has no
         * continuations. */
        if (r != NULL && r->n > 1) {
            k[s->traj[j].problem] += r->k[0];
            right[s->traj[j].problem] += r->successes[0];
        }
    }
    for (size_t j = 0; j < s->n; j++) {
        uint32_t p = s->traj[j].problem;

        v0[j] = k[p] > 0 ? (double)right[p] / (double)k[p] : NAN;
        n += k[p] > 0;
    }
    free(k);
    free(right);
    return n;
}

/* ---- who is used ---- */

static void
free_choice(struct choice *c)
{
    free(c->traj);
    free(c->v0);
    free(c->kind);
    free(c->mixed);
    free(c->group);
    free(c->warning);
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Trajectories with a V(s_0) and a trace. */
static int
choose(struct choice *c, const struct hs_trajset *s, const double *v0,
       struct hs_error *err)
{
    uint32_t *number = hs_calloc(s->n_problems, sizeof *number);
    size_t without = 0;

    c->traj = hs_calloc(s->n, sizeof *c->traj);
    c->v0 = hs_calloc(s->n, sizeof *c->v0);
    c->kind = hs_calloc(s->n, sizeof *c->kind);
    c->group = hs_calloc(s->n, sizeof *c->group);
    c->mixed = hs_calloc(s->n_problems, sizeof *c->mixed);
    for (size_t j = 0; j < s->n; j++) {
        uint32_t *p = &number[s->traj[j].problem];

        without += hs_trace_states(s, j) == 0;
        if (!isfinite(v0[j]) || hs_trace_states(s, j) == 0)
            continue;
        if (*p == 0)
            *p = (uint32_t)++c->n_groups;
        c->traj[c->n] = j;
        c->v0[c->n] = v0[j];
        c->group[c->n++] = *p - 1;
    }
    free(number);
    if (c->n > 1)
        return 0;
    if (without == s->n)
        return hs_fail(err,
                       "no states of tokens: surprise is looked for in "
                       "the states behind s_0");
    return hs_fail(err,
                   "%zu of %zu trajectories have a V(s_0) and states of "
                   "tokens",
                   c->n, s->n);
}

/* The bounds of V(s_0), and whom they take. */
static int
find_bounds(struct choice *c, const struct hs_trajset *s, double quantile,
            struct hs_error *err)
{
    double *sorted = hs_calloc(c->n, sizeof *sorted);
    size_t k = (size_t)floor(quantile * (double)c->n + 0.5);

    memcpy(sorted, c->v0, c->n * sizeof *sorted);
    qsort(sorted, c->n, sizeof *sorted, by_value);
    k = k == 0 ? 1 : k;
    c->low = sorted[k - 1];
    c->high = sorted[c->n - k];
    free(sorted);
    if (!(c->low < c->high))
        return hs_fail(err,
                       "V(s_0) does not tell trajectories apart: the lowest "
                       "%zu of %zu go up to %g, the highest from %g",
                       k, c->n, c->low, c->high);
    for (size_t i = 0; i < c->n; i++) {
        bool right = s->traj[c->traj[i]].reward == 1;
        bool low = c->v0[i] <= c->low, high = c->v0[i] >= c->high;

        c->n_low += low;
        c->n_high += high;
        c->right_low += low && right;
        c->right_high += high && right;
        c->kind[i] = low && right     ? PLEASANT
                     : high && !right ? UNPLEASANT
                                      : NO_SURPRISE;
    }
    return 0;
}

/* Counts surprises, and finds problems with both kinds. */
static void
count_kinds(struct choice *c, const struct hs_trajset *s)
{
    uint8_t *seen = hs_calloc(s->n_problems, sizeof *seen);

    for (size_t i = 0; i < c->n; i++) {
        if (c->kind[i] != NO_SURPRISE)
            seen[s->traj[c->traj[i]].problem] |= c->kind[i];
    }
    for (size_t p = 0; p < s->n_problems; p++) {
        c->mixed[p] = seen[p] == (PLEASANT | UNPLEASANT);
        c->n_mixed += c->mixed[p];
        for (unsigned k = PLEASANT; k <= UNPLEASANT; k++)
            c->n_problems[k] += seen[p] == k;
    }
    for (size_t i = 0; i < c->n; i++)
        if (!c->mixed[s->traj[c->traj[i]].problem])
            c->n_kind[c->kind[i]]++;
    free(seen);
}

/* Why there is no score, or NULL. */
static char *
warning_of(const struct choice *c, double quantile)
{
    struct hs_buf b = {0};

    if (c->n_problems[PLEASANT] >= LEAST_PROBLEMS &&
        c->n_problems[UNPLEASANT] >= LEAST_PROBLEMS)
        return NULL;
    hs_buf_printf(
        &b,
        "too few surprises for a score: %zu right of the %zu with V(s_0) up to "
        "%.3g, %zu wrong of the %zu from %.3g on, and either must be of %d "
        "problems%s; %s",
        c->right_low, c->n_low, c->low, c->n_high - c->right_high, c->n_high,
        c->high, LEAST_PROBLEMS, c->n_mixed > 0 ? " that have not both" : "",
        quantile < 0.5 ? "a larger --quantile takes more of them at either end"
                       : "it takes more trajectories");
    return hs_buf_cstr(&b);
}

static int
make_choice(struct choice *c, const struct hs_trajset *s, const double *v0,
            double quantile, struct hs_error *err)
{
    if (choose(c, s, v0, err) < 0 || find_bounds(c, s, quantile, err) < 0)
        return -1;
    count_kinds(c, s);
    c->warning = warning_of(c, quantile);
    return 0;
}

/* ---- figures ---- */

static int
check_values(const struct choice *c, const struct hs_trajset *s,
             const double *v_t, struct hs_error *err)
{
    for (size_t i = 0; v_t != NULL && i < c->n; i++) {
        const struct hs_traj *t = &s->traj[c->traj[i]];

        for (size_t k = 0; k < t->n_states; k++)
            if (!isfinite(v_t[t->first + k]))
                return hs_fail(err, "%s: V of state %zu is no finite number",
                               t->id, k);
    }
    return 0;
}

static void
make_figures(struct scan *a, size_t l, const double *v_t, struct hs_team *team)
{
    const struct hs_trajset *s = a->s;
    float *mean = hs_calloc(s->dim, sizeof *mean);
    float *scale = hs_calloc(s->dim, sizeof *scale);
    struct hs_figures_input in = {.s = s,
                                  .l = l,
                                  .traj = a->c.traj,
                                  .n = a->c.n,
                                  .v_t = v_t,
                                  .window = a->o->window,
                                  .znorm = a->o->znorm};

    if (a->o->znorm == HS_ZNORM_TRAIN) {
        const struct hs_stats *stats = &s->stats[l];

        hs_znorm_train(stats->mean, stats->sigma, stats->max_abs, s->dim, mean,
                       scale);
        in.mean = mean;
        in.scale = scale;
    }
    a->x = hs_calloc(hs_mul(a->c.n, s->dim), sizeof *a->x);
    a->adj = hs_calloc(hs_mul(a->c.n, s->dim), sizeof *a->adj);
    hs_figures(&in, team, a->x, a->adj);
    free(mean);
    free(scale);
}

/* ---- tests ---- */

static float *
to_floats(const double *x, size_t d)
{
    float *out = hs_calloc(d, sizeof *out);

    for (size_t j = 0; j < d; j++)
        out[j] = (float)x[j];
    return out;
}

/* The contrast of figures x (c.n, d), as score, p and q. */
static int
test_score(struct scan *a, const float *x, float **score, float **p, float **q,
           struct hs_error *err)
{
    const struct choice *c = &a->c;
    size_t d = a->s->dim, m = c->n_kind[PLEASANT] + c->n_kind[UNPLEASANT];
    float *rows = hs_calloc(hs_mul(m, d), sizeof *rows);
    uint8_t *label = hs_calloc(m, sizeof *label);
    uint32_t *group = hs_calloc(m, sizeof *group);
    uint32_t *number = hs_calloc(c->n_groups, sizeof *number), n_groups = 0;
    double *values = hs_calloc(d, sizeof *values);
    double *tails = hs_calloc(d, sizeof *tails);
    int rc;

    m = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->kind[i] == NO_SURPRISE ||
            c->mixed[a->s->traj[c->traj[i]].problem])
            continue;
        if (number[c->group[i]] == 0)
            number[c->group[i]] = ++n_groups;
        memcpy(rows + m * d, x + i * d, d * sizeof *rows);
        group[m] = number[c->group[i]] - 1;
        label[m++] = c->kind[i] == PLEASANT;
    }
    for (size_t j = 0; j < d; j++)
        values[j] = tails[j] = NAN;
    rc = c->warning != NULL
             ? 0
             : hs_contrast(rows, m, d, label, group, n_groups, a->n_draws,
                           a->o->seed, values, tails, &a->exact, err);
    *score = to_floats(values, d);
    *p = to_floats(tails, d);
    hs_fdr(tails, d, tails);
    *q = to_floats(tails, d);
    free(rows);
    free(label);
    free(group);
    free(number);
    free(values);
    free(tails);
    return rc;
}

/* What hs_errsig() is asked about. */
static void
fill_rows(const struct scan *a, double *outcome, double *z)
{
    for (size_t i = 0; i < a->c.n; i++) {
        const struct hs_traj *t = &a->s->traj[a->c.traj[i]];

        outcome[i] = t->reward;
        z[i * N_COVARIATES] = log((double)t->length);
        z[i * N_COVARIATES + 1] = log((double)t->n_prompt);
    }
}

static int
test_error_signal(const struct scan *a, struct hs_rpe_coordinates *out,
                  struct hs_error *err)
{
    const struct choice *c = &a->c;
    size_t d = a->s->dim;
    double *outcome = hs_calloc(c->n, sizeof *outcome);
    double *z = hs_calloc(c->n * N_COVARIATES, sizeof *z);
    struct hs_errsig e = {0};
    struct hs_errsig_data data = {.x = a->x,
                                  .n = c->n,
                                  .d = d,
                                  .outcome = outcome,
                                  .expected = c->v0,
                                  .z = z,
                                  .k = N_COVARIATES,
                                  .group = c->group,
                                  .n_groups = c->n_groups};
    int rc;

    fill_rows(a, outcome, z);
    rc = hs_errsig(&data, a->n_draws, a->o->seed, &e, err);
    if (rc == 0) {
        out->r_out = to_floats(e.r_out, d);
        out->p_out = to_floats(e.p_out, d);
        out->r_exp = to_floats(e.r_exp, d);
        out->p_exp = to_floats(e.p_exp, d);
        out->p = to_floats(e.p, d);
        out->q = to_floats(e.q, d);
        out->found = hs_calloc(d, sizeof *out->found);
        for (size_t j = 0; j < d; j++)
            out->found[j] = e.q[j] <= a->o->alpha;
        out->n = e.n;
        out->n_groups = e.n_groups;
    }
    hs_errsig_free(&e);
    free(outcome);
    free(z);
    return rc;
}

static json_t *
share(size_t part, size_t all)
{
    return hs_json_number((double)part / (double)all);
}

static json_t *
warnings_of(const struct scan *a)
{
    json_t *list = json_array();
    struct hs_buf b = {0};

    if (a->c.warning != NULL)
        json_array_append_new(list, json_string(a->c.warning));
    if (a->o->znorm != HS_ZNORM_TRAIN) {
        hs_buf_printf(&b,
                      "z of '%s' shows changes of what it stands for: value "
                      "neurons look like errors of prediction",
                      hs_znorm_name(a->o->znorm));
        json_array_append_new(list, json_string(hs_buf_cstr(&b)));
    }
    hs_buf_free(&b);
    return list;
}

static json_t *
summarize(const struct scan *a, bool value_taken_out)
{
    const struct choice *c = &a->c;

    return json_pack(
        "{s:f, s:I, s:s, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:o, s:I, "
        "s:I, s:I, s:I, s:I, s:b, s:b, s:o}",
        "quantile", a->o->quantile, "window", (json_int_t)a->o->window, "znorm",
        hs_znorm_name(a->o->znorm), "trajectories", (json_int_t)a->s->n, "used",
        (json_int_t)c->n, "problems", (json_int_t)c->n_groups, "low",
        hs_json_number(c->low), "high", hs_json_number(c->high), "n_low",
        (json_int_t)c->n_low, "n_high", (json_int_t)c->n_high, "right_low",
        share(c->right_low, c->n_low), "right_high",
        share(c->right_high, c->n_high), "pleasant",
        (json_int_t)c->n_kind[PLEASANT], "unpleasant",
        (json_int_t)c->n_kind[UNPLEASANT], "pleasant_problems",
        (json_int_t)c->n_problems[PLEASANT], "unpleasant_problems",
        (json_int_t)c->n_problems[UNPLEASANT], "mixed", (json_int_t)c->n_mixed,
        "exact", (int)a->exact, "value_taken_out", (int)value_taken_out,
        "warnings", warnings_of(a));
}

static int
check_options(const struct hs_surprise_options *o, struct hs_error *err)
{
    if (!(o->quantile > 0 && o->quantile <= 0.5))
        return hs_fail(err, "a quantile of %g: it is above 0 and at most 0.5",
                       o->quantile);
    if (o->window % 2 == 0)
        return hs_fail(err, "a window of %zu: it is odd", o->window);
    if (!(o->alpha > 0 && o->alpha < 1))
        return hs_fail(err, "an alpha of %g: it is between 0 and 1", o->alpha);
    return 0;
}

int
hs_rpe_surprise(const struct hs_trajset *s, size_t l, const double *v0,
                const double *v_t, const struct hs_surprise_options *o,
                struct hs_team *team, struct hs_rpe_coordinates *out,
                json_t **summary, struct hs_error *err)
{
    struct scan a = {.s = s, .o = o, .n_draws = o->n_permutations};
    int rc = check_options(o, err);

    *out = (struct hs_rpe_coordinates){.mode = HS_RPE_SURPRISE,
                                       .layer = s->layers[l],
                                       .d = s->dim,
                                       .alpha = o->alpha};
    *summary = NULL;
    if (rc == 0 && a.n_draws == 0) {
        a.n_draws = hs_fdr_draws(s->dim, o->alpha);
        if (a.n_draws < LEAST_PERMUTATIONS)
            a.n_draws = LEAST_PERMUTATIONS;
    }
    out->n_permutations = a.n_draws;
    if (rc == 0)
        rc = make_choice(&a.c, s, v0, o->quantile, err);
    if (rc == 0)
        rc = check_values(&a.c, s, v_t, err);
    if (rc == 0)
        make_figures(&a, l, v_t, team);
    if (rc == 0)
        rc = test_score(&a, a.adj, &out->adj_score, &out->adj_p, &out->adj_q,
                        err);
    if (rc == 0)
        rc =
            test_score(&a, a.x, &out->score, &out->score_p, &out->score_q, err);
    if (rc == 0)
        rc = test_error_signal(&a, out, err);
    if (rc == 0)
        *summary = summarize(&a, v_t != NULL);
    free_choice(&a.c);
    free(a.x);
    free(a.adj);
    return rc;
}
