/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_rpeprobe.c - fitting the dopamine probe: columns, what is set aside,
 * what it refuses; and its records, whole and damaged.  tests/rpe.py holds its
 * steps against PyTorch's.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "memstream.h"
#include "rpe/rpecols.h"
#include "rpe/rpeprobe.h"
#include "rpe/rperec.h"

enum {
    D = 7,
    N = 60,
    GROUPS = 20
};

/* Rows of which coordinate 4 is what y is made of. */
static struct hs_rpe_rows
some_rows(void)
{
    float *x = hs_calloc((size_t)N * D, sizeof *x);
    double *y = hs_calloc(N, sizeof *y);
    uint32_t *group = hs_calloc(N, sizeof *group);

    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = (float)sin((double)(i * i * 3 + j * 17 + i * j));
        y[i] = (double)x[i * D + 4] * 0.7 + 0.1 * cos((double)i);
        group[i] = (uint32_t)(i * 7 % GROUPS);
    }
    return (struct hs_rpe_rows){x, y, group, N, D};
}

static void
free_rows(struct hs_rpe_rows *r)
{
    free((void *)(uintptr_t)r->x);
    free((void *)(uintptr_t)r->y);
    free((void *)(uintptr_t)r->group);
}

static struct hs_rpe_fit_options
options(void)
{
    struct hs_rpe_fit_options o;

    hs_rpe_fit_options_init(&o);
    o.hidden = 5;
    o.batch = 8;
    o.epochs = 30;
    o.adamw.lr = 0.01;
    o.seed = 3;
    return o;
}

static struct hs_rpe_probe
fit(const struct hs_rpe_rows *rows, const struct hs_rpe_fit_options *o,
    const uint32_t *columns, size_t k, struct hs_team *team)
{
    struct hs_rpe_probe p = {.layer = 2};
    struct hs_error err;

    assert_int_equal(hs_rpe_fit(&p, o, rows, columns, k, team, &err), 0);
    return p;
}

/* A fit to some columns is a fit to rows that have these only. */
static void
test_columns(void **st)
{
    static const uint32_t columns[] = {1, 4, 5};
    struct hs_rpe_rows rows = some_rows(), few = rows;
    const struct hs_rpe_fit_options o = options();
    float *x = hs_calloc((size_t)N * 3, sizeof *x);
    double all[N], some[N];
    struct hs_rpe_probe a, b;
    struct hs_rpe_asker *ask;

    (void)st;
    for (size_t i = 0; i < N; i++)
        for (size_t c = 0; c < 3; c++)
            x[i * 3 + c] = rows.x[i * D + columns[c]];
    few.x = x;
    few.d = 3;
    a = fit(&rows, &o, columns, 3, NULL);
    b = fit(&few, &o, NULL, 0, NULL);
    assert_int_equal(a.d, D);
    for (size_t h = 0; h < o.hidden; h++)
        for (size_t j = 0, c = 0; j < D; j++) {
            bool in = c < 3 && columns[c] == j;

            assert_true(a.w1[h * D + j] == (in ? b.w1[h * 3 + c] : 0));
            if (h == 0)
                assert_true(a.init_l1[j] == (in ? b.init_l1[c] : 0));
            c += in;
        }
    assert_true(a.b2 == b.b2);
    ask = hs_rpe_asker_new(&a, NULL);
    hs_rpe_ask(ask, rows.x, N, all);
    hs_rpe_asker_free(ask);
    ask = hs_rpe_asker_new(&b, NULL);
    hs_rpe_ask(ask, x, N, some);
    hs_rpe_asker_free(ask);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs(all[i] - some[i]) < 1e-6);
    hs_rpe_probe_free(&a);
    hs_rpe_probe_free(&b);
    free(x);
    free_rows(&rows);
}

/* The groups with the lowest numbers choose the epoch: changing their y does
 * not change a fit without a choice, and changes what the choice is made by. */
static void
test_aside(void **st)
{
    struct hs_rpe_rows rows = some_rows();
    struct hs_rpe_fit_options o = options();
    struct hs_rpe_probe a, b;
    double *y = (double *)(uintptr_t)rows.y;
    size_t best = 0;

    (void)st;
    a = fit(&rows, &o, NULL, 0, NULL);
    for (size_t i = 0; i < a.n_epochs; i++)
        if (a.curve_inner[i] < a.curve_inner[best])
            best = i;
    assert_int_equal(a.epoch, best + 1);
    for (size_t i = 0; i < N; i++)
        if (rows.group[i] < 2) /* a tenth of 20 */
            y[i] += 5;
    b = fit(&rows, &o, NULL, 0, NULL);
    assert_memory_equal(a.curve, b.curve, a.n_epochs * sizeof *a.curve);
    assert_true(b.curve_inner[0] > a.curve_inner[0] + 1);
    hs_rpe_probe_free(&b);
    o.keep_best = false;
    b = fit(&rows, &o, NULL, 0, NULL);
    assert_int_equal(b.epoch, o.epochs);
    assert_true(isnan(b.curve_inner[0]));
    assert_true(b.curve[0] > a.curve[0] + 0.5); /* these rows count now */
    hs_rpe_probe_free(&a);
    hs_rpe_probe_free(&b);
    free_rows(&rows);
}

/* It learns; and a team gives the same bits. */
static void
test_learns(void **st)
{
    struct hs_rpe_rows rows = some_rows();
    const struct hs_rpe_fit_options o = options();
    struct hs_error err;
    struct hs_team *team = hs_team_new(3, &err);
    struct hs_rpe_probe a = fit(&rows, &o, NULL, 0, NULL),
                        b = fit(&rows, &o, NULL, 0, team);
    double gradient[D], slope[D];
    struct hs_rpe_asker *ask = hs_rpe_asker_new(&a, NULL);

    (void)st;
    assert_true(a.curve[a.n_epochs - 1] < a.curve[0] / 4);
    assert_memory_equal(a.w1, b.w1, o.hidden * D * sizeof *a.w1);
    hs_rpe_saliency(ask, rows.x, N, gradient, slope);
    for (size_t j = 0; j < D; j++)
        assert_true(j == 4 || gradient[j] < gradient[4] / 2);
    assert_true(slope[4] > 0.3);
    hs_rpe_asker_free(ask);
    hs_rpe_probe_free(&a);
    hs_rpe_probe_free(&b);
    hs_team_free(team);
    free_rows(&rows);
}

static void
refused(const struct hs_rpe_rows *rows, const struct hs_rpe_fit_options *o,
        const char *why)
{
    struct hs_rpe_probe p = {0};
    struct hs_error err = {{0}};

    assert_int_equal(hs_rpe_fit(&p, o, rows, NULL, 0, NULL, &err), -1);
    assert_non_null(strstr(err.text, why));
    hs_rpe_probe_free(&p);
}

static void
test_refusals(void **st)
{
    struct hs_rpe_rows rows = some_rows(), none = rows, one = rows;
    struct hs_rpe_fit_options o = options();
    struct hs_rpe_probe p;
    uint32_t same[N] = {0};

    (void)st;
    none.n = 0;
    refused(&none, &o, "no steps");
    one.group = same;
    refused(&one, &o, "--keep=last");
    o.keep_best = false;
    p = fit(&one, &o, NULL, 0, NULL);
    hs_rpe_probe_free(&p);
    o.adamw.lr = 1e30;
    refused(&rows, &o, "not finite");
    ((double *)(uintptr_t)rows.y)[3] = (double)NAN;
    refused(&rows, &o, "row 3");
    free_rows(&rows);
}

/* ---- records ---- */

static struct hs_rpe_coordinates
make_coordinates(void)
{
    struct hs_rpe_coordinates c = {.mode = HS_RPE_TD,
                                   .layer = 2,
                                   .d = D,
                                   .n = 500,
                                   .n_groups = 80,
                                   .alpha = 0.05,
                                   .n_permutations = 999};

    hs_rpe_coordinates_alloc(&c);
    for (int i = 0; i < HS_RPE_ADJUSTED; i++)
        for (size_t j = 0; j < D; j++)
            (*hs_rpe_column(&c, i))[j] = (float)(i + 1) / (float)(j + 2);
    c.q[6] = NAN;
    c.p[6] = NAN;
    c.r_out[5] = -c.r_out[5];
    c.q[4] = c.q[5] = 0.01F;
    c.p[4] = c.p[5] = 0.002F;
    c.found[4] = c.found[5] = 1;
    return c;
}

static struct hs_buf
stream_of(const char *kind, const struct hs_encoded *e)
{
    int fd = memory_file("", 0);
    struct hs_head head;
    struct hs_error err;
    struct hs_writer *w;

    hs_head_init(&head, kind);
    head.dim = D;
    w = hs_writer_open(fd, "out", &head, 1, &err);
    assert_non_null(w);
    assert_int_equal(hs_write_encoded(w, e), 0);
    assert_int_equal(hs_writer_close(w, &err), 0);
    hs_head_free(&head);
    return contents(fd);
}

static int
read_back(struct hs_rpe *s, const struct hs_buf *b, struct hs_error *err)
{
    struct hs_reader *r = hs_reader_open(memory_file(b->data, b->len), "in");
    int rc = hs_rpe_read(s, r, "in", err);

    hs_reader_close(r);
    return rc;
}

/* Coordinates, a probe of train, and another record. */
static void
encode_all(struct hs_encoded *e, struct hs_rpe_probe *p,
           struct hs_rpe_coordinates *c)
{
    struct hs_rpe_rows rows = some_rows();
    const struct hs_rpe_fit_options o = options();
    json_t *eval = json_pack("{s:{s:i}}", "all", "n", 3);
    json_t *note = json_pack("{s:s, s:i}", "type", "rpe-steps", "layer", 2);
    struct hs_error err;

    *c = make_coordinates();
    *p = fit(&rows, &o, NULL, 0, NULL);
    p->znorm = HS_ZNORM_TRAIN;
    p->mean = hs_calloc(D, sizeof *p->mean);
    p->scale = hs_calloc(D, sizeof *p->scale);
    p->mean[3] = -2.5F;
    p->scale[1] = 0.25F;
    assert_int_equal(hs_encode_json(e, note, &err), 0);
    assert_int_equal(hs_encode_rpe_coordinates(e, c, &err), 0);
    assert_int_equal(hs_encode_rpe_probe(e, p, eval, &err), 0);
    json_decref(eval);
    json_decref(note);
    free_rows(&rows);
}

static void
same_probe(const struct hs_rpe_probe *a, const struct hs_rpe_probe *b)
{
    assert_memory_equal(a->w1, b->w1, a->o.hidden * D * sizeof *a->w1);
    assert_memory_equal(a->b1, b->b1, a->o.hidden * sizeof *a->b1);
    assert_memory_equal(a->w2, b->w2, a->o.hidden * sizeof *a->w2);
    assert_memory_equal(a->init_l1, b->init_l1, D * sizeof *a->init_l1);
    assert_memory_equal(a->mean, b->mean, D * sizeof *a->mean);
    assert_memory_equal(a->scale, b->scale, D * sizeof *a->scale);
    assert_memory_equal(a->curve, b->curve, a->n_epochs * sizeof *a->curve);
    assert_true(a->b2 == b->b2);
    assert_int_equal(a->znorm, b->znorm);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->n_steps, b->n_steps);
    assert_int_equal(a->o.seed, b->o.seed);
    assert_int_equal(a->o.batch, b->o.batch);
    assert_true(a->o.adamw.lr == b->o.adamw.lr);
}

static void
test_round_trip(void **st)
{
    struct hs_encoded e = {0};
    struct hs_rpe_coordinates c;
    struct hs_rpe_probe p;
    struct hs_rpe s;
    struct hs_error err;
    struct hs_buf b;
    uint32_t order[D];
    static const uint32_t wanted[D] = {4, 5, 3, 2, 1, 0, 6};

    (void)st;
    encode_all(&e, &p, &c);
    b = stream_of("rpe", &e);
    assert_int_equal(read_back(&s, &b, &err), 0);
    assert_int_equal(s.n_coordinates, 1);
    assert_int_equal(s.n_probes, 1);
    assert_int_equal(json_array_size(s.others), 1);
    for (int i = 0; i < HS_RPE_ADJUSTED; i++)
        assert_memory_equal(*hs_rpe_column(&c, i),
                            *hs_rpe_column(&s.coordinates[0], i),
                            D * sizeof(float));
    assert_null(s.coordinates[0].adj_score);
    assert_memory_equal(c.found, s.coordinates[0].found, D);
    same_probe(&p, &hs_rpe_probe_of(&s, 2)->probe);
    assert_null(hs_rpe_probe_of(&s, 1));
    assert_null(hs_rpe_coordinates(&s, 3));
    /* 4 and 5 tie but for |r_out|, which is larger for 4; NaN comes last. */
    hs_rpe_order(hs_rpe_coordinates(&s, 2), order);
    assert_memory_equal(order, wanted, sizeof order);
    assert_int_equal(hs_rpe_sign(&s.coordinates[0], 4), 1);
    assert_int_equal(hs_rpe_sign(&s.coordinates[0], 5), -1);
    assert_int_equal(hs_rpe_sign(&s.coordinates[0], 3), 0);
    hs_rpe_free(&s);
    hs_buf_free(&b);
    hs_encoded_free(&e);
    hs_rpe_coordinates_free(&c);
    hs_rpe_probe_free(&p);
}

/* A stream whose records were changed is refused with the reason. */
static void
refused_stream(void (*change)(struct hs_rpe_probe *p,
                              struct hs_rpe_coordinates *c),
               const char *why)
{
    struct hs_encoded e = {0}, changed = {0};
    struct hs_rpe_coordinates c;
    struct hs_rpe_probe p;
    struct hs_rpe s;
    struct hs_error err = {{0}};
    struct hs_buf b;

    encode_all(&e, &p, &c);
    change(&p, &c);
    assert_int_equal(hs_encode_rpe_coordinates(&changed, &c, &err), 0);
    assert_int_equal(hs_encode_rpe_probe(&changed, &p, NULL, &err), 0);
    b = stream_of("rpe", &changed);
    assert_int_equal(read_back(&s, &b, &err), -1);
    assert_non_null(strstr(err.text, why));
    hs_rpe_free(&s);
    hs_buf_free(&b);
    hs_encoded_free(&e);
    hs_encoded_free(&changed);
    hs_rpe_coordinates_free(&c);
    hs_rpe_probe_free(&p);
}

static void
bend_found(struct hs_rpe_probe *p, struct hs_rpe_coordinates *c)
{
    (void)p;
    c->found[2] = 7;
}

static void
bend_weight(struct hs_rpe_probe *p, struct hs_rpe_coordinates *c)
{
    (void)c;
    p->w1[9] = NAN;
}

static void
bend_bias(struct hs_rpe_probe *p, struct hs_rpe_coordinates *c)
{
    (void)c;
    p->b2 = INFINITY;
}

static void
bend_znorm(struct hs_rpe_probe *p, struct hs_rpe_coordinates *c)
{
    (void)c;
    p->znorm = HS_ZNORM_CAUSAL;
}

static void
bend_width(struct hs_rpe_probe *p, struct hs_rpe_coordinates *c)
{
    (void)p;
    c->d = D - 1;
}

static void
test_damage(void **st)
{
    struct hs_encoded e = {0};
    struct hs_rpe_coordinates c;
    struct hs_rpe_probe p;
    struct hs_rpe s;
    struct hs_error err;
    struct hs_buf b;

    (void)st;
    refused_stream(bend_found, "found of coordinate 2");
    refused_stream(bend_weight, "w1: number 9 is not finite");
    refused_stream(bend_bias, "b2");
    refused_stream(bend_znorm, "znorm");
    refused_stream(bend_width, "6 coordinates in a stream of 7");
    encode_all(&e, &p, &c);
    b = stream_of("probes", &e);
    assert_int_equal(read_back(&s, &b, &err), -1);
    assert_non_null(strstr(err.text, "not of kind rpe"));
    hs_rpe_free(&s);
    hs_buf_free(&b);
    b = stream_of("rpe", &e);
    for (size_t n = 0; n < b.len; n += 37) { /* cut anywhere */
        struct hs_buf cut = {b.data, n, n};

        assert_int_equal(read_back(&s, &cut, &err), -1);
        hs_rpe_free(&s);
    }
    hs_buf_free(&b);
    hs_encoded_free(&e);
    hs_rpe_coordinates_free(&c);
    hs_rpe_probe_free(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),    cmocka_unit_test(test_aside),
        cmocka_unit_test(test_learns),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
