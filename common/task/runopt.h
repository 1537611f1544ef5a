/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * runopt.h - the options of programs that run a model over problems: which
 * letters and names mean what stands once, here and in runopt.c.
 *
 * The functions named hs_parse_ are for the command line and die with
 * HS_EXIT_USAGE.
 */
#ifndef HS_RUNOPT_H
#define HS_RUNOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "model/edit.h"
#include "model/model.h"
#include "model/sampler.h"
#include "model/sched.h"
#include "stream/record.h"
#include "task/grade.h"
#include "task/problem.h"
#include "task/prompt.h"
#include "task/step.h"

/* Values of long options in getopt's table; the others are letters. */
enum hs_run_opt {
    HS_OPT_BATCH = 256,
    HS_OPT_BRANCH,
    HS_OPT_DTYPE,
    HS_OPT_EDIT,
    HS_OPT_EDIT_COORDS,
    HS_OPT_EDIT_LAYER,
    HS_OPT_EDIT_WHERE,
    HS_OPT_GREEDY,
    HS_OPT_IGNORE_EOS,
    HS_OPT_INSTRUCTION,
    HS_OPT_MAP,
    HS_OPT_MAX_TOKENS,
    HS_OPT_MIN_TOKENS,
    HS_OPT_NO_SHARING,
    HS_OPT_POSITIONS,
    HS_OPT_REPLAY,
    HS_OPT_ROLLOUTS,
    HS_OPT_SAMPLES,
    HS_OPT_SHARD,
    HS_OPT_STEP,
    HS_OPT_SYSTEM,
    HS_OPT_TEMPERATURE,
    HS_OPT_TEMPLATE,
    HS_OPT_TOP_K,
    HS_OPT_TOP_P,
    HS_OPT_OWN /* a program's own options begin here */
};

struct hs_run_options {
    const char *model; /* folder; NULL for the default model */
    struct hs_list layers;
    bool no_layers; /* -l none */
    enum hs_dtype dtype;
    enum hs_positions positions;
    uint32_t every;
    struct hs_step_rule step, branch; /* of step-ends; of rollouts */
    uint64_t min_tokens;              /* of a step of either */
    uint64_t rollouts;                /* K, 0 for none */
    bool no_sharing;
    uint64_t samples, max_tokens;
    struct hs_sampler sampler;
    const char *sampling; /* the last sampling option given, or NULL */
    const char *drawing;  /* the last one that --greedy does without, or NULL */
    bool replay, ignore_eos;
    uint64_t batch, threads;
    const char *template, *system, *instruction;
    struct hs_map map;
    struct hs_grader *grader;
    uint32_t shard, n_shards;
    const char *edit, *edit_coords, *edit_where;
    int64_t edit_layer; /* -1 when not given */
    uint64_t given;     /* for hs_run_given() */
};

/* What --positions and heads call them; without HS_POSITIONS_EVERY, which is
 * "every:K". */
extern const char *const hs_positions_names[];

/* The defaults, as in hs-extract(1). */
void hs_run_options_init(struct hs_run_options *o);
void hs_run_options_free(struct hs_run_options *o);

/* Takes option c of getopt_long.  Whether it is one of these. */
bool hs_parse_run_option(struct hs_run_options *o, int c, const char *arg);

/* Whether option c was on the command line. */
bool hs_run_given(const struct hs_run_options *o, int c);

/* Dies on options that do not go together; fills in what depends on others. */
void hs_parse_run_end(struct hs_run_options *o);

/* ---- from a stream: what continues it */

/* Dies on options that are for problems, where the input is a stream. */
void hs_parse_run_stream(const struct hs_run_options *o);

/* Takes what was not given from the run of the stream's head: sampler,
 * max_tokens, ignore_eos, grader.  Where the head has none of it (a replay was
 * not drawn), the defaults stay.  Returns 0, or -1: no activations, greedy,
 * graded by none, or not what these programs write. */
HS_MUST_CHECK int hs_run_adopt(struct hs_run_options *o,
                               const struct hs_head *head,
                               struct hs_error *err);

/* A model with options made for it. */
struct hs_run {
    struct hs_team *team;
    struct hs_model *model;
    struct hs_prompter prompter;
    struct hs_edit edit;           /* n is 0 without one */
    struct hs_sched_options sched; /* without its callbacks */
};

/* Starts the threads, opens the model, and resolves layers, edit and
 * template.  o is borrowed.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_run_open(struct hs_run *r, const struct hs_run_options *o,
                              struct hs_error *err);
void hs_run_close(struct hs_run *r);

/* Makes a run that continues a stream: the model must be that of the head, and
 * the edit is the stream's.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_run_continue(struct hs_run *r, const struct hs_head *head,
                                  struct hs_error *err);

/* Fills an empty head of a kind with the model and all that repeats the run. */
void hs_run_head(const struct hs_run *r, const struct hs_run_options *o,
                 struct hs_head *head);

/* Fills head with a copy of that of the stream that is rolled out, and what
 * repeats that. */
void hs_run_stream_head(const struct hs_run_options *o,
                        const struct hs_head *from, struct hs_head *head);

#endif
