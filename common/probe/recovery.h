/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recovery.h - how many trajectories it takes to find value neurons: streams of
 * a world (synth.h) go through all that probe-fit and neuron-rank do, and what
 * comes out is held against the truth.
 *
 * Draw i of n trajectories gives what
 *
 *     hs-synth WORLD --positions=all --trajectories=n --draw=(first + i) |
 *         probe-fit FIT --seed=i --baselines=none | neuron-rank --by=B --top=K
 *
 * finds with K value neurons in the world.
 */
#ifndef HS_RECOVERY_H
#define HS_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/ranking.h"
#include "probe/studyopt.h"
#include "probe/synth.h"
#include "stats/auc.h"

struct hs_recovery {
    struct hs_synth_options world; /* draw: the first one; trajectories,
                                    * completion: ignored; lists borrowed */
    struct hs_study_choice study;  /* one seed, no baselines */
    uint64_t *sizes;               /* (n_sizes): trajectories; owned */
    size_t n_sizes;
    uint64_t draws; /* of each size */
    enum hs_rank_by by;
    bool patience_given;
    struct hs_team *team;
};

/* The defaults of hs-synth(1), without a team and with an empty world. */
void hs_recovery_init(struct hs_recovery *q);
void hs_recovery_free(struct hs_recovery *q);

/* What one draw and target gave.  Coordinates of the test are those whose
 * adjusted p, at s_0 on the training problems, is at most alpha. */
struct hs_recovered {
    double recall; /* share of the value neurons that is among the first K */
    struct hs_interval delong, bootstrap; /* AUC of V(s_0), held out */
    size_t n_found;     /* value neurons that the test finds */
    size_t n_confounds; /* confounds; these do tell of the reward, a little */
    size_t n_false;     /* others that it finds, of which none tells anything;
                         * with effect 0 whatever it finds */
};

/* One draw: out (study.fit.n_targets).  Returns 0, or -1: the world's options
 * are out of range, it has no value neurons, the trajectories are too few to be
 * split or have one kind of reward only, a temporary file cannot be written. */
HS_MUST_CHECK int hs_recover(const struct hs_recovery *q, uint64_t trajectories,
                             uint64_t draw, struct hs_recovered *out,
                             struct hs_error *err);

/* Prints the settings in lines that begin with #, the names of columns, and a
 * line for each size and target, as they are ready; with tabs or aligned.
 * Returns 0, or -1 as hs_recover(), after which some lines may be missing. */
HS_MUST_CHECK int hs_recovery_print(const struct hs_recovery *q, bool tabs,
                                    FILE *out, struct hs_error *err);

/* ---- options of programs */

/* Values of long options in getopt's table. */
enum hs_recovery_opt {
    HS_RECOVERY_OPT_RECOVERY = 768, /* takes an argument or none */
    HS_RECOVERY_OPT_DRAWS,
    HS_RECOVERY_OPT_BY
};

/* Takes option c of getopt_long, those of a fit included.  Whether it is one of
 * these.  Dies on a value that is none. */
bool hs_parse_recovery_option(struct hs_recovery *q, int c, const char *arg);

/* Dies on options that do not go together. */
void hs_parse_recovery_end(struct hs_recovery *q);

#endif
