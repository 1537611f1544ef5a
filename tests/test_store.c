/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_store.c - the store of states: the same bytes from memory, from the
 * file and from what began in one and went on in the other; full disks.
 */
#include <config.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/mem.h"
#include "probe/store.h"

enum {
    N_BLOCKS = 300,
    LARGE = 17 << 20 /* more than the store takes from the system at once */
};

/* Sizes of all sorts, one of them large. */
static size_t
size_of(size_t i)
{
    return i == 150 ? LARGE : i * 997 % 5000;
}

static uint8_t
byte_of(size_t i, size_t k)
{
    return (uint8_t)((i * 131 + k * 7 + k / 251) & 0xff);
}

static uint8_t *
block(size_t i)
{
    uint8_t *b = hs_malloc(size_of(i));

    for (size_t k = 0; k < size_of(i); k++)
        b[k] = byte_of(i, k);
    return b;
}

static void
check_store(uint64_t max_memory)
{
    struct hs_store *s = hs_store_new(max_memory);
    uint64_t where[N_BLOCKS], total = 0;
    struct hs_error err;

    for (size_t i = 0; i < N_BLOCKS; i++) {
        uint8_t *b = block(i);

        assert_int_equal(hs_store_add(s, b, size_of(i), &where[i], &err), 0);
        total += size_of(i);
        free(b);
    }
    assert_int_equal(hs_store_seal(s, &err), 0);
    assert_true(hs_store_bytes(s) >= total);
    assert_true(hs_store_bytes(s) < total + (uint64_t)N_BLOCKS * 64);
    for (size_t i = N_BLOCKS; i-- > 0;) { /* not in the order of adding */
        uint8_t *b = block(i);

        assert_memory_equal(hs_store_at(s, where[i]), b, size_of(i));
        free(b);
    }
    hs_store_free(s);
}

static void
test_places(void **state)
{
    (void)state;
    check_store(UINT64_MAX / 2); /* memory */
    check_store(0);              /* the file */
    check_store(100000);         /* begins in memory */
    check_store(20 << 20);       /* goes on in the file after the large one */
}

static void
test_nothing(void **state)
{
    struct hs_store *s = hs_store_new(0);
    struct hs_error err;

    (void)state;
    assert_int_equal(hs_store_seal(s, &err), 0);
    assert_int_equal(hs_store_bytes(s), 0);
    hs_store_free(s);
    hs_store_free(NULL);
}

/* Adds until it fails, or seals. */
static int
fill(uint64_t max_memory, struct hs_error *err)
{
    struct hs_store *s = hs_store_new(max_memory);
    uint8_t *b = hs_calloc(100000, 1);
    uint64_t where;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < 50; i++)
        rc = hs_store_add(s, b, 100000, &where, err);
    if (rc == 0)
        rc = hs_store_seal(s, err);
    hs_store_free(s);
    free(b);
    return rc;
}

static void
test_full(void **state)
{
    struct hs_error err = {0};
    struct rlimit was, little;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    little = was;
    little.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_int_equal(fill(0, &err), -1);
    assert_string_equal(err.text, "temporary file: File too large");
    err.text[0] = '\0';
    assert_int_equal(fill(3000000, &err), -1); /* as it moves there */
    assert_string_equal(err.text, "temporary file: File too large");
    assert_int_equal(fill(6000000, &err), 0); /* all in memory */
    little.rlim_cur = 5001600 - 1; /* it is the last byte that fails */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_int_equal(fill(0, &err), -1);
    little.rlim_cur = 5001600;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_int_equal(fill(0, &err), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
}

static void
test_no_folder(void **state)
{
    const char *was = getenv("TMPDIR");
    char *saved = was != NULL ? hs_strdup(was) : NULL;
    struct hs_error err = {0};

    (void)state;
    assert_int_equal(setenv("TMPDIR", "/nonexistent/folder", 1), 0);
    assert_int_equal(fill(0, &err), -1);
    assert_string_equal(err.text,
                        "temporary file in /nonexistent/folder: No "
                        "such file or directory");
    assert_int_equal(fill(6000000, &err), 0); /* where none is needed */
    if (saved != NULL)
        assert_int_equal(setenv("TMPDIR", saved, 1), 0);
    else
        assert_int_equal(unsetenv("TMPDIR"), 0);
    free(saved);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_no_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
