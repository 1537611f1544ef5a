/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spill.h - records put aside in a temporary file, to be written in another
 * order.
 *
 * In memory stay 40 bytes for each unit: a trajectory with its states, or any
 * other record.  The file is in $TMPDIR or /tmp, has no name, and goes away
 * with the program.
 */
#ifndef HS_SPILL_H
#define HS_SPILL_H

#include <stddef.h>
#include <stdint.h>

#include "stream/stream.h"

struct hs_spill;

/* Returns NULL with the reason. */
HS_MUST_CHECK struct hs_spill *hs_spill_new(struct hs_error *err);
void hs_spill_free(struct hs_spill *s);

/* Puts a record aside.  One that is not of states begins a unit, with key and
 * part.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_spill_add(struct hs_spill *s, const struct hs_record *rec,
                               const uint64_t key[2], uint32_t part,
                               struct hs_error *err);

/* Orders the units by their keys, equal ones as they came. */
void hs_spill_sort(struct hs_spill *s);

size_t hs_spill_count(const struct hs_spill *s);
uint32_t hs_spill_part(const struct hs_spill *s, size_t i);

/* Writes the records of unit i to w.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_spill_write(struct hs_spill *s, size_t i,
                                 struct hs_writer *w, struct hs_error *err);

#endif
