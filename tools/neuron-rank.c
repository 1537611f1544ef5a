/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * neuron-rank: which coordinates a probe stands on, how little it can do with,
 * and how far rankings agree.
 */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/msg.h"
#include "base/num.h"
#include "base/outfile.h"
#include "base/progress.h"
#include "model/kernel.h"
#include "probe/overlapset.h"
#include "probe/rankopt.h"
#include "stream/stream.h"

enum {
    OPT_IOU = HS_RANK_OPT_OWN,
    OPT_JSON,
    OPT_NO_HISTORY,
    OPT_PROGRESS,
    OPT_SELECT,
    OPT_TSV
};

struct options {
    struct hs_rank_options rank;
    const char *output;
    bool iou, select, tsv, json, no_history;
    enum hs_progress_mode progress;
    int level, verbosity, argc;
    char **argv;
};

/* Where results go. */
struct sink {
    const struct options *o;
    struct hs_outfile file;
    struct hs_writer *writer; /* of a stream */
    struct hs_progress progress;
    uint64_t n_epochs, n_states;
    struct hs_error err;
};

static const char usage[] =
    "usage: neuron-rank [options] [FILE] > OUT\n"
    "       neuron-rank --iou [options] RANKING... > OUT\n"
    "Rank coordinates by what the probes of a stream make of them.\n"
    "\n"
    "  -l, --layers=LIST      only these layers: 2-5 or 0,4 or all (all)\n"
    "      --target=T         only this target: td, mc, ntp ...\n"
    "      --by=B             l1, l1-raw, l2, gradient, auc (l1)\n"
    "      --top=K            what counts as the top: 1% or 36 (1%)\n"
    "      --audit=ACTS       look for sinks in the states of this stream\n"
    "\n"
    "      --curve=ACTS       pruning curves on the states of this stream\n"
    "      --ratios=LIST      at these ratios, also of --iou\n"
    "                         (0,0.5,0.8,0.9,0.95,0.98,0.99)\n"
    "      --prune-eval=HOW   retrain, mask or both (retrain)\n"
    "      --random=N         draws of random coordinates (5)\n"
    "      --epochs=N         of retrained probes (as recorded)\n"
    "      --val-file=ACTS    the held-out problems, as probe-fit had them\n"
    "  -s, --seed=N           of the draws (0)\n"
    "      --memory=BYTES     keep no more states in memory (1G)\n"
    "  -j, --threads=N        (all processors)\n"
    "      --progress=WHEN    auto, always, never, json (auto)\n"
    "\n"
    "      --iou              compare rankings, pair by pair\n"
    "\n"
    "      --select           print the top as a list\n"
    "      --json             print JSON lines\n"
    "      --tsv              print lines of cells between tabs\n"
    "  -o, --output=FILE      write to FILE\n"
    "  -z, --level=N          zstd level, 1 to 19 (1)\n"
    "      --no-history       no programs in the head\n"
    "  -q, --quiet            no warnings\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option longopts[] = {
    {"audit", required_argument, NULL, HS_RANK_OPT_AUDIT},
    {"by", required_argument, NULL, HS_RANK_OPT_BY},
    {"curve", required_argument, NULL, HS_RANK_OPT_CURVE},
    {"epochs", required_argument, NULL, HS_RANK_OPT_EPOCHS},
    {"help", no_argument, NULL, 'h'},
    {"iou", no_argument, NULL, OPT_IOU},
    {"json", no_argument, NULL, OPT_JSON},
    {"layers", required_argument, NULL, 'l'},
    {"level", required_argument, NULL, 'z'},
    {"memory", required_argument, NULL, HS_RANK_OPT_MEMORY},
    {"no-history", no_argument, NULL, OPT_NO_HISTORY},
    {"output", required_argument, NULL, 'o'},
    {"progress", required_argument, NULL, OPT_PROGRESS},
    {"prune-eval", required_argument, NULL, HS_RANK_OPT_PRUNE_EVAL},
    {"quiet", no_argument, NULL, 'q'},
    {"random", required_argument, NULL, HS_RANK_OPT_RANDOM},
    {"ratios", required_argument, NULL, HS_RANK_OPT_RATIOS},
    {"seed", required_argument, NULL, 's'},
    {"select", no_argument, NULL, OPT_SELECT},
    {"target", required_argument, NULL, HS_RANK_OPT_TARGET},
    {"threads", required_argument, NULL, 'j'},
    {"top", required_argument, NULL, HS_RANK_OPT_TOP},
    {"tsv", no_argument, NULL, OPT_TSV},
    {"val-file", required_argument, NULL, HS_RANK_OPT_VAL_FILE},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0}};

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case OPT_IOU:
        o->iou = true;
        break;
    case OPT_JSON:
        o->json = true;
        break;
    case OPT_PROGRESS:
        o->progress = hs_parse_progress(optarg);
        break;
    case OPT_SELECT:
        o->select = true;
        break;
    case OPT_TSV:
        o->tsv = true;
        break;
    case OPT_NO_HISTORY:
        o->no_history = true;
        break;
    case 'o':
        o->output = optarg;
        break;
    case 'z':
        o->level = (int)hs_parse_u64("--level", optarg, 1, 19);
        break;
    case 'q':
        o->verbosity = 0;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("neuron-rank (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

static bool
is_stdin(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static void
check_operands(const struct options *o, char **paths, int n)
{
    int n_stdin = is_stdin(o->rank.audit) + is_stdin(o->rank.curve) +
                  is_stdin(o->rank.val_file) + (n == 0);

    for (int i = 0; i < n; i++)
        n_stdin += is_stdin(paths[i]);
    if (n_stdin > 1)
        hs_die(HS_EXIT_USAGE, "standard input can be read once only");
    if (!o->iou && n > 1)
        hs_die(HS_EXIT_USAGE, "one stream is ranked at a time");
}

static void
check_options(const struct options *o)
{
    const struct hs_rank_options *r = &o->rank;
    bool text = o->select || o->tsv || o->json;

    if (o->select + o->tsv + o->json > 1)
        hs_die(HS_EXIT_USAGE, "--select, --json and --tsv exclude each other");
    if (text && strcmp(o->output, "-") != 0)
        hs_die(HS_EXIT_USAGE,
               "--select, --json and --tsv print to standard output");
    if (o->iou && (o->select || r->audit != NULL || r->curve != NULL ||
                   r->by_given || r->top_given))
        hs_die(HS_EXIT_USAGE,
               "--iou compares rankings as they are: no --by, --top, --audit, "
               "--curve or --select");
    if (r->curve_given && r->curve == NULL)
        hs_die(HS_EXIT_USAGE,
               "--epochs, --prune-eval, --random and --seed are "
               "for --curve");
    if (!text && strcmp(o->output, "-") == 0)
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    int c;

    *o = (struct options){.output = "-",
                          .level = HS_LEVEL_DEFAULT,
                          .verbosity = 1,
                          .argc = argc,
                          .argv = argv};
    hs_rank_options_init(&o->rank);
    while ((c = getopt_long(argc, argv, "hj:l:o:qs:Vz:", longopts, NULL)) != -1)
        if (!hs_parse_rank_option(&o->rank, c, optarg))
            parse_option(c, o);
    check_options(o);
    check_operands(o, argv + optind, argc - optind);
    hs_set_verbosity(o->verbosity);
}

/* ---- text ---- */

/* The list is bare if there is one ranking. */
static void
print_top(const struct hs_ranking *r, bool bare)
{
    uint32_t *top = hs_ranking_top(r);

    if (!bare)
        printf("%" PRIu32 "\t%s\t", r->layer, hs_target_name(r->target));
    for (size_t i = 0; i < r->n_top; i++)
        printf("%s%" PRIu32, i > 0 ? "," : "", top[i]);
    putchar('\n');
    free(top);
}

/* ---- a stream ---- */

/* Writes the records in e, and empties it. */
static int
write_out(struct sink *k, struct hs_encoded *e)
{
    int rc = hs_write_encoded(k->writer, e);

    hs_encoded_free(e);
    return rc == 0 ? 0 : hs_fail(&k->err, "%s", hs_writer_error(k->writer));
}

static int
write_records(struct sink *k, const struct hs_rankings *s)
{
    struct hs_encoded e = {0};
    json_t *other;
    size_t i;

    for (i = 0; i < s->n; i++)
        if (hs_encode_ranking(&e, &s->v[i], &k->err) < 0 ||
            write_out(k, &e) < 0)
            return -1;
    json_array_foreach(s->others, i, other)
    {
        if (hs_encode_json(&e, other, &k->err) < 0 || write_out(k, &e) < 0)
            return -1;
    }
    return 0;
}

static int
write_all(struct sink *k, struct hs_rankings *s)
{
    const struct options *o = k->o;
    const char *name = strcmp(o->output, "-") == 0 ? "<stdout>" : o->output;
    struct hs_writer *w;

    if (o->no_history)
        hs_head_drop_history(&s->head);
    else
        hs_head_add_history(&s->head, o->argc, o->argv);
    if (hs_outfile_open(&k->file, o->output, HS_OUTFILE_FRESH, &k->err) < 0)
        return -1;
    w = k->writer =
        hs_writer_open(k->file.fd, name, &s->head, o->level, &k->err);
    if (w == NULL || write_records(k, s) < 0 || hs_writer_close(w, &k->err) < 0)
        return -1;
    return hs_outfile_commit(&k->file, &k->err);
}

/* ---- the run ---- */

/* What many rankings have in common is said once. */
static void
warn(const struct hs_rankings *s)
{
    json_t *said = json_object(), *text;
    size_t k;

    for (size_t i = 0; i < s->n; i++) {
        json_t *warnings = hs_rank_warnings(&s->v[i]);

        json_array_foreach(warnings, k, text)
        {
            const char *what = strstr(json_string_value(text), ": ");

            if (json_object_get(said, what) == NULL)
                hs_warn("%s", json_string_value(text));
            json_object_set_new(said, what, json_true());
        }
        json_decref(warnings);
    }
    json_decref(said);
    if (hs_count_same_seeds(s->others) > 0)
        hs_warn(
            "rankings share seeds: probes that began with the same weights "
            "are alike; cross_iou leaves such pairs out");
}

static void
show(void *ud, uint64_t done, uint64_t all, size_t n_states)
{
    struct sink *k = ud;

    k->n_epochs = done;
    k->n_states = done * n_states;
    hs_progress_show(&k->progress, done, k->n_states,
                     (double)done / (double)all);
}

static int
rank(struct sink *k, struct hs_rankings *s, const char *path)
{
    const struct options *o = k->o;
    const struct hs_rank_watch watch = {show, k};
    int rc;

    hs_progress_start(&k->progress, o->progress);
    rc = hs_rank_run(s, &o->rank, path, &watch, &k->err);
    if (k->n_epochs > 0)
        hs_progress_end(&k->progress, k->n_epochs, k->n_states);
    return rc;
}

static int
run(struct sink *k, char **paths, int n)
{
    static char standard_input[] = "-";
    char *one[] = {standard_input};
    const struct options *o = k->o;
    struct hs_rankings s;
    int rc;

    paths = n == 0 ? one : paths;
    n = n == 0 ? 1 : n;
    rc = o->iou ? hs_rank_compare(&s, &o->rank, paths, (size_t)n, &k->err)
                : rank(k, &s, paths[0]);
    if (rc == 0) {
        warn(&s);
        for (size_t i = 0; i < s.n && o->select; i++)
            print_top(&s.v[i], s.n == 1);
        if (o->json || o->tsv)
            hs_rankings_print(&s, o->tsv, stdout);
        else if (!o->select)
            rc = write_all(k, &s);
    }
    hs_rankings_free(&s);
    return rc;
}

int
main(int argc, char **argv)
{
    struct options o;
    struct sink k = {.o = &o};

    hs_init(argv);
    parse_options(argc, argv, &o);
    (void)hs_kern();
    if (run(&k, argv + optind, argc - optind) < 0)
        hs_die(HS_EXIT_FAIL, "%s", k.err.text);
    hs_rank_options_free(&o.rank);
    return hs_finish(HS_EXIT_OK);
}
