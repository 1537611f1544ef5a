/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_ask.c - values and slopes of a fitted probe, against the network once
 * more in double and its differences.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "memstream.h"
#include "probe/fit.h"

enum {
    D = 12,
    N = 40,
    ROWS = 4,
    CONSTANT = 7 /* this coordinate never moves */
};

/* Coordinate j of a row of trajectory k: of its own size, away from 0. */
static float
state_of(uint32_t k, size_t row, size_t j)
{
    double x = 2 * hs_rng_uniform(3, k, (uint32_t)row, (uint32_t)j) - 1;

    if (j == CONSTANT)
        return 3;
    if (j == 2)
        x += k % 2 != 0 ? 0.5 : -0.5;
    return (float)(ldexp(x, (int)(j % 5) * 2 - 4) + (double)j / 8);
}

static void
read_states(struct hs_trajset *s)
{
    struct hs_head head = test_head(HS_F32, D, 1);
    int fd = memory_file("", 0);
    struct hs_list all = {.all = true};
    struct hs_error err;
    struct hs_writer *w;
    struct hs_reader *r;
    struct hs_buf b;

    hs_head_set(&head.positions, "all");
    w = hs_writer_open(fd, "acts", &head, 1, &err);
    assert_non_null(w);
    for (uint32_t k = 0; k < N; k++) {
        struct hs_encoded e = {0};
        struct hs_trajectory t;
        float x[ROWS * D];

        make_trajectory(&t, k, ROWS);
        t.reward = (int)(k % 2);
        for (size_t i = 0; i < ROWS; i++)
            t.positions[i] = 1 + (uint32_t)i;
        for (size_t i = 0; i < (size_t)ROWS * D; i++)
            x[i] = state_of(k, i / D, i % D);
        hs_encode_trajectory(&e, &t);
        assert_int_equal(
            hs_encode_states(&e, HS_F32, &t, 1, 0, x, ROWS, D, D, &err), 0);
        assert_int_equal(hs_write_encoded(w, &e), 0);
        hs_encoded_free(&e);
        hs_trajectory_free(&t);
    }
    assert_int_equal(hs_writer_close(w, &err), 0);
    hs_head_free(&head);
    b = contents(fd);
    r = hs_reader_open(memory_file(b.data, b.len), "acts");
    if (hs_trajset_read(s, r, "acts", &all, 1 << 20, &err) < 0)
        fail_msg("%s", err.text);
    hs_reader_close(r);
    hs_buf_free(&b);
}

/* V of the state x (D). */
static double
value(const struct hs_probe *p, const double *x)
{
    double u = (double)p->b2;

    for (size_t i = 0; i < p->o.hidden; i++) {
        double a = (double)p->b1[i];

        for (size_t c = 0; c < p->d; c++)
            a += (double)p->w1[i * p->d + c] * (double)p->scale[c] *
                 (x[p->columns != NULL ? p->columns[c] : c] -
                  (double)p->mean[c]);
        u += (double)p->w2[i] * fmax(0, a);
    }
    return p->o.loss.sigmoid ? 1 / (1 + exp(-u)) : u;
}

/* Differences so near that no unit opens or closes between them. */
static void
differences(const struct hs_probe *p, uint32_t k, size_t row, double *gradient,
            double *slope)
{
    const double n = (double)N * ROWS;
    double x[D];

    for (size_t j = 0; j < D; j++)
        x[j] = (double)state_of(k, row, j);
    for (size_t c = 0; c < p->d; c++) {
        size_t j = p->columns != NULL ? p->columns[c] : c;
        double at = x[j], step = 1e-8 / fmax(1e-3, (double)p->scale[c]), v;

        x[j] = at + step;
        v = value(p, x);
        x[j] = at - step;
        v = (v - value(p, x)) / (2 * step);
        x[j] = at;
        slope[c] += v / n;
        gradient[c] += fabs(v * (at - (double)p->mean[c])) / n;
    }
}

static void
check(const struct hs_trajset *s, struct hs_team *team,
      enum hs_standardize standardize, bool sigmoid, const uint32_t *columns,
      size_t n_columns)
{
    struct hs_which w[N * ROWS];
    double want_gradient[D] = {0}, want_slope[D] = {0}, gradient[D], slope[D];
    struct hs_fit_options o;
    struct hs_probe p;
    struct hs_error err;
    struct hs_asker *a;
    size_t n_moving = 0;

    hs_fit_options_init(&o);
    o.loss.target = HS_TARGET_MC;
    o.loss.sigmoid = sigmoid;
    o.standardize = standardize;
    o.hidden = 16;
    o.epochs = 10;
    o.adamw.lr = 5e-3;
    if (hs_fit(&p, &o, s, 0, columns, n_columns, NULL, team, NULL, &err) < 0)
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < N * ROWS; i++) {
        w[i] = (struct hs_which){i / ROWS, i % ROWS};
        differences(&p, i / ROWS, i % ROWS, want_gradient, want_slope);
    }
    a = hs_asker_new(&p, team);
    hs_ask_saliency(a, s, 0, w, (size_t)N * ROWS, gradient, slope);
    for (size_t c = 0; c < p.d; c++) {
        double size = fabs((double)p.scale[c]);

        if (!(fabs(slope[c] - want_slope[c]) <= 2e-6 * size) ||
            !(fabs(gradient[c] - want_gradient[c]) <= 2e-6))
            fail_msg(
                "standardize %d, input %zu: slope %g, expected %g; "
                "gradient %g, expected %g",
                (int)standardize, c, slope[c], want_slope[c], gradient[c],
                want_gradient[c]);
        n_moving += fabs(slope[c]) > 1e-4 * size;
    }
    assert_true(n_moving + 3 >= p.d); /* there is something to compare */
    hs_ask_saliency(a, s, 0, w, 0, gradient, slope);
    assert_true(slope[0] == 0 && gradient[0] == 0);
    hs_asker_free(a);
    hs_probe_free(&p);
}

static void
test_slopes(void **state)
{
    const uint32_t columns[] = {0, 2, 3, 8, 11};
    const enum hs_standardize all[] = {HS_STD_ZSCORE, HS_STD_RMS, HS_STD_NONE};
    struct hs_error err;
    struct hs_team *team = hs_team_new(1, &err);
    struct hs_trajset s;

    (void)state;
    assert_non_null(team);
    read_states(&s);
    assert_int_equal(hs_trajset_split(&s, 0.5, 1, &err), 0);
    hs_trajset_stats(&s, team);
    for (size_t i = 0; i < 3; i++) {
        check(&s, team, all[i], true, NULL, 0);
        check(&s, team, all[i], false, NULL, 0);
        check(&s, team, all[i], true, columns, 5);
    }
    hs_trajset_free(&s);
    hs_team_free(team);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slopes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
