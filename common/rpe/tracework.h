/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tracework.h - what the parts of trace.h share: trace.c reads the stream,
 * tracepick.c goes over it before, tracejson.c writes a record.
 */
#ifndef HS_TRACEWORK_H
#define HS_TRACEWORK_H

#include <stdbool.h>

#include "rpe/trace.h"
#include "stream/stream.h"
#include "task/rollouts.h"

struct hs_trace_layer {
    uint32_t layer;
    uint32_t *coordinates; /* (m) */
    int *sign;             /* (m): 1, -1, 0 for not found, or unknown */
    size_t m;
    struct hs_asker **askers; /* (n_askers): of the probes of the layer */
    size_t n_askers;
    float *mean, *scale; /* (m): of train, of these coordinates; else NULL */
    double *sum, *squares, *shift, *largest; /* (m): while they are found */
    uint64_t n_summed;
    float *x; /* (n, dim): states of the trajectory from s_0 on */
    size_t n, cap;
};

/* A trajectory that was asked for. */
struct hs_trace_wish {
    char *id;         /* owned; NULL until it is known */
    const char *word; /* "pleasant", "unpleasant"; NULL: its id was given */
    double v0;        /* by which it was chosen */
    bool seen;
};

struct hs_tracing {
    const struct hs_trace_options *o;
    const char *name;
    struct hs_team *team;
    struct hs_error *err;
    size_t dim;
    const struct hs_tokenizer *tok; /* NULL: none of the model of the states */
    struct hs_trace_layer *layers;  /* (n_layers) */
    size_t n_layers;
    struct hs_trace_wish *wishes; /* (n_wishes) */
    size_t n_wishes;
    /* The trajectory being read. */
    uint32_t *t; /* (n): of its states from s_0 on */
    size_t skip, n, cap;
};

/* Begins a trajectory: which of its states are wanted. */
void hs_trace_begin(struct hs_tracing *a, const struct hs_trajectory *t);
/* Adds states to their layer.  Whether the trajectory is complete now. */
bool hs_trace_states_add(struct hs_tracing *a, const struct hs_states *s);

/* V of the states of a layer by its probes: v (n); whether there are any. */
bool hs_trace_values(const struct hs_trace_layer *l, double *v);
/* V(s_0) of the trajectory that was read: of the probes, else of its rollouts;
 * NaN for none.  *from says which, NULL for none.  Returns 0, or -1: rollouts
 * that make no sense. */
HS_MUST_CHECK int hs_trace_v0(const struct hs_tracing *a,
                              const struct hs_trajectory *t, double *v0,
                              const char **from);

/* The rollouts of a trajectory, checked.  *r is to be freed either way. */
HS_MUST_CHECK int hs_trace_rollouts(const struct hs_trajectory *t,
                                    struct hs_rollouts *r,
                                    struct hs_error *err);

/* Goes over a stream: fills ids of wishes that are words, and mean and scale of
 * layers. */
HS_MUST_CHECK int hs_trace_pick(struct hs_tracing *a, struct hs_reader *r);

/* Appends a record for each layer of the trajectory that was read. */
HS_MUST_CHECK int hs_trace_encode(const struct hs_tracing *a,
                                  const struct hs_trajectory *t,
                                  const struct hs_trace_wish *wish,
                                  struct hs_encoded *e);

#endif
