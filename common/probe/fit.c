/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fit.c - see fit.h.
 */
#include <config.h>

#include "probe/fit.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "probe/inner.h"
#include "stats/auc.h"

static const char *const standardize_names[] = {"zscore", "rms", "none"};

const char *
hs_standardize_name(enum hs_standardize s)
{
    return standardize_names[s];
}

int
hs_standardize_parse(const char *s, enum hs_standardize *out)
{
    for (int i = 0; i <= HS_STD_NONE; i++) {
        if (strcmp(s, standardize_names[i]) == 0) {
            *out = (enum hs_standardize)i;
            return 0;
        }
    }
    return -1;
}

void
hs_fit_options_init(struct hs_fit_options *o)
{
    *o = (struct hs_fit_options){.loss = {.target = HS_TARGET_TD,
                                          .norm = HS_NORM_TRAJECTORY,
                                          .sigmoid = true,
                                          .gamma = 1 - 1e-5,
                                          .lambda = 0.95,
                                          .terminal_weight = 1},
                                 .adamw = {.lr = 1e-4,
                                           .beta1 = 0.9,
                                           .beta2 = 0.999,
                                           .eps = 1e-8,
                                           .weight_decay = 0.01},
                                 .standardize = HS_STD_ZSCORE,
                                 .hidden = 1024,
                                 .batch = 4,
                                 .epochs = 100,
                                 .keep_best = true};
}

/* A fit at work. */
struct fitting {
    struct hs_probe *p;
    const struct hs_trajset *s;
    struct hs_mlp *mlp;
    struct hs_source source;
    const uint8_t *rewards; /* (s->n), or NULL */
    uint32_t *order; /* training trajectories, as this epoch takes them */
    size_t n_train;
    struct hs_which *rows; /* of the batch */
    size_t n_rows, cap_rows;
    struct hs_span *spans; /* (batch) */
    size_t n_spans;
    double loss;
    /* Held-out states s_0. */
    struct hs_which *val;
    uint8_t *label;
    size_t n_val;
    struct hs_inner inner; /* what is set aside; n is 0 without keep_best */
    double best;           /* the least error there so far */
};

/* mean and scale of the inputs.  A coordinate that does not vary is 0 for the
 * probe, however it is standardised to unit size. */
static void
standardise(struct hs_probe *p, const struct hs_stats *st)
{
    for (size_t c = 0; c < p->d; c++) {
        size_t j = p->columns != NULL ? p->columns[c] : c;
        double size = p->o.standardize == HS_STD_ZSCORE ? st->sigma[j]
                      : p->o.standardize == HS_STD_RMS  ? st->rms[j]
                                                        : 1;

        p->mean[c] = p->o.standardize == HS_STD_ZSCORE ? (float)st->mean[j] : 0;
        p->scale[c] = size > 0 ? (float)(1 / size) : 0;
        if (!isfinite(p->scale[c]))
            p->scale[c] = 0;
    }
}

static void
new_probe(struct hs_probe *p, const struct hs_fit_options *o,
          const struct hs_trajset *s, size_t l, const uint32_t *columns,
          size_t n_columns)
{
    size_t d = columns != NULL ? n_columns : s->dim;

    *p = (struct hs_probe){
        .o = *o, .layer = s->layers[l], .dim = s->dim, .d = d};
    if (columns != NULL) {
        p->columns = hs_calloc(d, sizeof *p->columns);
        memcpy(p->columns, columns, d * sizeof *p->columns);
    }
    p->mean = hs_calloc(d, sizeof *p->mean);
    p->scale = hs_calloc(d, sizeof *p->scale);
    p->w1 = hs_calloc(hs_mul(o->hidden, d), sizeof *p->w1);
    p->b1 = hs_calloc(o->hidden, sizeof *p->b1);
    p->w2 = hs_calloc(o->hidden, sizeof *p->w2);
    p->init_l1 = hs_calloc(d, sizeof *p->init_l1);
    p->init_l2 = hs_calloc(d, sizeof *p->init_l2);
    p->curve = hs_calloc((size_t)o->epochs, sizeof *p->curve);
    p->curve_auc = hs_calloc((size_t)o->epochs, sizeof *p->curve_auc);
    p->curve_spread = hs_calloc((size_t)o->epochs, sizeof *p->curve_spread);
    p->curve_inner = hs_calloc((size_t)o->epochs, sizeof *p->curve_inner);
    standardise(p, &s->stats[l]);
}

void
hs_column_norms(const float *w1, size_t hidden, size_t d, float *l1, float *l2)
{
    double *sum = hs_calloc(d, sizeof *sum),
           *square = hs_calloc(d, sizeof *sum);

    for (size_t h = 0; h < hidden; h++)
        for (size_t c = 0; c < d; c++) {
            double w = w1[h * d + c];

            sum[c] += fabs(w);
            square[c] += w * w;
        }
    for (size_t c = 0; c < d; c++) {
        l1[c] = (float)sum[c];
        l2[c] = (float)sqrt(square[c]);
    }
    free(sum);
    free(square);
}

static void
initialise(struct fitting *f)
{
    struct hs_probe *p = f->p;

    hs_mlp_init(f->mlp, p->o.seed);
    hs_mlp_get(f->mlp, p->w1, p->b1, p->w2, &p->b2);
    hs_column_norms(p->w1, p->o.hidden, p->d, p->init_l1, p->init_l2);
}

/* The training trajectories that are not set aside, and the held-out states
 * s_0. */
static void
collect(struct fitting *f)
{
    const struct hs_trajset *s = f->s;

    f->order = hs_calloc(s->n, sizeof *f->order);
    f->val = hs_calloc(s->n, sizeof *f->val);
    f->label = hs_calloc(s->n, sizeof *f->label);
    for (size_t j = 0; j < s->n; j++) {
        if (!s->traj[j].val) {
            if (!hs_inner_has(&f->inner, s->traj[j].problem))
                f->order[f->n_train++] = (uint32_t)j;
        } else if (hs_traj_at(s, j, 0) == 0) {
            f->label[f->n_val] = s->traj[j].reward;
            f->val[f->n_val++] = (struct hs_which){j, 0};
        }
    }
}

/* Fisher and Yates. */
static void
shuffle(struct fitting *f, uint64_t epoch)
{
    for (size_t i = f->n_train; i > 1; i--) {
        size_t k = (size_t)hs_rng_below(f->p->o.seed, HS_RNG_EPOCH,
                                        (uint32_t)epoch, (uint32_t)i, i);
        uint32_t t = f->order[i - 1];

        f->order[i - 1] = f->order[k];
        f->order[k] = t;
    }
}

/* Adds trajectory j to the batch, with the states that its loss needs. */
static void
add_span(struct fitting *f, size_t j)
{
    const struct hs_traj *q = &f->s->traj[j];
    enum hs_target target = f->p->o.loss.target;
    size_t from = target == HS_TARGET_TERMINAL ? q->n_states - 1 : 0;
    size_t n = target == HS_TARGET_TERMINAL || target == HS_TARGET_S0
                   ? 1
                   : q->n_states;

    f->spans[f->n_spans++] = (struct hs_span){
        .first = f->n_rows,
        .n = n,
        .t = f->s->t + q->first + from,
        .logprob = f->s->logprob + q->first + from,
        .length = q->length,
        .reward = f->rewards != NULL ? f->rewards[j] : q->reward};
    f->rows = hs_grow(f->rows, &f->cap_rows, f->n_rows + n, sizeof *f->rows);
    for (size_t i = 0; i < n; i++)
        f->rows[f->n_rows++] = (struct hs_which){j, from + i};
}

static void
take_loss(void *ud, const float *u, float *du)
{
    struct fitting *f = ud;

    f->loss = hs_loss(&f->p->o.loss, f->spans, f->n_spans, u, du);
}

static int
one_step(struct fitting *f, size_t first, const struct hs_fit_watch *watch,
         struct hs_error *err)
{
    struct hs_probe *p = f->p;
    size_t n =
        f->n_train - first < p->o.batch ? f->n_train - first : p->o.batch;
    struct hs_rows rows = {hs_source_get, &f->source, 0};
    size_t *log;

    f->n_rows = f->n_spans = 0;
    for (size_t i = 0; i < n; i++)
        add_span(f, f->order[first + i]);
    rows.n = f->n_rows;
    f->source.rows = f->rows;
    hs_mlp_step(f->mlp, &rows, take_loss, f, &p->o.adamw);
    p->n_steps++;
    if (!isfinite(f->loss))
        return hs_fail(
            err, "layer %" PRIu32 ", step %" PRIu64 ": the loss is not finite",
            p->layer, p->n_steps);
    if (watch == NULL || watch->step == NULL)
        return 0;
    log = hs_calloc(n, sizeof *log);
    for (size_t i = 0; i < n; i++)
        log[i] = f->order[first + i];
    watch->step(watch->ud, p->n_steps, log, n, f->loss);
    free(log);
    return 0;
}

/* Held-out AUC and spread of V(s_0) after an epoch. */
static void
look(struct fitting *f, size_t epoch)
{
    struct hs_probe *p = f->p;
    struct hs_rows rows = {hs_source_get, &f->source, f->n_val};
    float *u = hs_calloc(f->n_val, sizeof *u);
    double *v = hs_calloc(f->n_val, sizeof *v), sum = 0, square = 0;

    f->source.rows = f->val;
    hs_mlp_forward(f->mlp, &rows, u);
    for (size_t i = 0; i < f->n_val; i++) {
        v[i] = hs_head_value(p->o.loss.sigmoid, u[i]);
        sum += v[i];
    }
    for (size_t i = 0; i < f->n_val; i++)
        square +=
            (v[i] - sum / (double)f->n_val) * (v[i] - sum / (double)f->n_val);
    p->curve_auc[epoch] =
        p->o.loss.target == HS_TARGET_NTP ? NAN : hs_auc(v, f->label, f->n_val);
    p->curve_spread[epoch] =
        f->n_val > 0 ? sqrt(square / (double)f->n_val) : NAN;
    free(u);
    free(v);
}

/* Keeps the weights if this epoch is to be kept.  Whether to go on. */
static bool
judge(struct fitting *f, size_t epoch)
{
    struct hs_probe *p = f->p;
    double error = NAN;

    if (p->o.keep_best)
        error =
            hs_inner_error(&f->inner, f->mlp, &f->source, p->o.loss.sigmoid);
    p->curve_inner[epoch] = error;
    if (!p->o.keep_best || epoch == 0 || error < f->best) {
        f->best = error;
        p->epoch = epoch + 1;
        if (p->o.keep_best)
            hs_mlp_get(f->mlp, p->w1, p->b1, p->w2, &p->b2);
    }
    return !p->o.keep_best || p->o.patience == 0 ||
           epoch + 1 - p->epoch < p->o.patience;
}

static int
all_epochs(struct fitting *f, const struct hs_fit_watch *watch,
           struct hs_error *err)
{
    struct hs_probe *p = f->p;
    uint64_t most = p->o.steps > 0 ? p->o.steps : UINT64_MAX;
    bool go_on = true;

    while (go_on && p->n_epochs < p->o.epochs && p->n_steps < most) {
        double sum = 0;
        size_t n = 0;

        shuffle(f, p->n_epochs);
        for (size_t i = 0; i < f->n_train && p->n_steps < most;
             i += p->o.batch) {
            if (one_step(f, i, watch, err) < 0)
                return -1;
            sum += f->loss;
            n++;
        }
        look(f, p->n_epochs);
        go_on = judge(f, p->n_epochs);
        p->curve[p->n_epochs++] = sum / (double)n;
        if (watch != NULL && watch->epoch != NULL)
            watch->epoch(watch->ud, p->n_epochs, sum / (double)n);
    }
    return 0;
}

/* What the target needs of the trajectories. */
static int
check(const struct fitting *f, struct hs_error *err)
{
    const struct hs_trajset *s = f->s;

    if (f->n_train == 0)
        return hs_fail(err, "no trajectories to train on");
    for (size_t j = 0; j < s->n; j++)
        if (f->p->o.loss.target == HS_TARGET_S0 && !s->traj[j].val &&
            hs_traj_at(s, j, 0) != 0)
            return hs_fail(err, "trajectory '%s' has no state s_0",
                           s->traj[j].id);
    return 0;
}

int
hs_fit(struct hs_probe *p, const struct hs_fit_options *o,
       const struct hs_trajset *s, size_t l, const uint32_t *columns,
       size_t n_columns, const uint8_t *rewards, struct hs_team *team,
       const struct hs_fit_watch *watch, struct hs_error *err)
{
    struct fitting f = {.p = p, .s = s, .rewards = rewards};
    int rc;

    new_probe(p, o, s, l, columns, n_columns);
    f.source = (struct hs_source){.s = s,
                                  .l = l,
                                  .mean = p->mean,
                                  .scale = p->scale,
                                  .columns = p->columns,
                                  .d = p->d};
    f.mlp = hs_mlp_new(p->d, o->hidden, team);
    f.spans = hs_calloc(o->batch, sizeof *f.spans);
    initialise(&f);
    rc = o->keep_best ? hs_inner_new(&f.inner, s, &o->loss, rewards, err) : 0;
    collect(&f);
    if (rc == 0)
        rc = check(&f, err);
    if (rc == 0)
        rc = all_epochs(&f, watch, err);
    if (!o->keep_best)
        hs_mlp_get(f.mlp, p->w1, p->b1, p->w2, &p->b2);
    hs_mlp_free(f.mlp);
    hs_inner_free(&f.inner);
    free(f.spans);
    free(f.order);
    free(f.val);
    free(f.label);
    free(f.rows);
    return rc;
}

void
hs_probe_free(struct hs_probe *p)
{
    free(p->columns);
    free(p->mean);
    free(p->scale);
    free(p->w1);
    free(p->b1);
    free(p->w2);
    free(p->init_l1);
    free(p->init_l2);
    free(p->curve);
    free(p->curve_auc);
    free(p->curve_spread);
    free(p->curve_inner);
    *p = (struct hs_probe){0};
}
