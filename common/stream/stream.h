/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stream.h - reading and writing the streams of hs-stream(5).
 *
 * Both sides are strict: a writer refuses what a reader would refuse, and a
 * reader returns 0 only after the end record, its complete frame and the end
 * of input.  One reader or writer belongs to one thread.
 */
#ifndef HS_STREAM_H
#define HS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/mem.h"
#include "stream/record.h"

enum {
    HS_FRAME_MAX = 4 << 20,     /* bytes of a frame before compression */
    HS_FRAME_ENOUGH = 256 << 10 /* a trajectory's end ends such a frame */
};

/* What an end record counts, and the sum of the records' hashes. */
struct hs_counts {
    uint64_t records; /* all but head and end */
    uint64_t trajectories;
    uint64_t states;
    uint64_t f32_blocks; /* states stored as f32 because 16 bits overflowed */
    uint64_t digest_high, digest_low;
};

/* The digest in 32 hexadecimal digits. */
void hs_counts_digest(const struct hs_counts *c, char out[33]);

enum hs_record_type {
    HS_REC_TRAJECTORY,
    HS_REC_STATES,
    HS_REC_OTHER /* any other type; see hs_record_json() */
};

/* The caller's, reused between reads. */
struct hs_record {
    enum hs_record_type type;
    const uint8_t *raw; /* its msgpack bytes; borrowed until the next read */
    size_t raw_len;
    struct hs_trajectory traj; /* valid after HS_REC_TRAJECTORY, and kept
                                * through the states that follow */
    struct hs_states states;   /* valid after HS_REC_STATES */
};

void hs_record_free(struct hs_record *rec);
/* The record as JSON: a new reference.  bin becomes {"bin": "hex digits"},
 * integers beyond int64 become reals; NULL for what JSON has no form for
 * (a key that is no string, a NaN). */
HS_MUST_CHECK json_t *hs_record_json(const struct hs_record *rec);

/* ---- reading */
struct hs_reader;

/* Reads from fd, which stays the caller's; name is for messages. */
HS_MUST_CHECK struct hs_reader *hs_reader_open(int fd, const char *name);

/* The first segment's head, borrowed from the reader; NULL on errors. */
HS_MUST_CHECK const struct hs_head *hs_reader_head(struct hs_reader *r);

/* Deliver states of these layers only; the others are checked and counted all
 * the same.  Returns 0, or -1 when a layer is not in the stream. */
HS_MUST_CHECK int hs_reader_select(struct hs_reader *r,
                                   const struct hs_list *layers);

/* Returns 1 with the next record, 0 at the end of a complete stream, -1 on
 * errors (see hs_reader_error()).  0 and -1 stay. */
HS_MUST_CHECK int hs_read(struct hs_reader *r, struct hs_record *rec);

/* "name: segment S, record N: reason", or "". */
const char *hs_reader_error(const struct hs_reader *r);

/* Of what was read so far, over all segments. */
const struct hs_counts *hs_reader_counts(const struct hs_reader *r);
void hs_reader_digest(const struct hs_reader *r, char out[33]);
uint64_t hs_reader_segments(const struct hs_reader *r);
uint64_t hs_reader_bytes_in(const struct hs_reader *r);  /* compressed */
uint64_t hs_reader_bytes_out(const struct hs_reader *r); /* uncompressed */
void hs_reader_close(struct hs_reader *r);

/* ---- encoding, on any thread */

/* A run of whole msgpack objects.  {0} is empty. */
struct hs_encoded {
    struct hs_buf bytes; /* the objects, one behind the other */
    size_t *sizes;       /* of each object */
    size_t n, cap;       /* objects */
};

void hs_encoded_clear(struct hs_encoded *e); /* empty, memory kept */
void hs_encoded_free(struct hs_encoded *e);

/* Appends a trajectory record.  Returns 0, or -1 (text that is no UTF-8, NaN,
 * positions out of order, a record beyond 4 MiB). */
HS_MUST_CHECK int hs_encode_trajectory(struct hs_encoded *e,
                                       const struct hs_trajectory *t,
                                       struct hs_error *err);

/* Appends rows [first, first + n_rows) of t at one layer as as many blocks as
 * they need, by h's dim and dtype.  x has stride values from row to row.
 * first must continue what was encoded for this layer.  Returns 0, or -1 when
 * a value is not finite, with id, layer and position. */
HS_MUST_CHECK int hs_encode_states(struct hs_encoded *e,
                                   const struct hs_head *h,
                                   const struct hs_trajectory *t,
                                   uint32_t layer, size_t first, const float *x,
                                   size_t n_rows, size_t stride,
                                   struct hs_error *err);

/* ---- writing: all return 0, or -1 (see hs_writer_error()), which stays */
struct hs_writer;

/* Writes the head to fd, which stays the caller's.  level is zstd's. */
HS_MUST_CHECK struct hs_writer *hs_writer_open(int fd, const char *name,
                                               const struct hs_head *head,
                                               int level, struct hs_error *err);

HS_MUST_CHECK int hs_write_trajectory(struct hs_writer *w,
                                      const struct hs_trajectory *t);
/* Rows of the trajectory written last, whose id is id; see
 * hs_encode_states().  Layers ascend; the rows of a layer are in order; cut
 * them the same way for the same bytes, best: all rows at once. */
HS_MUST_CHECK int hs_write_states(struct hs_writer *w, const char *id,
                                  uint32_t layer, size_t first, const float *x,
                                  size_t n_rows, size_t stride);
/* A record as it was read. */
HS_MUST_CHECK int hs_write_raw(struct hs_writer *w,
                               const struct hs_record *rec);
/* A record of any other type: a map whose "type" is a string. */
HS_MUST_CHECK int hs_write_json(struct hs_writer *w, const json_t *record);
HS_MUST_CHECK int hs_write_encoded(struct hs_writer *w,
                                   const struct hs_encoded *e);
/* Ends the frame and writes it; the bytes then depend on this call too. */
HS_MUST_CHECK int hs_writer_flush(struct hs_writer *w);

const struct hs_counts *hs_writer_counts(const struct hs_writer *w);
/* "name: record N: reason", or "". */
const char *hs_writer_error(const struct hs_writer *w);

/* Writes the end record.  On success frees w and returns 0; on errors returns
 * -1 and w is left for hs_writer_error() and hs_writer_abort(). */
HS_MUST_CHECK int hs_writer_close(struct hs_writer *w);
/* Frees w without an end record: the stream stays unfinished. */
void hs_writer_abort(struct hs_writer *w);

/* ---- going on after an interruption */
struct hs_salvage {
    bool has_head; /* false: start over */
    bool complete; /* the stream has its end record, nothing to add */
    struct hs_head head;
    off_t good_end; /* truncate to this, then hs_writer_continue() */
    struct hs_counts counts;
};

/* Reads the one segment in fd up to its last whole frame that ends between
 * trajectories, and calls seen for each complete trajectory up to there.
 * What a killed writer leaves is no error; another file format, a second
 * segment or a record that breaks the rules is.  Returns 0, or -1. */
HS_MUST_CHECK int hs_salvage(int fd, const char *name, struct hs_salvage *out,
                             void (*seen)(void *ud, const char *problem,
                                          uint64_t sample),
                             void *ud, struct hs_error *err);
void hs_salvage_free(struct hs_salvage *s);

/* Like hs_writer_open(), for a stream that was truncated to s->good_end and
 * whose fd stands there; the bytes become those of an uninterrupted run. */
HS_MUST_CHECK struct hs_writer *hs_writer_continue(int fd, const char *name,
                                                   const struct hs_salvage *s,
                                                   int level,
                                                   struct hs_error *err);

#endif
