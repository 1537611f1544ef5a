/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rankopt.h - options of neuron-rank, and what they ask for.
 */
#ifndef HS_RANKOPT_H
#define HS_RANKOPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "probe/rankset.h"

/* Long options, as getopt_long's values; -l, -s and -j are letters. */
enum {
    HS_RANK_OPT_AUDIT = 256,
    HS_RANK_OPT_BY,
    HS_RANK_OPT_CURVE,
    HS_RANK_OPT_EPOCHS,
    HS_RANK_OPT_MEMORY,
    HS_RANK_OPT_PRUNE_EVAL,
    HS_RANK_OPT_RANDOM,
    HS_RANK_OPT_RATIOS,
    HS_RANK_OPT_TARGET,
    HS_RANK_OPT_TOP,
    HS_RANK_OPT_VAL_FILE,
    HS_RANK_OPT_OWN /* and up: the tool's own */
};

struct hs_rank_options {
    struct hs_list layers;
    struct hs_rank_choice choice; /* its layers are those above */
    enum hs_rank_by by;
    struct hs_top top;
    struct hs_prune_options prune;
    double *ratios;                       /* (prune.n_ratios), owned */
    const char *audit, *curve, *val_file; /* streams; NULL: none */
    bool by_given, top_given, curve_given;
    uint64_t memory, threads;
};

/* The defaults. */
void hs_rank_options_init(struct hs_rank_options *o);
void hs_rank_options_free(struct hs_rank_options *o);

/* Takes an option of getopt_long.  Returns whether it is one of these; dies for
 * a bad value. */
bool hs_parse_rank_option(struct hs_rank_options *o, int c, const char *arg);

/* Told of each epoch of --curve: done of all; a set of n_states states. */
struct hs_rank_watch {
    void (*epoch)(void *ud, uint64_t done, uint64_t all, size_t n_states);
    void *ud;
};

/* Reads path ("-": standard input), a stream of probes or of rankings, and does
 * what the options ask for.  The choices are added to the head's run.  Returns
 * 0, or -1; *s can be freed either way. */
HS_MUST_CHECK int hs_rank_run(struct hs_rankings *s,
                              const struct hs_rank_options *o, const char *path,
                              const struct hs_rank_watch *watch,
                              struct hs_error *err);

/* Reads n streams of rankings and compares all rankings that are wanted, pair
 * by pair: s has no ranking then, a head of kind "overlaps", and the records in
 * others. */
HS_MUST_CHECK int hs_rank_compare(struct hs_rankings *s,
                                  const struct hs_rank_options *o,
                                  char *const *paths, size_t n,
                                  struct hs_error *err);

#endif
