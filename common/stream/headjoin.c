/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * headjoin.c - see headjoin.h.
 */
#include <config.h>

#include "stream/headjoin.h"

#include <string.h>

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

static bool
is_absent(const json_t *j)
{
    return j == NULL || json_is_null(j);
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
    rc = hs_run_same(a, b, err);
    json_decref(a);
    json_decref(b);
    return rc;
}

static const char *
label_of(const json_t *arm)
{
    const char *label = json_string_value(json_object_get(arm, "label"));

    return label != NULL ? label : "";
}

int
hs_arms_join(json_t *to, const json_t *from, struct hs_error *err)
{
    json_t *arms = json_array(), *index = json_object(), *arm, *same;
    int rc = 0;
    size_t i;

    /* The array may be shared with a copy of the head. */
    json_array_foreach(json_object_get(to, "arms"), i, arm)
    {
        (void)json_array_append(arms, arm);
        (void)json_object_set(index, label_of(arm), arm);
    }
    json_array_foreach(json_object_get(from, "arms"), i, arm)
    {
        same = json_object_get(index, label_of(arm));
        if (same != NULL && !json_equal(same, arm)) {
            rc = hs_fail(err, "the arm %s is another one", label_of(arm));
            break;
        }
        if (same != NULL)
            continue;
        (void)json_array_append(arms, arm);
        (void)json_object_set(index, label_of(arm), arm);
    }
    (void)json_object_set_new(to, "arms", arms);
    json_decref(index);
    return rc;
}

/* Joins the heads of one file. */
static int
join_file(struct hs_head *head, const char *path, struct hs_error *err)
{
    struct hs_reader *r = hs_input_open(path, err);
    const struct hs_list none = {0};
    struct hs_record rec = {0};
    const struct hs_head *h;
    uint64_t segments = 0;
    int rc = 0;

    if (r == NULL)
        return -1;
    h = hs_reader_head(r);
    if (h != NULL)
        hs_reader_select(r, &none);
    for (int more = 1; rc == 0 && more > 0 && h != NULL;) {
        if (hs_reader_segments(r) != segments) {
            segments = hs_reader_segments(r);
            h = hs_reader_head(r);
            rc = hs_head_compatible(head, h, err);
            if (rc == 0)
                rc = hs_arms_run_same(head->run, h->run, err);
            if (rc == 0)
                rc = hs_arms_join(head->run, h->run, err);
            if (rc < 0)
                rc = hs_fail_prefix(err, "%s", path);
        }
        more = rc == 0 ? hs_read(r, &rec) : 0;
    }
    if (hs_reader_error(r)[0] != '\0')
        rc = hs_fail(err, "%s", hs_reader_error(r));
    hs_record_free(&rec);
    hs_reader_close(r);
    return rc;
}

int
hs_heads_join(struct hs_head *head, char *const *paths, size_t n,
              struct hs_error *err)
{
    json_t *run;

    if (strcmp(head->kind, "arms") != 0)
        return 0;
    run = json_copy(head->run); /* a head's copy shares it */
    json_decref(head->run);
    head->run = run;
    for (size_t i = 0; i < n; i++)
        if (strcmp(paths[i], "-") != 0 && join_file(head, paths[i], err) < 0)
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
    if (strcmp(head->kind, "arms") != 0)
        return 0;
    run = json_copy(all->run);
    if (hs_arms_run_same(run, head->run, err) < 0 ||
        hs_arms_join(run, head->run, err) < 0)
        rc = -1;
    else if (!json_equal(run, all->run))
        rc = hs_fail(err,
                     "a segment with other arms than the first; its "
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
