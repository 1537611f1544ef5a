/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reread.c - see reread.h.
 */
#include <config.h>

#include "base/reread.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/tempfile.h"

static int
copy(FILE *to, int fd, const char *name, struct hs_error *err)
{
    char buf[65536];
    ssize_t n;

    while ((n = read(fd, buf, sizeof buf)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hs_fail(err, "%s: %s", name, strerror(errno));
        if (fwrite(buf, 1, (size_t)n, to) != (size_t)n)
            return hs_fail(err, "temporary file: %s", strerror(errno));
    }
    if (fflush(to) != 0)
        return hs_fail(err, "temporary file: %s", strerror(errno));
    return 0;
}

int
hs_reread_open(struct hs_reread *r, int fd, const char *name,
               struct hs_error *err)
{
    *r = (struct hs_reread){.fd = fd};
    r->start = lseek(fd, 0, SEEK_CUR);
    if (r->start >= 0)
        return 0;
    r->start = 0;
    r->copy = hs_tempfile(NULL, err);
    if (r->copy == NULL || copy(r->copy, fd, name, err) < 0)
        return -1;
    r->fd = fileno(r->copy);
    return hs_reread_rewind(r, name, err);
}

int
hs_reread_rewind(struct hs_reread *r, const char *name, struct hs_error *err)
{
    if (lseek(r->fd, r->start, SEEK_SET) < 0)
        return hs_fail(err, "%s: %s", name, strerror(errno));
    return 0;
}

/* All bytes from where r stands. */
static int
hash_rest(struct hs_reread *r, XXH3_state_t *state, const char *name,
          struct hs_error *err)
{
    char buf[65536];
    ssize_t n;

    while ((n = read(r->fd, buf, sizeof buf)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hs_fail(err, "%s: %s", name, strerror(errno));
        (void)XXH3_128bits_update(state, buf, (size_t)n);
    }
    return 0;
}

int
hs_reread_hash(struct hs_reread *r, const char *name, char out[33],
               struct hs_error *err)
{
    XXH3_state_t *state = XXH3_createState();
    XXH128_hash_t h;
    int rc;

    if (state == NULL)
        return hs_fail(err, "%s: out of memory", name);
    (void)XXH3_128bits_reset(state);
    rc = hash_rest(r, state, name, err);
    h = XXH3_128bits_digest(state);
    (void)XXH3_freeState(state);
    (void)snprintf(out, 33, "%016" PRIx64 "%016" PRIx64, h.high64, h.low64);
    return rc < 0 ? -1 : hs_reread_rewind(r, name, err);
}

void
hs_reread_close(struct hs_reread *r)
{
    if (r->copy != NULL)
        (void)fclose(r->copy); /* only read since it was flushed */
    *r = (struct hs_reread){.fd = -1};
}
