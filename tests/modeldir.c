/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * modeldir.c - see modeldir.h.
 */
#include <config.h>

#include "modeldir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/forward.h"

static _Noreturn void
give_up(const char *what)
{
    fprintf(stderr, "modeldir: %s\n", what);
    exit(99);
}

char *
modeldir_empty(void)
{
    const char *tmp = getenv("TMPDIR");
    struct hs_buf b = {0};

    hs_buf_printf(&b, "%s/hs-model-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(hs_buf_cstr(&b)) == NULL)
        give_up("no temporary folder");
    return hs_buf_cstr(&b);
}

char *
modeldir_new(const char *args)
{
    const char *build = getenv("HS_BUILDDIR");
    char *dir = modeldir_empty(), *words = hs_strdup(args), *save = NULL;
    char *argv[40] = {0};
    struct hs_buf program = {0};
    size_t n = 2;
    int status = -1;
    pid_t pid;

    if (build == NULL)
        give_up("no HS_BUILDDIR: run through make check");
    hs_buf_printf(&program, "%s/tests/mkmodel", build);
    argv[0] = hs_buf_cstr(&program);
    argv[1] = dir;
    for (char *w = strtok_r(words, " ", &save); w != NULL;
         w = strtok_r(NULL, " ", &save)) {
        if (n + 1 == sizeof argv / sizeof *argv)
            give_up("too many words for mkmodel");
        argv[n++] = w;
    }
    pid = fork();
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        give_up("mkmodel failed");
    free(words);
    hs_buf_free(&program);
    return dir;
}

void
modeldir_free(char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        struct hs_buf path = {0};

        hs_buf_printf(&path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            (void)unlink(hs_buf_cstr(&path));
        hs_buf_free(&path);
    }
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(dir);
    free(dir);
}

uint32_t *
modeldir_prompt(uint32_t seed, size_t n, size_t n_vocab)
{
    uint32_t *t = hs_calloc(n, sizeof *t), x = seed;

    for (size_t i = 0; i < n; i++) {
        x = (x * 1103515245u + 12345u) & 0x7fffffff;
        t[i] = (uint32_t)((x >> 8) % n_vocab);
    }
    return t;
}

/* Where the rows of the sequence lie in a pass, and where states go. */
struct copy {
    float *states;
    size_t n, first, at, rows;
    const struct hs_edit *edit;
};

static int
copy_rows(void *ud, size_t layer, float *x, size_t stride,
          const struct hs_row *rows, size_t first, size_t n_rows, size_t dim)
{
    const struct copy *c = ud;

    for (size_t i = 0; i < n_rows; i++) {
        size_t r = first + i - c->first;

        if (first + i < c->first || r >= c->rows)
            continue;
        if (c->edit != NULL && c->edit->layer == layer) {
            struct hs_edit_at at = {.pos = rows[i].pos};

            (void)hs_edit_row(c->edit, x + i * stride, &at);
        }
        memcpy(c->states + (layer * c->n + c->at + r) * dim, x + i * stride,
               dim * sizeof *x);
    }
    return 0;
}

/* Adds k rows of the other sequence, which starts again when it is as long as
 * the model allows. */
static size_t
add_other(struct hs_row *rows, size_t k, uint32_t *pos, size_t max)
{
    for (size_t i = 0; i < k; i++) {
        if (*pos == max)
            *pos = 0;
        rows[i] = (struct hs_row){
            .slot = 1, .pos = *pos, .token = (*pos * 13u + 5u) % 251u};
        ++*pos;
    }
    return k;
}

void
all_states(const struct hs_model *m, const uint32_t *tokens, size_t n,
           struct feeding how, float *states, float *logits)
{
    size_t chunk = how.chunk ? how.chunk : n, max = chunk + 2 * how.other;
    struct hs_error err;
    struct hs_team *team = hs_team_new(2, &err);
    struct hs_state *st;
    struct hs_row *rows = hs_calloc(max, sizeof *rows);
    uint32_t *index = hs_calloc(chunk, sizeof *index), other = 0;
    struct copy c = {.states = states, .n = n, .edit = how.edit};

    if (team == NULL)
        give_up(err.text);
    st = hs_state_new(m, team, 2, max);
    hs_state_reserve(st, 0, n);
    hs_state_reserve(st, 1, m->cfg.max_positions);
    while (c.at < n) {
        size_t k = n - c.at < chunk ? n - c.at : chunk, total;

        c.first = add_other(rows, how.other, &other, m->cfg.max_positions);
        c.rows = k;
        for (size_t i = 0; i < k; i++) {
            index[i] = (uint32_t)(c.first + i);
            rows[index[i]] = (struct hs_row){.pos = (uint32_t)(c.at + i),
                                             .token = tokens[c.at + i]};
        }
        total = c.first + k;
        total +=
            add_other(rows + total, how.other, &other, m->cfg.max_positions);
        if (hs_forward(st, rows, total, copy_rows, &c) < 0)
            give_up("the tap does not say no");
        if (logits != NULL)
            hs_logits(st, index, k, logits + c.at * m->cfg.n_vocab);
        c.at += k;
    }
    hs_state_free(st);
    hs_team_free(team);
    free(rows);
    free(index);
}
