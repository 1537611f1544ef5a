/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * searchsum.c - figures of scorers, see searchsum.h.
 */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "search/sumdata.h"
#include "stats/paired.h"
#include "stats/pairedboot.h"

#define POWER 0.8

/* ---- order ---- */

static int
compare_arms(const void *a, const void *b)
{
    const struct hs_searcharm *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(x->name, y->name);
}

struct name_of {
    const char *name;
    size_t at;
};

static int
compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name_of *)a)->name,
                  ((const struct name_of *)b)->name);
}

/* The place of each problem by name: the bootstrap must not depend on the order
 * of streams. */
static size_t *
rank_problems(const struct hs_searchsum *s)
{
    struct name_of *names = hs_calloc(s->n_problems, sizeof *names);
    size_t *rank = hs_calloc(s->n_problems, sizeof *rank), n = 0;
    const char *key;
    json_t *v;

    json_object_foreach(s->problems, key, v)
    {
        names[n++] = (struct name_of){key, (size_t)json_integer_value(v)};
    }
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        rank[names[i].at] = i;
    free(names);
    return rank;
}

static int
compare_seeds(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Puts seeds in order, and the cells of arms with them. */
static void
sort_seeds(struct hs_searchsum *s)
{
    uint64_t *sorted = hs_calloc(s->n_seeds, sizeof *sorted);

    memcpy(sorted, s->seeds, s->n_seeds * sizeof *sorted);
    qsort(sorted, s->n_seeds, sizeof *sorted, compare_seeds);
    for (size_t i = 0; i < s->n_arms; i++) {
        struct hs_searcharm *a = &s->arms[i];
        struct hs_searchcells *cells;

        if (a->kind == HS_SCORER_GREEDY)
            continue;
        cells = hs_calloc(s->n_seeds, sizeof *cells);
        for (size_t k = 0; k < s->n_seeds; k++) {
            const uint64_t *at = bsearch(&s->seeds[k], sorted, s->n_seeds,
                                         sizeof *sorted, compare_seeds);

            if (k < a->cap_cells)
                cells[at - sorted] = a->cells[k];
        }
        free(a->cells);
        a->cells = cells;
        a->cap_cells = s->n_seeds;
    }
    free(s->seeds);
    s->seeds = sorted;
    s->cap_seeds = s->n_seeds;
}

/* ---- figures ---- */

static double
share(uint64_t a, uint64_t n)
{
    return n > 0 ? (double)a / (double)n : (double)NAN;
}

/* Differences by problem: of an arm's answers from those of another, or from
 * nothing at all. */
struct sums {
    int32_t *diff;   /* (n_problems) */
    uint32_t *count; /* (n_problems) */
    uint64_t n, lost, gained;
};

static size_t
n_seeds_of(const struct hs_searchsum *s, const struct hs_searcharm *a,
           const struct hs_searcharm *b)
{
    bool one = a->kind == HS_SCORER_GREEDY &&
               (b == NULL || b->kind == HS_SCORER_GREEDY);

    return one ? 1 : s->n_seeds;
}

static void
add_up(const struct hs_searchsum *s, const struct hs_searcharm *a,
       const struct hs_searcharm *b, const size_t *rank, struct sums *out)
{
    size_t n_seeds = n_seeds_of(s, a, b);

    for (size_t p = 0; p < s->n_problems; p++) {
        for (size_t k = 0; k < n_seeds; k++) {
            int x = hs_searcharm_reward(a, k, p);
            int y = b != NULL ? hs_searcharm_reward(b, k, p) : 0;

            if (x < 0 || y < 0)
                continue;
            out->diff[rank[p]] += x - y;
            out->count[rank[p]]++;
            out->n++;
            out->gained += x > y;
            out->lost += x < y;
        }
    }
}

static void
fill_accuracy(const struct hs_searchsum *s, const struct sums *sums,
              struct hs_search_result *r)
{
    bool several = false;
    size_t n_problems = 0;

    for (size_t p = 0; p < s->n_problems; p++) {
        several |= sums->count[p] > 1;
        n_problems += sums->count[p] > 0;
    }
    r->n = sums->n;
    r->n_right = sums->gained;
    if (!several)
        hs_wilson(r->n_right, r->n, s->o.level, &r->accuracy);
    else if (r->n_right == 0 || r->n_right == r->n)
        /* No resampling changes this: at the least, problems are independent */
        hs_wilson(r->n_right == 0 ? 0 : n_problems, n_problems, s->o.level,
                  &r->accuracy);
    else
        hs_paired_bootstrap(sums->diff, sums->count, s->n_problems, s->o.n_boot,
                            s->o.seed, s->o.level, &r->accuracy);
}

static void
fill_seeds(const struct hs_searchsum *s, const struct hs_searcharm *a,
           struct hs_search_result *r)
{
    r->seed_n = hs_calloc(s->n_seeds, sizeof *r->seed_n);
    r->seed_right = hs_calloc(s->n_seeds, sizeof *r->seed_right);
    for (size_t k = 0; k < s->n_seeds; k++)
        for (size_t p = 0; p < s->n_problems; p++) {
            int x = hs_searcharm_reward(a, k, p);

            r->seed_n[k] += x >= 0;
            r->seed_right[k] += x == 1;
        }
    for (size_t k = 0; k < n_seeds_of(s, a, NULL); k++)
        for (size_t p = 0; p < s->n_problems; p++)
            r->n_undecided += hs_searcharm_reward(a, k, p) == -1;
}

static void
fill_versus(const struct hs_searchsum *s, const struct sums *sums,
            struct hs_search_versus *v)
{
    v->n_pairs = sums->n;
    v->lost = sums->lost;
    v->gained = sums->gained;
    for (size_t p = 0; p < s->n_problems; p++)
        v->n_problems += sums->count[p] > 0;
    hs_paired_bootstrap(sums->diff, sums->count, s->n_problems, s->o.n_boot,
                        s->o.seed, s->o.level, &v->diff);
    if (v->n_pairs == 0)
        return;
    v->p = hs_sign_flip(sums->diff, s->n_problems);
    v->smallest = hs_smallest_drop(v->n_problems, share(v->lost, v->n_pairs),
                                   s->o.alpha, POWER);
}

/* Compares an arm with another one, or with nothing. */
static void
compare(const struct hs_searchsum *s, size_t i, const struct hs_searcharm *b,
        const size_t *rank, struct hs_search_versus *v)
{
    struct sums sums = {.diff = hs_calloc(s->n_problems, sizeof *sums.diff),
                        .count = hs_calloc(s->n_problems, sizeof *sums.count)};

    add_up(s, &s->arms[i], b, rank, &sums);
    if (v == NULL)
        fill_accuracy(s, &sums, &s->results[i]);
    else
        fill_versus(s, &sums, v);
    free(sums.diff);
    free(sums.count);
}

/* The first of a kind. */
static const struct hs_searcharm *
find_kind(const struct hs_searchsum *s, enum hs_scorer_kind k)
{
    for (size_t i = 0; i < s->n_arms; i++)
        if (s->arms[i].kind == k)
            return &s->arms[i];
    return NULL;
}

static void
fill_result(struct hs_searchsum *s, size_t i, const size_t *rank)
{
    static const struct hs_search_versus none = {
        .diff = {(double)NAN, (double)NAN, (double)NAN, (double)NAN},
        .p = (double)NAN,
        .p_holm = (double)NAN,
        .smallest = (double)NAN};
    const struct hs_searcharm *a = &s->arms[i];
    const struct hs_searcharm *greedy = find_kind(s, HS_SCORER_GREEDY);
    const struct hs_searcharm *random = find_kind(s, HS_SCORER_RANDOM);
    struct hs_search_result *r = &s->results[i];

    *r = (struct hs_search_result){.name = a->name,
                                   .kind = a->kind,
                                   .n_answers = a->n_answers,
                                   .greedy = none,
                                   .random = none};
    r->parsed = share(a->n_parsed, a->n_answers);
    r->eos = share(a->n_eos, a->n_answers);
    r->length = share(a->n_length, a->n_answers);
    r->tokens = share(a->tokens, a->n_answers);
    r->answer_tokens = share(a->answer_tokens, a->n_answers);
    r->cost = greedy != NULL
                  ? r->tokens / share(greedy->tokens, greedy->n_answers)
                  : (double)NAN;
    compare(s, i, NULL, rank, NULL);
    fill_seeds(s, a, r);
    if (greedy != NULL && greedy != a)
        compare(s, i, greedy, rank, &r->greedy);
    if (random != NULL && random != a && a->kind != HS_SCORER_GREEDY)
        compare(s, i, random, rank, &r->random);
}

static void
adjust(struct hs_searchsum *s)
{
    double *p = hs_calloc(s->n_arms, sizeof *p);

    for (size_t i = 0; i < s->n_arms; i++)
        p[i] = s->results[i].greedy.p;
    hs_holm(p, s->n_arms, p);
    for (size_t i = 0; i < s->n_arms; i++) {
        s->results[i].greedy.p_holm = p[i];
        p[i] = s->results[i].random.p;
    }
    hs_holm(p, s->n_arms, p);
    for (size_t i = 0; i < s->n_arms; i++)
        s->results[i].random.p_holm = p[i];
    free(p);
}

int
hs_searchsum_finish(struct hs_searchsum *s, struct hs_error *err)
{
    size_t *rank;

    if (s->n_problems == 0)
        return hs_fail(err, "there are no answers");
    qsort(s->arms, s->n_arms, sizeof *s->arms, compare_arms);
    sort_seeds(s);
    rank = rank_problems(s);
    s->results = hs_calloc(s->n_arms, sizeof *s->results);
    for (size_t i = 0; i < s->n_arms; i++)
        fill_result(s, i, rank);
    adjust(s);
    free(rank);
    return 0;
}

size_t
hs_searchsum_count(const struct hs_searchsum *s)
{
    return s->n_arms;
}

const struct hs_search_result *
hs_searchsum_result(const struct hs_searchsum *s, size_t i)
{
    return &s->results[i];
}
