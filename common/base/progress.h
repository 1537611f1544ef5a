/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * progress.h - how far a run is, on stderr, at most a few times a second.
 */
#ifndef HS_PROGRESS_H
#define HS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum hs_progress_mode {
    HS_PROGRESS_AUTO,   /* a line that is rewritten, if stderr is a terminal */
    HS_PROGRESS_ALWAYS, /* the same, whatever stderr is */
    HS_PROGRESS_NEVER,
    HS_PROGRESS_JSON /* a JSON object a line */
};

/* Reads the argument of --progress: auto, always, never or json.  Dies on
 * another, as the functions of num.h do. */
enum hs_progress_mode hs_parse_progress(const char *s);

struct hs_progress {
    enum hs_progress_mode mode;
    bool on, shown;
    double start, last; /* seconds */
};

void hs_progress_start(struct hs_progress *p, enum hs_progress_mode mode);

/* Shows items and tokens done so far.  fraction of the whole that is done, or
 * negative when the end is not known: then there is no ETA. */
void hs_progress_show(struct hs_progress *p, uint64_t items, uint64_t tokens,
                      double fraction);

/* Shows the last figures and ends the line. */
void hs_progress_end(struct hs_progress *p, uint64_t items, uint64_t tokens);

/* Seconds since hs_progress_start(). */
double hs_progress_elapsed(const struct hs_progress *p);

#endif
