/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * steptable.h - the steps of all answers of a set, with their TD errors.
 *
 * Step i of an answer is its tokens t_(i-1) + 1 .. t_i between two boundaries,
 * and
 *
 *     delta_i = gamma V(t_i) - V(t_(i-1))
 *
 * (arXiv 2602.00986, section on dopamine neurons; gamma once a step).  V is the
 * share of continuations that ended right, and at the end of the answer its
 * reward; or what a probe says at these states.
 */
#ifndef HS_STEPTABLE_H
#define HS_STEPTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "model/tokenizer.h"
#include "probe/trajset.h"
#include "rpe/pool.h"
#include "rpe/probevalue.h"
#include "task/step.h"

struct hs_steps_options {
    double gamma, threshold;
    const struct hs_probe_value *probe; /* V of these; NULL: of rollouts */
    /* Where steps end; NULL: where the rollouts have it.  With a probe only. */
    const struct hs_step_rule *rule;
    const struct hs_tokenizer *tok; /* NULL unless the rule reads */
};

/* All pointers are owned, tensors (n).  Steps come in the order of the set. */
struct hs_steps {
    size_t n;
    uint32_t *traj;         /* of the set */
    uint32_t *from, *to;    /* t: tokens from + 1 .. to */
    double *before, *after; /* V(from), V(to) */
    double *delta;
    double *half[2]; /* delta by the even continuations, and by the odd ones;
                      * NaN if there are none */
    double *chance;  /* that two estimates of one value are as far apart as a
                      * hit needs (falsehit.h, the value by both of them); 0
                      * where the step ends with the answer, whose reward is no
                      * estimate; NaN for a probe */
    bool *beyond;    /* a hit: |delta| > threshold, and so is |delta| without
                      * the discount, lest a fall of exactly the threshold
                      * counts and a rise does not */
    bool *half_beyond[2]; /* the same by each half */
    uint32_t *group;      /* the problem, numbered as a hash has them, those for
                           * training first */
    bool *val;            /* held out */
    size_t n_groups, n_train_groups;
    size_t n_answers;  /* that have steps */
    size_t n_without;  /* answers that have none recorded, or no tokens */
    size_t n_no_value; /* steps left out: a boundary without a value */
    size_t n_exact;    /* steps that end with the answer */
};

/* Makes the table of a set that is split.  Returns 0, or -1: an answer lacks
 * states of tokens, there are no steps; *out can be freed either way. */
HS_MUST_CHECK int hs_steps_make(struct hs_steps *out,
                                const struct hs_trajset *s,
                                const struct hs_steps_options *o,
                                struct hs_error *err);
void hs_steps_free(struct hs_steps *t);

/* Whether a step with these values is a hit. */
bool hs_step_beyond(double before, double after, double gamma,
                    double threshold);

/* Pooled rows of all steps at layer index l: x (n, s->dim).  mean and scale
 * (dim) of HS_ZNORM_TRAIN, else NULL. */
void hs_steps_pool(const struct hs_steps *t, const struct hs_trajset *s,
                   size_t l, enum hs_znorm z, const float *mean,
                   const float *scale, struct hs_team *team, float *x);

/* What is held constant: of each step the middle's share t / T of the answer,
 * its square, log T, log of the prompt's tokens, log of the step's tokens, and
 * of HS_ZNORM_RESPONSE the answer's mean V: z (n, HS_N_COVARIATES).
 *
 * z-scores by response are what a coordinate is less its mean over the answer.
 * So a value neuron is V less the mean V, to which V(from) belongs: at constant
 * V(to) alone it goes down with V(from), as an error would.  The mean is that
 * of the steps of the table, weighted by their tokens, with (V(from) + V(to)) /
 * 2 of each; 0 where it says nothing else, as no answer has two steps, and with
 * other z-scores. */
enum {
    HS_N_COVARIATES = 6
};
void hs_steps_covariates(const struct hs_steps *t, const struct hs_trajset *s,
                         enum hs_znorm znorm, double *z);

#endif
