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

/* The model of --model, or, where it is needed, the default one. */
static int
open_model(struct look *k, bool needed, struct hs_error *err)
{
    char *dir;

    if (k->o->model == NULL && !needed)
        return 0;
    dir = k->o->model != NULL ? hs_strdup(k->o->model)
                              : hs_model_default_dir(err);
    if (dir == NULL)
        return -1;
    k->model = hs_model_open(dir, err);
    free(dir);
    return k->model != NULL ? 0 : -1;
}

static int
trace(struct look *k, const struct hs_rpe_out *to, struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;
    struct hs_trace_options t;

    if (o->probe != NULL && hs_probes_load(&k->probes, o->probe, err) < 0)
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
    if (k->team == NULL || open_model(k, false, err) < 0)
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
