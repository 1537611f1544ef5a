/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * json.c - see json.h.
 */
#include <config.h>

#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* Reads fd to its end into b.  Returns 0, or -1. */
static int
read_all(int fd, const char *path, size_t max_bytes, struct hs_buf *b,
         struct hs_error *err)
{
    for (;;) {
        ssize_t n = read(fd, hs_buf_reserve(b, 65536), 65536);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hs_fail(err, "%s: %s", path, strerror(errno));
        if (n == 0)
            return 0;
        b->len += (size_t)n;
        if (b->len > max_bytes)
            return hs_fail(err, "%s: larger than %zu bytes", path, max_bytes);
    }
}

char *
hs_read_file(const char *path, size_t max_bytes, size_t *len,
             struct hs_error *err)
{
    struct hs_buf b = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0) {
        hs_fail(err, "%s: %s", path, strerror(errno));
        return NULL;
    }
    rc = read_all(fd, path, max_bytes, &b, err);
    (void)close(fd);
    if (rc < 0) {
        hs_buf_free(&b);
        return NULL;
    }
    *len = b.len;
    return hs_buf_cstr(&b);
}

json_t *
hs_json_parse(const char *text, size_t n, const char *where,
              struct hs_error *err)
{
    json_error_t je;
    json_t *j =
        json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);

    if (j == NULL)
        hs_fail(err, "%s: line %d, column %d: %s", where, je.line, je.column,
                je.text);
    return j;
}

json_t *
hs_json_load(const char *path, size_t max_bytes, struct hs_error *err)
{
    size_t len;
    char *text = hs_read_file(path, max_bytes, &len, err);
    json_t *j;

    if (text == NULL)
        return NULL;
    j = hs_json_parse(text, len, path, err);
    free(text);
    if (j != NULL && !json_is_object(j)) {
        hs_fail(err, "%s: not a JSON object", path);
        json_decref(j);
        return NULL;
    }
    return j;
}

static const json_t *
member(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);

    return json_is_null(v) ? NULL : v;
}

int
hs_json_u64(const json_t *obj, const char *key, const char *where, uint64_t min,
            uint64_t max, uint64_t *out, struct hs_error *err)
{
    const json_t *v = member(obj, key);

    if (v == NULL)
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return hs_fail(err, "%s: %s: not a whole number", where, key);
    if ((uint64_t)json_integer_value(v) < min ||
        (uint64_t)json_integer_value(v) > max)
        return hs_fail(err,
                       "%s: %s: %" JSON_INTEGER_FORMAT " is not within %" PRIu64
                       " to %" PRIu64,
                       where, key, json_integer_value(v), min, max);
    *out = (uint64_t)json_integer_value(v);
    return 1;
}

int
hs_json_f64(const json_t *obj, const char *key, const char *where, double *out,
            struct hs_error *err)
{
    const json_t *v = member(obj, key);

    if (v == NULL)
        return 0;
    if (!json_is_number(v) || !isfinite(json_number_value(v)))
        return hs_fail(err, "%s: %s: not a number", where, key);
    *out = json_number_value(v);
    return 1;
}

int
hs_json_bool(const json_t *obj, const char *key, const char *where, bool *out,
             struct hs_error *err)
{
    const json_t *v = member(obj, key);

    if (v == NULL)
        return 0;
    if (!json_is_boolean(v))
        return hs_fail(err, "%s: %s: not true or false", where, key);
    *out = json_is_true(v);
    return 1;
}

int
hs_json_str(const json_t *obj, const char *key, const char *where,
            const char **out, struct hs_error *err)
{
    const json_t *v = member(obj, key);

    if (v == NULL)
        return 0;
    if (!json_is_string(v))
        return hs_fail(err, "%s: %s: not a string", where, key);
    *out = json_string_value(v);
    return 1;
}

json_t *
hs_json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}
