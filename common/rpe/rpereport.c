/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpereport.c - see rpereport.h.
 */
#include <config.h>

#include "rpe/rpereport.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpe/depend.h"
#include "rpe/rpecols.h"
#include "rpe/rpeeval.h"
#include "stream/jsonview.h"

enum {
    MOST_LINES = 20 /* coordinates of a table that were not found */
};

static bool
wants(const struct hs_list *layers, uint32_t layer)
{
    return layers->all || hs_list_has(layers, layer);
}

static bool
is(const json_t *j, const char *key, const char *value)
{
    const char *s = json_string_value(json_object_get(j, key));

    return s != NULL && strcmp(s, value) == 0;
}

/* Record number i, from *at on, of a type and layer; NULL behind the last. */
static const json_t *
next_record(const struct hs_rpe *s, const char *type, uint32_t layer,
            size_t *at)
{
    while (*at < json_array_size(s->others)) {
        const json_t *j = json_array_get(s->others, (*at)++);

        if (is(j, "type", type) &&
            json_integer_value(json_object_get(j, "layer")) == layer)
            return j;
    }
    return NULL;
}

static long long
whole(const json_t *j, const char *key)
{
    return json_integer_value(json_object_get(j, key));
}

/* A number in a column, "-" for none. */
static void
put(struct hs_buf *b, const json_t *v, const char *fmt, int width)
{
    struct hs_buf text = {0};

    if (!json_is_number(v))
        hs_buf_str(&text, "-");
    else if (strcmp(fmt, "g") == 0)
        hs_buf_printf(&text, "%.2g", json_number_value(v));
    else if (strcmp(fmt, "1") == 0)
        hs_buf_printf(&text, "%.1f", json_number_value(v));
    else
        hs_buf_printf(&text, "%.3f", json_number_value(v));
    hs_buf_printf(b, "%*s", width, hs_buf_cstr(&text));
    hs_buf_free(&text);
}

/* ---- the page ---- */

static void
put_steps(struct hs_buf *b, const json_t *j)
{
    const char *value = json_string_value(json_object_get(j, "value"));
    const char *rule = json_string_value(json_object_get(j, "rule"));

    hs_buf_printf(b,
                  "%lld steps (%s) of %lld trajectories of %lld problems, "
                  "values from %s",
                  whole(j, "steps"), rule != NULL ? rule : "-",
                  whole(j, "trajectories"), whole(j, "problems"),
                  value != NULL ? value : "-");
    if (json_object_get(j, "k_max") != NULL)
        hs_buf_printf(b, ", K = %lld", whole(j, "k_max"));
    hs_buf_printf(b,
                  "\n|delta| > %g: %lld steps, %lld up and %lld down, %lld of "
                  "them held out",
                  json_number_value(json_object_get(j, "threshold")),
                  whole(j, "beyond"), whole(j, "up"), whole(j, "down"),
                  whole(j, "beyond") - whole(j, "train_beyond"));
    if (json_is_number(json_object_get(j, "false_hits"))) {
        hs_buf_str(b, "; noise of the estimates alone would bring ");
        put(b, json_object_get(j, "false_hits"), "1", 0);
    }
    hs_buf_str(b, "\n");
}

static void
put_surprises(struct hs_buf *b, const json_t *j)
{
    hs_buf_printf(
        b, "%lld of %lld trajectories, of %lld problems; V(s0) up to ",
        whole(j, "used"), whole(j, "trajectories"), whole(j, "problems"));
    put(b, json_object_get(j, "low"), "3", 0);
    hs_buf_printf(b, " and right: %lld pleasant ones; from ",
                  whole(j, "pleasant"));
    put(b, json_object_get(j, "high"), "3", 0);
    hs_buf_printf(b, " on and wrong: %lld unpleasant ones\n",
                  whole(j, "unpleasant"));
}

static void
put_figure(struct hs_buf *b, const json_t *eval, int f)
{
    static const char *const words[] = {"beyond the threshold, same deltas",
                                        "chosen by one half, by the other",
                                        "all steps"};
    const json_t *j = json_object_get(eval, hs_rpe_figure_names[f]);
    const json_t *band = json_object_get(json_object_get(eval, "shuffled"),
                                         hs_rpe_figure_names[f]);

    hs_buf_printf(b, "  %-41s%7lld%9lld", words[f], whole(j, "n"),
                  whole(j, "problems"));
    put(b, json_object_get(j, "rho"), "3", 9);
    hs_buf_str(b, "  ");
    put(b, json_object_get(j, "lo"), "3", 7);
    put(b, json_object_get(j, "hi"), "3", 8);
    hs_buf_str(b, "  ");
    put(b, json_object_get(band, "min"), "3", 7);
    put(b, json_object_get(band, "max"), "3", 8);
    hs_buf_str(b, "\n");
}

static void
put_probes(struct hs_buf *b, const struct hs_rpe *s, uint32_t layer)
{
    const struct hs_rpe_found_probe *f = hs_rpe_probe_of(s, layer);

    if (f == NULL)
        return;
    hs_buf_printf(b,
                  "dopamine probe %zu -> %zu -> 1 on z by %s, epoch %" PRIu64
                  " of %zu; Spearman's correlation with delta, held out:\n"
                  "  %-41s%7s%9s%9s  %7s%8s  %s\n",
                  f->probe.d, f->probe.o.hidden, hs_znorm_name(f->probe.znorm),
                  f->probe.epoch, f->probe.n_epochs, "steps", "n", "problems",
                  "rho", "lo", "hi", "shuffled deltas");
    for (int i = 0; i < HS_N_RPE_FIGURES; i++)
        put_figure(b, f->eval, i);
}

/* The figure of the curve: values of a probe have no halves. */
static const char *
curve_figure(const struct hs_rpe *s, uint32_t layer)
{
    size_t at = 0;
    const json_t *j = next_record(s, "rpe-steps", layer, &at);

    return is(j, "value", "probe") ? "selected" : "split_half";
}

/* The pruning curve by one figure. */
static void
put_curve(struct hs_buf *b, const struct hs_rpe *s, uint32_t layer)
{
    const char *figure = curve_figure(s, layer);
    size_t at = 0, from;
    const json_t *j, *band;
    bool any = false;

    while ((j = next_record(s, "rpe-curve", layer, &at)) != NULL) {
        if (!is(j, "set", "top") || !is(j, "figure", figure))
            continue;
        if (!any)
            hs_buf_printf(b, "pruned and fitted anew, %-10s %8s%9s   %s\n",
                          figure, "kept", "rho",
                          "random coordinates   shuffled");
        any = true;
        hs_buf_printf(b, "%34s %8lld", "", whole(j, "kept"));
        put(b, json_object_get(j, "rho"), "3", 9);
        from = at;
        while ((band = next_record(s, "rpe-band", layer, &from)) != NULL)
            if (is(band, "figure", figure) &&
                json_equal(json_object_get(band, "ratio"),
                           json_object_get(j, "ratio"))) {
                hs_buf_str(b, "   ");
                put(b, json_object_get(band, "min"), "3", 7);
                put(b, json_object_get(band, "max"), "3", 8);
            }
        hs_buf_str(b, "\n");
    }
}

static const struct hs_ranking *
ranking_of(const struct hs_rpe *s, uint32_t layer)
{
    for (size_t i = 0; i < s->n_rankings; i++)
        if (s->rankings[i].layer == layer)
            return &s->rankings[i];
    return NULL;
}

static void
put_float(struct hs_buf *b, float x, const char *fmt, int width)
{
    json_t *j = isfinite(x) ? json_real((double)x) : json_null();

    put(b, j, fmt, width);
    json_decref(j);
}

static void
put_coordinates(struct hs_buf *b, const struct hs_rpe *s,
                const struct hs_rpe_coordinates *c)
{
    const struct hs_ranking *r = ranking_of(s, c->layer);
    uint32_t *order = hs_calloc(c->d, sizeof *order);
    size_t n = 0, lines;

    hs_rpe_order(c, order);
    for (size_t j = 0; j < c->d; j++)
        n += c->found[j];
    lines = n > 0 ? n : c->d < 3 ? c->d : 3;
    hs_buf_printf(b,
                  "%zu of %zu coordinates signal an error of the value (q <= "
                  "%g, %" PRIu64
                  " draws)%s\n"
                  "  %10s%5s%9s%9s%9s%9s%9s%9s%12s\n",
                  n, c->d, c->alpha, c->n_permutations,
                  n > 0 ? ":" : "; the nearest:", "coordinate", "sign", "r out",
                  "r exp", "q", "score", "score p", "score q", "probe rank");
    for (size_t i = 0; i < lines && i < (n > 0 ? c->d : MOST_LINES); i++) {
        size_t j = order[i];
        int sign = hs_rpe_sign(c, j);

        hs_buf_printf(b, "  %10zu%5s", j, sign > 0 ? "+" : sign < 0 ? "-" : "");
        put_float(b, c->r_out[j], "3", 9);
        put_float(b, c->r_exp[j], "3", 9);
        put_float(b, c->q[j], "g", 9);
        put_float(b, c->score[j], "3", 9);
        put_float(b, c->score_p[j], "g", 9);
        put_float(b, c->score_q[j], "g", 9);
        if (r != NULL)
            hs_buf_printf(b, "%12" PRIu32, r->rank[j]);
        else
            hs_buf_printf(b, "%12s", "-");
        hs_buf_str(b, "\n");
    }
    free(order);
}

static void
put_warnings(struct hs_buf *b, const json_t *j)
{
    const json_t *warnings = json_object_get(j, "warnings");

    for (size_t i = 0; i < json_array_size(warnings); i++)
        hs_buf_printf(b, "warning: %s\n",
                      json_string_value(json_array_get(warnings, i)));
}

static void
put_layer(struct hs_buf *b, const struct hs_rpe *s,
          const struct hs_rpe_coordinates *c)
{
    size_t at = 0;
    const json_t *j = next_record(s, "rpe-steps", c->layer, &at);

    hs_buf_printf(b, "layer %" PRIu32 ", mode %s\n", c->layer,
                  hs_rpe_mode_name(c->mode));
    if (j != NULL && c->mode == HS_RPE_TD)
        put_steps(b, j);
    if (j != NULL && c->mode == HS_RPE_SURPRISE)
        put_surprises(b, j);
    if (j != NULL)
        put_warnings(b, j);
    put_probes(b, s, c->layer);
    put_curve(b, s, c->layer);
    put_coordinates(b, s, c);
}

/* ---- lines ---- */

static json_t *
number(float x)
{
    return isfinite(x) ? json_real((double)x) : json_null();
}

/* A coordinate as a flat object. */
static json_t *
row(const struct hs_rpe *s, const struct hs_rpe_coordinates *c, size_t j,
    size_t place)
{
    const struct hs_ranking *r = ranking_of(s, c->layer);
    struct hs_rpe_coordinates copy = *c; /* for hs_rpe_column() */
    json_t *o = json_object();

    json_object_set_new(o, "type", json_string("rpe-coordinate"));
    json_object_set_new(o, "mode", json_string(hs_rpe_mode_name(c->mode)));
    json_object_set_new(o, "layer", json_integer(c->layer));
    json_object_set_new(o, "place", json_integer((json_int_t)place));
    json_object_set_new(o, "coordinate", json_integer((json_int_t)j));
    json_object_set_new(o, "found", json_boolean(c->found[j]));
    json_object_set_new(o, "sign", json_integer(hs_rpe_sign(c, j)));
    for (int i = 0; i < HS_N_RPE_COLUMNS; i++) {
        const float *x = *hs_rpe_column(&copy, i);

        json_object_set_new(o, hs_rpe_columns[i],
                            x != NULL ? number(x[j]) : json_null());
    }
    json_object_set_new(o, "probe_rank",
                        r != NULL ? json_integer(r->rank[j]) : json_null());
    return o;
}

static void
put_line(struct hs_buf *b, json_t *o)
{
    hs_json_print(b, o);
    hs_buf_str(b, "\n");
    json_decref(o);
}

static void
put_cells(struct hs_buf *b, json_t *o, bool names)
{
    const char *key;
    json_t *value;
    bool first = true;

    json_object_foreach(o, key, value)
    {
        if (strcmp(key, "type") == 0)
            continue;
        hs_buf_str(b, first ? (names ? "#" : "") : "\t");
        first = false;
        if (names)
            hs_buf_str(b, key);
        else if (!json_is_null(value))
            hs_tsv_cell(b, value);
    }
    hs_buf_str(b, "\n");
    json_decref(o);
}

static void
put_rows(struct hs_buf *b, const struct hs_rpe *s,
         const struct hs_rpe_coordinates *c, bool tsv, bool names)
{
    uint32_t *order = hs_calloc(c->d, sizeof *order);

    hs_rpe_order(c, order);
    if (tsv && names)
        put_cells(b, row(s, c, 0, 1), true);
    for (size_t i = 0; i < c->d; i++) {
        json_t *o = row(s, c, order[i], i + 1);

        if (tsv)
            put_cells(b, o, false);
        else
            put_line(b, o);
    }
    free(order);
}

/* A probe without its weights. */
static json_t *
probe_json(const struct hs_rpe_found_probe *f)
{
    json_t *o = json_object();

    json_object_set_new(o, "type", json_string("rpe-probe"));
    json_object_set_new(o, "layer", json_integer(f->probe.layer));
    json_object_set_new(o, "seed", json_integer((json_int_t)f->probe.o.seed));
    json_object_set_new(o, "znorm", json_string(hs_znorm_name(f->probe.znorm)));
    json_object_set_new(o, "epoch", json_integer((json_int_t)f->probe.epoch));
    json_object_set_new(o, "epochs",
                        json_integer((json_int_t)f->probe.n_epochs));
    json_object_set_new(o, "fit", hs_rpe_fit_json(&f->probe.o));
    json_object_set(o, "eval", f->eval);
    return o;
}

static void
put_json(struct hs_buf *b, const struct hs_rpe *s, const struct hs_list *layers)
{
    for (size_t i = 0; i < json_array_size(s->others); i++) {
        json_t *j = json_array_get(s->others, i);
        const json_t *layer = json_object_get(j, "layer");

        if (!json_is_integer(layer) ||
            wants(layers, (uint32_t)json_integer_value(layer)))
            put_line(b, json_incref(j));
    }
    for (size_t i = 0; i < s->n_probes; i++)
        if (wants(layers, s->probes[i].probe.layer))
            put_line(b, probe_json(&s->probes[i]));
}

static int
put_dependence(struct hs_buf *b, const struct hs_rpe *s, const char *how,
               struct hs_error *err)
{
    for (size_t i = 0; i < json_array_size(s->others); i++) {
        const json_t *j = json_array_get(s->others, i);

        if (is(j, "type", "dependence") && hs_depend_print(b, j, how, err) < 0)
            return -1;
    }
    return 0;
}

int
hs_rpe_report(struct hs_buf *b, const struct hs_rpe *s, const char *how,
              const struct hs_list *layers, struct hs_error *err)
{
    bool tsv = strcmp(how, "tsv") == 0, table = strcmp(how, "table") == 0;
    size_t n = 0;

    for (size_t i = 0; i < s->n_coordinates; i++) {
        const struct hs_rpe_coordinates *c = &s->coordinates[i];

        if (!wants(layers, c->layer))
            continue;
        if (table && n > 0)
            hs_buf_str(b, "\n");
        if (table)
            put_layer(b, s, c);
        else
            put_rows(b, s, c, tsv, n == 0);
        n++;
    }
    if (!table && !tsv) {
        put_json(b, s, layers);
        return 0;
    }
    return put_dependence(b, s, how, err);
}

void
hs_rpe_print_found(struct hs_buf *b, const struct hs_rpe *s,
                   const struct hs_list *layers)
{
    for (size_t i = 0; i < s->n_coordinates; i++) {
        const struct hs_rpe_coordinates *c = &s->coordinates[i];
        bool first = true;

        if (!wants(layers, c->layer))
            continue;
        if (s->n_coordinates > 1)
            hs_buf_printf(b, "%" PRIu32 "\t", c->layer);
        for (size_t j = 0; j < c->d; j++)
            if (c->found[j] != 0) {
                hs_buf_printf(b, "%s%zu", first ? "" : ",", j);
                first = false;
            }
        hs_buf_str(b, "\n");
    }
}

const char *
hs_rpe_report_go_on(const char *report, char **names)
{
    size_t n = strcspn(report, "\n");

    if (report[0] != '#' || report[n] == '\0')
        return report;
    if (*names != NULL && strlen(*names) == n &&
        strncmp(report, *names, n) == 0)
        return report + n + 1;
    free(*names);
    *names = hs_strndup(report, n);
    return report;
}
