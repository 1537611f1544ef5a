/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * jsonview.c - see jsonview.h.  jansson's own printing has one precision for
 * all numbers: 17 digits make 0.1 ugly, 9 lose what a double holds.
 */
#include <config.h>

#include "stream/jsonview.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a number stands, which says how it is printed. */
enum place {
    ANYWHERE,
    IN_TENSOR,
    IN_U32_TENSOR
};

static void
print_real(struct hs_buf *b, double x, enum place place)
{
    char text[40];
    int digits = 15;

    if (place != ANYWHERE) {
        (void)snprintf(text, sizeof text, "%.9g", x);
    } else {
        do
            (void)snprintf(text, sizeof text, "%.*g", digits, x);
        while (strtod(text, NULL) != x && digits++ < 17);
    }
    /* "1" read back would be an integer. */
    if (place != IN_U32_TENSOR && strpbrk(text, ".e") == NULL)
        hs_buf_printf(b, "%s.0", text);
    else
        hs_buf_str(b, text);
}

/* s as the inside of a JSON string; a TSV cell leaves quotes alone. */
static void
print_escaped(struct hs_buf *b, const char *s, size_t n, bool quotes)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        const char *at = c == '\0' ? NULL : strchr(plain, c);

        if (at != NULL && (quotes || c != '"'))
            hs_buf_printf(b, "\\%c", letter[at - plain]);
        else if (c < 0x20 || c == 0x7f)
            hs_buf_printf(b, "\\u%04x", c);
        else
            hs_buf_add(b, s + i, 1);
    }
}

static void
print_string(struct hs_buf *b, const char *s, size_t n)
{
    hs_buf_str(b, "\"");
    print_escaped(b, s, n, true);
    hs_buf_str(b, "\"");
}

static enum place
place_inside(const json_t *object)
{
    const json_t *dtype = json_object_get(object, "dtype");

    if (!json_is_string(dtype) || json_object_get(object, "shape") == NULL)
        return ANYWHERE;
    return strcmp(json_string_value(dtype), "u32") == 0 ? IN_U32_TENSOR
                                                        : IN_TENSOR;
}

static void
print(struct hs_buf *b, const json_t *j, enum place place)
{
    const char *comma = "", *key;
    json_t *value;
    size_t i;

    switch (json_typeof(j)) {
    case JSON_OBJECT:
        place = place_inside(j);
        hs_buf_str(b, "{");
        /* jansson's loop wants a pointer that is not const. */
        for (void *it = json_object_iter((json_t *)(uintptr_t)j); it != NULL;
             it = json_object_iter_next((json_t *)(uintptr_t)j, it)) {
            key = json_object_iter_key(it);
            value = json_object_iter_value(it);
            hs_buf_str(b, comma);
            print_string(b, key, strlen(key));
            hs_buf_str(b, ":");
            print(b, value, place);
            comma = ",";
        }
        hs_buf_str(b, "}");
        break;
    case JSON_ARRAY:
        hs_buf_str(b, "[");
        json_array_foreach(j, i, value)
        {
            hs_buf_str(b, comma);
            print(b, value, place);
            comma = ",";
        }
        hs_buf_str(b, "]");
        break;
    case JSON_STRING:
        print_string(b, json_string_value(j), json_string_length(j));
        break;
    case JSON_INTEGER:
        hs_buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
        break;
    case JSON_REAL:
        print_real(b, json_real_value(j), place);
        break;
    case JSON_TRUE:
        hs_buf_str(b, "true");
        break;
    case JSON_FALSE:
        hs_buf_str(b, "false");
        break;
    case JSON_NULL:
        hs_buf_str(b, "null");
        break;
    }
}

void
hs_json_print(struct hs_buf *b, const json_t *j)
{
    print(b, j, ANYWHERE);
}

void
hs_tsv_cell(struct hs_buf *b, const json_t *j)
{
    if (json_is_string(j))
        print_escaped(b, json_string_value(j), json_string_length(j), false);
    else if (j != NULL)
        print(b, j, ANYWHERE);
}

const json_t *
hs_json_path(const json_t *j, const char *path)
{
    const json_t *found = json_object_get(j, path);

    for (const char *dot = strchr(path, '.'); found == NULL && dot != NULL;
         dot = strchr(dot + 1, '.')) {
        char *key = hs_strndup(path, (size_t)(dot - path));
        const json_t *inner = json_object_get(j, key);

        free(key);
        if (inner != NULL)
            found = hs_json_path(inner, dot + 1);
    }
    return found;
}

static void
flatten(json_t *to, const char *prefix, const json_t *j)
{
    for (void *it = json_object_iter((json_t *)(uintptr_t)j); it != NULL;
         it = json_object_iter_next((json_t *)(uintptr_t)j, it)) {
        json_t *value = json_object_iter_value(it);
        struct hs_buf path = {0};

        hs_buf_printf(&path, "%s%s%s", prefix, prefix[0] ? "." : "",
                      json_object_iter_key(it));
        if (json_is_object(value))
            flatten(to, hs_buf_cstr(&path), value);
        else
            json_object_set(to, hs_buf_cstr(&path), value);
        hs_buf_free(&path);
    }
}

json_t *
hs_json_flat(const json_t *j)
{
    json_t *flat = json_object();

    flatten(flat, "", j);
    return flat;
}

struct hs_lines {
    char *const *fields;
    bool tsv;
    FILE *to;
    bool *seen; /* which fields some object had */
    uint64_t n;
    struct hs_buf line, columns, last_columns;
};

struct hs_lines *
hs_lines_new(char *const *fields, bool tsv, FILE *to)
{
    struct hs_lines *l = hs_calloc(1, sizeof *l);
    size_t n = 0;

    while (fields != NULL && fields[n] != NULL)
        n++;
    *l = (struct hs_lines){.fields = fields, .tsv = tsv, .to = to};
    l->seen = hs_calloc(n, sizeof *l->seen);
    return l;
}

void
hs_lines_free(struct hs_lines *l)
{
    if (l == NULL)
        return;
    hs_buf_free(&l->line);
    hs_buf_free(&l->columns);
    hs_buf_free(&l->last_columns);
    free(l->seen);
    free(l);
}

const char *
hs_lines_missing(const struct hs_lines *l)
{
    for (size_t i = 0; l->fields != NULL && l->fields[i] != NULL; i++)
        if (l->n > 0 && !l->seen[i])
            return l->fields[i];
    return NULL;
}

/* The members that are wanted, absent ones left out. */
static json_t *
choose(const struct hs_lines *l, const json_t *j)
{
    json_t *chosen = json_object();

    for (size_t i = 0; l->fields[i] != NULL; i++) {
        const json_t *value = hs_json_path(j, l->fields[i]);

        if (value == NULL)
            continue;
        l->seen[i] = true;
        json_object_set_new(chosen, l->fields[i], json_deep_copy(value));
    }
    return chosen;
}

static void
add_cell(struct hs_lines *l, const char *name, const json_t *value)
{
    if (l->columns.len > 0)
        hs_buf_str(&l->line, "\t");
    hs_buf_printf(&l->columns, "%c%s", l->columns.len > 0 ? '\t' : '#', name);
    hs_tsv_cell(&l->line, value);
}

static void
put_tsv(struct hs_lines *l, const json_t *flat)
{
    l->columns.len = 0;
    if (l->fields != NULL)
        for (size_t i = 0; l->fields[i] != NULL; i++)
            add_cell(l, l->fields[i], json_object_get(flat, l->fields[i]));
    else
        for (void *it = json_object_iter((json_t *)(uintptr_t)flat); it != NULL;
             it = json_object_iter_next((json_t *)(uintptr_t)flat, it))
            add_cell(l, json_object_iter_key(it), json_object_iter_value(it));
    if (l->columns.len != l->last_columns.len ||
        memcmp(l->columns.data, l->last_columns.data, l->columns.len) != 0) {
        fprintf(l->to, "%s\n", hs_buf_cstr(&l->columns));
        l->last_columns.len = 0;
        hs_buf_add(&l->last_columns, l->columns.data, l->columns.len);
    }
}

void
hs_lines_put(struct hs_lines *l, const json_t *j)
{
    json_t *own = NULL;

    l->n++;
    l->line.len = 0;
    if (l->fields != NULL)
        own = choose(l, j);
    else if (l->tsv)
        own = hs_json_flat(j);
    if (l->tsv)
        put_tsv(l, own);
    else
        hs_json_print(&l->line, own ? own : j);
    json_decref(own);
    hs_buf_str(&l->line, "\n");
    (void)fwrite(l->line.data, 1, l->line.len, l->to);
}
