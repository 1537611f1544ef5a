/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armread.c - streams of arms into tallies, see armsum.h.
 */
#include <config.h>

#include "ablate/armsum.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "ablate/armdata.h"
#include "stream/headjoin.h"

#define FIXED_ONE 0x1p40

const char *
hs_armpart_name(enum hs_armpart p)
{
    static const char *const names[] = {
        [HS_ARMPART_PROBLEMS] = HS_PART_PROBLEMS,
        [HS_ARMPART_ALSO] = HS_PART_ALSO,
        [HS_ARMPART_OWN] = HS_PART_OWN,
        [HS_ARMPART_NEUTRAL] = HS_PART_NEUTRAL,
    };

    return names[p];
}

struct hs_armsum *
hs_armsum_new(const struct hs_armsum_options *o)
{
    struct hs_armsum *s = hs_calloc(1, sizeof *s);

    s->o = *o;
    s->labels = json_object();
    for (size_t p = 0; p < HS_N_ARMPARTS; p++) {
        s->items[p].index = json_object();
        s->items[p].problems = json_object();
    }
    return s;
}

void
hs_armsum_free(struct hs_armsum *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->set.n; i++) {
        json_decref(s->tally[i].json);
        for (size_t p = 0; p < HS_N_ARMPARTS; p++) {
            free(s->tally[i].part[p].hash);
            free(s->tally[i].part[p].reward);
        }
    }
    for (size_t p = 0; p < HS_N_ARMPARTS; p++) {
        json_decref(s->items[p].index);
        json_decref(s->items[p].problems);
        free(s->items[p].problem);
        free(s->items[p].asked);
    }
    free(s->tally);
    hs_armset_free(&s->set);
    hs_head_free(&s->head);
    json_decref(s->run);
    json_decref(s->labels);
    free(s->grams);
    free(s->results);
    free(s);
}

bool
hs_armrecs_have(const struct hs_armrecs *r, size_t i)
{
    return i < r->cap_hash && r->hash[i] != 0;
}

/* ---- heads ---- */

/* An arm that is there already, and the same (hs_arms_join()).  Whether it
 * equals another one depends on which others its run had: it is enough that one
 * of them says so. */
static void
unite_known(struct hs_armsum *s, size_t i, struct hs_arm *a, const json_t *j)
{
    if (s->set.v[i].same_as != NULL || a->same_as == NULL)
        return;
    s->set.v[i].same_as = a->same_as;
    a->same_as = NULL;
    json_decref(s->tally[i].json);
    s->tally[i].json = json_incref((json_t *)(uintptr_t)j);
}

/* Takes over an arm that is new, and empties it. */
static void
unite_arm(struct hs_armsum *s, struct hs_arm *a, const json_t *j)
{
    const json_t *at = json_object_get(s->labels, a->label);
    size_t n = s->set.n;

    if (at != NULL) {
        unite_known(s, (size_t)json_integer_value(at), a, j);
        return;
    }
    (void)json_object_set_new(s->labels, a->label, json_integer((json_int_t)n));
    s->set.v = hs_grow(s->set.v, &s->cap_set, n + 1, sizeof *s->set.v);
    s->tally = hs_grow(s->tally, &s->cap_tally, n + 1, sizeof *s->tally);
    s->set.v[n] = *a;
    s->tally[n] =
        (struct hs_armtally){.json = json_incref((json_t *)(uintptr_t)j)};
    s->set.n++;
    *a = (struct hs_arm){0};
}

static int
unite_arms(struct hs_armsum *s, const json_t *arms, struct hs_error *err)
{
    struct hs_armset set;

    if (arms == NULL)
        return hs_fail(err, "the head lists no arms");
    if (hs_armset_read(&set, arms, err) < 0)
        return -1;
    for (size_t i = 0; i < set.n; i++)
        unite_arm(s, &set.v[i], json_array_get(arms, i));
    hs_armset_free(&set);
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
    struct hs_armsum *s = ud;
    int rc = 0;

    if (strcmp(head->kind, "arms") != 0)
        return hs_fail(err, "a stream of %s, not of arms", head->kind);
    if (s->begun && hs_head_compatible(&s->head, head, err) < 0)
        return -1;
    if (!s->begun) {
        s->begun = true;
        hs_head_copy(&s->head, head);
        own_run(&s->head);
    } else {
        rc = hs_arms_join(s->head.run, head->run, err);
    }
    return rc < 0 ? -1 : unite_arms(s, json_object_get(head->run, "arms"), err);
}

/* ---- trajectories ---- */

static int
find_part(const char *name, enum hs_armpart *out)
{
    for (int p = 0; p < HS_N_ARMPARTS; p++)
        if (strcmp(name, hs_armpart_name((enum hs_armpart)p)) == 0) {
            *out = (enum hs_armpart)p;
            return 0;
        }
    return -1;
}

/* What an item asks: arms can only be compared on the same. */
static uint64_t
asked(const struct hs_trajectory *t)
{
    const char *gold = t->gold != NULL ? t->gold : "";

    return XXH3_64bits_withSeed(
        gold, strlen(gold),
        XXH3_64bits(t->prompt_hash, strlen(t->prompt_hash)));
}

/* The number of a trajectory's item, which may be new. */
static size_t
number_item(struct hs_armitems *items, const struct hs_trajectory *t)
{
    struct hs_buf key = {0};
    const json_t *at, *problem;
    size_t i;

    hs_buf_printf(&key, "%" PRIu64 ":%s", t->sample, t->problem);
    at = json_object_get(items->index, hs_buf_cstr(&key));
    i = at != NULL ? (size_t)json_integer_value(at) : items->n;
    if (at == NULL) {
        problem = json_object_get(items->problems, t->problem);
        if (problem == NULL) {
            (void)json_object_set_new(
                items->problems, t->problem,
                json_integer((json_int_t)items->n_problems++));
            problem = json_object_get(items->problems, t->problem);
        }
        (void)json_object_set_new(items->index, hs_buf_cstr(&key),
                                  json_integer((json_int_t)i));
        items->problem = hs_grow(items->problem, &items->cap, ++items->n,
                                 sizeof *items->problem);
        items->problem[i] = (uint32_t)json_integer_value(problem);
        items->asked = hs_grow(items->asked, &items->cap_asked, items->n,
                               sizeof *items->asked);
        items->asked[i] = asked(t);
    }
    hs_buf_free(&key);
    return i;
}

/* Of what an edit that does nothing leaves as it is. */
static uint64_t
hash_of(const struct hs_trajectory *t)
{
    size_t n_new = t->n_tokens - t->n_prompt;
    uint64_t h = t->n_prompt;

    h = XXH3_64bits_withSeed(t->tokens, t->n_tokens * sizeof *t->tokens, h);
    if (n_new > 0) {
        h = XXH3_64bits_withSeed(t->logprob, n_new * sizeof *t->logprob, h);
        h = XXH3_64bits_withSeed(t->entropy, n_new * sizeof *t->entropy, h);
    }
    h = XXH3_64bits_withSeed(t->finish, strlen(t->finish), h);
    return h != 0 ? h : 1;
}

static uint64_t
rows_reached(const struct hs_edit *e, size_t n_fed, size_t n_prompt)
{
    uint64_t n = 0;

    for (size_t pos = 0; pos < n_fed; pos++)
        n += hs_edit_reaches(e->where, pos, n_prompt);
    return n;
}

/* An edit that was written to fewer or more rows than it should is another
 * experiment than the one that the report speaks of. */
static int
check_edits(const struct hs_arm *a, const struct hs_trajectory *t,
            struct hs_error *err)
{
    bool replay = strcmp(t->finish, "replay") == 0;
    bool eos = strcmp(t->finish, "eos") == 0;
    size_t fed = t->n_tokens - (eos && t->n_tokens > t->n_prompt);
    uint64_t want = a->edit.n * rows_reached(&a->edit, fed, t->n_prompt), less;

    if (t->edits == want)
        return 0;
    /* A replay that ends with the end of text does not feed it. */
    if (replay && t->n_tokens > t->n_prompt) {
        less = a->edit.n * rows_reached(&a->edit, fed - 1, t->n_prompt);
        if (t->edits == less)
            return 0;
    }
    return hs_fail(err,
                   "arm %s: item %s: %" PRIu64
                   " coordinates were edited, not "
                   "%" PRIu64 " (%zu in each row)",
                   a->label, t->id, t->edits, want, a->edit.n);
}

static int
compare_grams(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(uint32_t[4]));
}

/* 1 - distinct / all 4-grams of the completion. */
static double
repetition_of(struct hs_armsum *s, const struct hs_trajectory *t)
{
    size_t n_new = t->n_tokens - t->n_prompt, n, distinct = 1;

    if (n_new < 4)
        return 0;
    n = n_new - 3;
    s->grams = hs_grow(s->grams, &s->cap_grams, n, sizeof *s->grams);
    for (size_t i = 0; i < n; i++)
        memcpy(s->grams[i], t->tokens + t->n_prompt + i, sizeof s->grams[i]);
    qsort(s->grams, n, sizeof *s->grams, compare_grams);
    for (size_t i = 1; i < n; i++)
        distinct += compare_grams(s->grams[i - 1], s->grams[i]) != 0;
    return 1 - (double)distinct / (double)n;
}

static void
add_sums(struct hs_armsum *s, struct hs_armsums *sum,
         const struct hs_trajectory *t)
{
    size_t n_new = t->n_tokens - t->n_prompt;
    double logprob = 0;

    for (size_t i = 0; i < n_new; i++)
        logprob += (double)t->logprob[i];
    sum->n_items++;
    sum->n_parsed += t->parsed != NULL;
    sum->n_eos += strcmp(t->finish, "eos") == 0;
    sum->n_length += strcmp(t->finish, "length") == 0;
    sum->n_tokens += n_new;
    sum->n_scored += n_new;
    sum->edits += t->edits;
    sum->repetition += (__int128)(repetition_of(s, t) * FIXED_ONE);
    if (isfinite(logprob))
        sum->logprob += (__int128)(logprob * FIXED_ONE);
    else
        sum->odd += logprob;
}

/* Makes room for item i; what is new is 0. */
static void
reserve(struct hs_armrecs *r, size_t i)
{
    size_t old = r->cap_hash;

    r->hash = hs_grow(r->hash, &r->cap_hash, i + 1, sizeof *r->hash);
    r->reward = hs_grow(r->reward, &r->cap_reward, i + 1, sizeof *r->reward);
    if (r->cap_hash > old)
        memset(r->hash + old, 0, (r->cap_hash - old) * sizeof *r->hash);
}

static int
take_trajectory(void *ud, const struct hs_trajectory *t, struct hs_error *err)
{
    struct hs_armsum *s = ud;
    const json_t *at;
    struct hs_armrecs *r;
    enum hs_armpart part;
    uint64_t hash;
    size_t arm, i;

    if (t->arm == NULL || t->part == NULL)
        return hs_fail(err, "item %s belongs to no arm", t->id);
    at = json_object_get(s->labels, t->arm);
    if (at == NULL)
        return hs_fail(err, "item %s: the head lists no arm %s", t->id, t->arm);
    if (find_part(t->part, &part) < 0)
        return hs_fail(err, "item %s: unknown part %s", t->id, t->part);
    arm = (size_t)json_integer_value(at);
    if (check_edits(&s->set.v[arm], t, err) < 0)
        return -1;
    r = &s->tally[arm].part[part];
    i = number_item(&s->items[part], t);
    if (s->items[part].asked[i] != asked(t))
        return hs_fail(err,
                       "item %s: another prompt or gold answer than in "
                       "another arm",
                       t->id);
    hash = hash_of(t);
    if (!hs_armrecs_have(r, i)) {
        reserve(r, i);
        r->hash[i] = hash;
        r->reward[i] = (int8_t)t->reward;
        add_sums(s, &r->sum, t);
    } else if (r->hash[i] != hash || r->reward[i] != t->reward) {
        return hs_fail(err, "arm %s: item %s comes twice, and differs", t->arm,
                       t->id);
    }
    return 0;
}

int
hs_armsum_add(struct hs_armsum *s, struct hs_reader *r, const char *name,
              struct hs_error *err)
{
    return hs_read_segments(r, name, take_head, take_trajectory, s, err);
}
