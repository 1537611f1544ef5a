/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ranking.h - coordinates in the order of their importance, and records of
 * them in streams of kind "rankings".  neuron-rank(1) describes the records.
 */
#ifndef HS_RANKING_H
#define HS_RANKING_H

#include "probe/proberec.h"

enum hs_rank_by {
    HS_BY_L1,       /* column L1 of the first layer minus that at the start */
    HS_BY_L1_RAW,   /* column L1 as fitted: the paper */
    HS_BY_L2,       /* column L2 minus that at the start */
    HS_BY_GRADIENT, /* mean |x dV/dx| */
    HS_BY_AUC       /* |AUC - 1/2| of the coordinate alone */
};

/* A ranking of one layer; all pointers are owned, tensors (d) unless said. */
struct hs_ranking {
    uint32_t layer;
    enum hs_target target;
    enum hs_rank_by by;
    size_t d, n_seeds, n_top;
    uint32_t *order;      /* coordinates, best first */
    float *importance;    /* mean over seeds; by coordinate, like all below */
    float *mean_rank;     /* mean over seeds, from 1 */
    uint32_t *seed_order; /* (n_seeds, d): the order of each seed */
    float *stability;     /* share of seeds that have it in their top n_top */
    float *mean, *sigma, *rms;
    uint32_t *rms_rank; /* from 1, the largest */
    uint8_t *sink;      /* 0 no, 1 yes, 2 unknown */
    float *auc, *auc_p;
};

void hs_ranking_free(struct hs_ranking *r);

#endif
