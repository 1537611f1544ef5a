/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_safetens.c - .safetensors files, indexes and sets of tensors that are
 * refused, and the words for it.
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

#include "base/json.h"
#include "base/mem.h"
#include "model/model.h"
#include "model/safetens.h"
#include "modeldir.h"

/* A file: length, header, n bytes that count up. */
static void
make_file(struct hs_buf *b, const char *header, size_t n)
{
    uint64_t len = strlen(header);

    b->len = 0;
    hs_buf_add(b, &len, sizeof len);
    hs_buf_str(b, header);
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)i;

        hs_buf_add(b, &byte, 1);
    }
}

#define T(name, dtype, shape, at)                                              \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape                  \
    "],\"data_offsets\":[" at "]}"

static const struct {
    const char *header;
    size_t n;
    const char *message; /* NULL: accepted */
} files[] = {
    {"{" T("a", "F32", "2,2", "0,16") "}", 16, NULL},
    {"{" T("a", "F32", "", "0,4") "}", 4, NULL},
    {"{" T("b", "BF16", "3", "16,22") "," T("a", "F32", "4", "0,16") "}", 22,
     NULL},
    {"{\"__metadata__\":{\"format\":\"pt\"}," T("a", "I64", "1", "0,8") "}", 8,
     NULL},
    {"{" T("a", "F32", "0", "0,0") "," T("b", "U8", "2", "0,2") "}", 2, NULL},
    {"{}   ", 0, NULL},
    {"", 0, "F: line "},
    {"[]", 0, "F: the header is not an object"},
    {"{", 0, "F: line 1, column 1: "},
    {"{} x", 0, "F: line 1, column "},
    {"{" T("a", "U8", "1", "0,1") "," T("a", "U8", "1", "0,1") "}", 1,
     "F: line 1, column "},
    {"{\"a\":5}", 0, "F: tensor a: not an object"},
    {"{\"a\":{}}", 0, "F: tensor a: dtype (none) is unknown"},
    {"{" T("a", "F33", "1", "0,4") "}", 4, "F: tensor a: dtype F33 is unknown"},
    {"{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,4]}}", 4,
     "F: tensor a: dtype: not a string"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,16]}}", 16,
     "F: tensor a: shape is not a list of up to 8 sizes"},
    {"{" T("a", "U8", "1,1,1,1,1,1,1,1,1", "0,1") "}", 1,
     "F: tensor a: shape is not a list of up to 8 sizes"},
    {"{" T("a", "F32", "-1", "0,4") "}", 4,
     "F: tensor a: shape: entry 0 is no size"},
    {"{" T("a", "F32", "1,2.0", "0,8") "}", 8,
     "F: tensor a: shape: entry 1 is no size"},
    {"{" T("a", "F32", "4294967296,4294967296", "0,4") "}", 4,
     "F: tensor a: shape: entry 1 is no size"},
    {"{" T("a", "F32", "4611686018427387904", "0,0") "}", 0,
     "F: tensor a: shape: entry 0 is no size"},
    {"{" T("a", "F32", "18446744073709551616", "0,0") "}", 0,
     "F: line 1, column "},
    {"{" T("a", "F32", "2", "0,4") "}", 4,
     "F: tensor a: 4 bytes, shape 2 of F32 takes 8"},
    {"{" T("a", "F32", "0,7", "0,4") "}", 4,
     "F: tensor a: 4 bytes, shape 0 x 7 of F32 takes 0"},
    {"{" T("a", "F32", "1", "0,4") "}", 3,
     "F: tensor a: data_offsets 0 to 4 are not within 3 bytes"},
    {"{" T("a", "F32", "1", "4,0") "}", 4,
     "F: tensor a: data_offsets 4 to 0 are not within 4 bytes"},
    {"{" T("a", "F32", "1", "-4,0") "}", 4,
     "F: tensor a: data_offsets -4 to 0 are not within 4 bytes"},
    {"{" T("a", "F32", "1", "0,9223372036854775807") "}", 4,
     "F: tensor a: data_offsets 0 to 9223372036854775807 are not within"},
    {"{" T("a", "F32", "1", "0") "}", 4,
     "F: tensor a: data_offsets is not a pair of integers"},
    {"{" T("a", "F32", "1", "0,4.0") "}", 4,
     "F: tensor a: data_offsets is not a pair of integers"},
    {"{" T("a", "U8", "4", "0,4") "," T("b", "U8", "4", "2,6") "}", 6,
     "F: tensor b: overlaps the one before it"},
    {"{" T("a", "U8", "4", "0,4") "," T("b", "U8", "4", "0,4") "}", 4,
     "F: tensor b: overlaps the one before it"},
    {"{" T("a", "U8", "4", "0,4") "," T("b", "U8", "1", "5,6") "}", 6,
     "F: tensor b: does not follow the one before it"},
    {"{" T("a", "U8", "4", "1,5") "}", 5,
     "F: tensor a: does not follow the one before it"},
    {"{" T("a", "U8", "4", "0,4") "}", 6, "F: 2 bytes behind the last tensor"},
    {"{}", 1, "F: 1 bytes behind the last tensor"},
};

static void
test_files(void **state)
{
    struct hs_buf b = {0};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *wanted = files[i].message;
        struct hs_error err = {0};
        struct hs_safetens *s;

        make_file(&b, files[i].header, files[i].n);
        s = hs_safetens_parse(b.data, b.len, "F", &err);
        if ((s == NULL) != (wanted != NULL))
            fail_msg("%s: %s", files[i].header, s ? "accepted" : err.text);
        if (wanted && strncmp(err.text, wanted, strlen(wanted)) != 0)
            fail_msg("%s\n  says: %s\n   not: %s", files[i].header, err.text,
                     wanted);
        hs_safetens_close(s);
    }
    hs_buf_free(&b);
}

/* What the third file above holds, though its header starts at an odd place. */
static void
test_values(void **state)
{
    struct hs_buf b = {0};
    struct hs_error err;
    struct hs_safetens *s;
    const struct hs_tensor *t;
    size_t at = 9;

    (void)state;
    make_file(&b, files[2].header, files[2].n);
    s = hs_safetens_parse(b.data, b.len, "F", &err);
    assert_non_null(s);
    assert_int_equal(hs_safetens_count(s), 2);
    t = hs_safetens_find(s, "b", &at);
    assert_non_null(t);
    assert_int_equal(at, 1);
    assert_int_equal(t->type, HS_W_BF16);
    assert_string_equal(t->shape_text, "3");
    assert_memory_equal(t->data, "\x10\x11\x12\x13\x14\x15", 6);
    assert_int_equal((uintptr_t)t->data % 8, 0);
    assert_memory_equal(hs_safetens_at(s, 0)->data, "\0\1\2\3\4", 5);
    assert_null(hs_safetens_find(s, "c", NULL));
    hs_safetens_close(s);
    hs_buf_free(&b);
}

/* Every truncation of a file, and headers that say they are longer. */
static void
test_truncated(void **state)
{
    struct hs_buf b = {0};
    struct hs_error err;
    uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 40, 1000};

    (void)state;
    make_file(&b, files[2].header, files[2].n);
    for (size_t n = 0; n < b.len; n++) {
        /* a copy, so that a read behind its end is seen by ASan */
        uint8_t *copy = hs_malloc(n);

        memcpy(copy, b.data, n);
        assert_null(hs_safetens_parse(copy, n, "F", &err));
        free(copy);
    }
    for (size_t i = 0; i < 4; i++) {
        memcpy(b.data, &lengths[i], 8);
        assert_null(hs_safetens_parse(b.data, b.len, "F", &err));
        assert_non_null(strstr(err.text, "bytes does not fit"));
    }
    hs_buf_free(&b);
}

/* --- folders */

static void
put(const char *dir, const char *name, const void *data, size_t n)
{
    struct hs_buf path = {0};
    FILE *f;

    hs_buf_printf(&path, "%s/%s", dir, name);
    f = fopen(hs_buf_cstr(&path), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    hs_buf_free(&path);
}

#define INDEX(map) "{\"metadata\":{},\"weight_map\":" map "}"

static const struct {
    const char *index, *message;
} indexes[] = {
    {INDEX("{\"a\":\"x.safetensors\",\"b\":\"y.safetensors\"}"), NULL},
    {"{}", "index.json: no weight_map"},
    {INDEX("{}"), "index.json: no weight_map"},
    {INDEX("[]"), "index.json: no weight_map"},
    {INDEX("{\"a\":5}"), "index.json: weight_map: a: not a file name"},
    {INDEX("{\"a\":\"\"}"), "index.json: weight_map: a: not a file name"},
    {INDEX("{\"a\":\"../x.safetensors\"}"),
     "index.json: weight_map: a: not a file name"},
    {INDEX("{\"a\":\"/etc/passwd\"}"),
     "index.json: weight_map: a: not a file name"},
    {INDEX("{\"a\":\"gone.safetensors\"}"), "/gone.safetensors: No such file"},
    {INDEX("{\"a\":\"..\"}"), "not a safetensors file"},
    {INDEX("{\"a\":\"x.safetensors\",\"c\":\"y.safetensors\"}"),
     "index.json: weight_map: c is not in y.safetensors"},
    {INDEX("{\"a\":\"x.safetensors\",\"b\":\"z.safetensors\"}"),
     ": tensor a is in two files"},
};

static void
test_indexes(void **state)
{
    static const char index[] = "model.safetensors.index.json";
    char *dir = modeldir_empty();
    struct hs_buf b = {0};
    struct hs_error err;

    (void)state;
    assert_null(hs_safetens_open_dir(dir, &err));
    assert_non_null(strstr(err.text, ": neither model.safetensors nor "));
    make_file(&b, "{" T("a", "U8", "4", "0,4") "}", 4);
    put(dir, "x.safetensors", b.data, b.len);
    make_file(&b, "{" T("b", "U8", "4", "0,4") "}", 4);
    put(dir, "y.safetensors", b.data, b.len);
    make_file(&b, "{" T("a", "U8", "2", "0,2") "," T("b", "U8", "1", "2,3") "}",
              3);
    put(dir, "z.safetensors", b.data, b.len);
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        struct hs_safetens *s;

        put(dir, index, indexes[i].index, strlen(indexes[i].index));
        s = hs_safetens_open_dir(dir, &err);
        if ((s == NULL) != (indexes[i].message != NULL))
            fail_msg("%s: %s", indexes[i].index, s ? "accepted" : err.text);
        if (s == NULL && strstr(err.text, indexes[i].message) == NULL)
            fail_msg("%s: %s", indexes[i].index, err.text);
        hs_safetens_close(s);
    }
    hs_buf_free(&b);
    modeldir_free(dir);
}

/* --- weights that are not what config.json says */

static const struct {
    const char *weights, *config; /* words for mkmodel */
    const char *message;          /* NULL: accepted */
} sets[] = {
    {"", "", NULL},
    {"tied=0", "tied=1", NULL}, /* the copy that tying makes is not used */
    {"tied=1", "tied=0", ": no tensor lm_head.weight"},
    {"dim=64", "dim=32 head_dim=16",
     ": model.embed_tokens.weight: shape 320 x 64, config.json says 320 x 32"},
    {"vocab=320", "vocab=321",
     ": model.embed_tokens.weight: shape 320 x 64, config.json says 321 x 64"},
    {"layers=4", "layers=5",
     ": no tensor model.layers.4.self_attn.q_proj.weight"},
    {"layers=4", "layers=3",
     ": tensor model.layers.3.input_layernorm.weight is no part of a qwen2"},
    {"kv_heads=2", "kv_heads=4",
     "k_proj.weight: shape 32 x 64, config.json says 64 x 64"},
    {"ffn=160", "ffn=96",
     "mlp.gate_proj.weight: shape 160 x 64, config.json says 96 x 64"},
    {"family=llama", "family=qwen2",
     ": no tensor model.layers.0.self_attn.q_proj.bias"},
    {"family=qwen2", "family=llama",
     ": tensor model.layers.0.self_attn.k_proj.bias is no part of a llama"},
    {"family=llama qkv_bias=1", "family=qwen2",
     ": tensor model.layers.0.self_attn.o_proj.bias is no part of a qwen2"},
    {"family=llama mlp_bias=1", "family=llama",
     ": tensor model.layers.0.mlp.down_proj.bias is no part of a llama"},
    {"family=llama", "family=qwen3 head_dim=16",
     ": no tensor model.layers.0.self_attn.q_norm.weight"},
    {"family=qwen3", "family=llama",
     ": tensor model.layers.0.self_attn.k_norm.weight is no part of a llama"},
    {"family=qwen3 head_dim=8 heads=8", "family=qwen3 head_dim=16",
     "self_attn.q_norm.weight: shape 8, config.json says 16"},
};

static char *
read_from(const char *dir, const char *name, size_t *n)
{
    struct hs_buf path = {0};
    struct hs_error err;
    char *text;

    hs_buf_printf(&path, "%s/%s", dir, name);
    text = hs_read_file(hs_buf_cstr(&path), 1 << 24, n, &err);
    if (text == NULL)
        fail_msg("%s", err.text);
    hs_buf_free(&path);
    return text;
}

static void
test_sets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char *dir = modeldir_new(sets[i].weights);
        char *other = modeldir_new(sets[i].config);
        size_t n;
        char *text = read_from(other, "config.json", &n);
        struct hs_error err;
        struct hs_model *m;

        put(dir, "config.json", text, n);
        m = hs_model_open(dir, &err);
        if ((m == NULL) != (sets[i].message != NULL))
            fail_msg("%s, %s: %s", sets[i].weights, sets[i].config,
                     m ? "accepted" : err.text);
        if (m == NULL && strstr(err.text, sets[i].message) == NULL)
            fail_msg("%s, %s: %s", sets[i].weights, sets[i].config, err.text);
        hs_model_free(m);
        free(text);
        modeldir_free(dir);
        modeldir_free(other);
    }
}

/* Types and numbers inside of the file of a whole model. */
static void
test_doctored(void **state)
{
    static const struct {
        const char *from, *to, *message; /* to as long as from */
    } cases[] = {
        {"\"BF16\",\"shape\":[320,", "\"I16\", \"shape\":[320,",
         ": model.embed_tokens.weight: type I16 is not supported (BF16, F16 "
         "and F32 are)"},
        {"input_layernorm.weight", "input_layernorm.weighs",
         ": no tensor model.layers.0.input_layernorm.weight"},
        {"\"shape\":[320,64]", "\"shape\":[64,320]",
         "model.embed_tokens.weight: shape 64 x 320, config.json says 320 x"},
        {"\"shape\":[320,64]", "\"shape\":[20480] ",
         "model.embed_tokens.weight: shape 20480, config.json says 320 x 64"},
    };
    char *dir = modeldir_new("layers=1");
    size_t n, k = 0;
    char *whole = read_from(dir, "model.safetensors", &n);
    struct hs_error err;

    (void)state;
    for (; k < sizeof cases / sizeof *cases; k++) {
        char *copy = hs_malloc(n), *at;

        memcpy(copy, whole, n);
        at = strstr(copy + 8, cases[k].from);
        assert_non_null(at);
        memcpy(at, cases[k].to, strlen(cases[k].to));
        put(dir, "model.safetensors", copy, n);
        assert_null(hs_model_open(dir, &err));
        if (strstr(err.text, cases[k].message) == NULL)
            fail_msg("%s: %s", cases[k].to, err.text);
        free(copy);
    }
    /* a norm that is not a number: the last tensor is model.norm.weight */
    assert_non_null(strstr(whole + 8, "model.norm.weight"));
    memcpy(whole + n - 4, "\xc0\x7f", 2);
    put(dir, "model.safetensors", whole, n);
    assert_null(hs_model_open(dir, &err));
    if (strstr(err.text, "model.norm.weight: entry 62 is not finite") == NULL)
        fail_msg("%s", err.text);
    free(whole);
    modeldir_free(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),     cmocka_unit_test(test_values),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_sets),      cmocka_unit_test(test_doctored),
    };

    return cmocka_run_group_tests_name("safetens", tests, NULL, NULL);
}
