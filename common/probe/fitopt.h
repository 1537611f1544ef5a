/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fitopt.h - the options of programs that fit probes: which names mean what
 * stands once.
 */
#ifndef HS_FITOPT_H
#define HS_FITOPT_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/fit.h"

/* Values of long options in getopt's table; the others are letters. */
enum hs_fit_opt {
    HS_FITOPT_TARGET = 512,
    HS_FITOPT_TD_GRAD,
    HS_FITOPT_GAMMA,
    HS_FITOPT_LAMBDA,
    HS_FITOPT_TERMINAL_WEIGHT,
    HS_FITOPT_NORM,
    HS_FITOPT_HEAD,
    HS_FITOPT_HIDDEN,
    HS_FITOPT_STANDARDIZE,
    HS_FITOPT_EPOCHS,
    HS_FITOPT_STEPS,
    HS_FITOPT_BATCH,
    HS_FITOPT_LR,
    HS_FITOPT_WEIGHT_DECAY,
    HS_FITOPT_KEEP,
    HS_FITOPT_PATIENCE
};

struct hs_fit_choice {
    struct hs_fit_options fit; /* the target is the first one */
    enum hs_target targets[HS_TARGET_NTP + 1];
    size_t n_targets;
    bool td_grad_given, lambda_given, weight_given, keep_given;
};

/* The defaults, as in probe-fit(1). */
void hs_fit_choice_init(struct hs_fit_choice *c);

/* Takes option c of getopt_long.  Whether it is one of these.  Dies on a value
 * that is none. */
bool hs_parse_fit_option(struct hs_fit_choice *f, int c, const char *arg);

/* Dies on options that do nothing; fills in what depends on others. */
void hs_parse_fit_end(struct hs_fit_choice *f);

#endif
