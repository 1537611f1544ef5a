/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * baseline.h - what a probe has to beat: simpler scores on the same split.
 *
 * Whatever is fitted is fitted on training trajectories, at each place of the
 * response by itself, and scores the held-out ones.
 */
#ifndef HS_BASELINE_H
#define HS_BASELINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/evaluate.h"

enum hs_baseline {
    HS_BASE_RIDGE,    /* ridge regression of the reward on the z-scored state */
    HS_BASE_LOGISTIC, /* L2 logistic regression on it */
    HS_BASE_PCA,      /* ridge on its first 32 principal components */
    HS_BASE_PROMPT,   /* tokens of the prompt */
    HS_BASE_LENGTH,   /* tokens of the response so far */
    HS_BASE_LOGPROB,  /* mean log-probability of these */
    HS_BASE_ENTROPY,  /* mean entropy of the distributions so far */
    HS_BASE_RANDOM,   /* a random direction of the z-scored state */
    HS_BASE_SHUFFLED, /* the probe, taught rewards permuted over problems */
    HS_BASE_NTP,      /* the probe, taught the next token's log-probability */
    HS_N_BASELINES
};

/* "ridge", "logistic", "pca", "prompt-length", "length", "logprob", "entropy",
 * "random", "shuffled", "ntp". */
extern const char *const hs_baseline_names[HS_N_BASELINES];

/* Scores of all but the last two: score (HS_N_PLACES, held-out trajectories),
 * NaN where a place has no state.  note, an object, gets what was chosen on the
 * way (lambda, draws) and errors where a fit failed.  Single features and
 * directions are signed so that their AUC on the training side is at least 1/2.
 */
void hs_baseline_scores(enum hs_baseline b, const struct hs_trajset *s,
                        size_t l, uint64_t seed, struct hs_team *team,
                        double *score, json_t *note);

/* Whether these scores estimate the probability of a reward. */
bool hs_baseline_calibrated(enum hs_baseline b);

/* Rewards of all trajectories (s->n), those of training permuted over problems,
 * in whole (problems of equal numbers of trajectories change places).  Owned by
 * the caller. */
uint8_t *hs_shuffled_rewards(const struct hs_trajset *s, uint64_t seed);

#endif
