/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * headjoin.c - see headjoin.h.
 */
#include <config.h>

#include "stream/headjoin.h"

#include <string.h>
#include <sys/stat.h>

#include "stream/input.h"
#include "stream/sink.h"
#include "stream/stream.h"

/* What is said of the arms, and parts that a run may do without. */
static const char *const arm_keys[] = {"arms",      "top", "target",
                                       "draw_seed", "own", "calibration"};
static const char *const part_keys[] = {"neutral", "also"};

enum {
    N_ARM_KEYS = sizeof arm_keys / sizeof arm_keys[0],
    N_PART_KEYS = sizeof part_keys / sizeof part_keys[0]
};

/* Of "search": what answers of one scorer and seed do not depend on, and the
 * rollouts, which only the oracle has. */
static const char *const search_keys[] = {"scorers", "seeds", "log"};
static const char rollouts_key[] = "rollouts";

enum {
    N_SEARCH_KEYS = sizeof search_keys / sizeof search_keys[0]
};

static bool
is_absent(const json_t *j)
{
    return j == NULL || json_is_null(j);
}

static bool
is_joined(const struct hs_head *head)
{
    return strcmp(head->kind, "arms") == 0 || strcmp(head->kind, "search") == 0;
}

/* The part of "search" that two runs must have in common. */
static void
strip_search(json_t *run, const json_t *other)
{
    const json_t *search = json_object_get(run, "search");
    json_t *j;

    if (!json_is_object(search))
        return;
    j = json_copy((json_t *)(uintptr_t)search);
    for (size_t i = 0; i < N_SEARCH_KEYS; i++)
        (void)json_object_del(j, search_keys[i]);
    if (is_absent(json_object_get(search, rollouts_key)) ||
        is_absent(json_object_get(other, rollouts_key)))
        (void)json_object_del(j, rollouts_key);
    (void)json_object_set_new(run, "search", j);
}

int
hs_arms_run_same(const json_t *was, const json_t *is, struct hs_error *err)
{
    json_t *a = json_copy((json_t *)(uintptr_t)was);
    json_t *b = json_copy((json_t *)(uintptr_t)is);
    int rc;

    for (size_t i = 0; i < N_ARM_KEYS; i++) {
        (void)json_object_del(a, arm_keys[i]);
        (void)json_object_del(b, arm_keys[i]);
    }
    for (size_t i = 0; i < N_PART_KEYS; i++) {
        if (is_absent(json_object_get(a, part_keys[i])) ||
            is_absent(json_object_get(b, part_keys[i]))) {
            (void)json_object_del(a, part_keys[i]);
            (void)json_object_del(b, part_keys[i]);
        }
    }
    strip_search(a, json_object_get(is, "search"));
    strip_search(b, json_object_get(was, "search"));
    rc = hs_run_same(a, b, err);
    json_decref(a);
    json_decref(b);
    return rc;
}

/* ---- arms ---- */

static const char *
label_of(const json_t *arm)
{
    const char *label = json_string_value(json_object_get(arm, "label"));

    return label != NULL ? label : "";
}

/* Whether two arms of one label are one. */
static int
check_arm(const json_t *a, const json_t *b, bool same_states,
          struct hs_error *err)
{
    static const char resample[] = "resample";
    const char *mode = json_string_value(json_object_get(a, "mode"));
    json_t *x = json_copy((json_t *)(uintptr_t)a);
    json_t *y = json_copy((json_t *)(uintptr_t)b);
    bool same;

    (void)json_object_del(x, "same_as");
    (void)json_object_del(y, "same_as");
    same = json_equal(x, y) && (same_states || mode == NULL ||
                                strncmp(mode, resample, strlen(resample)) != 0);
    json_decref(x);
    json_decref(y);
    if (same)
        return 0;
    return hs_fail(err,
                   "the arm %s is another one (drawn, measured or resampled "
                   "otherwise)",
                   label_of(a));
}

static bool
equal_member(const json_t *a, const json_t *b, const char *key)
{
    return json_equal(json_object_get(a, key), json_object_get(b, key)) == 1;
}

/* The arms of to, then those of from that are new. */
static int
join_arms(json_t *arms, const json_t *to, const json_t *from,
          struct hs_error *err)
{
    bool same_states = equal_member(to, from, "draw_seed") &&
                       equal_member(to, from, "calibration");
    json_t *index = json_object(), *arm, *at;
    int rc = 0;
    size_t i;

    json_array_foreach(json_object_get(to, "arms"), i, arm)
    {
        (void)json_array_append(arms, arm);
        (void)json_object_set_new(index, label_of(arm),
                                  json_integer((json_int_t)i));
    }
    json_array_foreach(json_object_get(from, "arms"), i, arm)
    {
        at = json_object_get(index, label_of(arm));
        if (at == NULL) {
            (void)json_object_set_new(
                index, label_of(arm),
                json_integer((json_int_t)json_array_size(arms)));
            (void)json_array_append(arms, arm);
            continue;
        }
        size_t k = (size_t)json_integer_value(at);
        const json_t *have = json_array_get(arms, k);

        rc = check_arm(have, arm, same_states, err);
        if (rc < 0)
            break;
        if (is_absent(json_object_get(have, "same_as")))
            (void)json_array_set(arms, k, arm);
    }
    json_decref(index);
    return rc;
}

/* ---- scorers ---- */

static size_t
find_scorer(const json_t *scorers, const char *name)
{
    json_t *v;
    size_t i;

    json_array_foreach(scorers, i, v)
    {
        const char *have = json_string_value(json_object_get(v, "name"));

        if (have != NULL && strcmp(have, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* The scorers of to, then those of from that are new. */
static int
join_scorers(json_t *scorers, const json_t *from, struct hs_error *err)
{
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(from, "scorers"), i, v)
    {
        const char *name = json_string_value(json_object_get(v, "name"));
        size_t k = find_scorer(scorers, name != NULL ? name : "");

        if (k == SIZE_MAX)
            (void)json_array_append(scorers, v);
        else if (!json_equal(json_array_get(scorers, k), v))
            return hs_fail(err, "the scorer %s is another one", name);
    }
    return 0;
}

static json_t *
join_seeds(const json_t *to, const json_t *from)
{
    json_t *all = json_copy(json_object_get(to, "seeds")), *v, *x;
    size_t i, k;

    json_array_foreach(json_object_get(from, "seeds"), i, v)
    {
        bool have = false;

        json_array_foreach(all, k, x)
        {
            have |= json_equal(x, v) == 1;
        }
        if (!have)
            (void)json_array_append(all, v);
    }
    return all;
}

static int
join_search(json_t *to, const json_t *from, struct hs_error *err)
{
    const json_t *was = json_object_get(to, "search");
    const json_t *is = json_object_get(from, "search");
    json_t *scorers = json_copy(json_object_get(was, "scorers"));
    json_t *j;

    if (join_scorers(scorers, is, err) < 0) {
        json_decref(scorers);
        return -1;
    }
    j = json_copy((json_t *)(uintptr_t)was);
    (void)json_object_set_new(j, "scorers", scorers);
    (void)json_object_set_new(j, "seeds", join_seeds(was, is));
    if (is_absent(json_object_get(was, rollouts_key)))
        (void)json_object_set(j, rollouts_key,
                              json_object_get(is, rollouts_key));
    (void)json_object_set_new(to, "search", j);
    return 0;
}

/* ---- heads ---- */

int
hs_arms_join(json_t *to, const json_t *from, struct hs_error *err)
{
    json_t *arms;
    int rc = hs_arms_run_same(to, from, err);

    if (rc < 0)
        return hs_fail_prefix(err, "another run");
    if (json_is_object(json_object_get(to, "search")))
        return join_search(to, from, err);
    arms = json_array();
    if (join_arms(arms, to, from, err) < 0) {
        json_decref(arms);
        return -1;
    }
    for (size_t i = 0; i < N_PART_KEYS; i++)
        if (is_absent(json_object_get(to, part_keys[i])) &&
            !is_absent(json_object_get(from, part_keys[i])))
            (void)json_object_set(to, part_keys[i],
                                  json_object_get(from, part_keys[i]));
    (void)json_object_set_new(to, "arms", arms);
    return 0;
}

static int
join_head(struct hs_head *to, const struct hs_head *head, struct hs_error *err)
{
    if (hs_head_compatible(to, head, err) < 0)
        return -1;
    return hs_arms_join(to->run, head->run, err);
}

/* Joins the heads of one file. */
static int
join_file(struct hs_head *head, const char *path, struct hs_error *err)
{
    struct hs_reader *r = hs_input_open(path, err);
    const struct hs_list none = {0};
    struct hs_record rec = {0};
    uint64_t segments = 0;
    int rc = 0, more = 1;

    if (r == NULL)
        return -1;
    if (hs_reader_head(r) != NULL)
        hs_reader_select(r, &none);
    while (rc == 0 && more > 0) {
        more = segments > 0 ? hs_read(r, &rec) : 1;
        if (more < 0 || hs_reader_head(r) == NULL)
            rc = hs_fail(err, "%s", hs_reader_error(r));
        else if (hs_reader_segments(r) != segments &&
                 join_head(head, hs_reader_head(r), err) < 0)
            rc = hs_fail_prefix(err, "%s", path);
        segments = hs_reader_segments(r);
    }
    hs_record_free(&rec);
    hs_reader_close(r);
    return rc;
}

/* Whether a path can be read twice. */
static bool
is_plain(const char *path)
{
    struct stat st;

    return strcmp(path, "-") != 0 && stat(path, &st) == 0 &&
           S_ISREG(st.st_mode);
}

int
hs_heads_join(struct hs_head *head, char *const *paths, size_t n,
              struct hs_error *err)
{
    json_t *run;

    if (!is_joined(head))
        return 0;
    run = json_copy(head->run); /* a head's copy shares it */
    json_decref(head->run);
    head->run = run;
    for (size_t i = 0; i < n; i++)
        if (is_plain(paths[i]) && join_file(head, paths[i], err) < 0)
            return -1;
    return 0;
}

static int
check_head(const struct hs_head *all, const struct hs_head *head,
           struct hs_error *err)
{
    json_t *run;
    int rc = 0;

    if (hs_head_compatible(all, head, err) < 0)
        return -1;
    if (!is_joined(head))
        return 0;
    run = json_copy(all->run);
    if (hs_arms_run_same(run, head->run, err) < 0 ||
        hs_arms_join(run, head->run, err) < 0)
        rc = -1;
    else if (!json_equal(run, all->run))
        rc = hs_fail(err,
                     "a segment with other arms or scorers than the first; its "
                     "file can be given by its name");
    json_decref(run);
    return rc;
}

int
hs_heads_read(const struct hs_head *all, struct hs_reader *r, const char *name,
              uint64_t *segments, struct hs_record *rec, struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    int rc = 0;

    if (*segments == 0 && head != NULL)
        rc = check_head(all, head, err);
    if (rc == 0 && (rc = hs_read(r, rec)) < 0)
        return hs_fail(err, "%s", hs_reader_error(r));
    if (rc > 0 && *segments > 0 && hs_reader_segments(r) != *segments &&
        check_head(all, hs_reader_head(r), err) < 0)
        rc = -1;
    *segments = hs_reader_segments(r);
    return rc < 0 ? hs_fail_prefix(err, "%s", name) : rc;
}
