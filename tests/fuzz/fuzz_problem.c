/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_problem.c - problem lines and the graders, both hostile.
 *
 * The input is read as problems; then its halves, parted by the first NUL or
 * in the middle, are a completion and a gold answer for every grader.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "task/grade.h"
#include "task/problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_problems(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    struct hs_problem p = {0};
    struct hs_error err;
    int rc;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size ||
        lseek(fd, 0, SEEK_SET) != 0)
        abort();
    struct hs_problem_reader *r = hs_problem_reader_new(fd, "fuzz", NULL);

    while ((rc = hs_problem_read(r, &p, &err)) > 0)
        if (p.id == NULL || p.meta == NULL ||
            (p.kind == HS_PROBLEM_TOKENS ? p.tokens == NULL : p.text == NULL))
            abort();
    if (p.id != NULL || (rc < 0 && err.text[0] == '\0'))
        abort();
    hs_problem_reader_free(r);
    hs_problem_free(&p);
    (void)close(fd);
}

static void
try_grader(const char *spec, const char *text, size_t n, const char *gold)
{
    struct hs_error err;
    struct hs_grader *g = hs_grader_new(spec, &err);
    struct hs_verdict v = {0};

    if (g == NULL)
        abort();
    hs_grade(g, text, n, false, gold, NULL, &v);
    if (v.reward < -1 || v.reward > 1 || v.reason == NULL ||
        v.reason[0] == '\0' || strchr(v.reason, '\n') != NULL)
        abort();
    hs_verdict_free(&v);
    hs_grader_free(g);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const specs[] = {"gsm8k-strict", "gsm8k-flexible",
                                        "boxed",        "choice",
                                        "exact",        "regex:is ([0-9]+)"};
    const uint8_t *cut = size > 0 ? memchr(data, 0, size) : NULL;
    size_t n = cut != NULL ? (size_t)(cut - data) : size / 2;
    char *gold = hs_strndup((const char *)data + n + (cut != NULL),
                            size - n - (cut != NULL));
    struct hs_buf boxed = {0};

    try_problems(data, size);
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
        try_grader(specs[i], (const char *)data, n, gold);
    hs_buf_str(&boxed, "\\boxed{");
    hs_buf_add(&boxed, data, n);
    hs_buf_str(&boxed, "}");
    try_grader("boxed", (const char *)boxed.data, boxed.len, gold);
    hs_buf_free(&boxed);
    free(gold);
    return 0;
}
