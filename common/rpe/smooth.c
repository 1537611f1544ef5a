/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * smooth.c - see smooth.h.
 */
#include <config.h>

#include "rpe/smooth.h"

#include <stdlib.h>

#include "base/mem.h"

/* The sum moves along in 64 bits: what rounding leaves in it is far below what
 * a float shows. */
void
hs_smooth(const float *x, size_t n, size_t d, size_t window, float *out)
{
    size_t h = (window - 1) / 2, from = 0, behind = 0;
    double *sum = hs_calloc(d, sizeof *sum);

    for (size_t i = 0; i < n; i++) {
        double share;

        for (; behind < n && behind <= i + h; behind++)
            for (size_t j = 0; j < d; j++)
                sum[j] += (double)x[behind * d + j];
        for (; from + h < i; from++)
            for (size_t j = 0; j < d; j++)
                sum[j] -= (double)x[from * d + j];
        share = 1 / (double)(behind - from);
        for (size_t j = 0; j < d; j++)
            out[i * d + j] = (float)(sum[j] * share);
    }
    free(sum);
}
