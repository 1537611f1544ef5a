/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rperun.h - the work of rpe-scan: from a stream of activations on standard
 * input to a stream of kind "rpe".
 */
#ifndef HS_RPERUN_H
#define HS_RPERUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "rpe/rpeopt.h"

/* Where the stream goes. */
struct hs_rpe_out {
    int fd;
    const char *name; /* for messages */
    int level;
    int argc; /* for the history */
    char *const *argv;
    bool no_history;
};

/* Told of each fit: done of all; a set of n_states states. */
struct hs_rpe_watch {
    void (*fit)(void *ud, uint64_t done, uint64_t all, size_t n_states);
    void *ud;
};

/* Mode td or surprise, as o says.  Returns 0 or -1. */
HS_MUST_CHECK int hs_rpe_scan(const struct hs_rpe_options *o,
                              const struct hs_rpe_out *to,
                              const struct hs_rpe_watch *watch,
                              struct hs_error *err);

/* --trace, --dependence.  Return 0 or -1. */
HS_MUST_CHECK int hs_rpe_look(const struct hs_rpe_options *o,
                              const struct hs_rpe_out *to,
                              struct hs_error *err);

#endif
