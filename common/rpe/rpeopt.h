/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpeopt.h - options of rpe-scan: what each means, and which task takes it.
 */
#ifndef HS_RPEOPT_H
#define HS_RPEOPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/progress.h"
#include "model/edit.h"
#include "probe/fitopt.h"
#include "probe/rankopt.h"
#include "rpe/pool.h"
#include "rpe/tdscan.h"
#include "task/step.h"

/* What is done: one of these. */
enum hs_rpe_task {
    HS_RPE_DO_TD = 1,
    HS_RPE_DO_SURPRISE = 2,
    HS_RPE_DO_TRACE = 4,
    HS_RPE_DO_DEPENDENCE = 8,
    HS_RPE_DO_REPORT = 16,
    HS_RPE_DO_RANKINGS = 32,
    HS_RPE_DO_SELECT = 64
};

/* Long options, as getopt_long's values; besides those of rankopt.h and
 * fitopt.h that rpe-scan has, and letters. */
enum {
    HS_RPE_OPT_ALPHA = 1024,
    HS_RPE_OPT_BOOTSTRAP,
    HS_RPE_OPT_COORDS,
    HS_RPE_OPT_DEPENDENCE,
    HS_RPE_OPT_EDIT_LAYERS,
    HS_RPE_OPT_EDIT_WHERE,
    HS_RPE_OPT_FIRST,
    HS_RPE_OPT_FRACTION,
    HS_RPE_OPT_LIMIT,
    HS_RPE_OPT_LOG_STEPS,
    HS_RPE_OPT_MIN_TOKENS,
    HS_RPE_OPT_MODE,
    HS_RPE_OPT_PERMUTATIONS,
    HS_RPE_OPT_PROBE,
    HS_RPE_OPT_PROBE_LAYER,
    HS_RPE_OPT_PROBE_TARGET,
    HS_RPE_OPT_QUANTILE,
    HS_RPE_OPT_RANKINGS,
    HS_RPE_OPT_REPORT,
    HS_RPE_OPT_RMS,
    HS_RPE_OPT_RPE,
    HS_RPE_OPT_SEEDS,
    HS_RPE_OPT_SELECT,
    HS_RPE_OPT_SPLIT_SEED,
    HS_RPE_OPT_STEP,
    HS_RPE_OPT_THRESHOLD,
    HS_RPE_OPT_TRACE,
    HS_RPE_OPT_USE,
    HS_RPE_OPT_VAL,
    HS_RPE_OPT_WINDOW,
    HS_RPE_OPT_ZNORM,
    HS_RPE_OPT_OWN /* and up: the tool's own */
};

enum {
    HS_RPE_MOST_GIVEN = 64
};

struct hs_rpe_options {
    enum hs_rpe_task task; /* 0: not said */
    struct hs_rank_options rank;
    struct hs_fit_choice fit; /* gamma is fit.fit.loss.gamma */
    const char *model, *probe, *rpe, *report, *dependence;
    uint32_t probe_layer;
    bool probe_layer_given, probe_target_given;
    enum hs_target probe_target;
    struct hs_step_rule step;
    bool step_given;
    double threshold, val, alpha, quantile;
    enum hs_znorm znorm;
    bool znorm_given;
    uint64_t split_seed, seeds, permutations, bootstrap, window;
    bool log_steps, use_all;
    char **traces; /* ends with NULL; owned */
    struct hs_list coords, edit_layers;
    bool coords_given;
    uint64_t first;
    struct hs_top fraction;
    uint64_t n_rms, limit, batch;
    enum hs_edit_where where;
    enum hs_progress_mode progress; /* the tool's, for dependence */
    int given[HS_RPE_MOST_GIVEN];   /* (n_given): options, as they came */
    size_t n_given;
};

/* The defaults of rpe-scan(1). */
void hs_rpe_options_init(struct hs_rpe_options *o);
void hs_rpe_options_free(struct hs_rpe_options *o);

/* Takes an option of getopt_long.  Returns whether it is one of these; dies
 * for a bad value. */
bool hs_parse_rpe_option(struct hs_rpe_options *o, int c, const char *arg);

/* Where nothing else is asked for the task is mode td.  Dies on options that
 * the task does not take or that do not go together. */
void hs_parse_rpe_end(struct hs_rpe_options *o);

bool hs_rpe_given(const struct hs_rpe_options *o, int c);

/* The options of a scan as tdscan.h wants them; ratios stay o's. */
void hs_rpe_td_options(const struct hs_rpe_options *o,
                       struct hs_td_options *out);

#endif
