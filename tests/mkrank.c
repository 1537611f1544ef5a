/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkrank.c - a stream of kind "rankings" with given orders, for tests of what
 * reads rankings.
 *
 * A line is {"layer": L, "order": [coordinates, best first]}, and may have
 * "target" (td), and "sink": [coordinates].  Coordinates that order leaves out
 * follow in ascending order.  Importance falls evenly from 1, slopes are 1 and
 * -1 in turn by coordinate, other statistics 0 and 1.
 */
#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "model/model.h"
#include "probe/rankrec.h"

static const char usage[] = "usage: mkrank MODEL TOP < LINES > RANKINGS\n";

static void
set_order(struct hs_ranking *r, const json_t *order, size_t line)
{
    bool *seen = hs_calloc(r->d, sizeof *seen);
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(order); i++) {
        json_int_t j = json_integer_value(json_array_get(order, i));

        if (j < 0 || (size_t)j >= r->d || seen[j])
            hs_die(HS_EXIT_FAIL, "line %zu: order: entry %zu", line, i + 1);
        seen[j] = true;
        r->order[n++] = (uint32_t)j;
    }
    for (uint32_t j = 0; j < r->d; j++)
        if (!seen[j])
            r->order[n++] = j;
    free(seen);
}

/* Everything that follows from the order. */
static void
fill(struct hs_ranking *r)
{
    for (uint32_t i = 0; i < r->d; i++) {
        uint32_t j = r->order[i];

        r->rank[j] = i + 1;
        r->mean_rank[j] = (float)(i + 1);
        r->importance[j] = 1 - (float)i / (float)r->d;
        r->stability[j] = i < r->n_top ? 1 : 0;
        r->sigma[j] = r->rms[j] = 1;
        r->rms_rank[i] = i + 1;
        r->auc[j] = 0.5f;
        r->auc_p[j] = 1;
        r->slope[j] = j % 2 == 0 ? 1 : -1;
    }
    r->seed_order = hs_malloc(hs_mul(r->d, sizeof *r->seed_order));
    memcpy(r->seed_order, r->order, r->d * sizeof *r->order);
}

static void
make(struct hs_rankings *s, const json_t *j, size_t dim, size_t top,
     size_t line)
{
    struct hs_ranking r = {.d = dim, .n_seeds = 1, .n_top = top};
    const char *target = json_string_value(json_object_get(j, "target"));
    const json_t *sinks = json_object_get(j, "sink");

    r.layer = (uint32_t)json_integer_value(json_object_get(j, "layer"));
    r.target = HS_TARGET_TD;
    if (target != NULL && hs_target_parse(target, &r.target) < 0)
        hs_die(HS_EXIT_FAIL, "line %zu: target '%s'", line, target);
    hs_ranking_alloc(&r);
    set_order(&r, json_object_get(j, "order"), line);
    fill(&r);
    for (size_t i = 0; i < json_array_size(sinks); i++)
        r.sink[json_integer_value(json_array_get(sinks, i)) % (json_int_t)dim] =
            HS_SINK_YES;
    hs_rankings_add(s, &r);
}

static void
fill_head(struct hs_head *h, const struct hs_model *m)
{
    hs_head_init(h, "rankings");
    hs_head_set(&h->fingerprint, m->fingerprint);
    hs_head_set(&h->family, hs_family_name(m->cfg.family));
    h->n_layers = m->cfg.n_layers;
    h->n_vocab = m->cfg.n_vocab;
    h->dim = m->cfg.dim;
}

static void
write_all(const struct hs_rankings *s)
{
    struct hs_encoded e = {0};
    struct hs_error err;
    struct hs_writer *w = hs_writer_open(STDOUT_FILENO, "<stdout>", &s->head,
                                         HS_LEVEL_DEFAULT, &err);

    if (w == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    for (size_t i = 0; i < s->n; i++)
        if (hs_encode_ranking(&e, &s->v[i], &err) < 0)
            hs_die(HS_EXIT_FAIL, "%s", err.text);
    if (hs_write_encoded(w, &e) < 0)
        hs_die(HS_EXIT_FAIL, "%s", hs_writer_error(w));
    if (hs_writer_close(w, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    hs_encoded_free(&e);
}

static void
run(const char *dir, const char *top)
{
    struct hs_rankings s = {0};
    struct hs_error err;
    struct hs_model *m = hs_model_open(dir, &err);
    size_t cap = 0, number = 0, n_top;
    char *line = NULL;
    ssize_t n;

    if (m == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    n_top = hs_parse_u64("TOP", top, 1, m->cfg.dim);
    fill_head(&s.head, m);
    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_t *j = hs_json_parse(line, (size_t)n, "<stdin>", &err);

        number++;
        if (j == NULL)
            hs_die(HS_EXIT_FAIL, "line %zu: %s", number, err.text);
        make(&s, j, m->cfg.dim, n_top, number);
        json_decref(j);
    }
    write_all(&s);
    free(line);
    hs_rankings_free(&s);
    hs_model_free(m);
}

int
main(int argc, char **argv)
{
    hs_init(argv);
    if (argc != 3) {
        fputs(usage, stderr);
        return HS_EXIT_USAGE;
    }
    run(argv[1], argv[2]);
    return hs_finish(HS_EXIT_OK);
}
