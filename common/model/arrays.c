/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * arrays.c - see arrays.h.
 */
#include <config.h>

#include "model/arrays.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "stream/plane.h"

enum {
    DROP_BYTES = 1 << 20
};

/* The number in layer.7 or layer-7.npy; -1 for other names. */
static int64_t
layer_of(const char *name, const char *before, const char *after)
{
    size_t n = strlen(name), skip = strlen(before), end = strlen(after);
    struct hs_error err;
    uint64_t layer;
    char *digits;
    int rc;

    if (n <= skip + end || strncmp(name, before, skip) != 0 ||
        strcmp(name + n - end, after) != 0)
        return -1;
    digits = hs_strndup(name + skip, n - skip - end);
    rc = hs_scan_u64(digits, 0, 65535, &layer, &err);
    free(digits);
    return rc < 0 ? -1 : (int64_t)layer;
}

static struct hs_array *
add_layer(struct hs_arrays *a, uint32_t layer)
{
    size_t i = a->n_layers;

    a->layers =
        hs_grow(a->layers, &a->cap_layers, a->n_layers + 1, sizeof *a->layers);
    for (; i > 0 && a->layers[i - 1].layer > layer; i--)
        a->layers[i] = a->layers[i - 1];
    a->layers[i] = (struct hs_array){.layer = layer};
    a->n_layers++;
    return &a->layers[i];
}

static int
open_safetens(struct hs_arrays *a, struct hs_error *err)
{
    a->safetens = hs_safetens_open(a->name, err);
    if (a->safetens == NULL)
        return -1;
    for (size_t i = 0; i < hs_safetens_count(a->safetens); i++) {
        const struct hs_tensor *t = hs_safetens_at(a->safetens, i);
        int64_t n = layer_of(t->name, "layer.", "");
        struct hs_array *l;

        if (n < 0)
            continue;
        if (t->type == HS_W_OTHER || t->n_dims != 2)
            return hs_fail(err, "%s: %s: %s of shape %s is not read", a->name,
                           t->name, t->type_name, t->shape_text);
        l = add_layer(a, (uint32_t)n);
        l->dtype = t->type == HS_W_F32   ? HS_F32
                   : t->type == HS_W_F16 ? HS_F16
                                         : HS_BF16;
        l->rows = t->shape[0];
        l->dim = t->shape[1];
        l->data = t->data;
    }
    return 0;
}

static int
open_npy(struct hs_arrays *a, const char *name, uint32_t layer,
         struct hs_error *err)
{
    struct hs_buf path = {0};
    struct hs_npy npy;
    struct hs_array *l;
    int rc;

    hs_buf_printf(&path, "%s/%s", a->name, name);
    rc = hs_npy_open(hs_buf_cstr(&path), &npy, err);
    if (rc == 0) {
        l = add_layer(a, layer);
        l->npy = npy;
        l->rows = npy.shape[0];
        l->dim = npy.shape[1];
        l->data = npy.data;
        l->dtype = strcmp(npy.descr, "<f4") == 0   ? HS_F32
                   : strcmp(npy.descr, "<f2") == 0 ? HS_F16
                                                   : HS_BF16;
        if (npy.n_dims != 2 ||
            (l->dtype == HS_BF16 && strcmp(npy.descr, "<u2") != 0))
            rc = hs_fail(err, "%s: type '%s' of %zu dimensions is not read",
                         hs_buf_cstr(&path), npy.descr, npy.n_dims);
    }
    hs_buf_free(&path);
    return rc;
}

static int
open_folder(struct hs_arrays *a, struct hs_error *err)
{
    DIR *dir = opendir(a->name);
    struct dirent *e;
    int rc = 0;

    if (dir == NULL)
        return hs_fail(err, "%s: %s", a->name, strerror(errno));
    while (rc == 0 && (e = readdir(dir)) != NULL) {
        int64_t n = layer_of(e->d_name, "layer-", ".npy");

        if (n >= 0)
            rc = open_npy(a, e->d_name, (uint32_t)n, err);
    }
    (void)closedir(dir);
    return rc;
}

/* All layers must have one shape. */
static int
check(const struct hs_arrays *a, struct hs_error *err)
{
    if (a->n_layers == 0)
        return hs_fail(err, "%s: no array is named as a layer is", a->name);
    for (size_t i = 0; i < a->n_layers; i++) {
        const struct hs_array *x = &a->layers[0], *l = &a->layers[i];

        if (i > 0 && l->layer == a->layers[i - 1].layer)
            return hs_fail(err, "%s: two arrays for layer %" PRIu32, a->name,
                           l->layer);
        if (l->rows != x->rows || l->dim != x->dim || l->dim == 0)
            return hs_fail(err,
                           "%s: layer %" PRIu32 " is %zu x %zu, layer %" PRIu32
                           " is %zu x %zu",
                           a->name, l->layer, l->rows, l->dim, x->layer,
                           x->rows, x->dim);
    }
    return 0;
}

struct hs_arrays *
hs_arrays_open(const char *path, struct hs_error *err)
{
    struct hs_arrays *a = hs_calloc(1, sizeof *a);
    struct stat st;
    int rc;

    a->name = hs_strdup(path);
    if (stat(path, &st) < 0)
        rc = hs_fail(err, "%s: %s", path, strerror(errno));
    else
        rc = S_ISDIR(st.st_mode) ? open_folder(a, err) : open_safetens(a, err);
    if (rc < 0 || check(a, err) < 0) {
        hs_arrays_close(a);
        return NULL;
    }
    return a;
}

void
hs_arrays_close(struct hs_arrays *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n_layers; i++)
        hs_npy_close(&a->layers[i].npy);
    hs_safetens_close(a->safetens);
    free(a->layers);
    free(a->name);
    free(a);
}

/* Gives back the pages that hold bytes up to before, once they are many. */
static void
drop_pages(struct hs_array *l, size_t before)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)l->data + l->dropped + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)l->data + before) & ~(page - 1);

    if (before < l->dropped || to < from + DROP_BYTES)
        return;
    (void)madvise((void *)from, to - from, MADV_DONTNEED);
    l->dropped = before;
}

void
hs_array_rows(struct hs_array *l, size_t first, size_t n, float *out)
{
    size_t skip = first * l->dim, count = n * l->dim;
    const uint8_t *p = l->data + skip * hs_dtype_size(l->dtype);

    drop_pages(l, skip * hs_dtype_size(l->dtype));
    if (l->dtype == HS_F32) {
        memcpy(out, p, count * sizeof *out);
        return;
    }
    for (size_t i = 0; i < count; i++, p += 2) {
        uint16_t h = (uint16_t)(p[0] | p[1] << 8);

        out[i] = l->dtype == HS_F16 ? hs_f16_to_float(h) : hs_bf16_to_float(h);
    }
}
