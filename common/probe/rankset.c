/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rankset.c - see rankset.h.
 */
#include <config.h>

#include "probe/rankset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/input.h"
#include "stream/jsonview.h"

static bool
wants(const struct hs_rank_choice *c, uint32_t layer, enum hs_target target)
{
    return (c->layers->all || hs_list_has(c->layers, layer)) &&
           (!c->one_target || target == c->target);
}

static bool
has(const struct hs_rankings *s, uint32_t layer, enum hs_target target)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].layer == layer && s->v[i].target == target)
            return true;
    return false;
}

static bool
has_layer(const struct hs_rankings *s, uint32_t layer)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].layer == layer)
            return true;
    return false;
}

/* That every layer asked for is there, and something at all. */
static int
check_choice(const struct hs_rankings *s, const struct hs_rank_choice *c,
             struct hs_error *err)
{
    const char *what = c->one_target ? hs_target_name(c->target) : "any target";

    for (size_t i = 0; i < c->layers->n && !c->layers->all; i++)
        if (!has_layer(s, c->layers->v[i]))
            return hs_fail(err, "nothing of layer %" PRIu32 " and %s",
                           c->layers->v[i], what);
    return s->n > 0 ? 0 : hs_fail(err, "nothing of %s", what);
}

/* Makes the head's layers those of the rankings, ascending. */
static void
set_layers(struct hs_rankings *s)
{
    struct hs_list *l = &s->head.layers;
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        if (has_layer(s, l->v[i]))
            l->v[n++] = l->v[i];
    l->n = n;
}

int
hs_rankings_make(struct hs_rankings *s, const struct hs_probes *p,
                 const struct hs_rank_choice *c, enum hs_rank_by by,
                 const struct hs_top *top, struct hs_error *err)
{
    *s = (struct hs_rankings){.others = json_array()};
    hs_head_copy(&s->head, &p->head);
    hs_head_set(&s->head.kind, "rankings");
    for (size_t i = 0; i < p->n_found; i++) {
        const struct hs_probe *q = &p->found[i].probe;
        enum hs_target target = q->o.loss.target;
        struct hs_ranking r;

        if (!wants(c, q->layer, target) || has(s, q->layer, target))
            continue;
        if (hs_rank(&r, p, q->layer, target, by, top, err) < 0)
            return -1;
        hs_rankings_add(s, &r);
    }
    set_layers(s);
    return check_choice(s, c, err);
}

/* Whether a record of another type is of a ranking that is there. */
static bool
belongs(const struct hs_rankings *s, const json_t *j)
{
    const char *name = json_string_value(json_object_get(j, "target"));
    const json_t *layer = json_object_get(j, "layer");
    enum hs_target target;

    if (name == NULL || !json_is_integer(layer) ||
        hs_target_parse(name, &target) < 0)
        return true;
    return has(s, (uint32_t)json_integer_value(layer), target);
}

int
hs_rankings_choose(struct hs_rankings *s, const struct hs_rank_choice *c,
                   struct hs_error *err)
{
    json_t *kept = json_array(), *other;
    size_t n = 0, i;

    for (i = 0; i < s->n; i++)
        if (wants(c, s->v[i].layer, s->v[i].target))
            s->v[n++] = s->v[i];
        else
            hs_ranking_free(&s->v[i]);
    s->n = n;
    set_layers(s);
    json_array_foreach(s->others, i, other)
    {
        if (belongs(s, other))
            json_array_append(kept, other);
    }
    json_decref(s->others);
    s->others = kept;
    return check_choice(s, c, err);
}

/* ---- states ---- */

int
hs_rankings_acts(struct hs_trajset *acts, const struct hs_rankings *s,
                 const char *path, uint64_t max_memory, struct hs_error *err)
{
    const char *name = hs_input_name(path);
    struct hs_reader *r = hs_input_open(path, err);
    const struct hs_head *head;
    int rc = 0;

    *acts = (struct hs_trajset){0};
    if (r == NULL)
        return -1;
    head = hs_reader_head(r);
    if (head != NULL && strcmp(head->kind, "activations") == 0 &&
        (strcmp(head->fingerprint, s->head.fingerprint) != 0 ||
         head->dim != s->head.dim))
        rc = hs_fail(err,
                     "%s: states of another model: fingerprint '%s', width "
                     "%" PRIu64 "; the probes have '%s', %" PRIu64,
                     name, head->fingerprint, head->dim, s->head.fingerprint,
                     s->head.dim);
    if (rc == 0)
        rc = hs_trajset_read(acts, r, name, &s->head.layers, max_memory, err);
    hs_reader_close(r);
    return rc;
}

/* The index of a layer of the set, which has it. */
static size_t
index_of(const struct hs_trajset *acts, uint32_t layer)
{
    size_t l = 0;

    while (acts->layers[l] != layer)
        l++;
    return l;
}

int
hs_rankings_audit(struct hs_rankings *s, const struct hs_trajset *acts,
                  struct hs_error *err)
{
    for (size_t i = 0; i < s->n; i++)
        if (hs_ranking_audit(&s->v[i], acts->dim,
                             &acts->stats[index_of(acts, s->v[i].layer)],
                             err) < 0)
            return -1;
    return 0;
}

const struct hs_probe *
hs_rankings_probe(const struct hs_probes *p, const struct hs_ranking *r)
{
    size_t i = 0;

    while (p->found[i].probe.layer != r->layer ||
           p->found[i].probe.o.loss.target != r->target)
        i++;
    return &p->found[i].probe;
}

int
hs_rankings_prune(struct hs_rankings *s, const struct hs_probes *p,
                  const struct hs_trajset *acts,
                  const struct hs_prune_options *o, struct hs_team *team,
                  const struct hs_prune_watch *watch, struct hs_error *err)
{
    for (size_t i = 0; i < s->n; i++)
        if (hs_prune(o, &s->v[i], hs_rankings_probe(p, &s->v[i]), acts,
                     index_of(acts, s->v[i].layer), team, watch, s->others,
                     err) < 0)
            return -1;
    return 0;
}

/* ---- text ---- */

static void
put_line(struct hs_lines *l, json_t *j)
{
    hs_lines_put(l, j);
    json_decref(j);
}

void
hs_rankings_print(const struct hs_rankings *s, bool tsv, FILE *to)
{
    struct hs_lines *l = hs_lines_new(NULL, tsv, to);
    json_t *other;
    size_t i;

    for (i = 0; i < s->n; i++) {
        if (!tsv)
            put_line(l, hs_ranking_json(&s->v[i]));
        for (size_t k = 0; k < s->v[i].d; k++)
            put_line(l, hs_ranking_row(&s->v[i], k));
    }
    json_array_foreach(s->others, i, other)
    {
        hs_lines_put(l, other);
    }
    hs_lines_free(l);
}
