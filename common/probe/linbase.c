/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linbase.c - see linbase.h.
 */
#include <config.h>

#include "probe/linbase.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/json.h"
#include "base/mem.h"
#include "stats/linear.h"

enum {
    N_LAMBDAS = 7,
    N_COMPONENTS = 32,
    INNER = 5 /* a fifth of the training problems chooses lambda */
};

/* The states of one place. */
struct place {
    double *x, *y; /* (n, d), (n): training, the inner held-out ones last */
    double *val;   /* (n_val, d) */
    size_t n, n_inner, n_val, d;
};

struct job {
    enum hs_baseline b;
    const struct hs_trajset *s;
    size_t l;
    double *score;
    double lambda[HS_N_PLACES];
    struct hs_error err[HS_N_PLACES];
    int rc[HS_N_PLACES];
};

static void
z_row(const struct hs_trajset *s, size_t l, const struct hs_which *w,
      float *scratch, double *out)
{
    const struct hs_stats *st = &s->stats[l];

    hs_trajset_row(s, l, w->traj, w->state, scratch);
    for (size_t c = 0; c < s->dim; c++)
        out[c] =
            st->sigma[c] > 0 ? (scratch[c] - st->mean[c]) / st->sigma[c] : 0;
}

/* Whether a training problem chooses lambda: by its id, not by its place. */
static bool
is_inner(const struct hs_trajset *s, size_t j)
{
    const char *id = s->problems[s->traj[j].problem];

    return XXH3_64bits(id, strlen(id)) % INNER == 0;
}

/* Reads the states of a place.  Returns false where one is not stored. */
static bool
load(struct place *p, const struct hs_trajset *s, size_t l, double share)
{
    struct hs_which *w = hs_calloc(s->n, sizeof *w);
    float *scratch = hs_calloc(s->dim, sizeof *scratch);
    size_t at = 0;
    bool whole = true;

    p->d = s->dim;
    p->n = hs_list_side(s, false, share, w);
    p->x = hs_calloc(hs_mul(p->n, p->d), sizeof *p->x);
    p->y = hs_calloc(p->n, sizeof *p->y);
    for (int inner = 0; inner < 2; inner++)
        for (size_t i = 0; i < p->n; i++) {
            if (is_inner(s, w[i].traj) != (inner == 1))
                continue;
            whole = whole && w[i].state != SIZE_MAX;
            if (whole)
                z_row(s, l, &w[i], scratch, p->x + at * p->d);
            p->y[at++] = s->traj[w[i].traj].reward;
            p->n_inner += inner == 1;
        }
    p->n_val = hs_list_side(s, true, share, w);
    p->val = hs_calloc(hs_mul(p->n_val, p->d), sizeof *p->val);
    for (size_t i = 0; i < p->n_val; i++) {
        whole = whole && w[i].state != SIZE_MAX;
        if (whole)
            z_row(s, l, &w[i], scratch, p->val + i * p->d);
    }
    free(w);
    free(scratch);
    return whole;
}

static double
dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* The lambda of the least squared error on the inner held-out part; the middle
 * one when there is none. */
static int
choose_lambda(const struct place *p, double *lambda, struct hs_error *err)
{
    double grid[N_LAMBDAS], b[N_LAMBDAS], best = INFINITY;
    double *w = hs_calloc(hs_mul(N_LAMBDAS, p->d), sizeof *w);
    size_t n = p->n - p->n_inner;
    int rc = 0;

    for (int k = 0; k < N_LAMBDAS; k++)
        grid[k] = pow(10, k - 4) * (double)p->n;
    *lambda = grid[N_LAMBDAS / 2];
    if (n > 0 && p->n_inner > 0)
        rc = hs_ridge_path(p->x, p->y, n, p->d, grid, N_LAMBDAS, w, b, err);
    for (int k = 0; rc == 0 && n > 0 && k < N_LAMBDAS; k++) {
        double sum = 0;

        for (size_t i = n; i < p->n; i++) {
            double e = p->y[i] - b[k] -
                       dot(p->x + i * p->d, w + (size_t)k * p->d, p->d);

            sum += e * e;
        }
        if (p->n_inner > 0 && sum < best) {
            best = sum;
            *lambda = grid[k];
        }
    }
    free(w);
    return rc;
}

/* Replaces the states by their first principal components. */
static int
reduce(struct place *p, struct hs_error *err)
{
    size_t k = p->n - 1 < p->d ? p->n - 1 : p->d;
    double *mean = hs_calloc(p->d, sizeof *mean), *v, *all[2] = {p->x, p->val};
    size_t rows[2] = {p->n, p->n_val};
    double *components;
    int rc;

    k = k < N_COMPONENTS ? k : N_COMPONENTS;
    components = hs_calloc(hs_mul(k, p->d), sizeof *components);
    v = hs_calloc(k, sizeof *v);
    rc = hs_pca(p->x, p->n, p->d, k, mean, components, v, err);
    for (int side = 0; rc == 0 && side < 2; side++) {
        double *x = all[side], *row = hs_calloc(p->d, sizeof *row);

        for (size_t i = 0; i < rows[side]; i++) {
            for (size_t c = 0; c < p->d; c++)
                row[c] = x[i * p->d + c] - mean[c];
            for (size_t j = 0; j < k; j++) /* never ahead of what is read */
                x[i * k + j] = dot(row, components + j * p->d, p->d);
        }
        free(row);
    }
    p->d = k;
    free(mean);
    free(components);
    free(v);
    return rc;
}

static int
fit_and_score(struct job *q, struct place *p, size_t which, double *score,
              struct hs_error *err)
{
    double *w = hs_calloc(p->d, sizeof *w), b = 0, lambda = NAN;
    uint8_t *label = hs_calloc(p->n, sizeof *label);
    int rc = q->b == HS_BASE_PCA ? reduce(p, err) : 0;

    if (rc == 0)
        rc = choose_lambda(p, &lambda, err);
    for (size_t i = 0; i < p->n; i++)
        label[i] = p->y[i] > 0;
    if (rc == 0 && q->b == HS_BASE_LOGISTIC) {
        lambda /= 4;
        rc = hs_logistic(p->x, label, p->n, p->d, lambda, w, &b, err);
    } else if (rc == 0) {
        rc = hs_ridge(p->x, p->y, p->n, p->d, lambda, w, &b, err);
    }
    for (size_t i = 0; rc == 0 && i < p->n_val; i++) {
        score[i] = b + dot(p->val + i * p->d, w, p->d);
        if (q->b == HS_BASE_LOGISTIC)
            score[i] = 1 / (1 + exp(-score[i]));
    }
    if (rc == 0)
        q->lambda[which] = lambda;
    free(w);
    free(label);
    return rc;
}

/* Each place is one thread's. */
static void
work(void *ud, struct hs_team *team, size_t thread)
{
    struct job *q = ud;
    size_t k;

    (void)thread;
    while ((k = hs_team_take(team)) < HS_N_PLACES) {
        struct place p = {0};
        bool whole = load(&p, q->s, q->l, hs_place_shares[k]);
        double *score = q->score + k * p.n_val;

        q->lambda[k] = NAN;
        if (whole)
            q->rc[k] = fit_and_score(q, &p, k, score, &q->err[k]);
        for (size_t i = 0; (!whole || q->rc[k] < 0) && i < p.n_val; i++)
            score[i] = NAN;
        free(p.x);
        free(p.y);
        free(p.val);
    }
}

void
hs_linear_scores(enum hs_baseline b, const struct hs_trajset *s, size_t l,
                 struct hs_team *team, double *score, json_t *note)
{
    struct job q = {.b = b, .s = s, .l = l, .score = score};
    json_t *lambda = json_object(), *errors = json_object();

    hs_team_run(team, work, &q);
    for (size_t k = 0; k < HS_N_PLACES; k++) {
        json_object_set_new(lambda, hs_place_names[k],
                            hs_json_number(q.lambda[k]));
        if (q.rc[k] < 0)
            json_object_set_new(errors, hs_place_names[k],
                                json_string(q.err[k].text));
    }
    if (json_object_size(errors) > 0)
        json_object_set(note, "errors", errors);
    json_decref(errors);
    json_object_set_new(note, "lambda", lambda);
}
