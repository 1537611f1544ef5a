/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dependkit.h - a model whose only computation is known, trajectories through
 * it, rankings and a scan, for the tests of the dependence test.
 *
 * Coordinates of layer 3 read some of layer 2, by one network; blocks 0 and 1
 * do nothing.  The value neurons are 1, 2 of layer 1, and 2, 3 of layer 2.
 * Found are 10, which reads 1, 2, 3; 11, which reads 5; 12, which reads
 * nothing; and 13, which reads 1 and 6.
 */
#ifndef HS_DEPENDKIT_H
#define HS_DEPENDKIT_H

#include "rpe/depend.h"
#include "task/rollouts.h"

enum {
    DIM = 64,
    FFN = 16,
    VOCAB = 320,
    LAYER = 3, /* of the coordinates */
    BIG = 60,  /* the same, and large, at every token: gates and norms */
    SINK = 61, /* likewise */
    TRAJ = 14,
    EOS = 256,
    EVERY = 3, /* tokens of a step */
    K = 10     /* continuations */
};

struct dependkit {
    char *dir;
    struct hs_model *m;
    float *embed, *zero_o, *zero_down, *gate, *up, *down;
    struct hs_rankings ranks;
    struct hs_rpe rpe;
    struct hs_trajectory traj[TRAJ];
    struct hs_rollouts roll[TRAJ];
    size_t length[TRAJ]; /* T */
    struct hs_head head;
};

extern struct dependkit kit;

int dependkit_setup(void **state);
int dependkit_teardown(void **state);

/* State of layer 3 at a token under an edit of layers 1 and 2, or NULL, in
 * double: x (DIM). */
void dependkit_state(uint32_t token, const struct hs_edit *edit, double *x);

/* A stream in memory, of every so-manyth position; states of layer 3 times
 * factor. */
int dependkit_acts(double factor, size_t every);

/* Layers 1 and 2, two coordinates each, gamma 0.9, threshold 0.15. */
struct hs_depend_options dependkit_options(void);

/* Opens and runs; fd is closed.  0, or -1 with the reason in err. */
int dependkit_run(struct hs_depend *d, const struct hs_depend_options *o,
                  int fd, struct hs_team *team, struct hs_error *err);

/* The same of dependkit_acts(1, 1), which must be well. */
struct hs_depend dependkit_ran(const struct hs_depend_options *o);

#endif
