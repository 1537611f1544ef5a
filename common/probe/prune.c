/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prune.c - see prune.h.
 */
#include <config.h>

#include "probe/prune.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/rngplace.h"
#include "probe/evaluate.h"
#include "probe/rankrec.h"
#include "stats/auc.h"

enum {
    N_PLACES = 2
};

static const char *const place_names[N_PLACES] = {"s0", "sT"};
static const double place_shares[N_PLACES] = {0, 1};

/* An order of coordinates whose first k are kept. */
struct set {
    const char *name;
    const uint32_t *order; /* (d) */
    size_t draw;           /* of "random" */
};

/* The curves of one ranking. */
struct pruning {
    const struct hs_prune_options *o;
    const struct hs_ranking *r;
    const struct hs_probe *p;
    const struct hs_trajset *s;
    size_t l;
    struct hs_team *team;
    const struct hs_prune_watch *watch;
    struct set *sets; /* (n_sets): top, random draws, rms */
    size_t n_sets;
    uint32_t *orders; /* (n_random + 1, d): of all sets but the first */
    struct hs_which *at[N_PLACES]; /* (n): held-out states; NULL: not stored */
    uint8_t *label;                /* (n) */
    size_t n;
    double *value;     /* (n) */
    uint32_t *columns; /* (d) */
    uint8_t *mask;     /* (d) */
    json_t *out;
};

/* One point for each place. */
struct point {
    struct hs_interval auc[N_PLACES];
};

size_t
hs_prune_fits(const struct hs_prune_options *o, size_t d)
{
    size_t n = 0;

    for (size_t i = 0; i < o->n_ratios && o->retrain; i++)
        n += hs_kept(d, o->ratios[i]) == d ? 1 : 2 + o->n_random;
    return n;
}

void
hs_draw_order(uint64_t seed, uint32_t draw, size_t d, uint32_t *order)
{
    for (size_t i = 0; i < d; i++)
        order[i] = (uint32_t)i;
    for (size_t i = 0; i + 1 < d; i++) {
        size_t k = i + (size_t)hs_rng_below(seed, HS_RNG_SUBSET, draw,
                                            (uint32_t)i, d - i);
        uint32_t swap = order[i];

        order[i] = order[k];
        order[k] = swap;
    }
}

/* ---- one point ---- */

/* Marks the first k of a set, and lists them in ascending order. */
static void
choose(struct pruning *g, const struct set *set, size_t k)
{
    size_t n = 0;

    memset(g->mask, 0, g->r->d);
    for (size_t i = 0; i < k; i++)
        g->mask[set->order[i]] = 1;
    for (size_t j = 0; j < g->r->d; j++)
        if (g->mask[j] != 0)
            g->columns[n++] = (uint32_t)j;
}

static void
evaluate(struct pruning *g, const struct hs_probe *p, const uint8_t *mask,
         struct point *out)
{
    struct hs_asker *a = hs_asker_new(p, g->team);

    for (int i = 0; i < N_PLACES; i++) {
        if (g->at[i] == NULL)
            continue;
        hs_ask(a, g->s, g->l, g->at[i], g->n, mask, g->value);
        hs_auc_delong(g->value, g->label, g->n, g->o->level, &out->auc[i]);
    }
    hs_asker_free(a);
}

static void
epoch_done(void *ud, uint64_t epoch, double loss)
{
    const struct pruning *g = ud;

    (void)epoch;
    (void)loss;
    if (g->watch != NULL)
        g->watch->epoch(g->watch->ud);
}

/* A fresh probe on what was chosen. */
static int
retrain(struct pruning *g, size_t k, struct point *out, struct hs_error *err)
{
    const struct hs_fit_watch watch = {.epoch = epoch_done, .ud = g};
    struct hs_fit_options o = g->p->o;
    struct hs_probe fresh = {0};
    int rc;

    if (g->o->epochs > 0) {
        o.epochs = g->o->epochs;
        o.steps = 0;
    }
    rc = hs_fit(&fresh, &o, g->s, g->l, k < g->r->d ? g->columns : NULL, k,
                NULL, g->team, &watch, err);
    if (rc == 0)
        evaluate(g, &fresh, NULL, out);
    hs_probe_free(&fresh);
    return rc;
}

/* ---- records ---- */

static json_t *
record(const struct pruning *g, const char *type, bool fresh, const char *set,
       double ratio)
{
    json_t *j = json_object();

    json_object_set_new(j, "type", json_string(type));
    json_object_set_new(j, "layer", json_integer(g->r->layer));
    json_object_set_new(j, "target", json_string(hs_target_name(g->r->target)));
    json_object_set_new(j, "eval", json_string(fresh ? "retrain" : "mask"));
    json_object_set_new(j, "set", json_string(set));
    json_object_set_new(j, "ratio", json_real(ratio));
    json_object_set_new(j, "kept",
                        json_integer((json_int_t)hs_kept(g->r->d, ratio)));
    return j;
}

static void
number(json_t *j, const char *key, double x)
{
    json_object_set_new(j, key, hs_json_number(x));
}

static void
add_point(const struct pruning *g, bool fresh, const struct set *set,
          double ratio, const struct point *p)
{
    for (int i = 0; i < N_PLACES; i++) {
        json_t *j;

        if (g->at[i] == NULL)
            continue;
        j = record(g, "curve", fresh, set->name, ratio);
        json_object_set_new(j, "draw",
                            strcmp(set->name, "random") == 0
                                ? json_integer((json_int_t)set->draw)
                                : json_null());
        json_object_set_new(j, "at", json_string(place_names[i]));
        number(j, "auc", p->auc[i].value);
        number(j, "se", p->auc[i].se);
        number(j, "lo", p->auc[i].lo);
        number(j, "hi", p->auc[i].hi);
        json_array_append_new(g->out, j);
    }
}

/* What n draws say of all draws: mean, range, and where the next one would fall
 * if they are normal (a prediction interval by Student's t). */
static void
add_band(const struct pruning *g, bool fresh, double ratio, int place,
         const struct point *p, size_t n)
{
    double sum = 0, square = 0, low = INFINITY, high = -INFINITY, mean, half;
    json_t *j = record(g, "band", fresh, "random", ratio);

    for (size_t i = 0; i < n; i++) {
        double x = p[i].auc[place].value;

        sum += x;
        low = fmin(low, x);
        high = fmax(high, x);
    }
    mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square +=
            (p[i].auc[place].value - mean) * (p[i].auc[place].value - mean);
    half = n < 2 ? NAN
                 : gsl_cdf_tdist_Pinv((1 + g->o->level) / 2, (double)n - 1) *
                       sqrt(square / ((double)n - 1) * (1 + 1 / (double)n));
    json_object_set_new(j, "at", json_string(place_names[place]));
    json_object_set_new(j, "draws", json_integer((json_int_t)n));
    number(j, "mean", mean);
    number(j, "min", low);
    number(j, "max", high);
    number(j, "lo", fmax(0, mean - half));
    number(j, "hi", fmin(1, mean + half));
    if (n < 2) {
        json_object_set_new(j, "lo", json_null());
        json_object_set_new(j, "hi", json_null());
    }
    json_array_append_new(g->out, j);
}

/* All sets at one ratio. */
static int
prune_at(struct pruning *g, bool fresh, double ratio, struct hs_error *err)
{
    size_t d = g->r->d, k = hs_kept(d, ratio);
    struct point *p = hs_calloc(g->n_sets, sizeof *p);
    int rc = 0;

    for (size_t i = 0; i < g->n_sets && rc == 0; i++) {
        choose(g, &g->sets[i], k);
        if (k == d && i > 0)
            p[i] = p[0]; /* all of them: there is one such set */
        else if (fresh)
            rc = retrain(g, k, &p[i], err);
        else
            evaluate(g, g->p, g->mask, &p[i]);
        if (rc == 0)
            add_point(g, fresh, &g->sets[i], ratio, &p[i]);
    }
    for (int i = 0; i < N_PLACES && rc == 0; i++)
        if (g->o->n_random > 0 && g->at[i] != NULL)
            add_band(g, fresh, ratio, i, p + 1, g->o->n_random);
    free(p);
    if (rc < 0)
        hs_fail_prefix(err, "layer %" PRIu32 ", %s, ratio %g", g->r->layer,
                       hs_target_name(g->r->target), ratio);
    return rc;
}

/* ---- what all points share ---- */

static void
make_sets(struct pruning *g)
{
    size_t d = g->r->d, n = g->o->n_random;

    g->n_sets = n + 2;
    g->sets = hs_calloc(g->n_sets, sizeof *g->sets);
    g->orders = hs_calloc(hs_mul(n + 1, d), sizeof *g->orders);
    g->sets[0] = (struct set){"top", g->r->order, 0};
    for (size_t i = 0; i < n; i++) {
        hs_draw_order(g->o->seed, (uint32_t)i, d, g->orders + i * d);
        g->sets[i + 1] = (struct set){"random", g->orders + i * d, i};
    }
    for (size_t j = 0; j < d; j++)
        g->orders[n * d + g->r->rms_rank[j] - 1] = (uint32_t)j;
    g->sets[n + 1] = (struct set){"rms", g->orders + n * d, 0};
}

/* The held-out states of a place; NULL if one of them is not stored. */
static struct hs_which *
find_states(const struct hs_trajset *s, double share)
{
    struct hs_which *w = hs_calloc(s->n, sizeof *w);
    size_t n = hs_list_side(s, true, share, w);

    for (size_t i = 0; i < n; i++)
        if (w[i].state == SIZE_MAX) {
            free(w);
            return NULL;
        }
    return w;
}

static int
find_held_out(struct pruning *g, struct hs_error *err)
{
    size_t positive = 0;
    bool any = false;

    g->n = hs_count_val(g->s);
    g->label = hs_calloc(g->n, sizeof *g->label);
    g->value = hs_calloc(g->n, sizeof *g->value);
    for (size_t j = 0, i = 0; j < g->s->n; j++)
        if (g->s->traj[j].val) {
            g->label[i++] = g->s->traj[j].reward;
            positive += g->s->traj[j].reward;
        }
    if (positive == 0 || positive == g->n)
        return hs_fail(err,
                       "%zu of %zu held-out trajectories are right: there is "
                       "no AUC",
                       positive, g->n);
    for (int i = 0; i < N_PLACES; i++) {
        g->at[i] = find_states(g->s, place_shares[i]);
        any = any || g->at[i] != NULL;
    }
    return any ? 0 : hs_fail(err, "the stream has neither s_0 nor s_T");
}

static void
clean_up(struct pruning *g)
{
    for (int i = 0; i < N_PLACES; i++)
        free(g->at[i]);
    free(g->sets);
    free(g->orders);
    free(g->label);
    free(g->value);
    free(g->columns);
    free(g->mask);
}

int
hs_prune(const struct hs_prune_options *o, const struct hs_ranking *r,
         const struct hs_probe *p, const struct hs_trajset *s, size_t l,
         struct hs_team *team, const struct hs_prune_watch *watch, json_t *out,
         struct hs_error *err)
{
    struct pruning g = {.o = o,
                        .r = r,
                        .p = p,
                        .s = s,
                        .l = l,
                        .team = team,
                        .watch = watch,
                        .out = out};
    int rc = find_held_out(&g, err);

    if (rc == 0) {
        make_sets(&g);
        g.columns = hs_calloc(r->d, sizeof *g.columns);
        g.mask = hs_calloc(r->d, sizeof *g.mask);
    }
    for (int fresh = 1; fresh >= 0 && rc == 0; fresh--)
        for (size_t i = 0; i < o->n_ratios && rc == 0; i++)
            if (fresh != 0 ? o->retrain : o->mask)
                rc = prune_at(&g, fresh != 0, o->ratios[i], err);
    clean_up(&g);
    return rc;
}
