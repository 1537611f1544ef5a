/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * calib.c - see calib.h.
 */
#include <config.h>

#include "ablate/calib.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/unedited.h"
#include "base/mem.h"
#include "probe/ranking.h"
#include "probe/trajstats.h"

/* A stream being read.  Until the end, mean and sigma of a layer hold sums of
 * x - pivot and of its square, rms and normed those of squares. */
struct calibration {
    struct hs_calib *c;
    enum hs_edit_where where;
    struct hs_trajstats *stats;
    double **pivot; /* (n), each (dim): the first state that counts */
    size_t layer;   /* index of the layer whose blocks come */
    float *wide;    /* (rows, dim): a block */
    size_t cap_wide;
};

static void
begin_layer(struct hs_calib_layer *l, uint32_t layer, size_t d)
{
    l->layer = layer;
    l->mean = hs_calloc(d, sizeof *l->mean);
    l->sigma = hs_calloc(d, sizeof *l->sigma);
    l->rms = hs_calloc(d, sizeof *l->rms);
    l->normed = hs_calloc(d, sizeof *l->normed);
    l->pos0_abs = hs_calloc(d, sizeof *l->pos0_abs);
    l->outlier = hs_calloc(d, sizeof *l->outlier);
    l->sink = hs_calloc(d, sizeof *l->sink);
}

static void
begin(struct calibration *g, const struct hs_head *head,
      const struct hs_list *layers)
{
    struct hs_calib *c = g->c;

    c->n = layers->n;
    c->dim = (size_t)head->dim;
    c->v = hs_calloc(c->n, sizeof *c->v);
    g->pivot = hs_calloc(c->n, sizeof *g->pivot);
    for (size_t l = 0; l < c->n; l++) {
        begin_layer(&c->v[l], layers->v[l], c->dim);
        g->pivot[l] = hs_calloc(c->dim, sizeof **g->pivot);
    }
    g->stats = hs_trajstats_new(c->n, c->dim);
}

/* Counts a state x (dim). */
static void
add_state(struct calibration *g, size_t layer, const float *x)
{
    struct hs_calib_layer *l = &g->c->v[layer];
    double *pivot = g->pivot[layer], square = 0;
    size_t d = g->c->dim;

    for (size_t j = 0; j < d; j++) {
        if (l->n == 0)
            pivot[j] = (double)x[j];
        square += (double)x[j] * (double)x[j];
    }
    square /= (double)d;
    for (size_t j = 0; j < d; j++) {
        double v = (double)x[j], away = v - pivot[j];

        l->mean[j] += away;
        l->sigma[j] += away * away;
        l->rms[j] += v * v;
        if (square > 0)
            l->normed[j] += v * v / square;
    }
    l->n++;
}

static void
add_block(struct calibration *g, const struct hs_trajectory *t,
          const struct hs_states *s)
{
    const uint32_t *positions = t->positions + s->first;

    while (g->c->v[g->layer].layer != s->layer)
        g->layer++;
    if (s->n_rows * s->dim > g->cap_wide) {
        free(g->wide);
        g->cap_wide = s->n_rows * s->dim;
        g->wide = hs_calloc(g->cap_wide, sizeof *g->wide);
    }
    hs_states_decode(s, g->wide);
    hs_trajstats_add(g->stats, g->layer, g->wide, positions, s->n_rows);
    for (size_t i = 0; i < s->n_rows; i++)
        if (positions[i] > 0 &&
            hs_edit_reaches(g->where, positions[i], t->n_prompt))
            add_state(g, g->layer, g->wide + i * s->dim);
}

static void
begin_trajectory(struct calibration *g, const struct hs_trajectory *t)
{
    g->c->n_traj++;
    g->layer = 0;
    if (t->n_states > 0 && (size_t)t->positions[0] + 1 < t->n_prompt)
        g->c->prompts = true;
}

/* What was summed up becomes what it is called. */
static void
finish_layer(struct hs_calib_layer *l, const double *pivot, size_t d,
             const struct hs_stats *sinks)
{
    double n = (double)l->n;

    for (size_t j = 0; j < d; j++) {
        double away = l->mean[j] / n, var = l->sigma[j] / n - away * away;

        l->mean[j] = pivot[j] + away;
        l->sigma[j] = sqrt(var > 0 ? var : 0);
        l->rms[j] = sqrt(l->rms[j] / n);
        l->normed[j] = sqrt(l->normed[j] / n);
        l->pos0_abs[j] = sinks->pos0_abs[j];
        l->outlier[j] = sinks->outlier[j];
        l->sink[j] = hs_sink(l->pos0_abs[j], l->rms[j], l->outlier[j]);
    }
}

static int
finish(struct calibration *g, const char *name, struct hs_error *err)
{
    struct hs_stats *stats = hs_trajstats_end(g->stats);
    int rc = 0;

    for (size_t l = 0; l < g->c->n && rc == 0; l++) {
        if (g->c->v[l].n == 0)
            rc = hs_fail(err,
                         "%s: layer %" PRIu32
                         ": no state to calibrate by: "
                         "none behind position 0 that an edit of %s reaches",
                         name, g->c->v[l].layer, hs_edit_where_name(g->where));
        else
            finish_layer(&g->c->v[l], g->pivot[l], g->c->dim, &stats[l]);
    }
    hs_trajstats_free(stats, g->c->n);
    return rc;
}

static int
read_states(struct calibration *g, struct hs_reader *r, const char *name,
            struct hs_error *err)
{
    struct hs_record rec = {0};
    uint64_t segments = 1;
    int rc;

    while ((rc = hs_unedited_read(r, name, &rec, &segments, err)) > 0) {
        if (rec.type == HS_REC_TRAJECTORY)
            begin_trajectory(g, &rec.traj);
        else if (rec.type == HS_REC_STATES)
            add_block(g, &rec.traj, &rec.states);
    }
    hs_digest_text(hs_reader_counts(r)->digest, g->c->digest);
    hs_record_free(&rec);
    return rc;
}

int
hs_calib_read(struct hs_calib *c, struct hs_reader *r, const char *name,
              const struct hs_list *layers, enum hs_edit_where where,
              const char *fingerprint, struct hs_error *err)
{
    struct calibration g = {.c = c, .where = where};
    const struct hs_head *head;
    int rc;

    *c = (struct hs_calib){0};
    if (hs_unedited_check(r, name, layers, err) < 0)
        return -1;
    head = hs_reader_head(r);
    if (strcmp(head->fingerprint, fingerprint) != 0)
        return hs_fail(err,
                       "%s: states of another model: fingerprint '%s', the "
                       "model has '%s'",
                       name, head->fingerprint, fingerprint);
    begin(&g, head, layers);
    hs_reader_select(r, layers);
    rc = read_states(&g, r, name, err);
    if (finish(&g, name, rc == 0 ? err : NULL) < 0)
        rc = -1;
    for (size_t l = 0; l < c->n; l++)
        free(g.pivot[l]);
    free(g.pivot);
    free(g.wide);
    if (rc < 0)
        hs_calib_free(c);
    return rc;
}

void
hs_calib_free(struct hs_calib *c)
{
    for (size_t l = 0; l < c->n; l++) {
        struct hs_calib_layer *v = &c->v[l];
        void *owned[] = {v->mean,     v->sigma,   v->rms, v->normed,
                         v->pos0_abs, v->outlier, v->sink};

        for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
            free(owned[i]);
    }
    free(c->v);
    *c = (struct hs_calib){0};
}

const struct hs_calib_layer *
hs_calib_find(const struct hs_calib *c, uint32_t layer)
{
    for (size_t l = 0; l < c->n; l++)
        if (c->v[l].layer == layer)
            return &c->v[l];
    return NULL;
}
