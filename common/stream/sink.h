/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sink.h - the output of a long run: a segment that grows in FILE.part, is kept
 * when the program dies, and can be gone on with.
 *
 * What counts as done is asked by the trajectory's id, so a run goes on with
 * other threads, another batch, another order of its input.
 */
#ifndef HS_SINK_H
#define HS_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/outfile.h"
#include "stream/idset.h"
#include "stream/stream.h"

struct hs_sink {
    struct hs_outfile file;
    char *name;               /* for messages, owned */
    struct hs_writer *writer; /* owned */
    struct hs_idset done;     /* ids that are already somewhere */
    uint64_t kept;            /* trajectories of an earlier run in the file */
};

/* Opens path, or standard output for "-".
 *
 * Without resume a FILE.part of an earlier run is an error, since it may hold
 * hours of work.  With resume its whole trajectories stay, and so do those of a
 * finished FILE when there is no part; the head must say the same of kind,
 * model, layers, type, positions and run.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_sink_open(struct hs_sink *s, const char *path, bool resume,
                               const struct hs_head *head, int level,
                               struct hs_error *err);

/* Adds the ids in another stream to done: all of a whole one, and of an
 * unfinished one those that hs_sink_open() would keep. */
HS_MUST_CHECK int hs_sink_skip(struct hs_sink *s, const char *path,
                               struct hs_error *err);

/* Ends the segment and gives the file its name.  Returns 0, or -1; the part
 * is kept. */
HS_MUST_CHECK int hs_sink_close(struct hs_sink *s, struct hs_error *err);

/* Frees what s owns, whether it was closed or not. */
void hs_sink_free(struct hs_sink *s);

/* Whether two runs are the same but for where they run ("kernel").  Returns 0,
 * or -1 naming the first difference. */
HS_MUST_CHECK int hs_run_same(const json_t *was, const json_t *is,
                              struct hs_error *err);

#endif
