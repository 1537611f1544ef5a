/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * added.c - see added.h.
 */
#include <config.h>

#include "model/added.h"

#include <stdlib.h>
#include <string.h>

#include "model/unicode.h"

static int
by_bytes(const void *a, const void *b)
{
    const struct hs_added *x = *(const struct hs_added *const *)a;
    const struct hs_added *y = *(const struct hs_added *const *)b;
    size_t n = x->match.len < y->match.len ? x->match.len : y->match.len;
    int c = memcmp(x->match.data, y->match.data, n);

    if (c != 0)
        return c;
    return (x->match.len > y->match.len) - (x->match.len < y->match.len);
}

int
hs_finder_init(struct hs_finder *f, const struct hs_added *added, size_t n,
               bool normalized, struct hs_error *err)
{
    *f = (struct hs_finder){0};
    f->sorted = hs_malloc(hs_mul(n, sizeof *f->sorted));
    for (size_t i = 0; i < n; i++) {
        if (added[i].normalized != normalized)
            continue;
        f->sorted[f->n++] = &added[i];
        f->first[added[i].match.data[0]] = true;
    }
    qsort(f->sorted, f->n, sizeof *f->sorted, by_bytes);
    for (size_t i = 1; i < f->n; i++)
        if (by_bytes(&f->sorted[i - 1], &f->sorted[i]) == 0)
            return hs_fail(err, "added tokens %u and %u are the same",
                           f->sorted[i - 1]->id, f->sorted[i]->id);
    return 0;
}

void
hs_finder_free(struct hs_finder *f)
{
    free(f->sorted);
    *f = (struct hs_finder){0};
}

/* The first entry in [lo, hi) whose byte at depth is not below c.  All of
 * them agree on what is before depth. */
static size_t
lower(const struct hs_finder *f, size_t lo, size_t hi, size_t depth, unsigned c)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct hs_buf *m = &f->sorted[mid]->match;

        if (m->len <= depth || m->data[depth] < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The longest token that s, of n bytes, begins with, or NULL. */
static const struct hs_added *
longest_at(const struct hs_finder *f, const char *s, size_t n)
{
    const struct hs_added *best = NULL;
    size_t lo = 0, hi = f->n;

    for (size_t depth = 0; depth < n; depth++) {
        unsigned c = (unsigned char)s[depth];

        lo = lower(f, lo, hi, depth, c);
        hi = lower(f, lo, hi, depth, c + 1);
        if (lo == hi)
            break;
        if (f->sorted[lo]->match.len == depth + 1)
            best = f->sorted[lo];
    }
    return best;
}

const struct hs_added *
hs_finder_next(const struct hs_finder *f, const char *s, size_t n, size_t done,
               size_t *from, size_t *to)
{
    for (size_t i = *from; f->n > 0 && i < n; i++) {
        const struct hs_added *a;

        if (!f->first[(unsigned char)s[i]])
            continue;
        a = longest_at(f, s + i, n - i);
        if (a == NULL)
            continue;
        *from = i;
        *to = i + a->match.len;
        if (a->lstrip)
            *from -= hs_space_back(s + done, i - done);
        if (a->rstrip)
            *to += hs_space_front(s + *to, n - *to);
        return a;
    }
    return NULL;
}
