/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plotdata.h - the records that a plot is made of, and reading their members;
 * of streams of kind "arms" their summary.
 *
 * A member that is null is a number that does not exist (NaN); one that is not
 * there is an error: a plot must not show less than was asked for and keep
 * silent about it.
 */
#ifndef HS_PLOTDATA_H
#define HS_PLOTDATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ablate/armsum.h"
#include "base/error.h"
#include "base/num.h"
#include "stream/stream.h"

struct hs_plot_record {
    json_t *j;        /* owned; tensors with all values */
    const char *type; /* in j */
    size_t file;      /* index into files */
    uint64_t number;  /* in its file, from 1 */
};

/* {0} is empty; all is owned. */
struct hs_plotdata {
    char **files;
    size_t n_files, cap_files;
    struct hs_plot_record *v;
    size_t n, cap;
    struct hs_armsum *arms; /* NULL: of other kinds of streams */
    size_t dim;             /* of the states that arms edited */
};

void hs_plotdata_free(struct hs_plotdata *d);

/* Reads a stream of this kind to its end and keeps the records whose type is in
 * types, which ends with NULL.  types is NULL for arms, which are added to the
 * summary; hs_armsum_finish() is the caller's to call after the last stream.
 * maker is the program that writes such streams, for messages.  Returns 0, or
 * -1. */
HS_MUST_CHECK int hs_plotdata_read(struct hs_plotdata *d, struct hs_reader *r,
                                   const char *name, const char *kind,
                                   const char *maker, const char *const *types,
                                   struct hs_error *err);

/* Keeps only records of these layers (NULL: all) and targets (ends with NULL;
 * NULL: all): a record must not say otherwise in "layer", "layer_a", "layer_b",
 * "target", "target_a" or "target_b".  Returns 0, or -1 when one that was asked
 * for is nowhere. */
HS_MUST_CHECK int hs_plotdata_filter(struct hs_plotdata *d,
                                     const struct hs_list *layers,
                                     char *const *targets,
                                     struct hs_error *err);

/* "FILE: record N: " and the message.  Returns -1. */
int hs_plot_fail(const struct hs_plotdata *d, const struct hs_plot_record *r,
                 struct hs_error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Members of r->j, or of obj, which is a part of it.  Each returns 0, or -1.
 * Text is borrowed. */
HS_MUST_CHECK int hs_plot_number(const struct hs_plotdata *d,
                                 const struct hs_plot_record *r,
                                 const json_t *obj, const char *key,
                                 double *out, struct hs_error *err);
HS_MUST_CHECK int hs_plot_text(const struct hs_plotdata *d,
                               const struct hs_plot_record *r, const char *key,
                               const char **out, struct hs_error *err);
HS_MUST_CHECK int hs_plot_layer(const struct hs_plotdata *d,
                                const struct hs_plot_record *r, const char *key,
                                uint32_t *out, struct hs_error *err);
/* A list of numbers, or a tensor.  *out (*n) is the caller's. */
HS_MUST_CHECK int hs_plot_list(const struct hs_plotdata *d,
                               const struct hs_plot_record *r,
                               const json_t *obj, const char *key, double **out,
                               size_t *n, struct hs_error *err);

/* Whether two records say the same thing: keys (d->n) has what each is about.
 * In one file that is an error; in two, *split becomes true, and names have to
 * say which file they are from.  Returns 0, or -1. */
HS_MUST_CHECK int hs_plot_distinct(const struct hs_plotdata *d,
                                   char *const *keys, bool *split,
                                   struct hs_error *err);

/* path without its folders, unless one of the n others differs only by them. */
const char *hs_plot_short(const char *path, char *const *all, size_t n);

/* What a record's line is called: name, or FILE: name if split.  The result is
 * the caller's. */
char *hs_plot_name(const struct hs_plotdata *d, const struct hs_plot_record *r,
                   const char *name, bool split);

/* Names in the order of their first appearance; at most HS_PLOT_NAMES, as
 * nobody tells more lines apart.  {0} is empty. */
enum {
    HS_PLOT_NAMES = 200
};

struct hs_plot_names {
    char *v[HS_PLOT_NAMES]; /* owned */
    size_t n;
};

/* Adds a copy unless it is there.  Returns 0, or -1 when it is one too many. */
HS_MUST_CHECK int hs_plot_names_add(struct hs_plot_names *names, const char *s,
                                    struct hs_error *err);
void hs_plot_names_free(struct hs_plot_names *names);

#endif
