/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trace.c - see trace.h.
 */
#include <config.h>

#include "rpe/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/reread.h"
#include "rpe/tracework.h"
#include "stream/input.h"
#include "task/rollouts.h"

void
hs_trace_options_init(struct hs_trace_options *o)
{
    static const struct hs_list all = {.all = true};

    *o = (struct hs_trace_options){.layers = &all,
                                   .n_coordinates = 8,
                                   .znorm = HS_ZNORM_RESPONSE,
                                   .window = 7,
                                   .gamma = 1};
}

/* ---- one trajectory ---- */

void
hs_trace_begin(struct hs_tracing *a, const struct hs_trajectory *t)
{
    size_t first = t->n_prompt > 0 ? t->n_prompt - 1 : 0;

    a->n = 0;
    for (a->skip = 0; a->skip < t->n_states && t->positions[a->skip] < first;)
        a->skip++;
    a->t = hs_grow(a->t, &a->cap, t->n_states, sizeof *a->t);
    for (size_t i = a->skip; i < t->n_states; i++)
        a->t[a->n++] = t->positions[i] - (uint32_t)first;
    for (size_t i = 0; i < a->n_layers; i++)
        a->layers[i].n = 0;
}

bool
hs_trace_states_add(struct hs_tracing *a, const struct hs_states *s)
{
    size_t skip = s->first < a->skip ? a->skip - s->first : 0, n;
    struct hs_trace_layer *l = NULL;
    float *x;

    for (size_t i = 0; i < a->n_layers; i++)
        if (a->layers[i].layer == s->layer)
            l = &a->layers[i];
    if (l == NULL || skip >= s->n_rows)
        return false;
    n = s->n_rows - skip;
    x = hs_calloc(hs_mul(s->n_rows, a->dim), sizeof *x);
    hs_states_decode(s, x);
    l->x = hs_grow(l->x, &l->cap, hs_mul(l->n + n, a->dim), sizeof *l->x);
    memcpy(l->x + l->n * a->dim, x + skip * a->dim, n * a->dim * sizeof *x);
    l->n += n;
    free(x);
    for (size_t i = 0; i < a->n_layers; i++)
        if (a->layers[i].n < a->n)
            return false;
    return true;
}

bool
hs_trace_values(const struct hs_trace_layer *l, double *v)
{
    double *one = hs_calloc(l->n, sizeof *one);

    for (size_t i = 0; i < l->n; i++)
        v[i] = 0;
    for (size_t k = 0; k < l->n_askers; k++) {
        hs_ask_rows(l->askers[k], l->x, l->n, one);
        for (size_t i = 0; i < l->n; i++)
            v[i] += one[i] / (double)l->n_askers;
    }
    free(one);
    return l->n_askers > 0;
}

int
hs_trace_v0(const struct hs_tracing *a, const struct hs_trajectory *t,
            double *v0, const char **from)
{
    struct hs_rollouts r = {0};
    int rc;

    *v0 = NAN;
    *from = NULL;
    for (size_t i = 0; i < a->n_layers; i++) {
        struct hs_trace_layer first = a->layers[i];

        if (first.n_askers == 0)
            continue;
        if (first.n > 0 && a->t[0] == 0) {
            first.n = 1;
            (void)hs_trace_values(&first, v0);
            *from = "probe";
        }
        return 0;
    }
    if (t->rollouts == NULL)
        return 0;
    rc = hs_trace_rollouts(t, &r, a->err);
    if (rc == 0 && r.n > 1 && r.k[0] > 0) {
        *v0 = r.value[0];
        *from = "rollouts";
    }
    hs_rollouts_free(&r);
    return rc;
}

int
hs_trace_rollouts(const struct hs_trajectory *t, struct hs_rollouts *r,
                  struct hs_error *err)
{
    const json_t *at = json_object_get(t->rollouts, "at");
    json_int_t end = 0;

    /* They end with the answer; whether an EOS counts is theirs to say. */
    if (json_array_size(at) > 0)
        end = json_integer_value(json_array_get(at, json_array_size(at) - 1));
    if (end < 0 || (uint64_t)end > t->n_tokens - t->n_prompt)
        return hs_fail(err, "trajectory '%s': rollouts: at: beyond its end",
                       t->id);
    if (hs_rollouts_read(r, t->rollouts, (uint64_t)end, t->reward, err) < 0)
        return hs_fail_prefix(err, "trajectory '%s'", t->id);
    return 0;
}

/* ---- preparing ---- */

/* Of a layer: the coordinates of the list, else of the stream of rpe. */
static int
choose_coordinates(struct hs_tracing *a, struct hs_trace_layer *l)
{
    const struct hs_trace_options *o = a->o;
    const struct hs_rpe_coordinates *c =
        o->rpe ? hs_rpe_coordinates(o->rpe, l->layer) : NULL;
    uint32_t *order;
    size_t found = 0;

    if (o->coordinates != NULL) {
        l->m = o->coordinates->n;
        l->coordinates = hs_calloc(l->m, sizeof *l->coordinates);
        memcpy(l->coordinates, o->coordinates->v,
               l->m * sizeof *l->coordinates);
    } else if (c != NULL) {
        order = hs_calloc(c->d, sizeof *order);
        hs_rpe_order(c, order);
        for (size_t j = 0; j < c->d; j++)
            found += c->found[j];
        l->m = found > 0 && found < o->n_coordinates ? found : o->n_coordinates;
        l->m = l->m < c->d ? l->m : c->d;
        l->coordinates = order;
    } else if (o->rpe != NULL) {
        return hs_fail(a->err, "--rpe has no coordinates of layer %" PRIu32,
                       l->layer);
    }
    l->sign = hs_calloc(l->m, sizeof *l->sign);
    for (size_t i = 0; i < l->m; i++) {
        if (l->coordinates[i] >= a->dim)
            return hs_fail(a->err, "there is no coordinate %" PRIu32 " of %zu",
                           l->coordinates[i], a->dim);
        l->sign[i] = c ? hs_rpe_sign(c, l->coordinates[i]) : 0;
    }
    return 0;
}

static int
choose_probes(struct hs_tracing *a, struct hs_trace_layer *l)
{
    const struct hs_probes *p = a->o->probes;

    for (size_t i = 0; p != NULL && i < p->n_found; i++) {
        const struct hs_probe *q = &p->found[i].probe;

        if (q->dim != a->dim)
            return hs_fail(a->err, "states of %zu numbers, the probe wants %zu",
                           a->dim, q->dim);
        if (q->o.loss.target != p->found[0].probe.o.loss.target)
            return hs_fail(a->err, "probes of several targets: whose V?");
        if (q->layer != l->layer)
            continue;
        l->askers =
            hs_realloc(l->askers, (l->n_askers + 1) * sizeof *l->askers);
        l->askers[l->n_askers++] = hs_asker_new(q, a->team);
    }
    return 0;
}

static void
make_room(struct hs_trace_layer *l)
{
    double **sums[] = {&l->sum, &l->squares, &l->shift, &l->largest};

    l->mean = hs_calloc(l->m, sizeof *l->mean);
    l->scale = hs_calloc(l->m, sizeof *l->scale);
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        *sums[i] = hs_calloc(l->m, sizeof(double));
}

static int
same_model(const struct hs_tracing *a, const struct hs_head *head,
           const char *other, const char *what)
{
    if (strcmp(head->fingerprint, other) == 0)
        return 0;
    return hs_fail(a->err,
                   "the states are of another model than %s (fingerprint %s, "
                   "not %s)",
                   what, head->fingerprint, other);
}

static int
choose_tokenizer(struct hs_tracing *a, const struct hs_head *head)
{
    const struct hs_trace_options *o = a->o;

    if (o->tok != NULL && strcmp(head->fingerprint, o->tok_model) == 0)
        a->tok = o->tok;
    else if (o->tok != NULL && o->tok_given)
        return hs_fail(a->err,
                       "the states are of another model than --model "
                       "(fingerprint %s, not %s)",
                       head->fingerprint, o->tok_model);
    return 0;
}

static int
prepare(struct hs_tracing *a, const struct hs_head *head)
{
    const struct hs_trace_options *o = a->o;
    struct hs_list layers;
    int rc = 0;

    if (strcmp(head->kind, "activations") != 0)
        return hs_fail(a->err, "a stream of %s, not of activations",
                       head->kind);
    a->dim = (size_t)head->dim;
    if ((o->probes &&
         same_model(a, head, o->probes->head.fingerprint, "the probes")) ||
        (o->rpe && same_model(a, head, o->rpe->head.fingerprint, "--rpe")) ||
        choose_tokenizer(a, head) < 0 ||
        hs_layers_choose(head, o->layers, &layers, a->err) < 0)
        return -1;
    a->n_layers = layers.n;
    a->layers = hs_calloc(layers.n, sizeof *a->layers);
    for (size_t i = 0; i < layers.n && rc == 0; i++) {
        struct hs_trace_layer *l = &a->layers[i];

        l->layer = layers.v[i];
        rc = choose_coordinates(a, l);
        if (rc == 0)
            rc = choose_probes(a, l);
        if (rc == 0 && o->znorm == HS_ZNORM_TRAIN)
            make_room(l);
    }
    hs_list_free(&layers);
    return rc;
}

static void
make_wishes(struct hs_tracing *a)
{
    size_t n = 0;

    while (a->o->ids[n] != NULL)
        n++;
    a->wishes = hs_calloc(n, sizeof *a->wishes);
    for (size_t i = 0; i < n; i++) {
        const char *id = a->o->ids[i];

        if (strcmp(id, "pleasant") == 0 || strcmp(id, "unpleasant") == 0)
            a->wishes[a->n_wishes++].word = id;
        else
            a->wishes[a->n_wishes++].id = hs_strdup(id);
    }
}

static bool
needs_two_passes(const struct hs_tracing *a)
{
    for (size_t i = 0; i < a->n_wishes; i++)
        if (a->wishes[i].word != NULL)
            return true;
    return a->o->znorm == HS_ZNORM_TRAIN;
}

/* ---- the stream ---- */

static struct hs_trace_wish *
find_wish(struct hs_tracing *a, const char *id)
{
    struct hs_trace_wish *found = NULL;

    for (size_t i = 0; i < a->n_wishes; i++)
        if (strcmp(a->wishes[i].id, id) == 0) {
            a->wishes[i].seen = true;
            if (found == NULL || a->wishes[i].word != NULL)
                found = &a->wishes[i];
        }
    return found;
}

/* A trajectory with its states, which come behind it. */
static int
trace_one(struct hs_tracing *a, const struct hs_trajectory *t,
          const struct hs_trace_wish *wish, struct hs_writer *w)
{
    struct hs_encoded e = {0};
    int rc = hs_trace_encode(a, t, wish, &e);

    if (rc == 0 && hs_write_encoded(w, &e) < 0)
        rc = hs_fail(a->err, "%s", hs_writer_error(w));
    hs_encoded_free(&e);
    return rc;
}

/* Trajectories are written when the last of their states has come. */
static int
write_traces(struct hs_tracing *a, struct hs_reader *r, struct hs_writer *w)
{
    const struct hs_trace_wish *wish = NULL;
    struct hs_record rec = {0};
    int rc = 0, more = 1;

    while (rc == 0 && (more = hs_read(r, &rec)) > 0) {
        if (rec.type == HS_REC_TRAJECTORY) {
            wish = find_wish(a, rec.traj.id);
            hs_trace_begin(a, &rec.traj);
            if (wish != NULL && a->n == 0)
                rc = hs_fail(a->err,
                             "%s: trajectory '%s' has no states from "
                             "s_0 on",
                             a->name, rec.traj.id);
        } else if (rec.type == HS_REC_STATES && wish != NULL &&
                   hs_trace_states_add(a, &rec.states)) {
            rc = trace_one(a, &rec.traj, wish, w);
        }
    }
    if (rc == 0 && more < 0)
        rc = hs_fail(a->err, "%s", hs_reader_error(r));
    hs_record_free(&rec);
    for (size_t i = 0; i < a->n_wishes && rc == 0; i++)
        if (!a->wishes[i].seen)
            rc = hs_fail(a->err, "--trace: %s has no trajectory '%s'", a->name,
                         a->wishes[i].id);
    return rc;
}

static json_t *
settings(const struct hs_tracing *a)
{
    const struct hs_trace_options *o = a->o;
    json_t *ids = json_array();

    for (size_t i = 0; o->ids[i] != NULL; i++)
        json_array_append_new(ids, json_string(o->ids[i]));
    return json_pack("{s:o, s:s, s:I, s:f, s:b, s:b}", "ids", ids, "znorm",
                     hs_znorm_name(o->znorm), "window", (json_int_t)o->window,
                     "gamma", o->gamma, "rpe", o->rpe != NULL, "probe",
                     o->probes != NULL);
}

static void
make_head(const struct hs_tracing *a, const struct hs_head *from, int argc,
          char *const *argv, struct hs_head *out)
{
    json_t *run = json_object();

    hs_head_copy(out, from);
    hs_head_set(&out->kind, "rpe");
    out->dtype = HS_F32;
    hs_list_free(&out->layers);
    out->layers = (struct hs_list){.n = a->n_layers};
    out->layers.v = hs_calloc(a->n_layers, sizeof *out->layers.v);
    for (size_t i = 0; i < a->n_layers; i++)
        out->layers.v[i] = a->layers[i].layer;
    json_object_set_new(run, "input", out->run);
    json_object_set_new(run, "trace", settings(a));
    out->run = run;
    if (argv != NULL)
        hs_head_add_history(out, argc, argv);
    else
        hs_head_drop_history(out);
}

static void
select_layers(const struct hs_tracing *a, struct hs_reader *r)
{
    struct hs_list list = {.n = a->n_layers};

    list.v = hs_calloc(list.n, sizeof *list.v);
    for (size_t i = 0; i < list.n; i++)
        list.v[i] = a->layers[i].layer;
    hs_reader_select(r, &list);
    hs_list_free(&list);
}

/* A reader of its own descriptor: readers close theirs. */
static struct hs_reader *
open_reader(const struct hs_tracing *a, int fd)
{
    int own = dup(fd);

    if (own < 0) {
        hs_fail(a->err, "%s: %s", a->name, strerror(errno));
        return NULL;
    }
    return hs_reader_open(own, a->name);
}

/* Reads all of the stream before it is traced, then begins anew: *r is another
 * reader. */
static int
first_pass(struct hs_tracing *a, struct hs_reread *in, struct hs_reader **r)
{
    int rc;

    select_layers(a, *r);
    rc = hs_trace_pick(a, *r);
    hs_reader_close(*r);
    *r = NULL;
    if (rc < 0 || hs_reread_rewind(in, a->name, a->err) < 0)
        return -1;
    *r = open_reader(a, in->fd);
    return *r ? 0 : -1;
}

static int
last_pass(struct hs_tracing *a, struct hs_reader *r, const struct hs_head *head,
          int to, const char *to_name, int level)
{
    struct hs_writer *w = hs_writer_open(to, to_name, head, level, a->err);

    if (w == NULL)
        return -1;
    select_layers(a, r);
    if (write_traces(a, r, w) == 0)
        return hs_writer_close(w, a->err);
    hs_writer_abort(w);
    return -1;
}

static void
clean_up(struct hs_tracing *a)
{
    for (size_t i = 0; i < a->n_layers; i++) {
        struct hs_trace_layer *l = &a->layers[i];
        void *owned[] = {l->coordinates, l->sign, l->askers,  l->mean,
                         l->scale,       l->sum,  l->squares, l->shift,
                         l->largest,     l->x};

        for (size_t k = 0; k < l->n_askers; k++)
            hs_asker_free(l->askers[k]);
        for (size_t k = 0; k < sizeof owned / sizeof owned[0]; k++)
            free(owned[k]);
    }
    for (size_t i = 0; i < a->n_wishes; i++)
        free(a->wishes[i].id);
    free(a->layers);
    free(a->wishes);
    free(a->t);
}

int
hs_rpe_trace(int fd, const char *name, const struct hs_trace_options *o, int to,
             const char *to_name, int level, int argc, char *const *argv,
             struct hs_team *team, struct hs_error *err)
{
    struct hs_tracing a = {.o = o, .name = name, .team = team, .err = err};
    struct hs_reread in = {.fd = fd};
    const struct hs_head *read;
    struct hs_head head = {0};
    struct hs_reader *r;
    bool twice;
    int rc = 0;

    make_wishes(&a);
    twice = needs_two_passes(&a);
    if (twice)
        rc = hs_reread_open(&in, fd, name, err);
    r = rc == 0 ? open_reader(&a, in.fd) : NULL;
    read = r ? hs_reader_head(r) : NULL;
    if (read == NULL)
        rc = r ? hs_fail(err, "%s", hs_reader_error(r)) : -1;
    else if (prepare(&a, read) < 0)
        rc = hs_fail_prefix(err, "%s", name);
    if (rc == 0)
        make_head(&a, read, argc, argv, &head);
    if (rc == 0 && twice)
        rc = first_pass(&a, &in, &r);
    if (rc == 0)
        rc = last_pass(&a, r, &head, to, to_name, level);
    hs_reader_close(r);
    if (twice)
        hs_reread_close(&in);
    hs_head_free(&head);
    clean_up(&a);
    return rc;
}
