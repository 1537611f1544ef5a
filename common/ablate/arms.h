/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * arms.h - the arms of an ablation: which coordinates of which layer are
 * edited, and how.
 *
 * An arm's label names it in streams, options and tables:
 *
 *     none                  the unedited model
 *     L2/noop               the tap of layer 2 is there and edits nothing
 *     L2/value@1%           zeroes the top 1 % of the ranking of layer 2
 *     L2/random.7@1%        the seventh draw of as many random coordinates
 *     L2/file:LIST          the coordinates in a file, whatever the size
 *     L2/value@1%:mean:generated   another mode, other positions
 *
 * Sets of one layer and size (k = hs_top_count(size, d)), coordinates
 * ascending:
 *
 *     value         the first k of the ranking
 *     value-sinks   the first k of the ranking that are no sinks
 *     bottom        the last k of the ranking
 *     random        k of all coordinates, uniform, without replacement
 *     random-sinks  the same, of those that are no sinks: the same draw with
 *                   sinks passed over, so without sinks the same set
 *     rms           for each coordinate of value one whose RMS is near: see
 *                   hs_arms_build()
 *     rms-top       the k largest by RMS
 *     magnitude     the k largest by hs_column_magnitude()
 *     wanda         the k largest by hs_column_wanda()
 *     ntp:RANK, terminal:RANK  the first k of the ranking of that target in
 *                   another file
 *     file:LIST     all that LIST names, once: no sizes
 *
 * A coordinate that hs_sink() can not judge is no sink.
 */
#ifndef HS_ARMS_H
#define HS_ARMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ablate/calib.h"
#include "base/error.h"
#include "base/num.h"
#include "model/edit.h"
#include "model/model.h"
#include "probe/ranking.h"
#include "probe/rankrec.h"

enum hs_arm_kind {
    HS_ARM_NONE,
    HS_ARM_NOOP,
    HS_ARM_VALUE,
    HS_ARM_VALUE_SINKS,
    HS_ARM_BOTTOM,
    HS_ARM_RANDOM,
    HS_ARM_RANDOM_SINKS,
    HS_ARM_RMS,
    HS_ARM_RMS_TOP,
    HS_ARM_MAGNITUDE,
    HS_ARM_WANDA,
    HS_ARM_NTP,
    HS_ARM_TERMINAL,
    HS_ARM_FILE,
    HS_N_ARM_KINDS
};

/* "none", "noop", "value", "value-sinks", ... */
const char *hs_arm_kind_name(enum hs_arm_kind k);
/* Whether arms of that kind are drawn at random: random, random-sinks, rms. */
bool hs_arm_is_drawn(enum hs_arm_kind k);

/* A word of --arms. */
struct hs_arm_spec {
    enum hs_arm_kind kind;
    size_t n_draws; /* of the kinds that are drawn, >= 1 */
    char *path;     /* of ntp, terminal and file, owned; else NULL */
};
struct hs_arm_specs {
    struct hs_arm_spec *v; /* owned */
    size_t n;
};

/* Reads "none,noop,value,random:20,ntp:ntp.hsz".  random, random-sinks and rms
 * without a number are 20 draws (1 to 100000).  Paths have no comma.  Returns
 * 0, or -1: an unknown or repeated word (file, ntp and terminal may come again
 * with another path), a number or path that is missing or one too many, a path
 * that is "-" or no UTF-8. */
HS_MUST_CHECK int hs_arm_specs_scan(const char *s, struct hs_arm_specs *out,
                                    struct hs_error *err);
void hs_arm_specs_free(struct hs_arm_specs *s);
bool hs_arm_specs_have(const struct hs_arm_specs *s, enum hs_arm_kind k);

/* A list of sizes as they were given: "0.1%,1%,36". */
struct hs_arm_sizes {
    struct hs_arm_size {
        char *text; /* owned */
        struct hs_top top;
    } * v;
    size_t n;
};
HS_MUST_CHECK int hs_arm_sizes_scan(const char *s, struct hs_arm_sizes *out,
                                    struct hs_error *err);
void hs_arm_sizes_free(struct hs_arm_sizes *s);

/* What an edit does: "zero", "mean", "resample", "scale=A" or "add=B". */
struct hs_arm_mode {
    enum hs_edit_mode mode;
    double amount; /* A or B; 0 for the others */
    char text[40]; /* as given */
};
HS_MUST_CHECK int hs_arm_mode_scan(const char *s, struct hs_arm_mode *out,
                                   struct hs_error *err);

struct hs_arm {
    char *label; /* owned, unique in a set */
    enum hs_arm_kind kind;
    char *size;    /* as given, owned; NULL for none, noop and file */
    uint32_t draw; /* from 1; 0 for kinds that are not drawn */
    /* mode, where, layer, coords ascending and values; n is 0 for none and
     * noop, whose layer is 0 and the tapped one.
     *   mean: values are the calibration's means
     *   scale=A: A
     *   add=B: B sigma_j sign(slope_j), with the calibration's sigma and the
     *          ranking's slope (of ntp and terminal arms, of their ranking);
     *          0 where the slope is 0
     *   resample: none; the caller sets edit.draw */
    struct hs_edit edit;
    char mode[40]; /* hs_arm_mode's text; "" for none and noop */
    char *same_as; /* label of an earlier arm whose edit is the same, so that it
                    * need not run; owned, or NULL */
    /* Of coords: */
    size_t n_sinks;
    size_t n_value;   /* how many are in the value set of that layer and size;
                       * of a file arm, of the first n of the ranking.  0
                       * without a ranking */
    double rms_ratio; /* sum of RMS over that of the same value set; NaN
                       * without a ranking, or if that is 0 */
};

struct hs_armset {
    struct hs_arm *v; /* owned */
    size_t n;
};
void hs_armset_free(struct hs_armset *s);
/* NULL if there is none. */
const struct hs_arm *hs_armset_find(const struct hs_armset *s,
                                    const char *label);

struct hs_arm_plan {
    const struct hs_arm_specs *specs;
    const struct hs_arm_sizes *sizes;
    const struct hs_list *layers; /* resolved, ascending: where to edit */
    struct hs_arm_mode mode;
    enum hs_edit_where where;
    uint64_t seed;                  /* of the draws */
    const struct hs_rankings *rank; /* NULL without --rank */
    const char *rank_name;          /* for messages */
    bool one_target;                /* the ranking of target; else there must
                                     * be only one target in rank */
    enum hs_target target;
    const struct hs_calib *calib; /* has all layers */
    const struct hs_model *model;
};

/* Makes all arms: none and noop first if asked for (noop once a layer), then
 * layer by layer, size by size, in the order of specs, draws in order.
 *
 * Draw i of layer l and size k permutes coordinates with hs_rng_below() under
 * (seed, l, k, i) as armdraw.h has it; equal arguments give equal sets on any
 * machine, whatever other arms there are.
 *
 * rms: the coordinates of value are taken in random order; each gets one of the
 * (at most) 8 free coordinates whose log RMS is nearest, uniformly.  Sinks are
 * those of the calibration and those that the ranking is sure of.  Free are
 * those outside of the first max(k, 5 %) of the ranking, no sinks, not taken
 * yet in this draw.  It is an error if fewer than k are free.
 *
 * Two sizes that come to the same k in d are an error that names both.  A file
 * arm reads a coordinate a line, or lists such as "3,7-9" as neuron-rank
 * --select prints them, # begins a comment; the same for each layer.
 *
 * Returns 0, or -1: a ranking is missing for an arm or a layer, is of another
 * model or width, has no such target, k is more than d, a file is not to be
 * read, names a coordinate twice or beyond d... */
HS_MUST_CHECK int hs_arms_build(struct hs_armset *out,
                                const struct hs_arm_plan *plan,
                                struct hs_error *err);

/* The arms as a JSON array, for a head's run, and back.  One object an arm:
 * label, kind, layer (null for none), size, draw (null if not drawn), mode,
 * where, n_coords, coords, values (only of mean, scale and add), same_as,
 * n_sinks, n_value, rms_ratio (4 decimals).  The order of the keys is this
 * one.  hs_armset_read() checks types, ranges and the uniqueness of labels. */
json_t *hs_armset_json(const struct hs_armset *s);
/* The same as JSON lines; errors stay with the file. */
void hs_armset_print(const struct hs_armset *s, FILE *to);
HS_MUST_CHECK int hs_armset_read(struct hs_armset *out, const json_t *j,
                                 struct hs_error *err);

#endif
