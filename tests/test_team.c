/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_team.c - teams of threads: every index once, nobody passes a wait early,
 * jobs one after another, more threads than processors.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "base/team.h"

#ifdef __has_feature /* clang's word for it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif

enum {
    N = 1000,
    ROUNDS = 50
};

struct shared {
    atomic_int share[N], take[N]; /* how often each index was had */
    atomic_int here, early;
    size_t n;
};

static void
job(void *ud, struct hs_team *team, size_t thread)
{
    struct shared *s = ud;
    int size = (int)hs_team_size(team);
    size_t i, behind;

    hs_team_share(team, thread, s->n, &i, &behind);
    for (; i < behind; i++)
        atomic_fetch_add(&s->share[i], 1);
    for (int round = 1; round <= ROUNDS; round++) {
        /* the slowest of a round is another one each time */
        if ((size_t)round % (size_t)size == thread && round % 10 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
        atomic_fetch_add(&s->here, 1);
        hs_team_wait(team);
        if (atomic_load(&s->here) < round * size)
            atomic_store(&s->early, 1);
        hs_team_wait(team);
    }
    while ((i = hs_team_take(team)) < s->n)
        atomic_fetch_add(&s->take[i], 1);
    hs_team_wait(team);
    while ((i = hs_team_take(team)) < s->n)
        atomic_fetch_add(&s->take[i], 1);
}

static void
test_jobs(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 7, 16}, counts[] = {0, 1, 6, N};
    static struct shared s;
    struct hs_error err;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct hs_team *team = hs_team_new(sizes[i], &err);

        assert_non_null(team);
        assert_int_equal(hs_team_size(team), sizes[i]);
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            memset(&s, 0, sizeof s);
            s.n = counts[c];
            hs_team_run(team, job, &s);
            assert_int_equal(s.early, 0);
            assert_int_equal(s.here, (int)sizes[i] * ROUNDS);
            for (size_t k = 0; k < N; k++) {
                assert_int_equal(s.share[k], k < s.n);
                assert_int_equal(s.take[k], k < s.n ? 2 : 0);
            }
        }
        hs_team_free(team);
    }
    hs_team_free(NULL);
}

#ifndef __SANITIZE_ADDRESS__ /* whose shadow takes all addresses */
/* The threads that could be started end, when others could not. */
static void
test_too_many(void **state)
{
    struct rlimit old, small;
    struct hs_error err = {{0}};
    struct hs_team *team;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    small = old;
    small.rlim_cur = (rlim_t)512 << 20; /* room for some stacks of 8 MiB */
    if (setrlimit(RLIMIT_AS, &small) != 0)
        skip();
    team = hs_team_new(1000, &err);
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    assert_null(team);
    assert_non_null(strstr(err.text, "cannot start thread"));
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(test_too_many),
#endif
    };

    return cmocka_run_group_tests_name("team", tests, NULL, NULL);
}
