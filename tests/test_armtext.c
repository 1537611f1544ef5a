/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_armtext.c - arms in words: of options, in files, and as JSON and back.
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

#include "armkit.h"
#include "base/json.h"
#include "base/mem.h"

static void
says(const struct hs_error *err, const char *why)
{
    if (strstr(err->text, why) == NULL)
        fail_msg("'%s' is not in '%s'", why, err->text);
}

/* ---- words ---- */

static void
test_specs(void **state)
{
    struct hs_arm_specs s;
    struct hs_error err;

    (void)state;
    assert_int_equal(
        hs_arm_specs_scan("none,noop,value,random:7,random-sinks,rms:100000,"
                          "ntp:a b.hsz,ntp:c:d,file:c,bottom",
                          &s, &err),
        0);
    assert_int_equal(s.n, 10);
    assert_int_equal(s.v[0].kind, HS_ARM_NONE);
    assert_int_equal(s.v[3].n_draws, 7);
    assert_int_equal(s.v[4].n_draws, 20);
    assert_int_equal(s.v[5].n_draws, 100000);
    assert_string_equal(s.v[6].path, "a b.hsz");
    assert_string_equal(s.v[7].path, "c:d");
    assert_null(s.v[9].path);
    assert_true(hs_arm_specs_have(&s, HS_ARM_RANDOM_SINKS));
    assert_false(hs_arm_specs_have(&s, HS_ARM_WANDA));
    hs_arm_specs_free(&s);
    for (int k = 0; k < HS_N_ARM_KINDS; k++)
        assert_int_equal(hs_arm_is_drawn((enum hs_arm_kind)k),
                         k == HS_ARM_RANDOM || k == HS_ARM_RANDOM_SINKS ||
                             k == HS_ARM_RMS);
}

static void
test_bad_words(void **state)
{
    static const struct {
        const char *arms, *why;
    } specs[] = {
        {"", "'': no arm of that name"},
        {"none,", "'': no arm of that name"},
        {"values", "'values': no arm of that name"},
        {"None", "'None': no arm of that name"},
        {"value,none,value", "'value': it is there twice"},
        {"random:3,random:4", "'random:4': it is there twice"},
        {"file:a,file:b,file:a", "'file:a': it is there twice"},
        {"value:3", "'value:3': value takes no number and no file"},
        {"none:", "'none:': none takes no number and no file"},
        {"random:0", "'random:0': 0 is not within 1 to 100000"},
        {"random:100001", "'random:100001': 100001 is not within"},
        {"rms:", "'rms:': '' is not a whole number"},
        {"rms:a", "'rms:a': 'a' is not a whole number"},
        {"ntp", "'ntp': no file: ntp:FILE"},
        {"terminal:", "'terminal:': no file: terminal:FILE"},
        {"file:-", "'file:-': standard input is not for arms"},
        {"file:\xff", "the file's name is not UTF-8"},
    };
    static const struct {
        const char *sizes, *why;
    } sizes[] = {
        {"", "size '': '' is not a whole number"},
        {"1%,", "size '': '' is not a whole number"},
        {"1%,x%", "size 'x%': 'x' is not a finite number"},
        {"0", "size '0': 0 is not within"},
        {"101%", "size '101%': 101 is not within 0 to 100"},
    };
    static const struct {
        const char *mode, *why;
    } modes[] = {
        {"", "'' is not zero, mean, resample, scale=A or add=B"},
        {"zero=1", "'zero=1' is not zero, mean"},
        {"scale", "'scale' is not zero, mean"},
        {"add=", "add: '' is not a number"},
        {"scale=nan", "scale: 'nan' is not a finite number"},
        {"add=1e31", "add: 1e31 is not within"},
        {"mean@FILE", "'mean@FILE' is not zero, mean"},
        {"scale=1.0000000000000000000000000000000000",
         "is too long for a mode"},
    };
    struct hs_arm_specs s;
    struct hs_arm_sizes z;
    struct hs_arm_mode m;
    struct hs_error err;

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        assert_int_equal(hs_arm_specs_scan(specs[i].arms, &s, &err), -1);
        says(&err, specs[i].why);
        assert_null(s.v);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(hs_arm_sizes_scan(sizes[i].sizes, &z, &err), -1);
        says(&err, sizes[i].why);
        assert_null(z.v);
    }
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(hs_arm_mode_scan(modes[i].mode, &m, &err), -1);
        says(&err, modes[i].why);
    }
    assert_int_equal(hs_arm_mode_scan("add=-2.5", &m, &err), 0);
    assert_true(m.amount == -2.5 && m.mode == HS_EDIT_ADD);
    assert_string_equal(m.text, "add=-2.5");
    assert_int_equal(hs_arm_mode_scan("resample", &m, &err), 0);
    assert_true(m.amount == 0 && m.mode == HS_EDIT_RESAMPLE);
}

/* ---- files ---- */

/* Writes text to a file of the kit's folder: "WORD:PATH". */
static char *
list_file(const struct armkit *k, const char *name, const char *text, size_t n)
{
    struct hs_buf path = {0}, word = {0};
    FILE *f;

    hs_buf_printf(&path, "%s/%s", k->dir, name);
    f = fopen(hs_buf_cstr(&path), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    hs_buf_printf(&word, "file:%s", hs_buf_cstr(&path));
    hs_buf_free(&path);
    return hs_buf_cstr(&word);
}

static void
test_lists(void **state)
{
    static const char text[] =
        "# those of a paper\n\n 7\n3,9-11 , 0 # more\r\n"
        "\t63\n20-20";
    static const uint32_t want[] = {0, 3, 7, 9, 10, 11, 20, 63};
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"1\n64\n", "line 2: coordinate 64 is not within 0 to 63"},
        {"1-3\n2\n", "line 2: coordinate 2 is listed twice"},
        {"5,5", "line 1: coordinate 5 is listed twice"},
        {"7-5", "line 1: 7-5 runs backwards"},
        {"2\ttd\t3,4", "line 1: '2\ttd\t3' is not a whole number"},
        {"3,,4", "line 1: '' is not a whole number"},
        {"-1", "line 1: '' is not a whole number"},
        {"1-99999999999999999999", "line 1: "},
        {"0-4294967295", "coordinate 4294967295 is not within 0 to 63"},
        {"# none\n", "bad: no coordinates"},
        {"", "bad: no coordinates"},
    };
    struct armkit k;
    struct hs_armset s;
    struct hs_error err;
    const struct hs_arm *a;
    struct hs_buf label = {0};
    char *word;

    (void)state;
    armkit_init(&k);
    word = list_file(&k, "list", text, sizeof text - 1);
    s = armkit_made(&k, word, "1,2");
    assert_int_equal(s.n, 2);
    hs_buf_printf(&label, "L3/%s", word);
    a = armkit_arm(&s, hs_buf_cstr(&label));
    assert_ptr_equal(a, &s.v[1]);
    assert_null(a->size);
    assert_int_equal(a->edit.n, 8);
    assert_memory_equal(a->edit.coords, want, sizeof want);
    hs_armset_free(&s);
    free(word);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        word = list_file(&k, "bad", bad[i].text, strlen(bad[i].text));
        assert_int_equal(armkit_build(&k, word, "1", &s, &err), -1);
        says(&err, bad[i].why);
        free(word);
    }
    word = list_file(&k, "bad", "1\0002", 3);
    assert_int_equal(armkit_build(&k, word, "1", &s, &err), -1);
    says(&err, "bad: not a text file");
    free(word);
    assert_int_equal(armkit_build(&k, "file:/nowhere/x", "1", &s, &err), -1);
    says(&err, "/nowhere/x: No such file");
    hs_buf_free(&label);
    armkit_free(&k);
}

/* Rankings of another target in files. */
static void
test_other_rankings(void **state)
{
    struct armkit k;
    struct hs_ranking r[3];
    struct hs_armset s;
    struct hs_error err;
    struct hs_buf words = {0}, label = {0};
    bool want[KIT_DIM];
    char *path;

    (void)state;
    armkit_init(&k);
    r[0] = armkit_ranking(1, HS_TARGET_NTP, 300);
    r[1] = armkit_ranking(1, HS_TARGET_TERMINAL, 310);
    r[2] = armkit_ranking(3, HS_TARGET_NTP, 320);
    path = armkit_write(&k, "other", k.m->fingerprint, r, 3);
    hs_buf_printf(&words, "ntp:%s", path);
    s = armkit_made(&k, hs_buf_cstr(&words), "9");
    hs_buf_printf(&label, "L3/ntp:%s@9", path);
    for (size_t j = 0; j < KIT_DIM; j++)
        want[j] = r[2].rank[j] <= 9;
    armkit_expect(&s, hs_buf_cstr(&label), want);
    assert_int_equal(s.n, 2);
    hs_armset_free(&s);
    words.len = 0;
    hs_buf_printf(&words, "terminal:%s", path);
    assert_int_equal(armkit_build(&k, hs_buf_cstr(&words), "9", &s, &err), -1);
    says(&err, "other: no ranking of layer 3, target terminal");
    k.layers.n = 1;
    s = armkit_made(&k, hs_buf_cstr(&words), "9");
    for (size_t j = 0; j < KIT_DIM; j++)
        want[j] = r[1].rank[j] <= 9;
    label.len = 0;
    hs_buf_printf(&label, "L1/terminal:%s@9", path);
    armkit_expect(&s, hs_buf_cstr(&label), want);
    hs_armset_free(&s);
    free(path);
    path = armkit_write(&k, "other", "xyz", r, 3);
    assert_int_equal(armkit_build(&k, hs_buf_cstr(&words), "9", &s, &err), -1);
    says(&err, "other: rankings of another model: fingerprint 'xyz'");
    free(path);
    path = armkit_write(&k, "other", "", r, 3);
    s = armkit_made(&k, hs_buf_cstr(&words), "9");
    hs_armset_free(&s);
    free(path);
    for (size_t i = 0; i < 3; i++)
        hs_ranking_free(&r[i]);
    hs_buf_free(&words);
    hs_buf_free(&label);
    armkit_free(&k);
}

/* Where coordinates are pushed to is said by the ranking they come from. */
static void
test_own_slopes(void **state)
{
    struct armkit k;
    struct hs_ranking r[2];
    struct hs_armset s;
    struct hs_error err;
    struct hs_buf words = {0};
    char *path;

    (void)state;
    armkit_init(&k);
    for (size_t l = 0; l < 2; l++) {
        r[l] = armkit_ranking(k.layer[l], HS_TARGET_TERMINAL, 700);
        for (size_t j = 0; j < KIT_DIM; j++)
            k.ranks.v[l].slope[j] = NAN;
    }
    path = armkit_write(&k, "other", "", r, 2);
    hs_buf_printf(&words, "terminal:%s", path);
    assert_int_equal(hs_arm_mode_scan("add=2", &k.plan.mode, &err), 0);
    s = armkit_made(&k, hs_buf_cstr(&words), "9");
    for (size_t i = 0; i < s.n; i++)
        for (size_t c = 0; c < 9; c++)
            assert_true(
                s.v[i].edit.values[c] * r[i].slope[s.v[i].edit.coords[c]] >= 0);
    hs_armset_free(&s);
    k.plan.rank = NULL;
    s = armkit_made(&k, hs_buf_cstr(&words), "9");
    hs_armset_free(&s);
    free(path);
    for (size_t l = 0; l < 2; l++)
        hs_ranking_free(&r[l]);
    hs_buf_free(&words);
    armkit_free(&k);
}

/* ---- JSON ---- */

static void
same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL)
        assert_string_equal(a, b);
}

static void
same_arm(const struct hs_arm *a, const struct hs_arm *b)
{
    same_text(a->label, b->label);
    same_text(a->size, b->size);
    same_text(a->mode, b->mode);
    same_text(a->same_as, b->same_as);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->draw, b->draw);
    assert_int_equal(a->n_sinks, b->n_sinks);
    assert_int_equal(a->n_value, b->n_value);
    assert_int_equal(isnan(a->rms_ratio), isnan(b->rms_ratio));
    if (!isnan(a->rms_ratio))
        assert_true(fabs(a->rms_ratio - b->rms_ratio) <= 0.5001e-4);
    assert_int_equal(a->edit.mode, b->edit.mode);
    assert_int_equal(a->edit.where, b->edit.where);
    assert_int_equal(a->edit.layer, b->edit.layer);
    assert_int_equal(a->edit.n, b->edit.n);
    assert_int_equal(a->edit.values == NULL, b->edit.values == NULL);
    for (size_t i = 0; i < a->edit.n; i++) {
        assert_int_equal(a->edit.coords[i], b->edit.coords[i]);
        if (a->edit.values != NULL)
            assert_true(a->edit.values[i] == b->edit.values[i]);
    }
}

/* Through text, as a program that reads the head would see it. */
static json_t *
by_text(json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);
    struct hs_error err;
    json_t *back = hs_json_parse(text, strlen(text), "text", &err);

    assert_non_null(back);
    free(text);
    json_decref(j);
    return back;
}

static void
test_json(void **state)
{
    static const char *const modes[] = {"zero", "mean", "resample", "scale=0.1",
                                        "add=-1e-3"};
    struct armkit k;
    struct hs_armset s, t;
    struct hs_error err;
    json_t *j;

    (void)state;
    armkit_init(&k);
    for (int i = 0; i < 10; i++) {
        const char *arms = "none,noop,value,random:70,rms:2,bottom,rms-top";

        k.plan.where = (enum hs_edit_where)(i % 3);
        k.plan.rank = i < 5 || i == 9 ? &k.ranks : NULL;
        if (k.plan.rank == NULL)
            arms = "noop,random:3,random-sinks:2,magnitude,wanda";
        assert_int_equal(hs_arm_mode_scan(modes[i % 5], &k.plan.mode, &err), 0);
        s = armkit_made(&k, arms, "1,9");
        j = by_text(hs_armset_json(&s));
        if (hs_armset_read(&t, j, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(t.n, s.n);
        for (size_t a = 0; a < s.n; a++)
            same_arm(&s.v[a], &t.v[a]);
        json_decref(j);
        hs_armset_free(&s);
        hs_armset_free(&t);
    }
    j = json_array();
    assert_int_equal(hs_armset_read(&t, j, &err), 0);
    assert_int_equal(t.n, 0);
    json_decref(j);
    armkit_free(&k);
}

/* The keys in their order, and what stands for nothing. */
static void
test_json_keys(void **state)
{
    static const char *const keys[] = {
        "label",   "kind",    "layer",    "size",     "draw",
        "mode",    "where",   "n_coords", "coords",   "values",
        "same_as", "n_sinks", "n_value",  "rms_ratio"};
    struct armkit k;
    struct hs_armset s;
    struct hs_error err;
    const char *key;
    json_t *j, *value, *o;
    size_t n = 0;

    (void)state;
    armkit_init(&k);
    assert_int_equal(hs_arm_mode_scan("scale=2", &k.plan.mode, &err), 0);
    s = armkit_made(&k, "none,value,random:1", "3");
    j = hs_armset_json(&s);
    o = json_array_get(j, 1);
    json_object_foreach(o, key, value) assert_string_equal(key, keys[n++]);
    assert_int_equal(n, sizeof keys / sizeof keys[0]);
    assert_true(json_is_null(json_object_get(o, "draw")));
    assert_true(json_is_null(json_object_get(o, "same_as")));
    assert_true(json_number_value(json_object_get(o, "rms_ratio")) == 1);
    o = json_array_get(j, 0);
    assert_true(json_is_null(json_object_get(o, "layer")));
    assert_true(json_is_null(json_object_get(o, "size")));
    assert_true(json_is_null(json_object_get(o, "rms_ratio")));
    assert_null(json_object_get(o, "values"));
    assert_string_equal(json_string_value(json_object_get(o, "mode")), "");
    o = json_array_get(j, 2);
    assert_int_equal(json_integer_value(json_object_get(o, "draw")), 1);
    json_decref(j);
    hs_armset_free(&s);
    armkit_free(&k);
}

static void
test_bad_json(void **state)
{
    /* Arm 1 is none, 2 noop, 3 random, 4 file, both scaled. */
    static const char good[] =
        "[{'label':'none','kind':'none','layer':null,'mode':'','where':'all',"
        "'n_coords':0,'coords':[],'n_sinks':0,'n_value':0,'rms_ratio':null},"
        "{'label':'L1/noop','kind':'noop','layer':1,'mode':'','where':'all',"
        "'n_coords':0,'coords':[]},"
        "{'label':'r','kind':'random','layer':1,'size':'2','draw':4,"
        "'mode':'scale=2','where':'all','n_coords':2,'coords':[3,5],"
        "'values':[2,2.5],'n_sinks':1,'n_value':2,'rms_ratio':0.5},"
        "{'label':'f','kind':'file','layer':1,'mode':'zero','where':'all',"
        "'n_coords':1,'coords':[3],'same_as':'r'}]";
    static const struct {
        int arm;
        const char *key, *value, *why;
    } bad[] = {
        {1, "layer", "2", "arm 1: it has a layer"},
        {1, "mode", "'zero'", "arm 1: it has a mode"},
        {1, "size", "'1%'", "arm 1: it has a size"},
        {1, "draw", "1", "arm 1: it has a draw"},
        {1, "values", "[]", "arm 1: it has a list of values"},
        {1, "n_coords", "1", "arm 1: none with 1 coordinates"},
        {1, "n_sinks", "1", "arm 1: n_sinks: 1 is not within 0 to 0"},
        {1, "same_as", "'r'", "arm 1: it has a same_as"},
        {2, "layer", "null", "arm 2: no layer"},
        {2, "layer", "65536", "arm 2: layer: 65536 is not within"},
        {2, "label", "null", "arm 2: no label"},
        {2, "label", "5", "arm 2: label: not a string"},
        {2, "label", "'none'", "arm 2: label 'none' is there twice"},
        {2, "label", "'a\\u0000b'", "arm 2: label: no such text"},
        {2, "kind", "'value-sink'", "arm 2: kind 'value-sink' is not known"},
        {2, "kind", "null", "arm 2: no kind"},
        {2, "coords", "null", "arm 2: coords: not a list of 0"},
        {2, "where", "'prompt'", "arm 2: where 'prompt' is not known"},
        {2, "where", "null", "arm 2: no where"},
        {3, "draw", "null", "arm 3: no draw"},
        {3, "draw", "0", "arm 3: draw: 0 is not within"},
        {3, "size", "null", "arm 3: no size"},
        {3, "mode", "''", "arm 3: '' is not zero, mean"},
        {3, "mode", "'zero'", "arm 3: it has a list of values"},
        {3, "n_coords", "3", "arm 3: coords: not a list of 3"},
        {3, "n_coords", "0", "arm 3: random with 0 coordinates"},
        {3, "n_coords", "null", "arm 3: random with 0 coordinates"},
        {3, "n_coords", "-1", "arm 3: n_coords: not a whole number"},
        {3, "coords", "[5,3]", "arm 3: coords: not ascending numbers"},
        {3, "coords", "[3,3]", "arm 3: coords: not ascending numbers"},
        {3, "coords", "[3,4294967296]", "arm 3: coords: not ascending"},
        {3, "coords", "[-1,3]", "arm 3: coords: not ascending numbers"},
        {3, "coords", "['3',5]", "arm 3: coords: not ascending numbers"},
        {3, "coords", "{}", "arm 3: coords: not a list of 2"},
        {3, "values", "[2]", "arm 3: values: not a list of 2"},
        {3, "values", "null", "arm 3: values: not a list of 2"},
        {3, "values", "[2,1e39]", "arm 3: values: not numbers of f32"},
        {3, "values", "[2,null]", "arm 3: values: not numbers of f32"},
        {3, "n_sinks", "3", "arm 3: n_sinks: 3 is not within 0 to 2"},
        {3, "n_value", "3", "arm 3: n_value: 3 is not within 0 to 2"},
        {3, "rms_ratio", "'1'", "arm 3: rms_ratio: not a number"},
        {3, "rms_ratio", "-1", "arm 3: rms_ratio: below 0"},
        {3, "same_as", "'r'", "arm 3: same_as 'r' is no earlier arm"},
        {4, "size", "'1'", "arm 4: it has a size"},
        {4, "values", "[0]", "arm 4: it has a list of values"},
        {4, "same_as", "'L1/none'", "arm 4: same_as 'L1/none' is no earlier"},
    };
    struct hs_armset s;
    struct hs_error err;
    json_error_t je;
    json_t *j;

    (void)state;
    for (size_t i = 0; i <= sizeof bad / sizeof bad[0]; i++) {
        char *text = hs_strdup(good), *value;

        for (char *c = text; *c != '\0'; c++)
            *c = *c == '\'' ? '"' : *c;
        j = json_loads(text, 0, &je);
        free(text);
        assert_non_null(j);
        if (i == sizeof bad / sizeof bad[0]) {
            if (hs_armset_read(&s, j, &err) < 0)
                fail_msg("%s", err.text);
            assert_int_equal(s.n, 4);
            assert_true(s.v[2].edit.values[1] == 2.5f);
            assert_string_equal(s.v[3].same_as, "r");
            hs_armset_free(&s);
            json_decref(j);
            break;
        }
        value = hs_strdup(bad[i].value);
        for (char *c = value; *c != '\0'; c++)
            *c = *c == '\'' ? '"' : *c;
        json_object_set_new(
            json_array_get(j, (size_t)bad[i].arm - 1), bad[i].key,
            json_loads(value, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je));
        free(value);
        assert_int_equal(hs_armset_read(&s, j, &err), -1);
        says(&err, bad[i].why);
        assert_null(s.v);
        json_decref(j);
    }
    assert_int_equal(hs_armset_read(&s, NULL, &err), -1);
    says(&err, "arms: not a list");
    j = json_pack("[i]", 3);
    assert_int_equal(hs_armset_read(&s, j, &err), -1);
    says(&err, "arm 1: not an object");
    json_decref(j);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_specs),
        cmocka_unit_test(test_bad_words),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_other_rankings),
        cmocka_unit_test(test_own_slopes),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_keys),
        cmocka_unit_test(test_bad_json),
    };

    return cmocka_run_group_tests_name("armtext", tests, NULL, NULL);
}
