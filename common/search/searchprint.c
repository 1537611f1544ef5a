/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * searchprint.c - figures of scorers as a table, TSV, JSON and words, see
 * searchsum.h.
 */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "search/sumdata.h"
#include "stream/jsonview.h"

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
versus_json(const struct hs_search_versus *v)
{
    json_t *j = json_object();

    put_count(j, "n_pairs", v->n_pairs);
    put_count(j, "n_problems", v->n_problems);
    put_count(j, "lost", v->lost);
    put_count(j, "gained", v->gained);
    put(j, "diff", interval_json(&v->diff));
    put_number(j, "p", v->p);
    put_number(j, "p_holm", v->p_holm);
    put_number(j, "smallest_gain", v->smallest);
    return j;
}

static json_t *
result_json(const struct hs_searchsum *s, size_t i)
{
    const struct hs_search_result *r = &s->results[i];
    json_t *j = json_copy(s->arms[i].json), *seeds = json_object();

    put_count(j, "n_answers", r->n_answers);
    put_count(j, "n", r->n);
    put_count(j, "n_right", r->n_right);
    put_count(j, "n_undecided", r->n_undecided);
    put(j, "accuracy", interval_json(&r->accuracy));
    for (size_t k = 0; k < s->n_seeds; k++) {
        struct hs_buf name = {0};

        hs_buf_printf(&name, "%" PRIu64, s->seeds[k]);
        put_number(seeds, hs_buf_cstr(&name),
                   r->seed_n[k] > 0
                       ? (double)r->seed_right[k] / (double)r->seed_n[k]
                       : (double)NAN);
        hs_buf_free(&name);
    }
    put(j, "seeds", seeds);
    put_number(j, "parsed", r->parsed);
    put_number(j, "eos", r->eos);
    put_number(j, "length", r->length);
    put_number(j, "tokens", r->tokens);
    put_number(j, "answer_tokens", r->answer_tokens);
    put_number(j, "cost", r->cost);
    put(j, "vs_greedy", versus_json(&r->greedy));
    put(j, "vs_random", versus_json(&r->random));
    return j;
}

static void
print_json(struct hs_buf *b, const struct hs_searchsum *s)
{
    json_t *j = json_object(), *options = json_object(),
           *scorers = json_array(), *seeds = json_array();

    put(j, "fingerprint", json_string(s->head.fingerprint));
    put(j, "family", json_string(s->head.family));
    put_count(j, "n_problems", s->n_problems);
    for (size_t k = 0; k < s->n_seeds; k++)
        (void)json_array_append_new(seeds,
                                    json_integer((json_int_t)s->seeds[k]));
    put(j, "seeds", seeds);
    put_number(options, "level", s->o.level);
    put_number(options, "alpha", s->o.alpha);
    put_count(options, "n_boot", s->o.n_boot);
    put_count(options, "seed", s->o.seed);
    put(j, "options", options);
    for (size_t i = 0; i < s->n_arms; i++)
        (void)json_array_append_new(scorers, result_json(s, i));
    put(j, "scorers", scorers);
    put(j, "words", hs_searchsum_words(s));
    put(j, "run", json_incref(s->head.run));
    hs_json_print(b, j);
    hs_buf_str(b, "\n");
    json_decref(j);
}

/* ---- TSV ---- */

/* Members that only some scorers have would not be in line. */
static json_t *
even_json(const struct hs_searchsum *s, size_t i)
{
    static const char *const some[] = {"digest", "layer", "probes", "target",
                                       "znorm"};
    json_t *j = result_json(s, i), *flat;

    for (size_t k = 0; k < sizeof some / sizeof some[0]; k++)
        (void)json_object_del(j, some[k]);
    flat = hs_json_flat(j);
    json_decref(j);
    return flat;
}

static void
print_tsv(struct hs_buf *b, const struct hs_searchsum *s)
{
    for (size_t i = 0; i < s->n_arms; i++) {
        json_t *flat = even_json(s, i), *v;
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
    }
}

/* ---- words ---- */

static void
say_p(struct hs_buf *b, double p)
{
    if (p < 1e-4)
        hs_buf_str(b, "p < 0.0001");
    else
        hs_buf_printf(b, "p = %.2g", p);
}

/* How a scorer stands beside another one. */
static void
say_versus(const struct hs_searchsum *s, const struct hs_search_result *r,
           const struct hs_search_versus *v, const char *than, struct hs_buf *b)
{
    bool found = v->p_holm <= s->o.alpha;
    double room = 1 - (r->accuracy.value - v->diff.value);

    if (v->n_pairs == 0)
        return;
    if (found)
        hs_buf_printf(b, ", %s than %s (",
                      v->diff.value > 0 ? "better" : "worse", than);
    else
        hs_buf_printf(b, ", not distinguishable from %s (", than);
    hs_buf_printf(b, "%+.1f points", 100 * v->diff.value);
    if (v->diff.se > 0)
        hs_buf_printf(b, " [%+.1f, %+.1f]", 100 * v->diff.lo, 100 * v->diff.hi);
    hs_buf_str(b, ", ");
    say_p(b, v->p_holm);
    if (!found && v->p <= s->o.alpha)
        hs_buf_printf(b, "; alone it would be %.2g", v->p);
    if (!found && v->smallest <= room)
        hs_buf_printf(b, "; a gain of %.1f would have been found",
                      100 * v->smallest);
    else if (!found)
        hs_buf_str(b, "; no gain could have been found");
    hs_buf_str(b, ")");
}

static void
say_result(const struct hs_searchsum *s, const struct hs_search_result *r,
           struct hs_buf *b)
{
    hs_buf_printf(b, "%s: ", r->name);
    if (r->n == 0) {
        hs_buf_str(b, "no decided answers.");
        return;
    }
    hs_buf_printf(b, "%.1f %% of %" PRIu64 " right", 100 * r->accuracy.value,
                  r->n);
    if (r->n_undecided > 0)
        hs_buf_printf(b, " (%" PRIu64 " undecided)", r->n_undecided);
    say_versus(s, r, &r->greedy, "greedy", b);
    say_versus(s, r, &r->random, "random", b);
    hs_buf_str(b, ".");
    if (r->kind == HS_SCORER_ORACLE)
        hs_buf_str(b, " It knows the right answers: a bound, not a method.");
}

json_t *
hs_searchsum_words(const struct hs_searchsum *s)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < s->n_arms; i++) {
        struct hs_buf b = {0};

        say_result(s, &s->results[i], &b);
        (void)json_array_append_new(lines, json_string(hs_buf_cstr(&b)));
        hs_buf_free(&b);
    }
    return lines;
}

/* ---- the table ---- */

static void
cell(struct hs_buf *b, int width, const char *text)
{
    hs_buf_printf(b, " %*s", width, text);
}

static void
number(struct hs_buf *b, int width, int decimals, double x)
{
    if (isnan(x))
        cell(b, width, "-");
    else
        hs_buf_printf(b, " %*.*f", width, decimals, x);
}

static void
versus_cells(struct hs_buf *b, const struct hs_search_versus *v)
{
    char text[64] = "-";

    if (v->n_pairs > 0 && v->lost + v->gained == 0)
        (void)snprintf(text, sizeof text, "+0.0");
    else if (v->n_pairs > 0)
        (void)snprintf(text, sizeof text, "%+.1f [%+.1f,%+.1f]",
                       100 * v->diff.value, 100 * v->diff.lo, 100 * v->diff.hi);
    cell(b, 18, text);
    if (v->n_pairs > 0 && v->p_holm < 1e-4)
        (void)snprintf(text, sizeof text, "<.0001");
    else if (v->n_pairs > 0)
        (void)snprintf(text, sizeof text, "%.2g", v->p_holm);
    cell(b, 6, text);
}

static void
print_row(struct hs_buf *b, const struct hs_search_result *r)
{
    char text[64] = "-";

    hs_buf_printf(b, "%-10s", r->name);
    if (strlen(r->name) > 10)
        hs_buf_printf(b, "\n%-10s", "");
    if (r->n > 0)
        (void)snprintf(text, sizeof text, "%.1f [%.0f,%.0f]",
                       100 * r->accuracy.value, 100 * r->accuracy.lo,
                       100 * r->accuracy.hi);
    cell(b, 13, text);
    versus_cells(b, &r->greedy);
    versus_cells(b, &r->random);
    number(b, 7, 0, r->tokens);
    number(b, 5, 1, r->cost);
    hs_buf_str(b, "\n");
}

static void
print_seeds(struct hs_buf *b, const struct hs_searchsum *s)
{
    if (s->n_seeds < 2)
        return;
    hs_buf_printf(b, "\n%-10s", "seed");
    for (size_t k = 0; k < s->n_seeds; k++)
        hs_buf_printf(b, " %6" PRIu64, s->seeds[k]);
    hs_buf_printf(b, " %6s %5s %5s\n", "parse", "EOS", "len");
    for (size_t i = 0; i < s->n_arms; i++) {
        const struct hs_search_result *r = &s->results[i];

        hs_buf_printf(b, "%-10s", r->name);
        for (size_t k = 0; k < s->n_seeds; k++)
            number(b, 6, 1,
                   r->seed_n[k] > 0
                       ? 100 * (double)r->seed_right[k] / (double)r->seed_n[k]
                       : (double)NAN);
        number(b, 6, 2, r->parsed);
        number(b, 5, 2, r->eos);
        number(b, 5, r->answer_tokens < 1000, r->answer_tokens);
        hs_buf_str(b, "\n");
    }
}

static void
print_table(struct hs_buf *b, const struct hs_searchsum *s)
{
    json_t *words = hs_searchsum_words(s), *v;
    size_t i;

    hs_buf_printf(b, "%-10s %13s %18s %6s %18s %6s %7s %5s\n", "scorer",
                  "% right", "from greedy", "p", "from random", "p", "tokens",
                  "cost");
    for (i = 0; i < s->n_arms; i++)
        print_row(b, &s->results[i]);
    print_seeds(b, s);
    hs_buf_printf(b,
                  "\n%zu problems, %zu seed%s; [] interval, p by Holm; tokens "
                  "drawn for an answer, cost by greedy's\n\n",
                  s->n_problems, s->n_seeds, s->n_seeds == 1 ? "" : "s");
    json_array_foreach(words, i, v)
    {
        hs_buf_printf(b, "%s\n", json_string_value(v));
    }
    json_decref(words);
}

void
hs_searchsum_print(struct hs_buf *b, const struct hs_searchsum *s,
                   const char *how)
{
    if (strcmp(how, "json") == 0)
        print_json(b, s);
    else if (strcmp(how, "tsv") == 0)
        print_tsv(b, s);
    else
        print_table(b, s);
}
