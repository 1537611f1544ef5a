/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * error.h - how a library function says what went wrong.
 *
 * A function in common/ that can fail takes a struct hs_error as its last
 * argument, fills it and returns -1 (or NULL).  It never prints and never
 * exits; the tool decides.  The text reads "object: place: reason", without
 * the program's name, which hs_die() adds.
 */
#ifndef HS_ERROR_H
#define HS_ERROR_H

#define HS_MUST_CHECK   __attribute__((warn_unused_result))
#define HS_PRINTF(a, b) __attribute__((format(printf, a, b)))

struct hs_error {
    char text[1024]; /* empty until something failed */
};

/* Writes the message into e, which may be NULL, and returns -1, so that
 * callers can write "return hs_fail(e, ...)".  A longer message is cut. */
int hs_fail(struct hs_error *e, const char *fmt, ...) HS_PRINTF(2, 3);

/* Puts "prefix: " in front of the message in e and returns -1. */
int hs_fail_prefix(struct hs_error *e, const char *fmt, ...) HS_PRINTF(2, 3);

#endif
