/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_sink.c - output that outlives its program: what may stand in its way,
 * what of it is kept, and what it is gone on with.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/outfile.h"
#include "memstream.h"
#include "stream/sink.h"

static struct hs_error err;
static char dir[] = "/tmp/test_sink-XXXXXX";

static int
setup(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL && chdir(dir) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(dir) == 0 ? 0 : -1;
}

static void
put_file(const char *path, const void *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    assert_true(fd >= 0);
    assert_int_equal(hs_write_all(fd, data, n), 0);
    assert_int_equal(close(fd), 0);
}

static struct hs_buf
get_file(const char *path)
{
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    return contents(fd);
}

static void
assert_file(const char *path, const struct hs_buf *want)
{
    struct hs_buf b = get_file(path);

    assert_int_equal(b.len, want->len);
    assert_memory_equal(b.data, want->data, want->len);
    hs_buf_free(&b);
}

/* The same records, whatever frames they are in. */
static void
assert_records(const char *path, const struct hs_buf *want)
{
    struct hs_buf b = get_file(path);
    struct outcome is = read_all(b.data, b.len),
                   was = read_all(want->data, want->len);

    assert_int_equal(is.rc, 0);
    assert_int_equal(is.counts.records, was.counts.records);
    assert_true(is.counts.digest == was.counts.digest);
    hs_buf_free(&b);
}

static bool
exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Writes items first .. last - 1 that are not done, each in a frame of its
 * own. */
static void
write_items(struct hs_sink *s, const struct hs_head *h, uint32_t first,
            uint32_t last)
{
    for (uint32_t k = first; k < last; k++) {
        struct hs_encoded e = {0};
        char id[32];

        (void)snprintf(id, sizeof id, "item %u", k);
        if (hs_idset_has(&s->done, id, strlen(id)))
            continue;
        encode_item(&e, h, k, 3);
        assert_int_equal(hs_write_encoded(s->writer, &e), 0);
        assert_int_equal(hs_writer_flush(s->writer), 0);
        hs_encoded_free(&e);
    }
}

/* A whole run of n items to out. */
static struct hs_buf
whole_run(const struct hs_head *h, uint32_t n)
{
    struct hs_sink s;

    (void)unlink("out");
    assert_int_equal(hs_sink_open(&s, "out", false, h, 1, &err), 0);
    write_items(&s, h, 0, n);
    assert_false(exists("out"));
    assert_int_equal(hs_sink_close(&s, &err), 0);
    hs_sink_free(&s);
    assert_false(exists("out.part"));
    return get_file("out");
}

static void
a_fresh_run(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf b = whole_run(&h, 4);
    struct outcome o = read_all(b.data, b.len);

    (void)state;
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.counts.trajectories, 4);
    hs_buf_free(&b);
    b = whole_run(&h, 0);
    assert_int_equal(read_all(b.data, b.len).rc, 0);
    hs_buf_free(&b);
    assert_int_equal(unlink("out"), 0);
    hs_head_free(&h);
}

/* Breaks a run off behind n items; the part stays if it holds any. */
static void
break_off(const struct hs_head *h, uint32_t n)
{
    struct hs_sink s;

    assert_int_equal(hs_sink_open(&s, "out", false, h, 1, &err), 0);
    write_items(&s, h, 0, n);
    hs_sink_free(&s);
    assert_false(exists("out"));
    assert_int_equal(exists("out.part"), n > 0);
}

static void
a_part_in_the_way(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_sink s, second;
    struct hs_buf part;

    (void)state;
    break_off(&h, 0);
    break_off(&h, 2);
    part = get_file("out.part");
    assert_int_equal(hs_sink_open(&s, "out", false, &h, 1, &err), -1);
    assert_string_equal(err.text,
                        "out.part: is left of an unfinished run; "
                        "--resume goes on with it, or remove it");
    assert_file("out.part", &part);
    hs_buf_free(&part);

    assert_int_equal(hs_sink_open(&s, "out", true, &h, 1, &err), 0);
    assert_int_equal(s.kept, 2);
    assert_int_equal(hs_sink_open(&second, "out", true, &h, 1, &err), -1);
    assert_string_equal(err.text, "out.part: another program is writing it");
    assert_true(exists("out.part"));
    hs_sink_free(&s);
    assert_int_equal(unlink("out.part"), 0);

    /* Without a trajectory it is in nobody's way. */
    put_file("out.part", "", 0);
    assert_int_equal(hs_sink_open(&s, "out", false, &h, 1, &err), 0);
    hs_sink_free(&s);
    hs_head_free(&h);
}

static void
what_is_no_stream_is_left_alone(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf notes = {0};
    struct hs_sink s;

    (void)state;
    hs_buf_str(&notes, "notes of a year\n");
    put_file("out.part", notes.data, notes.len);
    for (int resume = 0; resume < 2; resume++) {
        assert_int_equal(hs_sink_open(&s, "out", resume, &h, 1, &err), -1);
        assert_file("out.part", &notes);
    }
    assert_string_equal(err.text, "out.part: not a zstd frame");
    assert_int_equal(unlink("out.part"), 0);
    put_file("out", notes.data, notes.len);
    assert_int_equal(hs_sink_open(&s, "out", true, &h, 1, &err), -1);
    assert_file("out", &notes);
    assert_false(exists("out.part"));
    assert_int_equal(unlink("out"), 0);
    hs_buf_free(&notes);
    hs_head_free(&h);
}

/* Cut anywhere, with or without rubbish behind, it ends in the same bytes. */
static void
any_cut_is_gone_on_with(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf want = whole_run(&h, 4);
    uint64_t most = 0;

    (void)state;
    assert_int_equal(unlink("out"), 0);
    for (size_t n = 0; n <= want.len; n++) {
        struct hs_buf cut = {0};
        struct hs_sink s;

        hs_buf_add(&cut, want.data, n);
        if (n % 3 == 1 && n < want.len)
            hs_buf_add(&cut, "\0\0\0\0\0\0\0\0\0\0", 10);
        put_file("out.part", cut.data, cut.len);
        hs_buf_free(&cut);
        /* Zeros behind nothing are no beginning of a stream. */
        if (hs_sink_open(&s, "out", true, &h, 1, &err) < 0) {
            assert_int_equal(most, 0);
            assert_int_equal(n % 3, 1);
            continue;
        }
        assert_true(s.kept >= most || n == want.len);
        most = s.kept;
        write_items(&s, &h, 0, 4);
        assert_int_equal(hs_sink_close(&s, &err), 0);
        hs_sink_free(&s);
        assert_file("out", &want);
        assert_int_equal(unlink("out"), 0);
    }
    assert_int_equal(most, 4);
    hs_buf_free(&want);
    hs_head_free(&h);
}

/* Dies three times, once behind each item. */
static void
gone_on_with_again_and_again(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf want = whole_run(&h, 4);

    (void)state;
    assert_int_equal(unlink("out"), 0);
    for (uint32_t k = 1; k <= 4; k++) {
        struct hs_sink s;

        assert_int_equal(hs_sink_open(&s, "out", k > 1, &h, 1, &err), 0);
        assert_int_equal(s.kept, k - 1);
        write_items(&s, &h, 0, k);
        if (k == 4)
            assert_int_equal(hs_sink_close(&s, &err), 0);
        hs_sink_free(&s);
    }
    assert_file("out", &want);
    assert_int_equal(unlink("out"), 0);
    hs_buf_free(&want);
    hs_head_free(&h);
}

static void
a_finished_file_is_gone_on_with(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf want = whole_run(&h, 5), two = {0}, b;
    struct hs_sink s;

    (void)state;
    assert_int_equal(hs_sink_open(&s, "out", true, &h, 1, &err), 0);
    write_items(&s, &h, 0, 5);
    assert_int_equal(hs_sink_close(&s, &err), 0);
    hs_sink_free(&s);
    assert_records("out", &want);

    /* One of less items. */
    b = whole_run(&h, 3);
    hs_buf_free(&b);
    assert_int_equal(hs_sink_open(&s, "out", true, &h, 1, &err), 0);
    assert_true(exists("out"));
    write_items(&s, &h, 0, 5);
    assert_int_equal(hs_sink_close(&s, &err), 0);
    hs_sink_free(&s);
    assert_records("out", &want);

    /* By a run that is about some of them only: nothing is lost. */
    assert_int_equal(hs_sink_open(&s, "out", true, &h, 1, &err), 0);
    write_items(&s, &h, 0, 2);
    assert_int_equal(hs_sink_close(&s, &err), 0);
    hs_sink_free(&s);
    assert_records("out", &want);

    two = joined(&want, &want);
    put_file("out", two.data, two.len);
    assert_int_equal(hs_sink_open(&s, "out", true, &h, 1, &err), -1);
    assert_non_null(strstr(err.text, "out: has 2 segments"));
    assert_file("out", &two);
    put_file("out", two.data, want.len - 3);
    assert_int_equal(hs_sink_open(&s, "out", true, &h, 1, &err), -1);
    assert_non_null(strstr(err.text, "out: "));
    assert_false(exists("out.part"));
    assert_int_equal(unlink("out"), 0);
    hs_buf_free(&two);
    hs_buf_free(&want);
    hs_head_free(&h);
}

static void
set_run(struct hs_head *h, const char *key, json_t *v)
{
    assert_int_equal(json_object_set_new(h->run, key, v), 0);
}

/* Another run is refused, and what is other is named. */
static void
check_other(const struct hs_head *other, const struct hs_buf *part,
            const char *said)
{
    struct hs_sink s;

    assert_int_equal(hs_sink_open(&s, "out", true, other, 1, &err), -1);
    if (strstr(err.text, "out.part: this is another run: ") != err.text ||
        strstr(err.text, said) == NULL)
        fail_msg("%s", err.text);
    assert_file("out.part", part);
}

static void
another_run_is_refused(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2), o;
    struct hs_buf part;
    struct hs_sink s;

    (void)state;
    set_run(&h, "seed", json_integer(1));
    set_run(&h, "kernel", json_string("avx2"));
    set_run(&h, "temperature", json_real(0.7));
    break_off(&h, 2);
    part = get_file("out.part");
    o = test_head(HS_F32, 5, 2);
    check_other(&o, &part, "dtype");
    hs_head_free(&o);
    o = test_head(HS_F16, 6, 2);
    check_other(&o, &part, "dim");
    hs_head_free(&o);
    o = test_head(HS_F16, 5, 1);
    check_other(&o, &part, "layers");
    hs_head_free(&o);
    hs_head_copy(&o, &h);
    hs_head_set(&o.fingerprint, "abd");
    check_other(&o, &part, "fingerprint");
    hs_head_free(&o);
    hs_head_copy(&o, &h);
    hs_head_set(&o.positions, "last");
    check_other(&o, &part, "positions");
    hs_head_free(&o);
    hs_head_copy(&o, &h);
    set_run(&o, "seed", json_integer(2));
    check_other(&o, &part, "seed is 2, was 1");
    hs_head_free(&o);
    hs_head_copy(&o, &h);
    set_run(&o, "edit", json_pack("{s:i}", "layer", 2));
    check_other(&o, &part, "edit is {\"layer\": 2}, was not there");
    hs_head_free(&o);
    hs_head_copy(&o, &h);
    json_object_del(o.run, "temperature");
    check_other(&o, &part, "temperature is not there, was 0.7");
    hs_head_free(&o);
    /* The same numbers come from any kernel, so they go together. */
    hs_head_copy(&o, &h);
    set_run(&o, "kernel", json_string("baseline"));
    hs_head_add_history(&o, 1, (char *[]){dir});
    assert_int_equal(hs_sink_open(&s, "out", true, &o, 1, &err), 0);
    hs_sink_free(&s);
    hs_head_free(&o);
    assert_int_equal(unlink("out.part"), 0);
    hs_buf_free(&part);
    hs_head_free(&h);
}

/* The number of ids that skipping n bytes of a stream adds; -1 for an error. */
static int
skipped(const struct hs_head *h, const void *data, size_t n)
{
    struct hs_sink s;
    int rc;

    put_file("other", data, n);
    assert_int_equal(hs_sink_open(&s, "out", false, h, 1, &err), 0);
    rc = hs_sink_skip(&s, "other", &err);
    if (rc == 0)
        rc = (int)s.done.n;
    hs_sink_free(&s);
    assert_int_equal(unlink("other"), 0);
    return rc;
}

static void
streams_to_skip(void **state)
{
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_buf b = whole_run(&h, 4), more = make_stream(&h, 7, 9, 1);
    struct hs_buf both = joined(&b, &more);
    int most = 0;

    (void)state;
    assert_int_equal(skipped(&h, b.data, b.len), 4);
    assert_int_equal(skipped(&h, both.data, both.len), 6);
    for (size_t n = 0; n < b.len; n++) {
        int got = skipped(&h, b.data, n);

        assert_true(got >= most);
        most = got;
    }
    assert_int_equal(most, 4);
    assert_int_equal(skipped(&h, "no stream", 9), -1);
    assert_string_equal(err.text, "other: not a zstd frame");

    struct hs_sink s;

    assert_int_equal(hs_sink_open(&s, "out", false, &h, 1, &err), 0);
    assert_int_equal(hs_sink_skip(&s, "nowhere", &err), -1);
    assert_string_equal(err.text, "nowhere: No such file or directory");
    assert_int_equal(hs_sink_skip(&s, ".", &err), -1);
    hs_sink_free(&s);
    assert_int_equal(unlink("out"), 0);
    hs_buf_free(&b);
    hs_buf_free(&more);
    hs_buf_free(&both);
    hs_head_free(&h);
}

static void
names_that_cannot_be(void **state)
{
    static const char *const names[] = {"", ".", "/dev/null", "no/where"};
    struct hs_head h = test_head(HS_F16, 5, 2);
    struct hs_sink s;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int resume = 0; resume < 2; resume++)
            assert_int_equal(hs_sink_open(&s, names[i], resume, &h, 1, &err),
                             -1);
    assert_true(exists("/dev/null"));
    hs_head_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_run),
        cmocka_unit_test(a_part_in_the_way),
        cmocka_unit_test(what_is_no_stream_is_left_alone),
        cmocka_unit_test(any_cut_is_gone_on_with),
        cmocka_unit_test(gone_on_with_again_and_again),
        cmocka_unit_test(a_finished_file_is_gone_on_with),
        cmocka_unit_test(another_run_is_refused),
        cmocka_unit_test(streams_to_skip),
        cmocka_unit_test(names_that_cannot_be),
    };

    return cmocka_run_group_tests_name("sink", tests, setup, teardown);
}
