/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_donors.c - states of other trajectories: each draw against the rule,
 * looked up in the whole order of donors.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#include "ablate/donors.h"
#include "actstream.h"
#include "base/mem.h"
#include "base/team.h"
#include "memstream.h"

enum {
    DIM = 12,
    N_LAYERS = 3, /* 1, 2, 3 */
    N = 9,        /* donors */
    MOST = 12,    /* tokens of the longest completion, of a prompt */
};

static const struct acttraj all[N] = {
    {"a", 0, 5, 7, 0, 0},  {"a", 1, 5, 12, 0, 0}, {"b", 0, 2, 9, 0, 0},
    {"c", 0, 1, 4, 0, 0},  {"d", 0, 6, 0, 0, 0},  {"e", 0, 12, 12, 0, 0},
    {"e", 1, 12, 3, 0, 0}, {"f", 0, 3, 1, 0, 0},  {"g", 0, 4, 7, 0, 0},
};

/* Behind the prompt, s_0 and later. */
static struct acttraj
generated(size_t k)
{
    struct acttraj t = all[k];

    t.first = t.n_prompt - 1;
    return t;
}

/* ---- the rule ---- */

static uint64_t
hash_of(const char *problem)
{
    return XXH3_64bits(problem, strlen(problem));
}

static uint64_t
place_of(uint64_t seed, uint64_t problem, uint64_t sample, uint64_t donor)
{
    const uint64_t key[4] = {seed, problem, sample, donor};

    return XXH3_64bits(key, sizeof key);
}

/* Of the donors of an item that are at least so long the first; N: none. */
static size_t
first_donor(uint64_t seed, const struct hs_edit_at *at, size_t length)
{
    size_t found = N;

    for (size_t k = 0; k < N; k++)
        if (hash_of(all[k].problem) != at->problem && all[k].n_new >= length &&
            (found == N || place_of(seed, at->problem, at->sample, k) <
                               place_of(seed, at->problem, at->sample, found)))
            found = k;
    return found;
}

/* Which state it is; whether none was as long. */
static bool
rule(uint64_t seed, const struct hs_edit_at *at, size_t *donor, size_t *pos)
{
    size_t t = at->pos + 1 - at->n_prompt;
    bool beyond = false;

    *donor = first_donor(seed, at, 0);
    if (at->pos + 1 == at->n_prompt) {
        *pos = all[*donor].n_prompt - 1;
    } else if (at->pos < at->n_prompt) {
        double share = (double)at->pos / ((double)at->n_prompt - 1);
        double where = share * ((double)all[*donor].n_prompt - 1);

        *pos = (size_t)(where + 0.5 + 1e-9);
    } else {
        for (; (*donor = first_donor(seed, at, t)) == N; t--)
            beyond = true;
        *pos = all[*donor].n_prompt + t - 1;
    }
    return beyond;
}

/* ---- a set of arms ---- */

static uint32_t *
coords_of(const char *digits)
{
    uint32_t *v = hs_calloc(strlen(digits), sizeof *v);

    for (size_t i = 0; digits[i] != '\0'; i++)
        v[i] = (uint32_t)(digits[i] - '0');
    return v;
}

static void
add_arm(struct hs_armset *s, const char *label, uint32_t layer,
        enum hs_edit_where where, const char *digits)
{
    s->v = hs_realloc(s->v, (s->n + 1) * sizeof *s->v);
    s->v[s->n++] = (struct hs_arm){.label = hs_strdup(label),
                                   .kind = HS_ARM_FILE,
                                   .edit = {.mode = HS_EDIT_RESAMPLE,
                                            .where = where,
                                            .layer = layer,
                                            .coords = coords_of(digits),
                                            .n = strlen(digits)}};
}

/* Some of layers 3 and 1, others that are no business of donors. */
static struct hs_armset
some_arms(enum hs_edit_where where)
{
    struct hs_armset s = {0};

    add_arm(&s, "none", 0, HS_EDIT_ALL, "");
    add_arm(&s, "A", 3, where, "257");
    add_arm(&s, "B", 1, HS_EDIT_GENERATED, "0");
    add_arm(&s, "C", 3, where, "0349");
    add_arm(&s, "zeros", 2, HS_EDIT_ALL, "18");
    s.v[0].edit.mode = s.v[4].edit.mode = HS_EDIT_ZERO;
    return s;
}

static struct hs_donors *
donors_of(const struct acttraj *t, size_t n, const char *positions,
          const struct hs_armset *arms, uint64_t seed, struct hs_error *err)
{
    struct hs_head h = test_head(HS_F16, DIM, N_LAYERS);
    struct hs_donors *d;
    struct hs_reader *r;
    struct hs_buf b;

    hs_head_set(&h.positions, positions);
    b = act_stream(&h, t, n, act_plain);
    r = hs_reader_open(memory_file(b.data, b.len), "in");
    d = hs_donors_read(r, "in", arms, seed, err);
    hs_reader_close(r);
    hs_buf_free(&b);
    hs_head_free(&h);
    return d;
}

/* Edits a row and looks at every coordinate. */
static bool
check_row(const struct hs_edit *e, uint64_t seed, const struct hs_edit_at *at)
{
    float x[DIM];
    size_t donor, pos, n = 0;
    bool beyond = rule(seed, at, &donor, &pos);

    for (size_t j = 0; j < DIM; j++)
        x[j] = 1000 + (float)j;
    if (!hs_edit_reaches(e->where, at->pos, at->n_prompt)) {
        assert_int_equal(hs_edit_row(e, x, at), 0);
        return false;
    }
    assert_int_equal(hs_edit_row(e, x, at), e->n);
    for (size_t j = 0; j < DIM; j++) {
        if (n < e->n && e->coords[n] == j) {
            assert_true(x[j] == act_plain(donor, e->layer, pos, j));
            n++;
        } else {
            assert_true(x[j] == 1000 + (float)j);
        }
    }
    return beyond;
}

/* All positions of items with prompts of 1 to MOST tokens: how many rows were
 * beyond. */
static uint64_t
check_items(const struct hs_edit *e, uint64_t seed, const char *problem)
{
    struct hs_edit_at at = {.problem = hash_of(problem)};
    uint64_t beyond = 0;

    for (at.sample = 0; at.sample < 3; at.sample++)
        for (at.n_prompt = 1; at.n_prompt <= MOST; at.n_prompt++)
            for (at.pos = 0; at.pos < at.n_prompt + MOST + 3; at.pos++)
                beyond += check_row(e, seed, &at);
    return beyond;
}

static void
check_arms(const struct acttraj *t, const char *positions,
           enum hs_edit_where where, uint64_t seed)
{
    static const char *const problems[] = {"a", "e", "d", "another"};
    struct hs_armset arms = some_arms(where);
    struct hs_error err;
    struct hs_donors *d = donors_of(t, N, positions, &arms, seed, &err);
    uint64_t beyond = 0;

    if (d == NULL)
        fail_msg("%s", err.text);
    hs_donors_attach(d, &arms);
    assert_null(arms.v[0].edit.draw);
    assert_null(arms.v[4].edit.draw);
    for (size_t p = 0; p < 4; p++)
        for (size_t i = 1; i < 4; i++)
            beyond += check_items(&arms.v[i].edit, seed, problems[p]);
    assert_true(beyond > 0);
    assert_int_equal(hs_donors_beyond(d), beyond);
    hs_donors_free(d);
    hs_armset_free(&arms);
}

static void
test_rule(void **state)
{
    struct acttraj late[N];

    (void)state;
    for (size_t k = 0; k < N; k++)
        late[k] = generated(k);
    check_arms(all, "tokens", HS_EDIT_ALL, 1);
    check_arms(all, "tokens", HS_EDIT_NOT_FIRST, UINT64_MAX);
    check_arms(all, "tokens", HS_EDIT_GENERATED, 2);
    check_arms(late, "all", HS_EDIT_GENERATED, 3);
}

/* ---- threads ---- */

struct crowd {
    const struct hs_edit *e;
    atomic_uint_fast64_t *wrong;
};

static void
edit_many(void *ud, struct hs_team *team, size_t thread)
{
    struct crowd *c = ud;

    (void)team;
    (void)thread;
    for (uint64_t p = 0; p < 3000; p++) {
        const struct hs_edit_at at = {.pos = 20,
                                      .n_prompt = 4,
                                      .problem = p % 30,
                                      .sample = (uint32_t)(p / 30 % 50)};
        size_t donor, pos;
        float x[DIM] = {0};
        bool right = true;

        (void)rule(1, &at, &donor, &pos);
        (void)hs_edit_row(c->e, x, &at);
        for (size_t i = 0; i < c->e->n; i++)
            right &= x[c->e->coords[i]] ==
                     act_plain(donor, c->e->layer, pos, c->e->coords[i]);
        if (!right)
            atomic_fetch_add(c->wrong, 1);
    }
}

static void
test_threads(void **state)
{
    struct hs_armset arms = some_arms(HS_EDIT_ALL);
    struct hs_error err;
    struct hs_donors *d = donors_of(all, N, "tokens", &arms, 1, &err);
    struct hs_team *team = hs_team_new(4, &err);
    atomic_uint_fast64_t wrong = 0;
    struct crowd c = {&arms.v[3].edit, &wrong};

    (void)state;
    assert_non_null(d);
    assert_non_null(team);
    hs_donors_attach(d, &arms);
    hs_team_run(team, edit_many, &c);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(hs_donors_beyond(d), 4 * 3000);
    hs_team_free(team);
    hs_donors_free(d);
    hs_armset_free(&arms);
}

/* ---- refusals ---- */

static void
refused(const struct acttraj *t, size_t n, const struct hs_armset *arms,
        const char *why)
{
    struct hs_error err = {0};

    assert_null(donors_of(t, n, "some", arms, 1, &err));
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' is not in '%s'", why, err.text);
}

static void
test_refusals(void **state)
{
    struct hs_armset arms = some_arms(HS_EDIT_ALL);
    struct hs_armset late_arms = some_arms(HS_EDIT_GENERATED);
    struct hs_head h = test_head(HS_F16, DIM, N_LAYERS);
    struct hs_error err;
    struct hs_donors *d;
    struct hs_reader *r;
    struct hs_buf b;
    struct acttraj t[N];

    (void)state;
    for (size_t k = 0; k < N; k++)
        t[k] = generated(k);
    refused(t, N, &arms,
            "in: trajectory 'a#0' has no states of its prompt, which edits of "
            "more than generated tokens are taken from: the stream has "
            "positions 'some', not 'tokens'");
    memcpy(t, all, sizeof t);
    t[1].every = 2;
    refused(t, N, &arms,
            "in: trajectory 'a#1' does not have the states of all tokens: the "
            "stream has positions 'some'");
    refused(t, N, &late_arms, "in: trajectory 'a#1' does not have the states");
    refused(all, 2, &arms,
            "in: states to resample from are of fewer than two problems with "
            "a completion");
    t[0] = all[0];
    t[1] = all[4]; /* no completion */
    refused(t, 2, &arms, "of fewer than two problems");
    add_arm(&arms, "D", 4, HS_EDIT_ALL, "1");
    refused(all, N, &arms, "in: layer 4 is not in the stream");
    arms.v[5].edit.layer = 3;
    arms.v[5].edit.coords[0] = DIM;
    refused(all, N, &arms, "D: no coordinate 12 in 12");
    /* Only resampled ones count. */
    arms.v[5].edit.mode = HS_EDIT_ZERO;
    d = donors_of(all, N, "tokens", &arms, 1, &err);
    assert_non_null(d);
    hs_donors_free(d);
    json_object_set_new(h.run, "edit", json_object());
    b = act_stream(&h, all, N, act_plain);
    r = hs_reader_open(memory_file(b.data, b.len), "in");
    assert_null(hs_donors_read(r, "in", &late_arms, 1, &err));
    assert_non_null(strstr(err.text, "in: states of an edited model"));
    hs_reader_close(r);
    hs_buf_free(&b);
    hs_head_free(&h);
    hs_armset_free(&arms);
    hs_armset_free(&late_arms);
    hs_donors_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests_name("donors", tests, NULL, NULL);
}
