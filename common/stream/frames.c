/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * frames.c - see frames.h.
 */
#include <config.h>

#include "stream/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"
#include "stream/stream.h"

struct hs_frames {
    int fd;
    ZSTD_DCtx *zstd;
    uint8_t *in; /* compressed: [in_at, in_len) is not yet used */
    size_t in_at, in_len, in_cap;
    bool ended;
    enum hs_frames_fault fault;
    uint8_t *out;
    size_t size;
    uint64_t offset, plain;
};

struct hs_frames *
hs_frames_open(int fd)
{
    struct hs_frames *f = hs_calloc(1, sizeof *f);

    f->fd = fd;
    f->zstd = ZSTD_createDCtx();
    /* The largest frame, and something to read ahead. */
    f->in_cap = ZSTD_compressBound(HS_OBJECT_MAX) + (1 << 16);
    f->in = hs_malloc(f->in_cap);
    f->out = hs_malloc(HS_OBJECT_MAX);
    return f;
}

void
hs_frames_close(struct hs_frames *f)
{
    if (f == NULL)
        return;
    if (f->fd >= 0)
        (void)close(f->fd);
    ZSTD_freeDCtx(f->zstd);
    free(f->in);
    free(f->out);
    free(f);
}

void
hs_frames_unread(struct hs_frames *f, const uint8_t *bytes, size_t n)
{
    memcpy(f->in, bytes, n);
    f->in_len = n;
}

/* Reads more input behind what there is.  1, 0 at its end, -1. */
static int
read_more(struct hs_frames *f, struct hs_error *err)
{
    ssize_t n;

    if (f->ended)
        return 0;
    if (f->in_at > 0) {
        memmove(f->in, f->in + f->in_at, f->in_len - f->in_at);
        f->in_len -= f->in_at;
        f->in_at = 0;
    }
    if (f->in_len == f->in_cap)
        return hs_fail(err, "a zstd frame of more than %d bytes",
                       HS_OBJECT_MAX);
    do
        n = read(f->fd, f->in + f->in_len, f->in_cap - f->in_len);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        f->fault = HS_FRAMES_UNREADABLE;
        return hs_fail(err, "cannot read: %s", strerror(errno));
    }
    if (n == 0)
        f->ended = true;
    f->in_len += (size_t)n;
    return n > 0;
}

/* Whether n bytes are, or begin, the magic number of a frame. */
static bool
is_magic(const uint8_t *p, size_t n)
{
    return memcmp(p, "\x28\xb5\x2f\xfd", n < 4 ? n : 4) == 0;
}

/* The compressed size of the frame at in_at once all of it is there.  1, 0 at
 * the end of the input, -1. */
static int
whole_frame(struct hs_frames *f, size_t *size, struct hs_error *err)
{
    for (;;) {
        size_t have = f->in_len - f->in_at;
        const uint8_t *p = f->in + f->in_at;
        int rc;

        if (!is_magic(p, have))
            return hs_fail(err, "not a zstd frame");
        if (have >= 5) {
            /* RFC 8878, 3.1.1.1.1: bit 2 says that a checksum follows */
            if ((p[4] & 4) == 0)
                return hs_fail(err, "a zstd frame without a checksum");
            *size = ZSTD_findFrameCompressedSize(p, have);
            if (!ZSTD_isError(*size))
                return 1;
            if (ZSTD_getErrorCode(*size) != ZSTD_error_srcSize_wrong)
                return hs_fail(err, "zstd: %s", ZSTD_getErrorName(*size));
        }
        rc = read_more(f, err);
        if (rc < 0)
            return -1;
        if (rc == 0 && f->in_at == f->in_len)
            return 0;
        if (rc == 0) {
            f->fault = HS_FRAMES_CUT;
            return hs_fail(err, "the input ends inside a zstd frame");
        }
    }
}

int
hs_frames_next(struct hs_frames *f, struct hs_error *err)
{
    size_t size = 0;
    int rc;

    f->fault = HS_FRAMES_DAMAGED;
    rc = whole_frame(f, &size, err);
    if (rc <= 0)
        return rc;
    f->size = ZSTD_decompressDCtx(f->zstd, f->out, HS_OBJECT_MAX,
                                  f->in + f->in_at, size);
    if (ZSTD_isError(f->size)) {
        hs_fail(err, "zstd: %s", ZSTD_getErrorName(f->size));
        f->size = 0;
        return -1;
    }
    if (f->size == 0)
        return hs_fail(err, "an empty zstd frame");
    f->in_at += size;
    f->offset += size;
    f->plain += f->size;
    return 1;
}

enum hs_frames_fault
hs_frames_fault(const struct hs_frames *f)
{
    return f->fault;
}

const uint8_t *
hs_frames_data(const struct hs_frames *f)
{
    return f->out;
}

size_t
hs_frames_size(const struct hs_frames *f)
{
    return f->size;
}

uint64_t
hs_frames_offset(const struct hs_frames *f)
{
    return f->offset;
}

uint64_t
hs_frames_plain(const struct hs_frames *f)
{
    return f->plain;
}
