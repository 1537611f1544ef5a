/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plotdata.c - see plotdata.h.
 */
#include <config.h>

#include "plot/plotdata.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
hs_plotdata_free(struct hs_plotdata *d)
{
    for (size_t i = 0; i < d->n; i++)
        json_decref(d->v[i].j);
    for (size_t i = 0; i < d->n_files; i++)
        free(d->files[i]);
    free(d->v);
    free(d->files);
    hs_armsum_free(d->arms);
    *d = (struct hs_plotdata){0};
}

/* ---- reading ---- */

static bool
is_one_of(const char *type, const char *const *types)
{
    for (size_t i = 0; type != NULL && types[i] != NULL; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

/* Keeps a record if it is of one of the types.  The weights of probes are large
 * and not wanted here, so the type is looked at before values are taken. */
static int
keep(struct hs_plotdata *d, const struct hs_record *rec,
     const char *const *types, uint64_t number, struct hs_error *err)
{
    json_t *j = hs_record_json(rec, false);
    bool wanted =
        is_one_of(json_string_value(json_object_get(j, "type")), types);

    if (j == NULL)
        return hs_fail(err, "record %" PRIu64 ": a key that is not text",
                       number);
    json_decref(j);
    if (!wanted)
        return 0;
    j = hs_record_json(rec, true);
    d->v = hs_grow(d->v, &d->cap, d->n + 1, sizeof *d->v);
    d->v[d->n++] = (struct hs_plot_record){
        .j = j,
        .type = json_string_value(json_object_get(j, "type")),
        .file = d->n_files - 1,
        .number = number};
    return 0;
}

/* Adds to the summary.  No plot shows what its bootstrap draws. */
static int
read_arms(struct hs_plotdata *d, struct hs_reader *r, const char *name,
          size_t dim, struct hs_error *err)
{
    static const struct hs_armsum_options options = {
        .level = 0.95, .alpha = 0.05, .n_boot = 1, .seed = 1};

    if (d->arms == NULL) {
        d->arms = hs_armsum_new(&options);
        d->dim = dim;
    }
    if (d->dim != dim)
        return hs_fail(err, "%s: the width is %zu; that of %s is %zu", name,
                       dim, d->files[0], d->dim);
    return hs_armsum_add(d->arms, r, name, err);
}

int
hs_plotdata_read(struct hs_plotdata *d, struct hs_reader *r, const char *name,
                 const char *kind, const char *maker, const char *const *types,
                 struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    struct hs_record rec = {0};
    uint64_t number = 0;
    size_t before = d->n;
    int rc = 0, more = 1;

    if (head != NULL && strcmp(head->kind, kind) != 0)
        return hs_fail(err,
                       "%s: kind is '%s'; this plot is of '%s', which %s "
                       "writes",
                       name, head->kind, kind, maker);
    for (size_t i = 0; i < d->n_files; i++)
        if (strcmp(d->files[i], name) == 0)
            return hs_fail(err, "%s: is given twice", name);
    d->files =
        hs_grow(d->files, &d->cap_files, d->n_files + 1, sizeof *d->files);
    d->files[d->n_files++] = hs_strdup(name);
    if (head != NULL && types == NULL)
        return read_arms(d, r, name, head->dim, err);
    while (rc == 0 && (more = hs_read(r, &rec)) > 0)
        rc = keep(d, &rec, types, ++number, err);
    hs_record_free(&rec);
    if (rc < 0)
        return hs_fail_prefix(err, "%s", name);
    if (more < 0)
        return hs_fail(err, "%s", hs_reader_error(r));
    if (d->n == before)
        return hs_fail(err, "%s: has no record of type '%s'", name, types[0]);
    return 0;
}

/* ---- choosing ---- */

static const char *const layer_keys[] = {"layer", "layer_a", "layer_b"};
static const char *const target_keys[] = {"target", "target_a", "target_b"};

/* Notes in seen which of the layers a record names; whether all that it names
 * are among them. */
static bool
fits_layers(const json_t *j, const struct hs_list *layers, bool *seen)
{
    bool fits = true;

    for (size_t k = 0; k < 3; k++) {
        const json_t *v = json_object_get(j, layer_keys[k]);
        bool found = false;

        if (!json_is_integer(v))
            continue;
        for (size_t i = 0; i < layers->n; i++)
            if (json_integer_value(v) == (json_int_t)layers->v[i])
                found = seen[i] = true;
        fits = fits && found;
    }
    return fits;
}

static bool
fits_targets(const json_t *j, char *const *targets, bool *seen)
{
    bool fits = true;

    for (size_t k = 0; k < 3; k++) {
        const char *v = json_string_value(json_object_get(j, target_keys[k]));
        bool found = false;

        if (v == NULL)
            continue;
        for (size_t i = 0; targets[i] != NULL; i++)
            if (strcmp(v, targets[i]) == 0)
                found = seen[i] = true;
        fits = fits && found;
    }
    return fits;
}

int
hs_plotdata_filter(struct hs_plotdata *d, const struct hs_list *layers,
                   char *const *targets, struct hs_error *err)
{
    size_t n_layers = layers ? layers->n : 0, n_targets = 0, n = 0;
    bool *layer_seen, *target_seen;
    int rc = 0;

    while (targets != NULL && targets[n_targets] != NULL)
        n_targets++;
    layer_seen = hs_calloc(n_layers, sizeof *layer_seen);
    target_seen = hs_calloc(n_targets, sizeof *target_seen);
    for (size_t i = 0; i < d->n; i++) {
        const json_t *j = d->v[i].j;
        bool layer = layers == NULL || fits_layers(j, layers, layer_seen);
        bool target = targets == NULL || fits_targets(j, targets, target_seen);

        if (layer && target)
            d->v[n++] = d->v[i];
        else
            json_decref(d->v[i].j);
    }
    d->n = n;
    for (size_t i = 0; i < n_layers && rc == 0; i++)
        if (!layer_seen[i])
            rc = hs_fail(err, "--layers: no record is of layer %" PRIu32,
                         layers->v[i]);
    for (size_t i = 0; i < n_targets && rc == 0; i++)
        if (!target_seen[i])
            rc = hs_fail(err, "--target: no record is of '%s'", targets[i]);
    if (rc == 0 && n == 0)
        rc = hs_fail(err, "no record is of these layers and targets");
    free(layer_seen);
    free(target_seen);
    return rc;
}

/* ---- members ---- */

int
hs_plot_fail(const struct hs_plotdata *d, const struct hs_plot_record *r,
             struct hs_error *err, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return hs_fail(err, "%s: record %" PRIu64 ": %s", d->files[r->file],
                   r->number, text);
}

/* The member, or NULL with an error when there is none. */
static const json_t *
member(const struct hs_plotdata *d, const struct hs_plot_record *r,
       const json_t *obj, const char *key, struct hs_error *err)
{
    const json_t *v = json_object_get(obj, key);

    if (v == NULL)
        hs_plot_fail(d, r, err, "%s: '%s' is missing", r->type, key);
    return v;
}

int
hs_plot_number(const struct hs_plotdata *d, const struct hs_plot_record *r,
               const json_t *obj, const char *key, double *out,
               struct hs_error *err)
{
    const json_t *v = member(d, r, obj, key, err);

    if (v == NULL)
        return -1;
    if (!json_is_number(v) && !json_is_null(v))
        return hs_plot_fail(d, r, err, "%s: '%s' is not a number", r->type,
                            key);
    *out = json_is_null(v) ? NAN : json_number_value(v);
    return 0;
}

int
hs_plot_text(const struct hs_plotdata *d, const struct hs_plot_record *r,
             const char *key, const char **out, struct hs_error *err)
{
    const json_t *v = member(d, r, r->j, key, err);

    if (v == NULL)
        return -1;
    if (!json_is_string(v))
        return hs_plot_fail(d, r, err, "%s: '%s' is not text", r->type, key);
    *out = json_string_value(v);
    return 0;
}

int
hs_plot_layer(const struct hs_plotdata *d, const struct hs_plot_record *r,
              const char *key, uint32_t *out, struct hs_error *err)
{
    const json_t *v = member(d, r, r->j, key, err);

    if (v == NULL)
        return -1;
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        json_integer_value(v) > 65535)
        return hs_plot_fail(d, r, err, "%s: '%s' is no layer", r->type, key);
    *out = (uint32_t)json_integer_value(v);
    return 0;
}

int
hs_plot_list(const struct hs_plotdata *d, const struct hs_plot_record *r,
             const json_t *obj, const char *key, double **out, size_t *n,
             struct hs_error *err)
{
    const json_t *v = member(d, r, obj, key, err), *x;
    size_t i;

    if (v == NULL)
        return -1;
    if (json_is_object(v))
        v = json_object_get(v, "values");
    if (!json_is_array(v))
        return hs_plot_fail(d, r, err, "%s: '%s' is not a list of numbers",
                            r->type, key);
    *n = json_array_size(v);
    *out = hs_calloc(*n, sizeof **out);
    json_array_foreach(v, i, x)
    {
        if (!json_is_number(x) && !json_is_null(x)) {
            free(*out);
            *out = NULL;
            return hs_plot_fail(d, r, err, "%s: '%s': entry %zu is no number",
                                r->type, key, i);
        }
        (*out)[i] = json_is_null(x) ? NAN : json_number_value(x);
    }
    return 0;
}

/* ---- names ---- */

const char *
hs_plot_short(const char *path, char *const *all, size_t n)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

    for (size_t i = 0; i < n; i++) {
        const char *other = strrchr(all[i], '/');

        if (strcmp(other ? other + 1 : all[i], base) == 0 &&
            strcmp(all[i], path) != 0)
            return path;
    }
    return base;
}

/* A record and what it is about. */
struct keyed {
    const char *key;
    size_t i;
};

static int
compare_keyed(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int rc = strcmp(x->key, y->key);

    return rc != 0 ? rc : (x->i > y->i) - (x->i < y->i);
}

int
hs_plot_distinct(const struct hs_plotdata *d, char *const *keys, bool *split,
                 struct hs_error *err)
{
    struct keyed *v = hs_calloc(d->n, sizeof *v);
    int rc = 0;

    *split = false;
    for (size_t i = 0; i < d->n; i++)
        v[i] = (struct keyed){keys[i], i};
    qsort(v, d->n, sizeof *v, compare_keyed);
    for (size_t i = 1; i < d->n && rc == 0; i++) {
        const struct hs_plot_record *a = &d->v[v[i - 1].i], *b = &d->v[v[i].i];

        if (strcmp(v[i - 1].key, v[i].key) != 0)
            continue;
        if (a->file == b->file)
            rc = hs_plot_fail(
                d, b, err, "%s: is about the same as record %" PRIu64 " (%s)",
                b->type, a->number, v[i].key);
        *split = true;
    }
    free(v);
    return rc;
}

char *
hs_plot_name(const struct hs_plotdata *d, const struct hs_plot_record *r,
             const char *name, bool split)
{
    struct hs_buf b = {0};

    if (split)
        hs_buf_printf(
            &b, "%s: ", hs_plot_short(d->files[r->file], d->files, d->n_files));
    hs_buf_str(&b, name);
    return hs_buf_cstr(&b);
}

int
hs_plot_names_add(struct hs_plot_names *names, const char *s,
                  struct hs_error *err)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i], s) == 0)
            return 0;
    if (names->n == HS_PLOT_NAMES)
        return hs_fail(err, "more than %d lines or panels; choose some",
                       HS_PLOT_NAMES);
    names->v[names->n++] = hs_strdup(s);
    return 0;
}

void
hs_plot_names_free(struct hs_plot_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    names->n = 0;
}
