/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rperec.c - writing of what rpe-scan found, see rperec.h; rperead.c reads it.
 */
#include <config.h>

#include "rpe/rperec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "rpe/rpecols.h"
#include "stream/object.h"

static const char *const mode_names[] = {"td", "surprise"};

const char *const hs_rpe_columns[HS_N_RPE_COLUMNS] = {
    "score", "score_p", "score_q", "r_out", "p_out",
    "r_exp", "p_exp",   "p",       "q"};

const char *
hs_rpe_mode_name(enum hs_rpe_mode m)
{
    return mode_names[m];
}

int
hs_rpe_mode_parse(const char *s, enum hs_rpe_mode *out)
{
    for (int i = 0; i <= HS_RPE_SURPRISE; i++)
        if (strcmp(s, mode_names[i]) == 0) {
            *out = (enum hs_rpe_mode)i;
            return 0;
        }
    return -1;
}

/* ---- coordinates ---- */

float **
hs_rpe_column(struct hs_rpe_coordinates *c, int i)
{
    float **const columns[HS_N_RPE_COLUMNS] = {
        &c->score, &c->score_p, &c->score_q, &c->r_out, &c->p_out,
        &c->r_exp, &c->p_exp,   &c->p,       &c->q};

    return columns[i];
}

void
hs_rpe_coordinates_alloc(struct hs_rpe_coordinates *c)
{
    for (int i = 0; i < HS_N_RPE_COLUMNS; i++)
        *hs_rpe_column(c, i) = hs_calloc(c->d, sizeof(float));
    c->found = hs_calloc(c->d, sizeof *c->found);
}

void
hs_rpe_coordinates_free(struct hs_rpe_coordinates *c)
{
    for (int i = 0; i < HS_N_RPE_COLUMNS; i++)
        free(*hs_rpe_column(c, i));
    free(c->found);
    *c = (struct hs_rpe_coordinates){0};
}

int
hs_rpe_sign(const struct hs_rpe_coordinates *c, size_t j)
{
    return c->found[j] == 0 ? 0 : c->r_out[j] > 0 ? 1 : -1;
}

/* A coordinate in the making of an order; NaN is last. */
struct place {
    double q, p, r;
    uint32_t j;
};

static int
compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->q < y->q || x->q > y->q)
        return x->q < y->q ? -1 : 1;
    if (x->p < y->p || x->p > y->p)
        return x->p < y->p ? -1 : 1;
    if (x->r < y->r || x->r > y->r)
        return x->r > y->r ? -1 : 1;
    return (x->j > y->j) - (x->j < y->j);
}

static double
or_last(float x)
{
    return isnan(x) ? (double)INFINITY : (double)x;
}

void
hs_rpe_order(const struct hs_rpe_coordinates *c, uint32_t *order)
{
    struct place *places = hs_calloc(c->d, sizeof *places);

    for (size_t j = 0; j < c->d; j++)
        places[j] = (struct place){
            .q = or_last(c->q[j]),
            .p = or_last(c->p[j]),
            .r = isnan(c->r_out[j]) ? -1 : fabs((double)c->r_out[j]),
            .j = (uint32_t)j};
    qsort(places, c->d, sizeof *places, compare_places);
    for (size_t i = 0; i < c->d; i++)
        order[i] = places[i].j;
    free(places);
}

int
hs_encode_rpe_coordinates(struct hs_encoded *e,
                          const struct hs_rpe_coordinates *c,
                          struct hs_error *err)
{
    struct hs_object_mark m = hs_object_begin(e, 9 + HS_N_RPE_COLUMNS);
    struct hs_rpe_coordinates copy = *c; /* for hs_rpe_column() */
    uint32_t *found = hs_calloc(c->d, sizeof *found);

    for (size_t j = 0; j < c->d; j++) {
        found[j] = c->found[j];
    }
    hs_mp_str(&m.pk, "type", "rpe-coordinates");
    hs_mp_str(&m.pk, "mode", hs_rpe_mode_name(c->mode));
    hs_mp_u64(&m.pk, "layer", c->layer);
    hs_mp_u64(&m.pk, "d", c->d);
    hs_mp_u64(&m.pk, "n", c->n);
    hs_mp_u64(&m.pk, "n_groups", c->n_groups);
    hs_mp_f64(&m.pk, "alpha", c->alpha);
    hs_mp_u64(&m.pk, "n_permutations", c->n_permutations);
    for (int i = 0; i < HS_N_RPE_COLUMNS; i++)
        hs_mp_tensor(&m.pk, hs_rpe_columns[i], "f32", *hs_rpe_column(&copy, i),
                     c->d);
    hs_mp_tensor(&m.pk, "found", "u32", found, c->d);
    free(found);
    return hs_object_end(e, &m, err);
}

/* ---- probes ---- */

json_t *
hs_rpe_fit_json(const struct hs_rpe_fit_options *o)
{
    json_t *j = json_object();

    json_object_set_new(j, "hidden", json_integer((json_int_t)o->hidden));
    json_object_set_new(j, "batch", json_integer((json_int_t)o->batch));
    json_object_set_new(j, "epochs", json_integer((json_int_t)o->epochs));
    json_object_set_new(j, "keep", json_string(o->keep_best ? "best" : "last"));
    json_object_set_new(j, "patience", json_integer((json_int_t)o->patience));
    json_object_set_new(j, "lr", json_real(o->adamw.lr));
    json_object_set_new(j, "beta1", json_real(o->adamw.beta1));
    json_object_set_new(j, "beta2", json_real(o->adamw.beta2));
    json_object_set_new(j, "eps", json_real(o->adamw.eps));
    json_object_set_new(j, "weight_decay", json_real(o->adamw.weight_decay));
    return j;
}

static json_t *
curve_json(const struct hs_rpe_probe *p)
{
    json_t *j = json_object(), *loss = json_array(), *inner = json_array();

    for (size_t i = 0; i < p->n_epochs; i++) {
        json_array_append_new(loss, hs_json_number(p->curve[i]));
        json_array_append_new(inner, hs_json_number(p->curve_inner[i]));
    }
    json_object_set_new(j, "loss", loss);
    json_object_set_new(j, "inner", inner);
    return j;
}

/* Rows of the first layer, as many as a record takes. */
static int
encode_weights(struct hs_encoded *e, const struct hs_rpe_probe *p,
               struct hs_error *err)
{
    size_t most = (HS_OBJECT_MAX - HS_BLOCK_SPARE) / (p->d * sizeof(float));

    most = most > 0 ? most : 1;
    for (size_t r = 0; r < p->o.hidden; r += most) {
        size_t n = p->o.hidden - r < most ? p->o.hidden - r : most;
        struct hs_object_mark m = hs_object_begin(e, 6);

        hs_mp_str(&m.pk, "type", "rpe-weights");
        hs_mp_u64(&m.pk, "layer", p->layer);
        hs_mp_u64(&m.pk, "seed", p->o.seed);
        hs_mp_u64(&m.pk, "first_row", r);
        hs_mp_u64(&m.pk, "rows", n);
        hs_mp_tensor(&m.pk, "w1", "f32", p->w1 + r * p->d, n * p->d);
        if (hs_object_end(e, &m, err) < 0)
            return -1;
    }
    return 0;
}

static void
pack_json(msgpack_packer *pk, const char *key, const json_t *j)
{
    hs_mp_key(pk, key);
    if (j != NULL)
        hs_mp_json(pk, j);
    else
        (void)msgpack_pack_nil(pk);
}

int
hs_encode_rpe_probe(struct hs_encoded *e, const struct hs_rpe_probe *p,
                    const json_t *eval, struct hs_error *err)
{
    struct hs_object_mark m = hs_object_begin(e, 17);
    msgpack_packer *pk = &m.pk;
    json_t *fit = hs_rpe_fit_json(&p->o), *curve = curve_json(p);

    hs_mp_str(pk, "type", "rpe-probe");
    hs_mp_u64(pk, "layer", p->layer);
    hs_mp_u64(pk, "seed", p->o.seed);
    hs_mp_u64(pk, "d", p->d);
    hs_mp_u64(pk, "hidden", p->o.hidden);
    hs_mp_str(pk, "znorm", hs_znorm_name(p->znorm));
    hs_mp_u64(pk, "steps", p->n_steps);
    hs_mp_u64(pk, "epoch", p->epoch);
    pack_json(pk, "fit", fit);
    hs_mp_tensor(pk, "mean", "f32", p->mean, p->d);
    hs_mp_tensor(pk, "scale", "f32", p->scale, p->d);
    hs_mp_tensor(pk, "b1", "f32", p->b1, p->o.hidden);
    hs_mp_tensor(pk, "w2", "f32", p->w2, p->o.hidden);
    hs_mp_tensor(pk, "b2", "f32", &p->b2, 1);
    hs_mp_tensor(pk, "init_l1", "f32", p->init_l1, p->d);
    pack_json(pk, "curve", curve);
    pack_json(pk, "eval", eval);
    json_decref(fit);
    json_decref(curve);
    return hs_object_end(e, &m, err) < 0 ? -1 : encode_weights(e, p, err);
}
