/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rankcols.h - the tensors of a record "ranking", for those who write and read
 * it.
 */
#ifndef HS_RANKCOLS_H
#define HS_RANKCOLS_H

#include <msgpack.h>
#include <stdbool.h>

#include "probe/rankrec.h"

enum hs_rank_column_id {
    HS_COL_ORDER,
    HS_COL_IMPORTANCE,
    HS_COL_MEAN_RANK,
    HS_COL_STABILITY,
    HS_COL_MEAN,
    HS_COL_SIGMA,
    HS_COL_RMS,
    HS_COL_RMS_RANK,
    HS_COL_POS0_ABS,
    HS_COL_OUTLIER,
    HS_COL_SINK,
    HS_COL_AUC,
    HS_COL_AUC_P,
    HS_COL_SLOPE,
    HS_N_RANK_COLUMNS
};

struct hs_rank_column {
    const char *name;
    bool whole; /* u32; else f32 */
};

extern const struct hs_rank_column hs_rank_columns[HS_N_RANK_COLUMNS];

/* The tensor (d), by coordinate, of a column of floats; NULL for others. */
float *hs_rank_floats(const struct hs_ranking *r, enum hs_rank_column_id c);

/* Reading of the records of a stream that has rankings among them, one by one.
 * {0} is the beginning. */
struct hs_rank_reading {
    struct hs_ranking r; /* as far as it has come */
    size_t n_seeds, cap_order;
    bool open;
};

/* Takes a record: "ranking" and "seed-order" make rankings of s, whose head is
 * that of the stream; others go to s->others.  Returns 0, or -1; g->r is to be
 * freed with hs_ranking_free() at the end either way. */
HS_MUST_CHECK int hs_rank_reading_take(struct hs_rank_reading *g,
                                       struct hs_rankings *s,
                                       const msgpack_object *o,
                                       struct hs_error *err);
/* No more records: the ranking that was begun must be whole. */
HS_MUST_CHECK int hs_rank_reading_end(struct hs_rank_reading *g,
                                      struct hs_rankings *s,
                                      struct hs_error *err);

#endif
