/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * num.c - see num.h.
 */
#include <config.h>

#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"

int
hs_scan_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out,
            struct hs_error *err)
{
    char *end;
    unsigned long long v;

    /* strtoull takes signs and leading space; a count has neither. */
    if (!isdigit((unsigned char)s[0]))
        return hs_fail(err, "'%s' is not a whole number", s);
    errno = 0;
    v = strtoull(s, &end, 10);
    if (*end != '\0')
        return hs_fail(err, "'%s' is not a whole number", s);
    if (errno == ERANGE || v < min || v > max)
        return hs_fail(err, "%s is not within %" PRIu64 " to %" PRIu64, s, min,
                       max);
    *out = v;
    return 0;
}

int
hs_scan_f64(const char *s, double min, double max, double *out,
            struct hs_error *err)
{
    char *end;
    double v;

    if (s[0] == '\0' || isspace((unsigned char)s[0]))
        return hs_fail(err, "'%s' is not a number", s);
    errno = 0;
    v = strtod(s, &end);
    if (*end != '\0' || !isfinite(v))
        return hs_fail(err, "'%s' is not a finite number", s);
    if (!(v >= min && v <= max))
        return hs_fail(err, "%s is not within %g to %g", s, min, max);
    *out = v;
    return 0;
}

uint64_t
hs_parse_u64(const char *opt, const char *s, uint64_t min, uint64_t max)
{
    struct hs_error err;
    uint64_t v;

    if (hs_scan_u64(s, min, max, &v, &err) < 0)
        hs_die(HS_EXIT_USAGE, "%s: %s", opt, err.text);
    return v;
}

uint64_t
hs_parse_bytes(const char *opt, const char *s, uint64_t min, uint64_t max)
{
    static const char units[] = "KMGT";
    size_t n = strlen(s);
    const char *unit = n > 0 ? strchr(units, s[n - 1]) : NULL;
    int shift = unit != NULL ? (int)(unit - units + 1) * 10 : 0;
    char *digits = hs_strndup(s, unit != NULL ? n - 1 : n);
    struct hs_error err;
    uint64_t v;

    if (hs_scan_u64(digits, 0, UINT64_MAX, &v, &err) < 0)
        hs_die(HS_EXIT_USAGE, "%s: %s", opt, err.text);
    if (v > max >> shift || v << shift < min)
        hs_die(HS_EXIT_USAGE,
               "%s: %s is not within %" PRIu64 " to %" PRIu64 " bytes", opt, s,
               min, max);
    free(digits);
    return v << shift;
}

double
hs_parse_f64(const char *opt, const char *s, double min, double max)
{
    struct hs_error err;
    double v;

    if (hs_scan_f64(s, min, max, &v, &err) < 0)
        hs_die(HS_EXIT_USAGE, "%s: %s", opt, err.text);
    return v;
}

static int
compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Reads one number of a list from *s and moves *s behind it. */
static uint32_t
parse_list_number(const char *opt, const char *whole, const char **s)
{
    char *end;
    unsigned long v;

    if (!isdigit((unsigned char)**s))
        hs_die(HS_EXIT_USAGE, "%s: '%s' is not a list such as 2-5,8 or all",
               opt, whole);
    errno = 0;
    v = strtoul(*s, &end, 10);
    if (errno == ERANGE || v > 10000000)
        hs_die(HS_EXIT_USAGE, "%s: '%s': number out of range", opt, whole);
    *s = end;
    return (uint32_t)v;
}

void
hs_parse_list(const char *opt, const char *s, struct hs_list *out)
{
    const char *p = s;
    size_t cap = 0, n = 0;

    *out = (struct hs_list){0};
    if (strcmp(s, "all") == 0) {
        out->all = true;
        return;
    }
    for (;;) {
        uint32_t a = parse_list_number(opt, s, &p), b = a;

        if (*p == '-') {
            p++;
            b = parse_list_number(opt, s, &p);
        }
        if (b < a)
            hs_die(HS_EXIT_USAGE,
                   "%s: '%s': %" PRIu32 "-%" PRIu32 " runs backwards", opt, s,
                   a, b);
        for (uint32_t x = a; x <= b; x++) {
            out->v = hs_grow(out->v, &cap, n + 1, sizeof *out->v);
            out->v[n++] = x;
        }
        if (*p == '\0')
            break;
        if (*p++ != ',')
            hs_die(HS_EXIT_USAGE,
                   "%s: '%s' is not a list such as 2-5,8 or "
                   "all",
                   opt, s);
    }
    qsort(out->v, n, sizeof *out->v, compare_u32);
    for (size_t i = 0; i < n; i++)
        if (out->n == 0 || out->v[out->n - 1] != out->v[i])
            out->v[out->n++] = out->v[i];
}

int
hs_list_resolve(struct hs_list *l, uint32_t n, struct hs_error *err)
{
    if (l->all) {
        free(l->v);
        l->v = hs_calloc(n, sizeof *l->v);
        for (uint32_t i = 0; i < n; i++)
            l->v[i] = i;
        l->n = n;
        l->all = false;
    }
    if (l->n > 0 && l->v[l->n - 1] >= n)
        return hs_fail(err, "%" PRIu32 " is not within 0 to %" PRIu32,
                       l->v[l->n - 1], n - 1);
    return 0;
}

bool
hs_list_has(const struct hs_list *l, uint32_t x)
{
    if (l->all)
        return true;
    return l->n > 0 &&
           bsearch(&x, l->v, l->n, sizeof *l->v, compare_u32) != NULL;
}

void
hs_list_free(struct hs_list *l)
{
    free(l->v);
    *l = (struct hs_list){0};
}

void
hs_parse_shard(const char *opt, const char *s, uint32_t *i, uint32_t *n)
{
    const char *slash = strchr(s, '/');
    char *first;

    if (slash == NULL)
        hs_die(HS_EXIT_USAGE, "%s: '%s' is not a shard such as 2/8", opt, s);
    *n = (uint32_t)hs_parse_u64(opt, slash + 1, 1, 1000000);
    first = hs_strndup(s, (size_t)(slash - s));
    *i = (uint32_t)hs_parse_u64(opt, first, 1, *n);
    free(first);
}

char **
hs_parse_words(const char *opt, const char *s)
{
    char **words = hs_calloc(strlen(s) + 2, sizeof *words);

    for (size_t n = 0;; n++) {
        size_t len = strcspn(s, ",");

        if (len == 0)
            hs_die(HS_EXIT_USAGE, "%s: an empty name in the list", opt);
        words[n] = hs_strndup(s, len);
        if (s[len] == '\0')
            return words;
        s += len + 1;
    }
}

void
hs_words_free(char **words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        free(words[i]);
    free(words);
}
