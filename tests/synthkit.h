/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synthkit.h - what the tests of synth.h share.
 *
 * Statistics are of fixed seeds, so a test passes always or never.  Bounds are
 * SIGMAS standard errors.
 */
#ifndef HS_SYNTHKIT_H
#define HS_SYNTHKIT_H

#include "probe/synth.h"

enum {
    MANY = 4000,
    D = 64
};

#define SIGMAS 4.5

/* The default world, D wide. */
struct hs_synth_options options(void);
void start(struct hs_synth *w, const struct hs_synth_options *o);

/* Sums of pairs. */
struct sums {
    double n, x, y, xx, xy, yy;
};
void add(struct sums *s, double x, double y);
double mean_x(const struct sums *s);
double var_x(const struct sums *s);
double correlation(const struct sums *s);

/* Fails unless |got - wanted| <= tolerance. */
void near(double got, double wanted, double tolerance, const char *what);

/* Sees a trajectory: x (n, D), row 0 at position 0. */
typedef void looker(void *ud, const struct hs_synth *w,
                    const struct hs_synth_path *p, const float *x);
void for_all(const struct hs_synth *w, uint64_t n, uint32_t layer, looker *look,
             void *ud);

/* x without its mean, in units of the scale; row t of the response, or of the
 * prompt for negative t. */
double unit(const struct hs_synth *w, const struct hs_synth_path *p,
            const float *x, long t, size_t j);
double z_of(const struct hs_synth *w, const struct hs_synth_path *p, size_t t);

#endif
