/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hs-view: print a stream as lines of text, check it, or sum it up.
 * Every mode reads to the end, so that damage is noticed however little of the
 * stream was asked for.
 */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "stream/input.h"
#include "stream/jsonview.h"
#include "stream/stream.h"
#include "stream/tally.h"

enum mode {
    MODE_RECORDS,
    MODE_STATS,
    MODE_CHECK,
    MODE_DIGEST,
    MODE_HISTORY
};

struct options {
    enum mode mode;
    bool json, tsv, values, choose_layers;
    uint64_t head;          /* UINT64_MAX: all */
    char **fields, **types; /* owned, NULL at the end; NULL: all */
    struct hs_list layers;
};

/* What the printing of one file keeps from line to line. */
struct view {
    const struct options *o;
    struct hs_lines *lines;
    const char *name;
    uint64_t n_units, n_segments;
};

static const char usage[] =
    "usage: hs-view [options] [FILE...]\n"
    "Print a stream as JSON lines, check it, or sum it up.\n"
    "\n"
    "  -l, --layers=LIST   only states of these layers: 2-5 or 0,4 or all\n"
    "      --check         check everything; one line for each file\n"
    "      --digest        print the digest that no order of records changes\n"
    "      --fields=LIST   only these members, as TSV: id,reward,meta.task\n"
    "      --head=N        only the first N trajectories and their states\n"
    "      --history       which programs made the stream, a line for each\n"
    "      --json          JSON lines, also for --fields and --stats\n"
    "      --stats         items, rewards, tokens, layers, bytes as a table\n"
    "      --tsv           lines of cells between tabs\n"
    "      --type=LIST     only records of these types: trajectory,states\n"
    "      --values        all numbers of a tensor, not its summary\n"
    "  -h, --help          print this help\n"
    "  -V, --version       print the version\n";

static void
set_mode(struct options *o, enum mode mode)
{
    if (o->mode != MODE_RECORDS && o->mode != mode)
        hs_die(HS_EXIT_USAGE, "more than one report is asked for");
    o->mode = mode;
}

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case 'l':
        hs_list_free(&o->layers);
        hs_parse_list("--layers", optarg, &o->layers);
        o->choose_layers = !o->layers.all;
        break;
    case MODE_STATS:
    case MODE_CHECK:
    case MODE_DIGEST:
    case MODE_HISTORY:
        set_mode(o, (enum mode)c);
        break;
    case 11:
        hs_words_free(o->fields);
        o->fields = hs_parse_words("--fields", optarg);
        break;
    case 12:
        o->head = hs_parse_u64("--head", optarg, 0, UINT64_MAX - 1);
        break;
    case 13:
        o->json = true;
        break;
    case 14:
        o->tsv = true;
        break;
    case 15:
        hs_words_free(o->types);
        o->types = hs_parse_words("--type", optarg);
        break;
    case 16:
        o->values = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("hs-view (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

static void
check_options(struct options *o)
{
    if (o->json && o->tsv)
        hs_die(HS_EXIT_USAGE, "--json and --tsv exclude each other");
    if (o->mode != MODE_RECORDS &&
        (o->fields || o->types || o->values || o->head != UINT64_MAX))
        hs_die(HS_EXIT_USAGE,
               "--fields, --head, --type and --values are for "
               "records, not for reports");
    if (o->mode != MODE_RECORDS && o->mode != MODE_STATS &&
        (o->json || o->tsv || o->choose_layers))
        hs_die(HS_EXIT_USAGE,
               "--json, --tsv and --layers are for records and "
               "--stats");
    if (o->fields != NULL && !o->json)
        o->tsv = true;
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longopts[] = {
        {"layers", required_argument, NULL, 'l'},
        {"check", no_argument, NULL, MODE_CHECK},
        {"digest", no_argument, NULL, MODE_DIGEST},
        {"fields", required_argument, NULL, 11},
        {"head", required_argument, NULL, 12},
        {"history", no_argument, NULL, MODE_HISTORY},
        {"json", no_argument, NULL, 13},
        {"stats", no_argument, NULL, MODE_STATS},
        {"tsv", no_argument, NULL, 14},
        {"type", required_argument, NULL, 15},
        {"values", no_argument, NULL, 16},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int c;

    *o = (struct options){.head = UINT64_MAX};
    while ((c = getopt_long(argc, argv, "l:hV", longopts, NULL)) != -1)
        parse_option(c, o);
    check_options(o);
}

/* Prints j and releases it. */
static void
print_json(struct view *v, json_t *j)
{
    hs_lines_put(v->lines, j);
    json_decref(j);
}

/* Whether records of a type are to be printed. */
static bool
wants(const struct options *o, const char *type)
{
    if (o->types == NULL)
        return o->fields == NULL ||
               (strcmp(type, "head") != 0 && strcmp(type, "states") != 0 &&
                strcmp(type, "end") != 0);
    for (size_t i = 0; o->types[i] != NULL; i++)
        if (strcmp(o->types[i], type) == 0)
            return true;
    return false;
}

static int
print_record(struct view *v, const struct hs_record *rec, struct hs_error *err)
{
    static const char *const names[] = {"trajectory", "states", NULL};
    const char *type = names[rec->type];
    json_t *j;

    if (rec->type != HS_REC_STATES)
        v->n_units++;
    if (v->n_units > v->o->head || (type != NULL && !wants(v->o, type)))
        return 0;
    j = hs_record_json(rec, v->o->values);
    if (j == NULL)
        return hs_fail(err, "%s: a record whose keys are not text", v->name);
    type = json_string_value(json_object_get(j, "type"));
    if (type == NULL || wants(v->o, type))
        print_json(v, j);
    else
        json_decref(j);
    return 0;
}

/* The counts of the whole stream; the ends of its segments are checked, not
 * printed. */
static void
print_end(struct view *v, struct hs_reader *r)
{
    const struct hs_counts *c = hs_reader_counts(r);
    char digest[33];

    hs_digest_text(c->digest, digest);
    print_json(v,
               json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "type", "end",
                         "segments", (json_int_t)hs_reader_segments(r),
                         "records", (json_int_t)c->records, "trajectories",
                         (json_int_t)c->trajectories, "states",
                         (json_int_t)c->states, "f32_blocks",
                         (json_int_t)c->f32_blocks, "digest", digest));
}

/* Prints the head of a segment that has just begun. */
static void
print_head(struct view *v, struct hs_reader *r)
{
    const struct hs_head *head = hs_reader_head(r);

    if (head == NULL || hs_reader_segments(r) == v->n_segments)
        return;
    v->n_segments = hs_reader_segments(r);
    if (wants(v->o, "head"))
        print_json(v, hs_head_json(head));
}

static int
view_records(const struct options *o, struct hs_lines *lines,
             struct hs_reader *r, const char *name, struct hs_error *err)
{
    struct view v = {.o = o, .lines = lines, .name = name};
    struct hs_record rec = {0};
    int rc;

    print_head(&v, r);
    while ((rc = hs_read(r, &rec)) > 0) {
        print_head(&v, r);
        if (print_record(&v, &rec, err) < 0)
            break;
    }
    if (rc == 0 && wants(o, "end"))
        print_end(&v, r);
    if (rc < 0)
        hs_fail(err, "%s", hs_reader_error(r));
    hs_record_free(&rec);
    return rc == 0 ? 0 : -1;
}

static void
report_stats(const struct options *o, struct hs_reader *r,
             const struct hs_tally *tally, const char *name)
{
    struct hs_buf b = {0};
    json_t *j = hs_tally_json(tally, r, name);

    if (o->json) {
        hs_json_print(&b, j);
        hs_buf_str(&b, "\n");
    } else if (o->tsv) {
        hs_tally_tsv(&b, j);
    } else {
        hs_tally_table(&b, j);
    }
    fputs(hs_buf_cstr(&b), stdout);
    hs_buf_free(&b);
    json_decref(j);
}

static void
report_history(const json_t *history, struct hs_buf *b)
{
    json_t *entry;
    size_t i;

    json_array_foreach(history, i, entry)
    {
        hs_json_print(b, entry);
        hs_buf_str(b, "\n");
    }
}

/* The reports, printed once the whole stream has been read. */
static int
report(const struct options *o, struct hs_reader *r, const char *name,
       struct hs_error *err)
{
    struct hs_tally *tally = hs_tally_new();
    struct hs_record rec = {0};
    struct hs_buf history = {0};
    char digest[33];
    int rc;

    if (hs_reader_head(r) != NULL)
        report_history(hs_reader_head(r)->history, &history);
    while ((rc = hs_read(r, &rec)) > 0)
        if (o->mode == MODE_STATS)
            hs_tally_add(tally, &rec);
    if (rc < 0)
        hs_fail(err, "%s", hs_reader_error(r));
    hs_digest_text(hs_reader_counts(r)->digest, digest);
    if (rc == 0 && o->mode == MODE_STATS)
        report_stats(o, r, tally, name);
    else if (rc == 0 && o->mode == MODE_CHECK)
        printf("%s: ok, %" PRIu64 " segments, %" PRIu64 " records, digest %s\n",
               name, hs_reader_segments(r), hs_reader_counts(r)->records,
               digest);
    else if (rc == 0 && o->mode == MODE_DIGEST)
        printf(strcmp(name, "<stdin>") == 0 ? "%s\n" : "%s  %s\n", digest,
               name);
    else if (rc == 0)
        fputs(hs_buf_cstr(&history), stdout);
    hs_buf_free(&history);
    hs_tally_free(tally);
    hs_record_free(&rec);
    return rc;
}

static int
view_file(const struct options *o, struct hs_lines *lines, const char *path,
          struct hs_error *err)
{
    struct hs_list layers = {0};
    struct hs_reader *r = hs_input_open(path, err);
    int rc = 0;

    if (r == NULL)
        return -1;
    if (o->choose_layers && hs_reader_head(r) != NULL)
        rc = hs_layers_choose(hs_reader_head(r), &o->layers, &layers, err);
    if (o->choose_layers)
        hs_reader_select(r, &layers);
    if (rc < 0)
        hs_fail_prefix(err, "%s", hs_input_name(path));
    else if (o->mode == MODE_RECORDS)
        rc = view_records(o, lines, r, hs_input_name(path), err);
    else
        rc = report(o, r, hs_input_name(path), err);
    hs_list_free(&layers);
    hs_reader_close(r);
    return rc;
}

/* Returns the exit status: a bad file does not keep the others from being
 * seen. */
static int
run(const struct options *o, char **files, int n)
{
    static char standard_input[] = "-";
    char *one[] = {standard_input};
    struct hs_lines *lines = hs_lines_new(o->fields, o->tsv, stdout);
    const char *missing;
    int status = HS_EXIT_OK;

    files = n == 0 ? one : files;
    n = n == 0 ? 1 : n;
    for (int i = 0; i < n; i++) {
        struct hs_error err = {0};

        if (view_file(o, lines, files[i], &err) < 0) {
            hs_complain("%s", err.text);
            status = HS_EXIT_FAIL;
        }
    }
    missing = hs_lines_missing(lines);
    if (status == HS_EXIT_OK && missing != NULL) {
        hs_complain("--fields: no record has '%s'", missing);
        status = HS_EXIT_FAIL;
    }
    hs_lines_free(lines);
    return status;
}

int
main(int argc, char **argv)
{
    struct options o;
    int status;

    hs_init(argv);
    parse_options(argc, argv, &o);
    status = run(&o, argv + optind, argc - optind);
    hs_words_free(o.fields);
    hs_words_free(o.types);
    hs_list_free(&o.layers);
    return hs_finish(status);
}
