/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * baseline.c - single features, random directions and shuffled rewards, see
 * baseline.h; linbase.c has the linear models.
 */
#include <config.h>

#include "probe/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "probe/linbase.h"
#include "stats/normal.h"

enum {
    N_DIRECTIONS = 20
};

const char *const hs_baseline_names[HS_N_BASELINES] = {
    "ridge",   "logistic", "pca",    "prompt-length", "length",
    "logprob", "entropy",  "random", "shuffled",      "ntp"};

bool
hs_baseline_calibrated(enum hs_baseline b)
{
    return b == HS_BASE_RIDGE || b == HS_BASE_LOGISTIC || b == HS_BASE_PCA ||
           b == HS_BASE_SHUFFLED;
}

/* A single feature of one state. */
static double
feature(enum hs_baseline b, const struct hs_trajset *s,
        const struct hs_which *w)
{
    const struct hs_traj *q = &s->traj[w->traj];
    size_t k = q->first + w->state;
    uint32_t t, known;

    if (w->state == SIZE_MAX)
        return NAN;
    t = s->t[k];
    known = t < q->n_new ? t + 1 : q->n_new;
    switch (b) {
    case HS_BASE_PROMPT:
        return q->n_prompt;
    case HS_BASE_LENGTH:
        return t;
    case HS_BASE_LOGPROB:
        return t > 0 ? (double)s->logprob_sum[k] / t : NAN;
    default:
        return known > 0 ? (double)s->entropy_sum[k] / known : NAN;
    }
}

/* Turns scores around if they are below 1/2 where that may be learnt. */
static void
orient(const double *train, const uint8_t *label, size_t n, double *score,
       size_t n_val)
{
    if (!(hs_auc(train, label, n) < 0.5))
        return;
    for (size_t i = 0; i < n_val; i++)
        score[i] = -score[i];
}

/* Training labels, in the order of hs_list_side(). */
static uint8_t *
train_labels(const struct hs_trajset *s)
{
    uint8_t *label = hs_calloc(s->n, sizeof *label);
    size_t n = 0;

    for (size_t j = 0; j < s->n; j++)
        if (!s->traj[j].val)
            label[n++] = s->traj[j].reward;
    return label;
}

static void
single_feature(enum hs_baseline b, const struct hs_trajset *s, double *score)
{
    struct hs_which *w = hs_calloc(s->n, sizeof *w);
    double *train = hs_calloc(s->n, sizeof *train);
    uint8_t *label = train_labels(s);

    for (size_t p = 0; p < HS_N_PLACES; p++) {
        size_t n = hs_list_side(s, false, hs_place_shares[p], w), n_val;

        for (size_t i = 0; i < n; i++)
            train[i] = feature(b, s, &w[i]);
        n_val = hs_list_side(s, true, hs_place_shares[p], w);
        for (size_t i = 0; i < n_val; i++)
            score[i] = feature(b, s, &w[i]);
        orient(train, label, n, score, n_val);
        score += n_val;
    }
    free(w);
    free(train);
    free(label);
}

/* Projections of the z-scored states w (n) on direction r: out (n). */
static void
project(const struct hs_trajset *s, size_t l, const struct hs_which *w,
        size_t n, const double *r, double *out)
{
    const struct hs_stats *st = &s->stats[l];
    float *x = hs_calloc(s->dim, sizeof *x);

    for (size_t i = 0; i < n; i++) {
        double sum = 0;

        if (w[i].state == SIZE_MAX) {
            out[i] = NAN;
            continue;
        }
        hs_trajset_row(s, l, w[i].traj, w[i].state, x);
        for (size_t c = 0; c < s->dim; c++)
            if (st->sigma[c] > 0)
                sum += r[c] * (x[c] - st->mean[c]) / st->sigma[c];
        out[i] = sum;
    }
    free(x);
}

/* The first of N_DIRECTIONS directions gives the scores; the AUC of all of them
 * is noted. */
static void
random_directions(const struct hs_trajset *s, size_t l, uint64_t seed,
                  double *score, json_t *note)
{
    struct hs_which *w = hs_calloc(s->n, sizeof *w);
    struct hs_which *wv = hs_calloc(s->n, sizeof *wv);
    double *train = hs_calloc(s->n, sizeof *train);
    double *val = hs_calloc(s->n, sizeof *val);
    double *r = hs_calloc(s->dim, sizeof *r);
    uint8_t *label = train_labels(s), *held = hs_calloc(s->n, sizeof *held);
    json_t *draws = json_object();
    size_t n_held = 0;

    for (size_t j = 0; j < s->n; j++)
        if (s->traj[j].val)
            held[n_held++] = s->traj[j].reward;
    for (size_t p = 0; p < HS_N_PLACES; p++) {
        size_t n = hs_list_side(s, false, hs_place_shares[p], w);
        json_t *aucs = json_array();

        (void)hs_list_side(s, true, hs_place_shares[p], wv);
        for (uint32_t k = 0; k < N_DIRECTIONS; k++) {
            hs_normal_fill(seed, HS_RNG_DIRECTION, k, r, s->dim);
            project(s, l, w, n, r, train);
            project(s, l, wv, n_held, r, val);
            orient(train, label, n, val, n_held);
            if (k == 0)
                memcpy(score + p * n_held, val, n_held * sizeof *val);
            json_array_append_new(aucs,
                                  hs_json_number(hs_auc(val, held, n_held)));
        }
        json_object_set_new(draws, hs_place_names[p], aucs);
    }
    json_object_set_new(note, "draws", draws);
    free(w);
    free(wv);
    free(train);
    free(val);
    free(r);
    free(label);
    free(held);
}

void
hs_baseline_scores(enum hs_baseline b, const struct hs_trajset *s, size_t l,
                   uint64_t seed, struct hs_team *team, double *score,
                   json_t *note)
{
    if (b <= HS_BASE_PCA)
        hs_linear_scores(b, s, l, team, score, note);
    else if (b == HS_BASE_RANDOM)
        random_directions(s, l, seed, score, note);
    else
        single_feature(b, s, score);
}

uint8_t *
hs_shuffled_rewards(const struct hs_trajset *s, uint64_t seed)
{
    uint8_t *out = hs_calloc(s->n, sizeof *out);
    size_t *count = hs_calloc(s->n_problems, sizeof *count);
    size_t *start = hs_calloc(s->n_problems + 1, sizeof *start);
    size_t *member = hs_calloc(s->n, sizeof *member);
    size_t *pool = hs_calloc(s->n_problems, sizeof *pool), longest = 0;

    for (size_t j = 0; j < s->n; j++)
        count[s->traj[j].problem]++;
    for (size_t i = 0; i < s->n_problems; i++) {
        start[i + 1] = start[i] + count[i];
        longest = count[i] > longest ? count[i] : longest;
        count[i] = 0;
    }
    for (size_t j = 0; j < s->n; j++) {
        uint32_t i = s->traj[j].problem;

        member[start[i] + count[i]++] = j;
        out[j] = s->traj[j].reward;
    }
    for (size_t size = 1; size <= longest; size++) {
        size_t n = 0;

        for (size_t i = 0; i < s->n_problems; i++)
            if (count[i] == size && !s->problem_val[i])
                pool[n++] = i;
        for (size_t i = n; i > 1; i--) {
            size_t k = (size_t)hs_rng_below(seed, HS_RNG_PERMUTE,
                                            UINT32_MAX - (uint32_t)size,
                                            (uint32_t)i, i);

            for (size_t m = 0; m < size; m++) {
                uint8_t *a = &out[member[start[pool[i - 1]] + m]];
                uint8_t *c = &out[member[start[pool[k]] + m]], t = *a;

                *a = *c;
                *c = t;
            }
        }
    }
    free(count);
    free(start);
    free(member);
    free(pool);
    return out;
}
