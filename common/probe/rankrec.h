/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rankrec.h - rankings as records of a stream of kind "rankings", and as lines
 * of text.  neuron-rank(1) describes both.
 *
 * A ranking is one record "ranking" with what there is to say about it and the
 * tensors of struct hs_ranking, then a record "seed-order" for each seed.
 */
#ifndef HS_RANKREC_H
#define HS_RANKREC_H

#include "probe/ranking.h"
#include "stream/stream.h"

/* All of a stream of rankings; everything is owned. */
struct hs_rankings {
    struct hs_head head;
    struct hs_ranking *v; /* (n), in the order of the stream */
    size_t n, cap;
    json_t *others; /* array: records of other types (curves), as JSON */
};

void hs_rankings_free(struct hs_rankings *s);

/* Moves a ranking to the end. */
void hs_rankings_add(struct hs_rankings *s, struct hs_ranking *r);

/* Appends the records of a ranking.  Returns 0, or -1 when one is larger than
 * an object may be. */
HS_MUST_CHECK int hs_encode_ranking(struct hs_encoded *e,
                                    const struct hs_ranking *r,
                                    struct hs_error *err);

/* Reads a stream to its end.  name is for messages.  Returns 0, or -1: another
 * kind of stream, no ranking, or one that is damaged or not whole.  *s can be
 * freed either way. */
HS_MUST_CHECK int hs_rankings_read(struct hs_rankings *s, struct hs_reader *r,
                                   const char *name, struct hs_error *err);

/* The record "ranking" without its tensors; a new reference. */
json_t *hs_ranking_json(const struct hs_ranking *r);

/* A line for the coordinate of rank i + 1; a new reference. */
json_t *hs_ranking_row(const struct hs_ranking *r, size_t i);

#endif
