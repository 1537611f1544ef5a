/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tally.h - what a stream of activations holds, in numbers.
 *
 * Memory does not grow with the stream but for 16 to 32 bytes a problem.
 */
#ifndef HS_TALLY_H
#define HS_TALLY_H

#include <jansson.h>

#include "stream/stream.h"

struct hs_tally;

struct hs_tally *hs_tally_new(void);
void hs_tally_free(struct hs_tally *t);

/* Adds a record.  States are those of rec's trajectory. */
void hs_tally_add(struct hs_tally *t, const struct hs_record *rec);

/* The numbers so far, with those that the reader has, as an object; hs-view(1)
 * lists its members.  A new reference. */
json_t *hs_tally_json(const struct hs_tally *t, struct hs_reader *r,
                      const char *name);

/* Appends the numbers as an aligned table, or as two tables of TSV. */
void hs_tally_table(struct hs_buf *b, const json_t *tally);
void hs_tally_tsv(struct hs_buf *b, const json_t *tally);

#endif
