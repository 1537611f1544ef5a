/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armwork.c - see armwork.h.
 */
#include <config.h>

#include "ablate/armwork.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/armsum.h"
#include "ablate/neutral.h"
#include "base/mem.h"

/* An item of the same thing as base, with other tokens behind the prompt. */
static struct hs_item *
copy_item(const struct hs_item *base, char *id, const uint32_t *tokens,
          size_t n_tokens)
{
    const struct hs_job *job = base->user;
    const struct hs_trajectory *t = &job->traj;

    return hs_item_new(id, &(struct hs_item_parts){
                               .problem = t->problem,
                               .sample = t->sample,
                               .prompt = t->prompt,
                               .gold = t->gold,
                               .meta = t->meta,
                               .tokens = tokens,
                               .n_tokens = n_tokens,
                               .n_prompt = base->n_prompt,
                               .max_tokens = base->max_tokens,
                               .replay = n_tokens > base->n_prompt,
                               .step = job->step.rule,
                           });
}

static bool
is_main(const char *part)
{
    return strcmp(part, HS_PART_PROBLEMS) == 0;
}

char *
hs_arm_item_id(const char *label, const char *part, const char *item)
{
    struct hs_buf b = {0};

    if (!is_main(part))
        hs_buf_printf(&b, "%s:", part);
    hs_buf_printf(&b, "%s/%s", label, item);
    return hs_buf_cstr(&b);
}

const char *
hs_arm_item(const struct hs_trajectory *t)
{
    size_t skip = strlen(t->arm) + 1;

    if (!is_main(t->part))
        skip += strlen(t->part) + 1;
    return skip < strlen(t->id) ? t->id + skip : t->id;
}

struct hs_work_options
hs_ablation_work(const struct hs_ablation *a,
                 struct hs_problem_reader *problems, const char *name)
{
    const struct hs_run_options *o = &a->o->run;

    return (struct hs_work_options){.prompter = &a->run.prompter,
                                    .problems = problems,
                                    .name = name,
                                    .shard = o->shard,
                                    .n_shards = o->n_shards,
                                    .samples = o->samples,
                                    .max_tokens = o->max_tokens};
}

/* Arms of one layer follow each other; the unedited model goes with the first
 * layer, and noop, which is to prove something, alone. */
static uint64_t
group_of(const struct hs_armwork *w, const struct hs_arm *arm)
{
    const struct hs_list *layers = &w->a->layers;
    uint32_t layer = arm->kind == HS_ARM_NONE ? layers->v[0] : arm->edit.layer;

    if (arm->kind == HS_ARM_NOOP)
        return 0;
    return w->group * (w->a->run.model->cfg.n_layers + 1) + layer + 1;
}

/* The base as an item of an arm, whose id is taken over. */
static struct hs_item *
make_item(const struct hs_armwork *w, const struct hs_arm *arm, char *id)
{
    struct hs_item *item =
        copy_item(w->base, id, w->base->tokens, w->base->n_tokens);
    struct hs_job *job = item->user;

    /* Without a completion it is not taken for a replay. */
    item->replay = w->base->replay;
    hs_trajectory_set(&job->traj.arm, arm->label);
    hs_trajectory_set(&job->traj.part, w->part);
    item->edit = arm->kind == HS_ARM_NONE ? NULL : &arm->edit;
    item->group = group_of(w, arm);
    return item;
}

int
hs_armwork_next(struct hs_armwork *w, struct hs_item **item,
                struct hs_error *err)
{
    const struct hs_armset *arms = &w->a->arms;

    for (;;) {
        const struct hs_arm *arm;
        bool late;
        char *id;
        int rc;

        if (w->base == NULL) {
            if ((rc = w->supply(w, &w->base, err)) <= 0)
                return rc;
            w->arm = 0;
            w->group++;
        }
        if (w->arm == 2 * arms->n) {
            hs_armwork_end(w);
            continue;
        }
        /* Twice over all: a group must not be interrupted by noops. */
        late = w->arm >= arms->n;
        arm = &arms->v[w->arm++ % arms->n];
        if (arm->same_as != NULL || (arm->kind == HS_ARM_NOOP) != late)
            continue;
        id = hs_arm_item_id(arm->label, w->part, w->base->id);
        if (hs_idset_has(w->done, id, strlen(id))) {
            free(id);
            w->n_done++;
            continue;
        }
        *item = make_item(w, arm, id);
        return 1;
    }
}

void
hs_armwork_end(struct hs_armwork *w)
{
    hs_item_free(w->base);
    w->base = NULL;
}

const struct hs_arm *
hs_armwork_arm(const struct hs_armwork *w, const struct hs_item *item)
{
    const char *edit = (const char *)item->edit;

    /* The unedited arm is the first if there is one. */
    if (edit == NULL)
        return &w->a->arms.v[0];
    return (const struct hs_arm *)(edit - offsetof(struct hs_arm, edit));
}

/* ---- supplies ---- */

int
hs_supply_work(struct hs_armwork *w, struct hs_item **base,
               struct hs_error *err)
{
    return hs_work_next(w->work, base, err);
}

/* An answer that was not met can only be missing where it was replayed before:
 * a finished output that is gone on with is not read again to its end. */
static int
check_met(const struct hs_armwork *w, const struct hs_own *own,
          const struct hs_item *item, struct hs_error *err)
{
    char *id;
    bool done;

    if (own == NULL || own->tokens != NULL)
        return 0;
    id = hs_arm_item_id("none", w->part, item->id);
    done = hs_idset_has(w->done, id, strlen(id));
    free(id);
    if (done)
        return 0;
    return hs_fail(err,
                   "%s: its unedited answer is not known, so it can not be "
                   "replayed",
                   item->id);
}

int
hs_supply_own(struct hs_armwork *w, struct hs_item **base, struct hs_error *err)
{
    for (;;) {
        struct hs_item *item;
        const struct hs_job *job;
        const struct hs_own *own;
        uint32_t *tokens;
        size_t n;
        int rc = hs_work_next(w->work, &item, err);

        if (rc <= 0)
            return rc;
        if (hs_work_counts(w->work)->problems > w->a->own.n) {
            hs_item_free(item);
            return 0;
        }
        job = item->user;
        own = hs_ownset_find(&w->a->own, job->traj.problem);
        if (job->traj.sample == 0 && check_met(w, own, item, err) < 0) {
            hs_item_free(item);
            return -1;
        }
        /* Nothing can be scored where nothing was said. */
        if (job->traj.sample > 0 || own == NULL || own->n_tokens == 0) {
            hs_item_free(item);
            continue;
        }
        n = item->n_prompt + own->n_tokens;
        tokens = hs_calloc(n, sizeof *tokens);
        memcpy(tokens, item->tokens, item->n_prompt * sizeof *tokens);
        memcpy(tokens + item->n_prompt, own->tokens,
               own->n_tokens * sizeof *tokens);
        *base = copy_item(item, hs_strdup(item->id), tokens, n);
        free(tokens);
        hs_item_free(item);
        return 1;
    }
}

/* Tokens of a piece, without a BOS in front. */
static size_t
piece_size(const struct hs_model *m)
{
    size_t n = HS_NEUTRAL_PIECE;

    return n < m->cfg.max_positions ? n : m->cfg.max_positions - 1;
}

int
hs_supply_neutral(struct hs_armwork *w, struct hs_item **base,
                  struct hs_error *err)
{
    const struct hs_model *m = w->a->run.model;
    int64_t bos = hs_tokenizer_bos(m->tok);
    size_t size = piece_size(m), first = w->piece * size;
    struct hs_ids ids = {0};
    struct hs_buf id = {0};
    json_t *meta;

    /* A last token alone would not be scored without a BOS. */
    if (first + (bos < 0) >= w->a->neutral.n)
        return 0;
    if (m->cfg.max_positions < 2)
        return hs_fail(err, "neutral text: the model's context is too short");
    if (bos >= 0)
        hs_ids_add(&ids, (uint32_t)bos);
    for (size_t i = first; i < first + size && i < w->a->neutral.n; i++)
        hs_ids_add(&ids, w->a->neutral.v[i]);
    hs_buf_printf(&id, "%zu", w->piece);
    meta = json_object();
    *base = hs_item_new(hs_buf_cstr(&id), &(struct hs_item_parts){
                                              .problem = "neutral",
                                              .sample = w->piece,
                                              .meta = meta,
                                              .tokens = ids.v,
                                              .n_tokens = ids.n,
                                              .n_prompt = 1,
                                              .replay = true,
                                          });
    json_decref(meta);
    hs_ids_free(&ids);
    w->piece++;
    return 1;
}
