/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mlpnet.h - what mlp.c and mlpstep.c share: the network and its work space.
 *
 * Hidden units lie in panels of HS_FIT_LANES (fitkern.h); units beyond the
 * last have weights of 0, which stay 0.
 */
#ifndef HS_MLPNET_H
#define HS_MLPNET_H

#include <stdbool.h>

#include "probe/fitkern.h"
#include "probe/mlp.h"

enum {
    HS_MLP_PANELS = 16 /* panels that a thread takes at a time, at most */
};

/* Numbers with their moments of AdamW; all three owned. */
struct hs_mlp_param {
    float *p, *m, *v;
};

struct hs_mlp {
    size_t d, hidden, n_panels;
    const struct hs_fitkern *kern;
    const struct hs_fit_product *product; /* not always that of kern */
    struct hs_team *team;
    bool own_team;

    struct hs_mlp_param w1;     /* (n_panels, d, lanes) */
    struct hs_mlp_param b1, w2; /* (n_panels, lanes) */
    float b2, b2_m, b2_v;
    uint64_t n_steps;

    /* Work space for some groups of rows; grown, never above what
     * hs_mlp_most_groups() says. */
    size_t n_groups, group_size;
    char *packed;  /* (n_groups), group_size bytes each */
    float *acts;   /* (n_panels, rows of n_groups, lanes) */
    float *shares; /* (n_panels, rows of n_groups): of u */
    float *u, *du; /* (rows of a call, and zeros up to a whole group) */
    size_t n_u;    /* rows that u and du hold */

    float *grad; /* (n_panels, d, lanes); NULL until a step wants it */
    float *db, *dw2, *gain; /* (n_panels, lanes); gain: w2 before the step */

    char *scratch; /* (threads), scratch_size bytes each */
    size_t scratch_size;
};

/* Rows of a group (rows, stride), scratch of the products, a block of gradients
 * (HS_MLP_PANELS, run, lanes): of one thread. */
struct hs_mlp_scratch {
    float *rows;
    size_t stride;
    void *product;
    float *block;
};
struct hs_mlp_scratch hs_mlp_scratch(const struct hs_mlp *m, size_t thread);

/* Most groups of rows that are worked on together: as many as 128 MiB hold,
 * and at least 8. */
size_t hs_mlp_most_groups(const struct hs_mlp *m);

/* Makes room for n_groups groups, and for n values of u and of du. */
void hs_mlp_reserve(struct hs_mlp *m, size_t n_groups, size_t n);

/* Packs n rows from first on; activations and shares of u of what is packed.
 * All threads of the team; both end with all threads done. */
void hs_mlp_pack(struct hs_mlp *m, const struct hs_rows *rows, size_t first,
                 size_t n, size_t thread);
void hs_mlp_activate(struct hs_mlp *m, size_t n, size_t thread);

#endif
