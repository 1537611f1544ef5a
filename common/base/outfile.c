/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * outfile.c - see outfile.h.
 */
#include <config.h>

#include "base/outfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    MAX_PARTS = 64
};

/* Names that a signal handler must remove.  A slot is in use when its pointer
 * is set; strings are never freed while a handler may read them. */
static char *volatile parts[MAX_PARTS];

static void
on_signal(int sig)
{
    for (int i = 0; i < MAX_PARTS; i++)
        if (parts[i] != NULL)
            (void)unlink(parts[i]);
    /* SA_RESETHAND restored the default: die of the signal itself. */
    (void)raise(sig);
}

static void
catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction sa = {.sa_handler = on_signal,
                           .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction old;

        /* nohup and background jobs ignore some of them; so do we. */
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &sa, NULL);
    }
}

static int
remember(char *part)
{
    for (int i = 0; i < MAX_PARTS; i++) {
        if (parts[i] == NULL) {
            parts[i] = part;
            catch_signals();
            return 0;
        }
    }
    return -1;
}

static void
forget(const char *part)
{
    for (int i = 0; i < MAX_PARTS; i++)
        if (parts[i] == part)
            parts[i] = NULL;
}

/* A name that the finished part could not take, or should not: renaming would
 * put a file in the place of /dev/null. */
static int
check_name(const char *path, struct hs_error *err)
{
    struct stat st;

    if (path[0] == '\0')
        return hs_fail(err, "an output file needs a name");
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return hs_fail(err, "%s: is not a regular file", path);
    return 0;
}

/* Whether the part that was locked is still the one of its name: a program that
 * had the lock may have finished it, and given it its name. */
static bool
is_still_there(const struct hs_outfile *o)
{
    struct stat a, b;

    return fstat(o->fd, &a) == 0 && stat(o->part, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int
hs_outfile_open(struct hs_outfile *o, const char *path,
                enum hs_outfile_mode mode, struct hs_error *err)
{
    struct hs_buf name = {0};

    *o = (struct hs_outfile){.fd = STDOUT_FILENO};
    if (path == NULL || strcmp(path, "-") == 0)
        return 0;
    if (check_name(path, err) < 0) {
        o->fd = -1;
        return -1;
    }
    hs_buf_printf(&name, "%s.part", path);
    o->part = hs_buf_cstr(&name);
    o->path = hs_strdup(path);
    o->fd = open(o->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (o->fd < 0) {
        hs_fail(err, "%s: %s", o->part, strerror(errno));
        goto out;
    }
    if (flock(o->fd, LOCK_EX | LOCK_NB) < 0 || !is_still_there(o)) {
        hs_fail(err, "%s: another program is writing it", o->part);
        goto out;
    }
    if (mode != HS_OUTFILE_CONTINUE && ftruncate(o->fd, 0) < 0) {
        hs_fail(err, "%s: %s", o->part, strerror(errno));
        goto out;
    }
    if (mode == HS_OUTFILE_FRESH && remember(o->part) < 0) {
        hs_fail(err, "%s: more than %d output files", o->part, MAX_PARTS);
        goto out;
    }
    return 0;
out:
    if (o->fd >= 0)
        (void)close(o->fd);
    free(o->part);
    free(o->path);
    *o = (struct hs_outfile){.fd = -1};
    return -1;
}

int
hs_outfile_commit(struct hs_outfile *o, struct hs_error *err)
{
    if (o->part == NULL) {
        *o = (struct hs_outfile){.fd = -1};
        return 0;
    }
    if (rename(o->part, o->path) < 0)
        return hs_fail(err, "%s: cannot rename to %s: %s", o->part, o->path,
                       strerror(errno));
    forget(o->part);
    if (close(o->fd) < 0)
        return hs_fail(err, "%s: %s", o->path, strerror(errno));
    free(o->part);
    free(o->path);
    *o = (struct hs_outfile){.fd = -1};
    return 0;
}

void
hs_outfile_abandon_all(void)
{
    for (int i = 0; i < MAX_PARTS; i++) {
        if (parts[i] != NULL)
            (void)unlink(parts[i]);
        parts[i] = NULL;
    }
}

int
hs_make_folder(const char *path, struct hs_error *err)
{
    struct dirent *e;
    DIR *dir;
    int rc = 0;

    if (mkdir(path, 0777) == 0)
        return 0;
    if (errno != EEXIST || (dir = opendir(path)) == NULL)
        return hs_fail(err, "%s: %s", path, strerror(errno));
    while (rc == 0 && (e = readdir(dir)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = hs_fail(err, "%s: is not empty", path);
    (void)closedir(dir);
    return rc;
}

int
hs_write_all(int fd, const void *data, size_t n)
{
    const char *p = data;

    while (n > 0) {
        ssize_t w = write(fd, p, n);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}
