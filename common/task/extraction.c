/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * extraction.c - see extraction.h.
 */
#include <config.h>

#include "task/extraction.h"

#include <inttypes.h>

#include "base/mem.h"
#include "task/solve.h"

static int
open_stream(struct hs_extraction *x, int fd, const struct hs_ahead *ahead,
            struct hs_error *err)
{
    const struct hs_head *head;

    x->reader = hs_reader_open(fd, x->name);
    hs_reader_unread(x->reader, ahead->bytes, ahead->n);
    head = hs_reader_head(x->reader);
    if (head == NULL)
        return hs_fail(err, "%s", hs_reader_error(x->reader));
    if (hs_run_adopt(x->o, head, err) < 0)
        return hs_fail_prefix(err, "%s", x->name);
    if (hs_run_open(&x->run, x->o, err) < 0)
        return -1;
    if (hs_run_continue(&x->run, head, err) < 0)
        return hs_fail_prefix(err, "%s", x->name);
    return 0;
}

static int
open_problems(struct hs_extraction *x, int fd, const struct hs_ahead *ahead,
              struct hs_error *err)
{
    const struct hs_run_options *o = x->o;

    if (hs_run_open(&x->run, o, err) < 0)
        return -1;
    x->problems = hs_problem_reader_new(fd, x->name, &o->map);
    hs_problem_reader_unread(x->problems, ahead->bytes, ahead->n);
    x->work_options = (struct hs_work_options){
        .prompter = &x->run.prompter,
        .problems = x->problems,
        .name = x->name,
        .shard = o->shard,
        .n_shards = o->n_shards,
        .samples = o->samples,
        .max_tokens = o->max_tokens,
        .replay = o->replay,
        .step = o->step,
        .done = &x->sink->done,
    };
    x->work = hs_work_new(&x->work_options);
    return 0;
}

int
hs_extraction_open(struct hs_extraction *x, int fd, const char *name,
                   const struct hs_ahead *ahead, struct hs_error *err)
{
    x->name = name;
    return ahead->is_stream ? open_stream(x, fd, ahead, err)
                            : open_problems(x, fd, ahead, err);
}

void
hs_extraction_close(struct hs_extraction *x)
{
    hs_work_free(x->work);
    hs_problem_reader_free(x->problems);
    hs_reader_close(x->reader);
    hs_run_close(&x->run);
}

void
hs_extraction_head(const struct hs_extraction *x, struct hs_head *head)
{
    if (x->reader != NULL) {
        hs_run_stream_head(x->o, hs_reader_head(x->reader), head);
        return;
    }
    hs_head_init(head, "activations");
    hs_run_head(&x->run, x->o, head);
}

/* What callbacks share. */
struct extract {
    struct hs_extraction *x;
    struct hs_rollsrc *source; /* with rollouts */
    struct hs_error err;
};

static void
show(const struct hs_extraction *x)
{
    double left = (double)x->expected - (double)x->done;

    /* What was done before took no time of this run. */
    hs_progress_show(x->progress, x->items, x->tokens + x->rolled.tokens,
                     x->expected > 0 ? (double)x->items / left : -1);
}

static int
write_encoded(const struct hs_extraction *x, const struct hs_encoded *e,
              struct hs_error *err)
{
    if (hs_write_encoded(x->sink->writer, e) < 0)
        return hs_fail(err, "%s", hs_writer_error(x->sink->writer));
    return 0;
}

static struct hs_solve_options
solve_options(const struct hs_extraction *x)
{
    return (struct hs_solve_options){.model = x->run.model,
                                     .grader = x->o->grader,
                                     .sched = x->run.sched,
                                     .dtype = x->o->dtype};
}

/* ---- problems alone */

static int
next(void *ud, struct hs_item **item, struct hs_error *err)
{
    const struct extract *s = ud;

    return hs_work_next(s->x->work, item, err);
}

static int
emit(void *ud, const struct hs_item *item, const struct hs_job *job)
{
    struct extract *s = ud;
    struct hs_extraction *x = s->x;
    const struct hs_trajectory *t = &job->traj;

    (void)item;
    if (write_encoded(x, &job->encoded, &s->err) < 0)
        return -1;
    x->items++;
    x->tokens += t->n_tokens;
    x->generated += t->n_tokens - t->n_prompt;
    x->edits += t->edits;
    x->done = hs_work_counts(x->work)->done;
    show(x);
    return 0;
}

static int
solve(struct extract *s, struct hs_error *err)
{
    struct hs_solve_options o = solve_options(s->x);

    o.next = next;
    o.emit = emit;
    o.ud = s;
    if (hs_solve(&o, err) == 0)
        return 0;
    if (err->text[0] == '\0')
        *err = s->err;
    return -1;
}

/* ---- with rollouts */

struct hs_rollsrc *
hs_extraction_source(const struct hs_extraction *x)
{
    return hs_rollsrc_new(&(struct hs_rollsrc_options){
        .reader = x->reader,
        .work = x->work,
        .name = x->name,
        .shard = x->o->shard,
        .n_shards = x->o->n_shards,
        .done = &x->sink->done,
        .solve = solve_options(x),
    });
}

static int
next_rolled(void *ud, struct hs_rolled **out, struct hs_error *err)
{
    const struct extract *s = ud;

    return hs_rollsrc_next(s->source, out, err);
}

static void
take_counts(const struct extract *s)
{
    const struct hs_rollsrc_counts *c = hs_rollsrc_counts(s->source);
    struct hs_extraction *x = s->x;

    x->done = c->done + (x->work != NULL ? hs_work_counts(x->work)->done : 0);
    x->tokens = c->tokens;
    x->generated = x->work != NULL ? c->generated : 0;
    x->edits = c->edits;
}

static int
emit_rolled(void *ud, const struct hs_rolled *r, struct hs_error *err)
{
    const struct extract *s = ud;
    struct hs_extraction *x = s->x;

    if (write_encoded(x, &r->before, err) < 0 ||
        write_encoded(x, &r->record, err) < 0 ||
        write_encoded(x, &r->behind, err) < 0)
        return -1;
    x->items++;
    take_counts(s);
    show(x);
    return 0;
}

static int
roll_out(struct extract *s, struct hs_error *err)
{
    struct hs_rollout_options o = hs_run_rollouts(&s->x->run, s->x->o);
    int rc;

    s->source = hs_extraction_source(s->x);
    o.next = next_rolled;
    o.emit = emit_rolled;
    o.ud = s;
    rc = hs_rollout_run(&o, &s->x->rolled, err);
    take_counts(s);
    hs_rollsrc_free(s->source);
    return rc;
}

int
hs_extraction_run(struct hs_extraction *x, struct hs_error *err)
{
    struct extract s = {.x = x};
    int rc = x->o->rollouts > 0 ? roll_out(&s, err) : solve(&s, err);

    if (rc == 0)
        hs_progress_end(x->progress, x->items, x->tokens + x->rolled.tokens);
    return rc;
}

void
hs_extraction_describe(const struct hs_rollout_counts *c, struct hs_buf *b)
{
    double all = (double)(c->blocks.computed + c->blocks.shared);

    hs_buf_printf(b,
                  "rollouts: %" PRIu64 " boundaries, %" PRIu64
                  " continuations, %" PRIu64 " of them undecided, %" PRIu64
                  " tokens drawn behind %" PRIu64
                  ", %.1f %% of the blocks "
                  "of all tokens shared",
                  c->boundaries, c->continuations, c->undecided, c->tokens,
                  c->given, all > 0 ? 100 * (double)c->blocks.shared / all : 0);
}
