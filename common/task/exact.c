/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exact.c - see exact.h.
 *
 * __builtin_mul_overflow on __int128 needs a run time that clang does not
 * always have, so products are checked by a division.
 */
#include <config.h>

#include "task/exact.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((__int128)1 << 126)
#define K_MAX 4000
#define EPS   LDBL_EPSILON

/* ---- whole numbers of 126 bits ---- */

static __int128
mag(__int128 a)
{
    return a < 0 ? -a : a;
}

static bool
mul_ok(__int128 a, __int128 b, __int128 *r)
{
    if (a != 0 && mag(b) > (LIMIT - 1) / mag(a))
        return false;
    *r = a * b;
    return true;
}

static bool
add_ok(__int128 a, __int128 b, __int128 *r)
{
    *r = a + b; /* both below 2^126: no overflow */
    return mag(*r) < LIMIT;
}

static __int128
gcd(__int128 a, __int128 b)
{
    a = mag(a);
    while (b != 0) {
        __int128 t = a % b;

        a = b;
        b = t;
    }
    return a;
}

static bool
scale_ok(__int128 *n, int k)
{
    for (; k > 0; k--)
        if (*n != 0 && !mul_ok(*n, 10, n))
            return false;
    return true;
}

/* ---- making values ---- */

static bool
finite_value(const struct hs_value *v)
{
    return isfinite(creall(v->z)) && isfinite(cimagl(v->z)) && isfinite(v->err);
}

/* Fills the form of v that is not exact, and brings n, d, k to normal form.
 * Returns 0, or -1 when it is out of range. */
static int
settle(struct hs_value *v)
{
    __int128 g = gcd(v->n, v->d);

    v->n /= g;
    v->d /= g;
    for (; v->n != 0 && v->n % 10 == 0; v->k++)
        v->n /= 10;
    for (; v->d % 10 == 0; v->k--)
        v->d /= 10;
    if (v->n == 0)
        v->k = 0;
    if (v->k > K_MAX || v->k < -K_MAX)
        return -1;
    v->exact = true;
    v->rounded = false;
    v->z = (long double)v->n / (long double)v->d * powl(10.0L, v->k);
    v->err = cabsl(v->z) * 8 * EPS;
    return finite_value(v) ? 0 : -1;
}

static int
settle_approx(struct hs_value *v)
{
    v->exact = false;
    v->n = 0;
    v->d = 1;
    v->k = 0;
    return finite_value(v) ? 0 : -1;
}

struct hs_value
hs_value_int(long n)
{
    struct hs_value v = {.n = n, .d = 1};

    (void)settle(&v);
    return v;
}

struct hs_value
hs_value_approx(long double complex z)
{
    struct hs_value v = {.d = 1, .z = z, .err = cabsl(z) * 2 * EPS};

    return v;
}

/* A number of more digits than fit: rounded. */
static int
long_digits(const char *s, size_t n, int exp10, struct hs_value *out)
{
    long double x = 0;
    long k = exp10;
    bool point = false;

    for (size_t i = 0; i < n; i++) {
        if (s[i] == '.') {
            point = true;
        } else if (x < 1e30L) {
            x = x * 10 + (s[i] - '0');
            k -= point;
        } else {
            k += !point;
        }
    }
    if (k > K_MAX || k < -K_MAX)
        return -1;
    *out = (struct hs_value){.rounded = true, .z = x * powl(10.0L, (int)k)};
    out->err = cabsl(out->z) * 256 * EPS;
    return settle_approx(out);
}

int
hs_value_digits(const char *s, size_t n, size_t repeat, int exp10,
                struct hs_value *out)
{
    __int128 whole = 0, fixed = 0, nines = 1;
    size_t digits = 0, after = 0;
    bool point = false, fits = true;

    /* The zeros of 10^45 written out need no room. */
    while (n > 1 && n < 4000 && repeat == 0 && s[n - 1] == '0' &&
           memchr(s, '.', n) == NULL) {
        n--;
        exp10++;
    }

    for (size_t i = 0; i < n; i++) {
        if (i + repeat == n)
            fixed = whole;
        if (s[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!isdigit((unsigned char)s[i]))
            return -1;
        digits++;
        after += point;
        fits = fits && mul_ok(whole, 10, &whole) &&
               add_ok(whole, s[i] - '0', &whole);
    }
    if (digits == 0 || n > 100000 || exp10 > K_MAX || exp10 < -K_MAX ||
        repeat > after)
        return -1;
    if (repeat > 0) {
        fits = fits && repeat < 37 && scale_ok(&nines, (int)repeat);
        if (!fits)
            return -1;
        whole -= fixed;
        nines -= 1;
        after -= repeat;
    }
    if (!fits)
        return long_digits(s, n, exp10, out);
    *out = (struct hs_value){.n = whole, .d = nines, .k = exp10 - (int)after};
    return settle(out);
}

/* ---- arithmetic ---- */

/* The exact a + b, if it fits. */
static bool
add_exact(struct hs_value *r, struct hs_value a, struct hs_value b)
{
    struct hs_value v = {.k = a.k < b.k ? a.k : b.k};
    __int128 g = gcd(a.d, b.d), x, y;

    if (a.k - v.k > 40 || b.k - v.k > 40 || !scale_ok(&a.n, a.k - v.k) ||
        !scale_ok(&b.n, b.k - v.k) || !mul_ok(a.n, b.d / g, &x) ||
        !mul_ok(b.n, a.d / g, &y) || !add_ok(x, y, &v.n) ||
        !mul_ok(a.d, b.d / g, &v.d) || settle(&v) < 0)
        return false;
    *r = v;
    return true;
}

static bool
rational(const struct hs_value *v)
{
    return v->exact || v->rounded;
}

int
hs_value_add(struct hs_value *r, struct hs_value a, struct hs_value b)
{
    struct hs_value v = {.rounded = rational(&a) && rational(&b),
                         .z = a.z + b.z};

    if (a.exact && b.exact && add_exact(r, a, b))
        return 0;
    v.err = a.err + b.err + cabsl(v.z) * 2 * EPS;
    *r = v;
    return settle_approx(r);
}

struct hs_value
hs_value_neg(struct hs_value a)
{
    a.n = -a.n;
    a.z = -a.z;
    return a;
}

static bool
mul_exact(struct hs_value *r, struct hs_value a, struct hs_value b)
{
    struct hs_value v = {.k = a.k + b.k};
    __int128 g = gcd(a.n, b.d), h = gcd(b.n, a.d);

    if (!mul_ok(a.n / g, b.n / h, &v.n) || !mul_ok(a.d / h, b.d / g, &v.d) ||
        settle(&v) < 0)
        return false;
    *r = v;
    return true;
}

int
hs_value_mul(struct hs_value *r, struct hs_value a, struct hs_value b)
{
    struct hs_value v = {.rounded = rational(&a) && rational(&b),
                         .z = a.z * b.z};

    if (a.exact && b.exact && mul_exact(r, a, b))
        return 0;
    v.err = cabsl(a.z) * b.err + cabsl(b.z) * a.err + a.err * b.err +
            cabsl(v.z) * 4 * EPS;
    *r = v;
    return settle_approx(r);
}

int
hs_value_div(struct hs_value *r, struct hs_value a, struct hs_value b)
{
    struct hs_value inv = {.n = b.n < 0 ? -b.d : b.d, .d = mag(b.n), .k = -b.k};
    long double m = cabsl(b.z);

    /* What may be zero can not be divided by. */
    if (b.exact ? b.n == 0 : m <= 16 * b.err || m <= 16 * EPS * EPS)
        return -1;
    if (b.exact)
        return settle(&inv) < 0 ? -1 : hs_value_mul(r, a, inv);
    inv = (struct hs_value){.rounded = b.rounded, .z = 1.0L / b.z};
    inv.err = cabsl(inv.z) * (b.err / (m - b.err) + 4 * EPS);
    if (settle_approx(&inv) < 0)
        return -1;
    return hs_value_mul(r, a, inv);
}

bool
hs_value_whole(const struct hs_value *v, long max, long *out)
{
    __int128 n = v->n, d = v->d;

    if (!v->exact || v->k > 40 || v->k < -40 || !scale_ok(&n, v->k) ||
        !scale_ok(&d, -v->k) || n % d != 0 || mag(n / d) > max)
        return false;
    *out = (long)(n / d);
    return true;
}

bool
hs_value_real(const struct hs_value *v)
{
    return fabsl(cimagl(v->z)) <= v->err;
}

/* The q-th root of n >= 0, if it is whole. */
static bool
whole_root(__int128 n, long q, __int128 *out)
{
    __int128 r = (__int128)powl((long double)n, 1.0L / (long double)q) - 2;

    for (int i = 0; i < 5; i++, r++) {
        __int128 p = 1;
        bool ok = r >= 0;

        for (long j = 0; ok && j < q; j++)
            ok = mul_ok(p, r, &p);
        if (ok && p == n) {
            *out = r;
            return true;
        }
    }
    return false;
}

static bool
root_exact(struct hs_value *r, struct hs_value a, long q)
{
    struct hs_value v = {.d = 1};
    __int128 n = a.n, d = a.d;

    /* Make the exponent of 10 a multiple of q. */
    int rest = (int)(((a.k % q) + q) % q);

    if (!scale_ok(&n, rest))
        return false;
    __int128 g = gcd(n, d);

    if (!whole_root(n / g, q, &v.n) || !whole_root(d / g, q, &v.d))
        return false;
    v.k = (a.k - rest) / (int)q;
    if (settle(&v) < 0)
        return false;
    *r = v;
    return true;
}

int
hs_value_root(struct hs_value *r, struct hs_value a, long q)
{
    struct hs_value v = {0};
    long double m = cabsl(a.z);
    bool negative = hs_value_real(&a) && creall(a.z) < 0;

    if (q < 2 || q > 64 ||
        (q > 2 && (!hs_value_real(&a) || (negative && q % 2 == 0))))
        return -1;
    if (negative && q % 2 == 1) {
        if (hs_value_root(r, hs_value_neg(a), q) < 0)
            return -1;
        *r = hs_value_neg(*r);
        return 0;
    }
    if (a.exact && a.n >= 0 && root_exact(r, a, q))
        return 0;
    /* Not through csqrtl, where -0.0i would turn the root around. */
    if (negative)
        v.z = (long double complex)I * sqrtl(-creall(a.z));
    else if (q == 2)
        v.z = csqrtl(a.z);
    else
        v.z = powl(creall(a.z), 1.0L / (long double)q);
    v.err = m > 4 * a.err ? cabsl(v.z) * (a.err / m + 8 * EPS)
                          : 2 * powl(m + a.err, 1.0L / (long double)q) + EPS;
    *r = v;
    return settle_approx(r);
}

static int
pow_whole(struct hs_value *r, struct hs_value a, long e)
{
    struct hs_value p = hs_value_int(1);
    long n = labs(e);

    if (a.exact && a.n == 0 && e <= 0)
        return -1;
    for (; n > 0; n >>= 1) {
        if ((n & 1) && hs_value_mul(&p, p, a) < 0)
            return -1;
        if (n > 1 && hs_value_mul(&a, a, a) < 0)
            return -1;
    }
    if (e < 0)
        return hs_value_div(r, hs_value_int(1), p);
    *r = p;
    return 0;
}

int
hs_value_pow(struct hs_value *r, struct hs_value a, struct hs_value b)
{
    struct hs_value v = {0};
    long e;

    if (hs_value_whole(&b, 10000, &e))
        return pow_whole(r, a, e);
    if (b.exact && b.k >= -4 && b.k <= 0) {
        struct hs_value p, den = hs_value_int(1);

        /* b = num / q, with q from the form n / d * 10^k */
        for (long q = 2; q <= 64; q++) {
            if (hs_value_mul(&p, b, hs_value_int(q)) < 0)
                return -1;
            if (!hs_value_whole(&p, 10000, &e))
                continue;
            if (creall(a.z) < 0 && (q != 2 || !hs_value_real(&a)))
                return -1;
            if (hs_value_root(&den, a, q) < 0)
                return -1;
            return pow_whole(r, den, e);
        }
    }
    if (!hs_value_real(&a) || creall(a.z) <= 4 * a.err)
        return -1;
    long double x = creall(a.z), y = cabsl(b.z);

    v.z = hs_value_real(&b) ? powl(x, creall(b.z)) : cexpl(b.z * logl(x));
    v.err = cabsl(v.z) * (2 * y * a.err / x + 2 * fabsl(logl(x)) * b.err +
                          8 * (1 + y * fabsl(logl(x))) * EPS);
    *r = v;
    return settle_approx(r);
}

int
hs_value_factorial(struct hs_value *r, struct hs_value a)
{
    struct hs_value p = hs_value_int(1);
    long n;

    if (!hs_value_whole(&a, 1000, &n) || n < 0)
        return -1;
    for (long i = 2; i <= n; i++)
        if (hs_value_mul(&p, p, hs_value_int(i)) < 0)
            return -1;
    *r = p;
    return 0;
}

/* ---- functions ---- */

static long double
cotl_(long double x)
{
    return 1.0L / tanl(x);
}

static long double
secl_(long double x)
{
    return 1.0L / cosl(x);
}

static long double
cscl_(long double x)
{
    return 1.0L / sinl(x);
}

static const struct {
    const char *name;
    long double (*f)(long double);
} functions[] = {
    {"sin", sinl},     {"cos", cosl},   {"tan", tanl},     {"cot", cotl_},
    {"sec", secl_},    {"csc", cscl_},  {"arcsin", asinl}, {"arccos", acosl},
    {"arctan", atanl}, {"sinh", sinhl}, {"cosh", coshl},   {"tanh", tanhl},
    {"ln", logl},      {"log", logl},   {"exp", expl},     {"lg", log10l},
};

int
hs_value_call(struct hs_value *r, const char *name, struct hs_value a)
{
    struct hs_value v = {0};
    long double x = creall(a.z);

    if (!hs_value_real(&a))
        return -1;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strcmp(functions[i].name, name) != 0)
            continue;
        long double y = functions[i].f(x);
        long double h = a.err + fabsl(x) * EPS;
        long double lo = functions[i].f(x - h), hi = functions[i].f(x + h);

        /* The error of x goes through the function by trying it; a pole or
         * a border within reach leaves the answer open. */
        v.z = y;
        v.err = 2 * (fabsl(hi - y) + fabsl(lo - y)) + 8 * fabsl(y) * EPS +
                EPS * EPS;
        if (!(v.err <= 1e-6L * (1 + fabsl(y))) || fabsl(y) > 1e15L)
            return -1;
        *r = v;
        return settle_approx(r);
    }
    return -1;
}

/* ---- comparison ---- */

int
hs_value_compare(const struct hs_value *a, const struct hs_value *b)
{
    long double ma = cabsl(a->z), mb = cabsl(b->z);
    long double scale = ma > mb ? ma : mb;
    long double diff = cabsl(a->z - b->z), err = a->err + b->err;
    struct hs_value d;

    if (a->exact && b->exact) {
        if (a->n == b->n && a->d == b->d && a->k == b->k)
            return 1;
        if (add_exact(&d, *a, hs_value_neg(*b)))
            return d.n == 0;
    }
    if (diff > 8 * err + 1e-9L * scale)
        return 0;
    /* Two rationals can be told apart, so near is not enough for them. */
    if (rational(a) && rational(b))
        return -1;
    if (diff <= 4 * err && err <= 1e-12L * (scale > 0 ? scale : 1))
        return 1;
    /* Zero has no scale of its own: what vanishes to 1e-15 is zero. */
    if (diff <= 4 * err && scale <= 4 * err && err <= 1e-15L)
        return 1;
    return -1;
}

/* ---- plain decimals ---- */

int
hs_decimal(const char *s, size_t n, struct hs_buf *out)
{
    size_t before = out->len, digits = 0, sign = 0, end, zeros = 0;
    bool point = false, nonzero = false;

    for (; n > 0 && (s[n - 1] == '.' || s[n - 1] == ',' || s[n - 1] == '$');)
        n--;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];

        if (c == ',' || c == '$')
            continue;
        if ((c == '-' || c == '+') && digits == 0 && !point && sign == 0) {
            sign = c == '-' ? 2 : 1;
        } else if (c == '.' && !point) {
            point = true;
            if (!nonzero)
                hs_buf_str(out, "0");
            hs_buf_str(out, ".");
        } else if (isdigit((unsigned char)c)) {
            digits++;
            if (c == '0' && !nonzero && !point)
                continue;
            nonzero = nonzero || c != '0' || point;
            hs_buf_add(out, &c, 1);
        } else {
            digits = 0;
            break;
        }
    }
    if (digits == 0) {
        out->len = before;
        return -1;
    }
    for (end = out->len; point && out->data[end - 1] == '0'; end--)
        ;
    if (point && out->data[end - 1] == '.')
        end--;
    out->len = point ? end : out->len;
    if (out->len == before)
        hs_buf_str(out, "0");
    for (size_t i = before; i < out->len; i++)
        zeros += out->data[i] == '0' || out->data[i] == '.';
    if (sign == 2 && zeros < out->len - before) {
        (void)hs_buf_reserve(out, 1);
        memmove(out->data + before + 1, out->data + before, out->len - before);
        out->data[before] = '-';
        out->len++;
    }
    return 0;
}
