/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_armread.c - streams of arms: in any order and any pieces they give the
 * same summary, and what is refused.
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

#include "armworld.h"
#include "memstream.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char *
json_of(struct hs_armsum *s)
{
    struct hs_buf b = {0};

    hs_armsum_print(&b, s, "json");
    return hs_buf_cstr(&b);
}

/* The arms of a shard: those of mask, none with them. */
static struct hs_buf
shard(const struct kit_answer *a, size_t n, uint32_t part, uint32_t parts)
{
    struct kit_answer *mine = hs_calloc(n, sizeof *mine);
    size_t m = 0;
    struct hs_buf b;

    for (size_t i = 0; i < n; i++)
        if (a[i].problem % parts == part)
            mine[m++] = a[i];
    b = kit_stream(world_arms, N_ARMS, "x", mine, m);
    free(mine);
    return b;
}

static void
test_any_order(void **state)
{
    static const uint8_t orders[][3] = {{0, 1, 2}, {2, 0, 1}, {1, 2, 0}};
    struct kit_answer a[MOST];
    size_t n = world_answers(1, a);
    struct hs_armsum *whole = world_summary(a, n);
    char *want = json_of(whole);

    (void)state;
    for (size_t k = 0; k < COUNT(orders); k++) {
        struct hs_error err = {""};
        struct hs_buf b[4];
        struct hs_armsum *s;
        char *got;

        for (size_t i = 0; i < 3; i++)
            b[i] = shard(a, n, orders[k][i], 3);
        /* Two as segments of one, and one of them again. */
        b[3] = joined(&b[0], &b[1]);
        s = kit_read(b + 1, 3, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(hs_armsum_finish(s, &err), 0);
        got = json_of(s);
        assert_string_equal(got, want);
        free(got);
        hs_armsum_free(s);
        for (size_t i = 0; i < 4; i++)
            hs_buf_free(&b[i]);
    }
    free(want);
    hs_armsum_free(whole);
}

/* Arms over machines: each lists its own, in another order. */
static void
test_arms_apart(void **state)
{
    struct kit_arm some[3] = {world_arms[VALUE], world_arms[NONE],
                              world_arms[RANDOM3]};
    struct kit_answer a[MOST], mine[MOST];
    size_t n = world_answers(1, a), m = 0;
    struct hs_armsum *whole = world_summary(a, n), *s;
    struct hs_error err = {""};
    struct hs_buf b[2];
    char *want = json_of(whole), *got;

    (void)state;
    some[2].same_as = NULL; /* nothing that it could equal is there */
    for (size_t i = 0; i < n; i++)
        if (a[i].arm == VALUE || a[i].arm == NONE) {
            mine[m] = a[i];
            mine[m++].arm = a[i].arm == NONE;
        }
    b[0] = kit_stream(some, 3, "x", mine, m);
    m = 0;
    for (size_t i = 0; i < n; i++)
        if (a[i].arm != VALUE)
            mine[m++] = a[i];
    b[1] = kit_stream(world_arms, N_ARMS, "x", mine, m);
    s = kit_read(b, 2, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(hs_armsum_finish(s, &err), 0);
    got = json_of(s);
    assert_string_equal(got, want);
    free(got);
    free(want);
    hs_armsum_free(s);
    hs_armsum_free(whole);
    hs_buf_free(&b[0]);
    hs_buf_free(&b[1]);
}

/* What adding, or finishing, says of one changed record. */
static void
says(const char *want, const struct kit_answer *a, size_t n)
{
    struct hs_error err = {""};
    struct hs_buf b = kit_stream(world_arms, N_ARMS, "x", a, n);
    struct hs_armsum *s = kit_read(&b, 1, &err);

    if (s != NULL && hs_armsum_finish(s, &err) == 0)
        assert_string_equal(err.text, "");
    assert_string_equal(err.text, want);
    hs_armsum_free(s);
    hs_buf_free(&b);
}

static void
test_records(void **state)
{
    struct kit_answer a[4] = {
        world_answer(NONE, HS_PART_PROBLEMS, 0, 0),
        world_answer(NOOP, HS_PART_PROBLEMS, 0, 0),
        world_answer(VALUE, HS_PART_PROBLEMS, 0, 0),
        world_answer(VALUE, HS_PART_PROBLEMS, 0, 0),
    };
    struct kit_answer b;

    (void)state;
    says("", a, 4);
    a[3].reward = !a[2].reward;
    says("in: arm L2/value@3: item L2/value@3/p0#0 comes twice, and differs", a,
         4);
    a[3] = a[2];
    a[3].logprob *= 2;
    says("in: arm L2/value@3: item L2/value@3/p0#0 comes twice, and differs", a,
         4);
    a[3] = a[2];
    a[3].more_edits = 3;
    a[3].n_prompt = a[3].n_new = 2;
    a[3].finish = "length";
    says(
        "in: arm L2/value@3: item L2/value@3/p0#0: 15 coordinates were "
        "edited, not 12 (3 in each row)",
        a, 4);
    b = a[1];
    a[1].more_edits = 1;
    says(
        "in: arm L2/noop: item L2/noop/p0#0: 1 coordinates were edited, not "
        "0 (0 in each row)",
        a, 3);
    a[1] = b;
    a[2].arm_name = "L9/value@3";
    says("in: item L2/value@3/p0#0: the head lists no arm L9/value@3", a, 3);
    a[2].arm_name = NULL;
    a[2].part = "others";
    says("in: item L2/value@3/p0#0: unknown part others", a, 3);
}

static void
test_noop(void **state)
{
    struct kit_answer a[2] = {
        world_answer(NONE, HS_PART_ALSO, 7, 1),
        world_answer(NOOP, HS_PART_ALSO, 7, 1),
    };
    static const char want[] =
        "L2/noop is not what none is: also, problem p7, sample 1";

    (void)state;
    says("", a, 2);
    a[1].logprob = nextafterf(a[0].logprob, 0);
    says(want, a, 2);
    a[1] = a[0];
    a[1].arm = NOOP;
    a[1].finish = strcmp(a[0].finish, "eos") == 0 ? "length" : "eos";
    says(want, a, 2);
    a[1].finish = a[0].finish;
    a[1].n_new++;
    says(want, a, 2);
    a[1].n_new--;
    a[1].entropy = 1;
    says(want, a, 2);
    a[1].entropy = 0;
    says("", a, 2);
    a[1].salt++;
    says(want, a, 2);
    /* An item that only one of them has proves nothing. */
    a[1].problem = 8;
    says("", a, 2);
}

static void
test_unedited_is_needed(void **state)
{
    struct kit_answer a = world_answer(NONE, HS_PART_PROBLEMS, 0, 0);
    struct hs_error err = {""};
    struct hs_buf b;
    struct hs_armsum *s;

    (void)state;
    a.arm = 0;
    a.more_edits = 0;
    b = kit_stream(world_arms + VALUE, 2, "x", &a, 1);
    s = kit_read(&b, 1, &err);
    assert_non_null(s);
    assert_int_equal(hs_armsum_finish(s, &err), -1);
    assert_string_equal(err.text, "there is no unedited arm (none)");
    hs_armsum_free(s);
    hs_buf_free(&b);
}

/* Every rule of what is reached, and the end of text that was not fed. */
static void
test_edits(void **state)
{
    static const struct {
        const char *where, *finish;
        int64_t more;
        bool right;
    } cases[] = {
        {"all", "eos", 0, true},       {"all", "length", 0, true},
        {"generated", "eos", 0, true}, {"generated", "length", 0, true},
        {"not-first", "eos", 0, true}, {"not-first", "length", 0, true},
        {"all", "eos", 3, false},      {"all", "length", -3, false},
        {"all", "replay", 0, true},    {"all", "replay", -3, true},
        {"all", "replay", -6, false},  {"all", "replay", 3, false},
        {"all", "eos", 1, false},      {"generated", "replay", -3, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kit_arm two[2] = {world_arms[NONE], world_arms[VALUE]};
        struct kit_answer a = {.arm = 1, .part = HS_PART_PROBLEMS};
        struct hs_error err = {""};
        struct hs_armsum *s;
        struct hs_buf b;

        two[1].where = cases[i].where;
        a.n_prompt = 3;
        a.n_new = 4;
        a.finish = cases[i].finish;
        a.more_edits = cases[i].more;
        b = kit_stream(two, 2, "x", &a, 1);
        s = kit_read(&b, 1, &err);
        if ((s != NULL) != cases[i].right)
            fail_msg("case %zu: %s", i, err.text);
        hs_armsum_free(s);
        hs_buf_free(&b);
    }
}

static void
test_heads(void **state)
{
    struct kit_arm other[N_ARMS];
    struct hs_head h = test_head(HS_F16, 8, 1);
    struct hs_error err = {""};
    struct hs_buf b[2];

    (void)state;
    memcpy(other, world_arms, sizeof other);
    b[0] = kit_stream(world_arms, N_ARMS, "x", NULL, 0);
    b[1] = kit_stream(world_arms, N_ARMS, "y", NULL, 0);
    assert_null(kit_read(b, 2, &err));
    assert_string_equal(err.text, "in: another run: note is \"y\", was \"x\"");
    hs_buf_free(&b[1]);
    other[VALUE].first = 1;
    b[1] = kit_stream(other, N_ARMS, "x", NULL, 0);
    assert_null(kit_read(b, 2, &err));
    assert_string_equal(
        err.text,
        "in: the arm L2/value@3 is another one (drawn, measured or "
        "resampled otherwise)");
    hs_buf_free(&b[1]);
    b[1] = make_stream(&h, 0, 1, 2);
    assert_null(kit_read(b + 1, 1, &err));
    assert_string_equal(err.text, "in: a stream of activations, not of arms");
    b[1].len -= 9;
    assert_null(kit_read(b + 1, 1, &err));
    hs_head_free(&h);
    hs_buf_free(&b[0]);
    hs_buf_free(&b[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_arms_apart),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_noop),
        cmocka_unit_test(test_unedited_is_needed),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_heads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
