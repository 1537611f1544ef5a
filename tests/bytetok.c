/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bytetok.c - see bytetok.h.
 */
#include <config.h>

#include "bytetok.h"

#include <stdbool.h>

void
bytetok_print(FILE *f, const char *vocab, const char *merges)
{
    static const char *const special[] = {"<|endoftext|>", "<|im_start|>",
                                          "<|im_end|>"};
    unsigned next = 256;

    fprintf(f, "{\n  \"version\": \"1.0\",\n  \"added_tokens\": [");
    for (unsigned i = 0; i < 3; i++)
        fprintf(f,
                "%s\n    {\"id\": %u, \"content\": \"%s\", \"single_word\": "
                "false, \"lstrip\": false, \"rstrip\": false, \"normalized\": "
                "false, \"special\": true}",
                i ? "," : "", 256 + i, special[i]);
    fprintf(f,
            "\n  ],\n  \"normalizer\": {\"type\": \"NFC\"},\n"
            "  \"pre_tokenizer\": {\"type\": \"ByteLevel\", "
            "\"add_prefix_space\": false, \"trim_offsets\": false, "
            "\"use_regex\": true},\n  \"post_processor\": null,\n"
            "  \"decoder\": {\"type\": \"ByteLevel\"},\n"
            "  \"model\": {\"type\": \"BPE\", \"vocab\": {");
    for (unsigned c = 0; c < 256; c++) {
        bool prints = (c > 0x20 && c < 0x7f) || (c > 0xa0 && c != 0xad);

        fprintf(f, "%s\n    \"\\u%04x\": %u", c ? "," : "", prints ? c : next,
                c);
        next += prints ? 0 : 1;
    }
    fprintf(f, "%s\n  }, \"merges\": [%s]}\n}\n", vocab, merges);
}
