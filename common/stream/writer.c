/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * writer.c - segments out, see stream.h.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/outfile.h"
#include "stream/mp.h"
#include "stream/segment.h"
#include "stream/stream.h"

struct hs_writer {
    int fd;
    const char *name;
    ZSTD_CCtx *zstd;
    struct hs_buf pending; /* objects of the frame being filled */
    struct hs_buf frame;   /* compressed */
    struct hs_counts counts;
    uint64_t bytes;
    struct hs_error err;
};

static int
set(struct hs_writer *w, ZSTD_cParameter p, int value)
{
    size_t rc = ZSTD_CCtx_setParameter(w->zstd, p, value);

    if (ZSTD_isError(rc))
        return hs_fail(&w->err, "%s: zstd: %s", w->name, ZSTD_getErrorName(rc));
    return 0;
}

static struct hs_writer *
new_writer(int fd, const char *name, int level, struct hs_error *err)
{
    struct hs_writer *w = hs_calloc(1, sizeof *w);

    w->fd = fd;
    w->name = name;
    w->zstd = ZSTD_createCCtx();
    if (w->zstd == NULL)
        hs_fail(&w->err, "%s: zstd: out of memory", name);
    if (w->zstd == NULL || set(w, ZSTD_c_compressionLevel, level) < 0 ||
        set(w, ZSTD_c_checksumFlag, 1) < 0) {
        *err = w->err;
        hs_writer_abort(w);
        return NULL;
    }
    return w;
}

/* Writes the bytes at p as a frame. */
static int
write_frame(struct hs_writer *w, const uint8_t *p, size_t size)
{
    size_t bound = ZSTD_compressBound(size), n;

    w->frame.len = 0;
    n = ZSTD_compress2(w->zstd, hs_buf_reserve(&w->frame, bound), bound, p,
                       size);
    if (ZSTD_isError(n))
        return hs_fail(&w->err, "%s: zstd: %s", w->name, ZSTD_getErrorName(n));
    if (hs_write_all(w->fd, w->frame.data, n) < 0)
        return hs_fail(&w->err, "%s: %s", w->name, strerror(errno));
    w->bytes += n;
    return 0;
}

int
hs_writer_flush(struct hs_writer *w)
{
    size_t n = w->pending.len;

    w->pending.len = 0;
    return n > 0 ? write_frame(w, w->pending.data, n) : 0;
}

struct hs_writer *
hs_writer_open(int fd, const char *name, const struct hs_head *head, int level,
               struct hs_error *err)
{
    struct hs_writer *w = new_writer(fd, name, level, err);

    if (w == NULL)
        return NULL;
    hs_pack_head(&w->pending, head);
    if (w->pending.len > HS_OBJECT_MAX)
        hs_fail(&w->err, "%s: a head of more than %d bytes", name,
                HS_OBJECT_MAX);
    if (w->err.text[0] != '\0' || hs_writer_flush(w) < 0) {
        *err = w->err;
        hs_writer_abort(w);
        return NULL;
    }
    return w;
}

struct hs_writer *
hs_writer_continue(int fd, const char *name, const struct hs_counts *counts,
                   int level, struct hs_error *err)
{
    struct hs_writer *w = new_writer(fd, name, level, err);

    if (w != NULL)
        w->counts = *counts;
    return w;
}

/* Whether an object of encode.c is a block of states. */
static bool
is_states(const uint8_t *p, size_t n)
{
    static const char start[] = "\xa4type\xa6states";

    return n > sizeof start && memcmp(p + 1, start, sizeof start - 1) == 0;
}

/* Frames end before an object that starts something new when enough is
 * pending, and before one that would make the frame too large; so they are a
 * function of the objects, however these came here. */
static bool
ends_frame(size_t pending, size_t n, bool states)
{
    return (!states && pending >= HS_FRAME_DUE) || pending + n > HS_OBJECT_MAX;
}

static int
check_size(struct hs_writer *w, size_t n)
{
    if (n > HS_OBJECT_MAX)
        return hs_fail(&w->err, "%s: a record of more than %d bytes", w->name,
                       HS_OBJECT_MAX);
    return 0;
}

static int
add_object(struct hs_writer *w, const uint8_t *p, size_t n, bool states)
{
    if (check_size(w, n) < 0)
        return -1;
    if (ends_frame(w->pending.len, n, states) && hs_writer_flush(w) < 0)
        return -1;
    hs_buf_add(&w->pending, p, n);
    return 0;
}

static void
add_counts(struct hs_counts *to, const struct hs_counts *c)
{
    to->records += c->records;
    to->trajectories += c->trajectories;
    to->states += c->states;
    to->f32_blocks += c->f32_blocks;
    to->digest += c->digest;
}

/* What is pending, then the n bytes at p, as one frame: straight from p when
 * that is all. */
static int
flush_with(struct hs_writer *w, const uint8_t *p, size_t n)
{
    if (w->pending.len == 0)
        return n > 0 ? write_frame(w, p, n) : 0;
    hs_buf_add(&w->pending, p, n);
    return hs_writer_flush(w);
}

int
hs_write_encoded(struct hs_writer *w, const struct hs_encoded *e)
{
    const uint8_t *p = e->bytes.data;
    size_t start = 0, end = 0; /* objects of this frame that are only in e */

    for (size_t i = 0; i < e->n; end = e->ends[i++]) {
        size_t n = e->ends[i] - end;

        if (check_size(w, n) < 0)
            return -1;
        if (!ends_frame(w->pending.len + end - start, n, is_states(p + end, n)))
            continue;
        if (flush_with(w, p + start, end - start) < 0)
            return -1;
        start = end;
    }
    hs_buf_add(&w->pending, p + start, end - start);
    add_counts(&w->counts, &e->counts);
    return 0;
}

int
hs_write_trajectory(struct hs_writer *w, const struct hs_trajectory *t)
{
    struct hs_encoded e = {0};
    int rc;

    hs_encode_trajectory(&e, t);
    rc = add_object(w, e.bytes.data, e.bytes.len, false);
    add_counts(&w->counts, &e.counts);
    hs_encoded_free(&e);
    return rc;
}

int
hs_write_raw(struct hs_writer *w, const struct hs_record *rec)
{
    hs_count_object(&w->counts, rec->raw, rec->raw_len);
    if (rec->type == HS_REC_TRAJECTORY)
        w->counts.trajectories++;
    if (rec->type == HS_REC_STATES) {
        w->counts.states++;
        if (rec->states.dtype == HS_F32)
            w->counts.f32_blocks++;
    }
    return add_object(w, rec->raw, rec->raw_len, rec->type == HS_REC_STATES);
}

int
hs_writer_close(struct hs_writer *w, struct hs_error *err)
{
    struct hs_buf end = {0};
    int rc;

    hs_pack_end(&end, &w->counts);
    rc = add_object(w, end.data, end.len, false);
    if (rc == 0)
        rc = hs_writer_flush(w);
    hs_buf_free(&end);
    if (rc < 0)
        *err = w->err;
    hs_writer_abort(w);
    return rc;
}

void
hs_writer_abort(struct hs_writer *w)
{
    if (w == NULL)
        return;
    ZSTD_freeCCtx(w->zstd);
    hs_buf_free(&w->pending);
    hs_buf_free(&w->frame);
    free(w);
}

const char *
hs_writer_error(const struct hs_writer *w)
{
    return w->err.text;
}

uint64_t
hs_writer_bytes(const struct hs_writer *w)
{
    return w->bytes;
}
