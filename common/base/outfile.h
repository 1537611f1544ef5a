/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * outfile.h - output that appears whole or not at all.
 *
 * "-o FILE" writes FILE.part and renames it when all is written.  hs_die(),
 * SIGINT, SIGTERM and SIGHUP remove the part, unless it is to be kept for
 * resuming.  "-" is standard output.
 */
#ifndef HS_OUTFILE_H
#define HS_OUTFILE_H

#include <stddef.h>

#include "base/error.h"

struct hs_outfile {
    int fd;
    char *path; /* owned; NULL for standard output */
    char *part; /* owned; NULL for standard output */
};

/* How hs_outfile_open() treats FILE.part. */
enum hs_outfile_mode {
    HS_OUTFILE_FRESH,    /* empty it; remove it when the program fails */
    HS_OUTFILE_KEEP,     /* empty it; keep it when the program fails */
    HS_OUTFILE_CONTINUE, /* leave its bytes, keep it when the program fails */
};

/* Opens path for writing, or takes standard output for "-" or NULL.  The
 * part is locked, so that two programs cannot write the same file.
 * Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_outfile_open(struct hs_outfile *o, const char *path,
                                  enum hs_outfile_mode mode,
                                  struct hs_error *err);

/* Renames the part to its name and closes fd.  Standard output is left to
 * hs_finish().  Returns 0, or -1 with the reason; the part is then left to
 * hs_outfile_abandon_all(). */
HS_MUST_CHECK int hs_outfile_commit(struct hs_outfile *o, struct hs_error *err);

/* Closes and removes (or keeps) all parts that were not committed. */
void hs_outfile_abandon_all(void);

/* Makes a folder, or takes one that is empty: files of an earlier run would mix
 * with new ones.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_make_folder(const char *path, struct hs_error *err);

/* Writes all n bytes.  Returns 0, or -1 with errno set. */
HS_MUST_CHECK int hs_write_all(int fd, const void *data, size_t n);

#endif
