/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * eachkern.c - see eachkern.h.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "eachkern.h"
#include "model/kernel.h"

void
check_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %.9g, not %.9g (+- %.3g)", hs_kern()->name, got, want,
                 tolerance);
}

float *
random_floats(uint64_t seed, size_t n)
{
    float *x = hs_calloc64(n, sizeof *x);

    for (size_t i = 0; i < n; i++) {
        double u = hs_rng_uniform(seed, i, 0, 0);

        x[i] = (float)((u - 0.5) * 3);
        if (i % 7 == 3)
            x[i] *= 1e-4f;
    }
    return x;
}

double
pattern_value(uint32_t h, int exponent_bits)
{
    int fraction = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    int e = (int)(h >> fraction) & ((1 << exponent_bits) - 1);
    int m = (int)h & ((1 << fraction) - 1);
    double x = e == 0 ? ldexp(m, 1 - bias - fraction)
                      : ldexp(m + (1 << fraction), e - bias - fraction);

    if (e == (1 << exponent_bits) - 1)
        x = m == 0 ? INFINITY : NAN;
    return h & 0x8000 ? -x : x;
}

static int
use_table(void **state)
{
    return hs_kern_use(*state) ? 0 : -1;
}

int
run_on_each(const struct CMUnitTest *each, size_t n_each)
{
    static const char *const names[] = {"baseline", "avx2", "avx512", "amx"};
    enum {
        N_NAMES = sizeof names / sizeof *names
    };
    struct CMUnitTest *tests = hs_calloc(N_NAMES * n_each, sizeof *tests);
    char(*labels)[64] = hs_calloc(N_NAMES * n_each, sizeof *labels);
    size_t n = 0;
    int failed;

    for (size_t i = 0; i < N_NAMES; i++) {
        if (!hs_kern_use(names[i])) {
            print_message("# no %s on this processor\n", names[i]);
            continue;
        }
        for (size_t j = 0; j < n_each; j++) {
            (void)snprintf(labels[n], sizeof *labels, "%s %s", names[i],
                           each[j].name);
            tests[n] = each[j];
            tests[n].name = labels[n];
            tests[n].setup_func = use_table;
            tests[n++].initial_state = (void *)(uintptr_t)names[i];
        }
    }
    /* what cmocka's macro for arrays calls; this one is filled in part */
    failed = _cmocka_run_group_tests("kernels", tests, n, NULL, NULL);
    free(labels);
    free(tests);
    return failed;
}
