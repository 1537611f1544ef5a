/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_armdraw.c - random sets of coordinates: that they are what a slow twin
 * draws, uniform, apart from what they must be apart from, and the same
 * whatever else is drawn.
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

#include <cmocka.h>

#include "ablate/armdraw.h"
#include "armkit.h"
#include "base/mem.h"
#include "base/rng.h"

enum {
    MANY = 2000
};

/* ---- twins: what is left is a list from which one is taken out ---- */

static uint64_t
key_of(const struct hs_arm_draw *w)
{
    uint32_t x[4];

    hs_rng_words(w->seed, 11, w->layer, (uint32_t)w->k, x);
    return x[0] | (uint64_t)x[1] << 32;
}

/* The order of v (n), by a shuffle under stream. */
static void
twin_order(const struct hs_arm_draw *w, uint64_t stream, uint32_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = i + (size_t)hs_rng_below(key_of(w), stream, w->number,
                                            (uint32_t)i, n - i);
        uint32_t chosen = v[j];

        v[j] = v[i];
        v[i] = chosen;
    }
}

static void
twin_uniform(const struct hs_arm_draw *w, const bool *skip, uint32_t *out)
{
    uint32_t v[KIT_DIM];
    size_t n = 0;

    for (uint32_t j = 0; j < KIT_DIM; j++)
        v[j] = j;
    twin_order(w, 12, v, KIT_DIM);
    for (size_t i = 0; n < w->k; i++)
        if (skip == NULL || !skip[v[i]])
            out[n++] = v[i];
}

/* Of those that are free the one that is i-th nearest, i from 0. */
static uint32_t
twin_nearest(const bool *is_free, const double *rms, double x, size_t i)
{
    for (uint32_t j = 0; j < KIT_DIM; j++) {
        size_t nearer = 0;

        for (uint32_t h = 0; h < KIT_DIM; h++)
            nearer +=
                is_free[h] && fabs(log(rms[h] / x)) < fabs(log(rms[j] / x));
        if (is_free[j] && nearer == i)
            return j;
    }
    return UINT32_MAX;
}

/* Below or above are equally good to the twin: it asks whether the choice is
 * the one of that place among the nearest, which the shared order by distance
 * gives. */
static void
twin_matched(const struct hs_arm_draw *w, const uint32_t *targets,
             bool *is_free, const double *rms, uint32_t *out)
{
    uint32_t order[KIT_DIM];

    memcpy(order, targets, w->k * sizeof *order);
    twin_order(w, 13, order, w->k);
    for (size_t i = 0; i < w->k; i++) {
        size_t n = 0;

        for (size_t j = 0; j < KIT_DIM; j++)
            n += is_free[j];
        n = n < 8 ? n : 8;
        out[i] = twin_nearest(is_free, rms, rms[order[i]],
                              (size_t)hs_rng_below(key_of(w), 13, w->number,
                                                   (uint32_t)(w->k + i), n));
        is_free[out[i]] = false;
    }
}

static void
test_uniform_twin(void **state)
{
    bool skip[KIT_DIM] = {0};
    uint32_t got[KIT_DIM], want[KIT_DIM];

    (void)state;
    for (size_t j = 0; j < KIT_DIM; j += 3)
        skip[j] = true;
    for (uint32_t number = 1; number <= 30; number++) {
        const struct hs_arm_draw w = {7, number % 4, number, 1 + number};

        hs_arm_draw_uniform(&w, KIT_DIM, NULL, got);
        twin_uniform(&w, NULL, want);
        assert_memory_equal(got, want, w.k * sizeof *got);
        hs_arm_draw_uniform(&w, KIT_DIM, skip, got);
        twin_uniform(&w, skip, want);
        assert_memory_equal(got, want, w.k * sizeof *got);
    }
}

static void
test_matched_twin(void **state)
{
    struct armkit k;
    const struct hs_ranking *r;
    const double *rms;

    (void)state;
    armkit_init(&k);
    r = &k.ranks.v[0];
    rms = k.calib.v[0].rms;
    for (uint32_t number = 1; number <= 60; number++) {
        const struct hs_arm_draw w = {3, 2, number, 1 + number % 30};
        bool is_free[KIT_DIM] = {0};
        uint32_t by_rms[KIT_DIM], got[KIT_DIM], want[KIT_DIM];
        size_t n = 0;

        for (size_t j = 0; j < KIT_DIM; j++)
            is_free[j] = r->rank[j] > w.k && j != KIT_SINK;
        for (size_t i = 0; i < KIT_DIM; i++) {
            uint32_t j = twin_nearest(is_free, rms, 1e-9, i);

            if (j != UINT32_MAX)
                by_rms[n++] = j;
        }
        hs_arm_draw_matched(&w, r->order, by_rms, n, rms, got);
        twin_matched(&w, r->order, is_free, rms, want);
        assert_memory_equal(got, want, w.k * sizeof *got);
    }
    armkit_free(&k);
}

/* ---- what many draws come to ---- */

/* How often each coordinate is in arms "PREFIX.i@SIZE" of layer 1. */
static void
count_draws(const struct hs_armset *s, const char *prefix, const char *size,
            size_t n, size_t *count)
{
    memset(count, 0, KIT_DIM * sizeof *count);
    for (size_t i = 1; i <= n; i++) {
        char label[64];
        const struct hs_edit *e;

        (void)snprintf(label, sizeof label, "L1/%s.%zu@%s", prefix, i, size);
        e = &armkit_arm(s, label)->edit;
        for (size_t c = 0; c < e->n; c++) {
            assert_true(c == 0 || e->coords[c] > e->coords[c - 1]);
            assert_true(e->coords[c] < KIT_DIM);
            count[e->coords[c]]++;
        }
    }
}

/* Counts of n draws of k among those with a chance, as many as there are: each
 * within five standard deviations, all together as chi squared has it, whose
 * standard deviation is sqrt(2 (m - 1)). */
static void
check_even(const size_t *count, const bool *chance, double n, double k)
{
    double m = 0, p, sum = 0;

    for (size_t j = 0; j < KIT_DIM; j++)
        m += chance[j];
    p = k / m;
    for (size_t j = 0; j < KIT_DIM; j++) {
        double away = (double)count[j] - n * p;

        if (!chance[j]) {
            assert_int_equal(count[j], 0);
            continue;
        }
        assert_true(fabs(away) < 5 * sqrt(n * p * (1 - p)));
        sum += away * away / (n * p * (1 - p)) * (m - 1) / m;
    }
    assert_true(fabs(sum - (m - 1)) < 4 * sqrt(2 * (m - 1)));
}

static void
test_even(void **state)
{
    struct armkit k;
    struct hs_armset s;
    size_t count[KIT_DIM];
    bool chance[KIT_DIM];

    (void)state;
    armkit_init(&k);
    /* The second and the third of the ranking would be near the first. */
    for (size_t i = 1; i < 3; i++)
        k.calib.v[0].rms[k.ranks.v[0].order[i]] =
            k.calib.v[0].rms[k.ranks.v[0].order[0]] * (1 + 0.001 * (double)i);
    s = armkit_made(&k, "random:2000,random-sinks:2000,rms:2000", "1,8");
    memset(chance, true, sizeof chance);
    count_draws(&s, "random", "8", MANY, count);
    check_even(count, chance, MANY, 8);
    count_draws(&s, "random", "1", MANY, count);
    check_even(count, chance, MANY, 1);
    chance[KIT_SINK] = chance[KIT_RANK_SINK] = false;
    count_draws(&s, "random-sinks", "8", MANY, count);
    check_even(count, chance, MANY, 8);
    /* The 8 nearest to the one of value, of those outside of the first 3. */
    for (size_t j = 0; j < KIT_DIM; j++)
        chance[j] =
            j != KIT_SINK && j != KIT_RANK_SINK && k.ranks.v[0].rank[j] > 3;
    for (size_t i = KIT_DIM; i-- > 8;) {
        uint32_t j = twin_nearest(chance, k.calib.v[0].rms,
                                  k.calib.v[0].rms[k.ranks.v[0].order[0]], i);

        if (j != UINT32_MAX)
            chance[j] = false;
    }
    count_draws(&s, "rms", "1", MANY, count);
    check_even(count, chance, MANY, 1);
    hs_armset_free(&s);
    armkit_free(&k);
}

/* Partners are outside of what they must be outside of, and near: place by RMS
 * among the free ones is at most the 8 nearest and those taken away. */
static void
test_apart(void **state)
{
    struct armkit k;
    struct hs_armset s;
    const struct hs_ranking *r;
    const double *rms;

    (void)state;
    armkit_init(&k);
    r = &k.ranks.v[0];
    rms = k.calib.v[0].rms;
    s = armkit_made(&k, "value,rms:50", "2,12,28");
    for (size_t i = 0; i < s.n; i++) {
        const struct hs_edit *e = &s.v[i].edit;
        double sum = 0, value_sum = 0;
        size_t most = e->n > 3 ? e->n : 3; /* 5 % of 64 are 3 */

        for (size_t c = 0; c < e->n; c++) {
            sum += log(rms[e->coords[c]]);
            value_sum += log(rms[r->order[c]]);
        }
        if (s.v[i].kind != HS_ARM_RMS || e->layer != 1)
            continue;
        assert_int_equal(s.v[i].n_value, 0);
        assert_int_equal(s.v[i].n_sinks, 0);
        for (size_t c = 0; c < e->n; c++) {
            assert_true(r->rank[e->coords[c]] > most);
            assert_true(e->coords[c] != KIT_SINK &&
                        e->coords[c] != KIT_RANK_SINK);
        }
        /* RMS spread over five units of the logarithm. */
        if (e->n == 2)
            assert_true(fabs(sum - value_sum) / 2 < 0.8);
    }
    hs_armset_free(&s);
    armkit_free(&k);
}

/* All that are free, if there are no more than that. */
static void
test_just_enough(void **state)
{
    struct armkit k;
    struct hs_armset s;
    bool want[KIT_DIM];

    (void)state;
    armkit_init(&k);
    k.layers.v = &k.layer[1];
    k.layers.n = 1;
    s = armkit_made(&k, "rms:2", "50%");
    for (size_t j = 0; j < KIT_DIM; j++)
        want[j] = k.ranks.v[1].rank[j] > KIT_DIM / 2;
    armkit_expect(&s, "L3/rms.1@50%", want);
    hs_armset_free(&s);
    armkit_free(&k);
}

static void
same_arm(const struct hs_armset *a, const struct hs_armset *b,
         const char *label)
{
    const struct hs_edit *x = &armkit_arm(a, label)->edit;
    const struct hs_edit *y = &armkit_arm(b, label)->edit;

    assert_int_equal(x->n, y->n);
    assert_memory_equal(x->coords, y->coords, x->n * sizeof *x->coords);
}

static bool
differ(const struct hs_armset *a, const char *x, const struct hs_armset *b,
       const char *y)
{
    const struct hs_edit *p = &armkit_arm(a, x)->edit;
    const struct hs_edit *q = &armkit_arm(b, y)->edit;

    return p->n != q->n ||
           memcmp(p->coords, q->coords, p->n * sizeof *p->coords) != 0;
}

static void
test_keyed(void **state)
{
    struct armkit k;
    struct hs_armset a, b, c;

    (void)state;
    armkit_init(&k);
    a = armkit_made(&k, "random:3,random-sinks:3,rms:3", "8");
    k.layers.v = &k.layer[1];
    k.layers.n = 1;
    b = armkit_made(&k, "none,noop,rms:5,value,random-sinks:4,random:9",
                    "30%,8,1");
    k.plan.seed = 6;
    c = armkit_made(&k, "random:3,rms:3", "8");
    for (int i = 1; i <= 3; i++) {
        static const char *const kinds[] = {"random", "random-sinks", "rms"};
        char label[3][64], sinks[64];

        for (int kind = 0; kind < 3; kind++) {
            (void)snprintf(label[kind], 64, "L3/%s.%d@8", kinds[kind], i);
            same_arm(&a, &b, label[kind]);
        }
        assert_true(differ(&a, label[0], &c, label[0]));
        assert_true(differ(&a, label[2], &c, label[2]));
        assert_true(differ(&a, label[0], &a,
                           i > 1 ? "L3/random.1@8" : "L3/random.2@8"));
        (void)snprintf(sinks, sizeof sinks, "L1/random.%d@8", i);
        assert_true(differ(&a, label[0], &a, sinks));
        /* Layer 3 has no sinks. */
        assert_false(differ(&a, label[0], &a, label[1]));
        assert_string_equal(armkit_arm(&a, label[1])->same_as, label[0]);
    }
    hs_armset_free(&a);
    hs_armset_free(&b);
    hs_armset_free(&c);
    armkit_free(&k);
}

/* The next number of a line. */
static uint64_t
next_number(char **save)
{
    const char *word = strtok_r(NULL, " \n", save);

    assert_non_null(word);
    return strtoull(word, NULL, 10);
}

/* Draws that another program made: the same on any machine. */
static void
test_reference(void **state)
{
    struct hs_buf path = {0};
    char *line = NULL, *save;
    size_t cap = 0, n = 0;
    FILE *f;

    (void)state;
    hs_buf_printf(&path, "%s/tests/ref/arms.txt", getenv("HS_SRCDIR"));
    f = fopen(hs_buf_cstr(&path), "r");
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        const char *name = strtok_r(line, " ", &save);
        bool skip[256];
        uint32_t got[256];
        struct hs_arm_draw w;

        if (strncmp(name, "random", 6) != 0)
            continue;
        w.seed = next_number(&save);
        w.layer = (uint32_t)next_number(&save);
        w.k = (size_t)next_number(&save);
        w.number = (uint32_t)next_number(&save);
        for (size_t j = 0; j < 256; j++)
            skip[j] = j % 3 == 0;
        hs_arm_draw_uniform(&w, 256, strcmp(name, "random") == 0 ? NULL : skip,
                            got);
        for (size_t i = 0; i < w.k; i++)
            assert_int_equal(got[i], next_number(&save));
        n++;
    }
    assert_int_equal(n, 6);
    assert_int_equal(fclose(f), 0);
    free(line);
    hs_buf_free(&path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform_twin),
        cmocka_unit_test(test_matched_twin),
        cmocka_unit_test(test_even),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_just_enough),
        cmocka_unit_test(test_keyed),
        cmocka_unit_test(test_reference),
    };

    return cmocka_run_group_tests_name("armdraw", tests, NULL, NULL);
}
