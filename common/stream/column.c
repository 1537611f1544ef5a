/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * column.c - see column.h.
 */
#include <config.h>

#include "stream/column.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/outfile.h"
#include "base/tempfile.h"
#include "stream/npy.h"

enum {
    COPY_BYTES = 1 << 20
};

struct column {
    char *name; /* owned */
    enum hs_column_type type;
    size_t width;
    uint64_t rows;
    FILE *file;
};

struct hs_columns {
    char *dir; /* owned */
    struct column *v;
    size_t n, cap;
};

/* In the order of enum hs_column_type, which is that of descending size.  npy
 * has no bf16: its bits are u16 there. */
static const struct {
    size_t size;
    const char *safetens, *npy;
} types[] = {{8, "I64", "<i8"},
             {4, "F32", "<f4"},
             {2, "F16", "<f2"},
             {2, "BF16", "<u2"},
             {1, "I8", "|i1"}};

struct hs_columns *
hs_columns_new(const char *dir)
{
    struct hs_columns *c = hs_calloc(1, sizeof *c);

    c->dir = hs_strdup(dir);
    return c;
}

void
hs_columns_free(struct hs_columns *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n; i++) {
        (void)fclose(c->v[i].file);
        free(c->v[i].name);
    }
    free(c->v);
    free(c->dir);
    free(c);
}

int
hs_columns_add(struct hs_columns *c, const char *name, enum hs_column_type type,
               size_t width, struct hs_error *err)
{
    FILE *file = hs_tempfile(c->dir, err);

    if (file == NULL)
        return -1;
    c->v = hs_grow(c->v, &c->cap, c->n + 1, sizeof *c->v);
    c->v[c->n] = (struct column){
        .name = hs_strdup(name), .type = type, .width = width, .file = file};
    return (int)c->n++;
}

/* Bytes of a row. */
static size_t
row_size(const struct column *col)
{
    return types[col->type].size * (col->width > 0 ? col->width : 1);
}

int
hs_columns_put(struct hs_columns *c, int i, const void *data, size_t rows,
               struct hs_error *err)
{
    struct column *col = &c->v[i];

    errno = 0;
    if (rows > 0 && fwrite(data, row_size(col), rows, col->file) != rows)
        return hs_fail(err, "temporary file in %s: %s", c->dir,
                       strerror(errno));
    col->rows += rows;
    return 0;
}

uint64_t
hs_columns_rows(const struct hs_columns *c, int i)
{
    return c->v[i].rows;
}

/* Appends the bytes of a column to fd. */
static int
copy(struct hs_columns *c, struct column *col, int fd, const char *path,
     struct hs_error *err)
{
    uint64_t left = col->rows * row_size(col);
    uint8_t *buf = hs_malloc(COPY_BYTES);
    int rc = 0;

    errno = 0;
    if (fflush(col->file) != 0 || fseeko(col->file, 0, SEEK_SET) < 0)
        rc = hs_fail(err, "temporary file in %s: %s", c->dir, strerror(errno));
    while (rc == 0 && left > 0) {
        size_t n = left < COPY_BYTES ? (size_t)left : COPY_BYTES;

        if (fread(buf, 1, n, col->file) != n)
            rc = hs_fail(err, "temporary file in %s: cannot be read", c->dir);
        else if (hs_write_all(fd, buf, n) < 0)
            rc = hs_fail(err, "%s: %s", path, strerror(errno));
        left -= n;
    }
    free(buf);
    return rc;
}

static int
by_type(const void *a, const void *b)
{
    const struct column *x = *(struct column *const *)a;
    const struct column *y = *(struct column *const *)b;

    if (types[x->type].size != types[y->type].size)
        return types[x->type].size > types[y->type].size ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The length and the JSON of a .safetensors file; names need no escapes. */
static void
safetens_header(struct hs_buf *b, struct column *const *sorted, size_t n)
{
    struct hs_buf json = {0};
    uint64_t offset = 0;

    hs_buf_str(&json, "{\"__metadata__\":{\"format\":\"hstools states 1\"}");
    for (size_t i = 0; i < n; i++) {
        const struct column *col = sorted[i];
        uint64_t bytes = col->rows * row_size(col);

        hs_buf_printf(&json, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%" PRIu64,
                      col->name, types[col->type].safetens, col->rows);
        if (col->width > 0)
            hs_buf_printf(&json, ",%zu", col->width);
        hs_buf_printf(&json, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
                      offset, offset + bytes);
        offset += bytes;
    }
    hs_buf_str(&json, "}");
    while (json.len % 8 != 0)
        hs_buf_str(&json, " ");
    for (int i = 0; i < 8; i++) {
        uint8_t byte = (uint8_t)((uint64_t)json.len >> (8 * i));

        hs_buf_add(b, &byte, 1);
    }
    hs_buf_add(b, json.data, json.len);
    hs_buf_free(&json);
}

/* Writes a header and columns to a file of its own. */
static int
write_file(struct hs_columns *c, const char *path, const struct hs_buf *header,
           struct column *const *cols, size_t n, struct hs_error *err)
{
    struct hs_outfile out;
    int rc = 0;

    if (hs_outfile_open(&out, path, HS_OUTFILE_FRESH, err) < 0)
        return -1;
    if (hs_write_all(out.fd, header->data, header->len) < 0)
        rc = hs_fail(err, "%s: %s", path, strerror(errno));
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = copy(c, cols[i], out.fd, path, err);
    return rc == 0 ? hs_outfile_commit(&out, err) : -1;
}

int
hs_columns_to_safetens(struct hs_columns *c, const char *path,
                       struct hs_error *err)
{
    struct column **sorted = hs_calloc(c->n, sizeof(struct column *));
    struct hs_buf header = {0};
    int rc;

    for (size_t i = 0; i < c->n; i++)
        sorted[i] = &c->v[i];
    if (c->n > 0)
        qsort(sorted, c->n, sizeof(struct column *), by_type);
    safetens_header(&header, sorted, c->n);
    rc = write_file(c, path, &header, sorted, c->n, err);
    hs_buf_free(&header);
    free(sorted);
    return rc;
}

int
hs_columns_to_npy(struct hs_columns *c, const char *dir, struct hs_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < c->n; i++) {
        struct column *col = &c->v[i];
        struct hs_buf path = {0}, header = {0};
        uint64_t shape[2] = {col->rows, col->width};

        hs_buf_printf(&path, "%s/%s.npy", dir, col->name);
        for (size_t k = strlen(dir) + 1; k < path.len - 4; k++)
            if (path.data[k] == '.')
                path.data[k] = '-';
        hs_npy_header(&header, types[col->type].npy, col->width > 0 ? 2 : 1,
                      shape);
        rc = write_file(c, hs_buf_cstr(&path), &header, &col, 1, err);
        hs_buf_free(&header);
        hs_buf_free(&path);
    }
    return rc;
}
