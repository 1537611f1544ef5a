/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_tokenizer.c - a tokenizer.json and a text, both hostile.
 *
 * The input is JSON up to the first NUL, then a text.  Whatever opens must
 * encode to ids that decode to the text, or to its NFC form.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/tokenizer.h"
#include "model/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_text(const struct hs_tokenizer *t, const char *text, size_t n)
{
    struct hs_ids ids = {0};
    struct hs_buf back = {0}, nfc = {0};
    struct hs_error err;

    if (hs_tokenizer_encode(t, text, n, false, &ids, &err) == 0) {
        if (hs_tokenizer_decode(t, ids.v, ids.n, false, &back, &err) < 0 ||
            hs_nfc(text, n, &nfc, &err) < 0)
            abort();
        /* Stripping and normalized added tokens may lose something. */
        if (hs_tokenizer_id(t, "<check>") >= 0 &&
            (back.len != n || (n > 0 && memcmp(back.data, text, n) != 0)) &&
            (back.len != nfc.len || memcmp(back.data, nfc.data, nfc.len) != 0))
            abort();
    }
    hs_ids_free(&ids);
    ids = (struct hs_ids){0};
    if (hs_tokenizer_encode(t, text, n, true, &ids, &err) == 0 &&
        hs_tokenizer_decode(t, ids.v, ids.n, true, &back, &err) < 0)
        abort();
    hs_ids_free(&ids);
    hs_buf_free(&back);
    hs_buf_free(&nfc);
}

/* A plain tokenizer of bytes and a few merges that always opens. */
static const char sure[] =
    "{\"normalizer\":{\"type\":\"NFC\"},\"added_tokens\":[{\"id\":300,"
    "\"content\":\"<check>\",\"special\":true}],\"pre_tokenizer\":{\"type\":"
    "\"ByteLevel\",\"add_prefix_space\":false},\"decoder\":{\"type\":"
    "\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"aa\":256,"
    "\"aaaa\":257,\"ab\":258,\"aba\":259%s},\"merges\":[\"a a\",\"aa aa\","
    "\"a b\",\"ab a\"]}}";

static struct hs_tokenizer *
open_sure(void)
{
    struct hs_buf bytes = {0}, json = {0};
    struct hs_tokenizer *t;
    struct hs_error err;
    unsigned next = 256;

    for (unsigned c = 0; c < 256; c++) {
        bool prints = (c > 0x20 && c < 0x7f) || (c > 0xa0 && c != 0xad);

        hs_buf_printf(&bytes, ",\"\\u%04x\":%u", prints ? c : next, c);
        next += prints ? 0 : 1;
    }
    hs_buf_printf(&json, sure, hs_buf_cstr(&bytes));
    t = hs_tokenizer_parse((const char *)json.data, json.len, "sure", &err);
    if (t == NULL) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    hs_buf_free(&bytes);
    hs_buf_free(&json);
    return t;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hs_tokenizer *always;
    const char *text = size ? memchr(data, 0, size) : NULL;
    size_t n = text ? (size_t)(text - (const char *)data) : size;
    struct hs_error err;
    struct hs_tokenizer *t;

    if (always == NULL)
        always = open_sure();
    t = hs_tokenizer_parse((const char *)data, n, "fuzz", &err);
    text = text ? text + 1 : (const char *)data;
    n = n < size ? size - n - 1 : size;
    try_text(always, text, n);
    if (t != NULL)
        try_text(t, text, n);
    hs_tokenizer_free(t);
    return 0;
}
