/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * statrow.h - what statcase.c's functions take from a row of numbers and give.
 */
#ifndef STATROW_H
#define STATROW_H

#include <stddef.h>
#include <stdint.h>

#include "stats/auc.h"

struct input {
    const double *at; /* what is not yet taken */
    size_t left;
    int short_of; /* more was asked for than there is */
};

struct output {
    double *at;
    size_t n, cap;
};

/* The next n numbers; zeros, and in->short_of, when they are not there. */
const double *take(struct input *in, size_t n);
size_t take_size(struct input *in);

/* A whole number of any size that a double holds. */
uint64_t take_whole(struct input *in);

/* Whole arrays, owned by the caller; {0} when n are not there. */
uint8_t *take_labels(struct input *in, size_t n);
uint32_t *take_numbers(struct input *in, size_t n, size_t below);
int32_t *take_differences(struct input *in, size_t n);
float *take_floats(struct input *in, size_t n);

void give(struct output *o, const double *v, size_t n);
void give_interval(struct output *o, const struct hs_interval *v);

/* Takes what it needs and gives results.  Returns 0, or -1 when the function
 * reported an error. */
struct row_function {
    const char *name;
    int (*run)(struct input *in, struct output *o);
};

/* Those of many columns (statcols.c); the last has no name. */
extern const struct row_function statcols[];

#endif
