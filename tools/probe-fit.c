/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probe-fit: value probes on a stream of states, with their baselines.
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
#include "probe/apply.h"
#include "probe/report.h"
#include "probe/split.h"
#include "probe/studyopt.h"
#include "stream/input.h"

struct options {
    struct hs_study_choice study;
    struct hs_list layers;
    const char *output, *apply, *report;
    uint64_t memory, threads;
    int level, argc;
    char **argv;
    enum hs_progress_mode progress;
    bool fit_given, without_states, no_history;
};

struct run {
    const struct options *o;
    struct hs_team *team;
    struct hs_trajset set;
    struct hs_study study;
    struct hs_progress progress;
    uint64_t epochs, all_epochs;
    struct hs_error err;
};

static const char usage[] =
    "usage: probe-fit [options] < ACTS > PROBES\n"
    "       probe-fit --apply=PROBES < ACTS > ACTS\n"
    "       probe-fit --report[=table|tsv|json] < PROBES\n"
    "Fit probes of the value of states, with baselines on the same split.\n"
    "\n"
    "  -l, --layers=LIST          layers (all of the stream)\n"
    "      --target=LIST          td, mc, td-lambda, terminal, s0, ntp (td)\n"
    "      --td-grad=WHICH        semi or residual (semi)\n"
    "      --gamma=G              discount of a token (0.99999)\n"
    "      --lambda=L             of td-lambda (0.95)\n"
    "      --terminal-weight=W    of the residual at the last state (1)\n"
    "      --norm=WHAT            trajectory or token (trajectory)\n"
    "      --head=HEAD            sigmoid or linear (sigmoid)\n"
    "      --hidden=N             hidden units (1024)\n"
    "      --standardize=HOW      zscore, rms or none (zscore)\n"
    "      --epochs=N             (100)\n"
    "      --steps=N              stop after N steps\n"
    "      --batch=N              trajectories a step (4)\n"
    "      --lr=X                 of AdamW (1e-4)\n"
    "      --weight-decay=X       of AdamW (0.01)\n"
    "      --keep=WHICH           epoch: best or last (best)\n"
    "      --patience=N           stop N epochs after the best; 0: never (0)\n"
    "  -s, --seed=N               of initial weights and order (0)\n"
    "      --seeds=N              probes from N seeds on (1)\n"
    "      --val=SHARE            of the problems, held out (0.2)\n"
    "      --split-seed=N         which these are (0)\n"
    "      --val-file=ACTS        hold out those of this stream instead\n"
    "      --baselines=LIST       of those in the page, all or none (all)\n"
    "      --permutations=N       for the test of single coordinates (1000)\n"
    "      --alpha=A              its family-wise level (0.05)\n"
    "      --bootstrap=N          draws of the intervals (1000)\n"
    "      --log-steps            a record for each step\n"
    "      --apply=PROBES         add the values of probes to a stream\n"
    "      --no-states            without its states\n"
    "      --report[=HOW]         print probes: table, tsv or json (table)\n"
    "      --memory=BYTES         keep no more states in memory (1G)\n"
    "  -j, --threads=N            (all processors)\n"
    "  -o, --output=FILE          write to FILE\n"
    "      --no-history           no programs in the head\n"
    "      --progress=WHEN        auto, always, never, json (auto)\n"
    "  -z, --level=N              zstd level, 1 to 19 (1)\n"
    "  -q, --quiet                no warnings\n"
    "  -h, --help                 print this help\n"
    "  -V, --version              print the version\n";

enum {
    OPT_APPLY = 256,
    OPT_NO_STATES,
    OPT_REPORT,
    OPT_MEMORY,
    OPT_NO_HISTORY,
    OPT_PROGRESS
};

static const struct option longopts[] = {
    {"layers", required_argument, NULL, 'l'},
    {"target", required_argument, NULL, HS_FITOPT_TARGET},
    {"td-grad", required_argument, NULL, HS_FITOPT_TD_GRAD},
    {"gamma", required_argument, NULL, HS_FITOPT_GAMMA},
    {"lambda", required_argument, NULL, HS_FITOPT_LAMBDA},
    {"terminal-weight", required_argument, NULL, HS_FITOPT_TERMINAL_WEIGHT},
    {"norm", required_argument, NULL, HS_FITOPT_NORM},
    {"head", required_argument, NULL, HS_FITOPT_HEAD},
    {"hidden", required_argument, NULL, HS_FITOPT_HIDDEN},
    {"standardize", required_argument, NULL, HS_FITOPT_STANDARDIZE},
    {"epochs", required_argument, NULL, HS_FITOPT_EPOCHS},
    {"steps", required_argument, NULL, HS_FITOPT_STEPS},
    {"batch", required_argument, NULL, HS_FITOPT_BATCH},
    {"lr", required_argument, NULL, HS_FITOPT_LR},
    {"weight-decay", required_argument, NULL, HS_FITOPT_WEIGHT_DECAY},
    {"keep", required_argument, NULL, HS_FITOPT_KEEP},
    {"patience", required_argument, NULL, HS_FITOPT_PATIENCE},
    {"seed", required_argument, NULL, 's'},
    {"seeds", required_argument, NULL, HS_STUDYOPT_SEEDS},
    {"val", required_argument, NULL, HS_STUDYOPT_VAL},
    {"split-seed", required_argument, NULL, HS_STUDYOPT_SPLIT_SEED},
    {"val-file", required_argument, NULL, HS_STUDYOPT_VAL_FILE},
    {"baselines", required_argument, NULL, HS_STUDYOPT_BASELINES},
    {"permutations", required_argument, NULL, HS_STUDYOPT_PERMUTATIONS},
    {"alpha", required_argument, NULL, HS_STUDYOPT_ALPHA},
    {"bootstrap", required_argument, NULL, HS_STUDYOPT_BOOTSTRAP},
    {"log-steps", no_argument, NULL, HS_STUDYOPT_LOG_STEPS},
    {"apply", required_argument, NULL, OPT_APPLY},
    {"no-states", no_argument, NULL, OPT_NO_STATES},
    {"report", optional_argument, NULL, OPT_REPORT},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"threads", required_argument, NULL, 'j'},
    {"output", required_argument, NULL, 'o'},
    {"no-history", no_argument, NULL, OPT_NO_HISTORY},
    {"progress", required_argument, NULL, OPT_PROGRESS},
    {"level", required_argument, NULL, 'z'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0}};

static void
parse_report(struct options *o, const char *arg)
{
    o->report = arg != NULL ? arg : "table";
    if (strcmp(o->report, "table") != 0 && strcmp(o->report, "tsv") != 0 &&
        strcmp(o->report, "json") != 0)
        hs_die(HS_EXIT_USAGE, "--report: '%s' is not table, tsv or json", arg);
}

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case 'l':
        hs_list_free(&o->layers);
        hs_parse_list("--layers", optarg, &o->layers);
        break;
    case 's':
        o->study.fit.fit.seed = hs_parse_u64("--seed", optarg, 0, INT64_MAX);
        break;
    case 'j':
        o->threads = hs_parse_u64("--threads", optarg, 1, 1024);
        break;
    case 'o':
        o->output = optarg;
        break;
    case 'z':
        o->level = (int)hs_parse_u64("--level", optarg, 1, 19);
        break;
    case 'q':
        hs_set_verbosity(0);
        break;
    case OPT_MEMORY:
        o->memory = hs_parse_bytes("--memory", optarg, 0, UINT64_MAX / 2);
        break;
    case OPT_APPLY:
        o->apply = optarg;
        break;
    case OPT_NO_STATES:
        o->without_states = true;
        break;
    case OPT_REPORT:
        parse_report(o, optarg);
        break;
    case OPT_NO_HISTORY:
        o->no_history = true;
        break;
    case OPT_PROGRESS:
        o->progress = hs_parse_progress(optarg);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("probe-fit (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        if (!hs_parse_study_option(&o->study, c, optarg))
            hs_die_usage();
        o->fit_given = true;
    }
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    int c;

    *o = (struct options){.layers = {.all = true},
                          .memory = (uint64_t)1 << 30,
                          .threads = hs_processors(),
                          .level = HS_LEVEL_DEFAULT,
                          .argc = argc,
                          .argv = argv};
    hs_study_choice_init(&o->study);
    while ((c = getopt_long(argc, argv, "l:s:j:o:z:qhV", longopts, NULL)) != -1)
        parse_option(c, o);
    if (optind != argc)
        hs_die(HS_EXIT_USAGE, "unexpected argument '%s'", argv[optind]);
    hs_parse_study_end(&o->study);
    if (o->apply != NULL && o->report != NULL)
        hs_die(HS_EXIT_USAGE, "--apply and --report do not go together");
    if ((o->apply != NULL || o->report != NULL) && o->fit_given)
        hs_die(HS_EXIT_USAGE, "options of a fit, with --apply or --report");
    if (o->without_states && o->apply == NULL)
        hs_die(HS_EXIT_USAGE, "--no-states is for --apply");
    if (o->report == NULL && (o->output == NULL || strcmp(o->output, "-") == 0))
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
}

static void
show(void *ud, uint64_t epochs)
{
    struct run *r = ud;

    r->epochs += epochs;
    hs_progress_show(&r->progress, r->epochs, r->epochs * r->set.n_states,
                     (double)r->epochs / (double)r->all_epochs);
}

static int
read_set(struct run *r)
{
    const struct options *o = r->o;
    struct hs_reader *in = hs_input_open("-", &r->err);
    int rc;

    if (in == NULL)
        return -1;
    rc =
        hs_trajset_read(&r->set, in, "<stdin>", &o->layers, o->memory, &r->err);
    hs_reader_close(in);
    if (rc < 0)
        return -1;
    if (o->study.val_file == NULL)
        return hs_trajset_split(&r->set, o->study.val, o->study.split_seed,
                                &r->err);
    in = hs_input_open(o->study.val_file, &r->err);
    if (in == NULL)
        return -1;
    rc = hs_trajset_read_val(&r->set, in, o->study.val_file, &r->err);
    hs_reader_close(in);
    return rc;
}

static int
write_layers(struct run *r, struct hs_writer *w)
{
    for (size_t l = 0; l < r->set.n_layers; l++) {
        struct hs_encoded e = {0};
        int rc = hs_study_layer(&r->study, l, &e, &r->err);

        if (rc == 0 && hs_write_encoded(w, &e) < 0)
            rc = hs_fail(&r->err, "%s", hs_writer_error(w));
        hs_encoded_free(&e);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int
fit(struct run *r)
{
    const struct options *o = r->o;
    struct hs_outfile file;
    struct hs_writer *w;
    struct hs_head head;
    int rc = 0;

    if (read_set(r) < 0 || hs_study_check(&r->study, &r->err) < 0)
        return -1;
    if (r->set.n_undecided > 0)
        hs_warn("%llu trajectories without a reward are left out",
                (unsigned long long)r->set.n_undecided);
    hs_trajset_stats(&r->set, r->team);
    r->all_epochs = hs_study_epochs(&r->study) * r->set.n_layers;
    hs_study_head(&r->study,
                  hs_split_json(&r->set, o->study.val, o->study.split_seed,
                                o->study.val_file != NULL),
                  &head);
    if (o->no_history)
        hs_head_drop_history(&head);
    else
        hs_head_add_history(&head, o->argc, o->argv);
    if (hs_outfile_open(&file, o->output, HS_OUTFILE_FRESH, &r->err) < 0)
        rc = -1;
    w = rc == 0 ? hs_writer_open(file.fd, o->output ? o->output : "<stdout>",
                                 &head, o->level, &r->err)
                : NULL;
    hs_head_free(&head);
    if (w == NULL)
        return -1;
    hs_progress_start(&r->progress, o->progress);
    rc = write_layers(r, w);
    hs_progress_end(&r->progress, r->epochs, r->epochs * r->set.n_states);
    if (rc < 0) {
        hs_writer_abort(w);
        return -1;
    }
    return hs_writer_close(w, &r->err) < 0 ? -1
                                           : hs_outfile_commit(&file, &r->err);
}

static int
apply(struct run *r)
{
    const struct options *o = r->o;
    struct hs_reader *in = NULL;
    struct hs_probes probes;
    struct hs_outfile file;
    int rc = hs_probes_load(&probes, o->apply, &r->err);

    if (rc == 0)
        in = hs_input_open("-", &r->err);
    rc = in == NULL
             ? -1
             : hs_outfile_open(&file, o->output, HS_OUTFILE_FRESH, &r->err);
    if (rc == 0)
        rc = hs_apply(&probes, in, "<stdin>", file.fd,
                      o->output ? o->output : "<stdout>", o->level,
                      o->without_states, o->argc,
                      o->no_history ? NULL : o->argv, r->team, &r->err);
    if (rc == 0)
        rc = hs_outfile_commit(&file, &r->err);
    if (in != NULL)
        hs_reader_close(in);
    hs_probes_free(&probes);
    return rc;
}

static int
report(struct run *r)
{
    struct hs_probes probes;
    struct hs_buf b = {0};

    if (hs_probes_load(&probes, "-", &r->err) < 0)
        return -1;
    hs_report(&b, &probes, r->o->report);
    fputs(hs_buf_cstr(&b), stdout);
    hs_buf_free(&b);
    hs_probes_free(&probes);
    return 0;
}

int
main(int argc, char **argv)
{
    struct options o;
    struct run r = {.o = &o};
    int rc;

    hs_init(argv);
    parse_options(argc, argv, &o);
    (void)hs_kern();
    r.team = hs_team_new((size_t)o.threads, &r.err);
    r.study = hs_study_of(&o.study, &r.set, r.team);
    r.study.progress = show;
    r.study.ud = &r;
    rc = r.team == NULL     ? -1
         : o.report != NULL ? report(&r)
         : o.apply != NULL  ? apply(&r)
                            : fit(&r);
    if (rc < 0)
        hs_die(HS_EXIT_FAIL, "%s", r.err.text);
    hs_trajset_free(&r.set);
    hs_team_free(r.team);
    hs_list_free(&o.layers);
    return hs_finish(HS_EXIT_OK);
}
