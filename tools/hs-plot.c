/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hs-plot: draw what probe-fit, neuron-rank, ablate-eval and rpe-scan found, by
 * gnuplot: as SVG, as PNG, or as text in the terminal.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/outfile.h"
#include "plot/gnuplot.h"
#include "plot/plots.h"
#include "stream/input.h"

struct options {
    const struct hs_plot *plot;
    struct hs_plot_options how;
    struct hs_canvas canvas;
    const char *output, *title;
    bool script, format_given;
    struct hs_list layers;
    bool choose_layers;
    /* Owned, NULL at the end; NULL: not given. */
    char **targets, **at, **sizes, **modes, **wheres, **figures, **ids;
};

static const char usage[] =
    "usage: hs-plot PLOT [options] [FILE...]\n"
    "Draw what probe-fit, neuron-rank, ablate-eval and rpe-scan found.\n"
    "\n"
    "Plots of what probe-fit writes:\n"
    "  auc          AUC along the response, a panel for each layer\n"
    "  layers       AUC against the layer\n"
    "  training     loss, AUC and spread against the epoch\n"
    "Plots of what neuron-rank writes:\n"
    "  pruning      AUC against the coordinates kept (--curve)\n"
    "  importance   importance of the coordinates in their order\n"
    "  overlap      IoU of rankings against their size (--iou)\n"
    "Plots of what ablate-eval writes:\n"
    "  ablation     accuracy of each arm, a panel for each layer and size\n"
    "  dose         accuracy against the share of coordinates edited\n"
    "Plots of what rpe-scan writes:\n"
    "  trace        value, surprise and coordinates over an answer (--trace)\n"
    "  volcano      scores of coordinates against their p\n"
    "  rpe-pruning  correlation against the coordinates kept (--mode=td)\n"
    "  dependence   what is left without value neurons (--dependence)\n"
    "\n"
    "Options:\n"
    "  -l, --layers=LIST    only these layers: 2-5 or 0,4 or all\n"
    "      --target=LIST    only probes of these targets: td,mc\n"
    "      --at=LIST        layers, pruning: places in the response (s0)\n"
    "      --by-rms         importance: against the RMS, not the rank\n"
    "      --top=LIST       ablation, dose: only arms of these sizes: 0.1%,1%\n"
    "      --mode=LIST      ablation, dose: of these modes: zero,scale=2\n"
    "      --where=LIST     ablation, dose: at these positions: all,generated\n"
    "      --id=LIST        trace: only these answers\n"
    "      --figure=LIST    rpe-pruning: selected,split_half,all\n"
    "  -o, --output=FILE    write FILE.svg, FILE.png or FILE.txt\n"
    "      --format=FORMAT  svg, png or text (default: text, or by FILE)\n"
    "      --width=N        pixels, or characters of text\n"
    "      --height=N       pixels, or lines of text of a panel\n"
    "      --title=TEXT     above the plot\n"
    "      --script         print the script for gnuplot, do not run it\n"
    "  -h, --help           print this help\n"
    "  -V, --version        print the version\n";

/* Returns 0, or -1 for another name. */
static int
find_format(const char *name, enum hs_picture *out)
{
    static const struct {
        const char *name;
        enum hs_picture picture;
    } formats[] = {{"text", HS_PICTURE_TEXT},
                   {"txt", HS_PICTURE_TEXT},
                   {"svg", HS_PICTURE_SVG},
                   {"png", HS_PICTURE_PNG}};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(name, formats[i].name) == 0) {
            *out = formats[i].picture;
            return 0;
        }
    return -1;
}

/* Whether c is an option that takes names between commas, which are read. */
static bool
parse_words(int c, struct options *o)
{
    const struct {
        int c;
        const char *option;
        char ***words;
    } lists[] = {{1, "--target", &o->targets}, {2, "--at", &o->at},
                 {9, "--top", &o->sizes},      {10, "--mode", &o->modes},
                 {11, "--where", &o->wheres},  {12, "--id", &o->ids},
                 {13, "--figure", &o->figures}};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (lists[i].c == c) {
            hs_words_free(*lists[i].words);
            *lists[i].words = hs_parse_words(lists[i].option, optarg);
            return true;
        }
    return false;
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
    case 'o':
        o->output = optarg;
        break;
    case 3:
        o->how.rms = true;
        break;
    case 4:
        if (strcmp(optarg, "txt") == 0 ||
            find_format(optarg, &o->canvas.picture) < 0)
            hs_die(HS_EXIT_USAGE, "--format: '%s' is not svg, png or text",
                   optarg);
        o->format_given = true;
        break;
    case 5:
        o->canvas.width = (size_t)hs_parse_u64("--width", optarg, 40, 20000);
        break;
    case 6:
        o->canvas.height = (size_t)hs_parse_u64("--height", optarg, 10, 20000);
        break;
    case 7:
        o->title = optarg;
        break;
    case 8:
        o->script = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("hs-plot (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

static void
choose_format(struct options *o)
{
    bool to_file = o->output != NULL && strcmp(o->output, "-") != 0;
    const char *dot = to_file ? strrchr(o->output, '.') : NULL;

    if (!o->format_given && to_file && !o->script &&
        (dot == NULL || find_format(dot + 1, &o->canvas.picture) < 0))
        hs_die(HS_EXIT_USAGE,
               "--output: '%s' ends in neither .svg, .png nor .txt; give "
               "--format",
               o->output);
    if (o->canvas.picture != HS_PICTURE_TEXT &&
        ((o->canvas.width > 0 && o->canvas.width < 200) ||
         (o->canvas.height > 0 && o->canvas.height < 150)))
        hs_die(HS_EXIT_USAGE, "a picture has at least 200 x 150 pixels");
    if (o->canvas.picture == HS_PICTURE_TEXT &&
        (o->canvas.width > 1000 || o->canvas.height > 1000))
        hs_die(HS_EXIT_USAGE, "text has at most 1000 x 1000 characters");
    if (o->canvas.picture == HS_PICTURE_PNG && !to_file && !o->script &&
        isatty(STDOUT_FILENO))
        hs_die(HS_EXIT_USAGE,
               "standard output is a terminal; a PNG is "
               "binary, use --output, a pipe or a file");
}

/* Options that a plot does not heed are wrong there. */
static void
check_options(struct options *o)
{
    static char first[] = "s0";
    static char *const s0[] = {first, NULL};
    bool arms = o->plot->types == NULL;
    bool rpe = strcmp(o->plot->kind, "rpe") == 0;
    const struct {
        const char *name;
        bool given, heeded;
    } options[] = {{"at", o->at != NULL, o->plot->takes_at},
                   {"by-rms", o->how.rms, o->plot->takes_rms},
                   {"target", o->targets != NULL, !arms && !rpe},
                   {"id", o->ids != NULL, o->plot->takes_id},
                   {"figure", o->figures != NULL, o->plot->takes_figure},
                   {"top", o->sizes != NULL, arms},
                   {"mode", o->modes != NULL, arms},
                   {"where", o->wheres != NULL, arms}};

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i].given && !options[i].heeded)
            hs_die(HS_EXIT_USAGE, "--%s is not for '%s'", options[i].name,
                   o->plot->name);
    o->how.at = o->at ? o->at : s0;
    o->how.layers = o->choose_layers ? &o->layers : NULL;
    o->how.figures = o->figures;
    o->how.ids = o->ids;
    o->how.sizes = o->sizes;
    o->how.modes = o->modes;
    o->how.wheres = o->wheres;
    choose_format(o);
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longopts[] = {
        {"layers", required_argument, NULL, 'l'},
        {"output", required_argument, NULL, 'o'},
        {"target", required_argument, NULL, 1},
        {"at", required_argument, NULL, 2},
        {"by-rms", no_argument, NULL, 3},
        {"format", required_argument, NULL, 4},
        {"width", required_argument, NULL, 5},
        {"height", required_argument, NULL, 6},
        {"title", required_argument, NULL, 7},
        {"script", no_argument, NULL, 8},
        {"top", required_argument, NULL, 9},
        {"mode", required_argument, NULL, 10},
        {"where", required_argument, NULL, 11},
        {"id", required_argument, NULL, 12},
        {"figure", required_argument, NULL, 13},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int c;

    *o = (struct options){.canvas.picture = HS_PICTURE_TEXT};
    while ((c = getopt_long(argc, argv, "l:o:hV", longopts, NULL)) != -1)
        if (!parse_words(c, o))
            parse_option(c, o);
    if (optind == argc)
        hs_die(HS_EXIT_USAGE, "which plot? try 'hs-plot --help'");
    o->plot = hs_plot_find(argv[optind]);
    if (o->plot == NULL)
        hs_die(HS_EXIT_USAGE, "there is no plot '%s'; try 'hs-plot --help'",
               argv[optind]);
    check_options(o);
}

/* A plot as text fills the terminal, one line left for the prompt. */
static void
fit_terminal(struct hs_canvas *c)
{
    struct winsize w;

    if (c->picture != HS_PICTURE_TEXT || !isatty(STDOUT_FILENO) ||
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
        return;
    if (c->width == 0 && w.ws_col >= 40)
        c->width = w.ws_col > 1000 ? 1000 : w.ws_col;
    if (c->height == 0 && w.ws_row >= 16)
        c->height = w.ws_row > 41 ? 40 : (size_t)w.ws_row - 1;
}

static int
read_inputs(const struct options *o, char **files, int n, struct hs_plotdata *d,
            struct hs_error *err)
{
    static char standard_input[] = "-";
    char *one[] = {standard_input};
    int rc = 0;

    if (n == 0) {
        files = one;
        n = 1;
    }
    for (int i = 0; i < n && rc == 0; i++) {
        struct hs_reader *r = hs_input_open(files[i], err);

        if (r == NULL)
            return -1;
        rc = hs_plotdata_read(d, r, hs_input_name(files[i]), o->plot->kind,
                              o->plot->maker, o->plot->types, err);
        hs_reader_close(r);
    }
    if (rc == 0 && d->arms != NULL)
        rc = hs_armsum_finish(d->arms, err);
    else if (rc == 0)
        rc = hs_plotdata_filter(d, o->how.layers, o->targets, err);
    return rc;
}

/* The script of the plot of the records. */
static int
make_script(const struct options *o, const struct hs_plotdata *d,
            struct hs_buf *script, struct hs_error *err)
{
    struct hs_canvas canvas = o->canvas;
    struct hs_figure f = {0};
    int rc = o->plot->draw(d, &o->how, &f, err);

    if (rc == 0 && !hs_figure_has_values(&f))
        rc = hs_fail(err, "%s: nothing to draw: all values are missing",
                     d->files[0]);
    if (o->title != NULL)
        f.title = hs_strdup(o->title);
    fit_terminal(&canvas);
    if (rc == 0)
        hs_figure_script(&f, &canvas, script);
    hs_figure_free(&f);
    return rc;
}

/* What is to be written: the script, or what gnuplot makes of it. */
static int
make_output(const struct options *o, const struct hs_plotdata *d,
            struct hs_buf *out, struct hs_error *err)
{
    struct hs_buf script = {0}, complaints = {0};
    int rc = make_script(o, d, &script, err);

    if (rc == 0 && o->script) {
        hs_buf_add(out, script.data, script.len);
    } else if (rc == 0) {
        rc = hs_gnuplot(script.data, script.len, out, &complaints, err);
        if (rc == 0 && complaints.len > 0)
            hs_warn("gnuplot: %s", hs_buf_cstr(&complaints));
        if (rc == 0 && o->canvas.picture == HS_PICTURE_TEXT)
            hs_trim_page(out);
    }
    hs_buf_free(&script);
    hs_buf_free(&complaints);
    return rc;
}

static int
run(const struct options *o, char **files, int n, struct hs_error *err)
{
    struct hs_plotdata d = {0};
    struct hs_buf out = {0};
    struct hs_outfile file;
    int rc = hs_outfile_open(&file, o->output, HS_OUTFILE_FRESH, err);

    if (rc == 0)
        rc = read_inputs(o, files, n, &d, err);
    if (rc == 0)
        rc = make_output(o, &d, &out, err);
    if (rc == 0 && hs_write_all(file.fd, out.data, out.len) < 0)
        rc = hs_fail(err, "%s: %s", file.path ? file.path : "<stdout>",
                     strerror(errno));
    if (rc == 0)
        rc = hs_outfile_commit(&file, err);
    hs_plotdata_free(&d);
    hs_buf_free(&out);
    return rc;
}

int
main(int argc, char **argv)
{
    struct hs_error err = {0};
    struct options o;

    hs_init(argv);
    parse_options(argc, argv, &o);
    if (run(&o, argv + optind + 1, argc - optind - 1, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    hs_words_free(o.targets);
    hs_words_free(o.at);
    hs_words_free(o.sizes);
    hs_words_free(o.modes);
    hs_words_free(o.wheres);
    hs_words_free(o.figures);
    hs_words_free(o.ids);
    hs_list_free(&o.layers);
    return hs_finish(HS_EXIT_OK);
}
