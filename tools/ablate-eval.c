/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ablate-eval: whether coordinates matter: problems through a model whose
 * coordinates are edited, and through as many controls as it takes.
 */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ablate/ablation.h"
#include "ablate/armsum.h"
#include "base/msg.h"
#include "base/num.h"
#include "stream/input.h"

enum {
    OPT_DRY_RUN = HS_ABLATE_OPT_OWN,
    OPT_NO_HISTORY,
    OPT_PROGRESS,
    OPT_REPORT,
    OPT_RESUME
};

struct options {
    struct hs_ablate_options ablate;
    const char *output, *report; /* report: table, tsv, json or NULL */
    enum hs_progress_mode progress;
    int level, verbosity, argc, n_files;
    char **argv, **files; /* operands, of --report */
    bool resume, dry_run, no_history, of_run;
};

static const char usage[] =
    "usage: ablate-eval [options] < PROBLEMS > STREAM\n"
    "       ablate-eval --report[=HOW] [FILE...]\n"
    "Edit coordinates of a model's states and see what becomes of its "
    "answers.\n"
    "\n"
    "  -m, --model=DIR        Hugging Face folder (the reasoner)\n"
    "  -r, --rank=RANK        the ranking whose coordinates are tried\n"
    "      --target=T         of this target, if RANK has several\n"
    "  -l, --layers=LIST      layers to edit, one a run (those of RANK)\n"
    "      --arms=LIST        none, noop, value, value-sinks, bottom, "
    "random:N,\n"
    "                         random-sinks:N, rms:N, rms-top, magnitude, "
    "wanda,\n"
    "                         ntp:RANK, terminal:RANK, file:LIST (none, noop,\n"
    "                         value, random:20, rms:20, magnitude, wanda, "
    "bottom)\n"
    "      --top=SIZES        sizes of the sets, such as 0.1%,1%,36 (1%)\n"
    "      --mode=MODE        zero, mean, resample, scale=A, add=B (zero)\n"
    "      --where=W          all, generated, not-first (all)\n"
    "      --draw-seed=N      of random sets and donors (1)\n"
    "      --acts=ACTS        measure states by this stream\n"
    "      --calibrate=N      or by the answers to the first N problems (32)\n"
    "\n"
    "      --also=FILE        problems of an unrelated task\n"
    "      --also-grader=RULE (that of the problems)\n"
    "      --own=N            replay the answers to the first N problems (64)\n"
    "      --neutral=FILE     score this text, or none (one that comes along)\n"
    "      --baseline=ARMS    take unedited answers from this stream\n"
    "\n"
    "      --template=T       auto, chatml, llama3, none (auto)\n"
    "      --system=TEXT      system text\n"
    "      --instruction=TEXT text behind the question\n"
    "      --map=NAMES        fields of the input, such as question=problem\n"
    "  -g, --grader=RULE      gsm8k, gsm8k-flexible, boxed, choice, exact,\n"
    "                         regex:PATTERN, none (gsm8k)\n"
    "      --max-tokens=N     most tokens of a completion (512)\n"
    "      --greedy           the most probable token each time (the default,\n"
    "                         without one of the next four)\n"
    "      --temperature=T    (1)\n"
    "      --top-p=P          (1: all)\n"
    "      --top-k=K          (0: all)\n"
    "      --samples=N        completions of each problem (1)\n"
    "  -s, --seed=N           (1)\n"
    "      --ignore-eos       go on to the most tokens\n"
    "\n"
    "      --report[=HOW]     print what came of it: table, tsv, json (table)\n"
    "      --dry-run          print the arms as JSON lines, and end\n"
    "  -o, --output=FILE      write to FILE\n"
    "      --resume           go on with an unfinished FILE\n"
    "      --shard=I/N        every N-th problem, from the I-th on\n"
    "      --batch=N          completions at a time (64 to 256, by the arms)\n"
    "  -j, --threads=N        (one for each processor)\n"
    "  -z, --level=N          zstd level, 1 to 19 (1)\n"
    "      --progress=WHEN    auto, always, never, json (auto)\n"
    "      --no-history       no programs in the head\n"
    "  -q, --quiet            no warnings\n"
    "  -v, --verbose          a summary at the end\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option longopts[] = {
    {"acts", required_argument, NULL, HS_ABLATE_OPT_ACTS},
    {"also", required_argument, NULL, HS_ABLATE_OPT_ALSO},
    {"also-grader", required_argument, NULL, HS_ABLATE_OPT_ALSO_GRADER},
    {"arms", required_argument, NULL, HS_ABLATE_OPT_ARMS},
    {"baseline", required_argument, NULL, HS_ABLATE_OPT_BASELINE},
    {"batch", required_argument, NULL, HS_OPT_BATCH},
    {"calibrate", required_argument, NULL, HS_ABLATE_OPT_CALIBRATE},
    {"draw-seed", required_argument, NULL, HS_ABLATE_OPT_DRAW_SEED},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"grader", required_argument, NULL, 'g'},
    {"greedy", no_argument, NULL, HS_OPT_GREEDY},
    {"help", no_argument, NULL, 'h'},
    {"ignore-eos", no_argument, NULL, HS_OPT_IGNORE_EOS},
    {"instruction", required_argument, NULL, HS_OPT_INSTRUCTION},
    {"layers", required_argument, NULL, 'l'},
    {"level", required_argument, NULL, 'z'},
    {"map", required_argument, NULL, HS_OPT_MAP},
    {"max-tokens", required_argument, NULL, HS_OPT_MAX_TOKENS},
    {"mode", required_argument, NULL, HS_ABLATE_OPT_MODE},
    {"model", required_argument, NULL, 'm'},
    {"neutral", required_argument, NULL, HS_ABLATE_OPT_NEUTRAL},
    {"no-history", no_argument, NULL, OPT_NO_HISTORY},
    {"output", required_argument, NULL, 'o'},
    {"own", required_argument, NULL, HS_ABLATE_OPT_OWN_TEXT},
    {"progress", required_argument, NULL, OPT_PROGRESS},
    {"quiet", no_argument, NULL, 'q'},
    {"rank", required_argument, NULL, 'r'},
    {"report", optional_argument, NULL, OPT_REPORT},
    {"resume", no_argument, NULL, OPT_RESUME},
    {"samples", required_argument, NULL, HS_OPT_SAMPLES},
    {"seed", required_argument, NULL, 's'},
    {"shard", required_argument, NULL, HS_OPT_SHARD},
    {"system", required_argument, NULL, HS_OPT_SYSTEM},
    {"target", required_argument, NULL, HS_ABLATE_OPT_TARGET},
    {"temperature", required_argument, NULL, HS_OPT_TEMPERATURE},
    {"template", required_argument, NULL, HS_OPT_TEMPLATE},
    {"threads", required_argument, NULL, 'j'},
    {"top", required_argument, NULL, HS_ABLATE_OPT_TOP},
    {"top-k", required_argument, NULL, HS_OPT_TOP_K},
    {"top-p", required_argument, NULL, HS_OPT_TOP_P},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"where", required_argument, NULL, HS_ABLATE_OPT_WHERE},
    {NULL, 0, NULL, 0}};

static void
parse_report(struct options *o, const char *how)
{
    o->report = how != NULL ? how : "table";
    if (strcmp(o->report, "table") != 0 && strcmp(o->report, "tsv") != 0 &&
        strcmp(o->report, "json") != 0)
        hs_die(HS_EXIT_USAGE, "--report: '%s' is not table, tsv or json", how);
}

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case OPT_DRY_RUN:
        o->dry_run = true;
        break;
    case OPT_NO_HISTORY:
        o->no_history = true;
        break;
    case OPT_PROGRESS:
        o->progress = hs_parse_progress(optarg);
        break;
    case OPT_REPORT:
        parse_report(o, optarg);
        break;
    case OPT_RESUME:
        o->resume = true;
        break;
    case 'o':
        o->output = optarg;
        break;
    case 'q':
        o->verbosity = 0;
        break;
    case 'v':
        o->verbosity = 2;
        break;
    case 'z':
        o->level = (int)hs_parse_u64("--level", optarg, 1, 19);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("ablate-eval (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

/* Whether this only reports what is there: without an output there is nothing
 * else that --report could be about. */
static bool
only_reports(const struct options *o)
{
    return o->report != NULL && o->output == NULL && !o->dry_run;
}

static void
check_options(struct options *o)
{
    bool to_file = o->output != NULL && strcmp(o->output, "-") != 0;

    if (o->n_files > 0 && !only_reports(o))
        hs_die(HS_EXIT_USAGE,
               "unexpected argument '%s'; problems come from standard input",
               o->files[0]);
    if (only_reports(o) && o->of_run)
        hs_die(HS_EXIT_USAGE,
               "--report without -o FILE reports streams, and "
               "takes no options of a run");
    if (only_reports(o))
        return;
    hs_parse_ablate_end(&o->ablate);
    if (o->report != NULL && (!to_file || o->dry_run))
        hs_die(HS_EXIT_USAGE, "--report of a run needs -o FILE for the stream");
    if (o->report != NULL && !hs_arm_specs_have(&o->ablate.arms, HS_ARM_NONE))
        hs_die(HS_EXIT_USAGE, "--report needs the arm none, or --baseline");
    if (o->resume && (o->dry_run || !to_file))
        hs_die(HS_EXIT_USAGE, "--resume is for a run with -o FILE");
    if (!o->dry_run && !to_file)
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    int c;

    *o = (struct options){
        .level = HS_LEVEL_DEFAULT, .verbosity = 1, .argc = argc, .argv = argv};
    hs_ablate_options_init(&o->ablate);
    while ((c = getopt_long(argc, argv, "g:hj:l:m:o:qr:s:vVz:", longopts,
                            NULL)) != -1)
        if (hs_parse_ablate_option(&o->ablate, c, optarg))
            o->of_run = true;
        else
            parse_option(c, o);
    o->files = argv + optind;
    o->n_files = argc - optind;
    check_options(o);
    hs_set_verbosity(o->verbosity);
}

/* ---- reports ---- */

static int
report(const struct options *o, char *const *paths, int n, struct hs_error *err)
{
    const struct hs_armsum_options so = {
        .level = 0.95, .alpha = 0.05, .n_boot = 10000, .seed = 1};
    struct hs_armsum *s = hs_armsum_new(&so);
    struct hs_buf b = {0};
    int rc = 0;

    for (int i = 0; rc == 0 && i < n; i++) {
        struct hs_reader *r = hs_input_open(paths[i], err);

        rc = r == NULL ? -1 : hs_armsum_add(s, r, hs_input_name(paths[i]), err);
        hs_reader_close(r);
    }
    if (rc == 0)
        rc = hs_armsum_finish(s, err);
    if (rc == 0) {
        hs_armsum_print(&b, s, o->report);
        (void)fwrite(b.data, 1, b.len, stdout);
    }
    hs_buf_free(&b);
    hs_armsum_free(s);
    return rc;
}

/* ---- the run ---- */

static int
open_output(struct hs_ablation *a, const struct options *o,
            struct hs_sink *sink, struct hs_error *err)
{
    struct hs_head head;
    int rc;

    hs_ablation_head(a, &head);
    if (!o->no_history)
        hs_head_add_history(&head, o->argc, o->argv);
    rc = hs_sink_open(sink, o->output != NULL ? o->output : "-", o->resume,
                      &head, o->level, err);
    hs_head_free(&head);
    if (rc == 0 && hs_writer_team(sink->writer, a->run.team) < 0)
        rc = hs_fail(err, "%s", hs_writer_error(sink->writer));
    return rc;
}

static void
summarize(const struct hs_ablation *a)
{
    const struct hs_ablation_counts *c = &a->counts;
    uint64_t blocks = a->shared.shared + a->shared.computed;

    for (size_t i = 0; i < a->arms.n; i++)
        if (a->arms.v[i].same_as != NULL)
            hs_note("%s is the same as %s", a->arms.v[i].label,
                    a->arms.v[i].same_as);
    if (a->donors != NULL && hs_donors_beyond(a->donors) > 0)
        hs_warn("%" PRIu64
                " rows were resampled from the last state of the "
                "longest donor: no donor was as long",
                hs_donors_beyond(a->donors));
    if (a->o->baseline != NULL && c->baseline == 0)
        hs_warn("%s: has no new answers to these problems", a->o->baseline);
    hs_note("%" PRIu64 " items, %" PRIu64 " there already, %" PRIu64
            " of the baseline, %" PRIu64 " tokens, %" PRIu64
            " of them generated, %.1f s, %" PRIu64 " edits, %" PRIu64
            " noops equal to none, %.0f %% of the blocks shared",
            c->items, c->done - c->baseline, c->baseline, c->tokens,
            c->generated, hs_progress_elapsed(&a->progress), c->edits, c->noops,
            100 * (double)a->shared.shared / (double)(blocks > 0 ? blocks : 1));
}

static int
ablate(struct hs_ablation *a, const struct options *o, struct hs_sink *sink,
       struct hs_error *err)
{
    const char *baseline = o->ablate.baseline;

    if (hs_ablation_open(a, &o->ablate, STDIN_FILENO, err) < 0)
        return -1;
    if (o->dry_run) {
        hs_armset_print(&a->arms, stdout);
        return 0;
    }
    a->progress_mode = o->progress;
    if (open_output(a, o, sink, err) < 0 ||
        hs_ablation_resume(a, sink, err) < 0 ||
        (baseline != NULL &&
         hs_ablation_baseline(a, sink, baseline, err) < 0) ||
        hs_ablation_run(a, sink, err) < 0 || hs_sink_close(sink, err) < 0)
        return -1;
    summarize(a);
    return 0;
}

static int
run(const struct options *o, struct hs_error *err)
{
    static char standard_input[] = "-";
    char *one[] = {standard_input};
    struct hs_sink sink = {.file.fd = -1};
    struct hs_ablation a;
    char *path;
    int rc;

    if (only_reports(o))
        return report(o, o->n_files > 0 ? o->files : one,
                      o->n_files > 0 ? o->n_files : 1, err);
    rc = ablate(&a, o, &sink, err);
    hs_sink_free(&sink);
    hs_ablation_close(&a);
    if (rc < 0 || o->report == NULL)
        return rc;
    path = hs_strdup(o->output);
    rc = report(o, &path, 1, err);
    free(path);
    return rc;
}

int
main(int argc, char **argv)
{
    struct options o;
    struct hs_error err;
    int rc;

    hs_init(argv);
    parse_options(argc, argv, &o);
    rc = run(&o, &err);
    hs_ablate_options_free(&o.ablate);
    if (rc < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    return hs_finish(HS_EXIT_OK);
}
