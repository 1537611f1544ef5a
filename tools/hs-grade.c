/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hs-grade: grade saved answers again, by another rule or other golds.
 *
 * States pass as they are; only the verdicts of trajectories change.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
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
#include "stream/input.h"
#include "stream/jsonview.h"
#include "stream/stream.h"
#include "task/grade.h"
#include "task/problem.h"

struct options {
    const char *output, *gold;
    struct hs_grader *grader;
    struct hs_map map;
    int level, argc;
    char **argv;
    bool report, no_history;
};

struct grade {
    const struct options *o;
    const char *input;
    struct hs_head first; /* of the first input */
    json_t *golds;        /* answers by problem, null for none; or NULL */
    bool begun;
    struct hs_outfile file;
    struct hs_writer *writer;
    FILE *rows;           /* of --report, until all is read */
    uint64_t count[3][3]; /* by old and new reward + 1 */
    uint64_t stale;       /* rollouts, which left no text to be judged again */
    struct hs_verdict verdict;
    struct hs_error err;
};

static const char usage[] =
    "usage: hs-grade --grader=RULE [options] [FILE...] > OUT\n"
    "Grade the answers of a stream again.\n"
    "\n"
    "  -g, --grader=RULE  gsm8k, gsm8k-strict, gsm8k-flexible, boxed, choice,\n"
    "                     exact, regex:PATTERN or none\n"
    "      --gold=FILE    gold answers from these problems, by id\n"
    "      --map=NAMES    fields of --gold, such as answer=gold,id=uid\n"
    "      --report       print a table of old and new rewards instead\n"
    "  -o, --output=FILE  write to FILE\n"
    "      --no-history   no programs in the head\n"
    "  -z, --level=N      zstd level, 1 to 19 (default 1)\n"
    "  -h, --help         print this help\n"
    "  -V, --version      print the version\n";

static struct hs_grader *
parse_grader(const char *spec)
{
    struct hs_error err;
    struct hs_grader *g = hs_grader_new(spec, &err);

    if (g == NULL)
        hs_die(HS_EXIT_USAGE, "--grader: %s", err.text);
    return g;
}

static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case 'g':
        hs_grader_free(o->grader);
        o->grader = parse_grader(optarg);
        break;
    case 1:
        o->gold = optarg;
        break;
    case 2:
        hs_map_free(&o->map);
        hs_parse_map("--map", optarg, &o->map);
        break;
    case 3:
        o->report = true;
        break;
    case 4:
        o->no_history = true;
        break;
    case 'o':
        o->output = optarg;
        break;
    case 'z':
        o->level = (int)hs_parse_u64("--level", optarg, 1, 19);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(hs_finish(HS_EXIT_OK));
    case 'V':
        puts("hs-grade (hstools) " PACKAGE_VERSION);
        exit(hs_finish(HS_EXIT_OK));
    default:
        hs_die_usage();
    }
}

static void
parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longopts[] = {
        {"grader", required_argument, NULL, 'g'},
        {"gold", required_argument, NULL, 1},
        {"map", required_argument, NULL, 2},
        {"report", no_argument, NULL, 3},
        {"no-history", no_argument, NULL, 4},
        {"output", required_argument, NULL, 'o'},
        {"level", required_argument, NULL, 'z'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int c;

    *o =
        (struct options){.level = HS_LEVEL_DEFAULT, .argc = argc, .argv = argv};
    while ((c = getopt_long(argc, argv, "g:o:z:hV", longopts, NULL)) != -1)
        parse_option(c, o);
    if (o->grader == NULL)
        hs_die(HS_EXIT_USAGE, "--grader is needed");
    if (o->map.n > 0 && o->gold == NULL)
        hs_die(HS_EXIT_USAGE, "--map is for --gold");
    if (o->report && o->output != NULL)
        hs_die(HS_EXIT_USAGE, "--report goes to standard output");
    if (!o->report && (o->output == NULL || strcmp(o->output, "-") == 0))
        hs_refuse_terminal(STDOUT_FILENO, "standard output");
}

/* ---- golds ---- */

/* Keeps the problem's answer, and its choices, under its id. */
static int
add_gold(struct grade *c, const struct hs_problem *p)
{
    json_t *gold = json_object();
    const json_t *choices = json_object_get(p->meta, "choices");

    if (json_object_get(c->golds, p->id) != NULL) {
        json_decref(gold);
        return hs_fail(&c->err, "%s: line %" PRIu64 ": a second problem '%s'",
                       c->o->gold, p->line, p->id);
    }
    if (gold == NULL ||
        (p->answer != NULL &&
         json_object_set_new(gold, "answer", json_string(p->answer)) < 0) ||
        (choices != NULL &&
         json_object_set_new(gold, "choices", json_deep_copy(choices)) < 0) ||
        json_object_set_new(c->golds, p->id, gold) < 0)
        return hs_fail(&c->err, "%s: line %" PRIu64 ": cannot be kept",
                       c->o->gold, p->line);
    return 0;
}

static int
read_golds(struct grade *c)
{
    const char *path = c->o->gold;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    struct hs_problem p = {0};

    if (fd < 0)
        return hs_fail(&c->err, "%s: %s", path, strerror(errno));
    struct hs_problem_reader *r = hs_problem_reader_new(fd, path, &c->o->map);

    c->golds = json_object();
    while ((rc = hs_problem_read(r, &p, &c->err)) > 0)
        if (add_gold(c, &p) < 0) {
            rc = -1;
            break;
        }
    hs_problem_free(&p);
    hs_problem_reader_free(r);
    (void)close(fd);
    return rc;
}

/* ---- records ---- */

/* One row of the report: id, old and new reward, reason. */
static int
add_row(struct grade *c, const struct hs_trajectory *t, int old)
{
    json_t *cells[2] = {json_string(t->id), json_string(t->reason)};
    static const char *const names[] = {"null", "0", "1"};
    struct hs_buf b = {0};
    bool ok;

    hs_tsv_cell(&b, cells[0]);
    hs_buf_printf(&b, "\t%s\t%s\t", names[old + 1], names[t->reward + 1]);
    hs_tsv_cell(&b, cells[1]);
    hs_buf_str(&b, "\n");
    ok = fwrite(b.data, 1, b.len, c->rows) == b.len;
    hs_buf_free(&b);
    json_decref(cells[0]);
    json_decref(cells[1]);
    return ok ? 0 : hs_fail(&c->err, "temporary file: %s", strerror(errno));
}

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int
regrade(struct grade *c, struct hs_trajectory *t)
{
    struct hs_verdict *v = &c->verdict;
    const json_t *gold = json_object_get(c->golds, t->problem);
    const json_t *meta = t->meta;
    bool same = same_text(t->grader, hs_grader_name(c->o->grader));
    int old = t->reward;

    if (c->golds != NULL && gold == NULL)
        return hs_fail(&c->err, "%s: %s: problem '%s' is not in %s", c->input,
                       t->id, t->problem, c->o->gold);
    if (gold != NULL) {
        const json_t *answer = json_object_get(gold, "answer");

        same = same && same_text(t->gold, json_string_value(answer));
        hs_trajectory_set(&t->gold, json_string_value(answer));
        if (json_object_get(gold, "choices") != NULL)
            meta = gold;
    }
    hs_grade(c->o->grader, t->completion, strlen(t->completion),
             strcmp(t->finish, "length") == 0, t->gold, meta, v);
    t->reward = v->reward;
    hs_trajectory_set(&t->parsed, v->parsed);
    hs_trajectory_set(&t->reason, v->reason);
    hs_trajectory_set(&t->grader, hs_grader_name(c->o->grader));
    c->count[old + 1][t->reward + 1]++;
    if (t->rollouts != NULL && (!same || t->reward != old)) {
        json_decref(t->rollouts);
        t->rollouts = NULL;
        c->stale++;
    }
    if (c->o->report)
        return add_row(c, t, old);
    if (hs_write_trajectory(c->writer, t) < 0)
        return hs_fail(&c->err, "%s", hs_writer_error(c->writer));
    return 0;
}

static int
take(struct grade *c, struct hs_record *rec)
{
    if (rec->type == HS_REC_TRAJECTORY)
        return regrade(c, &rec->traj);
    if (!c->o->report && hs_write_raw(c->writer, rec) < 0)
        return hs_fail(&c->err, "%s", hs_writer_error(c->writer));
    return 0;
}

/* ---- files ---- */

static int
begin(struct grade *c, const struct hs_head *head)
{
    const struct options *o = c->o;
    const char *path = o->output != NULL ? o->output : "-";
    struct hs_head out;

    c->begun = true;
    hs_head_copy(&c->first, head);
    if (o->report) {
        c->rows = tmpfile();
        return c->rows != NULL
                   ? 0
                   : hs_fail(&c->err, "temporary file: %s", strerror(errno));
    }
    hs_head_copy(&out, head);
    hs_grade_run(out.run, o->grader);
    if (o->no_history)
        hs_head_drop_history(&out);
    else
        hs_head_add_history(&out, o->argc, o->argv);
    if (hs_outfile_open(&c->file, path, HS_OUTFILE_FRESH, &c->err) == 0)
        c->writer = hs_writer_open(c->file.fd,
                                   strcmp(path, "-") == 0 ? "<stdout>" : path,
                                   &out, o->level, &c->err);
    hs_head_free(&out);
    return c->writer != NULL ? 0 : -1;
}

static int
read_input(struct grade *c, const char *path)
{
    struct hs_reader *r = hs_input_open(path, &c->err);
    const struct hs_head *head;
    struct hs_record rec = {0};
    int rc = 0;

    if (r == NULL)
        return -1;
    c->input = hs_input_name(path);
    head = hs_reader_head(r);
    if (head != NULL && !c->begun)
        rc = begin(c, head);
    else if (head != NULL && hs_head_compatible(&c->first, head, &c->err) < 0)
        rc = hs_fail_prefix(&c->err, "%s", c->input);
    while (rc == 0 && (rc = hs_read(r, &rec)) > 0)
        rc = take(c, &rec);
    if (hs_reader_error(r)[0] != '\0')
        rc = hs_fail(&c->err, "%s", hs_reader_error(r));
    hs_record_free(&rec);
    hs_reader_close(r);
    return rc;
}

static int
print_report(struct grade *c)
{
    static const char *const names[] = {"null", "0", "1"};
    char buf[65536];
    size_t n;

    if (fflush(c->rows) != 0 || fseek(c->rows, 0, SEEK_SET) != 0)
        return hs_fail(&c->err, "temporary file: %s", strerror(errno));
    puts("#id\told\tnew\treason");
    while ((n = fread(buf, 1, sizeof buf, c->rows)) > 0)
        (void)fwrite(buf, 1, n, stdout);
    if (ferror(c->rows))
        return hs_fail(&c->err, "temporary file: %s", strerror(errno));
    puts("#old\tnew\tcount");
    for (int i = 2; i >= 0; i--)
        for (int j = 2; j >= 0; j--)
            printf("#%s\t%s\t%" PRIu64 "\n", names[i], names[j],
                   c->count[i][j]);
    return 0;
}

static int
finish(struct grade *c)
{
    struct hs_writer *w = c->writer;

    if (c->o->report)
        return print_report(c);
    if (c->stale > 0)
        hs_warn("the rollouts of %" PRIu64
                " trajectories were judged in another way and are left out",
                c->stale);
    c->writer = NULL;
    if (hs_writer_close(w, &c->err) < 0)
        return -1;
    return hs_outfile_commit(&c->file, &c->err);
}

static int
run(struct grade *c, char **files, int n)
{
    if (c->o->gold != NULL && read_golds(c) < 0)
        return -1;
    if (n == 0 && read_input(c, "-") < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (read_input(c, files[i]) < 0)
            return -1;
    return finish(c);
}

int
main(int argc, char **argv)
{
    struct options o;
    struct grade c = {.o = &o};

    hs_init(argv);
    parse_options(argc, argv, &o);
    if (run(&c, argv + optind, argc - optind) < 0)
        hs_die(HS_EXIT_FAIL, "%s", c.err.text);
    if (c.rows != NULL)
        (void)fclose(c.rows); /* only read since it was flushed */
    hs_verdict_free(&c.verdict);
    hs_head_free(&c.first);
    json_decref(c.golds);
    hs_grader_free(o.grader);
    hs_map_free(&o.map);
    return hs_finish(HS_EXIT_OK);
}
