/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trace.h - value, surprise and coordinates along single answers, to be looked
 * at: records "trace" of a stream of kind "rpe".  rpe-scan(1) lists their
 * members.
 */
#ifndef HS_TRACE_H
#define HS_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "base/team.h"
#include "model/tokenizer.h"
#include "probe/proberec.h"
#include "rpe/pool.h"
#include "rpe/rperec.h"

struct hs_trace_options {
    /* Ends with NULL: ids of trajectories; or "pleasant", the right one whose
     * V(s_0) was lowest, and "unpleasant", the wrong one whose V(s_0) was
     * highest, the first of these in the stream.  V(s_0) is that of the probes
     * of the lowest layer that has any, else of the rollouts. */
    char *const *ids;
    const struct hs_list *layers; /* "all": those of the stream */
    /* All may be NULL.  What coordinates there are: those of the list; else
     * those that rpe found, or if there are none its first, at most
     * n_coordinates. */
    const struct hs_list *coordinates;
    const struct hs_rpe *rpe;
    const struct hs_probes *probes; /* of one target; V is the mean of seeds */
    /* Of text; and the fingerprint of its model.  Of another model than the
     * states it is refused if it was asked for, else there is no text. */
    const struct hs_tokenizer *tok;
    const char *tok_model;
    bool tok_given;
    size_t n_coordinates; /* 8 */
    enum hs_znorm znorm;  /* response; train: by all states of tokens in the
                           * stream */
    size_t window;        /* 7: what a plot may smooth with; odd */
    double gamma;         /* 1 */
};

void hs_trace_options_init(struct hs_trace_options *o);

/* Reads a stream of activations from fd, which stays the caller's; twice where
 * a word stands for an id or znorm is train, and then a pipe goes through a
 * temporary file.  Writes the records to the descriptor to, in the order of the
 * stream.  name and to_name are for messages; argc and argv go to the history,
 * or NULL.  Memory is that of one trajectory.  Returns 0, or -1: an id that is
 * not there, probes or rpe of another model, a layer without states or without
 * coordinates, no V(s_0) to choose by. */
HS_MUST_CHECK int hs_rpe_trace(int fd, const char *name,
                               const struct hs_trace_options *o, int to,
                               const char *to_name, int level, int argc,
                               char *const *argv, struct hs_team *team,
                               struct hs_error *err);

#endif
