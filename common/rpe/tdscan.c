/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tdscan.c - see tdscan.h; the tests of single coordinates are in tdtest.c.
 */
#include <config.h>

#include "rpe/tdscan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "probe/rankrec.h"
#include "rpe/rpecurve.h"
#include "rpe/rperank.h"

/* A layer at work. */
struct layer {
    const struct hs_td *q;
    size_t l, d;
    struct hs_encoded *e;
    float *mean, *scale; /* (d): of train, else NULL */
    float *x;            /* (steps->n, d): pooled rows */
    struct hs_rpe_fits fits;
    struct hs_rpe_probe *probes; /* (n_seeds) */
    struct hs_rpe_eval *evals;   /* (n_seeds) */
    size_t n_probes;
    double *gradient, *slope; /* (n_seeds, d) */
    double *predicted;        /* (steps->n): of the first seed; NULL: none */
    struct hs_rpe_eval *shuffles; /* (n_random) */
};

size_t
hs_td_fits(const struct hs_td_options *o, size_t d)
{
    return o->n_seeds + o->n_random +
           hs_rpe_curve_fits(o->ratios, o->n_ratios, o->n_random, d);
}

/* What train takes of states, as probes do. */
static void
take_statistics(struct layer *y)
{
    const struct hs_stats *s = &y->q->s->stats[y->l];

    if (y->q->o->znorm != HS_ZNORM_TRAIN)
        return;
    y->mean = hs_calloc(y->d, sizeof *y->mean);
    y->scale = hs_calloc(y->d, sizeof *y->scale);
    hs_znorm_train(s->mean, s->sigma, s->max_abs, y->d, y->mean, y->scale);
}

static float *
copy(const float *x, size_t n)
{
    float *out;

    if (x == NULL)
        return NULL;
    out = hs_calloc(n, sizeof *out);
    memcpy(out, x, n * sizeof *out);
    return out;
}

/* ---- probes ---- */

/* Means over the training steps beyond the threshold. */
static void
take_gradients(struct layer *y, size_t i)
{
    struct hs_rpe_asker *a = hs_rpe_asker_new(&y->probes[i], y->q->team);

    hs_rpe_saliency(a, y->fits.rows, y->fits.n, y->gradient + i * y->d,
                    y->slope + i * y->d);
    hs_rpe_asker_free(a);
}

static int
fit_seeds(struct layer *y, struct hs_error *err)
{
    const struct hs_td_options *o = y->q->o;
    struct hs_rpe_trial trial = {.shuffled = -1, .interval = true};

    y->probes = hs_calloc(o->n_seeds, sizeof *y->probes);
    y->evals = hs_calloc(o->n_seeds, sizeof *y->evals);
    y->gradient = hs_calloc(hs_mul(o->n_seeds, y->d), sizeof *y->gradient);
    y->slope = hs_calloc(hs_mul(o->n_seeds, y->d), sizeof *y->slope);
    y->predicted = hs_calloc(y->q->steps->n, sizeof *y->predicted);
    for (size_t i = 0; i < o->n_seeds; i++) {
        struct hs_rpe_probe *p = &y->probes[y->n_probes++];

        p->layer = y->q->s->layers[y->l];
        p->znorm = o->znorm;
        p->mean = copy(y->mean, y->d);
        p->scale = copy(y->scale, y->d);
        trial.seed = o->fit.seed + i;
        if (hs_rpe_try(&y->fits, &trial, y->q->team, p,
                       i == 0 ? y->predicted : NULL, &y->evals[i], err) < 0)
            return -1;
        if (y->q->done != NULL)
            y->q->done(y->q->ud);
        take_gradients(y, i);
    }
    y->shuffles = hs_calloc(o->n_random, sizeof *y->shuffles);
    return hs_rpe_shuffles(&y->fits, y->shuffles, err);
}

/* The figures of a probe; of the first one also those of shuffled deltas. */
static json_t *
eval_json(const struct layer *y, size_t i)
{
    const struct hs_td_options *o = y->q->o;
    json_t *j = hs_rpe_eval_json(&y->evals[i]), *shuffled;

    json_object_set_new(j, "train_steps", json_integer((json_int_t)y->fits.n));
    if (i > 0 || o->n_random == 0)
        return j;
    shuffled = json_object();
    for (int f = 0; f < HS_N_RPE_FIGURES; f++)
        json_object_set_new(shuffled, hs_rpe_figure_names[f],
                            hs_rpe_band_json(y->shuffles, o->n_random,
                                             (enum hs_rpe_figure)f, o->level));
    json_object_set_new(j, "shuffled", shuffled);
    return j;
}

static int
encode_probes(const struct layer *y, struct hs_error *err)
{
    for (size_t i = 0; i < y->n_probes; i++) {
        json_t *eval = eval_json(y, i);
        int rc = hs_encode_rpe_probe(y->e, &y->probes[i], eval, err);

        json_decref(eval);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int
encode_list(struct hs_encoded *e, const json_t *list, struct hs_error *err)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (hs_encode_json(e, json_array_get(list, i), err) < 0)
            return -1;
    return 0;
}

/* The ranking, and the curve of it. */
static int
rank_and_prune(struct layer *y, struct hs_error *err)
{
    const struct hs_td_options *o = y->q->o;
    const struct hs_rpe_ranked in = {.probes = y->probes,
                                     .n = y->n_probes,
                                     .gradient = y->gradient,
                                     .slope = y->slope,
                                     .stats = &y->q->s->stats[y->l]};
    struct hs_ranking r;
    json_t *curve = json_array();
    int rc = hs_rpe_rank(&r, &in, o->by, &o->top, err);

    if (rc == 0) {
        rc = hs_encode_ranking(y->e, &r, err);
        if (rc == 0)
            rc = hs_rpe_curve(&y->fits, &r, o->ratios, o->n_ratios,
                              &y->evals[0], y->shuffles, curve, err);
        hs_ranking_free(&r);
    }
    if (rc == 0)
        rc = encode_list(y->e, curve, err);
    json_decref(curve);
    return rc;
}

/* Training steps beyond the threshold of enough problems to fit to. */
static bool
can_fit(const struct layer *y)
{
    const struct hs_rpe_fits *f = &y->fits;
    size_t need = f->o.keep_best ? 2 : 1, n = 0;

    for (size_t i = 0; i < f->n && n < need; i++)
        n += i == 0 || f->group[i] != f->group[0];
    return n >= need;
}

static int
study_probes(struct layer *y, struct hs_error *err)
{
    const struct hs_td *q = y->q;
    const struct hs_td_options *o = q->o;

    y->fits = (struct hs_rpe_fits){.t = q->steps,
                                   .x = y->x,
                                   .d = y->d,
                                   .o = o->fit,
                                   .n_random = o->n_random,
                                   .seed = o->seed,
                                   .bootstrap = o->bootstrap,
                                   .level = o->level,
                                   .team = q->team,
                                   .done = q->done,
                                   .ud = q->ud};
    (void)hs_rpe_fits_begin(&y->fits);
    if (!can_fit(y)) {
        hs_warn("layer %" PRIu32
                ": too few training steps beyond the "
                "threshold for a probe (%zu): there is none",
                q->s->layers[y->l], y->fits.n);
        return 0;
    }
    if (fit_seeds(y, err) < 0 || encode_probes(y, err) < 0)
        return -1;
    return rank_and_prune(y, err);
}

/* ---- records ---- */

static int
encode_counts(const struct layer *y, struct hs_error *err)
{
    json_t *j = hs_td_steps_json(y->q, y->q->s->layers[y->l]), *text;
    const json_t *warnings = json_object_get(j, "warnings");
    size_t i;
    int rc;

    json_array_foreach(warnings, i, text)
    {
        if (!y->q->quiet && strcmp(y->q->value, "probe") == 0)
            hs_warn("layer %" PRIu32 ": %s", y->q->s->layers[y->l],
                    json_string_value(text));
        else if (!y->q->quiet)
            hs_warn("%s", json_string_value(text));
    }
    rc = hs_encode_json(y->e, j, err);
    json_decref(j);
    return rc;
}

static json_t *
step_json(const struct layer *y, size_t k)
{
    const struct hs_steps *t = y->q->steps;
    json_t *j = json_object();

    json_object_set_new(j, "type", json_string("rpe-step"));
    json_object_set_new(j, "layer", json_integer(y->q->s->layers[y->l]));
    json_object_set_new(j, "id", json_string(y->q->s->traj[t->traj[k]].id));
    json_object_set_new(j, "from", json_integer(t->from[k]));
    json_object_set_new(j, "to", json_integer(t->to[k]));
    json_object_set_new(j, "before", json_real(t->before[k]));
    json_object_set_new(j, "after", json_real(t->after[k]));
    json_object_set_new(j, "delta", json_real(t->delta[k]));
    json_object_set_new(j, "even", hs_json_number(t->half[0][k]));
    json_object_set_new(j, "odd", hs_json_number(t->half[1][k]));
    json_object_set_new(j, "beyond", json_boolean(t->beyond[k]));
    json_object_set_new(j, "held_out", json_boolean(t->val[k]));
    json_object_set_new(j, "predicted",
                        y->predicted != NULL ? hs_json_number(y->predicted[k])
                                             : json_null());
    return j;
}

static int
encode_steps(const struct layer *y, struct hs_error *err)
{
    for (size_t k = 0; k < y->q->steps->n && y->q->o->log_steps; k++) {
        json_t *j = step_json(y, k);
        int rc = hs_encode_json(y->e, j, err);

        json_decref(j);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int
study(struct layer *y, struct hs_error *err)
{
    const struct hs_td *q = y->q;
    struct hs_rpe_coordinates c;
    int rc;

    take_statistics(y);
    y->x = hs_calloc(hs_mul(q->steps->n, y->d), sizeof *y->x);
    hs_steps_pool(q->steps, q->s, y->l, q->o->znorm, y->mean, y->scale, q->team,
                  y->x);
    if (encode_counts(y, err) < 0)
        return -1;
    rc = hs_td_coordinates(q, y->l, y->x, &c, err);
    if (rc == 0)
        rc = hs_encode_rpe_coordinates(y->e, &c, err);
    hs_rpe_coordinates_free(&c);
    if (rc < 0 || study_probes(y, err) < 0)
        return -1;
    return encode_steps(y, err);
}

int
hs_td_layer(const struct hs_td *q, size_t l, struct hs_encoded *e,
            struct hs_error *err)
{
    struct layer y = {.q = q, .l = l, .d = q->s->dim, .e = e};
    int rc = study(&y, err);

    for (size_t i = 0; i < y.n_probes; i++)
        hs_rpe_probe_free(&y.probes[i]);
    hs_rpe_fits_end(&y.fits);
    free(y.probes);
    free(y.evals);
    free(y.gradient);
    free(y.slope);
    free(y.predicted);
    free(y.shuffles);
    free(y.x);
    free(y.mean);
    free(y.scale);
    return rc < 0 ? hs_fail_prefix(err, "layer %" PRIu32, q->s->layers[l]) : 0;
}
