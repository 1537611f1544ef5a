/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reread.h - an input that is read more than once: where it stands if it can
 * seek, else from a copy without a name in $TMPDIR or /tmp.
 */
#ifndef HS_REREAD_H
#define HS_REREAD_H

#include <stdio.h>
#include <sys/types.h>

#include "base/error.h"

struct hs_reread {
    int fd;      /* to be read from */
    off_t start; /* private */
    FILE *copy;  /* private */
};

/* fd stays the caller's.  A pipe is read to its end here.  Returns 0, or -1
 * with the reason; *r can be closed either way. */
HS_MUST_CHECK int hs_reread_open(struct hs_reread *r, int fd, const char *name,
                                 struct hs_error *err);

/* Back to the first byte.  Returns 0 or -1. */
HS_MUST_CHECK int hs_reread_rewind(struct hs_reread *r, const char *name,
                                   struct hs_error *err);

/* The XXH3-128 of all of it in 32 hex digits, then back to the first byte.
 * Returns 0 or -1. */
HS_MUST_CHECK int hs_reread_hash(struct hs_reread *r, const char *name,
                                 char out[33], struct hs_error *err);

void hs_reread_close(struct hs_reread *r);

#endif
