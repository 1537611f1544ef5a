/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probevalue.c - see probevalue.h.
 */
#include <config.h>

#include "rpe/probevalue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The one target of the layer's probes. */
static int
choose_target(struct hs_probe_value *v, const struct hs_probes *probes,
              struct hs_error *err)
{
    bool any = false;

    for (size_t i = 0; i < probes->n_found; i++) {
        const struct hs_probe *p = &probes->found[i].probe;
        enum hs_target t = p->o.loss.target;

        if (p->layer != v->layer || t == HS_TARGET_NTP)
            continue;
        if (any && t != v->target)
            return hs_fail(err,
                           "layer %" PRIu32
                           " has probes of several targets, "
                           "%s and %s: --probe-target chooses",
                           v->layer, hs_target_name(v->target),
                           hs_target_name(t));
        v->target = t;
        any = true;
    }
    return any ? 0
               : hs_fail(err,
                         "no value probe of layer %" PRIu32
                         " (--probe-layer takes another one's)",
                         v->layer);
}

static int
check_model(const struct hs_probe_value *v, const struct hs_probes *probes,
            struct hs_error *err)
{
    const struct hs_trajset *s = v->s;

    if (strcmp(probes->head.fingerprint, s->head.fingerprint) != 0)
        return hs_fail(err,
                       "the states are of another model than the probes "
                       "(fingerprint %s, not %s)",
                       s->head.fingerprint, probes->head.fingerprint);
    for (size_t i = 0; i < s->n_layers; i++)
        if (s->layers[i] == v->layer)
            return 0;
    return hs_fail(err, "layer %" PRIu32 " is not in the stream", v->layer);
}

int
hs_probe_value_open(struct hs_probe_value *v, const struct hs_probes *probes,
                    const struct hs_trajset *s, uint32_t layer,
                    const enum hs_target *target, struct hs_team *team,
                    struct hs_error *err)
{
    *v = (struct hs_probe_value){.layer = layer, .s = s};
    if (target != NULL)
        v->target = *target;
    if (check_model(v, probes, err) < 0 ||
        (target == NULL && choose_target(v, probes, err) < 0))
        return -1;
    while (s->layers[v->l] != layer)
        v->l++;
    v->askers = hs_calloc(probes->n_found, sizeof *v->askers);
    for (size_t i = 0; i < probes->n_found; i++) {
        const struct hs_probe *p = &probes->found[i].probe;

        if (p->layer != layer || p->o.loss.target != v->target)
            continue;
        if (p->dim != s->dim)
            return hs_fail(err, "states of %zu numbers, the probe wants %zu",
                           s->dim, p->dim);
        v->askers[v->n++] = hs_asker_new(p, team);
    }
    return v->n > 0 ? 0
                    : hs_fail(err, "no probe of layer %" PRIu32 " and %s",
                              layer, hs_target_name(v->target));
}

void
hs_probe_value_free(struct hs_probe_value *v)
{
    for (size_t i = 0; i < v->n; i++)
        hs_asker_free(v->askers[i]);
    free(v->askers);
    *v = (struct hs_probe_value){0};
}

void
hs_probe_value_ask(const struct hs_probe_value *v, const struct hs_which *w,
                   size_t n, double *out)
{
    double *one = hs_calloc(n, sizeof *one);

    memset(out, 0, n * sizeof *out);
    for (size_t i = 0; i < v->n; i++) {
        hs_ask(v->askers[i], v->s, v->l, w, n, NULL, one);
        for (size_t k = 0; k < n; k++)
            out[k] += one[k] / (double)v->n;
    }
    free(one);
}
