/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sharespeed.c - arms of an ablation, in one group for each problem or alone.
 *
 *   sharespeed DIR LAYER WHERE BATCH THREADS ARMS MAX-TOKENS grouped|alone \
 *       < PROBLEMS
 *       each problem unedited and with ARMS edits of 3 random coordinates of
 *       LAYER, set to zero at WHERE: seconds, processor seconds, percent of the
 *       blocks that were shared, accuracy unedited and edited (the completion
 *       ends in the answer), and a digest of every number that came out
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/rng.h"
#include "model/sched.h"
#include "task/problem.h"
#include "task/prompt.h"

enum {
    N_COORDS = 3
};

struct work {
    const struct hs_model *model;
    struct hs_prompt *prompts; /* (n) */
    char **answers;            /* (n) */
    size_t n, n_arms, given, max_tokens;
    struct hs_edit *edits; /* (n_arms) */
    bool grouped;
    uint64_t digest, right[2], of[2];
};

static double
seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int
next_item(void *ud, struct hs_item **out)
{
    struct work *w = ud;
    size_t i = w->given / (w->n_arms + 1), arm = w->given % (w->n_arms + 1);
    struct hs_item *item;

    if (i == w->n)
        return 0;
    w->given++;
    item = hs_calloc(1, sizeof *item);
    item->id = "a problem";
    item->problem = i;
    item->n_prompt = item->n_tokens = w->prompts[i].ids.n;
    item->max_tokens = w->max_tokens;
    item->tokens = hs_calloc(item->n_tokens, sizeof *item->tokens);
    memcpy(item->tokens, w->prompts[i].ids.v,
           item->n_tokens * sizeof *item->tokens);
    item->edit = arm > 0 ? &w->edits[arm - 1] : NULL;
    item->group = w->grouped ? i + 1 : 0;
    *out = item;
    return 1;
}

static void
finished(void *ud, struct hs_item *item)
{
    (void)ud;
    (void)item;
}

static int
emit(void *ud, struct hs_item *item)
{
    struct work *w = ud;
    size_t n = item->n_tokens - item->n_prompt;
    bool ended = item->finish == HS_FINISH_EOS, edited = item->edit != NULL;
    char *text =
        hs_prompt_text(w->model, item->tokens + item->n_prompt, n - ended);
    const char *answer = w->answers[item->problem], *at = strrchr(text, ' ');

    w->of[edited]++;
    w->right[edited] +=
        at != NULL && answer != NULL && strcmp(at + 1, answer) == 0;
    w->digest = XXH3_64bits_withSeed(
        item->tokens, item->n_tokens * sizeof *item->tokens, w->digest);
    w->digest =
        XXH3_64bits_withSeed(item->logprob, n * sizeof(float), w->digest);
    w->digest =
        XXH3_64bits_withSeed(item->entropy, n * sizeof(float), w->digest);
    w->digest =
        XXH3_64bits_withSeed(&item->edits, sizeof item->edits, w->digest);
    free(text);
    hs_item_free(item);
    return 0;
}

static void
read_problems(struct work *w)
{
    struct hs_prompter prompter;
    struct hs_problem p = {0};
    struct hs_problem_reader *r =
        hs_problem_reader_new(STDIN_FILENO, "problems", NULL);
    size_t cap = 0, cap_answers = 0;
    struct hs_error err;
    int rc;

    if (hs_prompter_init(&prompter, w->model, "auto", NULL, NULL, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    while ((rc = hs_problem_read(r, &p, &err)) > 0) {
        w->prompts = hs_grow(w->prompts, &cap, w->n + 1, sizeof *w->prompts);
        w->answers =
            hs_grow(w->answers, &cap_answers, w->n + 1, sizeof *w->answers);
        w->prompts[w->n] = (struct hs_prompt){0};
        if (hs_prompt_make(&prompter, &p, &w->prompts[w->n], &err) < 0)
            hs_die(HS_EXIT_FAIL, "%s", err.text);
        w->answers[w->n++] = p.answer;
        p.answer = NULL;
    }
    if (rc < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    hs_problem_free(&p);
    hs_problem_reader_free(r);
}

static void
make_edits(struct work *w, uint32_t layer, enum hs_edit_where where)
{
    w->edits = hs_calloc(w->n_arms, sizeof *w->edits);
    for (uint32_t a = 0; a < w->n_arms; a++) {
        struct hs_edit *e = &w->edits[a];

        *e = (struct hs_edit){.where = where, .layer = layer, .n = N_COORDS};
        e->coords = hs_calloc(N_COORDS, sizeof *e->coords);
        for (uint32_t i = 0; i < N_COORDS; i++)
            e->coords[i] = (uint32_t)(hs_rng_uniform(1, 2, a, i) *
                                      (double)w->model->cfg.dim);
    }
}

static void
run(struct work *w, size_t batch, struct hs_team *team)
{
    struct hs_sched_stats stats = {0};
    struct hs_sched_options o = {.batch = batch,
                                 .team = team,
                                 .sampler = {.greedy = true, .temperature = 1},
                                 .eos = w->model->cfg.eos,
                                 .n_eos = w->model->cfg.n_eos,
                                 .stats = &stats,
                                 .next = next_item,
                                 .finished = finished,
                                 .emit = emit,
                                 .ud = w};
    struct hs_error err;
    double start = seconds(CLOCK_MONOTONIC);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

    if (hs_sched_run(w->model, &o, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    printf(
        "%.4f %.4f %.1f %.3f %.3f %016llx\n", seconds(CLOCK_MONOTONIC) - start,
        seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu,
        100 * (double)stats.shared / (double)(stats.shared + stats.computed),
        (double)w->right[0] / (double)w->of[0],
        (double)w->right[1] / (double)w->of[1], (unsigned long long)w->digest);
}

static void
end_work(struct work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        hs_prompt_free(&w->prompts[i]);
        free(w->answers[i]);
    }
    for (size_t i = 0; i < w->n_arms; i++)
        hs_edit_free(&w->edits[i]);
    free(w->prompts);
    free(w->answers);
    free(w->edits);
}

int
main(int argc, char **argv)
{
    struct hs_model *m;
    struct hs_team *team;
    struct work w = {0};
    struct hs_error err;
    enum hs_edit_where where;

    hs_init(argv);
    if (argc != 9 || hs_edit_parse_where(&where, argv[3]) < 0)
        hs_die(HS_EXIT_USAGE, "see the head of sharespeed.c");
    m = hs_model_open(argv[1], &err);
    team = hs_team_new(hs_parse_u64("THREADS", argv[5], 1, 1024), &err);
    if (m == NULL || team == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    w.model = m;
    w.n_arms = hs_parse_u64("ARMS", argv[6], 1, 1000);
    w.max_tokens = hs_parse_u64("MAX-TOKENS", argv[7], 1, 100000);
    w.grouped = strcmp(argv[8], "grouped") == 0;
    read_problems(&w);
    make_edits(&w, (uint32_t)hs_parse_u64("LAYER", argv[2], 0, m->cfg.n_layers),
               where);
    run(&w, hs_parse_u64("BATCH", argv[4], 1, 4096), team);
    end_work(&w);
    hs_team_free(team);
    hs_model_free(m);
    return hs_finish(0);
}
