/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_branch.c - branches of a trunk give what items that are given the same
 * tokens give alone, to the last bit; searches that grow their trunks do so
 * too; edits of several layers go together.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
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
    N_VOCAB = 259,
    DIM = 32,
    N_SEARCHES = 7,
    N_CANDIDATES = 3,
    MAX_TOKENS = 24,
    MAX_ROUNDS = 40,
    N_KEPT = 2 /* layers */
};

static const uint32_t eos[] = {3, 50, 131, 258};
static struct hs_team *teams[2];

/* A search: candidates go on from what was chosen so far, up to a token that
 * ends a step; the one whose last token is the least is chosen. */
struct search {
    uint32_t *tokens; /* (n_prompt + MAX_TOKENS) */
    size_t n_prompt, n_tokens;
    float logprob[MAX_TOKENS];
    float *states; /* (MAX_TOKENS + 1, N_KEPT, DIM): of the tokens' */
    size_t n_out, n_given, rounds;
    struct hs_item *trunk, *back[N_CANDIDATES];
    bool over;
};

struct world {
    bool shared, greedy, stops;
    bool grouped; /* candidates are, and no states are kept */
    uint64_t seed;
    const struct hs_edit *edit;
    struct search v[N_SEARCHES];
    uint64_t edits;
    struct hs_sched_stats stats;
};

static struct hs_item *
new_item(const struct world *w, size_t i, uint32_t sample)
{
    const struct search *s = &w->v[i];
    struct hs_item *item = hs_calloc(1, sizeof *item);

    item->id = "made up";
    item->problem = w->seed * 100 + i;
    item->sample = sample;
    item->n_prompt = s->n_prompt;
    item->n_tokens = s->n_tokens;
    item->max_tokens = MAX_TOKENS;
    item->edit = w->edit;
    item->tokens = hs_calloc(s->n_tokens, sizeof *item->tokens);
    memcpy(item->tokens, s->tokens, s->n_tokens * sizeof *s->tokens);
    return item;
}

/* The tokens that were chosen go to the trunk. */
static void
grow(const struct search *s)
{
    struct hs_item *t = s->trunk;

    memcpy(t->tokens + t->n_tokens, s->tokens + t->n_tokens,
           (s->n_tokens - t->n_tokens) * sizeof *t->tokens);
    t->n_tokens = s->n_tokens;
}

static int
next_of(struct world *w, size_t i, struct hs_item **out)
{
    struct search *s = &w->v[i];

    if (s->over && s->trunk != NULL) {
        s->trunk->hold = false;
        s->trunk = NULL;
    }
    if (s->over || s->n_given == N_CANDIDATES)
        return 0;
    if (w->shared && s->trunk == NULL) {
        *out = s->trunk = new_item(w, i, 0);
        s->trunk->replay = s->trunk->hold = true;
        return 1;
    }
    if (w->shared && s->n_given == 0)
        grow(s);
    *out = new_item(w, i, (uint32_t)s->n_given++);
    (*out)->user = s;
    (*out)->trunk = s->trunk;
    (*out)->n_share = w->shared ? s->n_tokens - 1 : 0;
    if (w->grouped)
        (*out)->group = 1 + i + N_SEARCHES * s->rounds;
    return 1;
}

static int
next(void *ud, struct hs_item **out)
{
    struct world *w = ud;
    bool over = true;

    for (size_t i = 0; i < N_SEARCHES; i++) {
        if (next_of(w, i, out) > 0)
            return 1;
        over &= w->v[i].over;
    }
    return over ? 0 : HS_SCHED_LATER;
}

static bool
stops(void *ud, struct hs_item *item, uint32_t token)
{
    const struct world *w = ud;

    (void)item;
    return w->stops && token % 4 == 0;
}

static void
choose(struct world *w, struct search *s)
{
    size_t best = 0, old = s->n_tokens - s->n_prompt, n;
    const struct hs_item *b;

    for (size_t k = 1; k < N_CANDIDATES; k++) {
        const struct hs_item *x = s->back[k], *y = s->back[best];

        if (x->tokens[x->n_tokens - 1] < y->tokens[y->n_tokens - 1])
            best = k;
    }
    b = s->back[best];
    n = b->n_tokens - b->n_prompt;
    memcpy(s->tokens, b->tokens, b->n_tokens * sizeof *b->tokens);
    memcpy(s->logprob + old, b->logprob + old, (n - old) * sizeof *b->logprob);
    /* the last states are those of the tokens behind what was given */
    for (size_t t = old + 1;
         !w->grouped && t <= n - (b->finish == HS_FINISH_EOS); t++) {
        size_t row = SIZE_MAX;

        for (size_t r = 0; r < b->n_states; r++)
            if (b->positions[r] == b->n_prompt - 1 + t)
                row = r;
        assert_true(row < b->n_states);
        memcpy(s->states + t * N_KEPT * DIM, b->states + row * N_KEPT * DIM,
               N_KEPT * DIM * sizeof(float));
    }
    s->n_tokens = b->n_tokens;
    s->over = b->finish != HS_FINISH_STOP || n == MAX_TOKENS;
    s->rounds++;
    for (size_t k = 0; k < N_CANDIDATES; k++) {
        w->edits += s->back[k]->edits;
        hs_item_free(s->back[k]);
    }
    s->n_given = s->n_out = 0;
}

static void
finished(void *ud, struct hs_item *item)
{
    (void)ud;
    assert_non_null(item->user); /* no trunk comes here */
}

static int
emit(void *ud, struct hs_item *item)
{
    struct world *w = ud;
    struct search *s = item->user;

    s->back[item->sample] = item;
    if (++s->n_out == N_CANDIDATES)
        choose(w, s);
    return 0;
}

static void
start(struct world *w, uint64_t seed)
{
    for (size_t i = 0; i < N_SEARCHES; i++) {
        struct search *s = &w->v[i];
        uint32_t *prompt;

        s->n_prompt = i == 3 ? 270 : 1 + (size_t)(seed * 7 + i * 11) % 40;
        prompt =
            modeldir_prompt((uint32_t)(seed * 10 + i), s->n_prompt, N_VOCAB);
        s->tokens = hs_calloc(s->n_prompt + MAX_TOKENS, sizeof *s->tokens);
        memcpy(s->tokens, prompt, s->n_prompt * sizeof *prompt);
        free(prompt);
        s->n_tokens = s->n_prompt;
        s->states =
            hs_calloc((MAX_TOKENS + 1) * N_KEPT * DIM, sizeof *s->states);
    }
}

static int
try_run(const struct hs_model *m, struct world *w, size_t batch, size_t threads,
        struct hs_error *err)
{
    uint32_t layers[N_KEPT] = {1, 4};
    struct hs_sched_options o = {
        .batch = batch,
        .team = teams[threads - 1],
        .layers = {.v = layers, .n = w->grouped ? 0 : N_KEPT},
        .sampler = {.greedy = w->greedy,
                    .temperature = 1,
                    .top_p = 1,
                    .seed = 5},
        .eos = eos,
        .n_eos = sizeof eos / sizeof *eos,
        .stats = &w->stats,
        .unordered = true,
        .stops = stops,
        .next = next,
        .finished = finished,
        .emit = emit,
        .ud = w};

    start(w, w->seed);
    return hs_sched_run(m, &o, err);
}

static void
forget(struct world *w)
{
    for (size_t i = 0; i < N_SEARCHES; i++) {
        free(w->v[i].tokens);
        free(w->v[i].states);
    }
}

static void
same(const struct world *a, const struct world *b)
{
    for (size_t i = 0; i < N_SEARCHES; i++) {
        const struct search *x = &a->v[i], *y = &b->v[i];

        assert_int_equal(x->n_tokens, y->n_tokens);
        assert_int_equal(x->rounds, y->rounds);
        assert_memory_equal(x->tokens, y->tokens,
                            x->n_tokens * sizeof(uint32_t));
        assert_memory_equal(x->logprob, y->logprob, sizeof x->logprob);
        if (!b->grouped)
            assert_memory_equal(x->states, y->states,
                                (MAX_TOKENS + 1) * N_KEPT * DIM *
                                    sizeof(float));
    }
}

/* Two edits of two layers, one of them of prompts too or not. */
static void
make_edits(struct hs_edit e[2], uint32_t coords[2], float values[2],
           enum hs_edit_where where)
{
    for (uint32_t i = 0; i < 2; i++) {
        coords[i] = 3 + 5 * i;
        values[i] = 2;
        e[i] = (struct hs_edit){.mode = HS_EDIT_SCALE,
                                .where = where,
                                .layer = 1 + i,
                                .coords = &coords[i],
                                .values = &values[i],
                                .n = 1,
                                .more = i == 0 ? &e[1] : NULL};
    }
}

static void
check_world(const struct hs_model *m, const struct world *how, size_t *rounds)
{
    static const size_t batches[] = {N_SEARCHES + 1, 11, 64};
    struct world alone = *how;
    struct hs_error err;

    if (try_run(m, &alone, 4, 1, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(alone.stats.shared, 0);
    for (size_t i = 0; i < N_SEARCHES; i++)
        *rounds += alone.v[i].rounds;
    for (size_t k = 0; k < 3; k++) {
        struct world w = *how;

        w.shared = true;
        if (try_run(m, &w, batches[k], k == 1 ? 2 : 1, &err) < 0)
            fail_msg("%s", err.text);
        same(&alone, &w);
        assert_true(w.stats.computed < alone.stats.computed);
        assert_true(w.stats.shared > 0);
        if (how->edit != NULL)
            assert_true(w.edits > 0);
        forget(&w);
        if (k == 0)
            continue; /* a group needs as many slots besides the trunks */
        struct world grouped = *how;

        grouped.shared = grouped.grouped = true;
        if (try_run(m, &grouped, batches[k], k, &err) < 0)
            fail_msg("%s", err.text);
        same(&alone, &grouped);
        assert_true(grouped.stats.computed < w.stats.computed);
        forget(&grouped);
    }
    forget(&alone);
}

static void
open_model(const char *family, char **dir, struct hs_model **m)
{
    struct hs_buf args = {0};
    struct hs_error err;

    hs_buf_printf(&args,
                  "family=%s layers=4 dim=32 heads=4 kv_heads=2 ffn=48 "
                  "vocab=259 max_pos=400 seed=9",
                  family);
    *dir = modeldir_new(hs_buf_cstr(&args));
    *m = hs_model_open(*dir, &err);
    if (*m == NULL)
        fail_msg("%s", err.text);
    hs_buf_free(&args);
}

static void
searches_share_what_they_have(void **state)
{
    static const char *const families[] = {"qwen2", "qwen3", "llama"};
    size_t rounds = 0;

    (void)state;
    for (size_t f = 0; f < 3; f++) {
        struct hs_model *m;
        char *dir;

        open_model(families[f], &dir, &m);
        for (int i = 0; i < 8; i++) {
            struct hs_edit edits[2];
            uint32_t coords[2];
            float values[2];
            struct world how = {
                .seed = (uint64_t)i, .greedy = i == 1, .stops = i != 2};

            make_edits(edits, coords, values, (enum hs_edit_where)(i % 3));
            how.edit = i > 3 ? edits : NULL;
            check_world(m, &how, &rounds);
        }
        hs_model_free(m);
        modeldir_free(dir);
    }
    print_message("%zu rounds\n", rounds);
    assert_true(rounds > 3 * 8 * N_SEARCHES);
}

static void
too_small_a_batch_is_said(void **state)
{
    struct world w = {.shared = true, .stops = true};
    struct hs_error err;
    struct hs_model *m;
    char *dir;

    (void)state;
    open_model("qwen2", &dir, &m);
    assert_int_equal(try_run(m, &w, 1, 1, &err), -1);
    assert_string_equal(err.text, "a batch of 1 is too small for its trunks");
    forget(&w);
    hs_model_free(m);
    modeldir_free(dir);
}

/* ---- edits of several layers */

struct replay {
    const struct hs_edit *edit;
    bool given;
    struct hs_item *out;
};

static int
next_replay(void *ud, struct hs_item **out)
{
    struct replay *r = ud;
    struct world from = {.v[0] = {.n_prompt = 4, .n_tokens = 6}};
    uint32_t tokens[6] = {1, 2, 4, 5, 6, 7};

    if (r->given)
        return 0;
    r->given = true;
    from.v[0].tokens = tokens;
    from.edit = r->edit;
    *out = new_item(&from, 0, 0);
    (*out)->replay = true;
    (*out)->user = r;
    return 1;
}

static int
keep(void *ud, struct hs_item *item)
{
    struct replay *r = ud;

    r->out = item;
    return 0;
}

/* State t of layer 1 + l. */
static const float *
state_of(const struct replay *r, size_t t, size_t l)
{
    return r->out->states + (t * 2 + l) * DIM;
}

static void
edits_of_layers_go_together(void **state)
{
    uint32_t coords[2], layers[2] = {1, 2};
    struct replay one = {0}, both = {0};
    struct hs_edit edits[2], first;
    float values[2];
    struct hs_error err;
    struct hs_model *m;
    char *dir;

    (void)state;
    open_model("qwen2", &dir, &m);
    make_edits(edits, coords, values, HS_EDIT_ALL);
    first = edits[0];
    first.more = NULL;
    one.edit = &first;
    both.edit = edits;
    for (int i = 0; i < 2; i++) {
        struct hs_sched_options o = {.batch = 4,
                                     .layers = {.v = layers, .n = 2},
                                     .sampler = {.temperature = 1, .top_p = 1},
                                     .next = next_replay,
                                     .finished = finished,
                                     .emit = keep,
                                     .ud = i == 0 ? &one : &both};

        assert_int_equal(hs_sched_run(m, &o, &err), 0);
    }
    assert_int_equal(one.out->edits, 6);
    assert_int_equal(both.out->edits, 12);
    for (size_t t = 0; t < 3; t++) {
        assert_memory_equal(state_of(&one, t, 0), state_of(&both, t, 0),
                            DIM * sizeof(float));
        /* nothing but the coordinate, which is doubled */
        for (uint32_t j = 0; j < DIM; j++)
            assert_true(state_of(&both, t, 1)[j] ==
                        (j == coords[1] ? 2 : 1) * state_of(&one, t, 1)[j]);
    }
    hs_item_free(one.out);
    hs_item_free(both.out);
    hs_model_free(m);
    modeldir_free(dir);
}

/* ---- what is no branch */

struct wrong {
    int kind, n;
    struct hs_item *trunk;
};

static int
next_wrong(void *ud, struct hs_item **out)
{
    struct wrong *w = ud;
    struct world from = {.v[0] = {.n_prompt = 4, .n_tokens = 6}};
    uint32_t tokens[6] = {1, 2, 4, 5, 6, 7};
    struct hs_item *item;

    from.v[0].tokens = tokens;
    item = new_item(&from, 0, 0);
    if (w->n++ == 0) {
        item->replay = item->hold = true;
        item->replay = w->kind != 1;
        w->trunk = item;
    } else {
        item->trunk = w->trunk;
        item->n_share = w->kind == 2 ? 6 : 5;
        if (w->kind == 3)
            item->tokens[4] = 9;
        if (w->kind == 4)
            item->n_prompt = 3;
        if (w->kind == 5)
            item->max_tokens = 1;
    }
    *out = item;
    return 1;
}

static void
what_is_no_branch_is_refused(void **state)
{
    static const struct hs_edit edit = {.where = HS_EDIT_GENERATED};
    static const char *const says[] = {
        "made up: a branch or trunk in an ordered run",
        "made up: a trunk that is generated or a branch",
        "made up: does not begin like its trunk, made up",
        "made up: does not begin like its trunk, made up",
        "made up: does not begin like its trunk, made up",
        "made up: 2 tokens are given, at most 1 asked for"};
    struct hs_error err;
    struct hs_model *m;
    char *dir;

    (void)state;
    open_model("qwen2", &dir, &m);
    for (int kind = 0; kind < 6; kind++) {
        struct wrong w = {.kind = kind};
        struct hs_sched_options o = {.batch = 4,
                                     .sampler = {.temperature = 1, .top_p = 1},
                                     .unordered = kind > 0,
                                     /* which asks where a prompt ends */
                                     .edit = kind == 4 ? &edit : NULL,
                                     .next = next_wrong,
                                     .finished = finished,
                                     .emit = emit,
                                     .ud = &w};

        assert_int_equal(hs_sched_run(m, &o, &err), -1);
        assert_string_equal(err.text, says[kind]);
    }
    hs_model_free(m);
    modeldir_free(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_share_what_they_have),
        cmocka_unit_test(too_small_a_batch_is_said),
        cmocka_unit_test(edits_of_layers_go_together),
        cmocka_unit_test(what_is_no_branch_is_refused),
    };
    struct hs_error err;
    int rc;

    for (size_t i = 0; i < 2; i++)
        if ((teams[i] = hs_team_new(i + 1, &err)) == NULL)
            return 99;
    rc = cmocka_run_group_tests_name("branch", tests, NULL, NULL);
    for (size_t i = 0; i < 2; i++)
        hs_team_free(teams[i]);
    return rc;
}
