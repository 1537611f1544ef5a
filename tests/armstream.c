/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armstream.c - see armstream.h.
 */
#include <config.h>

#include "armstream.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "memstream.h"

void
kit_problem_name(uint32_t problem, char out[16])
{
    (void)snprintf(out, 16, "p%u", problem);
}

uint32_t
kit_token(const struct kit_answer *a, uint32_t i)
{
    /* every third text repeats itself */
    return a->salt % 3 == 0 ? i % 5 : (a->salt * 7 + i * i / 3) % 5;
}

static json_t *
text(const char *s)
{
    return s != NULL ? json_string(s) : json_null();
}

json_t *
kit_arms_json(const struct kit_arm *arms, size_t n)
{
    json_t *all = json_array();

    for (size_t i = 0; i < n; i++) {
        const struct kit_arm *a = &arms[i];
        json_t *coords = json_array();
        bool none = strcmp(a->kind, "none") == 0;

        for (uint32_t c = 0; c < a->n_coords; c++)
            json_array_append_new(coords, json_integer(a->first + c));
        json_array_append_new(
            all,
            json_pack("{so so so so so so so si so so si si so}", "label",
                      text(a->label), "kind", text(a->kind), "layer",
                      none ? json_null() : json_integer(a->layer), "size",
                      text(a->size), "draw",
                      a->draw > 0 ? json_integer(a->draw) : json_null(), "mode",
                      text(a->mode), "where", text(a->where), "n_coords",
                      (int)a->n_coords, "coords", coords, "same_as",
                      text(a->same_as), "n_sinks", (int)a->n_sinks, "n_value",
                      0, "rms_ratio", hs_json_number(a->rms_ratio)));
    }
    return all;
}

/* What an edit must have written, position by position. */
static uint64_t
edits_of(const struct kit_arm *arm, const struct kit_answer *a)
{
    uint64_t n = 0;
    uint32_t fed = a->n_prompt + a->n_new - (strcmp(a->finish, "eos") == 0);

    if (arm->n_coords == 0)
        return 0;
    for (uint32_t pos = 0; pos < fed; pos++)
        if (strcmp(arm->where, "all") == 0 ||
            (strcmp(arm->where, "generated") == 0 && pos >= a->n_prompt) ||
            (strcmp(arm->where, "not-first") == 0 && pos > 0))
            n += arm->n_coords;
    return n;
}

static void
make_answer(struct hs_trajectory *t, const struct kit_arm *arm,
            const struct kit_answer *a)
{
    char problem[16], id[128];
    size_t n = a->n_prompt + a->n_new;

    *t = (struct hs_trajectory){0};
    kit_problem_name(a->problem, problem);
    (void)snprintf(id, sizeof id, "%s/%s#%u", arm->label, problem, a->sample);
    hs_trajectory_set(&t->id, id);
    hs_trajectory_set(&t->problem, problem);
    t->sample = a->sample;
    hs_trajectory_set(&t->completion, "");
    hs_trajectory_set(&t->finish, a->finish);
    hs_trajectory_set(&t->parsed, a->parsed ? "1" : NULL);
    hs_trajectory_set(&t->grader, "exact");
    hs_trajectory_set(&t->reason, "");
    hs_trajectory_set(&t->arm, a->arm_name != NULL ? a->arm_name : arm->label);
    hs_trajectory_set(&t->part, a->part);
    t->reward = a->reward;
    t->n_tokens = n;
    t->n_prompt = a->n_prompt;
    t->tokens = hs_calloc(n, sizeof *t->tokens);
    t->logprob = hs_calloc(a->n_new, sizeof *t->logprob);
    t->entropy = hs_calloc(a->n_new, sizeof *t->entropy);
    for (uint32_t i = 0; i < n; i++)
        t->tokens[i] =
            i < a->n_prompt ? a->problem : kit_token(a, i - a->n_prompt);
    for (uint32_t i = 0; i < a->n_new; i++) {
        t->logprob[i] = a->logprob;
        t->entropy[i] = a->entropy;
    }
    t->edits = edits_of(arm, a) + (uint64_t)a->more_edits;
    hs_trajectory_hash_prompt(t);
}

struct hs_buf
kit_stream(const struct kit_arm *arms, size_t n_arms, const char *note,
           const struct kit_answer *a, size_t n)
{
    struct hs_head h = test_head(HS_F16, 8, 0);
    int fd = memory_file("", 0);
    struct hs_encoded e = {0};
    struct hs_writer *w;
    struct hs_error err;

    hs_head_set(&h.kind, "arms");
    hs_head_set(&h.positions, "all");
    h.n_layers = 4;
    json_object_set_new(h.run, "note", json_string(note));
    json_object_set_new(h.run, "arms", kit_arms_json(arms, n_arms));
    w = hs_writer_open(fd, "out", &h, 1, &err);
    assert_non_null(w);
    for (size_t i = 0; i < n; i++) {
        struct hs_trajectory t;

        make_answer(&t, &arms[a[i].arm], &a[i]);
        hs_encode_trajectory(&e, &t);
        hs_trajectory_free(&t);
    }
    assert_int_equal(hs_write_encoded(w, &e), 0);
    assert_int_equal(hs_writer_close(w, &err), 0);
    hs_encoded_free(&e);
    hs_head_free(&h);
    return contents(fd);
}

struct hs_armsum *
kit_read(const struct hs_buf *streams, size_t n, struct hs_error *err)
{
    static const struct hs_armsum_options o = {
        .level = 0.95, .alpha = 0.05, .n_boot = 200, .seed = 3};
    struct hs_armsum *s = hs_armsum_new(&o);

    for (size_t i = 0; i < n; i++) {
        struct hs_reader *r =
            hs_reader_open(memory_file(streams[i].data, streams[i].len), "in");
        int rc = hs_armsum_add(s, r, "in", err);

        hs_reader_close(r);
        if (rc < 0) {
            hs_armsum_free(s);
            return NULL;
        }
    }
    return s;
}

const struct hs_arm_result *
kit_result(const struct hs_armsum *s, const char *label)
{
    for (size_t i = 0; i < hs_armsum_count(s); i++)
        if (strcmp(hs_armsum_result(s, i)->arm->label, label) == 0)
            return hs_armsum_result(s, i);
    fail_msg("no arm %s", label);
    return NULL;
}
