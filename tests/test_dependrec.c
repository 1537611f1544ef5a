/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_dependrec.c - a dependence test as records, in words and tables.
 */
#include <config.h>

#include <fcntl.h>
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
#include "modeldir.h"

/* ---- records and words */

static double
number(const json_t *j, const char *a, const char *b, const char *c)
{
    const json_t *x = json_object_get(json_object_get(j, a), b);

    return json_number_value(c != NULL ? json_object_get(x, c) : x);
}

static void
places_among_draws(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d = dependkit_ran(&o);
    json_t *j = hs_depend_json(&d), *c = json_object_get(j, "coordinates");

    (void)state;
    for (size_t i = 0; i < d.n_coords; i++) {
        static const enum hs_depend_kind kinds[] = {HS_DEPEND_RANDOM,
                                                    HS_DEPEND_RMS};
        static const char *const names[] = {"random", "rms"};

        for (size_t k = 0; k < 2; k++) {
            double sum = 0, low = 9, high = -9, as_low = 0, as_bad = 0;
            double sign = d.arms[0].rho[i] < 0 ? -1 : 1;
            const json_t *x = json_array_get(c, i);

            for (size_t a = 0; a < d.n_arms; a++) {
                if (d.arms[a].kind != kinds[k])
                    continue;
                sum += d.arms[a].corr[i];
                low = fmin(low, d.arms[a].corr[i]);
                high = fmax(high, d.arms[a].corr[i]);
                as_low += d.arms[a].corr[i] <= d.arms[1].corr[i];
                as_bad += sign * d.arms[a].rho[i] <= sign * d.arms[1].rho[i];
            }
            x = json_object_get(x, "corr");
            assert_true(fabs(number(x, names[k], "mean", NULL) - sum / 20) <
                        1e-12);
            assert_true(number(x, names[k], "low", NULL) == low);
            assert_true(number(x, names[k], "high", NULL) == high);
            assert_true(fabs(number(x, names[k], "p", NULL) -
                             (1 + as_low) / 21) < 1e-12);
            x = json_object_get(json_array_get(c, i), "rho");
            assert_true(fabs(number(x, names[k], "p", NULL) -
                             (1 + as_bad) / 21) < 1e-12);
        }
    }
    /* means over coordinates */
    assert_true(fabs(number(j, "mean", "corr", "value") -
                     (d.arms[1].corr[0] + d.arms[1].corr[1] +
                      d.arms[1].corr[2] + d.arms[1].corr[3]) /
                         4) < 1e-12);
    json_decref(j);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

/* Records go into a stream and come back; words and tables are made of them. */
static void
records_and_words(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d = dependkit_ran(&o);
    struct hs_encoded e = {0};
    struct hs_error err;
    struct hs_head head;
    struct hs_rpe back;
    json_t *j, *words;
    struct hs_buf b = {0};
    struct hs_writer *out;
    char *path = modeldir_empty();
    struct hs_buf name = {0};
    int fd;

    (void)state;
    hs_buf_printf(&name, "%s/dep.hsz", path);
    hs_depend_head(&d, &head);
    fd = open(hs_buf_cstr(&name), O_RDWR | O_CREAT, 0600);
    out = hs_writer_open(fd, "dep", &head, 1, &err);
    assert_int_equal(hs_depend_encode(&d, &e, &err), 0);
    assert_int_equal(hs_write_encoded(out, &e), 0);
    assert_int_equal(hs_writer_close(out, &err), 0);
    (void)close(fd);
    assert_int_equal(hs_rpe_load(&back, hs_buf_cstr(&name), &err), 0);
    assert_int_equal(json_array_size(back.others), 1 + d.n_arms);
    j = json_array_get(back.others, 0);
    words = hs_depend_words(j, &err);
    assert_non_null(words);
    assert_string_equal(
        json_string_value(json_array_get(words, 0)),
        "The first 2 of 64 value neurons (mc) were zeroed in layers 1-2, and "
        "14 responses read again: the traces of 4 coordinates correlate 0.74 "
        "with the unedited ones (1: untouched, 0: nothing is left).");
    assert_string_equal(json_string_value(json_array_get(words, 3)),
                        "Zeroing value neurons of earlier layers is not "
                        "distinguishable from zeroing others: no dependence is "
                        "shown.");
    assert_int_equal(hs_depend_print(&b, j, "tsv", &err), 0);
    assert_int_equal(strncmp(hs_buf_cstr(&b), "#layer\tindex", 12), 0);
    hs_buf_free(&b);
    assert_int_equal(hs_depend_print(&b, j, "table", &err), 0);
    hs_buf_free(&b);
    /* every member that words need */
    for (size_t i = 0; i < 2; i++) {
        json_t *copy = json_deep_copy(j);

        (void)json_object_del(copy, i == 0 ? "k" : "mean");
        assert_null(hs_depend_words(copy, &err));
        assert_non_null(strstr(err.text, "dependence: "));
        assert_int_equal(hs_depend_print(&b, copy, "tsv", &err), -1);
        json_decref(copy);
    }
    json_decref(words);
    hs_encoded_free(&e);
    hs_rpe_free(&back);
    hs_head_free(&head);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
    hs_buf_free(&name);
    modeldir_free(path);
}

/* Of the coordinate that reads value neurons alone. */
static void
one_that_depends(void **state)
{
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d;
    struct hs_error err;
    json_t *j, *words;

    (void)state;
    o.first = 1;
    d = dependkit_ran(&o);
    j = hs_depend_json(&d);
    words = hs_depend_words(j, &err);
    assert_string_equal(
        json_string_value(json_array_get(words, 0)),
        "The first 2 of 64 value neurons (mc) were zeroed in layers 1-2, and "
        "14 responses read again: the trace of 1 coordinate correlates 0.00 "
        "with the unedited one (1: untouched, 0: nothing is left).");
    assert_string_equal(json_string_value(json_array_get(words, 3)),
                        "Zeroing value neurons of earlier layers breaks the "
                        "trace more than draws do.");
    json_decref(words);
    json_decref(j);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

/* What the sentence makes of other figures. */
static void
verdicts(void **state)
{
    static const struct {
        double random, rms; /* p; -1: no such draws */
        const char *wanted;
    } cases[] = {
        {0.04, 0.04, "breaks the traces more than draws do."},
        {0.04, -1, "breaks the traces more than draws at random do."},
        {-1, 0.04, "breaks the traces more than draws of like RMS do."},
        {0.04, 0.5, "not more than coordinates as large"},
        {0.5, 0.04, "no clear dependence"},
        {0.5, 0.5, "not distinguishable from zeroing others"},
        {-1, 0.5, "not distinguishable from zeroing others"},
        {-1, -1, "Without draws"},
    };
    struct hs_depend_options o = dependkit_options();
    struct hs_depend d = dependkit_ran(&o);
    json_t *j = hs_depend_json(&d);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *copy = json_deep_copy(j), *words;
        json_t *corr = json_object_get(json_object_get(copy, "mean"), "corr");
        struct hs_error err;
        char *text;

        if (cases[i].random < 0)
            (void)json_object_del(corr, "random");
        else
            (void)json_object_set_new(json_object_get(corr, "random"), "p",
                                      json_real(cases[i].random));
        if (cases[i].rms < 0)
            (void)json_object_del(corr, "rms");
        else
            (void)json_object_set_new(json_object_get(corr, "rms"), "p",
                                      json_real(cases[i].rms));
        words = hs_depend_words(copy, &err);
        text = json_dumps(words, 0);
        assert_non_null(strstr(text, cases[i].wanted));
        free(text);
        json_decref(words);
        json_decref(copy);
    }
    json_decref(j);
    hs_depend_close(&d);
    hs_depend_options_free(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_among_draws),
        cmocka_unit_test(records_and_words),
        cmocka_unit_test(one_that_depends),
        cmocka_unit_test(verdicts),
    };

    return cmocka_run_group_tests_name("dependrec", tests, dependkit_setup,
                                       dependkit_teardown);
}
