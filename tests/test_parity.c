/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_parity.c - states, logits and greedy completions, against the float64
 * reference in PyTorch.
 *
 * tests/ref/parity.py wrote the numbers and compares every value; here it is
 * a sample, and all ways to cut a sequence into passes, bit for bit.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/model.h"
#include "model/sched.h"
#include "modeldir.h"
#include "task/problem.h"
#include "task/template.h"

enum {
    MAX_COMPLETION = 200,
    BATCH = 32
};

/* Largest |difference| / RMS of its row. */
static const double bound = 2e-5;

static char *
in_source(const char *name)
{
    struct hs_buf b = {0};

    hs_buf_printf(&b, "%s/%s", getenv("HS_SRCDIR"), name);
    return hs_buf_cstr(&b);
}

static struct hs_model *
open_model(const char *dir)
{
    struct hs_error err;
    struct hs_model *m = hs_model_open(dir, &err);

    if (m == NULL)
        fail_msg("%s", err.text);
    return m;
}

/* --- states */

/* The case being read, its states and logits. */
struct subject {
    char *name, *dir; /* owned; dir NULL: the reasoner */
    struct hs_model *m;
    float *states, *logits; /* (n_layers + 1, n, dim), (n, n_vocab); owned */
    size_t n, rows_checked;
    struct hs_edit edit; /* owned; n is 0 for none */
    double worst;
};

static void
end_case(struct subject *s)
{
    if (s->m != NULL)
        printf("# %s: %.2e\n", s->name, s->worst);
    hs_model_free(s->m);
    if (s->dir != NULL)
        modeldir_free(s->dir);
    free(s->name);
    free(s->states);
    free(s->logits);
    hs_edit_free(&s->edit);
    *s = (struct subject){.rows_checked = s->rows_checked};
}

static void
begin_case(struct subject *s, char *rest)
{
    char *words = strchr(rest, ' ');

    end_case(s);
    if (words != NULL) {
        *words++ = '\0';
        s->dir = modeldir_new(words);
        s->m = open_model(s->dir);
    } else {
        char *dir = in_source("examples/reasoner");

        s->m = open_model(dir);
        free(dir);
    }
    s->name = hs_strdup(rest);
}

/* The bytes of a sequence do not depend on how it is fed. */
static void
feed_all_ways(const struct subject *s, const uint32_t *tokens)
{
    static const struct feeding ways[] = {{1, 0, NULL},   {7, 0, NULL},
                                          {64, 5, NULL},  {1, 2, NULL},
                                          {100, 1, NULL}, {0, 9, NULL}};
    size_t n_states = (s->m->cfg.n_layers + 1) * s->n * s->m->cfg.dim;
    size_t n_logits = s->n * s->m->cfg.n_vocab;
    float *x = hs_calloc(n_states + n_logits, sizeof *x);

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct feeding way = ways[i];

        way.edit = s->edit.n ? &s->edit : NULL;
        all_states(s->m, tokens, s->n, way, x, x + n_states);
        if (memcmp(x, s->states, n_states * sizeof *x) != 0 ||
            memcmp(x + n_states, s->logits, n_logits * sizeof *x) != 0)
            fail_msg(
                "%s: %zu tokens, in runs of %zu beside %zu other rows: "
                "other bytes",
                s->name, s->n, ways[i].chunk, ways[i].other);
    }
    free(x);
}

static void
run_prompt(struct subject *s, const char *rest)
{
    unsigned seed, n;
    uint32_t *tokens;

    assert_int_equal(sscanf(rest, "%u %u", &seed, &n), 2);
    free(s->states);
    free(s->logits);
    s->n = n;
    s->states = hs_calloc((s->m->cfg.n_layers + 1) * n,
                          s->m->cfg.dim * sizeof *s->states);
    s->logits = hs_calloc(n, s->m->cfg.n_vocab * sizeof *s->logits);
    tokens = modeldir_prompt(seed, n, s->m->cfg.n_vocab);
    all_states(s->m, tokens, n,
               (struct feeding){.edit = s->edit.n ? &s->edit : NULL}, s->states,
               s->logits);
    feed_all_ways(s, tokens);
    free(tokens);
}

static double
next_number(char **save)
{
    const char *w = strtok_r(NULL, " :\n", save);
    char *end;
    double x;

    if (w == NULL)
        fail_msg("a line ends too early");
    x = strtod(w, &end);
    if (*end != '\0')
        fail_msg("'%s' is no number", w);
    return x;
}

/* "MODE WHERE LAYER I:VALUE...": the edit of the prompts that follow. */
static void
read_edit(struct subject *s, char *line)
{
    static const char *const modes[] = {"zero", "mean", "scale", "add"};
    char *save = NULL;
    const char *mode = strtok_r(line, " ", &save);
    const char *where = strtok_r(NULL, " ", &save);
    struct hs_edit *e = &s->edit;
    size_t m = 0;

    while (m < 3 && strcmp(mode, modes[m]) != 0)
        m++;
    e->mode = (enum hs_edit_mode)m;
    assert_int_equal(hs_edit_parse_where(&e->where, where), 0);
    e->layer = (uint32_t)next_number(&save);
    e->coords = hs_calloc(s->m->cfg.dim, sizeof *e->coords);
    e->values = hs_calloc(s->m->cfg.dim, sizeof *e->values);
    while (save != NULL && *save != '\0') {
        assert_true(e->n < s->m->cfg.dim);
        e->coords[e->n] = (uint32_t)next_number(&save);
        e->values[e->n++] = (float)next_number(&save);
    }
}

/* A sum in which every coordinate has a part; signs as in parity.py. */
static double
project(const float *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum +=
            (i * UINT64_C(2654435761) >> 13) & 1 ? -(double)x[i] : (double)x[i];
    return sum / sqrt((double)n);
}

static double
rms_of(const float *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum / (double)n);
}

static void
check_number(struct subject *s, const char *what, size_t pos, double got,
             double wanted, double rms)
{
    double error = fabs(got - wanted) / rms;

    if (!(error <= bound))
        fail_msg(
            "%s: %zu tokens: %s, position %zu: %.9g is not %.9g: %.2e "
            "of the row's RMS",
            s->name, s->n, what, pos, got, wanted, error);
    if (error > s->worst)
        s->worst = error;
}

/* "state LAYER POSITION RMS PROJECTION I:VALUE..." or "logits POSITION ...". */
static void
check_row(struct subject *s, char *line)
{
    char *save = NULL, *word = strtok_r(line, " ", &save), what[64] = "logits";
    bool is_state = strcmp(word, "state") == 0;
    size_t layer = is_state ? (size_t)next_number(&save) : 0;
    size_t pos = (size_t)next_number(&save);
    double rms = next_number(&save), mix = next_number(&save);
    size_t n = is_state ? s->m->cfg.dim : s->m->cfg.n_vocab;
    const float *row =
        is_state ? s->states + (layer * s->n + pos) * n : s->logits + pos * n;

    if (is_state)
        (void)snprintf(what, sizeof what, "layer %zu", layer);
    assert_true(is_state || strcmp(word, "logits") == 0);
    assert_true(pos < s->n && layer <= s->m->cfg.n_layers);
    check_number(s, what, pos, rms_of(row, n), rms, rms);
    check_number(s, what, pos, project(row, n), mix, rms);
    while (save != NULL && *save != '\0' && *save != '\n') {
        size_t i = (size_t)next_number(&save);

        assert_true(i < n);
        check_number(s, what, pos, (double)row[i], next_number(&save), rms);
    }
    s->rows_checked++;
}

static void
test_states(void **state)
{
    char *path = in_source("tests/ref/states.txt"), *line = NULL;
    FILE *f = fopen(path, "r");
    struct subject s = {0};
    size_t cap = 0, cases = 0;

    (void)state;
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "case ", 5) == 0) {
            begin_case(&s, line + 5);
            cases++;
        } else if (strncmp(line, "prompt ", 7) == 0) {
            run_prompt(&s, line + 7);
        } else if (strncmp(line, "edit ", 5) == 0) {
            read_edit(&s, line + 5);
        } else if (line[0] != '#') {
            check_row(&s, line);
        }
    }
    end_case(&s);
    assert_true(cases >= 12 && s.rows_checked >= 400);
    fclose(f);
    free(path);
    free(line);
}

/* --- completions */

struct run {
    struct hs_model *m;
    struct hs_template template;
    struct hs_problem_reader *reader;
    struct hs_problem problem;
    FILE *expected;
    char *line;
    size_t cap, done, different;
};

static int
next_item(void *ud, struct hs_item **out)
{
    struct run *r = ud;
    struct hs_item *item;
    struct hs_buf text = {0};
    struct hs_ids ids = {0};
    struct hs_error err = {0};
    int rc = hs_problem_read(r->reader, &r->problem, &err);

    if (rc < 0)
        fail_msg("%s", err.text);
    if (rc == 0)
        return 0;
    hs_template_render(&r->template, r->problem.text, r->problem.len, &text);
    if (hs_tokenizer_encode(r->m->tok, hs_buf_cstr(&text), text.len, false,
                            &ids, &err) < 0)
        fail_msg("%s", err.text);
    item = hs_calloc(1, sizeof *item);
    item->id = item->user = hs_strdup(r->problem.id);
    item->tokens = ids.v;
    item->n_tokens = item->n_prompt = ids.n;
    item->max_tokens = MAX_COMPLETION;
    hs_buf_free(&text);
    *out = item;
    return 1;
}

static void
finished_item(void *ud, struct hs_item *item)
{
    (void)ud;
    (void)item;
}

/* FNV-1a over four little-endian bytes of each id. */
static uint64_t
hash_ids(const uint32_t *v, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < 4 * n; i++)
        h = (h ^ (v[i / 4] >> 8 * (i % 4) & 255)) * UINT64_C(0x100000001b3);
    return h;
}

static int
compare_item(void *ud, struct hs_item *item)
{
    struct run *r = ud;
    size_t n = item->n_tokens - item->n_prompt;
    char got[256];

    do {
        assert_true(getline(&r->line, &r->cap, r->expected) > 0);
    } while (r->line[0] == '#');
    (void)snprintf(got, sizeof got, "%s %zu %016" PRIx64 "\n", item->id, n,
                   hash_ids(item->tokens + item->n_prompt, n));
    if (strcmp(got, r->line) != 0) {
        printf("# got %s# not %s", got, r->line);
        r->different++;
    }
    r->done++;
    free(item->user);
    hs_item_free(item);
    return 0;
}

static void
run_task(struct run *r, const char *task)
{
    struct hs_sched_options o = {.batch = BATCH};
    struct hs_error err;
    char name[128], *path;
    FILE *f;

    (void)snprintf(name, sizeof name,
                   "examples/reasoner/problems/%s-test.jsonl", task);
    path = in_source(name);
    f = fopen(path, "r");
    assert_non_null(f);
    r->reader = hs_problem_reader_new(fileno(f), path, NULL);
    o.team = hs_team_new(2, &err);
    assert_non_null(o.team);
    o.sampler.greedy = true;
    o.eos = r->m->cfg.eos;
    o.n_eos = r->m->cfg.n_eos;
    o.next = next_item;
    o.finished = finished_item;
    o.emit = compare_item;
    o.ud = r;
    if (hs_sched_run(r->m, &o, &err) < 0)
        fail_msg("%s", err.text);
    hs_team_free(o.team);
    hs_problem_reader_free(r->reader);
    fclose(f);
    free(path);
}

static void
test_completions(void **state)
{
    char *dir = in_source("examples/reasoner");
    char *path = in_source("tests/ref/completions.txt");
    struct run r = {.m = open_model(dir), .expected = fopen(path, "r")};
    struct hs_error err;

    (void)state;
    assert_non_null(r.expected);
    if (hs_template_init(&r.template, "chatml", NULL, NULL, NULL, NULL, &err) <
        0)
        fail_msg("%s", err.text);
    run_task(&r, "chain");
    run_task(&r, "expr");
    run_task(&r, "choice");
    assert_int_equal(r.done, 1500);
    assert_int_equal(r.different, 0);
    assert_int_equal(getline(&r.line, &r.cap, r.expected), -1);
    hs_problem_free(&r.problem);
    hs_model_free(r.m);
    fclose(r.expected);
    free(r.line);
    free(dir);
    free(path);
}

/* With an argument, only the test of that name. */
int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_completions),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("parity", tests, NULL, NULL);
}
