/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * surprise.h - which coordinates follow the surprise of a whole answer: what it
 * came to (the reward r), less what was expected before its first token
 * (V(s_0)).
 *
 * The figure of a trajectory and coordinate is made of its trace: z of s_1 ..
 * s_T (pool.h), smoothed by a centred moving average.  With train and causal it
 * is the mean of the smoothed trace.  With response that would be 0 by
 * construction, so there it is the trace's signed peak: its largest value plus
 * its smallest one.
 *
 * 1. The score.  A surprise is pleasant where V(s_0) is among the lowest
 * (quantile) of the trajectories used and the answer is right, and unpleasant
 * where V(s_0) is among the highest and it is wrong.
 *
 *     score_j = mean figure of the pleasant ones - mean figure of the others
 *
 * with p of permuted labels (stats/contrast.h), which move between problems as
 * wholes.  V(s_0) belongs to the prompt, so all surprises of a problem are of
 * one kind where it comes from a probe or from hs_rpe_v0_rollouts(); a problem
 * with both kinds has no one label to move and is left out of the score, and
 * counted ("mixed").  Who wins a place among the pleasant ones has a low value
 * and a right answer, so anything that goes with either can have a score: it is
 * a look at the data, not a test of an error signal.
 *
 * 2. The same of what is left of z, token by token, when the value V(s_t)
 * (where it is known), t / T and (t / T)^2 are taken out by least squares over
 * all tokens of the trajectories used, before smoothing: adj_score.
 *
 * z of train is what this is for.  response and causal take a level of the
 * response out of z, so that a coordinate which follows the value shows changes
 * of it, and those are errors of prediction: value neurons are found then too.
 *
 * 3. The test of an error signal (stats/errsig.h) over all trajectories used:
 * figure ~ r, V(s_0), with log T and log of the prompt's tokens held constant,
 * and signs flipped by problem.  What is found is found by this.
 */
#ifndef HS_SURPRISE_H
#define HS_SURPRISE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/trajset.h"
#include "rpe/pool.h"
#include "rpe/rperec.h"

struct hs_surprise_options {
    double quantile;       /* 0.25: share of trajectories at either end of
                            * V(s_0); above 0, at most 0.5 */
    size_t window;         /* 7: states that are averaged; odd */
    enum hs_znorm znorm;   /* train */
    size_t n_permutations; /* 0: as many as it takes, at least 10000 */
    double alpha;          /* 0.05: q that counts as found */
    uint64_t seed;         /* 0 */
};

void hs_surprise_options_init(struct hs_surprise_options *o);

/* V(s_0) by the continuations of s_0, into v0 (s->n): successes over
 * continuations, summed over all trajectories of the problem, as it is of the
 * prompt that they share.  NaN where no trajectory of a problem has any.  How
 * many are numbers. */
size_t hs_rpe_v0_rollouts(const struct hs_trajset *s, double *v0);

/* All of this for layer index l of s, whose statistics are there
 * (hs_trajset_stats) if znorm is train.  v0 (s->n) is V(s_0), NaN where it is
 * to be left out: a probe's value of a trajectory that it was fitted on knows
 * the reward.  v_t (s->n_states) is V of each state, NULL if there is none.
 * *out is to be freed; *summary gets a new reference to an object of what was
 * used: "quantile", "window", "znorm", "trajectories", "used", "problems",
 * "low" and "high" (bounds of V(s_0)), "n_low", "n_high", "right_low",
 * "right_high" (shares that are right), "pleasant", "unpleasant" (numbers of
 * trajectories), "pleasant_problems", "unpleasant_problems", "mixed" (problems
 * left out of the score), "exact", "value_taken_out" (whether v_t was there),
 * "warnings" (texts: too few surprises, then scores are NaN; a znorm that turns
 * levels into errors).  Memory: 8 bytes for each trajectory and coordinate, and
 * one trace of all coordinates for the team.  Returns 0, or -1: a V(s_0) that
 * does not tell trajectories apart, no states of tokens; *out can be freed
 * either way, and *summary is NULL then. */
HS_MUST_CHECK int hs_rpe_surprise(const struct hs_trajset *s, size_t l,
                                  const double *v0, const double *v_t,
                                  const struct hs_surprise_options *o,
                                  struct hs_team *team,
                                  struct hs_rpe_coordinates *out,
                                  json_t **summary, struct hs_error *err);

#endif
