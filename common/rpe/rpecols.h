/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpecols.h - the tensors of a record "rpe-coordinates", for those who write
 * and read it.
 */
#ifndef HS_RPECOLS_H
#define HS_RPECOLS_H

#include "rpe/rperec.h"

enum {
    HS_N_RPE_COLUMNS = 9
};

/* "score", "score_p", ...: all f32; "found" (u32) comes behind them. */
extern const char *const hs_rpe_columns[HS_N_RPE_COLUMNS];

/* Where tensor i is held. */
float **hs_rpe_column(struct hs_rpe_coordinates *c, int i);

/* Makes room for d coordinates, zeroed; d is set already. */
void hs_rpe_coordinates_alloc(struct hs_rpe_coordinates *c);

#endif
