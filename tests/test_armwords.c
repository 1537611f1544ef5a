/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_armwords.c - the table, the lines of TSV and the verdict of made-up
 * ablations: a cause, a decoy, and runs too small to tell.
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

#include "ablate/armdata.h"
#include "armstream.h"
#include "base/json.h"
#include "memstream.h"

/* What arms of a kind do to a model that fails the first problems; shift
 * makes others fail. */
struct effect {
    const char *kind, *size;
    uint32_t layer, n_draws, n_wrong, spread, shift;
    float neutral, own; /* log-probabilities */
    uint32_t n_sinks;
    double rms_ratio;
    bool mute; /* never ends, says one thing */
    uint32_t n_missing;
    const char *same_as;
};

struct world {
    struct kit_arm *arms;
    struct kit_answer *answers;
    char (*labels)[40];
    size_t n_arms, n;
};

enum {
    MOST_ARMS = 150,
    MOST_ANSWERS = 20000
};

static bool
is(const struct effect *e, const char *kind)
{
    return strcmp(e->kind, kind) == 0;
}

static struct kit_arm
make_arm(const struct effect *e, uint32_t i, char label[40])
{
    bool edited = !is(e, "none") && !is(e, "noop");
    struct kit_arm a = {.label = label, .kind = e->kind, .layer = e->layer};

    if (is(e, "none"))
        (void)snprintf(label, 40, "none");
    else if (e->size == NULL)
        (void)snprintf(label, 40, "L%u/%s%s", e->layer, e->kind,
                       is(e, "file") ? ":decoys.txt" : "");
    else if (e->n_draws > 0)
        (void)snprintf(label, 40, "L%u/%s.%u@%s", e->layer, e->kind, i + 1,
                       e->size);
    else
        (void)snprintf(label, 40, "L%u/%s@%s", e->layer, e->kind, e->size);
    a.size = e->size;
    a.draw = e->n_draws > 0 ? i + 1 : 0;
    a.mode = edited ? "zero" : "";
    a.where = "all";
    a.n_coords = edited ? 2 : 0;
    a.first = i;
    a.same_as = e->same_as;
    a.n_sinks = e->n_sinks;
    a.rms_ratio = edited ? e->rms_ratio : NAN;
    return a;
}

static void
add(struct world *w, const struct effect *e, size_t arm, const char *part,
    uint32_t i, uint32_t n_wrong, uint32_t n)
{
    struct kit_answer *a = &w->answers[w->n++];
    bool neutral = strcmp(part, HS_PART_NEUTRAL) == 0;
    bool replay = neutral || strcmp(part, HS_PART_OWN) == 0;

    *a = (struct kit_answer){.arm = arm, .part = part, .problem = i};
    a->n_prompt = 3;
    a->n_new = e->mute ? 40 : 10 + i % 4;
    if (replay)
        a->n_new = 12;
    a->reward = replay ? -1 : (i + e->shift) % n >= n_wrong;
    a->finish = replay ? "replay" : e->mute ? "length" : "eos";
    a->parsed = !e->mute;
    a->salt = e->mute ? 0 : i;
    a->logprob = neutral ? e->neutral : e->own;
}

static void
make_world(struct world *w, const struct effect *e, size_t n_effects,
           uint32_t n, bool also)
{
    *w = (struct world){0};
    w->arms = hs_calloc(MOST_ARMS, sizeof *w->arms);
    w->labels = hs_calloc(MOST_ARMS, sizeof *w->labels);
    w->answers = hs_calloc(MOST_ANSWERS, sizeof *w->answers);
    for (; n_effects-- > 0; e++)
        for (uint32_t d = 0; d < (e->n_draws > 0 ? e->n_draws : 1); d++) {
            size_t arm = w->n_arms++;
            uint32_t wrong = e->n_wrong + d * e->spread;

            w->arms[arm] = make_arm(e, d, w->labels[arm]);
            if (e->same_as != NULL)
                continue;
            for (uint32_t i = 0; i + e->n_missing < n; i++)
                add(w, e, arm, HS_PART_PROBLEMS, i, wrong, n);
            for (uint32_t i = 0; i < 20 && also; i++)
                add(w, e, arm, HS_PART_ALSO, i, wrong / 10, 20);
            for (uint32_t i = 0; i < 3 && e->neutral < 0; i++) {
                add(w, e, arm, HS_PART_OWN, i, 0, 3);
                add(w, e, arm, HS_PART_NEUTRAL, i, 0, 3);
            }
        }
}

static struct hs_armsum *
summary_of(const struct world *w)
{
    struct hs_error err = {""};
    struct hs_buf b = kit_stream(w->arms, w->n_arms, "x", w->answers, w->n);
    struct hs_armsum *s = kit_read(&b, 1, &err);

    if (s == NULL || hs_armsum_finish(s, &err) < 0)
        fail_msg("%s", err.text);
    hs_buf_free(&b);
    return s;
}

static void
free_world(struct world *w)
{
    free(w->arms);
    free(w->labels);
    free(w->answers);
}

/* Prints a summary and compares it with a file of tests/expected. */
static void
prints(const struct effect *e, size_t n_effects, uint32_t n, bool also,
       const char *file)
{
    const char *dir = getenv("HS_SRCDIR");
    struct hs_error err = {""};
    struct hs_buf b = {0}, path = {0};
    struct hs_armsum *s;
    struct world w;
    size_t len;
    char *want;

    if (dir == NULL)
        fail_msg("no HS_SRCDIR: run through make check");
    hs_buf_printf(&path, "%s/tests/expected/%s", dir, file);
    want = hs_read_file(hs_buf_cstr(&path), 1 << 20, &len, &err);
    if (want == NULL)
        fail_msg("%s", err.text);
    make_world(&w, e, n_effects, n, also);
    s = summary_of(&w);
    hs_armsum_print(&b, s, "table");
    if (strcmp(hs_buf_cstr(&b), want) != 0)
        fail_msg("not what %s has:\n%s", file, hs_buf_cstr(&b));
    hs_buf_free(&b);
    hs_buf_free(&path);
    free(want);
    hs_armsum_free(s);
    free_world(&w);
}

/* Whether a line of the verdict holds a text, or is it. */
static bool
find_words(const struct hs_armsum *s, const char *text, bool whole)
{
    json_t *verdict = hs_armsum_verdict(s), *v;
    bool found = false;
    size_t i;

    json_array_foreach(verdict, i, v)
    {
        const char *line = json_string_value(v);

        found = found ||
                (whole ? strcmp(line, text) == 0 : strstr(line, text) != NULL);
    }
    json_decref(verdict);
    return found;
}

static bool
says(const struct hs_armsum *s, const char *text)
{
    return find_words(s, text, false);
}

static bool
says_line(const struct hs_armsum *s, const char *text)
{
    return find_words(s, text, true);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct effect cause[] = {
    {.kind = "none", .n_wrong = 24, .neutral = -1, .own = -0.25f},
    {.kind = "noop", .layer = 2, .n_wrong = 24, .neutral = -1, .own = -0.25f},
    {.kind = "value",
     .layer = 2,
     .size = "1%",
     .n_wrong = 96,
     .neutral = -1.03f,
     .own = -0.5f,
     .rms_ratio = 1},
    {.kind = "bottom",
     .layer = 2,
     .size = "1%",
     .n_wrong = 25,
     .shift = 1,
     .neutral = -1,
     .own = -0.25f,
     .rms_ratio = 0.1},
    {.kind = "random",
     .layer = 2,
     .size = "1%",
     .n_draws = 20,
     .n_wrong = 24,
     .spread = 1,
     .shift = 2,
     .neutral = -1,
     .own = -0.25f,
     .rms_ratio = 0.3},
    {.kind = "rms",
     .layer = 2,
     .size = "1%",
     .n_draws = 20,
     .n_wrong = 30,
     .spread = 2,
     .neutral = -1,
     .own = -0.25f,
     .rms_ratio = 0.95},
    {.kind = "magnitude",
     .layer = 2,
     .size = "1%",
     .n_wrong = 120,
     .neutral = -5,
     .own = -4,
     .rms_ratio = 3,
     .mute = true},
    {.kind = "wanda",
     .layer = 2,
     .size = "1%",
     .same_as = "L2/magnitude@1%",
     .rms_ratio = 3},
};

static void
test_cause(void **state)
{
    (void)state;
    prints(cause, COUNT(cause), 120, true, "arms-cause.txt");
}

static const struct effect decoy[] = {
    {.kind = "none", .n_wrong = 8},
    {.kind = "value",
     .layer = 3,
     .size = "2",
     .n_wrong = 8,
     .n_sinks = 1,
     .rms_ratio = 1},
    {.kind = "random",
     .layer = 3,
     .size = "2",
     .n_draws = 5,
     .n_wrong = 8,
     .spread = 1,
     .n_missing = 1,
     .rms_ratio = 0.3},
    {.kind = "rms",
     .layer = 3,
     .size = "2",
     .n_draws = 1,
     .n_wrong = 7,
     .rms_ratio = 0.5},
    {.kind = "file", .layer = 3, .n_wrong = 32, .rms_ratio = 1},
    {.kind = "bottom",
     .layer = 3,
     .size = "2",
     .n_missing = 40,
     .rms_ratio = 0.1},
    {.kind = "value",
     .layer = 4,
     .size = "2",
     .n_wrong = 14,
     .n_sinks = 2,
     .rms_ratio = 1},
};

static void
test_decoy(void **state)
{
    (void)state;
    prints(decoy, COUNT(decoy), 40, false, "arms-decoy.txt");
}

/* Two value sets: one as low as sets of its size and RMS, one lower than most.
 */
static const struct effect sizes[] = {
    {.kind = "none", .n_wrong = 20},
    {.kind = "noop", .n_wrong = 20, .layer = 5},
    {.kind = "value", .layer = 5, .size = "a", .n_wrong = 60, .rms_ratio = 1},
    {.kind = "rms",
     .layer = 5,
     .size = "a",
     .n_draws = 20,
     .n_wrong = 55,
     .spread = 1,
     .rms_ratio = 1},
    {.kind = "value", .layer = 5, .size = "b", .n_wrong = 79, .rms_ratio = 1},
    {.kind = "rms",
     .layer = 5,
     .size = "b",
     .n_draws = 61,
     .n_wrong = 20,
     .spread = 1,
     .rms_ratio = 1},
    {.kind = "ntp", .layer = 5, .size = "b", .n_wrong = 0, .rms_ratio = 1},
};

/* The last answers of none and noop are undecided, and the last draw, the 61st
 * of size b, has none. */
static void
spoil(struct world *w)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++) {
        struct kit_answer a = w->answers[i];

        if (a.arm <= 1 && a.problem == 119)
            a.reward = -1;
        if (strcmp(w->arms[a.arm].label, "L5/rms.61@b") != 0)
            w->answers[n++] = a;
    }
    w->n = n;
}

static void
test_sizes(void **state)
{
    struct hs_buf b = {0};
    struct hs_armsum *s;
    struct world w;

    (void)state;
    make_world(&w, sizes, COUNT(sizes), 120, false);
    spoil(&w);
    s = summary_of(&w);
    assert_true(says(s,
                     "Not distinguishable from RMS-matched sets (p = 0.76, "
                     "20 draws, mean 46.2 %)."));
    assert_int_equal(kit_result(s, "L5/value@a")->rms.n_as_low, 15);
    assert_true(says(s,
                     "The size of activations explains what L5/value@a does "
                     "as well as the ranking: sets of the same RMS are "
                     "46.2 % right, it is 50.0 %."));
    assert_true(says(s,
                     " Below 59 of 60 RMS-matched sets (mean 58.8 %, lowest "
                     "34.2 %; p = 0.033)."));
    assert_true(says(s,
                     "0 of 2 value sets stand below all their RMS-matched "
                     "sets; by chance at most 0.064 would."));
    assert_true(says_line(s,
                          "L5/ntp@b: 100.0 % right, difference +16.8 points "
                          "(95 % interval +9.2 to +23.5), p < 0.0001 "
                          "(Holm). Above all 60 RMS-matched sets (mean "
                          "58.8 %, highest 83.3 %)."));
    assert_true(says(s, "Warning: 2 answers are undecided and count nowhere."));
    assert_true(says_line(s, "Warning: there are no answers of L5/rms.61@b."));
    assert_false(says(s, "What matters here is not the value set"));
    assert_false(says(s, "Warning: there are only"));
    assert_false(says(s, "Warning: items are missing"));
    assert_false(says(s, "to tell"));
    hs_armsum_print(&b, s, "table");
    assert_non_null(strstr(hs_buf_cstr(&b), "\nrms x60 "));
    hs_buf_free(&b);
    hs_armsum_free(s);
    free_world(&w);
}

/* Few draws, and others that do more harm than the value set. */
static const struct effect few[] = {
    {.kind = "none", .n_wrong = 20},
    {.kind = "value", .layer = 1, .size = "a", .n_wrong = 60, .rms_ratio = 1},
    {.kind = "rms",
     .layer = 1,
     .size = "a",
     .n_draws = 3,
     .n_wrong = 30,
     .rms_ratio = 1},
    {.kind = "value", .layer = 2, .size = "a", .n_wrong = 20, .rms_ratio = 1},
    {.kind = "bottom", .layer = 2, .size = "a", .n_wrong = 90, .rms_ratio = 1},
    {.kind = "file", .layer = 2, .n_wrong = 70, .rms_ratio = 1},
};

static void
test_few(void **state)
{
    struct hs_armsum *s;
    struct world w;

    (void)state;
    make_world(&w, few, COUNT(few), 120, false);
    s = summary_of(&w);
    assert_true(says(s,
                     " Below all 3 RMS-matched sets (mean 75.0 %, lowest "
                     "75.0 %; p = 0.25, too few draws to tell)."));
    assert_false(says(s, "The size of activations"));
    assert_true(says_line(s,
                          "What matters here is not the value set: "
                          "L2/bottom@a changes accuracy by -58.3 points, "
                          "L2/value@a by +0.0."));
    hs_armsum_free(s);
    free_world(&w);
}

static void
test_samples(void **state)
{
    struct hs_armsum *s;
    struct world w;
    size_t n;

    (void)state;
    make_world(&w, sizes, 3, 120, false);
    n = w.n;
    for (size_t i = 0; i < n; i++) {
        w.answers[w.n] = w.answers[i];
        w.answers[w.n++].sample = 1;
    }
    s = summary_of(&w);
    assert_true(says(s,
                     "Several samples a problem: tests and intervals are "
                     "over problems"));
    /* 40 problems of 2 lost samples each. */
    assert_true(fabs(kit_result(s, "L5/value@a")->main.p - ldexp(2, -40)) <=
                1e-9 * ldexp(2, -40));
    hs_armsum_free(s);
    free_world(&w);
}

/* A cell of a line of TSV, by column. */
static char *
tsv_cell(const char *tsv, const char *label, const char *column)
{
    size_t at = 0, n;
    const char *p = tsv;

    for (; strncmp(p, column, strlen(column)) != 0 ||
           strchr("\t\n", p[strlen(column)]) == NULL;
         at++)
        p += strcspn(p, "\t") + 1;
    for (p = tsv;
         strncmp(p, label, strlen(label)) != 0 || p[strlen(label)] != '\t';)
        p = strchr(p, '\n') + 1;
    for (size_t i = 0; i < at; i++)
        p += strcspn(p, "\t") + 1;
    n = strcspn(p, "\t\n");
    return hs_strndup(p, n);
}

static void
cell_is(const char *tsv, const char *label, const char *column,
        const char *want)
{
    char *cell = tsv_cell(tsv, label, column);

    assert_string_equal(cell, want);
    free(cell);
}

static void
test_machines(void **state)
{
    struct hs_buf b = {0};
    struct hs_error err = {""};
    struct hs_armsum *s;
    struct world w;
    json_t *j, *arm;
    size_t columns = 0;

    (void)state;
    make_world(&w, decoy, COUNT(decoy), 40, false);
    s = summary_of(&w);
    hs_armsum_print(&b, s, "tsv");
    for (const char *p = hs_buf_cstr(&b); *p != '\0';) {
        const char *end = strchr(p, '\n');
        size_t n = 0;

        for (; p < end; p++)
            n += *p == '\t';
        columns = columns == 0 ? n : columns;
        assert_int_equal(n, columns);
        p = end + 1;
    }
    cell_is(hs_buf_cstr(&b), "L3/file:decoys.txt", "main.lost", "24");
    cell_is(hs_buf_cstr(&b), "L3/file:decoys.txt", "rms.p", "0.5");
    cell_is(hs_buf_cstr(&b), "L3/value@2", "main.accuracy.value", "0.8");
    cell_is(hs_buf_cstr(&b), "L3/bottom@2", "main.accuracy.value", "");
    cell_is(hs_buf_cstr(&b), "none", "layer", "");
    b.len = 0;
    hs_armsum_print(&b, s, "json");
    j = hs_json_parse((const char *)b.data, b.len, "json", &err);
    assert_non_null(j);
    arm = json_array_get(json_object_get(j, "arms"), 1);
    assert_string_equal(json_string_value(json_object_get(arm, "label")),
                        "L3/value@2");
    assert_true(json_is_null(json_object_get(arm, "own_ppl")));
    assert_null(json_object_get(arm, "coords"));
    assert_int_equal(json_array_size(json_object_get(j, "arms")), 11);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(j, "run"), "note")),
        "x");
    assert_true(json_number_value(json_object_get(j, "smallest_drop")) > 0.1);
    json_decref(j);
    hs_buf_free(&b);
    hs_armsum_free(s);
    free_world(&w);
}

/* Speech is judged by whatever is worst of it. */
static void
test_speech(void **state)
{
    const struct hs_arm_result none = {.own_ppl = 1.1,
                                       .neutral_ppl = 50,
                                       .eos = 0.99,
                                       .parsed = 1,
                                       .repetition = 0.04};
    struct hs_arm_result r = none;

    (void)state;
    assert_int_equal(hs_armspeech_damage(&none, &r), 0);
    r.neutral_ppl = 76;
    assert_int_equal(hs_armspeech_damage(&none, &r), 1);
    r.neutral_ppl = 250;
    assert_int_equal(hs_armspeech_damage(&none, &r), 2);
    r.neutral_ppl = NAN;
    assert_int_equal(hs_armspeech_damage(&none, &r), 0);
    r.own_ppl = 6;
    assert_int_equal(hs_armspeech_damage(&none, &r), 2);
    r = none;
    r.eos = 0.8;
    assert_int_equal(hs_armspeech_damage(&none, &r), 1);
    r = none;
    r.parsed = 0.4;
    assert_int_equal(hs_armspeech_damage(&none, &r), 2);
    r = none;
    r.repetition = 0.2;
    assert_int_equal(hs_armspeech_damage(&none, &r), 1);

    /* A text that is noise to the unedited model says nothing. */
    struct hs_arm_result noise = none;

    noise.neutral_ppl = 1e9;
    r = none;
    r.neutral_ppl = 1e12;
    assert_int_equal(hs_armspeech_damage(&noise, &r), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cause),   cmocka_unit_test(test_decoy),
        cmocka_unit_test(test_sizes),   cmocka_unit_test(test_few),
        cmocka_unit_test(test_samples), cmocka_unit_test(test_machines),
        cmocka_unit_test(test_speech),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
