/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpelook.c - traces of single answers and the test of dependence, see
 * rperun.h.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/model.h"
#include "rpe/depend.h"
#include "rpe/rperun.h"
#include "rpe/trace.h"
#include "stream/input.h"

/* What either looks at. */
struct look {
    const struct hs_rpe_options *o;
    struct hs_model *model; /* NULL: none */
    struct hs_rpe rpe;
    struct hs_probes probes;
    struct hs_rankings rankings; /* of --dependence */
    struct hs_team *team;
};

/* The fingerprint of the model that what was read is of; NULL: unknown. */
static const char *
fingerprint(const struct look *k)
{
    return k->o->rpe != NULL     ? k->rpe.head.fingerprint
           : k->o->probe != NULL ? k->probes.head.fingerprint
                                 : NULL;
}

/* The model of --model; else the default one if it may be that of the streams,
 * for the text of tokens. */
static int
find_model(struct look *k, struct hs_error *err)
{
    const char *given = k->o->model, *want = fingerprint(k);
    struct hs_error why;
    char *dir = given != NULL ? hs_strdup(given) : hs_model_default_dir(&why);

    if (dir == NULL)
        return 0;
    k->model = hs_model_open(dir, given != NULL ? err : &why);
    free(dir);
    if (given != NULL && k->model == NULL)
        return -1;
    if (given != NULL && want != NULL &&
        strcmp(k->model->fingerprint, want) != 0)
        return hs_fail(err,
                       "--model is not the model of the streams "
                       "(fingerprint %s, not %s)",
                       k->model->fingerprint, want);
    if (given == NULL && k->model != NULL && want != NULL &&
        strcmp(k->model->fingerprint, want) != 0) {
        hs_model_free(k->model);
        k->model = NULL;
    }
    return 0;
}

/* Leaves the probes of V only: of --probe-target, else not those of ntp. */
static void
choose_probes(struct look *k)
{
    const struct hs_rpe_options *o = k->o;
    struct hs_probes *p = &k->probes;
    size_t n = 0;

    for (size_t i = 0; i < p->n_found; i++) {
        enum hs_target t = p->found[i].probe.o.loss.target;

        if (o->probe_target_given ? t == o->probe_target : t != HS_TARGET_NTP)
            p->found[n++] = p->found[i];
        else
            hs_probe_found_free(&p->found[i]);
    }
    p->n_found = n;
}

static int
trace(struct look *k, const struct hs_rpe_out *to, struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;
    struct hs_trace_options t;

    if (o->probe != NULL && hs_probes_load(&k->probes, o->probe, err) < 0)
        return -1;
    choose_probes(k);
    if (o->probe != NULL && k->probes.n_found == 0)
        return hs_fail(err, "%s: no probes of the value", o->probe);
    if (find_model(k, err) < 0)
        return -1;
    hs_trace_options_init(&t);
    t.ids = o->traces;
    t.layers = o->rpe != NULL && o->rank.layers.all ? &k->rpe.head.layers
                                                    : &o->rank.layers;
    t.coordinates = o->coords_given ? &o->coords : NULL;
    t.rpe = o->rpe != NULL ? &k->rpe : NULL;
    t.probes = o->probe != NULL ? &k->probes : NULL;
    if (k->model != NULL) {
        t.tok = k->model->tok;
        t.tok_model = k->model->fingerprint;
        t.tok_given = o->model != NULL;
    }
    if (o->first > 0)
        t.n_coordinates = (size_t)o->first;
    if (o->znorm_given)
        t.znorm = o->znorm;
    t.window = (size_t)o->window;
    t.gamma = o->fit.fit.loss.gamma;
    return hs_rpe_trace(STDIN_FILENO, hs_input_name("-"), &t, to->fd, to->name,
                        to->level, to->argc, to->no_history ? NULL : to->argv,
                        k->team, err);
}

/* ---- dependence ---- */

static struct hs_list
copy_list(const struct hs_list *l)
{
    struct hs_list out = {.n = l->n, .all = l->all};

    out.v = hs_calloc(l->n, sizeof *out.v);
    if (l->n > 0)
        memcpy(out.v, l->v, l->n * sizeof *out.v);
    return out;
}

static void
fill_options(const struct hs_rpe_options *o, struct hs_depend_options *d)
{
    hs_depend_options_init(d);
    d->edit_layers = copy_list(&o->edit_layers);
    d->top = o->fraction;
    d->one_target = o->probe_target_given;
    d->target = o->probe_target;
    d->coords = copy_list(&o->coords);
    d->layers = copy_list(&o->rank.layers);
    d->first = (size_t)o->first;
    if (hs_rpe_given(o, HS_RANK_OPT_RANDOM))
        d->n_random = o->rank.prune.n_random;
    d->n_rms = (size_t)o->n_rms;
    d->seed = o->rank.prune.seed;
    d->where = o->where;
    d->gamma = o->fit.fit.loss.gamma;
    d->threshold = o->threshold;
    d->alpha = o->alpha;
    d->limit = o->limit;
    d->batch = (size_t)o->batch;
    d->progress = o->progress;
}

static int
write_dependence(struct hs_depend *d, const struct hs_rpe_out *to,
                 struct hs_error *err)
{
    struct hs_encoded e = {0};
    struct hs_writer *w;
    struct hs_head head;
    int rc;

    hs_depend_head(d, &head);
    if (to->no_history)
        hs_head_drop_history(&head);
    else
        hs_head_add_history(&head, to->argc, to->argv);
    w = hs_writer_open(to->fd, to->name, &head, to->level, err);
    hs_head_free(&head);
    if (w == NULL)
        return -1;
    rc = hs_depend_run(d, err);
    if (rc == 0)
        rc = hs_depend_encode(d, &e, err);
    if (rc == 0 && hs_write_encoded(w, &e) < 0)
        rc = hs_fail(err, "%s", hs_writer_error(w));
    if (rc == 0)
        rc = hs_writer_close(w, err);
    else
        hs_writer_abort(w);
    hs_encoded_free(&e);
    return rc;
}

static int
dependence(struct look *k, const struct hs_rpe_out *to, struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;
    struct hs_depend_options options;
    struct hs_depend_input in = {.model = k->model,
                                 .team = k->team,
                                 .rankings = &k->rankings,
                                 .rankings_name = o->dependence,
                                 .rpe = &k->rpe,
                                 .rpe_name = o->rpe,
                                 .acts_name = hs_input_name("-")};
    struct hs_reader *acts = hs_input_open("-", err);
    struct hs_depend d = {0};
    int rc;

    if (acts == NULL)
        return -1;
    in.acts = acts;
    fill_options(o, &options);
    rc = hs_depend_open(&d, &options, &in, err);
    if (rc == 0)
        rc = write_dependence(&d, to, err);
    hs_depend_close(&d);
    hs_depend_options_free(&options);
    hs_reader_close(acts);
    return rc;
}

static int
open_dependence(struct look *k, struct hs_error *err)
{
    const char *path = k->o->dependence;
    struct hs_reader *r = hs_input_open(path, err);
    int rc;

    if (r == NULL)
        return -1;
    rc = hs_rankings_read(&k->rankings, r, hs_input_name(path), err);
    hs_reader_close(r);
    if (rc < 0 || find_model(k, err) < 0)
        return -1;
    return k->model != NULL ? 0
                            : hs_fail(err,
                                      "the default model is not that of "
                                      "the streams: --model is wanted");
}

static int
look(struct look *k, const struct hs_rpe_out *to, struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;

    if (o->rpe != NULL && hs_rpe_load(&k->rpe, o->rpe, err) < 0)
        return -1;
    k->team = hs_team_new((size_t)o->rank.threads, err);
    if (k->team == NULL)
        return -1;
    if (o->task == HS_RPE_DO_TRACE)
        return trace(k, to, err);
    return open_dependence(k, err) < 0 ? -1 : dependence(k, to, err);
}

int
hs_rpe_look(const struct hs_rpe_options *o, const struct hs_rpe_out *to,
            struct hs_error *err)
{
    struct look k = {.o = o};
    int rc = look(&k, to, err);

    hs_model_free(k.model);
    hs_rpe_free(&k.rpe);
    hs_probes_free(&k.probes);
    hs_rankings_free(&k.rankings);
    hs_team_free(k.team);
    return rc;
}
