/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * proberec.c - writing probes as records, see proberec.h; probereader.c reads
 * them.
 */
#include <config.h>

#include "probe/proberec.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "stream/object.h"

void
hs_coordinates_free(struct hs_coordinates *c)
{
    float *each[] = {c->mean,     c->sigma,   c->rms, c->max_abs,
                     c->pos0_abs, c->outlier, c->auc, c->auc_p};

    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        free(each[i]);
    *c = (struct hs_coordinates){0};
}

void
hs_probe_found_free(struct hs_probe_found *f)
{
    hs_probe_free(&f->probe);
    free(f->gradient);
    free(f->slope);
    json_decref(f->eval);
    *f = (struct hs_probe_found){0};
}

static json_t *
curve_json(const struct hs_probe *p)
{
    json_t *j = json_object(), *epoch = json_array(), *loss = json_array();
    json_t *auc = json_array(), *spread = json_array();
    json_t *inner = json_array();

    for (size_t i = 0; i < p->n_epochs; i++) {
        json_array_append_new(epoch, json_integer((json_int_t)i + 1));
        json_array_append_new(loss, hs_json_number(p->curve[i]));
        json_array_append_new(auc, hs_json_number(p->curve_auc[i]));
        json_array_append_new(spread, hs_json_number(p->curve_spread[i]));
        json_array_append_new(inner, hs_json_number(p->curve_inner[i]));
    }
    json_object_set_new(j, "epoch", epoch);
    json_object_set_new(j, "loss", loss);
    json_object_set_new(j, "auc", auc);
    json_object_set_new(j, "spread", spread);
    json_object_set_new(j, "inner", inner);
    return j;
}

int
hs_encode_coordinates(struct hs_encoded *e, const struct hs_coordinates *c,
                      struct hs_error *err)
{
    struct hs_object_mark m = hs_object_begin(e, 18);
    msgpack_packer *pk = &m.pk;

    hs_mp_str(pk, "type", "coordinates");
    hs_mp_u64(pk, "layer", c->layer);
    hs_mp_u64(pk, "n_states", c->n_states);
    hs_mp_u64(pk, "n_pos0", c->n_pos0);
    hs_mp_u64(pk, "n_any", c->n_any);
    hs_mp_u64(pk, "n_permutations", c->n_permutations);
    hs_mp_f64(pk, "alpha", c->alpha);
    hs_mp_f64(pk, "auc_threshold", c->auc_threshold);
    hs_mp_u64(pk, "n_s0", c->n_s0);
    hs_mp_u64(pk, "dim", c->d);
    hs_mp_tensor(pk, "mean", "f32", c->mean, c->d);
    hs_mp_tensor(pk, "sigma", "f32", c->sigma, c->d);
    hs_mp_tensor(pk, "rms", "f32", c->rms, c->d);
    hs_mp_tensor(pk, "max_abs", "f32", c->max_abs, c->d);
    hs_mp_tensor(pk, "pos0_abs", "f32", c->pos0_abs, c->d);
    hs_mp_tensor(pk, "outlier", "f32", c->outlier, c->d);
    hs_mp_tensor(pk, "auc", "f32", c->auc, c->d);
    hs_mp_tensor(pk, "auc_p", "f32", c->auc_p, c->d);
    return hs_object_end(e, &m, err);
}

/* Rows of the first layer, as many as a record takes. */
static int
encode_weights(struct hs_encoded *e, const struct hs_probe *p,
               struct hs_error *err)
{
    size_t most = (HS_OBJECT_MAX - HS_BLOCK_SPARE) / (p->d * sizeof(float));

    most = most > 0 ? most : 1;
    for (size_t r = 0; r < p->o.hidden; r += most) {
        size_t n = p->o.hidden - r < most ? p->o.hidden - r : most;
        struct hs_object_mark m = hs_object_begin(e, 7);

        hs_mp_str(&m.pk, "type", "weights");
        hs_mp_u64(&m.pk, "layer", p->layer);
        hs_mp_str(&m.pk, "target", hs_target_name(p->o.loss.target));
        hs_mp_u64(&m.pk, "seed", p->o.seed);
        hs_mp_u64(&m.pk, "first_row", r);
        hs_mp_u64(&m.pk, "rows", n);
        hs_mp_tensor(&m.pk, "w1", "f32", p->w1 + r * p->d, n * p->d);
        if (hs_object_end(e, &m, err) < 0)
            return -1;
    }
    return 0;
}

int
hs_encode_probe(struct hs_encoded *e, const struct hs_probe *p,
                const float *gradient, const float *slope, const json_t *eval,
                struct hs_error *err)
{
    struct hs_object_mark m = hs_object_begin(e, 23);
    msgpack_packer *pk = &m.pk;
    json_t *fit = hs_fit_options_json(&p->o), *curve = curve_json(p);

    hs_mp_str(pk, "type", "probe");
    hs_mp_u64(pk, "layer", p->layer);
    hs_mp_str(pk, "target", hs_target_name(p->o.loss.target));
    hs_mp_u64(pk, "seed", p->o.seed);
    hs_mp_u64(pk, "dim", p->dim);
    hs_mp_u64(pk, "inputs", p->d);
    hs_mp_u64(pk, "hidden", p->o.hidden);
    hs_mp_u64(pk, "steps", p->n_steps);
    hs_mp_u64(pk, "epoch", p->epoch);
    hs_mp_key(pk, "fit");
    hs_mp_json(pk, fit);
    hs_mp_tensor(pk, "columns", "u32", p->columns, p->d);
    hs_mp_tensor(pk, "mean", "f32", p->mean, p->d);
    hs_mp_tensor(pk, "scale", "f32", p->scale, p->d);
    hs_mp_tensor(pk, "b1", "f32", p->b1, p->o.hidden);
    hs_mp_tensor(pk, "w2", "f32", p->w2, p->o.hidden);
    hs_mp_tensor(pk, "b2", "f32", &p->b2, 1);
    hs_mp_tensor(pk, "init_l1", "f32", p->init_l1, p->d);
    hs_mp_tensor(pk, "init_l2", "f32", p->init_l2, p->d);
    hs_mp_tensor(pk, "gradient", "f32", gradient, p->d);
    hs_mp_tensor(pk, "slope", "f32", slope, p->d);
    hs_mp_key(pk, "curve");
    hs_mp_json(pk, curve);
    hs_mp_key(pk, "eval");
    if (eval != NULL)
        hs_mp_json(pk, eval);
    else
        (void)msgpack_pack_nil(pk);
    hs_mp_str(pk, "network", "mlp");
    json_decref(fit);
    json_decref(curve);
    return hs_object_end(e, &m, err) < 0 ? -1 : encode_weights(e, p, err);
}
