/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * runstream.c - a run that continues what is in a stream, see runopt.h.
 */
#include <config.h>

#include "task/runopt.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"

void
hs_parse_run_stream(const struct hs_run_options *o)
{
    static const struct {
        int c;
        const char *name;
    } of_problems[] = {
        {'l', "--layers"},
        {HS_OPT_DTYPE, "--dtype"},
        {HS_OPT_EDIT, "--edit"},
        {HS_OPT_INSTRUCTION, "--instruction"},
        {HS_OPT_MAP, "--map"},
        {HS_OPT_POSITIONS, "--positions"},
        {HS_OPT_REPLAY, "--replay"},
        {HS_OPT_SAMPLES, "--samples"},
        {HS_OPT_STEP, "--step"},
        {HS_OPT_SYSTEM, "--system"},
        {HS_OPT_TEMPLATE, "--template"},
    };

    for (size_t i = 0; i < sizeof of_problems / sizeof of_problems[0]; i++)
        if (hs_run_given(o, of_problems[i].c))
            hs_die(HS_EXIT_USAGE,
                   "%s is for problems, and standard input is a stream",
                   of_problems[i].name);
    if (o->rollouts == 0)
        hs_die(HS_EXIT_USAGE,
               "standard input is a stream, which only "
               "--rollouts goes on with");
}

static int
bad(const char *key, struct hs_error *err)
{
    return hs_fail(err, "the head's run: %s is not what hs-extract writes",
                   key);
}

/* A whole number of the run, unless it was given or is not there. */
static int
adopt_number(const json_t *from, const char *key, bool given, uint64_t max,
             uint64_t *to, struct hs_error *err)
{
    const json_t *v = json_object_get(from, key);

    if (given || v == NULL)
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        (uint64_t)json_integer_value(v) > max)
        return bad(key, err);
    *to = (uint64_t)json_integer_value(v);
    return 0;
}

static int
adopt_real(const json_t *from, const char *key, bool given, double *to,
           struct hs_error *err)
{
    const json_t *v = json_object_get(from, key);
    double x = json_number_value(v);

    if (given || v == NULL)
        return 0;
    if (!json_is_number(v) || !(x > 0 && x <= 1e3))
        return bad(key, err);
    *to = x;
    return 0;
}

static int
adopt_sampler(struct hs_run_options *o, const json_t *s, struct hs_error *err)
{
    struct hs_sampler *to = &o->sampler;
    bool t_given = hs_run_given(o, HS_OPT_TEMPERATURE);
    uint64_t top_k = to->top_k;

    if (json_is_true(json_object_get(s, "greedy"))) {
        if (t_given)
            return 0;
        return hs_fail(err,
                       "was written greedily, which draws nothing: "
                       "--temperature says how to go on");
    }
    if (adopt_real(s, "temperature", t_given, &to->temperature, err) < 0 ||
        adopt_real(s, "top_p", hs_run_given(o, HS_OPT_TOP_P), &to->top_p, err) <
            0 ||
        adopt_number(s, "seed", hs_run_given(o, 's'), UINT64_MAX / 2, &to->seed,
                     err) < 0 ||
        adopt_number(s, "top_k", hs_run_given(o, HS_OPT_TOP_K), UINT32_MAX,
                     &top_k, err) < 0)
        return -1;
    to->top_k = (uint32_t)top_k;
    return 0;
}

static int
adopt_grader(struct hs_run_options *o, const json_t *run, struct hs_error *err)
{
    const char *spec = json_string_value(json_object_get(run, "grader"));
    struct hs_grader *g;

    if (hs_run_given(o, 'g'))
        return 0;
    if (spec == NULL)
        return bad("grader", err);
    if (strcmp(spec, "none") == 0)
        return hs_fail(err, "was not graded; hs-grade does that");
    g = hs_grader_new(spec, err);
    if (g == NULL)
        return hs_fail_prefix(err, "the head's run: grader");
    hs_grader_free(o->grader);
    o->grader = g;
    return 0;
}

int
hs_run_adopt(struct hs_run_options *o, const struct hs_head *head,
             struct hs_error *err)
{
    const json_t *run = head->run;

    if (strcmp(head->kind, "activations") != 0)
        return hs_fail(err, "a stream of kind %s, not of activations",
                       head->kind);
    if (adopt_sampler(o, json_object_get(run, "sampler"), err) < 0 ||
        adopt_number(run, "max_tokens", hs_run_given(o, HS_OPT_MAX_TOKENS),
                     UINT32_MAX, &o->max_tokens, err) < 0 ||
        adopt_grader(o, run, err) < 0)
        return -1;
    if (json_is_true(json_object_get(run, "ignore_eos")))
        o->ignore_eos = true;
    return 0;
}

/* ---- the edit */

static int
read_coords(struct hs_edit *e, const json_t *j, size_t dim,
            struct hs_error *err)
{
    const json_t *coords = json_object_get(j, "coords");
    const json_t *values = json_object_get(j, "values");
    size_t n = json_array_size(coords);

    if (n == 0 || n > dim ||
        (e->mode != HS_EDIT_ZERO && json_array_size(values) != n))
        return bad("edit", err);
    e->coords = hs_calloc(n, sizeof *e->coords);
    e->values = hs_calloc(n, sizeof *e->values);
    e->n = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *c = json_array_get(coords, i);
        const json_t *v = json_array_get(values, i);

        if (!json_is_integer(c) || json_integer_value(c) < 0 ||
            (uint64_t)json_integer_value(c) >= dim ||
            (e->mode != HS_EDIT_ZERO && !json_is_number(v)))
            return bad("edit", err);
        e->coords[i] = (uint32_t)json_integer_value(c);
        e->values[i] = (float)json_number_value(v);
    }
    return 0;
}

static int
read_edit(struct hs_edit *e, const json_t *j, const struct hs_config *c,
          struct hs_error *err)
{
    static const enum hs_edit_mode modes[] = {HS_EDIT_ZERO, HS_EDIT_MEAN,
                                              HS_EDIT_SCALE, HS_EDIT_ADD};
    const char *mode = json_string_value(json_object_get(j, "mode"));
    const char *where = json_string_value(json_object_get(j, "where"));
    const json_t *layer = json_object_get(j, "layer");
    size_t i = 0;

    while (i < sizeof modes / sizeof modes[0] &&
           (mode == NULL || strcmp(mode, hs_edit_mode_name(modes[i])) != 0))
        i++;
    if (i == sizeof modes / sizeof modes[0])
        return hs_fail(err, "an edit that cannot be made again: mode %s",
                       mode != NULL ? mode : "is missing");
    e->mode = modes[i];
    if (where == NULL || hs_edit_parse_where(&e->where, where) < 0 ||
        !json_is_integer(layer) || json_integer_value(layer) < 0 ||
        (uint64_t)json_integer_value(layer) > c->n_layers)
        return bad("edit", err);
    e->layer = (uint32_t)json_integer_value(layer);
    return read_coords(e, j, c->dim, err);
}

int
hs_run_continue(struct hs_run *r, const struct hs_head *head,
                struct hs_error *err)
{
    const json_t *edit = json_object_get(head->run, "edit");

    if (strcmp(head->fingerprint, r->model->fingerprint) != 0)
        return hs_fail(err,
                       "is of another model: fingerprint '%s', that of %s "
                       "is '%s'",
                       head->fingerprint, r->model->dir, r->model->fingerprint);
    if (edit == NULL || json_is_null(edit))
        return 0;
    if (read_edit(&r->edit, edit, &r->model->cfg, err) < 0)
        return -1;
    r->sched.edit = &r->edit;
    return 0;
}
