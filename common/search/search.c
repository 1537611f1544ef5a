/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * search.c - what a search needs before it begins, see search.h.
 */
#include <config.h>

#include "search/search.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The layers and positions that scorers need. */
static void
choose_states(struct hs_search_options *o)
{
    struct hs_list *l = &o->run.layers;

    hs_list_free(l);
    *l = (struct hs_list){0};
    hs_scorers_layers(&o->scorers, l);
    o->run.no_layers = l->n == 0;
    o->run.positions =
        hs_scorers_need_all(&o->scorers) ? HS_POSITIONS_ALL : HS_POSITIONS_LAST;
}

/* Answers of one shard, if problems come from a file. */
static uint64_t
expect(const struct hs_search_options *o, int fd)
{
    uint64_t n = hs_problem_lines(fd) / o->run.n_shards, per = 0;

    for (size_t i = 0; i < o->scorers.n; i++)
        per += o->scorers.v[i].kind == HS_SCORER_GREEDY ? 1 : o->seeds;
    return n * per;
}

int
hs_search_open(struct hs_search *s, struct hs_search_options *o, int fd,
               struct hs_error *err)
{
    *s = (struct hs_search){.o = o};
    if (hs_scorers_load(&o->scorers, &o->choice, err) < 0)
        return -1;
    choose_states(o);
    if (hs_run_open(&s->run, &o->run, err) < 0 ||
        hs_scorers_open(&o->scorers, s->run.model, err) < 0)
        return -1;
    if (hs_step_reads(&o->rule) && s->run.model->tok == NULL &&
        (!o->whole || hs_scorers_need_all(&o->scorers)))
        return hs_fail(err,
                       "%s: no tokenizer.json: --step=every:N does without",
                       s->run.model->dir);
    s->expected = expect(o, fd);
    s->problems = hs_problem_reader_new(fd, "<stdin>", &o->run.map);
    s->work_options =
        (struct hs_work_options){.prompter = &s->run.prompter,
                                 .problems = s->problems,
                                 .name = "<stdin>",
                                 .shard = o->run.shard,
                                 .n_shards = o->run.n_shards,
                                 .samples = 1,
                                 .max_tokens = (size_t)o->run.max_tokens,
                                 .step = o->rule};
    return 0;
}

void
hs_search_close(struct hs_search *s)
{
    hs_work_free(s->work);
    hs_problem_reader_free(s->problems);
    free(s->hunts);
    free(s->due);
    free(s->ready);
    hs_run_close(&s->run);
    *s = (struct hs_search){0};
}

static json_t *
search_json(const struct hs_search_options *o)
{
    json_t *j = json_object(), *seeds = json_array();
    struct hs_buf b = {0};
    bool rolls = !o->whole && hs_scorers_have(&o->scorers, HS_SCORER_ORACLE);

    hs_step_name(&o->rule, &b);
    for (uint64_t i = 0; i < o->seeds; i++)
        (void)json_array_append_new(
            seeds, json_integer((json_int_t)(o->run.sampler.seed + i)));
    (void)json_object_set_new(j, "whole", json_boolean(o->whole));
    (void)json_object_set_new(j, "step", json_string(hs_buf_cstr(&b)));
    (void)json_object_set_new(j, "min_tokens",
                              json_integer(o->rule.min_tokens));
    (void)json_object_set_new(j, "candidates",
                              json_integer((json_int_t)o->candidates));
    (void)json_object_set_new(j, "rollouts",
                              rolls ? json_integer((json_int_t)o->rollouts)
                                    : json_null());
    (void)json_object_set_new(j, "log", json_boolean(o->log));
    (void)json_object_set_new(j, "seeds", seeds);
    (void)json_object_set_new(j, "scorers", hs_scorers_json(&o->scorers));
    hs_buf_free(&b);
    return j;
}

void
hs_search_head(const struct hs_search *s, struct hs_head *head)
{
    hs_head_init(head, "search");
    hs_run_head(&s->run, &s->o->run, head);
    /* Nothing is kept of the states; seeds are in "search". */
    head->layers.n = 0;
    hs_head_set(&head->positions, "all");
    (void)json_object_del(json_object_get(head->run, "sampler"), "seed");
    (void)json_object_del(head->run, "samples");
    (void)json_object_del(head->run, "replay");
    (void)json_object_set_new(head->run, "search", search_json(s->o));
}
