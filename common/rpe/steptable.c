/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * steptable.c - see steptable.h.
 */
#include <config.h>

#include "rpe/steptable.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/falsehit.h"

/* Another hash than those of splits. */
static const uint64_t hash_seed = 0x727065;

/* A table in the making. */
struct making {
    struct hs_steps *t;
    const struct hs_trajset *s;
    const struct hs_steps_options *o;
    size_t cap;
    /* of the answer at work */
    uint32_t *at;       /* (n): boundaries; owned unless lent */
    double *value[3];   /* (n): all, even, odd */
    struct hs_which *w; /* (n) */
    size_t n, cap_n;
};

bool
hs_step_beyond(double before, double after, double gamma, double threshold)
{
    return hs_beyond(gamma * after - before, threshold) &&
           hs_beyond(after - before, threshold);
}

static void
grow(struct making *m)
{
    struct hs_steps *t = m->t;
    size_t cap = m->cap == 0 ? 1024 : hs_mul(m->cap, 2);
    double **const doubles[] = {&t->before,  &t->after,   &t->delta,
                                &t->half[0], &t->half[1], &t->chance};
    uint32_t **const wholes[] = {&t->traj, &t->from, &t->to, &t->group};
    bool **const flags[] = {&t->beyond, &t->half_beyond[0], &t->half_beyond[1],
                            &t->val};

    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        *doubles[i] = hs_realloc(*doubles[i], hs_mul(cap, sizeof(double)));
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        *wholes[i] = hs_realloc(*wholes[i], hs_mul(cap, sizeof(uint32_t)));
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        *flags[i] = hs_realloc(*flags[i], hs_mul(cap, sizeof(bool)));
    m->cap = cap;
}

/* ---- one answer ---- */

/* That state i is that of time i, for all of them. */
static int
check_states(const struct making *m, size_t j, struct hs_error *err)
{
    const struct hs_trajset *s = m->s;
    const struct hs_traj *q = &s->traj[j];

    if (q->n_states != (size_t)q->length + 1 ||
        s->t[q->first + q->n_states - 1] != q->length)
        return hs_fail(err,
                       "trajectory '%s' has %zu states, not those of s_0 and "
                       "of all %" PRIu32
                       " tokens: the stream's positions are "
                       "'%s', and must be all or tokens",
                       q->id, q->n_states, q->length, s->head.positions);
    return 0;
}

static void
make_room(struct making *m, size_t n)
{
    if (n > m->cap_n) {
        for (int part = 0; part < 3; part++)
            m->value[part] =
                hs_realloc(m->value[part], hs_mul(n, sizeof(double)));
        m->w = hs_realloc(m->w, hs_mul(n, sizeof *m->w));
        m->cap_n = n;
    }
    m->n = n;
}

/* Boundaries of answer j into m->at, a copy; n is 0 if it has none. */
static int
find_boundaries(struct making *m, size_t j, struct hs_error *err)
{
    const struct hs_traj *q = &m->s->traj[j];
    size_t n = 0;

    free(m->at);
    m->at = NULL;
    if (m->o->rule != NULL) {
        if (hs_step_split(m->o->rule, m->o->tok, m->s->token + q->first + 1,
                          q->length, &m->at, &n, err) < 0)
            return hs_fail_prefix(err, "trajectory '%s'", q->id);
    } else if (q->rollouts != NULL) {
        n = q->rollouts->n;
        m->at = hs_calloc(n, sizeof *m->at);
        memcpy(m->at, q->rollouts->at, n * sizeof *m->at);
    }
    make_room(m, n);
    return 0;
}

static void
take_values(struct making *m, size_t j)
{
    const struct hs_rollouts *r = m->s->traj[j].rollouts;

    if (m->o->probe != NULL) {
        for (size_t i = 0; i < m->n; i++) {
            m->w[i] = (struct hs_which){j, m->at[i]};
            m->value[1][i] = m->value[2][i] = (double)NAN;
        }
        hs_probe_value_ask(m->o->probe, m->w, m->n, m->value[0]);
        return;
    }
    for (size_t i = 0; i < m->n; i++) {
        m->value[0][i] = hs_rollouts_value(r, i, HS_ROLLOUTS_ALL);
        m->value[1][i] = hs_rollouts_value(r, i, HS_ROLLOUTS_EVEN);
        m->value[2][i] = hs_rollouts_value(r, i, HS_ROLLOUTS_ODD);
    }
}

/* The chance of a false hit of the step to boundary i. */
static double
chance(const struct making *m, size_t j, size_t i)
{
    const struct hs_rollouts *r = m->s->traj[j].rollouts;

    if (m->o->probe != NULL)
        return (double)NAN;
    if (i + 1 == m->n)
        return 0;
    return hs_false_hits_at(r->successes[i - 1], r->k[i - 1], r->successes[i],
                            r->k[i], m->o->threshold);
}

/* Adds the step to boundary i of answer j. */
static void
add_step(struct making *m, size_t j, size_t i)
{
    struct hs_steps *t = m->t;
    double g = m->o->gamma, *const *v = m->value;
    size_t k;

    if (isnan(v[0][i - 1]) || isnan(v[0][i])) {
        t->n_no_value++;
        return;
    }
    if (t->n == m->cap)
        grow(m);
    k = t->n++;
    t->traj[k] = (uint32_t)j;
    t->from[k] = m->at[i - 1];
    t->to[k] = m->at[i];
    t->before[k] = v[0][i - 1];
    t->after[k] = v[0][i];
    t->delta[k] = g * v[0][i] - v[0][i - 1];
    t->beyond[k] = hs_step_beyond(v[0][i - 1], v[0][i], g, m->o->threshold);
    for (int h = 0; h < 2; h++) {
        t->half[h][k] = g * v[h + 1][i] - v[h + 1][i - 1];
        t->half_beyond[h][k] =
            hs_step_beyond(v[h + 1][i - 1], v[h + 1][i], g, m->o->threshold);
    }
    t->chance[k] = chance(m, j, i);
    t->n_exact += i + 1 == m->n;
    t->val[k] = m->s->traj[j].val;
    t->group[k] = m->s->traj[j].problem; /* numbered anew below */
}

static int
add_answer(struct making *m, size_t j, struct hs_error *err)
{
    size_t before = m->t->n;

    if (m->s->traj[j].rollouts == NULL && m->o->rule == NULL) {
        m->t->n_without++;
        return 0;
    }
    if (check_states(m, j, err) < 0 || find_boundaries(m, j, err) < 0)
        return -1;
    if (m->n < 2) {
        m->t->n_without++;
        return 0;
    }
    take_values(m, j);
    for (size_t i = 1; i < m->n; i++)
        add_step(m, j, i);
    m->t->n_answers += m->t->n > before;
    return 0;
}

/* ---- problems ---- */

/* Numbers the problems that have steps: those for training first, each side in
 * the order of a hash. */
static void
number_groups(struct hs_steps *t, const struct hs_trajset *s)
{
    uint32_t *order = hs_calloc(s->n_problems, sizeof *order);
    uint32_t *number = hs_calloc(s->n_problems, sizeof *number);
    bool *has = hs_calloc(s->n_problems, sizeof *has);

    for (size_t k = 0; k < t->n; k++)
        has[t->group[k]] = true;
    for (int val = 0; val < 2; val++) {
        size_t n = hs_trajset_order(s, val == 1, hash_seed, order);

        for (size_t i = 0; i < n; i++)
            if (has[order[i]])
                number[order[i]] = (uint32_t)t->n_groups++;
        if (val == 0)
            t->n_train_groups = t->n_groups;
    }
    for (size_t k = 0; k < t->n; k++)
        t->group[k] = number[t->group[k]];
    free(order);
    free(number);
    free(has);
}

int
hs_steps_make(struct hs_steps *out, const struct hs_trajset *s,
              const struct hs_steps_options *o, struct hs_error *err)
{
    struct making m = {.t = out, .s = s, .o = o};
    int rc = 0;

    *out = (struct hs_steps){0};
    for (size_t j = 0; j < s->n && rc == 0; j++)
        rc = add_answer(&m, j, err);
    if (rc == 0 && out->n == 0)
        rc = out->n_without == s->n && o->rule == NULL
                 ? hs_fail(err,
                           "no trajectory has rollouts (hs-extract "
                           "--rollouts)")
                 : hs_fail(err, "no steps with a value at both ends");
    if (rc == 0)
        number_groups(out, s);
    free(m.at);
    free(m.w);
    for (int part = 0; part < 3; part++)
        free(m.value[part]);
    return rc;
}

void
hs_steps_free(struct hs_steps *t)
{
    void *const owned[] = {
        t->traj,           t->from,    t->to,      t->before, t->after,
        t->delta,          t->half[0], t->half[1], t->chance, t->half_beyond[0],
        t->half_beyond[1], t->beyond,  t->group,   t->val};

    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    *t = (struct hs_steps){0};
}

/* ---- rows ---- */

struct pooling {
    const struct hs_steps *t;
    const struct hs_trajset *s;
    size_t l;
    enum hs_znorm z;
    const float *mean, *scale;
    float *x;
    size_t *first; /* (n_first + 1): the first step of each answer that has some
                    */
    size_t n_first;
};

/* The steps of one answer, k .. behind - 1.  A step left out for want of a
 * value leaves a gap, whose tokens are pooled and thrown away. */
static void
pool_answer(const struct pooling *g, struct hs_pooler *p, size_t k,
            size_t behind, float *row)
{
    const struct hs_steps *t = g->t;
    size_t j = t->traj[k], d = g->s->dim;
    uint32_t last = t->to[behind - 1], length = g->s->traj[j].length;

    hs_pooler_start(p);
    for (uint32_t i = 1; i <= length && g->z == HS_ZNORM_RESPONSE; i++) {
        hs_trajset_row(g->s, g->l, j, i, row);
        hs_pooler_look(p, row);
    }
    for (uint32_t i = 0; i <= last; i++) {
        hs_trajset_row(g->s, g->l, j, i, row);
        hs_pooler_feed(p, row, NULL);
        if (i > 0 && i == t->from[k])
            hs_pooler_step(p, g->x + k * d); /* a gap; written over below */
        if (i == t->to[k])
            hs_pooler_step(p, g->x + k++ * d);
    }
}

static void
pool_job(void *ud, struct hs_team *team, size_t thread)
{
    const struct pooling *g = ud;
    struct hs_pooler *p = hs_pooler_new(g->z, g->mean, g->scale, g->s->dim);
    float *row = hs_calloc(g->s->dim, sizeof *row);
    size_t i;

    (void)thread;
    while ((i = hs_team_take(team)) < g->n_first)
        pool_answer(g, p, g->first[i], g->first[i + 1], row);
    free(row);
    hs_pooler_free(p);
}

void
hs_steps_pool(const struct hs_steps *t, const struct hs_trajset *s, size_t l,
              enum hs_znorm z, const float *mean, const float *scale,
              struct hs_team *team, float *x)
{
    struct pooling g = {
        .t = t, .s = s, .l = l, .z = z, .mean = mean, .scale = scale, .x = x};

    g.first = hs_calloc(t->n + 1, sizeof *g.first);
    for (size_t k = 0; k < t->n; k++)
        if (k == 0 || t->traj[k] != t->traj[k - 1])
            g.first[g.n_first++] = k;
    g.first[g.n_first] = t->n;
    hs_team_run(team, pool_job, &g);
    free(g.first);
}

/* The mean V of each answer, for all its steps, to column HS_N_COVARIATES - 1
 * of z. */
static void
mean_values(const struct hs_steps *t, double *z)
{
    double *const last = z + HS_N_COVARIATES - 1;
    bool several = false;

    for (size_t k = 0, behind; k < t->n; k = behind) {
        double sum = 0, tokens = 0;

        for (behind = k; behind < t->n && t->traj[behind] == t->traj[k];
             behind++) {
            double n = (double)t->to[behind] - t->from[behind];

            sum += n * (t->before[behind] + t->after[behind]) / 2;
            tokens += n;
        }
        several = several || behind - k > 1;
        for (size_t i = k; i < behind; i++)
            last[i * HS_N_COVARIATES] = sum / tokens;
    }
    for (size_t k = 0; k < t->n && !several; k++)
        last[k * HS_N_COVARIATES] = 0;
}

void
hs_steps_covariates(const struct hs_steps *t, const struct hs_trajset *s,
                    enum hs_znorm znorm, double *z)
{
    for (size_t k = 0; k < t->n; k++) {
        const struct hs_traj *q = &s->traj[t->traj[k]];
        double *row = z + k * HS_N_COVARIATES;
        double place =
            ((double)t->from[k] + 1 + t->to[k]) / 2 / (double)q->length;

        row[0] = place;
        row[1] = place * place;
        row[2] = log(q->length);
        row[3] = log(q->n_prompt);
        row[4] = log((double)t->to[k] - t->from[k]);
        row[5] = 0;
    }
    if (znorm == HS_ZNORM_RESPONSE)
        mean_values(t, z);
}
