/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * evaluate.c - see evaluate.h.
 */
#include <config.h>

#include "probe/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "stats/calibration.h"

enum {
    N_BINS = 10
};

const char *const hs_place_names[HS_N_PLACES] = {"s0", "25%", "50%", "75%",
                                                 "sT"};
const double hs_place_shares[HS_N_PLACES] = {0, 0.25, 0.5, 0.75, 1};

size_t
hs_count_val(const struct hs_trajset *s)
{
    size_t n = 0;

    for (size_t j = 0; j < s->n; j++)
        n += s->traj[j].val;
    return n;
}

size_t
hs_list_side(const struct hs_trajset *s, bool val, double share,
             struct hs_which *out)
{
    size_t n = 0;

    for (size_t j = 0; j < s->n; j++)
        if (s->traj[j].val == val) {
            out[n] = (struct hs_which){j, hs_traj_at(s, j, share)};
            n++;
        }
    return n;
}

/* Labels and groups of the held-out trajectories; groups count from 0. */
static size_t
labels(const struct hs_trajset *s, uint8_t *label, uint32_t *group)
{
    uint32_t *number = hs_calloc(s->n_problems, sizeof *number), next = 0;
    size_t n = 0;

    for (size_t j = 0; j < s->n; j++) {
        const struct hs_traj *q = &s->traj[j];

        if (!q->val)
            continue;
        if (number[q->problem] == 0)
            number[q->problem] = ++next;
        label[n] = q->reward;
        group[n++] = number[q->problem] - 1;
    }
    free(number);
    return next;
}

static double
deviation(const double *x, size_t n)
{
    double sum = 0, square = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    for (size_t i = 0; i < n; i++)
        square += (x[i] - sum / (double)n) * (x[i] - sum / (double)n);
    return n > 0 ? sqrt(square / (double)n) : NAN;
}

void
hs_evaluate(const struct hs_trajset *s, const double *score, bool calibrated,
            const struct hs_eval_options *o, struct hs_evaluation *out)
{
    size_t n = hs_count_val(s);
    uint8_t *label = hs_calloc(n, sizeof *label);
    uint32_t *group = hs_calloc(n, sizeof *group);

    *out = (struct hs_evaluation){.n = n, .calibrated = calibrated};
    out->n_problems = labels(s, label, group);
    for (size_t i = 0; i < n; i++)
        out->n_positive += label[i];
    for (size_t p = 0; p < HS_N_PLACES; p++) {
        const double *x = score + p * n;

        hs_auc_delong(x, label, n, o->level, &out->delong[p]);
        hs_auc_bootstrap(x, label, group, n, out->n_problems, o->bootstrap,
                         o->seed, o->level, &out->bootstrap[p]);
        out->spread[p] = deviation(x, n);
        out->brier[p] = calibrated ? hs_brier(x, label, n) : NAN;
        out->ece[p] = calibrated ? hs_ece(x, label, n, N_BINS) : NAN;
    }
    free(label);
    free(group);
}

static void
set_number(json_t *o, const char *key, double x)
{
    json_object_set_new(o, key, hs_json_number(x));
}

json_t *
hs_evaluation_json(const struct hs_evaluation *e)
{
    json_t *j = json_object(), *places = json_object();

    json_object_set_new(j, "n", json_integer((json_int_t)e->n));
    json_object_set_new(j, "n_positive",
                        json_integer((json_int_t)e->n_positive));
    json_object_set_new(j, "n_problems",
                        json_integer((json_int_t)e->n_problems));
    for (size_t p = 0; p < HS_N_PLACES; p++) {
        json_t *place = json_object();

        set_number(place, "auc", e->delong[p].value);
        set_number(place, "se", e->delong[p].se);
        set_number(place, "lo", e->delong[p].lo);
        set_number(place, "hi", e->delong[p].hi);
        set_number(place, "boot_se", e->bootstrap[p].se);
        set_number(place, "boot_lo", e->bootstrap[p].lo);
        set_number(place, "boot_hi", e->bootstrap[p].hi);
        set_number(place, "spread", e->spread[p]);
        if (e->calibrated) {
            set_number(place, "brier", e->brier[p]);
            set_number(place, "ece", e->ece[p]);
        }
        json_object_set_new(places, hs_place_names[p], place);
    }
    json_object_set_new(j, "places", places);
    return j;
}
