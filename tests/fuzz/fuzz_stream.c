/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_stream.c - reader, salvage and copy on hostile streams.
 *
 * The input is taken three times: as the bytes of a file; as the objects of one
 * frame, so that checksums do not keep the fuzzer out; and as records behind a
 * good head.  What reads to its end must be copied to an equal stream.
 */
#include <config.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zstd.h>

#include "base/outfile.h"
#include "stream/segment.h"
#include "stream/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
file_of(const void *data, size_t n)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0 || hs_write_all(fd, data, n) < 0 || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    return fd;
}

/* Decodes the states, makes JSON of small records. */
static void
use(const struct hs_record *rec)
{
    if (rec->type == HS_REC_STATES) {
        size_t n = rec->states.n_rows * rec->states.dim;
        float *x = hs_calloc(n, sizeof *x);

        hs_states_decode(&rec->states, x);
        for (size_t i = 0; i < n; i++)
            if (!(x[i] - x[i] == 0))
                abort();
        free(x);
    }
    if (rec->raw_len < 1 << 16)
        json_decref(hs_record_json(rec, true));
}

/* Reads all; copies to out unless that is negative.  Returns hs_read()'s last
 * result. */
static int
read_all(int fd, int out, struct hs_counts *counts)
{
    struct hs_reader *r = hs_reader_open(fd, "fuzz");
    const struct hs_head *head = hs_reader_head(r);
    struct hs_record rec = {0};
    struct hs_writer *w = NULL;
    struct hs_error err;
    int rc;

    if (head != NULL && out >= 0) {
        w = hs_writer_open(out, "copy", head, 1, &err);
        if (w == NULL)
            abort();
    }
    while ((rc = hs_read(r, &rec)) > 0) {
        use(&rec);
        if (w != NULL && hs_write_raw(w, &rec) < 0)
            abort();
    }
    if ((rc < 0) != (hs_reader_error(r)[0] != '\0') || hs_read(r, &rec) != rc)
        abort();
    *counts = *hs_reader_counts(r);
    if (w != NULL && hs_writer_close(w, &err) < 0)
        abort();
    hs_record_free(&rec);
    hs_reader_close(r);
    return rc;
}

static int
ignore(void *ud, const struct hs_trajectory *t)
{
    (void)ud;
    return t->id == NULL ? -1 : 0;
}

static void
try_stream(const uint8_t *data, size_t n)
{
    int copy = memfd_create("copy", MFD_CLOEXEC);
    struct hs_counts a, b;
    struct hs_salvaged s;
    struct hs_error err;

    if (copy < 0)
        abort();
    if (read_all(file_of(data, n), copy, &a) == 0) {
        if (lseek(copy, 0, SEEK_SET) != 0 || read_all(copy, -1, &b) != 0 ||
            a.digest != b.digest || a.records != b.records)
            abort();
    } else {
        (void)close(copy);
    }
    if (hs_salvage(file_of(data, n), "fuzz", &s, ignore, NULL, &err) == 0)
        hs_head_free(&s.head);
}

/* The objects as one frame. */
static void
try_objects(const uint8_t *data, size_t n)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(n), got;
    uint8_t *frame = hs_malloc(bound);

    (void)ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    got = ZSTD_compress2(z, frame, bound, data, n);
    if (ZSTD_isError(got))
        abort();
    try_stream(frame, got);
    ZSTD_freeCCtx(z);
    free(frame);
}

static void
try_records(const uint8_t *data, size_t n)
{
    static uint32_t layers[] = {0, 1};
    struct hs_buf b = {0};
    struct hs_head h;

    hs_head_init(&h, "activations");
    h.n_layers = 1;
    h.dim = 2;
    h.layers.v = layers;
    h.layers.n = 2;
    hs_pack_head(&b, &h);
    hs_buf_add(&b, data, n);
    try_objects(b.data, b.len);
    hs_buf_free(&b);
    h.layers = (struct hs_list){0};
    hs_head_free(&h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_stream(data, size);
    try_objects(data, size);
    try_records(data, size);
    return 0;
}
