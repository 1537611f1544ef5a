/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * searchrun.c - many hunts in one run of the scheduler, see search.h.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "search/hunt.h"

enum {
    WINDOW = 4 /* hunts under way or waiting for their turn, per active one */
};

void
hs_search_ready(struct hs_search *s, struct hs_item *item)
{
    size_t n = s->n_ready - s->next_ready;

    /* Items that are handed out leave room, which is used again where it is at
     * least as large as what is to be moved. */
    if (s->n_ready == s->cap_ready && s->next_ready >= n) {
        if (n > 0)
            memmove(s->ready, s->ready + s->next_ready,
                    n * sizeof(struct hs_item *));
        s->next_ready = 0;
        s->n_ready = n;
    }
    s->ready = hs_grow(s->ready, &s->cap_ready, s->n_ready + 1,
                       sizeof(struct hs_item *));
    s->ready[s->n_ready++] = item;
}

/* ---- which hunt is next ---- */

static bool
is_done(const struct hs_search *s, const struct hs_scorer *arm, size_t seed_at)
{
    char *id = hs_hunt_id(s, arm, seed_at, s->question);
    bool done = hs_idset_has(&s->sink->done, id, strlen(id));

    free(id);
    return done;
}

/* Whether a scorer has answers of its own for a seed. */
static bool
is_wanted(const struct hs_scorer *arm, size_t seed_at)
{
    return arm->kind != HS_SCORER_GREEDY || seed_at == 0;
}

/* The arms of hunt number i of a seed: scorer i's, or behind the last one, with
 * whole answers, all of them.  How many; they are the caller's. */
static size_t
choose_arms(struct hs_search *s, size_t i, const struct hs_scorer **arms)
{
    const struct hs_scorers *all = &s->o->scorers;
    bool pool = i == all->n;
    size_t n = 0;

    for (size_t k = 0; k < all->n; k++) {
        const struct hs_scorer *arm = &all->v[k];
        bool alone = !s->o->whole || arm->kind == HS_SCORER_GREEDY;

        if (!is_wanted(arm, s->seed_at) || (pool ? alone : !alone || k != i))
            continue;
        if (is_done(s, arm, s->seed_at))
            s->counts.done++;
        else
            arms[n++] = arm;
    }
    return n;
}

/* Begins a hunt of the question, if it has another one. */
static bool
begin_one(struct hs_search *s)
{
    size_t n_scorers = s->o->scorers.n;
    const struct hs_scorer **arms =
        hs_calloc(n_scorers, sizeof(const struct hs_scorer *));

    for (; s->seed_at < s->o->seeds; s->seed_at++, s->scorer_at = 0) {
        while (s->scorer_at <= n_scorers) {
            size_t n = choose_arms(s, s->scorer_at++, arms);
            struct hs_hunt *h;

            if (n == 0)
                continue;
            h = hs_hunt_new(s, s->question, s->seed_at, arms, n);
            s->hunts[(s->head + s->n_hunts++) % s->window] = h;
            s->n_active++;
            return true;
        }
    }
    free(arms);
    return false;
}

/* Begins the next hunt.  1, 0 if there is none, -1. */
static int
begin_next(struct hs_search *s)
{
    for (;;) {
        struct hs_item *base;
        int rc;

        if (s->question != NULL && begin_one(s))
            return 1;
        hs_question_release(s->question);
        s->question = NULL;
        rc = hs_work_next(s->work, &base, &s->err);
        if (rc <= 0)
            return rc;
        s->question = hs_calloc(1, sizeof *s->question);
        *s->question = (struct hs_question){.base = base, .users = 1};
        s->seed_at = s->scorer_at = 0;
    }
}

/* ---- writing ---- */

/* Writes what is done, in order. */
static int
write_done(struct hs_search *s)
{
    while (s->n_hunts > 0 && s->hunts[s->head]->done) {
        struct hs_hunt *h = s->hunts[s->head];

        if (hs_write_encoded(s->sink->writer, &h->encoded) < 0)
            return hs_fail(&s->err, "%s", hs_writer_error(s->sink->writer));
        s->counts.answers += h->n_records;
        s->head = (s->head + 1) % s->window;
        s->n_hunts--;
        hs_hunt_free(h);
    }
    hs_progress_show(&s->progress, s->counts.answers, s->counts.generated,
                     s->expected > 0
                         ? (double)(s->counts.answers + s->counts.done) /
                               (double)s->expected
                         : -1);
    return 0;
}

/* ---- callbacks of the scheduler ---- */

static int
advance_due(struct hs_search *s)
{
    for (size_t i = 0; i < s->n_due; i++) {
        struct hs_hunt *h = s->due[i];

        if (hs_hunt_advance(h, &s->err) < 0)
            return -1;
        s->n_active -= h->done;
    }
    s->n_due = 0;
    return write_done(s);
}

static int
next(void *ud, struct hs_item **item)
{
    struct hs_search *s = ud;

    if (advance_due(s) < 0)
        return -1;
    while (s->next_ready == s->n_ready) {
        int rc = 0;

        if (!s->ended && s->n_active < s->most_active &&
            s->n_hunts < s->window) {
            rc = begin_next(s);
            s->ended = rc == 0;
        }
        if (rc < 0)
            return -1;
        if (rc == 0)
            return s->n_active > 0 ? HS_SCHED_LATER : 0;
    }
    *item = s->ready[s->next_ready++];
    return 1;
}

static void
finished(void *ud, struct hs_item *item)
{
    (void)ud;
    hs_piece_finish(item);
}

static bool
stops(void *ud, struct hs_item *item, uint32_t token)
{
    (void)ud;
    return hs_piece_stops(item, token);
}

static int
emit(void *ud, struct hs_item *item)
{
    struct hs_search *s = ud;
    struct hs_hunt *h = ((struct hs_piece *)item->user)->hunt;

    s->counts.generated += item->n_tokens - item->n_prompt;
    if (hs_hunt_take(h, item, &s->err) < 0)
        return -1;
    if (h->out == 0)
        s->due[s->n_due++] = h;
    return 0;
}

/* ---- the run ---- */

/* As many hunts as keep the batch full while some wait for their last
 * candidate; each of them takes a place beside its candidates. */
static void
make_room(struct hs_search *s)
{
    size_t batch = (size_t)s->o->run.batch, k = (size_t)s->o->candidates;

    s->most_active = 1 + 2 * batch / (k + 1);
    s->window = hs_mul(s->most_active, WINDOW);
    s->hunts = hs_calloc(s->window, sizeof(struct hs_hunt *));
    s->due = hs_calloc(s->window, sizeof(struct hs_hunt *));
    s->run.sched.batch = batch + s->most_active;
}

static void
clean_up(struct hs_search *s)
{
    for (size_t i = s->next_ready; i < s->n_ready; i++)
        hs_item_free(s->ready[i]);
    for (size_t i = 0; i < s->n_hunts; i++)
        hs_hunt_free(s->hunts[(s->head + i) % s->window]);
    hs_question_release(s->question);
    s->question = NULL;
    s->n_hunts = s->n_ready = s->next_ready = 0;
}

int
hs_search_run(struct hs_search *s, struct hs_sink *sink, struct hs_error *err)
{
    struct hs_sched_options sched;
    int rc;

    s->sink = sink;
    make_room(s);
    sched = s->run.sched;
    sched.stats = &s->shared;
    sched.unordered = true;
    sched.stops = stops;
    sched.next = next;
    sched.finished = finished;
    sched.emit = emit;
    sched.ud = s;
    s->work = hs_work_new(&s->work_options);
    hs_progress_start(&s->progress, s->progress_mode);
    rc = hs_sched_run(s->run.model, &sched, err);
    if (rc < 0 && err->text[0] == '\0')
        *err = s->err;
    clean_up(s);
    if (rc == 0)
        hs_progress_end(&s->progress, s->counts.answers, s->counts.generated);
    return rc;
}
