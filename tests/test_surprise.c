/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_surprise.c - what surprise.h refuses, and problems with surprises of
 * both kinds.  Its figures are held against NumPy by surprise.sh.
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
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/tempfile.h"
#include "probe/synth.h"
#include "rpe/smooth.h"
#include "rpe/surprise.h"

struct world {
    struct hs_team *team;
    struct hs_trajset s;
    double *v0;
};

/* Four samples of each problem, with rollouts of their own. */
static int
setup(void **state)
{
    struct world *w = hs_calloc(1, sizeof *w);
    struct hs_list all = {.all = true};
    struct hs_synth_options o;
    struct hs_synth synth;
    struct hs_error err;
    struct hs_head head;
    struct hs_writer *writer;
    struct hs_reader *r;
    FILE *f = hs_tempfile(NULL, &err);

    assert_non_null(f);
    hs_synth_options_init(&o);
    o.width = 32;
    o.value.n = 4;
    o.dopamine.n = 2;
    o.trajectories = 200;
    o.samples = 4;
    o.rollouts = 3;
    o.known = 0.2;
    o.step_every = 4;
    assert_int_equal(hs_synth_init(&synth, &o, &err), 0);
    w->team = hs_team_new(2, &err);
    assert_non_null(w->team);
    hs_synth_head(&synth, &head);
    writer = hs_writer_open(fileno(f), "world", &head, 1, &err);
    assert_non_null(writer);
    hs_head_free(&head);
    assert_int_equal(hs_synth_write(&synth, writer, w->team, NULL, &err), 0);
    assert_int_equal(hs_writer_close(writer, &err), 0);
    assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
    r = hs_reader_open(dup(fileno(f)), "world");
    assert_int_equal(
        hs_trajset_read(&w->s, r, "world", &all, (uint64_t)1 << 30, &err), 0);
    hs_reader_close(r);
    (void)fclose(f);
    hs_synth_free(&synth);
    hs_synth_options_free(&o);
    hs_trajset_stats(&w->s, w->team);
    w->v0 = hs_calloc(w->s.n, sizeof *w->v0);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    hs_trajset_free(&w->s);
    hs_team_free(w->team);
    free(w->v0);
    free(w);
    return 0;
}

static int
run(struct world *w, const struct hs_surprise_options *o, const double *v_t,
    json_t **summary, struct hs_error *err)
{
    struct hs_rpe_coordinates c;
    int rc =
        hs_rpe_surprise(&w->s, 0, w->v0, v_t, o, w->team, &c, summary, err);

    hs_rpe_coordinates_free(&c);
    return rc;
}

static long
number(const json_t *j, const char *key)
{
    assert_true(json_is_integer(json_object_get(j, key)));
    return (long)json_integer_value(json_object_get(j, key));
}

/* Each trajectory's own three continuations of s_0: values are thirds, and one
 * sample may expect what another does not. */
static void
own_values(struct world *w)
{
    for (size_t j = 0; j < w->s.n; j++) {
        const struct hs_rollouts *r = w->s.traj[j].rollouts;

        w->v0[j] = (double)r->successes[0] / r->k[0];
    }
}

static void
test_mixed(void **state)
{
    struct world *w = *state;
    struct hs_surprise_options o;
    struct hs_error err;
    json_t *summary;
    int seen[50] = {0}, many[3] = {0}, mixed = 0, problems[3] = {0};

    own_values(w);
    hs_surprise_options_init(&o);
    o.n_permutations = 99;
    assert_int_equal(w->s.n_problems, 50);
    assert_int_equal(run(w, &o, NULL, &summary, &err), 0);
    /* a fifth or more have 0 of 3, as many 3 of 3: the bounds */
    assert_true(json_number_value(json_object_get(summary, "low")) < 0.4);
    assert_true(json_number_value(json_object_get(summary, "high")) > 0.6);
    for (int pass = 0; pass < 2; pass++)
        for (size_t j = 0; j < w->s.n; j++) {
            const struct hs_traj *t = &w->s.traj[j];
            int kind =
                t->reward == 1 &&
                        w->v0[j] <=
                            json_number_value(json_object_get(summary, "low"))
                    ? 1
                : t->reward == 0 &&
                        w->v0[j] >=
                            json_number_value(json_object_get(summary, "high"))
                    ? 2
                    : 0;

            if (pass == 0)
                seen[t->problem] |= kind;
            else if (seen[t->problem] != 3)
                many[kind]++;
        }
    for (int p = 0; p < 50; p++) {
        mixed += seen[p] == 3;
        problems[1] += seen[p] == 1;
        problems[2] += seen[p] == 2;
    }
    assert_true(mixed > 0);
    assert_int_equal(number(summary, "mixed"), mixed);
    assert_int_equal(number(summary, "pleasant"), many[1]);
    assert_int_equal(number(summary, "unpleasant"), many[2]);
    assert_int_equal(number(summary, "pleasant_problems"), problems[1]);
    assert_int_equal(number(summary, "unpleasant_problems"), problems[2]);
    json_decref(summary);
}

/* V(s_0) by rollouts is that of all samples of a problem. */
static void
test_v0(void **state)
{
    struct world *w = *state;
    double *v0 = hs_calloc(w->s.n, sizeof *v0);

    assert_int_equal(hs_rpe_v0_rollouts(&w->s, v0), w->s.n);
    for (size_t j = 0; j < w->s.n; j++) {
        unsigned right = 0, k = 0;

        for (size_t i = 0; i < w->s.n; i++)
            if (w->s.traj[i].problem == w->s.traj[j].problem) {
                right += w->s.traj[i].rollouts->successes[0];
                k += w->s.traj[i].rollouts->k[0];
            }
        assert_int_equal(k, 12);
        assert_true(fabs(v0[j] - right / 12.0) < 1e-15);
    }
    free(v0);
}

static void
test_refusals(void **state)
{
    struct world *w = *state;
    struct hs_surprise_options usual, o;
    struct hs_error err = {{0}};
    json_t *summary;
    double *v_t = hs_calloc(w->s.n_states, sizeof *v_t);

    own_values(w);
    hs_surprise_options_init(&usual);
    usual.n_permutations = 99;
    o = usual;
    o.window = 4;
    assert_int_equal(run(w, &o, NULL, &summary, &err), -1);
    assert_string_equal(err.text, "a window of 4: it is odd");
    assert_null(summary);
    o = usual;
    o.quantile = 0.6;
    assert_int_equal(run(w, &o, NULL, &summary, &err), -1);
    o.quantile = (double)NAN;
    assert_int_equal(run(w, &o, NULL, &summary, &err), -1);
    o = usual;
    o.alpha = 0;
    assert_int_equal(run(w, &o, NULL, &summary, &err), -1);
    v_t[7] = (double)NAN;
    assert_int_equal(run(w, &usual, v_t, &summary, &err), -1);
    assert_non_null(strstr(err.text, "V of state 7 is no finite number"));
    /* all the same: nothing is taken out by it, and nothing goes wrong */
    v_t[7] = 0;
    assert_int_equal(run(w, &usual, v_t, &summary, &err), 0);
    json_decref(summary);
    for (size_t j = 0; j < w->s.n; j++)
        w->v0[j] = 0.5;
    assert_int_equal(run(w, &usual, NULL, &summary, &err), -1);
    assert_non_null(strstr(err.text, "does not tell trajectories apart"));
    for (size_t j = 0; j < w->s.n; j++)
        w->v0[j] = (double)NAN;
    assert_int_equal(run(w, &usual, NULL, &summary, &err), -1);
    assert_non_null(strstr(err.text, "0 of 200 trajectories have a V(s_0)"));
    free(v_t);
}

static void
test_smooth(void **state)
{
    const float x[] = {1, 10, 2, 20, 6, 30, 3, 40};
    const float want[] = {1.5F, 15, 3, 20, 11 / 3.0F, 30, 4.5F, 35};
    float out[8];

    (void)state;
    hs_smooth(x, 4, 2, 3, out);
    for (int i = 0; i < 8; i++)
        assert_true(fabsf(out[i] - want[i]) < 1e-6F);
    hs_smooth(x, 4, 2, 1, out);
    assert_memory_equal(out, x, sizeof x);
    hs_smooth(x, 4, 2, 99, out);
    for (int i = 0; i < 8; i++)
        assert_true(fabsf(out[i] - (i % 2 ? 25 : 3)) < 1e-6F);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_v0),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_smooth),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
