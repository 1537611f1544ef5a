/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * salvage.c - what is whole of a file whose writer died, see stream.h.
 *
 * Only a frame that ends with a complete trajectory is a place to go on from:
 * states of one trajectory may span frames.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "stream/frames.h"
#include "stream/mp.h"
#include "stream/segment.h"
#include "stream/stream.h"

/* Trajectories of the frames since the last good place. */
struct waiting {
    struct hs_trajectory *v;
    size_t n, cap;
};

struct salvage {
    struct hs_salvaged *out;
    struct waiting waiting;
    struct hs_counts counts;
    size_t due; /* rows of states that the last trajectory still needs */
    bool have_head;
};

static void
forget(struct waiting *w)
{
    for (size_t i = 0; i < w->n; i++)
        hs_trajectory_free(&w->v[i]);
    w->n = 0;
}

/* Takes one object.  0, -1 for one that does not belong here. */
static int
take(struct salvage *s, const msgpack_object *o, const uint8_t *p, size_t n,
     struct hs_error *err)
{
    const msgpack_object *t = hs_mp_find(o, "type");
    struct hs_states states;
    char type[32] = "";

    if (t != NULL && t->type == MSGPACK_OBJECT_STR &&
        t->via.str.size < sizeof type)
        memcpy(type, t->via.str.ptr, t->via.str.size);
    if (!s->have_head) {
        s->have_head = true;
        return strcmp(type, "head") == 0
                   ? hs_unpack_head(o, &s->out->head, err)
                   : hs_fail(err, "not the head of an hstools stream");
    }
    if (s->out->finished)
        return hs_fail(err, "more than one segment");
    if (strcmp(type, "end") == 0) {
        s->out->finished = true;
        return 0;
    }
    if (s->due > 0 && strcmp(type, "states") != 0)
        return hs_fail(err, "states are missing");
    hs_count_object(&s->counts, p, n);
    if (strcmp(type, "trajectory") == 0) {
        struct waiting *w = &s->waiting;

        w->v = hs_grow(w->v, &w->cap, w->n + 1, sizeof *w->v);
        w->v[w->n] = (struct hs_trajectory){0};
        s->counts.trajectories++;
        if (hs_unpack_trajectory(o, &w->v[w->n++], err) < 0)
            return -1;
        s->due = w->v[w->n - 1].n_states * s->out->head.layers.n;
    } else if (strcmp(type, "states") == 0) {
        if (hs_unpack_states(o, &states, err) < 0)
            return -1;
        if (states.n_rows > s->due)
            return hs_fail(err, "states that belong to no trajectory");
        s->counts.states++;
        s->counts.f32_blocks += states.dtype == HS_F32;
        s->due -= states.n_rows;
    }
    return 0;
}

static int
take_frame(struct salvage *s, const struct hs_frames *f, struct hs_error *err)
{
    const uint8_t *p = hs_frames_data(f);
    size_t left = hs_frames_size(f);
    msgpack_unpacked u;
    int rc = 0;

    msgpack_unpacked_init(&u);
    while (rc == 0 && left > 0) {
        size_t n = hs_mp_scan(p, left), off = 0;

        if (n == 0 || msgpack_unpack_next(&u, (const char *)p, n, &off) !=
                          MSGPACK_UNPACK_SUCCESS)
            rc = hs_fail(err, "not a whole msgpack object");
        else
            rc = take(s, &u.data, p, n, err);
        p += n;
        left -= n;
    }
    msgpack_unpacked_destroy(&u);
    return rc;
}

/* All that is waiting is whole: hands it over. */
static int
settle(struct salvage *s, off_t end,
       int (*each)(void *ud, const struct hs_trajectory *t), void *ud)
{
    for (size_t i = 0; i < s->waiting.n; i++)
        if (each(ud, &s->waiting.v[i]) < 0)
            return -1;
    forget(&s->waiting);
    s->out->counts = s->counts;
    s->out->good = end;
    return 0;
}

/* Takes the next frame.  1, 0 where what a dead writer left whole ends, -1 when
 * the file is no stream or cannot be read: it is not ours to cut. */
static int
take_next(struct salvage *s, struct hs_frames *f, struct hs_error *err)
{
    int got = hs_frames_next(f, err);

    if (got < 0 &&
        (hs_frames_fault(f) == HS_FRAMES_UNREADABLE ||
         (hs_frames_fault(f) == HS_FRAMES_DAMAGED && s->out->good == 0)))
        return -1;
    if (got <= 0)
        return 0;
    if (take_frame(s, f, err) < 0)
        return s->out->good == 0 ? -1 : 0;
    return 1;
}

int
hs_salvage(int fd, const char *name, struct hs_salvaged *out,
           int (*each)(void *ud, const struct hs_trajectory *t), void *ud,
           struct hs_error *err)
{
    struct salvage s = {.out = out};
    struct hs_frames *f = hs_frames_open(fd);
    struct hs_error damage = {{0}};
    int rc = 0, got = 0;

    *out = (struct hs_salvaged){0};
    hs_head_init(&out->head, "");
    while (rc == 0 && !out->finished && (got = take_next(&s, f, &damage)) > 0)
        if (s.due == 0 && !out->finished)
            rc = settle(&s, (off_t)hs_frames_offset(f), each, ud);
    if (got < 0)
        rc = hs_fail(err, "%s: %s", name, damage.text);
    /* The frame of the end record is dropped with what it holds besides: the
     * few trajectories in it are made again. */
    out->empty = rc == 0 && out->good == 0;
    forget(&s.waiting);
    free(s.waiting.v);
    hs_frames_close(f);
    if (rc < 0)
        hs_head_free(&out->head);
    return rc;
}
