/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dependtext.c - a record of a dependence test in words and in a table, see
 * depend.h.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "rpe/depend.h"

/* NaN where the record has null. */
struct place {
    bool there;
    double mean, low, high, p; /* p: NaN of ratio */
};

struct figure {
    double none, value; /* none: of rho only */
    struct place random, rms;
};

struct figures {
    struct figure corr, ratio, rho;
};

/* A record, as far as words need it. */
struct test {
    const json_t *record;
    uint64_t dim, k, n_random, n_rms, sinks, trajectories, steps;
    const char *target;
    double alpha, threshold;
    size_t n_coords, n_direct; /* coordinates; those that are zeroed */
    struct figures mean;
};

/* ---- reading ---- */

static int
read_number(const json_t *j, const char *key, double *out, struct hs_error *err)
{
    const json_t *x = json_object_get(j, key);

    *out = (double)NAN;
    if (x == NULL || (!json_is_null(x) && !json_is_number(x)))
        return hs_fail(err, "%s: no number", key);
    if (json_is_number(x))
        *out = json_number_value(x);
    return 0;
}

static int
read_place(const json_t *j, const char *key, bool has_p, struct place *p,
           struct hs_error *err)
{
    const json_t *x = json_object_get(j, key);

    *p = (struct place){.there = x != NULL, .p = (double)NAN};
    if (x == NULL)
        return 0;
    if (read_number(x, "mean", &p->mean, err) < 0 ||
        read_number(x, "low", &p->low, err) < 0 ||
        read_number(x, "high", &p->high, err) < 0 ||
        (has_p && read_number(x, "p", &p->p, err) < 0))
        return hs_fail_prefix(err, "%s", key);
    return 0;
}

static int
read_figure(const json_t *j, const char *key, struct figure *f,
            struct hs_error *err)
{
    const json_t *x = json_object_get(j, key);
    bool has_p = strcmp(key, "ratio") != 0;

    f->none = (double)NAN;
    if ((strcmp(key, "rho") == 0 &&
         read_number(x, "none", &f->none, err) < 0) ||
        read_number(x, "value", &f->value, err) < 0 ||
        read_place(x, "random", has_p, &f->random, err) < 0 ||
        read_place(x, "rms", has_p, &f->rms, err) < 0)
        return hs_fail_prefix(err, "%s", key);
    return 0;
}

static int
read_figures(const json_t *j, struct figures *f, struct hs_error *err)
{
    if (read_figure(j, "corr", &f->corr, err) < 0 ||
        read_figure(j, "ratio", &f->ratio, err) < 0)
        return -1;
    return read_figure(j, "rho", &f->rho, err);
}

static int
read_counts(struct test *t, const json_t *j, struct hs_error *err)
{
    const struct {
        const char *key;
        uint64_t *to;
    } counts[] = {
        {"dim", &t->dim},           {"k", &t->k},
        {"n_random", &t->n_random}, {"n_rms", &t->n_rms},
        {"sinks", &t->sinks},       {"trajectories", &t->trajectories},
        {"steps", &t->steps}};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const json_t *x = json_object_get(j, counts[i].key);

        if (!json_is_integer(x) || json_integer_value(x) < 0)
            return hs_fail(err, "%s: no whole number", counts[i].key);
        *counts[i].to = (uint64_t)json_integer_value(x);
    }
    return 0;
}

static int
read_coord(const json_t *j, struct figures *f, struct hs_error *err)
{
    static const char *const keys[] = {"layer", "index", "sign", "direct",
                                       "traces"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!json_is_integer(json_object_get(j, keys[i])))
            return hs_fail(err, "%s: no whole number", keys[i]);
    return read_figures(j, f, err);
}

static int
read_test(struct test *t, const json_t *j, struct hs_error *err)
{
    const json_t *layers = json_object_get(j, "edit_layers"),
                 *coords = json_object_get(j, "coordinates"), *c;
    struct figures f;
    size_t i;

    *t = (struct test){.record = j};
    t->target = json_string_value(json_object_get(j, "target"));
    if (read_counts(t, j, err) < 0 ||
        read_number(j, "alpha", &t->alpha, err) < 0 ||
        read_number(j, "threshold", &t->threshold, err) < 0)
        return hs_fail_prefix(err, "dependence");
    if (!json_is_array(layers) || json_array_size(layers) == 0 ||
        !json_is_array(coords) || t->target == NULL)
        return hs_fail(err, "dependence: no layers, target or coordinates");
    if (read_figures(json_object_get(j, "mean"), &t->mean, err) < 0)
        return hs_fail_prefix(err, "dependence: mean");
    t->n_coords = json_array_size(coords);
    json_array_foreach(coords, i, c)
    {
        if (read_coord(c, &f, err) < 0)
            return hs_fail_prefix(err, "dependence: coordinate %zu", i);
        t->n_direct += json_integer_value(json_object_get(c, "direct")) > 0;
    }
    return 0;
}

/* ---- words ---- */

static void
add_words(json_t *all, struct hs_buf *b)
{
    (void)json_array_append_new(all, json_string(hs_buf_cstr(b)));
    hs_buf_free(b);
}

/* "1-3,5" */
static void
add_layers(struct hs_buf *b, const json_t *layers)
{
    size_t n = json_array_size(layers);

    for (size_t i = 0; i < n; i++) {
        json_int_t from = json_integer_value(json_array_get(layers, i)),
                   to = from;

        while (i + 1 < n &&
               json_integer_value(json_array_get(layers, i + 1)) == to + 1) {
            to++;
            i++;
        }
        hs_buf_printf(b, b->len > 0 && b->data[b->len - 1] != ' ' ? "," : "");
        hs_buf_printf(b, "%" JSON_INTEGER_FORMAT, from);
        if (to > from)
            hs_buf_printf(b, "-%" JSON_INTEGER_FORMAT, to);
    }
}

static void
say_what(json_t *all, const struct test *t)
{
    const json_t *layers = json_object_get(t->record, "edit_layers");
    struct hs_buf b = {0};

    hs_buf_printf(&b,
                  "The first %" PRIu64 " of %" PRIu64
                  " value neurons (%s) were zeroed in layer%s ",
                  t->k, t->dim, t->target,
                  json_array_size(layers) > 1 ? "s" : "");
    add_layers(&b, layers);
    hs_buf_printf(&b,
                  ", and %" PRIu64
                  " responses read again: the trace%s of %zu coordinate%s "
                  "correlate%s %.2f with the unedited one%s (1: untouched, 0: "
                  "nothing is left).",
                  t->trajectories, t->n_coords == 1 ? "" : "s", t->n_coords,
                  t->n_coords == 1 ? "" : "s", t->n_coords == 1 ? "s" : "",
                  t->mean.corr.value, t->n_coords == 1 ? "" : "s");
    add_words(all, &b);
}

/* Whether the value set stands out. */
static bool
stands_out(const struct test *t, const struct place *p)
{
    return p->there && p->p <= t->alpha;
}

static void
say_draws(json_t *all, const struct test *t, const struct place *p, uint64_t n,
          const char *what)
{
    struct hs_buf b = {0};
    double as_low;

    if (!p->there)
        return;
    hs_buf_printf(&b, "As many %s: %.2f (%.2f to %.2f over %" PRIu64 " draws)",
                  what, p->mean, p->low, p->high, n);
    if (isnan(p->p)) {
        hs_buf_str(&b, "; there is nothing to compare.");
        add_words(all, &b);
        return;
    }
    as_low = round(p->p * ((double)n + 1)) - 1;
    if (as_low > 0)
        hs_buf_printf(&b, "; %.0f of them break the trace%s as much (p = %.3g)",
                      as_low, t->n_coords == 1 ? "" : "s", p->p);
    else
        hs_buf_printf(&b, "; none breaks the trace%s as much (p = %.3g)",
                      t->n_coords == 1 ? "" : "s", p->p);
    if (1 / ((double)n + 1) > t->alpha)
        hs_buf_printf(&b, "; so few draws can not show it at %g", t->alpha);
    hs_buf_str(&b, ".");
    add_words(all, &b);
}

static void
say_verdict(json_t *all, const struct test *t)
{
    const struct figure *f = &t->mean.corr;
    bool random = stands_out(t, &f->random), rms = stands_out(t, &f->rms);
    bool both = f->random.there && f->rms.there;
    struct hs_buf b = {0};

    if (!f->random.there && !f->rms.there)
        hs_buf_str(&b, "Without draws there is nothing to compare this with.");
    else if (isnan(f->value))
        hs_buf_str(&b, "No response had a trace to compare.");
    else if ((random || !f->random.there) && (rms || !f->rms.there))
        hs_buf_printf(&b,
                      "Zeroing value neurons of earlier layers breaks the "
                      "trace%s more than draws %sdo.",
                      t->n_coords == 1 ? "" : "s",
                      both           ? ""
                      : f->rms.there ? "of like RMS "
                                     : "at random ");
    else if (random)
        hs_buf_str(&b,
                   "That is more than at random, but not more than "
                   "coordinates as large: their size may be all there is "
                   "to it.");
    else if (rms)
        hs_buf_str(&b,
                   "That is more than coordinates as large do, but not "
                   "more than any at random: no clear dependence.");
    else
        hs_buf_str(&b,
                   "Zeroing value neurons of earlier layers is not "
                   "distinguishable from zeroing others: no dependence "
                   "is shown.");
    add_words(all, &b);
}

static void
say_rho(json_t *all, const struct test *t)
{
    const struct figure *f = &t->mean.rho;
    struct hs_buf b = {0};

    if (isnan(f->none))
        return;
    hs_buf_printf(&b,
                  "The correlation with delta over %" PRIu64
                  " steps of |delta| > %g is %.2f unedited and %.2f with value "
                  "neurons zeroed",
                  t->steps, t->threshold, f->none, f->value);
    if (f->random.there)
        hs_buf_printf(&b, ", %.2f at random (p = %.3g)", f->random.mean,
                      f->random.p);
    if (f->rms.there)
        hs_buf_printf(&b, ", %.2f with others of like RMS (p = %.3g)",
                      f->rms.mean, f->rms.p);
    hs_buf_str(&b, ".");
    add_words(all, &b);
}

static void
say_notes(json_t *all, const struct test *t)
{
    struct hs_buf b = {0};

    if (t->n_direct > 0) {
        hs_buf_printf(&b,
                      "%zu of the coordinates are among those that were zeroed "
                      "in an earlier layer, and draws zero them there too.",
                      t->n_direct);
        add_words(all, &b);
    }
    if (t->sinks > 0) {
        hs_buf_printf(&b,
                      "%" PRIu64
                      " of the first value neurons are attention sinks, which "
                      "any trace needs: they were passed over.",
                      t->sinks);
        add_words(all, &b);
    }
}

json_t *
hs_depend_words(const json_t *record, struct hs_error *err)
{
    struct test t;
    json_t *all;

    if (read_test(&t, record, err) < 0)
        return NULL;
    all = json_array();
    say_what(all, &t);
    say_draws(all, &t, &t.mean.corr.random, t.n_random, "at random");
    say_draws(all, &t, &t.mean.corr.rms, t.n_rms, "of like RMS");
    say_verdict(all, &t);
    say_rho(all, &t);
    say_notes(all, &t);
    return all;
}

/* ---- tables ---- */

static const struct {
    const char *name;
    int width;
} columns[] = {
    {"layer", 5},  {"index", 6},  {"sign", 4}, {"direct", 6}, {"traces", 6},
    {"corr", 6},   {"random", 6}, {"p", 6},    {"rms", 6},    {"p", 6},
    {"ratio", 6},  {"random", 6}, {"rms", 6},  {"rho0", 6},   {"rho", 6},
    {"random", 6}, {"p", 6},      {"rms", 6},  {"p", 6},
};

static const char *const tsv_names =
    "#layer\tindex\tsign\tdirect\ttraces\tcorr\tcorr_random\tcorr_random_p\t"
    "corr_rms\tcorr_rms_p\tratio\tratio_random\tratio_rms\trho_none\trho\t"
    "rho_random\trho_random_p\trho_rms\trho_rms_p\n";

enum {
    N_COLUMNS = sizeof columns / sizeof columns[0],
    FIRST_REAL = 5
};

static double
there(const struct place *p, double x)
{
    return p->there ? x : (double)NAN;
}

static void
add_reals(struct hs_buf *b, const struct figures *f, bool tsv)
{
    const double x[N_COLUMNS - FIRST_REAL] = {
        f->corr.value,
        there(&f->corr.random, f->corr.random.mean),
        f->corr.random.p,
        there(&f->corr.rms, f->corr.rms.mean),
        f->corr.rms.p,
        f->ratio.value,
        there(&f->ratio.random, f->ratio.random.mean),
        there(&f->ratio.rms, f->ratio.rms.mean),
        f->rho.none,
        f->rho.value,
        there(&f->rho.random, f->rho.random.mean),
        f->rho.random.p,
        there(&f->rho.rms, f->rho.rms.mean),
        f->rho.rms.p,
    };

    for (size_t i = 0; i < N_COLUMNS - FIRST_REAL; i++) {
        int width = columns[FIRST_REAL + i].width;

        if (tsv && isnan(x[i]))
            hs_buf_str(b, "\t");
        else if (tsv)
            hs_buf_printf(b, "\t%.9g", x[i]);
        else if (isnan(x[i]))
            hs_buf_printf(b, "  %*s", width, "-");
        else
            hs_buf_printf(b, "  %*.3f", width, x[i]);
    }
    hs_buf_str(b, "\n");
}

static int
add_row(struct hs_buf *b, const json_t *coord, bool tsv, struct hs_error *err)
{
    struct figures f;

    if (read_coord(coord, &f, err) < 0)
        return -1;
    for (size_t i = 0; i < FIRST_REAL; i++) {
        json_int_t x =
            json_integer_value(json_object_get(coord, columns[i].name));

        if (tsv)
            hs_buf_printf(b, "%s%" JSON_INTEGER_FORMAT, i > 0 ? "\t" : "", x);
        else
            hs_buf_printf(b, "%s%*" JSON_INTEGER_FORMAT, i > 0 ? "  " : "",
                          columns[i].width, x);
    }
    add_reals(b, &f, tsv);
    return 0;
}

static void
add_mean(struct hs_buf *b, const struct figures *mean)
{
    int width = 0;

    for (size_t i = 0; i < FIRST_REAL; i++)
        width += columns[i].width + (i > 0 ? 2 : 0);
    hs_buf_printf(b, "%-*s", width, "mean");
    add_reals(b, mean, false);
}

int
hs_depend_print(struct hs_buf *b, const json_t *record, const char *how,
                struct hs_error *err)
{
    bool tsv = strcmp(how, "tsv") == 0;
    const json_t *c, *s;
    json_t *words = hs_depend_words(record, err);
    struct test t;
    size_t i;

    if (words == NULL)
        return -1;
    for (i = 0; i < N_COLUMNS && !tsv; i++)
        hs_buf_printf(b, "%s%*s", i > 0 ? "  " : "", columns[i].width,
                      columns[i].name);
    hs_buf_str(b, tsv ? tsv_names : "\n");
    json_array_foreach(json_object_get(record, "coordinates"), i, c)
    {
        if (add_row(b, c, tsv, err) < 0) {
            json_decref(words);
            return -1;
        }
    }
    if (!tsv && read_test(&t, record, err) == 0)
        add_mean(b, &t.mean);
    if (!tsv)
        hs_buf_str(b, "\n");
    json_array_foreach(words, i, s) if (!tsv)
        hs_buf_printf(b, "%s\n", json_string_value(s));
    json_decref(words);
    return 0;
}
