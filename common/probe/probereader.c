/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probereader.c - reading streams of probes, see proberec.h.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "probe/proberec.h"
#include "stream/input.h"
#include "stream/mp.h"

enum {
    MAX_INPUTS = 1 << 20,
    MAX_HIDDEN = 1 << 20
};

/* A tensor of exactly n 4-byte numbers as a copy; nil gives NULL if allowed. */
static int
get_tensor(const msgpack_object *map, const char *key, const char *dtype,
           size_t n, int nil_ok, void *out, struct hs_error *err)
{
    const msgpack_object *o = hs_mp_find(map, key);
    const uint8_t *data;
    size_t m;
    void *copy;

    if (nil_ok && o != NULL && o->type == MSGPACK_OBJECT_NIL)
        return 0;
    if (hs_mp_get_tensor(map, key, dtype, &data, &m, err) < 0)
        return -1;
    if (m != n)
        return hs_fail(err, "%s has %zu numbers, not %zu", key, m, n);
    copy = hs_calloc(n, 4);
    memcpy(copy, data, n * 4);
    memcpy(out, &copy, sizeof copy); /* any pointer to an object */
    return 0;
}

/* What V is computed from must be finite: a ranking, or values, of NaN would
 * look like an answer. */
static int
check_finite(const char *what, const float *x, size_t n, struct hs_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return hs_fail(err, "%s: number %zu is not finite", what, i);
    return 0;
}

static int
get_size(const msgpack_object *map, const char *key, uint64_t max, size_t *out,
         struct hs_error *err)
{
    uint64_t v;

    if (hs_mp_get_u64(map, key, max, &v, err) < 0)
        return -1;
    if (v == 0)
        return hs_fail(err, "%s is 0", key);
    *out = (size_t)v;
    return 0;
}

static int
get_u32(const msgpack_object *map, const char *key, uint32_t *out,
        struct hs_error *err)
{
    uint64_t v;

    if (hs_mp_get_u64(map, key, UINT32_MAX, &v, err) < 0)
        return -1;
    *out = (uint32_t)v;
    return 0;
}

static json_t *
get_json(const msgpack_object *map, const char *key)
{
    const msgpack_object *o = hs_mp_find(map, key);

    return o == NULL || o->type == MSGPACK_OBJECT_NIL ? NULL
                                                      : hs_mp_to_json(o, 1);
}

static int
read_coordinates(const msgpack_object *map, struct hs_coordinates *c,
                 struct hs_error *err)
{
    if (get_u32(map, "layer", &c->layer, err) < 0 ||
        get_size(map, "dim", MAX_INPUTS, &c->d, err) < 0 ||
        hs_mp_get_u64(map, "n_states", UINT64_MAX, &c->n_states, err) < 0 ||
        hs_mp_get_u64(map, "n_pos0", UINT64_MAX, &c->n_pos0, err) < 0 ||
        hs_mp_get_u64(map, "n_any", UINT64_MAX, &c->n_any, err) < 0 ||
        hs_mp_get_u64(map, "n_s0", UINT64_MAX, &c->n_s0, err) < 0 ||
        hs_mp_get_u64(map, "n_permutations", UINT64_MAX, &c->n_permutations,
                      err) < 0 ||
        hs_mp_get_f64(map, "alpha", &c->alpha, err) < 0 ||
        hs_mp_get_f64(map, "auc_threshold", &c->auc_threshold, err) < 0)
        return -1;
    if (get_tensor(map, "mean", "f32", c->d, 0, &c->mean, err) < 0 ||
        get_tensor(map, "sigma", "f32", c->d, 0, &c->sigma, err) < 0 ||
        get_tensor(map, "rms", "f32", c->d, 0, &c->rms, err) < 0 ||
        get_tensor(map, "max_abs", "f32", c->d, 0, &c->max_abs, err) < 0 ||
        get_tensor(map, "pos0_abs", "f32", c->d, 0, &c->pos0_abs, err) < 0 ||
        get_tensor(map, "outlier", "f32", c->d, 0, &c->outlier, err) < 0 ||
        get_tensor(map, "auc", "f32", c->d, 0, &c->auc, err) < 0 ||
        get_tensor(map, "auc_p", "f32", c->d, 0, &c->auc_p, err) < 0)
        return -1;
    return 0;
}

/* The training curve; numbers that are null are NaN. */
static int
read_curve(const json_t *j, struct hs_probe *p, struct hs_error *err)
{
    static const char *const keys[] = {"loss", "auc", "spread", "inner"};
    double **to[] = {&p->curve, &p->curve_auc, &p->curve_spread,
                     &p->curve_inner};
    size_t n = json_array_size(json_object_get(j, "loss"));

    for (size_t k = 0; k < 4; k++) {
        const json_t *a = json_object_get(j, keys[k]), *v;
        size_t i;

        if (!json_is_array(a) || json_array_size(a) != n)
            return hs_fail(err, "curve: %s is no list of %zu numbers", keys[k],
                           n);
        *to[k] = hs_calloc(n, sizeof(double));
        json_array_foreach(a, i, v)
        {
            (*to[k])[i] = json_is_number(v) ? json_number_value(v) : NAN;
        }
    }
    p->n_epochs = n;
    return 0;
}

static int
read_settings(const msgpack_object *map, struct hs_probe *p,
              struct hs_error *err)
{
    json_t *fit = get_json(map, "fit");
    char *target = NULL;
    int rc;

    hs_fit_options_init(&p->o);
    rc = hs_fit_options_read(fit, &p->o, err);
    json_decref(fit);
    if (rc == 0)
        rc = hs_mp_get_str(map, "target", 0, &target, err);
    if (rc == 0 && (hs_target_parse(target, &p->o.loss.target) < 0 ||
                    p->o.loss.target == HS_TARGET_RPE))
        rc = hs_fail(err, "target '%s' is unknown", target);
    free(target);
    if (rc == 0)
        rc = hs_mp_get_u64(map, "seed", UINT64_MAX, &p->o.seed, err);
    return rc;
}

static int
read_probe(const msgpack_object *map, struct hs_probe_found *f,
           struct hs_error *err)
{
    struct hs_probe *p = &f->probe;
    float *b2 = NULL;
    json_t *curve;
    int rc;

    if (read_settings(map, p, err) < 0 ||
        get_u32(map, "layer", &p->layer, err) < 0 ||
        get_size(map, "dim", MAX_INPUTS, &p->dim, err) < 0 ||
        get_size(map, "inputs", p->dim, &p->d, err) < 0 ||
        get_size(map, "hidden", MAX_HIDDEN, &p->o.hidden, err) < 0 ||
        hs_mp_get_u64(map, "steps", UINT64_MAX, &p->n_steps, err) < 0 ||
        hs_mp_get_u64(map, "epoch", UINT64_MAX, &p->epoch, err) < 0)
        return -1;
    if (get_tensor(map, "columns", "u32", p->d, 1, &p->columns, err) < 0 ||
        get_tensor(map, "mean", "f32", p->d, 0, &p->mean, err) < 0 ||
        get_tensor(map, "scale", "f32", p->d, 0, &p->scale, err) < 0 ||
        get_tensor(map, "b1", "f32", p->o.hidden, 0, &p->b1, err) < 0 ||
        get_tensor(map, "w2", "f32", p->o.hidden, 0, &p->w2, err) < 0 ||
        get_tensor(map, "init_l1", "f32", p->d, 0, &p->init_l1, err) < 0 ||
        get_tensor(map, "init_l2", "f32", p->d, 0, &p->init_l2, err) < 0 ||
        get_tensor(map, "gradient", "f32", p->d, 1, &f->gradient, err) < 0 ||
        get_tensor(map, "slope", "f32", p->d, 1, &f->slope, err) < 0 ||
        get_tensor(map, "b2", "f32", 1, 0, &b2, err) < 0)
        return -1;
    p->b2 = b2[0];
    free(b2);
    if (check_finite("mean", p->mean, p->d, err) < 0 ||
        check_finite("scale", p->scale, p->d, err) < 0 ||
        check_finite("b1", p->b1, p->o.hidden, err) < 0 ||
        check_finite("w2", p->w2, p->o.hidden, err) < 0 ||
        check_finite("b2", &p->b2, 1, err) < 0 ||
        check_finite("init_l1", p->init_l1, p->d, err) < 0 ||
        check_finite("init_l2", p->init_l2, p->d, err) < 0)
        return -1;
    for (size_t i = 0; p->columns != NULL && i < p->d; i++)
        if (p->columns[i] >= p->dim ||
            (i > 0 && p->columns[i] <= p->columns[i - 1]))
            return hs_fail(err, "columns: not ascending below %zu", p->dim);
    if (p->columns == NULL && p->d != p->dim)
        return hs_fail(err, "inputs is %zu, not %zu", p->d, p->dim);
    f->eval = get_json(map, "eval");
    curve = get_json(map, "curve");
    rc = read_curve(curve, p, err);
    json_decref(curve);
    return rc;
}

/* Rows of the first layer of the last probe, which come in order. */
static int
read_weights(const msgpack_object *map, struct hs_probes *p, size_t *have,
             struct hs_error *err)
{
    struct hs_probe *q;
    const uint8_t *data;
    size_t n, rows = 0;
    uint64_t first;
    uint32_t layer;

    if (p->n_found == 0)
        return hs_fail(err, "weights before a probe");
    q = &p->found[p->n_found - 1].probe;
    if (get_u32(map, "layer", &layer, err) < 0 ||
        hs_mp_get_u64(map, "first_row", q->o.hidden, &first, err) < 0 ||
        get_size(map, "rows", q->o.hidden, &rows, err) < 0 ||
        hs_mp_get_tensor(map, "w1", "f32", &data, &n, err) < 0)
        return -1;
    if (layer != q->layer || first != *have || rows > q->o.hidden - *have ||
        n != hs_mul(rows, q->d))
        return hs_fail(err, "weights are not those of the probe before");
    if (q->w1 == NULL)
        q->w1 = hs_calloc(hs_mul(q->o.hidden, q->d), sizeof *q->w1);
    memcpy(q->w1 + *have * q->d, data, n * sizeof *q->w1);
    if (check_finite("w1", q->w1 + *have * q->d, n, err) < 0)
        return -1;
    *have += rows;
    return 0;
}

/* The last probe has all its weights. */
static int
check_whole(const struct hs_probes *p, size_t have, struct hs_error *err)
{
    if (p->n_found > 0 && have != p->found[p->n_found - 1].probe.o.hidden)
        return hs_fail(err, "a probe of layer %" PRIu32 " lacks weights",
                       p->found[p->n_found - 1].probe.layer);
    return 0;
}

static int
take(struct hs_probes *p, const struct hs_record *rec, size_t *have,
     struct hs_error *err)
{
    msgpack_unpacked u;
    char *type = NULL;
    size_t at = 0;
    int rc;

    msgpack_unpacked_init(&u);
    if (msgpack_unpack_next(&u, (const char *)rec->raw, rec->raw_len, &at) !=
        MSGPACK_UNPACK_SUCCESS)
        rc = hs_fail(err, "no msgpack object");
    else
        rc = hs_mp_get_str(&u.data, "type", 0, &type, err);
    if (rc < 0)
        ;
    else if (strcmp(type, "coordinates") == 0) {
        p->coordinates =
            hs_realloc(p->coordinates,
                       hs_mul(p->n_coordinates + 1, sizeof *p->coordinates));
        p->coordinates[p->n_coordinates] = (struct hs_coordinates){0};
        rc =
            read_coordinates(&u.data, &p->coordinates[p->n_coordinates++], err);
    } else if (strcmp(type, "probe") == 0) {
        rc = check_whole(p, *have, err);
        p->found =
            hs_realloc(p->found, hs_mul(p->n_found + 1, sizeof *p->found));
        p->found[p->n_found] = (struct hs_probe_found){0};
        *have = 0;
        if (rc == 0)
            rc = read_probe(&u.data, &p->found[p->n_found++], err);
    } else if (strcmp(type, "weights") == 0) {
        rc = read_weights(&u.data, p, have, err);
    } else {
        json_array_append_new(p->others, hs_mp_to_json(&u.data, 1));
    }
    if (rc < 0 && type != NULL)
        hs_fail_prefix(err, "%s", type);
    free(type);
    msgpack_unpacked_destroy(&u);
    return rc;
}

int
hs_probes_read(struct hs_probes *p, struct hs_reader *r, const char *name,
               struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    struct hs_record rec = {0};
    size_t have = 0;
    int rc = 0;

    *p = (struct hs_probes){.others = json_array()};
    hs_head_init(&p->head, "");
    if (head == NULL)
        return hs_fail(err, "%s", hs_reader_error(r));
    hs_head_free(&p->head);
    hs_head_copy(&p->head, head);
    if (strcmp(head->kind, "probes") != 0)
        return hs_fail(err, "%s: a stream of %s, not of probes", name,
                       head->kind);
    while (rc == 0 && (rc = hs_read(r, &rec)) > 0)
        rc = rec.type != HS_REC_OTHER
                 ? hs_fail(err, "a trajectory in a stream of probes")
                 : take(p, &rec, &have, err);
    if (rc == 0)
        rc = check_whole(p, have, err);
    if (rc < 0)
        hs_fail_prefix(err, "%s", name);
    if (hs_reader_error(r)[0] != '\0')
        rc = hs_fail(err, "%s", hs_reader_error(r));
    if (rc == 0 && p->n_found == 0)
        rc = hs_fail(err, "%s: no probes", name);
    hs_record_free(&rec);
    return rc;
}

int
hs_probes_load(struct hs_probes *p, const char *path, struct hs_error *err)
{
    struct hs_reader *r = hs_input_open(path, err);
    int rc;

    *p = (struct hs_probes){0};
    if (r == NULL)
        return -1;
    rc = hs_probes_read(p, r, hs_input_name(path), err);
    hs_reader_close(r);
    return rc;
}

void
hs_probes_free(struct hs_probes *p)
{
    for (size_t i = 0; i < p->n_coordinates; i++)
        hs_coordinates_free(&p->coordinates[i]);
    for (size_t i = 0; i < p->n_found; i++)
        hs_probe_found_free(&p->found[i]);
    free(p->coordinates);
    free(p->found);
    json_decref(p->others);
    hs_head_free(&p->head);
    *p = (struct hs_probes){0};
}

const struct hs_coordinates *
hs_probes_coordinates(const struct hs_probes *p, uint32_t layer)
{
    for (size_t i = 0; i < p->n_coordinates; i++)
        if (p->coordinates[i].layer == layer)
            return &p->coordinates[i];
    return NULL;
}
