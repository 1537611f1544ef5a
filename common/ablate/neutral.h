/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * neutral.h - a text that has nothing to do with any problem: what an edit does
 * to its perplexity is not about problems.
 */
#ifndef HS_NEUTRAL_H
#define HS_NEUTRAL_H

#include "base/error.h"
#include "model/model.h"

enum {
    HS_NEUTRAL_PIECE = 256 /* tokens that are scored in one context, at most */
};

/* The tokens of a text file of at most 1 MiB, or of the text that comes with
 * the program for NULL, nothing added; and the XXH3-128 of the text in hex.
 * Returns 0, or -1: the model has no tokenizer, the file is not to be read or
 * no UTF-8, there are fewer than two tokens. */
HS_MUST_CHECK int hs_neutral_tokens(const struct hs_model *m, const char *path,
                                    struct hs_ids *out, char hash[33],
                                    struct hs_error *err);

#endif
