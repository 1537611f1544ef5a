/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armlist.c - see armlist.h.
 */
#include <config.h>

#include "ablate/armlist.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"

enum {
    MAX_BYTES = 64 << 20
};

/* Marks coordinates first to last. */
static int
mark(bool *in, size_t d, uint64_t first, uint64_t last, struct hs_error *err)
{
    if (last < first)
        return hs_fail(err, "%" PRIu64 "-%" PRIu64 " runs backwards", first,
                       last);
    if (last >= d)
        return hs_fail(err, "coordinate %" PRIu64 " is not within 0 to %zu",
                       last, d - 1);
    for (uint64_t j = first; j <= last; j++) {
        if (in[j])
            return hs_fail(err, "coordinate %" PRIu64 " is listed twice", j);
        in[j] = true;
    }
    return 0;
}

/* Reads "7" or "7-9". */
static int
read_entry(bool *in, size_t d, char *entry, struct hs_error *err)
{
    char *dash = strchr(entry, '-');
    uint64_t first = 0, last = 0;

    if (dash != NULL)
        *dash = '\0';
    if (hs_scan_u64(entry, 0, UINT32_MAX, &first, err) < 0)
        return -1;
    last = first;
    if (dash != NULL && hs_scan_u64(dash + 1, 0, UINT32_MAX, &last, err) < 0)
        return -1;
    return mark(in, d, first, last, err);
}

/* Cuts blanks off both ends. */
static char *
trimmed(char *s)
{
    size_t n;

    s += strspn(s, " \t\r");
    n = strlen(s);
    while (n > 0 && strchr(" \t\r", s[n - 1]) != NULL)
        s[--n] = '\0';
    return s;
}

static int
read_line(bool *in, size_t d, char *line, struct hs_error *err)
{
    char *next = line;
    int rc = 0;

    line[strcspn(line, "#")] = '\0';
    if (*trimmed(line) == '\0')
        return 0;
    while (next != NULL && rc == 0) {
        char *entry = next;

        next = strchr(entry, ',');
        if (next != NULL)
            *next++ = '\0';
        rc = read_entry(in, d, trimmed(entry), err);
    }
    return rc;
}

static int
read_lines(bool *in, size_t d, char *text, const char *path,
           struct hs_error *err)
{
    char *next = text;
    size_t number = 0;

    while (next != NULL) {
        char *line = next;

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        number++;
        if (read_line(in, d, line, err) < 0)
            return hs_fail_prefix(err, "%s: line %zu", path, number);
    }
    return 0;
}

int
hs_arm_list_read(struct hs_arm_list *l, const char *path, size_t d,
                 struct hs_error *err)
{
    size_t len = 0;
    char *text = hs_read_file(path, MAX_BYTES, &len, err);
    bool *in;
    int rc;

    *l = (struct hs_arm_list){0};
    if (text == NULL)
        return -1;
    in = hs_calloc(d, sizeof *in);
    rc = strlen(text) == len ? read_lines(in, d, text, path, err)
                             : hs_fail(err, "%s: not a text file", path);
    l->v = hs_calloc(d, sizeof *l->v);
    for (size_t j = 0; j < d; j++)
        if (in[j])
            l->v[l->n++] = (uint32_t)j;
    if (rc == 0 && l->n == 0)
        rc = hs_fail(err, "%s: no coordinates", path);
    if (rc < 0)
        hs_arm_list_free(l);
    free(in);
    free(text);
    return rc;
}

void
hs_arm_list_free(struct hs_arm_list *l)
{
    free(l->v);
    *l = (struct hs_arm_list){0};
}
