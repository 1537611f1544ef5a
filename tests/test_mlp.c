/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_mlp.c - the network of a probe and its AdamW, by each table that this
 * processor runs, against a naive twin in double; the twin's gradients against
 * differences of its own loss.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/team.h"
#include "eachkern.h"
#include "mlptwin.h"
#include "probe/mlp.h"

/* ---- the network under test, with the same array of weights */

static struct hs_team *
new_team(size_t threads)
{
    struct hs_error err;
    struct hs_team *team = hs_team_new(threads, &err);

    assert_non_null(team);
    return team;
}

static void
set_all(struct hs_mlp *m, size_t d, size_t h, const float *w)
{
    hs_mlp_set(m, w, w + h * d, w + h * d + h, w[h * d + 2 * h]);
}

static float *
get_all(const struct hs_mlp *m, size_t d, size_t h)
{
    float *w = hs_calloc(count(d, h), sizeof *w);

    hs_mlp_get(m, w, w + h * d, w + h * d + h, w + h * d + 2 * h);
    return w;
}

static float *
gradient_of(struct hs_mlp *m, struct data *a, size_t h, const float *du)
{
    struct hs_rows rows = {get_row, a, a->n};
    float *g = hs_calloc(count(a->d, h), sizeof *g);

    hs_mlp_gradient(m, &rows, du, g, g + h * a->d, g + h * a->d + h,
                    g + h * a->d + 2 * h);
    return g;
}

static const struct shape {
    size_t d, h, n;
} shapes[] = {
    {1, 1, 1},      {1, 32, 4},     {3, 7, 4},      {2, 100, 33},
    {33, 1, 65},    {31, 33, 40},   {97, 40, 14},   {113, 64, 15},
    {200, 160, 50}, {64, 128, 130}, {224, 96, 200}, {450, 31, 7},
};

enum {
    N_SHAPES = sizeof shapes / sizeof *shapes
};

static void
test_forward(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SHAPES; i++) {
        const struct shape *s = &shapes[i];
        struct data a = new_data(i, s->d, s->n);
        struct hs_rows rows = {get_row, &a, a.n};
        float *w = random_weights(i, s->d, s->h);
        float *u = hs_calloc(s->n, sizeof *u);
        double *act = hs_calloc(s->h, sizeof *act);
        double *sizes = hs_calloc(s->h + 1, sizeof *sizes);
        struct hs_mlp *m = hs_mlp_new(s->d, s->h, NULL);
        struct twin t = new_twin(s->d, s->h, w);

        set_all(m, s->d, s->h, w);
        hs_mlp_forward(m, &rows, u);
        for (size_t r = 0; r < s->n; r++) {
            double want = twin_forward(&t, &a, r, act, sizes);

            check_near((double)u[r], want, 4e-7 * sizes[s->h]);
        }
        hs_mlp_free(m);
        free_twin(&t);
        free(act);
        free(sizes);
        free(u);
        free(w);
        free(a.pattern);
    }
}

static void
test_gradient(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SHAPES; i++) {
        const struct shape *s = &shapes[i];
        struct data a = new_data(i + 20, s->d, s->n);
        float *w = random_weights(i, s->d, s->h), *g;
        float *du = hs_calloc(s->n, sizeof *du);
        double *dud = hs_calloc(s->n, sizeof *dud);
        struct hs_mlp *m = hs_mlp_new(s->d, s->h, NULL);
        struct twin t = new_twin(s->d, s->h, w);

        for (size_t r = 0; r < s->n; r++) {
            du[r] = (float)(hs_rng_uniform(7, r, 0, 0) - 0.5);
            dud[r] = (double)du[r];
        }
        set_all(m, s->d, s->h, w);
        g = gradient_of(m, &a, s->h, du);
        twin_gradient(&t, &a, dud);
        for (size_t k = 0; k < t.n_all; k++)
            check_near((double)g[k], t.g[k], 1e-6 * t.size[k] + 1e-30);
        hs_mlp_free(m);
        free_twin(&t);
        free(g);
        free(dud);
        free(du);
        free(w);
        free(a.pattern);
    }
}

/* sum of du u, in double. */
static double
twin_loss(const struct twin *t, const struct data *a, const float *du)
{
    double *act = hs_calloc(t->h, sizeof *act), sum = 0;

    for (size_t r = 0; r < a->n; r++)
        sum += (double)du[r] * twin_forward(t, a, r, act, NULL);
    free(act);
    return sum;
}

/* The gradient is the slope of the loss: central differences in double. */
static void
test_differences(void **state)
{
    const double step = 1e-6;
    size_t d = 37, h = 45, n = 21, all = count(d, h);
    struct data a = new_data(3, d, n);
    float *w = random_weights(4, d, h), *g, *du = random_floats(5, n);
    struct hs_mlp *m = hs_mlp_new(d, h, NULL);
    struct twin t = new_twin(d, h, w);
    double norm = 0, off = 0;

    (void)state;
    set_all(m, d, h, w);
    g = gradient_of(m, &a, h, du);
    for (size_t k = 0; k < all; k++) {
        double at = t.p[k], up, down;

        t.p[k] = at + step;
        up = twin_loss(&t, &a, du);
        t.p[k] = at - step;
        down = twin_loss(&t, &a, du);
        t.p[k] = at;
        up = (up - down) / (2 * step);
        off += pow((double)g[k] - up, 2);
        norm += up * up;
    }
    check_near(sqrt(off / norm), 0, 2e-6);
    hs_mlp_free(m);
    free_twin(&t);
    free(g);
    free(du);
    free(w);
    free(a.pattern);
}

/* ---- steps: half the mean squared distance from targets */

struct goal {
    size_t n;
    double loss;
};

static double
target(size_t r)
{
    return (double)(r * 31 % 17) / 8 - 1;
}

static void
squares(void *ud, const float *u, float *du)
{
    struct goal *g = ud;

    g->loss = 0;
    for (size_t r = 0; r < g->n; r++) {
        double e = (double)u[r] - target(r);

        g->loss += e * e / (double)(2 * g->n);
        du[r] = (float)(e / (double)g->n);
    }
}

static double
twin_step(struct twin *t, const struct data *a, const struct hs_adamw *o)
{
    double *du = hs_calloc(a->n, sizeof *du), loss = 0;
    double *act = hs_calloc(t->h, sizeof *act);

    for (size_t r = 0; r < a->n; r++) {
        double e = twin_forward(t, a, r, act, NULL) - target(r);

        loss += e * e / (double)(2 * a->n);
        du[r] = e / (double)a->n;
    }
    twin_gradient(t, a, du);
    twin_adamw(t, o);
    free(act);
    free(du);
    return loss;
}

static double
distance(const float *got, const double *want, size_t n)
{
    double off = 0, norm = 0;

    for (size_t i = 0; i < n; i++) {
        off += pow((double)got[i] - want[i], 2);
        norm += want[i] * want[i];
    }
    return sqrt(off / norm);
}

static void
check_steps(size_t d, size_t h, size_t n, int steps)
{
    const struct hs_adamw o = {1e-3, 0.9, 0.999, 1e-8, 0.01};
    struct data a = new_data(d, d, n);
    struct hs_rows rows = {get_row, &a, n};
    struct goal goal = {.n = n};
    float *w = random_weights(h, d, h), *got;
    struct hs_mlp *m = hs_mlp_new(d, h, NULL);
    struct twin t = new_twin(d, h, w);
    double first = 0;

    set_all(m, d, h, w);
    for (int i = 0; i < steps; i++) {
        double loss = twin_step(&t, &a, &o);

        hs_mlp_step(m, &rows, squares, &goal, &o);
        check_near(goal.loss, loss, 1e-5 * loss);
        first = i == 0 ? loss : first;
    }
    assert_true(goal.loss < 0.9 * first);
    got = get_all(m, d, h);
    check_near(distance(got, t.p, t.n_all), 0, 5e-6);
    hs_mlp_free(m);
    free_twin(&t);
    free(got);
    free(w);
    free(a.pattern);
}

static void
test_steps(void **state)
{
    (void)state;
    check_steps(60, 50, 40, 200);
    check_steps(3, 100, 4, 60);
    check_steps(150, 40, 70, 60);
}

/* ---- the same bits */

static float *
weights_after(size_t threads, size_t d, size_t h, size_t n, float **gradient)
{
    const struct hs_adamw o = {1e-3, 0.9, 0.999, 1e-8, 0.01};
    struct hs_team *team = new_team(threads);
    struct hs_mlp *m = hs_mlp_new(d, h, team);
    struct data a = new_data(9, d, n);
    struct hs_rows rows = {get_row, &a, n};
    struct goal goal = {.n = n};
    float *du = random_floats(6, n), *w;

    hs_mlp_init(m, 11);
    for (int i = 0; i < 5; i++)
        hs_mlp_step(m, &rows, squares, &goal, &o);
    *gradient = gradient_of(m, &a, h, du);
    w = get_all(m, d, h);
    hs_mlp_free(m);
    hs_team_free(team);
    free(du);
    free(a.pattern);
    return w;
}

static void
test_threads(void **state)
{
    static const size_t sizes[] = {2, 3, 5};
    size_t d = 230, h = 300, n = 110, bytes = count(d, h) * sizeof(float);
    float *gradient, *one = weights_after(1, d, h, n, &gradient);

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        float *g, *w = weights_after(sizes[i], d, h, n, &g);

        assert_memory_equal(w, one, bytes);
        assert_memory_equal(g, gradient, bytes);
        free(w);
        free(g);
    }
    free(one);
    free(gradient);
}

static void
get_later(void *ud, size_t row, float *out)
{
    get_row(ud, row + 5, out);
}

/* What u of a row is does not hang on the rows beside it. */
static void
test_rows(void **state)
{
    size_t d = 70, h = 90, n = 100;
    struct data a = new_data(1, d, n);
    struct hs_rows all = {get_row, &a, n}, few = {get_later, &a, 2};
    float u[100], v[2];
    struct hs_mlp *m = hs_mlp_new(d, h, NULL);

    (void)state;
    hs_mlp_init(m, 2);
    hs_mlp_forward(m, &all, u);
    hs_mlp_forward(m, &few, v);
    assert_memory_equal(u + 5, v, sizeof v);
    hs_mlp_free(m);
    free(a.pattern);
}

/* A row with a bad number has no finite u, whatever ReLU makes of it; the other
 * rows do not notice. */
static void
check_bad_row(size_t h, float bad, bool positive)
{
    size_t d = 40, n = 70;
    struct data a = new_data(1, d, n);
    struct hs_rows rows = {get_row, &a, n};
    float u[70], v[70], *w = random_weights(2, d, h);
    struct hs_mlp *m = hs_mlp_new(d, h, NULL);

    for (size_t i = 0; positive && i < count(d, h); i++)
        w[i] = fabsf(w[i]);
    set_all(m, d, h, w);
    hs_mlp_forward(m, &rows, u);
    a.bad = 37;
    a.bad_value = bad;
    hs_mlp_forward(m, &rows, v);
    assert_false(isfinite(v[37]));
    v[37] = u[37];
    assert_memory_equal(u, v, sizeof u);
    hs_mlp_free(m);
    free(w);
    free(a.pattern);
}

static void
test_bad_rows(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const size_t sizes[] = {1, 32, 37};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            check_bad_row(sizes[j], bad[i], false);
            check_bad_row(sizes[j], bad[i], true);
        }
    }
}

/* More rows than the work space holds: 128 MiB, some 20 kB a row here. */
static void
test_many_rows(void **state)
{
    const struct hs_adamw o = {1e-3, 0.9, 0.999, 1e-8, 0.01};
    size_t d = 3500, h = 2, n = 21000;
    struct data a = new_data(8, d, n);
    struct hs_rows rows = {get_row, &a, n};
    struct goal goal = {.n = n};
    float *w = random_weights(1, d, h), *u = hs_calloc(n, sizeof *u), *got;
    double *act = hs_calloc(h, sizeof *act), sizes[3];
    struct hs_mlp *m = hs_mlp_new(d, h, NULL);
    struct twin t = new_twin(d, h, w);

    (void)state;
    set_all(m, d, h, w);
    hs_mlp_forward(m, &rows, u);
    for (size_t r = 0; r < n; r += 997) {
        double want = twin_forward(&t, &a, r, act, sizes);

        check_near((double)u[r], want, 1e-6 * sizes[h]);
    }
    for (int i = 0; i < 2; i++) {
        double loss = twin_step(&t, &a, &o);

        hs_mlp_step(m, &rows, squares, &goal, &o);
        check_near(goal.loss, loss, 1e-5 * loss);
    }
    got = get_all(m, d, h);
    check_near(distance(got, t.p, t.n_all), 0, 5e-6);
    hs_mlp_free(m);
    free_twin(&t);
    free(got);
    free(act);
    free(u);
    free(w);
    free(a.pattern);
}

static void
test_saliency(void **state)
{
    size_t d = 75, h = 50, n = 600;
    struct data a = new_data(2, d, n);
    struct hs_rows rows = {get_row, &a, n};
    float *w = random_weights(3, d, h), *scale = random_floats(4, n);
    double *act = hs_calloc(h, sizeof *act), *out = hs_calloc(d, sizeof *out);
    double *want = hs_calloc(d, sizeof *want);
    double *sum = hs_calloc(d, sizeof *sum), *slopes;
    struct hs_mlp *m = hs_mlp_new(d, h, NULL);
    struct twin t = new_twin(d, h, w);

    (void)state;
    slopes = hs_calloc(d, sizeof *slopes);
    set_all(m, d, h, w);
    out[3] = want[3] = 1;
    sum[5] = slopes[5] = -1;
    hs_mlp_saliency(m, &rows, scale, out, sum);
    for (size_t r = 0; r < n; r++) {
        (void)twin_forward(&t, &a, r, act, NULL);
        for (size_t j = 0; j < d; j++) {
            double slope = 0;

            for (size_t i = 0; i < h; i++)
                slope += act[i] > 0 ? t.p[h * d + h + i] * t.p[i * d + j] : 0;
            slope *= (double)scale[r];
            slopes[j] += slope;
            want[j] += fabs(slope * (double)value(&a, r, j));
        }
    }
    for (size_t j = 0; j < d; j++)
        check_near(out[j], want[j], 1e-6 * want[j]);
    for (size_t j = 0; j < d; j++)
        check_near(sum[j], slopes[j], 1e-6 * (1 + fabs(slopes[j])));
    hs_mlp_free(m);
    free_twin(&t);
    free(slopes);
    free(sum);
    free(want);
    free(out);
    free(act);
    free(scale);
    free(w);
    free(a.pattern);
}

static void
test_init(void **state)
{
    size_t d = 90, h = 70, n = count(d, h);
    struct hs_mlp *m = hs_mlp_new(d, h, NULL);
    float *a, *b, *c;
    double most = 0, mean = 0;

    (void)state;
    hs_mlp_init(m, 1);
    a = get_all(m, d, h);
    hs_mlp_init(m, 2);
    b = get_all(m, d, h);
    set_all(m, d, h, a);
    c = get_all(m, d, h);
    assert_memory_equal(a, c, n * sizeof *a);
    for (size_t i = 0; i < n; i++) {
        double k = 1 / sqrt((double)(i < h * d + h ? d : h));

        assert_true(fabs((double)a[i]) <= k * 1.000001);
        assert_true(a[i] != b[i]);
        most = fmax(most, fabs((double)a[i]) / k);
        mean += (double)a[i] / k / (double)n;
    }
    assert_true(most > 0.99);
    check_near(mean, 0, 4 / sqrt(3 * (double)n));
    hs_mlp_free(m);
    free(a);
    free(b);
    free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),     cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_differences), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_rows),
        cmocka_unit_test(test_bad_rows),    cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_saliency),    cmocka_unit_test(test_init),
    };

    return run_on_each(tests, sizeof tests / sizeof *tests);
}
