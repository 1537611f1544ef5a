/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * proberec.h - probes and what was found with them as records of a stream of
 * kind "probes".  probe-fit(1) describes the records.
 */
#ifndef HS_PROBEREC_H
#define HS_PROBEREC_H

#include "probe/evaluate.h"
#include "probe/fit.h"
#include "stats/maxauc.h"
#include "stream/stream.h"

/* Statistics of the coordinates of a layer, "coordinates". */
struct hs_coordinates {
    uint32_t layer;
    size_t d;
    uint64_t n_states, n_pos0, n_any;
    uint64_t n_s0; /* training states s_0, of which auc is */
    float *mean, *sigma, *rms, *max_abs; /* (d), owned, like all below */
    float *pos0_abs;                     /* NaN if n_pos0 is 0 */
    float *outlier;
    float *auc, *auc_p; /* of the coordinate alone at s_0, training problems */
    double auc_threshold, alpha;
    uint64_t n_permutations;
};
void hs_coordinates_free(struct hs_coordinates *c);

/* A probe as it is read back. */
struct hs_probe_found {
    struct hs_probe probe;
    float *gradient; /* (d): gradient x input; owned, may be NULL */
    float *slope;    /* (d): mean dV/dx, x the state as it is; likewise */
    json_t *eval;    /* hs_evaluation_json(); owned, may be NULL */
};
void hs_probe_found_free(struct hs_probe_found *f);

/* Each appends records.  A probe is one record "probe" and as many "weights" as
 * its first layer needs.  Returns 0, or -1 when one would be too large. */
HS_MUST_CHECK int hs_encode_coordinates(struct hs_encoded *e,
                                        const struct hs_coordinates *c,
                                        struct hs_error *err);
HS_MUST_CHECK int hs_encode_probe(struct hs_encoded *e,
                                  const struct hs_probe *p,
                                  const float *gradient, const float *slope,
                                  const json_t *eval, struct hs_error *err);

/* All of a stream of kind "probes". */
struct hs_probes {
    struct hs_head head;
    struct hs_coordinates *coordinates; /* (n_coordinates) */
    size_t n_coordinates;
    struct hs_probe_found *found; /* (n_found), in the order of the stream */
    size_t n_found;
    json_t *others; /* array: records of other types (baselines), as JSON */
};

/* Reads a stream.  Returns 0, or -1; *p can be freed either way. */
HS_MUST_CHECK int hs_probes_read(struct hs_probes *p, struct hs_reader *r,
                                 const char *name, struct hs_error *err);
/* The same of a file, or of standard input for "-". */
HS_MUST_CHECK int hs_probes_load(struct hs_probes *p, const char *path,
                                 struct hs_error *err);
void hs_probes_free(struct hs_probes *p);

/* NULL if the layer has none. */
const struct hs_coordinates *hs_probes_coordinates(const struct hs_probes *p,
                                                   uint32_t layer);

/* The settings of a fit as the object of "probe" in a head's run, and back. */
json_t *hs_fit_options_json(const struct hs_fit_options *o);
HS_MUST_CHECK int hs_fit_options_read(const json_t *j, struct hs_fit_options *o,
                                      struct hs_error *err);

#endif
