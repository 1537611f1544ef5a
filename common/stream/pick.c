/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pick.c - see pick.h.
 */
#include <config.h>

#include "stream/pick.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msg.h"

int
hs_pick_begin(struct hs_pick *p, struct hs_error *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    FILE *f;
    int rc = 0;

    if (p->ids_file == NULL)
        return 0;
    f = fopen(p->ids_file, "r");
    if (f == NULL)
        return hs_fail(err, "%s: %s", p->ids_file, strerror(errno));
    while ((n = getline(&line, &cap, f)) > 0) {
        if (line[n - 1] == '\n')
            n--;
        if (n > 0)
            (void)hs_idset_add(&p->ids, line, (size_t)n);
    }
    if (ferror(f))
        rc = hs_fail(err, "%s: cannot be read", p->ids_file);
    free(line);
    (void)fclose(f);
    return rc;
}

bool
hs_pick_is_choosy(const struct hs_pick *p)
{
    return p->only != NULL || p->ids_file != NULL || p->sample < 1;
}

static bool
is_listed(struct hs_pick *p, const char *text)
{
    size_t n = strlen(text);

    if (!hs_idset_has(&p->ids, text, n))
        return false;
    (void)hs_idset_add(&p->found, text, n);
    return true;
}

/* 1 for a trajectory that was not met before, 0 for one that is the same and
 * may be left out, -1. */
static int
is_new(struct hs_pick *p, const struct hs_trajectory *t, const uint8_t *raw,
       size_t n, struct hs_error *err)
{
    bool again = !hs_idset_add(&p->seen, t->id, strlen(t->id));

    if (p->drop_duplicates && !hs_idset_add(&p->seen, (const char *)raw, n))
        return 0;
    if (!again)
        return 1;
    return hs_fail(err,
                   "%s: a second trajectory of this id; --allow-duplicates "
                   "keeps both",
                   t->id);
}

int
hs_pick_test(struct hs_pick *p, const struct hs_trajectory *t,
             const uint8_t *raw, size_t n, struct hs_error *err)
{
    int rc = 1;

    if (p->only != NULL)
        rc = hs_expr_test(p->only, t, err);
    if (rc > 0 && p->ids_file != NULL) {
        bool id = is_listed(p, t->id), problem = is_listed(p, t->problem);

        rc = id || problem;
    }
    if (rc > 0 && p->sample < 1)
        rc = hs_deal(HS_DEAL_SAMPLE, p->seed, t->problem) < p->sample;
    if (rc > 0 && !p->allow_duplicates)
        rc = is_new(p, t, raw, n, err);
    return rc;
}

void
hs_pick_warn(const struct hs_pick *p)
{
    if (p->found.n < p->ids.n)
        hs_warn("%s: %zu of %zu lines name nothing in the input", p->ids_file,
                p->ids.n - p->found.n, p->ids.n);
}

void
hs_pick_free(struct hs_pick *p)
{
    hs_expr_free(p->only);
    hs_idset_free(&p->ids);
    hs_idset_free(&p->found);
    hs_idset_free(&p->seen);
    *p = (struct hs_pick){0};
}
