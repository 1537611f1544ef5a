/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * source.c - see source.h.
 */
#include <config.h>

#include "probe/source.h"

enum {
    PIECE = 512 /* coordinates widened at a time */
};

static void
finish(const struct hs_source *u, float *out)
{
    for (size_t c = 0; c < u->d; c++)
        out[c] = (out[c] - u->mean[c]) * u->scale[c];
    for (size_t c = 0; u->mask != NULL && c < u->d; c++)
        if (u->mask[c] == 0)
            out[c] = 0;
}

void
hs_source_get(void *ud, size_t i, float *out)
{
    const struct hs_source *u = ud;
    const struct hs_which *w = &u->rows[i];
    size_t c = 0;

    if (u->columns == NULL)
        hs_trajset_row(u->s, u->l, w->traj, w->state, out);
    while (u->columns != NULL && c < u->d) {
        float x[PIECE];
        size_t from = u->columns[c], n = u->s->dim - from;

        n = n < PIECE ? n : PIECE;
        hs_trajset_part(u->s, u->l, w->traj, w->state, from, n, x);
        for (; c < u->d && u->columns[c] < from + n; c++)
            out[c] = x[u->columns[c] - from];
    }
    finish(u, out);
}

void
hs_source_standardize(const struct hs_source *u, const float *x, float *out)
{
    for (size_t c = 0; c < u->d; c++)
        out[c] = x[u->columns != NULL ? u->columns[c] : c];
    finish(u, out);
}
