/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_calib.c - what weights make of coordinates, and statistics of unedited
 * states, against sums written out.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ablate/calib.h"
#include "ablate/colscore.h"
#include "actstream.h"
#include "base/mem.h"
#include "memstream.h"
#include "modeldir.h"
#include "probe/ranking.h"
#include "stream/plane.h"

enum {
    DIM = 12,
    SINK_FIRST = 3, /* huge at position 0 */
    SINK_ALWAYS = 5,
    FAR = 7 /* far from 0, hardly moves */
};

static bool
close_to(double a, double b)
{
    return fabs(a - b) <= 1e-11 * fabs(b) + 1e-300;
}

/* ---- columns ---- */

static double
weight(const struct hs_matrix *w, size_t i, size_t j)
{
    size_t at = i * w->cols + j;
    uint16_t h;
    float x;

    if (w->type == HS_W_F32) {
        memcpy(&x, (const uint8_t *)w->data + 4 * at, 4);
        return (double)x;
    }
    memcpy(&h, (const uint8_t *)w->data + 2 * at, 2);
    x = w->type == HS_W_F16 ? hs_f16_to_float(h) : hs_bf16_to_float(h);
    return (double)x;
}

/* Mean or sum of |W[i,j]| |g_j| over the rows. */
static double
column(const struct hs_matrix *w, const float *g, size_t j, bool mean)
{
    double sum = 0;

    for (size_t i = 0; i < w->rows; i++)
        sum += fabs(weight(w, i, j)) * fabs((double)g[j]);
    return mean ? sum / (double)w->rows : sum;
}

static double
twin(const struct hs_model *m, size_t layer, size_t j, bool mean)
{
    const struct hs_layer *l = &m->w.layers[layer];

    if (layer == m->cfg.n_layers)
        return column(&m->w.head, m->w.final_norm, j, mean);
    return column(&l->q, l->attn_norm, j, mean) +
           column(&l->k, l->attn_norm, j, mean) +
           column(&l->v, l->attn_norm, j, mean) +
           column(&l->gate, l->ffn_norm, j, mean) +
           column(&l->up, l->ffn_norm, j, mean);
}

static void
check_columns(const char *args)
{
    char *dir = modeldir_new(args);
    struct hs_error err;
    struct hs_model *m = hs_model_open(dir, &err);
    double *out, *normed;
    size_t d;

    assert_non_null(m);
    d = m->cfg.dim;
    out = hs_calloc(d, sizeof *out);
    normed = hs_calloc(d, sizeof *normed);
    for (size_t j = 0; j < d; j++)
        normed[j] = 0.25 + (double)(j % 7);
    for (size_t layer = 0; layer <= m->cfg.n_layers; layer++) {
        hs_column_magnitude(m, layer, out);
        for (size_t j = 0; j < d; j++)
            assert_true(close_to(out[j], twin(m, layer, j, false)));
        hs_column_wanda(m, layer, normed, out);
        for (size_t j = 0; j < d; j++)
            assert_true(close_to(out[j], twin(m, layer, j, true) * normed[j]));
    }
    free(out);
    free(normed);
    hs_model_free(m);
    modeldir_free(dir);
}

static void
test_columns(void **state)
{
    (void)state;
    check_columns("dim=40 heads=2 layers=2 ffn=56 dtype=bf16");
    check_columns(
        "family=qwen3 dim=24 heads=3 head_dim=16 layers=3 ffn=40 "
        "dtype=f16 tied=0");
    check_columns(
        "family=llama dim=32 heads=4 layers=1 ffn=48 dtype=f32 "
        "tied=0 vocab=300");
}

/* ---- calibration ---- */

static float
value(size_t k, uint32_t layer, size_t pos, size_t j)
{
    float x = act_plain(k, layer, pos, j);

    if (j == SINK_FIRST && pos == 0)
        return 5000;
    if (j == SINK_ALWAYS)
        return x < 0 ? -900 : 900;
    if (j == FAR)
        return 8000 + x / 8;
    return x;
}

static const struct acttraj tokens[] = {
    {"a", 0, 5, 7, 0, 0}, {"a", 1, 5, 3, 0, 0}, {"b", 0, 2, 9, 0, 0},
    {"c", 0, 1, 4, 0, 0}, {"d", 0, 6, 0, 0, 0},
};
static const struct acttraj completions[] = {
    {"a", 0, 5, 7, 4, 0}, {"b", 0, 2, 9, 1, 0}, {"c", 0, 1, 4, 0, 0}};
static const struct acttraj only_s0[] = {{"a", 0, 5, 0, 4, 0},
                                         {"b", 0, 2, 0, 1, 0}};

static struct hs_list
list_of(uint32_t *v, size_t n)
{
    return (struct hs_list){.v = v, .n = n};
}

static int
calibrate(struct hs_calib *c, const struct hs_buf *b,
          const struct hs_list *layers, enum hs_edit_where where,
          struct hs_error *err)
{
    struct hs_reader *r = hs_reader_open(memory_file(b->data, b->len), "in");
    int rc = hs_calib_read(c, r, "in", layers, where, "abc", err);

    hs_reader_close(r);
    return rc;
}

static bool
counts(enum hs_edit_where where, size_t pos, size_t n_prompt)
{
    return pos > 0 && (where != HS_EDIT_GENERATED || pos >= n_prompt);
}

static double
mean_square(size_t k, uint32_t layer, size_t pos)
{
    double sum = 0;

    for (size_t j = 0; j < DIM; j++)
        sum += pow((double)value(k, layer, pos, j), 2);
    return sum / DIM;
}

/* Two passes over everything. */
static void
check_layer(const struct hs_calib_layer *l, const struct acttraj *t, size_t n,
            enum hs_edit_where where)
{
    for (size_t j = 0; j < DIM; j++) {
        double sum = 0, squares = 0, away = 0, normed = 0, first = 0;
        uint64_t m = 0, n_first = 0;

        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < n; k++)
                for (size_t p = t[k].first; p < t[k].n_prompt + t[k].n_new;
                     p++) {
                    double x = (double)value(k, l->layer, p, j);

                    if (pass == 0 && p == 0) {
                        first += fabs(x);
                        n_first++;
                    }
                    if (!counts(where, p, t[k].n_prompt))
                        continue;
                    if (pass == 1) {
                        away += pow(x - sum / (double)m, 2);
                        continue;
                    }
                    m++;
                    sum += x;
                    squares += x * x;
                    normed += x * x / mean_square(k, l->layer, p);
                }
        assert_int_equal(l->n, m);
        assert_true(fabs(l->mean[j] - sum / (double)m) <=
                    1e-11 * sqrt(squares));
        assert_true(close_to(l->sigma[j], sqrt(away / (double)m)));
        assert_true(close_to(l->rms[j], sqrt(squares / (double)m)));
        assert_true(close_to(l->normed[j], sqrt(normed / (double)m)));
        if (n_first > 0)
            assert_true(close_to(l->pos0_abs[j], first / (double)n_first));
        else
            assert_true(isnan(l->pos0_abs[j]));
        assert_true(l->outlier[j] == (j == SINK_ALWAYS || j == FAR ? 1.0 : 0) ||
                    j == SINK_FIRST);
        assert_int_equal(l->sink[j], j == SINK_ALWAYS || j == FAR ? HS_SINK_YES
                                     : n_first == 0    ? HS_SINK_UNKNOWN
                                     : j == SINK_FIRST ? HS_SINK_YES
                                                       : HS_SINK_NO);
    }
}

static void
test_statistics(void **state)
{
    static const enum hs_edit_where wheres[] = {HS_EDIT_ALL, HS_EDIT_GENERATED,
                                                HS_EDIT_NOT_FIRST};
    uint32_t v[] = {1, 3};
    const struct hs_list layers = list_of(v, 2);
    struct hs_head h = test_head(HS_F32, DIM, 4);
    struct hs_buf all = act_stream(&h, tokens, 5, value);
    struct hs_buf some = act_stream(&h, completions, 2, value);
    struct hs_calib c;
    struct hs_error err;
    char digest[33];

    (void)state;
    for (size_t w = 0; w < 3; w++) {
        if (calibrate(&c, &all, &layers, wheres[w], &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(c.n, 2);
        assert_int_equal(c.dim, DIM);
        assert_int_equal(c.n_traj, 5);
        assert_true(c.prompts);
        hs_digest_text(read_all(all.data, all.len).counts.digest, digest);
        assert_string_equal(c.digest, digest);
        assert_int_equal(c.v[0].layer, 1);
        assert_int_equal(c.v[1].layer, 3);
        assert_ptr_equal(hs_calib_find(&c, 3), &c.v[1]);
        assert_null(hs_calib_find(&c, 2));
        check_layer(&c.v[0], tokens, 5, wheres[w]);
        check_layer(&c.v[1], tokens, 5, wheres[w]);
        hs_calib_free(&c);
        if (calibrate(&c, &some, &layers, wheres[w], &err) < 0)
            fail_msg("%s", err.text);
        assert_false(c.prompts);
        check_layer(&c.v[1], completions, 2, wheres[w]);
        hs_calib_free(&c);
    }
    hs_buf_free(&all);
    hs_buf_free(&some);
    hs_head_free(&h);
}

/* A stream with that head and run.edit, if it is not NULL. */
static struct hs_buf
stream_with(struct hs_head *h, json_t *edit, const struct acttraj *t, size_t n)
{
    json_object_set_new(h->run, "edit", edit);
    return act_stream(h, t, n, value);
}

static void
refused(const struct hs_buf *b, uint32_t layer, enum hs_edit_where where,
        const char *why)
{
    const struct hs_list layers = list_of(&layer, 1);
    struct hs_calib c;
    struct hs_error err = {0};

    assert_int_equal(calibrate(&c, b, &layers, where, &err), -1);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' is not in '%s'", why, err.text);
    assert_null(c.v);
}

static void
test_refusals(void **state)
{
    struct hs_head h = test_head(HS_F16, DIM, 2);
    struct hs_buf good = stream_with(&h, json_null(), tokens, 5), bad, two;

    (void)state;
    refused(&good, 4, HS_EDIT_ALL, "in: layer 4 is not in the stream");
    good.len -= 5;
    refused(&good, 1, HS_EDIT_ALL, "in: segment 1");
    good.len += 5;
    bad = stream_with(&h, json_pack("{s:i}", "layer", 1), tokens, 5);
    refused(&bad, 1, HS_EDIT_ALL, "in: states of an edited model");
    two = joined(&good, &bad);
    refused(&two, 1, HS_EDIT_ALL, "in: states of an edited model");
    hs_buf_free(&two);
    hs_buf_free(&bad);
    bad = stream_with(&h, json_null(), only_s0, 2);
    refused(&bad, 1, HS_EDIT_GENERATED,
            "in: layer 1: no state to calibrate by: none behind position 0 "
            "that an edit of generated reaches");
    hs_buf_free(&bad);
    hs_head_set(&h.fingerprint, "xyz");
    bad = stream_with(&h, json_null(), tokens, 5);
    refused(&bad, 1, HS_EDIT_ALL,
            "in: states of another model: fingerprint 'xyz', the model has "
            "'abc'");
    hs_buf_free(&bad);
    hs_head_set(&h.kind, "probes");
    bad = act_stream(&h, NULL, 0, value);
    refused(&bad, 1, HS_EDIT_ALL, "in: a stream of probes, not of activations");
    hs_buf_free(&bad);
    hs_buf_free(&good);
    hs_head_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests_name("calib", tests, NULL, NULL);
}
