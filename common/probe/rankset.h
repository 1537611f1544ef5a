/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rankset.h - what neuron-rank does to all rankings of a stream.
 */
#ifndef HS_RANKSET_H
#define HS_RANKSET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/num.h"
#include "probe/prune.h"
#include "probe/rankrec.h"
#include "probe/trajset.h"

/* Which rankings are wanted. */
struct hs_rank_choice {
    const struct hs_list *layers; /* borrowed; "all": any */
    bool one_target;
    enum hs_target target; /* if one_target */
};

/* Ranks each layer and target of p that is wanted, in the order of the stream;
 * the head is that of p with another kind.  Returns 0, or -1: a layer that is
 * wanted has no probe, nothing is wanted, or hs_rank() says no. */
HS_MUST_CHECK int hs_rankings_make(struct hs_rankings *s,
                                   const struct hs_probes *p,
                                   const struct hs_rank_choice *c,
                                   enum hs_rank_by by, const struct hs_top *top,
                                   struct hs_error *err);

/* Keeps the rankings that are wanted, and the other records of their layers
 * and targets.  Returns 0, or -1 when a layer has none, or none is left. */
HS_MUST_CHECK int hs_rankings_choose(struct hs_rankings *s,
                                     const struct hs_rank_choice *c,
                                     struct hs_error *err);

/* Reads states of the layers of the rankings; path may be "-".  Returns 0, or
 * -1 with the reason: another model or width among them. */
HS_MUST_CHECK int hs_rankings_acts(struct hs_trajset *acts,
                                   const struct hs_rankings *s,
                                   const char *path, uint64_t max_memory,
                                   struct hs_error *err);

/* Sink flags of all rankings from the statistics of such states. */
HS_MUST_CHECK int hs_rankings_audit(struct hs_rankings *s,
                                    const struct hs_trajset *acts,
                                    struct hs_error *err);

/* The probe of the first seed of a ranking that was made of p. */
const struct hs_probe *hs_rankings_probe(const struct hs_probes *p,
                                         const struct hs_ranking *r);

/* Pruning curves of all rankings, appended to s->others; p is what they were
 * made of. */
HS_MUST_CHECK int
hs_rankings_prune(struct hs_rankings *s, const struct hs_probes *p,
                  const struct hs_trajset *acts,
                  const struct hs_prune_options *o, struct hs_team *team,
                  const struct hs_prune_watch *watch, struct hs_error *err);

/* Prints all records as JSON lines, a ranking as itself and a line for each
 * coordinate; or as TSV, where rankings themselves are left out.  Errors stay
 * with the file. */
void hs_rankings_print(const struct hs_rankings *s, bool tsv, FILE *to);

#endif
