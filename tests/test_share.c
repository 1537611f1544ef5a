/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_share.c - items of a group give what each gives alone, to the last bit,
 * and what is computed is what has to be.
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
    N_LAYERS = 4,
    DIM = 32,
    N_VOCAB = 259,
    CONTEXT = 400,
    MAX_COORDS = 3,
    MAX_ITEMS = 80,
    MAX_TOKENS = 20,
    N_WORLDS = 12
};

static const uint32_t eos[] = {3, 50, 90, 131, 177, 200, 256, 258};
static struct hs_team *teams[2]; /* of one thread, of two */

/* What an item is to be. */
struct plan {
    uint64_t group, problem;
    uint32_t sample;
    size_t n_prompt, n_tokens, max_tokens;
    bool replay, edited;
    struct hs_edit edit;
    uint32_t coords[MAX_COORDS];
    float values[MAX_COORDS];
    uint32_t *tokens; /* (n_tokens) owned */
};

/* A list of items; runs of it. */
struct world {
    uint64_t seed, n_drawn;
    bool greedy;
    struct plan plans[MAX_ITEMS];
    size_t n;
};

struct run {
    const struct world *w;
    bool grouped;
    struct hs_list layers;
    struct hs_item *out[MAX_ITEMS];
    size_t n_given, n_out;
    struct hs_sched_stats stats;
};

/* --- items */

/* A random number below n. */
static size_t
draw(struct world *w, size_t n)
{
    return (size_t)(hs_rng_uniform(77, w->seed, 0, (uint32_t)w->n_drawn++) *
                    (double)n);
}

/* Depends on all that a draw may depend on. */
static void
draw_values(const void *ud, const struct hs_edit *e, float *x,
            const struct hs_edit_at *at)
{
    (void)ud;
    for (size_t i = 0; i < e->n; i++)
        x[e->coords[i]] = (float)hs_rng_uniform(
            at->problem, at->sample, (uint32_t)at->pos, e->coords[i]);
}

static void
plan_edit(struct world *w, struct plan *p)
{
    static const float sizes[] = {0.01f, 0.1f, 0.5f, 3};
    float size = sizes[draw(w, 4)];
    size_t first = draw(w, DIM - MAX_COORDS);

    p->edited = draw(w, 5) > 0;
    p->edit = (struct hs_edit){.mode = (enum hs_edit_mode)draw(w, 5),
                               .where = (enum hs_edit_where)draw(w, 3),
                               .layer = (uint32_t)draw(w, N_LAYERS + 1),
                               .coords = p->coords,
                               .values = p->values,
                               .n = draw(w, MAX_COORDS + 1),
                               .draw = draw_values};
    for (size_t i = 0; i < MAX_COORDS; i++) {
        p->coords[i] = (uint32_t)(first + i);
        p->values[i] = size * (float)(1 + draw(w, 3));
    }
}

static void
add_group(struct world *w, uint64_t group, size_t size)
{
    size_t n_prompt = draw(w, 20) == 0 ? 257 + draw(w, 60) : 1 + draw(w, 40);
    size_t n_replay = draw(w, 4) == 0 ? draw(w, MAX_TOKENS) : 0;
    size_t n_max = draw(w, MAX_TOKENS + 1);
    bool same_max = draw(w, 4) > 0;

    for (size_t i = 0; i < size && w->n < MAX_ITEMS; i++) {
        struct plan *p = &w->plans[w->n++];

        *p = (struct plan){.group = group,
                           .problem = w->seed + group,
                           .n_prompt = n_prompt,
                           .n_tokens = n_prompt + n_replay,
                           .replay = n_replay > 0,
                           .max_tokens = n_max};
        if (!same_max)
            p->max_tokens = draw(w, MAX_TOKENS + 1);
        p->tokens = modeldir_prompt((uint32_t)(w->seed * 100 + group),
                                    p->n_tokens, N_VOCAB);
        plan_edit(w, p);
        /* Samples draw other tokens, but are no matter to these edits. */
        if (group % 3 == 0) {
            p->sample = (uint32_t)i;
            p->edited &= p->edit.mode != HS_EDIT_RESAMPLE;
        }
    }
}

static void
new_world(struct world *w, uint64_t seed)
{
    *w = (struct world){.seed = seed};
    w->greedy = draw(w, 2) == 0;
    for (uint64_t group = 1; group <= 8; group++) {
        add_group(w, group, 1 + draw(w, 12));
        if (draw(w, 3) == 0)
            add_group(w, 0, 1);
    }
}

static void
end_world(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->plans[i].tokens);
}

/* --- runs */

static int
next_item(void *ud, struct hs_item **out)
{
    struct run *r = ud;
    size_t i = r->n_given;
    const struct plan *p = &r->w->plans[i];
    struct hs_item *item;

    if (i == r->w->n)
        return 0;
    r->n_given++;
    item = hs_calloc(1, sizeof *item);
    item->id = "made up";
    item->problem = p->problem;
    item->sample = p->sample;
    item->n_prompt = p->n_prompt;
    item->n_tokens = p->n_tokens;
    item->max_tokens = p->max_tokens;
    item->replay = p->replay;
    item->group = r->grouped ? p->group : 0;
    item->tokens = hs_calloc(p->n_tokens, sizeof *item->tokens);
    memcpy(item->tokens, p->tokens, p->n_tokens * sizeof *item->tokens);
    item->edit = p->edited ? &p->edit : NULL;
    *out = item;
    return 1;
}

static void
finished_item(void *ud, struct hs_item *item)
{
    (void)ud;
    (void)item;
}

static int
emit_item(void *ud, struct hs_item *item)
{
    struct run *r = ud;

    r->out[r->n_out++] = item;
    return 0;
}

static int
try_run(const struct hs_model *m, struct run *r, size_t batch, size_t threads,
        struct hs_error *err)
{
    struct hs_sched_options o = {.batch = batch,
                                 .team = teams[threads - 1],
                                 .layers = r->layers,
                                 .sampler = {.greedy = r->w->greedy,
                                             .temperature = 1,
                                             .top_p = 1,
                                             .seed = 5},
                                 .eos = eos,
                                 .n_eos = sizeof eos / sizeof *eos,
                                 .stats = &r->stats,
                                 .next = next_item,
                                 .finished = finished_item,
                                 .emit = emit_item,
                                 .ud = r};

    return hs_sched_run(m, &o, err);
}

static struct run
run(const struct hs_model *m, const struct world *w, bool grouped, size_t batch,
    size_t threads)
{
    struct run r = {.w = w, .grouped = grouped};
    struct hs_error err;

    if (try_run(m, &r, batch, threads, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(r.n_out, w->n);
    return r;
}

static void
forget(struct run *r)
{
    for (size_t i = 0; i < r->n_out; i++)
        hs_item_free(r->out[i]);
}

static bool
same_tokens(const struct hs_item *a, const struct hs_item *b)
{
    return a->n_tokens == b->n_tokens &&
           memcmp(a->tokens, b->tokens, a->n_tokens * sizeof *a->tokens) == 0;
}

static void
same_items(const struct run *a, const struct run *b)
{
    for (size_t i = 0; i < a->n_out; i++) {
        const struct hs_item *x = a->out[i], *y = b->out[i];
        size_t n = x->n_tokens - x->n_prompt;

        assert_true(same_tokens(x, y));
        assert_int_equal(x->finish, y->finish);
        assert_int_equal(x->edits, y->edits);
        assert_memory_equal(x->logprob, y->logprob, n * sizeof *x->logprob);
        assert_memory_equal(x->entropy, y->entropy, n * sizeof *x->entropy);
    }
}

/* --- tests */

static struct hs_model *
new_model(const char *family, char **dir)
{
    struct hs_buf args = {0};
    struct hs_error err;
    struct hs_model *m;

    hs_buf_printf(&args,
                  "family=%s layers=4 dim=32 heads=4 kv_heads=2 ffn=48 "
                  "vocab=259 max_pos=400 seed=9",
                  family);
    *dir = modeldir_new(hs_buf_cstr(&args));
    m = hs_model_open(*dir, &err);
    if (m == NULL)
        fail_msg("%s", err.text);
    hs_buf_free(&args);
    return m;
}

static void
end_model(struct hs_model *m, char *dir)
{
    hs_model_free(m);
    modeldir_free(dir);
}

/* How many items of a group have the tokens of the one before, and have not. */
static void
count_ways(const struct run *r, size_t ways[2])
{
    for (size_t i = 1; i < r->n_out; i++)
        if (r->w->plans[i].group != 0 && !r->w->plans[i].replay &&
            r->w->plans[i].group == r->w->plans[i - 1].group)
            ways[same_tokens(r->out[i - 1], r->out[i])]++;
}

static void
check_world(const struct hs_model *m, uint64_t seed, size_t ways[2],
            struct hs_sched_stats *stats)
{
    static const size_t batches[] = {1, 3, 8, 17, 64};
    struct world w;
    struct run alone;

    new_world(&w, seed);
    alone = run(m, &w, false, 4, 1);
    assert_int_equal(alone.stats.shared, 0);
    count_ways(&alone, ways);
    for (size_t k = 0; k < 5; k++) {
        /* few passes of two threads: they wait for each other all the time */
        size_t threads = k == 4 || (k == 2 && seed % 3 == 0) ? 2 : 1;
        struct run r = run(m, &w, true, batches[k], threads);

        same_items(&alone, &r);
        assert_int_equal(r.stats.computed + r.stats.shared,
                         alone.stats.computed);
        if (k == 0)
            assert_int_equal(r.stats.shared, 0);
        if (k == 4) {
            stats->shared += r.stats.shared;
            stats->computed += r.stats.computed;
        }
        forget(&r);
    }
    forget(&alone);
    end_world(&w);
}

static void
test_worlds(void **state)
{
    static const char *const families[] = {"qwen2", "qwen3", "llama"};
    struct hs_sched_stats stats = {0};
    size_t ways[2] = {0};

    (void)state;
    for (uint64_t f = 0; f < 3; f++) {
        char *dir;
        struct hs_model *m = new_model(families[f], &dir);

        for (uint64_t i = 0; i < N_WORLDS / (f + 1); i++)
            check_world(m, 1000 * f + i, ways, &stats);
        end_model(m, dir);
    }
    print_message(
        "same way %zu, other way %zu; %.0f%% shared\n", ways[1], ways[0],
        100.0 * (double)stats.shared / (double)(stats.shared + stats.computed));
    /* both are there to be tested */
    assert_true(ways[0] > 100 && ways[1] > 100);
    assert_true(stats.shared > stats.computed / 10);
}

/* A group of n like the first, which is not edited: 10 tokens of prompt. */
static void
small_world(struct world *w, size_t n)
{
    *w = (struct world){.seed = 4, .greedy = true, .n = n};
    for (size_t i = 0; i < n; i++) {
        struct plan *p = &w->plans[i];

        *p = (struct plan){.group = 1,
                           .problem = 8,
                           .n_prompt = 10,
                           .n_tokens = 10,
                           .max_tokens = MAX_TOKENS,
                           .edited = i > 0,
                           .coords = {7},
                           .values = {1}};
        p->edit = (struct hs_edit){.mode = HS_EDIT_SCALE,
                                   .layer = 2,
                                   .coords = p->coords,
                                   .values = p->values,
                                   .n = 1};
        p->tokens = modeldir_prompt(3, 10, N_VOCAB);
    }
}

/* Tokens of an item that were fed. */
static size_t
n_fed(const struct hs_item *item)
{
    return item->n_tokens - (item->finish == HS_FINISH_EOS);
}

/* Edits that write what was there: all tokens are the same, and what is shared
 * is known. */
static void
test_counts(void **state)
{
    char *dir;
    struct hs_model *m = new_model("qwen2", &dir);

    (void)state;
    for (int where = HS_EDIT_ALL; where <= HS_EDIT_NOT_FIRST; where++) {
        for (uint32_t layer = 0; layer <= N_LAYERS; layer++) {
            struct world w;
            struct run r;
            size_t fed, shared;

            small_world(&w, 5);
            for (size_t i = 1; i < 5; i++) {
                w.plans[i].edit.where = (enum hs_edit_where)where;
                w.plans[i].edit.layer = layer;
            }
            w.plans[3].edit.n = 0; /* no edit at all */
            r = run(m, &w, true, 8, 2);
            fed = n_fed(r.out[0]);
            assert_true(fed > 10);
            shared = fed * layer;
            if (where == HS_EDIT_GENERATED)
                shared = 10 * N_LAYERS + (fed - 10) * layer;
            shared = 3 * shared + fed * N_LAYERS;
            assert_int_equal(r.stats.shared, shared);
            assert_int_equal(r.stats.computed, 5 * N_LAYERS * fed - shared);
            forget(&r);
            end_world(&w);
        }
    }
    end_model(m, dir);
}

/* Two that leave the first the same way go on together. */
static void
test_leave(void **state)
{
    char *dir;
    struct hs_model *m = new_model("qwen2", &dir);
    struct world w;
    struct run alone, r;
    size_t t = 10;

    (void)state;
    small_world(&w, 3);
    for (size_t i = 1; i < 3; i++) {
        w.plans[i].edit.mode = HS_EDIT_MEAN;
        w.plans[i].edit.layer = 3;
        w.plans[i].edit.where = HS_EDIT_GENERATED;
        w.plans[i].values[0] = 4;
    }
    alone = run(m, &w, false, 8, 1);
    r = run(m, &w, true, 8, 1);
    same_items(&alone, &r);
    assert_true(same_tokens(r.out[1], r.out[2]));
    while (t < r.out[0]->n_tokens && r.out[0]->tokens[t] == r.out[1]->tokens[t])
        t++;
    /* it is within both, and not at once */
    assert_true(t > 10 && t < r.out[0]->n_tokens && t < r.out[1]->n_tokens);
    assert_int_equal(r.stats.shared, (size_t)2 * 10 * N_LAYERS +
                                         3 * (n_fed(r.out[2]) - 10) +
                                         3 * (t - 10));
    forget(&alone);
    forget(&r);
    end_world(&w);
    end_model(m, dir);
}

/* Where states are kept nothing is shared, and they are what they were. */
static void
test_states(void **state)
{
    uint32_t layers[] = {0, 1, 2, 3, 4};
    char *dir;
    struct hs_model *m = new_model("qwen2", &dir);
    struct world w;
    struct run a = {.w = &w, .layers = {.v = layers, .n = 5}}, b = a;
    struct hs_error err;

    (void)state;
    new_world(&w, 5000);
    b.grouped = true;
    assert_int_equal(try_run(m, &a, 16, 1, &err), 0);
    assert_int_equal(try_run(m, &b, 16, 2, &err), 0);
    same_items(&a, &b);
    assert_int_equal(b.stats.shared, 0);
    for (size_t i = 0; i < w.n; i++) {
        assert_int_equal(a.out[i]->n_states, b.out[i]->n_states);
        assert_memory_equal(a.out[i]->states, b.out[i]->states,
                            a.out[i]->n_states * 5 * DIM * sizeof(float));
    }
    forget(&a);
    forget(&b);
    end_world(&w);
    end_model(m, dir);
}

/* What is no group is refused. */
static void
test_refused(void **state)
{
    char *dir;
    struct hs_model *m = new_model("qwen2", &dir);

    (void)state;
    for (int what = 0; what < 5; what++) {
        struct world w;
        struct run r = {.w = &w, .grouped = true};
        struct hs_error err;

        small_world(&w, 3);
        w.plans[2].problem += what == 0;
        w.plans[2].tokens[4] ^= what == 1;
        w.plans[2].n_prompt -= what == 2;
        w.plans[2].replay = what == 3;
        if (what == 4) {
            w.plans[2].sample++;
            w.plans[2].edit.mode = HS_EDIT_RESAMPLE;
        }
        assert_int_equal(try_run(m, &r, 3, 1, &err), -1);
        assert_string_equal(err.text,
                            "made up: of the group of made up, but its "
                            "prompt, problem or sample is another one");
        forget(&r);
        end_world(&w);
    }
    end_model(m, dir);
}

static int
set_up(void **state)
{
    struct hs_error err;

    (void)state;
    teams[0] = hs_team_new(1, &err);
    teams[1] = hs_team_new(2, &err);
    return teams[0] == NULL || teams[1] == NULL;
}

static int
tear_down(void **state)
{
    (void)state;
    hs_team_free(teams[0]);
    hs_team_free(teams[1]);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worlds),  cmocka_unit_test(test_counts),
        cmocka_unit_test(test_leave),   cmocka_unit_test(test_states),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests_name("share", tests, set_up, tear_down);
}
