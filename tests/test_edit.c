/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_edit.c - edits of rows, how they are written, and what they do to the
 * states behind them.
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
#include "model/edit.h"
#include "modeldir.h"

enum {
    DIM = 20
};

/* Parses spec, and applies it to the row 1, 2, 3, ... */
static size_t
apply(const char *spec, const char *coords, size_t pos, float *x)
{
    struct hs_edit e;
    struct hs_error err;
    size_t n;

    if (hs_edit_parse(&e, spec, coords, DIM, &err) < 0)
        fail_msg("%s: %s", spec, err.text);
    for (size_t i = 0; i < DIM; i++)
        x[i] = (float)(i + 1);
    n = hs_edit_row(&e, x, &(struct hs_edit_at){.pos = pos, .n_prompt = 3});
    hs_edit_free(&e);
    return n;
}

static void
test_modes(void **state)
{
    float x[DIM];

    (void)state;
    assert_int_equal(apply("zero", "3,7-9", 0, x), 4);
    for (size_t i = 0; i < DIM; i++)
        assert_true(x[i] ==
                    (i == 3 || (i >= 7 && i <= 9) ? 0 : (float)(i + 1)));
    assert_int_equal(apply("mean=-2.5", "0,19", 0, x), 2);
    assert_true(x[0] == -2.5f && x[19] == -2.5f && x[1] == 2);
    assert_int_equal(apply("scale=0.5", "4", 0, x), 1);
    assert_true(x[4] == 2.5f && x[3] == 4 && x[5] == 6);
    assert_int_equal(apply("add=10", "all", 0, x), DIM);
    for (size_t i = 0; i < DIM; i++)
        assert_true(x[i] == (float)(i + 11));
}

static void
test_where(void **state)
{
    static const struct {
        const char *name;
        bool at[5]; /* positions 0 to 4, three of them prompt */
    } cases[] = {
        {"all", {true, true, true, true, true}},
        {"generated", {false, false, false, true, true}},
        {"not-first", {false, true, true, true, true}},
    };
    struct hs_edit e;
    struct hs_error err;
    enum hs_edit_where w;

    (void)state;
    assert_int_equal(hs_edit_parse_where(&w, "prompt"), -1);
    assert_int_equal(hs_edit_parse(&e, "zero", "2,5", DIM, &err), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hs_edit_parse_where(&e.where, cases[i].name), 0);
        for (size_t pos = 0; pos < 5; pos++) {
            float x[DIM];

            for (size_t k = 0; k < DIM; k++)
                x[k] = 1;
            assert_int_equal(
                hs_edit_row(&e, x,
                            &(struct hs_edit_at){.pos = pos, .n_prompt = 3}),
                cases[i].at[pos] ? 2 : 0);
            assert_true(x[2] == (cases[i].at[pos] ? 0 : 1) && x[3] == 1);
        }
    }
    hs_edit_free(&e);
}

static char *
file_of(const char *dir, const char *text)
{
    struct hs_buf path = {0};
    FILE *f;

    hs_buf_printf(&path, "%s/coords", dir);
    f = fopen(hs_buf_cstr(&path), "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return hs_buf_cstr(&path);
}

static void
test_files(void **state)
{
    static const struct {
        const char *text, *message; /* message NULL: accepted */
    } cases[] = {
        {"# mean\n3 1.5\n\n7\t-2\n", NULL},
        {"3 1.5\n3 2\n", "line 2: coordinate 3 is listed twice"},
        {"20 1\n", "line 1: coordinate 20 is not within 0 to 19"},
        {"-1 1\n", "line 1: "},
        {"3\n", "line 1: no value behind the coordinate"},
        {"3 1 2\n", "line 1: more than two columns"},
        {"3 nan\n", "line 1: "},
        {"3 1e31\n", "line 1: "},
        {"3 x\n", "line 1: "},
        {"# nothing\n", "no coordinates"},
        {"", "no coordinates"},
    };
    char *dir = modeldir_empty();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = file_of(dir, cases[i].text);
        struct hs_buf spec = {0};
        struct hs_edit e;
        struct hs_error err = {0};
        int rc;

        hs_buf_printf(&spec, "mean@%s", path);
        rc = hs_edit_parse(&e, hs_buf_cstr(&spec), NULL, DIM, &err);
        if ((rc == 0) != (cases[i].message == NULL) ||
            (rc < 0 && strstr(err.text, cases[i].message) == NULL))
            fail_msg("%s: %s", cases[i].text, rc ? err.text : "accepted");
        if (rc == 0) {
            assert_int_equal(e.n, 2);
            assert_int_equal(e.coords[1], 7);
            assert_true(e.values[0] == 1.5f && e.values[1] == -2);
        }
        hs_edit_free(&e);
        hs_buf_free(&spec);
        free(path);
    }
    modeldir_free(dir);
}

static void
test_refused(void **state)
{
    static const struct {
        const char *spec, *coords, *message;
    } cases[] = {
        {"nothing", "1", "'nothing' is not zero, mean=A"},
        {"zero=1", "1", "'zero=1' is not zero, mean=A"},
        {"scale", "1", "'scale' is not zero"},
        {"mean", "1", "'mean' is not zero"},
        {"add=", "1", ""},
        {"add=1x", "1", ""},
        {"add=inf", "1", ""},
        {"zero", NULL, "no --edit-coords"},
        {"zero@x", NULL, "zero takes no file"},
        {"add@x", "1", "add@x names its coordinates, --edit-coords is one"},
        {"add@/nowhere/x", NULL, "/nowhere/x: No such file"},
        {"zero", "20", ""},
        {"zero", "@/nowhere/x", "/nowhere/x: No such file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hs_edit e;
        struct hs_error err = {0};

        if (hs_edit_parse(&e, cases[i].spec, cases[i].coords, DIM, &err) == 0)
            fail_msg("accepted: %s", cases[i].spec);
        if (err.text[0] == '\0' || strstr(err.text, cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].spec, err.text);
        assert_true(e.coords == NULL && e.values == NULL && e.n == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
