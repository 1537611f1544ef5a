#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""common/stats against SciPy, scikit-learn, exact fractions and definitions.

usage: stats.py > stats.txt
       stats.py --check N --seed S [--tool PATH/TO/statcalc] [FUNCTION...]

The first form writes what tests/test_stats.c compares with. A line holds a
function's name, the number of a case and the results; the inputs of a case
follow from its number by a rule (class Rule) which test_stats.c states again
in C. The second form draws N fresh cases of each function, also larger ones,
pipes them through tests/statcalc and prints the worst errors: absolute, and
weighed as they are judged, over 1 + |expected|, a p over itself. It exits 1 if
one is beyond 1e-9 (TOLERANCE has two exceptions) or if one side is NaN or an
error and the other is not.

Oracles: roc_auc_score; DeLong by counting all pairs; spearmanr, pearsonr;
hypergeom.sf, and fractions of whole numbers for means and quantiles;
brier_score_loss; ECE by looping over bins; Ridge, LinearRegression,
LogisticRegression and PCA; statsmodels' proportion_confint, mcnemar and
multipletests, all signs of differences as whole numbers, numpy.quantile over
draws of our own Philox, binomials for the power and brentq for its inverse. The functions of many columns
and their oracles are in signals.py, --check has them too.
Where SciPy is the one that errs a comment says so.
"""
import argparse
import functools
import itertools
import math
import subprocess
import sys
import warnings
from fractions import Fraction

import numpy as np
from scipy import optimize, stats
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import brier_score_loss, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

import signals
from signals import pick

MASK = 2**64 - 1
LEVELS = (0.9, 0.95, 0.99)
NAN = math.nan
# Relative to 1 + |expected|. The logistic model stops at a gradient, not at a
# weight; the components of PCA turn by the error over the gap of variances; a
# drop is found to 1e-6.
TOLERANCE = {"logistic": 1e-7, "pca": 1e-8, "drop": 1e-6}
# The last result, a probability, is held to its own size from here on.
SMALL = {"spearman": 1e-20, "difference": 1e-6, "tail": 1e-200,
         "overlap": 1e-200, "mcnemar": 1e-290, "flip": 1e-200,
         "partial": 1e-20}
# What the rule numbers the functions by: new ones come last, or the cases of
# all change.
ORDER = ("auc", "brier", "delong", "difference", "ece", "logistic", "overlap",
         "pca", "pearson", "ridge", "spearman", "tail", "wilson", "mcnemar",
         "flip", "holm", "paired", "power", "drop")


# ---- inputs by rule: test_stats.c has the same ----

class Rule:
    """splitmix64; each draw is exact in doubles."""

    def __init__(self, name, number):
        self.state = 1000 * number + ORDER.index(name)

    def word(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return (self.word() >> 11) % n

    def unit(self):
        return (self.word() >> 11) * 2.0**-53

    def length(self):
        kind = self.below(8)
        if kind < 2:
            return 1 + self.below(5)
        return 2 + self.below(29) if kind < 6 else 30 + self.below(100)

    def values(self, n):
        kind = self.below(8)
        first = self.unit() - 0.5
        levels = (1, 2, 4, 10)[kind] if kind < 4 else 0
        v = []
        for _ in range(n):
            if kind == 0:
                v.append(first)
            elif kind < 4:
                v.append(self.below(levels) * 0.25)
            elif kind == 4:
                v.append(1000 + self.unit() * 2.0**-10)
            elif kind == 5:
                whole = self.below(2)
                v.append(float(self.below(3)) if whole else self.unit())
            else:
                v.append(self.unit() * 2 - 1)
        if self.below(40) == 0:
            v[self.below(n)] = NAN
        return v

    def labels(self, score):
        kind = self.below(10)
        v = []
        for s in score:
            u = self.unit()
            if kind < 2:
                v.append(kind)
            elif kind == 2:
                v.append(int(u < 0.125))
            elif kind < 7:
                v.append(int(u < 0.5))
            else:
                v.append(int(s + u > 0.5))
        return v

    def auc(self):
        score = self.values(self.length())
        return [len(score), *self.labels(score), *score]

    def delong(self):
        level = LEVELS[self.below(3)]
        score = self.values(self.length())
        return [len(score), level, *self.labels(score), *score]

    def difference(self):
        level = LEVELS[self.below(3)]
        a = self.values(self.length())
        b = list(a) if self.below(8) == 0 else self.values(len(a))
        return [len(a), level, *self.labels(a), *a, *b]

    def pearson(self):
        x = self.values(self.length())
        kind = self.below(8)
        if kind == 0:
            y = list(x)
        elif kind == 1:
            y = [-v for v in x]
        elif kind < 5:
            y = [v + self.unit() for v in x]
        else:
            y = self.values(len(x))
        return [len(x), *x, *y]

    spearman = pearson

    def tail(self):
        d = (1 + self.below(20), 1 + self.below(200),
             1 + self.below(5000))[self.below(3)]
        ka, kb = self.below(d + 1), self.below(d + 1)
        if self.below(2) == 0:
            ka, kb = ka // 20, kb // 20
        return [d, ka, kb, self.below(min(ka, kb) + 2)]

    def overlap(self):
        level = LEVELS[self.below(3)]
        d = (1 + self.below(20), 1 + self.below(200),
             1 + self.below(5000))[self.below(3)]
        ka, kb = 1 + self.below(d), 1 + self.below(d)
        if self.below(2) == 0:
            ka, kb = 1 + ka // 20, 1 + kb // 20
        ka, kb = min(ka, d), min(kb, d)
        low, high = max(0, ka + kb - d), min(ka, kb)
        if high - low > 8:
            high = low + (high - low) // 4
        return [d, ka, kb, low + self.below(high - low + 1), level]

    def probabilities(self, n):
        kind = self.below(6)
        first = self.unit()
        v = []
        for _ in range(n):
            u = self.unit()
            if kind == 0:
                v.append(first)
            elif kind == 1:
                v.append(float(u < 0.5))
            elif kind == 2:
                v.append(math.floor(u * 101) / 100)
            else:
                v.append(u)
        return v

    def brier(self):
        p = self.probabilities(self.length())
        return [len(p), *self.labels(p), *p]

    def ece(self):
        bins = (1, 2, 10, 15, 20, 100)[self.below(6)]
        p = self.probabilities(self.length())
        if self.below(8) == 0:
            p = [v * 2 - 0.5 for v in p]
        return [len(p), bins, *self.labels(p), *p]

    def matrix(self, n, d, generic):
        """Rows of columns, some tied or constant unless generic."""
        kinds = [5 if generic else self.below(6) for _ in range(d)]
        offsets = [self.below(4) * 2.0 for _ in range(d)]
        x = []
        for _ in range(n):
            for j in range(d):
                u = self.unit()
                if kinds[j] == 0:
                    x.append(offsets[j] + 0.25)
                elif kinds[j] == 1:
                    x.append(offsets[j] + math.floor(u * 3))
                else:
                    x.append(offsets[j] + u * 2 - 1)
        return x

    def ridge(self):
        n, d = 1 + self.below(25), 1 + self.below(6)
        free = self.below(4) == 0
        lambdas = [0.0] if free else [2.0**(self.below(16) - 8), 100.0]
        x = self.matrix(n, d, self.below(2) == 0)
        y = [self.unit() + x[i * d] for i in range(n)]
        return [n, d, len(lambdas), *lambdas, *x, *y]

    def logistic(self):
        n, d = 4 + self.below(40), 1 + self.below(5)
        penalty = 2.0**(self.below(9) - 4)
        x = self.matrix(n, d, self.below(2) == 0)
        label = self.labels([x[i * d] for i in range(n)])
        return [n, d, penalty, *label, *x]

    def pca(self):
        n, d = 2 + self.below(30), 1 + self.below(6)
        k = 1 + self.below(min(n - 1, d))
        return [n, d, k, *self.matrix(n, d, True)]

    def wilson(self):
        level = LEVELS[self.below(3)]
        n = (self.below(6), 1 + self.below(100),
             1 + self.below(10**9))[self.below(3)]
        k = self.below(n + 1)
        return [k // 1000 if self.below(4) == 0 else k, n, level]

    def mcnemar(self):
        n = (self.below(10), self.below(100), self.below(3000))[self.below(3)]
        b = self.below(n + 1)
        if self.below(2) == 0:
            b = (n + b // 8) // 2
        return [b, n - b]

    def differences(self, n, width):
        return [self.below(2 * width + 1) - width for _ in range(n)]

    def flip(self):
        n = self.below(30)
        return [n, *self.differences(n, (1, 2, 4, 9)[self.below(4)])]

    def holm(self):
        n = 1 + self.below(8)
        coarse = self.below(3) == 0
        p = []
        for _ in range(n):
            u = self.unit()
            p.append(math.floor(u * 4) / 64 if coarse else u * u * u)
        if self.below(5) == 0:
            p[self.below(n)] = NAN
        return [n, *p]

    def paired(self):
        level = LEVELS[self.below(3)]
        n, draws, seed = self.below(20), self.below(60), self.below(1000)
        width = (1, 4)[self.below(2)]
        diff = self.differences(n, width)
        return [n, draws, seed, level, *diff,
                *(self.below(width + 2) for _ in range(n))]

    def power(self):
        n, lost = self.below(60), self.below(11)
        gained = self.below(11 - lost)
        return [n, lost / 10, gained / 10,
                (0.05, 0.01, 0.125, 1)[self.below(4)]]

    def drop(self):
        n, gained = self.below(120), self.below(6)
        return [n, gained / 20, (0.05, 0.01)[self.below(2)],
                (0.8, 0.9, 0.5, 0.02)[self.below(4)]]


# ---- fresh inputs of --check: also large, also wild ----

def wild(r, n):
    kind = r.integers(9)
    v = r.normal(size=n)
    if kind == 0:
        v = np.full(n, r.normal())
    elif kind == 1:
        v = r.integers(2, size=n).astype(float)
    elif kind == 2:
        v = r.integers(5, size=n) / 3
    elif kind == 3:
        v = np.round(v, 1)
    elif kind == 4:
        v = v * 10.0**r.integers(-200, 100)
    elif kind == 5:
        v = 1e6 + v
    elif kind == 6:
        v = np.where(r.random(n) < 0.5, np.round(v), v)
    if r.integers(50) == 0:
        v[r.integers(n)] = NAN
    return v


def wild_n(r):
    kind = r.integers(10)
    if kind < 3:
        return int(r.integers(1, 6))
    return int(r.integers(2, 40) if kind < 7 else r.integers(40, 1500))


def wild_labels(r, score):
    kind = r.integers(20)
    n = len(score)
    if kind < 2:
        return (r.random(n) < kind).astype(int)
    if kind < 10:
        return (r.random(n) < r.choice([0.02, 0.15, 0.5, 0.9])).astype(int)
    centre = np.nan_to_num(score - np.nanmean(score) if n > 1 else score)
    return (centre / (np.abs(centre).max() or 1)
            + r.choice([0.1, 1, 5]) * r.normal(size=n) > 0).astype(int)


def wild_paired(r, name, level):
    n = int(10**r.uniform(0, 3))
    if name == "wilson":
        n = int(10**r.uniform(0, 15))
        k = (0, n, int(r.integers(n + 1)), min(n, int(r.integers(9))))
        return [k[r.integers(4)], n, level]
    if name == "mcnemar":
        n = int(10**r.uniform(0, 6.3))
        b = int(np.clip(n / 2 + r.normal() * 4 * math.sqrt(n), 0, n))
        return [b, n - b] if r.integers(4) else [n // 9, n // 1000]
    if name == "flip":
        width = int(r.choice([1, 2, 4, 30]))
        d = r.integers(-width, width + 1, size=n) * (r.random(n) < r.random())
        return [n, *(abs(d) if r.integers(4) == 0 else d)]
    if name == "holm":
        n = int(r.integers(1, 60))
        p = r.random(n)**r.choice([1, 4, 20])
        p[r.random(n) < r.choice([0, 0, 0.2])] = NAN
        return [n, *(np.round(p, 2) if r.integers(3) == 0 else p)]
    if name == "paired":
        n, width = int(r.integers(0, 150)), int(r.choice([1, 4, 16]))
        low = int(r.integers(2)) * width
        return [n, int(r.integers(0, 300)), int(r.integers(10**6)), level,
                *r.integers(-width, width + 1, size=n),
                *r.integers(low, width + 1, size=n)]
    alpha = float(r.choice([0.05, 0.01, 0.001, r.random()]))
    if name == "drop":
        return [n, r.uniform(0, 0.55), alpha, r.choice([0.5, 0.8, 0.9, 0.99])]
    lost, gained, _ = r.dirichlet([1, 1, r.choice([0.1, 1, 9])])
    case = ((lost, gained), (lost, lost), (lost, 0), (0, 0), (1, 0),
            (lost, 1 - lost), (min(lost, 0.3), min(gained, 0.05)))
    lost, gained = case[r.integers(7)]
    return [n, lost, gained, alpha]


def wild_case(r, name):
    n = wild_n(r)
    level = float(r.choice(LEVELS + (0.5, 0.68)))
    if name in ("auc", "delong"):
        s = wild(r, n)
        head = [n] if name == "auc" else [n, level]
        return [*head, *wild_labels(r, s), *s]
    if name == "difference":
        a = wild(r, n)
        b = (wild(r, n), a.copy(), a + 0.1 * r.normal(size=n),
             -a)[r.integers(4)]
        return [n, level, *wild_labels(r, a), *a, *b]
    if name in ("spearman", "pearson"):
        x = wild(r, n)
        spread = np.std(np.nan_to_num(x)) or 1.0
        y = (wild(r, n), x.copy(), -x, x + spread * r.normal(size=n),
             0.1 * x + spread * r.normal(size=n))[r.integers(5)]
        return [n, *x, *y]
    if name in ("tail", "overlap"):
        d = int(r.choice([r.integers(1, 9), r.integers(1, 900), 896, 3584,
                          r.integers(1, 20000)]))
        top = d if r.integers(2) else max(1, d // 50)
        ka, kb = (int(v) for v in r.integers(1, top + 1, size=2))
        low, high = max(0, ka + kb - d), min(ka, kb)
        if r.integers(2):
            mean = ka * kb // d
            x = int(np.clip(mean + r.integers(-10, 20), low, high))
        else:
            x = int(r.integers(low, high + 1))
        return [d, ka, kb, x] + ([level] if name == "overlap" else [])
    if name in ("brier", "ece"):
        p = (r.random(n), np.round(r.random(n), 1), np.full(n, r.random()),
             r.beta(0.2, 0.3, size=n))[r.integers(4)]
        label = (r.random(n) < (p if r.integers(2) else r.random())).astype(int)
        head = [n] if name == "brier" else [n, int(r.choice([1, 5, 10, 15]))]
        return [*head, *label, *p]
    if name in ORDER[12:]:
        return wild_paired(r, name, level)
    n, d = int(r.integers(2, 60)), int(r.integers(1, 40))
    x = r.normal(size=(n, d)) + r.normal(size=d) * r.choice([0, 1, 50])
    if name == "pca":
        x *= 10.0**r.uniform(-1, 1, size=d)
        return [n, d, int(r.integers(1, min(n - 1, d) + 1)), *x.ravel()]
    if r.integers(3) == 0:
        x = np.round(x)
    if r.integers(3) == 0:
        x[:, r.integers(d)] = r.normal()
    if r.integers(3) == 0:
        x[:, r.integers(d)] = x[:, r.integers(d)]
    if name == "ridge":
        y = x[:, 0] + r.normal(size=n) * r.choice([0, 1])
        if r.integers(4) == 0:
            y = np.full(n, r.normal())
        lambdas = [0.0] if r.integers(4) == 0 else list(
            10.0**r.uniform(-4, 4, size=3))
        return [n, d, len(lambdas), *lambdas, *x.ravel(), *y]
    return [n, d, float(10.0**r.uniform(-2, 2)), *wild_labels(r, x[:, 0]),
            *x.ravel()]


# ---- oracles: from the row of numbers to the results, None for an error ----

def split(a, head, *sizes):
    """The numbers in front, then arrays."""
    out, at = list(a[:head]), head
    for n in sizes:
        out.append(np.array(a[at:at + n], dtype=float))
        at += n
    assert at == len(a)
    return out


def auc_of(label, score):
    if label.min() == label.max() or np.isnan(score).any():
        return NAN
    return roc_auc_score(label, score)


def placements(label, score):
    """For each positive the part of negatives it beats, and for each negative
    the part of positives that beat it; from all pairs."""
    pos, neg = score[label == 1], score[label == 0]
    won = ((pos[:, None] > neg[None, :])
           + 0.5 * (pos[:, None] == neg[None, :]))
    return won.mean(axis=1), won.mean(axis=0)


def interval(value, variance, level, low):
    se = math.sqrt(variance)
    half = stats.norm.isf((1 - level) / 2) * se
    return [value, se, max(low, value - half), min(1, value + half)]


def o_auc(a):
    _, label, score = split(a, 1, int(a[0]), int(a[0]))
    return [auc_of(label, score)]


def o_delong(a):
    n, level, label, score = split(a, 2, int(a[0]), int(a[0]))
    value = auc_of(label, score)
    few = min(label.sum(), n - label.sum())
    if math.isnan(value) or few < 2:
        return [value, NAN, NAN, NAN]
    v10, v01 = placements(label, score)
    variance = v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)
    return interval(value, variance, level, 0)


def o_difference(a):
    n = int(a[0])
    _, level, label, x, y = split(a, 2, n, n, n)
    value = auc_of(label, x) - auc_of(label, y)
    few = min(label.sum(), n - label.sum())
    if math.isnan(value) or few < 2:
        return [value, NAN, NAN, NAN, NAN]
    vx, vy = placements(label, x), placements(label, y)
    s = [np.cov(vx[i], vy[i]) / len(vx[i]) for i in range(2)]
    s = s[0] + s[1]
    variance = max(0, s[0, 0] + s[1, 1] - 2 * s[0, 1])
    if variance < 1e-15:  # rounding of the sums just above
        variance = 0
    if abs(value) < 1e-14:
        p = 1.0
    elif variance == 0:
        p = NAN
    else:
        p = 2 * stats.norm.sf(abs(value) / math.sqrt(variance))
    return interval(value, variance, level, -1) + [p]


def o_spearman(a):
    n, x, y = split(a, 1, int(a[0]), int(a[0]))
    if n < 2 or np.isnan(x).any() or np.isnan(y).any():
        return [NAN, NAN]
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return [NAN, NAN]
    rho, p = stats.spearmanr(x, y)
    # SciPy's r of equal ranks may be 1 - 1e-16, which gives 1e-8 for p of 0
    if abs(rho) > 1 - 1e-13 and n > 2:
        rho, p = round(rho), 0.0
    return [rho, p]


def o_pearson(a):
    n, x, y = split(a, 1, int(a[0]), int(a[0]))
    if n < 2 or np.isnan(x).any() or np.isnan(y).any():
        return [NAN]
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return [NAN]
    # in range and without an offset: SciPy squares what it is given
    x, y = (v / np.ptp(v) for v in (x - x[0], y - y[0]))
    if n == 2:
        return [float(np.sign(x[1] - x[0]) * np.sign(y[1] - y[0]))]
    return [stats.pearsonr(x, y)[0]]


def ways(d, ka, kb):
    """How many of the draws of kb from d hold x of the ka: whole numbers."""
    low, high = max(0, ka + kb - d), min(ka, kb)
    w = math.comb(ka, low) * math.comb(d - ka, kb - low)
    out = {low: w}
    for x in range(low, high):
        w = w * (ka - x) * (kb - x) // ((x + 1) * (d - ka - kb + x + 1))
        out[x + 1] = w
    return out


def ratio(a, b):
    return float(Fraction(a, b))


def o_tail(a):
    d, ka, kb, x = (int(v) for v in a)
    if d > 300:
        return [stats.hypergeom.sf(x - 1, d, ka, kb)]
    w = ways(d, ka, kb)
    return [ratio(sum(v for k, v in w.items() if k >= x), sum(w.values()))]


def o_overlap(a):
    d, ka, kb, x = (int(v) for v in a[:4])
    level = Fraction(str(float(a[4])))
    w = ways(d, ka, kb)
    total = sum(w.values())
    # in steps of 2^-200: as good as exact, and quick
    mean = sum((v << 200) * k // (total * (ka + kb - k)) for k, v in w.items())
    below, bounds = 0, []
    for q in ((1 - level) / 2, (1 + level) / 2):
        below = 0
        for k in sorted(w):
            below += w[k]
            if below * q.denominator >= q.numerator * total:
                break
        bounds.append(k / (ka + kb - k))
    tail = sum(v for k, v in w.items() if k >= x)
    return [x / (ka + kb - x), ratio(mean, 1 << 200), *bounds,
            ratio(tail, total)]


def o_brier(a):
    _, label, p = split(a, 1, int(a[0]), int(a[0]))
    if len(set(label)) == 1:  # two classes are wanted there
        return [float(np.mean((p - label)**2))]
    return [brier_score_loss(label, p)]


def o_ece(a):
    n, bins = int(a[0]), int(a[1])
    *_, label, p = split(a, 2, n, n)
    total = 0.0
    for k in range(bins):
        inside = np.ones(n, dtype=bool)
        if k > 0:
            inside &= p >= k / bins
        if k < bins - 1:
            inside &= p < (k + 1) / bins
        if inside.any():
            total += inside.mean() * abs(p[inside].mean()
                                         - label[inside].mean())
    return [total]


def o_ridge(a):
    n, d, m = (int(v) for v in a[:3])
    *_, lambdas, x, y = split(a, 3, m, n * d, n)
    x = x.reshape(n, d)
    out = []
    for penalty in lambdas:
        if penalty == 0:
            if np.linalg.matrix_rank(x - x.mean(axis=0), tol=1e-9) < d:
                return None
            model = LinearRegression().fit(x, y)
        else:
            model = Ridge(alpha=penalty, solver="svd").fit(x, y)
        out += [*model.coef_, model.intercept_]
    return out


def newton(x, label, penalty):
    """Weights and intercept, until the gradient is rounding."""
    n, d = x.shape
    x1, pen = np.c_[x, np.ones(n)], np.r_[np.full(d, penalty), 0]
    theta = np.zeros(d + 1)

    def loss(t):
        z = x1 @ t
        return (np.logaddexp(0, np.where(label == 1, -z, z)).sum()
                + t @ (pen * t) / 2)

    for _ in range(200):
        p = 1 / (1 + np.exp(-(x1 @ theta)))
        grad = x1.T @ (p - label) + pen * theta
        curve = (x1.T * (p * (1 - p))) @ x1 + np.diag(pen)
        step = -np.linalg.solve(curve, grad)
        t = 1.0
        while t > 1e-9 and loss(theta + t * step) > (
                loss(theta) * (1 + 1e-15) + 1e-4 * t * grad @ step):
            t /= 2
        theta = theta + t * step
        if abs(step).max() < 1e-14 * (1 + abs(theta).max()):
            break
    return theta


def o_logistic(a):
    """By Newton, and LogisticRegression must be near: it stops at a gradient,
    which its weights are some digits worse than."""
    n, d = int(a[0]), int(a[1])
    *_, penalty, label, x = split(a, 3, n, n * d)
    if label.min() == label.max():
        return None
    # about the means: the intercept is free, so nothing else changes
    x = x.reshape(n, d)
    mean = x.mean(axis=0)
    theta = newton(x - mean, label, penalty)
    model = LogisticRegression(C=1 / penalty, tol=1e-7, max_iter=1000,
                               solver="newton-cg").fit(x - mean, label)
    other = np.r_[model.coef_[0], model.intercept_]
    assert (abs(other - theta) <= 1e-5 * (1 + abs(theta))).all(), (other, theta)
    return [*theta[:d], theta[d] - mean @ theta[:d]]


def o_pca(a):
    n, d, k = (int(v) for v in a[:3])
    x = split(a, 3, n * d)[3].reshape(n, d)
    model = PCA(n_components=k, svd_solver="full").fit(x)
    rows = [r * np.sign(r[np.argmax(abs(r))]) for r in model.components_]
    return [*model.mean_, *np.concatenate(rows), *model.explained_variance_]


def o_wilson(a):
    k, n, level = a
    if n == 0:
        return [NAN] * 4
    low, high = proportion_confint(k, n, alpha=1 - level, method="wilson")
    # which the one is a difference of two like numbers there
    low, high = (0 if k == 0 else low), (1 if k == n else high)
    return [k / n, math.sqrt(k / n * (1 - k / n) / n), low, high]


def coin_tail(m, n):
    """Twice the ways that at most m of n coins are heads, of 2^n."""
    total = w = 1
    for k in range(m):
        w = w * (n - k) // (k + 1)
        total += w
    return 2 * total


def o_mcnemar(a):
    b, c = (int(v) for v in a)
    p = mcnemar(np.array([[0, b], [c, 0]]), exact=True).pvalue
    if b + c > 5000:
        return [p]
    exact = min(Fraction(1), Fraction(coin_tail(min(b, c), b + c), 2**(b + c)))
    assert abs(p - exact) <= 1e-9 * exact + 1e-300, (a, p)
    return [float(exact)]


def o_flip(a):
    d = [abs(int(v)) for v in a[1:]]
    observed, ways = abs(int(sum(a[1:]))), {0: 1}
    if max(d, default=0) < 2 and sum(d) > 40:
        b = (sum(d) + observed) // 2
        return o_mcnemar([b, sum(d) - b])
    for v in d:
        after = {}
        for s, w in ways.items():
            for to in (s - v, s + v):
                after[to] = after.get(to, 0) + w
        ways = after
    return [ratio(sum(w for s, w in ways.items() if abs(s) >= observed),
                  2**len(d))]


def o_holm(a):
    p = np.array(a[1:], dtype=float)
    there = ~np.isnan(p)
    if there.any():
        p[there] = multipletests(p[there], method="holm")[1]
    return list(p)


def o_paired(a):
    n, draws, seed = (int(v) for v in a[:3])
    *_, level, diff, count = split(a, 4, n, n)
    diff, count = diff[count > 0], count[count > 0]
    m = len(count)
    if m == 0:
        return [NAN] * 4
    v = []
    for b in range(draws):
        at = [pick(seed, b, i, m) for i in range(m)]
        v.append(diff[at].sum() / count[at].sum())
    value = diff.sum() / count.sum()
    if draws < 2:
        return [value, NAN, NAN, NAN]
    return [value, np.std(v, ddof=1),
            *np.quantile(v, [(1 - level) / 2, (1 + level) / 2])]


@functools.lru_cache
def critical(n, alpha):
    """For each count of changed pairs the most losses, or gains, at which the
    test rejects; -1 for none."""
    out, c = [], -1
    for m in range(n + 1):
        if m <= 400:
            c = -1
            while coin_tail(c + 1, m) <= Fraction(alpha) * 2**m and c < m:
                c += 1
        else:
            while 2 * stats.binom.cdf(c + 1, m, 0.5) <= alpha:
                c += 1
        out.append(c)
    return np.array(out)


def power_of(n, lost, gained, alpha):
    m, changed = np.arange(n + 1), min(1, lost + gained)
    if lost + gained > 1 + 1e-12:
        return NAN
    if alpha >= 1:
        return 1.0
    if changed == 0:
        return 0.0
    c, q = critical(n, alpha), min(1, lost / changed)
    return float((stats.binom.pmf(m, n, changed)
                  * (stats.binom.cdf(c, m, q)
                     + stats.binom.sf(m - c - 1, m, q))).sum())


def o_power(a):
    return [power_of(int(a[0]), *a[1:])]


def o_drop(a):
    n, gained, alpha, power = int(a[0]), *a[1:]

    def excess(drop):
        return power_of(n, gained + drop, gained, alpha) - power

    most = 1 - 2 * gained
    if most < 0:
        return [NAN]
    if excess(0) >= 0:
        return [0.0]
    if excess(most) < 0:
        return [NAN]
    return [optimize.brentq(excess, 0, most, xtol=1e-10)]


# function: its oracle and the number of its cases in stats.txt
CASES = {
    "auc": (o_auc, 600), "delong": (o_delong, 500),
    "difference": (o_difference, 300), "spearman": (o_spearman, 500),
    "pearson": (o_pearson, 300), "tail": (o_tail, 500),
    "overlap": (o_overlap, 300), "brier": (o_brier, 300), "ece": (o_ece, 300),
    "ridge": (o_ridge, 250), "logistic": (o_logistic, 80), "pca": (o_pca, 60),
    "wilson": (o_wilson, 80), "mcnemar": (o_mcnemar, 100),
    "flip": (o_flip, 100), "holm": (o_holm, 70), "paired": (o_paired, 70),
    "power": (o_power, 70), "drop": (o_drop, 60),
}


def expected(name, a):
    oracle = signals.FUNCTIONS[name][1] if name in signals.FUNCTIONS else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (oracle or CASES[name][0])(a)


def write():
    print("# made by stats.py: function, number of the case, results")
    for name, (_, count) in CASES.items():
        for number in range(count):
            out = expected(name, getattr(Rule(name, number), name)())
            text = ["error"] if out is None else ["%.12g" % v for v in out]
            print(name, number, *text)


# ---- --check ----

class Score:
    def __init__(self):
        self.cases = self.errors = self.nans = self.wrong = 0
        self.absolute = self.worst = 0.0

    def add(self, name, want, got):
        """Returns whether they agree."""
        self.cases += 1
        if want is None or got is None:
            self.errors += want is None
            agree = (want is None) == (got is None)
            self.wrong += not agree
            return agree
        want, got = np.array(want, dtype=float), np.array(got)
        agree = want.shape == got.shape and bool(
            (np.isnan(want) == np.isnan(got)).all())
        self.nans += bool(np.isnan(want).any())
        if agree:
            miss = np.nan_to_num(abs(got - want))
            size = np.nan_to_num(abs(want))
            least = np.ones(len(want))
            least[-1] = SMALL.get(name, 1)
            self.absolute = max(self.absolute, miss.max())
            self.worst = max(self.worst, (miss / (least + size)).max())
            agree = bool((miss <= TOLERANCE.get(name, 1e-9)
                          * (least + size)).all())
        self.wrong += not agree
        return agree


def fresh(seed, name):
    """Cases of a function without end."""
    if name in signals.FUNCTIONS:
        r = np.random.default_rng([seed, 1000, list(signals.FUNCTIONS)
                                   .index(name)])
        while True:
            yield signals.FUNCTIONS[name][0](r, True)
    r = np.random.default_rng([seed, ORDER.index(name)])
    while True:
        yield wild_case(r, name)


def check(names, count, seed, tool):
    failed = 0
    print(f"seed {seed}; error of: {'cases':>7} {'NaN':>5} {'err':>5} "
          f"{'absolute':>9} {'weighed':>9}  wrong")
    for name in names:
        cases = [[float(v) for v in a]
                 for a in itertools.islice(fresh(seed, name), count)]
        text = "".join(name + " " + " ".join(map(repr, a)) + "\n"
                       for a in cases)
        lines = subprocess.run([tool], input=text, text=True, check=True,
                               stdout=subprocess.PIPE).stdout.splitlines()
        assert len(lines) == count
        score = Score()
        for a, line in zip(cases, lines):
            got = None if line == "error" else [float(v) for v in line.split()]
            want = expected(name, a)
            if not score.add(name, want, got) and score.wrong <= 3:
                print(f"{name}: {a[:60]}: expected {want}, got {got}")
        failed += score.wrong
        print(f"{name:>20} {score.cases:12} {score.nans:5} {score.errors:5} "
              f"{score.absolute:9.1e} {score.worst:9.1e}  {score.wrong}",
              flush=True)
    return failed > 0


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--check", type=int, metavar="N")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--tool", default="tests/statcalc")
    p.add_argument("function", nargs="*")
    args = p.parse_args()
    if args.check is None:
        write()
    else:
        names = args.function or [*CASES, *signals.FUNCTIONS]
        sys.exit(check(names, args.check, args.seed, args.tool))


if __name__ == "__main__":
    main()
