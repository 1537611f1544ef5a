/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * study.h - what probe-fit does for one layer: statistics of its coordinates,
 * the probes of all targets and seeds, their baselines, as records.
 */
#ifndef HS_STUDY_H
#define HS_STUDY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/baseline.h"
#include "probe/evaluate.h"
#include "probe/fit.h"
#include "stream/stream.h"

struct hs_study {
    const struct hs_trajset *s;
    struct hs_team *team;
    enum hs_target targets[HS_TARGET_NTP + 1];
    size_t n_targets;
    struct hs_fit_options fit; /* seed: the first; target: ignored */
    size_t n_seeds;
    bool baselines[HS_N_BASELINES];
    struct hs_eval_options eval;
    uint64_t permutations; /* of the test of single coordinates; 0: none */
    double alpha;          /* its family-wise level */
    bool log_steps;        /* a record for each step */
    bool quiet;            /* no warnings */
    void (*progress)(void *ud, uint64_t epochs); /* so many more are done */
    void *ud;
};

/* How many epochs a layer takes. */
uint64_t hs_study_epochs(const struct hs_study *q);

/* All records of layer index l are appended to e.  What is suspicious about the
 * data, or a probe, is warned of and goes into the records.  Returns 0, or -1.
 */
HS_MUST_CHECK int hs_study_layer(const struct hs_study *q, size_t l,
                                 struct hs_encoded *e, struct hs_error *err);

/* Whether the split can be fitted and scored: both rewards on both sides.
 * Returns 0, or -1 with what is missing.  Rare classes are warned of. */
HS_MUST_CHECK int hs_study_check(const struct hs_study *q,
                                 struct hs_error *err);

/* Fills an empty head: the stream's that was read, of kind "probes", with all
 * that the probes depend on in its run.  split (hs_split_json()) is taken over.
 * The history is that of the stream. */
void hs_study_head(const struct hs_study *q, json_t *split,
                   struct hs_head *head);

#endif
