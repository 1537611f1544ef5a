/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figures.h - one number for each trajectory and coordinate, made of the trace
 * of z over its tokens; surprise.h says how.
 */
#ifndef HS_FIGURES_H
#define HS_FIGURES_H

#include <stddef.h>

#include "base/team.h"
#include "probe/trajset.h"
#include "rpe/pool.h"

struct hs_figures_input {
    const struct hs_trajset *s;
    size_t l; /* index of the layer */
    /* Which trajectories; each has a state of a token. */
    const size_t *traj; /* (n) */
    size_t n;
    const double *v_t;         /* (s->n_states): V, or NULL */
    size_t window;             /* odd */
    enum hs_znorm znorm;       /* and of train */
    const float *mean, *scale; /* (d): z = (x - mean) * scale */
};

/* Whether a trajectory has states of tokens, so that there is a trace. */
size_t hs_trace_states(const struct hs_trajset *s, size_t j);

/* Figures into x (n, d); into adj (n, d) those of what is left of z when a
 * constant, t / T, (t / T)^2 and v_t, if it is there, are taken out over all
 * states of tokens of these trajectories by least squares.  Each thread has
 * coordinates of its own, so the result does not depend on how many there
 * are. */
void hs_figures(const struct hs_figures_input *in, struct hs_team *team,
                float *x, float *adj);

#endif
