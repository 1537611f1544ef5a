/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * safetens.h - tensors in .safetensors files, mapped, never copied.
 *
 * A file is 8 bytes of header length, a JSON header, and the tensors' bytes
 * without gaps.  Everything the header says is checked against the file before
 * a tensor is handed out; no page of a tensor is touched.
 */
#ifndef HS_SAFETENS_H
#define HS_SAFETENS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum hs_wtype {
    HS_W_F32,
    HS_W_F16,
    HS_W_BF16,
    HS_W_OTHER /* known to the format, not to the engine */
};

enum {
    HS_TENSOR_DIMS = 8
};

struct hs_tensor {
    char *name; /* owned */
    enum hs_wtype type;
    char type_name[16]; /* as in the file: "BF16", "I64", ... */
    size_t n_dims, shape[HS_TENSOR_DIMS];
    char shape_text[128]; /* "640 x 256" */
    const void *data;     /* row-major; borrowed until hs_safetens_close() */
    size_t bytes;
};

struct hs_safetens;

/* Opens one file.  Returns NULL with the reason. */
HS_MUST_CHECK struct hs_safetens *hs_safetens_open(const char *path,
                                                   struct hs_error *err);

/* The same from n bytes, which are borrowed until hs_safetens_close(); where
 * stands for the file in messages. */
HS_MUST_CHECK struct hs_safetens *hs_safetens_parse(const void *data, size_t n,
                                                    const char *where,
                                                    struct hs_error *err);

/* Opens dir/model.safetensors, or the files that
 * dir/model.safetensors.index.json names.  Returns NULL with the reason. */
HS_MUST_CHECK struct hs_safetens *hs_safetens_open_dir(const char *dir,
                                                       struct hs_error *err);

void hs_safetens_close(struct hs_safetens *s);

/* The file's or folder's name, for messages. */
const char *hs_safetens_name(const struct hs_safetens *s);

/* Tensors in the order of their names. */
size_t hs_safetens_count(const struct hs_safetens *s);
const struct hs_tensor *hs_safetens_at(const struct hs_safetens *s, size_t i);

/* The tensor of that name and, if i is not NULL, its index; NULL if there is
 * none. */
const struct hs_tensor *hs_safetens_find(const struct hs_safetens *s,
                                         const char *name, size_t *i);

/* Feeds a sample of every file to add(): length and header whole, then 4 KiB
 * at every 256 KiB of the tensors' bytes and the last 4 KiB. */
void hs_safetens_sample(const struct hs_safetens *s,
                        void (*add)(void *ud, const void *p, size_t n),
                        void *ud);

#endif
