/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_problem.c - unit tests of common/task/problem.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "task/problem.h"

/* A descriptor from which text can be read. */
static int
input(const char *text, size_t n)
{
    FILE *f = tmpfile();

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fflush(f), 0);
    int fd = dup(fileno(f));

    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(fclose(f), 0);
    return fd;
}

/* Reads all; returns the last status, counts in *n, keeps the last problem
 * and the error. */
static int
read_all(const char *text, size_t len, const char *map, struct hs_problem *p,
         size_t *n, struct hs_error *err)
{
    struct hs_map m = {0};
    struct hs_problem next = {0};
    int fd = input(text, len), rc;

    if (map != NULL)
        assert_int_equal(hs_map_scan(map, &m, err), 0);
    struct hs_problem_reader *r = hs_problem_reader_new(fd, "in.jsonl", &m);

    *p = (struct hs_problem){0};
    *n = 0;
    while ((rc = hs_problem_read(r, &next, err)) > 0) {
        hs_problem_free(p);
        *p = next;
        next = (struct hs_problem){0};
        ++*n;
    }
    assert_int_equal(hs_problem_read(r, &next, err), rc);
    assert_null(next.id);
    hs_problem_reader_free(r);
    hs_map_free(&m);
    (void)close(fd);
    return rc;
}

static void
good_lines(void **state)
{
    static const struct {
        const char *line, *map, *id, *text, *answer;
    } cases[] = {
        {"{\"id\":\"a\",\"question\":\"q\",\"answer\":\"5\"}", NULL, "a", "q",
         "5"},
        {"{\"id\":7,\"question\":\"q\",\"answer\":5}", NULL, "7", "q", "5"},
        {"{\"id\":-7,\"prompt\":\"p\",\"answer\":2.50}", NULL, "-7", "p",
         "2.5"},
        {"{\"question\":\"q\",\"answer\":0.1}", NULL, "1", "q", "0.1"},
        {"{\"question\":\"q\"}", NULL, "1", "q", NULL},
        {"{\"question\":\"q\",\"answer\":null,\"prompt\":null}\r\n", NULL, "1",
         "q", NULL},
        {"\n \t\r\n{\"question\":\"q\"}\n\n", NULL, "3", "q", NULL},
        {"{\"problem\":\"q\",\"gold\":\"9\",\"uid\":\"u\"}",
         "question=problem,answer=gold,id=uid", "u", "q", "9"},
        {"{\"prompt\":\"q\",\"answer\":\"1\"}", "question=prompt", "1", "q",
         "1"},
        {"{\"question\":\"a\",\"prompt\":\"b\"}",
         "question=prompt,answer=question", "1", "b", "a"},
        {"{\"question\":\"q\",\"choices\":[\"x\",\"y\",\"z\"],\"answer\":2}",
         NULL, "1", "q\nA. x\nB. y\nC. z", "C"},
        {"{\"prompt\":\"q\",\"choices\":[\"x\",\"y\"],\"answer\":0}", NULL, "1",
         "q", "A"},
        {"{\"question\":\"q\",\"choices\":[\"x\",\"y\"],\"answer\":\"B\"}",
         NULL, "1", "q\nA. x\nB. y", "B"},
        {"{\"question\":\"\",\"answer\":\"\"}", NULL, "1", "", ""},
        {"{\"question\":\"\\u00e9\\n\\ud83d\\ude00\"}", NULL, "1",
         "\xc3\xa9\n\xf0\x9f\x98\x80", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_problem p;
        struct hs_error err = {{0}};
        size_t n;
        int rc = read_all(cases[i].line, strlen(cases[i].line), cases[i].map,
                          &p, &n, &err);

        if (rc != 0)
            print_message("case %zu: %s\n", i, err.text);
        assert_int_equal(rc, 0);
        assert_int_equal(n, 1);
        assert_string_equal(p.id, cases[i].id);
        assert_string_equal(p.text, cases[i].text);
        assert_int_equal(p.len, strlen(cases[i].text));
        if (cases[i].answer == NULL)
            assert_null(p.answer);
        else
            assert_string_equal(p.answer, cases[i].answer);
        assert_true(json_is_object(p.meta));
        hs_problem_free(&p);
    }
}

static void
bad_lines(void **state)
{
    static const struct {
        const char *line, *map, *error;
    } cases[] = {
        {"{}", NULL, "in.jsonl: line 1: none of question, prompt, tokens"},
        {"\n\n{\"id\":\"x\"}", NULL, "in.jsonl: line 3: none of"},
        {"{\"question\":\"a\",\"prompt\":\"b\"}", NULL, "more than one"},
        {"{\"tokens\":[1],\"prompt\":\"b\"}", NULL, "more than one"},
        {"{\"question\":5}", NULL, "question: not a string"},
        {"{\"question\":\"a\\u0000b\"}", NULL, "NUL"},
        {"{\"id\":\"\",\"question\":\"a\"}", NULL, "id: empty"},
        {"{\"id\":1.5,\"question\":\"a\"}", NULL, "id: not a string"},
        {"{\"id\":[],\"question\":\"a\"}", NULL, "id: not a string"},
        {"{\"question\":\"a\",\"answer\":[1]}", NULL, "answer: not a"},
        {"{\"question\":\"a\",\"answer\":true}", NULL, "answer: not a"},
        {"{\"question\":\"a\",\"question\":\"b\"}", NULL, "duplicate"},
        {"{\"tokens\":[]}", NULL, "tokens: not an array"},
        {"{\"tokens\":[1,-2]}", NULL, "tokens: entry 1"},
        {"{\"tokens\":[1,2.0]}", NULL, "tokens: entry 1"},
        {"{\"tokens\":[4294967296]}", NULL, "tokens: entry 0"},
        {"{\"tokens\":\"1 2\"}", NULL, "tokens: not an array"},
        {"{\"question\":\"a\",\"completion\":5}", NULL, "completion: not a"},
        {"{\"question\":\"a\",\"completion\":[\"b\",5]}", NULL,
         "completion: not a"},
        {"{\"question\":\"a\",\"completion\":[]}", NULL, "empty array"},
        {"{\"question\":\"a\",\"completion\":\"b\",\"completion_tokens\":[1]}",
         NULL, "both completion and completion_tokens"},
        {"{\"question\":\"a\",\"completion_tokens\":[]}", NULL,
         "completion_tokens: not an array"},
        {"{\"question\":\"a\",\"completion_tokens\":[[1],2]}", NULL,
         "completion_tokens: not an array"},
        {"{\"question\":\"a\",\"choices\":[\"x\",\"y\"],\"answer\":2}", NULL,
         "answer: 2 is not the index"},
        {"{\"question\":\"a\",\"choices\":[\"x\",\"y\"],\"answer\":-1}", NULL,
         "answer: -1 is not the index"},
        {"{\"question\":\"a\",\"choices\":[\"x\"]}", NULL, "choices: not an"},
        {"{\"question\":\"a\",\"choices\":[\"x\",1]}", NULL, "choices: not a"},
        {"{\"question\":\"a\"", NULL, "line 1: column"},
        {"{\"question\":\"a\"} x", NULL, "line 1: column"},
        {"[1]", NULL, "not a JSON object"},
        {"null", NULL, "line 1"},
        {"\xff\xfe", NULL, "line 1: column"},
        {"{\"question\":\"\xff\"}", NULL, "line 1: column"},
        {"{\"question\":\"a\"}", "question=problem", "no field 'problem'"},
        {"{\"question\":\"a\",\"x\":1}", "answer=gold", "no field 'gold'"},
        {"{\"problem\":5}", "question=problem", "problem: not a string"},
        {"{\"id\":99999999999999999999,\"question\":\"a\"}", NULL, "line 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_problem p;
        struct hs_error err = {{0}};
        size_t n;
        int rc = read_all(cases[i].line, strlen(cases[i].line), cases[i].map,
                          &p, &n, &err);

        if (rc != -1 || strstr(err.text, cases[i].error) == NULL)
            print_message("case %zu: %d: %s\n", i, rc, err.text);
        assert_int_equal(rc, -1);
        assert_non_null(strstr(err.text, cases[i].error));
        assert_null(strchr(err.text, '\n'));
        hs_problem_free(&p);
    }
}

static void
completions_and_tokens(void **state)
{
    static const char text[] =
        "{\"tokens\":[1,0,2147483647],\"completion\":[\"one\",\"\"],"
        "\"task\":\"t\",\"steps\":4}\n"
        "{\"prompt\":\"p\",\"completion_tokens\":[[5,6],[7]]}";
    struct hs_problem_reader *r;
    struct hs_problem p = {0};
    struct hs_error err;
    int fd = input(text, sizeof text - 1);

    (void)state;
    r = hs_problem_reader_new(fd, "x", NULL);
    assert_int_equal(hs_problem_read(r, &p, &err), 1);
    assert_int_equal(p.kind, HS_PROBLEM_TOKENS);
    assert_null(p.text);
    assert_int_equal(p.n_tokens, 3);
    assert_int_equal(p.tokens[2], 2147483647);
    assert_int_equal(p.n_completions, 2);
    assert_string_equal(p.completions[0].text, "one");
    assert_int_equal(p.completions[1].len, 0);
    assert_int_equal(json_object_size(p.meta), 2);
    assert_string_equal(json_string_value(json_object_get(p.meta, "task")),
                        "t");
    assert_int_equal(hs_problem_read(r, &p, &err), 1);
    assert_int_equal(p.kind, HS_PROBLEM_PROMPT);
    assert_int_equal(p.n_completions, 2);
    assert_null(p.completions[0].text);
    assert_int_equal(p.completions[0].n_tokens, 2);
    assert_int_equal(p.completions[1].tokens[0], 7);
    assert_int_equal(p.line, 2);
    assert_int_equal(json_object_size(p.meta), 0);
    assert_int_equal(hs_problem_read(r, &p, &err), 0);
    hs_problem_reader_free(r);
    hs_problem_free(&p);
    (void)close(fd);
}

static void
maps_are_checked(void **state)
{
    static const char *const bad[] = {
        "",        "question",  "question=",         "=x",
        "quest=x", "answer=a,", "answer=a,answer=b", ",answer=a",
    };
    struct hs_map m;
    struct hs_error err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hs_map_scan(bad[i], &m, &err), -1);
        assert_int_equal(m.n, 0);
    }
    assert_int_equal(hs_map_scan("id=a=b", &m, &err), 0);
    assert_string_equal(m.v[0].field, "a=b");
    hs_map_free(&m);
}

static void
lines_of_any_length_up_to_the_limit(void **state)
{
    struct hs_problem p;
    struct hs_error err = {{0}};
    size_t n, sizes[] = {1, 65535, 65536, 65537, 1000000};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct hs_buf b = {0};

        for (int k = 0; k < 3; k++) {
            hs_buf_str(&b, "{\"question\":\"");
            memset(hs_buf_reserve(&b, sizes[i]), 'x', sizes[i]);
            b.len += sizes[i];
            hs_buf_str(&b, "\"}\n");
        }
        assert_int_equal(read_all((char *)b.data, b.len, NULL, &p, &n, &err),
                         0);
        assert_int_equal(n, 3);
        assert_int_equal(p.len, sizes[i]);
        hs_problem_free(&p);
        hs_buf_free(&b);
    }
    struct hs_buf b = {0};

    memset(hs_buf_reserve(&b, HS_PROBLEM_LINE_MAX + 100000), ' ',
           HS_PROBLEM_LINE_MAX + 100000);
    b.len = HS_PROBLEM_LINE_MAX + 100000;
    assert_int_equal(read_all((char *)b.data, b.len, NULL, &p, &n, &err), -1);
    assert_non_null(strstr(err.text, "line 1: longer than"));
    hs_buf_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),
        cmocka_unit_test(bad_lines),
        cmocka_unit_test(completions_and_tokens),
        cmocka_unit_test(maps_are_checked),
        cmocka_unit_test(lines_of_any_length_up_to_the_limit),
    };

    return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
