/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unedited.h - what a stream must be for its states to stand for those of the
 * unedited model.
 */
#ifndef HS_UNEDITED_H
#define HS_UNEDITED_H

#include "base/error.h"
#include "base/num.h"
#include "stream/stream.h"

/* Checks the head of the segment that r is in: a stream of activations that has
 * all of layers, whose run says of no edit.  Returns 0, or -1. */
HS_MUST_CHECK int hs_unedited_check(struct hs_reader *r, const char *name,
                                    const struct hs_list *layers,
                                    struct hs_error *err);

/* hs_read(), and the check of every further segment's head.  *segments begins
 * as 1.  Returns as hs_read() does, with the reason in err. */
HS_MUST_CHECK int hs_unedited_read(struct hs_reader *r, const char *name,
                                   struct hs_record *rec, uint64_t *segments,
                                   struct hs_error *err);

#endif
