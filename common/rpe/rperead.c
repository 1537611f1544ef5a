/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rperead.c - reading of what rpe-scan found, see rperec.h.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "probe/rankcols.h"
#include "rpe/rpecols.h"
#include "stream/input.h"
#include "stream/mp.h"

enum {
    MAX_INPUTS = 1 << 20,
    MAX_HIDDEN = 1 << 20,
    MAX_LAYER = 65535
};

/* A stream as far as it has come. */
struct reading {
    struct hs_rpe *s;
    struct hs_rank_reading ranking;
    struct hs_rankings rankings;
    size_t n_rows; /* of the first layer of the last probe */
};

static int
get_size(const msgpack_object *map, const char *key, uint64_t max, size_t *out,
         struct hs_error *err)
{
    uint64_t v = 0;

    if (hs_mp_get_u64(map, key, max, &v, err) < 0)
        return -1;
    if (v == 0)
        return hs_fail(err, "%s is 0", key);
    *out = (size_t)v;
    return 0;
}

static int
get_layer(const msgpack_object *map, uint32_t *out, struct hs_error *err)
{
    uint64_t v = 0;

    if (hs_mp_get_u64(map, "layer", MAX_LAYER, &v, err) < 0)
        return -1;
    *out = (uint32_t)v;
    return 0;
}

/* A tensor of n floats; what is computed with must be finite. */
static int
get_floats(const msgpack_object *map, const char *key, size_t n, int nil_ok,
           bool finite, float **out, struct hs_error *err)
{
    void *x = NULL;

    free(*out);
    *out = NULL;
    if (hs_mp_copy_tensor(map, key, "f32", n, nil_ok, &x, err) < 0)
        return -1;
    *out = x;
    for (size_t i = 0; i < n && finite && x != NULL; i++)
        if (!isfinite((*out)[i]))
            return hs_fail(err, "%s: number %zu is not finite", key, i);
    return 0;
}

/* ---- coordinates ---- */

static int
read_found(const msgpack_object *map, struct hs_rpe_coordinates *c,
           struct hs_error *err)
{
    const uint8_t *data;
    size_t n = 0;

    if (hs_mp_get_tensor(map, "found", "u32", &data, &n, err) < 0)
        return -1;
    if (n != c->d)
        return hs_fail(err, "found has %zu numbers, not %zu", n, c->d);
    for (size_t j = 0; j < n; j++) {
        uint32_t x;

        memcpy(&x, data + 4 * j, 4);
        if (x > 1)
            return hs_fail(err, "found of coordinate %zu is %" PRIu32, j, x);
        c->found[j] = (uint8_t)x;
    }
    return 0;
}

static int
read_coordinates(const msgpack_object *map, struct hs_rpe_coordinates *c,
                 uint64_t dim, struct hs_error *err)
{
    char *mode = NULL;
    uint64_t n = 0, n_groups = 0;
    int rc = hs_mp_get_str(map, "mode", 0, &mode, err);

    if (rc == 0 && hs_rpe_mode_parse(mode, &c->mode) < 0)
        rc = hs_fail(err, "mode '%s' is not known", mode);
    free(mode);
    if (rc < 0 || get_layer(map, &c->layer, err) < 0 ||
        get_size(map, "d", MAX_INPUTS, &c->d, err) < 0 ||
        hs_mp_get_u64(map, "n", SIZE_MAX, &n, err) < 0 ||
        hs_mp_get_u64(map, "n_groups", SIZE_MAX, &n_groups, err) < 0 ||
        hs_mp_get_f64(map, "alpha", &c->alpha, err) < 0 ||
        hs_mp_get_u64(map, "n_permutations", UINT64_MAX, &c->n_permutations,
                      err) < 0)
        return -1;
    if (c->d != dim)
        return hs_fail(err, "%zu coordinates in a stream of %" PRIu64, c->d,
                       dim);
    c->n = (size_t)n;
    c->n_groups = (size_t)n_groups;
    hs_rpe_coordinates_alloc(c);
    for (int i = 0; i < HS_N_RPE_COLUMNS; i++)
        if (get_floats(map, hs_rpe_columns[i], c->d, i >= HS_RPE_ADJUSTED,
                       false, hs_rpe_column(c, i), err) < 0)
            return -1;
    return read_found(map, c, err);
}

/* ---- probes ---- */

static json_t *
get_json(const msgpack_object *map, const char *key)
{
    const msgpack_object *o = hs_mp_find(map, key);

    return o == NULL || o->type == MSGPACK_OBJECT_NIL ? NULL
                                                      : hs_mp_to_json(o, 1);
}

static int
read_number(const json_t *j, const char *key, double *out, struct hs_error *err)
{
    int rc = hs_json_f64(j, key, "fit", out, err);

    return rc == 0 ? hs_fail(err, "fit: %s is missing", key) : rc < 0 ? -1 : 0;
}

static int
read_count(const json_t *j, const char *key, uint64_t min, uint64_t *out,
           struct hs_error *err)
{
    int rc = hs_json_u64(j, key, "fit", min, (uint64_t)1 << 40, out, err);

    return rc == 0 ? hs_fail(err, "fit: %s is missing", key) : rc < 0 ? -1 : 0;
}

static int
read_fit(const json_t *j, struct hs_rpe_fit_options *o, struct hs_error *err)
{
    const char *keep = NULL;
    uint64_t hidden = 0, batch = 0;

    if (!json_is_object(j))
        return hs_fail(err, "fit is missing");
    if (read_count(j, "hidden", 1, &hidden, err) < 0 ||
        read_count(j, "batch", 1, &batch, err) < 0 ||
        read_count(j, "epochs", 0, &o->epochs, err) < 0 ||
        read_count(j, "patience", 0, &o->patience, err) < 0 ||
        read_number(j, "lr", &o->adamw.lr, err) < 0 ||
        read_number(j, "beta1", &o->adamw.beta1, err) < 0 ||
        read_number(j, "beta2", &o->adamw.beta2, err) < 0 ||
        read_number(j, "eps", &o->adamw.eps, err) < 0 ||
        read_number(j, "weight_decay", &o->adamw.weight_decay, err) < 0 ||
        hs_json_str(j, "keep", "fit", &keep, err) < 0)
        return -1;
    if (keep == NULL || (strcmp(keep, "best") != 0 && strcmp(keep, "last")))
        return hs_fail(err, "fit: keep is neither best nor last");
    o->keep_best = strcmp(keep, "best") == 0;
    o->hidden = (size_t)hidden;
    o->batch = (size_t)batch;
    return 0;
}

/* The training curve; numbers that are null are NaN. */
static int
read_curve(const json_t *j, struct hs_rpe_probe *p, struct hs_error *err)
{
    static const char *const keys[] = {"loss", "inner"};
    double **to[] = {&p->curve, &p->curve_inner};
    size_t n = json_array_size(json_object_get(j, "loss"));

    for (size_t k = 0; k < 2; k++) {
        const json_t *a = json_object_get(j, keys[k]);

        if (!json_is_array(a) || json_array_size(a) != n)
            return hs_fail(err, "curve: %s is no list of %zu numbers", keys[k],
                           n);
        *to[k] = hs_calloc(n, sizeof(double));
        for (size_t i = 0; i < n; i++) {
            const json_t *v = json_array_get(a, i);

            (*to[k])[i] =
                json_is_number(v) ? json_number_value(v) : (double)NAN;
        }
    }
    p->n_epochs = n;
    return 0;
}

static int
read_settings(const msgpack_object *map, struct hs_rpe_probe *p,
              struct hs_error *err)
{
    json_t *fit = get_json(map, "fit");
    char *znorm = NULL;
    int rc;

    hs_rpe_fit_options_init(&p->o);
    rc = read_fit(fit, &p->o, err);
    json_decref(fit);
    if (rc == 0)
        rc = hs_mp_get_str(map, "znorm", 0, &znorm, err);
    if (rc == 0 && hs_znorm_parse(znorm, &p->znorm) < 0)
        rc = hs_fail(err, "znorm '%s' is not known", znorm);
    free(znorm);
    return rc;
}

static int
read_probe(const msgpack_object *map, struct hs_rpe_found_probe *f,
           uint64_t dim, struct hs_error *err)
{
    struct hs_rpe_probe *p = &f->probe;
    size_t hidden = 0;
    float *b2 = NULL;
    json_t *curve;
    int rc;

    if (read_settings(map, p, err) < 0 || get_layer(map, &p->layer, err) < 0 ||
        get_size(map, "d", MAX_INPUTS, &p->d, err) < 0 ||
        get_size(map, "hidden", MAX_HIDDEN, &hidden, err) < 0 ||
        hs_mp_get_u64(map, "seed", UINT64_MAX, &p->o.seed, err) < 0 ||
        hs_mp_get_u64(map, "steps", UINT64_MAX, &p->n_steps, err) < 0 ||
        hs_mp_get_u64(map, "epoch", UINT64_MAX, &p->epoch, err) < 0)
        return -1;
    if (p->d != dim || hidden != p->o.hidden)
        return hs_fail(err, "%zu inputs and %zu hidden units do not fit", p->d,
                       hidden);
    if (get_floats(map, "mean", p->d, 1, true, &p->mean, err) < 0 ||
        get_floats(map, "scale", p->d, 1, true, &p->scale, err) < 0 ||
        get_floats(map, "b1", hidden, 0, true, &p->b1, err) < 0 ||
        get_floats(map, "w2", hidden, 0, true, &p->w2, err) < 0 ||
        get_floats(map, "init_l1", p->d, 0, true, &p->init_l1, err) < 0 ||
        get_floats(map, "b2", 1, 0, true, &b2, err) < 0) {
        free(b2);
        return -1;
    }
    p->b2 = b2[0];
    free(b2);
    if ((p->znorm == HS_ZNORM_TRAIN) != (p->mean != NULL && p->scale != NULL))
        return hs_fail(err, "mean and scale do not fit znorm '%s'",
                       hs_znorm_name(p->znorm));
    f->eval = get_json(map, "eval");
    curve = get_json(map, "curve");
    rc = read_curve(curve, p, err);
    json_decref(curve);
    return rc;
}

/* Rows of the first layer of the last probe, which come in order. */
static int
read_weights(struct reading *g, const msgpack_object *map, struct hs_error *err)
{
    struct hs_rpe_probe *p;
    const uint8_t *data;
    size_t n = 0, rows = 0;
    uint64_t first = 0;
    uint32_t layer = 0;

    if (g->s->n_probes == 0)
        return hs_fail(err, "weights before a probe");
    p = &g->s->probes[g->s->n_probes - 1].probe;
    if (get_layer(map, &layer, err) < 0 ||
        hs_mp_get_u64(map, "first_row", p->o.hidden, &first, err) < 0 ||
        get_size(map, "rows", p->o.hidden, &rows, err) < 0 ||
        hs_mp_get_tensor(map, "w1", "f32", &data, &n, err) < 0)
        return -1;
    if (layer != p->layer || first != g->n_rows ||
        rows > p->o.hidden - g->n_rows || n != hs_mul(rows, p->d))
        return hs_fail(err, "weights are not those of the probe before");
    if (p->w1 == NULL)
        p->w1 = hs_calloc(hs_mul(p->o.hidden, p->d), sizeof *p->w1);
    memcpy(p->w1 + g->n_rows * p->d, data, n * sizeof *p->w1);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(p->w1[g->n_rows * p->d + i]))
            return hs_fail(err, "w1: number %zu is not finite", i);
    g->n_rows += rows;
    return 0;
}

/* The last probe has all its weights. */
static int
check_whole(const struct reading *g, struct hs_error *err)
{
    const struct hs_rpe *s = g->s;

    if (s->n_probes > 0 &&
        g->n_rows != s->probes[s->n_probes - 1].probe.o.hidden)
        return hs_fail(err, "a probe of layer %" PRIu32 " lacks weights",
                       s->probes[s->n_probes - 1].probe.layer);
    return 0;
}

/* ---- records ---- */

static int
take_coordinates(struct reading *g, const msgpack_object *o,
                 struct hs_error *err)
{
    struct hs_rpe *s = g->s;

    s->coordinates = hs_realloc(
        s->coordinates, hs_mul(s->n_coordinates + 1, sizeof *s->coordinates));
    s->coordinates[s->n_coordinates] = (struct hs_rpe_coordinates){0};
    return read_coordinates(o, &s->coordinates[s->n_coordinates++], s->head.dim,
                            err);
}

static int
take_probe(struct reading *g, const msgpack_object *o, struct hs_error *err)
{
    struct hs_rpe *s = g->s;

    if (check_whole(g, err) < 0)
        return -1;
    s->probes =
        hs_realloc(s->probes, hs_mul(s->n_probes + 1, sizeof *s->probes));
    s->probes[s->n_probes] = (struct hs_rpe_found_probe){0};
    g->n_rows = 0;
    return read_probe(o, &s->probes[s->n_probes++], s->head.dim, err);
}

static int
take_object(struct reading *g, const msgpack_object *o, struct hs_error *err)
{
    char *type = NULL;
    json_t *j;
    int rc = hs_mp_get_str(o, "type", 0, &type, err);

    if (rc < 0)
        return -1;
    if (strcmp(type, "ranking") == 0 || strcmp(type, "seed-order") == 0) {
        free(type); /* which the error there names */
        return hs_rank_reading_take(&g->ranking, &g->rankings, o, err);
    }
    if (strcmp(type, "rpe-coordinates") == 0)
        rc = take_coordinates(g, o, err);
    else if (strcmp(type, "rpe-probe") == 0)
        rc = take_probe(g, o, err);
    else if (strcmp(type, "rpe-weights") == 0)
        rc = read_weights(g, o, err);
    else
        rc = (j = hs_mp_to_json(o, 1)) != NULL
                 ? json_array_append_new(g->s->others, j)
                 : hs_fail(err, "keys are not text");
    if (rc < 0)
        hs_fail_prefix(err, "a record of type %s", type);
    free(type);
    return rc;
}

static int
take_record(struct reading *g, const struct hs_record *rec,
            struct hs_error *err)
{
    msgpack_unpacked u;
    size_t off = 0;
    int rc;

    if (rec->type != HS_REC_OTHER)
        return hs_fail(err, "a trajectory in a stream of kind rpe");
    msgpack_unpacked_init(&u);
    rc = msgpack_unpack_next(&u, (const char *)rec->raw, rec->raw_len, &off) ==
                 MSGPACK_UNPACK_SUCCESS
             ? take_object(g, &u.data, err)
             : hs_fail(err, "a record that is no msgpack object");
    msgpack_unpacked_destroy(&u);
    return rc;
}

int
hs_rpe_read(struct hs_rpe *s, struct hs_reader *r, const char *name,
            struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    struct hs_record rec = {0};
    struct reading g = {.s = s, .rankings = {.others = json_array()}};
    int rc = 0;

    *s = (struct hs_rpe){.others = json_array()};
    if (head != NULL && strcmp(head->kind, "rpe") != 0)
        rc = hs_fail(err, "a stream of %s, not of kind rpe", head->kind);
    if (rc == 0 && head != NULL) {
        hs_head_copy(&s->head, head);
        g.rankings.head.dim = head->dim;
    }
    while (rc == 0 && (rc = hs_read(r, &rec)) > 0)
        rc = take_record(&g, &rec, err);
    if (rc == 0)
        rc = check_whole(&g, err);
    if (rc == 0)
        rc = hs_rank_reading_end(&g.ranking, &g.rankings, err);
    s->rankings = g.rankings.v;
    s->n_rankings = g.rankings.n;
    json_decref(g.rankings.others);
    if (hs_reader_error(r)[0] != '\0')
        rc = hs_fail(err, "%s", hs_reader_error(r));
    else if (rc < 0)
        hs_fail_prefix(err, "%s", name);
    hs_ranking_free(&g.ranking.r);
    hs_record_free(&rec);
    return rc;
}

int
hs_rpe_load(struct hs_rpe *s, const char *path, struct hs_error *err)
{
    struct hs_reader *r = hs_input_open(path, err);
    int rc;

    *s = (struct hs_rpe){0};
    if (r == NULL)
        return -1;
    rc = hs_rpe_read(s, r, hs_input_name(path), err);
    hs_reader_close(r);
    return rc;
}

void
hs_rpe_free(struct hs_rpe *s)
{
    for (size_t i = 0; i < s->n_coordinates; i++)
        hs_rpe_coordinates_free(&s->coordinates[i]);
    for (size_t i = 0; i < s->n_probes; i++) {
        hs_rpe_probe_free(&s->probes[i].probe);
        json_decref(s->probes[i].eval);
    }
    for (size_t i = 0; i < s->n_rankings; i++)
        hs_ranking_free(&s->rankings[i]);
    free(s->coordinates);
    free(s->probes);
    free(s->rankings);
    json_decref(s->others);
    hs_head_free(&s->head);
    *s = (struct hs_rpe){0};
}

const struct hs_rpe_coordinates *
hs_rpe_coordinates(const struct hs_rpe *s, uint32_t layer)
{
    for (size_t i = 0; i < s->n_coordinates; i++)
        if (s->coordinates[i].layer == layer)
            return &s->coordinates[i];
    return NULL;
}

const struct hs_rpe_found_probe *
hs_rpe_probe_of(const struct hs_rpe *s, uint32_t layer)
{
    for (size_t i = 0; i < s->n_probes; i++)
        if (s->probes[i].probe.layer == layer)
            return &s->probes[i];
    return NULL;
}
