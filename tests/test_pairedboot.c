/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_pairedboot.c - many bootstraps at a time against each alone.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "stats/paired.h"
#include "stats/pairedboot.h"

enum {
    N_SETS = 150, /* more than are drawn together */
    N_GROUPS = 23,
    N_DRAWS = 40
};

static uint32_t
number(uint32_t a, uint32_t b, uint32_t n)
{
    return (uint32_t)hs_rng_below(5, 1, a, b, n);
}

/* Sets with no, one, some and all groups, in no order. */
static void
test_each_alone(void **state)
{
    static int32_t diff[N_SETS][N_GROUPS];
    static uint32_t count[N_SETS][N_GROUPS];
    static struct hs_interval all[N_SETS];

    (void)state;
    for (uint32_t s = 0; s < N_SETS; s++)
        for (uint32_t g = 0; g < N_GROUPS; g++) {
            uint32_t kind = s % 7, u = number(s, g, 12);

            count[s][g] = kind == 0   ? 0
                          : kind == 1 ? g == 5
                          : kind == 2 ? u % 4
                                      : 1 + u % 3;
            diff[s][g] = count[s][g] > 0 ? (int32_t)(u % 3) - 1 : 0;
        }
    hs_paired_bootstraps(diff[0], count[0], N_SETS, N_GROUPS, N_DRAWS, 9, 0.9,
                         all);
    for (size_t s = 0; s < N_SETS; s++) {
        struct hs_interval one;

        hs_paired_bootstrap(diff[s], count[s], N_GROUPS, N_DRAWS, 9, 0.9, &one);
        if (s % 7 == 0)
            assert_false(one.value == one.value ||
                         all[s].value == all[s].value);
        else if (one.value != all[s].value || one.se != all[s].se ||
                 one.lo != all[s].lo || one.hi != all[s].hi)
            fail_msg("set %zu: %g %g %g %g, not %g %g %g %g", s, all[s].value,
                     all[s].se, all[s].lo, all[s].hi, one.value, one.se, one.lo,
                     one.hi);
    }
}

static void
test_nothing(void **state)
{
    struct hs_interval v = {0, 0, 0, 0};

    (void)state;
    hs_paired_bootstraps(NULL, NULL, 0, 0, 10, 1, 0.95, NULL);
    hs_paired_bootstraps(NULL, NULL, 1, 0, 10, 1, 0.95, &v);
    assert_false(v.value == v.value);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_alone),
        cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
