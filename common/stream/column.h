/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * column.h - arrays of unknown length, gathered row by row and then written as
 * a .safetensors file or as .npy files.
 *
 * Rows wait in unnamed files beside the output, so memory does not grow.
 */
#ifndef HS_COLUMN_H
#define HS_COLUMN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum hs_column_type {
    HS_COL_I64,
    HS_COL_F32,
    HS_COL_F16,
    HS_COL_BF16,
    HS_COL_I8
};

struct hs_columns;

/* dir is the folder for the unnamed files. */
struct hs_columns *hs_columns_new(const char *dir);
void hs_columns_free(struct hs_columns *c);

/* Adds an array of rows of width numbers, or of one dimension if width is 0.
 * Returns its index, or -1 with the reason. */
HS_MUST_CHECK int hs_columns_add(struct hs_columns *c, const char *name,
                                 enum hs_column_type type, size_t width,
                                 struct hs_error *err);

/* Appends rows to array i.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_columns_put(struct hs_columns *c, int i, const void *data,
                                 size_t rows, struct hs_error *err);

uint64_t hs_columns_rows(const struct hs_columns *c, int i);

/* Writes all arrays to one file, in descending size of their numbers so that
 * each is aligned; or each array "a.b" to dir/a-b.npy.  A file appears when it
 * is complete.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_columns_to_safetens(struct hs_columns *c, const char *path,
                                         struct hs_error *err);
HS_MUST_CHECK int hs_columns_to_npy(struct hs_columns *c, const char *dir,
                                    struct hs_error *err);

#endif
