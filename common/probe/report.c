/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * report.c - see report.h.
 */
#include <config.h>

#include "probe/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One line of a report: borrowed from the probes. */
struct line {
    uint32_t layer;
    const char *name;   /* a target, or a baseline */
    const char *target; /* that a baseline belongs to, or NULL */
    const char *seed;   /* "" for baselines */
    const json_t *eval;
};

static const char *const measures[] = {
    "auc",     "se",      "lo",     "hi",    "boot_se",
    "boot_lo", "boot_hi", "spread", "brier", "ece"};

static const json_t *
measure(const struct line *l, size_t place, const char *key)
{
    return json_object_get(json_object_get(json_object_get(l->eval, "places"),
                                           hs_place_names[place]),
                           key);
}

/* Calls each() with all lines, layer by layer. */
static void
for_each(const struct hs_probes *p, struct hs_buf *b,
         void (*each)(struct hs_buf *b, const struct line *l))
{
    for (size_t i = 0; i < p->n_found; i++) {
        const struct hs_probe *q = &p->found[i].probe;
        struct hs_buf seed = {0};
        struct line l = {q->layer, hs_target_name(q->o.loss.target), NULL, NULL,
                         p->found[i].eval};

        hs_buf_printf(&seed, "%" PRIu64, q->o.seed);
        l.seed = hs_buf_cstr(&seed);
        each(b, &l);
        hs_buf_free(&seed);
        if (i + 1 < p->n_found && p->found[i + 1].probe.layer == q->layer)
            continue;
        for (size_t k = 0; k < json_array_size(p->others); k++) {
            const json_t *o = json_array_get(p->others, k);
            const char *type = json_string_value(json_object_get(o, "type"));

            if (type == NULL || strcmp(type, "baseline") != 0 ||
                json_integer_value(json_object_get(o, "layer")) != q->layer)
                continue;
            l = (struct line){q->layer,
                              json_string_value(json_object_get(o, "name")),
                              json_string_value(json_object_get(o, "target")),
                              "", json_object_get(o, "eval")};
            if (l.name != NULL)
                each(b, &l);
        }
    }
}

static void
put_number(struct hs_buf *b, const json_t *v, const char *fmt, int width)
{
    struct hs_buf text = {0};

    if (json_is_number(v))
        hs_buf_printf(&text, strcmp(fmt, "2g") == 0 ? "%.2g" : "%.3f",
                      json_number_value(v));
    else
        hs_buf_str(&text, "-");
    hs_buf_printf(b, "%*s", width, hs_buf_cstr(&text));
    hs_buf_free(&text);
}

static void
table_line(struct hs_buf *b, const struct line *l)
{
    struct hs_buf name = {0};

    hs_buf_str(&name, l->name);
    if (l->target != NULL)
        hs_buf_printf(&name, " %s", l->target);
    if (l->seed[0] != '\0')
        hs_buf_printf(&name, " #%s", l->seed);
    hs_buf_printf(b, "%-6" PRIu32 "%-16s", l->layer, hs_buf_cstr(&name));
    hs_buf_free(&name);
    for (size_t k = 0; k < HS_N_PLACES; k++) {
        put_number(b, measure(l, k, "auc"), "3f", 7);
        if (k > 0)
            continue;
        hs_buf_str(b, " (");
        put_number(b, measure(l, k, "lo"), "3f", 0);
        hs_buf_str(b, "-");
        put_number(b, measure(l, k, "hi"), "3f", 0);
        hs_buf_str(b, ")");
    }
    put_number(b, measure(l, 0, "spread"), "2g", 9);
    put_number(b, measure(l, 0, "brier"), "3f", 7);
    put_number(b, measure(l, 0, "ece"), "3f", 7);
    hs_buf_str(b, "\n");
}

static void
report_table(struct hs_buf *b, const struct hs_probes *p)
{
    const json_t *e = p->n_found > 0 ? p->found[0].eval : NULL;

    hs_buf_printf(b,
                  "held out: %" JSON_INTEGER_FORMAT
                  " trajectories of %" JSON_INTEGER_FORMAT
                  " problems, %" JSON_INTEGER_FORMAT " with reward 1\n",
                  json_integer_value(json_object_get(e, "n")),
                  json_integer_value(json_object_get(e, "n_problems")),
                  json_integer_value(json_object_get(e, "n_positive")));
    hs_buf_printf(b, "%-6s%-16s%7s %-15s%6s%7s%7s%7s%9s%7s%7s\n", "layer",
                  "score", "AUC s0", "(95 %)", "25%", "50%", "75%", "sT",
                  "spread", "Brier", "ECE");
    for_each(p, b, table_line);
}

static void
tsv_line(struct hs_buf *b, const struct line *l)
{
    for (size_t k = 0; k < HS_N_PLACES; k++) {
        hs_buf_printf(b, "%" PRIu32 "\t%s\t%s\t%s\t%s", l->layer, l->name,
                      l->target != NULL ? l->target : "", l->seed,
                      hs_place_names[k]);
        for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
            const json_t *v = measure(l, k, measures[i]);

            if (json_is_number(v))
                hs_buf_printf(b, "\t%.9g", json_number_value(v));
            else
                hs_buf_str(b, "\t");
        }
        hs_buf_str(b, "\n");
    }
}

static void
report_tsv(struct hs_buf *b, const struct hs_probes *p)
{
    hs_buf_str(b, "#layer\tscore\ttarget\tseed\tplace");
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
        hs_buf_printf(b, "\t%s", measures[i]);
    hs_buf_str(b, "\n");
    for_each(p, b, tsv_line);
}

static void
json_line(struct hs_buf *b, const struct line *l)
{
    for (size_t k = 0; k < HS_N_PLACES; k++) {
        json_t *o = json_object();
        char *text;

        json_object_set_new(o, "layer", json_integer(l->layer));
        json_object_set_new(o, "score", json_string(l->name));
        json_object_set_new(o, "target",
                            l->target ? json_string(l->target) : json_null());
        json_object_set_new(o, "seed",
                            l->seed[0] ? json_string(l->seed) : json_null());
        json_object_set_new(o, "place", json_string(hs_place_names[k]));
        for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
            const json_t *v = measure(l, k, measures[i]);

            json_object_set_new(o, measures[i],
                                v ? json_copy((json_t *)(uintptr_t)v)
                                  : json_null());
        }
        text = json_dumps(o, JSON_COMPACT);
        hs_buf_printf(b, "%s\n", text);
        free(text);
        json_decref(o);
    }
}

static void
report_json(struct hs_buf *b, const struct hs_probes *p)
{
    for_each(p, b, json_line);
}

void
hs_report(struct hs_buf *b, const struct hs_probes *p, const char *how)
{
    if (strcmp(how, "tsv") == 0)
        report_tsv(b, p);
    else if (strcmp(how, "json") == 0)
        report_json(b, p);
    else
        report_table(b, p);
}
