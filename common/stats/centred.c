/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * centred.c - see centred.h.
 */
#include <config.h>

#include "stats/centred.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/mem.h"

enum {
    CHUNK_VALUES = 1 << 17, /* doubles: a second-level cache */
    CHUNK_LEAST = 64,       /* rows, that products have something to do */
    CHUNK_MOST = 1024,
    GRAM_ROWS = 512 /* a product of rows passes over d x d sums once */
};

/* By differences from the first row: a constant column has its value for a
 * mean, so that it vanishes to the last bit. */
static void
find_means(struct hs_centred *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const double *row = c->x + i * c->d;

        for (size_t j = 0; j < c->d; j++)
            c->mean[j] += row[j] - c->x[j];
    }
    for (size_t j = 0; j < c->d; j++)
        c->mean[j] = c->x[j] + c->mean[j] / (double)c->n;
}

int
hs_centred_init(struct hs_centred *c, const double *x, size_t n, size_t d,
                struct hs_error *err)
{
    *c = (struct hs_centred){.x = x, .n = n, .d = d};
    if (n == 0)
        return hs_fail(err, "linear model: no rows");
    if (d == 0)
        return hs_fail(err, "linear model: no columns");
    if (n > INT_MAX || d > INT_MAX)
        return hs_fail(err, "linear model: %zu x %zu: too large", n, d);
    /* the order of additions must not depend on the machine */
    openblas_set_num_threads(1);
    c->mean = hs_calloc(d, sizeof *c->mean);
    find_means(c);
    for (size_t j = 0; j < d; j++) {
        if (!isfinite(c->mean[j])) {
            hs_centred_free(c);
            return hs_fail(err, "linear model: column %zu: not finite", j);
        }
    }
    c->chunk = CHUNK_VALUES / d;
    c->chunk = c->chunk < CHUNK_LEAST ? CHUNK_LEAST : c->chunk;
    c->chunk = c->chunk > CHUNK_MOST ? CHUNK_MOST : c->chunk;
    c->chunk = c->chunk > n ? n : c->chunk;
    c->rows = hs_malloc(hs_mul(hs_mul(c->chunk, d), sizeof *c->rows));
    return 0;
}

void
hs_centred_free(struct hs_centred *c)
{
    free(c->rows);
    free(c->mean);
    *c = (struct hs_centred){0};
}

void
hs_centred_rows(const struct hs_centred *c, size_t begin, size_t count,
                double *out)
{
    for (size_t i = 0; i < count; i++) {
        const double *row = c->x + (begin + i) * c->d;

        for (size_t j = 0; j < c->d; j++)
            out[i * c->d + j] = row[j] - c->mean[j];
    }
}

/* Brings the next chunk from begin on into c->rows; returns its rows. */
static size_t
next_chunk(const struct hs_centred *c, size_t begin)
{
    size_t count = c->n - begin < c->chunk ? c->n - begin : c->chunk;

    hs_centred_rows(c, begin, count, c->rows);
    return count;
}

void
hs_centred_mul(const struct hs_centred *c, const double *v, double *out)
{
    size_t count;

    for (size_t i = 0; i < c->n; i += count) {
        count = next_chunk(c, i);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)count, (int)c->d, 1,
                    c->rows, (int)c->d, v, 1, 0, out + i, 1);
    }
}

void
hs_centred_tmul(const struct hs_centred *c, const double *u, double *out)
{
    size_t count;

    memset(out, 0, c->d * sizeof *out);
    for (size_t i = 0; i < c->n; i += count) {
        count = next_chunk(c, i);
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)count, (int)c->d, 1,
                    c->rows, (int)c->d, u + i, 1, 1, out, 1);
    }
}

void
hs_centred_power(const struct hs_centred *c, const double *weight,
                 double *power)
{
    memset(power, 0, c->d * sizeof *power);
    for (size_t i = 0; i < c->n; i++) {
        const double *row = c->x + i * c->d;

        for (size_t j = 0; j < c->d; j++) {
            double dev = row[j] - c->mean[j];

            power[j] += weight[i] * dev * dev;
        }
    }
}

void
hs_centred_curve(const struct hs_centred *c, const double *weight,
                 const double *v, double shift, double *u, double *out)
{
    size_t count;

    memset(out, 0, c->d * sizeof *out);
    for (size_t i = 0; i < c->n; i += count) {
        count = next_chunk(c, i);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)count, (int)c->d, 1,
                    c->rows, (int)c->d, v, 1, 0, u + i, 1);
        for (size_t k = i; k < i + count; k++)
            u[k] = weight[k] * (u[k] + shift);
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)count, (int)c->d, 1,
                    c->rows, (int)c->d, u + i, 1, 1, out, 1);
    }
}

void
hs_centred_gram(const struct hs_centred *c, double *g)
{
    size_t most = c->n < GRAM_ROWS ? c->n : GRAM_ROWS, count;
    double *rows = hs_malloc(hs_mul(hs_mul(most, c->d), sizeof *rows));

    for (size_t i = 0; i < c->n; i += count) {
        count = c->n - i < most ? c->n - i : most;
        hs_centred_rows(c, i, count, rows);
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)c->d,
                    (int)count, 1, rows, (int)c->d, i > 0, g, (int)c->d);
    }
    free(rows);
}

void
hs_centred_outer(const struct hs_centred *c, double *rows, double *k)
{
    hs_centred_rows(c, 0, c->n, rows);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)c->n, (int)c->d,
                1, rows, (int)c->d, 0, k, (int)c->n);
}
