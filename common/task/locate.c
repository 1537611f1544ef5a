/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * locate.c - see locate.h.
 *
 * The two rules of GSM8K are those of EleutherAI's lm-evaluation-harness,
 * tasks/gsm8k: strict-match and flexible-extract.
 */
#include <config.h>

#include "task/locate.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "task/latex.h"

static bool
is_digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

static bool
is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Length of the run of [0-9.,] (and $) at s. */
static size_t
run(const char *s, size_t n, bool dollar, bool *digit)
{
    size_t i = 0;

    *digit = false;
    while (i < n && (is_digit(s[i]) || s[i] == '.' || s[i] == ',' ||
                     (dollar && s[i] == '$'))) {
        *digit = *digit || is_digit(s[i]);
        i++;
    }
    return i;
}

int
hs_locate_strict(const char *s, size_t n, struct hs_span *out)
{
    for (size_t i = 0; i + 5 < n; i++) {
        size_t at = i + 5, sign, len;
        bool digit;

        if (memcmp(s + i, "#### ", 5) != 0)
            continue;
        sign = s[at] == '-';
        len = run(s + at + sign, n - at - sign, false, &digit);
        if (len > 0) {
            *out = (struct hs_span){s + at, sign + len};
            return 1;
        }
    }
    return 0;
}

static struct hs_span
line_behind(const char *s, size_t n, size_t at)
{
    const char *p = s + at, *nl = memchr(p, '\n', n - at);
    size_t len = nl != NULL ? (size_t)(nl - p) : n - at;

    hs_latex_trim(&p, &len);
    return (struct hs_span){p, len};
}

int
hs_locate_marked(const char *s, size_t n, struct hs_span *out)
{
    for (size_t i = 0; i + 4 <= n; i++)
        if (memcmp(s + i, "####", 4) == 0) {
            *out = line_behind(s, n, i + 4);
            return 1;
        }
    return 0;
}

/* The position behind the last "####", n + 1 when there is none. */
static size_t
last_mark(const char *s, size_t n)
{
    for (size_t i = n; i >= 4; i--)
        if (memcmp(s + i - 4, "####", 4) == 0)
            return i;
    return n + 1;
}

int
hs_locate_flexible(const char *s, size_t n, struct hs_span *out)
{
    bool digit, found = false;

    for (size_t i = 0; i < n;) {
        size_t sign = s[i] == '-';
        size_t len = run(s + i + sign, n - i - sign, true, &digit);

        if (digit) {
            *out = (struct hs_span){s + i, sign + len};
            found = true;
        }
        i += len > 0 ? sign + len : 1;
    }
    return found;
}

/* ---- letters ---- */

static bool
is_choice(char c, size_t n_choices)
{
    return c >= 'A' && (size_t)(c - 'A') < n_choices;
}

/* A letter that stands alone at s[i].  "A" and "I" before another word are
 * words themselves. */
static bool
stands_alone(const char *s, size_t n, size_t i)
{
    if ((i > 0 && (is_word(s[i - 1]) || s[i - 1] == '\'')) ||
        (i + 1 < n && (is_word(s[i + 1]) || s[i + 1] == '\'')))
        return false;
    return (s[i] != 'A' && s[i] != 'I') || i + 2 >= n || s[i + 1] != ' ' ||
           !islower((unsigned char)s[i + 2]);
}

/* The first letter that stands at the start of s, behind brackets, stars,
 * spaces and \text{ or \boxed{. */
static int
letter_at(const char *s, size_t n, size_t n_choices, char *out)
{
    size_t i = 0;

    while (i < n) {
        size_t name = hs_latex_name(s + i, n - i);

        if (name > 0)
            i += name + 1;
        else if (strchr(" ([{*:$\"'\n", s[i]) != NULL && s[i] != '\0')
            i++;
        else
            break;
    }
    if (i < n && is_choice(s[i], n_choices) && stands_alone(s, n, i)) {
        *out = s[i];
        return 1;
    }
    /* "(b)" is a choice too, "b" alone is when nothing else stands there */
    if (i < n && is_choice((char)toupper((unsigned char)s[i]), n_choices) &&
        ((i > 0 && s[i - 1] == '(' && i + 1 < n && s[i + 1] == ')') ||
         (n == 1))) {
        *out = (char)toupper((unsigned char)s[i]);
        return 1;
    }
    return 0;
}

/* Behind the last "answer is", "answer:", "choice is", "option". */
static int
announced(const char *s, size_t n, size_t n_choices, char *out)
{
    static const char *const words[] = {"answer is", "answer:", "answer",
                                        "choice is", "option"};

    for (size_t i = n; i-- > 0;) {
        if (strchr("aAcCoO", s[i]) == NULL || s[i] == '\0' ||
            (i > 0 && is_word(s[i - 1])))
            continue;
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            size_t len = strlen(words[k]);
            size_t rest = n - i < len ? 0 : n - i - len;

            if (n - i > len && strncasecmp(s + i, words[k], len) == 0 &&
                letter_at(s + i + len, rest < 40 ? rest : 40, n_choices, out))
                return 1;
        }
    }
    return 0;
}

int
hs_locate_choice(const char *s, size_t n, size_t n_choices, char *out)
{
    size_t mark = last_mark(s, n);
    const char *in;
    size_t m;

    hs_latex_trim(&s, &n);
    mark = last_mark(s, n);
    if (mark <= n && letter_at(s + mark, n - mark, n_choices, out))
        return 1;
    if (hs_latex_boxed(s, n, &in, &m) == 1 && letter_at(in, m, n_choices, out))
        return 1;
    if (announced(s, n, n_choices, out))
        return 1;
    for (size_t i = n; i-- > 0;)
        if (is_choice(s[i], n_choices) && stands_alone(s, n, i)) {
            *out = s[i];
            return 1;
        }
    return n <= 4 ? letter_at(s, n, n_choices, out) : 0;
}

struct hs_span
hs_locate_gold(const char *gold)
{
    size_t n = strlen(gold), mark = last_mark(gold, n);
    struct hs_span g = {gold, n};
    const char *in;
    size_t m;

    if (hs_latex_boxed(gold, n, &in, &m) == 1)
        g = (struct hs_span){in, m};
    else if (mark <= n)
        g = (struct hs_span){gold + mark, n - mark};
    hs_latex_trim(&g.s, &g.n);
    return g;
}
