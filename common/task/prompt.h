/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prompt.h - from a problem to the tokens that a model is given, and from
 * tokens back to text.
 *
 *   question  through the template, then as tokens; with template none the
 *             tokenizer adds what it adds to plain text (Llama 3: its BOS)
 *   prompt    as tokens, nothing added
 *   tokens    as they are
 */
#ifndef HS_PROMPT_H
#define HS_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "model/model.h"
#include "model/tokenizer.h"
#include "task/problem.h"
#include "task/template.h"

struct hs_prompter {
    const struct hs_model *model; /* borrowed */
    struct hs_template tmpl;
};

/* What to know about the beginning of a prompt. */
enum hs_bos {
    HS_BOS_FINE,
    HS_BOS_TWICE,  /* it begins with two BOS tokens */
    HS_BOS_MISSING /* the tokenizer has a BOS, and it does not begin with it */
};

struct hs_prompt {
    char *text;        /* as rendered, owned; NULL if tokens were given */
    struct hs_ids ids; /* never empty */
    enum hs_bos bos;
};

/* Chooses a template by name (template.h).  Returns 0, or -1 with the reason.
 * system and instruction are borrowed. */
HS_MUST_CHECK int hs_prompter_init(struct hs_prompter *p,
                                   const struct hs_model *model,
                                   const char *name, const char *system,
                                   const char *instruction,
                                   struct hs_error *err);

/* Makes the prompt of a problem; *out must be {0} or hold an earlier prompt.
 * Returns 0, or -1 when text cannot become tokens, a token is not in the
 * vocabulary, there are none, or more than the model has positions. */
HS_MUST_CHECK int hs_prompt_make(const struct hs_prompter *p,
                                 const struct hs_problem *problem,
                                 struct hs_prompt *out, struct hs_error *err);
void hs_prompt_free(struct hs_prompt *out);

/* Appends the tokens of a completion that was given.  Returns 0 or -1. */
HS_MUST_CHECK int hs_prompt_completion(const struct hs_prompter *p,
                                       const struct hs_completion *c,
                                       struct hs_ids *out,
                                       struct hs_error *err);

/* The text of n tokens, owned by the caller: U+FFFD stands for what is not
 * UTF-8 (once for each longest beginning of a character, as Unicode advises),
 * for NUL, and for ids of the model that are no token of its tokenizer.  ""
 * without a tokenizer. */
char *hs_prompt_text(const struct hs_model *m, const uint32_t *ids, size_t n);

#endif
