/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * streamspeed.c - megabytes of states a second, written and read, one thread.
 *
 * Beside each its bound: libzstd alone, level 1 with checksums, on the very
 * bytes that the stream's frames hold, 1 MiB to a read(2) of a file in memory.
 * Writes go to /dev/null.  Each number is the median of 5 runs.
 */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <zstd.h>

#include "base/msg.h"
#include "base/outfile.h"
#include "stream/plane.h"
#include "stream/stream.h"

enum {
    RUNS = 5
};

/* A stream taken apart: its frames, and its states as f32. */
struct work {
    struct hs_head head;
    struct hs_buf file; /* as written */
    struct hs_buf plain;
    size_t *sizes; /* of frames, plain */
    size_t n_frames, cap;
    struct hs_trajectory *t;
    size_t n_items, cap_items;
    float *x; /* all states, in order */
    size_t n_values, cap_values;
};

static double
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int
compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double
median(double *v)
{
    qsort(v, RUNS, sizeof *v, compare);
    return v[RUNS / 2];
}

static void
load_file(struct work *k, const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (f == NULL)
        hs_die(HS_EXIT_FAIL, "%s: cannot open", path);
    do {
        n = fread(hs_buf_reserve(&k->file, 1 << 20), 1, 1 << 20, f);
        k->file.len += n;
    } while (n > 0);
    (void)fclose(f);
}

static void
split_frames(struct work *k)
{
    for (size_t at = 0; at < k->file.len;) {
        const uint8_t *p = k->file.data + at;
        size_t in = ZSTD_findFrameCompressedSize(p, k->file.len - at), n;

        n = ZSTD_decompress(hs_buf_reserve(&k->plain, HS_OBJECT_MAX),
                            HS_OBJECT_MAX, p, in);
        if (ZSTD_isError(n))
            hs_die(HS_EXIT_FAIL, "zstd: %s", ZSTD_getErrorName(n));
        k->plain.len += n;
        k->sizes = hs_grow(k->sizes, &k->cap, k->n_frames + 1, sizeof(size_t));
        k->sizes[k->n_frames++] = n;
        at += in;
    }
}

static int
memory_file(const struct hs_buf *b)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    if (fd < 0 || hs_write_all(fd, b->data, b->len) < 0 ||
        lseek(fd, 0, SEEK_SET) != 0)
        hs_die(HS_EXIT_FAIL, "no memory file");
    return fd;
}

static void *
copy_of(const void *p, size_t n)
{
    void *to = hs_malloc(n);

    return n > 0 ? memcpy(to, p, n) : to;
}

/* Keeps a copy of a trajectory. */
static void
keep(struct work *k, const struct hs_trajectory *from)
{
    size_t n = from->n_tokens, n_new = n - from->n_prompt;
    struct hs_trajectory *t;

    k->t = hs_grow(k->t, &k->cap_items, k->n_items + 1, sizeof *k->t);
    t = &k->t[k->n_items++];
    *t = *from;
    char **texts[] = {&t->id,     &t->problem, &t->prompt, &t->prompt_hash,
                      &t->finish, &t->gold,    &t->parsed, &t->completion,
                      &t->grader, &t->reason};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = *texts[i] ? hs_strdup(*texts[i]) : NULL;
    t->tokens = copy_of(from->tokens, n * sizeof *t->tokens);
    t->logprob = copy_of(from->logprob, n_new * sizeof *t->logprob);
    t->entropy = copy_of(from->entropy, n_new * sizeof *t->entropy);
    t->positions = copy_of(from->positions, from->n_states * sizeof *t->tokens);
    t->meta = json_deep_copy(from->meta);
}

/* Reads and decodes all; if keeping, also keeps what was read. */
static double
time_reading(struct work *k, bool keeping)
{
    struct hs_reader *r = hs_reader_open(memory_file(&k->file), "stream");
    struct hs_record rec = {0};
    float *x = hs_calloc(HS_OBJECT_MAX, 2);
    double start;
    int rc;

    memset(x, 1, HS_OBJECT_MAX * 2);
    start = now();
    while ((rc = hs_read(r, &rec)) > 0) {
        size_t n = rec.states.n_rows * rec.states.dim;

        if (rec.type == HS_REC_TRAJECTORY && keeping)
            keep(k, &rec.traj);
        if (rec.type != HS_REC_STATES)
            continue;
        hs_states_decode(&rec.states, x);
        if (!keeping)
            continue;
        k->x = hs_grow(k->x, &k->cap_values, k->n_values + n, sizeof *k->x);
        memcpy(k->x + k->n_values, x, n * sizeof *x);
        k->n_values += n;
    }
    if (rc < 0)
        hs_die(HS_EXIT_FAIL, "%s", hs_reader_error(r));
    start = now() - start;
    if (keeping)
        hs_head_copy(&k->head, hs_reader_head(r));
    free(x);
    hs_record_free(&rec);
    hs_reader_close(r);
    return start;
}

static double
time_writing(const struct work *k)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct hs_encoded e = {0};
    struct hs_error err;
    const float *x = k->x;
    struct hs_writer *w;
    double start;

    start = now();
    w = hs_writer_open(fd, "out", &k->head, 1, &err);
    if (w == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    for (size_t i = 0; i < k->n_items; i++) {
        const struct hs_trajectory *t = &k->t[i];

        e.bytes.len = e.n = 0;
        e.counts = (struct hs_counts){0};
        hs_encode_trajectory(&e, t);
        for (size_t l = 0; l < k->head.layers.n; l++) {
            if (hs_encode_states(&e, k->head.dtype, t, k->head.layers.v[l], 0,
                                 x, t->n_states, k->head.dim, k->head.dim,
                                 &err) < 0)
                hs_die(HS_EXIT_FAIL, "%s", err.text);
            x += t->n_states * k->head.dim;
        }
        if (hs_write_encoded(w, &e) < 0)
            hs_die(HS_EXIT_FAIL, "%s", hs_writer_error(w));
    }
    if (hs_writer_close(w, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    start = now() - start;
    hs_encoded_free(&e);
    (void)close(fd);
    return start;
}

/* libzstd alone over the frames' bytes; the sum of sizes goes to *total. */
static double
time_compressing(const struct work *k, size_t *total)
{
    size_t bound = ZSTD_compressBound(HS_OBJECT_MAX);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    uint8_t *out = hs_malloc(bound);
    const uint8_t *p = k->plain.data;
    double start;

    (void)ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, 1);
    (void)ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    *total = 0;
    start = now();
    for (size_t i = 0; i < k->n_frames; p += k->sizes[i++])
        *total += ZSTD_compress2(z, out, bound, p, k->sizes[i]);
    start = now() - start;
    ZSTD_freeCCtx(z);
    free(out);
    return start;
}

static double
time_decompressing(const struct work *k)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    uint8_t *out = hs_malloc(HS_OBJECT_MAX), *in = hs_malloc(2 * HS_OBJECT_MAX);
    int fd = memory_file(&k->file);
    double start = now();
    size_t at = 0, end = 0;

    for (size_t i = 0; i < k->n_frames; i++) {
        size_t size;

        while (ZSTD_isError(
            size = ZSTD_findFrameCompressedSize(in + at, end - at))) {
            ssize_t n;

            memmove(in, in + at, end - at);
            end -= at;
            at = 0;
            n = read(fd, in + end, 1 << 20);
            if (n <= 0)
                hs_die(HS_EXIT_FAIL, "cannot read");
            end += (size_t)n;
        }
        if (ZSTD_isError(
                ZSTD_decompressDCtx(z, out, HS_OBJECT_MAX, in + at, size)))
            hs_die(HS_EXIT_FAIL, "zstd failed");
        at += size;
    }
    start = now() - start;
    ZSTD_freeDCtx(z);
    free(out);
    free(in);
    (void)close(fd);
    return start;
}

/* The states as plain values, in zstd frames of 4 MiB. */
static size_t
plain_size(const struct work *k)
{
    size_t width = hs_dtype_size(k->head.dtype), n = k->n_values * width;
    size_t bound = ZSTD_compressBound(HS_OBJECT_MAX), total = 0;
    uint8_t *plain = hs_malloc(n), *out = hs_malloc(bound);

    for (size_t i = 0; i < k->n_values; i++) {
        uint16_t h = k->head.dtype == HS_F16 ? hs_f16_from_float(k->x[i])
                                             : hs_bf16_from_float(k->x[i]);

        memcpy(plain + i * width,
               width == 2 ? (const void *)&h : (const void *)&k->x[i], width);
    }
    for (size_t at = 0; at < n; at += HS_OBJECT_MAX)
        total +=
            ZSTD_compress(out, bound, plain + at,
                          n - at < HS_OBJECT_MAX ? n - at : HS_OBJECT_MAX, 1);
    free(plain);
    free(out);
    return total;
}

static void
report(struct work *k)
{
    double write[RUNS], read[RUNS], in[RUNS], out[RUNS], mb;
    size_t total = 0, plain;

    for (int i = 0; i < RUNS; i++) {
        in[i] = time_compressing(k, &total);
        write[i] = time_writing(k);
        out[i] = time_decompressing(k);
        read[i] = time_reading(k, false);
    }
    plain = plain_size(k);
    mb = (double)k->plain.len * 1e-6;
    printf("%s, %.0f MB in %zu frames\n", hs_dtype_name(k->head.dtype), mb,
           k->n_frames);
    printf("write %.0f MB/s, zstd %.0f MB/s: %.0f %%\n", mb / median(write),
           mb / median(in), 100 * median(in) / median(write));
    printf("read %.0f MB/s, zstd %.0f MB/s: %.0f %%\n", mb / median(read),
           mb / median(out), 100 * median(out) / median(read));
    printf("stored %.3f times smaller, as plain values %.3f times\n",
           (double)k->plain.len / (double)k->file.len,
           (double)(k->n_values * hs_dtype_size(k->head.dtype)) /
               (double)plain);
}

int
main(int argc, char **argv)
{
    struct work k = {0};

    hs_init(argv);
    if (argc != 2)
        hs_die(HS_EXIT_USAGE, "usage: streamspeed STREAM");
    load_file(&k, argv[1]);
    split_frames(&k);
    (void)time_reading(&k, true);
    report(&k);
    for (size_t i = 0; i < k.n_items; i++)
        hs_trajectory_free(&k.t[i]);
    free(k.t);
    free(k.x);
    free(k.sizes);
    hs_buf_free(&k.file);
    hs_buf_free(&k.plain);
    hs_head_free(&k.head);
    return hs_finish(HS_EXIT_OK);
}
