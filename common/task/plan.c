/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plan.c - see plan.h.
 */
#include <config.h>

#include "task/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    PROGRAM_BYTES = 16 << 20, /* code, libraries, tokenizer, zstd */
    ITEM_BYTES = 8 << 10,     /* of an item: its problem, its texts */
    TOKEN_BYTES = 48          /* of a token: ids, figures, and all encoded */
};

/* The most tokens that can be written to an item. */
static uint64_t
completion_bound(const struct hs_run *r, const struct hs_item *item)
{
    uint64_t room = r->model->cfg.max_positions - item->n_prompt;

    if (item->replay)
        return item->n_tokens - item->n_prompt;
    return item->max_tokens < room ? item->max_tokens : room;
}

static uint64_t
states_bound(const struct hs_run_options *o, uint64_t n_prompt, uint64_t n_new)
{
    switch (o->positions) {
    case HS_POSITIONS_LAST:
    case HS_POSITIONS_S0:
        return 1;
    case HS_POSITIONS_EVERY:
        return 1 + n_new / o->every;
    case HS_POSITIONS_TOKENS:
        return n_prompt + n_new;
    case HS_POSITIONS_ALL:
    case HS_POSITIONS_STEP_ENDS:
        break;
    }
    return 1 + n_new;
}

/* Adds the continuations of a boundary t. */
static void
add_boundary(struct hs_plan *p, const struct hs_run *r,
             const struct hs_run_options *o, uint64_t n_prompt, uint64_t t)
{
    uint64_t room = r->model->cfg.max_positions - n_prompt;
    uint64_t most = o->max_tokens < room ? o->max_tokens : room;

    p->boundaries++;
    p->continuations += o->rollouts;
    p->given_tokens += o->rollouts * (n_prompt + t);
    p->rollout_tokens += o->rollouts * (most > t ? most - t : 0);
}

/* Steps of a completion that is not written yet can end as soon as the rule
 * allows. */
static void
add_likely_boundaries(struct hs_plan *p, const struct hs_run *r,
                      const struct hs_run_options *o, uint64_t n_prompt,
                      uint64_t n_new)
{
    uint64_t least = o->branch.kind == HS_STEP_EVERY ? o->branch.every : 1;

    if (o->branch.min_tokens > least)
        least = o->branch.min_tokens;
    for (uint64_t t = 0; o->rollouts > 0 && t < n_new; t += least)
        add_boundary(p, r, o, n_prompt, t);
}

static void
add_item(struct hs_plan *p, const struct hs_run *r,
         const struct hs_run_options *o, const struct hs_item *item)
{
    uint64_t n_new = completion_bound(r, item);

    p->items++;
    p->prompt_tokens += item->n_prompt;
    p->completion_tokens += n_new;
    p->states += states_bound(o, item->n_prompt, n_new);
    add_likely_boundaries(p, r, o, item->n_prompt, n_new);
    if (item->n_prompt > p->longest_prompt)
        p->longest_prompt = item->n_prompt;
    if (n_new > p->longest_completion)
        p->longest_completion = n_new;
}

/* Bytes of weights, and of all else: with rollouts two schedulers are there,
 * and besides items that wait, trajectories that are rolled out. */
static void
add_bytes(struct hs_plan *p, const struct hs_run *r,
          const struct hs_run_options *o, uint64_t row)
{
    struct hs_sched_options rolling = r->sched;
    uint64_t most = states_bound(o, p->longest_prompt, p->longest_completion);
    uint64_t texts =
        ITEM_BYTES + TOKEN_BYTES * (p->longest_prompt + p->longest_completion);

    rolling.layers = (struct hs_list){0};
    p->state_bytes = p->states * row;
    for (size_t i = 0; i < hs_safetens_count(r->model->files); i++)
        p->weight_bytes += hs_safetens_at(r->model->files, i)->bytes;
    /* Finished items that wait for their turn are encoded. */
    p->memory_bytes =
        PROGRAM_BYTES + 3 * o->batch * most * row + 4 * o->batch * texts;
    if (!p->exact)
        p->memory_bytes += hs_sched_bytes(
            r->model, &r->sched, p->longest_prompt, p->longest_completion);
    if (p->rolls)
        p->memory_bytes += 4 * o->batch * texts +
                           hs_sched_bytes(r->model, &rolling, p->longest_prompt,
                                          p->longest_completion);
}

int
hs_plan_make(struct hs_plan *p, const struct hs_run *r,
             const struct hs_run_options *o, struct hs_work *work,
             struct hs_error *err)
{
    uint64_t row =
        r->sched.layers.n * r->model->cfg.dim * hs_dtype_size(o->dtype);
    struct hs_item *item;
    int rc;

    *p = (struct hs_plan){.rolls = o->rollouts > 0};
    while ((rc = hs_work_next(work, &item, err)) > 0) {
        add_item(p, r, o, item);
        hs_item_free(item);
    }
    if (rc < 0)
        return -1;
    add_bytes(p, r, o, row);
    return 0;
}

void
hs_plan_print(const struct hs_plan *p, FILE *f)
{
    const struct {
        const char *name;
        uint64_t value;
        bool shown;
    } rows[] = {
        {"items", p->items, true},
        {"prompt_tokens", p->prompt_tokens, true},
        {"completion_tokens", p->completion_tokens, p->exact},
        {"completion_tokens_at_most", p->completion_tokens, !p->exact},
        {"states_per_layer_at_most", p->states, !p->exact},
        {"state_bytes_at_most", p->state_bytes, !p->exact},
        {"boundaries", p->boundaries, p->exact},
        {"boundaries_at_most", p->boundaries, p->rolls && !p->exact},
        {"continuations", p->continuations, p->exact},
        {"continuations_at_most", p->continuations, p->rolls && !p->exact},
        {"given_tokens", p->given_tokens, p->exact},
        {"rollout_tokens_at_most", p->rollout_tokens, p->rolls},
        {"weight_bytes", p->weight_bytes, true},
        {"memory_bytes_at_most", p->memory_bytes, true},
    };

    fputs("#name\tvalue\n", f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].shown)
            fprintf(f, "%s\t%" PRIu64 "\n", rows[i].name, rows[i].value);
}

static json_t *
ids_json(const uint32_t *v, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(a, json_integer(v[i]));
    return a;
}

/* Takes j over. */
static int
print_line(json_t *j, const char *id, FILE *f, struct hs_error *err)
{
    char *text = json_dumps(j, 0);
    int rc = 0;

    if (text == NULL || fprintf(f, "%s\n", text) < 0)
        rc = hs_fail(err, "%s: cannot be printed: %s", id, strerror(errno));
    free(text);
    json_decref(j);
    return rc;
}

static int
print_item(const struct hs_item *item, FILE *f, struct hs_error *err)
{
    const struct hs_job *job = item->user;
    const char *prompt = job->traj.prompt;
    json_t *j = json_object();

    (void)json_object_set_new(j, "id", json_string(item->id));
    (void)json_object_set_new(
        j, "prompt", prompt != NULL ? json_string(prompt) : json_null());
    (void)json_object_set_new(j, "tokens",
                              ids_json(item->tokens, item->n_prompt));
    if (item->replay)
        (void)json_object_set_new(j, "completion_tokens",
                                  ids_json(item->tokens + item->n_prompt,
                                           item->n_tokens - item->n_prompt));
    return print_line(j, item->id, f, err);
}

int
hs_plan_dry_run(struct hs_work *work, FILE *f, struct hs_error *err)
{
    struct hs_item *item;
    int rc;

    while ((rc = hs_work_next(work, &item, err)) > 0) {
        rc = print_item(item, f, err);
        hs_item_free(item);
        if (rc < 0)
            return -1;
    }
    return rc;
}

/* ---- of a stream */

/* The next trajectory with its boundaries at (n), which are the caller's. */
static int
next_split(const struct hs_run *r, const struct hs_run_options *o,
           struct hs_rollsrc *source, struct hs_rolled **out, uint32_t **at,
           size_t *n, struct hs_error *err)
{
    const struct hs_rollout_options roll = hs_run_rollouts(r, o);
    const struct hs_trajectory *t;
    int rc = hs_rollsrc_next(source, out, err);

    if (rc <= 0)
        return rc;
    t = &(*out)->traj;
    rc = hs_rollout_split(&roll, t, at, n, err);
    if (rc == 0)
        return 1;
    hs_rolled_free(*out);
    return -1;
}

int
hs_plan_stream(struct hs_plan *p, const struct hs_run *r,
               const struct hs_run_options *o, struct hs_rollsrc *source,
               struct hs_error *err)
{
    struct hs_rolled *rolled;
    uint64_t held = 0;
    uint32_t *at;
    size_t n;
    int rc;

    *p = (struct hs_plan){.rolls = true, .exact = true};
    while ((rc = next_split(r, o, source, &rolled, &at, &n, err)) > 0) {
        const struct hs_trajectory *t = &rolled->traj;
        uint64_t n_new = t->n_tokens - t->n_prompt;

        p->items++;
        p->prompt_tokens += t->n_prompt;
        p->completion_tokens += n_new;
        if (t->n_prompt > p->longest_prompt)
            p->longest_prompt = t->n_prompt;
        for (size_t i = 0; i + 1 < n; i++)
            add_boundary(p, r, o, t->n_prompt, at[i]);
        if (rolled->behind.bytes.len > held)
            held = rolled->behind.bytes.len;
        free(at);
        hs_rolled_free(rolled);
    }
    p->longest_completion = o->max_tokens;
    add_bytes(p, r, o, 0);
    p->memory_bytes += (o->batch + 1) * held;
    return rc;
}

int
hs_plan_dry_stream(const struct hs_run *r, const struct hs_run_options *o,
                   struct hs_rollsrc *source, FILE *f, struct hs_error *err)
{
    struct hs_rolled *rolled;
    uint32_t *at;
    size_t n;
    int rc;

    while ((rc = next_split(r, o, source, &rolled, &at, &n, err)) > 0) {
        json_t *j = json_object();

        (void)json_object_set_new(j, "id", json_string(rolled->traj.id));
        (void)json_object_set_new(j, "at", ids_json(at, n));
        (void)json_object_set_new(
            j, "continuations",
            json_integer((json_int_t)((n - 1) * o->rollouts)));
        rc = print_line(j, rolled->traj.id, f, err);
        free(at);
        hs_rolled_free(rolled);
        if (rc < 0)
            return -1;
    }
    return rc;
}
