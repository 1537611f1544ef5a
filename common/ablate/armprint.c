/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armprint.c - figures of arms as a table, TSV or JSON, see armsum.h.
 */
#include <config.h>

#include "ablate/armsum.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/armdata.h"
#include "base/json.h"
#include "stream/jsonview.h"

enum {
    LINE = 79 /* columns of the verdict */
};

/* ---- JSON ---- */

static void
put(json_t *o, const char *key, json_t *v)
{
    (void)json_object_set_new(o, key, v);
}

static void
put_count(json_t *o, const char *key, uint64_t n)
{
    put(o, key, json_integer((json_int_t)n));
}

static void
put_number(json_t *o, const char *key, double x)
{
    put(o, key, hs_json_number(x));
}

static json_t *
interval_json(const struct hs_interval *v)
{
    json_t *j = json_object();

    put_number(j, "value", v->value);
    put_number(j, "se", v->se);
    put_number(j, "lo", v->lo);
    put_number(j, "hi", v->hi);
    return j;
}

static json_t *
task_json(const struct hs_arm_task *t)
{
    json_t *j = json_object();

    put_count(j, "n", t->n);
    put_count(j, "n_right", t->n_right);
    put_count(j, "n_undecided", t->n_undecided);
    put(j, "accuracy", interval_json(&t->accuracy));
    put_count(j, "n_pairs", t->n_pairs);
    put_count(j, "lost", t->lost);
    put_count(j, "gained", t->gained);
    put(j, "diff", interval_json(&t->diff));
    put_number(j, "p", t->p);
    put_number(j, "p_holm", t->p_holm);
    return j;
}

static json_t *
place_json(const struct hs_arm_place *p)
{
    json_t *j = json_object();

    put_count(j, "n_draws", p->n_draws);
    put_count(j, "n_as_low", p->n_as_low);
    put_number(j, "mean", p->n_draws > 0 ? p->mean : NAN);
    put_number(j, "lowest", p->n_draws > 0 ? p->lowest : NAN);
    put_number(j, "highest", p->n_draws > 0 ? p->highest : NAN);
    put_number(j, "p", p->p);
    return j;
}

/* An arm's own members, without the long lists, then its figures. */
static json_t *
result_json(const struct hs_armsum *s, size_t i)
{
    const struct hs_arm_result *r = hs_armsum_result(s, i);
    json_t *j = json_copy(s->tally[i].json);

    (void)json_object_del(j, "coords");
    (void)json_object_del(j, "values");
    put(j, "same", json_boolean(r->same));
    put_count(j, "n_items", r->n_items);
    put(j, "main", task_json(&r->main));
    put(j, "also", task_json(&r->also));
    put_number(j, "parsed", r->parsed);
    put_number(j, "eos", r->eos);
    put_number(j, "length", r->length);
    put_number(j, "mean_tokens", r->mean_tokens);
    put_number(j, "repetition", r->repetition);
    put_number(j, "own_ppl", r->own_ppl);
    put_number(j, "neutral_ppl", r->neutral_ppl);
    put_count(j, "edits", r->edits);
    put_count(j, "edited_rows", r->edited_rows);
    put(j, "random", place_json(&r->random));
    put(j, "random_sinks", place_json(&r->random_sinks));
    put(j, "rms", place_json(&r->rms));
    return j;
}

static json_t *
run_json(const struct hs_armsum *s)
{
    json_t *run = json_copy((json_t *)(uintptr_t)hs_armsum_run(s)), *arms;

    arms = json_array();
    for (size_t i = 0; i < hs_armsum_count(s); i++) {
        json_t *a = json_copy(s->tally[i].json);

        (void)json_object_del(a, "coords");
        (void)json_object_del(a, "values");
        (void)json_array_append_new(arms, a);
    }
    put(run, "arms", arms);
    return run;
}

static json_t *
summary_json(const struct hs_armsum *s)
{
    const struct hs_armsum_power *power = hs_armsum_power(s);
    json_t *j = json_object(), *options = json_object(), *arms = json_array();

    put(j, "fingerprint", json_string(s->head.fingerprint));
    put(j, "family", json_string(s->head.family));
    put_count(j, "n_problems", s->items[HS_ARMPART_PROBLEMS].n_problems);
    put_count(j, "n_noop", s->n_noop);
    put_number(j, "smallest_drop", power->smallest_drop);
    put_number(j, "power", power->power);
    put_number(j, "p_gained", power->p_gained);
    put_number(options, "level", s->o.level);
    put_number(options, "alpha", s->o.alpha);
    put_count(options, "n_boot", s->o.n_boot);
    put_count(options, "seed", s->o.seed);
    put(j, "options", options);
    for (size_t i = 0; i < hs_armsum_count(s); i++)
        (void)json_array_append_new(arms, result_json(s, i));
    put(j, "arms", arms);
    put(j, "verdict", hs_armsum_verdict(s));
    put(j, "run", run_json(s));
    return j;
}

static void
print_json(struct hs_buf *b, const struct hs_armsum *s)
{
    json_t *j = summary_json(s);

    hs_json_print(b, j);
    hs_buf_str(b, "\n");
    json_decref(j);
}

/* ---- TSV ---- */

static void
print_tsv(struct hs_buf *b, const struct hs_armsum *s)
{
    for (size_t i = 0; i < hs_armsum_count(s); i++) {
        json_t *j = result_json(s, i), *flat = hs_json_flat(j), *v;
        const char *key, *before = "#";

        if (i == 0) {
            json_object_foreach(flat, key, v)
            {
                hs_buf_printf(b, "%s%s", before, key);
                before = "\t";
            }
            hs_buf_str(b, "\n");
        }
        before = "";
        json_object_foreach(flat, key, v)
        {
            hs_buf_str(b, before);
            if (!json_is_null(v))
                hs_tsv_cell(b, v);
            before = "\t";
        }
        hs_buf_str(b, "\n");
        json_decref(flat);
        json_decref(j);
    }
}

/* ---- the table ---- */

/* What a line shows: figures of an arm, or the means of draws. */
struct line {
    double accuracy, lo, hi, diff, diff_lo, diff_hi, lost, gained, p;
    double parsed, eos, tokens, repetition, own, neutral, also;
    bool draws; /* lo and hi are the range */
};

static struct line
line_of(const struct hs_arm_result *r)
{
    const struct hs_arm_task *t = &r->main;
    bool edited = r->arm->kind != HS_ARM_NONE;

    return (struct line){
        .accuracy = 100 * t->accuracy.value,
        .lo = 100 * t->accuracy.lo,
        .hi = 100 * t->accuracy.hi,
        .diff = edited ? 100 * t->diff.value : NAN,
        .diff_lo = 100 * t->diff.lo,
        .diff_hi = 100 * t->diff.hi,
        .lost = edited && t->n_pairs > 0 ? (double)t->lost : NAN,
        .gained = (double)t->gained,
        .p = t->p_holm,
        .parsed = r->parsed,
        .eos = r->eos,
        .tokens = r->mean_tokens,
        .repetition = r->repetition,
        .own = r->own_ppl,
        .neutral = r->neutral_ppl,
        .also = 100 * r->also.accuracy.value,
    };
}

/* Adds x to a mean of n values. */
static void
average(double *mean, double x, double n)
{
    *mean += (x - *mean) / n;
}

static void
add_draw(struct line *l, const struct hs_arm_result *r, double n)
{
    struct line x = line_of(r);

    if (n <= 1) {
        *l = x;
        l->lo = l->hi = x.accuracy;
        l->lost = l->p = NAN;
        l->draws = true;
        return;
    }
    l->lo = fmin(l->lo, x.accuracy);
    l->hi = fmax(l->hi, x.accuracy);
    average(&l->accuracy, x.accuracy, n);
    average(&l->diff, x.diff, n);
    average(&l->parsed, x.parsed, n);
    average(&l->eos, x.eos, n);
    average(&l->tokens, x.tokens, n);
    average(&l->repetition, x.repetition, n);
    average(&l->own, x.own, n);
    average(&l->neutral, x.neutral, n);
    average(&l->also, x.also, n);
}

/* A cell of a width, with a space before it. */
static void
cell(struct hs_buf *b, int width, const char *text)
{
    hs_buf_printf(b, " %*s", width, text);
}

/* With so many decimals; more than six digits are left to exponents. */
static void
number(struct hs_buf *b, int width, int decimals, double x)
{
    if (isnan(x))
        cell(b, width, "-");
    else if (fabs(x) < 1e5)
        hs_buf_printf(b, " %*.*f", width, decimals, x);
    else
        hs_buf_printf(b, " %*.1e", width, x);
}

static void
p_value(struct hs_buf *b, int width, double p)
{
    if (p < 1e-4)
        cell(b, width, "<.0001");
    else if (isnan(p))
        cell(b, width, "-");
    else
        hs_buf_printf(b, " %*.2g", width, p);
}

/* A value, and what lies around it in brackets. */
static void
interval(struct hs_buf *b, int width, const struct line *l, bool diff)
{
    char text[80];

    if (isnan(diff ? l->diff : l->accuracy))
        (void)snprintf(text, sizeof text, "-");
    else if (diff && l->draws)
        (void)snprintf(text, sizeof text, "%+.1f", l->diff);
    else if (diff)
        (void)snprintf(text, sizeof text, "%+.1f [%+.1f,%+.1f]", l->diff,
                       l->diff_lo, l->diff_hi);
    else
        (void)snprintf(text, sizeof text,
                       l->draws ? "%.1f (%.0f,%.0f)" : "%.1f [%.0f,%.0f]",
                       l->accuracy, l->lo, l->hi);
    cell(b, width, text);
}

static void
print_names(struct hs_buf *b)
{
    hs_buf_printf(b, "%-13s %13s %19s %9s %6s %5s %4s %5s %4s %6s %7s %5s\n",
                  "arm", "% right", "difference", "lost/gain", "p", "parse",
                  "EOS", "len", "rep", "own", "neutral", "also");
}

static void
print_line(struct hs_buf *b, const char *name, const struct line *l)
{
    char text[64] = "-";

    hs_buf_printf(b, "%-13s", name);
    if (strlen(name) > 13)
        hs_buf_printf(b, "\n%-13s", "");
    interval(b, 13, l, false);
    interval(b, 19, l, true);
    if (!isnan(l->lost))
        (void)snprintf(text, sizeof text, "%.0f/%.0f", l->lost, l->gained);
    cell(b, 9, text);
    p_value(b, 6, l->p);
    number(b, 5, 2, l->parsed);
    number(b, 4, 2, l->eos);
    number(b, 5, l->tokens < 1000 ? 1 : 0, l->tokens);
    number(b, 4, 2, l->repetition);
    number(b, 6, 2, l->own);
    number(b, 7, 2, l->neutral);
    number(b, 5, 1, l->also);
    hs_buf_str(b, "\n");
}

static bool
same_block(const struct hs_arm *a, const struct hs_arm *b)
{
    return hs_arm_is_peer(a, b) && a->edit.n == b->edit.n;
}

static void
print_block(struct hs_buf *b, const struct hs_arm *a)
{
    static const char *const where[] = {
        [HS_EDIT_ALL] = "all positions",
        [HS_EDIT_GENERATED] = "generated positions",
        [HS_EDIT_NOT_FIRST] = "all positions but 0",
    };

    hs_buf_printf(b, "\nlayer %" PRIu32 ", %zu coordinate%s", a->edit.layer,
                  a->edit.n, a->edit.n == 1 ? "" : "s");
    if (a->size != NULL)
        hs_buf_printf(b, " (%s)", a->size);
    hs_buf_printf(b, ", %s at %s\n", a->mode, where[a->edit.where]);
}

/* The name of an arm inside its block: kind and, of a list or other ranking,
 * its file, as in the label. */
static void
print_arm(struct hs_buf *b, const struct hs_arm_result *r)
{
    const char *label = r->arm->label, *slash = strchr(label, '/');
    const char *name = slash != NULL ? slash + 1 : label, *at;
    struct hs_buf text = {0};
    struct line l = line_of(r);
    size_t n = strlen(name);

    if (r->arm->size != NULL) {
        at = strstr(name, r->arm->size);
        /* the last "@SIZE" of the label: paths may have one too */
        for (const char *next = at; next != NULL;
             next = strstr(next + 1, r->arm->size))
            if (next > name && next[-1] == '@')
                at = next;
        if (at != NULL && at > name && at[-1] == '@')
            n = (size_t)(at - name) - 1;
    }
    hs_buf_add(&text, name, n);
    if (r->same)
        hs_buf_str(&text, " =");
    print_line(b, hs_buf_cstr(&text), &l);
    hs_buf_free(&text);
}

/* One line for the draws of a kind that begin with arm i; returns how many
 * arms they are. */
static size_t
print_draws(struct hs_buf *b, const struct hs_armsum *s, size_t i)
{
    const struct hs_arm *first = hs_armsum_result(s, i)->arm;
    struct line l = line_of(hs_armsum_result(s, i));
    size_t n = 0, have = 0;
    char name[64];

    l.lost = NAN;
    for (; i + n < hs_armsum_count(s); n++) {
        const struct hs_arm_result *r = hs_armsum_result(s, i + n);

        if (r->arm->kind != first->kind || !same_block(r->arm, first))
            break;
        if (r->n_items > 0)
            add_draw(&l, r, (double)++have);
    }
    (void)snprintf(name, sizeof name, "%s x%zu", hs_arm_kind_name(first->kind),
                   have);
    print_line(b, name, &l);
    return n;
}

/* Up to where a line may be broken: "5 %" and "p = 0.1" stay whole. */
static size_t
word_length(const char *s)
{
    size_t n = strcspn(s, " ");

    while (n > 0 && s[n] == ' ' && s[n + 1] != '\0' &&
           (strchr("%=<", s[n + 1]) != NULL || strchr("=<", s[n - 1]) != NULL))
        n += 1 + strcspn(s + n + 1, " ");
    return n;
}

/* A line of the verdict, words to a width. */
static void
print_words(struct hs_buf *b, const char *s)
{
    size_t column = 0;

    while (*s != '\0') {
        size_t n = word_length(s);

        if (column > 0 && column + 1 + n > LINE) {
            hs_buf_str(b, "\n  ");
            column = 2;
        } else if (column > 0) {
            hs_buf_str(b, " ");
            column++;
        }
        hs_buf_add(b, s, n);
        column += n;
        s += n + (s[n] != '\0');
    }
    hs_buf_str(b, "\n");
}

static void
print_table(struct hs_buf *b, const struct hs_armsum *s)
{
    const struct hs_arm *block = NULL;
    json_t *verdict = hs_armsum_verdict(s), *v;
    size_t i = 0;

    print_names(b);
    while (i < hs_armsum_count(s)) {
        const struct hs_arm_result *r = hs_armsum_result(s, i);

        if (hs_arm_is_edited(r->arm) &&
            (block == NULL || !same_block(block, r->arm)))
            print_block(b, r->arm);
        if (r->arm->kind == HS_ARM_NOOP)
            hs_buf_printf(b, "\nlayer %" PRIu32 ", tap only\n",
                          r->arm->edit.layer);
        block = r->arm;
        if (hs_arm_is_drawn(r->arm->kind)) {
            i += print_draws(b, s, i);
        } else {
            print_arm(b, r);
            i++;
        }
    }
    hs_buf_str(b,
               "\n[] interval, () range of draws; own, neutral: perplexity; "
               "=: not run, the same set as another\n\n");
    json_array_foreach(verdict, i, v)
    {
        print_words(b, json_string_value(v));
    }
    json_decref(verdict);
}

void
hs_armsum_print(struct hs_buf *b, const struct hs_armsum *s, const char *how)
{
    if (strcmp(how, "json") == 0)
        print_json(b, s);
    else if (strcmp(how, "tsv") == 0)
        print_tsv(b, s);
    else
        print_table(b, s);
}
