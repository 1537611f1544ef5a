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
#include "probe/mlp.h"

/* Rows without a matrix behind them: a short pattern, shifted and scaled. */
struct data {
    size_t d, n;
    float *pattern; /* (N_PATTERN) */
    size_t bad;     /* this row and this one only has a bad number */
    float bad_value;
};

enum {
    N_PATTERN = 4099
};

static float
value(const struct data *a, size_t r, size_t j)
{
    if (r == a->bad && j == a->d / 2)
        return a->bad_value;
    return a->pattern[(r * 977 + j * 13 + j * j % 7) % N_PATTERN] *
           (float)(1 + r % 13) * 0.125f;
}

static void
get_row(void *ud, size_t row, float *out)
{
    const struct data *a = ud;

    for (size_t j = 0; j < a->d; j++)
        out[j] = value(a, row, j);
}

static struct data
new_data(uint64_t seed, size_t d, size_t n)
{
    return (struct data){
        .d = d, .n = n, .pattern = random_floats(seed, N_PATTERN), .bad = n};
}

/* ---- the twin */

/* All weights in one array: w1 (h, d), b1 (h), w2 (h), b2. */
struct twin {
    size_t d, h, n_all;
    double *p, *m, *v, *g; /* (n_all) */
    double *size;          /* (n_all): the terms of g without their signs */
    int t;
};

static size_t
count(size_t d, size_t h)
{
    return h * d + 2 * h + 1;
}

static struct twin
new_twin(size_t d, size_t h, const float *from)
{
    size_t n = count(d, h);
    struct twin t = {.d = d,
                     .h = h,
                     .n_all = n,
                     .p = hs_calloc(n, sizeof(double)),
                     .m = hs_calloc(n, sizeof(double)),
                     .v = hs_calloc(n, sizeof(double)),
                     .g = hs_calloc(n, sizeof(double)),
                     .size = hs_calloc(n, sizeof(double))};

    for (size_t i = 0; i < n; i++)
        t.p[i] = (double)from[i];
    return t;
}

static void
free_twin(struct twin *t)
{
    free(t->p);
    free(t->m);
    free(t->v);
    free(t->g);
    free(t->size);
}

/* u of one row, activations act (h); sizes (h + 1): of their terms without
 * their signs, and of the terms of u. */
static double
twin_forward(const struct twin *t, const struct data *a, size_t r, double *act,
             double *sizes)
{
    const double *b1 = t->p + t->h * t->d, *w2 = b1 + t->h;
    double u = w2[t->h], s = fabs(u);
    float *x = hs_calloc(t->d, sizeof *x);

    get_row((void *)(uintptr_t)a, r, x);
    for (size_t h = 0; h < t->h; h++) {
        double z = b1[h], sz = fabs(z);

        for (size_t j = 0; j < t->d; j++) {
            z += t->p[h * t->d + j] * (double)x[j];
            sz += fabs(t->p[h * t->d + j] * (double)x[j]);
        }
        act[h] = z > 0 ? z : 0;
        u += act[h] * w2[h];
        s += sz * fabs(w2[h]);
        if (sizes != NULL)
            sizes[h] = sz;
    }
    free(x);
    if (sizes != NULL)
        sizes[t->h] = s;
    return u;
}

/* Gradients of sum du[r] u[r] into g. */
static void
twin_gradient(struct twin *t, const struct data *a, const double *du)
{
    const double *w2 = t->p + t->h * t->d + t->h;
    double *act = hs_calloc(t->h, sizeof *act);
    double *sizes = hs_calloc(t->h + 1, sizeof *sizes);
    float *x = hs_calloc(t->d, sizeof *x);

    memset(t->g, 0, t->n_all * sizeof *t->g);
    memset(t->size, 0, t->n_all * sizeof *t->size);
    for (size_t r = 0; r < a->n; r++) {
        (void)twin_forward(t, a, r, act, sizes);
        get_row((void *)(uintptr_t)a, r, x);
        for (size_t h = 0; h < t->h; h++) {
            double dz = act[h] > 0 ? du[r] * w2[h] : 0;
            size_t b = t->h * t->d + h;

            for (size_t j = 0; j < t->d; j++) {
                t->g[h * t->d + j] += dz * (double)x[j];
                t->size[h * t->d + j] += fabs(dz * (double)x[j]);
            }
            t->g[b] += dz;
            t->size[b] += fabs(dz);
            t->g[b + t->h] += du[r] * act[h];
            t->size[b + t->h] += fabs(du[r]) * (act[h] > 0 ? sizes[h] : 0);
        }
        t->g[t->n_all - 1] += du[r];
        t->size[t->n_all - 1] += fabs(du[r]);
    }
    free(act);
    free(sizes);
    free(x);
}

static void
twin_adamw(struct twin *t, const struct hs_adamw *o)
{
    t->t++;
    for (size_t i = 0; i < t->n_all; i++) {
        double g = t->g[i];

        t->p[i] *= 1 - o->lr * o->weight_decay;
        t->m[i] = o->beta1 * t->m[i] + (1 - o->beta1) * g;
        t->v[i] = o->beta2 * t->v[i] + (1 - o->beta2) * g * g;
        t->p[i] -= o->lr / (1 - pow(o->beta1, t->t)) * t->m[i] /
                   (sqrt(t->v[i]) / sqrt(1 - pow(o->beta2, t->t)) + o->eps);
    }
}

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

/* Weights of the size that they have at the start. */
static float *
random_weights(uint64_t seed, size_t d, size_t h)
{
    size_t n = count(d, h);
    float *w = hs_calloc(n, sizeof *w);

    for (size_t i = 0; i < n; i++)
        w[i] = (float)((hs_rng_uniform(seed, i, 5, 0) * 2 - 1) /
                       sqrt((double)(i < h * d + h ? d : h)));
    return w;
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

static void
test_bad_rows(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    size_t d = 40, n = 70;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t h = 1; h < 40; h += 36) {
            struct data a = new_data(1, d, n);
            struct hs_rows rows = {get_row, &a, n};
            float u[70], v[70];
            struct hs_mlp *m = hs_mlp_new(d, h, NULL);

            hs_mlp_init(m, 2);
            hs_mlp_forward(m, &rows, u);
            a.bad = 37;
            a.bad_value = bad[i];
            hs_mlp_forward(m, &rows, v);
            assert_false(isfinite(v[37]));
            v[37] = u[37];
            assert_memory_equal(u, v, sizeof u);
            hs_mlp_free(m);
            free(a.pattern);
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
    struct hs_mlp *m = hs_mlp_new(d, h, NULL);
    struct twin t = new_twin(d, h, w);

    (void)state;
    set_all(m, d, h, w);
    out[3] = want[3] = 1;
    hs_mlp_saliency(m, &rows, scale, out);
    for (size_t r = 0; r < n; r++) {
        (void)twin_forward(&t, &a, r, act, NULL);
        for (size_t j = 0; j < d; j++) {
            double slope = 0;

            for (size_t i = 0; i < h; i++)
                slope += act[i] > 0 ? t.p[h * d + h + i] * t.p[i * d + j] : 0;
            want[j] += fabs(slope * (double)value(&a, r, j) * (double)scale[r]);
        }
    }
    for (size_t j = 0; j < d; j++)
        check_near(out[j], want[j], 1e-6 * want[j]);
    hs_mlp_free(m);
    free_twin(&t);
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
