/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpeopt.c - see rpeopt.h.
 */
#include <config.h>

#include "rpe/rpeopt.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"

enum {
    TD = HS_RPE_DO_TD,
    SURPRISE = HS_RPE_DO_SURPRISE,
    TRACE = HS_RPE_DO_TRACE,
    DEPENDENCE = HS_RPE_DO_DEPENDENCE,
    REPORT = HS_RPE_DO_REPORT,
    RANKINGS = HS_RPE_DO_RANKINGS,
    SELECT = HS_RPE_DO_SELECT,
    SCAN = TD | SURPRISE,
    WORK = SCAN | TRACE | DEPENDENCE,
    ALL = WORK | REPORT | RANKINGS | SELECT
};

/* Which tasks take an option. */
static const struct {
    int code;
    int tasks;
    const char *name;
} takers[] = {
    {'j', WORK, "--threads"},
    {'l', ALL, "--layers"},
    {'m', TD | TRACE | DEPENDENCE, "--model"},
    {'s', SCAN | DEPENDENCE, "--seed"},
    {HS_FITOPT_BATCH, TD | DEPENDENCE, "--batch"},
    {HS_FITOPT_EPOCHS, TD, "--epochs"},
    {HS_FITOPT_GAMMA, TD | TRACE | DEPENDENCE, "--gamma"},
    {HS_FITOPT_HIDDEN, TD, "--hidden"},
    {HS_FITOPT_KEEP, TD, "--keep"},
    {HS_FITOPT_LR, TD, "--lr"},
    {HS_FITOPT_PATIENCE, TD, "--patience"},
    {HS_FITOPT_WEIGHT_DECAY, TD, "--weight-decay"},
    {HS_RANK_OPT_BY, TD, "--by"},
    {HS_RANK_OPT_MEMORY, SCAN, "--memory"},
    {HS_RANK_OPT_RANDOM, TD | DEPENDENCE, "--random"},
    {HS_RANK_OPT_RATIOS, TD, "--ratios"},
    {HS_RANK_OPT_TOP, TD | RANKINGS, "--top"},
    {HS_RPE_OPT_ALPHA, SCAN | DEPENDENCE, "--alpha"},
    {HS_RPE_OPT_BOOTSTRAP, TD, "--bootstrap"},
    {HS_RPE_OPT_COORDS, TRACE | DEPENDENCE, "--coords"},
    {HS_RPE_OPT_EDIT_LAYERS, DEPENDENCE, "--edit-layers"},
    {HS_RPE_OPT_EDIT_WHERE, DEPENDENCE, "--edit-where"},
    {HS_RPE_OPT_FIRST, TRACE | DEPENDENCE, "--first"},
    {HS_RPE_OPT_FRACTION, DEPENDENCE, "--fraction"},
    {HS_RPE_OPT_LIMIT, DEPENDENCE, "--limit"},
    {HS_RPE_OPT_LOG_STEPS, TD, "--log-steps"},
    {HS_RPE_OPT_MIN_TOKENS, TD, "--min-tokens"},
    {HS_RPE_OPT_PERMUTATIONS, SCAN, "--permutations"},
    {HS_RPE_OPT_PROBE, SCAN | TRACE, "--probe"},
    {HS_RPE_OPT_PROBE_LAYER, SCAN, "--probe-layer"},
    {HS_RPE_OPT_PROBE_TARGET, SCAN | TRACE | DEPENDENCE, "--probe-target"},
    {HS_RPE_OPT_QUANTILE, SURPRISE, "--quantile"},
    {HS_RPE_OPT_RMS, DEPENDENCE, "--rms"},
    {HS_RPE_OPT_RPE, TRACE | DEPENDENCE, "--rpe"},
    {HS_RPE_OPT_SEEDS, TD, "--seeds"},
    {HS_RPE_OPT_SPLIT_SEED, SCAN, "--split-seed"},
    {HS_RPE_OPT_STEP, TD, "--step"},
    {HS_RPE_OPT_THRESHOLD, TD | DEPENDENCE, "--threshold"},
    {HS_RPE_OPT_USE, SURPRISE, "--use"},
    {HS_RPE_OPT_VAL, SCAN, "--val"},
    {HS_RPE_OPT_WINDOW, SURPRISE | TRACE, "--window"},
    {HS_RPE_OPT_ZNORM, SCAN | TRACE, "--znorm"},
};

void
hs_rpe_options_init(struct hs_rpe_options *o)
{
    *o = (struct hs_rpe_options){.threshold = 0.3,
                                 .val = 0.2,
                                 .alpha = 0.05,
                                 .quantile = 0.25,
                                 .znorm = HS_ZNORM_RESPONSE,
                                 .seeds = 5,
                                 .bootstrap = 1000,
                                 .window = 7,
                                 .fraction.share = 0.2,
                                 .n_rms = 20,
                                 .batch = 16};
    hs_rank_options_init(&o->rank);
    o->rank.choice.layers = &o->rank.layers;
    hs_fit_choice_init(&o->fit);
    o->fit.fit.hidden = 32;
    o->fit.fit.batch = 32;
}

void
hs_rpe_options_free(struct hs_rpe_options *o)
{
    hs_rank_options_free(&o->rank);
    if (o->traces != NULL)
        hs_words_free(o->traces);
    hs_list_free(&o->coords);
    hs_list_free(&o->edit_layers);
    *o = (struct hs_rpe_options){0};
}

bool
hs_rpe_given(const struct hs_rpe_options *o, int c)
{
    for (size_t i = 0; i < o->n_given; i++)
        if (o->given[i] == c)
            return true;
    return false;
}

static void
parse_set_task(struct hs_rpe_options *o, enum hs_rpe_task task)
{
    if (o->task != 0 && o->task != task)
        hs_die(HS_EXIT_USAGE,
               "--mode, --trace, --dependence, --report, --rankings and "
               "--select exclude each other");
    o->task = task;
}

static void
parse_mode(struct hs_rpe_options *o, const char *arg)
{
    enum hs_rpe_mode mode;

    if (hs_rpe_mode_parse(arg, &mode) < 0)
        hs_die(HS_EXIT_USAGE, "--mode: '%s' is neither td nor surprise", arg);
    parse_set_task(o, mode == HS_RPE_TD ? HS_RPE_DO_TD : HS_RPE_DO_SURPRISE);
}

static void
parse_report(struct hs_rpe_options *o, const char *arg)
{
    parse_set_task(o, HS_RPE_DO_REPORT);
    o->report = arg != NULL ? arg : "table";
    if (strcmp(o->report, "table") != 0 && strcmp(o->report, "tsv") != 0 &&
        strcmp(o->report, "json") != 0)
        hs_die(HS_EXIT_USAGE, "--report: '%s' is not table, tsv or json", arg);
}

/* What is to be done. */
static bool
parse_task(struct hs_rpe_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_RPE_OPT_MODE:
        parse_mode(o, arg);
        return true;
    case HS_RPE_OPT_TRACE:
        parse_set_task(o, HS_RPE_DO_TRACE);
        if (o->traces != NULL)
            hs_words_free(o->traces);
        o->traces = hs_parse_words("--trace", arg);
        return true;
    case HS_RPE_OPT_DEPENDENCE:
        parse_set_task(o, HS_RPE_DO_DEPENDENCE);
        o->dependence = arg;
        return true;
    case HS_RPE_OPT_REPORT:
        parse_report(o, arg);
        return true;
    case HS_RPE_OPT_RANKINGS:
        parse_set_task(o, HS_RPE_DO_RANKINGS);
        return true;
    case HS_RPE_OPT_SELECT:
        parse_set_task(o, HS_RPE_DO_SELECT);
        return true;
    default:
        return false;
    }
}

static void
parse_fraction(struct hs_rpe_options *o, const char *arg)
{
    struct hs_error err;

    if (hs_top_scan(arg, &o->fraction, &err) < 0)
        hs_die(HS_EXIT_USAGE, "--fraction: %s", err.text);
}

/* Of --trace and --dependence. */
static bool
parse_look(struct hs_rpe_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_RPE_OPT_COORDS:
        hs_list_free(&o->coords);
        hs_parse_list("--coords", arg, &o->coords);
        if (o->coords.all)
            hs_die(HS_EXIT_USAGE, "--coords: a list of numbers, not all");
        o->coords_given = true;
        return true;
    case HS_RPE_OPT_FIRST:
        o->first = hs_parse_u64("--first", arg, 1, 1 << 20);
        return true;
    case HS_RPE_OPT_RPE:
        o->rpe = arg;
        return true;
    case HS_RPE_OPT_EDIT_LAYERS:
        hs_list_free(&o->edit_layers);
        hs_parse_list("--edit-layers", arg, &o->edit_layers);
        return true;
    case HS_RPE_OPT_EDIT_WHERE:
        if (hs_edit_parse_where(&o->where, arg) < 0)
            hs_die(HS_EXIT_USAGE,
                   "--edit-where: '%s' is not all, generated or not-first",
                   arg);
        return true;
    case HS_RPE_OPT_FRACTION:
        parse_fraction(o, arg);
        return true;
    case HS_RPE_OPT_RMS:
        o->n_rms = hs_parse_u64("--rms", arg, 0, 10000);
        return true;
    case HS_RPE_OPT_LIMIT:
        o->limit = hs_parse_u64("--limit", arg, 1, UINT32_MAX);
        return true;
    default:
        return false;
    }
}

static void
parse_probe_target(struct hs_rpe_options *o, const char *arg)
{
    if (hs_target_parse(arg, &o->probe_target) < 0 ||
        o->probe_target == HS_TARGET_NTP || o->probe_target == HS_TARGET_RPE)
        hs_die(HS_EXIT_USAGE,
               "--probe-target: '%s' is not td, mc, td-lambda, terminal or s0",
               arg);
    o->probe_target_given = true;
}

/* Where values, steps and z-scores are from. */
static bool
parse_source(struct hs_rpe_options *o, int c, const char *arg)
{
    switch (c) {
    case 'm':
        o->model = arg;
        return true;
    case HS_RPE_OPT_PROBE:
        o->probe = arg;
        return true;
    case HS_RPE_OPT_PROBE_LAYER:
        o->probe_layer = (uint32_t)hs_parse_u64("--probe-layer", arg, 0, 65535);
        o->probe_layer_given = true;
        return true;
    case HS_RPE_OPT_PROBE_TARGET:
        parse_probe_target(o, arg);
        return true;
    case HS_RPE_OPT_STEP:
        if (hs_step_parse(arg, &o->step) < 0)
            hs_die(HS_EXIT_USAGE,
                   "--step: '%s' is not paragraph, line, sentence or every:N",
                   arg);
        o->step_given = true;
        return true;
    case HS_RPE_OPT_MIN_TOKENS:
        o->step.min_tokens =
            (uint32_t)hs_parse_u64("--min-tokens", arg, 1, UINT32_MAX);
        return true;
    case HS_RPE_OPT_THRESHOLD:
        o->threshold = hs_parse_f64("--threshold", arg, 0, 1);
        return true;
    case HS_RPE_OPT_ZNORM:
        if (hs_znorm_parse(arg, &o->znorm) < 0)
            hs_die(HS_EXIT_USAGE,
                   "--znorm: '%s' is not response, train or causal", arg);
        o->znorm_given = true;
        return true;
    default:
        return parse_look(o, c, arg);
    }
}

static void
parse_val(struct hs_rpe_options *o, const char *arg)
{
    o->val = hs_parse_f64("--val", arg, 0, 1);
    if (o->val <= 0 || o->val >= 1)
        hs_die(HS_EXIT_USAGE, "--val: %s leaves one side without problems",
               arg);
}

static void
parse_window(struct hs_rpe_options *o, const char *arg)
{
    o->window = hs_parse_u64("--window", arg, 1, 100001);
    if (o->window % 2 == 0)
        hs_die(HS_EXIT_USAGE, "--window: %s is even", arg);
}

/* Sizes and levels of a scan. */
static bool
parse_scan(struct hs_rpe_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_RPE_OPT_VAL:
        parse_val(o, arg);
        return true;
    case HS_RPE_OPT_SPLIT_SEED:
        o->split_seed = hs_parse_u64("--split-seed", arg, 0, INT64_MAX);
        return true;
    case HS_RPE_OPT_SEEDS:
        o->seeds = hs_parse_u64("--seeds", arg, 1, 1000);
        return true;
    case HS_RPE_OPT_PERMUTATIONS:
        o->permutations = hs_parse_u64("--permutations", arg, 1, 100000000);
        return true;
    case HS_RPE_OPT_BOOTSTRAP:
        o->bootstrap = hs_parse_u64("--bootstrap", arg, 0, 1000000);
        return true;
    case HS_RPE_OPT_ALPHA:
        o->alpha = hs_parse_f64("--alpha", arg, 1e-6, 0.5);
        return true;
    case HS_RPE_OPT_LOG_STEPS:
        o->log_steps = true;
        return true;
    case HS_RPE_OPT_QUANTILE:
        o->quantile = hs_parse_f64("--quantile", arg, 1e-6, 0.5);
        return true;
    case HS_RPE_OPT_WINDOW:
        parse_window(o, arg);
        return true;
    case HS_RPE_OPT_USE:
        if (strcmp(arg, "all") != 0 && strcmp(arg, "held-out") != 0)
            hs_die(HS_EXIT_USAGE, "--use: '%s' is neither held-out nor all",
                   arg);
        o->use_all = strcmp(arg, "all") == 0;
        return true;
    default:
        return parse_source(o, c, arg);
    }
}

bool
hs_parse_rpe_option(struct hs_rpe_options *o, int c, const char *arg)
{
    if (c == HS_FITOPT_BATCH)
        o->batch = hs_parse_u64("--batch", arg, 1, 65536);
    if (!parse_task(o, c, arg) && !parse_scan(o, c, arg) &&
        !hs_parse_rank_option(&o->rank, c, arg) &&
        !hs_parse_fit_option(&o->fit, c, arg))
        return false;
    if (!hs_rpe_given(o, c) && o->n_given < HS_RPE_MOST_GIVEN)
        o->given[o->n_given++] = c;
    return true;
}

static void
parse_td_end(const struct hs_rpe_options *o)
{
    if (o->step_given && o->probe == NULL)
        hs_die(HS_EXIT_USAGE,
               "--step is for --probe: rollouts have steps of their own");
    if (hs_rpe_given(o, HS_RPE_OPT_MIN_TOKENS) && !o->step_given)
        hs_die(HS_EXIT_USAGE, "--min-tokens is for --step");
    if (o->model != NULL && !(o->step_given && hs_step_reads(&o->step)))
        hs_die(HS_EXIT_USAGE, "--model is for steps that go by the text");
    if (o->rank.by == HS_BY_L2 || o->rank.by == HS_BY_AUC)
        hs_die(HS_EXIT_USAGE, "--by: '%s' is not l1, l1-raw or gradient",
               hs_rank_by_name(o->rank.by));
    if (o->fit.fit.patience > 0 && !o->fit.fit.keep_best)
        hs_die(HS_EXIT_USAGE, "--patience is for --keep=best");
}

void
hs_parse_rpe_end(struct hs_rpe_options *o)
{
    if (o->task == 0)
        o->task = HS_RPE_DO_TD;
    for (size_t i = 0; i < sizeof takers / sizeof *takers; i++)
        if (hs_rpe_given(o, takers[i].code) &&
            (takers[i].tasks & (int)o->task) == 0)
            hs_die(HS_EXIT_USAGE, "%s does nothing here", takers[i].name);
    if ((o->probe_layer_given || o->probe_target_given) && o->probe == NULL &&
        o->task != HS_RPE_DO_DEPENDENCE)
        hs_die(HS_EXIT_USAGE,
               "--probe-layer and --probe-target are for "
               "--probe");
    if (o->first > 0 && o->coords_given)
        hs_die(HS_EXIT_USAGE, "--coords and --first exclude each other");
    if (o->first > 0 && o->rpe == NULL)
        hs_die(HS_EXIT_USAGE, "--first is for the coordinates of --rpe");
    if (hs_rpe_given(o, HS_RPE_OPT_USE) && o->probe == NULL)
        hs_die(HS_EXIT_USAGE, "--use is for --probe");
    if (o->task == HS_RPE_DO_TD)
        parse_td_end(o);
    if (o->task == HS_RPE_DO_DEPENDENCE &&
        (o->rpe == NULL || (o->edit_layers.n == 0 && !o->edit_layers.all)))
        hs_die(HS_EXIT_USAGE, "--dependence needs --rpe and --edit-layers");
}

void
hs_rpe_td_options(const struct hs_rpe_options *o, struct hs_td_options *out)
{
    const struct hs_fit_options *f = &o->fit.fit;

    *out = (struct hs_td_options){.znorm = o->znorm,
                                  .gamma = f->loss.gamma,
                                  .threshold = o->threshold,
                                  .n_seeds = (size_t)o->seeds,
                                  .ratios = o->rank.ratios,
                                  .n_ratios = o->rank.prune.n_ratios,
                                  .n_random = o->rank.prune.n_random,
                                  .by = o->rank.by,
                                  .top = o->rank.top,
                                  .permutations = o->permutations,
                                  .alpha = o->alpha,
                                  .bootstrap = (size_t)o->bootstrap,
                                  .level = o->rank.prune.level,
                                  .seed = o->rank.prune.seed,
                                  .log_steps = o->log_steps};
    hs_rpe_fit_options_init(&out->fit);
    out->fit.adamw = f->adamw;
    out->fit.hidden = f->hidden;
    out->fit.batch = f->batch;
    out->fit.epochs = f->epochs;
    out->fit.seed = o->rank.prune.seed;
    out->fit.keep_best = f->keep_best;
    out->fit.patience = f->patience;
}
