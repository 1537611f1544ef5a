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

static void
add_item(struct hs_plan *p, const struct hs_run *r,
         const struct hs_run_options *o, const struct hs_item *item)
{
    uint64_t n_new = completion_bound(r, item);

    p->items++;
    p->prompt_tokens += item->n_prompt;
    p->completion_tokens += n_new;
    p->states += states_bound(o, item->n_prompt, n_new);
    if (item->n_prompt > p->longest_prompt)
        p->longest_prompt = item->n_prompt;
    if (n_new > p->longest_completion)
        p->longest_completion = n_new;
}

int
hs_plan_make(struct hs_plan *p, const struct hs_run *r,
             const struct hs_run_options *o, struct hs_work *work,
             struct hs_error *err)
{
    uint64_t row =
        r->sched.layers.n * r->model->cfg.dim * hs_dtype_size(o->dtype);
    struct hs_item *item;
    uint64_t most, waiting;
    int rc;

    *p = (struct hs_plan){0};
    while ((rc = hs_work_next(work, &item, err)) > 0) {
        add_item(p, r, o, item);
        hs_item_free(item);
    }
    if (rc < 0)
        return -1;
    p->state_bytes = p->states * row;
    for (size_t i = 0; i < hs_safetens_count(r->model->files); i++)
        p->weight_bytes += hs_safetens_at(r->model->files, i)->bytes;
    /* Finished items that wait for their turn are encoded. */
    most = states_bound(o, p->longest_prompt, p->longest_completion);
    waiting = 3 * o->batch * most * row +
              4 * o->batch *
                  (ITEM_BYTES +
                   TOKEN_BYTES * (p->longest_prompt + p->longest_completion));
    p->memory_bytes = PROGRAM_BYTES + waiting +
                      hs_sched_bytes(r->model, &r->sched, p->longest_prompt,
                                     p->longest_completion);
    return 0;
}

void
hs_plan_print(const struct hs_plan *p, FILE *f)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"items", p->items},
        {"prompt_tokens", p->prompt_tokens},
        {"completion_tokens_at_most", p->completion_tokens},
        {"states_per_layer_at_most", p->states},
        {"state_bytes_at_most", p->state_bytes},
        {"weight_bytes", p->weight_bytes},
        {"memory_bytes_at_most", p->memory_bytes},
    };

    fputs("#name\tvalue\n", f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
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

static int
print_item(const struct hs_item *item, FILE *f, struct hs_error *err)
{
    const struct hs_job *job = item->user;
    const char *prompt = job->traj.prompt;
    json_t *j = json_object();
    char *text;
    int rc;

    (void)json_object_set_new(j, "id", json_string(item->id));
    (void)json_object_set_new(
        j, "prompt", prompt != NULL ? json_string(prompt) : json_null());
    (void)json_object_set_new(j, "tokens",
                              ids_json(item->tokens, item->n_prompt));
    if (item->replay)
        (void)json_object_set_new(j, "completion_tokens",
                                  ids_json(item->tokens + item->n_prompt,
                                           item->n_tokens - item->n_prompt));
    text = json_dumps(j, 0);
    rc = text != NULL && fprintf(f, "%s\n", text) > 0
             ? 0
             : hs_fail(err, "%s: cannot be printed: %s", item->id,
                       strerror(errno));
    free(text);
    json_decref(j);
    return rc;
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
