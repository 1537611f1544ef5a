/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * apply.c - see apply.h.
 */
#include <config.h>

#include "probe/apply.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/object.h"

/* States of one layer that probes look at. */
struct pile {
    uint32_t layer;
    float *x; /* (n, dim) */
    size_t n, cap;
};

struct applying {
    const struct hs_probes *probes;
    struct hs_asker **askers; /* (probes->n_found) */
    struct pile *piles;       /* (n_piles): a layer each */
    size_t n_piles, dim;
    bool without_states, open; /* a trajectory was read */
    uint32_t *t;               /* of its states from s_0 on */
    size_t skip, n, cap;
    struct hs_writer *w;
    struct hs_error *err;
};

static struct pile *
find_pile(struct applying *a, uint32_t layer)
{
    for (size_t i = 0; i < a->n_piles; i++)
        if (a->piles[i].layer == layer)
            return &a->piles[i];
    return NULL;
}

/* Layers, models and widths fit together. */
static int
prepare(struct applying *a, const struct hs_head *head, struct hs_team *team)
{
    const struct hs_probes *p = a->probes;

    if (strcmp(head->kind, "activations") != 0)
        return hs_fail(a->err, "a stream of %s, not of activations",
                       head->kind);
    if (strcmp(head->fingerprint, p->head.fingerprint) != 0)
        return hs_fail(a->err,
                       "the states are of another model than the "
                       "probes (fingerprint %s, not %s)",
                       head->fingerprint, p->head.fingerprint);
    a->dim = (size_t)head->dim;
    a->askers = hs_calloc(p->n_found, sizeof *a->askers);
    a->piles = hs_calloc(p->n_found, sizeof *a->piles);
    for (size_t i = 0; i < p->n_found; i++) {
        const struct hs_probe *q = &p->found[i].probe;

        if (q->dim != head->dim)
            return hs_fail(a->err,
                           "states of %" PRIu64
                           " numbers, the probe "
                           "wants %zu",
                           head->dim, q->dim);
        if (!hs_list_has(&head->layers, q->layer))
            return hs_fail(a->err, "layer %" PRIu32 " is not in the stream",
                           q->layer);
        if (find_pile(a, q->layer) == NULL)
            a->piles[a->n_piles++].layer = q->layer;
        a->askers[i] = hs_asker_new(q, team);
    }
    return 0;
}

static int
put_values(const struct applying *a, const struct hs_trajectory *t, size_t i,
           const struct pile *pile, struct hs_encoded *e)
{
    const struct hs_probe *q = &a->probes->found[i].probe;
    struct hs_object_mark m = hs_object_begin(e, 9);
    double *v = hs_calloc(pile->n, sizeof *v);
    float *f = hs_calloc(pile->n, sizeof *f);

    hs_ask_rows(a->askers[i], pile->x, pile->n, v);
    for (size_t k = 0; k < pile->n; k++)
        f[k] = (float)v[k];
    hs_mp_str(&m.pk, "type", "values");
    hs_mp_str(&m.pk, "id", t->id);
    hs_mp_str(&m.pk, "problem", t->problem);
    hs_mp_key(&m.pk, "reward");
    if (t->reward < 0)
        (void)msgpack_pack_nil(&m.pk);
    else
        (void)msgpack_pack_int(&m.pk, t->reward);
    hs_mp_u64(&m.pk, "layer", q->layer);
    hs_mp_str(&m.pk, "target", hs_target_name(q->o.loss.target));
    hs_mp_u64(&m.pk, "seed", q->o.seed);
    hs_mp_tensor(&m.pk, "t", "u32", a->t, a->n);
    hs_mp_tensor(&m.pk, "v", "f32", f, pile->n);
    free(v);
    free(f);
    return hs_object_end(e, &m, a->err);
}

/* The values of the trajectory whose states were read. */
static int
end_trajectory(struct applying *a, const struct hs_trajectory *t)
{
    struct hs_encoded e = {0};
    int rc = 0;

    if (!a->open)
        return 0;
    a->open = false;
    for (size_t i = 0; rc == 0 && i < a->probes->n_found; i++) {
        struct pile *pile = find_pile(a, a->probes->found[i].probe.layer);

        rc = put_values(a, t, i, pile, &e);
    }
    if (rc == 0 && hs_write_encoded(a->w, &e) < 0)
        rc = hs_fail(a->err, "%s", hs_writer_error(a->w));
    hs_encoded_free(&e);
    for (size_t i = 0; i < a->n_piles; i++)
        a->piles[i].n = 0;
    return rc;
}

static void
begin_trajectory(struct applying *a, const struct hs_trajectory *t)
{
    size_t first = t->n_prompt > 0 ? t->n_prompt - 1 : 0;

    a->open = true;
    a->n = 0;
    for (a->skip = 0; a->skip < t->n_states && t->positions[a->skip] < first;)
        a->skip++;
    a->t = hs_grow(a->t, &a->cap, t->n_states, sizeof *a->t);
    for (size_t i = a->skip; i < t->n_states; i++)
        a->t[a->n++] = t->positions[i] - (uint32_t)first;
}

static void
take_states(struct applying *a, const struct hs_states *s)
{
    struct pile *p = find_pile(a, s->layer);
    size_t skip = s->first < a->skip ? a->skip - s->first : 0;
    float *x;

    if (p == NULL || skip >= s->n_rows)
        return;
    x = hs_calloc(hs_mul(s->n_rows, a->dim), sizeof *x);
    hs_states_decode(s, x);
    p->x = hs_grow(p->x, &p->cap, (p->n + s->n_rows - skip) * a->dim,
                   sizeof *p->x);
    memcpy(p->x + p->n * a->dim, x + skip * a->dim,
           (s->n_rows - skip) * a->dim * sizeof *x);
    p->n += s->n_rows - skip;
    free(x);
}

static int
copy_records(struct applying *a, struct hs_reader *r)
{
    struct hs_record rec = {0};
    struct hs_trajectory t = {0};
    int rc = 0;

    while (rc == 0 && (rc = hs_read(r, &rec)) > 0) {
        rc = 0;
        if (rec.type != HS_REC_STATES) {
            rc = end_trajectory(a, &t);
            hs_trajectory_set(&t.id, rec.traj.id);
            hs_trajectory_set(&t.problem, rec.traj.problem);
            t.reward = rec.traj.reward;
        }
        if (rc == 0 && rec.type == HS_REC_TRAJECTORY)
            begin_trajectory(a, &rec.traj);
        if (rec.type == HS_REC_STATES)
            take_states(a, &rec.states);
        if (rc == 0 && !(rec.type == HS_REC_STATES && a->without_states) &&
            hs_write_raw(a->w, &rec) < 0)
            rc = hs_fail(a->err, "%s", hs_writer_error(a->w));
    }
    if (rc == 0)
        rc = end_trajectory(a, &t);
    if (hs_reader_error(r)[0] != '\0')
        rc = hs_fail(a->err, "%s", hs_reader_error(r));
    hs_trajectory_free(&t);
    hs_record_free(&rec);
    return rc;
}

static void
clean_up(struct applying *a)
{
    for (size_t i = 0; a->askers != NULL && i < a->probes->n_found; i++)
        hs_asker_free(a->askers[i]);
    for (size_t i = 0; i < a->n_piles; i++)
        free(a->piles[i].x);
    free(a->askers);
    free(a->piles);
    free(a->t);
}

int
hs_apply(const struct hs_probes *probes, struct hs_reader *r, const char *name,
         int fd, const char *to, int level, bool without_states, int argc,
         char *const *argv, struct hs_team *team, struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    struct applying a = {
        .probes = probes, .without_states = without_states, .err = err};
    struct hs_head out;
    int rc;

    if (head == NULL)
        return hs_fail(err, "%s", hs_reader_error(r));
    if (prepare(&a, head, team) < 0) {
        clean_up(&a);
        return hs_fail_prefix(err, "%s", name);
    }
    hs_head_copy(&out, head);
    if (without_states)
        out.layers.n = 0;
    if (argv != NULL)
        hs_head_add_history(&out, argc, argv);
    else
        hs_head_drop_history(&out);
    a.w = hs_writer_open(fd, to, &out, level, err);
    rc = a.w == NULL ? -1 : copy_records(&a, r);
    if (rc == 0) {
        struct hs_writer *w = a.w;

        a.w = NULL;
        rc = hs_writer_close(w, err);
    }
    hs_writer_abort(a.w);
    hs_head_free(&out);
    clean_up(&a);
    return rc;
}
