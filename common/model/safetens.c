/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * safetens.c - see safetens.h.
 */
#include <config.h>

#include "model/safetens.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

enum {
    MAX_HEADER = 100 << 20, /* the format's own limit */
    MAX_FILES = 4096,
    SAMPLE_BYTES = 4096,
    SAMPLE_STEP = 256 << 10
};

struct mapping {
    char *path; /* owned */
    const unsigned char *data;
    size_t size;
    size_t start;  /* of the tensors' bytes */
    bool borrowed; /* the bytes are the caller's */
};

struct hs_safetens {
    char *name;
    struct mapping *files;
    size_t n_files, cap_files;
    struct hs_tensor *tensors; /* sorted by name */
    size_t n_tensors, cap_tensors;
    void **copies; /* of tensors that lie unaligned */
    size_t n_copies, cap_copies;
};

static const struct {
    const char *name;
    size_t bytes;
    enum hs_wtype type;
} types[] = {
    {"F32", 4, HS_W_F32},       {"F16", 2, HS_W_F16},
    {"BF16", 2, HS_W_BF16},     {"F64", 8, HS_W_OTHER},
    {"I64", 8, HS_W_OTHER},     {"I32", 4, HS_W_OTHER},
    {"I16", 2, HS_W_OTHER},     {"I8", 1, HS_W_OTHER},
    {"U64", 8, HS_W_OTHER},     {"U32", 4, HS_W_OTHER},
    {"U16", 2, HS_W_OTHER},     {"U8", 1, HS_W_OTHER},
    {"BOOL", 1, HS_W_OTHER},    {"F8_E4M3", 1, HS_W_OTHER},
    {"F8_E5M2", 1, HS_W_OTHER},
};

static int
map_file(struct mapping *m, struct hs_error *err)
{
    int fd = open(m->path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p;

    if (fd < 0)
        return hs_fail(err, "%s: %s", m->path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 8) {
        (void)close(fd);
        return hs_fail(err, "%s: not a safetensors file", m->path);
    }
    m->size = (size_t)st.st_size;
    p = mmap(NULL, m->size, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (p == MAP_FAILED)
        return hs_fail(err, "%s: cannot map: %s", m->path, strerror(errno));
    m->data = p;
    return 0;
}

/* Reads type and shape; *bytes becomes what they take. */
static int
read_shape(struct hs_tensor *t, const json_t *j, const char *where,
           size_t *bytes, struct hs_error *err)
{
    const json_t *shape = json_object_get(j, "shape");
    const char *type = NULL;
    size_t n = 0, len = 0;

    if (hs_json_str(j, "dtype", where, &type, err) < 0)
        return -1;
    for (size_t i = 0; type && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i].name) == 0) {
            n = types[i].bytes;
            t->type = types[i].type;
            (void)snprintf(t->type_name, sizeof t->type_name, "%s", type);
        }
    }
    if (n == 0)
        return hs_fail(err, "%s: dtype %s is unknown", where,
                       type ? type : "(none)");
    if (!json_is_array(shape) || json_array_size(shape) > HS_TENSOR_DIMS)
        return hs_fail(err, "%s: shape is not a list of up to %d sizes", where,
                       HS_TENSOR_DIMS);
    t->n_dims = json_array_size(shape);
    for (size_t i = 0; i < t->n_dims; i++) {
        const json_t *d = json_array_get(shape, i);

        if (!json_is_integer(d) || json_integer_value(d) < 0 ||
            __builtin_mul_overflow(n, (size_t)json_integer_value(d), &n))
            return hs_fail(err, "%s: shape: entry %zu is no size", where, i);
        t->shape[i] = (size_t)json_integer_value(d);
        len += (size_t)snprintf(t->shape_text + len, sizeof t->shape_text - len,
                                "%s%zu", i ? " x " : "", t->shape[i]);
        if (len >= sizeof t->shape_text)
            return hs_fail(err, "%s: shape is too large", where);
    }
    *bytes = n;
    return 0;
}

/* Moves a tensor that starts at an odd place to aligned memory, because it
 * will be read as numbers. */
static const void *
aligned(struct hs_safetens *s, const unsigned char *p, size_t bytes)
{
    void *copy;

    if ((uintptr_t)p % 8 == 0 || bytes == 0)
        return p;
    copy = hs_calloc64(bytes, 1);
    memcpy(copy, p, bytes);
    s->copies =
        hs_grow(s->copies, &s->cap_copies, s->n_copies + 1, sizeof *s->copies);
    s->copies[s->n_copies++] = copy;
    return copy;
}

static int
read_tensor(struct hs_safetens *s, const struct mapping *m, const char *name,
            const json_t *j, struct hs_error *err)
{
    struct hs_tensor t = {0};
    const json_t *at = json_object_get(j, "data_offsets");
    size_t room = m->size - m->start, bytes = 0;
    json_int_t begin, end;
    char where[512];

    (void)snprintf(where, sizeof where, "%s: tensor %s", m->path, name);
    if (!json_is_object(j) || read_shape(&t, j, where, &bytes, err) < 0)
        return json_is_object(j) ? -1
                                 : hs_fail(err, "%s: not an object", where);
    if (!json_is_array(at) || json_array_size(at) != 2 ||
        !json_is_integer(json_array_get(at, 0)) ||
        !json_is_integer(json_array_get(at, 1)))
        return hs_fail(err, "%s: data_offsets is not a pair of integers",
                       where);
    begin = json_integer_value(json_array_get(at, 0));
    end = json_integer_value(json_array_get(at, 1));
    if (begin < 0 || end < begin || (uint64_t)end > room)
        return hs_fail(err,
                       "%s: data_offsets %" JSON_INTEGER_FORMAT
                       " to %" JSON_INTEGER_FORMAT " are not within %zu bytes",
                       where, begin, end, room);
    if ((size_t)(end - begin) != bytes)
        return hs_fail(err, "%s: %zu bytes, shape %s of %s takes %zu", where,
                       (size_t)(end - begin), t.shape_text, t.type_name, bytes);
    t.name = hs_strdup(name);
    t.bytes = bytes;
    /* the address in the file; aligned() once the gaps are checked */
    t.data = m->data + m->start + begin;
    s->tensors = hs_grow(s->tensors, &s->cap_tensors, s->n_tensors + 1,
                         sizeof *s->tensors);
    s->tensors[s->n_tensors++] = t;
    return 0;
}

static int
by_address(const void *a, const void *b)
{
    const struct hs_tensor *x = a, *y = b;

    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int
by_name(const void *a, const void *b)
{
    const struct hs_tensor *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* The tensors of one file, from index first on, must cover its bytes exactly:
 * a gap or an overlap means a damaged or doctored header. */
static int
check_cover(struct hs_safetens *s, const struct mapping *m, size_t first,
            struct hs_error *err)
{
    const unsigned char *next = m->data + m->start;

    if (s->n_tensors > first)
        qsort(s->tensors + first, s->n_tensors - first, sizeof *s->tensors,
              by_address);
    for (size_t i = first; i < s->n_tensors; i++) {
        struct hs_tensor *t = &s->tensors[i];

        if ((const unsigned char *)t->data != next)
            return hs_fail(
                err, "%s: tensor %s: %s the one before it", m->path, t->name,
                (const unsigned char *)t->data < next ? "overlaps"
                                                      : "does not follow");
        next += t->bytes;
        t->data = aligned(s, t->data, t->bytes);
    }
    if (next != m->data + m->size)
        return hs_fail(err, "%s: %zu bytes behind the last tensor", m->path,
                       (size_t)(m->data + m->size - next));
    return 0;
}

static int
read_header(struct hs_safetens *s, struct mapping *m, struct hs_error *err)
{
    size_t first = s->n_tensors;
    const char *name;
    json_t *head, *v;
    uint64_t len;

    memcpy(&len, m->data, sizeof len);
    if (len > MAX_HEADER || len > m->size - 8)
        return hs_fail(err, "%s: a header of %" PRIu64 " bytes does not fit",
                       m->path, len);
    m->start = 8 + (size_t)len;
    head = hs_json_parse((const char *)m->data + 8, (size_t)len, m->path, err);
    if (head == NULL)
        return -1;
    if (!json_is_object(head)) {
        json_decref(head);
        return hs_fail(err, "%s: the header is not an object", m->path);
    }
    json_object_foreach(head, name, v)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        if (read_tensor(s, m, name, v, err) < 0) {
            json_decref(head);
            return -1;
        }
    }
    json_decref(head);
    return check_cover(s, m, first, err);
}

static int
add_file(struct hs_safetens *s, const char *dir, const char *name,
         struct hs_error *err)
{
    struct hs_buf path = {0};
    struct mapping *m;

    if (s->n_files == MAX_FILES)
        return hs_fail(err, "%s: more than %d files", s->name, MAX_FILES);
    hs_buf_printf(&path, "%s%s%s", dir, *dir ? "/" : "", name);
    s->files =
        hs_grow(s->files, &s->cap_files, s->n_files + 1, sizeof *s->files);
    m = &s->files[s->n_files++];
    *m = (struct mapping){.path = hs_buf_cstr(&path)};
    if (map_file(m, err) < 0)
        return -1;
    return read_header(s, m, err);
}

static int
finish(struct hs_safetens *s, struct hs_error *err)
{
    if (s->n_tensors > 0)
        qsort(s->tensors, s->n_tensors, sizeof *s->tensors, by_name);
    for (size_t i = 1; i < s->n_tensors; i++)
        if (strcmp(s->tensors[i - 1].name, s->tensors[i].name) == 0)
            return hs_fail(err, "%s: tensor %s is in two files", s->name,
                           s->tensors[i].name);
    return 0;
}

struct hs_safetens *
hs_safetens_open(const char *path, struct hs_error *err)
{
    struct hs_safetens *s = hs_calloc(1, sizeof *s);

    s->name = hs_strdup(path);
    if (add_file(s, "", path, err) < 0 || finish(s, err) < 0) {
        hs_safetens_close(s);
        return NULL;
    }
    return s;
}

struct hs_safetens *
hs_safetens_parse(const void *data, size_t n, const char *where,
                  struct hs_error *err)
{
    struct hs_safetens *s = hs_calloc(1, sizeof *s);
    struct mapping *m;
    int rc = -1;

    s->name = hs_strdup(where);
    s->files = hs_grow(s->files, &s->cap_files, 1, sizeof *s->files);
    m = &s->files[s->n_files++];
    *m = (struct mapping){.path = hs_strdup(where), .data = data, .size = n};
    m->borrowed = true;
    if (n < 8)
        hs_fail(err, "%s: not a safetensors file", where);
    else
        rc = read_header(s, m, err) < 0 ? -1 : finish(s, err);
    if (rc < 0) {
        hs_safetens_close(s);
        return NULL;
    }
    return s;
}

static bool
has_file(const struct hs_safetens *s, const char *dir, const char *name)
{
    size_t skip = strlen(dir) + 1;

    for (size_t i = 0; i < s->n_files; i++)
        if (strcmp(s->files[i].path + skip, name) == 0)
            return true;
    return false;
}

/* The weight_map of an index names the file of each tensor. */
static int
add_indexed(struct hs_safetens *s, const char *dir, const json_t *index,
            const char *path, struct hs_error *err)
{
    const json_t *map = json_object_get(index, "weight_map");
    const char *name;
    const json_t *v;

    if (!json_is_object(map) || json_object_size(map) == 0)
        return hs_fail(err, "%s: no weight_map", path);
    json_object_foreach((json_t *)(uintptr_t)map, name, v)
    {
        const char *file = json_string_value(v);

        if (file == NULL || file[0] == '\0' || strchr(file, '/') != NULL)
            return hs_fail(err, "%s: weight_map: %s: not a file name", path,
                           name);
        if (!has_file(s, dir, file) && add_file(s, dir, file, err) < 0)
            return -1;
    }
    if (finish(s, err) < 0)
        return -1;
    json_object_foreach((json_t *)(uintptr_t)map, name, v)
    {
        if (hs_safetens_find(s, name, NULL) == NULL)
            return hs_fail(err, "%s: weight_map: %s is not in %s", path, name,
                           json_string_value(v));
    }
    return 0;
}

struct hs_safetens *
hs_safetens_open_dir(const char *dir, struct hs_error *err)
{
    struct hs_safetens *s = hs_calloc(1, sizeof *s);
    struct hs_buf path = {0};
    json_t *index = NULL;
    int rc = -1;

    s->name = hs_strdup(dir);
    hs_buf_printf(&path, "%s/model.safetensors", dir);
    if (access(hs_buf_cstr(&path), F_OK) == 0) {
        rc = add_file(s, dir, "model.safetensors", err) < 0 ? -1
                                                            : finish(s, err);
    } else {
        hs_buf_str(&path, ".index.json");
        if (access(hs_buf_cstr(&path), F_OK) < 0)
            hs_fail(err,
                    "%s: neither model.safetensors nor "
                    "model.safetensors.index.json",
                    dir);
        else
            index = hs_json_load(hs_buf_cstr(&path), MAX_HEADER, err);
        if (index != NULL)
            rc = add_indexed(s, dir, index, hs_buf_cstr(&path), err);
        json_decref(index);
    }
    hs_buf_free(&path);
    if (rc < 0) {
        hs_safetens_close(s);
        return NULL;
    }
    return s;
}

void
hs_safetens_close(struct hs_safetens *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_files; i++) {
        if (s->files[i].data != NULL && !s->files[i].borrowed)
            (void)munmap((void *)(uintptr_t)s->files[i].data, s->files[i].size);
        free(s->files[i].path);
    }
    for (size_t i = 0; i < s->n_tensors; i++)
        free(s->tensors[i].name);
    for (size_t i = 0; i < s->n_copies; i++)
        free(s->copies[i]);
    free(s->copies);
    free(s->files);
    free(s->tensors);
    free(s->name);
    free(s);
}

const char *
hs_safetens_name(const struct hs_safetens *s)
{
    return s->name;
}

size_t
hs_safetens_count(const struct hs_safetens *s)
{
    return s->n_tensors;
}

const struct hs_tensor *
hs_safetens_at(const struct hs_safetens *s, size_t i)
{
    return &s->tensors[i];
}

const struct hs_tensor *
hs_safetens_find(const struct hs_safetens *s, const char *name, size_t *i)
{
    size_t lo = 0, hi = s->n_tensors;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(name, s->tensors[mid].name);

        if (c == 0) {
            if (i != NULL)
                *i = mid;
            return &s->tensors[mid];
        }
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

void
hs_safetens_sample(const struct hs_safetens *s,
                   void (*add)(void *ud, const void *p, size_t n), void *ud)
{
    for (size_t i = 0; i < s->n_files; i++) {
        const struct mapping *m = &s->files[i];
        size_t tail = m->size - m->start;

        add(ud, m->data, m->start);
        for (size_t at = m->start; at + SAMPLE_BYTES < m->size;
             at += SAMPLE_STEP)
            add(ud, m->data + at, SAMPLE_BYTES);
        if (tail > SAMPLE_BYTES)
            tail = SAMPLE_BYTES;
        add(ud, m->data + m->size - tail, tail);
    }
}
