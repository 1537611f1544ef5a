/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_rankrec.c - records of rankings, and their overlaps.  Reference numbers
 * are those of SciPy's scipy.stats.hypergeom and spearmanr.
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

#include "base/mem.h"
#include "fakeprobe.h"
#include "memstream.h"
#include "probe/overlapset.h"
#include "probe/rankrec.h"
#include "stream/object.h"

/* A stream of kind with the records of e. */
static struct hs_buf
stream_of(const char *kind, uint64_t dim, const struct hs_encoded *e)
{
    int fd = memory_file("", 0);
    struct hs_head head;
    struct hs_error err;
    struct hs_writer *w;

    hs_head_init(&head, kind);
    head.dim = dim;
    w = hs_writer_open(fd, "out", &head, 1, &err);
    assert_non_null(w);
    assert_int_equal(hs_write_encoded(w, e), 0);
    assert_int_equal(hs_writer_close(w, &err), 0);
    hs_head_free(&head);
    return contents(fd);
}

static int
read_back(struct hs_rankings *s, const struct hs_buf *b, struct hs_error *err)
{
    struct hs_reader *r = hs_reader_open(memory_file(b->data, b->len), "in");
    int rc = hs_rankings_read(s, r, "in", err);

    hs_reader_close(r);
    return rc;
}

static void
same_floats(const float *a, const float *b)
{
    assert_memory_equal(a, b, D * sizeof *a);
}

static void
test_records(void **state)
{
    struct hs_probes p = make_probes(3);
    struct hs_encoded e = {0};
    struct hs_rankings s;
    struct hs_error err = {0};
    struct hs_ranking r, *q;
    struct hs_buf b;
    json_t *note = json_pack("{s:s, s:i}", "type", "curve", "kept", 3), *row;

    (void)state;
    set_column(&p, 0, 13, 0.9f);
    set_column(&p, 1, 5, -0.8f);
    p.coordinates->outlier[5] = 0.75f;
    p.coordinates->auc_p[2] = NAN;
    p.found[2].probe.o.seed = UINT64_MAX;
    r = rank(&p, HS_BY_L2);
    assert_int_equal(hs_encode_ranking(&e, &r, &err), 0);
    assert_int_equal(hs_encode_json(&e, note, &err), 0);
    assert_int_equal(hs_encode_ranking(&e, &r, &err), 0);
    b = stream_of("rankings", D, &e);
    if (read_back(&s, &b, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(s.n, 2);
    q = &s.v[1];
    assert_int_equal(q->layer, LAYER);
    assert_int_equal(q->target, HS_TARGET_MC);
    assert_int_equal(q->by, HS_BY_L2);
    assert_int_equal(q->n_seeds, 3);
    assert_int_equal(q->n_top, 4);
    assert_true(q->seeds[2] == UINT64_MAX);
    assert_memory_equal(q->order, r.order, sizeof *r.order * D);
    assert_memory_equal(q->rank, r.rank, sizeof *r.rank * D);
    assert_memory_equal(q->rms_rank, r.rms_rank, sizeof *r.rms_rank * D);
    assert_memory_equal(q->sink, r.sink, D);
    assert_memory_equal(q->seed_order, r.seed_order,
                        sizeof *r.seed_order * D * 3);
    same_floats(q->importance, r.importance);
    same_floats(q->mean_rank, r.mean_rank);
    same_floats(q->stability, r.stability);
    same_floats(q->mean, r.mean);
    same_floats(q->sigma, r.sigma);
    same_floats(q->rms, r.rms);
    same_floats(q->pos0_abs, r.pos0_abs);
    same_floats(q->outlier, r.outlier);
    same_floats(q->auc, r.auc);
    same_floats(q->auc_p, r.auc_p);
    same_floats(q->slope, r.slope);
    assert_int_equal(json_array_size(s.others), 1);
    assert_true(json_equal(json_array_get(s.others, 0), note));

    row = hs_ranking_row(q, 0);
    assert_int_equal(json_integer_value(json_object_get(row, "rank")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "top")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "coordinate")),
                     r.order[0]);
    assert_int_equal(json_object_size(row), 19);
    /* seeds have -1/4, 1/2, -1/4, and each 1/16 a coordinate */
    assert_true(json_real_value(json_object_get(row, "slope")) ==
                r.order[0] / 16.0);
    json_decref(row);
    row = hs_ranking_row(q, q->rank[2] - 1);
    assert_true(json_is_null(json_object_get(row, "auc_p")));
    json_decref(row);
    row = hs_ranking_row(q, q->rank[5] - 1);
    assert_string_equal(json_string_value(json_object_get(row, "sink")), "yes");
    assert_true(json_real_value(json_object_get(row, "outlier")) == 0.75);
    json_decref(row);

    json_decref(note);
    hs_rankings_free(&s);
    hs_buf_free(&b);
    hs_encoded_free(&e);
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

/* Writes the records of r that mask asks for, in their order, and wants to hear
 * why that is no ranking. */
static void
damaged(const struct hs_ranking *r, unsigned mask, const char *kind,
        uint64_t dim, const char *why)
{
    struct hs_encoded all = {0}, some = {0};
    struct hs_rankings s;
    struct hs_error err = {0};
    struct hs_buf b;
    size_t start = 0;

    assert_int_equal(hs_encode_ranking(&all, r, &err), 0);
    for (size_t i = 0; i < all.n; start = all.objects[i++].end)
        if ((mask & 1u << i) != 0) {
            struct hs_object_mark m = {.start = some.bytes.len};

            hs_buf_add(&some.bytes, all.bytes.data + start,
                       all.objects[i].end - start);
            assert_int_equal(hs_object_end(&some, &m, &err), 0);
        }
    b = stream_of(kind, dim, &some);
    assert_int_equal(read_back(&s, &b, &err), -1);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, why);
    hs_rankings_free(&s);
    hs_buf_free(&b);
    hs_encoded_free(&all);
    hs_encoded_free(&some);
}

static void
test_damage(void **state)
{
    struct hs_probes p = make_probes(2);
    struct hs_ranking r = rank(&p, HS_BY_L1);
    uint32_t keep;

    (void)state;
    damaged(&r, 0, "rankings", D, "in: no rankings");
    damaged(&r, 7, "probes", D, "in: a stream of probes, not of rankings");
    damaged(&r, 7, "rankings", D + 1, "20 coordinates of 21");
    damaged(&r, 7, "rankings", D - 1, "d is 20, more than 19");
    damaged(&r, 6, "rankings", D, "no ranking before it");
    damaged(&r, 3, "rankings", D, "1 of 2 seeds");
    keep = r.order[3];
    r.order[3] = r.order[4];
    damaged(&r, 7, "rankings", D, "is there twice");
    r.order[3] = keep;
    keep = r.seed_order[12];
    r.seed_order[12] = D;
    damaged(&r, 7, "rankings", D, "coordinate 20 is out of range");
    r.seed_order[12] = keep;
    r.rms_rank[3] = 0;
    damaged(&r, 7, "rankings", D, "rms_rank of coordinate 3 is 0");
    r.rms_rank[3] = 1;
    r.importance[1] = NAN;
    damaged(&r, 7, "rankings", D, "importance of coordinate 1 is no number");
    r.importance[1] = 0;
    r.slope[2] = INFINITY;
    damaged(&r, 7, "rankings", D, "slope of coordinate 2 is no number");
    hs_ranking_free(&r);
    hs_probes_free(&p);
}

/* ---- overlaps ---- */

static double
member(const json_t *list, size_t i, const char *key)
{
    const json_t *v = json_object_get(json_array_get(list, i), key);

    assert_true(json_is_number(v) || json_is_null(v));
    return json_is_null(v) ? NAN : json_number_value(v);
}

/* a is 0, 1, 2...; b begins with 4, 5, 6, 0, 3, 9, 10, 11, 2, 1; its second
 * seed with 2, 3, 0, 1. */
static void
test_overlaps(void **state)
{
    static const double ratios[] = {0, 0.5, 0.8, 0.9};
    struct hs_probes p = make_probes(1), q = make_probes(2);
    struct hs_overlap_side sides[3];
    struct hs_error err;
    struct hs_ranking a, b;
    json_t *out = json_array();

    (void)state;
    for (size_t j = 0; j < D; j++) {
        static const uint8_t place[D] = {3, 9, 8,  4,  0,  1,  2,  10, 11, 5,
                                         6, 7, 12, 13, 14, 15, 16, 17, 18, 19};

        set_column(&p, 0, j, 3 - 0.1f * (float)j);
        set_column(&q, 0, j, 3 - 0.1f * (float)place[j]);
        set_column(&q, 1, j, 3 - 0.1f * (float)(j < 4 ? (j ^ 2) : j));
    }
    q.n_found = 1;
    a = rank(&p, HS_BY_L1);
    b = rank(&q, HS_BY_L1);
    sides[0] = (struct hs_overlap_side){&a, "x"};
    sides[1] = (struct hs_overlap_side){&b, "y"};
    assert_int_equal(hs_overlaps(sides, 2, ratios, 4, out, &err), 0);
    assert_int_equal(json_array_size(out), 4);
    assert_true(near(member(out, 0, "iou"), 1));
    assert_true(near(member(out, 0, "p"), 1));
    assert_true(near(member(out, 1, "kept"), 10));
    assert_true(near(member(out, 1, "shared"), 8));
    assert_true(near(member(out, 1, "iou"), 8.0 / 12));
    assert_true(near(member(out, 1, "expected"), 0.3412668815310318));
    assert_true(near(member(out, 1, "lo"), 0.17647058823529413));
    assert_true(near(member(out, 1, "hi"), 0.53846153846153844));
    assert_true(near(member(out, 1, "p"), (2025 + 100 + 1) / 184756.0));
    assert_true(near(member(out, 2, "shared"), 1));
    assert_true(near(member(out, 2, "iou"), 1.0 / 7));
    assert_true(near(member(out, 2, "expected"), 0.12371517027863776));
    assert_true(near(member(out, 2, "lo"), 0));
    assert_true(near(member(out, 2, "hi"), 1.0 / 3));
    assert_true(near(member(out, 2, "approx"), 0.2 / 1.8));
    assert_true(near(member(out, 3, "kept"), 2));
    assert_true(near(member(out, 3, "expected"), 0.068421052631578952));
    assert_true(near(member(out, 3, "spearman"), 0.831578947368421));
    assert_true(near(member(out, 3, "spearman_p"), 5.522372803574232e-06));
    assert_true(isnan(member(out, 3, "ceiling")));
    assert_true(isnan(member(out, 3, "cross_iou")));
    assert_int_equal(json_array_clear(out), 0);

    /* the seeds of b share one of four */
    hs_ranking_free(&b);
    q.n_found = 2;
    b = rank(&q, HS_BY_L1);
    sides[2] = (struct hs_overlap_side){&b, "z"};
    assert_int_equal(hs_overlaps(sides, 3, ratios + 2, 1, out, &err), 0);
    assert_int_equal(json_array_size(out), 3);
    assert_true(near(member(out, 2, "seed_iou_a"), 1.0 / 7));
    assert_true(near(member(out, 2, "ceiling"), 1.0 / 7));
    assert_true(isnan(member(out, 0, "ceiling")));
    /* seed 7 of a with seed 8 of b: 0, 1, 2, 3 in another order */
    assert_true(near(member(out, 0, "same_seeds"), 1));
    assert_true(near(member(out, 0, "cross_iou"), 1));
    assert_true(near(member(out, 2, "same_seeds"), 2));
    assert_true(near(member(out, 2, "cross_iou"), 1.0 / 7));
    assert_int_equal(hs_count_same_seeds(out), 3);
    assert_true(near(member(out, 2, "iou"), 1));
    assert_int_equal(hs_overlaps(sides, 1, ratios, 4, out, &err), -1);
    b.d = D - 1;
    assert_int_equal(hs_overlaps(sides, 2, ratios, 4, out, &err), -1);
    assert_non_null(strstr(err.text, "y: layer 2: a ranking of 19"));
    b.d = D;
    json_decref(out);
    hs_ranking_free(&a);
    hs_ranking_free(&b);
    hs_probes_free(&p);
    hs_probes_free(&q);
}

/* A probe written and read: the result of reading. */
static int
read_probe(const struct hs_probes *p, struct hs_probes *out,
           struct hs_error *err)
{
    struct hs_encoded e = {0};
    struct hs_reader *r;
    struct hs_buf b;
    int rc;

    assert_int_equal(hs_encode_probe(&e, &p->found[0].probe, NULL,
                                     p->found[0].slope, NULL, err),
                     0);
    b = stream_of("probes", D, &e);
    r = hs_reader_open(memory_file(b.data, b.len), "in");
    rc = hs_probes_read(out, r, "in", err);
    hs_reader_close(r);
    hs_encoded_free(&e);
    hs_buf_free(&b);
    return rc;
}

/* What V is computed from has to be numbers. */
static void
test_probes(void **state)
{
    struct hs_probes p = make_probes(1), back;
    struct hs_probe *q = &p.found[0].probe;
    float *each[] = {q->mean, q->scale,          q->b1,          q->w2,
                     q->w1,   q->w1 + 2 * D + 3, q->init_l1 + 1, q->init_l2};
    struct hs_error err;

    (void)state;
    q->o.batch = 1;
    assert_int_equal(read_probe(&p, &back, &err), 0);
    assert_int_equal(back.n_found, 1);
    assert_memory_equal(back.found[0].probe.w1, q->w1,
                        HIDDEN * D * sizeof *q->w1);
    hs_probes_free(&back);
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        float was = *each[i];

        *each[i] = i % 2 != 0 ? NAN : INFINITY;
        assert_int_equal(read_probe(&p, &back, &err), -1);
        assert_non_null(strstr(err.text, "not finite"));
        hs_probes_free(&back);
        *each[i] = was;
    }
    hs_probes_free(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_probes),
    };

    return cmocka_run_group_tests_name("rankrec", tests, NULL, NULL);
}
