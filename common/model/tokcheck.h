/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tokcheck.h - checks of the parts of a tokenizer.json.
 *
 * where is the place in messages.  All return 0, or -1 with a message.
 */
#ifndef HS_TOKCHECK_H
#define HS_TOKCHECK_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

/* Refuses a member of obj whose name is not in known, which ends in NULL. */
HS_MUST_CHECK int hs_tok_known(const json_t *obj, const char *where,
                               const char *const *known, struct hs_error *err);

/* The "type" of a part, borrowed, or NULL with a message. */
const char *hs_tok_type(const json_t *part, const char *where,
                        struct hs_error *err);

/* Says that the type is not supported; returns -1. */
int hs_tok_refuse_type(const char *where, const char *type,
                       struct hs_error *err);

/* Reads a boolean that has to be there; 1 when it is. */
HS_MUST_CHECK int hs_tok_bool(const json_t *obj, const char *key,
                              const char *where, bool *out,
                              struct hs_error *err);

/* Refuses a boolean that is there and true. */
HS_MUST_CHECK int hs_tok_refuse_true(const json_t *obj, const char *key,
                                     const char *where, struct hs_error *err);

/* Checks that v is a list. */
HS_MUST_CHECK int hs_tok_list(const json_t *v, const char *where,
                              struct hs_error *err);

#endif
