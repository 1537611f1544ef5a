/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * inner.c - see inner.h.
 */
#include <config.h>

#include "probe/inner.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

enum {
    SHARE = 10, /* one in so many */
    MOST_STATES = 16384
};

/* Another hash than that of the split. */
static const uint64_t hash_seed = 0x696e6e6572;

static int
choose(struct hs_inner *q, const struct hs_trajset *s, struct hs_error *err)
{
    uint32_t *order = hs_calloc(s->n_problems, sizeof *order);
    size_t n = hs_trajset_order(s, false, hash_seed, order);
    size_t wanted = n < 2 * SHARE ? 1 : n / SHARE;

    q->problem = hs_calloc(s->n_problems, sizeof *q->problem);
    for (size_t i = 0; i < wanted && n > 1; i++)
        q->problem[order[i]] = true;
    free(order);
    if (n < 2)
        return hs_fail(err,
                       "%zu training problem, of which one would be set "
                       "aside to choose the epoch (--keep=last takes the "
                       "last one)",
                       n);
    return 0;
}

bool
hs_inner_has(const struct hs_inner *q, uint32_t problem)
{
    return q->problem != NULL && q->problem[problem];
}

/* Calls for each state that counts; only counts them if q->rows is NULL, else
 * takes every total / MOST_STATES-th. */
static size_t
go_over(struct hs_inner *q, const struct hs_trajset *s,
        const struct hs_loss *loss, const uint8_t *rewards, size_t total)
{
    size_t want = total < MOST_STATES ? total : MOST_STATES, seen = 0;

    for (size_t j = 0; j < s->n; j++) {
        const struct hs_traj *t = &s->traj[j];
        size_t from = loss->target == HS_TARGET_TERMINAL ? t->n_states - 1 : 0;
        size_t to = loss->target == HS_TARGET_S0 ? 1 : t->n_states;

        if (t->val || !hs_inner_has(q, t->problem))
            continue;
        for (size_t i = from; i < to; i++) {
            double goal = s->logprob[t->first + i];

            if (loss->target == HS_TARGET_NTP && !isfinite(goal))
                continue;
            if (loss->target != HS_TARGET_NTP)
                goal =
                    pow(loss->gamma, (double)(t->length - s->t[t->first + i])) *
                    (rewards != NULL ? rewards[j] : t->reward);
            if (q->rows != NULL && seen * want / total == q->n && q->n < want) {
                q->goal[q->n] = goal;
                q->rows[q->n++] = (struct hs_which){j, i};
            }
            seen++;
        }
    }
    return seen;
}

int
hs_inner_new(struct hs_inner *q, const struct hs_trajset *s,
             const struct hs_loss *loss, const uint8_t *rewards,
             struct hs_error *err)
{
    size_t total, want;

    *q = (struct hs_inner){0};
    if (choose(q, s, err) < 0)
        return -1;
    total = go_over(q, s, loss, rewards, 0);
    want = total < MOST_STATES ? total : MOST_STATES;
    q->rows = hs_calloc(want, sizeof *q->rows);
    q->goal = hs_calloc(want, sizeof *q->goal);
    (void)go_over(q, s, loss, rewards, total);
    return 0;
}

void
hs_inner_free(struct hs_inner *q)
{
    free(q->problem);
    free(q->rows);
    free(q->goal);
    *q = (struct hs_inner){0};
}

double
hs_inner_error(const struct hs_inner *q, struct hs_mlp *mlp,
               struct hs_source *source, bool sigmoid)
{
    struct hs_rows rows = {hs_source_get, source, q->n};
    float *u = hs_calloc(q->n, sizeof *u);
    double sum = 0;

    source->rows = q->rows;
    hs_mlp_forward(mlp, &rows, u);
    for (size_t i = 0; i < q->n; i++) {
        double d = q->goal[i] - hs_head_value(sigmoid, u[i]);

        sum += d * d;
    }
    free(u);
    return q->n > 0 ? sum / (double)q->n : NAN;
}
