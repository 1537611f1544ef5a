/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_prompt.c - from problems to tokens, and from tokens to text that Python
 * would read in their bytes (tests/ref/text.txt).
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
#include "task/prompt.h"

static struct hs_error err;
static struct hs_model *reasoner;
static struct hs_model llama; /* a tokenizer with a BOS, and a configuration */

static char *
source_file(const char *name)
{
    struct hs_buf b = {0};
    const char *dir = getenv("HS_SRCDIR");

    hs_buf_printf(&b, "%s/%s", dir ? dir : ".", name);
    return hs_buf_cstr(&b);
}

static int
setup(void **state)
{
    char *dir = source_file("examples/reasoner");
    char *tok = source_file("tests/ref/tokenizer-llama.json");

    (void)state;
    reasoner = hs_model_open(dir, &err);
    llama.tok = hs_tokenizer_open(tok, &err);
    llama.dir = tok;
    free(dir);
    if (reasoner == NULL || llama.tok == NULL)
        return -1;
    llama.cfg.n_vocab = hs_tokenizer_size(llama.tok);
    llama.cfg.max_positions = 64;
    llama.cfg.bos = hs_tokenizer_bos(llama.tok);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    hs_model_free(reasoner);
    hs_tokenizer_free(llama.tok);
    free(llama.dir);
    return 0;
}

/* ---- text of tokens ---- */

/* The token of each single byte. */
static void
find_bytes(uint32_t id_of[256])
{
    size_t n_found = 0;

    for (uint32_t id = 0; id < hs_tokenizer_size(reasoner->tok); id++) {
        size_t len;
        const char *b = hs_tokenizer_bytes(reasoner->tok, id, &len);

        if (b != NULL && len == 1) {
            id_of[(unsigned char)b[0]] = id;
            n_found++;
        }
    }
    assert_int_equal(n_found, 256);
}

/* Reads hex, or "-" for nothing, up to a blank or the end of the line. */
static size_t
read_hex(const char **at, unsigned char *out, size_t most)
{
    size_t n = 0;

    while (**at != ' ' && **at != '\n') {
        unsigned byte;

        if (**at == '-') {
            ++*at;
            continue;
        }
        assert_int_equal(sscanf(*at, "%2x", &byte), 1);
        assert_true(n < most);
        out[n++] = (unsigned char)byte;
        *at += 2;
    }
    ++*at;
    return n;
}

static void
bytes_become_the_text_that_python_reads(void **state)
{
    char *path = source_file("tests/ref/text.txt");
    size_t len, n_lines = 0;
    char *all = hs_read_file(path, 1 << 20, &len, &err);
    uint32_t id_of[256], ids[80];

    (void)state;
    assert_non_null(all);
    find_bytes(id_of);
    for (const char *p = all; *p != '\0'; n_lines++) {
        unsigned char bytes[80], want[240];
        size_t n = read_hex(&p, bytes, sizeof bytes);
        size_t n_want = read_hex(&p, want, sizeof want);
        char *got;

        for (size_t i = 0; i < n; i++)
            ids[i] = id_of[bytes[i]];
        got = hs_prompt_text(reasoner, ids, n);
        assert_int_equal(strlen(got), n_want);
        assert_memory_equal(got, want, n_want);
        free(got);
    }
    assert_true(n_lines > 500);
    free(all);
    free(path);
}

static void
tokens_that_are_none_are_replaced(void **state)
{
    uint32_t id_of[256], ids[5];
    size_t size = hs_tokenizer_size(reasoner->tok);
    struct hs_model bare = *reasoner;
    char *got;

    (void)state;
    find_bytes(id_of);
    ids[0] = id_of['a'];
    ids[1] = (uint32_t)size; /* within a model's padded vocabulary */
    ids[2] = id_of[0xe2];    /* not joined across what is no token */
    ids[3] = UINT32_MAX;
    ids[4] = id_of[0x82];
    got = hs_prompt_text(reasoner, ids, 5);
    assert_string_equal(got,
                        "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                        "\xef\xbf\xbd");
    free(got);
    got = hs_prompt_text(reasoner, NULL, 0);
    assert_string_equal(got, "");
    free(got);
    bare.tok = NULL;
    got = hs_prompt_text(&bare, ids, 5);
    assert_string_equal(got, "");
    free(got);
}

/* ---- prompts ---- */

static char question[] = "2+2?";
static char spelt[] = "<|begin_of_text|>2+2?";

static struct hs_problem
text_problem(enum hs_problem_kind kind, char *text)
{
    return (struct hs_problem){.kind = kind, .text = text, .len = strlen(text)};
}

static void
prompts_of_a_question(void **state)
{
    static const char wanted[] =
        "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n";
    struct hs_problem p = text_problem(HS_PROBLEM_QUESTION, question);
    struct hs_prompter by;
    struct hs_prompt out = {0};
    char *text;

    (void)state;
    assert_int_equal(hs_prompter_init(&by, reasoner, "auto", NULL, NULL, &err),
                     0);
    assert_int_equal(hs_prompt_make(&by, &p, &out, &err), 0);
    assert_string_equal(out.text, wanted);
    assert_int_equal(out.ids.v[0],
                     hs_tokenizer_id(reasoner->tok, "<|im_start|>"));
    text = hs_prompt_text(reasoner, out.ids.v, out.ids.n);
    assert_string_equal(text, wanted);
    free(text);
    /* A prompt is not wrapped, and the memory is used again. */
    p.kind = HS_PROBLEM_PROMPT;
    assert_int_equal(hs_prompt_make(&by, &p, &out, &err), 0);
    assert_string_equal(out.text, "2+2?");
    text = hs_prompt_text(reasoner, out.ids.v, out.ids.n);
    assert_string_equal(text, "2+2?");
    free(text);
    hs_prompt_free(&out);
    assert_null(out.text);
}

/* What begins how, with a tokenizer that puts a BOS in front. */
static void
beginnings_are_looked_at(void **state)
{
    uint32_t bos = (uint32_t)hs_tokenizer_bos(llama.tok);
    uint32_t twice[] = {bos, bos, 5}, once[] = {bos}, without[] = {5, bos, bos};
    const struct {
        struct hs_problem p;
        enum hs_bos bos;
    } cases[] = {
        {text_problem(HS_PROBLEM_QUESTION, question), HS_BOS_FINE},
        {text_problem(HS_PROBLEM_QUESTION, spelt), HS_BOS_TWICE},
        {text_problem(HS_PROBLEM_PROMPT, question), HS_BOS_MISSING},
        {text_problem(HS_PROBLEM_PROMPT, spelt), HS_BOS_FINE},
        {{.kind = HS_PROBLEM_TOKENS, .tokens = twice, .n_tokens = 3},
         HS_BOS_TWICE},
        {{.kind = HS_PROBLEM_TOKENS, .tokens = once, .n_tokens = 1},
         HS_BOS_FINE},
        {{.kind = HS_PROBLEM_TOKENS, .tokens = without, .n_tokens = 3},
         HS_BOS_MISSING},
    };
    struct hs_prompter by;
    struct hs_prompt out = {0};

    (void)state;
    assert_int_equal(hs_prompter_init(&by, &llama, "none", NULL, NULL, &err),
                     0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(hs_prompt_make(&by, &cases[i].p, &out, &err), 0);
        assert_int_equal(out.bos, cases[i].bos);
    }
    /* The reasoner's tokenizer adds none; two of its BOS are still two. */
    twice[0] = twice[1] = (uint32_t)reasoner->cfg.bos;
    without[1] = without[2] = 7;
    assert_int_equal(hs_prompter_init(&by, reasoner, "none", NULL, NULL, &err),
                     0);
    assert_int_equal(hs_prompt_make(&by, &cases[4].p, &out, &err), 0);
    assert_int_equal(out.bos, HS_BOS_TWICE);
    assert_int_equal(hs_prompt_make(&by, &cases[6].p, &out, &err), 0);
    assert_int_equal(out.bos, HS_BOS_FINE);
    hs_prompt_free(&out);
}

static void
prompts_that_cannot_be(void **state)
{
    uint32_t ids[66] = {0}, n_vocab = (uint32_t)llama.cfg.n_vocab;
    struct hs_problem tokens = {
        .kind = HS_PROBLEM_TOKENS, .tokens = ids, .n_tokens = 65};
    struct hs_problem nothing = text_problem(HS_PROBLEM_PROMPT, spelt);
    struct hs_problem broken = text_problem(HS_PROBLEM_PROMPT, spelt);
    struct hs_prompter by;
    struct hs_prompt out = {0};
    struct hs_model bare = llama;
    char bad[] = "a\xff";

    (void)state;
    assert_int_equal(hs_prompter_init(&by, &llama, "none", NULL, NULL, &err),
                     0);
    assert_int_equal(hs_prompt_make(&by, &tokens, &out, &err), -1);
    assert_string_equal(err.text,
                        "the prompt has 65 tokens, the model's "
                        "context is 64");
    tokens.n_tokens = 64; /* no room for a completion, but for s_0 */
    assert_int_equal(hs_prompt_make(&by, &tokens, &out, &err), 0);
    ids[3] = n_vocab;
    assert_int_equal(hs_prompt_make(&by, &tokens, &out, &err), -1);
    assert_non_null(strstr(err.text, "is not in the vocabulary of"));
    tokens.n_tokens = 0;
    assert_int_equal(hs_prompt_make(&by, &tokens, &out, &err), -1);
    nothing.len = 0;
    nothing.text[0] = '\0';
    assert_int_equal(hs_prompt_make(&by, &nothing, &out, &err), -1);
    assert_string_equal(err.text, "the prompt has no tokens");
    broken.text = bad;
    broken.len = 2;
    assert_int_equal(hs_prompt_make(&by, &broken, &out, &err), -1);
    bare.tok = NULL;
    by.model = &bare;
    broken.len = 1;
    assert_int_equal(hs_prompt_make(&by, &broken, &out, &err), -1);
    assert_non_null(strstr(err.text, "needs a tokenizer.json"));
    hs_prompt_free(&out);
}

static void
completions(void **state)
{
    uint32_t given[] = {3, 466, 5};
    char text[] = "4<|im_end|>";
    struct hs_completion tokens = {.tokens = given, .n_tokens = 3};
    struct hs_completion words = {.text = text, .len = sizeof text - 1};
    struct hs_prompter by;
    struct hs_ids ids = {0};

    (void)state;
    assert_int_equal(hs_prompter_init(&by, reasoner, "auto", NULL, NULL, &err),
                     0);
    assert_int_equal(hs_prompt_completion(&by, &tokens, &ids, &err), 0);
    assert_int_equal(ids.n, 3);
    assert_memory_equal(ids.v, given, sizeof given);
    hs_ids_free(&ids);
    assert_int_equal(hs_prompt_completion(&by, &words, &ids, &err), 0);
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.v[1], hs_tokenizer_id(reasoner->tok, "<|im_end|>"));
    hs_ids_free(&ids);
    given[1] = (uint32_t)reasoner->cfg.n_vocab;
    assert_int_equal(hs_prompt_completion(&by, &tokens, &ids, &err), -1);
    hs_ids_free(&ids);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_the_text_that_python_reads),
        cmocka_unit_test(tokens_that_are_none_are_replaced),
        cmocka_unit_test(prompts_of_a_question),
        cmocka_unit_test(beginnings_are_looked_at),
        cmocka_unit_test(prompts_that_cannot_be),
        cmocka_unit_test(completions),
    };

    return cmocka_run_group_tests_name("prompt", tests, setup, teardown);
}
