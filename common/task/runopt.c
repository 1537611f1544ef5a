/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * runopt.c - see runopt.h.
 */
#include <config.h>

#include "task/runopt.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "model/kernel.h"

/* Options that are letters have the bits of given behind those of names. */
static const char letters[] = "gjlms";

enum {
    LETTER_BITS = HS_OPT_OWN - HS_OPT_BATCH,
    MAX_THREADS = 1024,
    ROLLOUTS_BATCH = 64,  /* tokens come one by one for each of them */
    KEEP_BYTES = 32 << 20 /* glibc's largest threshold */
};

void
hs_run_options_init(struct hs_run_options *o)
{
    *o = (struct hs_run_options){
        .layers.all = true,
        .dtype = HS_F16,
        .positions = HS_POSITIONS_ALL,
        .samples = 1,
        .max_tokens = 512,
        .sampler = {.temperature = 1, .top_p = 1, .seed = 1},
        .batch = 32,
        .threads = hs_processors(),
        .template = "auto",
        .shard = 1,
        .n_shards = 1,
        .edit_layer = -1,
    };
}

void
hs_run_options_free(struct hs_run_options *o)
{
    hs_list_free(&o->layers);
    hs_map_free(&o->map);
    hs_grader_free(o->grader);
    *o = (struct hs_run_options){0};
}

static void
parse_layers(struct hs_run_options *o, const char *arg)
{
    hs_list_free(&o->layers);
    o->layers = (struct hs_list){0};
    o->no_layers = strcmp(arg, "none") == 0;
    if (!o->no_layers)
        hs_parse_list("--layers", arg, &o->layers);
}

const char *const hs_positions_names[] = {
    [HS_POSITIONS_ALL] = "all",       [HS_POSITIONS_LAST] = "last",
    [HS_POSITIONS_S0] = "s0",         [HS_POSITIONS_STEP_ENDS] = "step-ends",
    [HS_POSITIONS_TOKENS] = "tokens",
};

static void
parse_positions(struct hs_run_options *o, const char *arg)
{
    if (strncmp(arg, "every:", 6) == 0) {
        o->positions = HS_POSITIONS_EVERY;
        o->every =
            (uint32_t)hs_parse_u64("--positions=every", arg + 6, 1, 1000000);
        return;
    }
    for (int i = 0; i < HS_POSITIONS_EVERY; i++) {
        if (strcmp(arg, hs_positions_names[i]) == 0) {
            o->positions = (enum hs_positions)i;
            return;
        }
    }
    hs_die(
        HS_EXIT_USAGE,
        "--positions: '%s' is not all, last, s0, step-ends, tokens or every:K",
        arg);
}

static void
parse_grader(struct hs_run_options *o, const char *arg)
{
    struct hs_error err;

    hs_grader_free(o->grader);
    o->grader = hs_grader_new(arg, &err);
    if (o->grader == NULL)
        hs_die(HS_EXIT_USAGE, "--grader: %s", err.text);
}

/* Options of what is generated and how. */
static bool
parse_sampling(struct hs_run_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_OPT_GREEDY:
        o->sampler.greedy = true;
        o->sampling = "--greedy";
        return true;
    case HS_OPT_IGNORE_EOS:
        o->ignore_eos = true;
        o->sampling = "--ignore-eos";
        return true;
    case HS_OPT_MAX_TOKENS:
        o->max_tokens = hs_parse_u64("--max-tokens", arg, 0, 100000000);
        o->sampling = "--max-tokens";
        return true;
    case HS_OPT_SAMPLES:
        o->samples = hs_parse_u64("--samples", arg, 1, 1000000);
        o->sampling = "--samples";
        return true;
    case HS_OPT_TEMPERATURE:
        o->sampler.temperature = hs_parse_f64("--temperature", arg, 1e-3, 1e3);
        o->sampling = o->drawing = "--temperature";
        return true;
    case HS_OPT_TOP_K:
        o->sampler.top_k = (uint32_t)hs_parse_u64("--top-k", arg, 0, 100000000);
        o->sampling = o->drawing = "--top-k";
        return true;
    case HS_OPT_TOP_P:
        o->sampler.top_p = hs_parse_f64("--top-p", arg, 1e-6, 1);
        o->sampling = o->drawing = "--top-p";
        return true;
    default:
        return false;
    }
}

/* Options of prompts and answers. */
static bool
parse_text(struct hs_run_options *o, int c, const char *arg)
{
    switch (c) {
    case 'g':
        parse_grader(o, arg);
        return true;
    case HS_OPT_INSTRUCTION:
        o->instruction = arg;
        return true;
    case HS_OPT_MAP:
        hs_map_free(&o->map);
        hs_parse_map("--map", arg, &o->map);
        return true;
    case HS_OPT_REPLAY:
        o->replay = true;
        return true;
    case HS_OPT_SYSTEM:
        o->system = arg;
        return true;
    case HS_OPT_TEMPLATE:
        o->template = arg;
        return true;
    default:
        return false;
    }
}

static void
parse_rule(const char *opt, const char *arg, struct hs_step_rule *out)
{
    if (hs_step_parse(arg, out) < 0)
        hs_die(HS_EXIT_USAGE,
               "%s: '%s' is not paragraph, line, sentence or every:N", opt,
               arg);
}

static bool
parse_rollouts(struct hs_run_options *o, int c, const char *arg)
{
    switch (c) {
    case HS_OPT_BRANCH:
        parse_rule("--branch", arg, &o->branch);
        return true;
    case HS_OPT_MIN_TOKENS:
        o->min_tokens = hs_parse_u64("--min-tokens", arg, 0, 100000000);
        return true;
    case HS_OPT_NO_SHARING:
        o->no_sharing = true;
        return true;
    case HS_OPT_ROLLOUTS:
        o->rollouts = hs_parse_u64("--rollouts", arg, 1, 1000000);
        return true;
    default:
        return false;
    }
}

/* Options of what is kept and of edits. */
static bool
parse_states(struct hs_run_options *o, int c, const char *arg)
{
    switch (c) {
    case 'l':
        parse_layers(o, arg);
        return true;
    case HS_OPT_DTYPE:
        if (hs_dtype_parse(arg, &o->dtype) < 0)
            hs_die(HS_EXIT_USAGE, "--dtype: '%s' is not f16, bf16 or f32", arg);
        return true;
    case HS_OPT_EDIT:
        o->edit = arg;
        return true;
    case HS_OPT_EDIT_COORDS:
        o->edit_coords = arg;
        return true;
    case HS_OPT_EDIT_LAYER:
        o->edit_layer = (int64_t)hs_parse_u64("--edit-layer", arg, 0, 1000000);
        return true;
    case HS_OPT_EDIT_WHERE:
        o->edit_where = arg;
        return true;
    case HS_OPT_POSITIONS:
        parse_positions(o, arg);
        return true;
    case HS_OPT_STEP:
        parse_rule("--step", arg, &o->step);
        return true;
    default:
        return false;
    }
}

/* The bit of given of an option; 0 for one that is not of these. */
static uint64_t
given_bit(int c)
{
    const char *letter = c > 0 && c < HS_OPT_BATCH ? strchr(letters, c) : NULL;

    if (letter != NULL)
        return (uint64_t)1 << (LETTER_BITS + (letter - letters));
    return c >= HS_OPT_BATCH && c < HS_OPT_OWN
               ? (uint64_t)1 << (c - HS_OPT_BATCH)
               : 0;
}

bool
hs_run_given(const struct hs_run_options *o, int c)
{
    return (o->given & given_bit(c)) != 0;
}

bool
hs_parse_run_option(struct hs_run_options *o, int c, const char *arg)
{
    o->given |= given_bit(c);
    switch (c) {
    case 'j':
        o->threads = hs_parse_u64("--threads", arg, 1, MAX_THREADS);
        return true;
    case 'm':
        o->model = arg;
        return true;
    case 's':
        o->sampler.seed = hs_parse_u64("--seed", arg, 0, UINT64_MAX / 2);
        return true;
    case HS_OPT_BATCH:
        o->batch = hs_parse_u64("--batch", arg, 1, 65536);
        return true;
    case HS_OPT_SHARD:
        hs_parse_shard("--shard", arg, &o->shard, &o->n_shards);
        return true;
    default:
        return parse_sampling(o, c, arg) || parse_text(o, c, arg) ||
               parse_states(o, c, arg) || parse_rollouts(o, c, arg);
    }
}

static void
parse_edit_end(const struct hs_run_options *o)
{
    enum hs_edit_where where;
    struct hs_error err;

    if (o->edit == NULL &&
        (o->edit_coords != NULL || o->edit_layer >= 0 || o->edit_where != NULL))
        hs_die(HS_EXIT_USAGE, "--edit is missing");
    if (o->edit != NULL && o->edit_layer < 0)
        hs_die(HS_EXIT_USAGE, "--edit needs --edit-layer");
    if (o->edit_where != NULL && hs_edit_parse_where(&where, o->edit_where) < 0)
        hs_die(HS_EXIT_USAGE,
               "--edit-where: '%s' is not all, generated or not-first",
               o->edit_where);
    if (o->edit != NULL && hs_edit_check(o->edit, o->edit_coords, &err) < 0)
        hs_die(HS_EXIT_USAGE, "--edit: %s", err.text);
}

static bool
has_all_tokens(void *ud, const char *token)
{
    (void)ud;
    (void)token;
    return true;
}

/* With a tokenizer that has whatever a template asks for, only what is wrong
 * with the options themselves is left. */
static void
parse_template_end(const struct hs_run_options *o)
{
    struct hs_template t;
    struct hs_error err;

    if (hs_template_init(&t, o->template, o->system, o->instruction,
                         has_all_tokens, NULL, &err) < 0)
        hs_die(HS_EXIT_USAGE, "--template: %s", err.text);
}

static void
parse_rollouts_end(const struct hs_run_options *o)
{
    if (hs_run_given(o, HS_OPT_MIN_TOKENS) && o->rollouts == 0 &&
        o->positions != HS_POSITIONS_STEP_ENDS)
        hs_die(HS_EXIT_USAGE,
               "--min-tokens is for --rollouts or --positions=step-ends");
    if (o->rollouts == 0 && (o->no_sharing || hs_run_given(o, HS_OPT_BRANCH)))
        hs_die(HS_EXIT_USAGE, "%s is for --rollouts",
               o->no_sharing ? "--no-sharing" : "--branch");
    if (o->rollouts == 0)
        return;
    if (!hs_run_given(o, HS_OPT_BRANCH))
        hs_die(HS_EXIT_USAGE, "--rollouts needs --branch, such as line");
    if (o->sampler.greedy)
        hs_die(HS_EXIT_USAGE, "--rollouts draws what it counts: no --greedy");
    if (strcmp(hs_grader_name(o->grader), "none") == 0)
        hs_die(HS_EXIT_USAGE,
               "--rollouts counts right answers: a --grader "
               "other than none");
    if (o->batch < 2 && !o->no_sharing)
        hs_die(HS_EXIT_USAGE,
               "--batch=1 has no place for what continuations "
               "share: 2 or more, or --no-sharing");
}

void
hs_parse_run_end(struct hs_run_options *o)
{
    if (o->samples > 1)
        o->drawing = "--samples";
    if (o->sampler.greedy && o->drawing != NULL)
        hs_die(HS_EXIT_USAGE, "--greedy leaves nothing to draw: no %s",
               o->drawing);
    if (o->replay && o->sampling != NULL && o->rollouts == 0)
        hs_die(HS_EXIT_USAGE, "%s is for generating, not for --replay",
               o->sampling);
    if (o->replay && hs_run_given(o, HS_OPT_SAMPLES))
        hs_die(HS_EXIT_USAGE, "--samples is for generating, not for --replay");
    if (hs_run_given(o, HS_OPT_STEP) && o->positions != HS_POSITIONS_STEP_ENDS)
        hs_die(HS_EXIT_USAGE, "--step is for --positions=step-ends");
    if (o->grader == NULL)
        parse_grader(o, "gsm8k");
    parse_edit_end(o);
    parse_template_end(o);
    parse_rollouts_end(o);
    if (o->rollouts > 0 && !hs_run_given(o, HS_OPT_BATCH))
        o->batch = ROLLOUTS_BATCH;
    o->step.min_tokens = o->branch.min_tokens = (uint32_t)o->min_tokens;
}

/* ---- with a model ---- */

static int
open_edit(struct hs_run *r, const struct hs_run_options *o,
          struct hs_error *err)
{
    const struct hs_config *c = &r->model->cfg;
    const char *where = o->edit_where != NULL ? o->edit_where : "all";

    if (o->edit == NULL)
        return 0;
    if ((uint64_t)o->edit_layer > c->n_layers)
        return hs_fail(err, "--edit-layer: the model has layers 0 to %zu",
                       c->n_layers);
    if (hs_edit_parse(&r->edit, o->edit, o->edit_coords, c->dim, err) < 0)
        return hs_fail_prefix(err, "--edit");
    r->edit.layer = (uint32_t)o->edit_layer;
    if (hs_edit_parse_where(&r->edit.where, where) < 0)
        return hs_fail(err, "--edit-where: '%s' is unknown", where);
    r->sched.edit = &r->edit;
    return 0;
}

static int
copy_layers(struct hs_run *r, const struct hs_run_options *o,
            struct hs_error *err)
{
    struct hs_list *l = &r->sched.layers;

    *l = o->layers;
    l->v = hs_calloc(l->n, sizeof *l->v);
    if (l->n > 0)
        memcpy(l->v, o->layers.v, l->n * sizeof *l->v);
    if (o->no_layers)
        return 0;
    if (hs_list_resolve(l, (uint32_t)r->model->cfg.n_layers + 1, err) < 0)
        return hs_fail_prefix(err, "--layers");
    return 0;
}

static int
open_parts(struct hs_run *r, const struct hs_run_options *o,
           struct hs_error *err)
{
    struct hs_sched_options *s = &r->sched;
    char *dir =
        o->model != NULL ? hs_strdup(o->model) : hs_model_default_dir(err);

    if (dir == NULL)
        return -1;
    r->model = hs_model_open(dir, err);
    free(dir);
    if (r->model == NULL)
        return -1;
    if (r->model->tok == NULL &&
        ((o->positions == HS_POSITIONS_STEP_ENDS && hs_step_reads(&o->step)) ||
         strcmp(hs_grader_name(o->grader), "none") != 0))
        return hs_fail(err,
                       "%s: no tokenizer.json: answers cannot be read; "
                       "--grader=none, and steps of every:N, do without",
                       r->model->dir);
    s->batch = o->batch;
    s->team = r->team;
    s->positions = o->positions;
    s->every = o->every;
    s->sampler = o->sampler;
    s->eos = r->model->cfg.eos;
    s->n_eos = o->ignore_eos ? 0 : r->model->cfg.n_eos;
    if (copy_layers(r, o, err) < 0 || open_edit(r, o, err) < 0)
        return -1;
    return hs_prompter_init(&r->prompter, r->model, o->template, o->system,
                            o->instruction, err);
}

int
hs_run_open(struct hs_run *r, const struct hs_run_options *o,
            struct hs_error *err)
{
    *r = (struct hs_run){0};
    /* States come and go by the megabyte: fresh pages each time cost a few
     * hundredths of a run. */
    (void)mallopt(M_MMAP_THRESHOLD, KEEP_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    (void)hs_kern();
    r->team = hs_team_new(o->threads, err);
    if (r->team == NULL || open_parts(r, o, err) < 0) {
        hs_run_close(r);
        return -1;
    }
    return 0;
}

void
hs_run_close(struct hs_run *r)
{
    hs_list_free(&r->sched.layers);
    hs_edit_free(&r->edit);
    hs_model_free(r->model);
    hs_team_free(r->team);
    *r = (struct hs_run){0};
}
