/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * donors.h - states of other trajectories, for edits of mode resample.
 *
 * The donors of an item are the trajectories of other problems, in an order
 * drawn for the item: by the hash XXH3-64 of (seed, the item's problem hash,
 * its sample, the donor's index), three u64 and a u64 as little-endian bytes,
 * ascending.  "The same relative position" is:
 *
 *   token t of the completion (t >= 1; position n_prompt + t - 1): token t of
 *       the first donor in that order that has it; of the longest one (the
 *       first of several) its last if none has it;
 *   the last token of the prompt (s_0): the donor's s_0;
 *   position p of the prompt before it: of the first donor, position
 *       round(p (m - 1) / (n_prompt - 1)), halves up, of its m prompt tokens;
 *       position 0 is position 0.
 *
 * All coordinates of an edit come from the same state of one donor, so that
 * what coordinates of a state have in common stays.
 */
#ifndef HS_DONORS_H
#define HS_DONORS_H

#include "ablate/arms.h"
#include "stream/stream.h"

struct hs_donors;

/* Reads the states of a stream of activations that edits of mode resample in
 * arms may ask for: 4 bytes for each of their distinct coordinates and state.
 * Returns NULL with the reason: states of prompt tokens are needed (where is
 * not generated) and not there, states of some tokens only, fewer than two
 * problems with a completion, a layer is missing, an edit was on... */
HS_MUST_CHECK struct hs_donors *hs_donors_read(struct hs_reader *r,
                                               const char *name,
                                               const struct hs_armset *arms,
                                               uint64_t seed,
                                               struct hs_error *err);
void hs_donors_free(struct hs_donors *d);

/* Sets draw and draw_ud of the edits of mode resample in arms, which are those
 * that hs_donors_read() was given; d is borrowed.  An item whose problem is
 * that of every donor has none: hs_donors_read() refuses a stream of one
 * problem only.  Orders of donors are kept, some 100 bytes for each item that
 * is edited. */
void hs_donors_attach(const struct hs_donors *d, struct hs_armset *arms);

/* How many rows took the last state of the longest donor since none was as
 * long; counted over all threads. */
uint64_t hs_donors_beyond(const struct hs_donors *d);

#endif
