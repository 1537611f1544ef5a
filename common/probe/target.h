/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * target.h - what a probe is taught: losses on the values along a trajectory.
 *
 * States s_0 .. s_T with times t (one a token; a thinned stream has gaps), the
 * reward r at the end.  With R(t) = gamma^(T - t) r and g = gamma^(t' - t) for
 * the next stored state s_t':
 *
 *   td         d = g V(s_t') - V(s_t); at the last state d = R - V.  semi: no
 *              gradient through V(s_t') (TD(0), Sutton 1988); residual:
 *              through both (Baird 1995)
 *   mc         d = R(t) - V(s_t) at every state
 *   td-lambda  d = G(t) - V(s_t), G(last) = R, G(t) = g ((1 - lambda) V(s_t') +
 *              lambda G(t')), no gradient through G
 *   terminal   d = R - V at the last state only
 *   s0         d = R(0) - V at the first state only, which must be s_0
 *   ntp        d = log-probability of the token that came next - V, at states
 *              that have one
 *
 * So td and mc have the same fixed point.  The loss is the mean of d^2, over
 * the residuals of a trajectory and then over trajectories (HS_NORM_TRAJECTORY)
 * or over all residuals of the batch (HS_NORM_TOKEN).  Of td, mc and td-lambda
 * the square at the last state counts terminal_weight times (in the sum, not in
 * the count).
 */
#ifndef HS_TARGET_H
#define HS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum hs_target {
    HS_TARGET_TD,
    HS_TARGET_MC,
    HS_TARGET_TD_LAMBDA,
    HS_TARGET_TERMINAL,
    HS_TARGET_S0,
    HS_TARGET_NTP, /* the last one that a probe of states is taught */
    HS_TARGET_RPE  /* of rankings only: rpe-scan's, by deltas of steps */
};

enum hs_norm {
    HS_NORM_TRAJECTORY,
    HS_NORM_TOKEN
};

struct hs_loss {
    enum hs_target target;
    enum hs_norm norm;
    bool residual; /* td: gradient through both values */
    bool sigmoid;  /* V = 1 / (1 + exp(-u)); else V = u */
    double gamma, lambda, terminal_weight;
};

/* "td", "mc", "td-lambda", "terminal", "s0", "ntp", "rpe". */
const char *hs_target_name(enum hs_target t);
/* Returns 0, or -1 for another name.  Who fits refuses HS_TARGET_RPE. */
HS_MUST_CHECK int hs_target_parse(const char *s, enum hs_target *out);

/* One trajectory of a batch; its states are u[first .. first + n). */
struct hs_span {
    size_t first, n;
    const uint32_t *t;    /* (n) */
    const float *logprob; /* (n): for ntp */
    uint32_t length;      /* T */
    double reward;
};

/* The loss of a batch; du (all states) gets dL/du. */
double hs_loss(const struct hs_loss *l, const struct hs_span *spans, size_t n,
               const float *u, float *du);

/* V of u under the head. */
double hs_head_value(bool sigmoid, double u);

#endif
