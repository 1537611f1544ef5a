/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rollout.c - see rollout.h.
 *
 * Trajectories stand in a ring in their order; continuations are handed out
 * trajectory by trajectory, boundary by boundary, come back in any order, and
 * are only counted.
 */
#include <config.h>

#include "task/rollout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"
#include "task/solve.h"

enum {
    GANGS = 4 /* at least, that fit the batch */
};

struct rollout {
    const struct hs_rollout_options *o;
    struct hs_rollout_counts *counts;
    struct hs_rolled **ring; /* (window), n of them from head on */
    size_t window, head, n;
    bool ended;
    uint32_t gang;       /* continuations of a boundary that go together */
    uint64_t groups;     /* number of the last one of these */
    struct hs_error err; /* of a callback */
};

/* What the user member of a continuation points to. */
struct branch {
    struct hs_rolled *from;
    size_t boundary, n_given;
    uint32_t number;
    int reward;
};

struct hs_rolled *
hs_rolled_new(void)
{
    return hs_calloc(1, sizeof(struct hs_rolled));
}

void
hs_rolled_free(struct hs_rolled *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; r->names != NULL && i + 1 < r->counts.n; i++)
        free(r->names[i]);
    free(r->names);
    hs_rollouts_free(&r->counts);
    hs_trajectory_free(&r->traj);
    hs_encoded_free(&r->before);
    hs_encoded_free(&r->behind);
    hs_encoded_free(&r->record);
    free(r);
}

/* Tokens of a completion that have a state: all but an EOS that ends it. */
static size_t
length_of(const struct hs_model *m, size_t n_eos, const struct hs_trajectory *t)
{
    size_t n = t->n_tokens - t->n_prompt;

    if (n > 0 && n_eos > 0 && hs_model_is_eos(m, t->tokens[t->n_tokens - 1]))
        n--;
    return n;
}

/* Whether t can be gone on with. */
static int
check(const struct hs_rollout_options *o, const struct hs_trajectory *t,
      size_t length, struct hs_error *err)
{
    const char *grader = hs_grader_name(o->grader);

    if (t->rollouts != NULL)
        return hs_fail(err, "%s: has rollouts already", t->id);
    if (t->n_prompt == 0)
        return hs_fail(err, "%s: has no prompt", t->id);
    if (t->grader == NULL || strcmp(t->grader, grader) != 0)
        return hs_fail(
            err, "%s: was graded by %s, not by %s; hs-grade grades again",
            t->id, t->grader != NULL ? t->grader : "nothing", grader);
    if (length > o->max_tokens)
        return hs_fail(err,
                       "%s: the completion has %zu tokens, more than the "
                       "%" PRIu64 " of --max-tokens",
                       t->id, length, o->max_tokens);
    return 0;
}

int
hs_rollout_split(const struct hs_rollout_options *o,
                 const struct hs_trajectory *t, uint32_t **at, size_t *n,
                 struct hs_error *err)
{
    size_t length = length_of(o->model, o->sched.n_eos, t);

    if (check(o, t, length, err) < 0)
        return -1;
    if (hs_step_split(&o->rule, o->model->tok, t->tokens + t->n_prompt, length,
                      at, n, err) < 0)
        return hs_fail_prefix(err, "%s", t->id);
    return 0;
}

/* ---- what is handed out */

/* Whether all continuations are handed out. */
static bool
is_through(const struct hs_rolled *r)
{
    return r->boundary + 1 >= r->counts.n;
}

/* Finds the boundaries of a trajectory. */
static int
begin(struct rollout *s, struct hs_rolled *r)
{
    const struct hs_rollout_options *o = s->o;
    const struct hs_trajectory *t = &r->traj;
    struct hs_buf rule = {0};
    uint32_t *at;
    size_t n;

    if (hs_rollout_split(o, t, &at, &n, &s->err) < 0)
        return -1;
    hs_step_name(&o->rule, &rule);
    hs_rollouts_init(&r->counts, hs_buf_cstr(&rule), o->rule.min_tokens, n);
    memcpy(r->counts.at, at, n * sizeof *at);
    hs_buf_free(&rule);
    free(at);
    r->names = hs_calloc(n, sizeof *r->names);
    for (size_t i = 0; i + 1 < n; i++) {
        struct hs_buf b = {0};

        hs_buf_printf(&b, "%s@%" PRIu32, t->id, r->counts.at[i]);
        r->names[i] = hs_buf_cstr(&b);
    }
    s->counts->trajectories++;
    s->counts->boundaries += n - 1;
    return 0;
}

/* An item that begins as a trajectory does. */
static struct hs_item *
new_item(const struct hs_rolled *r, size_t n_completion)
{
    const struct hs_trajectory *t = &r->traj;
    struct hs_item *item = hs_calloc(1, sizeof *item);
    size_t n = t->n_prompt + n_completion;

    item->id = t->id;
    item->n_prompt = t->n_prompt;
    item->n_tokens = n;
    item->tokens = hs_malloc(hs_mul(n, sizeof *item->tokens));
    memcpy(item->tokens, t->tokens, n * sizeof *item->tokens);
    return item;
}

/* The trunk reaches as far as the last continuation takes from it. */
static struct hs_item *
new_trunk(struct hs_rolled *r)
{
    uint32_t last = r->counts.at[r->counts.n - 2];
    size_t n = last > 0 ? last - 1 : 0;

    r->trunk = new_item(r, n);
    r->trunk->max_tokens = n;
    r->trunk->replay = true;
    r->trunk->hold = true;
    return r->trunk;
}

static struct hs_item *
new_branch(struct rollout *s, struct hs_rolled *r)
{
    struct hs_item *item = new_item(r, r->counts.at[r->boundary]);
    struct branch *b = hs_calloc(1, sizeof *b);
    const char *name = r->names[r->boundary];

    *b = (struct branch){.from = r,
                         .boundary = r->boundary,
                         .n_given = item->n_tokens,
                         .number = r->number};
    item->id = name;
    item->problem = XXH3_64bits(name, strlen(name));
    item->sample = r->number;
    item->max_tokens = s->o->max_tokens;
    if (r->trunk != NULL && s->gang > 1) {
        s->groups += r->number % s->gang == 0;
        item->group = s->groups;
    }
    item->user = b;
    item->free_user = free;
    if (r->trunk != NULL) {
        item->trunk = r->trunk;
        item->n_share = item->n_tokens - 1;
    }
    s->counts->continuations++;
    s->counts->given += item->n_tokens;
    r->n_open++;
    if (++r->number == s->o->k) {
        r->number = 0;
        r->boundary++;
    }
    if (is_through(r) && r->trunk != NULL) {
        r->trunk->hold = false;
        r->trunk = NULL;
    }
    return item;
}

/* ---- what comes back */

/* Hands on the trajectories at the head of the ring that are done. */
static int
drain(struct rollout *s)
{
    while (s->n > 0) {
        struct hs_rolled *r = s->ring[s->head];
        int rc;

        if (!is_through(r) || r->n_open > 0)
            return 0;
        hs_rollouts_finish(&r->counts, r->traj.reward);
        r->traj.rollouts = hs_rollouts_json(&r->counts);
        hs_encode_trajectory(&r->record, &r->traj);
        rc = s->o->emit(s->o->ud, r, &s->err);
        hs_rolled_free(r);
        s->head = (s->head + 1) % s->window;
        s->n--;
        if (rc < 0)
            return -1;
    }
    return 0;
}

static void
finished(void *ud, struct hs_item *item)
{
    const struct rollout *s = ud;
    struct branch *b = item->user;
    const struct hs_trajectory *t = &b->from->traj;
    char *text = hs_item_text(s->o->model, s->o->sched.n_eos, item);
    struct hs_verdict v = {0};

    hs_grade(s->o->grader, text, strlen(text), item->finish == HS_FINISH_LENGTH,
             t->gold, t->meta, &v);
    b->reward = v.reward;
    hs_verdict_free(&v);
    free(text);
}

static int
emit(void *ud, struct hs_item *item)
{
    struct rollout *s = ud;
    const struct branch *b = item->user;
    uint64_t drawn = item->n_tokens - b->n_given;

    hs_rollouts_count(&b->from->counts, b->boundary, b->number, b->reward);
    b->from->counts.tokens += drawn;
    b->from->n_open--;
    s->counts->tokens += drawn;
    s->counts->undecided += b->reward < 0;
    hs_item_free(item);
    return drain(s);
}

/* ---- what comes in */

/* Takes one more trajectory into the ring.  1, 0 at the end, -1. */
static int
take(struct rollout *s)
{
    struct hs_rolled *r = NULL;
    int rc = s->o->next(s->o->ud, &r, &s->err);

    s->ended = rc == 0;
    if (rc <= 0)
        return rc;
    s->ring[(s->head + s->n++) % s->window] = r;
    if (begin(s, r) < 0)
        return -1;
    return is_through(r) && drain(s) < 0 ? -1 : 1;
}

static int
next(void *ud, struct hs_item **item)
{
    struct rollout *s = ud;

    for (;;) {
        struct hs_rolled *r =
            s->n > 0 ? s->ring[(s->head + s->n - 1) % s->window] : NULL;

        if (r != NULL && !is_through(r)) {
            bool first = r->boundary == 0 && r->number == 0;

            *item = first && r->trunk == NULL && s->o->sharing
                        ? new_trunk(r)
                        : new_branch(s, r);
            return 1;
        }
        if (s->ended)
            return 0;
        if (s->n == s->window)
            return HS_SCHED_LATER; /* the first of the ring is not done */
        if (take(s) < 0)
            return -1;
    }
}

/* Continuations of a boundary are alike until they draw different tokens: as
 * many start together as are a good part of the batch. */
static uint32_t
gang_size(const struct hs_rollout_options *o)
{
    size_t most = o->sched.batch / GANGS, n;

    if (!o->sharing || most < 2)
        return 1;
    n = (o->k + most - 1) / most;
    return (uint32_t)((o->k + n - 1) / n);
}

int
hs_rollout_run(const struct hs_rollout_options *o,
               struct hs_rollout_counts *counts, struct hs_error *err)
{
    struct rollout s = {.o = o, .counts = counts, .window = o->sched.batch};
    struct hs_sched_options sched = o->sched;
    int rc;

    sched.layers = (struct hs_list){0};
    sched.stats = &counts->blocks;
    sched.unordered = true;
    sched.next = next;
    sched.finished = finished;
    sched.emit = emit;
    sched.ud = &s;
    s.gang = gang_size(o);
    s.ring = hs_calloc(s.window, sizeof(struct hs_rolled *));
    rc = hs_sched_run(o->model, &sched, err);
    if (rc < 0 && err->text[0] == '\0')
        *err = s.err;
    for (size_t i = 0; i < s.n; i++)
        hs_rolled_free(s.ring[(s.head + i) % s.window]);
    free(s.ring);
    return rc;
}
