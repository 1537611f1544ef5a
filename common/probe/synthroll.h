/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synthroll.h - the rollouts of a made-up trajectory (synth.h).
 *
 * Steps are "every:N" with the N of --step-every, so that V moves at the last
 * token of each step and nowhere else.  Continuation k of the boundary at t is
 * right with probability V_t; given V, all of them are independent.
 */
#ifndef HS_SYNTHROLL_H
#define HS_SYNTHROLL_H

#include <jansson.h>

#include "probe/synth.h"

/* What stands in a trajectory's "rollouts"; a new reference. */
json_t *hs_synth_rollouts(const struct hs_synth *w,
                          const struct hs_synth_path *p);

#endif
