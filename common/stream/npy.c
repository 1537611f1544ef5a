/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * npy.c - see npy.h.  The header is a Python dict with three known keys, read
 * here as numpy.lib.format writes it and a little more loosely.
 */
#include <config.h>

#include "stream/npy.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

void
hs_npy_header(struct hs_buf *b, const char *descr, size_t n_dims,
              const uint64_t *shape)
{
    struct hs_buf dict = {0};
    uint8_t prefix[10];

    hs_buf_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                  descr);
    for (size_t i = 0; i < n_dims; i++)
        hs_buf_printf(&dict, "%s%" PRIu64 "%s", i ? " " : "", shape[i],
                      i + 1 < n_dims || n_dims == 1 ? "," : "");
    hs_buf_str(&dict, "), }");
    /* Data begins at a multiple of 64, behind a line feed. */
    while ((sizeof prefix + dict.len + 1) % 64 != 0)
        hs_buf_str(&dict, " ");
    hs_buf_str(&dict, "\n");
    memcpy(prefix, magic, 6);
    prefix[6] = 1;
    prefix[7] = 0;
    prefix[8] = (uint8_t)dict.len;
    prefix[9] = (uint8_t)(dict.len >> 8);
    hs_buf_add(b, prefix, sizeof prefix);
    hs_buf_add(b, dict.data, dict.len);
    hs_buf_free(&dict);
}

/* Text of the header between p and end. */
struct text {
    const char *p, *end;
};

static bool
take(struct text *t, char c)
{
    while (t->p < t->end && isspace((unsigned char)*t->p))
        t->p++;
    if (t->p == t->end || *t->p != c)
        return false;
    t->p++;
    return true;
}

/* A string in quotes, shorter than size. */
static bool
take_string(struct text *t, char *out, size_t size)
{
    char quote = take(t, '\'') ? '\'' : take(t, '"') ? '"' : '\0';
    size_t n = 0;

    if (quote == '\0')
        return false;
    while (t->p < t->end && *t->p != quote && n + 1 < size)
        out[n++] = *t->p++;
    out[n] = '\0';
    return t->p < t->end && *t->p++ == quote;
}

static bool
take_word(struct text *t, const char *word)
{
    size_t n = strlen(word);

    while (t->p < t->end && isspace((unsigned char)*t->p))
        t->p++;
    if ((size_t)(t->end - t->p) < n || memcmp(t->p, word, n) != 0)
        return false;
    t->p += n;
    return true;
}

static bool
take_size(struct text *t, size_t *out)
{
    size_t n = 0;

    while (t->p < t->end && isspace((unsigned char)*t->p))
        t->p++;
    if (t->p == t->end || !isdigit((unsigned char)*t->p))
        return false;
    for (; t->p < t->end && isdigit((unsigned char)*t->p); t->p++) {
        if (n > (SIZE_MAX >> 8) / 10)
            return false;
        n = 10 * n + (size_t)(*t->p - '0');
    }
    *out = n;
    return true;
}

static bool
take_shape(struct text *t, struct hs_npy *a)
{
    if (!take(t, '('))
        return false;
    a->n_dims = 0;
    while (!take(t, ')')) {
        if (a->n_dims == HS_NPY_DIMS || !take_size(t, &a->shape[a->n_dims]))
            return false;
        a->n_dims++;
        if (!take(t, ','))
            return take(t, ')');
    }
    return true;
}

/* The dict; each of the three keys must be there once. */
static int
parse_dict(struct text t, struct hs_npy *a, struct hs_error *err)
{
    int seen = 0;
    char key[16];

    if (!take(&t, '{'))
        return hs_fail(err, "the header is no dict");
    while (!take(&t, '}')) {
        int which;
        bool ok;

        if (!take_string(&t, key, sizeof key) || !take(&t, ':'))
            return hs_fail(err, "the header is malformed");
        if (strcmp(key, "descr") == 0) {
            which = 1;
            ok = take_string(&t, a->descr, sizeof a->descr);
        } else if (strcmp(key, "fortran_order") == 0) {
            which = 2;
            ok = take_word(&t, "False");
            if (!ok && take_word(&t, "True"))
                return hs_fail(err, "the array is in Fortran order");
        } else if (strcmp(key, "shape") == 0) {
            which = 4;
            ok = take_shape(&t, a);
        } else {
            return hs_fail(err, "the header has a key '%s'", key);
        }
        if (!ok || (seen & which) != 0)
            return hs_fail(err, "%s: a value that this program does not read",
                           key);
        seen |= which;
        if (!take(&t, ',') && (t.p == t.end || *t.p != '}'))
            return hs_fail(err, "the header is malformed");
    }
    if (seen != 7)
        return hs_fail(err, "the header lacks a key");
    return 0;
}

/* Bytes of a number of the type, 0 if it is not a plain little-endian one. */
static size_t
number_size(const char *descr)
{
    if (strlen(descr) != 3 || strchr("fiu", descr[1]) == NULL ||
        strchr("1248", descr[2]) == NULL)
        return 0;
    if (descr[0] != '<' && !(descr[2] == '1' && descr[0] == '|'))
        return 0;
    return (size_t)(descr[2] - '0');
}

int
hs_npy_parse(const uint8_t *p, size_t n, struct hs_npy *a, struct hs_error *err)
{
    size_t skip, len, size;
    struct text t;

    if (n < 12 || memcmp(p, magic, sizeof magic) != 0)
        return hs_fail(err, "not an .npy file");
    if (p[6] < 1 || p[6] > 3)
        return hs_fail(err, "version %d of .npy", p[6]);
    skip = p[6] == 1 ? 10 : 12;
    len = (size_t)p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        len |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (len > n - skip)
        return hs_fail(err, "the header is cut off");
    t.p = (const char *)p + skip;
    t.end = t.p + len;
    if (parse_dict(t, a, err) < 0)
        return -1;
    size = number_size(a->descr);
    if (size == 0)
        return hs_fail(err, "type '%s' is not read", a->descr);
    a->data = p + skip + len;
    a->bytes = n - skip - len;
    for (size_t i = 0; i < a->n_dims; i++)
        if (__builtin_mul_overflow(size, a->shape[i], &size))
            return hs_fail(err, "the shape is too large");
    if (size != a->bytes)
        return hs_fail(err, "%zu bytes of data, the shape needs %zu", a->bytes,
                       size);
    return 0;
}

int
hs_npy_open(const char *path, struct hs_npy *a, struct hs_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *map = MAP_FAILED;

    *a = (struct hs_npy){0};
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    else if (fd >= 0)
        errno = EINVAL;
    if (map == MAP_FAILED)
        hs_fail(err, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    if (map == MAP_FAILED)
        return -1;
    a->map = map;
    a->map_size = (size_t)st.st_size;
    if (hs_npy_parse(map, a->map_size, a, err) < 0) {
        hs_npy_close(a);
        return hs_fail_prefix(err, "%s", path);
    }
    return 0;
}

void
hs_npy_close(struct hs_npy *a)
{
    if (a->map != NULL)
        (void)munmap(a->map, a->map_size);
    *a = (struct hs_npy){0};
}
