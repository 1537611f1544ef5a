/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armjson.c - arms as JSON and back, see arms.h.
 */
#include <config.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/arms.h"
#include "base/json.h"
#include "base/mem.h"
#include "stream/jsonview.h"

enum {
    MAX_LAYER = 65535,
    MAX_NAME = 16384 /* bytes of a label, paths and all */
};

/* Whether an arm edits nothing. */
static bool
is_idle(enum hs_arm_kind k)
{
    return k == HS_ARM_NONE || k == HS_ARM_NOOP;
}

static bool
has_size(enum hs_arm_kind k)
{
    return !is_idle(k) && k != HS_ARM_FILE;
}

static bool
has_values(const struct hs_arm *a)
{
    return !is_idle(a->kind) && a->edit.mode != HS_EDIT_ZERO &&
           a->edit.mode != HS_EDIT_RESAMPLE;
}

/* ---- writing ---- */

static void
put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static json_t *
text_json(const char *s)
{
    return s != NULL ? json_string(s) : json_null();
}

static json_t *
number_json(size_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *
coords_json(const struct hs_edit *e)
{
    json_t *j = json_array();

    for (size_t i = 0; i < e->n; i++)
        (void)json_array_append_new(j, json_integer(e->coords[i]));
    return j;
}

static json_t *
values_json(const struct hs_edit *e)
{
    json_t *j = json_array();

    for (size_t i = 0; i < e->n; i++)
        (void)json_array_append_new(j, json_real((double)e->values[i]));
    return j;
}

static json_t *
arm_json(const struct hs_arm *a)
{
    const struct hs_edit *e = &a->edit;
    json_t *o = json_object();

    put(o, "label", text_json(a->label));
    put(o, "kind", json_string(hs_arm_kind_name(a->kind)));
    put(o, "layer",
        a->kind == HS_ARM_NONE ? json_null() : json_integer(e->layer));
    put(o, "size", text_json(a->size));
    put(o, "draw", a->draw > 0 ? json_integer(a->draw) : json_null());
    put(o, "mode", json_string(a->mode));
    put(o, "where", json_string(hs_edit_where_name(e->where)));
    put(o, "n_coords", number_json(e->n));
    put(o, "coords", coords_json(e));
    if (has_values(a))
        put(o, "values", values_json(e));
    put(o, "same_as", text_json(a->same_as));
    put(o, "n_sinks", number_json(a->n_sinks));
    put(o, "n_value", number_json(a->n_value));
    put(o, "rms_ratio", hs_json_number(round(a->rms_ratio * 1e4) / 1e4));
    return o;
}

json_t *
hs_armset_json(const struct hs_armset *s)
{
    json_t *j = json_array();

    for (size_t i = 0; i < s->n; i++)
        (void)json_array_append_new(j, arm_json(&s->v[i]));
    return j;
}

void
hs_armset_print(const struct hs_armset *s, FILE *to)
{
    json_t *arms = hs_armset_json(s), *arm;
    struct hs_buf b = {0};
    size_t i;

    json_array_foreach(arms, i, arm)
    {
        hs_json_print(&b, arm);
        hs_buf_str(&b, "\n");
        (void)fwrite(b.data, 1, b.len, to);
        b.len = 0;
    }
    hs_buf_free(&b);
    json_decref(arms);
}

/* ---- reading ---- */

/* Where an arm is read: its object, and what messages call it. */
struct place {
    const json_t *o;
    const char *where;
    struct hs_error *err;
};

/* A text, which must be there unless it may be absent: *out is then NULL. */
static int
read_text(const struct place *p, const char *key, bool absent, const char **out)
{
    int rc;

    *out = NULL;
    rc = hs_json_str(p->o, key, p->where, out, p->err);
    if (rc == 0 && !absent)
        return hs_fail(p->err, "%s: no %s", p->where, key);
    if (rc > 0 &&
        (strlen(*out) > MAX_NAME ||
         strlen(*out) != json_string_length(json_object_get(p->o, key))))
        return hs_fail(p->err, "%s: %s: no such text", p->where, key);
    return rc < 0 ? -1 : 0;
}

static int
read_kind(const struct place *p, struct hs_arm *a)
{
    const char *s;

    if (read_text(p, "kind", false, &s) < 0)
        return -1;
    for (int k = 0; k < HS_N_ARM_KINDS; k++)
        if (strcmp(s, hs_arm_kind_name((enum hs_arm_kind)k)) == 0) {
            a->kind = (enum hs_arm_kind)k;
            return 0;
        }
    return hs_fail(p->err, "%s: kind '%s' is not known", p->where, s);
}

/* What one kind has and another has not. */
static int
check_there(const struct place *p, const char *key, bool there, bool wanted)
{
    if (there == wanted)
        return 0;
    return hs_fail(p->err, "%s: %s %s", p->where, there ? "it has a" : "no",
                   key);
}

static int
read_names(const struct place *p, struct hs_arm *a)
{
    const char *label, *size, *same_as;
    uint64_t layer = 0, draw = 0;
    int has_layer, has_draw;

    if (read_text(p, "label", false, &label) < 0 || read_kind(p, a) < 0 ||
        read_text(p, "size", true, &size) < 0 ||
        read_text(p, "same_as", true, &same_as) < 0)
        return -1;
    has_layer =
        hs_json_u64(p->o, "layer", p->where, 0, MAX_LAYER, &layer, p->err);
    if (has_layer < 0)
        return -1;
    has_draw =
        hs_json_u64(p->o, "draw", p->where, 1, UINT32_MAX, &draw, p->err);
    if (has_draw < 0 ||
        check_there(p, "layer", has_layer > 0, a->kind != HS_ARM_NONE) < 0 ||
        check_there(p, "draw", has_draw > 0, hs_arm_is_drawn(a->kind)) < 0 ||
        check_there(p, "size", size != NULL, has_size(a->kind)) < 0)
        return -1;
    if (is_idle(a->kind) && check_there(p, "same_as", same_as != NULL, false))
        return -1;
    a->label = hs_strdup(label);
    a->size = size != NULL ? hs_strdup(size) : NULL;
    a->same_as = same_as != NULL ? hs_strdup(same_as) : NULL;
    a->edit.layer = (uint32_t)layer;
    a->draw = (uint32_t)draw;
    return 0;
}

static int
read_how(const struct place *p, struct hs_arm *a)
{
    struct hs_arm_mode mode = {0};
    const char *text, *where;

    if (read_text(p, "mode", false, &text) < 0 ||
        read_text(p, "where", false, &where) < 0)
        return -1;
    if (hs_edit_parse_where(&a->edit.where, where) < 0)
        return hs_fail(p->err, "%s: where '%s' is not known", p->where, where);
    if (is_idle(a->kind))
        return check_there(p, "mode", text[0] != '\0', false);
    if (hs_arm_mode_scan(text, &mode, p->err) < 0)
        return hs_fail_prefix(p->err, "%s", p->where);
    memcpy(a->mode, mode.text, sizeof a->mode);
    a->edit.mode = mode.mode;
    return 0;
}

/* An array of n_coords entries, or NULL. */
static const json_t *
read_array(const struct place *p, const char *key, size_t n)
{
    const json_t *j = json_object_get(p->o, key);

    if (json_is_array(j) && json_array_size(j) == n)
        return j;
    hs_fail(p->err, "%s: %s: not a list of %zu", p->where, key, n);
    return NULL;
}

static int
read_coords(const struct place *p, struct hs_edit *e, size_t n)
{
    const json_t *j = read_array(p, "coords", n);

    if (j == NULL)
        return -1;
    e->coords = n > 0 ? hs_calloc(n, sizeof *e->coords) : NULL;
    e->n = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(j, i);
        json_int_t v = json_integer_value(x);

        if (!json_is_integer(x) || v < 0 || v > UINT32_MAX ||
            (i > 0 && v <= (json_int_t)e->coords[i - 1]))
            return hs_fail(p->err, "%s: coords: not ascending numbers",
                           p->where);
        e->coords[i] = (uint32_t)v;
    }
    return 0;
}

static int
read_values(const struct place *p, struct hs_arm *a)
{
    struct hs_edit *e = &a->edit;
    const json_t *j;

    if (!has_values(a))
        return check_there(p, "list of values",
                           json_object_get(p->o, "values") != NULL, false);
    j = read_array(p, "values", e->n);
    if (j == NULL)
        return -1;
    e->values = hs_calloc(e->n, sizeof *e->values);
    for (size_t i = 0; i < e->n; i++) {
        const json_t *x = json_array_get(j, i);
        double v = json_number_value(x);

        if (!json_is_number(x) || !(fabs(v) <= (double)FLT_MAX))
            return hs_fail(p->err, "%s: values: not numbers of f32", p->where);
        e->values[i] = (float)v;
    }
    return 0;
}

static int
read_counts(const struct place *p, struct hs_arm *a)
{
    uint64_t n = a->edit.n, n_sinks = 0, n_value = 0;

    a->rms_ratio = NAN;
    if (hs_json_u64(p->o, "n_sinks", p->where, 0, n, &n_sinks, p->err) < 0 ||
        hs_json_u64(p->o, "n_value", p->where, 0, n, &n_value, p->err) < 0 ||
        hs_json_f64(p->o, "rms_ratio", p->where, &a->rms_ratio, p->err) < 0)
        return -1;
    if (a->rms_ratio < 0)
        return hs_fail(p->err, "%s: rms_ratio: below 0", p->where);
    a->n_sinks = (size_t)n_sinks;
    a->n_value = (size_t)n_value;
    return 0;
}

static int
read_arm(const struct place *p, struct hs_arm *a)
{
    uint64_t n = 0;

    if (!json_is_object(p->o))
        return hs_fail(p->err, "%s: not an object", p->where);
    if (read_names(p, a) < 0 || read_how(p, a) < 0 ||
        hs_json_u64(p->o, "n_coords", p->where, 0, UINT32_MAX, &n, p->err) < 0)
        return -1;
    if ((n == 0) != is_idle(a->kind))
        return hs_fail(p->err, "%s: %s with %zu coordinates", p->where,
                       hs_arm_kind_name(a->kind), (size_t)n);
    if (read_coords(p, &a->edit, (size_t)n) < 0 || read_values(p, a) < 0)
        return -1;
    return read_counts(p, a);
}

/* The last arm against those before it; labels: an object of their indices. */
static int
check_label(const struct hs_armset *s, json_t *labels, const char *where,
            struct hs_error *err)
{
    const struct hs_arm *a = &s->v[s->n - 1];
    const json_t *same;

    if (json_object_get(labels, a->label) != NULL)
        return hs_fail(err, "%s: label '%s' is there twice", where, a->label);
    if (a->same_as != NULL) {
        same = json_object_get(labels, a->same_as);
        if (same == NULL || s->v[json_integer_value(same)].same_as != NULL)
            return hs_fail(err, "%s: same_as '%s' is no earlier arm that runs",
                           where, a->same_as);
    }
    if (json_object_set_new(labels, a->label,
                            json_integer((json_int_t)s->n - 1)) < 0)
        return hs_fail(err, "%s: label: no text", where);
    return 0;
}

int
hs_armset_read(struct hs_armset *out, const json_t *j, struct hs_error *err)
{
    json_t *labels = json_object();
    size_t cap = 0, n = json_array_size(j);
    int rc = 0;

    *out = (struct hs_armset){0};
    if (!json_is_array(j))
        rc = hs_fail(err, "arms: not a list");
    for (size_t i = 0; i < n && rc == 0; i++) {
        char where[32];
        struct place p = {json_array_get(j, i), where, err};

        (void)snprintf(where, sizeof where, "arm %zu", i + 1);
        out->v = hs_grow(out->v, &cap, out->n + 1, sizeof *out->v);
        out->v[out->n] = (struct hs_arm){0};
        rc = read_arm(&p, &out->v[out->n++]);
        if (rc == 0)
            rc = check_label(out, labels, where, err);
    }
    json_decref(labels);
    if (rc < 0)
        hs_armset_free(out);
    return rc;
}
