/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * inner.h - training problems that are set aside to tell which epoch of a fit
 * to keep, so that the held-out ones need not.
 */
#ifndef HS_INNER_H
#define HS_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "probe/mlp.h"
#include "probe/source.h"
#include "probe/target.h"

/* {0} sets nothing aside. */
struct hs_inner {
    bool *problem;         /* (problems): is it set aside; owned, as all here */
    struct hs_which *rows; /* (n): states that the error is taken over */
    double *goal;          /* (n): what V should be there */
    size_t n;
};

/* Sets aside a tenth of the training problems, at least one: those with the
 * smallest hashes of their id.  At most 16384 states of them count, evenly
 * taken; of targets terminal and s0 only those that they are about.  rewards as
 * for hs_fit().  Returns 0, or -1 when there are not two training problems. */
HS_MUST_CHECK int hs_inner_new(struct hs_inner *q, const struct hs_trajset *s,
                               const struct hs_loss *loss,
                               const uint8_t *rewards, struct hs_error *err);
void hs_inner_free(struct hs_inner *q);

bool hs_inner_has(const struct hs_inner *q, uint32_t problem);

/* The mean of (goal - V)^2; source has the rows of q. */
double hs_inner_error(const struct hs_inner *q, struct hs_mlp *mlp,
                      struct hs_source *source, bool sigmoid);

#endif
