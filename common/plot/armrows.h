/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armrows.h - the arms of an ablation that a plot shows, in the order in which
 * it shows them.
 */
#ifndef HS_ARMROWS_H
#define HS_ARMROWS_H

#include "plot/plots.h"

/* An edited arm. */
struct hs_arm_row {
    const struct hs_arm *arm;    /* of the summary */
    struct hs_interval accuracy; /* NaN if nothing was answered */
    char *name;  /* its kind, with the file that it is of; owned.  Draws of a
                  * kind share one */
    size_t i;    /* in the summary */
    size_t rank; /* where its kind stands: those chosen by value first, draws
                  * last */
};

/* {0} is empty. */
struct hs_arm_rows {
    struct hs_arm_row *v; /* by rank, name, size and draw; owned */
    size_t n;
    struct hs_interval none; /* accuracy of the unedited model */
    double dim;              /* of the states that were edited */
};

/* The arms of d->arms that o asks for, without none and noop.  Returns 0, or
 * -1: a layer, size, mode or where that was asked for is nowhere, or no arm is
 * left. */
HS_MUST_CHECK int hs_arm_rows_read(const struct hs_plotdata *d,
                                   const struct hs_plot_options *o,
                                   struct hs_arm_rows *t, struct hs_error *err);
void hs_arm_rows_free(struct hs_arm_rows *t);

/* Whether the set was chosen by the value ranking, with or without sinks. */
bool hs_arm_by_value(const struct hs_arm *a);

#endif
