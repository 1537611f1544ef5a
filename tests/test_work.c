/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_work.c - which items a run is made of.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/outfile.h"
#include "task/work.h"

static struct hs_error err;
static struct hs_model *reasoner;
static struct hs_prompter prompter;

static int
setup(void **state)
{
    struct hs_buf b = {0};
    const char *dir = getenv("HS_SRCDIR");

    (void)state;
    hs_buf_printf(&b, "%s/examples/reasoner", dir ? dir : ".");
    reasoner = hs_model_open(hs_buf_cstr(&b), &err);
    hs_buf_free(&b);
    if (reasoner == NULL)
        return -1;
    return hs_prompter_init(&prompter, reasoner, "auto", NULL, NULL, &err);
}

static int
teardown(void **state)
{
    (void)state;
    hs_model_free(reasoner);
    return 0;
}

/* A run over lines of text; ids, parted by blanks, are what it hands out. */
struct trial {
    struct hs_work_options o;
    struct hs_problem_reader *problems;
    struct hs_work *work;
    int fd, rc;
    char ids[2048];
};

static void
begin(struct trial *t, const char *lines)
{
    t->fd = memfd_create("problems", MFD_CLOEXEC);
    assert_true(t->fd >= 0);
    assert_int_equal(hs_write_all(t->fd, lines, strlen(lines)), 0);
    assert_int_equal(lseek(t->fd, 0, SEEK_SET), 0);
    t->problems = hs_problem_reader_new(t->fd, "in", NULL);
    t->o.prompter = &prompter;
    t->o.problems = t->problems;
    t->o.name = "in";
    if (t->o.n_shards == 0)
        t->o.shard = t->o.n_shards = 1;
    if (t->o.samples == 0)
        t->o.samples = 1;
    t->o.max_tokens = 7;
    t->work = hs_work_new(&t->o);
    t->ids[0] = '\0';
}

static void
end(struct trial *t)
{
    hs_work_free(t->work);
    hs_problem_reader_free(t->problems);
    assert_int_equal(close(t->fd), 0);
}

/* All of it: the status at the end is in rc. */
static void
collect(struct trial *t, const char *lines)
{
    struct hs_item *item;

    begin(t, lines);
    while ((t->rc = hs_work_next(t->work, &item, &err)) > 0) {
        const struct hs_job *job = item->user;

        assert_string_equal(item->id, job->traj.id);
        assert_int_equal(item->sample, job->traj.sample);
        assert_int_equal(item->max_tokens, 7);
        assert_true(item->n_prompt > 0);
        (void)snprintf(t->ids + strlen(t->ids), sizeof t->ids - strlen(t->ids),
                       "%s ", item->id);
        hs_item_free(item);
    }
    end(t);
}

static const char five[] =
    "{\"id\":\"a\",\"question\":\"1\"}\n"
    "{\"id\":2,\"question\":\"1\"}\n"
    "\n"
    "{\"question\":\"1\"}\n"
    "{\"id\":\"d e\",\"prompt\":\"1\"}\n"
    "{\"id\":\"f\",\"tokens\":[1,2]}";

static void
samples_are_numbered(void **state)
{
    struct trial t = {.o.samples = 3};

    (void)state;
    collect(&t, five);
    assert_int_equal(t.rc, 0);
    assert_string_equal(t.ids,
                        "a a#1 a#2 2 2#1 2#2 4 4#1 4#2 d e d e#1 d e#2 "
                        "f f#1 f#2 ");
    t.o.samples = 1;
    collect(&t, "\n \n");
    assert_int_equal(t.rc, 0);
    assert_string_equal(t.ids, "");
}

static void
shards_take_turns(void **state)
{
    static const char *const wanted[][4] = {
        {"a 2 4 d e f "},
        {"a 4 f ", "2 d e "},
        {"a d e ", "2 f ", "4 "},
        {"a f ", "2 ", "4 ", "d e "},
    };

    (void)state;
    for (uint32_t n = 1; n <= 4; n++)
        for (uint32_t i = 1; i <= n; i++) {
            struct trial t = {.o = {.shard = i, .n_shards = n}};

            collect(&t, five);
            assert_int_equal(t.rc, 0);
            assert_string_equal(t.ids, wanted[n - 1][i - 1]);
        }
    struct trial t = {.o = {.shard = 9, .n_shards = 9}};

    collect(&t, five);
    assert_int_equal(t.rc, 0);
    assert_string_equal(t.ids, "");
}

static void
what_is_done_is_left_out(void **state)
{
    struct hs_idset done = {0};
    struct trial t = {.o = {.samples = 2, .done = &done}};

    (void)state;
    assert_true(hs_idset_add(&done, "a#1", 3));
    assert_true(hs_idset_add(&done, "2", 1));
    assert_true(hs_idset_add(&done, "f", 1));
    assert_true(hs_idset_add(&done, "f#1", 3));
    assert_true(hs_idset_add(&done, "nobody", 6));
    begin(&t, five);
    for (int i = 0; i < 6; i++) {
        struct hs_item *item;

        assert_int_equal(hs_work_next(t.work, &item, &err), 1);
        hs_item_free(item);
    }
    assert_int_equal(hs_work_counts(t.work)->items, 6);
    struct hs_item *none;

    assert_int_equal(hs_work_next(t.work, &none, &err), 0);
    assert_int_equal(hs_work_counts(t.work)->done, 4);
    assert_int_equal(hs_work_counts(t.work)->problems, 5);
    end(&t);
    hs_idset_free(&done);
}

/* Problems that cannot be worked on, and where that is said. */
static void
lines_that_are_refused(void **state)
{
    static const struct {
        size_t samples;
        bool replay;
        const char *lines, *ids, *error;
    } cases[] = {
        {1, false,
         "{\"id\":\"a\",\"question\":\"1\"}\n{\"id\":\"a\","
         "\"question\":\"2\"}",
         "a ", "in: line 2: a: a second item of the id 'a'"},
        {1, false, "{\"question\":\"1\"}\n{\"id\":1,\"question\":\"2\"}", "1 ",
         "in: line 2: 1: a second item of the id '1'"},
        {2, false,
         "{\"id\":\"a\",\"question\":\"1\"}\n{\"id\":\"a#1\","
         "\"question\":\"2\"}",
         "a a#1 ", "in: line 2: a#1: a second item of the id 'a#1'"},
        {2, false,
         "{\"id\":\"a#1\",\"question\":\"1\"}\n{\"id\":\"a\","
         "\"question\":\"2\"}",
         "a#1 a#1#1 ", "in: line 2: a: a second item of the id 'a#1'"},
        {1, true, "{\"id\":\"a\",\"question\":\"1\"}", "",
         "in: line 1: a: no completion to replay"},
        {1, true, "{\"id\":\"a\",\"question\":\"1\",\"completion\":[]}", "",
         NULL},
        {1, true,
         "{\"id\":\"a\",\"question\":\"1\",\"completion_tokens\":[[1],[472]]}",
         "a ",
         "in: line 1: a: completion 2: token 472 is not in the vocabulary of "
         "472"},
        {1, false, "{\"id\":\"a\",\"tokens\":[472]}", "",
         "in: line 1: a: token 472 is not in the vocabulary of 472"},
        {1, false, "{\"id\":\"a\",\"tokens\":[]}", "", NULL},
        {1, false, "{\"id\":\"a\"}", "", NULL},
        {1, false, "nonsense", "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trial t = {
            .o = {.samples = cases[i].samples, .replay = cases[i].replay}};

        collect(&t, cases[i].lines);
        assert_int_equal(t.rc, -1);
        assert_string_equal(t.ids, cases[i].ids);
        assert_true(strncmp(err.text, "in: line ", 9) == 0);
        if (cases[i].error != NULL)
            assert_string_equal(err.text, cases[i].error);
    }
}

/* An id that stands in two shards is refused by each that comes to see it. */
static void
doubles_across_shards(void **state)
{
    static const char lines[] =
        "{\"id\":\"a\",\"question\":\"1\"}\n"
        "{\"id\":\"a\",\"question\":\"2\"}\n";

    (void)state;
    for (uint32_t i = 1; i <= 3; i++) {
        struct trial t = {.o = {.shard = i, .n_shards = 3}};

        collect(&t, lines);
        assert_int_equal(t.rc, -1);
    }
}

/* Takes the only item of a line with one completion, whose tokens are n. */
static void
check_replay(const char *line, size_t n, bool fits)
{
    struct trial t = {.o.replay = true};
    struct hs_item *item;

    begin(&t, line);
    if (!fits) {
        assert_int_equal(hs_work_next(t.work, &item, &err), -1);
        assert_non_null(strstr(err.text, "the model's context is 512"));
    } else {
        assert_int_equal(hs_work_next(t.work, &item, &err), 1);
        assert_true(item->replay);
        assert_int_equal(item->n_tokens - item->n_prompt, n);
        for (size_t i = item->n_prompt; i < item->n_tokens; i++)
            assert_true(item->tokens[i] < 472);
        hs_item_free(item);
    }
    end(&t);
}

static void
completions_to_replay(void **state)
{
    struct trial t = {.o.replay = true};
    struct hs_buf b = {0};

    (void)state;
    check_replay("{\"question\":\"1\",\"completion_tokens\":[1,2,466]}", 3,
                 true);
    check_replay("{\"question\":\"1\",\"completion_tokens\":[466,1]}", 2, true);
    check_replay("{\"question\":\"1\",\"completion\":\"\"}", 0, true);
    check_replay("{\"question\":\"1\",\"completion\":\"<|im_end|>\"}", 1, true);
    collect(&t,
            "{\"id\":\"a\",\"question\":\"1\",\"completion\":[\"2\",\"\","
            "\"3\"]}\n{\"id\":\"b\",\"question\":\"1\","
            "\"completion_tokens\":[[],[5]]}");
    assert_int_equal(t.rc, 0);
    assert_string_equal(t.ids, "a a#1 a#2 b b#1 ");

    /* 510 tokens of prompt: 2 are left, and a final EOS is not fed. */
    for (int extra = 1; extra <= 4; extra++) {
        static const char *const tails[] = {"1", "1,1", "1,1,466", "1,1,1"};

        b.len = 0;
        hs_buf_str(&b, "{\"tokens\":[1");
        for (int i = 1; i < 510; i++)
            hs_buf_str(&b, ",1");
        hs_buf_printf(&b, "],\"completion_tokens\":[%s]}", tails[extra - 1]);
        check_replay(hs_buf_cstr(&b), extra < 3 ? (size_t)extra : 3, extra < 4);
    }
    hs_buf_free(&b);
}

static void
notices(void **state)
{
    struct trial t = {.rc = 0};
    const struct hs_work_counts *c;
    struct hs_item *item;

    (void)state;
    begin(&t,
          "{\"id\":\"a\",\"question\":\"1\"}\n"
          "{\"id\":\"b\",\"tokens\":[464,464,1]}\n"
          "{\"id\":\"c\",\"tokens\":[464,464]}\n"
          "{\"id\":\"d\",\"question\":\"1\",\"completion\":\"x\"}\n");
    while (hs_work_next(t.work, &item, &err) > 0)
        hs_item_free(item);
    c = hs_work_counts(t.work);
    assert_int_equal(c->bos_twice, 2);
    assert_string_equal(c->bos_twice_at, "b");
    assert_int_equal(c->bos_missing, 0);
    assert_int_equal(c->unused_completions, 1);
    assert_string_equal(c->unused_at, "d");
    end(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_numbered),
        cmocka_unit_test(shards_take_turns),
        cmocka_unit_test(what_is_done_is_left_out),
        cmocka_unit_test(lines_that_are_refused),
        cmocka_unit_test(doubles_across_shards),
        cmocka_unit_test(completions_to_replay),
        cmocka_unit_test(notices),
    };

    return cmocka_run_group_tests_name("work", tests, setup, teardown);
}
