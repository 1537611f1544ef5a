/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_kernel.c - every inner loop, of each table that this processor runs,
 * against its definition in double; a query's attention is its own.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "eachkern.h"
#include "model/kernel.h"

static const size_t sizes[] = {1, 3, 16, 17, 31, 64, 65, 257};

enum {
    N_SIZES = sizeof sizes / sizeof *sizes,
    MAX_ROWS = 70
};

/* All patterns, in runs of each length from 1 to 40. */
static void
check_widen(void (*widen)(float *, const void *, size_t), int exponent_bits)
{
    for (uint32_t at = 0, n = 1; at < 65536; at += n, n = n % 40 + 1) {
        uint16_t in[40];
        float out[41] = {0};

        n = n < 65536 - at ? n : 65536 - at;
        for (uint32_t i = 0; i < n; i++)
            in[i] = (uint16_t)(at + i);
        widen(out, in, n);
        for (uint32_t i = 0; i < n; i++) {
            double want = pattern_value(at + i, exponent_bits);

            if (isnan(want))
                assert_true(isnan(out[i]));
            else
                assert_true((double)out[i] == want &&
                            !signbit(out[i]) == !signbit(want));
        }
        assert_true(out[n] == 0);
    }
}

static void
widen(void **state)
{
    (void)state;
    check_widen(hs_kern()->widen_bf16, 8);
    check_widen(hs_kern()->widen_f16, 5);
}

static void
rmsnorm(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float *x = random_floats(s, n), *w = random_floats(s + 50, n);
        float *out = hs_calloc64(n + 1, sizeof *out);
        double mean = 0;

        for (size_t i = 0; i < n; i++)
            mean += (double)x[i] * (double)x[i] / (double)n;
        hs_kern()->rmsnorm(out, x, w, n, 1e-5f);
        assert_true(out[n] == 0);
        hs_kern()->rmsnorm(x, x, w, n, 1e-5f);
        assert_memory_equal(x, out, n * sizeof *x);
        free(x);
        x = random_floats(s, n);
        for (size_t i = 0; i < n; i++) {
            double want = (double)x[i] / sqrt(mean + 1e-5) * (double)w[i];

            check_near((double)out[i], want, 1e-6 * fabs(want));
        }
        free(x);
        free(w);
        free(out);
    }
}

static void
silu_mul(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float *x = random_floats(s, n + 1), *up = random_floats(s + 50, n);
        float *gate = hs_calloc64(n + 1, sizeof *gate);

        for (size_t i = 0; i <= n; i++)
            x[i] *= i % 5 == 0 ? 80.0f : 3.0f;
        memcpy(gate, x, (n + 1) * sizeof *gate);
        hs_kern()->silu_mul(gate, up, n);
        assert_true(gate[n] == x[n]);
        for (size_t i = 0; i < n; i++) {
            double z = (double)x[i], want = z / (1 + exp(-z)) * (double)up[i];

            check_near((double)gate[i], want, 1e-6 * fabs(want) + 1e-30);
        }
        free(x);
        free(up);
        free(gate);
    }
    float not_finite[] = {NAN, INFINITY, -200.0f}, one[] = {1, 1, 1};

    hs_kern()->silu_mul(not_finite, one, 3);
    assert_true(isnan(not_finite[0]));
    assert_true(not_finite[1] == INFINITY);
    check_near((double)not_finite[2], 0, 1e-30);
}

/* A hundred thousand exponents: within 2 units in the last place. */
static void
exp_exact(void **state)
{
    enum {
        N = 4099
    };
    float *x = hs_calloc64(N + 1, sizeof *x), *e = hs_calloc64(N, sizeof *e);

    (void)state;
    for (uint64_t run = 0; run < 32; run++) {

        for (uint64_t i = 0; i < N; i++)
            x[i] = (float)(hs_rng_uniform(5, run, 0, (uint32_t)i) * 174.9 - 87);
        x[0] = -87.0f;
        x[1] = 0.0f;
        x[2] = 87.9f;
        (void)hs_kern()->exp_sum(e, x, N, 0.0f, 1.0f);
        for (size_t i = 0; i < N; i++) {
            double want = exp((double)x[i]);

            check_near((double)e[i], want, 2.4e-7 * want);
        }
    }
    free(x);
    free(e);
}

static void
exp_sum(void **state)
{
    float odd[] = {NAN, -INFINITY, -200, -87.5f, 0, 1, 2, 3, 4, 5};
    float out[10], x[1] = {3};

    (void)state;
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float *y = random_floats(s, n + 1), *z = random_floats(s, n + 1);
        double sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += exp(((double)y[i] - 0.25) * 1.5);
        check_near(hs_kern()->exp_sum(y, y, n, 0.25f, 1.5f), sum, 1e-6 * sum);
        for (size_t i = 0; i < n; i++) {
            double want = exp(((double)z[i] - 0.25) * 1.5);

            check_near((double)y[i], want, 1e-6 * want);
        }
        assert_true(y[n] == z[n]);
        free(y);
        free(z);
    }
    assert_true(isnan(hs_kern()->exp_sum(out, odd, 10, 0, 1)));
    assert_true(isnan(out[0]));
    assert_true(out[1] == 0 && out[2] == 0 && out[3] == 0 && out[4] == 1);
    check_near(hs_kern()->exp_sum(x, x, 1, 3, 2), 1, 0);
}

static void
most(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];

        for (size_t at = 0; at < n; at++) {
            float *x = random_floats(s, n);

            x[at] = 77;
            assert_true(hs_kern()->max(x, n) == 77);
            for (size_t i = 0; i < n; i++)
                x[i] = i == at ? -3.0f : -INFINITY;
            assert_true(hs_kern()->max(x, n) == -3.0f);
            x[at] = NAN;
            assert_true(isnan(hs_kern()->max(x, n)));
            free(x);
        }
    }
}

static void
partition(void **state)
{
    static const size_t more[] = {1, 3, 17, 64, 65, 1024, 1025, 5003};

    (void)state;
    for (size_t s = 0; s < sizeof more / sizeof *more; s++) {
        size_t n = more[s];
        float *x = random_floats(s, n), top;
        double sum = 0, moment = 0, got, got_moment;

        for (size_t i = 0; i < n; i++)
            x[i] *= 4;
        if (n > 2)
            x[n / 2] = -INFINITY;
        x[n - 1] = n > 1 ? -20000.0f : 0;
        top = hs_kern()->max(x, n);
        for (size_t i = 0; i < n; i++) {
            double z = (double)x[i] - (double)top, e = exp(z);

            sum += e;
            moment += e > 0 ? e * z : 0;
        }
        hs_kern()->partition(x, n, top, &got, &got_moment);
        check_near(got, sum, 1e-6 * sum);
        check_near(got_moment, moment, 2e-6 * fabs(moment) + 1e-30);
        free(x);
    }
}

static void
rope(void **state)
{
    (void)state;
    for (size_t hd = 2; hd <= 130; hd += 2) {
        size_t half = hd / 2;
        float *x = random_floats(hd, hd + 1), *y = random_floats(hd, hd + 1);
        float *a = random_floats(hd + 500, hd);

        hs_kern()->rope(y, a, hd);
        assert_true(y[hd] == x[hd]);
        for (size_t i = 0; i < half; i++) {
            double c = (double)a[i], s = (double)a[half + i];
            double u = (double)x[i], v = (double)x[half + i];

            check_near((double)y[i], u * c - v * s, 1e-6);
            check_near((double)y[half + i], v * c + u * s, 1e-6);
        }
        free(x);
        free(y);
        free(a);
    }
}

/* Keys and values of one head, the keys a second time in blocks, where places
 * behind the last position are NaN: nobody may look at them. */
struct cache {
    float *k, *v;   /* (n_pos, hd) */
    float *blocks;  /* see attend in kern.h */
    float *q, *out; /* (n_q, hd) */
    float *scores;  /* (HS_QUERIES, stride) */
    size_t hd, stride, n_q;
    const float *q_at[MAX_ROWS];
    float *out_at[MAX_ROWS];
    size_t n_pos[MAX_ROWS];
};

static void
cache_init(struct cache *c, size_t n_pos, size_t hd, size_t n_q)
{
    c->hd = hd;
    c->n_q = n_q;
    c->stride = (n_pos + HS_LANES - 1) / HS_LANES * HS_LANES;
    c->k = random_floats(1, n_pos * hd);
    c->v = random_floats(2, n_pos * hd);
    c->q = random_floats(3, n_q * hd);
    c->out = hs_calloc64(n_q * hd, sizeof(float));
    c->scores = hs_calloc64(HS_QUERIES * c->stride, sizeof(float));
    c->blocks = hs_calloc64(c->stride * hd, sizeof(float));
    for (size_t i = 0; i < c->stride * hd; i++)
        c->blocks[i] = NAN;
    for (size_t t = 0; t < n_pos; t++)
        for (size_t i = 0; i < hd; i++)
            c->blocks[t / HS_LANES * HS_LANES * hd + i * HS_LANES +
                      t % HS_LANES] = c->k[t * hd + i];
    for (size_t j = 0; j < n_q; j++) {
        c->q_at[j] = c->q + j * hd;
        c->out_at[j] = c->out + j * hd;
        c->n_pos[j] = n_pos - n_q / 3 + j / 3; /* 3 heads of each row */
        c->n_pos[j] = c->n_pos[j] < n_pos ? c->n_pos[j] : n_pos;
    }
}

static void
cache_free(struct cache *c)
{
    free(c->k);
    free(c->v);
    free(c->blocks);
    free(c->q);
    free(c->out);
    free(c->scores);
}

static void
cache_attend(const struct cache *c, size_t from, size_t n)
{
    hs_kern()->attend(c->out_at + from, c->q_at + from, c->n_pos + from, n,
                      c->blocks, c->v, c->hd, 0.125f, c->scores, c->stride);
}

static void
check_attention(const struct cache *c, size_t j)
{
    double *p = hs_calloc(c->n_pos[j], sizeof *p), sum = 0;

    for (size_t t = 0; t < c->n_pos[j]; t++) {
        for (size_t i = 0; i < c->hd; i++)
            p[t] += (double)c->q_at[j][i] * (double)c->k[t * c->hd + i];
        p[t] = exp(0.125 * p[t]);
        sum += p[t];
    }
    for (size_t i = 0; i < c->hd; i++) {
        double want = 0;

        for (size_t t = 0; t < c->n_pos[j]; t++)
            want += p[t] / sum * (double)c->v[t * c->hd + i];
        check_near((double)c->out_at[j][i], want, 2e-6);
    }
    free(p);
}

static void
attend(void **state)
{
    static const size_t heads[] = {16, 48, 64, 80, 128};

    (void)state;
    for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
        for (size_t n_pos = 30; n_pos < 67; n_pos++) {
            struct cache c = {0};

            cache_init(&c, n_pos, heads[h], n_pos % 14 + 1);
            cache_attend(&c, 0, c.n_q);
            for (size_t j = 0; j < c.n_q; j++)
                check_attention(&c, j);
            cache_free(&c);
        }
    }
}

/* A query alone, among others at any place, and with NaN in what it does not
 * see: the same bits. */
static void
attend_one_by_one(void **state)
{
    struct cache c = {0};
    float *alone;

    (void)state;
    cache_init(&c, 70, 64, MAX_ROWS);
    for (size_t j = 0; j < MAX_ROWS; j++)
        cache_attend(&c, j, 1);
    alone = hs_calloc(MAX_ROWS * c.hd, sizeof *alone);
    memcpy(alone, c.out, MAX_ROWS * c.hd * sizeof *alone);
    for (size_t n = 1; n <= MAX_ROWS; n++) {
        for (size_t from = 0; from + n <= MAX_ROWS; from += 3) {
            memset(c.out, 0xff, MAX_ROWS * c.hd * sizeof *alone);
            cache_attend(&c, from, n);
            assert_memory_equal(c.out_at[from], alone + from * c.hd,
                                n * c.hd * sizeof *alone);
        }
    }
    for (size_t t = c.n_pos[20]; t < 70; t++) {
        for (size_t i = 0; i < c.hd; i++) {
            c.v[t * c.hd + i] = NAN;
            c.blocks[t / HS_LANES * HS_LANES * c.hd + i * HS_LANES +
                     t % HS_LANES] = NAN;
        }
    }
    cache_attend(&c, 18, 8);
    assert_memory_equal(c.out_at[18], alone + 18 * c.hd,
                        3 * c.hd * sizeof *alone);
    assert_true(isnan(c.out_at[24][0]));
    free(alone);
    cache_free(&c);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(widen),     cmocka_unit_test(rmsnorm),
        cmocka_unit_test(silu_mul),  cmocka_unit_test(exp_exact),
        cmocka_unit_test(exp_sum),   cmocka_unit_test(most),
        cmocka_unit_test(partition), cmocka_unit_test(rope),
        cmocka_unit_test(attend),    cmocka_unit_test(attend_one_by_one),
    };

    return run_on_each(tests, sizeof tests / sizeof *tests);
}
