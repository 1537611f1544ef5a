/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mathexpr.c - see mathexpr.h.  A recursive descent that computes as it reads:
 *
 *   sum     = [sign] term { (+|-) term }
 *   term    = power { (*|/) [sign] power | power }
 *   power   = primary { ! | degree | ^ argument }
 */
#include <config.h>

#include "task/mathexpr.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "task/latex.h"
#include "task/literal.h"

#define DEPTH_MAX 64

static const long double pi = 3.14159265358979323846264338327950288L;
static const long double euler = 2.71828182845904523536028747135266250L;

struct parser {
    const char *p, *end;
    unsigned point;
    struct hs_math_info info;
    int depth;
    struct hs_error *err;
};

static int sum(struct parser *x, struct hs_value *v);
static int power(struct parser *x, struct hs_value *v);
static int argument(struct parser *x, struct hs_value *v);

static size_t
left(const struct parser *x)
{
    return (size_t)(x->end - x->p);
}

static void
skip(struct parser *x)
{
    while (x->p < x->end && *x->p == ' ')
        x->p++;
}

/* The next character after spaces, '\0' at the end. */
static char
peek(struct parser *x)
{
    skip(x);
    return x->p < x->end ? *x->p : '\0';
}

static bool
accept(struct parser *x, char c)
{
    if (peek(x) != c || c == '\0')
        return false;
    x->p++;
    return true;
}

static bool
at_command(struct parser *x, const char *name)
{
    skip(x);
    return hs_latex_is(x->p, left(x), name);
}

static bool
is_digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

static bool
is_letter(char c)
{
    return isalpha((unsigned char)c) != 0;
}

static int
undefined(struct parser *x, int rc)
{
    return rc == 0 ? 0 : hs_fail(x->err, "not defined or too large");
}

/* ---- names ---- */

/* Adds a name to those seen.  Returns 0 or -1. */
static int
note_name(struct parser *x, uint64_t h)
{
    struct hs_math_info *f = &x->info;
    size_t i = f->n_names;

    for (size_t k = 0; k < f->n_names; k++)
        if (f->names[k] == h)
            return 0;
    if (i == HS_MATH_NAMES)
        return hs_fail(x->err, "too many variables");
    for (f->n_names++; i > 0 && f->names[i - 1] > h; i--)
        f->names[i] = f->names[i - 1];
    f->names[i] = h;
    return 0;
}

/* The value of a variable: a rational that depends on its name and the point
 * alone. */
static int
variable(struct parser *x, const char *name, size_t n, struct hs_value *v)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    uint32_t w[4];
    long num, den;

    for (size_t i = 0; i < n; i++)
        if (name[i] != ' ' && name[i] != '{' && name[i] != '}')
            h = (h ^ (unsigned char)name[i]) * 1099511628211u;
    hs_rng_words(h, 0x657870, x->point, 0, w);
    num = 2 + (long)(w[0] % 199);
    den = 3 + (long)(w[1] % 59);
    if (x->point >= HS_MATH_POSITIVE && (w[2] & 1))
        num = -num;
    x->info.flags |= HS_MATH_HAS_VARIABLE;
    if (note_name(x, h) < 0)
        return -1;
    return hs_value_div(v, hs_value_int(num), hs_value_int(den));
}

/* Moves over a subscript and primes behind a name. */
static int
subscript(struct parser *x)
{
    skip(x);
    while (x->p < x->end && *x->p == '\'')
        x->p++;
    if (x->p < x->end && *x->p == '_') {
        x->p++;
        skip(x);
        size_t g = hs_latex_group(x->p, left(x));

        if (g == 0 && x->p < x->end && isalnum((unsigned char)*x->p))
            g = 1;
        if (g == 0)
            return hs_fail(x->err, "a subscript that is not one");
        x->p += g;
    }
    return 0;
}

static bool
is_function(const char *s, size_t n)
{
    static const char *const names[] = {
        "sin",    "cos",  "tan",  "cot",  "sec", "csc", "arcsin", "arccos",
        "arctan", "sinh", "cosh", "tanh", "ln",  "log", "exp",    "lg",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == n && memcmp(names[i], s, n) == 0)
            return true;
    return false;
}

static bool starts_factor(struct parser *x);

/* What a function without brackets takes: "2x" in \sin 2x. */
static int
bare_argument(struct parser *x, struct hs_value *v)
{
    struct hs_value f;
    char c = peek(x);

    if (c == '(' || c == '{' || c == '[')
        return power(x, v);
    if (power(x, v) < 0)
        return -1;
    while (starts_factor(x) && peek(x) != '(' && peek(x) != '|') {
        size_t n = hs_latex_name(x->p, left(x));

        if (n > 0 && is_function(x->p + 1, n))
            break;
        if (is_digit(peek(x)))
            return hs_fail(x->err, "a digit behind a factor");
        if (power(x, &f) < 0 || undefined(x, hs_value_mul(v, *v, f)) < 0)
            return -1;
    }
    return 0;
}

static int
function(struct parser *x, const char *s, size_t n, struct hs_value *v)
{
    char name[8];
    struct hs_value base, e;
    bool based = false;
    long k = 1;

    memcpy(name, s, n);
    name[n] = '\0';
    if (strcmp(name, "log") == 0 && accept(x, '_')) {
        based = true;
        if (argument(x, &base) < 0)
            return -1;
    }
    if (accept(x, '^') &&
        (argument(x, &e) < 0 || !hs_value_whole(&e, 20, &k) || k < 1))
        return hs_fail(x->err,
                       "a power of a function that may be its "
                       "inverse");
    if (bare_argument(x, v) < 0)
        return -1;
    if (strcmp(name, "log") == 0 && !based)
        x->info.flags |= HS_MATH_HAS_LOG;
    if (undefined(x, hs_value_call(v, name, *v)) < 0)
        return -1;
    if (based && (undefined(x, hs_value_call(&base, "ln", base)) < 0 ||
                  undefined(x, hs_value_div(v, *v, base)) < 0))
        return -1;
    return k == 1 ? 0 : undefined(x, hs_value_pow(v, *v, hs_value_int(k)));
}

/* Letters without a backslash: a variable, a product of two, or a name that
 * people write without one. */
static int
letters(struct parser *x, struct hs_value *v)
{
    const char *s = x->p;
    size_t n = 0;

    while (s + n < x->end && is_letter(s[n]))
        n++;
    if (is_function(s, n)) {
        x->p += n;
        return function(x, s, n, v);
    }
    if (n == 2 && memcmp(s, "pi", 2) == 0) {
        x->p += 2;
        *v = hs_value_approx(pi);
        return 0;
    }
    if (n == 4 && memcmp(s, "sqrt", 4) == 0) {
        x->p += 4;
        if (peek(x) != '(')
            return hs_fail(x->err, "sqrt without brackets");
        return power(x, v) < 0 ? -1 : undefined(x, hs_value_root(v, *v, 2));
    }
    if (n > 2)
        return hs_fail(x->err, "a word");
    x->p++;
    if ((*s == 'e' || *s == 'i') && peek(x) != '_') {
        *v = hs_value_approx(*s == 'e' ? euler : (long double complex)I);
        return 0;
    }
    if (subscript(x) < 0)
        return -1;
    if (strchr("fghFGHP", *s) != NULL && peek(x) == '(')
        return hs_fail(x->err, "a function that is not known");
    return variable(x, s, (size_t)(x->p - s), v);
}

/* ---- commands ---- */

static int
square_root(struct parser *x, struct hs_value *v)
{
    struct hs_value q;
    long k = 2;

    if (accept(x, '[')) {
        if (sum(x, &q) < 0)
            return -1;
        if (!accept(x, ']') || !hs_value_whole(&q, 64, &k))
            return hs_fail(x->err, "a root that is not a whole one");
    }
    if (is_digit(peek(x)) && left(x) > 1 && is_digit(x->p[1]))
        return hs_fail(x->err, "a root of several digits without braces");
    if (argument(x, v) < 0)
        return -1;
    return undefined(x, hs_value_root(v, *v, k));
}

static int
binomial(struct parser *x, struct hs_value *v)
{
    struct hs_value a, b;
    long n, k;

    if (argument(x, &a) < 0 || argument(x, &b) < 0)
        return -1;
    if (!hs_value_whole(&a, 1000, &n) || !hs_value_whole(&b, 1000, &k) ||
        k < 0 || n < k)
        return hs_fail(x->err, "a binomial of other than whole numbers");
    *v = hs_value_int(1);
    for (long i = 1; i <= k; i++)
        if (hs_value_mul(v, *v, hs_value_int(n - k + i)) < 0 ||
            hs_value_div(v, *v, hs_value_int(i)) < 0)
            return undefined(x, -1);
    return 0;
}

static bool
is_greek(const char *s, size_t n)
{
    static const char names[] =
        " alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta "
        "iota kappa lambda mu nu xi rho sigma tau upsilon phi varphi chi psi "
        "omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell hbar ";

    for (const char *p = names; (p = strchr(p, ' ')) != NULL; p++)
        if (strlen(p) > n && memcmp(p + 1, s, n) == 0 && p[n + 1] == ' ')
            return true;
    return false;
}

static int
command(struct parser *x, struct hs_value *v)
{
    const char *s = x->p;
    size_t n = hs_latex_name(s, left(x));
    struct hs_value den;

    if (n == 0)
        return hs_fail(x->err, "a symbol that is not known");
    x->p += n + 1;
    if (hs_latex_is(s, n + 1, "frac")) {
        if (argument(x, v) < 0 || argument(x, &den) < 0)
            return -1;
        return undefined(x, hs_value_div(v, *v, den));
    }
    if (hs_latex_is(s, n + 1, "sqrt"))
        return square_root(x, v);
    if (hs_latex_is(s, n + 1, "binom"))
        return binomial(x, v);
    if (hs_latex_is(s, n + 1, "pi")) {
        *v = hs_value_approx(pi);
        return 0;
    }
    if (is_function(s + 1, n))
        return function(x, s + 1, n, v);
    if (is_greek(s + 1, n)) {
        if (subscript(x) < 0)
            return -1;
        return variable(x, s, (size_t)(x->p - s), v);
    }
    return hs_fail(x->err, "\\%.*s is not known", (int)(n > 40 ? 40 : n),
                   s + 1);
}

/* ---- structure ---- */

static int
bracketed(struct parser *x, char close, struct hs_value *v)
{
    x->p++;
    if (sum(x, v) < 0)
        return -1;
    if (!accept(x, close))
        return hs_fail(x->err, "brackets that do not match");
    if (close != '|')
        return 0;
    if (v->exact) {
        if (v->n < 0)
            *v = hs_value_neg(*v);
        return 0;
    }
    v->z = cabsl(v->z);
    return 0;
}

static int
primary(struct parser *x, struct hs_value *v)
{
    char c = peek(x);

    if (c == '(')
        return bracketed(x, ')', v);
    if (c == '[')
        return bracketed(x, ']', v);
    if (c == '{')
        return bracketed(x, '}', v);
    if (c == '|')
        return bracketed(x, '|', v);
    if (is_digit(c) || c == '.')
        return hs_literal_read(&x->p, x->end, v, x->err);
    if (is_letter(c))
        return letters(x, v);
    if (c == '\\')
        return command(x, v);
    return c == '\0' ? hs_fail(x->err, "something is missing")
                     : hs_fail(x->err, "a symbol that is not known");
}

/* What \frac, \sqrt and ^ take: a group, a command, or one character. */
static int
argument(struct parser *x, struct hs_value *v)
{
    char c = peek(x);
    int rc;

    if (++x->depth > DEPTH_MAX)
        return hs_fail(x->err, "nested too deeply");
    if (is_digit(c)) {
        *v = hs_value_int(*x->p++ - '0');
        rc = 0;
    } else if (is_letter(c)) {
        struct parser y = *x;

        y.end = y.p + 1;
        rc = letters(&y, v);
        x->info = y.info;
        x->p++;
    } else if (c == '{' || c == '\\') {
        rc = primary(x, v);
    } else {
        rc = hs_fail(x->err, "an argument is missing");
    }
    x->depth--;
    return rc;
}

/* ^ takes several digits and a sign too: nobody means 2^{1}0 by 2^10. */
static int
exponent_argument(struct parser *x, struct hs_value *v)
{
    bool minus = accept(x, '-');
    char c = peek(x);
    int rc;

    if (is_digit(c)) {
        rc = hs_literal_digits(&x->p, x->end, v, x->err);
    } else {
        rc = c == '(' ? primary(x, v) : argument(x, v);
    }
    if (rc == 0 && minus)
        *v = hs_value_neg(*v);
    return rc;
}

static int
power(struct parser *x, struct hs_value *v)
{
    struct hs_value e;
    bool powered = false;

    if (++x->depth > DEPTH_MAX)
        return hs_fail(x->err, "nested too deeply");
    if (primary(x, v) < 0)
        return -1;
    for (;;) {
        if (accept(x, '!')) {
            if (undefined(x, hs_value_factorial(v, *v)) < 0)
                return -1;
        } else if (accept(x, HS_LATEX_DEGREE)) {
            e = hs_value_approx(pi / 180);
            if (undefined(x, hs_value_mul(v, *v, e)) < 0)
                return -1;
        } else if (peek(x) == '^') {
            if (powered)
                return hs_fail(x->err, "a power of a power without brackets");
            powered = true;
            x->p++;
            if (exponent_argument(x, &e) < 0 ||
                undefined(x, hs_value_pow(v, *v, e)) < 0)
                return -1;
        } else {
            break;
        }
    }
    x->depth--;
    return 0;
}

static bool
starts_factor(struct parser *x)
{
    char c = peek(x);

    if (c == '\\')
        return !at_command(x, "pm") && !at_command(x, "mp") &&
               hs_latex_name(x->p, left(x)) > 0;
    return isalnum((unsigned char)c) || c == '(' || c == '{' || c == '[';
}

static int
signed_power(struct parser *x, struct hs_value *v)
{
    bool minus = false;

    if (peek(x) == '-' || peek(x) == '+')
        minus = *x->p++ == '-';
    if (power(x, v) < 0)
        return -1;
    if (minus)
        *v = hs_value_neg(*v);
    return 0;
}

static int
term(struct parser *x, struct hs_value *v)
{
    struct hs_value f;
    bool slash = false;

    if (power(x, v) < 0)
        return -1;
    for (;;) {
        if (accept(x, '*')) {
            if (signed_power(x, &f) < 0 ||
                undefined(x, hs_value_mul(v, *v, f)) < 0)
                return -1;
            slash = false;
        } else if (accept(x, '/')) {
            if (signed_power(x, &f) < 0 ||
                undefined(x, hs_value_div(v, *v, f)) < 0)
                return -1;
            slash = true;
        } else if (starts_factor(x)) {
            const char *back = x->p - 1;

            if (slash)
                return hs_fail(x->err, "a/bc, which reads in two ways");
            while (*back == ' ')
                back--;
            if (is_digit(*x->p) && *back != ')' && *back != '}')
                return hs_fail(x->err, "a digit behind a factor");
            if (power(x, &f) < 0 || undefined(x, hs_value_mul(v, *v, f)) < 0)
                return -1;
        } else {
            return 0;
        }
    }
}

static int
sum(struct parser *x, struct hs_value *v)
{
    struct hs_value t;
    bool minus = false;

    if (++x->depth > DEPTH_MAX)
        return hs_fail(x->err, "nested too deeply");
    while (peek(x) == '-' || peek(x) == '+')
        minus ^= *x->p++ == '-';
    if (term(x, v) < 0)
        return -1;
    if (minus)
        *v = hs_value_neg(*v);
    while (peek(x) == '+' || peek(x) == '-') {
        minus = *x->p++ == '-';
        if (term(x, &t) < 0)
            return -1;
        if (minus)
            t = hs_value_neg(t);
        if (undefined(x, hs_value_add(v, *v, t)) < 0)
            return -1;
    }
    x->depth--;
    return 0;
}

int
hs_math_eval(const char *s, size_t n, unsigned point, struct hs_value *out,
             struct hs_math_info *info, struct hs_error *err)
{
    struct parser x = {
        .p = s, .end = s + n, .point = point, .info = *info, .err = err};

    if (n > HS_LITERAL_MAX)
        return hs_fail(err, "too long to evaluate");
    if (sum(&x, out) < 0)
        return -1;
    if (peek(&x) != '\0' || x.p != x.end)
        return hs_fail(err, "a symbol that is not known");
    *info = x.info;
    return 0;
}
