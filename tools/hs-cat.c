/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hs-cat: join streams into one segment; choose, shuffle and split them.
 * Records pass as they are, so digests add up.
 */
#include <config.h>

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/outfile.h"
#include "stream/expr.h"
#include "stream/headjoin.h"
#include "stream/input.h"
#include "stream/pick.h"
#include "stream/spill.h"
#include "stream/stream.h"

enum {
    MAX_SPLIT = 60 /* output files that are open together */
};

struct options {
    const char *output;
    struct hs_pick pick;
    struct hs_list layers;
    uint64_t head, split;
    int level, argc;
    char **argv;
    bool all_layers, shuffle, seeded, no_history;
};

struct output {
    struct hs_outfile file;
    struct hs_writer *writer;
    char *name; /* owned */
};

struct cat {
    const struct options *o;
    struct hs_head first; /* of the first input, with the arms of all */
    struct hs_list layers;
    struct hs_pick *pick;
    char *const *files; /* (n_files): the inputs */
    size_t n_files;
    const char *input; /* being read */
    struct output *outputs;
    size_t n_outputs;
    struct hs_spill *spill; /* NULL without --shuffle */
    uint64_t n_chosen;
    /* The unit being read. */
    bool keep;
    uint32_t part;
    struct hs_error err;
};

static const char usage[] =
    "usage: hs-cat [options] [FILE...] > OUT\n"
    "Join streams into one; choose, shuffle and split their trajectories.\n"
    "\n"
    "  -o, --output=FILE       write to FILE, with --split to FILE-1.hsz ...\n"
    "  -l, --layers=LIST       only states of these layers\n"
    "      --only=EXPR         trajectories for which this holds, such as\n"
    "                          'reward==1 && meta.task==\"chain\"'\n"
    "      --ids=FILE          trajectories whose id, or problem, is a line\n"
    "      --sample=FRACTION   this share of the problems, by a hash of ids\n"
    "      --head=N            the first N of what is chosen\n"
    "      --shuffle           in a random order that the seed decides\n"
    "      --split=N           into N files, by a hash of the problem's id\n"
    "  -s, --seed=N            of --shuffle and --sample (default 0)\n"
    "      --allow-duplicates  accept two trajectories of one id\n"
    "      --no-history        no programs in the head\n"
    "  -z, --level=N           zstd level, 1 to 19 (default 1)\n"
    "  -h, --help              print this help\n"
    "  -V, --version           print the version\n";

static void
parse_only(struct hs_pick *p)
{
    struct hs_error err;

    hs_expr_free(p->only);
    p->only = hs_expr_new(optarg, &err);
    if (p->only == NULL)
        hs_die(HS_EXIT_USAGE, "--only: %s", err.text);
}

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
    case 's':
        o->pick.seed = hs_parse_u64("--seed", optarg, 0, UINT64_MAX);
        o->seeded = true;
        break;
    case 'z':
        o->level = (int)hs_parse_u64("--level", optarg, 1, 19);
        break;
    case 1:
        parse_only(&o->pick);
        break;
    case 2:
        o->pick.ids_file = optarg;
        break;
    case 3:
        o->pick.sample = hs_parse_f64("--sample", optarg, 0, 1);
        break;
    case 4:
        o->head = hs_parse_u64("--head", optarg, 0, UINT64_MAX - 1);
        break;
    case 5:
        o->shuffle = true;
        break;
    case 6:
        o->split = hs_parse_u64("--split", optarg, 2, MAX_SPLIT);
        break;
    case 7:
        o->pick.allow_duplicates = true;
        break;
    case 8:
        o->no_history = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("hs-cat (hstools) " PACKAGE_VERSION);
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
        {"layers", required_argument, NULL, 'l'},
        {"only", required_argument, NULL, 1},
        {"ids", required_argument, NULL, 2},
        {"sample", required_argument, NULL, 3},
        {"head", required_argument, NULL, 4},
        {"shuffle", no_argument, NULL, 5},
        {"split", required_argument, NULL, 6},
        {"seed", required_argument, NULL, 's'},
        {"allow-duplicates", no_argument, NULL, 7},
        {"no-history", no_argument, NULL, 8},
        {"level", required_argument, NULL, 'z'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int c;

    *o = (struct options){.pick.sample = 1,
                          .head = UINT64_MAX,
                          .all_layers = true,
                          .level = HS_LEVEL_DEFAULT,
                          .argc = argc,
                          .argv = argv};
    while ((c = getopt_long(argc, argv, "o:l:s:z:hV", longopts, NULL)) != -1)
        parse_option(c, o);
    if (o->seeded && !o->shuffle && o->pick.sample >= 1)
        hs_die(HS_EXIT_USAGE, "--seed is for --shuffle and --sample");
    if (o->split > 0 && (o->output == NULL || strcmp(o->output, "-") == 0))
        hs_die(HS_EXIT_USAGE, "--split needs --output=PREFIX");
    if (o->output == NULL || strcmp(o->output, "-") == 0)
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
}

static int
open_output(struct cat *c, struct output *out, size_t i,
            const struct hs_head *head)
{
    struct hs_buf name = {0};

    if (c->o->split > 0)
        hs_buf_printf(&name, "%s-%zu.hsz", c->o->output, i + 1);
    else
        hs_buf_str(&name, c->o->output ? c->o->output : "-");
    out->name = hs_buf_cstr(&name);
    if (hs_outfile_open(&out->file, out->name, HS_OUTFILE_FRESH, &c->err) < 0)
        return -1;
    out->writer = hs_writer_open(
        out->file.fd, strcmp(out->name, "-") == 0 ? "<stdout>" : out->name,
        head, c->o->level, &c->err);
    return out->writer == NULL ? -1 : 0;
}

/* Opens the outputs, whose head is that of the first input, with the arms of
 * all. */
static int
begin(struct cat *c, const struct hs_head *head)
{
    struct hs_head out;
    int rc;

    hs_head_copy(&c->first, head);
    if (hs_layers_choose(head, c->o->all_layers ? &head->layers : &c->o->layers,
                         &c->layers, &c->err) < 0)
        return hs_fail_prefix(&c->err, "%s", c->input);
    c->pick->drop_duplicates =
        strcmp(head->kind, "arms") == 0 || strcmp(head->kind, "search") == 0;
    if (hs_heads_join(&c->first, c->files, c->n_files, &c->err) < 0)
        return -1;
    hs_head_copy(&out, &c->first);
    hs_list_free(&out.layers);
    rc = hs_layers_choose(head, &c->layers, &out.layers, &c->err);
    if (c->o->no_history)
        hs_head_drop_history(&out);
    else
        hs_head_add_history(&out, c->o->argc, c->o->argv);
    c->n_outputs = c->o->split > 0 ? (size_t)c->o->split : 1;
    c->outputs = hs_calloc(c->n_outputs, sizeof *c->outputs);
    for (size_t i = 0; rc == 0 && i < c->n_outputs; i++)
        rc = open_output(c, &c->outputs[i], i, &out);
    hs_head_free(&out);
    return rc;
}

/* Begins a unit: a trajectory, or a record of another type. */
static int
begin_unit(struct cat *c, const struct hs_record *rec, uint64_t key[2])
{
    const struct options *o = c->o;
    const void *name = rec->raw;
    size_t len = rec->raw_len;
    XXH128_hash_t h;
    int rc = 1;

    c->part = 0;
    if (rec->type == HS_REC_TRAJECTORY) {
        name = rec->traj.id;
        len = strlen(rec->traj.id);
        rc = hs_pick_test(c->pick, &rec->traj, rec->raw, rec->raw_len, &c->err);
        if (o->split > 0)
            c->part = (uint32_t)(hs_deal(HS_DEAL_PART, 0, rec->traj.problem) *
                                 (double)o->split);
    } else if (hs_pick_is_choosy(c->pick) || o->split > 0) {
        rc = hs_fail(&c->err,
                     "trajectories can be chosen and split, records "
                     "of other types can not");
    }
    if (rc < 0)
        return hs_fail_prefix(&c->err, "%s", c->input);
    h = XXH3_128bits_withSeed(name, len, o->pick.seed);
    key[0] = h.high64;
    key[1] = h.low64;
    c->n_chosen += rc > 0;
    c->keep = rc > 0 && (o->shuffle || c->n_chosen <= o->head);
    return 0;
}

static int
take(struct cat *c, const struct hs_record *rec)
{
    uint64_t key[2] = {0, 0};
    struct hs_writer *w;

    if (rec->type != HS_REC_STATES && begin_unit(c, rec, key) < 0)
        return -1;
    if (!c->keep)
        return 0;
    if (c->spill != NULL)
        return hs_spill_add(c->spill, rec, key, c->part, &c->err);
    w = c->outputs[c->part].writer;
    if (hs_write_raw(w, rec) < 0)
        return hs_fail(&c->err, "%s", hs_writer_error(w));
    return 0;
}

static int
read_input(struct cat *c, const char *path)
{
    struct hs_reader *r = hs_input_open(path, &c->err);
    const struct hs_head *head;
    struct hs_record rec = {0};
    uint64_t segments = 0;
    int rc = 0;

    if (r == NULL)
        return -1;
    c->input = hs_input_name(path);
    head = hs_reader_head(r);
    if (head != NULL && c->n_outputs == 0)
        rc = begin(c, head);
    if (head != NULL)
        hs_reader_select(r, &c->layers);
    while (rc == 0 && (rc = hs_heads_read(&c->first, r, c->input, &segments,
                                          &rec, &c->err)) > 0)
        rc = take(c, &rec);
    hs_record_free(&rec);
    hs_reader_close(r);
    return rc;
}

/* Writes what --shuffle put aside. */
static int
write_shuffled(struct cat *c)
{
    size_t n = hs_spill_count(c->spill);

    hs_spill_sort(c->spill);
    if (n > c->o->head)
        n = (size_t)c->o->head;
    for (size_t i = 0; i < n; i++) {
        uint32_t part = hs_spill_part(c->spill, i);

        if (hs_spill_write(c->spill, i, c->outputs[part].writer, &c->err) < 0)
            return -1;
    }
    return 0;
}

/* Ends the segments, then gives all files their names. */
static int
finish(struct cat *c)
{
    for (size_t i = 0; i < c->n_outputs; i++) {
        struct hs_writer *w = c->outputs[i].writer;

        c->outputs[i].writer = NULL;
        if (hs_writer_close(w, &c->err) < 0)
            return -1;
    }
    for (size_t i = 0; i < c->n_outputs; i++)
        if (hs_outfile_commit(&c->outputs[i].file, &c->err) < 0)
            return -1;
    hs_pick_warn(c->pick);
    return 0;
}

static int
run(struct cat *c, char **files, int n)
{
    static char standard_input[] = "-";
    char *one[] = {standard_input};

    c->files = n > 0 ? files : one;
    c->n_files = n > 0 ? (size_t)n : 1;
    if (hs_pick_begin(c->pick, &c->err) < 0)
        return -1;
    if (c->o->shuffle) {
        c->spill = hs_spill_new(&c->err);
        if (c->spill == NULL)
            return -1;
    }
    for (size_t i = 0; i < c->n_files; i++)
        if (read_input(c, c->files[i]) < 0)
            return -1;
    if (c->spill != NULL && write_shuffled(c) < 0)
        return -1;
    return finish(c);
}

static void
clean_up(struct cat *c)
{
    for (size_t i = 0; i < c->n_outputs; i++) {
        hs_writer_abort(c->outputs[i].writer);
        free(c->outputs[i].name);
    }
    free(c->outputs);
    hs_spill_free(c->spill);
    hs_list_free(&c->layers);
    hs_head_free(&c->first);
}

int
main(int argc, char **argv)
{
    struct options o;
    struct cat c = {.o = &o, .pick = &o.pick};

    hs_init(argv);
    parse_options(argc, argv, &o);
    if (run(&c, argv + optind, argc - optind) < 0)
        hs_die(HS_EXIT_FAIL, "%s", c.err.text);
    clean_up(&c);
    hs_pick_free(&o.pick);
    hs_list_free(&o.layers);
    return hs_finish(HS_EXIT_OK);
}
