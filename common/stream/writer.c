/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * writer.c - segments out, see stream.h.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zstd.h>

#include "base/outfile.h"
#include "stream/mp.h"
#include "stream/segment.h"
#include "stream/stream.h"

/* Objects of a frame. */
struct frame {
    struct hs_buf plain;
    size_t *cuts; /* (n_cuts) bytes of plain where zstd begins a block */
    size_t n_cuts, cap_cuts;
    size_t n_records;     /* other than states */
    struct hs_buf packed; /* compressed */
    const char *failed;   /* what zstd said, NULL if all is well */
};

struct hs_writer {
    int fd, level;
    const char *name;
    struct hs_team *team; /* NULL: the caller compresses */
    ZSTD_CCtx **zstd;     /* (n_threads) */
    size_t n_threads;
    struct frame *frames; /* (n_frames) */
    size_t n_frames;
    size_t filled; /* that are complete; the next one is being filled */
    time_t drained;
    struct hs_counts counts;
    uint64_t bytes;
    struct hs_error err;
};

static int
set(struct hs_writer *w, ZSTD_CCtx *z, ZSTD_cParameter p, int value)
{
    size_t rc = ZSTD_CCtx_setParameter(z, p, value);

    if (ZSTD_isError(rc))
        return hs_fail(&w->err, "%s: zstd: %s", w->name, ZSTD_getErrorName(rc));
    return 0;
}

/* Makes room for n frames, compressed by n_threads. */
static int
set_up(struct hs_writer *w, size_t n, size_t n_threads)
{
    w->frames = hs_realloc(w->frames, hs_mul(n, sizeof *w->frames));
    for (; w->n_frames < n; w->n_frames++)
        w->frames[w->n_frames] = (struct frame){0};
    w->zstd = hs_realloc(w->zstd, hs_mul(n_threads, sizeof(ZSTD_CCtx *)));
    while (w->n_threads < n_threads) {
        ZSTD_CCtx *z = ZSTD_createCCtx();

        w->zstd[w->n_threads++] = z;
        if (z == NULL)
            return hs_fail(&w->err, "%s: zstd: out of memory", w->name);
        if (set(w, z, ZSTD_c_compressionLevel, w->level) < 0 ||
            set(w, z, ZSTD_c_checksumFlag, 1) < 0)
            return -1;
    }
    return 0;
}

static struct hs_writer *
new_writer(int fd, const char *name, int level, struct hs_error *err)
{
    struct hs_writer *w = hs_calloc(1, sizeof *w);

    w->fd = fd;
    w->name = name;
    w->level = level;
    if (set_up(w, 1, 1) < 0) {
        *err = w->err;
        hs_writer_abort(w);
        return NULL;
    }
    return w;
}

/* Compresses n bytes at p, beginning a block at each cut. */
static void
pack(ZSTD_CCtx *z, struct frame *f, const uint8_t *p, size_t n)
{
    size_t bound = ZSTD_compressBound(n) + 64 * (f->n_cuts + 1), rc;
    ZSTD_outBuffer out = {hs_buf_reserve(&f->packed, bound), bound, 0};
    ZSTD_inBuffer in = {p, 0, 0};

    f->failed = NULL;
    if (f->n_cuts > 0 && f->cuts[f->n_cuts - 1] == n)
        f->n_cuts--;
    (void)ZSTD_CCtx_reset(z, ZSTD_reset_session_only);
    rc = ZSTD_CCtx_setPledgedSrcSize(z, n);
    for (size_t i = 0; i <= f->n_cuts && !ZSTD_isError(rc); i++) {
        in.size = i < f->n_cuts ? f->cuts[i] : n;
        rc = ZSTD_compressStream2(z, &out, &in,
                                  i < f->n_cuts ? ZSTD_e_flush : ZSTD_e_end);
    }
    if (ZSTD_isError(rc))
        f->failed = ZSTD_getErrorName(rc);
    else if (rc != 0)
        f->failed = "more output than its bound";
    f->packed.len = out.pos;
}

static void
pack_all(void *ud, struct hs_team *team, size_t thread)
{
    struct hs_writer *w = ud;
    size_t i;

    while ((i = hs_team_take(team)) < w->filled)
        pack(w->zstd[thread], &w->frames[i], w->frames[i].plain.data,
             w->frames[i].plain.len);
}

/* Writes a frame that is packed, and empties it. */
static int
write_frame(struct hs_writer *w, struct frame *f)
{
    size_t n = f->packed.len;

    f->plain.len = f->packed.len = f->n_cuts = f->n_records = 0;
    if (f->failed != NULL)
        return hs_fail(&w->err, "%s: zstd: %s", w->name, f->failed);
    if (hs_write_all(w->fd, f->packed.data, n) < 0)
        return hs_fail(&w->err, "%s: %s", w->name, strerror(errno));
    w->bytes += n;
    return 0;
}

static time_t
seconds(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* Writes all complete frames. */
static int
drain(struct hs_writer *w)
{
    int rc = 0;

    w->drained = seconds();
    if (w->team != NULL && w->filled > 1)
        hs_team_run(w->team, pack_all, w);
    else
        for (size_t i = 0; i < w->filled; i++)
            pack(w->zstd[0], &w->frames[i], w->frames[i].plain.data,
                 w->frames[i].plain.len);
    for (size_t i = 0; i < w->filled && rc == 0; i++)
        rc = write_frame(w, &w->frames[i]);
    if (w->filled < w->n_frames) { /* the one being filled comes first now */
        struct frame f = w->frames[0];

        w->frames[0] = w->frames[w->filled];
        w->frames[w->filled] = f;
    }
    w->filled = 0;
    return rc;
}

int
hs_writer_team(struct hs_writer *w, struct hs_team *team)
{
    size_t n = hs_team_size(team);

    /* The frame that is being filled stays. */
    if (drain(w) < 0 || set_up(w, n, n) < 0)
        return -1;
    w->team = team;
    return 0;
}

/* The frame being filled; there always is one. */
static struct frame *
pending(const struct hs_writer *w)
{
    return &w->frames[w->filled];
}

static int
end_frame(struct hs_writer *w)
{
    if (pending(w)->plain.len == 0)
        return 0;
    w->filled++;
    return w->filled == w->n_frames ? drain(w) : 0;
}

int
hs_writer_flush(struct hs_writer *w)
{
    return end_frame(w) < 0 ? -1 : drain(w);
}

struct hs_writer *
hs_writer_open(int fd, const char *name, const struct hs_head *head, int level,
               struct hs_error *err)
{
    struct hs_writer *w = new_writer(fd, name, level, err);

    if (w == NULL)
        return NULL;
    hs_pack_head(&pending(w)->plain, head);
    if (pending(w)->plain.len > HS_OBJECT_MAX)
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
ends_frame(const struct frame *f, size_t before, size_t n, bool states)
{
    bool due = before >= HS_FRAME_DUE || f->n_records >= HS_FRAME_RECORDS;

    return (!states && due) || before + n > HS_OBJECT_MAX;
}

static int
check_size(struct hs_writer *w, size_t n)
{
    if (n > HS_OBJECT_MAX)
        return hs_fail(&w->err, "%s: a record of more than %d bytes", w->name,
                       HS_OBJECT_MAX);
    return 0;
}

static void
add_cut(struct frame *f, size_t at)
{
    f->cuts = hs_grow(f->cuts, &f->cap_cuts, f->n_cuts + 1, sizeof *f->cuts);
    f->cuts[f->n_cuts++] = at;
}

/* Notes the cuts of an object that begins at byte start of the frame. */
static void
add_cuts(struct frame *f, size_t start, size_t cut, size_t n)
{
    if (cut == 0)
        return;
    add_cut(f, start + cut);
    add_cut(f, start + n);
}

static int
add_object(struct hs_writer *w, const uint8_t *p, size_t n, size_t cut,
           bool states)
{
    if (check_size(w, n) < 0)
        return -1;
    if (ends_frame(pending(w), pending(w)->plain.len, n, states) &&
        end_frame(w) < 0)
        return -1;
    pending(w)->n_records += !states;
    add_cuts(pending(w), pending(w)->plain.len, cut, n);
    hs_buf_add(&pending(w)->plain, p, n);
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

/* The frame is what is pending and the n bytes at p: straight from p when that
 * is all, and there is nobody to share it with. */
static int
end_frame_with(struct hs_writer *w, const uint8_t *p, size_t n)
{
    struct frame *f = pending(w);

    if (f->plain.len > 0 || w->team != NULL) {
        hs_buf_add(&f->plain, p, n);
        return end_frame(w);
    }
    if (n == 0)
        return 0;
    pack(w->zstd[0], f, p, n);
    return write_frame(w, f);
}

int
hs_write_encoded(struct hs_writer *w, const struct hs_encoded *e)
{
    const uint8_t *p = e->bytes.data;
    size_t start = 0, end = 0; /* objects of this frame that are only in e */

    if (e->n == 0)
        return 0;
    for (size_t i = 0; i < e->n; end = e->objects[i++].end) {
        size_t n = e->objects[i].end - end;
        bool states = is_states(p + end, n);

        if (check_size(w, n) < 0)
            return -1;
        if (ends_frame(pending(w), pending(w)->plain.len + end - start, n,
                       states)) {
            if (end_frame_with(w, p + start, end - start) < 0)
                return -1;
            start = end;
        }
        pending(w)->n_records += !states;
        add_cuts(pending(w), pending(w)->plain.len + end - start,
                 e->objects[i].cut, n);
    }
    hs_buf_add(&pending(w)->plain, p + start, end - start);
    add_counts(&w->counts, &e->counts);
    /* What is complete does not wait for long: it would be lost with the
     * program. */
    return w->filled > 0 && seconds() - w->drained > 1 ? drain(w) : 0;
}

int
hs_write_trajectory(struct hs_writer *w, const struct hs_trajectory *t)
{
    struct hs_encoded e = {0};
    int rc;

    hs_encode_trajectory(&e, t);
    rc = add_object(w, e.bytes.data, e.bytes.len, 0, false);
    add_counts(&w->counts, &e.counts);
    hs_encoded_free(&e);
    return rc;
}

int
hs_write_raw(struct hs_writer *w, const struct hs_record *rec)
{
    const struct hs_states *x = &rec->states;
    size_t cut = 0;

    hs_count_object(&w->counts, rec->raw, rec->raw_len);
    if (rec->type == HS_REC_TRAJECTORY)
        w->counts.trajectories++;
    if (rec->type == HS_REC_STATES) {
        size_t size = x->n_rows * x->dim * hs_dtype_size(x->dtype);

        w->counts.states++;
        if (x->dtype == HS_F32)
            w->counts.f32_blocks++;
        cut = hs_plane_cut(x->dtype, (size_t)(x->data - rec->raw) + size, size);
    }
    return add_object(w, rec->raw, rec->raw_len, cut,
                      rec->type == HS_REC_STATES);
}

int
hs_writer_close(struct hs_writer *w, struct hs_error *err)
{
    struct hs_buf end = {0};
    int rc;

    hs_pack_end(&end, &w->counts);
    rc = add_object(w, end.data, end.len, 0, false);
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
    for (size_t i = 0; i < w->n_threads; i++)
        ZSTD_freeCCtx(w->zstd[i]);
    for (size_t i = 0; i < w->n_frames; i++) {
        hs_buf_free(&w->frames[i].plain);
        hs_buf_free(&w->frames[i].packed);
        free(w->frames[i].cuts);
    }
    free(w->zstd);
    free(w->frames);
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
