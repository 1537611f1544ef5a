/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_stream.c - streams written and read back, joined and copied.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "memstream.h"
#include "stream/plane.h"
#include "stream/stream.h"

/* ---- round trips */

static void
check_trajectory(const struct hs_trajectory *t, uint32_t k, size_t rows)
{
    struct hs_trajectory want;

    make_trajectory(&want, k, rows);
    assert_string_equal(t->id, want.id);
    assert_string_equal(t->problem, want.problem);
    assert_int_equal(t->sample, k);
    assert_null(t->prompt);
    assert_string_equal(t->prompt_hash, want.prompt_hash);
    assert_string_equal(t->completion, want.completion);
    assert_string_equal(t->finish, "eos");
    assert_null(t->gold);
    assert_int_equal(t->reward, want.reward);
    assert_int_equal(t->n_tokens, want.n_tokens);
    assert_int_equal(t->n_prompt, 2);
    assert_int_equal(t->n_states, rows);
    assert_memory_equal(t->tokens, want.tokens, 4 * want.n_tokens);
    assert_memory_equal(t->logprob, want.logprob, 4 * (want.n_tokens - 2));
    if (rows > 0)
        assert_memory_equal(t->positions, want.positions, 4 * rows);
    hs_trajectory_free(&want);
}

static void
check_states(const struct hs_states *s, uint32_t k, enum hs_dtype d)
{
    size_t n = s->n_rows * s->dim;
    float *x = hs_calloc(n, sizeof *x);

    assert_int_equal(s->dtype, d);
    hs_states_decode(s, x);
    for (size_t i = 0; i < n; i++) {
        float y = value_at(k, s->layer, s->first * s->dim + i);

        if (d == HS_F16)
            y = hs_f16_to_float(hs_f16_from_float(y));
        if (d == HS_BF16)
            y = hs_bf16_to_float(hs_bf16_from_float(y));
        assert_memory_equal(&x[i], &y, 4);
    }
    free(x);
}

/* Reads items first .. last - 1 and the end. */
static void
check_stream(const struct hs_buf *b, const struct hs_head *h, uint32_t last,
             size_t rows)
{
    struct hs_reader *r = hs_reader_open(memory_file(b->data, b->len), "in");
    struct hs_record rec = {0};

    assert_non_null(hs_reader_head(r));
    for (uint32_t k = 0; k < last; k++) {
        assert_int_equal(hs_read(r, &rec), 1);
        assert_int_equal(rec.type, HS_REC_TRAJECTORY);
        check_trajectory(&rec.traj, k, rows);
        for (size_t l = 0; l < h->layers.n; l++)
            for (size_t row = 0; row < rows; row += rec.states.n_rows) {
                assert_int_equal(hs_read(r, &rec), 1);
                assert_int_equal(rec.type, HS_REC_STATES);
                assert_int_equal(rec.states.layer, h->layers.v[l]);
                assert_int_equal(rec.states.first, row);
                check_states(&rec.states, k, h->dtype);
            }
    }
    assert_int_equal(hs_read(r, &rec), 0);
    assert_int_equal(hs_read(r, &rec), 0);
    hs_record_free(&rec);
    hs_reader_close(r);
}

static void
test_round_trips(void **state)
{
    static const size_t dims[] = {1, 2, 15, 16, 33, 100};
    static const size_t rows[] = {0, 1, 3, 40};

    (void)state;
    for (enum hs_dtype d = HS_F16; d <= HS_F32; d++)
        for (size_t i = 0; i < 6; i++)
            for (size_t k = 0; k < 4; k++)
                for (uint32_t layers = 0; layers < 3; layers++) {
                    struct hs_head h = test_head(d, dims[i], layers);
                    struct hs_buf b = make_stream(&h, 0, 3, rows[k]);
                    struct hs_buf again = make_stream(&h, 0, 3, rows[k]);

                    check_stream(&b, &h, 3, rows[k]);
                    assert_int_equal(b.len, again.len);
                    assert_memory_equal(b.data, again.data, b.len);
                    hs_buf_free(&again);
                    hs_buf_free(&b);
                    hs_head_free(&h);
                }
}

/* States of more than 4 MiB are several blocks, each within the bound. */
static void
test_blocks(void **state)
{
    (void)state;
    for (enum hs_dtype d = HS_F16; d <= HS_F32; d++) {
        struct hs_head h = test_head(d, 5000, 2);
        size_t most = (HS_OBJECT_MAX - 4096) / (5000 * hs_dtype_size(d));
        struct hs_buf b = make_stream(&h, 0, 1, 2 * most + 1);
        struct outcome o = read_all(b.data, b.len);

        assert_int_equal(hs_block_rows(d, 5000), most);
        assert_int_equal(o.rc, 0);
        assert_int_equal(o.counts.states, 2 * 3);
        check_stream(&b, &h, 1, 2 * most + 1);
        hs_buf_free(&b);
        hs_head_free(&h);
    }
}

/* One value beyond f16 makes its block f32, and only that one. */
static void
test_overflow(void **state)
{
    enum {
        DIM = 5000,
        ROWS = 900
    };
    struct hs_head h = test_head(HS_F16, DIM, 1);
    size_t most = hs_block_rows(HS_F16, DIM), seen = 0;
    float *x = make_rows(1, 1, (size_t)ROWS * DIM), *y = hs_calloc(DIM, 4000);
    struct hs_encoded e = {0};
    struct hs_trajectory t;
    struct hs_record rec = {0};
    struct hs_error err;
    struct hs_writer *w;
    int fd = memory_file("", 0);

    (void)state;
    x[most * DIM + 3] = -70000;
    make_trajectory(&t, 1, ROWS);
    hs_encode_trajectory(&e, &t);
    assert_int_equal(
        hs_encode_states(&e, HS_F16, &t, 1, 0, x, ROWS, DIM, DIM, &err), 0);
    w = hs_writer_open(fd, "out", &h, 1, &err);
    assert_non_null(w);
    assert_int_equal(hs_write_encoded(w, &e), 0);
    assert_int_equal(hs_writer_close(w, &err), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);

    struct hs_reader *r = hs_reader_open(fd, "in");
    int rc;

    while ((rc = hs_read(r, &rec)) > 0) {
        if (rec.type != HS_REC_STATES)
            continue;
        bool wide = rec.states.first >= most && rec.states.first < 2 * most;

        assert_int_equal(rec.states.first, seen);
        assert_int_equal(rec.states.dtype, wide ? HS_F32 : HS_F16);
        if (wide && rec.states.first == most) {
            hs_states_decode(&rec.states, y);
            assert_memory_equal(y, x + most * DIM, DIM * sizeof *y);
        }
        seen += rec.states.n_rows;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(seen, ROWS);
    assert_int_equal(hs_reader_counts(r)->f32_blocks, e.counts.f32_blocks);
    assert_true(e.counts.f32_blocks >= 2);
    hs_reader_close(r);
    hs_record_free(&rec);
    hs_encoded_free(&e);
    hs_trajectory_free(&t);
    hs_head_free(&h);
    free(x);
    free(y);
}

static void
test_not_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct hs_trajectory t;
    struct hs_encoded e = {0};
    struct hs_error err;
    float x[4 * 7] = {0};

    (void)state;
    make_trajectory(&t, 6, 7);
    for (size_t i = 0; i < 3; i++)
        for (enum hs_dtype d = HS_F16; d <= HS_F32; d++) {
            x[4 * 5 + 2] = bad[i];
            err.text[0] = '\0';
            assert_int_equal(
                hs_encode_states(&e, d, &t, 3, 0, x, 7, 4, 4, &err), -1);
            assert_non_null(strstr(err.text, "item 6"));
            assert_non_null(strstr(err.text, "layer 3"));
            assert_non_null(strstr(err.text, "position 7"));
        }
    hs_encoded_free(&e);
    hs_trajectory_free(&t);
}

/* ---- segments */

static void
test_segments(void **state)
{
    struct hs_head h = test_head(HS_F16, 6, 2);
    struct hs_buf ab = make_stream(&h, 0, 6, 4), a = make_stream(&h, 0, 2, 4);
    struct hs_buf b = make_stream(&h, 2, 6, 4), both = joined(&b, &a);
    struct outcome one = read_all(ab.data, ab.len);
    struct outcome two = read_all(both.data, both.len);

    (void)state;
    assert_int_equal(one.rc, 0);
    assert_int_equal(two.rc, 0);
    assert_int_equal(two.segments, 2);
    assert_int_equal(two.counts.records, one.counts.records);
    assert_true(two.counts.digest == one.counts.digest);
    hs_buf_free(&both);
    both = joined(&a, &a);
    two = read_all(both.data, both.len);
    assert_true(two.counts.digest != one.counts.digest);
    hs_buf_free(&both);
    hs_buf_free(&ab);
    hs_buf_free(&a);
    hs_buf_free(&b);
    hs_head_free(&h);
}

static void
change_head(struct hs_head *h, int what)
{
    switch (what) {
    case 0:
        hs_head_set(&h->kind, "probe");
        break;
    case 1:
        hs_head_set(&h->fingerprint, "def");
        break;
    case 2:
        h->layers.v[1] = 3;
        break;
    case 3:
        h->dim = 7;
        break;
    case 4:
        h->dtype = HS_BF16;
        break;
    default:
        hs_head_set(&h->positions, "last");
    }
}

static void
test_incompatible(void **state)
{
    static const char *const says[][2] = {
        {"activations", "probe"}, {"abc", "def"}, {"2", "3"}, {"6", "7"},
        {"f16", "bf16"},          {"all", "last"}};
    struct hs_head h = test_head(HS_F16, 6, 2);

    (void)state;
    h.n_layers = 3;
    for (int i = 0; i < 6; i++) {
        struct hs_head other;
        struct hs_buf a = make_stream(&h, 0, 1, 2), b, both;
        struct outcome o;

        hs_head_copy(&other, &h);
        change_head(&other, i);
        b = make_stream(&other, 1, 2, 2);
        both = joined(&a, &b);
        o = read_all(both.data, both.len);
        assert_int_equal(o.rc, -1);
        assert_non_null(strstr(o.error, "in: segment 1, record"));
        assert_non_null(strstr(o.error, says[i][0]));
        assert_non_null(strstr(o.error, says[i][1]));
        hs_buf_free(&a);
        hs_buf_free(&b);
        hs_buf_free(&both);
        hs_head_free(&other);
    }
    hs_head_free(&h);
}

static void
test_select(void **state)
{
    struct hs_head h = test_head(HS_F16, 6, 3);
    struct hs_buf b = make_stream(&h, 0, 3, 4);
    struct outcome all = read_all(b.data, b.len);
    struct hs_reader *r = hs_reader_open(memory_file(b.data, b.len), "in");
    uint32_t only = 2;
    struct hs_list list = {&only, 1, false};
    struct hs_record rec = {0};
    int rc, n = 0;

    (void)state;
    hs_reader_select(r, &list);
    while ((rc = hs_read(r, &rec)) > 0)
        if (rec.type == HS_REC_STATES) {
            assert_int_equal(rec.states.layer, 2);
            n++;
        }
    assert_int_equal(rc, 0);
    assert_int_equal(n, 3);
    assert_true(hs_reader_counts(r)->digest == all.counts.digest);
    hs_record_free(&rec);
    hs_reader_close(r);
    hs_buf_free(&b);
    hs_head_free(&h);
}

/* A copy record by record has the same bytes. */
static void
test_copy(void **state)
{
    static const size_t rows[] = {0, 3, 400, 9000};
    static const uint32_t items[] = {40, 30, 8, 4};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct hs_head h = test_head(HS_BF16, 50, 3);
        struct hs_buf b = make_stream(&h, 0, items[i], rows[i]);
        struct hs_buf copy;
        struct hs_reader *r = hs_reader_open(memory_file(b.data, b.len), "in");
        struct hs_record rec = {0};
        struct hs_error err;
        int rc, fd = memory_file("", 0);
        struct hs_writer *w =
            hs_writer_open(fd, "out", hs_reader_head(r), 1, &err);

        assert_non_null(w);
        while ((rc = hs_read(r, &rec)) > 0)
            assert_int_equal(hs_write_raw(w, &rec), 0);
        assert_int_equal(rc, 0);
        assert_int_equal(hs_writer_close(w, &err), 0);
        copy = contents(fd);
        assert_int_equal(copy.len, b.len);
        assert_memory_equal(copy.data, b.data, b.len);
        hs_buf_free(&copy);
        hs_record_free(&rec);
        hs_reader_close(r);
        hs_buf_free(&b);
        hs_head_free(&h);
    }
}

/* Small records wait for 63 others at most. */
static void
test_frames(void **state)
{
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    struct hs_head h = test_head(HS_F16, 4, 1);
    const uint32_t n = 2 * HS_FRAME_RECORDS + 1;
    struct hs_buf b = make_stream(&h, 0, n, 1);
    size_t n_frames = 0;

    (void)state;
    for (size_t i = 0; i + sizeof magic <= b.len; i++)
        n_frames += memcmp(b.data + i, magic, sizeof magic) == 0;
    /* The head; two full ones; one trajectory and the end. */
    assert_int_equal(n_frames, 4);
    assert_int_equal(read_all(b.data, b.len).counts.trajectories, n);
    hs_buf_free(&b);
    hs_head_free(&h);
}

/* The arm and the part of an answer, both or none. */
static void
test_arm(void **state)
{
    struct hs_head h = test_head(HS_F16, 4, 1);
    struct hs_encoded e = {0};
    struct hs_record rec = {0};
    struct hs_trajectory t;
    struct hs_error err;
    int fd = memory_file("", 0);
    struct hs_writer *w;
    struct hs_reader *r;
    struct hs_buf b;

    (void)state;
    hs_list_free(&h.layers);
    h.layers = (struct hs_list){0};
    w = hs_writer_open(fd, "out", &h, 1, &err);
    assert_non_null(w);
    make_trajectory(&t, 0, 0);
    hs_trajectory_set(&t.arm, "L2/value@1%");
    hs_trajectory_set(&t.part, "own");
    hs_encode_trajectory(&e, &t);
    hs_trajectory_free(&t);
    make_trajectory(&t, 1, 0);
    hs_encode_trajectory(&e, &t);
    hs_trajectory_free(&t);
    assert_int_equal(hs_write_encoded(w, &e), 0);
    assert_int_equal(hs_writer_close(w, &err), 0);
    hs_encoded_free(&e);
    b = contents(fd);
    r = hs_reader_open(memory_file(b.data, b.len), "in");
    assert_int_equal(hs_read(r, &rec), 1);
    assert_string_equal(rec.traj.arm, "L2/value@1%");
    assert_string_equal(rec.traj.part, "own");
    assert_int_equal(hs_read(r, &rec), 1);
    assert_null(rec.traj.arm);
    assert_null(rec.traj.part);
    assert_int_equal(hs_read(r, &rec), 0);
    hs_record_free(&rec);
    hs_reader_close(r);
    hs_buf_free(&b);
    hs_head_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_overflow),    cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_segments),    cmocka_unit_test(test_incompatible),
        cmocka_unit_test(test_select),      cmocka_unit_test(test_copy),
        cmocka_unit_test(test_frames),      cmocka_unit_test(test_arm),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
