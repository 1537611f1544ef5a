/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ownset.c - see ownset.h.
 */
#include <config.h>

#include "ablate/ownset.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int
hs_ownset_read(struct hs_ownset *s, struct hs_problem_reader *r, uint64_t n,
               struct hs_error *err)
{
    struct hs_problem p = {0};
    int rc = 1;

    *s = (struct hs_ownset){.index = json_object()};
    while (s->n < n && (rc = hs_problem_read(r, &p, err)) > 0) {
        s->v = hs_grow(s->v, &s->cap, s->n + 1, sizeof *s->v);
        s->v[s->n] = (struct hs_own){0};
        (void)json_object_set_new(s->index, p.id,
                                  json_integer((json_int_t)s->n++));
    }
    hs_problem_free(&p);
    return rc < 0 ? -1 : 0;
}

static struct hs_own *
find(const struct hs_ownset *s, const char *problem)
{
    const json_t *at = json_object_get(s->index, problem);

    return at != NULL ? &s->v[json_integer_value(at)] : NULL;
}

void
hs_ownset_see(struct hs_ownset *s, const struct hs_trajectory *t)
{
    struct hs_own *own = find(s, t->problem);

    if (own == NULL || t->sample != 0)
        return;
    own->n_tokens = t->n_tokens - t->n_prompt;
    free(own->tokens);
    own->tokens = hs_calloc(own->n_tokens, sizeof *own->tokens);
    if (own->n_tokens > 0)
        memcpy(own->tokens, t->tokens + t->n_prompt,
               own->n_tokens * sizeof *own->tokens);
}

const struct hs_own *
hs_ownset_find(const struct hs_ownset *s, const char *problem)
{
    return find(s, problem);
}

void
hs_ownset_free(struct hs_ownset *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].tokens);
    free(s->v);
    json_decref(s->index);
    *s = (struct hs_ownset){0};
}
