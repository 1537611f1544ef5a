/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tempfile.h - files without a name, which go away with the program.
 */
#ifndef HS_TEMPFILE_H
#define HS_TEMPFILE_H

#include <stdio.h>

#include "base/error.h"

/* Opens one for writing and reading in dir, or in $TMPDIR or /tmp if dir is
 * NULL.  Returns NULL with the reason. */
HS_MUST_CHECK FILE *hs_tempfile(const char *dir, struct hs_error *err);

#endif
