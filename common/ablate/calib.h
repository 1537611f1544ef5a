/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * calib.h - statistics of the unedited states of some layers, from a stream of
 * activations: what arms are matched and edits are measured by.
 */
#ifndef HS_CALIB_H
#define HS_CALIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "model/edit.h"
#include "stream/stream.h"

/* Of one layer; all tensors (d), owned. */
struct hs_calib_layer {
    uint32_t layer;
    uint64_t n; /* states counted in the next four */
    double *mean;
    double *sigma;  /* divisor n */
    double *rms;    /* sqrt(mean of x_j^2) */
    double *normed; /* the same of x_j / sqrt(mean over j of x_j^2), which is
                     * what RMSNorm makes of a state, less its weight */
    double *pos0_abs, *outlier; /* as in trajset.h, over all states */
    uint8_t *sink;              /* hs_sink() of pos0_abs, rms, outlier */
};

struct hs_calib {
    struct hs_calib_layer *v; /* (n), ascending by layer; owned */
    size_t n, dim;
    uint64_t n_traj;
    bool prompts;    /* states of prompt tokens before the last were there */
    char digest[33]; /* of the stream */
};

/* Reads a stream of activations to its end.  layers: resolved.  where: the
 * positions that count: those that the edit would reach, but never position 0,
 * which sinks own.  fingerprint: of the model, which the stream's must equal.
 * Returns 0, or -1: another kind of stream or model, a layer is missing, no
 * state counts, an edit was on (run.edit is not null), or it is damaged. */
HS_MUST_CHECK int hs_calib_read(struct hs_calib *c, struct hs_reader *r,
                                const char *name, const struct hs_list *layers,
                                enum hs_edit_where where,
                                const char *fingerprint, struct hs_error *err);
void hs_calib_free(struct hs_calib *c);
const struct hs_calib_layer *hs_calib_find(const struct hs_calib *c,
                                           uint32_t layer);

#endif
