#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statistics of many columns against SciPy, statsmodels and definitions.

usage: signals.py > signals.txt

Writes what tests/test_signals.c compares with: a line holds a function's name,
the numbers it is given (tests/statcols.c says in which order), a colon and the
results. stats.py --check compares fresh cases, also wilder ones.

Oracles: statsmodels' multipletests; OLS for partial correlations (and once
more by inverting the matrix of covariances); permutation_test over all
divisions; spearmanr of rows written out, numpy.quantile; sign flips and
shuffles by our own Philox, each partial correlation from its definition, with
residuals by singular values; binom.pmf, differences of shares as fractions.
"""
import itertools
import math
import warnings
from fractions import Fraction

import numpy as np
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

NAN = math.nan
LEVELS = (0.9, 0.95, 0.99)
BOOTSTRAP, PERMUTE, FLIP = 7, 8, 14  # base/rngplace.h


def philox(key, counter):
    """Philox4x32-10 (Salmon et al. 2011): the words at a counter of four."""
    c, k = list(counter), [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [q >> 32 ^ c[1] ^ k[0], q & 0xFFFFFFFF,
             p >> 32 ^ c[3] ^ k[1], p & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def pick(seed, draw, i, n, stream=BOOTSTRAP):
    """hs_rng_below()."""
    w = philox(seed, (stream, 0, draw, i))
    return (w[1] << 32 | w[0]) * n >> 64


# ---- cases ----

def column(r, n):
    """Numbers that floats hold, to the last bit: continuous, tied or constant."""
    kind = r.integers(8)
    v = np.round(r.normal(size=n) * 64) / 64
    if kind == 0:
        v = r.integers(3, size=n).astype(float)
    elif kind == 1:
        v = np.full(n, v[0])
    elif kind == 2:
        v = v + 512
    elif kind == 4:
        v = r.integers(9, size=n) / 8
    return v


def sized(r, v, wild):
    """In units of their own."""
    return v * 2.0**r.integers(-60, 60) if wild and r.integers(4) == 0 else v


def all_sized(r, z, wild):
    return np.array([sized(r, v, wild) for v in z.T]).reshape(z.T.shape).T


def covariates(r, n, k, wild):
    """Some are constant, or explained by the others."""
    z = np.array([column(r, n) for _ in range(k)]).reshape(k, n)
    if k > 1 and r.integers(3) == 0:
        z[-1] = z[0]
    if k > 2 and r.integers(3) == 0:
        z[1] = z[0] - 2 * z[2] + 3
    return z.T


def rows(r, wild):
    """How many, their groups, some of which are empty."""
    m = int(r.integers(2, 12))
    n = int(r.integers(m, 4 * m + (60 if wild else 4)))
    group = r.integers(m, size=n)
    return n, m, group


def make_fdr(r, wild):
    n = int(r.integers(1, 200 if wild else 12))
    p = np.round(r.random(n)**r.choice([1, 3]), r.choice([1, 3, 9]))
    if r.integers(4) == 0:
        p[r.integers(n)] = NAN
    return [n, *p]


def make_fdrdraws(r, wild):
    d = int(r.choice([1, 2, 64, 896, 4096, r.integers(1, 20000)]))
    return [d, float(r.choice([0.05, 0.01, 0.1, 0.2, 0.5, 1]))]


def make_partial(r, wild):
    n = int(r.integers(3 if r.integers(9) else 1, 100 if wild else 16))
    k = int(r.integers(0, 6 if wild else 4))
    z, x, y = covariates(r, n, k, wild), column(r, n), column(r, n)
    kind = r.integers(8)
    if kind == 0 and k > 0:
        x = z[:, 0] * 2 - 1
    elif kind == 1:
        y = x.copy()
    elif kind < 4:
        y = y + x
    elif kind == 4 and k > 0:
        x, y = x + z[:, 0], y - z[:, 0]
    if r.integers(12) == 0:
        x[r.integers(n)] = NAN
    x, y = sized(r, x, wild), sized(r, y, wild)
    return [n, k, *x, *y, *all_sized(r, z, wild).ravel()]


def make_spearboot(r, wild):
    n, m, group = rows(r, wild)
    x, y = column(r, n), column(r, n)
    if r.integers(2):
        y = y + x
    if r.integers(12) == 0:
        x[r.integers(n)] = NAN
    return [n, m, int(r.integers(40)), int(r.integers(1000)),
            float(r.choice(LEVELS)), *group, *x, *y]


def make_contrast(r, wild):
    n, m, group = rows(r, wild)
    d = int(r.integers(1, 4))
    labels = r.integers(2, size=m)
    label = labels[group]
    if r.integers(10) == 0:
        label[r.integers(n)] ^= 1
    x = np.array([column(r, n) for _ in range(d)]).T
    x = x + np.outer(label, r.integers(2, size=d))
    if r.integers(10) == 0:
        x[r.integers(n), r.integers(d)] = NAN
    x = sized(r, x, wild)
    draws = int(r.choice([0, 30, 60, 500]))
    return [n, d, m, draws, int(r.integers(1000)), *label, *group, *x.ravel()]


def make_errsig(r, wild):
    m = int(r.integers(5, 14 if wild else 10))
    many = r.integers(4) == 0
    n = int(r.integers(m, 4 * m + (40 if wild else 4)))
    group = r.integers(m, size=n)
    # numbers of groups beyond one block of random bits
    top = 300 if many else m + 2
    names = np.sort(r.choice(top, size=m, replace=False))
    k, d = int(r.integers(0, 4)), int(r.integers(1, 4))
    z = covariates(r, n, k, wild)
    expected = r.integers(9, size=n) / 8
    outcome = (r.integers(9, size=n) / 8, expected + r.integers(-2, 3, size=n)
               / 8)[r.integers(2)]
    kind = r.integers(12)
    if kind == 0:
        outcome = np.full(n, 0.5)
    elif kind == 1:
        expected = outcome - (z[:, 0] if k else 1)
    x = np.array([column(r, n) for _ in range(d)]).T
    if r.integers(2):
        x[:, 0] += 4 * (outcome - expected)
    if k and r.integers(5) == 0:
        x[:, -1] = z[:, 0] - expected
    if r.integers(20) == 0:
        x[r.integers(n), r.integers(d)] = NAN
    x = sized(r, x, wild)
    return [n, d, k, top, int(r.choice([0, 20, 60, 600])),
            int(r.integers(1000)), *outcome, *expected,
            *all_sized(r, z, wild).ravel(),
            *names[group], *x.ravel()]


def share(r):
    return float(r.choice([0, 1, 0.5, round(r.random(), 3)]))


def threshold(r):
    return float(r.choice([0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 1]))


def make_falsehit(r, wild):
    most = 60 if wild else 12
    k1 = int(r.integers(0 if r.integers(8) == 0 else 1, most))
    k2 = k1 if r.integers(2) else int(r.integers(1, most))
    p = share(r) if r.integers(20) else 1.5
    return [k1, k2, p, threshold(r)]


def make_falsehitat(r, wild):
    k1, k2, _, at = make_falsehit(r, wild)
    s2 = k2 + 1 if r.integers(20) == 0 else int(r.integers(k2 + 1))
    return [int(r.integers(k1 + 1)), k1, s2, k2, at]


# ---- oracles: from the row of numbers to the results, None for an error ----

def split(a, head, *sizes):
    """The numbers in front, then arrays."""
    out, at = list(a[:head]), head
    for n in sizes:
        out.append(np.array(a[at:at + n], dtype=float))
        at += n
    assert at == len(a)
    return out


def adjusted(p):
    p = np.array(p, dtype=float)
    there = ~np.isnan(p)
    if there.any():
        p[there] = multipletests(p[there], method="fdr_bh")[1]
    return p


def o_fdr(a):
    return list(adjusted(a[1:]))


def o_fdrdraws(a):
    """The least number whose p is found among d - 1 that are 1."""
    d, q = int(a[0]), Fraction(str(float(a[1])))
    return [max(0, math.ceil(d / q) - 1)]


def span(z):
    """An orthonormal basis of a constant and the columns of z, by singular
    values."""
    n = len(z)
    basis = np.full((n, 1), n**-0.5)
    c = np.array([v / np.abs(v).max() if v.any() else v for v in z.T])
    c = c.reshape(z.shape[1], n).T
    c = c - c.mean(axis=0)
    c = c[:, np.linalg.norm(c, axis=0) > 1e-10]
    if c.size:
        u, s, _ = np.linalg.svd(c / np.linalg.norm(c, axis=0),
                                full_matrices=False)
        basis = np.hstack([basis, u[:, s > 1e-8]])
    return basis


def rest(x, basis):
    """Of length 1, or None."""
    size = np.abs(x).max()
    if size == 0:
        return None
    x = x / size
    before = np.linalg.norm(x)
    for _ in range(2):
        x = x - basis @ (basis.T @ x)
    after = np.linalg.norm(x)
    return x / after if after > 1e-10 * before else None


def by_regression(x, y, basis):
    """r and p of x in the regression of y on it and the basis."""
    fit = sm.OLS(y, np.c_[x, basis]).fit()
    t, df = fit.tvalues[0], len(y) - basis.shape[1] - 1
    return t / math.sqrt(t * t + df), fit.pvalues[0]


def by_inverse(x, y, basis):
    p = np.linalg.inv(np.cov(np.c_[x, y, basis[:, 1:]].T))
    return -p[0, 1] / math.sqrt(p[0, 0] * p[1, 1])


def o_partial(a):
    n, k = int(a[0]), int(a[1])
    *_, x, y, z = split(a, 2, n, n, n * k)
    if n < 2 or not np.isfinite(a).all():
        return [NAN, NAN]
    basis = span(z.reshape(n, k))
    x, y = rest(x, basis), rest(y, basis)
    df = n - basis.shape[1] - 1
    if x is None or y is None or df <= 0:
        return [NAN, NAN]
    # another fit and another formula; both lose digits near 1
    by_hand = float(x @ y)
    if abs(by_hand) > 1 - 1e-12:
        return [float(round(by_hand)), 0.0]
    r, p = by_regression(x, y, basis)
    assert abs(by_hand - r) < 1e-9, (a, by_hand, r)
    # columns of the basis at their real size, that the matrix is well behaved
    other = by_inverse(x + basis[:, -1] * (basis.shape[1] > 1), y, basis)
    assert abs(by_hand - other) < 1e-6, (a, by_hand, other)
    return [r, p]


def o_spearboot(a):
    n, m, draws, seed = (int(v) for v in a[:4])
    *_, level, group, x, y = split(a, 5, n, n, n)
    if (np.isnan(x).any() or np.isnan(y).any() or n < 2 or np.ptp(x) == 0
            or np.ptp(y) == 0):
        return [NAN] * 4
    members = [np.flatnonzero(group == g) for g in range(m)]
    members = [v for v in members if len(v)]
    drawn = []
    for b in range(draws):
        at = np.concatenate([members[pick(seed, b, i, len(members))]
                             for i in range(len(members))])
        if len(at) > 1 and np.ptp(x[at]) > 0 and np.ptp(y[at]) > 0:
            drawn.append(stats.spearmanr(x[at], y[at])[0])
    value = stats.spearmanr(x, y)[0]
    if len(drawn) < 2:
        return [value, NAN, NAN, NAN]
    return [value, np.std(drawn, ddof=1),
            *np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])]


def shuffled(labels, seed, draw):
    labels = list(labels)
    for k in range(len(labels) - 1, 0, -1):
        j = pick(seed, draw, k, k + 1, PERMUTE)
        labels[k], labels[j] = labels[j], labels[k]
    return np.array(labels)


def o_contrast(a):
    n, d, m, draws, seed = (int(v) for v in a[:5])
    *_, label, group, x = split(a, 5, n, n, n * d)
    x = x.astype(np.float32).astype(float).reshape(n, d)
    there = np.unique(group)
    labels = [set(label[group == g]) for g in there]
    if any(len(v) > 1 for v in labels) or len(set(label)) < 2:
        return None
    labels = np.array([v.pop() for v in labels])
    size = np.array([(group == g).sum() for g in there])
    ways = math.comb(len(there), int(labels.sum()))
    exact = ways <= draws
    score, p = [], []
    for v in x.T:
        if np.isnan(v).any():
            score.append(NAN)
            p.append(NAN)
            continue
        one = np.abs(v - v[0]).max() or 1.0
        v = (v - v[0]) / one  # without an offset, which costs digits
        sums = np.array([v[group == g].sum() for g in there])

        def difference(is_one):
            i, o = is_one > 0, is_one == 0
            return (sums[i].sum() / size[i].sum()
                    - sums[o].sum() / size[o].sum())

        s = difference(labels)
        score.append(s * one)
        if exact:
            def statistic(i, j):
                is_one = np.zeros(len(there))
                is_one[i.astype(int)] = 1
                # in steps that no rounding crosses
                return round(abs(difference(is_one)), 9)
            at = np.flatnonzero(labels), np.flatnonzero(labels == 0)
            if min(map(len, at)) > 1:
                p.append(stats.permutation_test(
                    at, statistic, permutation_type="independent",
                    alternative="greater", n_resamples=np.inf).pvalue)
            else:  # which SciPy wants two of
                p.append(np.mean([
                    statistic(np.array(c), None) >= statistic(*at) for c in
                    itertools.combinations(range(len(there)), len(at[0]))]))
        else:
            reached = sum(abs(difference(shuffled(labels, seed, b)))
                          >= abs(s) - 1e-9 for b in range(draws))
            p.append((1 + reached) / (1 + draws))
    return [float(exact), *score, *p]


def signs(names, draws, seed):
    """Each draw's for each group, and whether these are all patterns."""
    m = len(names)
    if 2**(m - 1) <= draws:
        return [[1 - 2 * (b >> i & 1) for i in range(m)]
                for b in range(2**m)], True
    out = []
    for b in range(draws):
        words = {k: philox(seed, (FLIP, 0, b, k))
                 for k in {int(g) // 128 for g in names}}
        out.append([1 - 2 * (words[int(g) // 128][int(g) % 128 // 32]
                             >> int(g) % 32 & 1) for g in names])
    return out, False


def flipped(one, other, z, x, group, draws, seed):
    """r and p of each column of x; None if the one is explained."""
    basis = span(np.c_[z, other])
    y = rest(one, basis)
    if y is None:
        return None
    names = np.unique(group)
    patterns, exact = signs(names, draws, seed)
    place = np.searchsorted(names, group)
    ys = [rest(y * np.array(s)[place], basis) for s in patterns]
    out = []
    for v in x.T:
        v = rest(v, basis)
        if v is None:
            out.append((NAN, NAN))
            continue
        r = float(v @ y)
        if len(y) > basis.shape[1] + 1 and abs(r) < 1 - 1e-12:
            assert abs(by_regression(v, y, basis)[0] - r) < 1e-9
        reached = sum(f is None or abs(v @ f) >= abs(r) * (1 - 1e-7) - 1e-11
                      for f in ys)
        out.append((r, reached / len(ys) if exact
                    else (1 + reached) / (1 + draws)))
    return out


def o_errsig(a):
    n, d, k, _, draws, seed = (int(v) for v in a[:6])
    *_, outcome, expected, z, group, x = split(a, 6, n, n, n * k, n, n * d)
    x = x.astype(np.float32).astype(float).reshape(n, d)
    if len(set(group)) < 6 or not np.isfinite(a).all():
        return None
    z = z.reshape(n, k)
    out = flipped(outcome, expected, z, x, group, draws, seed)
    exp = flipped(expected, outcome, z, x, group, draws, seed)
    if out is None or exp is None:
        return None
    p = []
    for (r1, p1), (r2, p2) in zip(out, exp):
        there = not (math.isnan(r1) or math.isnan(r2))
        p.append((max(p1, p2) if r1 * r2 < 0 else 1.0) if there else NAN)
    return [*(v[0] for v in out), *(v[1] for v in out),
            *(v[0] for v in exp), *(v[1] for v in exp), *p, *adjusted(p)]


def o_falsehit(a):
    k1, k2, p, at = int(a[0]), int(a[1]), *a[2:]
    if k1 == 0 or k2 == 0 or not 0 <= p <= 1:
        return [NAN]
    x, y = (stats.binom.pmf(np.arange(k + 1), k, p) for k in (k1, k2))
    at = Fraction(str(float(at)))
    return [sum(x[i] * y[j] for i in range(k1 + 1) for j in range(k2 + 1)
                if abs(Fraction(i, k1) - Fraction(j, k2)) > at)]


def o_falsehitat(a):
    s1, k1, s2, k2, at = a
    if s1 > k1 or s2 > k2 or k1 == 0 or k2 == 0:
        return [NAN]
    return o_falsehit([k1, k2, (s1 + s2) / (k1 + k2), at])


# function: how a case is made, its oracle, the number of cases in signals.txt
FUNCTIONS = {
    "fdr": (make_fdr, o_fdr, 60), "fdrdraws": (make_fdrdraws, o_fdrdraws, 40),
    "partial": (make_partial, o_partial, 120),
    "spearboot": (make_spearboot, o_spearboot, 60),
    "contrast": (make_contrast, o_contrast, 80),
    "errsig": (make_errsig, o_errsig, 80),
    "falsehit": (make_falsehit, o_falsehit, 60),
    "falsehitat": (make_falsehitat, o_falsehitat, 60),
}


def main():
    print("# made by signals.py: function, what it is given : results")
    for i, (name, (make, oracle, count)) in enumerate(FUNCTIONS.items()):
        r = np.random.default_rng([5, i])
        for _ in range(count):
            a = [float(v) for v in make(r, False)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out = oracle(a)
            text = ["error"] if out is None else ["%.12g" % v for v in out]
            # "%.10g" holds all inputs exactly
            assert all(v != v or float("%.10g" % v) == v for v in a)
            print(name, *("%.10g" % v for v in a), ":", *text)


if __name__ == "__main__":
    main()
