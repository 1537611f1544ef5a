/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scorerload.c - the probes of scorers, see scorer.h.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "search/scorer.h"
#include "stream/input.h"

/* The digest of a file's records, all of which are read. */
static int
read_digest(struct hs_scorer *s, struct hs_error *err)
{
    struct hs_reader *r;
    struct hs_record rec = {0};
    int rc;

    if (strcmp(s->file, "-") == 0)
        return hs_fail(err, "%s: standard input has the problems", s->name);
    r = hs_input_open(s->file, err);
    if (r == NULL)
        return -1;
    do
        rc = hs_read(r, &rec);
    while (rc > 0);
    if (rc < 0)
        hs_fail(err, "%s", hs_reader_error(r));
    else
        hs_digest_text(hs_reader_counts(r)->digest, s->digest);
    hs_record_free(&rec);
    hs_reader_close(r);
    return rc;
}

/* ---- values ---- */

/* ntp is no value: it has to be asked for. */
static bool
is_asked(const struct hs_probe *p, const struct hs_scorer_choice *c)
{
    if (c->layer >= 0 && p->layer != c->layer)
        return false;
    return c->one_target ? p->o.loss.target == c->target
                         : p->o.loss.target != HS_TARGET_NTP;
}

/* Says which probes there are. */
static int
fail_choice(const struct hs_scorer *s, const struct hs_scorer_choice *c,
            const char *why, struct hs_error *err)
{
    struct hs_buf b = {0};

    for (size_t i = 0; i < s->probes.n_found; i++) {
        const struct hs_probe *p = &s->probes.found[i].probe;
        bool same =
            i > 0 && p[0].layer == s->probes.found[i - 1].probe.layer &&
            p->o.loss.target == s->probes.found[i - 1].probe.o.loss.target;

        if (!same && (is_asked(p, c) || why[0] == 'n') && b.len < 200)
            hs_buf_printf(&b, "%slayer %" PRIu32 " %s", b.len > 0 ? ", " : "",
                          p->layer, hs_target_name(p->o.loss.target));
    }
    hs_fail(err, "%s: %s (%s); --layer and --target choose", s->file, why,
            b.len > 0 ? hs_buf_cstr(&b) : "none");
    hs_buf_free(&b);
    return -1;
}

static int
load_value(struct hs_scorer *s, const struct hs_scorer_choice *c,
           struct hs_error *err)
{
    const struct hs_probe *one = NULL;

    if (hs_probes_load(&s->probes, s->file, err) < 0)
        return -1;
    s->used = hs_calloc(s->probes.n_found, sizeof *s->used);
    for (size_t i = 0; i < s->probes.n_found; i++) {
        const struct hs_probe *p = &s->probes.found[i].probe;

        if (!is_asked(p, c))
            continue;
        if (one == NULL)
            one = p;
        if (p->layer != one->layer || p->o.loss.target != one->o.loss.target ||
            p->d != one->d)
            return fail_choice(s, c, "several probes", err);
        s->used[s->n_askers++] = i;
    }
    if (one == NULL)
        return fail_choice(s, c, "no such probe", err);
    s->layer = one->layer;
    s->target = one->o.loss.target;
    return 0;
}

/* ---- dopamine ---- */

static int
fail_layers(const struct hs_scorer *s, const char *why, struct hs_error *err)
{
    struct hs_buf b = {0};

    for (size_t i = 0; i < s->rpe.n_probes; i++)
        if (i == 0 ||
            s->rpe.probes[i].probe.layer != s->rpe.probes[i - 1].probe.layer)
            hs_buf_printf(&b, "%s%" PRIu32, i > 0 ? ", " : "",
                          s->rpe.probes[i].probe.layer);
    hs_fail(err, "%s: %s (layers: %s); --layer chooses", s->file, why,
            b.len > 0 ? hs_buf_cstr(&b) : "none");
    hs_buf_free(&b);
    return -1;
}

/* Whether two probes see the same rows: seeds of one fit do. */
static bool
sees_the_same(const struct hs_rpe_probe *a, const struct hs_rpe_probe *b)
{
    size_t bytes = a->d * sizeof *a->mean;

    if (a->layer != b->layer || a->d != b->d || a->znorm != b->znorm ||
        (a->mean == NULL) != (b->mean == NULL))
        return false;
    return a->mean == NULL || (memcmp(a->mean, b->mean, bytes) == 0 &&
                               memcmp(a->scale, b->scale, bytes) == 0);
}

static int
load_dopamine(struct hs_scorer *s, const struct hs_scorer_choice *c,
              struct hs_error *err)
{
    if (hs_rpe_load(&s->rpe, s->file, err) < 0)
        return -1;
    s->used = hs_calloc(s->rpe.n_probes, sizeof *s->used);
    for (size_t i = 0; i < s->rpe.n_probes; i++) {
        const struct hs_rpe_probe *p = &s->rpe.probes[i].probe;

        if (c->layer >= 0 && p->layer != c->layer)
            continue;
        if (s->dopamine == NULL)
            s->dopamine = p;
        if (!sees_the_same(p, s->dopamine))
            return fail_layers(s, "several dopamine probes", err);
        s->used[s->n_askers++] = i;
    }
    if (s->dopamine == NULL)
        return fail_layers(s, "no such dopamine probe", err);
    if (s->dopamine->znorm == HS_ZNORM_RESPONSE)
        return hs_fail(err,
                       "%s: z-scores over the whole response look ahead and "
                       "cannot guide a search; rpe-scan --znorm=train or "
                       "causal makes a probe that can",
                       s->file);
    s->layer = s->dopamine->layer;
    return 0;
}

int
hs_scorers_load(struct hs_scorers *s, const struct hs_scorer_choice *choice,
                struct hs_error *err)
{
    for (size_t i = 0; i < s->n; i++) {
        struct hs_scorer *c = &s->v[i];

        if (c->file != NULL && read_digest(c, err) < 0)
            return -1;
        if (c->kind == HS_SCORER_VALUE && load_value(c, choice, err) < 0)
            return -1;
        if (c->kind == HS_SCORER_DOPAMINE && load_dopamine(c, choice, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- with a model ---- */

static int
check_model(const struct hs_scorer *s, const struct hs_head *head, size_t dim,
            const struct hs_model *m, struct hs_error *err)
{
    if (strcmp(head->fingerprint, m->fingerprint) != 0)
        return hs_fail(err,
                       "%s: a probe of another model (fingerprint %s, not "
                       "%s)",
                       s->file, head->fingerprint, m->fingerprint);
    if (dim != m->cfg.dim)
        return hs_fail(err, "%s: a probe of states of %zu numbers, not %zu",
                       s->file, dim, m->cfg.dim);
    return 0;
}

int
hs_scorers_open(struct hs_scorers *s, const struct hs_model *m,
                struct hs_error *err)
{
    for (size_t i = 0; i < s->n; i++) {
        struct hs_scorer *c = &s->v[i];

        if (c->kind == HS_SCORER_VALUE) {
            c->askers = hs_calloc(c->n_askers, sizeof(struct hs_asker *));
            for (size_t k = 0; k < c->n_askers; k++) {
                const struct hs_probe *p = &c->probes.found[c->used[k]].probe;

                if (check_model(c, &c->probes.head, p->dim, m, err) < 0)
                    return -1;
                c->askers[k] = hs_asker_new(p, NULL);
            }
        }
        if (c->kind == HS_SCORER_DOPAMINE) {
            if (check_model(c, &c->rpe.head, c->dopamine->d, m, err) < 0)
                return -1;
            c->rpe_askers =
                hs_calloc(c->n_askers, sizeof(struct hs_rpe_asker *));
            for (size_t k = 0; k < c->n_askers; k++)
                c->rpe_askers[k] =
                    hs_rpe_asker_new(&c->rpe.probes[c->used[k]].probe, NULL);
        }
    }
    return 0;
}
