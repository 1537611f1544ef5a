/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dependrun.c - the replays of a dependence test, and what they come to; see
 * depend.h.
 *
 * A trajectory is an item for each arm, one after the other, the unedited one
 * first.  As they are emitted in that order, whatever is summed up here is
 * summed up in one order, by one thread.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/unedited.h"
#include "model/item.h"
#include "model/sched.h"
#include "rpe/depend.h"
#include "rpe/steptable.h"
#include "stats/rank.h"
#include "task/rollouts.h"

#define FLAT      1e-6 /* deviation over the largest |x|: rounding, see pool.h */
#define DEVIATION 0.02 /* from stored states, see hs_depend_run() */
#define SMALLEST  6e-8 /* about what f16 rounds small numbers by */

enum {
    FEWEST = 3 /* tokens of a response that counts */
};

/* A trajectory on its way. */
struct job {
    char *id;
    uint32_t *tokens;
    size_t n_tokens, n_prompt, length; /* length: T */
    uint32_t *t;                       /* (n_stored): times of stored states */
    float *stored;               /* (n_stored, n_coords): what is stored */
    size_t n_stored;             /* states at s_0 and later */
    size_t skipped;              /* states of the prompt before them */
    struct hs_rollouts rollouts; /* n is 0 without */
    float *none;                 /* (length + 1, n_coords): unedited traces */
    double *mean, *sd;           /* (n_coords): of these; sd 0: constant */
    struct job *next, **back;    /* of those alive */
};

/* An item of a job. */
struct replay {
    const struct hs_depend *d;
    struct job *job;
    size_t arm;
    float *x; /* (length + 1, n_coords) */
};

struct run {
    struct hs_depend *d;
    struct hs_sched_options sched;
    struct hs_record rec;
    uint64_t segments, n_read;
    bool ended;
    float *wide; /* a block of states */
    size_t cap_wide;
    struct job *alive; /* all of them */
    struct job *ahead; /* read, but perhaps not all of its states */
    struct job *base;  /* whose items are being made */
    size_t arm;        /* of the next one */
    double *delta;     /* (n_steps) */
    double **rows;     /* (n_arms): (n_steps, n_coords) */
    size_t *cap_rows;  /* (n_arms) */
    size_t cap_delta;
    size_t job_steps; /* of the job that is being emitted */
    double *a, *b;    /* scratch */
    size_t cap_a, cap_b;
    struct hs_progress progress;
    struct hs_error err; /* of a callback */
};

/* ---- reading ---- */

static void
free_job(struct job *j)
{
    void *owned[] = {j->id,   j->tokens, j->t, j->stored,
                     j->none, j->mean,   j->sd};

    if (j->next != NULL)
        j->next->back = j->back;
    *j->back = j->next;
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
    hs_rollouts_free(&j->rollouts);
    free(j);
}

/* Times of the stored states that are states of the method. */
static void
place_stored(struct job *j, const struct hs_trajectory *t, size_t n_coords)
{
    while (j->skipped < t->n_states &&
           (size_t)t->positions[j->skipped] + 1 < t->n_prompt)
        j->skipped++;
    j->n_stored = t->n_states - j->skipped;
    j->t = hs_calloc(j->n_stored, sizeof *j->t);
    j->stored = hs_calloc(j->n_stored, hs_mul(n_coords, sizeof *j->stored));
    for (size_t i = 0; i < j->n_stored; i++)
        j->t[i] = t->positions[j->skipped + i] + 1 - (uint32_t)t->n_prompt;
}

static int
begin_job(struct run *r, const struct hs_trajectory *t)
{
    const struct hs_item shape = {.tokens = t->tokens,
                                  .n_prompt = t->n_prompt,
                                  .n_tokens = t->n_tokens,
                                  .replay = true};
    struct job *j = hs_calloc(1, sizeof *j);

    j->next = r->alive;
    j->back = &r->alive;
    if (j->next != NULL)
        j->next->back = &j->next;
    r->alive = r->ahead = j;
    j->id = hs_strdup(t->id);
    j->n_tokens = t->n_tokens;
    j->n_prompt = t->n_prompt;
    j->tokens = hs_calloc(t->n_tokens, sizeof *j->tokens);
    if (t->n_tokens > 0)
        memcpy(j->tokens, t->tokens, t->n_tokens * sizeof *j->tokens);
    if (t->n_prompt == 0)
        return hs_fail(&r->err, "%s: %s: no prompt", r->d->in.acts_name, t->id);
    j->length = hs_item_to_feed(&r->sched, &shape) - t->n_prompt;
    place_stored(j, t, r->d->n_coords);
    if (j->n_stored > 0 && j->t[j->n_stored - 1] > j->length)
        return hs_fail(&r->err, "%s: %s: a state behind the last token",
                       r->d->in.acts_name, t->id);
    if (t->rollouts != NULL &&
        hs_rollouts_read(&j->rollouts, t->rollouts, j->length, t->reward,
                         &r->err) < 0)
        return hs_fail_prefix(&r->err, "%s: %s", r->d->in.acts_name, t->id);
    return 0;
}

/* The tested coordinates of a block of states. */
static void
add_states(struct run *r, const struct hs_states *s)
{
    const struct hs_depend *d = r->d;
    struct job *j = r->ahead;

    r->wide = hs_grow(r->wide, &r->cap_wide, hs_mul(s->n_rows, s->dim),
                      sizeof(float));
    hs_states_decode(s, r->wide);
    for (size_t i = 0; i < s->n_rows; i++) {
        size_t state = s->first + i;

        if (state < j->skipped)
            continue;
        for (size_t c = 0; c < d->n_coords; c++)
            if (d->coords[c].layer == s->layer)
                j->stored[(state - j->skipped) * d->n_coords + c] =
                    r->wide[i * s->dim + d->coords[c].index];
    }
}

/* The next whole trajectory becomes base: 1, 0 at the end, or -1. */
static int
read_base(struct run *r)
{
    const struct hs_depend *d = r->d;
    int rc;

    while (!r->ended) {
        rc = hs_unedited_read(d->in.acts, d->in.acts_name, &r->rec,
                              &r->segments, &r->err);
        if (rc < 0)
            return -1;
        if (rc > 0 && r->rec.type == HS_REC_STATES && r->ahead != NULL)
            add_states(r, &r->rec.states);
        if (rc > 0 && r->rec.type != HS_REC_TRAJECTORY)
            continue;
        r->base = r->ahead;
        r->ahead = NULL;
        /* Behind the limit the rest is read all the same: it must be whole. */
        r->ended = rc == 0;
        if (rc > 0 && (d->o.limit == 0 || r->n_read < d->o.limit)) {
            r->n_read++;
            if (begin_job(r, &r->rec.traj) < 0)
                return -1;
        }
        if (r->base != NULL)
            return 1;
    }
    return 0;
}

/* ---- items ---- */

static void
free_replay(void *user)
{
    struct replay *u = user;

    free(u->x);
    free(u);
}

static int
next(void *ud, struct hs_item **out)
{
    struct run *r = ud;
    const struct hs_depend *d = r->d;
    struct hs_item *item;
    struct replay *u;
    int rc;

    if (r->base == NULL) {
        if ((rc = read_base(r)) <= 0)
            return rc;
        r->arm = 0;
    }
    u = hs_calloc(1, sizeof *u);
    *u = (struct replay){.d = d, .job = r->base, .arm = r->arm};
    item = hs_calloc(1, sizeof *item);
    *item = (struct hs_item){.id = r->base->id,
                             .n_prompt = r->base->n_prompt,
                             .n_tokens = r->base->n_tokens,
                             .replay = true,
                             .edit = d->arms[r->arm].edit,
                             .user = u,
                             .free_user = free_replay};
    item->tokens = hs_calloc(item->n_tokens, sizeof *item->tokens);
    memcpy(item->tokens, r->base->tokens,
           item->n_tokens * sizeof *item->tokens);
    if (++r->arm == d->n_arms)
        r->base = NULL;
    *out = item;
    return 1;
}

/* Of all states only the tested coordinates are kept.  Called by threads. */
static void
finished(void *ud, struct hs_item *item)
{
    struct replay *u = item->user;
    const struct hs_depend *d = u->d;
    size_t stride = d->kept.n * d->d;

    (void)ud;
    u->x = hs_calloc(item->n_states, hs_mul(d->n_coords, sizeof *u->x));
    for (size_t i = 0; i < item->n_states; i++)
        for (size_t c = 0; c < d->n_coords; c++)
            u->x[i * d->n_coords + c] =
                item->states[i * stride + d->kept_at[c] * d->d +
                             d->coords[c].index];
    free(item->states);
    item->states = NULL;
}

/* ---- what is to be checked ---- */

/* Every row that was fed and that the edit reaches, times what it zeroes. */
static int
check_edits(struct run *r, const struct hs_item *item, const struct replay *u)
{
    struct hs_depend *d = r->d;
    size_t fed = u->job->n_prompt + u->job->length,
           n = u->arm == 0 ? 0 : d->k * d->o.edit_layers.n;
    uint64_t rows = 0;

    if (item->n_states != u->job->length + 1)
        return hs_fail(&r->err, "%s: %zu states, not %zu", u->job->id,
                       item->n_states, u->job->length + 1);
    for (size_t pos = 0; pos < fed; pos++)
        rows += hs_edit_reaches(d->o.where, pos, u->job->n_prompt);
    if (item->edits != rows * n)
        return hs_fail(&r->err,
                       "%s, %s: %" PRIu64 " numbers were zeroed, not %" PRIu64
                       " rows of %zu",
                       u->job->id, d->arms[u->arm].label, item->edits, rows, n);
    d->arms[u->arm].edits += item->edits;
    return 0;
}

static int
check_stored(struct run *r, const struct job *j)
{
    struct hs_depend *d = r->d;

    for (size_t c = 0; c < d->n_coords; c++) {
        double off = 0, all = 0, ratio;

        for (size_t i = 0; i < j->n_stored; i++) {
            double x = (double)j->stored[i * d->n_coords + c],
                   y = (double)j->none[j->t[i] * d->n_coords + c],
                   away = fmax(0, fabs(x - y) - SMALLEST);

            off += away * away;
            all += x * x;
        }
        ratio = off > 0 ? sqrt(off / all) : 0; /* infinite for all 0 */
        if (!(ratio <= DEVIATION))
            return hs_fail(&r->err,
                           "%s: %s: layer %" PRIu32 ", coordinate %" PRIu32
                           ": the model's states differ by %.3g of what is "
                           "stored: another model, or other tokens",
                           d->in.acts_name, j->id, d->coords[c].layer,
                           d->coords[c].index, ratio);
        d->deviation = fmax(d->deviation, ratio);
    }
    d->n_checked += j->n_stored;
    return 0;
}

/* ---- what it comes to ---- */

/* Coordinate c of a trace at s_1 .. s_T, and its mean and deviation; that is 0
 * for a constant. */
static void
column(const struct hs_depend *d, const float *x, size_t length, size_t c,
       double *out, double *mean, double *sd)
{
    double sum = 0, square = 0, largest = 0;

    for (size_t t = 0; t < length; t++) {
        out[t] = (double)x[(t + 1) * d->n_coords + c];
        sum += out[t];
        largest = fmax(largest, fabs(out[t]));
    }
    *mean = length > 0 ? sum / (double)length : 0;
    for (size_t t = 0; t < length; t++)
        square += (out[t] - *mean) * (out[t] - *mean);
    *sd = length > 0 ? sqrt(square / (double)length) : 0;
    if (!(*sd > FLAT * largest))
        *sd = 0;
}

/* Which steps count, and their deltas. */
static bool
step_counts(const struct hs_depend *d, const struct hs_rollouts *v, size_t i,
            double *delta)
{
    double before = hs_rollouts_value(v, i - 1, HS_ROLLOUTS_ALL),
           after = hs_rollouts_value(v, i, HS_ROLLOUTS_ALL);

    *delta = d->o.gamma * after - before;
    return hs_step_beyond(before, after, d->o.gamma, d->o.threshold);
}

static void
begin_steps(struct run *r, const struct job *j)
{
    struct hs_depend *d = r->d;

    r->job_steps = 0;
    for (size_t i = 1; i < j->rollouts.n; i++) {
        double delta;

        if (!step_counts(d, &j->rollouts, i, &delta))
            continue;
        r->delta =
            hs_grow(r->delta, &r->cap_delta, d->n_steps + 1, sizeof *r->delta);
        r->delta[d->n_steps++] = delta;
        r->job_steps++;
    }
}

/* The pooled rows of an arm, those of begin_steps(). */
static void
add_steps(struct run *r, const struct job *j, size_t arm, const float *x)
{
    const struct hs_depend *d = r->d;
    size_t n = d->n_coords, first = d->n_steps - r->job_steps;
    double *rows;

    if (r->job_steps == 0)
        return; /* there may be no rows at all */
    r->rows[arm] = hs_grow(r->rows[arm], &r->cap_rows[arm],
                           hs_mul(d->n_steps, n), sizeof(double));
    rows = r->rows[arm] + first * n;
    for (size_t c = 0; c < n; c++) {
        double mean, sd, delta;
        size_t row = 0;

        column(d, x, j->length, c, r->b, &mean, &sd);
        for (size_t i = 1; i < j->rollouts.n; i++) {
            size_t from = j->rollouts.at[i - 1], to = j->rollouts.at[i];
            double z = 0;

            if (!step_counts(d, &j->rollouts, i, &delta))
                continue;
            for (size_t t = from; t < to && sd > 0; t++) /* b[t] is s_(t+1) */
                z += r->b[t] - mean;
            rows[row++ * n + c] =
                j->sd[c] > 0 ? z / j->sd[c] / (double)(to - from) : 0;
        }
    }
}

static void
add_figures(struct run *r, const struct job *j, size_t arm, const float *x)
{
    struct hs_depend *d = r->d;
    struct hs_depend_arm *a = &d->arms[arm];

    if (j->length < FEWEST)
        return;
    for (size_t c = 0; c < d->n_coords; c++) {
        double mean, sd;

        if (!(j->sd[c] > 0))
            continue;
        column(d, j->none, j->length, c, r->a, &mean, &sd);
        column(d, x, j->length, c, r->b, &mean, &sd);
        a->corr[c] += sd > 0 ? hs_pearson(r->a, r->b, j->length) : 0;
        a->ratio[c] += sd / j->sd[c];
        a->n_flat[c] += !(sd > 0);
        d->n_traces[c] += arm == 0;
    }
}

/* The unedited traces of a job, which it keeps. */
static int
take_none(struct run *r, struct job *j, struct replay *u)
{
    struct hs_depend *d = r->d;

    j->none = u->x;
    u->x = NULL;
    j->mean = hs_calloc(d->n_coords, sizeof *j->mean);
    j->sd = hs_calloc(d->n_coords, sizeof *j->sd);
    r->a = hs_grow(r->a, &r->cap_a, j->length, sizeof *r->a);
    r->b = hs_grow(r->b, &r->cap_b, j->length, sizeof *r->b);
    for (size_t c = 0; c < d->n_coords; c++)
        column(d, j->none, j->length, c, r->a, &j->mean[c], &j->sd[c]);
    begin_steps(r, j);
    d->n_traj++;
    d->n_tokens += j->n_tokens;
    return check_stored(r, j);
}

static int
emit(void *ud, struct hs_item *item)
{
    struct run *r = ud;
    struct hs_depend *d = r->d;
    struct replay *u = item->user;
    struct job *j = u->job;
    size_t arm = u->arm;
    int rc = check_edits(r, item, u);

    if (rc == 0 && arm == 0)
        rc = take_none(r, j, u);
    if (rc == 0) {
        const float *x = arm == 0 ? j->none : u->x;

        add_figures(r, j, arm, x);
        add_steps(r, j, arm, x);
        hs_progress_show(&r->progress, d->n_traj, d->n_tokens, -1);
    }
    hs_item_free(item);
    if (rc == 0 && arm + 1 == d->n_arms)
        free_job(j);
    return rc;
}

/* What was summed up becomes what it is called. */
static void
finish(struct run *r)
{
    struct hs_depend *d = r->d;
    double *z = hs_calloc(d->n_steps, sizeof *z);

    for (size_t i = 0; i < d->n_arms; i++) {
        struct hs_depend_arm *a = &d->arms[i];

        for (size_t c = 0; c < d->n_coords; c++) {
            double n =
                d->n_traces[c] > 0 ? (double)d->n_traces[c] : (double)NAN;

            a->corr[c] /= n;
            a->ratio[c] /= n;
            for (size_t k = 0; k < d->n_steps; k++)
                z[k] = r->rows[i][k * d->n_coords + c];
            a->rho[c] = hs_spearman(r->delta, z, d->n_steps, NULL);
            if (isnan(a->rho[c]) && !isnan(d->arms[0].rho[c]))
                a->rho[c] = 0; /* nothing is left that could go with it */
        }
    }
    free(z);
}

static void
set_sched(struct run *r)
{
    struct hs_depend *d = r->d;
    bool ignore = json_is_true(json_object_get(d->head.run, "ignore_eos"));

    r->sched = (struct hs_sched_options){
        .batch = d->o.batch,
        .team = d->in.team,
        .layers = d->kept,
        .positions = HS_POSITIONS_ALL,
        .eos = d->in.model->cfg.eos,
        .n_eos = ignore ? 0 : d->in.model->cfg.n_eos,
        .next = next,
        .finished = finished,
        .emit = emit,
        .ud = r,
    };
}

int
hs_depend_run(struct hs_depend *d, struct hs_error *err)
{
    struct run r = {.d = d, .segments = 1};
    int rc;

    err->text[0] = '\0';
    set_sched(&r);
    r.rows = hs_calloc(d->n_arms, sizeof *r.rows);
    r.cap_rows = hs_calloc(d->n_arms, sizeof *r.cap_rows);
    hs_reader_select(d->in.acts, &d->kept);
    hs_progress_start(&r.progress, d->o.progress);
    rc = hs_sched_run(d->in.model, &r.sched, err);
    hs_progress_end(&r.progress, d->n_traj, d->n_tokens);
    if (rc < 0 && err->text[0] == '\0')
        *err = r.err;
    if (rc == 0 && d->n_traj == 0)
        rc = hs_fail(err, "%s: no trajectory", d->in.acts_name);
    if (rc == 0)
        finish(&r);
    while (r.alive != NULL)
        free_job(r.alive);
    for (size_t i = 0; i < d->n_arms; i++)
        free(r.rows[i]);
    free(r.rows);
    free(r.cap_rows);
    free(r.delta);
    free(r.a);
    free(r.b);
    free(r.wide);
    hs_record_free(&r.rec);
    return rc;
}
