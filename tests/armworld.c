/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armworld.c - see armworld.h.
 */
#include <config.h>

#include "armworld.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define ZERO "zero", "all"

const struct kit_arm world_arms[N_ARMS] = {
    {"none", "none", 0, NULL, 0, "", "all", 0, 0, NULL, 0, NAN},
    {"L2/noop", "noop", 2, NULL, 0, "", "all", 0, 0, NULL, 0, NAN},
    {"L2/value@3", "value", 2, "3", 0, ZERO, 3, 0, NULL, 1, 1},
    {"L2/bottom@3", "bottom", 2, "3", 0, ZERO, 3, 5, NULL, 0, 0.1},
    {"L2/random.1@3", "random", 2, "3", 1, ZERO, 3, 1, NULL, 0, 0.3},
    {"L2/random.2@3", "random", 2, "3", 2, ZERO, 3, 2, NULL, 0, 0.4},
    {"L2/random.3@3", "random", 2, "3", 3, ZERO, 3, 1, "L2/random.1@3", 0, 0.3},
    {"L2/rms.1@3", "rms", 2, "3", 1, ZERO, 3, 4, NULL, 0, 0.9},
    {"L2/rms.2@3", "rms", 2, "3", 2, ZERO, 3, 3, NULL, 0, 1.1},
    {"L2/file:x", "file", 2, NULL, 0, ZERO, 3, 2, NULL, 0, 0.5},
    {"L2/file:y", "file", 2, NULL, 0, ZERO, 4, 2, NULL, 0, 0.6},
};

/* ---- made-up answers ---- */

static uint32_t
draw(uint32_t a, uint32_t b, uint32_t n)
{
    return (uint32_t)hs_rng_below(11, 77, a, b, n);
}

bool
world_runs(size_t arm)
{
    return world_arms[arm].same_as == NULL;
}

/* The answer of an arm to a sample of a problem, some of them undecided; noop
 * has that of none. */
struct kit_answer
world_answer(size_t arm, const char *part, uint32_t problem, uint32_t sample)
{
    uint32_t of = (uint32_t)(arm == NOOP ? NONE : arm);
    uint32_t at = problem * 4 + sample + 1000 * (part[0] == 'a');
    uint32_t u = draw(of, at, 100), v = draw(of + 100, at, 100);
    struct kit_answer a = {.arm = arm, .part = part, .problem = problem};

    a.sample = sample;
    a.reward = u >= 95 ? -1 : u < 90 - 8 * of;
    a.n_prompt = 2 + problem % 3;
    a.n_new = 1 + draw(of + 200, at, 14);
    a.finish = v < 80 ? "eos" : "length";
    a.parsed = v % 7 != 0;
    a.salt = u;
    a.logprob = -(float)(1 + v) / 32;
    return a;
}

/* A replay of a piece of text. */
struct kit_answer
world_replay(size_t arm, const char *part, uint32_t problem)
{
    struct kit_answer a = {.arm = arm, .part = part, .problem = problem};

    a.reward = -1;
    a.n_prompt = 1;
    a.n_new = 3 + problem;
    a.finish = "replay";
    a.salt = problem;
    a.logprob = -(float)(arm == NOOP ? 1 : 1 + arm) / 8;
    return a;
}

/* All answers of all arms; one item of bottom and one of none are missing. */
size_t
world_answers(uint32_t samples, struct kit_answer *out)
{
    size_t n = 0;

    for (uint32_t p = 0; p < N_PROBLEMS; p++)
        for (uint32_t k = 0; k < samples; k++)
            for (size_t arm = 0; arm < N_ARMS; arm++)
                if (world_runs(arm) && !(arm == BOTTOM && p == 3) &&
                    !(arm == NONE && p == 4))
                    out[n++] = world_answer(arm, HS_PART_PROBLEMS, p, k);
    for (uint32_t p = 0; p < 12; p++)
        for (size_t arm = 0; arm < N_ARMS; arm++)
            if (world_runs(arm))
                out[n++] = world_answer(arm, HS_PART_ALSO, p, 0);
    for (uint32_t p = 0; p < 4; p++)
        for (size_t arm = 0; arm < N_ARMS; arm++)
            if (world_runs(arm)) {
                out[n++] = world_replay(arm, HS_PART_OWN, p);
                if (p < 2)
                    out[n++] = world_replay(arm, HS_PART_NEUTRAL, p);
            }
    return n;
}

struct hs_armsum *
world_summary(const struct kit_answer *a, size_t n)
{
    struct hs_error err = {""};
    struct hs_buf b = kit_stream(world_arms, N_ARMS, "x", a, n);
    struct hs_armsum *s = kit_read(&b, 1, &err);

    assert_string_equal(err.text, "");
    assert_non_null(s);
    if (hs_armsum_finish(s, &err) < 0)
        fail_msg("%s", err.text);
    hs_buf_free(&b);
    return s;
}

void
near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-9 * (1 + fabs(b))))
        fail_msg("%.17g is not %.17g", a, b);
}
