/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * edit.c - see edit.h.
 */
#include <config.h>

#include "model/edit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"

const char *
hs_edit_mode_name(enum hs_edit_mode m)
{
    static const char *const names[] = {
        [HS_EDIT_ZERO] = "zero",         [HS_EDIT_MEAN] = "mean",
        [HS_EDIT_SCALE] = "scale",       [HS_EDIT_ADD] = "add",
        [HS_EDIT_RESAMPLE] = "resample",
    };

    return names[m];
}

const char *
hs_edit_where_name(enum hs_edit_where w)
{
    static const char *const names[] = {
        [HS_EDIT_ALL] = "all",
        [HS_EDIT_GENERATED] = "generated",
        [HS_EDIT_NOT_FIRST] = "not-first",
    };

    return names[w];
}

bool
hs_edit_reaches(enum hs_edit_where where, size_t pos, size_t n_prompt)
{
    switch (where) {
    case HS_EDIT_ALL:
        return true;
    case HS_EDIT_GENERATED:
        return pos >= n_prompt;
    case HS_EDIT_NOT_FIRST:
        return pos > 0;
    }
    return false;
}

size_t
hs_edit_row(const struct hs_edit *e, float *x, const struct hs_edit_at *at)
{
    if (!hs_edit_reaches(e->where, at->pos, at->n_prompt))
        return 0;
    if (e->mode == HS_EDIT_RESAMPLE) {
        e->draw(e->draw_ud, e, x, at);
        return e->n;
    }
    for (size_t i = 0; i < e->n; i++) {
        float *to = &x[e->coords[i]];

        switch (e->mode) {
        case HS_EDIT_ZERO:
            *to = 0;
            break;
        case HS_EDIT_MEAN:
            *to = e->values[i];
            break;
        case HS_EDIT_SCALE:
            *to *= e->values[i];
            break;
        case HS_EDIT_ADD:
            *to += e->values[i];
            break;
        case HS_EDIT_RESAMPLE: /* above */
            break;
        }
    }
    return e->n;
}

int
hs_edit_parse_where(enum hs_edit_where *out, const char *s)
{
    for (int w = HS_EDIT_ALL; w <= HS_EDIT_NOT_FIRST; w++) {
        if (strcmp(s, hs_edit_where_name((enum hs_edit_where)w)) == 0) {
            *out = (enum hs_edit_where)w;
            return 0;
        }
    }
    return -1;
}

void
hs_edit_free(struct hs_edit *e)
{
    free(e->coords);
    free(e->values);
    *e = (struct hs_edit){0};
}

/* Adds a coordinate that must be new and below dim. */
static int
add_coord(struct hs_edit *e, size_t *cap, uint64_t coord, double value,
          size_t dim, struct hs_error *err)
{
    if (coord >= dim)
        return hs_fail(err, "coordinate %zu is not within 0 to %zu",
                       (size_t)coord, dim - 1);
    for (size_t i = 0; i < e->n; i++)
        if (e->coords[i] == coord)
            return hs_fail(err, "coordinate %zu is listed twice",
                           (size_t)coord);
    if (e->n == *cap) {
        size_t n = *cap ? 2 * *cap : 64;

        e->coords = hs_realloc(e->coords, hs_mul(n, sizeof *e->coords));
        e->values = hs_realloc(e->values, hs_mul(n, sizeof *e->values));
        *cap = n;
    }
    e->coords[e->n] = (uint32_t)coord;
    e->values[e->n++] = (float)value;
    return 0;
}

/* Reads one line "coordinate value"; without a value (a plain list) the value
 * is 0. */
static int
parse_line(struct hs_edit *e, size_t *cap, char *line, bool with_value,
           size_t dim, struct hs_error *err)
{
    char *save = NULL;
    char *first = strtok_r(line, " \t\r", &save);
    char *second = strtok_r(NULL, " \t\r", &save);
    uint64_t coord;
    double value = 0;

    if (first == NULL || first[0] == '#')
        return 0;
    if (strtok_r(NULL, " \t\r", &save) != NULL || (second && !with_value))
        return hs_fail(err, "more than %s",
                       with_value ? "two columns" : "one column");
    if (second == NULL && with_value)
        return hs_fail(err, "no value behind the coordinate");
    if (hs_scan_u64(first, 0, UINT32_MAX, &coord, err) < 0)
        return -1;
    if (second != NULL && hs_scan_f64(second, -1e30, 1e30, &value, err) < 0)
        return -1;
    return add_coord(e, cap, coord, value, dim, err);
}

static int
parse_file(struct hs_edit *e, const char *path, bool with_value, size_t dim,
           struct hs_error *err)
{
    size_t len, cap = 0, line = 0;
    char *text = hs_read_file(path, (size_t)64 << 20, &len, err);
    char *p = text;
    int rc = 0;

    if (text == NULL)
        return -1;
    while (rc == 0 && p != NULL && *p != '\0') {
        char *end = strchr(p, '\n');

        if (end != NULL)
            *end++ = '\0';
        line++;
        rc = parse_line(e, &cap, p, with_value, dim, err);
        if (rc < 0)
            hs_fail_prefix(err, "%s: line %zu", path, line);
        p = end;
    }
    free(text);
    if (rc == 0 && e->n == 0)
        return hs_fail(err, "%s: no coordinates", path);
    return rc;
}

/* Reads "3,7-9", or "@FILE" with a coordinate a line. */
static int
parse_coords(struct hs_edit *e, const char *coords, size_t dim,
             struct hs_error *err)
{
    struct hs_list l;
    size_t cap = 0;
    int rc = 0;

    if (coords[0] == '@')
        return parse_file(e, coords + 1, false, dim, err);
    hs_parse_list("--edit-coords", coords, &l);
    if (hs_list_resolve(&l, (uint32_t)dim, err) < 0)
        rc = -1;
    for (size_t i = 0; rc == 0 && i < l.n; i++)
        rc = add_coord(e, &cap, l.v[i], 0, dim, err);
    hs_list_free(&l);
    return rc;
}

static const struct {
    const char *name;
    enum hs_edit_mode mode;
} modes[] = {
    {"zero", HS_EDIT_ZERO},
    {"mean", HS_EDIT_MEAN},
    {"scale", HS_EDIT_SCALE},
    {"add", HS_EDIT_ADD},
};

static int
fail_spec(const char *spec, struct hs_error *err)
{
    return hs_fail(err,
                   "'%s' is not zero, mean=A, mean@FILE, scale=A, scale@FILE, "
                   "add=B or add@FILE",
                   spec);
}

static int
parse_mode(struct hs_edit *e, const char *spec, const char **rest,
           struct hs_error *err)
{
    size_t len = strcspn(spec, "=@");

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strlen(modes[i].name) == len &&
            strncmp(spec, modes[i].name, len) == 0) {
            e->mode = modes[i].mode;
            *rest = spec + len;
            return 0;
        }
    }
    return fail_spec(spec, err);
}

/* Reads all of it that needs no file and no model. */
static int
scan_spec(struct hs_edit *e, const char *spec, const char *coords,
          const char **rest_out, double *value, struct hs_error *err)
{
    const char *rest = "";

    if (parse_mode(e, spec, &rest, err) < 0)
        return -1;
    *rest_out = rest;
    if (rest[0] == '@') {
        if (e->mode == HS_EDIT_ZERO)
            return hs_fail(err, "zero takes no file; give --edit-coords @FILE");
        if (coords != NULL)
            return hs_fail(err,
                           "%s names its coordinates, --edit-coords is "
                           "one list too many",
                           spec);
        return 0;
    }
    if ((e->mode == HS_EDIT_ZERO) != (rest[0] == '\0'))
        return fail_spec(spec, err);
    if (coords == NULL)
        return hs_fail(err, "no --edit-coords");
    if (rest[0] == '=' && hs_scan_f64(rest + 1, -1e30, 1e30, value, err) < 0)
        return hs_fail_prefix(err, "%s", spec);
    return 0;
}

int
hs_edit_check(const char *spec, const char *coords, struct hs_error *err)
{
    struct hs_edit e = {0};
    const char *rest;
    double value;

    return scan_spec(&e, spec, coords, &rest, &value, err);
}

static int
parse_spec(struct hs_edit *e, const char *spec, const char *coords, size_t dim,
           struct hs_error *err)
{
    const char *rest;
    double value = 0;

    if (scan_spec(e, spec, coords, &rest, &value, err) < 0)
        return -1;
    if (rest[0] == '@')
        return parse_file(e, rest + 1, true, dim, err);
    if (parse_coords(e, coords, dim, err) < 0)
        return -1;
    for (size_t i = 0; i < e->n; i++)
        e->values[i] = (float)value;
    return 0;
}

int
hs_edit_parse(struct hs_edit *e, const char *spec, const char *coords,
              size_t dim, struct hs_error *err)
{
    *e = (struct hs_edit){0};
    if (parse_spec(e, spec, coords, dim, err) < 0) {
        hs_edit_free(e);
        return -1;
    }
    return 0;
}
