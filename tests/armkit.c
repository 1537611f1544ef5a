/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armkit.c - see armkit.h.
 */
#include <config.h>

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "armkit.h"
#include "base/mem.h"
#include "base/rng.h"
#include "modeldir.h"

/* Within 0 and 1, for coordinate j. */
static double
made_up(uint32_t key, size_t j)
{
    return hs_rng_uniform(99, 1, key, (uint32_t)j);
}

static double *
numbers(uint32_t key, double low, double high)
{
    double *v = hs_calloc(KIT_DIM, sizeof *v);

    for (size_t j = 0; j < KIT_DIM; j++)
        v[j] = low + (high - low) * made_up(key, j);
    return v;
}

static void
make_calibration(struct armkit *k)
{
    k->calib.dim = KIT_DIM;
    k->calib.n = 2;
    k->calib.v = hs_calloc(2, sizeof *k->calib.v);
    for (uint32_t l = 0; l < 2; l++) {
        struct hs_calib_layer *c = &k->calib.v[l];

        c->layer = k->layer[l];
        c->n = 10;
        c->mean = numbers(10 * l, -3, 3);
        c->sigma = numbers(10 * l + 1, 0.5, 2);
        c->rms = numbers(10 * l + 2, -2, 3);
        for (size_t j = 0; j < KIT_DIM; j++)
            c->rms[j] = exp(c->rms[j]);
        c->normed = numbers(10 * l + 3, 0.1, 1);
        c->pos0_abs = numbers(10 * l + 4, 0, 1);
        c->outlier = numbers(10 * l + 5, 0, 0.1);
        c->sink = hs_calloc(KIT_DIM, 1);
        for (size_t j = 0; j < KIT_DIM; j++)
            c->sink[j] = j % 5 == 0 ? HS_SINK_UNKNOWN : HS_SINK_NO;
    }
    k->calib.v[0].sink[KIT_SINK] = HS_SINK_YES;
}

struct hs_ranking
armkit_ranking(uint32_t layer, enum hs_target target, uint32_t key)
{
    struct hs_ranking r = {.layer = layer,
                           .target = target,
                           .by = HS_BY_L1,
                           .d = KIT_DIM,
                           .n_seeds = 1,
                           .n_top = 1};

    hs_ranking_alloc(&r);
    r.seed_order = hs_calloc(KIT_DIM, sizeof *r.seed_order);
    for (size_t j = 0; j < KIT_DIM; j++) {
        size_t before = 0;

        for (size_t i = 0; i < KIT_DIM; i++)
            before += made_up(key, i) < made_up(key, j);
        r.order[before] = r.seed_order[before] = (uint32_t)j;
        r.rank[j] = (uint32_t)before + 1;
        r.rms_rank[j] = (uint32_t)j + 1;
        r.rms[j] = 1;
        r.slope[j] = (float)(made_up(key + 1, j) - 0.5);
        r.sink[j] = j % 7 == 0 ? HS_SINK_UNKNOWN : HS_SINK_NO;
    }
    return r;
}

void
armkit_init(struct armkit *k)
{
    struct hs_error err;
    struct hs_ranking r;

    *k = (struct armkit){.layer = {1, 3}};
    k->dir = modeldir_new("dim=64 heads=4 layers=3 ffn=80 tied=0");
    k->m = hs_model_open(k->dir, &err);
    assert_non_null(k->m);
    k->layers = (struct hs_list){.v = k->layer, .n = 2};
    make_calibration(k);
    hs_head_init(&k->ranks.head, "rankings");
    hs_head_set(&k->ranks.head.fingerprint, k->m->fingerprint);
    k->ranks.head.dim = KIT_DIM;
    for (uint32_t l = 0; l < 2; l++) {
        r = armkit_ranking(k->layer[l], HS_TARGET_TD, 100 + 10 * l);
        if (l == 0)
            r.sink[KIT_RANK_SINK] = HS_SINK_YES;
        hs_rankings_add(&k->ranks, &r);
    }
    k->plan = (struct hs_arm_plan){.specs = &k->specs,
                                   .sizes = &k->sizes,
                                   .layers = &k->layers,
                                   .seed = 5,
                                   .rank = &k->ranks,
                                   .rank_name = "rank",
                                   .calib = &k->calib,
                                   .model = k->m};
    assert_int_equal(hs_arm_mode_scan("zero", &k->plan.mode, &err), 0);
}

void
armkit_free(struct armkit *k)
{
    hs_calib_free(&k->calib);
    hs_rankings_free(&k->ranks);
    hs_model_free(k->m);
    modeldir_free(k->dir);
    *k = (struct armkit){0};
}

char *
armkit_write(const struct armkit *k, const char *name, const char *fingerprint,
             const struct hs_ranking *r, size_t n)
{
    struct hs_buf path = {0};
    struct hs_encoded e = {0};
    struct hs_error err;
    struct hs_writer *w;
    struct hs_head h;
    int fd;

    hs_buf_printf(&path, "%s/%s", k->dir, name);
    fd = open(hs_buf_cstr(&path), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    hs_head_init(&h, "rankings");
    hs_head_set(&h.fingerprint, fingerprint);
    h.dim = KIT_DIM;
    w = hs_writer_open(fd, "out", &h, 1, &err);
    assert_non_null(w);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(hs_encode_ranking(&e, &r[i], &err), 0);
    assert_int_equal(hs_write_encoded(w, &e), 0);
    assert_int_equal(hs_writer_close(w, &err), 0);
    assert_int_equal(close(fd), 0);
    hs_encoded_free(&e);
    hs_head_free(&h);
    return hs_buf_cstr(&path);
}

int
armkit_build(struct armkit *k, const char *arms, const char *sizes,
             struct hs_armset *out, struct hs_error *err)
{
    int rc;

    *out = (struct hs_armset){0};
    if (hs_arm_specs_scan(arms, &k->specs, err) < 0)
        return -1;
    if (hs_arm_sizes_scan(sizes, &k->sizes, err) < 0) {
        hs_arm_specs_free(&k->specs);
        return -1;
    }
    rc = hs_arms_build(out, &k->plan, err);
    hs_arm_specs_free(&k->specs);
    hs_arm_sizes_free(&k->sizes);
    return rc;
}

struct hs_armset
armkit_made(struct armkit *k, const char *arms, const char *sizes)
{
    struct hs_armset s;
    struct hs_error err;

    if (armkit_build(k, arms, sizes, &s, &err) < 0)
        fail_msg("%s at %s: %s", arms, sizes, err.text);
    return s;
}

const struct hs_arm *
armkit_arm(const struct hs_armset *s, const char *label)
{
    const struct hs_arm *a = hs_armset_find(s, label);

    if (a == NULL)
        fail_msg("no arm %s", label);
    return a;
}

void
armkit_expect(const struct hs_armset *s, const char *label, const bool *want)
{
    const struct hs_edit *e = &armkit_arm(s, label)->edit;
    size_t n = 0;

    for (size_t j = 0; j < KIT_DIM; j++)
        if (want[j] && (n >= e->n || e->coords[n++] != j))
            fail_msg("%s: coordinate %zu is not there", label, j);
    if (n != e->n)
        fail_msg("%s: %zu coordinates, not %zu", label, e->n, n);
}
