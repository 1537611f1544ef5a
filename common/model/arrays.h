/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * arrays.h - states of layers as other programs keep them: tensors layer.L of
 * a .safetensors file, or files layer-L.npy of a folder.
 */
#ifndef HS_ARRAYS_H
#define HS_ARRAYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/safetens.h"
#include "stream/npy.h"
#include "stream/record.h"

/* The states of one layer, in C order, as they are mapped. */
struct hs_array {
    uint32_t layer;
    enum hs_dtype dtype;
    size_t rows, dim;
    const uint8_t *data; /* (rows, dim); need not be aligned */
    struct hs_npy npy;   /* private, as dropped */
    size_t dropped;      /* bytes whose pages were given back */
};

/* At least one layer, ascending, all of one shape. */
struct hs_arrays {
    char *name; /* owned */
    struct hs_array *layers;
    size_t n_layers;
    struct hs_safetens *safetens; /* private, as cap_layers */
    size_t cap_layers;
};

/* Opens a file or a folder; other arrays in it are left alone.  u16 in .npy
 * are the bits of bf16.  Returns NULL with the reason. */
HS_MUST_CHECK struct hs_arrays *hs_arrays_open(const char *path,
                                               struct hs_error *err);
void hs_arrays_close(struct hs_arrays *a);

/* Widens n rows to out (n, dim).  Pages of rows before first are given back,
 * so that reading in order does not fill memory. */
void hs_array_rows(struct hs_array *l, size_t first, size_t n, float *out);

#endif
