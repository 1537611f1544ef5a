/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ablation.c - what a run of arms needs before it begins, see ablation.h.
 */
#include <config.h>

#include "ablate/ablation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ablate/calibrate.h"
#include "ablate/neutral.h"
#include "base/mem.h"
#include "stream/input.h"

enum {
    LEAST_BATCH = 64,
    MOST_BATCH = 256 /* beyond, keys and values only leave the caches */
};

/* ---- files ---- */

static int
load_rank(struct hs_ablation *a, struct hs_error *err)
{
    const char *path = a->o->rank;
    struct hs_reader *r;
    int rc;

    if (path == NULL)
        return 0;
    r = hs_input_open(path, err);
    if (r == NULL)
        return -1;
    rc = hs_rankings_read(&a->rank, r, path, err);
    hs_reader_close(r);
    return rc;
}

/* Opens the problems of the unrelated task. */
static int
open_also(struct hs_ablation *a, struct hs_error *err)
{
    const char *path = a->o->also;

    if (path == NULL)
        return 0;
    a->also_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (a->also_fd < 0)
        return hs_fail(err, "%s: %s", path, strerror(errno));
    if (hs_reread_open(&a->also, a->also_fd, path, err) < 0)
        return -1;
    return hs_reread_hash(&a->also, path, a->also_hash, err);
}

/* ---- layers ---- */

static void
add_layer(struct hs_list *l, uint32_t layer)
{
    size_t i = 0;

    while (i < l->n && l->v[i] < layer)
        i++;
    if (i < l->n && l->v[i] == layer)
        return;
    l->v = hs_realloc(l->v, hs_mul(l->n + 1, sizeof *l->v));
    memmove(l->v + i + 1, l->v + i, (l->n - i) * sizeof *l->v);
    l->v[i] = layer;
    l->n++;
}

/* The layers that were asked for, or those that the ranking has. */
static int
choose_layers(struct hs_ablation *a, struct hs_error *err)
{
    const struct hs_ablate_options *o = a->o;
    const struct hs_list *asked = &o->layers;
    uint32_t n = (uint32_t)a->run.model->cfg.n_layers + 1;

    if (asked->all || asked->n > 0) {
        a->layers.all = asked->all;
        for (size_t i = 0; i < asked->n; i++)
            add_layer(&a->layers, asked->v[i]);
    } else {
        for (size_t i = 0; i < a->rank.n; i++)
            if (!o->one_target || a->rank.v[i].target == o->target)
                add_layer(&a->layers, a->rank.v[i].layer);
        if (a->layers.n == 0)
            return hs_fail(err, "%s: no ranking of that target", o->rank);
    }
    if (hs_list_resolve(&a->layers, n, err) < 0)
        return hs_fail_prefix(err, "--layers");
    return 0;
}

/* ---- arms ---- */

static bool
resamples(const struct hs_armset *arms)
{
    for (size_t i = 0; i < arms->n; i++)
        if (arms->v[i].edit.mode == HS_EDIT_RESAMPLE)
            return true;
    return false;
}

static int
make_arms(struct hs_ablation *a, struct hs_error *err)
{
    const struct hs_ablate_options *o = a->o;
    const struct hs_arm_plan plan = {
        .specs = &o->arms,
        .sizes = &o->sizes,
        .layers = &a->layers,
        .mode = o->mode,
        .where = o->where,
        .seed = o->draw_seed,
        .rank = o->rank != NULL ? &a->rank : NULL,
        .rank_name = o->rank,
        .one_target = o->one_target,
        .target = o->target,
        .calib = &a->calib,
        .model = a->run.model,
    };

    if (hs_arms_build(&a->arms, &plan, err) < 0)
        return -1;
    if (!resamples(&a->arms))
        return 0;
    a->donors = hs_calibration_donors(a, err);
    if (a->donors == NULL)
        return -1;
    hs_donors_attach(a->donors, &a->arms);
    return 0;
}

/* As many slots as two groups of arms take: one begins when there are slots for
 * all of it, while the last answers of another are still being made. */
static void
choose_batch(struct hs_ablation *a)
{
    size_t most = 0, *counts;

    if (a->o->run.batch > 0)
        return;
    counts = hs_calloc(a->run.model->cfg.n_layers + 1, sizeof *counts);
    for (size_t i = 0; i < a->arms.n; i++) {
        const struct hs_arm *arm = &a->arms.v[i];
        uint32_t layer =
            arm->kind == HS_ARM_NONE ? a->layers.v[0] : arm->edit.layer;

        if (arm->same_as == NULL && arm->kind != HS_ARM_NOOP &&
            ++counts[layer] > most)
            most = counts[layer];
    }
    free(counts);
    if (2 * most > LEAST_BATCH)
        a->run.sched.batch = 2 * most < MOST_BATCH ? 2 * most : MOST_BATCH;
}

static int
read_own(struct hs_ablation *a, struct hs_error *err)
{
    struct hs_problem_reader *r;
    int rc;

    r = hs_problem_reader_new(a->problems.fd, "<stdin>", &a->o->run.map);
    rc = hs_ownset_read(&a->own, r, a->o->own, err);
    hs_problem_reader_free(r);
    return rc < 0 ? -1 : hs_reread_rewind(&a->problems, "<stdin>", err);
}

static int
read_neutral(struct hs_ablation *a, struct hs_error *err)
{
    const struct hs_ablate_options *o = a->o;

    if (o->no_neutral || (o->neutral == NULL && a->run.model->tok == NULL))
        return 0;
    /* Answers are too short to be donors of a text. */
    if (o->neutral == NULL && o->mode.mode == HS_EDIT_RESAMPLE)
        return 0;
    return hs_neutral_tokens(a->run.model, o->neutral, &a->neutral,
                             a->neutral_hash, err);
}

int
hs_ablation_open(struct hs_ablation *a, const struct hs_ablate_options *o,
                 int fd, struct hs_error *err)
{
    *a = (struct hs_ablation){
        .o = o, .problems.fd = -1, .also.fd = -1, .also_fd = -1};
    if (load_rank(a, err) < 0 || hs_run_open(&a->run, &o->run, err) < 0 ||
        choose_layers(a, err) < 0)
        return -1;
    if (o->run.batch == 0)
        a->run.sched.batch = LEAST_BATCH;
    if (open_also(a, err) < 0 ||
        hs_reread_open(&a->problems, fd, "<stdin>", err) < 0 ||
        read_neutral(a, err) < 0 || read_own(a, err) < 0 ||
        hs_calibrate(a, err) < 0)
        return -1;
    if (make_arms(a, err) < 0)
        return -1;
    choose_batch(a);
    return 0;
}

void
hs_ablation_close(struct hs_ablation *a)
{
    hs_donors_free(a->donors);
    hs_armset_free(&a->arms);
    hs_calib_free(&a->calib);
    hs_rankings_free(&a->rank);
    hs_list_free(&a->layers);
    hs_ids_free(&a->neutral);
    hs_ownset_free(&a->own);
    hs_idset_free(&a->nones);
    hs_reread_close(&a->problems);
    hs_reread_close(&a->also);
    if (a->also_fd >= 0)
        (void)close(a->also_fd);
    if (a->states != NULL)
        (void)fclose(a->states);
    hs_run_close(&a->run);
    *a = (struct hs_ablation){.problems.fd = -1, .also.fd = -1, .also_fd = -1};
}

/* ---- the head ---- */

static json_t *
sizes_json(const struct hs_arm_sizes *s)
{
    json_t *j = json_array();

    for (size_t i = 0; i < s->n; i++)
        (void)json_array_append_new(j, json_string(s->v[i].text));
    return j;
}

/* What states arms were measured by. */
static json_t *
calibration_json(const struct hs_ablation *a)
{
    json_t *j = json_object();

    (void)json_object_set_new(
        j, "from", json_string(a->o->acts != NULL ? "acts" : "problems"));
    (void)json_object_set_new(j, "trajectories",
                              json_integer((json_int_t)a->calib.n_traj));
    (void)json_object_set_new(j, "prompts", json_boolean(a->calib.prompts));
    (void)json_object_set_new(j, "digest", json_string(a->calib.digest));
    return j;
}

static json_t *
also_json(const struct hs_ablation *a)
{
    const struct hs_ablate_options *o = a->o;
    json_t *j;

    if (o->also == NULL)
        return json_null();
    j = json_object();
    (void)json_object_set_new(
        j, "grader",
        json_string(hs_grader_name(o->also_grader != NULL ? o->also_grader
                                                          : o->run.grader)));
    (void)json_object_set_new(j, "hash", json_string(a->also_hash));
    return j;
}

void
hs_ablation_head(const struct hs_ablation *a, struct hs_head *head)
{
    const struct hs_ablate_options *o = a->o;
    json_t *run;

    hs_head_init(head, "arms");
    hs_run_head(&a->run, &o->run, head);
    run = head->run;
    (void)json_object_set_new(
        run, "target",
        o->one_target ? json_string(hs_target_name(o->target)) : json_null());
    (void)json_object_set_new(run, "top", sizes_json(&o->sizes));
    (void)json_object_set_new(run, "draw_seed",
                              json_integer((json_int_t)o->draw_seed));
    (void)json_object_set_new(run, "calibration", calibration_json(a));
    (void)json_object_set_new(run, "own", json_integer((json_int_t)o->own));
    (void)json_object_set_new(run, "neutral",
                              a->neutral.n > 0 ? json_string(a->neutral_hash)
                                               : json_null());
    (void)json_object_set_new(run, "also", also_json(a));
    (void)json_object_set_new(run, "arms", hs_armset_json(&a->arms));
}
