/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_depend.c - the dependence test, on a model whose only computation is
 * known (dependkit.h): the forward pass, the traces and all figures once more,
 * in double, for the sets that the arms took.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dependkit.h"
#include "memstream.h"

/* ---- figures, once more */

static double
correlation(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xy / sqrt(xx * yy);
}

/* Ranks by counting; equal means nearer than 1e-6. */
static void
ranks(const double *x, size_t n, double *r)
{
    for (size_t i = 0; i < n; i++) {
        r[i] = 0.5;
        for (size_t k = 0; k < n; k++)
            r[i] += fabs(x[k] - x[i]) < 1e-6 ? 0.5 : x[k] < x[i];
    }
}

static void
trace(size_t k, const struct hs_edit *edit, uint32_t j, double *out)
{
    const struct hs_trajectory *t = &kit.traj[k];

    for (size_t i = 0; i < kit.length[k]; i++) {
        double x[DIM];

        dependkit_state(t->tokens[t->n_prompt + i], edit, x);
        out[i] = x[j];
    }
}

static void
moments(const double *x, size_t n, double *mean, double *sd)
{
    double square = 0;

    *mean = 0;
    for (size_t i = 0; i < n; i++)
        *mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (x[i] - *mean) * (x[i] - *mean) / (double)n;
    *sd = sqrt(square);
}

/* corr, ratio and rho of a coordinate under an edit. */
static void
expect(const struct hs_depend *d, const struct hs_depend_arm *a, size_t c)
{
    uint32_t j = d->coords[c].index;
    double corr = 0, ratio = 0, n = 0, z[200], delta[200], rz[200], rd[200];
    size_t steps = 0;

    for (size_t k = 0; k < TRAJ; k++) {
        double x[32], y[32], mean, sd, mean2, sd2;
        const struct hs_rollouts *r = &kit.roll[k];

        trace(k, NULL, j, x);
        trace(k, a->edit, j, y);
        moments(x, kit.length[k], &mean, &sd);
        moments(y, kit.length[k], &mean2, &sd2);
        if (kit.length[k] >= 3) {
            n++;
            corr += sd2 > 1e-9 ? correlation(x, y, kit.length[k]) : 0;
            ratio += sd2 / sd;
        }
        for (size_t i = 1; i < r->n; i++) {
            double v = 0.9 * r->value[i] - r->value[i - 1];
            size_t from = r->at[i - 1], to = r->at[i];

            if (!(fabs(v) > 0.2 + 1e-9) ||
                !(fabs(r->value[i] - r->value[i - 1]) > 0.2 + 1e-9))
                continue;
            delta[steps] = v;
            z[steps] = 0;
            for (size_t s = from; s < to; s++) /* x[s] is s_(s + 1) */
                z[steps] += (y[s] - mean2) / sd / (double)(to - from);
            steps++;
        }
    }
    assert_int_equal(d->n_steps, steps);
    assert_int_equal(d->n_traces[c], (uint64_t)n);
    assert_true(fabs(a->corr[c] - corr / n) < 2e-5);
    assert_true(fabs(a->ratio[c] - ratio / n) < 2e-5);
    ranks(z, steps, rz);
    ranks(delta, steps, rd);
    moments(z, steps, &corr, &ratio);
    if (ratio > 1e-9)
        assert_true(fabs(a->rho[c] - correlation(rz, rd, steps)) < 2e-3);
    else
        assert_true(a->rho[c] == 0);
}

static bool
has(const struct hs_edit *e, uint32_t j)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->coords[i] == j)
            return true;
    return false;
}

/* ---- tests */

static void
figures_are_right(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d = dependkit_ran(&o);

    (void)state;
    assert_int_equal(d.n_coords, 4);
    assert_int_equal(d.n_arms, 42);
    assert_int_equal(d.n_traj, TRAJ);
    assert_true(d.n_steps > 10);
    assert_true(d.deviation > 1e-6 && d.deviation < 1e-3); /* of f16 */
    for (size_t a = 0; a < d.n_arms; a++)
        for (size_t c = 0; c < d.n_coords; c++)
            expect(&d, &d.arms[a], c);
    /* 10 reads value neurons alone */
    assert_int_equal(d.coords[0].index, 10);
    assert_true(d.arms[1].corr[0] == 0 && d.arms[1].ratio[0] == 0);
    assert_true(d.arms[1].rho[0] == 0 && d.arms[0].rho[0] != 0);
    assert_int_equal(d.arms[1].n_flat[0], TRAJ - 1);
    /* 11 another, which norms touch; 12 nothing at all */
    assert_true(d.arms[1].corr[1] > 0.9999 && d.arms[1].corr[1] < 1);
    assert_true(fabs(d.arms[1].corr[2] - 1) < 1e-12);
    assert_true(d.arms[1].ratio[2] == 1);
    assert_true(d.arms[1].rho[2] == d.arms[0].rho[2]);
    /* 13 one of them, and another more */
    assert_true(d.arms[1].corr[3] > 0.5 && d.arms[1].corr[3] < 0.999);
    assert_int_equal(d.coords[1].sign, -1);
    assert_int_equal(d.coords[3].sign, 1);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

/* Twice two coordinates at every row that is fed. */
static void
edits_are_counted(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d;
    uint64_t rows[3] = {0};

    (void)state;
    for (size_t k = 0; k < TRAJ; k++) {
        rows[HS_EDIT_ALL] += kit.traj[k].n_prompt + kit.length[k];
        rows[HS_EDIT_GENERATED] += kit.length[k];
        rows[HS_EDIT_NOT_FIRST] += kit.traj[k].n_prompt + kit.length[k] - 1;
    }
    for (int where = HS_EDIT_ALL; where <= HS_EDIT_NOT_FIRST; where++) {
        o.where = (enum hs_edit_where)where;
        d = dependkit_ran(&o);
        assert_int_equal(d.arms[0].edits, 0);
        for (size_t a = 1; a < d.n_arms; a++)
            assert_int_equal(d.arms[a].edits, 4 * rows[where]);
        hs_depend_close(&d);
    }
    hs_depend_options_free(&o);
}

static bool
same_arms(const struct hs_depend *a, const struct hs_depend *b)
{
    size_t n = a->n_coords;

    for (size_t i = 0; i < a->n_arms; i++)
        if (memcmp(a->arms[i].corr, b->arms[i].corr, n * sizeof(double)) != 0 ||
            memcmp(a->arms[i].ratio, b->arms[i].ratio, n * sizeof(double)) !=
                0 ||
            memcmp(a->arms[i].rho, b->arms[i].rho, n * sizeof(double)) != 0)
            return false;
    return true;
}

static void
placement_changes_nothing(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_depend first = dependkit_ran(&o);
    struct hs_error err = {0};

    (void)state;
    for (size_t batch = 1; batch < 60; batch += 19) {
        struct hs_team *team = hs_team_new(batch % 3 + 1, &err);
        struct hs_depend d;

        o.batch = batch;
        assert_int_equal(
            dependkit_run(&d, &o, dependkit_acts(1, 1), team, &err), 0);
        assert_true(same_arms(&first, &d));
        hs_depend_close(&d);
        hs_team_free(team);
    }
    hs_depend_close(&first);
    hs_depend_options_free(&o);
}

/* Whatever the tested coordinates are: draws do to them what value does. */
static void
draws_hold_what_is_tested(void **state)
{
    static const uint32_t tested[] = {1, 3, 10, 12};
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d;

    (void)state;
    o.coords.v = hs_calloc(4, sizeof(uint32_t));
    memcpy(o.coords.v, tested, sizeof tested);
    o.coords.n = 4;
    o.top.count = 6; /* of layer 1: 2 1 0 3 4 5, of layer 2: 3 2 0 1 4 5 */
    d = dependkit_ran(&o);
    assert_int_equal(d.n_coords, 4);
    assert_int_equal(d.coords[0].direct, 2);
    assert_int_equal(d.coords[1].direct, 2);
    assert_int_equal(d.coords[2].direct, 0);
    assert_int_equal(d.coords[0].sign, 0);
    assert_int_equal(d.coords[2].sign, 1);
    for (size_t a = 1; a < d.n_arms; a++) {
        for (size_t l = 0; l < 2; l++) {
            const struct hs_edit *e = &d.arms[a].edit[l];

            assert_int_equal(e->layer, l + 1);
            assert_int_equal(e->n, 6);
            assert_true(has(e, 1) && has(e, 3) && !has(e, 10) && !has(e, 12));
            assert_false(has(e, BIG) || has(e, SINK));
            for (size_t i = 0; i < e->n; i++) {
                uint32_t j = e->coords[i];

                assert_true(i == 0 || e->coords[i - 1] < j);
                if (d.arms[a].kind == HS_DEPEND_VALUE)
                    assert_true(j <= 5);
                if (d.arms[a].kind == HS_DEPEND_RMS && j != 1 && j != 3) {
                    /* nearest 8 of the free ones: 6, 7, 8, 9, 11, 13 ... */
                    assert_true(j > 5 && j < 24);
                }
            }
        }
    }
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

/* Sinks at the top of a ranking: value takes them, the reference does not. */
static void
sinks_are_passed_over(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d;

    (void)state;
    kit.ranks.v[1].sink[3] = HS_SINK_YES; /* the best of layer 2 */
    d = dependkit_ran(&o);
    assert_int_equal(d.n_sinks, 1);
    assert_int_equal(d.n_arms, 43);
    assert_int_equal(d.reference, 2);
    assert_string_equal(d.arms[2].label, "value-sinks");
    assert_true(has(&d.arms[1].edit[1], 3) && has(&d.arms[1].edit[1], 2));
    assert_true(has(&d.arms[2].edit[1], 2) && has(&d.arms[2].edit[1], 0));
    assert_true(has(&d.arms[2].edit[0], 2) && has(&d.arms[2].edit[0], 1));
    assert_true(d.arms[1].corr[0] == 0 && d.arms[2].corr[0] > 0.1);
    for (size_t a = 2; a < d.n_arms; a++)
        assert_false(has(&d.arms[a].edit[1], 3));
    for (size_t a = 0; a < d.n_arms; a++)
        for (size_t c = 0; c < d.n_coords; c++)
            expect(&d, &d.arms[a], c);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
    kit.ranks.v[1].sink[3] = HS_SINK_NO;
}

/* The first so many by evidence, and a limit of trajectories. */
static void
choices(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d;

    (void)state;
    o.first = 2;
    o.limit = 5;
    o.n_rms = 0;
    o.n_random = 3;
    d = dependkit_ran(&o);
    assert_int_equal(d.n_coords, 2);
    assert_int_equal(d.coords[0].index, 10);
    assert_int_equal(d.coords[1].index, 11);
    assert_int_equal(d.n_traj, 5);
    assert_int_equal(d.n_arms, 5);
    assert_int_equal(d.n_traces[0], 4);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

/* Thinned streams are checked where they have states. */
static void
thinned_streams(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d;
    struct hs_error err = {0};

    (void)state;
    assert_int_equal(dependkit_run(&d, &o, dependkit_acts(1, 4), NULL, &err),
                     0);
    assert_true(d.n_checked > 0 && d.n_checked < 50);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

static void
refused(struct hs_depend_options *o, int fd, const char *wanted)
{
    struct hs_depend d;
    struct hs_error err = {0};

    assert_int_equal(dependkit_run(&d, o, fd, NULL, &err), -1);
    if (strstr(err.text, wanted) == NULL)
        print_error("%s\n", err.text);
    assert_non_null(strstr(err.text, wanted));
    hs_depend_close(&d);
    hs_depend_options_free(o);
    *o = dependkit_options();
}

static void
other_states_are_refused(void **state)
{
    struct hs_depend_options o = dependkit_options();
    char keep;

    (void)state;
    refused(&o, dependkit_acts(1.25, 1),
            "acts.hsz: p0: layer 3, coordinate 10: the model's states differ "
            "by 0.2 of what is stored");
    refused(&o, dependkit_acts(-1, 1), "differ by 2 of what is stored");
    refused(&o, dependkit_acts(0, 1), "differ by inf of what is stored");
    keep = kit.head.fingerprint[0];
    kit.head.fingerprint[0] = 'x';
    refused(&o, dependkit_acts(1, 1),
            "acts.hsz: of another model: fingerprint 'x");
    kit.head.fingerprint[0] = keep;
    kit.rpe.head.fingerprint[0] = 'x';
    refused(&o, dependkit_acts(1, 1),
            "rpe.hsz: of another model: fingerprint 'x");
    kit.rpe.head.fingerprint[0] = keep;
    (void)json_object_set_new(kit.head.run, "edit", json_object());
    refused(&o, dependkit_acts(1, 1), "states of an edited model");
    (void)json_object_del(kit.head.run, "edit");
    hs_depend_options_free(&o);
}

static void
wrong_choices_are_refused(void **state)
{
    struct hs_depend_options o = dependkit_options();

    (void)state;
    o.edit_layers.v[1] = 3;
    refused(&o, dependkit_acts(1, 1),
            "coordinates of layer 3 can only depend on earlier "
            "layers, and layer 3 is none");
    o.edit_layers.v[0] = 0;
    refused(&o, dependkit_acts(1, 1), "layer 0");
    o.edit_layers.v[1] = 9;
    refused(&o, dependkit_acts(1, 1), "edit layers: 9 is not within 0 to 3");
    o.edit_layers.n = 0;
    refused(&o, dependkit_acts(1, 1), "no layers to edit");
    o.top.count = 65;
    refused(&o, dependkit_acts(1, 1), "65 coordinates of 64");
    o.top.count = 63;
    refused(&o, dependkit_acts(1, 1), "only 62 are no sinks");
    o.top.count = 40;
    refused(&o, dependkit_acts(1, 1), "partners by RMS, and only");
    o.coords = (struct hs_list){.v = hs_calloc(1, sizeof(uint32_t)), .n = 1};
    o.coords.v[0] = DIM;
    refused(&o, dependkit_acts(1, 1), "rpe.hsz: coordinate 64 is not below 64");
    o.layers = (struct hs_list){.v = hs_calloc(1, sizeof(uint32_t)), .n = 1};
    refused(&o, dependkit_acts(1, 1),
            "rpe.hsz: no scanned coordinates of these layers");
    memset(kit.rpe.coordinates->found, 0, DIM);
    refused(&o, dependkit_acts(1, 1), "rpe.hsz: no coordinate was found there");
    for (size_t j = 10; j < 14; j++)
        kit.rpe.coordinates->found[j] = 1;
    o.one_target = true;
    o.target = HS_TARGET_TD;
    refused(&o, dependkit_acts(1, 1), "td");
    o.gamma = (double)NAN;
    refused(&o, dependkit_acts(1, 1), "gamma");
    o.threshold = (double)NAN;
    refused(&o, dependkit_acts(1, 1), "threshold");
    hs_depend_options_free(&o);
}

/* A stream that is cut off, or has nothing in it. */
static void
damage_is_refused(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_buf b = contents(dependkit_acts(1, 1)), cut, both;
    struct hs_error err;
    struct hs_writer *out;
    int fd;

    (void)state;
    refused(&o, memory_file(b.data, b.len - 20), "acts.hsz: segment 1");
    /* the rest must be whole all the same */
    cut = (struct hs_buf){.data = b.data, .len = b.len - 20};
    both = joined(&b, &cut);
    o.limit = 1;
    refused(&o, memory_file(both.data, both.len), "acts.hsz: segment 2");
    hs_buf_free(&both);
    hs_buf_free(&b);
    fd = memory_file("", 0);
    out = hs_writer_open(fd, "acts", &kit.head, 1, &err);
    assert_int_equal(hs_writer_close(out, &err), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    refused(&o, fd, "acts.hsz: no trajectory");
    hs_depend_options_free(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_right),
        cmocka_unit_test(edits_are_counted),
        cmocka_unit_test(placement_changes_nothing),
        cmocka_unit_test(draws_hold_what_is_tested),
        cmocka_unit_test(sinks_are_passed_over),
        cmocka_unit_test(choices),
        cmocka_unit_test(thinned_streams),
        cmocka_unit_test(other_states_are_refused),
        cmocka_unit_test(wrong_choices_are_refused),
        cmocka_unit_test(damage_is_refused),
    };

    return cmocka_run_group_tests_name("depend", tests, dependkit_setup,
                                       dependkit_teardown);
}
