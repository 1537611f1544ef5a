/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * grade.c - see grade.h.
 */
#include <config.h>

#include "task/grade.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"
#include "task/answer.h"
#include "task/exact.h"
#include "task/latex.h"
#include "task/locate.h"

#define CHOICES     5 /* A to E, when nothing says how many */
#define MATCH_LIMIT 1000000
#define HEAP_KIB    65536
#define MATCHES_MAX 100000

/* One grading under way.  A rule sets v->parsed and appends to why. */
struct job {
    const char *s;
    size_t n;
    struct hs_span gold;
    const json_t *meta;
    struct hs_verdict *v;
    struct hs_buf why;
};

typedef int rule(const struct hs_grader *g, struct job *j);

struct hs_grader {
    char *name;
    rule *rule;
    pcre2_code *code;
    pcre2_match_context *limits;
};

static void
set_parsed(struct job *j, const char *s, size_t n)
{
    free(j->v->parsed);
    j->v->parsed = hs_strndup(s, n); /* cut at a NUL, if there is one */
}

static int
say(struct job *j, int reward, const char *why)
{
    hs_buf_str(&j->why, why);
    return reward;
}

/* ---- rules ---- */

/* Compares what was found with the gold: by value when both are plain
 * decimals, else as text. */
static int
compare_plain(struct job *j, const char *s, size_t n)
{
    struct hs_buf a = {0}, b = {0};
    int reward;

    if (hs_decimal(j->gold.s, j->gold.n, &b) == 0) {
        if (hs_decimal(s, n, &a) < 0)
            reward = say(j, 0, "not a number");
        else if (a.len == b.len && memcmp(a.data, b.data, a.len) == 0)
            reward = say(j, 1, "equal by value");
        else
            reward = say(j, 0, "different number");
    } else {
        while (n > 0 && (s[n - 1] == '.' || s[n - 1] == ' '))
            n--;
        if (n == j->gold.n && strncasecmp(s, j->gold.s, n) == 0)
            reward = say(j, 1, "equal as text");
        else
            reward = say(j, 0, "different text");
    }
    hs_buf_free(&a);
    hs_buf_free(&b);
    return reward;
}

static bool
is_decimal(struct hs_span x)
{
    struct hs_buf b = {0};
    bool yes = hs_decimal(x.s, x.n, &b) == 0;

    hs_buf_free(&b);
    return yes;
}

static int
grade_strict(const struct hs_grader *g, struct job *j)
{
    struct hs_span x;

    (void)g;
    if (!hs_locate_marked(j->s, j->n, &x))
        return say(j, 0, "no #### marker");
    if (is_decimal(j->gold) && !hs_locate_strict(j->s, j->n, &x))
        return say(j, 0, "no number behind ####");
    set_parsed(j, x.s, x.n);
    return compare_plain(j, x.s, x.n);
}

static int
grade_flexible(const struct hs_grader *g, struct job *j)
{
    struct hs_span x;

    (void)g;
    if (!is_decimal(j->gold))
        return say(j, -1, "undecided: the gold answer is not a number");
    if (!hs_locate_flexible(j->s, j->n, &x))
        return say(j, 0, "no number");
    set_parsed(j, x.s, x.n);
    return compare_plain(j, x.s, x.n);
}

static int
grade_boxed(const struct hs_grader *g, struct job *j)
{
    const char *in;
    size_t n;
    int found = hs_latex_boxed(j->s, j->n, &in, &n);

    (void)g;
    if (found == 0)
        return say(j, 0, "no \\boxed");
    if (found < 0)
        return say(j, 0, "\\boxed without its closing brace");
    hs_latex_trim(&in, &n);
    set_parsed(j, in, n);
    if (n == 0)
        return say(j, 0, "empty \\boxed");
    return hs_answer_compare(in, n, j->gold.s, j->gold.n, &j->why);
}

/* The letter the gold is, '\0' when it is none. */
static char
gold_letter(const struct job *j, size_t n_choices)
{
    const char *s = j->gold.s;
    size_t n = j->gold.n;

    if (n > 2 && s[0] == '(' && s[n - 1] == ')') {
        s++;
        n -= 2;
    }
    if (n == 1 && isalpha((unsigned char)*s))
        return (char)toupper((unsigned char)*s);
    if (n >= 1 && n <= 2 && n_choices > 0) {
        size_t k = 0;

        for (size_t i = 0; i < n; i++) {
            if (!isdigit((unsigned char)s[i]))
                return '\0';
            k = k * 10 + (size_t)(s[i] - '0');
        }
        return k < n_choices && k < 26 ? (char)('A' + (int)k) : '\0';
    }
    return '\0';
}

static int
grade_choice(const struct hs_grader *g, struct job *j)
{
    size_t n = json_array_size(json_object_get(j->meta, "choices"));
    char gold = gold_letter(j, n), c;

    (void)g;
    if (gold == '\0')
        return say(j, -1, "undecided: the gold answer is not a letter");
    if (n == 0)
        n = CHOICES;
    if ((size_t)(gold - 'A') >= n)
        n = (size_t)(gold - 'A') + 1;
    if (!hs_locate_choice(j->s, j->n, n, &c))
        return say(j, 0, "no letter");
    set_parsed(j, &c, 1);
    return c == gold ? say(j, 1, "the same letter")
                     : say(j, 0, "another letter");
}

static int
grade_exact(const struct hs_grader *g, struct job *j)
{
    const char *s = j->s;
    size_t n = j->n;

    (void)g;
    hs_latex_trim(&s, &n);
    set_parsed(j, s, n);
    if (n == j->gold.n && memcmp(s, j->gold.s, n) == 0)
        return say(j, 1, "equal as text");
    return say(j, 0, "different text");
}

/* The last match of g's pattern.  Returns 1, 0, or -1 when a limit stopped
 * the search. */
static int
last_match(const struct hs_grader *g, const struct job *j, struct hs_span *out)
{
    pcre2_match_data *md = pcre2_match_data_create_from_pattern(g->code, NULL);
    size_t at = 0;
    int found = 0, rc;

    if (md == NULL)
        return -1;
    for (long i = 0; at <= j->n; i++) {
        const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(md);
        size_t k;

        rc = pcre2_match(g->code, (PCRE2_SPTR)j->s, j->n, at, 0, md, g->limits);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0 || i >= MATCHES_MAX) {
            found = -1;
            break;
        }
        k = rc > 1 && ov[2] != PCRE2_UNSET ? 2 : 0;
        *out = (struct hs_span){j->s + ov[k], ov[k + 1] - ov[k]};
        found = 1;
        at = ov[1] > at ? ov[1] : at + 1;
        while (at < j->n && ((unsigned char)j->s[at] & 0xc0) == 0x80)
            at++;
    }
    pcre2_match_data_free(md);
    return found;
}

static int
grade_regex(const struct hs_grader *g, struct job *j)
{
    struct hs_span x;
    int found = last_match(g, j, &x);

    if (found < 0)
        return say(j, -1, "undecided: the pattern takes too long");
    if (found == 0)
        return say(j, 0, "no match");
    hs_latex_trim(&x.s, &x.n);
    set_parsed(j, x.s, x.n);
    if (x.n == j->gold.n && memcmp(x.s, j->gold.s, x.n) == 0)
        return say(j, 1, "equal as text");
    if (is_decimal(j->gold) && is_decimal(x))
        return compare_plain(j, x.s, x.n);
    return say(j, 0, "different text");
}

static int
grade_none(const struct hs_grader *g, struct job *j)
{
    (void)g;
    return say(j, -1, "not graded");
}

/* ---- graders ---- */

static const struct {
    const char *spec, *name;
    rule *rule;
} rules[] = {
    {"gsm8k", "gsm8k-strict", grade_strict},
    {"gsm8k-strict", "gsm8k-strict", grade_strict},
    {"gsm8k-flexible", "gsm8k-flexible", grade_flexible},
    {"boxed", "boxed", grade_boxed},
    {"choice", "choice", grade_choice},
    {"exact", "exact", grade_exact},
    {"none", "none", grade_none},
};

static int
compile(struct hs_grader *g, const char *pattern, struct hs_error *err)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    PCRE2_UCHAR text[256];
    PCRE2_SIZE at;
    int code;

    g->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options,
                            &code, &at, NULL);
    if (g->code == NULL) {
        (void)pcre2_get_error_message(code, text, sizeof text);
        return hs_fail(err, "grader 'regex:%s': at %zu: %s", pattern, at,
                       (const char *)text);
    }
    g->limits = pcre2_match_context_create(NULL);
    if (g->limits == NULL)
        return hs_fail(err, "no memory for the pattern");
    (void)pcre2_set_match_limit(g->limits, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(g->limits, HEAP_KIB);
    return 0;
}

struct hs_grader *
hs_grader_new(const char *spec, struct hs_error *err)
{
    struct hs_grader *g = hs_calloc(1, sizeof *g);

    if (strncmp(spec, "regex:", 6) == 0) {
        g->name = hs_strdup(spec);
        g->rule = grade_regex;
        if (compile(g, spec + 6, err) == 0)
            return g;
        hs_grader_free(g);
        return NULL;
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(spec, rules[i].spec) == 0) {
            g->name = hs_strdup(rules[i].name);
            g->rule = rules[i].rule;
            return g;
        }
    free(g);
    hs_fail(err,
            "grader '%s' is not one of gsm8k, gsm8k-strict, gsm8k-flexible, "
            "boxed, choice, exact, regex:PATTERN, none",
            spec);
    return NULL;
}

void
hs_grader_free(struct hs_grader *g)
{
    if (g == NULL)
        return;
    pcre2_code_free(g->code);
    pcre2_match_context_free(g->limits);
    free(g->name);
    free(g);
}

const char *
hs_grader_name(const struct hs_grader *g)
{
    return g->name;
}

void
hs_grade_run(json_t *run, const struct hs_grader *g)
{
    const char *old;

    if (json_object_get(run, "grader") != NULL)
        (void)json_object_set_new(run, "grader", json_string(g->name));
    if (json_unpack(run, "{s:{s:s}}", "rollouts", "grader", &old) == 0 &&
        strcmp(old, g->name) != 0)
        (void)json_object_del(run, "rollouts");
}

void
hs_verdict_free(struct hs_verdict *v)
{
    free(v->parsed);
    free(v->reason);
    *v = (struct hs_verdict){0};
}

void
hs_grade(const struct hs_grader *g, const char *completion, size_t len,
         bool truncated, const char *gold, const json_t *meta,
         struct hs_verdict *v)
{
    struct job j = {.s = completion, .n = len, .meta = meta, .v = v};

    hs_verdict_free(v);
    if (gold == NULL && g->rule != grade_none) {
        v->reward = say(&j, -1, "undecided: no gold answer");
    } else {
        if (gold != NULL && g->rule == grade_exact) {
            j.gold = (struct hs_span){gold, strlen(gold)};
            hs_latex_trim(&j.gold.s, &j.gold.n);
        } else if (gold != NULL) {
            j.gold = hs_locate_gold(gold);
        }
        v->reward = g->rule(g, &j);
    }
    if (truncated)
        hs_buf_str(&j.why, "; cut at the length limit");
    v->reason = hs_buf_cstr(&j.why);
}
