/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * statrow.c - see statrow.h.
 */
#include <config.h>

#include "statrow.h"

#include <stdlib.h>

#include "base/mem.h"

const double *
take(struct input *in, size_t n)
{
    static const double nothing[1];
    const double *at = in->at;

    if (in->short_of || n > in->left) {
        in->short_of = 1;
        return nothing;
    }
    in->at += n;
    in->left -= n;
    return at;
}

size_t
take_size(struct input *in)
{
    double v = *take(in, 1);

    if (!(v >= 0 && v <= 1e7)) {
        in->short_of = 1;
        return 0;
    }
    return (size_t)v;
}

void
give(struct output *o, const double *v, size_t n)
{
    for (size_t i = 0; i < n && o->n < o->cap; i++)
        o->at[o->n++] = v[i];
}

void
give_interval(struct output *o, const struct hs_interval *v)
{
    const double all[] = {v->value, v->se, v->lo, v->hi};

    give(o, all, 4);
}

uint8_t *
take_labels(struct input *in, size_t n)
{
    const double *v = take(in, n);
    uint8_t *label = hs_calloc(n, 1);

    for (size_t i = 0; i < n && !in->short_of; i++)
        label[i] = v[i] != 0;
    return label;
}

uint32_t *
take_numbers(struct input *in, size_t n, size_t below)
{
    const double *v = take(in, n);
    uint32_t *number = hs_calloc(n, sizeof *number);

    for (size_t i = 0; i < n && !in->short_of; i++) {
        if (v[i] >= 0 && v[i] < (double)below)
            number[i] = (uint32_t)v[i];
        else
            in->short_of = 1;
    }
    return number;
}

uint64_t
take_whole(struct input *in)
{
    double v = *take(in, 1);

    if (v >= 0 && v <= 0x1p53)
        return (uint64_t)v;
    in->short_of = 1;
    return 0;
}

int32_t *
take_differences(struct input *in, size_t n)
{
    const double *v = take(in, n);
    int32_t *d = hs_calloc(n, sizeof *d);

    for (size_t i = 0; i < n && !in->short_of; i++) {
        if (v[i] >= -1e6 && v[i] <= 1e6)
            d[i] = (int32_t)v[i];
        else
            in->short_of = 1;
    }
    return d;
}

float *
take_floats(struct input *in, size_t n)
{
    const double *v = take(in, n);
    float *x = hs_calloc(n, sizeof *x);

    for (size_t i = 0; i < n && !in->short_of; i++)
        x[i] = (float)v[i];
    return x;
}
