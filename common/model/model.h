/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * model.h - a Hugging Face folder, opened.
 */
#ifndef HS_MODEL_H
#define HS_MODEL_H

#include "base/error.h"
#include "model/hfconfig.h"
#include "model/safetens.h"
#include "model/tokenizer.h"
#include "model/weights.h"

struct hs_model {
    char *dir;
    struct hs_config cfg;
    struct hs_safetens *files;
    struct hs_weights w;
    struct hs_tokenizer *tok; /* NULL if the folder has no tokenizer.json */
    /* XXH3-128, in hex, of config.json, the end-of-text tokens, tokenizer.json
     * and a sample of the weights (hs_safetens_sample): equal for equal
     * models, different when any header or training step differs, though not
     * proof against forgery. */
    char fingerprint[33];
};

/* Opens a folder; takes milliseconds, since weights are mapped.  Returns NULL
 * with the reason. */
HS_MUST_CHECK struct hs_model *hs_model_open(const char *dir,
                                             struct hs_error *err);
void hs_model_free(struct hs_model *m);

/* Whether a token ends a text. */
bool hs_model_is_eos(const struct hs_model *m, uint32_t token);

/* The folder of the default model: $HSTOOLS_MODEL, or the installed one, or
 * the one in the source tree that the program was built in.  Owned by the
 * caller; NULL, with the reason, if there is none. */
HS_MUST_CHECK char *hs_model_default_dir(struct hs_error *err);

#endif
