/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_hfconfig.c - what is read from config.json and generation_config.json,
 * and what is refused, word by word.
 */
#include <config.h>

#include <math.h>
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
#include "model/hfconfig.h"
#include "modeldir.h"

static const char base[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\","
    "\"hidden_size\":64,\"intermediate_size\":160,\"num_hidden_layers\":4,"
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"vocab_size\":320,"
    "\"max_position_embeddings\":1024,\"rms_norm_eps\":1e-6,"
    "\"hidden_act\":\"silu\",\"rope_theta\":10000,\"eos_token_id\":7}";

/* Parses base with the members of change put over its own. */
static int
parse_changed(struct hs_config *c, const char *change, struct hs_error *err)
{
    json_t *j = hs_json_parse(base, sizeof base - 1, "base", err);
    json_t *with = hs_json_parse(change, strlen(change), "change", err);
    char *text;
    int rc;

    if (j == NULL || with == NULL)
        fail_msg("%s", err->text);
    json_object_update(j, with);
    text = json_dumps(j, JSON_COMPACT);
    err->text[0] = '\0';
    rc = hs_config_parse(c, text, strlen(text), "F", err);
    json_decref(j);
    json_decref(with);
    free(text);
    return rc;
}

#define TYPE(type, arch)                                                       \
    "{\"model_type\":\"" type "\",\"architectures\":[\"" arch "\"]}"
#define ROPE(what) "{\"rope_scaling\":{" what "}}"
#define LLAMA3(low)                                                            \
    ROPE("\"rope_type\":\"llama3\",\"factor\":8," low                          \
         "\"original_max_position_embeddings\":128")

static const struct {
    const char *change, *message;
} refused[] = {
    {TYPE("gemma3_text", "Gemma3ForCausalLM"),
     "F: model type gemma3_text (Gemma3ForCausalLM) is not supported (qwen2, "
     "qwen3 and llama are)"},
    {TYPE("phi3", "Phi3ForCausalLM"), "F: model type phi3 (Phi3ForCausalLM)"},
    {TYPE("mistral", "MistralForCausalLM"), "F: model type mistral ("},
    {TYPE("qwen2_moe", "Qwen2MoeForCausalLM"), "F: model type qwen2_moe ("},
    {TYPE("qwen3_moe", "Qwen3MoeForCausalLM"), "F: model type qwen3_moe ("},
    {TYPE("smollm3", "SmolLM3ForCausalLM"), "F: model type smollm3 ("},
    {TYPE("llama", "LlamaForSequenceClassification"),
     "F: architecture LlamaForSequenceClassification is not supported"},
    {"{\"architectures\":[]}", "F: architectures: not a list of one name"},
    {"{\"architectures\":\"LlamaForCausalLM\"}",
     "F: architectures: not a list of one name"},
    {"{\"model_type\":null}", "F: no model_type"},
    {"{\"model_type\":3}", "F: model_type: not a string"},
    {"{\"hidden_act\":\"gelu\"}", "F: hidden_act gelu is not supported"},
    {"{\"use_sliding_window\":true}",
     "F: use_sliding_window true is not supported"},
    {"{\"layer_types\":[\"full_attention\",\"sliding_attention\","
     "\"full_attention\",\"full_attention\"]}",
     "F: layer_types \"sliding_attention\" is not supported"},
    {"{\"layer_types\":[\"full_attention\"]}",
     "F: layer_types is not a list of 4 names"},
    {"{\"partial_rotary_factor\":0.5}",
     "F: partial_rotary_factor 0.5 is not supported"},
    {"{\"quantization_config\":{\"bits\":4}}",
     "F: quantization_config {\"bits\":4} is not supported"},
    {"{\"num_experts\":8}", "F: num_experts 8 is not supported"},
    {"{\"final_logit_softcapping\":30.0}",
     "F: final_logit_softcapping 30.0 is not supported"},
    {"{\"torch_dtype\":\"float8_e4m3fn\"}",
     "F: torch_dtype \"float8_e4m3fn\" is not supported"},
    {"{\"dtype\":\"int4\"}", "F: dtype \"int4\" is not supported"},
    {"{\"dtype\":5}", "F: dtype: not a string"},
    {"{\"rms_norm_eps\":0}", "F: rms_norm_eps 0 is not within 0 to 1"},
    {"{\"rms_norm_eps\":1e-60}", "F: rms_norm_eps 1e-60 is not within"},
    {"{\"rms_norm_eps\":\"x\"}", "F: rms_norm_eps: not a number"},
    {"{\"tie_word_embeddings\":1}", "F: tie_word_embeddings: not true or f"},
    {"{\"hidden_size\":null}", "F: no hidden_size"},
    {"{\"hidden_size\":0}", "F: hidden_size: 0 is not within 1 to 1048576"},
    {"{\"hidden_size\":64.0}", "F: hidden_size: not a whole number"},
    {"{\"hidden_size\":66}",
     "F: hidden_size 66 is no multiple of num_attention_heads 4"},
    {"{\"hidden_size\":12}", "F: head_dim 3 is not even"},
    {"{\"head_dim\":15}", "F: head_dim 15 is not even"},
    {"{\"head_dim\":0}", "F: head_dim: 0 is not within 1 to 65536"},
    {"{\"num_key_value_heads\":3}",
     "F: num_attention_heads 4 is no multiple of num_key_value_heads 3"},
    {"{\"num_hidden_layers\":-1}", "F: num_hidden_layers: not a whole number"},
    {"{\"vocab_size\":9223372036854775807}",
     "F: vocab_size: 9223372036854775807 is not within 1 to 16777216"},
    {"{\"eos_token_id\":320}", "F: eos_token_id 320 is not supported"},
    {"{\"eos_token_id\":[1,-1]}", "F: eos_token_id -1 is not supported"},
    {"{\"eos_token_id\":\"</s>\"}", "F: eos_token_id \"</s>\" is not supp"},
    {"{\"eos_token_id\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}",
     "F: eos_token_id: more than 16 ids"},
    {"{\"bos_token_id\":-1}", "F: bos_token_id: not a whole number"},
    {"{\"rope_theta\":0}", "F: rope_theta 0 is not positive"},
    {"{\"rope_scaling\":[]}", "F: rope_scaling is not an object"},
    {ROPE("\"factor\":2"), "F: rope_scaling: no rope_type"},
    {ROPE("\"type\":\"yarn\",\"factor\":4"),
     "F: rope_scaling: rope_type yarn is not supported (default, linear and "
     "llama3 are)"},
    {ROPE("\"rope_type\":\"dynamic\",\"factor\":4"),
     "F: rope_scaling: rope_type dynamic is not supported"},
    {ROPE("\"rope_type\":\"longrope\",\"short_factor\":[1]"),
     "F: rope_scaling: short_factor [1] is not supported"},
    {ROPE("\"rope_type\":\"longrope\""),
     "F: rope_scaling: rope_type longrope is not supported"},
    {ROPE("\"rope_type\":\"default\",\"type\":\"mrope\""),
     "F: rope_scaling: rope_type default, but type mrope"},
    {ROPE("\"rope_type\":\"default\",\"mrope_section\":[16,24,24]"),
     "F: rope_scaling: mrope_section [16,24,24] is not supported"},
    {ROPE("\"rope_type\":\"linear\""),
     "F: rope_scaling: factor 0 is not positive"},
    {ROPE("\"rope_type\":\"linear\",\"factor\":\"2\""),
     "F: rope_scaling: factor: not a number"},
    {LLAMA3(""), "F: rope_scaling: llama3 needs 0 < low_freq_factor < high_f"},
    {LLAMA3("\"low_freq_factor\":4,\"high_freq_factor\":4,"),
     "F: rope_scaling: llama3 needs 0 < low_freq_factor < high_freq_factor"},
    {"{\"rope_parameters\":{\"rope_theta\":10000}}",
     "F: rope_parameters: no rope_type"},
    {"{\"rope_parameters\":{\"rope_theta\":5e5,\"rope_type\":\"default\"}}",
     "F: rope_parameters: rope_theta 500000, but 10000 outside of it"},
    {"{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4}}",
     "F: rope_parameters: rope_type yarn is not supported"},
    {"{\"rope_parameters\":{\"rope_type\":\"default\","
     "\"partial_rotary_factor\":0.25}}",
     "F: rope_parameters: partial_rotary_factor 0.25 is not supported"},
    {"{\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}}",
     "F: rope_parameters: full_attention {\"rope_type\":\"default\"} is not"},
    {"{\"rope_parameters\":{\"rope_type\":\"default\"},"
     "\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2}}",
     "F: rope_parameters and rope_scaling are not the same"},
};

static void
test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct hs_config c;
        struct hs_error err;
        const char *wanted = refused[i].message;

        if (parse_changed(&c, refused[i].change, &err) == 0)
            fail_msg("accepted: %s", refused[i].change);
        if (strncmp(err.text, wanted, strlen(wanted)) != 0)
            fail_msg("%s\n  says: %s\n   not: %s", refused[i].change, err.text,
                     wanted);
    }
}

static void
test_not_json(void **state)
{
    static const char *const bad[] = {"",      "[]",  "{",
                                      "{} {}", "nul", "{\"a\":1,\"a\":1}"};
    struct hs_config c;
    struct hs_error err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(hs_config_parse(&c, bad[i], strlen(bad[i]), "F", &err),
                         -1);
        assert_int_equal(strncmp(err.text, "F: ", 3), 0);
    }
}

static void
test_switches(void **state)
{
    struct hs_config c;
    struct hs_error err;

    (void)state;
    assert_int_equal(parse_changed(&c, "{}", &err), 0);
    assert_false(c.tied || c.qkv_bias || c.o_bias || c.mlp_bias);
    assert_int_equal(c.head_dim, 16);
    assert_int_equal(c.rope, HS_ROPE_PLAIN);
    assert_int_equal(c.bos, -1);
    assert_int_equal(parse_changed(&c,
                                   "{\"attention_bias\":true,\"mlp_bias\":true,"
                                   "\"tie_word_embeddings\":true,"
                                   "\"num_key_value_heads\":null}",
                                   &err),
                     0);
    assert_true(c.tied && c.qkv_bias && c.o_bias && c.mlp_bias);
    assert_int_equal(c.n_kv_heads, 4);
    assert_int_equal(parse_changed(&c, TYPE("qwen2", "Qwen2ForCausalLM"), &err),
                     0);
    assert_true(c.qkv_bias && !c.o_bias);
    assert_int_equal(parse_changed(&c, TYPE("qwen3", "Qwen3ForCausalLM"), &err),
                     0);
    assert_int_equal(c.head_dim, 128);
    assert_false(c.qkv_bias);
    /* neutral values of what is refused else */
    assert_int_equal(
        parse_changed(&c,
                      "{\"partial_rotary_factor\":1.0,\"num_experts\":0,"
                      "\"quantization_config\":null,\"use_qk_norm\":false,"
                      "\"sliding_window\":4096,\"use_sliding_window\":false,"
                      "\"rope_scaling\":null,\"dtype\":\"bfloat16\"}",
                      &err),
        0);
}

/* Both spellings say the same. */
static void
test_rope(void **state)
{
    static const char *const same[] = {
        "{\"rope_theta\":500000,\"rope_scaling\":{\"rope_type\":\"llama3\","
        "\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4,"
        "\"original_max_position_embeddings\":128}}",
        "{\"rope_theta\":null,\"rope_parameters\":{\"rope_type\":\"llama3\","
        "\"rope_theta\":500000,\"factor\":8,\"low_freq_factor\":1,"
        "\"high_freq_factor\":4,\"original_max_position_embeddings\":128}}"};
    struct hs_error err;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hs_config c;
        double f[8];

        assert_int_equal(parse_changed(&c, same[i], &err), 0);
        assert_int_equal(c.rope, HS_ROPE_LLAMA3);
        hs_rope_inv_freq(&c, f);
        /* In Python: theta^(-2i/16) turns 128 f / 2 pi times over the old
         * context: above 4 it stays, below 1 it is divided by 8, between
         * (i = 1: 3.9506 turns, a share of 0.98352) it is a mixture. */
        assert_true(f[0] == 1);
        assert_true(fabs(f[1] / 0.19112647581653072 - 1) < 1e-12);
        assert_true(fabs(f[2] / (pow(500000, -0.25) / 8) - 1) < 1e-12);
        assert_true(fabs(f[7] / (pow(500000, -0.875) / 8) - 1) < 1e-12);
    }
}

static void
write_file(const char *dir, const char *name, const char *text)
{
    struct hs_buf path = {0};
    FILE *f;

    hs_buf_printf(&path, "%s/%s", dir, name);
    f = fopen(hs_buf_cstr(&path), "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    hs_buf_free(&path);
}

static void
test_generation(void **state)
{
    static const struct {
        const char *text, *message; /* message NULL: accepted */
    } cases[] = {
        {"{\"eos_token_id\":[5,6]}", NULL},
        {"{\"eos_token_id\":5,\"temperature\":0.7}", NULL},
        {"{\"eos_token_id\":null}", NULL},
        {"{\"eos_token_id\":[5,320]}", "eos_token_id 320 is not supported"},
        {"{\"eos_token_id\":true}", "eos_token_id true is not supported"},
        {"[]", "not a JSON object"},
        {"{", "line 1, column 1: "},
    };
    static const uint32_t first[] = {5, 5, 7};
    char *dir = modeldir_empty();
    struct hs_config c;
    struct hs_error err;

    (void)state;
    assert_int_equal(hs_config_load(&c, dir, &err), -1);
    assert_non_null(strstr(err.text, "/config.json: No such file"));
    write_file(dir, "config.json", base);
    assert_int_equal(hs_config_load(&c, dir, &err), 0);
    assert_int_equal(c.n_eos, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(dir, "generation_config.json", cases[i].text);
        if (cases[i].message == NULL) {
            assert_int_equal(hs_config_load(&c, dir, &err), 0);
            assert_int_equal(c.eos[0], first[i]);
            assert_int_equal(c.n_eos, i == 0 ? 2 : 1);
            continue;
        }
        assert_int_equal(hs_config_load(&c, dir, &err), -1);
        if (strstr(err.text, "/generation_config.json: ") == NULL ||
            strstr(err.text, cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].text, err.text);
    }
    modeldir_free(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_switches),   cmocka_unit_test(test_rope),
        cmocka_unit_test(test_generation),
    };

    return cmocka_run_group_tests_name("hfconfig", tests, NULL, NULL);
}
