/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armrows.c - see armrows.h.
 */
#include <config.h>

#include "plot/armrows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void
hs_arm_rows_free(struct hs_arm_rows *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->v[i].name);
    free(t->v);
    *t = (struct hs_arm_rows){.n = 0};
}

/* What is chosen, what it is compared with, and draws below. */
static size_t
rank_of(enum hs_arm_kind kind)
{
    static const enum hs_arm_kind order[] = {
        HS_ARM_VALUE,    HS_ARM_VALUE_SINKS,  HS_ARM_NTP,
        HS_ARM_TERMINAL, HS_ARM_MAGNITUDE,    HS_ARM_WANDA,
        HS_ARM_RMS_TOP,  HS_ARM_BOTTOM,       HS_ARM_FILE,
        HS_ARM_RANDOM,   HS_ARM_RANDOM_SINKS, HS_ARM_RMS};
    size_t i = 0;

    while (i < sizeof order / sizeof order[0] && order[i] != kind)
        i++;
    return i;
}

bool
hs_arm_by_value(const struct hs_arm *a)
{
    return a->kind == HS_ARM_VALUE || a->kind == HS_ARM_VALUE_SINKS;
}

/* ---- choosing ---- */

/* Whether s is one of words, which is noted. */
static bool
fits(const char *s, char *const *words, bool *seen)
{
    bool found = words == NULL;

    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        if (strcmp(s, words[i]) == 0)
            found = seen[i] = true;
    return found;
}

static size_t
count_words(char *const *words)
{
    size_t n = 0;

    while (words != NULL && words[n] != NULL)
        n++;
    return n;
}

/* Which of the things that were asked for there are. */
struct chosen {
    bool *layers, *sizes, *modes, *wheres;
};

/* Arms of lists in files have no size and belong to all of them. */
static bool
is_chosen(const struct hs_arm *a, const struct hs_plot_options *o,
          struct chosen *c)
{
    bool layer = o->layers == NULL, size, mode, where;

    if (a->kind == HS_ARM_NONE || a->kind == HS_ARM_NOOP || a->edit.n == 0)
        return false;
    for (size_t i = 0; o->layers != NULL && i < o->layers->n; i++)
        if (o->layers->v[i] == a->edit.layer)
            layer = c->layers[i] = true;
    size = a->size == NULL || fits(a->size, o->sizes, c->sizes);
    mode = fits(a->mode, o->modes, c->modes);
    where = fits(hs_edit_where_name(a->edit.where), o->wheres, c->wheres);
    return layer && size && mode && where;
}

static int
check_words(const char *option, const char *what, char *const *words,
            const bool *seen, struct hs_error *err)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        if (!seen[i])
            return hs_fail(err, "--%s: no arm is of %s '%s'", option, what,
                           words[i]);
    return 0;
}

static int
check_chosen(const struct hs_plotdata *d, const struct hs_plot_options *o,
             const struct chosen *c, size_t n, struct hs_error *err)
{
    for (size_t i = 0; o->layers != NULL && i < o->layers->n; i++)
        if (!c->layers[i])
            return hs_fail(err, "--layers: no arm is of layer %" PRIu32,
                           o->layers->v[i]);
    if (check_words("top", "size", o->sizes, c->sizes, err) < 0 ||
        check_words("mode", "mode", o->modes, c->modes, err) < 0 ||
        check_words("where", "positions", o->wheres, c->wheres, err) < 0)
        return -1;
    if (n == 0)
        return hs_fail(err,
                       "%s: no arm edits anything, or none all that was "
                       "asked for",
                       d->files[0]);
    return 0;
}

/* ---- reading ---- */

/* Takes an end off s (*n), if it is there. */
static void
take_end(const char *s, size_t *n, char mark, const char *end)
{
    size_t m = strlen(end);

    if (*n > m && s[*n - m - 1] == mark && memcmp(s + *n - m, end, m) == 0)
        *n -= m + 1;
}

/* The path in the label of an arm of ntp, terminal or file, the caller's; NULL
 * of others. */
static char *
path_of(const struct hs_arm *a)
{
    const char *colon = strchr(a->label, ':');
    struct hs_buf b = {0};
    size_t n;

    if ((a->kind != HS_ARM_NTP && a->kind != HS_ARM_TERMINAL &&
         a->kind != HS_ARM_FILE) ||
        colon == NULL)
        return NULL;
    n = strlen(colon + 1);
    take_end(colon + 1, &n, ':', hs_edit_where_name(a->edit.where));
    take_end(colon + 1, &n, ':', a->mode);
    if (a->size != NULL)
        take_end(colon + 1, &n, '@', a->size);
    hs_buf_add(&b, colon + 1, n);
    return hs_buf_cstr(&b);
}

/* Names of all, with paths as short as tells them apart. */
static int
name_rows(struct hs_arm_rows *t, struct hs_error *err)
{
    struct hs_plot_names paths = {.n = 0};
    int rc = 0;

    for (size_t i = 0; i < t->n && rc == 0; i++) {
        t->v[i].name = path_of(t->v[i].arm);
        if (t->v[i].name != NULL)
            rc = hs_plot_names_add(&paths, t->v[i].name, err);
    }
    for (size_t i = 0; i < t->n && rc == 0; i++) {
        struct hs_arm_row *r = &t->v[i];
        struct hs_buf b = {0};

        hs_buf_str(&b, hs_arm_kind_name(r->arm->kind));
        if (r->name != NULL)
            hs_buf_printf(&b, ":%s", hs_plot_short(r->name, paths.v, paths.n));
        free(r->name);
        r->name = hs_buf_cstr(&b);
    }
    hs_plot_names_free(&paths);
    return rc;
}

static int
compare_rows(const void *a, const void *b)
{
    const struct hs_arm_row *x = a, *y = b;
    int rc = strcmp(x->name, y->name);

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (rc != 0)
        return rc;
    if (x->arm->edit.n != y->arm->edit.n)
        return x->arm->edit.n < y->arm->edit.n ? -1 : 1;
    if (x->arm->draw != y->arm->draw)
        return x->arm->draw < y->arm->draw ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

int
hs_arm_rows_read(const struct hs_plotdata *d, const struct hs_plot_options *o,
                 struct hs_arm_rows *t, struct hs_error *err)
{
    size_t n = hs_armsum_count(d->arms);
    struct chosen c = {
        .layers = hs_calloc(o->layers ? o->layers->n : 0, sizeof(bool)),
        .sizes = hs_calloc(count_words(o->sizes), sizeof(bool)),
        .modes = hs_calloc(count_words(o->modes), sizeof(bool)),
        .wheres = hs_calloc(count_words(o->wheres), sizeof(bool))};
    int rc;

    *t = (struct hs_arm_rows){.v = hs_calloc(n, sizeof *t->v),
                              .dim = (double)d->dim};
    t->none = (struct hs_interval){NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < n; i++) {
        const struct hs_arm_result *r = hs_armsum_result(d->arms, i);

        if (r->arm->kind == HS_ARM_NONE)
            t->none = r->main.accuracy;
        if (is_chosen(r->arm, o, &c))
            t->v[t->n++] = (struct hs_arm_row){.arm = r->arm,
                                               .i = i,
                                               .accuracy = r->main.accuracy,
                                               .rank = rank_of(r->arm->kind)};
    }
    rc = check_chosen(d, o, &c, t->n, err);
    free(c.layers);
    free(c.sizes);
    free(c.modes);
    free(c.wheres);
    if (rc == 0)
        rc = name_rows(t, err);
    if (rc == 0)
        qsort(t->v, t->n, sizeof *t->v, compare_rows);
    return rc;
}
