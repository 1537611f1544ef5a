/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_prune.c - pruning curves on states in which coordinates 3 and 11 know
 * the reward.
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

#include "base/mem.h"
#include "base/rng.h"
#include "memstream.h"
#include "probe/prune.h"

enum {
    D = 20,
    N = 120,
    ROWS = 4,
    FIRST = 3,
    SECOND = 11
};

static bool
near(double a, double b)
{
    return fabs(a - b) <= 1e-12 + 1e-9 * fabs(b);
}

/* State of trajectory k: noise of one size, but the planted ones also know the
 * reward. */
static float
state_of(uint32_t k, size_t row, size_t j)
{
    double x = 2 * hs_rng_uniform(3, k, (uint32_t)row, (uint32_t)j) - 1;

    if (j == FIRST || j == SECOND)
        x += k % 2 != 0 ? 0.5 : -0.5;
    return (float)x;
}

/* A stream of n trajectories of one problem each; ROWS positions from on, which
 * the head calls what. */
static struct hs_buf
make_acts(uint32_t n, uint32_t from, const char *what)
{
    struct hs_head head = test_head(HS_F32, D, 1);
    int fd = memory_file("", 0);
    struct hs_error err;
    struct hs_writer *w;

    hs_head_set(&head.positions, what);
    w = hs_writer_open(fd, "acts", &head, 1, &err);
    assert_non_null(w);
    for (uint32_t k = 0; k < n; k++) {
        struct hs_encoded e = {0};
        struct hs_trajectory t;
        float x[ROWS * D];

        make_trajectory(&t, k, ROWS);
        t.reward = (int)(k % 2);
        for (size_t i = 0; i < ROWS; i++)
            t.positions[i] = from + (uint32_t)i;
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
    return contents(fd);
}

/* Position 1 is s_0, as n_prompt is 2; s_T is the last one stored, or 5 of
 * ROWS + 3 tokens with an end-of-text if some are left out ("every:K"). */
static void
read_acts(struct hs_trajset *s, uint32_t n, uint32_t from, const char *what)
{
    struct hs_buf b = make_acts(n, from, what);
    struct hs_reader *r = hs_reader_open(memory_file(b.data, b.len), "acts");
    struct hs_list all = {.all = true};
    struct hs_error err;

    if (hs_trajset_read(s, r, "acts", &all, 1 << 20, &err) < 0)
        fail_msg("%s", err.text);
    hs_reader_close(r);
    hs_buf_free(&b);
}

/* A probe of all coordinates, and a ranking that has the planted ones first, if
 * it is right. */
struct scene {
    struct hs_trajset s;
    struct hs_team *team;
    struct hs_probe p;
    struct hs_ranking r;
};

static void
set_scene(struct scene *c, bool right)
{
    struct hs_fit_options o;
    struct hs_error err;
    size_t n = 0;

    read_acts(&c->s, N, 1, "all");
    assert_int_equal(hs_trajset_split(&c->s, 0.5, 1, &err), 0);
    c->team = hs_team_new(1, &err);
    assert_non_null(c->team);
    hs_trajset_stats(&c->s, c->team);
    hs_fit_options_init(&o);
    o.loss.target = HS_TARGET_MC;
    o.hidden = 16;
    o.epochs = 20;
    o.adamw.lr = 5e-3;
    assert_int_equal(
        hs_fit(&c->p, &o, &c->s, 0, NULL, 0, NULL, c->team, NULL, &err), 0);
    c->r = (struct hs_ranking){
        .layer = 1, .target = HS_TARGET_MC, .d = D, .n_seeds = 1, .n_top = 2};
    hs_ranking_alloc(&c->r);
    if (right) {
        c->r.order[n++] = SECOND;
        c->r.order[n++] = FIRST;
    }
    for (uint32_t j = 0; j < D; j++)
        if (!right || (j != FIRST && j != SECOND))
            c->r.order[n++] = j;
    for (uint32_t j = 0; j < D; j++)
        c->r.rms_rank[j] = D - j; /* 19 is the largest */
}

static void
clear_scene(struct scene *c)
{
    hs_ranking_free(&c->r);
    hs_probe_free(&c->p);
    hs_team_free(c->team);
    hs_trajset_free(&c->s);
}

/* The record with these members. */
static const json_t *
find(const json_t *out, const char *type, const char *eval, const char *set,
     double ratio, const char *at, int draw)
{
    const json_t *found = NULL;
    json_t *j;
    size_t i;

    json_array_foreach(out, i, j)
    {
        const json_t *d = json_object_get(j, "draw");

        if (strcmp(json_string_value(json_object_get(j, "type")), type) == 0 &&
            strcmp(json_string_value(json_object_get(j, "eval")), eval) == 0 &&
            strcmp(json_string_value(json_object_get(j, "set")), set) == 0 &&
            near(json_real_value(json_object_get(j, "ratio")), ratio) &&
            strcmp(json_string_value(json_object_get(j, "at")), at) == 0 &&
            (draw < 0 || json_integer_value(d) == draw)) {
            assert_null(found);
            found = j;
        }
    }
    assert_non_null(found);
    return found;
}

static double
number(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

static size_t n_watched;

static void
count(void *ud)
{
    assert_null(ud);
    n_watched++;
}

/* AUC of a probe's values on the held-out trajectories at state i of each. */
static double
auc_of(const struct scene *c, const struct hs_probe *p, size_t state,
       const uint8_t *mask)
{
    struct hs_asker *a = hs_asker_new(p, c->team);
    struct hs_which w[N];
    double v[N], auc;
    uint8_t label[N];
    size_t n = 0;

    for (size_t j = 0; j < c->s.n; j++)
        if (c->s.traj[j].val) {
            w[n] = (struct hs_which){j, state};
            label[n++] = c->s.traj[j].reward;
        }
    hs_ask(a, &c->s, 0, w, n, mask, v);
    auc = hs_auc(v, label, n);
    hs_asker_free(a);
    return auc;
}

static void
test_curves(void **state)
{
    static const double ratios[] = {0, 0.5, 0.9};
    const struct hs_prune_options o = {.ratios = ratios,
                                       .n_ratios = 3,
                                       .retrain = true,
                                       .mask = true,
                                       .n_random = 4,
                                       .seed = 1,
                                       .level = 0.95};
    const struct hs_prune_watch watch = {count, NULL};
    struct scene c;
    struct hs_error err;
    json_t *out = json_array();
    uint8_t mask[D] = {0};

    (void)state;
    set_scene(&c, true);
    n_watched = 0;
    if (hs_prune(&o, &c.r, &c.p, &c.s, 0, c.team, &watch, out, &err) < 0)
        fail_msg("%s", err.text);
    /* two evaluations, three ratios, (six sets and a band) at two places */
    assert_int_equal(json_array_size(out), 2 * 3 * (6 + 1) * 2);
    assert_int_equal(hs_prune_fits(&o, D), 1 + 6 + 6);
    assert_int_equal(n_watched, 20 * (1 + 6 + 6));

    /* nothing pruned: the probe as it was, fitted again or not */
    for (int e = 0; e < 2; e++) {
        const char *eval = e == 0 ? "retrain" : "mask";
        static const char *const sets[] = {"top", "rms", "random"};

        for (int k = 0; k < 3; k++) {
            const json_t *j =
                find(out, "curve", eval, sets[k], 0, "s0", k == 2 ? 3 : -1);

            assert_true(near(number(j, "auc"), auc_of(&c, &c.p, 0, NULL)));
            assert_int_equal(number(j, "kept"), D);
            j = find(out, "curve", eval, sets[k], 0, "sT", k == 2 ? 0 : -1);
            assert_true(near(number(j, "auc"), auc_of(&c, &c.p, 3, NULL)));
        }
    }
    /* masked: two inputs are left */
    mask[FIRST] = mask[SECOND] = 1;
    const json_t *top = find(out, "curve", "mask", "top", 0.9, "s0", -1);

    assert_int_equal(number(top, "kept"), 2);
    assert_true(near(number(top, "auc"), auc_of(&c, &c.p, 0, mask)));
    assert_true(number(top, "lo") < number(top, "auc"));
    assert_true(number(top, "hi") > number(top, "auc"));
    mask[FIRST] = mask[SECOND] = 0;
    mask[D - 1] = mask[D - 2] = 1;
    assert_true(
        near(number(find(out, "curve", "mask", "rms", 0.9, "s0", -1), "auc"),
             auc_of(&c, &c.p, 0, mask)));
    /* the planted two do what all do; the largest two do nothing */
    top = find(out, "curve", "retrain", "top", 0.9, "s0", -1);
    assert_true(number(top, "auc") > 0.8);
    assert_true(number(find(out, "curve", "retrain", "rms", 0.9, "s0", -1),
                       "hi") < number(top, "lo"));
    clear_scene(&c);
    json_decref(out);
}

/* The band is what its draws say; t of 3 degrees of freedom is 3.182446305. */
static void
test_band(void **state)
{
    static const double ratios[] = {0.5};
    struct hs_prune_options o = {.ratios = ratios,
                                 .n_ratios = 1,
                                 .mask = true,
                                 .n_random = 4,
                                 .seed = 9,
                                 .level = 0.95};
    struct scene c;
    struct hs_error err;
    json_t *out = json_array();
    double x[4], mean = 0, square = 0, low = 1, high = 0, half;
    const json_t *band;

    (void)state;
    set_scene(&c, true);
    assert_int_equal(hs_prune(&o, &c.r, &c.p, &c.s, 0, c.team, NULL, out, &err),
                     0);
    for (int i = 0; i < 4; i++) {
        uint32_t order[D];
        uint8_t mask[D] = {0};

        x[i] =
            number(find(out, "curve", "mask", "random", 0.5, "s0", i), "auc");
        hs_draw_order(9, (uint32_t)i, D, order);
        for (int k = 0; k < D / 2; k++)
            mask[order[k]] = 1;
        assert_true(near(x[i], auc_of(&c, &c.p, 0, mask)));
        mean += x[i] / 4;
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    for (int i = 0; i < 4; i++)
        square += (x[i] - mean) * (x[i] - mean);
    half = 3.182446305284263 * sqrt(square / 3 * 1.25);
    band = find(out, "band", "mask", "random", 0.5, "s0", -1);
    assert_true(low < high);
    assert_true(near(number(band, "mean"), mean));
    assert_true(near(number(band, "min"), low));
    assert_true(near(number(band, "max"), high));
    assert_true(near(number(band, "lo"), fmax(0, mean - half)));
    assert_true(near(number(band, "hi"), fmin(1, mean + half)));
    json_array_clear(out);
    o.n_random = 1;
    assert_int_equal(hs_prune(&o, &c.r, &c.p, &c.s, 0, c.team, NULL, out, &err),
                     0);
    assert_true(isnan(
        number(find(out, "band", "mask", "random", 0.5, "s0", -1), "lo")));
    json_array_clear(out);
    o.n_random = 0;
    assert_int_equal(hs_prune(&o, &c.r, &c.p, &c.s, 0, c.team, NULL, out, &err),
                     0);
    assert_int_equal(json_array_size(out), 2 * 2);
    clear_scene(&c);
    json_decref(out);
}

/* --epochs: one epoch of a fresh probe. */
static void
test_epochs(void **state)
{
    static const double ratios[] = {0.8};
    struct hs_prune_options o = {.ratios = ratios,
                                 .n_ratios = 1,
                                 .retrain = true,
                                 .epochs = 1,
                                 .level = 0.95};
    struct scene c;
    struct hs_probe p;
    struct hs_error err;
    json_t *out = json_array();

    (void)state;
    set_scene(&c, false);
    assert_int_equal(hs_prune(&o, &c.r, &c.p, &c.s, 0, c.team, NULL, out, &err),
                     0);
    c.p.o.epochs = 1;
    assert_int_equal(hs_fit(&p, &c.p.o, &c.s, 0, (uint32_t[]){0, 1, 2, 3}, 4,
                            NULL, c.team, NULL, &err),
                     0);
    assert_true(
        near(number(find(out, "curve", "retrain", "top", 0.8, "sT", -1), "auc"),
             auc_of(&c, &p, 3, NULL)));
    hs_probe_free(&p);
    clear_scene(&c);
    json_decref(out);
}

/* Without s_T there are no points of it; without either, or with one class,
 * there is nothing to draw. */
static void
test_missing(void **state)
{
    static const double ratios[] = {0.5};
    const struct hs_prune_options o = {
        .ratios = ratios, .n_ratios = 1, .mask = true, .level = 0.95};
    struct hs_trajset s;
    struct scene c;
    struct hs_error err = {0};
    json_t *out = json_array();

    (void)state;
    set_scene(&c, true);
    for (int shift = 0; shift < 2; shift++) {
        read_acts(&s, N, shift == 0 ? 1 : 2, shift == 0 ? "every:1" : "all");
        assert_int_equal(hs_trajset_split(&s, 0.5, 1, &err), 0);
        hs_trajset_stats(&s, c.team);
        assert_int_equal(
            hs_prune(&o, &c.r, &c.p, &s, 0, c.team, NULL, out, &err), 0);
        assert_int_equal(json_array_size(out), 2);
        (void)find(out, "curve", "mask", "top", 0.5, shift == 0 ? "s0" : "sT",
                   -1);
        json_array_clear(out);
        for (size_t j = 0; j < s.n; j++)
            s.traj[j].reward = 0;
        assert_int_equal(
            hs_prune(&o, &c.r, &c.p, &s, 0, c.team, NULL, out, &err), -1);
        assert_non_null(strstr(err.text, "0 of 60 held-out"));
        hs_trajset_free(&s);
    }
    clear_scene(&c);
    json_decref(out);
}

static void
test_draws(void **state)
{
    uint32_t a[D], b[D];
    size_t seen[D] = {0}, first[D] = {0};

    (void)state;
    hs_draw_order(1, 0, D, a);
    hs_draw_order(1, 0, D, b);
    assert_memory_equal(a, b, sizeof a);
    hs_draw_order(1, 1, D, b);
    assert_true(memcmp(a, b, sizeof a) != 0);
    hs_draw_order(2, 0, D, b);
    assert_true(memcmp(a, b, sizeof a) != 0);
    for (size_t i = 0; i < D; i++)
        seen[a[i]]++;
    for (size_t i = 0; i < D; i++)
        assert_int_equal(seen[i], 1);
    /* 2000 draws: each coordinate comes first 100 times, sigma 9.7 */
    for (uint32_t i = 0; i < 2000; i++) {
        hs_draw_order(7, i, D, a);
        first[a[0]]++;
    }
    for (size_t i = 0; i < D; i++)
        assert_true(first[i] > 55 && first[i] < 145);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curves), cmocka_unit_test(test_band),
        cmocka_unit_test(test_epochs), cmocka_unit_test(test_missing),
        cmocka_unit_test(test_draws),
    };

    return cmocka_run_group_tests_name("prune", tests, NULL, NULL);
}
