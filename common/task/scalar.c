/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scalar.c - see scalar.h.
 */
#include <config.h>

#include "task/scalar.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "task/mathexpr.h"
#include "task/latex.h"

/* An expression and what stands behind it. */
struct scalar {
    const char *s;
    size_t n;
    bool percent, degree;
    const char *unit; /* borrowed from s */
    size_t n_unit;
};

static bool
is_letter(char c)
{
    return isalpha((unsigned char)c) != 0;
}

/* True when a sum stands in s, so that a sign behind it is not about all. */
static bool
is_sum(const char *s, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if ((s[i] == '+' || s[i] == '-') && s[i - 1] != '{' &&
            s[i - 1] != '^' && s[i - 1] != '(')
            return true;
    return false;
}

/* A degree sign behind "sin 30" is the argument's. */
static bool
has_function(const char *s, size_t n)
{
    static const char *const names[] = {"sin", "cos", "tan",
                                        "cot", "sec", "csc"};

    for (size_t i = 0; i + 3 <= n; i++)
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            if (memcmp(s + i, names[k], 3) == 0)
                return true;
    return false;
}

static bool
same_word(const char *s, size_t n, const char *word)
{
    size_t len = strlen(word);

    if (n == len + 1 && s[n - 1] == 's')
        n--;
    return n == len && memcmp(s, word, len) == 0;
}

/* Length of what may be a unit at s: words in \text{...} and powers, without
 * other numbers; "3 hours and 20 minutes" is no 3.  0 when it is none. */
static size_t
unit_length(const char *s, size_t n)
{
    bool power = false;

    for (size_t i = 0; i < n; i++) {
        if (hs_latex_is(s + i, n - i, "text")) {
            if (hs_latex_group(s + i + 5, n - i - 5) == 0)
                return 0;
            i += 4;
        } else if (s[i] == '^') {
            power = true;
        } else if (isdigit((unsigned char)s[i])) {
            if (!power)
                return 0;
        } else if (strchr("{}-", s[i]) == NULL || s[i] == '\0') {
            power = false;
            if (s[i] == '\\' || s[i] == '=' || s[i] == '+' || s[i] == ',')
                return 0;
        }
    }
    return n;
}

/* Takes "\text{ cm}^2" off the end: all from the first \text on. */
static void
cut_text_unit(struct scalar *x)
{
    size_t at = 0;

    while (at < x->n && !hs_latex_is(x->s + at, x->n - at, "text"))
        at++;
    if (at == 0 || at == x->n || unit_length(x->s + at, x->n - at) == 0)
        return;
    x->unit = x->s + at;
    x->n_unit = x->n - at;
    x->n = at;
    if (hs_latex_group(x->unit + 5, x->n_unit - 5) == x->n_unit - 5) {
        x->unit += 6;
        x->n_unit -= 7;
        hs_latex_trim(&x->unit, &x->n_unit);
    }
}

/* Units that multiply, or that say the number is not the answer alone. */
static bool
counts(const struct scalar *x)
{
    static const char *const words[] = {
        "hundred", "thousand", "million", "billion", "trillion", "dozen",
        "half",    "pair",     "couple",  " and ",   " or ",     "mod",
        "not ",    "minus",    "times",   "squared", "cubed",
    };

    for (size_t i = 0; i < x->n_unit; i++)
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
            if (x->n_unit - i >= strlen(words[k]) &&
                strncasecmp(x->unit + i, words[k], strlen(words[k])) == 0)
                return true;
    return false;
}

/* Takes " cm" or " square inches" off the end of a number. */
static void
cut_word_unit(struct scalar *x)
{
    size_t i = x->n, letters = 0;

    while (i > 0 && (is_letter(x->s[i - 1]) || x->s[i - 1] == ' ')) {
        letters += x->s[i - 1] != ' ';
        i--;
    }
    if (i == 0 || i == x->n || letters < 2 || x->s[i] != ' ' ||
        (!isdigit((unsigned char)x->s[i - 1]) && x->s[i - 1] != '}'))
        return;
    x->unit = x->s + i;
    x->n_unit = x->n - i;
    x->n = i;
    hs_latex_trim(&x->unit, &x->n_unit);
    if (same_word(x->unit, x->n_unit, "pi")) {
        x->n = (size_t)(x->unit - x->s) + x->n_unit;
        x->n_unit = 0;
    }
}

static struct scalar
split(const char *s, size_t n)
{
    struct scalar x = {.s = s, .n = n};

    hs_latex_trim(&x.s, &x.n);
    cut_text_unit(&x);
    if (x.n_unit == 0)
        cut_word_unit(&x);
    if (same_word(x.unit, x.n_unit, "percent")) {
        x.percent = true;
        x.n_unit = 0;
    } else if (same_word(x.unit, x.n_unit, "degree")) {
        x.degree = true;
        x.n_unit = 0;
    }
    hs_latex_trim(&x.s, &x.n);
    if (x.n > 1 && x.s[x.n - 1] == '%') {
        x.percent = true;
        x.n--;
    } else if (x.n > 1 && x.s[x.n - 1] == HS_LATEX_DEGREE &&
               !is_sum(x.s, x.n) && !has_function(x.s, x.n)) {
        x.degree = true;
        x.n--;
    }
    hs_latex_trim(&x.s, &x.n);
    return x;
}

static bool
same_unit(const struct scalar *a, const struct scalar *b)
{
    size_t na = a->n_unit, nb = b->n_unit;

    if (na > 1 && a->unit[na - 1] == 's')
        na--;
    if (nb > 1 && b->unit[nb - 1] == 's')
        nb--;
    return hs_latex_same(a->unit, na, b->unit, nb);
}

/* ---- infinity ---- */

/* 1, -1 for signed infinity, 0 for anything else. */
static int
infinite(const struct scalar *x)
{
    const char *s = x->s;
    size_t n = x->n;
    int sign = 1;

    if (n > 0 && (*s == '-' || *s == '+')) {
        sign = *s == '-' ? -1 : 1;
        s++;
        n--;
    }
    hs_latex_trim(&s, &n);
    return n == 6 && hs_latex_is(s, n, "infty") ? sign : 0;
}

/* ---- values ---- */

static int
eval(const struct scalar *x, unsigned point, struct hs_value *v,
     struct hs_math_info *info, struct hs_error *err)
{
    if (hs_math_eval(x->s, x->n, point, v, info, err) < 0)
        return hs_fail_prefix(err, "'%.*s'", (int)(x->n > 40 ? 40 : x->n),
                              x->s);
    return 0;
}

static bool
same_names(const struct hs_math_info *a, const struct hs_math_info *b)
{
    return a->n_names == b->n_names &&
           memcmp(a->names, b->names, a->n_names * sizeof *a->names) == 0;
}

static int
tell(int rc, struct hs_error *err)
{
    if (rc < 0)
        hs_fail(err, "the values are too close to tell apart");
    return rc;
}

/* Numbers: signs of percent and degree that one of them lacks may mean what
 * they say or be left out. */
static int
compare_numbers(const struct scalar *a, const struct scalar *b,
                const struct hs_value *va, const struct hs_value *vb,
                struct hs_error *err)
{
    const struct hs_value *with = a->percent || a->degree ? va : vb;
    const struct hs_value *without = with == va ? vb : va;
    struct hs_value factor, said;
    int plain = hs_value_compare(va, vb), meant;

    if (a->percent == b->percent && a->degree == b->degree)
        return tell(plain, err);
    if ((a->percent || b->percent) && (a->degree || b->degree))
        return hs_fail(err, "percent and degrees");
    if (plain == 1)
        return 1;
    factor = hs_value_approx(3.14159265358979323846264338327950288L / 180);
    if (a->percent || b->percent)
        if (hs_value_div(&factor, hs_value_int(1), hs_value_int(100)) < 0)
            return hs_fail(err, "not defined");
    if (hs_value_mul(&said, *with, factor) < 0)
        return hs_fail(err, "not defined or too large");
    meant = hs_value_compare(&said, without);
    return tell(meant == 0 ? plain : meant, err);
}

static int
compare_functions(const struct scalar *a, const struct scalar *b,
                  struct hs_error *err)
{
    int equal = 0;

    for (unsigned p = 0; p < HS_MATH_POINTS; p++) {
        struct hs_math_info ia = {0}, ib = {0};
        struct hs_value va, vb;
        int rc;

        if (eval(a, p, &va, &ia, err) < 0 || eval(b, p, &vb, &ib, err) < 0) {
            if (p < HS_MATH_POSITIVE)
                return -1;
            continue; /* a root or logarithm of a negative number */
        }
        rc = hs_value_compare(&va, &vb);
        if (rc < 0)
            return tell(rc, err);
        if (rc == 0 && p < HS_MATH_POSITIVE)
            return 0;
        if (rc == 0)
            return hs_fail(err, "equal for positive values only");
        equal++;
    }
    return equal >= HS_MATH_POSITIVE;
}

/* A letter alone, in brackets or not; '\0' otherwise. */
static char
lone_letter(const struct scalar *x)
{
    if (x->n == 3 && x->s[0] == '(' && x->s[2] == ')' && is_letter(x->s[1]))
        return x->s[1];
    return x->n == 1 && is_letter(x->s[0]) ? x->s[0] : '\0';
}

static int
compare_values(const struct scalar *a, const struct scalar *b,
               struct hs_error *err)
{
    struct hs_math_info ia = {0}, ib = {0};
    struct hs_value va, vb;
    char la = lone_letter(a), lb = lone_letter(b);
    int fa = infinite(a), fb = infinite(b), rc;

    if (fa != 0 && fb != 0)
        return fa == fb;
    if (la != '\0' && lb != '\0') {
        if (la != lb &&
            toupper((unsigned char)la) == toupper((unsigned char)lb))
            return hs_fail(err, "letters that differ in case");
        return la == lb;
    }
    if (fa == 0 && eval(a, 0, &va, &ia, err) < 0)
        return -1;
    if (fb == 0 && eval(b, 0, &vb, &ib, err) < 0)
        return -1;
    if ((ia.flags ^ ib.flags) & HS_MATH_HAS_VARIABLE)
        return fa == 0 && fb == 0 && a->percent == b->percent &&
                       a->degree == b->degree &&
                       compare_functions(a, b, err) == 1
                   ? 1
                   : hs_fail(err, "only one has variables");
    if (fa != 0 || fb != 0)
        return 0;
    if (!same_names(&ia, &ib))
        return hs_fail(err, "different variables");
    if ((ia.flags ^ ib.flags) & HS_MATH_HAS_LOG)
        return hs_fail(err, "a logarithm without its base");
    rc = (ia.flags & HS_MATH_HAS_VARIABLE)
             ? (a->percent == b->percent && a->degree == b->degree
                    ? compare_functions(a, b, err)
                    : hs_fail(err,
                              "a percent or degree sign behind "
                              "variables"))
             : compare_numbers(a, b, &va, &vb, err);
    if (rc == 0 && (ia.flags & HS_MATH_HAS_LOG))
        return hs_fail(err, "a logarithm without its base");
    return rc;
}

/* "0.333..." is not a decimal. */
static bool
dotted(const struct scalar *x)
{
    for (size_t i = 0; i + 1 < x->n; i++)
        if (x->s[i] == '.' && x->s[i + 1] == '.')
            return true;
    return false;
}

int
hs_scalar_compare(const char *a, size_t na, const char *b, size_t nb,
                  struct hs_error *err)
{
    struct scalar x = split(a, na), y = split(b, nb);
    struct hs_buf da = {0}, db = {0};
    int rc;

    if (x.n_unit > 0 && y.n_unit > 0 && !same_unit(&x, &y))
        return hs_fail(err, "units differ");
    if ((x.n_unit == 0) != (y.n_unit == 0) && (counts(&x) || counts(&y)))
        return hs_fail(err, "a unit that is part of the number");
    /* Plain decimals of any length need no arithmetic. */
    if (x.percent == y.percent && x.degree == y.degree && !dotted(&x) &&
        !dotted(&y) && hs_decimal(x.s, x.n, &da) == 0 &&
        hs_decimal(y.s, y.n, &db) == 0)
        rc = da.len == db.len && memcmp(da.data, db.data, da.len) == 0;
    else
        rc = compare_values(&x, &y, err);
    hs_buf_free(&da);
    hs_buf_free(&db);
    return rc;
}

int
hs_scalar_is_number(const char *s, size_t n)
{
    struct scalar x = split(s, n);
    struct hs_math_info info = {0};
    struct hs_value v;
    struct hs_error err;

    return hs_math_eval(x.s, x.n, 0, &v, &info, &err) == 0 &&
           !(info.flags & HS_MATH_HAS_VARIABLE);
}

int
hs_scalar_proportional(const char *const side[4], const size_t len[4],
                       struct hs_error *err)
{
    struct hs_value ratio = {0};
    int seen = 0;

    for (unsigned p = 0; p < HS_MATH_POINTS; p++) {
        struct hs_math_info info[2] = {{0}, {0}};
        struct hs_value v[4], f, g, r;

        for (int k = 0; k < 4; k++)
            if (hs_math_eval(side[k], len[k], p, &v[k], &info[k / 2], err) < 0)
                return -1;
        if (!same_names(&info[0], &info[1]) || info[0].n_names == 0)
            return hs_fail(err, "equations in different variables");
        if (hs_value_add(&f, v[0], hs_value_neg(v[1])) < 0 ||
            hs_value_add(&g, v[2], hs_value_neg(v[3])) < 0 ||
            hs_value_div(&r, f, g) < 0 || (f.exact && f.n == 0))
            return hs_fail(err, "an equation that is always or never true");
        if (seen++ > 0 && hs_value_compare(&ratio, &r) != 1)
            return hs_fail(err, "equations that are no multiples");
        ratio = r;
    }
    return 1;
}
