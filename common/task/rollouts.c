/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rollouts.c - see rollouts.h.
 */
#include <config.h>

#include "task/rollouts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "stats/paired.h"

#define LEVEL 0.95

/* The counts by name, as the object has them. */
static const char *const count_names[] = {
    "at", "k", "successes", "half_k", "half_successes", "undecided"};

enum {
    N_COUNTS = sizeof count_names / sizeof count_names[0]
};

static uint32_t **
count_of(struct hs_rollouts *r, int i)
{
    uint32_t **const counts[N_COUNTS] = {
        &r->at,       &r->k, &r->successes, &r->half_k, &r->half_successes,
        &r->undecided};

    return counts[i];
}

void
hs_rollouts_init(struct hs_rollouts *r, const char *rule, uint64_t min_tokens,
                 size_t n)
{
    *r = (struct hs_rollouts){.min_tokens = min_tokens, .n = n};
    r->rule = hs_strdup(rule);
    for (int i = 0; i < N_COUNTS; i++)
        *count_of(r, i) = hs_calloc(n, sizeof(uint32_t));
    r->value = hs_calloc(n, sizeof *r->value);
    r->lo = hs_calloc(n, sizeof *r->lo);
    r->hi = hs_calloc(n, sizeof *r->hi);
}

void
hs_rollouts_free(struct hs_rollouts *r)
{
    free(r->rule);
    for (int i = 0; i < N_COUNTS; i++)
        free(*count_of(r, i));
    free(r->value);
    free(r->lo);
    free(r->hi);
    *r = (struct hs_rollouts){0};
}

void
hs_rollouts_count(struct hs_rollouts *r, size_t i, uint32_t number, int reward)
{
    if (reward < 0) {
        r->undecided[i]++;
        return;
    }
    r->k[i]++;
    r->successes[i] += reward == 1;
    if (number % 2 == 0) {
        r->half_k[i]++;
        r->half_successes[i] += reward == 1;
    }
}

void
hs_rollouts_finish(struct hs_rollouts *r, int reward)
{
    for (size_t i = 0; i < r->n; i++) {
        struct hs_interval w;

        hs_wilson(r->successes[i], r->k[i], LEVEL, &w);
        if (i + 1 == r->n)
            w.value = w.lo = w.hi = reward >= 0 ? reward : (double)NAN;
        r->value[i] = w.value;
        r->lo[i] = w.lo;
        r->hi[i] = w.hi;
    }
}

double
hs_rollouts_value(const struct hs_rollouts *r, size_t i,
                  enum hs_rollouts_part part)
{
    uint32_t k = r->half_k[i], s = r->half_successes[i];

    if (part == HS_ROLLOUTS_ALL || i + 1 == r->n)
        return r->value[i];
    if (part == HS_ROLLOUTS_ODD) {
        k = r->k[i] - k;
        s = r->successes[i] - s;
    }
    return k > 0 ? (double)s / k : (double)NAN;
}

/* ---- as JSON */

static json_t *
numbers(const double *x, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(a, hs_json_number(x[i]));
    return a;
}

json_t *
hs_rollouts_json(const struct hs_rollouts *r)
{
    struct hs_rollouts copy = *r; /* for count_of(); nothing is changed */
    json_t *j = json_object();

    (void)json_object_set_new(j, "rule", json_string(r->rule));
    (void)json_object_set_new(j, "min_tokens",
                              json_integer((json_int_t)r->min_tokens));
    for (int c = 0; c < N_COUNTS; c++) {
        json_t *a = json_array();

        for (size_t i = 0; i < r->n; i++)
            (void)json_array_append_new(a,
                                        json_integer((*count_of(&copy, c))[i]));
        (void)json_object_set_new(j, count_names[c], a);
    }
    (void)json_object_set_new(j, "value", numbers(r->value, r->n));
    (void)json_object_set_new(j, "lo", numbers(r->lo, r->n));
    (void)json_object_set_new(j, "hi", numbers(r->hi, r->n));
    (void)json_object_set_new(j, "tokens", json_integer((json_int_t)r->tokens));
    return j;
}

static int
read_counts(const json_t *j, const char *name, size_t n, uint32_t *out,
            struct hs_error *err)
{
    const json_t *a = json_object_get(j, name);

    if (!json_is_array(a) || json_array_size(a) != n)
        return hs_fail(err, "%s: not a list of %zu numbers", name, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(a, i);
        json_int_t x = json_integer_value(v);

        if (!json_is_integer(v) || x < 0 || x > UINT32_MAX)
            return hs_fail(
                err, "%s: entry %zu is not a whole number below 2^32", name, i);
        out[i] = (uint32_t)x;
    }
    return 0;
}

/* x (n) as they were recorded. */
static int
check_numbers(const json_t *j, const char *name, size_t n, const double *x,
              struct hs_error *err)
{
    const json_t *a = json_object_get(j, name);

    if (!json_is_array(a) || json_array_size(a) != n)
        return hs_fail(err, "%s: not a list of %zu numbers", name, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(a, i);
        bool same = json_is_null(v)
                        ? isnan(x[i])
                        : json_is_number(v) &&
                              fabs(json_number_value(v) - x[i]) <= 1e-9;

        if (!same)
            return hs_fail(err, "%s: entry %zu is not that of the counts", name,
                           i);
    }
    return 0;
}

static int
check_counts(const struct hs_rollouts *r, uint64_t length, struct hs_error *err)
{
    size_t last = r->n - 1;

    if (r->at[0] != 0 || r->at[last] != length)
        return hs_fail(err, "at: not from 0 to %" PRIu64, length);
    for (size_t i = 0; i < r->n; i++) {
        if (i > 0 && r->at[i] <= r->at[i - 1])
            return hs_fail(err, "at: entry %zu is not above the one before", i);
        if (r->successes[i] > r->k[i] || r->half_k[i] > r->k[i] ||
            r->half_successes[i] > r->half_k[i] ||
            r->half_successes[i] > r->successes[i] ||
            r->successes[i] - r->half_successes[i] > r->k[i] - r->half_k[i])
            return hs_fail(err, "entry %zu: the counts do not fit together", i);
    }
    if (r->k[last] > 0 || r->undecided[last] > 0)
        return hs_fail(err, "there are continuations of the end");
    return 0;
}

static int
read_all(struct hs_rollouts *r, const json_t *j, uint64_t length, int reward,
         struct hs_error *err)
{
    const json_t *tokens = json_object_get(j, "tokens");

    for (int i = 0; i < N_COUNTS; i++)
        if (read_counts(j, count_names[i], r->n, *count_of(r, i), err) < 0)
            return -1;
    if (!json_is_integer(tokens) || json_integer_value(tokens) < 0)
        return hs_fail(err, "tokens: not a whole number");
    r->tokens = (uint64_t)json_integer_value(tokens);
    if (check_counts(r, length, err) < 0)
        return -1;
    hs_rollouts_finish(r, reward);
    if (check_numbers(j, "value", r->n, r->value, err) < 0 ||
        check_numbers(j, "lo", r->n, r->lo, err) < 0)
        return -1;
    return check_numbers(j, "hi", r->n, r->hi, err);
}

int
hs_rollouts_read(struct hs_rollouts *r, const json_t *j, uint64_t length,
                 int reward, struct hs_error *err)
{
    const char *rule = json_string_value(json_object_get(j, "rule"));
    const json_t *min = json_object_get(j, "min_tokens");
    size_t n = json_array_size(json_object_get(j, "at"));

    *r = (struct hs_rollouts){0};
    if (rule == NULL || !json_is_integer(min) || json_integer_value(min) < 0 ||
        n == 0)
        return hs_fail(err, "rollouts: rule, min_tokens or at are missing");
    hs_rollouts_init(r, rule, (uint64_t)json_integer_value(min), n);
    if (read_all(r, j, length, reward, err) < 0)
        return hs_fail_prefix(err, "rollouts");
    return 0;
}
