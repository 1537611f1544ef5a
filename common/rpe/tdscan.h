/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tdscan.h - what rpe-scan does for one layer in mode td, as records: the
 * coordinates' tests, dopamine probes with what they predict, a ranking, a
 * pruning curve.
 */
#ifndef HS_TDSCAN_H
#define HS_TDSCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/ranking.h"
#include "rpe/rpeprobe.h"
#include "rpe/rperec.h"
#include "rpe/steptable.h"

struct hs_td_options {
    enum hs_znorm znorm;
    double gamma, threshold;
    struct hs_rpe_fit_options fit; /* seed: the first */
    size_t n_seeds;
    const double *ratios; /* (n_ratios): of the pruning curve */
    size_t n_ratios;
    size_t n_random; /* draws of random coordinates, and of shuffles */
    enum hs_rank_by by;
    struct hs_top top;
    uint64_t permutations; /* 0: max(10000, hs_fdr_draws(d, alpha)) */
    double alpha;
    size_t bootstrap;
    double level;
    uint64_t seed;
    bool log_steps;
};

struct hs_td {
    const struct hs_trajset *s; /* with its split and its statistics */
    const struct hs_steps *steps;
    const struct hs_td_options *o;
    struct hs_team *team;
    /* For the record: where values are from, "rollouts" or "probe", and where
     * steps end. */
    const char *value, *rule;
    uint64_t min_tokens;
    bool quiet;             /* no warnings about the steps: they were said */
    void (*done)(void *ud); /* called after each fit; NULL: not */
    void *ud;
};

/* How many fits a layer takes, at most. */
size_t hs_td_fits(const struct hs_td_options *o, size_t d);

/* How many permutations there are for d coordinates. */
size_t hs_td_permutations(const struct hs_td_options *o, size_t d);

/* All records of layer index l are appended to e.  What is suspicious is
 * warned of and goes into the records.  Memory: 4 d bytes a step, and as many
 * for each step to fit to.  Returns 0 or -1. */
HS_MUST_CHECK int hs_td_layer(const struct hs_td *q, size_t l,
                              struct hs_encoded *e, struct hs_error *err);

/* The tests of all coordinates; x (steps->n, s->dim) are pooled rows.  layer,
 * mode and the rest of c are filled in; *c can be freed either way. */
HS_MUST_CHECK int hs_td_coordinates(const struct hs_td *q, size_t l,
                                    const float *x,
                                    struct hs_rpe_coordinates *c,
                                    struct hs_error *err);

/* The record "rpe-steps"; a new reference. */
json_t *hs_td_steps_json(const struct hs_td *q, uint32_t layer);

#endif
