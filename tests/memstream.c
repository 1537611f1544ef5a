/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * memstream.c - see memstream.h.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/outfile.h"
#include "base/rng.h"
#include "memstream.h"
#include "stream/stream.h"

int
memory_file(const void *data, size_t n)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(hs_write_all(fd, data, n), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

struct hs_buf
contents(int fd)
{
    struct hs_buf b = {0};
    off_t n = lseek(fd, 0, SEEK_END);

    assert_true(n >= 0);
    b.len = (size_t)n;
    (void)hs_buf_reserve(&b, 1);
    b.data = hs_realloc(b.data, b.len + 1);
    b.cap = b.len + 1;
    assert_int_equal(pread(fd, b.data, b.len, 0), n);
    assert_int_equal(close(fd), 0);
    return b;
}

struct hs_head
test_head(enum hs_dtype d, size_t dim, uint32_t n_layers)
{
    struct hs_head h;

    hs_head_init(&h, "activations");
    hs_head_set(&h.fingerprint, "abc");
    h.n_layers = n_layers;
    h.dim = dim;
    h.dtype = d;
    h.layers.v = hs_calloc(n_layers + 1, sizeof *h.layers.v);
    h.layers.n = n_layers;
    for (uint32_t l = 0; l < n_layers; l++)
        h.layers.v[l] = l + 1;
    return h;
}

void
make_trajectory(struct hs_trajectory *t, uint32_t k, size_t rows)
{
    char id[32];
    size_t n = rows + 3;

    *t = (struct hs_trajectory){0};
    (void)snprintf(id, sizeof id, "item %u", k);
    hs_trajectory_set(&t->id, id);
    hs_trajectory_set(&t->problem, id);
    t->sample = k;
    hs_trajectory_set(&t->completion, "\xe2\x88\x80 a\n\"b\"");
    hs_trajectory_set(&t->finish, "eos");
    hs_trajectory_set(&t->grader, "exact");
    hs_trajectory_set(&t->reason, "");
    t->reward = (int)(k % 3) - 1;
    t->n_tokens = n;
    t->n_prompt = 2;
    t->n_states = rows;
    t->tokens = hs_calloc(n, sizeof *t->tokens);
    t->positions = hs_calloc(rows, sizeof *t->positions);
    t->logprob = hs_calloc(n - 2, sizeof *t->logprob);
    t->entropy = hs_calloc(n - 2, sizeof *t->entropy);
    for (size_t i = 0; i < n; i++)
        t->tokens[i] = k * 100 + (uint32_t)i;
    for (size_t i = 0; i < n - 2; i++)
        t->logprob[i] = -(float)i;
    for (size_t i = 0; i < rows; i++)
        t->positions[i] = (uint32_t)i + 2;
    hs_trajectory_hash_prompt(t);
}

float
value_at(uint32_t k, uint32_t layer, size_t i)
{
    uint32_t w[4];

    hs_rng_words(5, k, layer, (uint32_t)i, w);
    return (float)((double)(int32_t)w[0] * 0x1p-31 * (double)(layer + k));
}

float *
make_rows(uint32_t k, uint32_t layer, size_t n)
{
    float *x = hs_calloc(n, sizeof *x);

    for (size_t i = 0; i < n; i++)
        x[i] = value_at(k, layer, i);
    return x;
}

void
encode_item(struct hs_encoded *e, const struct hs_head *h, uint32_t k,
            size_t rows)
{
    struct hs_trajectory t;
    struct hs_error err;

    make_trajectory(&t, k, rows);
    hs_encode_trajectory(e, &t);
    for (size_t l = 0; l < h->layers.n && rows > 0; l++) {
        float *x = make_rows(k, h->layers.v[l], rows * h->dim);

        assert_int_equal(hs_encode_states(e, h->dtype, &t, h->layers.v[l], 0, x,
                                          rows, h->dim, h->dim, &err),
                         0);
        free(x);
    }
    hs_trajectory_free(&t);
}

struct hs_buf
make_stream(const struct hs_head *h, uint32_t first, uint32_t last, size_t rows)
{
    int fd = memory_file("", 0);
    struct hs_error err;
    struct hs_writer *w = hs_writer_open(fd, "out", h, 1, &err);

    assert_non_null(w);
    for (uint32_t k = first; k < last; k++) {
        struct hs_encoded e = {0};

        encode_item(&e, h, k, rows);
        assert_int_equal(hs_write_encoded(w, &e), 0);
        hs_encoded_free(&e);
    }
    assert_int_equal(hs_writer_close(w, &err), 0);
    return contents(fd);
}

struct outcome
read_all(const void *data, size_t n)
{
    struct hs_reader *r = hs_reader_open(memory_file(data, n), "in");
    struct hs_record rec = {0};
    struct outcome o = {0};

    while ((o.rc = hs_read(r, &rec)) > 0)
        if (rec.type == HS_REC_STATES) {
            float *x = hs_calloc(rec.states.n_rows * rec.states.dim, sizeof *x);

            hs_states_decode(&rec.states, x);
            free(x);
        }
    assert_int_equal(hs_read(r, &rec), o.rc);
    o.counts = *hs_reader_counts(r);
    o.segments = hs_reader_segments(r);
    (void)snprintf(o.error, sizeof o.error, "%s", hs_reader_error(r));
    assert_int_equal(o.rc < 0, o.error[0] != '\0');
    hs_record_free(&rec);
    hs_reader_close(r);
    return o;
}

struct hs_buf
joined(const struct hs_buf *a, const struct hs_buf *b)
{
    struct hs_buf all = {0};

    hs_buf_add(&all, a->data, a->len);
    hs_buf_add(&all, b->data, b->len);
    return all;
}
