/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_null.c - nothing is found where nothing is, over many draws; and what
 * is there is found.
 *
 * All draws are of fixed seeds, so a test passes always or never.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/recovery.h"

enum {
    DRAWS = 200,
    TRAJECTORIES = 240,
    MOST_FALSE = 16,    /* P(more | 200 draws at 0.05) = 0.024 */
    LEAST_COVERED = 184 /* P(fewer | 200 draws at 0.95) = 0.024 */
};

static void
setup(struct hs_recovery *q, struct hs_team *team)
{
    hs_recovery_init(q);
    hs_synth_options_init(&q->world);
    q->team = team;
    q->world.width = 32;
    q->world.value.n = 4;
    q->world.dopamine.n = 2;
    q->world.length_lo = 2;
    q->world.length_hi = 5;
    q->world.prompt_hi = q->world.prompt_lo;
    q->study.val = 0.5;
    q->study.permutations = 199;
    q->study.bootstrap = 400;
    q->study.fit.fit.hidden = 16;
    q->study.fit.fit.epochs = 2;
    q->study.fit.fit.adamw.lr = 0.003;
}

static bool
covers(const struct hs_interval *x, double value)
{
    return x->lo <= value && value <= x->hi; /* not NaN */
}

static void
test_nothing(void **state)
{
    struct hs_error err;
    struct hs_team *team = hs_team_new(1, &err);
    struct hs_recovery q;
    int n_false = 0, delong = 0, bootstrap = 0;
    double recall = 0;

    (void)state;
    assert_non_null(team);
    setup(&q, team);
    q.world.effect_lo = q.world.effect_hi = 0;
    for (uint64_t k = 0; k < DRAWS; k++) {
        struct hs_recovered x;

        if (hs_recover(&q, TRAJECTORIES, k, &x, &err) < 0)
            fail_msg("%s", err.text);
        n_false += x.n_false > 0;
        delong += covers(&x.delong, 0.5);
        bootstrap += covers(&x.bootstrap, 0.5);
        recall += x.recall / DRAWS;
    }
    print_message(
        "# of %d draws: a false alarm in %d; 0.5 within DeLong's "
        "interval in %d, the bootstrap's in %d; recall %.3f\n",
        DRAWS, n_false, delong, bootstrap, recall);
    /* too few is as wrong as too many */
    assert_in_range(n_false, 1, MOST_FALSE);
    assert_in_range(delong, LEAST_COVERED, DRAWS - 1);
    assert_in_range(bootstrap, LEAST_COVERED, DRAWS - 1);
    /* of 4 at random among 32, chance is 0.125 with a standard error of 0.011
     * over 200 draws */
    assert_true(fabs(recall - 0.125) < 0.045);
    hs_recovery_free(&q);
    hs_team_free(team);
}

static void
test_something(void **state)
{
    struct hs_error err;
    struct hs_team *team = hs_team_new(1, &err);
    struct hs_recovery q;
    double recall = 0, found = 0, auc = 0;
    int n_false = 0;
    const int draws = 20;

    (void)state;
    assert_non_null(team);
    setup(&q, team);
    q.study.fit.fit.epochs = 10;
    for (int k = 0; k < draws; k++) {
        struct hs_recovered x;

        if (hs_recover(&q, TRAJECTORIES, (uint64_t)k, &x, &err) < 0)
            fail_msg("%s", err.text);
        recall += x.recall / draws;
        found += (double)x.n_found / 4 / draws;
        auc += x.delong.value / draws;
        n_false += x.n_false > 0;
        assert_true(x.delong.lo > 0.5);
        assert_true(x.bootstrap.lo > 0.5);
    }
    print_message(
        "# effect 1.5: recall %.3f, found %.3f, AUC %.3f, a false "
        "alarm in %d of %d draws\n",
        recall, found, auc, n_false, draws);
    assert_true(recall >= 0.95);
    assert_true(found >= 0.95);
    assert_true(auc > 0.85 && auc < 1);
    assert_in_range(n_false, 0, 4); /* P(more | 20 at 0.05) = 0.003 */
    hs_recovery_free(&q);
    hs_team_free(team);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_something),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
