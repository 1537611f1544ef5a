/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_trajset.c - trajectories read for fitting: their times, lengths and
 * token scores under every choice of positions, their states, the statistics
 * of coordinates, a second stream, and what is refused.
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

#include "base/rng.h"
#include "memstream.h"
#include "probe/trajset.h"

enum {
    DIM = 5,
    N_ITEMS = 6,
    FAR = 131072 /* no f16 */
};

struct item {
    const char *id, *problem;
    int reward;
    uint32_t n_prompt, n_new;
    const char *finish;
    bool far; /* has a state that no 16-bit type takes */
};

static const struct item items[N_ITEMS] = {
    {"a", "a", 1, 3, 8, "eos", false},  {"a#1", "a", 0, 3, 9, "length", true},
    {"b", "b", -1, 2, 5, "eos", false}, {"c", "c", 0, 1, 7, "stop", false},
    {"c#1", "c", 1, 1, 1, "eos", true}, {"d", "d", 1, 6, 2, "length", false},
};

/* Tokens that were fed to the model: all but an end of text. */
static uint32_t
fed(const struct item *m)
{
    return m->n_prompt + m->n_new - (strcmp(m->finish, "eos") == 0);
}

static uint32_t
length(const struct item *m)
{
    return fed(m) - m->n_prompt;
}

/* A whole number, so that every type holds it, but for the far ones. */
static float
state_value(size_t k, uint32_t layer, uint32_t position, size_t c)
{
    uint32_t w[4];

    if (items[k].far && position == items[k].n_prompt && c == 1)
        return FAR;
    hs_rng_words(9, k << 8 | layer, position, (uint32_t)c, w);
    if (w[1] % 2 == 0) /* small, so that 20 times the median is at times less */
        return (float)(w[0] % 5 + c);
    return (float)((int)(w[0] % 201) - 100);
}

static float
logprob_of(size_t k, size_t i)
{
    return -(float)(1 + k) / 16 - (float)(i * i % 7);
}

static float
entropy_of(size_t k, size_t i)
{
    return (float)(1 + k) / 8 + (float)(i * i % 5);
}

/* Whether a position is among those that a head names. */
static bool
is_kept(const struct item *m, const char *which, uint32_t position)
{
    uint32_t s0 = m->n_prompt - 1;

    if (strcmp(which, "tokens") == 0) /* of the prompt as well */
        return true;
    if (strcmp(which, "s0") == 0)
        return position == s0;
    if (strcmp(which, "last") == 0)
        return position + 1 == fed(m);
    return position >= s0 &&
           (strcmp(which, "every:3") != 0 || (position - s0) % 3 == 0);
}

static void
make_item(struct hs_trajectory *t, size_t k, const char *which)
{
    const struct item *m = &items[k];

    *t = (struct hs_trajectory){0};
    hs_trajectory_set(&t->id, m->id);
    hs_trajectory_set(&t->problem, m->problem);
    hs_trajectory_set(&t->completion, "text");
    hs_trajectory_set(&t->finish, m->finish);
    hs_trajectory_set(&t->grader, "exact");
    hs_trajectory_set(&t->reason, "");
    t->reward = m->reward;
    t->n_prompt = m->n_prompt;
    t->n_tokens = m->n_prompt + m->n_new;
    t->tokens = hs_calloc(t->n_tokens, sizeof *t->tokens);
    t->positions = hs_calloc(t->n_tokens, sizeof *t->positions);
    t->logprob = hs_calloc(m->n_new, sizeof *t->logprob);
    t->entropy = hs_calloc(m->n_new, sizeof *t->entropy);
    for (size_t i = 0; i < m->n_new; i++) {
        t->logprob[i] = logprob_of(k, i);
        t->entropy[i] = entropy_of(k, i);
    }
    for (uint32_t p = 0; p < fed(m); p++)
        if (is_kept(m, which, p))
            t->positions[t->n_states++] = p;
    hs_trajectory_hash_prompt(t);
}

/* Items of a list, the states of each layer in two blocks. */
static struct hs_buf
make(const char *which, enum hs_dtype dtype, const size_t *list, size_t n)
{
    struct hs_head head = test_head(dtype, DIM, 3);
    int fd = memory_file("", 0);
    struct hs_error err;
    struct hs_writer *w;

    hs_head_set(&head.positions, strcmp(which, "tokens") == 0 ? "all" : which);
    w = hs_writer_open(fd, "out", &head, 1, &err);
    for (size_t i = 0; i < n; i++) {
        struct hs_encoded e = {0};
        struct hs_trajectory t;

        make_item(&t, list[i], which);
        hs_encode_trajectory(&e, &t);
        for (size_t l = 0; l < head.layers.n; l++)
            for (size_t r = 0; r < t.n_states; r += 3) {
                float x[3 * DIM];
                size_t rows = t.n_states - r < 3 ? t.n_states - r : 3;

                for (size_t c = 0; c < rows * DIM; c++)
                    x[c] = state_value(list[i], head.layers.v[l],
                                       t.positions[r + c / DIM], c % DIM);
                assert_int_equal(hs_encode_states(&e, dtype, &t,
                                                  head.layers.v[l], r, x, rows,
                                                  DIM, DIM, &err),
                                 0);
            }
        assert_int_equal(hs_write_encoded(w, &e), 0);
        hs_encoded_free(&e);
        hs_trajectory_free(&t);
    }
    assert_int_equal(hs_writer_close(w, &err), 0);
    hs_head_free(&head);
    return contents(fd);
}

static const size_t everything[N_ITEMS] = {0, 1, 2, 3, 4, 5};
static const struct hs_list all_layers = {.all = true};

static int
read_list(struct hs_trajset *s, const char *which, enum hs_dtype dtype,
          const size_t *list, size_t n, const struct hs_list *layers,
          uint64_t memory, struct hs_error *err)
{
    struct hs_buf b = make(which, dtype, list, n);
    struct hs_reader *r = hs_reader_open(memory_file(b.data, b.len), "in");
    int rc;

    err->text[0] = '\0';
    rc = hs_trajset_read(s, r, "in", layers, memory, err);
    hs_reader_close(r);
    hs_buf_free(&b);
    return rc;
}

/* All items, split in halves. */
static void
read_all_items(struct hs_trajset *s, const char *which, enum hs_dtype dtype,
               uint64_t memory)
{
    struct hs_error err;

    if (read_list(s, which, dtype, everything, N_ITEMS, &all_layers, memory,
                  &err) < 0 ||
        hs_trajset_split(s, 0.5, 7, &err) < 0)
        fail_msg("%s", err.text);
}

static size_t
item_of(const char *id)
{
    size_t k = 0;

    while (strcmp(items[k].id, id) != 0)
        k++;
    return k;
}

static void
check_trajectory(const struct hs_trajset *s, size_t j, const char *which)
{
    const struct hs_traj *q = &s->traj[j];
    size_t k = item_of(q->id), n = 0;
    const struct item *m = &items[k];
    double logprob = 0, entropy = 0;

    assert_string_equal(s->problems[q->problem], m->problem);
    assert_int_equal(q->reward, m->reward);
    assert_int_equal(q->n_prompt, m->n_prompt);
    assert_int_equal(q->n_new, m->n_new);
    assert_int_equal(q->length, length(m));
    for (uint32_t t = 0; t <= length(m); t++) {
        bool token = t < m->n_new;
        size_t i = q->first + n;

        entropy += token ? (double)entropy_of(k, t) : 0;
        if (is_kept(m, which, m->n_prompt - 1 + t)) {
            assert_int_equal(s->t[i], t);
            assert_true(token ? s->logprob[i] == logprob_of(k, t)
                              : isnan(s->logprob[i]));
            assert_true(token ? s->entropy[i] == entropy_of(k, t)
                              : isnan(s->entropy[i]));
            assert_true(s->logprob_sum[i] == (float)logprob);
            assert_true(s->entropy_sum[i] == (float)entropy);
            for (size_t l = 0; l < s->n_layers; l++) {
                float x[DIM], y[2];

                hs_trajset_row(s, l, j, n, x);
                for (size_t c = 0; c < DIM; c++)
                    assert_true(x[c] == state_value(k, s->layers[l],
                                                    m->n_prompt - 1 + t, c));
                hs_trajset_part(s, l, j, n, 2, 2, y);
                assert_memory_equal(y, x + 2, sizeof y);
            }
            n++;
        }
        logprob += token ? (double)logprob_of(k, t) : 0;
    }
    assert_int_equal(q->n_states, n);
}

static void
test_positions(void **state)
{
    static const char *const each[] = {"all", "tokens", "every:3", "last",
                                       "s0"};
    static const enum hs_dtype types[] = {HS_F16, HS_BF16, HS_F32};

    (void)state;
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        for (size_t d = 0; d < 3; d++) {
            struct hs_trajset s;
            size_t first = 0;

            read_all_items(&s, each[i], types[d], UINT64_MAX / 2);
            assert_int_equal(s.n, N_ITEMS - 1);
            assert_int_equal(s.n_undecided, 1);
            assert_int_equal(s.n_problems, 3);
            assert_int_equal(s.n_layers, 3);
            for (size_t j = 0; j < s.n; j++) {
                assert_int_equal(s.traj[j].first, first);
                first += s.traj[j].n_states;
                check_trajectory(&s, j, each[i]);
            }
            assert_int_equal(s.n_states, first);
            hs_trajset_free(&s);
        }
}

static void
test_layers(void **state)
{
    uint32_t chosen[] = {1, 3};
    struct hs_list some = {.v = chosen, .n = 2};
    struct hs_error err;
    struct hs_trajset s;

    (void)state;
    assert_int_equal(
        read_list(&s, "all", HS_F16, everything, N_ITEMS, &some, 1 << 20, &err),
        0);
    assert_int_equal(hs_trajset_split(&s, 0.3, 0, &err), 0);
    assert_int_equal(s.n_layers, 2);
    assert_int_equal(s.layers[1], 3);
    for (size_t j = 0; j < s.n; j++)
        check_trajectory(&s, j, "all");
    hs_trajset_free(&s);
    chosen[1] = 4;
    assert_int_equal(
        read_list(&s, "all", HS_F16, everything, N_ITEMS, &some, 1 << 20, &err),
        -1);
    assert_string_equal(err.text, "in: layer 4 is not in the stream");
    hs_trajset_free(&s);
}

/* Memory, the file, and both: the same rows, also as they are stored. */
static void
test_memory(void **state)
{
    static const uint64_t bounds[] = {0, 500, 1500};
    struct hs_trajset a, b;

    (void)state;
    read_all_items(&a, "tokens", HS_F16, UINT64_MAX / 2);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        read_all_items(&b, "tokens", HS_F16, bounds[i]);
        assert_int_equal(hs_store_bytes(a.store), hs_store_bytes(b.store));
        for (size_t j = 0; j < a.n; j++)
            for (size_t k = 0; k < a.traj[j].n_states; k++)
                for (size_t l = 0; l < a.n_layers; l++) {
                    enum hs_dtype x, y;
                    const void *p = hs_trajset_stored(&a, l, j, k, &x);
                    const void *q = hs_trajset_stored(&b, l, j, k, &y);

                    assert_int_equal(x, y);
                    assert_memory_equal(p, q, DIM * hs_dtype_size(x));
                }
        hs_trajset_free(&b);
    }
    hs_trajset_free(&a);
}

/* ---- statistics */

static void
near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
        fail_msg("%.15g, wanted %.15g", got, want);
}

/* Two passes over the states that were written. */
static void
check_stats(const struct hs_trajset *s, size_t l)
{
    const struct hs_stats *st = &s->stats[l];

    for (size_t c = 0; c < DIM; c++) {
        double sum = 0, square = 0, spread = 0, most = 0, n = 0;

        for (int pass = 0; pass < 2; pass++)
            for (size_t j = 0; j < s->n; j++) {
                size_t k = item_of(s->traj[j].id);

                for (uint32_t t = 0; !s->traj[j].val && t <= length(&items[k]);
                     t++) {
                    double x = (double)state_value(
                        k, s->layers[l], items[k].n_prompt - 1 + t, c);

                    if (pass == 0) {
                        n++;
                        sum += x;
                        square += x * x;
                        most = fmax(most, fabs(x));
                    } else {
                        spread += (x - sum / n) * (x - sum / n);
                    }
                }
            }
        near((double)st->n, n);
        near(st->mean[c], sum / n);
        near(st->sigma[c], sqrt(spread / n));
        near(st->rms[c], sqrt(square / n));
        near(st->max_abs[c], most);
    }
}

static void
test_stats(void **state)
{
    struct hs_team *one = hs_team_new(1, NULL), *three = hs_team_new(3, NULL);
    struct hs_trajset s, again;

    (void)state;
    read_all_items(&s, "tokens", HS_F16, 1 << 20);
    read_all_items(&again, "tokens", HS_F16, 0);
    hs_trajset_stats(&s, one);
    hs_trajset_stats(&again, three);
    for (size_t l = 0; l < s.n_layers; l++) {
        const struct hs_stats *a = &s.stats[l], *b = &again.stats[l];

        check_stats(&s, l);
        assert_memory_equal(a->mean, b->mean, DIM * sizeof(double));
        assert_memory_equal(a->sigma, b->sigma, DIM * sizeof(double));
        assert_memory_equal(a->rms, b->rms, DIM * sizeof(double));
        assert_memory_equal(a->max_abs, b->max_abs, DIM * sizeof(double));
    }
    hs_trajset_free(&s);
    hs_trajset_free(&again);
    hs_team_free(one);
    hs_team_free(three);
}

static int
by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Sinks are looked for at all positions that are in the stream. */
static void
check_sinks(const struct hs_trajset *s, size_t l, const char *which)
{
    double pos0[DIM] = {0}, outlier[DIM] = {0}, n0 = 0, n = 0;

    for (size_t k = 0; k < N_ITEMS; k++)
        for (uint32_t p = 0; items[k].reward >= 0 && p < fed(&items[k]); p++) {
            double x[DIM], order[DIM];

            if (!is_kept(&items[k], which, p))
                continue;
            for (size_t c = 0; c < DIM; c++)
                x[c] = fabs((double)state_value(k, s->layers[l], p, c));
            memcpy(order, x, sizeof x);
            qsort(order, DIM, sizeof *order, by_size);
            n++;
            n0 += p == 0;
            for (size_t c = 0; c < DIM; c++) {
                pos0[c] += p == 0 ? x[c] : 0;
                outlier[c] += x[c] > 20 * order[2];
            }
        }
    near((double)s->stats[l].n_pos0, n0);
    near((double)s->stats[l].n_any, n);
    for (size_t c = 0; c < DIM; c++) {
        if (n0 > 0)
            near(s->stats[l].pos0_abs[c], pos0[c] / n0);
        else
            assert_true(isnan(s->stats[l].pos0_abs[c]));
        near(s->stats[l].outlier[c], outlier[c] / n);
    }
    assert_true(s->stats[l].outlier[1] > 0 || !is_kept(&items[1], which, 3));
}

static void
test_sinks(void **state)
{
    static const char *const each[] = {"tokens", "all", "every:3", "s0"};

    (void)state;
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        struct hs_trajset s;

        read_all_items(&s, each[i], HS_F16, 1 << 20);
        for (size_t l = 0; l < s.n_layers; l++)
            check_sinks(&s, l, each[i]);
        /* prompts of one token put s_0 at position 0 */
        assert_int_equal(s.stats[0].n_pos0,
                         strcmp(each[i], "tokens") == 0 ? 5 : 2);
        hs_trajset_free(&s);
    }
}

/* ---- places of a response */

static void
test_places(void **state)
{
    struct hs_trajset s;

    (void)state;
    read_all_items(&s, "all", HS_F16, 1 << 20); /* a: times 0 .. 7 */
    assert_int_equal(hs_traj_at(&s, 0, 0), 0);
    assert_int_equal(hs_traj_at(&s, 0, 0.25), 2); /* 1.75 */
    assert_int_equal(hs_traj_at(&s, 0, 0.5), 3);  /* 3.5: the first of two */
    assert_int_equal(hs_traj_at(&s, 0, 1), 7);
    assert_int_equal(hs_traj_at(&s, 3, 0), 0); /* T = 0: s_0 is s_T */
    assert_int_equal(hs_traj_at(&s, 3, 1), 0);
    hs_trajset_free(&s);
    read_all_items(&s, "every:3", HS_F16, 1 << 20); /* a: times 0, 3, 6 of 7 */
    assert_int_equal(hs_traj_at(&s, 0, 0), 0);
    assert_int_equal(hs_traj_at(&s, 0, 0.25), 1); /* 1.75 */
    assert_true(hs_traj_at(&s, 0, 1) == SIZE_MAX);
    assert_int_equal(hs_traj_at(&s, 1, 1), 3); /* 9 of 9 */
    hs_trajset_free(&s);
    read_all_items(&s, "last", HS_F16, 1 << 20);
    assert_true(hs_traj_at(&s, 0, 0) == SIZE_MAX);
    assert_true(hs_traj_at(&s, 0, 0.5) == SIZE_MAX);
    assert_int_equal(hs_traj_at(&s, 0, 1), 0);
    hs_trajset_free(&s);
    read_all_items(&s, "s0", HS_F16, 1 << 20);
    assert_int_equal(hs_traj_at(&s, 0, 0), 0);
    assert_true(hs_traj_at(&s, 0, 0.25) == SIZE_MAX);
    assert_true(hs_traj_at(&s, 0, 1) == SIZE_MAX);
    hs_trajset_free(&s);
}

/* ---- a second stream, and what is refused */

static int
read_second(struct hs_trajset *s, const char *which, const size_t *list,
            size_t n, struct hs_error *err)
{
    struct hs_buf b = make(which, HS_F16, list, n);
    struct hs_reader *r = hs_reader_open(memory_file(b.data, b.len), "val");
    int rc = hs_trajset_read_val(s, r, "val", err);

    hs_reader_close(r);
    hs_buf_free(&b);
    return rc;
}

static void
test_val_file(void **state)
{
    static const size_t first[] = {0, 1}, second[] = {2, 3, 5};
    static const size_t sample[] = {3, 1}, none[] = {2};
    struct hs_error err = {0};
    struct hs_trajset s;

    (void)state;
    assert_int_equal(
        read_list(&s, "all", HS_F16, first, 2, &all_layers, 300, &err), 0);
    assert_int_equal(read_second(&s, "all", second, 3, &err), 0);
    assert_int_equal(s.n, 4);
    assert_int_equal(s.n_undecided, 1);
    for (size_t j = 0; j < s.n; j++) {
        assert_true(s.traj[j].val == (j >= 2));
        check_trajectory(&s, j, "all");
    }
    hs_trajset_free(&s);

    assert_int_equal(
        read_list(&s, "all", HS_F16, first, 1, &all_layers, 300, &err), 0);
    assert_int_equal(read_second(&s, "all", sample, 2, &err), -1);
    assert_string_equal(err.text,
                        "val: problem 'a' is among those for training too");
    hs_trajset_free(&s);

    assert_int_equal(
        read_list(&s, "all", HS_F16, first, 2, &all_layers, 300, &err), 0);
    assert_int_equal(read_second(&s, "all", first, 2, &err), -1);
    assert_string_equal(err.text,
                        "val: problem 'a' is among those for training too");
    hs_trajset_free(&s);

    assert_int_equal(
        read_list(&s, "all", HS_F16, first, 2, &all_layers, 300, &err), 0);
    assert_int_equal(read_second(&s, "all", none, 1, &err), -1);
    assert_string_equal(err.text, "val: no trajectories with a reward");
    hs_trajset_free(&s);

    assert_int_equal(
        read_list(&s, "all", HS_F16, first, 2, &all_layers, 300, &err), 0);
    assert_int_equal(read_second(&s, "every:3", second, 3, &err), -1);
    assert_string_equal(err.text, "val: positions is 'every:3', was 'all'");
    hs_trajset_free(&s);
}

static void
test_refusals(void **state)
{
    static const size_t twice[] = {0, 3, 0}, undecided[] = {2};
    struct hs_error err = {0};
    struct hs_trajset s;

    (void)state;
    assert_int_equal(
        read_list(&s, "all", HS_F16, twice, 3, &all_layers, 0, &err), -1);
    assert_string_equal(err.text, "in: trajectory 'a' comes twice");
    hs_trajset_free(&s);
    assert_int_equal(
        read_list(&s, "all", HS_F16, undecided, 1, &all_layers, 0, &err), -1);
    assert_string_equal(err.text,
                        "in: no rewards: all 1 trajectories are "
                        "undecided; hs-grade decides");
    hs_trajset_free(&s);
    assert_int_equal(
        read_list(&s, "all", HS_F16, NULL, 0, &all_layers, 0, &err), -1);
    assert_string_equal(err.text, "in: no trajectories");
    hs_trajset_free(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions), cmocka_unit_test(test_layers),
        cmocka_unit_test(test_memory),    cmocka_unit_test(test_stats),
        cmocka_unit_test(test_sinks),     cmocka_unit_test(test_places),
        cmocka_unit_test(test_val_file),  cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
