/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trajjson.c - see trajjson.h.
 */
#include <config.h>

#include "stream/trajjson.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "stream/mp.h"
#include "stream/segment.h"

static json_t *
text(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *
list_u32(const uint32_t *v, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_integer(v[i]));
    return list;
}

/* The double nearest to 9 digits of x: it prints with no more than these, and
 * rounds to x again. */
static json_t *
real_f32(double x)
{
    char digits[32];

    (void)snprintf(digits, sizeof digits, "%.9g", x);
    return json_real(strtod(digits, NULL));
}

static json_t *
list_f32(const float *v, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        double x = (double)v[i];

        json_array_append_new(list, isfinite(x) ? real_f32(x)
                                    : isnan(x)  ? json_null()
                                    : x > 0     ? json_string("inf")
                                                : json_string("-inf"));
    }
    return list;
}

json_t *
hs_trajectory_to_json(const struct hs_trajectory *t)
{
    size_t n_new = t->n_tokens - t->n_prompt;
    json_t *j = json_object();

    json_object_set_new(j, "type", json_string("trajectory"));
    json_object_set_new(j, "id", text(t->id));
    if (t->arm != NULL) {
        json_object_set_new(j, "arm", text(t->arm));
        json_object_set_new(j, "part", text(t->part));
    }
    json_object_set_new(j, "problem", text(t->problem));
    json_object_set_new(j, "sample", json_integer((json_int_t)t->sample));
    json_object_set_new(j, "reward",
                        t->reward < 0 ? json_null() : json_integer(t->reward));
    json_object_set_new(j, "n_prompt", json_integer((json_int_t)t->n_prompt));
    json_object_set_new(j, "tokens", list_u32(t->tokens, t->n_tokens));
    json_object_set_new(j, "positions", list_u32(t->positions, t->n_states));
    json_object_set_new(j, "prompt", text(t->prompt));
    json_object_set_new(j, "prompt_hash", text(t->prompt_hash));
    json_object_set_new(j, "completion", text(t->completion));
    json_object_set_new(j, "logprob", list_f32(t->logprob, n_new));
    json_object_set_new(j, "entropy", list_f32(t->entropy, n_new));
    json_object_set_new(j, "finish", text(t->finish));
    json_object_set_new(j, "gold", text(t->gold));
    json_object_set_new(j, "parsed", text(t->parsed));
    json_object_set_new(j, "grader", text(t->grader));
    json_object_set_new(j, "reason", text(t->reason));
    json_object_set_new(j, "edits", json_integer((json_int_t)t->edits));
    json_object_set(j, "meta", t->meta);
    if (t->rollouts != NULL)
        json_object_set(j, "rollouts", t->rollouts);
    return j;
}

/* A string member, or fallback, which may be NULL. */
static int
get_text(const json_t *j, const char *key, const char *fallback, char **out,
         struct hs_error *err)
{
    if (hs_json_str(j, key, "member", &fallback, err) < 0)
        return -1;
    if (json_is_string(json_object_get(j, key)) &&
        strlen(fallback) != json_string_length(json_object_get(j, key)))
        return hs_fail(err, "%s: has a NUL", key);
    hs_trajectory_set(out, fallback);
    return 0;
}

static int
get_u32_list(const json_t *j, const char *key, uint32_t **out, size_t *n,
             struct hs_error *err)
{
    const json_t *list = json_object_get(j, key), *e;
    size_t i;

    if (!json_is_array(list))
        return hs_fail(err, "%s is not a list", key);
    *n = json_array_size(list);
    *out = hs_calloc(*n, sizeof **out);
    json_array_foreach(list, i, e)
    {
        json_int_t x = json_is_integer(e) ? json_integer_value(e) : -1;

        if (x < 0 || x > (json_int_t)UINT32_MAX)
            return hs_fail(err, "%s: entry %zu is no 32-bit number", key, i);
        (*out)[i] = (uint32_t)x;
    }
    return 0;
}

/* n numbers; unknown ones are NaN. */
static int
get_f32_list(const json_t *j, const char *key, size_t n, float **out,
             struct hs_error *err)
{
    const json_t *list = json_object_get(j, key);

    *out = hs_calloc(n, sizeof **out);
    if (list != NULL && !json_is_null(list) && json_array_size(list) != n)
        return hs_fail(err, "%s is not a list of %zu numbers", key, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *e = json_array_get(list, i);
        const char *s = json_string_value(e);

        if (s != NULL && strcmp(s, "inf") == 0)
            (*out)[i] = INFINITY;
        else if (s != NULL && strcmp(s, "-inf") == 0)
            (*out)[i] = -INFINITY;
        else if (json_is_number(e))
            (*out)[i] = (float)json_number_value(e);
        else if (e == NULL || json_is_null(e))
            (*out)[i] = NAN;
        else
            return hs_fail(err, "%s: entry %zu is no number", key, i);
    }
    return 0;
}

static int
get_reward(const json_t *j, struct hs_trajectory *t, struct hs_error *err)
{
    const json_t *e = json_object_get(j, "reward");

    t->reward = -1;
    if (e == NULL || json_is_null(e))
        return 0;
    if (json_is_boolean(e))
        t->reward = json_is_true(e);
    else if (json_is_number(e) && json_number_value(e) == 0)
        t->reward = 0;
    else if (json_is_number(e) && json_number_value(e) == 1)
        t->reward = 1;
    else
        return hs_fail(err, "reward is neither 0, 1 nor null");
    return 0;
}

/* Which tokens have states: positions, or the first rows. */
static int
get_positions(const json_t *j, struct hs_trajectory *t, struct hs_error *err)
{
    const json_t *list = json_object_get(j, "positions");
    uint64_t rows = 0;
    int given = hs_json_u64(j, "rows", "member", 0, t->n_tokens, &rows, err);

    if (given < 0)
        return -1;
    if (list == NULL && given == 0)
        return hs_fail(err, "neither positions nor rows");
    if (list == NULL) {
        t->n_states = (size_t)rows;
        t->positions = hs_calloc(t->n_states, sizeof *t->positions);
        for (size_t i = 0; i < t->n_states; i++)
            t->positions[i] = (uint32_t)i;
        return 0;
    }
    if (get_u32_list(j, "positions", &t->positions, &t->n_states, err) < 0)
        return -1;
    if (given > 0 && rows != t->n_states)
        return hs_fail(err, "%" PRIu64 " rows, but %zu positions", rows,
                       t->n_states);
    for (size_t i = 0; i < t->n_states; i++)
        if (t->positions[i] >= t->n_tokens ||
            (i > 0 && t->positions[i] <= t->positions[i - 1]))
            return hs_fail(err, "positions are not ascending tokens");
    return 0;
}

/* meta, and members that have no other place. */
static int
get_meta(const json_t *j, struct hs_trajectory *t, struct hs_error *err)
{
    static const char *const known[] = {
        "type",       "id",      "problem",   "sample", "reward",
        "n_prompt",   "tokens",  "positions", "prompt", "prompt_hash",
        "completion", "logprob", "entropy",   "finish", "gold",
        "parsed",     "grader",  "reason",    "edits",  "meta",
        "first",      "rows",    "arm",       "part",   "rollouts"};
    const json_t *meta = json_object_get(j, "meta");
    const json_t *rollouts = json_object_get(j, "rollouts");
    const char *key;
    json_t *value;

    if (meta != NULL && !json_is_object(meta))
        return hs_fail(err, "meta is no object");
    if (rollouts != NULL && !json_is_object(rollouts))
        return hs_fail(err, "rollouts is no object");
    t->rollouts = json_deep_copy(rollouts); /* of NULL: NULL */
    t->meta = meta ? json_deep_copy(meta) : json_object();
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
    {
        size_t i = 0, n = sizeof known / sizeof known[0];

        while (i < n && strcmp(key, known[i]) != 0)
            i++;
        if (i == n)
            json_object_set(t->meta, key, value);
    }
    return 0;
}

static int
get_numbers(const json_t *j, struct hs_trajectory *t, struct hs_error *err)
{
    uint64_t n_prompt = 0;
    int rc;

    if (get_u32_list(j, "tokens", &t->tokens, &t->n_tokens, err) < 0)
        return -1;
    rc = hs_json_u64(j, "n_prompt", "member", 0, t->n_tokens, &n_prompt, err);
    if (rc == 0)
        return hs_fail(err, "n_prompt is missing");
    if (rc < 0 ||
        hs_json_u64(j, "sample", "member", 0, UINT32_MAX, &t->sample, err) <
            0 ||
        hs_json_u64(j, "edits", "member", 0, UINT64_MAX, &t->edits, err) < 0)
        return -1;
    t->n_prompt = (size_t)n_prompt;
    if (get_positions(j, t, err) < 0 || get_reward(j, t, err) < 0 ||
        get_f32_list(j, "logprob", t->n_tokens - t->n_prompt, &t->logprob,
                     err) < 0 ||
        get_f32_list(j, "entropy", t->n_tokens - t->n_prompt, &t->entropy,
                     err) < 0)
        return -1;
    return 0;
}

int
hs_trajectory_from_json(const json_t *j, struct hs_trajectory *t,
                        struct hs_error *err)
{
    hs_trajectory_free(t);
    if (get_text(j, "id", NULL, &t->id, err) < 0)
        return -1;
    if (t->id == NULL || t->id[0] == '\0')
        return hs_fail(err, "id is missing");
    if (get_numbers(j, t, err) < 0 ||
        get_text(j, "problem", t->id, &t->problem, err) < 0 ||
        get_text(j, "prompt", NULL, &t->prompt, err) < 0 ||
        get_text(j, "prompt_hash", NULL, &t->prompt_hash, err) < 0 ||
        get_text(j, "completion", "", &t->completion, err) < 0 ||
        get_text(j, "finish", "replay", &t->finish, err) < 0 ||
        get_text(j, "gold", NULL, &t->gold, err) < 0 ||
        get_text(j, "parsed", NULL, &t->parsed, err) < 0 ||
        get_text(j, "grader", "none", &t->grader, err) < 0 ||
        get_text(j, "reason", "imported", &t->reason, err) < 0 ||
        get_text(j, "arm", NULL, &t->arm, err) < 0 ||
        get_text(j, "part", NULL, &t->part, err) < 0 || get_meta(j, t, err) < 0)
        return hs_fail_prefix(err, "%s", t->id);
    if ((t->arm == NULL) != (t->part == NULL))
        return hs_fail(err, "%s: arm and part go together", t->id);
    if (t->prompt_hash == NULL)
        hs_trajectory_hash_prompt(t);
    return 0;
}

int
hs_head_from_json(const json_t *j, struct hs_head *h, struct hs_error *err)
{
    struct hs_buf b = {0};
    msgpack_unpacked u;
    msgpack_packer pk;
    size_t off = 0;
    int rc = -1;

    hs_mp_packer(&pk, &b);
    hs_mp_json(&pk, j);
    msgpack_unpacked_init(&u);
    if (hs_mp_scan(b.data, b.len) == 0 ||
        msgpack_unpack_next(&u, (const char *)b.data, b.len, &off) !=
            MSGPACK_UNPACK_SUCCESS)
        hs_fail(err, "nested too deeply");
    else
        rc = hs_unpack_head(&u.data, h, err);
    msgpack_unpacked_destroy(&u);
    hs_buf_free(&b);
    return rc < 0 ? hs_fail_prefix(err, "head") : 0;
}
