/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fitjson.c - the settings of a fit as JSON and back, see proberec.h.
 */
#include <config.h>

#include <string.h>

#include "base/json.h"
#include "probe/proberec.h"

json_t *
hs_fit_options_json(const struct hs_fit_options *o)
{
    json_t *j = json_object();

    json_object_set_new(j, "td_grad",
                        json_string(o->loss.residual ? "residual" : "semi"));
    json_object_set_new(
        j, "norm",
        json_string(o->loss.norm == HS_NORM_TOKEN ? "token" : "trajectory"));
    json_object_set_new(j, "head",
                        json_string(o->loss.sigmoid ? "sigmoid" : "linear"));
    json_object_set_new(j, "gamma", json_real(o->loss.gamma));
    json_object_set_new(j, "lambda", json_real(o->loss.lambda));
    json_object_set_new(j, "terminal_weight",
                        json_real(o->loss.terminal_weight));
    json_object_set_new(j, "standardize",
                        json_string(hs_standardize_name(o->standardize)));
    json_object_set_new(j, "hidden", json_integer((json_int_t)o->hidden));
    json_object_set_new(j, "batch", json_integer((json_int_t)o->batch));
    json_object_set_new(j, "epochs", json_integer((json_int_t)o->epochs));
    json_object_set_new(j, "steps", json_integer((json_int_t)o->steps));
    json_object_set_new(j, "keep", json_string(o->keep_best ? "best" : "last"));
    json_object_set_new(j, "patience", json_integer((json_int_t)o->patience));
    json_object_set_new(j, "lr", json_real(o->adamw.lr));
    json_object_set_new(j, "beta1", json_real(o->adamw.beta1));
    json_object_set_new(j, "beta2", json_real(o->adamw.beta2));
    json_object_set_new(j, "eps", json_real(o->adamw.eps));
    json_object_set_new(j, "weight_decay", json_real(o->adamw.weight_decay));
    return j;
}

/* Reads a word that must be a or b: 1 for b. */
static int
read_word(const json_t *j, const char *key, const char *a, const char *b,
          int *out, struct hs_error *err)
{
    const char *s = NULL;

    if (hs_json_str(j, key, "fit", &s, err) < 0)
        return -1;
    if (s == NULL || (strcmp(s, a) != 0 && strcmp(s, b) != 0))
        return hs_fail(err, "fit: %s is neither %s nor %s", key, a, b);
    *out = strcmp(s, b) == 0;
    return 0;
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

int
hs_fit_options_read(const json_t *j, struct hs_fit_options *o,
                    struct hs_error *err)
{
    const char *standardize = NULL;
    int residual, linear, token, last;
    uint64_t hidden, batch;

    if (!json_is_object(j))
        return hs_fail(err, "fit is missing");
    if (read_word(j, "td_grad", "semi", "residual", &residual, err) < 0 ||
        read_word(j, "norm", "trajectory", "token", &token, err) < 0 ||
        read_word(j, "head", "sigmoid", "linear", &linear, err) < 0 ||
        read_number(j, "gamma", &o->loss.gamma, err) < 0 ||
        read_number(j, "lambda", &o->loss.lambda, err) < 0 ||
        read_number(j, "terminal_weight", &o->loss.terminal_weight, err) < 0 ||
        read_number(j, "lr", &o->adamw.lr, err) < 0 ||
        read_number(j, "beta1", &o->adamw.beta1, err) < 0 ||
        read_number(j, "beta2", &o->adamw.beta2, err) < 0 ||
        read_number(j, "eps", &o->adamw.eps, err) < 0 ||
        read_number(j, "weight_decay", &o->adamw.weight_decay, err) < 0 ||
        read_count(j, "hidden", 1, &hidden, err) < 0 ||
        read_count(j, "batch", 1, &batch, err) < 0 ||
        read_count(j, "epochs", 0, &o->epochs, err) < 0 ||
        read_count(j, "steps", 0, &o->steps, err) < 0 ||
        read_count(j, "patience", 0, &o->patience, err) < 0 ||
        read_word(j, "keep", "best", "last", &last, err) < 0 ||
        hs_json_str(j, "standardize", "fit", &standardize, err) < 0)
        return -1;
    if (standardize == NULL ||
        hs_standardize_parse(standardize, &o->standardize) < 0)
        return hs_fail(err, "fit: standardize is not zscore, rms or none");
    o->keep_best = last == 0;
    o->loss.residual = residual != 0;
    o->loss.norm = token ? HS_NORM_TOKEN : HS_NORM_TRAJECTORY;
    o->loss.sigmoid = linear == 0;
    o->hidden = (size_t)hidden;
    o->batch = (size_t)batch;
    return 0;
}
