/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_template.c - unit tests of common/task/template.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/template.h"

static char nothing[] = "";

/* ud is a list of tokens between spaces. */
static bool
has(void *ud, const char *token)
{
    return strstr(ud, token) != NULL;
}

static void
auto_asks_the_tokenizer(void **state)
{
    static const struct {
        const char *tokens, *name;
    } cases[] = {
        {"<|im_start|> <|im_end|>", "chatml"},
        {"<|start_header_id|> <|eot_id|>", "llama3"},
        {"<|im_start|> <|start_header_id|>", "chatml"},
        {"<s> </s>", "none"},
        {"", "none"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_template t;
        struct hs_error err;
        char tokens[80];

        strncpy(tokens, cases[i].tokens, sizeof tokens - 1);
        tokens[sizeof tokens - 1] = '\0';
        assert_int_equal(
            hs_template_init(&t, "auto", NULL, NULL, has, tokens, &err), 0);
        assert_string_equal(hs_template_name(&t), cases[i].name);
    }
}

static void
prompts_are_spelt_out(void **state)
{
    static const struct {
        const char *name, *system, *instruction, *prompt;
    } cases[] = {
        {"none", NULL, NULL, "2+2?"},
        {"none", NULL, "Think.", "2+2?\nThink."},
        {"chatml", NULL, NULL,
         "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"},
        {"chatml", "Be brief.", "Think.",
         "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2?\n"
         "Think.<|im_end|>\n<|im_start|>assistant\n"},
        {"chatml", "", NULL,
         "<|im_start|>system\n<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n"
         "<|im_start|>assistant\n"},
        {"llama3", NULL, NULL,
         "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n2+2?"
         "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
        {"llama3", "Be brief.", NULL,
         "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
         "Be brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n2+2?"
         "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_template t;
        struct hs_error err;
        struct hs_buf out = {0};

        assert_int_equal(hs_template_init(&t, cases[i].name, cases[i].system,
                                          cases[i].instruction, has, nothing,
                                          &err),
                         0);
        hs_template_render(&t, "2+2?", 4, &out);
        assert_string_equal(hs_buf_cstr(&out), cases[i].prompt);
        hs_buf_free(&out);
    }
}

static void
what_makes_no_sense_is_refused(void **state)
{
    struct hs_template t;
    struct hs_error err;

    (void)state;
    assert_int_equal(
        hs_template_init(&t, "alpaca", NULL, NULL, has, nothing, &err), -1);
    assert_non_null(strstr(err.text, "'alpaca'"));
    assert_int_equal(hs_template_init(&t, "", NULL, NULL, has, nothing, &err),
                     -1);
    assert_int_equal(
        hs_template_init(&t, "none", "Be brief.", NULL, has, nothing, &err),
        -1);
    assert_int_equal(
        hs_template_init(&t, "auto", "Be brief.", NULL, has, nothing, &err),
        -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_asks_the_tokenizer),
        cmocka_unit_test(prompts_are_spelt_out),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
