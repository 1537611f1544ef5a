/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * synthroll.c - see synthroll.h.
 */
#include <config.h>

#include "probe/synthroll.h"

#include "base/mem.h"
#include "base/rng.h"
#include "probe/synthrng.h"
#include "task/rollouts.h"
#include "task/step.h"

/* Boundaries at every N-th token and at the end, which is one of these or not;
 * as hs_step_split() has them.  No counts yet. */
static void
begin(const struct hs_synth *w, const struct hs_synth_path *p,
      struct hs_rollouts *r)
{
    struct hs_step_rule rule = {.kind = HS_STEP_EVERY,
                                .every = (uint32_t)w->o.step_every,
                                .min_tokens = 1};
    size_t last = (p->length - 1) / rule.every + 1; /* T >= 1 */
    struct hs_buf name = {0};

    hs_step_name(&rule, &name);
    hs_rollouts_init(r, hs_buf_cstr(&name), rule.min_tokens, last + 1);
    for (size_t i = 0; i < last; i++)
        r->at[i] = (uint32_t)i * rule.every;
    r->at[last] = (uint32_t)p->length;
    hs_buf_free(&name);
}

json_t *
hs_synth_rollouts(const struct hs_synth *w, const struct hs_synth_path *p)
{
    struct hs_rollouts r;
    json_t *j;

    begin(w, p, &r);
    for (size_t i = 0; i + 1 < r.n; i++) {
        for (uint32_t k = 0; k < w->o.rollouts; k++) {
            double u =
                hs_rng_uniform(p->sample_key, HS_SYNTH_ROLLOUT, r.at[i], k);

            hs_rollouts_count(&r, i, k, u < p->v[r.at[i]]);
        }
    }
    hs_rollouts_finish(&r, p->reward);
    j = hs_rollouts_json(&r);
    hs_rollouts_free(&r);
    return j;
}
