/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * apply.h - the values of probes along trajectories, added to their stream.
 */
#ifndef HS_APPLY_H
#define HS_APPLY_H

#include <stdbool.h>

#include "probe/proberec.h"

/* Copies a stream of activations, head and all, and behind the states of each
 * trajectory adds a record "values" of every probe, as probe-fit(1) says;
 * without the states if so asked.  argc and argv go to the history, or NULL.
 * name and to are for messages.  Memory is that of one trajectory.  Returns 0,
 * or -1: another model or width, a layer that is not in the stream. */
HS_MUST_CHECK int hs_apply(const struct hs_probes *probes, struct hs_reader *r,
                           const char *name, int fd, const char *to, int level,
                           bool without_states, int argc, char *const *argv,
                           struct hs_team *team, struct hs_error *err);

#endif
