/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_stream.c - streams written and read back, cut, bent and resumed.
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
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/outfile.h"
#include "base/rng.h"
#include "stream/plane.h"
#include "stream/stream.h"

/* ---- streams in memory */

static int
memory_file(const void *data, size_t n)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(hs_write_all(fd, data, n), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* The bytes of fd, which is closed. */
static struct hs_buf
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

static struct hs_head
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

static void
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

static float
value_at(uint32_t k, uint32_t layer, size_t i)
{
    uint32_t w[4];

    hs_rng_words(5, k, layer, (uint32_t)i, w);
    return (float)((double)(int32_t)w[0] * 0x1p-31 * (double)(layer + k));
}

static float *
make_rows(uint32_t k, uint32_t layer, size_t n)
{
    float *x = hs_calloc(n, sizeof *x);

    for (size_t i = 0; i < n; i++)
        x[i] = value_at(k, layer, i);
    return x;
}

static void
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

/* Writes items first .. last - 1 with rows states each. */
static struct hs_buf
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

/* What reading gave. */
struct outcome {
    int rc;
    struct hs_counts counts;
    uint64_t segments;
    char error[512];
};

static struct outcome
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

static struct hs_buf
joined(const struct hs_buf *a, const struct hs_buf *b)
{
    struct hs_buf all = {0};

    hs_buf_add(&all, a->data, a->len);
    hs_buf_add(&all, b->data, b->len);
    return all;
}

/* ---- conversions against arithmetic */

/* The f16 value of a pattern, by its definition. */
static double
f16_value(uint32_t h)
{
    uint32_t e = h >> 10 & 31, m = h & 1023;
    double x = e == 0 ? ldexp(m, -24) : ldexp(1024 + m, (int)e - 25);

    return h & 0x8000 ? -x : x;
}

static double
bf16_value(uint32_t h)
{
    uint32_t e = h >> 7 & 255, m = h & 127;
    double x = e == 0 ? ldexp(m, -133) : ldexp(128 + m, (int)e - 134);

    return h & 0x8000 ? -x : x;
}

/* Joins all patterns, compares, splits them again. */
static void
check_patterns(enum hs_dtype d, uint32_t infinite, double (*value)(uint32_t))
{
    enum {
        N = 65536
    };
    uint8_t *planes = hs_malloc(2 * N), *back = hs_malloc(2 * N);
    float *x = hs_calloc(N, sizeof *x);

    for (uint32_t h = 0; h < N; h++) {
        planes[h] = (uint8_t)(h >> 8);
        planes[N + h] = (uint8_t)h;
    }
    hs_plane_join(d, planes, N, x);
    for (uint32_t h = 0; h < N; h++) {
        uint32_t u;

        if ((h & infinite) == infinite) {
            assert_false(isfinite(x[h]));
            x[h] = 0;
            planes[h] = planes[N + h] = 0;
            continue;
        }
        memcpy(&u, &x[h], 4);
        assert_true((double)x[h] == value(h));
        assert_int_equal(u >> 31, h >> 15);
    }
    assert_int_equal(hs_plane_split(d, x, 1, N, N, back), HS_FIT_OK);
    assert_memory_equal(planes, back, 2 * N);
    free(planes);
    free(back);
    free(x);
}

static void
test_patterns(void **state)
{
    (void)state;
    check_patterns(HS_F16, 0x7c00, f16_value);
    check_patterns(HS_BF16, 0x7f80, bf16_value);
}

/* The pattern of x must be the nearest of h - 1, h, h + 1, even on a tie. */
static void
check_nearest(float x, uint32_t h, double (*value)(uint32_t))
{
    double d = fabs(value(h) - (double)x);

    assert_int_equal(h >> 15, signbit(x) != 0);
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t other = k == 0 ? h + 1 : h - 1;
        double away;

        if ((other ^ h) & 0x8000)
            continue;
        away = fabs(value(other) - (double)x);
        assert_true(d < away || (d == away && h % 2 == 0));
    }
}

/* Values at, just below and just above the middle of neighbours, and random
 * ones: rounded right, and by the fast code like by the slow one. */
static void
check_rounding(enum hs_dtype d, uint32_t infinite, double (*value)(uint32_t),
               uint16_t (*slow)(float))
{
    size_t n = 0, max = (size_t)4 * 65536;
    float *x = hs_calloc(max, sizeof *x);
    uint8_t *planes = hs_malloc(2 * max);

    for (uint32_t h = 0; h + 1 < infinite; h++) {
        float tie = (float)((value(h) + value(h + 1)) / 2);

        x[n++] = h % 2 ? -tie : tie;
        x[n++] = nextafterf(tie, 0);
        x[n++] = nextafterf(tie, INFINITY);
    }
    for (uint32_t i = 0; n < max; i++) {
        uint32_t w[4];
        float y;

        hs_rng_words(3, 0, i, 0, w);
        memcpy(&y, w, sizeof y);
        if (isfinite(y) && fabs((double)y) < value(infinite - 1))
            x[n++] = y;
    }
    assert_int_equal(hs_plane_split(d, x, 1, n, n, planes), HS_FIT_OK);
    for (size_t i = 0; i < n; i++) {
        uint32_t h = (uint32_t)planes[i] << 8 | planes[n + i];

        assert_int_equal(h, slow(x[i]));
        check_nearest(x[i], h, value);
    }
    free(x);
    free(planes);
}

static void
test_rounding(void **state)
{
    (void)state;
    check_rounding(HS_F16, 0x7c00, f16_value, hs_f16_from_float);
    check_rounding(HS_BF16, 0x7f80, bf16_value, hs_bf16_from_float);
}

/* Every length around the width of vectors, with one odd value anywhere. */
static void
test_fit(void **state)
{
    static const struct {
        float x;
        enum hs_fit fit[3];
    } odd[] = {
        {65519.99F, {HS_FIT_OK, HS_FIT_OK, HS_FIT_OK}},
        {65520.0F, {HS_FIT_OVERFLOW, HS_FIT_OK, HS_FIT_OK}},
        {-1e30F, {HS_FIT_OVERFLOW, HS_FIT_OK, HS_FIT_OK}},
        {3.4e38F, {HS_FIT_OVERFLOW, HS_FIT_OVERFLOW, HS_FIT_OK}},
        {NAN, {HS_FIT_NOT_FINITE, HS_FIT_NOT_FINITE, HS_FIT_NOT_FINITE}},
        {-INFINITY, {HS_FIT_NOT_FINITE, HS_FIT_NOT_FINITE, HS_FIT_NOT_FINITE}},
    };
    uint8_t out[4 * 70];
    float x[70];

    (void)state;
    for (size_t n = 1; n <= 70; n++)
        for (size_t at = 0; at < n; at++)
            for (size_t k = 0; k < sizeof odd / sizeof *odd; k++)
                for (enum hs_dtype d = HS_F16; d <= HS_F32; d++) {
                    memset(x, 0, sizeof x);
                    x[at] = odd[k].x;
                    assert_int_equal(hs_plane_split(d, x, 1, n, n, out),
                                     odd[k].fit[d]);
                    if (d == HS_F32)
                        memcpy(out, x, n * sizeof *x);
                    assert_int_equal(hs_plane_is_finite(d, out, n),
                                     odd[k].fit[d] == HS_FIT_OK);
                }
}

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),     cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_fit),          cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_blocks),       cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_not_finite),   cmocka_unit_test(test_segments),
        cmocka_unit_test(test_incompatible), cmocka_unit_test(test_select),
        cmocka_unit_test(test_copy),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
