/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fitopt.c - see fitopt.h.
 */
#include <config.h>

#include "probe/fitopt.h"

#include <string.h>

#include "base/msg.h"
#include "base/num.h"

enum {
    MAX_HIDDEN = 65536,
    MAX_BATCH = 65536,
    MAX_EPOCHS = 1000000
};

void
hs_fit_choice_init(struct hs_fit_choice *c)
{
    *c = (struct hs_fit_choice){.n_targets = 1, .targets = {HS_TARGET_TD}};
    hs_fit_options_init(&c->fit);
}

static void
parse_targets(struct hs_fit_choice *f, const char *arg)
{
    char **words = hs_parse_words("--target", arg);

    f->n_targets = 0;
    for (char **w = words; *w != NULL; w++) {
        enum hs_target t;

        if (hs_target_parse(*w, &t) < 0 || t == HS_TARGET_RPE)
            hs_die(HS_EXIT_USAGE,
                   "--target: '%s' is not td, mc, td-lambda, terminal, s0 or "
                   "ntp",
                   *w);
        for (size_t i = 0; i < f->n_targets; i++)
            if (f->targets[i] == t)
                hs_die(HS_EXIT_USAGE, "--target: %s comes twice", *w);
        f->targets[f->n_targets++] = t;
    }
    f->fit.loss.target = f->targets[0];
    hs_words_free(words);
}

/* One of two words: true for b. */
static bool
parse_either(const char *opt, const char *arg, const char *a, const char *b)
{
    if (strcmp(arg, a) != 0 && strcmp(arg, b) != 0)
        hs_die(HS_EXIT_USAGE, "%s: '%s' is neither %s nor %s", opt, arg, a, b);
    return strcmp(arg, b) == 0;
}

static bool
parse_loss_option(struct hs_fit_choice *f, int c, const char *arg)
{
    struct hs_loss *l = &f->fit.loss;

    switch (c) {
    case HS_FITOPT_TARGET:
        parse_targets(f, arg);
        return true;
    case HS_FITOPT_TD_GRAD:
        l->residual = parse_either("--td-grad", arg, "semi", "residual");
        f->td_grad_given = true;
        return true;
    case HS_FITOPT_GAMMA:
        l->gamma = hs_parse_f64("--gamma", arg, 0, 1);
        return true;
    case HS_FITOPT_LAMBDA:
        l->lambda = hs_parse_f64("--lambda", arg, 0, 1);
        f->lambda_given = true;
        return true;
    case HS_FITOPT_TERMINAL_WEIGHT:
        l->terminal_weight = hs_parse_f64("--terminal-weight", arg, 0, 1e9);
        f->weight_given = true;
        return true;
    case HS_FITOPT_NORM:
        l->norm = parse_either("--norm", arg, "trajectory", "token")
                      ? HS_NORM_TOKEN
                      : HS_NORM_TRAJECTORY;
        return true;
    case HS_FITOPT_HEAD:
        l->sigmoid = !parse_either("--head", arg, "sigmoid", "linear");
        return true;
    default:
        return false;
    }
}

bool
hs_parse_fit_option(struct hs_fit_choice *f, int c, const char *arg)
{
    struct hs_fit_options *o = &f->fit;

    switch (c) {
    case HS_FITOPT_HIDDEN:
        o->hidden = (size_t)hs_parse_u64("--hidden", arg, 1, MAX_HIDDEN);
        return true;
    case HS_FITOPT_STANDARDIZE:
        if (hs_standardize_parse(arg, &o->standardize) < 0)
            hs_die(HS_EXIT_USAGE,
                   "--standardize: '%s' is not zscore, rms or none", arg);
        return true;
    case HS_FITOPT_EPOCHS:
        o->epochs = hs_parse_u64("--epochs", arg, 0, MAX_EPOCHS);
        return true;
    case HS_FITOPT_STEPS:
        o->steps = hs_parse_u64("--steps", arg, 1, (uint64_t)1 << 40);
        return true;
    case HS_FITOPT_BATCH:
        o->batch = (size_t)hs_parse_u64("--batch", arg, 1, MAX_BATCH);
        return true;
    case HS_FITOPT_LR:
        o->adamw.lr = hs_parse_f64("--lr", arg, 0, 1e3);
        return true;
    case HS_FITOPT_WEIGHT_DECAY:
        o->adamw.weight_decay = hs_parse_f64("--weight-decay", arg, 0, 1e3);
        return true;
    case HS_FITOPT_KEEP:
        o->keep_best = !parse_either("--keep", arg, "best", "last");
        f->keep_given = true;
        return true;
    case HS_FITOPT_PATIENCE:
        o->patience = hs_parse_u64("--patience", arg, 0, MAX_EPOCHS);
        return true;
    default:
        return parse_loss_option(f, c, arg);
    }
}

static bool
has(const struct hs_fit_choice *f, enum hs_target t)
{
    for (size_t i = 0; i < f->n_targets; i++)
        if (f->targets[i] == t)
            return true;
    return false;
}

void
hs_parse_fit_end(struct hs_fit_choice *f)
{
    bool td = has(f, HS_TARGET_TD), lambda = has(f, HS_TARGET_TD_LAMBDA);

    /* Who counts steps wants the weights after the last one. */
    if (!f->keep_given && f->fit.steps > 0)
        f->fit.keep_best = false;
    if (f->fit.patience > 0 && !f->fit.keep_best)
        hs_die(HS_EXIT_USAGE, "--patience is for --keep=best");
    if (f->td_grad_given && !td)
        hs_die(HS_EXIT_USAGE, "--td-grad is for --target td");
    if (f->lambda_given && !lambda)
        hs_die(HS_EXIT_USAGE, "--lambda is for --target td-lambda");
    if (f->weight_given && !td && !lambda && !has(f, HS_TARGET_MC))
        hs_die(HS_EXIT_USAGE,
               "--terminal-weight is for --target td, mc and td-lambda");
}
