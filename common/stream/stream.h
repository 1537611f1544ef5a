/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stream.h - reading and writing the streams of hs-stream(5).
 *
 * A stream is one or more segments: a head, records, one end record.  The end
 * of a stream is only ever reported after an end record, its whole frame and
 * the end of the input, so a writer that died cannot pass for one that
 * finished.
 *
 *     struct hs_reader *r = hs_reader_open(STDIN_FILENO, "<stdin>");
 *     struct hs_record rec = {0};
 *     int rc;
 *
 *     while ((rc = hs_read(r, &rec)) > 0)
 *         if (rec.type == HS_REC_STATES)
 *             use(&rec.states, &rec.traj);
 *     if (rc < 0)
 *         hs_die(HS_EXIT_FAIL, "%s", hs_reader_error(r));
 *     hs_record_free(&rec);
 *     hs_reader_close(r);
 */
#ifndef HS_STREAM_H
#define HS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/team.h"
#include "stream/record.h"

enum {
    HS_OBJECT_MAX = 4 << 20,  /* bytes of an object, and of a frame */
    HS_BLOCK_SPARE = 4096,    /* of which a states object keeps for its keys */
    HS_PLANE_MIN = 1024,      /* bytes of a plane that is a block of its own */
    HS_FRAME_DUE = 512 << 10, /* pending bytes that end a frame before the
                               * next record other than states */
    HS_FRAME_RECORDS = 64,    /* or as many of these: they are lost with the
                               * program, and may be hours of work */
    HS_LEVEL_DEFAULT = 1
};

enum hs_record_type {
    HS_REC_TRAJECTORY,
    HS_REC_STATES,
    HS_REC_OTHER /* any other type: raw and hs_record_json() only */
};

/* One record.  {0} is an empty one; it is reused from read to read. */
struct hs_record {
    enum hs_record_type type;
    const uint8_t *raw; /* its msgpack bytes, borrowed until the next read */
    size_t raw_len;
    /* The last trajectory read; it stays while its states are read. */
    struct hs_trajectory traj;
    struct hs_states states; /* borrowed until the next read */
};

void hs_record_free(struct hs_record *rec);

/* The record as JSON, tensors as summaries or with all values.  A new
 * reference; NULL if a key is no string. */
json_t *hs_record_json(const struct hs_record *rec, bool values);
json_t *hs_head_json(const struct hs_head *head);

/* ---- reading ---- */

struct hs_reader;

/* Starts reading fd and takes it over.  name is used in messages and must
 * outlive the reader.  What is wrong with the input is reported by the first
 * hs_read(). */
struct hs_reader *hs_reader_open(int fd, const char *name);

/* Puts n bytes, at most 4, that were read from fd already in front of what is
 * left to read.  Before the first hs_read() and hs_reader_head(). */
void hs_reader_unread(struct hs_reader *r, const uint8_t *bytes, size_t n);

/* The head of the segment being read, of the first one before the first
 * hs_read().  Borrowed until the next hs_read().  NULL after an error. */
const struct hs_head *hs_reader_head(struct hs_reader *r);

/* Delivers only states of these layers; others are checked and counted, but
 * not handed out.  layers is copied. */
void hs_reader_select(struct hs_reader *r, const struct hs_list *layers);

/* Reads the next record.  Returns 1, 0 at the end of the stream, -1 on error;
 * 0 and -1 are final.  Whatever hs-stream(5) asks of a stream is checked:
 * structure, sizes, text, order of states, counts and digest. */
HS_MUST_CHECK int hs_read(struct hs_reader *r, struct hs_record *rec);

/* Why hs_read() returned -1: "name: segment S, record N: reason".  Empty if
 * nothing failed. */
const char *hs_reader_error(const struct hs_reader *r);

/* Reads a stream to its end: head() for each segment, an empty one too, and
 * trajectory() for each trajectory, behind the head of its segment.  Other
 * records are passed over.  Returns 0, or -1: "name: " and what a callback
 * said, or what is wrong with the stream. */
HS_MUST_CHECK int hs_read_segments(
    struct hs_reader *r, const char *name,
    int (*head)(void *ud, const struct hs_head *h, struct hs_error *err),
    int (*trajectory)(void *ud, const struct hs_trajectory *t,
                      struct hs_error *err),
    void *ud, struct hs_error *err);

/* What was read so far, over all segments. */
const struct hs_counts *hs_reader_counts(const struct hs_reader *r);
uint64_t hs_reader_segments(const struct hs_reader *r);
/* Bytes read, compressed; and their size decompressed. */
uint64_t hs_reader_bytes(const struct hs_reader *r);
uint64_t hs_reader_plain_bytes(const struct hs_reader *r);

/* Closes fd and frees r, which may be NULL. */
void hs_reader_close(struct hs_reader *r);

/* ---- encoding ---- */

/* Where an object ends, and where in it the second of two planes begins; 0 for
 * none.  zstd is asked to begin a block there: bytes of one kind a block. */
struct hs_object {
    size_t end, cut;
};

/* Records as msgpack bytes, ready to be written.  {0} is empty. */
struct hs_encoded {
    struct hs_buf bytes;
    struct hs_object *objects; /* (n) */
    size_t n, cap;
    struct hs_counts counts;
};

void hs_encoded_free(struct hs_encoded *e);

void hs_encode_trajectory(struct hs_encoded *e, const struct hs_trajectory *t);

/* Rows first .. first + n_rows - 1 of layer of trajectory t: x (n_rows, dim),
 * row i at x + i * stride.  Stored as d, or as f32 where a block of rows does
 * not fit a 16-bit type.  Returns 0, or -1 when a value is not finite, naming
 * trajectory, layer and position. */
HS_MUST_CHECK int hs_encode_states(struct hs_encoded *e, enum hs_dtype d,
                                   const struct hs_trajectory *t,
                                   uint32_t layer, size_t first, const float *x,
                                   size_t n_rows, size_t dim, size_t stride,
                                   struct hs_error *err);

/* A record as it was read. */
void hs_encode_raw(struct hs_encoded *e, const struct hs_record *rec);

/* Any other record; j is an object whose first key is "type".  Returns 0, or
 * -1 when it is larger than an object may be. */
HS_MUST_CHECK int hs_encode_json(struct hs_encoded *e, const json_t *j,
                                 struct hs_error *err);

/* The most rows of a states object. */
size_t hs_block_rows(enum hs_dtype d, size_t dim);

/* ---- writing ---- */

struct hs_writer;

/* Writes a segment to fd, which stays the caller's to close.  name is used in
 * messages and must outlive the writer.  Returns NULL with the reason. */
HS_MUST_CHECK struct hs_writer *hs_writer_open(int fd, const char *name,
                                               const struct hs_head *head,
                                               int level, struct hs_error *err);

/* Goes on with a segment whose head and first records are in fd already. */
HS_MUST_CHECK struct hs_writer *
hs_writer_continue(int fd, const char *name, const struct hs_counts *counts,
                   int level, struct hs_error *err);

/* Lets a team compress several frames at a time, from the thread that calls
 * hs_team_run(); team is borrowed.  The bytes are the same.  Returns 0, or -1
 * with the reason in hs_writer_error(). */
HS_MUST_CHECK int hs_writer_team(struct hs_writer *w, struct hs_team *team);

/* Each returns 0, or -1 with the reason in hs_writer_error().  However the
 * records come here, the bytes are the same. */
HS_MUST_CHECK int hs_write_encoded(struct hs_writer *w,
                                   const struct hs_encoded *e);
HS_MUST_CHECK int hs_write_trajectory(struct hs_writer *w,
                                      const struct hs_trajectory *t);
/* A record as it was read. */
HS_MUST_CHECK int hs_write_raw(struct hs_writer *w,
                               const struct hs_record *rec);

/* Writes out what is pending. */
HS_MUST_CHECK int hs_writer_flush(struct hs_writer *w);

/* Writes the end record and frees w.  Returns 0, or -1 with the reason; w is
 * freed either way. */
HS_MUST_CHECK int hs_writer_close(struct hs_writer *w, struct hs_error *err);

/* Frees w without an end record.  w may be NULL. */
void hs_writer_abort(struct hs_writer *w);

const char *hs_writer_error(const struct hs_writer *w);
/* Bytes written so far, compressed. */
uint64_t hs_writer_bytes(const struct hs_writer *w);

/* ---- going on after a kill ---- */

struct hs_salvaged {
    struct hs_head head;
    struct hs_counts counts; /* of what is whole */
    off_t good;    /* bytes of whole frames that end with a trajectory */
    bool finished; /* an end record was there: counts are complete, and good
                    * stands before the frame that holds it */
    bool empty;    /* not even a head: start afresh */
};

/* Takes fd over, reads the first segment of an unfinished file from there, as
 * far as it is whole, and calls each() for every complete trajectory.  Returns
 * 0, or -1 when the file is no stream, or has several segments. */
HS_MUST_CHECK int hs_salvage(int fd, const char *name, struct hs_salvaged *s,
                             int (*each)(void *ud,
                                         const struct hs_trajectory *t),
                             void *ud, struct hs_error *err);

#endif
