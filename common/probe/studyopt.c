/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * studyopt.c - see studyopt.h.
 */
#include <config.h>

#include "probe/studyopt.h"

#include <string.h>

#include "base/msg.h"
#include "base/num.h"

void
hs_study_choice_init(struct hs_study_choice *c)
{
    *c = (struct hs_study_choice){.val = 0.2,
                                  .alpha = 0.05,
                                  .seeds = 1,
                                  .permutations = 1000,
                                  .bootstrap = 1000};
    hs_fit_choice_init(&c->fit);
    for (int b = 0; b < HS_N_BASELINES; b++)
        c->baselines[b] = true;
}

static void
parse_baselines(struct hs_study_choice *s, const char *arg)
{
    char **words = hs_parse_words("--baselines", arg);
    bool all = strcmp(arg, "all") == 0, none = strcmp(arg, "none") == 0;

    for (int b = 0; b < HS_N_BASELINES; b++)
        s->baselines[b] = all;
    for (char **w = words; !all && !none && *w != NULL; w++) {
        int b = 0;

        while (b < HS_N_BASELINES && strcmp(*w, hs_baseline_names[b]) != 0)
            b++;
        if (b == HS_N_BASELINES)
            hs_die(HS_EXIT_USAGE, "--baselines: '%s' is unknown", *w);
        s->baselines[b] = true;
    }
    hs_words_free(words);
}

static bool
parse_split_option(struct hs_study_choice *s, int c, const char *arg)
{
    switch (c) {
    case HS_STUDYOPT_VAL:
        s->val = hs_parse_f64("--val", arg, 0, 1);
        if (s->val <= 0 || s->val >= 1)
            hs_die(HS_EXIT_USAGE, "--val: %s leaves one side without problems",
                   arg);
        s->val_given = true;
        return true;
    case HS_STUDYOPT_SPLIT_SEED:
        s->split_seed = hs_parse_u64("--split-seed", arg, 0, INT64_MAX);
        s->split_given = true;
        return true;
    case HS_STUDYOPT_VAL_FILE:
        s->val_file = arg;
        return true;
    default:
        return hs_parse_fit_option(&s->fit, c, arg);
    }
}

bool
hs_parse_study_option(struct hs_study_choice *s, int c, const char *arg)
{
    switch (c) {
    case HS_STUDYOPT_SEEDS:
        s->seeds = hs_parse_u64("--seeds", arg, 1, 1000);
        return true;
    case HS_STUDYOPT_BASELINES:
        parse_baselines(s, arg);
        return true;
    case HS_STUDYOPT_PERMUTATIONS:
        s->permutations = hs_parse_u64("--permutations", arg, 0, 1000000);
        return true;
    case HS_STUDYOPT_ALPHA:
        s->alpha = hs_parse_f64("--alpha", arg, 1e-6, 0.5);
        return true;
    case HS_STUDYOPT_BOOTSTRAP:
        s->bootstrap = hs_parse_u64("--bootstrap", arg, 0, 1000000);
        return true;
    case HS_STUDYOPT_LOG_STEPS:
        s->log_steps = true;
        return true;
    default:
        return parse_split_option(s, c, arg);
    }
}

void
hs_parse_study_end(struct hs_study_choice *s)
{
    struct hs_fit_choice *f = &s->fit;
    bool ntp = false;

    hs_parse_fit_end(f);
    if (s->val_file != NULL && (s->val_given || s->split_given))
        hs_die(HS_EXIT_USAGE,
               "--val-file leaves --val and --split-seed nothing to do");
    for (size_t i = 0; i < f->n_targets; i++)
        ntp = ntp || f->targets[i] == HS_TARGET_NTP;
    if (s->baselines[HS_BASE_NTP] && !ntp)
        f->targets[f->n_targets++] = HS_TARGET_NTP;
}

struct hs_study
hs_study_of(const struct hs_study_choice *c, const struct hs_trajset *s,
            struct hs_team *team)
{
    struct hs_study q = {.s = s,
                         .team = team,
                         .n_targets = c->fit.n_targets,
                         .fit = c->fit.fit,
                         .n_seeds = (size_t)c->seeds,
                         .eval = {.level = 0.95,
                                  .bootstrap = (size_t)c->bootstrap,
                                  .seed = c->fit.fit.seed},
                         .permutations = c->permutations,
                         .alpha = c->alpha,
                         .log_steps = c->log_steps};

    memcpy(q.targets, c->fit.targets, sizeof q.targets);
    memcpy(q.baselines, c->baselines, sizeof q.baselines);
    return q;
}
