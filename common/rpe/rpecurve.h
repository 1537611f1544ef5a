/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpecurve.h - fitting the dopamine probe to the steps of a layer, the control
 * of shuffled deltas, and how much is left of it with few coordinates.
 *
 * At each ratio the first coordinates of a ranking are kept and a fresh probe
 * is fitted to them; beside it one to as many drawn at random, several times,
 * and one to the same coordinates and shuffled deltas, several times.  Draw i,
 * from 0, has initial weights and an order of rows of its own, those of the
 * seed of the first probe and i more.
 */
#ifndef HS_RPECURVE_H
#define HS_RPECURVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/ranking.h"
#include "rpe/rpeeval.h"
#include "rpe/rpeprobe.h"
#include "rpe/steptable.h"

/* What all fits of a layer share. */
struct hs_rpe_fits {
    const struct hs_steps *t;
    const float *x; /* (t->n, d): pooled rows */
    size_t d;
    struct hs_rpe_fit_options o;
    size_t n_random; /* draws of coordinates, and of shuffles */
    uint64_t seed;   /* of these, and of the bootstrap */
    size_t bootstrap;
    double level;
    struct hs_team *team;
    void (*done)(void *ud); /* called for each fit; NULL: not */
    void *ud;
    float *rows; /* private: the training steps beyond the threshold */
    double *y;
    uint32_t *group;
    size_t n;
};

/* Lists the training steps beyond the threshold; the rest of f is set.  How
 * many there are. */
size_t hs_rpe_fits_begin(struct hs_rpe_fits *f);
void hs_rpe_fits_end(struct hs_rpe_fits *f);

/* One fit. */
struct hs_rpe_trial {
    uint64_t seed;
    const uint32_t *columns; /* (k), ascending; NULL: all */
    size_t k;
    int64_t shuffled; /* number of a shuffle of the deltas, -1: none */
    bool interval;    /* whether its figures need one */
};

/* Makes a trial.  *e is its figures on the held-out steps.  p, if not NULL,
 * gets the probe, and predicted (t->n) its predictions.  team may be NULL.
 * Returns 0 or -1. */
HS_MUST_CHECK int hs_rpe_try(const struct hs_rpe_fits *f,
                             const struct hs_rpe_trial *trial,
                             struct hs_team *team, struct hs_rpe_probe *p,
                             double *predicted, struct hs_rpe_eval *e,
                             struct hs_error *err);

/* The figures of n trials, one a thread: out (n). */
HS_MUST_CHECK int hs_rpe_try_all(const struct hs_rpe_fits *f,
                                 const struct hs_rpe_trial *trials, size_t n,
                                 struct hs_rpe_eval *out, struct hs_error *err);

/* The figures of n_random shuffles, of all coordinates: out (n_random). */
HS_MUST_CHECK int hs_rpe_shuffles(const struct hs_rpe_fits *f,
                                  struct hs_rpe_eval *out,
                                  struct hs_error *err);

/* How many fits hs_rpe_curve() makes. */
size_t hs_rpe_curve_fits(const double *ratios, size_t n_ratios, size_t n_random,
                         size_t d);

/* Records "rpe-curve" and "rpe-band" of rpe-scan(1) are appended to out, an
 * array.  whole and shuffles (n_random) are the figures of all coordinates.
 * Returns 0 or -1. */
HS_MUST_CHECK int hs_rpe_curve(const struct hs_rpe_fits *f,
                               const struct hs_ranking *r, const double *ratios,
                               size_t n_ratios, const struct hs_rpe_eval *whole,
                               const struct hs_rpe_eval *shuffles, json_t *out,
                               struct hs_error *err);

#endif
