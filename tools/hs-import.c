/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hs-import: a stream of arrays in .safetensors or .npy, and of the index that
 * says whose rows they are.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/outfile.h"
#include "model/arrays.h"
#include "model/model.h"
#include "stream/idset.h"
#include "stream/mp.h"
#include "stream/stream.h"
#include "stream/trajjson.h"

enum {
    WRITE_BYTES = 16 << 20 /* encoded bytes that are written together */
};

struct options {
    const char *output, *index, *model;
    bool dtype_given, no_history;
    enum hs_dtype dtype;
    int level, argc;
    char **argv;
};

struct import {
    const struct options *o;
    struct hs_arrays *arrays;
    char *index; /* owned: name of the index */
    struct hs_head head;
    struct hs_outfile file;
    struct hs_writer *writer; /* NULL before the head is known */
    struct hs_trajectory traj;
    struct hs_encoded encoded;
    struct hs_idset ids;
    size_t n_rows; /* taken so far */
    float *x;
    size_t cap_x;
    struct hs_error err;
};

static const char usage[] =
    "usage: hs-import [options] FILE.safetensors|FOLDER > OUT\n"
    "Make a stream of arrays layer.0 ... and an index.\n"
    "\n"
    "  -o, --output=FILE  write to FILE\n"
    "      --index=FILE   the index (default: FILE.index.jsonl, or\n"
    "                     FOLDER/index.jsonl)\n"
    "  -m, --model=DIR    the model that the states are of\n"
    "      --dtype=TYPE   f16, bf16 or f32 (default: as in the index, or the\n"
    "                     arrays)\n"
    "      --no-history   no programs in the head\n"
    "  -z, --level=N      zstd level, 1 to 19 (default 1)\n"
    "  -h, --help         print this help\n"
    "  -V, --version      print the version\n";

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case 'o':
        o->output = optarg;
        break;
    case 'm':
        o->model = optarg;
        break;
    case 'z':
        o->level = (int)hs_parse_u64("--level", optarg, 1, 19);
        break;
    case 1:
        o->index = optarg;
        break;
    case 2:
        if (hs_dtype_parse(optarg, &o->dtype) < 0)
            hs_die(HS_EXIT_USAGE, "--dtype: '%s' is not f16, bf16 or f32",
                   optarg);
        o->dtype_given = true;
        break;
    case 3:
        o->no_history = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("hs-import (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longopts[] = {
        {"output", required_argument, NULL, 'o'},
        {"index", required_argument, NULL, 1},
        {"model", required_argument, NULL, 'm'},
        {"dtype", required_argument, NULL, 2},
        {"no-history", no_argument, NULL, 3},
        {"level", required_argument, NULL, 'z'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int c;

    *o =
        (struct options){.level = HS_LEVEL_DEFAULT, .argc = argc, .argv = argv};
    while ((c = getopt_long(argc, argv, "o:m:z:hV", longopts, NULL)) != -1)
        parse_option(c, o);
    if (optind + 1 != argc)
        hs_die(HS_EXIT_USAGE, "one file or folder must be given");
    if (o->output == NULL || strcmp(o->output, "-") == 0)
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
}

/* The index that belongs to a file or a folder. */
static char *
index_of(const char *source)
{
    static const char suffix[] = ".safetensors";
    size_t n = strlen(source), end = sizeof suffix - 1;
    struct hs_buf b = {0};

    while (n > 1 && source[n - 1] == '/')
        n--;
    if (n > end && strncmp(source + n - end, suffix, end) == 0)
        hs_buf_printf(&b, "%.*s.index.jsonl", (int)(n - end), source);
    else
        hs_buf_printf(&b, "%.*s/index.jsonl", (int)n, source);
    return hs_buf_cstr(&b);
}

/* Takes the facts of a model from its folder. */
static int
use_model(struct import *im)
{
    struct hs_model *m = hs_model_open(im->o->model, &im->err);
    struct hs_head *h = &im->head;
    int rc = 0;

    if (m == NULL)
        return -1;
    if (h->fingerprint[0] != '\0' &&
        strcmp(h->fingerprint, m->fingerprint) != 0)
        rc = hs_fail(&im->err, "%s: is not the model that the index names",
                     im->o->model);
    hs_head_set(&h->fingerprint, m->fingerprint);
    hs_head_set(&h->family, hs_family_name(m->cfg.family));
    h->n_layers = m->cfg.n_layers;
    h->n_vocab = m->cfg.n_vocab;
    h->dim = m->cfg.dim;
    hs_model_free(m);
    return rc;
}

/* Sets or checks what arrays and index both know. */
static int
match_head(struct import *im, bool from_index)
{
    const struct hs_arrays *a = im->arrays;
    struct hs_head *h = &im->head;

    if (h->dim == 0)
        h->dim = a->layers[0].dim;
    if (h->dim != a->layers[0].dim)
        return hs_fail(&im->err,
                       "%s: rows of %zu numbers, the model has %" PRIu64,
                       a->name, a->layers[0].dim, h->dim);
    if (!from_index && im->o->model == NULL)
        h->n_layers = a->layers[a->n_layers - 1].layer;
    if (from_index && h->layers.n != a->n_layers)
        return hs_fail(&im->err, "%s: %zu layers, the index has %zu", a->name,
                       a->n_layers, h->layers.n);
    for (size_t i = 0; i < a->n_layers; i++)
        if (a->layers[i].layer > h->n_layers ||
            (from_index && h->layers.v[i] != a->layers[i].layer))
            return hs_fail(&im->err, "%s: layer %" PRIu32 " is none of the %s",
                           a->name, a->layers[i].layer,
                           from_index ? "index" : "model");
    if (!from_index) {
        h->layers.v = hs_calloc(a->n_layers, sizeof *h->layers.v);
        for (; h->layers.n < a->n_layers; h->layers.n++)
            h->layers.v[h->layers.n] = a->layers[h->layers.n].layer;
        h->dtype = a->layers[0].dtype;
    }
    if (im->o->dtype_given)
        h->dtype = im->o->dtype;
    return 0;
}

/* Makes the head, of the first line of the index if that is one, and opens
 * the output. */
static int
begin(struct import *im, const json_t *line)
{
    const struct options *o = im->o;
    bool from_index = line != NULL;

    if (from_index && hs_head_from_json(line, &im->head, &im->err) < 0)
        return -1;
    if (strcmp(im->head.kind, "activations") != 0)
        return hs_fail(&im->err, "head: kind is '%s', not 'activations'",
                       im->head.kind);
    if ((o->model != NULL && use_model(im) < 0) ||
        match_head(im, from_index) < 0)
        return -1;
    if (o->no_history)
        hs_head_drop_history(&im->head);
    else
        hs_head_add_history(&im->head, o->argc, o->argv);
    if (hs_outfile_open(&im->file, o->output, HS_OUTFILE_FRESH, &im->err) < 0)
        return -1;
    im->writer =
        hs_writer_open(im->file.fd, im->file.path ? o->output : "<stdout>",
                       &im->head, o->level, &im->err);
    return im->writer ? 0 : -1;
}

static int
write_encoded(struct import *im)
{
    if (hs_write_encoded(im->writer, &im->encoded) < 0)
        return hs_fail(&im->err, "%s", hs_writer_error(im->writer));
    im->encoded.bytes.len = 0;
    im->encoded.n = 0;
    im->encoded.counts = (struct hs_counts){0};
    return 0;
}

/* Rows of one layer for the trajectory at hand, a block at a time. */
static int
put_layer(struct import *im, struct hs_array *l)
{
    const struct hs_trajectory *t = &im->traj;
    size_t most = hs_block_rows(im->head.dtype, l->dim);

    im->x = hs_grow(im->x, &im->cap_x, most * l->dim, sizeof *im->x);
    for (size_t r = 0; r < t->n_states; r += most) {
        size_t n = t->n_states - r < most ? t->n_states - r : most;

        hs_array_rows(l, im->n_rows + r, n, im->x);
        if (hs_encode_states(&im->encoded, im->head.dtype, t, l->layer, r,
                             im->x, n, l->dim, l->dim, &im->err) < 0)
            return -1;
        if (im->encoded.bytes.len > WRITE_BYTES && write_encoded(im) < 0)
            return -1;
    }
    return 0;
}

/* What the arrays must have for the trajectory at hand. */
static int
check_trajectory(struct import *im, const json_t *j)
{
    const struct hs_trajectory *t = &im->traj;
    uint64_t first = im->n_rows;

    if (!hs_idset_add(&im->ids, t->id, strlen(t->id)))
        return hs_fail(&im->err, "%s: a second trajectory of this id", t->id);
    if (hs_json_u64(j, "first", t->id, 0, INT64_MAX, &first, &im->err) < 0)
        return -1;
    if (first != im->n_rows)
        return hs_fail(&im->err,
                       "%s: first row is %" PRIu64 ", but %zu rows come before",
                       t->id, first, im->n_rows);
    if (t->n_states > im->arrays->layers[0].rows - im->n_rows)
        return hs_fail(&im->err, "%s: needs rows %zu to %zu, there are %zu",
                       t->id, im->n_rows, im->n_rows + t->n_states - 1,
                       im->arrays->layers[0].rows);
    for (size_t i = 0; im->head.n_vocab > 0 && i < t->n_tokens; i++)
        if (t->tokens[i] >= im->head.n_vocab)
            return hs_fail(&im->err, "%s: token %" PRIu32 " of %" PRIu64, t->id,
                           t->tokens[i], im->head.n_vocab);
    return 0;
}

static int
put_trajectory(struct import *im, const json_t *j)
{
    if (hs_trajectory_from_json(j, &im->traj, &im->err) < 0 ||
        check_trajectory(im, j) < 0)
        return -1;
    hs_encode_trajectory(&im->encoded, &im->traj);
    if (hs_mp_scan(im->encoded.bytes.data, im->encoded.bytes.len) == 0)
        return hs_fail(&im->err, "%s: meta is nested too deeply", im->traj.id);
    for (size_t i = 0; i < im->arrays->n_layers; i++)
        if (put_layer(im, &im->arrays->layers[i]) < 0)
            return -1;
    im->n_rows += im->traj.n_states;
    return write_encoded(im);
}

/* One line of the index. */
static int
take_line(struct import *im, const char *text, size_t n)
{
    json_t *j = hs_json_parse(text, n, "not JSON", &im->err);
    const char *type;
    int rc = 0;

    if (j == NULL)
        return -1;
    type = json_string_value(json_object_get(j, "type"));
    if (!json_is_object(j))
        rc = hs_fail(&im->err, "not an object");
    else if (type != NULL && strcmp(type, "head") == 0)
        rc = im->writer == NULL ? begin(im, j)
                                : hs_fail(&im->err, "a second head");
    else if (im->writer == NULL)
        rc = begin(im, NULL);
    if (rc == 0 && (type == NULL || strcmp(type, "head") != 0))
        rc = put_trajectory(im, j);
    json_decref(j);
    return rc;
}

static int
read_index(struct import *im)
{
    FILE *f = fopen(im->index, "r");
    size_t cap = 0, number = 0;
    char *line = NULL;
    ssize_t n;
    int rc = 0;

    if (f == NULL)
        return hs_fail(&im->err, "%s: %s", im->index, strerror(errno));
    while (rc == 0 && (n = getline(&line, &cap, f)) > 0) {
        number++;
        rc = take_line(im, line, (size_t)n);
        if (rc < 0)
            hs_fail_prefix(&im->err, "%s: line %zu", im->index, number);
    }
    if (rc == 0 && ferror(f))
        rc = hs_fail(&im->err, "%s: %s", im->index, strerror(errno));
    free(line);
    (void)fclose(f);
    if (rc == 0 && im->writer == NULL)
        rc = hs_fail(&im->err, "%s: is empty", im->index);
    return rc;
}

static int
run(struct import *im, const char *source)
{
    struct hs_writer *w;

    hs_head_init(&im->head, "activations");
    im->arrays = hs_arrays_open(source, &im->err);
    if (im->arrays == NULL)
        return -1;
    im->index = im->o->index ? hs_strdup(im->o->index) : index_of(source);
    if (read_index(im) < 0)
        return -1;
    if (im->n_rows != im->arrays->layers[0].rows)
        return hs_fail(&im->err, "%s: %zu rows, the index accounts for %zu",
                       source, im->arrays->layers[0].rows, im->n_rows);
    w = im->writer;
    im->writer = NULL;
    if (hs_writer_close(w, &im->err) < 0)
        return -1;
    return hs_outfile_commit(&im->file, &im->err);
}

int
main(int argc, char **argv)
{
    struct options o;
    struct import im = {.o = &o};

    hs_init(argv);
    parse_options(argc, argv, &o);
    if (run(&im, argv[optind]) < 0)
        hs_die(HS_EXIT_FAIL, "%s", im.err.text);
    hs_arrays_close(im.arrays);
    hs_head_free(&im.head);
    hs_trajectory_free(&im.traj);
    hs_encoded_free(&im.encoded);
    hs_idset_free(&im.ids);
    free(im.index);
    free(im.x);
    return hs_finish(HS_EXIT_OK);
}
