/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stepscore.c - see stepscore.h.
 */
#include <config.h>

#include "rpe/stepscore.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/errsig.h"
#include "stats/rank.h"

enum {
    CHUNK = 256 /* draws at a time */
};

/* Mid-ranks of x about their mean; their length. */
static double
centred_ranks(const double *x, size_t n, double *rank, uint32_t *order)
{
    double sum = 0;

    hs_midranks(x, n, rank, order);
    for (size_t i = 0; i < n; i++) {
        rank[i] -= ((double)n + 1) / 2;
        sum += rank[i] * rank[i];
    }
    return sqrt(sum);
}

/* Scores, and parts (n_groups, d) of them; a column without a score has 0. */
static void
take_parts(const float *x, size_t n, size_t d, const double *y,
           const uint32_t *group, double *score, double *parts)
{
    double *ry = hs_calloc(n, sizeof *ry), *rx = hs_calloc(n, sizeof *rx);
    double *column = hs_calloc(n, sizeof *column);
    uint32_t *order = hs_calloc(n, sizeof *order);
    double ly = centred_ranks(y, n, ry, order);

    for (size_t j = 0; j < d; j++) {
        double lx, sum = 0;

        for (size_t i = 0; i < n; i++)
            column[i] = (double)x[i * d + j];
        lx = centred_ranks(column, n, rx, order);
        if (!(lx > 0) || !(ly > 0)) {
            score[j] = (double)NAN;
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            double part = rx[i] * ry[i] / (lx * ly);

            sum += part;
            parts[group[i] * d + j] += part;
        }
        score[j] = sum;
    }
    free(ry);
    free(rx);
    free(column);
    free(order);
}

void
hs_step_scores(const float *x, size_t n, size_t d, const double *y,
               const uint32_t *group, size_t n_groups, size_t n_draws,
               uint64_t seed, double *score, double *p)
{
    double *parts = hs_calloc(hs_mul(n_groups, d), sizeof *parts);
    double *signs = hs_calloc(hs_mul(n_groups, CHUNK), sizeof *signs);
    double *sums = hs_calloc(hs_mul(d, CHUNK), sizeof *sums);

    take_parts(x, n, d, y, group, score, parts);
    for (size_t j = 0; j < d; j++)
        p[j] = 1;
    for (size_t b = 0; b < n_draws; b += CHUNK) {
        size_t m = n_draws - b < CHUNK ? n_draws - b : CHUNK;

        for (size_t i = 0; i < m; i++)
            hs_flip_signs(seed, (uint32_t)(b + i), NULL, n_groups,
                          signs + i * n_groups);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)d,
                    (int)n_groups, 1, signs, (int)n_groups, parts, (int)d, 0,
                    sums, (int)d);
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < d; j++)
                p[j] += fabs(sums[i * d + j]) >= fabs(score[j]) - 1e-7;
    }
    for (size_t j = 0; j < d; j++)
        p[j] = isnan(score[j]) ? (double)NAN : p[j] / (1 + (double)n_draws);
    free(parts);
    free(signs);
    free(sums);
}
