/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * msg.c - see msg.h.  The program's name and verbosity are the only state of
 * the library that is not passed along.
 */
#include <config.h>

#include "base/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/outfile.h"

static const char *progname = "hstools";
static int verbosity = 1;

/* A descriptor that the caller closed would be given to the next file that is
 * opened, and mixed up with it.  Opened the wrong way round, it fails on use.
 */
static void
fill_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0   ? O_WRONLY
                                     : fd == 1 ? O_RDONLY
                                               : O_RDWR);
}

void
hs_init(char **argv)
{
    char *slash;

    fill_descriptors();
    if (argv[0] == NULL)
        return;
    slash = strrchr(argv[0], '/');
    if (slash != NULL)
        argv[0] = slash + 1;
    progname = argv[0];
}

const char *
hs_progname(void)
{
    return progname;
}

void
hs_set_verbosity(int level)
{
    verbosity = level;
}

static void say(const char *kind, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* One write per message, so that lines of parallel jobs do not mix. */
static void
say(const char *kind, const char *fmt, va_list ap)
{
    char text[2048];

    (void)vsnprintf(text, sizeof text, fmt, ap);
    fprintf(stderr, "%s: %s%s\n", progname, kind, text);
}

void
hs_warn(const char *fmt, ...)
{
    va_list ap;

    if (verbosity < 1)
        return;
    va_start(ap, fmt);
    say("warning: ", fmt, ap);
    va_end(ap);
}

void
hs_note(const char *fmt, ...)
{
    va_list ap;

    if (verbosity < 2)
        return;
    va_start(ap, fmt);
    say("", fmt, ap);
    va_end(ap);
}

void
hs_complain(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say("", fmt, ap);
    va_end(ap);
}

void
hs_die(enum hs_exit status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say("", fmt, ap);
    va_end(ap);
    hs_outfile_abandon_all();
    exit((int)status);
}

int
hs_finish(int status)
{
    bool bad = ferror(stdout) != 0;

    errno = 0;
    if (fclose(stdout) != 0)
        bad = true;
    if (bad) {
        hs_complain("standard output: %s",
                    errno ? strerror(errno) : "write error");
        return HS_EXIT_FAIL;
    }
    return status;
}

void
hs_refuse_terminal(int fd, const char *what)
{
    if (isatty(fd))
        hs_die(HS_EXIT_USAGE,
               "%s is a terminal; streams are binary, use a pipe or a file",
               what);
}

void
hs_die_usage(void)
{
    hs_die(HS_EXIT_USAGE, "try '%s --help'", progname);
}
