/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * forward.h - one forward pass for any mixture of rows, with one tap.
 *
 * A row is one token of one sequence at one position.  A call takes any rows:
 * the next tokens of some sequences, a run of prompt tokens of others.  Rows
 * of one sequence must come in order of position, without gaps, over all
 * calls; the keys and values of earlier positions are kept in its slot.
 *
 *     struct hs_state *st = hs_state_new(model, team, n_slots, max_rows);
 *     struct hs_row rows[2] = {{.slot = 0, .pos = 0, .token = 17},
 *                              {.slot = 0, .pos = 1, .token = 4}};
 *     uint32_t last = 1;
 *
 *     hs_state_reserve(st, 0, 2);
 *     if (hs_forward(st, rows, 2, tap, ud) < 0)
 *         ...the tap said no...
 *     hs_logits(st, &last, 1, logits);
 *     hs_state_free(st);
 *
 * The residual stream entering block l is layer l: 0 is the embedding, n_layers
 * the output of the last block before the final norm.
 */
#ifndef HS_FORWARD_H
#define HS_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/model.h"
#include "base/team.h"

struct hs_row {
    uint32_t slot, pos, token;
    /* If fork > 0: as far as layer fork, before the tap of that layer, this row
     * is what row from of the same pass is, and is taken from there instead of
     * computing the blocks below it.  fork = n_layers + 1: behind the last tap.
     * The tap does not see the row below its fork, and its slot lacks the keys
     * and values of the blocks that were left out; hs_state_copy() gets them.
     * Rows come in ascending order of fork, and from has a smaller one. */
    uint32_t from, fork;
};

/* Sees the residual stream of every row at layer 0 .. n_layers, in order, and
 * may change it.  Called by all threads of the team, each with its share of the
 * rows, at the same time: rows (n_rows) are those from index first on of the
 * pass; x (n_rows, dim), row r at x + r * stride.  Non-zero stops the pass. */
typedef int hs_tap(void *ud, size_t layer, float *x, size_t stride,
                   const struct hs_row *rows, size_t first, size_t n_rows,
                   size_t dim);

struct hs_state;

/* Buffers for calls of at most max_rows rows over n_slots sequences.  The
 * model and the team, whose threads do the work, are borrowed until
 * hs_state_free().  Never NULL. */
struct hs_state *hs_state_new(const struct hs_model *model,
                              struct hs_team *team, size_t n_slots,
                              size_t max_rows);
void hs_state_free(struct hs_state *st);

/* Makes room for n_pos positions in a slot and forgets the sequence that was
 * there. */
void hs_state_reserve(struct hs_state *st, uint32_t slot, size_t n_pos);

/* Copies the first n_pos positions of slot from to slot to, which has been
 * reserved, for blocks first <= l < behind (at most n_layers): what sequences
 * have in common is computed once. */
void hs_state_copy(struct hs_state *st, uint32_t to, uint32_t from,
                   size_t n_pos, size_t first, size_t behind);

/* Bytes that hs_state_new() takes for these sizes, and bytes of keys and
 * values for each reserved position. */
size_t hs_state_bytes(const struct hs_model *model, size_t n_threads,
                      size_t max_rows);
size_t hs_state_position_bytes(const struct hs_model *model);

/* Runs all blocks.  Tokens must be below n_vocab, slots reserved.  tap may be
 * NULL.  Returns 0, or -1 when the tap stopped the pass; the slots named in
 * rows are then undefined. */
HS_MUST_CHECK int hs_forward(struct hs_state *st, const struct hs_row *rows,
                             size_t n_rows, hs_tap *tap, void *ud);

/* The next-token logits of some rows of the last hs_forward(), by their index
 * there: logits (n, n_vocab); n <= max_rows. */
void hs_logits(struct hs_state *st, const uint32_t *index, size_t n,
               float *logits);

#endif
