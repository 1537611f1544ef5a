/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * segread.c - heads and trajectories of a whole stream, see stream.h.
 */
#include <config.h>

#include "stream/stream.h"

struct each {
    int (*head)(void *ud, const struct hs_head *h, struct hs_error *err);
    int (*trajectory)(void *ud, const struct hs_trajectory *t,
                      struct hs_error *err);
    void *ud;
    uint64_t segment;
};

/* Takes the head, if another segment began, and the record. */
static int
take(struct each *e, struct hs_reader *r, const struct hs_record *rec,
     struct hs_error *err)
{
    if (hs_reader_segments(r) != e->segment) {
        e->segment = hs_reader_segments(r);
        if (e->head(e->ud, hs_reader_head(r), err) < 0)
            return -1;
    }
    if (rec->type != HS_REC_TRAJECTORY)
        return 0;
    return e->trajectory(e->ud, &rec->traj, err);
}

int
hs_read_segments(struct hs_reader *r, const char *name,
                 int (*head)(void *ud, const struct hs_head *h,
                             struct hs_error *err),
                 int (*trajectory)(void *ud, const struct hs_trajectory *t,
                                   struct hs_error *err),
                 void *ud, struct hs_error *err)
{
    struct each e = {.head = head, .trajectory = trajectory, .ud = ud};
    struct hs_record rec = {.type = HS_REC_OTHER};
    int rc = 0, bad;

    if (hs_reader_head(r) == NULL)
        return hs_fail(err, "%s", hs_reader_error(r));
    do
        bad = take(&e, r, &rec, err);
    while (bad == 0 && (rc = hs_read(r, &rec)) > 0);
    /* The last segment may be empty. */
    rec.type = HS_REC_OTHER;
    if (bad == 0 && rc == 0)
        bad = take(&e, r, &rec, err);
    hs_record_free(&rec);
    if (bad < 0)
        return hs_fail_prefix(err, "%s", name);
    return rc < 0 ? hs_fail(err, "%s", hs_reader_error(r)) : 0;
}
