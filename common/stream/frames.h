/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * frames.h - zstd frames of at most HS_OBJECT_MAX bytes from a descriptor.
 */
#ifndef HS_FRAMES_H
#define HS_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hs_frames;

/* Takes fd over.  Never NULL. */
struct hs_frames *hs_frames_open(int fd);
void hs_frames_close(struct hs_frames *f);

/* Puts n bytes, at most 4, that were read from fd already in front of what is
 * left to read.  Before the first frame. */
void hs_frames_unread(struct hs_frames *f, const uint8_t *bytes, size_t n);

/* Decompresses the next frame.  Returns 1, 0 at the end of the input right
 * behind a frame, -1 for anything else: damage, a cut, a frame that is empty,
 * too large, without a checksum, or no zstd frame. */
HS_MUST_CHECK int hs_frames_next(struct hs_frames *f, struct hs_error *err);

enum hs_frames_fault {
    HS_FRAMES_DAMAGED,   /* the bytes are no frame */
    HS_FRAMES_CUT,       /* the input ended inside a frame */
    HS_FRAMES_UNREADABLE /* the system could not read */
};

/* What kind of error the last one was. */
enum hs_frames_fault hs_frames_fault(const struct hs_frames *f);

/* The frame's bytes, borrowed until the next call. */
const uint8_t *hs_frames_data(const struct hs_frames *f);
size_t hs_frames_size(const struct hs_frames *f);

/* Compressed bytes up to the end of the current frame, decompressed bytes of
 * all frames so far. */
uint64_t hs_frames_offset(const struct hs_frames *f);
uint64_t hs_frames_plain(const struct hs_frames *f);

#endif
