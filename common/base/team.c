/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * team.c - see team.h.  One barrier does everything: it starts a job, divides
 * it, and ends it.
 */
#include <config.h>

#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum {
    SPIN_NS = 50000, /* about what sleeping and being woken takes */
    SPIN_ROUND = 32  /* pauses between two looks at the clock */
};

struct member {
    struct hs_team *team;
    size_t index;
    pthread_t thread;
};

struct hs_team {
    size_t n;
    struct member *members; /* (n); the first has no thread of its own */
    hs_team_job *job;       /* NULL ends the threads */
    void *ud;

    _Alignas(64) atomic_size_t next;  /* index that hs_team_take() gives */
    _Alignas(64) atomic_size_t there; /* threads that wait */
    _Alignas(64) atomic_uint round;   /* waits that are over */
    pthread_mutex_t lock;             /* of changes of round */
    pthread_cond_t changed;
};

static void
pause_a_little(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("isb");
#endif
}

static long long
now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Whether the round was over before it got too long. */
static bool
spin(struct hs_team *t, unsigned round)
{
    long long limit = now_ns() + SPIN_NS;

    do {
        for (int i = 0; i < SPIN_ROUND; i++) {
            if (atomic_load(&t->round) != round)
                return true;
            pause_a_little();
        }
    } while (now_ns() < limit);
    return false;
}

void
hs_team_wait(struct hs_team *t)
{
    unsigned round = atomic_load(&t->round);

    if (atomic_fetch_add(&t->there, 1) + 1 == t->n) {
        atomic_store(&t->next, 0);
        atomic_store(&t->there, 0);
        (void)pthread_mutex_lock(&t->lock);
        atomic_store(&t->round, round + 1);
        (void)pthread_cond_broadcast(&t->changed);
        (void)pthread_mutex_unlock(&t->lock);
    } else if (!spin(t, round)) {
        (void)pthread_mutex_lock(&t->lock);
        while (atomic_load(&t->round) == round)
            (void)pthread_cond_wait(&t->changed, &t->lock);
        (void)pthread_mutex_unlock(&t->lock);
    }
}

static void *
work(void *arg)
{
    const struct member *me = arg;
    struct hs_team *t = me->team;

    for (;;) {
        hs_team_wait(t);
        if (t->job == NULL)
            return NULL;
        t->job(t->ud, t, me->index);
        hs_team_wait(t);
    }
}

void
hs_team_run(struct hs_team *t, hs_team_job *job, void *ud)
{
    t->job = job;
    t->ud = ud;
    hs_team_wait(t);
    job(ud, t, 0);
    hs_team_wait(t);
}

/* Ends the first n threads, the caller's included, of those that were to be
 * started; the others count as waiting for ever. */
static void
end(struct hs_team *t, size_t n)
{
    t->job = NULL;
    (void)atomic_fetch_add(&t->there, t->n - n);
    hs_team_wait(t);
    for (size_t i = 1; i < n; i++)
        (void)pthread_join(t->members[i].thread, NULL);
    (void)pthread_mutex_destroy(&t->lock);
    (void)pthread_cond_destroy(&t->changed);
    free(t->members);
    free(t);
}

struct hs_team *
hs_team_new(size_t n, struct hs_error *err)
{
    struct hs_team *t = hs_calloc64(1, sizeof *t);

    t->n = n;
    t->members = hs_calloc(n, sizeof *t->members);
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->changed, NULL);
    for (size_t i = 1; i < n; i++) {
        struct member *m = &t->members[i];
        int rc;

        *m = (struct member){.team = t, .index = i};
        rc = pthread_create(&m->thread, NULL, work, m);
        if (rc != 0) {
            hs_fail(err, "cannot start thread %zu of %zu: %s", i + 1, n,
                    strerror(rc));
            end(t, i);
            return NULL;
        }
    }
    return t;
}

void
hs_team_free(struct hs_team *t)
{
    if (t != NULL)
        end(t, t->n);
}

size_t
hs_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (size_t)CPU_COUNT(&set);
    return 1;
}

size_t
hs_team_size(const struct hs_team *t)
{
    return t->n;
}

void
hs_team_share(const struct hs_team *t, size_t thread, size_t n, size_t *begin,
              size_t *behind)
{
    size_t each = n / t->n, more = n % t->n;

    *begin = thread * each + (thread < more ? thread : more);
    *behind = *begin + each + (thread < more);
}

size_t
hs_team_take(struct hs_team *t)
{
    return atomic_fetch_add(&t->next, 1);
}
