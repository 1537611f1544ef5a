/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scorer.c - see scorer.h.
 */
#include <config.h>

#include "search/scorer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"

static const char *const names[HS_N_SCORER_KINDS] = {
    [HS_SCORER_GREEDY] = "greedy",     [HS_SCORER_RANDOM] = "random",
    [HS_SCORER_LOGPROB] = "logprob",   [HS_SCORER_VALUE] = "value",
    [HS_SCORER_DOPAMINE] = "dopamine", [HS_SCORER_ORACLE] = "oracle",
};

const char *
hs_scorer_kind_name(enum hs_scorer_kind k)
{
    return names[k];
}

int
hs_scorer_kind_parse(const char *s, enum hs_scorer_kind *out)
{
    for (int k = 0; k < HS_N_SCORER_KINDS; k++)
        if (strcmp(s, names[k]) == 0) {
            *out = (enum hs_scorer_kind)k;
            return 0;
        }
    return -1;
}

static bool
reads_file(enum hs_scorer_kind k)
{
    return k == HS_SCORER_VALUE || k == HS_SCORER_DOPAMINE;
}

/* ---- the list ---- */

static void
parse_scorer(const char *opt, const char *word, struct hs_scorer *out)
{
    const char *colon = strchr(word, ':'), *equals = strchr(word, '=');
    const char *kind = word;
    char *text;

    *out = (struct hs_scorer){0};
    if (equals != NULL && (colon == NULL || equals < colon)) {
        out->name = hs_strndup(word, (size_t)(equals - word));
        kind = equals + 1;
    }
    text = hs_strndup(kind, strcspn(kind, ":"));
    if (hs_scorer_kind_parse(text, &out->kind) < 0)
        hs_die(HS_EXIT_USAGE,
               "%s: '%s' is not greedy, random, logprob, value:PROBE, "
               "dopamine:RPE or oracle",
               opt, kind);
    free(text);
    if (out->name == NULL)
        out->name = hs_strdup(names[out->kind]);
    if (out->name[0] == '\0' || strchr(out->name, '/') != NULL)
        hs_die(HS_EXIT_USAGE, "%s: '%s' is no name", opt, out->name);
    if (reads_file(out->kind) != (colon != NULL && colon[1] != '\0'))
        hs_die(HS_EXIT_USAGE,
               reads_file(out->kind) ? "%s: %s needs a file: %s:FILE"
                                     : "%s: %s takes no file",
               opt, names[out->kind], names[out->kind]);
    if (colon != NULL)
        out->file = hs_strdup(colon + 1);
}

void
hs_parse_scorers(const char *opt, const char *s, struct hs_scorers *out)
{
    char **words = hs_parse_words(opt, s);
    size_t n = 0;

    while (words[n] != NULL)
        n++;
    out->v = hs_calloc(n, sizeof *out->v);
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        parse_scorer(opt, words[i], &out->v[i]);
        for (size_t k = 0; k < i; k++)
            if (strcmp(out->v[k].name, out->v[i].name) == 0)
                hs_die(HS_EXIT_USAGE,
                       "%s: two scorers are called '%s'; NAME=%s gives one "
                       "another name",
                       opt, out->v[i].name, words[i]);
    }
    hs_words_free(words);
}

static void
free_scorer(struct hs_scorer *s)
{
    for (size_t i = 0; s->askers != NULL && i < s->n_askers; i++)
        hs_asker_free(s->askers[i]);
    free(s->askers);
    free(s->used);
    for (size_t i = 0; s->rpe_askers != NULL && i < s->n_askers; i++)
        hs_rpe_asker_free(s->rpe_askers[i]);
    free(s->rpe_askers);
    if (s->kind == HS_SCORER_VALUE)
        hs_probes_free(&s->probes);
    if (s->kind == HS_SCORER_DOPAMINE)
        hs_rpe_free(&s->rpe);
    free(s->name);
    free(s->file);
}

void
hs_scorers_free(struct hs_scorers *s)
{
    for (size_t i = 0; i < s->n; i++)
        free_scorer(&s->v[i]);
    free(s->v);
    *s = (struct hs_scorers){0};
}

/* ---- what they need ---- */

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

void
hs_scorers_layers(struct hs_scorers *s, struct hs_list *out)
{
    for (size_t i = 0; i < s->n; i++)
        if (reads_file(s->v[i].kind))
            add_layer(out, s->v[i].layer);
    for (size_t i = 0; i < s->n; i++)
        while (reads_file(s->v[i].kind) && out->v[s->v[i].at] != s->v[i].layer)
            s->v[i].at++;
}

bool
hs_scorers_have(const struct hs_scorers *s, enum hs_scorer_kind k)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].kind == k)
            return true;
    return false;
}

bool
hs_scorers_need_all(const struct hs_scorers *s)
{
    return hs_scorers_have(s, HS_SCORER_DOPAMINE);
}

json_t *
hs_scorers_json(const struct hs_scorers *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < s->n; i++) {
        const struct hs_scorer *c = &s->v[i];
        json_t *j = json_object();

        (void)json_object_set_new(j, "name", json_string(c->name));
        (void)json_object_set_new(j, "kind", json_string(names[c->kind]));
        if (reads_file(c->kind)) {
            (void)json_object_set_new(j, "layer", json_integer(c->layer));
            (void)json_object_set_new(j, "digest", json_string(c->digest));
        }
        if (reads_file(c->kind))
            (void)json_object_set_new(j, "probes",
                                      json_integer((json_int_t)c->n_askers));
        if (c->kind == HS_SCORER_VALUE)
            (void)json_object_set_new(j, "target",
                                      json_string(hs_target_name(c->target)));
        if (c->kind == HS_SCORER_DOPAMINE)
            (void)json_object_set_new(
                j, "znorm", json_string(hs_znorm_name(c->dopamine->znorm)));
        (void)json_array_append_new(all, j);
    }
    return all;
}

/* ---- states ---- */

static void
keep_row(struct hs_evidence *e, const float *x, size_t dim)
{
    e->rows = hs_realloc(e->rows, hs_mul(hs_mul(e->n + 1, dim), sizeof *x));
    memcpy(e->rows + e->n * dim, x, dim * sizeof *x);
    e->n++;
}

/* Pools the steps of what is new. */
static void
pool_steps(const struct hs_scorer *s, const struct hs_look *l,
           struct hs_evidence *out)
{
    const struct hs_rpe_probe *p = s->dopamine;
    size_t stride = l->n_layers * l->dim;
    const float *x = l->states + s->at * l->dim;
    float *row = hs_calloc(l->dim, sizeof *row);

    out->pooler = hs_pooler_new(p->znorm, p->mean, p->scale, p->d);
    if (l->from != NULL)
        hs_pooler_copy(out->pooler, l->from);
    else
        hs_pooler_start(out->pooler);
    if (l->first)
        hs_pooler_feed(out->pooler, x, NULL);
    for (size_t i = 1; i < l->n_at; i++) {
        for (uint32_t t = l->at[i - 1] + 1; t <= l->at[i]; t++)
            hs_pooler_feed(out->pooler, x + t * stride, NULL);
        hs_pooler_step(out->pooler, row);
        keep_row(out, row, l->dim);
    }
    free(row);
}

void
hs_scorer_look(const struct hs_scorer *s, const struct hs_look *l,
               struct hs_evidence *out)
{
    if (s->kind == HS_SCORER_VALUE)
        keep_row(out, l->states + ((l->n - 1) * l->n_layers + s->at) * l->dim,
                 l->dim);
    if (s->kind == HS_SCORER_DOPAMINE)
        pool_steps(s, l, out);
}

void
hs_evidence_free(struct hs_evidence *e)
{
    free(e->rows);
    hs_pooler_free(e->pooler);
    *e = (struct hs_evidence){0};
}

double
hs_scorer_ask(const struct hs_scorer *s, const struct hs_evidence *e)
{
    double *v = hs_calloc(e->n, sizeof *v), sum = 0;

    for (size_t i = 0; e->n > 0 && i < s->n_askers; i++) {
        if (s->kind == HS_SCORER_VALUE)
            hs_ask_rows(s->askers[i], e->rows, e->n, v);
        else
            hs_rpe_ask(s->rpe_askers[i], e->rows, e->n, v);
        for (size_t k = 0; k < e->n; k++)
            sum += v[k] / (double)s->n_askers;
    }
    free(v);
    return sum;
}
