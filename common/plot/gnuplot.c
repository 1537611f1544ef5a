/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gnuplot.c - see gnuplot.h.  Script, picture and complaints go through files
 * without a name: with three pipes, both sides could wait for each other, and
 * a gnuplot that gives up early would end us by SIGPIPE.
 */
#include <config.h>

#include "plot/gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/tempfile.h"

enum {
    /* What posix_spawnp() implementations that fork first exit with. */
    NOT_FOUND = 127
};

/* Standard input, output and error of gnuplot. */
struct channels {
    FILE *file[3];
};

static void
close_channels(struct channels *c)
{
    for (size_t i = 0; i < 3; i++)
        if (c->file[i] != NULL)
            (void)fclose(c->file[i]);
}

static int
open_channels(struct channels *c, const void *script, size_t n,
              struct hs_error *err)
{
    for (size_t i = 0; i < 3; i++) {
        c->file[i] = hs_tempfile(NULL, err);
        if (c->file[i] == NULL)
            return -1;
    }
    if (fwrite(script, 1, n, c->file[0]) != n || fflush(c->file[0]) != 0 ||
        fseeko(c->file[0], 0, SEEK_SET) != 0)
        return hs_fail(err, "temporary file: %s", strerror(errno));
    return 0;
}

/* All of a file, from its beginning. */
static int
take(FILE *f, struct hs_buf *out, struct hs_error *err)
{
    char part[4096];
    size_t n;

    if (fseeko(f, 0, SEEK_SET) != 0)
        return hs_fail(err, "temporary file: %s", strerror(errno));
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        hs_buf_add(out, part, n);
    if (ferror(f))
        return hs_fail(err, "temporary file: %s", strerror(errno));
    return 0;
}

static int
missing(struct hs_error *err)
{
    return hs_fail(err, "gnuplot: not found; on Debian install gnuplot-nox");
}

/* Our environment, in a locale of UTF-8 that needs none to be installed: in
 * others gnuplot warns, or counts bytes for characters.  The list is the
 * caller's, what it names is not. */
static char **
make_environment(void)
{
    static char locale[] = "LC_ALL=C.UTF-8";
    size_t n = 0, kept = 0;
    char **env;

    while (environ[n] != NULL)
        n++;
    env = hs_calloc(n + 2, sizeof *env);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            env[kept++] = environ[i];
    env[kept] = locale;
    return env;
}

/* Starts gnuplot and waits for it.  Returns 0 with *status as of waitpid(). */
static int
run(const struct channels *c, int *status, struct hs_error *err)
{
    static char name[] = "gnuplot", settings[] = "-d";
    char *argv[] = {name, settings, NULL};
    posix_spawn_file_actions_t actions;
    char **env;
    pid_t pid;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return hs_fail(err, "gnuplot: %s", strerror(rc));
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, fileno(c->file[i]), i);
    env = make_environment();
    if (rc == 0)
        rc = posix_spawnp(&pid, name, &actions, NULL, argv, env);
    free(env);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc == ENOENT)
        return missing(err);
    if (rc != 0)
        return hs_fail(err, "gnuplot: %s", strerror(rc));
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            return hs_fail(err, "gnuplot: %s", strerror(errno));
    return 0;
}

/* The lines of text as one, without blanks and empty ones. */
static void
join_lines(struct hs_buf *text)
{
    size_t n = 0;
    bool blank = true;

    for (size_t i = 0; i < text->len; i++) {
        char c = (char)text->data[i];
        bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';

        if (!space)
            text->data[n++] = text->data[i];
        else if (!blank)
            text->data[n++] = ' ';
        blank = space;
    }
    text->len = n > 0 && blank ? n - 1 : n;
}

static int
judge(int status, const struct hs_buf *out, struct hs_buf *complaints,
      struct hs_error *err)
{
    if (WIFSIGNALED(status))
        return hs_fail(err, "gnuplot: ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == NOT_FOUND)
        return missing(err);
    if (WEXITSTATUS(status) != 0)
        return hs_fail(err, "gnuplot: exit status %d: %s", WEXITSTATUS(status),
                       hs_buf_cstr(complaints));
    if (out->len == 0)
        return hs_fail(err, "gnuplot: drew nothing: %s",
                       hs_buf_cstr(complaints));
    return 0;
}

int
hs_gnuplot(const void *script, size_t n, struct hs_buf *out,
           struct hs_buf *complaints, struct hs_error *err)
{
    struct channels c = {{NULL}};
    int status = 0, rc = -1;

    if (open_channels(&c, script, n, err) == 0 && run(&c, &status, err) == 0 &&
        take(c.file[1], out, err) == 0 &&
        take(c.file[2], complaints, err) == 0) {
        join_lines(complaints);
        rc = judge(status, out, complaints, err);
    }
    close_channels(&c);
    return rc;
}

void
hs_trim_page(struct hs_buf *page)
{
    size_t n = 0, full = 0; /* bytes kept; of them, up to the last nonblank */
    bool begun = false;

    for (size_t i = 0; i < page->len; i++) {
        uint8_t c = page->data[i];

        if (c == '\n') {
            n = full;
            if (begun)
                page->data[n++] = '\n';
            full = n;
        } else if (c != '\f') {
            page->data[n++] = c;
            if (c != ' ') {
                full = n;
                begun = true;
            }
        }
    }
    page->len = full;
    if (full > 0 && page->data[full - 1] != '\n')
        hs_buf_str(page, "\n");
}
