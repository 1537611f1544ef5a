/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpeprobe.c - see rpeprobe.h.
 */
#include <config.h>

#include "rpe/rpeprobe.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "probe/fit.h"

enum {
    SHARE = 10 /* one problem in so many chooses the epoch */
};

void
hs_rpe_fit_options_init(struct hs_rpe_fit_options *o)
{
    *o = (struct hs_rpe_fit_options){.adamw = {.lr = 1e-4,
                                               .beta1 = 0.9,
                                               .beta2 = 0.999,
                                               .eps = 1e-8,
                                               .weight_decay = 0.01},
                                     .hidden = 32,
                                     .batch = 32,
                                     .epochs = 100,
                                     .keep_best = true};
}

/* A fit at work. */
struct fitting {
    struct hs_rpe_probe *p;
    const struct hs_rpe_rows *rows;
    const uint32_t *columns; /* (k), or NULL */
    size_t k;                /* inputs of the network */
    struct hs_mlp *mlp;
    size_t *order; /* (n_train): rows, as this epoch takes them */
    size_t *aside; /* (n_aside): rows that choose the epoch */
    size_t n_train, n_aside;
    const size_t *batch; /* rows of the step at work */
    size_t n_batch;
    double loss, best;
    float *w1, *init_l1; /* (hidden, k), (k) */
};

static void
get_row(void *ud, size_t i, float *out)
{
    const struct fitting *f = ud;
    const float *x = f->rows->x + f->batch[i] * f->rows->d;

    if (f->columns == NULL)
        memcpy(out, x, f->k * sizeof *x);
    else
        for (size_t c = 0; c < f->k; c++)
            out[c] = x[f->columns[c]];
}

/* Mean squared error of the batch, and its gradient. */
static void
take_loss(void *ud, const float *u, float *du)
{
    struct fitting *f = ud;
    double sum = 0, n = (double)f->n_batch;

    for (size_t i = 0; i < f->n_batch; i++) {
        double e = (double)u[i] - f->rows->y[f->batch[i]];

        sum += e * e;
        du[i] = (float)(2 * e / n);
    }
    f->loss = sum / n;
}

/* ---- what is set aside ---- */

static int
by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The groups that occur, ascending: out (rows->n).  How many. */
static size_t
list_groups(const struct hs_rpe_rows *rows, uint32_t *out)
{
    size_t n = 0;

    memcpy(out, rows->group, rows->n * sizeof *out);
    qsort(out, rows->n, sizeof *out, by_number);
    for (size_t i = 0; i < rows->n; i++)
        if (n == 0 || out[n - 1] != out[i])
            out[n++] = out[i];
    return n;
}

/* Divides rows into order and aside: the first tenth of the groups by number is
 * set aside, at least one. */
static int
divide(struct fitting *f, bool keep_best, struct hs_error *err)
{
    const struct hs_rpe_rows *rows = f->rows;
    uint32_t *groups = hs_calloc(rows->n, sizeof *groups), first = 0;
    size_t n = list_groups(rows, groups), wanted = 0;

    if (keep_best && n >= 2) {
        wanted = n < 2 * SHARE ? 1 : n / SHARE;
        first = groups[wanted]; /* the first that is not */
    }
    free(groups);
    if (keep_best && n < 2)
        return hs_fail(err,
                       "%zu training problem, of which one would be set aside "
                       "to choose the epoch (--keep=last takes the last one)",
                       n);
    for (size_t i = 0; i < rows->n; i++)
        if (wanted > 0 && rows->group[i] < first)
            f->aside[f->n_aside++] = i;
        else
            f->order[f->n_train++] = i;
    return 0;
}

/* Mean squared error on what is set aside; NaN if nothing is. */
static double
error_aside(struct fitting *f)
{
    struct hs_rows rows = {get_row, f, f->n_aside};
    float *u = hs_calloc(f->n_aside, sizeof *u);
    double sum = 0;

    f->batch = f->aside;
    hs_mlp_forward(f->mlp, &rows, u);
    for (size_t i = 0; i < f->n_aside; i++) {
        double e = (double)u[i] - f->rows->y[f->aside[i]];

        sum += e * e;
    }
    free(u);
    return f->n_aside > 0 ? sum / (double)f->n_aside : (double)NAN;
}

/* ---- epochs ---- */

/* Fisher and Yates. */
static void
shuffle(struct fitting *f, uint64_t epoch)
{
    for (size_t i = f->n_train; i > 1; i--) {
        size_t k = (size_t)hs_rng_below(f->p->o.seed, HS_RNG_EPOCH,
                                        (uint32_t)epoch, (uint32_t)i, i);
        size_t t = f->order[i - 1];

        f->order[i - 1] = f->order[k];
        f->order[k] = t;
    }
}

static int
one_epoch(struct fitting *f, struct hs_error *err)
{
    struct hs_rpe_probe *p = f->p;
    double sum = 0;
    size_t n = 0;

    shuffle(f, p->n_epochs);
    for (size_t i = 0; i < f->n_train; i += p->o.batch) {
        struct hs_rows rows = {get_row, f, 0};

        rows.n = f->n_train - i < p->o.batch ? f->n_train - i : p->o.batch;
        f->batch = f->order + i;
        f->n_batch = rows.n;
        hs_mlp_step(f->mlp, &rows, take_loss, f, &p->o.adamw);
        p->n_steps++;
        if (!isfinite(f->loss))
            return hs_fail(err,
                           "layer %" PRIu32 ", step %" PRIu64
                           ": the loss is not finite",
                           p->layer, p->n_steps);
        sum += f->loss;
        n++;
    }
    p->curve[p->n_epochs] = sum / (double)n;
    return 0;
}

/* Keeps the weights if this epoch is to be kept.  Whether to go on. */
static bool
judge(struct fitting *f)
{
    struct hs_rpe_probe *p = f->p;
    double error = error_aside(f);
    bool better = p->n_epochs == 0 || error < f->best;

    p->curve_inner[p->n_epochs++] = error;
    if (!p->o.keep_best || better) {
        f->best = error;
        p->epoch = p->n_epochs;
        hs_mlp_get(f->mlp, f->w1, p->b1, p->w2, &p->b2);
    }
    return !p->o.keep_best || p->o.patience == 0 ||
           p->n_epochs - p->epoch < p->o.patience;
}

static int
all_epochs(struct fitting *f, struct hs_error *err)
{
    bool go_on = true;

    while (go_on && f->p->n_epochs < f->p->o.epochs) {
        if (one_epoch(f, err) < 0)
            return -1;
        go_on = judge(f);
    }
    return 0;
}

/* ---- the probe ---- */

static void
new_probe(struct fitting *f, const struct hs_rpe_fit_options *o)
{
    struct hs_rpe_probe *p = f->p;
    size_t d = f->rows->d;
    float *l2 = hs_calloc(f->k, sizeof *l2);

    p->o = *o;
    p->d = d;
    p->b2 = 0;
    p->n_steps = p->epoch = 0;
    p->n_epochs = 0;
    p->w1 = hs_calloc(hs_mul(o->hidden, d), sizeof *p->w1);
    p->b1 = hs_calloc(o->hidden, sizeof *p->b1);
    p->w2 = hs_calloc(o->hidden, sizeof *p->w2);
    p->init_l1 = hs_calloc(d, sizeof *p->init_l1);
    p->curve = hs_calloc((size_t)o->epochs, sizeof *p->curve);
    p->curve_inner = hs_calloc((size_t)o->epochs, sizeof *p->curve_inner);
    f->w1 = hs_calloc(hs_mul(o->hidden, f->k), sizeof *f->w1);
    f->init_l1 = hs_calloc(f->k, sizeof *f->init_l1);
    hs_mlp_init(f->mlp, o->seed);
    hs_mlp_get(f->mlp, f->w1, p->b1, p->w2, &p->b2);
    hs_column_norms(f->w1, o->hidden, f->k, f->init_l1, l2);
    free(l2);
}

/* The network's columns where they belong; the others are 0. */
static void
place_columns(struct fitting *f)
{
    struct hs_rpe_probe *p = f->p;

    for (size_t c = 0; c < f->k; c++) {
        size_t j = f->columns != NULL ? f->columns[c] : c;

        p->init_l1[j] = f->init_l1[c];
        for (size_t h = 0; h < p->o.hidden; h++)
            p->w1[h * p->d + j] = f->w1[h * f->k + c];
    }
}

static int
check_rows(const struct hs_rpe_rows *rows, struct hs_error *err)
{
    if (rows->n == 0)
        return hs_fail(err, "no steps to train on");
    for (size_t i = 0; i < rows->n; i++)
        if (!isfinite(rows->y[i]))
            return hs_fail(err, "row %zu: what it should give is not finite",
                           i);
    return 0;
}

int
hs_rpe_fit(struct hs_rpe_probe *p, const struct hs_rpe_fit_options *o,
           const struct hs_rpe_rows *rows, const uint32_t *columns,
           size_t n_columns, struct hs_team *team, struct hs_error *err)
{
    struct fitting f = {.p = p,
                        .rows = rows,
                        .columns = columns,
                        .k = columns != NULL ? n_columns : rows->d};
    int rc = check_rows(rows, err);

    if (rc < 0)
        return -1;
    f.order = hs_calloc(rows->n, sizeof *f.order);
    f.aside = hs_calloc(rows->n, sizeof *f.aside);
    f.mlp = hs_mlp_new(f.k, o->hidden, team);
    new_probe(&f, o);
    rc = divide(&f, o->keep_best, err);
    if (rc == 0)
        rc = all_epochs(&f, err);
    place_columns(&f);
    hs_mlp_free(f.mlp);
    free(f.order);
    free(f.aside);
    free(f.w1);
    free(f.init_l1);
    return rc;
}

void
hs_rpe_probe_free(struct hs_rpe_probe *p)
{
    free(p->mean);
    free(p->scale);
    free(p->w1);
    free(p->b1);
    free(p->w2);
    free(p->init_l1);
    free(p->curve);
    free(p->curve_inner);
    *p = (struct hs_rpe_probe){0};
}

/* ---- asking ---- */

struct hs_rpe_asker {
    size_t d;
    struct hs_mlp *mlp;
};

struct hs_rpe_asker *
hs_rpe_asker_new(const struct hs_rpe_probe *p, struct hs_team *team)
{
    struct hs_rpe_asker *a = hs_calloc(1, sizeof *a);

    a->d = p->d;
    a->mlp = hs_mlp_new(p->d, p->o.hidden, team);
    hs_mlp_set(a->mlp, p->w1, p->b1, p->w2, p->b2);
    return a;
}

void
hs_rpe_asker_free(struct hs_rpe_asker *a)
{
    if (a == NULL)
        return;
    hs_mlp_free(a->mlp);
    free(a);
}

/* Rows of one array. */
struct array {
    const float *x;
    size_t d;
};

static void
get_array(void *ud, size_t i, float *out)
{
    const struct array *a = ud;

    memcpy(out, a->x + i * a->d, a->d * sizeof *out);
}

void
hs_rpe_ask(struct hs_rpe_asker *a, const float *x, size_t n, double *out)
{
    struct array array = {x, a->d};
    struct hs_rows rows = {get_array, &array, n};
    float *u = hs_calloc(n, sizeof *u);

    hs_mlp_forward(a->mlp, &rows, u);
    for (size_t i = 0; i < n; i++)
        out[i] = (double)u[i];
    free(u);
}

void
hs_rpe_saliency(struct hs_rpe_asker *a, const float *x, size_t n,
                double *gradient, double *slope)
{
    struct array array = {x, a->d};
    struct hs_rows rows = {get_array, &array, n};
    float *one = hs_calloc(n, sizeof *one), *u = hs_calloc(n, sizeof *u);

    for (size_t i = 0; i < n; i++)
        one[i] = 1;
    for (size_t j = 0; j < a->d; j++)
        gradient[j] = slope[j] = 0;
    hs_mlp_forward(a->mlp, &rows, u);
    hs_mlp_saliency(a->mlp, &rows, one, gradient, slope);
    for (size_t j = 0; j < a->d && n > 0; j++) {
        gradient[j] /= (double)n;
        slope[j] /= (double)n;
    }
    free(one);
    free(u);
}
