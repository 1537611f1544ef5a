/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_npy.c - headers of .npy: ours, NumPy's, and broken ones.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream/npy.h"

/* A file of version 1 with this dict and n bytes of data, exactly as large as
 * its heap block, so that a sanitizer sees every byte too far. */
static int
parse(int version, const char *dict, size_t n_data, struct hs_npy *a)
{
    size_t len = strlen(dict), skip = version == 1 ? 10 : 12;
    uint8_t *file = hs_calloc(1, skip + len + n_data);
    struct hs_error err = {0};
    int rc;

    memcpy(file, "\x93NUMPY", 6);
    file[6] = (uint8_t)version;
    file[8] = (uint8_t)len;
    file[9] = (uint8_t)(len >> 8);
    memcpy(file + skip, dict, len);
    *a = (struct hs_npy){0};
    rc = hs_npy_parse(file, skip + len + n_data, a, &err);
    assert_int_equal(rc < 0, err.text[0] != '\0');
    if (rc == 0)
        assert_ptr_equal(a->data, file + skip + len);
    a->data = NULL;
    free(file);
    return rc;
}

static void
test_good(void **state)
{
    struct hs_npy a;

    (void)state;
    for (int version = 1; version <= 3; version++) {
        assert_int_equal(parse(version,
                               "{'descr': '<f4', 'fortran_order': False, "
                               "'shape': (2, 3), }   \n",
                               24, &a),
                         0);
        assert_string_equal(a.descr, "<f4");
        assert_int_equal(a.n_dims, 2);
        assert_int_equal(a.shape[0], 2);
        assert_int_equal(a.shape[1], 3);
        assert_int_equal(a.bytes, 24);
    }
    assert_int_equal(
        parse(1, "{\"shape\":(5,),\"descr\":\"|i1\",\"fortran_order\":False}",
              5, &a),
        0);
    assert_int_equal(a.n_dims, 1);
    assert_int_equal(
        parse(1, "{'descr':'<i8','fortran_order':False,'shape':()}", 8, &a), 0);
    assert_int_equal(a.n_dims, 0);
    assert_int_equal(
        parse(1, "{'descr':'<i8','fortran_order':False,'shape':(0,7)}", 0, &a),
        0);
}

static void
test_bad(void **state)
{
    static const char *const dicts[] = {
        "",
        "{",
        "{}",
        "()",
        "{'descr':'<f4','fortran_order':False}",
        "{'descr':'<f4','fortran_order':False,'shape':(1,)",
        "{'descr':'<f4','fortran_order':False,'shape':(1,",
        "{'descr':'<f4','fortran_order':False,'shape':(2,)}",
        "{'descr':'<f4','fortran_order':False,'shape':(-1,)}",
        "{'descr':'<f4','fortran_order':False,'shape':(1 1)}",
        "{'descr':'<f4','fortran_order':False,'shape':(1,1,1,1,1)}",
        "{'descr':'<f4','fortran_order':True,'shape':(1,)}",
        "{'descr':'<f4','fortran_order':0,'shape':(1,)}",
        "{'descr':'>f4','fortran_order':False,'shape':(1,)}",
        "{'descr':'|O','fortran_order':False,'shape':(1,)}",
        "{'descr':'<f40000000','fortran_order':False,'shape':(1,)}",
        "{'descr':[('a','<f4')],'fortran_order':False,'shape':(1,)}",
        "{'descr':'<f4','descr':'<f4','fortran_order':False,'shape':(1,)}",
        "{'descr':'<f4','fortran_order':False,'shape':(1,),'x':1}",
        "{'descr':'<f4','fortran_order':False,'shape':"
        "(4294967296,4294967296,4294967296)}",
        "{'descr':'<f4','fortran_order':False,'shape':"
        "(99999999999999999999999,)}",
        "{'descr':'<f4",
        "{'descr'",
    };
    struct hs_npy a;

    (void)state;
    for (size_t i = 0; i < sizeof dicts / sizeof dicts[0]; i++) {
        if (parse(1, dicts[i], 4, &a) == 0)
            print_message("# %s\n", dicts[i]);
        assert_int_equal(parse(1, dicts[i], 4, &a), -1);
    }
    assert_int_equal(
        parse(1, "{'descr':'<f4','fortran_order':False,'shape':(1,)}", 5, &a),
        -1);
    assert_int_equal(
        parse(4, "{'descr':'<f4','fortran_order':False,'shape':(1,)}", 4, &a),
        -1);
}

/* What hs_npy_header() writes is read back, and no part of it is enough. */
static void
test_ours(void **state)
{
    static const uint64_t shape[] = {3, 2};
    struct hs_buf b = {0};
    struct hs_error err;
    struct hs_npy a;

    (void)state;
    for (size_t dims = 1; dims <= 2; dims++) {
        size_t bytes = dims == 1 ? 6 : 12;

        b.len = 0;
        hs_npy_header(&b, "<u2", dims, shape);
        assert_int_equal(b.len % 64, 0);
        hs_buf_add(&b, "0123456789ab", bytes);
        assert_int_equal(hs_npy_parse(b.data, b.len, &a, &err), 0);
        assert_string_equal(a.descr, "<u2");
        assert_int_equal(a.n_dims, dims);
        assert_int_equal(a.bytes, bytes);
        for (size_t n = 0; n < b.len; n++) {
            uint8_t *part = hs_malloc(n);

            memcpy(part, b.data, n);
            assert_int_equal(hs_npy_parse(part, n, &a, &err), -1);
            free(part);
        }
    }
    hs_buf_free(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
