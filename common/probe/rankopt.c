/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rankopt.c - see rankopt.h; rankrun.c does what is asked for.
 */
#include <config.h>

#include "probe/rankopt.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"

enum {
    MAX_THREADS = 1024,
    MAX_DRAWS = 10000
};

static void
parse_ratios(const char *s, struct hs_rank_options *o)
{
    char **words = hs_parse_words("--ratios", s);
    size_t n = 0;

    while (words[n] != NULL)
        n++;
    free(o->ratios);
    o->ratios = hs_calloc(n, sizeof *o->ratios);
    for (size_t i = 0; i < n; i++) {
        o->ratios[i] = hs_parse_f64("--ratios", words[i], 0, 1);
        if (o->ratios[i] >= 1)
            hs_die(HS_EXIT_USAGE, "--ratios: nothing is left at 1");
        for (size_t k = 0; k < i; k++)
            if (!(o->ratios[k] < o->ratios[i] || o->ratios[k] > o->ratios[i]))
                hs_die(HS_EXIT_USAGE, "--ratios: %s is there twice", words[i]);
    }
    o->prune.ratios = o->ratios;
    o->prune.n_ratios = n;
    hs_words_free(words);
}

static void
parse_prune_eval(const char *s, struct hs_rank_options *o)
{
    o->prune.retrain = strcmp(s, "retrain") == 0 || strcmp(s, "both") == 0;
    o->prune.mask = strcmp(s, "mask") == 0 || strcmp(s, "both") == 0;
    if (!o->prune.retrain && !o->prune.mask)
        hs_die(HS_EXIT_USAGE, "--prune-eval: '%s' is not retrain, mask or both",
               s);
}

static void
parse_top(const char *s, struct hs_rank_options *o)
{
    struct hs_error err;

    if (hs_top_scan(s, &o->top, &err) < 0)
        hs_die(HS_EXIT_USAGE, "--top: %s", err.text);
    o->top_given = true;
}

static void
parse_by(const char *s, struct hs_rank_options *o)
{
    if (hs_rank_by_parse(s, &o->by) < 0)
        hs_die(HS_EXIT_USAGE,
               "--by: '%s' is not l1, l1-raw, l2, gradient or auc", s);
    o->by_given = true;
}

static void
parse_target(const char *s, struct hs_rank_options *o)
{
    if (hs_target_parse(s, &o->choice.target) < 0)
        hs_die(HS_EXIT_USAGE,
               "--target: '%s' is not td, mc, td-lambda, terminal, s0, ntp "
               "or rpe",
               s);
    o->choice.one_target = true;
}

void
hs_rank_options_init(struct hs_rank_options *o)
{
    *o = (struct hs_rank_options){
        .layers.all = true,
        .choice.layers = &o->layers,
        .top.share = 0.01,
        .prune = {.retrain = true, .n_random = 5, .level = 0.95},
        .memory = (uint64_t)1 << 30,
        .threads = hs_processors()};
    parse_ratios("0,0.5,0.8,0.9,0.95,0.98,0.99", o);
}

void
hs_rank_options_free(struct hs_rank_options *o)
{
    hs_list_free(&o->layers);
    free(o->ratios);
    *o = (struct hs_rank_options){0};
}

/* Options of pruning curves. */
static bool
parse_curve_option(struct hs_rank_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_RANK_OPT_CURVE:
        o->curve = arg;
        return true;
    case HS_RANK_OPT_VAL_FILE:
        o->val_file = arg;
        break;
    case HS_RANK_OPT_EPOCHS:
        o->prune.epochs = hs_parse_u64("--epochs", arg, 1, UINT32_MAX);
        break;
    case HS_RANK_OPT_PRUNE_EVAL:
        parse_prune_eval(arg, o);
        break;
    case HS_RANK_OPT_RANDOM:
        o->prune.n_random = (size_t)hs_parse_u64("--random", arg, 0, MAX_DRAWS);
        break;
    case 's':
        o->prune.seed = hs_parse_u64("--seed", arg, 0, UINT64_MAX);
        break;
    default:
        return false;
    }
    o->curve_given = true;
    return true;
}

bool
hs_parse_rank_option(struct hs_rank_options *o, int c, const char *arg)
{
    switch (c) {
    case 'l':
        hs_list_free(&o->layers);
        hs_parse_list("--layers", arg, &o->layers);
        return true;
    case 'j':
        o->threads = hs_parse_u64("--threads", arg, 1, MAX_THREADS);
        return true;
    case HS_RANK_OPT_AUDIT:
        o->audit = arg;
        return true;
    case HS_RANK_OPT_BY:
        parse_by(arg, o);
        return true;
    case HS_RANK_OPT_MEMORY:
        o->memory = hs_parse_bytes("--memory", arg, 0, UINT64_MAX / 2);
        return true;
    case HS_RANK_OPT_RATIOS:
        parse_ratios(arg, o);
        return true;
    case HS_RANK_OPT_TARGET:
        parse_target(arg, o);
        return true;
    case HS_RANK_OPT_TOP:
        parse_top(arg, o);
        return true;
    default:
        return parse_curve_option(o, c, arg);
    }
}
