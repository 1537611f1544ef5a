/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * num.h - numbers and lists from options.
 *
 * The hs_parse functions are for the command line: they read the whole
 * string, check the range, and die with HS_EXIT_USAGE and the option's name
 * otherwise.  The hs_scan functions do the same and return an error.
 */
#ifndef HS_NUM_H
#define HS_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

uint64_t hs_parse_u64(const char *opt, const char *s, uint64_t min,
                      uint64_t max);
double hs_parse_f64(const char *opt, const char *s, double min, double max);

/* Reads bytes: a whole number, with K, M, G or T behind it for powers of
 * 1024. */
uint64_t hs_parse_bytes(const char *opt, const char *s, uint64_t min,
                        uint64_t max);

/* Returns 0, or -1 with the reason in err. */
HS_MUST_CHECK int hs_scan_u64(const char *s, uint64_t min, uint64_t max,
                              uint64_t *out, struct hs_error *err);
HS_MUST_CHECK int hs_scan_f64(const char *s, double min, double max,
                              double *out, struct hs_error *err);

/* A sorted list of distinct small integers, for example layers.  {0} is an
 * empty list. */
struct hs_list {
    uint32_t *v; /* owned */
    size_t n;
    bool all; /* "all" was given: v is empty until hs_list_resolve() */
};

/* Reads "2-5", "0,4,7-9" or "all".  Dies on anything else. */
void hs_parse_list(const char *opt, const char *s, struct hs_list *out);

/* Makes "all" into 0 .. n-1 and checks that every entry is below n.
 * Returns 0, or -1 with the first entry that is not. */
HS_MUST_CHECK int hs_list_resolve(struct hs_list *l, uint32_t n,
                                  struct hs_error *err);
bool hs_list_has(const struct hs_list *l, uint32_t x);
void hs_list_free(struct hs_list *l);

/* Reads names between commas into a list that ends with NULL, to be released
 * with hs_words_free().  Dies on an empty name. */
char **hs_parse_words(const char *opt, const char *s);
void hs_words_free(char **words);

/* Reads a shard "I/N", 1 <= I <= N.  Dies on anything else. */
void hs_parse_shard(const char *opt, const char *s, uint32_t *i, uint32_t *n);

#endif
