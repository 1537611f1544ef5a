/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armscan.c - the words of options that ask for arms, see arms.h.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "ablate/arms.h"
#include "base/mem.h"

enum {
    DEFAULT_DRAWS = 20,
    MOST_DRAWS = 100000
};

static const char *const kind_names[HS_N_ARM_KINDS] = {
    [HS_ARM_NONE] = "none",
    [HS_ARM_NOOP] = "noop",
    [HS_ARM_VALUE] = "value",
    [HS_ARM_VALUE_SINKS] = "value-sinks",
    [HS_ARM_BOTTOM] = "bottom",
    [HS_ARM_RANDOM] = "random",
    [HS_ARM_RANDOM_SINKS] = "random-sinks",
    [HS_ARM_RMS] = "rms",
    [HS_ARM_RMS_TOP] = "rms-top",
    [HS_ARM_MAGNITUDE] = "magnitude",
    [HS_ARM_WANDA] = "wanda",
    [HS_ARM_NTP] = "ntp",
    [HS_ARM_TERMINAL] = "terminal",
    [HS_ARM_FILE] = "file",
};

const char *
hs_arm_kind_name(enum hs_arm_kind k)
{
    return kind_names[k];
}

bool
hs_arm_is_drawn(enum hs_arm_kind k)
{
    return k == HS_ARM_RANDOM || k == HS_ARM_RANDOM_SINKS || k == HS_ARM_RMS;
}

static bool
has_path(enum hs_arm_kind k)
{
    return k == HS_ARM_NTP || k == HS_ARM_TERMINAL || k == HS_ARM_FILE;
}

/* The next word between commas, owned by the caller; *s moves behind it and is
 * NULL at the end. */
static char *
next_word(const char **s)
{
    size_t n = strcspn(*s, ",");
    char *word = hs_strndup(*s, n);

    *s = (*s)[n] == ',' ? *s + n + 1 : NULL;
    return word;
}

/* ---- arms ---- */

/* Labels are text of streams, and paths are part of them. */
static bool
is_utf8(const char *s)
{
    json_t *j = json_string(s);

    json_decref(j);
    return j != NULL;
}

/* What stands behind the colon, or NULL. */
static int
scan_argument(struct hs_arm_spec *a, const char *argument, struct hs_error *err)
{
    uint64_t n = DEFAULT_DRAWS;

    if (has_path(a->kind)) {
        if (argument == NULL || *argument == '\0')
            return hs_fail(err, "no file: %s:FILE", kind_names[a->kind]);
        if (strcmp(argument, "-") == 0)
            return hs_fail(err, "standard input is not for arms");
        if (!is_utf8(argument))
            return hs_fail(err, "the file's name is not UTF-8");
        a->path = hs_strdup(argument);
        return 0;
    }
    if (!hs_arm_is_drawn(a->kind))
        return argument == NULL ? 0
                                : hs_fail(err, "%s takes no number and no file",
                                          kind_names[a->kind]);
    if (argument != NULL && hs_scan_u64(argument, 1, MOST_DRAWS, &n, err) < 0)
        return -1;
    a->n_draws = (size_t)n;
    return 0;
}

static int
scan_spec(struct hs_arm_spec *a, const char *word, struct hs_error *err)
{
    size_t n = strcspn(word, ":");

    *a = (struct hs_arm_spec){0};
    for (int k = 0; k < HS_N_ARM_KINDS; k++) {
        if (strlen(kind_names[k]) != n || strncmp(word, kind_names[k], n) != 0)
            continue;
        a->kind = (enum hs_arm_kind)k;
        return scan_argument(a, word[n] == ':' ? word + n + 1 : NULL, err);
    }
    return hs_fail(err, "no arm of that name");
}

static bool
same_spec(const struct hs_arm_spec *a, const struct hs_arm_spec *b)
{
    return a->kind == b->kind &&
           (a->path == NULL || strcmp(a->path, b->path) == 0);
}

static int
add_spec(struct hs_arm_specs *s, size_t *cap, const char *word,
         struct hs_error *err)
{
    struct hs_arm_spec a;

    if (scan_spec(&a, word, err) < 0) {
        free(a.path);
        return -1;
    }
    s->v = hs_grow(s->v, cap, s->n + 1, sizeof *s->v);
    s->v[s->n] = a;
    for (size_t i = 0; i < s->n; i++)
        if (same_spec(&s->v[i], &a)) {
            free(a.path);
            return hs_fail(err, "it is there twice");
        }
    s->n++;
    return 0;
}

int
hs_arm_specs_scan(const char *s, struct hs_arm_specs *out, struct hs_error *err)
{
    size_t cap = 0;
    int rc = 0;

    *out = (struct hs_arm_specs){0};
    while (s != NULL && rc == 0) {
        char *word = next_word(&s);

        rc = add_spec(out, &cap, word, err);
        if (rc < 0)
            hs_fail_prefix(err, "'%s'", word);
        free(word);
    }
    if (rc < 0)
        hs_arm_specs_free(out);
    return rc;
}

void
hs_arm_specs_free(struct hs_arm_specs *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].path);
    free(s->v);
    *s = (struct hs_arm_specs){0};
}

bool
hs_arm_specs_have(const struct hs_arm_specs *s, enum hs_arm_kind k)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].kind == k)
            return true;
    return false;
}

/* ---- sizes ---- */

int
hs_arm_sizes_scan(const char *s, struct hs_arm_sizes *out, struct hs_error *err)
{
    size_t cap = 0;
    int rc = 0;

    *out = (struct hs_arm_sizes){0};
    while (s != NULL && rc == 0) {
        struct hs_arm_size *size;

        out->v = hs_grow(out->v, &cap, out->n + 1, sizeof *out->v);
        size = &out->v[out->n++];
        size->text = next_word(&s);
        rc = hs_top_scan(size->text, &size->top, err);
        if (rc < 0)
            hs_fail_prefix(err, "size '%s'", size->text);
    }
    if (rc < 0)
        hs_arm_sizes_free(out);
    return rc;
}

void
hs_arm_sizes_free(struct hs_arm_sizes *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].text);
    free(s->v);
    *s = (struct hs_arm_sizes){0};
}

/* ---- modes ---- */

static const struct {
    const char *name;
    enum hs_edit_mode mode;
    bool amount;
} modes[] = {
    {"zero", HS_EDIT_ZERO, false},
    {"mean", HS_EDIT_MEAN, false},
    {"resample", HS_EDIT_RESAMPLE, false},
    {"scale", HS_EDIT_SCALE, true},
    {"add", HS_EDIT_ADD, true},
};

int
hs_arm_mode_scan(const char *s, struct hs_arm_mode *out, struct hs_error *err)
{
    size_t name = strcspn(s, "=");

    *out = (struct hs_arm_mode){0};
    if (strlen(s) >= sizeof out->text)
        return hs_fail(err, "'%.60s...' is too long for a mode", s);
    memcpy(out->text, s, strlen(s) + 1);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strlen(modes[i].name) != name ||
            strncmp(s, modes[i].name, name) != 0 ||
            modes[i].amount != (s[name] == '='))
            continue;
        out->mode = modes[i].mode;
        if (modes[i].amount &&
            hs_scan_f64(s + name + 1, -1e30, 1e30, &out->amount, err) < 0)
            return hs_fail_prefix(err, "%s", modes[i].name);
        return 0;
    }
    return hs_fail(err, "'%s' is not zero, mean, resample, scale=A or add=B",
                   s);
}
