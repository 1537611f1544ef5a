/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tally.c - see tally.h.  Sums are doubles, added up block by block.
 */
#include <config.h>

#include "stream/tally.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/idset.h"
#include "stream/jsonview.h"

struct layer {
    uint32_t layer;
    uint64_t rows, values, f32_blocks, bytes;
    double sum, squares, max; /* max of |x| */
};

struct hs_tally {
    uint64_t items, correct, wrong, undecided, prompt, completion, edits;
    struct hs_idset problems;
    json_t *finish; /* reason: count */
    struct layer *layers;
    size_t n_layers, cap_layers;
    float *x; /* values of a block */
    size_t cap_x;
};

struct hs_tally *
hs_tally_new(void)
{
    struct hs_tally *t = hs_calloc(1, sizeof *t);

    t->finish = json_object();
    return t;
}

void
hs_tally_free(struct hs_tally *t)
{
    if (t == NULL)
        return;
    hs_idset_free(&t->problems);
    json_decref(t->finish);
    free(t->layers);
    free(t->x);
    free(t);
}

static void
add_trajectory(struct hs_tally *t, const struct hs_trajectory *traj)
{
    const char *finish = traj->finish ? traj->finish : "";
    json_int_t n = json_integer_value(json_object_get(t->finish, finish));

    t->items++;
    t->correct += traj->reward == 1;
    t->wrong += traj->reward == 0;
    t->undecided += traj->reward < 0;
    t->prompt += traj->n_prompt;
    t->completion += traj->n_tokens - traj->n_prompt;
    t->edits += traj->edits;
    (void)hs_idset_add(&t->problems, traj->problem, strlen(traj->problem));
    json_object_set_new(t->finish, finish, json_integer(n + 1));
}

/* The entry of a layer, kept in ascending order. */
static struct layer *
entry(struct hs_tally *t, uint32_t layer)
{
    size_t i = 0;

    while (i < t->n_layers && t->layers[i].layer < layer)
        i++;
    if (i < t->n_layers && t->layers[i].layer == layer)
        return &t->layers[i];
    t->layers =
        hs_grow(t->layers, &t->cap_layers, t->n_layers + 1, sizeof *t->layers);
    memmove(t->layers + i + 1, t->layers + i,
            (t->n_layers - i) * sizeof *t->layers);
    t->layers[i] = (struct layer){.layer = layer};
    t->n_layers++;
    return &t->layers[i];
}

static void
add_states(struct hs_tally *t, const struct hs_states *s)
{
    size_t n = s->n_rows * s->dim;
    struct layer *e = entry(t, s->layer);
    double sum = 0, squares = 0;
    float max = 0;

    t->x = hs_grow(t->x, &t->cap_x, n, sizeof *t->x);
    hs_states_decode(s, t->x);
    for (size_t i = 0; i < n; i++) {
        double x = (double)t->x[i];
        float a = fabsf(t->x[i]);

        sum += x;
        squares += x * x;
        max = a > max ? a : max;
    }
    e->rows += s->n_rows;
    e->values += n;
    e->bytes += n * hs_dtype_size(s->dtype);
    e->f32_blocks += s->dtype == HS_F32;
    e->sum += sum;
    e->squares += squares;
    e->max = (double)max > e->max ? (double)max : e->max;
}

void
hs_tally_add(struct hs_tally *t, const struct hs_record *rec)
{
    if (rec->type == HS_REC_TRAJECTORY)
        add_trajectory(t, &rec->traj);
    else if (rec->type == HS_REC_STATES)
        add_states(t, &rec->states);
}

static void
set(json_t *j, const char *key, uint64_t n)
{
    json_object_set_new(j, key, json_integer((json_int_t)n));
}

/* a / b, or null where there is nothing to divide by. */
static json_t *
ratio(double a, double b)
{
    return b > 0 ? json_real(a / b) : json_null();
}

static json_t *
layer_json(const struct layer *e)
{
    json_t *j = json_object();

    set(j, "layer", e->layer);
    set(j, "states", e->rows);
    json_object_set_new(j, "mean", ratio(e->sum, (double)e->values));
    json_object_set_new(j, "rms",
                        e->values
                            ? json_real(sqrt(e->squares / (double)e->values))
                            : json_null());
    json_object_set_new(j, "max", json_real(e->max));
    set(j, "f32_blocks", e->f32_blocks);
    return j;
}

json_t *
hs_tally_json(const struct hs_tally *t, struct hs_reader *r, const char *name)
{
    const struct hs_counts *c = hs_reader_counts(r);
    json_t *j = json_object(), *layers = json_array();
    uint64_t raw = 0, rows = 0;
    char digest[33];

    for (size_t i = 0; i < t->n_layers; i++) {
        json_array_append_new(layers, layer_json(&t->layers[i]));
        raw += t->layers[i].bytes;
        rows += t->layers[i].rows;
    }
    hs_digest_text(c->digest, digest);
    json_object_set_new(j, "file", json_string(name));
    set(j, "items", t->items);
    set(j, "problems", t->problems.n);
    json_object_set_new(
        j, "reward_rate",
        ratio((double)t->correct, (double)(t->correct + t->wrong)));
    set(j, "correct", t->correct);
    set(j, "wrong", t->wrong);
    set(j, "undecided", t->undecided);
    set(j, "tokens", t->prompt + t->completion);
    set(j, "tokens_prompt", t->prompt);
    set(j, "tokens_completion", t->completion);
    json_object_set(j, "finish", t->finish);
    set(j, "edits", t->edits);
    set(j, "segments", hs_reader_segments(r));
    set(j, "records", c->records);
    set(j, "states", rows);
    set(j, "blocks", c->states);
    set(j, "f32_blocks", c->f32_blocks);
    set(j, "bytes", hs_reader_bytes(r));
    set(j, "plain_bytes", hs_reader_plain_bytes(r));
    set(j, "raw_bytes", raw);
    json_object_set_new(j, "ratio",
                        ratio((double)raw, (double)hs_reader_bytes(r)));
    json_object_set_new(j, "digest", json_string(digest));
    json_object_set_new(j, "layers", layers);
    return j;
}

static double
get(const json_t *j, const char *key)
{
    return json_number_value(json_object_get(j, key));
}

/* A line of the table for a count. */
static void
row(struct hs_buf *b, const json_t *j, const char *label, const char *key)
{
    hs_buf_printf(b, "%-18s%.0f\n", label, get(j, key));
}

static void
table_of_layers(struct hs_buf *b, const json_t *layers)
{
    json_t *e;
    size_t i;

    hs_buf_printf(b, "\n%-7s%12s%14s%14s%14s%12s\n", "layer", "states", "mean",
                  "rms", "max |x|", "f32 blocks");
    json_array_foreach(layers, i, e)
    {
        hs_buf_printf(b, "%-7.0f%12.0f", get(e, "layer"), get(e, "states"));
        hs_buf_printf(b, "%14.6g%14.6g%14.6g%12.0f\n", get(e, "mean"),
                      get(e, "rms"), get(e, "max"), get(e, "f32_blocks"));
    }
}

void
hs_tally_table(struct hs_buf *b, const json_t *j)
{
    const json_t *rate = json_object_get(j, "reward_rate"), *finish, *count;
    const char *comma = "", *key;

    hs_buf_printf(b, "%-18s%s\n", "file",
                  json_string_value(json_object_get(j, "file")));
    row(b, j, "items", "items");
    row(b, j, "problems", "problems");
    hs_buf_printf(b, "%-18s", "reward rate");
    if (json_is_null(rate))
        hs_buf_str(b, "-");
    else
        hs_buf_printf(b, "%.4f", json_number_value(rate));
    hs_buf_printf(b, "  (%.0f right, %.0f wrong, %.0f undecided)\n",
                  get(j, "correct"), get(j, "wrong"), get(j, "undecided"));
    hs_buf_printf(b, "%-18s%.0f  (%.0f prompt, %.0f completion)\n", "tokens",
                  get(j, "tokens"), get(j, "tokens_prompt"),
                  get(j, "tokens_completion"));
    hs_buf_printf(b, "%-18s", "finish");
    finish = json_object_get(j, "finish");
    json_object_foreach((json_t *)(uintptr_t)finish, key, count)
    {
        hs_buf_printf(b, "%s%s %.0f", comma, key, json_number_value(count));
        comma = ", ";
    }
    hs_buf_str(b, "\n");
    row(b, j, "edits", "edits");
    row(b, j, "segments", "segments");
    row(b, j, "records", "records");
    row(b, j, "states", "states");
    row(b, j, "f32 blocks", "f32_blocks");
    row(b, j, "bytes", "bytes");
    row(b, j, "bytes of states", "raw_bytes");
    hs_buf_printf(b, "%-18s%.3f\n", "ratio", get(j, "ratio"));
    hs_buf_printf(b, "%-18s%s\n", "digest",
                  json_string_value(json_object_get(j, "digest")));
    if (json_array_size(json_object_get(j, "layers")) > 0)
        table_of_layers(b, json_object_get(j, "layers"));
}

/* One row under its header. */
static void
tsv_row(struct hs_buf *b, const json_t *j, bool header)
{
    json_t *flat = hs_json_flat(j);

    for (int line = header ? 0 : 1; line < 2; line++) {
        const char *key, *before = line == 0 ? "#" : "";
        json_t *value;

        json_object_foreach(flat, key, value)
        {
            hs_buf_str(b, before);
            if (line == 0)
                hs_buf_str(b, key);
            else
                hs_tsv_cell(b, value);
            before = "\t";
        }
        hs_buf_str(b, "\n");
    }
    json_decref(flat);
}

void
hs_tally_tsv(struct hs_buf *b, const json_t *j)
{
    json_t *scalars = json_copy((json_t *)(uintptr_t)j), *e;
    size_t i;

    json_object_del(scalars, "layers");
    tsv_row(b, scalars, true);
    json_decref(scalars);
    json_array_foreach(json_object_get(j, "layers"), i, e)
        tsv_row(b, e, i == 0);
}
