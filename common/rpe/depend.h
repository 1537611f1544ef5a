/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * depend.h - whether dopamine coordinates depend on the value neurons of
 * earlier layers (appendix H of the paper): the same tokens once more, with
 * these zeroed.
 *
 *     struct hs_depend d;
 *
 *     if (hs_depend_open(&d, &options, &input, &err) < 0) ...
 *     hs_depend_head(&d, &head);
 *     ...hs_writer_open() with that head...
 *     if (hs_depend_run(&d, &err) < 0 || hs_depend_encode(&d, &e, &err) < 0)
 *         ...
 *     hs_depend_close(&d);
 *
 * Arms.  Each zeroes k = hs_top_count(top, dim) coordinates in every edit layer
 * at once:
 *
 *     none         the unedited model
 *     value        the first k of the layer's ranking
 *     value-sinks  the first k that are no sinks; only if value has sinks, and
 *                  then what draws are made for and the verdict is of
 *     random.I     k at random
 *     rms.I        partners of like RMS, outside of the first k of the ranking
 *
 * No draw takes a coordinate that the ranking knows as a sink.  What a tested
 * coordinate loses by being zeroed itself in an edit layer is no dependence on
 * others, so draws do to the tested coordinates just what the value set does:
 * they hold those of them that it holds, and no others; the rest is drawn
 * (armdraw.h, by seed, layer, size, number).
 *
 * Figures of a coordinate and an arm.  A trace is x at s_1 .. s_T.  As a
 * z-score it is (x - m) / s, with m its own mean over the response and s the
 * standard deviation (divisor T) of the unedited trace, so that what an edit
 * leaves of it is as small as it is, and what it merely moves stays what it
 * was.  Responses of fewer than 3 tokens, and those whose unedited trace is
 * constant, do not count.
 *
 *     corr   Pearson's correlation of the edited with the unedited trace over
 *            the tokens of a response, 0 where the edited one is constant; mean
 *            over responses
 *     ratio  standard deviation of the edited trace over that of the unedited
 *            one, mean over responses
 *     rho    Spearman's correlation of delta = gamma V(t_i) - V(t_i-1)
 *            (rollouts) with the mean of z over the tokens of step i, over all
 *            steps beyond the threshold (hs_step_beyond()); 0 where the edited
 *            trace is constant
 *
 * A place among draws is hs_rank_p(): the share of draws, and of the value set
 * with them, that break the trace as much.
 *
 * Memory: that of hs_sched_run() for batch responses, and 8 bytes for each
 * step beyond the threshold, coordinate and arm.
 */
#ifndef HS_DEPEND_H
#define HS_DEPEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/progress.h"
#include "base/team.h"
#include "model/edit.h"
#include "model/model.h"
#include "probe/rankrec.h"
#include "rpe/rperec.h"
#include "stream/stream.h"

struct hs_depend_options {
    struct hs_list edit_layers; /* at least one */
    struct hs_top top;          /* 20% */
    bool one_target; /* the rankings of target; else there must be one target */
    enum hs_target target;
    /* Which coordinates of the rpe stream: those in coords if there are any, or
     * the first so many by evidence if first is not 0, or those found; of all
     * its layers, or of those in layers if there are any. */
    struct hs_list coords, layers;
    size_t first;
    size_t n_random, n_rms; /* draws, 20 each; 0: none */
    uint64_t seed;          /* of the draws, 0 */
    enum hs_edit_where where;
    double gamma, threshold; /* 1, 0.3 */
    double alpha;            /* of the verdict, 0.05 */
    uint64_t limit;          /* trajectories; 0: all */
    size_t batch;            /* sequences at a time, 16 */
    enum hs_progress_mode progress;
};
/* The defaults, and edit_layers empty. */
void hs_depend_options_init(struct hs_depend_options *o);
void hs_depend_options_free(struct hs_depend_options *o);

/* All borrowed. */
struct hs_depend_input {
    const struct hs_model *model;
    struct hs_team *team; /* NULL: the caller alone */
    const struct hs_rankings *rankings;
    const char *rankings_name; /* for messages, like the other names */
    const struct hs_rpe *rpe;
    const char *rpe_name;
    struct hs_reader *acts; /* activations, not yet read */
    const char *acts_name;
};

struct hs_depend_coord {
    uint32_t layer, index;
    int sign;        /* hs_rpe_sign(): 0 if it was not found */
    uint32_t direct; /* edit layers in which the value set has it itself */
};

enum hs_depend_kind {
    HS_DEPEND_NONE,
    HS_DEPEND_VALUE,
    HS_DEPEND_VALUE_SINKS,
    HS_DEPEND_RANDOM,
    HS_DEPEND_RMS
};

struct hs_depend_arm {
    enum hs_depend_kind kind;
    uint32_t draw;        /* from 1; 0: not drawn */
    char *label;          /* "value", "random.3" */
    struct hs_edit *edit; /* (n_layers), chained; NULL for none */
    uint64_t edits;       /* coordinates written, counted and checked */
    /* (n_coords), NaN where there is nothing to compute: */
    double *corr, *ratio, *rho;
    uint64_t *n_flat; /* responses whose edited trace is constant */
};

/* All may be read; pointers are owned. */
struct hs_depend {
    struct hs_depend_options o; /* with lists of its own */
    struct hs_depend_input in;
    size_t d, k;
    struct hs_depend_coord *coords; /* (n_coords), by layer and index */
    size_t n_coords;
    struct hs_list kept; /* the layers of coords */
    size_t *kept_at;     /* (n_coords): index of its layer in kept */
    struct hs_depend_arm *arms;
    size_t n_arms;
    size_t reference; /* the arm of the verdict: value, or value-sinks */
    size_t n_sinks;   /* in value, all edit layers */
    uint64_t n_traj, n_tokens; /* replayed, once for each arm */
    uint64_t n_steps;          /* beyond the threshold */
    uint64_t *n_traces;        /* (n_coords): responses that count */
    uint64_t n_checked; /* stored states that were held against replayed ones */
    double deviation;   /* the largest found, see hs_depend_run() */
    struct hs_head head; /* of the activations */
};

/* Chooses coordinates and arms.  Returns 0, or -1: another model, an edited
 * stream, a layer that is not in the stream, has no ranking or is not below all
 * layers of the coordinates, nothing to test, too few coordinates to draw
 * from...  *d can be closed either way. */
HS_MUST_CHECK int hs_depend_open(struct hs_depend *d,
                                 const struct hs_depend_options *o,
                                 const struct hs_depend_input *in,
                                 struct hs_error *err);
void hs_depend_close(struct hs_depend *d);

/* Fills an empty head of kind "rpe": the model, and in run "dependence" with
 * all settings. */
void hs_depend_head(const struct hs_depend *d, struct hs_head *head);

/* Replays all trajectories.  The unedited states of the tested coordinates are
 * held against those stored: the root mean square of their difference over that
 * of the stored ones, over the stored positions of a response, may be 0.02, as
 * stored types and other machines round.  Returns 0, or -1: states that are
 * not the model's, counts of edits that are not those of the rows they must
 * reach, a damaged stream, no trajectory. */
HS_MUST_CHECK int hs_depend_run(struct hs_depend *d, struct hs_error *err);

/* Appends the records, as rpe-scan(1) has them: "dependence-arm" for each arm,
 * and "dependence", which sums up.  Returns 0, or -1 when one is larger than an
 * object may be. */
HS_MUST_CHECK int hs_depend_encode(const struct hs_depend *d,
                                   struct hs_encoded *e, struct hs_error *err);

/* The record "dependence"; a new reference. */
json_t *hs_depend_json(const struct hs_depend *d);

/* ---- of a record "dependence", such as hs_rpe.others has */

/* What it says, an array of sentences; a new reference.  NULL with the reason
 * if the record is malformed. */
HS_MUST_CHECK json_t *hs_depend_words(const json_t *record,
                                      struct hs_error *err);

/* "table": a line a coordinate and the sentences below; "tsv": a line a
 * coordinate behind a line of names that begins with #.  Returns 0, or -1: it
 * is malformed. */
HS_MUST_CHECK int hs_depend_print(struct hs_buf *b, const json_t *record,
                                  const char *how, struct hs_error *err);

#endif
