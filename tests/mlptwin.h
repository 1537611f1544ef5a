/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mlptwin.h - the network of mlp.h once more, naive and in double.
 */
#ifndef MLPTWIN_H
#define MLPTWIN_H

#include <stddef.h>
#include <stdint.h>

#include "probe/mlp.h"

/* Rows without a matrix behind them: a short pattern, shifted and scaled. */
struct data {
    size_t d, n;
    float *pattern; /* (N_PATTERN) */
    size_t bad;     /* this row and this one only has a bad number */
    float bad_value;
};

/* Number j of row r; the same through hs_rows, ud a struct data. */
float value(const struct data *a, size_t r, size_t j);
void get_row(void *ud, size_t row, float *out);

/* pattern is to be released with free(). */
struct data new_data(uint64_t seed, size_t d, size_t n);

/* All weights in one array: w1 (h, d), b1 (h), w2 (h), b2. */
struct twin {
    size_t d, h, n_all;
    double *p, *m, *v, *g; /* (n_all) */
    double *size;          /* (n_all): the terms of g without their signs */
    int t;
};

/* Weights of a network, w2 and b2 included. */
size_t count(size_t d, size_t h);

/* Weights of the size that they have at the start, as a twin has them; to be
 * released with free(). */
float *random_weights(uint64_t seed, size_t d, size_t h);

struct twin new_twin(size_t d, size_t h, const float *from);
void free_twin(struct twin *t);

/* u of one row, activations act (h); sizes (h + 1), if not NULL: of their terms
 * without their signs, and of the terms of u. */
double twin_forward(const struct twin *t, const struct data *a, size_t r,
                    double *act, double *sizes);

/* Gradients of sum du[r] u[r] into g. */
void twin_gradient(struct twin *t, const struct data *a, const double *du);

void twin_adamw(struct twin *t, const struct hs_adamw *o);

#endif
