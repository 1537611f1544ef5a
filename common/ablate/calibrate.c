/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * calibrate.c - see calibrate.h.
 */
#include <config.h>

#include "ablate/calibrate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ablate/armwork.h"
#include "base/mem.h"
#include "base/tempfile.h"
#include "stream/input.h"
#include "task/solve.h"
#include "task/work.h"

struct making {
    struct hs_work *work;
    uint64_t most; /* problems */
    struct hs_writer *writer;
    struct hs_error err;
};

static int
next(void *ud, struct hs_item **item, struct hs_error *err)
{
    struct making *m = ud;

    if (hs_work_counts(m->work)->problems == m->most)
        return 0;
    return hs_work_next(m->work, item, err);
}

static int
emit(void *ud, const struct hs_item *item, const struct hs_job *job)
{
    struct making *m = ud;

    (void)item;
    if (hs_write_encoded(m->writer, &job->encoded) < 0)
        return hs_fail(&m->err, "%s", hs_writer_error(m->writer));
    return 0;
}

/* Solves the first problems into the writer. */
static int
solve(struct hs_ablation *a, struct making *m, struct hs_error *err)
{
    struct hs_solve_options s = {.model = a->run.model,
                                 .grader = a->o->run.grader,
                                 .sched = a->run.sched,
                                 .dtype = HS_F32,
                                 .next = next,
                                 .emit = emit,
                                 .ud = m};

    s.sched.layers = a->layers;
    s.sched.positions = HS_POSITIONS_TOKENS;
    if (hs_solve(&s, err) < 0)
        return err->text[0] != '\0' ? -1 : hs_fail(err, "%s", m->err.text);
    return 0;
}

/* The head of the states, borrowing what a run's head would have. */
static struct hs_writer *
open_states(struct hs_ablation *a, struct hs_error *err)
{
    struct hs_run_options o = a->o->run;
    struct hs_run run = a->run;
    struct hs_writer *w;
    struct hs_head head;

    o.dtype = HS_F32;
    o.positions = HS_POSITIONS_TOKENS;
    run.sched.layers = a->layers;
    hs_head_init(&head, "activations");
    hs_run_head(&run, &o, &head);
    w = hs_writer_open(fileno(a->states), "calibration", &head,
                       HS_LEVEL_DEFAULT, err);
    hs_head_free(&head);
    return w;
}

static int
make_states(struct hs_ablation *a, struct hs_error *err)
{
    const struct hs_ablate_options *o = a->o;
    struct making m = {.most = o->calibrate};
    struct hs_problem_reader *problems =
        hs_problem_reader_new(a->problems.fd, "<stdin>", &o->run.map);
    struct hs_work_options wo = hs_ablation_work(a, problems, "<stdin>");
    int rc = -1;

    wo.shard = wo.n_shards = 1;
    wo.samples = 1;
    m.work = hs_work_new(&wo);
    a->states = hs_tempfile(NULL, err);
    if (a->states != NULL)
        m.writer = open_states(a, err);
    if (m.writer != NULL)
        rc = solve(a, &m, err);
    if (rc == 0) {
        rc = hs_writer_close(m.writer, err);
        m.writer = NULL;
    }
    hs_writer_abort(m.writer);
    if (rc == 0 && hs_work_counts(m.work)->items == 0)
        rc = hs_fail(err, "<stdin>: no problems");
    hs_work_free(m.work);
    hs_problem_reader_free(problems);
    return rc < 0 ? -1 : hs_reread_rewind(&a->problems, "<stdin>", err);
}

/* The states from their beginning. */
static struct hs_reader *
open_reader(struct hs_ablation *a, const char **name, struct hs_error *err)
{
    int fd;

    *name = a->o->acts != NULL ? a->o->acts : "calibration";
    if (a->o->acts != NULL)
        return hs_input_open(a->o->acts, err);
    fd = dup(fileno(a->states));
    if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        hs_fail(err, "temporary file: %s", strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return NULL;
    }
    return hs_reader_open(fd, *name);
}

/* States of a file must be of all positions that the edit reaches: the last
 * ones alone have other means, and sinks show at the first. */
static int
check_positions(const struct hs_ablation *a, struct hs_reader *r,
                const char *name, struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    bool generated = a->o->where == HS_EDIT_GENERATED;

    if (head == NULL)
        return hs_fail(err, "%s", hs_reader_error(r));
    if (head->positions != NULL && strcmp(head->kind, "activations") == 0 &&
        strcmp(head->positions, "tokens") != 0 &&
        !(generated && strcmp(head->positions, "all") == 0))
        return hs_fail(err,
                       "%s: has states of positions '%s'; hs-extract "
                       "--positions=tokens keeps those that are needed",
                       name, head->positions);
    return 0;
}

int
hs_calibrate(struct hs_ablation *a, struct hs_error *err)
{
    struct hs_reader *r;
    const char *name;
    int rc;

    if (a->o->acts == NULL && make_states(a, err) < 0)
        return -1;
    r = open_reader(a, &name, err);
    if (r == NULL)
        return -1;
    rc = check_positions(a, r, name, err);
    if (rc == 0)
        rc = hs_calib_read(&a->calib, r, name, &a->layers, a->o->where,
                           a->run.model->fingerprint, err);
    hs_reader_close(r);
    return rc;
}

struct hs_donors *
hs_calibration_donors(struct hs_ablation *a, struct hs_error *err)
{
    struct hs_donors *d;
    struct hs_reader *r;
    const char *name;

    r = open_reader(a, &name, err);
    if (r == NULL)
        return NULL;
    d = hs_donors_read(r, name, &a->arms, a->o->draw_seed, err);
    hs_reader_close(r);
    return d;
}
