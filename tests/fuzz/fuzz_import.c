/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_import.c - what hs-import and hs-cat read besides streams.
 *
 * The input is an expression up to the first NUL, then an .npy file, a head or
 * a line of an index.  A trajectory that is accepted must come back from its
 * own JSON as the same bytes.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "stream/expr.h"
#include "stream/jsonview.h"
#include "stream/mp.h"
#include "stream/npy.h"
#include "stream/stream.h"
#include "stream/trajjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_trajectory(const json_t *j, const struct hs_expr *x)
{
    struct hs_trajectory t = {0}, u = {0};
    struct hs_encoded a = {0}, b = {0};
    struct hs_buf text = {0};
    struct hs_error err;
    json_t *again;

    if (hs_trajectory_from_json(j, &t, &err) == 0) {
        hs_encode_trajectory(&a, &t);
        if (x != NULL)
            (void)!hs_expr_test(x, &t, &err);
        again = hs_trajectory_to_json(&t);
        hs_json_print(&text, again);
        json_decref(again);
        again = hs_json_parse(hs_buf_cstr(&text), text.len, "again", &err);
        if (again == NULL || hs_trajectory_from_json(again, &u, &err) < 0)
            abort();
        json_decref(again);
        hs_encode_trajectory(&b, &u);
        if (a.bytes.len != b.bytes.len ||
            memcmp(a.bytes.data, b.bytes.data, a.bytes.len) != 0)
            abort();
    }
    hs_trajectory_free(&t);
    hs_trajectory_free(&u);
    hs_encoded_free(&a);
    hs_encoded_free(&b);
    hs_buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL, *rest;
    struct hs_head head;
    struct hs_npy npy = {0};
    struct hs_error err;
    struct hs_expr *x;
    size_t n;
    json_t *j;

    if (nul == NULL)
        return 0;
    x = hs_expr_new((const char *)data, &err);
    rest = nul + 1;
    n = size - (size_t)(rest - data);
    (void)!hs_npy_parse(rest, n, &npy, &err);
    j = hs_json_parse((const char *)rest, n, "fuzz", &err);
    if (json_is_object(j)) {
        try_trajectory(j, x);
        hs_head_init(&head, "");
        (void)!hs_head_from_json(j, &head, &err);
        hs_head_free(&head);
    }
    json_decref(j);
    hs_expr_free(x);
    return 0;
}
