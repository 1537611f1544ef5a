/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armrun.c - the parts of an ablation one after the other, see ablation.h.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "ablate/ablation.h"
#include "ablate/armsum.h"
#include "ablate/armwork.h"
#include "ablate/neutral.h"
#include "base/mem.h"
#include "task/solve.h"

struct part {
    struct hs_ablation *a;
    struct hs_armwork work;
};

/* ---- proofs ---- */

/* What a model did with an item, whoever did it: tokens, log-probabilities and
 * entropies to the bit. */
static char *
deed(const struct hs_trajectory *t)
{
    size_t n_new = t->n_tokens - t->n_prompt;
    struct hs_buf b = {0};

    hs_buf_printf(&b, "%s %s %s %016" PRIx64 "%016" PRIx64 "%016" PRIx64,
                  t->part, hs_arm_item(t), t->finish,
                  XXH3_64bits(t->tokens, t->n_tokens * sizeof *t->tokens),
                  XXH3_64bits(t->logprob, n_new * sizeof *t->logprob),
                  XXH3_64bits(t->entropy, n_new * sizeof *t->entropy));
    return hs_buf_cstr(&b);
}

/* The same of the item alone: that it is known what was done. */
static char *
doer(const struct hs_trajectory *t)
{
    struct hs_buf b = {0};

    hs_buf_printf(&b, "%s %s", t->part, hs_arm_item(t));
    return hs_buf_cstr(&b);
}

void
hs_ablation_saw(struct hs_ablation *a, const struct hs_trajectory *t)
{
    char *key;

    if (t->arm == NULL || strcmp(t->arm, "none") != 0)
        return;
    key = deed(t);
    (void)hs_idset_add(&a->nones, key, strlen(key));
    free(key);
    key = doer(t);
    (void)hs_idset_add(&a->nones, key, strlen(key));
    free(key);
    if (strcmp(t->part, HS_PART_PROBLEMS) == 0)
        hs_ownset_see(&a->own, t);
}

/* A noop must be what the unedited model did, if that is known. */
static int
check_noop(struct hs_ablation *a, const struct hs_trajectory *t)
{
    char *key = doer(t);
    bool known = hs_idset_has(&a->nones, key, strlen(key)), same;

    free(key);
    if (!known)
        return 0;
    key = deed(t);
    same = hs_idset_has(&a->nones, key, strlen(key));
    free(key);
    if (!same)
        return hs_fail(&a->err,
                       "%s: is not what the unedited model did, bit for bit",
                       t->id);
    a->counts.noops++;
    return 0;
}

/* Every row that was fed and that the edit reaches, times its coordinates. */
static int
check_edits(struct hs_ablation *a, const struct hs_arm *arm,
            const struct hs_trajectory *t)
{
    size_t fed = t->n_tokens;
    uint64_t rows = 0;

    if (t->n_tokens > t->n_prompt && strcmp(t->finish, "length") != 0 &&
        a->run.sched.n_eos > 0 &&
        hs_model_is_eos(a->run.model, t->tokens[t->n_tokens - 1]))
        fed--;
    for (size_t pos = 0; pos < fed; pos++)
        rows += hs_edit_reaches(arm->edit.where, pos, t->n_prompt);
    if (t->edits != rows * arm->edit.n)
        return hs_fail(&a->err,
                       "%s: %" PRIu64 " numbers were edited, not %" PRIu64
                       " rows of %zu",
                       t->id, t->edits, rows, arm->edit.n);
    return 0;
}

/* ---- one part ---- */

static int
next(void *ud, struct hs_item **item, struct hs_error *err)
{
    struct part *p = ud;

    return hs_armwork_next(&p->work, item, err);
}

static int
emit(void *ud, const struct hs_item *item, const struct hs_job *job)
{
    struct part *p = ud;
    struct hs_ablation *a = p->a;
    const struct hs_trajectory *t = &job->traj;
    const struct hs_arm *arm = hs_armwork_arm(&p->work, item);
    struct hs_ablation_counts *c = &a->counts;

    if (arm->kind == HS_ARM_NONE)
        hs_ablation_saw(a, t);
    if (arm->kind == HS_ARM_NOOP && check_noop(a, t) < 0)
        return -1;
    if (check_edits(a, arm, t) < 0)
        return -1;
    if (hs_write_encoded(a->sink->writer, &job->encoded) < 0)
        return hs_fail(&a->err, "%s", hs_writer_error(a->sink->writer));
    c->items++;
    c->tokens += t->n_tokens;
    c->generated += item->replay ? 0 : t->n_tokens - t->n_prompt;
    c->edits += t->edits;
    hs_progress_show(&a->progress, c->items, c->tokens,
                     a->expected > 0
                         ? (double)(c->items + c->done + p->work.n_done) /
                               (double)a->expected
                         : -1);
    return 0;
}

static int
run_part(struct hs_ablation *a, struct part *p, const struct hs_grader *grader,
         struct hs_error *err)
{
    struct hs_solve_options s = {.model = a->run.model,
                                 .grader = grader,
                                 .sched = a->run.sched,
                                 .dtype = HS_F16,
                                 .next = next,
                                 .emit = emit,
                                 .ud = p};
    int rc;

    s.sched.stats = &a->shared;
    p->a = a;
    p->work.a = a;
    p->work.done = &a->sink->done;
    rc = hs_solve(&s, err);
    if (rc < 0 && err->text[0] == '\0')
        *err = a->err;
    a->counts.done += p->work.n_done;
    hs_armwork_end(&p->work);
    return rc;
}

/* A part whose things come from problems. */
static int
run_problems(struct hs_ablation *a, struct hs_reread *in, const char *name,
             const char *part, const struct hs_grader *grader,
             int (*supply)(struct hs_armwork *, struct hs_item **,
                           struct hs_error *),
             struct hs_error *err)
{
    struct part p = {.work = {.part = part, .supply = supply}};
    struct hs_work_options wo;
    int rc;

    if (hs_reread_rewind(in, name, err) < 0)
        return -1;
    wo = hs_ablation_work(
        a, hs_problem_reader_new(in->fd, name, &a->o->run.map), name);
    if (strcmp(part, HS_PART_OWN) == 0)
        wo.samples = 1;
    p.work.work = hs_work_new(&wo);
    rc = run_part(a, &p, grader, err);
    hs_work_free(p.work.work);
    hs_problem_reader_free(wo.problems);
    return rc;
}

static int
run_neutral(struct hs_ablation *a, struct hs_error *err)
{
    struct part p = {
        .work = {.part = HS_PART_NEUTRAL, .supply = hs_supply_neutral}};

    /* It belongs to no problem: the first shard does it. */
    if (a->neutral.n == 0 || a->o->run.shard != 1)
        return 0;
    return run_part(a, &p, a->o->run.grader, err);
}

/* ---- all parts ---- */

static uint64_t
shard_of(uint64_t n, const struct hs_run_options *o)
{
    return (n + o->n_shards - o->shard) / o->n_shards;
}

/* How many items there will be, if the problems can be counted. */
static uint64_t
expect(const struct hs_ablation *a)
{
    const struct hs_run_options *o = &a->o->run;
    uint64_t arms = 0, lines = hs_problem_lines(a->problems.fd), n;

    for (size_t i = 0; i < a->arms.n; i++)
        arms += a->arms.v[i].same_as == NULL;
    n = shard_of(lines, o) * o->samples;
    if (a->also.fd >= 0)
        n += shard_of(hs_problem_lines(a->also.fd), o) * o->samples;
    n += shard_of(a->own.n, o);
    if (o->shard == 1)
        n += (a->neutral.n + HS_NEUTRAL_PIECE - 1) / HS_NEUTRAL_PIECE;
    return lines > 0 ? n * arms : 0;
}

static int
run_parts(struct hs_ablation *a, struct hs_error *err)
{
    const struct hs_ablate_options *o = a->o;
    const struct hs_grader *also =
        o->also_grader != NULL ? o->also_grader : o->run.grader;

    if (run_problems(a, &a->problems, "<stdin>", HS_PART_PROBLEMS,
                     o->run.grader, hs_supply_work, err) < 0)
        return -1;
    if (o->also != NULL && run_problems(a, &a->also, o->also, HS_PART_ALSO,
                                        also, hs_supply_work, err) < 0)
        return -1;
    if (o->own > 0 && run_problems(a, &a->problems, "<stdin>", HS_PART_OWN,
                                   o->run.grader, hs_supply_own, err) < 0)
        return -1;
    return run_neutral(a, err);
}

int
hs_ablation_run(struct hs_ablation *a, struct hs_sink *sink,
                struct hs_error *err)
{
    int rc;

    a->sink = sink;
    hs_progress_start(&a->progress, a->progress_mode);
    a->expected = expect(a);
    rc = run_parts(a, err);
    if (rc == 0)
        hs_progress_end(&a->progress, a->counts.items, a->counts.tokens);
    return rc;
}
