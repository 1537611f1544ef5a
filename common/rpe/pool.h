/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pool.h - the states of a step as one row: z-scored, then the mean over the
 * step's tokens.
 *
 *     response  z = (x - m) / s, m and s over s_1 .. s_T of the response: the
 *               paper's.  It looks ahead, so it is of no use while an answer
 *               is being written
 *     train     m and s of the coordinate over states of training problems
 *     causal    m and s over s_0 .. s_t of the response, t included
 *
 * s has divisor n; z is 0 where s is 0 (to rounding: s below 1e-6 of the
 * largest |x| seen, of a coordinate that does not move).
 */
#ifndef HS_POOL_H
#define HS_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum hs_znorm {
    HS_ZNORM_RESPONSE,
    HS_ZNORM_TRAIN,
    HS_ZNORM_CAUSAL
};

/* "response", "train", "causal". */
const char *hs_znorm_name(enum hs_znorm z);
HS_MUST_CHECK int hs_znorm_parse(const char *s, enum hs_znorm *out);

/* What train's (x - mean) * scale wants, each (d), of means, deviations and
 * largest |x| of d coordinates; mean and scale are the caller's. */
void hs_znorm_train(const double *means, const double *sigma,
                    const double *max_abs, size_t d, float *mean, float *scale);

/* What pools the states of one response, fed in order.  Memory: a few numbers
 * for each coordinate. */
struct hs_pooler;

/* mean and scale (d): of train, z = (x - mean) * scale; borrowed, else NULL.
 * response needs hs_pooler_look() at the whole response first. */
struct hs_pooler *hs_pooler_new(enum hs_znorm z, const float *mean,
                                const float *scale, size_t d);
void hs_pooler_free(struct hs_pooler *p);

/* Begins a response. */
void hs_pooler_start(struct hs_pooler *p);
/* Of response only: s_1 .. s_T, before the first hs_pooler_feed(). */
void hs_pooler_look(struct hs_pooler *p, const float *x);
/* s_t, t = 0, 1, ...: x (d).  s_0 is part of no step.  z (d), if not NULL, gets
 * the z-scores. */
void hs_pooler_feed(struct hs_pooler *p, const float *x, float *z);
/* The step ends here: out (d) is the mean of z over its tokens, and a new one
 * begins.  At least one token was fed for it. */
void hs_pooler_step(struct hs_pooler *p, float *out);
/* Makes to what from is, of the same kind and size: to go on in two ways. */
void hs_pooler_copy(struct hs_pooler *to, const struct hs_pooler *from);

#endif
