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
#include "rpe/rperun.h"
#include "rpe/trace.h"
#include "stream/input.h"

/* What either looks at. */
struct look {
    const struct hs_rpe_options *o;
    struct hs_model *model; /* NULL: none */
    struct hs_rpe rpe;
    struct hs_probes probes;
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

/* The model of --model; else the default one if it is that of the streams, for
 * the text of tokens. */
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
    if (given == NULL && k->model != NULL &&
        (want == NULL || strcmp(k->model->fingerprint, want) != 0)) {
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
    t.layers = &o->rank.layers;
    t.coordinates = o->coords_given ? &o->coords : NULL;
    t.rpe = o->rpe != NULL ? &k->rpe : NULL;
    t.probes = o->probe != NULL ? &k->probes : NULL;
    t.tok = k->model != NULL ? k->model->tok : NULL;
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

static int
look(struct look *k, const struct hs_rpe_out *to, struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;

    if (o->rpe != NULL && hs_rpe_load(&k->rpe, o->rpe, err) < 0)
        return -1;
    k->team = hs_team_new((size_t)o->rank.threads, err);
    if (k->team == NULL)
        return -1;
    return trace(k, to, err);
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
    hs_team_free(k.team);
    return rc;
}
