/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_sched.c - what comes out of the scheduler does not depend on how items
 * share the passes, and is what one pass over one sequence gives.
 */
#include <config.h>

#include <stdatomic.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/sched.h"
#include "modeldir.h"

enum {
    N_ITEMS = 40,
    CONTEXT = 96,
    MAX_TOKENS = 24,
    EVERY = 4
};

static char *dir;
static struct hs_model *model;
static const uint32_t eos[] = {3, 50, 90, 131, 177, 200, 256, 258, 271, 300};

/* A run, and what came of it. */
struct run {
    struct hs_sched_options o;
    const struct run *replay; /* give its tokens, instead of drawing */
    struct hs_item *out[N_ITEMS];
    size_t n_given, n_out;
    atomic_size_t n_finished;
    size_t fail_at; /* the callback that fails: 1 next, 2 finished, 3 emit */
    size_t long_prompt; /* of item 5, if not 0 */
    uint32_t bad_token; /* in item 5, if not 0 */
};

static size_t
prompt_length(const struct run *r, size_t i)
{
    if (i == 5 && r->long_prompt)
        return r->long_prompt;
    /* as long as the context, one less, and many others */
    return i == 11 ? CONTEXT : i == 12 ? CONTEXT - 1 : i * 17 % 60 + 1;
}

static int
next_item(void *ud, struct hs_item **out)
{
    static char names[N_ITEMS][8];
    struct run *r = ud;
    size_t i = r->n_given;
    struct hs_item *item;

    if (r->fail_at == 1 && i == 20)
        return -1;
    if (i == N_ITEMS)
        return 0;
    r->n_given++;
    item = hs_calloc(1, sizeof *item);
    (void)snprintf(names[i], sizeof names[i], "p%zu", i);
    item->id = names[i];
    item->problem = 1000 + i / 2;
    item->sample = i % 2;
    item->max_tokens = i == 13 ? 0 : i == 14 ? 1 : MAX_TOKENS;
    item->n_prompt = item->n_tokens = prompt_length(r, i);
    item->tokens = modeldir_prompt((uint32_t)i, item->n_prompt, 320);
    if (i == 5 && r->bad_token)
        item->tokens[0] = r->bad_token;
    if (r->replay != NULL) {
        const struct hs_item *from = r->replay->out[i];

        item->replay = true;
        item->n_tokens = from->n_tokens;
        item->tokens =
            hs_realloc(item->tokens, item->n_tokens * sizeof *item->tokens);
        memcpy(item->tokens, from->tokens,
               item->n_tokens * sizeof *item->tokens);
    }
    *out = item;
    return 1;
}

/* Called by several threads. */
static void
finished_item(void *ud, struct hs_item *item)
{
    struct run *r = ud;

    (void)item;
    atomic_fetch_add(&r->n_finished, 1);
}

static int
emit_item(void *ud, struct hs_item *item)
{
    struct run *r = ud;
    char name[24];

    (void)snprintf(name, sizeof name, "p%zu", r->n_out);
    assert_string_equal(item->id, name); /* the order of the input */
    assert_true(r->n_finished > r->n_out);
    r->out[r->n_out++] = item;
    return r->fail_at == 2 && r->n_out == 20 ? -1 : 0;
}

static bool
ends_step(void *ud, struct hs_item *item, uint32_t token)
{
    (void)ud;
    (void)item;
    return token % 5 == 0;
}

static uint32_t layers[] = {0, 2, 3};

static struct hs_team *team;

static void
use_threads(size_t n)
{
    struct hs_error err;

    hs_team_free(team);
    team = hs_team_new(n, &err);
    assert_non_null(team);
}

static int
run(struct run *r, struct hs_error *err)
{
    r->o.team = team;
    r->o.eos = eos;
    r->o.n_eos = sizeof eos / sizeof *eos;
    r->o.layers = (struct hs_list){.v = layers, .n = 3};
    r->o.next = next_item;
    r->o.finished = finished_item;
    r->o.emit = emit_item;
    r->o.ends_step = ends_step;
    r->o.every = EVERY;
    r->o.ud = r;
    return hs_sched_run(model, &r->o, err);
}

static void
run_well(struct run *r)
{
    struct hs_error err;

    if (run(r, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(r->n_out, N_ITEMS);
    assert_int_equal(r->n_finished, N_ITEMS);
}

static void
forget(struct run *r)
{
    for (size_t i = 0; i < r->n_out; i++)
        hs_item_free(r->out[i]);
}

static struct run
options(bool greedy, size_t batch)
{
    struct run r = {0};

    r.o.batch = batch;
    r.o.positions = HS_POSITIONS_ALL;
    r.o.sampler = (struct hs_sampler){
        .greedy = greedy, .temperature = 1, .top_p = 1, .seed = 12};
    return r;
}

#define SAME(a, b, member, n)                                                  \
    assert_memory_equal((a)->member, (b)->member, (n) * sizeof *(a)->member)

static void
same_items(const struct hs_item *a, const struct hs_item *b)
{
    size_t n = a->n_tokens - a->n_prompt;

    assert_int_equal(a->n_prompt, b->n_prompt);
    assert_int_equal(a->n_tokens, b->n_tokens);
    assert_int_equal(a->n_states, b->n_states);
    assert_int_equal(a->edits, b->edits);
    SAME(a, b, tokens, a->n_tokens);
    SAME(a, b, positions, a->n_states);
    SAME(a, b, states, a->n_states * 3 * model->cfg.dim);
    if (n > 0) {
        SAME(a, b, logprob, n);
        SAME(a, b, entropy, n);
    }
}

static bool
is_eos(uint32_t token)
{
    for (size_t i = 0; i < sizeof eos / sizeof *eos; i++)
        if (eos[i] == token)
            return true;
    return false;
}

/* One item of a run that keeps all states: why it ended, and one state for
 * the last prompt token and each token behind it but a final EOS. */
static void
check_item(const struct hs_item *item, size_t max_tokens)
{
    size_t n = item->n_tokens - item->n_prompt, limit = max_tokens;
    bool ended = n > 0 && is_eos(item->tokens[item->n_tokens - 1]);

    if (limit > CONTEXT - item->n_prompt)
        limit = CONTEXT - item->n_prompt;
    for (size_t i = item->n_prompt; i + 1 < item->n_tokens; i++)
        assert_false(is_eos(item->tokens[i]));
    assert_int_equal(item->finish, ended ? HS_FINISH_EOS : HS_FINISH_LENGTH);
    assert_true(ended ? n <= limit : n == limit);
    assert_int_equal(item->n_states, n + 1 - ended);
    for (size_t t = 0; t < item->n_states; t++)
        assert_int_equal(item->positions[t], item->n_prompt - 1 + t);
}

/* Its states are those of one pass over its tokens, its figures those of
 * their logits. */
static void
check_states(const struct hs_item *item)
{
    size_t dim = model->cfg.dim, n = item->n_tokens, n_vocab = 320;
    float *x = hs_calloc(n * dim, 4 * sizeof *x);
    float *logits = hs_calloc(n, n_vocab * sizeof *logits);

    all_states(model, item->tokens, n, (struct feeding){0}, x, logits);
    for (size_t s = 0; s < item->n_states; s++)
        for (size_t l = 0; l < 3; l++)
            assert_memory_equal(item->states + (s * 3 + l) * dim,
                                x + (layers[l] * n + item->positions[s]) * dim,
                                dim * sizeof *x);
    for (size_t t = item->n_prompt; t < n; t++) {
        struct hs_draw d;

        assert_int_equal(
            hs_score(logits + (t - 1) * n_vocab, n_vocab, item->tokens[t], &d),
            0);
        assert_true(d.logprob == item->logprob[t - item->n_prompt]);
        assert_true(d.entropy == item->entropy[t - item->n_prompt]);
    }
    free(x);
    free(logits);
}

/* Every batch and number of threads gives the bytes of one at a time. */
static void
check_placement(bool greedy)
{
    static const size_t batches[] = {1, 3, 7, 32, 64};
    struct run first = options(greedy, 1);
    size_t by_eos = 0;

    use_threads(1);
    run_well(&first);
    for (size_t i = 0; i < N_ITEMS; i++) {
        check_item(first.out[i], i == 13 ? 0 : i == 14 ? 1 : MAX_TOKENS);
        check_states(first.out[i]);
        by_eos += first.out[i]->finish == HS_FINISH_EOS;
    }
    /* both ends are there to be tested */
    assert_true(by_eos >= 5 && by_eos <= N_ITEMS - 5);
    for (int threads = 1; threads <= 2; threads++) {
        use_threads((size_t)threads);
        for (size_t b = 0; b < 5; b++) {
            struct run again = options(greedy, batches[b]);
            struct run replay = options(greedy, batches[b]);

            run_well(&again);
            replay.replay = &first;
            run_well(&replay);
            for (size_t i = 0; i < N_ITEMS; i++) {
                same_items(first.out[i], again.out[i]);
                assert_int_equal(first.out[i]->finish, again.out[i]->finish);
                same_items(first.out[i], replay.out[i]);
                assert_int_equal(replay.out[i]->finish, HS_FINISH_REPLAY);
            }
            forget(&again);
            forget(&replay);
        }
    }
    forget(&first);
}

static void
test_sampled(void **state)
{
    (void)state;
    check_placement(false);
}

static void
test_greedy(void **state)
{
    (void)state;
    check_placement(true);
}

/* Whether state k of all tokens is kept, by the words of sched.h. */
static bool
is_kept(enum hs_positions mode, const struct hs_item *all, size_t k)
{
    uint32_t token = all->tokens[all->positions[k]];
    size_t t = k + 1 - all->n_prompt;

    if (k + 1 < all->n_prompt)
        return mode == HS_POSITIONS_TOKENS;
    switch (mode) {
    case HS_POSITIONS_ALL:
    case HS_POSITIONS_TOKENS:
        return true;
    case HS_POSITIONS_LAST:
        return k + 1 == all->n_states;
    case HS_POSITIONS_S0:
        return t == 0;
    case HS_POSITIONS_STEP_ENDS:
        return t == 0 || k + 1 == all->n_states || token % 5 == 0;
    case HS_POSITIONS_EVERY:
        return t % EVERY == 0;
    }
    return false;
}

static void
test_positions(void **state)
{
    struct run all = options(false, 8);
    size_t row = 3 * model->cfg.dim;

    (void)state;
    use_threads(1);
    all.o.positions = HS_POSITIONS_TOKENS;
    run_well(&all);
    for (size_t i = 0; i < N_ITEMS; i++) {
        for (size_t k = 0; k < all.out[i]->n_states; k++)
            assert_int_equal(all.out[i]->positions[k], k);
        check_states(all.out[i]);
    }
    use_threads(2);
    for (int mode = HS_POSITIONS_ALL; mode <= HS_POSITIONS_EVERY; mode++) {
        for (int replay = 0; replay < 2; replay++) {
            struct run r = options(false, 5);

            r.o.positions = (enum hs_positions)mode;
            r.replay = replay ? &all : NULL;
            run_well(&r);
            for (size_t i = 0; i < N_ITEMS; i++) {
                const struct hs_item *a = all.out[i], *b = r.out[i];
                size_t k = 0;

                for (size_t t = 0; t < a->n_states; t++) {
                    if (!is_kept((enum hs_positions)mode, a, t))
                        continue;
                    assert_true(k < b->n_states);
                    assert_int_equal(b->positions[k], a->positions[t]);
                    assert_memory_equal(b->states + k * row,
                                        a->states + t * row,
                                        row * sizeof *a->states);
                    k++;
                }
                assert_int_equal(b->n_states, k);
            }
            forget(&r);
        }
    }
    forget(&all);
}

/* --- edits */

/* Computes an edit anew, from its definition. */
struct by_hand {
    const struct hs_edit *e;
    const struct hs_item *item;
    float *x;
};

static int
edit_by_hand(void *ud, size_t layer, float *x, size_t stride,
             const struct hs_row *rows, size_t first, size_t n_rows, size_t dim)
{
    const struct by_hand *h = ud;

    assert_int_equal(first, 0); /* a team of one */

    for (size_t r = 0; r < n_rows; r++) {
        size_t pos = rows[r].pos;
        bool here =
            layer == h->e->layer &&
            (h->e->where == HS_EDIT_ALL ||
             (h->e->where == HS_EDIT_NOT_FIRST && pos > 0) ||
             (h->e->where == HS_EDIT_GENERATED && pos >= h->item->n_prompt));

        for (size_t i = 0; here && i < h->e->n; i++) {
            float *to = x + r * stride + h->e->coords[i], v = h->e->values[i];

            *to = h->e->mode == HS_EDIT_ZERO    ? 0
                  : h->e->mode == HS_EDIT_MEAN  ? v
                  : h->e->mode == HS_EDIT_SCALE ? *to * v
                                                : *to + v;
        }
        memcpy(h->x + (layer * n_rows + r) * dim, x + r * stride,
               dim * sizeof *x);
    }
    return 0;
}

static void
check_edited(const struct hs_edit *e, const struct hs_item *item)
{
    bool ended = item->finish == HS_FINISH_EOS;
    size_t n = item->n_tokens - ended, dim = model->cfg.dim;
    size_t skipped = e->where == HS_EDIT_GENERATED   ? item->n_prompt
                     : e->where == HS_EDIT_NOT_FIRST ? 1
                                                     : 0;
    struct hs_state *st = hs_state_new(model, team, 1, n);
    struct hs_row *rows = hs_calloc(n, sizeof *rows);
    struct by_hand h = {e, item, hs_calloc(n * dim, 4 * sizeof(float))};

    assert_int_equal(item->edits, e->n * (n - skipped));
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct hs_row){.pos = (uint32_t)i, .token = item->tokens[i]};
    hs_state_reserve(st, 0, n);
    assert_int_equal(hs_forward(st, rows, n, edit_by_hand, &h), 0);
    for (size_t s = 0; s < item->n_states; s++)
        for (size_t l = 0; l < 3; l++)
            assert_memory_equal(item->states + (s * 3 + l) * dim,
                                h.x +
                                    (layers[l] * n + item->positions[s]) * dim,
                                dim * sizeof *h.x);
    hs_state_free(st);
    free(rows);
    free(h.x);
}

static void
test_edits(void **state)
{
    struct run plain = options(false, 8);
    uint32_t coords[] = {0, 17, 63};
    float values[] = {1.5f, -3, 0.25f};
    size_t changed = 0;

    (void)state;
    use_threads(1);
    run_well(&plain);
    for (uint32_t k = 0; k < 12; k++) {
        struct hs_edit e = {.mode = (enum hs_edit_mode)(k % 4),
                            .where = (enum hs_edit_where)(k / 4),
                            .layer = (k + k / 4) % 4,
                            .coords = coords,
                            .values = values,
                            .n = 3};
        struct run r = options(false, 16);

        r.o.edit = &e;
        run_well(&r);
        for (size_t i = 0; i < N_ITEMS; i++) {
            check_edited(&e, r.out[i]);
            changed += r.out[i]->n_tokens != plain.out[i]->n_tokens;
        }
        forget(&r);
    }
    assert_true(changed > N_ITEMS); /* edits reach what is drawn */
    forget(&plain);
}

/* --- errors */

static void
expect_error(struct run *r, const char *message)
{
    struct hs_error err;

    assert_int_equal(run(r, &err), -1);
    if (strcmp(err.text, message) != 0)
        fail_msg("'%s' is not '%s'", err.text, message);
    forget(r);
}

static void
test_errors(void **state)
{
    struct run r;

    (void)state;
    for (size_t i = 1; i <= 2; i++) {
        r = options(true, 4);
        r.fail_at = i;
        expect_error(&r, "");
    }
    r = options(true, 4);
    r.long_prompt = CONTEXT + 1;
    expect_error(&r, "p5: 97 tokens, the model's context is 96");
    r = options(true, 4);
    r.bad_token = 320;
    expect_error(&r, "p5: token 0: 320 is not below vocab_size 320");
}

static void
test_not_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    uint32_t coord = 9;

    (void)state;
    for (int greedy = 0; greedy < 2; greedy++) {
        for (size_t i = 0; i < 3; i++) {
            float value = bad[i];
            struct hs_edit e = {.mode = HS_EDIT_MEAN,
                                .where = HS_EDIT_GENERATED,
                                .layer = 2,
                                .coords = &coord,
                                .values = &value,
                                .n = 1};
            struct run r = options(greedy, 1);

            r.o.edit = &e;
            /* the first token behind the prompt of one is at position 1 */
            expect_error(&r, "p0: position 1: the logits are not finite");
        }
    }
}

static int
set_up(void **state)
{
    struct hs_error err;

    (void)state;
    dir = modeldir_new("layers=3 max_pos=96 seed=21");
    model = hs_model_open(dir, &err);
    return model == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    hs_team_free(team);
    hs_model_free(model);
    modeldir_free(dir);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampled),   cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_positions), cmocka_unit_test(test_edits),
        cmocka_unit_test(test_errors),    cmocka_unit_test(test_not_finite),
    };

    return cmocka_run_group_tests_name("sched", tests, set_up, tear_down);
}
