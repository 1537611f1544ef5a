/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hs-synth: write streams whose answer is known.
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
#include "base/outfile.h"
#include "base/team.h"
#include "probe/recovery.h"
#include "probe/synth.h"
#include "probe/synthopt.h"
#include "stream/input.h"
#include "stream/stream.h"

enum {
    MAX_THREADS = 1024,
    OPT_NO_HISTORY = HS_SYNTH_OPT_OWN,
    OPT_TRUTH,
    OPT_TSV
};

struct options {
    struct hs_synth_options world;
    struct hs_recovery recovery;
    const char *output, *truth;
    const char *for_stream, *for_recovery; /* options that are for one only */
    uint64_t threads;
    int level, argc;
    char **argv;
    bool quiet, no_history, recover, tsv;
};

struct synth {
    const struct options *o;
    struct hs_synth world;
    struct hs_team *team;
    struct hs_outfile file;
    struct hs_writer *writer;
    struct hs_error err;
};

static const char usage[] =
    "usage: hs-synth [options] > STREAM\n"
    "       hs-synth --truth=STREAM\n"
    "       hs-synth --recovery[=SIZES] [options]\n"
    "Write trajectories and hidden states in which neurons are planted.\n"
    "\n"
    "      --trajectories=N    (2000)\n"
    "      --samples=N         trajectories of each problem (1)\n"
    "      --width=N           length of a state (512)\n"
    "      --layers=N          (1)\n"
    "      --length=LO:HI      tokens of a response (10:30)\n"
    "      --prompt=LO:HI      tokens of a prompt (6:18)\n"
    "      --reward-rate=P     (0.5)\n"
    "      --known=X           share of the variance known at s_0 (0.9)\n"
    "      --step-every=N      tokens between two steps of the value (1)\n"
    "      --rollouts=K        continue K times from each step of N tokens "
    "(none)\n"
    "      --positions=P       tokens, all (tokens)\n"
    "      --dtype=D           f16, bf16, f32 (f16)\n"
    "\n"
    "      --value=N           value neurons (12)\n"
    "      --value-at=LIST     their coordinates, such as 3,7,20-22\n"
    "      --value-layers=LIST layers that have neurons (all)\n"
    "      --effect=E          signal over noise; E, or LO:HI (1.5)\n"
    "      --dopamine=N        dopamine neurons (4)\n"
    "      --dopamine-at=LIST  their coordinates\n"
    "      --dopamine-effect=E (that of value neurons)\n"
    "\n"
    "      --scales=LO:HI      of the coordinates (0.1:10)\n"
    "      --noise-static=X    share of the noise that stays (0.3)\n"
    "      --shared-noise=X    share that value neurons have in common (0)\n"
    "      --sinks=N           huge at position 0 (2)\n"
    "      --sink-at=LIST      their coordinates\n"
    "      --massive=N         100 times their scale everywhere (2)\n"
    "      --massive-at=LIST   their coordinates\n"
    "      --distractors=N     coordinates with common factors (width / 4)\n"
    "      --factors=N         (8)\n"
    "      --factor-share=X    of a distractor's variance (0.5)\n"
    "      --confounds=N       coordinates with lengths, position, difficulty "
    "(8)\n"
    "      --confound-effect=E their signal over noise (0.3)\n"
    "      --confounding=C     what ties these to difficulty, 0 to 0.95 (0.5)\n"
    "\n"
    "      --recovery[=SIZES]  how many trajectories it takes to find the "
    "value\n"
    "                          neurons (100,200,400,800,1600)\n"
    "      --draws=N           of each size (3)\n"
    "      --by=B              l1, l1-raw, l2, gradient, auc (l1)\n"
    "      --target=LIST       of the probe, as in probe-fit, like all these "
    "(mc)\n"
    "      --hidden=N          (1024)\n"
    "      --standardize=HOW   (zscore)\n"
    "      --epochs=N          (100)\n"
    "      --lr=X              (1e-4)\n"
    "      --keep=WHICH        (best)\n"
    "      --patience=N        (5)\n"
    "      --val=SHARE         (0.2)\n"
    "      --permutations=N    (1000)\n"
    "      --alpha=A           (0.05)\n"
    "      --tsv               the table with tabs\n"
    "\n"
    "  -s, --seed=N            of the world (1)\n"
    "      --draw=N            of the trajectories; the first one (1)\n"
    "  -o, --output=FILE       write to FILE\n"
    "  -j, --threads=N         (one for each processor)\n"
    "  -z, --level=N           zstd level, 1 to 19 (1)\n"
    "      --no-history        no programs in the head\n"
    "      --truth=FILE        print what is planted in a stream, and end\n"
    "  -q, --quiet             no warnings\n"
    "  -h, --help              print this help\n"
    "  -V, --version           print the version\n";

static const struct option longopts[] = {
    {"alpha", required_argument, NULL, HS_STUDYOPT_ALPHA},
    {"by", required_argument, NULL, HS_RECOVERY_OPT_BY},
    {"confound-effect", required_argument, NULL, HS_SYNTH_OPT_CONFOUND_EFFECT},
    {"confounding", required_argument, NULL, HS_SYNTH_OPT_CONFOUNDING},
    {"confounds", required_argument, NULL, HS_SYNTH_OPT_CONFOUNDS},
    {"distractors", required_argument, NULL, HS_SYNTH_OPT_DISTRACTORS},
    {"dopamine", required_argument, NULL, HS_SYNTH_OPT_DOPAMINE},
    {"dopamine-at", required_argument, NULL, HS_SYNTH_OPT_DOPAMINE_AT},
    {"dopamine-effect", required_argument, NULL, HS_SYNTH_OPT_DOPAMINE_EFFECT},
    {"draw", required_argument, NULL, HS_SYNTH_OPT_DRAW},
    {"draws", required_argument, NULL, HS_RECOVERY_OPT_DRAWS},
    {"dtype", required_argument, NULL, HS_SYNTH_OPT_DTYPE},
    {"effect", required_argument, NULL, HS_SYNTH_OPT_EFFECT},
    {"epochs", required_argument, NULL, HS_FITOPT_EPOCHS},
    {"factor-share", required_argument, NULL, HS_SYNTH_OPT_FACTOR_SHARE},
    {"factors", required_argument, NULL, HS_SYNTH_OPT_FACTORS},
    {"help", no_argument, NULL, 'h'},
    {"hidden", required_argument, NULL, HS_FITOPT_HIDDEN},
    {"keep", required_argument, NULL, HS_FITOPT_KEEP},
    {"known", required_argument, NULL, HS_SYNTH_OPT_KNOWN},
    {"layers", required_argument, NULL, HS_SYNTH_OPT_LAYERS},
    {"length", required_argument, NULL, HS_SYNTH_OPT_LENGTH},
    {"level", required_argument, NULL, 'z'},
    {"lr", required_argument, NULL, HS_FITOPT_LR},
    {"massive", required_argument, NULL, HS_SYNTH_OPT_MASSIVE},
    {"massive-at", required_argument, NULL, HS_SYNTH_OPT_MASSIVE_AT},
    {"no-history", no_argument, NULL, OPT_NO_HISTORY},
    {"noise-static", required_argument, NULL, HS_SYNTH_OPT_NOISE_STATIC},
    {"output", required_argument, NULL, 'o'},
    {"patience", required_argument, NULL, HS_FITOPT_PATIENCE},
    {"permutations", required_argument, NULL, HS_STUDYOPT_PERMUTATIONS},
    {"positions", required_argument, NULL, HS_SYNTH_OPT_POSITIONS},
    {"prompt", required_argument, NULL, HS_SYNTH_OPT_PROMPT},
    {"quiet", no_argument, NULL, 'q'},
    {"recovery", optional_argument, NULL, HS_RECOVERY_OPT_RECOVERY},
    {"reward-rate", required_argument, NULL, HS_SYNTH_OPT_REWARD_RATE},
    {"rollouts", required_argument, NULL, HS_SYNTH_OPT_ROLLOUTS},
    {"samples", required_argument, NULL, HS_SYNTH_OPT_SAMPLES},
    {"scales", required_argument, NULL, HS_SYNTH_OPT_SCALES},
    {"seed", required_argument, NULL, 's'},
    {"shared-noise", required_argument, NULL, HS_SYNTH_OPT_SHARED_NOISE},
    {"sink-at", required_argument, NULL, HS_SYNTH_OPT_SINK_AT},
    {"sinks", required_argument, NULL, HS_SYNTH_OPT_SINKS},
    {"standardize", required_argument, NULL, HS_FITOPT_STANDARDIZE},
    {"step-every", required_argument, NULL, HS_SYNTH_OPT_STEP_EVERY},
    {"target", required_argument, NULL, HS_FITOPT_TARGET},
    {"threads", required_argument, NULL, 'j'},
    {"trajectories", required_argument, NULL, HS_SYNTH_OPT_TRAJECTORIES},
    {"truth", required_argument, NULL, OPT_TRUTH},
    {"tsv", no_argument, NULL, OPT_TSV},
    {"val", required_argument, NULL, HS_STUDYOPT_VAL},
    {"value", required_argument, NULL, HS_SYNTH_OPT_VALUE},
    {"value-at", required_argument, NULL, HS_SYNTH_OPT_VALUE_AT},
    {"value-layers", required_argument, NULL, HS_SYNTH_OPT_VALUE_LAYERS},
    {"version", no_argument, NULL, 'V'},
    {"width", required_argument, NULL, HS_SYNTH_OPT_WIDTH},
    {NULL, 0, NULL, 0}};

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case OPT_NO_HISTORY:
        o->no_history = true;
        break;
    case OPT_TRUTH:
        o->truth = optarg;
        break;
    case OPT_TSV:
        o->tsv = true;
        o->for_recovery = "tsv";
        break;
    case 'j':
        o->threads = hs_parse_u64("--threads", optarg, 1, MAX_THREADS);
        break;
    case 'o':
        o->output = optarg;
        break;
    case 'q':
        o->quiet = true;
        break;
    case 'z':
        o->level = (int)hs_parse_u64("--level", optarg, 1, 19);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("hs-synth (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

/* Options that do nothing, or stand in each other's way. */
static void
check_options(const struct options *o)
{
    if (o->truth != NULL && (o->output != NULL || o->recover))
        hs_die(HS_EXIT_USAGE, o->recover
                                  ? "--truth and --recovery exclude each other"
                                  : "--truth prints text and writes no stream");
    if (o->recover && o->output != NULL)
        hs_die(HS_EXIT_USAGE, "--recovery prints text and writes no stream");
    if (o->recover && o->for_stream != NULL)
        hs_die(HS_EXIT_USAGE, "--%s is not for --recovery", o->for_stream);
    if (!o->recover && o->for_recovery != NULL)
        hs_die(HS_EXIT_USAGE, "--%s is for --recovery", o->for_recovery);
    if (o->truth == NULL && !o->recover &&
        (o->output == NULL || strcmp(o->output, "-") == 0))
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    int c, at = 0;

    *o = (struct options){.threads = hs_processors(),
                          .level = HS_LEVEL_DEFAULT,
                          .argc = argc,
                          .argv = argv};
    hs_synth_options_init(&o->world);
    hs_recovery_init(&o->recovery);
    while ((c = getopt_long(argc, argv, "hj:o:qs:Vz:", longopts, &at)) != -1) {
        if (c == HS_SYNTH_OPT_TRAJECTORIES || c == HS_SYNTH_OPT_POSITIONS ||
            c == HS_SYNTH_OPT_ROLLOUTS)
            o->for_stream = longopts[at].name;
        o->recover = o->recover || c == HS_RECOVERY_OPT_RECOVERY;
        if (hs_parse_synth_option(&o->world, c, optarg))
            continue;
        if (hs_parse_recovery_option(&o->recovery, c, optarg))
            o->for_recovery = longopts[at].name;
        else
            parse_option(c, o);
    }
    if (optind < argc)
        hs_die(HS_EXIT_USAGE, "unexpected argument '%s'", argv[optind]);
    check_options(o);
    hs_parse_recovery_end(&o->recovery);
    hs_set_verbosity(o->quiet ? 0 : 1);
}

static int
run(struct synth *s)
{
    const struct options *o = s->o;
    const char *name = o->output != NULL ? o->output : "-";
    struct hs_head head;
    uint64_t n_f32;
    int rc;

    s->team = hs_team_new(o->threads, &s->err);
    if (s->team == NULL ||
        hs_outfile_open(&s->file, name, HS_OUTFILE_FRESH, &s->err) < 0)
        return -1;
    hs_synth_head(&s->world, &head);
    if (!o->no_history)
        hs_head_add_history(&head, o->argc, o->argv);
    s->writer =
        hs_writer_open(s->file.fd, strcmp(name, "-") == 0 ? "<stdout>" : name,
                       &head, o->level, &s->err);
    hs_head_free(&head);
    if (s->writer == NULL)
        return -1;
    if (hs_writer_team(s->writer, s->team) < 0)
        return hs_fail(&s->err, "%s", hs_writer_error(s->writer));
    if (hs_synth_write(&s->world, s->writer, s->team, &n_f32, &s->err) < 0)
        return -1;
    if (n_f32 > 0)
        hs_warn("%" PRIu64 " blocks of states do not fit %s and are f32", n_f32,
                hs_dtype_name(o->world.dtype));
    rc = hs_writer_close(s->writer, &s->err);
    s->writer = NULL;
    return rc < 0 ? -1 : hs_outfile_commit(&s->file, &s->err);
}

static int
print_truth(const char *path, struct hs_error *err)
{
    struct hs_reader *r = hs_input_open(path, err);
    const struct hs_head *head;
    struct hs_synth_planted *v = NULL;
    size_t n = 0;

    if (r == NULL)
        return -1;
    head = hs_reader_head(r);
    if (head == NULL)
        (void)hs_fail(err, "%s", hs_reader_error(r));
    else if ((v = hs_synth_truth(head->run, &n, err)) == NULL)
        (void)hs_fail_prefix(err, "%s", hs_input_name(path));
    if (v != NULL)
        puts("#role\tindex\teffect");
    for (size_t i = 0; i < n; i++)
        printf("%s\t%" PRIu32 "\t%.9g\n", v[i].role, v[i].index, v[i].effect);
    hs_reader_close(r);
    free(v);
    return head != NULL && v != NULL ? 0 : -1;
}

static int
recover(struct synth *s)
{
    struct hs_recovery q = s->o->recovery;

    q.world = s->o->world;
    q.team = s->team = hs_team_new(s->o->threads, &s->err);
    if (s->team == NULL)
        return -1;
    return hs_recovery_print(&q, s->o->tsv, stdout, &s->err);
}

int
main(int argc, char **argv)
{
    struct options o;
    struct synth s = {.o = &o, .file.fd = -1};
    int rc;

    hs_init(argv);
    parse_options(argc, argv, &o);
    if (o.truth != NULL)
        rc = print_truth(o.truth, &s.err);
    else if (hs_synth_init(&s.world, &o.world, &s.err) < 0)
        hs_die(HS_EXIT_USAGE, "%s", s.err.text);
    else
        rc = o.recover ? recover(&s) : run(&s);
    if (rc < 0)
        hs_die(HS_EXIT_FAIL, "%s", s.err.text);
    hs_synth_free(&s.world);
    hs_team_free(s.team);
    hs_synth_options_free(&o.world);
    hs_recovery_free(&o.recovery);
    return hs_finish(HS_EXIT_OK);
}
