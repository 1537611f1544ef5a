/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * work.c - see work.h.
 */
#include <config.h>

#include "task/work.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"

struct hs_work {
    const struct hs_work_options *o;
    struct hs_problem problem;
    struct hs_prompt prompt;
    size_t sample, n_samples; /* of the problem */
    struct hs_idset ids;
    struct hs_work_counts counts;
};

struct hs_work *
hs_work_new(const struct hs_work_options *o)
{
    struct hs_work *w = hs_calloc(1, sizeof *w);

    w->o = o;
    return w;
}

void
hs_work_free(struct hs_work *w)
{
    if (w == NULL)
        return;
    hs_problem_free(&w->problem);
    hs_prompt_free(&w->prompt);
    hs_idset_free(&w->ids);
    free(w->counts.bos_twice_at);
    free(w->counts.bos_missing_at);
    free(w->counts.unused_at);
    free(w);
}

static void
free_job(void *user)
{
    struct hs_job *job = user;

    hs_trajectory_free(&job->traj);
    hs_encoded_free(&job->encoded);
    free(job);
}

const struct hs_problem *
hs_work_problem(const struct hs_work *w)
{
    return &w->problem;
}

const struct hs_prompt *
hs_work_prompt(const struct hs_work *w)
{
    return &w->prompt;
}

const struct hs_work_counts *
hs_work_counts(const struct hs_work *w)
{
    return &w->counts;
}

static void
notice(uint64_t *n, char **first, const char *id)
{
    if ((*n)++ == 0)
        *first = hs_strdup(id);
}

static int
fail_line(const struct hs_work *w, struct hs_error *err)
{
    return hs_fail_prefix(err, "%s: line %" PRIu64 ": %s", w->o->name,
                          w->problem.line, w->problem.id);
}

/* The id of a sample of the current problem; owned by the caller. */
static char *
item_id(const struct hs_work *w, size_t sample)
{
    struct hs_buf b = {0};

    hs_buf_str(&b, w->problem.id);
    if (sample > 0)
        hs_buf_printf(&b, "#%zu", sample);
    return hs_buf_cstr(&b);
}

/* Notes the ids of the current problem.  Those of other shards too, so that a
 * second item of an id is refused however the work is divided. */
static int
note_ids(struct hs_work *w, size_t n_samples, struct hs_error *err)
{
    for (size_t i = 0; i < n_samples; i++) {
        char *id = item_id(w, i);

        if (!hs_idset_add(&w->ids, id, strlen(id))) {
            hs_fail(err, "a second item of the id '%s'", id);
            free(id);
            return fail_line(w, err);
        }
        free(id);
    }
    return 0;
}

/* Reads the next problem of this shard, with its samples counted. */
static int
read_problem(struct hs_work *w, struct hs_error *err)
{
    const struct hs_work_options *o = w->o;
    int rc;

    do {
        rc = hs_problem_read(o->problems, &w->problem, err);
        if (rc <= 0)
            return rc;
        w->n_samples = o->replay ? w->problem.n_completions : o->samples;
        if (note_ids(w, w->n_samples, err) < 0)
            return -1;
    } while (w->counts.problems++ % o->n_shards + 1 != o->shard);
    return 1;
}

/* Makes ready the next problem of this shard. */
static int
next_problem(struct hs_work *w, struct hs_error *err)
{
    const struct hs_work_options *o = w->o;
    int rc = read_problem(w, err);

    if (rc <= 0)
        return rc;
    w->sample = 0;
    if (o->replay && w->n_samples == 0) {
        hs_fail(err, "no completion to replay");
        return fail_line(w, err);
    }
    if (!o->replay && w->problem.n_completions > 0)
        notice(&w->counts.unused_completions, &w->counts.unused_at,
               w->problem.id);
    if (hs_prompt_make(o->prompter, &w->problem, &w->prompt, err) < 0)
        return fail_line(w, err);
    if (w->prompt.bos == HS_BOS_TWICE)
        notice(&w->counts.bos_twice, &w->counts.bos_twice_at, w->problem.id);
    if (w->prompt.bos == HS_BOS_MISSING)
        notice(&w->counts.bos_missing, &w->counts.bos_missing_at,
               w->problem.id);
    return 1;
}

static int
add_completion(const struct hs_work *w, struct hs_item *item,
               struct hs_error *err)
{
    const struct hs_prompter *p = w->o->prompter;
    const struct hs_model *m = p->model;
    struct hs_ids ids = {0};
    size_t n, fed;

    if (hs_prompt_completion(p, &w->problem.completions[w->sample], &ids, err) <
        0) {
        hs_ids_free(&ids);
        return hs_fail_prefix(err, "completion %zu", w->sample + 1);
    }
    n = item->n_prompt + ids.n;
    fed = n - (ids.n > 0 && hs_model_is_eos(m, ids.v[ids.n - 1]));
    if (fed > m->cfg.max_positions) {
        hs_ids_free(&ids);
        return hs_fail(err,
                       "prompt and completion %zu have %zu tokens, the model's "
                       "context is %zu",
                       w->sample + 1, fed, m->cfg.max_positions);
    }
    item->tokens = hs_realloc(item->tokens, hs_mul(n, sizeof *item->tokens));
    if (ids.n > 0)
        memcpy(item->tokens + item->n_prompt, ids.v, ids.n * sizeof *ids.v);
    item->n_tokens = n;
    hs_ids_free(&ids);
    return 0;
}

struct hs_item *
hs_item_new(char *id, const struct hs_item_parts *p)
{
    struct hs_item *item = hs_calloc(1, sizeof *item);
    struct hs_job *job = hs_calloc(1, sizeof *job);
    struct hs_trajectory *t = &job->traj;
    size_t bytes = hs_mul(p->n_tokens, sizeof *item->tokens);

    t->id = id;
    hs_trajectory_set(&t->problem, p->problem);
    t->sample = p->sample;
    hs_trajectory_set(&t->prompt, p->prompt);
    hs_trajectory_set(&t->gold, p->gold);
    t->meta = json_incref(p->meta);
    job->step.rule = p->step;

    item->user = job;
    item->free_user = free_job;
    item->id = t->id;
    item->problem = XXH3_64bits(p->problem, strlen(p->problem));
    item->sample = (uint32_t)p->sample;
    item->n_prompt = p->n_prompt;
    item->n_tokens = p->n_tokens;
    item->tokens = hs_malloc(bytes);
    memcpy(item->tokens, p->tokens, bytes);
    item->replay = p->replay;
    item->max_tokens = p->max_tokens;
    return item;
}

/* Makes the item of the current sample, whose id is taken over. */
static struct hs_item *
make_item(const struct hs_work *w, char *id)
{
    const struct hs_work_options *o = w->o;

    return hs_item_new(id, &(struct hs_item_parts){
                               .problem = w->problem.id,
                               .sample = w->sample,
                               .prompt = w->prompt.text,
                               .gold = w->problem.answer,
                               .meta = w->problem.meta,
                               .tokens = w->prompt.ids.v,
                               .n_tokens = w->prompt.ids.n,
                               .n_prompt = w->prompt.ids.n,
                               .max_tokens = o->max_tokens,
                               .replay = o->replay,
                               .step = o->step,
                           });
}

int
hs_work_next(struct hs_work *w, struct hs_item **out, struct hs_error *err)
{
    for (;;) {
        struct hs_item *item;
        char *id;
        int rc;

        if (w->sample == w->n_samples && (rc = next_problem(w, err)) <= 0)
            return rc;
        id = item_id(w, w->sample);
        if (w->o->done != NULL && hs_idset_has(w->o->done, id, strlen(id))) {
            free(id);
            w->counts.done++;
            w->sample++;
            continue;
        }
        item = make_item(w, id);
        if (item->replay && add_completion(w, item, err) < 0) {
            hs_item_free(item);
            return fail_line(w, err);
        }
        w->sample++;
        w->counts.items++;
        *out = item;
        return 1;
    }
}
