/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armlist.h - lists of coordinates in files.
 */
#ifndef HS_ARMLIST_H
#define HS_ARMLIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hs_arm_list {
    uint32_t *v; /* (n) ascending, owned */
    size_t n;
};

/* Reads lines of coordinates below d: one, or several such as "3,7-9"; "#"
 * begins a comment.  Returns 0, or -1 with file and line: it is not to be read,
 * it names no coordinate, one beyond d, or one twice. */
HS_MUST_CHECK int hs_arm_list_read(struct hs_arm_list *l, const char *path,
                                   size_t d, struct hs_error *err);
void hs_arm_list_free(struct hs_arm_list *l);

#endif
