/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hs-export: the states of a stream as .safetensors or .npy arrays, with an
 * index that says whose rows they are and holds all else that hs-import needs.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/outfile.h"
#include "stream/column.h"
#include "stream/input.h"
#include "stream/jsonview.h"
#include "stream/plane.h"
#include "stream/stream.h"
#include "stream/trajjson.h"

static const char suffix[] = ".safetensors";

struct options {
    const char *output, *npy;
    struct hs_list layers;
    bool all_layers, dtype_given;
    enum hs_dtype dtype;
};

/* Arrays with a row for each state, and for each trajectory. */
enum {
    COL_TRAJECTORY,
    COL_POSITION,
    COL_TOKEN,
    COL_OFFSET,
    COL_REWARD,
    COL_LAYERS /* the first layer */
};

struct export
{
    const struct options *o;
    struct hs_head head; /* of the first input */
    struct hs_list layers;
    enum hs_dtype dtype;
    struct hs_columns *columns; /* NULL before the first head */
    struct hs_outfile index_file;
    char *index_path;
    struct hs_buf index; /* lines to be written */
    int64_t n_trajectories, n_rows;
    float *x;
    uint8_t *planes, *values;
    size_t cap_x, cap_planes, cap_values;
    struct hs_error err;
};

static const char usage[] =
    "usage: hs-export -o FILE.safetensors [options] [FILE...]\n"
    "       hs-export --npy=FOLDER [options] [FILE...]\n"
    "Write the states of a stream as arrays, one for each layer.\n"
    "\n"
    "  -o, --output=FILE  write FILE, and FILE.index.jsonl beside it\n"
    "      --npy=FOLDER   write FOLDER/layer-0.npy ... and index.jsonl\n"
    "      --dtype=TYPE   f16, bf16 or f32 (default: that of the stream)\n"
    "  -l, --layers=LIST  only these layers\n"
    "  -h, --help         print this help\n"
    "  -V, --version      print the version\n";

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case 'o':
        o->output = optarg;
        break;
    case 'l':
        hs_list_free(&o->layers);
        hs_parse_list("--layers", optarg, &o->layers);
        o->all_layers = o->layers.all;
        break;
    case 1:
        o->npy = optarg;
        break;
    case 2:
        if (hs_dtype_parse(optarg, &o->dtype) < 0)
            hs_die(HS_EXIT_USAGE, "--dtype: '%s' is not f16, bf16 or f32",
                   optarg);
        o->dtype_given = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("hs-export (hstools) " PACKAGE_VERSION);
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
        {"npy", required_argument, NULL, 1},
        {"dtype", required_argument, NULL, 2},
        {"layers", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int c;

    *o = (struct options){.all_layers = true};
    while ((c = getopt_long(argc, argv, "o:l:hV", longopts, NULL)) != -1)
        parse_option(c, o);
    if ((o->output == NULL) == (o->npy == NULL))
        hs_die(HS_EXIT_USAGE, "one of --output and --npy must be given");
    if (strcmp(o->output ? o->output : o->npy, "-") == 0)
        hs_die(HS_EXIT_USAGE, "arrays can not go to standard output");
}

/* The folder that path is in. */
static char *
folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return hs_strdup(".");
    return hs_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int
add_columns(struct export *x)
{
    static const struct {
        const char *name;
        enum hs_column_type type;
    } fixed[COL_LAYERS] = {{"row_trajectory", HS_COL_I64},
                           {"row_position", HS_COL_I64},
                           {"row_token", HS_COL_I64},
                           {"offsets", HS_COL_I64},
                           {"reward", HS_COL_I8}};
    static const enum hs_column_type types[] = {HS_COL_F16, HS_COL_BF16,
                                                HS_COL_F32};
    const int64_t zero = 0;

    for (int i = 0; i < COL_LAYERS; i++)
        if (hs_columns_add(x->columns, fixed[i].name, fixed[i].type, 0,
                           &x->err) < 0)
            return -1;
    for (size_t i = 0; i < x->layers.n; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "layer.%" PRIu32, x->layers.v[i]);
        if (hs_columns_add(x->columns, name, types[x->dtype],
                           (size_t)x->head.dim, &x->err) < 0)
            return -1;
    }
    return hs_columns_put(x->columns, COL_OFFSET, &zero, 1, &x->err);
}

/* Adds a line to the index and releases j. */
static int
put_index(struct export *x, json_t *j)
{
    hs_json_print(&x->index, j);
    hs_buf_str(&x->index, "\n");
    json_decref(j);
    if (x->index.len > 1 << 20) {
        if (hs_write_all(x->index_file.fd, x->index.data, x->index.len) < 0)
            return hs_fail(&x->err, "%s: %s", x->index_path, strerror(errno));
        x->index.len = 0;
    }
    return 0;
}

static char *
index_path(const struct options *o)
{
    struct hs_buf b = {0};
    size_t n;

    if (o->npy != NULL) {
        hs_buf_printf(&b, "%s/index.jsonl", o->npy);
        return hs_buf_cstr(&b);
    }
    n = strlen(o->output);
    if (n > sizeof suffix - 1 &&
        strcmp(o->output + n - (sizeof suffix - 1), suffix) == 0)
        n -= sizeof suffix - 1;
    hs_buf_printf(&b, "%.*s.index.jsonl", (int)n, o->output);
    return hs_buf_cstr(&b);
}

/* What depends on the head of the first input. */
static int
begin(struct export *x, const struct hs_head *head)
{
    const struct options *o = x->o;
    struct hs_head shown;
    char *folder;

    if (strcmp(head->kind, "activations") != 0)
        return hs_fail(&x->err, "kind is '%s'; only activations have states",
                       head->kind);
    hs_head_copy(&x->head, head);
    if (hs_layers_choose(head, o->all_layers ? &head->layers : &o->layers,
                         &x->layers, &x->err) < 0)
        return -1;
    x->dtype = o->dtype_given ? o->dtype : head->dtype;
    if (o->npy != NULL && hs_make_folder(o->npy, &x->err) < 0)
        return -1;
    folder = o->npy ? hs_strdup(o->npy) : folder_of(o->output);
    x->columns = hs_columns_new(folder);
    free(folder);
    x->index_path = index_path(o);
    if (hs_outfile_open(&x->index_file, x->index_path, HS_OUTFILE_FRESH,
                        &x->err) < 0 ||
        add_columns(x) < 0)
        return -1;
    hs_head_copy(&shown, head);
    hs_list_free(&shown.layers);
    if (hs_layers_choose(head, &x->layers, &shown.layers, &x->err) < 0 ||
        put_index(x, hs_head_json(&shown)) < 0)
        return -1;
    hs_head_free(&shown);
    return 0;
}

static int
put_trajectory(struct export *x, const struct hs_trajectory *t)
{
    json_t *j = hs_trajectory_to_json(t);
    int8_t reward = (int8_t)t->reward;

    json_object_set_new(j, "first", json_integer(x->n_rows));
    json_object_set_new(j, "rows", json_integer((json_int_t)t->n_states));
    for (size_t i = 0; i < t->n_states; i++) {
        int64_t p = t->positions[i], token = t->tokens[p];

        if (hs_columns_put(x->columns, COL_TRAJECTORY, &x->n_trajectories, 1,
                           &x->err) < 0 ||
            hs_columns_put(x->columns, COL_POSITION, &p, 1, &x->err) < 0 ||
            hs_columns_put(x->columns, COL_TOKEN, &token, 1, &x->err) < 0) {
            json_decref(j);
            return -1;
        }
    }
    x->n_rows += (int64_t)t->n_states;
    x->n_trajectories++;
    if (put_index(x, j) < 0 ||
        hs_columns_put(x->columns, COL_OFFSET, &x->n_rows, 1, &x->err) < 0)
        return -1;
    return hs_columns_put(x->columns, COL_REWARD, &reward, 1, &x->err);
}

/* Rounds n values to the type of the arrays, low byte first. */
static int
convert(struct export *x, const struct hs_states *s, size_t n)
{
    x->planes = hs_grow(x->planes, &x->cap_planes, 4 * n, 1);
    x->values = hs_grow(x->values, &x->cap_values, 2 * n, 1);
    if (hs_plane_split(x->dtype, x->x, 1, n, n, x->planes) != HS_FIT_OK)
        return hs_fail(&x->err,
                       "%.*s: layer %" PRIu32
                       ": a value is too large for %s; "
                       "use --dtype=f32",
                       (int)s->id_len, s->id, s->layer,
                       hs_dtype_name(x->dtype));
    for (size_t i = 0; i < n; i++) {
        x->values[2 * i] = x->planes[n + i];
        x->values[2 * i + 1] = x->planes[i];
    }
    return 0;
}

static int
put_states(struct export *x, const struct hs_states *s)
{
    size_t n = s->n_rows * s->dim;
    const void *values;
    int i = COL_LAYERS;

    while (x->layers.v[i - COL_LAYERS] != s->layer)
        i++;
    x->x = hs_grow(x->x, &x->cap_x, n, sizeof *x->x);
    hs_states_decode(s, x->x);
    if (x->dtype != HS_F32 && convert(x, s, n) < 0)
        return -1;
    values = x->dtype == HS_F32 ? (const void *)x->x : x->values;
    return hs_columns_put(x->columns, i, values, s->n_rows, &x->err);
}

static int
take(struct export *x, const struct hs_record *rec)
{
    if (rec->type == HS_REC_TRAJECTORY)
        return put_trajectory(x, &rec->traj);
    if (rec->type == HS_REC_STATES)
        return put_states(x, &rec->states);
    return hs_fail(&x->err, "a record that is neither trajectory nor states");
}

static int
read_input(struct export *x, const char *path)
{
    struct hs_reader *r = hs_input_open(path, &x->err);
    const struct hs_head *head;
    struct hs_record rec = {0};
    int rc = 0;

    if (r == NULL)
        return -1;
    head = hs_reader_head(r);
    if (head != NULL && x->columns == NULL)
        rc = begin(x, head);
    else if (head != NULL)
        rc = hs_head_compatible(&x->head, head, &x->err);
    if (head != NULL)
        hs_reader_select(r, &x->layers);
    while (rc == 0 && (rc = hs_read(r, &rec)) > 0)
        rc = take(x, &rec);
    if (hs_reader_error(r)[0] != '\0')
        rc = hs_fail(&x->err, "%s", hs_reader_error(r));
    else if (rc < 0)
        hs_fail_prefix(&x->err, "%s", hs_input_name(path));
    hs_record_free(&rec);
    hs_reader_close(r);
    return rc;
}

/* Writes the arrays, and the index last: without it nothing can be read. */
static int
finish(struct export *x)
{
    int rc = x->o->npy
                 ? hs_columns_to_npy(x->columns, x->o->npy, &x->err)
                 : hs_columns_to_safetens(x->columns, x->o->output, &x->err);

    if (rc < 0)
        return -1;
    if (hs_write_all(x->index_file.fd, x->index.data, x->index.len) < 0)
        return hs_fail(&x->err, "%s: %s", x->index_path, strerror(errno));
    return hs_outfile_commit(&x->index_file, &x->err);
}

static void
free_export(struct export *x)
{
    hs_head_free(&x->head);
    hs_list_free(&x->layers);
    hs_columns_free(x->columns);
    free(x->index_path);
    hs_buf_free(&x->index);
    free(x->x);
    free(x->planes);
    free(x->values);
}

static int
run(struct export *x, char **files, int n)
{
    static char standard_input[] = "-";
    char *one[] = {standard_input};

    if (n == 0) {
        files = one;
        n = 1;
    }
    for (int i = 0; i < n; i++)
        if (read_input(x, files[i]) < 0)
            return -1;
    return finish(x);
}

int
main(int argc, char **argv)
{
    struct options o;
    struct export x = {.o = &o};

    hs_init(argv);
    parse_options(argc, argv, &o);
    if (run(&x, argv + optind, argc - optind) < 0)
        hs_die(HS_EXIT_FAIL, "%s", x.err.text);
    free_export(&x);
    hs_list_free(&o.layers);
    return hs_finish(HS_EXIT_OK);
}
