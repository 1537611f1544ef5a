/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * runhead.c - what a head says of a run, see runopt.h.
 *
 * Everything that a trajectory depends on goes into the head, and nothing that
 * it does not depend on: not the batch, the threads or the shard.
 */
#include <config.h>

#include "task/runopt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/kernel.h"

static void
put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value != NULL ? value : json_null());
}

static void
put_text(json_t *o, const char *key, const char *value)
{
    put(o, key, value != NULL ? json_string(value) : json_null());
}

static void
put_number(json_t *o, const char *key, uint64_t value)
{
    put(o, key, json_integer((json_int_t)value));
}

static json_t *
sampler_json(const struct hs_sampler *s)
{
    json_t *j = json_object();

    put(j, "greedy", json_boolean(s->greedy));
    if (s->greedy)
        return j;
    put(j, "temperature", json_real(s->temperature));
    put(j, "top_p", json_real(s->top_p));
    put_number(j, "top_k", s->top_k);
    put_number(j, "seed", s->seed);
    return j;
}

static json_t *
edit_json(const struct hs_edit *e)
{
    json_t *j = json_object(), *coords = json_array(), *values = json_array();

    put_text(j, "mode", hs_edit_mode_name(e->mode));
    put_text(j, "where", hs_edit_where_name(e->where));
    put_number(j, "layer", e->layer);
    for (size_t i = 0; i < e->n; i++) {
        (void)json_array_append_new(coords, json_integer(e->coords[i]));
        (void)json_array_append_new(values, json_real((double)e->values[i]));
    }
    put(j, "coords", coords);
    if (e->mode == HS_EDIT_ZERO)
        json_decref(values);
    else
        put(j, "values", values);
    return j;
}

static json_t *
rollouts_json(const struct hs_run_options *o)
{
    json_t *j = json_object();
    struct hs_buf b = {0};

    put_number(j, "k", o->rollouts);
    hs_step_name(&o->branch, &b);
    put_text(j, "branch", hs_buf_cstr(&b));
    hs_buf_free(&b);
    put_number(j, "min_tokens", o->min_tokens);
    put(j, "sampler", sampler_json(&o->sampler));
    put_number(j, "max_tokens", o->max_tokens);
    put(j, "ignore_eos", json_boolean(o->ignore_eos));
    put_text(j, "grader", hs_grader_name(o->grader));
    put_text(j, "kernel", hs_kern()->name);
    return j;
}

void
hs_run_stream_head(const struct hs_run_options *o, const struct hs_head *from,
                   struct hs_head *head)
{
    hs_head_copy(head, from);
    put(head->run, "rollouts", rollouts_json(o));
}

static void
fill_run(const struct hs_run *r, const struct hs_run_options *o, json_t *run)
{
    const struct hs_template *t = &r->prompter.tmpl;

    put(run, "replay", json_boolean(o->replay));
    if (!o->replay) {
        put(run, "sampler", sampler_json(&o->sampler));
        put_number(run, "samples", o->samples);
        put_number(run, "max_tokens", o->max_tokens);
        put(run, "ignore_eos", json_boolean(o->ignore_eos));
    }
    put_text(run, "template", hs_template_name(t));
    put_text(run, "system", t->system);
    put_text(run, "instruction", t->instruction);
    put_text(run, "grader", hs_grader_name(o->grader));
    if (o->positions == HS_POSITIONS_STEP_ENDS) {
        struct hs_buf b = {0};

        hs_step_name(&o->step, &b);
        put_text(run, "step", hs_buf_cstr(&b));
        hs_buf_free(&b);
        if (o->min_tokens > 0)
            put_number(run, "min_tokens", o->min_tokens);
    }
    put(run, "edit", r->edit.n > 0 ? edit_json(&r->edit) : json_null());
    put_text(run, "kernel", hs_kern()->name);
    if (o->rollouts > 0)
        put(run, "rollouts", rollouts_json(o));
}

void
hs_run_head(const struct hs_run *r, const struct hs_run_options *o,
            struct hs_head *head)
{
    const struct hs_config *c = &r->model->cfg;
    const struct hs_list *layers = &r->sched.layers;
    struct hs_buf b = {0};

    hs_head_set(&head->fingerprint, r->model->fingerprint);
    hs_head_set(&head->family, hs_family_name(c->family));
    head->n_layers = c->n_layers;
    head->n_vocab = c->n_vocab;
    head->dim = c->dim;
    head->dtype = o->dtype;
    head->layers.v = hs_calloc(layers->n, sizeof *layers->v);
    head->layers.n = layers->n;
    if (layers->n > 0)
        memcpy(head->layers.v, layers->v, layers->n * sizeof *layers->v);
    if (o->positions == HS_POSITIONS_EVERY)
        hs_buf_printf(&b, "every:%" PRIu32, o->every);
    else
        hs_buf_str(&b, hs_positions_names[o->positions]);
    hs_head_set(&head->positions, hs_buf_cstr(&b));
    hs_buf_free(&b);
    fill_run(r, o, head->run);
}
