/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ablateopt.h - the options of ablate-eval.
 */
#ifndef HS_ABLATEOPT_H
#define HS_ABLATEOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ablate/arms.h"
#include "task/runopt.h"

/* Long options, as getopt_long's values; -l and -r are letters, and so are
 * those of runopt.h. */
enum {
    HS_ABLATE_OPT_ACTS = HS_OPT_OWN,
    HS_ABLATE_OPT_ALSO,
    HS_ABLATE_OPT_ALSO_GRADER,
    HS_ABLATE_OPT_ARMS,
    HS_ABLATE_OPT_BASELINE,
    HS_ABLATE_OPT_CALIBRATE,
    HS_ABLATE_OPT_DRAW_SEED,
    HS_ABLATE_OPT_MODE,
    HS_ABLATE_OPT_NEUTRAL,
    HS_ABLATE_OPT_OWN_TEXT,
    HS_ABLATE_OPT_TARGET,
    HS_ABLATE_OPT_TOP,
    HS_ABLATE_OPT_WHERE,
    HS_ABLATE_OPT_OWN /* and up: the tool's own */
};

struct hs_ablate_options {
    struct hs_run_options run; /* no layers kept, no edit of its own */
    const char *rank;          /* NULL: none */
    bool one_target;
    enum hs_target target;
    struct hs_list layers; /* edited; n is 0 and not all: those of rank */
    struct hs_arm_specs arms;
    struct hs_arm_sizes sizes;
    struct hs_arm_mode mode;
    enum hs_edit_where where;
    uint64_t draw_seed;
    const char *acts;    /* NULL: calibrate */
    uint64_t calibrate;  /* problems */
    uint64_t own;        /* problems whose answers are replayed */
    const char *neutral; /* file; NULL: the text that comes along */
    bool no_neutral;
    const char *also;              /* file of problems, or NULL */
    struct hs_grader *also_grader; /* NULL: the run's */
    const char *baseline;          /* file, or NULL */
    bool own_given, calibrate_given;
};

void hs_ablate_options_init(struct hs_ablate_options *o);
void hs_ablate_options_free(struct hs_ablate_options *o);

/* Takes an option of getopt_long.  Returns whether it is one of these or of
 * runopt.h; dies for a bad value. */
bool hs_parse_ablate_option(struct hs_ablate_options *o, int c,
                            const char *arg);

/* Dies on options that do not go together; fills in what depends on others. */
void hs_parse_ablate_end(struct hs_ablate_options *o);

#endif
