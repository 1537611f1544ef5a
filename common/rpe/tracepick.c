/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tracepick.c - what has to be known of a stream before its traces can be
 * written: which answers were the greatest surprises, and means and deviations
 * of coordinates.
 */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rpe/tracework.h"

/* Sums of what the first state is away from: no digits are lost to a mean that
 * is large. */
static void
add_states(struct hs_trace_layer *l, const uint32_t *t, size_t dim)
{
    for (size_t i = 0; i < l->n; i++) {
        if (t[i] == 0)
            continue;
        for (size_t c = 0; c < l->m; c++) {
            double x = (double)l->x[i * dim + l->coordinates[c]], away;

            if (l->n_summed == 0)
                l->shift[c] = x;
            away = x - l->shift[c];
            l->sum[c] += away;
            l->squares[c] += away * away;
            l->largest[c] = fmax(l->largest[c], fabs(x));
        }
        l->n_summed++;
    }
}

static void
find_scale(struct hs_trace_layer *l)
{
    double n = (double)l->n_summed;

    for (size_t c = 0; c < l->m; c++) {
        double mean = l->sum[c] / n, sigma;

        sigma = sqrt(fmax(0, l->squares[c] / n - mean * mean));
        l->mean[c] = (float)(l->shift[c] + mean);
        l->scale[c] = sigma > 1e-6 * l->largest[c] ? (float)(1 / sigma) : 0;
    }
}

/* Whether the trajectory suits a wish better than the one before. */
static bool
suits(const struct hs_trace_wish *w, const struct hs_trajectory *t, double v0)
{
    bool pleasant = strcmp(w->word, "pleasant") == 0;

    if (!isfinite(v0) || t->reward != (pleasant ? 1 : 0))
        return false;
    return w->id == NULL || (pleasant ? v0 < w->v0 : v0 > w->v0);
}

static int
end_trajectory(struct hs_tracing *a, const struct hs_trajectory *t)
{
    const char *from;
    double v0;

    for (size_t i = 0; i < a->n_layers; i++)
        if (a->layers[i].mean != NULL)
            add_states(&a->layers[i], a->t, a->dim);
    if (hs_trace_v0(a, t, &v0, &from) < 0)
        return -1;
    for (size_t i = 0; i < a->n_wishes; i++) {
        struct hs_trace_wish *w = &a->wishes[i];

        if (w->word == NULL || !suits(w, t, v0))
            continue;
        hs_trajectory_set(&w->id, t->id);
        w->v0 = v0;
    }
    return 0;
}

static int
check_wishes(const struct hs_tracing *a)
{
    for (size_t i = 0; i < a->n_wishes; i++)
        if (a->wishes[i].id == NULL)
            return hs_fail(
                a->err,
                "--trace=%s: no trajectory with a V(s_0), of a "
                "probe or of rollouts, is %s",
                a->wishes[i].word,
                strcmp(a->wishes[i].word, "pleasant") == 0 ? "right" : "wrong");
    return 0;
}

static int
go_over(struct hs_tracing *a, struct hs_reader *r)
{
    struct hs_record rec = {0};
    int rc = 0, more = 1;

    while (rc == 0 && (more = hs_read(r, &rec)) > 0) {
        if (rec.type == HS_REC_TRAJECTORY)
            hs_trace_begin(a, &rec.traj);
        else if (rec.type == HS_REC_STATES &&
                 hs_trace_states_add(a, &rec.states))
            rc = end_trajectory(a, &rec.traj);
    }
    if (rc == 0 && more < 0)
        rc = hs_fail(a->err, "%s", hs_reader_error(r));
    hs_record_free(&rec);
    return rc;
}

int
hs_trace_pick(struct hs_tracing *a, struct hs_reader *r)
{
    int rc = go_over(a, r);

    if (rc == 0)
        rc = check_wishes(a);
    for (size_t i = 0; i < a->n_layers && rc == 0; i++) {
        if (a->layers[i].mean == NULL)
            continue;
        if (a->layers[i].n_summed == 0)
            return hs_fail(a->err, "%s: no states of tokens", a->name);
        find_scale(&a->layers[i]);
    }
    return rc;
}
