/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * study.c - see study.h.
 */
#include <config.h>

#include "probe/study.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "probe/proberec.h"
#include "stats/maxauc.h"
#include "stats/rank.h"
#include "stream/object.h"

enum {
    MOST_SALIENT = 4096, /* states that gradient x input is taken over */
    FEW = 10             /* of a class: too few for an interval */
};

static const double rare = 0.15; /* a class rarer than this is warned of */
static const double constant =
    0.02; /* spread of V(s_0), of that of the reward */

/* A layer being studied. */
struct layer {
    const struct hs_study *q;
    size_t l, n_val;
    struct hs_encoded *e;
    struct hs_error *err;
    /* the fit whose steps are logged */
    const struct hs_fit_options *o;
    int log_rc;
};

static void
warn(const struct hs_study *q, const char *text)
{
    if (!q->quiet)
        hs_warn("%s", text);
}

uint64_t
hs_study_epochs(const struct hs_study *q)
{
    uint64_t fits = q->n_targets * q->n_seeds;

    if (q->baselines[HS_BASE_SHUFFLED])
        for (size_t i = 0; i < q->n_targets; i++)
            fits += q->targets[i] != HS_TARGET_NTP;
    return fits * q->fit.epochs;
}

int
hs_study_check(const struct hs_study *q, struct hs_error *err)
{
    const struct hs_trajset *s = q->s;
    static const char *const sides[] = {"training", "held-out"};
    size_t n[2][2] = {{0}};

    for (size_t j = 0; j < s->n; j++)
        n[s->traj[j].val][s->traj[j].reward]++;
    for (int side = 0; side < 2; side++) {
        size_t wrong = n[side][0], right = n[side][1], few;
        char text[256];

        if (wrong == 0 || right == 0)
            return hs_fail(err,
                           "%s problems: %zu trajectories with reward 1 and "
                           "%zu with 0; both are needed",
                           sides[side], right, wrong);
        few = right < wrong ? right : wrong;
        if (side == 0 && (double)few < rare * (double)(right + wrong)) {
            (void)snprintf(text, sizeof text,
                           "only %zu of %zu training trajectories have "
                           "reward %d: less than 15 %%",
                           few, right + wrong, right < wrong);
            warn(q, text);
        }
        if (side == 1 && few < FEW) {
            (void)snprintf(text, sizeof text,
                           "only %zu held-out trajectories have reward %d: "
                           "too few for an interval to be trusted",
                           few, right < wrong);
            warn(q, text);
        }
    }
    return 0;
}

static float *
floats(const double *x, size_t n)
{
    float *out = hs_calloc(n, sizeof *out);

    for (size_t i = 0; i < n; i++)
        out[i] = (float)x[i];
    return out;
}

/* Each coordinate alone at s_0, on training problems. */
static void
single_coordinates(const struct layer *y, struct hs_coordinates *c)
{
    const struct hs_study *q = y->q;
    const struct hs_trajset *s = q->s;
    struct hs_which *w = hs_calloc(s->n, sizeof *w);
    size_t n = hs_list_side(s, false, 0, w), m = 0;
    float *x = hs_calloc(hs_mul(n, s->dim), sizeof *x);
    uint8_t *label = hs_calloc(n, sizeof *label);
    uint32_t *group = hs_calloc(n, sizeof *group);
    struct hs_maxauc found;

    for (size_t i = 0; i < n; i++) {
        if (w[i].state == SIZE_MAX)
            continue;
        hs_trajset_row(s, y->l, w[i].traj, w[i].state, x + m * s->dim);
        label[m] = s->traj[w[i].traj].reward;
        group[m++] = s->traj[w[i].traj].problem;
    }
    hs_maxauc(x, s->dim, label, group, m, s->dim, s->n_problems,
              (size_t)q->permutations, q->eval.seed, q->alpha, &found);
    c->n_s0 = m;
    c->n_permutations = q->permutations;
    c->alpha = q->alpha;
    c->auc = floats(found.auc, s->dim);
    c->auc_p = floats(found.p, s->dim);
    c->auc_threshold = found.threshold;
    hs_maxauc_free(&found);
    free(w);
    free(x);
    free(label);
    free(group);
}

static int
coordinates(const struct layer *y)
{
    const struct hs_trajset *s = y->q->s;
    const struct hs_stats *st = &s->stats[y->l];
    struct hs_coordinates c = {.layer = s->layers[y->l],
                               .d = s->dim,
                               .n_states = st->n,
                               .n_pos0 = st->n_pos0,
                               .n_any = st->n_any,
                               .mean = floats(st->mean, s->dim),
                               .sigma = floats(st->sigma, s->dim),
                               .rms = floats(st->rms, s->dim),
                               .max_abs = floats(st->max_abs, s->dim),
                               .pos0_abs = floats(st->pos0_abs, s->dim),
                               .outlier = floats(st->outlier, s->dim)};
    int rc;

    single_coordinates(y, &c);
    rc = hs_encode_coordinates(y->e, &c, y->err);
    hs_coordinates_free(&c);
    return rc;
}

/* Scores of a probe at all places: (HS_N_PLACES, n_val). */
static void
probe_scores(const struct layer *y, const struct hs_probe *p, double *score)
{
    const struct hs_trajset *s = y->q->s;
    struct hs_asker *a = hs_asker_new(p, y->q->team);
    struct hs_which *w = hs_calloc(s->n, sizeof *w);

    for (size_t k = 0; k < HS_N_PLACES; k++, score += y->n_val) {
        bool whole = true;

        (void)hs_list_side(s, true, hs_place_shares[k], w);
        for (size_t i = 0; i < y->n_val; i++)
            whole = whole && w[i].state != SIZE_MAX;
        if (whole)
            hs_ask(a, s, y->l, w, y->n_val, NULL, score);
        for (size_t i = 0; !whole && i < y->n_val; i++)
            score[i] = NAN;
    }
    free(w);
    hs_asker_free(a);
}

/* gradient x input and slopes over held-out states, evenly taken; both are the
 * caller's. */
static void
salience(const struct layer *y, const struct hs_probe *p, float **gradient,
         float **slope)
{
    const struct hs_trajset *s = y->q->s;
    struct hs_asker *a = hs_asker_new(p, y->q->team);
    struct hs_which *w = hs_calloc(MOST_SALIENT, sizeof *w);
    double *g = hs_calloc(p->d, sizeof *g), *z = hs_calloc(p->d, sizeof *z);
    size_t total = 0, seen = 0, n = 0;

    for (size_t j = 0; j < s->n; j++)
        total += s->traj[j].val ? s->traj[j].n_states : 0;
    for (size_t j = 0; j < s->n; j++)
        for (size_t i = 0; s->traj[j].val && i < s->traj[j].n_states; i++) {
            size_t want = total < MOST_SALIENT ? total : MOST_SALIENT;

            /* state k is taken where k * want / total steps up */
            if (seen * want / total == n && n < want)
                w[n++] = (struct hs_which){j, i};
            seen++;
        }
    hs_ask_saliency(a, s, y->l, w, n, g, z);
    *gradient = floats(g, p->d);
    *slope = floats(z, p->d);
    free(w);
    free(z);
    free(g);
    hs_asker_free(a);
}

static void
add_warning(const struct layer *y, json_t *eval, const char *text)
{
    json_t *list = json_object_get(eval, "warnings");

    if (list == NULL) {
        list = json_array();
        json_object_set_new(eval, "warnings", list);
    }
    json_array_append_new(list, json_string(text));
    warn(y->q, text);
}

/* TD(0) is known to leave V where it was: pitfall 1. */
static void
warn_of_constant(const struct layer *y, const struct hs_probe *p,
                 const struct hs_evaluation *e, json_t *eval)
{
    double rate = (double)e->n_positive / (double)e->n;
    char text[256];

    if (p->o.loss.target == HS_TARGET_NTP ||
        !(e->spread[0] < constant * sqrt(rate * (1 - rate))))
        return;
    (void)snprintf(text, sizeof text,
                   "layer %" PRIu32 ", %s, seed %" PRIu64
                   ": V(s_0) hardly varies (standard deviation %.2g): the "
                   "target has not reached it; more epochs, mc or td-lambda",
                   p->layer, hs_target_name(p->o.loss.target), p->o.seed,
                   e->spread[0]);
    add_warning(y, eval, text);
}

/* How well the NTP probe does its own task, on held-out states. */
static void
score_ntp(const struct layer *y, const struct hs_probe *p, json_t *eval)
{
    const struct hs_trajset *s = y->q->s;
    struct hs_asker *a = hs_asker_new(p, y->q->team);
    size_t n = 0, cap = 0;
    struct hs_which *w = NULL;
    double *v, *goal, mean = 0, left = 0, all = 0;

    for (size_t j = 0; j < s->n; j++)
        for (size_t i = 0; s->traj[j].val && i < s->traj[j].n_states; i++) {
            if (!isfinite(s->logprob[s->traj[j].first + i]))
                continue;
            w = hs_grow(w, &cap, n + 1, sizeof *w);
            w[n++] = (struct hs_which){j, i};
        }
    v = hs_calloc(n, sizeof *v);
    goal = hs_calloc(n, sizeof *goal);
    hs_ask(a, s, y->l, w, n, NULL, v);
    for (size_t i = 0; i < n; i++) {
        goal[i] = s->logprob[s->traj[w[i].traj].first + w[i].state];
        mean += goal[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        left += (v[i] - goal[i]) * (v[i] - goal[i]);
        all += (mean - goal[i]) * (mean - goal[i]);
    }
    json_object_set_new(eval, "ntp_states", json_integer((json_int_t)n));
    json_object_set_new(eval, "ntp_r2", hs_json_number(1 - left / all));
    json_object_set_new(eval, "ntp_spearman",
                        hs_json_number(hs_spearman(v, goal, n, NULL)));
    free(w);
    free(v);
    free(goal);
    hs_asker_free(a);
}

static json_t *
evaluate_probe(const struct layer *y, const struct hs_probe *p)
{
    double *score = hs_calloc(hs_mul(HS_N_PLACES, y->n_val), sizeof *score);
    struct hs_evaluation e;
    json_t *eval;

    probe_scores(y, p, score);
    hs_evaluate(y->q->s, score, p->o.loss.target != HS_TARGET_NTP, &y->q->eval,
                &e);
    eval = hs_evaluation_json(&e);
    warn_of_constant(y, p, &e, eval);
    if (p->o.loss.target == HS_TARGET_NTP)
        score_ntp(y, p, eval);
    free(score);
    return eval;
}

static void
epoch_done(void *ud, uint64_t epoch, double loss)
{
    const struct layer *y = ud;

    (void)epoch;
    (void)loss;
    if (y->q->progress != NULL)
        y->q->progress(y->q->ud, 1);
}

static void
log_step(void *ud, uint64_t step, const size_t *traj, size_t n, double loss)
{
    struct layer *y = ud;
    struct hs_object_mark m = hs_object_begin(y->e, 7);

    hs_mp_str(&m.pk, "type", "step");
    hs_mp_u64(&m.pk, "layer", y->q->s->layers[y->l]);
    hs_mp_str(&m.pk, "target", hs_target_name(y->o->loss.target));
    hs_mp_u64(&m.pk, "seed", y->o->seed);
    hs_mp_u64(&m.pk, "step", step);
    hs_mp_f64(&m.pk, "loss", loss);
    hs_mp_key(&m.pk, "trajectories");
    (void)msgpack_pack_array(&m.pk, n);
    for (size_t i = 0; i < n; i++)
        hs_mp_text(&m.pk, y->q->s->traj[traj[i]].id);
    if (hs_object_end(y->e, &m, y->err) < 0)
        y->log_rc = -1;
}

static int
one_probe(struct layer *y, enum hs_target target, size_t seed)
{
    const struct hs_study *q = y->q;
    struct hs_fit_options o = q->fit;
    struct hs_fit_watch watch = {
        .epoch = epoch_done, .step = q->log_steps ? log_step : NULL, .ud = y};
    struct hs_probe p;
    float *gradient, *slope;
    json_t *eval;
    int rc;

    o.loss.target = target;
    o.seed += seed;
    if (target == HS_TARGET_NTP) {
        o.loss.sigmoid = false;
        o.loss.terminal_weight = 1;
    }
    y->o = &o;
    rc = hs_fit(&p, &o, q->s, y->l, NULL, 0, NULL, q->team, &watch, y->err);
    if (rc == 0)
        rc = y->log_rc;
    if (rc == 0) {
        salience(y, &p, &gradient, &slope);
        eval = evaluate_probe(y, &p);
        rc = hs_encode_probe(y->e, &p, gradient, slope, eval, y->err);
        free(slope);
        free(gradient);
        json_decref(eval);
    }
    hs_probe_free(&p);
    return rc;
}

static int
put_baseline(const struct layer *y, enum hs_baseline b, const char *target,
             const double *score, json_t *note)
{
    struct hs_evaluation e;
    json_t *j = json_object();
    int rc;

    hs_evaluate(y->q->s, score,
                hs_baseline_calibrated(b) &&
                    (b != HS_BASE_SHUFFLED || y->q->fit.loss.sigmoid),
                &y->q->eval, &e);
    json_object_set_new(j, "type", json_string("baseline"));
    json_object_set_new(j, "layer", json_integer(y->q->s->layers[y->l]));
    json_object_set_new(j, "name", json_string(hs_baseline_names[b]));
    if (target != NULL)
        json_object_set_new(j, "target", json_string(target));
    json_object_set_new(j, "eval", hs_evaluation_json(&e));
    if (json_object_size(note) > 0)
        json_object_set(j, "note", note);
    rc = hs_encode_json(y->e, j, y->err);
    json_decref(j);
    return rc;
}

static int
shuffled(struct layer *y, enum hs_target target)
{
    const struct hs_study *q = y->q;
    struct hs_fit_options o = q->fit;
    struct hs_fit_watch watch = {.epoch = epoch_done, .ud = y};
    uint8_t *rewards = hs_shuffled_rewards(q->s, o.seed);
    double *score = hs_calloc(hs_mul(HS_N_PLACES, y->n_val), sizeof *score);
    json_t *note = json_object();
    struct hs_probe p;
    int rc;

    o.loss.target = target;
    rc = hs_fit(&p, &o, q->s, y->l, NULL, 0, rewards, q->team, &watch, y->err);
    if (rc == 0) {
        probe_scores(y, &p, score);
        rc = put_baseline(y, HS_BASE_SHUFFLED, hs_target_name(target), score,
                          note);
    }
    hs_probe_free(&p);
    json_decref(note);
    free(rewards);
    free(score);
    return rc;
}

static void
warn_of_errors(const struct layer *y, enum hs_baseline b, const json_t *note)
{
    json_t *errors = json_object_get(note, "errors"), *why;
    const char *place;

    json_object_foreach(errors, place, why)
    {
        char text[512];

        (void)snprintf(text, sizeof text, "layer %" PRIu32 ", %s at %s: %s",
                       y->q->s->layers[y->l], hs_baseline_names[b], place,
                       json_string_value(why));
        warn(y->q, text);
    }
}

static int
baselines(struct layer *y)
{
    const struct hs_study *q = y->q;
    double *score = hs_calloc(hs_mul(HS_N_PLACES, y->n_val), sizeof *score);
    int rc = 0;

    for (int b = 0; rc == 0 && b < HS_BASE_SHUFFLED; b++) {
        json_t *note = json_object();

        if (q->baselines[b]) {
            hs_baseline_scores((enum hs_baseline)b, q->s, y->l, q->fit.seed,
                               q->team, score, note);
            warn_of_errors(y, (enum hs_baseline)b, note);
            rc = put_baseline(y, (enum hs_baseline)b, NULL, score, note);
        }
        json_decref(note);
    }
    for (size_t i = 0; rc == 0 && i < q->n_targets; i++)
        if (q->baselines[HS_BASE_SHUFFLED] && q->targets[i] != HS_TARGET_NTP)
            rc = shuffled(y, q->targets[i]);
    free(score);
    return rc;
}

int
hs_study_layer(const struct hs_study *q, size_t l, struct hs_encoded *e,
               struct hs_error *err)
{
    struct layer y = {
        .q = q, .l = l, .n_val = hs_count_val(q->s), .e = e, .err = err};

    if (coordinates(&y) < 0)
        return -1;
    for (size_t i = 0; i < q->n_targets; i++)
        for (size_t k = 0; k < q->n_seeds; k++)
            if (one_probe(&y, q->targets[i], k) < 0)
                return -1;
    return baselines(&y);
}
