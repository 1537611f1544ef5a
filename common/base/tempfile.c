/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tempfile.c - see tempfile.h.
 */
#include <config.h>

#include "base/tempfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

FILE *
hs_tempfile(const char *dir, struct hs_error *err)
{
    struct hs_buf path = {0};
    FILE *file = NULL;
    int fd;

    if (dir == NULL)
        dir = getenv("TMPDIR");
    if (dir == NULL || dir[0] == '\0')
        dir = "/tmp";
    hs_buf_printf(&path, "%s/hstools-XXXXXX", dir);
    fd = mkstemp(hs_buf_cstr(&path));
    if (fd >= 0) {
        (void)unlink(hs_buf_cstr(&path));
        file = fdopen(fd, "w+b");
        if (file == NULL)
            (void)close(fd);
    }
    if (file == NULL)
        hs_fail(err, "temporary file in %s: %s", dir, strerror(errno));
    hs_buf_free(&path);
    return file;
}
