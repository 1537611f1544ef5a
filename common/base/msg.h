/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * msg.h - messages and the way out of a program.
 *
 * Every message is one line "tool: object: place: reason" on stderr.  Only
 * tools call hs_die(); the rest of common/ returns errors (error.h).
 */
#ifndef HS_MSG_H
#define HS_MSG_H

#include <stdbool.h>

#include "base/error.h"

/* The exit statuses of all programs. */
enum hs_exit {
    HS_EXIT_OK = 0,   /* done and flushed */
    HS_EXIT_FAIL = 1, /* failed: bad input, I/O, a check that did not pass */
    HS_EXIT_USAGE = 2 /* wrong usage */
};

/* First call of main: keeps the program's name and makes argv[0] equal to it,
 * because getopt_long prints argv[0].  Standard descriptors that are closed
 * become ones on which reading or writing fails. */
void hs_init(char **argv);

/* The program's name without folder; borrowed, lives as long as argv. */
const char *hs_progname(void);

/* 0 only errors, 1 warnings too (the default), 2 notes too. */
void hs_set_verbosity(int level);

/* Prints "tool: warning: ..." from verbosity 1 on, the exit status stays. */
void hs_warn(const char *fmt, ...) HS_PRINTF(1, 2);
/* Prints "tool: ..." from verbosity 2 on. */
void hs_note(const char *fmt, ...) HS_PRINTF(1, 2);
/* Prints "tool: ..." whatever the verbosity; the caller goes on. */
void hs_complain(const char *fmt, ...) HS_PRINTF(1, 2);

/* Prints the message, removes unfinished output files (outfile.h) and exits
 * with status.  Nothing on stdout is completed. */
void hs_die(enum hs_exit status, const char *fmt, ...) HS_PRINTF(2, 3)
    __attribute__((noreturn));

/* Flushes and closes stdout and returns status, or HS_EXIT_FAIL with a
 * message when what was printed did not arrive.  The last call of main. */
HS_MUST_CHECK int hs_finish(int status);

/* Dies with HS_EXIT_USAGE when fd is a terminal: binary data does not belong
 * there.  what is "standard input" or "standard output". */
void hs_refuse_terminal(int fd, const char *what);

/* Dies with "try 'tool --help'" as getopt_long has already complained. */
void hs_die_usage(void) __attribute__((noreturn));

#endif
