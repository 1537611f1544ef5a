#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes tests/ref/grades.txt: pairs of answers and whether they are equal.

The answers are written as LaTeX here and, apart from that, as SymPy
expressions; SymPy (Debian's python3-sympy) alone decides equality. The
verdicts are reviewed by reading the file. usage: grades.py > grades.txt
"""
import random

import sympy as S
from sympy import I, Integer, Rational, pi, sqrt

R = random.Random(20240517)


def commas(n):
    return f"{n:,}"


def integer():
    n = R.choice([R.randint(-20, 20), R.randint(-99999, 99999),
                  R.randint(10**6, 10**12)])
    form = R.choice(["%d", "%d", "%d.0", "\\$%d", "%d."])
    text = form % n
    if n >= 1000 and R.random() < 0.5:
        text = R.choice([commas(n), commas(n).replace(",", "{,}"),
                         commas(n).replace(",", ",\\!"), "\\$" + commas(n)])
    return text, Integer(n)


def fraction(p=None, q=None):
    p = R.randint(1, 40) if p is None else p
    q = R.randint(2, 30) if q is None else q
    sign = R.choice(["", "", "-"])
    one = len(str(p)) == 1 and len(str(q)) == 1
    forms = ["\\frac{%d}{%d}", "\\dfrac{%d}{%d}", "\\tfrac{%d}{%d}",
             "%d/%d", "\\frac {%d} {%d}", "{%d}/{%d}",
             "\\left(\\frac{%d}{%d}\\right)"]
    if one:
        forms += ["\\frac%d%d", "\\frac %d%d", "\\frac%d{%d}"]
    return sign + R.choice(forms) % (p, q), (-1 if sign else 1) * Rational(p, q)


def mixed():
    w, q = R.randint(1, 20), R.randint(3, 12)
    p = R.randint(1, q - 1)
    form = R.choice(["%d\\frac{%d}{%d}", "%d \\frac{%d}{%d}", "%d %d/%d"])
    return form % (w, p, q), w + Rational(p, q)


def decimal():
    digits = R.randint(1, 6)
    n = R.randint(-10**digits, 10**digits)
    text = S.Rational(n, 10**digits)
    s = f"{'-' if n < 0 else ''}{abs(n) // 10**digits}.{abs(n) % 10**digits:0{digits}d}"
    if R.random() < 0.3 and s.startswith("0."):
        s = s[1:]
    return s + "0" * R.choice([0, 0, 1, 3]), text


def scientific():
    m, e = R.randint(1, 99), R.randint(-30, 45)
    form = R.choice(["%d \\times 10^{%d}", "%d\\cdot10^{%d}", "%de%d"])
    return form % (m, e), m * Integer(10)**e


def radical():
    a, b = R.randint(1, 9), R.choice([2, 3, 5, 6, 7, 8, 12, 18, 20, 27, 45])
    form = R.choice(["%d\\sqrt{%d}", "%d \\sqrt{%d}", "%d\\cdot\\sqrt{%d}",
                     "\\sqrt{%d}"])
    if form.startswith("\\sqrt"):
        n = a * a * b
        return form % n, sqrt(n)
    return form % (a, b), a * sqrt(b)


def ratio_of_radicals():
    a, b = R.randint(1, 6), R.choice([2, 3, 5, 7])
    if R.random() < 0.5:
        return "\\frac{%d}{\\sqrt{%d}}" % (a, b), a / sqrt(b)
    return "\\frac{%d\\sqrt{%d}}{%d}" % (a, b, b), a * sqrt(b) / b


def circle():
    p, q = R.randint(1, 12), R.randint(1, 9)
    forms = [("\\frac{%d\\pi}{%d}", p * pi / q),
             ("\\frac{%d}{%d}\\pi", p * pi / q),
             ("\\frac{%d \\pi}{%d}", p * pi / q)]
    if R.random() < 0.3:
        return "%d\\pi" % p, p * pi
    form, v = R.choice(forms)
    return form % (p, q), v


def gauss():
    a, b = R.randint(-6, 6), R.randint(1, 6)
    if R.random() < 0.5:
        return "%d+%di" % (a, b), a + b * I
    return "%di + %d" % (b, a) if a >= 0 else "%d + %di" % (a, b), a + b * I


def surd_sum():
    a, b, c = R.randint(1, 5), R.randint(1, 4), R.choice([2, 3, 5])
    v = a + b * sqrt(c)
    if R.random() < 0.5:
        return "%d\\sqrt{%d}+%d" % (b, c, a), v
    n = a * a - b * b * c
    if n == 0:
        return "%d + %d\\sqrt %d" % (a, b, c), v
    # rationalised upside down: n / (a - b sqrt c)
    return "\\frac{%d}{%d-%d\\sqrt{%d}}" % (n, a, b, c), v


def trig():
    f, tex = R.choice([(S.sin, "\\sin"), (S.cos, "\\cos"), (S.tan, "\\tan")])
    q = R.choice([3, 4, 6])
    v = f(pi / q)
    return R.choice(["%s\\frac{\\pi}{%d}", "%s(\\pi/%d)",
                     "%s{\\frac{\\pi}{%d}}"]) % (tex, q), v


def simple_root():
    a = R.choice([1, 3])
    return R.choice([("\\frac{\\sqrt{3}}{2}", sqrt(3) / 2),
                     ("\\frac12", Rational(1, 2)), ("0.5", Rational(1, 2)),
                     ("\\frac{\\sqrt2}{2}", sqrt(2) / 2),
                     ("\\sqrt{3}", sqrt(3)), ("%d" % a, Integer(a)),
                     ("\\frac{1}{\\sqrt{2}}", 1 / sqrt(2)),
                     ("\\frac{\\sqrt3}{3}", sqrt(3) / 3)])


x, y = S.symbols("x y")


def polynomial():
    a, b, c = R.randint(1, 3), R.randint(1, 4), R.randint(1, 4)
    e = (a * x + b) * (x - c)
    forms = [("(%dx+%d)(x-%d)" % (a, b, c), e),
             ("%dx^2 + %dx - %d" % (a, b - a * c, b * c)
              if b - a * c >= 0 else
              "%dx^{2} - %dx - %d" % (a, a * c - b, b * c), e)]
    return R.choice(forms)


def two_variables():
    a, b = R.randint(1, 3), R.randint(1, 3)
    return R.choice([("(%dx+%dy)^2" % (a, b), (a * x + b * y)**2),
                     ("%dx^2+%dxy+%dy^2" % (a * a, 2 * a * b, b * b),
                      (a * x + b * y)**2),
                     ("%d y^2 + %d xy + %d x^2" % (b * b, 2 * a * b, a * a),
                      (a * x + b * y)**2)])


def power():
    b, e = R.randint(2, 9), R.randint(2, 12)
    return R.choice([("%d^{%d}" % (b, e), Integer(b)**e),
                     ("%d" % b**e, Integer(b)**e),
                     ("\\frac{1}{%d^{%d}}" % (b, e), Integer(b)**-e),
                     ("%d^{-%d}" % (b, e), Integer(b)**-e)])


def factorial():
    n = R.randint(3, 12)
    return R.choice([("%d!" % n, S.factorial(n)),
                     ("\\binom{%d}{2}" % n, S.binomial(n, 2)),
                     ("%d" % S.factorial(n), S.factorial(n)),
                     ("%d" % (n * (n - 1) // 2), S.binomial(n, 2))])


def tupled():
    parts = [R.choice([integer, fraction, decimal])() for _ in range(R.randint(2, 3))]
    # no thousands commas inside
    parts = [p for p in parts if "," not in p[0]] or [("1", Integer(1))]
    parts.append(("2", Integer(2)))
    sep = R.choice([",", ", "])
    form = R.choice(["(%s)", "\\left(%s\\right)", "\\left( %s \\right)"])
    return form % sep.join(p[0].rstrip(".") for p in parts), S.Tuple(*[p[1] for p in parts])


def equal(a, b):
    if isinstance(a, S.Tuple) or isinstance(b, S.Tuple):
        return (isinstance(a, S.Tuple) and isinstance(b, S.Tuple) and
                len(a) == len(b) and all(equal(p, q) for p, q in zip(a, b)))
    return S.simplify(S.expand(a - b)) == 0


def groups():
    yield "rational", [integer, fraction, mixed, decimal], 220
    yield "scientific", [scientific, power], 80
    yield "radical", [radical, ratio_of_radicals, surd_sum], 120
    yield "circle", [circle], 60
    yield "complex", [gauss], 60
    yield "trig", [trig, simple_root], 60
    yield "power", [power, factorial, integer], 80
    yield "polynomial", [polynomial], 80
    yield "two variables", [two_variables], 50
    yield "tuple", [tupled], 60


def partner(text, value, pool):
    """An answer of the same value in other clothes, if the pool has one."""
    same = [p for p in pool if p[0] != text and equal(p[1], value)]
    return R.choice(same) if same else None


def derived(value):
    """Other ways of writing a rational number."""
    out = []
    if value.is_Rational:
        p, q = value.p, value.q
        k = R.randint(2, 5)
        out += ["%d/%d" % (p * k, q * k), "\\frac{%d}{%d}" % (p, q)]
        if q == 1:
            out += [str(p), "%d.00" % p]
        d = q
        while d % 2 == 0:
            d //= 2
        while d % 5 == 0:
            d //= 5
        if d == 1 and abs(p) < 10**9 and q < 10**6:
            out.append(str(S.Float(value, 25)).rstrip("0"))
    return out


def main():
    seen = set()
    print("# verdict, answer, gold: written by grades.py with SymPy",
          S.__version__)
    for name, makers, count in groups():
        print("#", name)
        pool = [R.choice(makers)() for _ in range(4 * count)]
        done = 0
        while done < count:
            text, value = R.choice(pool)
            others = derived(value) if not isinstance(value, S.Tuple) else []
            p = partner(text, value, R.sample(pool, min(len(pool), 80)))
            roll = R.random()
            if roll < 0.3 and others:
                gold, gvalue = R.choice(others), value
            elif roll < 0.65 and p is not None:
                gold, gvalue = p
            else:
                gold, gvalue = R.choice(pool)
            if (text, gold) in seen or text == gold:
                done += 0.05
                continue
            seen.add((text, gold))
            done += 1
            print("%d\t%s\t%s" % (equal(value, gvalue), text, gold))


main()
