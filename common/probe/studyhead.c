/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * studyhead.c - the head of a stream of probes, see study.h.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/kernel.h"
#include "probe/proberec.h"
#include "probe/study.h"

static json_t *
names(const struct hs_study *q)
{
    json_t *list = json_array();

    for (size_t i = 0; i < q->n_targets; i++)
        json_array_append_new(list, json_string(hs_target_name(q->targets[i])));
    return list;
}

static json_t *
baseline_names(const struct hs_study *q)
{
    json_t *list = json_array();

    for (int b = 0; b < HS_N_BASELINES; b++)
        if (q->baselines[b])
            json_array_append_new(list, json_string(hs_baseline_names[b]));
    return list;
}

void
hs_study_head(const struct hs_study *q, json_t *split, struct hs_head *head)
{
    const struct hs_trajset *s = q->s;
    json_t *run = json_object(), *fit = hs_fit_options_json(&q->fit);

    hs_head_copy(head, &s->head);
    hs_head_set(&head->kind, "probes");
    head->dtype = HS_F32;
    free(head->layers.v);
    head->layers.n = s->n_layers;
    head->layers.v = hs_calloc(s->n_layers, sizeof *head->layers.v);
    memcpy(head->layers.v, s->layers, s->n_layers * sizeof *s->layers);
    json_object_set_new(run, "input", head->run);
    head->run = run;
    json_object_set_new(fit, "targets", names(q));
    json_object_set_new(fit, "seed", json_integer((json_int_t)q->fit.seed));
    json_object_set_new(fit, "seeds", json_integer((json_int_t)q->n_seeds));
    json_object_set_new(run, "fit", fit);
    json_object_set_new(run, "split", split);
    json_object_set_new(run, "baselines", baseline_names(q));
    json_object_set_new(run, "bootstrap",
                        json_integer((json_int_t)q->eval.bootstrap));
    json_object_set_new(run, "level", json_real(q->eval.level));
    json_object_set_new(run, "permutations",
                        json_integer((json_int_t)q->permutations));
    json_object_set_new(run, "alpha", json_real(q->alpha));
    json_object_set_new(run, "trajectories", json_integer((json_int_t)s->n));
    json_object_set_new(run, "undecided",
                        json_integer((json_int_t)s->n_undecided));
    json_object_set_new(run, "kernel", json_string(hs_kern()->name));
}
