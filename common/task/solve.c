/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * solve.c - see solve.h.
 */
#include <config.h>

#include "task/solve.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "task/prompt.h"

struct solve {
    const struct hs_solve_options *o;
    struct hs_error err; /* of a callback */
};

static bool
ends_step(void *ud, struct hs_item *item, uint32_t token)
{
    const struct solve *s = ud;
    struct hs_job *job = item->user;

    return hs_step_feed_token(&job->step, s->o->model->tok, token);
}

static int
next(void *ud, struct hs_item **item)
{
    struct solve *s = ud;

    return s->o->next(s->o->ud, item, &s->err);
}

static const char *
finish_name(enum hs_finish finish)
{
    static const char *const names[] = {
        [HS_FINISH_EOS] = "eos",
        [HS_FINISH_LENGTH] = "length",
        [HS_FINISH_REPLAY] = "replay",
        [HS_FINISH_STOP] = "stop",
    };

    return names[finish];
}

char *
hs_item_text(const struct hs_model *m, size_t n_eos, const struct hs_item *item)
{
    size_t n = item->n_tokens - item->n_prompt;

    if (n > 0 && n_eos > 0 &&
        hs_model_is_eos(m, item->tokens[item->n_tokens - 1]))
        n--;
    return hs_prompt_text(m, item->tokens + item->n_prompt, n);
}

/* Moves what the model made into the trajectory. */
static void
fill_trajectory(const struct hs_solve_options *o, struct hs_item *item,
                struct hs_trajectory *t)
{
    t->completion = hs_item_text(o->model, o->sched.n_eos, item);
    t->tokens = item->tokens;
    t->n_tokens = item->n_tokens;
    t->n_prompt = item->n_prompt;
    t->logprob = item->logprob;
    t->entropy = item->entropy;
    t->positions = item->positions;
    t->n_states = item->n_states;
    t->edits = item->edits;
    item->tokens = NULL;
    item->logprob = item->entropy = NULL;
    item->positions = NULL;
    hs_trajectory_hash_prompt(t);
    hs_trajectory_set(&t->finish, finish_name(item->finish));
}

static void
grade(const struct hs_grader *g, struct hs_trajectory *t)
{
    struct hs_verdict v = {0};

    hs_grade(g, t->completion, strlen(t->completion),
             strcmp(t->finish, "length") == 0, t->gold, t->meta, &v);
    t->reward = v.reward;
    hs_trajectory_set(&t->parsed, v.parsed);
    hs_trajectory_set(&t->reason, v.reason);
    hs_trajectory_set(&t->grader, hs_grader_name(g));
    hs_verdict_free(&v);
}

static void
finished(void *ud, struct hs_item *item)
{
    const struct solve *s = ud;
    const struct hs_list *layers = &s->o->sched.layers;
    struct hs_job *job = item->user;
    size_t dim = s->o->model->cfg.dim, stride = hs_mul(layers->n, dim);
    int rc = 0;

    fill_trajectory(s->o, item, &job->traj);
    grade(s->o->grader, &job->traj);
    (void)hs_buf_reserve(
        &job->encoded.bytes,
        hs_mul(hs_mul(item->n_states, stride), hs_dtype_size(s->o->dtype)));
    if (!s->o->states_only)
        hs_encode_trajectory(&job->encoded, &job->traj);
    for (size_t i = 0; rc == 0 && i < layers->n && item->n_states > 0; i++)
        rc = hs_encode_states(&job->encoded, s->o->dtype, &job->traj,
                              layers->v[i], 0, item->states + i * dim,
                              item->n_states, dim, stride, &job->err);
    free(item->states);
    item->states = NULL;
}

static int
emit(void *ud, struct hs_item *item)
{
    struct solve *s = ud;
    const struct hs_job *job = item->user;
    int rc = -1;

    if (job->err.text[0] != '\0')
        s->err = job->err;
    else
        rc = s->o->emit(s->o->ud, item, job);
    hs_item_free(item);
    return rc;
}

int
hs_solve(const struct hs_solve_options *o, struct hs_error *err)
{
    struct solve s = {.o = o};
    struct hs_sched_options sched = o->sched;
    int rc;

    sched.ends_step = ends_step;
    sched.next = next;
    sched.finished = finished;
    sched.emit = emit;
    sched.ud = &s;
    rc = hs_sched_run(o->model, &sched, err);
    if (rc < 0 && err->text[0] == '\0')
        *err = s.err;
    return rc;
}
