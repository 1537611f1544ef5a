/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hs-extract: let a model work on problems and keep its hidden states.
 */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/progress.h"
#include "stream/input.h"
#include "stream/sink.h"
#include "stream/stream.h"
#include "task/extraction.h"
#include "task/plan.h"
#include "task/runopt.h"
#include "task/work.h"

enum {
    OPT_DRY_RUN = HS_OPT_OWN,
    OPT_ESTIMATE,
    OPT_NO_HISTORY,
    OPT_PROGRESS,
    OPT_RESUME,
    OPT_SKIP
};

struct options {
    struct hs_run_options run;
    const char *output, **skip; /* skip (n_skip): files */
    size_t n_skip, cap_skip;
    enum hs_progress_mode progress;
    int level, verbosity, argc;
    char **argv;
    bool resume, estimate, dry_run, no_history;
};

struct extract {
    struct options *o;
    struct hs_sink sink;
    struct hs_progress progress;
    struct hs_extraction all;
    struct hs_error err;
};

static const char usage[] =
    "usage: hs-extract [options] < PROBLEMS > STREAM\n"
    "       hs-extract --rollouts=K --branch=RULE [options] < STREAM > OUT\n"
    "Let a model work on problems (JSON lines) and keep its hidden states, or\n"
    "go on from the steps of what it wrote, to see how often that ends right.\n"
    "\n"
    "  -m, --model=DIR        Hugging Face folder (the reasoner)\n"
    "  -l, --layers=LIST      layers to keep, such as 2-5; all; none (all)\n"
    "      --positions=P      all, last, s0, step-ends, tokens, every:K (all)\n"
    "      --step=RULE        paragraph, line, sentence or every:N "
    "(paragraph)\n"
    "      --dtype=D          f16, bf16, f32 (f16)\n"
    "\n"
    "      --template=T       auto, chatml, llama3, none (auto)\n"
    "      --system=TEXT      system text\n"
    "      --instruction=TEXT text behind the question\n"
    "      --map=NAMES        fields of the input, such as question=problem\n"
    "  -g, --grader=RULE      gsm8k, gsm8k-flexible, boxed, choice, exact,\n"
    "                         regex:PATTERN, none (gsm8k)\n"
    "\n"
    "      --max-tokens=N     most tokens of a completion (512)\n"
    "      --temperature=T    (1)\n"
    "      --top-p=P          (1: all)\n"
    "      --top-k=K          (0: all)\n"
    "      --greedy           the most probable token each time\n"
    "      --samples=N        completions of each problem (1)\n"
    "  -s, --seed=N           (1)\n"
    "      --ignore-eos       go on to the most tokens\n"
    "      --replay           take the completions that the problems have\n"
    "\n"
    "      --rollouts=K       continue K times from the end of each step\n"
    "      --branch=RULE      where these end: as --step\n"
    "      --min-tokens=N     shortest step (0)\n"
    "      --no-sharing       compute what continuations share for each anew\n"
    "\n"
    "      --edit=EDIT        zero, mean=A, mean@FILE, scale=A, add=B...\n"
    "      --edit-layer=L     in this layer\n"
    "      --edit-coords=LIST these coordinates, or @FILE\n"
    "      --edit-where=W     all, generated, not-first (all)\n"
    "\n"
    "  -o, --output=FILE      write to FILE\n"
    "      --resume           go on with an unfinished FILE\n"
    "      --skip=FILE        leave out what is in this stream\n"
    "      --shard=I/N        every N-th problem, from the I-th on\n"
    "      --batch=N          completions at a time (32)\n"
    "  -j, --threads=N        (one for each processor)\n"
    "  -z, --level=N          zstd level, 1 to 19 (1)\n"
    "      --estimate         print tokens, bytes and memory, and end\n"
    "      --dry-run          print prompts and token ids, and end\n"
    "      --progress=WHEN    auto, always, never, json (auto)\n"
    "      --no-history       no programs in the head\n"
    "  -q, --quiet            no warnings\n"
    "  -v, --verbose          a summary at the end\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option longopts[] = {
    {"batch", required_argument, NULL, HS_OPT_BATCH},
    {"branch", required_argument, NULL, HS_OPT_BRANCH},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"dtype", required_argument, NULL, HS_OPT_DTYPE},
    {"edit", required_argument, NULL, HS_OPT_EDIT},
    {"edit-coords", required_argument, NULL, HS_OPT_EDIT_COORDS},
    {"edit-layer", required_argument, NULL, HS_OPT_EDIT_LAYER},
    {"edit-where", required_argument, NULL, HS_OPT_EDIT_WHERE},
    {"estimate", no_argument, NULL, OPT_ESTIMATE},
    {"grader", required_argument, NULL, 'g'},
    {"greedy", no_argument, NULL, HS_OPT_GREEDY},
    {"help", no_argument, NULL, 'h'},
    {"ignore-eos", no_argument, NULL, HS_OPT_IGNORE_EOS},
    {"instruction", required_argument, NULL, HS_OPT_INSTRUCTION},
    {"layers", required_argument, NULL, 'l'},
    {"level", required_argument, NULL, 'z'},
    {"map", required_argument, NULL, HS_OPT_MAP},
    {"max-tokens", required_argument, NULL, HS_OPT_MAX_TOKENS},
    {"min-tokens", required_argument, NULL, HS_OPT_MIN_TOKENS},
    {"model", required_argument, NULL, 'm'},
    {"no-history", no_argument, NULL, OPT_NO_HISTORY},
    {"no-sharing", no_argument, NULL, HS_OPT_NO_SHARING},
    {"output", required_argument, NULL, 'o'},
    {"positions", required_argument, NULL, HS_OPT_POSITIONS},
    {"progress", required_argument, NULL, OPT_PROGRESS},
    {"quiet", no_argument, NULL, 'q'},
    {"replay", no_argument, NULL, HS_OPT_REPLAY},
    {"resume", no_argument, NULL, OPT_RESUME},
    {"rollouts", required_argument, NULL, HS_OPT_ROLLOUTS},
    {"samples", required_argument, NULL, HS_OPT_SAMPLES},
    {"seed", required_argument, NULL, 's'},
    {"shard", required_argument, NULL, HS_OPT_SHARD},
    {"skip", required_argument, NULL, OPT_SKIP},
    {"step", required_argument, NULL, HS_OPT_STEP},
    {"system", required_argument, NULL, HS_OPT_SYSTEM},
    {"temperature", required_argument, NULL, HS_OPT_TEMPERATURE},
    {"template", required_argument, NULL, HS_OPT_TEMPLATE},
    {"threads", required_argument, NULL, 'j'},
    {"top-k", required_argument, NULL, HS_OPT_TOP_K},
    {"top-p", required_argument, NULL, HS_OPT_TOP_P},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0}};

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case OPT_DRY_RUN:
        o->dry_run = true;
        break;
    case OPT_ESTIMATE:
        o->estimate = true;
        break;
    case OPT_NO_HISTORY:
        o->no_history = true;
        break;
    case OPT_PROGRESS:
        o->progress = hs_parse_progress(optarg);
        break;
    case OPT_RESUME:
        o->resume = true;
        break;
    case OPT_SKIP:
        o->skip =
            hs_grow(o->skip, &o->cap_skip, o->n_skip + 1, sizeof *o->skip);
        o->skip[o->n_skip++] = optarg;
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
        puts("hs-extract (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    bool planned;
    int c;

    *o = (struct options){.output = "-",
                          .level = HS_LEVEL_DEFAULT,
                          .verbosity = 1,
                          .argc = argc,
                          .argv = argv};
    hs_run_options_init(&o->run);
    while ((c = getopt_long(argc, argv, "g:hj:l:m:o:qs:vVz:", longopts,
                            NULL)) != -1)
        if (!hs_parse_run_option(&o->run, c, optarg))
            parse_option(c, o);
    if (optind < argc)
        hs_die(HS_EXIT_USAGE,
               "unexpected argument '%s'; the input is standard input",
               argv[optind]);
    hs_parse_run_end(&o->run);
    if (o->dry_run && o->estimate)
        hs_die(HS_EXIT_USAGE, "--dry-run or --estimate, not both");
    planned = o->dry_run || o->estimate;
    if (o->resume && (planned || strcmp(o->output, "-") == 0))
        hs_die(HS_EXIT_USAGE, "--resume is for a run with -o FILE");
    if (!planned && strcmp(o->output, "-") == 0)
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
    hs_set_verbosity(o->verbosity);
}

/* ---- the run ---- */

static const char input[] = "<stdin>";

static int
open_output(struct extract *x)
{
    const struct options *o = x->o;
    struct hs_head head;
    int rc;

    hs_extraction_head(&x->all, &head);
    if (o->no_history)
        hs_head_drop_history(&head);
    else
        hs_head_add_history(&head, o->argc, o->argv);
    rc = hs_sink_open(&x->sink, o->output, o->resume, &head, o->level, &x->err);
    hs_head_free(&head);
    if (rc == 0 && hs_writer_team(x->sink.writer, x->all.run.team) < 0)
        rc = hs_fail(&x->err, "%s", hs_writer_error(x->sink.writer));
    return rc;
}

static void
warn_of(uint64_t n, const char *first, const char *what)
{
    if (n > 0)
        hs_warn("%s: %s (%" PRIu64 " of these problems)", first, what, n);
}

static void
warn(const struct hs_work *work)
{
    const struct hs_work_counts *c;

    if (work == NULL)
        return;
    c = hs_work_counts(work);
    warn_of(c->bos_twice, c->bos_twice_at,
            "the prompt begins with two BOS tokens");
    warn_of(c->bos_missing, c->bos_missing_at,
            "the prompt does not begin with the tokenizer's BOS token");
    warn_of(c->unused_completions, c->unused_at,
            "has a completion that is not used without --replay");
}

static void
summarize(const struct extract *x)
{
    const struct hs_extraction *a = &x->all;
    struct hs_buf b = {0};

    hs_note("%" PRIu64 " items, %" PRIu64 " of them there already, %" PRIu64
            " tokens, %" PRIu64 " of them generated, %.1f s, %" PRIu64 " edits",
            a->items + a->done, a->done, a->tokens, a->generated,
            hs_progress_elapsed(&x->progress), a->edits);
    if (x->o->run.rollouts == 0)
        return;
    hs_extraction_describe(&a->rolled, &b);
    hs_note("%s", hs_buf_cstr(&b));
    hs_buf_free(&b);
}

static int
extract(struct extract *x)
{
    const struct hs_run_options *o = &x->o->run;

    hs_progress_start(&x->progress, x->o->progress);
    if (x->all.reader == NULL)
        x->all.expected = hs_problem_lines(STDIN_FILENO) / o->n_shards *
                          (o->replay ? 1 : o->samples);
    if (hs_extraction_run(&x->all, &x->err) < 0)
        return -1;
    warn(x->all.work);
    summarize(x);
    return hs_sink_close(&x->sink, &x->err);
}

/* What the run would do. */
static int
plan(struct extract *x)
{
    const struct hs_run_options *o = &x->o->run;
    const struct hs_run *r = &x->all.run;
    struct hs_rollsrc *source =
        x->all.reader != NULL ? hs_extraction_source(&x->all) : NULL;
    struct hs_plan p;
    int rc;

    if (x->o->dry_run && source != NULL)
        rc = hs_plan_dry_stream(r, o, source, stdout, &x->err);
    else if (x->o->dry_run)
        rc = hs_plan_dry_run(x->all.work, stdout, &x->err);
    else if (source != NULL)
        rc = hs_plan_stream(&p, r, o, source, &x->err);
    else
        rc = hs_plan_make(&p, r, o, x->all.work, &x->err);
    hs_rollsrc_free(source);
    if (rc < 0)
        return -1;
    if (x->o->estimate)
        hs_plan_print(&p, stdout);
    warn(x->all.work);
    return 0;
}

static int
run(struct extract *x)
{
    struct options *o = x->o;
    bool planned = o->dry_run || o->estimate;
    struct hs_ahead ahead;

    x->all.o = &o->run;
    x->all.sink = &x->sink;
    x->all.progress = &x->progress;
    if (hs_input_ahead(STDIN_FILENO, input, &ahead, &x->err) < 0)
        return -1;
    if (ahead.is_stream)
        hs_parse_run_stream(&o->run);
    if (o->dry_run)
        o->run.samples = 1; /* all have one prompt */
    if (hs_extraction_open(&x->all, STDIN_FILENO, input, &ahead, &x->err) < 0)
        return -1;
    if (!planned && open_output(x) < 0)
        return -1;
    for (size_t i = 0; i < o->n_skip; i++)
        if (hs_sink_skip(&x->sink, o->skip[i], &x->err) < 0)
            return -1;
    return planned ? plan(x) : extract(x);
}

int
main(int argc, char **argv)
{
    struct options o;
    struct extract x = {.o = &o, .sink.file.fd = -1};
    int rc;

    hs_init(argv);
    parse_options(argc, argv, &o);
    rc = run(&x);
    hs_sink_free(&x.sink);
    hs_extraction_close(&x.all);
    hs_run_options_free(&o.run);
    free(o.skip);
    if (rc < 0)
        hs_die(HS_EXIT_FAIL, "%s", x.err.text);
    return hs_finish(HS_EXIT_OK);
}
