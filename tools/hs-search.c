/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hs-search: the best of several candidates, step by step or of whole answers,
 * as probes, chance and an oracle see it.
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
#include "search/search.h"
#include "search/searchsum.h"
#include "stream/input.h"

enum {
    OPT_NO_HISTORY = HS_SEARCH_OPT_OWN,
    OPT_PROGRESS,
    OPT_REPORT,
    OPT_RESUME
};

struct options {
    struct hs_search_options search;
    const char *output, *report; /* report: table, tsv, json or NULL */
    enum hs_progress_mode progress;
    int level, verbosity, argc, n_files;
    char **argv, **files; /* operands, of --report */
    bool resume, no_history, of_run;
};

static const char usage[] =
    "usage: hs-search [options] < PROBLEMS > SEARCH\n"
    "       hs-search --report[=HOW] [FILE...]\n"
    "Answer problems by the best of several candidates for each step.\n"
    "\n"
    "  -m, --model=DIR        Hugging Face folder (the reasoner)\n"
    "      --scorers=LIST     greedy, random, logprob, value:PROBE,\n"
    "                         dopamine:RPE, oracle; NAME=SCORER names one\n"
    "                         (greedy,random,logprob)\n"
    "      --candidates=K     of each step (4)\n"
    "      --step=RULE        paragraph, line, sentence or every:N "
    "(paragraph)\n"
    "      --min-tokens=N     fewest tokens of a step (1)\n"
    "      --whole            candidates are whole answers\n"
    "      --rollouts=R       of the oracle, from each candidate (8)\n"
    "      --seeds=N          searches of each problem (1)\n"
    "  -s, --seed=N           the first of their seeds (1)\n"
    "      --layer=L          the probe of this layer, of several\n"
    "      --target=T         the probe of this target, of several\n"
    "      --log-candidates   keep all candidates and their scores\n"
    "\n"
    "      --template=T       auto, chatml, llama3, none (auto)\n"
    "      --system=TEXT      system text\n"
    "      --instruction=TEXT text behind the question\n"
    "      --map=NAMES        fields of the input, such as question=problem\n"
    "  -g, --grader=RULE      gsm8k, gsm8k-flexible, boxed, choice, exact,\n"
    "                         regex:PATTERN, none (gsm8k)\n"
    "      --max-tokens=N     most tokens of an answer (512)\n"
    "      --temperature=T    (1)\n"
    "      --top-p=P          (1: all)\n"
    "      --top-k=K          (0: all)\n"
    "      --ignore-eos       go on to the most tokens\n"
    "\n"
    "      --report[=HOW]     print what came of it: table, tsv, json (table)\n"
    "  -o, --output=FILE      write to FILE\n"
    "      --resume           go on with an unfinished FILE\n"
    "      --shard=I/N        every N-th problem, from the I-th on\n"
    "      --batch=N          candidates at a time (32)\n"
    "  -j, --threads=N        (one for each processor)\n"
    "  -z, --level=N          zstd level, 1 to 19 (1)\n"
    "      --progress=WHEN    auto, always, never, json (auto)\n"
    "      --no-history       no programs in the head\n"
    "  -q, --quiet            no warnings\n"
    "  -v, --verbose          a summary at the end\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option longopts[] = {
    {"batch", required_argument, NULL, HS_OPT_BATCH},
    {"candidates", required_argument, NULL, HS_SEARCH_OPT_CANDIDATES},
    {"grader", required_argument, NULL, 'g'},
    {"help", no_argument, NULL, 'h'},
    {"ignore-eos", no_argument, NULL, HS_OPT_IGNORE_EOS},
    {"instruction", required_argument, NULL, HS_OPT_INSTRUCTION},
    {"layer", required_argument, NULL, HS_SEARCH_OPT_LAYER},
    {"level", required_argument, NULL, 'z'},
    {"log-candidates", no_argument, NULL, HS_SEARCH_OPT_LOG},
    {"map", required_argument, NULL, HS_OPT_MAP},
    {"max-tokens", required_argument, NULL, HS_OPT_MAX_TOKENS},
    {"min-tokens", required_argument, NULL, HS_SEARCH_OPT_MIN_TOKENS},
    {"model", required_argument, NULL, 'm'},
    {"no-history", no_argument, NULL, OPT_NO_HISTORY},
    {"output", required_argument, NULL, 'o'},
    {"progress", required_argument, NULL, OPT_PROGRESS},
    {"quiet", no_argument, NULL, 'q'},
    {"report", optional_argument, NULL, OPT_REPORT},
    {"resume", no_argument, NULL, OPT_RESUME},
    {"rollouts", required_argument, NULL, HS_SEARCH_OPT_ROLLOUTS},
    {"scorers", required_argument, NULL, HS_SEARCH_OPT_SCORERS},
    {"seed", required_argument, NULL, 's'},
    {"seeds", required_argument, NULL, HS_SEARCH_OPT_SEEDS},
    {"shard", required_argument, NULL, HS_OPT_SHARD},
    {"step", required_argument, NULL, HS_SEARCH_OPT_STEP},
    {"system", required_argument, NULL, HS_OPT_SYSTEM},
    {"target", required_argument, NULL, HS_SEARCH_OPT_TARGET},
    {"temperature", required_argument, NULL, HS_OPT_TEMPERATURE},
    {"template", required_argument, NULL, HS_OPT_TEMPLATE},
    {"threads", required_argument, NULL, 'j'},
    {"top-k", required_argument, NULL, HS_OPT_TOP_K},
    {"top-p", required_argument, NULL, HS_OPT_TOP_P},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"whole", no_argument, NULL, HS_SEARCH_OPT_WHOLE},
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
        puts("hs-search (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

/* Whether this only reports what is there. */
static bool
only_reports(const struct options *o)
{
    return o->report != NULL && o->output == NULL;
}

static void
check_options(struct options *o)
{
    bool to_file = o->output != NULL && strcmp(o->output, "-") != 0;

    if (o->n_files > 0 && !only_reports(o))
        hs_die(HS_EXIT_USAGE,
               "unexpected argument '%s'; problems come from standard input",
               o->files[0]);
    if (only_reports(o) && (o->of_run || o->resume))
        hs_die(HS_EXIT_USAGE,
               "--report without -o FILE reports streams, and "
               "takes no options of a run");
    if (only_reports(o))
        return;
    hs_parse_search_end(&o->search);
    if (o->report != NULL && !to_file)
        hs_die(HS_EXIT_USAGE, "--report of a run needs -o FILE for the stream");
    if (o->resume && !to_file)
        hs_die(HS_EXIT_USAGE, "--resume is for a run with -o FILE");
    if (!to_file)
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    int c;

    *o = (struct options){
        .level = HS_LEVEL_DEFAULT, .verbosity = 1, .argc = argc, .argv = argv};
    hs_search_options_init(&o->search);
    while ((c = getopt_long(argc, argv, "g:hj:m:o:qs:vVz:", longopts, NULL)) !=
           -1)
        if (hs_parse_search_option(&o->search, c, optarg))
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
    const struct hs_searchsum_options so = {
        .level = 0.95, .alpha = 0.05, .n_boot = 10000, .seed = 1};
    struct hs_searchsum *s = hs_searchsum_new(&so);
    struct hs_buf b = {0};
    int rc = 0;

    for (int i = 0; rc == 0 && i < n; i++) {
        struct hs_reader *r = hs_input_open(paths[i], err);

        rc = r == NULL ? -1
                       : hs_searchsum_add(s, r, hs_input_name(paths[i]), err);
        hs_reader_close(r);
    }
    if (rc == 0)
        rc = hs_searchsum_finish(s, err);
    if (rc == 0) {
        hs_searchsum_print(&b, s, o->report);
        (void)fwrite(b.data, 1, b.len, stdout);
    }
    hs_buf_free(&b);
    hs_searchsum_free(s);
    return rc;
}

/* ---- the run ---- */

static int
open_output(struct hs_search *s, const struct options *o, struct hs_sink *sink,
            struct hs_error *err)
{
    struct hs_head head;
    int rc;

    hs_search_head(s, &head);
    if (!o->no_history)
        hs_head_add_history(&head, o->argc, o->argv);
    rc = hs_sink_open(sink, o->output != NULL ? o->output : "-", o->resume,
                      &head, o->level, err);
    hs_head_free(&head);
    if (rc == 0 && hs_writer_team(sink->writer, s->run.team) < 0)
        rc = hs_fail(err, "%s", hs_writer_error(sink->writer));
    return rc;
}

static void
warn_of(uint64_t n, const char *first, const char *what)
{
    if (n > 0)
        hs_warn("%s: %s (%" PRIu64 " of these problems)", first, what, n);
}

static void
summarize(const struct hs_search *s)
{
    const struct hs_work_counts *w = hs_work_counts(s->work);
    const struct hs_search_counts *c = &s->counts;

    warn_of(w->bos_twice, w->bos_twice_at,
            "the prompt begins with two BOS tokens");
    warn_of(w->bos_missing, w->bos_missing_at,
            "the prompt does not begin with the tokenizer's BOS token");
    hs_note("%" PRIu64 " answers, %" PRIu64 " there already, %" PRIu64
            " tokens generated, %.1f s",
            c->answers, c->done, c->generated,
            hs_progress_elapsed(&s->progress));
}

static int
search(struct hs_search *s, struct options *o, struct hs_sink *sink,
       struct hs_error *err)
{
    if (hs_search_open(s, &o->search, STDIN_FILENO, err) < 0)
        return -1;
    s->progress_mode = o->progress;
    if (open_output(s, o, sink, err) < 0 || hs_search_run(s, sink, err) < 0 ||
        hs_sink_close(sink, err) < 0)
        return -1;
    summarize(s);
    return 0;
}

static int
run(struct options *o, struct hs_error *err)
{
    static char standard_input[] = "-";
    char *one[] = {standard_input};
    struct hs_sink sink = {.file.fd = -1};
    struct hs_search s;
    char *path;
    int rc;

    if (only_reports(o))
        return report(o, o->n_files > 0 ? o->files : one,
                      o->n_files > 0 ? o->n_files : 1, err);
    rc = search(&s, o, &sink, err);
    hs_sink_free(&sink);
    hs_search_close(&s);
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
    hs_search_options_free(&o.search);
    if (rc < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    return hs_finish(HS_EXIT_OK);
}
