/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpe-scan: coordinates that signal errors of the value, step by step or by
 * whole answers.
 */
#include <config.h>

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/outfile.h"
#include "base/progress.h"
#include "model/kernel.h"
#include "probe/rankrec.h"
#include "rpe/rpeopt.h"
#include "rpe/rpereport.h"
#include "rpe/rperun.h"
#include "stream/input.h"
#include "stream/stream.h"

enum {
    OPT_NO_HISTORY = HS_RPE_OPT_OWN,
    OPT_PROGRESS
};

struct options {
    struct hs_rpe_options rpe;
    const char *output;
    bool no_history;
    int level, verbosity, argc;
    char **argv;
};

static const char usage[] =
    "usage: rpe-scan [--mode=td|surprise] [options] < ACTS > RPE\n"
    "       rpe-scan --trace=ID,... [options] < ACTS > TRACES\n"
    "       rpe-scan --dependence=RANK --rpe=RPE --edit-layers=LIST < ACTS\n"
    "       rpe-scan --report[=table|tsv|json] [FILE...]\n"
    "       rpe-scan --rankings|--select [FILE]\n"
    "Find coordinates that signal errors of the value (dopamine neurons).\n"
    "\n"
    "      --mode=MODE          td: step by step, surprise: by whole answers "
    "(td)\n"
    "  -l, --layers=LIST        layers (all of the stream)\n"
    "      --probe=PROBES       values by a probe, not by rollouts\n"
    "      --probe-layer=N      of this layer (the one that is scanned)\n"
    "      --probe-target=T     of this target\n"
    "      --step=RULE          steps of --probe: paragraph, line, sentence,\n"
    "                           every:N (those of the rollouts)\n"
    "      --min-tokens=N       of such a step (1)\n"
    "  -m, --model=DIR          whose tokens these are\n"
    "      --gamma=G            discount of a step (0.99999)\n"
    "      --threshold=X        of |delta| (0.3)\n"
    "      --znorm=WHICH        response, train or causal\n"
    "                           (td: response, surprise: train)\n"
    "      --val=SHARE          of the problems, held out (0.2)\n"
    "      --split-seed=N       which these are (0)\n"
    "      --hidden=N           hidden units of the dopamine probe (32)\n"
    "      --epochs=N           (100)\n"
    "      --batch=N            steps of answers a step of AdamW (32)\n"
    "      --lr=X               of AdamW (1e-4)\n"
    "      --weight-decay=X     of AdamW (0.01)\n"
    "      --keep=WHICH         epoch: best or last (best)\n"
    "      --patience=N         stop N epochs after the best; 0: never (0)\n"
    "      --seeds=N            probes from N seeds on (5)\n"
    "      --by=B               ranking: l1, l1-raw or gradient (l1)\n"
    "      --top=K              what counts as its top: 1% or 36 (1%)\n"
    "      --ratios=LIST        of the pruning curve\n"
    "                           (0,0.5,0.8,0.9,0.95,0.98,0.99)\n"
    "      --random=N           draws of random coordinates and shuffles (5)\n"
    "      --permutations=N     draws of the tests (as many as it takes)\n"
    "      --alpha=A            false discovery rate (0.05)\n"
    "      --bootstrap=N        draws of the intervals (1000)\n"
    "      --log-steps          a record for each step\n"
    "      --quantile=Q         surprise: share at either end of V(s0) (0.25)\n"
    "      --window=N           tokens of a moving average (7)\n"
    "      --use=WHICH          held-out or all problems of --probe "
    "(held-out)\n"
    "  -s, --seed=N             of weights, order and draws (0)\n"
    "      --trace=IDS          trajectories; pleasant, unpleasant\n"
    "      --rpe=RPE            whose coordinates are looked at\n"
    "      --coords=LIST        these coordinates instead\n"
    "      --first=N            at most so many of them\n"
    "      --dependence=RANK    zero value neurons of this ranking\n"
    "      --edit-layers=LIST   in these layers\n"
    "      --fraction=K         so many of a layer: 20% or 36 (20%)\n"
    "      --edit-where=WHERE   all, generated or not-first (all)\n"
    "      --rms=N              draws of like RMS (20)\n"
    "      --limit=N            no more trajectories\n"
    "      --report[=HOW]       print: table, tsv or json (table)\n"
    "      --rankings           the rankings by the probe, for neuron-rank\n"
    "      --select             print the coordinates found as a list\n"
    "      --memory=BYTES       keep no more states in memory (1G)\n"
    "  -j, --threads=N          (all processors)\n"
    "      --progress=WHEN      auto, always, never, json (auto)\n"
    "  -o, --output=FILE        write to FILE\n"
    "  -z, --level=N            zstd level, 1 to 19 (1)\n"
    "      --no-history         no programs in the head\n"
    "  -q, --quiet              no warnings\n"
    "  -v, --verbose            notes\n"
    "  -h, --help               print this help\n"
    "  -V, --version            print the version\n";

static const struct option longopts[] = {
    {"alpha", required_argument, NULL, HS_RPE_OPT_ALPHA},
    {"batch", required_argument, NULL, HS_FITOPT_BATCH},
    {"bootstrap", required_argument, NULL, HS_RPE_OPT_BOOTSTRAP},
    {"by", required_argument, NULL, HS_RANK_OPT_BY},
    {"coords", required_argument, NULL, HS_RPE_OPT_COORDS},
    {"dependence", required_argument, NULL, HS_RPE_OPT_DEPENDENCE},
    {"edit-layers", required_argument, NULL, HS_RPE_OPT_EDIT_LAYERS},
    {"edit-where", required_argument, NULL, HS_RPE_OPT_EDIT_WHERE},
    {"epochs", required_argument, NULL, HS_FITOPT_EPOCHS},
    {"first", required_argument, NULL, HS_RPE_OPT_FIRST},
    {"fraction", required_argument, NULL, HS_RPE_OPT_FRACTION},
    {"gamma", required_argument, NULL, HS_FITOPT_GAMMA},
    {"help", no_argument, NULL, 'h'},
    {"hidden", required_argument, NULL, HS_FITOPT_HIDDEN},
    {"keep", required_argument, NULL, HS_FITOPT_KEEP},
    {"layers", required_argument, NULL, 'l'},
    {"level", required_argument, NULL, 'z'},
    {"limit", required_argument, NULL, HS_RPE_OPT_LIMIT},
    {"log-steps", no_argument, NULL, HS_RPE_OPT_LOG_STEPS},
    {"lr", required_argument, NULL, HS_FITOPT_LR},
    {"memory", required_argument, NULL, HS_RANK_OPT_MEMORY},
    {"min-tokens", required_argument, NULL, HS_RPE_OPT_MIN_TOKENS},
    {"mode", required_argument, NULL, HS_RPE_OPT_MODE},
    {"model", required_argument, NULL, 'm'},
    {"no-history", no_argument, NULL, OPT_NO_HISTORY},
    {"output", required_argument, NULL, 'o'},
    {"patience", required_argument, NULL, HS_FITOPT_PATIENCE},
    {"permutations", required_argument, NULL, HS_RPE_OPT_PERMUTATIONS},
    {"probe", required_argument, NULL, HS_RPE_OPT_PROBE},
    {"probe-layer", required_argument, NULL, HS_RPE_OPT_PROBE_LAYER},
    {"probe-target", required_argument, NULL, HS_RPE_OPT_PROBE_TARGET},
    {"progress", required_argument, NULL, OPT_PROGRESS},
    {"quantile", required_argument, NULL, HS_RPE_OPT_QUANTILE},
    {"quiet", no_argument, NULL, 'q'},
    {"random", required_argument, NULL, HS_RANK_OPT_RANDOM},
    {"rankings", no_argument, NULL, HS_RPE_OPT_RANKINGS},
    {"ratios", required_argument, NULL, HS_RANK_OPT_RATIOS},
    {"report", optional_argument, NULL, HS_RPE_OPT_REPORT},
    {"rms", required_argument, NULL, HS_RPE_OPT_RMS},
    {"rpe", required_argument, NULL, HS_RPE_OPT_RPE},
    {"seed", required_argument, NULL, 's'},
    {"seeds", required_argument, NULL, HS_RPE_OPT_SEEDS},
    {"select", no_argument, NULL, HS_RPE_OPT_SELECT},
    {"split-seed", required_argument, NULL, HS_RPE_OPT_SPLIT_SEED},
    {"step", required_argument, NULL, HS_RPE_OPT_STEP},
    {"threads", required_argument, NULL, 'j'},
    {"threshold", required_argument, NULL, HS_RPE_OPT_THRESHOLD},
    {"top", required_argument, NULL, HS_RANK_OPT_TOP},
    {"trace", required_argument, NULL, HS_RPE_OPT_TRACE},
    {"use", required_argument, NULL, HS_RPE_OPT_USE},
    {"val", required_argument, NULL, HS_RPE_OPT_VAL},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"weight-decay", required_argument, NULL, HS_FITOPT_WEIGHT_DECAY},
    {"window", required_argument, NULL, HS_RPE_OPT_WINDOW},
    {"znorm", required_argument, NULL, HS_RPE_OPT_ZNORM},
    {NULL, 0, NULL, 0}};

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case OPT_PROGRESS:
        o->rpe.progress = hs_parse_progress(optarg);
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
    case 'v':
        o->verbosity = 2;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("rpe-scan (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

/* Whether text is printed, and not a stream. */
static bool
prints(const struct options *o)
{
    return o->rpe.task == HS_RPE_DO_REPORT || o->rpe.task == HS_RPE_DO_SELECT;
}

static void
check_operands(const struct options *o, int n)
{
    if (o->rpe.task == HS_RPE_DO_REPORT)
        return;
    if (o->rpe.task != HS_RPE_DO_RANKINGS && o->rpe.task != HS_RPE_DO_SELECT &&
        n > 0)
        hs_die(HS_EXIT_USAGE, "states come from standard input: no operands");
    if (n > 1)
        hs_die(HS_EXIT_USAGE, "one stream at a time");
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
    hs_rpe_options_init(&o->rpe);
    while ((c = getopt_long(argc, argv, "hj:l:m:o:qs:vVz:", longopts, NULL)) !=
           -1)
        if (!hs_parse_rpe_option(&o->rpe, c, optarg))
            parse_option(c, o);
    hs_parse_rpe_end(&o->rpe);
    check_operands(o, argc - optind);
    if (prints(o) && strcmp(o->output, "-") != 0)
        hs_die(HS_EXIT_USAGE, "--report and --select print to standard output");
    if (!prints(o) && strcmp(o->output, "-") == 0)
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
    hs_set_verbosity(o->verbosity);
}

/* ---- what was found, as text or rankings ---- */

static int
print_one(const struct options *o, const char *path, char **names,
          struct hs_error *err)
{
    const struct hs_list *layers = &o->rpe.rank.layers;
    struct hs_list chosen = {0};
    struct hs_buf b = {0};
    struct hs_rpe s;
    int rc = hs_rpe_load(&s, path, err);

    if (rc == 0 && hs_layers_choose(&s.head, layers, &chosen, err) < 0)
        rc = hs_fail_prefix(err, "%s", hs_input_name(path));
    hs_list_free(&chosen);
    if (rc == 0 && o->rpe.task == HS_RPE_DO_SELECT)
        hs_rpe_print_found(&b, &s, layers);
    else if (rc == 0)
        rc = hs_rpe_report(&b, &s, o->rpe.report, layers, err);
    if (rc == 0 && b.len == 0)
        rc = hs_fail(err, "%s: has no record of coordinates",
                     hs_input_name(path));
    if (rc == 0)
        fputs(hs_rpe_report_go_on(hs_buf_cstr(&b), names), stdout);
    hs_buf_free(&b);
    hs_rpe_free(&s);
    return rc;
}

static int
print(const struct options *o, char **paths, int n, struct hs_error *err)
{
    char *names = NULL;
    int rc = n == 0 ? print_one(o, "-", &names, err) : 0;

    for (int i = 0; i < n && rc == 0; i++)
        rc = print_one(o, paths[i], &names, err);
    free(names);
    return rc;
}

/* The rankings of s as records. */
static int
encode_rankings(const struct options *o, struct hs_rpe *s, struct hs_encoded *e,
                struct hs_error *err)
{
    const struct hs_rpe_options *r = &o->rpe;
    size_t n = 0;

    for (size_t i = 0; i < s->n_rankings; i++) {
        if (!r->rank.layers.all &&
            !hs_list_has(&r->rank.layers, s->rankings[i].layer))
            continue;
        if (hs_rpe_given(r, HS_RANK_OPT_TOP) &&
            hs_ranking_retop(&s->rankings[i], &r->rank.top, err) < 0)
            return -1;
        if (hs_encode_ranking(e, &s->rankings[i], err) < 0)
            return -1;
        n++;
    }
    return n > 0 ? 0 : hs_fail(err, "there are no rankings");
}

static int
write_rankings(const struct options *o, const struct hs_rpe_out *to,
               const char *path, struct hs_error *err)
{
    struct hs_encoded e = {0};
    struct hs_writer *w = NULL;
    struct hs_rpe s;
    int rc = hs_rpe_load(&s, path, err);

    if (rc == 0)
        rc = encode_rankings(o, &s, &e, err);
    if (rc == 0) {
        hs_head_set(&s.head.kind, "rankings");
        if (to->no_history)
            hs_head_drop_history(&s.head);
        else
            hs_head_add_history(&s.head, to->argc, to->argv);
        w = hs_writer_open(to->fd, to->name, &s.head, to->level, err);
        rc = w == NULL ? -1 : 0;
    }
    if (rc == 0 && hs_write_encoded(w, &e) < 0)
        rc = hs_fail(err, "%s", hs_writer_error(w));
    if (rc == 0)
        rc = hs_writer_close(w, err);
    else
        hs_writer_abort(w);
    hs_encoded_free(&e);
    hs_rpe_free(&s);
    return rc;
}

/* ---- the run ---- */

static void
show(void *ud, uint64_t done, uint64_t all, size_t n_states)
{
    hs_progress_show(ud, done, done * n_states, (double)done / (double)all);
}

static int
run(const struct options *o, char **paths, int n, struct hs_error *err)
{
    struct hs_progress progress;
    const struct hs_rpe_watch watch = {show, &progress};
    struct hs_outfile file;
    struct hs_rpe_out to = {.name = strcmp(o->output, "-") == 0 ? "<stdout>"
                                                                : o->output,
                            .level = o->level,
                            .argc = o->argc,
                            .argv = o->argv,
                            .no_history = o->no_history};
    int rc;

    if (prints(o))
        return print(o, paths, n, err);
    if (hs_outfile_open(&file, o->output, HS_OUTFILE_FRESH, err) < 0)
        return -1;
    to.fd = file.fd;
    hs_progress_start(&progress, o->rpe.progress);
    if (o->rpe.task == HS_RPE_DO_RANKINGS)
        rc = write_rankings(o, &to, n > 0 ? paths[0] : "-", err);
    else if (o->rpe.task == HS_RPE_DO_TD || o->rpe.task == HS_RPE_DO_SURPRISE)
        rc = hs_rpe_scan(&o->rpe, &to, &watch, err);
    else
        rc = hs_rpe_look(&o->rpe, &to, err);
    return rc < 0 ? -1 : hs_outfile_commit(&file, err);
}

int
main(int argc, char **argv)
{
    struct options o;
    struct hs_error err;

    hs_init(argv);
    parse_options(argc, argv, &o);
    (void)hs_kern();
    if (run(&o, argv + optind, argc - optind, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    hs_rpe_options_free(&o.rpe);
    return hs_finish(HS_EXIT_OK);
}
