/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * npy.h - NumPy's .npy files: headers out, mapped arrays in.
 */
#ifndef HS_NPY_H
#define HS_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"

enum {
    HS_NPY_DIMS = 4
};

/* Appends the header, version 1.0, of a C-ordered array: descr is "<f4", "<f2",
 * "<u2", "<i8", "|i1"... */
void hs_npy_header(struct hs_buf *b, const char *descr, size_t n_dims,
                   const uint64_t *shape);

/* An array in a file.  {0} is an empty one. */
struct hs_npy {
    char descr[8];
    size_t n_dims, shape[HS_NPY_DIMS];
    const uint8_t *data; /* bytes of them; borrowed until hs_npy_close() */
    size_t bytes;

    void *map; /* private */
    size_t map_size;
};

/* Reads the header of n bytes at p and checks it against them: versions 1 to
 * 3, C order, numbers of one type, no byte missing or left over.  Returns 0, or
 * -1 with the reason. */
HS_MUST_CHECK int hs_npy_parse(const uint8_t *p, size_t n, struct hs_npy *a,
                               struct hs_error *err);

/* Maps a file.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_npy_open(const char *path, struct hs_npy *a,
                              struct hs_error *err);
void hs_npy_close(struct hs_npy *a);

#endif
