/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * searchread.c - streams of searches into tallies, see searchsum.h.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/json.h"
#include "search/sumdata.h"
#include "stream/headjoin.h"

struct hs_searchsum *
hs_searchsum_new(const struct hs_searchsum_options *o)
{
    struct hs_searchsum *s = hs_calloc(1, sizeof *s);

    s->o = *o;
    s->problems = json_object();
    return s;
}

void
hs_searchsum_free(struct hs_searchsum *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_arms; i++) {
        struct hs_searcharm *a = &s->arms[i];

        for (size_t k = 0; k < a->cap_cells; k++) {
            free(a->cells[k].reward);
            free(a->cells[k].hash);
        }
        free(a->cells);
        json_decref(a->json);
        if (s->results != NULL) {
            free(s->results[i].seed_n);
            free(s->results[i].seed_right);
        }
    }
    free(s->arms);
    free(s->seeds);
    free(s->asked);
    free(s->results);
    json_decref(s->problems);
    hs_head_free(&s->head);
    free(s);
}

int
hs_searcharm_reward(const struct hs_searcharm *a, size_t seed, size_t problem)
{
    const struct hs_searchcells *c;

    if (a->kind == HS_SCORER_GREEDY)
        seed = 0;
    if (seed >= a->cap_cells)
        return HS_NO_ANSWER;
    c = &a->cells[seed];
    return problem < c->cap ? c->reward[problem] : HS_NO_ANSWER;
}

/* ---- heads ---- */

static struct hs_searcharm *
find_arm(const struct hs_searchsum *s, const char *name)
{
    for (size_t i = 0; i < s->n_arms; i++)
        if (strcmp(s->arms[i].name, name) == 0)
            return &s->arms[i];
    return NULL;
}

static int
add_arm(struct hs_searchsum *s, json_t *j, struct hs_error *err)
{
    const char *name = json_string_value(json_object_get(j, "name"));
    const char *text = json_string_value(json_object_get(j, "kind"));
    enum hs_scorer_kind kind;

    if (name == NULL || text == NULL || hs_scorer_kind_parse(text, &kind) < 0)
        return hs_fail(err, "the head lists a scorer that is none");
    if (find_arm(s, name) != NULL)
        return 0;
    s->arms = hs_grow(s->arms, &s->cap_arms, s->n_arms + 1, sizeof *s->arms);
    s->arms[s->n_arms++] = (struct hs_searcharm){
        .json = json_incref(j), .name = name, .kind = kind};
    return 0;
}

/* A head's copy shares its run. */
static void
own_run(struct hs_head *head)
{
    json_t *run = json_copy(head->run);

    json_decref(head->run);
    head->run = run;
}

static int
take_head(void *ud, const struct hs_head *head, struct hs_error *err)
{
    struct hs_searchsum *s = ud;
    json_t *scorers, *v;
    size_t i;

    if (strcmp(head->kind, "search") != 0)
        return hs_fail(err, "a stream of %s, not of searches", head->kind);
    if (s->begun && (hs_head_compatible(&s->head, head, err) < 0 ||
                     hs_arms_join(s->head.run, head->run, err) < 0))
        return -1;
    if (!s->begun) {
        hs_head_copy(&s->head, head);
        own_run(&s->head);
        s->begun = true;
    }
    scorers = json_object_get(json_object_get(head->run, "search"), "scorers");
    if (!json_is_array(scorers))
        return hs_fail(err, "the head lists no scorers");
    json_array_foreach(scorers, i, v)
    {
        if (add_arm(s, v, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- answers ---- */

static size_t
number_seed(struct hs_searchsum *s, uint64_t seed)
{
    for (size_t i = 0; i < s->n_seeds; i++)
        if (s->seeds[i] == seed)
            return i;
    s->seeds =
        hs_grow(s->seeds, &s->cap_seeds, s->n_seeds + 1, sizeof *s->seeds);
    s->seeds[s->n_seeds] = seed;
    return s->n_seeds++;
}

static uint64_t
asked(const struct hs_trajectory *t)
{
    const char *gold = t->gold != NULL ? t->gold : "";

    return XXH3_64bits_withSeed(
        gold, strlen(gold),
        XXH3_64bits(t->prompt_hash, strlen(t->prompt_hash)));
}

static int
number_problem(struct hs_searchsum *s, const struct hs_trajectory *t,
               size_t *out, struct hs_error *err)
{
    const json_t *at = json_object_get(s->problems, t->problem);

    if (at == NULL) {
        *out = s->n_problems++;
        s->asked =
            hs_grow(s->asked, &s->cap_asked, s->n_problems, sizeof *s->asked);
        s->asked[*out] = asked(t);
        (void)json_object_set_new(s->problems, t->problem,
                                  json_integer((json_int_t)*out));
        return 0;
    }
    *out = (size_t)json_integer_value(at);
    if (s->asked[*out] != asked(t))
        return hs_fail(err,
                       "%s: another prompt or gold answer than in another "
                       "answer",
                       t->id);
    return 0;
}

/* Makes room for a problem; what is new is no answer. */
static struct hs_searchcells *
cells_of(struct hs_searcharm *a, size_t seed, size_t problem)
{
    size_t old = a->cap_cells;
    struct hs_searchcells *c;

    a->cells = hs_grow(a->cells, &a->cap_cells, seed + 1, sizeof *a->cells);
    if (a->cap_cells > old)
        memset(a->cells + old, 0, (a->cap_cells - old) * sizeof *a->cells);
    c = &a->cells[seed];
    old = c->cap;
    c->reward = hs_grow(c->reward, &c->cap, problem + 1, sizeof *c->reward);
    if (c->cap > old)
        memset(c->reward + old, HS_NO_ANSWER, c->cap - old);
    c->hash = hs_grow(c->hash, &c->cap_hash, problem + 1, sizeof *c->hash);
    return c;
}

static uint64_t
hash_of(const struct hs_trajectory *t)
{
    return XXH3_64bits_withSeed(t->tokens, t->n_tokens * sizeof *t->tokens,
                                t->n_prompt);
}

/* What meta says of the search. */
static int
take_meta(const struct hs_trajectory *t, uint64_t *seed, uint64_t *tokens,
          struct hs_error *err)
{
    const json_t *j = json_object_get(t->meta, "search");

    *seed = 0;
    if (!json_is_object(j) ||
        hs_json_u64(j, "seed", t->id, 0, UINT64_MAX / 2, seed, err) < 0 ||
        hs_json_u64(j, "tokens", t->id, 0, UINT64_MAX / 2, tokens, err) <= 0)
        return hs_fail(err, "%s: meta says nothing of a search", t->id);
    return 0;
}

static void
count(struct hs_searcharm *a, const struct hs_trajectory *t, uint64_t tokens)
{
    a->n_answers++;
    a->n_parsed += t->parsed != NULL;
    a->n_eos += strcmp(t->finish, "eos") == 0;
    a->n_length += strcmp(t->finish, "length") == 0;
    a->tokens += tokens;
    a->answer_tokens += t->n_tokens - t->n_prompt;
}

static int
take_trajectory(void *ud, const struct hs_trajectory *t, struct hs_error *err)
{
    struct hs_searchsum *s = ud;
    struct hs_searcharm *a = t->arm != NULL ? find_arm(s, t->arm) : NULL;
    struct hs_searchcells *c;
    uint64_t seed, tokens = 0;
    size_t problem, at = 0;

    if (a == NULL)
        return hs_fail(err, "%s: the head lists no scorer %s", t->id,
                       t->arm != NULL ? t->arm : "(none)");
    if (take_meta(t, &seed, &tokens, err) < 0 ||
        number_problem(s, t, &problem, err) < 0)
        return -1;
    if (a->kind != HS_SCORER_GREEDY)
        at = number_seed(s, seed);
    c = cells_of(a, at, problem);
    if (c->reward[problem] == HS_NO_ANSWER) {
        c->reward[problem] = (int8_t)t->reward;
        c->hash[problem] = hash_of(t);
        count(a, t, tokens);
    } else if (c->reward[problem] != t->reward ||
               c->hash[problem] != hash_of(t)) {
        return hs_fail(err, "%s: comes twice, and differs", t->id);
    }
    return 0;
}

int
hs_searchsum_add(struct hs_searchsum *s, struct hs_reader *r, const char *name,
                 struct hs_error *err)
{
    return hs_read_segments(r, name, take_head, take_trajectory, s, err);
}
