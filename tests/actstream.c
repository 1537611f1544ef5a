/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * actstream.c - see actstream.h.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actstream.h"
#include "base/mem.h"
#include "base/rng.h"
#include "memstream.h"

float
act_plain(size_t k, uint32_t layer, size_t pos, size_t j)
{
    uint32_t w[4];

    hs_rng_words(k, layer, (uint32_t)pos, (uint32_t)j, w);
    return (float)((int)(w[0] % 1024) - 512) / 64;
}

static void
make(struct hs_trajectory *t, const struct acttraj *a, size_t k)
{
    size_t n = a->n_prompt + a->n_new, step = a->every > 0 ? a->every : 1;
    char id[64];

    *t = (struct hs_trajectory){0};
    (void)snprintf(id, sizeof id, "%s#%zu", a->problem, k);
    hs_trajectory_set(&t->id, id);
    hs_trajectory_set(&t->problem, a->problem);
    t->sample = a->sample;
    hs_trajectory_set(&t->completion, "");
    hs_trajectory_set(&t->finish, "length");
    hs_trajectory_set(&t->grader, "exact");
    hs_trajectory_set(&t->reason, "");
    t->n_tokens = n;
    t->n_prompt = a->n_prompt;
    t->tokens = hs_calloc(n, sizeof *t->tokens);
    t->positions = hs_calloc(n, sizeof *t->positions);
    t->logprob = hs_calloc(a->n_new, sizeof *t->logprob);
    t->entropy = hs_calloc(a->n_new, sizeof *t->entropy);
    for (size_t p = a->first; p < n; p += step)
        t->positions[t->n_states++] = (uint32_t)p;
    hs_trajectory_hash_prompt(t);
}

static void
encode(struct hs_encoded *e, const struct hs_head *h, const struct acttraj *a,
       size_t k, act_value *value)
{
    struct hs_trajectory t;
    struct hs_error err;
    float *x;

    make(&t, a, k);
    x = hs_calloc(t.n_states * h->dim, sizeof *x);
    hs_encode_trajectory(e, &t);
    for (size_t l = 0; l < h->layers.n && t.n_states > 0; l++) {
        for (size_t i = 0; i < t.n_states; i++)
            for (size_t j = 0; j < h->dim; j++)
                x[i * h->dim + j] = value(k, h->layers.v[l], t.positions[i], j);
        assert_int_equal(hs_encode_states(e, h->dtype, &t, h->layers.v[l], 0, x,
                                          t.n_states, h->dim, h->dim, &err),
                         0);
    }
    free(x);
    hs_trajectory_free(&t);
}

struct hs_buf
act_stream(const struct hs_head *h, const struct acttraj *t, size_t n,
           act_value *value)
{
    int fd = memory_file("", 0);
    struct hs_error err;
    struct hs_writer *w = hs_writer_open(fd, "out", h, 1, &err);

    assert_non_null(w);
    for (size_t k = 0; k < n; k++) {
        struct hs_encoded e = {0};

        encode(&e, h, &t[k], k, value);
        assert_int_equal(hs_write_encoded(w, &e), 0);
        hs_encoded_free(&e);
    }
    assert_int_equal(hs_writer_close(w, &err), 0);
    return contents(fd);
}
