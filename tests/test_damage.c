/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_damage.c - streams that were cut, bent, mixed up, or left unfinished.
 */
#include <config.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "memstream.h"
#include "stream/mp.h"
#include "stream/segment.h"
#include "stream/stream.h"

/* Small, and still several frames in two segments. */
static struct hs_buf
small_stream(void)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf a = make_stream(&h, 0, 3, 3), b = make_stream(&h, 3, 5, 4);
    struct hs_buf both = joined(&a, &b);

    hs_buf_free(&a);
    hs_buf_free(&b);
    hs_head_free(&h);
    return both;
}

/* Only the whole, and the first segment, are streams. */
static void
test_truncation(void **state)
{
    struct hs_buf b = small_stream();
    int good = 0;

    (void)state;
    for (size_t n = 0; n < b.len; n++) {
        struct outcome o = read_all(b.data, n);

        assert_true(o.rc == -1 || (o.rc == 0 && o.segments == 1));
        good += o.rc == 0;
    }
    assert_int_equal(good, 1);
    assert_int_equal(read_all(b.data, b.len).rc, 0);
    hs_buf_free(&b);
}

/* A flipped bit is found, or nothing that it says has changed. */
static void
test_flips(void **state)
{
    struct hs_buf b = small_stream();
    struct outcome whole = read_all(b.data, b.len);
    size_t unseen = 0;

    (void)state;
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        struct outcome o;

        b.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        o = read_all(b.data, b.len);
        b.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (o.rc < 0)
            continue;
        assert_int_equal(o.counts.records, whole.counts.records);
        assert_true(o.counts.digest == whole.counts.digest);
        assert_int_equal(o.segments, whole.segments);
        unseen++;
    }
    print_message("%zu of %zu flips change nothing\n", unseen, 8 * b.len);
    assert_true(unseen < b.len / 10);
    hs_buf_free(&b);
}

static void
test_bytes_behind(void **state)
{
    static const char *const tails[] = {"\n", "{}", "\x28\xb5\x2f\xfd",
                                        "\x50\x2a\x4d\x18\x01"};
    struct hs_buf b = small_stream();

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct hs_buf longer = {0};

        hs_buf_add(&longer, b.data, b.len);
        hs_buf_str(&longer, tails[i]);
        assert_int_equal(read_all(longer.data, longer.len).rc, -1);
        hs_buf_free(&longer);
    }
    hs_buf_free(&b);
}

/* ---- streams made by hand, one rule broken in each */

/* Adds n bytes as a frame of their own. */
static void
add_frame(struct hs_buf *out, const void *data, size_t n, int checksum)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(n), got;

    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, checksum);
    got = ZSTD_compress2(z, hs_buf_reserve(out, bound), bound, data, n);
    assert_false(ZSTD_isError(got));
    out->len += got;
    ZSTD_freeCCtx(z);
}

/* A segment of these objects with a right end; rows of none are counted. */
static struct hs_buf
segment_of(const struct hs_head *h, const struct hs_encoded *e,
           const size_t *order, size_t n)
{
    struct hs_buf out = {0}, plain = {0};
    struct hs_counts c = {0};

    hs_pack_head(&plain, h);
    for (size_t i = 0; i < n; i++) {
        size_t k = order[i], start = k > 0 ? e->objects[k - 1].end : 0;
        const uint8_t *p = e->bytes.data + start;

        hs_buf_add(&plain, p, e->objects[k].end - start);
        hs_count_object(&c, p, e->objects[k].end - start);
        if (memcmp(p + 1, "\xa4type\xa6states", 12) == 0)
            c.states++;
        else
            c.trajectories++;
    }
    hs_pack_end(&plain, &c);
    add_frame(&out, plain.data, plain.len, 1);
    hs_buf_free(&plain);
    return out;
}

/* Two trajectories at two layers: objects T0 S S T1 S S, in other orders. */
static void
test_order(void **state)
{
    static const struct {
        size_t n, order[8];
        const char *says; /* NULL: a stream */
    } cases[] = {
        {6, {0, 1, 2, 3, 4, 5}, NULL},
        {6, {3, 4, 5, 0, 1, 2}, NULL},
        {3, {0, 1, 2}, NULL},
        {2, {0, 1}, "missing"},
        {1, {0}, "missing"},
        {5, {0, 1, 3, 4, 5}, "missing"},
        {3, {0, 2, 1}, "expected layer 1"},
        {4, {0, 1, 1, 2}, "expected layer 2"},
        {4, {0, 1, 2, 2}, "no trajectory"},
        {1, {1}, "no trajectory"},
        {3, {0, 4, 5}, "another trajectory"},
    };
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_encoded e = {0};

    (void)state;
    encode_item(&e, &h, 0, 3);
    encode_item(&e, &h, 1, 3);
    assert_int_equal(e.n, 6);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hs_buf b = segment_of(&h, &e, cases[i].order, cases[i].n);
        struct outcome o = read_all(b.data, b.len);

        assert_int_equal(o.rc, cases[i].says ? -1 : 0);
        if (cases[i].says != NULL)
            assert_non_null(strstr(o.error, cases[i].says));
        hs_buf_free(&b);
    }
    hs_encoded_free(&e);
    hs_head_free(&h);
}

/* In a stream of one trajectory, m bytes to go where from ends, and what
 * reading says then. */
static void
check_patch(const char *from, size_t n, const char *to, size_t m,
            const char *says)
{
    static const size_t order[] = {0, 1, 2};
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_encoded e = {0};
    struct hs_buf b;
    struct outcome o;
    uint8_t *at;

    encode_item(&e, &h, 0, 3);
    at = memmem(e.bytes.data, e.bytes.len, from, n);
    if (at == NULL)
        fail_msg("there is no %s", from);
    memcpy(at + n, to, m);
    b = segment_of(&h, &e, order, 3);
    o = read_all(b.data, b.len);
    assert_int_equal(o.rc, -1);
    if (strstr(o.error, says) == NULL)
        fail_msg("'%s' does not say '%s'", o.error, says);
    hs_buf_free(&b);
    hs_encoded_free(&e);
    hs_head_free(&h);
}

#define PATCH(from, to, says)                                                  \
    check_patch(from, sizeof(from) - 1, to, sizeof(to) - 1, says)

static void
test_records(void **state)
{
    (void)state;
    PATCH("\xa8n_prompt", "\x7f", "n_prompt");
    PATCH("\xa8n_prompt", "\x03", "logprob");
    PATCH(
        "\xaa"
        "completion\xa9",
        "\xff", "UTF-8");
    PATCH(
        "\xaa"
        "completion\xa9",
        "\xed\xa0\x80", "UTF-8");
    PATCH("\xa6reward", "\x02", "reward");
    PATCH(
        "\xa6tokens\x83\xa5"
        "dtype\xa3",
        "f32", "tokens");
    PATCH(
        "\xa6tokens\x83\xa5"
        "dtype\xa3u32\xa5shape\x91",
        "\x05", "tokens");
    PATCH(
        "\xa9positions\x83\xa5"
        "dtype\xa3u32\xa5shape\x91\x03\xa4"
        "data"
        "\xc4\x0c",
        "\x03", "positions");
    PATCH(
        "\xa9positions\x83\xa5"
        "dtype\xa3u32\xa5shape\x91\x03\xa4"
        "data"
        "\xc4\x0c\x02\0\0\0\x03\0\0\0",
        "\x06", "positions");
    PATCH(
        "\xa5"
        "edits",
        "\xff", "edits");
    PATCH("\xa4meta", "\x90", "meta");
    PATCH("\xa4meta", "\xc1", "msgpack");
    PATCH("\x88\xa4", "tupe", "without a type");
    PATCH("\x88\xa4type\xa6", "head  ", "missing");
    PATCH("\xa5layer", "\x02", "expected layer");
    PATCH(
        "\xa5layer\x01\xa5"
        "first",
        "\x01", "expected layer");
    PATCH("\xa5shape\x92", "\x05\x03", "shape");
    PATCH("\xa5shape\x92", "\x04", "shape and bytes");
    PATCH(
        "\xa5"
        "dtype\xa3",
        "f64", "tokens");
    PATCH(
        "\xa5shape\x92\x03\x05\xa5"
        "dtype\xa3",
        "f64", "dtype");
    PATCH("\xa6planes", "\x01", "planes");
    PATCH(
        "\xa4"
        "data\xc4\x1e",
        "\x7c", "not finite");
    PATCH(
        "\xa4"
        "data\xc4\x1e",
        "\xfe", "not finite");
}

static void
check_head(const char *from, size_t n, const char *to, size_t m,
           const char *says)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf b = {0}, out = {0};
    struct hs_counts none = {0};
    struct outcome o;
    uint8_t *at;

    hs_pack_head(&b, &h);
    at = memmem(b.data, b.len, from, n);
    if (at == NULL)
        fail_msg("there is no %s", from);
    memcpy(at + n, to, m);
    hs_pack_end(&b, &none);
    add_frame(&out, b.data, b.len, 1);
    o = read_all(out.data, out.len);
    assert_int_equal(o.rc, says ? -1 : 0);
    if (says != NULL && strstr(o.error, says) == NULL)
        fail_msg("'%s' does not say '%s'", o.error, says);
    hs_buf_free(&b);
    hs_buf_free(&out);
    hs_head_free(&h);
}

#define HEAD(from, to, says)                                                   \
    check_head(from, sizeof(from) - 1, to, sizeof(to) - 1, says)

static void
test_heads(void **state)
{
    (void)state;
    HEAD("\xa7version\x92", "\x01\x00", NULL);
    HEAD("\xa7version\x92\x01", "\x07", NULL); /* a later minor version */
    HEAD("\xa7version\x92", "\x02", "version 2");
    HEAD("\xa7version\x92", "\x00", "version 0");
    HEAD(
        "\xa6"
        "format\xae",
        "H", "format");
    HEAD("\xa6layers\x92", "\x02\x01", "layers");
    HEAD("\xa6layers\x92", "\x01\x01", "layers");
    HEAD("\xa6layers\x92\x01", "\x03", "layers");
    HEAD(
        "\xa5"
        "dtype\xa3",
        "f99", "dtype");
    HEAD("\xa3run", "\x90", "run");
    HEAD("\x8c\xa4type\xa4", "HEAD", "not the head");
}

/* A head and an end in frames that break a rule. */
static void
test_frames(void **state)
{
    enum {
        MORE = HS_OBJECT_MAX + 1
    };
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf plain = {0}, out = {0};
    struct hs_counts none = {0};
    uint8_t *zeros = hs_calloc(MORE, 1);

    (void)state;
    hs_pack_head(&plain, &h);
    hs_pack_end(&plain, &none);
    add_frame(&out, plain.data, plain.len, 1);
    assert_int_equal(read_all(out.data, out.len).rc, 0);
    add_frame(&out, "", 0, 1);
    assert_int_equal(read_all(out.data, out.len).rc, -1);
    out.len = 0;
    add_frame(&out, plain.data, plain.len, 0);
    assert_int_equal(read_all(out.data, out.len).rc, -1);
    out.len = 0;
    add_frame(&out, plain.data, plain.len - 1, 1);
    assert_int_equal(read_all(out.data, out.len).rc, -1);
    out.len = 0;
    add_frame(&out, zeros, MORE, 1);
    assert_int_equal(read_all(out.data, out.len).rc, -1);
    /* depth: arrays within arrays */
    memset(zeros, 0x91, MORE);
    out.len = 0;
    add_frame(&out, zeros, MORE - 1, 1);
    assert_int_equal(read_all(out.data, out.len).rc, -1);
    free(zeros);
    hs_buf_free(&plain);
    hs_buf_free(&out);
    hs_head_free(&h);
}

/* An end that says something else than the records. */
static void
test_end(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_encoded e = {0};

    (void)state;
    encode_item(&e, &h, 0, 3);
    for (int i = 0; i <= 5; i++) {
        struct hs_buf plain = {0}, out = {0};
        struct hs_counts c = e.counts;

        c.records += i == 1;
        c.trajectories += i == 2;
        c.states += i == 3;
        c.f32_blocks += i == 4;
        c.digest += i == 5;
        hs_pack_head(&plain, &h);
        hs_buf_add(&plain, e.bytes.data, e.bytes.len);
        hs_pack_end(&plain, &c);
        add_frame(&out, plain.data, plain.len, 1);
        assert_int_equal(read_all(out.data, out.len).rc, i == 0 ? 0 : -1);
        hs_buf_free(&plain);
        hs_buf_free(&out);
    }
    hs_encoded_free(&e);
    hs_head_free(&h);
}

/* ---- going on after a kill */

struct run {
    const struct hs_head *head;
    uint32_t n;
    size_t rows;
    bool flush; /* after each item */
};

static void
write_items(const struct run *run, struct hs_writer *w, uint32_t first)
{
    for (uint32_t k = first; k < run->n; k++) {
        struct hs_encoded e = {0};

        encode_item(&e, run->head, k, run->rows);
        assert_int_equal(hs_write_encoded(w, &e), 0);
        hs_encoded_free(&e);
        if (run->flush)
            assert_int_equal(hs_writer_flush(w), 0);
    }
}

static struct hs_buf
write_run(const struct run *run)
{
    int fd = memory_file("", 0);
    struct hs_error err;
    struct hs_writer *w = hs_writer_open(fd, "out", run->head, 1, &err);

    assert_non_null(w);
    write_items(run, w, 0);
    assert_int_equal(hs_writer_close(w, &err), 0);
    return contents(fd);
}

static int
see(void *ud, const struct hs_trajectory *t)
{
    uint32_t *next = ud;

    assert_int_equal(t->sample, *next);
    ++*next;
    return 0;
}

/* Cuts the file to n bytes, salvages, goes on: the same bytes again. */
static uint32_t
check_resume(const struct run *run, const struct hs_buf *whole, size_t n)
{
    int fd = memory_file(whole->data, n);
    struct hs_salvaged s;
    struct hs_error err;
    struct hs_writer *w;
    struct hs_buf again;
    uint32_t next = 0;

    assert_int_equal(hs_salvage(dup(fd), "in", &s, see, &next, &err), 0);
    assert_int_equal(s.finished, n == whole->len);
    assert_true((size_t)s.good <= n);
    assert_int_equal(s.counts.trajectories, next);
    assert_int_equal(s.empty, s.good == 0);
    assert_int_equal(ftruncate(fd, s.good), 0);
    assert_int_equal(lseek(fd, s.good, SEEK_SET), s.good);
    if (s.empty)
        w = hs_writer_open(fd, "out", run->head, 1, &err);
    else
        w = hs_writer_continue(fd, "out", &s.counts, 1, &err);
    assert_non_null(w);
    write_items(run, w, next);
    assert_int_equal(hs_writer_close(w, &err), 0);
    again = contents(fd);
    assert_int_equal(again.len, whole->len);
    assert_memory_equal(again.data, whole->data, whole->len);
    hs_buf_free(&again);
    hs_head_free(&s.head);
    return next;
}

static void
test_resume(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct run small = {&h, 4, 3, true};
    struct hs_buf b = write_run(&small);
    uint32_t most = 0;

    (void)state;
    for (size_t n = 0; n <= b.len; n++)
        most = check_resume(&small, &b, n);
    assert_int_equal(most, 4);
    hs_buf_free(&b);
    hs_head_free(&h);
}

/* Trajectories that share frames, and one that needs several. */
static void
test_resume_frames(void **state)
{
    struct hs_head h = test_head(HS_F16, 100, 2);
    struct run shared = {&h, 40, 300, false}, large = {&h, 2, 15000, false};
    struct hs_buf b = write_run(&shared);

    (void)state;
    assert_true(b.len > 3 * HS_FRAME_DUE);
    for (size_t n = 0; n <= b.len; n += n < b.len - 2 ? b.len / 50 : 1)
        check_resume(&shared, &b, n < b.len ? n : b.len);
    hs_buf_free(&b);
    b = write_run(&large);
    for (size_t k = 0; k <= 9; k++)
        check_resume(&large, &b, b.len / 9 * k);
    hs_buf_free(&b);
    hs_head_free(&h);
}

static void
test_no_salvage(void **state)
{
    struct hs_salvaged s;
    struct hs_error err;
    uint32_t next = 0;
    struct hs_buf out = {0};

    (void)state;
    add_frame(&out, "\x81\xa1x\x01", 4, 1);
    assert_int_equal(
        hs_salvage(memory_file(out.data, out.len), "in", &s, see, &next, &err),
        -1);
    assert_non_null(strstr(err.text, "in: not the head"));
    hs_buf_free(&out);
    for (size_t i = 0; i < 3; i++) {
        static const char *const texts[] = {"id", "notes of a year", "(\xb5/"};
        size_t n = strlen(texts[i]);

        assert_int_equal(
            hs_salvage(memory_file(texts[i], n), "in", &s, see, &next, &err),
            i == 2 ? 0 : -1);
        if (i == 2)
            hs_head_free(&s.head);
        else
            assert_string_equal(err.text, "in: not a zstd frame");
    }
    assert_int_equal(
        hs_salvage(open(".", O_RDONLY), "in", &s, see, &next, &err), -1);
    assert_non_null(strstr(err.text, "in: cannot read: "));
}

/* A first frame that was damaged is no file that was never begun. */
static void
test_no_salvage_of_damage(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf b = make_stream(&h, 0, 3, 3);
    struct hs_salvaged s;
    struct hs_error err;
    uint32_t next = 0;

    (void)state;
    b.data[20] ^= 4;
    assert_int_equal(
        hs_salvage(memory_file(b.data, b.len), "in", &s, see, &next, &err), -1);
    hs_buf_free(&b);
    hs_head_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_bytes_behind),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_frames),
        cmocka_unit_test(test_no_salvage),
        cmocka_unit_test(test_no_salvage_of_damage),
    };

    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
