/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reader.c - segments in, see stream.h.  A frame is read whole, its objects
 * are checked one by one and handed out from its buffer.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "stream/frames.h"
#include "stream/mp.h"
#include "stream/plane.h"
#include "stream/segment.h"
#include "stream/stream.h"

enum status {
    BEFORE_HEAD, /* of the first segment */
    IN_SEGMENT,
    AFTER_END, /* another head may follow, or the end of the input */
    FINISHED,
    FAILED
};

struct hs_reader {
    const char *name;
    struct hs_frames *frames;
    enum status status;
    struct hs_head head;
    struct hs_list select;
    bool selecting;
    size_t at; /* in the frame */
    msgpack_unpacked unpacked;

    struct hs_counts segment, total;
    uint64_t n_segments;
    /* The states that the last trajectory still needs. */
    size_t due_layer; /* index into head.layers; layers.n when complete */
    size_t due_row;
    struct hs_error err;
};

struct hs_reader *
hs_reader_open(int fd, const char *name)
{
    struct hs_reader *r = hs_calloc(1, sizeof *r);

    r->name = name;
    r->frames = hs_frames_open(fd);
    hs_head_init(&r->head, "");
    msgpack_unpacked_init(&r->unpacked);
    return r;
}

void
hs_reader_unread(struct hs_reader *r, const uint8_t *bytes, size_t n)
{
    hs_frames_unread(r->frames, bytes, n);
}

void
hs_reader_close(struct hs_reader *r)
{
    if (r == NULL)
        return;
    hs_frames_close(r->frames);
    hs_head_free(&r->head);
    hs_list_free(&r->select);
    msgpack_unpacked_destroy(&r->unpacked);
    free(r);
}

void
hs_reader_select(struct hs_reader *r, const struct hs_list *layers)
{
    hs_list_free(&r->select);
    r->select = *layers;
    r->select.v = hs_calloc(layers->n, sizeof *layers->v);
    if (layers->n > 0)
        memcpy(r->select.v, layers->v, layers->n * sizeof *layers->v);
    r->selecting = true;
}

/* Puts the place in front of the message; the reader is at its end. */
static int
fail(struct hs_reader *r)
{
    char text[sizeof r->err.text];

    memcpy(text, r->err.text, sizeof text);
    r->status = FAILED;
    return hs_fail(&r->err, "%s: segment %" PRIu64 ", record %" PRIu64 ": %s",
                   r->name, r->n_segments ? r->n_segments : 1,
                   r->segment.records + 1, text);
}

/* Unpacks the next object of the frame.  Returns its size, or 0. */
static size_t
unpack(struct hs_reader *r)
{
    const uint8_t *p = hs_frames_data(r->frames) + r->at;
    size_t n = hs_mp_scan(p, hs_frames_size(r->frames) - r->at), off = 0;

    if (n == 0) {
        hs_fail(&r->err, "not a whole msgpack object");
        return 0;
    }
    if (msgpack_unpack_next(&r->unpacked, (const char *)p, n, &off) !=
        MSGPACK_UNPACK_SUCCESS) {
        hs_fail(&r->err, "msgpack cannot be unpacked");
        return 0;
    }
    return n;
}

/* The value of the first key if that is "type", else "". */
static const char *
type_of(const msgpack_object *o, char buf[32])
{
    const msgpack_object *t = hs_mp_find(o, "type");

    buf[0] = '\0';
    if (t != NULL && t == &o->via.map.ptr[0].val &&
        t->type == MSGPACK_OBJECT_STR && t->via.str.size < 32) {
        memcpy(buf, t->via.str.ptr, t->via.str.size);
        buf[t->via.str.size] = '\0';
    }
    return buf;
}

static int
take_head(struct hs_reader *r)
{
    struct hs_head next;
    const msgpack_object *o = &r->unpacked.data;
    char buf[32];
    int rc;

    if (strcmp(type_of(o, buf), "head") != 0)
        return hs_fail(&r->err, "not the head of an hstools stream");
    hs_head_init(&next, "");
    rc = hs_unpack_head(o, &next, &r->err);
    if (rc < 0)
        hs_fail_prefix(&r->err, "head");
    if (rc == 0 && r->n_segments > 0)
        rc = hs_head_compatible(&r->head, &next, &r->err);
    if (rc < 0) {
        hs_head_free(&next);
        return -1;
    }
    hs_head_free(&r->head);
    r->head = next;
    r->status = IN_SEGMENT;
    r->n_segments++;
    r->segment = (struct hs_counts){0};
    r->due_layer = r->head.layers.n;
    return 0;
}

static int
take_end(struct hs_reader *r)
{
    struct hs_counts want = {0};
    char a[33], b[33];

    if (hs_unpack_end(&r->unpacked.data, &want, &r->err) < 0)
        return hs_fail_prefix(&r->err, "end");
    if (r->due_layer < r->head.layers.n)
        return hs_fail(&r->err, "states are missing before the end");
    if (want.records != r->segment.records ||
        want.trajectories != r->segment.trajectories ||
        want.states != r->segment.states ||
        want.f32_blocks != r->segment.f32_blocks)
        return hs_fail(&r->err, "%" PRIu64 " records, the end says %" PRIu64,
                       r->segment.records, want.records);
    if (want.digest != r->segment.digest) {
        hs_digest_text(r->segment.digest, a);
        hs_digest_text(want.digest, b);
        return hs_fail(&r->err, "the digest is %s, the end says %s", a, b);
    }
    r->status = AFTER_END;
    return 0;
}

static int
take_trajectory(struct hs_reader *r, struct hs_record *rec)
{
    if (r->due_layer < r->head.layers.n)
        return hs_fail(&r->err, "states of %s are missing", rec->traj.id);
    if (hs_unpack_trajectory(&r->unpacked.data, &rec->traj, &r->err) < 0)
        return hs_fail_prefix(&r->err, "trajectory");
    rec->type = HS_REC_TRAJECTORY;
    r->segment.trajectories++;
    r->due_layer = rec->traj.n_states > 0 ? 0 : r->head.layers.n;
    r->due_row = 0;
    return 0;
}

static int
take_states(struct hs_reader *r, struct hs_record *rec)
{
    struct hs_states *s = &rec->states;

    if (hs_unpack_states(&r->unpacked.data, s, &r->err) < 0)
        return hs_fail_prefix(&r->err, "states");
    if (r->due_layer >= r->head.layers.n)
        return hs_fail(&r->err, "states that belong to no trajectory");
    if (strlen(rec->traj.id) != s->id_len ||
        memcmp(rec->traj.id, s->id, s->id_len) != 0)
        return hs_fail(&r->err, "states of another trajectory than %s",
                       rec->traj.id);
    if (s->layer != r->head.layers.v[r->due_layer] || s->first != r->due_row)
        return hs_fail(&r->err,
                       "states of %s: layer %" PRIu32
                       " from row %zu, expected layer %" PRIu32 " from row %zu",
                       rec->traj.id, s->layer, s->first,
                       r->head.layers.v[r->due_layer], r->due_row);
    if (s->dim != r->head.dim || s->n_rows == 0 ||
        s->n_rows > rec->traj.n_states - r->due_row)
        return hs_fail(&r->err, "states of %s: shape %zu x %zu does not fit",
                       rec->traj.id, s->n_rows, s->dim);
    if (s->dtype != r->head.dtype && s->dtype != HS_F32)
        return hs_fail(&r->err, "states of %s: dtype %s in a stream of %s",
                       rec->traj.id, hs_dtype_name(s->dtype),
                       hs_dtype_name(r->head.dtype));
    if (!hs_plane_is_finite(s->dtype, s->data, s->n_rows * s->dim))
        return hs_fail(&r->err,
                       "states of %s: layer %" PRIu32
                       " from row %zu: a value "
                       "is not finite",
                       rec->traj.id, s->layer, s->first);
    rec->type = HS_REC_STATES;
    r->segment.states++;
    if (s->dtype == HS_F32)
        r->segment.f32_blocks++;
    r->due_row += s->n_rows;
    if (r->due_row == rec->traj.n_states) {
        r->due_row = 0;
        r->due_layer++;
    }
    return 0;
}

/* Takes one object inside a segment.  Returns 1 for a record to hand out, 0
 * for none, -1. */
static int
take_object(struct hs_reader *r, struct hs_record *rec)
{
    char buf[32];
    const char *type = type_of(&r->unpacked.data, buf);
    int rc = 0;

    if (r->status != IN_SEGMENT)
        return take_head(r);
    if (strcmp(type, "end") == 0)
        return take_end(r);
    if (strcmp(type, "trajectory") == 0)
        rc = take_trajectory(r, rec);
    else if (strcmp(type, "states") == 0)
        rc = take_states(r, rec);
    else if (type[0] == '\0' || strcmp(type, "head") == 0)
        rc = hs_fail(&r->err, "a record without a type, or a second head");
    else if (r->due_layer < r->head.layers.n)
        rc = hs_fail(&r->err, "states of %s are missing", rec->traj.id);
    else
        rec->type = HS_REC_OTHER;
    if (rc < 0)
        return -1;
    hs_count_object(&r->segment, rec->raw, rec->raw_len);
    hs_count_object(&r->total, rec->raw, rec->raw_len);
    r->total.trajectories += rec->type == HS_REC_TRAJECTORY;
    r->total.states += rec->type == HS_REC_STATES;
    r->total.f32_blocks +=
        rec->type == HS_REC_STATES && rec->states.dtype == HS_F32;
    return rec->type != HS_REC_STATES || !r->selecting ||
           hs_list_has(&r->select, rec->states.layer);
}

/* Makes the next object available.  1, 0 at the end of the input, -1. */
static int
next_object(struct hs_reader *r, struct hs_record *rec)
{
    size_t n;

    if (r->at == hs_frames_size(r->frames)) {
        int rc = hs_frames_next(r->frames, &r->err);

        if (rc <= 0)
            return rc;
        r->at = 0;
    }
    n = unpack(r);
    if (n == 0)
        return -1;
    rec->raw = hs_frames_data(r->frames) + r->at;
    rec->raw_len = n;
    r->at += n;
    return 1;
}

int
hs_read(struct hs_reader *r, struct hs_record *rec)
{
    while (r->status != FINISHED && r->status != FAILED) {
        int rc = next_object(r, rec);

        if (rc == 0 && r->status != AFTER_END) {
            hs_fail(&r->err, r->status == BEFORE_HEAD
                                 ? "empty input"
                                 : "the input ends before the end record");
            rc = -1;
        } else if (rc == 0) {
            r->status = FINISHED;
            break;
        }
        if (rc > 0)
            rc = take_object(r, rec);
        if (rc < 0)
            return fail(r);
        if (rc > 0)
            return 1;
    }
    return r->status == FINISHED ? 0 : -1;
}

const struct hs_head *
hs_reader_head(struct hs_reader *r)
{
    struct hs_record rec = {0};
    int rc;

    if (r->status == BEFORE_HEAD) {
        rc = next_object(r, &rec);
        if (rc == 0)
            rc = hs_fail(&r->err, "empty input");
        if (rc > 0)
            rc = take_head(r);
        if (rc < 0)
            (void)fail(r);
    }
    return r->status == FAILED ? NULL : &r->head;
}

const char *
hs_reader_error(const struct hs_reader *r)
{
    return r->status == FAILED ? r->err.text : "";
}

const struct hs_counts *
hs_reader_counts(const struct hs_reader *r)
{
    return &r->total;
}

uint64_t
hs_reader_segments(const struct hs_reader *r)
{
    return r->n_segments;
}

uint64_t
hs_reader_bytes(const struct hs_reader *r)
{
    return hs_frames_offset(r->frames);
}

uint64_t
hs_reader_plain_bytes(const struct hs_reader *r)
{
    return hs_frames_plain(r->frames);
}

void
hs_record_free(struct hs_record *rec)
{
    hs_trajectory_free(&rec->traj);
    *rec = (struct hs_record){0};
}

static json_t *
raw_json(const uint8_t *p, size_t n, bool values)
{
    msgpack_unpacked u;
    size_t off = 0;
    json_t *j = NULL;

    msgpack_unpacked_init(&u);
    if (msgpack_unpack_next(&u, (const char *)p, n, &off) ==
        MSGPACK_UNPACK_SUCCESS)
        j = hs_mp_to_json(&u.data, values);
    msgpack_unpacked_destroy(&u);
    return j;
}

json_t *
hs_record_json(const struct hs_record *rec, bool values)
{
    return raw_json(rec->raw, rec->raw_len, values);
}

json_t *
hs_head_json(const struct hs_head *head)
{
    struct hs_buf b = {0};
    json_t *j;

    hs_pack_head(&b, head);
    j = raw_json(b.data, b.len, true);
    hs_buf_free(&b);
    return j;
}
