/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armbase.c - answers that were made before, see ablation.h: those of an
 * unfinished output, and the unedited arm of another one.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/ablation.h"
#include "ablate/armsum.h"
#include "ablate/armwork.h"
#include "base/mem.h"
#include "stream/headjoin.h"
#include "stream/input.h"
#include "task/work.h"

static int
saw(void *ud, const struct hs_trajectory *t)
{
    hs_ablation_saw(ud, t);
    return 0;
}

int
hs_ablation_resume(struct hs_ablation *a, struct hs_sink *sink,
                   struct hs_error *err)
{
    struct hs_salvaged found;
    int fd;

    if (sink->kept == 0)
        return 0;
    fd = open(sink->file.part, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return hs_fail(err, "%s: %s", sink->file.part, strerror(errno));
    if (hs_salvage(fd, sink->file.part, &found, saw, a, err) < 0)
        return -1;
    hs_head_free(&found.head);
    return 0;
}

/* ---- the unedited arm of another stream ---- */

struct baseline {
    struct hs_ablation *a;
    struct hs_sink *sink;
    const char *path;
    struct hs_idset ids;  /* of the unedited items of this run */
    struct hs_idset same; /* those ids with their prompts and golds */
    bool also;            /* the segment's unrelated task is that of this run */
};

/* An id and what its answer depends on besides the run. */
static char *
item_key(const char *id, const struct hs_trajectory *t)
{
    struct hs_buf b = {0};

    hs_buf_printf(&b, "%s %s %s", t->prompt_hash,
                  t->gold != NULL ? t->gold : "", id);
    return hs_buf_cstr(&b);
}

static void
add_item(struct baseline *b, const struct hs_item *item, const char *part)
{
    const struct hs_job *job = item->user;
    struct hs_trajectory t = {.tokens = item->tokens,
                              .n_prompt = item->n_prompt,
                              .gold = job->traj.gold};
    char *id = hs_arm_item_id("none", part, item->id), *key;

    hs_trajectory_hash_prompt(&t);
    key = item_key(id, &t);
    (void)hs_idset_add(&b->ids, id, strlen(id));
    (void)hs_idset_add(&b->same, key, strlen(key));
    free(id);
    free(key);
    free(t.prompt_hash);
}

/* All items of an input, without running any. */
static int
add_problems(struct baseline *b, struct hs_reread *in, const char *name,
             const char *part, struct hs_error *err)
{
    struct hs_work_options wo;
    struct hs_item *item;
    struct hs_work *work;
    int rc;

    if (hs_reread_rewind(in, name, err) < 0)
        return -1;
    wo = hs_ablation_work(
        b->a, hs_problem_reader_new(in->fd, name, &b->a->o->run.map), name);
    work = hs_work_new(&wo);
    while ((rc = hs_work_next(work, &item, err)) > 0) {
        add_item(b, item, part);
        hs_item_free(item);
    }
    hs_work_free(work);
    hs_problem_reader_free(wo.problems);
    return rc < 0 ? -1 : hs_reread_rewind(in, name, err);
}

/* Answers to problems do not depend on the texts that are scored besides; those
 * to the unrelated task are taken if it is the same one. */
static int
check_head(struct baseline *b, const struct hs_head *was, struct hs_error *err)
{
    json_t *then = json_copy(was->run), *now;
    const json_t *kernel = json_object_get(then, "kernel");
    struct hs_head is;
    int rc;

    hs_ablation_head(b->a, &is);
    now = json_copy(is.run);
    b->also =
        json_equal(json_object_get(then, "also"), json_object_get(now, "also"));
    (void)json_object_del(then, "neutral");
    (void)json_object_del(then, "also");
    rc = hs_head_compatible(was, &is, err);
    if (rc == 0)
        rc = hs_arms_run_same(then, now, err);
    if (rc == 0 && !json_equal(kernel, json_object_get(now, "kernel")))
        rc = hs_fail(err,
                     "was computed by other instructions; "
                     "HSTOOLS_KERNEL=%s asks for them",
                     json_string_value(kernel));
    if (rc < 0)
        hs_fail_prefix(err, "%s", b->path);
    json_decref(then);
    json_decref(now);
    hs_head_free(&is);
    return rc;
}

/* Copies an unedited answer to something that is to be answered here. */
static int
take(struct baseline *b, const struct hs_trajectory *t, struct hs_error *err)
{
    struct hs_sink *sink = b->sink;
    char *key;
    bool same;

    if (t->arm == NULL || strcmp(t->arm, "none") != 0 ||
        (strcmp(t->part, HS_PART_PROBLEMS) != 0 &&
         !(b->also && strcmp(t->part, HS_PART_ALSO) == 0)) ||
        !hs_idset_has(&b->ids, t->id, strlen(t->id)))
        return 0;
    key = item_key(t->id, t);
    same = hs_idset_has(&b->same, key, strlen(key));
    free(key);
    if (!same)
        return hs_fail(err, "%s: %s: another prompt or gold answer", b->path,
                       t->id);
    if (!hs_idset_add(&sink->done, t->id, strlen(t->id)))
        return 0;
    if (hs_write_trajectory(sink->writer, t) < 0)
        return hs_fail(err, "%s", hs_writer_error(sink->writer));
    hs_ablation_saw(b->a, t);
    b->a->counts.baseline++;
    return 0;
}

static int
read_baseline(struct baseline *b, struct hs_reader *r, struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    struct hs_record rec = {0};
    uint64_t segment = hs_reader_segments(r);
    int rc = head != NULL ? check_head(b, head, err) : 0;

    while (rc == 0 && (rc = hs_read(r, &rec)) > 0) {
        rc = 0;
        if (hs_reader_segments(r) != segment) {
            segment = hs_reader_segments(r);
            rc = check_head(b, hs_reader_head(r), err);
        }
        if (rc == 0 && rec.type == HS_REC_TRAJECTORY)
            rc = take(b, &rec.traj, err);
    }
    if (hs_reader_error(r)[0] != '\0')
        rc = hs_fail(err, "%s", hs_reader_error(r));
    hs_record_free(&rec);
    return rc;
}

int
hs_ablation_baseline(struct hs_ablation *a, struct hs_sink *sink,
                     const char *path, struct hs_error *err)
{
    struct baseline b = {.a = a, .sink = sink, .path = path};
    struct hs_reader *r;
    int rc = -1;

    if (add_problems(&b, &a->problems, "<stdin>", HS_PART_PROBLEMS, err) == 0 &&
        (a->o->also == NULL ||
         add_problems(&b, &a->also, a->o->also, HS_PART_ALSO, err) == 0))
        rc = 0;
    if (rc == 0) {
        r = hs_input_open(path, err);
        rc = r != NULL ? read_baseline(&b, r, err) : -1;
        hs_reader_close(r);
    }
    hs_idset_free(&b.ids);
    hs_idset_free(&b.same);
    return rc;
}
