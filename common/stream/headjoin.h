/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * headjoin.h - heads of streams of kind "arms" (ablate-eval(1)) and "search"
 * (hs-search(1)): which runs belong together, and one head for several of them.
 *
 * The run of the former has an array "arms", whose entries have a "label", of
 * the latter an object "search" with an array "scorers", whose entries have a
 * "name".  Runs that differ only in their arms, and in what arms are made of,
 * or in scorers and seeds, can be joined: their answers are comparable.
 */
#ifndef HS_HEADJOIN_H
#define HS_HEADJOIN_H

#include "base/error.h"
#include "stream/stream.h"

/* Whether answers of two runs are comparable: all is equal but "kernel",
 * "arms", "top", "target", "draw_seed", "calibration" and "own"; "neutral" and
 * "also" may be null on one side; of "search", all but "scorers", "seeds" and
 * "log", and "rollouts" may be null on one side.  Returns 0, or -1 naming the
 * first difference. */
HS_MUST_CHECK int hs_arms_run_same(const json_t *was, const json_t *is,
                                   struct hs_error *err);

/* Joins run from to run to, if they are comparable: to gets the arms whose
 * labels it has not, "neutral" and "also" where its own are null, and "same_as"
 * of arms where its own is null, since that depends on which others a run had;
 * or the scorers and seeds it has not, and "rollouts" where its own is null.
 * Nothing that to shares with others is changed.  Returns 0, or -1: they are
 * not, an arm of one label is another one, or takes its states from elsewhere
 * (resample with another draw_seed or calibration). */
HS_MUST_CHECK int hs_arms_join(json_t *to, const json_t *from,
                               struct hs_error *err);

/* If head is of one of these kinds, joins the heads of all segments of n files
 * to it; what is no plain file is left out, since it can be read only once.
 * Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_heads_join(struct hs_head *head, char *const *paths,
                                size_t n, struct hs_error *err);

/* hs_read(), and a look at the head of every segment: it must be compatible
 * with all, and have no arms that all has not.  *segments begins as 0.  Returns
 * as hs_read() does, with the reason in err. */
HS_MUST_CHECK int hs_heads_read(const struct hs_head *all, struct hs_reader *r,
                                const char *name, uint64_t *segments,
                                struct hs_record *rec, struct hs_error *err);

#endif
