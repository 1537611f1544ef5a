/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkrecords.c - a stream of any kind, of records that come as lines of JSON,
 * for tests.
 *
 * A member {"f32": [...]} or {"u32": [...]} of a record becomes a tensor; null
 * in an f32 is NaN.  A first line {"type":"head"} gives width and run of the
 * head; a line of type "trajectory" is one, with the members of hs-export(1).
 */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/msg.h"
#include "stream/mp.h"
#include "stream/stream.h"
#include "stream/trajjson.h"

static const char usage[] = "usage: mkrecords KIND < LINES > STREAM\n";

/* The list of a tensor, or NULL. */
static const json_t *
tensor_list(const json_t *v, const char **dtype)
{
    const json_t *list = json_object_get(v, "f32");

    *dtype = list ? "f32" : "u32";
    return list ? list : json_object_get(v, "u32");
}

static void
pack_tensor(msgpack_packer *pk, const char *key, const char *dtype,
            const json_t *list)
{
    size_t n = json_array_size(list);
    uint32_t *u = hs_calloc(n, sizeof *u);
    float *f = hs_calloc(n, sizeof *f);

    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(list, i);

        u[i] = (uint32_t)json_integer_value(x);
        f[i] = json_is_null(x) ? NAN : (float)json_number_value(x);
    }
    hs_mp_tensor(pk, key, dtype, strcmp(dtype, "f32") == 0 ? (void *)f : u, n);
    free(u);
    free(f);
}

static void
pack(struct hs_buf *b, json_t *record)
{
    msgpack_packer pk;
    const char *key;
    json_t *v;

    hs_mp_packer(&pk, b);
    (void)msgpack_pack_map(&pk, json_object_size(record));
    json_object_foreach(record, key, v)
    {
        const char *dtype;
        const json_t *list = tensor_list(v, &dtype);

        if (list != NULL) {
            pack_tensor(&pk, key, dtype, list);
        } else {
            hs_mp_key(&pk, key);
            hs_mp_json(&pk, v);
        }
    }
}

/* The next line, or NULL at the end. */
static json_t *
next_line(void)
{
    struct hs_error err;
    size_t cap = 0;
    char *line = NULL;
    ssize_t n = getline(&line, &cap, stdin);
    json_t *j = NULL;

    if (n > 0) {
        j = hs_json_parse(line, (size_t)n, "<stdin>", &err);
        if (j == NULL)
            hs_die(HS_EXIT_FAIL, "%s", err.text);
    }
    free(line);
    return j;
}

static bool
is_of(const json_t *record, const char *type)
{
    const char *t = json_string_value(json_object_get(record, "type"));

    return t != NULL && strcmp(t, type) == 0;
}

static int
write_record(struct hs_writer *w, json_t *j)
{
    struct hs_record rec = {.type = HS_REC_OTHER};
    struct hs_trajectory t = {0};
    struct hs_buf b = {0};
    struct hs_error err;
    int rc;

    if (is_of(j, "trajectory")) {
        if (hs_trajectory_from_json(j, &t, &err) < 0)
            hs_die(HS_EXIT_FAIL, "%s", err.text);
        rc = hs_write_trajectory(w, &t);
    } else {
        pack(&b, j);
        rec.raw = b.data;
        rec.raw_len = b.len;
        rc = hs_write_raw(w, &rec);
    }
    hs_trajectory_free(&t);
    hs_buf_free(&b);
    return rc;
}

static void
run(const char *kind)
{
    json_t *j = next_line();
    struct hs_writer *w;
    struct hs_head head;
    struct hs_error err;

    hs_head_init(&head, kind);
    head.dim = 1;
    if (is_of(j, "head")) {
        head.dim = (uint64_t)json_integer_value(json_object_get(j, "dim"));
        json_decref(head.run);
        head.run = json_incref(json_object_get(j, "run"));
        json_decref(j);
        j = next_line();
    }
    w = hs_writer_open(STDOUT_FILENO, "<stdout>", &head, HS_LEVEL_DEFAULT,
                       &err);
    if (w == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    for (; j != NULL; j = next_line()) {
        if (write_record(w, j) < 0)
            hs_die(HS_EXIT_FAIL, "%s", hs_writer_error(w));
        json_decref(j);
    }
    if (hs_writer_close(w, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    hs_head_free(&head);
}

int
main(int argc, char **argv)
{
    hs_init(argv);
    if (argc != 2) {
        fputs(usage, stderr);
        return HS_EXIT_USAGE;
    }
    run(argv[1]);
    return hs_finish(HS_EXIT_OK);
}
