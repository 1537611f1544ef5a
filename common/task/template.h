/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * template.h - how a question becomes a prompt.
 *
 *   chatml   <|im_start|>system\nSYSTEM<|im_end|>\n        (with a system text)
 *            <|im_start|>user\nQUESTION<|im_end|>\n
 *            <|im_start|>assistant\n
 *   llama3   <|begin_of_text|>
 *            <|start_header_id|>system<|end_header_id|>\n\nSYSTEM<|eot_id|>
 *            <|start_header_id|>user<|end_header_id|>\n\nQUESTION<|eot_id|>
 *            <|start_header_id|>assistant<|end_header_id|>\n\n
 *            (one line, without the date lines of Meta's own template)
 *   none     QUESTION
 *
 * An instruction stands behind the question, after one newline.  Special
 * tokens that a question spells out become special tokens, as in Hugging
 * Face's tokenizers; nothing is escaped.
 */
#ifndef HS_TEMPLATE_H
#define HS_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

enum hs_template_kind {
    HS_TEMPLATE_NONE,
    HS_TEMPLATE_CHATML,
    HS_TEMPLATE_LLAMA3
};

struct hs_template {
    enum hs_template_kind kind;
    const char *system;      /* borrowed from hs_template_init; or NULL */
    const char *instruction; /* borrowed from hs_template_init; or NULL */
};

/* Says whether the tokenizer has this special token. */
typedef bool hs_has_token(void *ud, const char *token);

/* Fills t.  name is chatml, llama3, none or auto; auto is chatml when has()
 * knows <|im_start|>, else llama3 when it knows <|start_header_id|>, else
 * none.  A template that was named is not looked up.  Returns 0, or -1 when
 * the name is unknown or a system text is given and the template is none. */
HS_MUST_CHECK int hs_template_init(struct hs_template *t, const char *name,
                                   const char *system, const char *instruction,
                                   hs_has_token *has, void *ud,
                                   struct hs_error *err);

/* "chatml", "llama3" or "none". */
const char *hs_template_name(const struct hs_template *t);

/* Appends the prompt for len bytes of question to out. */
void hs_template_render(const struct hs_template *t, const char *question,
                        size_t len, struct hs_buf *out);

#endif
