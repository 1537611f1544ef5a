/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * drawsum.c - see drawsum.h.
 */
#include <config.h>

#include "stats/drawsum.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include <cblas.h>

#include "base/mem.h"

enum {
    PART = 1024 /* columns at a time: the product stays in the cache */
};

int
hs_drawsum_init(struct hs_drawsum *s, const double *score, const double *limit,
                size_t m, size_t d, struct hs_error *err)
{
    if (m > INT_MAX || d > INT_MAX)
        return hs_fail(err, "draws: %zu x %zu scores: too large", m, d);
    /* the order of additions must not depend on the machine */
    openblas_set_num_threads(1);
    *s = (struct hs_drawsum){
        .score = score,
        .limit = limit,
        .m = m,
        .d = d,
        .reached = hs_calloc(d, sizeof *s->reached),
        .product =
            hs_malloc((size_t)HS_DRAWSUM_ROWS * PART * sizeof *s->product),
    };
    return 0;
}

void
hs_drawsum_free(struct hs_drawsum *s)
{
    free(s->reached);
    free(s->product);
    *s = (struct hs_drawsum){0};
}

void
hs_drawsum_add(struct hs_drawsum *s, const double *weight, const double *factor,
               size_t n)
{
    for (size_t begin = 0; begin < s->d; begin += PART) {
        size_t part = s->d - begin < PART ? s->d - begin : PART;

        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n,
                    (int)part, (int)s->m, 1, weight, (int)s->m,
                    s->score + begin, (int)s->d, 0, s->product, (int)part);
        for (size_t i = 0; i < n; i++) {
            const double *row = s->product + i * part;

            for (size_t j = 0; j < part; j++)
                s->reached[begin + j] +=
                    fabs(row[j] * factor[i]) >= s->limit[begin + j];
        }
    }
}

double
hs_drawsum_limit(double figure, double unit)
{
    return fabs(figure) * (1 - 1e-7) - 1e-12 * unit;
}
