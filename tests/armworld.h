/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armworld.h - a made-up ablation: answers of all parts, some of them undecided
 * or missing, for tests of its summary.
 */
#ifndef HS_ARMWORLD_H
#define HS_ARMWORLD_H

#include "armstream.h"

enum {
    NONE,
    NOOP,
    VALUE,
    BOTTOM,
    RANDOM1,
    RANDOM2,
    RANDOM3,
    RMS1,
    RMS2,
    LIST,
    LONG_LIST,
    N_ARMS,
    N_PROBLEMS = 30
};

enum {
    MOST = 2 * N_PROBLEMS * N_ARMS + 20 * N_ARMS
};

extern const struct kit_arm world_arms[N_ARMS];

/* Whether an arm has answers of its own. */
bool world_runs(size_t arm);

/* The answer of an arm to a sample of a problem; noop has that of none. */
struct kit_answer world_answer(size_t arm, const char *part, uint32_t problem,
                               uint32_t sample);
/* A replay of a piece of text. */
struct kit_answer world_replay(size_t arm, const char *part, uint32_t problem);

/* All answers of all arms into out (MOST); one item of bottom and one of none
 * are missing.  Returns how many there are. */
size_t world_answers(uint32_t samples, struct kit_answer *out);

/* The finished summary of answers. */
struct hs_armsum *world_summary(const struct kit_answer *a, size_t n);

/* Fails unless a is b, nearly. */
void near(double a, double b);

#endif
