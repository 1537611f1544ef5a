/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rperec.h - what rpe-scan found as records of a stream of kind "rpe".
 * rpe-scan(1) describes the records.
 *
 *     rpe-steps        how many steps or trajectories there were
 *     rpe-coordinates  scores and p of all coordinates of a layer
 *     rpe-probe        a dopamine probe, with how well it predicts; then
 *     rpe-weights      rows of its first layer
 *     rpe-curve        what is left of that when coordinates are pruned
 *     ranking          coordinates by the probe, as neuron-rank(1) has them,
 *                      with the target "rpe"
 */
#ifndef HS_RPEREC_H
#define HS_RPEREC_H

#include <jansson.h>

#include "probe/ranking.h"
#include "rpe/rpeprobe.h"
#include "stats/errsig.h"
#include "stream/stream.h"

enum hs_rpe_mode {
    HS_RPE_TD,
    HS_RPE_SURPRISE
};

/* Coordinates of a layer; all (d), owned. */
struct hs_rpe_coordinates {
    enum hs_rpe_mode mode;
    uint32_t layer;
    size_t d, n, n_groups; /* rows and problems that the tests are of */
    double alpha;          /* q that counts as found */
    uint64_t n_permutations;
    /* td: Spearman's correlation of the pooled row with delta over the steps
     * beyond the threshold; surprise: mean z where failure was expected and
     * success came, less the mean z where success was expected and failure
     * came. */
    float *score, *score_p, *score_q;
    /* errsig.h, with value and position held constant. */
    float *r_out, *p_out, *r_exp, *p_exp, *p, *q;
    uint8_t *found; /* q <= alpha */
};
void hs_rpe_coordinates_free(struct hs_rpe_coordinates *c);

/* 1 where what came above what was expected, -1 below, 0 where it is not found.
 */
int hs_rpe_sign(const struct hs_rpe_coordinates *c, size_t j);

/* Coordinates of the layer by evidence: by q, then p, then |r_out|, then
 * number; order (d). */
void hs_rpe_order(const struct hs_rpe_coordinates *c, uint32_t *order);

struct hs_rpe_found_probe {
    struct hs_rpe_probe probe;
    json_t *eval; /* object: how well it predicts on held-out problems */
};

/* All of a stream of kind "rpe"; everything is owned. */
struct hs_rpe {
    struct hs_head head;
    struct hs_rpe_coordinates *coordinates; /* (n_coordinates) */
    struct hs_rpe_found_probe *probes;      /* (n_probes) */
    struct hs_ranking *rankings;            /* (n_rankings) */
    size_t n_coordinates, n_probes, n_rankings;
    json_t *others; /* array: records of other types, tensors with their
                     * values, as JSON */
};

HS_MUST_CHECK int hs_encode_rpe_coordinates(struct hs_encoded *e,
                                            const struct hs_rpe_coordinates *c,
                                            struct hs_error *err);
HS_MUST_CHECK int hs_encode_rpe_probe(struct hs_encoded *e,
                                      const struct hs_rpe_probe *p,
                                      const json_t *eval, struct hs_error *err);

/* Reads a stream to its end; path "-" is standard input, name is for messages.
 * Returns 0, or -1: another kind of stream, damaged or not whole.  *s can be
 * freed either way. */
HS_MUST_CHECK int hs_rpe_read(struct hs_rpe *s, struct hs_reader *r,
                              const char *name, struct hs_error *err);
HS_MUST_CHECK int hs_rpe_load(struct hs_rpe *s, const char *path,
                              struct hs_error *err);
void hs_rpe_free(struct hs_rpe *s);

/* The settings of a probe's fit, as in its record and in a head's run.  A new
 * reference. */
json_t *hs_rpe_fit_json(const struct hs_rpe_fit_options *o);

/* "td", "surprise". */
const char *hs_rpe_mode_name(enum hs_rpe_mode m);
HS_MUST_CHECK int hs_rpe_mode_parse(const char *s, enum hs_rpe_mode *out);

/* The coordinates, or the probe, of a layer; NULL if there are none. */
const struct hs_rpe_coordinates *hs_rpe_coordinates(const struct hs_rpe *s,
                                                    uint32_t layer);
const struct hs_rpe_found_probe *hs_rpe_probe_of(const struct hs_rpe *s,
                                                 uint32_t layer);

#endif
