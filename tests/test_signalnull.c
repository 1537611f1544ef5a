/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_signalnull.c - over a thousand sets of data in which nothing is there,
 * with rows of a problem that go together, the tests of many columns reject no
 * more often than they say; and what is planted is found, or not, as they say.
 *
 * All draws are of fixed seeds, so a test passes always or never.  Bounds are
 * quantiles of what a binomial count of 1,000 comes to at the nominal level:
 * those of 95 % for all of the counts together that one test looks at.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "stats/contrast.h"
#include "stats/errsig.h"
#include "stats/fdr.h"

enum {
    RUNS = 1000,
    STEPS = 8, /* of a problem, at most */
    K = 8,     /* continuations of a boundary */
    COLUMNS = 10,
    COVARIATES = 5,
    DRAWS = 499, /* 1 / 500 <= 0.05 / 10 */
    /* P(more | 1000 at 0.05) < 0.05 / 4, / 6, / 18; at 0.01, / 18 */
    MOST_5_OF_4 = 66,
    MOST_5_OF_6 = 67,
    MOST_5_OF_18 = 70,
    MOST_1_OF_18 = 20
};

/* ---- numbers ---- */

/* Random numbers one after the other. */
struct source {
    uint64_t seed;
    uint32_t a, b;
};

static double
uniform(struct source *s)
{
    return hs_rng_uniform(s->seed, 960, s->a, s->b++);
}

static double
normal(struct source *s)
{
    double radius = sqrt(-2 * log(1 - uniform(s)));

    return radius * cos(6.283185307179586 * uniform(s));
}

enum noise {
    NORMAL,
    HEAVY, /* t of 3 degrees of freedom */
    SKEWED /* exponential */
};

static double
noise(struct source *s, enum noise kind)
{
    double x, squares = 0;

    if (kind == SKEWED)
        return -log(1 - uniform(s)) - 1;
    x = normal(s);
    for (int i = 0; i < 3 && kind == HEAVY; i++) {
        double y = normal(s);

        squares += y * y;
    }
    return kind == HEAVY ? x / sqrt(squares / 3) : x;
}

/* ---- trajectories ---- */

/* Steps of problems of different lengths: the value wanders, and is estimated
 * from K continuations at each boundary. */
struct world {
    size_t n, d, n_groups;
    uint32_t *group;
    double *outcome, *expected; /* (n): estimates */
    double *came, *was;         /* (n): true values */
    double *z;                  /* (n, COVARIATES) */
    double *hard;               /* (n): of the problem */
    float *x;                   /* (n, d) */
};

static double
logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double
estimate(struct source *s, double value)
{
    double won = 0;

    for (int i = 0; i < K; i++)
        won += uniform(s) < value;
    return won / K;
}

static void
world_init(struct world *w, uint64_t seed, size_t n_groups, int steps, size_t d)
{
    struct source s = {.seed = seed};
    size_t most = n_groups * (size_t)steps;

    *w = (struct world){.d = d, .n_groups = n_groups};
    w->group = hs_calloc(most, sizeof *w->group);
    w->outcome = hs_calloc(most * 5, sizeof *w->outcome);
    w->expected = w->outcome + most;
    w->came = w->expected + most;
    w->was = w->came + most;
    w->hard = w->was + most;
    w->z = hs_calloc(most * COVARIATES, sizeof *w->z);
    w->x = hs_calloc(most * d, sizeof *w->x);
    for (size_t g = 0; g < n_groups; g++) {
        int length = 1 + (int)(uniform(&s) * steps);
        double hard = normal(&s), prompt = normal(&s) + hard;
        double at = normal(&s) - hard, next = estimate(&s, logistic(at));

        for (int t = 0; t < length; t++, w->n++) {
            double *z = w->z + w->n * COVARIATES;

            w->group[w->n] = (uint32_t)g;
            w->hard[w->n] = hard;
            w->was[w->n] = logistic(at);
            w->expected[w->n] = next;
            at += 1.5 * normal(&s);
            w->came[w->n] = logistic(at);
            w->outcome[w->n] = next = estimate(&s, logistic(at));
            z[0] = (t + 0.5) / length;
            z[1] = z[0] * z[0];
            z[2] = log(length);
            z[3] = prompt;
            z[4] = normal(&s);
        }
    }
}

static void
world_free(struct world *w)
{
    free(w->group);
    free(w->outcome);
    free(w->z);
    free(w->x);
}

/* What a column holds beside noise. */
struct recipe {
    double came, was, hard, place, prompt;
    double outcome, expected; /* their estimates */
    double group;             /* an effect of each problem */
    double last;              /* noise of the step before that stays */
    enum noise noise;
};

static void
fill(struct world *w, uint64_t seed, size_t j, const struct recipe *r)
{
    struct source s = {.seed = seed, .a = (uint32_t)j + 1};
    double effect = 0, rest = 0;

    for (size_t i = 0; i < w->n; i++) {
        const double *z = w->z + i * COVARIATES;

        if (i == 0 || w->group[i] != w->group[i - 1]) {
            effect = r->group * noise(&s, r->noise);
            rest = 0;
        }
        rest =
            r->last * rest + sqrt(1 - r->last * r->last) * noise(&s, r->noise);
        w->x[i * w->d + j] =
            (float)(r->came * w->came[i] + r->was * w->was[i] +
                    r->hard * w->hard[i] + r->place * (z[0] + z[2]) +
                    r->outcome * w->outcome[i] + r->expected * w->expected[i] +
                    r->prompt * z[3] + effect + rest);
    }
}

static void
test_of(const struct world *w, uint64_t seed, struct hs_errsig *e)
{
    struct hs_errsig_data data = {w->x,       w->n,        w->d,
                                  w->outcome, w->expected, w->z,
                                  COVARIATES, w->group,    w->n_groups};
    struct hs_error err;

    assert_int_equal(hs_errsig(&data, DRAWS, seed, e, &err), 0);
}

/* ---- nothing is there ---- */

struct counts {
    int out5, exp5, out1, exp1, both5; /* of the first column */
    int any;                           /* a column was found */
};

static struct counts
run_null(size_t n_groups, int steps, const struct recipe *r, uint64_t seed)
{
    struct counts c = {0};

    for (uint64_t run = 0; run < RUNS; run++) {
        struct world w;
        struct hs_errsig e;
        int found = 0;

        world_init(&w, seed * RUNS + run, n_groups, steps, COLUMNS);
        for (size_t j = 0; j < COLUMNS; j++)
            fill(&w, seed * RUNS + run, j, r);
        test_of(&w, run, &e);
        c.out5 += e.p_out[0] <= 0.05;
        c.out1 += e.p_out[0] <= 0.01;
        c.exp5 += e.p_exp[0] <= 0.05;
        c.exp1 += e.p_exp[0] <= 0.01;
        c.both5 += e.p[0] <= 0.05;
        for (size_t j = 0; j < COLUMNS; j++)
            found |= e.q[j] <= 0.05;
        c.any += found;
        hs_errsig_free(&e);
        world_free(&w);
    }
    print_message(
        "# %zu problems of up to %d steps, noise %d: of 1000, p_out "
        "%d at 0.05, %d at 0.01; p_exp %d, %d; p %d; one of 10 "
        "columns found %d\n",
        n_groups, steps, (int)r->noise, c.out5, c.out1, c.exp5, c.exp1, c.both5,
        c.any);
    return c;
}

static void
test_null(void **state)
{
    const struct {
        size_t n_groups;
        int steps;
        enum noise noise;
    } worlds[] = {{20, 2, NORMAL}, {50, 4, HEAVY}, {100, 8, SKEWED}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct recipe r = {.group = 1,
                           .last = 0.6,
                           .hard = 0,
                           .prompt = 1,
                           .noise = worlds[i].noise};
        struct counts c =
            run_null(worlds[i].n_groups, worlds[i].steps, &r, i + 1);

        assert_in_range(c.out5, 30, MOST_5_OF_18);
        assert_in_range(c.exp5, 30, MOST_5_OF_18);
        assert_in_range(c.out1, 1, MOST_1_OF_18);
        assert_in_range(c.exp1, 1, MOST_1_OF_18);
        assert_in_range(c.both5, 0, MOST_5_OF_18);
        assert_in_range(c.any, 0, MOST_5_OF_18);
    }
}

/* A column of one of the two alone, as it was estimated: then the other's
 * coefficient is 0, and p is nearest to its level. */
static void
test_one_alone(void **state)
{
    const struct recipe r[] = {{.outcome = 20, .group = 1, .last = 0.6},
                               {.expected = -20, .group = 1, .last = 0.6}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct counts c = run_null(50, 4, &r[i], 5 + i);

        assert_int_equal(i == 0 ? c.out5 : c.exp5, RUNS);
        assert_in_range(i == 0 ? c.exp5 : c.out5, 30, MOST_5_OF_6);
        assert_in_range(c.both5, 10, MOST_5_OF_6);
        assert_in_range(c.any, 0, MOST_5_OF_6);
    }
}

/* ---- two groups ---- */

/* Labels are those of problems, whose rows go together. */
static void
contrast_of(size_t n_groups, enum noise kind, uint64_t seed)
{
    const struct recipe r = {.group = 1, .last = 0.6, .noise = kind};
    double score[COLUMNS], p[COLUMNS], q[COLUMNS];
    int five = 0, any = 0;

    for (uint64_t run = 0; run < RUNS; run++) {
        struct source s = {.seed = seed * RUNS + run, .a = UINT32_MAX};
        struct world w;
        uint8_t *label, *of;
        struct hs_error err;
        int found = 0;
        bool exact;

        world_init(&w, seed * RUNS + run, n_groups, STEPS, COLUMNS);
        label = hs_calloc(w.n, 1);
        of = hs_calloc(n_groups, 1);
        for (size_t g = 0; g < n_groups; g++)
            of[g] = g < 2 ? (uint8_t)g : uniform(&s) < 0.4;
        for (size_t i = 0; i < w.n; i++)
            label[i] = of[w.group[i]];
        for (size_t j = 0; j < COLUMNS; j++)
            fill(&w, seed * RUNS + run, j, &r);
        assert_int_equal(hs_contrast(w.x, w.n, w.d, label, w.group, n_groups,
                                     DRAWS, run, score, p, &exact, &err),
                         0);
        hs_fdr(p, COLUMNS, q);
        five += p[0] <= 0.05;
        for (size_t j = 0; j < COLUMNS; j++)
            found |= q[j] <= 0.05;
        any += found;
        free(of);
        free(label);
        world_free(&w);
    }
    print_message(
        "# contrast, %zu problems, noise %d: of 1000, p %d at 0.05; "
        "one of 10 columns found %d\n",
        n_groups, (int)kind, five, any);
    assert_in_range(five, 30, MOST_5_OF_4);
    assert_in_range(any, 20, MOST_5_OF_4);
}

static void
test_contrast(void **state)
{
    (void)state;
    contrast_of(14, NORMAL, 11);
    contrast_of(60, SKEWED, 12);
}

/* ---- something is ---- */

enum {
    SETS = 50,
    PROBLEMS = 200,
    SIGNALS = 4
};

/* Errors first.  Values are true ones: what the test has of them are estimates
 * from 8 continuations. */
static const struct recipe planted[] = {
    {.came = 4, .was = -4},
    {.came = -4, .was = 4, .group = 1, .last = 0.6},
    {.came = 6, .was = -3, .hard = 1, .noise = SKEWED},
    {.came = 5, .was = -5, .place = 2, .prompt = 1, .noise = HEAVY},
    /* level before, after, of both, and steep */
    {.came = 4},
    {.was = 4},
    {.came = 3, .was = 3, .group = 1},
    {.came = -20, .last = 0.6},
    {.was = 20},
    {.hard = 3},
    {.hard = -1, .prompt = 2, .noise = HEAVY},
    {.place = 3},
    {.prompt = 1, .group = 3},
    {.group = 1, .last = 0.9},
    {.noise = SKEWED},
};

static void
test_planted(void **state)
{
    enum {
        N = sizeof planted / sizeof *planted
    };
    int found[N] = {0}, right[N] = {0};
    double share = 0;

    (void)state;
    for (uint64_t run = 0; run < SETS; run++) {
        struct world w;
        struct hs_errsig e;
        int hits = 0, misses = 0;

        world_init(&w, 40000 + run, PROBLEMS, STEPS, N);
        for (size_t j = 0; j < N; j++)
            fill(&w, 40000 + run, j, &planted[j]);
        test_of(&w, run, &e);
        for (size_t j = 0; j < N; j++) {
            int is = e.q[j] <= 0.05;

            found[j] += is;
            hits += is;
            misses += is && j >= SIGNALS;
            right[j] += j < SIGNALS && e.r_out[j] * planted[j].came > 0 &&
                        e.r_exp[j] * planted[j].was > 0;
        }
        share += hits > 0 ? (double)misses / hits / SETS : 0;
        hs_errsig_free(&e);
        world_free(&w);
    }
    for (size_t j = 0; j < N; j++)
        print_message("# column %zu found in %d of %d sets\n", j, found[j],
                      SETS);
    print_message("# false among those found: %.4f\n", share);
    for (size_t j = 0; j < N; j++) {
        if (j < SIGNALS) {
            assert_in_range(found[j], SETS - 2, SETS);
            assert_int_equal(right[j], SETS);
        } else {
            /* P(more | 50 at 0.05) < 0.05 / 11 */
            assert_in_range(found[j], 0, 7);
        }
    }
    assert_true(share <= 0.05);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_one_alone),
        cmocka_unit_test(test_contrast),
        cmocka_unit_test(test_planted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
