/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armfiles.c - see armfiles.h.
 */
#include <config.h>

#include "ablate/armfiles.h"

#include <inttypes.h>
#include <string.h>

#include "stream/input.h"

static const char *
source_name(const struct hs_rank_source *s)
{
    return s->name != NULL ? s->name : "the ranking";
}

/* Whether a ranking may be the one: of the target that was asked for, else of
 * any but ntp, which is a control beside others and not a value. */
static bool
counts(const struct hs_rank_source *s, const struct hs_ranking *r)
{
    if (s->one_target)
        return r->target == s->target;
    for (size_t i = 0; r->target == HS_TARGET_NTP && i < s->all->n; i++)
        if (s->all->v[i].target != HS_TARGET_NTP)
            return false;
    return true;
}

int
hs_rank_source_check(const struct hs_rank_source *s, const struct hs_model *m,
                     struct hs_error *err)
{
    const struct hs_head *h = &s->all->head;
    const char *name = source_name(s);
    const struct hs_ranking *first = NULL;

    if (h->dim != m->cfg.dim || (h->fingerprint[0] != '\0' &&
                                 strcmp(h->fingerprint, m->fingerprint) != 0))
        return hs_fail(err,
                       "%s: rankings of another model: fingerprint '%s', width "
                       "%" PRIu64 "; the model has '%s', %zu",
                       name, h->fingerprint, h->dim, m->fingerprint,
                       m->cfg.dim);
    for (size_t i = 0; i < s->all->n; i++) {
        const struct hs_ranking *r = &s->all->v[i];

        if (r->d != m->cfg.dim)
            return hs_fail(err, "%s: a ranking of %zu coordinates of %zu", name,
                           r->d, m->cfg.dim);
        if (!counts(s, r))
            continue;
        if (first == NULL)
            first = r;
        if (r->target != first->target)
            return hs_fail(
                err, "%s: rankings of target %s and of %s; choose one", name,
                hs_target_name(first->target), hs_target_name(r->target));
    }
    return 0;
}

int
hs_rank_source_find(const struct hs_rank_source *s, uint32_t layer,
                    const struct hs_ranking **out, struct hs_error *err)
{
    const struct hs_ranking *found = NULL;

    for (size_t i = 0; i < s->all->n; i++) {
        const struct hs_ranking *r = &s->all->v[i];

        if (r->layer != layer || !counts(s, r))
            continue;
        if (found != NULL)
            return hs_fail(err,
                           "%s: two rankings of layer %" PRIu32 ", target %s",
                           source_name(s), layer, hs_target_name(r->target));
        found = r;
    }
    if (found == NULL)
        return hs_fail(err, "%s: no ranking of layer %" PRIu32 "%s%s",
                       source_name(s), layer, s->one_target ? ", target " : "",
                       s->one_target ? hs_target_name(s->target) : "");
    *out = found;
    return 0;
}

/* ---- files ---- */

static struct hs_rank_source
source_of(const struct hs_arm_file *f)
{
    return (struct hs_rank_source){.all = &f->ranks,
                                   .name = f->path,
                                   .one_target = true,
                                   .target = f->target};
}

static int
read_rankings(struct hs_arm_file *f, const struct hs_model *m,
              const struct hs_list *layers, struct hs_error *err)
{
    struct hs_reader *r = hs_input_open(f->path, err);
    const struct hs_rank_source source = source_of(f);
    const struct hs_ranking *rank;
    int rc;

    if (r == NULL)
        return -1;
    rc = hs_rankings_read(&f->ranks, r, f->path, err);
    hs_reader_close(r);
    if (rc == 0)
        rc = hs_rank_source_check(&source, m, err);
    for (size_t i = 0; i < layers->n && rc == 0; i++)
        rc = hs_rank_source_find(&source, layers->v[i], &rank, err);
    return rc;
}

int
hs_arm_file_read(struct hs_arm_file *f, const struct hs_arm_spec *spec,
                 const struct hs_model *m, const struct hs_list *layers,
                 struct hs_error *err)
{
    *f = (struct hs_arm_file){.path = spec->path};
    if (spec->kind == HS_ARM_FILE)
        return hs_arm_list_read(&f->list, spec->path, m->cfg.dim, err);
    if (spec->kind != HS_ARM_NTP && spec->kind != HS_ARM_TERMINAL)
        return 0;
    f->target = spec->kind == HS_ARM_NTP ? HS_TARGET_NTP : HS_TARGET_TERMINAL;
    return read_rankings(f, m, layers, err);
}

void
hs_arm_file_free(struct hs_arm_file *f)
{
    hs_arm_list_free(&f->list);
    hs_rankings_free(&f->ranks);
    *f = (struct hs_arm_file){0};
}

const struct hs_ranking *
hs_arm_file_ranking(const struct hs_arm_file *f, uint32_t layer)
{
    const struct hs_rank_source source = source_of(f);
    const struct hs_ranking *rank = NULL;

    if (f->ranks.n == 0 || hs_rank_source_find(&source, layer, &rank, NULL) < 0)
        return NULL;
    return rank;
}
