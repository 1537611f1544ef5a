/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linbase.h - the baselines that are linear in the whole state.
 */
#ifndef HS_LINBASE_H
#define HS_LINBASE_H

#include "probe/baseline.h"

/* Scores of ridge, logistic or pca, as hs_baseline_scores().  States are
 * z-scored by the statistics of the set.  lambda is the best of 10^-4, 10^-3 ..
 * 10^2 times the number of training trajectories by squared error on a fifth of
 * the training problems, for ridge and pca; logistic takes that of ridge over
 * 4, the largest weight that a squared error has there.  Where a fit fails, one
 * that does not converge for example, scores are NaN and note says why. */
void hs_linear_scores(enum hs_baseline b, const struct hs_trajset *s, size_t l,
                      struct hs_team *team, double *score, json_t *note);

#endif
