/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * json.h - JSON files and typed members, with errors that name the place.
 *
 * A thin layer over jansson: duplicate keys, trailing text and wrong types
 * are errors.  where is the prefix of messages, for example the file's name.
 */
#ifndef HS_JSON_H
#define HS_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Reads a whole file of at most max_bytes.  Returns its bytes with a NUL
 * behind them (owned by the caller, *len without the NUL), or NULL. */
HS_MUST_CHECK char *hs_read_file(const char *path, size_t max_bytes,
                                 size_t *len, struct hs_error *err);

/* Parses n bytes.  Returns a new reference, or NULL with line and column. */
HS_MUST_CHECK json_t *hs_json_parse(const char *text, size_t n,
                                    const char *where, struct hs_error *err);

/* hs_read_file() and hs_json_parse(); the top must be an object. */
HS_MUST_CHECK json_t *hs_json_load(const char *path, size_t max_bytes,
                                   struct hs_error *err);

/* Each reads member key of obj into *out.  Returns 1 when it is there, 0 when
 * it is absent or null (*out unchanged), -1 when it has another type or is
 * out of range.  Strings are borrowed from obj. */
HS_MUST_CHECK int hs_json_u64(const json_t *obj, const char *key,
                              const char *where, uint64_t min, uint64_t max,
                              uint64_t *out, struct hs_error *err);
HS_MUST_CHECK int hs_json_f64(const json_t *obj, const char *key,
                              const char *where, double *out,
                              struct hs_error *err);
HS_MUST_CHECK int hs_json_bool(const json_t *obj, const char *key,
                               const char *where, bool *out,
                               struct hs_error *err);
HS_MUST_CHECK int hs_json_str(const json_t *obj, const char *key,
                              const char *where, const char **out,
                              struct hs_error *err);

/* A number as JSON, null if it is not finite.  A new reference. */
json_t *hs_json_number(double x);

#endif
