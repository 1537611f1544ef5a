/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probevalue.h - V by the value probes of a layer, the mean over their seeds.
 */
#ifndef HS_PROBEVALUE_H
#define HS_PROBEVALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/team.h"
#include "probe/proberec.h"

struct hs_probe_value {
    struct hs_asker **askers; /* (n), owned */
    size_t n;                 /* seeds */
    uint32_t layer;
    size_t l; /* index of that layer in the set */
    enum hs_target target;
    const struct hs_trajset *s;
};

/* The probes of a layer; target, or, if NULL, the one that there is beside ntp,
 * which says nothing of V.  probes, s and team are borrowed.  Returns 0, or -1:
 * no such probes, several targets, another model, a layer that the set does not
 * have; *v can be freed either way. */
HS_MUST_CHECK int
hs_probe_value_open(struct hs_probe_value *v, const struct hs_probes *probes,
                    const struct hs_trajset *s, uint32_t layer,
                    const enum hs_target *target, struct hs_team *team,
                    struct hs_error *err);
void hs_probe_value_free(struct hs_probe_value *v);

/* V of n states: out (n). */
void hs_probe_value_ask(const struct hs_probe_value *v,
                        const struct hs_which *w, size_t n, double *out);

#endif
