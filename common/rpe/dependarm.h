/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dependarm.h - the arms of a dependence test (depend.h): which coordinates
 * each zeroes.
 */
#ifndef HS_DEPENDARM_H
#define HS_DEPENDARM_H

#include "base/error.h"
#include "rpe/depend.h"

/* Makes d->arms, reference, k, n_sinks, and direct of each of d->coords, which
 * are there already; o.edit_layers is resolved.  Returns 0, or -1: a layer has
 * no ranking, or too few coordinates to draw from. */
HS_MUST_CHECK int hs_depend_arms(struct hs_depend *d, struct hs_error *err);

void hs_depend_arms_free(struct hs_depend *d);

#endif
