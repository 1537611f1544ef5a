/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rankrun.c - what neuron-rank does, see rankopt.h.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "probe/overlapset.h"
#include "probe/rankopt.h"
#include "probe/split.h"
#include "stream/input.h"

/* ---- one stream ---- */

struct ranking_run {
    const struct hs_rank_options *o;
    struct hs_rankings *s;
    struct hs_probes probes;
    bool saved;                        /* the rankings were made before */
    const struct hs_rank_watch *watch; /* NULL: none */
    uint64_t n_epochs, all_epochs;
    size_t n_states;
};

/* Rankings that were made before. */
static int
reread(struct ranking_run *g, struct hs_reader *r, const char *name,
       struct hs_error *err)
{
    const struct hs_rank_options *o = g->o;

    g->saved = true;
    if (o->by_given || o->curve != NULL)
        return hs_fail(err, "%s: rankings, and %s needs probes", name,
                       o->by_given ? "--by" : "--curve");
    if (hs_rankings_read(g->s, r, name, err) < 0)
        return -1;
    if (hs_rankings_choose(g->s, &o->choice, err) < 0)
        return hs_fail_prefix(err, "%s", name);
    for (size_t i = 0; i < g->s->n && o->top_given; i++)
        if (hs_ranking_retop(&g->s->v[i], &o->top, err) < 0)
            return hs_fail_prefix(err, "%s", name);
    return 0;
}

static int
rank_stream(struct ranking_run *g, struct hs_reader *r, const char *name,
            struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    const struct hs_rank_options *o = g->o;

    if (head != NULL && strcmp(head->kind, "rankings") == 0)
        return reread(g, r, name, err);
    if (head != NULL && strcmp(head->kind, "probes") != 0)
        return hs_fail(err, "%s: a stream of %s, not of probes or rankings",
                       name, head->kind);
    if (hs_probes_read(&g->probes, r, name, err) < 0)
        return -1;
    if (hs_rankings_make(g->s, &g->probes, &o->choice, o->by, &o->top, err) < 0)
        return hs_fail_prefix(err, "%s", name);
    return 0;
}

static int
audit(struct ranking_run *g, struct hs_error *err)
{
    struct hs_trajset acts;
    struct hs_team *team = NULL;
    int rc = hs_rankings_acts(&acts, g->s, g->o->audit, g->o->memory, err);

    if (rc == 0)
        rc = hs_store_seal(acts.store, err);
    if (rc == 0)
        rc = (team = hs_team_new((size_t)g->o->threads, err)) != NULL ? 0 : -1;
    if (rc == 0) {
        hs_trajset_stats(&acts, team);
        rc = hs_rankings_audit(g->s, &acts, err);
    }
    hs_team_free(team);
    hs_trajset_free(&acts);
    return rc;
}

static void
epoch_done(void *ud)
{
    struct ranking_run *g = ud;

    g->n_epochs++;
    if (g->watch != NULL)
        g->watch->epoch(g->watch->ud, g->n_epochs, g->all_epochs, g->n_states);
}

static uint64_t
count_epochs(const struct ranking_run *g)
{
    const struct hs_prune_options *p = &g->o->prune;
    uint64_t n = 0;

    for (size_t i = 0; i < g->s->n; i++)
        n += hs_prune_fits(p, g->s->v[i].d) *
             (p->epochs > 0
                  ? p->epochs
                  : hs_rankings_probe(&g->probes, &g->s->v[i])->o.epochs);
    return n;
}

/* The states of --curve, divided as those of the probes were. */
static int
read_acts(struct ranking_run *g, struct hs_trajset *acts, struct hs_error *err)
{
    const struct hs_rank_options *o = g->o;
    const json_t *split = json_object_get(g->s->head.run, "split");
    struct hs_reader *r;
    int rc = hs_rankings_acts(acts, g->s, o->curve, o->memory, err);

    if (rc < 0)
        return -1;
    if (o->val_file != NULL) {
        r = hs_input_open(o->val_file, err);
        rc = r != NULL
                 ? hs_trajset_read_val(acts, r, hs_input_name(o->val_file), err)
                 : -1;
        hs_reader_close(r);
        if (rc < 0)
            return -1;
    }
    if (split == NULL)
        return hs_fail(err, "the probes do not say how problems were split");
    if (hs_split_again(acts, split, err) < 0)
        return hs_fail_prefix(err, "%s", hs_input_name(o->curve));
    return 0;
}

static int
draw_curves(struct ranking_run *g, struct hs_error *err)
{
    const struct hs_rank_options *o = g->o;
    const struct hs_prune_watch watch = {epoch_done, g};
    struct hs_trajset acts;
    struct hs_team *team = NULL;
    int rc = read_acts(g, &acts, err);

    if (rc == 0)
        rc = (team = hs_team_new((size_t)o->threads, err)) != NULL ? 0 : -1;
    if (rc == 0) {
        hs_trajset_stats(&acts, team);
        g->all_epochs = count_epochs(g);
        g->n_states = acts.n_states;
        rc = hs_rankings_prune(g->s, &g->probes, &acts, &o->prune, team, &watch,
                               err);
    }
    hs_team_free(team);
    hs_trajset_free(&acts);
    return rc;
}

/* The settings of the curves. */
static json_t *
curve_json(const struct hs_rank_options *o)
{
    const struct hs_prune_options *p = &o->prune;
    json_t *j = json_object(), *ratios = json_array();

    for (size_t i = 0; i < p->n_ratios; i++)
        json_array_append_new(ratios, json_real(p->ratios[i]));
    json_object_set_new(j, "ratios", ratios);
    json_object_set_new(j, "eval",
                        json_string(!p->mask     ? "retrain"
                                    : p->retrain ? "both"
                                                 : "mask"));
    json_object_set_new(j, "random", json_integer((json_int_t)p->n_random));
    json_object_set_new(j, "seed", json_integer((json_int_t)p->seed));
    json_object_set_new(j, "epochs",
                        p->epochs > 0 ? json_integer((json_int_t)p->epochs)
                                      : json_null());
    json_object_set_new(j, "level", json_real(p->level));
    return j;
}

/* Adds the choices that were made to the head's run. */
static void
note_choices(struct ranking_run *g)
{
    const struct hs_rank_options *o = g->o;
    json_t *rank = json_object_get(g->s->head.run, "rank");

    if (!json_is_object(rank)) {
        rank = json_object();
        json_object_set_new(g->s->head.run, "rank", rank);
    }
    if (!g->saved)
        json_object_set_new(rank, "by", json_string(hs_rank_by_name(o->by)));
    if (!g->saved || o->top_given)
        json_object_set_new(rank, "top",
                            o->top.count > 0
                                ? json_integer((json_int_t)o->top.count)
                                : json_real(o->top.share));
    if (!g->saved || o->audit != NULL)
        json_object_set_new(rank, "sinks",
                            json_string(o->audit != NULL ? "audit" : "probes"));
    if (o->curve != NULL)
        json_object_set_new(rank, "curve", curve_json(o));
}

int
hs_rank_run(struct hs_rankings *s, const struct hs_rank_options *o,
            const char *path, const struct hs_rank_watch *watch,
            struct hs_error *err)
{
    struct ranking_run g = {.o = o, .s = s, .watch = watch};
    struct hs_reader *r = hs_input_open(path, err);
    int rc;

    *s = (struct hs_rankings){0};
    if (r == NULL)
        return -1;
    rc = rank_stream(&g, r, hs_input_name(path), err);
    hs_reader_close(r);
    if (rc == 0 && o->audit != NULL)
        rc = audit(&g, err);
    if (rc == 0 && o->curve != NULL)
        rc = draw_curves(&g, err);
    if (rc == 0)
        note_choices(&g);
    hs_probes_free(&g.probes);
    return rc;
}

/* ---- several streams ---- */

static int
read_rankings(struct hs_rankings *s, const struct hs_rank_choice *c,
              const char *path, struct hs_error *err)
{
    struct hs_reader *r = hs_input_open(path, err);
    int rc;

    if (r == NULL)
        return -1;
    rc = hs_rankings_read(s, r, hs_input_name(path), err);
    hs_reader_close(r);
    if (rc == 0 && hs_rankings_choose(s, c, err) < 0)
        rc = hs_fail_prefix(err, "%s", hs_input_name(path));
    return rc;
}

/* The head of a comparison: the model, if it is one for all. */
static void
make_head(struct hs_rankings *s, const struct hs_rankings *in, size_t n,
          const struct hs_rank_options *o)
{
    json_t *inputs = json_array(), *ratios = json_array();
    bool one = true;

    for (size_t i = 0; i < n; i++) {
        json_t *input = json_object();

        one =
            one && strcmp(in[i].head.fingerprint, in[0].head.fingerprint) == 0;
        json_object_set_new(input, "fingerprint",
                            json_string(in[i].head.fingerprint));
        json_object_set(input, "run", in[i].head.run);
        json_array_append_new(inputs, input);
    }
    for (size_t i = 0; i < o->prune.n_ratios; i++)
        json_array_append_new(ratios, json_real(o->prune.ratios[i]));
    hs_head_init(&s->head, "overlaps");
    if (one) {
        hs_head_set(&s->head.fingerprint, in[0].head.fingerprint);
        hs_head_set(&s->head.family, in[0].head.family);
        s->head.n_vocab = in[0].head.n_vocab;
    }
    s->head.n_layers = in[0].head.n_layers;
    s->head.dim = in[0].head.dim;
    json_object_set_new(s->head.run, "inputs", inputs);
    json_object_set_new(s->head.run, "ratios", ratios);
    json_array_extend(s->head.history, in[0].head.history);
}

/* All rankings of all streams, in their order, are compared. */
static int
compare(struct hs_rankings *s, const struct hs_rank_options *o,
        const struct hs_rankings *in, char *const *paths, size_t n,
        struct hs_error *err)
{
    struct hs_overlap_side *sides;
    size_t n_sides = 0, k = 0;
    int rc;

    for (size_t i = 0; i < n; i++)
        n_sides += in[i].n;
    sides = hs_calloc(n_sides, sizeof *sides);
    for (size_t i = 0; i < n; i++)
        for (size_t q = 0; q < in[i].n; q++)
            sides[k++] =
                (struct hs_overlap_side){&in[i].v[q], hs_input_name(paths[i])};
    rc = hs_overlaps(sides, n_sides, o->prune.ratios, o->prune.n_ratios,
                     s->others, err);
    free(sides);
    return rc;
}

int
hs_rank_compare(struct hs_rankings *s, const struct hs_rank_options *o,
                char *const *paths, size_t n, struct hs_error *err)
{
    struct hs_rankings *in = hs_calloc(n, sizeof *in);
    int rc = 0;

    *s = (struct hs_rankings){.others = json_array()};
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_rankings(&in[i], &o->choice, paths[i], err);
    if (rc == 0)
        rc = compare(s, o, in, paths, n, err);
    if (rc == 0)
        make_head(s, in, n, o);
    for (size_t i = 0; i < n; i++)
        hs_rankings_free(&in[i]);
    free(in);
    return rc;
}
