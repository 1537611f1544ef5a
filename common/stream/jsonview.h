/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * jsonview.h - records as lines of text: JSON, or cells between tabs.
 */
#ifndef HS_JSONVIEW_H
#define HS_JSONVIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/mem.h"

/* Appends j on one line, members in their order.  Numbers of a tensor (a map
 * with dtype and shape) have the 9 digits that name an f32; others as many as
 * a double needs. */
void hs_json_print(struct hs_buf *b, const json_t *j);

/* Appends a cell: strings bare, with tab, line feed, carriage return and
 * backslash as \t \n \r \\ and other control characters as \u00XX; anything
 * else as JSON; nothing for NULL. */
void hs_tsv_cell(struct hs_buf *b, const json_t *j);

/* The member that a path such as meta.task names, or NULL.  A key with dots
 * in it is found too. */
const json_t *hs_json_path(const json_t *j, const char *path);

/* Nested members of j as one flat object of paths; lists stay as they are.  A
 * new reference. */
json_t *hs_json_flat(const json_t *j);

/* Objects as lines of a file: whole, or some members; as JSON, or as TSV with
 * a header line "#a<tab>b" where the columns are not those before. */
struct hs_lines;

/* fields ends with NULL and outlives the result; NULL takes all members. */
struct hs_lines *hs_lines_new(char *const *fields, bool tsv, FILE *to);
void hs_lines_free(struct hs_lines *l);

/* Writes a line; errors stay with the file. */
void hs_lines_put(struct hs_lines *l, const json_t *j);

/* A field that no object had, if there were objects; else NULL. */
const char *hs_lines_missing(const struct hs_lines *l);

#endif
