/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sink.c - see sink.h.
 */
#include <config.h>

#include "stream/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"

static char *
part_name(const char *path)
{
    struct hs_buf b = {0};

    hs_buf_printf(&b, "%s.part", path);
    return hs_buf_cstr(&b);
}

/* A value as text for a message; owned by the caller. */
static char *
value_text(const json_t *v)
{
    char *text = v == NULL
                     ? NULL
                     : json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    char *own = hs_strdup(text != NULL ? text : "not there");

    free(text);
    return own;
}

static int
run_differs(const char *key, const json_t *was, const json_t *is,
            struct hs_error *err)
{
    char *a = value_text(was), *b = value_text(is);

    hs_fail(err, "%s is %.300s, was %.300s", key, b, a);
    free(a);
    free(b);
    return -1;
}

int
hs_run_same(const json_t *was, const json_t *is, struct hs_error *err)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)is, key, v)
    {
        const json_t *w = json_object_get(was, key);

        if (strcmp(key, "kernel") == 0 || json_equal(v, w))
            continue;
        /* Of a sampler that differs, only the seed, for example. */
        if (json_is_object(v) && json_is_object(w)) {
            char *inner;

            if (hs_run_same(w, v, err) == 0)
                continue;
            inner = hs_strdup(err->text);

            hs_fail(err, "%s.%s", key, inner);
            free(inner);
            return -1;
        }
        return run_differs(key, w, v, err);
    }
    json_object_foreach((json_t *)(uintptr_t)was, key, v)
    {
        if (json_object_get(is, key) == NULL)
            return run_differs(key, v, NULL, err);
    }
    return 0;
}

static int
add_done(void *ud, const struct hs_trajectory *t)
{
    struct hs_sink *s = ud;

    (void)hs_idset_add(&s->done, t->id, strlen(t->id));
    return 0;
}

/* Reads a whole stream.  1 when it was whole, 0 when it was not (the ids so far
 * were added all the same), -1. */
static int
read_whole(struct hs_idset *ids, const char *path, uint64_t *segments,
           struct hs_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    struct hs_record rec = {0};
    struct hs_list none = {0};
    struct hs_reader *r;

    if (fd < 0)
        return hs_fail(err, "%s: %s", path, strerror(errno));
    r = hs_reader_open(fd, path);
    hs_reader_select(r, &none);
    while ((rc = hs_read(r, &rec)) > 0)
        if (rec.type == HS_REC_TRAJECTORY)
            (void)hs_idset_add(ids, rec.traj.id, strlen(rec.traj.id));
    if (rc < 0)
        hs_fail(err, "%s", hs_reader_error(r));
    *segments = hs_reader_segments(r);
    hs_record_free(&rec);
    hs_reader_close(r);
    return rc == 0;
}

int
hs_sink_skip(struct hs_sink *s, const char *path, struct hs_error *err)
{
    struct hs_idset ids = {0};
    struct hs_salvaged found;
    uint64_t segments;
    int rc = read_whole(&ids, path, &segments, err);

    hs_idset_free(&ids);
    if (rc < 0)
        return -1;
    if (rc == 1)
        return read_whole(&s->done, path, &segments, err) == 1 ? 0 : -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return hs_fail(err, "%s: %s", path, strerror(errno));
    rc = hs_salvage(fd, path, &found, add_done, s, err);
    if (rc == 0)
        hs_head_free(&found.head);
    return rc;
}

static int
found_one(void *ud, const struct hs_trajectory *t)
{
    bool *found = ud;

    (void)t;
    *found = true;
    return -1; /* one is enough */
}

/* Whether a part holds anything worth keeping; a file that is no stream does.
 */
static bool
is_precious(const char *part)
{
    struct hs_salvaged s;
    struct hs_error err;
    bool found = false;
    int fd = open(part, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return true;
    if (hs_salvage(fd, part, &s, found_one, &found, &err) < 0)
        return true;
    hs_head_free(&s.head);
    return found;
}

/* Writes the records of a finished file to the part, which is empty, and leaves
 * the writer open behind the last: none is lost, whatever this run is about,
 * and with nothing to add the file is the same again. */
static int
copy_records(struct hs_sink *s, struct hs_reader *r, const struct hs_head *head,
             int level, struct hs_error *err)
{
    const struct hs_head *was = hs_reader_head(r);
    struct hs_record rec = {0};
    int rc = 0;

    if (was == NULL)
        return hs_fail(err, "%s", hs_reader_error(r));
    if (hs_head_compatible(was, head, err) < 0 ||
        hs_run_same(was->run, head->run, err) < 0)
        return hs_fail_prefix(err, "%s: this is another run", s->file.part);
    s->writer = hs_writer_open(s->file.fd, s->name, was, level, err);
    if (s->writer == NULL)
        return -1;
    while (rc == 0 && (rc = hs_read(r, &rec)) > 0) {
        if (rec.type == HS_REC_TRAJECTORY) {
            (void)add_done(s, &rec.traj);
            s->kept++;
        }
        rc = hs_write_raw(s->writer, &rec);
        if (rc < 0)
            hs_fail(err, "%s", hs_writer_error(s->writer));
    }
    if (hs_reader_error(r)[0] != '\0')
        rc = hs_fail(err, "%s", hs_reader_error(r));
    hs_record_free(&rec);
    return rc;
}

static int
copy_finished(struct hs_sink *s, const char *path, const struct hs_head *head,
              int level, struct hs_error *err)
{
    struct hs_idset ids = {0};
    struct hs_reader *r;
    uint64_t segments = 0;
    int rc = read_whole(&ids, path, &segments, err), fd;

    hs_idset_free(&ids);
    if (rc <= 0)
        return -1;
    if (segments != 1)
        return hs_fail(err,
                       "%s: has %" PRIu64
                       " segments; only a file of one can "
                       "be gone on with",
                       path, segments);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return hs_fail(err, "%s: %s", path, strerror(errno));
    r = hs_reader_open(fd, path);
    rc = copy_records(s, r, head, level, err);
    hs_reader_close(r);
    return rc;
}

/* Cuts what is not whole off the part and opens a writer behind the rest. */
static int
go_on(struct hs_sink *s, const struct hs_head *head, int level,
      struct hs_error *err)
{
    struct hs_salvaged found;
    int fd = open(s->file.part, O_RDONLY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return hs_fail(err, "%s: %s", s->file.part, strerror(errno));
    if (hs_salvage(fd, s->file.part, &found, add_done, s, err) < 0)
        return -1;
    if (!found.empty && (hs_head_compatible(&found.head, head, err) < 0 ||
                         hs_run_same(found.head.run, head->run, err) < 0))
        rc = hs_fail_prefix(err, "%s: this is another run", s->file.part);
    else if (ftruncate(s->file.fd, found.good) < 0 ||
             lseek(s->file.fd, 0, SEEK_END) < 0)
        rc = hs_fail(err, "%s: %s", s->file.part, strerror(errno));
    else if (found.empty)
        s->writer = hs_writer_open(s->file.fd, s->name, head, level, err);
    else
        s->writer =
            hs_writer_continue(s->file.fd, s->name, &found.counts, level, err);
    s->kept = found.counts.trajectories;
    hs_head_free(&found.head);
    return rc == 0 && s->writer != NULL ? 0 : -1;
}

static int
open_file(struct hs_sink *s, const char *path, bool resume,
          const struct hs_head *head, int level, struct hs_error *err)
{
    char *part = part_name(path);
    bool is_file = strcmp(path, "-") != 0;
    bool have_part = is_file && access(part, F_OK) == 0;
    int rc = 0;

    if (have_part && !resume && is_precious(part))
        rc = hs_fail(err,
                     "%s: is left of an unfinished run; --resume goes on with "
                     "it, or remove it",
                     part);
    free(part);
    if (rc < 0 || hs_outfile_open(
                      &s->file, path,
                      resume ? HS_OUTFILE_CONTINUE : HS_OUTFILE_KEEP, err) < 0)
        return -1;
    if (!resume) {
        s->writer = hs_writer_open(s->file.fd, s->name, head, level, err);
        return s->writer != NULL ? 0 : -1;
    }
    if (!have_part && access(path, F_OK) == 0) {
        if (copy_finished(s, path, head, level, err) == 0)
            return 0;
        s->kept = 0;
        (void)unlink(s->file.part);
        return -1;
    }
    return go_on(s, head, level, err);
}

int
hs_sink_open(struct hs_sink *s, const char *path, bool resume,
             const struct hs_head *head, int level, struct hs_error *err)
{
    *s = (struct hs_sink){.file.fd = -1};
    s->name = hs_strdup(strcmp(path, "-") == 0 ? "<stdout>" : path);
    if (open_file(s, path, resume, head, level, err) < 0) {
        hs_sink_free(s);
        return -1;
    }
    return 0;
}

int
hs_sink_close(struct hs_sink *s, struct hs_error *err)
{
    struct hs_writer *w = s->writer;

    s->writer = NULL;
    if (hs_writer_close(w, err) < 0)
        return -1;
    return hs_outfile_commit(&s->file, err);
}

void
hs_sink_free(struct hs_sink *s)
{
    hs_writer_abort(s->writer);
    /* A part without a trajectory would only be in the way of the next try. */
    if (s->file.part != NULL && s->kept == 0 && !is_precious(s->file.part))
        (void)unlink(s->file.part);
    hs_idset_free(&s->done);
    free(s->name);
    free(s->file.part);
    free(s->file.path);
    if (s->file.fd > STDERR_FILENO)
        (void)close(s->file.fd);
    *s = (struct hs_sink){.file.fd = -1};
}
