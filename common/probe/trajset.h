/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trajset.h - the trajectories of a stream with their states, for fitting.
 *
 * Read once, from a pipe if need be; states stay as they are stored, 16 bits a
 * number for f16 and bf16 streams, in a store (store.h).  24 bytes a state are
 * in memory besides, and about 300 a trajectory.
 *
 * The states of a trajectory are those of s_0 (the last token of the prompt)
 * and of the completion.  States of other tokens of the prompt are no states of
 * the method; they are counted into the statistics of coordinates only
 * (hs_stats).
 */
#ifndef HS_TRAJSET_H
#define HS_TRAJSET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "base/team.h"
#include "probe/store.h"
#include "stream/idset.h"
#include "stream/stream.h"
#include "task/rollouts.h"

struct hs_traj {
    char *id;          /* owned */
    uint32_t problem;  /* index into the set's problems */
    uint8_t reward;    /* 0 or 1 */
    bool val;          /* held out */
    uint32_t n_prompt; /* tokens */
    uint32_t length;   /* T: s_T is the last state, stored or not */
    uint32_t n_new;    /* tokens of the completion, an EOS included */
    size_t n_states;   /* stored, of times t >= 0 */
    size_t first;      /* index of its first state in the set's arrays */
    struct hs_rollouts *rollouts; /* owned; NULL: none */
};

/* Rows of one trajectory and layer, as stored. */
struct hs_stored {
    uint64_t where; /* of the store */
    size_t row;     /* its first row is this state of the trajectory */
    size_t n_rows;
    enum hs_dtype dtype;
};

/* Statistics of the coordinates of one layer, all tensors (d). */
struct hs_stats {
    uint64_t n;           /* states, s_0 and later, of training problems once
                           * the set is split */
    double *mean, *sigma; /* of these; sigma with divisor n */
    double *rms;          /* sqrt(mean of squares) of these */
    double *max_abs;      /* of these */
    /* For the rule of attention sinks, over whatever is in the stream: */
    uint64_t n_pos0;  /* states of position 0; 0: unknown */
    double *pos0_abs; /* mean |x| at position 0; NaN if unknown */
    uint64_t n_any;   /* states of any position */
    double *outlier;  /* share of these in which |x_j| is more than 20 times
                       * the median of |x| over coordinates */
};

struct hs_trajset {
    struct hs_head head; /* of the stream */
    size_t dim, n_layers;
    uint32_t *layers;     /* (n_layers): of the stream's, those asked for */
    struct hs_traj *traj; /* (n): with a reward, in the order of the stream */
    size_t n;
    char **problems;   /* (n_problems): ids */
    bool *problem_val; /* (n_problems) */
    size_t n_problems;
    uint64_t n_undecided; /* trajectories left out: no reward */
    /* Of each state, (n_states): */
    uint32_t *t;        /* 0 for s_0, t for the state of token t */
    uint32_t *token;    /* that it is the state of */
    float *logprob;     /* of the token that came after it; NaN if none did */
    float *entropy;     /* of the distribution that token came from, nats; NaN
                         * if none did */
    float *logprob_sum; /* of the log-probabilities of tokens 1 .. t */
    float *entropy_sum; /* of the entropies before tokens 1 .. t + 1 */
    size_t n_states;
    struct hs_stats *stats; /* (n_layers) */
    struct hs_store *store;

    /* private */
    struct hs_stored *blocks;
    size_t *first_block; /* (n, n_layers) and one more */
    size_t n_blocks, cap_blocks, cap_first, cap_states, cap_traj, cap_problems;
    json_t *index; /* problem id to its number */
    struct hs_idset ids;
};

/* Reads a stream to its end.  layers: those wanted, "all" for all of them.
 * Returns 0, or -1: the stream is damaged, has no states of a layer, holds an
 * id twice, or has no rewards at all.  *s can be freed either way. */
HS_MUST_CHECK int hs_trajset_read(struct hs_trajset *s, struct hs_reader *r,
                                  const char *name,
                                  const struct hs_list *layers,
                                  uint64_t max_memory, struct hs_error *err);

/* The same, appending a second stream to a set: its problems are all held out.
 * A problem that is in both is an error that names it, and so is a stream of
 * another model. */
HS_MUST_CHECK int hs_trajset_read_val(struct hs_trajset *s, struct hs_reader *r,
                                      const char *name, struct hs_error *err);

/* Holds out a share of the problems: round(share * n_problems), at least one,
 * those with the smallest hash of (seed, id).  So the split belongs to the
 * problems and not to their order.  Returns 0, or -1 when one side would be
 * empty. */
HS_MUST_CHECK int hs_trajset_split(struct hs_trajset *s, double share,
                                   uint64_t seed, struct hs_error *err);

/* The problems of one side in the order of a hash of (seed, id): out
 * (n_problems) gets their numbers.  How many. */
size_t hs_trajset_order(const struct hs_trajset *s, bool val, uint64_t seed,
                        uint32_t *out);

/* Statistics of coordinates, of training states only; after the split. */
void hs_trajset_stats(struct hs_trajset *s, struct hs_team *team);

/* Row i < n_states of trajectory j at layer index l, widened: out (dim).  May
 * be called by any thread. */
void hs_trajset_row(const struct hs_trajset *s, size_t l, size_t j, size_t i,
                    float *out);

/* Coordinates from .. from + n - 1 of that row: out (n). */
void hs_trajset_part(const struct hs_trajset *s, size_t l, size_t j, size_t i,
                     size_t from, size_t n, float *out);

/* Where that row is, as stored (dim numbers of *dtype); borrowed. */
const void *hs_trajset_stored(const struct hs_trajset *s, size_t l, size_t j,
                              size_t i, enum hs_dtype *dtype);

/* The stored state nearest to a share of the response, as its index in the
 * trajectory: 0 is s_0 and 1 is s_T, and where those are not stored the result
 * is SIZE_MAX; so is what lies between them in a stream of one of them only. */
size_t hs_traj_at(const struct hs_trajset *s, size_t j, double share);

void hs_trajset_free(struct hs_trajset *s);

#endif
