/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rollsrc.c - see rollsrc.h.
 */
#include <config.h>

#include "task/rollsrc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/sink.h"

struct hs_rollsrc {
    struct hs_rollsrc_options o;
    struct hs_rollsrc_counts counts;

    /* Of a stream. */
    struct hs_record rec;
    uint64_t n_read; /* trajectories */
    uint64_t segment;
    json_t *run; /* of the first segment */
    struct hs_idset ids;
    struct hs_rolled *open;   /* whose records are being read; or NULL */
    struct hs_encoded before; /* what stood before the first trajectory */
    size_t rows_due;          /* of states of the trajectory, all layers */
    bool mine;                /* it is of this shard, and not done */

    /* Of problems. */
    struct hs_rolled **made; /* (batch), those from given up to n_made */
    size_t n_made, n_taken, given;
};

struct hs_rollsrc *
hs_rollsrc_new(const struct hs_rollsrc_options *o)
{
    struct hs_rollsrc *s = hs_calloc(1, sizeof *s);

    s->o = *o;
    if (o->work != NULL)
        s->made = hs_calloc(o->solve.sched.batch, sizeof(struct hs_rolled *));
    return s;
}

void
hs_rollsrc_free(struct hs_rollsrc *s)
{
    if (s == NULL)
        return;
    for (size_t i = s->given; i < s->n_made; i++)
        hs_rolled_free(s->made[i]);
    free(s->made);
    hs_rolled_free(s->open);
    hs_encoded_free(&s->before);
    hs_record_free(&s->rec);
    hs_idset_free(&s->ids);
    json_decref(s->run);
    free(s);
}

const struct hs_rollsrc_counts *
hs_rollsrc_counts(const struct hs_rollsrc *s)
{
    return &s->counts;
}

struct hs_rollout_options
hs_run_rollouts(const struct hs_run *r, const struct hs_run_options *o)
{
    return (struct hs_rollout_options){.model = r->model,
                                       .grader = o->grader,
                                       .sched = r->sched,
                                       .rule = o->branch,
                                       .k = (uint32_t)o->rollouts,
                                       .max_tokens = o->max_tokens,
                                       .sharing = !o->no_sharing};
}

static void
count(struct hs_rollsrc *s, const struct hs_trajectory *t)
{
    s->counts.tokens += t->n_tokens;
    s->counts.generated += t->n_tokens - t->n_prompt;
    s->counts.edits += t->edits;
}

/* ---- from problems */

static int
next_work(void *ud, struct hs_item **item, struct hs_error *err)
{
    struct hs_rollsrc *s = ud;
    int rc;

    if (s->n_taken == s->o.solve.sched.batch)
        return 0;
    rc = hs_work_next(s->o.work, item, err);
    s->n_taken += rc > 0;
    return rc;
}

/* Takes what is in the job, which is freed behind this. */
static int
keep_work(void *ud, const struct hs_item *item, const struct hs_job *job)
{
    struct hs_rollsrc *s = ud;
    struct hs_job *own = item->user;
    struct hs_rolled *r = hs_rolled_new();

    (void)job; /* is own, lent */
    r->traj = own->traj;
    r->behind = own->encoded;
    own->traj = (struct hs_trajectory){0};
    own->encoded = (struct hs_encoded){0};
    count(s, &r->traj);
    s->made[s->n_made++] = r;
    return 0;
}

static int
next_made(struct hs_rollsrc *s, struct hs_rolled **out, struct hs_error *err)
{
    struct hs_solve_options solve = s->o.solve;

    if (s->given == s->n_made) {
        s->given = s->n_made = s->n_taken = 0;
        solve.states_only = true;
        solve.next = next_work;
        solve.emit = keep_work;
        solve.ud = s;
        if (hs_solve(&solve, err) < 0)
            return -1;
    }
    if (s->given == s->n_made)
        return 0;
    *out = s->made[s->given++];
    return 1;
}

/* ---- from a stream */

/* Another segment must be of the same run: one sampler goes on with all. */
static int
check_segment(struct hs_rollsrc *s, struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(s->o.reader);

    s->segment = hs_reader_segments(s->o.reader);
    if (s->run == NULL)
        s->run = json_deep_copy(head->run);
    else if (hs_run_same(s->run, head->run, err) < 0)
        return hs_fail_prefix(err, "%s: segment %" PRIu64 ": of another run",
                              s->o.name, s->segment);
    return 0;
}

/* What is open goes out. */
static int
hand_out(struct hs_rollsrc *s, struct hs_rolled **out)
{
    *out = s->open;
    s->open = NULL;
    if (*out == NULL)
        return 0;
    count(s, &(*out)->traj);
    return 1;
}

static int
begin_trajectory(struct hs_rollsrc *s, struct hs_error *err)
{
    const struct hs_trajectory *t = &s->rec.traj;
    const struct hs_idset *done = s->o.done;
    size_t n_layers = hs_reader_head(s->o.reader)->layers.n;

    if (!hs_idset_add(&s->ids, t->id, strlen(t->id)))
        return hs_fail(err, "%s: a second trajectory '%s'", s->o.name, t->id);
    s->rows_due = hs_mul(n_layers, t->n_states);
    s->mine = s->n_read % s->o.n_shards + 1 == s->o.shard;
    if (s->mine && done != NULL && hs_idset_has(done, t->id, strlen(t->id))) {
        s->mine = false;
        s->counts.done++;
    }
    if (s->mine) {
        s->open = hs_rolled_new();
        if (s->n_read == 0) {
            s->open->before = s->before;
            s->before = (struct hs_encoded){0};
        }
    }
    s->n_read++;
    return 0;
}

/* The reader asks for the trajectory as long as its states are read. */
static void
take_trajectory(struct hs_rollsrc *s)
{
    if (s->rows_due > 0 || !s->mine || s->open->traj.id != NULL)
        return;
    s->open->traj = s->rec.traj;
    s->rec.traj = (struct hs_trajectory){0};
}

/* One record: 1 when a trajectory is out with it, 0, -1. */
static int
take_record(struct hs_rollsrc *s, struct hs_rolled **out, struct hs_error *err)
{
    const struct hs_record *rec = &s->rec;
    int rc = 0;

    if (hs_reader_segments(s->o.reader) != s->segment &&
        check_segment(s, err) < 0)
        return -1;
    if (rec->type == HS_REC_TRAJECTORY) {
        rc = hand_out(s, out);
        if (begin_trajectory(s, err) < 0) {
            hs_rolled_free(rc > 0 ? *out : NULL);
            return -1;
        }
    } else if (s->n_read == 0) {
        if (s->o.shard == 1)
            hs_encode_raw(&s->before, rec);
    } else {
        if (rec->type == HS_REC_STATES)
            s->rows_due -= rec->states.n_rows;
        if (s->mine)
            hs_encode_raw(&s->open->behind, rec);
    }
    take_trajectory(s);
    return rc;
}

static int
next_read(struct hs_rollsrc *s, struct hs_rolled **out, struct hs_error *err)
{
    int rc;

    while ((rc = hs_read(s->o.reader, &s->rec)) > 0) {
        rc = take_record(s, out, err);
        if (rc != 0)
            return rc;
    }
    if (rc < 0)
        return hs_fail(err, "%s", hs_reader_error(s->o.reader));
    if (s->n_read == 0 && s->before.n > 0)
        return hs_fail(err, "%s: records, and no trajectory", s->o.name);
    return hand_out(s, out);
}

int
hs_rollsrc_next(void *ud, struct hs_rolled **out, struct hs_error *err)
{
    struct hs_rollsrc *s = ud;

    return s->o.work != NULL ? next_made(s, out, err) : next_read(s, out, err);
}
