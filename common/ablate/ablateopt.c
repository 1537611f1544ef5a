/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ablateopt.c - see ablateopt.h.
 */
#include <config.h>

#include "ablate/ablateopt.h"

#include <string.h>

#include "base/mem.h"
#include "base/msg.h"

static const char default_arms[] =
    "none,noop,value,random:20,rms:20,magnitude,wanda,bottom";
static const char default_arms_unranked[] =
    "none,noop,random:20,magnitude,wanda";

void
hs_ablate_options_init(struct hs_ablate_options *o)
{
    *o = (struct hs_ablate_options){.draw_seed = 1, .calibrate = 32, .own = 64};
    hs_run_options_init(&o->run);
    o->run.no_layers = true;
    hs_list_free(&o->run.layers);
    o->run.batch = 0; /* depends on the arms */
}

void
hs_ablate_options_free(struct hs_ablate_options *o)
{
    hs_run_options_free(&o->run);
    hs_list_free(&o->layers);
    hs_arm_specs_free(&o->arms);
    hs_arm_sizes_free(&o->sizes);
    hs_grader_free(o->also_grader);
    *o = (struct hs_ablate_options){0};
}

static void
parse_arms(struct hs_ablate_options *o, const char *arg)
{
    struct hs_error err;

    hs_arm_specs_free(&o->arms);
    if (hs_arm_specs_scan(arg, &o->arms, &err) < 0)
        hs_die(HS_EXIT_USAGE, "--arms: %s", err.text);
}

static void
parse_sizes(struct hs_ablate_options *o, const char *arg)
{
    struct hs_error err;

    hs_arm_sizes_free(&o->sizes);
    if (hs_arm_sizes_scan(arg, &o->sizes, &err) < 0)
        hs_die(HS_EXIT_USAGE, "--top: %s", err.text);
}

static void
parse_mode(struct hs_ablate_options *o, const char *arg)
{
    struct hs_error err;

    if (hs_arm_mode_scan(arg, &o->mode, &err) < 0)
        hs_die(HS_EXIT_USAGE, "--mode: %s", err.text);
}

static void
parse_also_grader(struct hs_ablate_options *o, const char *arg)
{
    struct hs_error err;

    hs_grader_free(o->also_grader);
    o->also_grader = hs_grader_new(arg, &err);
    if (o->also_grader == NULL)
        hs_die(HS_EXIT_USAGE, "--also-grader: %s", err.text);
}

/* Options of what is edited. */
static bool
parse_edit(struct hs_ablate_options *o, int c, const char *arg)
{
    switch (c) {
    case 'l':
        hs_list_free(&o->layers);
        hs_parse_list("--layers", arg, &o->layers);
        return true;
    case 'r':
        o->rank = arg;
        return true;
    case HS_ABLATE_OPT_ARMS:
        parse_arms(o, arg);
        return true;
    case HS_ABLATE_OPT_DRAW_SEED:
        o->draw_seed = hs_parse_u64("--draw-seed", arg, 0, UINT64_MAX / 2);
        return true;
    case HS_ABLATE_OPT_MODE:
        parse_mode(o, arg);
        return true;
    case HS_ABLATE_OPT_TARGET:
        o->one_target = true;
        if (hs_target_parse(arg, &o->target) < 0)
            hs_die(HS_EXIT_USAGE, "--target: '%s' is no target", arg);
        return true;
    case HS_ABLATE_OPT_TOP:
        parse_sizes(o, arg);
        return true;
    case HS_ABLATE_OPT_WHERE:
        if (hs_edit_parse_where(&o->where, arg) < 0)
            hs_die(HS_EXIT_USAGE,
                   "--where: '%s' is not all, generated or not-first", arg);
        return true;
    default:
        return false;
    }
}

/* Options of what is run and compared with. */
static bool
parse_parts(struct hs_ablate_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_ABLATE_OPT_ACTS:
        o->acts = arg;
        return true;
    case HS_ABLATE_OPT_ALSO:
        o->also = arg;
        return true;
    case HS_ABLATE_OPT_ALSO_GRADER:
        parse_also_grader(o, arg);
        return true;
    case HS_ABLATE_OPT_BASELINE:
        o->baseline = arg;
        return true;
    case HS_ABLATE_OPT_CALIBRATE:
        o->calibrate = hs_parse_u64("--calibrate", arg, 1, 1000000);
        o->calibrate_given = true;
        return true;
    case HS_ABLATE_OPT_NEUTRAL:
        o->no_neutral = strcmp(arg, "none") == 0;
        o->neutral = o->no_neutral ? NULL : arg;
        return true;
    case HS_ABLATE_OPT_OWN_TEXT:
        o->own = hs_parse_u64("--own", arg, 0, 1000000);
        o->own_given = true;
        return true;
    default:
        return false;
    }
}

bool
hs_parse_ablate_option(struct hs_ablate_options *o, int c, const char *arg)
{
    return parse_edit(o, c, arg) || parse_parts(o, c, arg) ||
           hs_parse_run_option(&o->run, c, arg);
}

static void
parse_files_end(const struct hs_ablate_options *o)
{
    const char *const paths[] = {o->rank, o->acts, o->also, o->neutral,
                                 o->baseline};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (paths[i] != NULL && strcmp(paths[i], "-") == 0)
            hs_die(HS_EXIT_USAGE,
                   "standard input is for the problems; --rank, --acts, "
                   "--also, --neutral and --baseline name files");
}

/* What needs a ranking says so before anything is opened. */
static void
parse_arms_end(const struct hs_ablate_options *o)
{
    static const enum hs_arm_kind ranked[] = {HS_ARM_VALUE, HS_ARM_VALUE_SINKS,
                                              HS_ARM_BOTTOM, HS_ARM_RMS};

    for (size_t i = 0; i < sizeof ranked / sizeof ranked[0]; i++)
        if (o->rank == NULL && hs_arm_specs_have(&o->arms, ranked[i]))
            hs_die(HS_EXIT_USAGE, "the arm %s needs --rank",
                   hs_arm_kind_name(ranked[i]));
    if (o->rank == NULL && o->one_target)
        hs_die(HS_EXIT_USAGE, "--target is for --rank");
    if (o->rank == NULL && o->layers.n == 0 && !o->layers.all)
        hs_die(HS_EXIT_USAGE, "--rank or --layers must say where to edit");
    if (o->own_given && o->own > 0 && !hs_arm_specs_have(&o->arms, HS_ARM_NONE))
        hs_die(HS_EXIT_USAGE, "--own needs the arm none");
}

/* A baseline is of the unedited model: the arm is there. */
static void
parse_baseline_end(struct hs_ablate_options *o)
{
    struct hs_arm_specs *s = &o->arms;

    if (o->baseline == NULL || hs_arm_specs_have(s, HS_ARM_NONE))
        return;
    s->v = hs_realloc(s->v, hs_mul(s->n + 1, sizeof *s->v));
    s->v[s->n++] = (struct hs_arm_spec){.kind = HS_ARM_NONE};
}

void
hs_parse_ablate_end(struct hs_ablate_options *o)
{
    if (o->arms.n == 0)
        parse_arms(o, o->rank != NULL ? default_arms : default_arms_unranked);
    if (o->sizes.n == 0)
        parse_sizes(o, "1%");
    if (o->mode.text[0] == '\0')
        parse_mode(o, "zero");
    /* Greedy, unless something is said about drawing. */
    if (o->run.drawing == NULL && o->run.samples == 1)
        o->run.sampler.greedy = true;
    if (o->acts != NULL && o->calibrate_given)
        hs_die(HS_EXIT_USAGE, "--acts or --calibrate, not both");
    if (o->also_grader != NULL && o->also == NULL)
        hs_die(HS_EXIT_USAGE, "--also-grader is for --also");
    parse_baseline_end(o);
    parse_files_end(o);
    parse_arms_end(o);
    if (!hs_arm_specs_have(&o->arms, HS_ARM_NONE))
        o->own = 0;
    hs_parse_run_end(&o->run);
}
