/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_tokenizer.c - ids against those of Hugging Face's JavaScript
 * tokenizers (tests/ref/tokens-*.txt), and what has to be refused.
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
#include <jansson.h>

#include "base/json.h"
#include "model/tokenizer.h"
#include "model/unicode.h"

static struct hs_error err;

static char *
source_file(const char *name)
{
    struct hs_buf b = {0};
    const char *dir = getenv("HS_SRCDIR");

    hs_buf_printf(&b, "%s/%s", dir ? dir : ".", name);
    return hs_buf_cstr(&b);
}

static struct hs_tokenizer *
open_source(const char *name)
{
    char *path = source_file(name);
    struct hs_tokenizer *t = hs_tokenizer_open(path, &err);

    if (t == NULL)
        print_error("%s\n", err.text);
    assert_non_null(t);
    free(path);
    return t;
}

/* ---- the committed samples ---- */

static bool
same_ids(const struct hs_ids *ids, const char *want)
{
    char *end;
    size_t n = 0;

    for (;; n++) {
        unsigned long id = strtoul(want, &end, 10);

        if (end == want)
            break;
        if (n >= ids->n || ids->v[n] != id)
            return false;
        want = end;
    }
    return n == ids->n && (*want == '\n' || *want == '\0');
}

static void
check_round_trip(const struct hs_tokenizer *t, const struct hs_ids *ids,
                 const char *text, size_t n, bool nfc)
{
    struct hs_buf back = {0}, want = {0};

    assert_int_equal(hs_tokenizer_decode(t, ids->v, ids->n, false, &back, &err),
                     0);
    if (nfc)
        assert_int_equal(hs_nfc(text, n, &want, &err), 0);
    else
        hs_buf_add(&want, text, n);
    assert_int_equal(back.len, want.len);
    if (n > 0)
        assert_memory_equal(back.data, want.data, want.len);
    hs_buf_free(&back);
    hs_buf_free(&want);
}

static void
check_line(const struct hs_tokenizer *t, char *line, bool nfc)
{
    char *tab = strchr(line, '\t');
    struct hs_ids ids = {0};
    json_error_t je;
    json_t *text;

    assert_non_null(tab);
    *tab = '\0';
    text = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
    assert_non_null(text);
    if (hs_tokenizer_encode(t, json_string_value(text),
                            json_string_length(text), false, &ids, &err) < 0)
        fail_msg("%s: %s", line, err.text);
    if (!same_ids(&ids, tab + 1))
        fail_msg("other ids for %s", line);
    check_round_trip(t, &ids, json_string_value(text), json_string_length(text),
                     nfc);
    hs_ids_free(&ids);
    json_decref(text);
}

static void
check_sample(const char *tokenizer, const char *sample, bool nfc)
{
    struct hs_tokenizer *t = open_source(tokenizer);
    char *path = source_file(sample), *line = NULL;
    FILE *f = fopen(path, "r");
    size_t cap = 0, lines = 0;

    assert_non_null(f);
    for (; getline(&line, &cap, f) > 0; lines++)
        check_line(t, line, nfc);
    assert_int_equal(lines, 300);
    assert_int_equal(fclose(f), 0);
    free(line);
    free(path);
    hs_tokenizer_free(t);
}

static void
ids_of_qwen3(void **state)
{
    (void)state;
    check_sample("tests/ref/tokenizer-qwen.json", "tests/ref/tokens-qwen.txt",
                 true);
}

static void
ids_of_llama3(void **state)
{
    (void)state;
    check_sample("tests/ref/tokenizer-llama.json", "tests/ref/tokens-llama.txt",
                 false);
}

static void
ids_of_the_default_model(void **state)
{
    (void)state;
    check_sample("examples/reasoner/tokenizer.json",
                 "tests/ref/tokens-reasoner.txt", true);
}

static void
llama3_adds_its_first_token(void **state)
{
    struct hs_tokenizer *t = open_source("tests/ref/tokenizer-llama.json");
    int64_t bos = hs_tokenizer_id(t, "<|begin_of_text|>");
    struct hs_ids ids = {0};
    struct hs_buf text = {0};

    (void)state;
    assert_true(bos > 0);
    assert_int_equal(hs_tokenizer_bos(t), bos);
    assert_true(hs_tokenizer_is_special(t, (uint32_t)bos));
    assert_int_equal(hs_tokenizer_encode(t, "a", 1, true, &ids, &err), 0);
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.v[0], bos);
    assert_int_equal(hs_tokenizer_decode(t, ids.v, 2, true, &text, &err), 0);
    assert_int_equal(text.len, 1);
    assert_int_equal(text.data[0], 'a');
    assert_int_equal(hs_tokenizer_id(t, "no such token"), -1);
    assert_int_equal(hs_tokenizer_id(t, ""), -1);
    hs_buf_free(&text);
    hs_ids_free(&ids);
    hs_tokenizer_free(t);
}

static void
bad_utf8_is_named_and_changes_nothing(void **state)
{
    static const struct {
        const char *text;
        size_t n, bad;
    } cases[] = {
        {"ab\xff", 3, 2},           {"\xc0\x80", 2, 0},
        {"x\xed\xa0\x80", 4, 1},    {"\xf4\x90\x80\x80", 4, 0},
        {"caf\xc3", 4, 3},          {"\xe2\x82", 2, 0},
        {"0123456789\x80", 11, 10}, {"\xf0\x8f\xbf\xbf", 4, 0},
        {"\xe0\x9f\xbf", 3, 0},     {"\xf8\x88\x80\x80\x80", 5, 0},
    };
    struct hs_tokenizer *t = open_source("examples/reasoner/tokenizer.json");
    struct hs_ids ids = {0};
    char place[32];

    (void)state;
    hs_ids_add(&ids, 7);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            hs_tokenizer_encode(t, cases[i].text, cases[i].n, true, &ids, &err),
            -1);
        assert_int_equal(ids.n, 1);
        (void)snprintf(place, sizeof place, "byte %zu ", cases[i].bad);
        assert_non_null(strstr(err.text, place));
    }
    hs_ids_free(&ids);
    hs_tokenizer_free(t);
}

static void
unknown_ids_do_not_decode(void **state)
{
    struct hs_tokenizer *t = open_source("examples/reasoner/tokenizer.json");
    uint32_t ids[2] = {40, (uint32_t)hs_tokenizer_size(t)};
    struct hs_buf text = {0};
    size_t len;

    (void)state;
    assert_int_equal(hs_tokenizer_decode(t, ids, 2, false, &text, &err), -1);
    assert_int_equal(text.len, 0);
    assert_null(hs_tokenizer_bytes(t, ids[1], &len));
    assert_null(hs_tokenizer_bytes(t, UINT32_MAX, &len));
    assert_false(hs_tokenizer_is_special(t, UINT32_MAX));
    hs_buf_free(&text);
    hs_tokenizer_free(t);
}

/* ---- small tokenizers ---- */

#define BYTE_LEVEL                                                             \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"                      \
    "\"use_regex\":false}"
#define DECODER "\"decoder\":{\"type\":\"ByteLevel\"}"
#define SPLIT(re)                                                              \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","           \
    "\"pattern\":{\"Regex\":\"" re                                             \
    "\"},\"behavior\":\"Isolated\","                                           \
    "\"invert\":false}," BYTE_LEVEL "]}"
#define VOCAB                                                                  \
    "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4,\"bc\":5,"          \
    "\"\xc4\xa0\":6,\"S\":8,\"'\":9,\"\xc5\xbf\":10}"
#define MODEL                                                                  \
    "\"model\":{\"type\":\"BPE\"," VOCAB                                       \
    ",\"merges\":[\"b c\",\"a b\",\"ab c\"]}"
#define FILE_OF(pre, model) "{\"pre_tokenizer\":" pre "," DECODER "," model "}"

static struct hs_tokenizer *
parse(const char *json)
{
    err.text[0] = '\0';
    return hs_tokenizer_parse(json, strlen(json), "t", &err);
}

/* The ids of text as "1 2 3". */
static void
expect(const char *json, const char *text, const char *want)
{
    struct hs_tokenizer *t = parse(json);
    struct hs_ids ids = {0};

    if (t == NULL)
        fail_msg("%s", err.text);
    if (hs_tokenizer_encode(t, text, strlen(text), true, &ids, &err) < 0)
        fail_msg("%s", err.text);
    if (!same_ids(&ids, want))
        fail_msg("\"%s\": %zu ids, the first %u, not %s", text, ids.n,
                 ids.n ? ids.v[0] : 0, want);
    hs_ids_free(&ids);
    hs_tokenizer_free(t);
}

static void
lowest_rank_then_leftmost_merges_first(void **state)
{
    static const char plain[] = FILE_OF(BYTE_LEVEL, MODEL);

    (void)state;
    /* bc has the lowest rank, so abc is out of reach. */
    expect(plain, "abc", "0 5");
    expect(plain, "abab", "3 3");
    expect(plain, "", "");
    expect(FILE_OF(BYTE_LEVEL,
                   "\"model\":{\"type\":\"BPE\",\"ignore_merges\":true," VOCAB
                   ",\"merges\":[[\"b\",\"c\"],[\"a\",\"b\"]]}"),
           "abc", "4");
    expect(FILE_OF(SPLIT("a|\\\\s+"),
                   "\"model\":{\"type\":\"BPE\",\"ignore_merges\":true," VOCAB
                   ",\"merges\":[]}"),
           "abc  a", "0 5 6 6 0");
}

#define ADDED(flags)                                                           \
    "{\"added_tokens\":[{\"id\":20,\"content\":\"<x>\"," flags                 \
    "},{\"id\":21,\"content\":\"<x>>\",\"special\":true}]," DECODER            \
    ",\"pre_tokenizer\":" BYTE_LEVEL "," MODEL "}"

static void
added_tokens_leftmost_longest_and_stripping(void **state)
{
    (void)state;
    expect(ADDED("\"special\":true"), "a<x>b<x>>c", "0 20 1 21 2");
    expect(ADDED("\"special\":true"), "a <x> b", "0 6 20 6 1");
    expect(ADDED("\"special\":true,\"lstrip\":true"), "a  <x> b", "0 20 6 1");
    expect(ADDED("\"special\":true,\"rstrip\":true"), "a <x>  b", "0 6 20 1");
    expect(ADDED("\"special\":false,\"normalized\":true"), "a<x><x>>",
           "0 20 21");
}

static void
normalized_added_tokens_are_found_in_nfc(void **state)
{
    static const char json[] =
        "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":"
        "\"NFC\"}]},\"added_tokens\":[{\"id\":20,\"content\":\"a\\u0301\","
        "\"special\":false,\"normalized\":true}],"
        "\"pre_tokenizer\":" BYTE_LEVEL "," DECODER "," MODEL "}";

    (void)state;
    expect(json, "a\xcc\x81", "20");
    expect(json, "b\xc3\xa1", "1 20");
}

static void
templates_go_around_the_text(void **state)
{
    static const char json[] =
        "{\"added_tokens\":[{\"id\":20,\"content\":\"<s>\",\"special\":true},"
        "{\"id\":21,\"content\":\"</s>\",\"special\":true}],"
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
        "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":"
        "{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</s>\"}}],"
        "\"special_tokens\":{\"<s>\":{\"ids\":[20]},\"</s>\":{\"ids\":[21]}}},"
        "\"pre_tokenizer\":" BYTE_LEVEL "," DECODER "," MODEL "}";

    (void)state;
    expect(json, "ab", "20 3 21");
    expect(json, "", "20 21");
}

/* What Oniguruma and PCRE2 read differently. */
static void
patterns_mean_what_oniguruma_means(void **state)
{
    static const char model[] = FILE_OF(
        SPLIT("(?i:'s)|\\\\s+"),
        "\"model\":{\"type\":\"BPE\",\"ignore_merges\":true,\"vocab\":{"
        "\"'S\":0,\"'\":1,\"\xc3\xa1\":2,\"\xc5\x82\":3,\"\xc5\x82\xc5\x82\":4,"
        "\"\xc3\x85\":5,\"\xc2\xbf\":6,\"S\":7,\"'\xc3\x85\xc2\xbf\":8,"
        "\"\xc4\xa0\":9,\"\xc4\xa0\xc3\xa1\xc5\x82\xc4\xb0\":10,"
        "\"\xc3\xa1\xc5\x82\xc4\xb0\":11,\"S'\xc3\x85\xc2\xbf\":12},\"merges\":"
        "[]}");
    /* U+31350 is a letter since Unicode 15. */
    static const char letters[] = FILE_OF(
        SPLIT("\\\\p{L}+"),
        "\"model\":{\"type\":\"BPE\",\"ignore_merges\":true,\"vocab\":{\"!\":0,"
        "\"\xc3\xb0\xc2\xb1\xc4\xaf\xc4\xb2\":1},\"merges\":[]}");

    (void)state;
    expect(model, "'S", "0");
    expect(model, "S'\xc5\xbf", "12"); /* long s is no s */
    expect(letters, "!\xf0\xb1\x8d\x90", "0 1");
    expect(model, " \xe1\xa0\x8e", "9 11"); /* U+180E is no space */
}

/* node 20.20 (ICU 78, Unicode 17): what utf8proc 2.8 does not know. */
static void
nfc_knows_unicode_17(void **state)
{
    static const char *const cases[][2] = {
        {"a\xe1\xab\xa5\xe1\xab\xa6", "a\xe1\xab\xa6\xe1\xab\xa5"},
        {"a\xe1\xab\xa6\xcc\x81", "\xc3\xa1\xe1\xab\xa6"},
        {"\xf0\x96\xb5\xa7\xf0\x96\xb5\xa8",
         "\xf0\x96\xb5\xa8\xf0\x96\xb5\xa7"},
        {"\xf0\x96\x84\x9e\xf0\x96\x84\xa3", "\xf0\x96\x84\xa6"},
        {"\xf0\x90\x97\x92\xcc\x87", "\xf0\x90\x97\x89"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_buf b = {0};

        assert_int_equal(hs_nfc(cases[i][0], strlen(cases[i][0]), &b, &err), 0);
        assert_string_equal(hs_buf_cstr(&b), cases[i][1]);
        hs_buf_free(&b);
    }
}

static const struct {
    const char *json, *named;
} refused[] = {
    {"[]", "object"},
    {"{", "line 1"},
    {"{\"model\":{}}", "ByteLevel"},
    {"{\"extra\":1}", "extra"},
    {FILE_OF("{\"type\":\"Metaspace\"}", MODEL), "Metaspace"},
    {FILE_OF("null", MODEL), "ByteLevel"},
    {"{\"normalizer\":{\"type\":\"NFKC\"}}", "NFKC"},
    {"{\"normalizer\":{\"type\":\"NFC\",\"x\":1}}", "\"x\""},
    {"{\"pre_tokenizer\":" BYTE_LEVEL ",\"decoder\":{\"type\":\"WordPiece\"}}",
     "WordPiece"},
    {"{\"pre_tokenizer\":" BYTE_LEVEL "}", "decoder"},
    {FILE_OF("{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", MODEL),
     "add_prefix_space"},
    {FILE_OF("{\"type\":\"ByteLevel\"}", MODEL), "add_prefix_space"},
    {FILE_OF(BYTE_LEVEL, "\"model\":{\"type\":\"Unigram\"}"), "Unigram"},
    {FILE_OF(BYTE_LEVEL, "\"model\":{\"type\":\"WordPiece\"}"), "WordPiece"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\",\"byte_fallback\":"
             "true," VOCAB ",\"merges\":[]}"),
     "byte_fallback"},
    {FILE_OF(BYTE_LEVEL, "\"model\":{\"type\":\"BPE\",\"dropout\":0.1," VOCAB
                         ",\"merges\":[]}"),
     "dropout"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\",\"unk_token\":"
             "\"a\"," VOCAB ",\"merges\":[]}"),
     "unk_token"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\",\"continuing_subword_prefix\":"
             "\"##\"," VOCAB ",\"merges\":[]}"),
     "continuing_subword_prefix"},
    {FILE_OF(BYTE_LEVEL, "\"model\":{\"type\":\"BPE\",\"new_switch\":1," VOCAB
                         ",\"merges\":[]}"),
     "new_switch"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"a z\"]}"),
     "entry 0"},
    {FILE_OF(BYTE_LEVEL, "\"model\":{\"type\":\"BPE\"," VOCAB
                         ",\"merges\":[\"a b\",\"a b\"]}"),
     "entry 1"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[\"c a\"]}"),
     "entry 0"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\"," VOCAB ",\"merges\":[3]}"),
     "entry 0"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1,"
             "\"b\":1},\"merges\":[]}"),
     "id 1"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1,"
             "\"a\":2},\"merges\":[]}"),
     "duplicate"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1}"
             ",\"merges\":[]}"),
     "id"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\",\"vocab\":"
             "{\"a\":99999999},\"merges\":[]}"),
     "id"},
    {FILE_OF(BYTE_LEVEL,
             "\"model\":{\"type\":\"BPE\",\"vocab\":"
             "{\"a\":\"1\"},\"merges\":[]}"),
     "id"},
    {ADDED("\"special\":true,\"single_word\":true"), "single_word"},
    {ADDED("\"special\":1"), "special"},
    {"{\"added_tokens\":[{\"id\":0,\"content\":\"<x>\"}],"
     "\"pre_tokenizer\":" BYTE_LEVEL "," DECODER "," MODEL "}",
     "another token"},
    {"{\"added_tokens\":[{\"id\":30,\"content\":\"a\"}],"
     "\"pre_tokenizer\":" BYTE_LEVEL "," DECODER "," MODEL "}",
     "twice"},
    {"{\"added_tokens\":[{\"id\":30,\"content\":\"x\"},{\"id\":31,"
     "\"content\":\"x\"}],\"pre_tokenizer\":" BYTE_LEVEL "," DECODER "," MODEL
     "}",
     "same"},
    {"{\"post_processor\":{\"type\":\"BertProcessing\"},"
     "\"pre_tokenizer\":" BYTE_LEVEL "," DECODER "," MODEL "}",
     "BertProcessing"},
    {"{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
     "{\"SpecialToken\":{\"id\":\"<s>\"}}],\"special_tokens\":{}},"
     "\"pre_tokenizer\":" BYTE_LEVEL "," DECODER "," MODEL "}",
     "<s>"},
    {FILE_OF("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},"
             "\"behavior\":\"Removed\",\"invert\":false}",
             MODEL),
     "Removed"},
    {FILE_OF("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},"
             "\"behavior\":\"Isolated\",\"invert\":true}",
             MODEL),
     "invert"},
};

static void
what_is_not_known_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct hs_tokenizer *t = parse(refused[i].json);

        if (t != NULL)
            fail_msg("taken: %s", refused[i].json);
        if (strstr(err.text, refused[i].named) == NULL)
            fail_msg("\"%s\" does not name %s", err.text, refused[i].named);
    }
}

static void
patterns_that_are_not_known_are_refused(void **state)
{
    static const char *const bad[] = {
        "a*",     "(a)",         "(?:a)+",    "\\\\w+", "\\\\p{Lu}",
        "[a&&b]", "[[:alpha:]]", "a{1,2}+",   "^a",     "a$",
        ".",      "(?<=a)b",     "(?i:[ab])", "[b-]",   "(?:a",
        "a)",     "[]",          "\\\\b",     "(?=a)",  "[^\\\\S]",
        "a{x}",   "\\\\1",       "a|",        "+",      "(?i:\\\\p{L})",
        "[z-a]",  "a{2,1}"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct hs_buf b = {0};

        hs_buf_printf(&b,
                      "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":"
                      "{\"Regex\":\"%s\"},\"behavior\":\"Isolated\"}}",
                      bad[i]);
        if (parse(hs_buf_cstr(&b)) != NULL ||
            strstr(err.text, "pattern") == NULL)
            fail_msg("%s: %s", bad[i], err.text);
        hs_buf_free(&b);
    }
}

/* One word of a megabyte takes seconds only if merging is quadratic. */
static void
long_words_are_whole(void **state)
{
    struct hs_tokenizer *t = open_source("tests/ref/tokenizer-qwen.json");
    static const char fill[] = {'a', ' ', '\n', '!', '7'};
    size_t n = 1000000;
    char *text = malloc(n);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof fill; i++) {
        struct hs_ids ids = {0};

        memset(text, fill[i], n);
        assert_int_equal(hs_tokenizer_encode(t, text, n, false, &ids, &err), 0);
        check_round_trip(t, &ids, text, n, false);
        hs_ids_free(&ids);
    }
    free(text);
    hs_tokenizer_free(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_qwen3),
        cmocka_unit_test(ids_of_llama3),
        cmocka_unit_test(ids_of_the_default_model),
        cmocka_unit_test(llama3_adds_its_first_token),
        cmocka_unit_test(bad_utf8_is_named_and_changes_nothing),
        cmocka_unit_test(unknown_ids_do_not_decode),
        cmocka_unit_test(lowest_rank_then_leftmost_merges_first),
        cmocka_unit_test(added_tokens_leftmost_longest_and_stripping),
        cmocka_unit_test(normalized_added_tokens_are_found_in_nfc),
        cmocka_unit_test(templates_go_around_the_text),
        cmocka_unit_test(patterns_mean_what_oniguruma_means),
        cmocka_unit_test(nfc_knows_unicode_17),
        cmocka_unit_test(what_is_not_known_is_refused_by_name),
        cmocka_unit_test(patterns_that_are_not_known_are_refused),
        cmocka_unit_test(long_words_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
