/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * problem.c - see problem.h.
 */
#include <config.h>

#include "task/problem.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"

#define READ_STEP ((size_t)64 << 10)
#define ID_MAX    4096 /* bytes of an id: it goes into every record */

enum field {
    F_ID,
    F_QUESTION,
    F_PROMPT,
    F_TOKENS,
    F_CHOICES,
    F_ANSWER,
    F_COMPLETION,
    F_COMPLETION_TOKENS,
    N_FIELDS
};

static const char *const fields[N_FIELDS] = {
    [F_ID] = "id",
    [F_QUESTION] = "question",
    [F_PROMPT] = "prompt",
    [F_TOKENS] = "tokens",
    [F_CHOICES] = "choices",
    [F_ANSWER] = "answer",
    [F_COMPLETION] = "completion",
    [F_COMPLETION_TOKENS] = "completion_tokens",
};

struct hs_problem_reader {
    int fd;
    char *name;
    const struct hs_map *map;
    struct hs_buf buf; /* bytes read and not yet used, from pos on */
    size_t pos, seen;  /* no newline between pos and seen */
    uint64_t line;
    bool eof;
    int status;          /* 1 while there may be more, then 0 or -1 */
    struct hs_error err; /* when status is -1 */
};

/* ---- maps ---- */

void
hs_map_free(struct hs_map *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->v[i].name);
        free(m->v[i].field);
    }
    free(m->v);
    *m = (struct hs_map){0};
}

static int
map_add(struct hs_map *m, const char *s, size_t n, struct hs_error *err)
{
    const char *eq = memchr(s, '=', n);
    size_t known = 0;

    if (eq == NULL || eq == s || eq + 1 == s + n)
        return hs_fail(err, "'%.*s' is not NAME=FIELD", (int)n, s);
    while (known < N_FIELDS && (strlen(fields[known]) != (size_t)(eq - s) ||
                                memcmp(fields[known], s, (size_t)(eq - s))))
        known++;
    if (known == N_FIELDS)
        return hs_fail(err,
                       "'%.*s' is not one of id, question, prompt, tokens, "
                       "choices, answer, completion, completion_tokens",
                       (int)(eq - s), s);
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->v[i].name, fields[known]) == 0)
            return hs_fail(err, "'%s' is given twice", fields[known]);
    m->v = hs_realloc(m->v, (m->n + 1) * sizeof *m->v);
    m->v[m->n].name = hs_strdup(fields[known]);
    m->v[m->n++].field = hs_strndup(eq + 1, n - (size_t)(eq + 1 - s));
    return 0;
}

int
hs_map_scan(const char *s, struct hs_map *out, struct hs_error *err)
{
    *out = (struct hs_map){0};
    for (;;) {
        size_t n = strcspn(s, ",");

        if (n > 1000 || map_add(out, s, n, err) < 0) {
            if (n > 1000)
                hs_fail(err, "a name is too long");
            hs_map_free(out);
            return -1;
        }
        if (s[n] == '\0')
            return 0;
        s += n + 1;
    }
}

void
hs_parse_map(const char *opt, const char *s, struct hs_map *out)
{
    struct hs_error err;

    if (hs_map_scan(s, out, &err) < 0)
        hs_die(HS_EXIT_USAGE, "%s: %s", opt, err.text);
}

/* The input's field for f: what the map says, else its own name, unless the
 * map has given that to another; then NULL. */
static const char *
field_name(const struct hs_problem_reader *r, enum field f, bool *mapped)
{
    bool taken = false;

    *mapped = false;
    for (size_t i = 0; r->map != NULL && i < r->map->n; i++) {
        if (strcmp(r->map->v[i].name, fields[f]) == 0) {
            *mapped = true;
            return r->map->v[i].field;
        }
        taken = taken || strcmp(r->map->v[i].field, fields[f]) == 0;
    }
    return taken ? NULL : fields[f];
}

/* ---- problems ---- */

void
hs_problem_free(struct hs_problem *p)
{
    for (size_t i = 0; i < p->n_completions; i++) {
        free(p->completions[i].text);
        free(p->completions[i].tokens);
    }
    free(p->completions);
    free(p->id);
    free(p->text);
    free(p->tokens);
    free(p->answer);
    json_decref(p->meta);
    *p = (struct hs_problem){0};
}

/* Copies a JSON string, which must not hold a NUL.  Returns 0 or -1. */
static int
take_text(const json_t *v, const char *name, char **out, size_t *len,
          struct hs_error *err)
{
    size_t n = json_string_length(v);
    const char *s = json_string_value(v);

    if (!json_is_string(v))
        return hs_fail(err, "%s: not a string", name);
    if (memchr(s, '\0', n) != NULL)
        return hs_fail(err, "%s: holds a NUL character", name);
    *out = hs_strndup(s, n);
    if (len != NULL)
        *len = n;
    return 0;
}

static int
take_tokens(const json_t *v, const char *name, size_t min, uint32_t **out,
            size_t *n, struct hs_error *err)
{
    if (!json_is_array(v) || json_array_size(v) < min)
        return hs_fail(err, "%s: not an array of token ids", name);
    *out = hs_calloc(json_array_size(v), sizeof **out);
    *n = json_array_size(v);
    for (size_t i = 0; i < *n; i++) {
        const json_t *e = json_array_get(v, i);

        if (!json_is_integer(e) || json_integer_value(e) < 0 ||
            json_integer_value(e) > INT32_MAX)
            return hs_fail(err, "%s: entry %zu is not a token id", name, i);
        (*out)[i] = (uint32_t)json_integer_value(e);
    }
    return 0;
}

/* The shortest decimal that reads back as x. */
static char *
number_text(double x)
{
    char s[40];

    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(s, sizeof s, "%.*g", digits, x);
        if (strtod(s, NULL) == x)
            break;
    }
    return hs_strdup(s);
}

static int
take_id(struct hs_problem *p, const json_t *v, const char *name,
        struct hs_error *err)
{
    char s[24];

    if (v == NULL || json_is_integer(v)) {
        if (v == NULL)
            (void)snprintf(s, sizeof s, "%" PRIu64, p->line);
        else
            (void)snprintf(s, sizeof s, "%" JSON_INTEGER_FORMAT,
                           json_integer_value(v));
        p->id = hs_strdup(s);
        return 0;
    }
    if (!json_is_string(v))
        return hs_fail(err, "%s: not a string or an integer", name);
    if (json_string_length(v) == 0 || json_string_length(v) > ID_MAX)
        return hs_fail(err, "%s: empty or longer than %d bytes", name, ID_MAX);
    return take_text(v, name, &p->id, NULL, err);
}

/* Reads choices and appends them to the question. */
static int
take_choices(struct hs_problem *p, const json_t *v, const char *name,
             struct hs_error *err)
{
    struct hs_buf b = {0};
    size_t n = json_array_size(v);

    if (!json_is_array(v) || n < 2 || n > 26)
        return hs_fail(err, "%s: not an array of 2 to 26 texts", name);
    hs_buf_add(&b, p->text, p->len);
    for (size_t i = 0; i < n; i++) {
        char *text = NULL;

        if (take_text(json_array_get(v, i), name, &text, NULL, err) < 0) {
            hs_buf_free(&b);
            return -1;
        }
        hs_buf_printf(&b, "\n%c. ", (char)('A' + (int)i));
        hs_buf_str(&b, text);
        free(text);
    }
    if (p->kind != HS_PROBLEM_QUESTION) {
        hs_buf_free(&b);
        return 0;
    }
    free(p->text);
    p->len = b.len;
    p->text = hs_buf_cstr(&b);
    return 0;
}

static int
take_answer(struct hs_problem *p, const json_t *v, const json_t *choices,
            const char *name, struct hs_error *err)
{
    char s[24];

    if (v == NULL)
        return 0;
    if (json_is_string(v))
        return take_text(v, name, &p->answer, NULL, err);
    if (json_is_real(v)) {
        p->answer = number_text(json_real_value(v));
        return 0;
    }
    if (!json_is_integer(v))
        return hs_fail(err, "%s: not a string or a number", name);
    if (choices != NULL) {
        if (json_integer_value(v) < 0 ||
            (size_t)json_integer_value(v) >= json_array_size(choices))
            return hs_fail(err,
                           "%s: %" JSON_INTEGER_FORMAT
                           " is not the index of one of %zu choices",
                           name, json_integer_value(v),
                           json_array_size(choices));
        (void)snprintf(s, sizeof s, "%c",
                       (char)('A' + (int)json_integer_value(v)));
    } else {
        (void)snprintf(s, sizeof s, "%" JSON_INTEGER_FORMAT,
                       json_integer_value(v));
    }
    p->answer = hs_strdup(s);
    return 0;
}

static int
take_completions(struct hs_problem *p, const json_t *text, const json_t *tokens,
                 const char *tname, const char *kname, struct hs_error *err)
{
    const json_t *v = text != NULL ? text : tokens;
    bool many = text != NULL ? json_is_array(text)
                             : json_is_array(json_array_get(tokens, 0));
    size_t n = many ? json_array_size(v) : 1;

    if (v == NULL)
        return 0;
    if (text != NULL && tokens != NULL)
        return hs_fail(err, "both %s and %s", tname, kname);
    if (n == 0)
        return hs_fail(err, "%s: an empty array", tname);
    p->completions = hs_calloc(n, sizeof *p->completions);
    p->n_completions = n;
    for (size_t i = 0; i < n; i++) {
        struct hs_completion *c = &p->completions[i];
        const json_t *e = many ? json_array_get(v, i) : v;

        if (text != NULL ? take_text(e, tname, &c->text, &c->len, err) < 0
                         : take_tokens(e, kname, !many, &c->tokens,
                                       &c->n_tokens, err) < 0)
            return -1;
    }
    return 0;
}

/* Reads the one of question, prompt and tokens that is there. */
static int
take_input(struct hs_problem *p, json_t *const v[N_FIELDS],
           const char *const names[N_FIELDS], struct hs_error *err)
{
    int n =
        (v[F_QUESTION] != NULL) + (v[F_PROMPT] != NULL) + (v[F_TOKENS] != NULL);

    if (n != 1)
        return hs_fail(err, "%s of %s, %s, %s: there must be exactly one",
                       n == 0 ? "none" : "more than one", names[F_QUESTION],
                       names[F_PROMPT], names[F_TOKENS]);
    if (v[F_TOKENS] != NULL) {
        p->kind = HS_PROBLEM_TOKENS;
        return take_tokens(v[F_TOKENS], names[F_TOKENS], 1, &p->tokens,
                           &p->n_tokens, err);
    }
    enum field f = v[F_QUESTION] != NULL ? F_QUESTION : F_PROMPT;

    p->kind = f == F_QUESTION ? HS_PROBLEM_QUESTION : HS_PROBLEM_PROMPT;
    return take_text(v[f], names[f], &p->text, &p->len, err);
}

/* Fills p from the object obj, which becomes p->meta. */
static int
from_object(const struct hs_problem_reader *r, struct hs_problem *p,
            json_t *obj, struct hs_error *err)
{
    json_t *v[N_FIELDS];
    const char *names[N_FIELDS];

    p->meta = obj;
    for (size_t f = 0; f < N_FIELDS; f++) {
        bool mapped;
        const char *name = field_name(r, (enum field)f, &mapped);

        v[f] = name != NULL ? json_object_get(obj, name) : NULL;
        names[f] = name != NULL ? name : fields[f];
        if (v[f] == NULL && mapped)
            return hs_fail(err, "no field '%s', which stands for %s", name,
                           fields[f]);
        if (json_is_null(v[f]))
            v[f] = NULL;
    }
    if (take_id(p, v[F_ID], names[F_ID], err) < 0 ||
        take_input(p, v, names, err) < 0 ||
        (v[F_CHOICES] != NULL &&
         take_choices(p, v[F_CHOICES], names[F_CHOICES], err) < 0) ||
        take_answer(p, v[F_ANSWER], v[F_CHOICES], names[F_ANSWER], err) < 0 ||
        take_completions(p, v[F_COMPLETION], v[F_COMPLETION_TOKENS],
                         names[F_COMPLETION], names[F_COMPLETION_TOKENS],
                         err) < 0)
        return -1;
    for (size_t f = 0; f < N_FIELDS; f++)
        if (f != F_CHOICES && v[f] != NULL)
            (void)json_object_del(obj, names[f]);
    return 0;
}

/* ---- lines ---- */

struct hs_problem_reader *
hs_problem_reader_new(int fd, const char *name, const struct hs_map *map)
{
    struct hs_problem_reader *r = hs_calloc(1, sizeof *r);

    r->fd = fd;
    r->name = hs_strdup(name);
    r->map = map;
    r->status = 1;
    (void)hs_buf_reserve(&r->buf, READ_STEP);
    return r;
}

void
hs_problem_reader_unread(struct hs_problem_reader *r, const uint8_t *bytes,
                         size_t n)
{
    hs_buf_add(&r->buf, bytes, n);
}

void
hs_problem_reader_free(struct hs_problem_reader *r)
{
    if (r == NULL)
        return;
    hs_buf_free(&r->buf);
    free(r->name);
    free(r);
}

/* Finds the next line: *line and *n borrow from the buffer.  Returns 1, 0 at
 * the end, or -1. */
static int
next_line(struct hs_problem_reader *r, const char **line, size_t *n,
          struct hs_error *err)
{
    for (;;) {
        const uint8_t *at = r->buf.data + r->pos;
        const uint8_t *nl =
            r->buf.len > r->seen
                ? memchr(r->buf.data + r->seen, '\n', r->buf.len - r->seen)
                : NULL;

        if (nl != NULL || (r->eof && r->pos < r->buf.len)) {
            *line = (const char *)at;
            *n = nl != NULL ? (size_t)(nl - at) : r->buf.len - r->pos;
            r->pos += *n + (nl != NULL);
            r->seen = r->pos;
            r->line++;
            return 1;
        }
        if (r->eof)
            return 0;
        if (r->pos > 0) {
            r->buf.len -= r->pos;
            memmove(r->buf.data, at, r->buf.len);
            r->pos = 0;
        }
        r->seen = r->buf.len;
        if (r->buf.len > HS_PROBLEM_LINE_MAX)
            return hs_fail(err, "%s: line %" PRIu64 ": longer than %zu bytes",
                           r->name, r->line + 1, HS_PROBLEM_LINE_MAX);
        ssize_t got =
            read(r->fd, hs_buf_reserve(&r->buf, READ_STEP), READ_STEP);

        if (got < 0 && errno != EINTR)
            return hs_fail(err, "%s: %s", r->name, strerror(errno));
        r->buf.len += got > 0 ? (size_t)got : 0;
        r->eof = got == 0;
    }
}

static bool
is_blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r')
            return false;
    return true;
}

static int
read_one(struct hs_problem_reader *r, struct hs_problem *p,
         struct hs_error *err)
{
    json_error_t je;
    const char *s = NULL;
    size_t n = 0;
    int rc;

    do {
        rc = next_line(r, &s, &n, err);
    } while (rc > 0 && is_blank(s, n));
    if (rc <= 0)
        return rc;
    p->line = r->line;
    json_t *obj =
        json_loadb(s, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);

    if (obj == NULL) {
        return hs_fail(err, "%s: line %" PRIu64 ": column %d: %s", r->name,
                       r->line, je.column, je.text);
    }
    if (!json_is_object(obj)) {
        json_decref(obj);
        return hs_fail(err, "%s: line %" PRIu64 ": not a JSON object", r->name,
                       r->line);
    }
    if (from_object(r, p, obj, err) < 0)
        return hs_fail_prefix(err, "%s: line %" PRIu64, r->name, r->line);
    return 1;
}

int
hs_problem_read(struct hs_problem_reader *r, struct hs_problem *p,
                struct hs_error *err)
{
    hs_problem_free(p);
    if (r->status > 0) {
        r->status = read_one(r, p, &r->err);
        if (r->status <= 0)
            hs_problem_free(p);
    }
    if (r->status < 0 && err != NULL)
        *err = r->err;
    return r->status;
}

uint64_t
hs_problem_lines(int fd)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    struct stat st;
    char buf[65536];
    uint64_t n = 0;
    ssize_t got;

    if (at < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    while ((got = pread(fd, buf, sizeof buf, at)) > 0) {
        at += got;
        for (ssize_t i = 0; i < got; i++)
            n += buf[i] == '\n';
    }
    return n;
}
