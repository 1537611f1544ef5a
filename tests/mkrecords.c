/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkrecords.c - a stream of any kind, of records that come as lines of JSON,
 * for tests.
 *
 * A member {"f32": [...]} or {"u32": [...]} of a record becomes a tensor; null
 * in an f32 is NaN.
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

static void
run(const char *kind)
{
    struct hs_writer *w;
    struct hs_head head;
    struct hs_error err;
    size_t cap = 0, number = 0;
    char *line = NULL;
    ssize_t n;

    hs_head_init(&head, kind);
    head.dim = 1;
    w = hs_writer_open(STDOUT_FILENO, "<stdout>", &head, HS_LEVEL_DEFAULT,
                       &err);
    if (w == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_t *record = hs_json_parse(line, (size_t)n, "<stdin>", &err);
        struct hs_buf b = {0};
        struct hs_record rec = {.type = HS_REC_OTHER};

        number++;
        if (record == NULL)
            hs_die(HS_EXIT_FAIL, "line %zu: %s", number, err.text);
        pack(&b, record);
        rec.raw = b.data;
        rec.raw_len = b.len;
        if (hs_write_raw(w, &rec) < 0)
            hs_die(HS_EXIT_FAIL, "%s", hs_writer_error(w));
        hs_buf_free(&b);
        json_decref(record);
    }
    if (hs_writer_close(w, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    free(line);
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
