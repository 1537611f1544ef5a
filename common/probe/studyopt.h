/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * studyopt.h - options of probe-fit besides those of a single fit.
 */
#ifndef HS_STUDYOPT_H
#define HS_STUDYOPT_H

#include "probe/fitopt.h"
#include "probe/study.h"

/* Values of long options in getopt's table. */
enum hs_study_opt {
    HS_STUDYOPT_VAL = 640,
    HS_STUDYOPT_SPLIT_SEED,
    HS_STUDYOPT_VAL_FILE,
    HS_STUDYOPT_SEEDS,
    HS_STUDYOPT_BASELINES,
    HS_STUDYOPT_PERMUTATIONS,
    HS_STUDYOPT_ALPHA,
    HS_STUDYOPT_BOOTSTRAP,
    HS_STUDYOPT_LOG_STEPS
};

struct hs_study_choice {
    struct hs_fit_choice fit;
    bool baselines[HS_N_BASELINES];
    double val, alpha;
    uint64_t split_seed, seeds, permutations, bootstrap;
    const char *val_file;
    bool val_given, split_given, log_steps;
};

void hs_study_choice_init(struct hs_study_choice *c);

/* Takes option c of getopt_long, those of a fit included.  Whether it is one of
 * these.  Dies on a value that is none. */
bool hs_parse_study_option(struct hs_study_choice *s, int c, const char *arg);

/* Dies on options that do not go together. */
void hs_parse_study_end(struct hs_study_choice *s);

/* The study of a set by these choices; s and team are borrowed. */
struct hs_study hs_study_of(const struct hs_study_choice *c,
                            const struct hs_trajset *s, struct hs_team *team);

#endif
