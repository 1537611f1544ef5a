/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ranking.h - coordinates in the order of their importance to a probe.
 *
 * The importance of coordinate j is what the first layer makes of it:
 *
 *     l1-raw    sum_i |W1[i,j]|, the paper's
 *     l1        (sum_i |W1[i,j]| - the same before the first step) * u_j
 *     l2        (norm of column j - the same before the first step) * u_j
 *     gradient  mean |x_j dV/dx_j| over states, as the probe's record has it
 *     auc       |AUC_j - 1/2| of the coordinate alone at s_0
 *
 * u_j is the standard deviation of what the network saw of coordinate j: 1
 * under zscore, sigma_j / rms_j under rms, sigma_j under none.  A column's norm
 * says how much V moves when its input moves by 1; times u_j, by as much as it
 * does move.  Coordinates that never move come last with importance 0.
 *
 * Several probes of a layer and a target (seeds) are ranked each for itself,
 * equal importances sharing the mean of their ranks; the mean rank over seeds
 * decides, then the mean importance, then the number of the coordinate.
 */
#ifndef HS_RANKING_H
#define HS_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/proberec.h"

enum hs_rank_by {
    HS_BY_L1,
    HS_BY_L1_RAW,
    HS_BY_L2,
    HS_BY_GRADIENT,
    HS_BY_AUC
};

/* "l1", "l1-raw", "l2", "gradient", "auc". */
const char *hs_rank_by_name(enum hs_rank_by by);
/* Returns 0, or -1 for another name. */
HS_MUST_CHECK int hs_rank_by_parse(const char *s, enum hs_rank_by *out);

/* How many coordinates are the top: a count, or a share if that is 0. */
struct hs_top {
    double share;
    size_t count;
};

/* Reads "1%" or "36".  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_top_scan(const char *s, struct hs_top *out,
                              struct hs_error *err);
/* round(share * d), halves up, at least 1; a count as it is. */
size_t hs_top_count(const struct hs_top *t, size_t d);
/* How many of d are left at a pruning ratio: round((1 - ratio) * d), at least
 * 1. */
size_t hs_kept(size_t d, double ratio);

enum {
    HS_SINK_NO,
    HS_SINK_YES,
    HS_SINK_UNKNOWN
};

/* A ranking of one layer; all pointers are owned, tensors (d) by coordinate
 * unless said. */
struct hs_ranking {
    uint32_t layer;
    enum hs_target target;
    enum hs_rank_by by;
    enum hs_standardize standardize;
    size_t d, n_seeds, n_top;
    uint64_t *seeds;      /* (n_seeds) */
    uint32_t *order;      /* coordinates, best first */
    uint32_t *rank;       /* from 1, the best: order the other way round */
    float *importance;    /* mean over seeds */
    float *mean_rank;     /* mean over seeds, from 1 */
    uint32_t *seed_order; /* (n_seeds, d): the order of each seed */
    float *stability;     /* share of seeds that have it in their top n_top */
    float *mean, *sigma, *rms;
    uint32_t *rms_rank; /* from 1, the largest */
    float *pos0_abs;    /* mean |x| at position 0; NaN: unknown */
    float *outlier;     /* share of states in which |x| is more than 20 times
                         * the median over coordinates; NaN: unknown */
    uint8_t *sink;      /* HS_SINK_... */
    float *auc, *auc_p;
    float *slope; /* mean over seeds of the mean over states of dV/dx_j, with
                   * its sign, x the state as it is: value per unit of x */
};

void hs_ranking_free(struct hs_ranking *r);

/* Makes zeroed room for d coordinates and the numbers of n_seeds, both set
 * already; not for seed_order. */
void hs_ranking_alloc(struct hs_ranking *r);

/* Ranks the probes of a layer and target.  Returns 0, or -1: there is none,
 * their settings differ by more than the seed, they see some coordinates only,
 * the layer has no statistics, what by needs is not recorded, top is more than
 * d.  *r is then empty. */
HS_MUST_CHECK int hs_rank(struct hs_ranking *r, const struct hs_probes *p,
                          uint32_t layer, enum hs_target target,
                          enum hs_rank_by by, const struct hs_top *top,
                          struct hs_error *err);

/* Whether a coordinate is one of the few that are huge in (almost) every state,
 * or at the first token: attention sinks, massive activations.  Yes if
 * pos0_abs > 50 rms and pos0_abs > 100, or if outlier > 1/2; unknown if not so
 * and pos0_abs is NaN. */
uint8_t hs_sink(double pos0_abs, double rms, double outlier);

/* Takes sink flags from the statistics of other states of the layer, whose
 * rms, pos0_abs and outlier replace those in r but for the rms, which stays
 * that of the training states.  Returns 0, or -1 when the widths differ. */
HS_MUST_CHECK int hs_ranking_audit(struct hs_ranking *r, size_t d,
                                   const struct hs_stats *s,
                                   struct hs_error *err);

/* Another size of the top: n_top and stability.  Returns 0, or -1 when it is
 * more than d. */
HS_MUST_CHECK int hs_ranking_retop(struct hs_ranking *r,
                                   const struct hs_top *top,
                                   struct hs_error *err);

/* The top in ascending order: (n_top), to be freed by the caller. */
uint32_t *hs_ranking_top(const struct hs_ranking *r);

/* What there is to say about the top. */
struct hs_rank_summary {
    size_t n_sinks, n_unknown;  /* of the top */
    size_t n_sinks_all;         /* of all coordinates */
    size_t n_large;             /* of the top, among the n_top largest by RMS */
    double enrichment;          /* (n_large / n_top) / (n_top / d) */
    double enrichment_p;        /* P(at least n_large) when drawn at random */
    double first, last, median; /* importance: of the best, of the last of the
                                 * top, of the coordinate in the middle */
    double seed_iou;            /* of the tops of two seeds, mean over pairs;
                                 * NaN: one seed */
    double chance_iou;          /* mean of the same for random sets */
    double seed_z; /* what pairs share, on average, above chance, in standard
                    * deviations of that average; NaN: one seed */
};
void hs_rank_summarize(const struct hs_ranking *r, struct hs_rank_summary *s);

/* Mean IoU over pairs of seeds of their first k; NaN with one seed. */
double hs_seed_iou(const struct hs_ranking *r, size_t k);

/* Warnings, an array of strings that begin with "layer L, TARGET: ".  A new
 * reference. */
json_t *hs_rank_warnings(const struct hs_ranking *r);

#endif
